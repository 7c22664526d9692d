"""Power modules that fall silent for moments, before anything is reported."""

from __future__ import annotations

import numpy as np

from ...fleet.extents import MODULE_STATUS, Column
from ...observations import Rows, Table
from ...readings import DAY, Reading, few
from ...scene import Scene
from ..registry import measures
from .lines import latest
from .ranges import Known, Range, ranged

SILENT = ("timeout", "fault")
"""Statuses of a module that does not answer (wire format)."""

WINDOW = 7 * DAY
"""How far back silences are counted (our judgement: a loose wire shows within a week)."""


def _in_window(scene: Scene) -> Rows:
    """The telemetry rows of the window in time order."""
    table = scene.observations["telemetry"]
    rows = table.by_device.get(scene.device_id)
    if rows is None:
        return np.empty(0, dtype=np.intp)
    low, high = table.times[rows].searchsorted([scene.anchor - WINDOW, latest(scene)])
    return rows[int(low) : int(high)]


def _falls_silent(table: Table, rows: Rows) -> dict[str, list[int]]:
    """The places at which each module turned silent."""
    found: dict[str, list[int]] = {}
    silent: set[str] = set()
    column = table.values("power_modules")
    for place in rows.tolist():
        for number, told in enumerate(column[place] or ()):
            status = told.get("status")
            if status is None or not (status in SILENT or silent):
                continue
            name = str(number if told.get("index") is None else told["index"])
            if status not in SILENT:
                silent.discard(name)
            elif name not in silent:
                silent.add(name)
                found.setdefault(name, []).append(place)
    return found


@measures(
    "module_silences_last_7d",
    "times that a power module's status turned to timeout or fault in telemetry within seven days up to the diagnosis, of the "
    "module with the most",
    unit="1",
    low=0,
)
def module_silences_last_7d(scene: Scene) -> Reading | None:
    table, rows = scene.observations["telemetry"], _in_window(scene)
    owners, statuses = table.parts_at("power_modules", "status", rows)
    words = set(statuses) - {None}
    if not words:
        return None
    found = {} if words.isdisjoint(SILENT) else _falls_silent(table, rows)
    if not found:
        last = next(place for place in reversed(range(len(statuses))) if statuses[place])
        return Reading(0.0, scene.anchor, (table.source(int(rows[owners[last]])),))
    module, places = min(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return Reading(float(len(places)), scene.anchor, few([table.source(place) for place in places]), key=module)


# Range

_SILENCES = Column("telemetry", MODULE_STATUS, SILENT)


def _silences_range(known: Known) -> Range:
    """A module cannot have turned silent more often than there are records with silent modules."""
    number = known.of(_SILENCES).number
    return Range(np.zeros(len(number)), number)


ranged(_silences_range, "module_silences_last_7d", columns=(_SILENCES,))
