"""The façade: a bundle of records in, a diagnosis out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any

from ._logging import get_logger
from .beliefs import UNDOCUMENTED_DECIBANS, Belief, Beliefs, Evidence, believe
from .checks import Prospect, prospects, separating
from .diagnosis import (
    ConditionRead,
    DataWarning,
    Diagnosis,
    EvidenceItem,
    FactRead,
    Hypothesis,
    Incident,
    KnowledgeRef,
    KnownFirmwareIssue,
    NextCheck,
    OpenQuestion,
    RecommendedAction,
    RuleRead,
)
from .durable_matcher import available, make_matcher
from .facts import Fact, FactValue, Version, admit, iso_timestamp
from .fault_explanation import FaultExplanation, conditions_in_words, explain_fault
from .inference import Inference, infer
from .knowledge_base import CompiledFault, DataProblem, IncidentCase, Knowledge
from .matching import FactsByName, Matcher, RuleVerdict, VerdictMatcher, by_name, verdict_of
from .rules import CompiledRule, statement_of

PROBABILITY_DECIMALS = 10
"""Digits of a printed probability: enough that a sum over causes is 1 to a billionth, few enough to be stable."""

LIKELY = 0.05
"""Causes below this probability get no action of their own (our judgement: one in twenty is not worth a dispatch)."""

MAX_QUESTIONS = 3
"""Open questions named under each hypothesis."""

KNOWLEDGE_GROUP = "charger_triage.knowledge"

_log = get_logger("triage")


class UnknownCode(KeyError):
    """A fault code the knowledge base has no entry for."""

    def __str__(self) -> str:
        return str(self.args[0])


def package_version() -> str:
    """The installed version of charger-triage, or 0 where it runs without being installed."""
    try:
        return version("charger-triage")
    except PackageNotFoundError:
        return "0"


def shipped_knowledge() -> Knowledge:
    """The knowledge base registered as `shipped` among the installed packages' entry points."""
    for entry in entry_points(group=KNOWLEDGE_GROUP, name="shipped"):
        knowledge: Knowledge = entry.load()()
        return knowledge
    raise LookupError("no knowledge base is installed; install charger-triage, or pass knowledge=")


class Triage:
    """Diagnoses bundles of records against a knowledge base.

    Build once and keep: rules are compiled at the first use of their code. Safe to call from many threads;
    deterministic: the same records in any order give the same diagnosis.
    """

    def __init__(self, knowledge: Knowledge | None = None, *, matcher: str | None = None) -> None:
        """Take the shipped knowledge, or another; `matcher="verdicts"` does without durable-rules.

        Raises ValueError for another name of a matcher.
        """
        if matcher not in (None, "durable-rules", "verdicts"):
            raise ValueError(f"matcher is 'durable-rules' or 'verdicts', not {matcher!r}")
        if matcher == "durable-rules" and not available():
            raise ValueError("durable-rules cannot be imported here; leave the choice of matcher out")
        self._knowledge = shipped_knowledge() if knowledge is None else knowledge
        self._native = available() and matcher != "verdicts"
        self._reasoners: dict[str, _Reasoner] = {}

    @property
    def knowledge(self) -> Knowledge:
        """The knowledge this façade reasons with."""
        return self._knowledge

    @cached_property
    def _knowledge_ref(self) -> KnowledgeRef:
        base = self._knowledge.base
        return KnowledgeRef(
            name=base.name, version=base.version, digest=base.digest, source_revision=base.source_revision
        )

    def _reasoner(self, compiled: CompiledFault) -> _Reasoner:
        code = compiled.fault.code
        reasoner = self._reasoners.get(code)
        if reasoner is None:
            # setdefault keeps one of two that threads may build at once
            reasoner = self._reasoners.setdefault(code, _Reasoner(compiled, self._knowledge, self._native))
        return reasoner

    def diagnose(
        self,
        bundle: Any,
        *,
        as_of: float | None = None,
        device_id: str | None = None,
        fault_code: str | None = None,
    ) -> Diagnosis:
        """Find every incident in a bundle and rank its causes.

        `as_of` (epoch seconds) leaves out what came later; `device_id` and `fault_code` (as the knowledge base
        spells it) restrict which incidents are diagnosed, while all records still count as context. Nothing in the
        records raises: what cannot be used becomes a warning.
        """
        survey = self._knowledge.survey(bundle, as_of)
        problems = list(survey.problems)
        cases = [
            case
            for case in survey.incidents
            if (device_id is None or case.device_id == device_id) and (fault_code is None or case.code == fault_code)
        ]
        digest = sha256()
        incidents = []
        for case in sorted(cases, key=_case_order):
            compiled = self._knowledge.base.faults.get(case.code)
            if compiled is None:
                incidents.append(_undocumented(case))
                continue
            incident, facts, met = self._reasoner(compiled).diagnose(case, survey.as_of)
            incidents.append(incident)
            problems.extend(met)
            digest.update(_digestible(case, facts))
        diagnosis = Diagnosis(
            as_of=None if survey.as_of is None else iso_timestamp(survey.as_of),
            version=package_version(),
            knowledge=self._knowledge_ref,
            matcher="durable-rules" if self._native else "verdicts",
            facts_digest=f"sha256:{digest.hexdigest()}",
            incidents=incidents,
            watches=[],
            warnings=_warnings(problems),
        )
        _log.info(
            "diagnosed",
            incidents=len(incidents),
            warnings=len(diagnosis.warnings),
            matcher=diagnosis.matcher,
            facts_digest=diagnosis.facts_digest,
        )
        return diagnosis

    def explain(self, fault_code: str) -> FaultExplanation:
        """The entry of a fault code and its rules in words. Raises UnknownCode for one that is not documented."""
        compiled = self._knowledge.base.faults.get(fault_code)
        if compiled is None:
            known = ", ".join(self._knowledge.base.faults)
            raise UnknownCode(f"{fault_code!r} is not documented; documented are {known}")
        return explain_fault(compiled, self._knowledge.base.catalogue)


