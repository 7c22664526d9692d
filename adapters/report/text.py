"""The text form of a diagnosis: what a support engineer reads first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from ...engine.diagnosis import DataWarning, Diagnosis, Incident, NextCheck
from ...engine.hypothesis import Hypothesis, WhyNot
from ...engine.trace import EvidenceItem, FactRead
from .argument import (
    chain,
    change_in_words,
    consequences_in_words,
    contradiction_in_words,
    covered_in_words,
    mapping_in_words,
    outcome_in_words,
    root_in_words,
    standard_meaning,
    watch_in_words,
    why_not_in_words,
)
from .page import Page
from .wording import (
    UNEXPLAINED,
    WHERE,
    arithmetic,
    brief_place,
    check_in_words,
    clean,
    contradiction,
    counted,
    decibans,
    firmware_applies,
    for_and_against,
    headline,
    indecision,
    is_unexplained,
    listed,
    moment,
    percent,
    short_id,
    span,
    times_of,
    where_of,
)

MAX_REASONS = 3
"""Reasons for and against that are told in full; the others stand in the sum."""

MAX_WARNINGS = 10
"""Data warnings that are shown one by one."""

MAX_IN_FULL = 10
"""Incidents told in full (our judgement: nobody reads more)."""

MAX_STEPS = 6
"""Steps of one chain down to the records that are shown."""

MAX_ALIKE = 3
"""Incidents of one code and leading cause that are each told in full; of more than that only the first is."""

MAX_PLACES = 40
"""Chargers named behind one line of the overview."""

_SEVERITY = {"error": "bold red", "warning": "bold yellow"}


def diagnosis_text(diagnosis: Diagnosis, *, width: int = 80, colour: bool = False, asked: str = "") -> str:
    """A diagnosis as text of a width, with colour or plain. `asked` says to what the incidents were restricted."""
    page = Page(width, colour=colour)
    incidents = diagnosis.incidents
    if not incidents:
        page.line(nothing_found(diagnosis, asked), style="bold")
    else:
        page.line(summary(diagnosis, asked), style="bold")
    if diagnosis.supposed:
        page.line(what_if(diagnosis))
    kinds = by_kind(incidents)
    if len(incidents) > 1:
        _overview(page, kinds)
    chosen = told_in_full(incidents, kinds)
    for incident in chosen:
        if len(incidents) > 1:
            page.rule()
        else:
            page.blank()
        _incident(page, incident)
    if len(chosen) < len(incidents):
        page.rule()
        rest = counted(len(incidents) - len(chosen), "more incident")
        page.line(f"{rest} of the kinds listed first; --device ID tells a charger's in full, --format json tells all.")
    _watches(page, diagnosis)
    _warnings(page, diagnosis.warnings)
    page.blank()
    if any(incident.hypotheses for incident in chosen):
        page.line(HOW_NUMBERS_WORK, style="dim")
    page.line(footer(diagnosis), style="dim")
    return str(page)


HOW_NUMBERS_WORK = (
    "Weights are decibans: +3 dB makes a cause twice as likely against the others, +10 dB ten times. "
    "A cause's share is 10^(score/10) over the sum of that for all lines of its table."
)


def nothing_found(diagnosis: Diagnosis, asked: str = "") -> str:
    """What to say where there is no incident."""
    scope = f" for {clean(asked)}" if asked else ""
    if diagnosis.as_of is None:
        return f"No incidents{scope}: the bundle holds no record with a time."
    if any(warning.list == "events" for warning in diagnosis.warnings):
        return (
            f"No incidents{scope}: no event that could be read is a fault, as of {moment(diagnosis.as_of)}. Some could not be "
            "read as they should: see the problems in the data."
        )
    return f"No incidents{scope}: nothing in these records is a fault, as of {moment(diagnosis.as_of)}."


def summary(diagnosis: Diagnosis, asked: str = "") -> str:
    """How many incidents on how many chargers, and as of when."""
    incidents = diagnosis.incidents
    chargers = len({incident.device_id for incident in incidents})
    on = f" on {counted(chargers, 'charger')}" if len(incidents) > 1 else ""
    scope = f" for {clean(asked)}" if asked else ""
    return f"{counted(len(incidents), 'incident')}{on}{scope}, as of {moment(diagnosis.as_of)}"


def what_if(diagnosis: Diagnosis) -> str:
    """What was supposed, which no record says; empty where nothing was."""
    said = "; ".join(clean(change.text) for change in diagnosis.supposed)
    return f"What if, and no record says so: {said}." if said else ""


def footer(diagnosis: Diagnosis) -> str:
    """What to name so that the diagnosis can be had again."""
    knowledge = diagnosis.knowledge
    return clean(
        f"Knowledge {knowledge.name} {knowledge.version} ({knowledge.digest[:19]}), dictionary of firmware "
        f"{knowledge.source_revision}; charger-triage {diagnosis.version}, matched by {diagnosis.matcher}; "
        f"facts {diagnosis.facts_digest[:19]}."
    )


Kind = tuple[str, str]


def by_kind(incidents: Sequence[Incident]) -> dict[Kind, list[Incident]]:
    """Incidents by code and leading cause, the most frequent kind first."""
    kinds: dict[Kind, list[Incident]] = {}
    for incident in incidents:
        leader = incident.hypotheses[0].cause_id if incident.hypotheses and indecision(incident) is None else ""
        kinds.setdefault((incident.fault_code, leader), []).append(incident)
    return dict(sorted(kinds.items(), key=lambda entry: (-len(entry[1]), entry[0])))


def told_in_full(incidents: Sequence[Incident], kinds: dict[Kind, list[Incident]]) -> list[Incident]:
    """The incidents that the text tells in full: of each kind all if they are few, else the first."""
    firsts = [alike if len(alike) <= MAX_ALIKE else alike[:1] for alike in kinds.values()]
    if sum(map(len, firsts)) > MAX_IN_FULL:
        firsts = [alike[:1] for alike in firsts[:MAX_IN_FULL]]
    chosen = {incident.incident_id for alike in firsts for incident in alike}
    return [incident for incident in incidents if incident.incident_id in chosen]


def kind_in_words(alike: Sequence[Incident]) -> str:
    """What incidents of one kind have in common: the leading cause with its probability."""
    first = alike[0]
    if not first.documented:
        return "to be reported to the vendor"
    if not first.hypotheses:
        return "no documented cause"
    if indecision(first) is not None:
        return "the records do not tell its causes apart"
    shares = [incident.hypotheses[0].probability for incident in alike]
    low, high = percent(min(shares)), percent(max(shares))
    share = high if low == high else f"{low} to {high}"
    roots = sorted({incident.root for incident in alike if incident.root is not None})
    behind = "" if not roots else f"; brought about by {listed([clean(root) for root in roots[:MAX_REASONS]])}"
    return f"{clean(first.hypotheses[0].title)} ({share}){behind}"


def _overview(page: Page, kinds: dict[Kind, list[Incident]]) -> None:
    page.blank()
    widest = len(str(max(len(alike) for alike in kinds.values())))
    for alike in kinds.values():
        first = alike[0]
        label = Text(f"{len(alike):>{widest}} × ")
        page.line(Text(headline(first), _SEVERITY.get(first.severity or "", "bold")), label=label, indent=2)
        places = [brief_place(incident) for incident in alike[:MAX_PLACES]]
        more = f" and {len(alike) - MAX_PLACES} more" if len(alike) > MAX_PLACES else ""
        indent = 2 + label.cell_len
        page.line(kind_in_words(alike), indent=indent)
        page.line(f"{', '.join(places)}{more}", indent=indent, style="dim")


def _incident(page: Page, incident: Incident) -> None:
    page.line(Text(headline(incident), _SEVERITY.get(incident.severity or "", "bold magenta")))
    parts = [where_of(incident), times_of(incident)]
    if incident.severity is not None:
        parts.append(clean(incident.severity))
    if incident.category is not None:
        parts.append(clean(incident.category))
    page.line(" · ".join(parts))
    if not incident.documented:
        _undocumented(page, incident)
        return
    _links(page, incident)
    _causes(page, incident)
    if not any(hypothesis.evidence for hypothesis in incident.hypotheses):
        page.line("Nothing that was read speaks for or against any of them; the shares are the priors'.", indent=2)
    else:
        _reasons(page, incident.hypotheses[0])
        _contradictions(page, incident)
        for runner_up in incident.hypotheses[1:2]:
            _runner_up(page, runner_up)
    _would_change(page, incident)
    _next_checks(page, incident)
    _actions(page, incident)
    _firmware(page, incident)


def _causes(page: Page, incident: Incident) -> None:
    page.heading("Likely causes")
    bar_width = 10 if page.width < 100 else 24
    rows = [(h.probability, h.score_db, clean(h.title), h.rank == 1) for h in incident.hypotheses]
    if incident.undocumented_probability is not None:
        rest = incident.undocumented_prior_db or 0.0
        rows.append((incident.undocumented_probability, rest, "none of the documented causes", False))
    scores = [f"{decibans(score, sign=False)} dB" for _, score, _, _ in rows]
    widest = max(map(len, scores))
    for (probability, _, title, leads), score in zip(rows, scores, strict=True):
        label = Text(f"{percent(probability):>6}  ", "bold" if leads else "")
        label.append(bar(probability, bar_width), "cyan")
        label.append(f" {score:>{widest}}  ", "dim")
        page.line(Text(title, "bold" if leads else ""), label=label, indent=1)
    page.blank()
    for remark in (indecision(incident), UNEXPLAINED if is_unexplained(incident) else None):
        if remark is not None:
            page.line(remark, indent=2, style="yellow")
            page.blank()


def bar(probability: float, width: int) -> str:
    """A probability as a bar, padded to the width; half a cell is the finest step."""
    halves = round(probability * width * 2)
    return ("█" * (halves // 2) + "▌" * (halves % 2)).ljust(width)


def _reasons(page: Page, leader: Hypothesis) -> None:
    supporting, opposing = for_and_against(leader)
    if not supporting and not opposing:
        page.line(f"{clean(leader.title)}: nothing read speaks for or against it", style="bold")
        page.line(arithmetic(leader), label="Sum", indent=2, hang=SIDE)
        return
    for word, items in (("For", supporting), ("Against", opposing)):
        if word == "Against":
            page.blank()
        page.line(f"{word}: {clean(leader.title)}" if items else f"{word} it: nothing that was read", style="bold")
        for item in items[:MAX_REASONS]:
            _reason(page, item)
        if len(items) > MAX_REASONS:
            weights = ", ".join(decibans(item.weight_db) for item in items[MAX_REASONS:])
            page.line(f"and {len(items) - MAX_REASONS} more: {weights}", indent=2 + SIDE)
    page.blank()
    page.line(arithmetic(leader), label=Text("Sum", "bold"), indent=2, hang=SIDE)
    pair = contradiction(leader)
    if pair is not None:
        page.line(
            f"Strong signs disagree about it: “{clean(pair[0].statement)}” but “{clean(pair[1].statement)}”",
            indent=2 + SIDE,
            style="yellow",
        )
    for item in [item for item in leader.evidence if not item.counted][:MAX_REASONS]:
        page.line(
            f"already counted: {clean(item.statement)} ({decibans(item.weight_db)}, by {clean(item.already_counted_by or '')})",
            indent=2 + SIDE,
            style="dim",
        )


WIDEST_RESULT = 34
"""Columns of a check's results up to which their consequences stand in a column of their own."""

