"""Values of payloads as they should be, or None: a payload may hold anything."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_TEXT = 500
"""Characters of a text that is kept as a reason, a code or a name (our judgement: OCPP's longest such field has 500)."""

LARGEST_CONNECTOR = 10_000
"""The highest connector that records hold."""

_NOTHING: Mapping[str, Any] = {}


def mapping(value: Any) -> Mapping[str, Any]:
    """An object, or an empty one."""
    return value if value.__class__ is dict else _NOTHING


def from_fahrenheit(degrees: float) -> float:
    """A temperature in °C."""
    return (degrees - 32.0) / 1.8


_VEHICLE_TAG = re.compile(r"(?:VID|VIN|EVCC(?:ID)?|EVMAC|MAC)[:=](.+)", re.IGNORECASE)


def vehicle_of_tag(tag: str | None, kind: object = None) -> str | None:
    """The vehicle that an id tag names: the address of its controller, as for Autocharge (`VID:9C65FA1103B2`), or its VIN; None where it
    names a card or a person. `kind` is the token's in OCPP 2.0.1, where MacAddress says so."""
    if tag is None:
        return None
    found = _VEHICLE_TAG.fullmatch(tag)
    if found is not None:
        return found[1]
    return tag if kind == "MacAddress" else None


def items(value: Any) -> Sequence[Mapping[str, Any]]:
    """The objects of a list; a lone object counts as a list of one."""
    if value.__class__ is dict:
        return (value,)
    return [item for item in value if item.__class__ is dict] if value.__class__ is list else ()


def text(value: Any) -> str | None:
    """A text that says something."""
    if value.__class__ is not str:
        return None
    stripped: str = value.strip()
    return stripped[:LONGEST_TEXT] or None


def name(value: Any) -> str | None:
    """A text or a whole number by which something is called."""
    return str(value)[:LONGEST_TEXT] if value.__class__ is int else text(value)


def number(value: Any) -> float | None:
    """A number, or a text that is one; None beyond what anything measures."""
    if value.__class__ is str:
        try:
            value = float(value)
        except ValueError:
            return None
    elif value.__class__ is not int and value.__class__ is not float:
        return None
    return float(value) if -1e15 < value < 1e15 else None


def connector(value: Any) -> int | None:
    """The number of a connector; None where it is none, or stands for the whole charger (0)."""
    if value.__class__ is str and value.isdecimal() and len(value) < 6:
        value = float(value)
    if value.__class__ is float and value.is_integer():
        value = int(value)
    return value if value.__class__ is int and 0 < value <= LARGEST_CONNECTOR else None


_NOT_A_LETTER = re.compile(r"[^a-z]")


def word(value: Any) -> str:
    """A word of an enumeration in lower case without signs, so that `**Faulted**` and `suspended_ev` are known."""
    return _NOT_A_LETTER.sub("", value.lower()) if value.__class__ is str else ""
