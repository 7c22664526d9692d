"""What visits and upgrades changed on the charger: contactor, supply, counter, firmware; and what came after."""

from __future__ import annotations

import re

from ....engine.facts import Source
from ...observations import epoch
from ...readings import DAY, Reading, few
from ...scene import Scene, words_of
from ..registry import measures
from .starts import good_starts

_REPLACED = re.compile(
    r"(replac\w*|renew\w*|swap\w*|exchang\w*|new|install\w*|fitted)\W+(\w+\W+){0,4}contactor|contactor\w*\W+(\w+\W+){0,4}(replac\w*|renew\w*|swap\w*|exchang\w*|fitted)"
)
_NOT_REPLACED = re.compile(
    r"(not|no|without|never|only|ordered|await\w*|recommend\w*|should|to be|plan\w*|quot\w*)\W+(\w+\W+){0,4}(replac|renew|swap|exchang|new contactor)"
)
_SUPPLY_REPLACED = re.compile(
    r"(replac\w*|renew\w*|swap\w*|new|exchang\w*)\W+(\w+\W+){0,4}(psu|power supply|supply unit|24 ?v supply|dc dc)|(psu|power supply|supply unit)\W+(\w+\W+){0,3}(replac\w*|renew\w*|swap\w*|exchang\w*)"
)
_UPGRADED = re.compile(
    r"(firmware|software).*(upgrad|updat|flash|install|roll|loaded|to \d)|(upgrad|updat|flash|install)\w* .*(firmware|software)"
)
_UPGRADES = (
    "firmware_upgrade",
    "firmware_update",
    "update_firmware",
    "upgrade_firmware",
    "update firmware",
    "firmware upgrade",
)


def visits_that(
    scene: Scene, did: re.Pattern[str], did_not: re.Pattern[str] | None = None, device: str | None = None
) -> list[tuple[float, Source]]:
    """Service visits of a charger whose report says that work was done and does not deny it: when, and the record."""
    found = []
    for visit in scene.records("service_visits", device=device):
        work = words_of(str(visit.fields.get("work") or ""))
        if visit.time is not None and did.search(work) and not (did_not and did_not.search(work)):
            found.append((visit.time, scene.source("service_visits", visit)))
    return found


def replacement(scene: Scene, start: float, end: float) -> tuple[float, Source] | None:
    """The last service visit between two moments that put a new contactor in."""
    visits = [visit for visit in visits_that(scene, _REPLACED, _NOT_REPLACED) if start <= visit[0] <= end]
    return visits[-1] if visits else None


@measures(
    "days_since_contactor_replaced",
    "days from the last visit before the latest occurrence whose report says that the contactor was replaced",
    unit="days",
    low=0,
)
def days_since_contactor_replaced(scene: Scene) -> Reading | None:
    found = replacement(scene, 0.0, scene.anchor)
    return None if found is None else Reading((scene.anchor - found[0]) / DAY, scene.anchor, (found[1],))


def _failures_after(scene: Scene, visit: tuple[float, Source]) -> Reading:
    after = [f for f in scene.incidence.faults if f.time > visit[0]]
    return Reading(float(len(after)), scene.anchor, few([visit[1], *[f.source for f in after]]))


@measures(
    "failures_after_contactor_replaced",
    "failed starts on the connector after the last visit whose report says that the contactor was replaced",
    unit="1",
    low=0,
)
def failures_after_contactor_replaced(scene: Scene) -> Reading | None:
    found = replacement(scene, 0.0, scene.anchor)
    return None if found is None else _failures_after(scene, found)


@measures(
    "failures_after_supply_replaced",
    "failed starts on the connector after the last visit whose report says that the control supply was replaced",
    unit="1",
    low=0,
)
def failures_after_supply_replaced(scene: Scene) -> Reading | None:
    visits = [visit for visit in visits_that(scene, _SUPPLY_REPLACED) if visit[0] <= scene.anchor]
    return _failures_after(scene, visits[-1]) if visits else None


def last_upgrade(scene: Scene, until: float, device: str | None = None) -> tuple[float, Source] | None:
    """A charger's last firmware upgrade up to a moment, as commands, events or visit reports tell it."""
    found = visits_that(scene, _UPGRADED, device=device)
    for command in scene.records("commands", device=device):
        moment = command.fields.get("updated_at") or command.fields.get("created_at")
        done = command.fields["command"] in _UPGRADES and command.fields.get("status") in ("completed", None)
        if done and moment is not None:
            found.append((epoch(moment), scene.source("commands", command)))
    for event in scene.records("events", device=device):
        if "firmware" in event.fields["event_type"] and event.time is not None:
            found.append((event.time, scene.source("events", event)))
    return max((upgrade for upgrade in found if upgrade[0] <= until), default=None)


@measures(
    "failures_before_upgrade",
    "failed starts on the charger before its last firmware upgrade up to the latest occurrence; known where there was one",
    unit="1",
    low=0,
)
def failures_before_upgrade(scene: Scene) -> Reading | None:
    upgrade = last_upgrade(scene, scene.anchor)
    if upgrade is None:
        return None
    time, source = upgrade
    before = [f for f in scene.faults("own", device=scene.device_id) if f.time < time]
    return Reading(float(len(before)), time, few([source, *[f.source for f in before]]))


@measures(
    "good_starts_since_upgrade",
    "successful starts on the connector between the last firmware upgrade before the first occurrence and that occurrence",
    unit="1",
    low=0,
)
def good_starts_since_upgrade(scene: Scene) -> Reading | None:
    upgrade, good = last_upgrade(scene, scene.first), good_starts(scene)
    if upgrade is None or not good:
        return None
    time, source = upgrade
    since = [a for a in good if time < a.time < scene.first]
    return Reading(float(len(since)), scene.first, few([source, *[a.source for a in since]]))
