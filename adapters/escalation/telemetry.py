"""Telemetry around the faults: a table of what the charger sent, and the series that the evidence points at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...engine.facts import iso_timestamp, plain_number
from ...knowledge.observations import Record, plain_json
from ..report.argument import facts_behind
from ..report.record_book import RecordBook
from ..report.telemetry_columns import COLUMNS, Column, columns_behind, default_columns, thinned
from ..report.wording import counted
from .content import ConstantColumn, Series, TelemetryColumn, TelemetryExcerpt, TelemetryRow
from .occurrences import Occurrences

AROUND = 600.0
"""Seconds around an occurrence from which telemetry is taken (judgement: the ten minutes of the dossier in knowledge/survey.py)."""

MAX_WINDOWS = 6
"""Occurrences around which telemetry is taken: the first and the latest (judgement: a repeated fault shows alike)."""

MAX_ROWS = 80
"""Rows of the table (judgement: three pages)."""

MAX_COLUMNS = 40
"""Columns of the table that vary (judgement: the widest that a landscape page or a wide screen takes)."""

MAX_CHARTS = 4
"""Columns of the chart (judgement: what one screen shows)."""

MAX_CONNECTORS = 3
"""Connectors whose series one chart shows (judgement: more lines are not told apart)."""

MAX_POINTS = 600
"""Points of one series (judgement: twice as many as the chart has pixels to show)."""

LEADING = 2
"""Causes whose evidence decides what is charted: the leader and what it has to be told from."""

Cleaner = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Makes a record fit for the document: redacts it where the document is redacted."""

_TITLES = {column.path: column for column in COLUMNS}
_ORDER = {column.path: place for place, column in enumerate(COLUMNS)}
_NOT_COLUMNS = frozenset({"timestamp", "device_id", "connector_id"})


def excerpt_of(occurrences: Occurrences, book: RecordBook, clean: Cleaner) -> TelemetryExcerpt:
    """The telemetry around an incident's occurrences."""
    times = occurrences.times
    chosen = list(times) if len(times) <= MAX_WINDOWS else [times[0], *times[-(MAX_WINDOWS - 1) :]]
    windows = _joined([(time - AROUND, time + AROUND) for time in chosen])
    records = [r for r in book.records_of("telemetry", occurrences.incident.device_id) if _is_in(r, windows)]
    flat = [dict(_leaves(clean(record.raw))) for record in records]
    paths = sorted({path for row in flat for path in row}, key=lambda p: (_ORDER.get(p, len(_ORDER)), p))
    values = {path: [row.get(path) for row in flat] for path in paths}
    varying = [path for path in paths if not _is_constant(values[path])]
    rows, kept_fault = _rows(records, [values[path] for path in varying], chosen)
    return TelemetryExcerpt(
        windows=[(iso_timestamp(first), iso_timestamp(last)) for first, last in windows],
        records=len(records),
        columns=[_column(path) for path in varying[:MAX_COLUMNS]],
        constants=[
            ConstantColumn(**_column(path).model_dump(), value=next(v for v in values[path] if v is not None))
            for path in paths
            if path not in set(varying)
        ],
        rows=[
            TelemetryRow(
                timestamp=iso_timestamp(records[place].time or 0.0),
                connector_id=records[place].fields.get("connector_id") or None,
                index=records[place].index,
                nearest_to_fault=place in kept_fault,
                values=[values[path][place] for path in varying[:MAX_COLUMNS]],
            )
            for place in rows
        ],
        note=_note(len(records), len(rows), len(times), len(chosen), len(varying)),
        fault_times=[iso_timestamp(time) for time in times if any(a <= time <= b for a, b in windows)],
        series=list(_series(occurrences, book, windows)),
    )


