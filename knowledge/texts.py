"""Texts of people and firmware: their words, the numbers they begin with, and which topics they mention and do not deny."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z]{2})(?=[A-Z][a-z]{2})")
_SEPARATORS = re.compile(r"[\s_\-/.:,;(){}\[\]\"'=|]+")
DENIED = re.compile(
    r"\b(no|not|nothing|without|never|isn t|wasn t|none|nor|neither|nobody|no one|ruled out|excluded?|denied|(?<!\d )0|zero|false|free of|free from)\s+"
    r"(\w+\s+){0,2}$"
)
_DENIED_AFTER = re.compile(
    r" (is |was |are |were )?(none|nil|absent|excluded|ruled out|negative|not (found|seen|present|visible|observed|the))\b"
    r"| (captures?|counts?|counter|events?|hits?|alarms?) (0|zero|none)\b(?! \d)"
    r"| (plausibility|check|test|status|state) (ok|okay|passed|pass|good|normal|fine)\b"
    r"| (and \w+ )?(is|was|are|were) (still |all |both )?(as (they|it) should|in order|sound|fine|ok|okay)\b"
)
_SLIGHT = re.compile(
    r"\b(slight|slightly|a little|light|minor|a touch|a touch of|a bit of|traces of|usual|normal)\s+(\w+\s+){0,1}$"
)
"""Words that make of what is said a trifle."""

_IN_VAIN = re.compile(
    r"\b(no effect|without effect|no change|no difference|no improvement|same (result|again|as before)|did not help|in vain|to no avail|to be safe|"
    r"on suspicion|as a precaution)\b"
)
"""Words that say of what was done in a sentence that it was not what was needed."""

_SIGNS = str.maketrans({"%": " percent ", "°": " degrees ", "\u03a9": " ohm ", "\u2126": " ohm "})
"""Signs that people write for words; for the ohm the Greek letter and the unit's own sign."""

NEW = r"(?<!as )(?<!like )new"
"""A pattern of the word that says a part was renewed, not that it looks as if it were."""

_SENTENCE_END = re.compile(r"(?<=[.;!?])\s+|\n+")
_NEGATIVE = {"ok", "normal", "none", "no", "pass", "passed", "false", "clean", "stable", "good", "healthy", "nominal", "0",
             "off", "inactive", "fine", "valid", "not detected", "not present", "n a", "", "okay", "any", "always", "unlimited",
             "unrestricted", "ready", "synced", "up", "0x0", "0x00", "0x0000"}  # fmt: skip
_POSITIVE = {"ok", "okay", "normal", "pass", "passed", "healthy", "good", "clean", "valid", "nominal", "fine"}
_COUNTING = re.compile(r"\b(count|counter|errors?|events?|retries|timeouts?|failures?|drops|resets?|total)\b")

MAX_TEXT = 20_000
"""Characters of one text that are searched for vocabulary (our judgement: no vendor message is longer)."""


MAX_KEY, MAX_KEYS = 64, 4096
"""Texts up to so many characters are taken for keys and words of a vendor's own, of which so many are remembered (our
judgement: records repeat some hundred)."""


def words_of(text: str) -> str:
    """A text in lower-case words: `BusOff_detected` as "bus off detected"."""
    return _words_of_key(text) if len(text) <= MAX_KEY else _words_of(text)


def _words_of(text: str) -> str:
    return _SEPARATORS.sub(" ", _CAMEL.sub(" ", text[:MAX_TEXT])).lower().strip()


_words_of_key = lru_cache(MAX_KEYS)(_words_of)


def flat(data: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every leaf of nested data with its key path in words."""
    if depth > 20:
        return
    if data is None or isinstance(data, (str, int, float)):
        yield path, data
    elif isinstance(data, (dict, Mapping)):
        for key in sorted(data, key=str):
            yield from flat(data[key], f"{path} {words_of(str(key))}".strip(), depth + 1)
    elif isinstance(data, (list, tuple)):
        for item in data[:200]:
            yield from flat(item, path, depth + 1)
    else:
        yield path, data


def affirmed(data: Any) -> Iterator[str]:
    """What data says is so, sentence by sentence; values that deny their key are left out.

    `lock_ok: false` says that the lock failed, and `lock_ok: true` says nothing is wrong with it.
    """
    for path, value in flat(data):
        if value is None:
            continue
        if isinstance(value, bool):
            subject, _, last = path.rpartition(" ")
            if last not in _POSITIVE:
                if value:
                    yield path
            elif not value and subject:
                yield f"{subject} failed"
        elif isinstance(value, (int, float)):
            # what was counted is whole: an error of 0.25 is a deviation
            if value > 0 and value % 1 == 0 and _COUNTING.search(path):
                yield path
        elif isinstance(value, str):
            for sentence in _SENTENCE_END.split(value[:MAX_TEXT]):
                said = words_of(sentence.translate(_SIGNS))
                if said not in _NEGATIVE:
                    yield f"{path} {said}"


_NUMBER = re.compile(
    r"^\s*[<>=~≈]?\s*(?:([+−-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d{1,12})?)(?![\d,])|([+−-]?\d{1,15}(?:[.,]\d{1,12})?))"
)
_NO_NUMBER = re.compile(r"\s*(?:\d{4}-\d\d|\d{1,2}:\d\d|\d+\.\d+\.\d|\d{1,4}/\d{1,2}/\d)")
"""How dates, times of day, versions and addresses begin."""


def as_number(value: Any) -> float | None:
    """A number, or the number that a text begins with; None for anything else, for what is not finite, and for dates, times of day,
    versions and addresses.

    Three digits behind a comma are thousands (`1,620 rpm`) unless a zero stands before it (`0,620`), other commas decimal.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        number = float(value) if abs(value) < 1e300 else float("inf")
        return number if abs(number) < float("inf") else None
    if isinstance(value, str):
        match = _NUMBER.match(value)
        if match is None or _NO_NUMBER.match(value):
            return None
        thousands, plain = match.groups()
        return float((plain.replace(",", ".") if thousands is None else thousands.replace(",", "")).replace("−", "-"))
    return None


def is_mentioned(phrase: re.Pattern[str], sentence: str) -> bool:
    """Whether a sentence has a phrase somewhere and does not deny it there, nor a part of it."""
    match = phrase.search(sentence)
    while match is not None and _is_denied(match, sentence):
        match = phrase.search(sentence, match.start() + 1)
    return match is not None


def _is_denied(match: re.Match[str], sentence: str) -> bool:
    before = [sentence[max(0, start - 40) : start] for start in {start for start, _ in match.regs if start >= 0}]
    if any(map(DENIED.search, before)):
        return True
    if _DENIED_AFTER.match(sentence, match.end()) is not None:
        return True
    # of a part and what is said of it, not of a mere word, and not where these words are what the phrase asks for
    if not match.lastindex:
        return False
    if any(map(_SLIGHT.search, before)):
        return True
    vain = _IN_VAIN.search(sentence)
    return vain is not None and not match.start() <= vain.start() < match.end()
