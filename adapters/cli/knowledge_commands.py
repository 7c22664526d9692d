"""`kb`: looking at the knowledge base, and checking it."""

from __future__ import annotations

from typing import Annotated

import typer

from ..report.wording import clean, counted
from .failures import LACKING, Unusable
from .lookup import demand_folder, documented_codes, fault_code_of, load_from, load_triage, usable_knowledge
from .options import KnowledgeFolder
from .output import Destination
from .shell import Shell

kb = typer.Typer(help="Look at the knowledge base, and check it.", rich_markup_mode=None)

Directory = Annotated[
    str | None,
    typer.Argument(metavar="DIR", help="Knowledge of the same layout; the installed one where it is left out."),
]


@kb.command("list")
def list_(knowledge: KnowledgeFolder = None) -> None:
    """List the codes and their causes."""
    from ..report import catalogue_text

    triage = load_triage(knowledge)
    out = Destination()
    with usable_knowledge(knowledge):
        explanations = [triage.explain(code) for code in documented_codes(triage)]
    out.write(catalogue_text(explanations, width=out.width, colour=out.colour))


@kb.command()
def show(
    cause: Annotated[str, typer.Argument(metavar="CAUSE", help="A cause: F-0421/aux-contact-dirty.")],
    knowledge: KnowledgeFolder = None,
) -> None:
    """Show a cause with its rules, checks and actions."""
    from ..report import cause_text

    code_part, slash, name = cause.strip().partition("/")
    triage = load_triage(knowledge)
    with usable_knowledge(knowledge):
        causes = {c.cause_id: code for code in documented_codes(triage) for c in triage.explain(code).causes}
    if not slash:
        named = [cause_id for cause_id in causes if cause_id.partition("/")[2] == code_part]
        cause_id = named[0] if len(named) == 1 else ""
    else:
        cause_id = f"{fault_code_of(code_part)}/{name.strip().lower()}"
    if cause_id not in causes:
        raise Unusable(f"there is no cause {cause!r}; {_alternatives(cause_id, code_part, causes)}")
    out = Destination()
    out.write(cause_text(triage.explain(causes[cause_id]), cause_id, width=out.width, colour=out.colour))


def _alternatives(cause_id: str, code_part: str, causes: dict[str, str]) -> str:
    code = cause_id.partition("/")[0] or fault_code_of(code_part)
    of_code = [known for known, owner in causes.items() if owner == code]
    return f"{code} has {', '.join(of_code)}" if of_code else "charger-triage kb list shows all"


def _checked(directory: str | None) -> str:
    """The folder that was read: an installed copy is not the checkout that somebody edits."""
    from ...knowledge.library import shipped_directory

    return clean(shipped_directory() if directory is None else directory)


@kb.command()
def lint(directory: Directory = None) -> None:
    """Find what is wrong with the knowledge.

    Dead, unreachable, untested, unsourced and contradictory rules; exit status 1 if there are any.
    """
    from ...knowledge.lint import lint as find

    demand_folder(directory)
    findings = find(directory)
    lines = [clean(finding, 2000) for finding in findings]
    found = counted(len(findings), "finding") if findings else "no findings"
    lines.append(f"{found} in {_checked(directory)}")
    Destination().write("\n".join(lines) + "\n")
    if findings:
        raise typer.Exit(LACKING)


@kb.command()
def test(
    context: typer.Context,
    directory: Directory = None,
    code: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Only the cases of this code; may be repeated.")
    ] = None,
) -> None:
    """Run the cases beside the rules.

    Exit status 1 if any of them fails.
    """
    from ...knowledge.cases import run_cases

    knowledge = load_from(directory)
    codes = None if not code else [fault_code_of(text) for text in code]
    for wanted in codes or ():
        if wanted not in knowledge.faults:
            raise Unusable(f"--code {wanted!r} has no file; there are {', '.join(knowledge.faults)}")
    with context.ensure_object(Shell).progress("running cases"):
        outcomes = list(run_cases(knowledge, codes))
    failed = [outcome for outcome in outcomes if outcome.failure is not None]
    lines = [clean(f"{o.place}: {o.code} {o.subject} [{o.kind}]: {o.failure}", 2000) for o in failed]
    result = f"{len(failed)} failed" if failed else "all pass"
    lines.append(f"{counted(len(outcomes), 'case')} in {_checked(directory)}, {result}")
    Destination().write("\n".join(lines) + "\n")
    if failed:
        raise typer.Exit(LACKING)


@kb.command()
def export(knowledge: KnowledgeFolder = None) -> None:
    """Write the knowledge base as JSON, with its schema."""
    from ..report import exported_document

    Destination().write_json(exported_document(load_from(knowledge).base))
