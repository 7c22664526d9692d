"""The façade: a bundle of records in, a diagnosis out."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from typing import Any

from ._logging import get_logger
from .beliefs import CLOSE_MAPPING_DECIBANS, UNDOCUMENTED_DECIBANS, Belief, Beliefs, believe
from .checks import Prospect, prospects, separating
from .counterfactuals import Counterfactuals, supposed_fact
from .diagnosis import (
    Change,
    CheckOutcome,
    DataWarning,
    Diagnosis,
    Incident,
    KnowledgeRef,
    KnownFirmwareIssue,
    LeaderChange,
    NextCheck,
    RecommendedAction,
    Watch,
)
from .durable_matcher import available
from .explanation import SUPPOSED, Trace, Tracer, names_read, plain
from .facts import Catalogue, Fact, RefusedFact, admit, in_words, iso_timestamp, percent
from .fault_explanation import FaultExplanation, conditions_in_words, explain_fault
from .garbage import seldom_collected
from .hypothesis import Hypothesis, OpenQuestion, compare
from .inference import infer
from .knowledge_base import CompiledFault, DataProblem, IncidentCase, Knowledge, incident_id
from .links import linked
from .matching import Matcher, VerdictMatcher
from .rule_index import Standing
from .rules import CHECK, FINDING
from .trace import RuleRead
from .watching import Watched, Watcher

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


@cache
def package_version() -> str:
    """The installed version of charger-triage, or 0 where it runs without being installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("charger-triage")
    except PackageNotFoundError:
        return "0"


