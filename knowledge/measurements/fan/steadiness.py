"""How evenly the fan turned: swings, dropouts, roughness."""

from __future__ import annotations

import numpy as np

from ...observations import Floats
from ...readings import DAY, HOUR, Reading, median, percentile
from ...scene import Scene
from ..registry import measures
from .fall import fall
from .speed import HISTORY, NOMINAL_RPM, speeds, speeds_near_fault

STOPPED = 0.15
"""Share of its upper level below which a fan has all but stopped (our judgement: less than any control asks for)."""


def _comebacks(values: Floats, low: float, high: float) -> int:
    """How often values that were above `high` and then below `low` are above `high` again."""
    zone = np.where(values <= low, -1, np.where(values >= high, 1, 0))
    zone = zone[zone != 0]
    if not (zone == 1).any():
        return 0
    return int((np.diff(zone[np.argmax(zone == 1) :]) > 0).sum())


def _comebacks_near_fault(scene: Scene, low: float, high: float, least: float) -> Reading | None:
    """Comebacks between two shares of the upper level, where that is above `least`."""
    known = speeds_near_fault(scene)
    if known is None:
        return None
    top = percentile(known.values, 90)
    return known.reading(float(_comebacks(known.values, low * top, high * top))) if top > least else None


@measures(
    "fan_swings",
    "times the speed fell below 80 % of its upper level (90th percentile; below 60 % where the speed has fallen for good, or stays under "
    "three quarters of the nominal one, and only scatters about its level) and came back above 92 % of it, within a day of the latest "
    "occurrence; known from eight readings on",
    unit="1",
    low=0,
)
def fan_swings(scene: Scene) -> Reading | None:
    known, fallen = speeds_near_fault(scene), fall(scene)
    if known is None:
        return None
    # a fan that is slow for good runs rough: what returns to its low level only has not come back
    level = percentile(known.values, 90)
    only_low = level < 0.75 * NOMINAL_RPM or (fallen is not None and level < 0.5 * (fallen.before + fallen.after))
    return _comebacks_near_fault(scene, 0.6 if only_low else 0.8, 0.92, least=0.0)


@measures(
    "fan_dropouts",
    "times the fan all but stopped (below 15 % of its upper level) and ran again, within a day of the latest occurrence; known "
    "from eight readings on",
    unit="1",
    low=0,
)
def fan_dropouts(scene: Scene) -> Reading | None:
    return _comebacks_near_fault(scene, STOPPED, 0.6, least=100.0)


@measures(
    "fan_level_between_stops",
    "upper level (90th percentile) of the speed while the fan ran after its first stop (below 15 % of its upper level before) within a "
    "day of the latest occurrence, against the nominal speed; known where it stopped and ran again",
    unit="%",
    low=0,
)
def fan_level_between_stops(scene: Scene) -> Reading | None:
    known = speeds_near_fault(scene)
    if known is None:
        return None
    stopped = known.values <= STOPPED * percentile(known.values, 90)
    if not stopped.any():
        return None
    first = int(np.argmax(stopped))
    running = known.values[first:][~stopped[first:]]
    return known.reading(100.0 * percentile(running, 90) / NOMINAL_RPM) if len(running) >= 3 else None


@measures(
    "fan_roughness",
    "median change of speed between readings next to each other, against the median speed, within a day of the latest occurrence",
    unit="%",
    low=0,
)
def fan_roughness(scene: Scene) -> Reading | None:
    known = speeds_near_fault(scene)
    if known is None or known.median() < 100:
        return None
    return known.reading(100.0 * _typical_step(known.values) / known.median())


@measures(
    "fan_scatter_growth",
    "how many times larger the change from reading to reading is in the last third of the records than in the first, over at least "
    "ten days and thirty readings, up to where the speed fell within a day",
    unit="1",
    low=0,
)
def fan_scatter_growth(scene: Scene) -> Reading | None:
    fallen = fall(scene)
    # a fan that something has got into runs rough from then on; what wears gets rougher before it is slow
    sudden = fallen is not None and fallen.end - fallen.start < DAY
    end = fallen.start if fallen is not None and sudden else scene.anchor + HOUR
    known = speeds(scene).between(scene.anchor - HISTORY, end)
    if len(known) < 30 or known.span < 10 * DAY:
        return None
    # thirds of the time, not of the rows: records are denser towards the fault
    third = known.span / 3
    early = known.values[known.times <= known.times[0] + third]
    late = known.values[known.times >= known.times[-1] - third]
    if len(early) < 8 or len(late) < 8:
        return None
    # a fan that hardly scattered at first: growth is not counted from nothing
    quiet = max(_typical_step(early), 0.002 * median(early), 1.0)
    return known.reading(_typical_step(late) / quiet)


def _typical_step(values: Floats) -> float:
    return median(np.abs(np.diff(values)))