def _case_order(case: IncidentCase) -> tuple[str, int, str]:
    return (case.device_id, -1 if case.connector_id is None else case.connector_id, case.code)


def _incident_id(case: IncidentCase) -> str:
    connector = "-" if case.connector_id is None else str(case.connector_id)
    return f"{case.device_id}/{connector}/{case.code}"


def _digestible(case: IncidentCase, facts: Sequence[Fact]) -> bytes:
    rows = [
        [f.name, f.value.text if isinstance(f.value, Version) else f.value, f.unit, f.at, f.connector, f.key]
        for f in facts
    ]
    return json.dumps([_incident_id(case), rows], ensure_ascii=True).encode()


def _warnings(problems: Iterable[DataProblem]) -> list[DataWarning]:
    unique = {(p.list, -1 if p.index is None else p.index, p.field or "", p.problem): p for p in problems}
    return [
        DataWarning(list=p.list, index=p.index, field=p.field, problem=p.problem) for _, p in sorted(unique.items())
    ]


def _undocumented(case: IncidentCase) -> Incident:
    return Incident(
        incident_id=_incident_id(case),
        device_id=case.device_id,
        connector_id=case.connector_id,
        fault_code=case.code,
        documented=False,
        title=None,
        severity=None,
        category=None,
        first_seen=iso_timestamp(case.first_seen),
        last_seen=iso_timestamp(case.last_seen),
        occurrences=case.occurrences,
        hypotheses=[],
        undocumented_probability=None,
        undocumented_prior_db=None,
        next_checks=[],
        actions=[],
        known_firmware_issue=None,
        caused_by=[],
        escalation=case.dossier(),
    )


