"""Measurements of the bidirectional contactor: its faults, its relay, what is left behind it, wear and answer times."""

from __future__ import annotations

import re

import numpy as np

from ...readings import DAY, MINUTE, Reading, Readings, few, highest, median
from ...scene import Scene
from ..registry import measures
from .occurrences import latest_first
from .payload import LIMIT_KEY, growth, measured_numbers, numbers, told_numbers
from .records import flows_out, own_sampled, sources_of_rows

_RELAY = "component_health.relay_state"


@measures(
    "v2g_days_from_weld_fault",
    "days from this charger's last F-0101 (welded contactor) to the latest occurrence, up to 90 days; 0 where it came within a "
    "minute after",
    unit="days",
    low=0,
)
def v2g_days_from_weld_fault(scene: Scene) -> Reading | None:
    return _days_since(scene, "F-0101")


@measures(
    "v2g_days_from_engage_fault",
    "days from this charger's last F-0421 (contactor failed to engage) to the latest occurrence, up to 90 days; 0 where it came "
    "within a minute after",
    unit="days",
    low=0,
)
def v2g_days_from_engage_fault(scene: Scene) -> Reading | None:
    return _days_since(scene, "F-0421")


def _days_since(scene: Scene, code: str) -> Reading | None:
    # One that comes later may be what the loss did to the contactor; a minute is what stamps of one moment differ by.
    start, end = scene.anchor - 90 * DAY, scene.anchor + MINUTE
    found = [f for f in scene.faults(code, device=scene.device_id) if start <= f.time <= end]
    if not found:
        return None
    last = max(found, key=lambda f: (f.time, f.source))
    return Reading(max(0.0, scene.anchor - last.time) / DAY, last.time, (last.source,))


@measures(
    "relay_fault_near_loss",
    "whether the relay reported a fault from ten minutes before to five after the latest occurrence that has its state",
    kind="flag",
)
def relay_fault_near_loss(scene: Scene) -> Reading | None:
    words = scene.words(_RELAY)
    for time in latest_first(scene):
        window = words.between(time - 10 * MINUTE, time + 5 * MINUTE)
        if len(window):
            places = [place for place, value in enumerate(window.values) if value == "fault"]
            return Reading(bool(places), time, few([window.source(p) for p in places or [len(window) - 1]]))
    return None


@measures(
    "relay_contradictions",
    "telemetry records within ten minutes around the latest occurrence whose relay is open while energy flows out, or still "
    "closed ten seconds and more after the loss",
    unit="1",
    low=0,
)
def relay_contradictions(scene: Scene) -> Reading | None:
    table = scene.observations["telemetry"]
    for time in latest_first(scene):
        rows = own_sampled(scene, time - 10 * MINUTE, time + 10 * MINUTE)
        known = rows[~table.one_of(_RELAY, (None,), rows)]
        if not len(known):
            continue
        at = table.times[known]
        flowing = table.one_of("state", ("discharging",), known) | flows_out(scene, known)
        early = table.one_of(_RELAY, ("open",), known) & (at < time - 1.0) & flowing
        resting = table.one_of("state", ("fault", "idle", "unavailable"), known)
        late = table.one_of(_RELAY, ("closed",), known) & (at >= time + 10.0) & resting
        wrong = known[early | late]
        return Reading(float(len(wrong)), time, sources_of_rows(scene, wrong if len(wrong) else known))
    return None


def _after_loss(scene: Scene, path: str) -> Readings:
    """Readings on the connector from 20 s to ten minutes after the latest occurrence, while its state is fault or idle."""
    resting = scene.readings(path).at_rows(scene.words("state").rows_where("fault", "idle", "unavailable"))
    return resting.between(scene.anchor + 20.0, scene.anchor + 10 * MINUTE)


@measures(
    "voltage_left_after_loss",
    "median voltage on the connector from 20 s to ten minutes after the latest occurrence, while its state is fault or idle; "
    "DC chargers with two readings",
    unit="V",
)
def voltage_left_after_loss(scene: Scene) -> Reading | None:
    return None if scene.is_dc is False else _after_loss(scene, "voltage").median(2)


