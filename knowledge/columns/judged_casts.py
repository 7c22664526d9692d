"""A column of any type as one of the layout: a sure cast, and the validators' judgement where that is not sure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ..observations import epoch, plain_json, respelled, says_nothing
from ..records import Leaf
from .cells import canonical_json, cell_value, json_or_problem, object_of, without_nulls
from .sure_casts import SURE_CASTS, dtype_of, nothing

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class LeftOut:
    """Values of a column that do not fit, and the rows they stand in, ascending."""

    places: NDArray[np.integer]
    values: pl.Series

    def but(self, refused: NDArray[np.bool_]) -> LeftOut:
        """Those in rows that are not judged as a whole."""
        alone = ~refused[self.places]
        return LeftOut(self.places[alone], self.values.filter(alone))


@dataclass(frozen=True)
class CastColumn:
    """A column of the layout.

    `refused` marks the rows that are to be judged as single records, `left_out` are the values that do not fit, by their
    rows, and `fed` members of REST.
    """

    values: pl.Series
    refused: pl.Series | None = None
    left_out: LeftOut | None = None
    fed: pl.Series | None = None


def cast_to(leaf: Leaf, column: pl.Series) -> CastColumn:
    """A column of any type as that of a value of the schema."""
    import polars as pl

    if isinstance(column.dtype, (pl.Categorical, pl.Enum)):
        column = column.cast(pl.String)
    if leaf.kind == "free":
        return _free(leaf, column)
    if leaf.kind == "objects":
        return _objects(leaf, column)
    values, fits = SURE_CASTS[leaf.kind](leaf, column)
    values = values.rename(leaf.path)
    if fits is None:
        return CastColumn(values)
    return _judged(leaf, column, values, column.is_not_null() & ~fits.fill_null(False))


# Value by value


def _judged(leaf: Leaf, column: pl.Series, values: pl.Series, odd: pl.Series) -> CastColumn:
    """What the validator makes of the values that no fast cast understood."""
    import polars as pl

    places = odd.arg_true()
    if not len(places):
        return CastColumn(values)
    if column.dtype.is_nested():
        return CastColumn(values.set(odd, None), odd)
    if column.dtype.is_float() and leaf.kind in _NUMERIC and column.gather(places).is_nan().all():
        return CastColumn(values.set(odd, None), None, LeftOut(places.to_numpy(), column.gather(places)))
    cells = column.gather(places)
    again_and_again = cells.dtype == pl.String or cells.dtype.is_integer()
    distinct = cells.unique(maintain_order=True) if again_and_again else cells
    originals = python_values(distinct)
    judged = [
        _NOT_A_NUMBER if value != value and leaf.kind in _NUMERIC else _judgement(leaf, value) for value in originals
    ]
    fed = [_fed(leaf, value, kept, verdict) for value, (kept, verdict) in zip(originals, judged, strict=True)]

    def of_cells(found: Sequence[Any], dtype: Any) -> pl.Series:
        each = pl.Series(found, dtype=dtype)
        return cells.replace_strict(distinct, each, return_dtype=dtype) if again_and_again else each

    kept = of_cells([stored(leaf, value) for value, _ in judged], pl.Int64 if leaf.kind == "moment" else dtype_of(leaf))
    verdicts = of_cells([verdict for _, verdict in judged], pl.String)
    refused, left_out = verdicts == "refused", verdicts == "left out"
    members = None
    if any(member is not None for member in fed):
        members = pl.repeat(None, len(column), dtype=pl.String, eager=True).scatter(places, of_cells(fed, pl.String))
    return CastColumn(
        values.clone().scatter(places, kept.cast(dtype_of(leaf))),
        _marked(len(column), places.filter(refused)) if refused.any() else None,
        LeftOut(places.filter(left_out).to_numpy(), cells.filter(left_out)) if left_out.any() else None,
        members,
    )


def _marked(height: int, places: pl.Series) -> pl.Series:
    import polars as pl

    return pl.repeat(False, height, dtype=pl.Boolean, eager=True).scatter(places, True)


def _fed(leaf: Leaf, value: Any, kept: Any, verdict: Verdict) -> str | None:
    """A value as a member of REST, where what is kept of it does not tell what was fed."""
    if verdict == "absent" or (verdict == "kept" and not is_lost(leaf, kept, value)):
        return None
    written = canonical_json(value)
    return None if written == "null" else f"{json.dumps(leaf.path)}:{written}"


Verdict = Literal["kept", "absent", "left out", "refused"]
"""What becomes of a value: it is kept, it says nothing, it is left out with a warning, or the whole record has to be seen."""

_NUMERIC = ("number", "whole", "moment")
"""Kinds of values that NaN is none of."""

_NOT_A_NUMBER: tuple[None, Verdict] = (None, "left out")


def _judgement(leaf: Leaf, value: Any) -> tuple[Any, Verdict]:
    """What a single record keeps of a value, and what becomes of it."""
    try:
        return leaf.validator.validate_python(value), "kept"
    except ValidationError:
        pass
    better = respelled(leaf, value)
    if better is not None:
        return better, "kept"
    if leaf.needed:
        return None, "refused"
    return None, "absent" if says_nothing(value) else "left out"


def stored(leaf: Leaf, value: Any) -> Any:
    """A validated value as the layout holds it."""
    if value is None or value == "":
        return None
    if leaf.kind == "moment":
        return round(epoch(value) * 1e6)
    if leaf.kind == "free":
        return canonical_json(value)
    if leaf.kind == "objects":
        return [{part.path: stored(part, item.get(part.path)) for part in leaf.parts} for item in value]
    return value


def python_values(column: pl.Series) -> list[Any]:
    """The values as Python has them, as text where Python has no such value (a year beyond 9999)."""
    import polars as pl

    try:
        return column.to_list()
    except (ValueError, OverflowError):
        return column.cast(pl.String).to_list()


# Free-form values and lists of objects


def _free(leaf: Leaf, column: pl.Series) -> CastColumn:
    import polars as pl

    texts = _as_json(column)
    if texts is None:
        found = python_values(column)
        read = [_judgement(leaf, without_nulls(value)) if value is not None else _UNKNOWN for value in found]
        kept = pl.Series(leaf.path, [stored(leaf, value) for value, _ in read], dtype=pl.String)
        return CastColumn(kept, _not_kept(read))
    cells = texts.unique().drop_nulls()
    written = column.dtype != pl.String
    judged = [
        _judgement(leaf, json_or_problem(cell)[0] if written else None if cell == "" else cell_value(cell))
        for cell in cells.to_list()
    ]
    bad = cells.filter(_not_kept(judged))
    kept = pl.Series([stored(leaf, value) for value, _ in judged], dtype=pl.String)
    values = texts.replace_strict(cells, kept, return_dtype=pl.String, default=None).rename(leaf.path)
    return CastColumn(values, texts.is_in(bad.implode()) if len(bad) else None)


_UNKNOWN: tuple[None, Verdict] = (None, "absent")


def _not_kept(judged: Iterable[tuple[Any, Verdict]]) -> pl.Series:
    """Which values take more than themselves to be judged."""
    import polars as pl

    return pl.Series([verdict in ("left out", "refused") for _, verdict in judged], dtype=pl.Boolean)


_PLAIN = ("String", "Boolean", "Null", "Date")


def can_be_json(dtype: Any) -> bool:
    """Whether Polars can write values of a type as JSON; it panics over some, and no JSON has NaN."""
    import polars as pl

    if isinstance(dtype, pl.Struct):
        return all(can_be_json(part.dtype) for part in dtype.fields)
    if isinstance(dtype, (pl.List, pl.Array)):
        return can_be_json(dtype.inner)
    return dtype.is_integer() or dtype.is_float() or str(dtype) in _PLAIN


def _as_json(column: pl.Series) -> pl.Series | None:
    """Lists and objects as JSON text, text as it is; None where Polars cannot, and for single values (JSON has no NaN)."""
    import polars as pl

    if column.dtype == pl.String:
        return column
    return json_of(column) if column.dtype.is_nested() and can_be_json(column.dtype) else None


def json_of(column: pl.Series) -> pl.Series:
    """Each value of a column as JSON text, null where it is null."""
    import polars as pl

    written = column.rename("v").to_frame().select(pl.struct("v").struct.json_encode()).to_series()
    return written.str.slice(len('{"v":')).str.head(-1).set(column.is_null(), None)


def of_parts(parts: Mapping[str, pl.Series]) -> pl.Series:
    """Columns with dotted names as JSON text of the object they are parts of, null where all of them are."""
    import polars as pl

    written = [_as_json(column) if column.dtype.is_nested() else column for column in parts.values()]
    rows = zip(*(python_values(parts_of) for parts_of in written if parts_of is not None), strict=True)
    paths = [path for path, column in zip(parts, written, strict=True) if column is not None]
    texts = (canonical_json(object_of(dict(zip(paths, row, strict=True)))) for row in rows)
    return pl.Series([None if text == "{}" else text for text in texts], dtype=pl.String)


def _objects(leaf: Leaf, column: pl.Series) -> CastColumn:
    import polars as pl

    if column.dtype == pl.String:
        return _objects_of_texts(leaf, column)
    if not isinstance(column.dtype, pl.List) or not isinstance(column.dtype.inner, pl.Struct):
        values, _ = nothing(leaf, column)
        return CastColumn(values, column.is_not_null())
    inner = {part.name: part.dtype for part in column.dtype.inner.fields}
    filled = column.filter(column.list.len() > 0)
    items = filled.explode() if len(filled) else pl.Series([], dtype=column.dtype.inner)
    odd = items.is_null()
    for part in leaf.parts:
        if part.path in inner:
            cast = cast_to(part, items.struct.field(part.path))
            if cast.refused is not None:
                odd |= cast.refused.fill_null(False)
            if cast.fed is not None:
                odd |= cast.fed.is_not_null()
            if cast.left_out is not None:
                odd = odd.scatter(cast.left_out.places, True)
    for name in inner.keys() - {part.path for part in leaf.parts}:
        odd |= items.struct.field(name).is_not_null()
    values = column if column.dtype == dtype_of(leaf) else _with_parts(leaf, column, inner)
    if not odd.any():
        return CastColumn(values.rename(leaf.path))
    owners = np.repeat((column.list.len() > 0).arg_true().to_numpy(), filled.list.len().to_numpy())
    refused = pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
    return CastColumn(values.rename(leaf.path), refused.scatter(np.unique(owners[odd.to_numpy()]), True))


def _with_parts(leaf: Leaf, column: pl.Series, inner: Mapping[str, Any]) -> pl.Series:
    """The lists with exactly the leaf's parts in each object, in its types."""
    import polars as pl

    parts = [
        pl.element().struct.field(part.path).cast(dtype_of(part), strict=False)
        if part.path in inner and not inner[part.path].is_nested()
        else pl.lit(None, dtype=dtype_of(part)).alias(part.path)
        for part in leaf.parts
    ]
    whole = column.rename("v").to_frame().select(pl.col("v").list.eval(pl.struct(parts))).to_series()
    return whole.cast(dtype_of(leaf))


