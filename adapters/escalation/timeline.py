"""The timeline of the fault window: what every record list says happened around the faults, merged."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...engine.diagnosis import Incident
from ...engine.facts import Source, iso_timestamp
from ...knowledge.observations import Record, Table, epoch, plain_json
from ..report.argument import facts_behind
from ..report.record_book import RecordBook, described
from ..report.wording import counted
from .content import Timeline, TimelineEntry
from .occurrences import Occurrences
from .telemetry import Cleaner

MINUTE = 60.0
DAY = 86_400.0

BEFORE = 30 * MINUTE
AFTER = 15 * MINUTE
"""How far around an occurrence everything is told (judgement: plug-in to fault takes minutes, the reaction to it as well)."""

LONG_BEFORE = 30 * DAY
"""How long before the latest occurrence visits, configurations, firmware updates and checks are told (judgement: what was changed
within a month is asked for first)."""

CITED_BEFORE = DAY
"""How long before an occurrence a record stands on the timeline because evidence names it (judgement: older ones are history,
and stand in the trace)."""

MAX_ENTRIES = 100
"""Entries that a timeline holds beside the faults (judgement: three pages)."""

MAX_FAULTS = 200
"""Faults that a timeline holds; of more, the latest (judgement: a storm tells nothing new by its thousandth)."""

LASTING = frozenset({"service_visits", "configurations", "check_results"})
"""Record lists whose entries matter long after they were made."""

AROUND = ("events", "connections", "commands", "grid", "charging_records")
"""Record lists whose entries matter near an occurrence only; of heartbeats only those that report the fault stand on the timeline."""

FED = ("data", "params", "result")
"""Fields whose shape nobody prescribes: they may hold records with fields of their own."""

LASTING_COMMANDS = ("firmware", "update", "configur", "reset", "calibrat", "set_")
"""Parts of the names of commands that change a charger for longer than a moment."""


def timeline_of(device_id: str, incidents: Sequence[Occurrences], book: RecordBook, clean: Cleaner) -> Timeline:
    """What happened to a charger around the occurrences of its incidents; faults of those are always in, up to a bound."""
    times = sorted({time for occurrences in incidents for time in occurrences.times})
    cited = {
        source for o in incidents for source in _cited(o.incident) if source.list not in ("telemetry", "heartbeats")
    }
    entries = {
        fault.source: _entry(fault.source, fault.record, clean, is_fault=True)
        for occurrences in incidents
        for fault in occurrences.faults
    }
    for table, record in _candidates(device_id, book):
        source = table.source_of(record)
        telling = (
            source in cited and record.time is not None and _is_within(record.time, record.time + CITED_BEFORE, times)
        )
        if source not in entries and (telling or _is_near(table.name, record, times)):
            entries[source] = _entry(source, record, clean, is_fault=False)
    for source, entry in _state_changes(device_id, book, times):
        entries.setdefault(source, entry)
    faults = [e for e in entries.values() if e.is_fault]
    faults = sorted(faults, key=_order)[-MAX_FAULTS:]
    others = [e for e in entries.values() if not e.is_fault]
    moments = dict(_moments(others, book))
    others.sort(key=lambda e: (e.source not in cited, _distance(moments.get(e.source), times), _order(e)))
    kept = sorted([*faults, *others[:MAX_ENTRIES]], key=_order)
    return Timeline(
        entries=kept,
        left_out=len(entries) - len(kept),
        scope=(
            "The reports of the faults; events, connections, commands, grid events, sessions and changes of a connector's state "
            f"from {BEFORE / MINUTE:.0f} min before to {AFTER / MINUTE:.0f} min after each of "
            f"{counted(len(times), 'moment')} at which it occurred; visits, configurations, checks and lasting commands of the "
            f"{LONG_BEFORE / DAY:.0f} days before; and what the evidence names of the day before."
        ),
    )


def _order(entry: TimelineEntry) -> tuple[str, bool, Source]:
    return (entry.timestamp, not entry.is_fault, entry.source)


def _moments(entries: Sequence[TimelineEntry], book: RecordBook) -> Iterator[tuple[Source, float | None]]:
    for entry in entries:
        yield entry.source, book.time(entry.source)


def _distance(time: float | None, times: Sequence[float]) -> float:
    if time is None:
        return float("inf")
    place = bisect_left(times, time)
    return min((abs(time - at) for at in times[max(0, place - 1) : place + 1]), default=0.0)


def _cited(incident: Incident) -> Iterator[Source]:
    """The records behind the evidence of all causes."""
    for hypothesis in incident.hypotheses:
        for item in hypothesis.evidence:
            for fact in facts_behind(item.facts):
                yield from fact.sources


def _candidates(device_id: str, book: RecordBook) -> Iterator[tuple[Table, Record]]:
    site = book.site_of(device_id)
    area = book.area_of(site)
    for name in (*AROUND, *sorted(LASTING)):
        table = book.table(name)
        if table is None:
            continue
        if name == "grid":
            for record in table.records:
                fields = record.fields
                here = (site is not None and fields.get("site_id") == site) or (
                    area is not None and fields.get("area") == area
                )
                if here and record.time is not None:
                    yield table, record
            continue
        for row in table.by_device.get(device_id, ()):
            if table.records[row].time is not None:
                yield table, table.records[row]


def _is_near(name: str, record: Record, times: Sequence[float]) -> bool:
    time = record.time
    if time is None:
        return False
    end = record.fields.get("end_time") if name == "charging_records" else None
    if _is_within(time, time if end is None else epoch(end), times):
        return True
    lasting = name in LASTING or (
        name == "commands" and any(part in str(record.fields.get("command")) for part in LASTING_COMMANDS)
    )
    return lasting and bool(times) and times[-1] - LONG_BEFORE <= time <= times[-1] + DAY


def _is_within(start: float, end: float, times: Sequence[float]) -> bool:
    """Whether an occurrence lies near a stretch of time (epoch seconds)."""
    place = bisect_left(times, start - AFTER)
    return place < len(times) and times[place] <= max(start, end) + BEFORE


def _entry(source: Source, record: Record, clean: Cleaner, *, is_fault: bool) -> TimelineEntry:
    # cleaned while the names of their fields still say what the values are: the line that tells of them has lost those
    fields = {**record.fields, **clean({name: record.fields[name] for name in FED if name in record.fields})}
    what = described(source.list, fields) or source.list.replace("_", " ")
    if source.list == "commands":
        what = f"command {what}{_beside(fields, 'params')}{_beside(fields, 'result')}"
    elif source.list == "connections":
        what = f"connection {what}"
    elif source.list == "check_results":
        what = f"check {what}"
    elif source.list == "grid":
        what = f"grid: {what}"
    elif source.list == "configurations":
        what = f"configuration: {what}"
    owner = fields.get("device_id") or fields.get("site_id") or fields.get("area") or ""
    return TimelineEntry(
        timestamp=source.timestamp or "",
        of=str(owner),
        connector_id=fields.get("connector_id") or None,
        what=what,
        is_fault=is_fault,
        source=source,
    )


def _beside(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None or value == {} or value == "":
        return ""
    text = value if isinstance(value, str) else json.dumps(plain_json(value), sort_keys=True, ensure_ascii=False)
    return f"; {name} {text}"


def _state_changes(device_id: str, book: RecordBook, times: Sequence[float]) -> Iterator[tuple[Source, TimelineEntry]]:
    """Where telemetry shows that a connector's state changed near an occurrence."""
    table = book.observations["telemetry"]
    before: dict[int | None, str] = {}
    for row in table.by_device.get(device_id, ()):
        record = table.records[row]
        state = record.fields.get("state")
        if state is None or record.time is None:
            continue
        connector = record.fields.get("connector_id") or None
        was = before.get(connector)
        before[connector] = state
        if was is None or was == state or not _is_within(record.time, record.time, times):
            continue
        source = table.source_of(record)
        yield (
            source,
            TimelineEntry(
                timestamp=iso_timestamp(record.time),
                of=device_id,
                connector_id=connector,
                what=f"state {was} → {state} (telemetry)",
                is_fault=False,
                source=source,
            ),
        )
