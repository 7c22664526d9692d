"""A fault's vocabulary as patterns: all of it for reports of visits, and what is asked of other texts for those."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ..engine.knowledge_base import Fault
from .texts import topic_patterns

Patterns = list[tuple[str, re.Pattern[str]]]


class Topics(NamedTuple):
    """The topics of a fault with their patterns: all, and those that rules ask for of other texts than reports of visits."""

    all: Patterns
    beside_visits: Patterns


class _Same:
    """A fault's entry as a key: by identity, as its contents are many."""

    __slots__ = ("entry",)

    def __init__(self, entry: Fault) -> None:
        self.entry = entry

    def __hash__(self) -> int:
        return id(self.entry)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.entry is self.entry


def topics_of(entry: Fault) -> Topics:
    """The topics of a fault, compiled once."""
    return _compiled(_Same(entry))


@lru_cache(maxsize=64)
def _compiled(same: _Same) -> Topics:
    entry = same.entry
    patterns = topic_patterns(sorted(entry.vocabulary.items()))
    asked = {
        topic
        for rule in entry.rules
        for condition in rule.when
        if condition.fact is None or "visit" not in condition.fact
        for topic in (condition.is_, *(condition.in_ or ()))
    }
    return Topics(patterns, [(topic, pattern) for topic, pattern in patterns if topic in asked])
