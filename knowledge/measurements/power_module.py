"""Measurements of the power modules: which of them fell silent and how, the CAN bus between them, the DC bus they share,
and what a reset did."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from ...engine.facts import Source
from ..observations import epoch
from ..readings import DAY, HOUR, MINUTE, Reading, Readings, few
from ..scene import Scene, as_number, flat, words_of
from .registry import measures

MODULE_HISTORY = 30 * DAY
"""How far back silent modules are looked at (our judgement: a loose wire or a bad board is not older than a month)."""

RESETS = ("reset_power_module", "power_module_reset", "reset_module", "module_reset", "restart_module", "soft_reset",
          "hard_reset", "reboot", "restart", "reset", "power_cycle")  # fmt: skip

Status = tuple[float, dict[str, str], int]
Silence = tuple[float, frozenset[str], Source]

_MODULE_KEY = re.compile(r"\b(modules?|pm|pmu|slots?|rectifiers?|power units?)\b")
_NO_INDEX = re.compile(
    r"\b(response|latency|interval|delay|rating|heartbeat|time|count|total|number of|num|online|ok|responding|temp|temperature|temperatures|voltage|current|firmware|fw|version|status|"
    r"states?|capacity|remaining|healthy|installed|active|available|serial|sn|type|model|limit|power kw|ms|s|v|a|c|kw|errors?|"
    r"retries|missed|timeout ms|uptime|resets?|name|ratio|share|pct|load|hours?|age|hot|max|min)\b"
)
_INDEX_KEY = re.compile(
    r"^(index|idx|id|module|module index|module id|power module|slot|number|no|pm|address|node|node id)$"
)
_NAMED_MODULE = re.compile(r"^(?:power )?(?:modules?|pm|rectifier) ?(\d{1,2})( status| state)?$")
_BAD = re.compile(
    r"\b(time ?out|timed out|fault|faulted|lost|no response|offline|missing|error|silent|unresponsive|fail\w*)\b"
)
_IN_TEXT = re.compile(
    r"\b(?:modules?|pm|rectifiers?|slots?|power units?)[\s_#:-]*(?:no\.?|nr\.?|index|idx|id|number)?[\s_#:=-]*"
    r"(\d{1,2}\b(?:\s*(?:,|and|&|/|\+)\s*(?:modules?|pm)?[\s_#-]*\d{1,2}\b(?!\s*(?:ms|s|v|°|%|k)))*)"
)
_ALL_IN_TEXT = re.compile(
    r"\b(all|every|each|both)( of)?( the)?( (power|four|three|two|six|eight|\d))* (modules?|pms?|rectifiers?)\b"
)
_NONE_ANSWERS = re.compile(
    r"\b(no (response|answer|reply|communication|contact|data) (from|to|with) (any|all)( of the)?|none of the( \w+)?|no)( power)? (modules?|pms?|rectifiers?)"
    r"( (respond\w*|answer\w*|repl\w+|online|reachable|alive))?\b"
)
_ANSWERING = re.compile(
    r"\b(\d{1,2}) ?(?:/|out of|of) ?(\d{1,2}) (?:power )?(?:modules? )?(?:are |is )?(?:still )?(?:responding|online|ok|alive|answering|communicating|reachable|active)"
)
_OF_IN_TEXT = re.compile(r"\b(\d{1,2}) (?:out )?of (\d{1,2}) (?:power )?modules?")

EVERY = "all"


_NAMES_PART = re.compile(r"fan|cool|supply|rail|psu|module|\bpm|\bcan\b|bus")


def charger_payloads(scene: Scene) -> list[tuple[float, Source, Any]]:
    """Time, source and data of every fault of the incident's code on this charger, whatever the connector, and of its
    alarms within ten minutes of one, or within a fortnight before where they name a part that belongs to it."""

    def load() -> list[tuple[float, Source, Any]]:
        faults = [f for f in scene.faults("own", device=scene.device_id) if f.time <= scene.as_of + 1.0]
        found: list[tuple[float, Source, Any]] = []
        for fault in faults:
            data = fault.record.fields.get("data")
            if isinstance(data, Mapping):
                found.append((fault.time, fault.source, {k: v for k, v in data.items() if k != "fault_code"}))
        times = np.array([fault.time for fault in faults])
        for alarm in scene.events("alarm", which="all"):
            data = alarm.fields.get("data")
            if not isinstance(data, Mapping) or not len(times):
                continue
            moment = alarm.time or 0.0
            close = np.abs(times - moment).min() <= 10 * MINUTE
            if close or (times[-1] - 14 * DAY <= moment <= times[-1] and _NAMES_PART.search(str(data).lower())):
                found.append((moment, scene.source("events", alarm), data))
        return sorted(found, key=lambda item: (item[0], item[1]))

    return scene.once(("charger payloads",), load)


def payload_numbers(scene: Scene, wanted: str, unwanted: str = r"(?!)") -> list[tuple[float, float, Source]]:
    """Time, value and source of the numbers whose key's words match one pattern and not the other, in time order."""
    found = []
    for time, source, data in scene.once(("flat payloads",), lambda: _flat_payloads(scene)):
        for path, value in data:
            if re.search(wanted, path) and not re.search(unwanted, path):
                number = as_number(value)
                if number is not None:
                    found.append((time, number, source))
    return found


def _flat_payloads(scene: Scene) -> list[tuple[float, Source, list[tuple[str, Any]]]]:
    return [(time, source, list(flat(data))) for time, source, data in charger_payloads(scene)]


def payload_texts(scene: Scene) -> Iterator[tuple[float, Source, str]]:
    """Every text in the payloads, in lower case, with its numbers as written."""
    for time, source, data in scene.once(("flat payloads",), lambda: _flat_payloads(scene)):
        for _, value in data:
            if isinstance(value, str):
                yield time, source, value[:2000].lower()


def newest(found: list[tuple[float, float, Source]]) -> Reading | None:
    """The latest of some numbers."""
    if not found:
        return None
    time, value, source = found[-1]
    return Reading(value, time, (source,))


def _status(node: Any) -> str | None:
    """The word that a part of a payload has for its own state."""
    if not isinstance(node, Mapping):
        return None
    for key, value in node.items():
        words = words_of(str(key))
        if isinstance(value, str) and (
            words in ("status", "state", "comm", "comms", "communication") or words.endswith(" status")
        ):
            return words_of(value)
    return None


def _listed(data: Any, depth: int = 0) -> int:
    """How many modules a payload lists with their states; 0 where it lists none."""
    if depth > 12:
        return 0
    if isinstance(data, Mapping):
        return max((_listed(value, depth + 1) for value in data.values()), default=0)
    if isinstance(data, (list, tuple)):
        return max(
            sum(_status(item) is not None for item in data[:64]), *(_listed(item, depth + 1) for item in data[:64]), 0
        )
    return 0


