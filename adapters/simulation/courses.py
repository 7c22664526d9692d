"""Courses: figures that a fault changes for a time, such as the resistance of a contact or the air through a cabinet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .streams import Floats, Generator

Shape = Callable[[Floats], Floats]
"""Values at some moments (epoch seconds)."""


@dataclass
class Course:
    """A figure that is `usual` but for some spans; where spans overlap the later one set holds."""

    usual: float
    _spans: list[tuple[float, float, float | Shape]] = field(default_factory=list)

    @property
    def is_steady(self) -> bool:
        """Whether the figure never leaves its usual value."""
        return not self._spans

    def during(self, begin: float, end: float, value: float | Shape) -> None:
        """Let the figure have another value, or follow a shape, from `begin` until before `end`."""
        self._spans.append((begin, end, value))

    def at(self, times: Floats) -> Floats:
        """The figure at some moments."""
        values = np.full(times.shape, self.usual)
        for begin, end, value in self._spans:
            inside = (times >= begin) & (times < end)
            if inside.any():
                values[inside] = value(times[inside]) if callable(value) else value
        return values


Change = Callable[[Floats, Floats, Generator], Floats]
"""New values of a telemetry column: from the moments, the values as they were, and a stream for scatter."""


@dataclass(frozen=True)
class Override:
    """Telemetry of one connector that a fault makes other than the usual, from `begin` until before `end`."""

    connector: int
    begin: float
    end: float
    column: str
    value: float | str | Change


def ramp(begin: float, end: float, low: float, high: float) -> Shape:
    """A value that goes from `low` to `high` between two moments and stays there."""
    return lambda times: np.interp(times, [begin, end], [low, high])
