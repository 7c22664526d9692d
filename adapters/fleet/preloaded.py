"""What every worker process needs and a fork leaves whole, loaded once: by the process that workers are forked from."""

from __future__ import annotations

from ...engine import Triage
from ...knowledge import measurements, survey, watching
from ...knowledge.columns import table
from ...knowledge.fleet import tables
from ..report import export

LOADED = (Triage, export, measurements, survey, table, tables, watching)
"""No module that loads Polars, whose threads do not survive a fork."""
