"""The timeline of an incident: what happened around the fault, the telemetry that the evidence points at, and earlier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....engine.diagnosis import Incident
from ....engine.facts import Source, in_words, iso_timestamp
from ....engine.trace import RuleRead
from ....knowledge.observations import Record, Rows, Table, parse_timestamp
from ....knowledge.scene import FaultEvent
from ..argument import facts_behind
from ..record_book import RecordBook, described
from ..telemetry_columns import (
    COLUMNS,
    Column,
    Floats,
    columns_behind,
    default_columns,
    longest_step,
    thinned,
    with_gaps,
)
from ..wording import clean, counted, moment
from .charts import (
    STATES,
    Band,
    Line,
    Mark,
    Reading,
    Threshold,
    Window,
    column_chart,
    event_chart,
)
from .citations import Citation, Citations

MINUTE = 60.0
HOUR = 3600.0

BEFORE = 45 * MINUTE
AFTER = 10 * MINUTE
"""How far the window reaches around the latest occurrence at least: most sessions, and the platform's own reaction."""

NEAR = 3 * HOUR
"""Records that evidence names up to this long before the latest occurrence belong to its window; older ones are history."""

EARLIEST, LATEST = -62_135_596_800.0, 253_402_300_799.0
"""Epoch seconds of the first and the last second that a date can name: years 1 and 9999."""

LEAST_WINDOW = 5 * MINUTE
"""A shorter window would show single readings only."""

MAX_COLUMNS = 6
MAX_LINES = 4
MAX_POINTS = 240
MAX_MARKS = 120
MAX_THRESHOLDS = 3
MAX_CONDITIONS_TOLD = 1
MAX_CONNECTORS = 4
"""Charts of an incident, lines of a chart, points of a line, marks of a row, thresholds of a chart and conditions told for
each, connectors whose states are shown: judgement, what can still be read on paper, and a file of a few hundred kilobytes an incident."""

USUAL_WIDTH = 620.0
LETTER_WIDTH = 6.6
"""Pixels of a narrow plot and of a letter of 11 pixels: words are left out where they would lie on each other."""

OTHERS = "neighbours"
_SITE_WIDE = ("grid", "environment")
_ROWS = {
    "connections": "connection", "commands": "commands", "configurations": "settings", "service_visits": "visits",
    "grid": "grid", "check_results": "checks", "heartbeats": "heartbeats", "environment": "weather",
    "charging_records": "sessions",
}  # fmt: skip
_ROW_ORDER = (
    "faults", "alarms", "events", "sessions", "connection", "heartbeats", "commands", "settings", "visits", "checks",
    "grid", "weather", OTHERS, "telemetry",
)  # fmt: skip
_ALWAYS = ("events", "connections", "commands", "configurations", "service_visits", "check_results", "grid")
_IN_HISTORY = ("commands", "service_visits")


@dataclass(frozen=True)
class Chart:
    """A chart of the page: its specification, which record each of its marks is, and what it shows in words."""

    anchor: str
    title: str
    words: str
    spec: Mapping[str, Any]
    marks: Mapping[str, int]
    thresholds: Sequence[Threshold] = ()
    legend: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Timeline:
    """The charts of the fault's window, those of earlier records (few or none), and how many records are not drawn."""

    window: tuple[str, str]
    charts: Sequence[Chart]
    history: Sequence[Chart]
    undrawn: int

    def all(self) -> list[Chart]:
        """Every chart."""
        return [*self.charts, *self.history]


@dataclass(frozen=True)
class _Pointed:
    """A column that evidence points at, with the records that it names there."""

    column: Column
    citations: tuple[Citation, ...]


def timeline_of(
    incident: Incident, citations: Citations, book: RecordBook, faults: Sequence[FaultEvent], as_of: str | None
) -> Timeline | None:
    """The timeline of an incident; None where its times are not known or no record lies in its window."""
    return _Draughtsman(incident, citations, book, faults, as_of).timeline()


