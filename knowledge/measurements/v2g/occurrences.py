"""Losses of sync and refusals: those of the incident, and all of its code in the bundle with the vehicle they concerned."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....engine.facts import Source
from ...columns.names import names_by
from ...fleet.tables import FleetTables
from ...observations import Record
from ...readings import DAY, HOUR, MINUTE
from ...scene import FaultEvent, Scene
from ...sessions import Session
from ...texts import as_number, flat, words_of
from .payload import as_percent, spelled
from .records import asks_for_discharge, same_connector, sampled
from .vehicles import Vehicle, session_at, vehicle_in, vehicle_in_events, vehicle_of, vehicle_of_stay

LOSS, REFUSAL = "F-0701", "F-0702"
TOGETHER = MINUTE
"""Seconds within which two happenings count as simultaneous (our judgement: clocks of chargers and of grid records)."""

MOST_OCCURRENCES = 40
"""Occurrences that are looked at one by one, the latest ones (our judgement; keeps long histories quick)."""


def latest_times(scene: Scene) -> tuple[float, ...]:
    """The occurrences that are looked at one by one, in order of time."""
    return scene.times[-MOST_OCCURRENCES:]


def latest_first(scene: Scene) -> Iterator[float]:
    """The occurrences that are looked at one by one, the latest one first."""
    return reversed(latest_times(scene))


def meets_occurrence(scene: Scene, time: float, within: float = TOGETHER) -> bool:
    """Whether a moment lies within so many seconds of an occurrence."""
    return any(abs(time - t) <= within for t in latest_times(scene))


@dataclass(frozen=True, slots=True)
class Happening:
    """One loss or refusal anywhere in the bundle, with the vehicle and its state of charge where they are known."""

    device_id: str
    connector_id: int | None
    time: float
    vehicle: Vehicle | None
    soc: float | None
    source: Source
    told: bool = False  # by a session's record or a command's result only, without a fault event
    lasted: float | None = None  # seconds of the session that tells of it


def happenings(scene: Scene) -> list[Happening]:
    """Every fault of the incident's code in the bundle, with the vehicle it concerned."""

    def load() -> list[Happening]:
        devices = sorted({fault.device_id for fault in scene.faults("own")})
        found = [happening for device in devices for happening in _reported(scene, device)]
        return sorted([*found, *_told_only(scene)], key=lambda h: (h.time, h.device_id, h.source))

    return scene.shared_once(("v2g-happenings", scene.incidence.code), load)


def _reported(scene: Scene, device: str) -> list[Happening]:
    """The faults of the incident's code on a charger; of those of other sites without what telemetry would tell."""

    def load() -> list[Happening]:
        return [_happening(scene, fault) for fault in scene.faults("own", device=device)]

    key = ("v2g-reported", scene.incidence.code, device)
    return scene.shared_once(key, load) if scene.is_near(device) else scene.fleet.once(key, load)


_SAID = {
    LOSS: re.compile(
        r"\b(sync (lost|loss|fault)|lost sync\w*|loss of sync\w*|desync\w*|inverter sync|synclost|f 0701|f0701)\b"
    ),
    REFUSAL: re.compile(
        r"\b(refus\w*|declin\w*|f 0702|f0702|(discharge|ev|vehicle) (denied|rejected)|denied by (ev|vehicle))\b"
    ),
}


def _told_only(scene: Scene) -> list[Happening]:
    """Losses or refusals that only session records or results of discharge commands tell of."""
    code = scene.incidence.code
    if code not in _SAID:
        return []
    known: dict[str, list[float]] = {}
    for fault in scene.faults(code):
        known.setdefault(fault.device_id, []).append(fault.time)
    found = _told_by_sessions(scene, known)
    if code == REFUSAL:
        for happening in found:
            known.setdefault(happening.device_id, []).append(happening.time)
        found += _told_by_commands(scene, known)
    return found


def _says_so(code: str, text: str) -> bool:
    """Whether a text speaks of a code."""
    return bool(_SAID[code].search(words_of(spelled(text))))


def _telling_chargers(fleet: FleetTables, code: str) -> list[str]:
    """The chargers with charging records that have a session whose end tells of a code, in order."""

    def load() -> list[str]:
        told = (devices for text, devices in _ends_told(fleet).items() if _says_so(code, text))
        return sorted({device for devices in told for device in devices})

    return fleet.once(("v2g-telling", code), load)


def _ends_told(fleet: FleetTables) -> Mapping[str, Sequence[str]]:
    """What is told of how sessions ended, and the chargers with charging records of which it is told, in order."""

    def told() -> Iterator[tuple[str, Any, Any]]:
        records = fleet.observations["charging_records"]
        yield from zip(*(records.values(path) for path in ("device_id", "stop_reason", "details")), strict=True)
        for device, carried in fleet.carried("stop"):
            if carried and device in records.by_device:
                yield device, carried.get("reason"), carried.get("details")

    def load() -> Mapping[str, Sequence[str]]:
        found = ((f"{reason or ''} {details or ''}", device) for device, reason, details in told() if reason or details)
        return names_by(found)

    return fleet.once(("ends told",), load)


