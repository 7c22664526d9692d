"""Whether the code follows the firmware: chargers on this version and others, on the known issue, before and after upgrades."""

from __future__ import annotations

from collections.abc import Callable

from ....engine.facts import Source
from ...firmware import in_range
from ...observations import Record
from ...readings import Reading, few
from ...scene import FaultEvent, Scene
from ..fleet import CLUSTER_WINDOW, same_code_nearby, was_observed
from ..registry import measures
from .service import last_upgrade
from .starts import charged


def _seen_peers(scene: Scene, wanted: Callable[[Record], bool]) -> tuple[list[Record], list[Record]]:
    """Other chargers of a kind that were in use within seven days, and those of them that reported the code."""
    faults = same_code_nearby(scene, CLUSTER_WINDOW)
    seen = [
        r
        for r in scene.others[:500]
        if wanted(r) and (r.fields["device_id"] in faults or was_observed(scene, r.fields["device_id"], CLUSTER_WINDOW))
    ]
    return seen, [r for r in seen if r.fields["device_id"] in faults]


def _code_rate(scene: Scene, on_this_firmware: bool) -> Reading | None:
    version = scene.about("firmware_version")
    if version is None:
        return None

    def wanted(charger: Record) -> bool:
        theirs = scene.about("firmware_version", charger)
        return theirs is not None and (theirs == version) == on_this_firmware

    peers, hit = _seen_peers(scene, wanted)
    if len(peers) < 3:
        return None
    return Reading(100.0 * len(hit) / len(peers), scene.anchor, scene.sources("devices", hit or peers))


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
    if version is None or not scene.others:
        return None
    faults = same_code_nearby(scene, CLUSTER_WINDOW)
    reporting = [r for r in scene.others if r.fields["device_id"] in faults]
    other = [r for r in reporting if scene.about("firmware_version", r) not in (None, version)]
    return Reading(float(len(other)), scene.anchor, scene.sources("devices", other or scene.others))


def _is_affected(scene: Scene, charger: Record | None) -> bool | None:
    """Whether a charger runs a version with the entry's firmware issue; None where that cannot be told."""
    issue = None if scene.entry is None else scene.entry.firmware_issue
    if issue is None or charger is None:
        return None
    return in_range(charger.fields.get("firmware_version"), issue.from_, issue.to)


def _affected_reporting(scene: Scene) -> dict[str, FaultEvent]:
    """The first report of each affected charger within seven days; none where this one is not affected."""
    if not _is_affected(scene, scene.device):
        return {}
    faults = same_code_nearby(scene, CLUSTER_WINDOW)
    return {device: events[0] for device, events in faults.items() if _is_affected(scene, scene.devices.get(device))}


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
    sites = {scene.about("site_id", scene.devices.get(device)) for device in found} - {None}
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
    if not _is_affected(scene, scene.device):
        return None
    seen, hit = _seen_peers(scene, lambda charger: _is_affected(scene, charger) is False)
    return Reading(float(len(seen)), scene.anchor, scene.sources("devices", seen)) if seen and not hit else None


def _peers_over_upgrade(scene: Scene) -> tuple[list[Source], list[Source]]:
    """Upgrades of other chargers that had failed before: those after which they did no longer, those after which they did."""

    def load() -> tuple[list[Source], list[Source]]:
        cured: list[Source] = []
        failing: list[Source] = []
        for record in scene.others[:200]:
            device = record.fields["device_id"]
            faults = scene.faults("own", device=device)
            upgrade = last_upgrade(scene, scene.as_of, device) if faults else None
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
