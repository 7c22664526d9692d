"""The current at the end: how it fell, whether it broke off before, and what the charger's power limit did."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ....engine.facts import Source
from ...readings import CHARGING_STATES, MINUTE, Reading, Readings, few, median, percentile
from ...scene import Scene
from ..registry import measures
from .occurrences import at_latest_occurrence, state_entered, state_left, timed_events


@dataclass(frozen=True)
class Fall:
    """How the current fell at the end, against its level in the 20 minutes before.

    `share` is the last current in percent of the level, `samples` and `seconds` lead from the last full current to none,
    `idle` are the seconds without current up to the fault, `decline` says in percent how much lower it was towards the
    end than ten to twenty minutes before.
    """

    share: float
    samples: int
    seconds: float
    idle: float
    dropouts: int
    decline: float | None
    time: float
    sources: tuple[Source, ...]


def _fall_in(window: Readings, time: float) -> Fall | None:
    values, times = np.abs(window.values), window.times
    flowing = values[(times <= time) & (values > 0.5)]
    if len(flowing) < 4:
        return None
    level = percentile(flowing, 75)
    last = int(np.flatnonzero(values > 0.05 * level)[-1])
    if times[last] < time - 10 * MINUTE:
        return None
    top = int(np.flatnonzero(values[: last + 1] >= 0.85 * level)[-1])
    stopped = float(times[last + 1]) if last + 1 < len(times) else max(time, float(times[last]))
    low = values[: last + 1] < 0.1 * level
    early = values[(times < time - 10 * MINUTE) & (values > 0.05 * level)]
    late = values[(times >= time - 3 * MINUTE) & (times <= time) & (values > 0.05 * level)]
    decline = None
    if len(early) >= 3 and len(late) >= 2 and median(early) > 0:
        decline = 100.0 * (1.0 - median(late) / median(early))
    zeros = times[(times > times[last]) & (times <= time)]
    return Fall(
        share=100.0 * float(values[last]) / level,
        samples=last - top,
        seconds=stopped - float(times[top]),
        idle=time - float(zeros[0]) if len(zeros) >= 2 else 0.0,
        # A dropout is a run of low samples with current before and after it.
        dropouts=int(np.sum(~low[:-1] & low[1:])),
        decline=decline,
        time=float(times[last]),
        sources=few([window.source(top), window.source(last), window.source(min(last + 1, len(window) - 1))]),
    )


def _fall(scene: Scene, time: float) -> Fall | None:
    """How the current fell around an occurrence; the power tells it where the current does not."""
    windows = (scene.readings(column).between(time - 20 * MINUTE, time + 90.0) for column in ("current", "power"))
    return next((fall for window in windows if (fall := _fall_in(window, time)) is not None), None)


def _of_fall(scene: Scene, pick: Callable[[Fall], float | None]) -> Reading | None:
    def at(time: float) -> Reading | None:
        fall = scene.once(("fall", time), lambda: _fall(scene, time))
        value = None if fall is None else pick(fall)
        return None if fall is None or value is None else Reading(value, fall.time, fall.sources)

    return at_latest_occurrence(scene, at)


@measures(
    "last_current_share",
    "the last current (or power) before it was gone, in percent of its level in the 20 minutes before the fault",
    unit="%",
    low=0,
)
def last_current_share(scene: Scene) -> Reading | None:
    return _of_fall(scene, lambda fall: fall.share)


@measures(
    "falling_samples",
    "samples in which current (or power) was under 85 percent of its level before it was gone",
    unit="1",
    low=0,
)
def falling_samples(scene: Scene) -> Reading | None:
    return _of_fall(scene, lambda fall: float(fall.samples))


@measures("falling_seconds", "seconds from the last full current (85 percent of its level) to none", unit="s", low=0)
def falling_seconds(scene: Scene) -> Reading | None:
    return _of_fall(scene, lambda fall: fall.seconds)


@measures(
    "seconds_without_current_before_end",
    "seconds from the first sample without current to the fault, where at least two samples show none",
    unit="s",
    low=0,
)
def seconds_without_current_before_end(scene: Scene) -> Reading | None:
    return _of_fall(scene, lambda fall: fall.idle)


@measures(
    "current_dropouts", "times current broke off and came back in the 20 minutes before the fault", unit="1", low=0
)
def current_dropouts(scene: Scene) -> Reading | None:
    return _of_fall(scene, lambda fall: float(fall.dropouts))


def _returns(marks: Iterable[tuple[float, bool]]) -> int:
    """How often charging was left and come back to within a minute."""
    left: float | None = None
    number = 0
    for (_, before), (time, now) in pairwise(marks):
        if before and not now:
            left = time
        elif now and not before and left is not None and time - left <= MINUTE:
            number += 1
    return number


@measures(
    "state_flutters_at_end",
    "times the connector left the charging state and was back in it within a minute, in the 20 minutes before the fault, by "
    "telemetry or state events",
    unit="1",
    low=0,
)
def state_flutters_at_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        start = time - 20 * MINUTE
        states = scene.words("state").between(start, time)
        told = [(moment, word in CHARGING_STATES) for moment, word in states]
        events = timed_events(scene, "state", start=start, end=time)
        changes = [(moment, to in CHARGING_STATES) for moment, event in events if (to := state_entered(event))]
        if changes and (left := state_left(events[0][1])) is not None:
            changes.insert(0, (start, left in CHARGING_STATES))
        if len(told) < 4 and not changes:
            return None
        sources = [states.source(0), states.source(len(states) - 1)] if len(told) else []
        sources += scene.sources("events", [event for _, event in events])
        return Reading(float(max(_returns(told), _returns(changes))), time, few(sources))

    return at_latest_occurrence(scene, at)


@measures(
    "current_decline_before_end",
    "how much lower the current was in the last three minutes than ten to twenty minutes before the fault, in percent",
    unit="%",
)
def current_decline_before_end(scene: Scene) -> Reading | None:
    return _of_fall(scene, lambda fall: fall.decline)


@measures(
    "power_limit_decline_before_end",
    "how much lower the charger's own power limit was at the end than ten to twenty minutes before, in percent",
    unit="%",
)
def power_limit_decline_before_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        limits = scene.readings("power_limit")
        early, late = limits.between(time - 20 * MINUTE, time - 10 * MINUTE), limits.between(time - 3 * MINUTE, time)
        if not len(early) or not len(late) or median(early.values) <= 0:
            return None
        return late.reading(100.0 * (1.0 - float(late.values.min()) / median(early.values)))

    return at_latest_occurrence(scene, at)
