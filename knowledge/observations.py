"""Observations: the records of a bundle, validated one by one and laid out in columns, in one canonical order.

The order depends on what the records say, never on how they arrived, so that a source's index and every value computed
from the columns are the same for any order of the same records.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain, groupby, pairwise
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from ..engine.facts import Source, iso_timestamp
from ..engine.knowledge_base import DataProblem
from .fault_codes import NoFaultCode, normal_code
from .records import SCHEMAS, SYNONYMS, TIME_FIELD, Leaf, adapter, branches, free_form, leaves, required_fields
from .taken_columns import LISTS, LaidOut, TakenColumns, values_of
from .taken_columns import Floats as Floats
from .taken_columns import Rows as Rows
from .timestamps import moment_of

MAX_DEPTH = 40
"""How deep a kept payload may nest (our judgement; serialisers give up at about 255)."""

MAX_BITS = 4096
"""Longest whole number kept in a payload (our judgement; Python refuses to write 4,300 digits)."""

MAX_WARNINGS_PER_FIELD = 100
"""Warnings of one list and field after which the rest is only counted (our judgement: nobody reads more)."""


EARLIEST, LATEST = -62_135_596_800.0, 253_402_300_799.0
"""The first and the last second, since 1970, that have a place on UTC's calendar."""


def epoch(moment: datetime) -> float:
    """Epoch seconds of a datetime; without an offset it is taken as UTC. Beyond UTC's calendar it is its nearest second."""
    seconds = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    return seconds if EARLIEST <= seconds <= LATEST else min(max(seconds, EARLIEST), LATEST)


_TIMESTAMP = TypeAdapter(datetime)


def parse_timestamp(value: Any) -> float | None:
    """Epoch seconds of ISO 8601 with any offset, or of epoch seconds or milliseconds; None where it is neither."""
    if isinstance(value, bool):
        return None
    try:
        return epoch(_TIMESTAMP.validate_python(value))
    except (ValidationError, ValueError, OverflowError):
        moment = moment_of(value) if isinstance(value, str) else None
        return None if moment is None else epoch(moment)


def plain_json(value: Any, depth: int = 0) -> Any:
    """A value as JSON can always hold it: lone surrogates replaced, NaN and infinities null, too deep nesting cut."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= MAX_BITS else "(number too long)"
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if depth >= MAX_DEPTH:
        return "(nested too deep)"
    if isinstance(value, Mapping):
        return {str(plain_json(str(key))): plain_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(item, depth + 1) for item in value]
    return plain_json(str(value))


def canonical_text(raw: Any) -> str:
    """A record as text that orders records of one key."""
    return json.dumps(plain_json(raw), sort_keys=True, ensure_ascii=True)


def repeats(name: str, suspects: Iterable[tuple[int, Mapping[str, Any], Mapping[str, Any]]]) -> set[int]:
    """Which of some valid records of a list mean the same as another that stands for them; each is given by its place, fields
    and as it was fed.

    Which of them stands follows from how its free-form values were written, then from all that was fed.
    """
    alike: dict[str, list[tuple[str, str, int]]] = {}
    for place, fields, raw in suspects:
        written = canonical_text([at_path(fields, path) for path in free_form(name)])
        alike.setdefault(_meaning(name, fields, raw), []).append((written, canonical_text(raw), place))
    return {place for same in alike.values() for *_, place in sorted(same)[1:]}


def _meaning(name: str, fields: Mapping[str, Any], raw: Mapping[str, Any]) -> str:
    """What a record of a list says, as text: equal for two that differ in nothing but how they were written.

    Values are those that were read, moments in UTC and fault codes in the dictionary's spelling; in free-form values a number
    and its digits as text are one, since tables know no other. What is null or empty says nothing. What the schema does not
    know, and what was left out of the record, counts as it was fed.
    """
    said = _said(fields)
    if said.get("connector_id") == "0":
        del said["connector_id"]  # the whole charger, as if none were named
    holder = said.get("data") if name == "events" else said if name == "heartbeats" else None
    if isinstance(holder, dict) and "fault_code" in holder:
        holder["fault_code"] = _code(name, fields) or holder["fault_code"]
    return json.dumps([said, _said(dict(_beside(name, fields, raw)))], sort_keys=True)


_CODE_AT = {"events": "data.fault_code", "heartbeats": "fault_code"}


def _code(name: str, fields: Mapping[str, Any]) -> str | None:
    """The fault code that a record names, in the dictionary's spelling; None where it names none that can be one."""
    value = at_path(fields, _CODE_AT[name]) if name in _CODE_AT else None
    with suppress(NoFaultCode):
        return None if value is None or value == "" else normal_code(value) or "no fault"
    return None


