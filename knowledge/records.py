"""The record lists of a bundle and the shape of their records: units and names of the vendor's API v1.3 and its
announced extensions. What is missing is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter
from pydantic.fields import FieldInfo
from typing_extensions import TypedDict, is_typeddict

LARGEST_READING = 1e9
"""A reading beyond this is no measurement of a charger (our judgement: far above any volt, watt-hour or cycle)."""

_config = ConfigDict(coerce_numbers_to_str=True, extra="ignore")

Number = Annotated[float, Field(ge=-LARGEST_READING, le=LARGEST_READING, allow_inf_nan=False)] | None
Celsius = Annotated[float, Field(ge=-273.15, le=1_000, allow_inf_nan=False)] | None
"""A temperature: above absolute zero, and below what melts copper contacts (1,085 °C); -999 and the like say that there is none."""
Rpm = Annotated[float, Field(ge=0, le=50_000, allow_inf_nan=False)] | None
"""A fan's speed (our judgement: none turns faster; 65,535 says that there is none)."""
Cycles = Annotated[float, Field(ge=0, le=LARGEST_READING, allow_inf_nan=False)] | None
"""How often something has switched."""
Dbm = Annotated[float, Field(ge=-200, le=0, allow_inf_nan=False)] | None
"""A received signal, which is always far below a milliwatt (LTE: -140 to -44 dBm, 3GPP TS 36.133)."""
Whole = Annotated[int, Field(ge=-2_000_000_000, le=2_000_000_000)] | None
Text = Annotated[str, StringConstraints(min_length=0)] | None
"""Any text. With a constraint, even one that leaves nothing out, pydantic refuses half a character (a lone surrogate), which no JSON holds."""
Moment = datetime | None
Key = Annotated[str, StringConstraints(min_length=1, max_length=256, strip_whitespace=True)]
Name = Key | None
ConnectorState = Literal["idle", "preparing", "charging", "discharging", "fault", "unavailable"]
Connector = Annotated[int, Field(ge=0, le=10_000)] | None


