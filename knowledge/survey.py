"""Which incidents a bundle holds: from fault events, heartbeats, offline chargers and reconnects."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..engine.diagnosis import MappedFrom
from ..engine.facts import Fact, RefusedFact, Source, iso_timestamp
from ..engine.knowledge_base import DataProblem, Fault
from .fault_codes import NoFaultCode, normal_code
from .measurements import measure
from .observations import Observations, Record, Table, epoch
from .readings import MINUTE, ends
from .scene import INCIDENCES, FaultEvent, Incidence, Scene, payload_of
from .standard_codes import activity, lookup

DOCUMENTED_PREFIX = "F-"
"""How the dictionary's codes begin: they need no look into the tables of other standards."""

HEARTBEAT_LOST = "F-0301"
RECONNECT_STORM = "F-0302"

DEFAULT_HEARTBEAT_S = 30.0
"""Heartbeat interval where none is configured (dictionary F-0301)."""

MISSED_INTERVALS = 2
"""Intervals without a heartbeat after which it counts as lost (contract, diagnosis.md)."""

STORM_RECONNECTS = 5
"""More reconnects than this within STORM_WINDOW_S are a storm (dictionary F-0302)."""

STORM_WINDOW_S = 10 * MINUTE
"""The window of a reconnect storm (dictionary F-0302)."""

MAX_DOSSIER_TELEMETRY = 200
"""Telemetry records an escalation of an undocumented code carries at most (our judgement: a page of a table)."""


@dataclass(frozen=True)
class FoundIncident:
    """An incident as the shell takes it: what, where, when, and how to measure around it."""

    incidence: Incidence
    observations: Observations
    faults: Sequence[FaultEvent]
    entry: Fault | None
    shared: dict[Any, Any]
    first_seen: float
    last_seen: float
    occurrences: int

    @property
    def device_id(self) -> str:
        return self.incidence.device_id

    @property
    def connector_id(self) -> int | None:
        return self.incidence.connector_id

    @property
    def code(self) -> str:
        return self.incidence.code

    @property
    def firmware_version(self) -> str | None:
        """The charger's firmware version as its metadata gives it."""
        version = self.scene().about("firmware_version")
        return version if isinstance(version, str) else None

    @property
    def mapped_from(self) -> MappedFrom | None:
        """The code of another standard that was reported instead of a documented one; None where it was documented.

        Of several the exact one is named, else the latest.
        """
        faults = self.incidence.faults
        if not faults or any(fault.mapped_from is None for fault in faults):
            return None
        found = [fault.mapped_from for fault in faults if fault.mapped_from is not None]
        return next((each for each in reversed(found) if each.exactness == "exact"), found[-1])

    @property
    def _standard_code(self) -> dict[str, Any] | None:
        """What the code means by its standard, and which documented codes a person should think of."""
        row = lookup(self.code)
        if row is None:
            return None
        return {
            "code": row.code,
            "name": row.name or None,
            "standard": row.standard,
            "meaning": row.meaning,
            "think_of": list(row.related),
            "why_not_mapped": row.basis or None,
        }

    def scene(self) -> Scene:
        """Everything the records hold around the incident."""
        return Scene(self.observations, self.incidence, self.faults, self.entry, self.shared)

    def measure(self, fact_names: Iterable[str]) -> Iterable[Fact | RefusedFact]:
        """The facts of these names that the records hold, and those that could not be measured."""
        return measure(self.scene(), fact_names)

    def dossier(self) -> dict[str, Any]:
        """Full event payloads, device and firmware, time range and concurrent telemetry (dictionary, unknown codes)."""
        scene = self.scene()
        window = (self.first_seen - 10 * MINUTE, self.last_seen + 10 * MINUTE)
        telemetry = [
            record
            for record in scene.records("telemetry", which="own")
            if record.time is not None and window[0] <= record.time <= window[1]
        ]
        nearest = sorted(telemetry, key=lambda r: (abs((r.time or 0.0) - self.last_seen), r.index))[
            :MAX_DOSSIER_TELEMETRY
        ]
        return {
            "payloads": [payload_of(fault.record) for fault in self.incidence.faults],
            "device": None if scene.device is None else payload_of(scene.device),
            "device_id": self.device_id,
            "firmware_version": self.firmware_version,
            **({} if self._standard_code is None else {"standard_code": self._standard_code}),
            "time_range": {"from": iso_timestamp(self.first_seen), "to": iso_timestamp(self.last_seen)},
            "telemetry": [payload_of(record) for record in sorted(nearest, key=lambda r: r.index)],
        }


