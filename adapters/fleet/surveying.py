"""From what was gathered to batches: what all chargers share is written for the workers, and which chargers to diagnose is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import polars as pl

from ...engine.knowledge_base import DataProblem, KnowledgeBase
from ...knowledge.columns.table import column_table
from ...knowledge.fleet.reported_faults import Faults
from ...knowledge.fleet.tables import FleetTables
from ...knowledge.observations import Observations, RecordTable, Table, parse_timestamp
from ...knowledge.survey import chargers_with_undecided_codes, fault_events, incidences
from ...knowledge.watching import chargers_that_may_warn
from .diagnosing import rows_of
from .fleet_files import FleetFiles, extents, faulty_heartbeats, total_counts
from .gathering import LARGE_LISTS, WHERE, Gathered, Task
from .plan import BATCH_CHARGERS, BATCH_ROWS, Batch, Group, Stretch, bundled, grouped
from .reading import CHARGER, Piece
from .sorting import Ordered, SortTask
from .troubles import NO_FIELD, NO_FILE, Trouble

READ_BY_ITSELF = 2
"""Batches that each read a piece themselves; rows of more batches are put in order first, so that the work does not grow
with the number of batches (our judgement: reading a piece twice costs about as much as writing and reading it in order)."""


@dataclass(frozen=True)
class Surveyed:
    """What is to be done: batches, pieces to put in order before them, and what was found on the way."""

    as_of: float | None
    batches: tuple[Batch, ...]
    to_sort: tuple[SortTask, ...]
    chargers: int
    troubles: tuple[Trouble, ...]

    def with_stretches(self, ordered: Iterable[Ordered]) -> tuple[Batch, ...]:
        """The batches with the places of their rows, once all pieces are in order."""
        found: dict[int, dict[str, list[Stretch]]] = {}
        for each in sorted(ordered, key=lambda each: each.path):
            for batch, stretch in each.stretches:
                found.setdefault(batch, {}).setdefault(each.list, []).append(stretch)
        return tuple(
            replace(batch, stretches={name: tuple(each) for name, each in found.get(batch.number, {}).items()})
            for batch in self.batches
        )


@dataclass(frozen=True)
class BatchSize:
    """How much a batch may hold."""

    rows: int = BATCH_ROWS
    chargers: int = BATCH_CHARGERS


def stated_moment(bundle: str | None) -> tuple[float | None, list[Trouble]]:
    """The moment that a data set states for its diagnosis (epoch seconds), and what is wrong with the file that says it."""
    if bundle is None:
        return None, []
    try:
        document = orjson.loads(Path(bundle).read_bytes() or b"{}")
        value = document.get("as_of")
    except (OSError, ValueError, AttributeError):
        return None, [Trouble("bundle", NO_FIELD, bundle, 0, "is no JSON object; the newest timestamp is used")]
    moment = None if value is None else parse_timestamp(value)
    if value is not None and moment is None:
        return None, [Trouble("bundle", "as_of", bundle, 0, "is no timestamp; the newest one in the data set is used")]
    return moment, []


@dataclass
class Surveyor:
    """Surveys what some tasks have gathered, by the knowledge of some faults and early warnings."""

    work: Path
    tasks: Sequence[Task]
    base: KnowledgeBase
    size: BatchSize = field(default_factory=BatchSize)

    def survey(self, gathered: Iterable[Gathered], as_of: float | None, cut: bool) -> Surveyed:
        """What is to be done. `as_of` is the moment of the diagnosis where one is given; with `cut` nothing later was kept."""
        files = FleetFiles(self.work / "fleet")
        files.write_lists(self.tasks)
        figures = files.write_figures(self.tasks)
        lists = files.lists()
        moment = as_of if as_of is not None else _newest(lists, gathered)
        faults, problems = self._faults(lists, moment, as_of if cut else None)
        files.write_faults(faults)
        fleet = FleetTables(Observations({**lists, **_empty()}, moment, ()), faults, figures)
        # which connector an incident is of does not matter here, and only that would need the entries
        affected = {incidence.device_id for incidence in incidences(fleet, {})}
        recorded = (figures.columns[name] for name in ("telemetry_until", "heartbeats_until"))
        known = affected.union(fleet.chargers, *recorded, *(table.by_device for table in lists.values()))
        may_warn = self._that_may_warn(known - affected, fleet)
        batches, to_sort = self._plan(fleet, affected, may_warn, as_of if cut else None)
        troubles = [Trouble(p.list, p.field or NO_FIELD, NO_FILE, p.index or 0, p.problem) for p in problems]
        return Surveyed(moment, tuple(batches), tuple(to_sort), len(affected) + len(may_warn), tuple(troubles))

    def _that_may_warn(self, chargers: Iterable[str], fleet: FleetTables) -> list[str]:
        """Those of some chargers that may have an early warning, in order; all where it cannot be found out."""
        try:
            return chargers_that_may_warn(self.base.watches, fleet, extents(self.tasks), chargers)
        except Exception:  # whoever is watched for nothing costs time alone
            return sorted(chargers)

    def _faults(
        self, lists: Mapping[str, Table], moment: float | None, latest: float | None
    ) -> tuple[Faults, list[DataProblem]]:
        heartbeats = faulty_heartbeats(self.tasks)
        small = Observations({**lists, **_empty(), "heartbeats": heartbeats}, moment, ())
        undecided = tuple(sorted(chargers_with_undecided_codes(small)))
        if undecided:
            frames = [*rows_of(self._pieces("telemetry", undecided), undecided, latest)]
            if frames:
                telemetry = column_table("telemetry", pl.concat(frames, how="diagonal"))
                small = Observations({**small.tables, "telemetry": telemetry}, moment, ())
        return fault_events(small, self.base.faults)

    def _plan(
        self, fleet: FleetTables, affected: Iterable[str], may_warn: Iterable[str], latest: float | None
    ) -> tuple[list[Batch], list[SortTask]]:
        counts = {name: total_counts(self.tasks, name) for name in LARGE_LISTS}
        rows_of_charger = dict(pl.concat(counts.values()).group_by(CHARGER).agg(pl.col("rows").sum()).iter_rows())
        groups = grouped(affected, may_warn, fleet, rows_of_charger)
        firsts = {name: _firsts(frame) for name, frame in counts.items()}
        batches = [
            _batch(number, together, firsts)
            for number, together in enumerate(bundled(groups, self.size.rows, self.size.chargers))
        ]
        batch_of = {charger: batch.number for batch in batches for charger in batch.company}
        direct: dict[int, dict[str, list[Piece]]] = {}
        to_sort: list[SortTask] = []
        for name in LARGE_LISTS:
            for piece, there in self._held(name, batch_of):
                numbers = sorted(set(there.values()))
                if len(numbers) <= READ_BY_ITSELF:
                    for number in numbers:
                        direct.setdefault(number, {}).setdefault(name, []).append(piece)
                else:
                    path = self.work / "sorted" / f"{len(to_sort):06d}"
                    to_sort.append(SortTask(piece, there, str(path), latest))
        found = [
            replace(batch, pieces={name: tuple(pieces) for name, pieces in direct.get(batch.number, {}).items()})
            for batch in batches
        ]
        return found, to_sort

    def _where(self, name: str) -> pl.DataFrame:
        frames = [
            pl.read_ipc(path).with_columns(pl.lit(task.number, pl.Int64).alias("task"))
            for task in self.tasks
            if task.list == name
            for path in task.frames(WHERE)
        ]
        schema = {CHARGER: pl.String, "piece": pl.Int64, "task": pl.Int64}
        return pl.concat(frames) if frames else pl.DataFrame(schema=schema)

    def _held(self, name: str, batch_of: Mapping[str, int]) -> Iterator[tuple[Piece, Mapping[str, int]]]:
        """The pieces of a list that hold rows of some batch: each with the chargers that it may hold rows of and their batches."""
        for (task, piece), rows in (
            self._where(name).sort("task", "piece").group_by("task", "piece", maintain_order=True)
        ):
            named = rows[CHARGER].to_list()
            there = batch_of if None in named else {each: batch_of[each] for each in named if each in batch_of}
            if there:
                yield self._task(task).pieces[piece], there

    def _pieces(self, name: str, chargers: Sequence[str]) -> list[Piece]:
        wanted = pl.col(CHARGER).is_null() | pl.col(CHARGER).is_in(list(chargers))
        found = self._where(name).filter(wanted).select("task", "piece").unique().sort("task", "piece")
        return [self._task(task).pieces[piece] for task, piece in found.iter_rows()]

    def _task(self, number: int) -> Task:
        return self.tasks[number]


def _empty() -> dict[str, Table]:
    return {name: RecordTable(name, []) for name in LARGE_LISTS}


def _newest(lists: Mapping[str, Table], gathered: Iterable[Gathered]) -> float | None:
    """The newest time of the data set."""
    times = [each.newest for each in gathered if each.newest is not None]
    newest = Observations({**lists, **_empty()}, None, ()).newest
    return max([*times, *([] if newest is None else [newest])], default=None)


def _batch(number: int, groups: Sequence[Group], firsts: Mapping[str, Mapping[str, int]]) -> Batch:
    company = tuple(charger for group in groups for charger in group.company)
    return Batch(
        number=number,
        offset=0,
        chargers=tuple(charger for group in groups for charger in group.chargers),
        company=company,
        firsts={name: {each: of[each] for each in company if each in of} for name, of in firsts.items()},
        pieces={},
        stretches={},
    )


def _firsts(counts: pl.DataFrame) -> dict[str, int]:
    """For each charger how many rows there are of those with lesser names."""
    before = counts.with_columns((pl.col("rows").cum_sum() - pl.col("rows")).alias("before"))
    return dict(before.select(CHARGER, "before").iter_rows())
