"""Early warnings: the rules of watches over the facts of each charger and connector, before there is any fault."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from .diagnosis import Watch
from .durable_matcher import make_matcher
from .explanation import plain
from .facts import Catalogue, Fact, FactValue, RefusedFact, admit
from .inference import Inference, infer
from .knowledge_base import DataProblem, IncidentCase, WatchCase
from .matching import Firing, Matcher, VerdictMatcher, judgement_of
from .rule_index import RuleIndex
from .rules import CompiledRule, Pattern, fact_called, statement_of
from .trace import FactRead
from .watch_rules import CompiledWatch, Scope

HORIZON_DAYS = 730.0
"""Dates farther ahead than two years are not given (our judgement: no rate holds for so long)."""

DAY_SECONDS = 86_400.0

MAX_REMEMBERED = 1_024
"""Combinations of values of which a reader keeps the rules that fired (our judgement: a fleet has some dozen firmware versions)."""

_BOUNDS = frozenset({"<", "<=", ">", ">="})

PREFIX = "watches."
"""What stands before the ids of watch rules in results, as the fault code stands before those of other rules."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of one charger or connector: its early warnings, the facts they were read from, what was refused."""

    case: WatchCase
    watches: Sequence[Watch]
    facts: Sequence[Fact]
    problems: Sequence[DataProblem]


class _Reader:
    """The rules of some scopes, the facts that they read, and their matcher."""

    def __init__(self, watches: Sequence[CompiledWatch], native: bool) -> None:
        self._watches = watches
        self._codes = frozenset(compiled.watch.leads_to for compiled in watches)
        self._rules = [compiled.rule for compiled in watches]
        self._index = RuleIndex(self._rules)
        self._matcher: Matcher = make_matcher(self._rules) if native else VerdictMatcher(self._rules)
        self._ahead: dict[frozenset[str], _Ahead] = {}
        self._fired: dict[tuple[tuple[str, FactValue], ...], tuple[CompiledRule, ...]] = {}

    def ahead(self, happened: frozenset[str]) -> _Ahead:
        """The rules that warn of other codes than those that happened already."""
        known = happened & self._codes
        found = self._ahead.get(known)
        if found is None:
            watches = tuple(each for each in self._watches if each.watch.leads_to not in known)
            found = self._ahead[known] = _Ahead(watches)
        return found

    def inferred(self, facts: Sequence[Fact]) -> Inference | None:
        """What follows from some facts; None where none of the rules can fire.

        Most chargers give no cause for a warning. That is seen without the matcher: each condition that compares a fact
        with constants is met by it or not.
        """
        met = 0
        for fact in facts:
            met |= self._index.met_by(fact)
        names = {fact.name for fact in facts}
        able = [
            entry
            for entry in self._index.rules
            if (entry.fact_names <= names if entry.conditions is None else entry.needs & met == entry.needs)
        ]
        if not able:
            return None
        read = frozenset[str]().union(*(entry.fact_names for entry in able))
        needed = [fact for fact in facts if fact.name in read]
        if len(needed) != len(read) or any(entry.conditions is None for entry in able):
            return infer(needed, self._rules, self._matcher)
        return self._remembered(needed)

    def _remembered(self, facts: Sequence[Fact]) -> Inference:
        """What follows from facts of which each has a name of its own: rules that join none of them see nothing but values.

        A fleet has few firmware versions and many chargers, so the matcher is asked once for what says the same.
        """
        said = tuple((fact.name, fact.value) for fact in facts)
        fired = self._fired.get(said)
        if fired is None:
            inference = infer(facts, self._rules, self._matcher)
            if not inference.refusals and len(self._fired) < MAX_REMEMBERED:
                self._fired[said] = tuple(firing.rule for firing in inference.firings)
            return inference
        known = {fact.name: fact for fact in facts}
        firings = (Firing(rule, tuple(known[pattern.fact_name] for pattern in rule.patterns)) for rule in fired)
        return Inference(tuple(facts), tuple(firings), (), {})


def _deciding(rule: CompiledRule) -> Pattern:
    """The condition of a rule that says soonest whether it can fire: the first that bounds a value, else that names one.

    What it asks of other facts, of a moment or of a place is left out.
    """
    alone = [
        Pattern(p.fact_name, tuple(t for t in p.tests if t.earlier is None and t.attribute in ("value", "scheme")))
        for p in rule.patterns
    ]
    bounding = (pattern for pattern in alone if any(test.operator in _BOUNDS for test in pattern.tests))
    naming = (pattern for pattern in alone if pattern.tests)
    return next(bounding, None) or next(naming, alone[0])


