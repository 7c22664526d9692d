"""What an escalation holds, as pydantic models: the same content for Markdown, HTML and JSON. Times are ISO 8601 in UTC."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ...engine.diagnosis import (
    Consequence,
    Contradiction,
    DataWarning,
    KnowledgeRef,
    KnownFirmwareIssue,
    MappedFrom,
    UpstreamIncident,
)
from ...engine.facts import Source
from ...engine.trace import EvidenceItem, ResultModel
from ...knowledge.models import FirmwareStanding
from .redaction.known import NAMED_THINGS


class PayloadRecord(ResultModel):
    """A record as it was fed, with its place: the list and, in time order, its index there."""

    list: str
    index: int
    timestamp: str | None
    record: dict[str, Any]

    @property
    def keeps_name(self) -> bool:
        """Whether the record's own `name` is that of a place or a charger, and of no person."""
        return self.list in NAMED_THINGS


class SiteCard(ResultModel):
    """Where the charger stands."""

    site_id: str
    name: str | None
    location: Any
    area: str | None
    network: str | None


class DeviceCard(ResultModel):
    """The charger as its metadata describes it; null where that is not known."""

    device_id: str
    serial_number: str | None
    model: str | None
    manufacturer: str | None
    firmware: FirmwareStanding
    v2g_capable: bool | None
    ocpp_version: str | None
    status: str | None
    manufacturing_batch: str | None
    connectors: list[int]
    site: SiteCard | None
    record: PayloadRecord | None


class AffectedSession(ResultModel):
    """A session that ran, or was begun, when the fault occurred; energy in kWh, null where no record tells it."""

    connector_id: int | None
    start: str
    end: str | None
    fault_at: str
    energy_kwh: float | None
    stop_reason: str | None
    vehicle: str | None
    vehicle_make: str | None
    vehicle_model: str | None
    vehicle_firmware: str | None
    source: Source


class Impact(ResultModel):
    """What the fault cost: connectors and sessions, since when, and whether chargers beside it have the same code.

    `connectors_known` is how many connectors the records tell of; `energy_kwh` is the sum over those sessions whose energy is known
    (null where none is), `sessions_without_energy` the number of the others.
    """

    whole_charger: bool
    connectors: list[int]
    connectors_known: int | None
    since: str
    last_seen: str
    occurrences: int
    sessions: list[AffectedSession]
    sessions_total: int
    energy_kwh: float | None
    sessions_without_energy: int
    other_chargers_at_site: int | None
    same_code_at_site: list[str]
    statement: str


class TimelineEntry(ResultModel):
    """Something that happened, with the record that says so; `of` is the charger, site or grid area it happened to."""

    timestamp: str
    of: str
    connector_id: int | None
    what: str
    is_fault: bool
    source: Source


class Timeline(ResultModel):
    """What happened around the faults, in order; `left_out` counts the entries that found no room, `scope` says what is in."""

    entries: list[TimelineEntry]
    left_out: int
    scope: str


class RankedCause(ResultModel):
    """A cause with its sum: `prior_db` and the counted evidence add up to `score_db`. `behind` says why it does not lead."""

    rank: int
    cause_id: str
    title: str
    probability: float
    prior_db: float
    score_db: float
    evidence: list[EvidenceItem]
    arithmetic: str
    behind: str | None


class Ranking(ResultModel):
    """The documented causes, ranked; `remark` says where they are not told apart, or none of them fits."""

    causes: list[RankedCause]
    undocumented_probability: float | None
    undocumented_prior_db: float | None
    remark: str | None
    contradictions: list[Contradiction]
    would_change: list[str]


class CheckEffect(ResultModel):
    """What a check's result did to a cause: decibans, and whether they counted."""

    fault_code: str
    cause_id: str
    title: str
    weight_db: float
    counted: bool
    rule_id: str


class CheckDone(ResultModel):
    """A check that was made: its result, when, by whom, and what it did to the ranking."""

    check_id: str
    title: str
    result: str
    connector_id: int | None
    timestamp: str | None
    by: str | None
    effects: list[CheckEffect]
    source: Source


