"""The mismatch on other chargers: of the same push, of the same firmware and profile, with the same wrong hash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ....engine.facts import Source
from ...readings import DAY, MINUTE, Reading, few
from ...scene import Scene
from ..registry import measures
from .pushes import push_before, pushes
from .snapshots import latest_wrong, same_id, snapshots

RECENT = 7 * DAY
"""How far back the mismatches of other chargers count as of the same time (runbooks look at seven days)."""


def _mismatched(scene: Scene) -> dict[str, bool]:
    """Whether each other charger's configuration is wrong, where its newest record or a fault of the code says so."""

    def load() -> dict[str, bool]:
        found: dict[str, bool] = {}
        for device in sorted(scene.observations["configurations"].by_device):
            known = [s for s in snapshots(scene, device) if s.matches is not None]
            if known:
                found[device] = known[-1].matches is False
        return found

    def with_faults() -> dict[str, bool]:
        found = dict(scene.shared_once(("mismatched",), load))
        found.update({f.device_id: True for f in scene.faults("own") if abs(f.time - scene.anchor) <= RECENT})
        found.pop(scene.device_id, None)
        return dict(sorted(found.items()))

    return scene.once(("mismatched",), with_faults)


def _firmware_of(scene: Scene, device: str) -> Any:
    return scene.about("firmware_version", scene.devices.get(device))


def _records_of(scene: Scene, devices: Iterable[str]) -> tuple[Source, ...]:
    """The newest configuration records of some chargers; where they have none, this charger's, or its latest fault."""
    rows = [shots[-1].source for device in devices if (shots := snapshots(scene, device))]
    own = [s.source for s in snapshots(scene)[-1:]] or [f.source for f in scene.incidence.faults[-1:]]
    return few(rows or own)


def _count(scene: Scene, devices: Sequence[str]) -> Reading:
    return Reading(float(len(devices)), scene.anchor, _records_of(scene, devices))


def _count_among(scene: Scene, devices: Sequence[str], *, wrong: bool) -> Reading | None:
    """How many of some chargers have a wrong (or a right) configuration; None of none."""
    states = _mismatched(scene)
    return _count(scene, [d for d in devices if states[d] is wrong]) if devices else None


def _same_push(scene: Scene) -> list[str]:
    """Other chargers that were pushed to within 15 minutes of this one."""
    push = push_before(scene)
    if push is None or push.time is None:
        return []
    moment = push.time
    return [
        device
        for device in _mismatched(scene)
        if any(p.time is not None and abs(p.time - moment) <= 15 * MINUTE for p in pushes(scene, device))
    ]


@measures(
    "same_push_chargers_mismatched",
    "other chargers pushed within 15 minutes of this one whose configuration is wrong now too",
    unit="1",
    low=0,
)
def same_push_chargers_mismatched(scene: Scene) -> Reading | None:
    return _count_among(scene, _same_push(scene), wrong=True)


@measures(
    "same_push_chargers_matched",
    "other chargers pushed within 15 minutes of this one whose configuration is right",
    unit="1",
    low=0,
)
def same_push_chargers_matched(scene: Scene) -> Reading | None:
    return _count_among(scene, _same_push(scene), wrong=False)


@measures(
    "same_push_firmwares_mismatched",
    "distinct firmware versions among this charger and those of the same push whose configuration is wrong",
    unit="1",
    low=0,
)
def same_push_firmwares_mismatched(scene: Scene) -> Reading | None:
    alike = [d for d in _same_push(scene) if _mismatched(scene)[d]]
    versions = {_firmware_of(scene, d) for d in (*alike, scene.device_id)}
    if not alike or None in versions:
        return None
    return Reading(float(len(versions)), scene.anchor, _records_of(scene, alike))


def _wanted_profile(scene: Scene, device: str) -> str | None:
    for shot in reversed(snapshots(scene, device)):
        if shot.expected["id"] is not None or shot.expected["hash"] is not None:
            return str(shot.expected["id"] or shot.expected["hash"])
    return None


def _twins(scene: Scene) -> list[str]:
    """Other chargers of the same firmware version and the same expected profile."""
    version, profile = scene.about("firmware_version"), _wanted_profile(scene, scene.device_id)
    if version is None or profile is None:
        return []
    return [
        device
        for device in _mismatched(scene)
        if _firmware_of(scene, device) == version and _wanted_profile(scene, device) == profile
    ]


@measures(
    "twin_chargers_matched",
    "other chargers of the same firmware version and the same expected profile whose configuration is right",
    unit="1",
    low=0,
)
def twin_chargers_matched(scene: Scene) -> Reading | None:
    return _count_among(scene, _twins(scene), wrong=False)


@measures(
    "twin_chargers_mismatched",
    "other chargers of the same firmware version and the same expected profile whose configuration is wrong too",
    unit="1",
    low=0,
)
def twin_chargers_mismatched(scene: Scene) -> Reading | None:
    return _count_among(scene, _twins(scene), wrong=True)


@measures(
    "mismatch_share_on_firmware",
    "of at least three chargers of this firmware version (itself included) whose configuration is compared, the share in "
    "percent that is wrong",
    unit="%",
    low=0,
    high=100,
)
def mismatch_share_on_firmware(scene: Scene) -> Reading | None:
    version = scene.about("firmware_version")
    alike = {d: wrong for d, wrong in _mismatched(scene).items() if _firmware_of(scene, d) == version}
    if version is None or len(alike) < 2:
        return None
    share_wrong = 100.0 * (1 + sum(alike.values())) / (1 + len(alike))
    return Reading(share_wrong, scene.anchor, _records_of(scene, alike))


@measures(
    "mismatch_share_off_firmware",
    "of at least two chargers of other firmware versions whose configuration is compared, the share in percent that is wrong",
    unit="%",
    low=0,
    high=100,
)
def mismatch_share_off_firmware(scene: Scene) -> Reading | None:
    version = scene.about("firmware_version")
    others = {d: wrong for d, wrong in _mismatched(scene).items() if _firmware_of(scene, d) not in (None, version)}
    if version is None or len(others) < 2:
        return None
    return Reading(100.0 * sum(others.values()) / len(others), scene.anchor, _records_of(scene, others))


@measures(
    "chargers_running_same_wrong_hash",
    "other chargers whose wrong running configuration has the same hash as this charger's wrong one",
    unit="1",
    low=0,
)
def chargers_running_same_wrong_hash(scene: Scene) -> Reading | None:
    shot = latest_wrong(scene)
    if shot is None or shot.running["hash"] is None:
        return None
    hashes = {
        device: shots[-1].running["hash"]
        for device, wrong in _mismatched(scene).items()
        if wrong and (shots := snapshots(scene, device)) and shots[-1].running["hash"] is not None
    }
    alike = [device for device, runs in hashes.items() if same_id(runs, shot.running["hash"])]
    return _count(scene, alike) if hashes else None
