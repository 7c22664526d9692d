"""The Markdown form of an escalation: for a ticket or a mail, readable as it stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from textwrap import wrap

from ...knowledge.observations import parse_timestamp
from ..report.argument import chain, contradiction_in_words, covered_in_words
from ..report.markup import code, escaped, fenced, table
from ..report.text import HOW_NUMBERS_WORK, warnings_in_words
from ..report.wording import LONGEST_TEXT, WHERE, decibans, minutes, moment, percent, read_from, span
from .content import (
    ChargerSection,
    CheckDone,
    EscalatedIncident,
    Escalation,
    OpenTask,
    PayloadRecord,
    RankedCause,
    TelemetryExcerpt,
)
from .reasoning import by_owner
from .telemetry import in_cell
from .text_chart import text_chart
from .wording import (
    cause_in_words,
    effect_in_words,
    facts_of_device,
    headline_of,
    incident_facts,
    owner_sources,
    pseudonyms_in_words,
    reason_in_words,
    session_in_words,
    upstream_in_words,
)

LONGEST_PROSE = 4000
"""Characters of one paragraph (judgement: a page; the JSON form holds all)."""

MAX_PROBLEMS = 100
"""Problems in the data that a document lists (judgement; the JSON form holds all)."""


def markdown_of(escalation: Escalation) -> str:
    """An escalation as Markdown."""
    lines = [f"# {escaped(escalation.title)}", "", f"**{prose(_redaction(escalation))}**", ""]
    lines += [prose(" ".join(escalation.summary)), ""]
    several = len(escalation.sections) > 1
    for section in escalation.sections:
        lines += _section(section, with_summary=several)
    if escalation.sections_left_out:
        names = ", ".join(code(name) for name in escalation.sections_left_out)
        lines += [f"Not told here for want of room: {names}. Ask for each with `--device`.", ""]
    lines += _problems(escalation)
    lines += ["---", ""]
    if any(incident.ranking is not None for section in escalation.sections for incident in section.incidents):
        lines += [escaped(HOW_NUMBERS_WORK), ""]
    lines += [escaped(footer(escalation)), ""]
    return "\n".join(lines)


def footer(escalation: Escalation) -> str:
    """Which program and knowledge made the document, of what."""
    knowledge = escalation.knowledge
    return (
        f"charger-triage {escalation.version}, knowledge {knowledge.name} {knowledge.version} ({knowledge.digest}), matcher "
        f"{escalation.matcher}, facts {escalation.facts_digest}, as of {moment(escalation.as_of)}."
    )


def _redaction(escalation: Escalation) -> str:
    counts = pseudonyms_in_words(escalation)
    return f"{escalation.redaction_note}{f' {counts}' if counts else ''}"


def prose(text: str) -> str:
    """Text of any length up to a page as a paragraph of Markdown: nothing of it is taken as markup."""
    return " ".join(escaped(line) for line in wrap(text[:LONGEST_PROSE], LONGEST_TEXT, break_on_hyphens=False))


def _section(section: ChargerSection, *, with_summary: bool) -> list[str]:
    lines = [f"## Charger {escaped(section.device.device_id)}", ""]
    if with_summary:
        lines += [prose(" ".join(section.summary)), ""]
    lines += table(["", ""], [[escaped(label), escaped(value)] for label, value in facts_of_device(section.device)])
    documented = any(incident.documented for incident in section.incidents)
    for incident in section.incidents:
        lines += _incident(incident) if incident.documented else _unknown_code(incident)
    if section.others:
        lines += [f"Other incidents of this charger, not told here: {escaped('; '.join(section.others))}.", ""]
    if documented:
        lines += _checks_done(section.checks_done) + _timeline(section)
    if section.device.record is not None:
        lines += ["### Metadata of the charger, as fed", "", *_payloads([section.device.record])]
    return lines


def _incident(incident: EscalatedIncident) -> list[str]:
    lines = [f"### {escaped(headline_of(incident))}", "", escaped(" · ".join(incident_facts(incident))), ""]
    lines += _listed(upstream_in_words(incident))
    lines += ["#### Impact", "", prose(incident.impact.statement), ""]
    lines += _listed(session_in_words(session) for session in incident.impact.sessions)
    lines += _ranking(incident) + _ruled_out(incident) + _open(incident.open)
    lines += _telemetry(incident.telemetry)
    lines += ["#### Event payloads, as fed", ""]
    lines += _payloads(incident.payloads) or ["No event reported it: it follows from the records named above.", ""]
    if incident.payloads_left_out:
        lines += [f"{incident.payloads_left_out} earlier ones are left out.", ""]
    return lines


def _unknown_code(incident: EscalatedIncident) -> list[str]:
    report = incident.report
    if report is None:
        return []
    rows = [
        ["send to", code(report.send_to)],
        ["device_id", code(report.device_id)],
        ["firmware_version", code(report.firmware_version) if report.firmware_version else "not known"],
        ["time range", escaped(span(report.time_from, report.time_to))],
    ]
    lines = [f"### {escaped(headline_of(incident))}", "", *table(["", ""], rows)]
    lines += ["#### Full event payload", "", *(_payloads(incident.payloads) or ["None is in the records.", ""])]
    if incident.payloads_left_out:
        lines += [f"{incident.payloads_left_out} earlier ones are left out.", ""]
    return lines + _telemetry(incident.telemetry)


def _ranking(incident: EscalatedIncident) -> list[str]:
    ranking = incident.ranking
    if ranking is None:
        return []
    rows = [
        [percent(c.probability), f"{decibans(c.score_db, sign=False)} dB", escaped(c.title), code(c.cause_id)]
        for c in ranking.causes
    ]
    if ranking.undocumented_probability is not None:
        prior = f"{decibans(ranking.undocumented_prior_db or 0.0, sign=False)} dB"
        rows.append([percent(ranking.undocumented_probability), prior, "none of the documented causes", ""])
    lines = ["#### Ranking", "", *table(["share", "score", "cause", "id"], rows)]
    if ranking.remark is not None:
        lines += [f"**{escaped(ranking.remark)}**", ""]
    for cause in ranking.causes:
        lines += _cause(cause)
    if ranking.contradictions:
        lines += ["#### Cannot both be true", ""]
        for found in ranking.contradictions:
            sentence, *sides = contradiction_in_words(found)
            lines += [f"- {escaped(sentence)}", *(f"  - {escaped(side)}" for side in sides)]
        lines.append("")
    if ranking.would_change:
        lines += ["#### What would change the leader", "", *_listed(ranking.would_change)]
    return lines


def _cause(cause: RankedCause) -> list[str]:
    lines = [f"##### {escaped(cause_in_words(cause))}", ""]
    if cause.behind is not None:
        lines += [prose(cause.behind), ""]
    if not cause.evidence:
        return [*lines, "Nothing that was read speaks for or against it.", ""]
    rows = [
        [
            decibans(item.weight_db),
            "yes" if item.counted else f"no, by {code(item.already_counted_by or '')}",
            escaped(item.statement),
            "<br>".join(f"{'– ' * depth}{escaped(text)}" for depth, text in chain(item.facts)),
            code(item.rule_id),
        ]
        for item in cause.evidence
    ]
    lines += table(["dB", "counted", "reason", "value ← read from", "rule"], rows)
    return [*lines, f"Sum: {escaped(cause.arithmetic)}", ""]


def _ruled_out(incident: EscalatedIncident) -> list[str]:
    lines = ["#### Ruled out", ""]
    if not incident.ruled_out:
        return [*lines, "No documented cause is under 1%.", ""]
    for cause in incident.ruled_out:
        lines.append(f"- {escaped(cause.title)} ({percent(cause.probability)})")
        lines += [f"  - {escaped(reason_in_words(reason))}" for reason in cause.by]
    return [*lines, ""]


def _open(tasks: Sequence[OpenTask]) -> list[str]:
    lines = ["#### Still open, and who has to do it", ""]
    if not tasks:
        return [*lines, "Nothing that is known of.", ""]
    for owner, theirs in by_owner(tasks).items():
        rows = [
            [
                task.kind,
                escaped(task.title),
                WHERE[task.where],
                "" if task.minutes is None else minutes(task.minutes),
                escaped(covered_in_words(task.covered_by) or task.why),
            ]
            for task in theirs
        ]
        lines += [f"**{escaped(owner[:1].upper() + owner[1:])}** ({escaped(owner_sources(theirs))})", ""]
        lines += table(["kind", "what", "where", "time", "why"], rows)
    return lines


def _checks_done(checks: Sequence[CheckDone]) -> list[str]:
    lines = ["### Checks done", ""]
    if not checks:
        return [*lines, "None is recorded.", ""]
    rows = [
        [
            moment(check.timestamp),
            escaped(check.title) + ("" if check.connector_id is None else f", connector {check.connector_id}"),
            escaped(check.result),
            escaped(check.by or "not recorded"),
            "<br>".join(escaped(effect_in_words(effect)) for effect in check.effects) or "did not move the ranking",
            escaped(read_from([check.source])),
        ]
        for check in checks
    ]
    return [*lines, *table(["when", "check", "result", "by", "what it did", "record"], rows)]


def _timeline(section: ChargerSection) -> list[str]:
    timeline = section.timeline
    lines = ["### Timeline", "", prose(timeline.scope), ""]
    rows = [
        [
            moment(entry.timestamp),
            escaped(entry.of) + ("" if entry.connector_id is None else f"/{entry.connector_id}"),
            f"**{escaped(entry.what)}**" if entry.is_fault else escaped(entry.what),
            code(f"{entry.source.list}[{entry.source.index}]"),
        ]
        for entry in timeline.entries
    ]
    lines += (
        table(["when", "where", "what", "record"], rows) if rows else ["The records tell nothing of that time.", ""]
    )
    if timeline.left_out:
        lines += [f"{timeline.left_out:,} further entries are left out.", ""]
    return lines


def _telemetry(telemetry: TelemetryExcerpt) -> list[str]:
    lines = ["#### Concurrent telemetry", "", prose(telemetry.note), ""]
    if telemetry.series:
        lines += fenced(
            "\n\n".join("\n".join(_chart(telemetry, place)) for place in range(len(telemetry.series))), "text"
        )
    if telemetry.constants:
        held = "; ".join(f"{c.title} {in_cell(c.value)}{f' {c.unit}' if c.unit else ''}" for c in telemetry.constants)
        lines += [f"The same throughout: {prose(held)}.", ""]
    if telemetry.columns and telemetry.rows:
        titles = [c.title + (f" ({c.unit})" if c.unit else "") for c in telemetry.columns]
        rows = [
            [
                moment(row.timestamp) + (" ← fault" if row.nearest_to_fault else ""),
                "" if row.connector_id is None else str(row.connector_id),
                *(escaped(in_cell(value)) for value in row.values),
            ]
            for row in telemetry.rows
        ]
        lines += table(["when", "connector", *map(escaped, titles)], rows)
    return lines


def _chart(telemetry: TelemetryExcerpt, place: int) -> list[str]:
    series = telemetry.series[place]
    times = [parse_timestamp(time) or 0.0 for time in series.times]
    faults = [parse_timestamp(time) or 0.0 for time in telemetry.fault_times]
    title = series.title + ("" if series.connector_id is None else f", connector {series.connector_id}")
    return text_chart(
        title, series.unit, times, series.values, faults, [moment(series.times[0]), moment(series.times[-1])]
    )


def _payloads(payloads: Sequence[PayloadRecord]) -> list[str]:
    lines = []
    for payload in payloads:
        when = "" if payload.timestamp is None else f" @ {moment(payload.timestamp)}"
        lines += [f"{code(f'{payload.list}[{payload.index}]')}{when}", ""]
        lines += fenced(json.dumps(payload.record, indent=2, ensure_ascii=False), "json")
    return lines


def _problems(escalation: Escalation) -> list[str]:
    lines = ["## Problems in the data", ""]
    if not escalation.data_problems:
        return [*lines, "None was met.", ""]
    told, untold = warnings_in_words(escalation.data_problems, MAX_PROBLEMS)
    lines += _listed(told)
    return [*lines, f"And {untold:,} more.", ""] if untold else lines


def _listed(texts: Iterable[str]) -> list[str]:
    lines = [f"- {prose(text)}" for text in texts]
    return [*lines, ""] if lines else []
