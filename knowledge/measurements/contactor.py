"""Measurements around contactor: wear and counters, how it opens (F-0101), how it closes and who says so (F-0421)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ...engine.facts import Source
from ..firmware import in_range
from ..observations import Record, epoch
from ..readings import DAY, HOUR, MINUTE, Reading, Readings, few
from ..scene import Scene, as_number, flat, words_of
from ..sessions import Session
from .fleet import CLUSTER_WINDOW, same_code_nearby, was_observed
from .registry import measures

RATED_CYCLES = {True: 100_000.0, False: 60_000.0}
"""Service life of a contactor in cycles, DC and AC (dictionary F-0101); a charger's own figure comes first."""

SAFE_VOLTAGE = 60.0
"""Volts below which an output counts as dead (EVerest CABLECHECK_SAFE_VOLTAGE, figures.json weld_voltage)."""

WELD = "F-0101"
ENGAGE = "F-0421"
SAME_ATTEMPT = 20.0
"""Seconds within which two reports are of one attempt to start (our judgement: a retry needs a new authorisation)."""

RETRY_WITHIN = 30 * MINUTE
"""How long after a failed start another one still counts as its repetition (our judgement: the driver is still there)."""

MOST = 400
"""Events and sessions of one charger whose details are read, the newest ones (our judgement: enough for any trend)."""


# What payloads and texts hold


@dataclass(frozen=True, slots=True)
class Leaf:
    """A number or word found in details or in a text: its key's words, its unit where one is said, and its record."""

    time: float
    path: str
    value: Any
    number: float | None
    unit: str | None
    source: Source


_UNITS = {
    "ms": "ms", "msec": "ms", "millisecond": "ms", "milliseconds": "ms", "us": "us", "s": "s", "sec": "s", "secs": "s",
    "second": "s", "seconds": "s", "v": "v", "volt": "v", "volts": "v", "vdc": "v", "vac": "v", "voltage": "v",
    "mv": "mv", "a": "a", "amp": "a", "amps": "a", "ampere": "a", "amperes": "a", "ka": "ka", "current": "a",
    "u": "v", "i": "a", "pct": "pct", "percent": "pct", "%": "pct", "ratio": "ratio", "fraction": "ratio", "x": "times", "times": "times",
    "kohm": "kohm", "kohms": "kohm", "mohm": "mohm", "rh": "pct", "kω": "kohm", "mω": "mohm",
}  # fmt: skip
_SPOKEN = re.compile(
    r"([^\d]{0,60}?)([+-]?\d{1,9}(?:[.,]\d{1,6})?)\s*(ms|msec|milliseconds?|seconds?|secs?|s|volts?|vdc|vac|v|ka|amps?"
    r"|amperes?|a|%|percent|pct|kohms?|kω|mω|x|times)(?![a-z0-9])(?=([^\d(),;:.]{0,30}))",
    re.IGNORECASE,
)
"""A figure with its unit in a sentence, the words before it, and those after it up to the next sign."""


_PLAIN = re.compile(r"^\s*[<>=~≈]?\s*[+-]?\d[\d.,]*\s*\S{0,8}\s*$")
"""A text that is a figure with at most its unit, unlike `24V rail low`."""


def _unit(path: str, value: Any) -> str | None:
    if isinstance(value, str):
        said = re.match(r"^\s*[<>=~≈]?\s*[+-]?\d+(?:[.,]\d+)?\s*([a-zA-Z%ΩωÅ]+)", value)
        if said and said.group(1).lower() in _UNITS:
            return _UNITS[said.group(1).lower()]
    for word in reversed(path.split()):
        if word in _UNITS:
            return _UNITS[word]
    return "v" if _RAIL.search(path) else None


_RAIL = re.compile(r"\b(12|24|48)v\b|\bv(12|24|48)\b")


def _leaves_of(time: float, data: Any, source: Source) -> Iterator[Leaf]:
    for path, value in flat(data):
        if value is None or path.endswith("fault code"):
            continue
        number = as_number(value)
        if isinstance(value, str) and not _PLAIN.match(value):
            number = None
        yield Leaf(time, path, value, number, None if number is None else _unit(path, value), source)
        if isinstance(value, str) and (number is None or len(value) > 12) and len(value) < 2000:
            for before, figure, unit, after in _SPOKEN.findall(value):
                context = f"said {path} {words_of(before)} {unit.lower()} {words_of(after)}"
                yield Leaf(time, context, figure, as_number(figure), _UNITS.get(unit.lower()), source)


def leaves(scene: Scene) -> list[Leaf]:
    """Everything the details of the connector's events, sessions and the charger's commands hold, in time order."""

    def load() -> list[Leaf]:
        found: list[Leaf] = []
        latest = scene.anchor + HOUR
        for event in scene.events(which="own", end=latest)[-MOST:]:
            data = event.fields.get("data")
            if isinstance(data, Mapping) and data and event.time is not None:
                found.extend(_leaves_of(event.time, data, scene.source("events", event)))
        for session in scene.sessions()[-MOST:]:
            if session.details is not None and session.start <= latest and session.source.list == "charging_records":
                moment = session.start if session.end is None else session.end
                found.extend(_leaves_of(moment, session.details, session.source))
        for command in scene.records("commands", which="own")[-MOST:]:
            if command.fields.get("result") is not None and command.time is not None and command.time <= scene.anchor + DAY:
                found.extend(_leaves_of(command.time, command.fields["result"], scene.source("commands", command)))
        found.sort(key=lambda leaf: leaf.time)
        return found

    found: list[Leaf] = scene.once(("contactor-leaves",), load)
    return found


def numbers(scene: Scene, pattern: str, without: str | None = None, units: Sequence[str | None] = ()) -> list[Leaf]:
    """Numbers in details or texts whose key's words match; `units` limits them to what is said in one of these."""
    return [
        leaf
        for leaf in leaves(scene)
        if leaf.number is not None
        and (not units or leaf.unit in units)
        and re.search(pattern, leaf.path)
        and not (without and re.search(without, leaf.path))
    ]


def milliseconds(leaf: Leaf) -> float:
    """A duration in milliseconds; without a unit it is taken as such already (what contactors are specified in)."""
    return (leaf.number or 0.0) * {"s": 1000.0, "us": 0.001}.get(leaf.unit or "", 1.0)


def percent(leaf: Leaf) -> float:
    """A share in percent, whether it was written as 0.82 or as 82."""
    number = leaf.number or 0.0
    return number * 100.0 if abs(number) <= 1.5 else number


_SOUND = {"ok", "normal", "nominal", "good", "pass", "passed", "complete", "completed", "within tolerance", "within limits", "in range",
          "in spec", "within spec", "true", "yes", "present", "heard", "audible", "closed", "healthy", "stable", "fine", "done"}  # fmt: skip
_UNSOUND = {"low", "fail", "failed", "incomplete", "aborted", "skipped", "fault", "false", "no", "absent", "none", "missing", "silent",
            "not heard", "open", "weak", "sagging", "under", "undervoltage", "out of range", "out of spec", "timeout", "bypassed",
            "bad", "insufficient", "too short", "collapsed", "dropping", "not detected", "partial", "error"}  # fmt: skip


def said(scene: Scene, pattern: str, without: str | None = None) -> Reading | None:
    """What details say of one thing, the latest: sound (true) or not (false)."""
    latest: Reading | None = None
    for leaf in leaves(scene):
        if not re.search(pattern, leaf.path) or (without and re.search(without, leaf.path)):
            continue
        word = words_of(leaf.value) if isinstance(leaf.value, str) else leaf.value
        if word is True or (isinstance(word, str) and word in _SOUND):
            latest = Reading(True, leaf.time, (leaf.source,))
        elif word is False or (isinstance(word, str) and word in _UNSOUND):
            latest = Reading(False, leaf.time, (leaf.source,))
    return latest


# Rating and load


def rated_power(scene: Scene) -> float | None:
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
    power = rated_power(scene)
    if scene.is_dc is False and power is not None:
        phases = scene.about("product.phases") or (3 if power > 7.4 else 1)
        return 1000.0 * power / (230.0 * max(1.0, float(phases)))
    if scene.is_dc and power is not None:
        volts = scene.readings("voltage").at_rows(scene.words("state").rows_where("charging", "discharging"))
        usual = volts.where(lambda v: v >= 150.0).median(5)
        return None if usual is None else 1000.0 * power / float(usual.value)
    return None


def _power(session: Session) -> float | None:
    if session.max_power is not None:
        return abs(session.max_power)
    if session.avg_power is not None:
        return abs(session.avg_power)
    if session.energy is not None and session.duration is not None and session.duration >= 5 * MINUTE:
        return abs(session.energy) * HOUR / session.duration
    return None


def recent_power_shares(scene: Scene) -> tuple[list[float], list[Source]]:
    """The power of the sessions up to the fault (at most the last hundred), in percent of the charger's rated power."""

    def load() -> tuple[list[float], list[Source]]:
        rated = rated_power(scene)
        if rated is None:
            return [], []
        found = [(p, s.source) for s in scene.sessions() if s.start <= scene.anchor and (p := _power(s)) is not None and charged(s)]
        return [100.0 * p / rated for p, _ in found[-100:]], [source for _, source in found[-100:]]

    shares: tuple[list[float], list[Source]] = scene.once(("contactor-power",), load)
    return shares


@measures(
    "near_rated_session_share",
    "of at least four of the last hundred sessions of the connector, the share in percent whose power reached 80 % of the "
    "charger's rated power",
    unit="%",
    low=0,
    high=100,
)
def near_rated_session_share(scene: Scene) -> Reading | None:
    shares, sources = recent_power_shares(scene)
    if len(shares) < 4:
        return None
    return Reading(100.0 * float(np.mean(np.array(shares) >= 80.0)), scene.anchor, few(sources))


@measures(
    "session_power_level",
    "median power of at least four of the last hundred sessions of the connector, in percent of the charger's rated power",
    unit="%",
    low=0,
)
def session_power_level(scene: Scene) -> Reading | None:
    shares, sources = recent_power_shares(scene)
    return Reading(float(np.median(shares)), scene.anchor, few(sources)) if len(shares) >= 4 else None


def own_currents(scene: Scene) -> Readings:
    """The connector's current; of AC chargers that report phases only, the first phase's."""
    found = scene.readings("current")
    return found if len(found) else scene.readings("phase_details.phase_a.current")


@measures(
    "charging_current_level",
    "upper tenth (90th percentile) of at least ten currents above 1 A up to the latest occurrence, in percent of the "
    "charger's largest current; known where fewer than four sessions have a power",
    unit="%",
    low=0,
)
def charging_current_level(scene: Scene) -> Reading | None:
    rated = rated_current(scene)
    if len(recent_power_shares(scene)[0]) >= 4:
        return None  # a few sessions with telemetry say less of the load than the records of all
    flowing = own_currents(scene).between(scene.anchor - 90 * DAY, scene.anchor).where(lambda v: np.abs(v) > 1.0)
    if rated is None or len(flowing) < 10:
        return None
    return flowing.reading(100.0 * float(np.percentile(np.abs(flowing.values), 90)) / rated)


@measures(
    "current_before_stop_level",
    "median over at least three sessions of the last current within 15 s before the end, in percent of the charger's largest "
    "current",
    unit="%",
    low=0,
)
def current_before_stop_level(scene: Scene) -> Reading | None:
    rated = rated_current(scene)
    currents = own_currents(scene)
    if rated is None or not len(currents):
        return None
    levels, sources = [], []
    for end, _ in session_ends(scene):
        last = currents.between(end - 15.0, end - 0.001)
        if len(last):
            levels.append(100.0 * abs(float(last.values[-1])) / rated)
            sources.append(last.source(len(last) - 1))
    return Reading(float(np.median(levels)), scene.anchor, few(sources)) if len(levels) >= 3 else None


_HARD = re.compile(r"emergency|e stop|estop|power loss|powerloss|over ?current|trip|under load|hard|abort|fault|short circuit")


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


@measures(
    "load_cycle_share",
    "openings under load or at high current that details report, in percent of the contactor's cycles",
    unit="%",
    low=0,
)
def load_cycle_share(scene: Scene) -> Reading | None:
    told = numbers(scene, r"(high current|under load|load (break|cycle|switch)|hot (break|switch)|loaded (break|open)|full load|at rated|breaks? above|open\w* above|cycles? above).*",
                   r"\b(v|a|ms|s|kw)$|temp|limit|power (kw|w)")  # fmt: skip
    if not told or (told[-1].number or 0.0) < 0:
        return None
    leaf = told[-1]
    if leaf.unit in ("pct", "ratio") or (leaf.unit is None and 0 < (leaf.number or 0.0) <= 1.0):
        return Reading(percent(leaf), leaf.time, (leaf.source,))
    counted = cycle_counts(scene).last()
    if leaf.unit not in (None, "a") or counted is None or float(counted.value) <= 0:
        return None
    if not re.search(r"(cycles?|breaks?|count|opens?|openings?|switch\w*|operations|stops)$", leaf.path):
        return None
    return Reading(min(1000.0, 100.0 * (leaf.number or 0.0) / float(counted.value)), leaf.time, (leaf.source,))


