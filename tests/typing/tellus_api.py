"""The client of the vendor's API as a user writes it; `mypy --strict` reads this file, nothing runs it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

from charger_triage.adapters.tellus_api import (
    Answer,
    Case,
    Document,
    Frame,
    NotFound,
    PlatformRefused,
    RateLimited,
    Sighting,
    StreamGap,
    Tally,
    TellusClient,
    TellusError,
    TellusSettings,
    Watcher,
    collect,
    load_settings,
    write_case,
)
from charger_triage.engine import Diagnosis, Triage
from charger_triage.engine.knowledge_base import DataProblem
from charger_triage.knowledge.observations import Record


async def read(file: Path) -> dict[str, Any]:
    """What the platform says of a charger; an empty answer where it knows none of that name."""
    settings = load_settings(file)
    assert_type(settings, TellusSettings)
    async with TellusClient(settings) as client:
        assert_type(client, TellusClient)
        try:
            answer = await client.device("TP-001")
        except NotFound as error:
            assert_type(error.code, int | None)
            assert_type(error.details, dict[str, Any])
            return {}
        except RateLimited as error:
            assert_type(error.retry_after_seconds, float | None)
            raise
        assert_type(answer, Answer)
        assert_type(answer.raw, Sequence[Mapping[str, Any]])
        assert_type(answer.records, Sequence[Record])
        assert_type(answer.problems, Sequence[DataProblem])
        since = datetime.now(UTC) - timedelta(days=7)
        await client.sites()
        await client.charging_records("TP-001", connector_id=1, since=since, until=None)
        command = await client.command("cmd_1")
        assert_type(command, Document)
        energy = await client.energy("day", since, datetime.now(UTC), group_by="site", site_ids=["S-1"])
        return {**command.fields, **energy.fields}


async def first_frame(client: TellusClient, lost: list[StreamGap]) -> list[dict[str, Any]]:
    """The readings of the first frame; the connection is closed behind it."""
    async with aclosing(client.stream(["TP-001"], on_gap=lost.append, on_problem=print)) as frames:
        async for frame in frames:
            assert_type(frame, Frame)
            assert_type(frame.timestamp, float)
            return frame.telemetry()
    return []


async def fetched(client: TellusClient, folder: Path) -> Diagnosis:
    """A case of a site, written and diagnosed."""

    def heard(answer: Answer) -> None:
        sys.stderr.write(f"{answer.record_list}: {len(answer.raw)}\n")

    case = await collect(client, site_id="S-1", since=datetime(2026, 5, 1), heard=heard)
    assert_type(case, Case)
    write_case(case, folder)
    return Triage().diagnose(case.observations())


async def watched(client: TellusClient, triage: Triage) -> int:
    """How many incidents appeared within an hour."""

    def report(sighting: Sighting) -> None:
        assert_type(sighting.leader_before, str | None)
        assert_type(sighting.diagnosis, Diagnosis)
        sys.stdout.write(f"{sighting.change}: {sighting.incident.fault_code}\n")

    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(3600, stop.set)
    tally = await Watcher(client, triage, ["TP-001"], report, note=print).run(stop)
    assert_type(tally, Tally)
    return tally.sightings


def main() -> int:
    """Every refusal of the platform is one exception type, and so is everything that keeps it from being read."""
    try:
        asyncio.run(read(Path("credentials")))
    except PlatformRefused as error:
        return error.http_status
    except TellusError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0
