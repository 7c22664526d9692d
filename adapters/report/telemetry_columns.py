"""The columns of telemetry that a report can draw, and which of them a measured value was read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...knowledge.observations import Rows, Table, at_path

Floats = NDArray[np.float64]


MODULES = "power_modules."
"""How the path of a column begins that is read from every power module."""


@dataclass(frozen=True)
class Column:
    """A numeric column of telemetry: its dotted path, what it is called, its unit, and words that mean it.

    `words` are those that names of measurements use for it; a path into `power_modules` gives the highest of all modules.
    """

    path: str
    title: str
    unit: str
    words: frozenset[str]

    def of(self, fields: Mapping[str, Any]) -> float | None:
        """Its value in one record; None where the record does not hold it."""
        if self.path.startswith(MODULES):
            modules = fields.get("power_modules") or []
            values = [at_path(module, self.path.removeprefix(MODULES)) for module in modules]
            numbers = [float(value) for value in values if isinstance(value, (int, float))]
            return max(numbers, default=None)
        value = at_path(fields, self.path)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    @property
    def of_connector(self) -> bool:
        """Whether each connector of a charger has a reading of its own."""
        return self.path in OF_A_CONNECTOR

    def at(self, table: Table, rows: Rows) -> Floats:
        """Its values in some rows of the telemetry, NaN where unknown."""
        if not self.path.startswith(MODULES):
            return table.numbers(self.path)[rows]
        read = (self.of(table.records[row].fields) for row in rows)
        return np.array([np.nan if value is None else value for value in read], dtype=np.float64)


def _column(path: str, title: str, unit: str, words: str) -> Column:
    return Column(path, title, unit, frozenset(words.split()))


COLUMNS: tuple[Column, ...] = (
    _column("temperature", "Connector temperature", "°C", "connector contact hot heating pin pins vehicle inlet thermal"),
    _column("voltage", "Output voltage", "V", "voltage residual energised output volts"),
    _column("current", "Output current", "A", "current load loaded inrush ramp"),
    _column("power", "Output power", "kW", "power throttled throttling derated delivered"),
    _column("power_limit", "Power limit", "kW", "limit throttled throttling derated"),
    _column("cabinet_temperature", "Cabinet temperature", "°C", "cabinet warming"),
    _column("component_health.cooling_fan_rpm", "Fan speed", "rpm", "fan rpm speed"),
    _column("ambient_temperature", "Ambient temperature", "°C", "ambient outside"),
    _column("power_modules.temperature", "Hottest power module", "°C", "module modules siblings"),
    _column("component_health.internal_temps.power_module", "Power module temperature", "°C", "internal module"),
    _column("component_health.internal_temps.control_board", "Control board temperature", "°C", "board control"),
    _column("component_health.internal_temps.ac_inlet", "AC inlet temperature", "°C", "internal ac"),
    _column("component_health.internal_temps.dc_outlet", "DC outlet temperature", "°C", "internal dc outlet"),
    _column("dc_bus_voltage", "DC bus voltage", "V", "dc bus voltage"),
    _column("dc_bus_current", "DC bus current", "A", "dc bus current"),
    _column("component_health.isolation_test_kohms", "Isolation resistance", "kΩ", "isolation"),
    _column("component_health.contactor_cycles", "Contactor cycles", "cycles", "contactor life cycles"),
    _column("component_health.discharge_contactor_cycles", "Discharge contactor cycles", "cycles", "discharge contactor cycles"),
    _column("component_health.bidirectional_inverter_cycles", "Inverter cycles", "cycles", "inverter bidirectional cycles life"),
    _column("component_health.harmonic_distortion_v2g_pct", "Harmonic distortion", "%", "harmonic distortion"),
    _column("inverter_health_pct", "Inverter health", "%", "inverter health"),
    _column("soc", "State of charge", "%", "soc charge battery"),
)  # fmt: skip
"""What can be drawn, the most telling first; units as in the vendor's API v1.3 and its announced extensions."""

