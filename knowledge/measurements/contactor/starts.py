"""Attempts to start: which failed, which charged, how they follow each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from ....engine.facts import Source
from ...readings import CHARGING_STATES, DAY, MINUTE, Reading, few
from ...scene import Scene, Which
from ...sessions import Session
from ..registry import measures
from .payload import figures, said_sound

SAME_ATTEMPT = 20.0
"""Seconds within which two reports are of one attempt to start (our judgement: a retry needs a new authorisation)."""

RETRY_WITHIN = 30 * MINUTE
"""How long after a failed start another one still counts as its repetition (our judgement: the driver is still there)."""


STRAYS = 2
"""Failed starts that may lie far before a failure for good without being its beginning (our judgement: once or twice in weeks is
what any contactor does)."""

GOOD_AFTER_STRAY = 5
"""Good starts for each of them that have to lie between (our judgement)."""

FOR_GOOD = 5
"""Failed starts at the end without a good one between from which on that is so (our judgement: of a connector that fails at one start
of two, one row of thirty)."""


def charged(session: Session) -> bool:
    """Whether energy flowed in a session, as far as its record says."""
    if session.energy is not None:
        return abs(session.energy) >= 0.1
    if session.max_power is not None:
        return abs(session.max_power) >= 0.5
    return session.duration is not None and session.duration >= 3 * MINUTE


def state_events(
    scene: Scene, which: Which = "own", start: float | None = None, end: float | None = None
) -> Iterator[tuple[float, str, Source]]:
    """The states that events say a connector turned to: when, which, the record."""
    for event in scene.events("state", which=which, start=start, end=end):
        entered = event.data.get("to")
        if isinstance(entered, str):
            yield event.time or 0.0, entered.strip().lower(), scene.source("events", event)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to start on a connector: when, whether power flowed, a record that says so."""

    time: float
    good: bool
    source: Source


def attempts(scene: Scene, connectors: Literal["own", "others"] = "own") -> list[Attempt]:
    """Attempts to start in time order: faults of the code are failed ones; sessions and charging states good ones."""

    def load() -> list[Attempt]:
        failed = _reported_failures(scene, connectors == "own")
        moments = np.array([time for time, _ in failed], dtype=np.float64)

        def faulty(start: float, end: float) -> bool:
            return bool(((moments >= start) & (moments <= end)).any())

        sessions = scene.sessions(which=connectors)
        good = [(s.start, s.source) for s in sessions if charged(s) and not faulty(s.start - 5.0, s.start + 45.0)]
        known = np.array([time for time, _ in good], dtype=np.float64)
        for time, source in _charging_states(scene, connectors):
            covered = bool((np.abs(known - time) < 10 * MINUTE).any())
            if covered or any(s.start <= time <= (s.end or s.start) for s in sessions):
                continue
            if not faulty(time - 15.0, time + 50.0):
                good.append((time, source))
        found = [Attempt(t, False, s) for t, s in failed] + [Attempt(t, True, s) for t, s in good]
        return sorted(found, key=lambda attempt: (attempt.time, attempt.good))

    return scene.once(("contactor-attempts", connectors), load)


def _reported_failures(scene: Scene, own: bool) -> list[tuple[float, Source]]:
    """The faults of the code on the connector, or on the charger's others; reports of one attempt count once."""
    failed: list[tuple[float, Source]] = []
    for fault in scene.faults("own", device=scene.device_id):
        here = fault.connector_id is None or scene.connector_id is None or fault.connector_id == scene.connector_id
        if here == own and (not failed or fault.time - failed[-1][0] > SAME_ATTEMPT):
            failed.append((fault.time, fault.source))
    return failed


def _charging_states(scene: Scene, which: Literal["own", "others"]) -> list[tuple[float, Source]]:
    """When telemetry or events show that a connector turned to charging, in time order."""
    found: list[tuple[float, Source]] = []
    if scene.connector_id is not None or which == "own":
        states = scene.words("state", which=which).changes()
        found += [(t, states.source(place)) for place, (t, word) in enumerate(states) if word in CHARGING_STATES]
    found += [(t, source) for t, word, source in state_events(scene, which) if word in CHARGING_STATES]
    return sorted(found)


def good_starts(scene: Scene) -> list[Attempt]:
    """The connector's attempts after which power flowed."""
    return [attempt for attempt in attempts(scene) if attempt.good]


def failed_starts(scene: Scene) -> list[Attempt]:
    """The connector's attempts that ended with the code."""
    return [attempt for attempt in attempts(scene) if not attempt.good]


def _strays(attempted: list[Attempt]) -> int:
    """How many of some attempts, from the first failed one on, are stray failures and the good ones after them."""
    last_good = max((place for place, attempt in enumerate(attempted) if attempt.good), default=-1)
    before = attempted[: last_good + 1]
    failed = sum(not attempt.good for attempt in before)
    for_good = len(attempted) - len(before) >= FOR_GOOD
    stray = for_good and 0 < failed <= STRAYS and len(before) - failed >= GOOD_AFTER_STRAY * failed
    return len(before) if stray else 0


def began(scene: Scene) -> float:
    """When starts began to fail: at the first occurrence, or after stray ones long before a failure for good."""

    def load() -> float:
        since = [attempt for attempt in attempts(scene) if scene.first - 1.0 <= attempt.time <= scene.anchor]
        stray = _strays(since)
        return since[stray].time if stray else scene.first

    moment: float = scene.once("starts began to fail", load)
    return moment


