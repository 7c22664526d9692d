"""What a consultation says at each turn: how the causes stand, the question, what an answer changed, the conclusion."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from ...engine.diagnosis import Contradiction, Incident, NextCheck
from ...engine.knowledge_base import Check
from ...engine.strategy import SETTLED
from ..report.argument import change_in_words, contradiction_in_words, outcome_in_words, title_of
from ..report.page import Page
from ..report.text import bar
from ..report.wording import (
    WHERE,
    arithmetic,
    check_in_words,
    clean,
    counted,
    decibans,
    for_and_against,
    headline,
    minutes,
    percent,
    short_id,
    where_of,
)
from .answers import written_results
from .session import Consultation, End

SHOWN = 5
"""Causes shown at each turn (our judgement: of the shipped codes none has more than five)."""

REASONS = 4
"""Reasons and ways to change the leader that `why` tells."""

BRIEFLY = 20
"""Incidents that were not asked about and are told of in one line each at the end."""

BAR = 12
"""Columns of a cause's bar."""

COMMANDS = (
    ("why", "what speaks for and against the leading cause, and what would change it"),
    ("skip", "this check cannot be done (or: cannot)"),
    ("undo", "take the last answer back (or: back)"),
    ("stop", "end here; the answers are written (or: quit)"),
)
"""What can be written instead of an answer, and what it does."""


def standing(page: Page, incident: Incident) -> None:
    """The leading causes with their probabilities."""
    rows = [(h.probability, clean(h.title)) for h in incident.hypotheses[:SHOWN]]
    rest = sum(h.probability for h in incident.hypotheses[SHOWN:])
    if len(incident.hypotheses) > SHOWN:
        rows.append((rest, f"{counted(len(incident.hypotheses) - SHOWN, 'other cause')}"))
    if incident.undocumented_probability is not None:
        rows.append((incident.undocumented_probability, "none of the documented causes"))
    for place, (probability, title) in enumerate(rows):
        label = Text(f"{percent(probability):>6}  ", "bold" if place == 0 else "")
        label.append(f"{bar(probability, BAR)}  ", "cyan")
        page.line(Text(title, "bold" if place == 0 else ""), label=label, indent=1)


def question(page: Page, number: int, asked: NextCheck, check: Check) -> None:
    """The check to do, with its possible results and what each would make of the ranking."""
    page.blank()
    page.line(check_in_words(asked), label=Text(f"Check {number}  ", "bold"), style="bold")
    outcomes = {outcome.result: outcome for outcome in asked.outcomes}
    for mark, result in written_results(check):
        outcome = outcomes.get(result.name)
        unit = f" {clean(check.unit)}" if check.unit and result.name[-1:].isdigit() else ""
        body = Text(f"{clean(result.name)}{unit}")
        if outcome is not None:
            body.append(f": {outcome_in_words(outcome)}", "dim")
        page.line(body, label=Text(f"{mark}) ", "bold"), indent=2, hang=3)


def prompt(check: Check) -> str:
    """What to write."""
    marks = [mark for mark, _ in written_results(check)]
    number = f"a number in {clean(check.unit or '1')}, " if check.is_number else ""
    word = "" if check.is_number else ", a word"
    between = "or" if len(marks) == 2 else "to"
    return f"Answer ({number}{marks[0]} {between} {marks[-1]}{word}; ? for help):"


def help_text(page: Page, asked: NextCheck, check: Check) -> None:
    """What is asked, and what can be written."""
    page.blank()
    page.line(f"{clean(asked.title)}: {WHERE[asked.where]}, about {minutes(asked.minutes)} by the book.")
    if check.is_number:
        page.line(
            f"Write the number that was measured{f' in {clean(check.unit)}' if check.unit else ''}; a letter stands for a "
            "typical number of its line.",
            indent=2,
        )
    else:
        page.line("Write the number of a line, or its word; the beginning of the word is enough.", indent=2)
    for command, does in COMMANDS:
        page.line(does, label=Text(f"{command:<6}", "bold"), indent=2)


def changed(page: Page, before: Sequence[Incident], after: Sequence[Incident], about: str) -> None:
    """What an answer did to the ranking of the incident it was asked for, and to others whose leader it changed or
    settled; and which contradictions it brought up."""
    earlier = {incident.incident_id: incident for incident in before}
    for now in sorted(after, key=lambda incident: incident.incident_id != about):
        was = earlier[now.incident_id]
        if now.incident_id == about:
            page.line(_movement(was, now), label=Text("→ ", "bold cyan"))
        elif _noteworthy(was, now):
            page.line(f"{clean(now.incident_id)}: {_movement(was, now)}", label=Text("→ ", "bold cyan"))
        known = {told(found) for found in was.contradictions}
        for found in now.contradictions:
            if told(found) not in known:
                contradiction(page, found)


