"""The cases beside the rules: what `kb test` runs, so that a rule can be added and tested without Python.

The second document of a fault's file holds them: for each rule facts that fire it, near misses that do not, and facts
that leave it unknown; for each cause whole cases, as facts or as records, in which it ranks first and says why. That of
`watches.yaml` holds the same for its rules, and records in which each watch is raised, or is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from ..engine.beliefs import believe
from ..engine.diagnosis import Watch
from ..engine.facts import Catalogue, Fact, FactType, admit
from ..engine.inference import infer
from ..engine.knowledge_base import CompiledFault
from ..engine.matching import Matcher, VerdictMatcher, by_name, verdict_of
from ..engine.rules import CompiledRule, RuleModel, statement_of
from ..engine.triage import Triage
from ..engine.watch_rules import CompiledWatch
from ..engine.watching import PREFIX, Watcher
from .library import WATCHES
from .loading import LoadedFault, TriageKnowledge
from .observations import observe
from .series import records_of
from .yaml_files import Document, Place, YamlProblem, read_documents

Given = dict[str, Any]


class RuleCases(RuleModel):
    """Facts that fire a rule, facts that all but fire it, facts of which too little is known."""

    fires: tuple[Given, ...] = ()
    near_miss: tuple[Given, ...] = ()
    unknown: tuple[Given, ...] = ()


class CauseCase(RuleModel):
    """A case in which a cause ranks first; `says` are parts of the statements that must stand in its evidence.

    `facts` are given directly, or measured from `records`; where the records hold no fault of the code and state no `as_of`,
    a fault event of `device`, connector 1, at T is added.
    """

    name: str
    facts: Given | None = None
    records: dict[str, Any] | None = None
    device: str = "A"
    says: tuple[str, ...] = ()
    least: float | None = Field(default=None, gt=0, lt=1)


class CasesFile(RuleModel):
    """The second document of a fault's file."""

    rules: dict[str, RuleCases] = Field(default_factory=dict)
    causes: dict[str, tuple[CauseCase, ...]] = Field(default_factory=dict)


class RecordsCase(RuleModel):
    """Records in which a watch is raised (or is not) on a device and connector.

    `says` are parts of the trend, `expected_at` the date (YYYY-MM-DD) that is given, or null. The diagnosis is made at T
    where the records do not say otherwise.
    """

    name: str
    records: dict[str, Any]
    device: str = "A"
    connector: int | None = None
    raised: bool = True
    says: tuple[str, ...] = ()
    expected_at: str | None = None


class WatchCasesFile(RuleModel):
    """The second document of the file of watches."""

    rules: dict[str, RuleCases] = Field(default_factory=dict)
    watches: dict[str, tuple[RecordsCase, ...]] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """One case that was run: what it is of, where it stands, and what is wrong (None where it passed)."""

    code: str
    subject: str
    kind: str
    place: Place
    failure: str | None


@dataclass(frozen=True)
class FaultCases:
    """The cases of one fault and the document they stand in."""

    cases: CasesFile
    document: Document


@dataclass(frozen=True)
class WatchCases:
    """The cases of all watches and the document they stand in."""

    cases: WatchCasesFile
    document: Document


Model = TypeVar("Model", bound=RuleModel)


def cases_of(loaded: LoadedFault) -> FaultCases | CaseOutcome:
    """The cases beside a fault's rules; an outcome that says what is wrong where they cannot be read."""
    found = _read_cases(CasesFile, loaded.path, loaded.compiled.fault.code)
    return found if isinstance(found, CaseOutcome) else FaultCases(*found)


def watch_cases_of(directory: Path) -> WatchCases | CaseOutcome:
    """The cases beside the watches of a folder; an outcome that says what is wrong where they cannot be read."""
    found = _read_cases(WatchCasesFile, directory / WATCHES, WATCHES)
    return found if isinstance(found, CaseOutcome) else WatchCases(*found)


def _read_cases(model: type[Model], path: Path, code: str) -> tuple[Model, Document] | CaseOutcome:
    try:
        documents = read_documents(path, 2)
    except YamlProblem as error:
        return CaseOutcome(code, code, "cases", error.place, error.problem)
    if len(documents) < 2:
        return model(), documents[0]
    document = documents[1]
    try:
        return model.model_validate(document.data or {}), document
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        return CaseOutcome(code, code, "cases", document.place(problem["loc"]), f"{where}: {problem['msg']}")


def run_cases(knowledge: TriageKnowledge, codes: Sequence[str] | None = None) -> Iterator[CaseOutcome]:
    """Run every case beside the rules of some codes (all where none is named)."""
    triage = Triage(knowledge)
    for code, loaded in knowledge.faults.items():
        if codes is not None and code not in codes:
            continue
        found = cases_of(loaded)
        if isinstance(found, CaseOutcome):
            yield found
            continue
        code_of = dict.fromkeys((rule.rule.id for rule in loaded.compiled.rules), code)
        rules = _RulesUnderTest(loaded.compiled.rules, code_of, knowledge.base.catalogue)
        yield from _rule_cases(rules, found.cases.rules, found.document, code)
        yield from _cause_cases(loaded.compiled, found, knowledge, triage)
    yield from _watch_cases(knowledge, codes)


