"""Which topics of a fault's vocabulary a sentence mentions.

A vocabulary has hundreds of phrases and a sentence mentions few topics, so patterns are tried, and made, only for topics of which a
phrase has the first words of all its parts in the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

from ..engine.knowledge_base import Fault
from .phrases import WORD, Phrase, Words, pattern_of, phrase_of
from .texts import is_mentioned


class _Topic:
    def __init__(self, name: str, phrases: Sequence[Phrase]) -> None:
        self.name = name
        self.phrases = phrases

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(pattern_of, self.phrases)))


class Topics:
    """Topics of a vocabulary by their names, each with its phrases."""

    def __init__(self, vocabulary: Mapping[str, Sequence[str]]) -> None:
        self._topics = [_Topic(name, [*map(phrase_of, phrases)]) for name, phrases in sorted(vocabulary.items())]
        self._parts: list[tuple[int, frozenset[int]]] = []
        """For each part of a phrase the topic it is of, and the parts that have to be there for it to be met."""
        self._beginning: dict[Words, list[int]] = {}
        """Parts by the words that they may begin with."""
        for number, topic in enumerate(self._topics):
            for phrase in topic.phrases:
                together = range(len(self._parts), len(self._parts) + len(phrase))
                self._parts += [(number, frozenset(together))] * len(phrase)
                for part, words in zip(together, phrase, strict=True):
                    for first in {each.first for each in words}:
                        self._beginning.setdefault(first, []).append(part)
        self._open_lengths = sorted({len(words.text) for words in self._beginning if words.open})

    def mentioned(self, sentence: str, among: Collection[object] | None = None) -> list[str]:
        """The topics that a sentence (lower-case words) mentions and does not deny, in order of their names; of some alone, where
        these are given."""
        possible = [self._topics[number] for number in sorted(self._possible(sentence))]
        return [
            topic.name
            for topic in possible
            if (among is None or topic.name in among) and is_mentioned(topic.pattern, sentence)
        ]

    def _possible(self, sentence: str) -> set[int]:
        begun = {part for words in self._firsts(sentence) for part in self._beginning.get(words, ())}
        return {number for number, together in map(self._parts.__getitem__, begun) if together <= begun}

    def _firsts(self, sentence: str) -> Iterator[Words]:
        """The words of a sentence as phrases may begin with them."""
        for word in {*WORD.findall(sentence)}:
            yield Words(word, False)
            yield from (Words(word[:length], True) for length in self._open_lengths if length <= len(word))


class FaultTopics:
    """The topics of a fault: all for reports of visits, and for other texts those that rules ask for of them."""

    def __init__(self, entry: Fault) -> None:
        self._topics = Topics(entry.vocabulary)
        self._beside_visits = {
            topic
            for rule in entry.rules
            for condition in rule.when
            if condition.fact is None or "visit" not in condition.fact
            for topic in (condition.is_, *(condition.in_ or ()))
        }

    def of_visit(self, sentence: str) -> list[str]:
        """The topics that a sentence of a visit's report mentions."""
        return self._topics.mentioned(sentence)

    def beside_visits(self, sentence: str) -> list[str]:
        """The topics that a sentence of another text mentions."""
        return self._topics.mentioned(sentence, self._beside_visits)


class _Same:
    """A fault's entry as a key: by identity, as its contents are many."""

    __slots__ = ("entry",)

    def __init__(self, entry: Fault) -> None:
        self.entry = entry

    def __hash__(self) -> int:
        return id(self.entry)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.entry is self.entry


def topics_of(entry: Fault) -> FaultTopics:
    """The topics of a fault, made once."""
    return _made(_Same(entry))


@lru_cache(maxsize=64)
def _made(same: _Same) -> FaultTopics:
    return FaultTopics(same.entry)