@measures("main_contact_resistance", "resistance of the main contacts that details or texts report", unit="mΩ", low=0)
def main_contact_resistance(scene: Scene) -> Reading | None:
    told = numbers(scene, r"contact\w* resistance|resistance .*contact|contact \w*ohm", r"aux|feedback|isolation|insulation|limit|max|nominal|connector|pin")
    if not told:
        return None
    leaf = told[-1]
    scale = 0.001 if re.search(r"\b(u|micro) ?ohm", leaf.path) else 1.0 if re.search(r"m ?ohm|milli", leaf.path) or leaf.unit == "mohm" else 1000.0
    return Reading(max(0.0, (leaf.number or 0.0) * scale), leaf.time, (leaf.source,))


# Counters and age


def _life(scene: Scene, device: str | None = None) -> float | None:
    """The cycles the contactor is made for: the charger's own figure, else the dictionary's for its kind."""
    own = scene.readings("component_health.contactor_max_cycles", which="own" if device is None else "all", device=device)
    told = own.where(lambda v: v > 0).last()
    if told is not None:
        return float(told.value)
    if device is None:
        for leaf in numbers(scene, r"(max|rated|limit|life|service).*(cycles|operations)|cycles? (max|limit|rated)", r"pct|percent|remaining|used"):
            if leaf.number and leaf.number >= 1000:
                return leaf.number
        return None if scene.is_dc is None else RATED_CYCLES[scene.is_dc]
    model = str(scene.about("model", scene.devices.get(device)) or "").upper()
    kind = scene.about("product.current_type", scene.devices.get(device)) or ("DC" if "DC" in model else "AC" if "AC" in model else None)
    return None if kind is None else RATED_CYCLES[kind == "DC"]


def cycle_counts(scene: Scene) -> Readings:
    """The contactor's counter, up to ten minutes after the latest occurrence."""
    counts = scene.readings("component_health.contactor_cycles").between(0.0, scene.anchor + 10 * MINUTE)
    return counts.where(lambda v: (v >= 0) & (v <= 1e8))


_GROUPED = re.compile(r"(?<![\w-])\d{1,3}(?:[ ,.']\d{3})+(?!\d)|(?<![\w-])\d{4,7}(?!\d)")


def _told_life(scene: Scene, life: float | None) -> Reading | None:
    """Life used in percent as details or texts tell it: a share used or left, or cycles in a sentence."""
    told: Reading | None = None
    for leaf in leaves(scene):
        if leaf.path.startswith("said ") or leaf.time > scene.anchor + HOUR:
            continue
        if leaf.number is not None and re.search(r"life|wear|cycles?\b|endurance", leaf.path) and not re.search(r"current|power|load|fan", leaf.path):
            share = percent(leaf)
            if 0 <= share <= 300 and re.search(r"remaining|left", leaf.path):
                told = Reading(max(0.0, 100.0 - share), leaf.time, (leaf.source,))
            elif 0 < share <= 300 and re.search(r"used|consumed|\bwear\b|(life|lifetime|cycles?|endurance) (pct|percent|ratio)|of life", leaf.path):
                told = Reading(share, leaf.time, (leaf.source,))
        elif isinstance(leaf.value, str) and re.search(r"cycle|operation", leaf.value, re.IGNORECASE):
            figures = [float(re.sub(r"[ ,.']", "", figure)) for figure in _GROUPED.findall(leaf.value[:2000])]
            figures = [figure for figure in figures if figure >= 1000]
            if len(figures) > 1:
                told = Reading(100.0 * figures[0] / figures[1], leaf.time, (leaf.source,))
            elif figures and life:
                told = Reading(100.0 * figures[0] / life, leaf.time, (leaf.source,))
    return told


@measures(
    "contactor_life_used",
    "the contactor's cycles at the fault in percent of its rated life (the charger's own figure, else 60,000 AC or 100,000 DC): "
    "its counter, with what it had shown before it was set back without a new contactor; unknown where that is not told",
    unit="%",
    low=0,
)
def contactor_life_used(scene: Scene) -> Reading | None:
    life = _life(scene)
    counts = cycle_counts(scene)
    counted = counts.last()
    if counted is None:
        plain = [
            leaf
            for leaf in numbers(
                scene,
                r"contactor.*(cycles|operations|cycle count)|(^|details )(cycles|cycle count(er)?|operations|switching cycles|op(s|eration)? count|actuations)\b|cycle counter",
                r"max|rated|limit|life|service|pct|percent|high current|load|per day|since|discharge|said",
            )
            if (leaf.number or 0) >= 1 and leaf.unit is None
        ]
        if not plain:
            return _told_life(scene, life)
        counted = Reading(plain[-1].number or 0.0, plain[-1].time, (plain[-1].source,))
    if life is None or life <= 0:
        return None
    cycles, sources = float(counted.value), list(counted.sources)
    reset = _counter_reset(scene)
    if reset is not None and _replacement(scene, reset[0] - 30 * DAY, reset[0] + 30 * DAY) is None:
        if reset[1] is None:
            return None
        cycles, sources = cycles + reset[1], [*sources, reset[2]]
    return Reading(100.0 * cycles / life, counted.at, few(sources))


def _counter_drop(scene: Scene) -> tuple[float, float, Source] | None:
    """When the counter last fell by at least a tenth, what it showed before, and the record; commands count too."""
    counts = cycle_counts(scene)
    drop: tuple[float, float, Source] | None = None
    if len(counts) >= 2:
        places = np.flatnonzero(counts.values[1:] < 0.9 * counts.values[:-1])
        if len(places):
            place = int(places[-1])
            drop = (float(counts.times[place + 1]), float(counts.values[place]), counts.source(place + 1))
    return drop


_REPLACED = re.compile(
    r"(replac\w*|renew\w*|swap\w*|exchang\w*|new|install\w*|fitted)\W+(\w+\W+){0,4}contactor|contactor\w*\W+(\w+\W+){0,4}(replac\w*|renew\w*|swap\w*|exchang\w*|fitted)"
)
_NOT_REPLACED = re.compile(r"(not|no|without|never|only|ordered|await\w*|recommend\w*|should|to be|plan\w*|quot\w*)\W+(\w+\W+){0,4}(replac|renew|swap|exchang|new contactor)")


def _replacement(scene: Scene, start: float, end: float) -> tuple[float, Source] | None:
    """The last service visit between two moments that put a new contactor in."""
    found: tuple[float, Source] | None = None
    for visit in scene.records("service_visits"):
        work = words_of(str(visit.fields.get("work") or ""))
        if visit.time is not None and start <= visit.time <= end and _REPLACED.search(work) and not _NOT_REPLACED.search(work):
            found = (visit.time, scene.source("service_visits", visit))
    return found


@measures(
    "days_since_contactor_replaced",
    "days from the last visit before the latest occurrence whose report says that the contactor was replaced",
    unit="days",
    low=0,
)
def days_since_contactor_replaced(scene: Scene) -> Reading | None:
    found = _replacement(scene, 0.0, scene.anchor)
    return None if found is None else Reading((scene.anchor - found[0]) / DAY, scene.anchor, (found[1],))


def _counter_reset(scene: Scene) -> tuple[float, float | None, Source] | None:
    drop = _counter_drop(scene)
    if drop is not None:
        return drop
    for command in reversed(scene.records("commands")):
        done = command.fields.get("status") not in ("failed", "rejected", "queued")
        reset = done and command.fields["command"] == "reset_contactor_counter"
        if reset and command.time is not None and command.time <= scene.anchor:
            return command.time, None, scene.source("commands", command)
    for visit in reversed(scene.records("service_visits")):
        work = words_of(str(visit.fields.get("work") or ""))
        reset = bool(_RESET.search(work)) and not _NO_RESET.search(work)
        if reset and visit.time is not None and visit.time <= scene.anchor:
            return visit.time, None, scene.source("service_visits", visit)
    return None


_RESET = re.compile(r"(reset|cleared|zeroed)\W+(\w+\W+){0,4}(cycle )?counter|counter\W+(\w+\W+){0,3}(reset|cleared|zeroed)")
_NO_RESET = re.compile(r"fan|(not|without|never)\W+(\w+\W+){0,3}(reset|clear)")


@measures(
    "counter_reset_without_replacement",
    "whether the cycle counter was set back before the fault although no visit report within 30 days of that speaks of a new "
    "contactor; known where a reset shows in the counter, the commands or a visit report",
    kind="flag",
)
def counter_reset_without_replacement(scene: Scene) -> Reading | None:
    reset = _counter_reset(scene)
    if reset is None:
        return None
    replaced = _replacement(scene, reset[0] - 30 * DAY, reset[0] + 30 * DAY)
    sources = (reset[2],) if replaced is None else (reset[2], replaced[1])
    return Reading(replaced is None, reset[0], few(sources))


def _age_days(scene: Scene) -> float | None:
    used = scene.about("lifecycle.usage_duration_days")
    if isinstance(used, (int, float)):
        return float(used)
    activated = scene.metadata("lifecycle.activation_date")
    return None if activated is None else max(0.0, (scene.anchor - float(activated.value)) / DAY)


def _sessions_per_day(scene: Scene) -> tuple[float, list[Source]] | None:
    recent = [s for s in scene.sessions() if scene.anchor - 90 * DAY <= s.start <= scene.anchor]
    if len(recent) < 6 or scene.anchor - recent[0].start < 5 * DAY:
        return None
    return len(recent) * DAY / (scene.anchor - recent[0].start), [s.source for s in recent]


@measures("sessions_per_day", "sessions a day on the connector over the last 90 days; known from six over five days", unit="/day", low=0)
def sessions_per_day(scene: Scene) -> Reading | None:
    rate = _sessions_per_day(scene)
    return None if rate is None else Reading(rate[0], scene.anchor, few(rate[1]))


@measures(
    "estimated_life_used",
    "what the connector's sessions a day over the charger's age come to, in percent of the contactor's rated life; known only "
    "where no counter was reported",
    unit="%",
    low=0,
)
def estimated_life_used(scene: Scene) -> Reading | None:
    rate, age, life = _sessions_per_day(scene), _age_days(scene), _life(scene)
    if rate is None or age is None or life is None or len(cycle_counts(scene)):
        return None
    return Reading(100.0 * rate[0] * age / life, scene.anchor, few(rate[1]))


@measures(
    "contactor_cycles_per_day",
    "contactor cycles a day: the counter's rise over at least a day, else the counter over the charger's age",
    unit="/day",
    low=0,
)
def contactor_cycles_per_day(scene: Scene) -> Reading | None:
    counts = cycle_counts(scene)
    if not len(counts):
        return None
    span = float(counts.times[-1] - counts.times[0])
    rise = float(counts.values[-1] - counts.values[0])
    if span >= DAY and rise > 0:
        return counts.reading(rise * DAY / span)
    age = _age_days(scene)
    return None if age is None or age < 30 else counts.reading(float(counts.values[-1]) / age, None, [len(counts) - 1])


@measures(
    "cycles_per_session",
    "rise of the contactor's counter over at least three sessions between its first and last reading, a session",
    unit="1",
    low=0,
)
def cycles_per_session(scene: Scene) -> Reading | None:
    counts = cycle_counts(scene)
    if len(counts) < 2:
        return None
    between = [s for s in scene.sessions() if counts.times[0] <= s.start <= counts.times[-1]]
    rise = float(counts.values[-1] - counts.values[0])
    return counts.reading(rise / len(between)) if len(between) >= 3 and rise > 0 else None


@measures(
    "peers_life_used_without_code",
    "highest contactor life used, in percent, among the other chargers of the same model that did not report the code within "
    "seven days",
    unit="%",
    low=0,
)
def peers_life_used_without_code(scene: Scene) -> Reading | None:
    kind = scene.about("model")
    if kind is None:
        return None
    faulty = same_code_nearby(scene, CLUSTER_WINDOW)
    best: Reading | None = None
    for record in scene.others[:50]:
        device = record.fields["device_id"]
        if device in faulty or record.fields.get("model") != kind:
            continue
        counted = scene.readings("component_health.contactor_cycles", which="all", device=device).last()
        life = _life(scene, device)
        if counted is None or not life:
            continue
        used = 100.0 * float(counted.value) / life
        if best is None or used > float(best.value):
            best = Reading(used, counted.at, counted.sources)
    return best


