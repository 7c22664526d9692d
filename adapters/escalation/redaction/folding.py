"""Text as it is compared: letters that look alike are one, and what cannot be seen is passed over."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

CUT = "…"
"""What stands where a text was cut: it is kept, since the word before it may be the beginning of an identifier."""

_NOT_ALNUM = re.compile(r"[^A-Za-z0-9]+")
_INVISIBLE = {"Cf", "Cc", "Mn", "Me"}

Payload = TypeVar("Payload")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in compatible letters without invisible ones; `places` says where each letter stands in the original.

    `places` is None where the two are the same.
    """

    text: str
    places: Sequence[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of the folded text stands in the original."""
        if self.places is None:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def folded(text: str) -> Folded:
    """A text folded: full-width letters become plain ones, accents and characters without width are dropped."""
    if text.isascii() and text.isprintable():
        return Folded(text)
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if character in "\t\r\n" or character.isspace():
            plain = "\n" if character in "\r\n" else " "
        elif character == CUT or (character.isascii() and character.isprintable()):
            plain = character
        else:
            plain = "".join(
                part
                for part in unicodedata.normalize("NFKD", character)
                if unicodedata.category(part) not in _INVISIBLE
            )
        letters.append(plain)
        places.extend([place] * len(plain))
    return Folded("".join(letters), places)


def normal(text: str) -> str:
    """What is left of a text to compare identifiers by: letters and digits, in lower case, in their plain form."""
    if not text.isascii():
        text = folded(text).text
        return "".join(character for character in text if character.isalnum()).casefold()
    return _NOT_ALNUM.sub("", text).lower()


@dataclass(frozen=True, slots=True)
class Hit(Generic[Payload]):
    """A known value found in a text: where, and what is known of it."""

    start: int
    end: int
    value: str
    payload: Payload


PREFIX = 3
"""Shortest value that is looked for in text (letters and digits): a shorter one would be found in any word."""


@dataclass
class Lexicon(Generic[Payload]):
    """Known values, found in a text in any case and with anything but letters and digits in between, in linear time."""

    _values: dict[str, Payload] = field(default_factory=dict)
    _lengths: dict[str, list[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: str, payload: Payload) -> None:
        """Take a value by its normal form; the first payload stays."""
        if len(value) < PREFIX or value in self._values:
            return
        self._values[value] = payload
        lengths = self._lengths.setdefault(value[:PREFIX], [])
        if len(value) not in lengths:
            lengths.append(len(value))
            lengths.sort(reverse=True)

    def get(self, value: str) -> Payload | None:
        """What is known of a value in its normal form."""
        return self._values.get(value)

    def items(self) -> Mapping[str, Payload]:
        """All values with what is known of them."""
        return self._values

    def hits(self, text: str) -> Iterator[Hit[Payload]]:
        """Every known value in a folded text, the longest at each place; places are those of the folded text."""
        if not self._values or len(text) < PREFIX:
            return
        if text.isascii():
            plain = _NOT_ALNUM.sub("", text).lower()
            places = None if len(plain) == len(text) else [m for m, c in enumerate(text) if c.isalnum()]
        else:
            places = []
            letters = []
            for place, character in enumerate(text):
                if character.isalnum():
                    lower = character.casefold()
                    letters.append(lower)
                    places.extend([place] * len(lower))
            plain = "".join(letters)
        for place in range(len(plain) - PREFIX + 1):
            for length in self._lengths.get(plain[place : place + PREFIX], ()):
                value = plain[place : place + length]
                payload = self._values.get(value)
                if payload is not None and len(value) == length:
                    first, last = place, place + length - 1
                    if places is not None:
                        first, last = places[first], places[last]
                    yield Hit(first, last + 1, value, payload)