class _Reasoner:
    """One fault code with its matcher: from an incident's facts to the incident explained.

    Parts of a result are made by the hundred and from our own values, so they are constructed without validating.
    """

    def __init__(self, compiled: CompiledFault, knowledge: Knowledge, native: bool) -> None:
        self._compiled = compiled
        self._knowledge = knowledge
        self._matcher: Matcher = make_matcher(compiled.rules) if native else VerdictMatcher(compiled.rules)
        catalogue = knowledge.base.catalogue
        self._texts = {rule.rule.id: conditions_in_words(rule, catalogue) for rule in compiled.rules}
        self._all_unknown = {rule.rule.id: self._read(rule, verdict_of(rule, {}), None) for rule in compiled.rules}
        self._bearing = {
            cause: [rule for rule in compiled.rules if _bears(rule, cause, compiled.rules)]
            for cause in compiled.fault.cause_ids
        }

    def diagnose(self, case: IncidentCase, as_of: float | None) -> tuple[Incident, list[Fact], list[DataProblem]]:
        """The incident, the facts it was reasoned from, and what was refused."""
        compiled = self._compiled
        fault = compiled.fault
        facts, refused = admit(case.measure(compiled.fact_names), self._knowledge.base.catalogue)
        inference = infer(facts, compiled.rules, self._matcher)
        beliefs = believe(compiled.priors_db, inference.firings)
        ahead = prospects(compiled, inference.facts, inference.firings, beliefs)
        where = _incident_id(case)
        problems = [
            DataProblem("facts", None, item.fact.name, f"{where}: {item.problem}; the fact is left out")
            for item in refused
        ]
        problems.extend(DataProblem("facts", None, None, f"{where}: {refusal}") for refusal in inference.refusals)
        ranked = self._ranked(beliefs)
        incident = Incident(
            incident_id=where,
            device_id=case.device_id,
            connector_id=case.connector_id,
            fault_code=case.code,
            documented=True,
            title=fault.title,
            severity=fault.severity,
            category=fault.category,
            first_seen=iso_timestamp(case.first_seen),
            last_seen=iso_timestamp(case.last_seen),
            occurrences=case.occurrences,
            hypotheses=self._hypotheses(ranked, inference, ahead, as_of),
            undocumented_probability=round(beliefs.undocumented_probability, PROBABILITY_DECIMALS),
            undocumented_prior_db=UNDOCUMENTED_DECIBANS,
            next_checks=[_next_check(prospect, fault.code) for prospect in ahead],
            actions=self._actions(beliefs),
            known_firmware_issue=self._firmware_issue(case.firmware_version),
            caused_by=[],
            escalation=None,
        )
        return incident, facts, problems

    def _ranked(self, beliefs: Beliefs) -> list[Belief]:
        order = {cause: place for place, cause in enumerate(self._compiled.fault.cause_ids)}
        return sorted(beliefs.by_cause.values(), key=lambda b: (-b.score_db, order[b.cause]))

    def _hypotheses(
        self,
        ranked: Sequence[Belief],
        inference: Inference,
        ahead: Sequence[Prospect],
        as_of: float | None,
    ) -> list[Hypothesis]:
        fault = self._compiled.fault
        titles = {cause.id: cause.title for cause in fault.causes}
        facts = by_name(inference.facts)
        read = {rule.rule.id: self._verdict(rule, facts, as_of) for rule in self._compiled.rules}
        shown: dict[str, tuple[str, list[FactRead]]] = {}
        hypotheses = []
        for rank, belief in enumerate(ranked, 1):
            rival = next((other for other in ranked if other.cause != belief.cause), None)
            hypotheses.append(
                Hypothesis(
                    rank=rank,
                    cause_id=f"{fault.code}/{belief.cause}",
                    title=titles[belief.cause],
                    probability=round(belief.probability, PROBABILITY_DECIMALS),
                    prior_db=belief.prior_db,
                    score_db=belief.score_db,
                    evidence=[self._evidence(item, shown) for item in belief.evidence],
                    verdicts=[read[rule.rule.id] for rule in self._bearing[belief.cause]],
                    unknown=_open_questions(belief, rival, ahead, fault.code),
                )
            )
        return hypotheses

    def _evidence(self, item: Evidence, shown: dict[str, tuple[str, list[FactRead]]]) -> EvidenceItem:
        """One piece of evidence; a rule's sentence and facts are the same for every cause and made once (`shown`)."""
        rule = item.firing.rule.rule
        code = self._compiled.fault.code
        if rule.id not in shown:
            facts = dict.fromkeys(fact for match in item.matches for fact in match)
            shown[rule.id] = statement_of(item.firing.rule, item.firing.match), [_fact_read(fact) for fact in facts]
        statement, read = shown[rule.id]
        return EvidenceItem.model_construct(
            rule_id=f"{code}.{rule.id}",
            effect=item.effect,
            weight_db=item.weight_db,
            counted=item.counted,
            already_counted_by=None if item.already_counted_by is None else f"{code}.{item.already_counted_by}",
            group=rule.group,
            statement=statement,
            facts=read,
            source=rule.source,
        )

    def _verdict(self, compiled: CompiledRule, facts: FactsByName, as_of: float | None) -> RuleRead:
        if not any(pattern.fact_name in facts for pattern in compiled.patterns):
            return self._all_unknown[compiled.rule.id]
        return self._read(compiled, verdict_of(compiled, facts), as_of)

    def _read(self, compiled: CompiledRule, judged: RuleVerdict, as_of: float | None) -> RuleRead:
        conditions = []
        for text, condition in zip(self._texts[compiled.rule.id], judged.conditions, strict=True):
            fact = condition.fact
            age = None if fact is None or fact.at is None or as_of is None else round(as_of - fact.at, 3)
            conditions.append(
                ConditionRead.model_construct(
                    text=text,
                    verdict=condition.verdict,
                    value=None if fact is None else _plain(fact.value),
                    unit=None if fact is None else fact.unit,
                    sources=[] if fact is None else list(fact.sources),
                    age_s=age,
                )
            )
        return RuleRead.model_construct(
            rule_id=f"{self._compiled.fault.code}.{compiled.rule.id}", verdict=judged.verdict, conditions=conditions
        )

    def _actions(self, beliefs: Beliefs) -> list[RecommendedAction]:
        """Actions for the likely causes, by probability over minutes (Kadane and Simon 1977)."""
        fault = self._compiled.fault
        valued = []
        for place, action in enumerate(fault.actions):
            likely = [cause for cause in action.for_ if beliefs.by_cause[cause].probability >= LIKELY]
            if likely:
                value = sum(beliefs.by_cause[cause].probability for cause in likely) / action.minutes
                valued.append((-round(value, 12), place, action, likely))
        valued.sort(key=lambda entry: entry[:2])
        return [
            RecommendedAction.model_validate(
                {"title": action.title, "for": [f"{fault.code}/{cause}" for cause in likely], "where": action.where}
            )
            for _, _, action, likely in valued
        ]

    def _firmware_issue(self, version_text: str | None) -> KnownFirmwareIssue | None:
        issue = self._compiled.fault.firmware_issue
        if issue is None:
            return None
        return KnownFirmwareIssue(
            affected=issue.from_ if issue.from_ == issue.to else f"{issue.from_} to {issue.to}",
            fixed_in=issue.fixed_in,
            applies=self._knowledge.applies(issue, version_text),
            summary=issue.summary,
        )


