"""Measurements of the supply that the charger itself sees: its phases, and what payloads say of voltage and frequency."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from ....engine.facts import Source
from ...readings import MINUTE, Reading, Readings, highest, median
from ...scene import Scene
from ..registry import measures
from .occurrences import latest_first, latest_times
from .payload import measured_numbers, numbers

NOMINAL_FREQUENCIES = (50.0, 60.0)
_LOW_VOLTAGES = {50.0: (230.0, 400.0), 60.0: (120.0, 208.0, 240.0, 277.0, 480.0)}
"""Nominal voltages at the charger, phase to neutral and phase to phase, by the grid's frequency."""

_MEDIUM_VOLTAGES = (10_000.0, 20_000.0)
EUROPEAN_VOLTAGES = (*_LOW_VOLTAGES[50.0], *_MEDIUM_VOLTAGES)
_BESIDES = {
    230.0: (400.0,),
    400.0: (230.0,),
    120.0: (208.0, 240.0),
    208.0: (120.0,),
    240.0: (120.0,),
    277.0: (480.0,),
    480.0: (277.0,),
}
"""What other nominal voltages a supply has, between phase and neutral or between phases."""

_BESIDE, _ABOUT, _SAGGED = 0.02, 0.05, 0.25
"""How near a nominal voltage lies a value that may be it, a usual voltage, and a sag that is all there is (our judgement)."""


def _nearest(value: float, nominals: tuple[float, ...]) -> float:
    return min(nominals, key=lambda n: abs(np.log(max(value, 1e-3) / n)))


def _is_near(value: float, nominals: tuple[float, ...], within: float) -> bool:
    nominal = _nearest(value, nominals)
    return abs(value - nominal) <= within * nominal


def frequency_off(value: float) -> float:
    """By how many Hz a frequency is off 50 or 60 Hz."""
    return abs(value - _nearest(value, NOMINAL_FREQUENCIES))


def voltage_off(value: float, nominals: tuple[float, ...] | None) -> float | None:
    """By how many percent a voltage is off the nearest of these nominal ones.

    Where nothing shows which grid it is (None), it is measured against 230 V and 400 V, but for a value at a nominal voltage
    of 60 Hz grids: 208 V may be all there ought to be, or a phase of 230 V that sags.
    """
    if nominals is None:
        if _is_near(value, (120.0, 208.0, 277.0, 480.0), _BESIDE):
            return None
        nominals = EUROPEAN_VOLTAGES
    nominal = _nearest(value, nominals)
    return 100.0 * abs(value - nominal) / nominal


def _phases(scene: Scene, device: str | None = None) -> list[Readings]:
    paths = [f"phase_details.phase_{phase}.voltage" for phase in "abc"]
    columns = [scene.readings(path, which="all", device=device) for path in paths]
    return [known for r in columns if len(known := r.where(lambda v: v >= 0))]


def _grid_frequency(scene: Scene) -> float | None:
    """50 or 60 Hz, where payload or grid records give frequencies and agree on it."""

    def load() -> float | None:
        given = [number for _, number, _ in _reported_frequencies(scene)]
        given += [r.fields.get("frequency_hz") or 0.0 for r in scene.observations["grid"].records]
        found = {_nearest(value, NOMINAL_FREQUENCIES) for value in given if 40.0 <= value <= 70.0}
        return found.pop() if len(found) == 1 else None

    return scene.once("v2g-grid-frequency", load)


_MAY_BE_HIGH_S = 15 * MINUTE
"""So long before a loss the mains may have been off already (our judgement: clouds and loads move it over minutes)."""


def _usual_voltage(scene: Scene, device: str) -> float | None:
    """The median phase voltage of a charger away from the occurrences; known from six readings."""

    def load() -> float | None:
        values = []
        for phase in _phases(scene, device):
            apart = np.ones(len(phase), dtype=bool)
            for time in latest_times(scene):
                apart &= (phase.times < time - _MAY_BE_HIGH_S) | (phase.times > time + 5 * MINUTE)
            values.append(phase.values[apart & (phase.values >= 50.0)])
        known = np.concatenate(values) if values else np.empty(0)
        return median(known) if len(known) >= 6 else None

    return scene.once(("v2g-usual-voltage", device), load)


def _nominal_of(usual: float, frequency: float | None, phases: int) -> float:
    """The nominal voltage that a usual one stands for, of so many phases; itself where it is near none."""
    # 240 V of 60 Hz grids lie between two phases; three phases near it are those of a 230 V grid that runs high
    sixty = tuple(volts for volts in _LOW_VOLTAGES[60.0] if phases < 3 or volts != 240.0)
    # 230 V grids run well beside their nominal, too: without a frequency, one of 60 Hz has to be met closely.
    if frequency == 60.0 or (frequency is None and _is_near(usual, sixty, _ABOUT)):
        candidates = sixty if frequency == 60.0 else (*sixty, *_LOW_VOLTAGES[50.0])
    else:
        candidates = _LOW_VOLTAGES[50.0]
    return _nearest(usual, candidates) if _is_near(usual, candidates, 0.15) else usual


