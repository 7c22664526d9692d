"""How silences ended: on their own, or by a reset of the module or of the charger."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ....engine.facts import Source
from ...observations import epoch
from ...readings import DAY, HOUR, MINUTE, Reading, few
from ...scene import Scene
from ...texts import flat, words_of
from ..registry import measures
from .telemetry import ModuleRows, module_rows, row_source, usual_step

RESETS = ("reset_power_module", "power_module_reset", "reset_module", "module_reset", "restart_module", "soft_reset",
          "hard_reset", "reboot", "restart", "reset", "power_cycle")  # fmt: skip


class Reset(NamedTuple):
    """A reset command: when, the record's fields, where from."""

    time: float
    fields: Mapping[str, Any]
    source: Source


def reset_commands(scene: Scene) -> list[Reset]:
    """Resets of a module or of the charger that were not refused."""

    def load() -> list[Reset]:
        found = []
        for command in scene.records("commands"):
            name = words_of(str(command.fields["command"])).replace(" ", "_")
            moment = command.fields.get("created_at") or command.fields.get("updated_at")
            if name in RESETS and moment is not None and command.fields.get("status") not in ("rejected", "queued"):
                found.append(Reset(epoch(moment), command.fields, scene.source("commands", command)))
        return found

    return scene.once(("reset commands",), load)


def _after_reset(scene: Scene, time: float) -> bool:
    """Whether a reset lies in the quarter of an hour before a moment."""
    return any(0.0 <= time - reset.time <= 15 * MINUTE for reset in reset_commands(scene))


# On their own


HOLE_STEPS = 5.0
"""Times the usual step between rows from which on rows are missing (our judgement: one or two are lost to a weak line)."""

RESTART_S = 15.0
"""A charger that restarts sends no telemetry for at least so long (our judgement; the runbook allows up to 90 s)."""

AT_REST = 20 * MINUTE
"""Time without telemetry that may be a charger's way once no session goes on (our judgement: OCPP's clock-aligned values are
mostly sent every quarter of an hour)."""


class Run(NamedTuple):
    """Consecutive telemetry rows of one module: ok or not, first and last time, place of the first; whether rows of it are
    missing before the first, for as long as a restart takes."""

    ok: bool
    start: float
    end: float
    place: int
    after_hole: bool


def _rows_near_fault(scene: Scene) -> ModuleRows:
    """Module rows from six hours before the latest occurrence that has any to six hours after it."""
    rows = module_rows(scene)
    near = (rows.between(time - 6 * HOUR, time + 6 * HOUR) for time in reversed(scene.times))
    return next((window for window in near if len(window)), rows.cut(0, 0))


def _hole(scene: Scene, rows: ModuleRows) -> float:
    """Seconds between two rows from which on some are missing."""
    step = usual_step(scene.observations["telemetry"], np.array(rows.places, dtype=np.intp))
    return np.inf if step is None else max(RESTART_S, HOLE_STEPS * step)


def _without_holes(scene: Scene, rows: ModuleRows) -> Iterator[ModuleRows]:
    """The parts of some rows between which more are missing than a charger at rest leaves out."""
    cuts = np.flatnonzero(np.diff(rows.times) >= max(AT_REST, _hole(scene, rows))) + 1
    for first, stop in pairwise([0, *cuts.tolist(), len(rows)]):
        yield rows.cut(first, stop)


def _runs(scene: Scene) -> dict[str, list[Run]]:
    """The runs of each module near the fault, in time order."""

    def load() -> dict[str, list[Run]]:
        rows = _rows_near_fault(scene)
        found: dict[str, list[Run]] = {}
        hole = _hole(scene, rows)
        for stretch in rows.stretches:
            start, end = rows.times[stretch.first], rows.times[stretch.last]
            for name, word in stretch.modules.items():
                runs = found.setdefault(name, [])
                ok = word == "ok"
                if runs and runs[-1].ok == ok:
                    runs[-1] = runs[-1]._replace(end=end)
                else:
                    after_hole = bool(runs) and start - runs[-1].end >= hole
                    runs.append(Run(ok, start, end, rows.places[stretch.first], after_hole))
        return found

    return scene.once(("module runs",), load)


def unaided_returns(scene: Scene) -> Iterator[tuple[str, list[Run], list[Run]]]:
    """Each module with its runs, and those of them in which it was back without a reset, as far as rows tell: what is back after
    some that are missing may have been restarted meanwhile."""
    for name, runs in _runs(scene).items():
        returns = [run for run in runs[1:] if run.ok and not run.after_hole]
        yield name, runs, [run for run in returns if not _after_reset(scene, run.start)]


@measures(
    "module_returns_unaided",
    "times a module came back to ok without a reset in the quarter of an hour before and with no telemetry missing just before, "
    "of the module with most, within six hours of the latest occurrence that has module status; known where a module was not ok, "
    "not where modules came back only while telemetry was missing",
    unit="1",
    low=0,
)
def module_returns_unaided(scene: Scene) -> Reading | None:
    best: Reading | None = None
    unseen = False
    for name, runs, back in sorted(unaided_returns(scene)):
        if all(run.ok for run in runs):
            continue
        unseen |= any(run.after_hole and run.ok and not _after_reset(scene, run.start) for run in runs)
        if best is None or len(back) > float(best.value):
            sources = few([row_source(scene, run.place) for run in (back or runs)[:8]])
            best = Reading(float(len(back)), runs[-1].end, sources, key=name)
    return None if best is not None and not best.value and unseen else best


