"""The cabinet's temperature sensor: how it jumps and flutters, and how it compares with other sensors and thermometers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ....engine.facts import Source
from ...observations import Floats, Record, Rows, epoch
from ...readings import DAY, HOUR, MAX_SOURCES, MINUTE, Reading, Readings, few, highest, median, percentile
from ...scene import Scene
from ...texts import MAX_TEXT, words_of
from ..common import visits_after, work_text
from ..payload import decimal
from ..registry import measures
from .ambient import over_ambient
from .cabinet import cabinet_temperature
from .cabinet_frame import LONG_RESTED, RESTED, cabinet_readings, own_frame
from .chargers import about_the_cabinet
from .remembered import once_an_incident
from .telemetry import difference, interpolated, pairs_apart, sources_of

INTERNAL = ("power_module", "control_board", "ac_inlet", "dc_outlet")
"""The sensors inside the cabinet beside its own."""

MOST_RECORDS = 200
"""Records whose power modules are read one by one (our judgement: a median needs no more)."""


@measures(
    "cabinet_fastest_change",
    "greatest change of the cabinet's reading per minute, over a minute or between readings up to ten minutes apart, within a "
    "day around the latest occurrence; changes of five degrees and more",
    unit="K/min",
    low=0,
)
def cabinet_fastest_change(scene: Scene) -> Reading | None:
    series = cabinet_readings(scene, scene.device_id).between(scene.anchor - DAY, scene.anchor + HOUR)
    if len(series) < 4:
        return None
    return highest(*map(_fastest_change, series.by_connector()))


def _fastest_change(series: Readings) -> Reading | None:
    begin, end = pairs_apart(series, MINUTE, 10 * MINUTE)
    if not len(begin):
        return None
    changes = np.abs(series.values[end] - series.values[begin])
    spans = series.times[end] - series.times[begin]
    rates = np.where(changes >= 5.0, changes / (spans / MINUTE), 0.0)
    place = int(np.argmax(rates))
    return series.reading(float(rates[place]), float(series.times[end[place]]), [int(begin[place]), int(end[place])])


@measures(
    "cabinet_flutter",
    "standard deviation of the cabinet's reading around its running median of five, in the three hours up to the latest "
    "occurrence; where several connectors' records have it, by those that flutter least",
    unit="K",
    low=0,
)
def cabinet_flutter(scene: Scene) -> Reading | None:
    series = cabinet_readings(scene, scene.device_id).between(scene.anchor - 3 * HOUR, scene.anchor + 10 * MINUTE)
    found = [each for each in map(_flutter, series.by_connector()) if each is not None]
    return min(found, key=lambda each: (float(each.value), each.sources), default=None)


def _flutter(series: Readings) -> Reading | None:
    if len(series) < 10 or median(np.diff(series.times)) > 6 * MINUTE:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(series.values, 5)
    rest = series.values[2:-2] - np.median(windows, axis=1)
    return series.reading(float(np.std(rest)))


def _others_at(scene: Scene, moments: Floats) -> Floats:
    """The hottest of the other sensors in the cabinet at some moments; NaN where none has a reading within ten minutes."""
    hottest = np.full(len(moments), np.nan)
    if not len(moments):
        return hottest
    for column in (*(scene.readings(f"component_health.internal_temps.{name}", which="all") for name in INTERNAL),
                   _hottest_module(scene, float(moments[0]), float(moments[-1]))):  # fmt: skip
        hottest = np.fmax(hottest, interpolated(column, moments, 10 * MINUTE))
    return hottest


def _hottest_module(scene: Scene, start: float, end: float) -> Readings:
    """The hottest power module in each of the last records of a time."""
    table = scene.observations["telemetry"]
    rows = table.by_device.get(scene.device_id, np.empty(0, dtype=np.intp))
    times = table.times[rows]
    rows = rows[(times >= start - 10 * MINUTE) & (times <= end + 10 * MINUTE)][-MOST_RECORDS:]
    owners, told = table.parts_at("power_modules", "temperature", rows)
    hottest: dict[int, float] = {}
    for owner, heat in zip(owners.tolist(), told, strict=True):
        if heat is not None:
            hottest[owner] = max(heat, hottest.get(owner, heat))
    chosen = rows[list(hottest)]
    return Readings(table, table.times[chosen], np.array(list(hottest.values()), dtype=np.float64), chosen)


@measures(
    "cabinet_idle_internal_gap",
    "median of the cabinet sensor minus the hottest of the other sensors in the cabinet after at least 90 minutes without load, "
    "within three days around the latest occurrence",
    unit="K",
)
def cabinet_idle_internal_gap(scene: Scene) -> Reading | None:
    return _at_rest_over(scene, RESTED, over_ambient=False)


@measures(
    "cabinet_unshared_idle_excess",
    "median of the cabinet sensor over the warmest of ambient and the other sensors in the cabinet (those that are known) after "
    "at least 90 minutes without load, within three days around the latest occurrence",
    unit="K",
)
def cabinet_unshared_idle_excess(scene: Scene) -> Reading | None:
    return _at_rest_over(scene, RESTED, over_ambient=True)


@measures(
    "cabinet_unshared_long_idle_excess",
    "the same after at least six hours without load",
    unit="K",
)
def cabinet_unshared_long_idle_excess(scene: Scene) -> Reading | None:
    return _at_rest_over(scene, LONG_RESTED, over_ambient=True)


def _at_rest_over(scene: Scene, rest: float, *, over_ambient: bool) -> Reading | None:
    """The cabinet after so much rest over the other sensors in it, and over the ambient where that counts too."""
    frame, found = own_frame(scene), _others_at_rest(scene)
    if frame is None or found is None:
        return None
    cells, others = found
    rested = frame.rest[cells] >= rest
    cells, others = cells[rested], others[rested]
    if over_ambient:
        others = np.fmax(others, frame.ambient[cells])
    told = ~np.isnan(others)
    if told.sum() < 2:
        return None
    mask = np.zeros(len(frame.times), dtype=bool)
    mask[cells[told]] = True
    return frame.reading(median(frame.cabinet[cells[told]] - others[told]), mask)


@once_an_incident
def _others_at_rest(scene: Scene) -> tuple[Rows, Floats] | None:
    """The cells near the fault in which the cabinet has rested, and the hottest of the other sensors in it in each; None where
    nothing is recorded."""
    frame = own_frame(scene)
    if frame is None:
        return None
    near = frame.cells(scene.anchor - 3 * DAY, scene.anchor + DAY)
    cells = np.flatnonzero(near & (frame.rest >= RESTED) & ~np.isnan(frame.cabinet))
    if _stands_in(scene):
        return cells, np.full(len(cells), np.nan)
    return cells, _others_at(scene, frame.times[cells])


def _stands_in(scene: Scene) -> bool:
    """Whether the cabinet's reading is itself one of the other sensors', for want of its own."""
    own = ("cabinet_temperature", "temperature") if about_the_cabinet(scene) else ("cabinet_temperature",)
    return not any(len(scene.readings(path, which="all")) for path in own)


def _module_temperatures(scene: Scene, moment: float, occurrence: float) -> tuple[list[float], list[Source]]:
    """The temperature of each power module before a moment, else around its occurrence; and some of the records."""
    table = scene.observations["telemetry"]
    rows = table.by_device.get(scene.device_id)
    if rows is None:
        return [], []
    times = table.times[rows]
    chosen = rows[(times >= moment - 15 * MINUTE) & (times <= moment + 2 * MINUTE)]
    if not len(chosen):
        chosen = rows[(times >= occurrence - 30 * MINUTE) & (times <= occurrence + 10 * MINUTE)]
    chosen = chosen[-60:]
    modules: dict[Any, list[float]] = {}
    seen: list[int] = []
    owners, indices = table.parts_at("power_modules", "index", chosen)
    _, temperatures = table.parts_at("power_modules", "temperature", chosen)
    for row, index, value in zip(chosen[owners].tolist(), indices, temperatures, strict=True):
        if value is not None:
            modules.setdefault(index, []).append(value)
            seen.append(row)
    heats = [percentile(values, 90) for values in modules.values()]
    return heats, [table.source(row) for row in seen[:MAX_SOURCES]]


@measures(
    "internal_temperature",
    "the hottest of the other sensors in the cabinet (power modules, control board, inlet, outlet) when the cabinet was "
    "hottest around the latest occurrence, or as its details give it",
    unit="°C",
)
@once_an_incident
def internal_temperature(scene: Scene) -> Reading | None:
    # at the moment of the cabinet's peak: power that was cut since has cooled the modules faster than the cabinet
    columns = [scene.readings(f"component_health.internal_temps.{name}", which="all") for name in INTERNAL]
    peak = cabinet_temperature(scene)
    if peak is None or peak.at is None:
        told = (scene.occurrence_with(column, 30 * MINUTE, 10 * MINUTE) for column in columns)
        moment = occurrence = max((time for time in told if time is not None), default=scene.anchor)
    else:
        moment = peak.at
        occurrence = scene.occurrence_near(moment, 2 * HOUR) or scene.anchor
    heats: list[float] = []
    sources: list[Source] = []
    for column in columns:
        near = column.between(moment - 15 * MINUTE, moment + 2 * MINUTE)
        near = near if len(near) else column.between(occurrence - 30 * MINUTE, occurrence + 10 * MINUTE)
        if len(near):
            heats.append(percentile(near.values, 90))
            sources += [near.source(0), near.source(-1)]
    modules, seen = _module_temperatures(scene, moment, occurrence)
    heats += modules
    sources += seen[: max(0, MAX_SOURCES - len(sources))]
    if heats:
        return Reading(max(heats), moment, few(sources))
    return scene.detail_number(
        r"^(?!.*(limit|threshold)).*\b(module|control board|heat ?sink|igbt|inverter|pcb)\b.*\b(temp|c$)"
    )


@measures("internal_over_ambient", "the hottest of the other sensors in the cabinet, minus the ambient", unit="K")
def internal_over_ambient(scene: Scene) -> Reading | None:
    return over_ambient(scene, internal_temperature(scene))


@measures(
    "cabinet_internal_gap",
    "the cabinet sensor around the latest occurrence minus the hottest of the other sensors in the cabinet",
    unit="K",
)
def cabinet_internal_gap(scene: Scene) -> Reading | None:
    if len(cabinet_readings(scene, scene.device_id)) and not len(scene.readings("cabinet_temperature", which="all")):
        return None  # the cabinet's reading is itself one that stands in for it
    return difference(cabinet_temperature(scene), internal_temperature(scene))


@measures(
    "board_over_module",
    "the hotter of control board and AC inlet minus the hottest power module, medians of 30 minutes around the latest "
    "occurrence that has both",
    unit="K",
)
def board_over_module(scene: Scene) -> Reading | None:
    modules, *boards = (
        scene.readings(f"component_health.internal_temps.{name}", which="all")
        for name in ("power_module", "control_board", "ac_inlet")
    )
    for time in reversed(scene.times):
        start, end = time - 30 * MINUTE, time + 10 * MINUTE
        gap = difference(
            highest(*(board.between(start, end).median() for board in boards)), modules.between(start, end).median()
        )
        if gap is not None:
            return gap
    return None


@measures(
    "calibration_change",
    "median cabinet reading in the hour after a completed sensor calibration minus that in the hour before, within 30 days",
    unit="K",
)
def calibration_change(scene: Scene) -> Reading | None:
    series = cabinet_readings(scene, scene.device_id)
    for command in reversed(scene.records("commands")):
        moment = command.fields.get("updated_at") or command.fields.get("created_at")
        if (
            "calibrat" not in command.fields["command"]
            or command.fields.get("status") not in ("completed", None)
            or moment is None
        ):
            continue
        time = epoch(moment)
        before, after = series.between(time - HOUR, time - 1.0), series.between(time + 1.0, time + HOUR)
        if abs(time - scene.anchor) <= 30 * DAY and len(before) >= 2 and len(after) >= 2:
            value = median(after.values) - median(before.values)
            return Reading(value, time, few([scene.source("commands", command), after.source(0)]))
    return None


def _measured_by_hand(scene: Scene) -> list[Record]:
    """The checks of the cabinet with a thermometer, in time order."""
    return [
        r for r in scene.records("check_results")
        if r.time is not None and words_of(str(r.fields["check_id"])) == "ir thermometer"
    ]  # fmt: skip


def _sensor_at_check(scene: Scene, less: float = 0.0) -> Reading | None:
    """What the cabinet's sensor said when somebody measured the cabinet, else around the latest occurrence; less some K."""
    series = cabinet_readings(scene, scene.device_id)
    for check in reversed(_measured_by_hand(scene)):
        near = series.between((check.time or 0.0) - 20 * MINUTE, (check.time or 0.0) + 20 * MINUTE)
        if len(near):
            return Reading(median(near.values) - less, check.time, sources_of(near))
    peak = cabinet_temperature(scene)
    return None if peak is None else Reading(float(peak.value) - less, peak.at, peak.sources)