def modules_in(data: Any) -> set[str]:
    """The modules a fault's payload names as the silent ones; `all` stands for every one of them."""
    found: set[str] = set()

    def take(value: Any) -> None:
        if isinstance(value, bool) or value is None:
            return
        if isinstance(value, (int, float)):
            if float(value).is_integer() and 0 <= value < 100:
                found.add(str(int(value)))
        elif isinstance(value, str):
            said = words_of(value)
            if said in ("all", "every", "both"):
                found.add(EVERY)
            found.update(str(int(n)) for n in re.findall(r"(?<![\d.])\d{1,2}(?![\d.])", said[:80]))
        elif isinstance(value, (list, tuple)):
            walk(value)
            for item in value[:64]:
                if not isinstance(item, Mapping):
                    take(item)

    def walk(node: Any, depth: int = 0) -> None:
        if depth > 12:
            return
        if isinstance(node, (list, tuple)):
            words = [_status(item) for item in node[:64]]
            if len(words) >= 2 and all(word is not None and _BAD.search(word) for word in words):
                found.add(EVERY)
            for item in node[:64]:
                walk(item, depth + 1)
            return
        if not isinstance(node, Mapping):
            return
        keys = {words_of(str(key)): value for key, value in node.items()}
        status = _status(node)
        index = next((v for k, v in keys.items() if _INDEX_KEY.match(k) and not isinstance(v, (Mapping, list))), None)
        if status is not None and index is not None:
            if _BAD.search(status):
                take(index)
            return
        for key, value in keys.items():
            named = _NAMED_MODULE.match(key)
            if isinstance(value, Mapping):
                inner = {words_of(str(k)): v for k, v in value.items()}
                own = next(
                    (v for k, v in inner.items() if _INDEX_KEY.match(k) and not isinstance(v, (Mapping, list))), None
                )
                if own is not None and key in ("module", "power module", "pm", "faulty module", "affected module"):
                    take(own)
                elif named is not None and _BAD.search(_status(value) or ""):
                    take(int(named.group(1)))
                else:
                    walk(value, depth + 1)
            elif named is not None:
                if isinstance(value, str) and _BAD.search(words_of(value)):
                    take(int(named.group(1)))
            elif key in ("index", "idx", "missing nodes", "lost nodes", "silent nodes") or (
                _MODULE_KEY.search(key) and not _NO_INDEX.search(key)
            ):
                take(value)
            elif isinstance(value, str) and re.search(
                r"\b(message|description|text|reason|detail|details|info|note|log)\b", key
            ):
                in_text(value.lower()[:2000])
            elif isinstance(value, (list, tuple)):
                walk(value, depth + 1)
                for item in value[:64]:
                    if isinstance(item, str):
                        in_text(item.lower()[:2000])

    def in_text(text: str) -> None:
        answering = _ANSWERING.search(text)
        none = _NONE_ANSWERS.search(text)
        if answering is not None:
            if int(answering.group(1)) == 0:
                found.add(EVERY)
            return
        if _ALL_IN_TEXT.search(text) or (
            none is not None and not none.group().startswith("no power") and none.group() != "no module"
        ):
            found.add(EVERY)
            return
        counted = _OF_IN_TEXT.search(text)
        if counted is not None and counted.group(1) == counted.group(2):
            found.add(EVERY)
            return
        for match in _IN_TEXT.finditer(text):
            found.update(str(int(n)) for n in re.findall(r"\d{1,2}", match.group(1)))

    walk(data)
    return found


def module_rows(scene: Scene) -> list[Status]:
    """Status of each module by its index in every telemetry row of the charger that holds any, in time order."""

    def load() -> list[Status]:
        table = scene.observations["telemetry"]
        places = table.by_device.get(scene.device_id)
        rows: list[Status] = []
        if places is None:
            return rows
        start = scene.anchor - MODULE_HISTORY
        for place in places:
            record = table.records[place]
            modules = record.fields.get("power_modules")
            if not modules or record.time is None or record.time < start:
                continue
            status = {
                str(module["index"] if module.get("index") is not None else number): str(module["status"])
                for number, module in enumerate(modules)
                if isinstance(module, Mapping) and module.get("status") is not None
            }
            if status:
                rows.append((record.time, status, int(place)))
        return rows

    return scene.once(("module rows",), load)


def module_temperatures(scene: Scene) -> list[tuple[float, dict[str, float], int]]:
    """Time, temperature of each module by its index, and place of the telemetry rows of the hour up to the latest occurrence."""

    def load() -> list[tuple[float, dict[str, float], int]]:
        table = scene.observations["telemetry"]
        places = table.by_device.get(scene.device_id)
        rows: list[tuple[float, dict[str, float], int]] = []
        if places is None:
            return rows
        times = table.times[places]
        low, high = np.searchsorted(times, scene.anchor - HOUR), np.searchsorted(times, scene.anchor + 5.0, "right")
        for place in places[int(low) : int(high)]:
            record = table.records[place]
            temperatures = {
                str(module["index"] if module.get("index") is not None else number): float(module["temperature"])
                for number, module in enumerate(record.fields.get("power_modules") or [])
                if isinstance(module, Mapping) and module.get("temperature") is not None
            }
            if temperatures and record.time is not None:
                rows.append((record.time, temperatures, int(place)))
        return rows

    found: list[tuple[float, dict[str, float], int]] = scene.once(("module temperatures",), load)
    return found


def row_source(scene: Scene, place: int) -> Source:
    """The telemetry record of a row; named only when asked for, which saves the timestamps of all others."""
    return scene.observations["telemetry"].source(place)


def module_names(scene: Scene) -> set[str]:
    """The modules that telemetry of this charger names."""
    return scene.once(("module names",), lambda: {name for _, status, _ in module_rows(scene) for name in status})


def silences(scene: Scene) -> list[Silence]:
    """When modules fell silent and which: each fault with the modules its payload or telemetry names, and each stretch
    of telemetry with silent modules that no fault stands beside."""

    def load() -> list[Silence]:
        found: list[Silence] = []
        rows = module_rows(scene)
        times = np.array([time for time, _, _ in rows])
        bad = [frozenset(name for name, word in status.items() if word != "ok") for _, status, _ in rows]
        for fault in scene.faults("own", device=scene.device_id):
            if not scene.anchor - MODULE_HISTORY <= fault.time <= scene.as_of + 1.0:
                continue
            named = frozenset(modules_in(fault.record.fields.get("data")))
            source = fault.source
            if len(times):
                low, high = (
                    np.searchsorted(times, fault.time - 2 * MINUTE),
                    np.searchsorted(times, fault.time + 3 * MINUTE),
                )
                near = [place for place in range(int(low), int(high)) if bad[place]]
                if not near and high < len(times) and times[high] - fault.time <= HOUR and bad[high]:
                    near = [int(high)]
                seen = frozenset().union(*(bad[place] for place in near)) if near else frozenset()
                if seen and (not named or len(seen) > len(named)):
                    named, source = seen, row_source(scene, rows[near[0]][2])
            if named:
                found.append((fault.time, named, source))
        covered = np.array([time for time, _, _ in found])
        start: int | None = None
        for place in range(len(rows) + 1):
            if place < len(rows) and bad[place]:
                start = place if start is None else start
            elif start is not None:
                begun, ended = rows[start][0], rows[place - 1][0]
                beside = len(covered) and ((covered >= begun - 10 * MINUTE) & (covered <= ended + 10 * MINUTE)).any()
                if not beside:
                    found.append((begun, frozenset().union(*bad[start:place]), row_source(scene, rows[start][2])))
                start = None
        return sorted(found, key=lambda item: (item[0], sorted(item[1])))

    return scene.once(("silences",), load)


