"""How the fan's speed fell: by how much, how fast, since when."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...observations import Floats
from ...readings import DAY, HOUR, MINUTE, Reading, few, median, percentile
from ...scene import Scene
from ..common import restarts, visits_before
from ..door import last_door_event
from ..payload import PayloadNumber
from ..registry import measures
from .speed import HISTORY, NOMINAL_RPM, Speeds, said_speeds, speed_column, speeds

LEAST_FALL = 0.06
"""Share of the speed that a fall is known from (our judgement: sound fans scatter by less)."""


SETTLED_BY = 4
"""Speeds after the fault that show whether it fell then (our judgement: smoothing takes three)."""

SETTLED_WITHIN = 6 * HOUR
"""How long after the fault they are waited for, where speeds are kept seldom (our judgement)."""

SUDDEN = 3 * HOUR
"""Within how long a fall is no decline from report to report (our judgement: wear takes days)."""

STEADY_RPM = 0.02 * NOMINAL_RPM
"""Standard deviation up to which a speed does not move (our judgement: tachometers of sound fans scatter by 1 to 2 % of full speed)."""


@dataclass(frozen=True)
class Fall:
    """How the fan's speed fell: from what to what, between which times lies the middle half of it, and how it was after."""

    whole: Speeds
    before: float
    after: float
    start: float
    end: float
    spread_after: float | None


def _smooth(values: Floats, width: int) -> Floats:
    """Medians of an odd number of neighbours, the ends mirrored."""
    if width < 2 or len(values) < width:
        return values
    half = width // 2
    padded = np.concatenate([values[:half][::-1], values, values[-half:][::-1]])
    smooth: Floats = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    return smooth


def _step(values: Floats, before: float, drop: float, begun: int, ended: int) -> tuple[int, int] | None:
    """The readings next to each other between which the speed fell, where medians of neighbours had drawn it out: all of those
    that went into them before are in the upper half of the fall, all behind in the lower."""
    first, last = max(begun - 2, 0), min(ended + 2, len(values) - 1)
    above = values[first : last + 1] > before - 0.5 * drop
    number = int(above.sum())
    if not 0 < number < len(above) or not above[:number].all():
        return None
    place = first + number - 1
    return (place, place + 1) if values[place] - values[place + 1] >= 0.5 * drop else None


def handled_at(scene: Scene) -> float:
    """When somebody first did something after the latest occurrence, on a visit or by a restart; infinite where nobody has."""
    hands = [*(visit.time for visit in scene.records("service_visits")), *(time for time, _ in restarts(scene))]
    return min((time for time in hands if time is not None and time > scene.anchor), default=float("inf"))


def _settled_at(scene: Scene) -> float:
    """An hour after the latest occurrence; where speeds are kept seldom as late as a few need, but before anybody did something."""
    anchor, times = scene.anchor, speeds(scene).times
    later = times[times.searchsorted(anchor, "right") :][:SETTLED_BY]
    settled: float = min([anchor + SETTLED_WITHIN, *later[-1:].tolist(), handled_at(scene)])
    return max(anchor + HOUR, settled)