SIDE = 6
"""Columns of the weights left of the reasons."""


def _reason(page: Page, item: EvidenceItem) -> None:
    style = "green" if item.weight_db > 0 else "red"
    page.line(clean(item.statement), label=Text(f"{decibans(item.weight_db):>4}  ", style), indent=2, hang=SIDE)
    _chain(page, item.facts, 2 + SIDE)


def _chain(page: Page, facts: Sequence[FactRead], indent: int) -> None:
    """The steps from a sentence down to the records."""
    steps = list(chain(facts))
    for depth, text in steps[:MAX_STEPS]:
        page.line(text, indent=indent + 2 * depth, hang=2, style="dim")
    if len(steps) > MAX_STEPS:
        page.line(f"and {len(steps) - MAX_STEPS} more; --why tells all", indent=indent, style="dim")


def _runner_up(page: Page, runner_up: Hypothesis) -> None:
    page.heading(f"Why not: {clean(runner_up.title)}, {percent(runner_up.probability)}")
    supporting, _ = for_and_against(runner_up)
    for item in supporting[:MAX_REASONS]:
        page.line(clean(item.statement), label=Text(f"{decibans(item.weight_db):>4}  ", "green"), indent=2, hang=SIDE)
    if runner_up.why_not is not None:
        why_not_lines(page, runner_up.why_not, MAX_REASONS)
    page.line(arithmetic(runner_up), label="Sum", indent=2, hang=SIDE)


