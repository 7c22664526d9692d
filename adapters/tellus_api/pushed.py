"""Event reports pushed to us as JSON lines on a pipe, which is how fault events reach a consumer of the platform."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import CancelledError
from typing import Any

from pydantic_core import from_json

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


def event_report(line: bytes, only_device: str | None) -> Mapping[str, Any]:
    """The event record of a line. A report without a charger's id is of `only_device`. Raises NoReport."""
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
    problems = observe({"events": [event]}).problems
    skipped = next((problem for problem in problems if problem.skipped), None)
    if skipped is not None:
        raise NoReport(f"{skipped.field or 'it'} {skipped.problem}")
    return event
