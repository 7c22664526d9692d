"""Configuration records as snapshots: what a charger ran, what was expected of it, and whether the two matched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ....engine.facts import Source
from ...observations import Record
from ...readings import DAY
from ...scene import Scene

IDENTITIES = ("hash", "id")
"""What a configuration is known by."""

SETTINGS = ("heartbeat_interval_s", "websocket_ping_interval_s")
"""The settings whose values both sides report."""


@dataclass(frozen=True)
class Snapshot:
    """One configuration record: whether what runs is what is expected (None where it does not say), and both states."""

    time: float
    matches: bool | None
    running: Mapping[str, Any]
    expected: Mapping[str, Any]
    record: Record
    source: Source


def bare_id(value: Any) -> str | None:
    """An id or hash without case, blanks and prefix; None where nothing is left."""
    return None if value is None else str(value).strip().lower().removeprefix("sha256:").removeprefix("0x") or None


_HEXADECIMAL = set("0123456789abcdef")


def same_id(one: str, two: str) -> bool:
    """Equal, or one the shortened form of the other, which only hashes have."""
    short, long = sorted((one, two), key=len)
    return one == two or (len(short) >= 7 and set(long.lower()) <= _HEXADECIMAL and long.startswith(short))


def _snapshot(scene: Scene, record: Record) -> Snapshot:
    fields = record.fields
    here, there = fields.get("settings") or {}, fields.get("platform_settings") or {}
    running: dict[str, Any] = {
        "hash": bare_id(fields.get("running_config")),
        "id": bare_id(fields.get("config_profile_id")),
        **{key: here.get(key) for key in SETTINGS},
    }
    expected: dict[str, Any] = {
        "hash": bare_id(fields.get("expected_config")),
        "id": bare_id(fields.get("expected_config_profile_id")),
        **{key: there.get(key) for key in SETTINGS},
    }

    def compared(keys: Iterable[str]) -> list[tuple[Any, Any]]:
        return [(running[k], expected[k]) for k in keys if running[k] is not None and expected[k] is not None]

    # Settings decide only where neither hash nor id can be compared.
    verdict = [same_id(a, b) for a, b in compared(IDENTITIES)] or [a == b for a, b in compared(SETTINGS)]
    matches = all(verdict) if verdict else None
    return Snapshot(record.time or 0.0, matches, running, expected, record, scene.source("configurations", record))


def snapshots(scene: Scene, device: str | None = None) -> list[Snapshot]:
    """The configuration records of one charger in time order."""
    name = scene.device_id if device is None else device
    return scene.once_of(
        name, "snapshots", lambda: [_snapshot(scene, r) for r in scene.records("configurations", device=name)]
    )


def latest_wrong(scene: Scene) -> Snapshot | None:
    """The newest record, up to a day after the latest occurrence, that does not match."""
    wrong = [s for s in snapshots(scene) if s.matches is False and s.time <= scene.anchor + DAY]
    return wrong[-1] if wrong else None
