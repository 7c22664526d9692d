"""Record lists in columns: the interface of a table of records, over arrays that may lie in memory-mapped files.

A table's folder holds one raw array a column (`table.json` says which), so that opening costs the same for any number of
rows, processes share the pages, and reading needs NumPy alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from ...engine.facts import Source, iso_timestamp
from ..observations import Floats, Record, Rows, Table, at_path, canonical_text, number_of, repeats
from ..records import TIME_FIELD, Leaf, adapter, branches, free_form, leaves
from .arrays import (
    BEGINS,
    BLOCK,
    PLAIN,
    READERS,
    UNKNOWN_FLAG,
    Coded,
    Column,
    Lazy,
    Objects,
    Texts,
    Whole,
    arrays,
    at,
    between,
    column_of,
    picked,
    read,
    texts_of,
    unknown,
)
from .cells import set_at
from .judged_casts import json_of
from .names import OrderedNames, Pairs
from .taking import REST

if TYPE_CHECKING:
    import polars as pl

CONTENTS = "table.json"
"""The file of a table's folder that tells what the others hold."""


FEW_WORDS = 8
"""Rows for each different text from which on a column is held as codes (our judgement: below, little is saved)."""


class RowsByCharger(Mapping[str, Rows]):
    """The rows of each charger, found by its id among those in order."""

    def __init__(self, devices: Texts, starts: Whole) -> None:
        self.devices = devices
        self.starts = starts
        self._names = OrderedNames(devices)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, device: object) -> bool:
        return device in self._names

    def items(self) -> Pairs[Rows]:
        return Pairs(self, self._pairs)

    def _pairs(self) -> Iterator[tuple[str, Rows]]:
        for device, (start, end) in zip(self._names, pairwise(self.starts.tolist()), strict=True):
            yield device, np.arange(start, end, dtype=np.intp)

    def __getitem__(self, device: str) -> Rows:
        place = self._names.place(device)
        if place is None:
            raise KeyError(device)
        return np.arange(self.starts[place], self.starts[place + 1], dtype=np.intp)


