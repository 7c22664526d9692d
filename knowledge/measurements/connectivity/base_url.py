"""A change of the base URL: before or after the loss, connections since, and other chargers that were changed too."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from operator import itemgetter

import numpy as np

from ....engine.facts import Source
from ...observations import Record, epoch
from ...readings import DAY, HOUR, MINUTE, Reading
from ...scene import Scene
from ...texts import flat, words_of
from ..registry import measures
from .changes import latest_until
from .loss import connections_since, lost_at
from .peers import MAX_PEERS, Fate, counted, counted_share, fates_among, gone_since, heard_on_among, lost_among

_URL_WORDS = re.compile(r"\b(base url|url|endpoint|csms|backend host|host ?name|server address|fqdn|domain)\b")
_CHANGING_WORDS = re.compile(r"\b(set|change|update|configure|config|migrate|switch)")


def _url_changes(scene: Scene, device: str) -> list[tuple[float, Source]]:
    """When a charger's base URL was changed: by its configuration records, and by commands that set one."""

    def load() -> list[tuple[float, Source]]:
        found = []
        for record in scene.records("configurations", device=device):
            moment = record.fields.get("base_url_changed_at")
            if moment is not None:
                found.append((epoch(moment), scene.source("configurations", record)))
        for record in scene.records("commands", device=device):
            moment = record.fields.get("updated_at") or record.fields.get("created_at")
            if moment is not None and record.fields.get("status") not in ("failed", "rejected") and _sets_url(record):
                found.append((epoch(moment), scene.source("commands", record)))
        return sorted(found)

    changes: list[tuple[float, Source]] = scene.shared_once(("url changes", device), load)
    return changes


def _sets_url(command: Record) -> bool:
    params = [f"{path} {value}" for path, value in flat(command.fields.get("params")) if isinstance(value, str)]
    words = " ".join([words_of(command.fields["command"]), *params])
    return bool(_CHANGING_WORDS.search(words) and _URL_WORDS.search(words_of(words)))


def _last_url_change(scene: Scene) -> tuple[float, Source] | None:
    return latest_until(_url_changes(scene, scene.device_id), max(lost_at(scene), scene.anchor) + MINUTE)


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


@measures(
    "connections_since_base_url_change",
    "connections made from a minute after the last change of the base URL until the loss; known where the connection history "
    "reaches back before the change",
    unit="1",
    low=0,
)
def connections_since_base_url_change(scene: Scene) -> Reading | None:
    change = _last_url_change(scene)
    return None if change is None else connections_since(scene, change[0])


# Other chargers


def _all_changes(scene: Scene) -> list[tuple[float, str]]:
    """When the base URL of any charger was changed, by time."""

    def load() -> list[tuple[float, str]]:
        lists = scene.fleet.observations
        configurations, commands = lists["configurations"], lists["commands"]
        dated = np.flatnonzero(~np.isnan(configurations.numbers("base_url_changed_at")))
        devices = {configurations.values("device_id")[row] for row in dated.tolist()}
        devices.update(r.fields["device_id"] for r in commands.records if _sets_url(r))
        return sorted((time, device) for device in devices for time, _ in _url_changes(scene, device))

    return scene.fleet.once(("url changes",), load)


def _changed_alike(scene: Scene, moment: float) -> list[Record]:
    """The other chargers whose base URL was changed within a day of this one's, in order; of many the first ones."""
    changes = _all_changes(scene)
    near = changes[bisect_left(changes, (moment - DAY, "")) : bisect_right(changes, moment + DAY, key=itemgetter(0))]
    devices = sorted({device for _, device in near if device in scene.devices} - {scene.device_id})
    return [scene.devices[device] for device in devices[:MAX_PEERS]]


def _fates_of_changed(scene: Scene, moment: float) -> list[Fate]:
    return fates_among(scene, _changed_alike(scene, moment))


def _gone_of_changed(scene: Scene, moment: float) -> tuple[list[Record], list[Record]]:
    """Those of them that are offline since a moment after this one's change, and all of which that is known."""
    return scene.once(
        ("changed alike and gone", moment), lambda: gone_since(scene, _changed_alike(scene, moment), moment)
    )


@measures(
    "url_peers_lost",
    "other chargers whose base URL was changed within a day of this one's and that fell silent within five minutes of it",
    unit="1",
    low=0,
)
def url_peers_lost(scene: Scene) -> Reading | None:
    change = _last_url_change(scene)
    return None if change is None else lost_among(scene, _fates_of_changed(scene, change[0]))


@measures(
    "url_peers_heard_on",
    "other chargers whose base URL was changed within a day of this one's, that connected since and were heard on after it "
    "fell silent",
    unit="1",
    low=0,
)
def url_peers_heard_on(scene: Scene) -> Reading | None:
    change = _last_url_change(scene)
    return None if change is None else heard_on_among(scene, _fates_of_changed(scene, change[0]), change[0])


@measures(
    "url_peers_gone",
    "other chargers whose base URL was changed within a day of this one's and that are offline since a moment after it",
    unit="1",
    low=0,
)
def url_peers_gone(scene: Scene) -> Reading | None:
    change = _last_url_change(scene)
    return None if change is None else counted(scene, *_gone_of_changed(scene, change[0]), change[0])


@measures(
    "url_peers_gone_share",
    "of the other chargers whose base URL was changed within a day of this one's and of which it is known, the share in percent "
    "that is offline since a moment after it",
    unit="%",
    low=0,
    high=100,
)
def url_peers_gone_share(scene: Scene) -> Reading | None:
    change = _last_url_change(scene)
    return None if change is None else counted_share(scene, *_gone_of_changed(scene, change[0]), change[0])
