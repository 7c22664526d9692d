"""F-0702, EV battery management refused discharge: discharge was commanded, the vehicle says no, nothing flows."""

from __future__ import annotations

from typing import Any

from ..chargers import Charger
from ..plan import DAY, HOUR, MINUTE
from ..streams import Generator, chance
from ..vehicles import MODELS
from ..world import SiteWorld, told
from .registry import cause, v2g_charger

SOC, STATE, MODEL, HOURS = (
    f"F-0702/{name}"
    for name in ("soc-below-floor", "vehicle-state-not-eligible", "model-not-certified", "time-restriction")
)


def _refuses(world: SiteWorld, row: int, cause_id: str, details: dict[str, Any], rng: Generator) -> None:
    """Let the vehicle of a session refuse to discharge: it stays plugged in and gives nothing."""
    sessions = world.sessions
    connector = int(sessions.connector[row])
    charger = world.charger_of(connector)
    out = float(sessions.plug_out[row])
    at = world.fail_start(row, max(min(out - float(sessions.start[row]), 30 * MINUTE), 2 * MINUTE))
    result = {"error": "refused by vehicle"} if chance(rng, 0.5) else None
    world.command(
        charger, connector, at - 8, "start_discharge", "failed" if chance(rng, 0.7) else "completed", 9.0, None, result
    )
    world.fault(charger, connector, at, cause_id, "vehicle refused to discharge", details)


def _session(world: SiteWorld, charger: Charger, moment: float) -> int | None:
    found = world.session_near(charger, moment, discharging=True)
    return found if found is not None else world.session_near(charger, moment, 15)


def _others_of(world: SiteWorld, charger: Charger, row: int) -> list[int]:
    """Other discharges at the charger, to which the same vehicle may have come."""
    sessions = world.sessions
    return [other for other in world.rows_of(charger) if other != row and sessions.turn[other] < sessions.stop[other]
            and abs(sessions.start[other] - sessions.start[row]) > HOUR]  # fmt: skip


@cause(SOC, v2g_charger)
def soc_below_floor(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The battery is nearly empty at the request."""
    row = _session(world, charger, moment)
    if row is None:
        return False
    world.sessions.soc[row] = float(rng.uniform(0.06, 0.19))
    details = told(rng, 0.35, refusal_code="SOC_TOO_LOW") | told(rng, 0.3, soc=round(world.sessions.soc[row] * 100))
    _refuses(world, row, SOC, details, rng)
    return True


@cause(STATE, v2g_charger)
def vehicle_not_eligible(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The vehicle is in a state that excludes it; it discharged before and does afterwards."""
    row = _session(world, charger, moment)
    if row is None:
        return False
    world.sessions.soc[row] = max(float(world.sessions.soc[row]), 0.45)
    for other in _others_of(world, charger, row)[:3]:
        world.comes_again(row, other)
    _refuses(world, row, STATE, told(rng, 0.4, refusal_code=str(rng.choice(["NOT_READY", "SERVICE_MODE"]))), rng)
    return True


@cause(MODEL, v2g_charger)
def model_not_certified(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A model that never discharges with this partner, whatever the charger and the charge."""
    row = _session(world, charger, moment)
    if row is None:
        return False
    uncertified = [place for place, model in enumerate(MODELS) if model.discharges and not model.certified]
    rows = [row, *(other for other in _others_of(world, charger, row)[:2] if chance(rng, 0.4))]
    for each in rows:
        model = uncertified[int(rng.integers(len(uncertified)))]
        world.sessions.vehicle[each] = world.vehicles.regular(world.site, model)
        world.sessions.soc[each] = max(float(world.sessions.soc[each]), 0.5)
        _refuses(world, each, MODEL, told(rng, 0.4, refusal_code="NOT_AUTHORISED"), rng)
    return True


@cause(HOURS, v2g_charger)
def time_restriction(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The vehicle discharges at some hours only: it refuses at this one each time, and gives energy at others."""
    row = _session(world, charger, moment)
    if row is None:
        return False
    sessions = world.sessions
    hour = sessions.start[row] % DAY / HOUR
    refusals = [row]
    for other in _others_of(world, charger, row)[:4]:
        if world.comes_again(row, other) and abs(sessions.start[other] % DAY / HOUR - hour) < 2:
            refusals.append(other)
    for each in refusals:
        sessions.soc[each] = max(float(sessions.soc[each]), 0.45)
        _refuses(world, each, HOURS, told(rng, 0.35, refusal_code="SCHEDULE"), rng)
    return True
