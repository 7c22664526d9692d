"""What was done at the charger: visits, an opened door, a boot."""

from __future__ import annotations

import re

from ....engine.facts import Source
from ...readings import DAY, Reading
from ...scene import Scene
from ...texts import NEW, words_of
from ..common import done_before_recurrence
from ..door import last_door_event
from ..registry import measures
from .recovery import reset_commands
from .silence import only_silent_module

_CHANGED = rf"(?:replac\w*|swap\w*|exchang\w*|interchang\w*|renew\w*|{NEW}|chang\w*)"
_MODULE = r"(?:modules?|pm ?\d*|rectifiers?|units?|bricks?)"
_CABLE = r"(?:harness|loom|(?:can|bus|data) (?:cable|lead|wiring|line)|ribbon)"


def _replaced(part: str) -> re.Pattern[str]:
    """Words that tell of a part replaced: what was done a few words from its name."""
    # a module's fan is no module
    named = rf"\b{part}\b(?! fan)"
    return re.compile(rf"\b{_CHANGED}(?: \w+){{0,4}} {named}|{named}(?: \w+){{0,4}} {_CHANGED}\b")


_MODULE_REPLACED, _CABLE_REPLACED = _replaced(_MODULE), _replaced(_CABLE)
_MODULE_MOVED = re.compile(
    r"\b(?:swap\w*|exchang\w*|interchang\w*|put|moved?|rotat\w*|chang\w*)\b(?: \w+){0,6} (?:slots?|positions?|places?|over|round)\b"
)


@measures(
    "module_replaced_before_recurrence",
    "whether a service visit that names a replaced power module lies between two occurrences; known where there was such a visit",
    kind="flag",
)
def module_replaced_before_recurrence(scene: Scene) -> Reading | None:
    return done_before_recurrence(scene, _MODULE_REPLACED)


@measures(
    "silence_after_module_exchange",
    "whether, since a service visit between two occurrences at which modules were replaced or changed places, the one silent module "
    "is in the same slot as before or, where they changed places, in another",
    kind="text",
    choices=("same-slot", "other-slot"),
)
def silence_after_module_exchange(scene: Scene) -> Reading | None:
    moved = done_before_recurrence(scene, _MODULE_MOVED)
    visit = moved or done_before_recurrence(scene, _MODULE_REPLACED)
    if visit is None or visit.at is None or not visit.value:
        return None
    before, after = only_silent_module(scene, until=visit.at), only_silent_module(scene, since=visit.at)
    if before is None or after is None or (before != after and moved is None):
        return None
    return Reading("same-slot" if before == after else "other-slot", visit.at, visit.sources)


@measures(
    "bus_cable_replaced_before_recurrence",
    "whether a service visit that names a replaced cable or harness of the CAN bus lies between two occurrences; known where there "
    "was such a visit",
    kind="flag",
)
def bus_cable_replaced_before_recurrence(scene: Scene) -> Reading | None:
    return done_before_recurrence(scene, _CABLE_REPLACED)


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
