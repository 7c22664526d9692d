"""What the fan's speed goes along with: mains, load, heat, work and restarts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...observations import Floats
from ...readings import CHARGING_STATES, DAY, HOUR, MINUTE, Reading, Readings, few, median, percentile
from ...scene import Scene
from ..common import restarts
from ..mains import phase_voltages
from ..registry import measures
from .fall import fall, handled_at
from .speed import HISTORY, speed_column, speeds


def _together(scene: Scene, other: Readings, least_range: float) -> Reading | None:
    """Correlation of the speed with another column from two days before to six hours after the latest occurrence, both without their trend.

    Known from twelve rows that hold both, where the other column moves by `least_range` of its mean and the speed by 3 %.
    """
    speed = speed_column(scene).between(scene.anchor - 2 * DAY, scene.anchor + 6 * HOUR).where(lambda rpm: rpm > 100.0)
    mine, theirs = speed.together(other)
    if len(mine) < 12:
        return None
    x, y, times = mine.values, theirs.values, mine.times - mine.times[0]
    if np.ptp(y) < least_range * max(abs(float(np.mean(y))), 1e-9) or np.ptp(x) < 0.03 * float(np.mean(x)):
        return None
    plain = float(np.corrcoef(x, y)[0, 1])
    if times[-1] > 0:
        times = times / times[-1]
        # the speed is held against many columns, most of them known in the same records
        x = scene.once(("speed without trend", mine.rows.tobytes()), lambda: _without_trend(times, x))
        y = _without_trend(times, y)
    if np.std(x) <= 0 or np.std(y) <= 0:
        return None
    without_trend = float(np.corrcoef(x, y)[0, 1])
    # what holds both with and without the common trend is no accident of two drifts
    return mine.reading(plain if abs(plain) < abs(without_trend) else without_trend)


def _without_trend(times: Floats, values: Floats) -> Floats:
    """Values less the straight line through them."""
    rest: Floats = values - np.polyval(np.polyfit(times, values, 1), times)
    return rest


@measures(
    "fan_follows_voltage",
    "correlation of fan speed and mains voltage (any phase), with and without their trends whichever is nearer zero, from two days "
    "before to six hours after the latest occurrence",
    unit="1",
    low=-1,
    high=1,
)
def fan_follows_voltage(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for volts in phase_voltages(scene):
        found = _together(scene, volts.where(lambda values: values > 50.0), 0.015)
        if found is not None and (best is None or float(found.value) > float(best.value)):
            best = found
    return best


@measures(
    "fan_follows_load",
    "correlation of fan speed and power (else current), with and without their trends whichever is nearer zero, from two days before "
    "to six hours after the latest occurrence",
    unit="1",
    low=-1,
    high=1,
)
def fan_follows_load(scene: Scene) -> Reading | None:
    return _together_with_first(scene, ("power", "current", "dc_bus_current"), 0.2)


@measures(
    "fan_follows_board_heat",
    "correlation of fan speed and control-board temperature, with and without their trends whichever is nearer zero, from two "
    "days before to six hours after the latest occurrence",
    unit="1",
    low=-1,
    high=1,
)
def fan_follows_board_heat(scene: Scene) -> Reading | None:
    return _together_with_first(scene, ("component_health.internal_temps.control_board",), 0.1)


@measures(
    "fan_follows_ambient",
    "correlation of fan speed and ambient (else cabinet) temperature, with and without their trends whichever is nearer zero, from "
    "two days before to six hours after the latest occurrence",
    unit="1",
    low=-1,
    high=1,
)
def fan_follows_ambient(scene: Scene) -> Reading | None:
    return _together_with_first(scene, ("ambient_temperature", "cabinet_temperature"), 0.15)


def _together_with_first(scene: Scene, paths: tuple[str, ...], least_range: float) -> Reading | None:
    """Correlation of the speed with the first of some columns that it is known for."""
    known = (_together(scene, scene.readings(path, which="all"), least_range) for path in paths)
    return next((reading for reading in known if reading is not None), None)


def _work(scene: Scene, readings: Readings) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """In which of some rows the charger worked, by state or by any connector's sessions, and in which it idled."""
    working = readings.where_word("state", *CHARGING_STATES)
    # a row of one connector says nothing of the other: sessions of all of them count as work
    times = readings.times
    for session in scene.sessions(which="all") if len(times) else ():
        if session.end is not None and session.start <= times[-1] and session.end >= times[0]:
            working[times.searchsorted(session.start, "left") : times.searchsorted(session.end, "right")] = True
    return working, ~working & ~readings.where_word("state", "fault")


@measures(
    "fan_change_while_working",
    "median speed while the charger works (state, else sessions) against the median while it idles, from a week before the latest "
    "occurrence, where the speed fell in it since then, to a day after it, before anybody did something; known from five readings of "
    "each",
    unit="%",
)
def fan_change_while_working(scene: Scene) -> Reading | None:
    fallen = fall(scene)
    start = max(scene.anchor - 7 * DAY, -np.inf if fallen is None else fallen.end)
    return _gain_at_work(scene, start, _until(scene), least=5)


