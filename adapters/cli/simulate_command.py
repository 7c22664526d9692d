"""`simulate`: a plausible fleet with faults, written as a data set, and their true causes beside it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..report.wording import clean, counted
from .failures import Unusable, ended_calmly
from .output import Destination
from .shell import PROGRAM, Shell, wants_colour

if TYPE_CHECKING:
    from ..simulation import FleetPlan, Written

MOST_CAUSES_TOLD = 12
"""True causes counted on the terminal (our judgement: the file holds all)."""

MOST_CHARGERS_AT_ONCE = 100
"""Chargers that are diagnosed without `fleet` (our judgement: their records are read within a minute)."""


class SimulatedFormat(StrEnum):
    """How the record lists are written."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


class SimulatedPartition(StrEnum):
    """How telemetry and heartbeats are divided into files."""

    SITE = "site"
    DATE = "date"
    NONE = "none"


def simulate(
    context: typer.Context,
    chargers: Annotated[int, typer.Option(metavar="N", help="How many chargers.")],
    output: Annotated[str, typer.Option(metavar="DIR", help="The folder to write; it must not hold anything.")],
    days: Annotated[int, typer.Option(metavar="D", help="How many days.")] = 1,
    seed: Annotated[int, typer.Option(metavar="S", help="Another seed makes another fleet; the same, the same.")] = 0,
    list_format: Annotated[
        SimulatedFormat, typer.Option("--format", help="How the record lists are written.")
    ] = SimulatedFormat.PARQUET,
    partition: Annotated[
        SimulatedPartition, typer.Option(help="Telemetry and heartbeats by site, by date, or as one file each.")
    ] = SimulatedPartition.SITE,
    interval: Annotated[int, typer.Option(metavar="SECONDS", help="Between telemetry rows of a session.")] = 5,
    incidents: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the chargers that meet an incident a day; 0 for none.")
    ] = 0.03,
    cause: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CAUSE",
            help="Only incidents of this cause (F-0203/pin-oxidation) and what follows from them; may be repeated.",
        ),
    ] = None,
    start: Annotated[str, typer.Option(metavar="DATE", help="The first day.")] = "2026-06-01",
) -> None:
    """Write a simulated fleet, for load and for trying things out.

    Sites, chargers, sessions, telemetry and what goes wrong with them. The true causes stand apart in DIR-truth. The same
    arguments write the same bytes. It is no proof of how well causes are ranked.
    """
    from ..simulation import FileFormat, FleetPlan, InvalidPlan, OutputTaken, Partition
    from ..simulation import simulate as write_fleet

    shell = context.ensure_object(Shell)
    try:
        plan = FleetPlan(chargers, days, seed, interval, _day(start), incidents, _causes(cause or []))
    except InvalidPlan as error:
        raise Unusable(str(error)) from None
    folder = Path(output)
    try:
        output.encode()
        with ended_calmly(), _shown(shell, plan) as progress:
            written = write_fleet(plan, folder, FileFormat(list_format), Partition(partition), progress)
    except OutputTaken as error:
        raise Unusable(f"--output: {error}; name a new folder, or take this one away") from None
    except UnicodeEncodeError:
        raise Unusable(
            f"--output {clean(folder)}: the name is no UTF-8, in which files are named; name another"
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unusable(f"--output {folder}: cannot be written: {reason}; name a folder you may write to") from None
    Destination().write(_summary(written, folder, plan, partition))


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Unusable(f"--start {clean(text, 40)}: is no date; write one such as 2026-06-01") from None


def _causes(names: list[str]) -> tuple[str, ...]:
    from ..simulation import CAUSES

    for name in names:
        if name not in CAUSES:
            near = get_close_matches(name, CAUSES, 1, 0.4)
            advice = f"did you mean {near[0]}" if near else f"write one such as {next(iter(CAUSES))}"
            raise Unusable(f"--cause {clean(name, 80)}: no such cause is simulated; {advice}")
    return tuple(dict.fromkeys(names))


@contextmanager
def _shown(shell: Shell, plan: FleetPlan) -> Iterator[Callable[[int, int], None] | None]:
    """A bar of the chargers done on a terminal's standard error, with rate and time left; nothing elsewhere."""
    if shell.verbose or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, no_color=not wants_colour(sys.stderr))
    columns = (
        TextColumn("chargers"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("chargers", total=plan.chargers, rows="")

        def progress(chargers: int, rows: int) -> None:
            spent = bar.tasks[0].elapsed or 0.0
            rate = f"{rows / spent:,.0f} rows/s" if spent > 0 else ""
            bar.update(task, completed=chargers, rows=rate)

        yield progress


def _summary(written: Written, folder: Path, plan: FleetPlan, partition: SimulatedPartition) -> str:
    """What was written, which causes are behind it, and what to do with it."""
    name = clean(folder)
    rows = ", ".join(
        f"{number:,} {name.replace('_', ' ')}"
        for name, number in sorted(written.rows.items(), key=lambda item: -item[1])[:4]
    )
    lines = [
        f"{name}: {counted(written.chargers, 'charger')} at {counted(written.sites, 'site')}, {counted(plan.days, 'day')}: {rows}"
    ]
    lines.append(f"{counted(written.incidents, 'incident')}; the true causes: {clean(written.truth)}")
    causes = sorted(written.causes.items(), key=lambda item: (-item[1], item[0]))
    lines += [f"  {number:>6,}  {cause}" for cause, number in causes[:MOST_CAUSES_TOLD]]
    if len(causes) > MOST_CAUSES_TOLD:
        lines.append(f"  and {len(causes) - MOST_CAUSES_TOLD} more causes")
    plain = partition is SimulatedPartition.NONE and written.chargers <= MOST_CHARGERS_AT_ONCE
    command = ["diagnose", name] if plain else ["fleet", name, "--output", f"{name}-triaged"]
    lines.append(shlex.join([PROGRAM, *command]))
    return "".join(f"{line}\n" for line in lines)
