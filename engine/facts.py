"""Facts: what was measured, in which unit, when, and from which records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from math import floor, log10
from typing import Literal

FactKind = Literal["number", "text", "flag", "version"]

NUMBER_LIMIT = 1e12
"""Largest magnitude of a number that is matched (field note on durable-rules, wrapper contract 3)."""

TEXT_LIMIT = 256
"""Longest text, in characters, that is matched (the same contract)."""

MOMENT = "epoch s"
"""Unit of a number that is a moment: seconds since 1970 in UTC. It is written as a time."""

MAX_SOURCES = 8
"""Records named as the source of one value; of more, the first and the last ones stand for the rest."""

REMEMBERED_TIMES = 16_384
"""Moments whose text is kept (judgement: a few megabytes; sources name the same records again and again)."""


VALUE_DECIMALS = 6
"""Decimals that the value of a fact is rounded to."""

BOUNDS_TOLERANCE = 1e-6
"""By how much a value may pass the bounds of its kind: what was computed is rounded (the last decimal that is kept)."""


@lru_cache(REMEMBERED_TIMES)
def iso_timestamp(seconds: float) -> str:
    """Epoch seconds as ISO 8601 in UTC with a trailing Z; microseconds only where there are any."""
    moment = datetime.fromtimestamp(round(seconds * 1e6) / 1e6, tz=UTC)
    return moment.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """Where a value was read: the record list, the record's place in it in time order, its timestamp (ISO, UTC)."""

    list: str
    index: int
    timestamp: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A version with its numbering scheme and its rank within it; ranks of different schemes never compare."""

    text: str
    scheme: str
    rank: float


FactValue = float | str | bool | Version


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known about an incident.

    `value` is in `unit`; `at` (epoch seconds) is when it held, where that has a meaning; `connector` and `key`
    (module index, peer, phase) tell several facts of one name apart; `sources` are the records behind it.
    """

    name: str
    value: FactValue
    unit: str | None = None
    at: float | None = None
    connector: int | None = None
    key: str | None = None
    sources: tuple[Source, ...] = ()

    def sort_key(self) -> tuple[str, str, int, str, float]:
        """A total order that depends on what is known only, never on the order of arrival."""
        text = self.value.text if isinstance(self.value, Version) else repr(self.value)
        connector = -1 if self.connector is None else self.connector
        return (self.name, self.key or "", connector, text, self.at if self.at is not None else -1.0)


@dataclass(frozen=True, slots=True)
class FactType:
    """What facts of one name mean.

    `low` and `high` bound the values that can occur at all (in `unit`): a condition beyond them can never be met, and a fact
    beyond them is refused.
    `choices` lists the texts that can occur, where they are known. `parse` turns the text of a rule's constant into a
    Version. `many` marks names of which one incident may have several facts. `supposable` is false for what only something
    done later can tell: it is not supposed where the question is what would change the leader.
    """

    name: str
    kind: FactKind
    meaning: str
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] | None = None
    many: bool = False
    parse: Callable[[str], Version | None] | None = None
    supposable: bool = True

    def beyond(self, value: float) -> str | None:
        """Why a number of it cannot be, beyond its bounds by more than rounding; None for one that can."""
        if self.low is not None and value < self.low - BOUNDS_TOLERANCE:
            return f"{in_words(value, self.unit)} cannot be: it is below {in_words(self.low, self.unit)}"
        if self.high is not None and value > self.high + BOUNDS_TOLERANCE:
            return f"{in_words(value, self.unit)} cannot be: it is above {in_words(self.high, self.unit)}"
        return None


Catalogue = Mapping[str, FactType]


@dataclass(frozen=True, slots=True)
class RefusedFact:
    """A fact that cannot be matched, and why; the rest of the diagnosis goes on without it."""

    fact: Fact
    problem: str


def admit(facts: Iterable[Fact | RefusedFact], catalogue: Catalogue) -> tuple[list[Fact], list[RefusedFact]]:
    """Sort, deduplicate and normalise facts to what every matcher reads alike; refuse what does not fit its type.

    Facts that were refused before (a measurement that failed) are passed on as refused.

    Numbers keep six decimals and times milliseconds, the precision of the closed encoding that the C matcher gets. A fact
    without a unit gets that of its type.
    """
    admitted: dict[tuple[str, str, int, str, float], Fact] = {}
    refused: list[RefusedFact] = []
    for fact in facts:
        if isinstance(fact, RefusedFact):
            refused.append(fact)
            continue
        fact_type = catalogue.get(fact.name)
        problem = "no fact of this name is declared" if fact_type is None else _misfit(fact, fact_type)
        if problem:
            refused.append(RefusedFact(fact, problem))
            continue
        value = fact.value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = round(float(value), VALUE_DECIMALS) + 0.0
        at = None if fact.at is None else round(fact.at, 3)
        unit = fact_type.unit if fact.unit is None and fact_type is not None else fact.unit
        normal = Fact(fact.name, value, unit, at, fact.connector, fact.key, fact.sources)
        key = normal.sort_key()
        twin = admitted.get(key)
        if twin is not None:
            normal = replace(normal, sources=tuple(sorted({*twin.sources, *normal.sources})))
        admitted[key] = normal
    return [admitted[key] for key in sorted(admitted)], refused