def why_not_lines(page: Page, why_not: WhyNot, most: int) -> None:
    """The lines of a comparison; weights stand left of the sentences, words in front of them."""
    for label, sentence in why_not_in_words(why_not, most):
        if label[:1] in ("+", "−", ""):
            page.line(sentence, label=Text(f"{label:>4}  ", "red"), indent=2, hang=SIDE)
        else:
            page.line(sentence, label=f"{label}: ", indent=2 + SIDE, hang=2)


def _links(page: Page, incident: Incident) -> None:
    mapping = mapping_in_words(incident)
    if mapping is not None:
        page.line(mapping)
    root = root_in_words(incident)
    if root is not None:
        page.line(root, style="bold yellow")
        for upstream in incident.caused_by:
            page.line(f"{clean(upstream.statement)} ({clean(upstream.incident_id)})", indent=2)
    brought_about = consequences_in_words(incident)
    if brought_about:
        page.heading("It brought about")
        for line in brought_about:
            page.line(line, label="- ", indent=2)


def _contradictions(page: Page, incident: Incident) -> None:
    for found in incident.contradictions:
        sentence, *sides = contradiction_in_words(found)
        page.heading("Cannot both be true", style="bold yellow")
        page.line(sentence, indent=2, style="yellow")
        for side in sides:
            page.line(side, indent=4, hang=2, style="dim")


