"""What identifies somebody in a bundle: gathered from every record, so that it is found again wherever it is repeated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....knowledge.firmware import parse_firmware
from ....knowledge.observations import Observations, Table
from ....knowledge.records import branches, leaves
from .folding import PREFIX, Lexicon, normal
from .kinds import PSEUDONYM, Kind, Sureness, kind_of_field
from .words import GENERIC, ROLES, TRADE, words_of

NAMED_THINGS = frozenset({"sites", "devices"})
"""Record lists whose own `name` is that of a place or a charger."""

NAMED_PARTS = frozenset({"connectors", "product"})
"""Fields of those lists that hold parts with a name of their own."""

SHORTEST_NAME_PART = 3
"""Letters of a first or last name from which it is looked for by itself."""

SHORTEST_SPELLING = 5
"""Letters of a turned or shortened name (`J. Smith`) from which it is looked for: a shorter one is a word too often."""

SHORTEST_NUMBER = 6
"""Digits from which a number is looked for in text: a shorter one is a reading too often."""

PLAIN_LISTS = ("telemetry", "heartbeats")
"""Lists of many records whose documented fields identify nobody: records with no others at any depth need not be searched."""

_HASH_FIELDS = frozenset({"running_config", "expected_config"})
_HASH_NAME = re.compile(r"(?:hash|digest|checksum|fingerprint|sha256|crc)$", re.IGNORECASE)
_HASH = re.compile(r"[0-9A-Fa-f]{16,128}|sha\d*:[0-9A-Fa-f]{16,128}")
_MAY_BE_A_CARD = re.compile(r"(?=\d*[A-Fa-f])(?=[A-Fa-f]*\d)[0-9A-Fa-f]{8,}")
_SHAPED_AS_ID = re.compile(r"[^\s@]{3,256}")
MAX_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose a known value is: its kind, and the normal form that all its spellings share.

    `needs_capital` marks a short part of a name, which is one only where it is written as such; `is_word` a name that is
    a word of the trade or of our own sentences as well, which is one only within a sentence.
    """

    kind: Kind
    key: str
    needs_capital: bool = False
    is_word: bool = False
    sureness: Sureness = Sureness.NAMED


@dataclass
class KnownValues:
    """What is known before a document is read: identifiers and names to replace, and what must stay as it is.

    `kept` are device and site ids, sentences of our own, and what else names the charger and not a person; with True they stay whatever they
    look like, with False unless they look like a VIN, a mail address or a secret. `vocabulary` are words that are no names,
    `own_texts` whole texts that the knowledge made, `pseudonyms` what the records hold that looks like one of ours.
    """

    identities: Lexicon[Identity] = field(default_factory=Lexicon)
    kept: Lexicon[bool] = field(default_factory=Lexicon)
    vocabulary: frozenset[str] = TRADE | ROLES
    own_texts: frozenset[str] = frozenset()
    pseudonyms: set[str] = field(default_factory=set)

    def keep(self, text: Any, *, always: bool) -> None:
        """Let a text stay as it is."""
        if isinstance(text, str) and (always or _SHAPED_AS_ID.fullmatch(text)):
            self.kept.add(normal(text), always)

    def identify(self, kind: Kind, value: Any) -> str | None:
        """Take the value of a field of some kind; its normal form, or None where it identifies nobody."""
        text = _text(value)
        if text is None:
            return None
        key = normal(text)
        words = words_of(text)
        if not key or key in GENERIC or self.kept.get(key) is True:
            return None
        if kind is Kind.PERSON and are_roles(words):
            return None
        if _is_telling(key):
            self.identities.add(key, Identity(kind, key, is_word=key in self.vocabulary))
            if kind is Kind.PERSON:
                self._take_name(text, key)
        return key

    def _take_name(self, text: str, key: str) -> None:
        """Other spellings of a name: turned around, and its parts."""
        parts = [part for part in re.findall(r"[^\W\d_]+", text) if len(part) > 1]
        letters = re.findall(r"[^\W\d_]+", text)
        if not 2 <= len(letters) <= 5:
            return
        for spelling in (f"{letters[-1]}{''.join(letters[:-1])}", f"{letters[0][0]}{letters[-1]}"):
            if len(normal(spelling)) >= SHORTEST_SPELLING:
                self.identities.add(normal(spelling), Identity(Kind.PERSON, key))
        for part in parts:
            word = normal(part)
            if len(word) >= SHORTEST_NAME_PART and word not in ROLES:
                self.identities.add(word, Identity(Kind.PERSON, key, len(word) < 5, word in self.vocabulary))


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return None


def are_roles(words: Sequence[str]) -> bool:
    """Whether a text says what somebody is, not who (`support`, `field engineer`), or nothing at all."""
    return all(word in ROLES or word in GENERIC for word in words)


