"""Makes the shipped example cases. Deterministic: `python examples/make_examples.py` writes the same files again.

The figures are invented but plausible; the cause that each case was built around stands in `examples/README.md`.
"""

from __future__ import annotations

import csv
import io
import json
import math
import random
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NOON = datetime(2026, 5, 12, 12, 0, tzinfo=UTC)
Record = dict[str, Any]
Case = dict[str, list[Record]]


def at(minutes: float) -> str:
    """A timestamp so many minutes from the case's noon."""
    return (NOON + timedelta(minutes=minutes)).isoformat(timespec="seconds").replace("+00:00", "Z")


def days(number: float) -> float:
    """Days in minutes."""
    return number * 1440


def charger(device: str, site: str, model: str = "TP-DC180", firmware: str = "3.1.0", **more: Any) -> Record:
    """Metadata of a charger of one of the vendor's models."""
    power = {"TP-AC22": 22, "TP-DC60": 60, "TP-DC180": 180, "TP-DC360": 360}[model]
    return {
        "device_id": device, "sn": f"SN{device}", "model": model, "manufacturer": "Tellus", "firmware_version": firmware,
        "status": "online", "last_heartbeat": at(-0.2), "site_id": site,
        "product": {"rated_power_kw": power, "continuous_rating_kw": round(power * 0.9, 1),
                    "current_type": "AC" if "AC" in model else "DC", "max_current_a": 32 if "AC" in model else 400},
        "connectivity": {"type": "ethernet"},
        "lifecycle": {"usage_duration_days": 640, "manufacturing_batch": "B2418"},
        "certificates": {"tls_not_after": "2027-08-01T00:00:00Z"},
        **more,
    }  # fmt: skip


def event(minutes: float, device: str, kind: str, connector: int | None = 1, **data: Any) -> Record:
    """An event of a charger."""
    record: Record = {"timestamp": at(minutes), "device_id": device, "event_type": kind}
    if connector is not None:
        record["connector_id"] = connector
    if data:
        record["data"] = data
    return record


def fault(
    minutes: float, device: str, code: str, connector: int | None = 1, message: str = "", **details: Any
) -> Record:
    """A fault event."""
    return event(minutes, device, "fault", connector, fault_code=code, fault_message=message, details=details)


def state(minutes: float, device: str, before: str, after: str, connector: int = 1) -> Record:
    """A change of a connector's state."""
    return event(minutes, device, "state", connector, **{"from": before, "to": after})


def session(
    start: float, minutes: float, device: str, power: float, number: int, connector: int = 1, **more: Any
) -> Record:
    """A charging record; power in kW."""
    return {
        "record_id": f"{device}-{connector}-{number:04d}", "device_id": device, "connector_id": connector,
        "start_time": at(start), "end_time": at(start + minutes), "energy": round(power * minutes / 60 * 0.9, 2),
        "max_power": power, "avg_power": round(power * 0.9, 1), "stop_reason": "user_request", **more,
    }  # fmt: skip


def series(
    device: str, start: float, end: float, step_s: float, sample: Callable[[float], Record], connector: int | None = 1
) -> Iterable[Record]:
    """Telemetry from start to end minutes, one sample each step; `sample` gets the minute."""
    number = int((end - start) * 60 / step_s)
    for place in range(number + 1):
        minute = start + place * step_s / 60
        record: Record = {"timestamp": at(minute), "device_id": device}
        if connector is not None:
            record["connector_id"] = connector
        yield {**record, **sample(minute)}


def heartbeats(device: str, start: float, end: float, every_s: float = 30) -> Iterable[Record]:
    """Regular heartbeats."""
    number = int((end - start) * 60 / every_s)
    for place in range(number + 1):
        yield {"timestamp": at(start + place * every_s / 60), "device_id": device, "status": "online"}


