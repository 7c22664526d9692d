"""What all chargers share, as files that every worker opens: the small lists, faults, figures. Bounded memory, any size."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import polars as pl

from ...knowledge.columns.table import TableWriter, column_table, opened
from ...knowledge.fleet.chargers import Chargers
from ...knowledge.fleet.extents import Extents, MergedExtents, merged_extents
from ...knowledge.fleet.figures import merged_figures
from ...knowledge.fleet.reported_faults import Faults
from ...knowledge.fleet.tables import FleetTables
from ...knowledge.observations import Observations, RecordTable, Table
from .gathering import (
    COUNTS,
    EXTENTS,
    FAULTY_HEARTBEATS,
    FIGURES,
    LARGE_LISTS,
    SMALL_LISTS,
    Places,
    columns_needed,
    total,
)
from .manifest import write_file, write_whole
from .reading import CHARGER

PART_ROWS = 200_000
"""Rows of a small list that are put in order at once (our judgement: some 40 MB)."""

FAULTS_FILE = "faults.pickle"
FIGURES_FILE = "figures.pickle"
EXTENTS_FILE = "extents.arrow"


@dataclass(frozen=True)
class FleetFacts:
    """What a summary needs to know of all chargers, incidents or not: their columns (`device_id`, `site_id`, `model`,
    `firmware_version`), the names of sites, rows of each list, and whether a firmware issue of a code holds for a version."""

    chargers: pl.DataFrame
    site_titles: Mapping[str, str]
    records: Mapping[str, int]
    applies: Callable[[str, str], bool | None] = field(compare=False)


@dataclass(frozen=True)
class FleetFiles:
    """The folder of what all chargers share; `run` tells runs apart that use the same folder one after the other."""

    folder: Path
    run: str

    def write_list(self, name: str, places: Places) -> None:
        """Put a small list in order, unless that was done before."""
        paths = places.frames(name, name)
        if not paths or (self.folder / name).exists():
            return
        counts = total_counts(places, name)
        with TableWriter(name, self.folder / name) as writer:
            if counts["rows"].sum() <= PART_ROWS:
                writer.append(pl.concat([pl.read_ipc(path) for path in paths], how="diagonal"))
                return
            scans = [pl.scan_ipc(path) for path in paths]
            for low, high in _ranges(counts):
                between = pl.col("device_id").is_between(pl.lit(low), pl.lit(high))
                writer.append(pl.concat([scan.filter(between).collect() for scan in scans], how="diagonal"))

    def write_figures(self, places: Places) -> None:
        """Merge the figures of telemetry and heartbeats."""
        parts = ((name, pl.read_ipc(path)) for name in LARGE_LISTS for path in places.frames(name, FIGURES))
        write_whole(self.folder / FIGURES_FILE, pickle.dumps(merged_figures(parts)))

    def write_extents(self, places: Places) -> None:
        """Merge between which values and moments the columns of telemetry and heartbeats lie."""
        parts = (pl.read_ipc(path) for name in LARGE_LISTS for path in places.frames(name, EXTENTS))
        write_file(self.folder / EXTENTS_FILE, merged_extents(parts, columns_needed()).write_ipc)

    def extents(self, chargers: Sequence[str]) -> Extents:
        """The extents of some chargers, which are given in order."""
        between = pl.col(CHARGER).is_between(pl.lit(chargers[0]), pl.lit(chargers[-1]))
        frame = pl.scan_ipc(self.folder / EXTENTS_FILE).filter(between).collect()
        return MergedExtents(frame)

    def write_faults(self, faults: Faults) -> None:
        """Keep the faults of all chargers."""
        write_whole(self.folder / FAULTS_FILE, pickle.dumps(faults))

    def lists(self) -> dict[str, Table]:
        """The small lists, memory-mapped; empty ones where there are none."""
        found = {name: self.folder / name for name in SMALL_LISTS}
        return {name: opened(path) if path.exists() else RecordTable(name, []) for name, path in found.items()}

    def tables(self, stated_as_of: float | None) -> FleetTables:
        """All chargers as their incidents share them, opened once in a process."""
        return _tables(self, stated_as_of)

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


@lru_cache(maxsize=1)
def _tables(files: FleetFiles, stated_as_of: float | None) -> FleetTables:
    observations = Observations({**files.lists(), **without_large()}, stated_as_of, ())
    faults, figures = (pickle.loads((files.folder / name).read_bytes()) for name in (FAULTS_FILE, FIGURES_FILE))
    return FleetTables(observations, faults, figures)


def without_large() -> dict[str, Table]:
    """The large lists with nothing in them."""
    return {name: RecordTable(name, []) for name in LARGE_LISTS}


def faulty_heartbeats(places: Places) -> Table:
    """The heartbeats of all chargers that carry a fault code."""
    frames = [pl.read_ipc(path) for path in places.frames("heartbeats", FAULTY_HEARTBEATS)]
    return column_table("heartbeats", pl.concat(frames, how="diagonal")) if frames else RecordTable("heartbeats", [])


def total_counts(places: Places, name: str) -> pl.DataFrame:
    """How many rows of a list there are of each charger."""
    frames = [pl.read_ipc(path) for path in places.frames(name, COUNTS)]
    return total(frames) if frames else pl.DataFrame(schema={"device_id": pl.String, "rows": pl.Int64})


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
