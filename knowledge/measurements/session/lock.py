"""The connector's lock: what commands, details and events say of it, and how worn the connector is."""

from __future__ import annotations

import re
from itertools import pairwise

from ...observations import Record
from ...readings import DAY, MINUTE, Reading
from ...scene import Scene
from ...texts import NEW, flat, words_of
from ..common import done_before_recurrence
from ..registry import measures
from .occurrences import latest_occurrences, timed_events
from .texts import end_number


@measures(
    "lock_failures_in_details",
    "failed attempts, retries or bounces of the connector lock that the payload counts",
    unit="1",
    low=0,
)
def lock_failures_in_details(scene: Scene) -> Reading | None:
    return end_number(
        scene,
        r"\b(lock|latch|unlock)\w*\b.*\b(retries|retry|attempts|failures|failed|errors|bounces|bounce|trips|drops|chatter|releases|faults)\b( count)?",
        low=0,
    )


@measures("mating_cycles", "plug cycles of the connector as the payload or the session counts them", unit="1", low=0)
def mating_cycles(scene: Scene) -> Reading | None:
    pattern = r"\b(mating|plug|insertion|lock|latch|connector)( in)? (cycles|count|operations)\b"
    return end_number(scene, pattern, low=0)


@measures(
    "lock_commands_failed",
    "lock or unlock commands to the connector from 30 days before to a day after the fault that failed or were rejected; known "
    "where there were any",
    unit="1",
    low=0,
)
def lock_commands_failed(scene: Scene) -> Reading | None:
    found = [
        command
        for command in scene.records("commands", which="own")
        if "lock" in str(command.fields["command"]) and "block" not in str(command.fields["command"])
        and command.time is not None and scene.anchor - 30 * DAY <= command.time <= scene.anchor + DAY
        and command.fields.get("status") in ("completed", "failed", "rejected")
    ]  # fmt: skip
    bad = [c for c in found if c.fields.get("status") in ("failed", "rejected")]
    return Reading(float(len(bad)), scene.anchor, scene.sources("commands", bad or found)) if found else None


@measures(
    "unlock_seconds_before_end",
    "seconds from the last unlock command that the charger carried out to the fault, within five minutes",
    unit="s",
    low=0,
)
def unlock_seconds_before_end(scene: Scene) -> Reading | None:
    done = [
        (command.time, command)
        for command in scene.records("commands", which="own")
        if "unlock" in str(command.fields["command"])
        and command.fields.get("status") in ("completed", "accepted")
        and command.time is not None
        and 0 <= scene.anchor - command.time <= 5 * MINUTE
    ]
    if not done:
        return None
    moment, command = done[-1]
    return Reading(scene.anchor - moment, moment, (scene.source("commands", command),))


# Types of events come in lower case, so that "ConnectorLockState" is one word here.
_LOCK_KEY = re.compile(r"\b(connector|plug|cable)?(un)?(lock|latch)(ed|ing|state|status)?\b")
_LOCK_EVENT = re.compile(r"\b(connector|plug|cable)?(un)?(lock|latch)(ed)?$")
_LOCK_STATE = re.compile(r"\b(un)?(locked|latched)\b|\b(engaged|disengaged|released)\b")
_UNLOCKED_STATE = re.compile(r"\b(un(locked|latched)|disengaged|released|not (locked|latched|engaged))\b")
_UNLOCKED_KEY = re.compile(r"un(lock|latch)(ed)?\b|\b(disengaged|released|open|opened)\b")
_YES_OR_NO_KEY = re.compile(
    r"(lock|latch)(ed|state|status)?$|\b(engaged|disengaged|released|open|opened|closed|state|status|value|feedback|to)$"
)
_YES_OR_NO = {"true": True, "yes": True, "false": False, "no": False}


def _locked(event: Record) -> bool | None:
    """Whether the connector is locked by what an event says, or else by its type; None where it says nothing of it."""
    if event.fields["event_type"] in ("fault", "plug_in", "plug_out"):
        return None
    kind = words_of(event.fields["event_type"])
    for path, value in flat(event.fields.get("data")):
        key = path if _LOCK_KEY.search(path) else f"{kind} {path}"
        if not _LOCK_KEY.search(key):
            continue
        word = words_of(str(value))
        if _YES_OR_NO_KEY.search(key) and word in _YES_OR_NO:
            return _YES_OR_NO[word] is not bool(_UNLOCKED_KEY.search(key))
        if _LOCK_STATE.search(word):
            return not _UNLOCKED_STATE.search(word)
    return not _UNLOCKED_KEY.search(kind) if _LOCK_EVENT.search(kind) else None


@measures(
    "lock_changes_at_end",
    "how often the connector's lock changed between locked and unlocked by events from 30 minutes before to ten minutes after "
    "an occurrence (the occurrence with most); known where such events hold a state of the lock",
    unit="1",
    low=0,
)
def lock_changes_at_end(scene: Scene) -> Reading | None:
    told = [(time, locked, event) for time, event in timed_events(scene) if (locked := _locked(event)) is not None]
    found: list[Reading] = []
    for time in latest_occurrences(scene):
        near = [(locked, event) for at, locked, event in told if time - 30 * MINUTE <= at <= time + 10 * MINUTE]
        if near:
            changes = sum(before != after for (before, _), (after, _) in pairwise(near))
            found.append(Reading(float(changes), time, scene.sources("events", [event for _, event in near])))
    return max(found, key=lambda reading: float(reading.value), default=None)


_LOCK_REPLACED = re.compile(
    r"\b(lock\w*|latch\w*|actuators?)\b(?: \w+){0,3} (?:replac\w*|swap\w*|exchang\w*|renew\w*|changed)\b"
    rf"|\b(?:replac\w*|swap\w*|exchang\w*|renew\w*|{NEW})\b(?: \w+){{0,3}} (lock\w*|latch\w*|actuators?)\b"
)


@measures(
    "lock_replaced_in_vain",
    "whether the code came both before and after a visit that replaced the connector's lock; known where one did",
    kind="flag",
)
def lock_replaced_in_vain(scene: Scene) -> Reading | None:
    return done_before_recurrence(scene, _LOCK_REPLACED)
