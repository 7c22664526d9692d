"""The modules in telemetry: status and temperature of each, row by row."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise, repeat
from typing import Any, NamedTuple

import numpy as np

from ....engine.facts import Source
from ...observations import Rows, Table
from ...readings import DAY, median
from ...scene import Scene

MODULE_HISTORY = 30 * DAY
"""How far back silent modules are looked at (our judgement: a loose wire or a bad board is not older than a month)."""


class ModuleRow(NamedTuple):
    """A telemetry row: when, the temperature of each module by its index, and the row's place in the table."""

    time: float
    modules: Mapping[str, float]
    place: int


class Stretch(NamedTuple):
    """Consecutive telemetry rows that say the same of every module: its status by its index, the rows from first to last."""

    modules: Mapping[str, str]
    first: int
    last: int

    @property
    def silent(self) -> frozenset[str]:
        """The modules that are not ok."""
        return frozenset(name for name, word in self.modules.items() if word != "ok")

    @property
    def rows(self) -> int:
        """How many rows these are."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class ModuleRows:
    """The telemetry rows that hold a status of any module, in time order: times, places in the table, what each says.

    Neighbours that say the same hold one and the same mapping.
    """

    times: Sequence[float]
    places: Sequence[int]
    modules: Sequence[Mapping[str, str]]

    def __len__(self) -> int:
        return len(self.times)

    @cached_property
    def stretches(self) -> Sequence[Stretch]:
        """These rows in stretches that say the same."""
        starts = [row for row, said in enumerate(self.modules) if row == 0 or said is not self.modules[row - 1]]
        ends = [*(start - 1 for start in starts[1:]), len(self.modules) - 1]
        return [Stretch(self.modules[start], start, end) for start, end in zip(starts, ends, strict=False)]

    def between(self, start: float, end: float) -> ModuleRows:
        """Those from start to end, both included (epoch seconds)."""
        return self.cut(bisect_left(self.times, start), bisect_right(self.times, end))

    def cut(self, first: int, stop: int) -> ModuleRows:
        """The rows of these numbers, the last one not included."""
        return ModuleRows(self.times[first:stop], self.places[first:stop], self.modules[first:stop])

    def at(self, rows: Sequence[int]) -> ModuleRows:
        """The rows of these numbers, which ascend."""
        if len(rows) == len(self):
            return self
        return ModuleRows(
            [self.times[row] for row in rows], [self.places[row] for row in rows], [self.modules[row] for row in rows]
        )

    def telling_of(self, names: Set[str]) -> ModuleRows:
        """Those that hold the status of any of these modules: the rows of a connector may list none but its own."""
        telling = (stretch for stretch in self.stretches if not names.isdisjoint(stretch.modules))
        return self.at([row for stretch in telling for row in range(stretch.first, stretch.last + 1)])


class _Listed(NamedTuple):
    """Telemetry rows that list modules: time and place of each row, and by row the modules' indices and a value of each, in
    the order of the list; of thousands of rows nearly all say the same, so that none is kept before it is looked at."""

    times: list[float]
    places: list[int]
    modules: Iterator[tuple[list[Any], list[Any]]]


def _listed(scene: Scene, field: str, start: float, end: float = float("inf")) -> _Listed:
    """A field of the modules in the charger's telemetry rows from start to end, both included, in time order."""
    table = scene.observations["telemetry"]
    rows = scene.telemetry_rows(start, end)
    owners, indices = table.parts_at("power_modules", "index", rows)
    _, values = table.parts_at("power_modules", field, rows)
    firsts = np.flatnonzero(np.diff(owners, prepend=-1))
    rows = rows[owners[firsts]]
    bounds = pairwise([*firsts.tolist(), len(values)])
    modules = ((indices[low:high], values[low:high]) for low, high in bounds)
    return _Listed(table.times[rows].tolist(), rows.tolist(), modules)


def _by_module(told: Iterable[tuple[list[Any], list[Any]]]) -> Iterator[dict[str, Any]]:
    """Of each row the values that are known, by the module's index, else its place in the list."""
    named: list[Any] = []
    names: list[str] = []
    for indices, values in told:
        if indices != named:
            named = indices
            names = [str(number if index is None else index) for number, index in enumerate(indices)]
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None}


def module_rows(scene: Scene) -> ModuleRows:
    """Status of each module in every telemetry row of the charger that holds any, within 30 days."""

    def load() -> ModuleRows:
        times, places, told = _listed(scene, "status", scene.anchor - MODULE_HISTORY)
        runs = [(said, sum(1 for _ in alike)) for said, alike in groupby(told)]
        known = _by_module(said for said, _ in runs)
        modules = [each for (_, number), said in zip(runs, known, strict=True) for each in repeat(said, number)]
        return ModuleRows(times, places, modules).at([row for row, said in enumerate(modules) if said])

    return scene.once(("module rows",), load)


def module_temperatures(scene: Scene, reach: float) -> list[ModuleRow]:
    """Temperature of each module in the telemetry rows of so many seconds up to the latest occurrence, in time order."""

    def load() -> list[ModuleRow]:
        times, places, told = _listed(scene, "temperature", scene.anchor - reach, scene.anchor + 5.0)
        rows = map(ModuleRow, times, _by_module(told), places)
        return [row for row in rows if row.modules]

    return scene.once(("module temperatures", reach), load)


def usual_step(table: Table, rows: Rows) -> float | None:
    """Seconds that usually lie between a connector's telemetry rows, by some rows in time order; None where no connector has two.

    Connectors report at one moment or in turn, so that neighbouring rows of several tell nothing of it.
    """
    connectors = np.nan_to_num(table.connectors[rows])
    by_connector = np.argsort(connectors, kind="stable")
    steps = np.diff(table.times[rows[by_connector]])[np.diff(connectors[by_connector]) == 0]
    return median(steps) if len(steps) else None


def row_source(scene: Scene, place: int) -> Source:
    """The telemetry record of a row; named only when asked for, which saves the timestamps of all others."""
    return scene.observations["telemetry"].source(place)


def module_names(scene: Scene) -> set[str]:
    """The modules that telemetry of this charger names."""
    return scene.once(
        ("module names",), lambda: {name for stretch in module_rows(scene).stretches for name in stretch.modules}
    )
