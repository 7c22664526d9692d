"""Which side changed: what runs and what is expected, before the mismatch and now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...readings import Reading, few
from ...scene import Scene
from ..registry import measures
from .onset import onset
from .payload import detail_text
from .pushes import BROKEN, pushes
from .snapshots import IDENTITIES, SETTINGS, bare_id, latest_wrong, same_id, snapshots


def _same(key: str, one: Any, two: Any) -> bool:
    """Whether two values of one key are the same; of hashes one may be the shortened form of the other."""
    return same_id(one, two) if key == "hash" else bool(one == two)


def _differ(first: Mapping[str, Any], second: Mapping[str, Any], keys: Iterable[str]) -> bool:
    """Whether two states of one side differ in one of the keys that both know."""
    return any(first[k] is not None and second[k] is not None and not _same(k, first[k], second[k]) for k in keys)


def _changed(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether one side changed between two snapshots; settings tell only where the hash does not."""
    hashed = first["hash"] is not None and second["hash"] is not None
    return _differ(first, second, IDENTITIES if hashed else (*IDENTITIES, *SETTINGS))


@measures(
    "side_changed_with_mismatch",
    "which side changed between the last configuration seen right and the first seen wrong: running (hash, profile or "
    "settings), expected, or both",
    kind="text",
    choices=("running", "expected", "both"),
)
def side_changed_with_mismatch(scene: Scene) -> Reading | None:
    before, after = onset(scene).before, onset(scene).after
    if before is None or after is None:
        return None
    running, expected = _changed(before.running, after.running), _changed(before.expected, after.expected)
    if not running and not expected:
        return None
    if not expected and any(
        push.status in BROKEN and push.time is not None and before.time <= push.time <= after.time
        for push in pushes(scene)
    ):
        return None  # what was expected already was pushed anew, and broke off: that changes what runs, too
    word = "both" if running and expected else "running" if running else "expected"
    return Reading(word, after.time, few([before.source, after.source]))


_RUNNING_ID = r"^(?!.*\b(expected|assigned|target|platform|desired)\b).*\b(running|reported|actual|config|current)\b.*\bprofile( id)?$"

_EXPECTED_ID = r"\b(expected|assigned|target|platform|desired)\b.*\bprofile( id)?$"


@measures(
    "running_profile_id_matches",
    "whether the profile id the charger runs is the expected one while its configuration does not match",
    kind="flag",
)
def running_profile_id_matches(scene: Scene) -> Reading | None:
    shot = latest_wrong(scene)
    if shot is None:
        own, wanted = detail_text(scene, _RUNNING_ID), detail_text(scene, _EXPECTED_ID)
        if own is None or wanted is None:
            return None
        return Reading(bare_id(own.value) == bare_id(wanted.value), scene.anchor, few([*own.sources, *wanted.sources]))
    if shot.running["id"] is None or shot.expected["id"] is None:
        return None
    return Reading(shot.running["id"] == shot.expected["id"], shot.time, (shot.source,))


@measures(
    "runs_earlier_configuration",
    "whether the wrong configuration that runs equals one that was expected of this charger before; known where its records "
    "hold an earlier expected configuration that differs from the present one",
    kind="flag",
)
def runs_earlier_configuration(scene: Scene) -> Reading | None:
    shot = latest_wrong(scene)
    if shot is None:
        return None
    found: list[bool] = []
    sources = [shot.source]
    for key in ("hash", "id"):
        now, runs = shot.expected[key], shot.running[key]
        if now is None or runs is None or same_id(now, runs):
            continue
        earlier = [s for s in snapshots(scene) if s.time < shot.time and s.expected[key] not in (None, now)]
        if earlier:
            found.append(any(same_id(s.expected[key], runs) for s in earlier))
            sources.append(earlier[-1].source)
    return Reading(any(found), shot.time, few(sources)) if found else None


@measures(
    "settings_differing",
    "settings (heartbeat interval, WebSocket ping interval) that differ from the platform's; known where both are compared",
    unit="1",
    low=0,
)
def settings_differing(scene: Scene) -> Reading | None:
    for shot in reversed(snapshots(scene)):
        if all(shot.running[k] is not None and shot.expected[k] is not None for k in SETTINGS):
            differing = sum(shot.running[k] != shot.expected[k] for k in SETTINGS)
            return Reading(float(differing), shot.time, (shot.source,))
    return None