def charging(rng: random.Random, power: float, temperature: float, voltage: float = 400.0, **more: Any) -> Record:
    """A sample while charging; power in kW."""
    volts = voltage + rng.uniform(-1.5, 1.5)
    kilowatts = power * (1 + rng.uniform(-0.01, 0.01))
    return {"state": "charging", "voltage": round(volts, 1), "current": round(kilowatts * 1000 / volts, 1),
            "power": round(kilowatts, 2), "temperature": round(temperature + rng.uniform(-0.4, 0.4), 1), **more}  # fmt: skip


def firmware_cluster() -> Case:
    """Thirty chargers at five sites; those on 3.0.1 report F-0421 since the upgrade, whatever their age."""
    rng = random.Random(1)
    case: Case = {"sites": [], "devices": [], "events": [], "charging_records": [], "commands": [], "heartbeats": []}
    for place in range(5):
        case["sites"].append(
            {"site_id": f"S{place + 1}", "name": f"Depot {place + 1}", "area": "north", "network": {"status": "up"}}
        )
    for number in range(30):
        device = f"TP-{number + 1:03d}"
        affected = number % 3 == 0
        case["devices"].append(
            charger(device, f"S{number % 5 + 1}", firmware="3.0.1" if affected else "3.1.0",
                    lifecycle={"usage_duration_days": rng.randint(90, 1500), "manufacturing_batch": rng.choice(["B2301", "B2418"])})
        )  # fmt: skip
        case["heartbeats"].extend(heartbeats(device, -3, 0))
        if affected:
            case["commands"].append(
                {"command_id": f"U{number}", "device_id": device, "command": "firmware_upgrade", "status": "completed",
                 "params": {"version": "3.0.1"}, "created_at": at(-days(5) + number), "updated_at": at(-days(5) + number + 12)}
            )  # fmt: skip
        for visit in range(6):
            start = -days(6 - visit) + rng.uniform(0, 600)
            fails = affected and visit >= 2 and rng.random() < 0.45
            case["events"].append(event(start, device, "plug_in"))
            case["events"].append(event(start + 0.2, device, "auth_ok"))
            case["events"].append(state(start + 0.3, device, "idle", "preparing"))
            if fails or (device == "TP-001" and visit == 5):
                case["events"].append(state(start + 0.4, device, "preparing", "fault"))
                case["events"].append(
                    fault(
                        start + 0.4,
                        device,
                        "F-0421",
                        message="no contactor feedback in time",
                        feedback_window_ms=100,
                        stage="start",
                    )
                )
                start += 3
                case["events"].append(event(start, device, "plug_in"))
            case["events"].append(event(start + 1, device, "start"))
            case["events"].append(event(start + 35, device, "stop", reason="user_request"))
            case["events"].append(event(start + 37, device, "plug_out"))
            case["charging_records"].append(session(start + 1, 34, device, round(rng.uniform(60, 150), 1), visit))
    return case


