"""What people and remote commands found: the newest result of each check around an incident that tells of the fault."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np

from ...engine.facts import Fact, Source, iso_timestamp
from ...engine.knowledge_base import Check, DataProblem
from ...engine.rules import CHECK
from ..observations import MAX_WARNINGS_PER_FIELD, Rows, Table, shown
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


MOST_NAMED = 20
"""Unknown checks that are named one by one (our judgement: more are another list than ours)."""


LIMITS: Mapping[str, tuple[float, float]] = {
    "Ω": (0.0, 1e9), "kΩ": (0.0, 1e9), "s": (0.0, 1e7), "%": (0.0, 1000.0), "°C": (-60.0, 300.0), "dBm": (-150.0, 0.0),
}  # fmt: skip
"""The least and the largest result that a measurement in a unit can have (our judgement: a slip of the keyboard beyond them; a
received signal is always below 0 dBm)."""

LARGEST = 1e9
"""The largest size of a number in any other unit (as of readings in the records)."""


def limits_in(unit: str | None) -> tuple[float, float]:
    """The least and the largest result that a measurement in a unit can have."""
    return LIMITS.get(unit or "", (-LARGEST, LARGEST))


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
            check = _word(record.fields["check_id"])
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
        return _word(value)
    return None


def _word(text: str) -> str:
    return text.strip().lower().replace("_", "-").replace(" ", "-")[:256]


def usable_results(results: Table, checks: Mapping[str, Check]) -> tuple[Rows, list[DataProblem]]:
    """The rows of results that rules can read, and what is wrong with the others: nobody knows the check, or it has no such
    result.

    Checks that nobody knows are one problem for each name, with what may be meant.
    """
    unknown: dict[str, list[str]] = {}
    problems: list[DataProblem] = []
    usable = []
    more = 0
    named, values, devices = (results.values(path) for path in ("check_id", "value", "device_id"))
    for row, (written, device) in enumerate(zip(named, devices, strict=True)):
        check = None if written is None else checks.get(_word(written))
        problem = None if check is None else _misfit(check, values[row])
        if written is not None and check is None:
            unknown.setdefault(written, []).append(device)
        elif problem is None:
            usable.append(row)
        elif len(problems) < MAX_WARNINGS_PER_FIELD:
            said = f"{_where(results, row, device)}: {problem}; no rule reads it"
            problems.append(DataProblem("check_results", None, "value", said, skipped=True))
        else:
            more += 1
    if more:
        said = f"{more} more {'record has' if more == 1 else 'records have'} a problem of this kind"
        problems.append(DataProblem("check_results", None, "value", said, skipped=True, more=more))
    return np.array(usable, dtype=np.intp), [*_unknown_checks(unknown, checks), *problems]


def _misfit(check: Check, found: Any) -> str | None:
    """What is wrong with a result of a check; None where rules can read it."""
    value = check_value(found)
    text = shown(found)
    if check.is_number:
        unit = "" if check.unit is None else f" in {check.unit}"
        low, high = limits_in(check.unit)
        if not isinstance(value, float):
            return f"{text} is no result of {check.id}; a number{unit} is expected"
        return (
            None
            if low <= value <= high
            else f"{text} is no result of {check.id}; it lies between {low:g} and {high:g}{unit}"
        )
    if value in [result.value for result in check.results]:
        return None
    return f"{text} is no result of {check.id}; write one of {', '.join(str(result.value) for result in check.results)}"


def _where(results: Table, row: int, device: str) -> str:
    """Where a result is found in what was fed, by charger, connector and time: its index is of the canonical order."""
    connector, time = float(results.connectors[row]), float(results.times[row])
    place = device if connector != connector else f"{device}, connector {connector:.0f}"
    return place if time != time else f"{place} at {iso_timestamp(time)}"


def _unknown_checks(named: Mapping[str, list[str]], checks: Collection[str]) -> list[DataProblem]:
    problems = []
    for written, devices in sorted(named.items())[:MOST_NAMED]:
        close = get_close_matches(_word(written), checks, n=1, cutoff=0.6)
        meant = f"did you mean {close[0]}?" if close else "charger-triage kb export lists the checks"
        more = "" if len(devices) == 1 else f" and {len(devices) - 1} more"
        problem = (
            f"{min(devices)}{more}: no check is called {written[:60]!r}, so that no rule reads its result; {meant}"
        )
        problems.append(DataProblem("check_results", None, "check_id", problem, skipped=True))
    return problems
