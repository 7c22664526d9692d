"""The air around a charger: how hot it was, and whether the fault chooses the hot days and hours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...fleet.chargers import NONE
from ...observations import Floats
from ...readings import DAY, HOUR, MINUTE, Reading, Readings, few, median
from ...scene import Scene
from ...texts import as_number
from ..registry import measures
from .chargers import site_of
from .remembered import once_a_bundle, once_an_incident
from .telemetry import HISTORY, REACH, difference, interpolated, sources_of


@once_a_bundle
def weather_of(scene: Scene, site: str | None) -> Readings:
    """Ambient temperatures recorded for a site."""
    table = scene.fleet.observations["environment"]
    values = table.numbers("ambient_c")
    mine = NONE if site is None else scene.fleet.rows("environment", "site_id", site)
    rows = mine[~np.isnan(values[mine])]
    return Readings(table, table.times[rows], values[rows], rows)


@once_a_bundle
def _neighbours_sensor(scene: Scene, device: str) -> Readings:
    """Ambient temperature by the first charger of the site that has a sensor; none where no site is known."""
    others = (
        [] if site_of(scene, device) is None else [other for other in scene.fleet.company(device) if other != device]
    )
    theirs = (scene.readings("ambient_temperature", which="all", device=other) for other in others)
    return next((sensor for sensor in theirs if len(sensor)), weather_of(scene, None))


def _ambients_of(scene: Scene, device: str) -> Iterator[Readings]:
    """What may tell the ambient temperature at a charger: its own sensor, then the site's records, else a neighbour's sensor."""
    yield scene.readings("ambient_temperature", which="all", device=device)
    weather = weather_of(scene, site_of(scene, device))
    yield weather if len(weather) else _neighbours_sensor(scene, device)


@once_a_bundle
def _ambient_of(scene: Scene, device: str) -> Readings:
    """The first of these that holds anything."""
    return next((told for told in _ambients_of(scene, device) if len(told)), weather_of(scene, None))


def ambient_at(scene: Scene, device: str, moments: Floats) -> Floats:
    """The ambient temperature at a charger at some moments, NaN where it is not known; all by one sensor, since what is compared must
    not differ by where sensors hang."""
    return interpolated(_ambient_of(scene, device), moments, REACH)


def _ambient_around(scene: Scene, moment: float) -> Reading | None:
    """The highest ambient within the hour up to a moment, else the nearest within three hours, by the first that tells it."""
    for told in _ambients_of(scene, scene.device_id):
        highest = told.between(moment - HOUR, moment + 5 * MINUTE).max()
        if highest is not None:
            return highest
        wide = told.between(moment - REACH, moment + REACH)
        if len(wide):
            place = int(np.argmin(np.abs(wide.times - moment)))
            return wide.reading(float(wide.values[place]), float(wide.times[place]), [place])
    return None


@once_an_incident
def _ambient_in_details(scene: Scene) -> Reading | None:
    return scene.detail_number(
        r"^(?!.*\b(over|rise|above|delta|limit|rated|max rated|threshold)\b).*\b(ambient|amb|outside|outdoor|weather)\b"
    )


@measures(
    "ambient_temperature",
    "highest ambient within the hour up to the latest occurrence that has any, else the nearest within three hours, from the "
    "charger's sensor, else the site's records, else a neighbour's sensor, else the fault's details",
    unit="°C",
    low=-60,
    high=90,
)
@once_an_incident
def ambient_temperature(scene: Scene) -> Reading | None:
    around = (_ambient_around(scene, time) for time in reversed(scene.times))
    return next((told for told in around if told is not None), None) or _ambient_in_details(scene)


@measures(
    "site_coolest_sensor",
    "lowest median temperature that a connector or cabinet sensor of the site's chargers showed within half an hour of the latest "
    "occurrence, zeros left out: the air was no hotter; known where no ambient is",
    unit="°C",
    low=-60,
    high=90,
)
def site_coolest_sensor(scene: Scene) -> Reading | None:
    if ambient_temperature(scene) is not None:
        return None
    company = {scene.device_id, *([] if scene.site_id is None else scene.fleet.company(scene.device_id))}
    found = [
        _usual_then(scene, device, path)
        for device in sorted(company)
        for path in ("temperature", "cabinet_temperature")
    ]
    return min((one for one in found if one is not None), key=lambda one: float(one.value), default=None)


def _usual_then(scene: Scene, device: str, path: str) -> Reading | None:
    """The median of what a charger's sensor showed around the latest occurrence; a zero is what one says that is not there."""
    near = scene.readings(path, which="all", device=device).between(
        scene.anchor - 30 * MINUTE, scene.anchor + 30 * MINUTE
    )
    return near.at(near.values != 0.0).median()


