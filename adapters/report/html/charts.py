"""Vega-Lite specifications of the timeline's charts.

Colours are CSS variables of the page, so that a chart follows light, dark and print without being drawn again. No
expression in a specification is made of data: data stand in `values`, and fields have fixed names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""Names the grammar; nothing is fetched from there."""

ROW_HEIGHT = 30
"""Pixels of one row of the event chart: a mark of 16 pixels and air."""

COLUMN_HEIGHT = 120
"""Pixels of the chart of one telemetry column."""

LEAST_SPAN = 0.2
"""Share of its largest value that a value axis spans at least (our judgement: a fifth lets a tenth be seen)."""

HEADROOM = 0.06
"""Share of the span that is left free above and below, so that no line lies on the frame."""

AXIS_WIDTH = 92
"""Pixels left of every plot, so that the charts of one timeline stand exactly below each other."""

ROOM_FOR_WORDS = "width >= 520"
"""Below this width, in pixels, words beside marks would lie on each other; the tooltips and the table still hold them."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
TICK_STEPS = (
    10, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR,
    12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY,
)  # fmt: skip
MAX_TICKS = 10
"""Seconds between labels of the time axis, and how many of them a wide plot takes."""

_AT_MIDNIGHT = "utchours(datum.value) === 0 && utcminutes(datum.value) === 0 && utcseconds(datum.value) === 0"
TICK_WORDS = f"{_AT_MIDNIGHT} ? utcFormat(datum.value, '%-d %b') : utcFormat(datum.value, '%H:%M')"
TICK_WORDS_SECONDS = f"{_AT_MIDNIGHT} ? utcFormat(datum.value, '%-d %b') : utcFormat(datum.value, '%H:%M:%S')"

SERIES = ("own", "connector", "neighbour")
SERIES_COLOURS = ("var(--line-own)", "var(--line-connector)", "var(--line-neighbour)")
SERIES_DASHES = ([1, 0], [6, 3], [2, 3])
"""This connector, the charger's other connectors, neighbours: told apart by dash as well as by colour."""

STATES = ("idle", "preparing", "charging", "discharging", "fault", "unavailable")
KINDS = ("fault", "evidence", "record")
KIND_COLOURS = ("var(--bad)", "var(--accent)", "var(--mark)")
KIND_SHAPES = ("diamond", "circle", "circle")
KIND_SIZES = {"fault": 150, "evidence": 110, "record": 60}
"""A fault, a record that evidence names, another record: told apart by shape and size (square pixels) as well as colour."""

CONFIG: dict[str, Any] = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": "var(--rule)"},
    "axis": {
        "domainColor": "var(--rule)",
        "gridColor": "var(--grid)",
        "labelColor": "var(--soft)",
        "tickColor": "var(--rule)",
        "labelFontSize": 11,
        "labelFontWeight": 400,
    },
}


@dataclass(frozen=True)
class Mark:
    """A record on the timeline: its number on the page's list of records (-1: not named by evidence), when, and words.

    `label` is what a screen reader and the tooltip say, unlike that of any other mark of its chart; `tag` stands beside
    it where there is room, on its right or (`tag_before`) on its left.
    """

    number: int
    time: float
    row: str
    label: str
    tag: str
    kind: str
    tag_before: bool = False


@dataclass(frozen=True)
class Band:
    """A stretch of time in a row: a connector's state, or a session."""

    start: float
    end: float
    row: str
    state: str
    label: str
    tag: str


@dataclass(frozen=True)
class Line:
    """A series of a telemetry column: whose it is, and its points (epoch seconds; None breaks the line)."""

    series: str
    whose: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Reading:
    """A reading that evidence names, as a point on a telemetry chart."""

    number: int
    time: float
    value: float
    label: str


@dataclass(frozen=True)
class Threshold:
    """A constant of a rule that was judged on a column, in its unit, and which rules compare with it."""

    value: float
    label: str
    conditions: tuple[str, ...]


Window = tuple[float, float]