def _bears(compiled: CompiledRule, cause: str, rules: Sequence[CompiledRule]) -> bool:
    """Whether a rule weighs a cause, or raises a finding that a rule which does reads."""
    rule = compiled.rule
    if rule.raises is None:
        return rule.weight_for(cause) is not None
    raised = f"finding.{rule.raises}"
    readers = [other for other in rules if any(p.fact_name == raised for p in other.patterns) and other is not compiled]
    return any(_bears(other, cause, [r for r in rules if r is not compiled]) for other in readers)


def _plain(value: FactValue) -> bool | float | str:
    return value.text if isinstance(value, Version) else value


def _fact_read(fact: Fact) -> FactRead:
    return FactRead.model_construct(
        name=fact.name,
        value=_plain(fact.value),
        unit=fact.unit,
        sources=list(fact.sources),
    )


def _open_questions(belief: Belief, rival: Belief | None, ahead: Sequence[Prospect], code: str) -> list[OpenQuestion]:
    if rival is None:
        return []
    gaps = [(separating(prospect, belief.cause, rival.cause), prospect) for prospect in ahead]
    useful = sorted((pair for pair in gaps if pair[0] > 0), key=lambda pair: (-pair[0], pair[1].check.id))
    return [
        OpenQuestion(check_id=prospect.check.id, would=f"separate it from {code}/{rival.cause}")
        for _, prospect in useful[:MAX_QUESTIONS]
    ]


def _next_check(prospect: Prospect, code: str) -> NextCheck:
    results = {}
    for outcome in prospect.outcomes:
        leader = max(outcome.probabilities, key=lambda cause: outcome.probabilities[cause])
        results[outcome.result.name] = f"{code}/{leader} would lead with {outcome.probabilities[leader]:.0%}"
    return NextCheck.model_validate(
        {
            "check_id": prospect.check.id,
            "title": prospect.check.title,
            "where": prospect.check.where,
            "minutes": prospect.check.minutes,
            "expected_bits": round(prospect.expected_bits, 4),
            "if": results,
        }
    )
