"""Power modules: which answer, and how warm they are."""

from __future__ import annotations

import numpy as np
import polars as pl

from .streams import Floats, Generator, Places
from .world import SiteWorld

MODULE = pl.Struct({"index": pl.Int64, "status": pl.String, "temperature": pl.Float64})
EVERY_S = 300.0
"""Between reports of modules of which there is nothing to tell (our judgement)."""


def power_modules(
    world: SiteWorld, connector: Places, times: Floats, cabinet: Floats, load: Floats, rng: Generator
) -> pl.Series:
    """The states of the modules of each row, null where a row tells none."""
    owner = world.owner[connector]
    sends = np.array(["modules" in charger.channels for charger in world.chargers])[owner]
    tells = sends & ((times % EVERY_S) < world.plan.interval_s)
    for trouble in world.module_troubles:
        tells |= sends & (owner == trouble.charger) & (times >= trouble.begin - 60) & (times < trouble.end + 60)
    rows = np.flatnonzero(tells)
    if not len(rows):
        return pl.Series("power_modules", [None], dtype=pl.List(MODULE)).new_from_index(0, len(times))
    numbers = np.array([charger.model.modules for charger in world.chargers])[owner[rows]]
    row = np.repeat(rows, numbers)
    index = np.arange(len(row)) - np.repeat(np.cumsum(numbers) - numbers, numbers) + 1
    status = np.zeros(len(row), dtype=np.intp)
    words = ["ok", "timeout", "fault"]
    for trouble in world.module_troubles:
        mine = (owner[row] == trouble.charger) & (times[row] >= trouble.begin) & (times[row] < trouble.end)
        status[mine & np.isin(index, trouble.modules)] = words.index(trouble.status)
    warm = np.round(cabinet[row] + 5 + 13 * load[row] + 0.4 * (index - 1) + rng.standard_normal(len(row)) * 0.5, 1)
    flat = pl.DataFrame({"row": row, "module": pl.DataFrame({
        "index": index.astype(np.int64), "status": pl.Series(words).gather(status), "temperature": np.where(status == 1, np.nan, warm),
    }, nan_to_null=True).to_struct()})  # fmt: skip
    listed = flat.group_by("row", maintain_order=True).agg("module")
    every = pl.DataFrame({"row": np.arange(len(times), dtype=row.dtype)})
    return (
        every.join(listed, on="row", how="left", maintain_order="left")["module"]
        .cast(pl.List(MODULE))
        .alias("power_modules")
    )
