"""Which fault code is meant: by its name in any spelling, by its title, or by what somebody sees, hears and smells.

Only what a question needs is read: the symptoms, and the files of the codes that fit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import fsum, log, sqrt
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import OSA

from .fault_codes import NoFaultCode, normal_code
from .fault_matches import (
    DecidingCheck,
    DecidingFact,
    FaultMatch,
    FaultSearch,
    FittingSymptom,
    PointedCause,
    PointingResult,
)
from .library import Library, shipped_directory
from .symptoms import DENIED, MAX_ASKED, Distinction, Symptom, SymptomsFile, Vocabulary, opposite

MAX_MATCHES = 5
"""Codes that an answer names (our judgement: who has more to choose from asks again)."""

LEAST_FIT = 0.35
"""Below this a code is not named: hardly a third of what was said belongs to it (tuned on the phrases that
tests/data/symptom_phrases.yaml does not hold out, so that questions of another kind find nothing)."""

LEAST_SHARE_OF_BEST = 0.5
"""A code that fits less than half as well as the best one is left out (our judgement)."""

TITLE_SHARE = 0.6
"""So much of a title, by the weight of its words, must be said for the words to be taken for it: two long words of three."""

LEAST_SPELLING = 0.79
"""How like a known word a misspelt one must be, as a share of its letters: one slip in five, two in ten (and a little
less than that share, since it is a rounded number)."""

SHORTEST_MISSPELT = 4
"""Shorter words are not corrected: too many others are one slip away."""

CHECKED_MATCHES = 2
"""For so many of the best codes the checks between their causes are worked out; the others' entries have them."""

MAX_CHECKS = 3
"""Checks named for a code, by expected information a minute."""

_WHOLE_CODE = re.compile(r"^F[\s_-]*\d{1,4}$", re.IGNORECASE)
_CODE = re.compile(
    r"(?<![\w-])(?:F[\s_-]*(\d{3,4})|(?:code|fault|error)s?[\s:#]+(?:F[\s_-]*)?(\d{3,4}))(?![\w-])", re.IGNORECASE
)
_SOMEBODYS_CODE = re.compile(r"^(?=\S*\d)(?=\S*[^\W\d_])\S+$")


def find_faults(asked: str, directory: str | Path | None = None) -> FaultSearch:
    """The codes that a question is about, in the shipped knowledge or in that of a folder.

    The question is a code in any spelling, a title or part of one, or words such as "hums but no current". A text of the
    shape of a code that is not documented is not searched for: `fault_code` is what it says, and there are no matches.
    Raises KnowledgeError where the files that the question needs cannot be used.
    """
    asked = asked.encode("utf-8", "replace").decode("utf-8")  # half characters fit into no JSON
    search = _shipped() if directory is None else _Search(Library(Path(directory)))
    return search.find(asked)


def codes_named(asked: str, directory: str | Path | None = None) -> tuple[list[str], str]:
    """The codes that a question names, each once, in their order, and what it says besides.

    `F-0421 F-0101` and `421, 101` name two; of a question without a code the list is empty. A number behind a word
    (`error 1006`) that is not the only code is one where it is documented, in the shipped knowledge or in that of a folder.
    """
    read = asked[:MAX_ASKED]
    words = [word for word in re.split(r"[\s,;]+", read) if word]
    if len(words) > 1 and all(word.isdecimal() or _WHOLE_CODE.match(word) for word in words):
        return list(dict.fromkeys(filter(None, map(_normal, words)))), ""
    matches = list(_CODE.finditer(read))
    documented = (_shipped().library if directory is None else Library(Path(directory))).codes
    found = [
        (match, code)
        for match in matches
        if (code := _normal(match[1] or match[2])) and (match[1] or len(matches) == 1 or code in documented)
    ]
    for match, _ in reversed(found):
        read = f"{read[: match.start()]} {read[match.end() :]}"
    return list(dict.fromkeys(code for _, code in found)), read


