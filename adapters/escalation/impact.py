"""What a fault cost: the connectors and sessions that it took, since when, and who else at the site has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...engine.diagnosis import Incident
from ...engine.facts import iso_timestamp, plain_number
from ...knowledge.observations import Observations, at_path
from ...knowledge.sessions import Session, sessions_of
from ..report.record_book import RecordBook, Shown
from ..report.wording import counted, listed, times_of
from .content import AffectedSession, Impact
from .occurrences import Occurrences

FAILED_WITHIN = 120.0
"""Seconds after its end, or before its start, by which a fault still belongs to a session (judgement: as long as records of
one session may differ, knowledge/sessions.py)."""

LONGEST_OPEN = 24 * 3600.0
"""Seconds after which a session without an end is no longer taken for running (judgement: no vehicle charges for longer)."""

MAX_SESSIONS = 50
"""Sessions that a document names one by one; the number of all is given (judgement: a page)."""


def impact_of(occurrences: Occurrences, book: RecordBook, shown: Shown) -> Impact:
    """The impact of an incident; `shown` are the codes that the chargers show, each with its charger before it."""
    incident = occurrences.incident
    known = connectors_of(book.observations, incident.device_id)
    own = {fault.connector_id for fault in occurrences.faults} | {incident.connector_id}
    connectors = sorted(c for c in own if c is not None)
    whole = incident.connector_id is None
    sessions = _sessions(occurrences, book)
    energies = [s.energy_kwh for s in sessions if s.energy_kwh is not None]
    neighbours, alike = _neighbours(incident, book, shown)
    energy = round(sum(energies), 3) if energies else None
    return Impact(
        whole_charger=whole,
        connectors=known if whole else connectors,
        connectors_known=len(known) or None,
        since=incident.first_seen,
        last_seen=incident.last_seen,
        occurrences=incident.occurrences,
        sessions=sessions[-MAX_SESSIONS:],
        sessions_total=len(sessions),
        energy_kwh=energy,
        sessions_without_energy=len(sessions) - len(energies),
        other_chargers_at_site=neighbours,
        same_code_at_site=alike,
        statement=" ".join(
            [_connectors_in_words(incident, len(known)), _sessions_in_words(len(sessions), energy, len(energies)),
             _site_in_words(neighbours, alike)]
        ),
    )  # fmt: skip


def connectors_of(observations: Observations, device_id: str) -> list[int]:
    """The connectors of a charger that its metadata or any of its records name."""
    found: set[int] = set()
    for table in observations.tables.values():
        rows = table.by_device.get(device_id)
        if rows is None:
            continue
        if table.name == "devices":
            for row in rows:
                for connector in table.records[row].fields.get("connectors") or ():
                    number = connector if isinstance(connector, int) else at_path(connector, "connector_id")
                    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
                        found.add(number)
            continue
        named = table.connectors[rows]
        found.update(int(number) for number in np.unique(named[np.isfinite(named)]))
    return sorted(found)


def _sessions(occurrences: Occurrences, book: RecordBook) -> list[AffectedSession]:
    incident = occurrences.incident
    times: list[tuple[float, int | None]] = [(fault.time, fault.connector_id) for fault in occurrences.faults]
    if not times:
        times = [(time, None) for time in occurrences.times]
    affected = []
    for session in sessions_of(book.observations, incident.device_id):
        at = next((time for time, connector in times if _is_hit(session, time, connector)), None)
        if at is not None:
            affected.append(
                AffectedSession(
                    connector_id=session.connector_id,
                    start=iso_timestamp(session.start),
                    end=None if session.end is None else iso_timestamp(session.end),
                    fault_at=iso_timestamp(at),
                    energy_kwh=session.energy,
                    stop_reason=session.stop_reason,
                    vehicle=session.vin,
                    vehicle_make=session.make,
                    vehicle_model=session.model,
                    vehicle_firmware=session.vehicle_firmware,
                    source=session.source,
                )
            )
    return affected


def _is_hit(session: Session, time: float, connector: int | None) -> bool:
    if connector is not None and session.connector_id is not None and connector != session.connector_id:
        return False
    end = session.start + LONGEST_OPEN if session.end is None else session.end
    return session.start - FAILED_WITHIN <= time <= end + FAILED_WITHIN


def _neighbours(incident: Incident, book: RecordBook, shown: Shown) -> tuple[int | None, list[str]]:
    """How many other chargers the site has, and which of them show the same code; None where the site is not known."""
    site = book.site_of(incident.device_id)
    if site is None:
        return None, []
    others = {device for device in book.devices if device != incident.device_id and book.site_of(device) == site}
    return len(others), sorted(device for device in others if (device, incident.fault_code) in shown)


def _connectors_in_words(incident: Incident, known: int) -> str:
    if incident.connector_id is None:
        which = f" ({counted(known, 'connector')})" if known else ""
        return f"The whole charger{which} is affected, {times_of(incident)}."
    of = f" of {known}" if known else ""
    return f"Connector {incident.connector_id}{of} is affected, {times_of(incident)}."


def _sessions_in_words(number: int, energy: float | None, with_energy: int) -> str:
    if not number:
        return "No session is recorded that ran or was begun at that time."
    verb = "was" if number == 1 else "were"
    said = f"{counted(number, 'session')} ran or {verb} begun at that time"
    if energy is None:
        return f"{said}; their energy is not known."
    partly = "" if with_energy == number else f" ({with_energy} of them tell)"
    return f"{said}, with {plain_number(energy)} kWh delivered{partly}."


def _site_in_words(neighbours: int | None, alike: Sequence[str]) -> str:
    if neighbours is None:
        return "The records do not say which other chargers stand at the site."
    if not neighbours:
        return "No other charger of the site is in the records."
    if not alike:
        return f"Of {counted(neighbours, 'other charger')} at the site none shows the same code."
    verb = "shows" if len(alike) == 1 else "show"
    return f"Of {counted(neighbours, 'other charger')} at the site {listed(list(alike))} {verb} the same code."
