"""A charger's telemetry as arrays, and the arithmetic on readings that several rooms need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ....engine.facts import Source
from ...observations import Floats, Rows, Table
from ...readings import CHARGING_STATES, DAY, HOUR, Reading, Readings, few
from ...scene import Scene
from ...texts import as_number
from ..mains import LINE_NOMINAL_V, PHASE_NOMINAL_V
from .chargers import delivers_dc
from .remembered import once_a_bundle

REACH = 3 * HOUR
"""How far an ambient reading may lie from the moment it is used for (weather services report every one to three hours)."""

HISTORY = 60 * DAY
"""How far back loads are compared (our judgement: oxide and dust take weeks)."""


@dataclass(frozen=True)
class Columns:
    """A charger's telemetry as arrays in time order, magnitudes of current (A) and power (kW)."""

    table: Table
    rows: Rows
    times: Floats
    connectors: Floats
    temperature: Floats
    amps: Floats
    power: Floats
    active: np.ndarray  # under load, by current, power or state
    idle: np.ndarray  # known to carry no load

    def may_be_of(self, connector: int | None) -> np.ndarray:
        """Which rows are of a connector or name none; all where none is asked for."""
        if connector is None:
            return np.ones(len(self.times), dtype=bool)
        return np.asarray(np.isnan(self.connectors) | (self.connectors == connector))

    def with_power(self, places: Rows) -> list[Rows]:
        """Those of some places that tell a power, of each connector by itself; where a connector has one, what names none is left
        out, since it tells of the whole charger."""
        told = places[~np.isnan(self.power[places])]
        numbers = self.connectors[told]
        named = np.unique(numbers[~np.isnan(numbers)])
        if not len(named):
            return [told] if len(told) else []
        return [told[numbers == number] for number in named]


@once_a_bundle
def columns_of(scene: Scene, device: str) -> Columns | None:
    """The columns of one charger; None where it has no telemetry."""
    table = scene.observations["telemetry"]
    rows = table.by_device.get(device)
    if rows is None or not len(rows):
        return None

    def column(path: str) -> Floats:
        return np.asarray(table.numbers(path)[rows], dtype=np.float64)

    amps, power = np.abs(column("current")), np.abs(column("power"))
    if np.isnan(amps).any() or np.isnan(power).any():
        amps, power = _completed(scene, device, column, amps, power)
    active = (amps > 3.0) | (power > 0.5)
    idle = ~active
    if np.isnan(power).any():
        texts = table.texts("state")
        states = [texts[row] for row in rows.tolist()]
        resting = np.array([state in ("idle", "unavailable") for state in states], dtype=bool)
        untold = np.isnan(amps) & np.isnan(power)
        active[untold] = np.array([state in CHARGING_STATES for state in states], dtype=bool)[untold]
        idle[untold] = resting[untold]
        power = np.where(np.isnan(power) & resting, 0.0, power)
    times, connectors = table.times[rows], table.connectors[rows]
    return Columns(table, rows, times, connectors, column("temperature"), amps, power, active, idle)


def _completed(
    scene: Scene, device: str, column: Callable[[str], Floats], amps: Floats, power: Floats
) -> tuple[Floats, Floats]:
    """Currents and powers, where a row does not tell them by its phases, else the power by voltage and current."""
    volts = np.abs(column("voltage"))
    if delivers_dc(scene, device):
        # what it draws from the mains is no current of its connector
        return amps, np.where(np.isnan(power), volts * amps / 1000.0, power)
    to_neutral = np.where(np.abs(volts - LINE_NOMINAL_V) < np.abs(volts - PHASE_NOMINAL_V), volts / np.sqrt(3.0), volts)
    busiest = of_phases = np.full(len(amps), np.nan)
    for phase in ("phase_a", "phase_b", "phase_c"):
        current, own = (np.abs(column(f"phase_details.{phase}.{name}")) for name in ("current", "voltage"))
        drawn = current * np.where(np.isnan(own), to_neutral, own) / 1000.0
        of_phases = np.where(np.isnan(of_phases), drawn, of_phases + np.nan_to_num(drawn))
        busiest = np.fmax(busiest, current)
    phases = _phases_beside(scene, device, amps)
    by_current = amps * (volts if phases == 1.0 else phases * to_neutral) / 1000.0
    power = np.where(np.isnan(power), np.where(np.isnan(of_phases), by_current, of_phases), power)
    return np.where(np.isnan(amps), busiest, amps), power