@lru_cache(maxsize=1)
def _shipped() -> _Search:
    """The shipped knowledge, kept once it is read; that of a folder is read anew, since it may be written on."""
    return _Search(Library(shipped_directory()))


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A phrase of a symptom, as terms."""

    text: str
    terms: frozenset[str]
    symptom: Symptom


@dataclass(frozen=True)
class _Search:
    """The symptoms of a knowledge base, indexed."""

    library: Library

    @cached_property
    def _file(self) -> SymptomsFile:
        return self.library.symptoms

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self._file)

    @cached_property
    def _phrases(self) -> Mapping[str, Sequence[_Phrase]]:
        return {
            code: [
                _Phrase(text, terms, symptom)
                for symptom in about.symptoms
                for text in symptom.phrases
                if (terms := self._vocabulary.terms(text))
            ]
            for code, about in self._file.codes.items()
            if code in self.library.codes
        }

    @cached_property
    def _weights(self) -> Mapping[str, float]:
        """What a term weighs: the logarithm of how few codes use it (inverse document frequency, Spärck Jones 1972)."""
        codes_with = Counter(
            term for phrases in self._phrases.values() for term in {t for phrase in phrases for t in phrase.terms}
        )
        return {term: log((len(self._phrases) + 1) / number) for term, number in codes_with.items()}

    @cached_property
    def _strangers_weight(self) -> float:
        """What a word weighs that no symptom uses: as much as one that three codes use (tuned as LEAST_FIT)."""
        return log((len(self._phrases) + 1) / 3)

    @cached_property
    def _known_stems(self) -> frozenset[str]:
        plain = {word for term in self._weights for word in term.removeprefix(DENIED).split()}
        return frozenset(plain | self._vocabulary.expression_stems)

    @cached_property
    def _spellings(self) -> Mapping[str, str]:
        """Every word that titles and symptoms write, with its stem, but for words too short to be misspelt.

        Those of titles come first, since the first of several that are as near is taken.
        """
        texts = [phrase.text for phrases in self._phrases.values() for phrase in phrases]
        texts += [f"{head} {variants}" for head, variants in self._file.same.items()]
        words: dict[str, str] = {}
        for part in (self.library.titles.values(), texts):
            words.update(sorted((word, stem) for text in part for stem, word in self._vocabulary.words(text)))
        return {word: stem for word, stem in words.items() if len(word) >= SHORTEST_MISSPELT and word.isalpha()}

    def find(self, asked: str) -> FaultSearch:
        """What a question finds."""
        read = asked[:MAX_ASKED]
        code, rest = _named_code(read)
        if code is not None:
            return self._about(asked, code, rest)
        spelt, read_as, unknown = self._spelling(read)
        terms = self._vocabulary.terms(read, spelt)
        title = self._titled(self._vocabulary.stems(read, spelt))
        if title is not None:
            match = self._match(title, self._fit(title, terms, 0.0), terms, (), checked=True)
            return FaultSearch(asked=asked, fault_code=title, named_by="title", read_as=read_as, matches=[match])
        ranked = self._ranked(terms, len(unknown) * self._strangers_weight)
        rivals = tuple(code for code, _ in ranked)
        matches = [
            self._match(code, fit, terms, rivals, checked=place < CHECKED_MATCHES)
            for place, (code, fit) in enumerate(ranked)
        ]
        little = not matches or matches[0].fit < 2 * LEAST_FIT
        return FaultSearch(
            asked=asked,
            read_as=read_as,
            unknown_words=unknown,
            matches=matches,
            ask=list(self._file.ask) if little else [],
        )

    def _about(self, asked: str, code: str, rest: str) -> FaultSearch:
        """A question that names a code; what else it says may point at causes of it."""
        if not rest.strip() or code not in self._phrases:
            return FaultSearch(asked=asked, fault_code=code, named_by="code")
        spelt, read_as, unknown = self._spelling(rest)
        terms = self._vocabulary.terms(rest, spelt)
        fit = self._fit(code, terms, len(unknown) * self._strangers_weight)
        matches = [self._match(code, fit, terms, (), checked=True)] if fit >= LEAST_FIT else []
        return FaultSearch(
            asked=asked, fault_code=code, named_by="code", read_as=read_as, unknown_words=unknown, matches=matches
        )

    def _spelling(self, asked: str) -> tuple[dict[str, str], dict[str, str], list[str]]:
        """Stems to read instead of misspelt ones; the misspelt words and what they were taken for; words not known."""
        spelt: dict[str, str] = {}
        read_as: dict[str, str] = {}
        unknown: list[str] = []
        for stem, word in self._vocabulary.words(asked):
            if stem in self._known_stems or stem in spelt or word in unknown:
                continue
            near = self._nearest(word)
            if near is None:
                unknown.append(word)
            else:
                spelt[stem] = self._spellings[near]
                read_as[word] = near
        return spelt, read_as, unknown

    def _nearest(self, word: str) -> str | None:
        """The known word that a misspelt one is likest."""
        if len(word) < SHORTEST_MISSPELT or not word.isalpha():
            return None
        scorer = OSA.normalized_similarity
        found = process.extractOne(word, list(self._spellings), scorer=scorer, score_cutoff=LEAST_SPELLING)
        return None if found is None else str(found[0])

    def _titled(self, said: frozenset[str]) -> str | None:
        """The code whose title the words are, or the larger part of it, and no other words."""
        found = []
        for code, written in self.library.titles.items():
            title = self._vocabulary.stems(written, {})
            if said and said <= title and self._weight(said) >= TITLE_SHARE * self._weight(title):
                found.append(code)
        return found[0] if len(found) == 1 else None

    def _weight(self, terms: Iterable[str]) -> float:
        return fsum(self._weights.get(term, self._strangers_weight) for term in terms)

    def _ranked(self, terms: frozenset[str], strangers_weight: float) -> list[tuple[str, float]]:
        """The codes that fit well enough, best first; those that fit alike in the order of the file."""
        fits = {code: self._fit(code, terms, strangers_weight) for code in self._phrases}
        best = max(fits.values(), default=0.0)
        ranked = [(code, fit) for code, fit in fits.items() if fit >= max(LEAST_FIT, LEAST_SHARE_OF_BEST * best)]
        return sorted(ranked, key=lambda pair: -pair[1])[:MAX_MATCHES]

    def _fit(self, code: str, terms: frozenset[str], strangers_weight: float) -> float:
        """The share of what was said that phrases of the code account for.

        What is denied counts against a code that knows it undenied, by the share of its symptoms that hold it.
        """
        said = fsum(self._weights.get(term, 0.0) for term in terms) + strangers_weight
        if not said:
            return 0.0
        told = self._told(self._phrases[code], terms)
        accounted = fsum(self._weights[term] * told[term] for term in terms if term in told)
        denied = [opposite(term) for term in terms if term not in told and opposite(term) in told]
        contradicted = fsum(self._weights[term] * self._share_with(code, term) for term in denied)
        return max(0.0, (accounted - contradicted) / said)

    def _share_with(self, code: str, term: str) -> float:
        """The share of a code's symptoms that a term belongs to."""
        having = {phrase.symptom.tells for phrase in self._phrases[code] if term in phrase.terms}
        return len(having) / len(self._file.codes[code].symptoms)

    def _told(self, phrases: Sequence[_Phrase], terms: frozenset[str]) -> dict[str, float]:
        """How far the best phrase with a term was said in full, for every term of the phrases."""
        told: dict[str, float] = {}
        for phrase in phrases:
            coverage = sqrt(self._weight(phrase.terms & terms) / self._weight(phrase.terms))
            for term in phrase.terms:
                told[term] = max(told.get(term, 0.0), coverage)
        return told

    def _match(
        self, code: str, fit: float, terms: frozenset[str], rivals: Sequence[str], *, checked: bool
    ) -> FaultMatch:
        causes = self.library.causes(code)
        near = self._near_symptoms(code, terms)
        return FaultMatch(
            fault_code=code,
            title=self.library.titles[code],
            fit=round(min(1.0, fit), 3),
            symptoms=[
                FittingSymptom(tells=phrase.symptom.tells, phrase=phrase.text, source=phrase.symptom.source)
                for _, phrase in near
            ],
            causes=_pointed(code, causes, near, terms),
            decides=[
                DecidingFact(look_at=fact.look_at, speaks_for=fact.speaks_for, rather_than=against, source=fact.source)
                for fact, against in _telling(self._file.codes[code].decides, code, rivals)
            ],
            checks=self._checks(code, causes) if checked else [],
        )

    def _near_symptoms(self, code: str, terms: frozenset[str]) -> list[tuple[float, _Phrase]]:
        """The symptoms that account for most of what was said, each by its nearest phrase, best first."""
        nearest: dict[str, tuple[float, _Phrase]] = {}
        for phrase in self._phrases[code]:
            shared = self._weight(phrase.terms & terms)
            score = shared * shared / (self._weight(phrase.terms) * max(self._weight(terms), 1e-9))
            if score > nearest.get(phrase.symptom.tells, (0.0, phrase))[0]:
                nearest[phrase.symptom.tells] = (score, phrase)
        ranked = sorted(nearest.values(), key=lambda pair: -pair[0])
        return [pair for pair in ranked if pair[0] >= LEAST_SHARE_OF_BEST * ranked[0][0]]

    def _checks(self, code: str, causes: Mapping[str, str]) -> list[DecidingCheck]:
        found = []
        for prospect in self.library.checks_ahead(code)[:MAX_CHECKS]:
            results = []
            for outcome in prospect.outcomes:
                leader = max(causes, key=lambda cause: outcome.probabilities[cause])
                results.append(
                    PointingResult(
                        result=outcome.result.name,
                        cause_id=f"{code}/{leader}",
                        title=causes[leader],
                        probability=round(outcome.probabilities[leader], 4),
                    )
                )
            check = prospect.check
            found.append(
                DecidingCheck(
                    check_id=check.id,
                    title=check.title,
                    where=check.where,
                    minutes=check.minutes,
                    expected_bits=round(prospect.expected_bits, 4),
                    results=results,
                )
            )
        return found


