"""Random bundles: two chargers of one site, a few minutes around a fault, every record list, many ties and repetitions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from charger_triage.knowledge.records import SCHEMAS

CODES = (
    "F-0101",
    "F-0203",
    "F-0204",
    "F-0301",
    "F-0302",
    "F-0411",
    "F-0421",
    "F-0512",
    "F-0601",
    "F-0701",
    "F-0702",
    "F-0805",
)
MOMENT = datetime(2026, 5, 10, 12, tzinfo=UTC)
Bundle = dict[str, list[Any]]


def at(seconds: float) -> str:
    """A moment around the fault as ISO 8601."""
    return (MOMENT + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


_times = st.sampled_from([-86_400 * 3, -86_400, -3_600, -700, -600, -300, -60, -30, -5, -1, 0, 0, 0, 5, 60, 600]).map(
    at
)
_devices = st.sampled_from(["A", "A", "A", "B"])
_connectors = st.sampled_from([1, 1, 2, None, 0])
_vehicle = {
    "vin": st.sampled_from(["V1", "V2"]),
    "make": st.sampled_from(["Alfa", "Beta"]),
    "soc_start": st.integers(0, 100),
}


def _some(needed: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(needed, optional=optional)


_numbers = {
    "temperature": st.sampled_from([20, 64.9, 65, 75, 90]), "voltage": st.sampled_from([0, 230, 398.2, 420]),
    "current": st.sampled_from([0, 16, 250]), "power": st.sampled_from([-10, 0, 11, 150]), "soc": st.integers(0, 100),
    "ambient_temperature": st.sampled_from([20, 35, 36]), "cabinet_temperature": st.sampled_from([30, 60, 80]),
    "dc_bus_voltage": st.sampled_from([700, 800, 950]), "inverter_health_pct": st.integers(60, 100),
}  # fmt: skip
_health = {
    "contactor_cycles": st.sampled_from([100, 59_000, 99_000]), "cooling_fan_rpm": st.sampled_from([0, 900, 1800, 2100]),
    "cooling_fan_status": st.sampled_from(["ok", "warning", "fault"]), "relay_state": st.sampled_from(["closed", "open", "fault"]),
    "internal_temps": _some({}, {"power_module": st.integers(20, 110), "ac_inlet": st.integers(20, 60)}),
}  # fmt: skip

RECORDS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "sites": _some({"site_id": st.just("S")}, {"area": st.sampled_from(["N", "M"]), "network": _some({}, {"status": st.sampled_from(["up", "down"])})}),
    "devices": _some(
        {"device_id": _devices},
        {"site_id": st.just("S"), "model": st.sampled_from(["TP-AC22", "TP-DC180"]), "status": st.sampled_from(["online", "offline"]),
         "firmware_version": st.sampled_from(["3.0.1", "3.0.3", "260420.0107", "odd"]), "last_heartbeat": _times,
         "connectivity": _some({}, {"type": st.just("cellular"), "signal_strength_dbm": st.integers(-120, -60)}),
         "lifecycle": _some({}, {"usage_duration_days": st.integers(0, 4000)})},
    ),
    "events": _some(
        {"timestamp": _times, "device_id": _devices, "event_type": st.sampled_from(["plug_in", "plug_out", "start", "stop", "alarm", "state"])},
        {"connector_id": _connectors, "data": _some({}, {"reason": st.sampled_from(["Local", "EVDisconnected", "fan slow"]),
                                                         "from": st.just("preparing"), "to": st.sampled_from(["charging", "fault"])})},
    ),
    "heartbeats": _some({"timestamp": _times, "device_id": _devices}, {"status": st.sampled_from(["online", "fault", "offline"]), "fault_code": st.sampled_from([*CODES, None, 0, 421])}),
    "telemetry": _some(
        {"timestamp": _times, "device_id": _devices},
        {"connector_id": _connectors, "state": st.sampled_from(["idle", "preparing", "charging", "discharging", "fault"]), **_numbers,
         "component_health": _some({}, _health), "inverter_sync_status": st.sampled_from(["synced", "lost"]),
         "power_modules": st.lists(_some({"index": st.integers(0, 2)}, {"status": st.sampled_from(["ok", "timeout"]), "temperature": st.integers(20, 90)}), max_size=2)},
    ),
    "charging_records": _some(
        {"record_id": st.sampled_from(["r1", "r2"]), "device_id": _devices, "start_time": _times},
        {"connector_id": _connectors, "end_time": _times, "energy": st.integers(0, 60), "stop_reason": st.sampled_from(["Local", "Other"]),
         "vehicle_info": _some({}, _vehicle)},
    ),
    "connections": _some(
        {"timestamp": _times, "device_id": _devices, "transition": st.sampled_from(["online", "offline", "reconnect"])},
        {"clean_close": st.booleans(), "close_code": st.sampled_from([1000, 1006]), "reason": st.sampled_from(["tls", "dns", "idle timeout"])},
    ),
    "commands": _some(
        {"command_id": st.sampled_from(["c1", "c2"]), "device_id": _devices, "command": st.sampled_from(["reboot", "soft_reset", "firmware_update"])},
        {"created_at": _times, "updated_at": _times, "status": st.sampled_from(["completed", "failed"])},
    ),
    "configurations": _some(
        {"timestamp": _times, "device_id": _devices},
        {"settings": _some({}, {"heartbeat_interval_s": st.sampled_from([10, 30, 300])}), "last_push": _some({}, {"status": st.sampled_from(["completed", "interrupted"]), "at": _times}),
         "running_config": st.sampled_from(["x", "y"]), "expected_config": st.just("x")},
    ),
    "service_visits": _some({"timestamp": _times, "device_id": _devices}, {"work": st.sampled_from(["replaced fan", "configuration changed"]), "manual_override": st.booleans()}),
    "grid": _some({"timestamp": _times}, {"site_id": st.just("S"), "kind": st.sampled_from(["voltage_excursion", "outage"]), "voltage_v": st.sampled_from([180, 230])}),
    "environment": _some({"timestamp": _times, "site_id": st.just("S")}, {"ambient_c": st.sampled_from([10, 35, 38])}),
    "check_results": _some(
        {"timestamp": _times, "device_id": _devices, "check_id": st.sampled_from(["close-click", "fan-operation", "vents", "site-network", "coil-voltage"]),
         "value": st.sampled_from(["present", "absent", "slow", "stopped", "blocked", "down", 94, "101 %"])},
        {"connector_id": _connectors},
    ),
}  # fmt: skip
assert set(RECORDS) == set(SCHEMAS)

faults = st.fixed_dictionaries(
    {
        "timestamp": _times,
        "device_id": _devices,
        "event_type": st.just("fault"),
        "data": st.fixed_dictionaries({"fault_code": st.sampled_from([*CODES, "E-7"])}),
    },
    optional={"connector_id": _connectors},
)


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    """One to three faults among records of a few lists; some records stand twice."""
    bundle: Bundle = {"events": draw(st.lists(faults, min_size=1, max_size=3))}
    for name in draw(st.lists(st.sampled_from(sorted(RECORDS)), max_size=6, unique=True)):
        records = bundle.setdefault(name, [])
        records += draw(st.lists(RECORDS[name], min_size=1, max_size=6))
        records += draw(st.lists(st.sampled_from(records), max_size=2))
    return bundle


malformed: st.SearchStrategy[Any] = st.sampled_from(
    [None, 7, "text", [], {}, {"device_id": "A"}, {"timestamp": "yesterday", "device_id": "A"}, {"timestamp": at(0), "device_id": ["A"]},
     {"timestamp": at(0), "device_id": "A", "site_id": {}, "transition": "sideways", "check_id": 3.5}]
)  # fmt: skip

odd_numbers = st.sampled_from([float("nan"), float("inf"), -1e308, 10**30, -0.0, 2**63]) | st.integers() | st.floats()
odd_texts = st.sampled_from(
    ["\ud800", "\x00", "NaN", "1e999", "", "null", "x" * 3_000, "2026-02-30T00:00:00Z", "0421"]
) | st.text(max_size=10)
arbitrary = st.recursive(
    st.none() | st.booleans() | odd_numbers | odd_texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(odd_texts | st.sampled_from(["a", "b"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, Any]:
    """A list whose records have arbitrary JSON in their known fields, nested ones included; or no list at all."""
    name = draw(st.sampled_from(sorted(SCHEMAS)))
    if draw(st.integers(0, 9)) == 0:
        return name, draw(arbitrary)
    records = []
    for sound in draw(st.lists(RECORDS[name], min_size=1, max_size=4)):
        record = dict(sound)
        for field in draw(st.lists(st.sampled_from(sorted(SCHEMAS[name].__annotations__)), max_size=4)):
            if field != "__pydantic_config__":
                record[field] = _spoil(draw, record.get(field))
        records.append(record)
    return name, [*records, *draw(st.lists(arbitrary, max_size=2))]


def _spoil(draw: st.DrawFn, value: Any) -> Any:
    """Arbitrary JSON instead of a value, or somewhere inside of it."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: _spoil(draw, value[key]), "more": draw(arbitrary)}
    if isinstance(value, list) and value and draw(st.booleans()):
        return [*value[:-1], _spoil(draw, value[-1])]
    return draw(arbitrary)
