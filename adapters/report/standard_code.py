"""What a code of another standard means and which documented codes it stands for, for people: text, and Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from ...knowledge.standard_codes import Activity, StandardCode, StandsFor
from .markup import escaped
from .page import Page
from .wording import clean, listed

DOING: Mapping[Activity, str] = {
    "starting": "at a start",
    "charging": "while charging",
    "discharging": "while discharging",
    "stopping": "after a stop",
    "idle": "while idle",
    "unknown": "where the records do not tell what the connector was doing",
}
PLACES = {"connector": "reported of a connector", "charger": "reported of the whole charger"}

STANDS_FOR_NOTHING = "Not read as a documented code"


def standard_code_text(row: StandardCode, titles: Mapping[str, str], *, width: int = 80, colour: bool = False) -> str:
    """A row as text; `titles` are those of the documented codes."""
    page = Page(width, colour=colour)
    page.line(_headline(row), style="bold")
    page.line(clean(row.meaning))
    if row.maps_to:
        page.heading("Read as")
        for each in row.maps_to:
            body = Text(_stands_for(each, titles))
            body.append(f" ({clean(each.basis)})", "dim")
            page.line(body, label="- ", indent=2)
    if row.basis:
        page.blank()
        page.line(_why_not(row))
    if row.related:
        page.heading("To think of")
        for fault in row.related:
            page.line(_named(fault, titles), label="- ", indent=2)
    page.blank()
    page.line(_next(row), style="dim")
    return str(page)


def standard_code_markdown(row: StandardCode, titles: Mapping[str, str]) -> str:
    """A row as Markdown; `titles` are those of the documented codes."""
    lines = [f"# {escaped(_headline(row))}", "", escaped(row.meaning), ""]
    if row.maps_to:
        lines += ["## Read as", ""]
        lines += [f"- {escaped(_stands_for(each, titles))} ({escaped(each.basis)})" for each in row.maps_to]
        lines.append("")
    if row.basis:
        lines += [escaped(_why_not(row)), ""]
    if row.related:
        lines += ["## To think of", "", *(f"- {escaped(_named(fault, titles))}" for fault in row.related), ""]
    lines += [escaped(_next(row)), ""]
    return "\n".join(lines)


def _headline(row: StandardCode) -> str:
    name = f" {row.name}" if row.name else ""
    return f"{clean(row.code)}{clean(name)} · {clean(row.standard)}"


def _named(fault: str, titles: Mapping[str, str]) -> str:
    return f"{clean(fault)} {clean(titles.get(fault, ''))}".strip()


def _stands_for(each: StandsFor, titles: Mapping[str, str]) -> str:
    when = [listed([DOING[doing] for doing in each.while_], "or")] if each.while_ else []
    where = [PLACES[each.on]] if each.on is not None else []
    condition = ", ".join([*when, *where])
    return f"{_named(each.fault, titles)}{f', {condition}' if condition else ''}: {each.fit} fit"


def _why_not(row: StandardCode) -> str:
    lead = f"{STANDS_FOR_NOTHING}: " if not row.maps_to else "Otherwise nothing: "
    return f"{lead}{clean(row.basis)}."


def _next(row: StandardCode) -> str:
    faults = list(dict.fromkeys((*row.faults, *row.related)))
    return (
        f"charger-triage explain {faults[0]} shows its entry." if faults else "charger-triage kb list shows all codes."
    )
