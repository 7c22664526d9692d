"""The link at the end: losses of connection, gaps, the site's network, and commands as its probes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ....engine.facts import Source
from ...observations import Record, epoch
from ...readings import DAY, HOUR, MINUTE, Reading, few
from ...scene import Scene
from ...texts import as_number
from ..common import result_words
from ..registry import measures
from .connections import Break, breaks, heartbeat_gap, heartbeat_times, largest_gap, overdue, told_breaks
from .occurrences import MAX_COMPARED, ended_session
from .texts import latest_of_end

_LINK_KEY = re.compile(
    r"\b(offline|outage|network|connection|connectivity|ws|websocket|link|backend|csms|platform|uplink|heartbeat|reconnect)\b"
)
_LASTING_KEY = re.compile(
    r"\b(gap|down|lost|loss|offline|outage|disconnect\w*|interrupt\w*|missing|age|silent|reconnect)\b"
)
_DURATION_KEY = re.compile(
    r"\b(?:(?P<milliseconds>ms|msec|millis)|(?P<minutes>min|minutes)|s|sec|secs|seconds|duration|gap)$"
)


@measures("link_gap_in_details", "seconds without network that stop details or the fault tell of", unit="s", low=0)
def link_gap_in_details(scene: Scene) -> Reading | None:
    def seconds(path: str, value: Any) -> float | None:
        number, duration = as_number(value), _DURATION_KEY.search(path)
        if number is None or number < 0 or duration is None:
            return None
        scale = 0.001 if duration["milliseconds"] else 60.0 if duration["minutes"] else 1.0
        return number * scale if _LINK_KEY.search(path) and _LASTING_KEY.search(path) else None

    return latest_of_end(scene, seconds)


def _ends(scene: Scene) -> list[float]:
    """The moments at which the latest occurrence's session ended: the fault, and where it came first, the recorded end."""
    # Of several occurrences the latest decides; what is asked is what ended this session.
    session = ended_session(scene, scene.anchor)
    if session is not None and session.end is not None and scene.anchor - 30 * MINUTE <= session.end < scene.anchor:
        return [scene.anchor, session.end]
    return [scene.anchor]


def _away_at(told: list[Break], moment: float) -> Break | None:
    """The break that a moment lies in (or just before, as clocks differ by a second), of several the one that began first."""
    return next((item for item in told if item.touches(moment, moment + 1)), None)


@measures(
    "link_away_at_end",
    "seconds the charger had been without connection when the session ended, 0 where it was lost within 1 s after; known where "
    "the end lies in a loss that the records hold",
    unit="s",
    low=0,
)
def link_away_at_end(scene: Scene) -> Reading | None:
    told = told_breaks(scene)
    found = [
        Reading(max(0.0, moment - away.start), away.start, (away.source,))
        for moment in _ends(scene)
        if (away := _away_at(told, moment)) is not None
    ]
    return min(found, key=lambda reading: float(reading.value), default=None)


@measures(
    "link_break_distance",
    "seconds from when the charger was last known to be without connection to the end of the session; known where the records "
    "hold a loss within the day before that was over by then",
    unit="s",
    low=0,
)
def link_break_distance(scene: Scene) -> Reading | None:
    told, ends = told_breaks(scene), _ends(scene)
    if any(_away_at(told, moment) is not None for moment in ends):
        return None
    found = [
        Reading(moment - item.end, item.start, (item.source,))
        for moment in ends
        for item in told
        if moment - DAY <= item.end < moment
    ]
    return min(found, key=lambda reading: float(reading.value), default=None)


@measures(
    "link_loss_after_end",
    "seconds from the fault to the first loss of connection after it (more than 1 s, within an hour), where none was within two "
    "minutes before",
    unit="s",
    low=0,
)
def link_loss_after_end(scene: Scene) -> Reading | None:
    told = told_breaks(scene)
    if any(b.touches(scene.anchor - 2 * MINUTE, scene.anchor + 1) for b in told):
        return None
    later = next((b for b in told if scene.anchor + 1 < b.start <= scene.anchor + HOUR), None)
    return None if later is None else Reading(later.start - scene.anchor, later.start, (later.source,))


