"""The metadata of all chargers in columns: which are of a site, a firmware version, a batch, without a record for each."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ...engine.facts import Source
from ..observations import Floats, Record, Rows, Table
from ..readings import MAX_SOURCES

NONE: Rows = np.empty(0, dtype=np.intp)

MOST_READ = 1_000
"""Records of chargers that are kept once they are made (our judgement: some megabytes)."""


def places_by_value(values: Iterable[Any]) -> dict[Hashable, Rows]:
    """The places of each known value in a column, ascending; values that cannot be looked up are left out."""
    places: dict[Hashable, list[int]] = {}
    for place, value in enumerate(values):
        if value is not None and isinstance(value, Hashable):
            places.setdefault(value, []).append(place)
    return {value: np.array(found, dtype=np.intp) for value, found in places.items()}


class Chargers(Mapping[str, Record]):
    """The metadata records of all chargers by id; a record is made when it is read.

    A charger's place is that of its id in the order of ids. Where a list holds several records of one charger, the last
    one counts.
    """

    def __init__(self, table: Table) -> None:
        """Take the record list of the chargers."""
        self._table = table
        self._columns: dict[str, list[Any]] = {}
        self._values: dict[str, Sequence[Any]] = {}
        self._groups: dict[str, dict[Hashable, Rows]] = {}
        rows = {device: row for row, device in enumerate(table.values("device_id"))}
        self.ids: list[str] = sorted(rows)
        """The chargers in order."""
        self._rows = [rows[device] for device in self.ids]
        self._read: dict[int, Record] = {}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {device: place for place, device in enumerate(self.ids)}

    def __getitem__(self, device: str) -> Record:
        return self.record(self._places[device])

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, device: object) -> bool:
        return device in self._places

    def place(self, device: str) -> int | None:
        """The place of a charger; None where it has no metadata."""
        return self._places.get(device)

    def places(self, devices: Iterable[str]) -> Rows:
        """The places of those of some chargers that have metadata, ascending."""
        known = (self._places.get(device) for device in devices)
        return np.array(sorted(place for place in known if place is not None), dtype=np.intp)

    def record(self, place: int) -> Record:
        """The record of a charger by its place."""
        found = self._read.get(place)
        if found is None:
            if len(self._read) >= MOST_READ:
                self._read.clear()
            found = self._read[place] = self._table.records[self._rows[place]]
        return found

    def records(self, places: Iterable[int]) -> list[Record]:
        """The records of some chargers by their places."""
        wanted = [int(place) for place in places]
        missing = sorted({place for place in wanted if place not in self._read})
        if len(missing) > 1 and len(wanted) + len(self._read) < MOST_READ:
            rows = np.array([self._rows[place] for place in missing], dtype=np.intp)
            self._read.update(zip(missing, self._table.records_at(rows), strict=True))
        return [self.record(place) for place in wanted]

    def column(self, path: str) -> list[Any]:
        """A column by its dotted path, in order of places; None where unknown."""
        if path not in self._columns:
            # read from end to end, as it is read soonest and words that come again are the same objects
            column = list(self._table.values(path))
            self._columns[path] = [column[row] for row in self._rows]
        return self._columns[path]

    def value(self, path: str, device: str) -> Any:
        """A field of one charger by its dotted path; None where the field or the charger's metadata is unknown."""
        place = self._places.get(device)
        if place is None:
            return None
        if path in self._columns:
            return self._columns[path][place]
        if path not in self._values:
            self._values[path] = self._table.values(path)
        return self._values[path][self._rows[place]]

    def index(self, device: str) -> int | None:
        """The index of a charger's record; None where it has no metadata."""
        place = self._places.get(device)
        return None if place is None else int(self._indices[place])

    @cached_property
    def _numbers(self) -> dict[str, Floats]:
        return {}

    def numbers(self, path: str) -> Floats:
        """A numeric column, timestamps as epoch seconds, in order of places; NaN where unknown."""
        if path not in self._numbers:
            self._numbers[path] = self._table.numbers(path)[self._rows]
        return self._numbers[path]

    def groups(self, path: str) -> Mapping[Hashable, Rows]:
        """The places of the chargers by the value they have at a dotted path."""
        if path not in self._groups:
            self._groups[path] = places_by_value(self.column(path))
        return self._groups[path]

    def having(self, path: str, value: Hashable) -> Rows:
        """The places of the chargers that have this value at a dotted path, ascending."""
        return self.groups(path).get(value, NONE)

    @cached_property
    def _known(self) -> dict[str, Rows]:
        return {}

    def known(self, path: str) -> Rows:
        """The places of the chargers whose value at a dotted path is known, ascending."""
        if path not in self._known:
            known = [place for place, value in enumerate(self.column(path)) if value is not None]
            self._known[path] = np.array(known, dtype=np.intp)
        return self._known[path]

    def differing(self, path: str, value: Hashable) -> Iterator[int]:
        """The places of the chargers that are known to have another value at a dotted path, ascending."""
        column = self.column(path)
        return (int(place) for place in self.known(path) if column[place] != value)

    def between(self, path: str, low: float, high: float) -> Rows:
        """The places of the chargers whose number at a dotted path lies from low to high, both included, ascending."""
        if path not in self._ordered:
            order = np.argsort(self.numbers(path), kind="stable")
            self._ordered[path] = (order, self.numbers(path)[order])
        order, column = self._ordered[path]
        return np.sort(order[column.searchsorted(low, "left") : column.searchsorted(high, "right")])

    @cached_property
    def _ordered(self) -> dict[str, tuple[Rows, Floats]]:
        return {}

    @cached_property
    def _indices(self) -> Rows:
        return self._table.indices(np.array(self._rows, dtype=np.intp)).astype(np.intp)

    def sources(self, places: Rows | Sequence[int]) -> tuple[Source, ...]:
        """The metadata records of some chargers as sources; of many, the first and the last in the order of the list."""
        chosen = np.asarray(places, dtype=np.intp)
        indices = self._indices[chosen]
        if len(chosen) > MAX_SOURCES:
            half = MAX_SOURCES // 2
            parted = np.argpartition(indices, [half - 1, len(indices) - half])
            ends = np.concatenate([parted[:half], parted[-half:]])
            chosen, indices = chosen[ends], indices[ends]
        return tuple(self._table.source(self._rows[place]) for place in chosen[np.argsort(indices, kind="stable")])

    def sources_beside(self, device: str) -> tuple[Source, ...]:
        """The metadata records of all other chargers as sources; of many, the first and the last in the order of the list."""
        order, half = self._by_index, MAX_SOURCES // 2
        few = order if len(order) <= MAX_SOURCES + 1 else np.concatenate([order[: half + 1], order[-half - 1 :]])
        return self.sources(few[few != self._places.get(device, -1)])

    @cached_property
    def _by_index(self) -> Rows:
        return np.argsort(self._indices, kind="stable")
