"""Who the vehicle was: what sessions, and events around them, say of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...fleet.tables import FleetTables
from ...readings import DAY, HOUR, MINUTE
from ...scene import Scene
from ...sessions import Session
from ...texts import flat
from ..elsewhere import MOST_CHARGERS, chargers_of_vehicles
from .records import same_connector

_OUTWARD = re.compile(r"discharg|v2[ghx]|export|feed ?in|fed ?in|to[ _-]?grid|bidirectional")


@dataclass(frozen=True, slots=True)
class Vehicle:
    """Which vehicle it was, as far as records say, in lower case."""

    vin: str | None
    make: str | None
    model: str | None
    firmware: str | None

    @property
    def name(self) -> str:
        """What tells it from other vehicles, as far as that is known."""
        return self.vin or f"{self.make}/{self.model}"

    def is_same(self, other: Vehicle | None) -> bool:
        """One vehicle: equal identification numbers; where one lacks it, equal make and model."""
        if other is None:
            return False
        if self.vin and other.vin:
            return self.vin == other.vin
        return self.is_same_model(other)

    def is_same_model(self, other: Vehicle | None) -> bool:
        """Of one model, and of one make where both name it."""
        if other is None or not self.model or self.model != other.model:
            return False
        return not self.make or not other.make or self.make == other.make


def _lower(value: Any) -> str | None:
    return value.strip().lower()[:256] or None if isinstance(value, str) else None


def _vehicle(vin: Any, make: Any, model: Any, firmware: Any) -> Vehicle | None:
    vehicle = Vehicle(_lower(vin), _lower(make), _lower(model), _lower(firmware))
    return vehicle if vehicle.vin or vehicle.make or vehicle.model else None


def vehicle_in(data: Any) -> Vehicle | None:
    """The vehicle that an event's data name, wherever they put it."""
    found: dict[str, Any] = {}
    for path, value in flat(data):
        if not isinstance(value, str):
            continue
        words = path.split()
        last = words[-1] if words else ""
        about = any(word in ("vehicle", "ev", "car", "evcc", "info") for word in words)
        if last in ("vin", "evccid") or path.endswith(("evcc id", "vehicle id")):
            found.setdefault("vin", value)
        elif last in ("make", "brand", "oem") or (last == "manufacturer" and about):
            found.setdefault("make", value)
        elif last == "model" and (about or len(words) == 1):
            found.setdefault("model", value)
        elif last in ("firmware", "software") and about:
            found.setdefault("firmware", value)
    return _vehicle(*(found.get(name) for name in ("vin", "make", "model", "firmware")))


def vehicle_of(session: Session | None) -> Vehicle | None:
    """The vehicle that a session names."""
    return None if session is None else _vehicle(session.vin, session.make, session.model, session.vehicle_firmware)


def session_vehicle(scene: Scene, session: Session) -> Vehicle | None:
    """The vehicle of a session, else what events of the session say."""
    vehicle = vehicle_of(session)
    if vehicle is None:
        end = session.end if session.end is not None else session.start + HOUR
        vehicle = vehicle_in_events(scene, session.device_id, session.connector_id, session.start - 10 * MINUTE, end)
    return vehicle


def vehicle_in_events(scene: Scene, device: str, connector: int | None, start: float, end: float) -> Vehicle | None:
    """The vehicle that the last event to name one names."""
    for event in reversed(scene.events(device=device, which="all", start=start, end=end)):
        if same_connector(event.fields.get("connector_id"), connector) and (found := vehicle_in(event.data)):
            return found
    return None


def stay_at(scene: Scene, device: str, connector: int | None, time: float) -> tuple[float, float] | None:
    """From the plug-in before a moment to the plug-out after it (two days later, where none is known); None where nothing was
    plugged in."""
    plugs = [
        (e.time or 0.0, e.fields["event_type"])
        for e in scene.events("plug_in", "plug_out", device=device, which="all")
        if same_connector(e.fields.get("connector_id"), connector)
    ]
    before = [pair for pair in plugs if pair[0] <= time + MINUTE]
    if not before or before[-1][1] != "plug_in":
        return None
    start = before[-1][0]
    return start, min((t for t, _ in plugs if t > time + MINUTE), default=start + 2 * DAY)


