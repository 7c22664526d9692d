"""Measurements of the inverter: its health, distortion, wear, and how steadily it was in sync before and after losses."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from ...readings import DAY, HOUR, MINUTE, Reading, Readings, Words, few, highest, median
from ...scene import Scene
from ..common import restarts
from ..registry import measures
from .discharges import discharges
from .evidence import sources_of
from .occurrences import latest_first, meets_occurrence
from .payload import early_and_late, measured_numbers, told_numbers
from .records import FLOWING_KW, flows_out, in_sync, own_sampled, sampled, sources_of_rows

_STATUS = "inverter_sync_status"


def _before_loss(scene: Scene, readings: Readings, reach: float, span: float, least: int) -> Readings | None:
    """Readings of so long before the latest occurrence that has enough of them; the last two minutes are the loss itself."""
    for time in latest_first(scene):
        window = readings.between(time - reach, time - 2 * MINUTE)
        if len(window) >= least and window.times[-1] - window.times[0] >= span:
            return window
    return None


def _change(window: Readings) -> Reading:
    """From the median of the first quarter of the time to that of the last one."""
    start, end = float(window.times[0]), float(window.times[-1])
    quarter = (end - start) / 4
    early, late = window.between(start, start + quarter), window.between(end - quarter, end)
    return window.reading(median(late.values) - median(early.values))


def _health(scene: Scene) -> Readings:
    return scene.readings("inverter_health_pct", which="all")


@measures(
    "inverter_health_change_24h",
    "change of the inverter's health within up to 24 h before a loss, the last two minutes left out: median of the last "
    "quarter of the time less that of the first; known from four readings over half an hour",
    unit="points",
)
def inverter_health_change_24h(scene: Scene) -> Reading | None:
    window = _before_loss(scene, _health(scene), DAY, HOUR / 2, 4)
    return None if window is None else _change(window)


@measures(
    "inverter_health_hours",
    "hours that the health readings of the 24 h before a loss span; known from four readings",
    unit="h",
    low=0,
)
def inverter_health_hours(scene: Scene) -> Reading | None:
    window = _before_loss(scene, _health(scene), DAY, HOUR / 2, 4)
    return None if window is None else window.reading((window.times[-1] - window.times[0]) / HOUR)


@measures(
    "inverter_health_change_30d",
    "change of the inverter's health within up to 30 days before a loss, the last two minutes left out: median of the last "
    "quarter of the time less that of the first; known from four readings over two days",
    unit="points",
)
def inverter_health_change_30d(scene: Scene) -> Reading | None:
    window = _before_loss(scene, _health(scene), 30 * DAY, 2 * DAY, 4)
    return None if window is None else _change(window)


@measures(
    "inverter_health_before_loss",
    "median of the inverter's health from 30 to two minutes before the latest occurrence that has readings then",
    unit="%",
)
def inverter_health_before_loss(scene: Scene) -> Reading | None:
    window = _before_loss(scene, _health(scene), 30 * MINUTE, 0.0, 1)
    return None if window is None else window.median()


@measures(
    "inverter_health_recovery",
    "median of the inverter's health from ten minutes to a day after the latest occurrence less that of the hour before it, or of "
    "the day where that hour has too few, the last two minutes left out; two readings each",
    unit="points",
)
def inverter_health_recovery(scene: Scene) -> Reading | None:
    health = _health(scene)
    before = health.between(scene.anchor - HOUR, scene.anchor - 2 * MINUTE)
    if len(before) < 2:
        before = health.between(scene.anchor - DAY, scene.anchor - 2 * MINUTE)
    after = health.between(scene.anchor + 10 * MINUTE, scene.anchor + DAY)
    if len(before) < 2 or len(after) < 2:
        return None
    return after.reading(median(after.values) - median(before.values))


@measures(
    "inverter_health_sparse_change",
    "the last health reading up to two minutes before the latest occurrence less the first one within 30 days, where there "
    "are two or three",
    unit="points",
)
def inverter_health_sparse_change(scene: Scene) -> Reading | None:
    window = _health(scene).between(scene.anchor - 30 * DAY, scene.anchor - 2 * MINUTE)
    if not 2 <= len(window) <= 3 or window.times[-1] - window.times[0] < HOUR:
        return None
    return window.reading(float(window.values[-1] - window.values[0]))


@measures(
    "reported_health_change",
    "change of the inverter's health that the payload gives: from an earlier value or the first of a series to the latest",
    unit="points",
)
def reported_health_change(scene: Scene) -> Reading | None:
    earlier: list[float] = []
    series: dict[str, list[float]] = {}
    sources = []
    for path, number, source in measured_numbers(scene, "health"):
        if not 0 <= number <= 100:
            continue
        sources.append(source)
        if re.search(
            r"\b(ago|before|previous|prior|yesterday|baseline|earlier|initial|start|prev|past|24h before)\b", path
        ):
            earlier.append(number)
        else:
            series.setdefault(path, []).append(number)
    if earlier and series:
        return Reading(min(min(later) for later in series.values()) - max(earlier), scene.anchor, few(sources))
    longest = max(series.values(), key=len, default=[])
    return Reading(longest[-1] - longest[0], scene.anchor, few(sources)) if len(longest) >= 3 else None


@measures(
    "told_health_change",
    "the inverter's health that details of sessions and faults give: median of the latest third less that of the earliest; known "
    "from three",
    unit="points",
)
def told_health_change(scene: Scene) -> Reading | None:
    ends = early_and_late([item for item in told_numbers(scene, r"\b(health|hlth)\b") if 0 <= item[1] <= 100])
    return None if ends is None else Reading(ends[1] - ends[0], scene.anchor, ends[2])


def _distortion(scene: Scene) -> Readings:
    return scene.readings("component_health.harmonic_distortion_v2g_pct", which="all")


@measures(
    "harmonic_distortion_change",
    "change of the inverter's harmonic distortion within up to 30 days before a loss, the last two minutes left out: last "
    "quarter of the time less the first; known from four readings over half an hour",
    unit="points",
)
def harmonic_distortion_change(scene: Scene) -> Reading | None:
    window = _before_loss(scene, _distortion(scene), 30 * DAY, HOUR / 2, 4)
    return None if window is None else _change(window)


@measures(
    "harmonic_distortion",
    "median harmonic distortion in the 30 minutes before the latest occurrence that has readings",
    unit="%",
    low=0,
)
def harmonic_distortion(scene: Scene) -> Reading | None:
    return scene.near(_distortion(scene), 30 * MINUTE, 5.0).median()


@measures(
    "inverter_wear",
    "cycle count of the bidirectional inverter up to the latest occurrence as a share of its limit",
    unit="%",
    low=0,
)
def inverter_wear(scene: Scene) -> Reading | None:
    limit = scene.readings("component_health.bidirectional_inverter_max_cycles", which="all").last()
    count = (
        scene.readings("component_health.bidirectional_inverter_cycles", which="all")
        .between(0.0, scene.anchor + MINUTE)
        .max()
    )
    if limit is None or count is None or float(limit.value) <= 0:
        return None
    return Reading(100.0 * float(count.value) / float(limit.value), count.at, few([*count.sources, *limit.sources]))


@measures(
    "sync_flutters_before_loss",
    "times the sync status left `synced` in the 24 h before the latest occurrence, its last two minutes and those around "
    "earlier occurrences left out, of the connector with most; known from ten words of a connector",
    unit="1",
    low=0,
)
def sync_flutters_before_loss(scene: Scene) -> Reading | None:
    status = scene.words(_STATUS, which="all")
    for time in latest_first(scene):
        parts = [words for words in status.between(time - DAY, time - 2 * MINUTE).by_connector() if len(words) >= 10]
        if parts:
            return highest(*(_flutters(scene, words) for words in parts))
    return None


def _flutters(scene: Scene, words: Words) -> Reading:
    """How often the sync status of one connector left `synced`."""
    kept = []
    for place, (before, now) in enumerate(pairwise(words.values), 1):
        if before != "synced" or now == "synced":
            continue
        # An inverter that stops because the session stops leaves sync without fluttering.
        (state,) = words.table.texts_at("state", words.rows[[place]])
        if state not in ("idle", "unavailable", "preparing") and not meets_occurrence(
            scene, float(words.times[place]), 2 * MINUTE
        ):
            kept.append(place)
    sources = few([words.source(place) for place in kept or (0, len(words) - 1)])
    return Reading(float(len(kept)), float(words.times[-1]), sources)


@measures(
    "seconds_unsynced_before_loss",
    "how long the sync status had been `unsynced` while energy flowed out, up to the latest occurrence that has readings",
    unit="s",
    low=0,
)
def seconds_unsynced_before_loss(scene: Scene) -> Reading | None:
    table = scene.observations["telemetry"]
    for time in latest_first(scene):
        rows = own_sampled(scene, time - HOUR, time)
        known = rows[~table.one_of(_STATUS, (None,), rows)]
        if not len(known):
            continue
        lost = table.one_of(_STATUS, ("lost",), known)
        end = int(np.flatnonzero(~lost)[-1]) + 1 if not lost.all() else 0
        flowing = flows_out(scene, known[:end]) | table.one_of("state", ("discharging",), known[:end])
        ran = table.one_of(_STATUS, ("unsynced",), known[:end]) & flowing
        run = known[np.flatnonzero(~ran)[-1] + 1 : end] if not ran.all() else known[:end]
        if len(run):
            return Reading(time - float(table.times[run[0]]), time, sources_of_rows(scene, run))
        return Reading(0.0, time, sources_of_rows(scene, known[-2:]))
    return None


@measures(
    "reported_phase_error",
    "the largest phase or loop error, in degrees, that the payload gives",
    unit="°",
    low=0,
)
def reported_phase_error(scene: Scene) -> Reading | None:
    unless = r"\b(mdeg|m deg|ms|us|pct|ppm|v|a|voltage|current|count|freq\w*|hz)\b"
    return highest(
        *(
            Reading(abs(number), scene.anchor, (source,))
            for path, number, source in measured_numbers(scene, r"\b(pll|phase|lock|angle)\b", unless)
            if re.search(r"\b(error|err|drift|offset|jitter|deviation|deg\w*)\b", path)
        )
    )


@measures(
    "phase_error_growth",
    "the phase or loop error that details of sessions and faults give: median of the latest third over that of the earliest; "
    "known from three",
    unit="1",
    low=0,
)
def phase_error_growth(scene: Scene) -> Reading | None:
    key = r"\b(pll|phase|lock|angle|sync)\b.*\b(error|err|drift|offset|jitter|deviation|deg)\b"
    ends = early_and_late(told_numbers(scene, key, r"\b(volt\w*|current|v|a|count)\b"))
    return None if ends is None or ends[0] == 0 else Reading(abs(ends[1] / ends[0]), scene.anchor, ends[2])


@measures(
    "power_unrest_before_loss",
    "median change between successive samples of the discharge power in the five minutes before the latest occurrence that has "
    "twelve, the first and last ones left out, in percent of its median",
    unit="%",
    low=0,
)
def power_unrest_before_loss(scene: Scene) -> Reading | None:
    power = scene.readings("power").where(lambda values: values < -FLOWING_KW)
    for time in latest_first(scene):
        window = power.between(time - 5 * MINUTE, time - 10.0)
        if len(window) >= 12:
            values = window.values[3:-1]
            return window.reading(100.0 * (median(np.abs(np.diff(values))) / abs(median(values))))
    return None


@measures(
    "hours_in_sync_after_restart",
    "hours of discharging or `synced` telemetry of one connector without a loss within a day after a restart command that followed an "
    "occurrence",
    unit="h",
    low=0,
)
def hours_in_sync_after_restart(scene: Scene) -> Reading | None:
    table = scene.observations["telemetry"]
    best: Reading | None = None
    for time, source in [(t, s) for t, s in restarts(scene) if t > scene.first][-5:]:
        end = min([time + DAY, *(t for t in scene.times if t > time)])
        rows = sampled(scene, scene.device_id, time, end)
        good = rows[in_sync(scene, rows) & flows_out(scene, rows)]
        connectors = np.nan_to_num(table.connectors[good])
        stretches = [table.times[good[connectors == each]] for each in np.unique(connectors)]
        runs = [d for d in discharges(scene) if d.device_id == scene.device_id and time <= d.start and d.end <= end]
        seconds = [*(float(np.ptp(times)) for times in stretches), *(d.end - d.start for d in runs)]
        if seconds and (best is None or max(seconds) / HOUR > float(best.value)):
            best = Reading(max(seconds) / HOUR, time, few([source, *sources_of(runs)]))
    return best
