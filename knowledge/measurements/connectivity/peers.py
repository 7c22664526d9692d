"""What became of other chargers, of the site and elsewhere, at the moment of the loss: fell silent too, or heard on."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ...fleet.figures import OFFLINE_FROM
from ...observations import Floats, Record, epoch
from ...readings import DAY, MINUTE, Reading, median
from ...scene import Scene
from ..registry import measures
from .history import HEARTBEAT_LOST, beats_of, fault_times, heartbeat_interval, history, metadata_moment
from .loss import back_at, lost_at
from .network import reached_alike

TOGETHER = 5 * MINUTE
"""Chargers that fall silent within this of each other are counted as one event (our judgement: heartbeat intervals and
grace periods differ by minutes, separate faults by hours)."""

MAX_PEERS = 200
"""Chargers with something in common that are compared at most (our judgement: more change no count that a rule asks for)."""

MAX_FAR = 100
"""Chargers elsewhere whose fate is looked up at most (our judgement: enough for a share, and every incident asks)."""

MUCH_SOONER = 4.0
"""An outage that lasts less than the incident's by this factor is another event, a routine reconnect say (our judgement)."""


HEARD_LATER_S = 20.0
"""So long after a loss a sign of life is none from before it (our judgement: two clocks, and a message under way)."""

BEATS_ON = 3
"""Heartbeats after the loss by which another charger went through it, whatever ended them later (our judgement): an outage of the
site, or the end of what was recorded of it."""

FEWEST_BEATS = 5
"""Heartbeats from which on their distance is told from them (our judgement)."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of another charger at the moment of the loss: fell silent (and when), or was heard on."""

    device: Record
    lost: bool
    at: float | None


@dataclass(frozen=True, slots=True)
class _Traces:
    """What is known of a charger whichever loss it is asked for; times ascending, in epoch seconds.

    Silent it was by drops, faults F-0301, heartbeats that say offline, and metadata. `newest` is the newest record but
    those of its connection and heartbeats, minus infinity where there is none.
    """

    silences: Sequence[float]
    beats: Floats
    interval: float
    starts: Sequence[float]
    newest: float
    status: str | None
    offline_since: float | None


def _traces(scene: Scene, record: Record) -> _Traces:
    device = record.fields["device_id"]
    return scene.once_of(device, "traces", lambda: _traces_of(scene, device, record))


def _traces_of(scene: Scene, device: str, record: Record) -> _Traces:
    connections, beats = history(scene, device), _beats_of(scene, device)
    since = metadata_moment(scene, "offline_since", record)
    offline: list[float] = [] if since is None else [since]
    if scene.is_near(device):
        if device in scene.observations["heartbeats"].by_device:
            offline += scene.beats(device, offline=True).times.tolist()
    else:
        told = scene.fleet.figures.of(OFFLINE_FROM, device)
        offline += [] if told is None else [told]
    drops = [drop.time for drop in connections.drops]
    return _Traces(
        silences=sorted([*drops, *fault_times(scene, HEARTBEAT_LOST).get(device, []), *offline]),
        beats=beats,
        interval=_kept_interval(beats, heartbeat_interval(scene, device)),
        starts=[start.time for start in connections.starts],
        newest=_newest_record(scene, device),
        status=scene.about("status", record),
        offline_since=since,
    )


def _kept_interval(beats: Floats, configured: float) -> float:
    """How far apart a charger's heartbeats are kept: as configured, or farther where most are (a platform may keep some only)."""
    return max(configured, median(np.diff(beats))) if len(beats) >= FEWEST_BEATS else configured


def _newest_record(scene: Scene, device: str) -> float:
    told = scene.fleet.figures.of("telemetry_until", device)
    newest = [] if told is None else [told]
    for name in ("events", "charging_records"):
        table = scene.observations[name]
        rows = table.by_device.get(device)
        if rows is not None:
            newest.append(float(np.nanmax(table.times[rows], initial=0.0)))
    return max(newest, default=float("-inf"))