def inrush_weld() -> Case:
    """A young contactor welds in the session that began with a current spike after a grid dip."""
    rng = random.Random(2)
    device = "DC180-07"
    case: Case = {
        "sites": [{"site_id": "S1", "name": "Motorway east", "area": "east", "network": {"status": "up"}}],
        "devices": [charger(device, "S1", lifecycle={"usage_duration_days": 210, "manufacturing_batch": "B2530"})],
        "grid": [
            {"timestamp": at(-52.2), "area": "east", "kind": "voltage_excursion", "voltage_v": 181.0, "duration_s": 1.2}
        ],
    }
    health = {"contactor_cycles": 6120, "contactor_max_cycles": 100000}

    def sample(minute: float) -> Record:
        closed: Record = {"component_health": {**health, "relay_state": "closed", "isolation_test_kohms": 4200}}
        if minute < -52:
            return {"state": "idle", "voltage": 0.4, "current": 0.0, "power": 0.0, "temperature": 24.0,
                    "component_health": {**health, "relay_state": "open", "isolation_test_kohms": 4200}}  # fmt: skip
        if minute < -51.9:
            return {**charging(rng, 90, 26, **closed), "current": 742.0}
        if minute < -4:
            return charging(rng, 120 - max(0.0, minute + 30) * 2, 34, **closed)
        return {"state": "idle", "voltage": round(396.5 + rng.uniform(-0.5, 0.5), 1), "current": 0.0, "power": 0.0,
                "temperature": 31.0, "component_health": {**health, "relay_state": "closed", "isolation_test_kohms": 38}}  # fmt: skip

    case["telemetry"] = list(series(device, -60, 0, 5, sample))
    case["charging_records"] = [session(-days(k) - 40, 30, device, 88 + k % 5 * 10, k) for k in range(1, 15)]
    case["charging_records"].append(
        session(-52, 48, device, 120, 99, vehicle_info={"vin": "WVWZZZE1ZPP000111", "make": "Volkswagen"})
    )
    case["events"] = [
        event(-53, device, "plug_in"), event(-52.6, device, "auth_ok"), state(-52.4, device, "idle", "preparing"),
        event(-52, device, "start"), event(-4, device, "stop", reason="target_soc"), event(-3.2, device, "plug_out"),
        fault(-3, device, "F-0101", message="contactor did not open", residual_voltage_v=396.4, peak_make_current_a=742),
    ]  # fmt: skip
    case["heartbeats"] = list(heartbeats(device, -20, 0))
    return case


def oxidised_pins() -> Case:
    """One connector of two heats more at the same current week by week, with every vehicle."""
    rng = random.Random(3)
    device = "DC180-21"
    case: Case = {
        "sites": [{"site_id": "S1", "name": "Harbour", "network": {"status": "up"}}],
        "devices": [charger(device, "S1", connectors=[{"connector_id": 1}, {"connector_id": 2}]), charger("DC180-22", "S1")],
        "environment": [{"timestamp": at(-days(k)), "site_id": "S1", "ambient_c": 17 + k % 4} for k in range(43)],
        "telemetry": [], "charging_records": [], "events": [],
    }  # fmt: skip
    for day in range(42, -1, -2):
        for connector in (1, 2):
            growth = (42 - day) * 0.62 if connector == 2 else 0.0
            start = -days(day) - 30
            vin = f"VIN{(day * 7 + connector) % 17:02d}"

            def sample(minute: float, start: float = start, growth: float = growth) -> Record:
                heat = 22 + (26 + growth) * (1 - math.exp(-(minute - start) / 9))
                fan = {"cooling_fan_rpm": rng.randint(2180, 2240), "cooling_fan_status": "ok"}
                return charging(rng, 92, heat, ambient_temperature=19.0, component_health=fan)

            case["telemetry"].extend(series(device, start, start + 29, 120, sample, connector))
            case["charging_records"].append(session(start, 29, device, 92, day, connector, vehicle_info={"vin": vin}))
    case["events"] = [
        event(-31, device, "plug_in", 2), event(-30, device, "start", 2),
        fault(-1.5, device, "F-0203", 2, "connector temperature above warning", temperature_c=75.2, derated_to_kw=60),
    ]  # fmt: skip
    case["heartbeats"] = [beat for unit in (device, "DC180-22") for beat in heartbeats(unit, -5, 0)]
    return case


