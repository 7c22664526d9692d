"""Extents: how many values a column of a charger's telemetry or heartbeats holds, between which numbers and which moments.

They are cheap to have of every charger of a fleet, in one scan and from parts in any order, and tell of most that no early
warning can come of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from ..observations import Floats, Observations, Rows, Table
from .grouping import ByCharger

if TYPE_CHECKING:
    import polars as pl

MODULE_STATUS = "power_modules.status"
"""The column of statuses of all power modules; a record counts where any module has one of the words."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column whose extent is asked for, by its record list and dotted path; the records themselves where that is empty.

    Where `words` are given, the records in which it is one of them.
    """

    list: str
    path: str = ""
    words: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A name that no other column has."""
        return ":".join((self.list, self.path, *self.words))


class Extent(NamedTuple):
    """What a column of some chargers holds: the number of values, the lowest and the highest, the first and the last moment.

    Each is an array in the order of the chargers; where one has no values, the number is zero and the rest NaN. Moments are
    epoch seconds. Of words and of the records themselves the lowest and the highest are zero. Identical records count once in
    memory, and each time where parts are merged; `moments` is how many different moments there are at least, which is told of
    words alone.
    """

    number: Floats
    low: Floats
    high: Floats
    first: Floats
    last: Floats
    moments: Floats

    @property
    def seconds(self) -> Floats:
        """From the first to the last moment."""
        return np.asarray(self.last - self.first)


class Extents(Protocol):
    """The extents of all chargers, whether they were measured in memory or merged of a fleet's parts."""

    def of(self, column: Column, devices: Sequence[str]) -> Extent:
        """The extent of a column of some chargers."""


_NOTHING = (0.0, np.nan, np.nan, np.nan, np.nan, 0.0)


@dataclass(frozen=True)
class MeasuredExtents:
    """The extents of record lists held in memory, each measured when it is asked for."""

    observations: Observations

    def of(self, column: Column, devices: Sequence[str]) -> Extent:
        """The extent of a column of some chargers."""
        found = np.array([self._measured(column, device) for device in devices], dtype=np.float64)
        return Extent(*found.reshape(-1, len(_NOTHING)).T)

    def _measured(self, column: Column, device: str) -> tuple[float, ...]:
        table = self.observations[column.list]
        rows = table.by_device.get(device)
        if rows is None or not len(rows):
            return _NOTHING
        values = _values(table, column, rows)
        times = table.times[rows]
        known = ~np.isnan(values) & ~np.isnan(times)
        values, times = values[known], times[known]
        if not len(values):
            return _NOTHING
        moments = len(np.unique(times)) if column.words else 0
        return len(values), values.min(), values.max(), times.min(), times.max(), moments


def _values(table: Table, column: Column, rows: Rows) -> Floats:
    if not column.path:
        return np.zeros(len(rows))
    if not column.words:
        return table.numbers(column.path)[rows]
    if column.path == MODULE_STATUS:
        listed = table.values("power_modules")
        said = (any(told.get("status") in column.words for told in listed[row] or ()) for row in rows.tolist())
    else:
        words = table.texts(column.path)
        said = (words[row] in column.words for row in rows.tolist())
    return np.where(np.fromiter(said, dtype=bool, count=len(rows)), 0.0, np.nan)


# Of many batches, by Polars

_PARTS = ("number", "low", "high", "first", "last", "moments")


def partial_extents(name: str, rows: ByCharger, columns: Iterable[Column]) -> pl.DataFrame:
    """The extents of some columns over some records of a list, one row a charger (several where its rows stand apart).

    The records have a `timestamp` (moments in UTC, none null), and what there is of the columns by their dotted paths; they
    may be any of any chargers. Columns of other lists are passed over.
    """
    import polars as pl

    there = [column for column in columns if column.list == name and _is_there(column, rows)]
    spelled = [column for column in there if column.words]
    plain = [column for column in there if not column.words]
    whole = rows.reduced(
        [pl.len().alias(_ROWS), *_moments(_FROM, _UNTIL), *(figure for column in plain for figure in _bounds(column))]
    )
    partly = [column for column in plain if _is_partly_known(column, whole)]
    known = [column for column in plain if column not in partly]
    return rows.named(
        whole.with_columns(each for column in known for each in _moments_of_all(column)).drop(_ROWS, _FROM, _UNTIL),
        *(
            rows.reduced(_moments(_part(column, "first"), _part(column, "last")), _is_known(column))
            for column in partly
        ),
        *(rows.reduced(_said(column), _is_known(column)) for column in spelled),
    )