def _told_by_sessions(scene: Scene, known: Mapping[str, list[float]]) -> list[Happening]:
    """What sessions tell of, but for those around a time at which it is known of their charger."""
    refusal = scene.incidence.code == REFUSAL
    found: list[Happening] = []
    telling = _telling_chargers(scene.fleet, scene.incidence.code)
    for session in (session for device in telling for session in scene.sessions(which="all", device=device)):
        moved = session.energy is None or abs(session.energy) > 0.1
        text = f"{session.stop_reason or ''} {session.details or ''}"
        if (refusal and moved) or not _says_so(scene.incidence.code, text):
            continue
        end = session.end if session.end is not None else session.start + HOUR
        if any(session.start - MINUTE <= t <= end + 5 * MINUTE for t in known.get(session.device_id, ())):
            continue
        time = session.start if refusal or session.end is None else session.end
        found.append(
            Happening(
                session.device_id, session.connector_id, time, vehicle_of(session), session.soc_start, session.source,
                told=True, lasted=session.duration,
            )
        )  # fmt: skip
    return found


def _told_by_commands(scene: Scene, known: dict[str, list[float]]) -> list[Happening]:
    """What failed discharge commands tell of, but for those near a time at which it is known; adds theirs to these."""
    found: list[Happening] = []
    for command in _refused_commands(scene.fleet):
        device, connector = command.fields["device_id"], command.fields.get("connector_id") or None
        time = command.time or 0.0
        times = known.setdefault(device, [])
        if any(abs(t - time) <= 5 * MINUTE for t in times):
            continue
        session = session_at(scene, device, connector, time)
        vehicle = vehicle_of(session) or vehicle_of_stay(scene, device, connector, time)
        found.append(Happening(device, connector, time, vehicle, None, scene.source("commands", command), told=True))
        times.append(time)
    return found


def _refused_commands(fleet: FleetTables) -> list[Record]:
    """The commands to discharge that failed with words of a refusal, in the order of the list."""

    def load() -> list[Record]:
        table = fleet.observations["commands"]
        statuses = table.texts("status")
        rows = [row for row, status in enumerate(statuses) if status in ("failed", "rejected")]
        return [
            command
            for row in rows
            if (command := table.records[row]).time is not None
            and asks_for_discharge(command)
            and _says_so(REFUSAL, str(command.fields.get("result") or ""))
        ]

    return fleet.once(("v2g-refused commands",), load)


def _happening(scene: Scene, fault: FaultEvent) -> Happening:
    session = session_at(scene, fault.device_id, fault.connector_id, fault.time)
    vehicle = vehicle_of(session) or vehicle_in(fault.record.data)
    if vehicle is None:
        start = fault.time - 2 * HOUR if session is None else session.start - 10 * MINUTE
        vehicle = vehicle_in_events(scene, fault.device_id, fault.connector_id, start, fault.time + MINUTE)
    if vehicle is None:
        vehicle = vehicle_of_stay(scene, fault.device_id, fault.connector_id, fault.time)
    return Happening(
        fault.device_id, fault.connector_id, fault.time, vehicle, _soc_then(scene, fault, session), fault.source
    )


_SOC = re.compile(r"\b(soc|state of charge|battery level|battery pct|battery percent)\b")
_SOC_LIMIT = re.compile(
    r"\b(min|minimum|floor|limit|threshold|target|reserve\w*|departure|max|maximum|required|allowed|lower|buffer|cutoff|delta|start of)\b"
)


def _soc_then(scene: Scene, fault: FaultEvent, session: Session | None) -> float | None:
    for path, value in flat(spelled(fault.record.data)):
        if as_number(value) is not None and _SOC.search(path) and not _SOC_LIMIT.search(path):
            return as_percent(value)
    table = scene.observations["telemetry"]
    rows = sampled(
        scene, fault.device_id, fault.time - 15 * MINUTE, fault.time + 2 * MINUTE, connector=fault.connector_id
    )
    rows = rows[~np.isnan(table.numbers("soc")[rows])]
    up_to = int(table.times[rows].searchsorted(fault.time, "right"))
    best = float(table.numbers("soc")[rows[max(0, up_to - 1)]]) if len(rows) else None
    if best is None and session is not None:
        near_end = (
            session.end is not None
            and abs(session.end - fault.time) < 10 * MINUTE
            and fault.time - session.start > HOUR
        )
        best = session.soc_end if near_end and session.soc_end is not None else session.soc_start
    return best if best is not None and 0.0 <= best <= 100.0 else None


def is_here(scene: Scene, found: Happening) -> bool:
    """Whether a happening concerned the incident's connector, as far as it says."""
    return found.device_id == scene.device_id and same_connector(found.connector_id, scene.connector_id)


def happenings_here(scene: Scene) -> list[Happening]:
    """The happenings on the incident's connector, by time."""
    return [h for h in happenings(scene) if is_here(scene, h)]


def this_happening(scene: Scene) -> Happening | None:
    """The latest occurrence of the incident; of those with a vehicle, where any has one within the last day."""

    def load() -> Happening | None:
        own = [h for h in happenings_here(scene) if not h.told]
        known = [h for h in own if h.vehicle is not None and h.time >= scene.anchor - DAY]
        chosen = known or own
        return chosen[-1] if chosen else None

    return scene.once("v2g-this", load)


def the_vehicle(scene: Scene) -> Vehicle | None:
    """The vehicle of the latest occurrence."""
    found = this_happening(scene)
    return None if found is None else found.vehicle
