"""Firings and beliefs to a trace: evidence, verdicts, contradictions and what was brought about, with their facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .beliefs import Beliefs, Evidence
from .diagnosis import Consequence, Contradiction, UpstreamIncident
from .facts import Fact, FactValue, Source, Version
from .inference import Inference
from .knowledge_base import CompiledFault
from .matching import UNKNOWN, ConditionVerdict, Firing, Verdict
from .rule_index import IndexedRule, Standing
from .rules import FINDING, CompiledRule, Condition, fact_called, statement_of
from .trace import ConditionRead, EvidenceItem, FactRead, RaisedBy, RuleRead

SUPPOSED = "supposed"
"""Name of the record list that supposed facts are said to come from: no record holds them."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a rule's verdict says whatever was read: its conditions in words with their thresholds, and what it does."""

    entry: IndexedRule
    rule_id: str
    weighs: Mapping[str, float]
    conditions: Sequence[tuple[str, str, Sequence[float]]]
    unknown: RuleRead


class Tracer:
    """Puts into result models what the rules of one fault read and said."""

    def __init__(self, compiled: CompiledFault, texts: Sequence[Sequence[str]]) -> None:
        """Take a fault, and for each of its rules the conditions in words."""
        self._code = compiled.fault.code
        self._told = [self._tell(entry, said) for entry, said in zip(compiled.index.rules, texts, strict=True)]
        bearing = bearing_on(compiled.rules)
        self._bearing = {
            cause: [place for place, rule in enumerate(compiled.rules) if cause in bearing[rule.rule.id]]
            for cause in compiled.fault.cause_ids
        }

    def rule_id(self, rule: str) -> str:
        """A rule's id with its code."""
        return f"{self._code}.{rule}"

    def cause_id(self, cause: str) -> str:
        """A cause's id with its code."""
        return f"{self._code}/{cause}"

    def _tell(self, entry: IndexedRule, texts: Sequence[str]) -> _Told:
        compiled = entry.rule
        conditions = [
            (text, pattern.fact_name, _thresholds(condition))
            for text, pattern, condition in zip(texts, compiled.patterns, compiled.rule.when, strict=True)
        ]
        weighs = {self.cause_id(cause): weight for cause, weight in compiled.weights_db}
        rule_id = self.rule_id(compiled.rule.id)
        nothing = [_condition_read(said, UNKNOWN, None) for said in conditions]
        unknown = _rule_read(compiled, rule_id, weighs, "unknown", nothing)
        return _Told(entry, rule_id, weighs, conditions, unknown)

    def verdicts(self, standing: Standing, as_of: float | None) -> Mapping[str, list[RuleRead]]:
        """For each cause the verdicts of the rules that bear on it, directly or by a finding."""
        shown: dict[tuple[int, str], ConditionRead] = {}
        known = standing.facts.keys()
        read = [
            told.unknown if known.isdisjoint(told.entry.fact_names) else self._verdict(told, standing, as_of, shown)
            for told in self._told
        ]
        return {cause: [read[place] for place in places] for cause, places in self._bearing.items()}

    def _verdict(
        self, told: _Told, standing: Standing, as_of: float | None, shown: dict[tuple[int, str], ConditionRead]
    ) -> RuleRead:
        verdict, judged = standing.verdict(told.entry)
        conditions = []
        for place, (said, condition) in enumerate(zip(told.conditions, judged, strict=True)):
            if condition.fact is None:
                conditions.append(told.unknown.conditions[place])
            elif told.entry.conditions is None:
                conditions.append(_condition_read(said, condition, as_of))
            else:
                key = (told.entry.conditions[place], said[0])
                read = shown.get(key)
                if read is None:
                    read = shown[key] = _condition_read(said, condition, as_of)
                conditions.append(read)
        return _rule_read(told.entry.rule, told.rule_id, told.weighs, verdict, conditions)

    def of(self, inference: Inference) -> Trace:
        """The trace of one inference."""
        return Trace(self, inference)


