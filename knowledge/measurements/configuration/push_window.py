"""The half hour of the last push: whether the link, the power or the neighbours broke in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from ....engine.facts import Source
from ...observations import epoch
from ...readings import MINUTE, Reading, few
from ...scene import Scene
from ..grid_of_site import grid_records
from ..registry import measures
from .onset import CLOCK, Moment, onset
from .pushes import BROKEN, push_before, pushes

_BEFORE = MINUTE
"""How long before its timestamp a push may have begun (our judgement: no source tells how far two clocks differ)."""

_AFTER = 30 * MINUTE
"""How long a push may go on after its timestamp (our judgement: no source tells how long a push takes)."""

_RESTART_COMMAND = re.compile(r"reboot|reset$|restart")
_BREAK_EVENT = re.compile(r"boot|restart|power_?(loss|cycle|up)|offline")


def _push_began(scene: Scene) -> float | None:
    """When the last push before the mismatch began: the decisive one, or a later one that did not come through."""
    push = push_before(scene)
    unfinished = [p for p in pushes(scene) if p.status in (*BROKEN, "pending")]
    candidates = unfinished if push is None else [push, *unfinished]
    latest = onset(scene).time + CLOCK
    return max((p.time for p in candidates if p.time is not None and p.time <= latest), default=None)


def _breaks(scene: Scene, began: float) -> Iterator[Moment]:
    """What can break off a push: a lost connection, a reconnect, a restart, a power cut."""
    for record in scene.records("connections"):
        # The charger came online for the push where it did so before it.
        if record.time is not None and (record.fields["transition"] != "online" or record.time > began):
            yield record.time, scene.source("connections", record)
    for command in scene.records("commands"):
        restart = _RESTART_COMMAND.search(str(command.fields["command"]))
        if restart and command.time is not None and command.fields.get("status") != "rejected":
            yield command.time, scene.source("commands", command)
    for event in scene.events(which="all"):
        if event.time is not None and _BREAK_EVENT.search(event.fields["event_type"]):
            yield event.time, scene.source("events", event)
    for fault in scene.faults(device=scene.device_id):
        if fault.code in ("F-0301", "F-0302"):
            yield fault.time, fault.source
    if scene.site_id is None:
        return
    for record in grid_records(scene):
        elsewhere = record.fields.get("site_id") not in (None, scene.site_id)
        if record.time is not None and record.fields.get("kind") == "outage" and not elsewhere:
            yield record.time, scene.source("grid", record)


@measures(
    "seconds_from_push_to_break",
    "seconds from the last push before the mismatch to a lost connection, a reconnect, a restart or a power cut, from one "
    "minute before to 30 minutes after the push began",
    unit="s",
)
def seconds_from_push_to_break(scene: Scene) -> Reading | None:
    began = _push_began(scene)
    if began is None:
        return None
    inside = [moment for moment in _breaks(scene, began) if began - _BEFORE <= moment[0] <= began + _AFTER]
    if not inside:
        return None
    time, source = min(inside)
    return Reading(time - began, time, (source,))


@measures(
    "site_breaks_in_push",
    "other chargers of the site that lost their connection from one minute before to 30 minutes after the push began, the site's "
    "network itself counted where it went down then; known where the records hold connections of neighbours or such a moment",
    unit="1",
    low=0,
)
def site_breaks_in_push(scene: Scene) -> Reading | None:
    began = _push_began(scene)
    if began is None:
        return None
    low, high = began - _BEFORE, began + _AFTER
    hit: list[Source] = []
    known: list[Source] = []
    for neighbour in scene.neighbours:
        rows = scene.records("connections", device=neighbour.fields["device_id"])
        if rows:
            known.append(scene.source("devices", neighbour))
        lost = [r for r in rows if r.time is not None and low <= r.time <= high and r.fields["transition"] != "online"]
        if lost:
            hit.append(scene.source("connections", lost[0]))
    network = scene.site.fields.get("network") if scene.site is not None else None
    since = network.get("since") if isinstance(network, Mapping) else None
    if scene.site is not None and since is not None and low <= epoch(since) <= high:
        hit.append(scene.source("sites", scene.site))
    return Reading(float(len(hit)), began, few(hit or known)) if hit or known else None


@measures(
    "heartbeat_gap_in_push",
    "largest gap between heartbeats from one minute before to 30 minutes after the last push before the mismatch, in multiples "
    "of the usual interval",
    unit="1",
    low=0,
)
def heartbeat_gap_in_push(scene: Scene) -> Reading | None:
    began = _push_began(scene)
    if began is None or len(scene.beats()) < 5:
        return None
    beats = scene.beats()
    gaps = np.diff(beats.times)
    usual = float(np.sort(gaps)[len(gaps) // 2])
    inside = np.flatnonzero((beats.times[1:] >= began - _BEFORE) & (beats.times[:-1] <= began + _AFTER))
    if not len(inside) or usual <= 0:
        return None
    widest = int(inside[np.argmax(gaps[inside])])
    sources = few([beats.source(widest), beats.source(widest + 1)])
    return Reading(float(gaps[widest]) / usual, float(beats.times[widest + 1]), sources)
