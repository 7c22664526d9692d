"""Columns that are laid out while records are taken: what a record holds is in the processor's cache then, and has to be fetched
from memory again by whoever asks for it later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from operator import itemgetter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .records import branches, leaves

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

LISTS = frozenset({"telemetry"})
"""Lists that are worth it: the others have few records, or few of their columns are read."""

AT_ONCE = 128
"""Records that are laid out together (our judgement: they are still in the cache, and NumPy is not called for each)."""


class TakenColumns:
    """The numbers, words and lists of objects of a list's records as these come."""

    def __init__(self, name: str) -> None:
        self._steps = _steps(name)
        self._waiting: list[Mapping[str, Any]] = []
        self._taken = 0
        self._numbers: dict[str, dict[int, Floats]] = {path: {} for path, *_, kind in self._steps if kind == "number"}
        self._values: dict[str, dict[int, list[Any]]] = {path: {} for path, *_, kind in self._steps if kind == "value"}

    def take(self, fields: Mapping[str, Any]) -> None:
        """Take the validated fields of one more record."""
        self._waiting.append(fields)
        if len(self._waiting) == AT_ONCE:
            self._lay_out()

    def in_order(self, places: Rows) -> LaidOut:
        """The columns of records in another order, by the places at which they were taken."""
        self._lay_out()
        numbers = {path: np.full(self._taken, np.nan) for path in self._numbers}
        values: dict[str, list[Any]] = {path: [None] * self._taken for path in self._values}
        for path, column in numbers.items():
            for start, block in self._numbers[path].items():
                column[start : start + len(block)] = block
        for path, whole in values.items():
            for start, part in self._values[path].items():
                whole[start : start + len(part)] = part
        return LaidOut(numbers, values, places)

    def _lay_out(self) -> None:
        holders: dict[str, Sequence[Any]] = {"": self._waiting}
        for path, parent, key, kind in self._steps:
            column = values_of(holders[parent], key)
            if kind == "branch":
                holders[path] = column
            elif column.count(None) < len(column):  # much of a schema is not there at all
                if kind == "number":
                    self._numbers[path][self._taken] = np.array(column, dtype=np.float64)
                else:
                    self._values[path][self._taken] = column
        self._taken += len(self._waiting)
        self._waiting = []


@dataclass(frozen=True, slots=True)
class LaidOut:
    """Columns by dotted path, of the numbers, words and lists of objects that the schema of a list names, in the order in which
    records were taken; and at which places those of the rows were."""

    _numbers: Mapping[str, Floats]
    _values: Mapping[str, list[Any]]
    _places: Rows

    def numbers(self, path: str) -> Floats | None:
        """A column of numbers, NaN where unknown; None where the schema names no number there."""
        column = self._numbers.get(path)
        return None if column is None else column[self._places]

    def values(self, path: str) -> list[Any] | None:
        """A column of words or lists of objects, None where unknown; None where the schema names neither there."""
        column = self._values.get(path)
        return None if column is None else [*map(column.__getitem__, self._places.tolist())]

    def of(self, rows: Rows) -> LaidOut:
        """The columns of some of the records, by their rows."""
        return LaidOut(self._numbers, self._values, self._places[rows])


Kind = Literal["branch", "number", "value"]


@cache
def _steps(name: str) -> Sequence[tuple[str, str, str, Kind]]:
    """The objects that the schema of a list names, and what is laid out of them, each after the object that it lies in: its path,
    that of the object, its name there, and what it is."""
    kinds: dict[str, Kind] = dict.fromkeys(sorted(branches(name)), "branch")
    for path, leaf in leaves(name).items():
        if leaf.kind == "number":
            kinds[path] = "number"
        elif leaf.kind in ("word", "objects"):
            kinds[path] = "value"
    parted = ((path, path.rpartition("."), kind) for path, kind in kinds.items())
    return [(path, parent, key, kind) for path, (parent, _, key), kind in parted]


def values_of(holders: Sequence[Any], key: str) -> list[Any]:
    """What each of some objects has under a key; None where it has not, or is no object."""
    try:
        return [*map(itemgetter(key), holders)]  # half the time of asking each, and most have it
    except (KeyError, TypeError):
        with suppress(TypeError):
            return [*map(dict.get, holders, repeat(key))]
    return [holder.get(key) if holder.__class__ is dict else None for holder in holders]
