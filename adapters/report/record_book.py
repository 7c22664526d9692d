"""The records of a bundle as a report looks them up: by the source that a fact names, and in a few words each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ...engine.diagnosis import Diagnosis
from ...engine.facts import Source, in_words, plain_number
from ...knowledge.fleet.reported_faults import Faults
from ...knowledge.fleet.tables import FleetTables
from ...knowledge.observations import Observations, Record, Rows, Table, at_path, epoch, parse_timestamp
from ...knowledge.survey import fault_events, incidences
from ..bundle import Bundle
from .telemetry_columns import COLUMNS

Fields = Mapping[str, Any]

Shown = Collection[tuple[str, str]]
"""Chargers with the codes that they show."""

MAX_READINGS_TOLD = 6
"""Readings of one telemetry record that its description names (our judgement: one line of a table)."""


@dataclass(frozen=True)
class RecordBook:
    """The records behind a diagnosis. Nothing in it raises for a source that the bundle does not hold."""

    observations: Observations
    _places: dict[str, dict[int, int]] = field(default_factory=dict, repr=False)

    def table(self, name: str) -> Table | None:
        """A record list by its name; None where there is none of that name."""
        return self.observations.tables.get(name)

    def place(self, source: Source) -> int | None:
        """Where in its list the record of a source stands."""
        table = self.table(source.list)
        if table is None:
            return None
        places = self._places.get(source.list)
        if places is None:
            places = self._places[source.list] = {record.index: place for place, record in enumerate(table.records)}
        return places.get(source.index)

    def record(self, source: Source) -> Record | None:
        """The record of a source; None where the bundle does not hold it."""
        table, place = self.table(source.list), self.place(source)
        return None if table is None or place is None else table.records[place]

    def time(self, source: Source) -> float | None:
        """When the record of a source is from, in epoch seconds; None where it has no time."""
        return None if source.timestamp is None else parse_timestamp(source.timestamp)

    def records_of(self, list_name: str, device_id: str) -> list[Record]:
        """A charger's records of one list, in time order."""
        table = self.table(list_name)
        rows = None if table is None else table.by_device.get(device_id)
        return [] if table is None or rows is None else [table.records[row] for row in rows]

    def telemetry_rows(self, sources: Iterable[Source]) -> Rows:
        """The places of those sources that are telemetry."""
        found = [self.place(source) for source in sources if source.list == "telemetry"]
        return np.array(sorted({place for place in found if place is not None}), dtype=np.intp)

    def site_of(self, device_id: str) -> str | None:
        """The site of a charger, where its metadata says so."""
        device = self.devices.get(device_id)
        site = None if device is None else device.fields.get("site_id")
        return site if isinstance(site, str) else None

    def area_of(self, site_id: str | None) -> str | None:
        """The grid area of a site, where its record names one."""
        for record in self.observations["sites"].records:
            if site_id is not None and record.fields["site_id"] == site_id:
                area = record.fields.get("area")
                return area if isinstance(area, str) else None
        return None

    @cached_property
    def devices(self) -> Mapping[str, Record]:
        """The metadata of all chargers by id."""
        return {record.fields["device_id"]: record for record in self.observations["devices"].records}

    def owner(self, source: Source) -> str:
        """Whose record it is: `A/1`, a charger, a site or an area; empty where that is not said."""
        record = self.record(source)
        if record is None:
            return ""
        fields = record.fields
        owner = fields.get("device_id") or fields.get("site_id") or fields.get("area") or ""
        connector = fields.get("connector_id")
        return f"{owner}/{connector}" if connector else str(owner)

    def words(self, source: Source) -> str:
        """What the record of a source says, in one line; empty where the bundle does not hold it."""
        record = self.record(source)
        return "" if record is None else described(source.list, record.fields)


