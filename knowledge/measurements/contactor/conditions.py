"""Under which conditions starts fail: cold or heat, damp, long rest, a time of day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....engine.facts import Source
from ...readings import DAY, HOUR, Reading, few, median
from ...scene import Scene
from ..registry import measures
from ..thermal.ambient import weather_of
from .payload import figures
from .starts import RETRY_WITHIN, Attempt, attempts, charged, failed_starts, good_starts


def _ambient_at(scene: Scene, starts: Sequence[Attempt]) -> tuple[list[float], list[Source]]:
    """Ambient temperatures at the latest fifty of these attempts: the charger's own, else those of its site."""
    own = scene.readings("ambient_temperature", which="all")
    weather = weather_of(scene, scene.site_id)
    found, sources = [], []
    for time in [start.time for start in starts][-50:]:
        known = own.between(time - 2 * HOUR, time + HOUR)
        if not len(known):
            known = weather.between(time - 3 * HOUR, time + 3 * HOUR)
        if len(known):
            place = int(np.argmin(np.abs(known.times - time)))
            found.append(float(known.values[place]))
            sources.append(known.source(place))
    return found, sources


@measures("ambient_at_failures", "median ambient temperature at the failed starts", unit="°C", low=-80, high=100)
def ambient_at_failures(scene: Scene) -> Reading | None:
    values, sources = _ambient_at(scene, failed_starts(scene))
    return Reading(float(np.clip(median(values), -80, 100)), scene.anchor, few(sources)) if values else None


@measures(
    "ambient_gap_at_failures",
    "how much colder (negative) or hotter it was at two or more failed starts than at three or more good ones, medians",
    unit="K",
)
def ambient_gap_at_failures(scene: Scene) -> Reading | None:
    bad, sources = _ambient_at(scene, failed_starts(scene))
    good, more = _ambient_at(scene, good_starts(scene))
    if len(bad) < 2 or len(good) < 3:
        return None
    return Reading(median(bad) - median(good), scene.anchor, few([*sources, *more]))


def _hours_of_rest(scene: Scene, starts: Sequence[Attempt]) -> tuple[list[float], list[Source]]:
    """How long the connector had not been used before these attempts, and the records of those where that is known."""
    uses = [s.end for s in scene.sessions() if s.end is not None and charged(s)]
    tries = [attempt.time for attempt in attempts(scene)]
    found, sources = [], []
    for start in starts:
        earlier = [end for end in uses if end <= start.time] + [time for time in tries if time < start.time]
        if earlier:
            found.append((start.time - max(earlier)) / HOUR)
            sources.append(start.source)
    return found, sources


def _rest_before_failures(scene: Scene) -> tuple[list[float], list[Source]]:
    """The same before failed starts, but for repetitions."""
    rests = list(zip(*_hours_of_rest(scene, failed_starts(scene)), strict=True))
    kept = [(rest, source) for rest, source in rests if rest > RETRY_WITHIN / HOUR]
    return [rest for rest, _ in kept], [source for _, source in kept]


@measures(
    "idle_before_failures",
    "median hours that the connector had not been used before its failed starts (repetitions within half an hour left out)",
    unit="h",
    low=0,
)
def idle_before_failures(scene: Scene) -> Reading | None:
    hours, sources = _rest_before_failures(scene)
    return Reading(median(hours), scene.anchor, few(sources)) if hours else None


@measures(
    "idle_before_failures_ratio",
    "hours of rest before at least three failed starts over those before at least three good ones, medians",
    unit="times",
    low=0,
)
def idle_before_failures_ratio(scene: Scene) -> Reading | None:
    bad, sources = _rest_before_failures(scene)
    good, more = _hours_of_rest(scene, good_starts(scene))
    if len(bad) < 3 or len(good) < 3:
        return None
    return Reading(median(bad) / max(0.1, median(good)), scene.anchor, few([*sources, *more]))


def _clock_concentration(starts: Sequence[Attempt]) -> float:
    """How closely attempts gather around one time of day: 0 spread evenly, 1 all at the same minute."""
    angles = 2.0 * np.pi * (np.array([start.time for start in starts]) % DAY) / DAY
    return float(np.hypot(np.cos(angles).mean(), np.sin(angles).mean()))


@measures(
    "failures_by_the_clock",
    "by how much more closely at least four failed starts on three or more days gather around one time of day than at least four "
    "good ones (0 spread evenly, 1 all at one minute)",
    unit="1",
)
def failures_by_the_clock(scene: Scene) -> Reading | None:
    bad, good = failed_starts(scene), good_starts(scene)
    if len(bad) < 4 or len(good) < 4 or len({int(a.time // DAY) for a in bad}) < 3:
        return None
    gap = _clock_concentration(bad) - _clock_concentration(good)
    return Reading(gap, scene.anchor, few([a.source for a in bad]))


@measures(
    "humidity",
    "the latest relative humidity that details or texts report from a day before the first occurrence to a day after the latest",
    unit="%",
    low=0,
    high=100,
)
def humidity(scene: Scene) -> Reading | None:
    told = figures(scene, r"humid|\brh\b|moisture", r"limit|threshold|max", ("pct", "ratio", None))
    near = [figure for figure in told if scene.first - DAY <= figure.time <= scene.anchor + DAY]
    return near[-1].reading(min(100.0, max(0.0, near[-1].percent))) if near else None
