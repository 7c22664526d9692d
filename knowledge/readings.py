"""Readings: a column's known values in time order, and what can be measured on them with its sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..engine.facts import MAX_SOURCES as MAX_SOURCES
from ..engine.facts import Source
from .observations import Floats, Rows, Table

Item = TypeVar("Item")

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0

CHARGING_STATES = ("charging", "discharging")
"""States of a connector in which energy flows, whichever way (wire format)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A measured value: when it held (epoch seconds), the records behind it, and what tells it from its siblings."""

    value: float | str | bool
    at: float | None = None
    sources: tuple[Source, ...] = ()
    key: str | None = None
    connector: int | None = None


def ends(ordered: Sequence[Item]) -> Sequence[Item]:
    """At most MAX_SOURCES of some things in order: of more, the first and the last ones."""
    half = MAX_SOURCES // 2
    return ordered if len(ordered) <= MAX_SOURCES else [*ordered[:half], *ordered[-half:]]


def few(sources: Sequence[Source]) -> tuple[Source, ...]:
    """At most MAX_SOURCES of the sources, in order, without repeats."""
    return (sources[0],) if len(sources) == 1 else tuple(ends(sorted(set(sources))))


def median(values: Floats | Sequence[float]) -> float:
    """NumPy's median of one row of values, to the same bit; NaN of none."""
    ordered, number = np.sort(values), len(values)
    if not number or ordered[-1] != ordered[-1]:
        return float("nan")
    upper: float = ordered.item(number // 2)
    return upper if number % 2 else (float(ordered.item(number // 2 - 1)) + upper) / 2.0


def percentile(values: Floats | Sequence[float], percent: float) -> float:
    """NumPy's percentile (linear) of one row of values, to the same bit; NaN of none.

    NumPy's own takes ten times as long on the few values of an incident, since it goes over any number of axes.
    """
    ordered, number = np.sort(values), len(values)
    if not number or ordered[-1] != ordered[-1]:
        return float("nan")
    place = (number - 1) * (percent / 100.0)
    below = min(int(place), number - 1)
    low, high = float(ordered.item(below)), float(ordered.item(min(below + 1, number - 1)))
    share = place - below
    return high - (high - low) * (1.0 - share) if share >= 0.5 else low + (high - low) * share


def among(rows: Rows, chosen: Rows) -> NDArray[np.bool_]:
    """Which of some rows are among others; both ascend."""
    if not len(chosen):
        return np.zeros(len(rows), dtype=bool)
    return np.asarray(chosen[np.minimum(chosen.searchsorted(rows), len(chosen) - 1)] == rows)


@dataclass(frozen=True, slots=True)
class Readings:
    """Known numbers of one column: times in epoch seconds (ascending), values, and their rows in the table."""

    table: Table
    times: Floats
    values: Floats
    rows: Rows

    def __len__(self) -> int:
        return len(self.values)

    def _pick(self, mask: slice | NDArray[Any]) -> Readings:
        return Readings(self.table, self.times[mask], self.values[mask], self.rows[mask])

    def between(self, start: float, end: float) -> Readings:
        """Those from start to end, both included (epoch seconds)."""
        low, high = self.times.searchsorted(start, "left"), self.times.searchsorted(end, "right")
        return self._pick(slice(int(low), int(high)))

    def before(self, moment: float) -> Readings:
        """Those strictly before a moment."""
        return self._pick(slice(0, int(self.times.searchsorted(moment, "left"))))

    def after(self, moment: float) -> Readings:
        """Those strictly after a moment."""
        return self._pick(slice(int(self.times.searchsorted(moment, "right")), len(self.times)))

    def where(self, test: Callable[[Floats], np.ndarray]) -> Readings:
        """Those whose values pass a vectorised test."""
        return self._pick(test(self.values))

    def at_rows(self, rows: Rows) -> Readings:
        """Those that stand in the given rows, which ascend."""
        return self._pick(among(self.rows, rows))

    def at(self, places: Rows | NDArray[np.bool_] | slice) -> Readings:
        """Those at some places among these, in a slice of them, or where a mask of them is true."""
        return self._pick(places)

    def together(self, other: Readings) -> tuple[Readings, Readings]:
        """These and the others where they stand in one record."""
        if np.array_equal(self.rows, other.rows):
            return self, other
        return self.at_rows(other.rows), other.at_rows(self.rows)

    def by_connector(self) -> list[Readings]:
        """Those in records that name no connector, then those in each connector's; without what is empty."""
        connectors = np.nan_to_num(self.table.connectors[self.rows])
        return [self._pick(connectors == each) for each in np.unique(connectors)]

    def words(self, path: str) -> list[str | None]:
        """Another column's word in the record of each of these."""
        return self.table.texts_at(path, self.rows)

    def where_word(self, path: str, *words: str | None) -> NDArray[np.bool_]:
        """In which of their records another column has one of some words; None is none at all."""
        return self.table.one_of(path, words, self.rows)

    def source(self, place: int) -> Source:
        """The record of one reading."""
        return self.table.source(int(self.rows[place]))

    def reading(self, value: float, at: float | None = None, places: Sequence[int] | None = None) -> Reading:
        """A value computed from these readings; sources are the given places, else the first and the last."""
        chosen = (0, len(self) - 1) if places is None else places
        moment = float(self.times[-1]) if at is None else at
        return Reading(float(value), moment, few([self.source(place) for place in chosen]))

    def first(self) -> Reading | None:
        """The earliest reading."""
        return self.reading(float(self.values[0]), float(self.times[0]), [0]) if len(self) else None

    def last(self) -> Reading | None:
        """The latest reading."""
        return self.reading(float(self.values[-1]), None, [len(self) - 1]) if len(self) else None

    def max(self) -> Reading | None:
        """The highest reading."""
        if not len(self):
            return None
        place = int(np.argmax(self.values))
        return self.reading(float(self.values[place]), float(self.times[place]), [place])

    def min(self) -> Reading | None:
        """The lowest reading."""
        if not len(self):
            return None
        place = int(np.argmin(self.values))
        return self.reading(float(self.values[place]), float(self.times[place]), [place])

    def median(self, least: int = 1) -> Reading | None:
        """The median, where there are at least so many readings."""
        return self.reading(median(self.values)) if len(self) >= max(1, least) else None

    def mean(self, least: int = 1) -> Reading | None:
        """The mean, where there are at least so many readings."""
        return self.reading(float(np.mean(self.values))) if len(self) >= max(1, least) else None

    def spread(self, least: int = 3) -> Reading | None:
        """The standard deviation, where there are at least so many readings."""
        return self.reading(float(np.std(self.values))) if len(self) >= max(2, least) else None


@dataclass(frozen=True, slots=True)
class Words:
    """Known words of one column (states, statuses) in time order."""

    table: Table
    times: Floats
    values: list[str]
    rows: Rows

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[tuple[float, str]]:
        return zip((float(t) for t in self.times), self.values, strict=True)

    def between(self, start: float, end: float) -> Words:
        """Those from start to end, both included (epoch seconds)."""
        low, high = int(self.times.searchsorted(start, "left")), int(self.times.searchsorted(end, "right"))
        return Words(self.table, self.times[low:high], self.values[low:high], self.rows[low:high])

    def by_connector(self) -> list[Words]:
        """Those in records that name no connector, then those in each connector's; without what is empty."""
        connectors = np.nan_to_num(self.table.connectors[self.rows])
        places = [np.flatnonzero(connectors == each) for each in np.unique(connectors)]
        return [Words(self.table, self.times[p], [self.values[i] for i in p.tolist()], self.rows[p]) for p in places]

    def source(self, place: int) -> Source:
        """The record of one word."""
        return self.table.source(int(self.rows[place]))

    def last(self) -> Reading | None:
        """The latest word."""
        if not len(self):
            return None
        return Reading(self.values[-1], float(self.times[-1]), (self.source(len(self) - 1),))

    def changes(self) -> Words:
        """The words at which the value differs from the one before (the first counts)."""
        places = [i for i, value in enumerate(self.values) if i == 0 or value != self.values[i - 1]]
        return Words(self.table, self.times[places], [self.values[i] for i in places], self.rows[places])

    def rows_where(self, *words: str) -> Rows:
        """The rows whose word is one of these."""
        return self.rows[[value in words for value in self.values]] if len(self) else self.rows


def highest(*readings: Reading | None) -> Reading | None:
    """The reading with the largest value among those that are known."""
    known = [r for r in readings if r is not None and not isinstance(r.value, str)]
    return max(known, key=lambda r: (float(r.value), r.sources), default=None)


def share(part: Sequence[Source], whole: Sequence[Source], at: float | None) -> Reading | None:
    """The share, in percent, that some records make of all; None of none."""
    if not whole:
        return None
    return Reading(100.0 * len(part) / len(whole), at, few(part or whole))
