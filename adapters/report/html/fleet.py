"""Fleet context: which chargers of the site, and which of the same firmware, show the same code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....engine.diagnosis import Diagnosis, Incident
from ....engine.facts import iso_timestamp
from ....knowledge.observations import Record
from ....knowledge.scene import FaultEvent
from ..record_book import RecordBook, Shown
from ..wording import clean, counted

MAX_CHARGERS = 40
"""Chargers of a site that are listed one by one, those with the code first (our judgement: one screen)."""


@dataclass(frozen=True)
class Charger:
    """A charger beside the one in question: whether it shows the same code, how often, when last, and other codes."""

    device_id: str
    model: str
    firmware: str
    same_firmware: bool
    status: str
    shows: bool
    times: int
    last_seen: str | None
    other_codes: tuple[str, ...]
    itself: bool


@dataclass(frozen=True)
class Fleet:
    """The chargers of an incident's site, how many are not listed, and sentences about the code elsewhere."""

    site: str
    chargers: Sequence[Charger]
    unlisted: int
    sentences: Sequence[str]


class FleetBook:
    """Which charger shows which code, counted once for all incidents of a page."""

    def __init__(self, diagnosis: Diagnosis, book: RecordBook, faults: Sequence[FaultEvent], shown: Shown) -> None:
        self._book = book
        self._reported: dict[tuple[str, str], list[float]] = {}
        for fault in faults:
            self._reported.setdefault((fault.device_id, fault.code), []).append(fault.time)
        self._raised = {(i.device_id, i.fault_code): i.last_seen for i in diagnosis.incidents}
        self._codes: dict[str, set[str]] = {}
        for device, code in [*self._reported, *self._raised, *shown]:
            self._codes.setdefault(device, set()).add(code)

    def around(self, incident: Incident) -> Fleet | None:
        """The fleet around an incident; None where the bundle holds no other charger."""
        devices = self._book.devices
        own = devices.get(incident.device_id)
        site = self._book.site_of(incident.device_id)
        there = [
            record
            for device, record in sorted(devices.items())
            if device == incident.device_id or (site is not None and record.fields.get("site_id") == site)
        ]
        sentences = self._sentences(incident, there, own)
        if len(devices) < 2:
            return None
        chargers = [self._charger(record, incident, own) for record in there]
        chargers.sort(key=lambda c: (not c.itself, not c.shows, c.device_id))
        return Fleet(site or "", chargers[:MAX_CHARGERS], max(0, len(chargers) - MAX_CHARGERS), sentences)

    def _shows(self, device_id: str, code: str) -> bool:
        return code in self._codes.get(device_id, ())

    def _charger(self, record: Record, incident: Incident, own: Record | None) -> Charger:
        device = record.fields["device_id"]
        times = self._reported.get((device, incident.fault_code), [])
        last = iso_timestamp(times[-1]) if times else self._raised.get((device, incident.fault_code))
        return Charger(
            device,
            str(record.fields.get("model") or ""),
            str(record.fields.get("firmware_version") or ""),
            own is not None and _firmware(record) is not None and _firmware(record) == _firmware(own),
            str(record.fields.get("status") or ""),
            self._shows(device, incident.fault_code),
            len(times),
            last,
            tuple(sorted(self._codes.get(device, set()) - {incident.fault_code})),
            device == incident.device_id,
        )

    def _sentences(self, incident: Incident, there: Sequence[Record], own: Record | None) -> list[str]:
        code = incident.fault_code
        beside = [record for record in there if record.fields["device_id"] != incident.device_id]
        sentences = []
        if beside:
            showing = sum(self._shows(record.fields["device_id"], code) for record in beside)
            sentences.append(
                f"{showing} of {counted(len(beside), 'other charger')} of the site {_do(showing)} {clean(code)}."
            )
        version = None if own is None else _firmware(own)
        others = [record for device, record in self._book.devices.items() if device != incident.device_id]
        groups: Mapping[str, list[Record]] = {
            f"firmware {clean(version)}": [record for record in others if _firmware(record) == version],
            "other firmware": [record for record in others if _firmware(record) not in (None, version)],
        }
        if version is not None:
            for name, group in groups.items():
                if group:
                    showing = sum(self._shows(record.fields["device_id"], code) for record in group)
                    sentences.append(
                        f"Of {counted(len(group), 'other charger')} in these records with {name}, {showing} {_do(showing)} it."
                    )
        return sentences


def _do(number: int) -> str:
    return "reports" if number == 1 else "report"


def _firmware(record: Record) -> Any:
    return record.fields.get("firmware_version")
