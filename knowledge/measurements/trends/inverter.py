"""The inverter of a V2G charger over weeks: its health, the distortion it makes, the cycles of inverter and contactor."""

from __future__ import annotations

import numpy as np

from ....engine.facts import MOMENT
from ...fleet.extents import Column
from ...readings import DAY, Reading, Readings
from ...scene import Scene
from ..contactor.counters import RATED_CYCLES
from ..cycle_counters import since_last_reset
from ..registry import measures
from .contactor_wear import Wear, WearRange, life_end, life_share, rate
from .lines import Line, daily_line, days_until, latest, recent, telemetry_spans_a_line
from .ranges import on_a_line

_HEALTH, _DISTORTION = "inverter_health_pct", "component_health.harmonic_distortion_v2g_pct"

HISTORY = 90 * DAY
"""How far back the inverter is followed (our judgement: a season)."""

DISTORTION_LIMIT_PCT = 5.0
"""Total distortion of the current that an inverter may feed in (IEEE 1547-2018, 7.3)."""


def _line(scene: Scene, path: str) -> Line | None:
    def load() -> Line | None:
        if not telemetry_spans_a_line(scene):
            return None
        return daily_line(recent(scene, scene.readings(path, which="all"), HISTORY), scene.anchor)

    found: Line | None = scene.once(("inverter", path), load)
    return found


def _health(scene: Scene) -> Line | None:
    return _line(scene, _HEALTH)


def _distortion(scene: Scene) -> Line | None:
    return _line(scene, _DISTORTION)


@measures(
    "inverter_health_level",
    "where the Theil-Sen line through the inverter's daily median health within 90 days stands now; from six days",
    unit="%",
)
def inverter_health_level(scene: Scene) -> Reading | None:
    health = _health(scene)
    return None if health is None else health.reading(health.level)


@measures("inverter_health_drift", "how far that line moved from its first to its last day", unit="points")
def inverter_health_drift(scene: Scene) -> Reading | None:
    health = _health(scene)
    return None if health is None else health.reading(health.level - health.start)


@measures("inverter_health_mann_kendall", "Mann-Kendall Z of the same; below zero where it falls", unit="1")
def inverter_health_mann_kendall(scene: Scene) -> Reading | None:
    health = _health(scene)
    return None if health is None else health.reading(health.score)


@measures(
    "distortion_level",
    "where the Theil-Sen line through the daily median harmonic distortion within 90 days stands now; from six days",
    unit="%",
)
def distortion_level(scene: Scene) -> Reading | None:
    distortion = _distortion(scene)
    return None if distortion is None else distortion.reading(distortion.level)


@measures("distortion_drift", "how far that line moved from its first to its last day", unit="points")
def distortion_drift(scene: Scene) -> Reading | None:
    distortion = _distortion(scene)
    return None if distortion is None else distortion.reading(distortion.level - distortion.start)


@measures("distortion_mann_kendall", "Mann-Kendall Z of the same; above zero where it rises", unit="1")
def distortion_mann_kendall(scene: Scene) -> Reading | None:
    distortion = _distortion(scene)
    return None if distortion is None else distortion.reading(distortion.score)


@measures(
    "distortion_reaches_limit",
    "when that line reaches 5 %, epoch seconds; unknown where it does not rise, or lies above already",
    unit=MOMENT,
)
def distortion_reaches_limit(scene: Scene) -> Reading | None:
    distortion = _distortion(scene)
    if distortion is None or distortion.slope <= 0:
        return None
    moment = distortion.reaches(DISTORTION_LIMIT_PCT, scene.anchor)
    return None if moment is None else distortion.reading(moment)


# Cycles


def _reported(scene: Scene, name: str) -> Readings:
    counts = scene.readings(f"component_health.{name}", which="all")
    return counts.between(-np.inf, latest(scene)).where(lambda v: v >= 0)


def _counter(scene: Scene, name: str) -> Readings:
    """A part's counter; where each connector has such a part, of that with the most cycles."""
    reported = _reported(scene, name)
    return max(reported.by_connector(), key=lambda counts: float(counts.values[-1]), default=reported)


