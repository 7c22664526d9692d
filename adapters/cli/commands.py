"""The commands, and their options. Heavy imports wait until a command needs them, so that --help is quick."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..report.wording import counted
from .consult_command import consult
from .escalate_command import escalate
from .failures import LACKING, Unusable
from .fetch_command import fetch
from .fleet_command import fleet
from .knowledge_commands import kb
from .lookup import (
    cause_of,
    demand_code,
    fault_code_of,
    load_triage,
    moment_of,
    read_case,
    skipped_records,
    supposed_of,
    usable_knowledge,
)
from .options import AsOf, KnowledgeFolder, OneCharger, OneCode, Paths
from .output import Destination
from .shell import PROGRAM, LogFormat, Shell
from .simulate_command import simulate
from .watch_command import watch

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ...engine import Diagnosis
    from ..bundle import Bundle

app = typer.Typer(
    name=PROGRAM,
    help="Tells why an EV charger failed: ranked causes, the reasoning down to the record, the next check.",
    epilog="Exit status: 0 done; 1 done, but records were skipped under --strict, or the knowledge has findings or "
    "failing cases; 2 input or usage that cannot be used; 130 ended by Ctrl-C; 141 nobody reads the output any more.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


class EntryFormat(StrEnum):
    """How what is known of a code is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


FormatOption = Annotated[Format, typer.Option("--format", help="How the report is written.")]


def _version(wanted: bool) -> None:
    if wanted:
        from ...engine.triage import package_version

        Destination().write(f"{PROGRAM} {package_version()}\n")
        raise typer.Exit