def fault_events(
    observations: Observations, documented: Container[str] | None = None
) -> tuple[list[FaultEvent], list[DataProblem]]:
    """Every fault that the chargers reported, by time; a fault without a usable code is a problem.

    A heartbeat with a fault code stands for an event only where the charger has none of that code. A code of another
    standard is read as the documented ones that it stands for (those of `documented`, where that is given).
    """
    found: list[FaultEvent] = []
    problems: list[DataProblem] = []

    def add(record: Record, connector: int | None, code: str, time: float, source: Source) -> None:
        device = record.fields["device_id"]
        meant = _meant(observations, device, connector, code, time)
        known = {each: how for each, how in meant.items() if documented is None or each in documented}
        for each, how in known.items() or ((code, None),):
            found.append(FaultEvent(device, connector, each, time, source, record, how))

    def read(table: str, record: Record, value: Any, field: str) -> str | None:
        try:
            return normal_code(value)
        except NoFaultCode as error:
            problems.append(DataProblem(table, record.index, field, f"{error}; no incident is raised from it"))
            return None

    events = observations["events"]
    for record in events.records:
        if record.fields["event_type"] != "fault" or record.time is None:
            continue
        data = record.fields.get("data")
        value = data.get("fault_code") if isinstance(data, Mapping) else None
        if value is None:
            problems.append(
                DataProblem(
                    "events",
                    record.index,
                    "data.fault_code",
                    "a fault event names no code; no incident is raised from it",
                )
            )
            continue
        code = read("events", record, value, "data.fault_code")
        if code is not None:
            add(record, record.fields.get("connector_id") or None, code, record.time, events.source_of(record))
    reported = {(fault.device_id, fault.code) for fault in found}
    heartbeats = observations["heartbeats"]
    for record in heartbeats.records:
        value = record.fields.get("fault_code")
        if value is None or record.time is None:
            continue
        code = read("heartbeats", record, value, "fault_code")
        if code is not None and (record.fields["device_id"], code) not in reported:
            add(record, None, code, record.time, heartbeats.source_of(record))
    found.sort(key=lambda fault: (fault.time, fault.device_id, fault.connector_id or 0, fault.code, fault.source))
    return found, problems


def _meant(
    observations: Observations, device: str, connector: int | None, code: str, time: float
) -> dict[str, MappedFrom]:
    """The documented codes that a code of another standard stands for, and how; empty where it is of none, or stands for none."""
    row = None if code.startswith(DOCUMENTED_PREFIX) else lookup(code)
    if row is None or not row.maps_to:
        return {}
    doing = activity(observations, device, connector, time) if row.depends_on_activity else "unknown"
    return {each.fault: row.mapped(each.fit) for each in row.stands_for(doing, connector is not None)}


def find_incidents(
    observations: Observations, entries: Mapping[str, Fault]
) -> tuple[list[FoundIncident], list[DataProblem]]:
    """The incidents of a bundle, one for each charger, connector and code, and the problems met."""
    faults, problems = fault_events(observations, entries)
    grouped: dict[tuple[str, int | None, str], list[FaultEvent]] = {}
    for fault in faults:
        entry = entries.get(fault.code)
        connector = None if entry is not None and entry.scope == "charger" else fault.connector_id
        grouped.setdefault((fault.device_id, connector, fault.code), []).append(fault)
    by_charger: dict[str, list[Incidence]] = {}
    shared: dict[Any, Any] = {INCIDENCES: by_charger}
    found = []

    def add(device: str, connector: int | None, code: str, times: Sequence[float], events: Sequence[FaultEvent],
            raised_from: Sequence[Source] = (), last: float | None = None) -> None:  # fmt: skip
        entry = entries.get(code)
        incidence = Incidence(device, connector, code, tuple(times), tuple(events), tuple(raised_from))
        if entry is not None:
            by_charger.setdefault(device, []).append(incidence)
        found.append(
            FoundIncident(
                incidence=incidence,
                observations=observations,
                faults=faults,
                entry=entry,
                shared=shared,
                first_seen=times[0],
                last_seen=max(times[-1], times[-1] if last is None else last),
                occurrences=len(events),
            )
        )

    for (device, connector, code), events in grouped.items():
        add(device, connector, code, sorted({event.time for event in events}), events)
    reported = {(fault.device_id, fault.code) for fault in faults}
    metadata = {record.fields["device_id"]: record for record in observations["devices"].records}
    for device in sorted({*metadata, *observations["heartbeats"].by_device, *observations["connections"].by_device}):
        record = metadata.get(device)
        if (device, HEARTBEAT_LOST) not in reported and (
            lost := lost_since(observations, device, {} if record is None else record.fields)
        ) is not None:
            signs = signs_of_loss(observations, device, record)
            add(device, None, HEARTBEAT_LOST, [lost], [], signs, observations.as_of)
        if (device, RECONNECT_STORM) not in reported and (storm := storm_times(observations, device)):
            add(device, None, RECONNECT_STORM, storm, [], records_at(observations["connections"], device, storm))
    return [_without_other_readings(incident) for incident in found], problems


