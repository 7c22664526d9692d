"""Measurements of the negotiation with the vehicle: how long it took, and whether power ever followed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from ....engine.facts import Source
from ...readings import HOUR, MINUTE, Reading, highest
from ...scene import Scene
from ..registry import measures
from .discharges import moved_energy_out
from .evidence import of_incident
from .occurrences import latest_first
from .payload import growth, measured_numbers, told_numbers
from .records import (
    FLOWING_KW,
    asked_at,
    asks_for_discharge,
    flows_out,
    outflow,
    own_sampled,
    sources_of_rows,
    state_change,
)
from .switchover import waits_until_loss
from .vehicles import session_here


@measures(
    "seconds_from_request_to_loss",
    "seconds from what began the stay (discharge command, session, plug-in, preparing) to the latest occurrence, one value "
    "each, up to an hour",
    unit="s",
    low=0,
    many=True,
)
def seconds_from_request_to_loss(scene: Scene) -> Iterator[Reading]:
    time = scene.anchor
    latest: dict[str, tuple[float, Source]] = {}
    for command in scene.records("commands", which="own"):
        moment = asked_at(command)
        if asks_for_discharge(command) and moment is not None and moment <= time:
            latest["command"] = (moment, scene.source("commands", command))
    for event in scene.events("plug_in", "start", "state", "auth_ok", which="own", start=time - HOUR, end=time):
        kind = event.fields["event_type"]
        if kind != "state" or state_change(event)[1] == "preparing":
            latest[kind] = (event.time or time, scene.source("events", event))
    session = session_here(scene, time)
    if session is not None and session.start <= time:
        latest.setdefault("start", (session.start, session.source))
    for kind in sorted(latest):
        moment, source = latest[kind]
        if time - moment <= HOUR:
            yield Reading(time - moment, time, (source,), kind)


@measures(
    "share_of_losses_after_a_minute",
    "of at least two occurrences whose stay's beginnings are known, the share that came 50 to 75 s after the change to "
    "discharging, else after the session's start",
    unit="%",
    low=0,
    high=100,
)
def share_of_losses_after_a_minute(scene: Scene) -> Reading | None:
    waits = waits_until_loss(scene)
    if len(waits) < 2:
        return None
    return of_incident(scene, 100.0 * sum(50.0 <= w <= 75.0 for w in waits) / len(waits))


@measures(
    "state_before_loss",
    "the connector's last state other than fault within ten minutes before the latest occurrence, from events or telemetry",
    kind="text",
)
def state_before_loss(scene: Scene) -> Reading | None:
    for time in latest_first(scene):
        found: list[tuple[float, str, Source]] = []
        for event in scene.events("state", which="own", start=time - 10 * MINUTE, end=time + 30.0):
            left, entered = state_change(event)
            if entered in ("fault", "faulted", "error") and left:
                found.append((time, left, scene.source("events", event)))
            elif entered and (event.time or 0.0) <= time:
                found.append((event.time or 0.0, entered, scene.source("events", event)))
        words = scene.words("state").between(time - 10 * MINUTE, time)
        for place in range(len(words) - 1, -1, -1):
            if words.values[place] not in ("fault", "unavailable"):
                found.append((float(words.times[place]), words.values[place], words.source(place)))
                break
        found = [item for item in found if item[1] not in ("fault", "faulted", "error", "unavailable")]
        if found:
            _, state, source = max(found, key=lambda item: (item[0], item[1]))
            return Reading(state, time, (source,))
    return None


@measures(
    "discharged_before_loss",
    "whether energy flowed out of the vehicle in the stay before the latest occurrence that has records of it",
    kind="flag",
)
def discharged_before_loss(scene: Scene) -> Reading | None:
    for time in latest_first(scene):
        session = session_here(scene, time)
        start = time - 30 * MINUTE if session is None else max(session.start, time - 12 * HOUR)
        known, out = outflow(scene, own_sampled(scene, start, time))
        if out.any():
            return Reading(True, time, sources_of_rows(scene, known[out]))
        if len(known) >= 2 and time - scene.observations["telemetry"].times[known[-1]] <= 2 * MINUTE:
            return Reading(False, time, sources_of_rows(scene, known))
        if session is not None and session.energy is not None:
            moved = session.energy < -0.1 or bool(moved_energy_out(scene, session))
            return Reading(moved, time, (session.source,))
    return None


@measures(
    "charged_before_loss",
    "whether telemetry shows power flowing into the vehicle in the session before the latest occurrence; known where its "
    "session is, and two readings of power lie in it",
    kind="flag",
)
def charged_before_loss(scene: Scene) -> Reading | None:
    for time in latest_first(scene):
        session = session_here(scene, time)
        if session is None or session.start > time:
            continue
        rows = own_sampled(scene, max(session.start, time - 12 * HOUR), time)
        power = scene.observations["telemetry"].numbers("power")[rows]
        known = rows[~np.isnan(power)]
        flowing = rows[(power > FLOWING_KW) & ~flows_out(scene, rows)]
        if len(known) >= 2:
            return Reading(len(flowing) > 0, time, sources_of_rows(scene, flowing if len(flowing) else known))
    return None


@measures(
    "seconds_without_power_before_loss",
    "how long no power had flowed on the connector at the latest occurrence that has readings, while it was not idle; known "
    "where power had been, or the records begin, within 15 minutes",
    unit="s",
    low=0,
)
def seconds_without_power_before_loss(scene: Scene) -> Reading | None:
    power = scene.readings("power")
    for time in latest_first(scene):
        window = power.between(time - 15 * MINUTE, time)
        states = window.words("state")
        run: list[int] = []
        for place in range(len(window) - 1, -1, -1):
            state = states[place]
            if state == "fault":
                continue  # The fault's own sample, stamped a moment earlier.
            if abs(window.values[place]) > FLOWING_KW or state in ("idle", "unavailable"):
                break
            run.append(place)
        if len(run) >= 2:
            return window.reading(time - float(window.times[run[-1]]), time, [run[-1], run[0]])
    return None


@measures(
    "negotiation_time_growth",
    "how long the negotiation took by details of sessions and faults: median of the latest third over that of the earliest; known "
    "from three",
    unit="1",
    low=0,
)
def negotiation_time_growth(scene: Scene) -> Reading | None:
    key = (
        r"\b(negotiation|handshake|hlc|session setup|iso 15118|v2g setup|setup)\b.*\b(ms|s|sec|seconds|time|duration)\b"
    )
    return growth(scene, told_numbers(scene, key, r"\b(contactor|relay|count)\b"))


@measures(
    "reported_wait",
    "the longest wait or timeout, in seconds, that the payload gives for the negotiation or a message of it",
    unit="s",
    low=0,
)
def reported_wait(scene: Scene) -> Reading | None:
    found = []
    key = r"\b(timeout|elapsed|waited|wait|timer|since last|no response|negotiation|handshake|sequence)\b"
    unless = r"\b(contactor|relay|release|count|soc|volt\w*|freq\w*|duration of)\b"
    for path, number, source in measured_numbers(scene, key, unless):
        if number < 0:
            continue
        if re.search(r"\bms\b", path):
            found.append(Reading(number / 1000.0, scene.anchor, (source,)))
        elif re.search(r"\b(s|sec|seconds)\b", path):
            found.append(Reading(number, scene.anchor, (source,)))
    return highest(*found)
