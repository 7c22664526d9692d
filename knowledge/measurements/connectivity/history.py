"""What a charger's connection records and heartbeats tell: connections with lives, outages, and the delays between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ....engine.facts import Source
from ...observations import Floats, Record, epoch
from ...readings import MINUTE, Readings, percentile
from ...scene import Scene, Whose
from ...storms import SAME_CONNECTION_S

HEARTBEAT_LOST = "F-0301"
RECONNECT_STORM = "F-0302"

DEFAULT_HEARTBEAT_S = 30.0
"""Heartbeat interval where none is configured (dictionary F-0301)."""

ON_PURPOSE = 2 * MINUTE
"""A clean close and back within this is a reconnect on purpose (our judgement)."""


class Moment(NamedTuple):
    """When something happened (epoch seconds), and the record that tells it."""

    time: float
    record: Record


class Span(NamedTuple):
    """Something that lasted: when it ended (epoch seconds), its seconds, and the record of its end."""

    end: float
    seconds: float
    record: Record


class Told(NamedTuple):
    """A moment (epoch seconds) and where it is told."""

    time: float
    sources: tuple[Source, ...]


@dataclass(slots=True)
class History:
    """The connection records of one charger, read as connections with lives and the delays between them.

    Reconnects on purpose are `planned` and no outages. A delay runs from a drop or a failed attempt to the next attempt;
    a retry is an attempt that failed.
    """

    starts: list[Moment] = field(default_factory=list)
    drops: list[Moment] = field(default_factory=list)
    lives: list[Span] = field(default_factory=list)
    outages: list[Span] = field(default_factory=list)
    planned: list[Span] = field(default_factory=list)
    delays: list[Span] = field(default_factory=list)
    retries: list[Moment] = field(default_factory=list)


def history(scene: Scene, device: str | None = None) -> History:
    """The connections of one charger, from whichever transitions were logged."""
    name = scene.device_id if device is None else device
    return scene.once_of(name, "connection history", lambda: _connections(scene, name))


def _connections(scene: Scene, device: str) -> History:
    found = History()
    online_since: float | None = None
    offline_since: float | None = None
    last_attempt = 0.0  # while offline: the drop, or the newest attempt that failed
    closed_cleanly = False
    previous: str | None = None
    for time, record in logged(scene, "connections", device=device):
        transition = record.fields.get("transition")
        if transition is None:
            continue
        if transition == "offline":
            if offline_since is None:
                found.drops.append(Moment(time, record))
                if online_since is not None:
                    found.lives.append(Span(time, time - online_since, record))
                offline_since, closed_cleanly = time, record.fields.get("clean_close") is True
            else:
                found.retries.append(Moment(time, record))
                found.delays.append(Span(time, time - last_attempt, record))
            online_since, last_attempt = None, time
        elif offline_since is not None:
            outage = Span(time, time - offline_since, record)
            on_purpose = closed_cleanly and outage.seconds <= ON_PURPOSE
            (found.planned if on_purpose else found.outages).append(outage)
            found.delays.append(Span(time, time - last_attempt, record))
            found.starts.append(Moment(time, record))
            online_since, offline_since = time, None
        elif online_since is None:
            found.starts.append(Moment(time, record))
            online_since = time
        elif transition == previous or time - online_since > SAME_CONNECTION_S:
            # a new connection whose drop was not logged: the old one ended by now
            found.drops.append(Moment(time, record))
            found.lives.append(Span(time, time - online_since, record))
            found.starts.append(Moment(time, record))
            online_since = time
        previous = transition
    return found


def logged(
    scene: Scene, table: str, start: float = float("-inf"), end: float = float("inf"), *, device: str | None = None
) -> list[Moment]:
    """The records of a list of one charger from start to end, both included, in time order."""
    if start == float("-inf") and end == float("inf"):
        return [Moment(r.time, r) for r in scene.records(table, device=device) if r.time is not None]
    return [Moment(r.time, r) for r in scene.records_between(table, start, end, device=device) if r.time is not None]


def first_connection_record(scene: Scene) -> Moment | None:
    """Where the charger's connection history begins."""
    return next(iter(logged(scene, "connections")), None)


def metadata_moment(scene: Scene, path: str, device: Whose = "own") -> float | None:
    """A timestamp of the charger's metadata (or another's), epoch seconds."""
    value = scene.about(path, device)
    return epoch(value) if hasattr(value, "timestamp") else None


def own_metadata(scene: Scene) -> tuple[Source, ...]:
    """The charger's metadata as a source."""
    return () if scene.device is None else scene.sources("devices", [scene.device])


def handshakes(scene: Scene) -> Readings:
    """How long the charger's handshakes took, milliseconds."""
    return scene.readings("handshake_ms", table="connections").where(lambda v: v > 0)


# Heartbeats


def heartbeat_interval(scene: Scene, device: str) -> float:
    """The newest configured heartbeat interval of a charger, else the dictionary's."""

    def load() -> float:
        if device not in scene.observations["configurations"].by_device:
            return DEFAULT_HEARTBEAT_S
        values = scene.readings("settings.heartbeat_interval_s", table="configurations", device=device).values
        positive = values[values > 0]
        return float(positive[-1]) if len(positive) else DEFAULT_HEARTBEAT_S

    return scene.once_of(device, "heartbeat interval", load)


def beats_of(scene: Scene, device: str) -> Floats:
    """When a charger's heartbeats came (epoch seconds, ascending), the one in its metadata included."""

    def load() -> Floats:
        last = metadata_moment(scene, "last_heartbeat", scene.devices.get(device)) if device in scene.devices else None
        told = np.array([] if last is None else [last], dtype=np.float64)
        # most neighbours are known by their metadata alone
        heard = device in scene.observations["heartbeats"].by_device
        return np.unique(np.append(scene.beats(device).times, told)) if heard else told

    found: Floats = scene.shared_once(("beats", device), load)
    return found


# Faults


def fault_times(scene: Scene, code: str) -> Mapping[str, list[float]]:
    """When each charger reported a code, by charger."""

    def load() -> Mapping[str, list[float]]:
        times: dict[str, list[float]] = {}
        for fault in scene.faults(code):
            times.setdefault(fault.device_id, []).append(fault.time)
        return times

    return scene.fleet.once(("fault times", code), load)


# How often and how regularly


def most_in_ten_minutes(moments: Sequence[Moment]) -> float:
    """The most that fell within any ten minutes."""
    times = np.array([moment.time for moment in moments])
    counts = np.searchsorted(times, times + 10 * MINUTE, "right") - np.arange(len(times))
    return float(counts.max())


def relative_spread(values: Sequence[float], least: int) -> float | None:
    """Half the distance of the 16th and 84th percentile over the median; None of fewer than `least`, or of zeros."""
    if len(values) < least:
        return None
    low, middle, high = (percentile(values, percent) for percent in (16, 50, 84))
    return (high - low) / 2 / middle if middle > 0 else None


def records_of(moments: Sequence[Moment] | Sequence[Span]) -> list[Record]:
    """The records behind moments or spans."""
    return [moment.record for moment in moments]
