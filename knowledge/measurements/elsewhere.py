"""Where vehicles were: the chargers that had sessions of a vehicle, or of its model, without going through all sessions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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


def _named_by_starts(fleet: FleetTables) -> Iterator[_Named]:
    for device, carried in fleet.carried("start"):
        if isinstance(carried, Mapping):
            told = carried.get("vehicle_info")
            vehicle = told if isinstance(told, Mapping) else carried
            named = [vehicle.get(name) for name in ("vin", "make", "model")]
            if named != [None, None, None]:
                yield _Named(device, *named)


@dataclass(frozen=True)
class _Vehicles:
    """The chargers that had sessions of each vehicle and of each model, in order, and those whose events name vehicles."""

    by_vin: Mapping[str, Sequence[str]]
    by_model: Mapping[str, Sequence[str]]
    naming: frozenset[str]


def _vehicles(fleet: FleetTables) -> _Vehicles:
    def load() -> _Vehicles:
        started = [*_named_by_starts(fleet)]
        vins: set[tuple[str, str]] = set()
        models: set[tuple[str, str]] = set()
        for device, vin, make, model in chain(_named_by_records(fleet), started):
            if isinstance(vin, str) and vin:
                vins.add((vehicle_key(vin), device))
            if isinstance(model, str) and model:
                models.add((model_key(make, model), device))
        return _Vehicles(names_by(vins), names_by(models), frozenset(named.device_id for named in started))

    return fleet.once(("vehicles",), load)


def chargers_naming_vehicles(fleet: FleetTables) -> frozenset[str]:
    """The chargers whose events name a vehicle where a session starts; of all others only charging records do."""
    return _vehicles(fleet).naming


def all_chargers_of_vehicle(fleet: FleetTables, vin: str) -> Sequence[str]:
    """All chargers that had sessions of a vehicle, in order."""
    return _vehicles(fleet).by_vin.get(vehicle_key(vin), ())


def all_chargers_of_model(fleet: FleetTables, make: str | None, model: str | None) -> Sequence[str]:
    """All chargers that had sessions of vehicles of a model, in order."""
    return _vehicles(fleet).by_model.get(model_key(make, model), ())


def chargers_of_vehicles(scene: Scene, vins: Iterable[str]) -> list[str]:
    """The other chargers that had sessions of some vehicles, in order; of many the first ones."""
    found = {device for vin in vins for device in all_chargers_of_vehicle(scene.fleet, vin)}
    return sorted(found - {scene.device_id})[:MOST_CHARGERS]
