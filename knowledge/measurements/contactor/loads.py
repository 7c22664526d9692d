"""What the contactor switches: the charger's rating, how near to it sessions run, stops under load."""

from __future__ import annotations

import re

import numpy as np

from ....engine.facts import Source
from ...readings import CHARGING_STATES, DAY, HOUR, MINUTE, Reading, Readings, few, median, percentile
from ...scene import Scene
from ...sessions import Session
from ...texts import words_of
from ..common import current_of_a_phase
from ..registry import measures
from .counters import cycle_counts
from .payload import latest_figure
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


def _current(currents: Readings, session: Session, latest: float, highest_voltage: float | None) -> float | None:
    """A DC session's current in A: the upper quartile of telemetry during it, so that a spike at the start does not make
    it; else its power over the highest usual voltage, which no charge there can have exceeded by much: at least that."""
    end = latest if session.end is None else min(session.end, latest)
    flowing = np.abs(currents.between(session.start, end).values)
    flowing = flowing[flowing > 1.0]
    if len(flowing) >= 3:
        return percentile(flowing, 75)
    power = _power(session)
    return None if power is None or highest_voltage is None else 1000.0 * power / highest_voltage


def _load_shares(scene: Scene) -> tuple[list[float], list[Source]]:
    """The load of the sessions up to the fault (at most the last hundred) in percent of the charger's rating: the power of
    the rated power, or of DC chargers whose largest current is told the current of that, whichever is more. A vehicle of
    400 V draws all of the current at half of the power, and contacts wear by the current."""

    def load() -> tuple[list[float], list[Source]]:
        rated, told = _rated_power(scene), scene.about("product.max_current_a")
        limit = float(told) if scene.is_dc and isinstance(told, (int, float)) and told > 0 else None
        volts = np.abs(scene.readings("voltage").at_rows(scene.words("state").rows_where(*CHARGING_STATES)).values)
        volts = volts[volts >= 150.0]
        highest = percentile(volts, 90) if len(volts) >= 5 else None
        currents = own_currents(scene)
        shares: list[float] = []
        sources: list[Source] = []
        for session in reversed([s for s in scene.sessions() if s.start <= scene.anchor and charged(s)]):
            power = _power(session)
            found = [100.0 * power / rated] if power is not None and rated is not None else []
            current = None if limit is None else _current(currents, session, scene.anchor, highest)
            if limit is not None and current is not None:
                found.append(100.0 * current / limit)
            if found:
                shares.append(max(found))
                sources.append(session.source)
            if len(shares) == 100:
                break
        return shares[::-1], sources[::-1]

    return scene.once(("contactor-load",), load)


@measures(
    "near_rated_session_share",
    "of at least four of the last hundred sessions of the connector, the share in percent whose load reached 80 % of the "
    "charger's rated power or, of DC chargers, of its largest current",
    unit="%",
    low=0,
    high=100,
)
def near_rated_session_share(scene: Scene) -> Reading | None:
    shares, sources = _load_shares(scene)
    if len(shares) < 4:
        return None
    return Reading(100.0 * float(np.mean(np.array(shares) >= 80.0)), scene.anchor, few(sources))


@measures(
    "session_load_level",
    "median load of at least four of the last hundred sessions of the connector, in percent of the charger's rated power or, "
    "of DC chargers, of its largest current, whichever is more",
    unit="%",
    low=0,
)
def session_load_level(scene: Scene) -> Reading | None:
    shares, sources = _load_shares(scene)
    return Reading(median(shares), scene.anchor, few(sources)) if len(shares) >= 4 else None


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
    if len(_load_shares(scene)[0]) >= 4:
        return None  # a few sessions with telemetry say less of the load than the records of all
    flowing = own_currents(scene).between(scene.anchor - 90 * DAY, scene.anchor).where(lambda v: np.abs(v) > 1.0)
    if rated is None or len(flowing) < 10:
        return None
    return flowing.reading(100.0 * percentile(np.abs(flowing.values), 90) / rated)


@measures(
    "current_before_stop_level",
    "median over at least three sessions of the last current within 15 s before the end, in percent of the charger's largest "
    "current",
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
