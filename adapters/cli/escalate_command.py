"""The command that hands incidents over: everything level 2 needs in one document, redacted unless asked otherwise."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .lookup import demand_code, fault_code_of, load_triage, moment_of, read_case, usable_knowledge
from .options import AsOf, KnowledgeFolder, OneCharger, Paths
from .output import Destination
from .shell import Shell

if TYPE_CHECKING:
    from ..bundle import Bundle
    from ..escalation import Escalation


class EscalationFormat(StrEnum):
    """How an escalation is written."""

    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


def escalate(
    context: typer.Context,
    paths: Paths,
    device: OneCharger = None,
    code: Annotated[
        str | None, typer.Option(metavar="CODE", help="Only incidents of this fault code, and what stands behind them.")
    ] = None,
    as_of: AsOf = None,
    document_format: Annotated[
        EscalationFormat, typer.Option("--format", help="How the document is written.")
    ] = EscalationFormat.MARKDOWN,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the document to a file.")
    ] = None,
    no_redact: Annotated[
        bool, typer.Option("--no-redact", help="Leave VINs, id tags, tokens and names as they were recorded.")
    ] = False,
    knowledge: KnowledgeFolder = None,
) -> None:
    """Write what level 2 needs of the incidents in one document.

    VINs, id tags, tokens, names and addresses stand under pseudonyms unless --no-redact is given. Where there is no incident the
    document says so, and the exit status is 0.
    """
    shell = context.ensure_object(Shell)
    moment = None if as_of is None else moment_of(as_of)
    fault_code = None if code is None else fault_code_of(code)
    destination = Destination(output)
    destination.demand_other_than(paths)
    with shell.progress("reading records"):
        bundle = read_case(paths, device)
    with shell.progress("writing the escalation"):
        document = _document(bundle, device, fault_code, moment, knowledge, redact=not no_redact)
        _write(document, document_format, destination)
    if not document.sections:
        shell.log.warning("there is no incident to escalate; the document says so")
    if no_redact:
        shell.log.warning("the document is not redacted; it names vehicles and people as they were recorded")


def _document(
    bundle: Bundle,
    device: str | None,
    fault_code: str | None,
    moment: float | None,
    knowledge: str | None,
    *,
    redact: bool,
) -> Escalation:
    from ..escalation import escalation_of

    triage = load_triage(knowledge)
    with usable_knowledge(knowledge):
        diagnosis = triage.diagnose(bundle, as_of=moment, device_id=device)
    if fault_code is not None:
        demand_code(triage, bundle, fault_code, moment)
    checks = triage.knowledge.base.checks
    return escalation_of(diagnosis, bundle, fault_code=fault_code, redact=redact, as_of=moment, checks=checks)


def _write(document: Escalation, document_format: EscalationFormat, destination: Destination) -> None:
    if document_format is EscalationFormat.JSON:
        destination.write_json(document.model_dump_json(indent=2))
        return
    from ..escalation import escalation_html, escalation_markdown

    if document_format is EscalationFormat.HTML:
        destination.write(escalation_html(document))
    else:
        destination.write(escalation_markdown(document))