def fall(scene: Scene) -> Fall | None:
    """The fall of the fan's speed up to the latest occurrence; None where there are too few speeds, or it fell by less than 6 %."""

    def load() -> Fall | None:
        known = speeds(scene).between(scene.anchor - HISTORY, _settled_at(scene))
        number = len(known)
        if number < 5:
            return None
        smooth = _smooth(known.values, 5 if number >= 20 else 3 if number >= 10 else 1)
        # the early level is what the fan could do: the upper half of the first readings
        head = max(2, number // 5) if number < 200 else max(20, number // 8)
        before = median(np.sort(smooth[:head])[-(head // 2 + 1) :])
        after = median(smooth[-3:] if number >= 10 else smooth[-2:])
        if before <= 0 or after >= (1.0 - LEAST_FALL) * before:
            return None
        drop = before - after
        # a fall of less than a tenth must stand out of what neighbouring readings differ by
        if after >= 0.9 * before and drop < 3.0 * median(np.abs(np.diff(known.values))):
            return None
        low = np.flatnonzero(smooth <= before - 0.75 * drop)
        if not len(low):
            return None
        # what came back for a good part of the time since has not fallen, it goes up and down
        if (smooth[low[0] :] >= before - 0.25 * drop).mean() > 0.35:
            return None
        high = np.flatnonzero(smooth[: low[0] + 1] >= before - 0.25 * drop)
        begun = int(high[-1]) if len(high) else 0
        step = _step(known.values, before, drop, begun, int(low[0]))
        begun, ended = (begun, int(low[0])) if step is None else step
        rest = known.values[low[0] + 1 :]
        level = float(np.mean(rest)) if len(rest) >= 4 else 0.0
        # a fan that all but stands still has no spread worth the name
        spread = 100.0 * float(np.std(rest)) / level if level > 100.0 else None
        return Fall(known, before, after, float(known.times[begun]), float(known.times[ended]), spread)

    return scene.once(("fan fall",), load)


@measures(
    "fan_fall",
    "by how much the fan's speed has fallen from its early level in the records to the latest occurrence; known from 6 % on",
    unit="%",
    low=0,
    high=100,
)
def fan_fall(scene: Scene) -> Reading | None:
    found = fall(scene)
    return None if found is None else found.whole.reading(100.0 * (1.0 - found.after / found.before))


@measures(
    "fan_fall_hours",
    "hours that the middle half of that fall took; as long as the gap between two readings where it fell between them",
    unit="h",
    low=0,
)
def fan_fall_hours(scene: Scene) -> Reading | None:
    found = fall(scene)
    return None if found is None else found.whole.reading((found.end - found.start) / HOUR, found.end)


@measures(
    "fan_spread_after_fall",
    "standard deviation of the speed after its fall against its mean; known from four readings on",
    unit="%",
    low=0,
)
def fan_spread_after_fall(scene: Scene) -> Reading | None:
    found = fall(scene)
    return None if found is None or found.spread_after is None else found.whole.reading(found.spread_after)


@measures(
    "fan_back_since_fall",
    "share of the speeds since that fall that were back within a quarter of it below the early level; known from eight readings over a "
    "day on",
    unit="%",
    low=0,
    high=100,
)
def fan_back_since_fall(scene: Scene) -> Reading | None:
    found = fall(scene)
    if found is None:
        return None
    since = found.whole.between(found.end, np.inf)
    if len(since) < 8 or since.span < DAY:
        return None
    back = since.values >= found.before - 0.25 * (found.before - found.after)
    return since.reading(100.0 * float(back.mean()))


@measures(
    "fan_fall_largest_step",
    "share of the whole fall that lies between two readings next to each other; known from eight readings over two days on",
    unit="%",
    low=0,
)
def fan_fall_largest_step(scene: Scene) -> Reading | None:
    found = fall(scene)
    if found is None or len(found.whole) < 8 or found.whole.span < 2 * DAY:
        return None
    smooth = _smooth(found.whole.values, 5 if len(found.whole) >= 20 else 1)
    return found.whole.reading(100.0 * float(np.max(-np.diff(smooth))) / (found.before - found.after))


@measures(
    "fan_flat_low",
    "fan speed against 1800 rpm where it has neither fallen by 6 % nor moved (standard deviation up to 36 rpm) over at least "
    "ten readings and an hour",
    unit="%",
    low=0,
)
def fan_flat_low(scene: Scene) -> Reading | None:
    known = speeds(scene).between(scene.anchor - 3 * DAY, _settled_at(scene))
    if len(known) < 10 or known.span < HOUR or fall(scene) is not None:
        return None
    mean = float(np.mean(known.values))
    if mean < 100 or np.std(known.values) > STEADY_RPM:
        return None
    return known.reading(100.0 * mean / NOMINAL_RPM)


# By payloads


def _hourly_reports(scene: Scene) -> list[PayloadNumber]:
    """The last speed that payloads give in each hour, in time order."""
    latest = {int(number.time // HOUR): number for number in said_speeds(scene)}
    return [latest[hour] for hour in sorted(latest)]


@measures(
    "fan_reports_falling",
    "fall of the speed from the first to the last of at least three payloads that give one, over at least a day, none of them more "
    "than 5 % above the one before; unknown where telemetry between them shows it 10 % above the first, or the fall within hours",
    unit="%",
)
def fan_reports_falling(scene: Scene) -> Reading | None:
    found = _hourly_reports(scene)
    if len(found) < 3 or found[-1].time - found[0].time < DAY or found[0].value <= 0:
        return None
    if any(later.value > 1.05 * earlier.value for earlier, later in pairwise(found)):
        return None
    between = speed_column(scene).between(found[0].time, found[-1].time)
    if len(between) and between.values.max() > 1.1 * found[0].value:
        return None
    fallen = fall(scene)
    if fallen is not None and fallen.end - fallen.start <= SUDDEN:
        return None
    lost = 100.0 * (1.0 - found[-1].value / found[0].value)
    return Reading(lost, found[-1].time, few([number.source for number in found]))


@measures(
    "fan_reports_spread",
    "range of the speeds that at least three payloads give, hours apart, against their highest; from ten payloads on without the tenth "
    "of them at either end",
    unit="%",
    low=0,
)
def fan_reports_spread(scene: Scene) -> Reading | None:
    found = _hourly_reports(scene)
    values = np.array([number.value for number in found])
    if len(values) < 3 or values.max() <= 0:
        return None
    # speeds that only fell do not spread
    if not (np.diff(values) > 0.1 * values.max()).any():
        return None
    # of many, a single odd one is no unrest
    low, high = (percentile(values, 10), percentile(values, 90)) if len(values) >= 10 else (values.min(), values.max())
    spread = 100.0 * float(high - low) / float(values.max())
    return Reading(spread, scene.anchor, few([number.source for number in found]))


# What went before


@measures(
    "days_from_visit_to_fan_fall",
    "days from the last service visit before the fan's speed began to fall to that moment",
    unit="days",
    low=0,
)
def days_from_visit_to_fan_fall(scene: Scene) -> Reading | None:
    found = fall(scene)
    if found is None:
        return None
    # the fall lies between two readings: the visit may lie between them too
    earlier = visits_before(scene, found.end)
    if not earlier:
        return None
    gap = max(0.0, found.start - (earlier[-1].time or 0.0))
    return Reading(gap / DAY, found.start, (scene.source("service_visits", earlier[-1]),))


@measures(
    "minutes_from_door_to_fan_fall",
    "minutes from the last event that names door, cover or tampering to the beginning of the fan's fall, within two days",
    unit="min",
    low=0,
)
def minutes_from_door_to_fan_fall(scene: Scene) -> Reading | None:
    found = fall(scene)
    opened = None if found is None else last_door_event(scene, found.end, found.end - 2 * DAY)
    if found is None or opened is None:
        return None
    time, source = opened
    return Reading(max(0.0, found.start - time) / MINUTE, found.start, (source,))
