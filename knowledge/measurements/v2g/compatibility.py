"""Measurements of how the vehicle fares: here and elsewhere, beside other vehicles and others of its model."""

from __future__ import annotations

import re

from ....engine.facts import Source
from ...readings import DAY, HOUR, Reading, few
from ...scene import Scene
from ...texts import words_of
from ..registry import measures
from .evidence import number_of, sources_of
from .history import undisturbed, vehicle_discharges, vehicle_refusals
from .occurrences import Happening, happenings, is_here, the_vehicle, this_happening
from .records import same_connector
from .vehicles import sessions_of_vehicle, vehicle_of

_STELLANTIS = re.compile(
    r"\b(stellantis|free2move|free 2 move|dross ?one|peugeot|citro[eë]n|opel|vauxhall|fiat|jeep|alfa romeo|lancia|ds automobiles|abarth|maserati|leapmotor)\b|^ds\b"
)


@measures(
    "vehicle_of_stellantis",
    "whether make or model of the vehicle at the latest occurrence names Stellantis, Free2move, DrossOne or a Stellantis brand",
    kind="flag",
)
def vehicle_of_stellantis(scene: Scene) -> Reading | None:
    found = this_happening(scene)
    if found is None or found.vehicle is None or not (found.vehicle.make or found.vehicle.model):
        return None
    named = f"{words_of(found.vehicle.make or '')} {words_of(found.vehicle.model or '')}"
    return Reading(bool(_STELLANTIS.search(named)), scene.anchor, (found.source,))


def _vehicle_faults(scene: Scene) -> list[Happening]:
    """Faults of the code with the vehicle of the latest occurrence, anywhere and at any time."""
    vehicle = the_vehicle(scene)
    return [] if vehicle is None else [h for h in happenings(scene) if vehicle.is_same(h.vehicle)]


@measures(
    "v2g_chargers_failing_with_vehicle",
    "other chargers on which the same vehicle met the same fault; known where there is one",
    unit="1",
    low=0,
)
def v2g_chargers_failing_with_vehicle(scene: Scene) -> Reading | None:
    elsewhere = [h for h in _vehicle_faults(scene) if h.device_id != scene.device_id]
    return number_of(scene, elsewhere, {h.device_id for h in elsewhere})


