"""A knowledge base of one fault with four causes, small enough to reason about by hand; its facts are given directly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from charger_triage.engine.diagnosis import MappedFrom
from charger_triage.engine.facts import Fact, FactType
from charger_triage.engine.knowledge_base import Check, CompiledFault, Fault, FirmwareIssue, KnowledgeBase, Survey
from charger_triage.engine.rules import Rule, compile_rule

FLAGS = ("warm", "hot", "noisy", "old", "wet", "seen", "denied")
CODE = "X-1"

FAULT = Fault.model_validate(
    {
        "code": CODE, "title": "It stopped", "severity": "error", "category": "c", "scope": "connector", "meaning": "m",
        "symptoms": ["s"], "telemetry": ["t"],
        "causes": [
            {"id": "common", "title": "Common", "explanation": "e", "prior": "most-common", "prior_source": "p"},
            {"id": "plain", "title": "Plain", "explanation": "e", "prior_source": "p"},
            {"id": "also", "title": "Like plain", "explanation": "e", "prior_source": "p"},
            {"id": "rare", "title": "Rare", "explanation": "e", "prior": "rare", "prior_source": "p"},
        ],
        "rules": [
            {"id": "warm", "when": [{"fact": "warm", "is": True}], "supports": {"common": "weakly"}, "against": {"rare": "weakly"},
             "group": "heat", "statement": "warm", "source": "s"},
            {"id": "hot", "when": [{"fact": "hot", "is": True}], "supports": {"common": "strongly"}, "against": {"rare": "moderately"},
             "group": "heat", "statement": "hot", "source": "s"},
            {"id": "heat-denied", "when": [{"fact": "denied", "is": True}], "supports": {"rare": "weakly"},
             "against": {"common": "moderately"}, "group": "heat", "statement": "denied", "source": "s"},
            {"id": "noisy", "when": [{"fact": "noisy", "is": True}], "supports": {"plain": "moderately", "also": "moderately"},
             "statement": "noisy", "source": "s"},
            {"id": "wears", "when": [{"fact": "old", "is": True}, {"fact": "noisy", "is": True}], "raises": "worn",
             "statement": "worn", "source": "s"},
            {"id": "worn", "when": [{"finding": "worn"}], "supports": {"rare": "decisively"}, "statement": "{finding.worn}",
             "source": "s"},
            {"id": "wet", "when": [{"fact": "wet", "is": True}], "against": {"common": "excludes"}, "statement": "wet", "source": "s"},
            {"id": "only-plain", "when": [{"fact": "seen", "is": True}], "supports": {"plain": "strongly"}, "statement": "seen",
             "source": "s"},
            {"id": "looked", "when": [{"check": "look", "is": "bad"}], "supports": {"plain": "strongly"}, "statement": "bad",
             "source": "s"},
            {"id": "looked-well", "when": [{"check": "look", "is": "good"}], "against": {"plain": "strongly"}, "statement": "good",
             "source": "s"},
            {"id": "idle-check", "when": [{"check": "idle", "is": "yes"}, {"fact": "never", "is": True}],
             "supports": {"plain": "weakly"}, "statement": "idle", "source": "s"},
        ],
        "actions": [{"title": "mend", "for": ["plain"], "where": "onsite", "minutes": 10},
                    {"title": "look", "for": ["plain"], "where": "onsite", "minutes": 5, "check": "look"}],
    }
)  # fmt: skip
CHECKS = {
    check.id: check
    for check in (
        Check.model_validate({"id": "look", "title": "Look", "codes": [CODE], "where": "onsite", "minutes": 20,
                              "results": [{"value": "bad"}, {"value": "good", "share": 3.0}]}),
        Check.model_validate({"id": "idle", "title": "Idle", "codes": [CODE], "where": "remote", "minutes": 1,
                              "results": [{"value": "yes"}, {"value": "no"}]}),
    )
}  # fmt: skip
CATALOGUE = {
    **{name: FactType(name, "flag", name) for name in (*FLAGS, "never")},
    **{check.fact_name: FactType(check.fact_name, "text", check.title, choices=tuple(str(r.value) for r in check.results))
       for check in CHECKS.values()},
    "finding.worn": FactType("finding.worn", "text", "finding worn"),
}  # fmt: skip


@dataclass
class GivenCase:
    """An incident whose facts are given."""

    facts: Mapping[str, Any]
    device_id: str = "A"
    connector_id: int | None = 1
    code: str = CODE
    first_seen: float = 0.0
    last_seen: float = 0.0
    occurrences: int = 1
    firmware_version: str | None = None
    mapped_from: MappedFrom | None = None

    def measure(self, fact_names: Iterable[str]) -> Iterable[Fact]:
        """The given facts that rules read."""
        return [Fact(name, value, at=0.0) for name, value in self.facts.items() if name in set(fact_names)]

    def dossier(self) -> dict[str, Any]:
        """Nothing."""
        return {}


def _base(fault: Fault = FAULT) -> KnowledgeBase:
    compiled = []
    for rule in fault.rules:
        found, problems = compile_rule(rule, CATALOGUE, fault.cause_ids)
        assert found is not None, problems
        compiled.append(found)
    names = frozenset(p.fact_name for rule in compiled for p in rule.patterns if not p.fact_name.startswith("finding."))
    found_fault = CompiledFault(fault, tuple(compiled), names, tuple(CHECKS.values()))
    return KnowledgeBase("small", "1", "sha256:0", "0", {CODE: found_fault}, CHECKS, CATALOGUE)


@dataclass
class SmallKnowledge:
    """Takes a mapping of facts where others take records."""

    base: KnowledgeBase = field(default_factory=_base)

    mapped_from: MappedFrom | None = None

    def survey(self, records: Any, as_of: float | None = None) -> Survey:
        """One incident with the given facts."""
        return Survey(as_of or 0.0, [GivenCase(records, mapped_from=self.mapped_from)], [])

    def applies(self, issue: FirmwareIssue, version: str | None) -> bool | None:
        """There are no firmware issues."""
        del issue, version
        return None


def with_rules(*rules: Mapping[str, Any]) -> SmallKnowledge:
    """The small knowledge base with some more rules. Raises where one of them is no rule, or cannot fire."""
    more = [Rule.model_validate(rule) for rule in rules]
    return SmallKnowledge(_base(FAULT.model_copy(update={"rules": (*FAULT.rules, *more)})))
