"""The first look at a data set, piece by piece: the small lists are kept, of telemetry and heartbeats what is needed of all.

What a piece gives lies in a folder of its own, so that a run which was ended goes on with the pieces that are missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter

from ...engine.knowledge_base import DataProblem
from ...knowledge.columns.taking import taken
from ...knowledge.fleet.extents import Column, partial_extents
from ...knowledge.fleet.figures import partial_figures
from ...knowledge.fleet.grouping import ByCharger
from ...knowledge.records import SCHEMAS, TIME_FIELD
from .data_set import DataSet, SourceFile
from .manifest import unfinished_name
from .reading import CHARGER, ROWS, Piece, Rows, UnreadableFile, charger_name, chosen, read, row_count, together
from .troubles import NO_FIELD, NO_ROW, Trouble, Troubles

LARGE_LISTS = ("telemetry", "heartbeats")
"""Lists that grow with every minute of every charger: never held as a whole."""

SMALL_LISTS = tuple(name for name in SCHEMAS if name not in LARGE_LISTS)

PIECE_BYTES = 16 * 2**20
"""Bytes of a file that are one piece (our judgement: a second or two of work)."""

TASK_BYTES = 4 * 2**20
"""Bytes of files that are read together (our judgement: a tenth of a second of work, so that no worker waits long for the last)."""

OUTCOME = "outcome.json"
COUNTS = "counts"
WHERE = "where"
"""Frames of a task: how many rows there are of each charger, and which chargers each of its pieces names."""
FIGURES = "figures"
EXTENTS = "extents"
"""What is needed of telemetry and heartbeats of all chargers: what measurements at other sites read, and what tells whether
there can be an early warning."""
FAULTY_HEARTBEATS = "faulty_heartbeats"
"""Of heartbeats the rows that carry a fault code, whichever charger's they are."""


@dataclass(frozen=True)
class Task:
    """Pieces of one record list that are read together, and where what they give is kept; later rows than `as_of`
    (epoch seconds) are left out."""

    number: int
    list: str
    pieces: tuple[Piece, ...]
    folder: str
    as_of: float | None

    @property
    def place(self) -> Path:
        """The folder of what the task gives."""
        return Path(self.folder) / f"{self.number:06d}"

    @property
    def size(self) -> int:
        """Bytes of the pieces, as progress counts them."""
        return sum(piece.size for piece in self.pieces)


@dataclass(frozen=True)
class Places:
    """The folders of what tasks have given, by record list and the number of the task."""

    of_list: Mapping[str, Mapping[int, Path]]

    @classmethod
    def of(cls, tasks: Iterable[Task]) -> Places:
        """Those of some tasks."""
        found: dict[str, dict[int, Path]] = {}
        for task in tasks:
            found.setdefault(task.list, {})[task.number] = task.place
        return cls(found)

    def numbered_frames(self, record_list: str, name: str) -> Iterator[tuple[int, Path]]:
        """The files that hold a frame of what the tasks of a list gave, each with the number of its task."""
        for number, place in self.of_list.get(record_list, {}).items():
            yield from ((number, path) for path in sorted(place.glob(f"{name}-*.arrow")))

    def frames(self, record_list: str, name: str) -> list[Path]:
        """The same files without the numbers."""
        return [path for _, path in self.numbered_frames(record_list, name)]


@dataclass(frozen=True)
class Gathered:
    """What a task found: rows, the newest time (epoch seconds), what could not be used; and the bytes that it stands for."""

    number: int
    newest: float | None
    troubles: tuple[Trouble, ...]
    rows: int
    size: int


_GATHERED = TypeAdapter(Gathered)


def tasks_of(data_set: DataSet, folder: Path, as_of: float | None) -> list[Task]:
    """The data set cut into tasks, small lists first; the same data set gives the same tasks."""
    tasks: list[Task] = []
    for name in (*SMALL_LISTS, *LARGE_LISTS):
        for pieces in _bundled(data_set.of(name)):
            tasks.append(Task(len(tasks), name, tuple(pieces), str(folder), as_of))
    return tasks


