"""Loggers that say nothing until somebody listens: structlog over the standard library, never configured on import.

structlog is imported with the first message that somebody wants: it takes as long as all the rest of the engine.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

ROOT = "charger_triage"
logging.getLogger(ROOT).addHandler(logging.NullHandler())


class Logger:
    """A structlog logger below `charger_triage` in the standard library's tree, whatever structlog's own set-up is."""

    def __init__(self, name: str) -> None:
        self._standard = logging.getLogger(f"{ROOT}.{name}")

    @cached_property
    def _structured(self) -> Any:
        import structlog

        return structlog.wrap_logger(
            self._standard,
            wrapper_class=structlog.stdlib.BoundLogger,
            processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        )

    def info(self, event: str, **fields: Any) -> None:
        """Tell of something that went as it should."""
        self._say("info", logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Tell of something that a person should look at."""
        self._say("warning", logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Tell of something that went wrong."""
        self._say("error", logging.ERROR, event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """Tell of an exception that is being handled, with its traceback."""
        self._say("exception", logging.ERROR, event, fields)

    def _say(self, how: str, level: int, event: str, fields: dict[str, Any]) -> None:
        if self._standard.isEnabledFor(level):
            getattr(self._structured, how)(event, **fields)


def get_logger(name: str) -> Logger:
    """The logger of a part of charger-triage."""
    return Logger(name)
