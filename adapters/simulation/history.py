"""What the platform keeps of ordinary days: events and records of sessions, configurations, visits, the site, its weather."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .plan import DAY, HOUR
from .streams import chance, stream

if TYPE_CHECKING:
    from .world import SiteWorld

VEHICLE_TOLD = 0.7
"""How many charging records name their vehicle (our judgement: AC charging often tells none)."""

_WORK = ("annual safety inspection", "cleaned the housing and the display", "replaced a damaged cable holder", "checked RCD and tightened terminals")  # fmt: skip


def write_site(world: SiteWorld) -> None:
    """Write the site's record and its hourly ambient temperature."""
    site, plan = world.site, world.plan
    status, since = world.network or ("up", plan.begin - 30 * DAY)
    world.add("sites", site_id=site.site_id, name=site.name, area=site.area,
              power_capacity=float(round(sum(charger.model.rated_kw for charger in world.chargers) * 0.8, 1)),
              network__status=status, network__since=since)  # fmt: skip
    hours = np.arange(plan.begin, plan.end, HOUR)
    ambient = np.interp(hours, world.minutes, world.weather + world.ambient.at(world.minutes))
    for hour, celsius in zip(hours.tolist(), np.round(ambient, 1).tolist(), strict=True):
        world.add("environment", timestamp=hour, site_id=site.site_id, ambient_c=celsius)


def write_sessions(world: SiteWorld) -> None:
    """Write the events of all sessions, and a charging record of each that gave current."""
    plan, sessions = world.plan, world.sessions
    rng = stream(plan.seed, "records", world.site.index)
    tells_vehicle = rng.random(len(sessions)) < VEHICLE_TOLD
    rows = np.arange(len(sessions))
    charged, discharged = sessions.energy_at(rows, np.minimum(sessions.stop, plan.end))
    soc_end = sessions.soc_at(rows, np.minimum(sessions.stop, plan.end))
    events = world.lists.setdefault("events", [])
    for row in range(len(sessions)):
        _write_events(world, row, events)
        if sessions.gives_current[row] and sessions.start[row] < plan.end:
            _write_record(
                world, row, float(charged[row]), float(discharged[row]), float(soc_end[row]), bool(tells_vehicle[row])
            )


def _write_events(world: SiteWorld, row: int, events: list[dict[str, object]]) -> None:
    sessions, end = world.sessions, world.plan.end
    connector = int(sessions.connector[row])
    device, number = world.charger_of(connector).device_id, world.connector_id(connector)
    came, authorised, start = float(sessions.plug_in[row]), float(sessions.authorised[row]), float(sessions.start[row])
    stop, out, turn = float(sessions.stop[row]), float(sessions.plug_out[row]), float(sessions.turn[row])

    def say(moment: float, kind: str, data: dict[str, object] | None = None) -> None:
        if moment < end:
            events.append(
                {"timestamp": moment, "device_id": device, "event_type": kind, "connector_id": number, "data": data}
            )

    say(came, "plug_in")
    say(came + 1, "state", {"from": "idle", "to": "preparing"})
    say(authorised, "auth_ok")
    say(start - 2, "start", {"reason": "remote" if row % 3 else "local"})
    if not sessions.gives_current[row]:
        say(stop + 1, "state", {"from": "preparing", "to": "fault"})
        say(out, "plug_out")
        say(out + 2, "state", {"from": "fault", "to": "idle"})
        return
    say(start, "state", {"from": "preparing", "to": "charging"})
    last = "charging"
    if turn < stop:
        say(turn, "state", {"from": "charging", "to": "discharging"})
        last = "discharging"
    say(stop, "stop", {"reason": sessions.reasons[row]})
    if (connector, out) not in world.quiet_plug_outs:
        say(stop + 1, "state", {"from": last, "to": "idle"})
    say(out, "plug_out")


def _write_record(
    world: SiteWorld, row: int, charged: float, discharged: float, soc_end: float, tells_vehicle: bool
) -> None:
    sessions, plan = world.sessions, world.plan
    connector = int(sessions.connector[row])
    start, stop = float(sessions.start[row]), float(sessions.stop[row])
    done = stop < plan.end
    hours = max(min(stop, plan.end) - start, 1.0) / HOUR
    net = charged - discharged
    most = float(sessions.power_kw[row]) * (sessions.held_to[row] if sessions.held_from[row] <= start else 1.0)
    record: dict[str, object] = {
        "record_id": f"{world.charger_of(connector).device_id}-{world.connector_id(connector)}-{int(start - plan.begin):08d}",
        "device_id": world.charger_of(connector).device_id, "connector_id": world.connector_id(connector), "start_time": start,
        "end_time": stop if done else None, "energy": round(net, 3), "max_power": round(most, 2),
        "avg_power": round(net / hours, 2), "stop_reason": sessions.reasons[row] if done else None, "details": sessions.details.get(row),
    }  # fmt: skip
    if tells_vehicle:
        vehicle = world.vehicles.info(int(sessions.vehicle[row]))
        record |= {f"vehicle_info.{key}": value for key, value in vehicle.items()}
        record |= {"vehicle_info.soc_start": float(round(sessions.soc[row] * 100)),
                   "vehicle_info.soc_end": float(round(soc_end * 100)) if done else None}  # fmt: skip
    world.lists.setdefault("charging_records", []).append(record)


def write_upkeep(world: SiteWorld) -> None:
    """Write configurations, and visits and firmware upgrades of the months before."""
    plan = world.plan
    rng = stream(plan.seed, "upkeep", world.site.index)
    configured = {record["device_id"] for record in world.lists.get("configurations", ())}
    for charger in world.chargers:
        hashed = f"{int(rng.integers(16**8)):08x}"
        pushed, looked, tells = rng.uniform(5, 60), rng.uniform(0.05, 0.9), chance(rng, 0.7)
        if tells and charger.device_id not in configured:
            world.add("configurations", timestamp=plan.begin + float(np.round(looked * DAY)), device_id=charger.device_id,
                      config_profile_id=charger.profile, expected_config_profile_id=charger.profile, running_config=hashed,
                      expected_config=hashed, profile_schema_version="7", firmware_schema_version="7", last_push__status="completed",
                      last_push__at=plan.begin - float(np.round(pushed * DAY)),
                      **{f"settings__{name}": value for name, value in charger.settings.items()},
                      **{f"platform_settings__{name}": value for name, value in charger.platform_settings.items()})  # fmt: skip
        if chance(rng, 0.25):
            world.visit(
                charger,
                plan.begin - float(np.round(rng.uniform(3, 90) * DAY)),
                _WORK[int(rng.integers(len(_WORK)))],
                False,
            )
        if chance(rng, 0.12):
            when = plan.begin - float(np.round(rng.uniform(8, 90) * DAY))
            world.command(charger, None, when, "firmware_upgrade", "completed", 720.0, {"version": charger.firmware})
