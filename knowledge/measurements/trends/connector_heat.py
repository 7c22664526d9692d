"""How a connector heats at equal load over weeks, and when it reaches its warning temperature at the present rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ....engine.facts import MOMENT
from ...fleet.extents import Column
from ...observations import Rows, Table
from ...readings import DAY, Reading, few, median
from ...scene import Scene
from ..registry import measures
from ..thermal.chargers import CONNECTOR_CODE, connector_limit
from ..thermal.contact_heating import heatings
from ..thermal.loads import loads_here
from ..thermal.telemetry import HISTORY
from .lines import Line, days_until, line_through, spans_a_line
from .ranges import Known, Mask, Range, has_a_line, ranged

COMPARABLE = 1.25
"""Loads are comparable up to this ratio of their currents (our judgement: a quarter more changes what leaks to the air)."""


@dataclass(frozen=True)
class Heat:
    """The line of the rise for the square of the current, the square that is usual, and the base that the rise stands on."""

    trend: Line
    usual_square: float  # of the current in 100 A
    base: float  # °C

    @property
    def rise(self) -> float:
        """The rise at the usual current, where the line stands now, in kelvin."""
        return self.trend.level * self.usual_square


def _is_told_of(scene: Scene) -> bool:
    """Whether faults or the details of sessions may tell of the connector's heat, beside telemetry."""
    return scene.once("heat told beside telemetry", lambda: _is_told_beside(scene))


def _is_told_beside(scene: Scene) -> bool:
    if scene.faults(CONNECTOR_CODE, device=scene.device_id):
        return True
    tables = (scene.observations[name] for name in _WITH_DETAILS)
    return any(True for table in tables for _ in _with_details(table, _rows(table, scene)))


_WITH_DETAILS = ("charging_records", "events")


def _with_details(table: Table, rows: Rows) -> Iterator[int]:
    """Those of some charging records or events that hold the details of a session."""
    if table.name == "charging_records":
        told = zip(rows.tolist(), table.values_at("details", rows), strict=True)
        return (row for row, details in told if details is not None)
    stops = rows[table.one_of("event_type", ("stop",), rows)]
    carried = zip(stops.tolist(), table.values_at("data", stops), strict=True)
    return (row for row, data in carried if (data or {}).get("details") is not None)


def _rows(table: Table, scene: Scene) -> Rows:
    rows = table.by_device.get(scene.device_id)
    return np.empty(0, dtype=np.intp) if rows is None else rows


def _heat(scene: Scene) -> Heat | None:
    def load() -> Heat | None:
        # both are cheaper to look at than the loads
        if not (spans_a_line(scene.readings("temperature", which="all")) or _is_told_of(scene)):
            return None
        start, end = scene.anchor - HISTORY, scene.anchor + DAY
        found = [x for x in heatings(loads_here(scene)) if start <= x.at <= end]
        if not found:
            return None
        usual = median([x.drive for x in found])
        alike = [x for x in found if usual / COMPARABLE <= x.drive <= usual * COMPARABLE]
        if not alike:
            return None
        times, ratios = np.array([x.at for x in alike]), np.array([x.ratio for x in alike])
        sources = few([*alike[0].load.sources, *alike[-1].load.sources])
        trend = line_through(times, ratios, sources, scene.anchor)
        if trend is None:
            return None
        lately = alike[-max(3, len(alike) // 3) :]
        base = median([x.load.peak - x.ratio * (x.drive / 100.0) ** 2 for x in lately])
        return Heat(trend, (usual / 100.0) ** 2, base)

    found: Heat | None = scene.once("connector heat", load)
    return found


@measures(
    "contact_heat_mann_kendall",
    "Mann-Kendall Z of the connector's rise for the square of its current, load by load at comparable current within 60 days; "
    "from six loads over five days",
    unit="1",
)
def contact_heat_mann_kendall(scene: Scene) -> Reading | None:
    heat = _heat(scene)
    return None if heat is None else heat.trend.reading(heat.trend.score)


@measures(
    "contact_heat_growth",
    "how far the Theil-Sen line of that rise moved from the first to the last load, in percent of where it began",
    unit="%",
)
def contact_heat_growth(scene: Scene) -> Reading | None:
    heat = _heat(scene)
    if heat is None or heat.trend.start <= 0:
        return None
    return heat.trend.reading(100.0 * (heat.trend.level / heat.trend.start - 1.0))


@measures("contact_heat_rise", "the rise at the usual current where that line stands now", unit="K")
def contact_heat_rise(scene: Scene) -> Reading | None:
    heat = _heat(scene)
    return None if heat is None else heat.trend.reading(heat.rise)


@measures(
    "contact_heat_rise_before",
    "the rise at the usual current where that line stood at the first of the loads",
    unit="K",
)
def contact_heat_rise_before(scene: Scene) -> Reading | None:
    heat = _heat(scene)
    return None if heat is None else heat.trend.reading(heat.trend.start * heat.usual_square)


@measures(
    "contact_heat_reaches_limit",
    "when the connector's peak at the usual current reaches its warning temperature (65 °C AC, 75 °C DC) by that line, epoch "
    "seconds; unknown where it does not rise, or is there already",
    unit=MOMENT,
)
def contact_heat_reaches_limit(scene: Scene) -> Reading | None:
    heat = _heat(scene)
    if heat is None or heat.trend.slope <= 0 or heat.usual_square <= 0:
        return None
    limit = connector_limit(scene, scene.device_id)
    moment = heat.trend.reaches((limit - heat.base) / heat.usual_square, scene.anchor)
    return None if moment is None else heat.trend.reading(moment)


@measures("days_to_contact_heat_limit", "days from the diagnosis to that moment", unit="days", low=0)
def days_to_contact_heat_limit(scene: Scene) -> Reading | None:
    return days_until(scene, contact_heat_reaches_limit(scene))


@measures(
    "contact_heat_margin",
    "how far the connector's peak at the usual current stays below its warning temperature where that line stands now",
    unit="K",
)
def contact_heat_margin(scene: Scene) -> Reading | None:
    heat = _heat(scene)
    if heat is None:
        return None
    return heat.trend.reading(connector_limit(scene, scene.device_id) - heat.base - heat.rise)


# Ranges

_TEMPERATURE = Column("telemetry", "temperature")


def _is_told_of_each(known: Known) -> Mask:
    """The same as `_is_told_of`, of many chargers."""

    def load() -> frozenset[str]:
        found = {fault.device_id for fault in known.fleet.faults.of(CONNECTOR_CODE)}
        for name in _WITH_DETAILS:
            table = known.fleet.observations[name]
            owners = table.values("device_id")
            found.update(owners[row] for row in _with_details(table, np.arange(len(table.times))))
        return frozenset(found)

    return known.among(known.fleet.once("heat told beside telemetry", load))


ranged(
    lambda known: Range.where(has_a_line(known.of(_TEMPERATURE)) | _is_told_of_each(known)),
    "contact_heat_mann_kendall",
    "contact_heat_growth",
    "contact_heat_rise",
    "contact_heat_rise_before",
    "contact_heat_reaches_limit",
    "days_to_contact_heat_limit",
    "contact_heat_margin",
    columns=(_TEMPERATURE,),
)
