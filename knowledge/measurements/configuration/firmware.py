"""The firmware under a configuration: its schema version beside the profile's, and its upgrades."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...readings import HOUR, Reading, few
from ...scene import Scene
from ..common import UPGRADE_COMMANDS, upgrades
from ..registry import measures
from .onset import Moment, hours_matched_after, moments_of, onset, time_before_onset
from .payload import detail_text
from .snapshots import Snapshot, snapshots

_PROFILE_SCHEMA = r"\b(profile|platform|expected|config|push(ed)?)\b.*\bschema( version)?$|\bschema\b.*\b(profile|platform|expected|config)$"

_FIRMWARE_SCHEMA = r"\b(firmware|fw|charger|device|supported|local)\b.*\bschema( version)?$|\bschema\b.*\b(firmware|fw|charger|device|supported|local)$"


def normal_schema(value: Any) -> str:
    """A schema version without decoration: `v2.10.0` and `schema-2.10` as "2.10"."""
    text = re.sub(r"^(schema|version|ver|v)[\s._-]*", "", str(value).strip().lower())
    text = re.sub(r"^v(?=\d)", "", text)
    while re.fullmatch(r"\d+(\.\d+)+", text) and text.endswith(".0"):
        text = text[:-2]
    return text


def _schema(scene: Scene, field: str, pattern: str) -> Reading | None:
    """A schema version from the newest record up to an hour after the fault that has one (else any), or from the payload."""
    shots = [s for s in snapshots(scene) if s.time <= scene.anchor + HOUR] or snapshots(scene)
    for shot in reversed(shots):
        value = shot.record.fields.get(field)
        if value is not None and str(value).strip():
            return Reading(normal_schema(value), shot.time, (shot.source,))
    told = detail_text(scene, pattern)
    return None if told is None else Reading(normal_schema(told.value), told.at, told.sources)


@measures(
    "profile_schema",
    "schema version of the profile, from the newest configuration record or the fault's details",
    kind="text",
)
def profile_schema(scene: Scene) -> Reading | None:
    return _schema(scene, "profile_schema_version", _PROFILE_SCHEMA)


@measures(
    "firmware_schema",
    "schema version the firmware knows, from the newest configuration record or the fault's details",
    kind="text",
)
def firmware_schema(scene: Scene) -> Reading | None:
    return _schema(scene, "firmware_schema_version", _FIRMWARE_SCHEMA)


@measures(
    "schema_major_gap",
    "distance between the leading numbers of the profile's and the firmware's schema versions; known where both begin with one",
    unit="1",
    low=0,
)
def schema_major_gap(scene: Scene) -> Reading | None:
    profile, firmware = profile_schema(scene), firmware_schema(scene)
    if profile is None or firmware is None:
        return None
    one, two = (re.match(r"\d{1,9}", str(reading.value)) for reading in (profile, firmware))
    if one is None or two is None:
        return None
    return Reading(float(abs(int(one[0]) - int(two[0]))), profile.at, few([*profile.sources, *firmware.sources]))


def _schemas_of(shot: Snapshot) -> tuple[str, str] | None:
    """The profile's and the firmware's schema version, where a record has both."""
    profile, firmware = (shot.record.fields.get(f) for f in ("profile_schema_version", "firmware_schema_version"))
    return None if not profile or not firmware else (normal_schema(profile), normal_schema(firmware))


@measures(
    "matching_records_with_other_schema",
    "configuration records that match although the profile's schema version then was not the firmware's, in this or in the "
    "present pair of versions",
    unit="1",
    low=0,
)
def matching_records_with_other_schema(scene: Scene) -> Reading | None:
    right = [(s, pair) for s in snapshots(scene) if s.matches and (pair := _schemas_of(s)) is not None]
    if not right:
        return None
    differing = [(s, pair) for s, pair in right if pair[0] != pair[1]]
    sources = few([s.source for s, _ in differing or right])
    return Reading(float(len(differing)), right[-1][0].time, sources)


@measures(
    "schemas_parted_with_mismatch",
    "whether profile and firmware had one schema version in the last configuration seen right and two in the first seen wrong",
    kind="flag",
)
def schemas_parted_with_mismatch(scene: Scene) -> Reading | None:
    before, after = onset(scene).before, onset(scene).after
    if before is None or after is None:
        return None
    one, two = _schemas_of(before), _schemas_of(after)
    if one is None or two is None:
        return None
    return Reading(one[0] == one[1] and two[0] != two[1], after.time, few([before.source, after.source]))


_UPGRADE_NAME = re.compile(r"^(?!get|query|check|read|list)(.*firmware|(.*_)?(fota|ota|fw)(_|$))")


def _upgrades(scene: Scene) -> Iterator[Moment]:
    """Firmware upgrades by any name a platform may give them."""
    yield from upgrades(scene)
    for command in scene.records("commands"):
        name = str(command.fields["command"])
        named = name not in UPGRADE_COMMANDS and _UPGRADE_NAME.search(name)
        if named and command.time is not None and command.fields.get("status") in ("completed", "accepted", None):
            yield command.time, scene.source("commands", command)
    events = [e for e in scene.events(which="all") if _UPGRADE_NAME.search(e.fields["event_type"])]
    yield from moments_of(scene, "events", events)


@measures(
    "upgrade_hours_before_mismatch",
    "hours from the last firmware upgrade to the mismatch's first sign, where the configuration was not seen right in between",
    unit="h",
    low=0,
)
def upgrade_hours_before_mismatch(scene: Scene) -> Reading | None:
    return time_before_onset(scene, _upgrades(scene), HOUR, HOUR)


@measures(
    "unfinished_upgrade_hours_before_mismatch",
    "hours from a firmware upgrade that failed or never finished to the mismatch's first sign",
    unit="h",
    low=0,
)
def unfinished_upgrade_hours_before_mismatch(scene: Scene) -> Reading | None:
    unfinished = [
        c
        for c in scene.records("commands")
        if _UPGRADE_NAME.search(str(c.fields["command"])) and c.fields.get("status") in ("failed", "queued", "rejected")
    ]
    return time_before_onset(scene, moments_of(scene, "commands", unfinished), HOUR)


@measures(
    "hours_matched_after_upgrade",
    "hours from the last firmware upgrade before the mismatch to the last configuration seen right after it",
    unit="h",
    low=0,
)
def hours_matched_after_upgrade(scene: Scene) -> Reading | None:
    return hours_matched_after(scene, _upgrades(scene))
