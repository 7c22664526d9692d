"""F-0203, connector over-temperature: the connector passes its warning temperature while it charges, and power is throttled.

How much each cause heats is worked out so that the session at hand gets there; the limits are the dictionary's.
"""

from __future__ import annotations

import numpy as np

from ..chargers import Charger
from ..courses import ramp
from ..plan import DAY, MINUTE
from ..states import Heat
from ..streams import Generator, chance
from ..thermal import CONTACT_LAG_MIN, CONTACT_RISE_K
from ..world import SiteWorld
from .f0204 import FAN, OVERLOAD, VENTS, report_when_hot
from .registry import cause

AMBIENT, PINS, COOLING, INLET = (
    f"F-0203/{name}"
    for name in ("hot-ambient-poor-airflow", "pin-oxidation", "cooling-degraded", "vehicle-inlet-fault")
)
LIMIT_C = {"AC": 65.0, "DC": 75.0}
"""Warning temperatures (dictionary F-0203)."""

MOST_RESISTANCE = 9.0
"""Contacts worse than this would be another fault (our judgement)."""


def _hot_session(world: SiteWorld, charger: Charger, moment: float) -> int | None:
    """The session near a moment that is long and strong enough for a connector to get warm."""
    return world.session_near(charger, moment, 14 if charger.is_dc else 40)


def _resistance(world: SiteWorld, row: int, ambient: float, rng: Generator) -> float:
    """The contact resistance, against a sound one, with which a session reaches its limit with some degrees to spare."""
    sessions = world.sessions
    charger = world.charger_of(int(sessions.connector[row]))
    volts = float(sessions.volts[row]) if charger.is_dc else 230.0 * float(sessions.phases[row])
    rows = np.full(40, row)
    steps = np.linspace(sessions.start[row], min(sessions.stop[row], world.plan.end), 40)
    level = sessions.power_at(rows, steps) * 1000 / volts / charger.model.max_current_a
    lag = np.diff(steps, prepend=steps[0]) / MINUTE / CONTACT_LAG_MIN
    warm = warmest = 0.0
    for step, share in zip(lag, level, strict=True):
        warm += (CONTACT_RISE_K * share**2 - warm) * (1 - np.exp(-step))
        warmest = max(warmest, warm)
    wanted = LIMIT_C[charger.model.current_type] + float(rng.uniform(3, 9)) - ambient
    return wanted / max(warmest, 0.01)


def _ambient(world: SiteWorld, row: int) -> float:
    return float(np.interp(world.sessions.start[row], world.minutes, world.weather + world.ambient.at(world.minutes)))


def _report_when_hot(world: SiteWorld, connector: int, begin: float, end: float, cause_id: str, rng: Generator) -> None:
    """Once it is known how warm everything gets: in each session of a span the fault where the limit is passed, and
    throttled power after it."""
    charger = world.charger_of(connector)
    limit, throttled, tells = LIMIT_C[charger.model.current_type], float(rng.uniform(0.45, 0.7)), chance(rng, 0.5)

    def later(heat: Heat) -> None:
        sessions = world.sessions
        for row in world.rows_of(charger):
            first, last = float(sessions.start[row]), float(sessions.stop[row])
            if sessions.connector[row] != connector or first >= end or last <= begin:
                continue
            moment = heat.first_above(heat.connector[:, connector], limit, first, last)
            if moment is not None:
                details = {"temperature_c": round(limit + 0.3, 1)} if tells else None
                world.fault(charger, connector, moment, cause_id, "connector above its warning temperature", details)
                world.hold_down(row, moment + 1, throttled)

    world.after_heat.append(later)


@cause(AMBIENT)
def hot_ambient(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A hot day at the site and little air around the cables: every connector there gets warmer."""
    row = _hot_session(world, charger, moment)
    if row is None or world.ambient.is_steady is False:
        return False
    sessions = world.sessions
    start, stop = float(sessions.start[row]), float(sessions.stop[row])
    hotter = float(rng.uniform(36, 41)) - _ambient(world, row)
    resistance = _resistance(world, row, 37.0, rng)
    if resistance > 4:
        return False
    middle = (start + stop) / 2
    begin, end = middle - 6 * 3600, middle + 6 * 3600
    world.ambient.during(begin, end, lambda times: hotter * np.sin(np.pi * (times - begin) / (end - begin)) ** 0.5)
    for connector in range(len(world.owner)):
        world.contact[connector].during(begin, end, resistance * float(rng.uniform(0.92, 1.04)))
        _report_when_hot(world, connector, begin, end, AMBIENT, rng)
    for other in world.chargers:
        if other.is_dc:
            report_when_hot(world, other, begin, end, OVERLOAD, rng)
    return True


@cause(PINS)
def pin_oxidation(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """Contacts whose resistance grows over days, on one connector and with every vehicle."""
    row = _hot_session(world, charger, moment)
    if row is None:
        return False
    resistance = _resistance(world, row, _ambient(world, row), rng)
    if resistance > MOST_RESISTANCE:
        return False
    sessions, plan = world.sessions, world.plan
    connector, stop = int(sessions.connector[row]), float(sessions.stop[row])
    grown = ramp(plan.begin - 20 * DAY, float(sessions.start[row]), max(1.0, resistance * 0.4), resistance)
    until = world.repair(charger, stop, "cleaned the pins of the connector", rng)
    world.contact[connector].during(plan.begin, until, grown)
    _report_when_hot(world, connector, plan.begin, until, PINS, rng)
    return True


@cause(COOLING)
def cooling_degraded(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A slow fan or a clogged way of the air: cabinet and all connectors get warmer."""
    row = _hot_session(world, charger, moment)
    if row is None:
        return False
    resistance = _resistance(world, row, _ambient(world, row) + 8, rng)
    if resistance > 6:
        return False
    sessions = world.sessions
    start, stop = float(sessions.start[row]), float(sessions.stop[row])
    since = start - float(rng.uniform(4, 60)) * 3600
    until = world.repair(charger, stop, "cleaned filters and fan", rng)
    slow = charger.is_dc and chance(rng, 0.6)
    if slow:
        world.fan[charger.place].during(since, until, float(rng.uniform(0.3, 0.6)))
        if since > world.plan.begin and chance(rng, 0.5):
            world.fault(charger, None, since + 20 * MINUTE, "F-0601/bearing-wear", "fan below its nominal speed")
    else:
        world.airflow[charger.place].during(since, until, float(rng.uniform(0.1, 0.4)))
    for connector in charger.connectors:
        world.contact[connector].during(since, until, resistance)
        _report_when_hot(world, connector, since, until, COOLING, rng)
    report_when_hot(world, charger, since, until, FAN if slow else VENTS, rng)
    return True


@cause(INLET)
def vehicle_inlet(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """One vehicle that heats whatever connector it is plugged into."""
    row = _hot_session(world, charger, moment)
    if row is None:
        return False
    other = world.elsewhere(row, rng) if chance(rng, 0.7) else None
    if other is not None:
        world.comes_again(row, other)
    found = False
    for each in (row, other):
        if each is None:
            continue
        resistance = _resistance(world, each, _ambient(world, each), rng)
        if resistance <= MOST_RESISTANCE:
            sessions = world.sessions
            connector, start, stop = (
                int(sessions.connector[each]),
                float(sessions.start[each]),
                float(sessions.stop[each]),
            )
            world.contact[connector].during(start, stop, resistance)
            _report_when_hot(world, connector, start, stop, INLET, rng)
            found = found or each == row
    return found
