"""Measurements of the connection: when and with whom a charger fell silent, what came before, and a storm's rhythm."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...engine.facts import Source
from ..observations import Record, at_path, epoch, parse_timestamp
from ..readings import DAY, HOUR, MINUTE, Reading, few
from ..scene import Scene, as_number, flat, words_of
from ..sessions import Session
from .common import restarts, upgrades
from .registry import measures

HEARTBEAT_LOST = "F-0301"
RECONNECT_STORM = "F-0302"

DEFAULT_HEARTBEAT_S = 30.0
"""Heartbeat interval where none is configured (dictionary F-0301)."""

TOGETHER = 5 * MINUTE
"""Chargers that fall silent within this of each other are counted as one event (our judgement: heartbeat intervals and
grace periods differ by minutes, separate faults by hours)."""

SAME_CONNECTION = 10.0
"""A `reconnect` and an `online` this close are one connection told twice (our judgement)."""

MAX_PEERS = 400
"""Chargers elsewhere that are compared at most (our judgement: more change no count that a rule asks for)."""

MAX_FAR = 100
"""Chargers elsewhere whose fate is looked up at most (our judgement: enough for a share, and every incident asks)."""

LONGEST_LIFE = HOUR
"""Connections that lived longer are calm between storms and no part of their rhythm (our judgement)."""

FEWEST = 4
"""Connections or delays from which on a rhythm is measured (our judgement: three agree by chance)."""


# Connection history


@dataclass(slots=True)
class History:
    """The connection records of one charger, read as connections with lives and the delays between them.

    Outages leave out reconnects on purpose: a clean close and back within two minutes.
    """

    starts: list[tuple[float, Record]] = field(default_factory=list)
    drops: list[tuple[float, Record]] = field(default_factory=list)
    lives: list[tuple[float, float, Record]] = field(default_factory=list)  # when it ended, seconds it lived
    outages: list[tuple[float, float, Record]] = field(default_factory=list)  # when it was back, seconds it took
    planned: list[tuple[float, float, Record]] = field(default_factory=list)  # the same of reconnects on purpose
    delays: list[tuple[float, float, Record]] = field(default_factory=list)  # an attempt, seconds since drop or attempt
    retries: list[tuple[float, Record]] = field(default_factory=list)  # offline again without having been online


def history(scene: Scene, device: str | None = None) -> History:
    """The connections of one charger, from whichever transitions were logged."""
    name = scene.device_id if device is None else device
    found: History = scene.shared_once(("connection history", name), lambda: _history(scene, name))
    return found


def _history(scene: Scene, device: str) -> History:
    found = History()
    since: float | None = None
    dropped: float | None = None
    tried: float | None = None
    cleanly = False
    before: str | None = None
    for record in scene.records("connections", device=device):
        time, transition = record.time, record.fields.get("transition")
        if time is None or transition is None:
            continue
        if transition == "offline":
            if dropped is None:
                found.drops.append((time, record))
                if since is not None:
                    found.lives.append((time, time - since, record))
                dropped, cleanly = time, record.fields.get("clean_close") is True
            else:
                found.retries.append((time, record))
                if tried is not None:
                    found.delays.append((time, time - tried, record))
            since, tried = None, time
        else:
            if dropped is not None and tried is not None:
                planned = cleanly and time - dropped <= 2 * MINUTE
                (found.planned if planned else found.outages).append((time, time - dropped, record))
                found.delays.append((time, time - tried, record))
            elif since is not None:
                if transition != before and time - since <= SAME_CONNECTION:
                    before = transition
                    continue
                found.drops.append((time, record))
                found.lives.append((time, time - since, record))
            found.starts.append((time, record))
            since, dropped = time, None
        before = transition
    return found


def _sources(scene: Scene, table: str, records: Iterable[Record]) -> tuple[Source, ...]:
    return few([scene.source(table, record) for record in records])


def _device_source(record: Record | None) -> tuple[Source, ...]:
    return () if record is None else (Source("devices", record.index, None),)


def _moment(scene: Scene, path: str, device: Record | None = None) -> float | None:
    value = scene.about(path, device)
    return epoch(value) if hasattr(value, "timestamp") else None


_MILLISECONDS = re.compile(r"\b(ms|msec|millis|milliseconds)\b")
_MINUTES = re.compile(r"\b(min|mins|minutes)\b")
_LONGEST_TOLD = 7 * DAY
"""No interval or timeout of a connection is longer (our judgement); such a number means something else."""


def _told_seconds(scene: Scene, *patterns: str) -> Reading | None:
    """The latest positive duration in the payload whose key's words match a pattern, in seconds; the key names its unit."""
    found: Reading | None = None
    for path, value, source in scene.details():
        number = as_number(value)
        if number is None or not any(re.search(pattern, path) for pattern in patterns):
            continue
        scale = 0.001 if _MILLISECONDS.search(path) else MINUTE if _MINUTES.search(path) else 1.0
        if 0 < number * scale <= _LONGEST_TOLD:
            found = Reading(number * scale, scene.anchor, (source,))
    return found


def _told_close_code(scene: Scene) -> Reading | None:
    """The close code in the payload, where it is one."""
    told = scene.detail_number(r"\bclose code\b", r"\b(ws|websocket|closing) code\b")
    return told if told is not None and 1000 <= float(told.value) < 5000 else None


# The moment of the loss


def heartbeat_interval(scene: Scene, device: str) -> float:
    """The newest configured heartbeat interval of a charger, else the dictionary's."""

    def load() -> float:
        values = scene.readings("settings.heartbeat_interval_s", table="configurations", device=device).values
        positive = values[values > 0]
        return float(positive[-1]) if len(positive) else DEFAULT_HEARTBEAT_S

    interval: float = scene.shared_once(("heartbeat interval", device), load)
    return interval


def beats_of(scene: Scene, device: str) -> np.ndarray:
    """When a charger's heartbeats came (epoch seconds, ascending), the one in its metadata included."""

    def load() -> np.ndarray:
        times = [
            r.time
            for r in scene.records("heartbeats", device=device)
            if r.time is not None and r.fields.get("status") != "offline"
        ]
        last = _moment(scene, "last_heartbeat", scene.devices.get(device)) if device in scene.devices else None
        if last is not None:
            times.append(last)
        return np.unique(np.array(times, dtype=np.float64))

    found: np.ndarray = scene.shared_once(("beats", device), load)
    return found


def lost_at(scene: Scene) -> float:
    """When the charger fell silent at the latest occurrence: the drop, else `offline_since`, else its last heartbeat."""

    def load() -> float:
        anchor = scene.anchor
        dropped: float | None = None
        for record in scene.records("connections"):
            if record.time is None or not anchor - 30 * MINUTE <= record.time <= anchor + 2 * MINUTE:
                continue
            if record.fields.get("transition") == "offline":
                dropped = record.time if dropped is None else dropped
            elif record.time <= anchor:
                dropped = None
        if dropped is not None:
            return dropped
        since = _moment(scene, "offline_since")
        if since is not None and anchor - 30 * MINUTE <= since <= anchor + 5 * MINUTE:
            return since
        beats = beats_of(scene, scene.device_id)
        place = int(np.searchsorted(beats, anchor, "right"))
        if place and anchor - beats[place - 1] <= 3 * heartbeat_interval(scene, scene.device_id) + MINUTE:
            return float(beats[place - 1])
        return anchor

    moment: float = scene.once("lost at", load)
    return moment


def back_at(scene: Scene) -> tuple[float, tuple[Source, ...]] | None:
    """When the charger was heard again after the latest loss: connected, a heartbeat, or `online_since`."""

    def load() -> tuple[float, tuple[Source, ...]] | None:
        lost = lost_at(scene)
        found: list[tuple[float, tuple[Source, ...]]] = []
        for record in scene.records("connections"):
            if (
                record.time is not None
                and record.time > lost
                and record.fields.get("transition") in ("online", "reconnect")
            ):
                found.append((record.time, (scene.source("connections", record),)))
                break
        for record in scene.records("heartbeats"):
            if (
                record.time is not None
                and record.time > max(lost, scene.anchor) + 1
                and record.fields.get("status") != "offline"
            ):
                found.append((record.time, (scene.source("heartbeats", record),)))
                break
        since = _moment(scene, "online_since")
        if since is not None and since > lost and scene.about("status") != "offline":
            found.append((since, _device_source(scene.device)))
        return min(found, default=None)

    moment: tuple[float, tuple[Source, ...]] | None = scene.once("back at", load)
    return moment


# Others at the moment of the loss


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of another charger at the moment of the loss: fell silent (and when), or was heard on."""

    device: Record
    lost: bool
    at: float | None


MUCH_SOONER = 4.0
"""An outage that lasts less than the incident's by this factor is another event, a routine reconnect say (our judgement)."""


def _back_much_sooner(scene: Scene, device: str, dropped: float) -> bool:
    """Whether another charger was back within minutes, while this one stayed away much longer."""
    back = back_at(scene)
    own = (scene.as_of if back is None else back[0]) - lost_at(scene)
    returns = [time - dropped for time, _ in history(scene, device).starts if time > dropped]
    return bool(returns) and min(returns) <= TOGETHER and min(returns) * MUCH_SOONER < own


def fault_times(scene: Scene, code: str) -> Mapping[str, list[float]]:
    """When each charger reported a code, by charger."""

    def load() -> Mapping[str, list[float]]:
        times: dict[str, list[float]] = {}
        for fault in scene.faults(code):
            times.setdefault(fault.device_id, []).append(fault.time)
        return times

    found: Mapping[str, list[float]] = scene.shared_once(("fault times", code), load)
    return found


def _silences(scene: Scene, device: str) -> list[float]:
    """The moments from which a charger is told to be silent: drops, faults F-0301, heartbeats that say offline."""

    def load() -> list[float]:
        offline = [
            record.time
            for record in scene.records("heartbeats", device=device)
            if record.time is not None and record.fields.get("status") == "offline"
        ]
        drops = [time for time, _ in history(scene, device).drops]
        return [*drops, *fault_times(scene, HEARTBEAT_LOST).get(device, []), *offline]

    found: list[float] = scene.shared_once(("silences", device), load)
    return found


def _fate(scene: Scene, record: Record, lost: float) -> Fate | None:
    device = record.fields["device_id"]
    status = scene.about("status", record)
    since = _moment(scene, "offline_since", record)
    interval = heartbeat_interval(scene, device)
    low, high = lost - TOGETHER, lost + TOGETHER
    silent = [*_silences(scene, device), *([] if since is None else [since])]
    stopped: list[float] = []  # only where nothing says it outright
    log = history(scene, device)
    beats = beats_of(scene, device)
    place = int(np.searchsorted(beats, high, "right"))
    until = scene.as_of if place == len(beats) else float(beats[place])
    if place and beats[place - 1] >= low - interval and until - beats[place - 1] > 3 * interval + 30:
        stopped = [min(max(float(beats[place - 1]), low), high)]
    near = [time for time in silent if low <= time <= high and not _back_much_sooner(scene, device, time)] or stopped
    if near:
        return Fate(record, True, min(near, key=lambda time: (abs(time - lost), time)))
    if status == "offline":
        # silent since another time says nothing of this moment; since an unknown time, that it is down as well
        return Fate(record, True, None) if since is None and not len(beats) else None
    if len(beats) and beats[-1] > lost + 20:
        return Fate(record, False, None)
    if any(time > lost for time, _ in log.starts):
        return Fate(record, False, None)
    for name in ("telemetry", "events", "charging_records"):
        table = scene.observations[name]
        rows = table.by_device.get(device)
        if rows is not None and np.nanmax(table.times[rows], initial=0.0) > lost + MINUTE:
            return Fate(record, False, None)
    if status == "online" and not len(beats):
        return Fate(record, False, None)
    return None