def _separate(scene: Scene) -> list[Silence]:
    """Silences at least ten minutes apart: several connectors report one silence together."""
    kept: list[Silence] = []
    for item in silences(scene):
        if kept and item[0] - kept[-1][0] < 10 * MINUTE:
            kept[-1] = (kept[-1][0], kept[-1][1] | item[1], kept[-1][2])
        else:
            kept.append(item)
    return kept


@measures(
    "silent_module",
    "a module that fell silent or failed within 30 days, by payload or telemetry",
    kind="text",
    many=True,
)
def silent_module(scene: Scene) -> Iterable[Reading]:
    found: dict[str, list[Source]] = {}
    for _, modules, source in silences(scene):
        for module in modules:
            found.setdefault(module, []).append(source)
    return [Reading(name, scene.anchor, few(sources), key=name) for name, sources in sorted(found.items())]


@measures(
    "module_silences",
    "separate times, ten minutes apart, at which modules that are known by index fell silent within 30 days",
    unit="1",
    low=0,
)
def module_silences(scene: Scene) -> Reading | None:
    found = _separate(scene)
    return Reading(float(len(found)), scene.anchor, few([source for _, _, source in found])) if found else None


@measures("silent_modules_distinct", "different modules that fell silent over all those times", unit="1", low=0)
def silent_modules_distinct(scene: Scene) -> Reading | None:
    found = _separate(scene)
    if not found:
        return None
    names = frozenset().union(*(modules for _, modules, _ in found))
    number = max(len(module_names(scene)), 2) if EVERY in names else len(names)
    return Reading(float(number), scene.anchor, few([source for _, _, source in found]))


@measures("silent_modules_at_once", "modules that were silent at once, median over those times", unit="1", low=0)
def silent_modules_at_once(scene: Scene) -> Reading | None:
    found = silences(scene)
    if not found:
        return None
    every = max(len(module_names(scene)), 2)
    numbers = [every if EVERY in modules else len(modules) for _, modules, _ in found]
    return Reading(float(np.median(numbers)), scene.anchor, few([source for _, _, source in found]))


def modules_fitted(scene: Scene) -> int | None:
    """How many modules the charger has: as telemetry lists them, else as the payload says."""
    if module_names(scene):
        return len(module_names(scene))
    said = payload_numbers(
        scene, r"\b(modules? (count|total|installed|fitted)|(total|number of|installed|num) (power )?modules?)\b"
    )
    if said:
        return int(said[-1][1])
    for _, _, text in payload_texts(scene):
        counted = _ANSWERING.search(text) or _OF_IN_TEXT.search(text)
        if counted is not None:
            return int(counted.group(2))
    listed = max((_listed(data) for _, _, data in charger_payloads(scene)), default=0)
    return listed if listed >= 2 else None


@measures(
    "silent_modules_share",
    "share of the charger's modules that were silent at once, median over those times; known from two modules on",
    unit="%",
    low=0,
    high=100,
)
def silent_modules_share(scene: Scene) -> Reading | None:
    found = silences(scene)
    fitted = modules_fitted(scene)
    if not found:
        return _counted_silent(scene)
    every = all(EVERY in modules for _, modules, _ in found)
    if not every and (fitted is None or fitted < 2):
        return None
    shares = [100.0 if EVERY in modules else 100.0 * min(1.0, len(modules) / (fitted or 2)) for _, modules, _ in found]
    return Reading(float(np.median(shares)), scene.anchor, few([source for _, _, source in found]))


def _counted_silent(scene: Scene) -> Reading | None:
    """The share from a payload that counts the silent modules without naming them."""
    for _, source, text in payload_texts(scene):
        answering = _ANSWERING.search(text)
        if answering is not None and int(answering.group(2)) >= 2:
            silent = int(answering.group(2)) - int(answering.group(1))
            return Reading(100.0 * max(0.0, silent / int(answering.group(2))), scene.anchor, (source,))
        counted = _OF_IN_TEXT.search(text)
        if counted is not None and int(counted.group(2)) >= 2 and not re.search(r"responding|online|ok|alive", text):
            return Reading(100.0 * min(1.0, int(counted.group(1)) / int(counted.group(2))), scene.anchor, (source,))
    lost = payload_numbers(
        scene,
        r"\b(modules? (lost|missing|offline|silent|timed out|affected|timeouts?)|(lost|missing|offline|affected|silent) modules?)\b( count)?$",
    )
    fitted = modules_fitted(scene)
    if lost and fitted is not None and fitted >= 2:
        return Reading(100.0 * min(1.0, max(0.0, lost[-1][1]) / fitted), lost[-1][0], (lost[-1][2],))
    left = payload_numbers(
        scene,
        r"\b(modules? (responding|online|ok|alive|remaining)|(responding|online|remaining|active|ok) modules?)\b( count)?$",
    )
    if left and fitted is not None and fitted >= 2 and left[-1][1] < fitted:
        return Reading(100.0 * (1.0 - max(0.0, left[-1][1]) / fitted), left[-1][0], (left[-1][2],))
    return None


@measures(
    "module_status_at_fault",
    "the word telemetry has for a module that is not ok, from two minutes before to an hour after the latest occurrence",
    kind="text",
    choices=("timeout", "fault"),
    many=True,
)
def module_status_at_fault(scene: Scene) -> Iterable[Reading]:
    first: dict[tuple[str, str], Reading] = {}
    for time, status, place in module_rows(scene):
        if scene.anchor - 2 * MINUTE <= time <= scene.anchor + HOUR:
            for name, word in status.items():
                if word != "ok" and (name, word) not in first:
                    first[name, word] = Reading(word, time, (row_source(scene, place),), key=name)
    # the first word tells what happened; a timeout that follows a fault is its consequence
    named: dict[str, Reading] = {}
    for (name, _), reading in sorted(first.items(), key=lambda item: item[1].at or 0.0):
        named.setdefault(name, reading)
    return [named[name] for name in sorted(named)]


def reset_commands(scene: Scene) -> list[tuple[float, Any, Source]]:
    """Resets of a module or of the charger that were not refused: when, the record's fields, where from."""

    def load() -> list[tuple[float, Any, Source]]:
        found = []
        for command in scene.records("commands"):
            name = words_of(str(command.fields["command"])).replace(" ", "_")
            moment = command.fields.get("created_at") or command.fields.get("updated_at")
            if name in RESETS and moment is not None and command.fields.get("status") not in ("rejected", "queued"):
                found.append((epoch(moment), command.fields, scene.source("commands", command)))
        return found

    return scene.once(("reset commands",), load)


def _stretch(scene: Scene) -> list[Status]:
    """Module rows from six hours before the latest occurrence that has any to six hours after it."""

    def load() -> list[Status]:
        rows = module_rows(scene)
        for time in reversed(scene.times):
            window = [row for row in rows if time - 6 * HOUR <= row[0] <= time + 6 * HOUR]
            if window:
                return window
        return []

    return scene.once(("module stretch",), load)


def _runs(scene: Scene) -> dict[str, list[tuple[bool, float, float, int, int]]]:
    """For each module its unbroken runs in the stretch: ok or not, first and last time, rows, first row's source."""

    def load() -> dict[str, list[tuple[bool, float, float, int, int]]]:
        runs: dict[str, list[tuple[bool, float, float, int, int]]] = {}
        for time, status, source in _stretch(scene):
            for name, word in status.items():
                mine = runs.setdefault(name, [])
                ok = word == "ok"
                if mine and mine[-1][0] == ok:
                    mine[-1] = (ok, mine[-1][1], time, mine[-1][3] + 1, mine[-1][4])
                else:
                    mine.append((ok, time, time, 1, source))
        return runs

    return scene.once(("module runs",), load)


