"""JSON as programs write it: read strictly where that works, else as far as a value can be made of it."""

from __future__ import annotations

import math
from json import JSONDecodeError, JSONDecoder
from typing import Any

import orjson

LARGEST_WHOLE = 2**63
"""Whole numbers beyond this are kept as text: they are ids, or no numbers that anything counts."""


CUT_WITHIN = 16
"""So many characters before the end of a text an error may come from the end that it lacks (`fals`, `\\u12`)."""


class NoJson(ValueError):
    """A text that no JSON value begins; the message says why, `place` where, and `is_cut` whether more text may mend it."""

    def __init__(self, message: str, place: int = 0, *, is_cut: bool = False) -> None:
        super().__init__(message)
        self.place = place
        self.is_cut = is_cut


def _not_a_number(_constant: str) -> None:
    """NaN and infinities are readings that nobody took."""


_DECODER = JSONDecoder(parse_constant=_not_a_number)


def read_json(text: bytes) -> tuple[Any, bytes]:
    """The value that a text begins with, and what follows it.

    Numbers that are none are null, whole numbers without bounds are text, halves of surrogate pairs and bytes that are no
    UTF-8 are replaced. Raises NoJson where no value can be read.
    """
    try:
        return orjson.loads(text), b""
    except orjson.JSONDecodeError as error:
        problem = str(error)
    loose = text.decode("utf-8", "replace").lstrip()
    value, end = decoded(loose, 0, problem)
    return value, loose[end:].encode("utf-8", "replace")


def decoded(text: str, place: int, problem: str = "") -> tuple[Any, int]:
    """The value that stands at a place of a text, and where it ends. Raises NoJson, with `problem` where that is given."""
    try:
        value, end = _DECODER.raw_decode(text, place)
        return cleaned(value), end
    except RecursionError:
        raise NoJson("it nests too deep", place) from None
    except JSONDecodeError as error:
        is_cut = error.msg.startswith("Unterminated") or error.pos >= len(text) - CUT_WITHIN
        raise NoJson(_short((problem or error.msg).split(": line")[0]), error.pos, is_cut=is_cut) from None
    except ValueError:  # Python reads no number of more than 4,300 digits
        raise NoJson("a number has too many digits", place) from None


def cleaned(value: Any) -> Any:
    """A value with nothing in it that could not be written again. Raises RecursionError where it nests too deep."""
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case float():
            return value if math.isfinite(value) else None
        case int():
            return value if -LARGEST_WHOLE <= value < LARGEST_WHOLE else _as_text(value)
        case dict():
            return {cleaned(key): cleaned(inner) for key, inner in value.items()}
        case list():
            return [cleaned(inner) for inner in value]
        case _:
            return value


def _as_text(value: int) -> str | None:
    try:
        return str(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return None


def _short(problem: str) -> str:
    return problem if len(problem) <= 80 else problem[:77] + "..."