def fan_failure() -> Case:
    """A fan slowed down for days (F-0601), stopped, and the cabinet overheated under ordinary load."""
    rng = random.Random(4)
    device = "DC360-03"
    case: Case = {
        "sites": [{"site_id": "S1", "name": "Logistics park", "network": {"status": "up"}}],
        "devices": [charger(device, "S1", "TP-DC360", "4.0.0"), charger("DC360-04", "S1", "TP-DC360", "4.0.0")],
        "telemetry": [], "events": [],
    }  # fmt: skip

    def sick(minute: float) -> Record:
        rpm = 0 if minute > -75 else 1350
        heat = 46 + max(0.0, minute + 75) * 0.46
        return charging(rng, 150, 41, cabinet_temperature=round(heat + rng.uniform(-0.3, 0.3), 1), ambient_temperature=24.5,
                        component_health={"cooling_fan_rpm": rpm, "cooling_fan_status": "fault" if rpm == 0 else "warning",
                                          "internal_temps": {"power_module": round(heat + 9, 1), "control_board": round(heat - 4, 1)}})  # fmt: skip

    def sound(_: float) -> Record:
        return charging(rng, 160, 40, cabinet_temperature=round(43.5 + rng.uniform(-0.4, 0.4), 1), ambient_temperature=24.5,
                        component_health={"cooling_fan_rpm": rng.randint(2230, 2290), "cooling_fan_status": "ok"})  # fmt: skip

    case["telemetry"].extend(series(device, -120, 0, 30, sick))
    case["telemetry"].extend(series("DC360-04", -120, 0, 60, sound))
    case["events"] = [
        fault(-days(6), device, "F-0601", None, "fan below nominal", rpm=1490),
        fault(-days(2), device, "F-0601", None, "fan below nominal", rpm=1370),
        fault(-0.5, device, "F-0204", None, "cabinet too hot, output reduced", cabinet_c=80.2),
        state(-0.4, device, "charging", "fault", 1), state(-0.4, device, "charging", "fault", 2),
    ]  # fmt: skip
    case["heartbeats"] = [beat for unit in (device, "DC360-04") for beat in heartbeats(unit, -5, 0)]
    return case


def site_outage() -> Case:
    """Every charger of one site falls silent within half a minute; the other site is fine."""
    rng = random.Random(5)
    case: Case = {
        "sites": [
            {"site_id": "S1", "name": "City garage", "area": "west", "network": {"status": "down", "since": at(-24.5)}},
            {"site_id": "S2", "name": "Ring road", "area": "west", "network": {"status": "up"}},
        ],
        "devices": [], "heartbeats": [], "connections": [],
    }  # fmt: skip
    for number in range(12):
        device = f"AC22-{number + 1:02d}"
        lost = number < 8
        silent = -24.3 + rng.uniform(0, 0.5)
        case["devices"].append(
            charger(device, "S1" if lost else "S2", "TP-AC22", "3.1.0", status="offline" if lost else "online",
                    last_heartbeat=at(silent - 0.2 if lost else -0.3), **({"offline_since": at(silent + 1)} if lost else {}))
        )  # fmt: skip
        case["heartbeats"].extend(heartbeats(device, -40, silent - 0.2 if lost else -0.3))
        case["connections"].append(
            {"timestamp": at(-days(4)), "device_id": device, "transition": "online", "handshake_ms": 180}
        )
        if lost:
            case["connections"].append(
                {
                    "timestamp": at(silent + 1),
                    "device_id": device,
                    "transition": "offline",
                    "clean_close": False,
                    "close_code": 1006,
                }
            )
    return case