def vehicle_of_stay(scene: Scene, device: str, connector: int | None, time: float) -> Vehicle | None:
    """The vehicle that sessions name between the plug-in before a moment and the plug-out after it."""
    stay = stay_at(scene, device, connector, time)
    if stay is None:
        return None
    start, end = stay
    for session in scene.sessions(which="all", device=device):
        alike = same_connector(session.connector_id, connector)
        if alike and start - MINUTE <= session.start <= end and (found := vehicle_of(session)) is not None:
            return found
    return None


def session_at(scene: Scene, device: str, connector: int | None, time: float) -> Session | None:
    """The session on a charger that was running at a moment, or ended at most five minutes before it."""
    best = None
    for session in scene.sessions(which="all", device=device):
        if session.start - MINUTE > time:
            break
        if not same_connector(session.connector_id, connector):
            continue
        if session.over_by >= time - 5 * MINUTE:
            best = session
    return best


def session_here(scene: Scene, time: float) -> Session | None:
    """The session on the incident's connector at a moment."""
    return session_at(scene, scene.device_id, scene.connector_id, time)


def sessions_of_vehicle(scene: Scene, vin: str) -> Iterator[Session]:
    """The sessions of a vehicle on this charger and on others, charger by charger."""
    for device in sorted([scene.device_id, *chargers_of_vehicles(scene, [vin])]):
        for session in scene.sessions(which="all", device=device):
            vehicle = vehicle_of(session)
            if vehicle is not None and vehicle.vin == vin:
                yield session


# Where vehicles were that can give energy back


def discharging_chargers(fleet: FleetTables) -> list[str]:
    """The chargers whose metadata or session records show that they may discharge, in order."""
    chargers = fleet.chargers
    found = {chargers.ids[place] for place in chargers.having("v2g_capable", True).tolist()}
    records = fleet.observations["charging_records"]
    devices = records.values("device_id")
    outward = (records.numbers("energy") < -0.1) | (records.numbers("avg_power") < -0.2)
    outward |= records.numbers("max_power") < -0.2
    outward |= records.numbers("vehicle_info.soc_end") <= records.numbers("vehicle_info.soc_start") - 2
    found.update(devices[row] for row in np.flatnonzero(outward).tolist())
    found.update(
        devices[row]
        for row, told in enumerate(records.values("details"))
        if told and _OUTWARD.search(str(told).lower())
    )
    return sorted(found)


def _chargers_by_vehicle(fleet: FleetTables) -> Mapping[str, list[str]]:
    """The chargers that may discharge by the vehicles and the models that their records and events name."""

    def load() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        records, events = fleet.observations["charging_records"], fleet.observations["events"]
        infos, data = records.values("vehicle_info"), events.values("data")
        for device in discharging_chargers(fleet):
            told = [_vehicle_named(infos[row]) for row in records.by_device.get(device, ())]
            told += [vehicle_in(data[row]) for row in events.by_device.get(device, ()) if data[row]]
            for name in {
                name for vehicle in told if vehicle is not None for name in (vehicle.vin, vehicle.model) if name
            }:
                found.setdefault(name, []).append(device)
        return found

    return fleet.once(("v2g chargers by vehicle",), load)


def _vehicle_named(info: Any) -> Vehicle | None:
    told = info if isinstance(info, Mapping) else {}
    return _vehicle(*(told.get(name) for name in ("vin", "make", "model", "firmware")))


def chargers_with(scene: Scene, vehicle: Vehicle | None) -> list[str]:
    """The chargers that may discharge and had a vehicle or one of its model, in order; of many of either the first ones."""
    if vehicle is None:
        return []
    by_vehicle = _chargers_by_vehicle(scene.fleet)
    names = [name for name in (vehicle.vin, vehicle.model) if name]
    return sorted({device for name in names for device in by_vehicle.get(name, [])[:MOST_CHARGERS]})
