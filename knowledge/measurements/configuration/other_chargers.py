"""The mismatch on other chargers: of the same push, of the same firmware and profile, with the same wrong hash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ....engine.facts import Source
from ...readings import DAY, MINUTE, Reading, few
from ...scene import Scene
from ..registry import measures
from .pushes import push_before, pushes
from .snapshots import Snapshot, latest_wrong, same_id, snapshots

RECENT = 7 * DAY
"""How far from the incident the mismatches of other chargers count as of the same time (runbooks look at seven days)."""


@dataclass(frozen=True)
class _Sign:
    """What says that another charger's configuration is wrong or right: a record of it, or a fault of the code."""

    time: float
    wrong: bool
    source: Source


Dated = TypeVar("Dated", Snapshot, _Sign)


def _at_incident(scene: Scene, dated: Sequence[Dated]) -> list[Dated]:
    """Those up to a day after the incident, as of this charger; where there are none, the first within a week after it."""
    known = [item for item in dated if item.time <= scene.anchor + DAY]
    return known or [item for item in dated if item.time <= scene.anchor + RECENT][:1]


def _signs(scene: Scene) -> dict[str, _Sign]:
    """The newest sign at the incident of each other charger; a fault counts within seven days."""

    def load() -> dict[str, list[_Sign]]:
        found: dict[str, list[_Sign]] = {}
        for device in sorted(scene.observations["configurations"].by_device):
            for shot in snapshots(scene, device):
                if shot.matches is not None:
                    found.setdefault(device, []).append(_Sign(shot.time, not shot.matches, shot.source))
        return found

    def decide() -> dict[str, _Sign]:
        signs = {device: list(told) for device, told in scene.shared_once(("configuration signs",), load).items()}
        for fault in scene.faults("own"):
            if abs(fault.time - scene.anchor) <= RECENT:
                signs.setdefault(fault.device_id, []).append(_Sign(fault.time, True, fault.source))
        signs.pop(scene.device_id, None)
        found: dict[str, _Sign] = {}
        for device, told in sorted(signs.items()):
            told.sort(key=lambda sign: (sign.time, sign.wrong, sign.source))
            known = _at_incident(scene, told)
            if known:
                found[device] = known[-1]
        return found

    return scene.once(("configuration signs",), decide)


def _mismatched(scene: Scene) -> dict[str, bool]:
    """Whether each other charger's configuration was wrong at the incident, where a record or a fault says so."""
    return {device: sign.wrong for device, sign in _signs(scene).items()}


def _shots(scene: Scene, device: str) -> list[Snapshot]:
    """The configuration records of a charger at the incident and before."""
    return _at_incident(scene, snapshots(scene, device))


def _firmware_of(scene: Scene, device: str) -> Any:
    return scene.about("firmware_version", scene.devices.get(device))


def _shown_by(scene: Scene, device: str) -> Source:
    """What shows another charger's state: its newest record where that says the same as a newer fault, which tells less."""
    sign, shots = _signs(scene)[device], _shots(scene, device)
    return shots[-1].source if shots and shots[-1].matches is (not sign.wrong) else sign.source


def _records_of(scene: Scene, devices: Iterable[str]) -> tuple[Source, ...]:
    """What shows the state of some chargers; of none, this charger's newest record, or its latest fault."""
    rows = [_shown_by(scene, device) for device in devices]
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
    "other chargers pushed within 15 minutes of this one whose configuration is wrong too",
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
    for shot in reversed(_shots(scene, device)):
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
    wrong = [shots[-1] for d, is_wrong in _mismatched(scene).items() if is_wrong and (shots := _shots(scene, d))]
    hashed = [other for other in wrong if other.running["hash"] is not None]
    alike = [other for other in hashed if same_id(other.running["hash"], shot.running["hash"])]
    sources = few([other.source for other in alike or hashed])
    return Reading(float(len(alike)), scene.anchor, sources) if hashed else None
