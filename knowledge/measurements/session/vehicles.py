"""The vehicle elsewhere, other vehicles here: whether unexpected ends follow the vehicle or stay with the connector."""

from __future__ import annotations

import numpy as np

from ...readings import MINUTE, Reading, few
from ...scene import Scene
from ...sessions import Session
from ..registry import measures
from .connections import breaks
from .endings import Ending, count_of, history
from .ends_elsewhere import Ends, ends_of_model, ends_of_vehicle, vehicle_of
from .occurrences import MAX_COMPARED, ended_session, latest_occurrences


def _vehicle(scene: Scene) -> str | None:
    """The vehicle at the latest occurrence whose vehicle is known."""
    sessions = (ended_session(scene, time) for time in latest_occurrences(scene))
    return next((vehicle_of(session) for session in sessions if session is not None and session.vin), None)


def _elsewhere(scene: Scene) -> Ends | None:
    """The vehicle's sessions on other connectors or chargers with a known outcome, within the history."""

    def load() -> Ends | None:
        vin = _vehicle(scene)
        if vin is None:
            return None
        found = ends_of_vehicle(scene, vin)
        named = ~np.isnan(found.connectors) & (found.connectors != (scene.connector_id or 0))
        return found.where((found.chargers != scene.device_id) | named).known()

    return scene.once("ends elsewhere", load)


@measures(
    "vehicle_aborts_elsewhere",
    "sessions of this vehicle on other connectors or chargers within 60 days that ended unexpectedly and not by unplugging; "
    "known where it has sessions elsewhere with a known end",
    unit="1",
    low=0,
)
def vehicle_aborts_elsewhere(scene: Scene) -> Reading | None:
    known = _elsewhere(scene)
    return None if known is None else known.counted(scene, known.broken_off())


@measures(
    "vehicle_unplugs_elsewhere",
    "sessions of this vehicle elsewhere within 60 days that ended by unplugging in mid-session; known where it has any",
    unit="1",
    low=0,
)
def vehicle_unplugs_elsewhere(scene: Scene) -> Reading | None:
    known = _elsewhere(scene)
    return None if known is None else known.counted(scene, known.where(known.unplugged))


@measures(
    "vehicle_good_ends_elsewhere",
    "sessions of this vehicle elsewhere within 60 days that ended as they should; known where none ended unexpectedly",
    unit="1",
    low=0,
)
def vehicle_good_ends_elsewhere(scene: Scene) -> Reading | None:
    known = _elsewhere(scene)
    return None if known is None or known.unexpected.any() else known.counted(scene, known)


@measures(
    "vehicle_aborts_here",
    "sessions of this vehicle on this connector within 60 days, this one included, that ended unexpectedly",
    unit="1",
    low=0,
)
def vehicle_aborts_here(scene: Scene) -> Reading | None:
    vin = _vehicle(scene)
    mine = [] if vin is None else [(s, bad) for s, bad in history(scene) if bad and vehicle_of(s) == vin]
    return count_of(scene, [s for s, _ in mine], mine)


@measures(
    "vehicle_abort_soc_spread",
    "of at least three unexpected ends of this vehicle here and elsewhere within 60 days, the distance between the lowest and "
    "the highest state of charge at the end",
    unit="1",
    low=0,
)
def vehicle_abort_soc_spread(scene: Scene) -> Reading | None:
    vin = _vehicle(scene)
    if vin is None:
        return None
    found = ends_of_vehicle(scene, vin)
    ends = found.where((found.unexpected == 1.0) & ~np.isnan(found.soc))
    if len(ends) < 3:
        return None
    return Reading(float(ends.soc.max() - ends.soc.min()), scene.anchor, ends.sources())


def _strangers(scene: Scene) -> list[Ending]:
    """The sessions of other vehicles on this connector with a known end, within the history."""
    vin = _vehicle(scene)
    return [] if vin is None else [(s, bad) for s, bad in history(scene) if s.vin and vehicle_of(s) != vin]


def _connected_at_end(scene: Scene, session: Session) -> bool:
    """Whether the charger was connected when a session ended, as far as its records tell."""
    end = session.end
    return end is None or not any(b.touches(end - 2 * MINUTE, end + 90) for b in breaks(scene))


@measures(
    "other_vehicles_aborted_here",
    "distinct other vehicles whose sessions on this connector ended unexpectedly within 60 days, those during a loss of "
    "connection left out; known where other vehicles' ends are known",
    unit="1",
    low=0,
)
def other_vehicles_aborted_here(scene: Scene) -> Reading | None:
    known = _strangers(scene)
    bad = {vehicle_of(s): s for s, ended in known if ended and _connected_at_end(scene, s)}
    return count_of(scene, list(bad.values()), known)


@measures(
    "other_vehicles_share_aborted_here",
    "of at least four sessions of other vehicles on this connector within 60 days, the share in percent that ended unexpectedly",
    unit="%",
    low=0,
    high=100,
)
def other_vehicles_share_aborted_here(scene: Scene) -> Reading | None:
    known = _strangers(scene)
    if len(known) < 4:
        return None
    bad = [s for s, ended in known if ended]
    return Reading(100.0 * len(bad) / len(known), scene.anchor, few([s.source for s, _ in known]))


@measures(
    "vehicles_behind_occurrences",
    "distinct vehicles behind the occurrences on this connector; known for two occurrences or more whose vehicles are known",
    unit="1",
    low=0,
)
def vehicles_behind_occurrences(scene: Scene) -> Reading | None:
    sessions = {
        s.source: s for t in scene.times[-MAX_COMPARED:] if (s := ended_session(scene, t)) is not None and s.vin
    }
    if len(sessions) < 2:
        return None
    vehicles = {vehicle_of(s) for s in sessions.values()}
    return Reading(float(len(vehicles)), scene.anchor, few(list(sessions)))


@measures(
    "model_abort_share_elsewhere",
    "of at least three sessions of other vehicles of the same make and model on other chargers within 60 days with a known end, "
    "the share in percent that ended unexpectedly and not by unplugging",
    unit="%",
    low=0,
    high=100,
)
def model_abort_share_elsewhere(scene: Scene) -> Reading | None:
    ended = (ended_session(scene, time) for time in latest_occurrences(scene))
    session = next((s for s in ended if s is not None and s.model), None)
    if session is None:
        return None
    found = ends_of_model(scene, session.make, session.model)
    known = found.where(found.vehicles != vehicle_of(session)).known()
    if len(known) < 3:
        return None
    broken = known.broken_off()
    return Reading(100.0 * len(broken) / len(known), scene.anchor, (broken if len(broken) else known).sources())