RELATED_UNITS: Mapping[str, frozenset[str]] = {"°C": frozenset({"K", "K/min"}), "cycles": frozenset({"/day", "days"})}
"""Units of what is computed from a column (a difference, a rate) beside the column's own."""

WITHOUT_DIMENSION = frozenset({None, "1", "%", "times", "points"})
"""Units of ratios, counts and words, which can come of any column."""

SAME_VALUE = 1e-6
"""Relative difference up to which two numbers are one reading: facts keep six decimals."""

OF_A_CONNECTOR = frozenset({"temperature", "voltage", "current", "power", "soc"})
"""Paths of the columns that differ between the connectors of one charger; the others are the charger's."""

DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "thermal": ("temperature", "cabinet_temperature", "component_health.cooling_fan_rpm", "power"),
}
"""Columns to draw where the evidence points at none, by the category of the fault in lower case."""

DEFAULT = ("power",)
"""The same for all other categories: whether and how the session ran."""


def columns_behind(name: str, value: object, unit: str | None, table: Table, rows: Rows) -> list[Column]:
    """The columns that a value was read or computed from, given the rows that it names; the best one, or two alike.

    A column counts where a row holds the very value in the same unit, or where the measurement's name means the column
    and its unit can come of it.
    """
    if not len(rows):
        return []
    words = frozenset(name.lower().replace("_", " ").replace("-", " ").replace(".", " ").split())
    scored: list[tuple[int, int]] = []
    for place, column in enumerate(COLUMNS):
        read = column.at(table, rows)
        if np.isnan(read).all():
            continue
        meant = len(words & column.words)
        if unit == column.unit and _holds(read, value):
            scored.append((10 + meant, place))
        elif meant and _can_come_of(column, unit):
            scored.append((meant, place))
    if not scored:
        return []
    best = max(score for score, _ in scored)
    return [COLUMNS[place] for score, place in scored if score == best][:2]


def default_columns(category: str | None) -> list[Column]:
    """What to draw where the evidence points at no column."""
    paths = DEFAULTS.get((category or "").lower(), DEFAULT)
    return [column for column in COLUMNS if column.path in paths]


def _holds(read: Floats, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return bool((np.abs(read - value) <= SAME_VALUE * max(1.0, abs(value))).any())


def _can_come_of(column: Column, unit: str | None) -> bool:
    return unit == column.unit or unit in WITHOUT_DIMENSION or unit in RELATED_UNITS.get(column.unit, frozenset())


def thinned(times: Floats, values: Floats, most: int) -> tuple[Floats, Floats]:
    """A series of at most about `most` points that keeps the lowest and highest of every stretch, and both ends."""
    if len(times) <= most:
        return times, values
    kept: set[int] = {0, len(times) - 1}
    for stretch in np.array_split(np.arange(len(times)), most // 2):
        kept.add(int(stretch[np.argmin(values[stretch])]))
        kept.add(int(stretch[np.argmax(values[stretch])]))
    chosen = np.array(sorted(kept), dtype=np.intp)
    return times[chosen], values[chosen]


def longest_step(times: Floats) -> float:
    """Seconds between two readings beyond which nothing is known in between: five usual steps, two minutes at least.

    Judgement: a line across a longer gap would show readings that nobody made.
    """
    return max(120.0, 5 * float(np.median(np.diff(times)))) if len(times) > 1 else 120.0


def with_gaps(times: Floats, values: Floats, step: float) -> Sequence[tuple[float, float | None]]:
    """Points of a line, broken (None) where readings are further apart than `step` seconds."""
    points: list[tuple[float, float | None]] = []
    for place, (time, value) in enumerate(zip(times.tolist(), values.tolist(), strict=True)):
        if place and time - times[place - 1] > step:
            points.append((float(times[place - 1]) + 1, None))
        points.append((time, value))
    return points
