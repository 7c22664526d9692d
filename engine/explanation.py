"""Firings and beliefs to a trace: evidence, verdicts, contradictions and what was brought about, with their facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .beliefs import Beliefs, Evidence
from .diagnosis import Consequence, Contradiction, UpstreamIncident
from .facts import Catalogue, Fact, FactValue, Source, Version
from .fault_explanation import conditions_in_words
from .inference import Inference
from .knowledge_base import CompiledFault
from .matching import FactsByName, Firing, RuleVerdict, verdict_of
from .rules import DECIBANS, CompiledRule, Condition, fact_called, statement_of
from .trace import ConditionRead, EvidenceItem, FactRead, RaisedBy, RuleRead

SUPPOSED = "supposed"
"""Name of the record list that supposed facts are said to come from: no record holds them."""


class Tracer:
    """Puts into result models what the rules of one fault read and said.

    Parts of a result are made by the hundred and from our own values, so they are constructed without validating.
    """

    def __init__(self, compiled: CompiledFault, catalogue: Catalogue) -> None:
        self._code = compiled.fault.code
        self._rules = compiled.rules
        self._texts = {rule.rule.id: conditions_in_words(rule, catalogue) for rule in compiled.rules}
        self._thresholds = {rule.rule.id: [_thresholds(c) for c in rule.rule.when] for rule in compiled.rules}
        self._weighs = {rule.rule.id: self._weights(rule) for rule in compiled.rules}
        self._all_unknown = {rule.rule.id: self._read(rule, verdict_of(rule, {}), None) for rule in compiled.rules}
        self._bearing = {
            cause: [rule for rule in compiled.rules if _bears(rule, cause, compiled.rules)]
            for cause in compiled.fault.cause_ids
        }

    def rule_id(self, rule: str) -> str:
        """A rule's id with its code."""
        return f"{self._code}.{rule}"

    def cause_id(self, cause: str) -> str:
        """A cause's id with its code."""
        return f"{self._code}/{cause}"

    def _weights(self, compiled: CompiledRule) -> dict[str, float]:
        rule = compiled.rule
        supports = {self.cause_id(cause): DECIBANS[strength] for cause, strength in rule.supports.items()}
        return supports | {self.cause_id(cause): -DECIBANS[strength] for cause, strength in rule.against.items()}

    def verdicts(self, facts: FactsByName, as_of: float | None) -> Mapping[str, list[RuleRead]]:
        """For each cause the verdicts of the rules that bear on it, directly or by a finding."""
        read = {rule.rule.id: self._verdict(rule, facts, as_of) for rule in self._rules}
        return {cause: [read[rule.rule.id] for rule in rules] for cause, rules in self._bearing.items()}

    def _verdict(self, compiled: CompiledRule, facts: FactsByName, as_of: float | None) -> RuleRead:
        if not any(pattern.fact_name in facts for pattern in compiled.patterns):
            return self._all_unknown[compiled.rule.id]
        return self._read(compiled, verdict_of(compiled, facts), as_of)

    def _read(self, compiled: CompiledRule, judged: RuleVerdict, as_of: float | None) -> RuleRead:
        conditions = []
        name = compiled.rule.id
        for text, thresholds, pattern, condition in zip(
            self._texts[name], self._thresholds[name], compiled.patterns, judged.conditions, strict=True
        ):
            fact = condition.fact
            age = None if fact is None or fact.at is None or as_of is None else round(as_of - fact.at, 3)
            conditions.append(
                ConditionRead.model_construct(
                    text=text,
                    verdict=condition.verdict,
                    value=None if fact is None else plain(fact.value),
                    unit=None if fact is None else fact.unit,
                    sources=[] if fact is None else list(fact.sources),
                    age_s=age,
                    fact=pattern.fact_name,
                    thresholds=thresholds,
                )
            )
        return RuleRead.model_construct(
            rule_id=self.rule_id(name),
            verdict=judged.verdict,
            conditions=conditions,
            weighs=self._weighs[name],
            raises=compiled.rule.raises,
            group=compiled.rule.group,
        )

    def of(self, inference: Inference) -> Trace:
        """The trace of one inference."""
        return Trace(self, inference)


@dataclass
class Trace:
    """What one inference says, with the facts behind it; facts and sentences that several causes share are made once."""

    tracer: Tracer
    inference: Inference
    _facts: dict[Fact, FactRead] = field(default_factory=dict)
    _shown: dict[str, tuple[str, list[FactRead]]] = field(default_factory=dict)

    def fact(self, fact: Fact) -> FactRead:
        """A fact as it was read; a finding with the rule that raised it and the facts which that rule read."""
        read = self._facts.get(fact)
        if read is None:
            raising = self.inference.raised.get(fact.name)
            read = self._facts[fact] = FactRead.model_construct(
                name=fact.name,
                value=plain(fact.value),
                unit=fact.unit,
                sources=list(fact.sources),
                raised_by=None if raising is None else self._raised_by(raising),
            )
        return read

    def _raised_by(self, firing: Firing) -> RaisedBy:
        return RaisedBy.model_construct(
            rule_id=self.tracer.rule_id(firing.rule.rule.id),
            statement=statement_of(firing.rule, firing.match),
            facts=[self.fact(fact) for fact in firing.match],
            source=firing.rule.rule.source,
        )

    def evidence(self, item: Evidence) -> EvidenceItem:
        """One piece of evidence for or against one cause."""
        rule = item.firing.rule.rule
        if rule.id not in self._shown:
            facts = dict.fromkeys(fact for match in item.matches for fact in match)
            statement = statement_of(item.firing.rule, item.firing.match)
            self._shown[rule.id] = statement, [self.fact(fact) for fact in facts]
        statement, read = self._shown[rule.id]
        stronger = item.already_counted_by
        return EvidenceItem.model_construct(
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


def _bears(compiled: CompiledRule, cause: str, rules: Sequence[CompiledRule]) -> bool:
    """Whether a rule weighs a cause, or raises a finding that a rule which does reads."""
    rule = compiled.rule
    if rule.raises is None:
        return rule.weight_for(cause) is not None
    raised = f"finding.{rule.raises}"
    readers = [other for other in rules if any(p.fact_name == raised for p in other.patterns) and other is not compiled]
    return any(_bears(other, cause, [r for r in rules if r is not compiled]) for other in readers)