@measures(
    "hours_from_reading_to_hand_measurement",
    "hours between the cabinet sensor's reading that a measurement by hand is held against and that measurement: none where the "
    "sensor told one within 20 minutes of it, else from the fault's on",
    unit="h",
    low=0,
)
def hours_from_reading_to_hand_measurement(scene: Scene) -> Reading | None:
    checks, shown = _measured_by_hand(scene), _sensor_at_check(scene)
    if not checks or shown is None or shown.at is None:
        return None
    check = checks[-1]
    hours = abs((check.time or 0.0) - shown.at) / HOUR
    return Reading(hours, check.time, few([scene.source("check_results", check), *shown.sources]))


@measures(
    "cabinet_reading_less_6",
    "the cabinet sensor's reading when the cabinet was measured by hand (else at the fault), less 6 K",
    unit="°C",
)
def cabinet_reading_less_6(scene: Scene) -> Reading | None:
    return _sensor_at_check(scene, less=6.0)


@measures(
    "cabinet_reading_less_12",
    "the cabinet sensor's reading when the cabinet was measured by hand (else at the fault), less 12 K",
    unit="°C",
)
def cabinet_reading_less_12(scene: Scene) -> Reading | None:
    return _sensor_at_check(scene, less=12.0)


_THERMOMETER = r"(?:ir gun|gun|infra ?red\w*|pyrometer|thermometer|hand ?held|(?:my|own|hand) meter|thermal camera|reference|second probe)"
_SHOWN = r"(?:display\w*|panel|screen|sensor|probe|readout|menu|charger|unit|controller)"
_DEGREES = (
    r"(?<![\d.,])(-?\d{1,3}(?:[.,]\d)?)(?![\d.,]?\d)"
    r"(?! ?(?:%|percent|k?w\b|a\b|v\b|amps?|volts?|rpm|h\b|hours?|min|minutes?|days?|s\b))"
    r"(?! ?(?:°c|c|k|degrees?|deg)? ?(?:too|higher|more|above|over|off|below|less|lower|cooler)\b)"
)
"""A temperature, no difference and no other figure."""

