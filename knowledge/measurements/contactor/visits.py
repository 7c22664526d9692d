"""What visit reports say was done, judged clause by clause: new contactors, new supplies, counters set back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ....engine.facts import Source
from ...scene import Scene
from ...texts import MAX_TEXT, NEW, words_of
from ..common import work_text

_BOUNDARY = re.compile(
    r"[,;!?\n]+|\.(?=\s|$)|\s[-–—]+\s|\b(?:but|however|instead|although|then|while|because|since|after)\b", re.I
)
"""Where a clause of a report ends: signs (a point within a figure is none) and words that turn to something else."""
_AND = re.compile(r"\s+(?:and|&|\+)\s+", re.I)
_DOING = re.compile(r"\b(?!need|speed|seed|red\b|led\b)(\w{2,}ed|reset|found|new|swept|done|cut|ran|took)\b", re.I)
_ONLY_DOING = re.compile(
    r"(then )?(re)?(\w+ed|reset)( (with|by|on|at|today|due|as|after|for|under|ok|again)\b.*)?$", re.I
)


def _clauses(work: str) -> Iterator[str]:
    """The clauses of a report in words; "fan cleaned and counter reset" are two, "removed and replaced" is one."""
    found: list[str] = []
    for sentence in _BOUNDARY.split(work[:MAX_TEXT]):
        parts = _AND.split(sentence)
        if found and re.fullmatch(r"\s*\w+ed\s*", parts[0]):
            found[-1] += f" {parts.pop(0)}"  # "contactor worn, replaced"
        for place, part in enumerate(parts):
            of_its_own = (
                not _ONLY_DOING.match(part.strip())
                and _DOING.search(part)
                and _DOING.search(found[-1] if found else "")
            )
            if place and not of_its_own:
                found[-1] += f" and {part}"
            else:
                found.append(part)
    yield from (words_of(clause) for clause in found)


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work: the words of a clause that say it was done, and those that deny it."""

    done: re.Pattern[str]
    denied: re.Pattern[str]

    def stands_in(self, report: str) -> bool:
        """Whether some clause of a report says that it was done and does not deny it."""
        return any(self.done.search(clause) and not self.denied.search(clause) for clause in _clauses(report))


_CHANGED = r"(replac\w*|renew\w*|swap\w*|exchang\w*)"
_BEFORE = r"(not|no|without|never|ordered(?! and)|await\w*|recommend\w*|should|must|needs?|to be|plan\w*|quot\w*)"
_AFTER = (
    r"(not (yet )?(done|made|available|fitted|installed|necessary|needed|required|possible|in stock|delivered|arrived|carried)|declined|refused|cancel\w*|postponed|deferred|discussed|(?<!as )(ordered|on order|requested|needed|required|necessary"
    r"|awaited|pending|quoted|recommended|advised|planned|scheduled|proposed))"
)
_NOT_CHANGED = re.compile(
    rf"\b{_BEFORE}\W+(\w+\W+){{0,4}}({_CHANGED}|new\b|fitted|install)"
    rf"|\b(replacement|renewal|exchange|swap|new)\W+(\w+\W+){{0,5}}{_AFTER}\b(?! and (fitted|install|replac|swap|renew|exchang))"
)

_CONTACTOR = r"(contactor|power relay|(power|plus side|minus side|output) switch)"

NEW_CONTACTOR = Work(
    re.compile(
        rf"({_CHANGED}|{NEW}|install\w*|fitted)\W+(\w+\W+){{0,4}}{_CONTACTOR}|{_CONTACTOR}\w*\W+(\w+\W+){{0,4}}({_CHANGED}|fitted)"
    ),
    _NOT_CHANGED,
)
NEW_SUPPLY = Work(
    re.compile(
        rf"({_CHANGED}|{NEW})\W+(\w+\W+){{0,4}}(psu|power supply|supply unit|24 ?v supply|dc dc)"
        rf"|(psu|power supply|supply unit)\W+(\w+\W+){{0,3}}{_CHANGED}"
    ),
    _NOT_CHANGED,
)
_OTHER_COUNTER = r"(fan|filter|errors?|faults?|alarms?|events?|energy|meter|trips?|retry)"
COUNTER_RESET = Work(
    re.compile(r"(reset|cleared|zeroed)\W+(\w+\W+){0,4}(cycle )?counter|counter\W+(\w+\W+){0,3}(reset|cleared|zeroed)"),
    re.compile(
        r"\b(not|never|to be|should|must|needs?|(without|no)(?! contactor))\W+(\w+\W+){0,3}(reset|clear|zero)"
        rf"|\b{_OTHER_COUNTER}\W+(\w+\W+){{0,2}}counter|counter\W+(of|for)\W+(the\W+)?{_OTHER_COUNTER}\b"
    ),
)


def visits_with(scene: Scene, work: Work) -> list[tuple[float, Source]]:
    """Service visits of the charger whose report says that work was done: when, and the record."""
    return [
        (visit.time, scene.source("service_visits", visit))
        for visit in scene.records("service_visits")
        if visit.time is not None and work.stands_in(work_text(visit))
    ]


def replacement(scene: Scene, start: float, end: float) -> tuple[float, Source] | None:
    """The last service visit between two moments that put a new contactor in."""
    visits = [visit for visit in visits_with(scene, NEW_CONTACTOR) if start <= visit[0] <= end]
    return visits[-1] if visits else None
