"""Watching chargers: the stream and pushed events go into a sliding history, and incidents come out as they appear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ...engine.diagnosis import Diagnosis, Incident
from ...engine.knowledge_base import DataProblem
from ...engine.triage import Triage
from ...knowledge.observations import observe
from ..report.wording import counted
from .answers import Answer
from .case import collect, connector_telemetry
from .client import TellusClient
from .errors import TellusError
from .history import History
from .pushed import EventReport, NoReport, event_report
from .stream import Frame, StreamGap

LOOK_EVERY_S = 10.0
"""Seconds between two diagnoses of one charger (judgement: frames come every few seconds and a person reads along)."""

LOOK_AFTER_EVENT_S = 2.0
"""The same where a new event waits (judgement: events come in bursts, of which one diagnosis should see most)."""

READ_EVERY_S = 60.0
"""Seconds between two readings of one charger that something gave cause for (judgement: polling breaks the limit)."""

REFRESH_S = 300.0
"""Seconds after which a charger is read again without cause (judgement: 100 chargers make 20 of 60 queries a minute)."""

QUERIES_A_CHARGER, QUERIES_A_MINUTE = 2, 45
"""A charger and its sessions, at what the client's bucket leaks (client.py)."""

SILENT_S = 60.0
"""Seconds without a frame after which a charger is read: two heartbeat intervals (dictionary F-0301)."""

REPORT_LATE_S = 30.0
"""Seconds in fault after which an event report is missed (judgement: reports come as things happen, so it is late)."""

TICK_S = 1.0
"""Seconds between two looks at what is due."""

READ_PATIENCE_S = 30.0
"""Seconds that a diagnosis waits for a charger to be read; it then does without (judgement: the platform may ask to wait
for minutes, and other chargers' incidents must not wait that long)."""

AHEAD_S = 3600.0
"""Seconds that a time may lie ahead of the platform's clock (judgement: clocks of chargers are minutes off; a time hours
ahead would be the newest for hours, and everything else would look old beside it)."""

SAME_NOTE_S = 3600.0
"""Seconds within which the same note is not told again (judgement: a person reads along)."""


@dataclass(frozen=True)
class Sighting:
    """An incident that appeared, or whose leading cause changed; `diagnosis` holds it alone."""

    change: Literal["appeared", "leader changed"]
    leader_before: str | None
    diagnosis: Diagnosis

    @property
    def incident(self) -> Incident:
        """The incident that is told."""
        return self.diagnosis.incidents[0]


@dataclass
class Tally:
    """What was seen in all; `left_out` are lines that are no event report, and reports whose time cannot be meant."""

    frames: int = 0
    events: int = 0
    left_out: int = 0
    sightings: int = 0


@dataclass
class _Charger:
    """What is to be done about a charger; times are the loop's."""

    frame_at: float | None = None
    read_at: float | None = None
    looked_at: float = float("-inf")
    clock: float | None = None
    clock_is_fast: bool = False
    due: bool = True
    event_waits: bool = False
    wants_reading: bool = False
    wants_sessions: bool = False


