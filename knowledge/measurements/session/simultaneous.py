"""What else happened at the same moment: the grid, other chargers of the site, other connectors, other faults."""

from __future__ import annotations

from collections.abc import Iterable

from ....engine.facts import Source
from ...observations import epoch
from ...readings import HOUR, MINUTE, Reading, few
from ...scene import Scene
from ...sessions import Session
from ..grid_of_site import grid_records
from ..registry import measures
from .connections import breaks, connectivity_faults, heartbeat_gap
from .endings import ended_unexpectedly

TOGETHER = 3 * MINUTE
"""How far apart two chargers may report one outage (our judgement: two missed heartbeats and reporting delay)."""


@measures(
    "grid_event_seconds_from_end",
    "seconds between the fault and the nearest grid outage or voltage excursion of the site or its area, within ten minutes",
    unit="s",
    low=0,
)
def grid_event_seconds_from_end(scene: Scene) -> Reading | None:
    found = []
    for record in grid_records(scene):
        if record.time is not None and record.fields.get("kind") in ("outage", "voltage_excursion"):
            length = record.fields.get("duration_s") or 0.0
            distance = max(0.0, record.time - scene.anchor, scene.anchor - record.time - length)
            if distance <= 10 * MINUTE:
                found.append((distance, record.index, record))
    if not found:
        return None
    distance, _, record = min(found, key=lambda f: f[:2])
    return Reading(distance, record.time, (scene.source("grid", record),))


def _lost_at_fault(scene: Scene, device: str, gap: float | None) -> bool:
    """Whether another charger lost its connection around the fault; `gap` is the largest one in its heartbeats then."""
    anchor = scene.anchor
    gone = scene.devices.value("offline_since", device)
    return (
        (gap is not None and gap >= 3)
        or (gone is not None and abs(epoch(gone) - anchor) <= TOGETHER)
        or any(abs(fault.time - anchor) <= TOGETHER for fault in connectivity_faults(scene, device))
        or any(
            anchor - HOUR <= b.start <= anchor + TOGETHER and anchor <= max(b.start, b.end) + TOGETHER
            for b in breaks(scene, device)
        )
    )


@measures(
    "neighbours_lost_at_end",
    "other chargers of the site that lost their connection within three minutes of the fault; known where any has connection "
    "records or heartbeats around it",
    unit="1",
    low=0,
)
def neighbours_lost_at_end(scene: Scene) -> Reading | None:
    lost, seen = [], []
    for record in scene.neighbours:
        device = record.fields["device_id"]
        gap = heartbeat_gap(scene, device, scene.anchor)
        if _lost_at_fault(scene, device, gap):
            lost.append(record)
        if gap is not None or scene.records("connections", device=device):
            seen.append(record)
    if not seen and not lost:
        return None
    return Reading(float(len(lost)), scene.anchor, scene.sources("devices", lost or seen))


def _broke_off(scene: Scene, session: Session, seconds: float) -> bool | None:
    """Whether a session that ran up to the fault ended unexpectedly within so many seconds of it; None where its end, or why it
    ended then, is not told."""
    if session.end is None:
        return None
    return abs(session.end - scene.anchor) <= seconds and ended_unexpectedly(scene, session)


def _running_before(scene: Scene, sessions: Iterable[Session], seconds: float) -> list[Session]:
    """Those of some sessions that began at least a minute before the fault and ran on to so many seconds before it."""
    return [s for s in sessions if s.start < scene.anchor - MINUTE and s.over_by > scene.anchor - seconds]


@measures(
    "neighbour_sessions_ended_at_end",
    "other chargers of the site whose session ended unexpectedly within three minutes of the fault; known where of a session at "
    "one of them it is told that it did, ended as it should or went on",
    unit="1",
    low=0,
)
def neighbour_sessions_ended_at_end(scene: Scene) -> Reading | None:
    hit, seen = [], []
    for record in scene.neighbours:
        device = record.fields["device_id"]
        sessions = _running_before(scene, scene.sessions(device=device, which="all"), TOGETHER)
        told = [broken for s in sessions if (broken := _broke_off(scene, s, TOGETHER)) is not None]
        if any(told) or any(abs(f.time - scene.anchor) <= TOGETHER for f in scene.faults("own", device=device)):
            hit.append(record)
        if told:
            seen.append(record)
    if not hit and not seen:
        return None
    return Reading(float(len(hit)), scene.anchor, scene.sources("devices", hit or seen))


@measures(
    "other_connectors_ended_at_end",
    "other connectors of this charger whose session ended unexpectedly within two minutes of the fault; known where of a session "
    "on one of them it is told that it did, ended as it should or went on",
    unit="1",
    low=0,
)
def other_connectors_ended_at_end(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    running = _running_before(scene, scene.sessions(which="others"), 2 * MINUTE)
    told = [(s, broken) for s in running if (broken := _broke_off(scene, s, 2 * MINUTE)) is not None]
    bad = {s.connector_id: s.source for s, broken in told if broken}
    faults = [
        f
        for f in scene.faults("own", device=scene.device_id)
        if f.connector_id not in (None, scene.connector_id) and abs(f.time - scene.anchor) <= 2 * MINUTE
    ]
    if not told and not faults:
        return None
    hit = set(bad) | {f.connector_id for f in faults}
    sources = few([*bad.values(), *(f.source for f in faults)] or [s.source for s, _ in told])
    return Reading(float(len(hit)), scene.anchor, sources)


@measures(
    "other_connectors_kept_charging",
    "other connectors of this charger that went on charging for two minutes after the fault, by sessions or telemetry",
    unit="1",
    low=0,
)
def other_connectors_kept_charging(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    moment = scene.anchor
    through = {
        s.connector_id: s.source
        for s in scene.sessions(which="others")
        if s.source.list == "charging_records"
        and s.start < moment - MINUTE
        and s.end is not None
        and s.end > moment + 2 * MINUTE
    }
    for connector in scene.connectors():
        if connector in (scene.connector_id, *through):
            continue
        current = scene.readings("current", connector=connector)
        before, after = current.between(moment - 2 * MINUTE, moment), current.between(moment + 30, moment + 3 * MINUTE)
        if len(before) and len(after) and before.values[-1] > 1 and after.values[-1] > 1:
            through[connector] = after.source(len(after) - 1)
    return Reading(float(len(through)), moment, few(list(through.values()))) if through else None


@measures(
    "concurrent_code",
    "codes of other faults of this charger within ten minutes of an occurrence, on the same connector or the whole charger",
    kind="text",
    many=True,
)
def concurrent_code(scene: Scene) -> Iterable[Reading]:
    found: dict[str, list[Source]] = {}
    for fault in scene.faults(device=scene.device_id):
        if fault.code == scene.incidence.code or fault.connector_id not in (None, scene.connector_id):
            continue
        if any(abs(fault.time - time) <= 10 * MINUTE for time in scene.times):
            found.setdefault(fault.code, []).append(fault.source)
    return [Reading(code, scene.anchor, few(sources), key=code) for code, sources in sorted(found.items())]
