"""What payloads and texts hold: figures with their units, words, and what is said to be sound."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ....engine.facts import Source
from ...readings import DAY, HOUR, Reading
from ...scene import Scene
from ...texts import as_number, flat, words_of

MOST = 400
"""Events and sessions of one charger whose details are read, the newest ones (our judgement: enough for any trend)."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value in details, or a figure in one of their sentences: its key's words and its record."""

    time: float
    path: str
    value: Any
    source: Source

    @property
    def spoken(self) -> bool:
        """Whether it stands in a sentence rather than under a key of its own."""
        return self.path.startswith("said ")

    def reading(self, value: float | bool) -> Reading:
        """What is made of it, at its time and with its record."""
        return Reading(value, self.time, (self.source,))


@dataclass(frozen=True, slots=True)
class Figure(Leaf):
    """A leaf that is a number, with its unit where one is said."""

    number: float
    unit: str | None

    @property
    def milliseconds(self) -> float:
        """A duration; without a unit it is taken as milliseconds already (what contactors are specified in)."""
        return self.number * {"s": 1000.0, "us": 0.001}.get(self.unit or "", 1.0)

    @property
    def percent(self) -> float:
        """A share, whether it was written as 82 or as 0.82; what says that it is in percent is no fraction."""
        is_fraction = self.unit != "pct" and abs(self.number) <= 1.5
        return self.number * 100.0 if is_fraction else self.number

    @property
    def amps(self) -> float:
        """A current; without a unit it is taken as amperes already."""
        return self.number * (1000.0 if self.unit == "ka" else 1.0)


_UNITS = {
    "ms": "ms", "msec": "ms", "millisecond": "ms", "milliseconds": "ms", "us": "us", "s": "s", "sec": "s", "secs": "s",
    "second": "s", "seconds": "s", "v": "v", "volt": "v", "volts": "v", "vdc": "v", "vac": "v", "voltage": "v",
    "mv": "mv", "a": "a", "amp": "a", "amps": "a", "ampere": "a", "amperes": "a", "ka": "ka", "current": "a",
    "u": "v", "i": "a", "pct": "pct", "percent": "pct", "%": "pct", "ratio": "ratio", "fraction": "ratio", "x": "times", "times": "times",
    "kohm": "kohm", "kohms": "kohm", "mohm": "mohm", "kω": "kohm", "mω": "mohm",
}  # fmt: skip
_RAIL = re.compile(r"\b(12|24|48)v\b|\bv(12|24|48)\b")
_SPOKEN = re.compile(
    r"([^\d]{0,60}?)([+-]?\d{1,9}(?:[.,]\d{1,6})?)\s*(ms|msec|milliseconds?|seconds?|secs?|s|volts?|vdc|vac|v|ka|amps?"
    r"|amperes?|a|%|percent|pct|kohms?|kω|mω|x|times)(?![a-z0-9])(?=([^\d(),;:.]{0,30}))",
    re.IGNORECASE,
)
"""A figure with its unit in a sentence, the words before it, and those after it up to the next sign."""
_PLAIN = re.compile(r"^\s*[<>=~≈]?\s*[+-]?\d[\d.,]*\s*\S{0,8}\s*$")
"""A text that is a figure with at most its unit, unlike `24V rail low`."""


def _unit(path: str, value: Any) -> str | None:
    if isinstance(value, str):
        said = re.match(r"^\s*[<>=~≈]?\s*[+-]?\d+(?:[.,]\d+)?\s*([a-zA-Z%ΩωÅ]+)", value)
        if said and said.group(1).lower() in _UNITS:
            return _UNITS[said.group(1).lower()]
    for word in reversed(path.split()):
        if word in _UNITS:
            return _UNITS[word]
    return "v" if _RAIL.search(path) else None