def _would_change(page: Page, incident: Incident) -> None:
    if incident.would_change:
        page.heading("What would change the leader")
        for change in incident.would_change[:MAX_REASONS]:
            page.line(change_in_words(change, incident), label="- ", indent=2)


def _next_checks(page: Page, incident: Incident) -> None:
    page.heading("Next check")
    if not incident.next_checks:
        page.line("none that is left would tell more", indent=2)
        return
    best, *others = incident.next_checks
    page.line(Text(check_in_words(best), "bold"), indent=2)
    _outcomes(page, best)
    if others:
        page.line(f"then: {'; '.join(check_in_words(check) for check in others[:MAX_REASONS])}", indent=2, style="dim")


def _outcomes(page: Page, check: NextCheck) -> None:
    labels = [f"{clean(outcome.result)} ({percent(outcome.chance)})" for outcome in check.outcomes]
    widest = max(map(len, labels), default=0)
    for label, outcome in zip(labels, check.outcomes, strict=True):
        then = outcome_in_words(outcome)
        if widest <= WIDEST_RESULT:
            page.line(then, label=f"{label:<{widest}} → ", indent=4)
        else:
            page.line(f"{label} → {then}", indent=4, hang=2)


def _actions(page: Page, incident: Incident) -> None:
    if not incident.actions:
        return
    page.heading("Do" if indecision(incident) is None else "Do, once it is known which")
    for action in incident.actions:
        causes = ", ".join(short_id(cause) for cause in action.for_)
        body = Text(f"{clean(action.title)} ({WHERE[action.where]})")
        body.append(f" for {causes}", "dim")
        covered = covered_in_words(action.covered_by)
        if covered is not None:
            body.append(f"; {covered}", "yellow")
        page.line(body, indent=2, label="- ")


