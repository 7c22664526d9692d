"""Columns of records as arrays: numbers, flags, texts and lists of objects, read value by value or many at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from ...engine.facts import iso_timestamp
from ..observations import Floats, Rows
from ..records import Leaf

Item = TypeVar("Item")
Whole = NDArray[np.int64]

UNKNOWN_FLAG = -1
"""Stands for a flag that is not known, beside 0 and 1."""

BLOCK = 4096
"""Values read at once where a whole column is walked through (our judgement: small beside any table)."""


class Made(Sequence[Item]):
    """A sequence whose items are made when they are read."""

    @abstractmethod
    def _item(self, place: int) -> Item:
        """The item at a place, counted from the start."""

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> list[Item]: ...
    def __getitem__(self, place: int | slice) -> Item | list[Item]:
        length = len(self)
        if isinstance(place, slice):
            return [self._item(each) for each in range(*place.indices(length))]
        if not -length <= place < length:
            raise IndexError(place)
        return self._item(int(place) % length)

    def __iter__(self) -> Iterator[Item]:
        return map(self._item, range(len(self)))


class Lazy(Made[Item]):
    """A sequence whose items a function makes; `make_all` makes one after the other."""

    def __init__(
        self, length: int, make: Callable[[int], Item], make_all: Callable[[], Iterator[Item]] | None = None
    ) -> None:
        self._length = length
        self._make = make
        self._make_all = make_all

    def __len__(self) -> int:
        return self._length

    def _item(self, place: int) -> Item:
        return self._make(place)

    def __iter__(self) -> Iterator[Item]:
        return map(self._make, range(self._length)) if self._make_all is None else self._make_all()


class Texts(Made[str | None]):
    """A column of texts: their letters in UTF-8, one after the other, and where each begins; an empty one is unknown."""

    def __init__(self, begins: Whole, letters: NDArray[np.uint8]) -> None:
        self.begins = begins
        self.letters = letters

    def __len__(self) -> int:
        return len(self.begins) - 1

    def __reduce__(self) -> tuple[type[Texts], tuple[Whole, NDArray[np.uint8]]]:
        return Texts, (self.begins, self.letters)

    def at(self, rows: Rows) -> Texts:
        """The texts of some rows."""
        begins, places = _moved(self.begins, rows)
        return Texts(begins, self.letters[places])

    def rows_with(self, word: str) -> Rows:
        """The rows that have a text, ascending."""
        rows = np.flatnonzero(np.diff(self.begins) == len(word.encode()))
        for place, letter in enumerate(word.encode()):
            rows = rows[self.letters[self.begins[rows] + place] == letter]
        return rows

    def _item(self, place: int) -> str | None:
        return self.letters[self.begins[place] : self.begins[place + 1]].tobytes().decode() or None

    def between(self, start: int, end: int) -> list[str | None]:
        """The texts from a row up to another."""
        begins = self.begins[start : end + 1]
        letters = self.letters[begins[0] : begins[-1]].tobytes()
        stretches = pairwise((begins - begins[0]).tolist())
        if letters.isascii():
            text = letters.decode()
            return [text[here:there] or None for here, there in stretches]
        return [letters[here:there].decode() or None for here, there in stretches]

    def __iter__(self) -> Iterator[str | None]:
        # a text that comes again is the same object: names and words do, and who keeps them keeps each once
        known: dict[str | None, str | None] = {}
        for start in range(0, len(self), BLOCK):
            texts = self.between(start, min(start + BLOCK, len(self)))
            if len(known) > BLOCK:
                known = {}
            yield from map(known.setdefault, texts, texts)


class Coded(Made[str | None]):
    """A column of texts of which many are the same: the different ones, and by its place among them which each row has."""

    def __init__(self, codes: NDArray[np.integer[Any]], words: Sequence[str | None] | NDArray[np.object_]) -> None:
        self.codes = codes
        self._words = np.empty(len(words), dtype=object)
        self._words[:] = words

    def __len__(self) -> int:
        return len(self.codes)

    def _item(self, place: int) -> str | None:
        found: str | None = self._words[self.codes[place]]
        return found

    def __iter__(self) -> Iterator[str | None]:
        return iter(self.between(0, len(self)))

    def at(self, rows: Rows) -> Coded:
        """The texts of some rows."""
        return Coded(self.codes[rows], self._words)

    def of(self, rows: Rows) -> list[str | None]:
        """The texts of some rows as a list."""
        found: list[str | None] = self._words[self.codes[rows]].tolist()
        return found

    def between(self, start: int, end: int) -> list[str | None]:
        """The texts from a row up to another."""
        found: list[str | None] = self._words[self.codes[start:end]].tolist()
        return found

    def rows_with(self, word: str) -> Rows:
        """The rows that have a text, ascending."""
        return np.flatnonzero(self.one_of((word,), np.arange(len(self), dtype=np.intp)))

    def one_of(self, words: Container[str | None], rows: Rows) -> NDArray[np.bool_]:
        """Which of some rows have one of some words; None is none at all."""
        meant = np.array([word in words for word in self._words.tolist()], dtype=bool)
        return np.asarray(meant[self.codes[rows]])

    def letters(self) -> Texts:
        """The same column with each text written out."""
        return texts_of([word or "" for word in self._words.tolist()]).at(self.codes.astype(np.intp))


def texts_of(texts: Sequence[str]) -> Texts:
    """A column of some texts."""
    written = [text.encode() for text in texts]
    begins = np.concatenate(([0], np.cumsum([len(text) for text in written], dtype=np.int64))).astype(np.int64)
    return Texts(begins, np.frombuffer(b"".join(written), dtype=np.uint8))


class Objects(Made[list[dict[str, Any]] | None]):
    """A column of lists of objects: their values in columns of their own, where each list begins, and which are known."""

    def __init__(self, leaf: Leaf, known: NDArray[np.int8], begins: Whole, parts: Mapping[str, Column]) -> None:
        self.leaf = leaf
        self.known = known
        self.begins = begins
        self.parts = parts

    def __len__(self) -> int:
        return len(self.known)

    def _item(self, place: int) -> list[dict[str, Any]] | None:
        return self._lists(place, place + 1)[0]

    def __iter__(self) -> Iterator[list[dict[str, Any]] | None]:
        for start in range(0, len(self), BLOCK):
            yield from self._lists(start, min(start + BLOCK, len(self)))

    def at(self, rows: Rows) -> Objects:
        """The lists of some rows."""
        begins, places = _moved(self.begins, rows)
        return Objects(
            self.leaf, self.known[rows], begins, {path: at(part, places) for path, part in self.parts.items()}
        )

    def parts_at(self, path: str, rows: Rows) -> tuple[Rows, list[Any]]:
        """Of each object in the lists of some rows, the place of its row among these and its value at a path."""
        begins, places = _moved(self.begins, rows)
        owners = np.repeat(np.arange(len(rows), dtype=np.intp), np.diff(begins))
        if path not in self.parts:
            return owners, [None] * len(owners)
        kind = next(part.kind for part in self.leaf.parts if part.path == path)
        reader = READERS[kind]
        found = picked(self.parts[path], places)
        return owners, list(found) if reader is _same else [reader(value) for value in found]

    def _lists(self, start: int, end: int) -> list[list[dict[str, Any]] | None]:
        begins = self.begins[start : end + 1].tolist()
        columns = [
            (
                part.path,
                [READERS[part.kind](value) for value in between(self.parts[part.path], begins[0], begins[-1])],
            )
            for part in self.leaf.parts
            if part.path in self.parts
        ]
        items = [
            {path: values[place] for path, values in columns if values[place] is not None}
            for place in range(begins[-1] - begins[0])
        ]
        known = self.known[start:end].tolist()
        return [
            items[begin - begins[0] : end - begins[0]] if there else None
            for there, (begin, end) in zip(known, pairwise(begins), strict=True)
        ]


Column = Floats | NDArray[np.int8] | Texts | Coded | Objects
"""Numbers and timestamps (epoch seconds; NaN unknown), flags (UNKNOWN_FLAG), texts (JSON text among them), or lists."""


def _moved(begins: Whole, rows: Rows) -> tuple[Whole, Rows]:
    """Where some of the rows begin once they stand one after the other, and the places of what they hold."""
    lengths = begins[rows + 1] - begins[rows]
    moved = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)))
    return moved, np.arange(moved[-1]) + np.repeat(begins[rows] - moved[:-1], lengths)


def at(column: Column, rows: Rows) -> Any:
    """A column's values of some rows, as a column."""
    return column.at(rows) if isinstance(column, (Texts, Coded, Objects)) else column[rows]