def _leaves_of(time: float, data: Any, source: Source) -> Iterator[Leaf]:
    for path, value in flat(data):
        if value is None or path.endswith("fault code"):
            continue
        number = as_number(value) if not isinstance(value, str) or _PLAIN.match(value) else None
        if number is None:
            yield Leaf(time, path, value, source)
        else:
            yield Figure(time, path, value, source, number + 0.0, _unit(path, value))  # minus zero becomes zero
        if isinstance(value, str) and (number is None or len(value) > 12) and len(value) < 2000:
            for before, figure, unit, after in _SPOKEN.findall(value):
                context = f"said {path} {words_of(before)} {unit.lower()} {words_of(after)}"
                number_said = float(figure.replace(",", ".")) + 0.0
                yield Figure(time, context, figure, source, number_said, _UNITS.get(unit.lower()))


def leaves(scene: Scene) -> list[Leaf]:
    """Everything the details of the connector's events, sessions and the charger's commands hold, in time order."""

    def load() -> list[Leaf]:
        found: list[Leaf] = []
        latest = scene.anchor + HOUR
        for event in scene.events(which="own", end=latest)[-MOST:]:
            if event.data and event.time is not None:
                found.extend(_leaves_of(event.time, event.data, scene.source("events", event)))
        for session in scene.sessions()[-MOST:]:
            if session.details is not None and session.start <= latest and session.source.list == "charging_records":
                moment = session.start if session.end is None else session.end
                found.extend(_leaves_of(moment, session.details, session.source))
        for command in scene.records("commands", which="own")[-MOST:]:
            result = command.fields.get("result")
            if result is not None and command.time is not None and command.time <= scene.anchor + DAY:
                found.extend(_leaves_of(command.time, result, scene.source("commands", command)))
        return sorted(found, key=lambda leaf: leaf.time)

    return scene.once(("contactor-leaves",), load)


def figures(scene: Scene, pattern: str, without: str | None = None, units: Collection[str | None] = ()) -> list[Figure]:
    """Numbers in details or texts whose key's words match; `units` limits them to what is said in one of these."""
    return [
        leaf
        for leaf in leaves(scene)
        if isinstance(leaf, Figure)
        and (not units or leaf.unit in units)
        and re.search(pattern, leaf.path)
        and not (without and re.search(without, leaf.path))
    ]


def latest_figure(
    scene: Scene, pattern: str, without: str | None = None, units: Collection[str | None] = ()
) -> Figure | None:
    """The latest of these `figures`."""
    found = figures(scene, pattern, without, units)
    return found[-1] if found else None


_SOUND = {"ok", "normal", "nominal", "good", "pass", "passed", "complete", "completed", "within tolerance", "within limits", "in range",
          "in spec", "within spec", "true", "yes", "present", "heard", "audible", "closed", "healthy", "stable", "fine", "done"}  # fmt: skip
_UNSOUND = {"low", "fail", "failed", "incomplete", "aborted", "skipped", "fault", "false", "no", "absent", "none", "missing", "silent",
            "not heard", "open", "weak", "sagging", "under", "undervoltage", "out of range", "out of spec", "timeout", "bypassed",
            "bad", "insufficient", "too short", "collapsed", "dropping", "not detected", "partial", "error"}  # fmt: skip


def said_sound(scene: Scene, pattern: str, without: str | None = None, *, as_bits: bool = False) -> Reading | None:
    """What details say of one thing, the latest: sound (true) or not (false); with `as_bits` 1 and 0 say so as well."""
    latest: Reading | None = None
    for leaf in leaves(scene):
        if not re.search(pattern, leaf.path) or (without and re.search(without, leaf.path)):
            continue
        word = words_of(leaf.value) if isinstance(leaf.value, str) else leaf.value
        if as_bits and isinstance(leaf, Figure) and leaf.unit is None and leaf.number in (0.0, 1.0):
            word = leaf.number == 1.0
        if word is True or (isinstance(word, str) and word in _SOUND):
            latest = leaf.reading(True)
        elif word is False or (isinstance(word, str) and word in _UNSOUND):
            latest = leaf.reading(False)
    return latest
