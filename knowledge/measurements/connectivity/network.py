"""How the charger reaches the platform: the site's network, cable or radio, and how strong the radio's signal is."""

from __future__ import annotations

import re
from typing import Any

from ....engine.facts import Source
from ...observations import Record, at_path, epoch
from ...readings import DAY, HOUR, MINUTE, Reading, few, median
from ...scene import Scene
from ...texts import MAX_TEXT, as_number, flat, words_of
from ..registry import measures
from .history import logged
from .loss import back_at, lost_at

# The site


def _site_says(scene: Scene, path: str) -> Any:
    return None if scene.site is None else at_path(scene.site.fields, path)


def _site_source(scene: Scene) -> tuple[Source, ...]:
    return () if scene.site is None else (scene.source("sites", scene.site),)


@measures(
    "site_network_status", "the site's network as its record has it", kind="text", choices=("up", "down", "degraded")
)
def site_network_status(scene: Scene) -> Reading | None:
    status = _site_says(scene, "network.status")
    return None if status is None else Reading(status, None, _site_source(scene))


@measures(
    "minutes_from_network_change_to_loss",
    "minutes from the last change of the site network's status to the loss; negative where the change came after it",
    unit="min",
)
def minutes_from_network_change_to_loss(scene: Scene) -> Reading | None:
    since = _site_says(scene, "network.since")
    if since is None:
        return None
    return Reading((lost_at(scene) - epoch(since)) / MINUTE, epoch(since), _site_source(scene))


@measures(
    "minutes_from_network_change_to_return",
    "minutes from the last change of the site network's status to the charger's return, where it returned; negative where the change came "
    "after it",
    unit="min",
)
def minutes_from_network_change_to_return(scene: Scene) -> Reading | None:
    since, back = _site_says(scene, "network.since"), back_at(scene)
    if since is None or back is None:
        return None
    return Reading((back.time - epoch(since)) / MINUTE, epoch(since), few([*_site_source(scene), *back.sources]))


@measures(
    "site_network_status_undated",
    "the site's network as its record has it, where it does not say since when",
    kind="text",
    choices=("up", "down", "degraded"),
)
def site_network_status_undated(scene: Scene) -> Reading | None:
    return site_network_status(scene) if _site_says(scene, "network.since") is None else None


_OUTDOORS = re.compile(
    r"\b(motorway|highway|autobahn|services|service (area|station)|rest (area|stop)|outdoors?|lay ?by|rural|roadside|forecourt|remote|valley|petrol station|truck ?stop)\b"
)


@measures(
    "outdoor_words", "whether the site's name or location tells of a place outdoors or by a motorway", kind="flag"
)
def outdoor_words(scene: Scene) -> Reading | None:
    parts = [_site_says(scene, "name"), *(value for _, value in flat(_site_says(scene, "location")))]
    words = " ".join(words_of(part) for part in parts if isinstance(part, str))
    return Reading(bool(_OUTDOORS.search(words)), None, _site_source(scene)) if words else None


# Cable or radio


@measures(
    "connectivity_type", "how the charger reaches the platform", kind="text", choices=("cellular", "wifi", "ethernet")
)
def connectivity_type(scene: Scene) -> Reading | None:
    return scene.metadata("connectivity.type")


def uses_site_network(scene: Scene, device: Record | None) -> bool | None:
    """Whether a charger reaches the platform through the site's own network rather than a modem of its own."""
    kind = None if device is None else scene.about("connectivity.type", device)
    return None if kind is None else bool(kind != "cellular")


def reached_alike(scene: Scene, device: Record) -> bool:
    """Whether another charger reaches the platform as this one does, as far as both are known."""
    own, other = uses_site_network(scene, scene.device), uses_site_network(scene, device)
    return own is None or other is None or own == other


# Signal


_RSRP = re.compile(r"\brsrp\b")
_SIGNAL = re.compile(r"\b(rssi|dbm|signal( strength| level)?)\b")
_SIGNAL_IN_TEXT = re.compile(r"\b(rsrp|rssi|signal)\b[^\d\n-]{0,12}(-\d{2,3}(?:\.\d+)?)(?![\d-])", re.IGNORECASE)
_CONNECTION_FIELDS = ("timestamp", "device_id", "transition", "clean_close", "close_code", "handshake_ms", "reason")


def _told_signals(scene: Scene) -> list[tuple[str, float, Source]]:
    """Signal strengths in dBm that the payload or extra fields of connection records hold, with their key's words."""

    def load() -> list[tuple[str, float, Source]]:
        texts: list[tuple[Source, Any]] = list(scene.payload())
        for _, record in logged(scene, "connections", scene.first - DAY, scene.anchor + HOUR):
            extra = {key: value for key, value in record.raw.items() if key not in _CONNECTION_FIELDS}
            texts.append((scene.source("connections", record), extra))
        found = []
        for source, data in texts:
            for path, value in flat(data):
                if isinstance(value, str):
                    said = _SIGNAL_IN_TEXT.findall(value[:MAX_TEXT])
                    found += [(word.lower(), float(number), source) for word, number in said if float(number) >= -150.0]
                number = as_number(value)
                if number is not None and -150.0 <= number < -20.0 and (_RSRP.search(path) or _SIGNAL.search(path)):
                    found.append((path, number, source))
        return found

    signals: list[tuple[str, float, Source]] = scene.once("told signals", load)
    return signals


def _median_signal(scene: Scene, *, rsrp: bool) -> Reading | None:
    told = [(value, source) for path, value, source in _told_signals(scene) if bool(_RSRP.search(path)) == rsrp]
    if not told:
        return None
    return Reading(median([value for value, _ in told]), scene.anchor, few([source for _, source in told]))


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
    told = _median_signal(scene, rsrp=False)
    if told is not None:
        return told
    known = scene.metadata("connectivity.signal_strength_dbm")
    return known if known is not None and float(known.value) < 0 else None


@measures(
    "cellular_rsrp",
    "LTE reference signal power (RSRP) that payload or connection records tell, their median",
    unit="dBm",
    high=0,
)
def cellular_rsrp(scene: Scene) -> Reading | None:
    return _median_signal(scene, rsrp=True)
