"""The CAN bus between the modules, and the silences it explains, as payloads give them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from ...readings import DAY, Reading, few, median
from ...scene import Scene
from ...texts import MAX_TEXT
from ..common import visits_after, work_text
from ..payload import PayloadNumber, decimal, newest, payload_numbers, payload_texts, said_in_words, topics_in_words
from ..registry import measures

_LIMITS = r"\b(limit|threshold|max|maximum|min|warning level|nominal|rated|expected|reference|setpoint|set)\b"


@measures("can_error_count", "largest CAN error counter or count of error frames in the payloads", unit="1", low=0)
def can_error_count(scene: Scene) -> Reading | None:
    found = payload_numbers(
        scene,
        r"\bcan\b.*\b(err\w*|crc|bus off|lost frames?)\b|\bbus\b.*\berr\w*|\berr\w* (frames?|passive|counter)\b|\b(tec|rec)\b|\bcrc\b"
        r"|\b(bit|stuff|form|ack|tx|rx|transmit|receive|frame) err\w*|\bbus off( count| events| total)?$|\b(arbitration|arb)\b.*\b(lost|loss\w*|count)\b",
        _LIMITS + r"|\brate\b|\bpct\b|\btemp",
    )
    if not found:
        return None
    largest = max(found, key=lambda number: (number.value, -number.time, number.source))
    return newest([largest], low=0.0)


@measures(
    "can_errors_growth",
    "how many times larger the CAN error count is in the latest payload than in the earliest of at least three that lie a day apart "
    "altogether",
    unit="1",
    low=0,
)
def can_errors_growth(scene: Scene) -> Reading | None:
    found = payload_numbers(
        scene,
        r"\bcan\b.*\b(err\w*|crc)\b|\bbus\b.*\berr\w*|\berr\w* (frames?|counter)\b|\b(tec|rec)\b|\bcrc\b|\b(bit|stuff|form|ack|tx|rx|frame) err\w*",
        _LIMITS + r"|\bpct\b|\btemp",
    )
    largest: dict[float, PayloadNumber] = {}
    for number in found:
        if number.time not in largest or number.value > largest[number.time].value:
            largest[number.time] = number
    counts = [largest[time] for time in sorted(largest)]
    if len(counts) < 3 or counts[-1].time - counts[0].time < DAY:
        return None
    # counters that fall were cleared in between
    if any(later.value < earlier.value for earlier, later in pairwise(counts)):
        return None
    growth = counts[-1].value / max(counts[0].value, 1.0)
    return Reading(growth, counts[-1].time, few([number.source for number in counts]))


@measures("can_bus_load", "latest load of the CAN bus in the payloads", unit="%", low=0)
def can_bus_load(scene: Scene) -> Reading | None:
    load = newest(payload_numbers(scene, r"\b(can|bus) (bus )?(load|utili[sz]ation)\b", _LIMITS), low=0.0)
    if load is None:
        return None
    value = float(load.value)
    # up to one it is a share
    return Reading(value * 100.0 if 0 < value <= 1.0 else value, load.at, load.sources)


@measures("can_resistance", "latest resistance across the CAN lines in the payloads", unit="Ω", low=0)
def can_resistance(scene: Scene) -> Reading | None:
    found = payload_numbers(
        scene,
        r"\b(terminat\w*|canh|can h|can l|bus|line)\b.*\b(ohms?|resistance|r|impedance)\b|\b(ohms?|resistance)\b.*\b(can|terminat\w*)\b|\bterminat\w*$",
        _LIMITS + r"|\b(isolation|insulation|dc|kohms?|count|grid|mains|earth|pe|loop|supply)\b",
        answers=True,
    )
    for time, source, text in payload_texts(scene, answers=True):
        match = re.search(r"\b(?:can|terminat\w*|bus)\b[^.;]{0,60}?(\d{1,6}(?:[.,]\d+)?) ?(?:ohms?\b|Ω|ω)", text)
        if match is not None and not re.search(r"isolation|insulation|instead of \d+ ?ohm$", text):
            found.append(PayloadNumber(time, decimal(match.group(1)), source))
    return newest(sorted(found, key=lambda number: number.time), low=0.0)


_OHMS = r"(\d{2,3}(?:[.,]\d+)?) ?(?:ohms?|r|Ω|ω)\b(?! (?:plug|part|resistor|terminator|end|one))"
_LINES = r"(?:across|between|h ?[-/] ?l|h (?:and|to) l|data (?:lines?|pair)|can bus|terminat\w*)"
_BETWEEN_LINES = re.compile(rf"{_OHMS}(?=[^.;]{{0,40}}\b{_LINES}\b)|\b{_LINES}\b[^.;]{{0,40}}?{_OHMS}")


@measures(
    "can_resistance_at_visit",
    "first resistance across the CAN lines that a service visit after the latest occurrence tells of: what was found, not what was left",
    unit="Ω",
    low=0,
)
def can_resistance_at_visit(scene: Scene) -> Reading | None:
    for visit in visits_after(scene):
        match = _BETWEEN_LINES.search(work_text(visit).lower()[:MAX_TEXT])
        if match is not None:
            ohms = decimal(match.group(1) or match.group(2))
            return Reading(ohms, visit.time, (scene.source("service_visits", visit),))
    return None


@measures(
    "silence_said_seconds",
    "how long the module was silent, median over the payloads that give it",
    unit="s",
    low=0,
)
def silence_said_seconds(scene: Scene) -> Reading | None:
    wanted = r"\b(duration|outage|silent|silence|offline|lost|gap|recovered after|recovery|down ?time)\b"
    unwanted = r"\b(timeout|limit|threshold|count|frames?|session|since|load|packets?|total|energy)\b"
    in_milliseconds = payload_numbers(scene, wanted + r".*\b(ms|millis\w*)\b", unwanted)
    in_seconds = payload_numbers(scene, wanted + r".*\b(s|sec|seconds)\b", unwanted)
    found = [
        *((number.value / 1000.0, number.source) for number in in_milliseconds if number.value >= 0),
        *((number.value, number.source) for number in in_seconds if number.value >= 0),
    ]
    if not found:
        return None
    return Reading(median([value for value, _ in found]), scene.anchor, few([source for _, source in found]))


@measures(
    "module_text_mention",
    "a topic of the fault's vocabulary in the words (never in mere counters) of this code's faults on the charger, of alarms "
    "beside them, or of the session's details",
    kind="text",
    many=True,
)
def module_text_mention(scene: Scene) -> Iterable[Reading]:
    session = scene.session
    if session is None:
        return topics_in_words(scene)
    said = {"stop_reason": session.stop_reason, "details": said_in_words(session.details)}
    return topics_in_words(scene, [(session.source, said)])
