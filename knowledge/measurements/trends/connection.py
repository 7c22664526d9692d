"""Reconnects and late heartbeats day by day: the last three days against the fourteen before them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ....engine.facts import Source
from ...fleet.extents import Column
from ...observations import Floats
from ...readings import DAY, Reading, few
from ...scene import Scene
from ..connectivity.history import Moment, heartbeat_interval, history, logged, most_in_ten_minutes
from ..registry import measures
from .ranges import Known, Range, ranged

LATELY_DAYS = 3
"""Days that count as lately (our judgement: of seventeen days these three are the worst by chance once in 680)."""

BEFORE_DAYS = 14
"""Days before them that they are compared with (our judgement: two weeks have each weekday twice)."""

FEWEST_BEFORE = 7
"""Days of them that must be known (our judgement: the three are then the worst by chance once in 120)."""


@dataclass(frozen=True)
class DailyCounts:
    """How often something happened in each 24 hours up to the diagnosis, the latest first, as far back as it is known."""

    counts: Floats
    sources: tuple[Source, ...]
    at: float

    def lately(self) -> Floats | None:
        """The latest days; None where they are not all known."""
        return self.counts[:LATELY_DAYS] if len(self.counts) >= LATELY_DAYS else None

    def before(self) -> Floats | None:
        """The days before them; None where too few are known."""
        days = self.counts[LATELY_DAYS : LATELY_DAYS + BEFORE_DAYS]
        return days if len(days) >= FEWEST_BEFORE else None

    def reading(self, value: float) -> Reading:
        """A value computed from them."""
        return Reading(float(value), self.at, self.sources)


def _daily_counts(scene: Scene, moments: Floats, since: float, sources: Sequence[Source]) -> DailyCounts:
    """The moments (ascending) day by day up to the diagnosis."""
    known = int(min(LATELY_DAYS + BEFORE_DAYS, max(0.0, (scene.anchor - since) // DAY)))
    edges = scene.anchor - DAY * np.arange(known, -1.0, -1.0)
    up_to = moments.searchsorted(edges, "left")
    up_to[-1] = moments.searchsorted(scene.anchor, "right")
    return DailyCounts(np.diff(up_to)[::-1].astype(np.float64), few(sources), scene.anchor)


def _unplanned(scene: Scene) -> list[Moment]:
    """Connections after the first that were not made on purpose, up to the diagnosis."""
    log = history(scene)
    planned = {span.end for span in log.planned}
    return [start for start in log.starts[1:] if start.time not in planned and start.time <= scene.anchor]


def _lately(scene: Scene, moments: Sequence[Moment]) -> list[Moment]:
    return [moment for moment in moments if moment.time > scene.anchor - LATELY_DAYS * DAY]


def _reconnects(scene: Scene) -> DailyCounts | None:
    def load() -> DailyCounts | None:
        records = logged(scene, "connections")
        if not records:
            return None
        made = _unplanned(scene)
        behind = _lately(scene, made) or records[-1:]
        sources = scene.sources("connections", [moment.record for moment in behind])
        return _daily_counts(scene, np.array([moment.time for moment in made]), records[0].time, sources)

    found: DailyCounts | None = scene.once("daily reconnects", load)
    return found


@measures(
    "reconnects_per_day",
    "connections a day that were not made on purpose, over the three days up to the diagnosis; known where the connection "
    "history is as old",
    unit="/day",
    low=0,
)
def reconnects_per_day(scene: Scene) -> Reading | None:
    found = _reconnects(scene)
    days = None if found is None else found.lately()
    return None if found is None or days is None else found.reading(days.mean())


@measures("fewest_reconnects_lately", "the same on the calmest of these three days", unit="1", low=0)
def fewest_reconnects_lately(scene: Scene) -> Reading | None:
    found = _reconnects(scene)
    days = None if found is None else found.lately()
    return None if found is None or days is None else found.reading(days.min())


@measures(
    "most_reconnects_before",
    "the same on the worst of the fourteen days before them, of which at least seven must be known",
    unit="1",
    low=0,
)
def most_reconnects_before(scene: Scene) -> Reading | None:
    found = _reconnects(scene)
    days = None if found is None else found.before()
    return None if found is None or days is None else found.reading(days.max())


@measures(
    "most_reconnects_in_ten_minutes",
    "the most connections not made on purpose within any ten minutes of the three days up to the diagnosis",
    unit="1",
    low=0,
)
def most_reconnects_in_ten_minutes(scene: Scene) -> Reading | None:
    lately = _lately(scene, _unplanned(scene))
    if not lately:
        return None
    sources = scene.sources("connections", [moment.record for moment in lately])
    return Reading(most_in_ten_minutes(lately), lately[-1].time, sources)


def _late_heartbeats(scene: Scene) -> DailyCounts | None:
    """Pauses of more than two heartbeat intervals, by the beat that ends each."""

    def load() -> DailyCounts | None:
        beats = scene.beats()
        if len(beats) < 2:
            return None
        interval = heartbeat_interval(scene, scene.device_id)
        late = np.flatnonzero((np.diff(beats.times) > 2.0 * interval) & (beats.times[1:] <= scene.anchor)) + 1
        behind = late[beats.times[late] > scene.anchor - LATELY_DAYS * DAY]
        sources = [beats.source(int(place)) for place in (behind[[0, -1]] if len(behind) else [len(beats) - 1])]
        return _daily_counts(scene, beats.times[late], float(beats.times[0]), sources)

    found: DailyCounts | None = scene.once("daily late heartbeats", load)
    return found


@measures(
    "late_heartbeats_per_day",
    "pauses a day of more than two heartbeat intervals over the three days up to the diagnosis; known where heartbeats are as old",
    unit="/day",
    low=0,
)
def late_heartbeats_per_day(scene: Scene) -> Reading | None:
    found = _late_heartbeats(scene)
    days = None if found is None else found.lately()
    return None if found is None or days is None else found.reading(days.mean())


@measures("fewest_late_heartbeats_lately", "the same on the calmest of these three days", unit="1", low=0)
def fewest_late_heartbeats_lately(scene: Scene) -> Reading | None:
    found = _late_heartbeats(scene)
    days = None if found is None else found.lately()
    return None if found is None or days is None else found.reading(days.min())


@measures(
    "most_late_heartbeats_before",
    "the same on the worst of the fourteen days before them, of which at least seven must be known",
    unit="1",
    low=0,
)
def most_late_heartbeats_before(scene: Scene) -> Reading | None:
    found = _late_heartbeats(scene)
    days = None if found is None else found.before()
    return None if found is None or days is None else found.reading(days.max())


# Ranges


def _made_lately(known: Known) -> Range:
    """No more connections than there are records in the three days up to the diagnosis."""
    made = np.zeros(len(known.devices))
    for place, moments in known.moments("connections"):
        made[place] = len(moments) - moments.searchsorted(known.as_of - LATELY_DAYS * DAY, "left")
    return Range(np.zeros(len(made)), made)


def _made_a_day(known: Known) -> Range:
    """Known where the connection history is as old."""
    is_old = np.zeros(len(known.devices), dtype=bool)
    for place, moments in known.moments("connections"):
        is_old[place] = known.as_of - moments[0] >= LATELY_DAYS * DAY
    return Range.where(is_old, 0.0, _made_lately(known).high / LATELY_DAYS)


ranged(_made_a_day, "reconnects_per_day", "fewest_reconnects_lately", columns=())
ranged(_made_lately, "most_reconnects_in_ten_minutes", columns=())

_BEATS = Column("heartbeats")


def _beats_for(days: int) -> Callable[[Known], Range]:
    """Known where heartbeats are so many days old."""
    return lambda known: Range.where(known.as_of - known.of(_BEATS).first >= days * DAY)


ranged(_beats_for(LATELY_DAYS), "late_heartbeats_per_day", "fewest_late_heartbeats_lately", columns=(_BEATS,))
ranged(_beats_for(LATELY_DAYS + FEWEST_BEFORE), "most_late_heartbeats_before", columns=(_BEATS,))
