"""The Markdown form of a diagnosis: the same content for a ticket, and the whole trace behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...engine.diagnosis import Diagnosis, Incident
from ...engine.facts import in_words
from ...engine.hypothesis import Hypothesis, WhyNot
from ...engine.trace import RuleRead
from .argument import (
    chain,
    change_in_words,
    consequences_in_words,
    contradiction_in_words,
    covered_in_words,
    mapping_in_words,
    outcome_in_words,
    root_in_words,
    why_not_in_words,
)
from .markup import code, escaped, fenced, table
from .text import (
    HOW_NUMBERS_WORK,
    footer,
    kind_in_words,
    nothing_found,
    report_contents,
    summary,
    warnings_in_words,
    what_if,
)
from .text import by_kind as kinds_of
from .wording import (
    UNEXPLAINED,
    WHERE,
    age,
    arithmetic,
    brief_place,
    contradiction,
    counted,
    decibans,
    firmware_applies,
    headline,
    indecision,
    is_unexplained,
    minutes,
    percent,
    read_from,
    times_of,
    where_of,
)

MAX_TOLD = 5
"""Things of a kind that a comparison of two causes tells in a ticket (our judgement; JSON holds all)."""

MAX_WARNINGS = 100
"""Data warnings that a ticket lists (our judgement; JSON holds all)."""


def diagnosis_markdown(diagnosis: Diagnosis, *, asked: str = "") -> str:
    """A diagnosis as Markdown. `asked` says to what the incidents were restricted."""
    incidents = diagnosis.incidents
    lines = ["# Diagnosis", ""]
    lines += [escaped(summary(diagnosis, asked) if incidents else nothing_found(diagnosis, asked)), ""]
    if diagnosis.supposed:
        lines += [escaped(what_if(diagnosis)), ""]
    if len(incidents) > 1:
        lines += _overview(incidents)
    for incident in incidents:
        lines += _incident(incident)
    lines += _watches(diagnosis)
    lines += _warnings(diagnosis)
    lines += ["---", ""]
    if any(incident.hypotheses for incident in incidents):
        lines += [escaped(HOW_NUMBERS_WORK), ""]
    lines += [escaped(footer(diagnosis)), ""]
    return "\n".join(lines)


def _overview(incidents: Sequence[Incident]) -> list[str]:
    rows = [
        [
            str(len(alike)),
            escaped(headline(alike[0])),
            escaped(kind_in_words(alike)),
            ", ".join(code(brief_place(i)) for i in alike),
        ]
        for alike in kinds_of(incidents).values()
    ]
    return table(["incidents", "code", "leading cause", "where"], rows)


def _incident(incident: Incident) -> list[str]:
    lines = [f"## {escaped(headline(incident))}", ""]
    facts = [escaped(where_of(incident)), escaped(times_of(incident))]
    facts += [escaped(part) for part in (incident.severity, incident.category) if part is not None]
    lines += [" · ".join(facts), ""]
    if not incident.documented:
        return lines + _undocumented(incident)
    lines += _links(incident) + _causes(incident)
    for hypothesis in incident.hypotheses:
        lines += _trace(hypothesis)
    lines += _contradictions(incident) + _would_change(incident)
    lines += _checks(incident) + _actions(incident) + _firmware(incident)
    if incident.hypotheses:
        lines += _verdicts(incident.hypotheses[0])
    return lines


def _causes(incident: Incident) -> list[str]:
    rows = [
        [percent(h.probability), f"{decibans(h.score_db, sign=False)} dB", escaped(h.title), code(h.cause_id)]
        for h in incident.hypotheses
    ]
    if incident.undocumented_probability is not None:
        prior = f"{decibans(incident.undocumented_prior_db or 0.0, sign=False)} dB"
        rows.append([percent(incident.undocumented_probability), prior, "none of the documented causes", ""])
    lines = ["### Likely causes", "", *table(["share", "score", "cause", "id"], rows)]
    for remark in (indecision(incident), UNEXPLAINED if is_unexplained(incident) else None):
        if remark is not None:
            lines += [f"**{escaped(remark)}**", ""]
    return lines


def _trace(hypothesis: Hypothesis) -> list[str]:
    lines = [f"### {hypothesis.rank}. {escaped(hypothesis.title)} ({percent(hypothesis.probability)})", ""]
    if hypothesis.evidence:
        rows = [
            [
                decibans(item.weight_db),
                "yes" if item.counted else f"no, by {code(item.already_counted_by or '')}",
                escaped(item.statement),
                "<br>".join(f"{'– ' * depth}{escaped(text)}" for depth, text in chain(item.facts)),
                code(item.rule_id),
                escaped(item.source),
            ]
            for item in hypothesis.evidence
        ]
        lines += table(["dB", "counted", "reason", "value ← read from", "rule", "source"], rows)
    else:
        lines += ["Nothing that was read speaks for or against it.", ""]
    lines += [f"Sum: {escaped(arithmetic(hypothesis))}", ""]
    if hypothesis.why_not is not None:
        lines += _why_not(hypothesis.why_not)
    pair = contradiction(hypothesis)
    if pair is not None:
        lines += [
            f"**Strong signs disagree about it:** {escaped(pair[0].statement)} – but: {escaped(pair[1].statement)}",
            "",
        ]
    return lines


def _links(incident: Incident) -> list[str]:
    mapping = mapping_in_words(incident)
    lines = [] if mapping is None else [escaped(mapping), ""]
    root = root_in_words(incident)
    if root is not None:
        lines += [f"**{escaped(root)}**", ""]
        lines += [
            f"- {escaped(up.statement)} ({code(up.incident_id)}, {code(up.cause_id)})" for up in incident.caused_by
        ]
        lines.append("")
    brought_about = consequences_in_words(incident)
    if brought_about:
        lines += ["### It brought about", "", *(f"- {escaped(line)}" for line in brought_about), ""]
    return lines


def _contradictions(incident: Incident) -> list[str]:
    if not incident.contradictions:
        return []
    lines = ["### Cannot both be true", ""]
    for found in incident.contradictions:
        sentence, *sides = contradiction_in_words(found)
        lines += [f"- {escaped(sentence)}", *(f"  - {escaped(side)}" for side in sides)]
    return [*lines, ""]


def _would_change(incident: Incident) -> list[str]:
    if not incident.would_change:
        return []
    told = (f"- {escaped(change_in_words(change, incident))}" for change in incident.would_change)
    return ["### What would change the leader", "", *told, ""]


def _why_not(why_not: WhyNot) -> list[str]:
    rows = [[escaped(label), escaped(sentence)] for label, sentence in why_not_in_words(why_not, MAX_TOLD)]
    return ["Why it does not lead:", "", *table(["", "why"], rows)]


def _checks(incident: Incident) -> list[str]:
    if not incident.next_checks:
        return ["### Next checks", "", "None that is left would tell more.", ""]
    rows = [
        [
            escaped(check.title),
            WHERE[check.where],
            minutes(check.minutes),
            f"{check.expected_bits:.2f}",
            "<br>".join(
                f"{escaped(outcome.result)} ({percent(outcome.chance)}) → {escaped(outcome_in_words(outcome))}"
                for outcome in check.outcomes
            ),
            code(check.check_id),
        ]
        for check in incident.next_checks
    ]
    return [
        "### Next checks",
        "",
        *table(
            ["check", "where", "time", "expected bits", "what each result (and its chance) would leave", "id"], rows
        ),
    ]


def _actions(incident: Incident) -> list[str]:
    if not incident.actions:
        return []
    lines = ["### Actions", ""]
    for action in incident.actions:
        covered = covered_in_words(action.covered_by)
        lines.append(
            f"- {escaped(action.title)} ({WHERE[action.where]}) for {', '.join(code(cause) for cause in action.for_)}"
            + ("" if covered is None else f"; {escaped(covered)}")
        )
    return [*lines, ""]


def _firmware(incident: Incident) -> list[str]:
    issue = incident.known_firmware_issue
    if issue is None:
        return []
    applies = firmware_applies(issue.applies)
    what = f"{escaped(issue.affected)}, fixed in {escaped(issue.fixed_in)}: **{escaped(applies)}**."
    return ["### Known firmware issue", "", f"{what} {escaped(issue.summary)}", ""]


def _verdicts(leader: Hypothesis) -> list[str]:
    if not leader.verdicts:
        return []
    rows = [row for read in leader.verdicts for row in _verdict_rows(read)]
    title = f"### Every rule that bears on {escaped(leader.title)}"
    return [title, "", *table(["rule", "verdict", "condition", "is", "value", "read from", "age"], rows)]


def _verdict_rows(read: RuleRead) -> list[list[str]]:
    rows = []
    for number, condition in enumerate(read.conditions):
        rule, verdict = (code(read.rule_id), read.verdict) if number == 0 else ("", "")
        value = "" if condition.value is None else escaped(in_words(condition.value, condition.unit))
        where = escaped(read_from(condition.sources))
        rows.append([rule, verdict, escaped(condition.text), condition.verdict, value, where, age(condition.age_s)])
    return rows


def _undocumented(incident: Incident) -> list[str]:
    lines = ["This code is not in the dictionary. Report it to the vendor with:", ""]
    lines += [f"- {label}: {escaped(content)}" for label, content in report_contents(incident) if label != "payload"]
    lines += [""]
    payloads = (incident.escalation or {}).get("payloads") or []
    if payloads:
        lines += ["Event payloads:", "", *fenced(json.dumps(payloads, indent=2, ensure_ascii=True), "json")]
    telemetry = (incident.escalation or {}).get("telemetry") or []
    if telemetry:
        lines += [
            "Telemetry around that time:",
            "",
            *fenced("\n".join(json.dumps(r, ensure_ascii=True) for r in telemetry), "json"),
        ]
    return lines


def _watches(diagnosis: Diagnosis) -> list[str]:
    if not diagnosis.watches:
        return []
    rows = [
        [
            code(watch.device_id) + ("" if watch.connector_id is None else f", connector {watch.connector_id}"),
            escaped(watch.what),
            escaped(watch.trend),
            escaped(watch.leads_to),
            escaped(watch.expected_at or ""),
            "<br>".join(escaped(text) for _, text in chain(watch.facts)),
        ]
        for watch in diagnosis.watches
    ]
    return [
        "## Early warnings",
        "",
        *table(["where", "what", "trend", "leads to", "expected", "value ← read from"], rows),
    ]


def _warnings(diagnosis: Diagnosis) -> list[str]:
    if not diagnosis.warnings:
        return []
    told, untold = warnings_in_words(diagnosis.warnings, MAX_WARNINGS)
    lines = [
        f"## {counted(len(diagnosis.warnings), 'problem')} in the data",
        "",
        *(f"- {escaped(line)}" for line in told),
    ]
    if untold:
        lines.append(f"- and {untold:,} more")
    return [*lines, ""]