class Reason(ResultModel):
    """A statement that keeps a cause down: decibans against it, or (`relative`) that it falls behind the leader by."""

    statement: str
    weight_db: float
    relative: bool
    rule_id: str


class RuledOut(ResultModel):
    """A cause under one per cent, and what put it there."""

    cause_id: str
    title: str
    probability: float
    by: list[Reason]


class OpenTask(ResultModel):
    """Something that is still to be done or found out, and who has to.

    `owner` is a role's id, `owner_source` where it is written that it is theirs, or why it is judged so. `covered_by` is the incident
    whose visit does it too.
    """

    kind: Literal["check", "action", "unknown"]
    title: str
    check_id: str | None
    where: Literal["remote", "onsite"]
    minutes: float | None
    owner: str
    owner_title: str
    owner_source: str
    why: str
    covered_by: str | None = None


class TelemetryColumn(ResultModel):
    """A column of telemetry by its dotted path, what it is called and its unit."""

    path: str
    title: str
    unit: str | None


class ConstantColumn(TelemetryColumn):
    """A column that had one value in all records of the excerpt."""

    value: Any


class TelemetryRow(ResultModel):
    """One record of telemetry: its values in the order of the columns, null where it holds none."""

    timestamp: str
    connector_id: int | None
    index: int
    nearest_to_fault: bool
    values: list[Any]


class Series(ResultModel):
    """A column of the chart for one connector (null: the whole charger): times and values, without gaps filled."""

    path: str
    title: str
    unit: str
    connector_id: int | None
    times: list[str]
    values: list[float]


class TelemetryExcerpt(ResultModel):
    """Telemetry around the faults: a table of what varied, what stood still, and the series that the evidence points at.

    `records` is how many records there are in the windows, `note` which windows they are and how the table was thinned.
    """

    windows: list[tuple[str, str]]
    records: int
    columns: list[TelemetryColumn]
    constants: list[ConstantColumn]
    rows: list[TelemetryRow]
    note: str
    fault_times: list[str]
    series: list[Series]


class UnknownCodeReport(ResultModel):
    """What the vendor asks for about a code that the dictionary does not hold, and where to send it.

    The payloads and the telemetry that belong to it stand in the incident.
    """

    send_to: str
    source: str
    device_id: str
    firmware_version: str | None
    time_from: str
    time_to: str


class EscalatedIncident(ResultModel):
    """One incident with all that level 2 needs to judge it. An undocumented code has no ranking and no tasks, but a report."""

    incident_id: str
    fault_code: str
    title: str | None
    documented: bool
    severity: str | None
    category: str | None
    connector_id: int | None
    root: str | None
    caused_by: list[UpstreamIncident]
    leads_to: list[Consequence]
    mapped_from: MappedFrom | None
    known_firmware_issue: KnownFirmwareIssue | None
    impact: Impact
    ranking: Ranking | None
    ruled_out: list[RuledOut]
    open: list[OpenTask]
    report: UnknownCodeReport | None
    payloads: list[PayloadRecord]
    payloads_left_out: int
    telemetry: TelemetryExcerpt


class ChargerSection(ResultModel):
    """A charger with its incidents, the upstream ones first; `others` are incidents of it that were not asked for."""

    device: DeviceCard
    summary: list[str]
    incidents: list[EscalatedIncident]
    others: list[str]
    timeline: Timeline
    checks_done: list[CheckDone]


class Escalation(ResultModel):
    """An escalation document. `redacted` says whether identifiers stand under pseudonyms, `pseudonyms` how many of each kind.

    `summary` is two sentences; `sections_left_out` names the chargers for which the document had no room.
    """

    title: str
    as_of: str | None
    redacted: bool
    redaction_note: str
    pseudonyms: dict[str, int]
    summary: list[str]
    sections: list[ChargerSection]
    sections_left_out: list[str]
    data_problems: list[DataWarning]
    measurements: dict[str, str] = Field(default_factory=dict)
    version: str
    knowledge: KnowledgeRef
    matcher: str
    facts_digest: str
