"""What was reasoned, checked, ruled out, and what is still open, as an escalation tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from ...engine.diagnosis import Diagnosis, Incident
from ...engine.facts import Source, in_words
from ...engine.hypothesis import Hypothesis
from ...engine.knowledge_base import Check
from ...knowledge.library import Library, shipped_directory
from ...knowledge.owners import owners
from ..report.argument import change_in_words, facts_behind, title_of
from ..report.record_book import RecordBook
from ..report.wording import (
    UNEXPLAINED,
    arithmetic,
    clean,
    decibans,
    indecision,
    is_unexplained,
    listed,
    minutes,
    percent,
    undecided,
)
from .content import CheckDone, CheckEffect, OpenTask, RankedCause, Ranking, Reason, RuledOut

RULED_OUT = 0.01
"""Probability under which a cause counts as ruled out (the escalation's own convention: one per cent)."""

MAX_REASONS = 5
"""Reasons named for what is ruled out (judgement: the heaviest; the trace holds all)."""

WORDS = " mention "
"""What stands in the text of a condition on words that somebody wrote: nobody can set out to find those."""

MAX_UNKNOWN = 3
"""Unknown facts named as open (judgement: those that weigh most, beside the checks)."""

MAX_CHANGES = 5
"""Sets of changes named that would put another cause first."""


def ranking_of(incident: Incident) -> Ranking | None:
    """The ranked causes with their whole trace; None for a code that is not documented."""
    if not incident.hypotheses:
        return None
    remark = UNEXPLAINED if is_unexplained(incident) else indecision(incident)
    return Ranking(
        causes=[
            RankedCause(
                rank=h.rank,
                cause_id=h.cause_id,
                title=h.title,
                probability=h.probability,
                prior_db=h.prior_db,
                score_db=h.score_db,
                evidence=h.evidence,
                arithmetic=arithmetic(h),
                behind=_behind(h, incident),
            )
            for h in incident.hypotheses
        ],
        undocumented_probability=incident.undocumented_probability,
        undocumented_prior_db=incident.undocumented_prior_db,
        remark=remark,
        contradictions=incident.contradictions,
        would_change=[change_in_words(change, incident) for change in incident.would_change[:MAX_CHANGES]],
    )


def _behind(hypothesis: Hypothesis, incident: Incident) -> str | None:
    """In a line why a cause does not lead: by how much, and what makes most of it."""
    why = hypothesis.why_not
    if why is None:
        return None
    parts = []
    heaviest = next((d for d in why.differences if d.difference_db > 0), None)
    if heaviest is not None:
        parts.append(f"mostly because: {clean(heaviest.statement)}")
    elif why.prior_gap_db > 0:
        parts.append("it is rarer, and nothing that was read makes up for it")
    if why.refuted and why.refuted[0].conditions:
        condition = why.refuted[0].conditions[0]
        value = "" if condition.value is None else f", but it is {clean(in_words(condition.value, condition.unit))}"
        parts.append(f"it would need {clean(condition.text)}{value}")
    if not why.gap_db:
        return f"Level with {title_of(incident, why.above)}."
    distance = f"{decibans(abs(why.gap_db), sign=False)} dB behind {title_of(incident, why.above)}"
    return f"{distance}{'; ' if parts else ''}{'; '.join(parts)}"


def checks_done(
    device_id: str, incidents: Sequence[Incident], book: RecordBook, checks: Mapping[str, Check]
) -> list[CheckDone]:
    """Every check made at a charger, in time order, with what it did to the ranking of these incidents."""
    table = book.observations["check_results"]
    effects: dict[Source, dict[tuple[str, str], CheckEffect]] = {}
    for incident in incidents:
        for hypothesis in incident.hypotheses:
            for item in hypothesis.evidence:
                effect = CheckEffect(
                    fault_code=incident.fault_code,
                    cause_id=hypothesis.cause_id,
                    title=hypothesis.title,
                    weight_db=item.weight_db,
                    counted=item.counted,
                    rule_id=item.rule_id,
                )
                for fact in facts_behind(item.facts):
                    for source in fact.sources:
                        effects.setdefault(source, {}).setdefault((hypothesis.cause_id, item.rule_id), effect)
    done = []
    for record in book.records_of("check_results", device_id):
        source = table.source_of(record)
        check_id = record.fields["check_id"]
        check = checks.get(check_id)
        done.append(
            CheckDone(
                check_id=check_id,
                title=check_id if check is None else check.title,
                result=_result(record.fields["value"], None if check is None else check.unit),
                connector_id=record.fields.get("connector_id") or None,
                timestamp=source.timestamp,
                by=record.fields.get("by"),
                effects=list(effects.get(source, {}).values()),
                source=source,
            )
        )
    return done


@cache
def shipped_checks() -> Mapping[str, Check]:
    """The checks of the shipped knowledge by their ids."""
    return {check.id: check for check in Library(shipped_directory()).checks}


def _result(value: object, unit: str | None) -> str:
    if isinstance(value, (bool, str)):
        return in_words(value, None)
    if isinstance(value, (int, float)):
        return in_words(float(value), unit)
    return str(value)


def ruled_out(incident: Incident) -> list[RuledOut]:
    """The causes under one per cent, and what put them there: evidence against them, else what the leader has and they lack."""
    found = []
    for hypothesis in incident.hypotheses[1:]:
        if hypothesis.probability >= RULED_OUT:
            continue
        against = [item for item in hypothesis.evidence if item.counted and item.weight_db < 0]
        reasons = [
            Reason(statement=item.statement, weight_db=item.weight_db, relative=False, rule_id=item.rule_id)
            for item in sorted(against, key=lambda item: (item.weight_db, item.rule_id))
        ]
        own = {reason.rule_id for reason in reasons}
        if hypothesis.why_not is not None:
            reasons += [
                Reason(statement=d.statement, weight_db=-d.difference_db, relative=True, rule_id=d.rule_id)
                for d in hypothesis.why_not.differences
                if d.difference_db > 0 and d.rule_id not in own
            ]
        found.append(
            RuledOut(
                cause_id=hypothesis.cause_id,
                title=hypothesis.title,
                probability=hypothesis.probability,
                by=reasons[:MAX_REASONS],
            )
        )
    return found


def open_tasks(incident: Incident) -> list[OpenTask]:
    """What is still to be checked, done or found out, and who has to: checks by use, actions as documented, unknown facts."""
    return [*_checks(incident), *_actions(incident), *_unknown(incident)]


def _checks(incident: Incident) -> Iterator[OpenTask]:
    people = owners()
    for check in incident.next_checks:
        owned = people.of_check(check.check_id, check.where)
        tells = [
            question.would
            for hypothesis in incident.hypotheses
            for question in hypothesis.unknown
            if question.check_id == check.check_id
        ]
        leaders = sorted({outcome.leader for outcome in check.outcomes})
        would = (
            f"may leave {listed([title_of(incident, leader) for leader in leaders], 'or')} in the lead"
            if len(leaders) > 1
            else next(iter(tells), "")
        )
        yield OpenTask(
            kind="check",
            title=check.title,
            check_id=check.check_id,
            where=check.where,
            minutes=check.minutes,
            owner=owned.owner,
            owner_title=people.title(owned.owner),
            owner_source=owned.source,
            why=f"{check.expected_bits:.2f} bits expected{f'; {clean(would)}' if would else ''}",
        )


def _actions(incident: Incident) -> Iterator[OpenTask]:
    people = owners()
    for action in incident.actions:
        owned = people.of_action(action.title, action.where)
        named = [
            f"{title_of(incident, h.cause_id)} ({percent(h.probability)})"
            for h in incident.hypotheses
            if h.cause_id in action.for_
        ]
        yield OpenTask(
            kind="action",
            title=action.title,
            check_id=None,
            where=action.where,
            minutes=None,
            owner=owned.owner,
            owner_title=people.title(owned.owner),
            owner_source=owned.source,
            why=f"mends {listed(named, 'or')}" if named else "",
            covered_by=action.covered_by,
        )


def _unknown(incident: Incident) -> Iterator[OpenTask]:
    """What nobody measured and would speak for the leader or a rival: reading it is support's, who have the records."""
    people = owners()
    owned = people.defaults["remote"]
    told: dict[str, tuple[str, float]] = {}
    for hypothesis in [*undecided(incident), *incident.hypotheses[1:3]]:
        if hypothesis.why_not is None or hypothesis.probability < RULED_OUT:
            continue
        for missing in hypothesis.why_not.missing:
            if not missing.check_ids and missing.conditions and not any(WORDS in c for c in missing.conditions):
                told.setdefault(listed(missing.conditions), (hypothesis.title, missing.would_add_db))
    for text, (title, adds) in list(told.items())[:MAX_UNKNOWN]:
        yield OpenTask(
            kind="unknown",
            title=f"Find out: {text}",
            check_id=None,
            where="remote",
            minutes=None,
            owner=owned.owner,
            owner_title=people.title(owned.owner),
            owner_source="judgement: what the records do not hold is looked for by whoever has access to them",
            why=f"would add {decibans(adds, sign=False)} dB to {clean(title)}",
        )


def vocabulary_of(diagnosis: Diagnosis) -> Iterator[str]:
    """Texts of a diagnosis that are the knowledge's own and hold nothing of the records."""
    yield from diagnosis.measurements
    yield from diagnosis.measurements.values()
    for incident in diagnosis.incidents:
        yield from (text for text in (incident.title, incident.category, incident.severity) if text is not None)
        yield from (action.title for action in incident.actions)
        yield from (check.title for check in incident.next_checks)
        if incident.known_firmware_issue is not None:
            yield incident.known_firmware_issue.summary
        for hypothesis in incident.hypotheses:
            yield hypothesis.title
            yield from (condition.text for read in hypothesis.verdicts for condition in read.conditions)
            yield from (item.source for item in hypothesis.evidence)


def task_in_words(task: OpenTask) -> str:
    """A task with its length and place: `Listen for the click (on site, 20 min)`."""
    length = "" if task.minutes is None else f", {minutes(task.minutes)}"
    return f"{clean(task.title)} ({'on site' if task.where == 'onsite' else 'remote'}{length})"


def by_owner(tasks: Sequence[OpenTask]) -> Mapping[str, list[OpenTask]]:
    """Tasks by the title of their owner, in the order in which owners first appear."""
    found: dict[str, list[OpenTask]] = {}
    for task in tasks:
        found.setdefault(task.owner_title, []).append(task)
    return found
