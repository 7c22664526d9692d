"""The vehicle elsewhere, other vehicles here: whether unexpected ends follow the vehicle or stay with the connector."""

from __future__ import annotations

from ...readings import MINUTE, Reading, few
from ...scene import Scene
from ...sessions import Session
from ..elsewhere import chargers_of_model, chargers_of_vehicles, model_key, vehicle_key
from ..registry import measures
from .connections import breaks
from .endings import Ending, by_unplugging, count_of, ended_unexpectedly, history, with_known_end, within_history
from .occurrences import MAX_COMPARED, ended_session, latest_occurrences


def _vin_of(session: Session) -> str | None:
    return vehicle_key(session.vin) if session.vin else None


def _vehicle(scene: Scene) -> str | None:
    """The vehicle at the latest occurrence whose vehicle is known."""
    sessions = (ended_session(scene, time) for time in latest_occurrences(scene))
    return next((_vin_of(session) for session in sessions if session is not None and session.vin), None)


def _sessions_of(scene: Scene, vin: str) -> list[Session]:
    """A vehicle's sessions on any charger within the history."""
    chargers = sorted([scene.device_id, *chargers_of_vehicles(scene, [vin])])
    sessions = [s for device in chargers for s in scene.sessions(device=device, which="all")]
    return [s for s in sessions if _vin_of(s) == vin and within_history(scene, s)]


def _elsewhere(scene: Scene) -> list[Ending]:
    """The vehicle's sessions on other connectors or chargers with a known outcome, within the history."""
    vin = _vehicle(scene)
    if vin is None:
        return []
    here = (None, scene.connector_id)
    sessions = _sessions_of(scene, vin)
    return with_known_end(scene, [s for s in sessions if s.device_id != scene.device_id or s.connector_id not in here])


@measures(
    "vehicle_aborts_elsewhere",
    "sessions of this vehicle on other connectors or chargers within 60 days that ended unexpectedly and not by unplugging; "
    "known where it has sessions elsewhere with a known end",
    unit="1",
    low=0,
)
def vehicle_aborts_elsewhere(scene: Scene) -> Reading | None:
    known = _elsewhere(scene)
    return count_of(scene, [s for s, bad in known if bad and not by_unplugging(scene, s)], known)


@measures(
    "vehicle_unplugs_elsewhere",
    "sessions of this vehicle elsewhere within 60 days that ended by unplugging in mid-session; known where it has any",
    unit="1",
    low=0,
)
def vehicle_unplugs_elsewhere(scene: Scene) -> Reading | None:
    known = _elsewhere(scene)
    return count_of(scene, [s for s, bad in known if bad and by_unplugging(scene, s)], known)


@measures(
    "vehicle_good_ends_elsewhere",
    "sessions of this vehicle elsewhere within 60 days that ended as they should; known where none ended unexpectedly",
    unit="1",
    low=0,
)
def vehicle_good_ends_elsewhere(scene: Scene) -> Reading | None:
    known = _elsewhere(scene)
    return None if any(bad for _, bad in known) else count_of(scene, [s for s, _ in known], known)


@measures(
    "vehicle_aborts_here",
    "sessions of this vehicle on this connector within 60 days, this one included, that ended unexpectedly",
    unit="1",
    low=0,
)
def vehicle_aborts_here(scene: Scene) -> Reading | None:
    vin = _vehicle(scene)
    mine = [] if vin is None else [(s, bad) for s, bad in history(scene) if bad and _vin_of(s) == vin]
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
    ends = [
        (float(s.soc_end), s.source)
        for s in _sessions_of(scene, vin)
        if s.soc_end is not None and ended_unexpectedly(scene, s)
    ]
    if len(ends) < 3:
        return None
    levels = [level for level, _ in ends]
    return Reading(max(levels) - min(levels), scene.anchor, few([source for _, source in ends]))


def _strangers(scene: Scene) -> list[Ending]:
    """The sessions of other vehicles on this connector with a known end, within the history."""
    vin = _vehicle(scene)
    return [] if vin is None else [(s, bad) for s, bad in history(scene) if s.vin and _vin_of(s) != vin]


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
    bad = {_vin_of(s): s for s, ended in known if ended and _connected_at_end(scene, s)}
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
    vehicles = {_vin_of(s) for s in sessions.values()}
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
    model = model_key(session.make, session.model)
    alike = [
        s
        for device in chargers_of_model(scene, session.make, session.model)
        for s in scene.sessions(device=device, which="all")
        if _vin_of(s) not in (None, _vin_of(session))
        and model_key(s.make, s.model) == model
        and within_history(scene, s)
    ]
    known = with_known_end(scene, alike)
    if len(known) < 3:
        return None
    broken = [s.source for s, bad in known if bad and not by_unplugging(scene, s)]
    return Reading(100.0 * len(broken) / len(known), scene.anchor, few(broken or [s.source for s, _ in known]))