class ColumnTable(Table):
    """A record list in columns, by charger and time; a record is made when it is read.

    Of a record as it was fed stands what the columns keep: values in the layout's spelling, and REST.
    """

    def __init__(
        self, name: str, rows: int, columns: Mapping[str, Column], owners: RowsByCharger, firsts: Whole,
        indices: Whole | None = None,
    ) -> None:  # fmt: skip
        """Take columns by dotted path. `firsts` are the indices of each charger's first record; `indices` those of each
        record, where they do not follow from that."""
        super().__init__(name)
        self._rows = rows
        self._columns = columns
        self._owners = owners
        self._firsts = firsts
        self._indices = indices

    def __len__(self) -> int:
        return self._rows

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns by dotted path; one that no record fills may be absent."""
        return self._columns

    @property
    def owners(self) -> RowsByCharger:
        """The chargers in order, and where the rows of each begin."""
        return self._owners

    @property
    def firsts(self) -> Whole:
        """The index of each charger's first record."""
        return self._firsts

    @property
    def records(self) -> Sequence[Record]:
        return Lazy(self._rows, lambda row: self.records_at(np.array([row]))[0], self._all_records)

    @property
    def times(self) -> Floats:
        return self.numbers(TIME_FIELD.get(self.name, "timestamp"))

    @property
    def by_device(self) -> Mapping[str, Rows]:
        return self._owners

    @cached_property
    def connectors(self) -> Floats:
        named = self.numbers("connector_id")
        if not named.strides[0] or not (whole_charger := named == 0).any():
            return named
        return np.where(whole_charger, np.nan, named)

    def numbers(self, path: str) -> Floats:
        column = self._columns.get(path)
        if isinstance(column, np.ndarray) and leaves(self.name)[path].kind != "flag":
            return column.view(np.float64)
        if column is None and self._above(path) is not None:
            return np.array([number_of(value) for value in self.values(path)], dtype=np.float64)
        return np.broadcast_to(np.float64(np.nan), (self._rows,))

    def texts(self, path: str) -> Sequence[str | None]:
        column = self._columns.get(path)
        if isinstance(column, Coded) or (isinstance(column, Texts) and leaves(self.name)[path].kind != "free"):
            return column
        values = self.values(path)
        return Lazy(self._rows, lambda row: value if isinstance(value := values[row], str) else None)

    def values(self, path: str) -> Sequence[Any]:
        leaf = leaves(self.name).get(path)
        if leaf is not None:
            column = self._columns.get(path)
            return Lazy(self._rows, lambda _: None) if column is None else read(column, leaf)
        if path in branches(self.name):
            inside = [each for each in self._columns if each.startswith(f"{path}.")]
            parts = {each[len(path) + 1 :]: self.values(each) for each in inside}
            return Lazy(self._rows, lambda row: _nested(_known(parts, row)) or None)
        above = self._above(path)
        if above is None:
            return Lazy(self._rows, lambda _: None)
        whole = self.values(above)
        return Lazy(self._rows, lambda row: at_path(whole[row], path[len(above) + 1 :]))

    def texts_at(self, path: str, rows: Rows) -> list[str | None]:
        column = self.texts(path)
        if isinstance(column, Coded):
            return column.of(rows)
        return list(column.at(rows)) if isinstance(column, Texts) else [column[row] for row in rows.tolist()]

    def values_at(self, path: str, rows: Rows) -> list[Any]:
        column, leaf = self._columns.get(path), leaves(self.name).get(path)
        if column is None or leaf is None:
            return super().values_at(path, rows)
        return [*map(READERS[leaf.kind], picked(column, rows))]

    def rows_with(self, path: str, word: str) -> Rows:
        column = self.texts(path)
        return column.rows_with(word) if isinstance(column, (Texts, Coded)) else super().rows_with(path, word)

    def one_of(self, path: str, words: Container[str | None], rows: Rows) -> NDArray[np.bool_]:
        column = self.texts(path)
        return column.one_of(words, rows) if isinstance(column, Coded) else super().one_of(path, words, rows)

    def parts_at(self, path: str, part: str, rows: Rows) -> tuple[Rows, list[Any]]:
        column = self._columns.get(path)
        return column.parts_at(part, rows) if isinstance(column, Objects) else super().parts_at(path, part, rows)

    def source(self, row: int) -> Source:
        time = float(self.times[row])
        index = int(self.indices(np.array([row]))[0])
        return Source(self.name, index, None if np.isnan(time) else iso_timestamp(time))

    def until(self, as_of: float) -> ColumnTable:
        times = self.times
        return self.part(np.flatnonzero(np.isnan(times) | (times <= as_of)))

    def part(self, rows: Rows) -> ColumnTable:
        """Some of the records, by their rows in ascending order; each keeps its index."""
        columns = {path: at(column, rows) for path, column in self._columns.items()}
        indices = self.indices(rows)
        starts = np.searchsorted(rows, self._owners.starts)
        kept = np.flatnonzero(np.diff(starts))
        owners = RowsByCharger(self._owners.devices.at(kept), np.append(starts[kept], starts[-1:]))
        return ColumnTable(self.name, len(rows), columns, owners, self._firsts[kept], indices)

    def records_at(self, rows: Rows) -> list[Record]:
        validate = adapter(self.name).validate_python
        made = []
        places = zip(self.indices(rows).tolist(), self.times[rows].tolist(), strict=True)
        for (index, time), plain, rest in zip(places, self._plain(rows), self._rest(rows), strict=True):
            fields = validate(plain)
            made.append(Record(fields, _with_rest(plain, rest), None if time != time else time, index))
        return made

    def raws(self) -> Iterator[dict[str, Any]]:
        """The records as they were fed, as far as the columns keep it, without validating them."""
        for rows in self._blocks():
            yield from map(_with_rest, self._plain(rows), self._rest(rows))

    def _all_records(self) -> Iterator[Record]:
        for rows in self._blocks():
            yield from self.records_at(rows)

    def _blocks(self) -> Iterator[Rows]:
        for start in range(0, self._rows, BLOCK):
            yield np.arange(start, min(start + BLOCK, self._rows))

    def _rest(self, rows: Rows) -> Sequence[str | None]:
        rest = self._columns.get(REST)
        return [None] * len(rows) if rest is None else picked(rest, rows)

    def _plain(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """The values of some rows that the schema knows, as JSON has them."""
        # those of one charger lie together, and a stretch is read in half the time
        together = len(rows) > 0 and bool((np.diff(rows) == 1).all())
        ends = (int(rows[0]), int(rows[-1]) + 1) if together else (0, 0)
        columns = [
            (parents, last, [plain(value) for value in (between(column, *ends) if together else picked(column, rows))])
            for parents, last, plain, column in self._held
        ]
        needed = [(path, "" if leaf.lower else None) for path, leaf in leaves(self.name).items() if leaf.needed]
        for place in range(len(rows)):
            record: dict[str, Any] = {}
            for parents, last, values in columns:
                value = values[place]
                if value is not None:
                    holder = record
                    for part in parents:
                        holder = holder.setdefault(part, {})
                    holder[last] = value
            for path, nothing in needed:
                record.setdefault(path, nothing)
            yield record

    @cached_property
    def _held(self) -> Sequence[tuple[Sequence[str], str, Callable[[Any], Any], Column]]:
        """The columns that the schema knows: where their values lie in a record, and what turns them into those of JSON."""
        held = []
        for path, leaf in leaves(self.name).items():
            column = self._columns.get(path)
            if column is not None:
                *parents, last = path.split(".")
                held.append((parents, last, PLAIN[leaf.kind], column))
        return held

    def _above(self, path: str) -> str | None:
        """The free-form column that a deeper path leads into."""
        return next((each for each in self._columns if path.startswith(f"{each}.")), None)

    def indices(self, rows: Rows) -> Whole:
        if self._indices is not None:
            return self._indices[rows]
        if not len(self._firsts):
            return rows.astype(np.int64)
        places = np.searchsorted(self._owners.starts, rows, "right") - 1
        return np.asarray(self._firsts[places] + rows - self._owners.starts[places])


def _with_rest(record: dict[str, Any], rest: str | None) -> dict[str, Any]:
    """A record with what its columns do not hold."""
    for path, value in {} if rest is None else from_json(rest).items():
        set_at(record, path, value)
    return record


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with dotted names as nested data."""
    record: dict[str, Any] = {}
    for path, value in values.items():
        if "." in path:
            set_at(record, path, value)
        else:
            record[path] = value
    return record


def _known(values: Mapping[str, Sequence[Any]], row: int) -> dict[str, Any]:
    """The values of a row that are known."""
    return {path: value for path, column in values.items() if (value := column[row]) is not None}


# From rows to tables


def column_table(name: str, frame: pl.DataFrame, firsts: Mapping[str, int] | None = None) -> ColumnTable:
    """A table of rows as `taken` gives them (batches concatenated diagonally), in canonical order.

    The order is by charger, time, connector and content (lists whose records name no charger: time, site, content);
    of those that mean the same one stands. A record's index is its place in this order. Where the table holds the rows of some chargers
    only, `firsts` gives for each charger the index of its first record in the whole list (the number of rows of all chargers
    before it, whatever it is by which they are counted), so that sources do not depend on how the data set was cut; without
    it they count within this table. Raises KeyError where there is no such record list.
    """
    return _laid_out(name, frame, _order(name, frame), firsts)


class TableWriter:
    """Writes a table to a folder, charger by charger, so that only a part of it need be in memory.

    A context manager: the folder appears, whole, when it ends without an error.
    """

    def __init__(self, name: str, folder: Path, firsts: Mapping[str, int] | None = None) -> None:
        """Parameters as in `column_table`; the folder must not exist yet."""
        self._name = name
        self._folder = folder
        self._firsts = firsts
        self._partial = folder.with_name(f"{folder.name}.partial")
        self._rows = 0
        self._files: dict[str, _ColumnFiles] = {}
        self._owners = _ColumnFiles(self._partial, "owners")
        self._starts: list[int] = []
        self._indices: list[int] = []
        self._last: str | None = None

    def __enter__(self) -> TableWriter:
        rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        return self

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows of chargers that come after all chargers added before (rows as `taken` gives them, in any order).

        Raises ValueError where a charger comes before one already written, or a list without chargers gets a second part.
        """
        part = column_table(self._name, frame, self._firsts)
        chargers = list(part.by_device)
        if self._rows and len(part) and (not chargers or self._last is None or chargers[0] <= self._last):
            raise ValueError(f"{self._name}: rows are to be written in the order of the chargers, all of one at once")
        for path in part.columns:
            if path not in self._files:
                self._files[path] = _ColumnFiles(self._partial, str(len(self._files)))
                self._files[path].write(unknown(_leaf(self._name, path), self._rows))
        for path, file in self._files.items():
            held = part.columns.get(path)
            file.write(unknown(_leaf(self._name, path), len(part)) if held is None else held)
        self._owners.write(part.owners.devices)
        self._starts += [self._rows + start for start in part.owners.starts[:-1].tolist()]
        self._indices += part.firsts.tolist() if self._firsts is not None else self._starts[len(self._indices) :]
        self._rows += len(part)
        self._last = chargers[-1] if chargers else self._last

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (*self._files.values(), self._owners):
            file.close()
        if kind is not None:
            rmtree(self._partial, ignore_errors=True)
            return
        np.array([*self._starts, self._rows], dtype="<i8").tofile(self._partial / "starts")
        np.array(self._indices, dtype="<i8").tofile(self._partial / "firsts")
        contents = {
            "name": self._name,
            "rows": self._rows,
            "columns": {path: file.name for path, file in self._files.items()},
        }
        (self._partial / CONTENTS).write_text(json.dumps(contents), encoding="utf-8")
        self._partial.rename(self._folder)


def write(name: str, frame: pl.DataFrame, folder: Path, firsts: Mapping[str, int] | None = None) -> None:
    """Write the table of these rows to a folder that does not exist yet; parameters as in `column_table`."""
    with TableWriter(name, folder, firsts) as writer:
        writer.append(frame)


def opened(folder: Path) -> ColumnTable:
    """The table that was written to a folder, memory-mapped: opening costs the same for any number of rows.

    Processes that open the same folder share its pages. Needs no Polars. Raises OSError where the folder cannot be read.
    """
    contents = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
    return _OpenedTable(folder, contents)


class _OpenedTable(ColumnTable):
    """A table that lies in a folder; another process gets it by the folder's name."""

    def __init__(self, folder: Path, contents: Mapping[str, Any]) -> None:
        columns = _MappedColumns(folder, contents["name"], contents["columns"])
        owners = RowsByCharger(columns.column("owners", _OWNER), columns.array("starts", "<i8"))
        super().__init__(contents["name"], contents["rows"], columns, owners, columns.array("firsts", "<i8"))
        self._folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return opened, (self._folder,)


class _MappedColumns(Mapping[str, "Column"]):
    """The columns in a folder, each mapped when it is first read."""

    def __init__(self, folder: Path, name: str, contents: Mapping[str, str]) -> None:
        self._folder = folder
        self._name = name
        self._contents = contents
        self._open: dict[str, Column] = {}

    def __getitem__(self, path: str) -> Column:
        if path not in self._open:
            self._open[path] = self.column(self._contents[path], _leaf(self._name, path))
        return self._open[path]

    def column(self, file: str, leaf: Leaf) -> Any:
        """The column that lies in files of a name."""
        return column_of(leaf, file, self.array)

    def array(self, file: str, dtype: str) -> Any:
        """The array that lies in a file."""
        path = self._folder / file
        return np.asarray(np.memmap(path, dtype=dtype, mode="r")) if path.stat().st_size else np.empty(0, dtype=dtype)

    def __contains__(self, path: object) -> bool:
        return path in self._contents

    def __iter__(self) -> Iterator[str]:
        return iter(self._contents)

    def __len__(self) -> int:
        return len(self._contents)


_OWNER = Leaf("owners", "text", str)
_REST = Leaf(REST, "text", str)


def _leaf(name: str, path: str) -> Leaf:
    return _REST if path == REST else leaves(name)[path]


class _ColumnFiles:
    """The files of one column on its way to a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder
        self._open: dict[str, IO[bytes]] = {}
        self._ends: dict[str, int] = {}

    def write(self, column: Column) -> None:
        """Add some rows."""
        for name, array in arrays(column, self.name):
            fresh = name not in self._open
            file = self._open.setdefault(name, (self._folder / name).open("wb")) if fresh else self._open[name]
            if not name.endswith(BEGINS):
                file.write(array.tobytes())
                continue
            before = self._ends.get(name, 0)
            file.write((array[0 if fresh else 1 :] + before).astype("<i8").tobytes())
            self._ends[name] = before + int(array[-1])

    def close(self) -> None:
        """Close the files; all rows are written."""
        for file in self._open.values():
            file.close()


def _laid_out(
    name: str, frame: pl.DataFrame, order: pl.Series | None = None, firsts: Mapping[str, int] | None = None
) -> ColumnTable:
    """A table of rows in an order (as they stand, where it is None)."""
    columns = _FrameColumns(name, frame, order)
    rows = frame.height if order is None else len(order)
    if "device_id" not in leaves(name):
        nobody = RowsByCharger(texts_of([]), np.zeros(1, dtype=np.int64))
        return ColumnTable(name, rows, columns, nobody, np.empty(0, dtype=np.int64))
    if not rows:
        ids, starts = [], [0]
    else:
        device = columns.series("device_id")
        begins = (device != device.shift(1)).fill_null(True).arg_true()
        ids, starts = device.gather(begins).to_list(), [*begins.to_list(), rows]
    indices = starts[:-1] if firsts is None else [firsts[charger] for charger in ids]
    owners = RowsByCharger(texts_of(ids), np.array(starts, dtype=np.int64))
    return ColumnTable(name, rows, columns, owners, np.array(indices, dtype=np.int64))


class _FrameColumns(Mapping[str, "Column"]):
    """The columns of a frame's rows in an order (as they stand, where it is None), each laid out when it is first read."""

    def __init__(self, name: str, frame: pl.DataFrame, order: pl.Series | None) -> None:
        self._name = name
        self._frame = frame
        self._order = order
        self._laid_out: dict[str, Column] = {}

    def series(self, path: str) -> pl.Series:
        """A column of the frame in order."""
        column = self._frame.get_column(path)
        return column if self._order is None else column.gather(self._order)

    def __getitem__(self, path: str) -> Column:
        if path not in self._laid_out:
            self._laid_out[path] = self._made(path)
        return self._laid_out[path]

    def _made(self, path: str) -> Column:
        if path not in self:
            raise KeyError(path)
        leaf = _leaf(self._name, path)
        if leaf.kind != "objects" or self._order is None:
            return _column(leaf, self.series(path))
        # arrays are put in order sooner than lists
        whole = _column(leaf, self._frame.get_column(path))
        ordered: Column = at(whole, self._order.to_numpy().astype(np.intp))
        return ordered

    def __contains__(self, path: object) -> bool:
        return path in self._frame.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._frame.columns)

    def __len__(self) -> int:
        return self._frame.width


