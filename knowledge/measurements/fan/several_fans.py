"""Where a charger has several fans: how they differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...readings import DAY, Reading, few
from ...scene import Scene
from ...texts import words_of
from ..payload import PayloadNumber, charger_payloads
from ..registry import measures
from .speed import NOMINAL_RPM, NOT_MEASURED

MAX_DEPTH = 10
"""How deep a payload is looked into (our judgement: no vendor nests deeper)."""

_FAN_LIST = re.compile(r"\b(fans?|rpms?|fan speeds?)\b")
_ONE_FAN = re.compile(
    r"\b(fans?|rpm) ?(\d|[a-f]\b|left|right|top|bottom|upper|lower|inlet|outlet|front|rear|main)|^(left|right|top|bottom|upper|lower|front|rear) (fan|rpm)"
)
_SHORT_NAME = re.compile(r"^([a-h]|f?\d|l|r|left|right|top|bottom|upper|lower|inlet|outlet|front|rear)( rpm)?$")
_SPEED = re.compile(r"rpm|speed")
_NO_SPEED = re.compile(
    r"\b(hours?|runtime|run time|vibration|current|ma|volt\w*|mv|temp\w*|duty|pwm|serial|count|power|watts?|rms|ripple|noise|age)\b"
)
"""Words of a fan's key that tell of something else than its speed."""
_FIRST_FAN = re.compile(r"^(cooling )?(fan )?(rpm|speed)( rpm)?$")
_FURTHER_FAN = re.compile(r"\bfan ?[2-9b-f]\b")


def _fans(scene: Scene) -> dict[str, list[PayloadNumber]]:
    """The speeds of each fan where payloads give several, by the fan's key, in time order."""
    found: dict[str, list[PayloadNumber]] = {}
    for time, source, data in charger_payloads(scene):
        for name, speed in _fans_in(data):
            found.setdefault(name, []).append(PayloadNumber(time, speed, source))
    return found


def _fans_in(node: Any, depth: int = 0) -> Iterator[tuple[str, float]]:
    """Name and speed of each fan that a payload gives."""
    if depth > MAX_DEPTH:
        return
    if isinstance(node, Mapping):
        yield from _fans_by_short_names(node)
        yield from _first_of_several(node)
        for key, value in node.items():
            words = words_of(str(key))
            if isinstance(value, (list, tuple)) and _FAN_LIST.search(words):
                for number, item in enumerate(value[:32]):
                    speed = _speed_in(item) if isinstance(item, Mapping) else _plain_number(item)
                    if speed is not None:
                        yield str(number), speed
            elif _ONE_FAN.search(words) and not re.search(NOT_MEASURED, words) and _may_be_speed(words):
                speed = _speed_in(value) if isinstance(value, Mapping) else _speed_under(words, value)
                if speed is not None:
                    yield words, speed
            else:
                yield from _fans_in(value, depth + 1)
    elif isinstance(node, (list, tuple)):
        for item in node[:64]:
            yield from _fans_in(item, depth + 1)


def _may_be_speed(words: str) -> bool:
    return _SPEED.search(words) is not None or _NO_SPEED.search(words) is None


def _first_of_several(node: Mapping[Any, Any]) -> Iterator[tuple[str, float]]:
    """The speed without a number beside those of numbered fans: {"rpm": 1420, "fan2_rpm": 1435}."""
    if any(_FURTHER_FAN.search(words_of(str(key))) for key in node):
        for key, value in node.items():
            speed = _plain_number(value)
            if speed is not None and _FIRST_FAN.match(words_of(str(key))):
                yield "fan", speed


def _fans_by_short_names(node: Mapping[Any, Any]) -> Iterator[tuple[str, float]]:
    """Fans that details name by mere letters: {"A": 1623, "B": 1653}."""
    short = {name: value for key, value in node.items() if _SHORT_NAME.match(name := words_of(str(key)))}
    numbers = {name: number for name, value in short.items() if (number := _plain_number(value)) is not None}
    speeds = numbers.values()
    if len(numbers) >= 2 and all(value == 0 or 200 <= value <= 9000 for value in speeds) and max(speeds) >= 500:
        yield from numbers.items()


def _speed_in(node: Mapping[Any, Any]) -> float | None:
    """The speed in one fan's part of a payload."""
    return _plain_number(next((value for key, value in node.items() if _SPEED.search(words_of(str(key)))), None))


def _speed_under(words: str, value: Any) -> float | None:
    """A number under one fan's key, as far as it is a speed: its number or state is none, and zero only if so called."""
    number = _plain_number(value)
    if number is None or number >= 50:
        return number
    return number if number == 0 and _SPEED.search(words) else None


def _plain_number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


NEAR = 0.02
"""Share of nominal within which a speed is none of a slow fan (our judgement: tachometers of sound fans scatter by as much)."""


@measures(
    "fans_low_share",
    "share of at least two fans a payload lists that turn more than 2 % below 1800 rpm; unknown where none does",
    unit="%",
    low=0,
    high=100,
)
def fans_low_share(scene: Scene) -> Reading | None:
    latest = [speeds[-1] for speeds in _fans(scene).values()]
    if len(latest) < 2:
        return None
    low = sum(speed.value < (1.0 - NEAR) * NOMINAL_RPM for speed in latest)
    if not low:
        return None
    return Reading(100.0 * low / len(latest), scene.anchor, few([speed.source for speed in latest]))


@measures(
    "fans_fall_apart",
    "difference between the fans, from the earliest to the latest payload that gives them, in percent of speed lost; known where "
    "two fans have two payloads a day apart and one of them lost 3 %",
    unit="%",
    low=0,
)
def fans_fall_apart(scene: Scene) -> Reading | None:
    found = [
        (speeds[0], speeds[-1])
        for speeds in _fans(scene).values()
        if speeds[-1].time - speeds[0].time >= DAY and speeds[0].value > 100
    ]
    losses = [100.0 * (1.0 - last.value / first.value) for first, last in found]
    if len(losses) < 2 or max(losses) < 3.0:
        return None
    return Reading(max(losses) - min(losses), scene.anchor, few([last.source for _, last in found]))
