"""`fetch`: a case from the vendor's platform, written as a bundle folder."""

from __future__ import annotations

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
    from ..bundle import Bundle
    from ..tellus_api import Case, TellusSettings

MAX_LINES = 20
"""Incidents and connectors told one by one (our judgement: `diagnose` tells all)."""

_NOUNS = {
    "sites": "site",
    "devices": "charger",
    "charging_records": "charging record",
    "telemetry": "connector reading",
    "events": "event",
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
    with shell.progress("reading the platform"):
        case = run_on_platform(_collected(settings, device or [], site, begin, end))
    if beside is not None:
        case.take_beside(beside.observations)
    _write(case, output)
    _tell_limits(case, shell)
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
    except OSError as error:
        raise Unusable(f"--output {folder}: {error.strerror}; name a folder you may write to") from None
    if taken:
        raise Unusable(f"--output {folder}: is there already; name a new folder, or take this one away")


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

    for note in case.notes:
        shell.complain(note)
    if not case.lists.get("events"):
        shell.complain(NO_EVENTS)
    if case.problems:
        first = case.problems[0]
        place = "".join(f" {part}" for part in (first.index, first.field) if part is not None)
        shell.complain(
            f"{counted(len(case.problems), 'problem')} in the data, such as {first.list}{place}: {first.problem}; "
            f"{PROGRAM} diagnose lists those of the records"
        )


def _summary(case: Case, output: str) -> str:
    """What was written, and what can be seen in it."""
    from ..tellus_api.case import connectors_in_fault

    found = [
        counted(len(records), _NOUNS[name]) if name in _NOUNS else f"{counted(len(records), 'record')} of {name}"
        for name, records in case.lists.items()
        if records
    ]
    observations = case.observations()
    diagnosis = load_triage().diagnose(observations)
    lines = [f"{clean(output)}: {listed(found)}, as of {moment(diagnosis.as_of)}"]
    lines += [_in_a_line(incident) for incident in diagnosis.incidents]
    coded = {(incident.device_id, incident.connector_id) for incident in diagnosis.incidents if incident.occurrences}
    for name, connector in connectors_in_fault(observations):
        if (name, connector) not in coded and (name, None) not in coded:
            where = "" if connector is None else f" connector {connector}"
            lines.append(f"{clean(name, 60)}{where} stands in fault; no event here tells its code")
    if len(lines) > MAX_LINES + 1:
        lines[MAX_LINES + 1 :] = [f"and {len(lines) - MAX_LINES - 1} more"]
    if len(lines) == 1:
        lines.append("No incident shows in these records.")
    lines.append(f"{PROGRAM} diagnose {clean(output)}")
    return "".join(f"{line}\n" for line in lines)


def _in_a_line(incident: Incident) -> str:
    where = "" if incident.connector_id is None else f" connector {incident.connector_id}"
    title = f" {incident.title}" if incident.title else " (not documented)"
    line = f"{incident.fault_code}{title}: {clean(incident.device_id, 60)}{where}, since {moment(incident.first_seen)}"
    if not incident.hypotheses:
        return line
    leader = incident.hypotheses[0]
    return f"{line}; first cause {leader.title} ({percent(leader.probability)})"
