"""A diagnosis and its records to an escalation: which incidents it covers, in which order, and what is said of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...engine.diagnosis import Diagnosis, Incident
from ...engine.knowledge_base import Check
from ...knowledge.models import firmware_standing
from ...knowledge.observations import Record, Table, plain_json
from ...knowledge.owners import owners
from ...knowledge.scene import FaultEvent
from ..bundle import Bundle
from ..report.argument import facts_behind
from ..report.record_book import RecordBook, Shown, as_diagnosed
from ..report.wording import headline, where_of
from .content import (
    ChargerSection,
    DeviceCard,
    EscalatedIncident,
    Escalation,
    PayloadRecord,
    SiteCard,
    UnknownCodeReport,
)
from .impact import connectors_of, impact_of
from .occurrences import Occurrences, occurrences_of
from .reasoning import checks_done, open_tasks, ranking_of, ruled_out, shipped_checks, vocabulary_of
from .redaction import Kind, Redactor, known_in
from .summary import summary_of, summary_of_all
from .telemetry import excerpt_of
from .timeline import timeline_of

MAX_SECTIONS = 40
"""Chargers that one document tells in full (judgement: more are a report on a fleet, and no hand-over)."""

MAX_PAYLOADS = 50
"""Event payloads of an incident that are shown: the latest (judgement: a repeated payload tells nothing new)."""

FIELD_KINDS = {("AffectedSession", "vehicle"): Kind.VEHICLE, ("CheckDone", "by"): Kind.PERSON}

REDACTED = (
    "Redacted: vehicle identification numbers, id tags, tokens, names, addresses of people and networks stand under pseudonyms, the same "
    "one for the same throughout this document."
)
UNREDACTED = (
    "Not redacted: this document holds identifiers of vehicles and people as they were recorded. Hand it on with care."
)


class UnknownIncident(LookupError):
    """The diagnosis has no incident of this id."""


def escalation_of(
    diagnosis: Diagnosis,
    bundle: Bundle,
    *,
    incident_id: str | None = None,
    device_id: str | None = None,
    fault_code: str | None = None,
    redact: bool = True,
    as_of: float | None = None,
    checks: Mapping[str, Check] | None = None,
) -> Escalation:
    """The escalation of a diagnosis: of one incident, of a charger's, of those of a code, or of all.

    An incident that is asked for comes with those that stand behind it.

    `bundle` is what was diagnosed, and `as_of` (epoch seconds) what was given to `Triage.diagnose`: what came later is left out.
    `checks` are those of the knowledge that was reasoned with, where it is not the shipped one.
    With `redact` every text is freed of what identifies vehicles and people. The same diagnosis and bundle give the same
    bytes. Raises UnknownIncident where the diagnosis has no incident of the id.
    """
    redactor = None
    if redact:
        known = known_in(bundle.observations, vocabulary_of(diagnosis))
        known.keep(owners().vendor_contact.address, always=True)
        redactor = Redactor(known, FIELD_KINDS)
    book, faults, shown = as_diagnosed(diagnosis, bundle, as_of)
    document = _Composition(
        diagnosis, book, faults, shown, redactor, shipped_checks() if checks is None else checks
    ).document(_asked(diagnosis, incident_id, device_id, fault_code))
    if redactor is None:
        return document
    redacted = redactor.document(document)
    counts = redactor.counts_in(redacted.model_dump_json())
    return redacted.model_copy(update={"pseudonyms": counts, "redaction_note": REDACTED})


def _asked(
    diagnosis: Diagnosis, incident_id: str | None, device_id: str | None, fault_code: str | None
) -> list[Incident]:
    by_id = {incident.incident_id: incident for incident in diagnosis.incidents}
    if incident_id is not None and incident_id not in by_id:
        raise UnknownIncident(f"no incident {incident_id!r} in this diagnosis")
    waiting = [
        incident.incident_id
        for incident in diagnosis.incidents
        if incident_id in (None, incident.incident_id)
        and device_id in (None, incident.device_id)
        and fault_code in (None, incident.fault_code)
    ]
    wanted = set()
    while waiting:
        name = waiting.pop()
        if name in by_id and name not in wanted:
            wanted.add(name)
            waiting += [up.incident_id for up in by_id[name].caused_by]
    return [incident for incident in diagnosis.incidents if incident.incident_id in wanted]


def upstream_first(incidents: Sequence[Incident]) -> list[Incident]:
    """Incidents in their order, each behind those that brought it about, and undocumented codes behind all others."""
    by_id = {incident.incident_id: incident for incident in incidents}
    ordered: dict[str, Incident] = {}

    def place(incident: Incident, above: frozenset[str]) -> None:
        if incident.incident_id in ordered or incident.incident_id in above:
            return
        for up in incident.caused_by:
            if up.incident_id in by_id:
                place(by_id[up.incident_id], above | {incident.incident_id})
        ordered.setdefault(incident.incident_id, incident)

    for incident in incidents:
        place(incident, frozenset())
    return sorted(ordered.values(), key=lambda incident: not incident.documented)


@dataclass(frozen=True)
class _Composition:
    diagnosis: Diagnosis
    book: RecordBook
    faults: Sequence[FaultEvent]
    shown: Shown
    redactor: Redactor | None
    checks: Mapping[str, Check]

    def document(self, asked: Sequence[Incident]) -> Escalation:
        chargers: dict[str, list[Incident]] = {}
        for incident in asked:
            chargers.setdefault(incident.device_id, []).append(incident)
        told = list(chargers.items())[:MAX_SECTIONS]
        sections = [self._section(device, upstream_first(incidents)) for device, incidents in told]
        diagnosis = self.diagnosis
        named = {fact for section in sections for incident in section.incidents for fact in _facts_named(incident)}
        return Escalation(
            title=_title(asked),
            as_of=diagnosis.as_of,
            redacted=self.redactor is not None,
            redaction_note=UNREDACTED,
            pseudonyms={},
            summary=summary_of_all(sections),
            sections=sections,
            sections_left_out=list(chargers)[MAX_SECTIONS:],
            data_problems=diagnosis.warnings,
            measurements={name: text for name, text in sorted(diagnosis.measurements.items()) if name in named},
            version=diagnosis.version,
            knowledge=diagnosis.knowledge,
            matcher=diagnosis.matcher,
            facts_digest=diagnosis.facts_digest,
        )

    def _section(self, device_id: str, incidents: Sequence[Incident]) -> ChargerSection:
        found = [occurrences_of(incident, self.faults) for incident in incidents]
        device = self._device(device_id)
        told = [self._incident(occurrences, device) for occurrences in found]
        there = {incident.incident_id for incident in incidents}
        return ChargerSection(
            device=device,
            summary=summary_of(device, incidents[0], told[0], incidents[1:]),
            incidents=told,
            others=[
                f"{headline(i)} at {where_of(i)}"
                for i in self.diagnosis.incidents
                if i.device_id == device_id and i.incident_id not in there
            ],
            timeline=timeline_of(device_id, found, self.book, self._clean),
            checks_done=checks_done(device_id, incidents, self.book, self.checks),
        )

    def _incident(self, occurrences: Occurrences, device: DeviceCard) -> EscalatedIncident:
        incident = occurrences.incident
        reported = occurrences.reported(self.book)
        return EscalatedIncident(
            incident_id=incident.incident_id,
            fault_code=incident.fault_code,
            title=incident.title,
            documented=incident.documented,
            severity=incident.severity,
            category=incident.category,
            connector_id=incident.connector_id,
            root=incident.root,
            caused_by=incident.caused_by,
            leads_to=incident.leads_to,
            mapped_from=incident.mapped_from,
            known_firmware_issue=incident.known_firmware_issue,
            impact=impact_of(occurrences, self.book, self.shown),
            ranking=ranking_of(incident),
            ruled_out=ruled_out(incident),
            open=open_tasks(incident),
            report=None if incident.documented else _report(incident, device),
            payloads=[
                PayloadRecord(
                    list=source.list, index=source.index, timestamp=source.timestamp, record=_as_fed(record.raw)
                )
                for source, record in reported[-MAX_PAYLOADS:]
            ],
            payloads_left_out=max(0, len(reported) - MAX_PAYLOADS),
            telemetry=excerpt_of(occurrences, self.book, self._clean),
        )

    def _clean(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return raw if self.redactor is None else self.redactor.record(_as_fed(raw))

    def _device(self, device_id: str) -> DeviceCard:
        record = self.book.devices.get(device_id)
        fields: Mapping[str, Any] = {} if record is None else record.fields
        model, version = fields.get("model"), fields.get("firmware_version")
        lifecycle = fields.get("lifecycle") or {}
        v2g = fields.get("v2g_capable")
        return DeviceCard(
            device_id=device_id,
            serial_number=fields.get("sn"),
            model=model,
            manufacturer=fields.get("manufacturer"),
            firmware=firmware_standing(model, version, v2g=bool(v2g) or "V2G" in (model or "").upper()),
            v2g_capable=v2g,
            ocpp_version=fields.get("ocpp_version"),
            status=fields.get("status"),
            manufacturing_batch=lifecycle.get("manufacturing_batch"),
            connectors=connectors_of(self.book.observations, device_id),
            site=self._site(self.book.site_of(device_id)),
            record=None if record is None else _payload(self.book.observations["devices"], record),
        )

    def _site(self, site_id: str | None) -> SiteCard | None:
        if site_id is None:
            return None
        fields: Mapping[str, Any] = next(
            (r.fields for r in self.book.observations["sites"].records if r.fields["site_id"] == site_id), {}
        )
        network = fields.get("network") or {}
        return SiteCard(
            site_id=site_id,
            name=fields.get("name"),
            location=plain_json(fields.get("location")),
            area=fields.get("area"),
            network=network.get("status"),
        )


def _payload(table: Table, record: Record) -> PayloadRecord:
    source = table.source_of(record)
    return PayloadRecord(list=source.list, index=source.index, timestamp=source.timestamp, record=_as_fed(record.raw))


def _as_fed(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it was fed, its fields in one order whichever of two like records came first."""
    return {key: _in_order(value) for key, value in sorted(plain_json(dict(raw)).items())}


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_order(item) for key, item in sorted(value.items())}
    return [_in_order(item) for item in value] if isinstance(value, list) else value


def _report(incident: Incident, device: DeviceCard) -> UnknownCodeReport:
    contact = owners().vendor_contact
    return UnknownCodeReport(
        send_to=contact.address,
        source=contact.source,
        device_id=incident.device_id,
        firmware_version=device.firmware.version,
        time_from=incident.first_seen,
        time_to=incident.last_seen,
    )


def _title(asked: Sequence[Incident]) -> str:
    if not asked:
        return "Escalation: nothing to escalate"
    chargers = list(dict.fromkeys(incident.device_id for incident in asked))
    codes = list(dict.fromkeys(incident.fault_code for incident in upstream_first(asked)))
    where = chargers[0] if len(chargers) == 1 else f"{len(chargers)} chargers"
    return f"Escalation: {', '.join(codes)} at {where}"


def _facts_named(incident: EscalatedIncident) -> set[str]:
    if incident.ranking is None:
        return set()
    evidence = [item for cause in incident.ranking.causes for item in cause.evidence]
    return {fact.name for item in evidence for fact in facts_behind(item.facts)}