@measures(
    "voltage_left_while_idle",
    "median voltage on the idle connector within seven days before the latest occurrence; DC chargers with two readings",
    unit="V",
)
def voltage_left_while_idle(scene: Scene) -> Reading | None:
    if scene.is_dc is False:
        return None
    idle = scene.readings("voltage").at_rows(scene.words("state").rows_where("idle"))
    return idle.between(scene.anchor - 7 * DAY, scene.anchor - MINUTE).median(2)


@measures(
    "current_left_after_loss",
    "median size of the current on the connector from 20 s to ten minutes after the latest occurrence, while its state is "
    "fault or idle; two readings",
    unit="A",
    low=0,
)
def current_left_after_loss(scene: Scene) -> Reading | None:
    window = _after_loss(scene, "current")
    return window.reading(median(np.abs(window.values))) if len(window) >= 2 else None


_SWITCHES = r"\b(open|opening|close|closing) (time )?ms\b"
"""The times of a switch that is called otherwise."""

DC_CONTACTOR_LIFE = 100_000.0
"""Cycles after which a DC contactor is due (dictionary F-0101); stands where the charger names no limit of its own."""


@measures(
    "discharge_contactor_wear",
    "highest cycle count of the discharge contactor (else of the contactor) up to the latest occurrence, as a share of its "
    "limit, or of 100,000 where none is named",
    unit="%",
    low=0,
)
def discharge_contactor_wear(scene: Scene) -> Reading | None:
    limit = scene.readings("component_health.contactor_max_cycles", which="all").last()
    life = float(limit.value) if limit is not None and float(limit.value) > 0 else DC_CONTACTOR_LIFE
    found: Reading | None = None
    for name in ("discharge_contactor_cycles", "contactor_cycles"):
        count = scene.readings(f"component_health.{name}").between(scene.anchor - 90 * DAY, scene.anchor + MINUTE).max()
        if count is not None and (found is None or float(count.value) > float(found.value)):
            found = count
    return None if found is None else Reading(100.0 * float(found.value) / life, found.at, found.sources)


@measures(
    "reported_contactor_delay",
    "the longest time, in milliseconds, that the payload gives for a contactor or relay to close, open or confirm",
    unit="ms",
    low=0,
)
def reported_contactor_delay(scene: Scene) -> Reading | None:
    found = []
    key, unless = (
        r"\b(contactor|relay|k\d|release|pole|aux)\b|" + _SWITCHES,
        r"\b(cycles?|count|id|index|connector|pct)\b",
    )
    for path, number, source in measured_numbers(scene, key, unless):
        if number < 0:
            continue
        if re.search(r"\bms\b", path):
            found.append(Reading(number, scene.anchor, (source,)))
        elif re.search(r"\b(s|sec|seconds)\b", path):
            found.append(Reading(number * 1000.0, scene.anchor, (source,)))
        elif re.search(r"\b(delay|lag|latency|time|release)\b", path):
            found.append(Reading(_milliseconds(number), scene.anchor, (source,)))
    return highest(*found)


def _milliseconds(number: float) -> float:
    """A time without its unit: below five it can only be in seconds, as contactors take tens of milliseconds."""
    return number if number > 5.0 else number * 1000.0


@measures(
    "reported_contactor_delay_over_limit",
    "the longest contactor or relay time in the payload over the limit that stands in the same payload",
    unit="1",
    low=0,
)
def reported_contactor_delay_over_limit(scene: Scene) -> Reading | None:
    longest = reported_contactor_delay(scene)
    if longest is None:
        return None
    limits = [
        number
        for path, number, source in numbers(scene)
        if source in longest.sources
        and number > 0
        and LIMIT_KEY.search(path)
        and not re.search(r"\b(soc|volt\w*|v|a|hz|freq\w*|kw|pct|cycles?)\b", path)
    ]
    if len(limits) != 1:
        return None
    return Reading(float(longest.value) / _milliseconds(limits[0]), scene.anchor, longest.sources)


@measures(
    "contactor_delay_growth",
    "the contactor's answer time that details of sessions and faults give: median of the latest third over that of the earliest; "
    "known from three",
    unit="1",
    low=0,
)
def contactor_delay_growth(scene: Scene) -> Reading | None:
    key = (
        r"\b(contactor|relay|k\d|release|aux)\b.*\b(ms|s|delay|lag|latency|time)\b|\b(release|lag|delay) ms\b|"
        + _SWITCHES
    )
    return growth(scene, told_numbers(scene, key, r"\b(cycles?|count)\b"))