def event_chart(window: Window, rows: Sequence[str], bands: Sequence[Band], marks: Sequence[Mark]) -> dict[str, Any]:
    """States and sessions as bands and records as marks, row by row below one time axis."""
    layers: list[dict[str, Any]] = []
    y = {"field": "row", "type": "nominal", "scale": {"domain": list(rows)}, "title": None, "axis": _row_axis()}
    if bands:
        values = [
            {"t": _ms(b.start), "u": _ms(b.end), "row": b.row, "state": b.state, "label": b.label, "tag": b.tag}
            for b in bands
        ]
        layers.append(
            {
                "data": {"values": values},
                "mark": {"type": "bar", "height": 18, "stroke": "var(--paper)", "strokeWidth": 1, "tooltip": False},
                "encoding": {
                    "x": _time(),
                    "x2": {"field": "u"},
                    "y": y,
                    "color": {
                        "field": "state",
                        "type": "nominal",
                        "scale": {
                            "domain": [*STATES, "session"],
                            "range": [f"var(--state-{state})" for state in (*STATES, "session")],
                        },
                        "legend": None,
                    },
                    "tooltip": {"field": "label", "type": "nominal", "title": " "},
                    "description": {"field": "label", "type": "nominal"},
                },
            }
        )
        tagged = [value for value in values if value["tag"]]
        if tagged:
            layers.append(
                {
                    "data": {"values": tagged},
                    "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 11, "color": "var(--on-state)",
                             "aria": False, "clip": True},
                    "encoding": {"x": _time(), "y": y, "text": {"field": "tag", "type": "nominal"},
                                 "opacity": _with_room()},
                }
            )  # fmt: skip
    if marks:
        points = [
            {"t": _ms(m.time), "row": m.row, "label": m.label, "kind": m.kind, "size": KIND_SIZES[m.kind]}
            for m in reversed(marks)
        ]
        layers.append(_points(points, y))
        for align, shift in (("left", 9), ("right", -9)):
            tags = [
                {"t": _ms(m.time), "row": m.row, "tag": m.tag}
                for m in marks
                if m.tag and m.tag_before == (align == "right")
            ]
            if not tags:
                continue
            layers.append(
                {
                    "data": {"values": tags},
                    "mark": {"type": "text", "align": align, "dx": shift, "fontSize": 11, "color": "var(--ink)",
                             "aria": False},
                    "encoding": {"x": _time(), "y": y, "text": {"field": "tag", "type": "nominal"},
                                 "opacity": _with_room()},
                }
            )  # fmt: skip
    return _chart(layers, ROW_HEIGHT * len(rows), window)


def _points(values: list[dict[str, Any]], y: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"values": values},
        "mark": {"type": "point", "filled": True, "opacity": 1, "stroke": "var(--paper)", "strokeWidth": 1.5},
        "encoding": {
            "x": _time(),
            "y": y,
            "fill": _scale("kind", KINDS, KIND_COLOURS),
            "shape": _scale("kind", KINDS, KIND_SHAPES),
            "size": {"field": "size", "type": "quantitative", "scale": None},
            "tooltip": {"field": "label", "type": "nominal", "title": " "},
            "description": {"field": "label", "type": "nominal"},
        },
    }


def column_chart(
    window: Window,
    lines: Sequence[Line],
    readings: Sequence[Reading],
    thresholds: Sequence[Threshold],
    faults: Sequence[float],
) -> dict[str, Any]:
    """One telemetry column over time: its lines, the readings that evidence names, thresholds, and when the fault came."""
    y = {"field": "v", "type": "quantitative", "title": None,
         "scale": {"domain": _range(lines, readings, thresholds), "zero": False, "nice": False},
         "axis": {"minExtent": AXIS_WIDTH, "maxExtent": AXIS_WIDTH, "tickCount": 4}}  # fmt: skip
    layers: list[dict[str, Any]] = []
    if faults:
        layers.append(
            {
                "data": {"values": [{"t": _ms(time)} for time in faults]},
                "mark": {"type": "rule", "color": "var(--bad)", "strokeDash": [2, 3], "aria": False},
                "encoding": {"x": _time()},
            }
        )
    for number, line in enumerate(lines):
        style = SERIES.index(line.series)
        layers.append(
            {
                "data": {"values": [{"t": _ms(time), "v": value} for time, value in line.points], "name": f"line{number}"},
                "mark": {"type": "line", "strokeWidth": 2 if style == 0 else 1.5, "color": SERIES_COLOURS[style],
                         "strokeDash": SERIES_DASHES[style], "invalid": "break-paths-filter-domains",
                         "clip": True, "interpolate": "linear", "description": line.whose},
                "encoding": {"x": _time(), "y": y},
            }
        )  # fmt: skip
    if thresholds:
        values = [{"v": t.value, "tag": t.label} for t in thresholds]
        layers.append(
            {
                "data": {"values": values},
                "mark": {"type": "rule", "color": "var(--warn)", "strokeWidth": 1.5, "strokeDash": [8, 4]},
                "encoding": {"y": y, "description": {"field": "tag", "type": "nominal"}},
            }
        )
        layers += [_threshold_words(place, thresholds, window, y) for place in range(len(thresholds))]
    if readings:
        points = [
            {"t": _ms(r.time), "v": r.value, "label": r.label, "kind": "evidence", "size": KIND_SIZES["evidence"]}
            for r in readings
        ]
        layers.append(_points(points, y))
    return _chart(layers, COLUMN_HEIGHT, window)


