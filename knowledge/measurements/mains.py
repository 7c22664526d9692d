"""The charger's supply from the grid: its phase voltages, and excursions recorded for the site."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...engine.facts import Source
from ..readings import Readings
from ..scene import Scene
from .grid_of_site import grid_records

PHASE_NOMINAL_V = 230.0
"""Nominal voltage between a phase and neutral in Europe."""

LINE_NOMINAL_V = 400.0
"""Nominal voltage between two phases in Europe."""


def percent_of_nominal(volts: float | None) -> float | None:
    """A recorded grid voltage in percent of 230 V or 400 V, whichever it is nearer to in proportion (our judgement: 310 V
    are a line that sagged by a fifth rather than a phase a third too high).

    None below 20 V and from 1,000 V on, where it may be given per unit or be that of another grid level (our judgement).
    """
    if volts is None or not 20.0 < volts < 1000.0:
        return None
    is_line = volts * volts > PHASE_NOMINAL_V * LINE_NOMINAL_V
    return 100.0 * volts / (LINE_NOMINAL_V if is_line else PHASE_NOMINAL_V)


def phase_voltages(scene: Scene) -> Iterator[Readings]:
    """The voltage of each phase of the charger."""
    for phase in ("a", "b", "c"):
        yield scene.readings(f"phase_details.phase_{phase}.voltage", which="all")


class Excursion(NamedTuple):
    """A grid voltage recorded for the site or its area: from when until when, in percent of nominal, where from."""

    time: float
    until: float
    percent: float
    source: Source


def grid_excursions(scene: Scene, before: float, after: float) -> list[Excursion]:
    """Grid voltages recorded for a moment from `before` seconds before to `after` seconds after one of the latest twenty
    occurrences.
    """
    known = _excursions(scene)
    return [
        excursion
        for time in scene.times[-20:]
        for excursion in known
        if time - before <= excursion.until and excursion.time <= time + after
    ]


def _excursions(scene: Scene) -> list[Excursion]:
    def load() -> list[Excursion]:
        found = []
        for record in grid_records(scene):
            percent = percent_of_nominal(record.fields.get("voltage_v"))
            if percent is not None and record.time is not None:
                until = record.time + max(0.0, record.fields.get("duration_s") or 0.0)
                found.append(Excursion(record.time, until, percent, scene.source("grid", record)))
        return found

    return scene.once(("grid excursions",), load)
