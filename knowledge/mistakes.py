"""Mistakes in the shape of a knowledge file in plain words: what is wrong, at which key, how to mend it."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

MAX_NAMED = 12
"""Keys named where none is like the one that was written."""

_EXPECTED = {
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "string_type": "a text",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a number",
    "int_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
"""What is expected where a value is of another kind, by the validator's names of errors."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Where a mistake stands in a document (keys and positions), what is wrong, and how to mend it."""

    path: tuple[str | int, ...]
    message: str
    mend: str


def mistakes_of(error: ValidationError, model: type[BaseModel], data: Any) -> list[Mistake]:
    """What a validation found wrong with a document, each once, without what only follows from another mistake."""
    problems = error.errors(include_url=False)
    alike: dict[tuple[str | int, ...], list[ErrorDetails]] = {}
    for problem in problems:
        loc = problem["loc"]
        if any(other["loc"][: len(loc)] == loc and len(other["loc"]) > len(loc) for other in problems):
            continue  # a list that lost its bad members is not short by itself
        alike.setdefault(loc if problem["type"] == "missing" else _within(data, loc), []).append(problem)
    taken = {
        (*path[:-1], meant)
        for path, (problem, *_) in alike.items()
        if problem["type"] == "extra_forbidden" and (meant := _meant(model, path)) is not None
    }
    return [_mistake(path, group, model, data) for path, group in alike.items() if path not in taken]


def _within(data: Any, loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """As much of a place as is there: the validator goes on with the names of the kinds that it tried."""
    path: list[str | int] = []
    inner: Any = data
    for part in loc:
        members = dict(enumerate(inner)) if isinstance(inner, list) else inner if isinstance(inner, Mapping) else {}
        if part not in members:
            break
        inner = members[part]
        path.append(part)
    return tuple(path)


def _mistake(path: tuple[str | int, ...], group: Sequence[ErrorDetails], model: type[BaseModel], data: Any) -> Mistake:
    problem = group[0]
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return Mistake(path, f"{path[-1]!r} is no key of a {_thing(model, path[:-1])}", _other_keys(model, path))
    if kind == "missing":
        return _lacking(path, model, data)
    if kind == "mistake_at":
        return Mistake((*problem["loc"], *context["path"]), context["said"], context["mend"])
    wanted = list(dict.fromkeys(_EXPECTED[p["type"]] for p in group if p["type"] in _EXPECTED))
    if wanted:
        return Mistake(
            path, f"{_key(path)}{' or '.join(wanted)} is expected, not {_written(problem['input'])}", "correct it"
        )
    return Mistake(path, *_about_a_value(_key(path), problem))


def _about_a_value(key: str, problem: ErrorDetails) -> tuple[str, str]:
    """What is wrong with a value of the right kind, and how to mend it."""
    context, written = problem.get("ctx", {}), problem["input"]
    match problem["type"]:
        case "too_short":
            return (
                f"{key}it holds {context['actual_length']} of at least {context['min_length']}",
                "add what is missing",
            )
        case "too_long":
            return (
                f"{key}it holds {context['actual_length']} of at most {context['max_length']}",
                "split it, or take some away",
            )
        case "string_too_short":
            return f"{key}the text is empty", "write it"
        case "string_pattern_mismatch":
            return f"{key}{written!r} is no name", "begin with a small letter; then small letters, digits and . _ -"
        case "literal_error":
            return f"{key}{written!r} is none of what it may be", f"use {context['expected']}"
        case "greater_than":
            return f"{key}{written} is not above {context['gt']:g}", "correct it"
        case _:
            said = problem["msg"].removeprefix("Value error, ")
            return f"{key}{said[:1].lower()}{said[1:]}" if not said.startswith("'") else f"{key}{said}", "correct it"


def _lacking(path: tuple[str | int, ...], model: type[BaseModel], data: Any) -> Mistake:
    missing, owner = path[-1], path[:-1]
    if isinstance(missing, int):
        return Mistake(owner, f"{_key(owner)}it holds {missing} of at least {missing + 1}", "add what is missing")
    return Mistake(_within(data, owner), f"the {_thing(model, owner)} has no {missing!r}", f"add {missing}:")


def _key(path: Sequence[str | int]) -> str:
    name = next((part for part in reversed(path) if isinstance(part, str)), None)
    return "" if name is None else f"{name}: "


def _written(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, Mapping):
        return "a mapping of keys"
    return "a list" if isinstance(value, list) else f"the number {value}"


def _meant(model: type[BaseModel], path: Sequence[str | int]) -> str | None:
    """The key that a key which is not known is likest."""
    close = get_close_matches(str(path[-1]), _keys(model, path[:-1]), n=1, cutoff=0.6)
    return close[0] if close else None


def _other_keys(model: type[BaseModel], path: Sequence[str | int]) -> str:
    meant, known = _meant(model, path), _keys(model, path[:-1])
    if meant is not None:
        return f"did you mean {meant}?"
    return f"use one of {', '.join(known[:MAX_NAMED])}{' …' if len(known) > MAX_NAMED else ''}"


def _keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    owner = _model_at(model, path)
    return [] if owner is None else [field.alias or name for name, field in owner.model_fields.items()]


def _thing(model: type[BaseModel], path: Sequence[str | int]) -> str:
    """What the keys at a place belong to, by the name of its class: `condition`, `firmware issue`."""
    owner = _model_at(model, path)
    if owner is None:
        return "mapping"
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in owner.__name__).strip()


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel] | None:
    kinds: list[Any] = [model]
    for part in path:
        kinds = [inner for kind in kinds for inner in _inside(kind, part)]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _inside(kind: Any, part: str | int) -> Iterator[Any]:
    """The kinds that a part of a value may be of."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if part in (name, field.alias):
                yield from _alternatives(field.annotation)
    elif get_args(kind):
        yield from _alternatives(get_args(kind)[-1 if isinstance(part, str) else 0])


def _alternatives(kind: Any) -> Iterator[Any]:
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif origin in (Union, types.UnionType):
        for each in get_args(kind):
            yield from _alternatives(each)
    else:
        yield kind
