"""What came before: visits that renewed a part, faults of fan and cabinet, alarms; and what the site is said to be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ....engine.facts import Source
from ...readings import DAY, HOUR, MINUTE, Reading, few
from ...scene import Scene
from ...texts import MAX_TEXT, NEW, words_of
from ..common import work_text
from ..registry import measures
from .chargers import CABINET_CODE, FAN_CODE, about_the_cabinet

CONNECTOR_PARTS = re.compile(r"\b(pins?|contacts?|connectors?|plug|cable|gun)\b")
FAN_PARTS = re.compile(r"\b(fans?|cooling|ventilator)\b")

LONGEST_CLAUSE = 600
"""Characters of a clause that are judged (our judgement: what is longer is a log, no sentence)."""

_HARD_STOP = re.compile(r"[.!?](?=\s|$)|[;\n\r]")
_SOFT_STOP = re.compile(r"[,:]|\s[-–—]\s|\b(?:then|but|while|whereas|also)\b", re.IGNORECASE)
_RENEWED = rf"clean\w*|replac\w*|polish\w*|exchang\w*|renew\w*|swap\w*|{NEW}|isopropyl|wiped"
_SAID_ELSE = (
    r"check\w*|inspect\w*|test\w*|measur\w*|tighten\w*|adjust\w*|updat\w*|reset|look\w*|verif\w*|found|ok|okay|fine|good|normal|"
    r"worn|burnt|burned|damag\w*|loose|hot|warm|fault\w*|broken|oxid\w*|corro\w*|dirty|noisy|slow"
)
_SAID = re.compile(rf"\b(?:(?P<renewed>{_RENEWED})|{_SAID_ELSE})\b")
# a quality right before the part ("the worn connector") belongs to its name
_QUALITY = re.compile(
    r"\b(worn|burnt|burned|damag\w*|loose|hot|warm|fault\w*|broken|oxid\w*|corro\w*|dirty|noisy|slow) (?=\w)"
)
_PART_OF_IT = re.compile(
    r"^ (?!(?:and|or)\b)(\w+ )?(filters?|covers?|caps?|holders?|holsters?|locks?|latch|sensors?|labels?|guards?|grilles?|trays?|controllers?|boards?)\b"
)
_NOT_YET = re.compile(
    r"\b(not|no|never|without|needs?|need(ed)? to|should|must|to|to be|will be|recommend\w*|order\w*|await\w*|requires?)( \w+){0,1}$"
)
_STILL_TO_DO_OR_LONG_AGO = re.compile(
    r"^( \w+){0,2} (ordered|required|needed|due|recommended|scheduled|pending|advised|necessary"
    r"|last (spring|summer|autumn|fall|winter|year)|(months|years?) ago)\b"
)


def _clauses(text: str) -> Iterator[str]:
    """A text clause by clause, in words; a clause that says nothing of its part belongs to the one beside it."""
    for sentence in _HARD_STOP.split(text):
        clauses: list[str] = []
        waiting = ""  # parts named before what is said of them
        for piece in _SOFT_STOP.split(sentence):
            words = words_of(piece)
            if clauses and words and all(_SAID.fullmatch(word) for word in words.split()):
                clauses[-1] += f" {words}"  # "fan checked, then replaced"
            elif _SAID.search(words):
                clauses.append(f"{waiting} {words}".strip())
                waiting = ""
            elif clauses and not waiting and not _said_last(clauses[-1]):
                clauses[-1] += f" {words}"
            else:
                waiting = f"{waiting} {words}".strip()
        yield from clauses


def _said_last(clause: str) -> bool:
    """Whether a clause ends in what it says ("fan replaced"), so that no list of parts goes on behind it."""
    return any(match.end() == len(clause) for match in _SAID.finditer(clause))


def _renews(clause: str, parts: re.Pattern[str]) -> bool:
    """Whether what a clause says of one of the parts, nearest beside it, is that it was cleaned or renewed."""
    clause = clause[:LONGEST_CLAUSE]
    clause = _QUALITY.sub("", clause) if re.search(rf"\b({_RENEWED})\b", clause) else clause
    said = list(_SAID.finditer(clause))
    for part in parts.finditer(clause):
        if not said or _PART_OF_IT.search(clause[part.end() :]):
            continue

        def distance(match: re.Match[str], part: re.Match[str] = part) -> tuple[int, int]:
            between = (
                clause[match.end() : part.start()]
                if match.start() < part.start()
                else clause[part.end() : match.start()]
            )
            return len(between.split()), match.start()

        nearest = min(said, key=distance)
        # "inspected and cleaned the pins", "pins inspected and cleaned": both are said of them
        joined = [
            m
            for m in said
            if re.fullmatch(r"( and)? ", clause[min(m.end(), nearest.end()) : max(m.start(), nearest.start())])
        ]
        for match in (nearest, *joined):
            before, after = clause[: match.start()].rstrip(), clause[match.end() :]
            denied = _NOT_YET.search(before) or _STILL_TO_DO_OR_LONG_AGO.search(after)
            if match["renewed"] and not denied:
                return True
    return False


def renewals(scene: Scene, parts: re.Pattern[str]) -> list[tuple[float, Source]]:
    """When visits cleaned or renewed one of the parts."""
    found = []
    for visit in scene.records("service_visits"):
        text = work_text(visit)[:MAX_TEXT]
        if visit.time is not None and any(_renews(clause, parts) for clause in _clauses(text)):
            found.append((visit.time, scene.source("service_visits", visit)))
    return found


def _days_since_renewal(scene: Scene, parts: re.Pattern[str]) -> Reading | None:
    earlier = [(time, source) for time, source in renewals(scene, parts) if time <= scene.anchor]
    if not earlier:
        return None
    time, source = earlier[-1]
    return Reading((scene.anchor - time) / DAY, time, (source,))


@measures(
    "days_since_connector_renewed",
    "days from the last visit that cleaned or renewed the connector to the latest occurrence",
    unit="days",
    low=0,
)
def days_since_connector_renewed(scene: Scene) -> Reading | None:
    return _days_since_renewal(scene, CONNECTOR_PARTS)


@measures(
    "days_since_fan_renewed",
    "days from the last visit that cleaned or renewed the fan to the latest occurrence",
    unit="days",
    low=0,
)
def days_since_fan_renewed(scene: Scene) -> Reading | None:
    return _days_since_renewal(scene, FAN_PARTS)


@measures(
    "fan_fault_unrepaired",
    "days from the last F-0601 to the latest occurrence, where no visit since mentions the fan's exchange",
    unit="days",
    low=0,
)
def fan_fault_unrepaired(scene: Scene) -> Reading | None:
    earlier = [fault for fault in scene.faults(FAN_CODE, device=scene.device_id) if fault.time <= scene.anchor]
    if not earlier or any(earlier[-1].time < time <= scene.anchor for time, _ in renewals(scene, FAN_PARTS)):
        return None
    return Reading((scene.anchor - earlier[-1].time) / DAY, earlier[-1].time, few([fault.source for fault in earlier]))


@measures(
    "days_since_cabinet_fault", "days from the last F-0204 of this charger to the latest occurrence", unit="days", low=0
)
def days_since_cabinet_fault(scene: Scene) -> Reading | None:
    earlier = [f for f in scene.faults(CABINET_CODE, device=scene.device_id) if f.time <= scene.anchor + HOUR]
    if not earlier or about_the_cabinet(scene):
        return None
    return Reading(
        max(0.0, (scene.anchor - earlier[-1].time) / DAY), earlier[-1].time, few([f.source for f in earlier])
    )


@measures(
    "earlier_alarm_mention",
    "a topic of the fault's vocabulary in alarms of the charger from 30 days to ten minutes before the latest occurrence",
    kind="text",
    many=True,
)
def earlier_alarm_mention(scene: Scene) -> Iterable[Reading]:
    alarms = scene.events("alarm", which="all", start=scene.anchor - 30 * DAY, end=scene.anchor - 10 * MINUTE)
    return scene.mentions([(scene.source("events", alarm), alarm.fields.get("data")) for alarm in alarms])


@measures(
    "site_surroundings_mention",
    "a topic of the fault's vocabulary in name, location or description of site and charger",
    kind="text",
    many=True,
)
def site_surroundings_mention(scene: Scene) -> Iterable[Reading]:
    told: list[tuple[Source, Any]] = []
    for name, record in (("sites", scene.site), ("devices", scene.device)):
        if record is not None:
            said = {
                key: record.raw.get(key)
                for key in ("name", "location", "address", "description", "note", "notes", "tags")
            }
            told.append((Source(name, record.index, None), said))
    return scene.mentions(told)