# Opening: F-0101


def session_ends(scene: Scene) -> list[tuple[float, Source]]:
    """When the connector's current was to be switched off: session ends and stop events, at most the last hundred."""

    def load() -> list[tuple[float, Source]]:
        found = [(s.end, s.source) for s in scene.sessions() if s.end is not None and s.end <= scene.anchor + 5 * MINUTE]
        for event in scene.events("stop", which="own", end=scene.anchor + 5 * MINUTE):
            found.append((event.time or 0.0, scene.source("events", event)))
        if not found:
            words = scene.words("state").between(0.0, scene.anchor + 5 * MINUTE).changes()
            for place in range(1, len(words)):
                if words.values[place - 1] in ("charging", "discharging"):
                    found.append((float(words.times[place]), words.source(place)))
        ends: list[tuple[float, Source]] = []
        for end, source in sorted(found):
            if not ends or end - ends[-1][0] > 2 * MINUTE:
                ends.append((end, source))
        return ends[-100:]

    ends: list[tuple[float, Source]] = scene.once(("contactor-ends",), load)
    return ends


def _release_lags(scene: Scene) -> list[tuple[float, float, Source]]:
    """After each stop that telemetry covers: when, seconds until relay or voltage showed the contactor open, a record.

    A stop whose contactor never showed open while telemetry went on has no lag. Nor has one that no record within 30 s
    covers: then nobody looked.
    """

    def load() -> list[tuple[float, float, Source]]:
        voltages, relays = scene.readings("voltage"), scene.words("component_health.relay_state")
        found = []
        for end, _ in session_ends(scene):
            after = voltages.between(end, end + 10 * MINUTE)
            words = relays.between(end, end + 10 * MINUTE)
            if len(words) and words.times[0] <= end + 30.0 and (words.values[0] == "closed" or "open" in words.values):
                opened = [t for t, word in words if word == "open"]
                if opened:
                    found.append((end, opened[0] - end, words.source(0)))
                continue
            if len(after) and after.times[0] <= end + 30.0:
                dead = np.flatnonzero(after.values < SAFE_VOLTAGE)
                if len(dead):
                    found.append((end, float(after.times[dead[0]]) - end, after.source(int(dead[0]))))
        return found

    lags: list[tuple[float, float, Source]] = scene.once(("contactor-lags",), load)
    return lags


_RELEASE = r"(release|opening|open|\bt ?off\b|turn ?off|drop ?out|de ?energi[sz]\w*|disengage\w*|break) ?(time|lag|delay|latency|duration|took|ms|s|after|in)?"
_LIMITS = r"window|limit|max|nominal|expected|spec\b|rated|threshold|typical|baseline|normal|reference|allowed|when new|as new|since|circuit|session|timeout"


def _release_times(scene: Scene) -> list[Leaf]:
    found = numbers(scene, _RELEASE, rf"{_LIMITS}|feedback|session|door|lock|unlock|voltage|current|count|close|pre ?charge|cmd|command|check|\bno\b|\bnot\b|fail|within", ("ms", "s", "us"))
    return [leaf for leaf in found if 0 <= milliseconds(leaf) < 600_000]