def _joined(windows: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, end in sorted(windows):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _is_in(record: Record, windows: Sequence[tuple[float, float]]) -> bool:
    time = record.time
    return time is not None and any(start <= time <= end for start, end in windows)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a record by their dotted paths; members of a list have their place in brackets."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if path or key not in _NOT_COLUMNS:
                yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            yield from _leaves(item, f"{path}[{place}]")
    elif value is not None:
        yield path, plain_json(value)


def _is_constant(values: Sequence[Any]) -> bool:
    """Whether a column says the same in every record that has it."""
    held = [value for value in values if value is not None]
    return all(type(value) is type(held[0]) and value == held[0] for value in held)


def _column(path: str) -> TelemetryColumn:
    known = _TITLES.get(path)
    if known is not None:
        return TelemetryColumn(path=path, title=known.title, unit=known.unit)
    return TelemetryColumn(path=path, title=path, unit=None)


def _rows(
    records: Sequence[Record], columns: Sequence[Sequence[Any]], times: Sequence[float]
) -> tuple[list[int], set[int]]:
    """Which records the table shows: both ends, those nearest to a fault, the extremes of each column, the rest evenly."""
    moments = np.array([record.time or 0.0 for record in records])
    nearest = {int(np.argmin(np.abs(moments - time))) for time in times} if len(records) else set()
    if len(records) <= MAX_ROWS:
        return list(range(len(records))), nearest
    kept = {0, len(records) - 1, *nearest}
    for column in columns:
        numbers = np.array(
            [v if isinstance(v, (int, float)) and not isinstance(v, bool) else np.nan for v in column], float
        )
        if np.isfinite(numbers).any() and len(kept) < MAX_ROWS // 2:
            kept |= {int(np.nanargmin(numbers)), int(np.nanargmax(numbers))}
    for place in np.linspace(0, len(records) - 1, max(2, MAX_ROWS - len(kept))):
        kept.add(round(float(place)))
    return sorted(kept), nearest


def _note(records: int, rows: int, times: int, windows: int, varying: int) -> str:
    around = f"{AROUND / 60:.0f} min"
    if not records:
        return f"The records hold no telemetry within {around} of it."
    said = [f"{counted(records, 'record')} of telemetry within {around} of it"]
    if windows < times:
        said.append(f"of {times} occurrences the first and the latest {windows - 1} were looked at")
    if rows < records:
        said.append(
            f"{rows} are shown: the first and the last, those nearest to a fault, the lowest and highest of each column, and the rest "
            "at even distances"
        )
    if varying > MAX_COLUMNS:
        said.append(f"{varying - MAX_COLUMNS} columns found no room")
    return f"{'; '.join(said)}."


def _series(occurrences: Occurrences, book: RecordBook, windows: Sequence[tuple[float, float]]) -> Iterator[Series]:
    incident = occurrences.incident
    table = book.observations["telemetry"]
    own = table.by_device.get(incident.device_id)
    if own is None:
        return
    inside = np.zeros(len(own), dtype=bool)
    for start, end in windows:
        inside |= (table.times[own] >= start) & (table.times[own] <= end)
    rows = own[inside]
    for column in _columns(occurrences, book):
        values = column.at(table, rows)
        for connector in _connectors(column, incident.connector_id, table.connectors[rows]):
            here = np.isfinite(values)
            if connector is not None:
                here &= table.connectors[rows] == connector
            if not here.any():
                continue
            times, read = thinned(table.times[rows][here], values[here], MAX_POINTS)
            yield Series(
                path=column.path,
                title=column.title,
                unit=column.unit,
                connector_id=connector,
                times=[iso_timestamp(float(time)) for time in times],
                values=[float(value) for value in read],
            )


def _connectors(column: Column, own: int | None, connectors: np.ndarray[Any, Any]) -> list[int | None]:
    if not column.of_connector:
        return [None]
    named = sorted({int(number) for number in connectors[np.isfinite(connectors)]})
    if own is not None:
        return [own] if own in named or not named else [None]
    return list(named[:MAX_CONNECTORS]) or [None]


def _columns(occurrences: Occurrences, book: RecordBook) -> list[Column]:
    """The columns that the evidence of the leading causes was read from, the weightiest first; else those of the category."""
    table = book.observations["telemetry"]
    weights: dict[str, float] = {}
    found: dict[str, Column] = {}
    for hypothesis in occurrences.incident.hypotheses[:LEADING]:
        for item in hypothesis.evidence:
            for fact in facts_behind(item.facts):
                if fact.raised_by is not None:
                    continue
                rows = book.telemetry_rows(fact.sources)
                for column in columns_behind(fact.name, fact.value, fact.unit, table, rows):
                    found[column.path] = column
                    weights[column.path] = max(weights.get(column.path, 0.0), abs(item.weight_db))
    if not found:
        return default_columns(occurrences.incident.category)[:MAX_CHARTS]
    order = sorted(found, key=lambda path: (-weights[path], _ORDER[path]))
    return [found[path] for path in order[:MAX_CHARTS]]


def in_cell(value: Any) -> str:
    """A value as it stands in a cell of the table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return plain_number(float(value)) if abs(value) < 1e15 else f"{value:g}"
    return str(value)
