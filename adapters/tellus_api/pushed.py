"""Event reports pushed to us as JSON lines on a pipe, which is how fault events reach a consumer of the platform."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from ...engine.knowledge_base import DataProblem
from ...knowledge.observations import observe, plain_json

MAX_LINE_BYTES = 2**20
"""Bytes of one line (judgement: an event report has under 2,000)."""

MAX_WAITING = 1000
"""Lines that wait to be taken; the pipe's writer waits beyond that (judgement)."""


class NoReport(ValueError):
    """A line that is no event report; the message says why."""


async def lines_of(descriptor: int) -> AsyncGenerator[bytes, None]:
    """The lines that come on a file descriptor, until its end; one that is too long comes cut."""
    # a thread, for a regular file cannot be polled; os.read, for a thread in a buffered read blocks the interpreter's end
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_WAITING)

    def give(line: bytes | None) -> bool:
        putting = waiting.put(line)
        try:
            asyncio.run_coroutine_threadsafe(putting, loop).result()
        except (RuntimeError, CancelledError):
            putting.close()
            return False
        return True

    threading.Thread(target=_pump, args=(descriptor, give), name="pushed-events", daemon=True).start()
    while (line := await waiting.get()) is not None:
        yield line


def _pump(descriptor: int, give: Callable[[bytes | None], bool]) -> None:
    rest = b""
    while True:
        try:
            chunk = os.read(descriptor, 65_536)
        except OSError:
            chunk = b""
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip() and not give(line[: MAX_LINE_BYTES + 1]):
                return
        rest = rest[: MAX_LINE_BYTES + 1]
        if not chunk:
            if rest.strip():
                give(rest)
            give(None)
            return


@dataclass(frozen=True)
class EventReport:
    """An event record as it came, its charger and moment (epoch seconds), and what of it does not fit our model."""

    device_id: str
    timestamp: float
    record: Mapping[str, Any]
    problems: Sequence[DataProblem]


def event_report(line: bytes, only_device: str | None) -> EventReport:
    """The event report of a line. One without a charger's id is of `only_device`. Raises NoReport."""
    if len(line) > MAX_LINE_BYTES:
        raise NoReport(f"it is longer than {MAX_LINE_BYTES >> 20} MiB")
    try:
        report = from_json(line, allow_inf_nan=True)
    except ValueError:
        raise NoReport("it is no JSON") from None
    if not isinstance(report, Mapping):
        raise NoReport("it is no JSON object")
    event: dict[str, Any] = plain_json(report)
    if event.get("device_id") is None:
        if only_device is None:
            raise NoReport("it names no device_id, and several chargers are watched")
        event["device_id"] = only_device
    observations = observe({"events": [event]})
    understood = next(iter(observations["events"].records), None)
    if understood is None or understood.time is None:
        skipped = next((problem for problem in observations.problems if problem.skipped), None)
        raise NoReport("it holds no event" if skipped is None else f"{skipped.field or 'it'} {skipped.problem}")
    device = understood.fields["device_id"]
    return EventReport(device, understood.time, {**event, "device_id": device}, observations.problems)
