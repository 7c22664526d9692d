"""Whether other chargers stormed at the same time: of the site, of other sites, on this firmware and on others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ...fleet.chargers import NONE
from ...observations import Floats, Record
from ...readings import DAY, HOUR, Reading, few, median
from ...scene import Scene
from ...storms import storm_times
from ..registry import measures
from .history import RECONNECT_STORM, fault_times, history, metadata_moment
from .keepalive import Owner, configured_ping
from .network import cellular_signal, reached_alike, uses_site_network
from .peers import MAX_PEERS, counted
from .storm import storm_window

OFTEN = 0.05
"""Share of the chargers elsewhere that storm from which on that says something of one's own storm (our judgement: in a fleet some
storm at any time, each for a reason of its own)."""

MANY_RECONNECTS = 5
"""Reconnects in the hours of the storm from which on another charger is counted as stormy (our judgement: near the
dictionary's five in ten minutes, which counts only the worst)."""

FEW_RECONNECTS = 2
"""Reconnects in those hours up to which another charger counts as calm (our judgement); between the two it is neither."""


LATELY = 7 * DAY
"""Before the storm, as the platform notes' cluster check looks back: what lies in the firmware shows on each charger when its own
connection drops."""


@dataclass(frozen=True, slots=True)
class Weather:
    """Whether another charger stormed, at the same time or lately."""

    device: Record
    stormy: bool


def _stormed(scene: Scene, record: Record) -> bool | None:
    """Whether another charger stormed at the same time; None where that cannot be told."""
    device = record.fields["device_id"]
    start, end = storm_window(scene)
    if any(start - DAY <= time <= end + DAY for time in fault_times(scene, RECONNECT_STORM).get(device, [])):
        return True
    told = _connection_times(scene, device)
    if len(told):
        if told.searchsorted(end, "right") - told.searchsorted(start, "left") <= FEW_RECONNECTS:
            return False  # whatever these records tell, each tells of one connection at most
        number = sum(start <= connection.time <= end for connection in history(scene, device).starts)
        return None if FEW_RECONNECTS < number < MANY_RECONNECTS else number >= MANY_RECONNECTS
    if _sent_within(scene, device, start, end):
        return False
    since = metadata_moment(scene, "online_since", record)
    kept = scene.about("status", record) == "online" and since is not None and since < scene.first - HOUR
    return False if kept else None


def _stormed_lately(scene: Scene, device: str) -> bool:
    """Whether another charger stormed in the days before, which shows what lies in its firmware as well."""
    start, end = scene.first - LATELY, storm_window(scene)[1]
    if any(start <= time <= end for time in fault_times(scene, RECONNECT_STORM).get(device, [])):
        return True
    return any(start <= time <= end for time in storm_times(scene.observations["connections"], device))


def _connection_times(scene: Scene, device: str) -> Floats:
    """When a charger's connection records came that name a transition, in time order."""
    table = scene.observations["connections"]
    rows = table.by_device.get(device, NONE)
    times = table.times[rows[~table.one_of("transition", (None,), rows)]]
    return times[~np.isnan(times)]


def _sent_within(scene: Scene, device: str, start: float, end: float) -> bool:
    """Whether a charger sent something between two moments; of another site's heartbeats and telemetry, by first and last."""
    near = scene.is_near(device)
    for name in ("heartbeats", "telemetry", "events") if near else ("events",):
        table = scene.observations[name]
        rows = table.by_device.get(device)
        if rows is not None and ((table.times[rows] >= start) & (table.times[rows] <= end)).any():
            return True
    if near:
        return False
    figures = scene.fleet.figures
    spans = [[figures.of(f"{name}_{end}", device) for end in ("from", "until")] for name in ("heartbeats", "telemetry")]
    return any(first is not None and last is not None and first <= end and last >= start for first, last in spans)


def _far_chargers(scene: Scene) -> list[Record]:
    """Chargers of other sites: the first ones on this firmware version, and the first ones of all others."""
    chargers = scene.fleet.chargers
    own = scene.about("firmware_version")
    alike = NONE if own is None else chargers.having("firmware_version", own)
    versions = chargers.column("firmware_version")
    others = (place for place in range(len(chargers)) if own is None or versions[place] != own)
    far = [islice(_not_near(scene, places), MAX_PEERS // 2) for places in (alike, others)]
    return chargers.records(sorted(place for places in far for place in places))


def _not_near(scene: Scene, places: Iterable[int]) -> Iterator[int]:
    ids = scene.fleet.chargers.ids
    return (place for place in map(int, places) if not scene.is_near(ids[place]))


def _weathers(scene: Scene) -> list[Weather]:
    """Which of the other chargers stormed, the site's first."""

    def load() -> list[Weather]:
        peers = (*scene.neighbours, *_far_chargers(scene))
        return [Weather(r, stormed) for r in peers if (stormed := _stormed(scene, r)) is not None]

    found: list[Weather] = scene.once("weathers", load)
    return found


def _devices(weathers: Sequence[Weather]) -> list[Record]:
    return [weather.device for weather in weathers]


def _count(scene: Scene, weathers: Sequence[Weather], *, stormy: bool) -> Reading | None:
    chosen = [w.device for w in weathers if w.stormy == stormy]
    return counted(scene, chosen, _devices(weathers), scene.anchor)


# The site and other sites


def _at_site(scene: Scene) -> list[Weather]:
    if scene.site_id is None:
        return []
    return [w for w in _weathers(scene) if w.device.fields.get("site_id") == scene.site_id]


@measures(
    "site_peers_stormy",
    "other chargers of the site that reconnected five times or more in the hours of the storm, or reported F-0302",
    unit="1",
    low=0,
)
def site_peers_stormy(scene: Scene) -> Reading | None:
    return _count(scene, _at_site(scene), stormy=True)


@measures(
    "site_peers_calm",
    "of the site's other chargers that reach the platform the same way, as far as both are known, those that kept their "
    "connections; known where such a charger was observed",
    unit="1",
    low=0,
)
def site_peers_calm(scene: Scene) -> Reading | None:
    return _count(scene, [w for w in _at_site(scene) if reached_alike(scene, w.device)], stormy=False)


@measures(
    "site_peers_calm_on_cable",
    "other chargers of the site on ethernet or wifi that kept their connections, where this one is on cellular radio",
    unit="1",
    low=0,
)
def site_peers_calm_on_cable(scene: Scene) -> Reading | None:
    if scene.about("connectivity.type") != "cellular":
        return None
    return _count(scene, [w for w in _at_site(scene) if uses_site_network(scene, w.device)], stormy=False)


def _far(scene: Scene, weathers: Iterable[Weather]) -> list[Weather]:
    """Those known to stand at other sites."""
    return [w for w in weathers if w.device.fields.get("site_id") not in (None, scene.site_id)]


def _stormy_share(weathers: Sequence[Weather]) -> float:
    return sum(w.stormy for w in weathers) / len(weathers)


def _share(scene: Scene, weathers: Sequence[Weather]) -> Reading | None:
    """The share that stormed, in percent; None where there are none."""
    if not weathers:
        return None
    shown = [w for w in weathers if w.stormy] or weathers
    return Reading(100.0 * _stormy_share(weathers), scene.anchor, scene.sources("devices", _devices(shown)))


@measures(
    "stormy_share_elsewhere",
    "share of the chargers at other sites that stormed",
    unit="%",
    low=0,
    high=100,
)
def stormy_share_elsewhere(scene: Scene) -> Reading | None:
    return _share(scene, _far(scene, _weathers(scene)))


@measures(
    "stormy_sites",
    "distinct sites with chargers that stormed, its own included; known where other sites were observed",
    unit="1",
    low=0,
)
def stormy_sites(scene: Scene) -> Reading | None:
    far = _far(scene, _weathers(scene))
    if not far or scene.site_id is None:
        return None
    stormy = [w.device for w in far if w.stormy]
    sites = {device.fields.get("site_id") for device in stormy}
    return Reading(1.0 + len(sites), scene.anchor, scene.sources("devices", stormy or _devices(far)))


# Firmware


def _by_firmware(scene: Scene, *, same: bool) -> list[Weather]:
    """The other chargers known to run this firmware version, or another; those that stormed lately among the stormy ones."""
    own = scene.about("firmware_version")

    def load() -> list[Weather]:
        versions = [(w, scene.about("firmware_version", w.device)) for w in _weathers(scene)]
        alike = (w for w, version in versions if version is not None and (version == own) == same)
        return [
            w if w.stormy else Weather(w.device, _stormed_lately(scene, w.device.fields["device_id"])) for w in alike
        ]

    found: list[Weather] = [] if own is None else scene.once(("weathers by firmware", same), load)
    return found


@measures(
    "stormy_sites_on_firmware",
    "distinct sites, its own included, with chargers on this firmware version that stormed within a week; known where others on it, of "
    "known sites, were observed",
    unit="1",
    low=0,
)
def stormy_sites_on_firmware(scene: Scene) -> Reading | None:
    alike = [w for w in _by_firmware(scene, same=True) if w.device.fields.get("site_id") is not None]
    if scene.device is None or scene.site_id is None or not alike:
        return None
    stormy = [w.device for w in alike if w.stormy]
    sites = {scene.site_id, *(device.fields["site_id"] for device in stormy)}
    return Reading(
        float(len(sites)), scene.anchor, scene.sources("devices", [scene.device, *(stormy or _devices(alike))])
    )


@measures(
    "stormy_on_firmware",
    "other chargers on this firmware version that stormed within a week; known where there are such chargers",
    unit="1",
    low=0,
)
def stormy_on_firmware(scene: Scene) -> Reading | None:
    return _count(scene, _by_firmware(scene, same=True), stormy=True)


@measures(
    "calm_on_firmware",
    "other chargers on this firmware version that kept their connections for a week",
    unit="1",
    low=0,
)
def calm_on_firmware(scene: Scene) -> Reading | None:
    return _count(scene, _by_firmware(scene, same=True), stormy=False)


@measures(
    "stormy_on_other_firmware",
    "chargers on other firmware versions that stormed within a week; known where there are such chargers",
    unit="1",
    low=0,
)
def stormy_on_other_firmware(scene: Scene) -> Reading | None:
    return _count(scene, _by_firmware(scene, same=False), stormy=True)


@measures(
    "calm_on_other_firmware",
    "chargers on other firmware versions that kept their connections for a week",
    unit="1",
    low=0,
)
def calm_on_other_firmware(scene: Scene) -> Reading | None:
    return _count(scene, _by_firmware(scene, same=False), stormy=False)


@measures(
    "stormy_share_elsewhere_on_firmware",
    "share of the chargers at other sites on this firmware version that stormed within a week",
    unit="%",
    low=0,
    high=100,
)
def stormy_share_elsewhere_on_firmware(scene: Scene) -> Reading | None:
    return _share(scene, _far(scene, _by_firmware(scene, same=True)))


@measures(
    "stormy_share_on_other_firmware",
    "share of the chargers on other firmware versions that stormed within a week",
    unit="%",
    low=0,
    high=100,
)
def stormy_share_on_other_firmware(scene: Scene) -> Reading | None:
    return _share(scene, _by_firmware(scene, same=False))


@measures(
    "storm_ratio_on_firmware",
    "share of the other chargers on this firmware version that stormed within a week over that of chargers on other versions, where half a "
    "charger is added to both numbers; known where both were observed",
    unit="1",
    low=0,
)
def storm_ratio_on_firmware(scene: Scene) -> Reading | None:
    alike, others = _by_firmware(scene, same=True), _by_firmware(scene, same=False)
    if not alike or not others:
        return None
    elsewhere = (sum(w.stormy for w in others) + 0.5) / (len(others) + 0.5)
    shown = [w for w in (*alike, *others) if w.stormy] or [*alike, *others]
    return Reading(_stormy_share(alike) / elsewhere, scene.anchor, scene.sources("devices", _devices(shown)))


@measures(
    "stormy_access_kinds",
    "kinds of access (cellular, wifi, ethernet) among the chargers on this firmware that stormed within a week, its own included; of other "
    "sites where one of twenty stormed or more; known where at least one other stormed whose access is known, as this one's is",
    unit="1",
    low=0,
)
def stormy_access_kinds(scene: Scene) -> Reading | None:
    own = scene.about("connectivity.type")
    alike = _by_firmware(scene, same=True)
    far = _far(scene, alike)
    if far and _stormy_share(far) < OFTEN:
        alike = [w for w in alike if w.device.fields.get("site_id") in (None, scene.site_id)]
    stormy = [
        (w.device, kind) for w in alike if w.stormy and (kind := scene.about("connectivity.type", w.device)) is not None
    ]
    if own is None or scene.device is None or not stormy:
        return None
    kinds = {own, *(kind for _, kind in stormy)}
    return Reading(float(len(kinds)), scene.anchor, scene.sources("devices", [scene.device, *(d for d, _ in stormy)]))


# Ping intervals and signal


def _ping_of(scene: Scene, owner: Owner, device: str) -> Reading | None:
    """The newest configured ping interval of another charger."""
    return scene.once_of(device, ("ping", owner), lambda: configured_ping(scene, owner, device))


def _pings_differ(scene: Scene, record: Record) -> bool | None:
    """Whether another charger's ping interval differs from the platform's for it; None where one is not known."""
    device = record.fields["device_id"]
    own, expected = _ping_of(scene, "settings", device), _ping_of(scene, "platform_settings", device)
    return None if own is None or expected is None else bool(own.value != expected.value)


@measures(
    "mismatch_follows_storm",
    "of the other chargers that storm or whose ping intervals differ on the two ends, the share in percent that does both; of those "
    "whose intervals are known on both ends, where there are at least two",
    unit="%",
    low=0,
    high=100,
)
def mismatch_follows_storm(scene: Scene) -> Reading | None:
    known = [(w, differ) for w in _weathers(scene) if (differ := _pings_differ(scene, w.device)) is not None]
    # those that are calm and agree are most of any fleet, whatever makes the others storm
    concerned = [(w, differ) for w, differ in known if w.stormy or differ]
    if len(known) < 2 or not concerned:
        return None
    both = sum(w.stormy and differ for w, differ in concerned)
    return Reading(100.0 * both / len(concerned), scene.anchor, scene.sources("devices", [w.device for w, _ in known]))


@measures(
    "differing_peers_calm",
    "other chargers with differing ping intervals that kept their connections; known where there are chargers with differing "
    "intervals",
    unit="1",
    low=0,
)
def differing_peers_calm(scene: Scene) -> Reading | None:
    return _count(scene, [w for w in _weathers(scene) if _pings_differ(scene, w.device)], stormy=False)


@measures(
    "ping_off_calm_peers",
    "the charger's ping interval against the median of the other chargers' that kept their connections: the longer over the "
    "shorter",
    unit="1",
    low=1,
)
def ping_off_calm_peers(scene: Scene) -> Reading | None:
    own = configured_ping(scene, "settings")
    calm = [
        ping
        for w in _weathers(scene)
        if not w.stormy and (ping := _ping_of(scene, "settings", w.device.fields["device_id"])) is not None
    ]
    if own is None or not calm:
        return None
    low, high = sorted((float(own.value), median([float(ping.value) for ping in calm])))
    return Reading(high / low, own.at, few([*own.sources, *(source for ping in calm for source in ping.sources)]))


@measures(
    "signal_above_calm_peers",
    "the charger's received signal less the median of the site's other chargers on radio that kept their connections",
    unit="dB",
)
def signal_above_calm_peers(scene: Scene) -> Reading | None:
    own = cellular_signal(scene)
    calm = [
        (w.device, float(signal))
        for w in _at_site(scene)
        if not w.stormy
        and (signal := scene.about("connectivity.signal_strength_dbm", w.device)) is not None
        and scene.about("connectivity.type", w.device) in (None, "cellular")
    ]
    if own is None or not calm:
        return None
    usual = median([signal for _, signal in calm])
    sources = few([*own.sources, *scene.sources("devices", [device for device, _ in calm])])
    return Reading(float(own.value) - usual, own.at, sources)
