"""What the payloads of a charger's faults and alarms give: numbers by the words of their keys, texts, topics."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from ...engine.facts import Source
from ..observations import Record
from ..readings import DAY, MINUTE, Reading
from ..scene import Scene
from ..texts import as_number, flat, words_of

MOST_OF_A_VALUE = 12
"""Characters up to which a text is a value with its unit, whose key names it (our judgement)."""

MAX_MESSAGE = 2000
"""Characters of one text that are searched for numbers (our judgement: what counts stands at the beginning)."""

MOST_LOOKED_AT = 3_000
"""Messages of a charger with data of its own of which it is looked whether they belong to a fault, the latest (our judgement: some days
of a charger that tells much)."""

MOST_MESSAGES = 300
"""Of those that do, the latest that are read (our judgement: a day to weeks of one part's readings)."""

_NAMES_PART = re.compile(
    r"fan|cool|supply|rail|psu|module|\bpm|\bcan\b|bus|filter|air ?flow|\bair ?(in|out)|exhaust|pressure ?drop"
)


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
    """Every fault of the incident's code on this charger, whatever the connector, and its alarms and messages within ten minutes of
    one, or within a fortnight before where they name a part that belongs to it; in time order."""

    def load() -> list[Payload]:
        faults = [fault for fault in scene.faults("own", device=scene.device_id) if fault.time <= scene.as_of + 1.0]
        found: list[Payload] = []
        for fault in faults:
            if fault.record.data:
                found.append(Payload(fault.time, fault.source, fault.said))
        times = np.array([fault.time for fault in faults])
        if not len(times):
            return found

        def belonging(events: Iterable[Record]) -> list[Payload]:
            told: list[Payload] = []
            for event in events:
                data, moment = event.fields.get("data"), event.time or 0.0
                if not isinstance(data, Mapping):
                    continue
                close = np.abs(times - moment).min() <= 10 * MINUTE
                if close or (times[-1] - 14 * DAY <= moment <= times[-1] and _NAMES_PART.search(str(data).lower())):
                    told.append(Payload(moment, scene.source("events", event), data))
            return told

        messages = scene.events("ocpp", which="all", end=times[-1] + 10 * MINUTE)
        found += belonging(scene.events("alarm", which="all"))
        found += belonging(messages[-MOST_LOOKED_AT:])[-MOST_MESSAGES:]
        return sorted(found, key=lambda payload: (payload.time, payload.source))

    return scene.once(("charger payloads",), load)


def _answers(scene: Scene) -> Iterator[Payload]:
    """What commands to the charger gave within a day around a fault of the incident's code: self tests, logs."""
    times = np.array([fault.time for fault in scene.faults("own", device=scene.device_id)])
    for command in scene.records("commands") if len(times) else ():
        result = command.fields.get("result")
        if result is not None and command.time is not None and np.abs(times - command.time).min() <= DAY:
            yield Payload(command.time, scene.source("commands", command), result)


def payloads_and_answers(scene: Scene) -> list[Payload]:
    """What the payloads hold, and what commands gave within a day, in time order."""
    return sorted([*charger_payloads(scene), *_answers(scene)], key=itemgetter(0, 1))


_IN_WORDS = re.compile(
    r"([a-z][a-z0-9 _/#-]{1,40}?)[ :=]+([+-]?\d{1,6}(?:[.,]\d{1,3})?) ?(v|a|ma|w|rpm|%|ohms?|°c|c|l/min)(?![a-z0-9])"
    r"(?:[ ,(]{1,3}(normal|nominal|rated|usual|expected|norm|of|min|max|limit)[ :=]+(\d{1,6}(?:[.,]\d{1,3})?))?"
)
"""A figure with its unit and the words before it, as logs and self tests write them, and what it is compared with."""

_COMPARED_AS = {"usual": "normal", "norm": "normal", "of": "nominal"}


def _leaves(scene: Scene, answers: bool = False) -> list[tuple[float, Source, list[tuple[str, Any]]]]:
    """Time and source of each payload, and its leaves with the words of their keys; with `answers` of what commands gave as well."""

    def laid_out(payloads: Iterable[Payload]) -> list[tuple[float, Source, list[tuple[str, Any]]]]:
        return [(time, source, [*_leaves_of(data)]) for time, source, data in payloads]

    told = scene.once(("flat payloads",), lambda: laid_out(charger_payloads(scene)))
    if not answers:
        return told
    return scene.once(
        ("flat payloads and answers",), lambda: sorted([*told, *laid_out(_answers(scene))], key=itemgetter(0, 1))
    )


def _leaves_of(data: Any) -> Iterator[tuple[str, Any]]:
    for words, value in flat(data):
        yield words, value
        if isinstance(value, str) and len(value) > MOST_OF_A_VALUE:
            for before, figure, unit, compared, other in _IN_WORDS.findall(value[:MAX_MESSAGE].lower()):
                named = f"{words_of(before)} {'percent' if unit == '%' else words_of(unit)}"
                yield named, decimal(figure)
                if compared:
                    yield f"{named} {_COMPARED_AS.get(compared, compared)}", decimal(other)


def payload_numbers(
    scene: Scene, wanted: str, unwanted: str = r"(?!)", *, answers: bool = False
) -> list[PayloadNumber]:
    """The numbers whose key's words, or the words before them in a text, match one pattern and not the other, in time order; with
    `answers` those that commands gave as well, where it does not matter that they were measured after the fault."""
    found = []
    for time, source, leaves in _leaves(scene, answers):
        for words, value in leaves:
            if re.search(wanted, words) and not re.search(unwanted, words):
                number = as_number(value)
                if number is not None:
                    found.append(PayloadNumber(time, number, source))
    return found


def payload_texts(scene: Scene, *, answers: bool = False) -> Iterator[tuple[float, Source, str]]:
    """Every text in the payloads, with `answers` in what commands gave as well, in lower case, with its numbers as written."""
    for time, source, leaves in _leaves(scene, answers):
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