def shipped_knowledge() -> Knowledge:
    """The knowledge base registered as `shipped` among the installed packages' entry points."""
    from importlib.metadata import entry_points

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

    def compile_all(self) -> None:
        """Compile the rules of every code and of early warnings now, which else waits until they are first needed: for a
        service that wants its first answer to be as quick as any, or processes that are forked from one."""
        faults = self._knowledge.base.faults
        for code in faults:
            self._reasoner(faults[code])
        self.compile_watches()

    def compile_watches(self) -> None:
        """Compile the rules of early warnings now, which every diagnosis needs, whatever its codes."""
        _ = self._watcher

    @cached_property
    def _knowledge_ref(self) -> KnowledgeRef:
        base = self._knowledge.base
        return KnowledgeRef(
            name=base.name, version=base.version, digest=base.digest, source_revision=base.source_revision
        )

    @cached_property
    def _watcher(self) -> Watcher:
        base = self._knowledge.base
        return Watcher(base.watches, base.catalogue, native=self._native)

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
        suppose: LeaderChange | Mapping[str, Any] | None = None,
    ) -> Diagnosis:
        """Find every incident in a bundle and rank its causes.

        `as_of` (epoch seconds) leaves out what came later; `device_id` and `fault_code` (as the knowledge base
        spells it) restrict which incidents are diagnosed, while all records still count as context. `suppose` asks what
        if: changes of one incident as `would_change` gives them, or values of facts (results of checks under
        `check.<id>`) for every incident whose rules read them; what is supposed stands in place of what was read. ValueError
        says which of them cannot be; what no incident reads becomes a warning.

        Nothing in the records raises: what cannot be used becomes a warning. TypeError for arguments of other types.
        """
        if as_of is not None and not isinstance(as_of, (int, float)):
            raise TypeError(f"as_of is a time in epoch seconds, not {type(as_of).__name__}")
        with seldom_collected():
            return self._diagnosed(bundle, as_of, device_id, fault_code, self._supposed(suppose))

    def _diagnosed(
        self,
        bundle: Any,
        as_of: float | None,
        device_id: str | None,
        fault_code: str | None,
        supposed: _Supposed,
    ) -> Diagnosis:
        survey = self._knowledge.survey(bundle, as_of)
        problems = list(survey.problems)
        cases = [
            case
            for case in survey.incidents
            if (device_id is None or case.device_id == device_id) and (fault_code is None or case.code == fault_code)
        ]
        digest = sha256()
        incidents = []
        read: set[str] = set()
        for case in sorted(cases, key=_case_order):
            compiled = self._knowledge.base.faults.get(case.code)
            if compiled is None:
                incidents.append(_undocumented(case))
                continue
            extra = supposed.of(_incident_id(case))
            read.update(fact.name for fact in extra if fact.name in compiled.fact_names)
            incident, facts, met = self._reasoner(compiled).diagnose(case, survey.as_of, extra)
            incidents.append(incident)
            problems.extend(met)
            digest.update(_digestible(case, facts))
        problems.extend(
            DataProblem(
                SUPPOSED, None, change.fact, f"{change.text}: no incident here asks for it, so that it changes nothing"
            )
            for change in supposed.changes
            if change.fact not in read
        )
        subjects = [case for case in survey.subjects if device_id is None or case.device_id == device_id]
        watched = self._watcher.watch(subjects, survey.incidents, survey.as_of)
        for each in watched:
            problems.extend(each.problems)
            digest.update(_digestible_watch(each))
        watches = [
            watch for each in watched for watch in each.watches if fault_code is None or watch.leads_to == fault_code
        ]
        diagnosis = Diagnosis(
            as_of=None if survey.as_of is None else iso_timestamp(survey.as_of),
            version=package_version(),
            knowledge=self._knowledge_ref,
            matcher="durable-rules" if self._native else "verdicts",
            facts_digest=f"sha256:{digest.hexdigest()}",
            incidents=linked(incidents),
            watches=watches,
            warnings=_warnings(problems),
            measurements=self._measurements(incidents, watches),
            supposed=list(supposed.changes),
        )
        _log.info(
            "diagnosed",
            incidents=len(incidents),
            warnings=len(diagnosis.warnings),
            matcher=diagnosis.matcher,
            facts_digest=diagnosis.facts_digest,
        )
        return diagnosis

    def _supposed(self, suppose: LeaderChange | Mapping[str, Any] | None) -> _Supposed:
        """What is supposed, checked against the facts that there are."""
        if suppose is None:
            return _Supposed(None, (), ())
        catalogue = self._knowledge.base.catalogue
        if isinstance(suppose, LeaderChange):
            incident, changes = suppose.incident_id, suppose.changes
        elif isinstance(suppose, Mapping):
            incident, changes = None, [_change(name, value, catalogue) for name, value in sorted(suppose.items())]
        else:
            raise TypeError(f"suppose is a change or values by the names of facts, not {type(suppose).__name__}")
        return _Supposed(incident, changes, [supposed_fact(change, catalogue) for change in changes])

    def _measurements(self, incidents: Sequence[Incident], watches: Sequence[Watch]) -> dict[str, str]:
        """What the measurements behind the evidence, the contradictions and the watches measure."""
        names = {name for watch in watches for name in names_read(watch.facts)}
        for incident in incidents:
            for hypothesis in incident.hypotheses:
                for item in hypothesis.evidence:
                    names |= names_read(item.facts)
            for contradiction in incident.contradictions:
                names |= names_read(contradiction.between)
            names |= {item.fact for change in incident.would_change for item in change.changes}
        catalogue = self._knowledge.base.catalogue
        return {name: catalogue[name].meaning for name in sorted(names) if not name.startswith(FINDING)}

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
    return incident_id(case.device_id, case.connector_id, case.code)


def _undocumented_db(case: IncidentCase) -> float:
    close = case.mapped_from is not None and case.mapped_from.exactness == "close"
    return UNDOCUMENTED_DECIBANS + (CLOSE_MAPPING_DECIBANS if close else 0.0)


def _digestible(case: IncidentCase, facts: Sequence[Fact]) -> bytes:
    return json.dumps([_incident_id(case), [_row(fact) for fact in facts]], ensure_ascii=True).encode()


def _digestible_watch(watched: Watched) -> bytes:
    rows = [_row(fact) for fact in watched.facts]
    return json.dumps([watched.case.device_id, watched.case.connector_id, rows], ensure_ascii=True).encode()


def _row(fact: Fact) -> list[Any]:
    return [fact.name, plain(fact.value), fact.unit, fact.at, fact.connector, fact.key]


def _warnings(problems: Iterable[DataProblem]) -> list[DataWarning]:
    # what only counts further records stands behind those that say what is wrong
    unique = {(p.list, p.more > 0, -1 if p.index is None else p.index, p.field or "", p.problem): p for p in problems}
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
        mapped_from=case.mapped_from,
    )


