"""F-0701, V2G inverter sync lost: a discharge breaks off and the connector goes from discharging to fault."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..chargers import Charger
from ..plan import HOUR, MINUTE
from ..sessions import NEVER
from ..streams import Floats, Generator, chance
from ..vehicles import MODELS
from ..world import SiteWorld, told
from .registry import cause, v2g_charger

GRID, PLL, CONTACTOR, TIMEOUT = (
    f"F-0701/{name}" for name in ("grid-excursion", "pll-drift", "bidirectional-contactor", "iso15118-timeout")
)
NEGOTIATION_S = 60.0
"""Seconds without a message after which a negotiation ends (figures.json iso15118_seq)."""


def _lose_sync(
    world: SiteWorld, row: int, moment: float, cause_id: str, details: dict[str, Any], rng: Generator
) -> None:
    """Let a discharge break off: the sync is lost, the connector stands in fault for a while."""
    sessions = world.sessions
    connector = int(sessions.connector[row])
    charger = world.charger_of(connector)
    world.stop_at(
        row,
        moment,
        "other",
        None,
        min(float(sessions.plug_out[row]), moment + float(np.round(rng.uniform(5, 40))) * MINUTE),
    )
    end = moment + float(np.round(rng.uniform(3, 12))) * MINUTE
    world.fault(charger, connector, moment, cause_id, "grid synchronisation lost", details)
    world.in_fault(connector, moment, end, "discharging")
    world.override(connector, moment - 0.5, end, "inverter_sync_status", "lost")


def lose_grid(world: SiteWorld, moment: float, rng: Generator) -> list[Charger]:
    """Let the grid leave the envelope at a site: every charger that discharges loses its sync; which did."""
    sessions, lost = world.sessions, []
    for charger in world.chargers:
        for row in world.rows_of(charger) if charger.v2g else []:
            if sessions.turn[row] < moment < sessions.stop[row]:
                _lose_sync(world, row, moment + float(np.round(rng.uniform(0, 6), 1)), GRID, {}, rng)
                lost.append(charger)
    return lost


def tell_grid(world: SiteWorld, moment: float, rng: Generator, **where: str) -> None:
    """Let the supply dip or its frequency fall, and the grid operator's records say so now and then."""
    dips = chance(rng, 0.5)
    depth, lasts = float(rng.uniform(0.68, 0.8)), float(np.round(rng.uniform(1, 15), 1))
    if dips:
        world.supply.during(moment - 2, moment + max(lasts, 2.0 * world.plan.interval_s), depth)
    if chance(rng, 0.7):
        measured = {"kind": "voltage_excursion", "voltage_v": float(np.round(231 * depth, 1))}
        if not dips:
            measured = {"kind": "frequency_excursion", "frequency_hz": float(np.round(rng.uniform(48.6, 49.3), 2))}
        world.add("grid", timestamp=moment - 2, duration_s=lasts, **where, **measured)


@cause(GRID, v2g_charger, shared=True)
def grid_excursion(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The supply leaves the inverter's envelope: every charger of the site that discharges lets go."""
    row = world.session_near(charger, moment, discharging=True)
    if row is None:
        return False
    sessions = world.sessions
    at = float(
        np.round(
            sessions.turn[row] + rng.uniform(0.2, 0.9) * (min(sessions.stop[row], world.plan.end) - sessions.turn[row])
        )
    )
    tell_grid(world, at, rng, site_id=world.site.site_id)
    for other in lose_grid(world, at, rng):
        world.busy_until[other.place] = at + HOUR
    return True


@cause(PLL, v2g_charger)
def pll_drift(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The estimate of the grid's phase wanders: health sinks over hours, sync flickers, then it is lost."""
    row = world.session_near(charger, moment, discharging=True)
    if row is None:
        return False
    sessions = world.sessions
    connector, turn = int(sessions.connector[row]), float(sessions.turn[row])
    at = float(np.round(turn + rng.uniform(0.3, 0.9) * (min(sessions.stop[row], world.plan.end) - turn)))
    sinks, begin = float(rng.uniform(8, 25)), at - float(rng.uniform(3, 30)) * HOUR

    def sinking(times: Floats, values: Floats, _: Generator) -> Floats:
        return values - np.interp(times, [begin, at], [0.0, sinks])

    for each in charger.connectors:
        world.override(each, begin, world.plan.end, "inverter_health_pct", sinking)
    for before in np.sort(rng.uniform(15, 240, int(rng.integers(1, 5)))):
        flicker = float(np.round(at - before))
        if flicker > turn:
            world.override(connector, flicker, flicker + 15, "inverter_sync_status", "unsynced")
    _lose_sync(world, row, at, PLL, told(rng, 0.35, phase_error_deg=float(np.round(rng.uniform(8, 25), 1))), rng)
    return True


@cause(CONTACTOR, v2g_charger)
def bidirectional_contactor(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The contactor that turns the power around lags: sync goes within seconds of the change of direction."""
    row = world.session_near(charger, moment, discharging=True)
    if row is None:
        return False
    connector, turn = int(world.sessions.connector[row]), float(world.sessions.turn[row])
    charger.inverter_cycles = float(round(rng.uniform(30_000, 62_000)))
    at = turn + float(np.round(rng.uniform(1, 12)))
    world.override(
        connector, turn, at + 5 * MINUTE, "component_health.relay_state", "fault" if chance(rng, 0.6) else "closed"
    )
    _lose_sync(world, row, at, CONTACTOR, told(rng, 0.3, contactor_delay_ms=int(rng.integers(150, 900))), rng)
    return True


@cause(TIMEOUT, v2g_charger)
def negotiation_timeout(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """Charger and vehicle do not agree: before any power flows, a minute after the last message, the request ends."""
    row = world.session_near(charger, moment, discharging=True)
    if row is None:
        return False
    sessions = world.sessions
    if chance(rng, 0.6):
        charger.firmware = "4.0.0"
        stellantis = next(place for place, model in enumerate(MODELS) if model.model == "DrossOne")
        sessions.vehicle[row] = world.vehicles.regular(world.site, stellantis)
    connector = int(sessions.connector[row])
    sessions.turn[row] = NEVER
    sessions.start[row] += NEGOTIATION_S
    at = world.fail_start(row, float(np.round(rng.uniform(90, 400))))
    world.command(
        charger,
        connector,
        at - NEGOTIATION_S - 5,
        "start_discharge",
        "failed" if chance(rng, 0.6) else "accepted",
        62.0,
    )
    details = told(rng, 0.4, iso15118="timeout", seconds_since_last_message=NEGOTIATION_S)
    world.override(connector, at, float(sessions.plug_out[row]), "state", "fault")
    world.override(connector, at - 1, float(sessions.plug_out[row]), "inverter_sync_status", "lost")
    world.fault(charger, connector, at, TIMEOUT, "grid synchronisation lost", details)
    return True