@measures(
    "minutes_connected_at_end",
    "minutes the charger had been connected at the fault without a break, and stayed so for two more minutes, by its "
    "connection records or online_since",
    unit="min",
    low=0,
)
def minutes_connected_at_end(scene: Scene) -> Reading | None:
    moment = scene.anchor
    if any(b.start <= moment + 2 * MINUTE and b.end > moment - MINUTE for b in told_breaks(scene)):
        return None
    known = [(r.time, r) for r in scene.records("connections") if r.time is not None and r.time <= moment]
    if known and known[-1][1].fields["transition"] in ("online", "reconnect"):
        since, record = known[-1]
        return Reading((moment - since) / MINUTE, moment, (scene.source("connections", record),))
    online = scene.metadata("online_since")
    if online is not None and float(online.value) <= moment and scene.about("status") != "offline":
        return Reading((moment - float(online.value)) / MINUTE, moment, online.sources)
    return None


LONGEST_OVERDUE = 2 * MINUTE
"""How long a heartbeat may have been overdue at an end that coincides with a loss (our judgement: as near as a recorded loss)."""


def _rows_around_fault(scene: Scene, name: str) -> tuple[Source, ...]:
    """The charger's last record of a list before the fault and its first one after it."""
    table = scene.observations[name]
    rows = table.by_device.get(scene.device_id)
    if rows is None:
        return ()
    place = int(np.searchsorted(table.times[rows], scene.anchor))
    return few([table.source(int(row)) for row in rows[max(0, place - 1) : place + 1]])


def _lost_only_after(scene: Scene) -> bool:
    """Whether the connection records put the loss after the fault: then a gap around it needs no other explanation."""
    near = [b for b in breaks(scene) if b.end >= scene.anchor - 2 * MINUTE and b.start <= scene.anchor + 2 * MINUTE]
    return bool(near) and all(b.start > scene.anchor + 1 for b in near)


@measures(
    "heartbeat_gap_at_end",
    "largest gap between heartbeats from two minutes before to one minute after the fault, in multiples of the usual "
    "interval; unknown where connection records put a loss right after the fault",
    unit="1",
    low=0,
)
def heartbeat_gap_at_end(scene: Scene) -> Reading | None:
    if _lost_only_after(scene):
        return None
    gap = heartbeat_gap(scene, scene.device_id, scene.anchor)
    return None if gap is None else Reading(gap, scene.anchor, _rows_around_fault(scene, "heartbeats"))


@measures(
    "heartbeat_overdue_at_end",
    "seconds by which the next heartbeat was overdue at the fault, by the usual interval before it",
    unit="s",
    low=0,
)
def heartbeat_overdue_at_end(scene: Scene) -> Reading | None:
    late = overdue(heartbeat_times(scene, scene.device_id), scene.anchor)
    return None if late is None else Reading(late, scene.anchor, _rows_around_fault(scene, "heartbeats"))


@measures(
    "telemetry_gap_at_end",
    "largest gap in the charger's telemetry from two minutes before to half a minute after the fault, in multiples of the "
    "usual interval (after the fault, of the later one where that is longer); unknown where connection records put a loss right "
    "after the fault",
    unit="1",
    low=0,
)
def telemetry_gap_at_end(scene: Scene) -> Reading | None:
    table = scene.observations["telemetry"]
    rows = table.by_device.get(scene.device_id)
    if rows is None or _lost_only_after(scene):
        return None
    gap = largest_gap(table.times[rows], scene.anchor, 30.0, sparser_later=True)
    return None if gap is None else Reading(gap, scene.anchor, _rows_around_fault(scene, "telemetry"))


@measures(
    "telemetry_overdue_at_end",
    "seconds by which the charger's next telemetry was overdue at the fault, by the usual interval before it",
    unit="s",
    low=0,
)
def telemetry_overdue_at_end(scene: Scene) -> Reading | None:
    table = scene.observations["telemetry"]
    rows = table.by_device.get(scene.device_id)
    late = None if rows is None else overdue(table.times[rows], scene.anchor)
    return None if late is None else Reading(late, scene.anchor, _rows_around_fault(scene, "telemetry"))


@measures(
    "breaks_last_7d",
    "losses of connection in the seven days before the fault, the one at the fault left out; known from connection records",
    unit="1",
    low=0,
)
def breaks_last_7d(scene: Scene) -> Reading | None:
    records = scene.records("connections")
    if not records:
        return None
    found = [b.source for b in breaks(scene) if scene.anchor - 7 * DAY <= b.start < scene.anchor - 5 * MINUTE]
    return Reading(float(len(found)), scene.anchor, few(found or [scene.source("connections", records[-1])]))


