"""What the contactor switches: the charger's rating, how near to it sessions run, stops under load."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ....engine.facts import Source
from ...readings import CHARGING_STATES, DAY, HOUR, MINUTE, Reading, Readings, few, median, percentile
from ...scene import Scene
from ...sessions import Session
from ...texts import words_of
from ..common import current_of_a_phase
from ..registry import measures
from .counters import cycle_counts
from .payload import figures, latest_figure
from .release import stops
from .starts import charged


def _rated_power(scene: Scene) -> float | None:
    """The charger's rated power in kW: from its product data, else the number in its model's name."""
    told = scene.about("product.rated_power_kw")
    if isinstance(told, (int, float)) and told > 0:
        return float(told)
    named = re.search(r"(?:AC|DC)[-_ ]?(\d{1,4})(?!\d)", str(scene.about("model") or "").upper())
    return float(named.group(1)) if named and float(named.group(1)) > 0 else None


def rated_current(scene: Scene) -> float | None:
    """The charger's largest current in A: from its product data, else of an AC charger its power over 230 V phases,
    of a DC one its power over the voltage it charges at."""
    told = scene.about("product.max_current_a")
    if isinstance(told, (int, float)) and told > 0:
        return float(told)
    power = _rated_power(scene)
    if power is None or scene.is_dc is None:
        return None
    if not scene.is_dc:
        phases = scene.about("product.phases") or (3 if power > 7.4 else 1)
        return 1000.0 * power / (230.0 * max(1.0, float(phases)))
    volts = scene.readings("voltage").at_rows(scene.words("state").rows_where(*CHARGING_STATES))
    usual = np.abs(volts.where(lambda v: np.abs(v) >= 150.0).values)
    return 1000.0 * power / median(usual) if len(usual) >= 5 else None


def _power(session: Session) -> float | None:
    reported = session.avg_power if session.max_power is None else session.max_power
    if reported is not None:
        return abs(reported)
    if session.energy is not None and session.duration is not None and session.duration >= 5 * MINUTE:
        return abs(session.energy) * HOUR / session.duration
    return None


LOWEST_VOLTAGE = 300.0
"""V that a vehicle takes a large power at, at least (our judgement: an empty pack of the 400 V class, 96 cells of 3.1 V)."""

FEWEST_WITH_VOLTAGE = 3
"""Sessions with telemetry from which on their voltages stand for those of the others (our judgement)."""


class _Load(NamedTuple):
    """The load of a session in percent of the rating: at least and at most, where only its power is known."""

    least: float
    greatest: float
    source: Source


class _Voltages(NamedTuple):
    """V at which the others may have charged: the lowest and the highest."""

    lowest: float
    highest: float | None


def _voltages(scene: Scene, sessions: Sequence[Session]) -> _Voltages:
    """By the telemetry of the connector while it charged: a tenth of the sessions lies beyond either."""
    volts = scene.readings("voltage").at_rows(scene.words("state").rows_where(*CHARGING_STATES))
    volts = volts.where(lambda v: np.abs(v) >= 150.0)
    highest = percentile(np.abs(volts.values), 90) if len(volts) >= 5 else None
    usual = []
    for session in sessions:
        during = volts.between(session.start, min(session.over_by, scene.anchor))
        if len(during) >= 3:
            usual.append(median(np.abs(during.values)))
    if len(usual) < FEWEST_WITH_VOLTAGE:
        return _Voltages(LOWEST_VOLTAGE, highest)
    return _Voltages(percentile(np.array(usual), 10), percentile(np.array(usual), 90))


def _measured_current(currents: Readings, session: Session, latest: float) -> float | None:
    """A session's current in A: the upper quartile of telemetry during it, so that a spike at the start does not make it."""
    flowing = np.abs(currents.between(session.start, min(session.over_by, latest)).values)
    flowing = flowing[flowing > 1.0]
    return percentile(flowing, 75) if len(flowing) >= 3 else None


def _loads(scene: Scene) -> list[_Load]:
    """The load of the sessions up to the fault (at most the last hundred) in percent of the charger's rating: the power of
    the rated power, or of DC chargers whose largest current is told the current of that, whichever is more. A vehicle of
    400 V draws all of the current at half of the power, and contacts wear by the current: where that was not measured it lies between
    the power over the highest usual voltage and over the lowest."""

    def load() -> list[_Load]:
        rated, told = _rated_power(scene), scene.about("product.max_current_a")
        limit = float(told) if scene.is_dc and isinstance(told, (int, float)) and told > 0 else None
        sessions = [s for s in scene.sessions() if s.start <= scene.anchor and charged(s)]
        currents = own_currents(scene)
        volts = _voltages(scene, sessions)
        found: list[_Load] = []
        for session in reversed(sessions):
            power = _power(session)
            by_power = None if power is None or rated is None else 100.0 * power / rated
            least = greatest = by_power
            if limit is not None:
                amps = _measured_current(currents, session, scene.anchor)
                if amps is not None:
                    least = greatest = max(by_power or 0.0, 100.0 * amps / limit)
                elif power is not None:
                    at_least = 0.0 if volts.highest is None else 1e5 * power / volts.highest / limit
                    at_most = min(100.0, 1e5 * power / volts.lowest / limit)
                    if by_power is not None or volts.highest is not None:
                        least = max(by_power or 0.0, at_least)
                        greatest = max(least, at_most)
            if least is not None and greatest is not None:
                found.append(_Load(least, greatest, session.source))
            if len(found) == 100:
                break
        return found[::-1]

    loads: list[_Load] = scene.once(("contactor-load",), load)
    return loads


NEAR_RATING = 80.0
"""Percent of the rating from which on a load is near it (our judgement)."""


