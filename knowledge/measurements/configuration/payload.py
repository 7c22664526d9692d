"""What texts and details tell of a configuration: topics, how far a push came, which keys were refused or differ."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

from ....engine.facts import Source
from ...readings import DAY, Reading
from ...scene import Scene
from ...texts import as_number, flat
from ..registry import measures
from .onset import onset
from .parts import PARTS
from .pushes import is_push
from .snapshots import Snapshot, snapshots

_CONTRACT = {"timestamp", "device_id", "config_profile_id", "expected_config_profile_id", "running_config", "expected_config",
             "profile_schema_version", "firmware_schema_version", "settings", "platform_settings", "base_url_changed_at",
             "last_push"}  # fmt: skip
_OF_A_PUSH = re.compile(r"(?i)config|profile|push")


def _beyond_contract(shot: Snapshot) -> dict[str, Any]:
    """What a configuration record says beyond the fields of its contract, and what runs where it does not match."""
    extra: dict[str, Any] = {k: v for k, v in shot.record.raw.items() if k not in _CONTRACT}
    last = shot.record.raw.get("last_push")
    if isinstance(last, Mapping):
        extra["push"] = {k: v for k, v in last.items() if k not in ("status", "at")}
    if shot.matches is False:
        extra["running"] = shot.running["id"]
        extra["hash"] = shot.running["hash"]
    return extra


@measures(
    "configuration_mention",
    "a topic of the fault's vocabulary in the fault's message and details, alarms near it, results of pushes within two weeks, "
    "profile names, and whatever a configuration record says beyond its contract",
    kind="text",
    many=True,
)
def configuration_mention(scene: Scene) -> Iterable[Reading]:
    texts: list[tuple[Source, Any]] = list(scene.payload())
    start = onset(scene).time
    for command in scene.records("commands"):
        pushed = is_push(command) or "firmware" in str(command.fields["command"])
        if pushed and command.time is not None and start - 14 * DAY <= command.time <= scene.anchor + DAY:
            texts.append((scene.source("commands", command), {"result": command.fields.get("result")}))
    for record in scene.records("connections"):
        # Reasons of ordinary disconnects say nothing of a push.
        reason = str(record.fields.get("reason") or "")
        if record.time is not None and abs(record.time - start) <= 2 * DAY and _OF_A_PUSH.search(reason):
            texts.append((scene.source("connections", record), {"reason": reason}))
    for shot in snapshots(scene):
        if start - DAY <= shot.time <= scene.anchor + DAY:
            texts.append((shot.source, _beyond_contract(shot)))
    return scene.mentions(texts)


def detail_text(scene: Scene, pattern: str) -> Reading | None:
    """The latest text or number in the payload whose key's words match a regular expression, as text."""

    def text(path: str, value: Any) -> str | None:
        is_said = isinstance(value, (str, int, float)) and not isinstance(value, bool)
        return str(value) if is_said and re.search(pattern, path) else None

    return scene.latest_detail(text)


@measures(
    "push_progress_in_details",
    "how far the push came, in percent, from the payload: a progress, or applied of total parts",
    unit="%",
    low=0,
    high=100,
)
def push_progress_in_details(scene: Scene) -> Reading | None:
    return scene.latest_said(_progress)


_PROGRESS = re.compile(
    r"\bprogress\b|\b(applied|completed?|received|transferred|written) (pct|percent|percentage)$|\bpct (applied|complete)"
)
_DONE = re.compile(
    rf"\b{PARTS} (applied|received|written|acked|acknowledged|transferred|done|sent)$"
    rf"|\b(applied|received|written|acked|acknowledged|transferred|last) {PARTS}$|\bapplied$"
)
_TOTAL = re.compile(
    rf"\b{PARTS} (total|expected|planned|count)$|\b(total|expected|planned|all) {PARTS}$|\b(total|expected)$"
)


def _progress(data: Any) -> float | None:
    """How far one record says that a push came, in percent: as such, or by what was applied of how many, in fields or in words."""

    def number(key: re.Pattern[str]) -> float | None:
        found = [as_number(value) for path, value in flat(data) if key.search(path)]
        return next((number for number in reversed(found) if number is not None), None)

    direct, done, total = number(_PROGRESS), number(_DONE), number(_TOTAL)
    if direct is not None and 0 <= direct <= 100:
        return direct
    if done is not None and total is not None and total > 0 and 0 <= done <= total:
        return 100.0 * done / total
    return _progress_in_words(data)


def _progress_in_words(data: Any) -> float | None:
    """The first "14 of 32 keys" or "14/32" in a text that is about a push, in percent."""
    for path, value in flat(data):
        match = re.search(r"\b(\d{1,6})\s*(?:of|/|out of)\s*(\d{1,6})\b", value) if isinstance(value, str) else None
        if match is None or not re.search(PARTS + r"|push|appl|transfer|progress", f"{path} {value.lower()}"):
            continue
        part, whole = int(match.group(1)), int(match.group(2))
        if part <= whole and whole > 0:
            return 100.0 * part / whole
    return None


def _keys_in_details(scene: Scene, pattern: str, none: Container[str]) -> Reading | None:
    """Keys that the payload counts (the last count of a record) or else lists, under details of a name; `none` are words for no
    key."""

    def keys(data: Any) -> float | None:
        counted: list[float] = []
        listed: list[str] = []
        for path, value in flat(data):
            if not re.search(pattern, path):
                continue
            number = as_number(value) if not isinstance(value, str) or re.fullmatch(r"\s*\d+\s*", value) else None
            if number is not None:
                counted.append(number)
            elif isinstance(value, str) and value.strip().lower() not in none:
                listed.append(value)
        if not counted and not listed:
            return None
        return max(0.0, counted[-1]) if counted else float(len(listed))

    return scene.latest_said(keys)


@measures(
    "rejected_keys_in_details",
    "keys that the firmware refused or did not know, as the payload counts or lists them",
    unit="1",
    low=0,
)
def rejected_keys_in_details(scene: Scene) -> Reading | None:
    word = r"(unknown|rejected|refused|unsupported|invalid|ignored|unrecogni[sz]ed|deprecated|incompatible)"
    pattern = rf"\b{word} {PARTS}( count)?$|\b{PARTS} {word}( count)?$|\b(schema|validation) (errors?|violations?|failures?)( count)?$"
    return _keys_in_details(scene, pattern, ("", "none", "no", "ok", "-", "n/a"))


@measures(
    "differing_keys_in_details",
    "keys that differ from the profile, as the payload counts or lists them",
    unit="1",
    low=0,
)
def differing_keys_in_details(scene: Scene) -> Reading | None:
    pattern = (
        rf"\b(differing|different|changed|modified|mismatched|drifted|diverging|diff) {PARTS}( count)?$"
        rf"|\b{PARTS} (differing|different|changed|modified|mismatched|drifted|diff)( count)?$|\b(diff|drift|differences|changes)( count)?$"
    )
    return _keys_in_details(scene, pattern, ("",))