def site_fates(scene: Scene) -> list[Fate]:
    """What became of the site's other chargers at the moment of the loss, as far as it is known."""

    def load() -> list[Fate]:
        return [fate for record in scene.neighbours if (fate := _fate(scene, record, lost_at(scene))) is not None]

    found: list[Fate] = scene.once("site fates", load)
    return found


def far_fates(scene: Scene) -> list[Fate]:
    """The same of chargers of other sites."""

    def load() -> list[Fate]:
        if scene.site_id is None:
            return []
        far = [r for r in scene.others if r.fields.get("site_id") not in (None, scene.site_id)]
        return [fate for record in far[:MAX_FAR] if (fate := _fate(scene, record, lost_at(scene))) is not None]

    found: list[Fate] = scene.once("far fates", load)
    return found


def _fate_sources(fates: Iterable[Fate]) -> tuple[Source, ...]:
    return few([Source("devices", fate.device.index, None) for fate in fates])


def _wired(scene: Scene, record: Record | None) -> bool | None:
    """Whether a charger reaches the platform through the site's own network rather than a modem of its own."""
    kind = scene.about("connectivity.type", record) if record is not None else None
    return None if kind is None else bool(kind != "cellular")


@measures(
    "site_peers_lost_together",
    "other chargers of the site that fell silent within five minutes of this one, or are offline since an unknown time; "
    "known where the fate of at least one is",
    unit="1",
    low=0,
)
def site_peers_lost_together(scene: Scene) -> Reading | None:
    fates = site_fates(scene)
    if not fates:
        return None
    lost = [fate for fate in fates if fate.lost]
    return Reading(float(len(lost)), lost_at(scene), _fate_sources(lost or fates))


@measures(
    "site_peers_lost_share",
    "of the site's other chargers whose fate is known, the share in percent that fell silent within five minutes of this one",
    unit="%",
    low=0,
    high=100,
)
def site_peers_lost_share(scene: Scene) -> Reading | None:
    fates = site_fates(scene)
    if not fates:
        return None
    lost = [fate for fate in fates if fate.lost]
    return Reading(100.0 * len(lost) / len(fates), lost_at(scene), _fate_sources(lost or fates))


@measures(
    "site_peers_heard_on",
    "other chargers of the site that were heard on after this one fell silent and, where both are known, reach the platform "
    "the same way (site network, or a modem of their own)",
    unit="1",
    low=0,
)
def site_peers_heard_on(scene: Scene) -> Reading | None:
    fates = site_fates(scene)
    if not fates:
        return None
    own = _wired(scene, scene.device)
    alive = [f for f in fates if not f.lost and (own is None or _wired(scene, f.device) in (None, own))]
    return Reading(float(len(alive)), lost_at(scene), _fate_sources(alive or fates))


@measures(
    "site_loss_spread",
    "seconds between the first and the last loss of this charger and the site's others that fell silent within five minutes",
    unit="s",
    low=0,
)
def site_loss_spread(scene: Scene) -> Reading | None:
    lost = [fate for fate in site_fates(scene) if fate.lost and fate.at is not None]
    if not lost:
        return None
    times = [lost_at(scene), *(fate.at for fate in lost if fate.at is not None)]
    return Reading(max(times) - min(times), lost_at(scene), _fate_sources(lost))


@measures(
    "far_chargers_lost_together",
    "chargers of other sites that fell silent within five minutes of this one; known where the fate of at least one is",
    unit="1",
    low=0,
)
def far_chargers_lost_together(scene: Scene) -> Reading | None:
    fates = far_fates(scene)
    if not fates:
        return None
    lost = [fate for fate in fates if fate.lost and fate.at is not None]
    return Reading(float(len(lost)), lost_at(scene), _fate_sources(lost or fates))


@measures(
    "far_chargers_lost_share",
    "of the chargers of other sites whose fate is known, the share in percent that fell silent within five minutes of this one",
    unit="%",
    low=0,
    high=100,
)
def far_chargers_lost_share(scene: Scene) -> Reading | None:
    fates = far_fates(scene)
    if not fates:
        return None
    lost = [fate for fate in fates if fate.lost and fate.at is not None]
    return Reading(100.0 * len(lost) / len(fates), lost_at(scene), _fate_sources(lost or fates))


# The site's network


def _site_source(scene: Scene) -> tuple[Source, ...]:
    return () if scene.site is None else (scene.source("sites", scene.site),)


@measures(
    "site_network_status", "the site's network as its record has it", kind="text", choices=("up", "down", "degraded")
)
def site_network_status(scene: Scene) -> Reading | None:
    status = None if scene.site is None else at_path(scene.site.fields, "network.status")
    return None if status is None else Reading(status, None, _site_source(scene))


@measures(
    "minutes_from_network_change_to_loss",
    "minutes from the last change of the site network's status to the loss; negative where the change came after it",
    unit="min",
)
def minutes_from_network_change_to_loss(scene: Scene) -> Reading | None:
    since = None if scene.site is None else at_path(scene.site.fields, "network.since")
    return (
        None if since is None else Reading((lost_at(scene) - epoch(since)) / MINUTE, epoch(since), _site_source(scene))
    )


@measures(
    "site_network_status_undated",
    "the site's network as its record has it, where it does not say since when",
    kind="text",
    choices=("up", "down", "degraded"),
)
def site_network_status_undated(scene: Scene) -> Reading | None:
    dated = scene.site is not None and at_path(scene.site.fields, "network.since") is not None
    return None if dated else site_network_status(scene)


@measures(
    "connectivity_type", "how the charger reaches the platform", kind="text", choices=("cellular", "wifi", "ethernet")
)
def connectivity_type(scene: Scene) -> Reading | None:
    return scene.metadata("connectivity.type")


_RSRP = re.compile(r"\brsrp\b")
_SIGNAL = re.compile(r"\b(rssi|dbm|signal( strength| level)?)\b")


def _told_signals(scene: Scene) -> list[tuple[str, float, Source]]:
    """Signal strengths in dBm that the payload or extra fields of connection records hold, with their key's words."""

    def load() -> list[tuple[str, float, Source]]:
        found = []
        texts: list[tuple[Source, Any]] = list(scene.payload())
        for record in scene.records("connections"):
            if record.time is not None and scene.first - DAY <= record.time <= scene.anchor + HOUR:
                known = ("timestamp", "device_id", "transition", "clean_close", "close_code", "handshake_ms", "reason")
                extra = {key: value for key, value in record.raw.items() if key not in known}
                if extra:
                    texts.append((scene.source("connections", record), extra))
        for source, data in texts:
            for path, value in flat(data):
                number = as_number(value)
                if number is not None and -150.0 <= number < -20.0 and (_RSRP.search(path) or _SIGNAL.search(path)):
                    found.append((path, number, source))
        return found

    signals: list[tuple[str, float, Source]] = scene.once("told signals", load)
    return signals


@measures(
    "cellular_signal",
    "received signal strength (RSSI) of a charger that is not known to be on cable or wifi: the median that payload and "
    "connection records tell, else its metadata",
    unit="dBm",
    high=0,
)
def cellular_signal(scene: Scene) -> Reading | None:
    if scene.about("connectivity.type") in ("ethernet", "wifi"):
        return None
    told = [(value, source) for path, value, source in _told_signals(scene) if not _RSRP.search(path)]
    if told:
        return Reading(
            float(np.median([value for value, _ in told])), scene.anchor, few([source for _, source in told])
        )
    known = scene.metadata("connectivity.signal_strength_dbm")
    return known if known is not None and float(known.value) < 0 else None


@measures(
    "cellular_rsrp",
    "LTE reference signal power (RSRP) that payload or connection records tell, their median",
    unit="dBm",
    high=0,
)
def cellular_rsrp(scene: Scene) -> Reading | None:
    told = [(value, source) for path, value, source in _told_signals(scene) if _RSRP.search(path)]
    if not told:
        return None
    return Reading(float(np.median([value for value, _ in told])), scene.anchor, few([source for _, source in told]))


# How the connection ended, and what it was like before


def _last_close(scene: Scene) -> Record | None:
    """The record of the connection's end at the loss: the last offline (or a record with a close code) around it."""
    lost = lost_at(scene)
    near = [
        record
        for record in scene.records("connections")
        if record.time is not None
        and lost - 10 * MINUTE <= record.time <= max(lost, scene.anchor) + 2 * MINUTE
        and (record.fields.get("transition") == "offline" or record.fields.get("close_code") is not None)
    ]
    return min(near, key=lambda record: abs((record.time or 0.0) - lost), default=None)


@measures(
    "loss_closed_cleanly", "whether the connection that the loss ended was closed by a closing handshake", kind="flag"
)
def loss_closed_cleanly(scene: Scene) -> Reading | None:
    record = _last_close(scene)
    if record is not None and record.fields.get("clean_close") is not None:
        return Reading(bool(record.fields["clean_close"]), record.time, (scene.source("connections", record),))
    for path, value, source in scene.details():
        if isinstance(value, bool) and re.search(
            r"\b(clean close|closed cleanly|clean closed?|was clean|unclean( close)?)\b", path
        ):
            return Reading(value != ("unclean" in path), scene.anchor, (source,))
    return None


@measures("loss_close_code", "WebSocket close code of the connection that the loss ended", unit="1", low=0)
def loss_close_code(scene: Scene) -> Reading | None:
    record = _last_close(scene)
    if record is not None and (record.fields.get("close_code") or 0) >= 1000:
        return Reading(float(record.fields["close_code"]), record.time, (scene.source("connections", record),))
    return _told_close_code(scene)


@measures(
    "drops_in_hour_before_loss",
    "times the charger's connection dropped in the hour before the latest loss, that one not counted; known where its "
    "connection history reaches back an hour",
    unit="1",
    low=0,
)
def drops_in_hour_before_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    log = history(scene)
    recent = [record for time, record in log.drops if lost - HOUR <= time < lost - 1]
    records = scene.records("connections")
    if not recent and not (records and records[0].time is not None and records[0].time <= lost - HOUR):
        return None
    return Reading(float(len(recent)), lost, _sources(scene, "connections", recent or records[:1]))


@measures(
    "peak_reconnects_before_loss",
    "most reconnects within any ten minutes of the day before the latest loss; known from two connections on",
    unit="1",
    low=0,
)
def peak_reconnects_before_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    times = [time for time, _ in history(scene).starts if lost - DAY <= time <= lost]
    if len(times) < 2:
        return None
    array = np.array(times)
    counts = np.searchsorted(array, array + 10 * MINUTE, "right") - np.arange(len(array))
    records = [record for time, record in history(scene).starts if lost - DAY <= time <= lost]
    return Reading(float(counts.max()), lost, _sources(scene, "connections", records))


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
    records = [
        r
        for r in scene.records("heartbeats")
        if r.time is not None and lost - 2 * HOUR <= r.time <= lost and r.fields.get("status") != "offline"
    ]
    if len(records) < 11:
        return None
    intervals = np.diff([r.time or 0.0 for r in records])
    late = 100.0 * float((intervals > 1.5 * np.median(intervals)).mean())
    return Reading(late, lost, _sources(scene, "heartbeats", records))


