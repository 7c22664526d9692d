"""Which vehicle was at the fault, how hot it got elsewhere, and how hot other vehicles got here."""

from __future__ import annotations

from ....engine.facts import Source
from ...readings import DAY, MINUTE, Reading, few, median
from ...scene import Scene
from ...texts import flat
from ..elsewhere import chargers_of_vehicles
from ..registry import measures
from .load_comparison import alike, as_hot, excess_over, scaled
from .loads import Load, load_now, loads_by_vehicle, loads_here, loads_of, vehicle_of_session
from .payload import named_vehicle
from .remembered import once_an_incident
from .telemetry import known


def _vehicle_at(scene: Scene, time: float) -> str | None:
    """The vehicle of the last load on the connector that a moment belongs to."""
    return next(
        (x.vin for x in reversed(loads_here(scene)) if x.vin and x.start - MINUTE <= time <= x.end + 10 * MINUTE), None
    )


@once_an_incident
def vehicle_of(scene: Scene) -> str | None:
    """The vehicle (VIN) at the latest occurrence whose load or details name one, else that of the session."""
    for time in reversed(scene.times):
        vin = _vehicle_at(scene, time)
        if vin is not None:
            return vin
    named = named_vehicle((path, value) for path, value, _ in scene.details())
    return named or vehicle_of_session(scene.session)


@once_an_incident
def _elsewhere(scene: Scene) -> list[Load]:
    """The loads of the incident's vehicle on other connectors and chargers."""
    vin = vehicle_of(scene)
    if vin is None:
        return []
    devices = sorted({scene.device_id, *chargers_of_vehicles(scene, [vin])})
    here = (scene.device_id, scene.connector_id)
    return [
        x for device in devices[:50] for x in loads_by_vehicle(scene, device).get(vin, ())
        if (x.device, x.connector) != here and not (x.device == here[0] and None in (x.connector, here[1]))
    ]  # fmt: skip


@measures(
    "vehicle_hot_elsewhere",
    "other connectors or chargers on which this vehicle's sessions reported the code or came within five degrees of its limit",
    unit="1",
    low=0,
)
def vehicle_hot_elsewhere(scene: Scene) -> Reading | None:
    told = [x for x in _elsewhere(scene) if x.hot is not None]
    hot = [x for x in told if x.hot]
    if not told:
        return None
    places = {(x.device, x.connector) for x in hot}
    return Reading(float(len(places)), scene.anchor, few([s for x in (hot or told) for s in x.sources]))


@measures(
    "vehicle_cool_elsewhere",
    "sessions of this vehicle on other connectors or chargers, none of them hot; zero where one was",
    unit="1",
    low=0,
)
def vehicle_cool_elsewhere(scene: Scene) -> Reading | None:
    told = [(x, hot) for x in _elsewhere(scene) if (hot := x.hot or as_hot(load_now(scene), x)) is not None]
    if not told:
        return None
    cool = 0 if any(hot for _, hot in told) else len(told)
    return Reading(float(cool), scene.anchor, few([s for x, _ in told for s in x.sources]))


@measures(
    "vehicle_excess_elsewhere",
    "median of how much hotter connectors elsewhere got with this vehicle than with others at a load alike, over ambient "
    "where known",
    unit="K",
)
def vehicle_excess_elsewhere(scene: Scene) -> Reading | None:
    found: list[float] = []
    sources: list[Source] = []
    for mine in _elsewhere(scene):
        rivals = [
            x for x in loads_of(scene, mine.device)
            if x.vin not in (None, mine.vin) and x.connector == mine.connector and known(x.peak) and alike(mine, x)
        ]  # fmt: skip
        if known(mine.peak) and rivals:
            found.append(excess_over(mine, rivals))
            sources += [*mine.sources, *rivals[-1].sources]
    return Reading(median(found), scene.anchor, few(sources)) if found else None


@measures(
    "vehicle_excess_here",
    "how much hotter the connector got with this vehicle than the median of at least two sessions of other vehicles at a load "
    "alike here, brought to the same current (the four nearest in time within 21 days)",
    unit="K",
)
def vehicle_excess_here(scene: Scene) -> Reading | None:
    now, vin = load_now(scene), vehicle_of(scene)
    if now is None or not known(now.peak) or vin is None:
        return None
    rivals = [
        x for x in loads_here(scene)
        if x.vin not in (None, vin) and known(x.peak) and abs(x.start - now.start) <= 21 * DAY
        and (scaled(now, x) is not None or (alike(now, x) and not known(now.amps) and not known(now.power)))
    ]  # fmt: skip
    # the nearest in time, since a contact or a cooling that gets worse heats later sessions more
    rivals = sorted(rivals, key=lambda x: abs(x.start - now.start))[:4]
    if len(rivals) < 2:
        return None
    expected = [value if (value := scaled(now, x)) is not None else x.peak for x in rivals]
    value = now.peak - median(expected)
    return Reading(value, now.at, few([*now.sources, *(s for x in rivals for s in x.sources)]))