def _after_reset(scene: Scene, time: float) -> bool:
    return any(0.0 <= time - moment <= 15 * MINUTE for moment, _, _ in reset_commands(scene))


@measures(
    "module_returns_unaided",
    "times a module came back to ok without a reset in the quarter of an hour before, of the module with most, within six "
    "hours of the latest occurrence that has module status; known where a module was not ok",
    unit="1",
    low=0,
)
def module_returns_unaided(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for name, runs in sorted(_runs(scene).items()):
        if all(run[0] for run in runs):
            continue
        back = [run for place, run in enumerate(runs) if place and run[0] and not _after_reset(scene, run[1])]
        reading = Reading(
            float(len(back)), runs[-1][2], few([row_source(scene, run[4]) for run in (back or runs)[:8]]), key=name
        )
        if best is None or reading.value > best.value:  # type: ignore[operator]
            best = reading
    return best


@measures(
    "module_silent_minutes",
    "longest unbroken time, over at least three telemetry rows, that a module was not ok within six hours of the latest "
    "occurrence that has module status",
    unit="min",
    low=0,
)
def module_silent_minutes(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for name, runs in sorted(_runs(scene).items()):
        for ok, start, end, rows, source in runs:
            if not ok and rows >= 3 and (best is None or (end - start) / MINUTE > best.value):  # type: ignore[operator]
                best = Reading((end - start) / MINUTE, end, (row_source(scene, source),), key=name)
    return best


_BETTER = re.compile(
    r"\b(recover\w*|restored|responding|responds|responsive|back (online|up|on)|online|re ?joined|came back|resumed|cleared|"
    r"communication ok|comms ok|healthy|operational|module \w* ?ok|ok again|success\w*|re ?established)\b"
)
_WORSE = re.compile(
    r"\b(no (response|change|effect|reply|answer|improvement|ack|recovery)|not (respond\w*|recover\w*|restored|answer\w*|resolved|back)|"
    r"un(responsive|changed|successful)|still|did not|didn t|doesn t|does not|remains?|persist\w*|fail\w*|timed? ?out|never|without effect|"
    r"again (lost|silent)|immediately)\b"
)


def _outcomes(scene: Scene) -> list[tuple[float, str, tuple[Source, ...]]]:
    """What each reset did, in time order: `recovered`, `relapsed` or `no-change`."""

    def load() -> list[tuple[float, str, tuple[Source, ...]]]:
        resets = [item for item in reset_commands(scene) if item[0] >= scene.first - MINUTE]
        found = []
        for place, (time, fields, source) in enumerate(resets):
            until = min(resets[place + 1][0] if place + 1 < len(resets) else np.inf, time + DAY)
            word, sources = _outcome(scene, time, until, fields)
            if word is not None:
                found.append((time, word, (source, *sources)))
        return found

    return scene.once(("reset outcomes",), load)


def _outcome(scene: Scene, time: float, until: float, fields: Any) -> tuple[str | None, tuple[Source, ...]]:
    silent: set[str] = set()
    after: list[Status] = []
    for moment, status, source in module_rows(scene):
        if time - 30 * MINUTE <= moment <= time + 5.0:
            silent = {name for name, word in status.items() if word != "ok"} or silent
        # a reset takes some seconds, a reboot up to 90 s (runbook)
        elif time + 90.0 <= moment <= min(until, time + 6 * HOUR):
            after.append((moment, status, source))
    relapse = next(
        (f for f in scene.faults("own", device=scene.device_id) if time + 90.0 < f.time <= min(until, time + HOUR)),
        None,
    )
    if silent and after:
        good = [all(status.get(name, "ok") == "ok" for name in silent) for _, status, _ in after]
        sources = few([row_source(scene, after[0][2]), row_source(scene, after[-1][2])])
        if not any(good):
            return "no-change", sources
        if relapse is None and sum(good) >= 0.9 * len(good):
            return "recovered", sources
        return "relapsed", sources
    said = " ".join(words_of(str(value)) for _, value in flat(fields.get("result")) if isinstance(value, str))
    if _WORSE.search(said):
        return "no-change", ()
    if relapse is not None:
        return "relapsed", (relapse.source,)
    if _BETTER.search(said) and fields.get("status") != "failed":
        return "recovered", ()
    states = scene.words("state", which="own").between(time + 90.0, min(until, time + 2 * HOUR))
    before = scene.words("state", which="own").between(time - 30 * MINUTE, time + 5.0)
    if len(states) >= 2 and len(before) and before.values[-1] == "fault":
        stuck = [word in ("fault", "unavailable") for word in states.values]
        sources = few([states.source(0), states.source(len(states) - 1)])
        if all(stuck):
            return "no-change", sources
        if sum(stuck) <= 0.1 * len(stuck):
            return "recovered", sources
        return "relapsed", sources
    return None, ()


@measures(
    "module_reset_effect",
    "what the last reset of module or charger since the first occurrence did, by module status, result text, next faults or "
    "connector state: recovered, relapsed within an hour, no-change",
    kind="text",
    choices=("recovered", "relapsed", "no-change"),
)
def module_reset_effect(scene: Scene) -> Reading | None:
    outcomes = _outcomes(scene)
    return Reading(outcomes[-1][1], outcomes[-1][0], outcomes[-1][2]) if outcomes else None


@measures(
    "module_resets_that_helped", "resets since the first occurrence after which the module was back", unit="1", low=0
)
def module_resets_that_helped(scene: Scene) -> Reading | None:
    outcomes = _outcomes(scene)
    if not outcomes:
        return None
    good = [item for item in outcomes if item[1] == "recovered"]
    return Reading(float(len(good)), scene.anchor, few([s for item in good or outcomes for s in item[2]]))


# CAN bus

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
    time, value, source = max(found, key=lambda item: (item[1], -item[0], item[2]))
    return Reading(value, time, (source,)) if value >= 0 else None


@measures("can_bus_load", "latest load of the CAN bus in the payloads", unit="%", low=0)
def can_bus_load(scene: Scene) -> Reading | None:
    found = [
        item for item in payload_numbers(scene, r"\b(can|bus) (bus )?(load|utili[sz]ation)\b", _LIMITS) if item[1] >= 0
    ]
    reading = newest(found)
    if reading is None:
        return None
    value = float(reading.value)
    return Reading(value * 100.0 if 0 < value <= 1.0 else value, reading.at, reading.sources)


@measures("can_resistance", "latest resistance across the CAN lines in the payloads", unit="Ω", low=0)
def can_resistance(scene: Scene) -> Reading | None:
    found = payload_numbers(
        scene,
        r"\b(terminat\w*|canh|can h|can l|bus)\b.*\b(ohms?|resistance|r|impedance)\b|\b(ohms?|resistance)\b.*\b(can|terminat\w*)\b|\bterminat\w*$",
        _LIMITS + r"|\bisolation\b|\binsulation\b|\bdc\b|\bkohms?\b|\bcount\b",
    )
    for time, source, text in payload_texts(scene):
        match = re.search(r"\b(?:can|terminat\w*|bus)\b[^.;]{0,60}?(\d{1,6}(?:[.,]\d+)?) ?(?:ohms?\b|Ω|ω)", text)
        if match is not None and not re.search(r"isolation|insulation|instead of \d+ ?ohm$", text):
            found.append((time, float(match.group(1).replace(",", ".")), source))
    return newest([item for item in sorted(found, key=lambda item: item[0]) if item[1] >= 0])


_UNSAID = re.compile(
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


def assurances(scene: Scene) -> list[Reading]:
    """The topics of `ASSURANCES` that a payload affirms by a word beside a part's name: `"can_bus_status": "ok"`."""
    texts = [
        (source, f"{_FILLING.sub('', path)} {value}")
        for _, source, data in scene.once(("flat payloads",), lambda: _flat_payloads(scene))
        for path, value in data
        if isinstance(value, str) and _SOUND.fullmatch(value.strip())
    ]
    return [reading for reading in scene.mentions(texts) if reading.value in ASSURANCES]


def said_in_words(data: Any) -> Any:
    """Payload without its numbers and short denials ("not triggered"): a counter's or flag's name alone is no finding."""
    if isinstance(data, Mapping):
        return {key: said_in_words(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [said_in_words(value) for value in data]
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        return None
    return None if isinstance(data, str) and _UNSAID.fullmatch(data) else data


@measures(
    "module_text_mention",
    "a topic of the fault's vocabulary in the words (never in mere counters) of this code's faults on the charger, of alarms "
    "beside them, or of the session's details",
    kind="text",
    many=True,
)
def module_text_mention(scene: Scene) -> Iterable[Reading]:
    texts = [(source, said_in_words(data)) for _, source, data in charger_payloads(scene)]
    session = scene.session
    if session is not None:
        texts.append((session.source, {"stop_reason": session.stop_reason, "details": said_in_words(session.details)}))
    said = scene.mentions(texts)
    return [*said, *(extra for extra in assurances(scene) if extra.value not in {reading.value for reading in said})]


# DC bus


def _bus(scene: Scene) -> Readings:
    return scene.readings("dc_bus_voltage", which="all").where(lambda values: values > 0)


def _peaks(scene: Scene) -> list[tuple[float, float, float, float, Source]]:
    """For each occurrence with bus voltage on both sides of five minutes before it: time, peak, baseline, typical
    spacing of the readings near it, source of the peak."""

    def load() -> list[tuple[float, float, float, float, Source]]:
        bus = _bus(scene)
        table = scene.observations["telemetry"]
        found = []
        for time in scene.times[-20:]:
            close = bus.between(time - 3 * MINUTE, time + 15.0)
            if not len(close):
                close = bus.between(time - 10 * MINUTE, time + MINUTE)
            if not len(close):
                continue
            earlier = bus.between(time - 2 * HOUR, float(close.times[0]) - 1e-3)
            state = table.records[close.rows[0]].fields.get("state")
            earlier = earlier.between(float(earlier.times[-400]), time) if len(earlier) > 400 else earlier
            if state is not None and len(earlier):
                same = np.array([table.records[row].fields.get("state") == state for row in earlier.rows], dtype=bool)
                earlier = earlier.at_rows(earlier.rows[same]) if same.sum() >= 3 else earlier
            if len(earlier) < 3:
                other = bus.between(time - 7 * DAY, time - 10 * MINUTE)
                earlier = other if len(other) >= 3 else earlier
            if len(earlier) < 3:
                # a short record: what went before the last half minute is all there is
                head = close.between(float(close.times[0]), time - 30.0)
                if len(head) < 5:
                    continue
                earlier, close = head, close.between(time - 30.0 + 1e-3, time + 15.0)
                if not len(close):
                    continue
            place = int(np.argmax(close.values))
            around = bus.between(time - 3 * MINUTE, time + MINUTE).times
            gaps = np.diff(np.unique(around))
            spacing = float(np.median(gaps)) if len(gaps) else 10 * MINUTE
            found.append(
                (time, float(close.values[place]), float(np.median(earlier.values)), spacing, close.source(place))
            )
        return found

    return scene.once(("bus peaks",), load)


@measures(
    "dc_bus_peak",
    "highest DC bus voltage in the three minutes up to an occurrence against the median of the two hours before it in the same "
    "state, median over the occurrences that have both",
    unit="%",
    low=0,
)
def dc_bus_peak(scene: Scene) -> Reading | None:
    found = [(100.0 * peak / base, source) for _, peak, base, _, source in _peaks(scene) if base > 0]
    if not found:
        return None
    return Reading(float(np.median([ratio for ratio, _ in found])), scene.anchor, few([source for _, source in found]))


@measures(
    "dc_bus_peak_volts",
    "highest DC bus voltage in the three minutes up to the latest occurrence that has readings, by telemetry or payload",
    unit="V",
    low=0,
)
def dc_bus_peak_volts(scene: Scene) -> Reading | None:
    near = scene.near(_bus(scene), 3 * MINUTE, 15.0).max()
    return near if near is not None else newest(_said_volts(scene))


@measures("dc_bus_spacing", "typical seconds between DC bus readings around the occurrences", unit="s", low=0)
def dc_bus_spacing(scene: Scene) -> Reading | None:
    found = _peaks(scene)
    if not found:
        return None
    return Reading(float(np.median([item[3] for item in found])), scene.anchor, few([item[4] for item in found]))


_BUS_KEY = r"\b(dc )?(bus|link)( \w+)?( voltage| volts?| v| peak| vdc)\b|\bv ?dc\b|\bu ?dc\b|\b(peak|max|measured) (bus|dc|link)\b|\bv ?bus\b|\bvbus\b|\bdclink\b|\bdcbus\b|\bhvdc\b|\bhv bus\b|\bdc (bus|link|voltage)\b"
_NO_VOLTS = r"\b(can|current|a|limit|threshold|trip|nominal|rated|ovp|normal|set|setpoint|allowed|baseline|expected|pct|percent|ms|s|min|minimum|before|ripple|output|before fault)\b"


def _said_volts(scene: Scene) -> list[tuple[float, float, Source]]:
    found = [item for item in payload_numbers(scene, _BUS_KEY, _NO_VOLTS) if item[1] > 30.0]
    for time, source, text in payload_texts(scene):
        match = re.search(r"\b(?:bus|dc[- ]?link|vdc)\b[^.;]{0,50}?(\d{3,4}(?:[.,]\d+)?) ?v(?:dc|olts?)?\b", text)
        if match is not None:
            found.append((time, float(match.group(1).replace(",", ".")), source))
    return sorted(found, key=lambda item: item[0])


@measures("dc_bus_said_share", "bus voltage in the payloads against the limit named beside it", unit="%", low=0)
def dc_bus_said_share(scene: Scene) -> Reading | None:
    measured = _said_volts(scene)
    limits = [
        item
        for item in payload_numbers(
            scene,
            r"\b(ovp|over ?voltage|trip|limit|threshold|max|maximum|allowed)\b",
            r"\b(can|current|a|ms|s|temp\w*|count\w*|pct|percent)\b|\bpeak\b",
        )
        if item[1] > 100.0
    ]
    if not measured or not limits:
        return None
    value, limit = measured[-1], limits[-1]
    return Reading(100.0 * value[1] / limit[1], value[0], few([value[2], limit[2]]))


@measures(
    "dc_bus_said_over_nominal",
    "bus voltage in the payloads against the nominal one named beside it, or else the median in telemetry",
    unit="%",
    low=0,
)
def dc_bus_said_over_nominal(scene: Scene) -> Reading | None:
    measured = _said_volts(scene)
    if not measured:
        return None
    nominal = [
        item
        for item in payload_numbers(
            scene,
            r"\b(bus|dc|link|vdc|voltage|v)\b.*\b(nominal|rated|normal|baseline|expected|setpoint|before)\b|\b(nominal|rated|normal|baseline|expected)\b.*\b(bus|dc|link|vdc|voltage|v)\b",
            r"\b(current|a|can|output|vehicle|ac|mains|grid)\b",
        )
        if item[1] > 100.0
    ]
    time, value, source = measured[-1]
    if nominal:
        return Reading(100.0 * value / nominal[-1][1], time, few([source, nominal[-1][2]]))
    usual = _bus(scene).between(time - DAY, time - 3 * MINUTE)
    middle = usual.median(5)
    if middle is None or float(middle.value) <= 0:
        return None
    return Reading(100.0 * value / float(middle.value), time, few([source, *middle.sources]))


@measures(
    "dc_bus_fell_before_return",
    "whether a module came back unaided only after the DC bus was again below 103 % of its baseline, the bus having been above "
    "it at the fault; known where module status and bus voltage are",
    kind="flag",
)
def dc_bus_fell_before_return(scene: Scene) -> Reading | None:
    peaks = _peaks(scene)
    if not peaks:
        return None
    time, peak, base, _, source = peaks[-1]
    for runs in _runs(scene).values():
        for place, run in enumerate(runs):
            if place and run[0] and run[1] > time and not _after_reset(scene, run[1]):
                then = _bus(scene).between(run[1] - 10 * MINUTE, run[1] + 1.0).last()
                if then is not None:
                    high = peak > 1.03 * base
                    return Reading(
                        bool(high and float(then.value) < 1.03 * base),
                        run[1],
                        few([source, row_source(scene, run[4]), *then.sources]),
                    )
    return None


def _load(scene: Scene) -> Readings:
    for path in ("dc_bus_current", "current", "power"):
        readings = scene.readings(path, which="all")
        if len(readings) >= 5:
            return readings
    return scene.readings("power", which="all")


@measures(
    "load_drop_before_fault",
    "how far the load (DC bus current, else current, else power) fell from its highest in the three minutes before the latest "
    "occurrence to its last reading more than two seconds before it",
    unit="%",
    low=0,
    high=100,
)
def load_drop_before_fault(scene: Scene) -> Reading | None:
    load = _load(scene)
    for time in reversed(scene.times[-20:]):
        window = load.between(time - 3 * MINUTE, time - 2.0)
        if len(window) < 3:
            continue
        values = np.abs(window.values)
        top = float(values.max())
        if top <= 0:
            continue
        # several connectors may report at one moment: their last readings together
        last = float(values[window.times >= window.times[-1] - 1e-3].max())
        return Reading(
            100.0 * max(0.0, 1.0 - last / top),
            time,
            few([window.source(int(np.argmax(values))), window.source(len(window) - 1)]),
        )
    return None


@measures(
    "seconds_from_load_loss",
    "seconds from the last stop or unplugging on any connector to an occurrence, shortest over the occurrences",
    unit="s",
    low=0,
)
def seconds_from_load_loss(scene: Scene) -> Reading | None:
    best: Reading | None = None
    stops = scene.events("stop", "plug_out", which="all")
    for time in scene.times[-20:]:
        for stop in stops:
            gap = time - (stop.time or 0.0)
            data = stop.fields.get("data")
            reason = words_of(str(data.get("reason") or "")) if isinstance(data, Mapping) else ""
            # a stop that the fault itself brought about is no loss of load before it
            if (
                0.5 <= gap <= HOUR
                and not re.search(r"fault|error|timeout|internal", reason)
                and (best is None or gap < float(best.value))
            ):
                best = Reading(gap, time, (scene.source("events", stop),))
    return best


def grid_voltage_events(scene: Scene, start: float, end: float) -> list[tuple[float, float, Source]]:
    """Voltage excursions at the charger's site or in its area: time, percent of nominal, source.

    Nominal is 230 V phase to neutral or 400 V between phases, whichever level the figure lies at.
    """
    found = []
    table = scene.observations["grid"]
    for record in table.records:
        fields = record.fields
        here = (fields.get("site_id") is not None and fields.get("site_id") == scene.site_id) or (
            fields.get("area") is not None and fields.get("area") == scene.area
        )
        volts = fields.get("voltage_v")
        if (
            here
            and volts is not None
            and 20.0 < volts < 1000.0
            and record.time is not None
            and start <= record.time <= end
        ):
            nominal = 230.0 if volts < 320.0 else 400.0
            found.append((record.time, 100.0 * volts / nominal, table.source_of(record)))
    return found


@measures(
    "grid_peak_before_fault",
    "highest grid voltage recorded for the site or its area in the ten minutes up to an occurrence, against 230 or 400 V",
    unit="%",
    low=0,
)
def grid_peak_before_fault(scene: Scene) -> Reading | None:
    found = [item for time in scene.times[-20:] for item in grid_voltage_events(scene, time - 10 * MINUTE, time + 30.0)]
    if not found:
        return None
    time, value, source = max(found, key=lambda item: (item[1], item[0]))
    return Reading(value, time, (source,))


@measures(
    "mains_peak_before_fault",
    "highest phase voltage in the three minutes up to the latest occurrence that has readings, against its median in the six hours before",
    unit="%",
    low=0,
)
def mains_peak_before_fault(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for phase in ("a", "b", "c"):
        readings = scene.readings(f"phase_details.phase_{phase}.voltage", which="all").where(
            lambda values: values > 50.0
        )
        time = scene.occurrence_with(readings, 3 * MINUTE, 15.0)
        if time is None:
            continue
        usual = readings.between(time - 6 * HOUR, time - 3 * MINUTE).median(5)
        peak = readings.between(time - 3 * MINUTE, time + 15.0).max()
        if usual is not None and peak is not None:
            ratio = 100.0 * float(peak.value) / float(usual.value)
            if best is None or ratio > float(best.value):
                best = Reading(ratio, peak.at, few([*peak.sources, *usual.sources]))
    return best


@measures(
    "minutes_from_sync_loss",
    "minutes between the nearest F-0701 of this charger or site and an occurrence, within an hour",
    unit="min",
    low=0,
)
def minutes_from_sync_loss(scene: Scene) -> Reading | None:
    here = {scene.device_id, *(r.fields["device_id"] for r in scene.neighbours)}
    best: Reading | None = None
    for fault in scene.faults("F-0701"):
        gap = min(abs(fault.time - time) for time in scene.times)
        if fault.device_id in here and gap <= HOUR and (best is None or gap / MINUTE < float(best.value)):
            best = Reading(gap / MINUTE, fault.time, (fault.source,))
    return best


# Circumstances


@measures(
    "module_heat_over_siblings",
    "how much hotter the silent module last was, in the half hour up to the latest occurrence, than the median of the others",
    unit="K",
)
def module_heat_over_siblings(scene: Scene) -> Reading | None:
    names = {str(r.value) for r in silent_module(scene)} - {EVERY}
    if len(names) != 1:
        return None
    (name,) = names
    gaps: list[tuple[float, int]] = []
    rows = [row for row in module_temperatures(scene) if row[0] >= scene.anchor - 30 * MINUTE]
    for _, temperatures, place in rows[:: max(1, len(rows) // 60)]:
        if name in temperatures and len(temperatures) >= 2:
            others = sorted(value for key, value in temperatures.items() if key != name)
            gaps.append((temperatures[name] - others[len(others) // 2], place))
    if not gaps:
        return None
    sources = few([row_source(scene, gaps[0][1]), row_source(scene, gaps[-1][1])])
    return Reading(float(np.median([gap for gap, _ in gaps])), scene.anchor, sources)


@measures(
    "module_temperature_peak",
    "highest temperature of any power module in the half hour up to the latest occurrence",
    unit="°C",
    low=-60,
    high=250,
)
def module_temperature_peak(scene: Scene) -> Reading | None:
    best = scene.near(
        scene.readings("component_health.internal_temps.power_module", which="all"), 30 * MINUTE, 5.0
    ).max()
    hottest: tuple[float, float, int] | None = None
    for time, temperatures, place in module_temperatures(scene):
        if time >= scene.anchor - 30 * MINUTE and temperatures:
            value = max(temperatures.values())
            if hottest is None or value > hottest[0]:
                hottest = (value, time, place)
    if hottest is not None and hottest[0] <= 250 and (best is None or hottest[0] > float(best.value)):
        best = Reading(hottest[0], hottest[1], (row_source(scene, hottest[2]),))
    return best if best is not None and -60 <= float(best.value) <= 250 else None


@measures(
    "faults_at_high_load_share",
    "of at least three occurrences with a power reading in the six minutes before, the share at 70 % or more of the highest power of the month",
    unit="%",
    low=0,
    high=100,
)
def faults_at_high_load_share(scene: Scene) -> Reading | None:
    loads = _fault_loads(scene)
    if len(loads) < 3:
        return None
    high = [item for item in loads if item[0] >= 0.7]
    return Reading(100.0 * len(high) / len(loads), scene.anchor, few([source for _, source in loads]))


@measures(
    "faults_at_no_load_share",
    "of at least three occurrences with a power reading in the six minutes before, the share below 5 % of the highest power of the month",
    unit="%",
    low=0,
    high=100,
)
def faults_at_no_load_share(scene: Scene) -> Reading | None:
    loads = _fault_loads(scene)
    if len(loads) < 3:
        return None
    idle = [item for item in loads if item[0] < 0.05]
    return Reading(100.0 * len(idle) / len(loads), scene.anchor, few([source for _, source in loads]))


def _fault_loads(scene: Scene) -> list[tuple[float, Source]]:
    def load() -> list[tuple[float, Source]]:
        power = scene.readings("power", which="all")
        if len(power) < 10:
            power = scene.readings("current", which="all")
        month = power.between(scene.anchor - MODULE_HISTORY, scene.anchor)
        top = float(np.abs(month.values).max()) if len(month) else 0.0
        found: list[tuple[float, Source]] = []
        if top <= 0:
            return found
        for time in scene.times[-50:]:
            # the last two readings: the very last one may already show the loss of power
            near = power.between(time - 6 * MINUTE, time + 1.0)
            if len(near):
                start = max(0, len(near) - 2)
                place = start + int(np.argmax(np.abs(near.values[start:])))
                found.append((float(np.abs(near.values[place])) / top, near.source(place)))
        return found

    return scene.once(("fault loads",), load)


@measures(
    "time_at_high_load_share",
    "share of the month's telemetry rows under load that are at 70 % or more of the highest power; known from twenty rows on",
    unit="%",
    low=0,
    high=100,
)
def time_at_high_load_share(scene: Scene) -> Reading | None:
    power = scene.readings("power", which="all").between(scene.anchor - MODULE_HISTORY, scene.anchor)
    loaded = np.abs(power.values)
    top = float(loaded.max()) if len(loaded) else 0.0
    loaded = loaded[loaded > 0.05 * top]
    if len(loaded) < 20 or top <= 0:
        return None
    return power.reading(100.0 * float((loaded >= 0.7 * top).mean()))


@measures(
    "fault_interval_spread",
    "spread of the times between occurrences half an hour or more apart against their mean; known from four intervals on",
    unit="%",
    low=0,
)
def fault_interval_spread(scene: Scene) -> Reading | None:
    times = np.array(sorted({fault.time for fault in scene.faults("own", device=scene.device_id)}))
    gaps = np.diff(times)
    gaps = gaps[gaps >= HOUR / 2]
    if len(gaps) < 4:
        return None
    return Reading(
        100.0 * float(gaps.std() / gaps.mean()), scene.anchor, few([f.source for f in scene.incidence.faults])
    )


@measures(
    "module_code_per_day",
    "recurrences of the code on any connector of this charger per day between first and latest, ten minutes apart at least; "
    "known from two that lie six hours apart",
    unit="/day",
    low=0,
)
def module_code_per_day(scene: Scene) -> Reading | None:
    faults = [f for f in scene.faults("own", device=scene.device_id) if f.time >= scene.anchor - MODULE_HISTORY]
    kept: list[float] = []
    for fault in faults:
        if not kept or fault.time - kept[-1] >= 10 * MINUTE:
            kept.append(fault.time)
    if len(kept) < 2 or kept[-1] - kept[0] < DAY / 4:
        return None
    return Reading((len(kept) - 1) * DAY / (kept[-1] - kept[0]), kept[-1], few([f.source for f in faults]))


@measures(
    "module_bursts",
    "occurrences of the code on this charger within the hour with most of them",
    unit="1",
    low=0,
)
def module_bursts(scene: Scene) -> Reading | None:
    faults = scene.faults("own", device=scene.device_id)
    times = np.array([f.time for f in faults])
    if not len(times):
        return None
    counts = np.searchsorted(times, times + HOUR, "right") - np.arange(len(times))
    return Reading(float(counts.max()), scene.anchor, few([f.source for f in faults]))


@measures(
    "code_among_last_ten_faults",
    "how many of the charger's last ten fault events, up to the latest occurrence, carry the incident's code; known from two faults on",
    unit="1",
    low=0,
    high=10,
)
def code_among_last_ten_faults(scene: Scene) -> Reading | None:
    last = [f for f in scene.faults(device=scene.device_id) if f.time <= scene.anchor + 1.0][-10:]
    if len(last) < 2:
        return None
    return Reading(
        float(sum(f.code == scene.incidence.code for f in last)), scene.anchor, few([f.source for f in last])
    )


_REPLACED = re.compile(r"\b(replac\w*|swap\w*|exchang\w*|renew\w*|new|chang\w*)\b")


@measures(
    "module_replaced_before_recurrence",
    "whether a service visit that names a replaced power module lies between two occurrences; known where there was such a visit",
    kind="flag",
)
def module_replaced_before_recurrence(scene: Scene) -> Reading | None:
    times = [f.time for f in scene.faults("own", device=scene.device_id)]
    for visit in reversed(scene.records("service_visits")):
        said = words_of(str(visit.fields.get("work") or ""))
        near = re.search(r"\bmodules?\b|\bpm ?\d?\b|\brectifier", said)
        if visit.time is None or not near or not _REPLACED.search(said) or re.search(r"\bfan\b", said):
            continue
        between = any(t < visit.time for t in times) and any(t > visit.time for t in times)
        return Reading(between, visit.time, (scene.source("service_visits", visit),))
    return None


@measures(
    "cabinet_swing",
    "range of cabinet (else ambient) temperature in the three hours up to the latest occurrence that has readings",
    unit="K",
    low=0,
)
def cabinet_swing(scene: Scene) -> Reading | None:
    for path in ("cabinet_temperature", "ambient_temperature"):
        near = scene.near(scene.readings(path, which="all"), 3 * HOUR, 0.0)
        if len(near) >= 3:
            return near.reading(float(near.values.max() - near.values.min()))
    return None


@measures(
    "visit_after_mention",
    "a topic of the fault's vocabulary in the work of service visits after the latest occurrence",
    kind="text",
    many=True,
)
def visit_after_mention(scene: Scene) -> Iterable[Reading]:
    later = [
        v for v in scene.records("service_visits") if v.time is not None and scene.anchor < v.time <= scene.as_of + 1.0
    ]
    return scene.mentions([(scene.source("service_visits", v), v.fields.get("work")) for v in later])


@measures(
    "module_temperature_frozen",
    "minutes up to the latest occurrence for which the silent module's temperature stood exactly still while a sibling's moved; "
    "known from four rows on",
    unit="min",
    low=0,
)
def module_temperature_frozen(scene: Scene) -> Reading | None:
    names = {str(r.value) for r in silent_module(scene)} - {EVERY}
    if len(names) != 1:
        return None
    (name,) = names
    rows = [row for row in module_temperatures(scene) if name in row[1] and row[0] <= scene.anchor]
    if len(rows) < 4:
        return None
    start = len(rows) - 1
    while start > 0 and rows[start - 1][1][name] == rows[-1][1][name]:
        start -= 1
    seen: dict[str, set[float]] = {}
    for _, temperatures, _ in rows[start:] if start < len(rows) - 1 else rows[-4:]:
        for other, value in temperatures.items():
            if other != name:
                seen.setdefault(other, set()).add(value)
    if not any(len(values) > 1 for values in seen.values()):
        return None
    sources = few([row_source(scene, rows[start][2]), row_source(scene, rows[-1][2])])
    return Reading((rows[-1][0] - rows[start][0]) / MINUTE, scene.anchor, sources)


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
    peaks: dict[float, tuple[float, Source]] = {}
    for time, value, source in found:
        if time not in peaks or value > peaks[time][0]:
            peaks[time] = (value, source)
    moments = sorted(peaks)
    if (
        len(moments) < 3
        or moments[-1] - moments[0] < DAY
        or any(peaks[b][0] < peaks[a][0] for a, b in pairwise(moments))
    ):
        return None
    return Reading(
        peaks[moments[-1]][0] / max(peaks[moments[0]][0], 1.0), moments[-1], few([peaks[m][1] for m in moments])
    )


@measures(
    "faults_at_start_share",
    "of at least three occurrences in whose half hour before a charge started, the share within five seconds after that start",
    unit="%",
    low=0,
    high=100,
)
def faults_at_start_share(scene: Scene) -> Reading | None:
    starts = np.array([s.time for s in scene.events("start", which="all") if s.time is not None])
    if not len(starts):
        return None
    gaps = []
    for time in scene.times[-50:]:
        earlier = starts[starts <= time + 1.0]
        if len(earlier) and time - earlier[-1] <= HOUR / 2:
            gaps.append(time - float(earlier[-1]))
    if len(gaps) < 3:
        return None
    return Reading(
        100.0 * sum(gap <= 5.0 for gap in gaps) / len(gaps),
        scene.anchor,
        few([f.source for f in scene.incidence.faults]),
    )


@measures(
    "fault_hours_window",
    "shortest span of the day that holds all of at least five occurrences on at least three days",
    unit="h",
    low=0,
    high=24,
)
def fault_hours_window(scene: Scene) -> Reading | None:
    times = np.array(
        [f.time for f in scene.faults("own", device=scene.device_id) if f.time >= scene.anchor - MODULE_HISTORY]
    )
    if len(times) < 5 or len(set((times // DAY).tolist())) < 3:
        return None
    hours = np.sort((times % DAY) / HOUR)
    gaps = np.diff(np.concatenate([hours, hours[:1] + 24.0]))
    return Reading(24.0 - float(gaps.max()), scene.anchor, few([f.source for f in scene.incidence.faults]))


@measures(
    "days_from_boot",
    "days from the last known boot of the charger (online since, connection, restart) before the first occurrence to it",
    unit="days",
    low=0,
)
def days_from_boot(scene: Scene) -> Reading | None:
    boots: list[tuple[float, Source]] = [(time, source) for time, _, source in reset_commands(scene)]
    since = scene.metadata("online_since")
    if since is not None and not isinstance(since.value, str):
        boots.append((float(since.value), since.sources[0]))
    for record in scene.records("connections"):
        if record.fields["transition"] == "online" and re.search(
            r"boot|power|restart|reset", words_of(str(record.fields.get("reason") or ""))
        ):
            boots.append((record.time or 0.0, scene.source("connections", record)))
    earlier = [item for item in boots if item[0] <= scene.first]
    if not earlier:
        return None
    time, source = max(earlier)
    return Reading((scene.first - time) / DAY, scene.first, (source,))


def door_events(scene: Scene) -> list[tuple[float, Source]]:
    """Events of the charger that name its door, a cover or tampering, in time order."""

    def load() -> list[tuple[float, Source]]:
        found = []
        for event in scene.events(which="all"):
            kind = event.fields["event_type"]
            if kind in ("plug_in", "plug_out", "start", "stop", "auth_ok", "state", "fault"):
                continue
            said = words_of(f"{kind} {event.fields.get('data') or ''}")
            if event.time is not None and re.search(
                r"\b(doors?|cover|tamper\w*|cabinet open\w*|housing open\w*|enclosure open\w*)\b", said
            ):
                found.append((event.time, scene.source("events", event)))
        return found

    found: list[tuple[float, Source]] = scene.once(("door events",), load)
    return found


@measures(
    "days_from_door_to_first_fault",
    "days from the last event that names door, cover or tampering before the first occurrence to it",
    unit="days",
    low=0,
)
def days_from_door_to_first_fault(scene: Scene) -> Reading | None:
    earlier = [item for item in door_events(scene) if item[0] <= scene.first]
    if not earlier:
        return None
    return Reading((scene.first - earlier[-1][0]) / DAY, scene.first, (earlier[-1][1],))


@measures(
    "silence_said_seconds",
    "how long the module was silent, median over the payloads that give it",
    unit="s",
    low=0,
)
def silence_said_seconds(scene: Scene) -> Reading | None:
    wanted = r"\b(duration|outage|silent|silence|offline|lost|gap|recovered after|recovery|down ?time)\b"
    unwanted = r"\b(timeout|limit|threshold|count|frames?|session|since|load|packets?|total|energy)\b"
    found = [
        (value / 1000.0, source)
        for _, value, source in payload_numbers(scene, wanted + r".*\b(ms|millis\w*)\b", unwanted)
    ]
    found += [
        (value, source) for _, value, source in payload_numbers(scene, wanted + r".*\b(s|sec|seconds)\b", unwanted)
    ]
    found = [item for item in found if item[0] >= 0]
    if not found:
        return None
    return Reading(float(np.median([value for value, _ in found])), scene.anchor, few([source for _, source in found]))
