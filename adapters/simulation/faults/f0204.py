"""F-0204, cabinet over-temperature: the cabinet passes a critical temperature, all its connectors go to fault for a while.

The dictionary names no figure for the limit; 70 °C is our judgement of what electronics are taken off at.
"""

from __future__ import annotations

import numpy as np

from ..chargers import Charger
from ..courses import ramp
from ..plan import HOUR, MINUTE
from ..states import Heat
from ..streams import Floats, Generator, chance
from ..world import SiteWorld
from .registry import cause, dc_charger

FAN, VENTS, SENSOR, OVERLOAD = (
    f"F-0204/{name}" for name in ("fan-failure", "blocked-vents", "sensor-drift", "sustained-overload")
)
CRITICAL_C = 70.0


def _shut_down(
    world: SiteWorld, charger: Charger, moment: float, cause_id: str, celsius: float, rng: Generator
) -> None:
    """Report the fault and stop what runs; the cabinet is left to cool."""
    details = {"cabinet_c": round(celsius, 1)} if chance(rng, 0.6) else None
    stopped = world.stop_sessions(charger, moment + 1, "other")
    world.fault(charger, None, moment, cause_id, "cabinet above its critical temperature", details)
    rests = float(np.round(rng.uniform(15, 50))) * MINUTE
    for connector in charger.connectors:
        world.in_fault(connector, moment, moment + rests, "charging" if connector in stopped else "idle")


def report_when_hot(
    world: SiteWorld, charger: Charger, begin: float, end: float, cause_id: str, rng: Generator
) -> None:
    """Once it is known how warm everything gets: the fault and a stop at each passing of the limit within a span."""

    def later(heat: Heat) -> None:
        cabinet = heat.cabinet[:, charger.place]
        moment = heat.first_above(cabinet, CRITICAL_C, begin, end)
        while moment is not None:
            _shut_down(world, charger, moment, cause_id, CRITICAL_C + 0.4, rng)
            cooled = heat.first_above(-cabinet, -CRITICAL_C + 5, moment, end)
            after = max(moment + HOUR, end if cooled is None else cooled)
            moment = heat.first_above(cabinet, CRITICAL_C, after, end)

    world.after_heat.append(later)


def _loaded_session(world: SiteWorld, charger: Charger, moment: float, level: float) -> int | None:
    """A session near a moment, made a long one at a level of the connector's power."""
    row = world.session_near(charger, moment, 10)
    if row is not None:
        world.used_hard(row, 75, level)
    return row


@cause(FAN, dc_charger)
def fan_failure(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A fan that stands or crawls; its own fault came days or hours before, where the days reach so far."""
    row = _loaded_session(world, charger, moment, 0.9)
    if row is None:
        return False
    start = float(world.sessions.start[row])
    since = start - float(rng.uniform(0.3, 40)) * HOUR
    until = world.repair(charger, start, "replaced the cooling fan", rng)
    world.fan[charger.place].during(since, until, float(rng.choice([0.0, rng.uniform(0.1, 0.35)])))
    if since > world.plan.begin and chance(rng, 0.7):
        world.fault(charger, None, since + 15 * MINUTE, "F-0601/bearing-wear", "fan below its nominal speed")
    report_when_hot(world, charger, since, until, FAN, rng)
    return True


@cause(VENTS, dc_charger)
def blocked_vents(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """Fans that turn as they should and move little air."""
    row = _loaded_session(world, charger, moment, 0.9)
    if row is None:
        return False
    start = float(world.sessions.start[row])
    until = world.repair(charger, start, "cleared the air intake", rng)
    since = world.plan.begin if chance(rng, 0.5) else start - float(rng.uniform(1, 20)) * HOUR
    world.airflow[charger.place].during(since, until, ramp(since, start, 0.3, float(rng.uniform(0.02, 0.15))))
    report_when_hot(world, charger, since, until, VENTS, rng)
    return True


@cause(SENSOR, dc_charger)
def sensor_drift(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """One sensor that reads too high, at rest as well, while all others beside it are cool."""
    excess = float(rng.uniform(30, 50))
    until = world.repair(charger, moment, "replaced the temperature sensor", rng)
    begin = moment - float(rng.uniform(2, 60)) * HOUR

    def high(times: Floats, values: Floats, _: Generator) -> Floats:
        return values + np.interp(times, [begin, moment], [4.0, excess])

    def report(heat: Heat) -> None:
        read = float(np.interp(moment, heat.times, heat.cabinet[:, charger.place])) + excess
        _shut_down(world, charger, moment, SENSOR, max(read, CRITICAL_C + 0.2), rng)

    for connector in charger.connectors:
        world.override(connector, begin, until, "cabinet_temperature", high)
    world.after_heat.append(report)
    return True


@cause(OVERLOAD, dc_charger)
def sustained_overload(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """All connectors together above the continuous rating for the best part of an hour, on a warm day."""
    row = _loaded_session(world, charger, moment, 1.0)
    if row is None or not world.ambient.is_steady:
        return False
    sessions = world.sessions
    start = float(sessions.start[row])
    for other in world.rows_of(charger):
        if sessions.connector[other] != sessions.connector[row] and abs(sessions.start[other] - start) < 30 * MINUTE:
            world.used_hard(other, 75, 0.55)
    now = float(np.interp(start, world.minutes, world.weather))
    level = max(float(sessions.power_kw[row]) / charger.continuous_kw, 1.0)
    warm = float(rng.uniform(33, 36)) - now
    begin, end = start - 5 * HOUR, start + 6 * HOUR
    world.ambient.during(begin, end, lambda times: warm * np.sin(np.pi * (times - begin) / (end - begin)) ** 0.5)
    world.airflow[charger.place].during(begin, end, 0.78 / level)
    for neighbour in world.chargers:
        if neighbour.is_dc:
            report_when_hot(world, neighbour, begin, end, OVERLOAD, rng)
    return True
