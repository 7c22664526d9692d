"""What was done at the charger: visits, an opened door, a boot."""

from __future__ import annotations

import re

from ....engine.facts import Source
from ...readings import DAY, Reading
from ...scene import Scene
from ...texts import words_of
from ..door import last_door_event
from ..registry import measures
from .recovery import reset_commands

_MODULE = re.compile(r"\bmodules?\b|\bpm ?\d?\b|\brectifier")
_REPLACED = re.compile(r"\b(replac\w*|swap\w*|exchang\w*|renew\w*|new|chang\w*)\b")


_HARNESS = re.compile(
    r"\b(harness|loom|bus (cable|lead|wiring)|can (cable|lead|wiring|bus)|data (cable|harness|lead|line)|ribbon)\b"
)


def _replaced_between_faults(scene: Scene, part: re.Pattern[str], but: re.Pattern[str]) -> Reading | None:
    """Whether the last visit that names a replaced part, and not another, lies between two occurrences."""
    times = [fault.time for fault in scene.faults("own", device=scene.device_id)]
    for visit in reversed(scene.records("service_visits")):
        said = words_of(str(visit.fields.get("work") or ""))
        if visit.time is None or not part.search(said) or not _REPLACED.search(said) or but.search(said):
            continue
        between = any(time < visit.time for time in times) and any(time > visit.time for time in times)
        return Reading(between, visit.time, (scene.source("service_visits", visit),))
    return None


@measures(
    "module_replaced_before_recurrence",
    "whether a service visit that names a replaced power module lies between two occurrences; known where there was such a visit",
    kind="flag",
)
def module_replaced_before_recurrence(scene: Scene) -> Reading | None:
    # a module's fan is no module
    return _replaced_between_faults(scene, _MODULE, re.compile(r"\bfan\b"))


@measures(
    "bus_cable_replaced_before_recurrence",
    "whether a service visit that names a replaced cable or harness of the CAN bus lies between two occurrences; known where there "
    "was such a visit",
    kind="flag",
)
def bus_cable_replaced_before_recurrence(scene: Scene) -> Reading | None:
    return _replaced_between_faults(scene, _HARNESS, re.compile(r"(?!)"))


@measures(
    "days_from_boot",
    "days from the last known boot of the charger (online since, connection, restart) before the first occurrence to it",
    unit="days",
    low=0,
)
def days_from_boot(scene: Scene) -> Reading | None:
    boots: list[tuple[float, Source]] = [(reset.time, reset.source) for reset in reset_commands(scene)]
    since = scene.metadata("online_since")
    if since is not None and not isinstance(since.value, str):
        boots.append((float(since.value), since.sources[0]))
    for record in scene.records("connections"):
        reason = words_of(str(record.fields.get("reason") or ""))
        if record.fields["transition"] == "online" and re.search(r"boot|power|restart|reset", reason):
            boots.append((record.time or 0.0, scene.source("connections", record)))
    earlier = [boot for boot in boots if boot[0] <= scene.first]
    if not earlier:
        return None
    time, source = max(earlier)
    return Reading((scene.first - time) / DAY, scene.first, (source,))


@measures(
    "days_from_door_to_first_fault",
    "days from the last event that names door, cover or tampering before the first occurrence to it",
    unit="days",
    low=0,
)
def days_from_door_to_first_fault(scene: Scene) -> Reading | None:
    opened = last_door_event(scene, scene.first)
    if opened is None:
        return None
    time, source = opened
    return Reading((scene.first - time) / DAY, scene.first, (source,))