def _fate(scene: Scene, record: Record) -> Fate | None:
    traces = _traces(scene, record)
    silent_at = _silent_at_loss(scene, traces)
    if silent_at is not None:
        return Fate(record, True, silent_at)
    if traces.status == "offline":
        # silent since another time says nothing of this moment; since an unknown time, that it is down as well
        dated = traces.offline_since is not None
        return None if dated or len(traces.beats) else Fate(record, True, None)
    if _dropped_as_well(scene, traces):
        return None  # neither did it go through the loss, nor did it stay away as this one did
    return Fate(record, False, None) if _heard_after_loss(scene, traces) else None


def _dropped_as_well(scene: Scene, traces: _Traces) -> bool:
    """Whether another charger fell silent within a minute of this one, for however short a time."""
    lost = lost_at(scene)
    return bisect_left(traces.silences, lost - MINUTE) < bisect_right(traces.silences, lost + MINUTE)


def _silent_at_loss(scene: Scene, traces: _Traces) -> float | None:
    """When another charger fell silent, where that was together with this one."""
    lost = lost_at(scene)
    low, high = lost - TOGETHER, lost + TOGETHER
    told = traces.silences[bisect_left(traces.silences, low) : bisect_right(traces.silences, high)]
    together = [time for time in told if not _back_much_sooner(scene, traces, time)]
    if together:
        return min(together, key=lambda time: (abs(time - lost), time))
    # nothing says it outright: its heartbeats may have stopped
    beats = traces.beats
    place = int(beats.searchsorted(high, "right"))
    if not place or (last := float(beats[place - 1])) < low - traces.interval:
        return None
    if place - beats.searchsorted(lost + HEARD_LATER_S) >= BEATS_ON:
        return None
    until = scene.as_of if place == len(beats) else float(beats[place])
    return min(max(last, low), high) if until - last > 3 * traces.interval + 30 else None


def _back_much_sooner(scene: Scene, traces: _Traces, dropped: float) -> bool:
    """Whether another charger was back within minutes, while this one stayed away much longer."""
    place = bisect_right(traces.starts, dropped)
    if place == len(traces.starts):
        return False
    back = back_at(scene)
    own = (scene.as_of if back is None else back.time) - lost_at(scene)
    away = traces.starts[place] - dropped
    return away <= TOGETHER and away * MUCH_SOONER < own


def _heard_after_loss(scene: Scene, traces: _Traces) -> bool:
    """Whether another charger was heard after the loss; one shown online that sends no heartbeats counts as heard."""
    lost = lost_at(scene)
    if len(traces.beats) and traces.beats[-1] > lost + HEARD_LATER_S:
        return True
    if traces.starts and traces.starts[-1] > lost:
        return True
    return traces.newest > lost + MINUTE or (traces.status == "online" and not len(traces.beats))


def _beats_of(scene: Scene, device: str) -> Floats:
    """When a charger's heartbeats came; of chargers of other sites only the newest is known."""
    if scene.is_near(device):
        return beats_of(scene, device)
    last = scene.devices.value("last_heartbeat", device)
    told = [scene.fleet.figures.of("beat_until", device), None if last is None else epoch(last)]
    return np.unique(np.array([time for time in told if time is not None], dtype=np.float64))


def site_fates(scene: Scene) -> list[Fate]:
    """What became of the site's other chargers at the moment of the loss, as far as it is known."""

    def load() -> list[Fate]:
        return [fate for record in scene.neighbours if (fate := _fate(scene, record)) is not None]

    found: list[Fate] = scene.once("site fates", load)
    return found


def far_fates(scene: Scene) -> list[Fate]:
    """The same of chargers of other sites."""

    def load() -> list[Fate]:
        if scene.site_id is None:
            return []
        far = scene.devices.records(islice(scene.devices.differing("site_id", scene.site_id), MAX_FAR))
        return [fate for record in far if (fate := _fate(scene, record)) is not None]

    found: list[Fate] = scene.once("far fates", load)
    return found


def _unplaced_fates(scene: Scene) -> list[Fate]:
    """The same of chargers of which, as of this one, no site is known: logs and exports may name none."""

    def load() -> list[Fate]:
        if scene.site_id is not None:
            return []
        ids = scene.devices.ids
        unplaced = (
            place
            for place, site in enumerate(scene.devices.column("site_id"))
            if site is None and ids[place] != scene.device_id
        )
        others = scene.devices.records(islice(unplaced, MAX_FAR))
        return [fate for record in others if (fate := _fate(scene, record)) is not None]

    found: list[Fate] = scene.once("unplaced fates", load)
    return found


