"""Heat: connectors warm with the square of the current, cabinets with their load, fans follow the cabinet.

Everything is worked out by the minute as first-order lags. The constants are our judgement: a sound connector at its full
current rises by some 27 K within half an hour, a cabinet at its continuous rating by 30 K; both stay well below the warning
temperatures (65 and 75 °C, dictionary F-0203).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from .plan import MINUTE
from .states import Heat
from .streams import Floats
from .world import SiteWorld

CONTACT_RISE_K = 27.0
CONTACT_LAG_MIN = 9.0
CABINET_RISE_K = {"AC": 9.0, "DC": 30.0}
CABINET_LAG_MIN = 16.0
FROM_CABINET = 0.22
"""Share of the cabinet's rise that reaches its connectors (our judgement)."""

STILL_AIR = 0.3
"""What a cabinet gives off without its fan, against a running one (our judgement)."""

NOMINAL_RPM = 2250.0
FAN_ON_C = 30.0
FAN_FULL_C = 55.0
FAN_ON_LOAD = 0.02
FAN_SLOWEST = 0.9
"""Fans run at nine tenths to full speed while they are on: above the nominal 1,800 rpm of the dictionary (F-0601)."""


def heat_of(world: SiteWorld) -> Heat:
    """How warm everything at a site gets, minute by minute."""
    times = world.minutes
    ambient = world.ambient.at(times) + world.weather
    power, current = load_by_minute(world)
    chargers, owner = world.chargers, world.owner
    rises = np.empty_like(power)
    for connector in range(len(owner)):
        limit = chargers[owner[connector]].model.max_current_a
        resistance = world.contact[connector].at(times)
        rises[:, connector] = CONTACT_RISE_K * (current[:, connector] / limit) ** 2 * resistance
    contact = _lagging(rises, CONTACT_LAG_MIN)
    load = np.zeros((len(times), len(chargers)))
    np.add.at(load.T, owner, np.abs(power).T)
    load /= np.array([charger.continuous_kw for charger in chargers])
    cabinet, fan = _cabinets(world, times, ambient, load)
    reached = ambient[:, None] + contact + FROM_CABINET * (cabinet - ambient[:, None])[:, owner]
    return Heat(times, ambient, reached, cabinet, fan, load)


def _cabinets(world: SiteWorld, times: Floats, ambient: Floats, load: Floats) -> tuple[Floats, Floats]:
    """Cabinets and their fans: what the fan does depends on the temperature, so that it is worked out in two rounds."""
    air = np.stack([world.airflow[charger.place].at(times) for charger in world.chargers], axis=1)
    health = np.stack([world.fan[charger.place].at(times) for charger in world.chargers], axis=1)
    full = np.array([charger.fan_rpm if charger.is_dc else 0.0 for charger in world.chargers])
    rise = np.array([CABINET_RISE_K[charger.model.current_type] for charger in world.chargers]) * load
    has_fan = full > 0
    speed = health
    cabinet = ambient[:, None] + _lagging(rise, CABINET_LAG_MIN)
    fan = np.zeros_like(load)
    for _ in range(2):
        wanted = np.clip((cabinet - FAN_ON_C) / (FAN_FULL_C - FAN_ON_C), 0.0, 1.0)
        running = has_fan & ((cabinet > FAN_ON_C) | (load > FAN_ON_LOAD))
        fan = np.where(running, full * (FAN_SLOWEST + (1 - FAN_SLOWEST) * wanted) * speed, 0.0)
        cooling = np.where(running, STILL_AIR + (1 - STILL_AIR) * fan / NOMINAL_RPM * air, np.where(has_fan, 0.5, 1.0))
        cabinet = ambient[:, None] + _lagging(rise / np.maximum(cooling, 0.1), CABINET_LAG_MIN)
    return cabinet, fan


def load_by_minute(world: SiteWorld) -> tuple[Floats, Floats]:
    """Power in kW and current in A of each connector by the minute."""
    sessions, times = world.sessions, world.minutes
    power = np.zeros((len(times), len(world.owner)))
    current = np.zeros_like(power)
    first = np.ceil((sessions.start - times[0]) / MINUTE).astype(np.intp)
    last = np.minimum(np.floor((sessions.stop - times[0]) / MINUTE).astype(np.intp), len(times) - 1)
    counts = np.maximum(last - first + 1, 0)
    rows = np.repeat(np.arange(len(sessions)), counts)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts) + first[rows]
    kilowatts = sessions.power_at(rows, times[place])
    connector = sessions.connector[rows]
    power[place, connector] = kilowatts
    dc = np.array([charger.is_dc for charger in world.chargers])[world.owner]
    volts = np.where(dc[connector], sessions.volts[rows], 230.0 * sessions.phases[rows])
    current[place, connector] = np.abs(kilowatts) * 1000 / volts
    return power, current


def _lagging(target: Floats, lag_min: float) -> Floats:
    """Each column following its target with a first-order lag, by the minute."""
    alpha = 1 - np.exp(-1 / lag_min)
    frame = pl.DataFrame(target)
    return frame.select(pl.all().ewm_mean(alpha=alpha, adjust=False)).to_numpy()
