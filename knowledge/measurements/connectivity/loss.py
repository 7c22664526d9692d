"""The moment of the loss: when the charger fell silent and was heard again, what ran then, how long it was away."""

from __future__ import annotations

import re

import numpy as np

from ....engine.facts import Source
from ...readings import DAY, HOUR, MINUTE, Reading, few
from ...scene import Scene
from ...sessions import Session
from ..common import result_words
from ..registry import measures
from .history import (
    Moment,
    Told,
    beats_of,
    first_connection_record,
    heartbeat_interval,
    history,
    logged,
    metadata_moment,
    own_metadata,
    records_of,
)


def lost_at(scene: Scene) -> float:
    """When the charger fell silent at the latest occurrence: the drop, else `offline_since`, else its last heartbeat."""
    return _loss(scene).time


def _loss(scene: Scene) -> Told:
    """That moment with the records that tell it."""

    def load() -> Told:
        anchor = scene.anchor
        dropped: Moment | None = None
        for moment in logged(scene, "connections", anchor - 30 * MINUTE, anchor + 2 * MINUTE):
            if moment.record.fields.get("transition") == "offline":
                dropped = moment if dropped is None else dropped
            elif moment.time <= anchor:
                dropped = None
        if dropped is not None:
            return Told(dropped.time, (scene.source("connections", dropped.record),))
        since = metadata_moment(scene, "offline_since")
        if since is not None and anchor - 30 * MINUTE <= since <= anchor + 5 * MINUTE:
            return Told(since, own_metadata(scene))
        beats = beats_of(scene, scene.device_id)
        place = int(np.searchsorted(beats, anchor, "right"))
        if place and anchor - beats[place - 1] <= 3 * heartbeat_interval(scene, scene.device_id) + MINUTE:
            return Told(float(beats[place - 1]), _sources_at(scene, float(beats[place - 1])))
        faults = few([fault.source for fault in scene.incidence.faults if fault.time == anchor])
        return Told(anchor, faults or _sources_at(scene, anchor))

    told: Told = scene.once("loss", load)
    return told


def _sources_at(scene: Scene, moment: float) -> tuple[Source, ...]:
    """The heartbeats and connection records of a moment, else the metadata, which may hold the last heartbeat."""
    found = [
        scene.source(table, record)
        for table in ("heartbeats", "connections")
        for _, record in logged(scene, table, moment, moment)
    ]
    return few(found) or own_metadata(scene)


def back_at(scene: Scene) -> Told | None:
    """When the charger was heard again after the latest loss: connected, a heartbeat, or `online_since`."""

    def load() -> Told | None:
        lost = lost_at(scene)
        connected = [
            moment
            for moment in logged(scene, "connections")
            if moment.time > lost and moment.record.fields.get("transition") in ("online", "reconnect")
        ]
        after = max(lost, scene.anchor) + 1
        found = [Told(time, (scene.source("connections", record),)) for time, record in connected[:1]]
        beats = scene.beats()
        first = int(beats.times.searchsorted(after, "right"))
        if first < len(beats):
            found.append(Told(float(beats.times[first]), (beats.source(first),)))
        since = metadata_moment(scene, "online_since")
        if since is not None and since > lost and scene.about("status") != "offline":
            found.append(Told(since, own_metadata(scene)))
        return min(found, default=None)

    moment: Told | None = scene.once("back at", load)
    return moment


def sessions_at_loss(scene: Scene) -> list[Session]:
    """The sessions of all connectors that were running at the loss, or ended at most two minutes before."""
    lost = lost_at(scene)
    return [s for s in scene.sessions(which="all") if s.start < lost - 5 and s.over_by > lost - 2 * MINUTE]


def connections_since(scene: Scene, moment: float) -> Reading | None:
    """Connections made from a minute after a moment until the loss; None where the history does not reach back so far."""
    made = [start for start in history(scene).starts if moment + MINUTE < start.time <= lost_at(scene)]
    begin = first_connection_record(scene)
    if begin is None or not (made or begin.time < moment):
        return None
    return Reading(float(len(made)), moment, scene.sources("connections", records_of(made or [begin])))


