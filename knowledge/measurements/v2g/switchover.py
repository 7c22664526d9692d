"""Measurements of the switch-over to discharging: when it was, and how long before the loss."""

from __future__ import annotations

import numpy as np

from ....engine.facts import Source
from ...readings import HOUR, MINUTE, Reading, few
from ...scene import Scene
from ..registry import measures
from .discharges import discharging_runs
from .evidence import incident_sources, of_incident
from .occurrences import latest_first, latest_times
from .records import FLOWING_KW, flows_out, own_sampled, sampled, state_change
from .vehicles import session_here


def _to_discharging(scene: Scene) -> list[tuple[float, Source | None]]:
    """When the connector went over to discharging, by events and by telemetry."""

    def load() -> list[tuple[float, Source | None]]:
        found: list[tuple[float, Source | None]] = [(start, None) for start, _, seen in discharging_runs(scene) if seen]
        for event in scene.events("state", which="own"):
            entered = str(event.data.get("to") or event.data.get("state") or "").lower()
            if event.time is not None and entered == "discharging":
                found.append((event.time, scene.source("events", event)))
        return sorted(found, key=lambda pair: pair[0])

    return scene.once("v2g-to-discharging", load)


def _discharging_for(scene: Scene, time: float) -> tuple[float, tuple[Source, ...]] | None:
    """Seconds that the connector had been discharging at an occurrence; None where that is not known."""
    begun = [(t, s) for t, s in _to_discharging(scene) if time - 12 * HOUR <= t <= time + 2.0]
    runs = [run for run in discharging_runs(scene) if run[0] <= time + 2.0 and run[1] >= time - 10 * MINUTE]
    starts = [t for t, _ in begun if not runs or t >= runs[-1][0] - 10 * MINUTE]
    if starts:
        # An event and the first sample of one switch-over differ by the telemetry's interval: the event is the exact one.
        first = min(t for t in starts if t >= starts[-1] - MINUTE)
        sources = [s for t, s in begun if s is not None and t == first]
        return max(0.0, time - first), few(sources) or _shown_by(scene, first)
    if runs:
        return max(0.0, time - runs[-1][0]), _shown_by(scene, runs[-1][0])
    return None


def _shown_by(scene: Scene, time: float) -> tuple[Source, ...]:
    """What a time that telemetry gave is told by: the fault events, else the sample itself."""
    table = scene.observations["telemetry"]
    return incident_sources(scene) or few([table.source(int(row)) for row in scene.telemetry_rows(time, time)])


def waits_until_loss(scene: Scene) -> list[float]:
    """Seconds from the change to discharging, else from the session's start, to each occurrence for which that is known.

    A session whose record begins a little later than the loss does not tell how long it had lasted.
    """
    waits = []
    for time in latest_times(scene):
        found = _discharging_for(scene, time)
        session = session_here(scene, time)
        if found is not None:
            waits.append(found[0])
        elif session is not None and session.start <= time:
            waits.append(time - session.start)
    return waits


@measures(
    "seconds_discharging_before_loss",
    "how long the connector had been discharging at the latest occurrence (at least, where its records begin later), from "
    "state events or telemetry",
    unit="s",
    low=0,
)
def seconds_discharging_before_loss(scene: Scene) -> Reading | None:
    for time in latest_first(scene):
        found = _discharging_for(scene, time)
        if found is not None:
            return Reading(found[0], time, found[1])
    return None


@measures(
    "switchover_seen",
    "whether records show the very moment at which the connector went over to discharging before the latest occurrence",
    kind="flag",
)
def switchover_seen(scene: Scene) -> Reading | None:
    found = _discharging_for(scene, scene.anchor)
    if found is None:
        return None
    seen = any(abs((scene.anchor - t) - found[0]) < 3.0 for t, _ in _to_discharging(scene))
    return Reading(seen, scene.anchor, found[1])


@measures(
    "share_of_losses_at_switchover",
    "of at least three occurrences with a known switch-over to discharging, the share at most 15 s after it",
    unit="%",
    low=0,
    high=100,
)
def share_of_losses_at_switchover(scene: Scene) -> Reading | None:
    known = [found[0] for t in latest_times(scene) if (found := _discharging_for(scene, t)) is not None]
    if len(known) < 3:
        return None
    return of_incident(scene, 100.0 * sum(k <= 15.0 for k in known) / len(known))


@measures(
    "seconds_since_power_reversal",
    "seconds from the last change between charging and discharging, by telemetry or state events, to the latest occurrence, "
    "where it was within five minutes before",
    unit="s",
    low=0,
)
def seconds_since_power_reversal(scene: Scene) -> Reading | None:
    table = scene.observations["telemetry"]
    for time in latest_first(scene):
        best: Reading | None = None
        rows = own_sampled(scene, time - 20 * MINUTE, time + 2.0)
        out = flows_out(scene, rows)
        flowing = out | (table.numbers("power")[rows] > FLOWING_KW)
        rows, out = rows[flowing], out[flowing]
        turned = rows[1:][(out[1:] != out[:-1]) & (table.times[rows[1:]] >= time - 5 * MINUTE)]
        if len(turned):
            last = int(turned[-1])
            best = Reading(max(0.0, time - float(table.times[last])), time, (table.source(last),))
        for event in scene.events("state", which="own", start=time - 5 * MINUTE, end=time):
            if set(state_change(event)) == {"charging", "discharging"}:
                best = Reading(time - (event.time or time), time, (scene.source("events", event),))
        if best is not None:
            return best
    return None


@measures(
    "other_connectors_held_sync",
    "other connectors of the charger that went on discharging through an occurrence; known where one did",
    unit="1",
    low=0,
)
def other_connectors_held_sync(scene: Scene) -> Reading | None:
    held: dict[float, Source] = {}
    table = scene.observations["telemetry"]
    for time in scene.times[-5:] if scene.connector_id else ():
        rows = sampled(scene, scene.device_id, time - 5 * MINUTE, time + 5 * MINUTE, 720)
        named = table.connectors[rows]
        for connector in np.unique(named[~np.isnan(named) & (named != scene.connector_id)]).tolist():
            theirs = rows[named == connector]
            times = table.times[theirs]
            before, after = theirs[times < time], theirs[times > time]
            if len(before) and len(after) and flows_out(scene, np.array([before[-1], after[0], after[-1]])).all():
                held[connector] = table.source(int(after[0]))
    return Reading(float(len(held)), scene.anchor, few(list(held.values()))) if held else None
