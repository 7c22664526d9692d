"""What came before: visits that renewed a part, faults of fan and cabinet, alarms; and what the site is said to be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ....engine.facts import Source
from ...readings import DAY, HOUR, MINUTE, Reading, few
from ...scene import Scene, words_of
from ..registry import measures
from .chargers import CABINET_CODE, FAN_CODE, about_the_cabinet

CONNECTOR_PARTS = re.compile(r"\b(pins?|contacts?|connectors?|plug|cable|gun)\b")
FAN_PARTS = re.compile(r"\b(fans?|cooling|ventilator)\b")

_RENEWED = re.compile(r"\b(clean\w*|replac\w*|polish\w*|exchang\w*|renew\w*|swapp\w*|new|isopropyl|wiped)\b")


def renewals(scene: Scene, parts: re.Pattern[str]) -> list[tuple[float, Source]]:
    """When visits cleaned or renewed something and named one of the parts."""
    found = []
    for visit in scene.records("service_visits"):
        text = words_of(str(visit.fields.get("work") or ""))
        if visit.time is not None and parts.search(text) and _RENEWED.search(text):
            found.append((visit.time, scene.source("service_visits", visit)))
    return found


def _days_since_renewal(scene: Scene, parts: re.Pattern[str]) -> Reading | None:
    earlier = [(time, source) for time, source in renewals(scene, parts) if time <= scene.anchor]
    if not earlier:
        return None
    time, source = earlier[-1]
    return Reading((scene.anchor - time) / DAY, time, (source,))


@measures(
    "days_since_connector_renewed",
    "days from the last visit that cleaned or renewed the connector to the latest occurrence",
    unit="days",
    low=0,
)
def days_since_connector_renewed(scene: Scene) -> Reading | None:
    return _days_since_renewal(scene, CONNECTOR_PARTS)


@measures(
    "days_since_fan_renewed",
    "days from the last visit that cleaned or renewed the fan to the latest occurrence",
    unit="days",
    low=0,
)
def days_since_fan_renewed(scene: Scene) -> Reading | None:
    return _days_since_renewal(scene, FAN_PARTS)


@measures(
    "fan_fault_unrepaired",
    "days from the last F-0601 to the latest occurrence, where no visit since mentions the fan's exchange",
    unit="days",
    low=0,
)
def fan_fault_unrepaired(scene: Scene) -> Reading | None:
    earlier = [fault for fault in scene.faults(FAN_CODE, device=scene.device_id) if fault.time <= scene.anchor]
    if not earlier or any(earlier[-1].time < time <= scene.anchor for time, _ in renewals(scene, FAN_PARTS)):
        return None
    return Reading((scene.anchor - earlier[-1].time) / DAY, earlier[-1].time, few([fault.source for fault in earlier]))


@measures(
    "days_since_cabinet_fault", "days from the last F-0204 of this charger to the latest occurrence", unit="days", low=0
)
def days_since_cabinet_fault(scene: Scene) -> Reading | None:
    earlier = [f for f in scene.faults(CABINET_CODE, device=scene.device_id) if f.time <= scene.anchor + HOUR]
    if not earlier or about_the_cabinet(scene):
        return None
    return Reading(
        max(0.0, (scene.anchor - earlier[-1].time) / DAY), earlier[-1].time, few([f.source for f in earlier])
    )


@measures(
    "earlier_alarm_mention",
    "a topic of the fault's vocabulary in alarms of the charger from 30 days to ten minutes before the latest occurrence",
    kind="text",
    many=True,
)
def earlier_alarm_mention(scene: Scene) -> Iterable[Reading]:
    alarms = scene.events("alarm", which="all", start=scene.anchor - 30 * DAY, end=scene.anchor - 10 * MINUTE)
    return scene.mentions([(scene.source("events", alarm), alarm.fields.get("data")) for alarm in alarms])


@measures(
    "site_surroundings_mention",
    "a topic of the fault's vocabulary in name, location or description of site and charger",
    kind="text",
    many=True,
)
def site_surroundings_mention(scene: Scene) -> Iterable[Reading]:
    told: list[tuple[Source, Any]] = []
    for name, record in (("sites", scene.site), ("devices", scene.device)):
        if record is not None:
            said = {
                key: record.raw.get(key)
                for key in ("name", "location", "address", "description", "note", "notes", "tags")
            }
            told.append((Source(name, record.index, None), said))
    return scene.mentions(told)
