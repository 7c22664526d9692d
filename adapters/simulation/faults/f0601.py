"""F-0601, cooling fan below nominal speed: the fan turns slower than it should, each cause in its own way."""

from __future__ import annotations

import numpy as np

from ..chargers import Charger
from ..courses import Shape, ramp
from ..plan import DAY, HOUR, MINUTE
from ..streams import Floats, Generator, chance
from ..world import SiteWorld, told
from .f0204 import FAN, report_when_hot
from .registry import cause, dc_charger

BEARING, BLADES, DRIVER, SUPPLY = (
    f"F-0601/{name}" for name in ("bearing-wear", "blade-obstruction", "fan-driver-degraded", "fan-supply-low")
)


def _slow(world: SiteWorld, charger: Charger, since: float, moment: float, speed: float | Shape, cause_id: str, rpm: float,
          details: dict[str, float], rng: Generator, again: bool = True) -> bool:  # fmt: skip
    """Let the fan be slow from `since` until it is mended; the fault is reported at the moment, and again now and then."""
    row = world.session_near(charger, moment, 10)
    if row is None:
        return False
    until = world.repair(charger, moment, "replaced the cooling fan", rng)
    world.fan[charger.place].during(since, until, speed)
    report_when_hot(world, charger, since, until, FAN, rng)
    noticed = float(world.sessions.start[row]) + float(np.round(rng.uniform(3, 9))) * MINUTE
    details = told(rng, 0.6, rpm=round(rpm)) | details
    while noticed < min(until, world.plan.end):
        world.fault(charger, None, noticed, cause_id, "fan below its nominal speed", details)
        noticed += float(np.round(rng.uniform(10, 40) * HOUR)) if again else DAY * 1000
    return True


@cause(BEARING, dc_charger)
def bearing_wear(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The speed sinks over weeks and gets rougher; the fan is old."""
    charger.age_days = max(charger.age_days, float(rng.uniform(1300, 2600)))
    low = float(rng.uniform(0.6, 0.78))
    sinking = ramp(moment - float(rng.uniform(20, 60)) * DAY, moment, 0.98, low)
    rough = float(rng.uniform(0.01, 0.03))

    def speed(times: Floats) -> Floats:
        return sinking(times) * (1 + rough * np.sin(times / 97.0) * np.sin(times / 411.0))

    return _slow(world, charger, world.plan.begin, moment, speed, BEARING, low * charger.fan_rpm, {}, rng)


@cause(BLADES, dc_charger)
def blade_obstruction(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """Something got into the fan: from one minute to the next it turns slower, and steadily so."""
    low = float(rng.uniform(0.3, 0.72))
    if chance(rng, 0.3):
        world.visit(
            charger, moment - float(np.round(rng.uniform(2, 40) * HOUR)), "pulled new cables into the cabinet", False
        )
    since = moment - float(rng.uniform(2, 90)) * MINUTE
    return _slow(world, charger, since, moment, low, BLADES, low * charger.fan_rpm, {}, rng)


@cause(DRIVER, dc_charger)
def driver_degraded(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The driver works by fits and starts: the speed hunts between low and full."""
    period = float(rng.uniform(4, 14)) * MINUTE

    def hunting(times: Floats) -> Floats:
        wave = np.sin(times / period * 2 * np.pi) + 0.5 * np.sin(times / period * 5.3)
        return np.where(wave > 0.2, 1.0, np.where(wave > -0.7, 0.55, 0.12))

    return _slow(
        world,
        charger,
        moment - float(rng.uniform(1, 30)) * HOUR,
        moment,
        hunting,
        DRIVER,
        0.55 * charger.fan_rpm,
        {},
        rng,
    )


@cause(SUPPLY, dc_charger)
def supply_low(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The fan gets less than its rated voltage and turns slower in proportion, steadily."""
    level = float(rng.uniform(0.62, 0.78))
    details = told(rng, 0.45, fan_supply_v=float(np.round(24 * level, 1)))
    return _slow(
        world,
        charger,
        moment - float(rng.uniform(1, 12)) * DAY,
        moment,
        level,
        SUPPLY,
        level * charger.fan_rpm,
        details,
        rng,
    )
