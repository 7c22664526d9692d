"""Pieces that hold rows of many batches, put in the batches' order once, so that each batch reads its own rows only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter

from .diagnosing import rows_of
from .manifest import write_file, write_whole
from .plan import Stretch
from .reading import CHARGER, Piece
from .troubles import NO_FIELD, NO_ROW, Trouble

BATCH = "batch of the run"

_INDEX = TypeAdapter(list[tuple[int, Stretch]])


@dataclass(frozen=True)
class SortTask:
    """A piece of a large list, the batch of each charger whose rows are wanted, and how the files are to be called that will
    hold them in order."""

    piece: Piece
    batch_of: Mapping[str, int]
    path: str
    as_of: float | None

    @property
    def index(self) -> Path:
        """The file that says where each batch's rows are; it is written last."""
        return Path(f"{self.path}.json")

    def file(self, number: int) -> Path:
        """One of the files that hold the rows."""
        return Path(f"{self.path}-{number:03d}.arrow")


@dataclass(frozen=True)
class Ordered:
    """Rows of a piece of a list in the order of their batches, and where each batch's lie; what went wrong, where there are none."""

    list: str
    path: str
    stretches: tuple[tuple[int, Stretch], ...]
    troubles: tuple[Trouble, ...] = ()


def put_in_order(task: SortTask) -> Ordered:
    """Write the wanted rows of a piece in the order of their batches, unless that was done before."""
    if not task.index.is_file():
        _write(task)
    stretches = _INDEX.validate_json(task.index.read_bytes())
    return Ordered(task.piece.file.list, task.path, tuple(stretches))


def lost_piece(task: SortTask, reason: str) -> Ordered:
    """What is left of a piece that no worker can put in order: nothing, and why."""
    file, start = task.piece.file, task.piece.start
    which = f"{file.name} from row {start}" if start else file.name
    problem = (
        f"{which}: cannot be put in order ({reason}), and is missing from the diagnoses of its chargers; see to room on the "
        "disk and in memory, and begin anew with --restart"
    )
    return Ordered(file.list, task.path, (), (Trouble(file.list, NO_FIELD, file.name, NO_ROW, problem),))


def _write(task: SortTask) -> None:
    batches = pl.DataFrame(
        {CHARGER: list(task.batch_of), BATCH: list(task.batch_of.values())},
        schema={CHARGER: pl.String, BATCH: pl.Int64},
    )
    found: list[tuple[int, Stretch]] = []
    for number, frame in enumerate(rows_of([task.piece], tuple(task.batch_of), task.as_of)):
        rows = frame.join(batches, on=CHARGER).sort(BATCH)
        path = task.file(number)
        write_file(path, rows.drop(BATCH).write_ipc)
        start = 0
        for length, batch in rows[BATCH].rle().struct.unnest().iter_rows():
            found.append((batch, Stretch(str(path), start, length)))
            start += length
    write_whole(task.index, _INDEX.dump_json(found))
