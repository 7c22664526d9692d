"""What is picked from a series: its medians early and late, the largest of several readings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ...observations import Floats
from ...readings import Reading, Readings, median


def early_and_late(values: Sequence[float] | Floats, least: int = 1) -> tuple[float, float]:
    """The medians of the earliest and of the latest third, each of at least so many values."""
    third = max(least, len(values) // 3)
    return median(values[:third]), median(values[-third:])


def largest(readings: Iterable[Reading | None]) -> Reading | None:
    """The known reading with the largest value; of equal ones the first."""
    return max((reading for reading in readings if reading is not None), key=lambda r: float(r.value), default=None)


def strongest(column: Readings) -> Reading:
    """The value farthest from zero, without its sign; the column must not be empty."""
    place = int(np.argmax(np.abs(column.values)))
    return column.reading(abs(float(column.values[place])), float(column.times[place]), [place])
