"""What surrounds a command: its logs and its last word on standard error. Logging is set up here and nowhere else."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from ...engine._logging import ROOT, get_logger
from ..report.wording import clean

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

PROGRAM = "charger-triage"

LONGEST_MESSAGE = 1000
"""Characters of the one line on standard error."""


class LogFormat(StrEnum):
    """How logs are written."""

    CONSOLE = "console"
    JSON = "json"


@dataclass
class Shell:
    """The surroundings of one run: logs go to standard error while it lasts, and are as they were afterwards."""

    log_format: LogFormat = LogFormat.CONSOLE
    verbose: bool = False
    _handler: logging.Handler | None = field(default=None, repr=False)
    _level_before: int = logging.NOTSET
    log: Any = field(default_factory=lambda: get_logger("cli"), repr=False)

    def set_up(self, log_format: LogFormat, verbose: bool) -> None:
        """Write warnings and up to standard error, with `verbose` everything from info up."""
        self.close()
        self.log_format, self.verbose = log_format, verbose
        if sys.stderr is None:
            return
        logger = logging.getLogger(ROOT)
        self._level_before = logger.level
        self._handler = logging.StreamHandler(sys.stderr)
        self._handler.setFormatter(_MadeAtFirst(log_format))
        logger.addHandler(self._handler)
        logger.setLevel(logging.INFO if verbose else logging.WARNING)

    def close(self) -> None:
        """Leave logging as it was found."""
        if self._handler is not None:
            logger = logging.getLogger(ROOT)
            logger.removeHandler(self._handler)
            logger.setLevel(self._level_before)
            self._handler = None

    def complain(self, message: str, error: BaseException | None = None) -> None:
        """Say in one line on standard error what went wrong; with `verbose`, where in the program an error arose."""
        line = clean(message, LONGEST_MESSAGE)
        if self._handler is not None and (self.log_format is LogFormat.JSON or (self.verbose and error is not None)):
            self.log.error(line, exc_info=error if self.verbose else None)
        elif sys.stderr is not None:
            _write_line(sys.stderr, f"{PROGRAM}: {line}")

    @contextmanager
    def progress(self, what: str) -> Iterator[None]:
        """Show on a terminal's standard error what is being done, and take it away when it is done."""
        if self.verbose or sys.stderr is None or not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.text import Text

        console = Console(stderr=True, no_color=not wants_colour(sys.stderr))
        with console.status(Text(f"{what} …")):
            yield


def wants_colour(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that takes colour, and NO_COLOR does not forbid it."""
    if stream is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def _write_line(stream: TextIO, line: str) -> None:
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
        stream.flush()
    except OSError:  # nobody listens: there is nobody to tell
        return


class _MadeAtFirst(logging.Formatter):
    """Formats by structlog, which takes longer to load than all else of the command line, and most commands log nothing."""

    def __init__(self, log_format: LogFormat) -> None:
        super().__init__()
        self._log_format = log_format

    def format(self, record: logging.LogRecord) -> str:
        return self._formatter.format(record)

    @cached_property
    def _formatter(self) -> logging.Formatter:
        return _formatter(self._log_format)


def _formatter(log_format: LogFormat) -> logging.Formatter:
    import structlog

    render: Sequence[Any]
    if log_format is LogFormat.JSON:
        render = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=True)]
    else:
        render = [structlog.processors.format_exc_info, _console_line]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )


def _console_line(_: WrappedLogger, __: str, event: EventDict) -> str:
    """A log record as a person reads it; a traceback, if there is one, below it."""
    shown = dict(event)
    level, message, trace = shown.pop("level"), shown.pop("event"), shown.pop("exception", None)
    del shown["logger"], shown["timestamp"]
    fields = ", ".join(f"{clean(key)} {clean(value)}" for key, value in shown.items())
    line = f"{PROGRAM}: {level}: {clean(message, LONGEST_MESSAGE)}{f' ({fields})' if fields else ''}"
    return line if trace is None else "\n".join([line, *(clean(part, 2000) for part in str(trace).splitlines())])