class _Ahead:
    """Rules that may warn of something, and the facts that are asked for them.

    Most rules are settled by one condition, and most chargers by that of every rule, so that the rest is not measured.
    """

    def __init__(self, watches: Sequence[CompiledWatch]) -> None:
        self.watches = watches
        self._asked: dict[str, list[tuple[Callable[[Fact], bool | None], frozenset[str]]]] = {}
        for each in watches:
            first = _deciding(each.rule)
            self._asked.setdefault(first.fact_name, []).append((judgement_of(first), each.fact_names))
        self._first = frozenset(self._asked)
        self._besides = lru_cache(MAX_REMEMBERED)(self._read_besides)

    def measured(self, case: WatchCase, catalogue: Catalogue) -> tuple[list[Fact], list[RefusedFact]]:
        """What is known of a charger or connector for these rules, as far as one of them can fire; and what was refused."""
        facts, refused = admit(case.measure(self._first), catalogue)
        rest = frozenset[str]().union(*(self._besides(fact.name, fact.value) for fact in facts)) - self._first
        if rest:
            more, also_refused = admit(case.measure(rest), catalogue)
            facts, refused = sorted([*facts, *more], key=Fact.sort_key), [*refused, *also_refused]
        return facts, refused

    def _read_besides(self, name: str, value: FactValue) -> frozenset[str]:
        """What the rules read whose deciding condition a fact of this name and value meets."""
        fact = Fact(name, value)
        return frozenset[str]().union(*(names for may_be, names in self._asked.get(name, ()) if may_be(fact)))


class Watcher:
    """Reads the watch rules for the chargers of a bundle. Build once; safe to call from many threads."""

    def __init__(self, watches: Sequence[CompiledWatch], catalogue: Catalogue, *, native: bool) -> None:
        """Take compiled watches and what declares their facts; `native` matches by durable-rules. Raises UnsafeRuleset."""
        self._catalogue = catalogue
        scopes: tuple[frozenset[Scope], ...] = (
            frozenset({"charger"}),
            frozenset({"connector"}),
            frozenset({"charger", "connector"}),
        )
        self._readers = {
            each: _Reader([compiled for compiled in watches if compiled.watch.scope in each], native) for each in scopes
        }

    def watch(
        self, cases: Iterable[WatchCase], incidents: Iterable[IncidentCase], as_of: float | None
    ) -> list[Watched]:
        """What is on its way at each charger and connector, in their order.

        `incidents` are the open ones: what already happened is no early warning (on the same charger, and the same
        connector where both name one). Where the moment of the diagnosis is not known, nothing is.
        """
        if as_of is None:
            return []
        happened: dict[str, list[tuple[int | None, str]]] = {}
        for incident in incidents:
            happened.setdefault(incident.device_id, []).append((incident.connector_id, incident.code))
        found = [self._watched(case, happened, as_of) for case in cases]
        return sorted(
            found, key=lambda w: (w.case.device_id, -1 if w.case.connector_id is None else w.case.connector_id)
        )

    def _watched(
        self, case: WatchCase, happened: Mapping[str, Sequence[tuple[int | None, str]]], as_of: float
    ) -> Watched:
        reader = self._readers[case.scopes]
        codes = frozenset(
            code
            for connector, code in happened.get(case.device_id, ())
            if connector is None or case.connector_id is None or connector == case.connector_id
        )
        ahead = reader.ahead(codes)
        facts, refused = ahead.measured(case, self._catalogue)
        where = f"{case.device_id}/{'-' if case.connector_id is None else case.connector_id}"
        problems = [
            DataProblem("facts", None, item.fact.name, f"{where}: {item.problem}; the fact is left out")
            for item in refused
        ]
        inference = reader.inferred(facts)
        if inference is None:
            return Watched(case, (), facts, problems)
        problems.extend(DataProblem("facts", None, None, f"{where}: {refusal}") for refusal in inference.refusals)
        fired: dict[str, Firing] = {}
        for firing in inference.firings:
            fired.setdefault(firing.rule.rule.id, firing)
        told: dict[str, Watch] = {}
        for compiled in ahead.watches:
            if compiled.watch.id in fired:
                told.setdefault(compiled.watch.topic, _told(compiled, fired[compiled.watch.id], case, as_of))
        return Watched(case, tuple(told.values()), facts, problems)


def _told(compiled: CompiledWatch, firing: Firing, case: WatchCase, as_of: float) -> Watch:
    watch = compiled.watch
    return Watch.made(
        device_id=case.device_id,
        connector_id=case.connector_id,
        what=watch.what,
        leads_to=watch.leads_to,
        trend=statement_of(firing.rule, firing.match),
        expected_at=None if watch.expected_at is None else _date(fact_called(firing.rule, firing.match, watch.expected_at), as_of),
        rule_id=f"{PREFIX}{watch.id}",
        facts=[
            FactRead.made(
                name=fact.name, value=plain(fact.value), unit=fact.unit, sources=list(fact.sources), raised_by=None
            )
            for fact in firing.match
        ],
        source=watch.source,
    )  # fmt: skip


def _date(moment: Fact, as_of: float) -> str | None:
    """The day of a moment as ISO 8601 in UTC; None where it is too far ahead."""
    if isinstance(moment.value, (int, float)) and moment.value <= as_of + HORIZON_DAYS * DAY_SECONDS:
        return datetime.fromtimestamp(moment.value, tz=UTC).date().isoformat()
    return None
