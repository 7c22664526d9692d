"""How the sessions of a vehicle or of a model ended on other chargers: in columns, put together once for all incidents."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....engine.facts import Source, iso_timestamp
from ...observations import Floats, Rows, Table
from ...readings import Reading, ends
from ...scene import Scene
from ...sessions import Session
from ..elsewhere import (
    MOST_CHARGERS,
    all_chargers_of_model,
    all_chargers_of_vehicle,
    chargers_naming_vehicles,
    model_key,
    vehicle_key,
)
from .endings import HISTORY, by_unplugging, ended_unexpectedly

UNKNOWN = np.nan


def vehicle_of(session: Session) -> str | None:
    """The vehicle of a session as vehicles are told apart; None where it is not known."""
    return _vehicle(session.vin)


def _vehicle(vin: str | None) -> str | None:
    return vehicle_key(vin) if vin else None


class _Told(NamedTuple):
    """Of a session what its end is judged by, and the record that tells of it: its list, its index there, and its time."""

    device_id: str
    connector_id: int | None
    vehicle: str | None
    start: float
    end: float | None
    stop_reason: str | None
    soc_end: float | None
    told_in: str
    told_at: int
    time: float | None

    @classmethod
    def by(cls, session: Session) -> _Told:
        """What a session tells."""
        return cls(
            session.device_id, session.connector_id, vehicle_of(session), session.start, session.end, session.stop_reason,
            session.soc_end, session.table.name, session.record.index, session.record.time,
        )  # fmt: skip


def _told_by_records(table: Table, rows: Rows) -> Iterator[_Told]:
    """What some charging records tell, read from columns: they may be those of hundreds of chargers."""
    texts = [table.texts_at(path, rows) for path in ("device_id", "vehicle_info.vin", "stop_reason")]
    columns = (table.connectors, table.times, table.numbers("end_time"), table.numbers("vehicle_info.soc_end"))
    numbers = [[None if value != value else value for value in column[rows].tolist()] for column in columns]
    for row, device, vin, reason, connector, start, end, soc in zip(rows.tolist(), *texts, *numbers, strict=True):
        place = table.source(row).index
        yield _Told(device, connector, _vehicle(vin), start, end, reason, soc, table.name, place, start)


@dataclass(frozen=True, slots=True)
class Ends:
    """Sessions with how they ended, one a place in each column; NaN for what is not known.

    They stand in the order of their sources. `unexpected` is one or zero; `unplugged` tells of unexpected ends alone
    whether it was by unplugging.
    """

    chargers: NDArray[np.object_]
    connectors: Floats
    vehicles: NDArray[np.object_]
    starts: Floats
    soc: Floats
    unexpected: Floats
    unplugged: NDArray[np.bool_]
    lists: NDArray[np.object_]
    indices: Rows
    times: Floats

    @classmethod
    def of(cls, scene: Scene, sessions: Iterable[_Told]) -> Ends:
        """Those of some sessions, by the faults of the incident's code."""
        ordered = sorted(sessions, key=attrgetter("told_in", "told_at"))
        endings = [ended_unexpectedly(scene, s) for s in ordered]
        return cls(
            chargers=_texts([s.device_id for s in ordered]),
            connectors=_numbers([s.connector_id for s in ordered]),
            vehicles=_texts([s.vehicle for s in ordered]),
            starts=_numbers([s.start for s in ordered]),
            soc=_numbers([s.soc_end for s in ordered]),
            unexpected=_numbers(endings),
            unplugged=np.array([bool(bad) and by_unplugging(scene, s) for s, bad in zip(ordered, endings, strict=True)], bool),
            lists=_texts([s.told_in for s in ordered]),
            indices=np.array([s.told_at for s in ordered], dtype=np.intp),
            times=_numbers([s.time for s in ordered]),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.starts)

    def where(self, chosen: NDArray[np.bool_] | Rows) -> Ends:
        """Those of which a mask is true, or those at some places."""
        return Ends(*(getattr(self, column.name)[chosen] for column in fields(self)))

    def beside(self, others: Ends) -> Ends:
        """These and others."""
        if not len(others):
            return self
        columns = [np.concatenate([getattr(each, column.name) for each in (self, others)]) for column in fields(self)]
        together = Ends(*columns)
        return together.where(np.lexsort((together.indices, together.lists)))

    def known(self) -> Ends:
        """Those of which is known whether they ended unexpectedly."""
        return self.where(~np.isnan(self.unexpected))

    def broken_off(self) -> Ends:
        """Those that ended unexpectedly and not by unplugging."""
        return self.where((self.unexpected == 1.0) & ~self.unplugged)

    def sources(self) -> tuple[Source, ...]:
        """The records that tell of them; of many, the first and the last."""
        return tuple(
            Source(self.lists[k], int(self.indices[k]), None if np.isnan(self.times[k]) else iso_timestamp(self.times[k]))
            for k in ends(range(len(self)))
        )  # fmt: skip

    def counted(self, scene: Scene, chosen: Ends) -> Reading | None:
        """How many were chosen of these; None where there are none."""
        told = chosen if len(chosen) else self
        return Reading(float(len(chosen)), scene.anchor, told.sources()) if len(self) else None


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array([UNKNOWN if value is None else value for value in values], dtype=np.float64)