def _range(lines: Sequence[Line], readings: Sequence[Reading], thresholds: Sequence[Threshold]) -> tuple[float, float]:
    """What the value axis spans: everything drawn, and so much that the noise of a steady reading looks steady."""
    values = [value for line in lines for _, value in line.points if value is not None]
    values += [reading.value for reading in readings] + [threshold.value for threshold in thresholds]
    low, high = min(values), max(values)
    lacking = max(LEAST_SPAN * max(abs(low), abs(high)) - (high - low), 0.0 if high > low else 1.0)
    room = lacking / 2 + HEADROOM * (high - low + lacking)
    return (0.0 if low >= 0 > low - room else low - room, high + room)


def _threshold_words(place: int, thresholds: Sequence[Threshold], window: Window, y: dict[str, Any]) -> dict[str, Any]:
    """The label of a threshold, at the other end than its neighbours' and on the side where more room is."""
    value = thresholds[place].value
    above = thresholds[place + 1].value - value if place + 1 < len(thresholds) else float("inf")
    below = value - thresholds[place - 1].value if place else 0.0
    at_start = place % 2 == 0
    return {
        "data": {"values": [{"v": value, "tag": thresholds[place].label, "t": _ms(window[not at_start])}]},
        "mark": {"type": "text", "align": "left" if at_start else "right", "dx": 4 if at_start else -4,
                 "dy": -7 if above >= below else 8, "fontSize": 11, "color": "var(--warn-ink)", "aria": False},
        "encoding": {"x": _time(), "y": y, "text": {"field": "tag", "type": "nominal"}},
    }  # fmt: skip


def _chart(layers: list[dict[str, Any]], height: int, window: Window) -> dict[str, Any]:
    # Time is a plain number with labels of its own: a temporal domain of numbers is misread where layers share it.
    for layer in layers:
        if "x" in layer["encoding"]:
            layer["encoding"]["x"]["scale"]["domain"] = [_ms(window[0]), _ms(window[1])]
            layer["encoding"]["x"]["axis"] = _time_axis(window)
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": height,
        "padding": {"left": 0, "right": 12, "top": 8, "bottom": 4},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": layers,
        "resolve": {"scale": {"shape": "independent", "size": "independent", "fill": "independent"}},
        "config": CONFIG,
    }


def _row_axis() -> dict[str, Any]:
    return {
        "minExtent": AXIS_WIDTH,
        "maxExtent": AXIS_WIDTH,
        "labelLimit": AXIS_WIDTH - 8,
        "ticks": False,
        "domain": False,
        "grid": True,
        "labelColor": "var(--ink)",
    }


def _time() -> dict[str, Any]:
    return {"field": "t", "type": "quantitative", "scale": {"zero": False, "nice": False}, "title": None}


def _time_axis(window: Window) -> dict[str, Any]:
    step = next((step for step in TICK_STEPS if (window[1] - window[0]) / step <= MAX_TICKS), TICK_STEPS[-1])
    first = ceil(window[0] / step)
    count = min(int(window[1] // step) - first + 1, MAX_TICKS * 10)
    return {
        "values": [_ms((first + place) * step) for place in range(count)],
        "labelExpr": TICK_WORDS_SECONDS if step < MINUTE else TICK_WORDS,
        "labelOverlap": "greedy",
        "labelFlush": True,
        "labelSeparation": 12,
        "grid": True,
    }


def _scale(field: str, domain: Sequence[str], range_: Sequence[Any]) -> dict[str, Any]:
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(domain), "range": list(range_)},
        "legend": None,
    }


def _with_room() -> dict[str, Any]:
    return {"condition": {"test": ROOM_FOR_WORDS, "value": 1}, "value": 0}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
