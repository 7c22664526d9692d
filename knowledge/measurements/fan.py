"""Measurements of the cabinet fan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ...engine.facts import Source
from ..observations import Floats, Table
from ..readings import DAY, HOUR, MINUTE, Reading, Readings, few
from ..scene import Scene, as_number, flat, words_of
from .common import restarts
from .power_module import (
    assurances,
    charger_payloads,
    door_events,
    grid_voltage_events,
    newest,
    payload_numbers,
    payload_texts,
    said_in_words,
)
from .registry import measures

FAN_CODE = "F-0601"


@measures(
    "fan_speed",
    "median cabinet fan speed in the 30 minutes up to the latest occurrence that has readings",
    unit="rpm",
    low=0,
)
def fan_speed(scene: Scene) -> Reading | None:
    return scene.near(scene.readings("component_health.cooling_fan_rpm", which="all"), 30 * MINUTE, MINUTE).median()


@measures(
    "fan_status",
    "the charger's own word on its fan, the last one within an hour before and a minute after the latest occurrence",
    kind="text",
    choices=("ok", "warning", "fault"),
)
def fan_status(scene: Scene) -> Reading | None:
    words = scene.words("component_health.cooling_fan_status", which="all")
    return words.between(scene.anchor - HOUR, scene.anchor + MINUTE).last()


@measures(
    "days_since_fan_fault", "days from the last F-0601 of this charger to the latest occurrence", unit="days", low=0
)
def days_since_fan_fault(scene: Scene) -> Reading | None:
    earlier = [fault for fault in scene.faults(FAN_CODE, device=scene.device_id) if fault.time <= scene.anchor]
    if not earlier or scene.incidence.code == FAN_CODE:
        return None
    return Reading((scene.anchor - earlier[-1].time) / DAY, earlier[-1].time, few([fault.source for fault in earlier]))


# The fan's speed over time

NOMINAL_VOLTS = (12.0, 24.0, 48.0, 115.0, 230.0)
"""Voltages that cabinet fans are built for (our judgement from fan catalogues)."""

HISTORY = 120 * DAY
"""How far back the fan's speed is followed (our judgement: bearings wear over months)."""


@dataclass(frozen=True)
class Speeds:
    """Fan speeds in time order, with where each came from."""

    times: Floats
    values: Floats
    sources: list[Source | int]
    table: Table

    def source(self, place: int) -> Source:
        """Where one of them came from; telemetry rows are named only when asked for, which saves their timestamps."""
        named = self.sources[place]
        return self.table.source(named) if isinstance(named, int) else named

    def between(self, start: float, end: float) -> Speeds:
        """Those from start to end."""
        low, high = int(np.searchsorted(self.times, start, "left")), int(np.searchsorted(self.times, end, "right"))
        return Speeds(self.times[low:high], self.values[low:high], self.sources[low:high], self.table)

    def reading(self, value: float, at: float | None = None) -> Reading:
        """A value computed from them."""
        return Reading(value, float(self.times[-1]) if at is None else at, few([self.source(0), self.source(-1)]))


_RPM = r"\b(rpm|fan speed|speed rpm|measured speed|actual speed|rotation\w*)\b"
_NOT_MEASURED = r"\b(nominal|expected|target|min|minimum|max|maximum|threshold|rated|command\w*|set|setpoint|limit|pct|percent|drop|delta|peer\w*)\b"


def speeds(scene: Scene) -> Speeds:
    """The fan's speeds: by telemetry, and where that holds fewer than five, by the payloads of faults and alarms too.

    Where the fan idles with the charger (idle rows at half the speed of working ones), only working rows are taken.
    """

    def load() -> Speeds:
        readings = scene.readings("component_health.cooling_fan_rpm", which="all").between(
            scene.anchor - HISTORY, scene.as_of + 1.0
        )
        _, first = np.unique(readings.times, return_index=True)
        times, values, rows = readings.times[first], readings.values[first], readings.rows[first]
        table = scene.observations["telemetry"]
        states = np.array([table.records[row].fields.get("state") or "" for row in rows])
        working = np.isin(states, ("charging", "discharging", ""))
        if (
            working.sum() >= 6
            and (~working).sum() >= 1
            and np.median(values[~working]) < 0.5 * np.median(values[working])
        ):
            times, values, rows = times[working], values[working], rows[working]
        sources: list[Source | int] = [int(row) for row in rows]
        if len(times) < 5:
            named = [table.source(int(row)) for row in rows]
            found = list(zip(times.tolist(), values.tolist(), named, strict=True))
            found += [item for item in payload_numbers(scene, _RPM, _NOT_MEASURED) if item[1] >= 0]
            found.sort(key=lambda item: (item[0], item[2]))
            times = np.array([item[0] for item in found])
            values = np.array([item[1] for item in found])
            sources = [item[2] for item in found]
        return Speeds(times, values, sources, table)

    found: Speeds = scene.once(("fan speeds",), load)
    return found


def _smooth(values: Floats, width: int) -> Floats:
    if width < 2 or len(values) < width:
        return values
    half = width // 2
    padded = np.concatenate([values[:half][::-1], values, values[-half:][::-1]])
    smooth: Floats = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    return smooth


@dataclass(frozen=True)
class Fall:
    """How the fan's speed fell: from what to what, between which times lies the middle half of it, and how it was after."""

    whole: Speeds
    before: float
    after: float
    start: float
    end: float
    spread_after: float | None
    readings_after: int