def idle_connection() -> Case:
    """The router drops connections that were silent for five minutes; nothing drops while telemetry flows."""
    rng = random.Random(6)
    device = "DC60-11"
    case: Case = {
        "sites": [{"site_id": "S1", "name": "Retail park", "network": {"status": "up"}}],
        "devices": [charger(device, "S1", "TP-DC60"), charger("DC60-12", "S1", "TP-DC60")],
        "configurations": [
            {"timestamp": at(-days(3)), "device_id": device,
             "settings": {"heartbeat_interval_s": 900, "websocket_ping_interval_s": 600},
             "platform_settings": {"heartbeat_interval_s": 900, "websocket_ping_interval_s": 600}},
        ],
        "connections": [], "telemetry": [], "events": [], "charging_records": [session(-160, 80, device, 48, 1)],
    }  # fmt: skip
    for start, end in ((-300, -165), (-75, -1)):
        minute = float(start)
        while minute < end:
            case["connections"].append(
                {
                    "timestamp": at(minute),
                    "device_id": device,
                    "transition": "online",
                    "handshake_ms": rng.randint(140, 190),
                }
            )
            minute += 300 / 60 + rng.uniform(-0.02, 0.02)
            case["connections"].append(
                {"timestamp": at(minute), "device_id": device, "transition": "offline", "clean_close": False, "close_code": 1006,
                 "reason": "connection reset by peer"}
            )  # fmt: skip
            minute += 0.05
    for place in range(8):
        case["connections"].append(
            {
                "timestamp": at(-15 + place * 1.7),
                "device_id": device,
                "transition": "reconnect",
                "handshake_ms": rng.randint(140, 190),
            }
        )
    case["connections"].sort(key=lambda record: str(record["timestamp"]))
    case["telemetry"].extend(series(device, -160, -80, 15, lambda _: charging(rng, 46, 38)))
    case["telemetry"].extend(
        series(
            device,
            -300,
            -161,
            300,
            lambda _: {"state": "idle", "voltage": 0.0, "current": 0.0, "power": 0.0, "temperature": 21.0},
        )
    )
    case["events"] = [fault(-1, device, "F-0302", None, "reconnect storm", reconnects=8)]
    case["heartbeats"] = [beat for unit in (device, "DC60-12") for beat in heartbeats(unit, -5, 0)]
    return case


def module_hang() -> Case:
    """Module 2 stops answering since the upgrade, always the same one, and comes back on a soft reset."""
    rng = random.Random(7)
    device = "DC180-40"
    hung = [(-days(3), -days(3) + 20), (-42.0, -20.0)]

    def sample(minute: float) -> Record:
        out = any(start <= minute < end for start, end in hung)
        modules = [
            {
                "index": index,
                "status": "timeout" if out and index == 2 else "ok",
                "temperature": round(48 + index + rng.uniform(-0.5, 0.5), 1),
            }
            for index in range(1, 5)
        ]
        return charging(
            rng,
            90 if out else 118,
            36,
            dc_bus_voltage=round(760 + rng.uniform(-3, 3), 1),
            dc_bus_current=150.0,
            power_modules=modules,
        )

    case: Case = {
        "sites": [{"site_id": "S1", "name": "Airport", "network": {"status": "up"}}],
        "devices": [charger(device, "S1")],
        "commands": [
            {"command_id": "U1", "device_id": device, "command": "firmware_upgrade", "status": "completed", "params": {"version": "3.1.0"},
             "created_at": at(-days(4)), "updated_at": at(-days(4) + 15)},
            {"command_id": "R1", "device_id": device, "command": "reset_power_module", "params": {"index": 2}, "status": "completed",
             "created_at": at(-days(3) + 19), "updated_at": at(-days(3) + 20), "result": {"module": 2, "status": "ok"}},
            {"command_id": "R2", "device_id": device, "command": "reset_power_module", "params": {"index": 2}, "status": "completed",
             "created_at": at(-21), "updated_at": at(-20), "result": {"module": 2, "status": "ok"}},
        ],
        "events": [
            fault(-days(3), device, "F-0411", 1, "module does not answer", module_index=2),
            fault(-42, device, "F-0411", 1, "module does not answer", module_index=2, watchdog="expired"),
        ],
        "telemetry": [*series(device, -days(3) - 5, -days(3) + 30, 60, sample), *series(device, -60, 0, 10, sample)],
        "heartbeats": list(heartbeats(device, -5, 0)),
    }  # fmt: skip
    return case


