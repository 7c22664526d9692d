"""Charging sessions, put together from charging records and, where there is none, from start and stop events."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from math import inf, nextafter
from typing import Any, NamedTuple

from ..engine.facts import Source
from .observations import Observations, Record, Table, epoch

SAME_SESSION = 120.0
"""Seconds by which the start event and the record of one session may differ (our judgement: clock and authorisation)."""

LONGEST_OPEN = 3 * 86400.0
"""Seconds from its start on which a session may go on whose end is not told (our judgement: a vehicle that stands over a long
weekend; what is open for longer has lost its end)."""


class Session(NamedTuple):
    """One session: start and end in epoch seconds (end None while running or unknown), power in kW, energy in kWh.

    `record` is the record of `table` that tells of it: the charging record, or the event that began it.
    """

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
    table: Table
    record: Record
    next_start: float = inf
    """Epoch seconds at which the next session of its connector began, where its own end is not told; infinite where none did."""

    @property
    def over_by(self) -> float:
        """Epoch seconds by which it was over: its end, else the next start on its connector, else LONGEST_OPEN after its start."""
        return min(self.next_start, self.start + LONGEST_OPEN) if self.end is None else self.end

    @property
    def duration(self) -> float | None:
        """Seconds from start to end."""
        return None if self.end is None else max(0.0, self.end - self.start)

    @property
    def source(self) -> Source:
        """Where it was read: most sessions are only passed over, so this is worked out when it is asked for."""
        return self.table.source_of(self.record)


def sessions_of(observations: Observations, device_id: str) -> list[Session]:
    """The sessions of one charger, by start."""
    records, events = observations["charging_records"], observations["events"]
    recorded = [_from_record(record, records) for record in _of_charger(records, device_id)]
    begun = _told_by_events(_of_charger(events, device_id))
    return _with_next_starts(sorted(_with_unrecorded(recorded, begun, events), key=_place))


def _with_next_starts(sessions: list[Session]) -> list[Session]:
    """Sessions in order, those without an end with the next start on their connector, which has one at a time."""
    next_start: dict[int | None, float] = {}
    for place in range(len(sessions) - 1, -1, -1):
        session = sessions[place]
        if session.end is None:
            sessions[place] = session._replace(next_start=next_start.get(session.connector_id, inf))
        next_start[session.connector_id] = session.start
    return sessions


def _of_charger(table: Table, device_id: str) -> list[Record]:
    rows = table.by_device.get(device_id)
    return [] if rows is None else table.records_at(rows)


def _place(session: Session) -> tuple[float, int, str, int]:
    """By start and connector, then by list and record."""
    return session.start, session.connector_id or 0, session.table.name, session.record.index


class _Spans:
    """Spans of sessions by start, so that one at a moment is found without going through all of them."""

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._latest_ends: list[float] = []  # of each span and those before it

    def add(self, start: float, end: float) -> None:
        """Take a span; an infinite end is that of one that has not ended."""
        place = bisect_right(self._starts, start)
        self._starts.insert(place, start)
        self._latest_ends.insert(place, end)
        for later in range(max(place, 1), len(self._starts)):
            self._latest_ends[later] = max(self._latest_ends[later], self._latest_ends[later - 1])

    def has(self, moment: float) -> bool:
        """Whether one covers a moment, or starts within SAME_SESSION of it."""
        place = bisect_right(self._starts, moment)
        before = place > 0 and (
            moment <= self._latest_ends[place - 1] or moment - self._starts[place - 1] <= SAME_SESSION
        )
        return before or (place < len(self._starts) and self._starts[place] - moment <= SAME_SESSION)


class _Begun(NamedTuple):
    """A session as events tell it: the record of its start, when it ended and why, as far as that is told."""

    record: Record
    end: float | None
    reason: str | None
    details: Any

    @property
    def connector(self) -> int | None:
        return self.record.fields.get("connector_id") or None

    @property
    def start(self) -> float:
        return self.record.time or 0.0


class _Starts:
    """When sessions of each connector began, by connector; those of no known connector belong to every one."""

    def __init__(self, told: Iterable[tuple[int | None, float]]) -> None:
        self._told = sorted(told, key=lambda each: each[1])
        self._of: dict[int | None, list[float]] = {}

    def of(self, connector: int | None) -> list[float]:
        """The starts that may be a connector's, in order; all of them where it is not known."""
        found = self._of.get(connector)
        if found is None:
            found = [start for each, start in self._told if connector is None or each in (connector, None)]
            self._of[connector] = found
        return found