def given_facts(given: Given, catalogue: Catalogue) -> list[Fact]:
    """The facts a case gives: a value, a list of values, or mappings with value, key, at (seconds) and connector."""
    facts = []
    for name, value in given.items():
        fact_type = catalogue.get(name)
        if fact_type is None:
            raise ValueError(f"no fact is named {name!r}")
        for item in value if isinstance(value, list) else [value]:
            facts.append(_given_fact(name, item, fact_type))
    admitted, refused = admit(facts, catalogue)
    if refused:
        raise ValueError(f"{refused[0].fact.name}: {refused[0].problem}")
    return admitted


def _given_fact(name: str, item: Any, fact_type: FactType) -> Fact:
    extra: Mapping[str, Any] = item if isinstance(item, Mapping) else {"value": item}
    value = extra.get("value")
    if fact_type.kind == "version" and fact_type.parse is not None:
        value = fact_type.parse(str(value))
    elif fact_type.kind == "number" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    key = extra.get("key")
    return Fact(name, value, fact_type.unit, extra.get("at"), extra.get("connector"), None if key is None else str(key))  # type: ignore[arg-type]


@dataclass(frozen=True)
class _RulesUnderTest:
    """Rules that are run together, the code that each is reported under, and what declares their facts."""

    rules: Sequence[CompiledRule]
    code_of: Mapping[str, str]
    catalogue: Catalogue


def _rule_cases(
    under_test: _RulesUnderTest, cases: Mapping[str, RuleCases], document: Document, home: str
) -> Iterator[CaseOutcome]:
    """Run the cases of rules; those of a rule that is not there are reported under `home`."""
    rules = {rule.rule.id: rule for rule in under_test.rules}
    matcher: Matcher = VerdictMatcher(under_test.rules)
    for rule_id, rule_cases in cases.items():
        rule = rules.get(rule_id)
        if rule is None:
            place = document.place(("rules", rule_id))
            yield CaseOutcome(home, rule_id, "cases", place, "there is no rule of this name")
            continue
        code = under_test.code_of[rule_id]
        for kind, expected in (("fires", "met"), ("near_miss", "not met"), ("unknown", "unknown")):
            for number, given in enumerate(getattr(rule_cases, kind)):
                place = document.place(("rules", rule_id, kind, number))
                try:
                    facts = given_facts(given, under_test.catalogue)
                except ValueError as error:
                    yield CaseOutcome(code, rule_id, kind, place, str(error))
                    continue
                inference = infer(facts, under_test.rules, matcher)
                fired = any(firing.rule.rule.id == rule_id for firing in inference.firings)
                verdict = verdict_of(rule, by_name(inference.facts)).verdict
                failure = (
                    None
                    if verdict == expected and fired == (kind == "fires")
                    else f"it is {verdict}, expected {expected}"
                )
                yield CaseOutcome(code, rule_id, kind, place, failure)


def _cause_cases(
    compiled: CompiledFault, cases: FaultCases, knowledge: TriageKnowledge, triage: Triage
) -> Iterator[CaseOutcome]:
    code = compiled.fault.code
    for cause, cause_cases in cases.cases.causes.items():
        for number, case in enumerate(cause_cases):
            place = cases.document.place(("causes", cause, number))
            subject = f"{cause}: {case.name}"
            if cause not in compiled.fault.cause_ids:
                yield CaseOutcome(code, subject, "ranks_first", place, "there is no cause of this name")
                continue
            try:
                ranking = (
                    _rank_facts(compiled, case.facts, knowledge.base.catalogue)
                    if case.facts is not None
                    else _rank_records(code, case, triage)
                )
            except ValueError as error:
                yield CaseOutcome(code, subject, "ranks_first", place, str(error))
                continue
            yield CaseOutcome(code, subject, "ranks_first", place, _shortcoming(cause, case, ranking))


Ranking = list[tuple[str, float, list[str]]]


def _shortcoming(cause: str, case: CauseCase, ranking: Ranking) -> str | None:
    leader, probability, statements = ranking[0]
    shown = ", ".join(f"{name} {chance:.0%}" for name, chance, _ in ranking)
    if leader != cause:
        return f"{leader} ranks first ({shown})"
    if len(ranking) > 1 and abs(ranking[1][1] - probability) < 1e-9:
        return f"it only ties with {ranking[1][0]} ({shown})"
    if case.least is not None and probability < case.least:
        return f"its probability is below {case.least:.0%} ({shown})"
    for text in case.says:
        if not any(text in statement for statement in statements):
            return f"it does not say {text!r}, but: {' | '.join(statements)}"
    return None


def _rank_facts(compiled: CompiledFault, given: Given, catalogue: Catalogue) -> Ranking:
    inference = infer(given_facts(given, catalogue), compiled.rules, VerdictMatcher(compiled.rules))
    beliefs = believe(compiled.priors_db, inference.firings)
    order = list(compiled.fault.cause_ids)
    ranked = sorted(beliefs.by_cause.values(), key=lambda belief: (-belief.score_db, order.index(belief.cause)))
    return [
        (b.cause, b.probability, [statement_of(item.firing.rule, item.firing.match) for item in b.evidence])
        for b in ranked
    ]


