"""F-0101, contactor weld: after a session the connector stays live, the plug goes and no idle follows, later starts fail.

What follows from the dictionary is the signs; how large they are is our judgement and stands beside each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..chargers import Charger
from ..courses import Change
from ..plan import MINUTE
from ..streams import Floats, Generator, chance
from ..world import SiteWorld, told
from .registry import cause

HIGH_CURRENT, WEAR, INRUSH = (
    f"F-0101/{name}" for name in ("high-current-cycling", "mechanical-wear", "inrush-overcurrent")
)


def around(level: float, scatter: float) -> Change:
    """Readings that scatter around a level."""
    return lambda times, _, rng: level + scatter * rng.standard_normal(len(times))


def _weld(world: SiteWorld, charger: Charger, row: int, cause_id: str, details: dict[str, Any], rng: Generator) -> bool:
    sessions = world.sessions
    connector, stop = int(sessions.connector[row]), float(sessions.stop[row])
    until = world.repair(charger, stop, "replaced the contactor", rng)
    later = sessions.plug_in[(sessions.connector == connector) & (sessions.plug_in > stop) & (sessions.plug_in < until)]
    live = float(sessions.volts[row]) * 0.99 if charger.is_dc else 230.0
    world.override(connector, stop, until, "voltage", around(live, 0.5))
    world.override(connector, stop, until, "component_health.relay_state", "closed")
    if chance(rng, 0.6):
        world.override(
            connector,
            stop + MINUTE,
            until,
            "component_health.isolation_test_kohms",
            around(float(rng.uniform(20, 800)), 2),
        )
    world.quiet_plug_outs.add((connector, float(sessions.plug_out[row])))
    noticed = stop + float(np.round(rng.uniform(3, 40)))
    world.fault(charger, connector, noticed, cause_id, "contactor did not open after the session", details)
    world.in_fault(connector, noticed, until)
    for attempt in later[:2]:
        world.fault(charger, connector, float(attempt) + 20, cause_id, "start refused, contactor closed", details)
        world.event(charger, connector, float(attempt), "plug_in")
        world.event(charger, connector, float(attempt) + 90, "plug_out")
    return True


def _last_session(world: SiteWorld, charger: Charger, moment: float, minutes: float) -> int | None:
    row = world.session_near(charger, moment, minutes)
    return None if row is None or world.sessions.stop[row] > world.plan.end - 20 * MINUTE else row


@cause(HIGH_CURRENT)
def high_current_cycling(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A counter at the end of its rated life, sessions near the rating, warmer contacts."""
    row = _last_session(world, charger, moment, 8)
    if row is None:
        return False
    charger.cycles = float(round(charger.model.rated_cycles * rng.uniform(0.9, 1.2)))
    charger.age_days = max(charger.age_days, 900.0)
    for own in world.rows_of(charger):
        if chance(rng, 0.7):
            world.sessions.power_kw[own] = charger.connector_kw * rng.uniform(0.8, 0.97)
    warmer = float(rng.uniform(4, 11))
    for connector in charger.connectors:
        world.override(connector, world.plan.begin, world.plan.end, "component_health.internal_temps.dc_outlet",
                       lambda _, values, __: values + warmer)  # fmt: skip
    return _weld(world, charger, row, HIGH_CURRENT, told(rng, 0.3, contactor_cycles=charger.cycles), rng)


@cause(WEAR)
def mechanical_wear(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """An old contactor at ordinary load that had let go late before."""
    row = _last_session(world, charger, moment, 4)
    if row is None:
        return False
    charger.age_days = float(rng.uniform(2200, 3300))
    charger.cycles = float(round(charger.model.rated_cycles * rng.uniform(0.3, 0.75)))
    connector = int(world.sessions.connector[row])
    before = [own for own in world.rows_of(charger) if world.sessions.connector[own] == connector and own < row]
    for own in before[-6:]:
        stop = float(world.sessions.stop[own])
        if chance(rng, 0.6):
            late = float(rng.uniform(10, 45))
            world.override(connector, stop, stop + late, "component_health.relay_state", "closed")
            world.override(
                connector,
                stop,
                stop + late,
                "voltage",
                around(float(world.sessions.volts[own]) if charger.is_dc else 230.0, 1.0),
            )
            if chance(rng, 0.4):
                world.alarm(charger, connector, stop + late, "contactor opened late")
    return _weld(world, charger, row, WEAR, told(rng, 0.35, release_time_ms=int(rng.integers(120, 280))), rng)


@cause(INRUSH)
def inrush_overcurrent(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A current beyond the specification at the start of the session, often after a dip of the mains."""
    row = _last_session(world, charger, moment, 4)
    if row is None:
        return False
    start, connector = float(world.sessions.start[row]), int(world.sessions.connector[row])
    peak = float(charger.model.max_current_a * rng.uniform(1.5, 2.4))
    charger.cycles = float(round(charger.model.rated_cycles * rng.uniform(0.02, 0.3)))
    charger.age_days = float(rng.uniform(60, 1200))

    def spike(_: Floats, values: Floats, __: Generator) -> Floats:
        return np.where(np.arange(len(values)) == 0, peak, values)

    world.override(connector, start, start + 3 * world.plan.interval_s, "current", spike)
    if chance(rng, 0.4):
        world.add("grid", timestamp=start - float(np.round(rng.uniform(5, 500))), area=world.site.area, kind="voltage_excursion",
                  voltage_v=float(np.round(rng.uniform(165, 200))), duration_s=float(np.round(rng.uniform(0.3, 3), 1)))  # fmt: skip
    details = told(rng, 0.45, peak_make_current_a=round(peak)) | told(rng, 0.2, precharge_pct=int(rng.integers(60, 85)))
    return _weld(world, charger, row, INRUSH, details, rng)
