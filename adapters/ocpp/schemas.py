"""Whether a message is as its standard has it, by the JSON schemas that the `ocpp` package ships."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from itertools import islice
from typing import Any, Literal

import orjson

Version = Literal["1.6", "2.0.1"]

FOLDERS: Mapping[Version, tuple[str, ...]] = {"1.6": ("v16",), "2.0.1": ("v201", "v21")}
"""Where the schemas of a version lie; OCPP 2.1 extends 2.0.1, and what either of them allows is as it should be."""

DEEPEST = 40
"""How deep a payload may nest (as records are kept; the deepest message of the standard has ten levels)."""


class TooDeep(ValueError):
    """A payload that nests deeper than any message does."""


def fault_in(version: Version, action: str, payload: Mapping[str, Any], *, answer: bool = False) -> str | None:
    """What is wrong with a message by its standard; None where nothing is, or where the standard does not know it.

    Raises TooDeep where the payload cannot be kept.
    """
    validators = _validators(version, action, answer)
    for validator in validators:
        try:
            if validator.is_valid(payload):
                if "customData" in payload:
                    _look_into(payload)
                return None
        except (ValueError, OverflowError, TypeError):
            break
    _look_into(payload)
    if not validators:
        return None if answer else f"the standard has no message {action!r}"
    return _first_fault(validators[0], payload)


def _first_fault(validator: Any, payload: Mapping[str, Any]) -> str | None:
    try:
        for error in islice(validator.iter_errors(payload), 1):
            place = ".".join(str(part) for part in error.instance_path)
            message = str(error.message)
            return f"{place or 'payload'}: {message if len(message) <= 120 else message[:117] + '...'}"
    except (ValueError, OverflowError, TypeError) as error:
        return str(error)[:120]
    return None


@lru_cache(maxsize=512)
def _validators(version: Version, action: str, answer: bool) -> tuple[Any, ...]:
    if not action.isalnum():
        return ()
    import jsonschema_rs  # its library takes 30 ms to load, which a bundle without a log need not wait for

    name = f"{action}Response" if answer else action if version == "1.6" else f"{action}Request"
    found = []
    for folder in FOLDERS[version]:
        schema = files("ocpp").joinpath(folder, "schemas", f"{name}.json")
        if schema.is_file():
            # Some of the files begin with a byte-order mark.
            text = schema.read_text("utf-8-sig")
            found.append(jsonschema_rs.validator_for(orjson.loads(text)))
    return tuple(found)


def _look_into(payload: Any) -> None:
    level = [payload]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise TooDeep(f"it nests deeper than {DEEPEST}")