@measures("outage_length", "seconds from the latest loss to the charger's return, where it returned", unit="s", low=0)
def outage_length(scene: Scene) -> Reading | None:
    back = back_at(scene)
    return None if back is None else Reading(back.time - lost_at(scene), back.time, back.sources)


def _told_away(scene: Scene) -> tuple[Source, ...]:
    """The records by which a charger that was not heard again is away."""
    return few([*_loss(scene).sources, *own_metadata(scene)])


def away_at(scene: Scene, moment: float) -> Reading:
    """Whether the charger was still away at a moment."""
    back = back_at(scene)
    if back is None:
        return Reading(True, moment, _told_away(scene))
    return Reading(moment < back.time, moment, back.sources)


def _is_listened_to(scene: Scene) -> bool:
    """Whether the records tell when the charger is connected, so that it may be missed in them."""
    logs = ("connections", "heartbeats", "telemetry")
    if any(scene.device_id in scene.observations[name].by_device for name in logs):
        return True
    return any(scene.about(path) is not None for path in ("status", "last_heartbeat", "offline_since", "online_since"))


@measures(
    "hours_unreachable",
    "hours from the latest loss to the diagnosis, where the charger was not heard again; known where heartbeats, connections, "
    "telemetry or its metadata tell of its being connected at all",
    unit="h",
    low=0,
)
def hours_unreachable(scene: Scene) -> Reading | None:
    if not _is_listened_to(scene) or back_at(scene) is not None or scene.as_of <= lost_at(scene):
        return None
    return Reading((scene.as_of - lost_at(scene)) / HOUR, scene.as_of, _told_away(scene))


@measures(
    "minutes_shown_online_while_silent",
    "minutes from the last heartbeat to the diagnosis while the device is still shown online; known where its status is, no "
    "heartbeat came for three intervals and no connection record is newer",
    unit="min",
    low=0,
)
def minutes_shown_online_while_silent(scene: Scene) -> Reading | None:
    beats = beats_of(scene, scene.device_id)
    if scene.about("status") != "online" or not len(beats):
        return None
    last = float(beats[-1])
    silent = scene.as_of - last
    since = [r for time, r in logged(scene, "connections") if time > last and r.fields.get("transition")]
    if since or silent <= 3 * heartbeat_interval(scene, scene.device_id):
        return None
    return Reading(silent / MINUTE, last, few([*_sources_at(scene, last), *own_metadata(scene)]))


@measures(
    "attempts_since_loss",
    "connection records after the loss that tell of attempts which did not bring the charger back online",
    unit="1",
    low=0,
)
def attempts_since_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    back = back_at(scene)
    end = lost + 7 * DAY if back is None else back.time
    tried = [
        record
        for time, record in logged(scene, "connections")
        if lost < time < end and record.fields.get("transition") == "offline"
    ]
    return Reading(float(len(tried)), lost, scene.sources("connections", tried)) if tried else None


_RECONNECT = frozenset(("force_reconnect", "reconnect", "reset_connection", "restart_connection"))
_LINKED = re.compile(
    r"\b(re ?establish\w*|(re)?connected|link (is )?up|new link|new connection|back online|online again|up at once)\b"
)
_NOT_LINKED = re.compile(r"\b(not|no|failed|unable|cannot|refused)\b")


@measures(
    "reconnect_command_helped",
    "whether a command to connect anew that was completed after the loss brought the charger back within five minutes, by its "
    "connections or the command's result; known where there was one",
    kind="flag",
)
def reconnect_command_helped(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    for time, command in logged(scene, "commands", lost, lost + 3 * DAY):
        if command.fields["command"] not in _RECONNECT or command.fields.get("status") != "completed":
            continue
        connected = [
            moment.record
            for moment in logged(scene, "connections", time - MINUTE, time + 5 * MINUTE)
            if moment.record.fields.get("transition") == "online"
        ]
        said = result_words(command)
        helped = bool(connected) or (_LINKED.search(said) is not None and _NOT_LINKED.search(said) is None)
        sources = [scene.source("commands", command), *scene.sources("connections", connected)]
        return Reading(helped, time, few(sources))
    return None
