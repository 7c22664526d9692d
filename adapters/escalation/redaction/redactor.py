"""Redaction of a finished document: every text in it, keys as well, with one pseudonym for each of whom it names."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from .folding import CUT, Folded, Hit, folded, normal
from .kinds import PSEUDONYM, Kind, Sureness, kind_of_field
from .known import MAX_DEPTH, NAMED_PARTS, Identity, KnownValues, are_roles, json_within, kind_of_leaf
from .patterns import Found, found_in, is_plain, is_reading, kept_shapes
from .words import GENERIC, words_of

SELF_TELLING = 8
"""Signs, letters and digits mixed, from which a known value is found even within a longer word."""

SPREAD_DIGITS = 10
"""Digits from which a known number is found with gaps in it; a shorter one would be found in tables of readings."""

SHORTEST_MIXED, SHORTEST_PLAIN = 5, 8
"""Signs, with letters and digits mixed or not, from which what one text tells is looked for in the others (judgement: shorter
ones are words and readings too often)."""

BARE_NUMBER = 10**7
"""Whole numbers from which a bare number that equals a known identifier is one (our judgement: a reading of eight digits is
seldom, and hardly ever the same eight)."""

_BEFORE_A_CUT = f"'\"{CUT}"

Model = TypeVar("Model", bound=BaseModel)

FieldKinds = Mapping[tuple[str, str], Kind]
"""Which fields of which models hold an identifier, by the model's name and the field's."""


@dataclass
class Redactor:
    """Redacts values in the order in which they are given; the order decides the numbers of the pseudonyms.

    `field_kinds` names the fields of models whose whole text is an identifier.
    """

    known: KnownValues
    field_kinds: FieldKinds = field(default_factory=dict)
    _pseudonyms: dict[str, str] = field(default_factory=dict)
    _counts: dict[Kind, int] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)
    _recognised: dict[tuple[str, Kind], Sureness] = field(default_factory=dict)

    def counts_in(self, text: str) -> dict[str, int]:
        """How many pseudonyms of each kind a text holds, by the word that they begin with."""
        held = set(PSEUDONYM.findall(text)) & set(self._pseudonyms.values())
        return {kind.value: number for kind in Kind if (number := sum(_kind_of(name) == kind for name in held))}

    def document(self, document: Model) -> Model:
        """A whole document redacted, twice: what is recognised anywhere in it is found in all its spellings everywhere."""
        self.model(document)
        for (key, kind), sureness in sorted(self._recognised.items()):
            self.known.identities.add(key, Identity(kind, key, sureness=sureness))
        self._texts.clear()
        return self.model(document)

    def model(self, model: Model) -> Model:
        """A model with every text in it redacted; the names of its own fields stay.

        A model whose `keeps_name` is true holds a record whose own `name` is a thing's.
        """
        changed = {}
        for name in type(model).model_fields:
            kind = self.field_kinds.get((type(model).__name__, name))
            keeps_name = bool(getattr(model, "keeps_name", False))
            changed[name] = self._value(getattr(model, name), kind, 0, keeps_name=keeps_name)
        return model.model_copy(update=changed)

    def record(self, record: Mapping[str, Any], *, keeps_name: bool = False) -> dict[str, Any]:
        """A record as it was fed, redacted; its fields' names say what they hold. With `keeps_name` its `name` stays."""
        return self._mapping(record, None, 0, keeps_name=keeps_name)

    def text(self, text: str) -> str:
        """A text with everything in it that identifies somebody under its pseudonym; one that the knowledge made stays."""
        if text in self.known.own_texts:
            return text
        found = self._texts.get(text)
        if found is None:
            found = self._texts[text] = self._redacted(text)
        return found

    def _value(self, value: Any, kind: Kind | None, depth: int, *, keeps_name: bool = False) -> Any:
        if depth > MAX_DEPTH:
            return "(nested too deep)"
        if isinstance(value, BaseModel):
            return self.model(value)
        if isinstance(value, str):
            within = json_within(value)
            if within is None:
                return self._leaf(value, kind)
            redacted = self._value(within, kind, depth + 1, keeps_name=keeps_name)
            return value if redacted == within else json.dumps(redacted, ensure_ascii=False)
        if isinstance(value, Mapping):
            return self._mapping(value, kind, depth, keeps_name=keeps_name)
        if isinstance(value, (list, tuple)):
            items = [self._value(item, kind, depth + 1, keeps_name=keeps_name) for item in value]
            return tuple(items) if isinstance(value, tuple) else items
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._number(value, kind)
        return value

    def _mapping(self, value: Mapping[str, Any], kind: Kind | None, depth: int, *, keeps_name: bool) -> dict[str, Any]:
        redacted: dict[str, Any] = {}
        for key, item in value.items():
            plain = keeps_name and key.lower() == "name"
            own = None if plain else kind_of_field(key)
            if own is None and kind is not None:
                own = kind_of_leaf(kind, key)
            within = keeps_name and key.lower() in NAMED_PARTS
            redacted[self._free_key(key, redacted)] = self._value(item, own, depth + 1, keeps_name=within)
        return redacted

    def _free_key(self, key: str, taken: Mapping[str, Any]) -> str:
        """A key redacted; two keys that become alike are told apart by a number."""
        plain = name = self.text(key)
        number = 2
        while name in taken:
            name = f"{plain} ({number})"
            number += 1
        return name

    def _leaf(self, text: str, kind: Kind | None) -> str:
        """A text that stands for itself, or is the value of a field of some kind."""
        if kind is None or not self._identifies(text, kind):
            return self.text(text)
        return self._pseudonym(kind, normal(text) or text)

    def _identifies(self, text: str, kind: Kind) -> bool:
        key = normal(text)
        if not text.strip() or key in GENERIC or self.known.kept.get(key) is True or is_pseudonym(text):
            return False
        return kind is not Kind.PERSON or not are_roles(words_of(text))

    def _number(self, value: float, kind: Kind | None) -> Any:
        key = normal(str(value))
        if kind is not None and self.known.kept.get(key) is not True:
            return self._pseudonym(kind, key)
        if isinstance(value, int) and abs(value) >= BARE_NUMBER:
            identity = self.known.identities.get(key)
            if identity is not None:
                return self._pseudonym(identity.kind, key)
        return value

    def _pseudonym(self, kind: Kind, key: str) -> str:
        identity = self.known.identities.get(key)
        if identity is not None:
            kind, key = identity.kind, identity.key
        found = self._pseudonyms.get(key)
        if found is None:
            found = self._pseudonyms[key] = self._next(kind)
        return found

    def _next(self, kind: Kind) -> str:
        """The next pseudonym of a kind that stands nowhere in the records, where it would be taken for one of ours."""
        while True:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            pseudonym = f"{kind.value}-{number}"
            if pseudonym not in self.known.pseudonyms:
                return pseudonym

    def _redacted(self, text: str) -> str:
        if len(text) < 3:
            return text
        whole = folded(text)
        spans = list(self._kept(whole.text))
        kept = {
            sureness: Stretches((start, end) for start, end, up_to in spans if up_to >= sureness)
            for sureness in Sureness
        }
        stays = kept[Sureness.GUESSED]
        found = [
            item
            for item in self._found(whole.text)
            if not kept[item.sureness].hold(item.start, item.end)
            and not (item.sureness is Sureness.GUESSED and stays.touch(item.start, item.end))
        ]
        for item in found:
            key = normal(item.key)
            if self._is_memorable(key, whole.text[item.start : item.end]):
                known_as = (key, item.kind)
                self._recognised[known_as] = max(item.sureness, self._recognised.get(known_as, item.sureness))
        cuts = [(start, end) for start, end in _cut_words(whole.text) if not stays.hold(start, end)]
        return self._replaced(text, whole, found, cuts)

    def _kept(self, text: str) -> Iterable[tuple[int, int, Sureness]]:
        """Where a text holds what stays, and how sure something may be of which it is kept."""
        yield from kept_shapes(text)
        for hit in self.known.kept.hits(text):
            if _stands_alone(text, hit.start, hit.end):
                yield hit.start, hit.end, Sureness.NAMED if hit.payload else Sureness.GUESSED

    def _found(self, text: str) -> Iterable[Found]:
        for hit in self.known.identities.hits(text):
            if _is_meant(text, hit):
                begin = _begin(text, hit.start)
                yield Found(begin, hit.end, hit.payload.kind, hit.payload.key, hit.payload.sureness)
        yield from found_in(text, self.known.vocabulary)

    def _is_memorable(self, key: str, written: str) -> bool:
        """Whether what one text tells is so much its own that it may be looked for in all others: no word, and no reading."""
        if is_reading(written) or all(word in self.known.vocabulary for word in words_of(written)):
            return False
        has_digit, has_letter = any(c.isdigit() for c in key), any(c.isalpha() for c in key)
        if not has_digit and is_plain(written) and (written.islower() or len(words_of(written)) == 1):
            return False
        return len(key) >= (SHORTEST_MIXED if has_digit and has_letter else SHORTEST_PLAIN)

    def _replaced(self, text: str, whole: Folded, found: list[Found], cuts: list[tuple[int, int]]) -> str:
        """The text with pseudonyms; of what overlaps the surest and longest gives the name, and nothing of the others is left."""
        stretches: list[tuple[int, int, Found | None]] = [(item.start, item.end, item) for item in found]
        stretches += [(start, end, None) for start, end in cuts]
        stretches.sort(key=lambda s: (s[0], -s[1]))
        merged: list[tuple[int, int, Found | None]] = []
        for start, end, item in stretches:
            if merged and start < merged[-1][1]:
                first, last, best = merged[-1]
                merged[-1] = (first, max(last, end), max(best, item, key=_telling))
            else:
                merged.append((start, end, item))
        parts = []
        done = 0
        for start, end, item in merged:
            begin, stop = whole.span(start, end)
            parts.append(text[done:begin])
            if item is not None:
                parts.append(self._pseudonym(item.kind, normal(item.key) or item.key))
            done = stop
        return "".join([*parts, text[done:]])