@measures(
    "failed_start_share",
    "of at least three attempts to start on the connector since starts began to fail (at the first occurrence; up to two stray ones, "
    "with five good starts to each, before at least five failed ones left out), the share in percent that failed with the code",
    unit="%",
    low=0,
    high=100,
)
def failed_start_share(scene: Scene) -> Reading | None:
    since = [a for a in attempts(scene) if a.time >= began(scene) - 1.0]
    if len(since) < 3:
        return None
    failed = [a for a in since if not a.good]
    return Reading(100.0 * len(failed) / len(since), scene.anchor, few([a.source for a in since]))


@measures(
    "good_starts_between_failures",
    "successful starts on the connector between its first and its latest failed one, stray ones left out as in failed_start_share",
    unit="1",
    low=0,
)
def good_starts_between_failures(scene: Scene) -> Reading | None:
    good = good_starts(scene)
    if len(scene.times) < 2 or not good:
        return None
    between = [a for a in good if began(scene) < a.time < scene.anchor]
    return Reading(
        float(len(between)),
        scene.anchor,
        few([a.source for a in between] or [f.source for f in scene.incidence.faults]),
    )


@measures(
    "failures_in_a_row",
    "failed starts on the connector up to the latest one without a successful one between",
    unit="1",
    low=0,
)
def failures_in_a_row(scene: Scene) -> Reading | None:
    row: list[Attempt] = []
    for attempt in attempts(scene):
        row = [] if attempt.good else [*row, attempt]
    told = figures(scene, r"consecutive|in a row|successive", r"good|success|ok|limit|max")
    tries = figures(scene, r"(attempts?|tries|retries|starts)( count)?$", r"success|good|max|limit|auth")
    wins = figures(scene, r"success\w*( count)?$", r"rate|share|pct|last")
    if tries and wins and wins[-1].number == 0 and tries[-1].number > len(row):
        told = [*told, tries[-1]]
    if told and told[-1].number > len(row):
        return told[-1].reading(told[-1].number)
    return Reading(float(len(row)), scene.anchor, few([a.source for a in row])) if row else None


_RETRY = r"(retry|second (start|attempt)|restart) ?(result|outcome|success|ok|succeeded|attempt)?$"


def _retries(scene: Scene) -> list[Attempt]:
    """The attempts that soon followed a failed one."""
    return [
        later
        for earlier, later in pairwise(attempts(scene))
        if not earlier.good and later.time - earlier.time <= RETRY_WITHIN
    ]


@measures(
    "retry_success_share",
    "of the failed starts that were tried again within half an hour, the share in percent whose next attempt charged",
    unit="%",
    low=0,
    high=100,
)
def retry_success_share(scene: Scene) -> Reading | None:
    retries = _retries(scene)
    if not retries:
        told = said_sound(scene, _RETRY)
        return None if told is None else Reading(100.0 if told.value else 0.0, told.at, told.sources)
    good = sum(a.good for a in retries)
    return Reading(100.0 * good / len(retries), scene.anchor, few([a.source for a in retries]))


@measures("retries_seen", "failed starts that were tried again within half an hour", unit="1", low=0)
def retries_seen(scene: Scene) -> Reading | None:
    tried = attempts(scene)
    told = said_sound(scene, _RETRY)
    if len(tried) < 2 and told is not None:
        return Reading(1.0, told.at, told.sources)
    retries = _retries(scene)
    return Reading(float(len(retries)), scene.anchor, few([a.source for a in retries])) if retries else None


@measures(
    "good_starts_before_first_failure",
    "successful starts on the connector in the 30 days before starts began to fail",
    unit="1",
    low=0,
)
def good_starts_before_first_failure(scene: Scene) -> Reading | None:
    begin = began(scene)
    before = [a for a in good_starts(scene) if begin - 30 * DAY <= a.time < begin]
    return Reading(float(len(before)), begin, few([a.source for a in before])) if before else None


@measures(
    "failure_span",
    "days from the first to the latest failed start of the incident, stray ones left out as in failed_start_share",
    unit="days",
    low=0,
)
def failure_span(scene: Scene) -> Reading | None:
    faults = [fault for fault in scene.incidence.faults if fault.time >= began(scene)]
    return (
        Reading((scene.anchor - faults[0].time) / DAY, scene.anchor, few([f.source for f in faults]))
        if len(faults) > 1
        else None
    )


FEWEST_FOR_TREND = 7
"""Failed starts from which on their distances show a trend (our judgement: of series without any one in seven then looks as if it
had a clear one, by the F distribution of 6 and 6 degrees of freedom; of five starts one in three)."""


@measures(
    "failure_gap_trend",
    "mean time between failed starts in the later half of at least seven over four days or more, over that in the earlier half; stray "
    "ones left out as in failed_start_share",
    unit="times",
    low=0,
)
def failure_gap_trend(scene: Scene) -> Reading | None:
    failed = [attempt for attempt in failed_starts(scene) if attempt.time >= began(scene) - 1.0]
    if len(failed) < FEWEST_FOR_TREND or failed[-1].time - failed[0].time < 4 * DAY:
        return None
    gaps = np.diff(np.array([a.time for a in failed]))
    half = len(gaps) // 2
    early, late = float(np.mean(gaps[:half])), float(np.mean(gaps[-half:]))
    return Reading(late / early, scene.anchor, few([a.source for a in failed])) if early > 0 else None