def _pointed(
    code: str, causes: Mapping[str, str], near: Sequence[tuple[float, _Phrase]], terms: frozenset[str]
) -> list[PointedCause]:
    """The causes of the symptom that fits best, and of others that account for something which it leaves open."""
    if not near:
        return []
    best = near[0][1]
    telling = [p.symptom for _, p in near if p is best or (p.terms & terms) - best.terms]
    pointed = dict.fromkeys(cause for symptom in telling for cause in symptom.causes)
    return [PointedCause(cause_id=f"{code}/{cause}", title=causes[cause]) for cause in pointed if cause in causes]


def _telling(
    decides: Sequence[Distinction], code: str, rivals: Sequence[str]
) -> Iterator[tuple[Distinction, list[str]]]:
    """The facts that speak for a code rather than for its rivals, each with those it leaves behind; all without rivals."""
    others = [rival for rival in rivals if rival != code]
    for fact in decides:
        against = [other for other in others if other in fact.rather_than]
        if against or not fact.rather_than or not others:
            yield fact, against or list(fact.rather_than)


def _named_code(asked: str) -> tuple[str | None, str]:
    """The code that a question names, as the dictionary writes it, and the rest of the question."""
    text = asked.strip().rstrip("?!.").strip()
    if text.isdecimal() or _WHOLE_CODE.match(text):
        return _normal(text), ""
    match = _CODE.search(text)
    if match is not None:
        return _normal(match[1] or match[2]), f"{text[: match.start()]} {text[match.end() :]}"
    return (_normal(text), "") if _SOMEBODYS_CODE.match(text) else (None, text)


def _normal(text: str) -> str | None:
    try:
        return normal_code(text)
    except NoFaultCode:
        return None
