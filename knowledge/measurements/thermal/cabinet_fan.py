"""The cabinet's fan: how fast it turned while it was hot, and whether the heat goes with it."""

from __future__ import annotations

import numpy as np

from ...readings import DAY, HOUR, MINUTE, Reading, Readings, few, median, percentile
from ...scene import Scene
from ..registry import measures
from .cabinet import cabinet_temperature
from .cabinet_frame import cabinet_readings
from .chargers import about_the_cabinet, peers
from .connector import connector_temperature
from .telemetry import HISTORY, interpolated, pairs_apart


def _speed(scene: Scene, device: str | None = None) -> Readings:
    """The fan's speed (rpm) of a charger, the incident's where none is named."""
    return scene.readings("component_health.cooling_fan_rpm", which="all", device=device)


@measures(
    "fan_speed_while_hot",
    "median cabinet fan speed in the three (else ten, else 30) minutes up to the latest occurrence that has readings, else the last "
    "within six hours, else the one its details give",
    unit="rpm",
    low=0,
)
def fan_speed_while_hot(scene: Scene) -> Reading | None:
    speed = _speed(scene)
    time = scene.occurrence_with(speed, 30 * MINUTE, 2 * MINUTE)
    if time is not None:
        # a fan that has just stopped is still fast on average
        lately = (speed.between(time - minutes * MINUTE, time + 2 * MINUTE) for minutes in (3, 10))
        return next(filter(None, (late.median(3) for late in lately)), None) or (
            speed.between(time - 30 * MINUTE, time + 2 * MINUTE).median()
        )
    last = speed.between(scene.anchor - 6 * HOUR, scene.anchor + 2 * MINUTE).last()
    return last or scene.detail_number(r"\bfan\b.*\b(rpm|speed)\b", r"\brpm\b")


@measures(
    "fan_status_while_hot",
    "the charger's last word on its fan within six hours before and 30 minutes after the latest occurrence",
    kind="text",
    choices=("ok", "warning", "fault"),
)
def fan_status_while_hot(scene: Scene) -> Reading | None:
    return (
        scene.words("component_health.cooling_fan_status", which="all")
        .between(scene.anchor - 6 * HOUR, scene.anchor + 30 * MINUTE)
        .last()
    )


def _heat(scene: Scene) -> Readings:
    """The temperature that the fault is about: the cabinet's, else the connector's."""
    return cabinet_readings(scene, scene.device_id) if about_the_cabinet(scene) else scene.readings("temperature")


@measures(
    "warming_while_fan_slow",
    "how much faster the temperature rose while the fan was under three quarters of its usual speed than while it was not, in "
    "twelve hours up to the latest occurrence; from three readings of each",
    unit="K/min",
)
def warming_while_fan_slow(scene: Scene) -> Reading | None:
    heat = _heat(scene).between(scene.anchor - DAY / 2, scene.anchor + MINUTE)
    speed = _speed(scene).between(scene.anchor - DAY / 2, scene.anchor + MINUTE)
    if len(speed) < 6 or not 8 <= len(heat) <= 20_000:
        return None
    # over two minutes and more, so that the sensor's last digit is not taken for a slope
    begin, end = pairs_apart(heat, 2 * MINUTE, 20 * MINUTE)
    slopes = (heat.values[end] - heat.values[begin]) / ((heat.times[end] - heat.times[begin]) / MINUTE)
    turning = interpolated(speed, (heat.times[begin] + heat.times[end]) / 2.0, 20 * MINUTE)
    usual = percentile(speed.values, 90)
    slow, fast = turning < 0.75 * usual, turning >= 0.75 * usual
    if slow.sum() < 3 or fast.sum() < 3 or usual <= 0:
        return None
    return speed.reading(float(np.mean(slopes[slow]) - np.mean(slopes[fast])))


@measures(
    "fan_slow_share_while_hot",
    "share of the fan's readings under 1000 rpm in the two hours up to the latest occurrence while what overheated was within "
    "twelve degrees of its highest; from five readings",
    unit="%",
    low=0,
    high=100,
)
def fan_slow_share_while_hot(scene: Scene) -> Reading | None:
    peak = cabinet_temperature(scene) if about_the_cabinet(scene) else connector_temperature(scene)
    if peak is None:
        return None
    speed = _speed(scene).between(scene.anchor - 2 * HOUR, scene.anchor + MINUTE)
    if not len(speed):
        return None
    warm = interpolated(_heat(scene), speed.times, 10 * MINUTE) >= float(peak.value) - 12.0
    if warm.sum() < 5:
        return None
    return speed.reading(100.0 * float(np.mean(speed.values[warm] < 1000.0)))


@measures(
    "fan_speed_vs_peers",
    "fan speed in the half hour up to the latest occurrence as a share of the median of same-model neighbours' at the same time",
    unit="%",
    low=0,
)
def fan_speed_vs_peers(scene: Scene) -> Reading | None:
    start, end = scene.anchor - 30 * MINUTE, scene.anchor + 2 * MINUTE
    own = _speed(scene).between(start, end)
    theirs = [near for r in peers(scene) if len(near := _speed(scene, r.fields["device_id"]).between(start, end))]
    turning = [usual for near in theirs if (usual := median(near.values)) > 200.0]
    if not len(own) or not turning:
        return None
    found = own.reading(100.0 * median(own.values) / median(turning))
    return Reading(found.value, found.at, few([*found.sources, *(near.source(0) for near in theirs)]))


@measures(
    "fan_speed_vs_past",
    "fan speed in the hour up to the latest occurrence that has readings as a share of its median while turning, from 60 days to "
    "half a day before that (else from a day to two hours before)",
    unit="%",
    low=0,
)
def fan_speed_vs_past(scene: Scene) -> Reading | None:
    speed = _speed(scene)
    time = scene.occurrence_with(speed, HOUR, 2 * MINUTE)
    if time is None:
        return None
    now = speed.between(time - HOUR, time + 2 * MINUTE)
    for start, end in ((HISTORY, DAY / 2), (DAY, 2 * HOUR)):
        past = speed.between(time - start, time - end).where(lambda values: values > 200.0)
        if len(past) >= 5:
            usual = median(past.values)
            return now.reading(100.0 * median(now.values) / usual)
    return None
