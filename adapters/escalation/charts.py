"""The chart of an escalation as SVG: drawn here, by Vega-Lite, so that the document needs no script to show it.

Colours are CSS variables of the page, so that a chart follows light, dark and print. No expression in a specification is
made of data: data stand in `values`, and fields have fixed names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import vl_convert
from markupsafe import Markup

from ...engine.facts import plain_number
from ...knowledge.observations import parse_timestamp
from ..report.telemetry_columns import longest_step, with_gaps
from ..report.wording import counted, moment
from .content import Series, TelemetryExcerpt

WIDE, NARROW = 720, 300
"""Pixels of the plot on a wide page and on a phone: scaled down from one width, letters would be too small to read."""

HEIGHT = 110
"""Pixels of the plot of one column."""

LEAST_SPAN = 0.1
"""Share of its largest value that an axis spans at least (judgement: less is the noise of a sensor blown up)."""

COLOURS = ("var(--line-1)", "var(--line-2)", "var(--line-3)")
DASHES = ([1, 0], [6, 3], [2, 3])
"""The connectors of one column, told apart by dash as well as by colour."""

CONFIG: dict[str, Any] = {
    "background": None,
    "aria": False,
    "font": "system-ui, sans-serif",
    "view": {"stroke": "var(--rule)"},
    "axis": {
        "domainColor": "var(--rule)",
        "gridColor": "var(--grid)",
        "labelColor": "var(--soft)",
        "tickColor": "var(--rule)",
        "labelFontSize": 11,
    },
}

_OPENING = re.compile(r"<svg [^>]*?viewBox=\"([^\"]*)\"[^>]*>")
_IDS = re.compile(r"(\bid=\"|url\(#|href=\"#)([A-Za-z0-9_-]+)")


class Chart:
    """The chart of one telemetry column: its series, one a connector, with the faults marked."""

    def __init__(self, series: Sequence[Series], excerpt: TelemetryExcerpt, anchor: str) -> None:
        self.series = series
        self.anchor = anchor
        self.faults = excerpt.fault_times
        self.title = f"{series[0].title} ({series[0].unit})"

    @property
    def keys(self) -> list[tuple[str, int]]:
        """What each line shows, with its number, where there is more than one."""
        if len(self.series) < 2:
            return []
        return [(f"connector {series.connector_id}", place + 1) for place, series in enumerate(self.series)]

    @property
    def description(self) -> str:
        """What a reader sees who does not see the picture: range, times and faults."""
        said = []
        for series in self.series:
            whose = "" if series.connector_id is None else f"Connector {series.connector_id}: "
            low, high = plain_number(min(series.values)), plain_number(max(series.values))
            said.append(
                f"{whose}{low} to {high} {series.unit}, from {moment(series.times[0])} to {moment(series.times[-1])}, the last "
                f"{plain_number(series.values[-1])} {series.unit}."
            )
        faults = f"{counted(len(self.faults), 'fault')} marked: {', '.join(moment(time) for time in self.faults[:6])}."
        return " ".join([*said, faults if self.faults else "No fault in this time."])

    def svg(self, width: int) -> Markup:
        """The picture at a width in pixels."""
        drawn = vl_convert.vegalite_to_svg(self._specification(width), allowed_base_urls=[])
        opening = _OPENING.search(drawn)
        if opening is None:  # the library promises an SVG element; without one there is nothing to show
            return Markup("")
        name = f"{self.anchor}-{width}"
        body = _IDS.sub(lambda match: f"{match[1]}{name}-{match[2]}", drawn[opening.end() :])
        head = Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img" aria-labelledby="{name}-title {name}-about">'
            '<title id="{name}-title">{title}</title><desc id="{name}-about">{about}</desc>'
        ).format(box=opening[1], name=name, title=self.title, about=self.description)
        return head + Markup(body)

    def wide(self) -> Markup:
        """The picture for a page."""
        return self.svg(WIDE)

    def narrow(self) -> Markup:
        """The picture for a phone."""
        return self.svg(NARROW)

    def _specification(self, width: int) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []
        for place, series in enumerate(self.series):
            rows += [{"t": t * 1000, "v": v, "s": place} for t, v in _points(series)]
        shown = [row["v"] for row in rows if row["v"] is not None]
        low, high = _span(min(shown), max(shown))
        first, last = min(row["t"] for row in rows), max(row["t"] for row in rows)
        faults = [1000 * (parse_timestamp(time) or 0.0) for time in self.faults]
        ends = [min([first, *faults]), max([last, *faults])]
        time = {
            "field": "t",
            "type": "temporal",
            "title": None,
            "scale": {"type": "utc", "domain": ends},
            "axis": {"format": _time_format(ends), "tickCount": 8 if width == WIDE else 3, "labelOverlap": True},
        }
        line = {
            "data": {"values": rows},
            "mark": {
                "type": "line",
                "strokeWidth": 1.75,
                "interpolate": "linear",
                "point": {"size": 12} if len(rows) < 60 else False,
            },
            "encoding": {
                "x": time,
                "y": {
                    "field": "v",
                    "type": "quantitative",
                    "title": None,
                    "scale": {"domain": [low, high], "zero": False, "nice": False},
                    "axis": {"tickCount": 4, "minExtent": 40, "maxExtent": 40},
                },
                "color": {
                    "field": "s",
                    "type": "nominal",
                    "scale": {"domain": [0, 1, 2], "range": list(COLOURS)},
                    "legend": None,
                },
                "strokeDash": {
                    "field": "s",
                    "type": "nominal",
                    "scale": {"domain": [0, 1, 2], "range": list(DASHES)},
                    "legend": None,
                },
            },
        }
        mark = {
            "data": {"values": [{"t": at} for at in faults]},
            "mark": {"type": "rule", "color": "var(--bad)", "strokeWidth": 2, "strokeDash": [4, 3]},
            "encoding": {"x": time},
        }
        return {
            "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
            "width": width,
            "height": HEIGHT,
            "padding": {"left": 2, "right": 14, "top": 6, "bottom": 2},
            "autosize": {"type": "pad", "contains": "content"},
            "config": CONFIG,
            "layer": [line, *([mark] if faults else [])],
        }


def charts_of(excerpt: TelemetryExcerpt, anchor: str) -> list[Chart]:
    """The charts of a telemetry excerpt, one a column; `anchor` begins the ids in them."""
    by_column: dict[str, list[Series]] = {}
    for series in excerpt.series:
        by_column.setdefault(series.path, []).append(series)
    return [Chart(group, excerpt, f"{anchor}-chart-{place}") for place, group in enumerate(by_column.values(), 1)]


def _points(series: Series) -> Sequence[tuple[float, float | None]]:
    """The points of a line, broken where readings are too far apart to be joined."""
    times = np.array([parse_timestamp(time) or 0.0 for time in series.times], dtype=np.float64)
    return with_gaps(times, np.array(series.values, dtype=np.float64), longest_step(times))


def _span(low: float, high: float) -> tuple[float, float]:
    least = LEAST_SPAN * max(abs(low), abs(high)) or 1.0
    missing = max(0.0, least - (high - low)) / 2
    air = 0.06 * max(high - low, least)
    floor = low - missing - air
    return (max(floor, -air) if low >= 0 else floor), high + missing + air


def _time_format(ends: Sequence[float]) -> str:
    """How times are written on the axis (milliseconds): with seconds within five minutes, with the day beyond one."""
    length = (ends[1] - ends[0]) / 1000
    return "%H:%M:%S" if length < 300 else "%H:%M" if length < 86_400 else "%d %b %H:%M"
