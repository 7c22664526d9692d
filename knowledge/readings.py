"""Readings: a column's known values in time order, and what can be measured on them with its sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..engine.facts import Source
from .observations import Floats, Rows, Table

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0

MAX_SOURCES = 8
"""Records named as the source of one value; of more, the first and the last ones stand for the rest."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A measured value: when it held (epoch seconds), the records behind it, and what tells it from its siblings."""

    value: float | str | bool
    at: float | None = None
    sources: tuple[Source, ...] = ()
    key: str | None = None
    connector: int | None = None


def few(sources: Sequence[Source]) -> tuple[Source, ...]:
    """At most MAX_SOURCES of the sources, in order, without repeats."""
    unique = sorted(set(sources))
    if len(unique) <= MAX_SOURCES:
        return tuple(unique)
    half = MAX_SOURCES // 2
    return (*unique[:half], *unique[-half:])


@dataclass(frozen=True, slots=True)
class Readings:
    """Known numbers of one column: times in epoch seconds (ascending), values, and their rows in the table."""

    table: Table
    times: Floats
    values: Floats
    rows: Rows

    def __len__(self) -> int:
        return len(self.values)

    def _pick(self, mask: slice | np.ndarray) -> Readings:
        return Readings(self.table, self.times[mask], self.values[mask], self.rows[mask])

    def between(self, start: float, end: float) -> Readings:
        """Those from start to end, both included (epoch seconds)."""
        low, high = np.searchsorted(self.times, start, "left"), np.searchsorted(self.times, end, "right")
        return self._pick(slice(int(low), int(high)))

    def before(self, moment: float) -> Readings:
        """Those strictly before a moment."""
        return self._pick(slice(0, int(np.searchsorted(self.times, moment, "left"))))

    def after(self, moment: float) -> Readings:
        """Those strictly after a moment."""
        return self._pick(slice(int(np.searchsorted(self.times, moment, "right")), len(self.times)))

    def where(self, test: Callable[[Floats], np.ndarray]) -> Readings:
        """Those whose values pass a vectorised test."""
        return self._pick(test(self.values))

    def alongside(self, other: Readings) -> tuple[Floats, Floats]:
        """The values of both columns where one record holds both."""
        _, mine, theirs = np.intersect1d(self.rows, other.rows, assume_unique=True, return_indices=True)
        return self.values[mine], other.values[theirs]

    def at_rows(self, rows: Rows) -> Readings:
        """Those that stand in the given rows."""
        return self._pick(np.isin(self.rows, rows))

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
        return self.reading(float(np.median(self.values))) if len(self) >= max(1, least) else None

    def mean(self, least: int = 1) -> Reading | None:
        """The mean, where there are at least so many readings."""
        return self.reading(float(np.mean(self.values))) if len(self) >= max(1, least) else None

    def spread(self, least: int = 3) -> Reading | None:
        """The standard deviation, where there are at least so many readings."""
        return self.reading(float(np.std(self.values))) if len(self) >= max(2, least) else None

    def slope(self, per: float, least: int = 3, span: float = 0.0) -> Reading | None:
        """Least-squares change per so many seconds; needs `least` readings over at least `span` seconds."""
        if len(self) < max(2, least) or self.times[-1] - self.times[0] < max(span, 1e-3):
            return None
        times = self.times - self.times[0]
        centred = times - times.mean()
        rate = float((centred * (self.values - self.values.mean())).sum() / (centred**2).sum())
        return self.reading(rate * per)

    def largest_step(self, window: int = 3) -> Reading | None:
        """The largest change between the medians of `window` readings before and after a place, with its sign."""
        if len(self) < 2 * window:
            return None
        best, place = 0.0, window
        for middle in range(window, len(self) - window + 1):
            step = float(
                np.median(self.values[middle : middle + window]) - np.median(self.values[middle - window : middle])
            )
            if abs(step) > abs(best):
                best, place = step, middle
        return self.reading(best, float(self.times[place]), [place - 1, place])


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
        low, high = int(np.searchsorted(self.times, start, "left")), int(np.searchsorted(self.times, end, "right"))
        return Words(self.table, self.times[low:high], self.values[low:high], self.rows[low:high])

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