def interrupted_push() -> Case:
    """A configuration push broke off when the connection dropped; the charger runs the old profile."""
    device = "AC22-77"
    return {
        "sites": [{"site_id": "S1", "name": "Office", "network": {"status": "up"}}],
        "devices": [charger(device, "S1", "TP-AC22")],
        "configurations": [
            {"timestamp": at(-days(20)), "device_id": device, "config_profile_id": "P-2026-03", "expected_config_profile_id": "P-2026-03",
             "running_config": "a41f", "expected_config": "a41f", "profile_schema_version": "7", "firmware_schema_version": "7",
             "last_push": {"status": "completed", "at": at(-days(40))}},
            {"timestamp": at(-50), "device_id": device, "config_profile_id": "P-2026-03", "expected_config_profile_id": "P-2026-05",
             "running_config": "a41f", "expected_config": "c09e", "profile_schema_version": "7", "firmware_schema_version": "7",
             "last_push": {"status": "interrupted", "at": at(-62)}},
        ],
        "commands": [{"command_id": "P1", "device_id": device, "command": "push_config", "status": "failed", "created_at": at(-63), "updated_at": at(-61),
                      "result": {"error": "connection lost after 3 of 11 sections"}}],
        "connections": [
            {"timestamp": at(-62), "device_id": device, "transition": "offline", "clean_close": False, "close_code": 1006},
            {"timestamp": at(-60), "device_id": device, "transition": "online", "handshake_ms": 210},
        ],
        "service_visits": [{"timestamp": at(-days(95)), "device_id": device, "work": "annual safety inspection", "manual_override": False}],
        "events": [fault(-50, device, "F-0512", None, "running configuration differs from the assigned profile")],
        "heartbeats": list(heartbeats(device, -5, 0)),
    }  # fmt: skip


def grid_excursion() -> Case:
    """Three V2G chargers of one area lose sync within seconds of a frequency excursion."""
    rng = random.Random(9)
    case: Case = {
        "sites": [{"site_id": f"S{k}", "name": f"Fleet yard {k}", "area": "south", "network": {"status": "up"}} for k in (1, 2)],
        "devices": [], "telemetry": [], "events": [], "heartbeats": [],
        "grid": [{"timestamp": at(-10.1), "area": "south", "kind": "frequency_excursion", "frequency_hz": 48.9, "duration_s": 14}],
    }  # fmt: skip
    for number, site in enumerate(("S1", "S1", "S2"), 1):
        device = f"V2G-{number}"
        lost = -10 + number * 0.03
        case["devices"].append(charger(device, site, firmware="4.1.0", v2g_capable=True))

        def sample(minute: float, lost: float = lost) -> Record:
            health = {"harmonic_distortion_v2g_pct": round(2.1 + rng.uniform(-0.1, 0.1), 2), "bidirectional_inverter_cycles": 2400,
                      "bidirectional_inverter_max_cycles": 60000}  # fmt: skip
            if minute < lost:
                return {"state": "discharging", "voltage": round(398 + rng.uniform(-1, 1), 1), "current": -75.0, "power": round(-30 + rng.uniform(-0.3, 0.3), 2),
                        "soc": 71, "temperature": 36.0, "inverter_sync_status": "synced", "inverter_health_pct": 96.0, "component_health": health}  # fmt: skip
            return {"state": "fault", "voltage": 397.0, "current": 0.0, "power": 0.0, "soc": 70, "temperature": 35.0,
                    "inverter_sync_status": "lost", "inverter_health_pct": 95.5, "component_health": health}  # fmt: skip

        case["telemetry"].extend(series(device, -40, 0, 10, sample))
        case["events"].extend(
            [event(-45, device, "plug_in"), event(-44, device, "start"), state(lost, device, "discharging", "fault"),
             fault(lost, device, "F-0701", 1, "grid synchronisation lost")]
        )  # fmt: skip
        case["heartbeats"].extend(heartbeats(device, -5, 0))
    return case


