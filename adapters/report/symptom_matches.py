"""What a search by words found, for people: text for a terminal, and Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from ...knowledge.fault_matches import DecidingCheck, DecidingFact, FaultMatch, FaultSearch
from .markup import code, escaped
from .page import Page
from .wording import WHERE, clean, counted, listed, minutes, percent

FIT = (
    "Fit is the share of what was said that the symptoms of a code account for, rare words counting more; it is no "
    "probability. Behind a result stands the cause that would lead after it, where nothing else is known."
)


def search_text(search: FaultSearch, *, width: int = 80, colour: bool = False) -> str:
    """The codes that fit what was said, best first, with what would decide between them."""
    page = Page(width, colour=colour)
    page.line(_summary(search), style="bold")
    for note in _notes(search):
        page.line(note, style="dim")
    for match in search.matches:
        page.blank()
        page.line(_headline(match), style="bold")
        _match(page, match)
    if search.ask:
        page.heading("To find out instead" if not search.matches else "To find out as well")
        for question in search.ask:
            page.line(clean(question), label="- ", indent=2)
    page.blank()
    page.line(FIT if search.matches else HINT, style="dim")
    return str(page)


HINT = "charger-triage kb list shows all codes and their causes."


def pointed_text(search: FaultSearch, *, width: int = 80, colour: bool = False) -> str:
    """What the words beside a code's name point at; nothing where they say nothing of it."""
    if search.named_by != "code" or not search.matches:
        return ""
    page = Page(width, colour=colour)
    page.line("What is said beside the code", style="bold")
    _match(page, search.matches[0])
    page.rule()
    page.blank()
    return str(page)


def _summary(search: FaultSearch) -> str:
    if not search.matches:
        return f"No symptom fits “{clean(search.asked)}”"
    return (
        f"{counted(len(search.matches), 'code')} fit{'s' if len(search.matches) == 1 else ''} “{clean(search.asked)}”"
    )


def _notes(search: FaultSearch) -> Iterator[str]:
    for word, taken in search.read_as.items():
        yield f"“{clean(word)}” was read as “{clean(taken)}”"
    if search.unknown_words:
        yield f"no symptom speaks of {listed([f'“{clean(word, 60)}”' for word in search.unknown_words])}"


def _headline(match: FaultMatch) -> str:
    return f"{clean(match.fault_code)} {clean(match.title)} · fit {match.fit:.2f}"


def _match(page: Page, match: FaultMatch) -> None:
    for number, symptom in enumerate(match.symptoms):
        body = Text(clean(symptom.tells))
        body.append(f" (“{clean(symptom.phrase)}”)", "dim")
        page.line(body, label="fits" if number == 0 else "", indent=2, hang=9)
    for number, cause in enumerate(match.causes):
        page.line(clean(cause.title), label="cause" if number == 0 else "", indent=2, hang=9)
    if match.decides:
        page.line("It is this code if", indent=2, style="bold")
        for fact in match.decides:
            body = Text(_fact(fact))
            body.append(f" ({clean(fact.source)})", "dim")
            page.line(body, label="- ", indent=4)
    if match.checks:
        page.line("What tells its causes apart", indent=2, style="bold")
        for check in match.checks:
            page.line(_check(check), label="- ", indent=4)
            for result in check.results:
                page.line(
                    f"{clean(result.title)}, {percent(result.probability)}",
                    label=Text(f"{clean(result.result)}: ", "dim"),
                    indent=8,
                )


def _fact(fact: DecidingFact) -> str:
    against = f", rather than {listed([clean(other) for other in fact.rather_than], 'or')}" if fact.rather_than else ""
    return f"{clean(fact.look_at)}: {clean(fact.speaks_for)}{against}"


def _check(check: DecidingCheck) -> str:
    return f"{clean(check.title)} ({WHERE.get(check.where, clean(check.where))}, {minutes(check.minutes)})"


def search_markdown(search: FaultSearch) -> str:
    """The codes that fit what was said as Markdown."""
    lines = [f"# {escaped(_summary(search))}", ""]
    for note in _notes(search):
        lines += [escaped(note), ""]
    for match in search.matches:
        lines += [f"## {escaped(_headline(match))}", "", *match_markdown(match)]
    if search.ask:
        lines += ["## To find out", "", *(f"- {escaped(question)}" for question in search.ask), ""]
    return "\n".join([*lines, escaped(FIT if search.matches else HINT), ""])


def pointed_markdown(search: FaultSearch) -> str:
    """What the words beside a code's name point at as Markdown; nothing where they say nothing of it."""
    if search.named_by != "code" or not search.matches:
        return ""
    return "\n".join(["## What is said beside the code", "", *match_markdown(search.matches[0]), ""])


def match_markdown(match: FaultMatch) -> list[str]:
    """Why a code fits and what would decide, as lines of Markdown."""
    lines = [f"- fits: {escaped(symptom.tells)} (“{escaped(symptom.phrase)}”)" for symptom in match.symptoms]
    lines += [f"- points at {escaped(cause.title)} {code(cause.cause_id)}" for cause in match.causes]
    lines.append("")
    if match.decides:
        lines += ["It is this code if", ""]
        lines += [f"- {escaped(_fact(fact))} ({escaped(fact.source)})" for fact in match.decides]
        lines.append("")
    if match.checks:
        lines += ["What tells its causes apart", ""]
        for check in match.checks:
            lines.append(f"- {escaped(_check(check))} {code(check.check_id)}")
            lines += [
                f"  - {escaped(result.result)}: {escaped(result.title)}, {percent(result.probability)}"
                for result in check.results
            ]
        lines.append("")
    return lines
