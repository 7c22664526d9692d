"""Power modules that fall silent for moments, before anything is reported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...readings import DAY, Reading, few
from ...scene import Scene
from ..registry import measures
from .lines import latest

SILENT = ("timeout", "fault")
"""Statuses of a module that does not answer (wire format)."""

WINDOW = 7 * DAY
"""How far back silences are counted (our judgement: a loose wire shows within a week)."""


def _statuses(scene: Scene) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Telemetry rows of the window that tell of modules, in time order: the row's place and what it says of each."""
    table = scene.observations["telemetry"]
    rows = table.by_device.get(scene.device_id)
    if rows is not None:
        low, high = np.searchsorted(table.times[rows], [scene.anchor - WINDOW, latest(scene)])
        for place in rows[int(low) : int(high)].tolist():
            modules = table.records[place].fields.get("power_modules")
            if modules:
                yield place, modules


@measures(
    "module_silences_last_7d",
    "times that a power module's status turned to timeout or fault in telemetry within seven days up to the diagnosis, of the "
    "module with the most",
    unit="1",
    low=0,
)
def module_silences_last_7d(scene: Scene) -> Reading | None:
    found: dict[str, list[int]] = {}
    silent: set[str] = set()
    last: int | None = None
    for place, modules in _statuses(scene):
        for number, told in enumerate(modules):
            status = told.get("status")
            if status is None:
                continue
            last = place
            if status in SILENT or silent:
                name = str(number if told.get("index") is None else told["index"])
                if status not in SILENT:
                    silent.discard(name)
                elif name not in silent:
                    silent.add(name)
                    found.setdefault(name, []).append(place)
    if last is None:
        return None
    table = scene.observations["telemetry"]
    if not found:
        return Reading(0.0, scene.anchor, (table.source(last),))
    module, places = min(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return Reading(float(len(places)), scene.anchor, few([table.source(place) for place in places]), key=module)
