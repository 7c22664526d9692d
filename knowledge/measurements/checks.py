"""What people and remote commands found: the newest result of each check around an incident that tells of the fault."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ...engine.facts import Fact, Source
from ...engine.rules import CHECK
from ..readings import DAY
from ..scene import Scene
from ..texts import as_number

STALE_AFTER_S = 7 * DAY
"""A result older than this before the first occurrence says nothing of the incident (our judgement: the runbooks look
at seven days)."""


OF_WHAT_WAS = frozenset(
    {
        "inrush-recording", "fleet-backoff-pattern", "dc-bus-voltage", "service-log", "grid-records", "iso15118-log", "vehicle-soc",
        "stop-details",
    }
)  # fmt: skip
"""Checks that read what was recorded at the fault, which no visit changes: of these the newest result counts (our judgement)."""


class CheckFound(NamedTuple):
    """A result of a check as rules read it: when it was found (epoch seconds), what, and the record."""

    time: float
    value: float | str
    source: Source


def _newest(scene: Scene) -> dict[str, list[CheckFound]]:
    """The newest results of every check of this connector or of the whole charger; several of one moment are all kept.

    Where a check of what is there was done before and again after the first visit since the latest occurrence, what was found
    before it counts: after it stands what the visit left behind, not what failed.
    """

    def load() -> dict[str, list[CheckFound]]:
        visits = scene.records("service_visits")
        visited = min((v.time for v in visits if v.time is not None and v.time > scene.anchor), default=float("inf"))
        newest: dict[str, list[CheckFound]] = {}
        for record in scene.records("check_results", which="own"):
            check = str(record.fields["check_id"]).strip().lower().replace("_", "-").replace(" ", "-")
            if record.time is None or record.time < scene.first - STALE_AFTER_S:
                continue
            value = check_value(record.fields["value"])
            if value is None:
                continue
            known = newest.setdefault(check, [])
            mended = bool(known) and scene.first <= known[0].time < visited < record.time
            if mended and check not in OF_WHAT_WAS:
                continue
            if known and known[0].time < record.time:
                known.clear()
            known.append(CheckFound(record.time, value, scene.source("check_results", record)))
        return newest

    return scene.once(("check results",), load)


def latest_results(scene: Scene, check: str) -> list[CheckFound]:
    """The newest result of a check before a visit mended anything; several where results of one moment contradict each other, none
    where it was not done."""
    return _newest(scene).get(check, [])


def check_facts(scene: Scene, fact_names: Iterable[str]) -> list[Fact]:
    """The newest result of each check that rules read, of this connector or of the whole charger.

    Results of the same moment that contradict each other are all kept. Words are lower case with hyphens; a number may
    carry its unit.
    """
    wanted = {name.removeprefix(CHECK) for name in fact_names if name.startswith(CHECK)}
    if not wanted:
        return []
    return [
        Fact(f"{CHECK}{check}", found.value, None, found.time, scene.connector_id, None, (found.source,))
        for check, results in _newest(scene).items()
        if check in wanted
        for found in results
    ]


def check_value(value: object) -> float | str | None:
    """A result as rules read it: a number, or a word in lower case with hyphens; None for neither."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    number = as_number(value)
    if number is not None:
        return number
    if isinstance(value, str) and value.strip():
        return value.strip().lower().replace("_", "-").replace(" ", "-")[:256]
    return None