_BETWEEN = r"[^.;!?\d]{0,60}?"
_BOTH_TOLD = re.compile(
    rf"\b{_THERMOMETER}\b{_BETWEEN}{_DEGREES}{_BETWEEN}\b{_SHOWN}\b{_BETWEEN}{_DEGREES}"
    rf"|\b{_SHOWN}\b{_BETWEEN}{_DEGREES}{_BETWEEN}\b{_THERMOMETER}\b{_BETWEEN}{_DEGREES}"
)


@measures(
    "told_sensor_excess",
    "how much more the cabinet's sensor showed than a thermometer beside it, where a sentence of a service visit after the fault "
    "tells both",
    unit="K",
    supposable=False,
)
def told_sensor_excess(scene: Scene) -> Reading | None:
    for visit in reversed(visits_after(scene)):
        match = _BOTH_TOLD.search(work_text(visit)[:MAX_TEXT].lower())
        if match is not None:
            beside_first, shown_then, shown_first, beside_then = match.groups()
            excess = decimal(shown_then or shown_first) - decimal(beside_first or beside_then)
            # a sensor that shows far less would not have reported heat: the figures are of other things
            if -12.0 <= excess <= 80.0:
                return Reading(excess, visit.time, (scene.source("service_visits", visit),))
    return None