@dataclass
class Watcher:
    """Follows some chargers and reports each incident once, and again when its leader changes.

    `report` takes a sighting, `note` a line about how the watch goes. The history is bounded (history.py). A
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
        self._reached = asyncio.Event()
        self._wake = asyncio.Event()
        self._clock_ahead_s = 0.0
        self._sites: dict[str | None, Mapping[str, Any]] = {}
        self._connected = False
        self._noted: dict[Hashable, float] = {}
        self._codeless: dict[tuple[str, Any], float] = {}

    async def run(self, stop: asyncio.Event, lines: AsyncIterator[bytes] | None = None) -> Tally:
        """Watch until `stop` is set. Raises TellusError where the platform refuses for good."""
        frames = self.client.stream(self.device_ids, on_gap=self._gap, on_problem=self._lost)
        jobs = [self._begin(), self._follow(frames), self._look_at_what_is_due()]
        work = [asyncio.create_task(job) for job in (jobs if lines is None else [*jobs, self._hear(lines)])]
        ends = asyncio.create_task(stop.wait())
        tasks = [*work, ends]
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

    async def _begin(self) -> None:
        """Read every charger once; each is looked at as soon as it has been read."""
        case = await collect(self.client, self.device_ids, heard=self._heard)
        for line in case.notes:
            self._tell(line)
        for device, charger in self._chargers.items():
            if charger.read_at is None:
                charger.read_at = asyncio.get_running_loop().time()
            elif self._leaders[device]:
                charger.due = True  # its sessions have come after it was looked at
        self._wake.set()

    def _heard(self, answer: Answer) -> None:
        """Take an answer of the first reading as it comes."""
        self._set_clock(answer)
        if answer.record_list == "sites":
            self._sites = {record.fields["site_id"]: record.raw for record in answer.records}
        else:
            self._take_records(answer)
        if answer.record_list == "devices":
            readings = connector_telemetry(answer)
            self._tell_problems("the platform's readings", observe({"telemetry": readings}).problems)
            for reading in readings:
                self._history.put("telemetry", reading)
            self._wake.set()
        self._reached.set()

    def _take_records(self, answer: Answer) -> None:
        """Take what an answer holds of chargers or sessions into the history."""
        for record in answer.raw:
            self._history.put(answer.record_list, record)
        self._tell_problems(f"the platform's {answer.record_list}", answer.problems)
        if answer.record_list != "devices":
            return
        for known in answer.records:
            site = self._sites.get(known.fields.get("site_id"))
            if site is not None:
                self._history.put("sites", site)
            charger = self._chargers.get(known.fields["device_id"])
            if charger is not None:
                self._take_reading(known.fields["device_id"], charger, answer)

    def _take_reading(self, device: str, charger: _Charger, answer: Answer) -> None:
        clock = self._now() if answer.as_of is None else answer.as_of
        ahead_s = (self._history.newest(device) or clock) - clock
        charger.clock, charger.clock_is_fast = clock, ahead_s > LOOK_EVERY_S
        charger.read_at = asyncio.get_running_loop().time()
        if charger.clock_is_fast:
            self._tell(
                f"{device}: its times lie {ahead_s / 60:.1f} min ahead of the platform's clock; a lost heartbeat of it is "
                "told as much later",
                about=(device, "fast"),
            )

    def _set_clock(self, answer: Answer) -> None:
        if answer.as_of is not None:
            self._clock_ahead_s = answer.as_of - _local_clock()

    def _now(self) -> float:
        """The platform's clock, epoch seconds."""
        return _local_clock() + self._clock_ahead_s

    async def _follow(self, stream: AsyncGenerator[Frame, None]) -> None:
        async with aclosing(stream) as frames:
            await self._reached.wait()
            minutes = len(self.device_ids) * QUERIES_A_CHARGER / QUERIES_A_MINUTE
            first = f"; reading them first takes some {minutes:.0f} min" if minutes >= 1 else ""
            self._tell(f"watching {counted(len(self.device_ids), 'charger')}{first}")
            async for frame in frames:
                self._take(frame)

    def _take(self, frame: Frame) -> None:
        self.tally.frames += 1
        self._connected = True
        charger = self._chargers.get(frame.device_id)
        if charger is None or not self._credible(frame.device_id, frame.timestamp, "a frame"):
            return
        charger.frame_at = asyncio.get_running_loop().time()
        readings = frame.telemetry()
        self._tell_problems(f"{frame.device_id}: a frame's", observe({"telemetry": readings}).problems)
        for reading in readings:
            self._history.put("telemetry", reading)
            self._watch_for_faults(reading)
        if any(reading.get("state") != "unavailable" for reading in readings):
            self._history.alive(frame.device_id, frame.timestamp, frame.raw["timestamp"])
        if self._leaders[frame.device_id]:
            charger.due = True

    def _credible(self, device: str, moment: float, what: str) -> bool:
        """Whether a time can be meant; one far ahead of the platform's clock is told."""
        ahead_s = moment - self._now()
        if ahead_s > AHEAD_S:
            self._tell(
                f"{device}: {what} is left out, for its time lies {ahead_s / 3600:,.1f} h ahead of the platform's clock; "
                "set the clock that it comes from",
                about=(device, what, "clock"),
            )
        return ahead_s <= AHEAD_S

    def _watch_for_faults(self, reading: Mapping[str, Any]) -> None:
        """Say once that a connector stands in fault while no report tells its code."""
        device, connector = reading["device_id"], reading.get("connector_id")
        if not isinstance(connector, int):
            return
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
        await self._reached.wait()
        only = self.device_ids[0] if len(self.device_ids) == 1 else None
        async for line in lines:
            try:
                self._take_event(event_report(line, only))
            except NoReport as problem:
                self.tally.left_out += 1
                self._tell(f"an event report is left out: {problem}")
        self._tell("standard input has ended; no more event reports come, the stream is followed on")

    def _take_event(self, report: EventReport) -> None:
        if not self._credible(report.device_id, report.timestamp, "an event report"):
            self.tally.left_out += 1
            return
        self.tally.events += 1
        self._tell_problems(f"{report.device_id}: an event report's", report.problems)
        if not self._history.put("events", report.record):
            self._tell(f"{report.device_id} is not watched, and events of too many other chargers are kept already")
        charger = self._chargers.get(report.device_id)
        if charger is not None:
            charger.due = charger.event_waits = charger.wants_reading = charger.wants_sessions = True
            self._wake.set()

    async def _look_at_what_is_due(self) -> None:
        while True:
            self._mark(asyncio.get_running_loop().time())
            while (device := self._next_due()) is not None:
                await self._look(device)
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()

    def _next_due(self) -> str | None:
        """The charger to be looked at next: one with a new event before all others, else the one not seen longest."""
        now = asyncio.get_running_loop().time()
        due = [
            (not charger.event_waits, charger.looked_at, device)
            for device, charger in self._chargers.items()
            if charger.due
            and charger.read_at is not None
            and now - charger.looked_at >= (LOOK_AFTER_EVENT_S if charger.event_waits else LOOK_EVERY_S)
        ]
        return min(due, default=(True, 0.0, None))[2]

    def _mark(self, now: float) -> None:
        for charger in self._chargers.values():
            if charger.read_at is None:
                continue
            fell_silent = (
                self._connected
                and charger.frame_at is not None
                and now - charger.frame_at >= SILENT_S
                and charger.read_at < charger.frame_at + SILENT_S
            )
            if fell_silent or now - charger.read_at >= REFRESH_S:
                charger.due = charger.wants_reading = True

    async def _look(self, device: str) -> None:
        charger = self._chargers[device]
        charger.due = charger.event_waits = False
        charger.looked_at = asyncio.get_running_loop().time()
        if charger.wants_reading:
            await self._read(device)
        diagnosis = await self._diagnosed(device)
        if not charger.clock_is_fast and not self._as_read(device) and self._without_events(device, diagnosis):
            if await self._read(device):
                diagnosis = await self._diagnosed(device)
            else:
                charger.due = charger.wants_reading = True
        self._sight(device, diagnosis, set() if self._as_read(device) else self._without_events(device, diagnosis))

    def _as_read(self, device: str) -> bool:
        """Whether hardly anything came after a charger was last read, so that it still is as it was.

        It never is where the charger's own clock runs ahead of the platform's: beside its newest time every heartbeat
        looks old.
        """
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
        if charger.read_at is not None and now - charger.read_at < READ_EVERY_S:
            return False
        sessions = charger.wants_sessions
        charger.read_at, charger.wants_reading, charger.wants_sessions = now, False, False
        try:
            async with asyncio.timeout(READ_PATIENCE_S):
                answer = await self.client.device(device)
                self._set_clock(answer)
                self._take_records(answer)
                if sessions:
                    since = datetime.fromtimestamp(self._now(), UTC) - timedelta(days=1)
                    self._take_records(await self.client.charging_records(device, since=since))
        except TimeoutError:
            self._tell(f"{device} could not be read within {READ_PATIENCE_S:.0f} s; it is tried again")
            return False
        except TellusError as error:
            self._tell(str(error))
            return False
        return True

    async def _diagnosed(self, device: str) -> Diagnosis:
        """The diagnosis of a charger as of the newest that is known of it."""
        clocks = [self._chargers[device].clock, self._history.newest(device)]
        as_of = max((clock for clock in clocks if clock is not None), default=None)
        # the history is read here, in the loop's thread: it changes with every frame
        around = self._history.around(device)
        return await asyncio.to_thread(lambda: self.triage.diagnose(observe(around), as_of=as_of, device_id=device))

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
        self._noted.clear()
        self._tell(
            f"stream: back after {gap.seconds:.0f} s ({gap.reason}); the chargers are read again, and what the stream "
            "told meanwhile is lost"
        )
        self._wake.set()

    def _lost(self, problem: str) -> None:
        self._connected = False
        self._tell(problem)

    def _tell_problems(self, whose: str, problems: Iterable[DataProblem]) -> None:
        for problem in problems:
            place = f"{whose} {problem.field}" if problem.field is not None else whose
            self._tell(f"{place}: {problem.problem}", about=(whose, problem.field))

    def _tell(self, line: str, about: Hashable = None) -> None:
        """Note a line unless the same was noted lately; `about` is what makes it the same, else its words."""
        now = asyncio.get_running_loop().time()
        self._noted = {known: at for known, at in self._noted.items() if now - at < SAME_NOTE_S}
        key = line if about is None else about
        if key not in self._noted:
            self._noted[key] = now
            self.note(line)


def _local_clock() -> float:
    return datetime.now(UTC).timestamp()


def _leader(incident: Incident) -> str | None:
    return incident.hypotheses[0].cause_id if incident.hypotheses else None
