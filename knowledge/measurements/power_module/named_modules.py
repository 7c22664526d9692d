"""What payloads say of the modules: which are silent, how many the charger has, how many of them are silent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...readings import Reading
from ...scene import Scene
from ...texts import words_of
from ..payload import MAX_MESSAGE, PayloadNumber, charger_payloads, payload_numbers, payload_texts

EVERY = "all"
"""Stands for every module of the charger."""

MAX_DEPTH = 12
"""How deep a payload is looked into (our judgement: no vendor nests deeper)."""

MAX_ITEMS = 64
"""Items of one list that are looked at (our judgement: no cabinet holds more modules)."""

_MODULE_KEY = re.compile(r"\b(modules?|pm|pmu|slots?|rectifiers?|power units?)\b")
_NO_INDEX = re.compile(
    r"\b(response|latency|interval|delay|rating|heartbeat|time|count|total|number of|num|online|ok|responding|temp|temperature|temperatures|voltage|current|firmware|fw|version|status|"
    r"states?|capacity|remaining|healthy|installed|active|available|serial|sn|type|model|limit|power kw|ms|s|v|a|c|kw|errors?|"
    r"retries|missed|timeout ms|uptime|resets?|name|ratio|share|pct|load|hours?|age|hot|max|min)\b"
)
_INDEX_KEY = re.compile(
    r"^(index|idx|id|module|module index|module id|power module|slot|number|no|pm|address|node|node id)$"
)
_INDEX_LIST_KEYS = ("index", "idx", "missing nodes", "lost nodes", "silent nodes")
_ONE_MODULE_KEYS = ("module", "power module", "pm", "faulty module", "affected module")
_TEXT_KEY = re.compile(r"\b(message|description|text|reason|detail|details|info|note|log)\b")
_NAMED_MODULE = re.compile(r"^(?:power )?(?:modules?|pm|rectifier) ?(\d{1,2})( status| state)?$")
_BAD = re.compile(
    r"\b(time ?out|timed out|fault|faulted|lost|no response|offline|missing|error|silent|unresponsive|fail\w*)\b"
)
_IN_TEXT = re.compile(
    r"\b(?:modules?|pm|rectifiers?|slots?|power units?)[\s_#:-]*(?:no\.?|nr\.?|index|idx|id|number)?[\s_#:=-]*"
    r"(\d{1,2}\b(?:\s*(?:,|and|&|/|\+)\s*(?:modules?|pm)?[\s_#-]*\d{1,2}\b(?!\s*(?:ms|s|v|°|%|k)))*)"
)
_ARE_WELL = re.compile(
    r"(?:\s*(?:-|to|and|,)\s*\d{1,2})*\s*(?:(?:are|is|all|still|both|others?)\s+)*"
    r"(?:ok|okay|fine|normal|online|alive|healthy|good|running|responding|respond|answering|answer|communicating|unaffected|not affected)\b"
)
"""What stands behind the numbers of modules that are none of the silent ones."""
_ALL_IN_TEXT = re.compile(
    r"\b(all|every|each|both)( of)?( the)?( (power|four|three|two|six|eight|\d))* (modules?|pms?|rectifiers?)\b"
)
_NONE_ANSWERS = re.compile(
    r"\bno (response|answer|reply|communication|contact|data) (from|to|with) (any|all)( of the)?( power)? (modules?|pms?|rectifiers?)\b"
    r"|\b(no|none of the)( (power|two|three|four|six|eight|twelve|\d{1,2}))* (modules?|pms?|rectifiers?)( (is|are|was|were|has|have))?"
    r"( (respond\w*|answer\w*|repl(?:y|ies|ied|ying)|communicat\w*|online|reachable|alive))\b"
)
_ANSWERING = re.compile(
    r"\b(\d{1,2}) ?(?:/|out of|of) ?(\d{1,2}) (?:power )?(?:modules? )?(?:are |is )?(?:still )?(?:responding|online|ok|alive|answering|communicating|reachable|active)"
)
_OF_IN_TEXT = re.compile(r"\b(\d{1,2}) (?:out )?of (\d{1,2}) (?:power )?modules?")


# Which are silent


def modules_in(data: Any) -> set[str]:
    """The modules a fault's payload names as the silent ones; `EVERY` stands for every one of them."""
    return set(_silent_in(data))


def _silent_in(node: Any, depth: int = 0) -> Iterator[str]:
    if depth > MAX_DEPTH:
        return
    if isinstance(node, (list, tuple)):
        statuses = [_status(item) for item in node[:MAX_ITEMS]]
        if len(statuses) >= 2 and all(status is not None and _BAD.search(status) for status in statuses):
            yield EVERY
        for item in node[:MAX_ITEMS]:
            yield from _silent_in(item, depth + 1)
    elif isinstance(node, Mapping):
        status, index = _status(node), _index(node)
        if status is None or index is None:
            for key, value in {words_of(str(key)): value for key, value in node.items()}.items():
                yield from _silent_under(key, value, depth)
        elif _BAD.search(status):
            yield from _indices(index, depth + 1)


