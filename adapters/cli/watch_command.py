"""`watch`: the platform's stream followed, and each incident told as it appears."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..report.wording import clean, counted, moment
from .failures import Unusable
from .lookup import load_triage
from .options import KnowledgeFolder
from .output import Destination
from .shell import Shell
from .tellus_access import BaseUrlOption, CredentialsOption, DevicesOption, run_on_platform, settings_of

if TYPE_CHECKING:
    from ...engine import Triage
    from ..tellus_api import Sighting, Tally, TellusSettings


class WatchFormat(StrEnum):
    """How incidents are written."""

    TEXT = "text"
    JSON = "json"


def watch(
    context: typer.Context,
    device: DevicesOption = None,
    stdin_events: Annotated[
        bool, typer.Option("--stdin-events", help="Take event reports on standard input, one JSON object a line.")
    ] = False,
    report_format: Annotated[
        WatchFormat, typer.Option("--format", help="How incidents are written: text, or JSON lines.")
    ] = WatchFormat.TEXT,
    credentials: CredentialsOption = None,
    base_url: BaseUrlOption = None,
    knowledge: KnowledgeFolder = None,
) -> None:
    """Follow chargers on the vendor's platform and tell each incident as it appears.

    An incident is told once, and again when another cause comes to lead. The stream holds no fault events: push the
    reports that the platform sends you into standard input with --stdin-events. Ends on Ctrl-C or SIGTERM.
    """
    shell = context.ensure_object(Shell)
    if not device:
        raise Unusable("name the chargers to watch by --device ID")
    settings = settings_of("watch", credentials, base_url)
    triage = load_triage(knowledge)
    destination = Destination()
    write = _json_line if report_format is WatchFormat.JSON else _text

    def report(sighting: Sighting) -> None:
        write(sighting, destination)

    tally = run_on_platform(_watch(settings, triage, list(dict.fromkeys(device)), report, shell.complain, stdin_events))
    left_out = f" ({tally.left_out:,} left out)" if tally.left_out else ""
    shell.complain(
        f"stopped after {counted(tally.frames, 'frame')}, {counted(tally.events, 'event')}{left_out} and "
        f"{counted(tally.sightings, 'report')}"
    )


async def _watch(
    settings: TellusSettings,
    triage: Triage,
    devices: list[str],
    report: Callable[[Sighting], None],
    note: Callable[[str], None],
    stdin_events: bool,
) -> Tally:
    import asyncio

    from ..tellus_api import TellusClient, Watcher
    from ..tellus_api.pushed import lines_of

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError, ValueError):  # not on Windows, nor outside the main thread
            loop.add_signal_handler(number, stop.set)
    lines = lines_of(_standard_input()) if stdin_events else None
    async with TellusClient(settings) as client:
        return await Watcher(client, triage, devices, report, note).run(stop, lines)


def _standard_input() -> int:
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        raise Unusable("--stdin-events: standard input is closed; pipe the event reports in") from None


def _text(sighting: Sighting, destination: Destination) -> None:
    from ..report import diagnosis_text

    incident = sighting.incident
    where = "" if incident.connector_id is None else f" connector {incident.connector_id}"
    what = "has appeared" if sighting.change == "appeared" else f"is no longer led by {sighting.leader_before}"
    head = (
        f"== {moment(sighting.diagnosis.as_of)}  {incident.fault_code} on {clean(incident.device_id, 60)}{where} {what}"
    )
    text = diagnosis_text(sighting.diagnosis, width=destination.width, colour=destination.colour)
    destination.write(f"{head}\n\n{text.rstrip()}\n\n")


def _json_line(sighting: Sighting, destination: Destination) -> None:
    line = {
        "change": sighting.change,
        "leader_before": sighting.leader_before,
        "diagnosis": sighting.diagnosis.model_dump(mode="json", by_alias=True),
    }
    destination.write_json(json.dumps(line, ensure_ascii=False))
