"""Measurements over the neighbours: the same code on a firmware, a site or a model."""

from __future__ import annotations

from collections.abc import Sequence

from ..readings import DAY, HOUR, Reading, few
from ..scene import FaultEvent, Scene
from .registry import measures

CLUSTER_WINDOW = 7 * DAY
"""Days within which the same code on several chargers is one cluster (runbook, firmware-cluster check)."""


def same_code_nearby(scene: Scene, window: float) -> dict[str, list[FaultEvent]]:
    """Fault events of the incident's code on any charger within so many seconds of the latest occurrence, by charger."""
    found: dict[str, list[FaultEvent]] = {}
    for fault in scene.faults("own"):
        if abs(fault.time - scene.anchor) <= window:
            found.setdefault(fault.device_id, []).append(fault)
    return found


def _count(scene: Scene, faults: dict[str, list[FaultEvent]], devices: Sequence[str]) -> Reading:
    events = [event for device in sorted(devices) for event in faults[device][:1]]
    return Reading(float(len(devices)), scene.anchor, few([event.source for event in events]))


def _cluster(scene: Scene) -> tuple[dict[str, list[FaultEvent]], list[str]]:
    """The chargers that reported the code within seven days, and those of them on this charger's firmware version."""
    faults = same_code_nearby(scene, CLUSTER_WINDOW)
    version = scene.about("firmware_version")
    return faults, [d for d in faults if scene.about("firmware_version", scene.devices.get(d)) == version]


@measures(
    "devices_with_code_on_firmware",
    "chargers on this charger's firmware version, itself included, that reported the code within seven days",
    unit="1",
    low=0,
)
def devices_with_code_on_firmware(scene: Scene) -> Reading | None:
    if scene.firmware is None:
        return None
    faults, alike = _cluster(scene)
    return _count(scene, faults, alike) if alike else None


@measures(
    "sites_with_code_on_firmware",
    "distinct sites of the chargers on this firmware version that reported the code within seven days",
    unit="1",
    low=0,
)
def sites_with_code_on_firmware(scene: Scene) -> Reading | None:
    if scene.firmware is None:
        return None
    faults, alike = _cluster(scene)
    sites = {scene.about("site_id", scene.devices.get(d)) for d in alike} - {None}
    if not sites:
        return None
    return Reading(float(len(sites)), scene.anchor, _count(scene, faults, alike).sources)


@measures(
    "firmware_peers_without_code_share",
    "of at least three other chargers on this firmware version, the share in percent that did not report the code within "
    "seven days although the bundle holds events, telemetry or charging records of them in that time",
    unit="%",
    low=0,
    high=100,
)
def firmware_peers_without_code_share(scene: Scene) -> Reading | None:
    version = scene.about("firmware_version")
    if version is None:
        return None
    faults = same_code_nearby(scene, CLUSTER_WINDOW)
    peers = [
        record
        for record in scene.others
        if scene.about("firmware_version", record) == version
        and was_observed(scene, record.fields["device_id"], CLUSTER_WINDOW)
    ]
    if len(peers) < 3:
        return None
    clean = [record for record in peers if record.fields["device_id"] not in faults]
    return Reading(100.0 * len(clean) / len(peers), scene.anchor, scene.sources("devices", peers))


def was_observed(scene: Scene, device: str, window: float) -> bool:
    """Whether events, telemetry or charging records of a charger lie within so many seconds of the latest occurrence."""
    for name in ("events", "telemetry", "charging_records"):
        table = scene.observations[name]
        rows = table.by_device.get(device)
        if rows is not None and (abs(table.times[rows] - scene.anchor) <= window).any():
            return True
    return False


@measures(
    "share_of_code_on_firmware",
    "of at least three chargers that reported the code within seven days and whose firmware is known, the share in percent "
    "that runs this charger's version",
    unit="%",
    low=0,
    high=100,
)
def share_of_code_on_firmware(scene: Scene) -> Reading | None:
    version = scene.about("firmware_version")
    faults = same_code_nearby(scene, CLUSTER_WINDOW)
    known = [d for d in faults if scene.about("firmware_version", scene.devices.get(d)) is not None]
    if version is None or len(known) < 3:
        return None
    alike = [d for d in known if scene.about("firmware_version", scene.devices.get(d)) == version]
    return Reading(100.0 * len(alike) / len(known), scene.anchor, _count(scene, faults, known).sources)


@measures(
    "site_peers_with_code",
    "other chargers of the site that reported the code within an hour of the latest occurrence; known where the site has "
    "other chargers in the bundle",
    unit="1",
    low=0,
)
def site_peers_with_code(scene: Scene) -> Reading | None:
    if not scene.neighbours:
        return None
    faults = same_code_nearby(scene, HOUR)
    hit = [r.fields["device_id"] for r in scene.neighbours if r.fields["device_id"] in faults]
    if not hit:
        return Reading(0.0, scene.anchor, scene.sources("devices", scene.neighbours))
    return _count(scene, faults, hit)


@measures(
    "other_connectors_with_code",
    "other connectors of this charger that reported the code within seven days of the latest occurrence; known where the "
    "charger has others",
    unit="1",
    low=0,
)
def other_connectors_with_code(scene: Scene) -> Reading | None:
    if scene.connector_id is None or not [c for c in scene.connectors() if c != scene.connector_id]:
        return None
    faults = [
        fault
        for fault in scene.faults("own", device=scene.device_id)
        if fault.connector_id not in (None, scene.connector_id) and abs(fault.time - scene.anchor) <= CLUSTER_WINDOW
    ]
    number = len({fault.connector_id for fault in faults})
    return Reading(
        float(number),
        scene.anchor,
        few([fault.source for fault in faults] or [f.source for f in scene.incidence.faults]),
    )
