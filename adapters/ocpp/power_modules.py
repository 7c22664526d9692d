"""Lists of power modules in vendors' own messages, as telemetry has them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .charger import Record, given
from .values import items, number, text, word

LISTS = frozenset(("modules", "module", "powermodules", "pm", "pms", "rectifiers"))
"""What a list of modules is called, without signs."""

INDICES = ("index", "idx", "addr", "address", "id", "no", "number", "slot", "module", "pm")
STATES = ("status", "state")
TEMPERATURES = ("temperature", "temp", "tmp", "t")
"""What a module's number, state and temperature are called."""

_SILENT = re.compile(r"time ?_?out|no_?resp|offline|lost|silent|comm|absent|missing", re.IGNORECASE)
_FAULTY = re.compile(r"fault|fail|err|alarm|protect|latch|trip|o[vct]p", re.IGNORECASE)
_WELL = re.compile(r"ok|run|running|on|online|ready|normal|standby|idle|active|charging", re.IGNORECASE)


def modules_in(data: Mapping[str, Any]) -> Sequence[Record]:
    """The modules of an object that lists them with numbers; none where it lists none."""
    for key in sorted(data, key=str):
        if key.__class__ is str and word(key) in LISTS:
            listed = items(data[key])
            found = [module for each in listed if (module := _module(each)) is not None]
            if found and len(found) == len(listed):
                return found
    return []


def _module(told: Mapping[str, Any]) -> Record | None:
    """One module; None where it has no number."""
    index = number(_first(told, INDICES))
    if index is None or not index.is_integer():
        return None
    return {
        "index": int(index),
        **given(status=_status(text(_first(told, STATES))), temperature=number(_first(told, TEMPERATURES))),
    }


def _first(told: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((told[name] for name in names if told.get(name) is not None), None)


def _status(said: str | None) -> str | None:
    """A module's state in the records' words: ok, timeout or fault; None where it is none of them."""
    if said is None:
        return None
    if _WELL.fullmatch(said.strip()):
        return "ok"
    return "timeout" if _SILENT.search(said) else "fault" if _FAULTY.search(said) else None