def _bundled(files: Sequence[SourceFile]) -> Iterator[list[Piece]]:
    bundle: list[Piece] = []
    size = 0
    for file in files:
        if file.size > PIECE_BYTES:
            yield from ([piece] for piece in _cut(file))
            continue
        if bundle and size + file.size > TASK_BYTES:
            yield bundle
            bundle, size = [], 0
        bundle.append(Piece(file))
        size += file.size
    if bundle:
        yield bundle


def _cut(file: SourceFile) -> Iterator[Piece]:
    """A large Parquet file in stretches of about the size of a piece; any other file has to be read from its beginning."""
    rows = row_count(file)
    if not rows:
        yield Piece(file)
        return
    length = max(ROWS, -(-rows * PIECE_BYTES // file.size))
    yield from (Piece(file, start, min(length, rows - start), rows) for start in range(0, rows, length))


def gather(task: Task) -> Gathered:
    """Read the pieces of a task, unless that was done before, and keep what the fleet needs of them."""
    done = task.place / OUTCOME
    if done.is_file():
        return _GATHERED.validate_json(done.read_bytes())
    unfinished = unfinished_name(task.place)
    shutil.rmtree(unfinished, ignore_errors=True)
    outcome = _gathered(task, unfinished)
    (unfinished / OUTCOME).write_bytes(_GATHERED.dump_json(outcome))
    try:
        unfinished.replace(task.place)
    except OSError:  # another worker has done the same meanwhile
        shutil.rmtree(unfinished, ignore_errors=True)
    return outcome


def _gathered(task: Task, folder: Path) -> Gathered:
    """What the pieces give that can be read to their end; one that cannot gives nothing at all, whatever was read of it."""
    broken: dict[Piece, str] = {}
    alone = False
    while True:
        folder.mkdir(parents=True)
        gathering = _Gathering(task, folder)
        for piece, reason in broken.items():
            gathering.troubles.note(piece.file, None, DataProblem(piece.file.list, None, None, reason, skipped=True))
        left = [piece for piece in task.pieces if piece not in broken]
        try:
            for pieces in ([piece] for piece in left) if alone else together(left):
                gathering.read(pieces)
            return gathering.finish()
        except UnreadableFile as error:
            if len(pieces) > 1:
                alone = True
            else:
                broken[pieces[0]] = str(error).removeprefix(f"{pieces[0].file.name}: ")
            shutil.rmtree(folder)


def halves(_: Task) -> tuple[Task, ...]:
    """A task is not split: pieces are small, and their numbers name the folders of what they give."""
    return ()


def unread(task: Task, reason: str) -> Gathered:
    """What is left of a task that no worker survives."""
    problem = f"cannot be read ({reason}); write it again, or take it away"
    files = dict.fromkeys(piece.file.name for piece in task.pieces)
    troubles = tuple(Trouble(task.list, NO_FIELD, file, NO_ROW, problem) for file in files)
    return Gathered(task.number, None, troubles, 0, task.size)


@dataclass
class _Gathering:
    task: Task
    folder: Path
    troubles: Troubles = field(default_factory=Troubles)
    newest: float | None = None
    rows: int = 0
    _waiting: list[Rows] = field(default_factory=list)
    _kept: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    _files: dict[str, int] = field(default_factory=dict)

    def read(self, pieces: Sequence[Piece]) -> None:
        for rows in read(pieces, self.troubles.note):
            if self.task.list in LARGE_LISTS and rows.frame.height:
                self._keep(WHERE, _where(self._numbers, rows))
            if self._waiting and not _join(self._waiting, rows):
                self._take_waiting()
            self._waiting.append(rows)

    @cached_property
    def _numbers(self) -> Mapping[Piece, int]:
        return {piece: number for number, piece in enumerate(self.task.pieces)}

    def _take_waiting(self) -> None:
        frame = self._taken()
        self.rows += frame.height
        if frame.height:
            self._look_at(frame)

    def _taken(self) -> pl.DataFrame:
        """The rows that wait, as columns of the layout."""
        waiting, self._waiting = self._waiting, []
        joined = waiting[0].frame if len(waiting) == 1 else pl.concat([rows.frame for rows in waiting])
        frame, problems = taken(self.task.list, joined)
        origins = [origin for rows in waiting for origin in rows.origins]
        for problem in problems:
            self.troubles.place(origins, problem)
        return until(self.task.list, frame, self.task.as_of)

    def _look_at(self, frame: pl.DataFrame) -> None:
        name = self.task.list
        if name not in LARGE_LISTS:
            self._keep(name, frame)
        if CHARGER not in frame.columns:
            return
        rows = ByCharger(frame)
        self._keep(COUNTS, rows.named(rows.reduced([pl.len().cast(pl.Int64).alias("rows")])))
        if name in LARGE_LISTS:
            latest = frame.select(pl.col("timestamp").max().dt.epoch("us")).item()
            if latest is not None:
                self.newest = latest / 1e6 if self.newest is None else max(self.newest, latest / 1e6)
            self._keep(FIGURES, partial_figures(name, rows))
            self._keep(EXTENTS, partial_extents(name, rows, columns_needed()))
            if name == "heartbeats" and "fault_code" in frame.columns:
                self._keep(FAULTY_HEARTBEATS, frame.filter(pl.col("fault_code").is_not_null()))

    def _keep(self, name: str, frame: pl.DataFrame) -> None:
        """Keep rows of a frame, in files of a bounded size."""
        kept = self._kept.setdefault(name, [])
        if kept and sum(each.height for each in kept) + frame.height > ROWS:
            self._write(name)
        if frame.height:
            self._kept[name].append(frame)

    def _write(self, name: str) -> None:
        frames, self._kept[name] = self._kept[name], []
        number = self._files[name] = self._files.get(name, -1) + 1
        pl.concat(frames, how="diagonal").write_ipc(self.folder / f"{name}-{number:03d}.arrow")

    def finish(self) -> Gathered:
        if self._waiting:
            self._take_waiting()
        if self._kept.get(COUNTS):
            self._kept[COUNTS] = [total(self._kept[COUNTS])]
        for name, frames in list(self._kept.items()):
            if frames:
                self._write(name)
        return Gathered(self.task.number, self.newest, self.troubles.told(), self.rows, self.task.size)


def columns_needed() -> Sequence[Column]:
    """The columns of large lists whose extents are kept. Who gives out tasks does without the measurements that tell them."""
    from ...knowledge import watching

    return watching.columns_needed()


def total(counts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """How many rows there are of each charger, from how many there are of it in parts; in order of the chargers' names."""
    return pl.concat(counts).group_by("device_id").agg(pl.col("rows").sum()).sort("device_id")


def _where(number_of: Mapping[Piece, int], rows: Rows) -> pl.DataFrame:
    """Which chargers each piece names; a null stands for one that the columns alone do not tell."""
    there = CHARGER in rows.frame.columns
    column = rows.frame.get_column(CHARGER).cast(pl.String) if there else pl.Series([None], dtype=pl.String)
    found, numbers, start = [], [], 0
    for origin in rows.origins:
        names = column.slice(start, origin.rows).rle().struct.field("value").unique() if there else column
        found.append(names)
        numbers += [number_of[origin.piece]] * len(names)
        start += origin.rows
    return pl.DataFrame({CHARGER: pl.concat(found), "piece": numbers}).select(charger_name(), "piece").unique()


def _join(waiting: Sequence[Rows], rows: Rows) -> bool:
    """Whether rows can be taken together with others: of the same columns, and not too many."""
    height = sum(other.frame.height for other in waiting) + rows.frame.height
    return height <= ROWS and waiting[0].frame.schema == rows.frame.schema


def until(name: str, frame: pl.DataFrame, as_of: float | None) -> pl.DataFrame:
    """The rows that are not later than a moment (epoch seconds); those without a time stay."""
    field = TIME_FIELD.get(name, "timestamp")
    if as_of is None or field not in frame.columns:
        return frame
    moment = pl.lit(round(as_of * 1e6)).cast(pl.Datetime("us", "UTC"))
    return chosen(frame, pl.col(field).is_null() | (pl.col(field) <= moment))
