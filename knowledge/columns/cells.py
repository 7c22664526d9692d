"""Cells of a table as values and records: JSON as it comes, dotted names, nulls that fill a column."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from ..observations import at_path, plain_json
from ..records import leaves

MAX_NESTING = 500
"""Depth at which JSON is refused (our judgement: no record nests deeper than ten)."""


def json_or_problem(text: str) -> tuple[Any, str | None]:
    """JSON with NaN and infinities allowed, or what is wrong with it. A value nested too deep is replaced by text that says so."""
    try:
        return from_json(text, allow_inf_nan=True), None
    except ValueError as error:
        problem = str(error)
    if (
        "recursion" not in problem
        and "surrogate" not in problem
        and "number" not in problem
        and "escape" not in problem
    ):
        return None, problem
    if _nesting(text) > MAX_NESTING:
        shallow = _cut(text)
        if shallow is None:
            return None, f"it nests deeper than {MAX_NESTING}"
        text = shallow
    try:
        return json.loads(text), None
    except (ValueError, RecursionError) as error:
        return None, str(error)


def cell_value(cell: Any) -> Any:
    """What a cell of a table holds: text that is a JSON list or object is read, everything else stands for itself."""
    if isinstance(cell, str) and cell[:1] in "[{" and cell[-1:] in "]}":
        value, problem = json_or_problem(cell)
        return cell if problem else value
    return cell


_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{}\]]', re.DOTALL)
"""A text, whose brackets do not count, or a bracket."""


def _nesting(text: str) -> int:
    """The deepest nesting of brackets, strings not told apart (what is none too deep is not cut)."""
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _cut(text: str) -> str | None:
    """JSON with text for what nests deeper than MAX_NESTING; None where its brackets do not close."""
    kept: list[str] = []
    depth = done = 0
    for found in _BRACKETS.finditer(text):
        letter = found[0]
        if letter in "[{":
            depth += 1
            if depth == MAX_NESTING + 1:
                kept.append(text[done : found.start()])
        elif letter in "]}":
            depth -= 1
            if depth == MAX_NESTING:
                kept.append('"(nested too deep)"')
                done = found.end()
    return None if depth else "".join([*kept, text[done:]])


def record_of(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Flat cells with dotted names as a record of a list; empty cells are unknown, cells that hold JSON are read.

    A cell of which the schema wants a single value is not read as JSON, whatever it looks like. Where several cells tell of one object (`a.b`, and an object `a`), it holds what all of them say, the last one first.
    """
    record: dict[str, Any] = {}
    for path, value in row.items():
        if value is None or value == "" or not path:
            continue
        set_at(record, path, without_nulls(value) if path in leaves(name) else cell_value(without_nulls(value)))
    for path, leaf in leaves(name).items():
        if leaf.kind in ("free", "objects") and isinstance(cell := at_path(record, path), str):
            set_at(record, path, cell_value(cell))
    return record


def object_of(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Flat cells as the free-form object that they are parts of."""
    found: dict[str, Any] = {}
    for path, value in cells.items():
        if value is not None and value != "":
            set_at(found, path, cell_value(without_nulls(value)))
    return found


def without_nulls(value: Any) -> Any:
    """Columns fill every row: a member of an object that is null is not known."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def set_at(record: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a dotted path: an object joins the one that is there, anything else replaces what is there."""
    *parents, last = path.split(".")
    for part in parents:
        deeper = record.get(part)
        if not isinstance(deeper, dict):
            deeper = record[part] = {}
        record = deeper
    _join(record, last, value)


def _join(holder: dict[str, Any], key: str, value: Any) -> None:
    if isinstance(value, dict) and isinstance(holder.get(key), dict):
        for inner_key, inner in value.items():
            _join(holder[key], inner_key, inner)
    else:
        holder[key] = value


def canonical_json(value: Any) -> str:
    """A value as JSON text that does not depend on how it was written: members in order, without those that are null."""
    return json.dumps(plain_json(without_nulls(value)), sort_keys=True, separators=(",", ":"))
