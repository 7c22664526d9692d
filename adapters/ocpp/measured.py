"""What a charger measures beside its meters, as telemetry: monitored variables (NotifyEvent), and the vendor's own messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_type_hints

from ...knowledge.records import ComponentHealth, TelemetryRecord
from .charger import Charger, Record
from .frames import Frame
from .meter_values import PHASES
from .power_modules import modules_in
from .times import believed, told_time
from .told_data import data_in
from .v16 import Handler, words_in
from .values import connector, items, mapping, name, number, text, word
from .vendor_readings import (
    AC_INLET,
    CONNECTOR_TEMPERATURE,
    CONTROL_BOARD,
    DC_OUTLET,
    FAN_SPEED,
    MODULE,
    SYNC,
    SYNCS,
    Path,
    put,
    reading_named,
    vendor_readings,
)

VARIABLES: Mapping[tuple[str, str], Path] = {
    ("externaltemperaturesensor", "temperature"): ("ambient_temperature",),
    ("aircoolingsystem", "fanspeed"): FAN_SPEED,
    ("coolingfan", "fanspeed"): FAN_SPEED,
    ("coolingfan", "rpm"): FAN_SPEED,
    ("fan", "fanspeed"): FAN_SPEED,
    ("fan", "rpm"): FAN_SPEED,
    ("acdcconverter", "temperature"): MODULE,
    ("acdcconverter", "dcvoltage"): ("dc_bus_voltage",),
    ("acdcconverter", "dccurrent"): ("dc_bus_current",),
    **{
        (component, variable): ("inverter_health_pct",)
        for component in ("acdcconverter", "inverter")
        for variable in ("health", "healthindex", "healthpct", "healthpercent")
    },
    ("acdcconverter", "syncstatus"): SYNC,
    ("inverter", "syncstatus"): SYNC,
    ("coolingfan", "speed"): FAN_SPEED,
    ("fan", "speed"): FAN_SPEED,
    ("dcbus", "voltage"): ("dc_bus_voltage",),
    ("dcbus", "current"): ("dc_bus_current",),
    ("powercontactor", "operationcount"): ("component_health", "contactor_cycles"),
}
"""Variables of components as readings (OCPP 2.0.1, standardised components; counts and health indices are vendors' own)."""

SENSORS: Mapping[str, Path] = {
    "cabinet": ("cabinet_temperature",),
    "enclosure": ("cabinet_temperature",),
    "internal": ("cabinet_temperature",),
    "connector": CONNECTOR_TEMPERATURE,
    "plug": CONNECTOR_TEMPERATURE,
    "cable": CONNECTOR_TEMPERATURE,
    "ambient": ("ambient_temperature",),
    "external": ("ambient_temperature",),
    "outside": ("ambient_temperature",),
    "powermodule": MODULE,
    "controlboard": CONTROL_BOARD,
    "controller": CONTROL_BOARD,
    "acinlet": AC_INLET,
    "dcoutlet": DC_OUTLET,
}
"""Temperature sensors by the names of their instances; one without a name is that of the connector it is told of, else the cabinet's."""

_OF_A_CONNECTOR = re.compile(r"connector|plug|cable|coupler|gun|pin|outlet|contact")
"""How the name of a sensor in a connector begins, where it says besides in which of its contacts (`ConnectorDCMinus`)."""

TELEMETRY = frozenset(get_type_hints(TelemetryRecord)) - {"timestamp", "device_id", "connector_id", "state"}
HEALTH = frozenset(get_type_hints(ComponentHealth))
"""Readings of telemetry and of its components, by the contract's names, which the vendor's own messages use as well."""

MOST_READINGS = 100
"""Sets of readings in one message of the vendor's that are read (our judgement: some minutes of samples)."""


def monitored(charger: Charger, events: Iterable[Mapping[str, Any]], time: float) -> None:
    """Give the telemetry of the monitored values in a NotifyEvent; those of one moment and place are one record."""
    found: dict[tuple[float, int | None], Record] = {}
    for event in events:
        if _is_vehicle(event):
            charger.vehicle_told(_place(event), name(event.get("actualValue")))
        reading = reading_of(event)
        if reading is not None:
            path, value = reading
            moment = believed(told_time(event.get("timestamp")), time) or time
            if path == FAN_SPEED and value.__class__ is float:
                value = charger.slowest_fan(text(mapping(event.get("component")).get("instance")), value, moment)
            put(found.setdefault((moment, _place(event)), {}), path, value)
    for (moment, place), fields in found.items():
        _tell(charger, moment, place, fields)


def reading_of(event: Mapping[str, Any]) -> tuple[Path, float | str] | None:
    """Where the value of a monitored variable stands in telemetry, and the value; None where it is no reading that records hold."""
    value, path = event.get("actualValue"), _place_in_telemetry(event)
    if path is None:
        return _named_like(event, value)
    if path == SYNC:
        return (SYNC, word(value)) if word(value) in SYNCS else None
    measured = number(value)
    return None if measured is None else (path, measured)


def _place_in_telemetry(event: Mapping[str, Any]) -> Path | None:
    """Where a variable that the standard names stands in telemetry."""
    component, monitored_ = mapping(event.get("component")), mapping(event.get("variable"))
    part, variable, instance = word(component.get("name")), word(monitored_.get("name")), component.get("instance")
    if part == "temperaturesensor" and variable == "temperature":
        if word(instance):
            in_connector = _place(event) is not None and _OF_A_CONNECTOR.match(word(instance))
            return SENSORS.get(word(instance)) or (CONNECTOR_TEMPERATURE if in_connector else None)
        return CONNECTOR_TEMPERATURE if _place(event) is not None else ("cabinet_temperature",)
    if part == "electricalfeed" and variable == "acvoltage":
        phase = PHASES.get(text(instance) or text(monitored_.get("instance")) or "")
        return None if phase is None else ("phase_details", phase, "voltage")
    return VARIABLES.get((part, variable))


DC_BUS: frozenset[Path] = frozenset((("dc_bus_voltage",), ("dc_bus_current",)))
"""Readings that their own names tell of, whatever the component is called."""


def _named_like(event: Mapping[str, Any], value: Any) -> tuple[Path, float | str] | None:
    """A reading by the names of its component and itself together, else one of the DC bus by its own name, which needs no other."""
    component = text(mapping(event.get("component")).get("name")) or ""
    variable = text(mapping(event.get("variable")).get("name"))
    if variable is None:
        return None
    found = reading_named(component, f"{component} {variable}", value)
    if found is None and ((found := reading_named(component, variable, value)) is None or found.path not in DC_BUS):
        return None
    return found.path, found.value


def _is_vehicle(event: Mapping[str, Any]) -> bool:
    """Whether a monitored variable is the identity of the vehicle that is connected (OCPP 2.0.1, component ConnectedEV)."""
    component, monitored_ = word(mapping(event.get("component")).get("name")), mapping(event.get("variable"))
    return component == "connectedev" and word(monitored_.get("name")) == "vehicleid"


def _place(event: Mapping[str, Any]) -> int | None:
    return connector(mapping(mapping(event.get("component")).get("evse")).get("id"))


def data_transfer(charger: Charger, frame: Frame, time: float, _: bool) -> None:
    """DataTransfer: readings under the names of telemetry; and an event with all that the message holds, which may say more."""
    data_ = data_in(frame.payload.get("data"))
    readings = items(data_)
    subject = text(frame.payload.get("messageId")) or "data"
    held = {subject: data_} if data_.__class__ in (dict, list) else {}
    for each in readings[:MOST_READINGS]:
        charger.rated(each)
        charger.vehicle_told(_place_of(each), _vehicle_in(each))
    number_ = connector(frame.payload.get("connectorId")) or _place_of(readings[0] if len(readings) == 1 else {})
    charger.event(
        "ocpp", time, number_, {**words_in(frame.payload), **held}, action=frame.action, payload=frame.payload
    )
    for data in readings[:MOST_READINGS]:
        moment = believed(told_time(data.get("timestamp")), time) or time
        whole = _place_of(data)
        found: dict[int | None, Record] = {}
        for key, told_value in _under_our_names(data):
            for place, value in _by_connector(told_value, whole):
                fields = found.setdefault(place, {})
                if key in HEALTH:
                    fields.setdefault("component_health", {})[key] = value
                elif key == "component_health":
                    fields.setdefault("component_health", {}).update(mapping(value))
                else:
                    fields[key] = value
        for reading in vendor_readings(subject, data):
            place = whole if reading.place is None else reading.place
            put(found.setdefault(place, {}), reading.path, reading.value)
        for place, fields in found.items():
            _tell(charger, moment, place, fields)


_VEHICLE = ("vin", "evccid", "evmac", "vehicleid")


def _vehicle_in(data: Mapping[str, Any]) -> str | None:
    """The vehicle that an object names, by its VIN or the address of its communication controller."""
    fields = {word(key): value for key, value in data.items() if key.__class__ is str}
    return next((found for key in _VEHICLE if (found := name(fields.get(key))) is not None), None)


_PLACES = ("connector_id", "connectorId", "connector", "evse_id", "evseId", "evse", "outlet", "plug")


def _place_of(data: Mapping[str, Any]) -> int | None:
    """The connector that an object names."""
    return next((place for key in _PLACES if (place := connector(data.get(key))) is not None), None)


def _under_our_names(data: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """The readings in an object, in the order of their names; a list of numbered modules is that of the power modules."""
    found = {key: data[key] for key in data.keys() & (TELEMETRY | HEALTH)}
    modules = modules_in(data)
    if modules:
        found.setdefault("power_modules", modules)
    return sorted((key, value) for key, value in found.items() if value is not None)


def _by_connector(value: Any, place: int | None) -> Iterable[tuple[int | None, Any]]:
    """The connectors of a value, and what it is of each: one for all, or an object of numbered ones."""
    if value.__class__ is dict and value and all(connector(key) is not None for key in value):
        return [(connector(key), each) for key, each in sorted(value.items())]
    return [(place, value)]


CALLS: Mapping[str, Handler] = {"DataTransfer": data_transfer}
"""Messages of a charger that are alike in all versions, and become more than an event."""


def said_objects(data: Any) -> Sequence[Mapping[str, Any]]:
    """The objects in the data of a message, which are JSON in a text as a rule."""
    return items(data_in(data))


def _tell(charger: Charger, time: float, place: int | None, fields: Record) -> None:
    if place is not None:
        state = charger.connector(place).state
        fields = {"connector_id": place, **({} if state is None else {"state": state}), **fields}
    charger.emit("telemetry", time, fields)