@dataclass(frozen=True)
class _Supposed:
    """What is supposed of one incident, or of all where none is named: as it was asked, and as facts."""

    incident_id: str | None
    changes: Sequence[Change]
    facts: Sequence[Fact]

    def of(self, incident_id: str) -> Sequence[Fact]:
        """The facts that are supposed of an incident."""
        return self.facts if self.incident_id in (None, incident_id) else ()


def _change(name: str, value: Any, catalogue: Catalogue) -> Change:
    """A fact's value as a change. Raises ValueError where no fact is so called, or its value is of no kind that facts have."""
    if name not in catalogue:
        check = f"{CHECK}{name}"
        raise ValueError(
            f"no fact is named {name!r}{f'; the result of that check is {check!r}' if check in catalogue else ''}"
        )
    if not isinstance(value, (bool, int, float, str)):
        raise ValueError(f"{name}: a value is text, a number, true or false, not {type(value).__name__}")
    is_check, unit = name.startswith(CHECK), catalogue[name].unit
    text = f"{name.removeprefix(CHECK)} is {in_words(value, unit)}"
    return Change(check_id=name.removeprefix(CHECK) if is_check else None, fact=name, value=value, unit=unit, text=text)


def _name_of(fact: Fact | RefusedFact) -> str:
    return fact.fact.name if isinstance(fact, RefusedFact) else fact.name