def fates_among(scene: Scene, chargers: Iterable[Record]) -> list[Fate]:
    """What became of some chargers of this site and of others."""

    def is_placed(record: Record) -> bool:
        site = record.fields.get("site_id")
        return scene.site_id is not None and site is not None

    return [fate for record in chargers if is_placed(record) and (fate := _fate(scene, record)) is not None]


# Counting them


def counted(scene: Scene, chosen: Sequence[Record], known: Sequence[Record], at: float) -> Reading | None:
    """How many of the chargers that are known were chosen; None where none is known."""
    return Reading(float(len(chosen)), at, scene.sources("devices", chosen or known)) if known else None


def counted_share(scene: Scene, chosen: Sequence[Record], known: Sequence[Record], at: float) -> Reading | None:
    """The share in percent of the chargers that are known that were chosen; None where none is known."""
    return Reading(100.0 * len(chosen) / len(known), at, scene.sources("devices", chosen or known)) if known else None


def lost_among(scene: Scene, fates: Sequence[Fate]) -> Reading | None:
    """How many of some chargers fell silent with this one."""
    return counted(scene, [f.device for f in fates if f.lost], _devices(fates), lost_at(scene))


def _lost_share(scene: Scene, fates: Sequence[Fate]) -> Reading | None:
    """The share in percent of some chargers that fell silent with this one."""
    return counted_share(scene, [f.device for f in fates if f.lost], _devices(fates), lost_at(scene))


def heard_on_among(scene: Scene, fates: Sequence[Fate], moment: float) -> Reading | None:
    """How many of some chargers were heard on and had connected since a moment: who holds an older connection proves nothing.

    One that was heard on is known where it is known when it connected.
    """
    told = [(fate, None if fate.lost else _connected_since(scene, fate.device, moment)) for fate in fates]
    alive = [fate.device for fate, connected in told if connected]
    known = [fate.device for fate, connected in told if fate.lost or connected is not None]
    return counted(scene, alive, known, lost_at(scene))


def gone_among(scene: Scene, devices: Sequence[Record], moment: float) -> Reading | None:
    """How many of some chargers are offline now and fell silent after a moment."""
    return counted(scene, *gone_since(scene, devices, moment), moment)


def gone_since(scene: Scene, devices: Iterable[Record], moment: float) -> tuple[list[Record], list[Record]]:
    """Those of some chargers that are offline now and fell silent after a moment, and all of which that is known."""
    return told_of(devices, lambda device: _offline_since(scene, device, moment))


def told_of(devices: Iterable[Record], is_so: Callable[[Record], bool | None]) -> tuple[list[Record], list[Record]]:
    """Those of some chargers of which something is so, and all of which it is known."""
    told = [(device, so) for device in devices if (so := is_so(device)) is not None]
    return [device for device, so in told if so], [device for device, _ in told]


def _devices(fates: Iterable[Fate]) -> list[Record]:
    return [fate.device for fate in fates]


def _connected_since(scene: Scene, record: Record, moment: float) -> bool | None:
    """Whether another charger connected after a moment; None where it is not known when it connected."""
    since = metadata_moment(scene, "online_since", record)
    made = [start.time for start in history(scene, record.fields["device_id"]).starts]
    times = made if since is None else [*made, since]
    return max(times) > moment if times else None


def _offline(scene: Scene, record: Record) -> bool | None:
    """Whether another charger is offline: by its status, else no where it was heard after the loss."""
    status = scene.about("status", record)
    if status is None:
        return False if _heard_after_loss(scene, _traces(scene, record)) else None
    return bool(status == "offline")


def _offline_since(scene: Scene, record: Record, moment: float) -> bool | None:
    """Whether another charger is offline and fell silent after a moment; None where that cannot be told."""
    offline = _offline(scene, record)
    if not offline:
        return offline
    since = metadata_moment(scene, "offline_since", record)
    if since is None:
        device = record.fields["device_id"]
        drops = history(scene, device).drops
        beats = _beats_of(scene, device)
        since = drops[-1].time if drops else float(beats[-1]) if len(beats) else None
    return None if since is None else since >= moment - TOGETHER