def _share(scene: Scene, chosen: Callable[[_Load], bool]) -> Reading | None:
    """The share of the sessions that are chosen; known from four sessions on."""
    loads = _loads(scene)
    if len(loads) < 4:
        return None
    share = 100.0 * sum(map(chosen, loads)) / len(loads)
    return Reading(share, scene.anchor, few([load.source for load in loads]))


@measures(
    "near_rated_session_share",
    "of at least four of the last hundred sessions of the connector, the share in percent whose load reached 80 % of the "
    "charger's rated power or, of DC chargers, of its largest current",
    unit="%",
    low=0,
    high=100,
)
def near_rated_session_share(scene: Scene) -> Reading | None:
    return _share(scene, lambda load: load.least >= NEAR_RATING)


@measures(
    "far_from_rated_session_share",
    "of at least four of the last hundred sessions of the connector, the share in percent whose load cannot have reached 80 % of the "
    "charger's rated power nor, of DC chargers, of its largest current, at whatever voltage usual there",
    unit="%",
    low=0,
    high=100,
)
def far_from_rated_session_share(scene: Scene) -> Reading | None:
    return _share(scene, lambda load: load.greatest < NEAR_RATING)


@measures(
    "session_load_level",
    "median load of at least four of the last hundred sessions of the connector, in percent of the charger's rated power or, "
    "of DC chargers, of its largest current, whichever is more; where the current was not measured the most that it can have been",
    unit="%",
    low=0,
)
def session_load_level(scene: Scene) -> Reading | None:
    loads = _loads(scene)
    if len(loads) < 4:
        return None
    return Reading(median([x.greatest for x in loads]), scene.anchor, few([x.source for x in loads]))


def own_currents(scene: Scene) -> Readings:
    """The connector's current; of AC chargers that report phases only, the first phase's."""
    found = current_of_a_phase(scene)
    return found if len(found) else scene.readings("phase_details.phase_a.current")


@measures(
    "charging_current_level",
    "upper tenth (90th percentile) of at least ten currents above 1 A up to the latest occurrence, in percent of the "
    "charger's largest current; known where fewer than four sessions have a load",
    unit="%",
    low=0,
)
def charging_current_level(scene: Scene) -> Reading | None:
    rated = rated_current(scene)
    if len(_loads(scene)) >= 4:
        return None  # a few sessions with telemetry say less of the load than the records of all
    flowing = own_currents(scene).between(scene.anchor - 90 * DAY, scene.anchor).where(lambda v: np.abs(v) > 1.0)
    if rated is None or len(flowing) < 10:
        return None
    return flowing.reading(100.0 * percentile(np.abs(flowing.values), 90) / rated)


_CURRENT_AT_OPENING = r"(current|\bi\b|amps)( \w+)? (at|on|before|when) (open\w*|break\w*|release|drop ?out)|\b(i|current) ?(break|open|opening)\b|\b(break|opening) (current|a)\b"


@measures(
    "current_before_stop_level",
    "median over at least three sessions of the last current within 15 s before the end, else of at least three currents at opening that "
    "details report, in percent of the charger's largest current",
    unit="%",
    low=0,
)
def current_before_stop_level(scene: Scene) -> Reading | None:
    rated = rated_current(scene)
    if rated is None:
        return None
    currents = own_currents(scene)
    levels, sources = [], []
    for end, _ in stops(scene):
        last = currents.between(end - 15.0, end - 0.001)
        if len(last):
            levels.append(100.0 * abs(float(last.values[-1])) / rated)
            sources.append(last.source(len(last) - 1))
    if len(levels) < 3:
        told = figures(scene, _CURRENT_AT_OPENING, r"limit|max|rated|spec|nominal", ("a", "ka", None))
        levels, sources = [100.0 * abs(each.amps) / rated for each in told], [each.source for each in told]
    return Reading(median(levels), scene.anchor, few(sources)) if len(levels) >= 3 else None


_HARD = re.compile(
    r"emergency|e stop|estop|power loss|powerloss|over ?current|trip|under load|hard|abort|fault|short circuit"
)


@measures(
    "hard_stop_share",
    "of at least five of the last hundred sessions with a stop reason, the share in percent that an emergency stop, a trip or "
    "a loss of power ended",
    unit="%",
    low=0,
    high=100,
)
def hard_stop_share(scene: Scene) -> Reading | None:
    told = [s for s in scene.sessions() if s.stop_reason and s.start <= scene.anchor][-100:]
    if len(told) < 5:
        return None
    hard = [s for s in told if _HARD.search(words_of(s.stop_reason or ""))]
    return Reading(100.0 * len(hard) / len(told), scene.anchor, few([s.source for s in hard or told]))


_UNDER_LOAD = (
    r"high current|under load|load (break|cycle|switch)|hot (break|switch)|loaded (break|open)|full load|at rated|breaks? above"
    r"|open\w* above|cycles? above"
)


@measures(
    "load_cycle_share",
    "openings under load or at high current that details report, in percent of the contactor's cycles",
    unit="%",
    low=0,
)
def load_cycle_share(scene: Scene) -> Reading | None:
    told = latest_figure(scene, _UNDER_LOAD, r"\b(v|a|ms|s|kw)$|temp|limit|power (kw|w)")
    if told is None or told.number < 0:
        return None
    if told.unit in ("pct", "ratio") or (told.unit is None and 0 < told.number <= 1.0):
        return told.reading(told.percent)
    counted = cycle_counts(scene).last()
    if told.unit not in (None, "a") or counted is None or float(counted.value) <= 0:
        return None
    if not re.search(r"(cycles?|breaks?|count|opens?|openings?|switch\w*|operations|stops)$", told.path):
        return None
    return told.reading(min(1000.0, 100.0 * told.number / float(counted.value)))
