"""One cause looked at closely: why it stands where it stands, and why not above another."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from ...engine.diagnosis import Incident
from ...engine.facts import in_words
from ...engine.hypothesis import Hypothesis, WhyNot
from ...engine.trace import EvidenceItem
from .argument import (
    chain,
    change_in_words,
    contradiction_in_words,
    evidence_of,
    title_of,
    why_not_in_words,
)
from .markup import code, escaped, table
from .page import Page
from .text import SIDE, why_not_lines
from .wording import age, arithmetic, clean, decibans, headline, percent, read_from, where_of

EVERY = 10_000
"""More lines of a kind than any comparison has."""

Asked = Sequence[tuple[Incident, Hypothesis]]
Compared = Sequence[tuple[Incident, WhyNot]]


def why_text(asked: Asked, *, width: int = 80, colour: bool = False) -> str:
    """Everything that speaks for and against a cause in each incident, down to the records, and the sum of it."""
    page = Page(width, colour=colour)
    for place, (incident, hypothesis) in enumerate(asked):
        if place:
            page.rule()
        _title(page, incident, hypothesis.cause_id)
        page.line(
            f"stands {_ordinal(hypothesis.rank)} of {len(incident.hypotheses)} with {percent(hypothesis.probability)}"
        )
        for item in evidence_of(hypothesis):
            _evidence(page, item)
        if not hypothesis.evidence:
            page.line("Nothing that was read speaks for or against it.", indent=2)
        page.blank()
        page.line(arithmetic(hypothesis), label=Text("Sum", "bold"), indent=2, hang=SIDE)
        for found in incident.contradictions:
            if hypothesis.cause_id in found.bears_on:
                page.heading("Cannot both be true", style="bold yellow")
                for line in contradiction_in_words(found):
                    page.line(line, indent=2, hang=2)
        changes = [change for change in incident.would_change if change.leader == hypothesis.cause_id]
        if changes:
            page.heading("What would make it lead")
            for change in changes:
                page.line(change_in_words(change, incident), label="- ", indent=2)
        page.heading("Every rule that bears on it")
        for read in hypothesis.verdicts:
            page.line(f"{clean(read.rule_id)}: {read.verdict}", indent=2)
            for condition in read.conditions:
                value = "" if condition.value is None else f", read {clean(in_words(condition.value, condition.unit))}"
                old = "" if condition.age_s is None else f", {age(condition.age_s)} old"
                where = read_from(condition.sources)
                page.line(
                    f"{clean(condition.text)}: {condition.verdict}{value}{old}{f' ← {where}' if where else ''}",
                    indent=4,
                    hang=2,
                    style="dim",
                )
    return str(page)


def _title(page: Page, incident: Incident, cause_id: str) -> None:
    page.line(f"{headline(incident)} at {where_of(incident)}", style="bold")
    page.line(Text(f"{title_of(incident, cause_id)} ", "bold").append(f"({clean(cause_id)})", "dim"))


def _evidence(page: Page, item: EvidenceItem) -> None:
    style = "dim" if not item.counted else "green" if item.weight_db > 0 else "red"
    note = "" if item.counted else f" – already counted by {clean(item.already_counted_by or '')}"
    page.line(
        f"{clean(item.statement)}{note}", label=Text(f"{decibans(item.weight_db):>4}  ", style), indent=2, hang=SIDE
    )
    for depth, text in chain(item.facts):
        page.line(text, indent=2 + SIDE + 2 * depth, hang=2, style="dim")
    page.line(f"{clean(item.rule_id)}: {clean(item.source)}", indent=2 + SIDE, hang=2, style="dim")


def _ordinal(rank: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(rank, f"{rank}th")


def why_not_text(compared: Compared, *, width: int = 80, colour: bool = False) -> str:
    """What keeps a cause below another in each incident: what speaks against it, what is not so, what is not known."""
    page = Page(width, colour=colour)
    for place, (incident, why_not) in enumerate(compared):
        if place:
            page.rule()
        _title(page, incident, why_not.cause_id)
        page.line(_stands(incident, why_not))
        page.blank()
        why_not_lines(page, why_not, EVERY)
        for change in (c for c in incident.would_change if c.leader == why_not.cause_id):
            page.heading("What would make it lead")
            page.line(change_in_words(change, incident), indent=2)
    return str(page)


def _stands(incident: Incident, why_not: WhyNot) -> str:
    other = f"{title_of(incident, why_not.above)} ({clean(why_not.above)})"
    if why_not.gap_db > 0:
        return f"stands {decibans(why_not.gap_db, sign=False)} dB below {other}"
    if why_not.gap_db < 0:
        return f"stands above {other} already, by {decibans(-why_not.gap_db, sign=False)} dB"
    return f"stands level with {other}"


def why_not_markdown(compared: Compared) -> str:
    """The same comparison as Markdown."""
    lines = []
    for incident, why_not in compared:
        lines += [f"# Why not: {escaped(title_of(incident, why_not.cause_id))}", ""]
        lines += [
            f"{escaped(headline(incident))} at {escaped(where_of(incident))}; it {escaped(_stands(incident, why_not))}.",
            "",
        ]
        rows = [[escaped(label), escaped(sentence)] for label, sentence in why_not_in_words(why_not, EVERY)]
        lines += table(["", "why"], rows)
        for change in (c for c in incident.would_change if c.leader == why_not.cause_id):
            lines += [f"- {escaped(change_in_words(change, incident))}", ""]
    return "\n".join(lines)


def why_markdown(asked: Asked) -> str:
    """Everything for and against a cause as Markdown."""
    lines = []
    for incident, hypothesis in asked:
        lines += [f"# Why: {escaped(hypothesis.title)}", ""]
        lines += [
            f"{escaped(headline(incident))} at {escaped(where_of(incident))}; it stands {_ordinal(hypothesis.rank)} of "
            f"{len(incident.hypotheses)} with {percent(hypothesis.probability)}.",
            "",
        ]
        rows = [
            [
                decibans(item.weight_db),
                "yes" if item.counted else "no",
                escaped(item.statement),
                "<br>".join(f"{'– ' * depth}{escaped(text)}" for depth, text in chain(item.facts)),
                code(item.rule_id),
                escaped(item.source),
            ]
            for item in evidence_of(hypothesis)
        ]
        lines += table(["dB", "counted", "reason", "read from", "rule", "source"], rows)
        lines += [f"Sum: {escaped(arithmetic(hypothesis))}", ""]
    return "\n".join(lines)