def gone_within_a_day(scene: Scene, record: Record) -> bool | None:
    """Whether another charger is offline since a moment within a day of the loss; None where that cannot be told."""
    offline = _offline(scene, record)
    if not offline:
        return offline
    device = record.fields["device_id"]
    moments = [
        metadata_moment(scene, "offline_since", record),
        metadata_moment(scene, "last_heartbeat", record),
        *(drop.time for drop in history(scene, device).drops[-1:]),
        *_beats_of(scene, device)[-1:],
    ]
    known = [moment for moment in moments if moment is not None]
    return any(abs(moment - lost_at(scene)) <= DAY for moment in known) if known else None


@measures(
    "site_peers_lost_together",
    "other chargers of the site that fell silent within five minutes of this one, or are offline since an unknown time; "
    "known where the fate of at least one is",
    unit="1",
    low=0,
)
def site_peers_lost_together(scene: Scene) -> Reading | None:
    return lost_among(scene, site_fates(scene))


@measures(
    "site_peers_lost_share",
    "of the site's other chargers whose fate is known, the share in percent that fell silent within five minutes of this one, "
    "or is offline since an unknown time",
    unit="%",
    low=0,
    high=100,
)
def site_peers_lost_share(scene: Scene) -> Reading | None:
    return _lost_share(scene, site_fates(scene))


@measures(
    "site_peers_heard_on",
    "of the site's other chargers that reach the platform the same way (site network, or a modem of their own), as far as both "
    "are known, those that were heard on after this one fell silent; known where the fate of at least one is",
    unit="1",
    low=0,
)
def site_peers_heard_on(scene: Scene) -> Reading | None:
    alike = [fate for fate in site_fates(scene) if reached_alike(scene, fate.device)]
    return counted(scene, [fate.device for fate in alike if not fate.lost], _devices(alike), lost_at(scene))


@measures(
    "site_loss_spread",
    "seconds between the first and the last loss of this charger and the site's others that fell silent within five minutes",
    unit="s",
    low=0,
)
def site_loss_spread(scene: Scene) -> Reading | None:
    lost = [(fate.device, fate.at) for fate in site_fates(scene) if fate.lost and fate.at is not None]
    if not lost:
        return None
    times = [lost_at(scene), *(at for _, at in lost)]
    return Reading(max(times) - min(times), lost_at(scene), scene.sources("devices", [device for device, _ in lost]))


AT_ONCE = 10.0
"""Seconds within which chargers fall silent that lose one and the same thing (our judgement: a router's end closes all connections at
once, and servers tell of each within seconds)."""


@measures(
    "unplaced_chargers_lost_at_once",
    "where no site is known of this charger: others of which none is known either that fell silent within ten seconds of it; known where "
    "the fate of at least one is",
    unit="1",
    low=0,
)
def unplaced_chargers_lost_at_once(scene: Scene) -> Reading | None:
    fates = _unplaced_fates(scene)
    lost = [f.device for f in fates if f.lost and f.at is not None and abs(f.at - lost_at(scene)) <= AT_ONCE]
    return counted(scene, lost, _devices(fates), lost_at(scene))


@measures(
    "unplaced_chargers_heard_on",
    "of those others the ones that were heard on after it fell silent",
    unit="1",
    low=0,
)
def unplaced_chargers_heard_on(scene: Scene) -> Reading | None:
    fates = _unplaced_fates(scene)
    return counted(scene, [f.device for f in fates if not f.lost], _devices(fates), lost_at(scene))


def _dated_far_fates(scene: Scene) -> list[Fate]:
    """The fates of chargers of other sites; unlike the site's, one silent since an unknown time says nothing."""
    return [fate for fate in far_fates(scene) if not fate.lost or fate.at is not None]


@measures(
    "far_chargers_lost_together",
    "chargers of other sites that fell silent within five minutes of this one; known where the fate of at least one is",
    unit="1",
    low=0,
)
def far_chargers_lost_together(scene: Scene) -> Reading | None:
    return lost_among(scene, _dated_far_fates(scene))


@measures(
    "far_chargers_lost_share",
    "of the chargers of other sites whose fate is known, the share in percent that fell silent within five minutes of this one",
    unit="%",
    low=0,
    high=100,
)
def far_chargers_lost_share(scene: Scene) -> Reading | None:
    return _lost_share(scene, _dated_far_fates(scene))