@measures(
    "handshake_rise_before_loss",
    "median duration of the last three handshakes in the six hours before the loss, over the median of at least five before",
    unit="1",
    low=0,
)
def handshake_rise_before_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    before = scene.readings("handshake_ms", table="connections").between(lost - 30 * DAY, lost).where(lambda v: v > 0)
    if len(before) < 8 or before.times[-3] < lost - 6 * HOUR:
        return None
    return before.reading(float(np.median(before.values[-3:]) / np.median(before.values[:-3])))


@measures(
    "unclean_drops_before_loss",
    "drops without a closing handshake in the 30 days before the latest loss, that one not counted; known where such drops "
    "are told apart",
    unit="1",
    low=0,
)
def unclean_drops_before_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    told = [
        r for r in scene.records("connections")
        if r.time is not None and lost - 30 * DAY <= r.time < lost - 10 * MINUTE and r.fields.get("clean_close") is not None
    ]  # fmt: skip
    unclean = [r for r in told if r.fields["clean_close"] is False]
    return Reading(float(len(unclean)), lost, _sources(scene, "connections", unclean or told)) if told else None


@measures(
    "minutes_shown_online_while_silent",
    "minutes from the last heartbeat to the diagnosis while the device is still shown online and no close was logged; known "
    "where its status is and no heartbeat came for three intervals",
    unit="min",
    low=0,
)
def minutes_shown_online_while_silent(scene: Scene) -> Reading | None:
    beats = beats_of(scene, scene.device_id)
    if scene.about("status") != "online" or not len(beats):
        return None
    last = float(beats[-1])
    silent = scene.as_of - last
    closed = any(
        r.time is not None and r.time > last and r.fields.get("transition") for r in scene.records("connections")
    )
    if closed or silent <= 3 * heartbeat_interval(scene, scene.device_id):
        return None
    return Reading(silent / MINUTE, last, _device_source(scene.device))


# How long it lasted


@measures("outage_length", "seconds from the latest loss to the charger's return, where it returned", unit="s", low=0)
def outage_length(scene: Scene) -> Reading | None:
    back = back_at(scene)
    return None if back is None else Reading(back[0] - lost_at(scene), back[0], back[1])


@measures(
    "hours_unreachable",
    "hours from the latest loss to the diagnosis, where the charger was not heard again",
    unit="h",
    low=0,
)
def hours_unreachable(scene: Scene) -> Reading | None:
    if back_at(scene) is not None or scene.as_of <= lost_at(scene):
        return None
    return Reading((scene.as_of - lost_at(scene)) / HOUR, scene.as_of, _device_source(scene.device))


@measures(
    "typical_outage",
    "median seconds from drop to return over at least three outages in the 30 days up to the latest return",
    unit="s",
    low=0,
)
def typical_outage(scene: Scene) -> Reading | None:
    recent = [(d, r) for t, d, r in history(scene).outages if scene.anchor - 30 * DAY <= t <= scene.anchor + DAY]
    if len(recent) < 3:
        return None
    return Reading(
        float(np.median([d for d, _ in recent])), scene.anchor, _sources(scene, "connections", [r for _, r in recent])
    )


@measures(
    "outage_length_variation",
    "spread of at least three outages' lengths in the same 30 days: half the distance of their 16th and 84th percentile over "
    "their median",
    unit="1",
    low=0,
)
def outage_length_variation(scene: Scene) -> Reading | None:
    recent = [(d, r) for t, d, r in history(scene).outages if scene.anchor - 30 * DAY <= t <= scene.anchor + DAY]
    value = _variation([d for d, _ in recent], 3)
    return (
        None if value is None else Reading(value, scene.anchor, _sources(scene, "connections", [r for _, r in recent]))
    )


@measures(
    "losses_recovered",
    "losses of the week up to now after which the charger came back without further ado; known where there were any",
    unit="1",
    low=0,
)
def losses_recovered(scene: Scene) -> Reading | None:
    ends = [(t, r) for t, _, r in history(scene).outages if scene.anchor - 7 * DAY <= t <= scene.anchor + DAY]
    if ends:
        return Reading(float(len(ends)), ends[-1][0], _sources(scene, "connections", [r for _, r in ends]))
    return None