def _until(scene: Scene) -> float:
    """A day after the latest occurrence, or before anybody did something: until then the fan is the one that was reported."""
    return min(scene.anchor + DAY, handled_at(scene), scene.as_of + 1.0)


def _gain_at_work(scene: Scene, start: float, end: float, least: int) -> Reading | None:
    """By how much the fan is faster at work than at rest between two moments; known from so many readings of each."""
    readings = speed_column(scene).between(start, end).where(lambda rpm: rpm > 100.0)
    working, idle = _work(scene, readings)
    if min(working.sum(), idle.sum()) < least:
        return None
    base = median(readings.values[idle])
    return readings.reading(100.0 * (median(readings.values[working]) / base - 1.0))


@measures(
    "fan_work_gain_before_fall",
    "by how much the fan was faster while the charger worked than while it idled, until its speed fell; known from four readings of each",
    unit="%",
)
def fan_work_gain_before_fall(scene: Scene) -> Reading | None:
    found = fall(scene)
    return None if found is None else _gain_at_work(scene, found.start - HISTORY, found.start, least=4)


@measures(
    "fan_work_gain_after_fall",
    "by how much the fan is faster while the charger works than while it idles, since its speed fell, up to a day after the latest "
    "occurrence, before anybody did something; known from four readings of each",
    unit="%",
)
def fan_work_gain_after_fall(scene: Scene) -> Reading | None:
    found = fall(scene)
    return None if found is None else _gain_at_work(scene, found.end, _until(scene), least=4)


@measures(
    "fan_slow_just_at_work",
    "the smaller of two shares, from two days before to six hours after the latest occurrence: of the slow speeds (below 92 % of the 90th percentile) those "
    "while the charger worked, and of the speeds at work the slow ones; known from three separate stretches of slow speeds and of "
    "work, and eight readings of either kind",
    unit="%",
    low=0,
    high=100,
)
def fan_slow_just_at_work(scene: Scene) -> Reading | None:
    window = speed_column(scene).between(scene.anchor - 2 * DAY, scene.anchor + 6 * HOUR)
    readings = window.where(lambda rpm: rpm > 100.0)
    if len(readings) < 16:
        return None
    slow = readings.values < 0.92 * percentile(readings.values, 90)
    working, _ = _work(scene, readings)
    if min(slow.sum(), (~slow).sum(), working.sum(), (~working).sum()) < 8:
        return None
    if min((np.diff(part.astype(int)) > 0).sum() + int(part[0]) for part in (slow, working)) < 3:
        return None
    both = float((slow & working).sum())
    return readings.reading(100.0 * min(both / float(slow.sum()), both / float(working.sum())))


@measures(
    "fan_warm_up_gain",
    "by how much the fan is faster 15 to 60 minutes after a start (of a session, or after an hour of rest) than in the first "
    "four minutes, median over the starts of a week",
    unit="%",
)
def fan_warm_up_gain(scene: Scene) -> Reading | None:
    known = speeds(scene)
    if len(known) < 6:
        return None
    starts = [s.start for s in scene.sessions(which="all") if scene.anchor - 7 * DAY <= s.start <= scene.anchor + HOUR]
    gaps = np.flatnonzero(np.diff(known.times) >= HOUR)
    starts += [float(known.times[place + 1]) for place in gaps if known.times[place + 1] >= scene.anchor - 7 * DAY]
    gains = []
    for start in starts:
        cold = known.between(start, start + 4 * MINUTE).values
        warm = known.between(start + 15 * MINUTE, start + HOUR)
        cold = cold[cold > 50.0]
        if len(cold) and len(warm) >= 2:
            gains.append(100.0 * (warm.median() / median(cold) - 1.0))
    return known.reading(median(gains)) if gains else None


@measures(
    "fan_gain_after_restart",
    "change of the speed from the hour before to the hour after a restart command, largest since a day before the first occurrence",
    unit="%",
)
def fan_gain_after_restart(scene: Scene) -> Reading | None:
    known = speeds(scene)
    best: Reading | None = None
    for time, source in restarts(scene):
        before = known.between(time - HOUR, time)
        after = known.between(time + 2 * MINUTE, time + HOUR)
        if time < scene.first - DAY or len(before) < 2 or len(after) < 2:
            continue
        if before.median() > 50:
            gain = 100.0 * (after.median() / before.median() - 1.0)
        else:
            # it stood still before: it runs again, or it does not
            gain = 100.0 if after.median() > 500 else 0.0
        if best is None or gain > float(best.value):
            best = Reading(gain, time, few([source, before.source(-1), after.source(0)]))
    return best