@dataclass
class Trace:
    """What one inference says, with the facts behind it; facts and sentences that several causes share are made once."""

    tracer: Tracer
    inference: Inference
    _facts: dict[int, FactRead] = field(default_factory=dict)
    _shown: dict[str, tuple[str, list[FactRead]]] = field(default_factory=dict)

    def fact(self, fact: Fact) -> FactRead:
        """A fact as it was read; a finding with the rule that raised it and the facts which that rule read."""
        read = self._facts.get(id(fact))
        if read is None:
            raising = self.inference.raised.get(fact.name)
            read = self._facts[id(fact)] = FactRead.made(
                name=fact.name,
                value=plain(fact.value),
                unit=fact.unit,
                sources=list(fact.sources),
                raised_by=None if raising is None else self._raised_by(raising),
            )
        return read

    def _raised_by(self, firing: Firing) -> RaisedBy:
        return RaisedBy.made(
            rule_id=self.tracer.rule_id(firing.rule.rule.id),
            statement=statement_of(firing.rule, firing.match),
            facts=[self.fact(fact) for fact in firing.match],
            source=firing.rule.rule.source,
        )

    def evidence(self, item: Evidence) -> EvidenceItem:
        """One piece of evidence for or against one cause."""
        rule = item.firing.rule.rule
        if rule.id not in self._shown:
            facts = {id(fact): fact for match in item.matches for fact in match}
            statement = statement_of(item.firing.rule, item.firing.match)
            self._shown[rule.id] = statement, [self.fact(fact) for fact in facts.values()]
        statement, read = self._shown[rule.id]
        stronger = item.already_counted_by
        return EvidenceItem.made(
            rule_id=self.tracer.rule_id(rule.id),
            effect=item.effect,
            weight_db=item.weight_db,
            counted=item.counted,
            already_counted_by=None if stronger is None else self.tracer.rule_id(stronger),
            group=rule.group,
            statement=statement,
            facts=read,
            source=rule.source,
        )

    def contradictions(self, beliefs: Beliefs) -> list[Contradiction]:
        """The pairs of facts that cannot both be true, with the causes whose evidence stands on either of them."""
        found = []
        for firing in self.inference.firings:
            pair = firing.rule.rule.contradicts
            if pair is not None:
                between = [fact_called(firing.rule, firing.match, alias) for alias in pair]
                found.append(
                    Contradiction(
                        rule_id=self.tracer.rule_id(firing.rule.rule.id),
                        statement=statement_of(firing.rule, firing.match),
                        between=[self.fact(fact) for fact in between],
                        bears_on=[
                            self.tracer.cause_id(cause)
                            for cause, belief in beliefs.by_cause.items()
                            if _stands_on(belief.evidence, between)
                        ],
                    )
                )
        return found

    def consequences(self) -> list[Consequence]:
        """What the fault brought about that has no code of its own."""
        return [
            Consequence(
                incident_id=None,
                statement=statement_of(firing.rule, firing.match),
                sources=sources_of(firing.match),
            )
            for firing in self.inference.firings
            if firing.rule.rule.brings_about is not None
        ]

    def upstream(self, leader: str | None) -> list[UpstreamIncident]:
        """The incidents that stand behind this one by rules which support its leading cause, the surest first."""
        found: dict[str, UpstreamIncident] = {}
        linking = [f for f in self.inference.firings if f.rule.rule.upstream is not None]
        for firing in sorted(linking, key=lambda f: -(f.rule.rule.weight_for(leader or "") or 0.0)):
            rule = firing.rule.rule
            if leader not in rule.supports or rule.upstream is None:
                continue
            incident = fact_called(firing.rule, firing.match, rule.upstream).key
            if incident is not None and incident not in found:
                found[incident] = UpstreamIncident(
                    incident_id=incident,
                    cause_id=self.tracer.cause_id(leader),
                    statement=statement_of(firing.rule, firing.match),
                    rule_id=self.tracer.rule_id(rule.id),
                )
        return list(found.values())


def plain(value: FactValue) -> bool | float | str:
    """A value as results hold it: a version as its text."""
    return value.text if isinstance(value, Version) else value


def names_read(facts: Iterable[FactRead]) -> set[str]:
    """The names of facts and of those behind their findings."""
    names: set[str] = set()
    for fact in facts:
        names.add(fact.name)
        if fact.raised_by is not None:
            names |= names_read(fact.raised_by.facts)
    return names


def sources_of(facts: Iterable[Fact]) -> list[Source]:
    """The records behind some facts, each once."""
    return sorted({source for fact in facts for source in fact.sources})


def _stands_on(evidence: Sequence[Evidence], facts: Sequence[Fact]) -> bool:
    return any(fact in facts for item in evidence for match in item.matches for fact in match)


def _thresholds(condition: Condition) -> list[float]:
    return [float(operand) for _, operand in condition.comparisons() if type(operand) in (int, float)]


def bearing_on(rules: Sequence[CompiledRule]) -> dict[str, set[str]]:
    """For each rule, by its id, the causes that it weighs, or that rules weigh which read what it raises."""
    found = {compiled.rule.id: {cause for cause, _ in compiled.weights_db} for compiled in rules}
    raising = [compiled for compiled in rules if compiled.rule.raises is not None]
    grown = bool(raising)
    while grown:
        grown = False
        for compiled in raising:
            raised = f"{FINDING}{compiled.rule.raises}"
            reached = set().union(
                *(found[other.rule.id] for other in rules if any(p.fact_name == raised for p in other.patterns))
            )
            if not reached <= found[compiled.rule.id]:
                found[compiled.rule.id] |= reached
                grown = True
    return found


def _condition_read(
    said: tuple[str, str, Sequence[float]], judged: ConditionVerdict, as_of: float | None
) -> ConditionRead:
    text, fact_name, thresholds = said
    fact = judged.fact
    return ConditionRead.made(
        text=text,
        verdict=judged.verdict,
        value=None if fact is None else plain(fact.value),
        unit=None if fact is None else fact.unit,
        sources=[] if fact is None else list(fact.sources),
        age_s=None if fact is None or fact.at is None or as_of is None else round(as_of - fact.at, 3),
        fact=fact_name,
        thresholds=thresholds,
    )


def _rule_read(
    compiled: CompiledRule,
    rule_id: str,
    weighs: Mapping[str, float],
    verdict: Verdict,
    conditions: Sequence[ConditionRead],
) -> RuleRead:
    return RuleRead.made(
        rule_id=rule_id,
        verdict=verdict,
        conditions=conditions,
        weighs=weighs,
        raises=compiled.rule.raises,
        group=compiled.rule.group,
    )
