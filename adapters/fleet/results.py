"""What a run leaves behind: the parts of its batches brought together as Parquet, the same data set always in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from .manifest import write_file
from .parts import PART, Part
from .rows import HYPOTHESES, WATCHES
from .summary import Results
from .troubles import NO_ROW, Trouble

DIAGNOSES_FILE = "diagnoses.parquet"
HYPOTHESES_FILE = "hypotheses.parquet"
WATCHES_FILE = "watches.parquet"
WARNINGS_FILE = "warnings.parquet"
SUMMARY_FILE = "summary.json"
REPORT_FILE = "summary.html"
RESULTS = (DIAGNOSES_FILE, HYPOTHESES_FILE, WATCHES_FILE, WARNINGS_FILE, SUMMARY_FILE, REPORT_FILE)

WARNINGS: Mapping[str, Any] = {
    "list": pl.String, "file": pl.String, "row": pl.Int64, "field": pl.String, "problem": pl.String, "records": pl.Int64,
}  # fmt: skip
"""The columns of warnings.parquet: where (the row counted from 0 in its file), what, and for how many records it stands."""

ROW_GROUP = 50
"""Chargers of diagnoses.parquet that are written together (our judgement: some 5 MB of JSON; a thousand were held in 450 MB,
took as long, and made a larger file)."""


def bring_together(folder: Path, parts_folder: Path, parts: Sequence[Part], troubles: Iterable[Trouble]) -> Results:
    """Write the tables of a run from its parts. Each file is there as a whole or not at all."""
    paths = [parts_folder / part.name for part in parts]
    rows = pl.scan_parquet(paths, hive_partitioning=False, glob=False) if paths else pl.LazyFrame(schema=dict(PART))
    told = rows.filter(pl.col("diagnosis").is_not_null())
    diagnoses = told.select(
        "site_id", "device_id", "incidents", pl.col("watches").list.len().cast(pl.Int64), "diagnosis"
    )
    write_file(
        folder / DIAGNOSES_FILE,
        lambda path: diagnoses.sink_parquet(path, row_group_size=ROW_GROUP, maintain_order=True),
    )
    failed = rows.filter(pl.col("failure").is_not_null()).select("device_id", "failure").collect()
    results = Results(
        _unfolded(rows, "hypotheses", HYPOTHESES),
        _unfolded(rows, "watches", WATCHES),
        _warnings(troubles, failed),
        failed["device_id"].to_list(),
    )
    write_file(folder / HYPOTHESES_FILE, results.hypotheses.write_parquet)
    write_file(folder / WATCHES_FILE, results.watches.write_parquet)
    write_file(folder / WARNINGS_FILE, results.warnings.write_parquet)
    return results


def _unfolded(rows: pl.LazyFrame, column: str, columns: Mapping[str, Any]) -> pl.DataFrame:
    """The rows that each charger holds in a column, one below the other in the order of sites and chargers."""
    there = rows.select(column).filter(pl.col(column).list.len() > 0).explode(column)
    found = there.select(pl.col(column).struct.field(name) for name in columns).collect()
    return found.sort("site_id", "device_id", nulls_last=True, maintain_order=True)


def _warnings(troubles: Iterable[Trouble], failed: pl.DataFrame) -> pl.DataFrame:
    found = [
        (t.list, t.file or None, None if t.row == NO_ROW else t.row, t.field or None, t.problem, t.times)
        for t in troubles
    ]
    found += [
        ("devices", None, None, None, f"{device} could not be diagnosed: {failure}", 1)
        for device, failure in failed.iter_rows()
    ]
    return pl.DataFrame(found, schema=dict(WARNINGS), orient="row")