def _said(value: Any, depth: int = 0) -> Any:
    """A value with every single one in it as text, without those that say nothing."""
    if isinstance(value, Mapping):
        if depth >= MAX_DEPTH:
            return plain_json(value, depth)
        inner = ((str(plain_json(str(key))), _said(item, depth + 1)) for key, item in value.items())
        return {key: item for key, item in inner if item not in (None, "", {})}
    if isinstance(value, (list, tuple)):
        return [_said(item, depth + 1) for item in value] if depth < MAX_DEPTH else plain_json(value, depth)
    if isinstance(value, datetime):
        return str(round(epoch(value) * 1e6))
    plain = plain_json(value)
    if plain is None or isinstance(plain, str):
        return plain
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    return json.dumps(plain)


def _beside(
    name: str, fields: Mapping[str, Any], raw: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """What a record was fed and its fields do not hold, by dotted path."""
    for key, value in raw.items():
        path = f"{prefix}{key}"
        leaf = leaves(name).get(path)
        if leaf is None and path in branches(name) and isinstance(value, Mapping):
            yield from _beside(name, fields, value, f"{path}.")
        elif leaf is None or (at_path(fields, path) is None and not says_nothing(value)):
            yield path, value
        elif leaf.kind == "objects" and isinstance(value, list):
            known = {part.path for part in leaf.parts}
            if any(item.keys() - known for item in value if isinstance(item, Mapping)):
                yield path, value


@dataclass(frozen=True, slots=True)
class Record:
    """One valid record: its fields as validated, the record as fed, its time (epoch seconds) and canonical index."""

    fields: Mapping[str, Any]
    raw: Mapping[str, Any]
    time: float | None
    index: int

    @property
    def data(self) -> Mapping[str, Any]:
        """What an event carries; empty where that is nothing, or no object."""
        data = self.fields.get("data")
        return data if isinstance(data, Mapping) else {}


Entry = tuple[float | None, Mapping[str, Any] | None, Mapping[str, Any]]
"""A record as it was taken: its time (epoch seconds), its fields (None where it is skipped), the record as fed."""

Key = tuple[float, str, int]
"""What places a record in order: its time (infinite where it has none), its charger or site, its connector (0 for none)."""

_TIME, _OWNER, _CONNECTOR = (itemgetter(place) for place in range(3))


class Table(ABC):
    """One record list in canonical order, as rows and as columns.

    Columns are known by the dotted path of a value. A row is a place in this table; which place a record has in the whole
    list is its `index`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    @abstractmethod
    def records(self) -> Sequence[Record]:
        """The records; where they lie in columns, one is made when it is read."""

    @property
    @abstractmethod
    def times(self) -> Floats:
        """Epoch seconds of each record, NaN where it has none."""

    @property
    @abstractmethod
    def by_device(self) -> Mapping[str, Rows]:
        """Places of each device's records, in time order."""

    @property
    @abstractmethod
    def connectors(self) -> Floats:
        """Connector of each record, NaN where it names none (or 0, the whole charger)."""

    @abstractmethod
    def numbers(self, path: str) -> Floats:
        """A numeric column; NaN where unknown. Timestamps come as epoch seconds. Not to be written to."""

    @abstractmethod
    def texts(self, path: str) -> Sequence[str | None]:
        """A text column; None where unknown."""

    @abstractmethod
    def values(self, path: str) -> Sequence[Any]:
        """A column of values of any kind; None where unknown."""

    @abstractmethod
    def until(self, as_of: float) -> Table:
        """The records up to a moment (epoch seconds), and those without a time."""

    @property
    def left_out(self) -> Sequence[Entry]:
        """Records that take a place in the order and are not read: skipped ones, and identical ones."""
        return ()

    def texts_at(self, path: str, rows: Rows) -> list[str | None]:
        """The texts of some rows."""
        return [*map(self.texts(path).__getitem__, rows.tolist())]

    def values_at(self, path: str, rows: Rows) -> list[Any]:
        """The values of some rows."""
        return [*map(self.values(path).__getitem__, rows.tolist())]

    def rows_with(self, path: str, word: str) -> Rows:
        """The rows that have a word in a text column, ascending."""
        return np.array([row for row, said in enumerate(self.texts(path)) if said == word], dtype=np.intp)

    def one_of(self, path: str, words: Container[str | None], rows: Rows) -> NDArray[np.bool_]:
        """Which of some rows have one of some words in a text column; None is none at all."""
        return np.array([word in words for word in self.texts_at(path, rows)], dtype=bool)

    def parts_at(self, path: str, part: str, rows: Rows) -> tuple[Rows, list[Any]]:
        """Of each object in the lists that some rows have at a path, the place of its row among these and its value at a
        path of its own."""
        lists = self.values(path)
        listed = [lists[row] or () for row in rows.tolist()]
        numbers = np.fromiter(map(len, listed), dtype=np.intp, count=len(listed))
        owners = np.repeat(np.arange(len(listed), dtype=np.intp), numbers)
        return owners, values_of([*chain.from_iterable(listed)], part)

    @abstractmethod
    def part(self, rows: Rows) -> Table:
        """Some of the records, by their rows in ascending order; each keeps its index."""

    def records_at(self, rows: Rows) -> list[Record]:
        """The records of some rows."""
        return [*map(self.records.__getitem__, rows.tolist())]

    def indices(self, rows: Rows) -> NDArray[np.int64]:
        """The places that the records of some rows have in the whole list."""
        return np.fromiter((self.records[row].index for row in rows.tolist()), dtype=np.int64, count=len(rows))

    def source(self, row: int) -> Source:
        """Where a row came from."""
        return self.source_of(self.records[row])

    def source_of(self, record: Record) -> Source:
        """Where one of its records came from."""
        return Source(self.name, record.index, None if record.time is None else iso_timestamp(record.time))


class RecordTable(Table):
    """A record list held as records; columns are laid out when they are first read."""

    def __init__(
        self,
        name: str,
        records: Sequence[Record],
        left_out: Sequence[Entry] = (),
        keys: Sequence[Key] | None = None,
        laid_out: LaidOut | None = None,
    ) -> None:
        """Take records in canonical order, and by which keys they are in order and columns of them, where these are known already."""
        super().__init__(name)
        self._records = records
        self._left_out = left_out
        self._known_keys = keys
        self._laid_out = laid_out
        self._numbers: dict[str, Floats] = {}
        self._texts: dict[str, list[str | None]] = {}
        self._values: dict[str, list[Any]] = {}

    @property
    def records(self) -> Sequence[Record]:
        return self._records

    @cached_property
    def _keys(self) -> Sequence[Key]:
        known = self._known_keys
        return [_key_of(record.time, record.fields) for record in self._records] if known is None else known

    @cached_property
    def times(self) -> Floats:
        times = np.array([*map(_TIME, self._keys)], dtype=np.float64)
        times[np.isinf(times)] = np.nan
        return times

    @cached_property
    def by_device(self) -> Mapping[str, Rows]:
        if "device_id" not in leaves(self.name):
            return {}
        devices = [*map(_OWNER, self._keys)]
        if devices and devices.count(devices[0]) == len(devices):
            return {devices[0]: np.arange(len(devices), dtype=np.intp)}
        places: dict[str, list[int]] = {}
        for place, device in enumerate(devices):
            places.setdefault(device, []).append(place)
        return {device: np.array(rows, dtype=np.intp) for device, rows in places.items()}

    @cached_property
    def connectors(self) -> Floats:
        connectors = np.array([*map(_CONNECTOR, self._keys)], dtype=np.float64)
        connectors[connectors == 0] = np.nan
        return connectors

    def numbers(self, path: str) -> Floats:
        column = self._numbers.get(path)
        if column is None and self._laid_out is not None and (column := self._laid_out.numbers(path)) is not None:
            self._numbers[path] = column
        if column is None:
            parents, last = self._parents(path)
            try:
                found = map(itemgetter(last), parents)
                column = np.fromiter(found, dtype=np.float64, count=len(self._records))
            except (KeyError, TypeError, ValueError):
                column = _as_numbers(self.values(path))
            self._numbers[path] = column
        return column

    def texts(self, path: str) -> list[str | None]:
        column = self._texts.get(path)
        if column is None:
            column = [value if isinstance(value, str) else None for value in self.values(path)]
            self._texts[path] = column
        return column

    def values(self, path: str) -> list[Any]:
        column = self._values.get(path)
        if column is None and self._laid_out is not None and (column := self._laid_out.values(path)) is not None:
            self._values[path] = column
        if column is None:
            column = self._values[path] = values_of(*self._parents(path))
        return column

    def _parents(self, path: str) -> tuple[list[Any], str]:
        """What the records have where a dotted path comes from, and under which name they have it there."""
        parent, _, last = path.rpartition(".")
        return (self.values(parent) if parent else self._fields), last

    @cached_property
    def _fields(self) -> list[Mapping[str, Any]]:
        return [record.fields for record in self._records]

    def part(self, rows: Rows) -> RecordTable:
        return self._with(rows, ())

    def until(self, as_of: float) -> RecordTable:
        rows = np.flatnonzero(np.isnan(self.times) | (self.times <= as_of))
        return self._with(rows, [entry for entry in self._left_out if entry[0] is None or entry[0] <= as_of])

    def _with(self, rows: Rows, left_out: Sequence[Entry]) -> RecordTable:
        """Some of the records, and what takes a place in their order."""
        keys = [*map(self._keys.__getitem__, rows.tolist())]
        laid_out = None if self._laid_out is None else self._laid_out.of(rows)
        return RecordTable(self.name, self.records_at(rows), left_out, keys, laid_out)

    @property
    def left_out(self) -> Sequence[Entry]:
        return self._left_out


_NOTHING: Mapping[str, Any] = {}


def _as_numbers(values: Sequence[Any]) -> Floats:
    """Values as numbers; NaN where unknown, or no number."""
    if values and values[0] is None and values.count(None) == len(values):
        return np.full(len(values), np.nan)  # NumPy takes its time with None, and much of a schema is not there at all
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array([number_of(value) for value in values], dtype=np.float64)


def at_path(fields: Any, path: str) -> Any:
    """The value at a dotted path, None where any part of it is missing."""
    for part in path.split("."):
        if not isinstance(fields, Mapping):
            return None
        fields = fields.get(part)
    return fields


def number_of(value: Any) -> float:
    """A value as a number: timestamps as epoch seconds, NaN where it is none."""
    if isinstance(value, datetime):
        return epoch(value)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else np.nan


_OTHER_TIMES = (
    ("devices", "last_heartbeat"), ("devices", "online_since"), ("devices", "offline_since"),
    ("charging_records", "end_time"), ("commands", "updated_at"),
)  # fmt: skip
"""What tells the time besides the field that places a record in it."""


@dataclass(frozen=True)
class Observations:
    """A bundle read: one table a record list, the moment of the diagnosis, and every problem met on the way."""

    tables: Mapping[str, Table]
    stated_as_of: float | None
    problems: Sequence[DataProblem]

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    @cached_property
    def newest(self) -> float | None:
        """The newest timestamp in the bundle, epoch seconds."""
        times = [float(np.nanmax(t.times)) for t in self.tables.values() if np.isfinite(t.times).any()]
        for name, path in _OTHER_TIMES:
            column = self.tables[name].numbers(path)
            if np.isfinite(column).any():
                times.append(float(np.nanmax(column)))
        return max(times, default=None)

    @property
    def as_of(self) -> float | None:
        """The stated moment of the diagnosis, else the newest timestamp."""
        return self.newest if self.stated_as_of is None else self.stated_as_of

    def until(self, as_of: float) -> Observations:
        """The observations as they stood at a moment: what came later is left out."""
        return Observations({name: table.until(as_of) for name, table in self.tables.items()}, as_of, self.problems)

    def with_records(self, name: str, records: Iterable[Any]) -> Observations:
        """These observations with some more records of one list, as if they had been fed together with the others.

        Records are validated like all others; a warning names their place among those given here.
        """
        builder = ObservationsBuilder(list(self.problems), self.stated_as_of)
        table = self.tables.get(name)
        if table is not None:
            builder.retake(table)
        builder.add_list(name, list(records))
        grown = builder.build()
        tables = self.tables if table is None else {**self.tables, name: grown[name]}
        return Observations(tables, self.stated_as_of, grown.problems)


@dataclass
class ObservationsBuilder:
    """Takes records as they come, in any order, and makes Observations of them. Never raises for what they hold."""

    problems: list[DataProblem] = field(default_factory=list)
    as_of: float | None = None
    _entries: dict[str, list[Entry]] = field(default_factory=dict)
    _columns: dict[str, TakenColumns] = field(default_factory=lambda: {name: TakenColumns(name) for name in LISTS})
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def state_as_of(self, value: Any) -> None:
        """Take the bundle's `as_of`; one that is no timestamp becomes a warning."""
        if value is None:
            return
        self.as_of = parse_timestamp(value)
        if self.as_of is None:
            self.problems.append(
                DataProblem(
                    "bundle", None, "as_of", f"{shown(value)} is no timestamp; the newest one in the bundle is used"
                )
            )

    def add_list(self, name: str, records: Any) -> None:
        """Take a whole record list."""
        if name not in SCHEMAS:
            self.problems.append(
                DataProblem(
                    name[:256], None, None, f"no such record list; known are {', '.join(SCHEMAS)}", skipped=True
                )
            )
            return
        if records is None:
            return
        if isinstance(records, Mapping):
            records = [records]
        if not isinstance(records, (list, tuple)):
            self.problems.append(
                DataProblem(name, None, None, f"a list is expected, not {_kind(records)}", skipped=True)
            )
            return
        for index, record in enumerate(records):
            self.add(name, index, record)

    def add(self, name: str, index: int, record: Any) -> None:
        """Take one record of a list; `index` is its place as fed, for warnings."""
        entries = self._entries.setdefault(name, [])
        if record.__class__ is not dict and not isinstance(record, Mapping):
            self._warn(name, index, None, f"a record is expected, not {_kind(record)}; it is skipped", skipped=True)
            return
        raw: Mapping[str, Any] = record
        try:
            fields = adapter(name).validator.validate_python(record)
        except ValidationError as error:
            fields = self._mended(name, index, record, error)
        time_field = TIME_FIELD.get(name, "timestamp")
        if fields is None:
            entries.append((parse_timestamp(raw.get(time_field)) if time_field else None, None, raw))
            return
        moment = fields.get(time_field) if time_field else None
        entries.append((None if moment is None else epoch(moment), fields, raw))
        if name in LISTS:
            self._columns[name].take(fields)

    def retake(self, table: Table) -> None:
        """Take what another builder has taken and validated before."""
        entries = self._entries.setdefault(table.name, [])
        for entry in chain(((record.time, record.fields, record.raw) for record in table.records), table.left_out):
            entries.append(entry)
            if table.name in LISTS and entry[1] is not None:
                self._columns[table.name].take(entry[1])

    def _mended(
        self, name: str, index: int, record: Mapping[str, Any], error: ValidationError
    ) -> Mapping[str, Any] | None:
        """The record's fields without those that do not fit, each with a warning. None where a needed one is bad."""
        found = error.errors(include_url=False, include_context=False)
        mended: Any = _copied(record)
        needed = required_fields(name)
        bad = False
        for problem in found:
            leaf, path = _leaf_at(name, problem["loc"])
            given = _value_at(mended, path)
            if leaf is not None and (better := respelled(leaf, given)) is not None:
                _parent(mended, path)[path[-1]] = better
                continue
            if not path or (len(path) == 1 and path[0] in needed):
                bad = True
                label = str(path[0]) if path else None
                missing = problem["type"] == "missing"
                what = "is missing" if missing else f"{shown(problem['input'])}: {_sentence(problem['msg'])}"
                self._warn(name, index, label, f"{what}; the record is skipped", skipped=True)
                continue
            _drop(mended, path)
            if says_nothing(given):
                continue
            label = ".".join(str(part) for part in path)
            self._warn(name, index, label, f"{shown(given)}: {_sentence(problem['msg'])}; the field is left out")
        if bad:
            return None
        try:
            mended_fields: Mapping[str, Any] = adapter(name).validator.validate_python(mended)
        except ValidationError as again_bad:
            again = again_bad.errors(include_url=False, include_context=False)[0]
            label = ".".join(str(part) for part in again["loc"]) or None
            self._warn(name, index, label, f"{_sentence(again['msg'])}; the record is skipped", skipped=True)
            return None
        return mended_fields

    def report(self, name: str, index: int | None, label: str | None, problem: str, *, skipped: bool = False) -> None:
        """Note a problem that whoever reads the records met before they came here."""
        self.problems.append(DataProblem(name, index, label, problem, skipped=skipped))

    def leave_out(self, name: str, index: int, path: str, value: Any) -> None:
        """Note a value that does not fit and is left out of its record, in the words in which `add` says it."""
        if self._counts.get((name, path), 0) >= MAX_WARNINGS_PER_FIELD:
            self._counts[(name, path)] += 1
            return
        try:
            leaves(name)[path].validator.validate_python(value)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)[0]
            self._warn(name, index, path, f"{shown(value)}: {_sentence(found['msg'])}; the field is left out")

    def count_more(self, name: str, path: str, records: int) -> None:
        """Count records that nobody looked at, since they all have a field's problem that has been told of others."""
        self._counts[(name, path)] = self._counts.get((name, path), 0) + records

    def _warn(self, name: str, index: int, label: str | None, problem: str, *, skipped: bool = False) -> None:
        key = (name, label or "")
        count = self._counts[key] = self._counts.get(key, 0) + 1
        if count <= MAX_WARNINGS_PER_FIELD:
            self.problems.append(DataProblem(name, index, label, problem, skipped=skipped))

    def build(self) -> Observations:
        """The observations of everything taken so far."""
        tables = {name: _table_of(name, self.entries(name), self._columns.get(name)) for name in SCHEMAS}
        return Observations(tables, self.as_of, self.all_problems())

    def entries(self, name: str) -> Sequence[Entry]:
        """The records of a list as they were taken, in the order they came."""
        return self._entries.get(name, [])

    def all_problems(self) -> list[DataProblem]:
        """The problems met so far; of very many of a kind, how many more there are."""
        problems = list(self.problems)
        for (name, label), count in sorted(self._counts.items()):
            if count > MAX_WARNINGS_PER_FIELD:
                more = count - MAX_WARNINGS_PER_FIELD
                said = f"{more} more {'record has' if more == 1 else 'records have'} a problem of this kind"
                problems.append(DataProblem(name, None, label or None, said, more=more))
        return problems