class _Draughtsman:
    def __init__(
        self,
        incident: Incident,
        citations: Citations,
        book: RecordBook,
        faults: Sequence[FaultEvent],
        as_of: str | None,
    ) -> None:
        self.incident = incident
        self.citations = citations
        self.book = book
        self.own_faults = [
            f.time for f in faults if f.device_id == incident.device_id and f.code == incident.fault_code
        ]
        self.timed = {
            citation.number: time for citation in citations.all() if (time := book.time(citation.source)) is not None
        }
        self.last = parse_timestamp(incident.last_seen)
        self.as_of = None if as_of is None else parse_timestamp(as_of)
        self.begin = float("inf")
        self.undrawn = 0

    def timeline(self) -> Timeline | None:
        if self.last is None:
            return None
        window = self._window(self.last)
        self.begin = window[0]
        pointed = self._pointed_at()
        charts = self._charts(window, pointed, "now", detailed=True)
        if not charts:
            return None
        earlier = [time for time in self.timed.values() if time < window[0]]
        history: list[Chart] = []
        if earlier:
            begin = min([*earlier, *(time for time in self.own_faults if time < window[0])])
            whole = (max(EARLIEST, begin - 0.03 * (window[1] - begin)), window[1])
            old = [self._only(item, lambda time: time < window[0]) for item in pointed]
            history = self._charts(whole, [item for item in old if item.citations], "earlier", detailed=False)
        return Timeline((iso_timestamp(window[0]), iso_timestamp(window[1])), charts, history, self.undrawn)

    def _only(self, item: _Pointed, wanted: Any) -> _Pointed:
        kept = tuple(c for c in item.citations if c.number in self.timed and wanted(self.timed[c.number]))
        return _Pointed(item.column, kept)

    def _window(self, last: float) -> Window:
        near = [time for time in [*self.timed.values(), *self.own_faults] if last - NEAR <= time <= last + HOUR]
        begin = min([last - BEFORE, *(time - 2 * MINUTE for time in near)])
        end = max([last, *near])
        end += min(AFTER, max(MINUTE, (self.as_of or end) - end))
        end = min(LATEST, max(end, begin + LEAST_WINDOW))
        return (max(EARLIEST, min(begin, end - LEAST_WINDOW)), end)

    # Which columns

    def _pointed_at(self) -> list[_Pointed]:
        """The telemetry columns behind the evidence, that of the likeliest cause first."""
        telemetry = self.book.table("telemetry")
        if telemetry is None:
            return []
        found: dict[Column, dict[int, Citation]] = {}
        for place in self.citations.evidence:
            for fact in facts_behind(place.item.facts):
                rows = self.book.telemetry_rows(fact.sources)
                for column in columns_behind(fact.name, fact.value, fact.unit, telemetry, rows):
                    cited = found.setdefault(column, {})
                    for source in fact.sources:
                        citation = self.citations.by_source.get(source)
                        if citation is not None and source.list == "telemetry":
                            cited[citation.number] = citation
        chosen = list(found.items())[:MAX_COLUMNS]
        return [_Pointed(column, tuple(cited[number] for number in sorted(cited))) for column, cited in chosen]

    def _thresholds(self, column: Column) -> list[Threshold]:
        """The constants with which rules compare what was read from a column: of rules that fired first."""
        telemetry = self.book.table("telemetry")
        if telemetry is None:
            return []
        said: dict[float, list[str]] = {}
        fired: dict[float, bool] = {}
        distance: dict[float, float] = {}
        for read in self._rules():
            for condition in read.conditions:
                if not condition.thresholds or condition.unit != column.unit or condition.verdict == "unknown":
                    continue
                rows = self.book.telemetry_rows(condition.sources)
                value = condition.value
                if column not in columns_behind(condition.fact, value, condition.unit, telemetry, rows):
                    continue
                for limit in condition.thresholds:
                    text = f"{condition.text} ({condition.verdict})"
                    if text not in said.setdefault(limit, []):
                        said[limit].insert(0 if condition.verdict == "met" else len(said[limit]), text)
                    fired[limit] = fired.get(limit, False) or read.verdict == "met"
                    distance[limit] = abs(limit - value) if isinstance(value, (int, float)) else 0.0
        nearest = sorted(said, key=lambda limit: (not fired[limit], distance[limit], limit))[:MAX_THRESHOLDS]
        return [
            Threshold(limit, in_words(limit, column.unit), tuple(said[limit][:MAX_CONDITIONS_TOLD]))
            for limit in sorted(nearest)
        ]

    def _rules(self) -> list[RuleRead]:
        rules = {
            read.rule_id: read
            for hypothesis in self.incident.hypotheses
            for read in hypothesis.verdicts
            if read.verdict != "unknown"
        }
        return list(rules.values())

    # Charts

    def _charts(self, window: Window, pointed: Sequence[_Pointed], name: str, *, detailed: bool) -> list[Chart]:
        columns = self._column_charts(window, pointed, name)
        drawn = {number for chart in columns for number in chart.marks.values()}
        events = self._event_chart(window, name, drawn, detailed=detailed)
        if detailed and events is not None and not columns:
            fallback = [_Pointed(column, ()) for column in default_columns(self.incident.category)]
            columns = self._column_charts(window, fallback, name)
        return [*([] if events is None else [events]), *columns]

    def _column_charts(self, window: Window, pointed: Sequence[_Pointed], name: str) -> list[Chart]:
        charts = []
        for item in pointed:
            chart = self._column_chart(window, item, f"{self.citations.prefix}-{name}-{COLUMNS.index(item.column)}")
            if chart is not None:
                charts.append(chart)
        return charts

    def _column_chart(self, window: Window, item: _Pointed, anchor: str) -> Chart | None:
        telemetry = self.book.table("telemetry")
        if telemetry is None:
            return None
        column = item.column
        lines = []
        for series, whose, rows in self._series(telemetry, item):
            times = telemetry.times[rows]
            inside = (times >= window[0]) & (times <= window[1])
            values = column.at(telemetry, rows[inside])
            known = ~np.isnan(values)
            if known.any():
                known_times, known_values = times[inside][known], values[known]
                step = longest_step(known_times)
                lines.append(
                    (
                        Line(series, whose, with_gaps(*thinned(known_times, known_values, MAX_POINTS), step)),
                        known_values,
                    )
                )
        if not lines:
            return None
        readings = self._readings(window, item)
        thresholds = self._thresholds(column)
        faults = [time for time in self.own_faults if window[0] <= time <= window[1]]
        spec = column_chart(window, [line for line, _ in lines], readings, thresholds, faults)
        words = f"{column.title} from {_span_of(window)}: " + "; ".join(
            f"{clean(line.whose)} {_range(values, column.unit)}" for line, values in lines
        )
        return Chart(
            anchor,
            column.title if column.title.endswith(column.unit) else f"{column.title}, {column.unit}",
            words,
            {"description": words, **spec},
            {reading.label: reading.number for reading in readings},
            thresholds,
            tuple((line.series, line.whose) for line, _ in lines),
        )

    def _series(self, telemetry: Table, item: _Pointed) -> Iterator[tuple[str, str, Rows]]:
        """Lines of a column: this connector (or charger), then those whose records the evidence names."""
        device, connector = self.incident.device_id, self.incident.connector_id
        cited = {
            (record.fields["device_id"], record.fields.get("connector_id") or None)
            for citation in item.citations
            if (record := self.book.record(citation.source)) is not None
        }
        wanted: list[tuple[str, str, int | None]] = []
        if item.column.of_connector:
            own = telemetry.by_device.get(device)
            there = [] if own is None else sorted({int(c) for c in telemetry.connectors[own] if not np.isnan(c)})
            first = connector if connector is not None else next(iter(there), None)
            wanted.append(("own", device, first))
            if connector is None:
                wanted += [("connector", device, other) for other in there if other != first]
            else:
                wanted += [
                    ("connector", whose, other)
                    for whose, other in sorted(cited, key=_pair)
                    if whose == device and other not in (None, connector)
                ]
            wanted += [("neighbour", whose, other) for whose, other in sorted(cited, key=_pair) if whose != device]
        else:
            own = telemetry.by_device.get(device)
            reported = own is not None and connector is not None and (telemetry.connectors[own] == connector).any()
            wanted.append(("own", device, connector if reported else None))
            wanted += [("neighbour", whose, None) for whose in sorted({whose for whose, _ in cited}) if whose != device]
        for series, whose, which in wanted[:MAX_LINES]:
            rows = telemetry.by_device.get(whose)
            if rows is not None:
                if which is not None:
                    numbers = telemetry.connectors[rows]
                    rows = rows[np.isnan(numbers) | (numbers == which)]
                else:
                    _, firsts = np.unique(telemetry.times[rows], return_index=True)
                    rows = rows[firsts]
                named = which is not None and item.column.of_connector
                yield series, f"{whose}, connector {which}" if named else whose, rows

    def _readings(self, window: Window, item: _Pointed) -> list[Reading]:
        readings = []
        for citation in item.citations:
            record = self.book.record(citation.source)
            if record is None or record.time is None or not window[0] <= record.time <= window[1]:
                continue
            value = item.column.of(record.fields)
            if value is not None:
                said = f"{item.column.title.lower()} {in_words(value, item.column.unit)}"
                label = self._label(citation.source, said)
                readings.append(Reading(citation.number, record.time, value, label))
        return readings

    def _label(self, source: Source, said: str) -> str:
        owner = self.book.owner(source)
        whose = "" if owner.partition("/")[0] == self.incident.device_id or not owner else f", {clean(owner)}"
        return f"{clean(source.list)}[{source.index}], {moment(source.timestamp)}{whose}: {clean(said)}"

    # Rows of the event chart

    def _event_chart(self, window: Window, name: str, drawn: set[int], *, detailed: bool) -> Chart | None:
        bands = self._state_bands(window) if detailed else []
        bands += self._session_bands(window) if detailed else []
        marks = self._marks(window, drawn, bands, detailed=detailed)
        if not bands and not marks:
            return None
        states = sorted({band.row for band in bands if band.state != "session"})
        present = {mark.row for mark in marks} | {band.row for band in bands}
        rows = [*states, *(row for row in _ROW_ORDER if row in present)]
        rows += sorted(present - set(rows))
        title = "States, faults and events" if detailed else "Earlier records that the evidence names"
        words = f"{title} from {_span_of(window)}: {counted(len(marks), 'record')} in {counted(len(rows), 'row')}"
        return Chart(
            f"{self.citations.prefix}-{name}-events",
            title,
            words,
            {"description": words, **event_chart(window, rows, bands, marks)},
            {mark.label: mark.number for mark in marks},
        )

    def _state_bands(self, window: Window) -> list[Band]:
        telemetry = self.book.table("telemetry")
        device, connector = self.incident.device_id, self.incident.connector_id
        bands: list[Band] = []
        rows = None if telemetry is None else telemetry.by_device.get(device)
        if telemetry is not None and rows is not None:
            numbers = telemetry.connectors[rows]
            there = sorted({int(number) for number in numbers if not np.isnan(number)})
            shown = [connector] if connector is not None else there[:MAX_CONNECTORS]
            for which in shown:
                mine = rows[(numbers == which) | np.isnan(numbers)]
                bands += self._bands_of(telemetry, mine, window, f"connector {which}")
        return bands or self._bands_of_events(window)

    def _bands_of(self, telemetry: Table, rows: Rows, window: Window, row: str) -> list[Band]:
        texts = telemetry.texts("state")
        times = telemetry.times[rows]
        inside = rows[(times >= window[0]) & (times <= window[1])]
        readings = [(float(telemetry.times[place]), str(texts[place])) for place in inside if texts[place] in STATES]
        step = longest_step(np.array([time for time, _ in readings]))
        return _bands(readings, step, None, row, window)

    def _bands_of_events(self, window: Window) -> list[Band]:
        """States as the charger's events tell them; the last one known before the window holds at its start."""
        connector = self.incident.connector_id
        changes: dict[int, list[tuple[float, str]]] = {}
        for record in self._own_records("events"):
            where = record.fields.get("connector_id")
            state = _state_after(record)
            if state is not None and where and record.time is not None and connector in (None, where):
                changes.setdefault(where, []).append((record.time, state))
        bands = []
        for where, found in sorted(changes.items())[:MAX_CONNECTORS]:
            before = [state for time, state in found if time < window[0]]
            inside = [(time, state) for time, state in found if window[0] <= time <= window[1]]
            readings = [*((window[0], state) for state in before[-1:]), *inside]
            bands += _bands(readings, float("inf"), window[1], f"connector {where}", window)
        return [band for band in bands if band.state]

    def _session_bands(self, window: Window) -> list[Band]:
        bands = []
        for record in self._own_records("charging_records"):
            end = record.fields.get("end_time")
            stop = None if end is None else parse_timestamp(end)
            if record.time is None or stop is None or stop <= record.time:
                continue
            start, stop = max(record.time, window[0]), min(stop, window[1])
            if start < stop and self._concerns(record):
                label = f"charging_records[{record.index}]: {clean(described('charging_records', record.fields))}"
                bands.append(Band(start, stop, "sessions", "session", label, ""))
        return bands

    def _own_records(self, list_name: str) -> list[Record]:
        return self.book.records_of(list_name, self.incident.device_id)

    def _concerns(self, record: Record) -> bool:
        """Whether a record of the charger tells of the incident's connector, or of the whole charger."""
        where = record.fields.get("connector_id")
        return not where or self.incident.connector_id in (None, where)

    def _marks(self, window: Window, drawn: set[int], bands: Sequence[Band], *, detailed: bool) -> list[Mark]:
        cited = {(c.source.list, c.source.index): c for c in self.citations.all()}
        found: dict[tuple[str, int], tuple[Record, str]] = {}
        for list_name in _ALWAYS if detailed else _IN_HISTORY:
            for record in self._site_records(list_name) if list_name in _SITE_WIDE else self._own_records(list_name):
                row = _row_of(list_name, record)
                told = row is not None and (self._concerns(record) or row == "faults")
                if told and row is not None:
                    found[list_name, record.index] = (record, row)
        for record in self._own_records("events"):
            if record.fields["event_type"] == "fault":
                found["events", record.index] = (record, "faults")
        if detailed:
            for list_name, record in self._neighbours_records():
                found[list_name, record.index] = (record, OTHERS)
        states = {band.row for band in bands}
        for key, citation in cited.items():
            cited_record = self.book.record(citation.source)
            if cited_record is not None and citation.number not in drawn:
                found[key] = (cited_record, self._row_of_cited(citation.source.list, cited_record, states))
        by_row: dict[str, list[tuple[float, str, Record]]] = {}
        for (list_name, _), (record, row) in found.items():
            told_already = not detailed and row != "faults" and record.time is not None and record.time >= self.begin
            if record.time is not None and window[0] <= record.time <= window[1] and not told_already:
                by_row.setdefault(row, []).append((record.time, list_name, record))
        marks: list[Mark] = []
        for row in sorted(by_row):
            timed = sorted(by_row[row], key=lambda entry: (entry[0], entry[1], entry[2].index))
            marks += self._marks_of_row(row, timed, cited, window)
        first = parse_timestamp(self.incident.first_seen)
        if self.incident.occurrences == 0 and first is not None and window[0] <= first <= window[1]:
            code = clean(self.incident.fault_code, 24)
            label = f"{code}, raised from the records: since {moment(self.incident.first_seen)}"
            marks.append(Mark(-1, first, "faults", label, code, "fault"))
        return marks

    def _neighbours_records(self) -> Iterator[tuple[str, Record]]:
        """Faults of the site's other chargers, and when they lost or regained their connection."""
        site = self.book.site_of(self.incident.device_id)
        for device in self.book.devices:
            if site is None or device == self.incident.device_id or self.book.site_of(device) != site:
                continue
            for list_name in ("events", "connections"):
                for record in self.book.records_of(list_name, device):
                    if list_name == "connections" or record.fields["event_type"] == "fault":
                        yield list_name, record

    def _site_records(self, list_name: str) -> list[Record]:
        table = self.book.table(list_name)
        site = self.book.site_of(self.incident.device_id)
        area = self.book.area_of(site)
        return [
            record
            for record in ([] if table is None else table.records)
            if (site is not None and record.fields.get("site_id") == site)
            or (area is not None and record.fields.get("area") == area)
        ]

    def _row_of_cited(self, list_name: str, record: Record, states: set[str]) -> str:
        owner = record.fields.get("device_id")
        if owner is not None and owner != self.incident.device_id:
            return OTHERS
        if list_name == "telemetry":
            row = f"connector {record.fields.get('connector_id')}"
            return row if row in states else "telemetry"
        return _row_of(list_name, record) or _ROWS.get(list_name, "events")

    def _marks_of_row(
        self,
        row: str,
        timed: Sequence[tuple[float, str, Record]],
        cited: Mapping[tuple[str, int], Citation],
        window: Window,
    ) -> list[Mark]:
        if len(timed) > MAX_MARKS:
            named = [entry for entry in timed if (entry[1], entry[2].index) in cited]
            others = [entry for entry in timed if (entry[1], entry[2].index) not in cited]
            kept = named + others[: max(0, MAX_MARKS - len(named))]
            self.undrawn += len(timed) - len(kept)
            timed = sorted(kept, key=lambda entry: (entry[0], entry[1], entry[2].index))
        second = (window[1] - window[0]) / USUAL_WIDTH
        marks = []
        for place, (time, list_name, record) in enumerate(timed):
            citation = cited.get((list_name, record.index))
            source = Source(list_name, record.index, iso_timestamp(time))
            tag = "" if row.startswith("connector ") or row == "telemetry" else clean(_tag(list_name, record), 24)
            needed = (len(tag) * LETTER_WIDTH + 26) * second
            room_after = (timed[place + 1][0] if place + 1 < len(timed) else window[1]) - time >= needed
            alone_before = place == 0 and time - window[0] >= needed
            kind = "fault" if row == "faults" else "evidence" if citation is not None else "record"
            marks.append(
                Mark(
                    -1 if citation is None else citation.number,
                    time,
                    row,
                    self._label(source, described(list_name, record.fields)),
                    tag if room_after or alone_before else "",
                    kind,
                    tag_before=not room_after,
                )
            )
        return marks