def bms_shutdown() -> Case:
    """One vehicle breaks off at two chargers, current ramping down while still plugged; other vehicles finish."""
    rng = random.Random(10)
    vehicle = {"vin": "VF1AG000X65432109", "make": "Renault", "model": "Zoe", "soc_start": 31, "soc_end": 58}
    devices = ["DC60-31", "DC60-32"]
    case: Case = {
        "sites": [{"site_id": "S1", "name": "Supermarket", "network": {"status": "up"}}],
        "devices": [charger(device, "S1", "TP-DC60") for device in devices],
        "charging_records": [], "events": [], "telemetry": [], "heartbeats": [],
    }  # fmt: skip
    for device in devices:
        for k in range(1, 9):
            other = {"vin": f"WBA00000000{k:06d}", "make": "BMW", "soc_start": 20 + k, "soc_end": 80}
            case["charging_records"].append(session(-days(k) + k * 13, 40, device, 55, k, vehicle_info=other))
        case["heartbeats"].extend(heartbeats(device, -20, 0))
    case["charging_records"].append(
        session(
            -days(2),
            12,
            devices[1],
            54,
            50,
            vehicle_info=vehicle,
            stop_reason="other",
            details={"ev_error": "battery temperature high"},
        )
    )
    case["charging_records"].append(
        session(
            -21,
            17,
            devices[0],
            54,
            51,
            vehicle_info=vehicle,
            stop_reason="other",
            details={"ev_error_code": "FAILED_RESS", "ev_status": "malfunction"},
        )
    )

    def sample(minute: float) -> Record:
        if minute < -4.6:
            return charging(rng, 52, 37, soc=int(31 + (minute + 21) * 1.6))
        if minute < -4:
            return charging(rng, max(0.5, 52 * (-4 - minute) / 0.6), 37, soc=57)
        return {"state": "preparing", "voltage": 0.0, "current": 0.0, "power": 0.0, "temperature": 35.0, "soc": 57}

    case["telemetry"] = list(series(devices[0], -21, 0, 5, sample))
    case["events"] = [
        event(-22, devices[0], "plug_in"), event(-21.5, devices[0], "auth_ok"), event(-21, devices[0], "start"),
        event(-4, devices[0], "stop", reason="other"),
        fault(-4, devices[0], "F-0805", 1, "session ended unexpectedly", ev_error_code="FAILED_RESS"),
        event(-1.2, devices[0], "plug_out"),
    ]  # fmt: skip
    return case


def write_json(name: str, case: Mapping[str, Any]) -> None:
    """One JSON document."""
    document = {"bundle_version": 1, "as_of": at(0), **case}
    lines = [
        f"{json.dumps(key)}: {_list_text(value) if isinstance(value, list) else json.dumps(value)}"
        for key, value in document.items()
    ]
    (HERE / f"{name}.json").write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")


def _list_text(records: list[Record]) -> str:
    return "[\n" + ",\n".join(json.dumps(record, ensure_ascii=False) for record in records) + "]"


def early_warnings() -> Case:
    """No fault yet: a contactor near its life, a fan that slows down, isolation that falls, a certificate that ends soon."""
    rng = random.Random(11)
    worn, slow, sound = "DC180-51", "DC180-52", "DC180-53"
    case: Case = {
        "sites": [{"site_id": "S1", "name": "Ferry terminal", "area": "south", "network": {"status": "up"}}],
        "devices": [
            charger(worn, "S1", lifecycle={"usage_duration_days": 1490, "manufacturing_batch": "B2210"}),
            charger(slow, "S1", certificates={"tls_not_after": at(days(19))}),
            charger(sound, "S1"),
        ],
        "telemetry": [],
    }  # fmt: skip
    for day in range(45, -1, -1):
        for visit in range(4):
            start = -days(day) - 300 + visit * 80
            for place, device in enumerate((worn, slow, sound)):
                past = 45 - day + visit / 4
                health = {
                    "contactor_cycles": round((95_900 if device == worn else 21_000) + past * 62),
                    "contactor_max_cycles": 100_000,
                    "cooling_fan_rpm": round(2_290 - (past * 7.5 if device == slow else 0.0) + rng.uniform(-12, 12)),
                    "cooling_fan_status": "ok",
                    "isolation_test_kohms": round(
                        5_200 - (past * 78 if device == worn else 0.0) + rng.uniform(-40, 40)
                    ),
                }
                case["telemetry"].append(
                    {
                        "timestamp": at(start + place),
                        "device_id": device,
                        "connector_id": 1,
                        **charging(rng, 90, 34, ambient_temperature=19.0, component_health=health),
                    }
                )
    case["heartbeats"] = [beat for unit in (worn, slow, sound) for beat in heartbeats(unit, -5, 0)]
    return case