def over_ambient(scene: Scene, heat: Reading | None) -> Reading | None:
    """How much a temperature lies over the ambient of its time; None where that is not known."""
    if heat is None:
        return None
    moment = scene.anchor if heat.at is None else heat.at
    ambient, told = _ambient_around(scene, moment), _ambient_in_details(scene)
    if ambient is None and told is not None and told.at is not None and abs(told.at - moment) <= REACH:
        ambient = told
    return difference(heat, ambient)


@measures(
    "ambient_day_max",
    "highest ambient within the 24 hours up to an hour after the latest occurrence",
    unit="°C",
    low=-60,
    high=90,
)
def ambient_day_max(scene: Scene) -> Reading | None:
    found = [
        reading
        for series in (_ambient_of(scene, scene.device_id), weather_of(scene, scene.site_id))
        if (reading := series.between(scene.anchor - DAY, scene.anchor + HOUR).max()) is not None
    ]
    return max(found, key=lambda reading: float(reading.value), default=None)


MILD = 28.0
"""Ambient up to which the surroundings heat no connector (our judgement, as in the rules on a single occurrence), °C."""


@measures(
    "mild_faults_share",
    "of at least three of the last 50 occurrences, on days of their own, at which the ambient is known within three hours, the share at "
    "which it was at most 28 °C",
    unit="%",
    low=0,
    high=100,
)
def mild_faults_share(scene: Scene) -> Reading | None:
    latest_of_day = {int(time // DAY): time for time in scene.times[-50:]}
    ambient = ambient_at(scene, scene.device_id, np.array([*latest_of_day.values()], dtype=np.float64))
    told = ambient[~np.isnan(ambient)]
    if len(told) < 3:
        return None
    series = _ambient_of(scene, scene.device_id)
    near = series.between(scene.times[0] - REACH, scene.anchor + REACH)
    return Reading(100.0 * float((told <= MILD).mean()), scene.anchor, sources_of(near))


@measures(
    "ambient_fault_day_excess",
    "median daily maximum of the ambient on days with the fault minus that on at least three days without it, within 60 days",
    unit="K",
)
def ambient_fault_day_excess(scene: Scene) -> Reading | None:
    series = _ambient_of(scene, scene.device_id)
    weather = weather_of(scene, scene.site_id)
    if len(weather) and (not len(series) or np.ptp(weather.times) > np.ptp(series.times)):
        series = weather
    near = series.between(scene.anchor - HISTORY, scene.anchor + DAY)
    if len(near) < 6:
        return None
    days = np.floor(near.times / DAY)
    hottest = {day: float(near.values[days == day].max()) for day in np.unique(days)}
    faulty = {float(np.floor(time / DAY)) for time in scene.times}
    hit = [value for day, value in hottest.items() if day in faulty]
    free = [value for day, value in hottest.items() if day not in faulty]
    if len(hit) < 2 or len(free) < 3:
        return None
    return Reading(median(hit) - median(free), scene.anchor, sources_of(near))


@measures(
    "hot_faults_afternoon_share",
    "of at least three occurrences on at least two days, the share between 11 and 19 o'clock by the sun (UTC and the site's "
    "longitude; unknown where the longitude is)",
    unit="%",
    low=0,
    high=100,
)
def hot_faults_afternoon_share(scene: Scene) -> Reading | None:
    location = None if scene.site is None else scene.site.fields.get("location")
    longitude = None
    if isinstance(location, dict):
        longitude = next(
            (n for key in ("lng", "lon", "longitude") if (n := as_number(location.get(key))) is not None), None
        )
    if longitude is None or len(scene.times) < 3 or len({int(t // DAY) for t in scene.times}) < 2:
        return None
    hours = [(time / HOUR + longitude / 15.0) % 24.0 for time in scene.times]
    inside = [hour for hour in hours if 11.0 <= hour <= 19.0]
    told = [] if scene.site is None else [scene.source("sites", scene.site)]
    told += [fault.source for fault in scene.incidence.faults]
    return Reading(100.0 * len(inside) / len(hours), scene.anchor, few(told))
