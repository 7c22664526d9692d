"""Names in order, found by bisection: what it takes to know many chargers without an object for each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

import numpy as np

from .arrays import BLOCK, Lazy, Texts, texts_of

Item = TypeVar("Item", covariant=True)

NEIGHBOURS = 64
"""Names that are read at once (our judgement: as long as a search among all of a large fleet takes)."""

MANY_NAMES = 1_000
"""Names from which on they are kept in arrays (our judgement: fewer are found sooner in a dictionary, whose size is no matter)."""


class OrderedNames:
    """Different names in ascending order."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self._found: dict[str, int | None] = {}
        self._last_read: tuple[int, list[str]] = (-1, [])

    def __reduce__(self) -> tuple[type[OrderedNames], tuple[Texts]]:
        return OrderedNames, (self.texts,)

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[str]:
        return (name or "" for name in self.texts)

    def __getitem__(self, place: int) -> str:
        return self.texts[place] or ""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.place(name) is not None

    def place(self, name: str) -> int | None:
        """The place of a name among all; None where it is none of them."""
        if name not in self._found:
            if len(self._found) >= BLOCK:
                self._found.clear()
            start = max(bisect_right(self._heads, name) - 1, 0) * NEIGHBOURS
            names = self._neighbours(start)
            place = bisect_left(names, name)
            self._found[name] = start + place if place < len(names) and names[place] == name else None
        return self._found[name]

    @cached_property
    def _heads(self) -> list[str]:
        return [self[start] for start in range(0, len(self), NEIGHBOURS)]

    def _neighbours(self, start: int) -> list[str]:
        """The names from one on, which are kept: who asks for many asks for them in order."""
        there, names = self._last_read
        if there != start:
            end = min(start + NEIGHBOURS, len(self))
            names = [name or "" for name in self.texts.between(start, end)] if end else []
            self._last_read = start, names
        return names


class Pairs(ItemsView[str, Item]):
    """The items of a mapping by names in order, gone through without looking each of them up."""

    def __init__(self, mapping: Mapping[str, Item], pairs: Callable[[], Iterator[tuple[str, Item]]]) -> None:
        super().__init__(mapping)
        self._pairs = pairs

    def __iter__(self) -> Iterator[tuple[str, Item]]:
        return self._pairs()


def names_by(pairs: Iterable[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    """The names that go with each key, in order, from pairs of a key and a name."""
    ordered = sorted(set(pairs))
    if len(ordered) >= MANY_NAMES:
        return _NamesByKey(ordered)
    return {key: [name for _, name in those] for key, those in groupby(ordered, itemgetter(0))}


class _NamesByKey(Mapping[str, Sequence[str]]):
    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Take different pairs in order."""
        names = sorted({name for _, name in pairs})
        place = {name: number for number, name in enumerate(names)}
        firsts = [number for number, pair in enumerate(pairs) if not number or pair[0] != pairs[number - 1][0]]
        self._keys = OrderedNames(texts_of([pairs[first][0] for first in firsts]))
        self._begins = np.array([*firsts, len(pairs)], dtype=np.int64)
        self._names = OrderedNames(texts_of(names))
        self._places = np.array([place[name] for _, name in pairs], dtype=np.int32)

    def __getitem__(self, key: str) -> Sequence[str]:
        place = self._keys.place(key)
        if place is None:
            raise KeyError(key)
        begin, end = self._begins[place : place + 2].tolist()
        # made when they are read: who asks for those of a common key reads the first ones
        return Lazy(end - begin, lambda each: self._names[int(self._places[begin + each])])

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
