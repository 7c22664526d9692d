"""The summary of a fleet as text: what an operations lead reads first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from ..report.page import Page
from ..report.wording import WHERE, clean, counted, listed, moment, percent
from .summary import CauseLine, CodeLine, Errand, GroupLine, RollOut, Step, Summary, Unused, Visit

MAX_CODES = 20
MAX_LINES = 10
"""Codes, and lines of any other section that are told (our judgement: the HTML page and the Parquet files hold all)."""

MAX_STEPS = 6
MAX_NAMED = 6
"""Chargers of a visit whose first step is told, and chargers that a line names."""

_SEVERITY = {"error": "bold red", "warning": "bold yellow"}


def summary_text(summary: Summary, output: str, *, width: int = 80, colour: bool = False) -> str:
    """A summary as text of a width, in colour or plain; `output` is the folder that holds the results."""
    page = Page(width, colour=colour)
    page.line(headline(summary), style="bold")
    page.line(setting(summary), style="dim")
    _codes(page, summary.codes)
    _roll_out(page, summary.roll_out)
    _visits(page, summary.visits)
    _errands(page, summary.errands)
    _undecided(page, summary)
    _ahead(page, summary)
    for title, groups in (("Sites", summary.sites), ("Models", summary.models), ("Firmware", summary.firmware)):
        _groups(page, title, groups)
    _unused(page, summary)
    page.blank()
    page.line(f"All of it stands in {clean(output)}: {FILES_IN_WORDS}.", style="dim")
    page.line(footer(summary), style="dim")
    return str(page)


FILES_IN_WORDS = (
    "summary.html to read, hypotheses.parquet with a row for each cause of each incident, diagnoses.parquet with the full "
    "diagnosis of each charger, watches.parquet, warnings.parquet"
)


def headline(summary: Summary) -> str:
    """How many incidents on how many chargers, and as of when, as far as that is known."""
    when = "" if summary.as_of is None else f", as of {moment(summary.as_of)}"
    known = counted(summary.chargers, "charger")
    if not summary.incidents:
        return f"No incidents{f' on {known}' if summary.chargers else ''}{when}"
    # chargers that nobody lists are known by their events alone
    where = f"{summary.affected:,} of {known}" if summary.affected <= summary.chargers else counted(summary.affected, "charger")  # fmt: skip
    return f"{counted(summary.incidents, 'incident')} on {where}{when}"


def setting(summary: Summary) -> str:
    """What was read, and what else there is to say in a line."""
    read = listed([f"{name.replace('_', ' ')} {number:,}" for name, number in summary.records.items() if number])
    parts = [f"Records read: {read}." if read else "No record was read."]
    if summary.brought_about:
        verb = "was" if summary.brought_about == 1 else "were"
        parts.append(
            f"{counted(summary.brought_about, 'incident')} {verb} brought about by others, whose mending is listed."
        )
    if summary.failed:
        parts.append(f"{counted(len(summary.failed), 'charger')} could not be diagnosed (warnings.parquet).")
    return " ".join(parts)


def footer(summary: Summary) -> str:
    """What to name so that the results can be had again."""
    knowledge = summary.knowledge
    return clean(
        f"Knowledge {knowledge.name} {knowledge.version} ({knowledge.digest[:19]}), dictionary of firmware "
        f"{knowledge.source_revision}; charger-triage {summary.version}, matched by {summary.matcher}."
    )


def code_title(line: CodeLine) -> str:
    """Code and title."""
    return f"{clean(line.fault_code)} {clean(line.title or 'is not documented')}"


def cause_in_words(cause: CauseLine) -> str:
    """A leading cause with the range of its probabilities."""
    low, high = percent(cause.least), percent(cause.greatest)
    return f"{clean(cause.cause)} ({low if low == high else f'{low} to {high}'})"


def step_in_words(step: Step) -> str:
    """What to do first about an incident, and why."""
    what = clean(step.what)
    if step.is_check:
        return f"check first: {what}"
    return what if step.cause is None else f"{what} ({clean(step.cause)}, {percent(step.probability or 0.0)})"


def place_of(device: str, connector: int | None) -> str:
    """A charger and connector in short."""
    return clean(device) + ("" if connector is None else f"/{connector}")


def site_of(site_id: str | None, title: str | None) -> str:
    """A site by id and name."""
    if site_id is None:
        return "no site known"
    return clean(site_id) if not title or title == site_id else f"{clean(site_id)} {clean(title)}"


def named(devices: Sequence[str], number: int, most: int = MAX_NAMED) -> str:
    """Some chargers by name, and how many more there are."""
    shown = [clean(device, 60) for device in devices[:most]]
    return ", ".join(shown) + (f" and {number - len(shown):,} more" if number > len(shown) else "")


def codes_in_words(codes: Mapping[str, int]) -> str:
    """Codes with the numbers of their incidents."""
    return ", ".join(f"{number} × {clean(code)}" for code, number in codes.items())


def roll_out_in_words(line: RollOut) -> str:
    """Which release for whom."""
    models = f" ({listed([clean(model) for model in line.models])})" if line.models else ""
    others = f"; {counted(line.others, 'other charger')} {'runs' if line.others == 1 else 'run'} an affected version" if line.others else ""  # fmt: skip
    return (
        f"{clean(line.fixed_in)} to {counted(line.chargers, 'charger')} with {clean(line.fault_code)}{models}, now on "
        f"{clean(line.affected)}{others}"
    )


def unused_in_words(line: Unused) -> str:
    """What could not be used, where, and for how many records where that is not said."""
    field = clean(line.list) if line.field is None else f"{clean(line.list)}.{clean(line.field)}"
    if line.file is None:
        return f"{field}: {clean(line.problem)}"
    where = clean(line.file) if line.field is None else f"{field} in {clean(line.file)}"
    return f"{where}: {clean(line.problem)}" + (f" ({line.records:,} records)" if line.records > 1 else "")


def _on(incidents: int, chargers: int) -> str:
    """On how many chargers incidents are, where those are not as many."""
    return "" if incidents == chargers else f" on {counted(chargers, 'charger')}"


def _spread(line: CodeLine) -> Iterator[str]:
    """On how many chargers and sites a code is, where that says more than the number of its incidents."""
    if line.chargers != line.incidents:
        yield f"on {counted(line.chargers, 'charger')}"
    if line.sites > 1:
        yield counted(line.sites, "site")


def _codes(page: Page, codes: Sequence[CodeLine]) -> None:
    if not codes:
        return
    page.heading("What fails, and why, in incidents")
    widest = len(str(max(line.incidents for line in codes)))
    for line in codes[:MAX_CODES]:
        label = Text(f"{line.incidents:>{widest}} × ")
        where = "".join(f", {each}" for each in _spread(line))
        page.line(Text(f"{code_title(line)}{where}", _SEVERITY.get(line.severity or "", "bold")), label=label, indent=2)
        indent = 2 + label.cell_len
        for cause in line.causes[:MAX_LINES]:
            page.line(cause_in_words(cause), label=f"{cause.incidents:>{widest}} ", indent=indent)
        if line.open:
            number = Text(f"{line.open:>{widest}} ", "yellow")
            page.line("not told apart by the records", label=number, indent=indent, style="yellow")
    _more(page, len(codes), "code", MAX_CODES)


def _roll_out(page: Page, lines: Sequence[RollOut]) -> None:
    if lines:
        page.heading("Firmware to roll out")
    for line in lines[:MAX_LINES]:
        page.line(roll_out_in_words(line), label="- ", indent=2)
        page.line(named(line.named, line.chargers), indent=4, style="dim")
    _more(page, len(lines), "release")


def _visits(page: Page, visits: Sequence[Visit]) -> None:
    if visits:
        page.heading("Whom to send where")
    for visit in visits[:MAX_LINES]:
        page.line(
            f"{site_of(visit.site_id, visit.title)}: {clean(visit.owner)}, {counted(visit.chargers, 'charger')}",
            label="- ",
            indent=2,
        )
        for step in visit.steps[:MAX_STEPS]:
            where = f"{place_of(step.device_id, step.connector_id)} {clean(step.fault_code)}: "
            page.line(step_in_words(step), label=where, indent=4, hang=4)
        if len(visit.steps) > MAX_STEPS:
            page.line(f"and {len(visit.steps) - MAX_STEPS} more", indent=4)
    _more(page, len(visits), "visit")


def _errands(page: Page, errands: Sequence[Errand]) -> None:
    if errands:
        page.heading("To do from afar")
    for errand in errands[:MAX_LINES]:
        what = f"check first: {clean(errand.what)}" if errand.is_check else clean(errand.what)
        page.line(
            f"{clean(errand.owner)}: {what} ({clean(errand.fault_code)}, {counted(errand.incidents, 'incident')}"
            f"{_on(errand.incidents, errand.chargers)})",
            label="- ",
            indent=2,
        )
        page.line(named(errand.named, errand.chargers), indent=4, style="dim")
    _more(page, len(errands), "errand")


def _undecided(page: Page, summary: Summary) -> None:
    if summary.undecided:
        page.heading("Not told apart")
    for line in summary.undecided[:MAX_LINES]:
        tells = "no check that is left would tell" if line.check is None else f"{clean(line.check)} would tell ({WHERE[line.where or 'remote']}, {clean(line.owner or '')})"  # fmt: skip
        what = f"{counted(line.incidents, 'incident')} of {clean(line.fault_code)}{_on(line.incidents, line.chargers)}"
        page.line(f"{what}: {tells}", label="- ", indent=2)
    _more(page, len(summary.undecided), "line")


def _ahead(page: Page, summary: Summary) -> None:
    if not summary.ahead:
        return
    page.heading(f"On its way, on {counted(summary.watched, 'charger')}")
    for watch in summary.ahead[:MAX_LINES]:
        when = "no date known" if watch.expected_at is None else watch.expected_at
        where = place_of(watch.device_id, watch.connector_id)
        page.line(
            f"{where}: {clean(watch.what)}, leads to {clean(watch.leads_to)}", label=f"{when}  ", indent=2, hang=15
        )
    _more(page, len(summary.ahead), "early warning")


def _groups(page: Page, title: str, groups: Sequence[GroupLine]) -> None:
    if groups:
        page.heading(f"{title} by chargers with incidents")
    for group in groups[:MAX_LINES]:
        name = site_of(group.name, group.title) if title == "Sites" else clean(group.name or "not known")
        incidents = f", {counted(group.incidents, 'incident')}" if group.incidents != group.affected else ""
        page.line(
            f"{name}: {group.affected:,} of {group.chargers:,}{incidents} ({codes_in_words(group.codes)})",
            label="- ",
            indent=2,
        )
    _more(page, len(groups), title.lower().rstrip("s") if title != "Firmware" else "version")


def _unused(page: Page, summary: Summary) -> None:
    if summary.unused:
        page.heading("What could not be used")
    for line in summary.unused[:MAX_LINES]:
        page.line(unused_in_words(line), label="- ", indent=2)
    _more(page, len(summary.unused), "problem")


def _more(page: Page, number: int, noun: str, most: int = MAX_LINES) -> None:
    if number > most:
        page.line(f"and {counted(number - most, f'more {noun}')}", indent=4, style="dim")