def picked(column: Column, rows: Rows) -> Sequence[Any]:
    """The stored values of some rows."""
    if len(rows) == 1:
        return [column[int(rows[0])]]
    if isinstance(column, Coded):
        return column.of(rows)
    found = at(column, rows)
    return list(found) if isinstance(found, Made) else list(found.tolist())


def between(column: Column, start: int, end: int) -> Sequence[Any]:
    """The stored values from a row up to another."""
    if isinstance(column, (Texts, Coded)):
        return column.between(start, end)
    found = column[start:end]
    return found if isinstance(found, list) else list(found.tolist())


def read(column: Column, leaf: Leaf) -> Sequence[Any]:
    """A column's values as validated fields have them, each made when it is read."""
    if isinstance(column, (Objects, Coded)) or (isinstance(column, Texts) and leaf.kind != "free"):
        return column
    reader = READERS[leaf.kind]

    def all_of_them() -> Iterator[Any]:
        for start in range(0, len(column), BLOCK):
            yield from map(reader, between(column, start, min(start + BLOCK, len(column))))

    return Lazy(len(column), lambda row: reader(column[row]), all_of_them)


def unknown(leaf: Leaf, rows: int) -> Column:
    """A column of values that are all unknown."""
    if leaf.kind in ("number", "whole", "moment"):
        return np.full(rows, np.nan)
    if leaf.kind == "flag":
        return np.full(rows, UNKNOWN_FLAG, dtype=np.int8)
    begins = np.zeros(rows + 1, dtype=np.int64)
    if leaf.kind == "objects":
        return Objects(
            leaf, np.zeros(rows, dtype=np.int8), begins, {part.path: unknown(part, 0) for part in leaf.parts}
        )
    return Texts(begins, np.empty(0, dtype=np.uint8))