def fan_doubt() -> Case:
    """A fan that reads slow and that somebody saw run as it should: the two cannot both be true, and little else is known."""
    rng = random.Random(12)
    device = "DC360-09"

    def slow(_: float) -> Record:
        return charging(rng, 110, 38, cabinet_temperature=round(49 + rng.uniform(-0.3, 0.3), 1), ambient_temperature=22.0,
                        component_health={"cooling_fan_rpm": rng.randint(690, 760), "cooling_fan_status": "warning"})  # fmt: skip

    return {
        "sites": [{"site_id": "S1", "name": "Stadium", "network": {"status": "up"}}],
        "devices": [charger(device, "S1", "TP-DC360", "4.1.0"), charger("DC360-10", "S1", "TP-DC360", "4.1.0")],
        "telemetry": list(series(device, -180, 0, 60, slow)),
        "events": [fault(-150, device, "F-0601", None, "fan below nominal", rpm=720)],
        "check_results": [
            {"timestamp": at(-20), "device_id": device, "check_id": "fan-operation", "value": "normal", "by": "A. Field"}
        ],
        "heartbeats": list(heartbeats(device, -5, 0)),
    }  # fmt: skip


def csv_text(records: list[Record]) -> str:
    """Records as CSV with dotted columns."""
    rows = [dict(_flat(record)) for record in records]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value) if isinstance(value, list) else value


def jsonl(records: list[Record]) -> str:
    """Records as JSON lines."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def write_folder(name: str, case: Case, telemetry: str = "jsonl") -> None:
    """A folder with one file a record list."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "bundle.json").write_text(json.dumps({"bundle_version": 1, "as_of": at(0)}) + "\n", encoding="utf-8")
    for list_name, records in case.items():
        if list_name == "telemetry" and telemetry == "csv":
            (folder / "telemetry.csv").write_text(csv_text(records), encoding="utf-8")
        elif list_name == "telemetry" and telemetry == "parquet":
            import polars

            polars.DataFrame(records, infer_schema_length=None).write_parquet(folder / "telemetry.parquet")
        else:
            (folder / f"{list_name}.jsonl").write_text(jsonl(records), encoding="utf-8")


def write_zip(name: str, case: Case) -> None:
    """A zip with one file a record list."""
    with zipfile.ZipFile(HERE / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        members = {"bundle.json": json.dumps({"bundle_version": 1, "as_of": at(0)})}
        members.update({f"{list_name}.jsonl": jsonl(records) for list_name, records in case.items()})
        for member, text in members.items():
            info = zipfile.ZipInfo(member, (2026, 5, 12, 12, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text)


def main() -> None:
    """Write all of them."""
    write_folder("f0421-firmware-cluster", firmware_cluster())
    write_json("f0101-inrush-weld", inrush_weld())
    write_folder("f0203-oxidised-pins", oxidised_pins(), "csv")
    write_json("f0204-fan-failure", fan_failure())
    write_folder("f0301-site-outage", site_outage())
    write_zip("f0302-idle-connection", idle_connection())
    write_folder("f0411-module-hang", module_hang(), "parquet")
    write_json("f0512-interrupted-push", interrupted_push())
    write_json("f0601-fan-doubt", fan_doubt())
    write_json("f0701-grid-excursion", grid_excursion())
    write_json("f0805-bms-shutdown", bms_shutdown())
    write_json("early-warnings", early_warnings())


if __name__ == "__main__":
    main()
