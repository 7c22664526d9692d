"""What vendors put into texts: JSON, or names with values, as data that can be searched by its names."""

from __future__ import annotations

import re
from typing import Any

from .charger import Record
from .json_values import NoJson, read_json
from .values import from_fahrenheit, number

LONGEST_DATA = 20_000
"""Characters of a text that is taken apart (our judgement: no message of readings is longer)."""

_PAIR = re.compile(r"\s*([A-Za-z_][\w.\-/%\[\]]{0,63})\s*=\s*(.*?)\s*", re.DOTALL)
_MEASURED = re.compile(
    r"\s*([A-Za-z_][\w.\-/>]{0,31}(?: [A-Za-z_][\w.\-/]{0,31}){0,2}?)\s+(-?\d+(?:\.\d+)?)\s*(%|°?[A-Za-zµΩ][A-Za-z/Ω]{0,5})?\s*(?:\(.*)?",
    re.DOTALL,
)
"""A name, a number and its unit (`P_cont 180 kW`), and what stands in brackets behind them."""
_ANY_SIGN = re.compile(r"[;|\n]")
_WHERE_NO_SIGN = re.compile(r"[,\s]+(?=[A-Za-z_][\w.\-/%\[\]]{0,63}\s*=)")

FEWEST_PAIRS = 2
"""Pairs from which on a text is data and no sentence (our judgement)."""


def data_in(value: Any) -> Any:
    """The data of a text that is JSON or pairs (`t_cab=41.5;fan_rpm=1810,1795`), a list of names and values by its names, any other
    value as it is."""
    if value.__class__ is list:
        return _by_name(value) or value
    if value.__class__ is not str or len(value) > LONGEST_DATA:
        return value
    if value.lstrip()[:1] in ("{", "["):
        try:
            found = read_json(value.encode("utf-8", "replace"))[0]
        except NoJson:
            return value
        return _by_name(found) or found
    return pairs_in(value) or value


def _by_name(value: Any) -> Record:
    """A list of names, values and units (`[["T_cab", 93.4, "degF"], …]`) as an object; empty where it is no such list."""
    if value.__class__ is not list or not all(each.__class__ is list and 2 <= len(each) <= 3 for each in value):
        return {}
    found: Record = {}
    for each in value:
        key, told, *unit = each
        if key.__class__ is not str:
            return {}
        is_fahrenheit = (
            bool(unit) and unit[0].__class__ is str and unit[0].lower().lstrip("deg °") in ("f", "fahrenheit")
        )
        measured = number(told) if is_fahrenheit else None
        found[key] = told if measured is None else from_fahrenheit(measured)
    return found


def told_in(value: Any) -> Record | None:
    """The object that a text beside a code holds as JSON or pairs; None where it holds none."""
    found = data_in(value)
    return found if found.__class__ is dict and found else None


def pairs_in(text: str) -> Record:
    """The values of a text by their names (`t_cab=41.5`, and between signs also `P_cont 180 kW`); none where it has fewer than two."""
    has_signs = _ANY_SIGN.search(text) is not None
    parts = (_ANY_SIGN if has_signs else _WHERE_NO_SIGN).split(text[:LONGEST_DATA])
    found: Record = {}
    for part in parts:
        pair = _PAIR.fullmatch(part)
        measured = _MEASURED.fullmatch(part) if pair is None and has_signs else None
        if pair is not None:
            found.setdefault(pair.group(1), _value(pair.group(2)))
        elif measured is not None:
            name, value, unit = measured.groups()
            found.setdefault(name if unit is None else f"{name} {unit}", number(value))
    return found if len(found) >= FEWEST_PAIRS else {}


def _value(text: str) -> Any:
    """A number, a list of them, or the text."""
    alone = number(text)
    if alone is not None:
        return alone
    several = [number(part) for part in text.split(",")]
    return several if len(several) > 1 and None not in several else text