def _silent_under(key: str, value: Any, depth: int) -> Iterator[str]:
    """The modules that a value under a key, given in words, names."""
    named = _NAMED_MODULE.match(key)
    if isinstance(value, Mapping):
        index = _index(value)
        if index is not None and key in _ONE_MODULE_KEYS:
            yield from _indices(index, depth + 1)
        elif named is not None and _BAD.search(_status(value) or ""):
            yield str(int(named.group(1)))
        else:
            yield from _silent_in(value, depth + 1)
    elif named is not None:
        if isinstance(value, str) and _BAD.search(words_of(value)):
            yield str(int(named.group(1)))
    elif key in _INDEX_LIST_KEYS or (_MODULE_KEY.search(key) and not _NO_INDEX.search(key)):
        yield from _indices(value, depth + 1)
    elif isinstance(value, str) and _TEXT_KEY.search(key):
        yield from _silent_in_text(value)
    elif isinstance(value, (list, tuple)):
        yield from _silent_in(value, depth + 1)
        for item in value[:MAX_ITEMS]:
            if isinstance(item, str):
                yield from _silent_in_text(item)


def _indices(value: Any, depth: int) -> Iterator[str]:
    """The modules that a value stands for where it is known to name modules."""
    if isinstance(value, bool) or value is None or depth > MAX_DEPTH:
        return
    if isinstance(value, (int, float)):
        # the range first: a whole number may be too large for a float
        if 0 <= value < 100 and float(value).is_integer():
            yield str(int(value))
    elif isinstance(value, str):
        said = words_of(value)
        if said in ("all", "every", "both"):
            yield EVERY
        for number in re.findall(r"(?<![\d.])\d{1,2}(?![\d.])", said[:80]):
            yield str(int(number))
    elif isinstance(value, (list, tuple)):
        # nested lists are gone through here, so that none is gone through twice
        statuses = [_status(item) for item in value[:MAX_ITEMS]]
        if len(statuses) >= 2 and all(status is not None and _BAD.search(status) for status in statuses):
            yield EVERY
        for item in value[:MAX_ITEMS]:
            yield from _silent_in(item, depth + 1) if isinstance(item, Mapping) else _indices(item, depth + 1)


def _silent_in_text(written: str) -> Iterator[str]:
    text = written.lower()[:MAX_MESSAGE]
    answering = _ANSWERING.search(text)
    if answering is not None:
        if int(answering.group(1)) == 0:
            yield EVERY
        return
    counted = _OF_IN_TEXT.search(text)
    if (
        _NONE_ANSWERS.search(text)
        or _ALL_IN_TEXT.search(text)
        or (counted is not None and counted.group(1) == counted.group(2))
    ):
        yield EVERY
        return
    for match in _IN_TEXT.finditer(text):
        if _ARE_WELL.match(text, match.end()):
            continue
        for number in re.findall(r"\d{1,2}", match.group(1)):
            yield str(int(number))


def _index(node: Mapping[Any, Any]) -> Any:
    """The index that a module's part of a payload has for it."""
    keys = {words_of(str(key)): value for key, value in node.items()}
    return next((v for k, v in keys.items() if _INDEX_KEY.match(k) and not isinstance(v, (Mapping, list))), None)


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


# How many


def modules_said(scene: Scene) -> int | None:
    """How many modules the charger has, as a payload counts or lists them."""
    said = payload_numbers(
        scene, r"\b(modules? (count|total|installed|fitted)|(total|number of|installed|num) (power )?modules?)\b"
    )
    if said:
        return int(said[-1].value)
    for _, _, text in payload_texts(scene):
        counted = _ANSWERING.search(text) or _OF_IN_TEXT.search(text)
        if counted is not None:
            return int(counted.group(2))
    listed = max((_listed(payload.data) for payload in charger_payloads(scene)), default=0)
    return listed if listed >= 2 else None


def _listed(data: Any, depth: int = 0) -> int:
    """How many modules a payload lists with their states; 0 where it lists none."""
    if depth > MAX_DEPTH:
        return 0
    if isinstance(data, Mapping):
        return max((_listed(value, depth + 1) for value in data.values()), default=0)
    if isinstance(data, (list, tuple)):
        items = data[:MAX_ITEMS]
        return max(sum(_status(item) is not None for item in items), *(_listed(item, depth + 1) for item in items), 0)
    return 0


def silent_share_said(scene: Scene, fitted: int | None) -> Reading | None:
    """The share of silent modules from a payload that counts them without naming them."""
    for _, source, text in payload_texts(scene):
        answering = _ANSWERING.search(text)
        if answering is not None and int(answering.group(2)) >= 2:
            number, whole = int(answering.group(1)), int(answering.group(2))
            return Reading(100.0 * max(0.0, (whole - number) / whole), scene.anchor, (source,))
        counted = _OF_IN_TEXT.search(text)
        if counted is not None and int(counted.group(2)) >= 2 and not re.search(r"responding|online|ok|alive", text):
            number, whole = int(counted.group(1)), int(counted.group(2))
            return Reading(100.0 * min(1.0, number / whole), scene.anchor, (source,))
    if fitted is None or fitted < 2:
        return None
    lost = _last(
        scene,
        r"\b(modules? (lost|missing|offline|silent|timed out|affected|timeouts?)|(lost|missing|offline|affected|silent) modules?)\b( count)?$",
    )
    if lost is not None:
        return Reading(100.0 * min(1.0, max(0.0, lost.value) / fitted), lost.time, (lost.source,))
    left = _last(
        scene,
        r"\b(modules? (responding|online|ok|alive|remaining)|(responding|online|remaining|active|ok) modules?)\b( count)?$",
    )
    if left is not None and left.value < fitted:
        return Reading(100.0 * (1.0 - max(0.0, left.value) / fitted), left.time, (left.source,))
    return None


def _last(scene: Scene, wanted: str) -> PayloadNumber | None:
    found = payload_numbers(scene, wanted)
    return found[-1] if found else None
