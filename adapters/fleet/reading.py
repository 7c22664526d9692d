"""Rows of a data set's files as Polars reads them, a bounded number at a time. A file that cannot be read costs itself."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from itertools import groupby
from math import isfinite
from pathlib import Path
from typing import IO, Any, cast

import orjson
import polars as pl

from ...engine.knowledge_base import DataProblem
from ...knowledge.columns.cells import json_or_problem
from ...knowledge.columns.taking import layout
from ...knowledge.observations import plain_json
from ..longer_rows import HOW_TO_MEND, first_beyond
from .data_set import SourceFile

ROWS = 250_000
"""Rows that are held at once (our judgement: some 50 MB of telemetry, and beyond it nothing is read faster)."""

BLOCK = 16 * 2**20
"""Bytes of JSON lines that are read at once, about as many rows."""

LONGEST_HEAD = 2**20
"""Bytes of a CSV file's first line that are looked at."""

WIDEST = 127
"""Bits of the largest whole numbers that Polars has a column for."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

PARTITION_COLUMNS = {"site": "site_id", "device": "device_id", "charger": "device_id"}
"""Names of folders that stand for a column of another name."""


class UnreadableFile(ValueError):
    """A file that cannot be read; the message is one line: which, why, how to mend it."""


Note = Callable[[SourceFile, int | None, DataProblem], None]
"""Takes what is wrong with a row of a file."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a file: rows from `start`, as many as `rows` says or all that follow, of `of` in the whole file."""

    file: SourceFile
    start: int = 0
    rows: int | None = None
    of: int | None = None

    @property
    def size(self) -> int:
        """Bytes of the file that it stands for."""
        if self.rows is None or not self.of:
            return self.file.size
        before, after = (self.file.size * row // self.of for row in (self.start, self.start + self.rows))
        return after - before


@dataclass(frozen=True)
class Origin:
    """Where some rows were read: a piece, and the place of the first of them in its file."""

    piece: Piece
    start: int
    rows: int


@dataclass(frozen=True)
class Rows:
    """Some rows as they were read, and where they come from, one origin after the other."""

    frame: pl.DataFrame
    origins: tuple[Origin, ...]


def together(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Pieces in their order, those in one that `read` reads at once: whole Parquet files of one list in folders that say the same."""
    for at_once, found in groupby(pieces, lambda piece: _whole_parquet(piece) and (piece.file.list, _said(piece.file))):
        alike = list(found)
        yield from [alike] if at_once else ([piece] for piece in alike)


def _whole_parquet(piece: Piece) -> bool:
    return piece.file.format == "parquet" and not piece.start and piece.rows is None


def read(pieces: Sequence[Piece], note: Note, chargers: Sequence[str] | None = None) -> Iterator[Rows]:
    """The rows of a piece, or of several that go `together`, some at a time, with what the names of folders say of them.

    With `chargers` only the rows that name one of these, whose places are then not to be relied on. Nested values of
    free-form fields are JSON text, as far as the file's format lets them be. Broken lines are noted and passed over. Raises
    UnreadableFile, perhaps after some rows; for several pieces also where their columns differ, so that each has to be read
    by itself.
    """
    wanted = None if chargers is None else named(chargers)
    file = pieces[0].file
    try:
        for rows in _parquets(pieces, wanted) if len(pieces) > 1 else _alone(pieces[0], note, wanted):
            whole = _with_partition(rows.frame, file)
            yield Rows(
                whole if chargers is None or CHARGER not in whole.columns else of_chargers(whole, chargers),
                rows.origins,
            )
    except GeneratorExit:
        raise
    except BaseException as error:  # Polars raises many kinds, its panics among them, and files break in as many ways
        if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
            raise
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
        what = {"parquet": "Parquet", "csv": "CSV", "jsonl": "JSON lines", "json": "JSON"}[file.format]
        raise UnreadableFile(
            f"{file.name}: cannot be read as {what} ({reason[:200]}); write it again, or take it away"
        ) from error


def _alone(piece: Piece, note: Note, wanted: pl.Expr | None) -> Iterator[Rows]:
    for start, frame in _READERS[piece.file.format](piece, note, wanted):
        yield Rows(frame, (Origin(piece, start, frame.height),))


def _parquets(pieces: Sequence[Piece], wanted: pl.Expr | None) -> Iterator[Rows]:
    """The rows of several whole Parquet files in one scan, since one takes longer to begin than a small file to read."""
    of_path = {piece.file.path: piece for piece in pieces}
    scan = pl.scan_parquet(list(of_path), hive_partitioning=False, glob=False, include_file_paths=_PATH)
    path, start = "", 0
    for _, frame in _batches(scan, 0, wanted):
        origins = []
        for rows, here in frame.get_column(_PATH).rle().struct.unnest().iter_rows():
            path, start = here, start if here == path else 0
            origins.append(Origin(of_path[here], start, rows))
            start += rows
        yield Rows(frame.drop(_PATH), tuple(origins))


_PATH = "path of the file that the row was read from"


CHARGER = "device_id"


def charger_name() -> pl.Expr:
    """The charger that a row names, as records are read: a number as its digits, without spaces around it."""
    return pl.col(CHARGER).cast(pl.String).str.strip_chars()


def named(chargers: Sequence[str]) -> pl.Expr:
    """Whether a row names one of some chargers."""
    return charger_name().is_in(list(chargers))


def of_chargers(frame: pl.DataFrame, chargers: Sequence[str]) -> pl.DataFrame:
    """The rows that name one of some chargers; where all do, the frame itself rather than a copy."""
    # told by runs of rows, which is many times as fast where those of a charger stand together
    texts = frame.get_column(CHARGER).cast(pl.String).rle().struct.field("value").str.strip_chars()
    known = texts.is_in(list(chargers))
    return frame if not known.null_count() and known.all() else frame.filter(named(chargers))


def chosen(frame: pl.DataFrame, test: pl.Expr) -> pl.DataFrame:
    """The rows of a frame that pass a test; where all do, the frame itself rather than a copy."""
    passed = frame.select(test).to_series()
    return frame if not passed.null_count() and passed.all() else frame.filter(passed)


def row_count(file: SourceFile) -> int | None:
    """How many rows a Parquet file says it has; None where it cannot be read, or is no Parquet."""
    if file.format != "parquet":
        return None
    try:
        return int(pl.scan_parquet(file.path, hive_partitioning=False, glob=False).select(pl.len()).collect().item())
    except Exception:  # it is told when the file is read
        return None


def _said(file: SourceFile) -> list[tuple[str, str | None]]:
    """The values of columns that the names of a file's folders tell."""
    known = layout(file.list)
    named_so = ((PARTITION_COLUMNS.get(key, key), value) for key, value in file.partition)
    return [(name, value) for name, value in named_so if name in known]


def _with_partition(frame: pl.DataFrame, file: SourceFile) -> pl.DataFrame:
    for name, value in _said(file):
        column = pl.lit(value, pl.String)
        if name not in frame.columns:
            frame = frame.with_columns(column.alias(name))
        elif frame.schema[name] == pl.String:
            frame = frame.with_columns(pl.coalesce(pl.col(name), column).alias(name))
    return frame


Frames = Iterator[tuple[int, pl.DataFrame]]


def _parquet(piece: Piece, _: Note, wanted: pl.Expr | None) -> Frames:
    scan = pl.scan_parquet(piece.file.path, hive_partitioning=False, glob=False)
    if piece.start or piece.rows is not None:
        scan = scan.slice(piece.start, piece.rows)
    yield from _batches(scan, piece.start, wanted)


def _batches(scan: pl.LazyFrame, start: int, wanted: pl.Expr | None) -> Frames:
    if wanted is not None and CHARGER in scan.collect_schema():
        scan = scan.filter(wanted)
    for frame in scan.collect_batches(chunk_size=ROWS, maintain_order=True, engine="streaming"):
        yield start, frame
        start += frame.height


def _csv(piece: Piece, note: Note, wanted: pl.Expr | None) -> Frames:
    """Every cell as text: what it means is the business of whoever knows the record list."""
    with _opened(piece.file) as file:
        head = file.readline(LONGEST_HEAD).decode("utf-8-sig", "replace")
    separator = max(",;\t", key=head.count)
    scan = partial(
        pl.scan_csv,
        piece.file.path,
        separator=separator,
        infer_schema=False,
        encoding="utf8-lossy",
        glob=False,
        with_column_names=lambda names: [name.strip() for name in names],
    )
    if wanted is not None:
        yield from _batches(scan(truncate_ragged_lines=True), 0, wanted)
        return
    done = 0
    try:
        for start, frame in _batches(scan(), 0, None):
            yield start, frame
            done = start + frame.height
    except pl.exceptions.ComputeError:  # a row with more cells than the header, which Polars else drops without a word
        _tell_longer_rows(piece.file, separator, note)
        yield from _batches(scan(truncate_ragged_lines=True).slice(done), done, None)


def _tell_longer_rows(file: SourceFile, separator: str, note: Note) -> None:
    """Note how many rows of a CSV file have more cells than its header, blank ones not counted."""
    csv.field_size_limit(2**31 - 1)
    first: tuple[int, str] | None = None
    number = columns = 0
    with _opened(file) as lines, suppress(csv.Error):
        rows = csv.reader((line.decode("utf-8", "replace") for line in lines), delimiter=separator)
        columns = len(next(rows, []))
        for place, row in enumerate(rows):
            beyond = first_beyond(row, columns)
            if beyond is not None:
                number += 1
                first = first or (place, beyond[:60])
    if first is not None:
        place, cell = first
        problem = (
            f"from here on {number} {'row has' if number == 1 else 'rows have'} more cells than the {columns} columns of the "
            f"header; what stands beyond, as {cell!r} here, is not read; {HOW_TO_MEND}"
        )
        note(file, place, DataProblem(file.list, place, None, problem))


def _json_lines(piece: Piece, note: Note, _: pl.Expr | None) -> Frames:
    with _opened(piece.file) as file:
        start = line = 0
        while block := _whole_lines(file):
            frame = _frame_of(block.removeprefix(BYTE_ORDER_MARK) if line == 0 else block, piece.file, line, note)
            yield start, frame
            start += frame.height
            line += block.count(b"\n")


def _whole_lines(file: IO[bytes]) -> bytes:
    block = file.read(BLOCK)
    return block + file.readline() if block else block


def _frame_of(lines: bytes, file: SourceFile, first: int, note: Note) -> pl.DataFrame:
    """Lines as a frame; broken ones are noted, `first` being how many lines stand before these."""
    if not lines.strip():
        return pl.DataFrame()
    try:
        return _frame_of_json(lines, file.list)
    except pl.exceptions.PolarsError:  # which line is broken is found out below
        kept = [line for place, line in enumerate(lines.split(b"\n"), first + 1) if _is_record(line, file, place, note)]
        return _frame_of_records(kept, file.list) if kept else pl.DataFrame()


def _is_record(line: bytes, file: SourceFile, place: int, note: Note) -> bool:
    if not line.strip():
        return False
    value, broken = _value_of(line)
    problem = f"is no JSON ({broken})" if broken else None if isinstance(value, dict) else "is no object"
    if problem is not None:
        note(file, None, DataProblem(file.list, None, None, f"line {place} {problem}; it is skipped", skipped=True))
    return problem is None


def _value_of(text: bytes) -> tuple[Any, str | None]:
    """JSON as all files of it are read, or what is wrong with it."""
    return json_or_problem(text.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace"))


def _frame_of_records(lines: Sequence[bytes], record_list: str) -> pl.DataFrame:
    """Lines that hold a record each, whatever it holds."""
    try:
        return _frame_of_json(b"\n".join(lines), record_list)
    except pl.exceptions.PolarsError:  # it has no column for an object in one record and a list in another
        return _frame_of_json(b"\n".join(_in_cells(_value_of(line)[0]) for line in lines), record_list)


def _in_cells(record: Mapping[str, Any]) -> bytes:
    """A record as a line that Polars reads next to any other: as in a table, what is nested is text."""
    return json.dumps({plain_json(name): _cell(value) for name, value in record.items()}).encode()


def _cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    kept = plain_json(value)
    return str(kept) if isinstance(kept, int) and kept.bit_length() > WIDEST else kept


def _frame_of_json(lines: bytes, record_list: str) -> pl.DataFrame:
    there = [name for name in _free_form(record_list) if f'"{name}"'.encode() in lines]
    if there and b"\\" in lines:
        # Polars writes objects as text with tabs and backslashes as they are, which is no JSON, or other JSON
        lines = b"\n".join(
            _with_texts(line, there) if _ESCAPED.search(line) is not None else line for line in lines.split(b"\n")
        )
    return pl.read_ndjson(
        io.BytesIO(lines), infer_schema_length=None, schema_overrides=dict.fromkeys(there, pl.String) or None
    )


_ESCAPED = re.compile(rb"\\(?!u(?:00[89a-fA-F]|0[1-9a-fA-F]|[1-9a-cA-CeEfF]))")
"""An escape in JSON, other than of a letter beyond ASCII that is whole by itself."""


def _with_texts(line: bytes, fields: Sequence[str]) -> bytes:
    """A record's line with the objects and lists in some fields as JSON text; any other line as it is."""
    record, problem = _value_of(line)
    if problem is not None or not isinstance(record, dict):
        return line
    nested = {name: json.dumps(record[name]) for name in fields if isinstance(record.get(name), (dict, list))}
    return json.dumps({**record, **nested}).encode() if nested else line


@cache
def _free_form(record_list: str) -> tuple[str, ...]:
    """The fields of a list that hold text or values of any kind, which stay as they stand in JSON."""
    return tuple(path for path, kind in layout(record_list).items() if kind == pl.String and "." not in path)


def _json(piece: Piece, note: Note, _: pl.Expr | None) -> Frames:
    """A JSON document with a list of records, or an object that holds the list under its name. It is read as a whole."""
    with _opened(piece.file) as file:
        document, problem = _value_of(file.read())
    if problem is not None:
        raise ValueError(problem)
    if isinstance(document, dict):
        found = document.get(piece.file.list, document)
        document = [found] if isinstance(found, dict) else found
    if not isinstance(document, list):
        raise ValueError("a list of records is expected")
    for start in range(0, len(document), ROWS):
        lines = b"\n".join(map(_line, document[start : start + ROWS]))
        yield start, _frame_of(lines, piece.file, start, note)


def _line(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # numbers beyond 64 bits, lone surrogates, more than 254 levels
        return _in_cells(value) if isinstance(value, dict) else b"null"


def _opened(file: SourceFile) -> IO[bytes]:
    # gzip's own type is no IO[bytes], though it reads like one
    return cast("IO[bytes]", gzip.open(file.path, "rb")) if file.compressed else Path(file.path).open("rb")


_READERS = {"parquet": _parquet, "csv": _csv, "jsonl": _json_lines, "json": _json}
