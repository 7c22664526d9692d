"""Where vehicles were: the chargers that had sessions of a vehicle, or of its model, without going through all sessions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from ..columns.names import names_by
from ..fleet.tables import FleetTables
from ..scene import Scene

MOST_CHARGERS = 200
"""Chargers with sessions of one vehicle or model that are looked at, in order of their ids (our judgement: a vehicle visits
dozens, and more change no count or share that a rule asks for)."""


def vehicle_key(vin: str) -> str:
    """A vehicle's identification number as vehicles are told apart by it."""
    return vin.strip().upper()


def model_key(make: Any, model: Any) -> str:
    """Make and model as models are told apart by them."""
    return f"{make or ''}\n{model or ''}".lower()


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
        found = []
        for device, carried in fleet.carried("start"):
            if isinstance(carried, Mapping):
                told = carried.get("vehicle_info")
                vehicle = told if isinstance(told, Mapping) else carried
                named = [vehicle.get(name) for name in ("vin", "make", "model")]
                if named != [None, None, None]:
                    found.append(_Named(device, *named))
        return found

    return fleet.once(("vehicles named by starts",), load)


def chargers_naming_vehicles(fleet: FleetTables) -> frozenset[str]:
    """The chargers whose events name a vehicle where a session starts; of all others only charging records do."""
    return fleet.once(
        ("chargers naming vehicles",), lambda: frozenset(named.device_id for named in _named_by_starts(fleet))
    )


def _named(fleet: FleetTables) -> Iterator[_Named]:
    return chain(_named_by_records(fleet), _named_by_starts(fleet))


def all_chargers_of_vehicle(fleet: FleetTables, vin: str) -> Sequence[str]:
    """All chargers that had sessions of a vehicle, in order."""

    def load() -> Mapping[str, Sequence[str]]:
        told = ((named.vin, named.device_id) for named in _named(fleet))
        return names_by((vehicle_key(vin), device) for vin, device in told if isinstance(vin, str) and vin)

    return fleet.once(("chargers by vehicle",), load).get(vehicle_key(vin), ())


def all_chargers_of_model(fleet: FleetTables, make: str | None, model: str | None) -> Sequence[str]:
    """All chargers that had sessions of vehicles of a model, in order."""

    def load() -> Mapping[str, Sequence[str]]:
        told = (named for named in _named(fleet) if isinstance(named.model, str) and named.model)
        return names_by((model_key(named.make, named.model), named.device_id) for named in told)

    return fleet.once(("chargers by model of vehicle",), load).get(model_key(make, model), ())


def chargers_of_vehicles(scene: Scene, vins: Iterable[str]) -> list[str]:
    """The other chargers that had sessions of some vehicles, in order; of many the first ones."""
    found = {device for vin in vins for device in all_chargers_of_vehicle(scene.fleet, vin)}
    return sorted(found - {scene.device_id})[:MOST_CHARGERS]
