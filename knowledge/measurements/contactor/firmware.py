"""Whether the code follows the firmware: chargers on this version and others, on the known issue, before and after upgrades."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import numpy as np

from ....engine.facts import Source
from ...firmware import in_range
from ...fleet.chargers import NONE
from ...observations import Rows
from ...readings import Reading, few
from ...scene import FaultEvent, Scene
from ..fleet import CLUSTER_WINDOW, in_use, reported, same_code_nearby, without_own
from ..registry import measures
from .service import last_upgrade
from .starts import charged

MOST_UPGRADED = 200
"""Chargers with the code whose upgrades are looked at (our judgement: more change nothing that a rule asks for)."""


def _seen_peers(scene: Scene, kind: Hashable, wanted: Callable[[Any], bool]) -> tuple[Rows, Rows]:
    """Other chargers of a kind of firmware versions that were in use within seven days, and those that reported the code."""

    def load() -> Rows:
        versions = scene.fleet.chargers.groups("firmware_version")
        return np.sort(np.concatenate([NONE, *(places for version, places in versions.items() if wanted(version))]))

    peers = without_own(scene, scene.fleet.once(("on firmware", kind), load))
    hit = reported(scene, peers)
    return peers[hit | in_use(scene, peers)], peers[hit]


def _code_rate(scene: Scene, on_this_firmware: bool) -> Reading | None:
    own = scene.about("firmware_version")
    if own is None:
        return None
    peers, hit = _seen_peers(scene, (own, on_this_firmware), lambda version: (version == own) == on_this_firmware)
    if len(peers) < 3:
        return None
    chosen = hit if len(hit) else peers
    return Reading(100.0 * len(hit) / len(peers), scene.anchor, scene.fleet.chargers.sources(chosen))


@measures(
    "code_rate_on_firmware",
    "of at least three other chargers on this charger's firmware seen within seven days, the share in percent that reported the code",
    unit="%",
    low=0,
    high=100,
)
def code_rate_on_firmware(scene: Scene) -> Reading | None:
    return _code_rate(scene, True)


@measures(
    "code_rate_off_firmware",
    "of at least three chargers on other firmware seen within seven days, the share in percent that reported the code",
    unit="%",
    low=0,
    high=100,
)
def code_rate_off_firmware(scene: Scene) -> Reading | None:
    return _code_rate(scene, False)


@measures(
    "devices_with_code_on_other_firmware",
    "chargers on other firmware versions that reported the code within seven days",
    unit="1",
    low=0,
)
def devices_with_code_on_other_firmware(scene: Scene) -> Reading | None:
    version = scene.about("firmware_version")
    chargers = scene.fleet.chargers
    if version is None or not set(chargers.ids[:2]) - {scene.device_id}:
        return None
    theirs = chargers.column("firmware_version")
    reporting = without_own(scene, chargers.places(same_code_nearby(scene, CLUSTER_WINDOW)))
    other = [place for place in reporting if theirs[place] not in (None, version)]
    return Reading(float(len(other)), scene.anchor, chargers.sources(other) or chargers.sources_beside(scene.device_id))


def _is_affected(scene: Scene, version: Any) -> bool | None:
    """Whether a version has the entry's firmware issue; None where that cannot be told."""
    issue = None if scene.entry is None else scene.entry.firmware_issue
    return None if issue is None else in_range(version, issue.from_, issue.to)


def _affected_reporting(scene: Scene) -> dict[str, FaultEvent]:
    """The first report of each affected charger within seven days; none where this one is not affected."""

    def load() -> dict[str, FaultEvent]:
        if not _is_affected(scene, scene.about("firmware_version")):
            return {}
        faults = same_code_nearby(scene, CLUSTER_WINDOW)
        version_of = partial(scene.fleet.chargers.value, "firmware_version")
        return {device: events[0] for device, events in faults.items() if _is_affected(scene, version_of(device))}

    return scene.once("affected chargers with the code", load)


@measures(
    "affected_devices_with_code",
    "chargers on a firmware with the known issue, itself included, that reported the code within seven days; known where it runs one of these",
    unit="1",
    low=0,
)
def affected_devices_with_code(scene: Scene) -> Reading | None:
    found = _affected_reporting(scene)
    return (
        Reading(float(len(found)), scene.anchor, few([report.source for report in found.values()])) if found else None
    )


@measures(
    "affected_sites_with_code",
    "distinct sites of the chargers on a firmware with the known issue that reported the code within seven days; known where it runs one of these",
    unit="1",
    low=0,
)
def affected_sites_with_code(scene: Scene) -> Reading | None:
    found = _affected_reporting(scene)
    sites = {scene.fleet.site_of(device) for device in found} - {None}
    return (
        Reading(float(len(sites)), scene.anchor, few([report.source for report in found.values()])) if sites else None
    )


@measures(
    "mended_peers_without_code",
    "chargers on firmware without the known issue that were in use within seven days and did not report the code, where "
    "none of them did; known where this charger runs an affected version",
    unit="1",
    low=0,
)
def mended_peers_without_code(scene: Scene) -> Reading | None:
    if not _is_affected(scene, scene.about("firmware_version")):
        return None
    seen, hit = _seen_peers(
        scene, ("mended", scene.incidence.code), lambda version: _is_affected(scene, version) is False
    )
    if len(hit) or not len(seen):
        return None
    return Reading(float(len(seen)), scene.anchor, scene.fleet.chargers.sources(seen))


def _others_with_code(scene: Scene) -> list[str]:
    """Other chargers that ever reported the code, in order; at most MOST_UPGRADED of them."""
    chargers = scene.fleet.chargers

    def load() -> list[str]:
        reported = {fault.device_id for fault in scene.faults("own")}
        return [chargers.ids[place] for place in chargers.places(reported)]

    reporting = scene.fleet.once(("with code", scene.incidence.code), load)
    return [device for device in reporting[: MOST_UPGRADED + 1] if device != scene.device_id][:MOST_UPGRADED]


def _peers_over_upgrade(scene: Scene) -> tuple[list[Source], list[Source]]:
    """Upgrades of other chargers that had failed before: those after which they did no longer, those after which they did."""

    def load() -> tuple[list[Source], list[Source]]:
        cured: list[Source] = []
        failing: list[Source] = []
        for device in _others_with_code(scene):
            faults = scene.faults("own", device=device)
            upgrade = scene.once_of(device, "last upgrade", partial(last_upgrade, scene, scene.as_of, device))
            if upgrade is None or not any(f.time < upgrade[0] for f in faults):
                continue
            if any(f.time > upgrade[0] for f in faults):
                failing.append(upgrade[1])
            elif sum(s.start > upgrade[0] and charged(s) for s in scene.sessions(device=device, which="all")) >= 3:
                cured.append(upgrade[1])
        return cured, failing

    return scene.once(("contactor-peers-upgraded",), load)


@measures(
    "peers_cured_by_upgrade",
    "other chargers that reported the code before a firmware upgrade and charged at least three times after it without the code",
    unit="1",
    low=0,
)
def peers_cured_by_upgrade(scene: Scene) -> Reading | None:
    cured, failing = _peers_over_upgrade(scene)
    return Reading(float(len(cured)), scene.anchor, few([*cured, *failing])) if cured or failing else None
