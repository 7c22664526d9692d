"""The mains around faults: excursions and outages at the site or in its area, sagging phases."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ....engine.facts import Source
from ...observations import Record
from ...readings import DAY, MINUTE, Reading, median
from ...scene import Scene
from ..grid_of_site import grid_records
from ..mains import percent_of_nominal
from ..registry import measures
from .at_failed_start import around_failures


def _grid_records(scene: Scene) -> Iterator[tuple[float, Record, Source]]:
    """What the grid list holds of the charger's site and its area: when, what, where."""
    for record in grid_records(scene):
        if record.time is not None:
            yield record.time, record, scene.source("grid", record)


@measures(
    "grid_disturbance_lead",
    "minutes from the last voltage excursion or outage of the site or its grid area to the first occurrence, within a day",
    unit="min",
    low=0,
)
def grid_disturbance_lead(scene: Scene) -> Reading | None:
    lead: Reading | None = None
    for time, record, source in _grid_records(scene):
        if record.fields.get("kind") != "frequency_excursion" and scene.first - DAY <= time <= scene.first + 5.0:
            lead = Reading(max(0.0, (scene.first - time) / MINUTE), time, (source,))
    return lead


def _voltage_left(record: Record) -> float | None:
    """What a grid record left of the nominal voltage, in percent."""
    return 0.0 if record.fields.get("kind") == "outage" else percent_of_nominal(record.fields.get("voltage_v"))


@measures(
    "grid_dip_near_failures",
    "lowest voltage of a grid excursion at the site or in its area within a quarter hour of a failed start, in percent of 230 V or "
    "400 V, whichever it is nearer to in proportion; an outage counts as none left",
    unit="%",
    low=0,
)
def grid_dip_near_failures(scene: Scene) -> Reading | None:
    dips = [
        Reading(level, time, (source,))
        for time, record, source in _grid_records(scene)
        if scene.occurrence_near(time, 15 * MINUTE) is not None and (level := _voltage_left(record)) is not None
    ]
    return min(dips, key=lambda dip: float(dip.value), default=None)


@measures(
    "supply_phase_level",
    "lowest phase voltage of the charger within ten minutes before a failed start, in percent of the median of its phase voltages "
    "at other times (of 230 V where there are fewer than ten)",
    unit="%",
    low=0,
)
def supply_phase_level(scene: Scene) -> Reading | None:
    levels: list[Reading] = []
    for phase in "abc":
        column = scene.readings(f"phase_details.phase_{phase}.voltage", which="all").where(lambda v: v > 50.0)
        for start, end in around_failures(scene, 10 * MINUTE, 5.0):
            window = column.between(start, end)
            if len(window):
                rest = column.values[(column.times < start) | (column.times > end)]
                usual = median(rest) if len(rest) >= 10 else 230.0
                place = int(np.argmin(window.values))
                levels.append(
                    window.reading(100.0 * float(window.values[place]) / usual, float(window.times[place]), [place])
                )
    return min(levels, key=lambda level: float(level.value), default=None)
