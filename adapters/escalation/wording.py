"""Words that the Markdown and the HTML form of an escalation share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...engine.facts import plain_number
from ..report.argument import consequences_in_words, root_in_words
from ..report.wording import clean, decibans, firmware_applies, listed, moment, percent, read_from, span
from .content import (
    AffectedSession,
    CheckEffect,
    DeviceCard,
    EscalatedIncident,
    Escalation,
    OpenTask,
    RankedCause,
    Reason,
)


def pseudonyms_in_words(escalation: Escalation) -> str:
    """How many of each kind stand under a pseudonym: `Pseudonyms stand for 2 vehicles and 1 tag.`"""
    if not escalation.pseudonyms:
        return "Nothing of the kind was met." if escalation.redacted else ""
    plurals = {"person": "people", "address": "addresses"}
    counts = [
        f"{number} {kind if number == 1 else plurals.get(kind, kind + 's')}"
        for kind, number in escalation.pseudonyms.items()
    ]
    return f"Pseudonyms stand for {listed(counts)}."


def facts_of_device(device: DeviceCard) -> list[tuple[str, str]]:
    """Label and value of what is known of a charger and its site."""
    return list(_facts_of_device(device))


def _facts_of_device(device: DeviceCard) -> Iterator[tuple[str, str]]:
    yield "device", clean(device.device_id)
    yield "model", ", ".join(clean(part) for part in (device.model, device.manufacturer) if part) or "not known"
    if device.serial_number:
        yield "serial number", clean(device.serial_number)
    yield "firmware", clean(device.firmware.version) if device.firmware.version else "not known"
    yield "how far behind", clean(device.firmware.statement)
    if device.connectors:
        yield "connectors", ", ".join(map(str, device.connectors))
    about = [
        "" if device.v2g_capable is None else "V2G capable" if device.v2g_capable else "no V2G",
        f"OCPP {clean(device.ocpp_version)}" if device.ocpp_version else "",
        clean(device.status) if device.status else "",
        f"batch {clean(device.manufacturing_batch)}" if device.manufacturing_batch else "",
    ]
    if any(about):
        yield "also", ", ".join(part for part in about if part)
    site = device.site
    if site is None:
        yield "site", "not known"
        return
    known = [
        clean(site.name) if site.name else "",
        clean(site.site_id),
        clean(site.location) if isinstance(site.location, str) else "",
        f"grid area {clean(site.area)}" if site.area else "",
        f"network {clean(site.network)}" if site.network else "",
    ]
    yield "site", ", ".join(part for part in known if part)


def headline_of(incident: EscalatedIncident) -> str:
    """Code and title of an incident."""
    return f"{clean(incident.fault_code)} {clean(incident.title or 'is not in the dictionary')}"


def incident_facts(incident: EscalatedIncident) -> list[str]:
    """What an incident is, in a few words each: its id, where, when, how grave; a known firmware issue and its standing."""
    impact = incident.impact
    times = (
        f"{impact.occurrences} times"
        if impact.occurrences > 1
        else "once"
        if impact.occurrences
        else "from the records"
    )
    facts = [
        clean(incident.incident_id),
        "whole charger" if incident.connector_id is None else f"connector {incident.connector_id}",
        f"{times}, {span(impact.since, impact.last_seen)}",
    ]
    facts += [clean(part) for part in (incident.severity, incident.category) if part]
    issue = incident.known_firmware_issue
    if issue is not None:
        facts.append(
            f"known firmware issue {clean(issue.affected)}, fixed in {clean(issue.fixed_in)}: {firmware_applies(issue.applies)}"
        )
    mapped = incident.mapped_from
    if mapped is not None:
        facts.append(f"reported as {clean(mapped.code)} ({clean(mapped.standard)}, {mapped.exactness})")
    return facts


def upstream_in_words(incident: EscalatedIncident) -> list[str]:
    """What stands behind an incident, and what it brought about."""
    root = root_in_words(incident)
    lines = [] if root is None else [root]
    lines += [f"{clean(up.statement)} ({clean(up.incident_id)})" for up in incident.caused_by]
    return [*lines, *(f"It brought about {line}" for line in consequences_in_words(incident))]


def session_in_words(session: AffectedSession) -> str:
    """A session that the fault took: connector, times, energy, why it ended, the vehicle, the record."""
    end = "no end recorded" if session.end is None else f"to {moment(session.end)}"
    vehicle = " ".join(
        clean(part) for part in (session.vehicle, session.vehicle_make, session.vehicle_model) if part is not None
    )
    parts = [
        "" if session.connector_id is None else f"connector {session.connector_id}",
        f"{moment(session.start)} {end}",
        "energy not known" if session.energy_kwh is None else f"{plain_number(session.energy_kwh)} kWh",
        f"ended by {clean(session.stop_reason)}" if session.stop_reason else "",
        f"vehicle {vehicle}" if vehicle else "",
        f"vehicle firmware {clean(session.vehicle_firmware)}" if session.vehicle_firmware else "",
        read_from([session.source]),
    ]
    return ", ".join(part for part in parts if part)


def cause_in_words(cause: RankedCause) -> str:
    """A cause with its place and share."""
    return f"{cause.rank}. {clean(cause.title)} ({percent(cause.probability)})"


def owner_sources(tasks: Sequence[OpenTask]) -> str:
    """Where it is written that tasks are somebody's, or why it is judged so, each once."""
    return "; ".join(dict.fromkeys(clean(task.owner_source) for task in tasks))


def effect_in_words(effect: CheckEffect) -> str:
    """What a check did to a cause: `+13 dB for Bearings worn (F-0601)`."""
    already = "" if effect.counted else ", already counted"
    return f"{decibans(effect.weight_db)} dB for {clean(effect.title)} ({clean(effect.fault_code)}{already})"


def reason_in_words(reason: Reason) -> str:
    """What keeps a cause down, with its weight."""
    of = " against the leader" if reason.relative else ""
    return f"{decibans(reason.weight_db)} dB{of}: {clean(reason.statement)}"
