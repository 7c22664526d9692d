"""What every worker process needs and a fork leaves whole, loaded once: by the process that workers are forked from."""

from __future__ import annotations

import gc
from contextlib import suppress

from ...knowledge import measurements, survey, watching
from ...knowledge.columns import table
from ...knowledge.fleet import tables
from ..report import export
from .compiled import compiled_triage

LOADED = (export, measurements, survey, table, tables, watching)
"""No module that loads Polars, whose threads do not survive a fork."""

with suppress(Exception):  # what is wrong with the knowledge is told by the command itself
    compiled_triage(None).compile_all()
# a collection that looked through all of this would copy it into each worker
gc.freeze()