def _key_of(time: float | None, fields: Mapping[str, Any]) -> Key:
    """The key by which a record stands in order."""
    owner = fields.get("device_id") or fields.get("site_id") or ""
    return (float("inf") if time is None else time, owner, fields.get("connector_id") or 0)


def _table_of(name: str, entries: Sequence[Entry], columns: TakenColumns | None) -> RecordTable:
    """Valid records by their keys and then content; of those that mean the same each counts a place and one stands.

    `columns` have taken the valid ones.
    """
    keys = [_key_of(time, fields or _NOTHING) for time, fields, _ in entries]
    order, repeated = _untied(name, sorted(range(len(keys)), key=keys.__getitem__), keys, entries)
    records: list[Record] = []
    left_out: list[Entry] = []
    kept: list[int] = []
    for index, place in enumerate(order):
        time, fields, raw = entries[place]
        if fields is None or place in repeated:
            left_out.append(entries[place])
        else:
            records.append(Record(fields, raw, time, index))
            kept.append(place)
    laid_out = None
    if columns is not None and records:
        valid = np.fromiter((fields is not None for _, fields, _ in entries), dtype=bool, count=len(entries))
        laid_out = columns.in_order((np.cumsum(valid) - 1)[kept])
    return RecordTable(name, records, left_out, [*map(keys.__getitem__, kept)], laid_out)


