"""Measurements of the grid's own records: excursions at the site or in its area, and whether they met the losses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ...observations import Record
from ...readings import DAY, HOUR, Reading
from ...scene import Scene
from ..registry import measures
from .evidence import of_incident
from .occurrences import TOGETHER, latest_times
from .supply import EUROPEAN_VOLTAGES, frequency_off, nominal_voltages, voltage_off


@dataclass(frozen=True, slots=True)
class _Excursion:
    """A grid record of the site or its area: from when to when."""

    start: float
    end: float
    record: Record
    key: str


def _excursions(scene: Scene) -> list[_Excursion]:
    def load() -> list[_Excursion]:
        only_site = scene.fleet.one_site
        found = []
        for record in scene.observations["grid"].records:
            site, area = record.fields.get("site_id"), record.fields.get("area")
            if site is not None and site == scene.site_id:
                related = True
            elif site is not None:
                here_unknown = scene.site_id is None and only_site
                related = here_unknown or (scene.area is not None and scene.fleet.area_of(site) == scene.area)
            elif area is not None:
                # Where only one site is on record and nobody noted its area, the area that is recorded will be its own.
                related = area in (scene.area, scene.site_id) or (scene.area is None and only_site)
            else:
                related = only_site
            if related and record.time is not None:
                length = max(0.0, record.fields.get("duration_s") or 0.0)
                found.append(_Excursion(record.time, record.time + min(length, DAY), record, f"grid-{record.index}"))
        return found

    return scene.once("v2g-excursions", load)


def _delay(excursion: _Excursion, times: Iterable[float]) -> float:
    """Seconds from an excursion to the nearest occurrence: 0 while it lasts, negative where the occurrence came first."""
    delays = [
        0.0 if excursion.start <= t <= excursion.end else t - (excursion.end if t > excursion.end else excursion.start)
        for t in times
    ]
    return min(delays, key=abs)


def _near_excursions(scene: Scene) -> list[tuple[_Excursion, float]]:
    """The excursions within two hours of an occurrence, the nearest ones first, with their delays."""

    def load() -> list[tuple[_Excursion, float]]:
        times = latest_times(scene)
        found = [(e, _delay(e, times)) for e in _excursions(scene)]
        return sorted((pair for pair in found if abs(pair[1]) <= 2 * HOUR), key=lambda p: (abs(p[1]), p[0].key))[:20]

    return scene.once("v2g-near-excursions", load)


def _of_each(scene: Scene, tell: Callable[[_Excursion, float], float | str | bool | None]) -> Iterator[Reading]:
    """What each excursion near an occurrence, with its delay, tells, where it tells it."""
    for excursion, delay in _near_excursions(scene):
        if (value := tell(excursion, delay)) is not None:
            yield Reading(value, excursion.start, (scene.source("grid", excursion.record),), excursion.key)


@measures(
    "grid_record_delay",
    "seconds from each grid record of the site or its area to the nearest occurrence within two hours of it: 0 while the "
    "excursion lasts, negative where the occurrence came first",
    unit="s",
    many=True,
)
def grid_record_delay(scene: Scene) -> Iterable[Reading]:
    return _of_each(scene, lambda _, delay: delay)


@measures(
    "grid_record_kind",
    "what each grid record within two hours of an occurrence says happened",
    kind="text",
    choices=("voltage_excursion", "frequency_excursion", "outage"),
    many=True,
)
def grid_record_kind(scene: Scene) -> Iterable[Reading]:
    return _of_each(scene, lambda excursion, _: excursion.record.fields.get("kind"))


@measures(
    "grid_record_voltage_deviation",
    "by how much the voltage of each grid record within two hours of an occurrence is off the nearest nominal one of the "
    "charger's supply",
    unit="%",
    low=0,
    many=True,
)
def grid_record_voltage_deviation(scene: Scene) -> Iterable[Reading]:
    def off(excursion: _Excursion, _: float) -> float | None:
        voltage = excursion.record.fields.get("voltage_v")
        # What is recorded as an excursion of the voltage was not nominal on any grid.
        known = nominal_voltages(scene) or (
            EUROPEAN_VOLTAGES if excursion.record.fields.get("kind") == "voltage_excursion" else None
        )
        return voltage_off(voltage, known) if voltage is not None and voltage >= 0 else None

    return _of_each(scene, off)


@measures(
    "grid_record_frequency_deviation",
    "by how much the frequency of each grid record within two hours of an occurrence is off 50 or 60 Hz",
    unit="Hz",
    low=0,
    many=True,
)
def grid_record_frequency_deviation(scene: Scene) -> Iterable[Reading]:
    def off(excursion: _Excursion, _: float) -> float | None:
        frequency = excursion.record.fields.get("frequency_hz")
        return frequency_off(frequency) if frequency is not None and frequency > 0 else None

    return _of_each(scene, off)


@measures(
    "grid_record_without_size",
    "that a grid record within two hours of an occurrence names an excursion but neither voltage nor frequency",
    kind="flag",
    many=True,
)
def grid_record_without_size(scene: Scene) -> Iterable[Reading]:
    return _of_each(
        scene, lambda e, _: e.record.fields.get("voltage_v") is None and e.record.fields.get("frequency_hz") is None
    )


@measures(
    "hours_to_nearest_grid_record",
    "hours between the nearest grid record of the site or its area and any occurrence, where there are such records",
    unit="h",
    low=0,
)
def hours_to_nearest_grid_record(scene: Scene) -> Reading | None:
    times = latest_times(scene)
    found = [(abs(_delay(e, times)), e) for e in _excursions(scene)]
    if not found:
        return None
    gap, nearest = min(found, key=lambda pair: (pair[0], pair[1].key))
    return Reading(gap / HOUR, nearest.start, (scene.source("grid", nearest.record),))


@measures(
    "share_of_losses_with_grid_record",
    "of at least three occurrences, the share within a minute of a grid record of the site or its area, where there are such "
    "records",
    unit="%",
    low=0,
    high=100,
)
def share_of_losses_with_grid_record(scene: Scene) -> Reading | None:
    times = latest_times(scene)
    found = _excursions(scene)
    if len(times) < 3 or not found:
        return None
    met = [t for t in times if any(e.start - TOGETHER <= t <= e.end + TOGETHER for e in found)]
    hits = [e.record for e in found if any(e.start - TOGETHER <= t <= e.end + TOGETHER for t in times)]
    return of_incident(scene, 100.0 * len(met) / len(times), scene.sources("grid", hits))
