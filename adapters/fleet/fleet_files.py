"""What all chargers share, as files that every worker opens: the small lists, faults, figures. Bounded memory, any size."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ...knowledge.columns.table import TableWriter, column_table, opened
from ...knowledge.fleet.chargers import Chargers
from ...knowledge.fleet.extents import MergedExtents, merged_extents
from ...knowledge.fleet.figures import Figures, merged_figures
from ...knowledge.fleet.reported_faults import Faults
from ...knowledge.fleet.tables import FleetTables
from ...knowledge.observations import Observations, RecordTable, Table
from ...knowledge.watching import columns_needed
from .gathering import COUNTS, EXTENTS, FAULTY_HEARTBEATS, FIGURES, LARGE_LISTS, SMALL_LISTS, Task, total
from .manifest import write_whole
from .summary import FleetFacts

PART_ROWS = 200_000
"""Rows of a small list that are put in order at once (our judgement: some 40 MB)."""

FAULTS_FILE = "faults.pickle"
FIGURES_FILE = "figures.pickle"


@dataclass(frozen=True)
class FleetFiles:
    """The folder of what all chargers share."""

    folder: Path

    def write_lists(self, tasks: Sequence[Task]) -> None:
        """Put the small lists in order, as far as that is not done yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in SMALL_LISTS:
            paths = _frames(tasks, name, name)
            if paths and not (self.folder / name).exists():
                self._write_list(name, paths, total_counts(tasks, name))

    def _write_list(self, name: str, paths: Sequence[Path], counts: pl.DataFrame) -> None:
        with TableWriter(name, self.folder / name) as writer:
            if counts["rows"].sum() <= PART_ROWS:
                writer.append(pl.concat([pl.read_ipc(path) for path in paths], how="diagonal"))
                return
            scans = [pl.scan_ipc(path) for path in paths]
            for low, high in _ranges(counts):
                between = pl.col("device_id").is_between(pl.lit(low), pl.lit(high))
                writer.append(pl.concat([scan.filter(between).collect() for scan in scans], how="diagonal"))

    def write_figures(self, tasks: Sequence[Task]) -> Figures:
        """Merge the figures of telemetry and heartbeats."""
        parts = ((name, pl.read_ipc(path)) for name in LARGE_LISTS for path in _frames(tasks, name, FIGURES))
        figures = merged_figures(parts)
        write_whole(self.folder / FIGURES_FILE, pickle.dumps(figures))
        return figures

    def write_faults(self, faults: Faults) -> None:
        """Keep the faults of all chargers."""
        write_whole(self.folder / FAULTS_FILE, pickle.dumps(faults))

    def lists(self) -> dict[str, Table]:
        """The small lists, memory-mapped; empty ones where there are none."""
        found = {name: self.folder / name for name in SMALL_LISTS}
        return {name: opened(path) if path.exists() else RecordTable(name, []) for name, path in found.items()}

    def tables(self, stated_as_of: float | None) -> FleetTables:
        """All chargers as their incidents share them."""
        empty = {name: RecordTable(name, []) for name in LARGE_LISTS}
        observations = Observations({**self.lists(), **empty}, stated_as_of, ())
        return FleetTables(observations, self._unpickled(FAULTS_FILE), self._unpickled(FIGURES_FILE))

    def facts(self, records: Mapping[str, int], applies: Callable[[str, str], bool | None]) -> FleetFacts:
        """What the summary needs to know of all chargers."""
        lists = self.lists()
        chargers = Chargers(lists["devices"])
        columns = {name: chargers.column(name) for name in ("site_id", "model", "firmware_version")}
        frame = pl.DataFrame(
            {"device_id": chargers.ids, **columns}, schema=dict.fromkeys(("device_id", *columns), pl.String)
        )
        sites = lists["sites"]
        titles = {site: name for site, name in zip(sites.values("site_id"), sites.texts("name"), strict=True) if name}
        return FleetFacts(frame, titles, records, applies)

    def _unpickled(self, name: str) -> Any:
        return pickle.loads((self.folder / name).read_bytes())


def extents(tasks: Sequence[Task]) -> MergedExtents:
    """Between which values and moments the columns of telemetry and heartbeats of all chargers lie."""
    parts = (pl.read_ipc(path) for name in LARGE_LISTS for path in _frames(tasks, name, EXTENTS))
    return merged_extents(parts, columns_needed())


def faulty_heartbeats(tasks: Sequence[Task]) -> Table:
    """The heartbeats of all chargers that carry a fault code."""
    frames = [pl.read_ipc(path) for path in _frames(tasks, "heartbeats", FAULTY_HEARTBEATS)]
    return column_table("heartbeats", pl.concat(frames, how="diagonal")) if frames else RecordTable("heartbeats", [])


def total_counts(tasks: Sequence[Task], name: str) -> pl.DataFrame:
    """How many rows of a list there are of each charger."""
    frames = [pl.read_ipc(path) for path in _frames(tasks, name, COUNTS)]
    return total(frames) if frames else pl.DataFrame(schema={"device_id": pl.String, "rows": pl.Int64})


def _frames(tasks: Iterable[Task], name: str, frame: str) -> list[Path]:
    return [path for task in tasks if task.list == name for path in task.frames(frame)]


def _ranges(counts: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Chargers from one name to another, so many that their rows are not more than are put in order at once."""
    first: str | None = None
    last = ""
    rows = 0
    for device, number in counts.iter_rows():
        if first is not None and rows + number > PART_ROWS:
            yield first, last
            first, rows = None, 0
        first, last, rows = first or device, device, rows + number
    if first is not None:
        yield first, last
