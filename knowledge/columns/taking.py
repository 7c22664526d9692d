"""Record lists as columns: rows as Polars read them, cast to one canonical layout with the meaning that single records have.

Three ways lead into the layout. A column that a vectorised test finds in order is cast as a whole. A value that it does not
understand (`N/A`, `1_000`, `Available`) is put to the validator that single records have for it. A row with a value that
this one refuses goes through the validation of single records as a whole, so that its warnings and what is kept of it are
the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.knowledge_base import DataProblem
from ..observations import MAX_WARNINGS_PER_FIELD, ObservationsBuilder, at_path
from ..records import Leaf, branches, leaves
from .cells import canonical_json, record_of
from .judged_casts import CastColumn, LeftOut, can_be_json, cast_to, is_lost, json_of, of_parts, python_values, stored
from .sure_casts import dtype_of

if TYPE_CHECKING:
    import polars as pl

REST = "rest"
"""The column with what the others do not hold: a JSON object of dotted paths and values as they were fed (fields that the
schema does not know, values that were left out, words that were spelled another way); null where there is nothing."""


def layout(name: str) -> Mapping[str, pl.DataType | type[pl.DataType]]:
    """The columns that rows of a record list can have once they are taken, by dotted path, and their types.

    Numbers are Float64, whole numbers Int64, timestamps Datetime(us, UTC), words and texts String, flags Boolean;
    `power_modules` is a list of structs, every other list or free-form value JSON text. REST comes last. Null is unknown;
    there is no empty text and no NaN. Raises KeyError where there is no such record list.
    """
    import polars as pl

    return {**{path: dtype_of(leaf) for path, leaf in leaves(name).items()}, REST: pl.String}


def taken(name: str, frame: pl.DataFrame, first: int = 0) -> tuple[pl.DataFrame, list[DataProblem]]:
    """Rows of one record list as Polars read them, as columns of the layout, and the problems met.

    Any type of column will do: nested structs and lists, dotted names (`component_health.cooling_fan_rpm`), JSON text in
    a cell, numbers as text, timestamps as Datetime, Date, ISO text, epoch seconds or milliseconds. `first` is the place as
    fed of the first row, for warnings. Rows that cannot be used are left out with a warning; the order of the others may
    change. Only columns of the layout that some row fills are there (`pl.concat(..., how="diagonal")` joins batches).
    Columns that the schema does not know are kept in REST: drop those that the data set's layout added (partition values,
    file names) first, as the same row would differ by the partition it lies in.

    Raises KeyError where there is no such record list.
    """
    return _Taking(name, frame, first).result()


@dataclass
class _Taking:
    """One batch of rows on its way into the layout."""

    name: str
    frame: pl.DataFrame
    first: int
    known: dict[str, pl.Series] = field(default_factory=dict)
    parts: dict[str, dict[str, pl.Series]] = field(default_factory=dict)
    unknown: dict[str, pl.Series] = field(default_factory=dict)
    refused: list[pl.Series] = field(default_factory=list)
    left_out: dict[str, LeftOut] = field(default_factory=dict)

    def result(self) -> tuple[pl.DataFrame, list[DataProblem]]:
        import polars as pl

        for column in self.frame.get_columns():
            self._sort_in(column.name, column)
        columns: dict[str, pl.Series] = {}
        fed: dict[str, pl.Series] = {path: _members(path, column) for path, column in self.unknown.items()}
        for path, leaf in leaves(self.name).items():
            cast = self._column(leaf)
            if cast is None:
                continue
            columns[path] = cast.values
            if cast.refused is not None:
                self.refused.append(cast.refused)
            if cast.left_out is not None:
                self.left_out[path] = cast.left_out
            if cast.fed is not None:
                fed[path] = cast.fed
        missing = [path for path in leaves(self.name) if leaves(self.name)[path].needed and path not in columns]
        if missing:
            return pl.DataFrame(), self._all_skipped(missing)
        self.refused += [columns[path].is_null() for path, leaf in leaves(self.name).items() if leaf.needed]
        rest = _joined([fed[path] for path in sorted(fed)])
        if rest is not None:
            columns[REST] = rest
        whole = pl.DataFrame({path: columns[path] for path in layout(self.name) if path in columns})
        return self._mended(whole)

    def _sort_in(self, path: str, column: pl.Series) -> None:
        """Give a column its place: a value of the schema, a part of a free-form one, or unknown to the schema."""
        import polars as pl

        if column.dtype == pl.Null or not path:
            return
        if path in branches(self.name) and isinstance(column.dtype, pl.Struct):
            for part in column.struct.fields:
                self._sort_in(f"{path}.{part}", column.struct.field(part))
            return
        if path in branches(self.name):
            self.refused.append(column.is_not_null())
        elif path in leaves(self.name):
            self._keep(self.known, path, column)
        elif (leaf := self._leaf_above(path)) is not None:
            self._keep(self.parts.setdefault(leaf, {}), path[len(leaf) + 1 :], column)
        elif column.null_count() < len(column):
            self._keep(self.unknown, path, column)

    def _keep(self, columns: dict[str, pl.Series], path: str, column: pl.Series) -> None:
        """Two columns for one value (`a.b` and a struct `a` with `b`): which of them counts is judged row by row."""
        if path in columns:
            self.refused.append(column.is_not_null())
        else:
            columns[path] = column

    def _leaf_above(self, path: str) -> str | None:
        parents = (path[:place] for place, letter in enumerate(path) if letter == ".")
        return next((parent for parent in parents if parent in leaves(self.name)), None)

    def _column(self, leaf: Leaf) -> CastColumn | None:
        column, parts = self.known.get(leaf.path), self.parts.get(leaf.path)
        if column is not None and column.null_count() == len(column):
            column = None
        if parts is not None:
            whole = of_parts(parts)
            if leaf.kind != "free" or column is not None:
                self.refused.append(whole.is_not_null())
            else:
                column = whole
        return None if column is None else cast_to(leaf, column)

    def _mended(self, whole: pl.DataFrame) -> tuple[pl.DataFrame, list[DataProblem]]:
        """The rows that are in order, with what single records make of the others."""
        import polars as pl

        masks = (mask.fill_null(False).rename(str(place)) for place, mask in enumerate(self.refused))
        refused = pl.select(pl.any_horizontal(*masks)).to_series()
        if not self.left_out and not refused.any():
            return whole, []
        rows = dict(zip(refused.arg_true().to_list(), self._records(refused), strict=True))
        builder = ObservationsBuilder()
        alone = {path: found.but(refused.to_numpy()) for path, found in self.left_out.items()}
        told: dict[int, list[tuple[str, Any]]] = {}
        for path, found in alone.items():
            first_values = python_values(found.values.head(MAX_WARNINGS_PER_FIELD))
            for place, value in zip(found.places.tolist(), first_values, strict=False):
                told.setdefault(place, []).append((path, value))
        for place in sorted(rows.keys() | told.keys()):
            if place in rows:
                builder.add(self.name, self.first + place, rows[place])
            for path, value in told.get(place, ()):
                builder.leave_out(self.name, self.first + place, path, value)
        for path, found in alone.items():
            builder.count_more(self.name, path, max(0, len(found.places) - MAX_WARNINGS_PER_FIELD))
        if not rows:
            return whole, builder.all_problems()
        mended = _frame_of_entries(self.name, builder.entries(self.name))
        joined = pl.concat([whole.filter(~refused), mended], how="diagonal")
        present = [path for path in layout(self.name) if path in joined.columns]
        return joined.select(present), builder.all_problems()

    def _records(self, chosen: pl.Series) -> Iterator[dict[str, Any]]:
        """Some rows as records."""
        return (record_of(self.name, row) for row in _readable(self.frame.filter(chosen)).iter_rows(named=True))

    def _all_skipped(self, missing: Sequence[str]) -> list[DataProblem]:
        """The warnings where no row has what a record cannot do without; beyond the first rows they are only counted."""
        import polars as pl

        builder = ObservationsBuilder()
        looked_at = min(self.frame.height, MAX_WARNINGS_PER_FIELD)
        first_rows = pl.repeat(True, self.frame.height, eager=True).set(
            pl.Series(np.arange(self.frame.height) >= looked_at), False
        )
        for place, record in enumerate(self._records(first_rows)):
            builder.add(self.name, self.first + place, record)
        for path in missing:
            builder.count_more(self.name, path, self.frame.height - looked_at)
        return builder.all_problems()


# The rest


def _members(path: str, column: pl.Series) -> pl.Series:
    """Each value of a column the schema does not know as a member of a JSON object, null where it is null."""
    import polars as pl

    key = json.dumps(path)
    if column.dtype.is_nested() or not can_be_json(column.dtype):
        members = [None if value is None else f"{key}:{canonical_json(value)}" for value in python_values(column)]
        return pl.Series(members, dtype=pl.String)
    if column.dtype == pl.String:
        column = column.set(column == "", None)
    return f"{key}:" + json_of(column)


def _joined(members: Sequence[pl.Series]) -> pl.Series | None:
    """JSON objects of their members, null where there is none."""
    import polars as pl

    members = [column for column in members if column.null_count() < len(column)]
    if not members:
        return None
    named = [column.rename(str(place)) for place, column in enumerate(members)]
    joined = pl.select(pl.concat_str(named, separator=",", ignore_nulls=True)).to_series()
    return ("{" + joined + "}").set(joined == "", None).rename(REST)


# Rows that went through the validation of single records


def _readable(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with every value such that Python can have it."""
    import polars as pl

    odd = [column for column in frame.get_columns() if column.dtype.is_temporal() or column.dtype.is_nested()]
    return frame.with_columns(pl.Series(c.name, python_values(c), strict=False) for c in odd) if odd else frame


