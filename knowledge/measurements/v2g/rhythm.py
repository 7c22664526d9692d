"""Measurements of the losses' rhythm: how regularly they come, at which hours, and after how long a discharge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from ...readings import DAY, HOUR, MINUTE, Reading, median
from ...scene import Scene
from ..registry import measures
from .evidence import of_incident
from .occurrences import happenings_here
from .switchover import waits_until_loss


def _medians_of_halves(values: Sequence[float]) -> tuple[float, float] | None:
    """Median of the earlier and of the later half; known from two in each."""
    half = len(values) // 2
    return None if half < 2 else (median(values[:half]), median(values[-half:]))


@measures(
    "loss_interval_variation",
    "standard deviation of the intervals between occurrences over their mean; known from four occurrences that are on average "
    "less than 18 h and more than five minutes apart",
    unit="1",
    low=0,
)
def loss_interval_variation(scene: Scene) -> Reading | None:
    intervals = np.diff(np.array(scene.times))
    if len(intervals) < 3 or not 5 * MINUTE < intervals.mean() < 18 * HOUR:
        return None
    return of_incident(scene, float(intervals.std() / intervals.mean()))


@measures(
    "loss_interval_ratio",
    "median of the later half of the intervals between occurrences over that of the earlier half; known from five occurrences",
    unit="1",
    low=0,
)
def loss_interval_ratio(scene: Scene) -> Reading | None:
    halves = _medians_of_halves([later - earlier for earlier, later in pairwise(scene.times)])
    if halves is None or halves[0] <= 0:
        return None
    return of_incident(scene, halves[1] / halves[0])


def hour_of_day(time: float) -> float:
    """The hour of day of a moment, in UTC."""
    return (time % DAY) / HOUR


def shortest_stretch(times: Iterable[float]) -> float:
    """Length in hours of the shortest stretch of the day's circle that holds all the moments."""
    hours = sorted(hour_of_day(time) for time in times)
    gaps = [later - earlier for earlier, later in pairwise(hours)]
    return 24.0 - max([*gaps, hours[0] + 24.0 - hours[-1]])


@measures(
    "sync_loss_hours_spread",
    "shortest stretch of the day that holds all occurrences; known from occurrences on three days",
    unit="h",
    low=0,
    high=24,
)
def sync_loss_hours_spread(scene: Scene) -> Reading | None:
    if len({int(t // DAY) for t in scene.times}) < 3:
        return None
    return of_incident(scene, shortest_stretch(scene.times))


def _times_to_loss(scene: Scene) -> list[float]:
    """Seconds that each discharge had lasted at its loss, in order of time; of one stay only the first loss."""
    before = [h for h in happenings_here(scene) if h.told and h.time < scene.first and h.lasted is not None]
    return [h.lasted or 0.0 for h in before] + waits_until_loss(scene)


@measures(
    "time_to_loss_variation",
    "standard deviation over mean of the time that discharges lasted until sync was lost; known from three losses after five "
    "minutes and more",
    unit="1",
    low=0,
)
def time_to_loss_variation(scene: Scene) -> Reading | None:
    waits = np.array(_times_to_loss(scene))
    if len(waits) < 3 or waits.min() < 5 * MINUTE:
        return None
    return of_incident(scene, float(waits.std() / waits.mean()))


@measures(
    "time_to_loss_ratio",
    "median time that the later half of the discharges lasted until sync was lost over that of the earlier half; known from "
    "four losses",
    unit="1",
    low=0,
)
def time_to_loss_ratio(scene: Scene) -> Reading | None:
    halves = _medians_of_halves(_times_to_loss(scene))
    if halves is None or halves[0] < MINUTE:
        return None
    return of_incident(scene, halves[1] / halves[0])
