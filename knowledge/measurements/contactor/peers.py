"""What else reported the code or was busy: other connectors, chargers alike or next door, the same vehicles elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ....engine.facts import Source
from ...fleet.reported_faults import FaultEvent
from ...observations import Floats, Record
from ...readings import CHARGING_STATES, DAY, HOUR, MINUTE, Reading, few
from ...scene import Scene
from ...texts import flat
from ..elsewhere import chargers_of_vehicles, vehicle_key
from ..fleet import same_code_nearby, without_own
from ..registry import measures
from .starts import Attempt, attempts, charged, failed_starts, good_starts


def _is_elsewhere(scene: Scene, fault: FaultEvent) -> bool:
    """Whether a fault is certainly another connector's: the same one may be told with its connector and without."""
    own, other = scene.connector_id, fault.connector_id
    return fault.device_id != scene.device_id or (own is not None and other is not None and own != other)


@measures(
    "connectors_with_code_at_once",
    "other connectors of the charger and those of the site's other chargers that reported the code within ten minutes of the first "
    "occurrence; a report that names none tells the same fault as one of its charger that does",
    unit="1",
    low=0,
)
def connectors_with_code_at_once(scene: Scene) -> Reading | None:
    if not scene.neighbours and (scene.connector_id is None or len(scene.connectors()) < 2):
        return None
    near = {r.fields["device_id"] for r in scene.neighbours} | {scene.device_id}
    hits = [
        fault
        for fault in scene.faults("own")
        if fault.device_id in near and abs(fault.time - scene.first) <= 10 * MINUTE and _is_elsewhere(scene, fault)
    ]
    named = {(fault.device_id, fault.connector_id) for fault in hits if fault.connector_id is not None}
    unnamed = {fault.device_id for fault in hits} - {device for device, _ in named}
    return Reading(
        float(len(named) + len(unnamed)),
        scene.first,
        few([f.source for f in hits] or [f.source for f in scene.incidence.faults]),
    )


class _Busy(NamedTuple):
    """When another connector of the charger was charging, from and to by sessions and then by telemetry, and the first and
    the last record of it."""

    begun: Floats
    ended: Floats
    sources: tuple[Source, ...]


def _busy(scene: Scene) -> _Busy | None:
    def load() -> _Busy | None:
        sessions = [s for s in scene.sessions(which="others") if charged(s) or s.end is None]
        table = scene.observations["telemetry"]
        rows = scene.words("state", which="others").rows_where(*CHARGING_STATES)
        told = [*sessions[:1], *sessions[-1:]]
        shown = [*rows[:1].tolist(), *rows[-1:].tolist()]
        sources = [*(s.source for s in told), *(table.source(row) for row in shown)]
        if not sources:
            return None
        spans = [(s.start, s.start + HOUR if s.end is None else s.end) for s in sessions]
        begun, ended = np.array(spans, dtype=np.float64).reshape(-1, 2).T
        return _Busy(
            np.append(begun, table.times[rows] - 30.0),
            np.append(ended, table.times[rows] + 30.0),
            few([sources[0], sources[-1]]),
        )

    return scene.once(("contactor-busy",), load)


def _busy_share(scene: Scene, starts: Sequence[Attempt], least: int) -> Reading | None:
    """The share of at least so many attempts during which another connector was charging or started within a minute."""
    if scene.connector_id is None or len(starts) < least:
        return None
    found = _busy(scene)
    if found is None:
        return None
    busy = [bool(((found.begun - 60.0 <= start.time) & (start.time <= found.ended)).any()) for start in starts]
    return Reading(100.0 * float(np.mean(busy)), scene.anchor, found.sources)


@measures(
    "busy_share_at_failures",
    "of at least two failed starts, the share in percent during which another connector of the charger was charging or started",
    unit="%",
    low=0,
    high=100,
)
def busy_share_at_failures(scene: Scene) -> Reading | None:
    return _busy_share(scene, failed_starts(scene), 2)