@measures("signal_strength", "radio signal strength of the charger, from its metadata", unit="dBm", low=-200, high=0)
def signal_strength(scene: Scene) -> Reading | None:
    reading = scene.metadata("connectivity.signal_strength_dbm")
    return reading if reading is not None and -200 <= float(reading.value) <= 0 else None


def _site_network(scene: Scene) -> Mapping[str, Any]:
    network = scene.site.fields.get("network") if scene.site is not None else None
    return network if isinstance(network, Mapping) else {}


@measures("network_status_of_site", "the site's network by its record", kind="text", choices=("up", "down", "degraded"))
def network_status_of_site(scene: Scene) -> Reading | None:
    status = _site_network(scene).get("status")
    return None if status is None or scene.site is None else Reading(status, None, (scene.source("sites", scene.site),))


@measures(
    "network_change_minutes_from_end",
    "minutes between the fault and the moment since which the site's network has its present status",
    unit="min",
    low=0,
)
def network_change_minutes_from_end(scene: Scene) -> Reading | None:
    since = _site_network(scene).get("since")
    if since is None or scene.site is None:
        return None
    return Reading(abs(epoch(since) - scene.anchor) / MINUTE, epoch(since), (scene.source("sites", scene.site),))


@measures(
    "occurrences_with_link_break",
    "of at least two occurrences around which connection records or heartbeats are known, the share in percent with a loss of "
    "connection that began or was over within two minutes before, or a gap of 2.5 heartbeat intervals that had not lasted longer; "
    "those in the midst of a longer loss are left out",
    unit="%",
    low=0,
    high=100,
)
def occurrences_with_link_break(scene: Scene) -> Reading | None:
    recorded_from = min([r.time for r in scene.records("connections") if r.time is not None], default=float("inf"))
    beats = heartbeat_times(scene, scene.device_id)
    told: list[bool] = []
    for time in scene.times[-MAX_COMPARED:]:
        near = [b for b in breaks(scene) if b.touches(time - 2 * MINUTE, time + 1)]
        if near:
            if any(b.start >= time - 2 * MINUTE or b.end < time for b in near):
                told.append(True)
            continue
        gap = heartbeat_gap(scene, scene.device_id, time)
        if gap is not None and gap >= 2.5:
            if (overdue(beats, time) or 0.0) <= LONGEST_OVERDUE:
                told.append(True)
        elif gap is not None or time >= recorded_from - HOUR:
            told.append(False)
    if len(told) < 2:
        return None
    return Reading(100.0 * sum(told) / len(told), scene.anchor, few([f.source for f in scene.incidence.faults]))


@measures(
    "commands_unanswered_at_end",
    "commands to the charger from ten minutes before to five minutes after the fault that are still queued",
    unit="1",
    low=0,
)
def commands_unanswered_at_end(scene: Scene) -> Reading | None:
    near = [
        c
        for c in scene.records("commands")
        if c.time is not None and -10 * MINUTE <= c.time - scene.anchor <= 5 * MINUTE
    ]
    stuck = [c for c in near if c.fields.get("status") == "queued"]
    return Reading(float(len(stuck)), scene.anchor, scene.sources("commands", stuck or near)) if near else None


_UNHEARD = re.compile(
    r"\b(unreachable|not reach\w*|offline|no (answer|reply|response|connection)|timed? ?out|not connected|disconnected|unanswered)\b"
)


def _went_unheard(command: Record) -> bool:
    """Whether a command failed because the charger was not reached."""
    return command.fields.get("status") == "failed" and _UNHEARD.search(result_words(command)) is not None


@measures(
    "commands_answered_at_end",
    "commands that the charger answered (completed or rejected, or failed for another reason than that it was not reached) from "
    "one minute before to 30 s after the fault",
    unit="1",
    low=0,
)
def commands_answered_at_end(scene: Scene) -> Reading | None:
    found = []
    for command in scene.records("commands"):
        updated = command.fields.get("updated_at")
        if updated is None or not -MINUTE <= epoch(updated) - scene.anchor <= 30:
            continue
        if command.fields.get("status") in ("completed", "failed", "rejected") and not _went_unheard(command):
            found.append(command)
    return Reading(float(len(found)), scene.anchor, scene.sources("commands", found)) if found else None