_ROWS, _FROM, _UNTIL = "rows", "from", "until"


def _is_there(column: Column, rows: ByCharger) -> bool:
    path = "power_modules" if column.path == MODULE_STATUS else column.path
    return not path or path in rows.columns


def _moments(first: str, last: str) -> list[pl.Expr]:
    """The first and the last moment of some rows, by these names."""
    import polars as pl

    time = pl.col("timestamp")
    return [(time.min().dt.epoch("us") / 1e6).alias(first), (time.max().dt.epoch("us") / 1e6).alias(last)]


def _bounds(column: Column) -> list[pl.Expr]:
    """How many values a column of numbers holds, the lowest and the highest."""
    import polars as pl

    value = pl.col(column.path).cast(pl.Float64) if column.path else None
    figures = [pl.len(), pl.lit(0.0), pl.lit(0.0)] if value is None else [value.count(), value.min(), value.max()]
    return [figure.alias(_part(column, part)) for figure, part in zip(figures, _PARTS, strict=False)]


def _is_partly_known(column: Column, whole: pl.DataFrame) -> bool:
    """Whether there is a charger some of whose records have a value of the column, and others none."""
    number = whole.get_column(_part(column, "number"))
    return bool(((number > 0) & (number < whole.get_column(_ROWS))).any())


def _moments_of_all(column: Column) -> list[pl.Expr]:
    """The moments of a column that each charger knows in all of its records or in none."""
    import polars as pl

    known = pl.when(pl.col(_part(column, "number")) > 0)
    return [known.then(_FROM).alias(_part(column, "first")), known.then(_UNTIL).alias(_part(column, "last"))]


def _is_known(column: Column) -> pl.Expr:
    """Whether a record has a value of the column, or one of its words."""
    import polars as pl

    if not column.words:
        return pl.col(column.path).is_not_null()
    if column.path == MODULE_STATUS:
        told = pl.element().struct.field("status").is_in(column.words)
        return pl.col("power_modules").is_not_null() & pl.col("power_modules").list.eval(told).list.any()
    return pl.col(column.path).is_in(column.words)


def _said(column: Column) -> list[pl.Expr]:
    """The figures of the records that have one of the column's words."""
    import polars as pl

    first, last = _moments(_part(column, "first"), _part(column, "last"))
    figures = {"number": pl.len(), "low": pl.lit(0.0), "high": pl.lit(0.0), "moments": pl.col("timestamp").n_unique()}
    return [first, last, *(figure.alias(_part(column, part)) for part, figure in figures.items())]


def _parts(column: Column) -> tuple[str, ...]:
    return _PARTS if column.words else _PARTS[:-1]


def _part(column: Column, part: str) -> str:
    return f"{column.name} {part}"


class MergedExtents:
    """The extents of chargers of a fleet, one row each of what `merged_extents` gives."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self._places = {device: place for place, device in enumerate(frame["device_id"].to_list())}

    def of(self, column: Column, devices: Sequence[str]) -> Extent:
        """The extent of a column of some chargers."""
        import polars as pl

        places = np.array([self._places.get(device, -1) for device in devices], dtype=np.intp)
        there = np.flatnonzero(places >= 0)
        found = [np.full(len(devices), nothing) for nothing in _NOTHING]
        names = (
            [_part(column, part) for part in _parts(column)] if _part(column, "number") in self._frame.columns else []
        )
        for of_part, name in zip(found, names, strict=False):
            figure = self._frame[name].cast(pl.Float64).to_numpy()
            of_part[there] = figure[places[there]]
        return Extent(*found)


def merged_extents(partials: Iterable[pl.DataFrame], columns: Iterable[Column]) -> pl.DataFrame:
    """The extents of all chargers from `partial_extents` of any batches of any lists, in any order and number; one row a
    charger, in the order of their names."""
    import polars as pl

    frames = list(partials)
    if not frames:
        return pl.DataFrame(schema={"device_id": pl.String})
    together = pl.concat(frames, how="diagonal_relaxed")
    there = [column for column in columns if _part(column, "number") in together.columns]
    reduced: dict[str, Callable[[pl.Expr], pl.Expr]] = {
        "number": pl.Expr.sum,
        "low": pl.Expr.min,
        "high": pl.Expr.max,
        "first": pl.Expr.min,
        "last": pl.Expr.max,
        "moments": lambda moments: moments.max().fill_null(0),
    }
    return (
        together.group_by("device_id")
        .agg(reduced[part](pl.col(_part(column, part))) for column in there for part in _parts(column))
        .sort("device_id")
    )
