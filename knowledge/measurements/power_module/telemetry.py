"""The modules in telemetry: status and temperature of each, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from ....engine.facts import Source
from ...observations import Record
from ...readings import DAY, HOUR
from ...scene import Scene

MODULE_HISTORY = 30 * DAY
"""How far back silent modules are looked at (our judgement: a loose wire or a bad board is not older than a month)."""

Value = TypeVar("Value", str, float)


class ModuleRow(NamedTuple, Generic[Value]):
    """A telemetry row: when, a value of each module by its index, and the row's place in the table."""

    time: float
    modules: Mapping[str, Value]
    place: int


def _by_module(record: Record, field: str) -> dict[str, Any]:
    """A field of each module of a row that has it, by the module's index, else its place in the list."""
    found: dict[str, Any] = {}
    for number, module in enumerate(record.fields.get("power_modules") or ()):
        value = module.get(field)
        if value is not None:
            index = module.get("index")
            found[str(number if index is None else index)] = value
    return found


def module_rows(scene: Scene) -> list[ModuleRow[str]]:
    """Status of each module in every telemetry row of the charger that holds any, in time order."""

    def load() -> list[ModuleRow[str]]:
        table = scene.observations["telemetry"]
        start = scene.anchor - MODULE_HISTORY
        rows: list[ModuleRow[str]] = []
        for place in table.by_device.get(scene.device_id, ()):
            record = table.records[place]
            if record.time is None or record.time < start:
                continue
            statuses: dict[str, str] = _by_module(record, "status")
            if statuses:
                rows.append(ModuleRow(record.time, statuses, int(place)))
        return rows

    return scene.once(("module rows",), load)


def module_temperatures(scene: Scene) -> list[ModuleRow[float]]:
    """Temperature of each module in the telemetry rows of the hour up to the latest occurrence, in time order."""

    def load() -> list[ModuleRow[float]]:
        table = scene.observations["telemetry"]
        places = table.by_device.get(scene.device_id)
        rows: list[ModuleRow[float]] = []
        if places is None:
            return rows
        times = table.times[places]
        low, high = np.searchsorted(times, scene.anchor - HOUR), np.searchsorted(times, scene.anchor + 5.0, "right")
        for place in places[int(low) : int(high)]:
            record = table.records[place]
            temperatures: dict[str, float] = _by_module(record, "temperature")
            if temperatures and record.time is not None:
                rows.append(ModuleRow(record.time, temperatures, int(place)))
        return rows

    return scene.once(("module temperatures",), load)


def row_source(scene: Scene, place: int) -> Source:
    """The telemetry record of a row; named only when asked for, which saves the timestamps of all others."""
    return scene.observations["telemetry"].source(place)


def module_names(scene: Scene) -> set[str]:
    """The modules that telemetry of this charger names."""
    return scene.once(("module names",), lambda: {name for row in module_rows(scene) for name in row.modules})
