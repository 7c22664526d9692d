"""How the cabinet's heat at equal load and at rest changed over weeks: slowly, or from one day to the next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...observations import Floats
from ...readings import DAY, HOUR, MINUTE, Reading, median, percentile
from ...scene import Scene
from ..common import visits_before
from ..registry import measures
from .cabinet_frame import LONG_RESTED, RESTED, Frame, own_frame
from .remembered import once_an_incident
from .telemetry import HISTORY

SETTLES_WITHIN = 45 * MINUTE
"""Time constant with which a cabinet follows its load (our judgement: half an hour to an hour)."""

ALIKE_SETTLED = 0.1
"""Difference in the share to which the heat has settled up to which two moments compare (our judgement)."""


def _steadily_loaded(frame: Frame) -> np.ndarray:
    """Cells under steady substantial load, within a fifth of that of the last day, for half an hour where data are dense."""
    load = np.nan_to_num(frame.load)
    told = frame.load[~np.isnan(frame.load)]
    if not len(told) or told.max() <= 0:
        return np.zeros(len(frame.times), dtype=bool)
    high = percentile(told[told > 0], 90)
    lately = load[frame.cells(frame.anchor - DAY, frame.anchor) & (load >= 0.3 * high)]
    usual = median(lately) if len(lately) else median(told[told >= 0.3 * high])
    busy = (load >= 0.8 * usual) & (load <= 1.25 * usual)
    steady = busy.copy()
    for shift in range(1, int(30 * MINUTE / frame.width) + 1):
        steady[shift:] &= busy[:-shift]
    return steady & ~np.isnan(frame.excess)


@once_an_incident
def _under_load(scene: Scene) -> tuple[Frame, np.ndarray] | None:
    """The cells under steady substantial load within 60 days; None where there is no cabinet reading."""
    frame = own_frame(scene)
    if frame is None:
        return None
    return frame, _steadily_loaded(frame) & frame.cells(scene.anchor - HISTORY, scene.anchor + HOUR)


def _settled_alike(frame: Frame, mask: np.ndarray) -> np.ndarray:
    """Those of some loaded cells at which the heat had settled to about the same share: the most that the first and the last days
    have in common, so that a long load is not compared with a short one."""
    days = np.floor(frame.times / DAY)
    seen = np.unique(days[mask])
    part = max(1, len(seen) // 4)
    share = frame.lagged(SETTLES_WITHIN) / np.maximum(np.nan_to_num(frame.load), 1e-6)
    most = min(float(share[mask & np.isin(days, some)].max()) for some in (seen[:part], seen[-part:]))
    return mask & (np.abs(share - most) <= ALIKE_SETTLED)


def _per_load(frame: Frame, mask: np.ndarray) -> Floats:
    """Cabinet over ambient scaled to the usual load (losses go with a power of the load between one and two)."""
    usual = median(frame.load[mask])
    scale = np.clip((usual / np.maximum(frame.load[mask], 1e-6)) ** 1.5, 0.7, 1.4)
    return np.asarray(frame.excess[mask] * scale, dtype=np.float64)


def _daily_medians(times: Floats, values: Floats) -> tuple[Floats, Floats]:
    """The days (since the epoch) that have values, and the median of each."""
    days = np.floor(times / DAY)
    unique = np.unique(days)
    return unique, np.array([median(values[days == day]) for day in unique])


def _shows_a_trend(times: Floats) -> bool:
    """Whether readings at these times are enough, and far enough apart, for a change over days."""
    return len(times) >= 6 and bool(times[-1] - times[0] >= 1.5 * DAY)


def _trend(frame: Frame, mask: np.ndarray, values: Floats) -> Reading | None:
    """Change from the first to the last quarter of the days, from the medians of each day."""
    times = frame.times[mask]
    if not _shows_a_trend(times):
        return None
    _, medians = _daily_medians(times, values)
    if len(medians) < 3:
        return None
    part = max(1, len(medians) // 4)
    return frame.reading(median(medians[-part:]) - median(medians[:part]), mask)


@measures(
    "cabinet_loaded_growth",
    "change of the cabinet over ambient under load, scaled to equal load and after loads about as long, from the first to the last "
    "quarter of the days with load within 60 days; from three days",
    unit="K",
)
def cabinet_loaded_growth(scene: Scene) -> Reading | None:
    loaded = _under_load(scene)
    if loaded is None:
        return None
    frame, mask = loaded
    if not _shows_a_trend(frame.times[mask]):
        return None
    alike = _settled_alike(frame, mask)
    return _trend(frame, alike, _per_load(frame, alike))


@measures(
    "days_of_load_before_fault",
    "days from the first reading under such load within 60 days to the first occurrence; zero where there is none before it",
    unit="days",
    low=0,
)
def days_of_load_before_fault(scene: Scene) -> Reading | None:
    loaded = _under_load(scene)
    if loaded is None:
        return None
    frame, mask = loaded
    times = frame.times[mask]
    return frame.reading(max(0.0, (scene.first - times[0]) / DAY), mask) if len(times) else None


@measures(
    "cabinet_idle_growth",
    "change of the cabinet over ambient after at least 90 minutes of rest, from the first to the last quarter of the days "
    "within 60 days; from three days",
    unit="K",
)
def cabinet_idle_growth(scene: Scene) -> Reading | None:
    return _idle_growth(scene, RESTED)


@measures(
    "cabinet_long_idle_growth",
    "the same change after at least six hours of rest",
    unit="K",
)
def cabinet_long_idle_growth(scene: Scene) -> Reading | None:
    return _idle_growth(scene, LONG_RESTED)


def _idle_growth(scene: Scene, rest: float) -> Reading | None:
    """How the cabinet over ambient changed over the days, read after at least so much rest."""
    frame = own_frame(scene)
    if frame is None or not frame.aired:
        return None
    mask = (frame.rest >= rest) & ~np.isnan(frame.excess) & frame.cells(scene.anchor - HISTORY, scene.anchor + HOUR)
    return _trend(frame, mask, frame.excess[mask]) if mask.any() else None


class _Step(NamedTuple):
    """A sudden rise of the cabinet at equal load: by how much, when, and the cells it was read from."""

    rise: float
    time: float
    frame: Frame
    cells: np.ndarray


@once_an_incident
def _step(scene: Scene) -> _Step | None:
    """The greatest rise from one day to the next that stays and stands out of the scatter before and after it."""
    loaded = _under_load(scene)
    if loaded is None:
        return None
    frame, mask = loaded
    times = frame.times[mask]
    if len(times) < 6 or times[-1] - times[0] < DAY:
        return None
    days, medians = _daily_medians(times, _per_load(frame, mask))
    if len(medians) < 4:
        return None
    best, moment = 0.0, 0.0
    for cut in range(2, len(medians) - 1):
        before, after = medians[:cut], medians[cut:]
        change = median(after) - median(before)
        scatter = max(median(np.abs(part - median(part))) for part in (before, after))
        if change > best and change > 4.0 * scatter:
            best, moment = change, float(days[cut]) * DAY
    return _Step(best, moment, frame, mask) if best > 0 else None


@measures(
    "cabinet_loaded_step",
    "sudden rise of the cabinet over ambient at equal load from one day to the next that then stays, at least four times the "
    "scatter before and after, within 60 days",
    unit="K",
)
def cabinet_loaded_step(scene: Scene) -> Reading | None:
    found = _step(scene)
    return None if found is None else found.frame.reading(found.rise, found.cells, found.time)


@measures(
    "days_from_visit_to_cabinet_step", "days from the last visit before that sudden rise to it", unit="days", low=0
)
def days_from_visit_to_cabinet_step(scene: Scene) -> Reading | None:
    found = _step(scene)
    if found is None:
        return None
    visits = visits_before(scene, found.time + DAY)
    if not visits:
        return None
    days = max(0.0, (found.time - (visits[-1].time or 0.0)) / DAY)
    return Reading(days, found.time, (scene.source("service_visits", visits[-1]),))