def nominal_voltages(scene: Scene, *devices: str) -> tuple[float, ...] | None:
    """The nominal voltages of the supply, by what the first of these chargers with a history usually has, else by frequency.

    None where neither shows which grid it is.
    """
    frequency = _grid_frequency(scene)
    for device in devices or (scene.device_id,):
        usual = _usual_voltage(scene, device)
        if usual is not None:
            nominal = _nominal_of(usual, frequency, len(_phases(scene, device)))
            # At 240 V without a frequency, it may as well be a 230 V grid with 400 V between its phases.
            others = (400.0,) if nominal == 240.0 and frequency is None else _BESIDES.get(nominal, ())
            return (nominal, *others, *_MEDIUM_VOLTAGES)
    return None if frequency is None else (*_LOW_VOLTAGES[frequency], *_MEDIUM_VOLTAGES)


def _nominal_phase_voltage(scene: Scene, phases: list[Readings]) -> float | None:
    """What the charger's phases ought to have; without a history, what the few readings there are may have sagged from."""
    usual, frequency = _usual_voltage(scene, scene.device_id), _grid_frequency(scene)
    if usual is not None:
        return _nominal_of(usual, frequency, len(phases))
    middle = median(np.concatenate([p.values for p in phases]))
    if frequency is None and voltage_off(middle, None) is None:
        return None
    candidates = _LOW_VOLTAGES[frequency or 50.0]
    nominal = _nearest(middle, candidates) if _is_near(middle, candidates, _SAGGED) else middle
    return nominal if nominal >= 50.0 else None


def _phase_window(scene: Scene, before: float) -> tuple[list[Readings], float] | None:
    """The phases from so many seconds before to two after the latest occurrence with readings, and what is nominal."""
    phases = _phases(scene)
    nominal = _nominal_phase_voltage(scene, phases) if phases else None
    if nominal is None:
        return None
    for time in latest_first(scene):
        window = [w for p in phases if len(w := p.between(time - before, time + 2.0))]
        if window:
            return window, nominal
    return None


@measures(
    "phase_voltage_deviation",
    "largest deviation of a phase voltage from nominal, by what is usual at the charger, from two minutes before to two seconds "
    "after the latest occurrence that has readings",
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
    "largest deviation from nominal of a grid voltage that the fault's details or an alarm's give; one that is nominal on some "
    "grids counts where the charger's usual voltage or a frequency shows which it is",
    unit="%",
    low=0,
)
def reported_grid_voltage_deviation(scene: Scene) -> Reading | None:
    found = []
    nominals = nominal_voltages(scene)
    unless = r"(?:^| )dc(?: |$)|\b(pct|percent|deviation|angle|thd|unbalance|imbalance|ms|hz)\b"
    told = [*measured_numbers(scene, _GRID_VOLTAGE, unless), *_extremes(scene)]
    for path, number, source in told:
        if number >= 0 and _PER_UNIT.search(path) and number < 3:
            found.append(Reading(100.0 * abs(number - 1.0), scene.anchor, (source,)))
        elif 0 <= number < 1000 and (off := voltage_off(number, nominals)) is not None:
            found.append(Reading(off, scene.anchor, (source,)))
    return highest(*found)


def _extremes(scene: Scene) -> Iterator[tuple[str, float, Source]]:
    """The least and the greatest voltage of a phase, which are no limits: `u_l1_min_v`."""
    return (item for item in numbers(scene) if re.search(r"\b[uv] ?l[123] (min|max)\b", item[0]))


def _reported_frequencies(scene: Scene) -> list[tuple[str, float, Source]]:
    return [
        item
        for item in measured_numbers(
            scene,
            r"\b(freq\w*|hz)\b|\bf( ac| mains| net)?$|\bf ?grid$",
            r"\b(temp\w*|deg\w*|ambient|pll|nco|osc\w*|estimat\w*)\b",
        )
        if 40.0 <= item[1] <= 70.0
    ]


@measures(
    "reported_grid_frequency_deviation",
    "largest deviation from 50 or 60 Hz of a frequency that the fault's details or an alarm's give",
    unit="Hz",
    low=0,
)
def reported_grid_frequency_deviation(scene: Scene) -> Reading | None:
    return highest(
        *(Reading(frequency_off(n), scene.anchor, (source,)) for _, n, source in _reported_frequencies(scene))
    )
