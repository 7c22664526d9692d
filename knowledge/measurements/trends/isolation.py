"""The isolation resistance test by test: where it stands, how it falls, when it is down to what still passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....engine.facts import MOMENT
from ...fleet.extents import Column
from ...readings import DAY, Reading, Readings, median
from ...scene import Scene
from ..registry import measures
from .lines import (
    Line,
    daily,
    days_spanned,
    days_until,
    line,
    recent,
    spans_a_line,
    telemetry_dates,
    telemetry_spans_a_line,
)
from .ranges import Known, Range, days_of, on_a_line, ranged

_TESTS = "component_health.isolation_test_kohms"
_TESTED_AT = "component_health.last_isolation_test"

HISTORY = 180 * DAY
"""How far back tests are followed (our judgement: tracks and moisture build up over months)."""

LATELY = 14 * DAY
"""What counts as the present state (our judgement: tests are done about once a week)."""

FEWEST_LATELY = 2
"""Days of it with tests (our judgement: one test alone may be a wet plug)."""

PASS_KOHM = 1000.0
"""Isolation resistance above which a test is passed (dictionary F-0101: 1 MΩ)."""


def _each_test_once(readings: Readings) -> Readings:
    """Telemetry repeats a result until the next test: those of another test than the reading before, by its time or value."""
    if len(readings) < 2:
        return readings
    moments = readings.table.numbers(_TESTED_AT)[readings.rows]
    timed = ~np.isnan(moments[1:]) & ~np.isnan(moments[:-1])
    another = np.where(timed, moments[1:] != moments[:-1], readings.values[1:] != readings.values[:-1])
    return readings.at(np.append(True, another))


def _daily_tests(scene: Scene) -> Readings:
    def load() -> Readings:
        tests = recent(scene, scene.readings(_TESTS), HISTORY).where(lambda v: v > 0)
        return daily(_each_test_once(tests)) if days_spanned(tests) >= FEWEST_LATELY else tests.at(slice(0))

    return scene.once("isolation tests", load)


@dataclass(frozen=True)
class _Decline:
    """A line through the tests, or through their logarithms; its values in kΩ."""

    line: Line
    logarithmic: bool

    def kohm(self, value: float) -> float:
        """What a value of the line stands for."""
        return 10.0**value if self.logarithmic else max(0.0, value)

    @property
    def threshold(self) -> float:
        """The pass mark as the line counts."""
        return float(np.log10(PASS_KOHM)) if self.logarithmic else PASS_KOHM


def _decline(scene: Scene) -> _Decline | None:
    """The line that lies nearer to the tests: leakage paths multiply at times, and grow by the day at others."""

    def load() -> _Decline | None:
        if not telemetry_spans_a_line(scene):
            return None
        tests = _daily_tests(scene)
        if not spans_a_line(tests):
            return None
        logarithms = Readings(tests.table, tests.times, np.log10(tests.values), tests.rows)
        through = [(line(tests, scene.anchor), False), (line(logarithms, scene.anchor), True)]
        fitted = [_Decline(found, logarithmic) for found, logarithmic in through if found is not None]
        return min(fitted, key=lambda decline: _misfit(decline, tests), default=None)

    found: _Decline | None = scene.once("isolation decline", load)
    return found


def _misfit(decline: _Decline, tests: Readings) -> float:
    """The median distance of the tests from the line, kΩ."""
    along = decline.line.level + decline.line.slope * (tests.times - decline.line.end) / DAY
    drawn = 10.0**along if decline.logarithmic else along
    return median(np.abs(tests.values - drawn))


@measures(
    "isolation_lately",
    "median of the isolation tests of the last 14 days, of each day their median; from two days",
    unit="kΩ",
    low=0,
)
def isolation_lately(scene: Scene) -> Reading | None:
    if telemetry_dates(scene) < FEWEST_LATELY:
        return None
    return recent(scene, _daily_tests(scene), LATELY).median(least=FEWEST_LATELY)


@measures(
    "isolation_mann_kendall",
    "Mann-Kendall Z of the isolation tests within 180 days, one value a day; below zero where they fall; from six days with tests",
    unit="1",
)
def isolation_mann_kendall(scene: Scene) -> Reading | None:
    decline = _decline(scene)
    return None if decline is None else decline.line.reading(decline.line.score)


@measures(
    "isolation_change",
    "how far the Theil-Sen line through them (or through their logarithms, where that lies nearer) moved from the first to the last "
    "test, in percent of where it began",
    unit="%",
    low=-100,
)
def isolation_change(scene: Scene) -> Reading | None:
    decline = _decline(scene)
    start = 0.0 if decline is None else decline.kohm(decline.line.start)
    if decline is None or start <= 0:
        return None
    return decline.line.reading(100.0 * (decline.kohm(decline.line.level) / start - 1.0))


@measures("isolation_level", "where that line stands at the last test", unit="kΩ", low=0)
def isolation_level(scene: Scene) -> Reading | None:
    decline = _decline(scene)
    return None if decline is None else decline.line.reading(decline.kohm(decline.line.level))


@measures(
    "isolation_reaches_pass",
    "when that line falls to 1000 kΩ, epoch seconds; unknown where it does not fall, or lies below already",
    unit=MOMENT,
)
def isolation_reaches_pass(scene: Scene) -> Reading | None:
    decline = _decline(scene)
    if decline is None or decline.line.slope >= 0:
        return None
    moment = decline.line.reaches(decline.threshold, scene.anchor)
    return None if moment is None else decline.line.reading(moment)


@measures("days_to_isolation_pass", "days from the diagnosis to that moment", unit="days", low=0)
def days_to_isolation_pass(scene: Scene) -> Reading | None:
    return days_until(scene, isolation_reaches_pass(scene))


# Ranges

_COLUMN = Column("telemetry", _TESTS)


def _lately_range(known: Known) -> Range:
    tests = known.of(_COLUMN)
    return Range.where(days_of(tests) >= FEWEST_LATELY, tests.low, tests.high)


ranged(_lately_range, "isolation_lately", columns=(_COLUMN,))
on_a_line(
    _COLUMN,
    "isolation_mann_kendall",
    "isolation_change",
    "isolation_level",
    "isolation_reaches_pass",
    "days_to_isolation_pass",
)
