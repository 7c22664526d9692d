"""When an incident occurred, and the records that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...engine.diagnosis import Incident
from ...engine.facts import Source
from ...knowledge.observations import Record, parse_timestamp
from ...knowledge.scene import FaultEvent
from ..report.record_book import RecordBook


@dataclass(frozen=True)
class Occurrences:
    """An incident with its fault events; `times` (epoch seconds) are theirs, or where it has none first and last sight."""

    incident: Incident
    faults: Sequence[FaultEvent]
    times: Sequence[float]

    def reported(self, book: RecordBook) -> list[tuple[Source, Record]]:
        """The records in which the charger reported the fault, in time order."""
        found = [(fault.source, book.record(fault.source)) for fault in self.faults]
        return [(source, record) for source, record in found if record is not None]


def occurrences_of(incident: Incident, faults: Sequence[FaultEvent]) -> Occurrences:
    """The occurrences of an incident among all faults that the chargers reported."""
    own = [
        fault
        for fault in faults
        if fault.device_id == incident.device_id
        and fault.code == incident.fault_code
        and (incident.connector_id is None or fault.connector_id == incident.connector_id)
    ]
    times = sorted({fault.time for fault in own}) or [
        time
        for time in dict.fromkeys(parse_timestamp(seen) for seen in (incident.first_seen, incident.last_seen))
        if time is not None
    ]
    return Occurrences(incident, own, times)
