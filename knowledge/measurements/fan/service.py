"""What service at the fan did: replacement and cleaning."""

from __future__ import annotations

import re

from ....engine.facts import Source
from ...readings import DAY, HOUR, MINUTE, Reading, few, median
from ...scene import Scene
from ...texts import NEW
from ..common import done_before_recurrence, work_words
from ..registry import measures
from .reports import FAN_CODE
from .speed import speeds

_OTHER_WORK = (
    r"(?!(?:wiped|cleaned|checked|tested|tightened|inspected|swept|washed|greased|measured|adjusted|updated)\b)"
)
"""What begins another clause, where a visit's words run on without a comma."""

_REPLACED = re.compile(
    rf"\b(replac\w*|swap\w*|exchang\w*|renew\w*|{NEW}|chang\w*|fitted|installed)\b(\s+{_OTHER_WORK}\w+){{0,4}}\s+(fans?|ventilator\w*|blower\w*)\b(?! (filter|mat|grill|guard|cover))"
    r"|\b(fans?|ventilator\w*|blower\w*)\b(\s+(?!filter|mat)\w+){0,3}\s+(replac\w*|swap\w*|exchang\w*|renew\w*|chang\w*)\b"
)
_NEW_ONE = re.compile(
    r"\b(fitted|installed|put in|mounted) (a )?new one\b|\bnew one (was )?(fitted|installed|put in|mounted|in)\b"
)
_FAN = re.compile(r"\b(fans?|ventilator\w*|blower\w*)\b")
_CLEANED = re.compile(
    r"\b(clean\w*|clear\w*|remov\w*|vacuum\w*|hoover\w*|blew|blown|brush\w*|swept|wiped|freed|(pull|pick|fish|cut|took|taken)(ed)? out)\b"
)
_BOARD_REPLACED = re.compile(
    r"\b(board|controller|output stage|driver)\b(\s+\w+){0,2}\s+(replac\w*|swap\w*|exchang\w*|renew\w*|chang\w*)\b"
    rf"|\b(replac\w*|swap\w*|exchang\w*|renew\w*|chang\w*|{NEW})\b(\s+\w+){{0,3}}\s+(board|controller|output stage|driver)\b"
)


def _replaces_the_fan(work: str) -> bool:
    """Whether the words of a visit tell of another fan."""
    return _REPLACED.search(work) is not None or (_NEW_ONE.search(work) is not None and _FAN.search(work) is not None)


def _replacements(scene: Scene) -> list[tuple[float, Source]]:
    """When the fan was replaced: by the work of visits, or by the reset of its counter that goes with it."""
    found = []
    for visit in scene.records("service_visits"):
        if visit.time is not None and _replaces_the_fan(work_words(visit)):
            found.append((visit.time, scene.source("service_visits", visit)))
    for command in scene.records("commands"):
        done = command.fields.get("status") in ("completed", "accepted", None)
        if command.fields["command"] == "reset_fan_counter" and done and command.time is not None:
            found.append((command.time, scene.source("commands", command)))
    return sorted(found)


@measures(
    "days_from_fan_replacement",
    "days from the fan's last replacement before the latest occurrence to it",
    unit="days",
    low=0,
)
def days_from_fan_replacement(scene: Scene) -> Reading | None:
    earlier = [replaced for replaced in _replacements(scene) if replaced[0] <= scene.anchor]
    if not earlier:
        return None
    time, source = earlier[-1]
    return Reading((scene.anchor - time) / DAY, scene.anchor, (source,))


@measures(
    "fan_speed_after_replacement",
    "median speed after the fan's last replacement, from half an hour to 30 days later",
    unit="rpm",
    low=0,
)
def fan_speed_after_replacement(scene: Scene) -> Reading | None:
    replaced = _replacements(scene)
    if not replaced:
        return None
    time, _ = replaced[-1]
    later = speeds(scene).between(time + HOUR / 2, time + 30 * DAY)
    return later.reading(later.median()) if len(later) else None


@measures(
    "fan_code_returned_after_replacement",
    "whether F-0601 came both before and after the fan's last replacement; known where it was replaced",
    kind="flag",
)
def fan_code_returned_after_replacement(scene: Scene) -> Reading | None:
    replaced = _replacements(scene)
    if not replaced:
        return None
    time, source = replaced[-1]
    faults = scene.faults(FAN_CODE, device=scene.device_id)
    before, after = [f for f in faults if f.time < time], [f for f in faults if f.time > time]
    return Reading(bool(before and after), time, few([source, *(f.source for f in (before[-1:] + after[:1]))]))


@measures(
    "fan_same_level_again",
    "difference between the median of the last ten speeds, from an hour after the fan's last replacement to an hour after the latest "
    "occurrence, and that of the last ten in the three days before it, against the latter; known where that is at least 100 rpm, as is "
    "the median of those three days",
    unit="%",
    low=0,
)
def fan_same_level_again(scene: Scene) -> Reading | None:
    replaced = [item for item in _replacements(scene) if item[0] < scene.anchor]
    if not replaced:
        return None
    time, source = replaced[-1]
    before = speeds(scene).between(time - 3 * DAY, time)
    latest = speeds(scene).between(time + HOUR, scene.anchor + HOUR)
    if not len(before) or not len(latest) or before.median() < 100:
        return None
    old, new = median(before.values[-10:]), median(latest.values[-10:])
    if old < 100:
        return None
    return Reading(100.0 * abs(new / old - 1.0), scene.anchor, few([source, before.source(-1), latest.source(-1)]))


@measures(
    "fan_gain_after_cleaning",
    "change of the speed from the day before to the day after a visit that names cleaning or something removed: of the median, or "
    "from the last speed before where the day before has fewer than six",
    unit="%",
)
def fan_gain_after_cleaning(scene: Scene) -> Reading | None:
    for visit in reversed(scene.records("service_visits")):
        # where the fan itself was replaced, the gain is not the cleaning's
        if visit.time is None or not _CLEANED.search(work_words(visit)) or _replaces_the_fan(work_words(visit)):
            continue
        before = speeds(scene).between(visit.time - DAY, visit.time)
        after = speeds(scene).between(visit.time + MINUTE, visit.time + DAY)
        if not len(before) or not len(after):
            continue
        dirty = before.median() if len(before) >= 6 else float(before.values[-1])
        if dirty > 50:
            gain = 100.0 * (after.median() / dirty - 1.0)
            source = scene.source("service_visits", visit)
            return Reading(gain, visit.time, few([source, before.source(-1), after.source(0)]))
    return None


@measures(
    "fan_board_replaced_in_vain",
    "whether F-0601 came both before and after a visit that replaced the board or output that drives the fan; known where one did",
    kind="flag",
)
def fan_board_replaced_in_vain(scene: Scene) -> Reading | None:
    return done_before_recurrence(scene, _BOARD_REPLACED)
