"""The second reading of the rules: plain closures that match, and that tell met from not met from unknown.

It is the matcher where durable-rules cannot be imported, and everywhere the source of verdicts.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from .facts import Fact
from .rules import FINDING, CompiledRule, Pattern, Test, attribute_of

Verdict = Literal["met", "not met", "unknown"]
Match = tuple[Fact, ...]
FactsByName = Mapping[str, Sequence[Fact]]


class Firing(NamedTuple):
    """A rule with one combination of facts that meets all its conditions."""

    rule: CompiledRule
    match: Match


class Session(Protocol):
    """One run of a matcher: facts go in by rounds, each round gives the firings that it made possible."""

    def add(self, facts: Sequence[Fact]) -> list[Firing]: ...


class Reads:
    """Which facts some rules read, and which of them can take part in a firing."""

    def __init__(self, rules: Sequence[CompiledRule]) -> None:
        of_rules = [frozenset(pattern.fact_name for pattern in rule.patterns) for rule in rules]
        self.fact_names = frozenset().union(*of_rules)
        self.most_conditions = max((len(rule.patterns) for rule in rules), default=0)
        self._alone = frozenset(name for names in of_rules if len(names) == 1 for name in names)
        self._together = list(dict.fromkeys(names for names in of_rules if len(names) > 1))
        self._raising = [
            (names, f"{FINDING}{rule.rule.raises}")
            for names, rule in zip(of_rules, rules, strict=True)
            if rule.rule.raises is not None
        ]

    def useful(self, known: AbstractSet[str]) -> AbstractSet[str]:
        """The names of facts that can take part in a firing where facts of the known names are all there is.

        A rule that also reads what is not known, and is not raised by such rules either, cannot fire on any values.
        """
        if self._raising:
            known = self._with_findings(set(known))
        found = self._alone & known
        for names in self._together:
            if names <= known:
                found |= names
        return found

    def _with_findings(self, known: set[str]) -> set[str]:
        grown = True
        while grown:
            before = len(known)
            known.update(raised for names, raised in self._raising if names <= known)
            grown = len(known) > before
        return known


class Matcher(Protocol):
    """Finds which rules fire on which facts; both implementations must find the same.

    `reads` tells which facts its rules can use; others need not be given.
    """

    name: str
    reads: Reads

    def session(self) -> AbstractContextManager[Session]: ...


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "in": lambda value, members: value in members,
}  # fmt: skip


def judgement_of(pattern: Pattern) -> Callable[[Fact], bool | None]:
    """A function that judges a fact by a condition without joins: true or false, None where it cannot be told."""
    tests = pattern.tests
    if any(test.attribute != "value" or test.kind == "version" for test in tests):
        return _judgement_beside(pattern, ())
    if len(tests) == 1:
        compare, constant = _COMPARE[tests[0].operator], tests[0].constant
        return lambda fact: compare(fact.value, constant)
    compared = [(_COMPARE[test.operator], test.constant) for test in tests]
    return lambda fact: all(compare(fact.value, constant) for compare, constant in compared)


def _judgement_beside(pattern: Pattern, chosen: Sequence[Fact | None]) -> Callable[[Fact], bool | None]:
    """The same of any condition, given the facts that the earlier ones took."""
    tests = pattern.tests
    return lambda fact: _judged([_outcome(test, fact, chosen) for test in tests], tests)


def passes(test: Test, fact: Fact, earlier: Sequence[Fact]) -> bool:
    """Whether a fact passes one test, given the facts that the earlier conditions took."""
    value = attribute_of(fact, test.attribute)
    if value is None:
        return False
    if test.earlier is None:
        return _COMPARE[test.operator](value, test.constant)
    other = attribute_of(earlier[test.earlier], test.attribute)
    return other is not None and _COMPARE[test.operator](value, other)


def matches(compiled: CompiledRule, facts: FactsByName) -> Iterator[Match]:
    """Every combination of facts that meets all conditions of a rule, in the order of the facts given.

    No fact takes two places: conditions of one name mean different facts (durable-rules sees to that by itself).
    """
    return _extended((), compiled.patterns, facts)


def _extended(taken: Match, rest: Sequence[Pattern], facts: FactsByName) -> Iterator[Match]:
    if not rest:
        yield taken
        return
    for fact in _fitting(rest[0], taken, facts):
        yield from _extended((*taken, fact), rest[1:], facts)


def _fitting(pattern: Pattern, taken: Match, facts: FactsByName) -> Iterator[Fact]:
    """The facts that meet a condition beside those taken for earlier ones."""
    for fact in facts.get(pattern.fact_name, ()):
        if _is_free(fact, taken) and all(passes(test, fact, taken) for test in pattern.tests):
            yield fact


def _is_free(fact: Fact, taken: Sequence[Fact | None]) -> bool:
    return not taken or not any(fact is other for other in taken)


@dataclass(frozen=True, slots=True)
class ConditionVerdict:
    """Verdict of one condition and the fact that was read for it: the one that meets it, else the nearest in order."""

    verdict: Verdict
    fact: Fact | None


UNKNOWN = ConditionVerdict("unknown", None)
"""The verdict of a condition of which no fact is known."""


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """Verdict of a rule: met if all conditions are met together, not met if one fails, unknown otherwise."""

    verdict: Verdict
    conditions: tuple[ConditionVerdict, ...]


def verdict_of(compiled: CompiledRule, facts: FactsByName) -> RuleVerdict:
    """Judge each condition by the combination of facts that gets furthest down the rule.

    A condition whose facts are missing is unknown, and so is a join with an earlier condition that took no fact.
    """
    best = next(matches(compiled, facts), None)
    if best is not None:
        return RuleVerdict("met", tuple(ConditionVerdict("met", fact) for fact in best))
    taken = _furthest((), compiled.patterns, facts)
    conditions: list[ConditionVerdict] = []
    chosen: list[Fact | None] = []
    for place, pattern in enumerate(compiled.patterns):
        if place < len(taken):
            conditions.append(ConditionVerdict("met", taken[place]))
            chosen.append(taken[place])
            continue
        candidates = [fact for fact in facts.get(pattern.fact_name, ()) if _is_free(fact, chosen)]
        found = verdict_among(_judgement_beside(pattern, chosen), candidates)
        conditions.append(found)
        chosen.append(found.fact if found.verdict == "met" else None)
    not_met = any(condition.verdict == "not met" for condition in conditions)
    return RuleVerdict("not met" if not_met else "unknown", tuple(conditions))


def _furthest(taken: Match, rest: Sequence[Pattern], facts: FactsByName) -> Match:
    """The first of the longest combinations that begin with some facts."""
    longest = taken
    for fact in _fitting(rest[0], taken, facts) if rest else ():
        found = _furthest((*taken, fact), rest[1:], facts)
        if len(found) > len(longest):
            longest = found
    return longest


def verdict_among(judge: Callable[[Fact], bool | None], facts: Sequence[Fact]) -> ConditionVerdict:
    """The verdict of a condition on the facts that it may read; unknown where there are none."""
    undecided: Fact | None = None
    for fact in facts:
        outcome = judge(fact)
        if outcome:
            return ConditionVerdict("met", fact)
        if outcome is None and undecided is None:
            undecided = fact
    if undecided is not None:
        return ConditionVerdict("unknown", undecided)
    return ConditionVerdict("not met", facts[0]) if facts else UNKNOWN


def _judged(outcomes: Sequence[bool | None], tests: Sequence[Test]) -> bool | None:
    """A condition by the outcomes of its tests; where the scheme cannot be told, nothing can."""
    if any(test.attribute == "scheme" and outcome is None for test, outcome in zip(tests, outcomes, strict=True)):
        return None
    return False if False in outcomes else None if None in outcomes else True


def _outcome(test: Test, fact: Fact, chosen: Sequence[Fact | None]) -> bool | None:
    """True or false where it can be told, None where a value or the earlier fact is missing.

    A version of another scheme is neither inside nor outside a range, so a scheme that differs tells nothing.
    """
    value = attribute_of(fact, test.attribute)
    other: object = test.constant
    if test.earlier is not None:
        other_fact = chosen[test.earlier]
        other = None if other_fact is None else attribute_of(other_fact, test.attribute)
    if value is None or other is None:
        return None
    outcome = _COMPARE[test.operator](value, other)
    return None if test.attribute == "scheme" and not outcome else outcome


class VerdictMatcher:
    """Matches by the second reading alone; no native code."""

    name = "verdicts"

    def __init__(self, rules: Sequence[CompiledRule]) -> None:
        self._rules = [(rule, frozenset(pattern.fact_name for pattern in rule.patterns)) for rule in rules]
        self.reads = Reads(rules)

    def session(self) -> AbstractContextManager[Session]:
        """A fresh run over the rules."""
        return nullcontext(_VerdictSession(self._rules))


class _VerdictSession:
    def __init__(self, rules: Sequence[tuple[CompiledRule, frozenset[str]]]) -> None:
        self._rules = rules
        self._facts: dict[str, list[Fact]] = defaultdict(list)
        self._seen: set[tuple[str, Match]] = set()

    def add(self, facts: Sequence[Fact]) -> list[Firing]:
        for fact in facts:
            self._facts[fact.name].append(fact)
        touched = {fact.name for fact in facts}
        known = self._facts.keys()
        firings = []
        for compiled, names in self._rules:
            if touched.isdisjoint(names) or not names <= known:
                continue
            for match in matches(compiled, self._facts):
                key = (compiled.rule.id, match)
                if key not in self._seen:
                    self._seen.add(key)
                    firings.append(Firing(compiled, match))
        return firings


def by_name(facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    """Facts grouped by name, in the order given."""
    grouped: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        grouped[fact.name].append(fact)
    return dict(grouped)