@once_an_incident
def _compared_here(scene: Scene) -> list[tuple[Load, bool]]:
    """The connector's loads from 14 days before to seven after the latest occurrence: whether they heated it as much."""
    start, end = scene.anchor - 14 * DAY, scene.anchor + 7 * DAY
    near = [x for x in loads_here(scene) if start <= x.end and x.start <= end]
    now = load_now(scene)
    return [(x, heated) for x in near if (heated := as_hot(now, x, in_like_air=True)) is not None]


@measures(
    "other_vehicles_hot_here",
    "other vehicles whose sessions here within 14 days before and seven after the latest occurrence heated the connector as "
    "much, brought to the same current (within six degrees), or where that is not known reported the code or came near its limit",
    unit="1",
    low=0,
)
def other_vehicles_hot_here(scene: Scene) -> Reading | None:
    return _others_here(scene, hot=True)


@measures(
    "other_vehicles_cool_here",
    "other vehicles whose sessions here within 14 days before and seven after the latest occurrence stayed ten degrees cooler, "
    "brought to the same current, or where that is not known were cool at no less than 0.6 of the load",
    unit="1",
    low=0,
)
def other_vehicles_cool_here(scene: Scene) -> Reading | None:
    return _others_here(scene, hot=False)


def _others_here(scene: Scene, *, hot: bool) -> Reading | None:
    """How many other vehicles heated the connector as much as the fault's, or did not."""
    vin = vehicle_of(scene)
    near = [] if vin is None else [(x, heated) for x, heated in _compared_here(scene) if x.vin not in (None, vin)]
    if not near:
        return None
    heating = {x.vin for x, heated in near if heated}
    counted = heating if hot else {x.vin for x, _ in near} - heating
    return Reading(float(len(counted)), scene.anchor, few([s for x, _ in near for s in x.sources]))


def _other_loads_here(scene: Scene, *, hot: bool) -> Reading | None:
    """How many other loads heated the connector as much as the fault's, or did not."""
    now = load_now(scene)
    near = [
        (x, heated) for x, heated in _compared_here(scene)
        if now is None or not (x is now or (x.start <= now.end and x.end >= now.start))
    ]  # fmt: skip
    if not near:
        return None
    counted = [x for x, heated in near if heated == hot]
    return Reading(
        float(len(counted)), scene.anchor, few([s for x in (counted or [x for x, _ in near]) for s in x.sources])
    )


@measures(
    "other_hot_loads_here",
    "other loads of the connector within 14 days before and seven after the latest occurrence that heated it as much, brought "
    "to the same current (within six degrees), or where that is not known reported the code or came near its limit; loads that "
    "overlap the one at the fault do not count, since they are other records of it",
    unit="1",
    low=0,
)
def other_hot_loads_here(scene: Scene) -> Reading | None:
    return _other_loads_here(scene, hot=True)


@measures(
    "other_cool_loads_here",
    "other loads of the connector in the same time that stayed ten degrees cooler, brought to the same current, or where that is "
    "not known were cool at no less than 0.6 of the load; loads that overlap the one at the fault do not count",
    unit="1",
    low=0,
)
def other_cool_loads_here(scene: Scene) -> Reading | None:
    return _other_loads_here(scene, hot=False)


@once_an_incident
def _faulting(scene: Scene) -> list[tuple[str, Source]]:
    """The vehicle at each occurrence, where known."""
    found: list[tuple[str, Source]] = []
    for fault in scene.incidence.faults[-200:]:
        vin = _vehicle_at(scene, fault.time) or named_vehicle(flat(fault.record.data))
        if vin is not None:
            found.append((vin, fault.source))
    return found


@measures("faulting_vehicles", "different vehicles at the occurrences whose vehicle is known", unit="1", low=0)
def faulting_vehicles(scene: Scene) -> Reading | None:
    found = _faulting(scene)
    return Reading(float(len({vin for vin, _ in found})), scene.anchor, few([s for _, s in found])) if found else None


@measures("occurrences_with_vehicle", "occurrences whose vehicle is known", unit="1", low=0)
def occurrences_with_vehicle(scene: Scene) -> Reading | None:
    found = _faulting(scene)
    return Reading(float(len(found)), scene.anchor, few([s for _, s in found])) if found else None
