"""Loggers that say nothing until somebody listens: structlog over the standard library, never configured on import."""

from __future__ import annotations

import logging
from typing import Any

import structlog

ROOT = "charger_triage"
logging.getLogger(ROOT).addHandler(logging.NullHandler())


def get_logger(name: str) -> Any:
    """A structlog logger below `charger_triage` in the standard library's tree, whatever structlog's own set-up is."""
    return structlog.wrap_logger(
        logging.getLogger(f"{ROOT}.{name}"),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
    )
