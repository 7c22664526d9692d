"""The mismatch on other chargers: of the same push, of the same firmware and profile, with the same wrong hash."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from ....engine.facts import Source
from ...columns.arrays import Texts, texts_of
from ...columns.names import names_by
from ...observations import Floats, Table
from ...readings import DAY, MINUTE, Reading, few
from ...scene import Scene
from ..fleet import same_code_nearby
from ..registry import measures
from .pushes import is_push_name, push_before, pushes
from .snapshots import Snapshot, bare_id, latest_wrong, same_id, snapshots

RECENT = 7 * DAY
"""How far from the incident the mismatches of other chargers count as of the same time (runbooks look at seven days)."""

TOGETHER = 15 * MINUTE
"""How far apart two chargers may be pushed to in one rollout (our judgement: one run of a job)."""

MOST_COMPARED = 100
"""Chargers of one group that are compared, in order of their ids (our judgement: more change no count or share that a rule
asks for)."""


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

    def decide() -> dict[str, _Sign]:
        faults = same_code_nearby(scene, RECENT)
        found: dict[str, _Sign] = {}
        for device in _compared(scene, faults):
            shots = [shot for shot in snapshots(scene, device) if shot.matches is not None]
            told = [_Sign(shot.time, not shot.matches, shot.source) for shot in shots]
            told += [_Sign(fault.time, True, fault.source) for fault in faults.get(device, ())]
            told.sort(key=lambda sign: (sign.time, sign.wrong, sign.source))
            known = _at_incident(scene, told)
            if known:
                found[device] = known[-1]
        return found

    return scene.once(("configuration signs",), decide)


def _compared(scene: Scene, faults: Mapping[str, object]) -> list[str]:
    """The other chargers that are compared, in order: of each group that measurements ask for, the first ones.

    The groups are the site, the chargers pushed to about the same time, those of the same firmware version and expected
    profile, of the same firmware version, of other ones, those that run a configuration of the same hash, and those that
    reported the code.
    """
    version = scene.about("firmware_version")
    recorded = _recorded(scene)
    own = latest_wrong(scene)
    groups = [
        [d for d in scene.fleet.company(scene.device_id) if d in recorded.shots],
        _pushed_with(scene, recorded),
        recorded.by_firmware.get(version, []),
        recorded.by_profile.get(_profile_key(version, _wanted_profile(scene, scene.device_id)), []),
        recorded.off_firmware(version, MOST_COMPARED + 1),
        [] if own is None or own.running["hash"] is None else recorded.by_hash.get(own.running["hash"][:7], []),
        sorted(faults),
    ]
    chosen: set[str] = set()
    for group in groups:
        chosen.update(islice((device for device in group if device != scene.device_id), MOST_COMPARED))
    return sorted(chosen)


@dataclass(frozen=True)
class _Configured:
    """The chargers with configuration records: which, and by what they have in common, each group in order."""

    shots: Container[str]
    by_firmware: Mapping[str | None, Sequence[str]]
    by_profile: Mapping[str, Sequence[str]]
    by_hash: Mapping[str, Sequence[str]]
    pushed_at: Floats
    pushed: Texts

    def off_firmware(self, version: Any, most: int) -> list[str]:
        """The first chargers known to be on other firmware versions."""
        others = (devices[:most] for theirs, devices in self.by_firmware.items() if theirs not in (None, version))
        return sorted(device for devices in others for device in devices)[:most]

    def pushed_between(self, start: float, end: float) -> list[str]:
        """The chargers that were pushed to from start to end (epoch seconds), both included, in order."""
        low, high = self.pushed_at.searchsorted(start, "left"), self.pushed_at.searchsorted(end, "right")
        return sorted({device for device in self.pushed.between(int(low), int(high)) if device is not None})


def _recorded(scene: Scene) -> _Configured:
    return scene.fleet.once(("configured chargers",), lambda: _configured(scene))


def _configured(scene: Scene) -> _Configured:
    table = scene.fleet.observations["configurations"]
    firmware: dict[str | None, set[str]] = {}
    profiles: list[tuple[str, str]] = []
    hashes: list[tuple[str, str]] = []
    columns = (
        table.values(path) for path in ("device_id", "expected_config_profile_id", "expected_config", "running_config")
    )
    for device, profile, expected, running in zip(*columns, strict=True):
        version = _firmware_of(scene, device)
        firmware.setdefault(version, set()).add(device)
        for wanted in {_profile_name(profile, expected), bare_id(expected)} - {None}:
            profiles.append((_profile_key(version, wanted), device))
        name = bare_id(running)
        if name is not None:
            hashes.append((name[:7], device))
    pushes = sorted(_all_pushes(scene, table))
    return _Configured(
        table.by_device,
        {version: sorted(devices) for version, devices in firmware.items()},
        names_by(profiles),
        names_by(hashes),
        np.array([moment for moment, _ in pushes], dtype=np.float64),
        texts_of([device for _, device in pushes]),
    )


def _profile_key(version: str | None, profile: str | None) -> str:
    """What a firmware version and an expected profile are looked up by."""
    return f"{version or ''}\n{profile or ''}"


def _profile_name(profile: Any, expected: Any) -> str | None:
    """What a profile is known by that was expected: its id, else its hash."""
    return bare_id(profile) or bare_id(expected)


def _all_pushes(scene: Scene, configurations: Table) -> set[tuple[float, str]]:
    """When any charger was pushed to, by records and commands."""
    found: set[tuple[float, str]] = set()
    for path in ("last_push.at",):
        times = configurations.numbers(path)
        devices = configurations.values("device_id")
        found.update((float(times[row]), devices[row]) for row in np.flatnonzero(~np.isnan(times)).tolist())
    commands = scene.fleet.observations["commands"]
    for name, rows in scene.fleet.groups("commands", "command").items():
        if is_push_name(str(name)):
            created, updated = commands.numbers("created_at")[rows], commands.numbers("updated_at")[rows]
            times = np.where(np.isnan(created), updated, created)
            devices = commands.values("device_id")
            found.update((float(t), devices[row]) for t, row in zip(times, rows.tolist(), strict=True) if t == t)
    return found


def _pushed_with(scene: Scene, recorded: _Configured) -> list[str]:
    """The chargers that were pushed to within 15 minutes of this one, in order."""
    push = push_before(scene)
    if push is None or push.time is None:
        return []
    return recorded.pushed_between(push.time - TOGETHER, push.time + TOGETHER)


def _mismatched(scene: Scene) -> dict[str, bool]:
    """Whether each other charger's configuration was wrong at the incident, where a record or a fault says so."""
    return {device: sign.wrong for device, sign in _signs(scene).items()}


def _shots(scene: Scene, device: str) -> list[Snapshot]:
    """The configuration records of a charger at the incident and before."""
    return _at_incident(scene, snapshots(scene, device))


def _firmware_of(scene: Scene, device: str) -> Any:
    return scene.devices.value("firmware_version", device)


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
    moment, pushed = push.time, frozenset(_pushed_with(scene, _recorded(scene)))
    return [
        device
        for device in _mismatched(scene)
        if device in pushed
        and any(p.time is not None and abs(p.time - moment) <= TOGETHER for p in pushes(scene, device))
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