@measures(
    "busy_share_at_good_starts",
    "of at least three successful starts, the share in percent during which another connector of the charger was charging or started",
    unit="%",
    low=0,
    high=100,
)
def busy_share_at_good_starts(scene: Scene) -> Reading | None:
    return _busy_share(scene, good_starts(scene), 3)


@measures(
    "good_starts_on_other_connectors",
    "successful starts on the charger's other connectors within seven days of the latest occurrence, where none of them reported the code",
    unit="1",
    low=0,
)
def good_starts_on_other_connectors(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    tried = [a for a in attempts(scene, "others") if abs(a.time - scene.anchor) <= 7 * DAY]
    if not tried or any(not a.good for a in tried):
        return None
    return Reading(float(len(tried)), scene.anchor, few([a.source for a in tried]))


@measures(
    "batch_peers_with_code",
    "other chargers of the same manufacturing batch that reported the code within 90 days; known where the bundle holds others of it",
    unit="1",
    low=0,
)
def batch_peers_with_code(scene: Scene) -> Reading | None:
    batch = scene.about("lifecycle.manufacturing_batch")
    if not batch:
        return None
    chargers = scene.fleet.chargers
    peers = without_own(scene, chargers.having("lifecycle.manufacturing_batch", batch))
    if not len(peers):
        return None
    hit = np.intersect1d(peers, chargers.places(same_code_nearby(scene, 90 * DAY)), assume_unique=True)
    return Reading(float(len(hit)), scene.anchor, chargers.sources(hit if len(hit) else peers))


def _vehicles_in(record: Record) -> Iterator[str]:
    for path, value in flat(record.data):
        if path.split()[-1:] == ["vin"] and isinstance(value, str) and value.strip():
            yield vehicle_key(value)


def _vehicles_at_faults(scene: Scene) -> dict[str, Source]:
    """The vehicles at the connector when the faults happened, by their keys."""

    def load() -> dict[str, Source]:
        found: dict[str, Source] = {}
        for time in scene.times:
            for session in scene.sessions():
                begun = time - 12 * HOUR <= session.start <= time + 5 * MINUTE
                if session.vin and begun and session.over_by >= time - 5 * MINUTE:
                    found.setdefault(vehicle_key(session.vin), session.source)
        for fault in scene.incidence.faults:
            for vehicle in _vehicles_in(fault.record):
                found.setdefault(vehicle, fault.source)
        for event in scene.events("plug_in", "start", "auth_ok", which="own"):
            if event.time is not None and any(0 <= time - event.time <= 5 * MINUTE for time in scene.times):
                for vehicle in _vehicles_in(event):
                    found.setdefault(vehicle, scene.source("events", event))
        return found

    return scene.once(("contactor-vins",), load)


@measures(
    "vehicle_with_code_elsewhere",
    "other chargers in the bundle that reported the code with a vehicle that was here at a fault; known where that vehicle was "
    "at another charger at all",
    unit="1",
    low=0,
)
def vehicle_with_code_elsewhere(scene: Scene) -> Reading | None:
    vehicles = _vehicles_at_faults(scene)
    if not vehicles:
        return None
    visited, hit, sources = set(), set(), list(vehicles.values())
    for device in chargers_of_vehicles(scene, vehicles):
        faults = scene.faults("own", device=device)
        for session in scene.sessions(device=device, which="all"):
            if session.vin and vehicle_key(session.vin) in vehicles:
                visited.add(device)
                if any(
                    session.start - 5 * MINUTE <= f.time <= (session.end or session.start) + 5 * MINUTE for f in faults
                ):
                    hit.add(device)
                    sources.append(session.source)
    return Reading(float(len(hit)), scene.anchor, few(sources)) if visited else None


@measures(
    "vehicles_at_faults", "different vehicles that were at the connector when the faults happened", unit="1", low=0
)
def vehicles_at_faults(scene: Scene) -> Reading | None:
    vehicles = _vehicles_at_faults(scene)
    return Reading(float(len(vehicles)), scene.anchor, few(list(vehicles.values()))) if vehicles else None
