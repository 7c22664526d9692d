"""The charger's outages over weeks: how long they last, whether it comes back by itself, at which time of day."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...readings import DAY, HOUR, MINUTE, Reading, few, median
from ...scene import Scene
from ..common import restarts
from ..registry import measures
from .history import Moment, Span, history, logged, records_of, relative_spread
from .loss import back_at, lost_at

FEWEST_OUTAGES = 3
"""Outages from which on their length is typical (our judgement)."""

VISIT_LASTS = HOUR
"""How long before and after the moment that a visit's record names somebody may be at the charger (our judgement)."""


def _recent_outages(scene: Scene, days: float) -> list[Span]:
    """Outages whose end lies within so many days before the latest occurrence, or a day after it."""
    return [x for x in history(scene).outages if scene.anchor - days * DAY <= x.end <= scene.anchor + DAY]


def _on_days(times: Iterable[float]) -> int:
    """On how many distinct days (UTC) something happened."""
    return len({int(time // DAY) for time in times})


@measures(
    "typical_outage",
    "median seconds from drop to return over at least three outages that ended in the 30 days before the latest occurrence or "
    "the day after it",
    unit="s",
    low=0,
)
def typical_outage(scene: Scene) -> Reading | None:
    recent = _recent_outages(scene, 30)
    if len(recent) < FEWEST_OUTAGES:
        return None
    typical = median([outage.seconds for outage in recent])
    return Reading(typical, scene.anchor, scene.sources("connections", records_of(recent)))


@measures(
    "outage_length_variation",
    "spread of at least three outages' lengths, as for the typical one over the 30 days before the latest occurrence and the "
    "day after it: half the distance of their 16th and 84th percentile over their median",
    unit="1",
    low=0,
)
def outage_length_variation(scene: Scene) -> Reading | None:
    recent = _recent_outages(scene, 30)
    spread = relative_spread([outage.seconds for outage in recent], FEWEST_OUTAGES)
    if spread is None:
        return None
    return Reading(spread, scene.anchor, scene.sources("connections", records_of(recent)))


@measures(
    "losses_recovered",
    "losses from which the charger came back in the week before the latest occurrence or the day after it, with no restart "
    "command that was not refused while it was away and no visit then or within an hour; known where it came back from any",
    unit="1",
    low=0,
)
def losses_recovered(scene: Scene) -> Reading | None:
    recent = _recent_outages(scene, 7)
    if not recent:
        return None
    helped = [(time, time) for time, _ in restarts(scene)]
    helped += [(visit.time - VISIT_LASTS, visit.time + VISIT_LASTS) for visit in logged(scene, "service_visits")]
    alone = [x for x in recent if not any(low <= x.end and high >= x.end - x.seconds for low, high in helped)]
    return Reading(float(len(alone)), recent[-1].end, scene.sources("connections", records_of(alone or recent)))


@measures(
    "loss_clock_spread",
    "how far the losses of at least three days (the faults, else the drops of 30 days that were not on purpose) lie from one "
    "time of day: the largest distance in minutes from their circular mean",
    unit="min",
    low=0,
)
def loss_clock_spread(scene: Scene) -> Reading | None:
    times = [fault.time for fault in scene.incidence.faults]
    sources = [fault.source for fault in scene.incidence.faults]
    if _on_days(times) < 3:
        log = history(scene)
        on_purpose = {span.end - span.seconds for span in log.planned}
        start, end = scene.anchor - 30 * DAY, scene.anchor + HOUR
        drops = [drop for drop in log.drops if start <= drop.time <= end and drop.time not in on_purpose]
        times, sources = [drop.time for drop in drops], [scene.source("connections", drop.record) for drop in drops]
    if _on_days(times) < 3:
        return None
    angles = np.exp(2j * np.pi * np.array(times) / DAY)
    mean = angles.mean()
    if abs(mean) < 1e-6:  # spread evenly over the day: there is no mean to measure from
        return Reading(720.0, scene.anchor, few(sources))
    off = np.abs(np.angle(angles / mean)) * DAY / (2 * np.pi) / MINUTE
    return Reading(float(off.max()), scene.anchor, few(sources))


@measures(
    "routine_reconnects_at_this_hour",
    "earlier days of the fortnight on which the charger reconnected on purpose (clean close, back within two minutes) within "
    "ten minutes of the loss's time of day; known where it ever did and has not come back since",
    unit="1",
    low=0,
)
def routine_reconnects_at_this_hour(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    earlier = [span for span in history(scene).planned if lost - 14 * DAY <= span.end < lost - HOUR]
    planned = [Moment(span.end - span.seconds, span.record) for span in earlier]
    if not planned or back_at(scene) is not None:
        return None

    def off_the_hour(time: float) -> float:
        return abs((lost - time + DAY / 2) % DAY - DAY / 2)

    same = [drop for drop in planned if off_the_hour(drop.time) <= 10 * MINUTE]
    days = {int((lost - drop.time + DAY / 2) // DAY) for drop in same}
    return Reading(float(len(days)), lost, scene.sources("connections", records_of(same or planned)))


@measures(
    "busiest_hours_share",
    "of at least ten drops over at least three days, from 30 days before the latest occurrence to a day after it, the share in "
    "percent that falls into the busiest six hours of the day, every day counted alike",
    unit="%",
    low=0,
    high=100,
)
def busiest_hours_share(scene: Scene) -> Reading | None:
    drops = [x for x in history(scene).drops if scene.anchor - 30 * DAY <= x.time <= scene.anchor + DAY]
    if len(drops) < 10 or _on_days(drop.time for drop in drops) < 3:
        return None
    times = np.array([drop.time for drop in drops])
    _, day_of, drops_on = np.unique(times // DAY, return_inverse=True, return_counts=True)
    weights = 1.0 / drops_on[day_of]  # one long storm says nothing of the hours of other days
    order = np.argsort(times % DAY, kind="stable")
    hours = (times % DAY)[order]
    twice = np.concatenate([hours, hours + DAY])  # the six hours may run over midnight
    sums = np.concatenate([[0.0], np.cumsum(np.tile(weights[order], 2))])
    within = sums[np.searchsorted(twice, hours + 6 * HOUR, "right")] - sums[: len(hours)]
    share = min(100.0, 100.0 * float(within.max()) / len(drops_on))
    return Reading(share, scene.anchor, scene.sources("connections", records_of(drops)))
