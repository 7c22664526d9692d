"""Where vehicles were: the chargers that had sessions of a vehicle, or of its model, without going through all sessions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from ..fleet.tables import FleetTables
from ..observations import at_path
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


def _vehicles(fleet: FleetTables) -> Iterator[tuple[str, Any, Any, Any]]:
    """What sessions say of their vehicles: the charger, the vehicle's number, make and model."""
    records = fleet.observations["charging_records"]
    paths = ("device_id", "vehicle_info.vin", "vehicle_info.make", "vehicle_info.model")
    yield from zip(*(records.values(path) for path in paths), strict=True)
    events = fleet.observations["events"]
    kinds, devices, data = (events.values(path) for path in ("event_type", "device_id", "data"))
    for row, kind in enumerate(kinds):
        if kind == "start" and isinstance(data[row], Mapping):
            told = data[row].get("vehicle_info")
            vin, make, model = (
                at_path(told if isinstance(told, Mapping) else data[row], name) for name in ("vin", "make", "model")
            )
            yield devices[row], vin, make, model


def _chargers_by(fleet: FleetTables, by: str) -> Mapping[Hashable, list[str]]:
    def load() -> dict[Hashable, list[str]]:
        found: dict[Hashable, set[str]] = {}
        for device, vin, make, model in _vehicles(fleet):
            key: Hashable = None
            if by == "vin" and isinstance(vin, str) and vin:
                key = vehicle_key(vin)
            elif by == "model" and isinstance(model, str) and model:
                key = model_key(make, model)
            if key is not None:
                found.setdefault(key, set()).add(device)
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