def _objects_of_texts(leaf: Leaf, column: pl.Series) -> CastColumn:
    """Lists of objects from cells with JSON text; where a cell holds anything unexpected, each is read by itself."""
    import polars as pl

    texts = column.set(column.str.strip_chars() == "", None)
    as_texts = pl.List(pl.Struct({part.path: pl.String for part in leaf.parts}))
    marks = texts.str.count_matches('":', literal=True).sum()
    expected = sum(texts.str.count_matches(f'"{part.path}":', literal=True).sum() for part in leaf.parts)
    if marks == expected and texts.str.starts_with("[").all():
        try:
            return _objects(leaf, texts.str.json_decode(as_texts))
        except pl.exceptions.PolarsError:
            pass
    judged = [_UNKNOWN if text is None else _judgement(leaf, cell_value(text)) for text in texts.to_list()]
    values = pl.Series(leaf.path, [stored(leaf, value) for value, _ in judged], dtype=dtype_of(leaf))
    return CastColumn(values, _not_kept(judged))


def is_lost(leaf: Leaf, kept: Any, fed: Any) -> bool:
    """Whether what was kept of a value does not tell what was fed."""
    if kept is None:
        return not says_nothing(plain_json(fed))
    return (isinstance(fed, str) or leaf.kind == "objects") and leaf.kind in ("word", "key", "objects") and kept != fed