def _is_telling(key: str) -> bool:
    """Whether a value is so much its own that it may be replaced wherever it stands.

    Judgement: three signs with a letter among them, or six digits.
    """
    return len(key) >= (PREFIX if any(c.isalpha() for c in key) else SHORTEST_NUMBER)


def known_in(observations: Observations, own_texts: Iterable[str] = ()) -> KnownValues:
    """The identifiers of all records of a bundle, and what stays; `own_texts` are texts of the knowledge that hold no names."""
    texts = frozenset(own_texts)
    words = frozenset(word for text in texts for word in words_of(text) if len(word) > 1)
    known = KnownValues(vocabulary=TRADE | ROLES | words, own_texts=texts)
    for text in texts:
        if len(words_of(text)) > 1:
            known.keep(text, always=True)
    for name, table in observations.tables.items():
        _keep_ids(known, name, table)
    for name, table in observations.tables.items():
        documented = _documented(name) if name in PLAIN_LISTS else frozenset()
        for raw in _raws(table):
            if documented and _names_only(raw, documented):
                continue
            for text in _texts(raw):
                known.pseudonyms.update(PSEUDONYM.findall(text))
            for kind, value in fields_of_people(raw, keeps_name=name in NAMED_THINGS):
                known.identify(kind, value)
    return known


def _documented(name: str) -> frozenset[str]:
    """The names of all fields that the schema of a record list has, whatever they are within."""
    paths = [*leaves(name), *branches(name), *(part.path for leaf in leaves(name).values() for part in leaf.parts)]
    return frozenset(path.rpartition(".")[2] for path in paths)


def _names_only(value: Any, documented: frozenset[str], depth: int = 0) -> bool:
    """Whether every field of a record, at any depth, has one of these names."""
    if isinstance(value, Mapping):
        return (
            depth < MAX_DEPTH
            and value.keys() <= documented
            and all(
                _names_only(item, documented, depth + 1)
                for item in value.values()
                if isinstance(item, (Mapping, list, tuple))
            )
        )
    if isinstance(value, (list, tuple)):
        return depth < MAX_DEPTH and all(_names_only(item, documented, depth + 1) for item in value)
    return True


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    """Every text in a record, the names of its fields among them."""
    if isinstance(value, str):
        yield value
    elif depth < MAX_DEPTH and isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item, depth + 1)
    elif depth < MAX_DEPTH and isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item, depth + 1)


def _raws(table: Table) -> Iterator[Mapping[str, Any]]:
    for record in table.records:
        yield record.raw
    for _, _, raw in table.left_out:
        yield raw


def _keep_ids(known: KnownValues, name: str, table: Table) -> None:
    for device in table.by_device:
        known.keep(device, always=True)
    for record in table.records:
        site = record.fields.get("site_id")
        if site is not None:
            known.keep(site, always=True)
    if name == "devices":
        for record in table.records:
            serial = record.fields.get("sn")
            if serial is not None and _MAY_BE_A_CARD.fullmatch(serial) is None:
                known.keep(serial, always=False)
            version = record.fields.get("firmware_version")
            if isinstance(version, str) and parse_firmware(version) is not None:
                known.keep(version, always=False)
    if name == "configurations":
        for raw in _raws(table):
            for label, value in raw.items():
                is_hash = label in _HASH_FIELDS or _HASH_NAME.search(str(label))
                if is_hash and isinstance(value, str) and _HASH.fullmatch(value):
                    known.keep(value, always=False)


def json_within(text: str) -> Any:
    """The object or list that a text is the JSON of; None for any other text."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def fields_of_people(value: Any, *, keeps_name: bool = False, depth: int = 0) -> Iterator[tuple[Kind, Any]]:
    """Every value in a record that stands in a field of some kind, with the kind; nested values have that of the outer field.

    A text that is JSON is read as what it holds.
    """
    if depth >= MAX_DEPTH:
        return
    if isinstance(value, str):
        value = json_within(value)
    if isinstance(value, Mapping):
        for key, item in value.items():
            name = str(key)
            kind = None if keeps_name and name.lower() == "name" else kind_of_field(name)
            if kind is None:
                within = keeps_name and name.lower() in NAMED_PARTS
                yield from fields_of_people(item, keeps_name=within, depth=depth + 1)
            else:
                yield from ((kind_of_leaf(kind, leaf_name), leaf) for leaf_name, leaf in _leaves(item, name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from fields_of_people(item, keeps_name=keeps_name, depth=depth + 1)


def kind_of_leaf(outer: Kind, name: str) -> Kind:
    """The kind of a value within a field of some kind: its own field's, where that says one."""
    return kind_of_field(name) or outer


def _leaves(value: Any, name: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth >= MAX_DEPTH:
        return
    if isinstance(value, str) and (within := json_within(value)) is not None:
        value = within
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, str(key), depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item, name, depth + 1)
    else:
        yield name, value
