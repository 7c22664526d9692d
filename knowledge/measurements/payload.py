"""What the payloads of a charger's faults and alarms give: numbers by the words of their keys, texts, topics."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...engine.facts import Source
from ..readings import DAY, MINUTE, Reading
from ..scene import Scene
from ..texts import as_number, flat

MAX_MESSAGE = 2000
"""Characters of one text that are searched for numbers (our judgement: what counts stands at the beginning)."""

_NAMES_PART = re.compile(r"fan|cool|supply|rail|psu|module|\bpm|\bcan\b|bus")


class Payload(NamedTuple):
    """The data of one fault or alarm: when, where from, and what it holds."""

    time: float
    source: Source
    data: Any


class PayloadNumber(NamedTuple):
    """A number that a payload gives: when, which, where from."""

    time: float
    value: float
    source: Source


def charger_payloads(scene: Scene) -> list[Payload]:
    """Every fault of the incident's code on this charger, whatever the connector, and its alarms within ten minutes of
    one, or within a fortnight before where they name a part that belongs to it; in time order."""

    def load() -> list[Payload]:
        faults = [fault for fault in scene.faults("own", device=scene.device_id) if fault.time <= scene.as_of + 1.0]
        found: list[Payload] = []
        for fault in faults:
            if fault.record.data:
                said = {key: value for key, value in fault.record.data.items() if key != "fault_code"}
                found.append(Payload(fault.time, fault.source, said))
        times = np.array([fault.time for fault in faults])
        for alarm in scene.events("alarm", which="all"):
            data = alarm.fields.get("data")
            if not isinstance(data, Mapping) or not len(times):
                continue
            moment = alarm.time or 0.0
            close = np.abs(times - moment).min() <= 10 * MINUTE
            if close or (times[-1] - 14 * DAY <= moment <= times[-1] and _NAMES_PART.search(str(data).lower())):
                found.append(Payload(moment, scene.source("events", alarm), data))
        return sorted(found, key=lambda payload: (payload.time, payload.source))

    return scene.once(("charger payloads",), load)


def _leaves(scene: Scene) -> list[tuple[float, Source, list[tuple[str, Any]]]]:
    """Time and source of each payload, and its leaves with the words of their keys."""

    def load() -> list[tuple[float, Source, list[tuple[str, Any]]]]:
        return [(time, source, list(flat(data))) for time, source, data in charger_payloads(scene)]

    return scene.once(("flat payloads",), load)


def payload_numbers(scene: Scene, wanted: str, unwanted: str = r"(?!)") -> list[PayloadNumber]:
    """The numbers whose key's words match one pattern and not the other, in time order."""
    found = []
    for time, source, leaves in _leaves(scene):
        for words, value in leaves:
            if re.search(wanted, words) and not re.search(unwanted, words):
                number = as_number(value)
                if number is not None:
                    found.append(PayloadNumber(time, number, source))
    return found


def payload_texts(scene: Scene) -> Iterator[tuple[float, Source, str]]:
    """Every text in the payloads, in lower case, with its numbers as written."""
    for time, source, leaves in _leaves(scene):
        for _, value in leaves:
            if isinstance(value, str):
                yield time, source, value[:MAX_MESSAGE].lower()


def decimal(written: str) -> float:
    """A number as people write it, with a point or a comma."""
    return float(written.replace(",", "."))


def newest(numbers: Sequence[PayloadNumber], low: float = -np.inf, high: float = np.inf) -> Reading | None:
    """The latest of the numbers that lie in a range."""
    for time, value, source in reversed(numbers):
        if low <= value <= high:
            return Reading(value, time, (source,))
    return None


_MERE_NUMBER_OR_DENIAL = re.compile(
    r"\s*[-+\d.,]+\s*([%a-zA-Z°Ω]{0,4})?\s*|(?:not|in(?:active)|no(?! (?:tach|pwm))|none|un(?:affected|changed))\b(?:\W+\w+){0,2}\W*"
    r"|(?:armed|standby|stand-by|enabled|ready|idle|monitoring|cleared|within limits?|in range|below limits?)\W*",
    re.IGNORECASE,
)
_SOUND = re.compile(
    r"(ok|okay|normal|healthy|clean|good|stable|nominal|within limits?|within range|in range|sound|fine|passe?d?|free|clear)\W*",
    re.IGNORECASE,
)
_FILLING = re.compile(
    r"\b(status|state|check|health|result|results|details|diag|diagnosis|diagnostics|self test|selftest|test|measured)\b ?"
)

ASSURANCES = frozenset(("can-clean", "bus-normal", "others-answer", "supply-fine", "blades-clean", "turns-freely"))
"""Topics that say a part is sound; a mere "ok" beside a part's name counts for these and for no others."""


def said_in_words(data: Any) -> Any:
    """Payload without its numbers and short denials ("not triggered"): a counter's or flag's name alone is no finding."""
    if isinstance(data, Mapping):
        return {key: said_in_words(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [said_in_words(value) for value in data]
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        return None
    return None if isinstance(data, str) and _MERE_NUMBER_OR_DENIAL.fullmatch(data) else data


def _assurances(scene: Scene) -> list[Reading]:
    """The topics of `ASSURANCES` that a payload affirms by a word beside a part's name: `"can_bus_status": "ok"`."""
    texts = [
        (source, f"{_FILLING.sub('', words)} {value}")
        for _, source, leaves in _leaves(scene)
        for words, value in leaves
        if isinstance(value, str) and _SOUND.fullmatch(value.strip())
    ]
    return [reading for reading in scene.mentions(texts) if reading.value in ASSURANCES]


def topics_in_words(scene: Scene, further: Sequence[tuple[Source, Any]] = ()) -> list[Reading]:
    """The topics of the fault's vocabulary that the words of the payloads, or of further texts, mention or assure."""
    said = scene.mentions([*((source, said_in_words(data)) for _, source, data in charger_payloads(scene)), *further])
    known = {reading.value for reading in said}
    return [*said, *(reading for reading in _assurances(scene) if reading.value not in known)]
