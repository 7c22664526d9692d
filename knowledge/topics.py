"""Which topics of a fault's vocabulary a sentence mentions.

A vocabulary has hundreds of phrases and a sentence mentions few topics, so the patterns of those alone are tried, and made, whose
parts all have their first words in the sentence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache

from ..engine.knowledge_base import Fault
from .phrases import WORD, Phrase, Words, phrase_of
from .texts import is_mentioned


class Topics:
    """Topics of a vocabulary by their names, each with its phrases."""

    def __init__(self, vocabulary: Mapping[str, Sequence[str]]) -> None:
        self._phrases: list[tuple[str, Phrase]] = []
        """Each phrase with the topic that it mentions."""
        self._beginning: dict[Words, list[tuple[int, int]]] = {}
        """Phrases, and which of their parts, by the words that these may begin with."""
        for topic, written in sorted(vocabulary.items()):
            for phrase in map(phrase_of, written):
                for part, words in enumerate(phrase.parts):
                    for first in {each.first for each in words}:
                        self._beginning.setdefault(first, []).append((len(self._phrases), part))
                self._phrases.append((topic, phrase))
        self._open_lengths = sorted({len(words.text) for words in self._beginning if words.open})

    def mentioned(self, sentence: str, among: Collection[object] | None = None) -> list[str]:
        """The topics that a sentence (lower-case words) mentions and does not deny, in order of their names; of some alone, where
        these are given."""
        found: list[str] = []
        for topic, phrase in self._possible(sentence):
            if topic in found or (among is not None and topic not in among):
                continue
            if is_mentioned(phrase.pattern, sentence) and not phrase.is_barred(sentence):
                found.append(topic)
        return found

    def _possible(self, sentence: str) -> Iterator[tuple[str, Phrase]]:
        """Phrases all of whose parts may be there, in order, with their topics."""
        begun = {part for words in self._firsts(sentence) for part in self._beginning.get(words, ())}
        for number in sorted({number for number, part in begun if not part}):
            topic, phrase = self._phrases[number]
            if all((number, part) in begun for part in range(1, len(phrase.parts))):
                yield topic, phrase

    def _firsts(self, sentence: str) -> Iterator[Words]:
        """The words of a sentence as phrases may begin with them."""
        for word in {*WORD.findall(sentence)}:
            yield Words(word, False)
            yield from (Words(word[:length], True) for length in self._open_lengths if length <= len(word))


REPORTS = ("visit", "report")
"""What the names of facts hold that are read from reports, of service visits and others."""


class FaultTopics:
    """The topics of a fault: all for reports, and for other texts those that rules ask for of them."""

    def __init__(self, entry: Fault) -> None:
        self._topics = Topics(entry.vocabulary)
        self._beside_reports = {
            topic
            for rule in entry.rules
            for condition in rule.when
            if condition.fact is None or not any(word in condition.fact for word in REPORTS)
            for topic in (condition.is_, *(condition.in_ or ()))
        }

    def of_report(self, sentence: str) -> list[str]:
        """The topics that a sentence of a report mentions."""
        return self._topics.mentioned(sentence)

    def beside_reports(self, sentence: str) -> list[str]:
        """The topics that a sentence of another text mentions."""
        return self._topics.mentioned(sentence, self._beside_reports)


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
