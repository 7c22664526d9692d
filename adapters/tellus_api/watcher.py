"""Watching chargers: the stream and pushed events go into a sliding history, and incidents come out as they appear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ...engine.diagnosis import Diagnosis, Incident
from ...engine.triage import Triage
from .case import collect
from .client import TellusClient
from .errors import TellusError
from .history import History
from .pushed import NoReport, event_report
from .stream import Frame, StreamGap

LOOK_EVERY_S = 10.0
"""Seconds between two diagnoses of one charger (judgement: frames come every few seconds and a person reads along)."""

READ_EVERY_S = 60.0
"""Seconds between two readings of one charger that something gave cause for (judgement: polling breaks the limit)."""

REFRESH_S = 300.0
"""Seconds after which a charger is read again without cause (judgement: 100 chargers make 20 of 60 queries a minute)."""

SILENT_S = 60.0
"""Seconds without a frame after which a charger is read: two heartbeat intervals (dictionary F-0301)."""

REPORT_LATE_S = 30.0
"""Seconds in fault after which an event report is missed (judgement: reports come as things happen, so it is late)."""

TICK_S = 1.0
"""Seconds between two looks at what is due."""

SAME_NOTE_S = 60.0
"""Seconds within which the same note is not told again (judgement)."""


@dataclass(frozen=True)
class Sighting:
    """An incident that appeared, or whose leading cause changed; `diagnosis` holds it alone."""

    change: Literal["appeared", "leader changed"]
    leader_before: str | None
    diagnosis: Diagnosis

    @property
    def incident(self) -> Incident:
        return self.diagnosis.incidents[0]


@dataclass
class Tally:
    """What was seen in all."""

    frames: int = 0
    events: int = 0
    sightings: int = 0


@dataclass
class _Charger:
    """What is to be done about a charger; times are the loop's."""

    frame_at: float | None = None
    read_at: float = float("-inf")
    looked_at: float = float("-inf")
    clock: float | None = None
    due: bool = True
    wants_reading: bool = False
    wants_sessions: bool = False