class _Reasoner:
    """One fault code with its matcher: from an incident's facts to the incident explained."""

    def __init__(self, compiled: CompiledFault, knowledge: Knowledge, native: bool) -> None:
        self._compiled = compiled
        self._knowledge = knowledge
        self._matcher: Matcher = compiled.matcher if native else VerdictMatcher(compiled.rules)
        catalogue = knowledge.base.catalogue
        texts = [conditions_in_words(rule, catalogue) for rule in compiled.rules]
        self._tracer = Tracer(compiled, texts)
        self._counterfactuals = Counterfactuals(compiled, catalogue, texts)

    def diagnose(
        self, case: IncidentCase, as_of: float | None, supposed: Sequence[Fact] = ()
    ) -> tuple[Incident, list[Fact], list[DataProblem]]:
        """The incident, the facts it was reasoned from (those supposed among them), and what was refused."""
        compiled = self._compiled
        fault = compiled.fault
        catalogue = self._knowledge.base.catalogue
        told = [fact for fact in supposed if fact.name in compiled.fact_names]
        replaced = {fact.name for fact in told if not catalogue[fact.name].many}
        measured = [*(fact for fact in case.measure(compiled.fact_names) if _name_of(fact) not in replaced), *told]
        facts, refused = admit(measured, catalogue)
        inference = infer(facts, compiled.rules, self._matcher)
        beliefs = believe(compiled.priors_db, inference.firings, _undocumented_db(case))
        standing = Standing.after(compiled.index, inference)
        ahead = prospects(compiled, standing, beliefs)
        where = _incident_id(case)
        problems = [
            DataProblem("facts", None, item.fact.name, f"{where}: {item.problem}; the fact is left out")
            for item in refused
        ]
        problems.extend(DataProblem("facts", None, None, f"{where}: {refusal}") for refusal in inference.refusals)
        ranked = self._ranked(beliefs)
        trace = self._tracer.of(inference)
        verdicts = self._tracer.verdicts(standing, as_of)
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
            hypotheses=self._hypotheses(where, ranked, trace, verdicts, ahead),
            undocumented_probability=round(beliefs.undocumented_probability, PROBABILITY_DECIMALS),
            undocumented_prior_db=beliefs.undocumented_db,
            next_checks=[_next_check(prospect, fault.code) for prospect in ahead],
            actions=self._actions(beliefs, standing.facts),
            known_firmware_issue=self._firmware_issue(case.firmware_version),
            caused_by=trace.upstream(ranked[0].cause),
            escalation=None,
            leads_to=trace.consequences(),
            contradictions=trace.contradictions(beliefs),
            would_change=self._counterfactuals.changes(
                where, standing, case.connector_id, as_of, beliefs.undocumented_db
            ),
            mapped_from=case.mapped_from,
        )
        return incident, facts, problems

    def _ranked(self, beliefs: Beliefs) -> list[Belief]:
        order = {cause: place for place, cause in enumerate(self._compiled.fault.cause_ids)}
        return sorted(beliefs.by_cause.values(), key=lambda b: (-b.score_db, order[b.cause]))

    def _hypotheses(
        self,
        where: str,
        ranked: Sequence[Belief],
        trace: Trace,
        verdicts: Mapping[str, list[RuleRead]],
        ahead: Sequence[Prospect],
    ) -> list[Hypothesis]:
        fault = self._compiled.fault
        titles = {cause.id: cause.title for cause in fault.causes}
        hypotheses: list[Hypothesis] = []
        for rank, belief in enumerate(ranked, 1):
            rival = next((other for other in ranked if other.cause != belief.cause), None)
            told: dict[str, Any] = {
                "rank": rank,
                "cause_id": f"{fault.code}/{belief.cause}",
                "title": titles[belief.cause],
                "probability": round(belief.probability, PROBABILITY_DECIMALS),
                "prior_db": belief.prior_db,
                "score_db": belief.score_db,
                "evidence": [trace.evidence(item) for item in belief.evidence],
                "verdicts": verdicts[belief.cause],
                "unknown": _open_questions(belief, rival, ahead, fault.code),
            }
            alone = Hypothesis.made(**told, why_not=None)
            if hypotheses:
                hypotheses.append(Hypothesis.made(**told, why_not=compare(where, alone, hypotheses[0])))
            else:
                hypotheses.append(alone)
        return hypotheses

    def _actions(self, beliefs: Beliefs, known: Container[str]) -> list[RecommendedAction]:
        """Actions for the likely causes, by probability over minutes (Kadane and Simon 1977); not checks that were done."""
        fault = self._compiled.fault
        done = {check.id for check in self._compiled.checks if check.fact_name in known}
        valued = []
        for place, action in enumerate(fault.actions):
            if action.check in done:
                continue
            likely = [cause for cause in action.for_ if beliefs.by_cause[cause].probability >= LIKELY]
            if likely:
                value = sum(beliefs.by_cause[cause].probability for cause in likely) / action.minutes
                valued.append((-round(value, 12), place, action, likely))
        valued.sort(key=lambda entry: entry[:2])
        return [
            RecommendedAction.made(
                title=action.title,
                for_=[f"{fault.code}/{cause}" for cause in likely],
                where=action.where,
                covered_by=None,
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


def _open_questions(belief: Belief, rival: Belief | None, ahead: Sequence[Prospect], code: str) -> list[OpenQuestion]:
    if rival is None:
        return []
    gaps = [(separating(prospect, belief.cause, rival.cause), prospect) for prospect in ahead]
    useful = sorted((pair for pair in gaps if pair[0] > 0), key=lambda pair: (-pair[0], pair[1].check.id))
    return [
        OpenQuestion.made(check_id=prospect.check.id, would=f"separate it from {code}/{rival.cause}")
        for _, prospect in useful[:MAX_QUESTIONS]
    ]


def _next_check(prospect: Prospect, code: str) -> NextCheck:
    check = prospect.check
    outcomes = []
    for outcome, chance in zip(prospect.outcomes, prospect.chances, strict=True):
        probabilities = {
            f"{code}/{cause}": round(probability, PROBABILITY_DECIMALS)
            for cause, probability in outcome.probabilities.items()
        }
        outcomes.append(
            CheckOutcome.made(
                result=outcome.result.name,
                value=outcome.result.value,
                chance=round(chance, PROBABILITY_DECIMALS),
                leader=max(probabilities, key=lambda cause: probabilities[cause]),
                probabilities=probabilities,
                undocumented_probability=round(outcome.undocumented_probability, PROBABILITY_DECIMALS),
            )
        )
    return NextCheck.made(
        check_id=check.id,
        title=check.title,
        where=check.where,
        minutes=check.minutes,
        expected_bits=round(prospect.expected_bits, 4),
        if_={o.result: f"{o.leader} would lead with {percent(o.probabilities[o.leader])}" for o in outcomes},
        unit=check.unit,
        bits_per_minute=round(prospect.bits_per_minute, 6),
        outcomes=outcomes,
    )