def _untied(name: str, order: list[int], keys: Sequence[Key], entries: Sequence[Entry]) -> tuple[list[int], set[int]]:
    """Places of entries with those of equal keys ordered by content, and which of them mean the same as another that stands."""
    repeated: set[int] = set()
    if len(set(keys)) == len(keys):
        return order, repeated
    untied: list[int] = []
    suspects: list[int] = []
    for _, tied in groupby(order, key=keys.__getitem__):
        group = list(tied)
        if len(group) > 1:
            texts = {place: canonical_text(entries[place][2]) for place in group}
            group.sort(key=texts.__getitem__)
            repeated.update(place for before, place in pairwise(group) if texts[before] == texts[place])
            suspects += _suspects(name, [place for place in group if place not in repeated], entries)
        untied += group
    fed = ((place, entries[place][1] or _NOTHING, entries[place][2]) for place in suspects)
    return untied, repeated | repeats(name, fed)


_PLAINLY_TOLD = (str, int, float, bool)
"""Types of values that are equal where they mean the same; moments are not always, with and without an offset."""


def _suspects(name: str, places: Sequence[int], entries: Sequence[Entry]) -> Iterator[int]:
    """Of valid records of one key those that another one may mean the same as: what is told in one way only is equal."""
    signs: dict[tuple[str | None, frozenset[Any]], list[int]] = {}
    free = free_form(name)
    for place in places:
        fields = entries[place][1]
        if fields is not None:
            told = ((k, v) for k, v in fields.items() if v and v.__class__ in _PLAINLY_TOLD and k not in free)
            signs.setdefault((_code(name, fields), frozenset(told)), []).append(place)
    return (place for alike in signs.values() if len(alike) > 1 for place in alike)


