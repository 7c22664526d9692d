"""What people and remote commands found: the newest result of each check around an incident."""

from __future__ import annotations

from collections.abc import Iterable

from ...engine.facts import Fact
from ..readings import DAY
from ..scene import Scene
from ..texts import as_number

STALE_AFTER_S = 7 * DAY
"""A result older than this before the first occurrence says nothing of the incident (our judgement: the runbooks look
at seven days)."""

CHECK = "check."


def check_facts(scene: Scene, fact_names: Iterable[str]) -> list[Fact]:
    """The newest result of each check that rules read, of this connector or of the whole charger.

    Results of the same moment that contradict each other are all kept. Words are lower case with hyphens; a number may
    carry its unit.
    """
    wanted = {name.removeprefix(CHECK) for name in fact_names if name.startswith(CHECK)}
    newest: dict[str, list[Fact]] = {}
    for record in scene.records("check_results", which="own"):
        check = str(record.fields["check_id"]).strip().lower().replace("_", "-").replace(" ", "-")
        if check not in wanted or record.time is None or record.time < scene.first - STALE_AFTER_S:
            continue
        value = check_value(record.fields["value"])
        if value is None:
            continue
        fact = Fact(
            f"{CHECK}{check}",
            value,
            None,
            record.time,
            scene.connector_id,
            None,
            (scene.source("check_results", record),),
        )
        known = newest.setdefault(check, [])
        if known and known[0].at is not None and known[0].at < record.time:
            known.clear()
        known.append(fact)
    return [fact for facts in newest.values() for fact in facts]


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
