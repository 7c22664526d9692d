"""The metadata of all chargers in columns: which are of a site, a firmware version, a batch, without a record for each."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ...engine.facts import Source
from ..observations import Floats, Record, Rows, Table
from ..readings import MAX_SOURCES

NONE: Rows = np.empty(0, dtype=np.intp)

OF_THE_MOMENT = ("status", "last_heartbeat", "online_since", "offline_since")
"""What is told of one moment, and together: of several records of a charger these come from one."""

MOST_READ = 1_000
"""Records of chargers that are kept once they are made (our judgement: some megabytes)."""


def places_by_value(values: Iterable[Any]) -> dict[Hashable, Rows]:
    """The places of each known value in a column, ascending; values that cannot be looked up are left out."""
    places: dict[Hashable, list[int]] = {}
    for place, value in enumerate(values):
        if value is not None and isinstance(value, Hashable):
            places.setdefault(value, []).append(place)
    return {value: np.array(found, dtype=np.intp) for value, found in places.items()}


def _others_by_device(table: Table) -> dict[str, list[int]]:
    """The rows of chargers that have several, by the latest heartbeat first; what says nothing of one comes last."""
    found: dict[str, list[int]] = {}
    for row, device in enumerate(table.values("device_id")):
        found.setdefault(device, []).append(row)
    heard = np.nan_to_num(table.numbers("last_heartbeat"), nan=-np.inf)
    return {
        device: sorted(several, key=lambda row: (heard[row], row), reverse=True)
        for device, several in found.items()
        if len(several) > 1
    }


def _filled(fields: Mapping[str, Any], older: Mapping[str, Any]) -> dict[str, Any]:
    """A record's fields, and of an older one those that it leaves open."""
    told_now = any(fields.get(name) is not None for name in OF_THE_MOMENT)
    filled = dict(fields)
    for name, value in older.items():
        own = filled.get(name)
        if isinstance(own, Mapping) and isinstance(value, Mapping):
            filled[name] = _filled(own, value)
        elif own is None and not (told_now and name in OF_THE_MOMENT):
            filled[name] = value
    return filled


class Chargers(Mapping[str, Record]):
    """The metadata records of all chargers by id; a record is made when it is read.

    A charger's place is that of its id in the order of ids. Where a list holds several records of one charger (snapshots, or
    a case in parts) the one of the latest heartbeat counts, and what it leaves open is taken from those before it.
    """

    def __init__(self, table: Table) -> None:
        """Take the record list of the chargers."""
        self._table = table
        self._columns: dict[str, list[Any]] = {}
        self._values: dict[str, Sequence[Any]] = {}
        self._groups: dict[str, dict[Hashable, Rows]] = {}
        devices = table.values("device_id")
        rows = {device: row for row, device in enumerate(devices)}
        self._others = _others_by_device(table) if len(rows) < len(devices) else {}
        rows.update((device, others.pop(0)) for device, others in self._others.items())
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
            found = self._read[place] = self._whole(place, self._table.records[self._rows[place]])
        return found

    def _whole(self, place: int, record: Record) -> Record:
        """A charger's record with what its other records say besides."""
        others = self._others.get(self.ids[place], ())
        fields: Mapping[str, Any] = record.fields
        for row in others:
            fields = _filled(fields, self._table.records[row].fields)
        return replace(record, fields=fields) if others else record

    def _row_of(self, path: str, place: int) -> int:
        """The row of a charger's record that says what is at a dotted path; of several that of the latest heartbeat."""
        newest, others = self._rows[place], self._others.get(self.ids[place])
        if others is None:
            return newest
        asked = OF_THE_MOMENT if path in OF_THE_MOMENT else (path,)
        columns = [self._of_all_rows(each) for each in asked]
        told = (row for row in (newest, *others) if any(column[row] is not None for column in columns))
        return next(told, newest)

    def _rows_of(self, path: str) -> list[int]:
        """The same of all chargers, in order of places."""
        if not self._others:
            return self._rows
        rows = list(self._rows)
        for place in map(self._places.__getitem__, self._others):
            rows[place] = self._row_of(path, place)
        return rows

    def _of_all_rows(self, path: str) -> Sequence[Any]:
        if path not in self._values:
            self._values[path] = self._table.values(path)
        return self._values[path]

    def records(self, places: Iterable[int]) -> list[Record]:
        """The records of some chargers by their places."""
        wanted = [int(place) for place in places]
        missing = sorted({place for place in wanted if place not in self._read})
        if len(missing) > 1 and len(wanted) + len(self._read) < MOST_READ:
            rows = np.array([self._rows[place] for place in missing], dtype=np.intp)
            read = zip(missing, self._table.records_at(rows), strict=True)
            self._read.update((place, self._whole(place, record)) for place, record in read)
        return [self.record(place) for place in wanted]

    def column(self, path: str) -> list[Any]:
        """A column by its dotted path, in order of places; None where unknown."""
        if path not in self._columns:
            # read from end to end, as it is read soonest and words that come again are the same objects
            column = list(self._table.values(path))
            self._columns[path] = [column[row] for row in self._rows_of(path)]
        return self._columns[path]

    def value(self, path: str, device: str) -> Any:
        """A field of one charger by its dotted path; None where the field or the charger's metadata is unknown."""
        place = self._places.get(device)
        if place is None:
            return None
        if path in self._columns:
            return self._columns[path][place]
        return self._of_all_rows(path)[self._row_of(path, place)]

    def index(self, device: str, path: str) -> int | None:
        """The index of the record that says what is at a dotted path of a charger; None where it has no metadata."""
        place = self._places.get(device)
        if place is None:
            return None
        if device not in self._others:
            return int(self._indices[place])
        return int(self._table.indices(np.array([self._row_of(path, place)], dtype=np.intp))[0])

    @cached_property
    def _numbers(self) -> dict[str, Floats]:
        return {}

    def numbers(self, path: str) -> Floats:
        """A numeric column, timestamps as epoch seconds, in order of places; NaN where unknown."""
        if path not in self._numbers:
            self._numbers[path] = self._table.numbers(path)[self._rows_of(path)]
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
