"""Measurements of the supply that the charger itself sees: its phases, and what payloads say of voltage and frequency."""

from __future__ import annotations

import re

import numpy as np

from ...readings import MINUTE, Reading, Readings, highest
from ...scene import Scene
from ..registry import measures
from .occurrences import latest_first
from .payload import measured_numbers

NOMINAL_VOLTAGES = (230.0, 400.0, 10_000.0, 20_000.0)
NOMINAL_FREQUENCIES = (50.0, 60.0)


def _nearest(value: float, nominals: tuple[float, ...]) -> float:
    return min(nominals, key=lambda n: abs(np.log(max(value, 1e-3) / n)))


def frequency_off(value: float) -> float:
    """By how many Hz a frequency is off 50 or 60 Hz."""
    return abs(value - _nearest(value, NOMINAL_FREQUENCIES))


def voltage_off(value: float) -> float:
    """By how many percent a voltage is off the nearest nominal one; a low one is a phase that sags."""
    nominal = _nearest(value, NOMINAL_VOLTAGES) if value > 120.0 else 230.0
    return 100.0 * abs(value - nominal) / nominal


def _phases(scene: Scene) -> list[Readings]:
    paths = [f"phase_details.phase_{phase}.voltage" for phase in "abc"]
    return [r.where(lambda v: v >= 0) for path in paths if len(r := scene.readings(path, which="all"))]


def _nominal_of(values: np.ndarray) -> float:
    median = float(np.median(values))
    for nominal in (230.0, 400.0):
        if abs(median - nominal) <= 0.15 * nominal:
            return nominal
    return median


def _phase_window(scene: Scene, before: float) -> tuple[list[Readings], float] | None:
    """The phases from so many seconds before to two after the latest occurrence with readings, and what is nominal."""
    phases = [p for p in _phases(scene) if len(p)]
    if not phases:
        return None
    nominal = _nominal_of(np.concatenate([p.values for p in phases]))
    if nominal < 50.0:
        return None
    for time in latest_first(scene):
        window = [w for p in phases if len(w := p.between(time - before, time + 2.0))]
        if window:
            return window, nominal
    return None


@measures(
    "phase_voltage_deviation",
    "largest deviation of a phase voltage from nominal from two minutes before to two seconds after the latest occurrence "
    "that has readings",
    unit="%",
    low=0,
)
def phase_voltage_deviation(scene: Scene) -> Reading | None:
    found = _phase_window(scene, 2 * MINUTE)
    if found is None:
        return None
    phases, nominal = found
    worst = []
    for phase in phases:
        off = np.abs(phase.values - nominal)
        place = int(np.argmax(off))
        worst.append(phase.reading(100.0 * float(off[place]) / nominal, float(phase.times[place]), [place]))
    return max(worst, key=lambda r: float(r.value))


@measures(
    "phase_voltage_readings",
    "readings of the best covered phase within the minute before the latest occurrence that has any",
    unit="1",
    low=0,
)
def phase_voltage_readings(scene: Scene) -> Reading | None:
    found = _phase_window(scene, MINUTE)
    if found is None:
        return None
    longest = max(found[0], key=len)
    return longest.reading(float(len(longest)))


@measures(
    "phase_voltage_spread",
    "largest difference between the phases, in percent of nominal, from two minutes before to two seconds after the latest "
    "occurrence that has readings of several phases",
    unit="%",
    low=0,
)
def phase_voltage_spread(scene: Scene) -> Reading | None:
    found = _phase_window(scene, 2 * MINUTE)
    if found is None or len(found[0]) < 2:
        return None
    phases, nominal = found
    rows = np.array(sorted(set.intersection(*(set(p.rows.tolist()) for p in phases))), dtype=np.intp)
    if not len(rows):
        return None
    together = [p.at_rows(rows) for p in phases]
    spread = np.ptp([p.values for p in together], axis=0)
    place = int(np.argmax(spread))
    return together[0].reading(100.0 * float(spread[place]) / nominal, float(together[0].times[place]), [place])


_GRID_VOLTAGE = (
    r"\b(grid|mains|ac|line|phase|supply|pcc|network|rms|utility)\b.*\b(v|volt\w*|vac|u)\b|\b(v|u) ?(l1|l2|l3|an|bn|cn|grid|ac|pcc)\b"
    r"|\bvoltage (v )?(l1|l2|l3|a|b|c)\b"
)
_PER_UNIT = re.compile(r"\b(pu|p u)\b")


@measures(
    "reported_grid_voltage_deviation",
    "largest deviation from nominal of a grid voltage that the fault's details or an alarm's give",
    unit="%",
    low=0,
)
def reported_grid_voltage_deviation(scene: Scene) -> Reading | None:
    found = []
    unless = r"(?:^| )dc(?: |$)|\b(pct|percent|deviation|angle|thd|unbalance|imbalance|ms|hz)\b"
    for path, number, source in measured_numbers(scene, _GRID_VOLTAGE, unless):
        if number >= 0 and _PER_UNIT.search(path) and number < 3:
            found.append(Reading(100.0 * abs(number - 1.0), scene.anchor, (source,)))
        elif 0 <= number < 1000:
            found.append(Reading(voltage_off(number), scene.anchor, (source,)))
    return highest(*found)


@measures(
    "reported_grid_frequency_deviation",
    "largest deviation from 50 or 60 Hz of a frequency that the fault's details or an alarm's give",
    unit="Hz",
    low=0,
)
def reported_grid_frequency_deviation(scene: Scene) -> Reading | None:
    found = measured_numbers(scene, r"\b(freq\w*|hz)\b")
    return highest(*(Reading(frequency_off(n), scene.anchor, (source,)) for _, n, source in found if 40.0 <= n <= 70.0))
