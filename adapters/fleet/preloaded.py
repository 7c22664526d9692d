"""What every worker process needs and a fork leaves whole, loaded once: by the process that workers are forked from."""

from __future__ import annotations

import gc
from contextlib import suppress


def _load() -> None:
    """Load modules, none that loads Polars, whose threads do not survive a fork; and compile what every diagnosis needs.

    The rules of a code are left to the workers that meet it, each of which is given chargers of few codes.
    """
    from ...knowledge import measurements, survey, watching
    from ...knowledge.columns import table
    from ...knowledge.fleet import tables
    from ...knowledge.records import SCHEMAS, adapter
    from ..report import export
    from .compiled import compiled_triage

    _ = export, measurements, survey, table, tables, watching
    for name in SCHEMAS:
        adapter(name)
    with suppress(Exception):  # what is wrong with the knowledge is told by the command itself
        compiled_triage().compile_watches()


# a search for cyclic garbage finds none in what is loaded, and takes an eighth of the time
gc.disable()
_load()
# a search that looked through all of this would copy it into each worker
gc.freeze()
gc.enable()
