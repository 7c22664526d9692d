"""Chargers that work: the data of a healthy fleet raises nothing."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from charger_triage.engine import Triage
from charger_triage.knowledge.observations import observe

START = datetime(2026, 6, 3, 0, 0, tzinfo=UTC)
MODELS = {"TP-AC22": 22.0, "TP-DC60": 60.0, "TP-DC180": 180.0, "TP-DC360": 360.0}


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


def healthy_fleet(seed: int, chargers: int) -> dict[str, list[dict[str, Any]]]:
    """A day of ordinary use: sessions with clean ends, a warm afternoon, a reboot and a single reconnect here and there."""
    rng = random.Random(seed)
    lists: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("sites", "devices", "events", "heartbeats", "telemetry", "charging_records", "connections", "environment", "commands")
    }  # fmt: skip
    for site in range(5):
        lists["sites"].append({"site_id": f"S{site}", "area": "north", "network": {"status": "up"}})
        lists["environment"].extend(
            {
                "timestamp": at(hour * 60),
                "site_id": f"S{site}",
                "ambient_c": round(19 + 12 * math.sin((hour - 8) / 24 * 2 * math.pi), 1),
            }
            for hour in range(24)
        )
    for number in range(chargers):
        device, model = f"C{number:03d}", rng.choice(list(MODELS))
        power = MODELS[model]
        v2g = model in ("TP-DC180", "TP-DC360") and rng.random() < 0.3
        lists["devices"].append(
            {"device_id": device, "model": model, "site_id": f"S{number % 5}", "status": "online", "last_heartbeat": at(1439.8),
             "firmware_version": rng.choice(["3.0.1", "3.1.0", "4.1.0", "260420.0107"]), "v2g_capable": v2g,
             "product": {"rated_power_kw": power, "current_type": "AC" if "AC" in model else "DC"}}
        )  # fmt: skip
        lists["heartbeats"].extend(
            {"timestamp": at(minute), "device_id": device, "status": "online", "fault_code": 0}
            for minute in range(1400, 1440)
        )
        reconnects = rng.sample(range(60, 1380), rng.randint(0, 3))
        for minute in reconnects:
            lists["connections"].append(
                {
                    "timestamp": at(minute),
                    "device_id": device,
                    "transition": "offline",
                    "clean_close": True,
                    "close_code": 1001,
                }
            )
            lists["connections"].append(
                {"timestamp": at(minute + 1.5), "device_id": device, "transition": "online", "handshake_ms": 190}
            )
        for session in range(rng.randint(1, 4)):
            start = 60 + session * 320 + rng.uniform(0, 120)
            sign = -1.0 if v2g and session == 1 else 1.0
            lists["events"].extend(
                {
                    "timestamp": at(start + shift),
                    "device_id": device,
                    "connector_id": 1,
                    "event_type": kind,
                    "data": data,
                }
                for shift, kind, data in (
                    (-1, "plug_in", {}),
                    (-0.5, "auth_ok", {}),
                    (0, "start", {}),
                    (40, "stop", {"reason": "user_request"}),
                    (42, "plug_out", {}),
                )
            )
            lists["charging_records"].append(
                {"record_id": f"{device}-{session}", "device_id": device, "connector_id": 1, "start_time": at(start), "end_time": at(start + 40),
                 "energy": sign * power / 3, "max_power": power * 0.7, "stop_reason": "user_request", "vehicle_info": {"vin": f"V{rng.randint(1, 40)}"}}
            )  # fmt: skip
            for minute in range(0, 40, 2):
                lists["telemetry"].append(
                    {"timestamp": at(start + minute), "device_id": device, "connector_id": 1, "state": "discharging" if sign < 0 else "charging",
                     "voltage": 400 + rng.uniform(-2, 2), "current": sign * power * 1.75, "power": sign * power * 0.7,
                     "temperature": 30 + minute * 0.6, "soc": 40 + minute // 2, "inverter_sync_status": "synced",
                     "component_health": {"cooling_fan_rpm": rng.randint(1900, 2300), "cooling_fan_status": "ok", "relay_state": "closed"}}
                )  # fmt: skip
    return lists


def test_a_healthy_fleet_raises_nothing(triage: Triage) -> None:
    """Fifty chargers over a day with warm hours, clean reconnects and old firmware: no incident, no warning."""
    for seed in range(3):
        diagnosis = triage.diagnose(observe(healthy_fleet(seed, 50), at(1440)))
        assert [incident.incident_id for incident in diagnosis.incidents] == []
        assert diagnosis.warnings == []


def test_a_reading_over_its_limit_raises_nothing_by_itself(triage: Triage) -> None:
    """Only what a charger reports, or a lost or flapping connection, is an incident; a hot connector alone is not."""
    lists = healthy_fleet(7, 3)
    for record in lists["telemetry"]:
        record["temperature"] = 91.0
        record["component_health"] = {"cooling_fan_rpm": 300, "contactor_cycles": 250_000}
    assert triage.diagnose(observe(lists, at(1440))).incidents == []