def _noteworthy(was: Incident, now: Incident) -> bool:
    before, after = was.hypotheses[0], now.hypotheses[0]
    crossed = (before.probability >= SETTLED) is not (after.probability >= SETTLED)
    return crossed or before.cause_id != after.cause_id


def _movement(was: Incident, now: Incident) -> str:
    before, after = was.hypotheses[0], now.hypotheses[0]
    then = {h.cause_id: h.probability for h in was.hypotheses}
    since = {h.cause_id: h.probability for h in now.hypotheses}
    rise = f"{percent(then[after.cause_id])} → {percent(after.probability)}"
    if before.cause_id == after.cause_id:
        return f"{clean(after.title)} {rise}."
    fall = f"{percent(before.probability)} → {percent(since[before.cause_id])}"
    return f"{clean(before.title)} {fall}; {clean(after.title)} leads now, {rise}."


def told(found: Contradiction) -> tuple[str, str]:
    """By what a contradiction is known again."""
    return found.rule_id, found.statement


def contradiction(page: Page, found: Contradiction) -> None:
    """Two things that cannot both be true."""
    first, *pair = contradiction_in_words(found)
    page.line(f"Cannot both be true: {first}", style="bold yellow")
    for line in pair:
        page.line(line, indent=2, hang=2, style="dim")


def why(page: Page, incident: Incident) -> None:
    """What speaks for and against the leading cause, what disagrees, and what would change it."""
    leader = incident.hypotheses[0]
    page.blank()
    page.line(f"{clean(leader.title)}, {percent(leader.probability)}: {arithmetic(leader)}", style="bold")
    supporting, opposing = for_and_against(leader)
    for items in (supporting, opposing):
        for item in items[:REASONS]:
            style = "green" if item.weight_db > 0 else "red"
            page.line(clean(item.statement), label=Text(f"{decibans(item.weight_db):>4}  ", style), indent=2)
        if len(items) > REASONS:
            page.line(f"and {len(items) - REASONS} more", indent=8, style="dim")
    if not supporting and not opposing:
        page.line("Nothing that was read or answered speaks for or against it.", indent=2)
    for found in incident.contradictions:
        contradiction(page, found)
    for change in incident.would_change[:REASONS]:
        page.line(change_in_words(change, incident), label="- ", indent=2)


def conclusion(page: Page, incident: Incident, end: End | None) -> None:
    """How an incident stands at the end, and what to do about it."""
    page.blank()
    page.line(f"{headline(incident)} at {where_of(incident)}", style="bold")
    leader = incident.hypotheses[0]
    if end is End.UNEXPLAINED:
        page.line("None of the documented causes fits; escalate it.", indent=2)
    elif end is End.SETTLED:
        page.line(
            f"{clean(leader.title)}, {percent(leader.probability)} ({clean(leader.cause_id)})", indent=2, style="green"
        )
    else:
        page.line(
            f"Not settled: {clean(leader.title)} leads with {percent(leader.probability)}.", indent=2, style="yellow"
        )
    if end is not None and end is not End.SETTLED:
        page.line(f"Asked no further since {end}.", indent=2)
    for found in incident.contradictions:
        contradiction(page, found)
    if end is not End.SETTLED and incident.actions:
        page.line("To do, once it is known which:", indent=2)
    for action in incident.actions:
        causes = ", ".join(short_id(cause) for cause in action.for_)
        if action.covered_by is None:
            page.line(f"{clean(action.title)} ({WHERE[action.where]}) for {causes}", label="- ", indent=2)
    covered = sorted({a.covered_by for a in incident.actions if a.covered_by is not None})
    if len(covered) == 1 and not any(a.where == "onsite" and a.covered_by is None for a in incident.actions):
        page.line(f"The visit for {clean(covered[0])} does the rest; no second one is needed.", indent=2)
        return
    for name in covered:
        done = [clean(action.title) for action in incident.actions if action.covered_by == name]
        page.line(f"The visit for {clean(name)} does this as well: {'; '.join(done)}.", indent=2)


def close(page: Page, consultation: Consultation, asked_about: Sequence[str]) -> None:
    """The conclusion of every incident that was asked about, the others in a line each, and the minutes spent."""
    incidents = consultation.incidents
    full = [i for i in incidents if i.incident_id in asked_about] or incidents[:1]
    for incident in full:
        conclusion(page, incident, consultation.end_of(incident))
    others = [incident for incident in incidents if incident not in full]
    if others:
        page.heading("Also")
    for incident in others[:BRIEFLY]:
        leader = incident.hypotheses[0]
        page.line(
            f"{clean(incident.incident_id)}: {title_of(incident, leader.cause_id)} {percent(leader.probability)}",
            label="- ",
            indent=2,
        )
    if len(others) > BRIEFLY:
        page.line(f"and {len(others) - BRIEFLY:,} more; charger-triage diagnose tells all", indent=4)
    page.blank()
    checks = counted(len(consultation.answers), "check")
    page.line(f"{checks} answered, {minutes(consultation.minutes)} by the book without the way to the site.")
