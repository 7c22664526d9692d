"""What this charger and its peers report of their fans: status, code, words."""

from __future__ import annotations

from collections.abc import Iterable

from ...readings import DAY, HOUR, MINUTE, Reading, few, median
from ...scene import FaultEvent, Scene
from ..payload import topics_in_words
from ..registry import measures

FAN_CODE = "F-0601"


@measures(
    "fan_status",
    "the charger's own word on its fan, the last one within an hour before and a minute after the latest occurrence",
    kind="text",
    choices=("ok", "warning", "fault"),
)
def fan_status(scene: Scene) -> Reading | None:
    words = scene.words("component_health.cooling_fan_status", which="all")
    return words.between(scene.anchor - HOUR, scene.anchor + MINUTE).last()


@measures(
    "fan_status_changes",
    "changes of the charger's word on its fan within a day of the latest occurrence",
    unit="1",
    low=0,
)
def fan_status_changes(scene: Scene) -> Reading | None:
    words = scene.words("component_health.cooling_fan_status", which="all")
    words = words.between(scene.anchor - DAY, scene.anchor + DAY)
    if len(words) < 4:
        return None
    changes = words.changes()
    sources = few([changes.source(0), changes.source(len(changes) - 1)])
    return Reading(float(len(changes) - 1), float(words.times[-1]), sources)


@measures(
    "fan_text_mention",
    "a topic of the fault's vocabulary in the words (never in mere numbers) of this code's faults on the charger and of alarms beside them",
    kind="text",
    many=True,
)
def fan_text_mention(scene: Scene) -> Iterable[Reading]:
    return topics_in_words(scene)


# Peers


def _fan_faults_of(scene: Scene, devices: set[str], window: float) -> list[FaultEvent]:
    """The last F-0601 of each of some chargers within so many seconds of the latest occurrence."""
    near = scene.fleet.faults.within(FAN_CODE, scene.anchor - window, scene.anchor + window)
    last = {fault.device_id: fault for fault in near if fault.device_id in devices}
    return list(last.values())


@measures(
    "site_peers_with_fan_code",
    "other chargers of the site that reported F-0601 within 14 days of the latest occurrence; known where the site has others",
    unit="1",
    low=0,
)
def site_peers_with_fan_code(scene: Scene) -> Reading | None:
    if not scene.neighbours:
        return None
    here = {record.fields["device_id"] for record in scene.neighbours}
    faults = _fan_faults_of(scene, here, 14 * DAY)
    sources = [fault.source for fault in faults] or scene.sources("devices", scene.neighbours)
    return Reading(float(len(faults)), scene.anchor, few(sources))


@measures(
    "batch_peers_with_fan_code",
    "other chargers of the same manufacturing batch, at other sites, that reported F-0601 within 90 days",
    unit="1",
    low=0,
)
def batch_peers_with_fan_code(scene: Scene) -> Reading | None:
    batch = scene.metadata("lifecycle.manufacturing_batch")
    if batch is None or not batch.value:
        return None
    chargers = scene.fleet.chargers
    sites = chargers.column("site_id")
    alike = chargers.having("lifecycle.manufacturing_batch", batch.value).tolist()
    peers = {chargers.ids[place] for place in alike if sites[place] != scene.site_id} - {scene.device_id}
    if not peers:
        return None
    faults = _fan_faults_of(scene, peers, 90 * DAY)
    return Reading(float(len(faults)), scene.anchor, few([fault.source for fault in faults] or batch.sources))


@measures(
    "cabinet_above_peers",
    "median cabinet temperature in the hour up to the latest occurrence that has readings, less that of the site's other chargers within "
    "an hour of it, median over those that have it",
    unit="K",
)
def cabinet_above_peers(scene: Scene) -> Reading | None:
    own = scene.readings("cabinet_temperature", which="all")
    time = scene.occurrence_with(own, HOUR, MINUTE)
    mine = None if time is None else own.between(time - HOUR, time + MINUTE).median()
    if time is None or mine is None:
        return None
    theirs = []
    for record in scene.neighbours[:12]:
        readings = scene.readings("cabinet_temperature", which="all", device=record.fields["device_id"])
        usual = readings.between(time - HOUR, time + HOUR).median()
        if usual is not None:
            theirs.append(usual)
    if not theirs:
        return None
    gap = float(mine.value) - median([float(usual.value) for usual in theirs])
    return Reading(gap, time, few([*mine.sources, *(source for usual in theirs for source in usual.sources)]))