def _copied(value: Any, depth: int = 0) -> Any:
    """A record of its own as deep as anything in it is mended, which is far above MAX_DEPTH."""
    if depth < MAX_DEPTH and isinstance(value, Mapping):
        return {key: _copied(item, depth + 1) for key, item in value.items()}
    return [_copied(item, depth + 1) for item in value] if depth < MAX_DEPTH and isinstance(value, list) else value


def _parent(record: Any, path: Sequence[Any]) -> Any:
    for part in path[:-1]:
        try:
            record = record[part]
        except (KeyError, IndexError, TypeError):
            return None
    return record


def _value_at(record: Any, path: Sequence[Any]) -> Any:
    """What stands at a path of names and places in lists; None where nothing does."""
    parent = _parent(record, path)
    try:
        return parent[path[-1]] if path else None
    except (KeyError, IndexError, TypeError):
        return None


def _leaf_at(name: str, loc: Sequence[Any]) -> tuple[Leaf | None, Sequence[Any]]:
    """The value of a list's schema that a validator's path leads to, and the path to it: a list of texts is one value."""
    known = leaves(name)
    for end in range(1, len(loc) + 1):
        leaf = known.get(".".join(map(str, loc[:end])))
        if leaf is not None and leaf.kind == "objects":
            within = loc[end + 1 :]  # behind the place in the list
            return next((part for part in leaf.parts if [part.path] == list(within)), None), loc
        if leaf is not None:
            return leaf, loc[:end]
    return None, loc