BEGINS = ".begins"
"""How the name of an array ends that says where values begin in another."""


def arrays(column: Column, name: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays that a column is made of, by names that begin with its own."""
    if isinstance(column, Coded):
        yield from arrays(column.letters(), name)
    elif isinstance(column, Texts):
        yield f"{name}{BEGINS}", column.begins
        yield f"{name}.letters", column.letters
    elif isinstance(column, Objects):
        yield f"{name}.known", column.known
        yield f"{name}{BEGINS}", column.begins
        for path, part in column.parts.items():
            yield from arrays(part, f"{name}.{path}")
    else:
        yield name, column


def column_of(leaf: Leaf, name: str, array: Callable[[str, str], Any]) -> Column:
    """A column made of the arrays that `array` gives by name and type."""
    if leaf.kind in ("number", "whole", "moment", "flag"):
        numbers: Column = array(name, "i1" if leaf.kind == "flag" else "<f8")
        return numbers
    begins = array(f"{name}{BEGINS}", "<i8")
    if leaf.kind == "objects":
        parts = {part.path: column_of(part, f"{name}.{part.path}", array) for part in leaf.parts}
        return Objects(leaf, array(f"{name}.known", "i1"), begins, parts)
    return Texts(begins, array(f"{name}.letters", "u1"))


# What a stored value says


def _whole_or_float(value: float) -> float | int | None:
    """A number as people write it: 230 rather than 230.0."""
    return None if value != value else int(value) if value == int(value) else float(value)


def _moment(value: float) -> datetime | None:
    return None if value != value else datetime.fromtimestamp(round(float(value) * 1e6) / 1e6, tz=UTC)


def _same(value: Any) -> Any:
    return value


READERS: Mapping[str, Callable[[Any], Any]] = {
    "number": lambda value: None if value != value else float(value),
    "whole": lambda value: None if value != value else int(value),
    "moment": _moment,
    "flag": lambda value: None if value == UNKNOWN_FLAG else bool(value),
    "free": lambda value: None if value is None else from_json(value),
    "objects": _same,
    "word": _same,
    "key": _same,
    "text": _same,
}
"""By its kind, what turns a stored value into that of a validated field."""

PLAIN: Mapping[str, Callable[[Any], Any]] = {
    **READERS,
    "number": _whole_or_float,
    "moment": lambda value: None if value != value else iso_timestamp(float(value)),
}
"""By its kind, what turns a stored value into that of JSON."""
