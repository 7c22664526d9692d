"""Phrases of a vocabulary: how they are written, the pattern of what they are met by, and the words such a place begins with.

`*` at the end of words stands for any ending, `|` parts words of which one stands there, `a & b` is met where both stand in one
sentence, in either order and few words apart, and what follows a `!` must not stand in the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import NamedTuple

from .texts import words_of

BETWEEN = 12
"""Words that may stand between the two parts of a phrase (our judgement: a clause of a report)."""

MAX_KEPT = 20_000
"""Phrases that are read once: when a vocabulary is looked through for what is wrong, and when it is first asked (our judgement: three
times those of all faults)."""

WORD = re.compile(r"\w+")
_PLAIN = re.compile(r"[a-z0-9]+(?: [a-z0-9]+)*")
"""Words as `words_of` leaves them."""
_BOUNDED = re.compile(r"\w(.*\w)?")


class Words(NamedTuple):
    """Words that stand one after the other; the last may have any ending where `open` says so."""

    text: str
    open: bool

    @property
    def pattern(self) -> str:
        """What they are met by, between the bounds of words."""
        return re.escape(self.text).replace(r"\ ", " ") + (r"\w*" if self.open else "")

    @property
    def first(self) -> Words:
        """The word with which each place begins that they are met at; an open one without letters where there is none."""
        word = WORD.match(self.text)
        return Words("", True) if word is None else Words(word[0], self.open and word.end() == len(self.text))


@dataclass(frozen=True)
class Phrase:
    """One part, or two of which each stands there, each of them words of which one stands there; and words that must not."""

    parts: tuple[tuple[Words, ...], ...]
    barring: tuple[Words, ...] = ()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What it is met by in the words of a sentence, with groups where it has two parts."""
        parts = [*map(_pattern, self.parts)]
        if len(parts) == 1:
            return re.compile(parts[0])
        first, second = parts
        between = rf"(?: \S+){{0,{BETWEEN}}}? "
        return re.compile(rf"({first}){between}({second})|({second}){between}({first})")

    def is_barred(self, sentence: str) -> bool:
        """Whether a sentence has words that must not stand there."""
        return self._barring is not None and self._barring.search(sentence) is not None

    @cached_property
    def _barring(self) -> re.Pattern[str] | None:
        return re.compile(_pattern(self.barring)) if self.barring else None


@lru_cache(MAX_KEPT)
def phrase_of(written: str) -> Phrase:
    """A phrase as it is written in a vocabulary."""
    asked, mark, barring = written.partition("!")
    return Phrase(tuple(map(_part, asked.split("&"))), _part(barring) if mark else ())


def _pattern(part: Iterable[Words]) -> str:
    return rf"\b(?:{'|'.join(words.pattern for words in part)})\b"


def _part(written: str) -> tuple[Words, ...]:
    return tuple(map(_words, written.split("|")))


def _words(written: str) -> Words:
    written = written.strip()
    text = written.rstrip("*")
    return Words(text if _PLAIN.fullmatch(text) else words_of(text), len(text) < len(written))


def phrase_problem(written: str) -> str | None:
    """What is wrong with a phrase of a vocabulary, None where nothing is."""
    phrase = phrase_of(written)
    if len(phrase.parts) > 2:
        return f"the phrase {written!r} has more than two parts"
    for words in chain(*phrase.parts, phrase.barring):
        if _PLAIN.fullmatch(words.text):
            continue
        if not words.text:
            return f"the phrase {written!r} has a part without words"
        if not _BOUNDED.fullmatch(words.text):
            return f"the phrase {written!r} has words that no text is met by: {words.text!r} begins or ends with a sign"
        if set("*?") & set(words.text):
            return f"the phrase {written!r} has a * or ? within its words, which stands for nothing there"
    return None
