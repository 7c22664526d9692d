"""Early warnings: the rules of watches over the facts of each charger and connector, before there is any fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from .diagnosis import Watch
from .durable_matcher import make_matcher
from .explanation import plain
from .facts import Catalogue, Fact, admit
from .inference import infer
from .knowledge_base import DataProblem, IncidentCase, WatchCase
from .matching import Firing, Matcher, VerdictMatcher
from .rules import CompiledRule, fact_called, statement_of
from .trace import FactRead
from .watch_rules import CompiledWatch, Scope

HORIZON_DAYS = 730.0
"""Dates farther ahead than two years are not given (our judgement: no rate holds for so long)."""

DAY_SECONDS = 86_400.0

PREFIX = "watches."
"""What stands before the ids of watch rules in results, as the fault code stands before those of other rules."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of one charger or connector: its early warnings, the facts they were read from, what was refused."""

    case: WatchCase
    watches: Sequence[Watch]
    facts: Sequence[Fact]
    problems: Sequence[DataProblem]


@dataclass(frozen=True)
class _Reader:
    """The rules of some scopes, the facts each of them reads, and their matcher."""

    watches: Sequence[CompiledWatch]
    reads: Mapping[str, frozenset[str]]
    rules: Sequence[CompiledRule]
    matcher: Matcher


class Watcher:
    """Reads the watch rules for the chargers of a bundle. Build once; safe to call from many threads."""

    def __init__(self, watches: Sequence[CompiledWatch], catalogue: Catalogue, *, native: bool) -> None:
        """Take compiled watches and what declares their facts; `native` matches by durable-rules. Raises UnsafeRuleset."""
        self._watches = tuple(watches)
        self._catalogue = catalogue
        scopes: tuple[frozenset[Scope], ...] = (
            frozenset({"charger"}),
            frozenset({"connector"}),
            frozenset({"charger", "connector"}),
        )
        self._readers = {each: self._reader(each, native) for each in scopes}

    def _reader(self, scopes: frozenset[Scope], native: bool) -> _Reader:
        chosen = [compiled for compiled in self._watches if compiled.watch.scope in scopes]
        rules = [compiled.rule for compiled in chosen]
        reads = {compiled.watch.id: compiled.fact_names for compiled in chosen}
        return _Reader(chosen, reads, rules, make_matcher(rules) if native else VerdictMatcher(rules))

    def watch(
        self, cases: Iterable[WatchCase], incidents: Iterable[IncidentCase], as_of: float | None
    ) -> list[Watched]:
        """What is on its way at each charger and connector, in their order.

        `incidents` are the open ones: what already happened is no early warning (on the same charger, and the same
        connector where both name one). Where the moment of the diagnosis is not known, nothing is.
        """
        if as_of is None:
            return []
        happened: dict[tuple[str, str], set[int | None]] = {}
        for incident in incidents:
            happened.setdefault((incident.device_id, incident.code), set()).add(incident.connector_id)
        found = [self._watched(case, happened, as_of) for case in cases]
        return sorted(
            found, key=lambda w: (w.case.device_id, -1 if w.case.connector_id is None else w.case.connector_id)
        )

    def _watched(self, case: WatchCase, happened: dict[tuple[str, str], set[int | None]], as_of: float) -> Watched:
        reader = self._readers[case.scopes]
        ahead = [
            compiled
            for compiled in reader.watches
            if not _meets(case.connector_id, happened.get((case.device_id, compiled.watch.leads_to), ()))
        ]
        names = frozenset[str]().union(*(reader.reads[compiled.watch.id] for compiled in ahead))
        facts, refused = admit(case.measure(names), self._catalogue)
        where = f"{case.device_id}/{'-' if case.connector_id is None else case.connector_id}"
        problems = [
            DataProblem("facts", None, item.fact.name, f"{where}: {item.problem}; the fact is left out")
            for item in refused
        ]
        if not facts:
            return Watched(case, (), (), problems)
        inference = infer(facts, reader.rules, reader.matcher)
        problems.extend(DataProblem("facts", None, None, f"{where}: {refusal}") for refusal in inference.refusals)
        fired: dict[str, Firing] = {}
        for firing in inference.firings:
            fired.setdefault(firing.rule.rule.id, firing)
        told: dict[str, Watch] = {}
        for compiled in ahead:
            if compiled.watch.id in fired:
                told.setdefault(compiled.watch.topic, _told(compiled, fired[compiled.watch.id], case, as_of))
        return Watched(case, tuple(told.values()), facts, problems)


def _meets(connector: int | None, connectors: Iterable[int | None]) -> bool:
    """Whether a connector (or a whole charger) is among those of some incidents."""
    return any(connector is None or other is None or connector == other for other in connectors)


def _told(compiled: CompiledWatch, firing: Firing, case: WatchCase, as_of: float) -> Watch:
    watch = compiled.watch
    return Watch(
        device_id=case.device_id,
        connector_id=case.connector_id,
        what=watch.what,
        leads_to=watch.leads_to,
        trend=statement_of(firing.rule, firing.match),
        expected_at=None if watch.expected_at is None else _date(fact_called(firing.rule, firing.match, watch.expected_at), as_of),
        rule_id=f"{PREFIX}{watch.id}",
        facts=[
            FactRead(name=fact.name, value=plain(fact.value), unit=fact.unit, sources=list(fact.sources))
            for fact in firing.match
        ],
        source=watch.source,
    )  # fmt: skip


def _date(moment: Fact, as_of: float) -> str | None:
    """The day of a moment as ISO 8601 in UTC; None where it is too far ahead."""
    if isinstance(moment.value, (int, float)) and moment.value <= as_of + HORIZON_DAYS * DAY_SECONDS:
        return datetime.fromtimestamp(moment.value, tz=UTC).date().isoformat()
    return None
