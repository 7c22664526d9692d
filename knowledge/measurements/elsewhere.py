"""Where vehicles were: the chargers that had sessions of a vehicle, or of its model, without going through all sessions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..fleet.tables import FleetTables
from ..scene import Scene

MOST_CHARGERS = 200
"""Chargers with sessions of one vehicle or model that are looked at, in order of their ids (our judgement: a vehicle visits
dozens, and more change no count or share that a rule asks for)."""


def vehicle_key(vin: str) -> str:
    """A vehicle's identification number as vehicles are told apart by it."""
    return vin.strip().upper()


def model_key(make: Any, model: Any) -> tuple[str, str]:
    """Make and model as models are told apart by them."""
    return str(make or "").lower(), str(model or "").lower()


class _Named(NamedTuple):
    """A vehicle that a session names, and the charger; None for what is not said."""

    device_id: str
    vin: Any
    make: Any
    model: Any


def _named_by_records(fleet: FleetTables) -> Iterator[_Named]:
    records = fleet.observations["charging_records"]
    paths = ("device_id", "vehicle_info.vin", "vehicle_info.make", "vehicle_info.model")
    return map(_Named, *(records.values(path) for path in paths))


def _named_by_starts(fleet: FleetTables) -> list[_Named]:
    def load() -> list[_Named]:
        events = fleet.observations["events"]
        devices, data = events.values("device_id"), events.values("data")
        found = []
        for row in (row for row, kind in enumerate(events.values("event_type")) if kind == "start"):
            carried = data[row]
            if isinstance(carried, Mapping):
                told = carried.get("vehicle_info")
                vehicle = told if isinstance(told, Mapping) else carried
                named = [vehicle.get(name) for name in ("vin", "make", "model")]
                if named != [None, None, None]:
                    found.append(_Named(devices[row], *named))
        return found

    return fleet.once(("vehicles named by starts",), load)


def chargers_naming_vehicles(fleet: FleetTables) -> frozenset[str]:
    """The chargers whose events name a vehicle where a session starts; of all others only charging records do."""
    return fleet.once(
        ("chargers naming vehicles",), lambda: frozenset(named.device_id for named in _named_by_starts(fleet))
    )


def _chargers_by(fleet: FleetTables, by: str) -> Mapping[Hashable, list[str]]:
    def load() -> dict[Hashable, list[str]]:
        found: dict[Hashable, set[str]] = {}
        for named in (*_named_by_records(fleet), *_named_by_starts(fleet)):
            key: Hashable = None
            if by == "vin" and isinstance(named.vin, str) and named.vin:
                key = vehicle_key(named.vin)
            elif by == "model" and isinstance(named.model, str) and named.model:
                key = model_key(named.make, named.model)
            if key is not None:
                found.setdefault(key, set()).add(named.device_id)
        return {key: sorted(devices) for key, devices in found.items()}

    return fleet.once(("chargers by vehicle", by), load)


def all_chargers_of_vehicle(fleet: FleetTables, vin: str) -> list[str]:
    """All chargers that had sessions of a vehicle, in order."""
    return _chargers_by(fleet, "vin").get(vehicle_key(vin), [])


def all_chargers_of_model(fleet: FleetTables, make: str | None, model: str | None) -> list[str]:
    """All chargers that had sessions of vehicles of a model, in order."""
    return _chargers_by(fleet, "model").get(model_key(make, model), [])


def chargers_of_vehicles(scene: Scene, vins: Iterable[str]) -> list[str]:
    """The other chargers that had sessions of some vehicles, in order; of many the first ones."""
    by_vehicle = _chargers_by(scene.fleet, "vin")
    found = {device for vin in vins for device in by_vehicle.get(vehicle_key(vin), ())}
    return sorted(found - {scene.device_id})[:MOST_CHARGERS]