def _pair(owner: tuple[str, int | None]) -> tuple[str, int]:
    return owner[0], owner[1] or 0


def _span_of(window: Window) -> str:
    return f"{moment(iso_timestamp(round(window[0])))} to {moment(iso_timestamp(round(window[1])))}"


def _range(values: Floats, unit: str) -> str:
    low, high = float(values.min()), float(values.max())
    return in_words(low, unit) if low == high else f"{in_words(low, None)} to {in_words(high, unit)}"


def _bands(
    readings: Sequence[tuple[float, str]], step: float, until: float | None, row: str, window: Window
) -> list[Band]:
    """Readings of a state as bands; one lasts until the next reading, but no longer than `step` without any."""
    bands: list[Band] = []
    second = (window[1] - window[0]) / USUAL_WIDTH
    start: float | None = None
    for place, (time, state) in enumerate(readings):
        start = time if start is None else start
        following = readings[place + 1] if place + 1 < len(readings) else None
        if following is not None and following[1] == state and following[0] - time <= step:
            continue
        end = time
        if following is not None:
            end = following[0] if following[0] - time <= step else time
        elif until is not None:
            end = until
        end = max(end, start + 2 * second)
        tag = state if (end - start) / second >= len(state) * LETTER_WIDTH + 12 else ""
        label = f"{row}: {state}, {_span_of((start, end))}"
        bands.append(Band(start, end, row, state, label, tag))
        start = None
    return bands


def _state_after(record: Record) -> str | None:
    """The state that a connector is in after an event: empty where the event ends what was known, None where it does not."""
    kind, data = record.fields["event_type"], record.fields.get("data")
    if kind == "state" and isinstance(data, Mapping):
        return str(data.get("to")) if data.get("to") in STATES else ""
    return {"start": "charging", "stop": "", "plug_in": "", "plug_out": ""}.get(kind)


def _row_of(list_name: str, record: Record) -> str | None:
    """The row of a record of the charger; None for a state event, which makes a band."""
    if list_name == "events":
        kind = record.fields["event_type"]
        return {"fault": "faults", "alarm": "alarms", "state": None}.get(kind, "events")
    return _ROWS.get(list_name)


def _tag(list_name: str, record: Record) -> str:
    fields = record.fields
    if list_name == "events":
        data = fields.get("data")
        code = data.get("fault_code") if isinstance(data, Mapping) else None
        return str(code if code is not None else fields["event_type"]).replace("_", " ")
    named: Mapping[str, Iterable[str]] = {"connections": ("transition",), "commands": ("command",), "grid": ("kind",)}
    value = next((fields.get(name) for name in named.get(list_name, ())), None)
    return str(value or "").replace("_", " ")
