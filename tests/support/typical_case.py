"""A typical case, made in code: one charger with an hour of five-second telemetry, its history, and twenty neighbours."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

MOMENT = datetime(2026, 5, 10, 12, tzinfo=UTC)
DEVICE = "TLS-0001"


def at(seconds: float) -> str:
    """A moment around the fault as ISO 8601."""
    return (MOMENT + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def typical_case(code: str = "F-0203", rows: int = 720) -> dict[str, Any]:
    """A bundle with one fault of a code at noon, after a session that warms up while the fan slows down."""
    return {
        "bundle_version": 1,
        "as_of": at(600),
        "sites": [{"site_id": "S1", "name": "Depot", "area": "north", "network": {"status": "up", "since": at(-86_400 * 9)}}],
        "devices": [_device(number) for number in range(21)],
        "events": _events(code),
        "heartbeats": [{"timestamp": at(-30 * n), "device_id": DEVICE, "status": "online"} for n in range(-20, 120)],
        "telemetry": [_telemetry(row, rows) for row in range(rows)],
        "charging_records": [_session(day) for day in range(1, 31)],
        "connections": [
            {"timestamp": at(-7_200 * n), "device_id": DEVICE, "transition": "reconnect", "close_code": 1006, "handshake_ms": 180 + n}
            for n in range(1, 40)
        ],
        "commands": [
            {"command_id": f"c{n}", "device_id": DEVICE, "command": "soft_reset", "status": "completed",
             "created_at": at(-86_400 * n), "updated_at": at(-86_400 * n + 20)}
            for n in range(1, 6)
        ],
        "configurations": [
            {"timestamp": at(-86_400 * 3), "device_id": DEVICE, "config_profile_id": "p7", "expected_config_profile_id": "p7",
             "running_config": "5f1c", "expected_config": "5f1c", "settings": {"heartbeat_interval_s": 30}}
        ],
        "service_visits": [{"timestamp": at(-86_400 * 40), "device_id": DEVICE, "work": "inspected filters and cleaned vents"}],
        "grid": [{"timestamp": at(-86_400 * 2), "site_id": "S1", "kind": "voltage_excursion", "voltage_v": 253, "duration_s": 2}],
        "environment": [{"timestamp": at(-900 * n), "site_id": "S1", "ambient_c": 33 - n / 4} for n in range(12)],
        "check_results": [{"timestamp": at(300), "device_id": DEVICE, "check_id": "fan-operation", "value": "slow", "by": "crew"}],
    }  # fmt: skip


def _device(number: int) -> dict[str, Any]:
    return {
        "device_id": f"TLS-{number + 1:04d}", "sn": f"SN{number:05d}", "model": "TP-DC180", "manufacturer": "Tellus",
        "firmware_version": "3.0.1" if number % 3 else "3.1.0", "status": "online", "site_id": "S1",
        "last_heartbeat": at(580 + number / 10), "v2g_capable": number % 2 == 0, "ocpp_version": "1.6",
        "product": {"rated_power_kw": 180, "continuous_rating_kw": 150, "current_type": "DC", "max_current_a": 400},
        "connectivity": {"type": "cellular", "signal_strength_dbm": -80 - number},
        "lifecycle": {"activation_date": "2023-03-01T00:00:00Z", "usage_duration_days": 1_100 + number},
    }  # fmt: skip


def _events(code: str) -> list[dict[str, Any]]:
    own = {"device_id": DEVICE, "connector_id": 1}
    steps = [(-2_700, "plug_in", {}), (-2_690, "state", {"from": "idle", "to": "preparing"}), (-2_680, "start", {"reason": "Remote"}),
             (-2_675, "state", {"from": "preparing", "to": "charging"}), (0, "state", {"from": "charging", "to": "fault"}),
             (0, "fault", {"fault_code": code, "fault_message": "derating, then stop", "details": {"temperature_c": 78.5, "limit_c": 75}}),
             (2, "stop", {"reason": "Fault"})]  # fmt: skip
    events = [{"timestamp": at(second), **own, "event_type": kind, "data": data} for second, kind, data in steps]
    for day in range(1, 31):
        for second, kind in ((-3_600, "plug_in"), (-3_590, "start"), (-600, "stop"), (-580, "plug_out")):
            events.append({"timestamp": at(second - 86_400 * day), **own, "event_type": kind, "data": {}})
    events += [
        {
            "timestamp": at(-86_400 * day),
            **own,
            "event_type": "fault",
            "data": {"fault_code": code, "fault_message": "derating"},
        }
        for day in (2, 5)
    ]
    return events


def _telemetry(row: int, rows: int) -> dict[str, Any]:
    second = -3_600 + 3_600 * row / rows + 5
    charging = -2_675 <= second < 0
    load = 1.0 if charging else 0.0
    warmth = max(0.0, (second + 2_675) / 2_675) if charging else 0.2
    wave = math.sin(row / 7)
    return {
        "timestamp": at(second), "device_id": DEVICE, "connector_id": 1,
        "state": "charging" if charging else "fault" if second >= 0 else "idle",
        "voltage": 398.0 + wave, "current": 250 * load + wave * load, "power": 99.5 * load, "energy_delivered": 70 * warmth,
        "soc": round(20 + 60 * warmth), "temperature": round(38 + 40 * warmth + wave / 5, 2), "ambient_temperature": 33.0,
        "cabinet_temperature": round(40 + 15 * warmth, 2), "dc_bus_voltage": 780 + wave, "dc_bus_current": 120 * load, "power_limit": 150,
        "phase_details": {phase: {"voltage": 230 + wave, "current": 140 * load} for phase in ("phase_a", "phase_b", "phase_c")},
        "power_modules": [{"index": index, "status": "ok", "temperature": round(45 + 20 * warmth, 1)} for index in range(3)],
        "component_health": {
            "contactor_cycles": 41_200, "contactor_max_cycles": 100_000, "cooling_fan_rpm": round(2_100 - 700 * warmth),
            "cooling_fan_status": "warning" if warmth > 0.7 else "ok", "relay_state": "closed" if charging else "open",
            "internal_temps": {"power_module": round(45 + 25 * warmth, 2), "control_board": 44, "ac_inlet": 35, "dc_outlet": 50},
        },
    }  # fmt: skip


def _session(day: int) -> dict[str, Any]:
    return {
        "record_id": f"r{day}", "device_id": DEVICE, "connector_id": 1 + day % 2, "start_time": at(-86_400 * day - 3_590),
        "end_time": at(-86_400 * day - 600), "energy": 40 + day % 7, "max_power": 140, "avg_power": 95, "meter_start": 1_000 * day,
        "meter_end": 1_000 * day + 40 + day % 7, "stop_reason": "Local",
        "vehicle_info": {"vin": f"VIN{day % 5}", "make": "Alfa", "model": "One", "soc_start": 20, "soc_end": 80},
    }  # fmt: skip
