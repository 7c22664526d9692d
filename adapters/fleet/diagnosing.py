"""A batch of chargers diagnosed: what a worker does, whatever machinery gives it its batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ...engine.diagnosis import Diagnosis
from ...knowledge.columns.table import column_table
from ...knowledge.columns.taking import taken
from ...knowledge.fleet.tables import FleetShare, FleetTables
from ...knowledge.observations import RecordTable, Table
from .compiled import compiled_triage
from .fleet_files import FleetFiles
from .gathering import until
from .parts import PART, Part, write_part
from .plan import Batch
from .reading import CHARGER, Piece, UnreadableFile, of_chargers, read, together
from .rows import HYPOTHESES, WATCHES, Charger, filled, frame_of, hypothesis_rows, watch_rows


@dataclass(frozen=True)
class Job:
    """What all batches of a run have in common: the fleet's files, where parts go, the moment of the diagnosis (epoch seconds;
    None where no record has a time), by what rules are matched, and the folder of the knowledge (None for the shipped one)."""

    fleet: FleetFiles
    parts: str
    as_of: float | None
    matcher: str | None
    knowledge: str | None = None


class Diagnoser:
    """Diagnoses batches of one run. Rules are compiled and the fleet's files opened once in a process."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.triage = compiled_triage(job.matcher, job.knowledge)

    @property
    def fleet(self) -> FleetTables:
        """All chargers, as their incidents share them."""
        return self.job.fleet.tables(self.job.as_of)

    def diagnose(self, batch: Batch) -> Part:
        """Diagnose the chargers of a batch, and write what comes of it."""
        tables = {name: self._table(name, batch) for name in batch.firsts}
        rows = [row for device in batch.chargers if (row := self._row(device, tables)) is not None]
        return write_part(Path(self.job.parts), batch, frame_of(rows, PART))

    def _table(self, name: str, batch: Batch) -> Table:
        """The rows of a list of the batch's company."""
        frames = [_stretch(stretch.path, stretch.start, stretch.rows) for stretch in batch.stretches.get(name, ())]
        frames.extend(rows_of(batch.pieces.get(name, ()), batch.company, self.job.as_of))
        if not frames:
            return RecordTable(name, [])
        return column_table(name, pl.concat(frames, how="diagonal"), batch.firsts[name])

    def _row(self, device: str, large: Mapping[str, Table]) -> dict[str, Any] | None:
        """What a charger came to; None where it has neither an incident nor an early warning."""
        charger = self._charger(device)
        row: dict[str, Any] = {"site_id": charger.site_id, "device_id": device}
        try:
            diagnosis = self._diagnosis(device, large)
        except Exception as error:  # a charger that cannot be diagnosed costs itself alone
            return {**row, "failure": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
        if not diagnosis.incidents and not diagnosis.watches:
            return None
        return {
            **row,
            "incidents": len(diagnosis.incidents),
            "diagnosis": diagnosis.model_dump_json(),
            "hypotheses": filled(hypothesis_rows(charger, diagnosis), HYPOTHESES),
            "watches": filled(watch_rows(charger, diagnosis), WATCHES),
        }

    def _diagnosis(self, device: str, large: Mapping[str, Table]) -> Diagnosis:
        fleet = self.fleet
        share = FleetShare(
            {**fleet.observations.tables, **large}, self.job.as_of, (), fleet=fleet, chargers=frozenset([device])
        )
        return self.triage.diagnose(share, device_id=device)

    def _charger(self, device: str) -> Charger:
        said = {name: self.fleet.chargers.value(name, device) for name in ("site_id", "model", "firmware_version")}
        return Charger(device, **said)


def rows_of(pieces: Sequence[Piece], chargers: Sequence[str], as_of: float | None) -> Iterator[pl.DataFrame]:
    """The rows of some pieces of a list that belong to some chargers, as columns of the layout, some at a time.

    What cannot be used of them was told when the data set was gathered.
    """
    for at_once in together(pieces):
        try:
            yield from _taken(at_once, chargers, as_of) if len(at_once) == 1 else [*_taken(at_once, chargers, as_of)]
        except UnreadableFile:
            for piece in at_once if len(at_once) > 1 else ():
                with suppress(UnreadableFile):
                    yield from _taken([piece], chargers, as_of)


def _taken(pieces: Sequence[Piece], chargers: Sequence[str], as_of: float | None) -> Iterator[pl.DataFrame]:
    name = pieces[0].file.list
    for rows in read(pieces, lambda *_: None, chargers):
        if rows.frame.height:
            frame, _ = taken(name, rows.frame)
            if CHARGER in frame.columns:
                left = of_chargers(until(name, frame, as_of), chargers)
                if left.height:
                    yield left


def _stretch(path: str, start: int, rows: int) -> pl.DataFrame:
    return pl.scan_ipc(path).slice(start, rows).collect()


def diagnose(job: Job, batch: Batch) -> Part:
    """Diagnose a batch in this process."""
    return Diagnoser(job).diagnose(batch)


def failed(job: Job, batch: Batch, reason: str) -> Part:
    """The part of chargers that cannot be diagnosed, which says why."""
    rows = [{"device_id": device, "failure": reason} for device in batch.chargers]
    return write_part(Path(job.parts), batch, frame_of(rows, PART))