def as_diagnosed(diagnosis: Diagnosis, bundle: Bundle, as_of: float | None) -> tuple[RecordBook, Faults, Shown]:
    """The records that a diagnosis saw, the faults as it read them, and which charger shows which code.

    The diagnosis may be of one charger only, and what the others show need not be reported by an event.
    `as_of` (epoch seconds) is what was given to `Triage.diagnose`. The moment that a diagnosis names does not do: a bundle may
    state it, and that leaves nothing out.
    """
    observations = bundle.observations if as_of is None else bundle.observations.until(as_of)
    # a code of another standard is read as a documented one only where the diagnosis has read it so
    faults, _ = fault_events(observations, {incident.fault_code for incident in diagnosis.incidents})
    shown = {(found.device_id, found.code) for found in incidences(FleetTables(observations, faults), {})}
    return RecordBook(observations), faults, shown


def described(list_name: str, fields: Fields) -> str:
    """What a record says, in one line: its telling fields only, and none that names a person or a vehicle."""
    describe = _DESCRIBED.get(list_name)
    return "" if describe is None else ", ".join(part for part in describe(fields) if part)


def _said(fields: Fields, path: str, before: str = "", unit: str | None = None) -> str:
    value = at_path(fields, path)
    if value is None or isinstance(value, (Mapping, list)):
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{before}{in_words(float(value), unit)}"
    return f"{before}{in_words(value, None) if isinstance(value, bool) else value}"


def _event(fields: Fields) -> list[str]:
    changed = [_said(fields, "data.from"), _said(fields, "data.to")]
    return [
        str(fields["event_type"]).replace("_", " "),
        _said(fields, "data.fault_code"),
        _said(fields, "data.fault_message"),
        _said(fields, "data.reason"),
        " → ".join(changed) if all(changed) else "",
    ]


def _telemetry(fields: Fields) -> list[str]:
    readings = []
    for column in COLUMNS:
        value = column.of(fields)
        if value is not None:
            readings.append(f"{column.title.lower()} {in_words(value, column.unit)}")
    return [_said(fields, "state"), *readings[:MAX_READINGS_TOLD]]


def _session(fields: Fields) -> list[str]:
    start, end = fields.get("start_time"), fields.get("end_time")
    length = ""
    if start is not None and end is not None:
        length = f"{plain_number(round((epoch(end) - epoch(start)) / 60, 1))} min"
    return [
        "session",
        length,
        _said(fields, "energy", unit="kWh"),
        _said(fields, "max_power", "at most ", "kW"),
        _said(fields, "stop_reason", "ended by "),
    ]


def _connection(fields: Fields) -> list[str]:
    clean = fields.get("clean_close")
    return [
        _said(fields, "transition"),
        "" if clean is None else "closed cleanly" if clean else "not closed cleanly",
        _said(fields, "close_code", "close code "),
        _said(fields, "reason"),
    ]


def _grid(fields: Fields) -> list[str]:
    return [
        _said(fields, "kind").replace("_", " "),
        _said(fields, "voltage_v", unit="V"),
        _said(fields, "frequency_hz", unit="Hz"),
        _said(fields, "duration_s", "for ", "s"),
    ]


_DESCRIBED: dict[str, Callable[[Fields], list[str]]] = {
    "sites": lambda f: [_said(f, "name"), _said(f, "network.status", "network ")],
    "devices": lambda f: [_said(f, "model"), _said(f, "firmware_version", "firmware "), _said(f, "status")],
    "events": _event,
    "heartbeats": lambda f: ["heartbeat", _said(f, "status"), _said(f, "fault_code")],
    "telemetry": _telemetry,
    "charging_records": _session,
    "connections": _connection,
    "commands": lambda f: [_said(f, "command").replace("_", " "), _said(f, "status")],
    "configurations": lambda f: [
        _said(f, "running_config", "runs "),
        _said(f, "expected_config", "expected "),
        _said(f, "last_push.status", "last push "),
    ],
    "service_visits": lambda f: ["visit", _said(f, "work")],
    "grid": _grid,
    "environment": lambda f: [_said(f, "ambient_c", "ambient ", "°C")],
    "check_results": lambda f: [_said(f, "check_id"), _said(f, "value")],
}
