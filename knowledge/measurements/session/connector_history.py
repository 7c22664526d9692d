"""The connector over weeks: how often its sessions and those beside it end unexpectedly, and when."""

from __future__ import annotations

import numpy as np

from ...readings import DAY, MINUTE, Reading, few, median
from ...scene import Scene
from ..registry import measures
from .endings import count_of, history, with_known_end, within_history
from .occurrences import MAX_COMPARED


@measures(
    "good_sessions_after_end",
    "sessions on this connector within a week after the latest occurrence that ended as they should; known where one after it "
    "has a known end",
    unit="1",
    low=0,
)
def good_sessions_after_end(scene: Scene) -> Reading | None:
    later = with_known_end(scene, [s for s in scene.sessions() if scene.anchor + 1 < s.start <= scene.anchor + 7 * DAY])
    return count_of(scene, [s for s, bad in later if not bad], later)


@measures(
    "abort_share_here",
    "of at least five sessions on this connector within 60 days with a known end, the share in percent that ended unexpectedly",
    unit="%",
    low=0,
    high=100,
)
def abort_share_here(scene: Scene) -> Reading | None:
    known = history(scene)
    if len(known) < 5:
        return None
    bad = [s.source for s, ended in known if ended]
    return Reading(100.0 * len(bad) / len(known), scene.anchor, few(bad or [s.source for s, _ in known]))


@measures(
    "abort_share_other_connectors",
    "of at least three sessions on the charger's other connectors within 60 days with a known end, the share in percent that "
    "ended unexpectedly",
    unit="%",
    low=0,
    high=100,
)
def abort_share_other_connectors(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    known = with_known_end(scene, [s for s in scene.sessions(which="others") if within_history(scene, s)])
    if len(known) < 3:
        return None
    bad = sum(ended for _, ended in known)
    return Reading(100.0 * bad / len(known), scene.anchor, few([s.source for s, _ in known]))


@measures(
    "aborts_of_connector",
    "faults of the code on this connector within 30 days up to the latest, no two of them nearer than a minute",
    unit="1",
    low=0,
)
def aborts_of_connector(scene: Scene) -> Reading | None:
    recent = [f for f in scene.incidence.faults if f.time >= scene.anchor - 30 * DAY]
    apart: list[float] = []
    for fault in recent:
        if not apart or fault.time - apart[-1] >= MINUTE:
            apart.append(fault.time)
    return Reading(float(len(apart)), scene.anchor, few([f.source for f in recent])) if recent else None


@measures(
    "clock_spread_of_occurrences",
    "of occurrences on at least three days, the median distance in minutes from their common time of day",
    unit="min",
    low=0,
)
def clock_spread_of_occurrences(scene: Scene) -> Reading | None:
    times = np.array(scene.times[-MAX_COMPARED:])
    if len({int(t // DAY) for t in times}) < 3:
        return None
    angles = 2 * np.pi * (times % DAY) / DAY
    centre = np.angle(np.mean(np.exp(1j * angles)))
    away = np.abs(np.angle(np.exp(1j * (angles - centre)))) * DAY / (2 * np.pi) / MINUTE
    return Reading(median(away), scene.anchor, few([f.source for f in scene.incidence.faults]))
