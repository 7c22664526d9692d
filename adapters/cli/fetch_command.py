"""`fetch`: a case from the vendor's platform, written as a bundle folder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..report.wording import clean, counted, listed, moment, percent
from .failures import Unusable
from .lookup import load_triage
from .output import Destination
from .shell import PROGRAM, Shell
from .tellus_access import BaseUrlOption, CredentialsOption, DevicesOption, run_on_platform, settings_of, time_of

if TYPE_CHECKING:
    from datetime import datetime

    from ...engine.diagnosis import Incident
    from ...engine.knowledge_base import DataProblem
    from ..bundle import Bundle
    from ..tellus_api import Case, TellusSettings

MAX_LINES = 20
"""Incidents and connectors told one by one (our judgement: `diagnose` tells all)."""

_NOUNS = {
    "sites": "site",
    "devices": "charger",
    "charging_records": "charging record",
    "telemetry": "reading",
    "events": "event",
    "heartbeats": "heartbeat",
    "connections": "connection record",
    "commands": "command",
    "configurations": "configuration",
    "service_visits": "service visit",
    "check_results": "check result",
}


def fetch(
    context: typer.Context,
    output: Annotated[str, typer.Option(metavar="CASE", help="The folder to write; it must not hold anything.")],
    device: DevicesOption = None,
    site: Annotated[str | None, typer.Option(metavar="ID", help="All chargers of a site that can be found.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Sessions from here on; 60 days where nothing is said.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Sessions up to here.")] = None,
    events: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="Exported fault events, or any other records, to go with it; may be repeated."
        ),
    ] = None,
    credentials: CredentialsOption = None,
    base_url: BaseUrlOption = None,
) -> None:
    """Fetch a case from the vendor's platform, for diagnose.

    Chargers, their site and neighbours, sessions, the state of each connector. The platform lists no fault events: give
    an export of them with --events. Credentials come from the environment or a file, never from an argument.
    """
    shell = context.ensure_object(Shell)
    if not device and site is None:
        raise Unusable("name chargers by --device ID, or a site by --site ID")
    begin, end = time_of("--since", since), time_of("--until", until)
    if begin is not None and end is not None and begin > end:
        raise Unusable("--since lies after --until; swap them")
    _demand_free(Path(output))
    settings = settings_of("fetch", credentials, base_url)
    beside = _read_beside(events or [])
    with shell.progress("reading the platform, which takes 45 queries a minute"):
        case = run_on_platform(_collected(settings, device or [], site, begin, end))
    if beside is not None:
        case.take_beside(beside.observations)
    _write(case, output)
    _tell_limits(case, shell)
    _tell_problems("what the platform gave", [p for p in case.problems if p.index is not None], [output], shell)
    if beside is not None:
        _tell_problems("what --events gave", beside.observations.problems, events or [], shell)
    # told before the diagnosis: what was read is there, whatever becomes of that
    Destination().write(f"{clean(output)}: {_contents(case)}, as of {moment(_as_of(case))}\n")
    Destination().write(_summary(case, output))


async def _collected(
    settings: TellusSettings, devices: list[str], site: str | None, since: datetime | None, until: datetime | None
) -> Case:
    from ..tellus_api import TellusClient, collect

    async with TellusClient(settings) as client:
        return await collect(client, devices, site, since, until)


def _demand_free(folder: Path) -> None:
    """Raise Unusable where the folder cannot be written, before minutes are spent on reading."""
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
        above = next(parent for parent in Path(os.path.realpath(folder)).parents if parent.exists())
        writable = above.is_dir() and os.access(above, os.W_OK | os.X_OK)
    except OSError as error:
        raise Unusable(f"--output {folder}: {error.strerror}; name a folder you may write to") from None
    if taken:
        raise Unusable(f"--output {folder}: is there already; name a new folder, or take this one away")
    if not writable:
        raise Unusable(f"--output {folder}: {above} is no folder you may write to; name another")


def _read_beside(files: list[str]) -> Bundle | None:
    from ..files import UnreadableInput, read_bundles

    try:
        return read_bundles(files) if files else None
    except UnreadableInput as error:
        raise Unusable(f"--events: {error}") from None


def _write(case: Case, output: str) -> None:
    from ..tellus_api import write_case

    try:
        write_case(case, output)
    except FileExistsError:
        raise Unusable(f"--output {output}: is there already; name a new folder, or take this one away") from None
    except OSError as error:
        raise Unusable(
            f"--output {output}: cannot be written: {error.strerror or error}; name a folder you may write to"
        ) from None


def _tell_limits(case: Case, shell: Shell) -> None:
    from ..tellus_api.case import NO_EVENTS

    for note in [*case.notes, *(f"{p.list}: {p.problem}" for p in case.problems if p.index is None)]:
        shell.complain(note)
    if not case.lists.get("events"):
        shell.complain(NO_EVENTS)


def _tell_problems(whose: str, problems: Sequence[DataProblem], paths: Sequence[str], shell: Shell) -> None:
    """Tell how many problems there are, the first of them, and the command that lists them all."""
    if problems:
        first = problems[0]
        place = "".join(f" {part}" for part in (first.index, first.field) if part is not None)
        shell.complain(
            f"{counted(len(problems), 'problem')} in {whose}, such as {first.list}{place}: {first.problem}; "
            f"{PROGRAM} diagnose {shlex.join(paths)} lists all"
        )


def _contents(case: Case) -> str:
    return listed(
        [
            counted(len(records), _NOUNS[name]) if name in _NOUNS else f"{counted(len(records), 'record')} of {name}"
            for name, records in case.lists.items()
            if records
        ]
    )


def _as_of(case: Case) -> str | None:
    from ...engine.facts import iso_timestamp

    return None if case.as_of is None else iso_timestamp(case.as_of)


def _summary(case: Case, output: str) -> str:
    """What can be seen in the case."""
    from ..tellus_api.case import connectors_in_fault

    observations = case.observations()
    diagnosis = load_triage().diagnose(observations)
    lines = [_in_a_line(incident) for incident in diagnosis.incidents]
    coded = {(incident.device_id, incident.connector_id) for incident in diagnosis.incidents if incident.occurrences}
    for name, connector in connectors_in_fault(observations):
        if (name, connector) not in coded and (name, None) not in coded:
            where = "" if connector is None else f" connector {connector}"
            lines.append(f"{clean(name, 60)}{where} stands in fault; no event here tells its code")
    if len(lines) > MAX_LINES:
        lines[MAX_LINES:] = [f"and {len(lines) - MAX_LINES} more"]
    if not lines:
        lines.append("No incident shows in these records.")
    if diagnosis.watches:
        lines.append(f"{counted(len(diagnosis.watches), 'early warning')} without a fault so far.")
    lines.append(f"The reasons: {PROGRAM} diagnose {shlex.quote(clean(output))}")
    return "".join(f"{line}\n" for line in lines)


def _in_a_line(incident: Incident) -> str:
    where = "" if incident.connector_id is None else f" connector {incident.connector_id}"
    title = f" {incident.title}" if incident.title else " (not documented)"
    line = f"{incident.fault_code}{title}: {clean(incident.device_id, 60)}{where}, since {moment(incident.first_seen)}"
    if not incident.hypotheses:
        return line
    leader = incident.hypotheses[0]
    return f"{line}; first cause {leader.title} ({percent(leader.probability)})"
