"""What the vehicle of the incident did at other times: discharges that went well, and refusals, to compare with."""

from __future__ import annotations

from bisect import bisect_left

from ...readings import DAY, HOUR, MINUTE
from ...scene import Scene
from .discharges import Discharge, discharges, discharging_runs
from .occurrences import LOSS, REFUSAL, Happening, happenings, happenings_here, the_vehicle
from .vehicles import stay_at, vehicle_in_events, vehicle_of_stay


def undisturbed(scene: Scene) -> list[Discharge]:
    """Discharges that no fault of the incident's code on that charger spoilt."""

    def load() -> list[Discharge]:
        times: dict[str, list[float]] = {}
        for happening in happenings(scene):
            times.setdefault(happening.device_id, []).append(happening.time)

        def broken(d: Discharge) -> bool:
            # A refusal only spoils a discharge that had not begun; a loss ends the one that runs.
            refused = scene.incidence.code == REFUSAL
            start, end = (d.start - 1.0, d.start + 1.0) if refused else (d.start - MINUTE, d.end + 5 * MINUTE)
            known = times.get(d.device_id, [])
            place = bisect_left(known, start)
            return place < len(known) and known[place] <= end

        return [d for d in discharges(scene) if not broken(d)]

    return scene.once("v2g-undisturbed", load)


def vehicle_discharges(scene: Scene) -> list[Discharge]:
    """Discharges of the vehicle without the fault, on any charger, within 90 days around the latest occurrence."""

    def load() -> list[Discharge]:
        vehicle = the_vehicle(scene)
        if vehicle is None:
            return []
        known = [*undisturbed(scene), *_runs_without_session(scene)]
        return sorted(
            (d for d in known if vehicle.is_same(d.vehicle) and abs(d.start - scene.anchor) <= 90 * DAY),
            key=lambda d: (d.start, d.device_id, d.source),
        )

    return scene.once("v2g-of-this-vehicle", load)


def vehicle_refusals(scene: Scene) -> list[Happening]:
    """Happenings with the vehicle, on any charger, within 90 days around the latest occurrence."""

    def load() -> list[Happening]:
        vehicle = the_vehicle(scene)
        if vehicle is None:
            return []
        known = [h for h in happenings(scene) if vehicle.is_same(h.vehicle)]
        return sorted(
            (h for h in known if abs(h.time - scene.anchor) <= 90 * DAY), key=lambda h: (h.time, h.device_id, h.source)
        )

    return scene.once("v2g-refusals", load)


def _runs_without_session(scene: Scene) -> list[Discharge]:
    """Discharges that only this connector's telemetry shows."""

    def load() -> list[Discharge]:
        known = [d for d in discharges(scene) if d.device_id == scene.device_id]
        soc = scene.readings("soc")
        found = []
        for start, end, _ in discharging_runs(scene):
            if end - start < MINUTE or any(
                d.start - 10 * MINUTE <= end and start <= d.end + 10 * MINUTE for d in known
            ):
                continue
            if scene.incidence.code == LOSS and any(start - MINUTE <= t <= end + 5 * MINUTE for t in scene.times):
                continue
            rows = scene.telemetry_rows(start, end)
            source = scene.observations["telemetry"].source(int(rows[0]))
            vehicle = vehicle_in_events(
                scene, scene.device_id, scene.connector_id, start - HOUR, start
            ) or vehicle_of_stay(scene, scene.device_id, scene.connector_id, start)
            levels = soc.between(start, end).values
            first, last = (float(levels[0]), float(levels[-1])) if len(levels) else (None, None)
            found.append(Discharge(scene.device_id, start, end, vehicle, first, last, source))
        return found

    return scene.once("v2g-runs-without-session", load)


def compared(scene: Scene) -> tuple[list[Happening], list[Discharge]]:
    """Refusals and discharges of the vehicle; where it is not named those of the connector while it was plugged in, or all, where
    records of the connector name one vehicle at most."""

    def load() -> tuple[list[Happening], list[Discharge]]:
        if the_vehicle(scene) is not None:
            return vehicle_refusals(scene), vehicle_discharges(scene)
        refused = happenings_here(scene)
        done = [d for d in [*undisturbed(scene), *_runs_without_session(scene)] if d.device_id == scene.device_id]
        vehicles = (*(happening.vehicle for happening in refused), *(discharge.vehicle for discharge in done))
        named = [vehicle for vehicle in vehicles if vehicle is not None]
        if not all(vehicle.is_same(named[0]) for vehicle in named):
            stay = stay_at(scene, scene.device_id, scene.connector_id, scene.anchor)
            if stay is None:
                return [], []
            refused = [h for h in refused if stay[0] - MINUTE <= h.time <= stay[1]]
            done = [d for d in done if stay[0] - MINUTE <= d.start <= stay[1]]
        return sorted(refused, key=lambda h: (h.time, h.source)), sorted(done, key=lambda d: (d.start, d.source))

    return scene.once("v2g-compared", load)


def next_discharges(scene: Scene, within: float) -> list[Discharge]:
    """The discharges to compare with that begin within so many seconds after the latest occurrence, by time."""
    return [d for d in compared(scene)[1] if scene.anchor < d.start <= scene.anchor + within]


def occasions(refused: list[Happening]) -> list[Happening]:
    """Refusals without the retries of one request: those at least an hour after the one before."""
    kept: list[Happening] = []
    for item in refused:
        if not kept or item.time - kept[-1].time >= HOUR:
            kept.append(item)
    return kept
