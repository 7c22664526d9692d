"""The fan's speed over weeks: where it stands, how it drifts, when it reaches the lower edge of its nominal range."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ....engine.facts import MOMENT
from ...fleet.extents import Column
from ...readings import CHARGING_STATES, DAY, Reading, Readings, percentile
from ...scene import Scene
from ..fan.speed import HISTORY, NOMINAL_RPM, speed_column
from ..registry import measures
from ..thermal.ambient import ambient_at
from .lines import (
    CLOCKS_DIFFER,
    FEWEST,
    Line,
    daily,
    day_slices,
    days_spanned,
    days_until,
    latest,
    line,
    recent,
    telemetry_dates,
    telemetry_spans_a_line,
)
from .ranges import Known, Range, days_of, on_a_line, ranged

_STATUS = "component_health.cooling_fan_status"

LATELY = 7 * DAY
"""What counts as lately (our judgement: a week has every kind of day)."""

FEWEST_LATELY = 3
"""Days of it that must have a steady speed (our judgement: of three the middle one is no odd one)."""

FEWEST_REPORTS = 10
"""Reports of the fan's status of which a share is formed (our judgement: of fewer one weighs too much)."""


def _at_work(scene: Scene) -> Readings:
    """Speeds of the fan turning while the charger works, or its state is not told."""
    turning = recent(scene, speed_column(scene), HISTORY).where(lambda v: v > 0)
    return turning.at(turning.where_word("state", *CHARGING_STATES, None))


def _steady(readings: Readings) -> Readings:
    """Of each day those within a fifth of its 90th percentile: the fan fully on, not running up or throttled."""
    kept = np.zeros(len(readings), dtype=bool)
    for day in day_slices(readings.times):
        kept[day] = readings.values[day] >= 0.8 * percentile(readings.values[day], 90)
    return readings.at(kept)


def steady_speeds(scene: Scene) -> Readings:
    """One steady speed a day; none where the records do not span the days that anything is told from."""

    def load() -> Readings:
        working = _at_work(scene)
        return daily(_steady(working)) if days_spanned(working) >= FEWEST_LATELY else working.at(slice(0))

    return scene.once("steady fan speeds", load)


def _at_equal_air(scene: Scene, speeds: Readings) -> Readings:
    """The speeds less what rises and falls with the ambient, where that is known of each: a controlled fan slows in autumn."""
    if len(speeds) < FEWEST:
        return speeds
    air = ambient_at(scene, scene.device_id, speeds.times)
    if np.isnan(air).any() or np.ptp(air) < 1.0:
        return speeds
    warmth = air - air.mean()
    terms = np.column_stack([np.ones(len(air)), (speeds.times - speeds.times[-1]) / DAY, warmth])
    follows = max(0.0, float(np.linalg.lstsq(terms, speeds.values, rcond=None)[0][2]))
    return Readings(speeds.table, speeds.times, speeds.values - follows * warmth, speeds.rows)


def _drift(scene: Scene) -> Line | None:
    def load() -> Line | None:
        if not telemetry_spans_a_line(scene):
            return None
        return line(_at_equal_air(scene, steady_speeds(scene)), scene.anchor)

    return scene.once("fan drift", load)


@measures(
    "steady_fan_speed",
    "median of the daily steady speeds (at work, within a fifth of the day's 90th percentile) of the last seven days; from three days",
    unit="rpm",
    low=0,
)
def steady_fan_speed(scene: Scene) -> Reading | None:
    if telemetry_dates(scene) < FEWEST_LATELY:
        return None
    return recent(scene, steady_speeds(scene), LATELY).median(least=FEWEST_LATELY)


@measures(
    "fan_speed_drift",
    "Theil-Sen slope of the daily steady speeds within 120 days, from six days, less what goes with the ambient where it is known",
    unit="rpm/week",
)
def fan_speed_drift(scene: Scene) -> Reading | None:
    drift = _drift(scene)
    return None if drift is None else drift.reading(7.0 * drift.slope)


@measures(
    "fan_speed_change", "how far that line moved from the first to the last day, in percent of where it began", unit="%"
)
def fan_speed_change(scene: Scene) -> Reading | None:
    drift = _drift(scene)
    return None if drift is None or drift.start <= 0 else drift.reading(100.0 * (drift.level / drift.start - 1.0))


@measures("fan_speed_mann_kendall", "Mann-Kendall Z of the same speeds; below zero where they fall", unit="1")
def fan_speed_mann_kendall(scene: Scene) -> Reading | None:
    drift = _drift(scene)
    return None if drift is None else drift.reading(drift.score)


@measures(
    "fan_reaches_nominal",
    "when that line reaches 1800 rpm, epoch seconds; unknown where it does not fall, or lies below already",
    unit=MOMENT,
)
def fan_reaches_nominal(scene: Scene) -> Reading | None:
    drift = _drift(scene)
    moment = None if drift is None or drift.slope >= 0 else drift.reaches(NOMINAL_RPM, scene.anchor)
    return None if drift is None or moment is None else drift.reading(moment)


@measures("days_to_fan_nominal", "days from the diagnosis to that moment", unit="days", low=0)
def days_to_fan_nominal(scene: Scene) -> Reading | None:
    return days_until(scene, fan_reaches_nominal(scene))


@measures(
    "fan_warning_share",
    "share of the fan's status reports in the 24 hours up to the diagnosis that say warning; from ten reports",
    unit="%",
    low=0,
    high=100,
)
def fan_warning_share(scene: Scene) -> Reading | None:
    table = scene.observations["telemetry"]
    rows = scene.telemetry_rows(scene.anchor - DAY, latest(scene))
    words = table.texts_at(_STATUS, rows)
    number = len(words) - words.count(None)
    if number < FEWEST_REPORTS:
        return None
    warned = words.count("warning")
    last = _last(words, lambda word: word is not None)
    behind = _last(words, lambda word: word == "warning") if warned else last
    source = table.source(int(rows[behind]))
    return Reading(100.0 * warned / number, float(table.times[rows[last]]), (source,))


def _last(words: Sequence[str | None], is_meant: Callable[[str | None], bool]) -> int:
    """The last place of a word that is meant."""
    return next(place for place in reversed(range(len(words))) if is_meant(words[place]))


# Ranges

_SPEED = Column("telemetry", "component_health.cooling_fan_rpm")
_WARNINGS, _OTHERS = Column("telemetry", _STATUS, ("warning",)), Column("telemetry", _STATUS, ("ok", "fault"))


def _warning_range(known: Known) -> Range:
    """Of the reports that are needed at least, and of the others where all are of the last day, as many may be warnings as
    there are at all."""
    warnings, others = known.of(_WARNINGS), known.of(_OTHERS)
    lately = (others.first >= known.as_of - DAY) & (others.last <= known.as_of + CLOCKS_DIFFER)
    least = np.maximum(FEWEST_REPORTS, warnings.number + np.where(lately, others.moments, 0.0))
    share = 100.0 * np.minimum(1.0, warnings.number / least)
    return Range.where(warnings.number + others.number >= FEWEST_REPORTS, 0.0, share)


on_a_line(
    _SPEED,
    "fan_speed_drift",
    "fan_speed_change",
    "fan_speed_mann_kendall",
    "fan_reaches_nominal",
    "days_to_fan_nominal",
)
ranged(lambda known: Range.where(days_of(known.of(_SPEED)) >= FEWEST_LATELY), "steady_fan_speed", columns=(_SPEED,))
ranged(_warning_range, "fan_warning_share", columns=(_WARNINGS, _OTHERS))
