"""Which modules fell silent, how often, and how many at once."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ....engine.facts import Source
from ...readings import HOUR, MINUTE, Reading, few, median
from ...scene import Scene
from ..registry import measures
from .named_modules import EVERY, modules_in, modules_said, silent_share_said
from .telemetry import MODULE_HISTORY, ModuleRows, Stretch, module_names, module_rows, row_source


class Silence(NamedTuple):
    """Modules that fell silent: when, which, where from."""

    time: float
    modules: frozenset[str]
    source: Source


def _silences(scene: Scene) -> list[Silence]:
    """When modules fell silent and which: each fault with the modules its payload or telemetry names, and each stretch
    of telemetry with silent modules that no fault stands beside."""

    def load() -> list[Silence]:
        rows = module_rows(scene)
        found: list[Silence] = []
        for fault in scene.faults("own", device=scene.device_id):
            if scene.anchor - MODULE_HISTORY <= fault.time <= scene.as_of + 1.0:
                named = frozenset(modules_in(fault.record.data))
                source = fault.source
                near = _silent_near(rows, fault.time)
                seen = frozenset[str]().union(*(stretch.silent for stretch in near.stretches))
                if len(seen) > len(named):
                    first = next(stretch.first for stretch in near.stretches if stretch.silent)
                    named, source = seen, row_source(scene, near.places[first])
                if named:
                    found.append(Silence(fault.time, named, source))
        reported = np.array([silence.time for silence in found])
        for first, last, modules in _silent_stretches(rows):
            begun, ended = rows.times[first], rows.times[last]
            if not ((reported >= begun - 10 * MINUTE) & (reported <= ended + 10 * MINUTE)).any():
                found.append(Silence(begun, modules, row_source(scene, rows.places[first])))
        return sorted(found, key=lambda silence: (silence.time, sorted(silence.modules)))

    return scene.once(("module silences",), load)


def _silent_near(rows: ModuleRows, moment: float) -> ModuleRows:
    """The rows around a fault; where none of them has silent modules, the next row within an hour: telemetry may be sparse."""
    low, high = bisect_left(rows.times, moment - 2 * MINUTE), bisect_left(rows.times, moment + 3 * MINUTE)
    near = rows.cut(low, high)
    if not any(stretch.silent for stretch in near.stretches) and high < len(rows) and rows.times[high] - moment <= HOUR:
        return rows.cut(high, high + 1)
    return near


def _silent_stretches(rows: ModuleRows) -> Iterator[tuple[int, int, frozenset[str]]]:
    """First and last row that tell of silent modules, and these modules, of each time until all of them were ok again.

    A row need not list all modules (a connector may list none but its own): what it does not list is as it was last told, for
    an hour at the most (our judgement, the same as for sparse telemetry after a fault).
    """
    run: list[Stretch] = []
    silent = frozenset[str]()
    for stretch in rows.stretches:
        unlisted = silent - stretch.modules.keys()
        if unlisted and rows.times[stretch.first] - rows.times[run[-1].last] > HOUR:
            yield _one_silence(run)
            run, unlisted = [], frozenset()
        silent = unlisted | stretch.silent
        if stretch.silent:
            run.append(stretch)
        elif run and not silent:
            yield _one_silence(run)
            run = []
    if run:
        yield _one_silence(run)


def _one_silence(run: Sequence[Stretch]) -> tuple[int, int, frozenset[str]]:
    """First and last row of some stretches, and the modules that were silent in any."""
    return run[0].first, run[-1].last, frozenset[str]().union(*(stretch.silent for stretch in run))


def _separate(scene: Scene) -> list[Silence]:
    """Silences at least ten minutes apart: several connectors report one silence together."""
    kept: list[Silence] = []
    for silence in _silences(scene):
        if kept and silence.time - kept[-1].time < 10 * MINUTE:
            kept[-1] = kept[-1]._replace(modules=kept[-1].modules | silence.modules)
        else:
            kept.append(silence)
    return kept


def _measured(scene: Scene, value: float, silences: list[Silence]) -> Reading:
    return Reading(float(value), scene.anchor, few([silence.source for silence in silences]))


def only_silent_module(scene: Scene, since: float = -np.inf, until: float = np.inf) -> str | None:
    """The one module that fell silent between two moments; None where there were several, or none is known by its index."""
    found = [silence.modules for silence in _silences(scene) if since < silence.time <= until]
    names = frozenset[str]().union(*found) - {EVERY}
    return next(iter(names)) if len(names) == 1 else None


@measures(
    "module_silences",
    "separate times, ten minutes apart, at which modules that are known by index fell silent within 30 days",
    unit="1",
    low=0,
)
def module_silences(scene: Scene) -> Reading | None:
    found = _separate(scene)
    return _measured(scene, len(found), found) if found else None


@measures("silent_modules_distinct", "different modules that fell silent over all those times", unit="1", low=0)
def silent_modules_distinct(scene: Scene) -> Reading | None:
    found = _separate(scene)
    if not found:
        return None
    names = frozenset().union(*(silence.modules for silence in found))
    return _measured(scene, _number(scene, names), found)


@measures("silent_modules_at_once", "modules that were silent at once, median over those times", unit="1", low=0)
def silent_modules_at_once(scene: Scene) -> Reading | None:
    found = _silences(scene)
    if not found:
        return None
    return _measured(scene, median([_number(scene, silence.modules) for silence in found]), found)


def _number(scene: Scene, modules: frozenset[str]) -> int:
    """How many modules these are; "all" is at least two, since nobody says it of one."""
    return max(len(module_names(scene)), 2) if EVERY in modules else len(modules)


@measures(
    "silent_modules_share",
    "share of the charger's modules that were silent at once, median over those times; known from two modules on",
    unit="%",
    low=0,
    high=100,
)
def silent_modules_share(scene: Scene) -> Reading | None:
    found = _silences(scene)
    # as telemetry lists them, else as a payload says
    fitted = len(module_names(scene)) or modules_said(scene)
    if not found:
        return silent_share_said(scene, fitted)
    every = all(EVERY in silence.modules for silence in found)
    if not every and (fitted is None or fitted < 2):
        return None
    shares = [
        100.0 if EVERY in silence.modules else 100.0 * min(1.0, len(silence.modules) / (fitted or 2))
        for silence in found
    ]
    return _measured(scene, median(shares), found)


@measures(
    "silent_modules_reached",
    "share of the modules that telemetry lists which fell silent at any of those times; known from four modules on",
    unit="%",
    low=0,
    high=100,
)
def silent_modules_reached(scene: Scene) -> Reading | None:
    found, fitted = _silences(scene), module_names(scene)
    if not found or len(fitted) < 4:
        return None
    names = frozenset().union(*(silence.modules for silence in found))
    return _measured(scene, 100.0 if EVERY in names else 100.0 * len(names & fitted) / len(fitted), found)


@measures(
    "silent_group_share",
    "share of the times with at least two modules silent at once, but not all, at which it was the commonest set of them; known "
    "from three such times on",
    unit="%",
    low=0,
    high=100,
)
def silent_group_share(scene: Scene) -> Reading | None:
    fitted = len(module_names(scene))
    groups = [silence for silence in _silences(scene) if 2 <= len(silence.modules) < fitted]
    if len(groups) < 3:
        return None
    commonest = max(Counter(silence.modules for silence in groups).values())
    return _measured(scene, 100.0 * commonest / len(groups), groups)


@measures(
    "silence_rises_along_bus",
    "correlation of a module's index with how often telemetry has it fall silent; known from four modules and twelve times on, where "
    "not all numbers are equal",
    unit="1",
    low=-1,
    high=1,
)
def silence_rises_along_bus(scene: Scene) -> Reading | None:
    rows = module_rows(scene)
    times = {name: 0 for name in sorted(module_names(scene)) if name.isdecimal() and len(name) <= 3}
    falls: list[int] = []
    last: dict[str, str] = {}
    for stretch in rows.stretches:
        for name, word in stretch.modules.items():
            if name in times and word != "ok" and last.get(name) == "ok":
                times[name] += 1
                falls.append(rows.places[stretch.first])
        last |= stretch.modules
    numbers = np.array(list(times.values()), dtype=float)
    if len(times) < 4 or len(falls) < 12 or np.ptp(numbers) == 0:
        return None
    indices = np.array([int(name) for name in times], dtype=float)
    along = float(np.corrcoef(indices, numbers)[0, 1])
    return Reading(along, scene.anchor, few([row_source(scene, place) for place in (falls[0], falls[-1])]))


@measures(
    "module_status_at_fault",
    "the word telemetry has for a module that is not ok, from two minutes before to an hour after the latest occurrence",
    kind="text",
    choices=("timeout", "fault"),
    many=True,
)
def module_status_at_fault(scene: Scene) -> Iterable[Reading]:
    # a module's first word tells what happened; a timeout that follows a fault is its consequence
    found: dict[str, Reading] = {}
    rows = module_rows(scene).between(scene.anchor - 2 * MINUTE, scene.anchor + HOUR)
    for stretch in rows.stretches:
        for name, word in stretch.modules.items():
            if word != "ok" and name not in found:
                source = row_source(scene, rows.places[stretch.first])
                found[name] = Reading(word, rows.times[stretch.first], (source,), key=name)
    return [found[name] for name in sorted(found)]