@measures(
    "loss_clock_spread",
    "how far the losses of at least three days lie from one time of day: the largest distance in minutes from their circular "
    "mean",
    unit="min",
    low=0,
)
def loss_clock_spread(scene: Scene) -> Reading | None:
    times = [fault.time for fault in scene.incidence.faults]
    sources = [fault.source for fault in scene.incidence.faults]
    if len({int(t // DAY) for t in times}) < 3:
        log = history(scene)
        on_purpose = {t - length for t, length, _ in log.planned}
        pairs = [
            (t, r) for t, r in log.drops if scene.anchor - 30 * DAY <= t <= scene.anchor + HOUR and t not in on_purpose
        ]
        times, sources = [t for t, _ in pairs], [scene.source("connections", r) for _, r in pairs]
    if len({int(t // DAY) for t in times}) < 3:
        return None
    angles = np.exp(2j * np.pi * np.array(times) / DAY)
    mean = angles.mean()
    if abs(mean) < 1e-6:
        return Reading(720.0, scene.anchor, few(sources))
    off = np.abs(np.angle(angles / mean)) * DAY / (2 * np.pi) / MINUTE
    return Reading(float(off.max()), scene.anchor, few(sources))


@measures(
    "routine_reconnects_at_this_hour",
    "earlier days of the fortnight on which the charger reconnected on purpose (clean close, back within two minutes) within "
    "ten minutes of the loss's time of day; known where it ever did and has not come back since",
    unit="1",
    low=0,
)
def routine_reconnects_at_this_hour(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    earlier = [(t - d, r) for t, d, r in history(scene).planned if lost - 14 * DAY <= t < lost - HOUR]
    if not earlier or back_at(scene) is not None:
        return None
    same = [(t, r) for t, r in earlier if abs((lost - t + DAY / 2) % DAY - DAY / 2) <= 10 * MINUTE]
    days = {int((lost - t + DAY / 2) // DAY) for t, _ in same}
    return Reading(float(len(days)), lost, _sources(scene, "connections", [r for _, r in same or earlier]))


# Power


@measures(
    "minutes_from_restart_to_loss",
    "minutes from the last restart command that was not refused to the latest loss; commands up to a minute after it count "
    "as zero",
    unit="min",
    low=0,
)
def minutes_from_restart_to_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    earlier = [(time, source) for time, source in restarts(scene) if time <= lost + MINUTE]
    if not earlier:
        return None
    time, source = max(earlier)
    return Reading(max(0.0, lost - time) / MINUTE, time, (source,))


@measures(
    "minutes_from_upgrade_to_loss", "minutes from the last firmware upgrade to the latest loss", unit="min", low=0
)
def minutes_from_upgrade_to_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    earlier = [(time, source) for time, source in upgrades(scene) if time <= lost + MINUTE]
    if not earlier:
        return None
    time, source = max(earlier)
    return Reading(max(0.0, lost - time) / MINUTE, time, (source,))


def _grid_distance(scene: Scene, kind: str) -> Reading | None:
    """Seconds from the nearest grid event of a kind at the charger's site or area to the loss, zero while it lasted."""
    lost = lost_at(scene)
    best: Reading | None = None
    if scene.site_id is None:
        return None
    for record in scene.observations["grid"].records:
        fields = record.fields
        if record.time is None or fields.get("kind") != kind:
            continue
        if not (
            fields.get("site_id") == scene.site_id or (scene.area is not None and fields.get("area") == scene.area)
        ):
            continue
        end = record.time + max(0.0, float(fields.get("duration_s") or 0.0))
        distance = max(0.0, record.time - lost, lost - end)
        if best is None or distance < float(best.value):
            best = Reading(distance, record.time, (scene.source("grid", record),))
    return best


@measures(
    "seconds_from_grid_outage_to_loss",
    "seconds between the nearest grid outage at the site or area and the loss; 0 during it",
    unit="s",
    low=0,
)
def seconds_from_grid_outage_to_loss(scene: Scene) -> Reading | None:
    return _grid_distance(scene, "outage")


@measures(
    "seconds_from_grid_voltage_event_to_loss",
    "seconds between the nearest voltage excursion at the site or area and the loss; 0 during it",
    unit="s",
    low=0,
)
def seconds_from_grid_voltage_event_to_loss(scene: Scene) -> Reading | None:
    return _grid_distance(scene, "voltage_excursion")


@measures(
    "seconds_from_grid_frequency_event_to_loss",
    "seconds between the nearest frequency excursion at the site or area and the loss; 0 during it",
    unit="s",
    low=0,
)
def seconds_from_grid_frequency_event_to_loss(scene: Scene) -> Reading | None:
    return _grid_distance(scene, "frequency_excursion")


GRID_LOST = "F-0701"


@measures(
    "seconds_from_grid_loss_fault_to_loss",
    "seconds between the loss and the nearest fault F-0701 (grid synchronisation lost) of this charger or another of the site",
    unit="s",
    low=0,
)
def seconds_from_grid_loss_fault_to_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    here = {scene.device_id, *(record.fields["device_id"] for record in scene.neighbours)}
    faults = [fault for fault in scene.faults(GRID_LOST) if fault.device_id in here]
    if not faults:
        return None
    nearest = min(faults, key=lambda fault: (abs(fault.time - lost), fault.source))
    return Reading(abs(nearest.time - lost), nearest.time, (nearest.source,))


@measures(
    "supply_voltage_at_loss",
    "lowest supply voltage (phases, or the voltage of an AC charger) in the two minutes before the loss, in percent of its "
    "median in the hours before",
    unit="%",
    low=0,
)
def supply_voltage_at_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    paths = [f"phase_details.phase_{phase}.voltage" for phase in "abc"]
    if scene.is_dc is False:
        paths.append("voltage")
    best: Reading | None = None
    for path in paths:
        column = scene.readings(path, which="all")
        usual = column.between(lost - 6 * HOUR, lost - 2 * MINUTE).where(lambda v: v > 50)
        last = column.between(lost - 2 * MINUTE, lost + 10).min()
        if len(usual) < 3 or last is None:
            continue
        value = 100.0 * float(last.value) / float(np.median(usual.values))
        if best is None or value < float(best.value):
            best = Reading(value, last.at, last.sources)
    return best


BOOT_EVENTS = ("boot", "boot_notification", "bootnotification", "booted", "power_up", "power_on", "startup", "start_up",
               "restart", "reboot", "rebooted", "restarted")  # fmt: skip


@measures(
    "minutes_from_loss_to_boot",
    "minutes from the latest loss to the first event after it that tells of a boot",
    unit="min",
    low=0,
)
def minutes_from_loss_to_boot(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    for event in scene.events(*BOOT_EVENTS, which="all", start=lost - MINUTE, end=max(lost, scene.anchor) + DAY):
        return Reading(max(0.0, (event.time or lost) - lost) / MINUTE, event.time, (scene.source("events", event),))
    return None


_UPTIME = re.compile(r"\buptime\b")


@measures(
    "uptime_told",
    "how long the charger says it has been up (payload, or events within a day after the loss)",
    unit="min",
    low=0,
)
def uptime_told(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    texts: list[tuple[Source, Any]] = list(scene.payload())
    later = scene.events(which="all", start=lost - MINUTE, end=lost + DAY)
    texts.extend((scene.source("events", event), event.fields.get("data")) for event in later)
    texts.extend(
        (scene.source("heartbeats", record), record.raw)
        for record in scene.records("heartbeats")
        if record.time is not None
        and scene.anchor < record.time <= scene.anchor + HOUR
        and "uptime" in str(list(record.raw))
    )
    for source, data in texts:
        for path, value in flat(data):
            number = as_number(value) if _UPTIME.search(path) else None
            if number is not None and number >= 0:
                scale = 60.0 if re.search(r"\b(h|hours?)\b", path) else 1440.0 if re.search(r"\b(d|days?)\b", path) else (
                    1.0 if re.search(r"\b(min|minutes?)\b", path) else 1 / 60000 if re.search(r"\bms\b", path) else 1 / 60
                )  # fmt: skip
                return Reading(number * scale, scene.anchor, (source,))
    return None


def _sessions_at_loss(scene: Scene) -> list[Session]:
    lost = lost_at(scene)
    return [
        s for s in scene.sessions(which="all") if s.start < lost - 5 and (s.end is None or s.end > lost - 2 * MINUTE)
    ]


@measures(
    "session_minutes_beyond_loss",
    "minutes that the longest session running at the loss went on after it, by its charging record",
    unit="min",
)
def session_minutes_beyond_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    ended = [s for s in _sessions_at_loss(scene) if s.end is not None and s.end <= lost + DAY]
    if not ended:
        return None
    longest = max(ended, key=lambda s: (s.end or 0.0, s.source))
    return Reading(((longest.end or lost) - lost) / MINUTE, longest.end, (longest.source,))


@measures(
    "connectors_cut_at_loss",
    "connectors whose session ended within two minutes of the loss, of at least two that were running then",
    unit="1",
    low=0,
)
def connectors_cut_at_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    running = [s for s in _sessions_at_loss(scene) if s.end is not None]
    if len({s.connector_id for s in running}) < 2:
        return None
    cut = [s for s in running if abs((s.end or 0.0) - lost) <= 2 * MINUTE]
    return Reading(float(len({s.connector_id for s in cut})), lost, few([s.source for s in cut or running]))


@measures(
    "data_minutes_beyond_loss",
    "minutes from the loss to the last telemetry or session event of the charger before it was heard again (data that a "
    "charger with power goes on taking)",
    unit="min",
    low=0,
)
def data_minutes_beyond_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    back = back_at(scene)
    end = min(scene.as_of, back[0] - 1.0) if back is not None else scene.as_of
    end = min(end, lost + DAY)
    if end <= lost:
        return None
    found: list[tuple[float, Source]] = []
    for name in ("telemetry", "events"):
        table = scene.observations[name]
        rows = table.by_device.get(scene.device_id)
        if rows is None:
            continue
        times = table.times[rows]
        if name == "events":
            rows = np.array(
                [
                    r
                    for r in rows
                    if table.records[r].fields["event_type"] in ("plug_in", "plug_out", "start", "stop", "auth_ok")
                ],
                dtype=np.intp,
            )
            times = table.times[rows]
        inside = rows[(times > lost) & (times <= end)]
        if len(inside):
            found.append((float(table.times[inside[-1]]), table.source(int(inside[-1]))))
    if not found:
        return None
    last, source = max(found)
    return Reading((last - lost) / MINUTE, last, (source,))


# Base URL and certificates


_URL_WORDS = re.compile(r"\b(base url|url|endpoint|csms|backend host|host ?name|server address|fqdn|domain)\b")


def _url_changes(scene: Scene, device: str) -> list[tuple[float, Source]]:
    """When a charger's base URL was changed: by its configuration records, and by commands that set one."""

    def load() -> list[tuple[float, Source]]:
        found = []
        for record in scene.records("configurations", device=device):
            moment = record.fields.get("base_url_changed_at")
            if moment is not None:
                found.append((epoch(moment), scene.source("configurations", record)))
        for record in scene.records("commands", device=device):
            if record.fields.get("status") in ("failed", "rejected"):
                continue
            words = " ".join(
                [
                    words_of(record.fields["command"]),
                    *(f"{p} {v}" for p, v in flat(record.fields.get("params")) if isinstance(v, str)),
                ]
            )
            moment = record.fields.get("updated_at") or record.fields.get("created_at")
            changes = re.search(r"\b(set|change|update|configure|config|migrate|switch)", words)
            if moment is not None and changes and _URL_WORDS.search(words_of(words)):
                found.append((epoch(moment), scene.source("commands", record)))
        return sorted(found)

    changes: list[tuple[float, Source]] = scene.shared_once(("url changes", device), load)
    return changes


def _last_url_change(scene: Scene) -> tuple[float, Source] | None:
    lost = max(lost_at(scene), scene.anchor)
    return max((c for c in _url_changes(scene, scene.device_id) if c[0] <= lost + MINUTE), default=None)


@measures(
    "hours_from_base_url_change_to_loss",
    "hours from the last change of the base URL to the latest loss",
    unit="h",
    low=0,
)
def hours_from_base_url_change_to_loss(scene: Scene) -> Reading | None:
    change = _last_url_change(scene)
    return None if change is None else Reading(max(0.0, lost_at(scene) - change[0]) / HOUR, change[0], (change[1],))


@measures(
    "hours_from_loss_to_base_url_change",
    "hours from the latest loss to the first change of the base URL after it, where none came before",
    unit="h",
    low=0,
)
def hours_from_loss_to_base_url_change(scene: Scene) -> Reading | None:
    if _last_url_change(scene) is not None:
        return None
    later = _url_changes(scene, scene.device_id)
    return None if not later else Reading(max(0.0, later[0][0] - lost_at(scene)) / HOUR, later[0][0], (later[0][1],))


def _connected_between(scene: Scene, start: float, end: float) -> list[Record]:
    return [record for time, record in history(scene).starts if start < time <= end]


@measures(
    "connections_since_base_url_change",
    "connections made from a minute after the last change of the base URL until the loss; known where the connection history "
    "reaches back before the change",
    unit="1",
    low=0,
)
def connections_since_base_url_change(scene: Scene) -> Reading | None:
    change = _last_url_change(scene)
    if change is None:
        return None
    made = _connected_between(scene, change[0] + MINUTE, lost_at(scene))
    records = scene.records("connections")
    if not made and not (records and (records[0].time or 0.0) < change[0]):
        return None
    return Reading(float(len(made)), change[0], _sources(scene, "connections", made or records[:1]))


def _all_fates(scene: Scene) -> list[Fate]:
    return [*site_fates(scene), *far_fates(scene)]


def _changed_alike(scene: Scene, fate: Fate, moment: float) -> bool:
    return any(abs(time - moment) <= DAY for time, _ in _url_changes(scene, fate.device.fields["device_id"]))


@measures(
    "url_peers_lost",
    "other chargers whose base URL was changed within a day of this one's and that fell silent within five minutes of it",
    unit="1",
    low=0,
)
def url_peers_lost(scene: Scene) -> Reading | None:
    change = _last_url_change(scene)
    alike = [] if change is None else [f for f in _all_fates(scene) if _changed_alike(scene, f, change[0])]
    if not alike:
        return None
    lost = [f for f in alike if f.lost]
    return Reading(float(len(lost)), lost_at(scene), _fate_sources(lost or alike))


def _offline_since(scene: Scene, record: Record, moment: float) -> bool:
    """Whether another charger is offline now and fell silent after a moment."""
    if scene.about("status", record) != "offline":
        return False
    since = _moment(scene, "offline_since", record)
    device = record.fields["device_id"]
    if since is None:
        drops = history(scene, device).drops
        beats = beats_of(scene, device)
        since = drops[-1][0] if drops else float(beats[-1]) if len(beats) else None
    return since is not None and since >= moment - TOGETHER


@measures(
    "url_peers_gone",
    "other chargers whose base URL was changed within a day of this one's and that are offline since a moment after it",
    unit="1",
    low=0,
)
def url_peers_gone(scene: Scene) -> Reading | None:
    change = _last_url_change(scene)
    if change is None:
        return None
    alike = [
        r for r in scene.others[:MAX_PEERS]
        if any(abs(time - change[0]) <= DAY for time, _ in _url_changes(scene, r.fields["device_id"]))
    ]  # fmt: skip
    gone = [r for r in alike if _offline_since(scene, r, change[0])]
    return Reading(float(len(gone)), change[0], scene.sources("devices", gone or alike)) if alike else None


@measures(
    "certificate_peers_gone",
    "other chargers whose certificate ends within an hour of this one's and that are offline since a moment after that",
    unit="1",
    low=0,
)
def certificate_peers_gone(scene: Scene) -> Reading | None:
    own = _moment(scene, "certificates.tls_not_after")
    if own is None:
        return None
    alike = [
        r for r in scene.others[:MAX_PEERS]
        if (end := _moment(scene, "certificates.tls_not_after", r)) is not None and abs(end - own) <= HOUR
    ]  # fmt: skip
    gone = [r for r in alike if _offline_since(scene, r, own)]
    return Reading(float(len(gone)), own, scene.sources("devices", gone or alike)) if alike else None


@measures(
    "url_peers_heard_on",
    "other chargers whose base URL was changed within a day of this one's, that connected since and were heard on after it "
    "fell silent",
    unit="1",
    low=0,
)
def url_peers_heard_on(scene: Scene) -> Reading | None:
    change = _last_url_change(scene)
    alike = [] if change is None else [f for f in _all_fates(scene) if _changed_alike(scene, f, change[0])]
    if not alike:
        return None
    alive = [f for f in alike if not f.lost and change is not None and _connected_since(scene, f, change[0])]
    return Reading(float(len(alive)), lost_at(scene), _fate_sources(alive or alike))


def _connected_since(scene: Scene, fate: Fate, moment: float) -> bool:
    """Whether another charger made a connection since a moment: who still holds an old one proves nothing."""
    since = _moment(scene, "online_since", fate.device)
    made = history(scene, fate.device.fields["device_id"]).starts
    return (since is not None and since > moment) or any(time > moment for time, _ in made)


@measures(
    "days_from_certificate_expiry_to_loss",
    "days from the end of the charger's TLS certificate to the latest loss; negative where it was still valid then",
    unit="days",
)
def days_from_certificate_expiry_to_loss(scene: Scene) -> Reading | None:
    end = _certificate_end(scene)
    return None if end is None else Reading((lost_at(scene) - end[0]) / DAY, end[0], end[1])


_CERT_END = re.compile(
    r"\b(not after|cert\w* (expir\w+|valid (until|to)|end)|tls (expir\w+|valid until)|expires? (at|on))\b"
)


def _certificate_end(scene: Scene) -> tuple[float, tuple[Source, ...]] | None:
    """The end of the charger's certificate, by its metadata or else by a date in the payload."""
    known = scene.metadata("certificates.tls_not_after")
    if known is not None:
        return float(known.value), known.sources
    for path, value, source in scene.details():
        if _CERT_END.search(path) and isinstance(value, str) and re.match(r"^\d{4}-\d\d-\d\d", value):
            moment = parse_timestamp(value)
            if moment is not None:
                return moment, (source,)
    return None


@measures(
    "connections_since_certificate_expiry",
    "connections made after the charger's certificate ended and until the loss; known where it had ended and the connection "
    "history reaches back before that",
    unit="1",
    low=0,
)
def connections_since_certificate_expiry(scene: Scene) -> Reading | None:
    end = _certificate_end(scene)
    if end is None or end[0] >= lost_at(scene):
        return None
    made = _connected_between(scene, end[0] + MINUTE, lost_at(scene))
    records = scene.records("connections")
    if not made and not (records and (records[0].time or 0.0) < end[0]):
        return None
    return Reading(float(len(made)), end[0], _sources(scene, "connections", made or records[:1]))


def _certificate_peers(scene: Scene) -> list[Fate]:
    own = _moment(scene, "certificates.tls_not_after")
    if own is None:
        return []
    return [
        f for f in _all_fates(scene)
        if (end := _moment(scene, "certificates.tls_not_after", f.device)) is not None and abs(end - own) <= HOUR
    ]  # fmt: skip


@measures(
    "certificate_peers_lost",
    "other chargers whose certificate ends within an hour of this one's and that fell silent within five minutes of it",
    unit="1",
    low=0,
)
def certificate_peers_lost(scene: Scene) -> Reading | None:
    alike = _certificate_peers(scene)
    lost = [f for f in alike if f.lost]
    return Reading(float(len(lost)), lost_at(scene), _fate_sources(lost or alike)) if alike else None


@measures(
    "certificate_peers_heard_on",
    "other chargers whose certificate ends within an hour of this one's, that connected since its end and were heard on after "
    "this one fell silent",
    unit="1",
    low=0,
)
def certificate_peers_heard_on(scene: Scene) -> Reading | None:
    alike = _certificate_peers(scene)
    end = _certificate_end(scene)
    alive = [f for f in alike if not f.lost and end is not None and _connected_since(scene, f, end[0])]
    return Reading(float(len(alive)), lost_at(scene), _fate_sources(alive or alike)) if alike else None


def _batch_mates(scene: Scene, *, mates: bool) -> list[Record]:
    batch = scene.about("lifecycle.manufacturing_batch")
    if batch is None:
        return []
    known = [(r, scene.about("lifecycle.manufacturing_batch", r)) for r in scene.others[:MAX_PEERS]]
    return [r for r, other in known if other is not None and (other == batch) == mates]


@measures(
    "days_from_batch_certificate_expiry_to_loss",
    "where the charger's own certificate is not known, days from the end of a certificate of the same manufacturing batch to "
    "the latest loss (the one nearest to it)",
    unit="days",
)
def days_from_batch_certificate_expiry_to_loss(scene: Scene) -> Reading | None:
    if _certificate_end(scene) is not None:
        return None
    ends = [
        (end, record)
        for record in _batch_mates(scene, mates=True)
        if (end := _moment(scene, "certificates.tls_not_after", record)) is not None
    ]
    if not ends:
        return None
    end, record = min(ends, key=lambda pair: (abs(pair[0] - lost_at(scene)), pair[1].fields["device_id"]))
    return Reading((lost_at(scene) - end) / DAY, end, _device_source(record))


def _gone_within_a_day(scene: Scene, record: Record) -> bool:
    """Whether another charger is offline since a moment within a day of the loss."""
    if scene.about("status", record) != "offline":
        return False
    device = record.fields["device_id"]
    moments = [_moment(scene, "offline_since", record), _moment(scene, "last_heartbeat", record)]
    moments.extend(time for time, _ in history(scene, device).drops[-1:])
    beats = beats_of(scene, device)
    moments.extend(float(time) for time in beats[-1:])
    return any(abs(moment - lost_at(scene)) <= DAY for moment in moments if moment is not None)


@measures(
    "batch_mates_gone",
    "other chargers of the same manufacturing batch that are offline since a moment within a day of the loss; known where "
    "there are any of that batch",
    unit="1",
    low=0,
)
def batch_mates_gone(scene: Scene) -> Reading | None:
    mates = _batch_mates(scene, mates=True)
    gone = [r for r in mates if _gone_within_a_day(scene, r)]
    return Reading(float(len(gone)), lost_at(scene), scene.sources("devices", gone or mates)) if mates else None


@measures(
    "other_batches_gone_share",
    "of the chargers of other manufacturing batches, the share in percent that is offline since a moment within a day of the loss",
    unit="%",
    low=0,
    high=100,
)
def other_batches_gone_share(scene: Scene) -> Reading | None:
    rest = _batch_mates(scene, mates=False)
    gone = [r for r in rest if _gone_within_a_day(scene, r)]
    return (
        Reading(100.0 * len(gone) / len(rest), lost_at(scene), scene.sources("devices", gone or rest)) if rest else None
    )


@measures(
    "attempts_since_loss",
    "connection records after the loss that tell of attempts which did not bring the charger back online",
    unit="1",
    low=0,
)
def attempts_since_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    back = back_at(scene)
    end = lost + 7 * DAY if back is None else back[0]
    tried = [
        r for r in scene.records("connections")
        if r.time is not None and lost < r.time < end and r.fields.get("transition") == "offline"
    ]  # fmt: skip
    return Reading(float(len(tried)), lost, _sources(scene, "connections", tried)) if tried else None


@measures(
    "hours_from_push_to_first_fault", "hours from the last configuration push to the first occurrence", unit="h", low=0
)
def hours_from_push_to_first_fault(scene: Scene) -> Reading | None:
    first = min(scene.first, lost_at(scene)) if scene.incidence.code == HEARTBEAT_LOST else scene.first
    found = []
    for record in scene.records("configurations"):
        moment = at_path(record.fields, "last_push.at")
        if moment is not None and epoch(moment) <= first:
            found.append((epoch(moment), scene.source("configurations", record)))
    if not found:
        return None
    time, source = max(found)
    return Reading((first - time) / HOUR, time, (source,))


# What is said


SUBJECTS: Mapping[str, re.Pattern[str]] = {
    "dns": re.compile(r"\b(dns|resolv\w*|nameserver|name resolution|host ?name lookup)\b"),
    "tls": re.compile(r"\b(tls|ssl|certs?|certificates?|x ?509)\b"),
    "power": re.compile(r"\b(mains|power (supply|present|ok|good|fail\w*|loss|lost|state|status)|supply|ac input|psu|brown ?out|grid)\b"),
    "network": re.compile(r"\b(gateway|router|uplink|upstream|wan|internet|site network|lan|network switch|isp|backhaul)\b"),
}  # fmt: skip
_BAD_KEY = re.compile(
    r"\b(loss|lost|fail\w*|errors?|expired|outage|down|unreachable|timeouts?|missing|invalid|brown ?out|interrupt\w*|dips?)\b"
)
_SETTING_KEY = re.compile(
    r"\b(interval|ms|s|seconds|voltage|v|version|id|url|host|ip|address|at|since|after|type|name|timeout s|dbm|ttl|days)\b"
)
_GOOD_SAID = re.compile(
    r"^(ok|okay|up|present|valid|reachable|resolve[sd]?|pass(ed)?|healthy|normal|good|success\w*|yes|online|stable|on|available|alive|true|responds|responding)$"
)
_BAD_SAID = re.compile(
    r"^(down|absent|fail\w*|lost|expired|unreachable|timeout|timed out|error|no|missing|offline|nxdomain|servfail|invalid|unresolved|off|dead|false|none|no response|not reachable|not resolved|not present|unavailable)$"
)


def _stated(scene: Scene) -> dict[tuple[str, bool], list[Source]]:
    """What the payload's fields state of name service, certificates, power and network: (subject, whether it is well)."""

    def load() -> dict[tuple[str, bool], list[Source]]:
        found: dict[tuple[str, bool], list[Source]] = {}
        for path, value, source in scene.details():
            well = _well(path, value)
            if well is None:
                continue
            for subject, pattern in SUBJECTS.items():
                if pattern.search(path):
                    found.setdefault((subject, well), []).append(source)
        return found

    stated: dict[tuple[str, bool], list[Source]] = scene.once("stated", load)
    return stated


def _well(path: str, value: Any) -> bool | None:
    """Whether a field says that its subject is well; None where it says neither."""
    bad_key = _BAD_KEY.search(path) is not None
    if isinstance(value, bool):
        return value != bad_key
    if isinstance(value, (int, float)):
        return (value == 0) if bad_key and not _SETTING_KEY.search(path) else None
    if isinstance(value, str):
        said = words_of(value)
        if bad_key:
            return (
                True
                if said in ("no", "none", "false", "0")
                else False
                if said in ("yes", "true") or _BAD_SAID.match(said)
                else None
            )
        return True if _GOOD_SAID.match(said) else False if _BAD_SAID.match(said) else None
    return None


@measures(
    "stated_failing",
    "subjects that fields of the payload state to fail",
    kind="text",
    choices=tuple(SUBJECTS),
    many=True,
)
def stated_failing(scene: Scene) -> Iterable[Reading]:
    return [
        Reading(s, scene.anchor, few(sources), key=s)
        for (s, well), sources in sorted(_stated(scene).items())
        if not well
    ]


@measures(
    "stated_well",
    "subjects that fields of the payload state to be well",
    kind="text",
    choices=tuple(SUBJECTS),
    many=True,
)
def stated_well(scene: Scene) -> Iterable[Reading]:
    return [
        Reading(s, scene.anchor, few(sources), key=s) for (s, well), sources in sorted(_stated(scene).items()) if well
    ]


@measures(
    "loss_mention",
    "a topic of the fault's vocabulary in the payload, or around the loss in connection reasons, events, stop reasons of "
    "running sessions, and results of commands",
    kind="text",
    many=True,
)
def loss_mention(scene: Scene) -> Iterable[Reading]:
    lost = lost_at(scene)
    end = max(lost, scene.anchor) + DAY
    texts: list[tuple[Source, Any]] = list(scene.payload())
    texts.extend(
        (scene.source("connections", record), {"reason": record.fields["reason"]})
        for record in scene.records("connections")
        if record.time is not None and lost - HOUR <= record.time <= end and record.fields.get("reason")
    )
    for event in scene.events(which="all", start=lost - 30 * MINUTE, end=end):
        if event.fields["event_type"] not in ("fault", "alarm"):
            texts.append(
                (scene.source("events", event), {"event": event.fields["event_type"], "data": event.fields.get("data")})
            )
        elif event.fields["event_type"] == "alarm":
            texts.append((scene.source("events", event), event.fields.get("data")))
    texts.extend(
        (session.source, {"stop_reason": session.stop_reason, "details": session.details})
        for session in _sessions_at_loss(scene)
        if session.end is not None and abs(session.end - lost) <= 10 * MINUTE
    )
    texts.extend(
        (scene.source("commands", command), {"result": command.fields.get("result")})
        for command in scene.records("commands")
        if command.time is not None and lost - HOUR <= command.time <= end
    )
    return scene.mentions(texts)


@measures(
    "loss_visit_mention",
    "a topic of the fault's vocabulary in the work of service visits from a day before to half a day after the loss",
    kind="text",
    many=True,
)
def loss_visit_mention(scene: Scene) -> Iterable[Reading]:
    lost = lost_at(scene)
    near = [
        v for v in scene.records("service_visits")
        if v.time is not None and lost - DAY <= v.time <= lost + DAY / 2
    ]  # fmt: skip
    return scene.mentions([(scene.source("service_visits", v), v.fields.get("work")) for v in near])


@measures(
    "minutes_between_visit_and_loss",
    "minutes between the latest loss and the nearest service visit, before or after it",
    unit="min",
    low=0,
)
def minutes_between_visit_and_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    visits = [v for v in scene.records("service_visits") if v.time is not None]
    if not visits:
        return None
    nearest = min(visits, key=lambda v: abs((v.time or 0.0) - lost))
    return Reading(abs((nearest.time or 0.0) - lost) / MINUTE, nearest.time, (scene.source("service_visits", nearest),))


# Storms: rhythm


def _variation(values: Sequence[float], least: int = FEWEST) -> float | None:
    """Relative spread: half the distance of the 16th and 84th percentile over the median; None of too few or of zeros."""
    if len(values) < least:
        return None
    low, middle, high = np.percentile(values, [16, 50, 84])
    return float((high - low) / 2 / middle) if middle > 0 else None


def _window(scene: Scene) -> tuple[float, float]:
    """The time of the storm: an hour around the occurrences, more where too little was logged."""
    for margin in (HOUR, 6 * HOUR, DAY):
        start, end = scene.first - margin, scene.anchor + margin
        if sum(start <= time <= end for time, _ in history(scene).starts) >= 5:
            return start, end
    return scene.first - DAY, scene.anchor + DAY


def _storm(scene: Scene) -> History:
    """The connections of the storm."""

    def load() -> History:
        start, end = _window(scene)
        log = history(scene)
        return History(
            [x for x in log.starts if start <= x[0] <= end],
            [x for x in log.drops if start <= x[0] <= end],
            [x for x in log.lives if start <= x[0] <= end and x[1] <= LONGEST_LIFE],
            [x for x in log.outages if start <= x[0] <= end],
            [x for x in log.planned if start <= x[0] <= end],
            [x for x in log.delays if start <= x[0] <= end and x[1] <= LONGEST_LIFE],
            [x for x in log.retries if start <= x[0] <= end],
        )

    found: History = scene.once("storm", load)
    return found


def _of(scene: Scene, value: float | None, records: Iterable[Record]) -> Reading | None:
    return None if value is None else Reading(value, scene.anchor, _sources(scene, "connections", records))


@measures("connection_life", "median life of at least four connections of the storm", unit="s", low=0)
def connection_life(scene: Scene) -> Reading | None:
    lives = _storm(scene).lives
    if len(lives) < FEWEST:
        return _told_seconds(
            scene, r"\b(connection|socket|link|websocket|ws) (mean |median |avg )?(life ?time|duration|life|age)\b"
        )
    return _of(scene, float(np.median([x[1] for x in lives])), [x[2] for x in lives])


@measures(
    "connection_life_variation",
    "relative spread of at least four connections' lives in the storm: half the distance of their 16th and 84th percentile "
    "over their median",
    unit="1",
    low=0,
)
def connection_life_variation(scene: Scene) -> Reading | None:
    lives = _storm(scene).lives
    return _of(scene, _variation([x[1] for x in lives]), [x[2] for x in lives])


@measures("reconnect_delay", "median time from drop to reconnect over at least four of the storm", unit="s", low=0)
def reconnect_delay(scene: Scene) -> Reading | None:
    delays = _storm(scene).delays
    if len(delays) < FEWEST:
        return _told_seconds(scene, r"\b(reconnect|retry|back ?off) (delay|interval|wait|gap)\b")
    return _of(scene, float(np.median([x[1] for x in delays])), [x[2] for x in delays])


@measures(
    "reconnect_delay_variation",
    "relative spread of at least four delays from drop to reconnect, as for lives; delays of less than a second count as one",
    unit="1",
    low=0,
)
def reconnect_delay_variation(scene: Scene) -> Reading | None:
    delays = _storm(scene).delays
    return _of(scene, _variation([max(1.0, x[1]) for x in delays]), [x[2] for x in delays])


@measures(
    "reconnect_delay_growth",
    "median ratio of each delay to the one before it over at least four ratios, where delays reach four times the least one; "
    "1 where they do not",
    unit="1",
    low=0,
)
def reconnect_delay_growth(scene: Scene) -> Reading | None:
    delays = _storm(scene).delays
    values = np.maximum(1.0, [x[1] for x in delays])
    if len(values) < FEWEST + 1:
        return None
    growth = float(np.median(values[1:] / values[:-1])) if values.max() >= 4 * values.min() else 1.0
    return _of(scene, growth, [x[2] for x in delays])


@measures("peak_reconnects", "most reconnects within any ten minutes of the storm", unit="1", low=0)
def peak_reconnects(scene: Scene) -> Reading | None:
    starts = _storm(scene).starts
    if len(starts) < 2:
        return None
    times = np.array([time for time, _ in starts])
    counts = np.searchsorted(times, times + 10 * MINUTE, "right") - np.arange(len(times))
    return _of(scene, float(counts.max()), [record for _, record in starts])


def _handshakes(scene: Scene) -> Any:
    start, end = _window(scene)
    return scene.readings("handshake_ms", table="connections").between(start, end).where(lambda v: v > 0)


@measures("backoff_stated_off", "whether a field of the payload states that the reconnect back-off is off", kind="flag")
def backoff_stated_off(scene: Scene) -> Reading | None:
    for path, value, source in scene.details():
        if not re.search(r"\bback ?off( enabled| active| state| mode| applied| working)?$", path):
            continue
        said = words_of(value) if isinstance(value, str) else value
        if said is False or said in ("off", "none", "no", "disabled", "false", "inactive", "0"):
            return Reading(True, scene.anchor, (source,))
        if said is True or said in ("on", "yes", "enabled", "exponential", "true", "active", "ok"):
            return Reading(False, scene.anchor, (source,))
    return None


@measures("handshake_duration", "median duration of at least three handshakes of the storm", unit="ms", low=0)
def handshake_duration(scene: Scene) -> Reading | None:
    found: Reading | None = _handshakes(scene).median(3)
    if found is not None:
        return found
    told = _told_seconds(scene, r"\bhandshake\b.*\b(ms|msec|s|sec|seconds|duration|time|latency)\b")
    if told is None:
        return None
    # a bare number is in milliseconds, as the field handshake_ms is
    value = float(told.value)
    return Reading(value * 1000.0 if value < 60 else value, told.at, told.sources)


@measures(
    "handshake_variation",
    "relative spread of at least four handshake durations of the storm, as for lives",
    unit="1",
    low=0,
)
def handshake_variation(scene: Scene) -> Reading | None:
    readings = _handshakes(scene)
    value = _variation([float(v) for v in readings.values])
    return None if value is None else readings.reading(value)


@measures(
    "handshake_rise_in_storm",
    "median handshake duration of the storm over the median of at least five handshakes before it",
    unit="1",
    low=0,
)
def handshake_rise_in_storm(scene: Scene) -> Reading | None:
    start, _ = _window(scene)
    readings = _handshakes(scene)
    before = scene.readings("handshake_ms", table="connections").before(start).where(lambda v: v > 0)
    if len(readings) < 3 or len(before) < 5:
        return None
    return readings.reading(float(np.median(readings.values) / np.median(before.values)))  # type: ignore[no-any-return]


@measures(
    "clean_close_share",
    "of at least three drops of the storm that say so, the share in percent closed by a closing handshake",
    unit="%",
    low=0,
    high=100,
)
def clean_close_share(scene: Scene) -> Reading | None:
    start, end = _window(scene)
    told = [
        r for r in scene.records("connections")
        if r.time is not None and start <= r.time <= end and r.fields.get("clean_close") is not None
    ]  # fmt: skip
    if len(told) < 3:
        return None
    return _of(scene, 100.0 * sum(bool(r.fields["clean_close"]) for r in told) / len(told), told)


@measures("usual_close_code", "the close code of more than half of at least three drops of the storm", unit="1", low=0)
def usual_close_code(scene: Scene) -> Reading | None:
    start, end = _window(scene)
    told = [
        r for r in scene.records("connections")
        if r.time is not None and start <= r.time <= end and (r.fields.get("close_code") or 0) >= 1000
    ]  # fmt: skip
    codes = [int(r.fields["close_code"]) for r in told]
    if len(codes) < 3:
        return _told_close_code(scene)
    usual = max(sorted(set(codes)), key=codes.count)
    return _of(scene, float(usual), told) if 2 * codes.count(usual) > len(codes) else None


@measures(
    "busiest_hours_share",
    "of at least ten drops over at least three days, the share in percent that falls into the busiest six hours of the day",
    unit="%",
    low=0,
    high=100,
)
def busiest_hours_share(scene: Scene) -> Reading | None:
    drops = [(t, r) for t, r in history(scene).drops if scene.anchor - 30 * DAY <= t <= scene.anchor + DAY]
    if len(drops) < 10 or len({int(t // DAY) for t, _ in drops}) < 3:
        return None
    hours = np.sort(np.array([t % DAY for t, _ in drops]))
    twice = np.concatenate([hours, hours + DAY])
    counts = np.searchsorted(twice, hours + 6 * HOUR, "right") - np.arange(len(hours))
    return _of(scene, 100.0 * float(counts.max()) / len(hours), [r for _, r in drops])


# Storms: traffic at the drop


def _busy(scene: Scene) -> list[tuple[float, float]]:
    """When the charger was charging within a day of the storm, from sessions and telemetry; merged intervals."""

    def load() -> list[tuple[float, float]]:
        start, end = _day(scene)
        spans = [
            (s.start, s.end)
            for s in scene.sessions(which="all")
            if s.end is not None and s.end >= start and s.start <= end
        ]
        words = scene.words("state", which="all").between(start, end)
        active = np.array([value in ("charging", "discharging") for value in words.values], dtype=bool)
        times = words.times[active] if len(words) else np.array([])
        spans.extend((float(t) - 15.0, float(t) + 15.0) for t in times)
        merged: list[tuple[float, float]] = []
        for low, high in sorted(spans):
            if merged and low <= merged[-1][1] + MINUTE:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return merged

    found: list[tuple[float, float]] = scene.once("busy", load)
    return found


def _day(scene: Scene) -> tuple[float, float]:
    """The day around the occurrences, long enough for storms to pause and come back."""
    return scene.first - DAY, scene.anchor + DAY


def _drops_of_day(scene: Scene) -> list[tuple[float, Record]]:
    start, end = _day(scene)
    return [x for x in history(scene).drops if start <= x[0] <= end]


def _drop_times(scene: Scene) -> list[float]:
    return [time for time, _ in _drops_of_day(scene)]


@measures(
    "pauses_while_charging",
    "times the storm paused while some connector was charging: spans of charging without a drop, longer than three median "
    "lives, with a drop in the quarter of an hour before and after",
    unit="1",
    low=0,
)
def pauses_while_charging(scene: Scene) -> Reading | None:
    drops = np.array(_drop_times(scene))
    lives = [x[1] for x in _storm(scene).lives]
    if len(drops) < 5 or len(lives) < FEWEST or not _busy(scene):
        return None
    least = 3 * float(np.median(lives))
    near = 15 * MINUTE
    number = sum(
        high - low > least
        and not ((drops >= low + 1) & (drops <= high - 1)).any()
        and bool(
            ((drops >= low - near) & (drops < low + 1)).any() and ((drops > high - 1) & (drops <= high + near)).any()
        )
        for low, high in _busy(scene)
    )
    sources = [
        s.source
        for s in scene.sessions(which="all")
        if s.end is not None and s.end >= drops[0] and s.start <= drops[-1]
    ]
    return Reading(float(number), scene.anchor, few(sources))


@measures(
    "drops_while_charging",
    "of at least five drops of the day around the storm, the share in percent during which some connector was charging; known where the "
    "records hold sessions or telemetry of that time",
    unit="%",
    low=0,
    high=100,
)
def drops_while_charging(scene: Scene) -> Reading | None:
    drops = _drop_times(scene)
    start, end = _day(scene)
    known = bool(_busy(scene)) or len(scene.words("state", which="all").between(start, end)) > 0
    if len(drops) < 5 or not known:
        return None
    hit = sum(any(low <= time <= high for low, high in _busy(scene)) for time in drops)
    return _of(scene, 100.0 * hit / len(drops), [record for _, record in _drops_of_day(scene)])


@measures(
    "charging_time_share",
    "share in percent of the time from the first to the last drop of that day in which some connector was charging; known from "
    "five drops on and where it charged at all",
    unit="%",
    low=0,
    high=100,
)
def charging_time_share(scene: Scene) -> Reading | None:
    drops = _drop_times(scene)
    if len(drops) < 5 or not _busy(scene) or drops[-1] <= drops[0]:
        return None
    covered = sum(max(0.0, min(high, drops[-1]) - max(low, drops[0])) for low, high in _busy(scene))
    sources = [
        s.source
        for s in scene.sessions(which="all")
        if s.end is not None and s.end >= drops[0] and s.start <= drops[-1]
    ]
    return Reading(min(100.0, 100.0 * covered / (drops[-1] - drops[0])), scene.anchor, few(sources))


def _quiet(scene: Scene) -> list[float]:
    """Seconds without telemetry, events or heartbeats before each drop, where any came since the connection was made."""

    def load() -> list[float]:
        traffic = [
            scene.observations[name].times[rows]
            for name in ("telemetry", "events", "heartbeats")
            if (rows := scene.observations[name].by_device.get(scene.device_id)) is not None
        ]
        if not traffic:
            return []
        times = np.sort(np.concatenate(traffic))
        found = []
        for ended, life, _ in _storm(scene).lives:
            place = int(np.searchsorted(times, ended - 0.5, "right"))
            if place and times[place - 1] > ended - life:
                found.append(float(ended - times[place - 1]))
        return found

    quiet: list[float] = scene.once("quiet", load)
    return quiet


@measures(
    "quiet_before_drop",
    "median time without telemetry, events or heartbeats before at least four drops of the storm",
    unit="s",
    low=0,
)
def quiet_before_drop(scene: Scene) -> Reading | None:
    quiet = _quiet(scene)
    return _of(scene, float(np.median(quiet)) if len(quiet) >= FEWEST else None, [x[2] for x in _storm(scene).lives])


@measures("quiet_before_drop_variation", "relative spread of those quiet times, as for lives", unit="1", low=0)
def quiet_before_drop_variation(scene: Scene) -> Reading | None:
    return _of(scene, _variation(_quiet(scene)), [x[2] for x in _storm(scene).lives])


# Storms: keep-alive


def _ping(scene: Scene, owner: str, device: str | None = None) -> Reading | None:
    """The newest configured WebSocket ping interval of the charger (`settings`) or the platform (`platform_settings`)."""
    column = scene.readings(f"{owner}.websocket_ping_interval_s", table="configurations", device=device).where(
        lambda v: v > 0
    )
    if device is None:
        earlier = column.between(float("-inf"), scene.anchor + DAY)
        column = earlier if len(earlier) else column
    return column.last()


@measures(
    "charger_ping_interval",
    "WebSocket ping interval set on the charger, by its newest configuration or the payload",
    unit="s",
    low=0,
)
def charger_ping_interval(scene: Scene) -> Reading | None:
    return _ping(scene, "settings") or _told_seconds(
        scene, r"\b(charger|device|local|client|station|evse|cp)\b.*\b(ping|keep ?alive)\b"
    )


@measures(
    "platform_ping_interval",
    "WebSocket ping interval the platform expects, by the newest configuration or the payload",
    unit="s",
    low=0,
)
def platform_ping_interval(scene: Scene) -> Reading | None:
    return _ping(scene, "platform_settings") or _told_seconds(
        scene, r"\b(platform|server|csms|backend|cloud|expected)\b.*\b(ping|keep ?alive)\b"
    )


@measures(
    "ping_interval_ratio",
    "the longer of the charger's and the platform's ping interval over the shorter",
    unit="1",
    low=1,
)
def ping_interval_ratio(scene: Scene) -> Reading | None:
    one, other = charger_ping_interval(scene), platform_ping_interval(scene)
    if one is None or other is None or not (float(one.value) > 0 and float(other.value) > 0):
        return None
    low, high = sorted((float(one.value), float(other.value)))
    return Reading(high / low, one.at, few([*one.sources, *other.sources]))


@measures(
    "keepalive_interval",
    "the ping interval that keeps the connection busy: the platform's, else the charger's",
    unit="s",
    low=0,
)
def keepalive_interval(scene: Scene) -> Reading | None:
    return platform_ping_interval(scene) or charger_ping_interval(scene)


@measures(
    "shortest_ping_interval",
    "the shorter of the charger's and the platform's ping interval, or the one that is known",
    unit="s",
    low=0,
)
def shortest_ping_interval(scene: Scene) -> Reading | None:
    known = [r for r in (charger_ping_interval(scene), platform_ping_interval(scene)) if r is not None]
    return min(known, key=lambda r: float(r.value), default=None)


@measures(
    "life_off_ping_interval",
    "how far the median life of at least four connections is from one, two or three times a ping interval of charger or "
    "platform, in percent of that multiple (the nearest)",
    unit="%",
    low=0,
)
def life_off_ping_interval(scene: Scene) -> Reading | None:
    life = connection_life(scene)
    pings = [
        r for r in (charger_ping_interval(scene), platform_ping_interval(scene)) if r is not None and float(r.value) > 0
    ]
    if life is None or not pings:
        return None
    off = [abs(float(life.value) / (times * float(p.value)) - 1) for p in pings for times in (1, 2, 3)]
    return Reading(100.0 * min(off), life.at, few([*life.sources, *(s for p in pings for s in p.sources)]))


def _nat_timeout(scene: Scene) -> Reading | None:
    """The idle timeout that was found (check nat-timeout) or that the payload tells."""
    for record in reversed(scene.records("check_results")):
        if words_of(str(record.fields["check_id"])) == "nat timeout":
            number = as_number(record.fields["value"])
            if number is not None and number > 0:
                return Reading(number, record.time, (scene.source("check_results", record),))
    return nat_timeout_told(scene)


@measures("nat_timeout_told", "idle timeout of a router, firewall or NAT that the payload tells", unit="s", low=0)
def nat_timeout_told(scene: Scene) -> Reading | None:
    return _told_seconds(
        scene,
        r"\b(nat|firewall|router|conntrack|gateway|idle)\b.*\btime ?out\b(?!.*\bcount\b)",
        r"\bidle (limit|close)\b.*\bs\b",
    )


@measures(
    "life_to_nat_timeout_ratio",
    "median life of at least four connections (or, where it is regular, the quiet time before drops) over the idle timeout "
    "found or told; the nearer to 1",
    unit="1",
    low=0,
)
def life_to_nat_timeout_ratio(scene: Scene) -> Reading | None:
    timeout = _nat_timeout(scene)
    found = [r for r in (connection_life(scene), quiet_before_drop(scene)) if r is not None]
    if timeout is None or float(timeout.value) <= 0 or not found:
        return None
    ratios = [(float(r.value) / float(timeout.value), r) for r in found]
    ratio, nearest = min(ratios, key=lambda pair: abs(pair[0] - 1))
    return Reading(ratio, nearest.at, few([*nearest.sources, *timeout.sources]))


# Storms: others


@dataclass(frozen=True, slots=True)
class Weather:
    """Whether another charger stormed at the same time."""

    device: Record
    stormy: bool


MANY_RECONNECTS = 5
"""Reconnects in the hours of the storm from which on another charger is counted as stormy (our judgement: near the
dictionary's five in ten minutes, which counts only the worst)."""


def _weather(scene: Scene, record: Record) -> Weather | None:
    device = record.fields["device_id"]
    start, end = _window(scene)
    if any(start - DAY <= time <= end + DAY for time in fault_times(scene, RECONNECT_STORM).get(device, [])):
        return Weather(record, True)
    log = history(scene, device)
    if log.starts or log.drops:
        number = sum(start <= time <= end for time, _ in log.starts)
        return Weather(record, number >= MANY_RECONNECTS) if number >= MANY_RECONNECTS or number <= 2 else None
    for name in ("heartbeats", "telemetry", "events"):
        table = scene.observations[name]
        rows = table.by_device.get(device)
        if rows is not None and ((table.times[rows] >= start) & (table.times[rows] <= end)).any():
            return Weather(record, False)
    if scene.about("status", record) == "online":
        since = _moment(scene, "online_since", record)
        if since is not None and since < scene.first - HOUR:
            return Weather(record, False)
    return None


def _weathers(scene: Scene) -> list[Weather]:
    def load() -> list[Weather]:
        near = list(scene.neighbours)
        known = {r.fields["device_id"] for r in near}
        far = [r for r in scene.others if r.fields["device_id"] not in known][:MAX_PEERS]
        return [w for record in [*near, *far] if (w := _weather(scene, record)) is not None]

    found: list[Weather] = scene.once("weathers", load)
    return found


def _weather_sources(weathers: Iterable[Weather]) -> tuple[Source, ...]:
    return few([Source("devices", w.device.index, None) for w in weathers])


def _count(scene: Scene, chosen: Sequence[Weather], known: Sequence[Weather]) -> Reading | None:
    if not known:
        return None
    sources = few([Source("devices", w.device.index, None) for w in chosen or known])
    return Reading(float(len(chosen)), scene.anchor, sources)


def _near(scene: Scene) -> list[Weather]:
    return [
        w for w in _weathers(scene) if scene.site_id is not None and w.device.fields.get("site_id") == scene.site_id
    ]


@measures(
    "site_peers_stormy",
    "other chargers of the site that reconnected five times or more in the hours of the storm, or reported F-0302",
    unit="1",
    low=0,
)
def site_peers_stormy(scene: Scene) -> Reading | None:
    near = _near(scene)
    return _count(scene, [w for w in near if w.stormy], near)


@measures(
    "site_peers_calm",
    "other chargers of the site that reach the platform the same way, as far as known, and kept their connections",
    unit="1",
    low=0,
)
def site_peers_calm(scene: Scene) -> Reading | None:
    own = _wired(scene, scene.device)
    near = _near(scene)
    calm = [w for w in near if not w.stormy and (own is None or _wired(scene, w.device) in (None, own))]
    return _count(scene, calm, near)


@measures(
    "site_peers_calm_on_cable",
    "other chargers of the site on ethernet or wifi that kept their connections, where this one is on cellular radio",
    unit="1",
    low=0,
)
def site_peers_calm_on_cable(scene: Scene) -> Reading | None:
    if scene.about("connectivity.type") != "cellular":
        return None
    cable = [w for w in _near(scene) if _wired(scene, w.device)]
    return _count(scene, [w for w in cable if not w.stormy], cable)


@measures(
    "stormy_sites",
    "distinct sites with chargers that stormed, its own included; known where other sites were observed",
    unit="1",
    low=0,
)
def stormy_sites(scene: Scene) -> Reading | None:
    far = [w for w in _weathers(scene) if w.device.fields.get("site_id") not in (None, scene.site_id)]
    if not far or scene.site_id is None:
        return None
    stormy = [w for w in far if w.stormy]
    return Reading(
        1.0 + len({w.device.fields.get("site_id") for w in stormy}), scene.anchor, _weather_sources(stormy or far)
    )


def _version(scene: Scene, record: Record | None = None) -> Any:
    return scene.about("firmware_version") if record is None else record.fields.get("firmware_version")


@measures(
    "stormy_sites_on_firmware",
    "distinct sites, its own included, with chargers on this firmware version that stormed",
    unit="1",
    low=0,
)
def stormy_sites_on_firmware(scene: Scene) -> Reading | None:
    version = _version(scene)
    if version is None or scene.site_id is None or not _weathers(scene):
        return None
    alike = [w for w in _weathers(scene) if w.stormy and _version(scene, w.device) == version]
    sites = {w.device.fields.get("site_id") for w in alike} - {None} | {scene.site_id}
    return Reading(
        float(len(sites)),
        scene.anchor,
        few([*_device_source(scene.device), *(Source("devices", w.device.index, None) for w in alike)]),
    )


@measures(
    "stormy_on_firmware",
    "other chargers on this firmware version that stormed; known where there are such chargers",
    unit="1",
    low=0,
)
def stormy_on_firmware(scene: Scene) -> Reading | None:
    version = _version(scene)
    alike = [w for w in _weathers(scene) if version is not None and _version(scene, w.device) == version]
    return _count(scene, [w for w in alike if w.stormy], alike)


@measures("calm_on_firmware", "other chargers on this firmware version that kept their connections", unit="1", low=0)
def calm_on_firmware(scene: Scene) -> Reading | None:
    version = _version(scene)
    alike = [w for w in _weathers(scene) if version is not None and _version(scene, w.device) == version]
    return _count(scene, [w for w in alike if not w.stormy], alike)


@measures(
    "stormy_on_other_firmware",
    "chargers on other firmware versions that stormed; known where there are such chargers",
    unit="1",
    low=0,
)
def stormy_on_other_firmware(scene: Scene) -> Reading | None:
    version = _version(scene)
    different = [
        w for w in _weathers(scene) if version is not None and _version(scene, w.device) not in (None, version)
    ]
    return _count(scene, [w for w in different if w.stormy], different)


@measures("calm_on_other_firmware", "chargers on other firmware versions that kept their connections", unit="1", low=0)
def calm_on_other_firmware(scene: Scene) -> Reading | None:
    version = _version(scene)
    different = [
        w for w in _weathers(scene) if version is not None and _version(scene, w.device) not in (None, version)
    ]
    return _count(scene, [w for w in different if not w.stormy], different)


@measures(
    "stormy_access_kinds",
    "kinds of access (cellular, wifi, ethernet) among the chargers on this firmware that stormed, its own included; known "
    "where at least one other stormed",
    unit="1",
    low=0,
)
def stormy_access_kinds(scene: Scene) -> Reading | None:
    version = _version(scene)
    alike = [w for w in _weathers(scene) if w.stormy and version is not None and _version(scene, w.device) == version]
    kinds = {scene.about("connectivity.type", w.device) for w in alike} | {scene.about("connectivity.type")}
    kinds.discard(None)
    if not alike or not kinds:
        return None
    return Reading(float(len(kinds)), scene.anchor, few([Source("devices", w.device.index, None) for w in alike]))


def _mismatched(scene: Scene, record: Record) -> bool | None:
    device = record.fields["device_id"]
    one, other = _ping(scene, "settings", device), _ping(scene, "platform_settings", device)
    return None if one is None or other is None else bool(one.value != other.value)


@measures(
    "mismatch_follows_storm",
    "of at least two other chargers whose ping intervals are known on both ends, the share in percent that storms exactly if "
    "they differ; known where both matching and differing ones, or stormy and calm ones, are among them",
    unit="%",
    low=0,
    high=100,
)
def mismatch_follows_storm(scene: Scene) -> Reading | None:
    known = [(w, m) for w in _weathers(scene) if (m := _mismatched(scene, w.device)) is not None]
    if len(known) < 2 or scene.device is None or len({(w.stormy, m) for w, m in known}) < 2:
        return None
    hits = sum(w.stormy == m for w, m in known)
    return Reading(
        100.0 * hits / len(known), scene.anchor, few([Source("devices", w.device.index, None) for w, _ in known])
    )


@measures(
    "differing_peers_calm",
    "other chargers with differing ping intervals that kept their connections; known where there are chargers with differing "
    "intervals",
    unit="1",
    low=0,
)
def differing_peers_calm(scene: Scene) -> Reading | None:
    known = [w for w in _weathers(scene) if _mismatched(scene, w.device)]
    return _count(scene, [w for w in known if not w.stormy], known)


@measures(
    "ping_off_calm_peers",
    "the charger's ping interval against the median of the other chargers' that kept their connections: the longer over the "
    "shorter",
    unit="1",
    low=1,
)
def ping_off_calm_peers(scene: Scene) -> Reading | None:
    own = _ping(scene, "settings")
    calm = [
        float(ping.value)
        for w in _weathers(scene)
        if not w.stormy and (ping := _ping(scene, "settings", w.device.fields["device_id"])) is not None
    ]
    if own is None or not calm:
        return None
    low, high = sorted((float(own.value), float(np.median(calm))))
    return Reading(high / low, own.at, own.sources)


@measures(
    "signal_above_calm_peers",
    "the charger's received signal less the median of the site's other chargers on radio that kept their connections",
    unit="dB",
)
def signal_above_calm_peers(scene: Scene) -> Reading | None:
    own = cellular_signal(scene)
    calm = [
        float(signal)
        for w in _near(scene)
        if not w.stormy
        and (signal := scene.about("connectivity.signal_strength_dbm", w.device)) is not None
        and scene.about("connectivity.type", w.device) in (None, "cellular")
    ]
    if own is None or not calm:
        return None
    return Reading(float(own.value) - float(np.median(calm)), own.at, own.sources)


# Storms: before and after


def _rates(scene: Scene, moment: float) -> tuple[float, float] | None:
    """Reconnects a day in the fortnight before a moment and from it on; None where the history does not reach both."""
    records = scene.records("connections")
    times = [time for time, _ in history(scene).starts]
    if not records or records[0].time is None:
        return None
    begin, end = max(records[0].time, moment - 14 * DAY), max(scene.as_of, scene.anchor)
    if moment - begin < HOUR or end - moment < 10 * MINUTE:
        return None
    before = sum(begin <= t < moment for t in times) * DAY / (moment - begin)
    after = sum(moment <= t <= end for t in times) * DAY / (end - moment)
    return before, after


@measures(
    "storm_rise_since_upgrade",
    "reconnects a day since the last firmware upgrade over those of the fortnight before it (at least one a day is assumed)",
    unit="1",
    low=0,
)
def storm_rise_since_upgrade(scene: Scene) -> Reading | None:
    done = [(time, source) for time, source in upgrades(scene) if time <= scene.anchor]
    rates = _rates(scene, max(done)[0]) if done else None
    return None if rates is None else Reading(rates[1] / max(1.0, rates[0]), max(done)[0], (max(done)[1],))


@measures(
    "storm_rise_since_push",
    "reconnects a day since the last configuration push over those of the fortnight before it (at least one a day is assumed)",
    unit="1",
    low=0,
)
def storm_rise_since_push(scene: Scene) -> Reading | None:
    pushes = []
    for record in scene.records("configurations"):
        moment = at_path(record.fields, "last_push.at")
        if moment is not None and epoch(moment) <= scene.anchor:
            pushes.append((epoch(moment), scene.source("configurations", record)))
    rates = _rates(scene, max(pushes)[0]) if pushes else None
    return None if rates is None else Reading(rates[1] / max(1.0, rates[0]), max(pushes)[0], (max(pushes)[1],))


@measures(
    "days_from_ping_change_to_storm",
    "days from the last change of a configured ping interval, on either end, to the first occurrence",
    unit="days",
    low=0,
)
def days_from_ping_change_to_storm(scene: Scene) -> Reading | None:
    found: list[tuple[float, tuple[Source, ...]]] = []
    for owner in ("settings", "platform_settings"):
        column = scene.readings(f"{owner}.websocket_ping_interval_s", table="configurations").between(
            float("-inf"), scene.first + HOUR
        )
        changed = np.nonzero(np.diff(column.values) != 0)[0] + 1
        if len(changed):
            place = int(changed[-1])
            found.append((float(column.times[place]), (column.source(place - 1), column.source(place))))
    if not found:
        return None
    time, sources = max(found)
    return Reading(max(0.0, scene.first - time) / DAY, time, sources)


def _newest_configuration(scene: Scene) -> Record | None:
    known = [r for r in scene.records("configurations") if r.time is not None and r.time <= scene.anchor + DAY]
    return known[-1] if known else None


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


@measures(
    "reconnects_after_restart",
    "reconnects from three minutes to an hour after the last completed restart within two days of the storm; known where the "
    "records reach an hour beyond it",
    unit="1",
    low=0,
)
def reconnects_after_restart(scene: Scene) -> Reading | None:
    done = [(time, source) for time, source in restarts(scene) if abs(time - scene.anchor) <= 2 * DAY]
    if not done or max(done)[0] + HOUR > max(scene.as_of, scene.anchor):
        return None
    time, source = max(done)
    after = [r for t, r in history(scene).starts if time + 3 * MINUTE <= t <= time + HOUR]
    return Reading(float(len(after)), time, (source, *_sources(scene, "connections", after)))


_OUTDOORS = re.compile(
    r"\b(motorway|highway|autobahn|services|service (area|station)|rest (area|stop)|outdoors?|lay ?by|rural|roadside|forecourt|remote|valley|petrol station|truck ?stop)\b"
)


def _place_words(scene: Scene) -> str:
    if scene.site is None:
        return ""
    parts = [scene.site.fields.get("name"), *(v for _, v in flat(scene.site.fields.get("location")))]
    return " ".join(words_of(part) for part in parts if isinstance(part, str))


@measures(
    "outdoor_words", "whether the site's name or location tells of a place outdoors or by a motorway", kind="flag"
)
def outdoor_words(scene: Scene) -> Reading | None:
    words = _place_words(scene)
    return Reading(bool(_OUTDOORS.search(words)), None, _site_source(scene)) if words else None


@measures(
    "storm_mention",
    "a topic of the fault's vocabulary in the payload, in connection reasons of the storm, in alarms and in command results",
    kind="text",
    many=True,
)
def storm_mention(scene: Scene) -> Iterable[Reading]:
    return scene.mentions(list(_storm_texts(scene)))


def _storm_texts(scene: Scene) -> Iterator[tuple[Source, Any]]:
    start, end = _window(scene)
    yield from scene.payload()
    for record in scene.records("connections"):
        if record.time is not None and start <= record.time <= end and record.fields.get("reason"):
            yield scene.source("connections", record), {"reason": record.fields["reason"]}
    for event in scene.events(which="all", start=start, end=end):
        if event.fields["event_type"] != "fault":
            yield scene.source("events", event), {"event": event.fields["event_type"], "data": event.fields.get("data")}
    for command in scene.records("commands"):
        if command.time is not None and start - DAY <= command.time <= end:
            yield scene.source("commands", command), {"result": command.fields.get("result")}


@measures(
    "refused_handshakes",
    "close codes 1012 and 1013 (restarting, try again later) among the storm's records, with attempts that "
    "failed while offline",
    unit="1",
    low=0,
)
def refused_handshakes(scene: Scene) -> Reading | None:
    start, end = _window(scene)
    told = [
        r for r in scene.records("connections")
        if r.time is not None and start <= r.time <= end and r.fields.get("close_code") in (1012, 1013)
    ]  # fmt: skip
    found = [*told, *(record for _, record in _storm(scene).retries)]
    return _of(scene, float(len(found)), found) if found else None
