"""How the charger was loaded when the fault came, and how it is loaded as a rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np

from ....engine.facts import Source
from ...readings import HOUR, MINUTE, Reading, Readings, few
from ...scene import Scene
from ...texts import words_of
from ..registry import measures
from .telemetry import MODULE_HISTORY

HIGH_LOAD = 0.7
"""Share of the highest power of the month from which load counts as high (our judgement)."""


JUST_BEFORE = 30.0
"""Seconds before a timeout in which the load counts as there (our judgement: a module is called silent within seconds)."""


def _load(scene: Scene) -> Readings:
    for path in ("dc_bus_current", "current", "power"):
        readings = scene.readings(path, which="all")
        if len(readings) >= 5:
            return readings
    return scene.readings("power", which="all")


@measures(
    "load_drop_before_fault",
    "how far the load (DC bus current, else current, else power) fell from its highest in the three minutes before the latest "
    "occurrence to its last reading more than two seconds before it",
    unit="%",
    low=0,
    high=100,
)
def load_drop_before_fault(scene: Scene) -> Reading | None:
    load = _load(scene)
    for time in reversed(scene.times[-20:]):
        window = load.between(time - 3 * MINUTE, time - 2.0)
        values = np.abs(window.values)
        if len(window) >= 3 and values.max() > 0:
            # several connectors may report at one moment: their last readings together
            last = float(values[window.times >= window.times[-1] - 1e-3].max())
            drop = 100.0 * max(0.0, 1.0 - last / float(values.max()))
            return window.reading(drop, time, [int(np.argmax(values)), len(window) - 1])
    return None


@measures(
    "seconds_from_load_loss",
    "seconds from the last stop or unplugging on any connector, or from the end of a charging record that names a reason, to an "
    "occurrence, shortest over the occurrences; what the fault itself may have ended is left out",
    unit="s",
    low=0,
)
def seconds_from_load_loss(scene: Scene) -> Reading | None:
    best: Reading | None = None
    losses = [*_stops(scene), *_sessions_broken_off(scene)]
    for time in scene.times[-20:]:
        for lost, soonest, source in losses:
            gap = time - lost
            if soonest <= gap <= HOUR and (best is None or gap < float(best.value)):
                best = Reading(gap, time, (source,))
    return best


_OF_THE_FAULT = re.compile(r"fault|error|timeout|internal")
_OF_THE_VEHICLE = re.compile(r"\b(ev|vehicle|car|unplug\w*|emergency)\b")


def _stops(scene: Scene) -> Iterator[tuple[float, float, Source]]:
    """When sessions were stopped or vehicles unplugged, by events, how long before a fault at least, and where from."""
    for stop in scene.events("stop", "plug_out", which="all"):
        # a stop that the fault itself brought about is no loss of load before it
        if stop.time is not None and not _OF_THE_FAULT.search(words_of(str(stop.data.get("reason") or ""))):
            yield stop.time, 0.5, scene.source("events", stop)


def _sessions_broken_off(scene: Scene) -> Iterator[tuple[float, float, Source]]:
    """The same of sessions that a vehicle or a hand ended, by their records, which may end with the fault."""
    for session in scene.sessions(which="all"):
        reason = words_of(session.stop_reason or "")
        if session.end is not None and _OF_THE_VEHICLE.search(reason) and not _OF_THE_FAULT.search(reason):
            yield session.end, 0.0, session.source


def _fault_loads(scene: Scene) -> list[tuple[float, Source]]:
    """The power just before each occurrence that has a reading, as a share of the month's highest."""

    def load() -> list[tuple[float, Source]]:
        power = scene.readings("power", which="all")
        if len(power) < 10:
            power = scene.readings("current", which="all")
        month = power.between(scene.anchor - MODULE_HISTORY, scene.anchor)
        top = float(np.abs(month.values).max()) if len(month) else 0.0
        found: list[tuple[float, Source]] = []
        if top <= 0:
            return found
        for time in scene.times[-50:]:
            # the last two readings at least: the very last one may already show the loss of power, of many those of half a minute
            near = power.between(time - 6 * MINUTE, time + 1.0)
            if len(near):
                start = max(0, min(len(near) - 2, int(near.times.searchsorted(time - JUST_BEFORE))))
                place = start + int(np.argmax(np.abs(near.values[start:])))
                found.append((float(np.abs(near.values[place])) / top, near.source(place)))
        return found

    return scene.once(("fault loads",), load)


def _share_of_faults(scene: Scene, counts: Callable[[float], bool]) -> Reading | None:
    loads = _fault_loads(scene)
    if len(loads) < 3:
        return None
    number = sum(counts(load) for load, _ in loads)
    return Reading(100.0 * number / len(loads), scene.anchor, few([source for _, source in loads]))


@measures(
    "faults_at_high_load_share",
    "of at least three occurrences with a power reading in the six minutes before, the share at 70 % or more of the highest power of the month",
    unit="%",
    low=0,
    high=100,
)
def faults_at_high_load_share(scene: Scene) -> Reading | None:
    return _share_of_faults(scene, lambda load: load >= HIGH_LOAD)


@measures(
    "faults_at_no_load_share",
    "of at least three occurrences with a power reading in the six minutes before, the share below 5 % of the highest power of the month",
    unit="%",
    low=0,
    high=100,
)
def faults_at_no_load_share(scene: Scene) -> Reading | None:
    return _share_of_faults(scene, lambda load: load < 0.05)


@measures(
    "time_at_high_load_share",
    "share of the month's telemetry rows under load that are at 70 % or more of the highest power; known from twenty rows on",
    unit="%",
    low=0,
    high=100,
)
def time_at_high_load_share(scene: Scene) -> Reading | None:
    power = scene.readings("power", which="all").between(scene.anchor - MODULE_HISTORY, scene.anchor)
    loads = np.abs(power.values)
    top = float(loads.max()) if len(loads) else 0.0
    loaded = loads[loads > 0.05 * top]
    if len(loaded) < 20 or top <= 0:
        return None
    return power.reading(100.0 * float((loaded >= HIGH_LOAD * top).mean()))


@measures(
    "faults_at_start_share",
    "of at least three occurrences in whose half hour before a charge started, the share within five seconds after that start",
    unit="%",
    low=0,
    high=100,
)
def faults_at_start_share(scene: Scene) -> Reading | None:
    starts = np.array([event.time for event in scene.events("start", which="all")])
    gaps = []
    for time in scene.times[-50:]:
        earlier = starts[starts <= time + 1.0]
        if len(earlier) and time - earlier[-1] <= HOUR / 2:
            gaps.append(time - float(earlier[-1]))
    if len(gaps) < 3:
        return None
    share = 100.0 * sum(gap <= 5.0 for gap in gaps) / len(gaps)
    return Reading(share, scene.anchor, few([fault.source for fault in scene.incidence.faults]))
