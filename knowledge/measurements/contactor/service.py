"""What visits and upgrades changed on the charger: contactor, supply, counter, firmware; and what came after."""

from __future__ import annotations

from ....engine.facts import Source
from ...readings import DAY, Reading, few
from ...scene import Scene
from ..common import upgrades
from ..registry import measures
from .starts import good_starts
from .visits import NEW_SUPPLY, replacement, visits_with


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
    visits = [visit for visit in visits_with(scene, NEW_SUPPLY) if visit[0] <= scene.anchor]
    return _failures_after(scene, visits[-1]) if visits else None


def last_upgrade(scene: Scene, until: float, device: str | None = None) -> tuple[float, Source] | None:
    """A charger's last firmware upgrade up to a moment."""
    return max((upgrade for upgrade in upgrades(scene, device) if upgrade[0] <= until), default=None)


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