@measures(
    "v2g_model_mates_with_fault",
    "other vehicles of the same model that met the same fault, on any charger; known where there is one",
    unit="1",
    low=0,
)
def v2g_model_mates_with_fault(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None:
        return None
    alike = [h for h in happenings(scene) if not vehicle.is_same(h.vehicle) and vehicle.is_same_model(h.vehicle)]
    return number_of(scene, alike, {h.vehicle.vin or h.device_id for h in alike if h.vehicle is not None})


@measures(
    "v2g_vehicles_with_fault",
    "different vehicles that met the fault on this charger within 30 days; known from two occurrences with known vehicles",
    unit="1",
    low=0,
)
def v2g_vehicles_with_fault(scene: Scene) -> Reading | None:
    recent = [h for h in happenings(scene) if h.device_id == scene.device_id and h.time >= scene.anchor - 30 * DAY]
    known = [h for h in recent if h.vehicle is not None]
    return (
        number_of(scene, known, {h.vehicle.name for h in known if h.vehicle is not None}) if len(known) >= 2 else None
    )


@measures(
    "v2g_faults_with_vehicle",
    "occurrences on this charger with the vehicle of the latest one",
    unit="1",
    low=0,
)
def v2g_faults_with_vehicle(scene: Scene) -> Reading | None:
    return number_of(scene, [h for h in _vehicle_faults(scene) if is_here(scene, h)])


@measures(
    "v2g_vehicle_success_share",
    "of the vehicle's discharges and faults on this charger within 90 days, the share that were discharges; known from two faults",
    unit="%",
    low=0,
    high=100,
)
def v2g_vehicle_success_share(scene: Scene) -> Reading | None:
    faults = [h for h in _vehicle_faults(scene) if h.device_id == scene.device_id]
    good = [d for d in vehicle_discharges(scene) if d.device_id == scene.device_id]
    if len(faults) < 2:
        return None
    return Reading(100.0 * len(good) / (len(good) + len(faults)), scene.anchor, sources_of(faults, good))


@measures(
    "other_vehicles_discharged_here",
    "different other vehicles that discharged on this charger without the fault within 30 days around the latest occurrence; "
    "known where its vehicle is known and one did",
    unit="1",
    low=0,
)
def other_vehicles_discharged_here(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None:
        return None
    found = [
        d for d in undisturbed(scene)
        if d.device_id == scene.device_id and d.vehicle is not None and not vehicle.is_same(d.vehicle)
        and abs(d.start - scene.anchor) <= 30 * DAY
    ]  # fmt: skip
    return number_of(scene, found, {d.vehicle.name for d in found if d.vehicle is not None})


@measures(
    "other_vehicles_discharged_since_first_loss",
    "different other vehicles that discharged on the incident's connector without the fault between its first occurrence of "
    "the last 30 days and a day after its latest one; known where its vehicle is known and one did",
    unit="1",
    low=0,
)
def other_vehicles_discharged_since_first_loss(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None:
        return None
    first = min((t for t in scene.times if t >= scene.anchor - 30 * DAY), default=scene.anchor)
    found = [
        d for d in undisturbed(scene)
        if d.device_id == scene.device_id and same_connector(d.connector_id, scene.connector_id)
        and d.vehicle is not None and not vehicle.is_same(d.vehicle) and first < d.start <= scene.anchor + DAY
    ]  # fmt: skip
    return number_of(scene, found, {d.vehicle.name for d in found if d.vehicle is not None})


@measures(
    "discharges_of_vehicle",
    "discharges of the same vehicle without the fault on any charger within 90 days around the latest occurrence; known where "
    "there is one",
    unit="1",
    low=0,
)
def discharges_of_vehicle(scene: Scene) -> Reading | None:
    return number_of(scene, vehicle_discharges(scene))


@measures(
    "discharges_of_vehicle_elsewhere",
    "discharges of the same vehicle without the fault on other chargers within 90 days; known where there is one",
    unit="1",
    low=0,
)
def discharges_of_vehicle_elsewhere(scene: Scene) -> Reading | None:
    return number_of(scene, [d for d in vehicle_discharges(scene) if d.device_id != scene.device_id])


@measures(
    "discharges_of_model_mates",
    "discharges of other vehicles of the same model on any charger; known where there is one",
    unit="1",
    low=0,
)
def discharges_of_model_mates(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None:
        return None
    return number_of(
        scene, [d for d in undisturbed(scene) if not vehicle.is_same(d.vehicle) and vehicle.is_same_model(d.vehicle)]
    )


@measures(
    "v2g_vehicle_new_here",
    "whether none of at least ten earlier sessions in the bundle was of the vehicle of the latest occurrence",
    kind="flag",
)
def v2g_vehicle_new_here(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None:
        return None
    earlier = [s for s in scene.sessions(which="all") if s.start < scene.first - HOUR and vehicle_of(s) is not None]
    if len(earlier) < 10:
        return None
    return Reading(not any(vehicle.is_same(vehicle_of(s)) for s in earlier), scene.anchor, sources_of(earlier))


@measures(
    "v2g_vehicle_firmware_changed",
    "whether the vehicle's firmware at the latest occurrence differs from that of its last session before the first one",
    kind="flag",
)
def v2g_vehicle_firmware_changed(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None or not vehicle.firmware or not vehicle.vin:
        return None
    earlier: list[tuple[float, str, Source]] = []
    for session in sessions_of_vehicle(scene, vehicle.vin):
        then = vehicle_of(session)
        if then is not None and then.firmware and session.start < scene.first - HOUR:
            earlier.append((session.start, then.firmware, session.source))
    if not earlier:
        return None
    _, firmware, source = max(earlier)
    return Reading(firmware != vehicle.firmware, scene.anchor, (source,))


@measures(
    "vehicle_firmware_changed_at_recovery",
    "whether the vehicle's firmware at its first discharge within 30 days after the latest refusal differs from that at the "
    "refusal",
    kind="flag",
)
def vehicle_firmware_changed_at_recovery(scene: Scene) -> Reading | None:
    here = this_happening(scene)
    if here is None or here.vehicle is None or not here.vehicle.firmware:
        return None
    last = max([h.time for h in vehicle_refusals(scene)], default=here.time)
    for d in vehicle_discharges(scene):
        if last < d.start <= last + 30 * DAY and d.vehicle is not None and d.vehicle.firmware:
            return Reading(d.vehicle.firmware != here.vehicle.firmware, d.start, few([here.source, d.source]))
    return None