def fall(scene: Scene) -> Fall | None:
    """The fall of the fan's speed up to the latest occurrence; None where there are too few speeds, or it fell by less than 6 %."""

    def load() -> Fall | None:
        known = speeds(scene).between(scene.anchor - HISTORY, scene.anchor + HOUR)
        # a fan that stands still at rest is no fall: moments at zero between working ones are looked at by dropouts
        number = len(known.times)
        if number < 5:
            return None
        smooth = _smooth(known.values, 5 if number >= 20 else 3 if number >= 10 else 1)
        head = max(2, number // 5) if number < 200 else max(20, number // 8)
        before = float(np.median(np.sort(smooth[:head])[-max(1, head // 2 + 1) :]))
        tail = smooth[-3:] if number >= 10 else smooth[-2:]
        after = float(np.median(tail))
        if before <= 0 or after >= 0.94 * before:
            return None
        drop = before - after
        # a fall of less than a tenth must stand out of what neighbouring readings differ by
        if after >= 0.9 * before and drop < 3.0 * float(np.median(np.abs(np.diff(known.values)))):
            return None
        low = np.flatnonzero(smooth <= before - 0.75 * drop)
        if not len(low):
            return None
        # what came back for a good part of the time since has not fallen, it goes up and down
        if (smooth[low[0] :] >= before - 0.25 * drop).mean() > 0.35:
            return None
        high = np.flatnonzero(smooth[: low[0] + 1] >= before - 0.25 * drop)
        begun = int(high[-1]) if len(high) else 0
        rest = known.values[low[0] + 1 :]
        level = float(np.mean(rest)) if len(rest) >= 4 else 0.0
        spread = 100.0 * float(np.std(rest)) / level if level > 100.0 else None
        return Fall(known, before, after, float(known.times[begun]), float(known.times[low[0]]), spread, len(rest))

    found: Fall | None = scene.once(("fan fall",), load)
    return found


@measures(
    "fan_fall",
    "by how much the fan's speed has fallen from its early level in the records to the latest occurrence; known from 6 % on",
    unit="%",
    low=0,
    high=100,
)
def fan_fall(scene: Scene) -> Reading | None:
    found = fall(scene)
    return None if found is None else found.whole.reading(100.0 * (1.0 - found.after / found.before))


@measures(
    "fan_fall_hours",
    "hours that the middle half of that fall took; as long as the gap between two readings where it fell between them",
    unit="h",
    low=0,
)
def fan_fall_hours(scene: Scene) -> Reading | None:
    found = fall(scene)
    return None if found is None else found.whole.reading((found.end - found.start) / HOUR, found.end)


@measures(
    "fan_spread_after_fall",
    "standard deviation of the speed after its fall against its mean; known from four readings on",
    unit="%",
    low=0,
)
def fan_spread_after_fall(scene: Scene) -> Reading | None:
    found = fall(scene)
    return None if found is None or found.spread_after is None else found.whole.reading(found.spread_after)


@measures(
    "fan_fall_largest_step",
    "share of the whole fall that lies between two readings next to each other; known from eight readings over two days on",
    unit="%",
    low=0,
)
def fan_fall_largest_step(scene: Scene) -> Reading | None:
    found = fall(scene)
    if found is None or len(found.whole.times) < 8 or found.whole.times[-1] - found.whole.times[0] < 2 * DAY:
        return None
    smooth = _smooth(found.whole.values, 5 if len(found.whole.values) >= 20 else 1)
    return found.whole.reading(100.0 * float(np.max(-np.diff(smooth))) / (found.before - found.after))


@measures(
    "fan_flat_low",
    "fan speed against 1800 rpm where it has neither fallen by 6 % nor moved (standard deviation up to 4 %) over at least "
    "ten readings and an hour",
    unit="%",
    low=0,
)
def fan_flat_low(scene: Scene) -> Reading | None:
    known = speeds(scene).between(scene.anchor - 3 * DAY, scene.anchor + HOUR)
    if len(known.times) < 10 or known.times[-1] - known.times[0] < HOUR or fall(scene) is not None:
        return None
    mean = float(np.mean(known.values))
    if mean < 100 or np.std(known.values) > 0.04 * mean:
        return None
    return known.reading(100.0 * mean / 1800.0)


def _stretch(scene: Scene) -> Speeds | None:
    """Speeds within a day of the latest occurrence that has any: at least eight of them."""
    known = speeds(scene)
    for time in reversed(scene.times):
        window = known.between(time - DAY, time + DAY)
        if len(window.times) >= 8:
            return window
    return None


def _alternations(values: Floats, low: float, high: float) -> int:
    """How often values that were above `high` and then below `low` are above `high` again."""
    zone = np.where(values <= low, -1, np.where(values >= high, 1, 0))
    zone = zone[zone != 0]
    changes = zone[1:] - zone[:-1]
    up = np.flatnonzero(changes > 0)
    return int(sum(1 for place in up if (zone[:place] == 1).any()))


@measures(
    "fan_swings",
    "times the speed fell below 80 % of its upper level (90th percentile) and came back above 92 % of it, within a day of the "
    "latest occurrence; known from eight readings on",
    unit="1",
    low=0,
)
def fan_swings(scene: Scene) -> Reading | None:
    known = _stretch(scene)
    if known is None:
        return None
    top = float(np.percentile(known.values, 90))
    return known.reading(float(_alternations(known.values, 0.8 * top, 0.92 * top))) if top > 0 else None


@measures(
    "fan_dropouts",
    "times the fan all but stopped (below 15 % of its upper level) and ran again, within a day of the latest occurrence; known "
    "from eight readings on",
    unit="1",
    low=0,
)
def fan_dropouts(scene: Scene) -> Reading | None:
    known = _stretch(scene)
    if known is None:
        return None
    top = float(np.percentile(known.values, 90))
    return known.reading(float(_alternations(known.values, 0.15 * top, 0.6 * top))) if top > 100 else None


@measures(
    "fan_roughness",
    "median change of speed between readings next to each other, against the median speed, within a day of the latest occurrence",
    unit="%",
    low=0,
)
def fan_roughness(scene: Scene) -> Reading | None:
    known = _stretch(scene)
    if known is None or np.median(known.values) < 100:
        return None
    return known.reading(100.0 * float(np.median(np.abs(np.diff(known.values)))) / float(np.median(known.values)))


@measures(
    "fan_speed_at_fault",
    "median of the last three speeds from half an hour before to a minute after the latest occurrence that has any",
    unit="rpm",
    low=0,
)
def fan_speed_at_fault(scene: Scene) -> Reading | None:
    for time in reversed(scene.times):
        known = speeds(scene).between(time - 30 * MINUTE, time + MINUTE)
        if len(known.times):
            return known.reading(float(np.median(known.values[-3:])))
    return None


@measures(
    "fan_low_share",
    "share of speeds below 1800 rpm within a day of the latest occurrence; known from eight readings on",
    unit="%",
    low=0,
    high=100,
)
def fan_low_share(scene: Scene) -> Reading | None:
    known = _stretch(scene)
    return None if known is None else known.reading(100.0 * float((known.values < 1800.0).mean()))


@measures(
    "fan_reports_falling",
    "fall of the speed from the first to the last of at least three payloads that give one, over at least a day, none of them more than 5 % above the one before",
    unit="%",
)
def fan_reports_falling(scene: Scene) -> Reading | None:
    found = payload_numbers(scene, _RPM, _NOT_MEASURED)
    latest: dict[int, tuple[float, float, Source]] = {int(item[0] // HOUR): item for item in found}
    kept = [latest[hour] for hour in sorted(latest)]
    if len(kept) < 3 or kept[-1][0] - kept[0][0] < DAY or kept[0][1] <= 0:
        return None
    if any(later[1] > 1.05 * earlier[1] for earlier, later in pairwise(kept)):
        return None
    return Reading(100.0 * (1.0 - kept[-1][1] / kept[0][1]), kept[-1][0], few([item[2] for item in kept]))


@measures(
    "fan_reports_spread",
    "range of the speeds that at least three payloads give, hours apart, against their highest",
    unit="%",
    low=0,
)
def fan_reports_spread(scene: Scene) -> Reading | None:
    found = payload_numbers(scene, _RPM, _NOT_MEASURED)
    latest: dict[int, tuple[float, float, Source]] = {int(item[0] // HOUR): item for item in found}
    values = np.array([item[1] for item in latest.values()])
    if len(values) < 3 or values.max() <= 0:
        return None
    ups = int((np.diff(np.array([latest[h][1] for h in sorted(latest)])) > 0.1 * values.max()).sum())
    if not ups:
        return None
    return Reading(
        100.0 * float(values.max() - values.min()) / float(values.max()),
        scene.anchor,
        few([i[2] for i in latest.values()]),
    )


def _together(scene: Scene, other: Readings, least_range: float) -> Reading | None:
    """Correlation of the speed with another column over two days around the latest occurrence, both without their trend.

    Known from twelve rows that hold both, where the other column moves by `least_range` of its mean and the speed by 3 %.
    """
    speed = scene.readings("component_health.cooling_fan_rpm", which="all")
    speed = speed.between(scene.anchor - 2 * DAY, scene.anchor + 6 * HOUR).where(lambda values: values > 100.0)
    rows = np.intersect1d(speed.rows, other.rows)
    if len(rows) < 12:
        return None
    mine, theirs = speed.at_rows(rows), other.at_rows(rows)
    if len(mine) != len(theirs):
        return None
    x, y, times = mine.values, theirs.values, mine.times - mine.times[0]
    if np.ptp(y) < least_range * max(abs(float(np.mean(y))), 1e-9) or np.ptp(x) < 0.03 * float(np.mean(x)):
        return None
    plain = float(np.corrcoef(x, y)[0, 1])
    if times[-1] > 0:
        x = x - np.polyval(np.polyfit(times / times[-1], x, 1), times / times[-1])
        y = y - np.polyval(np.polyfit(times / times[-1], y, 1), times / times[-1])
    if np.std(x) <= 0 or np.std(y) <= 0:
        return None
    without_trend = float(np.corrcoef(x, y)[0, 1])
    # what holds both with and without the common trend is no accident of two drifts
    return mine.reading(plain if abs(plain) < abs(without_trend) else without_trend)


@measures(
    "fan_follows_voltage",
    "correlation of fan speed and mains voltage (any phase), with and without their trends whichever is nearer zero, over two days up to the latest occurrence",
    unit="1",
    low=-1,
    high=1,
)
def fan_follows_voltage(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for phase in ("a", "b", "c"):
        found = _together(
            scene, scene.readings(f"phase_details.phase_{phase}.voltage", which="all").where(lambda v: v > 50.0), 0.015
        )
        if found is not None and (best is None or float(found.value) > float(best.value)):
            best = found
    return best


@measures(
    "fan_follows_load",
    "correlation of fan speed and power (else current), with and without their trends whichever is nearer zero, over two days up to the latest occurrence",
    unit="1",
    low=-1,
    high=1,
)
def fan_follows_load(scene: Scene) -> Reading | None:
    for path in ("power", "current", "dc_bus_current"):
        other = scene.readings(path, which="all")
        if len(other) >= 12:
            found = _together(scene, other, 0.2)
            if found is not None:
                return found
    return None


@measures(
    "fan_follows_board_heat",
    "correlation of fan speed and control-board temperature, with and without their trends whichever is nearer zero, over two days "
    "up to the latest occurrence",
    unit="1",
    low=-1,
    high=1,
)
def fan_follows_board_heat(scene: Scene) -> Reading | None:
    return _together(scene, scene.readings("component_health.internal_temps.control_board", which="all"), 0.1)


@measures(
    "fan_follows_ambient",
    "correlation of fan speed and ambient (else cabinet) temperature, with and without their trends whichever is nearer zero, over "
    "two days up to the latest occurrence",
    unit="1",
    low=-1,
    high=1,
)
def fan_follows_ambient(scene: Scene) -> Reading | None:
    for path in ("ambient_temperature", "cabinet_temperature"):
        found = _together(scene, scene.readings(path, which="all"), 0.15)
        if found is not None:
            return found
    return None


@measures(
    "fan_change_while_working",
    "median speed while the charger works (state, else sessions) against the median while it idles, over a week up to the latest "
    "occurrence; known from five readings of each",
    unit="%",
)
def fan_change_while_working(scene: Scene) -> Reading | None:
    readings = scene.readings("component_health.cooling_fan_rpm", which="all")
    readings = readings.between(scene.anchor - 7 * DAY, scene.as_of + 1.0).where(lambda values: values > 100.0)
    if len(readings) < 10:
        return None
    table = scene.observations["telemetry"]
    states = np.array([table.records[row].fields.get("state") or "" for row in readings.rows])
    working = np.isin(states, ("charging", "discharging"))
    # a row of one connector says nothing of the other: sessions of all of them count as work
    for session in scene.sessions(which="all"):
        if session.end is not None:
            working |= (readings.times >= session.start) & (readings.times <= session.end)
    idle = ~working & (states != "fault")
    if working.sum() < 5 or idle.sum() < 5:
        return None
    base = float(np.median(readings.values[idle]))
    return readings.reading(100.0 * (float(np.median(readings.values[working])) / base - 1.0))


@measures(
    "fan_scatter_growth",
    "how many times larger the change from reading to reading is in the last third of the records than in the first, over at least "
    "ten days and thirty readings",
    unit="1",
    low=0,
)
def fan_scatter_growth(scene: Scene) -> Reading | None:
    known = speeds(scene).between(scene.anchor - HISTORY, scene.anchor + HOUR)
    if len(known.times) < 30 or known.times[-1] - known.times[0] < 10 * DAY:
        return None
    # thirds of the time, not of the rows: records are denser towards the fault
    third = (known.times[-1] - known.times[0]) / 3
    early = known.values[known.times <= known.times[0] + third]
    late = known.values[known.times >= known.times[-1] - third]
    if len(early) < 8 or len(late) < 8:
        return None
    quiet = max(float(np.median(np.abs(np.diff(early)))), 0.002 * float(np.median(early)), 1.0)
    return known.reading(float(np.median(np.abs(np.diff(late)))) / quiet)


@measures(
    "fan_warm_up_gain",
    "by how much the fan is faster 15 to 60 minutes after a start (of a session, or after an hour of rest) than in the first "
    "four minutes, median over the starts of a week",
    unit="%",
)
def fan_warm_up_gain(scene: Scene) -> Reading | None:
    known = speeds(scene)
    if len(known.times) < 6:
        return None
    starts = [s.start for s in scene.sessions(which="all") if scene.anchor - 7 * DAY <= s.start <= scene.anchor + HOUR]
    gaps = np.flatnonzero(np.diff(known.times) >= HOUR)
    starts += [float(known.times[place + 1]) for place in gaps if known.times[place + 1] >= scene.anchor - 7 * DAY]
    gains = []
    for start in starts:
        cold = known.between(start, start + 4 * MINUTE).values
        warm = known.between(start + 15 * MINUTE, start + HOUR).values
        cold = cold[cold > 50.0]
        if len(cold) >= 1 and len(warm) >= 2:
            gains.append(100.0 * (float(np.median(warm)) / float(np.median(cold)) - 1.0))
    return known.reading(float(np.median(gains))) if gains else None


@measures(
    "fan_gain_after_restart",
    "change of the speed from the hour before to the hour after a restart command, largest since a day before the first occurrence",
    unit="%",
)
def fan_gain_after_restart(scene: Scene) -> Reading | None:
    known = speeds(scene)
    best: Reading | None = None
    for time, source in restarts(scene):
        if time < scene.first - DAY:
            continue
        before = known.between(time - HOUR, time)
        after = known.between(time + 2 * MINUTE, time + HOUR)
        if len(before.times) >= 2 and len(after.times) >= 2:
            base = max(float(np.median(before.values)), 1.0)
            gain = (
                100.0 * (float(np.median(after.values)) / base - 1.0)
                if base > 50
                else (100.0 if np.median(after.values) > 500 else 0.0)
            )
            if best is None or gain > float(best.value):
                best = Reading(gain, time, few([source, before.source(-1), after.source(0)]))
    return best


@measures(
    "fan_status_changes",
    "changes of the charger's word on its fan within a day of the latest occurrence",
    unit="1",
    low=0,
)
def fan_status_changes(scene: Scene) -> Reading | None:
    words = scene.words("component_health.cooling_fan_status", which="all").between(
        scene.anchor - DAY, scene.anchor + DAY
    )
    if len(words) < 4:
        return None
    changes = words.changes()
    return Reading(
        float(len(changes) - 1), float(words.times[-1]), few([changes.source(0), changes.source(len(changes) - 1)])
    )


# What the payload gives


def _nominal(volts: float) -> float:
    return min(NOMINAL_VOLTS, key=lambda nominal: abs(np.log(volts / nominal)))


def _supplies(scene: Scene) -> list[tuple[float, float, Source]]:
    """Fan supply in percent of its nominal value, by the payloads, in time order."""
    wanted = r"\b(supply|rail|aux|auxiliary|psu|vcc|vdd|vin|vbus|v24|v12|v48|u24|u12|u48|v ?fan|fan v|fan volt\w*|fan voltage|24 ?v|12 ?v|48 ?v|input voltage|voltage v)\b"
    unwanted = r"\b(nominal|rated|expected|min|max|minimum|maximum|threshold|limit|target|current|a|ma|temp\w*|rpm|ripple|mains|grid|ac|dc bus|dc|coil|ms|s|drop|count|pwm|duty)\b"
    rated = [
        v
        for _, v, _ in payload_numbers(
            scene,
            r"\b(nominal|rated|expected|target)\b.*\b(v|volt\w*|supply|rail)\b|\b(v|volt\w*|supply|rail)\b.*\b(nominal|rated|expected|target)\b",
            r"\b(mains|grid|ac|rpm|a|current|pct)\b",
        )
        if 4.0 <= v <= 300.0
    ]
    shares = payload_numbers(
        scene, r"\b(supply|rail|voltage|volt|v)\b.*\b(pct|percent)\b", r"\b(min|max|threshold|limit|duty|pwm)\b"
    )
    found = [item for item in shares if 5.0 <= item[1] <= 200.0]
    for time, value, source in payload_numbers(scene, wanted, unwanted + r"|\b(pct|percent)\b"):
        if 4.0 <= value <= 300.0:
            found.append((time, 100.0 * value / (rated[-1] if rated else _nominal(value)), source))
    visits = [
        (v.time, scene.source("service_visits", v), str(v.fields.get("work") or "").lower())
        for v in scene.records("service_visits")
        if v.time is not None and v.time >= scene.anchor - 60 * DAY
    ]
    for time, source, text in [*payload_texts(scene), *visits]:
        match = re.search(
            r"\b(?:supply|supplied|rail|aux\w*|psu|fan voltage)\b[^.;]{0,40}?(\d{1,3}(?:[.,]\d+)?) ?v(?:dc|olts?)?\b",
            text,
        )
        if match is not None:
            volts = float(match.group(1).replace(",", "."))
            named = re.search(
                r"\b(?:nominal|rated|instead of|of|expected|should be)\b[^.;]{0,12}?(\d{1,3}(?:[.,]\d+)?) ?v(?:dc|olts?)?\b",
                text,
            )
            base = float(named.group(1).replace(",", ".")) if named is not None else _nominal(max(volts, 0.1))
            if volts >= 4.0 and base >= 4.0:
                found.append((time, 100.0 * volts / base, source))
    return sorted(found, key=lambda item: item[0])


@measures(
    "fan_supply_share",
    "latest supply voltage of the fan in the payloads, against the nominal one they name or else the nearest common one",
    unit="%",
    low=0,
)
def fan_supply_share(scene: Scene) -> Reading | None:
    return newest(_supplies(scene))


@measures(
    "fan_supply_fall",
    "fall of the fan's supply from the first to the last of at least three payloads that give it",
    unit="%",
)
def fan_supply_fall(scene: Scene) -> Reading | None:
    found = _supplies(scene)
    if len(found) < 3 or found[0][1] <= 0:
        return None
    return Reading(100.0 * (1.0 - found[-1][1] / found[0][1]), found[-1][0], few([item[2] for item in found]))


_CURRENT = r"\b(fan|motor|winding|phase|supply) (motor )?current\b|\bcurrent (a|ma|draw)\b|\bi ?fan\b|\bfan (a|ma)\b|^(details )?current$"


@measures(
    "fan_current_share",
    "latest current of the fan in the payloads against the rated one named beside it",
    unit="%",
    low=0,
)
def fan_current_share(scene: Scene) -> Reading | None:
    shares = payload_numbers(scene, r"\bcurrent\b.*\b(pct|percent)\b", r"\b(limit|threshold|max|min)\b")
    if shares:
        return newest(shares)
    measured = payload_numbers(
        scene, _CURRENT, r"\b(nominal|rated|expected|typical|normal|limit|threshold|max|min|baseline|peer\w*)\b"
    )
    rated = payload_numbers(
        scene,
        r"\bcurrent\b.*\b(nominal|rated|expected|typical|normal|baseline)\b|\b(nominal|rated|expected|typical|normal|baseline)\b.*\bcurrent\b",
    )
    if not measured or not rated or rated[-1][1] <= 0 or measured[-1][1] < 0:
        return None
    return Reading(100.0 * measured[-1][1] / rated[-1][1], measured[-1][0], few([measured[-1][2], rated[-1][2]]))


@measures(
    "fan_current_rise",
    "rise of the fan's current from the first to the last of at least three payloads that give it",
    unit="%",
)
def fan_current_rise(scene: Scene) -> Reading | None:
    measured = payload_numbers(
        scene, _CURRENT, r"\b(nominal|rated|expected|typical|normal|limit|threshold|max|min|baseline|peer\w*)\b"
    )
    if len(measured) < 3 or measured[0][1] <= 0:
        return None
    return Reading(
        100.0 * (measured[-1][1] / measured[0][1] - 1.0), measured[-1][0], few([item[2] for item in measured])
    )


@measures("fan_runtime", "running hours of the fan that a payload gives", unit="h", low=0)
def fan_runtime(scene: Scene) -> Reading | None:
    return newest(
        [
            item
            for item in payload_numbers(
                scene,
                r"\b(run ?time|running|operating|service|runtime counter)\b( hours| h| hrs| counter)?|\bfan hours\b|\bhours\b",
                r"\b(since|last|limit|rated|design|life|expected|min|s|ms|days|replacement)\b",
            )
            if item[1] >= 0
        ]
    )


@measures("fan_vibration", "vibration of the fan that a payload gives", unit="mm/s", low=0)
def fan_vibration(scene: Scene) -> Reading | None:
    return newest(
        [
            item
            for item in payload_numbers(scene, r"\bvibration\b", r"\b(limit|threshold|max|baseline|normal|g|hz)\b")
            if item[1] >= 0
        ]
    )


@measures(
    "fan_driver_temperature", "temperature of the fan's driver that a payload gives", unit="°C", low=-60, high=300
)
def fan_driver_temperature(scene: Scene) -> Reading | None:
    return newest(
        [
            item
            for item in payload_numbers(
                scene, r"\b(driver|ic|mosfet|output stage)\b.*\b(temp\w*|c)\b", r"\b(limit|threshold|max)\b"
            )
            if -60 <= item[1] <= 300
        ]
    )


_ONE_FAN = re.compile(
    r"\b(fans?|rpm) ?(\d|[a-f]\b|left|right|top|bottom|upper|lower|inlet|outlet|front|rear|main)|^(left|right|top|bottom|upper|lower|front|rear) (fan|rpm)"
)
_SHORT_NAME = re.compile(r"^([a-h]|f?\d|l|r|left|right|top|bottom|upper|lower|inlet|outlet|front|rear)( rpm)?$")


def _fan_list(scene: Scene) -> dict[str, list[tuple[float, float, Source]]]:
    """Time, speed and source of each fan where payloads give several, by the fan's key, in time order."""
    found: dict[str, list[tuple[float, float, Source]]] = {}

    def note(name: str, speed: float, source: Source, time: float) -> None:
        found.setdefault(name, []).append((time, speed, source))

    def walk(node: Any, source: Source, time: float, depth: int = 0) -> None:
        if depth > 10:
            return
        if isinstance(node, Mapping):
            # details may name the fans by mere letters: {"A": 1623, "B": 1653}
            short = {words_of(str(k)): v for k, v in node.items() if _SHORT_NAME.match(words_of(str(k)))}
            numbers = {k: float(v) for k, v in short.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
            if (
                len(numbers) >= 2
                and all(v == 0 or 200 <= v <= 9000 for v in numbers.values())
                and max(numbers.values()) >= 500
            ):
                for name, speed in numbers.items():
                    note(name, speed, source, time)
            for key, value in node.items():
                words = words_of(str(key))
                if isinstance(value, (list, tuple)) and re.search(r"\b(fans?|rpms?|fan speeds?)\b", words):
                    for number, item in enumerate(value[:32]):
                        inner = item if isinstance(item, Mapping) else {"rpm": item}
                        given = next((v for k, v in inner.items() if re.search(r"rpm|speed", words_of(str(k)))), None)
                        if isinstance(given, (int, float)) and not isinstance(given, bool):
                            note(str(number), float(given), source, time)
                elif _ONE_FAN.search(words) and not re.search(_NOT_MEASURED, words):
                    if isinstance(value, (int, float)) and not isinstance(value, bool):
                        # a fan's number or state is no speed; a standing fan is known by the key's own word
                        if value >= 50 or (value == 0 and re.search(r"rpm|speed", words)):
                            note(words, float(value), source, time)
                    elif isinstance(value, Mapping):
                        given = next((v for k, v in value.items() if re.search(r"rpm|speed", words_of(str(k)))), None)
                        if isinstance(given, (int, float)) and not isinstance(given, bool):
                            note(words, float(given), source, time)
                else:
                    walk(value, source, time, depth + 1)
        elif isinstance(node, (list, tuple)):
            for item in node[:64]:
                walk(item, source, time, depth + 1)

    for time, source, data in charger_payloads(scene):
        walk(data, source, time)
    return found


@measures(
    "fans_low_share", "share of at least two fans a payload lists that turn below 1800 rpm", unit="%", low=0, high=100
)
def fans_low_share(scene: Scene) -> Reading | None:
    found = _fan_list(scene)
    if len(found) < 2:
        return None
    low = [key for key, items in found.items() if items[-1][1] < 1800.0]
    return Reading(100.0 * len(low) / len(found), scene.anchor, few([items[-1][2] for items in found.values()]))


@measures(
    "fans_fall_apart",
    "difference between the fans, from the earliest to the latest payload that gives them, in percent of speed lost; known where "
    "two fans have two payloads a day apart and one of them lost 3 %",
    unit="%",
    low=0,
)
def fans_fall_apart(scene: Scene) -> Reading | None:
    found = [items for items in _fan_list(scene).values() if items[-1][0] - items[0][0] >= DAY and items[0][1] > 100]
    losses = [100.0 * (1.0 - items[-1][1] / items[0][1]) for items in found]
    if len(losses) < 2 or max(losses) < 3.0:
        return None
    return Reading(max(losses) - min(losses), scene.anchor, few([items[-1][2] for items in found]))


@measures(
    "fan_text_mention",
    "a topic of the fault's vocabulary in the words (never in mere numbers) of this code's faults on the charger and of alarms beside them",
    kind="text",
    many=True,
)
def fan_text_mention(scene: Scene) -> Iterable[Reading]:
    said = scene.mentions([(source, said_in_words(data)) for _, source, data in charger_payloads(scene)])
    return [*said, *(extra for extra in assurances(scene) if extra.value not in {reading.value for reading in said})]


# Circumstances

_FAN_REPLACED = re.compile(
    r"\b(replac\w*|swap\w*|exchang\w*|renew\w*|new|chang\w*|fitted|installed)\b(\s+\w+){0,4}\s+(fans?|ventilator\w*|blower\w*)\b(?! (filter|mat|grill|guard|cover))"
    r"|\b(fans?|ventilator\w*|blower\w*)\b(\s+(?!filter|mat)\w+){0,3}\s+(replac\w*|swap\w*|exchang\w*|renew\w*|chang\w*)\b"
)


def fan_replacements(scene: Scene) -> list[tuple[float, Source]]:
    """When the fan was replaced: by the work of visits, or by the reset of its counter that goes with it."""
    found = []
    for visit in scene.records("service_visits"):
        if visit.time is not None and _FAN_REPLACED.search(words_of(str(visit.fields.get("work") or ""))):
            found.append((visit.time, scene.source("service_visits", visit)))
    for command in scene.records("commands"):
        done = command.fields.get("status") in ("completed", "accepted", None)
        if command.fields["command"] == "reset_fan_counter" and done and command.time is not None:
            found.append((command.time, scene.source("commands", command)))
    return sorted(found)


@measures(
    "days_from_fan_replacement",
    "days from the fan's last replacement before the latest occurrence to it",
    unit="days",
    low=0,
)
def days_from_fan_replacement(scene: Scene) -> Reading | None:
    earlier = [item for item in fan_replacements(scene) if item[0] <= scene.anchor]
    if not earlier:
        return None
    return Reading((scene.anchor - earlier[-1][0]) / DAY, scene.anchor, (earlier[-1][1],))


@measures(
    "fan_speed_after_replacement",
    "median speed after the fan's last replacement, from half an hour to 30 days later",
    unit="rpm",
    low=0,
)
def fan_speed_after_replacement(scene: Scene) -> Reading | None:
    replaced = fan_replacements(scene)
    if not replaced:
        return None
    later = speeds(scene).between(replaced[-1][0] + HOUR / 2, replaced[-1][0] + 30 * DAY)
    return later.reading(float(np.median(later.values))) if len(later.times) else None


@measures(
    "fan_code_returned_after_replacement",
    "whether F-0601 came both before and after the fan's last replacement; known where it was replaced",
    kind="flag",
)
def fan_code_returned_after_replacement(scene: Scene) -> Reading | None:
    replaced = fan_replacements(scene)
    if not replaced:
        return None
    time, source = replaced[-1]
    faults = scene.faults(FAN_CODE, device=scene.device_id)
    before, after = [f for f in faults if f.time < time], [f for f in faults if f.time > time]
    return Reading(bool(before and after), time, few([source, *(f.source for f in (before[-1:] + after[:1]))]))


@measures(
    "fan_same_level_again",
    "difference between the latest speeds and those of the three days before the fan's last replacement, where it was at least 5 % "
    "faster in between or the code came back",
    unit="%",
    low=0,
)
def fan_same_level_again(scene: Scene) -> Reading | None:
    replaced = [item for item in fan_replacements(scene) if item[0] < scene.anchor]
    if not replaced:
        return None
    time, source = replaced[-1]
    before = speeds(scene).between(time - 3 * DAY, time)
    latest = speeds(scene).between(time + HOUR, scene.anchor + HOUR)
    if not len(before.times) or not len(latest.times) or np.median(before.values) < 100:
        return None
    old, new = float(np.median(before.values[-10:])), float(np.median(latest.values[-10:]))
    return Reading(100.0 * abs(new / old - 1.0), scene.anchor, few([source, before.source(-1), latest.source(-1)]))


@measures(
    "low_supply_elsewhere",
    "lowest supply or coil voltage, against the nearest nominal one, in the details of the charger's other faults within 30 days",
    unit="%",
    low=0,
)
def low_supply_elsewhere(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for fault in scene.faults(device=scene.device_id):
        if fault.code == FAN_CODE or abs(fault.time - scene.anchor) > 30 * DAY:
            continue
        for path, value in flat(fault.record.fields.get("data")):
            number = as_number(value)
            if number is None or not re.search(r"\b(coil|supply|rail|aux\w*|v24|v12|v48|24v|12v|48v|psu)\b", path):
                continue
            if re.search(r"\b(current|a|ohms?|resistance|ms|s|count|temp\w*|n|rated|nominal|min|max|limit)\b", path):
                continue
            if re.search(r"\b(pct|percent)\b", path):
                share = number
            elif 4.0 <= number <= 300.0:
                share = 100.0 * number / _nominal(number)
            else:
                continue
            if best is None or share < float(best.value):
                best = Reading(share, fault.time, (fault.source,))
    return best


@measures(
    "fan_gain_after_cleaning",
    "change of the speed from the day before to the day after a visit that names cleaning or something removed",
    unit="%",
)
def fan_gain_after_cleaning(scene: Scene) -> Reading | None:
    known = speeds(scene)
    for visit in reversed(scene.records("service_visits")):
        if visit.time is None or not re.search(
            r"\b(clean\w*|clear\w*|remov\w*|vacuum\w*|blew|blown)\b", words_of(str(visit.fields.get("work") or ""))
        ):
            continue
        if _FAN_REPLACED.search(words_of(str(visit.fields.get("work") or ""))):
            continue
        before, after = (
            known.between(visit.time - DAY, visit.time),
            known.between(visit.time + MINUTE, visit.time + DAY),
        )
        if len(before.times) >= 2 and len(after.times) >= 2 and np.median(before.values) > 50:
            gain = 100.0 * (float(np.median(after.values)) / float(np.median(before.values)) - 1.0)
            return Reading(
                gain, visit.time, few([scene.source("service_visits", visit), before.source(-1), after.source(0)])
            )
    return None


@measures(
    "days_from_visit_to_fan_fall",
    "days from the last service visit before the fan's speed began to fall to that moment",
    unit="days",
    low=0,
)
def days_from_visit_to_fan_fall(scene: Scene) -> Reading | None:
    found = fall(scene)
    if found is None:
        return None
    # the fall lies between two readings: the visit may lie between them too
    earlier = [v for v in scene.records("service_visits") if v.time is not None and v.time <= found.end]
    if not earlier:
        return None
    gap = max(0.0, found.start - (earlier[-1].time or 0.0))
    return Reading(gap / DAY, found.start, (scene.source("service_visits", earlier[-1]),))


@measures(
    "minutes_from_door_to_fan_fall",
    "minutes from the last event that names door, cover or tampering to the beginning of the fan's fall, within two days",
    unit="min",
    low=0,
)
def minutes_from_door_to_fan_fall(scene: Scene) -> Reading | None:
    found = fall(scene)
    if found is None:
        return None
    earlier = [item for item in door_events(scene) if found.end - 2 * DAY <= item[0] <= found.end]
    if not earlier:
        return None
    return Reading(max(0.0, found.start - earlier[-1][0]) / MINUTE, found.start, (earlier[-1][1],))


@measures(
    "low_supply_faults",
    "F-0421 of this charger within 30 days of the latest occurrence; known where the charger reported other faults",
    unit="1",
    low=0,
)
def low_supply_faults(scene: Scene) -> Reading | None:
    faults = [
        f for f in scene.faults(device=scene.device_id) if f.code != FAN_CODE and abs(f.time - scene.anchor) <= 30 * DAY
    ]
    if not faults:
        return None
    hits = [f for f in faults if f.code == "F-0421"]
    return Reading(float(len(hits)), scene.anchor, few([f.source for f in hits or faults]))


@measures(
    "unasked_restarts",
    "times within seven days before the latest occurrence that the charger came online after power was named as the reason",
    unit="1",
    low=0,
)
def unasked_restarts(scene: Scene) -> Reading | None:
    records = [
        r
        for r in scene.records("connections")
        if r.time is not None and scene.anchor - 7 * DAY <= r.time <= scene.anchor + HOUR
    ]
    if not records:
        return None
    hits = [
        r
        for r in records
        if re.search(
            r"brown|power (on|loss|fail|cycle)|under ?voltage|reset|boot", words_of(str(r.fields.get("reason") or ""))
        )
    ]
    return Reading(float(len(hits)), scene.anchor, scene.sources("connections", hits or records))


@measures(
    "mains_level",
    "median phase voltage of the lowest phase within the hour up to the latest occurrence that has readings, against 230 V",
    unit="%",
    low=0,
)
def mains_level(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for phase in ("a", "b", "c"):
        readings = scene.readings(f"phase_details.phase_{phase}.voltage", which="all").where(
            lambda v: (v > 100.0) & (v < 300.0)
        )
        middle = scene.near(readings, HOUR, MINUTE).median(3)
        if middle is not None and (best is None or float(middle.value) / 2.3 < float(best.value)):
            best = Reading(float(middle.value) / 2.3, middle.at, middle.sources)
    return best


@measures(
    "grid_low_before_fault",
    "lowest grid voltage recorded for the site or its area in the six hours up to an occurrence, against 230 or 400 V",
    unit="%",
    low=0,
)
def grid_low_before_fault(scene: Scene) -> Reading | None:
    found = [item for time in scene.times[-20:] for item in grid_voltage_events(scene, time - 6 * HOUR, time + MINUTE)]
    if not found:
        return None
    time, value, source = min(found, key=lambda item: (item[1], item[0]))
    return Reading(value, time, (source,))


@measures(
    "site_peers_with_fan_code",
    "other chargers of the site that reported F-0601 within 14 days of the latest occurrence; known where the site has others",
    unit="1",
    low=0,
)
def site_peers_with_fan_code(scene: Scene) -> Reading | None:
    if not scene.neighbours:
        return None
    here = {record.fields["device_id"] for record in scene.neighbours}
    faults = {
        f.device_id: f for f in scene.faults(FAN_CODE) if f.device_id in here and abs(f.time - scene.anchor) <= 14 * DAY
    }
    sources = [f.source for f in faults.values()] or list(scene.sources("devices", scene.neighbours))
    return Reading(float(len(faults)), scene.anchor, few(sources))


@measures(
    "batch_peers_with_fan_code",
    "other chargers of the same manufacturing batch, at other sites, that reported F-0601 within 90 days",
    unit="1",
    low=0,
)
def batch_peers_with_fan_code(scene: Scene) -> Reading | None:
    batch = scene.about("lifecycle.manufacturing_batch")
    peers = {
        r.fields["device_id"]
        for r in scene.others
        if batch
        and scene.about("lifecycle.manufacturing_batch", r) == batch
        and r.fields.get("site_id") != scene.site_id
    }
    if not peers:
        return None
    faults = {
        f.device_id: f
        for f in scene.faults(FAN_CODE)
        if f.device_id in peers and abs(f.time - scene.anchor) <= 90 * DAY
    }
    own = scene.metadata("lifecycle.manufacturing_batch")
    sources = [f.source for f in faults.values()] or list(own.sources if own is not None else ())
    return Reading(float(len(faults)), scene.anchor, few(sources))


@measures(
    "cabinet_above_peers",
    "median cabinet temperature in the hour up to the latest occurrence, less that of the site's other chargers, median over those that have it",
    unit="K",
)
def cabinet_above_peers(scene: Scene) -> Reading | None:
    mine = scene.near(scene.readings("cabinet_temperature", which="all"), HOUR, MINUTE).median()
    if mine is None:
        return None
    theirs = []
    for record in scene.neighbours[:12]:
        near = scene.readings("cabinet_temperature", which="all", device=record.fields["device_id"]).between(
            scene.anchor - HOUR, scene.anchor + HOUR
        )
        middle = near.median()
        if middle is not None:
            theirs.append(middle)
    if not theirs:
        return None
    gap = float(mine.value) - float(np.median([float(item.value) for item in theirs]))
    return Reading(gap, scene.anchor, few([*mine.sources, *(s for item in theirs for s in item.sources)]))