def expanded(records: Mapping[str, Any]) -> dict[str, Any]:
    """A case's record lists with series and relative times written out."""
    lists: dict[str, Any] = {}
    for name, entries in records.items():
        if name == "as_of":
            continue
        lists[name] = [record for entry in entries for record in records_of(entry)]
    return lists


def _rank_records(code: str, case: CauseCase, triage: Triage) -> Ranking:
    given = case.records or {}
    lists = expanded(given)
    holds = any(
        event.get("event_type") == "fault" and str((event.get("data") or {}).get("fault_code")) == code
        for event in lists.get("events", [])
    )
    if not holds and not given.get("as_of"):
        fault = {
            "timestamp": "T",
            "device_id": case.device,
            "connector_id": 1,
            "event_type": "fault",
            "data": {"fault_code": code},
        }
        lists.setdefault("events", []).extend(records_of(fault))
    as_of = next(iter(records_of({"as_of": given["as_of"]})))["as_of"] if given.get("as_of") else None
    diagnosis = triage.diagnose(observe(lists, as_of), device_id=case.device, fault_code=code)
    if diagnosis.warnings:
        first = diagnosis.warnings[0]
        raise ValueError(f"its records are not clean: {first.list}[{first.index}].{first.field}: {first.problem}")
    if not diagnosis.incidents:
        raise ValueError(f"its records raise no {code} on {case.device}")
    incident = diagnosis.incidents[0]
    return [
        (h.cause_id.partition("/")[2], h.probability, [item.statement for item in h.evidence])
        for h in incident.hypotheses
    ]


def _watch_cases(knowledge: TriageKnowledge, codes: Sequence[str] | None) -> Iterator[CaseOutcome]:
    """Run the cases of the watches that lead to some codes."""
    watches = knowledge.base.watches
    if not watches:
        return
    found = watch_cases_of(knowledge.directory)
    if isinstance(found, CaseOutcome):
        yield found
        return
    code_of = {compiled.watch.id: compiled.watch.leads_to for compiled in watches}
    rules = _RulesUnderTest([compiled.rule for compiled in watches], code_of, knowledge.base.catalogue)
    outcomes = [
        *_rule_cases(rules, found.cases.rules, found.document, WATCHES),
        *_watch_records(watches, found, knowledge),
    ]
    yield from (outcome for outcome in outcomes if codes is None or outcome.code in (*codes, WATCHES))


def _watch_records(
    watches: Sequence[CompiledWatch], found: WatchCases, knowledge: TriageKnowledge
) -> Iterator[CaseOutcome]:
    leads_to = {compiled.watch.id: compiled.watch.leads_to for compiled in watches}
    watcher = Watcher(watches, knowledge.base.catalogue, native=False)
    for watch_id, cases in found.cases.watches.items():
        for number, case in enumerate(cases):
            place = found.document.place(("watches", watch_id, number))
            subject = f"{watch_id}: {case.name}"
            if watch_id not in leads_to:
                yield CaseOutcome(WATCHES, subject, "raised", place, "there is no watch of this name")
                continue
            try:
                raised = _raised(watch_id, case, knowledge, watcher)
                failure = _unlike(case, raised)
            except ValueError as error:
                failure = str(error)
            yield CaseOutcome(leads_to[watch_id], subject, "raised", place, failure)


def _raised(watch_id: str, case: RecordsCase, knowledge: TriageKnowledge, watcher: Watcher) -> list[Watch]:
    """What the watch says of the records of a case."""
    as_of = next(iter(records_of({"as_of": case.records.get("as_of", "T")})))["as_of"]
    survey = knowledge.survey(observe(expanded(case.records), as_of))
    if survey.problems:
        first = survey.problems[0]
        raise ValueError(f"its records are not clean: {first.list}[{first.index}].{first.field}: {first.problem}")
    watched = watcher.watch(survey.subjects, survey.incidents, survey.as_of)
    return [
        watch
        for each in watched
        for watch in each.watches
        if watch.rule_id == f"{PREFIX}{watch_id}" and watch.device_id == case.device
    ]


def _unlike(case: RecordsCase, raised: Sequence[Watch]) -> str | None:
    """How what was raised differs from what a case says; None where it does not."""
    if not case.raised:
        return f"it is raised: {raised[0].trend}" if raised else None
    if [watch.connector_id for watch in raised] != [case.connector]:
        places = ", ".join(str(watch.connector_id) for watch in raised) or "nowhere"
        return f"it is raised on connector {places}, expected {case.connector}"
    watch = raised[0]
    if watch.expected_at != case.expected_at:
        return f"it is expected at {watch.expected_at}, not {case.expected_at} ({watch.trend})"
    missing = next((text for text in case.says if text not in watch.trend), None)
    return None if missing is None else f"it does not say {missing!r}, but: {watch.trend}"