@measures(
    "module_silent_minutes",
    "longest unbroken time, over at least three telemetry rows of the module that lie no more than twenty minutes or five of their "
    "usual steps apart, that it was not ok within six hours of the latest occurrence that has module status",
    unit="min",
    low=0,
)
def module_silent_minutes(scene: Scene) -> Reading | None:
    best: Reading | None = None
    rows = _rows_near_fault(scene)
    silent = ((name, run) for name, runs in sorted(_runs(scene).items()) for run in runs if not run.ok)
    for name, run in silent:
        for part in _without_holes(scene, rows.between(run.start, run.end).telling_of({name})):
            minutes = (part.times[-1] - part.times[0]) / MINUTE
            if len(part) >= 3 and (best is None or minutes > float(best.value)):
                best = Reading(minutes, part.times[-1], (row_source(scene, part.places[0]),), key=name)
    return best


# By a reset

REBOOT_S = 90.0
"""A reset takes some seconds, a reboot up to 90 s (runbook): what comes earlier is no outcome yet."""

_BETTER = re.compile(
    r"\b(recover\w*|restored|responding|responds|responsive|back (online|up|on)|online|re ?joined|came back|resumed|cleared|"
    r"communication ok|comms ok|healthy|operational|module \w* ?ok|ok again|success\w*|re ?established)\b"
)
_WORSE = re.compile(
    r"\b(no (response|change|effect|reply|answer|improvement|ack|recovery)|not (respond\w*|recover\w*|restored|answer\w*|resolved|back)|"
    r"un(responsive|changed|successful)|still|did not|didn t|doesn t|does not|remains?|persist\w*|fail\w*|timed? ?out|never|without effect|"
    r"again (lost|silent)|immediately)\b"
)
_ANSWERS = re.compile(r"\b(respond\w*|recovered|restored|reachable|alive)\b")
"""Words of a key in a reset's result under which it says yes or no to the module's answering again."""


class Outcome(NamedTuple):
    """What a reset did: when it was, `recovered`, `relapsed` or `no-change`, and what tells so."""

    time: float
    word: str
    sources: tuple[Source, ...]


def _outcomes(scene: Scene) -> list[Outcome]:
    """What each reset since the first occurrence did, where it is known, in time order."""

    def load() -> list[Outcome]:
        resets = [reset for reset in reset_commands(scene) if reset.time >= scene.first - MINUTE]
        ends = [*(reset.time for reset in resets[1:]), np.inf]
        outcomes = (
            _outcome(scene, reset, min(end, reset.time + DAY)) for reset, end in zip(resets, ends, strict=False)
        )
        return [outcome for outcome in outcomes if outcome is not None]

    return scene.once(("reset outcomes",), load)


def _outcome(scene: Scene, reset: Reset, until: float) -> Outcome | None:
    """What a reset did, by module status, else its result's text, else the next fault, else the connector's state."""

    def told(word: str, *sources: Source) -> Outcome:
        return Outcome(reset.time, word, (reset.source, *sources))

    begin = reset.time + REBOOT_S
    faults = scene.faults("own", device=scene.device_id)
    relapse = next((fault for fault in faults if begin < fault.time <= min(until, reset.time + HOUR)), None)
    rows = module_rows(scene)
    silent = frozenset[str]()
    for stretch in rows.between(reset.time - 30 * MINUTE, reset.time + 5.0).stretches:
        silent = stretch.silent or silent
    after = rows.between(begin, min(until, reset.time + 6 * HOUR)).telling_of(silent)
    result = reset.fields.get("result")
    answers = [value for key, value in flat(result) if isinstance(value, bool) and _ANSWERS.search(key)]
    if len(after):
        good = [not silent & stretch.silent for stretch in after.stretches for _ in range(stretch.rows)]
        word = _verdict(good)
        if word == "recovered" and relapse is not None:
            word = "relapsed"
        if word == "recovered" and answers and not all(answers):
            # the reset itself found the module silent: what brought it back later is unknown
            return None
        return told(word, *few([row_source(scene, after.places[0]), row_source(scene, after.places[-1])]))
    said = " ".join(words_of(str(value)) for _, value in flat(result) if isinstance(value, str))
    if _WORSE.search(said) or (answers and not all(answers)):
        return told("no-change")
    if relapse is not None:
        return told("relapsed", relapse.source)
    if (_BETTER.search(said) or answers) and reset.fields.get("status") != "failed":
        return told("recovered")
    states = scene.words("state", which="own").between(begin, min(until, reset.time + 2 * HOUR))
    before = scene.words("state", which="own").between(reset.time - 30 * MINUTE, reset.time + 5.0)
    if len(states) >= 2 and len(before) and before.values[-1] == "fault":
        word = _verdict([state not in ("fault", "unavailable") for state in states.values])
        return told(word, *few([states.source(0), states.source(len(states) - 1)]))
    return None


def _verdict(good: list[bool]) -> str:
    """What a reset did, by whether all was good at each moment after it."""
    if not any(good):
        return "no-change"
    return "recovered" if sum(good) >= 0.9 * len(good) else "relapsed"


@measures(
    "module_reset_effect",
    "what the last reset of module or charger since the first occurrence did, by module status, result text, next faults or "
    "connector state: recovered, relapsed within an hour, no-change",
    kind="text",
    choices=("recovered", "relapsed", "no-change"),
)
def module_reset_effect(scene: Scene) -> Reading | None:
    outcomes = _outcomes(scene)
    return Reading(outcomes[-1].word, outcomes[-1].time, outcomes[-1].sources) if outcomes else None


@measures(
    "module_resets_that_helped", "resets since the first occurrence after which the module was back", unit="1", low=0
)
def module_resets_that_helped(scene: Scene) -> Reading | None:
    outcomes = _outcomes(scene)
    if not outcomes:
        return None
    good = [outcome for outcome in outcomes if outcome.word == "recovered"]
    sources = few([source for outcome in good or outcomes for source in outcome.sources])
    return Reading(float(len(good)), scene.anchor, sources)
