"""Between which values a trend can lie at all, by the extents of the columns it is measured on.

What is declared here, beside each trend, is told of many chargers at once without their telemetry. It is wider than what is
measured: a trend that is known lies in its range, and one that has none is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...fleet.extents import Column, Extent, Extents
from ...fleet.tables import FleetTables
from ...observations import Floats
from ...readings import DAY
from ...scene import Scene
from .lines import FEWEST, SHORTEST

Told = TypeVar("Told")

Mask = NDArray[np.bool_]


class Range(NamedTuple):
    """The lowest and the highest value that a fact can have, of each of some chargers; NaN where it cannot be known."""

    low: Floats
    high: Floats

    @classmethod
    def where(cls, known: Mask, low: Floats | float = -np.inf, high: Floats | float = np.inf) -> Range:
        """Bounds (any value, without them) of those chargers of which the fact may be known."""
        return cls(np.where(known, low, np.nan), np.where(known, high, np.nan))

    def meets(self, low: float, high: float) -> Mask:
        """Of which chargers the fact may lie between two values, both included."""
        return np.asarray((self.low <= high) & (self.high >= low))


@dataclass(frozen=True)
class Known:
    """What is known of some chargers at the moment of the diagnosis (epoch seconds) without their telemetry and heartbeats.

    `fleet` holds the small lists; `extents` what the two large ones come to; `scene_of` gives the scene of a charger.
    """

    devices: Sequence[str]
    as_of: float
    fleet: FleetTables
    extents: Extents
    scene_of: Callable[[str], Scene]
    _found: dict[Any, Any] = field(default_factory=dict)

    def of(self, column: Column) -> Extent:
        """The extent of a column of the chargers."""
        return self.once(column, lambda: self.extents.of(column, self.devices))

    def numbers(self, path: str) -> Floats:
        """A number of the chargers' metadata, moments as epoch seconds; NaN where it is not known."""
        column = self.fleet.chargers.numbers(path)
        return np.array([np.nan if place is None else column[place] for place in self._places], dtype=np.float64)

    def each(
        self, paths: Sequence[str], ask: Callable[[Scene], Told], among: Iterable[int] | None = None
    ) -> list[Told]:
        """What is told of the chargers, or of those at some places, by these fields of their metadata alone: it is asked once
        for each set of their values."""
        columns, places = [self.fleet.chargers.column(path) for path in paths], self._places
        answers: dict[Hashable, Told] = {}
        found = []
        for at in range(len(self.devices)) if among is None else among:
            place = places[at]
            values = None if place is None else tuple([column[place] for column in columns])
            if values not in answers:
                answers[values] = ask(self.scene_of(self.devices[at]))
            found.append(answers[values])
        return found

    def moments(self, name: str) -> Sequence[tuple[int, Floats]]:
        """Of each charger that has records in a small list its place, and their moments (epoch seconds), ascending."""

        def load() -> list[tuple[int, Floats]]:
            table = self.fleet.observations[name]
            times, rows_of = table.times, table.by_device
            at = {device: place for place, device in enumerate(self.devices)}
            return [(at[device], times[rows_of[device]]) for device in rows_of if device in at]

        return self.once(name, load)

    def among(self, devices: Iterable[str]) -> Mask:
        """Which of the chargers are among others."""
        return np.isin(np.array(self.devices, dtype=object), list(devices))

    @property
    def _places(self) -> Sequence[int | None]:
        return self.once("places", lambda: [self.fleet.chargers.place(device) for device in self.devices])

    def once(self, key: Hashable, load: Callable[[], Told]) -> Told:
        """What is worked out of these chargers once; the key must name everything it depends on."""
        if key not in self._found:
            self._found[key] = load()
        found: Told = self._found[key]
        return found


RangeOf = Callable[[Known], Range]

RANGES: dict[str, RangeOf] = {}
"""The range of each fact that telemetry or heartbeats are read for, and of some others that cost much, by its name."""

FROM_LARGE: set[str] = set()
"""The facts that cannot be measured without telemetry and heartbeats."""

COLUMNS: dict[Column, None] = {}
"""The columns whose extents these ask for, in the order in which they were declared."""


def ranged(range_of: RangeOf, *fact_names: str, columns: tuple[Column, ...]) -> None:
    """Declare the range of some facts, and the columns whose extents it asks for: none where the facts are read from small
    lists alone."""
    if columns:
        FROM_LARGE.update(fact_names)
    COLUMNS.update(dict.fromkeys(columns))
    for name in fact_names:
        if name in RANGES:
            raise ValueError(f"two ranges are declared for {name!r}")
        RANGES[name] = range_of


def on_a_line(column: Column, *fact_names: str) -> None:
    """Declare facts that are known only where a column has values enough, and far enough apart, for a line."""
    ranged(lambda known: Range.where(has_a_line(known.of(column))), *fact_names, columns=(column,))


def has_a_line(extent: Extent) -> Mask:
    """Whether there can be a line through the values of a column."""
    return np.asarray((extent.number >= FEWEST) & (extent.seconds >= SHORTEST))


def days_of(extent: Extent) -> Floats:
    """The days (UTC) from the first to the last value, both counted; NaN where there is none."""
    return np.asarray(extent.last // DAY - extent.first // DAY + 1.0)
