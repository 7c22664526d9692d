"""How the charger was loaded when the fault came, and how it is loaded as a rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from ....engine.facts import Source
from ...readings import HOUR, MINUTE, Reading, Readings, few
from ...scene import Scene
from ...texts import words_of
from ..registry import measures
from .telemetry import MODULE_HISTORY, usual_step

HIGH_LOAD = 0.7
"""Share of the highest power of the month from which load counts as high (our judgement)."""


JUST_BEFORE = 30.0
"""Seconds before a timeout in which the load counts as there (our judgement: a module is called silent within seconds)."""


STANDS_FOR = 6 * MINUTE
"""Seconds after which a reading tells nothing any more of the load (our judgement: under load a connector reports every five
minutes or more often)."""

STANDS_FOR_STEPS = 2.0
"""Times the usual step between its rows for which a connector's reading stands beside those of others (our judgement: one row may be
lost, and a session that ends leaves no more of them)."""


def _together(load: Readings, stands_for: float = np.inf) -> Readings:
    """The load of all connectors together at each moment at which one of them reports: modules feed whichever of them asks.

    The others count with their last reading of so many seconds. Each moment is told by the record with the highest load, and
    rows without connector count only where fewer than two connectors are named: they repeat what these say.
    """
    connectors = load.table.connectors[load.rows]
    numbers = np.unique(connectors[~np.isnan(connectors)])
    if len(numbers) < 2:
        return replace(load, values=np.abs(load.values))
    named = np.flatnonzero(~np.isnan(connectors))
    order = named[np.lexsort((-np.abs(load.values[named]), load.times[named]))]
    _, highest = np.unique(load.times[order], return_index=True)
    told = load.at(order[highest])
    total = np.zeros(len(told))
    for number in numbers:
        own = load.at(connectors == number)
        last = own.times.searchsorted(told.times, "right") - 1
        stands = (last >= 0) & (told.times - own.times[last] <= stands_for)
        total += np.where(stands, np.abs(own.values[last]), 0.0)
    return replace(told, values=total)


def _in_month(scene: Scene, load: Readings) -> Readings:
    """The load of all connectors together in the month up to the latest occurrence."""
    month = load.between(scene.anchor - MODULE_HISTORY, scene.anchor)
    step = usual_step(month.table, month.rows)
    return _together(month, STANDS_FOR if step is None else min(STANDS_FOR, STANDS_FOR_STEPS * step))


def _load(scene: Scene) -> Readings:
    for path in ("dc_bus_current", "current", "power"):
        readings = scene.readings(path, which="all")
        if len(readings) >= 5:
            return readings
    return scene.readings("power", which="all")


@measures(
    "load_drop_before_fault",
    "how far the load (DC bus current, else current, else power) of all connectors together fell from its highest in the three "
    "minutes before the latest occurrence to its last reading more than two seconds before it",
    unit="%",
    low=0,
    high=100,
)
def load_drop_before_fault(scene: Scene) -> Reading | None:
    load = _load(scene)
    for time in reversed(scene.times[-20:]):
        window = _together(load.between(time - 3 * MINUTE, time - 2.0))
        if len(window) >= 3 and window.values.max() > 0:
            drop = 100.0 * (1.0 - float(window.values[-1]) / float(window.values.max()))
            return window.reading(drop, time, [int(np.argmax(window.values)), len(window) - 1])
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
    """The power of all connectors just before each occurrence that has a reading, as a share of the month's highest."""

    def load() -> list[tuple[float, Source]]:
        power = scene.readings("power", which="all")
        if len(power) < 10:
            power = scene.readings("current", which="all")
        month = _in_month(scene, power)
        top = float(month.values.max()) if len(month) else 0.0
        found: list[tuple[float, Source]] = []
        if top <= 0:
            return found
        for time in scene.times[-50:]:
            # the last two readings at least: the very last one may already show the loss of power, of many those of half a minute
            near = _together(power.between(time - STANDS_FOR, time + 1.0))
            if len(near):
                start = max(0, min(len(near) - 2, int(near.times.searchsorted(time - JUST_BEFORE))))
                place = start + int(np.argmax(near.values[start:]))
                found.append((float(near.values[place]) / top, near.source(place)))
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
    "share of the month's telemetry rows under load that are at 70 % or more of the highest power of all connectors together; "
    "known from twenty rows on",
    unit="%",
    low=0,
    high=100,
)
def time_at_high_load_share(scene: Scene) -> Reading | None:
    power = _in_month(scene, scene.readings("power", which="all"))
    top = float(power.values.max()) if len(power) else 0.0
    loaded = power.values[power.values > 0.05 * top]
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