def is_pseudonym(text: str) -> bool:
    """Whether a text is one that stands for somebody already."""
    return PSEUDONYM.fullmatch(text) is not None


def _kind_of(pseudonym: str) -> str:
    return pseudonym.rpartition("-")[0]


def _telling(item: Found | None) -> tuple[bool, bool, int]:
    """How well a stretch says what it is: by more than a guess before by a guess, a longer before a shorter one."""
    return (False, False, 0) if item is None else (True, item.sureness > Sureness.GUESSED, item.end - item.start)


class Stretches:
    """Stretches of a text, overlapping ones joined, asked about in logarithmic time."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if self._ends and start < self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def hold(self, start: int, end: int) -> bool:
        """Whether one of them holds the whole stretch."""
        place = bisect_right(self._starts, start) - 1
        return place >= 0 and end <= self._ends[place]

    def touch(self, start: int, end: int) -> bool:
        """Whether one of them has a sign in common with the stretch."""
        place = bisect_left(self._starts, end) - 1
        return place >= 0 and self._ends[place] > start


def _stands_alone(text: str, start: int, end: int) -> bool:
    return (start == 0 or not text[start - 1].isalnum()) and (end == len(text) or not text[end].isalnum())


def _is_meant(text: str, hit: Hit[Identity]) -> bool:
    """Whether a known value found in a text is that value, and not the same letters in other words."""
    value, length = hit.value, hit.end - hit.start
    if length > 2 * len(value) + 4:
        return False
    capital = text[hit.start].isupper()
    if hit.payload.needs_capital and not capital:
        return False
    if hit.payload.is_word and not (capital and _is_within_sentence(text, hit.start)):
        return False
    has_digit, has_letter = any(c.isdigit() for c in value), any(c.isalpha() for c in value)
    if has_digit and not has_letter and len(value) < SPREAD_DIGITS and length > len(value):
        return False
    if has_digit and has_letter and len(value) >= SELF_TELLING:
        return True
    return _stands_alone(text, _begin(text, hit.start), hit.end)


def _begin(text: str, start: int) -> int:
    """Where a value begins, with the mark of a hexadecimal number where it has one."""
    return start - 2 if start >= 2 and text[start - 2 : start].lower() == "0x" else start


def _is_within_sentence(text: str, start: int) -> bool:
    """Whether something goes before in the same sentence, so that a capital is that of a name."""
    before = text[max(0, start - 3) : start].rstrip()
    return bool(before) and (before[-1].isalnum() or before[-1] in ",;")


def _cut_words(text: str) -> Iterable[tuple[int, int]]:
    """The words before the marks of cut texts: what is left of them may be half an identifier."""
    place = text.find(CUT)
    while place >= 0:
        start = place
        while (
            start > 0 and place - start < 400 and not text[start - 1].isspace() and text[start - 1] not in _BEFORE_A_CUT
        ):
            start -= 1
        if start < place:
            yield start, place
        place = text.find(CUT, place + 1)
