"""What the fault's own message and details tell: durations and close codes, and what they state to fail or be well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ....engine.facts import Source
from ...readings import DAY, HOUR, MINUTE, Reading, few
from ...scene import Scene
from ...texts import as_number, words_of
from ..registry import measures

UNITS: Mapping[str, float] = {
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), HOUR),
    **dict.fromkeys(("d", "day", "days"), DAY),
}
"""Words of a key that name the unit of a duration, and the seconds of one."""

UNIT = rf"({'|'.join(UNITS)})"
"""A pattern for any of them."""

_LONGEST_TOLD = 7 * DAY
"""No interval or timeout of a connection is longer (our judgement); such a number means something else."""


def seconds_per_unit(path: str, bare: float = 1.0) -> float:
    """The seconds of one unit that a key's words name (the last that do, `uptime h` 3600); `bare` where none does.

    `min` is the unit as the last word and where no other is named; elsewhere it is the minimum.
    """
    words = path.split()
    named = [word for word in words if word in UNITS and word != "min"] or [
        word for word in words[-1:] if word == "min"
    ]
    return UNITS[named[-1]] if named else bare


def told_seconds(scene: Scene, *patterns: str, bare: float = 1.0) -> Reading | None:
    """The latest positive duration in the payload whose key's words match a pattern, in seconds; the key names its unit.

    A number whose key names none counts in `bare` seconds.
    """

    def seconds(path: str, value: Any) -> float | None:
        number = as_number(value)
        if number is None or not any(re.search(pattern, path) for pattern in patterns):
            return None
        told = number * seconds_per_unit(path, bare)
        return told if 0 < told <= _LONGEST_TOLD else None

    return scene.latest_detail(seconds)


def told_close_code(scene: Scene) -> Reading | None:
    """The close code in the payload, where it is one."""
    told = scene.detail_number(r"\bclose code\b", r"\b(ws|websocket|closing) code\b")
    return told if told is not None and 1000 <= float(told.value) < 5000 else None


SUBJECTS: Mapping[str, re.Pattern[str]] = {
    "dns": re.compile(r"\b(dns|resolv\w*|nameserver|name resolution|host ?name lookup)\b"),
    "tls": re.compile(r"\b(tls|ssl|certs?|certificates?|x ?509)\b"),
    "power": re.compile(r"\b(mains|power (supply|present|ok|good|fail\w*|loss|lost|state|status)|supply|ac input|psu|brown ?out|grid)\b"),
    "network": re.compile(r"\b(gateway|router|uplink|upstream|wan|internet|site network|lan|network switch|isp|backhaul)\b"),
}  # fmt: skip
_BAD_KEY = re.compile(
    r"\b(loss|lost|fail\w*|errors?|expired|outage|down|unreachable|timeouts?|missing|invalid|brown ?out|interrupt\w*|dips?)\b"
)
_SETTING_KEY = re.compile(
    r"\b(interval|ms|s|seconds|voltage|v|version|id|url|host|ip|address|at|since|after|type|name|timeout s|dbm|ttl|days)\b"
)
_GOOD_SAID = re.compile(
    r"^(ok|okay|up|present|valid|reachable|resolve[sd]?|pass(ed)?|healthy|normal|good|success\w*|yes|online|stable|on|available|alive|true|responds|responding)$"
)
_BAD_SAID = re.compile(
    r"^(down|absent|fail\w*|lost|expired|unreachable|timeout|timed out|error|no|missing|offline|nxdomain|servfail|invalid|unresolved|off|dead|false|none|no response|not reachable|not resolved|not present|unavailable)$"
)


_FORMER = re.compile(r"\b(old|former|previous)\b")
"""What is said of a former address or host: that it is well says nothing of the one that is used now."""


def _states_well(path: str, value: Any) -> bool | None:
    """Whether a field says that its subject is well; None where it says neither."""
    bad_key = _BAD_KEY.search(path) is not None
    if isinstance(value, bool):
        return value != bad_key
    if isinstance(value, (int, float)):
        # zero failures are well; but a setting (`timeout_s: 0`) says nothing
        return (value == 0) if bad_key and not _SETTING_KEY.search(path) else None
    if not isinstance(value, str):
        return None
    said = words_of(value)
    if bad_key:
        if said in ("no", "none", "false", "0"):
            return True
        return False if said in ("yes", "true") or _BAD_SAID.match(said) else None
    if _GOOD_SAID.match(said):
        return True
    return False if _BAD_SAID.match(said) else None


def _stated(scene: Scene) -> dict[tuple[str, bool], list[Source]]:
    """What the payload's fields state of name service, certificates, power and network: (subject, whether it is well)."""

    def load() -> dict[tuple[str, bool], list[Source]]:
        found: dict[tuple[str, bool], list[Source]] = {}
        for path, value, source in scene.details():
            well = _states_well(path, value)
            if well is None or (well and _FORMER.search(path)):
                continue
            for subject, pattern in SUBJECTS.items():
                if pattern.search(path):
                    found.setdefault((subject, well), []).append(source)
        return found

    stated: dict[tuple[str, bool], list[Source]] = scene.once("stated", load)
    return stated


def _subjects_stated(scene: Scene, well: bool) -> list[Reading]:
    return [
        Reading(subject, scene.anchor, few(sources), key=subject)
        for (subject, is_well), sources in sorted(_stated(scene).items())
        if is_well == well
    ]


@measures(
    "stated_failing",
    "subjects that fields of the payload state to fail",
    kind="text",
    choices=tuple(SUBJECTS),
    many=True,
)
def stated_failing(scene: Scene) -> Iterable[Reading]:
    return _subjects_stated(scene, well=False)


@measures(
    "stated_well",
    "subjects that fields of the payload state to be well",
    kind="text",
    choices=tuple(SUBJECTS),
    many=True,
)
def stated_well(scene: Scene) -> Iterable[Reading]:
    return _subjects_stated(scene, well=True)


@measures("backoff_stated_off", "whether a field of the payload states that the reconnect back-off is off", kind="flag")
def backoff_stated_off(scene: Scene) -> Reading | None:
    def is_off(path: str, value: Any) -> bool | None:
        if not re.search(r"\bback ?off( enabled| active| state| mode| applied| working)?$", path):
            return None
        said = words_of(value) if isinstance(value, str) else value
        if said is False or said in ("off", "none", "no", "disabled", "false", "inactive", "0"):
            return True
        is_on = said is True or said in ("on", "yes", "enabled", "exponential", "true", "active", "ok")
        return False if is_on else None

    return scene.latest_detail(is_off)