@app.callback()
def surroundings(
    context: typer.Context,
    log_format: Annotated[LogFormat, typer.Option(help="How logs are written to standard error.")] = LogFormat.CONSOLE,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is done, not warnings alone.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Set up the logs, before any command."""
    del version
    shell = context.ensure_object(Shell)
    shell.set_up(log_format, verbose)


@app.command()
def diagnose(
    context: typer.Context,
    paths: Paths,
    device: OneCharger = None,
    code: OneCode = None,
    as_of: AsOf = None,
    report_format: FormatOption = Format.TEXT,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report to a file.")
    ] = None,
    why: Annotated[
        str | None, typer.Option(metavar="CAUSE", help="Tell all that speaks for and against one cause instead.")
    ] = None,
    why_not: Annotated[
        str | None, typer.Option(metavar="CAUSE", help="Tell instead why a cause does not stand above another.")
    ] = None,
    above: Annotated[
        str | None, typer.Option(metavar="CAUSE", help="With --why-not: the other cause, where it is not the leader.")
    ] = None,
    suppose: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="What if: the result of a check, or a fact, is so; may be repeated."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with status 1 if records were skipped.")] = False,
    knowledge: KnowledgeFolder = None,
) -> None:
    """Find the incidents in records and rank their causes.

    The reasons for and against each cause are traced down to the records they were read from.
    """
    shell = context.ensure_object(Shell)
    if above is not None and why_not is None:
        raise Unusable(
            "--above goes with --why-not CAUSE, which says what is compared with it; add that, or leave it out"
        )
    if why is not None and why_not is not None:
        raise Unusable("--why and --why-not are two questions; ask one at a time")
    if report_format is Format.HTML and (why is not None or why_not is not None):
        raise Unusable(
            "--why and --why-not are answered in --format text, markdown or json; the HTML report holds both for every cause"
        )
    moment = None if as_of is None else moment_of(as_of)
    fault_code = None if code is None else fault_code_of(code)
    destination = Destination(output)
    destination.demand_other_than(paths)
    with shell.progress("reading records"):
        bundle = read_case(paths, device)
    with shell.progress("diagnosing"):
        triage = load_triage(knowledge)
        supposed = supposed_of(suppose, triage) if suppose else None
        with usable_knowledge(knowledge):
            diagnosis = triage.diagnose(bundle, as_of=moment, device_id=device, fault_code=fault_code, suppose=supposed)
    if fault_code is not None and not diagnosis.incidents:
        demand_code(triage, bundle, fault_code, moment)
    asked = " and ".join(part for part in (device, fault_code) if part is not None)
    if why is not None:
        _write_why(diagnosis, cause_of(why, diagnosis), report_format, destination)
    elif why_not is not None:
        _write_why_not(
            diagnosis,
            cause_of(why_not, diagnosis),
            None if above is None else cause_of(above, diagnosis),
            report_format,
            destination,
        )
    else:
        _write_report(diagnosis, bundle, report_format, destination, asked, moment)
    skipped = skipped_records(triage, bundle)
    if diagnosis.warnings:
        problems = counted(len(diagnosis.warnings), "problem")
        shell.log.warning(f"{problems} in the data, listed in the report", skipped_records=skipped)
    if strict and skipped:
        raise typer.Exit(LACKING)


def _write_why(diagnosis: Diagnosis, cause: str, report_format: Format, destination: Destination) -> None:
    asked = [(i, h) for i in diagnosis.incidents for h in i.hypotheses if h.cause_id == cause]
    if report_format is Format.JSON:
        destination.write_json(_json_list([hypothesis for _, hypothesis in asked]))
        return
    from ..report.why import why_markdown, why_text

    if report_format is Format.MARKDOWN:
        destination.write(why_markdown(asked))
    else:
        destination.write(why_text(asked, width=destination.width, colour=destination.colour))


def _write_why_not(
    diagnosis: Diagnosis, cause: str, above: str | None, report_format: Format, destination: Destination
) -> None:
    from ...engine import UnknownCause

    compared = []
    for incident in diagnosis.incidents:
        if any(hypothesis.cause_id == cause for hypothesis in incident.hypotheses):
            try:
                found = diagnosis.why_not(cause, above=above, incident_id=incident.incident_id)
            except UnknownCause as error:
                if above is None:
                    raise Unusable(str(error)) from None
                raise Unusable(f"--above {above}: {error}; name a cause of the same code") from None
            compared.append((incident, found))
    if report_format is Format.JSON:
        destination.write_json(_json_list([why_not for _, why_not in compared]))
        return
    from ..report.why import why_not_markdown, why_not_text

    if report_format is Format.MARKDOWN:
        destination.write(why_not_markdown(compared))
    else:
        destination.write(why_not_text(compared, width=destination.width, colour=destination.colour))


def _json_list(models: Sequence[BaseModel]) -> str:
    from pydantic_core import to_json

    return to_json(list(models), indent=2, by_alias=True).decode()


def _write_report(
    diagnosis: Diagnosis,
    bundle: Bundle,
    report_format: Format,
    destination: Destination,
    asked: str,
    as_of: float | None,
) -> None:
    if report_format is Format.JSON:
        destination.write_json(diagnosis.model_dump_json(indent=2))
        return
    if report_format is Format.HTML:
        from ..report.html import diagnosis_html

        destination.write(diagnosis_html(diagnosis, bundle, asked=asked, as_of=as_of))
        return
    from ..report import diagnosis_markdown, diagnosis_text

    if report_format is Format.MARKDOWN:
        destination.write(diagnosis_markdown(diagnosis, asked=asked))
    else:
        destination.write(diagnosis_text(diagnosis, width=destination.width, colour=destination.colour, asked=asked))


@app.command()
def explain(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="CODE|WORDS...",
            help="A fault code in any spelling (F-0421, 421) or several, a title, or what is seen and heard.",
        ),
    ],
    report_format: Annotated[
        EntryFormat, typer.Option("--format", help="How the answer is written.")
    ] = EntryFormat.TEXT,
    knowledge: KnowledgeFolder = None,
) -> None:
    """Show what is known of a fault code, or find the codes that words describe.

    Of a code that is its entry, and its rules in words with every threshold and its source; of words (hums but no
    current) the codes whose symptoms fit, and which facts and checks would decide.
    """
    from .explaining import write_explanation

    write_explanation(" ".join(words), report_format.value, Destination(), knowledge)


app.command()(consult)
app.command()(escalate)
app.command()(fetch)
app.command()(fleet)
app.command()(simulate)
app.command()(watch)
app.add_typer(kb, name="kb")
