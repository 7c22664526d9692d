"""The plug and the driver: what was pulled, put back or shown when, and what the pilot and the states say of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from ....engine.facts import Source
from ...observations import Record
from ...readings import CHARGING_STATES, DAY, HOUR, MINUTE, Reading
from ...scene import Scene
from ..registry import measures
from .endings import PLUG_OUT_TOLD_LATE_S
from .occurrences import (
    MAX_COMPARED,
    at_latest_occurrence,
    away_from_occurrences,
    ended_session,
    latest_occurrences,
    state_entered,
    timed_events,
)
from .texts import end_volts, latest_of_end


def _plugs(scene: Scene) -> list[tuple[float, Record]]:
    return timed_events(scene, "plug_in", "plug_out")


def _plug_out_at(scene: Scene, time: float) -> tuple[float, Record] | None:
    """The plug_out that belongs to the end at a time: within a quarter of an hour of it and not before the session."""
    session = ended_session(scene, time)
    begun = time - 15 * MINUTE if session is None else max(session.start - 5.0, time - 15 * MINUTE)
    ins = [plugged for plugged, _ in timed_events(scene, "plug_in", start=begun, end=time)]
    # A vehicle that came later than the plug_out is another session, unless it was back within seconds (a bouncing plug).
    outs = [
        (left, event)
        for left, event in timed_events(scene, "plug_out", start=begun, end=time + 15 * MINUTE)
        if not any(left + 30 < plugged < time - 5 for plugged in ins)
    ]
    return min(outs, key=lambda out: (abs(out[0] - time), out[1].index), default=None)


@measures(
    "plug_out_before_end",
    "seconds from the plug_out nearest to the fault (within 15 minutes) to the fault: positive where the plug was out first, "
    "negative where it stayed in after the fault",
    unit="s",
)
def plug_out_before_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        out = _plug_out_at(scene, time)
        return None if out is None else Reading(round(time - out[0], 3), out[0], (scene.source("events", out[1]),))

    return at_latest_occurrence(scene, at)


@measures(
    "plug_out_before_stop",
    "seconds from the plug_out nearest to the end to the stop event, or else to the end of the charging record",
    unit="s",
)
def plug_out_before_stop(scene: Scene) -> Reading | None:
    def stopped(time: float) -> tuple[float, Source] | None:
        stops = timed_events(scene, "stop", start=time - 5 * MINUTE, end=time + 5 * MINUTE)
        if stops:
            moment, event = min(stops, key=lambda stop: abs(stop[0] - time))
            return moment, scene.source("events", event)
        session = ended_session(scene, time)
        if session is None or session.end is None or session.source.list != "charging_records":
            return None
        return session.end, session.source

    def at(time: float) -> Reading | None:
        out, stop = _plug_out_at(scene, time), stopped(time)
        if out is None or stop is None:
            return None
        return Reading(round(stop[0] - out[0], 3), out[0], (scene.source("events", out[1]), stop[1]))

    return at_latest_occurrence(scene, at)


@measures(
    "minutes_plugged_after_end",
    "minutes the plug stayed in after the fault: to the next plug_out, or to the moment of the diagnosis where the plug_in of "
    "this session was reported and no plug_out since",
    unit="min",
    low=0,
)
def minutes_plugged_after_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        session = ended_session(scene, time)
        low = time - DAY if session is None else session.start - HOUR
        # what is told within a second of the end was before it
        before = [event for moment, event in _plugs(scene) if low <= moment <= time + 1.0][-1:]
        if before and before[0].fields["event_type"] == "plug_out":
            return None
        outs = timed_events(scene, "plug_out", start=time + 1.0)[:1]
        until = outs[0][0] if outs else float("inf")
        again = any(moment < until for moment, _ in timed_events(scene, "plug_in", start=time + 1.0))
        if again or not (outs or before):
            # A second plug_in without a plug_out shows that plug_outs are not reported here.
            return None
        sources = scene.sources("events", [*before, *(event for _, event in outs)])
        return Reading(max(0.0, ((until if outs else scene.as_of) - time) / MINUTE), time, sources)

    return at_latest_occurrence(scene, at)


def _charging_again(scene: Scene, time: float) -> Iterator[tuple[float, Source]]:
    """When charging began again within an hour after a time, by starts, states, sessions and the current."""
    for moment, event in timed_events(scene, "start", start=time + 0.5, end=time + HOUR):
        yield moment, scene.source("events", event)
    for moment, event in timed_events(scene, "state", start=time + 2.0, end=time + HOUR):
        if state_entered(event) in CHARGING_STATES:
            yield moment, scene.source("events", event)
    for session in scene.sessions():
        if time + 0.5 < session.start <= time + HOUR:
            yield session.start, session.source
    current = scene.readings("current").between(time + 2.0, time + HOUR)
    off = np.flatnonzero(np.abs(current.values) < 1)
    on = np.flatnonzero(np.abs(current.values) > 5)
    again = on[on > off[0]] if len(off) else on[:0]
    if len(again) >= 3:
        yield float(current.times[again[0]]), current.source(int(again[0]))


@measures(
    "seconds_to_next_start",
    "seconds from the fault to the moment charging began again on the connector, by a start, a state or a new session within an "
    "hour, with no plug_out or plug_in around the end or between; known where plug events of the session were reported",
    unit="s",
    low=0,
)
def seconds_to_next_start(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        plugs = [moment for moment, _ in _plugs(scene)]
        if not any(plug < time - 1 for plug in plugs):
            return None
        until = min([plug for plug in plugs if plug >= time - MINUTE], default=float("inf"))
        begun = [(moment, source) for moment, source in _charging_again(scene, time) if moment < until]
        if not begun:
            return None
        moment, source = min(begun)
        return Reading(moment - time, moment, (source,))

    return at_latest_occurrence(scene, at)


def _flutters(plugs: Iterable[tuple[float, Record]]) -> list[tuple[float, Record]]:
    """The plug_ins that follow a plug_out within 20 s."""
    return [
        back
        for out, back in pairwise(plugs)
        if out[1].fields["event_type"] == "plug_out"
        and back[1].fields["event_type"] == "plug_in"
        and back[0] - out[0] <= 20
    ]


@measures(
    "plug_flutters_at_end",
    "times the plug was reported out and in again within 20 s, from ten minutes before to two minutes after an occurrence (the "
    "occurrence with most); known where plug events were reported there",
    unit="1",
    low=0,
)
def plug_flutters_at_end(scene: Scene) -> Reading | None:
    found: list[Reading] = []
    for time in latest_occurrences(scene):
        near = [plug for plug in _plugs(scene) if time - 10 * MINUTE <= plug[0] <= time + 2 * MINUTE]
        if near:
            flutters = _flutters(near)
            sources = scene.sources("events", [event for _, event in flutters or near])
            found.append(Reading(float(len(flutters)), time, sources))
    return max(found, key=lambda reading: float(reading.value), default=None)


@measures(
    "plug_flutters_in_history",
    "times within 30 days before, other than at the occurrences, that the plug was reported out and in again within 20 s",
    unit="1",
    low=0,
)
def plug_flutters_in_history(scene: Scene) -> Reading | None:
    plugs = [plug for plug in _plugs(scene) if scene.anchor - 30 * DAY <= plug[0] <= scene.anchor]
    if len(plugs) < 4:
        return None
    found = [back for back in _flutters(plugs) if away_from_occurrences(scene, back[0])]
    return Reading(float(len(found)), scene.anchor, scene.sources("events", [event for _, event in found or plugs]))


@measures(
    "seconds_to_replug",
    "seconds from the plug_out at the end to the next plug_in on the connector",
    unit="s",
    low=0,
)
def seconds_to_replug(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        out = _plug_out_at(scene, time)
        backs = [] if out is None else timed_events(scene, "plug_in", start=out[0] + 0.001)
        if out is None or not backs:
            return None
        back = backs[0]
        return Reading(back[0] - out[0], back[0], scene.sources("events", [out[1], back[1]]))

    return at_latest_occurrence(scene, at)


@measures(
    "occurrences_with_plug_out_at_end",
    "of at least two occurrences with a plug_out near them, the share in percent whose plug_out came from ten seconds before to "
    "five seconds after the fault",
    unit="%",
    low=0,
    high=100,
)
def occurrences_with_plug_out_at_end(scene: Scene) -> Reading | None:
    outs = [(time, out) for time in scene.times[-MAX_COMPARED:] if (out := _plug_out_at(scene, time)) is not None]
    if len(outs) < 2:
        return None
    at_end = sum(-PLUG_OUT_TOLD_LATE_S <= time - left <= 10 for time, (left, _) in outs)
    return Reading(100.0 * at_end / len(outs), scene.anchor, scene.sources("events", [event for _, (_, event) in outs]))


@measures(
    "pilot_voltage", "control pilot voltage at the end as stop details or the fault tell it", unit="V", low=-15, high=15
)
def pilot_voltage(scene: Scene) -> Reading | None:
    reading = end_volts(scene, r"\b(cp|pilot|control pilot)\b.*\b(v|volt|volts|voltage|mv)\b")
    return reading if reading is not None and abs(float(reading.value)) <= 15 else None


_CONNECTED_KEY = re.compile(
    r"\b(vehicle|ev|car|cable|plug|connector)( still)? (connected|present|inserted|plugged|plugged in|attached)( after\w*)?$"
)


@measures(
    "vehicle_connected_at_end",
    "whether the vehicle was still connected at the end, as stop details or the fault tell it",
    kind="flag",
)
def vehicle_connected_at_end(scene: Scene) -> Reading | None:
    def connected(path: str, value: Any) -> bool | None:
        word = str(value).strip().lower()
        if not _CONNECTED_KEY.search(path):
            return None
        if word in ("true", "yes", "1", "connected", "present", "inserted"):
            return True
        return False if word in ("false", "no", "0", "disconnected", "absent", "removed") else None

    return latest_of_end(scene, connected)


_PLUGGED = (
    "preparing",
    "occupied",
    "finishing",
    "suspendedev",
    "suspended ev",
    "suspendedevse",
    "suspended evse",
    "charging",
)
_FREE = ("idle", "available")


@measures(
    "state_after_end",
    "whether the connector went on occupied or free: its first state other than fault within two minutes after the fault, "
    "from state events or else telemetry",
    kind="text",
    choices=("occupied", "free"),
)
def state_after_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        for moment, event in timed_events(scene, "state", start=time - 2.0, end=time + 2 * MINUTE):
            to = state_entered(event)
            if to in _PLUGGED or to in _FREE:
                return Reading("free" if to in _FREE else "occupied", moment, (scene.source("events", event),))
        states = scene.words("state").between(time + 0.001, time + 2 * MINUTE)
        for place, (moment, word) in enumerate(states):
            if word in ("idle", "preparing"):
                return Reading("free" if word == "idle" else "occupied", moment, (states.source(place),))
        return None

    return at_latest_occurrence(scene, at)


@measures(
    "auth_seconds_before_end",
    "seconds from the last accepted authorisation to the end, where it came well after the session's start (a card shown again)",
    unit="s",
    low=0,
)
def auth_seconds_before_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        session = ended_session(scene, time)
        shown = [] if session is None else timed_events(scene, "auth_ok", start=session.start + MINUTE, end=time)
        if not shown:
            return None
        moment, event = shown[-1]
        return Reading(time - moment, moment, (scene.source("events", event),))

    return at_latest_occurrence(scene, at)
