"""Between which values a trend can lie at all, by the extents of the columns it is measured on.

What is declared here, beside each trend, is told of a charger without its telemetry. It is wider than what is measured: a
trend that is known lies in its range, and one that has none is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...fleet.extents import Column, Extent, Extents
from ...observations import Floats
from ...readings import DAY
from ...scene import Scene
from .lines import FEWEST, SHORTEST

Range = tuple[float, float]
ANY: Range = (float("-inf"), float("inf"))


@dataclass(frozen=True)
class Known:
    """What is known of a charger at the moment of the diagnosis without its telemetry and heartbeats.

    `scene` holds the small lists; `extents` what the two large ones come to.
    """

    scene: Scene
    extents: Extents

    def of(self, column: Column) -> Extent | None:
        """The extent of a column of the charger; None where it holds nothing."""
        return self.extents.of(column, self.scene.device_id)

    def moments(self, name: str) -> Floats:
        """The moments of the charger's records in a small list (epoch seconds), ascending."""
        table = self.scene.observations[name]
        rows = table.by_device.get(self.scene.device_id)
        return np.empty(0) if rows is None else table.times[rows]


RangeOf = Callable[[Known], Range | None]

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
    ranged(lambda known: ANY if has_a_line(known.of(column)) else None, *fact_names, columns=(column,))


def has_a_line(extent: Extent | None) -> bool:
    """Whether there can be a line through the values of a column."""
    return extent is not None and extent.number >= FEWEST and extent.seconds >= SHORTEST


def days_of(extent: Extent | None) -> int:
    """The days (UTC) from the first to the last value, both counted."""
    return 0 if extent is None else int(extent.last // DAY - extent.first // DAY) + 1
