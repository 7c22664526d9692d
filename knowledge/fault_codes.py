"""Fault codes in any spelling that chargers and platforms use."""

from __future__ import annotations

import re
from typing import Any

_OURS = re.compile(r"^(?:F[\s_-]*)?(\d{1,4})$", re.IGNORECASE)
LONGEST_CODE = 256

DOCUMENTED_PREFIX = "F-"
"""How the dictionary's codes begin: they need no look into the tables of other standards."""


class NoFaultCode(ValueError):
    """What stands for a fault code is none."""


def normal_code(value: Any) -> str | None:
    """A code as the dictionary writes it: `F-0421` for `F-0421`, `f0421`, `0421`, `421` and 421.

    Other texts come back trimmed (a code of somebody else's). None where the value says that there is no fault.
    Raises NoFaultCode where it cannot be a code at all.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise NoFaultCode("a fault code is text or a whole number")
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")) or value != int(value):
            raise NoFaultCode("a fault code is text or a whole number")
        value = int(value)
    if isinstance(value, int):
        if abs(value) >= 10**18:
            raise NoFaultCode("the number is too long for a fault code")
        value = str(value)
    text: str = value.strip()
    if text.endswith(".0") and text[:-2].isdigit():
        text = text[:-2]
    if len(text) > LONGEST_CODE:
        raise NoFaultCode(f"the text has {len(text)} characters, more than {LONGEST_CODE}")
    if text.lower() in ("", "none", "null", "noerror", "no_error", "ok", "no fault"):
        return None
    match = _OURS.match(text)
    if match is None:
        return text.encode("utf-8", "replace").decode("utf-8")
    number = int(match.group(1))
    return f"F-{number:04d}" if number else None