def _frame_of_entries(name: str, entries: Iterable[Any]) -> pl.DataFrame:
    """Validated records as columns of the layout."""
    import polars as pl

    kept = [(fields, raw) for _, fields, raw in entries if fields is not None]
    columns = {}
    for path, leaf in leaves(name).items():
        found = [stored(leaf, at_path(fields, path)) for fields, _ in kept]
        if any(value is not None for value in found):
            dtype = pl.Int64 if leaf.kind == "moment" else dtype_of(leaf)
            columns[path] = pl.Series(found, dtype=dtype).cast(dtype_of(leaf))
    rests = [_rest_of(name, fields, raw) for fields, raw in kept]
    columns[REST] = pl.Series([canonical_json(rest) if rest else None for rest in rests], dtype=pl.String)
    return pl.DataFrame(columns)


def _rest_of(name: str, fields: Mapping[str, Any], raw: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """What a record was fed and its columns do not hold, by dotted path."""
    rest: dict[str, Any] = {}
    for key, value in raw.items():
        path = f"{prefix}{key}"
        leaf = leaves(name).get(path)
        if leaf is None and path in branches(name) and isinstance(value, Mapping):
            rest.update(_rest_of(name, fields, value, f"{path}."))
        elif leaf is None or is_lost(leaf, at_path(fields, path), value):
            rest[path] = value
    return rest
