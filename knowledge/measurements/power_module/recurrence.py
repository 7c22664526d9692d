"""How the fault comes back: how often, how regularly, at which hours."""

from __future__ import annotations

import numpy as np

from ...readings import DAY, HOUR, MINUTE, Reading, few
from ...scene import FaultEvent, Scene
from ..registry import measures
from .telemetry import MODULE_HISTORY


def _month(scene: Scene) -> list[FaultEvent]:
    """The code's faults on any connector of this charger from 30 days before the latest occurrence on."""
    faults = scene.faults("own", device=scene.device_id)
    return [fault for fault in faults if fault.time >= scene.anchor - MODULE_HISTORY]


@measures(
    "fault_interval_spread",
    "spread of the times between occurrences half an hour or more apart against their mean; known from four intervals on",
    unit="%",
    low=0,
)
def fault_interval_spread(scene: Scene) -> Reading | None:
    times = np.array(sorted({fault.time for fault in scene.faults("own", device=scene.device_id)}))
    gaps = np.diff(times)
    gaps = gaps[gaps >= HOUR / 2]
    if len(gaps) < 4:
        return None
    sources = few([fault.source for fault in scene.incidence.faults])
    return Reading(100.0 * float(gaps.std() / gaps.mean()), scene.anchor, sources)


@measures(
    "module_code_per_day",
    "recurrences of the code on any connector of this charger per day between first and latest, ten minutes apart at least; "
    "known from two that lie six hours apart",
    unit="/day",
    low=0,
)
def module_code_per_day(scene: Scene) -> Reading | None:
    faults = _month(scene)
    kept: list[float] = []
    for fault in faults:
        if not kept or fault.time - kept[-1] >= 10 * MINUTE:
            kept.append(fault.time)
    if len(kept) < 2 or kept[-1] - kept[0] < DAY / 4:
        return None
    rate = (len(kept) - 1) * DAY / (kept[-1] - kept[0])
    return Reading(rate, kept[-1], few([fault.source for fault in faults]))


@measures(
    "module_bursts",
    "occurrences of the code on this charger within the hour with most of them",
    unit="1",
    low=0,
)
def module_bursts(scene: Scene) -> Reading | None:
    faults = scene.faults("own", device=scene.device_id)
    if not faults:
        return None
    times = np.array([fault.time for fault in faults])
    counts = np.searchsorted(times, times + HOUR, "right") - np.arange(len(times))
    return Reading(float(counts.max()), scene.anchor, few([fault.source for fault in faults]))


@measures(
    "code_among_last_ten_faults",
    "how many of the charger's last ten fault events, up to the latest occurrence, carry the incident's code; known from two faults on",
    unit="1",
    low=0,
    high=10,
)
def code_among_last_ten_faults(scene: Scene) -> Reading | None:
    last = [fault for fault in scene.faults(device=scene.device_id) if fault.time <= scene.anchor + 1.0][-10:]
    if len(last) < 2:
        return None
    number = sum(fault.code == scene.incidence.code for fault in last)
    return Reading(float(number), scene.anchor, few([fault.source for fault in last]))


@measures(
    "fault_hours_window",
    "shortest span of the day that holds all of at least five occurrences on at least three days",
    unit="h",
    low=0,
    high=24,
)
def fault_hours_window(scene: Scene) -> Reading | None:
    times = np.array([fault.time for fault in _month(scene)])
    if len(times) < 5 or len(set((times // DAY).tolist())) < 3:
        return None
    hours = np.sort((times % DAY) / HOUR)
    gaps = np.diff(np.concatenate([hours, hours[:1] + 24.0]))
    return Reading(24.0 - float(gaps.max()), scene.anchor, few([fault.source for fault in scene.incidence.faults]))