class NetworkState(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    status: Literal["up", "down", "degraded"] | None
    since: Moment


class SiteRecord(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    site_id: Key
    name: NotRequired[Text]
    location: NotRequired[Any]
    power_capacity: NotRequired[Number]
    area: NotRequired[Name]
    network: NotRequired[NetworkState | None]


class Product(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    rated_power_kw: Number
    continuous_rating_kw: Number
    current_type: Literal["AC", "DC"] | None
    phases: Whole
    connector_types: list[Text] | None
    max_current_a: Number


class Connectivity(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    type: Literal["cellular", "wifi", "ethernet"] | None
    signal_strength_dbm: Dbm


class Lifecycle(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    activation_date: Moment
    usage_duration_days: Number
    manufacturing_batch: Text


class Certificates(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    tls_not_after: Moment


class DeviceRecord(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    device_id: Key
    sn: NotRequired[Text]
    model: NotRequired[Name]
    manufacturer: NotRequired[Text]
    firmware_version: NotRequired[Name]
    status: NotRequired[Literal["online", "offline"] | None]
    connectors: NotRequired[list[Any] | None]
    last_heartbeat: NotRequired[Moment]
    site_id: NotRequired[Name]
    online_since: NotRequired[Moment]
    offline_since: NotRequired[Moment]
    v2g_capable: NotRequired[bool | None]
    ocpp_version: NotRequired[Text]
    product: NotRequired[Product | None]
    connectivity: NotRequired[Connectivity | None]
    lifecycle: NotRequired[Lifecycle | None]
    certificates: NotRequired[Certificates | None]


class EventRecord(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    timestamp: datetime
    device_id: Key
    event_type: Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=256)]
    connector_id: NotRequired[Connector]
    data: NotRequired[dict[str, Any] | None]


class HeartbeatRecord(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    timestamp: datetime
    device_id: Key
    status: NotRequired[Literal["online", "offline", "fault"] | None]
    fault_code: NotRequired[Any]


class Phase(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    voltage: Number
    current: Number


class PhaseDetails(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    phase_a: Phase | None
    phase_b: Phase | None
    phase_c: Phase | None


class PowerModule(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    index: Whole
    status: Literal["ok", "timeout", "fault"] | None
    temperature: Celsius


class InternalTemperatures(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    power_module: Celsius
    control_board: Celsius
    ac_inlet: Celsius
    dc_outlet: Celsius


class ComponentHealth(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    contactor_cycles: Cycles
    contactor_max_cycles: Cycles
    cooling_fan_rpm: Rpm
    cooling_fan_status: Literal["ok", "warning", "fault"] | None
    internal_temps: InternalTemperatures | None
    relay_state: Literal["closed", "open", "fault"] | None
    isolation_test_kohms: Number
    last_isolation_test: Moment
    bidirectional_inverter_cycles: Cycles
    bidirectional_inverter_max_cycles: Cycles
    harmonic_distortion_v2g_pct: Number
    discharge_contactor_cycles: Cycles


class TelemetryRecord(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    timestamp: datetime
    device_id: Key
    connector_id: NotRequired[Connector]
    state: NotRequired[ConnectorState | None]
    voltage: NotRequired[Number]
    current: NotRequired[Number]
    power: NotRequired[Number]
    energy_delivered: NotRequired[Number]
    soc: NotRequired[Number]
    temperature: NotRequired[Celsius]
    phase_details: NotRequired[PhaseDetails | None]
    ambient_temperature: NotRequired[Celsius]
    cabinet_temperature: NotRequired[Celsius]
    dc_bus_voltage: NotRequired[Number]
    dc_bus_current: NotRequired[Number]
    power_limit: NotRequired[Number]
    inverter_sync_status: NotRequired[Literal["synced", "unsynced", "lost"] | None]
    inverter_health_pct: NotRequired[Number]
    power_modules: NotRequired[list[PowerModule] | None]
    component_health: NotRequired[ComponentHealth | None]


class VehicleInfo(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    vin: Name
    soc_start: Number
    soc_end: Number
    make: Name
    model: Name
    firmware: Name


class ChargingRecord(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    record_id: Key
    device_id: Key
    start_time: datetime
    connector_id: NotRequired[Connector]
    end_time: NotRequired[Moment]
    energy: NotRequired[Number]
    max_power: NotRequired[Number]
    avg_power: NotRequired[Number]
    meter_start: NotRequired[Number]
    meter_end: NotRequired[Number]
    stop_reason: NotRequired[Text]
    details: NotRequired[Any]
    vehicle_info: NotRequired[VehicleInfo | None]


class ConnectionRecord(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    timestamp: datetime
    device_id: Key
    transition: Literal["online", "offline", "reconnect"] | None
    clean_close: NotRequired[bool | None]
    close_code: NotRequired[Whole]
    handshake_ms: NotRequired[Number]
    reason: NotRequired[Text]


class CommandRecord(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    command_id: Key
    device_id: Key
    command: Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=256)]
    connector_id: NotRequired[Connector]
    params: NotRequired[dict[str, Any] | None]
    status: NotRequired[Literal["queued", "accepted", "completed", "failed", "rejected"] | None]
    created_at: NotRequired[Moment]
    updated_at: NotRequired[Moment]
    result: NotRequired[Any]


class LastPush(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    status: Literal["completed", "interrupted", "failed"] | None
    at: Moment


class Settings(TypedDict, total=False):
    __pydantic_config__ = _config  # type: ignore[misc]
    heartbeat_interval_s: Number
    websocket_ping_interval_s: Number


class ConfigurationRecord(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    timestamp: datetime
    device_id: Key
    config_profile_id: NotRequired[Text]
    expected_config_profile_id: NotRequired[Text]
    running_config: NotRequired[Text]
    expected_config: NotRequired[Text]
    profile_schema_version: NotRequired[Text]
    firmware_schema_version: NotRequired[Text]
    last_push: NotRequired[LastPush | None]
    settings: NotRequired[Settings | None]
    platform_settings: NotRequired[Settings | None]
    base_url_changed_at: NotRequired[Moment]


class ServiceVisit(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    timestamp: datetime
    device_id: Key
    work: NotRequired[Text]
    manual_override: NotRequired[bool | None]


class GridRecord(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    timestamp: datetime
    site_id: NotRequired[Name]
    area: NotRequired[Name]
    kind: NotRequired[Literal["voltage_excursion", "frequency_excursion", "outage"] | None]
    voltage_v: NotRequired[Number]
    frequency_hz: NotRequired[Number]
    duration_s: NotRequired[Number]


class EnvironmentRecord(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    timestamp: datetime
    site_id: Key
    ambient_c: NotRequired[Celsius]


class CheckResultRecord(TypedDict):
    __pydantic_config__ = _config  # type: ignore[misc]
    timestamp: datetime
    device_id: Key
    check_id: Key
    value: Any
    connector_id: NotRequired[Connector]
    by: NotRequired[Text]


SCHEMAS: dict[str, Any] = {
    "sites": SiteRecord,
    "devices": DeviceRecord,
    "events": EventRecord,
    "heartbeats": HeartbeatRecord,
    "telemetry": TelemetryRecord,
    "charging_records": ChargingRecord,
    "connections": ConnectionRecord,
    "commands": CommandRecord,
    "configurations": ConfigurationRecord,
    "service_visits": ServiceVisit,
    "grid": GridRecord,
    "environment": EnvironmentRecord,
    "check_results": CheckResultRecord,
}
"""The record lists, in the order of the contract."""

TIME_FIELD = {"charging_records": "start_time", "commands": "created_at", "sites": "", "devices": ""}
"""The field that places a record in time, where it is not `timestamp`; empty where records have no time."""

SYNONYMS = {
    "state": {"available": "idle", "faulted": "fault", "error": "fault", "occupied": "preparing", "finishing": "idle",
              "offline": "unavailable", "inoperative": "unavailable", "suspended": "charging"},
    "current_type": {"ac": "AC", "dc": "DC"},
    "transition": {"connected": "online", "disconnected": "offline", "connect": "online", "disconnect": "offline",
                   "reconnected": "reconnect"},
    "type": {"lte": "cellular", "4g": "cellular", "3g": "cellular", "5g": "cellular", "lan": "ethernet", "wired": "ethernet",
             "wi-fi": "wifi", "wlan": "wifi"},
}  # fmt: skip
"""Other spellings of a field's words, tried in lower case where a word is not one of its own."""


def adapter(name: str) -> TypeAdapter[Any]:
    """The validator of one record list."""
    found = _ADAPTERS.get(name)
    if found is None:
        found = _ADAPTERS.setdefault(name, TypeAdapter(SCHEMAS[name]))
    return found


@cache
def required_fields(name: str) -> frozenset[str]:
    """The fields that a record of a list cannot do without.

    Read from the evaluated annotations: `__required_keys__` counts every field where annotations are kept as text.
    """
    hints = get_type_hints(SCHEMAS[name], include_extras=True)
    return frozenset(field for field, hint in hints.items() if get_origin(hint) is not NotRequired)


_ADAPTERS: dict[str, TypeAdapter[Any]] = {}


Kind = Literal["number", "whole", "flag", "moment", "word", "key", "text", "objects", "free"]
"""What a value is: a float, an integer, true or false, a timestamp, one of some words, an id, any text, a list of objects
with a schema of their own, or JSON of any shape."""


@dataclass(frozen=True)
class Leaf:
    """One value that a record list's schema names, by its dotted path.

    `low` and `high` bound numbers and `high` a key's length, `words` are those of a word, `lower` marks a key in lower case;
    `needed` marks what the record cannot do without; `parts` are the leaves of each object of a list.
    """

    path: str
    kind: Kind
    hint: Any
    needed: bool = False
    low: float = float("-inf")
    high: float = float("inf")
    words: tuple[str, ...] = ()
    lower: bool = False
    parts: tuple[Leaf, ...] = ()

    @property
    def validator(self) -> TypeAdapter[Any]:
        """The validator of this value alone; it accepts what the validator of the record accepts here."""
        return _leaf_adapter(self)

    def __hash__(self) -> int:
        return hash(self.path)


@cache
def leaves(name: str) -> Mapping[str, Leaf]:
    """Every value that the schema of a record list names, by its dotted path, in the order of the schema."""
    return {leaf.path: leaf for leaf in _leaves(SCHEMAS[name], "", required_fields(name))}


@cache
def branches(name: str) -> frozenset[str]:
    """The dotted paths of the objects that hold the values of `leaves`: `component_health`, `component_health.internal_temps`."""
    paths = leaves(name)
    return frozenset(path[:place] for path in paths for place, letter in enumerate(path) if letter == ".")


@cache
def free_form(name: str) -> frozenset[str]:
    """The dotted paths of values of any shape, which are kept as they were fed."""
    return frozenset(path for path, leaf in leaves(name).items() if leaf.kind == "free")


def _leaves(schema: Any, prefix: str, needed: frozenset[str] = frozenset()) -> Iterator[Leaf]:
    for field, hint in get_type_hints(schema, include_extras=True).items():
        inner = _meant(hint)
        if is_typeddict(inner):
            yield from _leaves(inner, f"{prefix}{field}.")
        else:
            yield _leaf(f"{prefix}{field}", inner, field in needed)


def _meant(hint: Any) -> Any:
    """A type without the marks that it may be missing or null."""
    if get_origin(hint) is NotRequired:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    return hint


def _leaf(path: str, hint: Any, needed: bool) -> Leaf:
    bare, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if bare is float or (bare is int and marks):
        low, high = _bounds(marks)
        return Leaf(path, "number" if bare is float else "whole", hint, needed, low, high)
    if get_origin(bare) is Literal:
        return Leaf(path, "word", hint, needed, words=get_args(bare))
    if bare is str and marks and marks[0].max_length is not None:
        return Leaf(path, "key", hint, needed, high=marks[0].max_length, lower=bool(marks[0].to_lower))
    if bare is str:
        return Leaf(path, "text", hint, needed)
    if bare is bool or bare is datetime:
        return Leaf(path, "flag" if bare is bool else "moment", hint, needed)
    if get_origin(bare) is list and is_typeddict(get_args(bare)[0]):
        return Leaf(path, "objects", hint, needed, parts=tuple(_leaves(get_args(bare)[0], "")))
    return Leaf(path, "free", hint, needed)


def _bounds(marks: list[Any]) -> tuple[float, float]:
    (field,) = (mark for mark in marks if isinstance(mark, FieldInfo))
    found = {type(mark).__name__: mark for mark in field.metadata}
    return found["Ge"].ge, found["Le"].le


@cache
def _leaf_adapter(leaf: Leaf) -> TypeAdapter[Any]:
    return TypeAdapter(leaf.hint, config=_config)
