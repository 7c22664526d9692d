"""What was done to the charger around a loss or a storm: restarts, upgrades, configuration pushes and visits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....engine.facts import Source
from ...observations import Record, at_path, epoch
from ...readings import DAY, HOUR, MINUTE, Reading
from ...scene import Scene
from ..common import RESTART_COMMANDS, restarts, upgrades
from ..registry import measures
from .history import HEARTBEAT_LOST, first_connection_record, history, logged, records_of
from .loss import lost_at


def latest_until(happened: Iterable[tuple[float, Source]], moment: float) -> tuple[float, Source] | None:
    """The last thing that happened up to a moment."""
    return max(((time, source) for time, source in happened if time <= moment), default=None)


def _pushes(scene: Scene) -> Iterator[tuple[float, Source]]:
    """When configurations were pushed to the charger."""
    for record in scene.records("configurations"):
        moment = at_path(record.fields, "last_push.at")
        if moment is not None:
            yield epoch(moment), scene.source("configurations", record)


# Before the loss


def _minutes_to_loss(scene: Scene, happened: Iterable[tuple[float, Source]]) -> Reading | None:
    lost = lost_at(scene)
    last = latest_until(happened, lost + MINUTE)
    return None if last is None else Reading(max(0.0, lost - last[0]) / MINUTE, last[0], (last[1],))


@measures(
    "minutes_from_restart_to_loss",
    "minutes from the last restart command that did not fail, was not rejected and is not still queued to the latest loss; "
    "commands up to a minute after it count as zero",
    unit="min",
    low=0,
)
def minutes_from_restart_to_loss(scene: Scene) -> Reading | None:
    return _minutes_to_loss(scene, restarts(scene))


@measures(
    "minutes_from_upgrade_to_loss", "minutes from the last firmware upgrade to the latest loss", unit="min", low=0
)
def minutes_from_upgrade_to_loss(scene: Scene) -> Reading | None:
    return _minutes_to_loss(scene, upgrades(scene))


@measures(
    "minutes_between_visit_and_loss",
    "minutes between the latest loss and the nearest service visit, before or after it",
    unit="min",
    low=0,
)
def minutes_between_visit_and_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    visits = logged(scene, "service_visits")
    if not visits:
        return None
    time, visit = min(visits, key=lambda moment: abs(moment.time - lost))
    return Reading(abs(time - lost) / MINUTE, time, (scene.source("service_visits", visit),))


@measures(
    "hours_from_push_to_first_fault", "hours from the last configuration push to the first occurrence", unit="h", low=0
)
def hours_from_push_to_first_fault(scene: Scene) -> Reading | None:
    first = min(scene.first, lost_at(scene)) if scene.incidence.code == HEARTBEAT_LOST else scene.first
    push = latest_until(_pushes(scene), first)
    return None if push is None else Reading((first - push[0]) / HOUR, push[0], (push[1],))


# Before and after a storm


def _storm_rise(scene: Scene, change: tuple[float, Source] | None) -> Reading | None:
    """Reconnects a day since a change over those of the fortnight before; None where the history does not reach both, or holds none
    since."""
    begin = first_connection_record(scene)
    if change is None or begin is None:
        return None
    moment, source = change
    start, end = max(begin.time, moment - 14 * DAY), max(scene.as_of, scene.anchor)
    if moment - start < HOUR or end - moment < 10 * MINUTE:
        return None
    times = [connection.time for connection in history(scene).starts]
    before = sum(start <= time < moment for time in times) * DAY / (moment - start)
    after = sum(moment <= time <= end for time in times) * DAY / (end - moment)
    # a history that does not hold the storm tells nothing of it
    return Reading(after / max(1.0, before), moment, (source,)) if after > 0 else None


@measures(
    "storm_rise_since_upgrade",
    "reconnects a day since the last firmware upgrade over those of the fortnight before it (at least one a day is assumed)",
    unit="1",
    low=0,
)
def storm_rise_since_upgrade(scene: Scene) -> Reading | None:
    return _storm_rise(scene, latest_until(upgrades(scene), scene.anchor))


@measures(
    "storm_rise_since_push",
    "reconnects a day since the last configuration push over those of the fortnight before it (at least one a day is assumed)",
    unit="1",
    low=0,
)
def storm_rise_since_push(scene: Scene) -> Reading | None:
    return _storm_rise(scene, latest_until(_pushes(scene), scene.anchor))


def _restarts_carried_out(scene: Scene) -> Iterator[tuple[float, Source]]:
    """When the charger was told to restart by commands that it accepted or completed."""
    for command in scene.records("commands"):
        accepted = command.fields.get("status") in ("accepted", "completed")
        moment = command.fields.get("created_at") or command.fields.get("updated_at")
        if command.fields["command"] in RESTART_COMMANDS and accepted and moment is not None:
            yield epoch(moment), scene.source("commands", command)


@measures(
    "reconnects_after_restart",
    "reconnects from three minutes to an hour after the last restart command within two days of the storm that was accepted "
    "or completed; known where the records reach an hour beyond it",
    unit="1",
    low=0,
)
def reconnects_after_restart(scene: Scene) -> Reading | None:
    done = [(time, source) for time, source in _restarts_carried_out(scene) if abs(time - scene.anchor) <= 2 * DAY]
    if not done or max(done)[0] + HOUR > max(scene.as_of, scene.anchor):
        return None
    time, source = max(done)
    after = [start for start in history(scene).starts if time + 3 * MINUTE <= start.time <= time + HOUR]
    return Reading(float(len(after)), time, (source, *scene.sources("connections", records_of(after))))


# The configuration


def _newest_configuration(scene: Scene) -> Record | None:
    known = logged(scene, "configurations", end=scene.anchor + DAY)
    return known[-1].record if known else None


@measures(
    "runs_expected_configuration",
    "whether the newest configuration runs the profile (or else the hash) that is expected",
    kind="flag",
)
def runs_expected_configuration(scene: Scene) -> Reading | None:
    record = _newest_configuration(scene)
    if record is None:
        return None
    for running, expected in (
        ("running_config", "expected_config"),
        ("config_profile_id", "expected_config_profile_id"),
    ):
        one, other = record.fields.get(running), record.fields.get(expected)
        if one is not None and other is not None:
            return Reading(one == other, record.time, (scene.source("configurations", record),))
    return None


@measures(
    "push_outcome_at_storm",
    "how the last configuration push ended, by the newest configuration",
    kind="text",
    choices=("completed", "interrupted", "failed"),
)
def push_outcome_at_storm(scene: Scene) -> Reading | None:
    record = _newest_configuration(scene)
    status = None if record is None else at_path(record.fields, "last_push.status")
    if record is None or status is None:
        return None
    return Reading(status, record.time, (scene.source("configurations", record),))