def _texts(values: Sequence[str | None]) -> NDArray[np.object_]:
    return np.array(values, dtype=object)


def ends_of_vehicle(scene: Scene, vin: str) -> Ends:
    """The sessions of a vehicle on any charger within the history."""

    def load() -> Ends:
        own = Ends.of(scene, (_Told.by(s) for s in scene.sessions(which="all") if vehicle_of(s) == vin))
        found = all_chargers_of_vehicle(scene.fleet, vin)
        others = _ends_on_others(scene, found, ("vehicle", vin), lambda theirs, *_: _vehicle(theirs) == vin)
        return _within_history(scene, others).beside(_within_history(scene, own))

    return scene.once(("ends of vehicle", vin), load)


def ends_of_model(scene: Scene, make: str | None, model: str | None) -> Ends:
    """The sessions of vehicles of a model on other chargers within the history, their vehicles known."""
    key = model_key(make, model)

    def is_meant(vin: str | None, make: str | None, model: str | None) -> bool:
        return bool(vin) and model_key(make, model) == key

    found = all_chargers_of_model(scene.fleet, make, model)
    return _within_history(scene, _ends_on_others(scene, found, ("model", key), is_meant))


def _within_history(scene: Scene, found: Ends) -> Ends:
    return found.where(np.abs(found.starts - scene.anchor) <= HISTORY)


IsMeant = Callable[[str | None, str | None, str | None], bool]
"""Whether a vehicle is meant, by its identification number, make and model."""


def _ends_on_others(scene: Scene, chargers: Sequence[str], key: Hashable, is_meant: IsMeant) -> Ends:
    """The sessions of vehicles that are meant on the first other ones of some chargers; the key must name what is meant.

    One charger more is looked at than is compared, so that each incident can leave out its own.
    """
    looked_at = chargers[: MOST_CHARGERS + 1]
    found = scene.fleet.recent(
        ("session ends", scene.incidence.code, key), lambda: Ends.of(scene, _told_on(scene, looked_at, is_meant))
    )
    left_out = scene.device_id if scene.device_id in looked_at or len(looked_at) <= MOST_CHARGERS else looked_at[-1]
    return found.where(found.chargers != left_out)


def _told_on(scene: Scene, chargers: Sequence[str], is_meant: IsMeant) -> Iterator[_Told]:
    """What is told of the sessions on some chargers whose vehicles are meant: by charging records, and by events where those
    name vehicles."""
    records = scene.observations["charging_records"]
    each = [records.by_device[device] for device in chargers if device in records.by_device]
    if each:
        rows = np.concatenate(each)
        vehicles = (records.texts_at(f"vehicle_info.{name}", rows) for name in ("vin", "make", "model"))
        yield from _told_by_records(records, rows[[is_meant(*named) for named in zip(*vehicles, strict=True)]])
    for device in chargers:
        if device in chargers_naming_vehicles(scene.fleet):
            for session in scene.sessions(device=device, which="all"):
                if session.table.name == "events" and is_meant(session.vin, session.make, session.model):
                    yield _Told.by(session)