def _inverter_wear(scene: Scene) -> Wear:
    def load() -> Wear:
        counts = _counter(scene, "bidirectional_inverter_cycles")
        if not len(counts):
            return Wear(counts, False, None)
        limit = _reported(scene, "bidirectional_inverter_max_cycles").where(lambda v: v > 0).last()
        return Wear(*since_last_reset(counts), None if limit is None else float(limit.value))

    return scene.once("inverter wear", load)


def _discharge_contactor(scene: Scene) -> Wear:
    def load() -> Wear:
        return Wear(*since_last_reset(_counter(scene, "discharge_contactor_cycles")), RATED_CYCLES[True])

    return scene.once("discharge contactor wear", load)


@measures(
    "inverter_life_share",
    "the bidirectional inverter's cycles in percent of its own limit; where connectors count apart, those of the highest counter",
    unit="%",
    low=0,
)
def inverter_life_share(scene: Scene) -> Reading | None:
    return life_share(_inverter_wear(scene))


@measures(
    "inverter_cycle_rate",
    "the inverter's cycles a day: Theil-Sen slope of the daily counter within 90 days, else the counter over the charger's age",
    unit="cycles/day",
    low=0,
)
def inverter_cycle_rate(scene: Scene) -> Reading | None:
    return rate(scene, _inverter_wear(scene))


@measures("inverter_life_end", "when the counter reaches the inverter's limit at that rate, epoch seconds", unit=MOMENT)
def inverter_life_end(scene: Scene) -> Reading | None:
    return life_end(scene, _inverter_wear(scene))


@measures("days_to_inverter_life_end", "days from the diagnosis to that moment", unit="days", low=0)
def days_to_inverter_life_end(scene: Scene) -> Reading | None:
    return days_until(scene, inverter_life_end(scene))


@measures(
    "discharge_contactor_life_share",
    "the discharge contactor's cycles in percent of the 100,000 of a DC contactor; where connectors count apart, those of the "
    "highest counter",
    unit="%",
    low=0,
)
def discharge_contactor_life_share(scene: Scene) -> Reading | None:
    return life_share(_discharge_contactor(scene))


@measures(
    "discharge_contactor_cycle_rate",
    "the discharge contactor's cycles a day: Theil-Sen slope of the daily counter within 90 days, else the counter over the "
    "charger's age",
    unit="cycles/day",
    low=0,
)
def discharge_contactor_cycle_rate(scene: Scene) -> Reading | None:
    return rate(scene, _discharge_contactor(scene))


@measures("discharge_contactor_life_end", "when its counter reaches 100,000 at that rate, epoch seconds", unit=MOMENT)
def discharge_contactor_life_end(scene: Scene) -> Reading | None:
    return life_end(scene, _discharge_contactor(scene))


@measures("days_to_discharge_contactor_life_end", "days from the diagnosis to that moment", unit="days", low=0)
def days_to_discharge_contactor_life_end(scene: Scene) -> Reading | None:
    return days_until(scene, discharge_contactor_life_end(scene))


# Ranges


def _unknown_life(_: Scene) -> None:
    """An inverter that does not tell its limit has none that is known."""


def _dc_life(_: Scene) -> float:
    return RATED_CYCLES[True]


on_a_line(
    Column("telemetry", _HEALTH), "inverter_health_level", "inverter_health_drift", "inverter_health_mann_kendall"
)
on_a_line(
    Column("telemetry", _DISTORTION),
    "distortion_level",
    "distortion_drift",
    "distortion_mann_kendall",
    "distortion_reaches_limit",
)
WearRange(
    Column("telemetry", "component_health.bidirectional_inverter_cycles"),
    Column("telemetry", "component_health.bidirectional_inverter_max_cycles"),
    _unknown_life,
).declare("inverter")
WearRange(Column("telemetry", "component_health.discharge_contactor_cycles"), None, _dc_life).declare(
    "discharge_contactor"
)