def _column(leaf: Leaf, values: pl.Series) -> Column:
    """A column of the layout as the arrays that a table holds."""
    import polars as pl

    if leaf.kind == "moment":
        # NumPy's division rounds as a datetime's timestamp does; Polars multiplies by the inverse
        return values.cast(pl.Int64).cast(pl.Float64).fill_null(float("nan")).to_numpy() / 1e6
    if leaf.kind in ("number", "whole"):
        return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if leaf.kind == "flag":
        return values.cast(pl.Int8).fill_null(UNKNOWN_FLAG).to_numpy()
    if leaf.kind == "objects":
        items = values.filter(values.list.len() > 0).explode()
        parts = {part.path: _column(part, items.struct.field(part.path)) for part in leaf.parts}
        return Objects(
            leaf, values.is_not_null().cast(pl.Int8).to_numpy(), _begins(values.list.len().fill_null(0)), parts
        )
    if leaf.kind != "free" and len(values):
        words = values.unique().drop_nulls()
        if len(words) * FEW_WORDS < len(values):
            codes = values.cast(pl.Enum(words)).to_physical().cast(pl.UInt32).fill_null(len(words))
            return Coded(codes.to_numpy(), [*(word or None for word in words), None])
    values = values.fill_null("")
    joined: str = values.str.join("").item() if len(values) else ""
    return Texts(_begins(values.str.len_bytes()), np.frombuffer(joined.encode(), dtype=np.uint8))