def _misfit(fact: Fact, fact_type: FactType) -> str | None:
    value = fact.value
    match fact_type.kind:
        case "number":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return f"a number is expected, not {type(value).__name__}"
            if not abs(value) <= NUMBER_LIMIT:
                return f"{value!r} is not a finite number up to {NUMBER_LIMIT:.0e}"
            beyond = fact_type.beyond(value)
            if beyond is not None:
                return beyond
        case "flag":
            if not isinstance(value, bool):
                return f"true or false is expected, not {type(value).__name__}"
        case "text":
            if not isinstance(value, str):
                return f"text is expected, not {type(value).__name__}"
            if len(value) > TEXT_LIMIT:
                return f"the text has {len(value)} characters, more than {TEXT_LIMIT}"
            if fact_type.choices is not None and value not in fact_type.choices:
                return f"{value!r} is none of {', '.join(fact_type.choices)}"
        case "version":
            if not isinstance(value, Version) or len(value.text) > TEXT_LIMIT or not abs(value.rank) <= NUMBER_LIMIT:
                return "a version is expected"
    return out_of_place(fact)


def out_of_place(fact: Fact) -> str | None:
    """Why a fact's time, key or connector cannot be matched; None where they can."""
    if fact.at is not None and not abs(fact.at) <= NUMBER_LIMIT:
        return f"its time {fact.at!r} is out of range"
    if fact.key is not None and len(fact.key) > TEXT_LIMIT:
        return f"its key has {len(fact.key)} characters, more than {TEXT_LIMIT}"
    if fact.connector is not None and abs(fact.connector) > 2**31:
        return f"its connector {fact.connector} is out of range"
    return None


def plain_number(value: float, decimals: int = 4) -> str:
    """A number as a person writes it: no exponent, one decimal from 100 on, two from 1 on, else `decimals`, no trailing zeros, `−` for minus."""
    size = abs(value)
    if size == int(size):
        text = f"{int(size):,}" if size >= 10_000 else str(int(size))
    else:
        digits = 1 if size >= 100 else 2 if size >= 1 else decimals
        text = (f"{size:,.{digits}f}" if size >= 10_000 else f"{size:.{digits}f}").rstrip("0").rstrip(".")
    return f"−{text}" if value < 0 and text != "0" else text


def percent(probability: float) -> str:
    """A probability with one decimal; neither certainty nor impossibility is claimed by rounding."""
    if probability < 0.001:
        return "<0.1%"
    if probability > 0.999:
        return ">99.9%"
    return f"{probability * 100:.1f}%"


def in_words(value: FactValue, unit: str | None) -> str:
    """A value with its unit as it stands beside a threshold: `38.5 °C`, `yes`, `3.0.1`; a moment as a time in UTC."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Version):
        return value.text
    if isinstance(value, str):
        return value
    if unit == MOMENT:
        return _time_in_words(value)
    # Hours and days are whole seconds in their last decimals: 0.0001 days would be 8.64 s.
    number = plain_number(value, VALUE_DECIMALS if unit in ("h", "days") and abs(value) < 0.01 else 4)
    if unit is None or unit == "1":
        return number
    if number == "1" and unit in _SINGULAR:
        return f"1 {_SINGULAR[unit]}"
    return f"{number}{unit}" if unit == "%" else f"{number} {unit}"


_SINGULAR = {"days": "day", "cycles": "cycle", "points": "point", "cycles/day": "cycle/day"}


def _time_in_words(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(round(seconds), tz=UTC):%Y-%m-%d %H:%M:%S}Z"
    except (OverflowError, OSError, ValueError):
        return "after the year 9999" if seconds > 0 else "before the year 1"


_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3_600.0, "days": 86_400.0}

_READS_WELL_BELOW = {"ms": 10_000.0, "s": 600.0, "min": 300.0, "h": 100.0, "days": float("inf")}
"""From this number of a unit on, a length of time is told in a longer one (our judgement: ten seconds, ten minutes, five
hours, four days)."""


def said(value: FactValue, unit: str | None) -> str:
    """A value as it stands in a sentence: like `in_words`, and a length of time in a unit in which it reads well.

    `29,979.4 min` is `20.82 days`, `0.0529 days` is `76.18 min`; thresholds and what is read beside them keep their unit.
    """
    if isinstance(value, (bool, str, Version)) or unit not in _SECONDS:
        return in_words(value, unit)
    if value == 0 or 1 <= abs(value) < _READS_WELL_BELOW[unit]:
        return in_words(value, unit)
    seconds = value * _SECONDS[unit]
    for other, length in _SECONDS.items():
        if other != "ms" and 1 <= abs(seconds) / length < _READS_WELL_BELOW[other]:
            # No finer than the value itself was rounded: 0.000058 days are 5 s, not 5.01 s.
            known = VALUE_DECIMALS + floor(log10(length / _SECONDS[unit]))
            return in_words(round(seconds / length, min(VALUE_DECIMALS, known)), other)
    return in_words(value, unit)