def _without_other_readings(incident: FoundIncident) -> FoundIncident:
    """The incident without what its own reports were read as besides.

    A report that may stand for either of two codes is no sign of the one for the other.
    """
    own = {fault.source for fault in incident.incidence.faults if fault.mapped_from is not None}
    others = {id(f) for f in incident.faults if f.source in own and f.code != incident.code} if own else set()
    if not others:
        return incident
    by_charger: dict[str, list[Incidence]] = {}
    for device, incidences in incident.shared[INCIDENCES].items():
        by_charger[device] = [left for each in incidences if (left := _left_of(each, others)) is not None]
    faults = [fault for fault in incident.faults if id(fault) not in others]
    return replace(incident, faults=faults, shared={INCIDENCES: by_charger})


def _left_of(incidence: Incidence, others: Container[int]) -> Incidence | None:
    """An incidence without some of its fault events; None where nothing is left of it."""
    left = tuple(fault for fault in incidence.faults if id(fault) not in others)
    if len(left) == len(incidence.faults):
        return incidence
    return replace(incidence, faults=left, times=tuple(sorted({fault.time for fault in left}))) if left else None


def heartbeat_interval(observations: Observations, device: str) -> float:
    """The charger's heartbeat interval in seconds: the newest configured one, else the dictionary's 30 s."""
    table = observations["configurations"]
    rows = table.by_device.get(device)
    if rows is not None:
        column = table.numbers("settings.heartbeat_interval_s")[rows]
        for value in reversed(column):
            if value > 0:
                return float(value)
    return DEFAULT_HEARTBEAT_S


def lost_since(observations: Observations, device: str, metadata: Mapping[str, Any]) -> float | None:
    """Since when a charger's heartbeat is lost (epoch seconds): offline by its status, or its heartbeats too old.

    `metadata` are the fields of its device record. A heartbeat that says offline is the platform's word, and no beat.
    """
    as_of = observations.as_of
    beats = [] if metadata.get("last_heartbeat") is None else [epoch(metadata["last_heartbeat"])]
    said_offline: float | None = None
    table = observations["heartbeats"]
    for row in reversed(table.by_device.get(device, ())):
        if table.records[row].fields.get("status") != "offline":
            beats.append(float(table.times[row]))
            break
        said_offline = float(table.times[row])
    newest = max(beats, default=None)
    if metadata.get("status") == "offline":
        since = metadata.get("offline_since")
        if since is not None:
            return epoch(since)
        return as_of if newest is None else newest
    if said_offline is not None and (newest is None or newest < said_offline):
        return said_offline
    if newest is None or as_of is None:
        return None
    return newest if as_of - newest > MISSED_INTERVALS * heartbeat_interval(observations, device) else None


def signs_of_loss(observations: Observations, device: str, metadata: Record | None) -> list[Source]:
    """The records that a lost heartbeat is seen in: the charger's metadata, and its newest heartbeat."""
    heartbeats = observations["heartbeats"]
    signs = [] if metadata is None else [observations["devices"].source_of(metadata)]
    signs.extend(heartbeats.source(int(row)) for row in heartbeats.by_device.get(device, ())[-1:])
    return signs


def records_at(table: Table, device: str, moments: Sequence[float]) -> list[Source]:
    """The records of a charger at some moments (epoch seconds); of many, the first and the last."""
    wanted = set(moments)
    return [table.source(int(row)) for row in ends([r for r in table.by_device[device] if table.times[r] in wanted])]


def reconnects(observations: Observations, device: str) -> list[float]:
    """When the charger reconnected (epoch seconds): each `reconnect`, and each `online` after an `offline` or another
    `online` that no `reconnect` announced."""
    table = observations["connections"]
    rows = table.by_device.get(device)
    if rows is None:
        return []
    times = []
    before: str | None = None
    for row in rows:
        transition = table.records[row].fields["transition"]
        if transition == "reconnect" or (transition == "online" and before in ("offline", "online")):
            times.append(float(table.times[row]))
        before = transition
    return times


def storm_times(observations: Observations, device: str) -> list[float]:
    """The reconnects that are part of a storm; empty where there is none."""
    times = reconnects(observations, device)
    stormy: set[int] = set()
    start = 0
    for end, time in enumerate(times):
        while time - times[start] > STORM_WINDOW_S:
            start += 1
        if end - start + 1 > STORM_RECONNECTS:
            stormy.update(range(start, end + 1))
    return sorted({times[place] for place in stormy})
