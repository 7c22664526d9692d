"""Words and numbers in what faults, alarms and sessions carry along."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from ....engine.facts import Source
from ...readings import DAY, Reading, few, median
from ...scene import Scene
from ...texts import MAX_KEY, MAX_KEYS, as_number, flat

_ACRONYM = re.compile(r"([A-Z]{2,})(?=[A-Z][a-z])")
_SOC = re.compile(r"SoCs(?![a-z])|SoC")
_STANDARD = re.compile(r"(?i)iso[ _/-]*15118")


def spelled(data: Any, depth: int = 0) -> Any:
    """Data with acronyms set apart from the words beside them: `evSoC` as `ev_soc`, `EVShiftPosition` as `EV_Shift_...`."""
    if isinstance(data, str):
        return _spelled_key(data) if len(data) <= MAX_KEY else _spelled(data[:20_000])
    if depth > 20:
        return data
    if isinstance(data, Mapping):
        return {spelled(str(key)): spelled(value, depth + 1) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [spelled(item, depth + 1) for item in data[:200]]
    return data


def _spelled(text: str) -> str:
    return _STANDARD.sub("iso 15118", _ACRONYM.sub(r"\1_", _SOC.sub("_soc_", text)))


_spelled_key = lru_cache(MAX_KEYS)(_spelled)


def details(scene: Scene) -> list[tuple[str, Any, Source]]:
    """Every value in the payload with its key path, acronyms set apart."""

    def load() -> list[tuple[str, Any, Source]]:
        return [(path, value, source) for source, data in scene.payload() for path, value in flat(spelled(data))]

    return scene.once("v2g-details", load)


LIMIT_KEY = re.compile(
    r"\b(limit|max|min|threshold|expected|nominal|allowed|rated|setpoint|window|upper|lower|trip level)\b"
)
"""Keys whose numbers are bounds rather than what was measured."""


def numbers(scene: Scene) -> Iterator[tuple[str, float, Source]]:
    """Every number in the payload with its key path."""
    for path, value, source in details(scene):
        number = as_number(value)
        if number is not None:
            yield path, number, source


def measured_numbers(scene: Scene, key: str, unless: str = r"$^") -> Iterator[tuple[str, float, Source]]:
    """Numbers in the payload whose key path matches `key` and not `unless`; limits are left out."""
    for path, number, source in numbers(scene):
        if _is_measured(path, key, unless):
            yield path, number, source


def _is_measured(path: str, key: str, unless: str) -> bool:
    return bool(re.search(key, path)) and not re.search(unless, path) and not LIMIT_KEY.search(path)


def as_percent(value: Any) -> float | None:
    """A level in a payload, in percent: up to 1 with a decimal point it is a fraction (`1.0` is full), else percent (`1`).

    Fields of the wire format are whole percent and need no reading of this kind.
    """
    number = as_number(value)
    if number is None or not 0.0 <= number <= 100.0:
        return None
    pointed = isinstance(value, float) or (
        isinstance(value, str) and re.match(r"\D*\d+[.,]\d", value) and "%" not in value
    )
    return number * 100.0 if pointed and number <= 1.0 else number


Told = tuple[float, float, Source]
"""A number that a session or a fault gives: when, the value, and where it stands."""


def told_numbers(scene: Scene, key: str, unless: str = r"$^") -> list[Told]:
    """Numbers of a kind that details of sessions and faults on this connector give up to the incident, one each, by time."""
    texts = [
        (s.start, s.details, s.source)
        for s in scene.sessions()
        if s.details is not None and scene.anchor - 180 * DAY <= s.start <= scene.anchor
    ]
    texts += [(f.time, f.record.fields.get("data"), f.source) for f in scene.incidence.faults]
    found = []
    for time, data, source in sorted(texts, key=lambda item: (item[0], item[2])):
        for path, value in flat(spelled(data)):
            number = as_number(value)
            if number is not None and _is_measured(path, key, unless):
                found.append((time, number, source))
                break
    return found


def early_and_late(told: list[Told]) -> tuple[float, float, tuple[Source, ...]] | None:
    """Median of the earliest and of the latest third of numbers that were told; known from three."""
    if len(told) < 3:
        return None
    third = max(1, len(told) // 3)
    values = [value for _, value, _ in told]
    return median(values[:third]), median(values[-third:]), few([source for _, _, source in told])


def growth(scene: Scene, told: list[Told]) -> Reading | None:
    """How many times as large the latest third of durations that were told is as the earliest."""
    ends = early_and_late(told)
    return None if ends is None or ends[0] <= 0 else Reading(ends[1] / ends[0], scene.anchor, ends[2])
