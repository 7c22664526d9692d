"""Measurements of the state of charge at refusals, beside floors that are named and levels at which the vehicle discharged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ....engine.facts import Source
from ...readings import DAY, HOUR, Reading, few
from ...scene import Scene
from ...texts import flat, words_of
from ..registry import measures
from .evidence import incident_sources, sources_of
from .history import compared, next_discharges, vehicle_refusals
from .occurrences import happenings_here, this_happening
from .payload import as_percent, details, spelled
from .records import asked_at, asks_for_discharge

_FLOOR = re.compile(
    r"\b(min\w*|floor|lower limit|threshold|reserve\w*|required|cutoff|lower)\b.*\b(soc|discharge|state of charge|battery)\b"
    r"|\b(soc|discharge|battery|state of charge)\b.*\b(min\w*|floor|threshold|reserve\w*|required|cutoff|lower|limit)\b|^(details )?floor( pct)?$"
)


_FLOOR_IN_TEXT = re.compile(
    r"\b(?:ev ?)?min(?:imum)? soc (?:of |is )?(\d{1,3})\b|\b(?:soc|discharge) (?:floor|min(?:imum)?) (?:of |is |at )?(\d{1,3})\b"
)


def _floors(scene: Scene, values: Iterable[tuple[str, Any, Source]]) -> list[Reading]:
    """The floors among values with their key paths and in their texts, in percent."""
    found = []
    for path, value, source in values:
        said = _FLOOR_IN_TEXT.search(words_of(value)) if isinstance(value, str) else None
        level = said[1] or said[2] if said is not None else value if _FLOOR.search(path) else None
        if (percent := as_percent(level)) is not None:
            found.append(Reading(percent, scene.anchor, (source,)))
    return found


@measures(
    "named_discharge_floor",
    "the floor of the state of charge for discharging that the latest fault event to name one names, or else an alarm, or else the "
    "latest discharge command within the hour before: of several, the lowest",
    unit="%",
    low=0,
    high=100,
)
def named_discharge_floor(scene: Scene) -> Reading | None:
    found = _floors(scene, details(scene))
    events = incident_sources(scene)
    found = [floor for floor in found if floor.sources[0] in events] or found
    for command in scene.records("commands", which="own") if not found else ():
        moment = asked_at(command)
        if asks_for_discharge(command) and moment is not None and -5.0 <= scene.anchor - moment <= HOUR:
            source = scene.source("commands", command)
            params = flat(spelled(command.fields.get("params")))
            found += _floors(scene, ((path, value, source) for path, value in params))
    return min((f for f in found if f.sources == found[-1].sources), key=lambda f: float(f.value), default=None)


@measures(
    "soc_at_request",
    "state of charge at the latest refusal: from its payload, else telemetry from 15 min before to 2 min after, else the session",
    unit="%",
    low=0,
    high=100,
)
def soc_at_request(scene: Scene) -> Reading | None:
    known = [h for h in happenings_here(scene) if h.soc is not None and not h.told]
    return Reading(known[-1].soc or 0.0, known[-1].time, (known[-1].source,)) if known else None


@measures(
    "soc_without_named_floor",
    "state of charge at the latest refusal, where neither payload nor command names a floor",
    unit="%",
    low=0,
    high=100,
)
def soc_without_named_floor(scene: Scene) -> Reading | None:
    return None if named_discharge_floor(scene) is not None else soc_at_request(scene)


@measures(
    "soc_above_named_floor",
    "state of charge at the latest refusal less the floor that the payload or the command names",
    unit="points",
)
def soc_above_named_floor(scene: Scene) -> Reading | None:
    floor, soc = named_discharge_floor(scene), soc_at_request(scene)
    if floor is None or soc is None:
        return None
    return Reading(float(soc.value) - float(floor.value), soc.at, few([*soc.sources, *floor.sources]))


@measures(
    "soc_gap_refused_accepted",
    "lowest state of charge at which the vehicle began to discharge less the highest at which it refused; known where both are",
    unit="points",
)
def soc_gap_refused_accepted(scene: Scene) -> Reading | None:
    refusals, discharged = compared(scene)
    refused = [h for h in refusals if h.soc is not None]
    accepted = [d for d in discharged if d.soc is not None]
    if not refused or not accepted:
        return None
    gap = min(d.soc or 0.0 for d in accepted) - max(h.soc or 0.0 for h in refused)
    return Reading(gap, scene.anchor, sources_of(refused, accepted))


@measures(
    "soc_less_lowest_discharged",
    "state of charge at the latest refusal less the lowest one to which the vehicle has discharged within 90 days",
    unit="points",
)
def soc_less_lowest_discharged(scene: Scene) -> Reading | None:
    here = this_happening(scene)
    reached = [d for d in compared(scene)[1] if d.soc_end is not None]
    if here is None or here.soc is None or not reached:
        return None
    lowest = min(reached, key=lambda d: d.soc_end or 0.0)
    return Reading(here.soc - (lowest.soc_end or 0.0), here.time, few([here.source, lowest.source]))


@measures(
    "discharge_end_spread",
    "difference between the highest and the lowest state of charge at which discharges of the vehicle ended; known from two",
    unit="points",
    low=0,
)
def discharge_end_spread(scene: Scene) -> Reading | None:
    ends = [d for d in compared(scene)[1] if d.soc_end is not None]
    if len(ends) < 2:
        return None
    levels = [d.soc_end or 0.0 for d in ends]
    return Reading(max(levels) - min(levels), scene.anchor, sources_of(ends))


@measures(
    "highest_soc_refused",
    "highest state of charge at which the vehicle refused within 90 days; known from two refusals",
    unit="%",
    low=0,
    high=100,
)
def highest_soc_refused(scene: Scene) -> Reading | None:
    refused = [h for h in vehicle_refusals(scene) if h.soc is not None]
    if len(refused) < 2:
        return None
    top = max(refused, key=lambda h: h.soc or 0.0)
    return Reading(top.soc or 0.0, top.time, (top.source,))


@measures(
    "soc_at_next_discharge_less_refused",
    "state of charge at the vehicle's next discharge within two days less that at the latest refusal",
    unit="points",
)
def soc_at_next_discharge_less_refused(scene: Scene) -> Reading | None:
    here = this_happening(scene)
    later = [d for d in next_discharges(scene, 2 * DAY) if d.soc is not None]
    if here is None or here.soc is None or not later:
        return None
    return Reading((later[0].soc or 0.0) - here.soc, later[0].start, few([here.source, later[0].source]))