@measures(
    "release_time_ratio",
    "how long the contactor took to open lately against earlier: median of the latest third of at least four reported or "
    "observed release times over that of the earliest third, or the latest over a reference that the same details name",
    unit="times",
    low=0,
)
def release_time_ratio(scene: Scene) -> Reading | None:
    told = _release_times(scene)
    if told:
        reference = numbers(scene, rf"({_RELEASE}).*({_LIMITS})|({_LIMITS}).*({_RELEASE})", r"session|feedback|lock", ("ms", "s", "us"))
        near = [leaf for leaf in reference if leaf.source == told[-1].source and milliseconds(leaf) > 0]
        if near:
            return Reading(milliseconds(told[-1]) / milliseconds(near[-1]), told[-1].time, (told[-1].source,))
        spoken = [leaf for leaf in told if not leaf.path.startswith("said ")] or told
        values, sources = [milliseconds(leaf) for leaf in spoken], [leaf.source for leaf in spoken]
        floor = 1.0
    else:
        lags = _release_lags(scene)
        values, sources = [lag for _, lag, _ in lags], [source for *_, source in lags]
        floor = 5.0  # what telemetry every five seconds can resolve
    if len(values) < 4:
        return None
    third = max(2, len(values) // 3)
    early, late = float(np.median(values[:third])), float(np.median(values[-third:]))
    return Reading(max(late, floor) / max(early, floor), scene.anchor, few([*sources[:2], *sources[-2:]]))


@measures("release_time_reported", "the latest release time of the contactor that details or texts report", unit="ms", low=0)
def release_time_reported(scene: Scene) -> Reading | None:
    told = _release_times(scene)
    return Reading(milliseconds(told[-1]), told[-1].time, (told[-1].source,)) if told else None


@measures(
    "late_release",
    "seconds from the last stop before the latest occurrence until its contactor, seen closed after the stop, showed open after all",
    unit="s",
    low=0,
)
def late_release(scene: Scene) -> Reading | None:
    for end, lag, source in reversed(_release_lags(scene)):
        if abs(end - scene.anchor) <= 10 * MINUTE:
            return Reading(lag, end, (source,)) if lag > 0 else None
    return None


@measures(
    "relay_changes_after_stop",
    "most changes of the relay state, or crossings of 60 V by the voltage, within three minutes after one stop in the 90 days "
    "before the latest occurrence",
    unit="1",
    low=0,
)
def relay_changes_after_stop(scene: Scene) -> Reading | None:
    words, volts = scene.words("component_health.relay_state"), scene.readings("voltage")
    best: Reading | None = None
    for end, source in session_ends(scene):
        if end < scene.anchor - 90 * DAY:
            continue
        window, column = words.between(end - 1.0, end + 3 * MINUTE), volts.between(end + 1.0, end + 3 * MINUTE)
        changes = max(
            len(window.changes()) - 1 if len(window) >= 4 else -1,
            int(np.count_nonzero(np.diff((column.values >= SAFE_VOLTAGE).astype(np.int8)))) if len(column) >= 4 else -1,
        )
        if changes >= 0 and (best is None or changes > float(best.value)):
            best = Reading(float(changes), end, (source,))
    return best


@measures(
    "late_release_reports",
    "days within the 90 before the latest occurrence on which texts or details say that the contactor opened late or stuck",
    unit="days",
    low=0,
)
def late_release_reports(scene: Scene) -> Reading | None:
    faults = {fault.source for fault in scene.incidence.faults}
    found = [(t, source) for t, source in _sticking(scene) if source not in faults and t >= scene.anchor - 90 * DAY]
    days = {int(t // DAY) for t, _ in found}
    return Reading(float(len(days)), scene.anchor, few([source for _, source in found])) if days else None


def _after_stop(scene: Scene, path: str) -> Readings:
    """A column from the last stop around the latest occurrence until the next session starts, at most a quarter hour."""
    column = scene.readings(path)
    ends = [end for end, _ in session_ends(scene) if end <= scene.anchor + MINUTE]
    start = ends[-1] if ends and scene.anchor - ends[-1] <= HOUR else scene.anchor
    later = [s.start for s in scene.sessions() if s.start > start + 1.0]
    return column.between(start + 1.0, min([start + 15 * MINUTE, *later]))


@measures(
    "residual_voltage",
    "median voltage at the connector in the quarter hour after the last stop before the fault",
    unit="V",
    low=0,
)
def residual_voltage(scene: Scene) -> Reading | None:
    measured = _after_stop(scene, "voltage").median(2)
    if measured is None:
        told = numbers(scene, r"(residual|remaining|output|connector|load side|post|after).*(v|voltage|volts)", r"limit|max|threshold|safe|nominal|rated", ("v",))
        return Reading(abs(told[-1].number or 0.0), told[-1].time, (told[-1].source,)) if told else None
    return Reading(abs(float(measured.value)), measured.at, measured.sources)


@measures(
    "plug_out_without_idle",
    "whether the last plug_out within an hour around the fault went without the connector turning idle within five minutes; "
    "known where telemetry or state events follow it",
    kind="flag",
)
def plug_out_without_idle(scene: Scene) -> Reading | None:
    outs = scene.events("plug_out", which="own", start=scene.anchor - HOUR, end=scene.anchor + HOUR)
    if not outs:
        return None
    moment = outs[-1].time or 0.0
    states = list(scene.words("state").between(moment, moment + 5 * MINUTE))
    for event in scene.events("state", which="own", start=moment, end=moment + 5 * MINUTE):
        data = event.fields.get("data")
        if isinstance(data, Mapping) and isinstance(data.get("to"), str):
            states.append((event.time or 0.0, data["to"].strip().lower()))
    if not states:
        return None
    return Reading(all(word not in ("idle", "available") for _, word in states), moment, (scene.source("events", outs[-1]),))


_STICKING = re.compile(
    r"stick|stuck|weld|slow(ly)? (to )?(release|open)|(release|open|drop)\w*( \w+)? (slow|late|delay)"
    r"|(late|delayed|slow|sluggish) (to )?(release|open)|(fail\w*|did not|didn t|not) (to )?(open|release)|residual voltage|hang"
)


def _late_stops(scene: Scene) -> list[tuple[float, Source]]:
    """Earlier stops after which telemetry saw the connector live for 12 s or more, where it saw other stops go dead at once."""
    voltages = scene.readings("voltage")
    late: list[tuple[float, Source]] = []
    prompt = 0
    for end, _ in session_ends(scene):
        after = voltages.between(end + 1.0, end + 2 * MINUTE)
        if len(after) < 3 or after.times[0] > end + 15.0 or end > scene.anchor - HOUR:
            continue
        live = after.values >= SAFE_VOLTAGE
        if not live[:3].any():
            prompt += 1
        elif live[:3].all() and after.times[2] - end >= 12.0:
            late.append((end, after.source(0)))
    return late if prompt else []


def _sticking(scene: Scene) -> list[tuple[float, Source]]:
    """Signs of a contactor that did not open: faults of the code and texts of alarms, stops and sessions that say so."""

    def load() -> list[tuple[float, Source]]:
        found = [(fault.time, fault.source) for fault in scene.incidence.faults]
        for leaf in leaves(scene):
            if isinstance(leaf.value, str) and not leaf.path.startswith("said ") and leaf.time <= scene.anchor:
                if _STICKING.search(words_of(leaf.value)) and not re.search(r"\b(no|not|never|without)\b.{0,20}(stick|stuck|weld)", words_of(leaf.value)):
                    found.append((leaf.time, leaf.source))
            elif leaf.value is True and _STICKING.search(leaf.path) and leaf.time <= scene.anchor:
                found.append((leaf.time, leaf.source))
        found += _late_stops(scene)
        return sorted(found)

    found: list[tuple[float, Source]] = scene.once(("contactor-sticking",), load)
    return found


@measures("sticking_span", "days from the first sign that the contactor did not open to the latest occurrence, within 180 days", unit="days", low=0)
def sticking_span(scene: Scene) -> Reading | None:
    found = [(time, source) for time, source in _sticking(scene) if scene.anchor - 180 * DAY <= time <= scene.anchor]
    if not found:
        return None
    return Reading((scene.anchor - found[0][0]) / DAY, found[0][0], few([source for _, source in found]))


@measures(
    "good_sessions_while_sticking",
    "sessions that charged on the connector between the first sign that its contactor did not open and the latest occurrence, "
    "an hour from both; known where the two are a day apart",
    unit="1",
    low=0,
)
def good_sessions_while_sticking(scene: Scene) -> Reading | None:
    signs = [time for time, _ in _sticking(scene) if scene.anchor - 180 * DAY <= time <= scene.anchor]
    if not signs or scene.anchor - signs[0] < DAY:
        return None
    between = [s for s in scene.sessions() if signs[0] + HOUR <= s.start <= scene.anchor - HOUR and charged(s)]
    return Reading(float(len(between)), scene.anchor, few([s.source for s in between] or [source for _, source in _sticking(scene)]))


@measures(
    "quiet_sessions_before_first_weld",
    "sessions that charged on the connector in the 60 days before the first occurrence, where no earlier sign says that the "
    "contactor stuck",
    unit="1",
    low=0,
)
def quiet_sessions_before_first_weld(scene: Scene) -> Reading | None:
    signs = [time for time, _ in _sticking(scene) if time < scene.first - MINUTE]
    before = [s for s in scene.sessions() if scene.first - 60 * DAY <= s.start <= scene.first and charged(s)]
    if signs or not before:
        return None
    return Reading(float(len(before)), scene.first, few([s.source for s in before]))


@measures("days_since_failed_close", "days from the last F-0421 of the same charger to the latest occurrence", unit="days", low=0)
def days_since_failed_close(scene: Scene) -> Reading | None:
    return _days_since(scene, ENGAGE)


@measures("days_since_weld", "days from the last F-0101 of the same charger to the latest occurrence", unit="days", low=0)
def days_since_weld(scene: Scene) -> Reading | None:
    return _days_since(scene, WELD)


def _days_since(scene: Scene, code: str) -> Reading | None:
    earlier = [
        fault
        for fault in scene.faults(code, device=scene.device_id)
        if fault.time <= scene.anchor and (fault.connector_id is None or scene.connector_id in (None, fault.connector_id))
    ]
    if not earlier or scene.incidence.code == code:
        return None
    return Reading((scene.anchor - earlier[-1].time) / DAY, earlier[-1].time, (earlier[-1].source,))


# Inrush: F-0101


def _session_starts_before(scene: Scene) -> list[float]:
    """Starts of the sessions of the day before the first occurrence, the last one first."""
    starts = [s.start for s in scene.sessions() if scene.first - DAY <= s.start <= scene.anchor]
    starts += [e.time or 0.0 for e in scene.events("start", which="own", start=scene.first - DAY, end=scene.anchor)]
    return sorted(set(starts), reverse=True)


def _currents(scene: Scene) -> list[Readings]:
    paths = ("current", "phase_details.phase_a.current", "phase_details.phase_b.current", "phase_details.phase_c.current", "dc_bus_current")
    return [found for path in paths if len(found := scene.readings(path))]


@measures(
    "start_current_peak",
    "highest current within two minutes from a session's start in the day before the first occurrence, in percent of the "
    "charger's largest current",
    unit="%",
    low=0,
)
def start_current_peak(scene: Scene) -> Reading | None:
    rated = rated_current(scene)
    if rated is None:
        return None
    best: Reading | None = None
    starts = _session_starts_before(scene)[:20]
    for column in _currents(scene):
        for start in starts:
            window = column.between(start - 10.0, start + 2 * MINUTE)
            if len(window):
                place = int(np.argmax(np.abs(window.values)))
                level = 100.0 * abs(float(window.values[place])) / rated
                if best is None or level > float(best.value):
                    best = window.reading(level, float(window.times[place]), [place])
    return best


@measures(
    "current_spike",
    "highest current in the day up to the first occurrence over the 95th percentile of at least ten currents above 1 A, "
    "itself and its neighbours in time left out",
    unit="times",
    low=0,
)
def current_spike(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for column in _currents(scene):
        window = column.between(scene.first - DAY, scene.anchor + MINUTE)
        if not len(window):
            continue
        place = int(np.argmax(np.abs(window.values)))
        moment = float(window.times[place])
        flowing = column.between(scene.anchor - 60 * DAY, scene.anchor + MINUTE)
        rest = np.abs(flowing.values[(np.abs(flowing.times - moment) > 20.0) & (np.abs(flowing.values) > 1.0)])
        if len(rest) < 10:
            continue
        ratio = abs(float(window.values[place])) / max(1.0, float(np.percentile(rest, 95)))
        if best is None or ratio > float(best.value):
            best = window.reading(ratio, moment, [place])
    return best


_PEAK = r"inrush|\bin rush\b|peak|\bi ?pk\b|\bpk\b|surge|ma(ke|king) current|spike|\bi ?max\b|max current|transient|clos(e|ing) (current|i\b)|i close|current at close"
_NO_PEAK = r"voltage|power|energy|temp|cycles|count|duration|\btime\b|\bms$|\bs$|\bv$|\bkw$|limit|rated|rating|spec|allowed|threshold"


def _peaks(scene: Scene) -> list[tuple[float, float, Source]]:
    """Peak currents in A that details or texts report: when, how much, where."""
    found = numbers(scene, _PEAK, _NO_PEAK, ("a", "ka", None))
    return [
        (leaf.time, (leaf.number or 0.0) * (1000.0 if leaf.unit == "ka" else 1.0), leaf.source)
        for leaf in found
        if (leaf.number or 0.0) > 0 and leaf.time <= scene.anchor + HOUR
    ]


@measures(
    "inrush_against_usual",
    "highest peak current reported within two days before the first occurrence up to the latest one, over the median of at least "
    "three other reported peaks",
    unit="times",
    low=0,
)
def inrush_against_usual(scene: Scene) -> Reading | None:
    peaks = _peaks(scene)
    recent = [peak for peak in peaks if peak[0] >= scene.first - 2 * DAY]
    if not recent:
        return None
    top = max(recent, key=lambda peak: peak[1])
    rest = [amps for time, amps, source in peaks if (time, amps, source) != top]
    if len(rest) < 3 or np.median(rest) <= 0:
        return None
    return Reading(top[1] / float(np.median(rest)), top[0], (top[2],))


@measures("inrush_ok", "what details say of the inrush or peak current: whether it was sound", kind="flag")
def inrush_ok(scene: Scene) -> Reading | None:
    return said(scene, r"inrush|in rush|peak current|make current", r"fault|error|fail|exceed|alarm|trip|high|warning|event|detected")


@measures(
    "inrush_level",
    "inrush or peak current that details or texts report, in percent of the contactor's rating they name, else of the charger's "
    "largest current",
    unit="%",
    low=0,
)
def inrush_level(scene: Scene) -> Reading | None:
    limits = r"limit|max allowed|rated|rating|spec|allowed|threshold|capacity|withstand|nominal|permitted"
    direct = numbers(scene, r"(inrush|peak|surge|make current).*(pct|percent|ratio|times|multiple|factor)", r"power|voltage", ("pct", "ratio", "times", None))
    if direct:
        leaf = direct[-1]
        value = (leaf.number or 0.0) * (1.0 if leaf.unit == "pct" and (leaf.number or 0.0) > 20.0 else 100.0)
        return Reading(value, leaf.time, (leaf.source,))
    peaks = numbers(scene, _PEAK, rf"{limits}|voltage|power|energy|temp|cycles", ("a", "ka", None))
    peaks = [leaf for leaf in peaks if (leaf.number or 0.0) > 0 and leaf.time <= scene.anchor + HOUR and not re.search(r"\b(count|duration|time)\b", leaf.path)]
    if not peaks:
        return None
    top = max(peaks, key=lambda leaf: (leaf.number or 0.0) * (1000.0 if leaf.unit == "ka" else 1.0))
    amps = (top.number or 0.0) * (1000.0 if top.unit == "ka" else 1.0)
    named = [leaf for leaf in numbers(scene, limits, r"voltage|power|cycles|life|time|temp", ("a", "ka")) if leaf.source == top.source and (leaf.number or 0.0) > 0]
    scale = (named[-1].number or 1.0) * (1000.0 if named[-1].unit == "ka" else 1.0) if named else rated_current(scene)
    return None if scale is None or scale <= 0 else Reading(100.0 * amps / scale, top.time, (top.source,))


_PRECHARGE = r"pre ?charg"


@measures(
    "precharge_level",
    "how far the output was pre-charged when the contactor closed, in percent, as details or texts report; the lowest of the day "
    "before the first occurrence and since",
    unit="%",
    low=0,
)
def precharge_level(scene: Scene) -> Reading | None:
    shares = numbers(
        scene,
        _PRECHARGE,
        r"time|\bms\b|limit|min|required|threshold|target|nominal|resistor|\ba\b|current",
        ("pct", "ratio"),
    )
    if shares:
        recent = [leaf for leaf in shares if scene.first - DAY <= leaf.time <= scene.anchor + HOUR] or shares[-1:]
        lowest = min(recent, key=percent)
        return Reading(percent(lowest), lowest.time, (lowest.source,))
    volts = numbers(scene, _PRECHARGE, r"time|limit|threshold|target|nominal|resistor|gap|diff|delta|required|set ?point|battery|bus|vehicle", ("v",))
    if not volts:
        return None
    goal = [
        leaf for leaf in numbers(scene, r"target|battery|vehicle|set ?point|required|dc bus|ev voltage|requested", None, ("v",))
        if leaf.source == volts[-1].source and (leaf.number or 0.0) > 0
    ]  # fmt: skip
    return Reading(100.0 * (volts[-1].number or 0.0) / (goal[-1].number or 1.0), volts[-1].time, (volts[-1].source,)) if goal else None


@measures(
    "voltage_gap_at_close",
    "voltage difference across the contactor at the moment it closed, as details or texts report",
    unit="V",
    low=0,
)
def voltage_gap_at_close(scene: Scene) -> Reading | None:
    found = numbers(scene, r"\b(dv|du)\b|(delta|gap|diff\w*|across|mismatch).*(v|voltage|volts)|(voltage|v) (delta|gap|diff\w*|mismatch)", r"limit|max|allowed|threshold|coil|phase", ("v", None))
    return Reading(abs(found[-1].number or 0.0), found[-1].time, (found[-1].source,)) if found else None


@measures("precharge_ok", "what details say of the pre-charge: whether it was sound", kind="flag")
def precharge_ok(scene: Scene) -> Reading | None:
    return said(scene, _PRECHARGE, r"fault|error|fail|skip|bypass|abort|incomplete")


@measures(
    "grid_disturbance_lead",
    "minutes from the last voltage excursion or outage of the site or its grid area to the first occurrence, within a day",
    unit="min",
    low=0,
)
def grid_disturbance_lead(scene: Scene) -> Reading | None:
    best: Reading | None = None
    table = scene.observations["grid"]
    for record in table.records:
        fields = record.fields
        here = (scene.site_id is not None and fields.get("site_id") == scene.site_id) or (scene.area is not None and fields.get("area") == scene.area)
        if not here or fields.get("kind") == "frequency_excursion" or record.time is None:
            continue
        if scene.first - DAY <= record.time <= scene.first + 5.0:
            best = Reading(max(0.0, (scene.first - record.time) / MINUTE), record.time, (table.source_of(record),))
    return best


@measures(
    "connectors_with_code_at_once",
    "other connectors of the charger or the site's other chargers that reported the code within ten minutes of the first occurrence",
    unit="1",
    low=0,
)
def connectors_with_code_at_once(scene: Scene) -> Reading | None:
    near = {r.fields["device_id"] for r in scene.neighbours} | {scene.device_id}
    if not scene.neighbours and len(scene.connectors()) < 2:
        return None
    hits = [
        fault
        for fault in scene.faults("own")
        if fault.device_id in near
        and abs(fault.time - scene.first) <= 10 * MINUTE
        and (fault.device_id, fault.connector_id) != (scene.device_id, scene.connector_id)
    ]
    places = {(fault.device_id, fault.connector_id) for fault in hits}
    return Reading(float(len(places)), scene.first, few([f.source for f in hits] or [f.source for f in scene.incidence.faults]))


def _vins_at_faults(scene: Scene) -> dict[str, Source]:
    """The vehicles at the connector when the faults happened, by their identification number."""

    def load() -> dict[str, Source]:
        found: dict[str, Source] = {}
        for time in scene.times:
            for session in scene.sessions():
                begun = time - 12 * HOUR <= session.start <= time + 5 * MINUTE
                if session.vin and begun and (session.end is None or session.end >= time - 5 * MINUTE):
                    found.setdefault(session.vin, session.source)
        for fault in scene.incidence.faults:
            for path, value in flat(fault.record.fields.get("data")):
                if path.split()[-1:] == ["vin"] and isinstance(value, str) and value:
                    found.setdefault(value, fault.source)
        for event in scene.events("plug_in", "start", "auth_ok", which="own"):
            if event.time is not None and any(0 <= time - event.time <= 5 * MINUTE for time in scene.times):
                for path, value in flat(event.fields.get("data")):
                    if path.split()[-1:] == ["vin"] and isinstance(value, str) and value:
                        found.setdefault(value, scene.source("events", event))
        return found

    found: dict[str, Source] = scene.once(("contactor-vins",), load)
    return found


@measures(
    "vehicle_with_code_elsewhere",
    "other chargers in the bundle that reported the code with a vehicle that was here at a fault; known where that vehicle was "
    "at another charger at all",
    unit="1",
    low=0,
)
def vehicle_with_code_elsewhere(scene: Scene) -> Reading | None:
    vins = _vins_at_faults(scene)
    if not vins:
        return None
    visited, hit, sources = set(), set(), list(vins.values())
    for record in scene.others[:200]:
        device = record.fields["device_id"]
        faults = scene.faults("own", device=device)
        for session in scene.sessions(device=device, which="all"):
            if session.vin in vins:
                visited.add(device)
                if any(session.start - 5 * MINUTE <= f.time <= (session.end or session.start) + 5 * MINUTE for f in faults):
                    hit.add(device)
                    sources.append(session.source)
    return Reading(float(len(hit)), scene.anchor, few(sources)) if visited else None


@measures("vehicles_at_faults", "different vehicles that were at the connector when the faults happened", unit="1", low=0)
def vehicles_at_faults(scene: Scene) -> Reading | None:
    vins = _vins_at_faults(scene)
    return Reading(float(len(vins)), scene.anchor, few(list(vins.values()))) if vins else None


@measures("seconds_from_start_to_fault", "seconds from the start of the session at the first occurrence to it", unit="s", low=0)
def seconds_from_start_to_fault(scene: Scene) -> Reading | None:
    starts = [s for s in scene.sessions() if scene.first - DAY <= s.start <= scene.first and (s.end is None or s.end >= scene.first - 5 * MINUTE)]
    if not starts:
        return None
    return Reading(scene.first - starts[-1].start, scene.first, (starts[-1].source,))


@measures(
    "isolation_resistance",
    "the latest isolation test in telemetry or details within 30 days up to an hour after the latest occurrence",
    unit="kΩ",
    low=0,
)
def isolation_resistance(scene: Scene) -> Reading | None:
    measured = scene.readings("component_health.isolation_test_kohms").between(scene.anchor - 30 * DAY, scene.anchor + HOUR).last()
    if measured is not None:
        return measured
    told = numbers(scene, r"isolation|insulation", r"limit|threshold|min|required", ("kohm", "mohm"))
    if not told:
        return None
    return Reading((told[-1].number or 0.0) * (1000.0 if told[-1].unit == "mohm" else 1.0), told[-1].time, (told[-1].source,))


@measures(
    "isolation_decline",
    "median of the last third of at least six isolation tests before the first occurrence over that of the first third, over a week or more",
    unit="times",
    low=0,
)
def isolation_decline(scene: Scene) -> Reading | None:
    tests = scene.readings("component_health.isolation_test_kohms").between(scene.first - 180 * DAY, scene.first).where(lambda v: v > 0)
    if len(tests) < 6 or tests.times[-1] - tests.times[0] < 7 * DAY:
        return None
    third = len(tests) // 3
    early, late = float(np.median(tests.values[:third])), float(np.median(tests.values[-third:]))
    return tests.reading(late / early) if early > 0 else None


def _contact_temperatures(scene: Scene) -> Readings:
    for path in (("component_health.internal_temps.dc_outlet"), ("component_health.internal_temps.ac_inlet"), "temperature"):
        found = scene.readings(path).between(scene.first - 180 * DAY, scene.anchor + MINUTE)
        if len(found) >= 4:
            return found
    return scene.readings("component_health.internal_temps.dc_outlet")


@measures("contact_temperature", "highest temperature at the power outlet (or AC inlet) in the day up to the latest occurrence", unit="°C", low=-60, high=1000)
def contact_temperature(scene: Scene) -> Reading | None:
    for path in ("component_health.internal_temps.dc_outlet", "component_health.internal_temps.ac_inlet"):
        found = scene.near(scene.readings(path), DAY, MINUTE).max()
        if found is not None and -60 <= float(found.value) <= 1000:
            return found
    return None


@measures(
    "contact_temperature_rise",
    "how much hotter outlet, inlet or connector ran under load in the last third of the records before the first occurrence than "
    "in the first third, over three days or more, at currents that differ by less than a fifth",
    unit="K",
)
def contact_temperature_rise(scene: Scene) -> Reading | None:
    temperatures = _contact_temperatures(scene)
    currents = own_currents(scene)
    if len(temperatures) < 9 or not len(currents) or temperatures.times[-1] - temperatures.times[0] < 3 * DAY:
        return None
    heat, load = temperatures.alongside(currents)
    flowing = np.abs(load) > 5.0
    heat, load = heat[flowing], np.abs(load[flowing])
    third = len(heat) // 3
    if third < 3:
        return None
    early, late = float(np.median(load[:third])), float(np.median(load[-third:]))
    if abs(late - early) > 0.2 * max(early, late):
        return None
    return temperatures.reading(float(np.median(heat[-third:]) - np.median(heat[:third])))


@measures(
    "batch_peers_with_code",
    "other chargers of the same manufacturing batch that reported the code within 90 days; known where the bundle holds others of it",
    unit="1",
    low=0,
)
def batch_peers_with_code(scene: Scene) -> Reading | None:
    batch = scene.about("lifecycle.manufacturing_batch")
    if not batch:
        return None
    peers = [r for r in scene.others if scene.about("lifecycle.manufacturing_batch", r) == batch]
    if not peers:
        return None
    hit = [r for r in peers if any(abs(f.time - scene.anchor) <= 90 * DAY for f in scene.faults("own", device=r.fields["device_id"]))]
    return Reading(float(len(hit)), scene.anchor, scene.sources("devices", hit or peers))


# Closing: F-0421


def charged(session: Session) -> bool:
    """Whether energy flowed in a session, as far as its record says."""
    if session.energy is not None:
        return abs(session.energy) >= 0.1
    if session.max_power is not None:
        return abs(session.max_power) >= 0.5
    return session.duration is not None and session.duration >= 3 * MINUTE


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to start on a connector: when, whether power flowed, a record that says so."""

    time: float
    good: bool
    source: Source


def _attempts(scene: Scene, connectors: str = "own") -> list[Attempt]:
    """Attempts to start in time order: faults of the code are failed ones; sessions and charging states good ones."""

    def load() -> list[Attempt]:
        mine = connectors == "own"
        faults = [
            (f.time, f.source)
            for f in scene.faults("own", device=scene.device_id)
            if (f.connector_id == scene.connector_id or f.connector_id is None or scene.connector_id is None) == mine
        ]
        failed: list[tuple[float, Source]] = []
        for time, source in faults:
            if not failed or time - failed[-1][0] > SAME_ATTEMPT:
                failed.append((time, source))
        moments = np.array([time for time, _ in failed], dtype=np.float64)
        which: Any = "own" if mine else "others"
        good: list[tuple[float, Source]] = []

        def faulty(start: float, seconds: float) -> bool:
            return bool(len(moments)) and bool(((moments >= start - 5.0) & (moments <= start + seconds)).any())

        for session in scene.sessions(which=which):
            if charged(session) and not faulty(session.start, 45.0):
                good.append((session.start, session.source))
        known = np.array([time for time, _ in good], dtype=np.float64)
        others: list[tuple[float, Source]] = []
        if scene.connector_id is not None or mine:
            states = scene.words("state", which=which).changes()
            others += [(float(t), states.source(i)) for i, (t, word) in enumerate(states) if word in ("charging", "discharging")]
        for event in scene.events("state", which=which):
            data = event.fields.get("data")
            if isinstance(data, Mapping) and str(data.get("to")).strip().lower() in ("charging", "discharging"):
                others.append((event.time or 0.0, scene.source("events", event)))
        for time, source in sorted(others):
            covered = bool(len(known)) and bool((np.abs(known - time) < 10 * MINUTE).any())
            inside = any(s.start <= time <= (s.end or s.start) for s in scene.sessions(which=which)) if not covered else True
            if not covered and not inside and not faulty(time - 10.0, 60.0):
                good.append((time, source))
        found = [Attempt(t, False, s) for t, s in failed] + [Attempt(t, True, s) for t, s in good]
        return sorted(found, key=lambda attempt: (attempt.time, attempt.good))

    found: list[Attempt] = scene.once(("contactor-attempts", connectors), load)
    return found


@measures(
    "failed_start_share",
    "of at least three attempts to start on the connector from the first occurrence on, the share in percent that failed with the code",
    unit="%",
    low=0,
    high=100,
)
def failed_start_share(scene: Scene) -> Reading | None:
    since = [a for a in _attempts(scene) if a.time >= scene.first - 1.0]
    if len(since) < 3:
        return None
    failed = [a for a in since if not a.good]
    return Reading(100.0 * len(failed) / len(since), scene.anchor, few([a.source for a in since]))


@measures("good_starts_between_failures", "successful starts on the connector between its first and its latest failed one", unit="1", low=0)
def good_starts_between_failures(scene: Scene) -> Reading | None:
    if len(scene.times) < 2:
        return None
    between = [a for a in _attempts(scene) if a.good and scene.first < a.time < scene.anchor]
    if not between and not any(a.good for a in _attempts(scene)):
        return None
    return Reading(float(len(between)), scene.anchor, few([a.source for a in between] or [f.source for f in scene.incidence.faults]))


@measures("failures_in_a_row", "failed starts on the connector up to the latest one without a successful one between", unit="1", low=0)
def failures_in_a_row(scene: Scene) -> Reading | None:
    told = numbers(scene, r"(consecutive|in a row|successive).*(fail|attempt|retr|fault)?", r"good|success|ok|limit|max")
    row: list[Attempt] = []
    for attempt in _attempts(scene):
        row = [] if attempt.good else [*row, attempt]
    tries = numbers(scene, r"(attempts?|tries|retries|starts)( count)?$", r"success|good|max|limit|auth")
    wins = numbers(scene, r"success\w*( count)?$", r"rate|share|pct|last")
    if tries and wins and wins[-1].number == 0 and (tries[-1].number or 0.0) > len(row):
        told = [*told, tries[-1]]
    if told and (told[-1].number or 0.0) > len(row):
        return Reading(told[-1].number or 0.0, told[-1].time, (told[-1].source,))
    return Reading(float(len(row)), scene.anchor, few([a.source for a in row])) if row else None


_RETRY = r"(retry|second (start|attempt)|restart) ?(result|outcome|success|ok|succeeded|attempt)?$"


@measures(
    "retry_success_share",
    "of the failed starts that were tried again within half an hour, the share in percent whose next attempt charged",
    unit="%",
    low=0,
    high=100,
)
def retry_success_share(scene: Scene) -> Reading | None:
    attempts = _attempts(scene)
    outcomes = [
        (later.good, later.source)
        for earlier, later in pairwise(attempts)
        if not earlier.good and later.time - earlier.time <= RETRY_WITHIN
    ]
    if not outcomes:
        told = said(scene, _RETRY)
        return None if told is None else Reading(100.0 if told.value else 0.0, told.at, told.sources)
    return Reading(100.0 * sum(good for good, _ in outcomes) / len(outcomes), scene.anchor, few([s for _, s in outcomes]))


@measures("retries_seen", "failed starts that were tried again within half an hour", unit="1", low=0)
def retries_seen(scene: Scene) -> Reading | None:
    attempts = _attempts(scene)
    if said(scene, _RETRY) is not None and len(attempts) < 2:
        return Reading(1.0, scene.anchor, few([a.source for a in attempts]))
    retried = [b.source for a, b in pairwise(attempts) if not a.good and b.time - a.time <= RETRY_WITHIN]
    return Reading(float(len(retried)), scene.anchor, few(retried)) if retried else None


@measures("good_starts_before_first_failure", "successful starts on the connector in the 30 days before the first occurrence", unit="1", low=0)
def good_starts_before_first_failure(scene: Scene) -> Reading | None:
    before = [a for a in _attempts(scene) if a.good and scene.first - 30 * DAY <= a.time < scene.first]
    return Reading(float(len(before)), scene.first, few([a.source for a in before])) if before else None


@measures("failure_span", "days from the first to the latest failed start of the incident", unit="days", low=0)
def failure_span(scene: Scene) -> Reading | None:
    faults = scene.incidence.faults
    return Reading((scene.anchor - scene.first) / DAY, scene.anchor, few([f.source for f in faults])) if len(faults) > 1 else None


@measures(
    "failure_gap_trend",
    "mean time between failed starts in the later half of at least four over four days or more, over that in the earlier half",
    unit="times",
    low=0,
)
def failure_gap_trend(scene: Scene) -> Reading | None:
    failed = [a for a in _attempts(scene) if not a.good]
    if len(failed) < 4 or failed[-1].time - failed[0].time < 4 * DAY:
        return None
    gaps = np.diff(np.array([a.time for a in failed]))
    half = max(1, len(gaps) // 2)
    early, late = float(np.mean(gaps[:half])), float(np.mean(gaps[-half:]))
    return Reading(late / early, scene.anchor, few([a.source for a in failed])) if early > 0 else None


def _around_faults(scene: Scene, before: float, after: float) -> Iterator[tuple[float, float]]:
    for time in scene.times[-20:]:
        yield time - before, time + after


@measures(
    "failed_start_voltage",
    "highest voltage at the connector from half a minute before to a quarter minute after a failed start, above what it showed "
    "while idle; or what details report of the output side",
    unit="V",
    low=0,
)
def failed_start_voltage(scene: Scene) -> Reading | None:
    told = numbers(scene, r"(output|connector|load|outlet|downstream|vehicle side|contactor side|terminal|measured).*(v|voltage|volts)$",
                   r"limit|threshold|nominal|rated|coil|supply|min|driver|set ?point|target|requested|pre ?charge", ("v",))  # fmt: skip
    told += [leaf for leaf in numbers(scene, r"\b(v|u|voltage|hv|vdc)\b.*\b(out|outlet|output|load|connector|terminals?)$",
                                      r"limit|threshold|nominal|rated|coil|supply|driver|target|requested|pre ?charge") if leaf not in told]  # fmt: skip
    told = [leaf for leaf in told if any(low <= leaf.time <= high for low, high in _around_faults(scene, MINUTE, MINUTE))]
    if told:
        top = max(told, key=lambda leaf: abs(leaf.number or 0.0))
        return Reading(abs(top.number or 0.0), top.time, (top.source,))
    best: Reading | None = None
    for path in ("voltage", "phase_details.phase_a.voltage"):
        column = scene.readings(path)
        if not len(column):
            continue
        states = scene.words("state")
        idle = column.at_rows(states.rows_where("idle", "unavailable"))
        calm = np.concatenate([idle.values, column.at_rows(states.rows_where("preparing")).values]) if len(idle) else idle.values
        base = float(np.median(np.abs(idle.values))) if len(idle) else 0.0
        if not len(idle) and scene.is_dc is not True:
            continue
        moving = states.rows_where("charging", "discharging")
        for low, high in _around_faults(scene, 30.0, 15.0):
            window = column.between(low, high)
            if not len(window):
                continue
            window = window._pick(~np.isin(window.rows, moving)) if len(moving) else window
            if not len(window):
                continue
            place = int(np.argmax(np.abs(window.values)))
            value = max(0.0, abs(float(window.values[place])) - base)
            if best is None or value > float(best.value):
                best = window.reading(value, float(window.times[place]), [place])
        if best is not None or len(calm):
            break
    return best


@measures(
    "failed_start_current",
    "highest current at the connector from ten seconds before to a quarter minute after a failed start",
    unit="A",
    low=0,
)
def failed_start_current(scene: Scene) -> Reading | None:
    best: Reading | None = None
    column = own_currents(scene)
    for low, high in _around_faults(scene, 10.0, 15.0):
        window = column.between(low, high)
        if len(window):
            place = int(np.argmax(np.abs(window.values)))
            if best is None or abs(float(window.values[place])) > float(best.value):
                best = window.reading(abs(float(window.values[place])), float(window.times[place]), [place])
    told = numbers(
        scene,
        r"(output|contactor|load|connector|outlet|main) (current|i|a)\b|(current|\bi\b).*(after|during|through|out|load)",
        r"coil|limit|rated|max|inrush|peak|nominal|driver|threshold|supply",
        ("a",),
    )
    told = [leaf for leaf in told if any(low <= leaf.time <= high for low, high in _around_faults(scene, MINUTE, MINUTE))]
    for leaf in told:
        if best is None or abs(leaf.number or 0.0) > float(best.value):
            best = Reading(abs(leaf.number or 0.0), leaf.time, (leaf.source,))
    return best


@measures(
    "relay_at_failed_start",
    "the relay states that telemetry shows from 20 s before to 20 s after a failed start",
    kind="text",
    choices=("closed", "open", "fault"),
    many=True,
)
def relay_at_failed_start(scene: Scene) -> Iterable[Reading]:
    words = scene.words("component_health.relay_state")
    found: dict[str, Reading] = {}
    for low, high in _around_faults(scene, 20.0, 20.0):
        window = words.between(low, high)
        for place, (time, word) in enumerate(window):
            if word in ("closed", "open", "fault"):
                found[word] = Reading(word, time, (window.source(place),), key=word)
    return [found[word] for word in sorted(found)]


@measures("relay_changes_at_failed_start", "most changes of the relay state within two minutes around one failed start", unit="1", low=0)
def relay_changes_at_failed_start(scene: Scene) -> Reading | None:
    words = scene.words("component_health.relay_state")
    best: Reading | None = None
    for low, high in _around_faults(scene, 90.0, 30.0):
        window = words.between(low, high)
        if len(window) >= 3:
            changes = len(window.changes()) - 1
            if best is None or changes > float(best.value):
                best = Reading(float(changes), float(window.times[-1]), few([window.source(0), window.source(len(window) - 1)]))
    told = numbers(scene, r"chatter|flutter|bounce|toggles?|transitions|dropouts?|pulses|edges?\b", r"\bms\b|\bs\b|time|duration|limit|max")
    if told and (best is None or (told[-1].number or 0.0) > float(best.value)) and told[-1].unit is None:
        return Reading(max(0.0, told[-1].number or 0.0), told[-1].time, (told[-1].source,))
    return best


@measures(
    "output_changes_at_failed_start",
    "how often the connector's voltage crossed 60 V within 90 s before to 30 s after one failed start, at most",
    unit="1",
    low=0,
)
def output_changes_at_failed_start(scene: Scene) -> Reading | None:
    column = scene.readings("voltage")
    best: Reading | None = None
    for low, high in _around_faults(scene, 90.0, 30.0):
        window = column.between(low, high)
        if len(window) >= 4:
            changes = int(np.count_nonzero(np.diff((np.abs(window.values) >= SAFE_VOLTAGE).astype(np.int8))))
            if best is None or changes > float(best.value):
                best = window.reading(float(changes), float(window.times[-1]), [0, len(window) - 1])
    return best


_ANSWER = r"feedback|\bfb\b|pick ?up|aux|confirm\w*|acknowledg\w*|\back\b|engage\w*|pull ?in|close|closing|closed|response|signal|contactor"
_WINDOW = r"window|\bwin\b|(raised|fault|evaluated|checked|sampled) at|cut ?off|timeout|time ?out|limit|deadline|budget|allowed|expected|threshold|max\b|configured|permitted|nominal"
_OVERRUN = r"overrun|\blate\b|too late|after (the )?(window|timeout|deadline)|beyond|past|exceed\w*|lateness|\bover\b|outside|margin"
_OTHER_TIMES = r"heartbeat|session|release|opening|boot|uptime|ping|handshake|reconnect|retry|idle|auth|since|plug|lock|pre ?charge"


_TIMED = re.compile(r"(feedback|\bfb\b|aux|contactor|close|closing|confirm\w*).*(window|timeout|delay|latency|lag|time)$")
_DENIES = r"\bno\b|\bnot\b|without|missing|never|within|timed out"


def _durations(scene: Scene, pattern: str, without: str) -> list[Leaf]:
    """Numbers that are durations, by their unit or by what their key is called."""
    found = numbers(scene, pattern, without, ("ms", "s", "us", None))
    return [
        leaf for leaf in found if (leaf.unit is not None or _TIMED.search(leaf.path)) and 0 < milliseconds(leaf) < 120_000
    ]


def _latencies(scene: Scene) -> list[Leaf]:
    return _durations(scene, _ANSWER, rf"{_WINDOW}|{_OVERRUN}|{_OTHER_TIMES}|{_DENIES}")


def _windows(scene: Scene) -> list[Leaf]:
    return _durations(scene, rf"{_WINDOW}|within", rf"{_OVERRUN}|{_OTHER_TIMES}")


@measures(
    "feedback_latency_ratio",
    "when the contactor's feedback came, in percent of the window it was allowed, median of the reports that give both",
    unit="%",
    low=0,
)
def feedback_latency_ratio(scene: Scene) -> Reading | None:
    allowed = {leaf.source: milliseconds(leaf) for leaf in _windows(scene)}
    usual = float(np.median(list(allowed.values()))) if allowed else None
    faults = {fault.source for fault in scene.incidence.faults}
    told = [leaf for leaf in _latencies(scene) if leaf.source in faults or leaf.source in allowed]
    pairs = [(100.0 * milliseconds(leaf) / window, leaf.source) for leaf in told if (window := allowed.get(leaf.source, usual))]
    return Reading(float(np.median([ratio for ratio, _ in pairs])), scene.anchor, few([s for _, s in pairs])) if pairs else None


@measures("feedback_overrun", "by how much the contactor's feedback came too late, as details or texts say, median", unit="ms", low=0)
def feedback_overrun(scene: Scene) -> Reading | None:
    found = [leaf for leaf in numbers(scene, _OVERRUN, rf"{_OTHER_TIMES}|{_DENIES}", ("ms", "s", "us")) if re.search(rf"{_ANSWER}|window|late|overrun|margin", leaf.path)]
    return Reading(float(np.median([abs(milliseconds(leaf)) for leaf in found])), scene.anchor, few([leaf.source for leaf in found])) if found else None


@measures(
    "feedback_latency_growth",
    "latest third of at least four reported feedback or closing times over the earliest third, over a day or more (medians)",
    unit="times",
    low=0,
)
def feedback_latency_growth(scene: Scene) -> Reading | None:
    found = _latencies(scene)
    if len(found) < 4 or found[-1].time - found[0].time < DAY:
        return None
    third = max(1, len(found) // 3)
    early = float(np.median([milliseconds(leaf) for leaf in found[:third]]))
    late = float(np.median([milliseconds(leaf) for leaf in found[-third:]]))
    return Reading(late / early, scene.anchor, few([leaf.source for leaf in found])) if early > 0 else None


_COIL = (
    r"coil|driver|solenoid|actuator|control (supply|voltage|power)|aux\w* (supply|power|psu|rail|voltage)"
    r"|\b(12|24|48) ?v\b|\bv(12|24|48)\b|psu|rail|contactor (supply|voltage)|supply|pick ?up (v|voltage|volts)|hold(ing)? (v|voltage|volts)"
)
_NO_COIL = (
    r"mains|grid|input|line|phase|\bbus\b|(?<!psu )(?<!supply )output|connector|limit|threshold|allowed|idle|standby|at rest"
    r"|before|open circuit|current|tolerance|load side|ripple|temp|required|pull in v|minimum"
)
_NAMED = r"nominal|rated|expected|spec\b|reference|design"


def _coil_levels(scene: Scene) -> list[tuple[float, float, Source]]:
    """Reported coil supplies in percent of their nominal voltage: when, how much, where."""

    def load() -> list[tuple[float, float, Source]]:
        found: list[tuple[float, float, Source]] = []
        for leaf in numbers(scene, _COIL, rf"{_NO_COIL}|(nominal|rated|expected|reference) (v|volt|supply|coil)", ("v", "mv", "pct", "ratio", None)):
            value = leaf.number or 0.0
            if leaf.unit is None and not (5.0 <= abs(value) <= 60.0 and re.search(r"(coil|supply|rail|psu)$", leaf.path)):
                continue
            if leaf.unit in ("pct", "ratio"):
                level = percent(leaf)
                if re.search(r"drop|sag|dip|below|deficit|droop|deviation", leaf.path) and "to" not in leaf.path.split() and abs(level) < 60:
                    level = 100.0 - abs(level)
                if 20.0 <= level <= 200.0:
                    found.append((leaf.time, level, leaf.source))
                continue
            if re.search(r"drop$|sag$|dip$|droop$|(drop|sag|dip|droop) v$", leaf.path) and 0 < value < 12:
                found.append((leaf.time, 100.0 * (24.0 - value) / 24.0, leaf.source))  # control supplies are mostly 24 V
                continue
            if re.search(rf"drop\b|sag\b|dip\b|droop|deficit|{_NAMED}", leaf.path) and not re.search(r"\bto\b|during|level", leaf.path):
                continue
            volts = value / 1000.0 if leaf.unit == "mv" else value
            if leaf.path.startswith("said ") and volts in (12.0, 24.0, 48.0, 110.0, 230.0):
                continue  # in a sentence a round figure names the rail, not its reading
            named = [
                other.number
                for other in leaves(scene)
                if other.source == leaf.source and other.number and re.search(_NAMED, other.path) and other.unit == "v" and other.path != leaf.path
            ]
            nominal = named[-1] if named else next((n for n in (12.0, 24.0, 48.0, 110.0, 230.0) if volts <= 1.2 * n), None)
            if nominal and 0.2 <= volts / nominal <= 2.0:
                found.append((leaf.time, 100.0 * volts / nominal, leaf.source))
        return found

    found: list[tuple[float, float, Source]] = scene.once(("contactor-coil",), load)
    return found


@measures(
    "coil_supply_level",
    "lowest coil or control supply that details, texts or command results around the failed starts report, in percent of nominal",
    unit="%",
    low=0,
)
def coil_supply_level(scene: Scene) -> Reading | None:
    found = [item for item in _coil_levels(scene) if scene.first - DAY <= item[0] <= scene.anchor + DAY]
    if not found:
        return None
    time, level, source = min(found, key=lambda item: item[1])
    return Reading(level, time, (source,))


@measures(
    "coil_supply_decline",
    "change of the reported coil supply from the earliest third to the latest third of at least four reports over a day or more, "
    "in percent of nominal",
    unit="%",
)
def coil_supply_decline(scene: Scene) -> Reading | None:
    found = _coil_levels(scene)
    if len(found) < 4 or found[-1][0] - found[0][0] < DAY:
        return None
    third = max(1, len(found) // 3)
    change = float(np.median([v for _, v, _ in found[-third:]])) - float(np.median([v for _, v, _ in found[:third]]))
    return Reading(change, scene.anchor, few([source for *_, source in found]))


@measures("coil_supply_ok", "what details say of the coil's supply or its driver: whether it was sound", kind="flag")
def coil_supply_ok(scene: Scene) -> Reading | None:
    return said(scene, r"coil|driver|control supply|aux\w* supply|24 ?v|psu|rail", r"low|under|brown|dip|sag|fault|fail|error|energi|command|feedback")


@measures("click_heard", "what details, command results or visit reports that are structured say of the contactor's click", kind="flag")
def click_heard(scene: Scene) -> Reading | None:
    return said(scene, r"click|audible")


@measures("contact_seen_closed", "what details say of the main contacts apart from the feedback: whether they were closed", kind="flag")
def contact_seen_closed(scene: Scene) -> Reading | None:
    for leaf in reversed(numbers(scene, r"(armature|plunger|contact\w*) (travel|stroke|movement)", r"limit|max|nominal|rated|expected")):
        return Reading((leaf.number or 0.0) > 0, leaf.time, (leaf.source,))
    return said(scene, _MAIN_CONTACTS, r"feedback|aux|\bfb\b|command|expected|weld|connector (state|status)")


_MAIN_CONTACTS = (
    r"(main|power|actual|physical|measured) ?(contact\w*|pole|state|position)|contactor (position|actual|state measured)"
    r"|armature|plunger|travel|movement|moved|position$"
    r"|(main|output|outlet|load|\bhv\b|downstream|\bout\b|line side).*(present|live|energi[sz]ed|detected)$"
)


LOW_SUPPLY_CODES = ("F-0601", "F-0411", "F-0301", "F-0302")
"""Codes that a sagging control supply raises as well: fan, module communication, controller restarts (our judgement)."""


@measures(
    "low_supply_companions",
    "different codes among fan below nominal, module communication, lost heartbeat and reconnect storm that the charger reported "
    "within a day of a failed start",
    unit="1",
    low=0,
)
def low_supply_companions(scene: Scene) -> Reading | None:
    hits = [
        fault
        for fault in scene.faults(device=scene.device_id)
        if fault.code in LOW_SUPPLY_CODES and scene.first - DAY <= fault.time <= scene.anchor + DAY
    ]
    codes = {fault.code for fault in hits}
    return Reading(float(len(codes)), scene.anchor, few([fault.source for fault in hits])) if codes else None


@measures(
    "dropouts_at_failed_starts",
    "failed starts on any connector within two minutes of which the charger dropped off the network or restarted without having been told to",
    unit="1",
    low=0,
)
def dropouts_at_failed_starts(scene: Scene) -> Reading | None:
    told = [c.time for c in scene.records("commands") if c.fields["command"] in ("reboot", "soft_reset", "hard_reset", "reset", "firmware_upgrade") and c.time]
    drops = [
        (r.time, scene.source("connections", r)) for r in scene.records("connections")
        if r.time is not None and r.fields.get("transition") in ("offline", "reconnect")
        and not any(0 <= r.time - t <= 10 * MINUTE for t in told)
    ]  # fmt: skip
    if not drops:
        return None
    times = {fault.time for fault in scene.faults("own", device=scene.device_id)} | set(scene.times)
    hit = {time: source for time in sorted(times) for moment, source in drops if abs(moment - time) <= 2 * MINUTE}
    return Reading(float(len(hit)), scene.anchor, few(list(hit.values()) or [source for _, source in drops]))


@measures(
    "fan_dip_at_failed_starts",
    "how far the cabinet fan fell within 20 s of a failed start below its median of the ten minutes around, in percent, median "
    "over the failed starts that have both",
    unit="%",
)
def fan_dip_at_failed_starts(scene: Scene) -> Reading | None:
    column = scene.readings("component_health.cooling_fan_rpm", which="all")
    dips, sources = [], []
    for fault in sorted(fault.time for fault in scene.faults("own", device=scene.device_id))[-20:]:
        near = column.between(fault - 20.0, fault + 10.0)
        around = column.between(fault - 10 * MINUTE, fault + 10 * MINUTE)
        if len(near) < 2 or len(around) < len(near) + 4:
            continue
        usual = float(np.median(around.values))
        if usual > 0:
            dips.append(100.0 * (usual - float(near.values.min())) / usual)
            sources.append(near.source(int(np.argmin(near.values))))
    return Reading(float(np.median(dips)), scene.anchor, few(sources)) if dips else None


@measures(
    "fan_decline",
    "change of the cabinet fan's speed from the first third to the last of at least nine readings over three days or more, in percent",
    unit="%",
)
def fan_decline(scene: Scene) -> Reading | None:
    column = scene.readings("component_health.cooling_fan_rpm", which="all").between(scene.anchor - 90 * DAY, scene.anchor)
    if len(column) < 9 or column.times[-1] - column.times[0] < 3 * DAY:
        return None
    third = len(column) // 3
    early, late = float(np.median(column.values[:third])), float(np.median(column.values[-third:]))
    return column.reading(100.0 * (late - early) / early) if early > 0 else None


@measures("control_board_heat", "highest temperature of the control board in the hour before the latest occurrence", unit="°C", low=-60, high=1000)
def control_board_heat(scene: Scene) -> Reading | None:
    found = scene.near(scene.readings("component_health.internal_temps.control_board", which="all"), HOUR, MINUTE).max()
    return found if found is not None and -60 <= float(found.value) <= 1000 else None


def _other_busy(scene: Scene) -> list[tuple[float, float, Source]]:
    """When another connector of the charger was charging: from, to, a record."""

    def load() -> list[tuple[float, float, Source]]:
        found = [
            (s.start, s.end if s.end is not None else s.start + HOUR, s.source) for s in scene.sessions(which="others") if charged(s) or s.end is None
        ]
        states = scene.words("state", which="others")
        for place, (time, word) in enumerate(states):
            if word in ("charging", "discharging"):
                found.append((time - 30.0, time + 30.0, states.source(place)))
        return found

    found: list[tuple[float, float, Source]] = scene.once(("contactor-busy",), load)
    return found


def _busy_share(scene: Scene, times: Sequence[float], least: int) -> Reading | None:
    if scene.connector_id is None or len(times) < least:
        return None
    spans = _other_busy(scene)
    if not spans:
        return None
    starts, ends = np.array([a for a, *_ in spans]), np.array([b for _, b, _ in spans])
    busy = [bool(((starts - 60.0 <= time) & (time <= ends)).any()) for time in times]
    return Reading(100.0 * float(np.mean(busy)), scene.anchor, few([spans[0][2], spans[-1][2]]))


@measures(
    "busy_share_at_failures",
    "of at least two failed starts, the share in percent during which another connector of the charger was charging or started",
    unit="%",
    low=0,
    high=100,
)
def busy_share_at_failures(scene: Scene) -> Reading | None:
    return _busy_share(scene, [a.time for a in _attempts(scene) if not a.good], 2)


@measures(
    "busy_share_at_good_starts",
    "of at least three successful starts, the share in percent during which another connector of the charger was charging or started",
    unit="%",
    low=0,
    high=100,
)
def busy_share_at_good_starts(scene: Scene) -> Reading | None:
    return _busy_share(scene, [a.time for a in _attempts(scene) if a.good], 3)


@measures(
    "good_starts_on_other_connectors",
    "successful starts on the charger's other connectors within seven days of the latest occurrence, where none of them reported the code",
    unit="1",
    low=0,
)
def good_starts_on_other_connectors(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    attempts = [a for a in _attempts(scene, "others") if abs(a.time - scene.anchor) <= 7 * DAY]
    if not attempts or any(not a.good for a in attempts):
        return None
    return Reading(float(len(attempts)), scene.anchor, few([a.source for a in attempts]))


@measures(
    "supply_phase_level",
    "lowest phase voltage of the charger within ten minutes before a failed start, in percent of the median of its phase voltages "
    "at other times (of 230 V where there are fewer than ten)",
    unit="%",
    low=0,
)
def supply_phase_level(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for phase in "abc":
        column = scene.readings(f"phase_details.phase_{phase}.voltage", which="all").where(lambda v: v > 50.0)
        for low, high in _around_faults(scene, 10 * MINUTE, 5.0):
            window = column.between(low, high)
            if not len(window):
                continue
            rest = column.values[(column.times < low) | (column.times > high)]
            usual = float(np.median(rest)) if len(rest) >= 10 else 230.0
            place = int(np.argmin(window.values))
            level = 100.0 * float(window.values[place]) / usual
            if best is None or level < float(best.value):
                best = window.reading(level, float(window.times[place]), [place])
    return best


@measures(
    "grid_dip_near_failures",
    "lowest voltage of a grid excursion at the site or in its area within a quarter hour of a failed start, in percent of 230 V "
    "(of 400 V where it is above 300 V); an outage counts as none left",
    unit="%",
    low=0,
)
def grid_dip_near_failures(scene: Scene) -> Reading | None:
    table = scene.observations["grid"]
    best: Reading | None = None
    for record in table.records:
        fields = record.fields
        here = (scene.site_id is not None and fields.get("site_id") == scene.site_id) or (scene.area is not None and fields.get("area") == scene.area)
        if not here or record.time is None or not any(abs(record.time - time) <= 15 * MINUTE for time in scene.times):
            continue
        volts = fields.get("voltage_v")
        if fields.get("kind") == "outage":
            level = 0.0
        elif isinstance(volts, (int, float)) and volts > 0:
            level = 100.0 * float(volts) / (400.0 if volts > 300 else 230.0)
        else:
            continue
        if best is None or level < float(best.value):
            best = Reading(level, record.time, (table.source_of(record),))
    return best


def _ambient_at(scene: Scene, times: Sequence[float]) -> tuple[list[float], list[Source]]:
    own = scene.readings("ambient_temperature", which="all")
    table = scene.observations["environment"]

    def site() -> tuple[Any, Any, Any]:
        rows = [i for i, r in enumerate(table.records) if r.fields.get("site_id") == scene.site_id and r.time is not None and r.fields.get("ambient_c") is not None]
        return np.array([table.records[i].time for i in rows]), np.array([float(table.records[i].fields["ambient_c"]) for i in rows]), rows

    clocks, values, rows = scene.once(("contactor-ambient",), site)
    found, sources = [], []
    for time in times:
        window = own.between(time - 2 * HOUR, time + HOUR)
        if len(window):
            place = int(np.argmin(np.abs(window.times - time)))
            found.append(float(window.values[place]))
            sources.append(window.source(place))
        elif len(clocks):
            place = int(np.argmin(np.abs(clocks - time)))
            if abs(clocks[place] - time) <= 3 * HOUR:
                found.append(float(values[place]))
                sources.append(table.source(int(rows[place])))
    return found, sources


@measures("ambient_at_failures", "median ambient temperature at the failed starts", unit="°C", low=-80, high=100)
def ambient_at_failures(scene: Scene) -> Reading | None:
    values, sources = _ambient_at(scene, [a.time for a in _attempts(scene) if not a.good][-50:])
    return Reading(float(np.clip(np.median(values), -80, 100)), scene.anchor, few(sources)) if values else None


@measures(
    "ambient_gap_at_failures",
    "how much colder (negative) or hotter it was at two or more failed starts than at three or more good ones, medians",
    unit="K",
)
def ambient_gap_at_failures(scene: Scene) -> Reading | None:
    bad, sources = _ambient_at(scene, [a.time for a in _attempts(scene) if not a.good][-50:])
    good, more = _ambient_at(scene, [a.time for a in _attempts(scene) if a.good][-50:])
    if len(bad) < 2 or len(good) < 3:
        return None
    return Reading(float(np.median(bad) - np.median(good)), scene.anchor, few([*sources, *more]))


def _idle_hours(scene: Scene, good: bool) -> tuple[list[float], list[Source]]:
    attempts = _attempts(scene)
    ends = sorted(s.end for s in scene.sessions() if s.end is not None and charged(s))
    found, sources = [], []
    for attempt in attempts:
        if attempt.good != good:
            continue
        earlier = [e for e in ends if e <= attempt.time]
        earlier += [a.time for a in attempts if a.time < attempt.time]
        if earlier:
            found.append((attempt.time - max(earlier)) / HOUR)
            sources.append(attempt.source)
    return found, sources


@measures("idle_before_failures", "median hours that the connector had not been used before its failed starts (repetitions within half an hour left out)", unit="h", low=0)
def idle_before_failures(scene: Scene) -> Reading | None:
    values, sources = _idle_hours(scene, False)
    fresh = [value for value in values if value > RETRY_WITHIN / HOUR]
    return Reading(float(np.median(fresh)), scene.anchor, few(sources)) if fresh else None


@measures(
    "idle_before_failures_ratio",
    "hours of rest before at least three failed starts over those before at least three good ones, medians",
    unit="times",
    low=0,
)
def idle_before_failures_ratio(scene: Scene) -> Reading | None:
    bad, sources = _idle_hours(scene, False)
    good, more = _idle_hours(scene, True)
    fresh = [value for value in bad if value > RETRY_WITHIN / HOUR]
    if len(fresh) < 3 or len(good) < 3:
        return None
    return Reading(float(np.median(fresh)) / max(0.1, float(np.median(good))), scene.anchor, few([*sources, *more]))


def _clock_concentration(times: Sequence[float]) -> float:
    """How closely moments gather around one time of day: 0 spread evenly, 1 all at the same minute."""
    angles = 2.0 * np.pi * (np.array(times) % DAY) / DAY
    return float(np.hypot(np.cos(angles).mean(), np.sin(angles).mean()))


@measures(
    "failures_by_the_clock",
    "by how much more closely at least four failed starts on three or more days gather around one time of day than at least four "
    "good ones (0 spread evenly, 1 all at one minute)",
    unit="1",
)
def failures_by_the_clock(scene: Scene) -> Reading | None:
    bad = [a for a in _attempts(scene) if not a.good]
    good = [a for a in _attempts(scene) if a.good]
    if len(bad) < 4 or len(good) < 4 or len({int(a.time // DAY) for a in bad}) < 3:
        return None
    gap = _clock_concentration([a.time for a in bad]) - _clock_concentration([a.time for a in good])
    return Reading(gap, scene.anchor, few([a.source for a in bad]))


@measures("humidity", "relative humidity that details or texts around the fault report", unit="%", low=0, high=100)
def humidity(scene: Scene) -> Reading | None:
    told = [leaf for leaf in numbers(scene, r"humid|\brh\b|moisture", r"limit|threshold|max") if leaf.unit in ("pct", "ratio", None)]
    return Reading(min(100.0, max(0.0, percent(told[-1]))), told[-1].time, (told[-1].source,)) if told else None


@measures("aux_contact_ohms", "resistance of the auxiliary contact that details, command results or texts report", unit="Ω", low=0)
def aux_contact_ohms(scene: Scene) -> Reading | None:
    told = numbers(scene, r"(aux|feedback|\bfb\b).*(ohm|resistance|Ω|ω|\br\b)|(ohm|resistance|\br\b).*(aux|feedback|\bfb\b)", r"isolation|insulation|limit|threshold|max|nominal|main|power")
    if not told:
        return None
    leaf = told[-1]
    scale = 1000.0 if leaf.unit == "kohm" else 0.001 if re.search(r"\bmilli|\bmohms?\b", leaf.path) else 1.0
    return Reading(max(0.0, (leaf.number or 0.0) * scale), leaf.time, (leaf.source,))


# Firmware: F-0421


@measures(
    "code_rate_on_firmware",
    "of at least three other chargers on this charger's firmware seen within seven days, the share in percent that reported the code",
    unit="%",
    low=0,
    high=100,
)
def code_rate_on_firmware(scene: Scene) -> Reading | None:
    return _code_rate(scene, True)


@measures(
    "code_rate_off_firmware",
    "of at least three chargers on other firmware seen within seven days, the share in percent that reported the code",
    unit="%",
    low=0,
    high=100,
)
def code_rate_off_firmware(scene: Scene) -> Reading | None:
    return _code_rate(scene, False)


def _code_rate(scene: Scene, same: bool) -> Reading | None:
    version = scene.about("firmware_version")
    if version is None:
        return None
    faults = same_code_nearby(scene, CLUSTER_WINDOW)
    peers = [
        r
        for r in scene.others[:500]
        if (theirs := scene.about("firmware_version", r)) is not None
        and (theirs == version) == same
        and (r.fields["device_id"] in faults or was_observed(scene, r.fields["device_id"], CLUSTER_WINDOW))
    ]
    if len(peers) < 3:
        return None
    hit = [r for r in peers if r.fields["device_id"] in faults]
    return Reading(100.0 * len(hit) / len(peers), scene.anchor, scene.sources("devices", hit or peers))


@measures(
    "devices_with_code_on_other_firmware",
    "chargers on other firmware versions that reported the code within seven days",
    unit="1",
    low=0,
)
def devices_with_code_on_other_firmware(scene: Scene) -> Reading | None:
    version = scene.about("firmware_version")
    if version is None or not scene.others:
        return None
    faults = same_code_nearby(scene, CLUSTER_WINDOW)
    known = [r for r in scene.others if r.fields["device_id"] in faults and scene.about("firmware_version", r) is not None]
    other = [r for r in known if scene.about("firmware_version", r) != version]
    return Reading(float(len(other)), scene.anchor, scene.sources("devices", other or scene.others))


def _is_affected(scene: Scene, record: Record | None) -> bool | None:
    """Whether a charger runs a version with the entry's firmware issue; None where that cannot be told."""
    issue = None if scene.entry is None else scene.entry.firmware_issue
    if issue is None or record is None:
        return None
    return in_range(record.fields.get("firmware_version"), issue.from_, issue.to)


def _affected_reporting(scene: Scene) -> dict[str, list[Any]]:
    faults = same_code_nearby(scene, CLUSTER_WINDOW)
    return {device: list(events) for device, events in faults.items() if _is_affected(scene, scene.devices.get(device))}


@measures(
    "affected_devices_with_code",
    "chargers on a firmware with the known issue, itself included, that reported the code within seven days; known where it runs one of these",
    unit="1",
    low=0,
)
def affected_devices_with_code(scene: Scene) -> Reading | None:
    if not _is_affected(scene, scene.device):
        return None
    found = _affected_reporting(scene)
    return Reading(float(len(found)), scene.anchor, few([events[0].source for events in found.values()])) if found else None


@measures(
    "affected_sites_with_code",
    "distinct sites of the chargers on a firmware with the known issue that reported the code within seven days; known where it runs one of these",
    unit="1",
    low=0,
)
def affected_sites_with_code(scene: Scene) -> Reading | None:
    if not _is_affected(scene, scene.device):
        return None
    found = _affected_reporting(scene)
    sites = {scene.about("site_id", scene.devices.get(device)) for device in found} - {None}
    return Reading(float(len(sites)), scene.anchor, few([events[0].source for events in found.values()])) if sites else None


@measures(
    "mended_peers_without_code",
    "chargers on firmware without the known issue that were in use within seven days and did not report the code, where "
    "none of them did; known where this charger runs an affected version",
    unit="1",
    low=0,
)
def mended_peers_without_code(scene: Scene) -> Reading | None:
    if not _is_affected(scene, scene.device):
        return None
    faults = same_code_nearby(scene, CLUSTER_WINDOW)
    peers = [r for r in scene.others[:500] if _is_affected(scene, r) is False]
    seen = [r for r in peers if r.fields["device_id"] in faults or was_observed(scene, r.fields["device_id"], CLUSTER_WINDOW)]
    if not seen or any(r.fields["device_id"] in faults for r in seen):
        return None
    return Reading(float(len(seen)), scene.anchor, scene.sources("devices", seen))


def _peers_over_upgrade(scene: Scene) -> tuple[list[Source], list[Source]]:
    """Other chargers that failed before their last firmware upgrade: those that did not fail after it, those that did."""

    def load() -> tuple[list[Source], list[Source]]:
        cured: list[Source] = []
        failing: list[Source] = []
        for record in scene.others[:200]:
            device = record.fields["device_id"]
            faults = scene.faults("own", device=device)
            if not faults:
                continue
            upgraded = [(t, source) for t, source in _upgrade_times(scene, device) if t <= scene.as_of]
            if not upgraded or not any(f.time < upgraded[-1][0] for f in faults):
                continue
            moment, source = upgraded[-1]
            if any(f.time > moment for f in faults):
                failing.append(source)
            elif sum(s.start > moment and charged(s) for s in scene.sessions(device=device, which="all")) >= 3:
                cured.append(source)
        return cured, failing

    found: tuple[list[Source], list[Source]] = scene.once(("contactor-peers-upgraded",), load)
    return found


@measures(
    "peers_cured_by_upgrade",
    "other chargers that reported the code before a firmware upgrade and charged at least three times after it without the code",
    unit="1",
    low=0,
)
def peers_cured_by_upgrade(scene: Scene) -> Reading | None:
    cured, failing = _peers_over_upgrade(scene)
    return Reading(float(len(cured)), scene.anchor, few([*cured, *failing])) if cured or failing else None


UPGRADES = ("firmware_upgrade", "firmware_update", "update_firmware", "upgrade_firmware", "update firmware", "firmware upgrade")


def _upgrade_times(scene: Scene, device: str | None = None) -> list[tuple[float, Source]]:
    found = []
    for command in scene.records("commands", device=device):
        moment = command.fields.get("updated_at") or command.fields.get("created_at")
        if command.fields["command"] in UPGRADES and command.fields.get("status") in ("completed", None) and moment is not None:
            found.append((epoch(moment), scene.source("commands", command)))
    for event in scene.records("events", device=device):
        if "firmware" in event.fields["event_type"] and event.time is not None:
            found.append((event.time, scene.source("events", event)))
    for visit in scene.records("service_visits", device=device):
        work = words_of(str(visit.fields.get("work") or ""))
        if visit.time is not None and re.search(r"(firmware|software).*(upgrad|updat|flash|install|roll|loaded|to \d)|(upgrad|updat|flash|install)\w* .*(firmware|software)", work):
            found.append((visit.time, scene.source("service_visits", visit)))
    return sorted(found)


@measures(
    "failures_before_upgrade",
    "failed starts on the charger before its last firmware upgrade up to the latest occurrence; known where there was one",
    unit="1",
    low=0,
)
def failures_before_upgrade(scene: Scene) -> Reading | None:
    upgraded = [(time, source) for time, source in _upgrade_times(scene) if time <= scene.anchor]
    if not upgraded:
        return None
    time, source = upgraded[-1]
    before = [f for f in scene.faults("own", device=scene.device_id) if f.time < time]
    return Reading(float(len(before)), time, few([source, *[f.source for f in before]]))


@measures(
    "good_starts_since_upgrade",
    "successful starts on the connector between the last firmware upgrade before the first occurrence and that occurrence",
    unit="1",
    low=0,
)
def good_starts_since_upgrade(scene: Scene) -> Reading | None:
    upgraded = [(time, source) for time, source in _upgrade_times(scene) if time <= scene.first]
    if not upgraded:
        return None
    time, source = upgraded[-1]
    good = [a for a in _attempts(scene) if a.good and time < a.time < scene.first]
    if not good and not any(a.good for a in _attempts(scene)):
        return None
    return Reading(float(len(good)), scene.first, few([source, *[a.source for a in good]]))


def _visit_records(scene: Scene) -> list[Record]:
    return [v for v in scene.records("service_visits") if v.time is not None]


@measures(
    "failures_after_contactor_replaced",
    "failed starts on the connector after the last visit whose report says that the contactor was replaced",
    unit="1",
    low=0,
)
def failures_after_contactor_replaced(scene: Scene) -> Reading | None:
    found = _replacement(scene, 0.0, scene.anchor)
    if found is None:
        return None
    after = [f for f in scene.incidence.faults if f.time > found[0]]
    return Reading(float(len(after)), scene.anchor, few([found[1], *[f.source for f in after]]))


_SUPPLY_REPLACED = re.compile(
    r"(replac\w*|renew\w*|swap\w*|new|exchang\w*)\W+(\w+\W+){0,4}(psu|power supply|supply unit|24 ?v supply|dc dc)|(psu|power supply|supply unit)\W+(\w+\W+){0,3}(replac\w*|renew\w*|swap\w*|exchang\w*)"
)


@measures(
    "failures_after_supply_replaced",
    "failed starts on the connector after the last visit whose report says that the control supply was replaced",
    unit="1",
    low=0,
)
def failures_after_supply_replaced(scene: Scene) -> Reading | None:
    visits = [v for v in _visit_records(scene) if (v.time or 0.0) <= scene.anchor and _SUPPLY_REPLACED.search(words_of(str(v.fields.get("work") or "")))]
    if not visits:
        return None
    after = [f for f in scene.incidence.faults if f.time > (visits[-1].time or 0.0)]
    return Reading(float(len(after)), scene.anchor, few([scene.source("service_visits", visits[-1]), *[f.source for f in after]]))
