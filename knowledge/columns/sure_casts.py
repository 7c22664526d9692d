"""Casts of whole columns that are certainly what the validators of single records make of each value.

A cast gives the values, and which of them it is sure of: None stands for all that are known. Those that it is not sure of
are for the validator to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from ..records import Leaf
from .iso_times import FIRST_SURE_YEAR, LAST_SURE_YEAR, NOT_READ, microseconds

if TYPE_CHECKING:
    import polars as pl

MILLISECONDS_FROM = 20_000_000_000
"""Epoch numbers above this are milliseconds (pydantic's watershed)."""

LATEST_MILLISECONDS = 253_402_300_799_000
"""The last second of the year 9999, beyond which an epoch number is no timestamp (pydantic)."""

_SURE_OF_A_MICROSECOND = 0.3
"""How far from a whole microsecond a float may lie to mean it, however it is rounded (a float of today is 0.12 off)."""

_ON_THE_CALENDAR = (
    round(datetime(FIRST_SURE_YEAR, 1, 1, tzinfo=UTC).timestamp() * 1e6),
    round(datetime(LAST_SURE_YEAR, 1, 1, tzinfo=UTC).timestamp() * 1e6),
)
"""Microseconds between which a moment has a place on the calendar in every time zone."""


@cache
def dtype_of(leaf: Leaf) -> Any:
    """The type that a value's column has in the layout."""
    import polars as pl

    if leaf.kind == "objects":
        return pl.List(pl.Struct({part.path: dtype_of(part) for part in leaf.parts}))
    return {
        "number": pl.Float64,
        "whole": pl.Int64,
        "flag": pl.Boolean,
        "moment": pl.Datetime("us", "UTC"),
    }.get(leaf.kind, pl.String)


Cast = tuple["pl.Series", "pl.Series | None"]
"""The values, and which of them the cast is sure of (None: all that are known)."""


def nothing(leaf: Leaf, column: pl.Series) -> Cast:
    """No value of this type is understood here."""
    import polars as pl

    return (
        pl.repeat(None, len(column), dtype=dtype_of(leaf), eager=True),
        pl.repeat(False, len(column), dtype=pl.Boolean, eager=True),
    )


def _within(column: pl.Series, values: pl.Series, low: float, high: float) -> pl.Series | None:
    """Which values of a column are within bounds; NaN is not."""
    if values.null_count() == column.null_count() and _all_within(values, low, high):
        return None
    return values.is_between(low, high)


def _all_within(values: pl.Series, low: float, high: float) -> bool:
    """Whether every known value is within bounds; NaN is not."""
    least: Any = values.min()
    greatest: Any = values.max()
    if least is None:
        return True
    # the least and the greatest pass over NaN; a sum does not, and costs a fraction of looking for it value by value
    total = values.sum()
    return bool(least >= low and greatest <= high and total == total)


def _number(leaf: Leaf, column: pl.Series) -> Cast:
    import polars as pl

    if not (column.dtype.is_numeric() or column.dtype == pl.String):
        return nothing(leaf, column)
    values = column.cast(pl.Float64, strict=False)
    return values, _within(column, values, leaf.low, leaf.high)


def _whole(leaf: Leaf, column: pl.Series) -> Cast:
    import polars as pl

    if not (column.dtype.is_integer() or column.dtype.is_float() or column.dtype == pl.String):
        return nothing(leaf, column)
    values = column.cast(pl.Int64, strict=False)
    within = _within(column, values, leaf.low, leaf.high)
    if column.dtype.is_float():
        fits = values.cast(pl.Float64) == column
        return values, fits if within is None else fits & within
    return values, within


def _flag(leaf: Leaf, column: pl.Series) -> Cast:
    import polars as pl

    if column.dtype == pl.Boolean:
        return column, None
    if column.dtype.is_integer():
        return column == 1, column.is_in([0, 1])
    if column.dtype == pl.String:
        return column == "true", column.is_in(["true", "false"])
    return nothing(leaf, column)


def _moment(leaf: Leaf, column: pl.Series) -> Cast:
    import polars as pl

    if column.dtype == pl.String:
        known = column.drop_nulls()
        read = pl.Series(microseconds(known))
        micros = read.set(read == NOT_READ, None)
        if len(known) < len(column):
            spread = pl.repeat(None, len(column), dtype=pl.Int64, eager=True)
            micros = spread.scatter(column.is_not_null().arg_true(), micros)
    elif column.dtype == pl.Datetime:
        zoned = column.dt.replace_time_zone("UTC") if column.dtype.time_zone is None else column  # type: ignore[attr-defined]
        micros = zoned.dt.cast_time_unit("us").cast(pl.Int64)
    elif column.dtype == pl.Date:
        micros = column.cast(pl.Int64) * 86_400_000_000
    elif column.dtype.is_integer() or column.dtype.is_float():
        micros = _of_epoch(column)
    else:
        return nothing(leaf, column)
    return micros.cast(pl.Datetime("us", "UTC")), _within(column, micros, *_ON_THE_CALENDAR)


def _of_epoch(column: pl.Series) -> pl.Series:
    """Microseconds since 1970 of epoch seconds or whole milliseconds; the others are left to the validator."""
    import polars as pl

    whole = column.cast(pl.Int64, strict=False)
    known = whole.is_between(0, LATEST_MILLISECONDS)
    part = pl.repeat(0, len(column), dtype=pl.Int64, eager=True)
    if column.dtype.is_float():
        exact = (column.cast(pl.Float64) - whole.cast(pl.Float64)) * 1e6
        part = exact.round().cast(pl.Int64, strict=False)
        known &= (exact - part).abs() < _SURE_OF_A_MICROSECOND
        known &= (part == 0) | (whole < MILLISECONDS_FROM)
    whole = whole.set(~known.fill_null(False), None)
    return (whole * 1_000_000 + part).zip_with(whole <= MILLISECONDS_FROM, whole * 1_000)


def _word(leaf: Leaf, column: pl.Series) -> Cast:
    import polars as pl

    if column.dtype != pl.String:
        return nothing(leaf, column)
    return column, None if _different(column).is_in(leaf.words).all() else column.is_in(leaf.words)


def _key(leaf: Leaf, column: pl.Series) -> Cast:
    import polars as pl

    if column.dtype.is_integer():
        return column.cast(pl.String), None
    if column.dtype != pl.String:
        return nothing(leaf, column)
    return column, None if _is_key(leaf, _different(column)).all() else _is_key(leaf, column)


def _different(texts: pl.Series) -> pl.Series:
    """The different texts of a column, found in half the time where rows of the same text stand together."""
    return texts.rle().struct.field("value").unique()


def _is_key(leaf: Leaf, texts: pl.Series) -> pl.Series:
    fits = (texts == texts.str.strip_chars()) & texts.str.len_chars().is_between(1, int(leaf.high))
    return fits & (texts == texts.str.to_lowercase()) if leaf.lower else fits


def _text(leaf: Leaf, column: pl.Series) -> Cast:
    import polars as pl

    if column.dtype.is_integer():
        return column.cast(pl.String), None
    if column.dtype != pl.String:
        return nothing(leaf, column)
    empty = column == ""
    return (column.set(empty, None) if empty.any() else column), None


SURE_CASTS: Mapping[str, Callable[[Leaf, pl.Series], Cast]] = {
    "number": _number, "whole": _whole, "flag": _flag, "moment": _moment, "word": _word, "key": _key, "text": _text,
}  # fmt: skip
"""The cast of each kind of single value."""