def _begins(lengths: pl.Series) -> Whole:
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths.to_numpy(), dtype=np.int64)))


def _order(name: str, frame: pl.DataFrame) -> pl.Series | None:
    """The rows in canonical order, identical ones once; None where they stand so already."""
    import polars as pl

    def part(path: str, unknown: Any) -> pl.Series:
        if path not in frame.columns:
            return pl.repeat(unknown, frame.height, eager=True)
        return frame.get_column(path).fill_null(unknown) if unknown is not None else frame.get_column(path)

    time_field = TIME_FIELD.get(name, "timestamp")
    time = frame.get_column(time_field).cast(pl.Int64) if time_field in frame.columns else part("", 0)
    owner = part("device_id" if "device_id" in leaves(name) else "site_id", "")
    keys = [owner, time] if "device_id" in leaves(name) else [time, owner]
    keyed = pl.DataFrame([key.rename(f"key {place}") for place, key in enumerate([*keys, part("connector_id", 0)])])
    order = keyed.with_row_index("row").sort(keyed.columns, nulls_last=True, maintain_order=True)
    same = pl.all_horizontal(pl.col(key).eq_missing(pl.col(key).shift(1)) for key in keyed.columns)
    order = order.with_columns(tied=same & (pl.col("row").shift(1).is_not_null()))
    order = order.with_columns(group=(~pl.col("tied")).cum_sum())
    rows = order.get_column("row")
    groups = order.get_column("group")
    alone = groups.is_unique()
    if not alone.all():
        rows = _untied(name, frame, rows, groups, ~alone)
    as_they_stand = len(rows) == frame.height and bool((rows == pl.int_range(len(rows), eager=True)).all())
    return None if as_they_stand else rows