def _firmware(page: Page, incident: Incident) -> None:
    issue = incident.known_firmware_issue
    if issue is None:
        return
    page.heading("Known firmware issue")
    page.line(
        f"{clean(issue.affected)}, fixed in {clean(issue.fixed_in)}: {firmware_applies(issue.applies)}.",
        indent=2,
        style="yellow" if issue.applies else "",
    )
    page.line(clean(issue.summary), indent=2)


def _undocumented(page: Page, incident: Incident) -> None:
    page.heading("Not in the dictionary: report it to the vendor with")
    for label, content in report_contents(incident):
        page.line(content, label=f"{label} ", indent=2, hang=12)
    page.line("--format json holds all of it under escalation.", indent=2, style="dim")


def report_contents(incident: Incident) -> list[tuple[str, str]]:
    """What the report of an undocumented code must carry, as label and short text."""
    dossier: dict[str, Any] = incident.escalation or {}
    payloads = dossier.get("payloads") or []
    telemetry = dossier.get("telemetry") or []
    device = dossier.get("device")
    period = dossier.get("time_range") or {}
    firmware = dossier.get("firmware_version")
    model = device.get("model") if isinstance(device, dict) else None
    charger = [clean(incident.device_id), clean(model) if model else "model not known"]
    charger.append(f"firmware {clean(firmware)}" if firmware else "firmware not known")
    rows = [("charger", ", ".join(charger))]
    meaning = standard_meaning(incident)
    if meaning is not None:
        rows.insert(0, ("meaning", meaning))
    rows.append(("time", span(str(period.get("from", incident.first_seen)), str(period.get("to", incident.last_seen)))))
    if payloads:
        newest = clean(json.dumps(payloads[-1], ensure_ascii=False, sort_keys=True))
        rows.append(
            ("payload", newest if len(payloads) == 1 else f"{counted(len(payloads), 'event')}, the last: {newest}")
        )
    rows.append(("telemetry", counted(len(telemetry), "record") if telemetry else "none around that time"))
    return rows


def _watches(page: Page, diagnosis: Diagnosis) -> None:
    if not diagnosis.watches:
        return
    page.rule()
    page.line("Early warnings", style="bold")
    for watch in diagnosis.watches:
        page.line(watch_in_words(watch), label="- ", indent=2)
        for _, text in chain(watch.facts[:MAX_REASONS]):
            page.line(text, indent=6, hang=2, style="dim")


def _warnings(page: Page, warnings: Sequence[DataWarning]) -> None:
    if not warnings:
        return
    page.rule()
    page.line(f"{counted(len(warnings), 'problem')} in the data", style="bold yellow")
    told, untold = warnings_in_words(warnings, MAX_WARNINGS)
    for line in told:
        page.line(line, label="- ", indent=2)
    if untold:
        page.line(f"and {untold:,} more; --format json lists all", indent=4)


def warnings_in_words(warnings: Sequence[DataWarning], most: int) -> tuple[list[str], int]:
    """Data warnings with their places, those that say the same together; and how many warnings are left untold."""
    alike: dict[tuple[str, str | None, str], list[DataWarning]] = {}
    fields: dict[tuple[str, str | None], int] = {}
    for warning in warnings:
        alike.setdefault((warning.list, warning.field, warning.problem), []).append(warning)
        fields.setdefault((warning.list, warning.field), len(fields))
    # how many more records there are of a kind is told beside that kind
    shown = sorted(alike.items(), key=lambda item: fields[item[0][:2]])[:most]
    lines = []
    for (name, field, problem), group in shown:
        indices = [str(warning.index) for warning in group if warning.index is not None]
        more = len(indices) - MAX_REASONS
        places = listed(indices) if more <= 0 else f"{', '.join(indices[:MAX_REASONS])} and {more:,} more"
        which = f"[{places}]" if places else ""
        lines.append(f"{clean(name)}{which}{'' if field is None else f'.{clean(field)}'}: {clean(problem)}")
    return lines, len(warnings) - sum(len(group) for _, group in shown)
