"""What workers do of a survey: each step is a call of its own, whose outcome lies in the fleet's files or is small."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ...engine.knowledge_base import DataProblem
from ...knowledge.columns.table import column_table
from ...knowledge.observations import Observations, Table
from .compiled import compiled_triage
from .diagnosing import rows_of
from .fleet_files import FleetFiles, faulty_heartbeats, total_counts, without_large
from .gathering import LARGE_LISTS, WHERE, Places
from .reading import CHARGER, Piece


def carry_out(step: Callable[[], Any]) -> Any:
    """What comes of a step."""
    return step()


@dataclass(frozen=True)
class Located:
    """Of each large list how many rows there are of each charger (`device_id`, `rows`), and which pieces of which tasks name it
    (`device_id`, `piece`, `task`; a null stands for a charger that the columns alone do not tell)."""

    counts: Mapping[str, pl.DataFrame]
    where: Mapping[str, pl.DataFrame]

    def naming(self, name: str, chargers: Sequence[str]) -> pl.DataFrame:
        """Where there are rows of some chargers in a list, or rows of which it is not known whose they are."""
        return self.where[name].filter(pl.col(CHARGER).is_null() | pl.col(CHARGER).is_in(list(chargers)))


def located(places: Places) -> Located:
    """Bring together what each task tells of where the rows of the chargers are."""
    counts = {name: total_counts(places, name) for name in LARGE_LISTS}
    return Located(counts, {name: _where(places, name) for name in LARGE_LISTS})


def _where(places: Places, name: str) -> pl.DataFrame:
    frames = [
        pl.read_ipc(path).with_columns(pl.lit(number, pl.Int64).alias("task"))
        for number, path in places.numbered_frames(name, WHERE)
    ]
    schema = {CHARGER: pl.String, "piece": pl.Int64, "task": pl.Int64}
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class Reported:
    """All chargers that any record names, in order, and what was wrong with the faults that they reported.

    `undecided` are chargers whose telemetry has to be read before it is known which faults they reported.
    """

    chargers: tuple[str, ...] = ()
    problems: tuple[DataProblem, ...] = ()
    undecided: tuple[str, ...] = ()


def reported_faults(
    files: FleetFiles,
    knowledge: str | None,
    places: Places,
    as_of: float | None,
    latest: float | None,
    telemetry: Sequence[Piece] | None = None,
) -> Reported:
    """Write the faults of all chargers; or say of which chargers telemetry is needed for that.

    `telemetry` are the pieces that hold the telemetry of undecided chargers; None before it is known whether there are any.
    `knowledge` is the folder of the knowledge, None for the shipped one; `as_of` the moment of the diagnosis; rows later than `latest` are not read (both epoch seconds).
    """
    from ...knowledge.measurements.checks import usable_results
    from ...knowledge.survey import chargers_with_undecided_codes, fault_events

    def observed(**large: Table) -> Observations:
        return Observations({**files.lists(), **without_large(), **large}, as_of, ())

    heartbeats = faulty_heartbeats(places)
    small = observed(heartbeats=heartbeats)
    undecided = tuple(sorted(chargers_with_undecided_codes(small)))
    if undecided:
        if telemetry is None:
            return Reported(undecided=undecided)
        frames = [*rows_of(telemetry, undecided, latest)]
        if frames:
            table = column_table("telemetry", pl.concat(frames, how="diagonal"))
            small = observed(heartbeats=heartbeats, telemetry=table)
    base = compiled_triage(folder=knowledge).knowledge.base
    faults, problems = fault_events(small, base.faults)
    problems += usable_results(small["check_results"], base.checks)[1]
    files.write_faults(faults)
    fleet = files.tables(as_of)
    recorded = (fleet.figures.columns[name] for name in ("telemetry_until", "heartbeats_until"))
    listed = (table.by_device for table in fleet.observations.tables.values())
    chargers = {*fleet.chargers}.union((fault.device_id for fault in faults), *recorded, *listed)
    return Reported(tuple(sorted(chargers)), tuple(problems))


@dataclass(frozen=True)
class LookedThrough:
    """Of some chargers: which have incidents, and of which codes; and which of the others may have an early warning."""

    affected: Mapping[str, tuple[str, ...]]
    may_warn: Sequence[str]


def looked_through(
    files: FleetFiles, knowledge: str | None, as_of: float | None, chargers: Sequence[str]
) -> LookedThrough:
    """Look for incidents and possible early warnings of some chargers, which are given in order.

    Where it cannot be found out whether there may be a warning, there may.
    """
    from ...knowledge.survey import incidences
    from ...knowledge.watching import chargers_that_may_warn

    fleet = files.tables(as_of)
    codes: dict[str, set[str]] = {}
    # which connector an incident is of does not matter here, and only that would need the entries
    for incidence in incidences(fleet, {}, chargers):
        codes.setdefault(incidence.device_id, set()).add(incidence.code)
    others = [charger for charger in chargers if charger not in codes]
    watches = compiled_triage(folder=knowledge).knowledge.base.watches
    may_warn: Sequence[str]
    try:
        may_warn = chargers_that_may_warn(watches, fleet, files.extents(chargers), others)
    except Exception:  # whoever is watched for nothing costs time alone
        may_warn = others
    return LookedThrough({charger: tuple(sorted(codes[charger])) for charger in sorted(codes)}, may_warn)
