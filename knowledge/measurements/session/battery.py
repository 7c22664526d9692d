"""The vehicle's battery: its temperature and cells as the end tells them, and its state of charge."""

from __future__ import annotations

import numpy as np

from ...readings import HOUR, MINUTE, Reading
from ...scene import Scene
from ..registry import measures
from ..thermal.ambient import weather_of
from .occurrences import at_latest_occurrence, ended_session
from .texts import end_number, end_volts


@measures(
    "battery_temperature",
    "temperature of the vehicle's battery or cells as stop details or the fault tell it",
    unit="°C",
    low=-80,
    high=300,
)
def battery_temperature(scene: Scene) -> Reading | None:
    pattern = r"\b(battery|batt|cells?|pack|bms|ress|traction)\b.*\b(temp|temperature|tmax|t max|celsius|deg c)\b"
    return end_number(scene, pattern, -80, 300)


@measures(
    "cell_voltage", "highest voltage of a battery cell as stop details or the fault tell it", unit="V", low=0, high=10
)
def cell_voltage(scene: Scene) -> Reading | None:
    reading = end_volts(scene, r"\bcells?\b.*\b(voltage|volts?|v|mv)$|\b(v|max) cell$")
    return reading if reading is not None and 0 < float(reading.value) <= 10 else None


@measures(
    "soc_step",
    "largest step of the state of charge between two samples within three minutes, in the 30 minutes before the end, less what "
    "charging at 6 percent a minute explains; a fall counts whole",
    unit="1",
    low=0,
)
def soc_step(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        soc = scene.readings("soc").between(time - 30 * MINUTE, time + MINUTE)
        if len(soc) < 3:
            return None
        between = np.diff(soc.times)
        steps = np.diff(soc.values)
        close = (between <= 3 * MINUTE) & (between > 0)
        if not close.any():
            return None
        power = scene.readings("power").between(time - 30 * MINUTE, time).median()
        if power is not None and float(power.value) < 0:
            # A vehicle that gives energy back loses charge: then a rise is the odd one.
            steps = -steps
        explained = 6.0 * between / MINUTE
        odd = np.where(steps >= 0, np.maximum(0.0, steps - explained), -steps)
        odd = np.where(close, odd, 0.0)
        place = int(np.argmax(odd))
        return soc.reading(float(odd[place]), float(soc.times[place + 1]), [place, place + 1])

    return at_latest_occurrence(scene, at)


@measures("soc_gain", "state of charge at the end less that at the start, by the charging record", unit="1")
def soc_gain(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        s = ended_session(scene, time)
        if s is None or s.soc_start is None or s.soc_end is None or (s.energy is not None and s.energy < 0):
            return None
        return Reading(s.soc_end - s.soc_start, s.end, (s.source,))

    return at_latest_occurrence(scene, at)


@measures("soc_gain_per_kwh", "percent of charge gained a kWh, by the charging record; known from 1 kWh", unit="%/kWh")
def soc_gain_per_kwh(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        s = ended_session(scene, time)
        if s is None or s.soc_start is None or s.soc_end is None or s.energy is None or s.energy < 1.0:
            return None
        return Reading((s.soc_end - s.soc_start) / s.energy, s.end, (s.source,))

    return at_latest_occurrence(scene, at)


@measures(
    "soc_at_end", "state of charge at the end, from telemetry or else the charging record", unit="%", low=0, high=100
)
def soc_at_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        last = scene.readings("soc").between(time - 10 * MINUTE, time + MINUTE).last()
        if last is None:
            s = ended_session(scene, time)
            last = None if s is None or s.soc_end is None else Reading(s.soc_end, s.end, (s.source,))
        return last if last is not None and 0 <= float(last.value) <= 100 else None

    return at_latest_occurrence(scene, at)


@measures(
    "ambient_at_end",
    "highest ambient temperature within an hour of the end, from telemetry or the site",
    unit="°C",
    low=-60,
    high=80,
)
def ambient_at_end(scene: Scene) -> Reading | None:
    near = scene.near(scene.readings("ambient_temperature", which="all"), HOUR, HOUR).max()
    if near is None:
        near = weather_of(scene, scene.site_id).between(scene.anchor - HOUR, scene.anchor + HOUR).max()
    return near if near is not None and -60 <= float(near.value) <= 80 else None