def _untied(name: str, frame: pl.DataFrame, rows: pl.Series, groups: pl.Series, tied: pl.Series) -> pl.Series:
    """The rows in order with those of equal time ordered by content, those that mean the same once."""
    import polars as pl

    tie = pl.DataFrame({"row": rows, "group": groups}).filter(tied)
    held = frame[tie.get_column("row")]
    held = held.with_columns(
        json_of(held.get_column(p)).alias(p) for p, leaf in leaves(name).items() if p in held and leaf.kind == "objects"
    )
    tie = pl.concat([tie, held.rename(lambda path: f"of {path}")], how="horizontal")
    tie = tie.unique(["group", *(f"of {path}" for path in held.columns)], keep="first", maintain_order=True)
    table = _laid_out(name, frame[tie.get_column("row")])
    content = [canonical_text(raw) for raw in table.raws()]
    same = ["group", *(f"of {path}" for path in held.columns if path != REST and path not in free_form(name))]
    if "connector_id" in held:
        tie = tie.with_columns(pl.col("of connector_id").fill_null(0))
    alike = np.flatnonzero(tie.select(same).is_duplicated().to_numpy())
    records = table.records_at(alike)
    suspects = ((row, each.fields, each.raw) for row, each in zip(alike.tolist(), records, strict=True))
    tie = tie.select("row", "group", content=pl.Series(content, dtype=pl.String))
    stands = np.ones(tie.height, dtype=bool)
    stands[[*repeats(name, suspects)]] = False
    tie = tie.filter(pl.Series(stands))
    kept = pl.concat([pl.DataFrame({"row": rows, "group": groups}).filter(~tied).with_columns(content=pl.lit("")), tie])
    return kept.sort("group", "content").get_column("row")
