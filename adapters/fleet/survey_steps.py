"""What workers do of a survey: each step is a call of its own, whose outcome lies in the fleet's files or is small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from ...engine.knowledge_base import DataProblem
from ...knowledge.columns.table import column_table
from ...knowledge.fleet.reported_faults import Faults
from ...knowledge.observations import Observations, Table
from ...knowledge.survey import chargers_with_undecided_codes, fault_events, incidences
from ...knowledge.watching import chargers_that_may_warn
from .compiled import compiled_triage
from .diagnosing import rows_of
from .fleet_files import FleetFiles, faulty_heartbeats, total_counts, without_large
from .gathering import LARGE_LISTS, WHERE, Places
from .reading import CHARGER, Piece


class Step(Protocol):
    """A part of a survey that can be carried out by itself, and again."""

    def carried_out(self) -> Any:
        """Do it, unless it was done; what comes of it."""


def carry_out(step: Step) -> Any:
    """Carry out a step in this process."""
    return step.carried_out()


@dataclass(frozen=True)
class LayOut:
    """Puts a small list in order."""

    files: FleetFiles
    list: str
    places: Places

    def carried_out(self) -> None:
        """Write the list."""
        self.files.write_list(self.list, self.places)


@dataclass(frozen=True)
class MergeFigures:
    """Brings together the figures of telemetry and heartbeats."""

    files: FleetFiles
    places: Places

    def carried_out(self) -> None:
        """Write the figures."""
        self.files.write_figures(self.places)


@dataclass(frozen=True)
class MergeExtents:
    """Brings together the extents of telemetry and heartbeats."""

    files: FleetFiles
    places: Places

    def carried_out(self) -> None:
        """Write the extents."""
        self.files.write_extents(self.places)


@dataclass(frozen=True)
class Located:
    """Of each large list how many rows there are of each charger (`device_id`, `rows`), and which pieces of which tasks name it
    (`device_id`, `piece`, `task`; a null stands for a charger that the columns alone do not tell)."""

    counts: Mapping[str, pl.DataFrame]
    where: Mapping[str, pl.DataFrame]

    def naming(self, name: str, chargers: Sequence[str]) -> pl.DataFrame:
        """Where there are rows of some chargers in a list, or rows of which it is not known whose they are."""
        return self.where[name].filter(pl.col(CHARGER).is_null() | pl.col(CHARGER).is_in(list(chargers)))


@dataclass(frozen=True)
class Locate:
    """Tells where the rows of the chargers are."""

    places: Places

    def carried_out(self) -> Located:
        """Bring together what each task tells of it."""
        counts = {name: total_counts(self.places, name) for name in LARGE_LISTS}
        return Located(counts, {name: self._where(name) for name in LARGE_LISTS})

    def _where(self, name: str) -> pl.DataFrame:
        frames = [
            pl.read_ipc(path).with_columns(pl.lit(number, pl.Int64).alias("task"))
            for number, path in self.places.numbered_frames(name, WHERE)
        ]
        schema = {CHARGER: pl.String, "piece": pl.Int64, "task": pl.Int64}
        return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class Found:
    """Which chargers have incidents and which have none, in order; and what was wrong with reported faults.

    `undecided` are chargers whose telemetry has to be read before it is known which faults they reported.
    """

    affected: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    problems: tuple[DataProblem, ...] = ()
    undecided: tuple[str, ...] = ()


@dataclass(frozen=True)
class FindIncidents:
    """Finds the faults and incidents of all chargers.

    `telemetry` are the pieces that hold the telemetry of undecided chargers; None before it is known whether there are any.
    `as_of` is the moment of the diagnosis; rows later than `latest` are not read (both epoch seconds).
    """

    files: FleetFiles
    places: Places
    as_of: float | None
    latest: float | None
    telemetry: tuple[Piece, ...] | None = None

    def carried_out(self) -> Found:
        """Write the faults; or say of which chargers telemetry is needed for that."""
        heartbeats = faulty_heartbeats(self.places)
        small = self._observations({"heartbeats": heartbeats})
        undecided = tuple(sorted(chargers_with_undecided_codes(small)))
        if undecided:
            if self.telemetry is None:
                return Found(undecided=undecided)
            frames = [*rows_of(self.telemetry, undecided, self.latest)]
            if frames:
                telemetry = column_table("telemetry", pl.concat(frames, how="diagonal"))
                small = self._observations({"heartbeats": heartbeats, "telemetry": telemetry})
        faults, problems = fault_events(small, compiled_triage(None).knowledge.base.faults)
        return self._found(faults, problems)

    def _observations(self, large: Mapping[str, Table]) -> Observations:
        return Observations({**self.files.lists(), **without_large(), **large}, self.as_of, ())

    def _found(self, faults: Faults, problems: list[DataProblem]) -> Found:
        self.files.write_faults(faults)
        fleet = self.files.tables(self.as_of)
        # which connector an incident is of does not matter here, and only that would need the entries
        affected = {incidence.device_id for incidence in incidences(fleet, {})}
        recorded = (fleet.figures.columns[name] for name in ("telemetry_until", "heartbeats_until"))
        listed = (table.by_device for table in fleet.observations.tables.values())
        others = {*fleet.chargers}.union(*recorded, *listed) - affected
        return Found(tuple(sorted(affected)), tuple(sorted(others)), tuple(problems))


@dataclass(frozen=True)
class Sieve:
    """Finds those of some chargers, which are given in order, that may have an early warning; all where it cannot be found out."""

    files: FleetFiles
    as_of: float | None
    chargers: tuple[str, ...]

    def carried_out(self) -> list[str]:
        """Their names."""
        watches = compiled_triage(None).knowledge.base.watches
        try:
            fleet, extents = self.files.tables(self.as_of), self.files.extents(self.chargers)
            return chargers_that_may_warn(watches, fleet, extents, self.chargers)
        except Exception:  # whoever is watched for nothing costs time alone
            return list(self.chargers)
