"""What was seen at the connector while a start failed: voltage, current, relay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from ...readings import CHARGING_STATES, MINUTE, Reading, among, few, median
from ...scene import Scene
from ..registry import measures
from .loads import own_currents
from .payload import Figure, figures
from .release import crossings
from .series import largest, strongest

DEAD_AC = 50.0
"""Volts below which an AC outlet is not live (IEC 60364-4-41: the conventional limit of touch voltage)."""


def around_failures(scene: Scene, before: float, after: float) -> Iterator[tuple[float, float]]:
    """From so many seconds before to so many after each of the latest twenty occurrences."""
    for time in scene.times[-20:]:
        yield time - before, time + after


def _reported_then(scene: Scene, found: Iterable[Figure]) -> list[Figure]:
    """Those that were reported within a minute of an occurrence."""
    windows = list(around_failures(scene, MINUTE, MINUTE))
    return [figure for figure in found if any(start <= figure.time <= end for start, end in windows)]


@measures(
    "failed_start_voltage",
    "highest voltage at the connector from half a minute before to a quarter minute after a failed start, above what it showed "
    "while idle (where that is not known, of a DC charger, or below 50 V); or what details report of the output side",
    unit="V",
    low=0,
)
def failed_start_voltage(scene: Scene) -> Reading | None:
    told = figures(
        scene,
        r"(output|connector|load|outlet|downstream|vehicle side|contactor side|terminal|measured).*(v|voltage|volts)$",
        r"limit|threshold|nominal|rated|coil|supply|min|driver|set ?point|target|requested|pre ?charge",
        ("v",),
    )
    told += figures(
        scene,
        r"\b(v|u|voltage|hv|vdc)\b.*\b(out|outlet|output|load|connector|terminals?|downstream)$|\b[uv]out$",
        r"limit|threshold|nominal|rated|coil|supply|driver|target|requested|pre ?charge",
    )
    told = _reported_then(scene, told)
    if told:
        top = max(told, key=lambda figure: abs(figure.number))
        return top.reading(abs(top.number))
    for path in ("voltage", "phase_details.phase_a.voltage"):
        idle = scene.readings(path).at_rows(scene.words("state").rows_where("idle", "unavailable"))
        found = largest(_voltages_over_idle(scene, path, median(np.abs(idle.values)) if len(idle) else 0.0))
        # an AC outlet may be live at rest, but not one at a few volts
        known = len(idle) or scene.is_dc is True or (found is not None and float(found.value) < DEAD_AC)
        if known and (found is not None or len(idle)):
            return found
    return None


def _voltages_over_idle(scene: Scene, path: str, idle: float) -> Iterator[Reading]:
    """The highest voltage at each failed start, of records that do not say they charge."""
    column, charging = scene.readings(path), scene.words("state").rows_where(*CHARGING_STATES)
    for start, end in around_failures(scene, 30.0, 15.0):
        window = column.between(start, end)
        window = window.at(~among(window.rows, charging))
        if len(window):
            highest = strongest(window)
            yield replace(highest, value=max(0.0, float(highest.value) - idle))


@measures(
    "failed_start_current",
    "highest current at the connector from ten seconds before to a quarter minute after a failed start",
    unit="A",
    low=0,
)
def failed_start_current(scene: Scene) -> Reading | None:
    column = own_currents(scene)
    windows = [column.between(start, end) for start, end in around_failures(scene, 10.0, 15.0)]
    found = [strongest(window) for window in windows if len(window)]
    told = figures(
        scene,
        r"(output|contactor|load|connector|outlet|main) (current|i|a)\b|(current|\bi\b).*(after|during|through|out|load)",
        r"coil|limit|rated|max|inrush|peak|nominal|driver|threshold|supply",
        ("a",),
    )
    found += [figure.reading(abs(figure.number)) for figure in _reported_then(scene, told)]
    return largest(found)


@measures(
    "relay_at_failed_start",
    "the relay states that telemetry shows from 20 s before to 20 s after a failed start",
    kind="text",
    choices=("closed", "open", "fault"),
    many=True,
)
def relay_at_failed_start(scene: Scene) -> Iterable[Reading]:
    words = scene.words("component_health.relay_state")
    found: dict[str, Reading] = {}
    for start, end in around_failures(scene, 20.0, 20.0):
        window = words.between(start, end)
        for place, (time, word) in enumerate(window):
            if word in ("closed", "open", "fault"):
                found[word] = Reading(word, time, (window.source(place),), key=word)
    return [found[word] for word in sorted(found)]


@measures(
    "relay_changes_at_failed_start",
    "most changes of the relay state within two minutes around one failed start, as telemetry shows or details report them",
    unit="1",
    low=0,
)
def relay_changes_at_failed_start(scene: Scene) -> Reading | None:
    words = scene.words("component_health.relay_state")
    windows = [words.between(start, end) for start, end in around_failures(scene, 90.0, 30.0)]
    seen = largest(
        Reading(
            float(len(window.changes()) - 1),
            float(window.times[-1]),
            few([window.source(0), window.source(len(window) - 1)]),
        )
        for window in windows
        if len(window) >= 3
    )
    told = figures(
        scene,
        r"chatter|flutter|bounce|toggles?|transitions|dropouts?|pulses|edges?\b",
        r"\bms\b|\bs\b|time|duration|limit|max",
        (None,),
    )
    reported = largest(figure.reading(max(0.0, figure.number)) for figure in _reported_then(scene, told))
    return largest([seen, reported])


@measures(
    "output_changes_at_failed_start",
    "how often the connector's voltage crossed 60 V within 90 s before to 30 s after one failed start, at most",
    unit="1",
    low=0,
)
def output_changes_at_failed_start(scene: Scene) -> Reading | None:
    column = scene.readings("voltage")
    windows = [column.between(start, end) for start, end in around_failures(scene, 90.0, 30.0)]
    return largest(
        window.reading(float(crossings(window.values)), float(window.times[-1]), [0, len(window) - 1])
        for window in windows
        if len(window) >= 4
    )