@dataclass
class Watcher:
    """Follows some chargers and reports each incident once, and again when its leader changes.

    `report` takes a sighting, `note` a line about something that went wrong. The history is bounded (history.py). A
    lost heartbeat is reported only after the charger has been read, never from a silent stream alone.
    """

    client: TellusClient
    triage: Triage
    device_ids: Sequence[str]
    report: Callable[[Sighting], None]
    note: Callable[[str], None]
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._history = History(self.device_ids)
        self._chargers = {device: _Charger() for device in self.device_ids}
        self._leaders: dict[str, dict[str, str | None]] = {device: {} for device in self.device_ids}
        self._wake = asyncio.Event()
        self._connected = False
        self._noted: dict[str, float] = {}
        self._codeless: dict[tuple[str, Any], float] = {}

    async def run(self, stop: asyncio.Event, lines: AsyncIterator[bytes] | None = None) -> Tally:
        """Watch until `stop` is set. Raises TellusError where the platform refuses for good."""
        work = [asyncio.create_task(job) for job in (self._follow(), self._look_at_what_is_due())]
        ends = asyncio.create_task(stop.wait())
        hears = asyncio.create_task(self._hear(lines)) if lines is not None else None
        tasks = [*work, ends, *([hears] if hears is not None else [])]
        try:
            waiting = set(tasks)
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                if ends in done:
                    break
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self.tally

    async def _follow(self) -> None:
        case = await collect(self.client, self.device_ids)
        for line in case.notes:
            self._tell(line)
        for name, records in case.lists.items():
            for record in records:
                self._history.put(name, record)
        now = asyncio.get_running_loop().time()
        for charger in self._chargers.values():
            charger.clock, charger.read_at = case.as_of, now
        self._wake.set()
        async with aclosing(self.client.stream(self.device_ids, on_gap=self._gap, on_problem=self._lost)) as frames:
            async for frame in frames:
                self._take(frame)

    def _take(self, frame: Frame) -> None:
        self.tally.frames += 1
        self._connected = True
        charger = self._chargers.get(frame.device_id)
        if charger is None:
            return
        charger.frame_at = asyncio.get_running_loop().time()
        readings = frame.telemetry()
        for reading in readings:
            self._history.put("telemetry", reading)
            self._watch_for_faults(reading)
        if any(reading.get("state") != "unavailable" for reading in readings):
            self._history.alive(frame.device_id, frame.timestamp, frame.raw["timestamp"])
        if self._leaders[frame.device_id]:
            charger.due = True

    def _watch_for_faults(self, reading: Mapping[str, Any]) -> None:
        """Say once that a connector stands in fault while no report tells its code."""
        device, connector = reading["device_id"], reading.get("connector_id")
        now = asyncio.get_running_loop().time()
        if reading.get("state") != "fault" or self._leaders[device]:
            self._codeless.pop((device, connector), None)
        elif now >= self._codeless.setdefault((device, connector), now + REPORT_LATE_S):
            self._codeless[device, connector] = float("inf")
            self._tell(
                f"{device} connector {connector} stands in fault; the stream tells no code: push its event report "
                "with --stdin-events"
            )

    async def _hear(self, lines: AsyncIterator[bytes]) -> None:
        only = self.device_ids[0] if len(self.device_ids) == 1 else None
        async for line in lines:
            try:
                event = event_report(line, only)
            except NoReport as problem:
                self._tell(f"an event report is left out: {problem}")
                continue
            self.tally.events += 1
            if not self._history.put("events", event):
                self._tell(
                    f"{event['device_id']} is not watched, and events of too many other chargers are kept already"
                )
            charger = self._chargers.get(event["device_id"])
            if charger is not None:
                charger.due = charger.wants_reading = charger.wants_sessions = True
                self._wake.set()

    async def _look_at_what_is_due(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            self._mark(now)
            due = [
                d for d, charger in self._chargers.items() if charger.due and now - charger.looked_at >= LOOK_EVERY_S
            ]
            for device in due:
                if self._chargers[device].read_at > float("-inf"):
                    await self._look(device)
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()

    def _mark(self, now: float) -> None:
        for charger in self._chargers.values():
            fell_silent = (
                self._connected
                and charger.frame_at is not None
                and now - charger.frame_at >= SILENT_S
                and charger.read_at < charger.frame_at + SILENT_S
            )
            if fell_silent or now - charger.read_at >= REFRESH_S:
                charger.due = charger.wants_reading = True

    async def _look(self, device: str) -> None:
        loop = asyncio.get_running_loop()
        charger = self._chargers[device]
        charger.due, charger.looked_at = False, loop.time()
        sure = (charger.wants_reading and await self._read(device)) or self._as_read(device)
        diagnosis = await asyncio.to_thread(self._diagnosed, device)
        if not sure and self._without_events(device, diagnosis):
            sure = await self._read(device)
            if sure:
                diagnosis = await asyncio.to_thread(self._diagnosed, device)
            else:
                charger.due = charger.wants_reading = True
        self._sight(device, diagnosis, set() if sure else self._without_events(device, diagnosis))

    def _as_read(self, device: str) -> bool:
        """Whether hardly anything came after a charger was last read, so that it still is as it was."""
        clock, newest = self._chargers[device].clock, self._history.newest(device)
        return clock is not None and (newest is None or newest <= clock + LOOK_EVERY_S)

    def _without_events(self, device: str, diagnosis: Diagnosis) -> set[str]:
        """New incidents that no event stands behind."""
        known = self._leaders[device]
        return {i.incident_id for i in diagnosis.incidents if not i.occurrences and i.incident_id not in known}

    async def _read(self, device: str) -> bool:
        """Read a charger, and its sessions where asked; false where that has just been done or cannot be."""
        charger = self._chargers[device]
        now = asyncio.get_running_loop().time()
        if now - charger.read_at < READ_EVERY_S:
            return False
        sessions = charger.wants_sessions
        charger.read_at, charger.wants_reading, charger.wants_sessions = now, False, False
        try:
            answer = await self.client.device(device)
            for record in answer.raw:
                self._history.put("devices", record)
            charger.clock = datetime.now(UTC).timestamp() if answer.as_of is None else answer.as_of
            if sessions:
                since = datetime.fromtimestamp(charger.clock, UTC) - timedelta(days=1)
                for record in (await self.client.charging_records(device, since=since)).raw:
                    self._history.put("charging_records", record)
        except TellusError as error:
            self._tell(str(error))
            return False
        return True

    def _diagnosed(self, device: str) -> Diagnosis:
        """The diagnosis of a charger as of the newest that is known of it."""
        clocks = [self._chargers[device].clock, self._history.newest(device)]
        as_of = max((clock for clock in clocks if clock is not None), default=None)
        return self.triage.diagnose(self._history.around(device), as_of=as_of, device_id=device)

    def _sight(self, device: str, diagnosis: Diagnosis, doubtful: set[str]) -> None:
        before = self._leaders[device]
        leaders = {i.incident_id: _leader(i) for i in diagnosis.incidents if i.incident_id not in doubtful}
        self._leaders[device] = leaders
        for incident in diagnosis.incidents:
            name = incident.incident_id
            if name in doubtful or (name in before and before[name] == leaders[name]):
                continue
            self.tally.sightings += 1
            alone = diagnosis.model_copy(update={"incidents": [incident], "watches": []})
            change: Literal["appeared", "leader changed"] = "leader changed" if name in before else "appeared"
            self.report(Sighting(change, before.get(name), alone))

    def _gap(self, gap: StreamGap) -> None:
        for charger in self._chargers.values():
            charger.due = charger.wants_reading = charger.wants_sessions = True
        self._tell(f"stream: taken up again after {gap.seconds:.0f} s ({gap.reason}); what came then is read anew")
        self._wake.set()

    def _lost(self, problem: str) -> None:
        self._connected = False
        self._tell(problem)

    def _tell(self, line: str) -> None:
        now = asyncio.get_running_loop().time()
        self._noted = {text: at for text, at in self._noted.items() if now - at < SAME_NOTE_S}
        if line not in self._noted:
            self._noted[line] = now
            self.note(line)


def _leader(incident: Incident) -> str | None:
    return incident.hypotheses[0].cause_id if incident.hypotheses else None
