"""Charging sessions, put together from charging records and, where there is none, from start and stop events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..engine.facts import Source
from .observations import Observations, Record, at_path, epoch

SAME_SESSION = 120.0
"""Seconds by which the start event and the record of one session may differ (our judgement: clock and authorisation)."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session: start and end in epoch seconds (end None while running or unknown), power in kW, energy in kWh."""

    device_id: str
    connector_id: int | None
    start: float
    end: float | None
    vin: str | None
    make: str | None
    model: str | None
    vehicle_firmware: str | None
    stop_reason: str | None
    details: Any
    max_power: float | None
    avg_power: float | None
    energy: float | None
    soc_start: float | None
    soc_end: float | None
    source: Source

    @property
    def duration(self) -> float | None:
        """Seconds from start to end."""
        return None if self.end is None else max(0.0, self.end - self.start)


def sessions_of(observations: Observations, device_id: str) -> list[Session]:
    """The sessions of one charger, by start."""
    records = observations["charging_records"]
    rows = records.by_device.get(device_id)
    found = [_from_record(records.records[row], observations) for row in (rows if rows is not None else ())]
    events = observations["events"]
    rows = events.by_device.get(device_id)
    for session in _from_events([events.records[row] for row in (rows if rows is not None else ())], observations):
        same = [
            known
            for known in found
            if (
                known.connector_id == session.connector_id or known.connector_id is None or session.connector_id is None
            )
            and (
                abs(known.start - session.start) <= SAME_SESSION
                or (known.start <= session.start and (known.end is None or session.start <= known.end))
            )
        ]
        if not same:
            found.append(session)
    return sorted(found, key=lambda s: (s.start, s.connector_id or 0, s.source))


def _from_record(record: Record, observations: Observations) -> Session:
    fields = record.fields
    end = fields.get("end_time")
    vehicle = fields.get("vehicle_info") or {}
    return Session(
        device_id=fields["device_id"],
        connector_id=fields.get("connector_id") or None,
        start=epoch(fields["start_time"]),
        end=None if end is None else epoch(end),
        vin=vehicle.get("vin"),
        make=vehicle.get("make"),
        model=vehicle.get("model"),
        vehicle_firmware=vehicle.get("firmware"),
        stop_reason=fields.get("stop_reason"),
        details=fields.get("details"),
        max_power=fields.get("max_power"),
        avg_power=fields.get("avg_power"),
        energy=fields.get("energy"),
        soc_start=vehicle.get("soc_start"),
        soc_end=vehicle.get("soc_end"),
        source=observations["charging_records"].source_of(record),
    )


def _from_events(records: list[Record], observations: Observations) -> list[Session]:
    sessions: list[Session] = []
    running: dict[int | None, tuple[Record, Any]] = {}

    def close(connector: int | None, end: float | None, reason: str | None, details: Any) -> None:
        begun = running.pop(connector, None)
        if begun is None:
            return
        record, data = begun
        vehicle = data.get("vehicle_info") if isinstance(data.get("vehicle_info"), Mapping) else data
        sessions.append(
            Session(
                device_id=record.fields["device_id"],
                connector_id=connector,
                start=record.time or 0.0,
                end=end,
                vin=_text(at_path(vehicle, "vin")),
                make=_text(at_path(vehicle, "make")),
                model=_text(at_path(vehicle, "model")),
                vehicle_firmware=_text(at_path(vehicle, "firmware")),
                stop_reason=reason,
                details=details,
                max_power=None,
                avg_power=None,
                energy=None,
                soc_start=None,
                soc_end=None,
                source=observations["events"].source_of(record),
            )
        )

    for record in records:
        connector = record.fields.get("connector_id") or None
        data = record.fields.get("data")
        data = data if isinstance(data, Mapping) else {}
        match record.fields["event_type"]:
            case "start":
                close(connector, None, None, None)
                running[connector] = (record, data)
            case "stop":
                close(connector, record.time, _text(data.get("reason")), data.get("details"))
            case "plug_out":
                close(connector, record.time, None, None)
            case _:
                continue
    for connector in list(running):
        close(connector, None, None, None)
    return sessions


def _text(value: Any) -> str | None:
    return value[:256] if isinstance(value, str) and value else None
