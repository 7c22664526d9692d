"""Traffic and the drops of a storm: whether it pauses while a vehicle charges, and how quiet it was before a drop."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ....engine.facts import Source
from ...readings import CHARGING_STATES, DAY, MINUTE, Reading, few, median
from ...scene import Scene
from ..registry import measures
from .history import Moment, history, records_of, relative_spread
from .storm import FEWEST, storm, storm_reading

# Charging


def _day_around(scene: Scene) -> tuple[float, float]:
    """The day around the occurrences, long enough for storms to pause and come back."""
    return scene.first - DAY, scene.anchor + DAY


def _drops_of_day(scene: Scene) -> list[Moment]:
    start, end = _day_around(scene)
    return [drop for drop in history(scene).drops if start <= drop.time <= end]


def _charging_spans(scene: Scene) -> list[tuple[float, float]]:
    """When some connector was charging within a day of the storm, from sessions and telemetry; merged intervals."""

    def load() -> list[tuple[float, float]]:
        start, end = _day_around(scene)
        spans = [
            (s.start, s.end)
            for s in scene.sessions(which="all")
            if s.end is not None and s.end >= start and s.start <= end
        ]
        spans += _told_by_states(scene, start, end)
        merged: list[tuple[float, float]] = []
        for low, high in sorted(spans):
            if merged and low <= merged[-1][1] + MINUTE:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return merged

    found: list[tuple[float, float]] = scene.once("charging spans", load)
    return found


def _told_by_states(scene: Scene, start: float, end: float) -> list[tuple[float, float]]:
    """The quarter of a minute around each telemetry record that says so, those of one load together."""
    states = scene.words("state", which="all").between(start, end)
    times = scene.observations["telemetry"].times[states.rows_where(*CHARGING_STATES)]
    if not len(times):
        return []
    lows, highs = times - 15.0, times + 15.0
    apart = lows[1:] > highs[:-1] + MINUTE
    return [*zip(lows[np.append(True, apart)].tolist(), highs[np.append(apart, True)].tolist(), strict=True)]


def _charging_sources(scene: Scene, drops: Sequence[Moment]) -> tuple[Source, ...]:
    """The first and the last drop, and what tells whether it charged between: ended sessions, else telemetry."""
    start, end = drops[0].time, drops[-1].time
    sessions = scene.sessions(which="all")
    charging = [s.source for s in sessions if s.end is not None and s.end >= start and s.start <= end]
    if not charging:
        states = scene.words("state", which="all").between(start - 15.0, end + 15.0)
        charging = [states.source(place) for place in (0, -1)] if len(states) else []
    return few([*few(charging)[:6], *scene.sources("connections", records_of([drops[0], drops[-1]]))])


STORM_RESTS = 15 * MINUTE
"""Seconds without drop and without charging after which a storm rests for a reason that is not the charging (our judgement)."""


@measures(
    "pauses_while_charging",
    "times the storm paused while some connector was charging: spans of charging without a drop, longer than three median "
    "lives, with a drop in the quarter of an hour before and after",
    unit="1",
    low=0,
)
def pauses_while_charging(scene: Scene) -> Reading | None:
    found = _drops_of_day(scene)
    drops = np.array([drop.time for drop in found])
    lives = [life.seconds for life in storm(scene).lives]
    if len(drops) < 5 or len(lives) < FEWEST or not _charging_spans(scene):
        return None
    least = 3 * median(lives)
    near = 15 * MINUTE
    pauses = 0
    for low, high in _charging_spans(scene):
        during = (drops >= low + 1) & (drops <= high - 1)
        before = (drops >= low - near) & (drops < low + 1)
        after = (drops > high - 1) & (drops <= high + near)
        pauses += bool(high - low > least and not during.any() and before.any() and after.any())
    return Reading(float(pauses), scene.anchor, _charging_sources(scene, found))


@measures(
    "drops_while_charging",
    "of at least five drops from a day before the first occurrence to a day after the latest, the share in percent that came "
    "while some connector was charging; known where the records hold sessions or telemetry states of that time",
    unit="%",
    low=0,
    high=100,
)
def drops_while_charging(scene: Scene) -> Reading | None:
    drops = _drops_of_day(scene)
    spans = _charging_spans(scene)
    known = spans or len(scene.words("state", which="all").between(*_day_around(scene)))
    if len(drops) < 5 or not known:
        return None
    hit = sum(any(low <= drop.time <= high for low, high in spans) for drop in drops)
    return Reading(100.0 * hit / len(drops), scene.anchor, _charging_sources(scene, drops))


@measures(
    "charging_time_share",
    "share in percent of the time from the first to the last of those drops in which some connector was charging, pauses between two "
    "drops left out that hold more than a quarter of an hour without charging; known from five drops on and where it charged at all",
    unit="%",
    low=0,
    high=100,
)
def charging_time_share(scene: Scene) -> Reading | None:
    drops = _drops_of_day(scene)
    spans = _charging_spans(scene)
    if len(drops) < 5 or not spans or drops[-1].time <= drops[0].time:
        return None
    stormy = charging = 0.0
    for earlier, later in pairwise(drops):
        covered = sum(max(0.0, min(high, later.time) - max(low, earlier.time)) for low, high in spans)
        if later.time - earlier.time - covered <= STORM_RESTS:
            stormy += later.time - earlier.time
            charging += covered
    if stormy <= 0:
        return None
    return Reading(min(100.0, 100.0 * charging / stormy), scene.anchor, _charging_sources(scene, drops))


# Quiet


def _quiet_times(scene: Scene) -> list[float]:
    """Seconds without telemetry, events or heartbeats before each drop, where any came since the connection was made."""

    def load() -> list[float]:
        traffic = [
            scene.observations[name].times[rows]
            for name in ("telemetry", "events", "heartbeats")
            if (rows := scene.observations[name].by_device.get(scene.device_id)) is not None
        ]
        if not traffic:
            return []
        times = np.sort(np.concatenate(traffic))
        found = []
        for ended, life, _ in storm(scene).lives:
            place = int(np.searchsorted(times, ended - 0.5, "right"))
            if place and times[place - 1] > ended - life:
                found.append(float(ended - times[place - 1]))
        return found

    quiet: list[float] = scene.once("quiet times", load)
    return quiet


@measures(
    "quiet_before_drop",
    "median time without telemetry, events or heartbeats before at least four drops of the storm",
    unit="s",
    low=0,
)
def quiet_before_drop(scene: Scene) -> Reading | None:
    quiet = _quiet_times(scene)
    usual = median(quiet) if len(quiet) >= FEWEST else None
    return storm_reading(scene, usual, records_of(storm(scene).lives))


@measures("quiet_before_drop_variation", "relative spread of those quiet times, as for lives", unit="1", low=0)
def quiet_before_drop_variation(scene: Scene) -> Reading | None:
    return storm_reading(scene, relative_spread(_quiet_times(scene), FEWEST), records_of(storm(scene).lives))
