"""How the connection ended at the loss, and what it was like in the hours and days before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...observations import Record
from ...readings import DAY, HOUR, MINUTE, Reading, ends, median
from ...scene import Scene
from ..registry import measures
from .history import (
    RECONNECT_STORM,
    first_connection_record,
    handshakes,
    history,
    logged,
    most_in_ten_minutes,
    records_of,
)
from .loss import lost_at
from .payload import told_close_code
from .power import MAX_LOSSES, boot_after


def _last_close(scene: Scene) -> Record | None:
    """The record of the connection's end at the loss: the last offline (or a record with a close code) around it."""
    lost = lost_at(scene)
    closes = [
        moment
        for moment in logged(scene, "connections", lost - 10 * MINUTE, max(lost, scene.anchor) + 2 * MINUTE)
        if moment.record.fields.get("transition") == "offline" or moment.record.fields.get("close_code") is not None
    ]
    return min(closes, key=lambda moment: abs(moment.time - lost)).record if closes else None


_CLEAN_CLOSE = re.compile(r"\b(clean close|closed cleanly|clean closed?|was clean|unclean( close)?)\b")


def _is_clean(path: str, value: Any) -> bool | None:
    """Whether a field of the payload says that the connection was closed by a closing handshake."""
    return value != ("unclean" in path) if isinstance(value, bool) and _CLEAN_CLOSE.search(path) else None


@measures(
    "loss_closed_cleanly", "whether the connection that the loss ended was closed by a closing handshake", kind="flag"
)
def loss_closed_cleanly(scene: Scene) -> Reading | None:
    record = _last_close(scene)
    if record is not None and record.fields.get("clean_close") is not None:
        return Reading(bool(record.fields["clean_close"]), record.time, (scene.source("connections", record),))
    return scene.latest_detail(_is_clean)


@measures("loss_close_code", "WebSocket close code of the connection that the loss ended", unit="1", low=0)
def loss_close_code(scene: Scene) -> Reading | None:
    record = _last_close(scene)
    if record is not None and (record.fields.get("close_code") or 0) >= 1000:
        return Reading(float(record.fields["close_code"]), record.time, (scene.source("connections", record),))
    return told_close_code(scene)


def _without_a_boot(scene: Scene, dropped: Sequence[Record]) -> list[Record]:
    """Those of the last drops that did not end with a boot: the last ones suffice, and a storm has thousands."""
    return [
        record for record in dropped[-MAX_LOSSES:] if record.time is not None and boot_after(scene, record.time) is None
    ]


@measures(
    "drops_in_hour_before_loss",
    "times the charger's connection dropped in the hour before the latest loss, of the last 30, that one and those that ended with a "
    "boot not counted; known where its connection history reaches back an hour",
    unit="1",
    low=0,
)
def drops_in_hour_before_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    recent = [drop for drop in history(scene).drops if lost - HOUR <= drop.time < lost - 1]
    begin = first_connection_record(scene)
    if begin is None or not (recent or begin.time <= lost - HOUR):
        return None
    dropped = _without_a_boot(scene, records_of(recent))
    return Reading(
        float(len(dropped)), lost, scene.sources("connections", dropped or records_of(recent) or [begin.record])
    )


@measures(
    "peak_reconnects_before_loss",
    "most reconnects within any ten minutes of the day before the latest loss; known from two connections on",
    unit="1",
    low=0,
)
def peak_reconnects_before_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    starts = [start for start in history(scene).starts if lost - DAY <= start.time <= lost]
    if len(starts) < 2:
        return None
    return Reading(most_in_ten_minutes(starts), lost, scene.sources("connections", records_of(starts)))


@measures(
    "hours_from_storm_fault_to_loss", "hours from the charger's last F-0302 up to the latest loss", unit="h", low=0
)
def hours_from_storm_fault_to_loss(scene: Scene) -> Reading | None:
    lost = max(lost_at(scene), scene.anchor)
    storms = [fault for fault in scene.faults(RECONNECT_STORM, device=scene.device_id) if fault.time <= lost + MINUTE]
    if not storms:
        return None
    return Reading(max(0.0, lost - storms[-1].time) / HOUR, storms[-1].time, (storms[-1].source,))


@measures(
    "late_heartbeats_before_loss",
    "of at least ten heartbeat intervals in the two hours before the loss, the share in percent longer than one and a half "
    "times their median",
    unit="%",
    low=0,
    high=100,
)
def late_heartbeats_before_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    beats = scene.beats().between(lost - 2 * HOUR, lost)
    if len(beats) < 11:
        return None
    intervals = np.diff(beats.times)
    late = 100.0 * float((intervals > 1.5 * median(intervals)).mean())
    return Reading(late, lost, tuple(beats.source(place) for place in ends(range(len(beats)))))


@measures(
    "handshake_rise_before_loss",
    "median duration of the last three handshakes in the six hours before the loss, over the median of at least five before",
    unit="1",
    low=0,
)
def handshake_rise_before_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    before = handshakes(scene).between(lost - 30 * DAY, lost)
    if len(before) < 8 or before.times[-3] < lost - 6 * HOUR:
        return None
    return before.reading(median(before.values[-3:]) / median(before.values[:-3]))


@measures(
    "unclean_drops_before_loss",
    "drops without a closing handshake in the 30 days before the latest loss, of the last 30, that one and those that ended with "
    "a boot not counted; known where such drops are told apart",
    unit="1",
    low=0,
)
def unclean_drops_before_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    told = [
        record
        for time, record in logged(scene, "connections", lost - 30 * DAY)
        if time < lost - 10 * MINUTE and record.fields.get("clean_close") is not None
    ]
    unclean = _without_a_boot(scene, [record for record in told if record.fields["clean_close"] is False])
    return Reading(float(len(unclean)), lost, scene.sources("connections", unclean or told)) if told else None
