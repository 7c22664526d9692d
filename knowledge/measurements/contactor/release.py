"""How the contactor opens: stops, how long until the output is dead, what voltage stays."""

from __future__ import annotations

import re

import numpy as np

from ....engine.facts import Source
from ...observations import Floats
from ...readings import CHARGING_STATES, DAY, HOUR, MINUTE, Reading, few, median
from ...scene import Scene
from ..registry import measures
from .payload import Figure, figures, latest_figure
from .series import early_and_late, largest
from .starts import state_events

SAFE_VOLTAGE = 60.0
"""Volts below which an output counts as dead (EVerest CABLECHECK_SAFE_VOLTAGE, figures.json weld_voltage)."""


def crossings(voltages: Floats) -> int:
    """How often the output turned live or dead, whichever way its voltage is signed."""
    return int(np.count_nonzero(np.diff((np.abs(voltages) >= SAFE_VOLTAGE).astype(np.int8))))


def stops(scene: Scene) -> list[tuple[float, Source]]:
    """When the connector's current was to be switched off: session ends and stop events, at most the last hundred."""

    def load() -> list[tuple[float, Source]]:
        latest = scene.anchor + 5 * MINUTE
        found = [(s.end, s.source) for s in scene.sessions() if s.end is not None and s.end <= latest]
        for event in scene.events("stop", which="own", end=latest):
            found.append((event.time or 0.0, scene.source("events", event)))
        if not found:
            words = scene.words("state").between(0.0, latest).changes()
            for place in range(1, len(words)):
                if words.values[place - 1] in CHARGING_STATES:
                    found.append((float(words.times[place]), words.source(place)))
        ends: list[tuple[float, Source]] = []
        for end, source in sorted(found):
            if not ends or end - ends[-1][0] > 2 * MINUTE:
                ends.append((end, source))
        return ends[-100:]

    return scene.once(("contactor-ends",), load)


def _release_lags(scene: Scene) -> list[tuple[float, float, Source]]:
    """After each stop that telemetry covers: when, seconds until relay or voltage showed the contactor open, a record.

    A stop whose contactor never showed open while telemetry went on has no lag. Nor has one that no record within 30 s
    covers: then nobody looked.
    """

    def load() -> list[tuple[float, float, Source]]:
        voltages, relays = scene.readings("voltage"), scene.words("component_health.relay_state")
        found = []
        for end, _ in stops(scene):
            after = voltages.between(end, end + 10 * MINUTE)
            words = relays.between(end, end + 10 * MINUTE)
            if len(words) and words.times[0] <= end + 30.0 and (words.values[0] == "closed" or "open" in words.values):
                opened = [time for time, word in words if word == "open"]
                if opened:
                    found.append((end, opened[0] - end, words.source(0)))
            elif len(after) and after.times[0] <= end + 30.0:
                dead = np.flatnonzero(np.abs(after.values) < SAFE_VOLTAGE)
                if len(dead):
                    found.append((end, float(after.times[dead[0]]) - end, after.source(int(dead[0]))))
        return found

    return scene.once(("contactor-lags",), load)


_RELEASE = r"(release|opening|open|\bt ?off\b|turn ?off|drop ?out|de ?energi[sz]\w*|disengage\w*|break) ?(time|lag|delay|latency|duration|took|ms|s|after|in)?"
_LIMITS = r"window|limit|max|nominal|expected|spec\b|rated|threshold|typical|baseline|normal|reference|allowed|when new|as new|since|circuit|session|timeout"
_DURATION = ("ms", "s", "us")
_NAMES_DURATION = re.compile(r"(time|lag|delay|latency|duration)$")


def _release_times(scene: Scene) -> list[Figure]:
    found = figures(
        scene,
        _RELEASE,
        rf"{_LIMITS}|feedback|session|door|lock|unlock|voltage|current|count|close|pre ?charge|cmd|command|check|\bno\b|\bnot\b|fail|within",
        (*_DURATION, None),
    )
    told = [figure for figure in found if figure.unit is not None or _NAMES_DURATION.search(figure.path)]
    return [figure for figure in told if 0 <= figure.milliseconds < 600_000]