def says_nothing(value: Any) -> bool:
    """Null and empty text say that a value is not known, which needs no warning."""
    return value is None or (isinstance(value, str) and value.strip().lower() in ("", "null", "none", "n/a"))


def _drop(record: Any, path: Sequence[Any]) -> None:
    parent = _parent(record, path)
    try:
        if isinstance(parent, list):
            parent[path[-1]] = {}
        else:
            del parent[path[-1]]
    except (KeyError, IndexError, TypeError):
        return


def respelled(leaf: Leaf, value: Any) -> str | datetime | None:
    """A word that is spelled another way, in the contract's spelling, and a timestamp that only we read; None where it is
    none of the value's words, or no moment."""
    if not isinstance(value, str):
        return None
    if leaf.kind == "moment":
        return moment_of(value)
    if not leaf.words:
        return None
    word = value.strip().lower()
    better = SYNONYMS.get(leaf.path.rpartition(".")[2], {}).get(word, word)
    return better if better != value and better in leaf.words else None


def _kind(value: Any) -> str:
    names = {"NoneType": "null", "str": "text", "int": "a number", "float": "a number", "bool": "true or false",
             "list": "a list", "dict": "an object"}  # fmt: skip
    return names.get(type(value).__name__, type(value).__name__)


def shown(value: Any) -> str:
    """A value as a warning quotes it, at most 60 characters."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return json.dumps(value)  # null, NaN and Infinity, as they were fed
    text = repr(plain_json(value)) if not isinstance(value, str) else repr(plain_json(value[:60]))
    return text if len(text) <= 60 else f"{text[:57]}…"


def _sentence(message: str) -> str:
    return message[:1].lower() + message[1:160]


def observe(lists: Mapping[str, Iterable[Any]], as_of: Any = None) -> Observations:
    """Observations of record lists held in memory, as a service has them."""
    builder = ObservationsBuilder()
    builder.state_as_of(as_of)
    for name, records in lists.items():
        given = isinstance(records, (Mapping, str, list)) or not isinstance(records, Iterable)
        builder.add_list(str(name), records if given else list(records))
    return builder.build()