def _phases_beside(scene: Scene, device: str, amps: Floats) -> float:
    """How many phases carry the current that a charger's telemetry gives: those of an AC charger none of whose readings exceeds
    what one of them may carry, else 1, since they may be added up."""
    record = scene.devices.get(device)
    phases, greatest = (as_number(scene.about(f"product.{name}", record)) for name in ("phases", "max_current_a"))
    if phases is None or greatest is None or not phases > 1.0 or delivers_dc(scene, device) is None:
        return 1.0
    # a meter's accuracy above what is allowed
    return 1.0 if (amps > 1.15 * greatest).any() else phases


def known(number: float) -> bool:
    """Whether a number is not NaN, which stands for what is not known."""
    return number == number


def around_occurrence(scene: Scene, readings: Readings, *windows: tuple[float, float]) -> Readings:
    """The readings in the first of some windows (seconds before and after) that has any, around the latest occurrence of which one
    has."""
    for time in reversed(scene.times):
        for before, after in windows:
            found = readings.between(time - before, time + after)
            if len(found):
                return found
    return readings.between(1.0, 0.0)


def interpolated(readings: Readings, moments: Floats, reach: float = REACH) -> Floats:
    """Readings interpolated at some moments; NaN where the nearest is farther than `reach`."""
    if not len(readings):
        return np.full(np.shape(moments), np.nan)
    values = np.interp(moments, readings.times, readings.values)
    after = np.minimum(readings.times.searchsorted(moments), len(readings) - 1)
    before = np.maximum(after - 1, 0)
    distance = np.minimum(np.abs(readings.times[after] - moments), np.abs(readings.times[before] - moments))
    return np.where(distance <= reach, values, np.nan)


def pairs_apart(readings: Readings, least: float, most: float) -> tuple[Rows, Rows]:
    """Places of readings, and for each of the first one at least `least` seconds later that is at most `most` away."""
    # a second less, since clocks jitter
    after = np.searchsorted(readings.times, readings.times + least - 1.0, "left")
    begin = np.flatnonzero(after < len(readings))
    end = after[begin]
    near = readings.times[end] - readings.times[begin] <= most
    return begin[near], end[near]


def sources_of(readings: Readings) -> tuple[Source, ...]:
    """Where readings came from; of many, the first and the last."""
    places = range(len(readings))
    # cut before the records are looked up: a window of weeks holds thousands
    chosen = places if len(places) <= 8 else [*places[:4], *places[-4:]]
    return few([readings.source(place) for place in chosen])


def difference(one: Reading | None, other: Reading | None) -> Reading | None:
    """One reading minus another, at the moment of the first; None where either is not known."""
    if one is None or other is None:
        return None
    return Reading(float(one.value) - float(other.value), one.at, few([*one.sources, *other.sources]))


def correlation(one: Floats, two: Floats) -> float | None:
    """Pearson's correlation of at least eight values; None where either does not vary."""
    if len(one) < 8 or np.std(one) < 1e-6 or np.std(two) < 1e-6:
        return None
    return float(np.corrcoef(one, two)[0, 1])


def lagged(times: Floats, values: Floats, constant: float) -> Floats:
    """First-order lag with a time constant in seconds, the way a heated mass follows its source."""
    out: list[float] = []
    state = float(values[0]) if len(values) else 0.0
    steps = np.diff(times, prepend=times[:1])
    shares = 1.0 - np.exp(-np.clip(steps, 0.0, None) / constant)
    for value, share in zip(values.tolist(), shares.tolist(), strict=True):
        state += share * (value - state)
        out.append(state)
    return np.array(out, dtype=np.float64)


def lagged_from_rest(times: Floats, values: Floats, constant: float) -> Floats:
    """The same lag of a mass that was at rest before the first of the times; what is not known counts as rest."""
    known = np.nan_to_num(values)
    # between values that are none it only decays, which takes one step however long that is
    driven = known != 0.0
    stepped = np.flatnonzero(driven | np.append(driven[1:], False))
    if not len(stepped):
        return np.zeros(len(times))
    first = stepped[:1]
    at_rest = np.concatenate([[0.0], known[stepped]])
    states = lagged(np.concatenate([times[np.maximum(first - 1, 0)], times[stepped]]), at_rest, constant)
    latest = np.searchsorted(stepped, np.arange(len(times)), "right")
    since = times - np.concatenate([times[:1], times[stepped]])[latest]
    decayed: Floats = states[latest] * np.exp(-np.clip(since, 0.0, None) / constant)
    return decayed