@measures(
    "release_time_ratio",
    "how long the contactor took to open lately against earlier: median of the latest third of at least four reported or "
    "observed release times over that of the earliest third, or the latest over a reference that the same details name",
    unit="times",
    low=0,
)
def release_time_ratio(scene: Scene) -> Reading | None:
    told = _release_times(scene)
    if told:
        references = figures(
            scene, rf"({_RELEASE}).*({_LIMITS})|({_LIMITS}).*({_RELEASE})", r"session|feedback|lock", _DURATION
        )
        near = [figure for figure in references if figure.source == told[-1].source and figure.milliseconds > 0]
        if near:
            return told[-1].reading(told[-1].milliseconds / near[-1].milliseconds)
        # a sentence often repeats what a key beside it gives
        told = [figure for figure in told if not figure.spoken] or told
        times, sources = [figure.milliseconds for figure in told], [figure.source for figure in told]
        floor = 1.0
    else:
        lags = _release_lags(scene)
        times, sources = [lag for _, lag, _ in lags], [source for *_, source in lags]
        floor = 5.0  # what telemetry every five seconds can resolve
    if len(times) < 4:
        return None
    early, late = early_and_late(times, least=2)
    return Reading(max(late, floor) / max(early, floor), scene.anchor, few([*sources[:2], *sources[-2:]]))


@measures(
    "release_time_reported", "the latest release time of the contactor that details or texts report", unit="ms", low=0
)
def release_time_reported(scene: Scene) -> Reading | None:
    told = _release_times(scene)
    return told[-1].reading(told[-1].milliseconds) if told else None


@measures(
    "late_release",
    "seconds from the last stop before the latest occurrence until its contactor, seen closed after the stop, showed open after all",
    unit="s",
    low=0,
)
def late_release(scene: Scene) -> Reading | None:
    for end, lag, source in reversed(_release_lags(scene)):
        if abs(end - scene.anchor) <= 10 * MINUTE:
            return Reading(lag, end, (source,)) if lag > 0 else None
    return None


@measures(
    "relay_changes_after_stop",
    "most changes of the relay state, or crossings of 60 V by the voltage, within three minutes after one stop in the 90 days "
    "before the latest occurrence",
    unit="1",
    low=0,
)
def relay_changes_after_stop(scene: Scene) -> Reading | None:
    words, volts = scene.words("component_health.relay_state"), scene.readings("voltage")

    def changes(end: float, source: Source) -> Reading | None:
        relay, output = words.between(end - 1.0, end + 3 * MINUTE), volts.between(end + 1.0, end + 3 * MINUTE)
        counts = [len(relay.changes()) - 1] if len(relay) >= 4 else []
        counts += [crossings(output.values)] if len(output) >= 4 else []
        return Reading(float(max(counts)), end, (source,)) if counts else None

    return largest(changes(end, source) for end, source in stops(scene) if end >= scene.anchor - 90 * DAY)


@measures(
    "residual_voltage",
    "median voltage at the connector in the quarter hour after the last stop before the fault",
    unit="V",
    low=0,
)
def residual_voltage(scene: Scene) -> Reading | None:
    ends = [end for end, _ in stops(scene) if end <= scene.anchor + MINUTE]
    start = ends[-1] if ends and scene.anchor - ends[-1] <= HOUR else scene.anchor
    next_starts = [s.start for s in scene.sessions() if s.start > start + 1.0]
    measured = scene.readings("voltage").between(start + 1.0, min([start + 15 * MINUTE, *next_starts]))
    if len(measured) >= 2:
        return measured.reading(median(np.abs(measured.values)))
    told = latest_figure(
        scene,
        r"(residual|remaining|output|connector|load side|post|after).*(v|voltage|volts)",
        r"limit|max|threshold|safe|nominal|rated",
        ("v",),
    )
    return None if told is None else told.reading(abs(told.number))


@measures(
    "plug_out_without_idle",
    "whether the last plug_out within an hour around the fault went without the connector turning idle within five minutes; "
    "known where telemetry or state events follow it",
    kind="flag",
)
def plug_out_without_idle(scene: Scene) -> Reading | None:
    outs = scene.events("plug_out", which="own", start=scene.anchor - HOUR, end=scene.anchor + HOUR)
    if not outs:
        return None
    start = outs[-1].time or 0.0
    end = start + 5 * MINUTE
    states = [word for _, word in scene.words("state").between(start, end)]
    states += [word for _, word, _ in state_events(scene, start=start, end=end)]
    if not states:
        return None
    return Reading(
        all(word not in ("idle", "available") for word in states), start, (scene.source("events", outs[-1]),)
    )
