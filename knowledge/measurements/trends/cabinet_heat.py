"""A cabinet that runs warmer from week to week at equal load."""

from __future__ import annotations

import numpy as np

from ...fleet.extents import Column
from ...readings import Reading, Readings, percentile
from ...scene import Scene
from ..registry import measures
from ..thermal.ambient import ambient_at
from ..thermal.telemetry import HISTORY, columns_of
from .lines import Line, daily_line, recent, spans_a_line, telemetry_spans_a_line
from .ranges import on_a_line


def _cabinet(scene: Scene) -> Line | None:
    """The line through the cabinet's daily rise over the ambient at comparable load of the whole charger."""

    def load() -> Line | None:
        if not telemetry_spans_a_line(scene):
            return None
        cabinet = recent(scene, scene.readings("cabinet_temperature", which="all"), HISTORY)
        if not spans_a_line(cabinet):
            return None
        columns = columns_of(scene, scene.device_id)
        if columns is None:
            return None
        power = columns.power[np.searchsorted(columns.rows, cabinet.rows)]
        loaded = power[power > 1.0]
        if not len(loaded):
            return None
        usual = percentile(loaded, 75)
        comparable = (power >= 0.8 * usual) & (power <= 1.25 * usual)
        warm = cabinet.at(comparable)
        over = warm.values - ambient_at(scene, scene.device_id, warm.times)
        aired = ~np.isnan(over)
        rises = Readings(warm.table, warm.times[aired], over[aired], warm.rows[aired])
        return daily_line(rises, scene.anchor)

    found: Line | None = scene.once("cabinet at equal load", load)
    return found


@measures(
    "cabinet_rise_mann_kendall",
    "Mann-Kendall Z of the cabinet's temperature over the ambient, daily median at comparable load within 60 days; from six days",
    unit="1",
)
def cabinet_rise_mann_kendall(scene: Scene) -> Reading | None:
    rise = _cabinet(scene)
    return None if rise is None else rise.reading(rise.score)


@measures(
    "cabinet_rise_drift", "how far the Theil-Sen line through them moved from the first to the last day", unit="K"
)
def cabinet_rise_drift(scene: Scene) -> Reading | None:
    rise = _cabinet(scene)
    return None if rise is None else rise.reading(rise.level - rise.start)


@measures("cabinet_rise_level", "where that line stands on the last day", unit="K")
def cabinet_rise_level(scene: Scene) -> Reading | None:
    rise = _cabinet(scene)
    return None if rise is None else rise.reading(rise.level)


on_a_line(
    Column("telemetry", "cabinet_temperature"), "cabinet_rise_mann_kendall", "cabinet_rise_drift", "cabinet_rise_level"
)
