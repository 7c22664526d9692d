"""What callers say of a charger that fails: the symptoms of each code as people put them, and their words as terms.

A term is the stem of a word, or an expression that `symptoms.yaml` declares to mean the same. What is denied ("no
current", "does not start") is a term of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import Stemmer
from pydantic import Field

from ..engine.rules import Identifier, RuleModel

DENIED = "not "
"""What the name of a denied term begins with."""

MAX_ASKED = 600
"""Characters of a question that are read (our judgement: nobody describes one fault at greater length)."""

MAX_TEXT = 10_000
"""Characters of any text that are read; the longest list of expressions has some thousand."""

MAX_WORDS_DENIED = 4
"""Words after a denial among which the one that it denies is looked for ("did not even try to start")."""

MOST_STEMS_KEPT = 5_000
"""Stems kept for words met again: twice what the symptoms hold, and a bound for what strangers ask."""

_CONTRACTED = re.compile(r"\b(is|are|was|were|do|does|did|has|have|had|could|would|should|must|need)n'?t\b")
_SHORTENED = re.compile(r"\b(?:can'?t|can ?not|won'?t|ain'?t)\b")
_POSSESSIVE = re.compile(r"'(?:s|re|ve|ll|d|m)\b")
_ENDING_IN_Z = re.compile(r"(?<=[a-z]{3})i([sz])(?=e[sdr]?$|ing$|ation$)")
_WORD = re.compile(r"\d+(?:\.\d+)+|[^\W_]+|[,.;:!?()]")
_CLAUSE_ENDS = frozenset(",.;:!?()") | {"but"}
_DENIALS = frozenset({"not", "no", "never", "without", "neither", "nor", "hardly", "barely"})
_FAILING = frozenset({"fail", "fails", "failed", "failing", "unable", "unwilling"})
_LONGEST_LONE_NUMBER = 3


class Symptom(RuleModel):
    """A symptom of a code: `tells` in our words, `said` as callers put it (a phrase a line), the `causes` it points at."""

    tells: str
    said: str
    causes: tuple[Identifier, ...] = ()
    source: str

    @property
    def phrases(self) -> list[str]:
        """How callers put it."""
        return _lines(self.said)


class Distinction(RuleModel):
    """A fact that speaks for a code rather than for others: what to look at, which value does, and for whom else not.

    An empty `rather_than` means any other code.
    """

    look_at: str
    speaks_for: str
    rather_than: tuple[str, ...] = ()
    source: str


class CodeSymptoms(RuleModel):
    """How a code shows, and what tells it from the others."""

    symptoms: tuple[Symptom, ...] = Field(min_length=1)
    decides: tuple[Distinction, ...] = Field(min_length=1)


class SymptomsFile(RuleModel):
    """All symptoms, the words that mean the same, those that mean nothing, and what to ask where nothing fits."""

    ask: tuple[str, ...] = Field(min_length=1)
    same: dict[str, str]
    fillers: str
    ignored: str
    codes: dict[str, CodeSymptoms]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


class _Token(NamedTuple):
    """A word of a text: its stem, the word as it stands there, and whether a clause ends before it."""

    stem: str
    word: str
    begins_clause: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """Turns texts into terms: stems, expressions that mean the same, and what is denied."""

    file: SymptomsFile

    @cached_property
    def _stemmer(self) -> Stemmer.Stemmer:
        return Stemmer.Stemmer("english")

    @cached_property
    def _fillers(self) -> frozenset[str]:
        return frozenset(self.file.fillers.split())

    @cached_property
    def _ignored(self) -> frozenset[str]:
        return frozenset(self._stemmer.stemWords(self.file.ignored.split()))

    @cached_property
    def _expressions(self) -> Mapping[str, Sequence[tuple[tuple[str, ...], str]]]:
        """By their first stem the expressions that mean the same as a head, longest first, each with its term."""
        found: dict[str, dict[tuple[str, ...], str]] = {}
        for head, variants in self.file.same.items():
            term = self._head(head)
            for variant in [head, *_lines(variants)]:
                stems = tuple(token.stem for token in self._tokens(variant))
                if stems:
                    found.setdefault(stems[0], {}).setdefault(stems, term)
        return {first: sorted(rest.items(), key=lambda pair: -len(pair[0])) for first, rest in found.items()}

    @cached_property
    def expression_stems(self) -> frozenset[str]:
        """Every stem that an expression holds."""
        return frozenset(stem for rest in self._expressions.values() for stems, _ in rest for stem in stems)

    def _head(self, head: str) -> str:
        denied = head.startswith(DENIED)
        words = [self._stem(word) for word in head.removeprefix(DENIED).split()]
        return (DENIED if denied else "") + " ".join(words)

    @cached_property
    def _stems(self) -> dict[str, str]:
        """Stems found already, by word: most words of the symptoms stand there many times."""
        return {}

    def _stem(self, word: str) -> str:
        stem = self._stems.get(word)
        if stem is None:
            stem = str(self._stemmer.stemWord(_ENDING_IN_Z.sub("is", word)))
            if len(self._stems) < MOST_STEMS_KEPT:
                self._stems[word] = stem
        return stem

    def _tokens(self, text: str) -> list[_Token]:
        plain = text[:MAX_TEXT].lower()
        if not plain.isascii():
            plain = unicodedata.normalize("NFKC", plain).replace("’", "'")
        if "'" in plain or "nt" in plain or "can" in plain:
            plain = _POSSESSIVE.sub("", _SHORTENED.sub("not", _CONTRACTED.sub(r"\1 not", plain)))
        plain = plain.replace("%", " percent ")
        tokens: list[_Token] = []
        clause_ended = False
        words = _WORD.findall(plain)
        for place, word in enumerate(words):
            if word in _CLAUSE_ENDS:
                clause_ended = True
            elif word in _DENIALS or (word in _FAILING and words[place + 1 : place + 2] == ["to"]):
                tokens.append(_Token("not", word, clause_ended))
                clause_ended = False
            elif word not in self._fillers:
                tokens.append(_Token(self._stem(word), word, clause_ended))
                clause_ended = False
        return tokens

    def words(self, text: str) -> list[tuple[str, str]]:
        """The stems of a text that may bear meaning, each with its word as it stands there; denials left out."""
        return [
            (token.stem, token.word)
            for token in self._tokens(text)
            if token.stem != "not" and token.stem not in self._ignored and not _is_small_number(token.stem)
        ]

    def stems(self, text: str, spelt: Mapping[str, str]) -> frozenset[str]:
        """The stems of a text that bear meaning as they stand there, expressions not merged; a denial is "not"."""
        stems = (spelt.get(token.stem, token.stem) for token in self._tokens(text))
        return frozenset(stem for stem in stems if stem not in self._ignored)

    def terms(self, text: str, spelt: Mapping[str, str] | None = None) -> frozenset[str]:
        """The terms of a text; `spelt` gives other stems to read instead of misspelt ones."""
        tokens = self._tokens(text)
        if spelt:
            tokens = [_Token(spelt.get(t.stem, t.stem), t.word, t.begins_clause) for t in tokens]
        return frozenset(self._denied(self._merged(tokens)))

    def _merged(self, tokens: Sequence[_Token]) -> Iterator[tuple[str | None, bool]]:
        """Terms in their order, with whether a clause begins there; None for a word that means nothing."""
        stems = [token.stem for token in tokens]
        place = 0
        while place < len(stems):
            term, end = self._expression_at(place, stems, tokens)
            if stems[place] == "not" and term is not None and end < self._expression_at(place + 1, stems, tokens)[1]:
                term, end = "not", place + 1  # "no power back" denies "power back", and is not "no power"
            if term is None:
                stem = stems[place]
                unsaid = stem in self._ignored or _is_small_number(stem)
                term, end = None if unsaid else stem, place + 1
            yield term, tokens[place].begins_clause
            place = end

    def _expression_at(self, place: int, stems: Sequence[str], tokens: Sequence[_Token]) -> tuple[str | None, int]:
        """The term of the longest expression that begins at a place and where it ends; None where none begins there."""
        for expression, term in self._expressions.get(stems[place], ()) if place < len(stems) else ():
            end = place + len(expression)
            if tuple(stems[place:end]) == expression and not any(t.begins_clause for t in tokens[place + 1 : end]):
                return term, end
        return None, place

    def _denied(self, terms: Iterator[tuple[str | None, bool]]) -> Iterator[str]:
        """The terms, those that a denial stands before as denied ones. A denial ends with its clause."""
        reach = 0
        for term, begins_clause in terms:
            if begins_clause:
                reach = 0
            if term == "not":
                reach = MAX_WORDS_DENIED
            elif term is not None:
                yield opposite(term) if reach else term
                reach = 0
            elif reach:
                reach -= 1


def opposite(term: str) -> str:
    """What a term is called where it is denied; the plain term of a denied one."""
    return term.removeprefix(DENIED) if term.startswith(DENIED) else f"{DENIED}{term}"


def _is_small_number(stem: str) -> bool:
    """Numbers such as 40 or 400 are readings; longer ones (15118, 1006) and versions are names."""
    return stem.isdecimal() and len(stem) <= _LONGEST_LONE_NUMBER
