"""Where the rules of one fault stand on what is known of one incident, and which would fire besides.

Verdicts, next checks, consultations and what would change the leader all ask the same of the same facts. Nearly every
condition compares one fact with constants: such a condition is numbered, judged once for an incident, and a rule is the
set of its numbers. Rules that join facts, or read two facts of one name, are matched as a whole by the second reading.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .facts import Fact
from .inference import Inference, finding
from .matching import (
    UNKNOWN,
    ConditionVerdict,
    FactsByName,
    Firing,
    Verdict,
    by_name,
    judgement_of,
    matches,
    verdict_among,
    verdict_of,
)
from .rules import FINDING, CompiledRule, Pattern

MAX_REMEMBERED = 4_096
"""Values of which an index keeps the conditions that they meet (judgement: a fault's checks and thresholds name some
hundred; only values taken from records come besides)."""


@dataclass(frozen=True, slots=True)
class IndexedRule:
    """A rule by the numbers of its conditions (`needs` is their set as bits); None where it is matched as a whole."""

    rule: CompiledRule
    fact_names: frozenset[str]
    conditions: tuple[int, ...] | None
    needs: int


class RuleIndex:
    """The rules of a fault with their conditions numbered. Build once; safe to share by threads."""

    def __init__(self, rules: Sequence[CompiledRule]) -> None:
        self.conditions: list[Pattern] = []
        self._numbers: dict[Pattern, int] = {}
        self.rules = tuple(self._indexed(rule) for rule in rules)
        self.number_of = {entry.rule.rule.id: number for number, entry in enumerate(self.rules)}
        self.fact_names = frozenset(name for entry in self.rules for name in entry.fact_names)
        self.plain_readers: dict[str, list[tuple[int, int]]] = {}
        self.other_readers: dict[str, list[int]] = {}
        for number, entry in enumerate(self.rules):
            for name in sorted(entry.fact_names):
                if entry.conditions is None or entry.rule.rule.raises is not None:
                    self.other_readers.setdefault(name, []).append(number)
                else:
                    self.plain_readers.setdefault(name, []).append((number, entry.needs))
        self._conditions_on: dict[str, list[tuple[int, Callable[[Fact], bool | None]]]] = {}
        for number, pattern in enumerate(self.conditions):
            self._conditions_on.setdefault(pattern.fact_name, []).append((number, judgement_of(pattern)))
        self._met_by_value = lru_cache(MAX_REMEMBERED)(lambda name, value: self._met_by(Fact(name, value)))

    def _indexed(self, compiled: CompiledRule) -> IndexedRule:
        names = frozenset(pattern.fact_name for pattern in compiled.patterns)
        if not is_plain(compiled):
            return IndexedRule(compiled, names, None, 0)
        numbers = tuple(self._number(pattern) for pattern in compiled.patterns)
        return IndexedRule(compiled, names, numbers, sum(1 << number for number in set(numbers)))

    def _number(self, pattern: Pattern) -> int:
        number = self._numbers.setdefault(pattern, len(self.conditions))
        if number == len(self.conditions):
            self.conditions.append(pattern)
        return number

    def met_by(self, fact: Fact) -> int:
        """The conditions that a fact meets, as bits; they read nothing of it but its value."""
        met: int = self._met_by_value(fact.name, fact.value)
        return met

    def _met_by(self, fact: Fact) -> int:
        return sum(1 << number for number, judge in self._conditions_on.get(fact.name, ()) if judge(fact))

    def judged(self, name: str, facts: Sequence[Fact]) -> list[tuple[int, ConditionVerdict]]:
        """The verdicts of the conditions that read the facts of one name, by their numbers."""
        return [(number, verdict_among(judge, facts)) for number, judge in self._conditions_on.get(name, ())]


def is_plain(compiled: CompiledRule) -> bool:
    """Whether each condition can be judged by itself: none joins facts, and no two read facts of one name."""
    names = {pattern.fact_name for pattern in compiled.patterns}
    return len(names) == len(compiled.patterns) and all(
        test.earlier is None and test.attribute in ("value", "scheme")
        for pattern in compiled.patterns
        for test in pattern.tests
    )


class Standing:
    """The rules of a fault on the facts of one incident, and on those that could be known besides.

    `met` holds the numbers of the conditions that are met, as bits.
    """

    def __init__(self, index: RuleIndex, facts: Iterable[Fact], fired: Iterable[CompiledRule]) -> None:
        """Take what is known, findings included, and the rules that fired on it."""
        self.index = index
        self.facts: FactsByName = by_name(facts)
        self.fired = frozenset(index.number_of[rule.rule.id] for rule in fired)
        self.met = 0
        self._judged: dict[int, ConditionVerdict] = {}
        for name, known in self.facts.items():
            for number, verdict in index.judged(name, known):
                self._judged[number] = verdict
                if verdict.verdict == "met":
                    self.met |= 1 << number

    @classmethod
    def after(cls, index: RuleIndex, inference: Inference) -> Standing:
        """Where the rules stand when an inference has run."""
        return cls(index, inference.facts, (firing.rule for firing in inference.firings))

    def fired_rules(self) -> list[CompiledRule]:
        """The rules that fired on what is known."""
        return self.rules(sorted(self.fired))

    def verdict(self, entry: IndexedRule) -> tuple[Verdict, Sequence[ConditionVerdict]]:
        """The verdict of a rule and of each of its conditions."""
        if entry.conditions is None:
            whole = verdict_of(entry.rule, self.facts)
            return whole.verdict, whole.conditions
        judged = [self._judged.get(number, UNKNOWN) for number in entry.conditions]
        if entry.needs & self.met == entry.needs:
            return "met", judged
        return "not met" if any(each.verdict == "not met" for each in judged) else "unknown", judged

    def besides(self, supposed: Sequence[Fact]) -> list[CompiledRule]:
        """The rules that would fire besides if some facts were known, by these and by the findings that they raise."""
        met = 0
        for fact in supposed:
            met |= self.index.met_by(fact)
        return self.rules(self.completed_by({fact.name for fact in supposed}, met, lambda: supposed))

    def rules(self, numbers: Iterable[int]) -> list[CompiledRule]:
        """Rules by their numbers."""
        return [self.index.rules[number].rule for number in numbers]

    def completed_by(self, names: Collection[str], met: int, supposed: Callable[[], Sequence[Fact]]) -> Collection[int]:
        """The numbers of the rules that facts of these names would make fire, where one knows which conditions they meet
        (as bits); `supposed` makes the facts, where that does not tell all."""
        index, fired = self.index, self.fired
        met |= self.met
        new = []
        others: list[int] = []
        for name in names:
            for number, needs in index.plain_readers.get(name, ()):
                if needs & met == needs and number not in fired:
                    new.append(number)
            others += index.other_readers.get(name, ())
        if others and any(self._can_fire(number, names) for number in others):
            new.extend(self._chained(names, met, supposed()))
        return dict.fromkeys(new) if len(new) > 1 else new

    def _can_fire(self, number: int, names: Collection[str]) -> bool:
        """Whether a rule has not fired, and would read nothing but what is known or has one of these names."""
        return number not in self.fired and all(
            name in self.facts or name in names for name in self.index.rules[number].fact_names
        )

    def _chained(self, names: Iterable[str], met: int, supposed: Iterable[Fact]) -> list[int]:
        """The rules that join facts or raise findings and would fire, and those that these findings make fire."""
        known: dict[str, Sequence[Fact]] = dict(self.facts)
        for fact in supposed:
            known[fact.name] = [*known.get(fact.name, ()), fact]
        new: dict[int, None] = {}
        while names:
            raised: dict[str, Fact] = {}
            for number in sorted({n for name in names for n in self.index.other_readers.get(name, ())} - self.fired):
                entry = self.index.rules[number]
                if number in new or not entry.fact_names <= known.keys():
                    continue
                match = next(matches(entry.rule, known), None)
                if match is None:
                    continue
                new[number] = None
                name = f"{FINDING}{entry.rule.rule.raises}"
                if entry.rule.rule.raises is not None and name not in known:
                    raised[name] = finding(name, Firing(entry.rule, match))
                    known[name] = [raised[name]]
            for fact in raised.values():
                met |= self.index.met_by(fact)
            for name in raised:
                for number, needs in self.index.plain_readers.get(name, ()):
                    if needs & met == needs and number not in self.fired:
                        new[number] = None
            names = raised
        return list(new)
