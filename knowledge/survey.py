"""Which incidents a bundle holds: from fault events, heartbeats, offline chargers and reconnects."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..engine.diagnosis import MappedFrom
from ..engine.facts import Fact, RefusedFact, Source, iso_timestamp
from ..engine.knowledge_base import DataProblem, Fault
from .fault_codes import DOCUMENTED_PREFIX, NoFaultCode, normal_code
from .fleet.figures import OFFLINE_FROM
from .fleet.reported_faults import FaultEvent, Faults, Incidence
from .fleet.tables import FleetShare, FleetTables
from .measurements import measure
from .observations import Observations, Record, Table, at_path, epoch
from .readings import MINUTE, ends
from .scene import FLEET, INCIDENCES, Scene, payload_of
from .standard_codes import StandardCodes, activity, shipped_codes
from .storms import storm_times

HEARTBEAT_LOST = "F-0301"
RECONNECT_STORM = "F-0302"

DEFAULT_HEARTBEAT_S = 30.0
"""Heartbeat interval where none is configured (dictionary F-0301)."""

MISSED_INTERVALS = 2
"""Intervals without a heartbeat after which it counts as lost (contract, diagnosis.md)."""

MAX_DOSSIER_TELEMETRY = 200
"""Telemetry records an escalation of an undocumented code carries at most (our judgement: a page of a table)."""


@dataclass(frozen=True)
class FoundIncident:
    """An incident as the shell takes it: what, where, when, and how to measure around it."""

    incidence: Incidence
    observations: Observations
    faults: Faults
    entry: Fault | None
    codes: StandardCodes
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
        row = self.codes.reported(self.code)
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
        telemetry = scene.records_nearest("telemetry", self.last_seen, MAX_DOSSIER_TELEMETRY, within=window)
        return {
            "payloads": [payload_of(fault.record) for fault in self.incidence.faults],
            "device": None if scene.device is None else payload_of(scene.device),
            "device_id": self.device_id,
            "firmware_version": self.firmware_version,
            **({} if self._standard_code is None else {"standard_code": self._standard_code}),
            "time_range": {"from": iso_timestamp(self.first_seen), "to": iso_timestamp(self.last_seen)},
            "telemetry": [payload_of(record) for record in telemetry],
        }


def fault_events(
    observations: Observations, documented: Container[str] | None = None, codes: StandardCodes | None = None
) -> tuple[Faults, list[DataProblem]]:
    """Every fault that the chargers reported, by time; a fault without a usable code is a problem.

    A heartbeat with a fault code stands for an event only where the charger has none of that code. A code of another
    standard is read as the documented ones that it stands for (those of `documented`, where that is given) by `codes`, else
    by the shipped table. Of events only the faults are read, of heartbeats only those with a code; telemetry only where `chargers_with_undecided_codes` says.
    """
    found: list[FaultEvent] = []
    problems: list[DataProblem] = []

    def add(record: Record, connector: int | None, code: str, time: float, source: Source) -> None:
        device = record.fields["device_id"]
        meant = _meant(observations, codes or shipped_codes(), device, connector, code, time)
        known = {each: how for each, how in meant.items() if documented is None or each in documented}
        for each, how in known.items() or ((code, None),):
            found.append(FaultEvent(device, connector, each, time, source, record, how))

    def unusable(table: str, record: Record, field: str, problem: str) -> None:
        # its index is of the canonical order, and where a record was fed is not known here
        problems.append(DataProblem(table, None, field, f"{_place(record)}: {problem}; no incident is raised from it"))

    def read(table: str, record: Record, value: Any, field: str) -> str | None:
        try:
            return normal_code(value)
        except NoFaultCode as error:
            unusable(table, record, field, str(error))
            return None

    events = observations["events"]
    reported: set[tuple[str, str]] = set()
    for row in _rows_of_faults(events):
        record = events.records[row]
        if record.time is None:
            continue
        data = record.fields.get("data")
        value = data.get("fault_code") if isinstance(data, Mapping) else None
        if value is None or (isinstance(value, str) and not value.strip()):
            unusable("events", record, "data.fault_code", "a fault event names no code")
            continue
        code = read("events", record, value, "data.fault_code")
        if code is not None:
            reported.add((record.fields["device_id"], code))
            add(record, record.fields.get("connector_id") or None, code, record.time, events.source_of(record))
    reported |= {(fault.device_id, fault.code) for fault in found}
    heartbeats = observations["heartbeats"]
    for row, value in enumerate(heartbeats.values("fault_code")):
        if value is None or np.isnan(heartbeats.times[row]):
            continue
        record = heartbeats.records[row]
        code = read("heartbeats", record, value, "fault_code")
        if code is not None and (record.fields["device_id"], code) not in reported:
            add(record, None, code, float(heartbeats.times[row]), heartbeats.source_of(record))
    found.sort(key=_fault_order)
    return Faults(found), problems


def _place(record: Record) -> str:
    """Where a record is found in what was fed: by charger, connector and time."""
    connector = record.fields.get("connector_id")
    where = record.fields["device_id"] if not connector else f"{record.fields['device_id']}, connector {connector}"
    return where if record.time is None else f"{where} at {iso_timestamp(record.time)}"


def _fault_order(fault: FaultEvent) -> tuple[float, str, int, str, Source]:
    return (fault.time, fault.device_id, fault.connector_id or 0, fault.code, fault.source)


def _rows_of_faults(events: Table) -> list[int]:
    found: list[int] = events.rows_with("event_type", "fault").tolist()
    return found


def chargers_with_undecided_codes(observations: Observations) -> set[str]:
    """The chargers whose telemetry says what a code of another standard stands for, since that depends on what they did."""
    found = set()
    events, heartbeats = observations["events"], observations["heartbeats"]
    rows = [(events, row, "data.fault_code") for row in _rows_of_faults(events)]
    told = [row for row, value in enumerate(heartbeats.values("fault_code")) if value is not None]
    for table, row, path in (*rows, *((heartbeats, row, "fault_code") for row in told)):
        fields = table.records[row].fields
        try:
            code = normal_code(at_path(fields, path))
        except NoFaultCode:
            continue
        standard = None if code is None or code.startswith(DOCUMENTED_PREFIX) else shipped_codes().reported(code)
        if standard is not None and standard.depends_on_activity:
            found.add(fields["device_id"])
    return found


def _meant(
    observations: Observations, codes: StandardCodes, device: str, connector: int | None, code: str, time: float
) -> dict[str, MappedFrom]:
    """The documented codes that a code of another standard stands for, and how; empty where it is of none, or stands for none."""
    row = None if code.startswith(DOCUMENTED_PREFIX) else codes.reported(code)
    if row is None or not row.maps_to:
        return {}
    doing = activity(observations, device, connector, time) if row.depends_on_activity else "unknown"
    return {each.fault: row.mapped(each.fit) for each in row.stands_for(doing, connector is not None)}


def find_incidents(
    observations: Observations, entries: Mapping[str, Fault], codes: StandardCodes | None = None
) -> tuple[list[FoundIncident], list[DataProblem]]:
    """The incidents of a bundle, one for each charger, connector and code, and the problems met.

    `codes` is the table of other standards' codes, the shipped one where it is not given. Of a share of a fleet, those of its chargers; the problems of the fleet's faults are not among them.
    """
    chargers: Collection[str] | None = None
    problems: list[DataProblem] = []
    if isinstance(observations, FleetShare):
        fleet, chargers = observations.fleet, observations.chargers
    else:
        faults, problems = fault_events(observations, entries, codes)
        fleet = FleetTables(observations, faults)
        problems.extend(_offline_at_no_time(fleet))
    by_charger: dict[str, list[Incidence]] = {}
    shared: dict[Any, Any] = {INCIDENCES: by_charger, FLEET: fleet}
    found = []
    for bare in incidences(fleet, entries, chargers):
        incidence = bare if bare.faults else replace(bare, raised_from=tuple(signs_of(observations, bare)))
        entry = entries.get(incidence.code)
        if entry is not None:
            by_charger.setdefault(incidence.device_id, []).append(incidence)
        last = incidence.times[-1]
        if not incidence.faults and incidence.code == HEARTBEAT_LOST and observations.as_of is not None:
            last = max(last, observations.as_of)
        found.append(
            FoundIncident(
                incidence=incidence,
                observations=observations,
                faults=fleet.faults,
                entry=entry,
                codes=codes or shipped_codes(),
                shared=shared,
                first_seen=incidence.times[0],
                last_seen=last,
                occurrences=len(incidence.faults),
            )
        )
    return [_without_other_readings(incident, fleet) for incident in found], problems


def incidences(
    fleet: FleetTables, entries: Mapping[str, Fault], chargers: Collection[str] | None = None
) -> list[Incidence]:
    """Which incidents there are, of all chargers or of some: those of fault events, lost heartbeats and storms of reconnects.

    It reads faults, figures, and the lists of chargers, configurations and connections; of those that no event stands behind
    it does not say which records they are seen in.
    """
    grouped: dict[tuple[str, int | None, str], list[FaultEvent]] = {}
    reported = set()
    wanted = None if chargers is None else frozenset(chargers)
    for fault in fleet.faults if wanted is None else _by_time(fleet, wanted):
        entry = entries.get(fault.code)
        connector = None if entry is not None and entry.scope == "charger" else fault.connector_id
        grouped.setdefault((fault.device_id, connector, fault.code), []).append(fault)
        reported.add((fault.device_id, fault.code))
    found = [
        Incidence(device, connector, code, tuple(sorted({event.time for event in events})), tuple(events))
        for (device, connector, code), events in grouped.items()
    ]
    heard = fleet.figures.columns["heartbeats_until"]
    connections = fleet.observations["connections"]
    known = {*fleet.chargers, *heard, *connections.by_device} if wanted is None else wanted
    for device in sorted(known):
        if (device, HEARTBEAT_LOST) not in reported and (lost := lost_since(fleet, device)) is not None:
            found.append(Incidence(device, None, HEARTBEAT_LOST, (lost,), ()))
        if (device, RECONNECT_STORM) not in reported and (storm := storm_times(connections, device)):
            found.append(Incidence(device, None, RECONNECT_STORM, tuple(storm), ()))
    return found


def _by_time(fleet: FleetTables, chargers: Iterable[str]) -> list[FaultEvent]:
    """The faults of some chargers in the order of all faults."""
    return sorted((fault for device in chargers for fault in fleet.faults.of(device=device)), key=_fault_order)


def _without_other_readings(incident: FoundIncident, fleet: FleetTables) -> FoundIncident:
    """The incident without what its own reports were read as besides.

    A report that may stand for either of two codes is no sign of the one for the other.
    """
    own = {fault.source for fault in incident.incidence.faults if fault.mapped_from is not None}
    reports = fleet.faults.of(device=incident.device_id) if own else ()
    others = {id(f) for f in reports if f.source in own and f.code != incident.code}
    if not others:
        return incident
    mine = [_left_of(each, others) for each in incident.shared[INCIDENCES].get(incident.device_id, ())]
    faults = fleet.faults.without(others)
    by_charger = {incident.device_id: [each for each in mine if each is not None]}
    return replace(incident, faults=faults, shared={INCIDENCES: by_charger, FLEET: fleet.with_faults(faults)})


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


def lost_since(fleet: FleetTables, device: str) -> float | None:
    """Since when a charger's heartbeat is lost (epoch seconds): offline by its status, or its heartbeats too old.

    A heartbeat that says offline is the platform's word, and no beat. A status that begins after the diagnosis says nothing yet.
    """
    as_of = fleet.observations.as_of
    metadata = fleet.chargers
    told = metadata.value("last_heartbeat", device)
    beats = (None if told is None else epoch(told), fleet.figures.of("beat_until", device))
    newest = max((beat for beat in beats if beat is not None), default=None)
    said_offline = fleet.figures.of(OFFLINE_FROM, device)
    if metadata.value("status", device) == "offline":
        stated = metadata.value("offline_since", device)
        since = epoch(stated) if stated is not None else as_of if newest is None else newest
        # metadata may be newer than the diagnosis: of what began after it nothing is known yet
        if since is None or as_of is None or since <= as_of:
            return since
    if said_offline is not None and (newest is None or newest < said_offline):
        return said_offline
    if newest is None or as_of is None:
        return None
    silent = as_of - newest
    if silent <= 0:
        return None
    return newest if silent > MISSED_INTERVALS * heartbeat_interval(fleet.observations, device) else None


def _offline_at_no_time(fleet: FleetTables) -> list[DataProblem]:
    """The chargers that are offline where no record tells a time, so that an incident would have none."""
    if fleet.observations.as_of is not None:
        return []
    chargers = fleet.chargers
    problem = "it is offline, and no record tells a time; no incident is raised from it"
    return [
        DataProblem("devices", None, "status", f"{chargers.ids[place]}: {problem}")
        for place in chargers.having("status", "offline")
    ]


def signs_of(observations: Observations, incidence: Incidence) -> list[Source]:
    """The records that an incident without fault events is seen in.

    Of a lost heartbeat the charger's metadata and its newest heartbeat; of a storm the reconnects.
    """
    device = incidence.device_id
    if incidence.code == RECONNECT_STORM:
        return records_at(observations["connections"], device, incidence.times)
    signs: list[Source] = []
    for name in ("devices", "heartbeats"):
        table = observations[name]
        signs.extend(table.source(int(row)) for row in table.by_device.get(device, ())[-1:])
    return signs


def records_at(table: Table, device: str, moments: Sequence[float]) -> list[Source]:
    """The records of a charger at some moments (epoch seconds); of many, the first and the last."""
    wanted = set(moments)
    return [table.source(int(row)) for row in ends([r for r in table.by_device[device] if table.times[r] in wanted])]
