"""From what was gathered to batches: what all chargers share is written for the workers, and which chargers to diagnose is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from ...knowledge.fleet.figures import Figures
from ...knowledge.fleet.reported_faults import Faults
from ...knowledge.fleet.tables import FleetTables
from ...knowledge.observations import Observations, Table, parse_timestamp
from .data_set import bundle_document
from .fleet_files import FleetFiles, without_large
from .gathering import LARGE_LISTS, SMALL_LISTS, Gathered, Places, Task
from .plan import BATCH_CHARGERS, BATCH_ROWS, Batch, Group, Stretch, bundled, codes_together, grouped
from .reading import CHARGER, Piece
from .sorting import Ordered, SortTask
from .survey_steps import Located, LookedThrough, Reported, carry_out, located, looked_through, reported_faults
from .troubles import NO_FIELD, NO_FILE, NO_ROW, Trouble
from .workers import Workers

READ_BY_ITSELF = 2
"""Batches that each read a piece themselves; rows of more batches are put in order first, so that the work does not grow
with the number of batches (our judgement: reading a piece twice costs about as much as writing and reading it in order)."""

LOOKED_THROUGH_TOGETHER = 500, 5_000
"""Chargers of which one worker finds out whether they have incidents or may have early warnings, at least and at most (our judgement:
fewer take less time than what all share takes to be opened, more some tenths of a second)."""


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
    document = bundle_document(bundle)
    if document is None:
        return None, [Trouble("bundle", NO_FIELD, bundle, 0, "is no JSON object; the newest timestamp is used")]
    value = document.get("as_of")
    moment = None if value is None else parse_timestamp(value)
    if value is not None and moment is None:
        return None, [Trouble("bundle", "as_of", bundle, 0, "is no timestamp; the newest one in the data set is used")]
    return moment, []


@dataclass
class Surveyor:
    """Surveys what some tasks have gathered, by the knowledge in a folder (None for the shipped one)."""

    work: Path
    files: FleetFiles
    tasks: Sequence[Task]
    workers: Workers
    size: BatchSize = field(default_factory=BatchSize)
    knowledge: str | None = None

    def survey(self, gathered: Iterable[Gathered], as_of: float | None, cut: bool) -> Surveyed:
        """What is to be done. `as_of` is the moment of the diagnosis where one is given; with `cut` nothing later was kept."""
        latest = as_of if cut else None
        self.files.folder.mkdir(parents=True, exist_ok=True)
        # the largest first, so that no worker waits long for the last
        small = sorted(SMALL_LISTS, key=lambda name: -sum(task.size for task in self.tasks if task.list == name))
        self._carried_out(
            partial(self.files.write_figures, self._places),
            *(partial(self.files.write_list, name, self._places) for name in small),
        )
        lists = self.files.lists()
        moment = as_of if as_of is not None else _newest(lists, gathered)
        reported, where = self._reported(moment, latest)
        found = self._looked_through(reported.chargers, moment)
        batches, to_sort = self._plan(lists, where, found, latest)
        troubles = [
            Trouble(p.list, p.field or NO_FIELD, NO_FILE, NO_ROW if p.index is None else p.index, p.problem)
            for p in reported.problems
        ]
        chargers = len(found.affected) + len(found.may_warn)
        return Surveyed(moment, tuple(batches), tuple(to_sort), chargers, tuple(troubles))

    @cached_property
    def _places(self) -> Places:
        return Places.of(self.tasks)

    def _carried_out(self, *steps: Callable[[], Any]) -> list[Any]:
        """The outcomes of some steps, in no order. What no worker comes to an end with is done here, where failures are told."""
        return list(self.workers.run(carry_out, steps, split=lambda _: (), give_up=lambda step, _: carry_out(step)))

    def _reported(self, moment: float | None, latest: float | None) -> tuple[Reported, Located]:
        """Which chargers there are, once their faults are written, and where the rows of all are.

        Beside that the extents are written, which only later steps need: one worker is busy with the faults meanwhile.
        """
        report = partial(reported_faults, self.files, self.knowledge, self._places, moment, latest)
        extents = partial(self.files.write_extents, self._places)
        outcomes = self._carried_out(extents, report, partial(located, self._places))
        (reported,) = (each for each in outcomes if isinstance(each, Reported))
        (where,) = (each for each in outcomes if isinstance(each, Located))
        if reported.undecided:
            (reported,) = self._carried_out(partial(report, self._pieces(where, "telemetry", reported.undecided)))
        return reported, where

    def _looked_through(self, chargers: Sequence[str], moment: float | None) -> LookedThrough:
        """Which of all chargers have incidents or may have an early warning."""
        least, most = LOOKED_THROUGH_TOGETHER
        together = min(max(least, -(-len(chargers) // max(self.workers.number, 1))), most)
        starts = range(0, len(chargers), together)
        steps = [
            partial(looked_through, self.files, self.knowledge, moment, chargers[start : start + together])
            for start in starts
        ]
        found: list[LookedThrough] = self._carried_out(*steps)
        affected = {charger: codes for each in found for charger, codes in each.affected.items()}
        return LookedThrough(affected, sorted(charger for each in found for charger in each.may_warn))

    def _plan(
        self,
        lists: Mapping[str, Table],
        where: Located,
        found: LookedThrough,
        latest: float | None,
    ) -> tuple[list[Batch], list[SortTask]]:
        fleet = FleetTables(Observations({**lists, **without_large()}, None, ()), Faults(), Figures({}))
        rows_of_charger = dict(pl.concat(where.counts.values()).group_by(CHARGER).agg(pl.col("rows").sum()).iter_rows())
        groups = codes_together(grouped(found.affected, found.may_warn, fleet, rows_of_charger))
        firsts = {name: _firsts(frame) for name, frame in where.counts.items()}
        batches = [
            _batch(number, together, firsts)
            for number, together in enumerate(bundled(groups, self.size.rows, self.size.chargers))
        ]
        batch_of = {charger: batch.number for batch in batches for charger in batch.company}
        direct: dict[int, dict[str, list[Piece]]] = {}
        to_sort: list[SortTask] = []
        for name in LARGE_LISTS:
            for piece, there in self._held(where, name, batch_of):
                numbers = sorted(set(there.values()))
                if len(numbers) <= READ_BY_ITSELF:
                    for number in numbers:
                        direct.setdefault(number, {}).setdefault(name, []).append(piece)
                else:
                    path = self.work / "sorted" / f"{len(to_sort):06d}"
                    to_sort.append(SortTask(piece, there, str(path), latest))
        with_pieces = [
            replace(batch, pieces={name: tuple(pieces) for name, pieces in direct.get(batch.number, {}).items()})
            for batch in batches
        ]
        return with_pieces, to_sort

    def _held(
        self, where: Located, name: str, batch_of: Mapping[str, int]
    ) -> Iterator[tuple[Piece, Mapping[str, int]]]:
        """The pieces of a list that hold rows of some batch: each with the chargers that it may hold rows of and their batches."""
        held = where.naming(name, list(batch_of)).select("task", "piece", CHARGER).sort("task", "piece")
        for (task, piece), rows in groupby(held.iter_rows(), itemgetter(0, 1)):
            named = [charger for _, _, charger in rows]
            yield (
                self.tasks[task].pieces[piece],
                batch_of if None in named else {charger: batch_of[charger] for charger in named},
            )

    def _pieces(self, where: Located, name: str, chargers: Sequence[str]) -> list[Piece]:
        found = where.naming(name, chargers).select("task", "piece").unique().sort("task", "piece")
        return [self.tasks[task].pieces[piece] for task, piece in found.iter_rows()]


def _newest(lists: Mapping[str, Table], gathered: Iterable[Gathered]) -> float | None:
    """The newest time of the data set."""
    times = [each.newest for each in gathered if each.newest is not None]
    newest = Observations({**lists, **without_large()}, None, ()).newest
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
        codes=tuple(sorted({code for group in groups for code in group.codes})),
    )


def _firsts(counts: pl.DataFrame) -> dict[str, int]:
    """For each charger how many rows there are of those with lesser names."""
    before = counts.with_columns((pl.col("rows").cum_sum() - pl.col("rows")).alias("before"))
    return dict(before.select(CHARGER, "before").iter_rows())
