"""Measurements of the cabinet fan."""

from __future__ import annotations

from ..readings import DAY, HOUR, MINUTE, Reading, few
from ..scene import Scene
from .registry import measures

FAN_CODE = "F-0601"


@measures("fan_speed", "median cabinet fan speed in the 30 minutes up to the latest occurrence that has readings", unit="rpm", low=0)
def fan_speed(scene: Scene) -> Reading | None:
    return scene.near(scene.readings("component_health.cooling_fan_rpm", which="all"), 30 * MINUTE, MINUTE).median()


@measures(
    "fan_status",
    "the charger's own word on its fan, the last one within an hour before and a minute after the latest occurrence",
    kind="text",
    choices=("ok", "warning", "fault"),
)
def fan_status(scene: Scene) -> Reading | None:
    words = scene.words("component_health.cooling_fan_status", which="all")
    return words.between(scene.anchor - HOUR, scene.anchor + MINUTE).last()


@measures("days_since_fan_fault", "days from the last F-0601 of this charger to the latest occurrence", unit="days", low=0)
def days_since_fan_fault(scene: Scene) -> Reading | None:
    earlier = [fault for fault in scene.faults(FAN_CODE, device=scene.device_id) if fault.time <= scene.anchor]
    if not earlier or scene.incidence.code == FAN_CODE:
        return None
    return Reading((scene.anchor - earlier[-1].time) / DAY, earlier[-1].time, few([fault.source for fault in earlier]))
