"""`fleet`: a data set of many chargers, diagnosed by all cores into a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failures import INTERRUPTED, Unusable, ended_calmly
from .fleet_progress import shown_progress
from .lookup import load_from, moment_of, usable_knowledge
from .options import AsOf, KnowledgeFolder
from .output import Destination
from .shell import Shell

if TYPE_CHECKING:
    from ..fleet.run import Options
    from ..fleet.summary import Summary
    from ..fleet.workers import Workers

MAX_WORKERS = 512
"""More worker processes than any machine has cores for are a slip of the pen (our judgement)."""


def fleet(
    context: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Folders of any depth, or files: Parquet, CSV or JSON lines, named after their list.",
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="DIR", help="The folder of the results, which the run makes.")
    ],
    as_of: AsOf = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=MAX_WORKERS, metavar="N", help="Worker processes. [all cores]")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="ADDRESS",
            help="Have a Ray cluster do the work: HOST:PORT, auto for the one this machine is of, or local for one started here.",
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew, and take away what an earlier run has left in DIR.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary; warnings only.")] = False,
    knowledge: KnowledgeFolder = None,
) -> None:
    """Diagnose all chargers of a data set, and say what to roll out and whom to send where.

    Reads in bounded memory and uses all cores. A run that was ended goes on when the same command is given again.
    """
    shell = context.ensure_object(Shell)
    moment = None if as_of is None else moment_of(as_of)
    if knowledge is not None:
        load_from(knowledge)  # so that a mistake is told at once, and not of each charger that meets it
    from ..fleet.workers import WorkersFailed, workers_begun

    number = workers or _workers_there(ray)
    try:
        with ended_calmly(), workers_begun(number, ray) as begun:
            # loaded only now, while workers load what they need
            from ..fleet.run import Options

            options = Options(as_of=moment, workers=number, ray=ray, knowledge=knowledge)
            summary = _summary_of(shell, paths, output, options, begun, restart=restart, quiet=quiet)
    except WorkersFailed as error:
        raise Unusable(f"{error}; -v shows more, fewer --workers need less of everything") from None
    if not quiet:
        from ..fleet.summary_text import summary_text

        destination = Destination()
        destination.write(summary_text(summary, output, width=destination.width, colour=destination.colour))


def _summary_of(
    shell: Shell, paths: list[str], output: str, options: Options, begun: Workers, *, restart: bool, quiet: bool
) -> Summary:
    """What a run came to."""
    from ..bundle import UnreadableInput
    from ..fleet.on_ray import RayUnusable
    from ..fleet.run import run_fleet

    try:
        with usable_knowledge(options.knowledge), shown_progress(shell.complain, quiet=quiet) as progress:
            return run_fleet(paths, Path(output), options, restart=restart, progress=progress, begun=begun)
    except (UnreadableInput, RayUnusable) as error:
        raise Unusable(str(error)) from None
    except KeyboardInterrupt:
        shell.complain(f"ended; the same command goes on where this run was, and {output} holds what is done")
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        raise Unusable(f"--output {output}: {error.strerror or error}; make room, or name another folder") from None


def _workers_there(ray: str | None) -> int:
    """As many workers as this machine has cores; 0, which stands for those of a Ray cluster, where it is not of this machine alone."""
    if ray is not None:
        from ..fleet.on_ray import LOCAL

        if ray != LOCAL:
            return 0
    return _cores()


def _cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1
