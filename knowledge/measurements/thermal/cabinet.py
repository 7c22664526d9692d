"""The cabinet: how hot it got, at rest and under load, and how that goes with its load and its own past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...observations import Floats
from ...readings import DAY, HOUR, MINUTE, Reading, median, percentile
from ...scene import Scene
from ..registry import measures
from .ambient import over_ambient
from .cabinet_frame import RESTED, Frame, cabinet_readings, own_frame
from .cabinet_load import LOSSES_GO_BY, SETTLES_BETWEEN, carried_before
from .chargers import about_the_cabinet
from .remembered import once_an_incident
from .telemetry import HISTORY, around_occurrence, correlation, lagged_from_rest


@measures(
    "cabinet_temperature",
    "highest cabinet temperature within 30 minutes (else two hours) before the latest occurrence that has readings, else the "
    "one its details give",
    unit="°C",
    low=-60,
    high=300,
)
@once_an_incident
def cabinet_temperature(scene: Scene) -> Reading | None:
    series = cabinet_readings(scene, scene.device_id)
    sensors = ("cabinet_temperature", "temperature") if about_the_cabinet(scene) else ("cabinet_temperature",)
    if any(len(scene.readings(path, which="all", device=scene.device_id)) for path in sensors):
        highest = around_occurrence(scene, series, (30 * MINUTE, 5 * MINUTE), (2 * HOUR, HOUR)).max()
        if highest is not None:
            return highest
    patterns = [
        r"^(?!.*(ambient|limit|threshold|module|board)).*(\b(cabinet|enclosure|internal|inside|cab)\b.*\b(temp|c$)|\bt cab)"
    ]
    if about_the_cabinet(scene):
        patterns.append(r"^(?!.*(ambient|limit|threshold|module|board|connector|inlet|outlet)).*\btemp")
    return scene.detail_number(*patterns)


@measures(
    "cabinet_over_ambient",
    "highest cabinet temperature around the latest occurrence that has readings, minus the ambient of that time",
    unit="K",
)
def cabinet_over_ambient(scene: Scene) -> Reading | None:
    return over_ambient(scene, cabinet_temperature(scene))


@measures(
    "cabinet_idle_excess",
    "median cabinet temperature over ambient after at least 90 minutes without load, within three days around the latest "
    "occurrence",
    unit="K",
)
def cabinet_idle_excess(scene: Scene) -> Reading | None:
    frame = own_frame(scene)
    if frame is None or not frame.aired:
        return None
    value = frame.excess
    mask = frame.cells(scene.anchor - 3 * DAY, scene.anchor + DAY) & frame.rested & ~np.isnan(value)
    return frame.reading(median(value[mask]), mask) if mask.sum() >= 2 else None


@measures(
    "cabinet_idle_temperature",
    "highest cabinet temperature after at least 90 minutes without load, within three days around the latest occurrence",
    unit="°C",
)
def cabinet_idle_temperature(scene: Scene) -> Reading | None:
    frame = own_frame(scene)
    if frame is None:
        return None
    mask = frame.cells(scene.anchor - 3 * DAY, scene.anchor + DAY) & frame.rested & ~np.isnan(frame.cabinet)
    return frame.reading(float(np.max(frame.cabinet[mask])), mask) if mask.sum() >= 2 else None


@measures(
    "cabinet_load_correlation",
    "how the cabinet over ambient goes with the power of all connectors, lagged by 30 minutes (none where none is told), within the "
    "seven days up to the latest occurrence; known from four hours in which the power varies",
    unit="1",
    low=-1,
    high=1,
)
def cabinet_load_correlation(scene: Scene) -> Reading | None:
    frame = own_frame(scene)
    if frame is None:
        return None
    # up to the fault: what the charger cuts then comes from the heat and not the other way round
    week = frame.cells(scene.anchor - 7 * DAY, scene.anchor)
    mask = week & ~np.isnan(frame.excess) & ~np.isnan(frame.load)
    if mask.sum() < 12 or np.ptp(frame.times[mask]) < 4 * HOUR:
        return None
    load = frame.load[mask]
    if np.std(load) < 0.2 * max(1.0, float(np.max(load))):
        return None
    if np.ptp(frame.excess[mask]) < 5.0:
        # a reading that stands still while the load comes and goes for hours does not follow it
        still = np.ptp(frame.cabinet[mask]) < 1.0 and mask.sum() * frame.width >= 6 * HOUR
        return frame.reading(0.0, mask) if still else None
    follows = lagged_from_rest(frame.times[week], frame.load[week], 30 * MINUTE)[mask[week]]
    value = correlation(frame.excess[mask], follows)
    return None if value is None else frame.reading(value, mask)


def _past(scene: Scene, frame: Frame) -> np.ndarray:
    """The cells with a height over ambient from 60 days before the latest occurrence to half a day before the first one."""
    return frame.cells(scene.anchor - HISTORY, scene.first - DAY / 2) & ~np.isnan(frame.excess)


@measures(
    "cabinet_excess_vs_past",
    "upper quartile of the cabinet over ambient in the hour up to the latest occurrence minus that from 60 days before it to half "
    "a day before the first one, both where the load of half an hour was alike (0.85 to 1.2 of that just before the occurrence), and "
    "earlier where that lagged by 45 minutes was too (from 0.8 of the highest in the hour on)",
    unit="K",
)
def cabinet_excess_vs_past(scene: Scene) -> Reading | None:
    found = carried_before(scene)
    if found is None:
        return None
    frame = found.frame
    alike = found.alike(frame, 0.85, 1.2)
    now = found.cells & alike & ~np.isnan(frame.excess)
    past = _past(scene, frame) & ~np.isnan(frame.load)
    if not now.any():
        return None
    if found.power > 1.0:
        # a cabinet that follows slowly is cooler half an hour into a load than after an hour of it
        lagged = frame.lagged(SETTLES_BETWEEN[1])
        past &= alike & (lagged >= 0.8 * np.max(lagged[now]))
    else:
        past &= frame.rested
    if past.sum() < 4:
        return None
    return frame.reading(percentile(frame.excess[now], 75) - percentile(frame.excess[past], 75), now)


def _expected(excess: Floats, grown: Floats) -> float:
    """The upper quartile of what some heights over ambient would be at so many times the load, the most that any power gives."""
    return percentile(np.max([excess * grown**power for power in LOSSES_GO_BY], axis=0), 75)


@measures(
    "cabinet_heat_vs_earlier",
    "highest cabinet over ambient in the hour up to the latest occurrence, over the upper quartile of that in the earlier half of the "
    "days with comparable load, from 60 days before it to half a day before the first one, taken to its load; load is lagged by 15 and "
    "by 45 minutes and goes by the power 1 or 1.5, and what makes least of the difference counts",
    unit="1",
    low=0,
)
def cabinet_heat_vs_earlier(scene: Scene) -> Reading | None:
    found = carried_before(scene)
    if found is None or found.power <= 1.0 or not found.frame.aired:
        return None
    frame = found.frame
    now = np.flatnonzero(found.cells & ~np.isnan(frame.excess))
    if not len(now):
        return None
    hottest = now[np.argmax(frame.excess[now])]
    past, days = _past(scene, frame), np.floor(frame.times / DAY)
    ratios = []
    for constant in SETTLES_BETWEEN:
        load = frame.lagged(constant)
        if load[hottest] <= 1.0:
            return None
        comparable = past & (load >= 0.4 * load[hottest])
        seen = np.unique(days[comparable])
        earlier = comparable & np.isin(days, seen[: (len(seen) + 1) // 2])
        if earlier.sum() < 4:
            return None
        expected = _expected(frame.excess[earlier], load[hottest] / load[earlier])
        if expected < 1.0:
            return None
        ratios.append(float(frame.excess[hottest]) / expected)
    return frame.reading(max(0.0, min(ratios)), found.cells & ~np.isnan(frame.excess))


class _Break(NamedTuple):
    """A stretch without load after one with: seconds from the last cell with load until the cabinet's height over ambient was surely
    not yet, and surely halved (infinite where it never was while the stretch lasted), and its cells."""

    not_yet: float
    halved: float
    cells: slice


@once_an_incident
def _breaks(scene: Scene) -> tuple[Frame, list[_Break]] | None:
    """The last 40 breaks within 30 days up to two days after the latest occurrence that began 8 K over ambient and more."""
    frame = own_frame(scene)
    if frame is None or frame.width > 20 * MINUTE or not frame.aired:
        return None
    excess = frame.excess
    found: list[_Break] = []
    loaded = (frame.rest == 0) & ~np.isnan(frame.load)
    ends = np.flatnonzero((frame.rest[1:] > 0) & loaded[:-1]) + 1
    ends = ends[(frame.times[ends] >= scene.anchor - 30 * DAY) & (frame.times[ends] <= scene.anchor + 2 * DAY)]
    for place in ends[-40:].tolist():
        begin = excess[place - 1]
        if not begin >= 8.0:
            continue
        later = frame.times[place:] - frame.times[place - 1]
        quiet = (later <= 4 * HOUR) & np.cumprod(frame.rest[place:] > 0).astype(bool)
        told = np.flatnonzero(quiet & ~np.isnan(excess[place:]))
        if not len(told):
            continue
        halved = told[excess[place:][told] <= 0.5 * begin]
        hot = told[told < halved[0]] if len(halved) else told
        found.append(
            _Break(
                float(later[hot[-1]]) if len(hot) else 0.0,
                float(later[halved[0]]) if len(halved) else float("inf"),
                slice(place - 1, place + int(halved[0] if len(halved) else told[-1]) + 1),
            )
        )
    return (frame, found) if found else None


def _reading_of_breaks(frame: Frame, seconds: float, breaks: Sequence[_Break]) -> Reading:
    cells = np.zeros(len(frame.times), dtype=bool)
    for stretch in breaks:
        cells[stretch.cells] = True
    return frame.reading(seconds / MINUTE, cells)


@measures(
    "cooling_half_time",
    "median minutes from the last reading under a load that then stays off up to the first at which the cabinet has lost half of its "
    "temperature over ambient: an upper bound; within 30 days up to two days after the latest occurrence; breaks in which it had not "
    "count for as long as they lasted (Kaplan-Meier); not known where fewer than half of them show it",
    unit="min",
    low=0,
)
def cooling_half_time(scene: Scene) -> Reading | None:
    told = _breaks(scene)
    if told is None:
        return None
    frame, breaks = told
    # those that ended sooner leave the count without having cooled
    left, hot = len(breaks), 1.0
    for lasted, hot_to_the_end in sorted(
        (b.not_yet, True) if b.halved == float("inf") else (b.halved, False) for b in breaks
    ):
        if not hot_to_the_end:
            hot *= 1.0 - 1.0 / left
        left -= 1
        if hot <= 0.5:
            return _reading_of_breaks(frame, lasted, breaks)
    return None


@measures(
    "cooling_half_time_at_least",
    "median minutes, over the same breaks and from the same reading, up to the last one at which the cabinet had not yet lost half of "
    "its temperature over ambient: a lower bound; without breaks of less than an hour in which it never had",
    unit="min",
    low=0,
)
def cooling_half_time_at_least(scene: Scene) -> Reading | None:
    told = _breaks(scene)
    if told is None:
        return None
    frame, breaks = told
    counted = [b for b in breaks if b.halved < float("inf") or b.not_yet >= HOUR]
    if not counted:
        return None
    return _reading_of_breaks(frame, median([b.not_yet for b in counted]), counted)


@measures(
    "cabinet_idle_fall",
    "share of its height over ambient (over 20 °C where that is not known) that the cabinet's reading loses in half an hour: median "
    "over readings after at least 90 minutes without load against one half an hour to six hours earlier, after at least an "
    "hour of the same rest and 5 K high, within three days around the latest occurrence",
    unit="%",
    high=100,
)
def cabinet_idle_fall(scene: Scene) -> Reading | None:
    frame = own_frame(scene)
    if frame is None:
        return None
    height = frame.excess if frame.aired else frame.cabinet - 20.0
    within = frame.cells(scene.anchor - 3 * DAY, scene.anchor + DAY) & (frame.rest >= HOUR) & ~np.isnan(height)
    known_cells = np.flatnonzero(within)
    if len(known_cells) < 2:
        return None
    times, heights, rest = frame.times[known_cells], height[known_cells], frame.rest[known_cells]
    earlier = np.searchsorted(times, times - 30 * MINUTE + 1.0, "right") - 1
    later = np.flatnonzero((earlier >= 0) & (rest >= RESTED))
    earlier = earlier[later]
    span = times[later] - times[earlier]
    paired = (span <= 6 * HOUR) & (np.abs(rest[later] - rest[earlier] - span) < frame.width) & (heights[earlier] >= 5.0)
    if not paired.any():
        return None
    later, earlier, span = later[paired], earlier[paired], span[paired]
    kept = np.clip(heights[later] / heights[earlier], 0.01, 10.0) ** (30 * MINUTE / span)
    cells = np.zeros(len(frame.times), dtype=bool)
    cells[known_cells[later]] = cells[known_cells[earlier]] = True
    return frame.reading(100.0 * (1.0 - median(kept)), cells)
