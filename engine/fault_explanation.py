"""A fault code explained from the knowledge alone: the entry, and its rules in words with thresholds and sources."""

from __future__ import annotations

from pydantic import Field

from .facts import Catalogue
from .knowledge_base import CompiledFault
from .rules import DECIBANS, CompiledRule
from .trace import ResultModel


class RuleInWords(ResultModel):
    """A rule as a person reads it: its conditions with thresholds and units, its weights, where its figures come from."""

    rule_id: str
    conditions: list[str]
    supports: dict[str, float]
    against: dict[str, float]
    raises: str | None
    group: str | None
    statement: str
    source: str
    contradicts: list[str] = Field(default_factory=list)
    brings_about: str | None = None
    upstream: str | None = None


class CauseInWords(ResultModel):
    """A documented cause with its prior in decibans against an ordinary cause."""

    cause_id: str
    title: str
    explanation: str
    prior: str
    prior_db: float
    prior_source: str


class CheckInWords(ResultModel):
    """A check that bears on the code and its possible results."""

    check_id: str
    title: str
    where: str
    minutes: float
    results: list[str]


class ActionInWords(ResultModel):
    """What mends which causes."""

    title: str
    for_: list[str] = Field(alias="for", serialization_alias="for")
    where: str


class FaultExplanation(ResultModel):
    """Everything the knowledge base says of one fault code; needs no incident."""

    fault_code: str
    title: str
    severity: str
    category: str
    scope: str
    meaning: str
    symptoms: list[str]
    telemetry: list[str]
    firmware_notes: list[str]
    causes: list[CauseInWords]
    rules: list[RuleInWords]
    checks: list[CheckInWords]
    actions: list[ActionInWords]


def explain_fault(compiled: CompiledFault, catalogue: Catalogue) -> FaultExplanation:
    """Put a compiled fault into words."""
    fault = compiled.fault
    return FaultExplanation(
        fault_code=fault.code,
        title=fault.title,
        severity=fault.severity,
        category=fault.category,
        scope=fault.scope,
        meaning=fault.meaning,
        symptoms=list(fault.symptoms),
        telemetry=list(fault.telemetry),
        firmware_notes=list(fault.firmware_notes),
        causes=[
            CauseInWords(
                cause_id=f"{fault.code}/{cause.id}",
                title=cause.title,
                explanation=cause.explanation,
                prior=cause.prior,
                prior_db=cause.prior_db,
                prior_source=cause.prior_source,
            )
            for cause in fault.causes
        ],
        rules=[rule_in_words(rule, fault.code, catalogue) for rule in compiled.rules],
        checks=[
            CheckInWords(
                check_id=check.id,
                title=check.title,
                where=check.where,
                minutes=check.minutes,
                results=[result.name for result in check.results],
            )
            for check in compiled.checks
        ],
        actions=[
            ActionInWords.model_validate(
                {"title": a.title, "for": [f"{fault.code}/{cause}" for cause in a.for_], "where": a.where}
            )
            for a in fault.actions
        ],
    )


def rule_in_words(compiled: CompiledRule, code: str, catalogue: Catalogue) -> RuleInWords:
    """One rule with its conditions written out."""
    rule = compiled.rule
    texts = conditions_in_words(compiled, catalogue)
    return RuleInWords(
        rule_id=f"{code}.{rule.id}",
        conditions=texts,
        supports={f"{code}/{cause}": DECIBANS[strength] for cause, strength in rule.supports.items()},
        against={f"{code}/{cause}": -DECIBANS[strength] for cause, strength in rule.against.items()},
        raises=rule.raises,
        group=rule.group,
        statement=rule.statement,
        source=rule.source,
        contradicts=[texts[compiled.aliases.index(alias)] for alias in rule.contradicts or ()],
        brings_about=rule.brings_about,
        upstream=rule.upstream,
    )


def conditions_in_words(compiled: CompiledRule, catalogue: Catalogue) -> list[str]:
    """The conditions of a rule, one sentence part each."""
    subjects = {
        alias: f"that {condition.fact_name.replace('_', ' ')}"
        for alias, condition in zip(compiled.aliases, compiled.rule.when, strict=True)
    }
    return [condition.in_words(catalogue.get(condition.fact_name), subjects) for condition in compiled.rule.when]