def _with_unrecorded(recorded: Sequence[Session], begun: Sequence[_Begun], events: Table) -> list[Session]:
    """Sessions that are recorded, and of those that events tell the ones that are not among them.

    One without an end covers no more than the first start that events tell of it: by the next the connector was free again.
    """
    spans: dict[int | None, _Spans] = {}
    found: list[Session] = []
    records = _Starts((session.connector_id, session.start) for session in recorded)
    told = _Starts((each.connector, each.start) for each in begun)

    def reach(session: Session) -> float:
        if session.end is not None:
            return session.end
        others, starts = records.of(session.connector_id), told.of(session.connector_id)
        own = bisect_left(starts, session.start - SAME_SESSION)
        next_start = len(starts) if own == len(starts) else bisect_right(starts, starts[own])
        next_record = bisect_right(others, session.start)
        following = (*others[next_record : next_record + 1], *starts[next_start : next_start + 1])
        return nextafter(min(following), -inf) if following else inf

    def add(session: Session) -> None:
        found.append(session)
        spans.setdefault(session.connector_id, _Spans()).add(session.start, reach(session))

    for session in sorted(recorded, key=lambda each: each.start):
        add(session)
    for each in begun:
        connector = each.connector
        alike = spans.values() if connector is None else [spans[key] for key in (connector, None) if key in spans]
        if not any(known.has(each.start) for known in alike):
            add(_begun_by(each, events))
    return found


def _from_record(record: Record, table: Table) -> Session:
    fields = record.fields
    end = fields.get("end_time")
    vehicle = fields.get("vehicle_info") or {}
    return Session(
        device_id=fields["device_id"],
        connector_id=fields.get("connector_id") or None,
        start=epoch(fields["start_time"]) if record.time is None else record.time,
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
        table=table,
        record=record,
    )


def _told_by_events(records: Sequence[Record]) -> list[_Begun]:
    sessions: list[_Begun] = []
    running: dict[int | None, Record] = {}

    def close(connector: int | None, end: float | None, reason: str | None, details: Any) -> None:
        record = running.pop(connector, None)
        if record is not None:
            sessions.append(_Begun(record, end, reason, details))

    def stopped(connector: int | None) -> int | None:
        """The connector under which a session runs that a stop on this one ends; a record that names none means the only one."""
        if connector in running:
            return connector
        return next(iter(running)) if connector is None and len(running) == 1 else None

    for record in records:
        kind = record.fields["event_type"]
        if kind not in ("start", "stop", "plug_out"):
            continue
        connector = record.fields.get("connector_id") or None
        if kind == "start":
            close(connector, None, None, None)
            running[connector] = record
        elif kind == "stop":
            data = record.data
            close(stopped(connector), record.time, _text(data.get("reason")), data.get("details"))
        else:
            close(connector, record.time, None, None)
    for connector in list(running):
        close(connector, None, None, None)
    return sessions


def _begun_by(begun: _Begun, table: Table) -> Session:
    record = begun.record
    data = record.data
    told = data.get("vehicle_info")
    vehicle = told if isinstance(told, Mapping) else data
    return Session(
        device_id=record.fields["device_id"],
        connector_id=begun.connector,
        start=record.time or 0.0,
        end=begun.end,
        vin=_text(vehicle.get("vin")),
        make=_text(vehicle.get("make")),
        model=_text(vehicle.get("model")),
        vehicle_firmware=_text(vehicle.get("firmware")),
        stop_reason=begun.reason,
        details=begun.details,
        max_power=None,
        avg_power=None,
        energy=None,
        soc_start=None,
        soc_end=None,
        table=table,
        record=record,
    )


def _text(value: Any) -> str | None:
    return value[:256] if isinstance(value, str) and value else None
