"""The modules in telemetry: status and temperature of each, row by row."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

from ....engine.facts import Source
from ...readings import DAY
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


def _by_module(listed: Sequence[Mapping[str, Any]], field: str) -> dict[str, Any]:
    """A field of each module of a row that has it, by the module's index, else its place in the list."""
    found: dict[str, Any] = {}
    for number, module in enumerate(listed):
        value = module.get(field)
        if value is not None:
            index = module.get("index")
            found[str(number if index is None else index)] = value
    return found


def _rows_with_modules(scene: Scene, start: float) -> Iterator[tuple[float, int, Sequence[Mapping[str, Any]]]]:
    """Time, place and modules of the charger's telemetry rows from a moment on that list any, in time order."""
    table = scene.observations["telemetry"]
    rows = table.by_device.get(scene.device_id)
    if rows is None:
        return
    times, column = table.times[rows], table.values("power_modules")
    low, high = int(times.searchsorted(start, "left")), int(times.searchsorted(float("inf"), "right"))
    for time, place in zip(times[low:high].tolist(), rows[low:high].tolist(), strict=True):
        listed = column[place]
        if listed:
            yield time, place, listed


_INDEX_AND_STATUS = itemgetter("index", "status")


def _statuses(listed: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    """Index and status of each module of a row; there are thousands of rows, and nearly all modules tell both."""
    try:
        return list(map(_INDEX_AND_STATUS, listed))
    except KeyError:
        return [(module.get("index"), module.get("status")) for module in listed]


def module_rows(scene: Scene) -> ModuleRows:
    """Status of each module in every telemetry row of the charger that holds any, within 30 days."""

    def load() -> ModuleRows:
        found: list[tuple[float, int, Mapping[str, str]]] = []
        said: list[tuple[Any, Any]] = []
        modules: dict[str, str] = {}
        for time, place, listed in _rows_with_modules(scene, scene.anchor - MODULE_HISTORY):
            says = _statuses(listed)
            if says != said:
                said, modules = says, _by_module(listed, "status")
            if modules:
                found.append((time, place, modules))
        return ModuleRows(*zip(*found, strict=True)) if found else ModuleRows((), (), ())

    return scene.once(("module rows",), load)


def module_temperatures(scene: Scene, reach: float) -> list[ModuleRow]:
    """Temperature of each module in the telemetry rows of so many seconds up to the latest occurrence, in time order."""

    def load() -> list[ModuleRow]:
        found = []
        for time, place, listed in _rows_with_modules(scene, scene.anchor - reach):
            if time > scene.anchor + 5.0:
                break
            temperatures: dict[str, float] = _by_module(listed, "temperature")
            if temperatures:
                found.append(ModuleRow(time, temperatures, place))
        return found

    return scene.once(("module temperatures", reach), load)


def row_source(scene: Scene, place: int) -> Source:
    """The telemetry record of a row; named only when asked for, which saves the timestamps of all others."""
    return scene.observations["telemetry"].source(place)


def module_names(scene: Scene) -> set[str]:
    """The modules that telemetry of this charger names."""
    return scene.once(
        ("module names",), lambda: {name for stretch in module_rows(scene).stretches for name in stretch.modules}
    )
