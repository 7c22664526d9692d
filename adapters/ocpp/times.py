"""Times as logs and payloads write them, in epoch seconds; and how far a log's clock is from UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from ...knowledge.observations import parse_timestamp

QUARTER_HOUR = 900.0

SAME_MOMENT_S = 120.0
"""What is told and what is logged of one moment differ by no more than this.

Our judgement: a charger's clock drifts by seconds between two heartbeats, and a message travels for seconds at most.
"""

SUMMER_TIME_S = 3600.0
"""By how much clocks change for summer time."""

FURTHEST_ZONE_S = 14 * 3600.0
"""The largest offset of a time zone from UTC (Kiribati)."""

EARLIEST = datetime(2012, 1, 1, tzinfo=UTC).timestamp()
"""Times before this come from a clock that was never set (our judgement: OCPP over WebSocket is younger)."""

LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
"""Times after this come from a clock that was set wrongly (our judgement)."""

AHEAD_S = 86_400.0
"""By how much a message may tell of a later time than it was logged at.

Our judgement: none tells of what has not happened; a day covers every time zone that a log does not name.
"""

OLDEST_REPORT_S = 366 * 86_400.0
"""How old what a message tells may be (our judgement: chargers keep for weeks what they cannot send; beyond, their clock was
never set)."""

DAY_S = 86_400.0

_DATED = re.compile(
    rb"(?<!\d)(?:(\d{4})[-/](\d\d)[-/](\d\d)|(\d\d)\.(\d\d)\.(\d{4}))[T\s]+(\d\d):(\d\d):(\d\d)"
    rb"(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d(?!\d))?"
)
_EPOCH = re.compile(rb"^\W{0,3}(1\d{9})(?:(\d{3}|\d{6}|\d{9})(?!\d)|\.(\d{1,9})|(?!\d))")


MONTHS = {
    **{name: place for place, name in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), 1)},
    b"f\xc3\xa9v": 2, b"mrz": 3, b"m\xc3\xa4r": 3, b"avr": 4, b"mai": 5, b"jui": 7, b"ao\xc3\xbb": 8, b"okt": 10, b"dez": 12,
    b"d\xc3\xa9c": 12, b"ene": 1, b"abr": 4, b"ago": 8, b"dic": 12,
}  # fmt: skip
"""Months by the letters that their names begin with, in English, German, French and Spanish; French June is told from July by its
length."""

_HOUR = rb"(?P<hour>\d{1,2}):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?(?:[\s\xa0]?(?P<half>[AaPp])[Mm]\b)?"
_MONTH = rb"(?P<month>[A-Za-z\xc3\xa9\xbb\xa4]{3,10})\.?"
_ZONE = rb"(?:\s?(?P<zone>Z|[+-]\d\d:?\d\d)(?!\d))?"
_WRITTEN = tuple(
    re.compile(pattern)
    for pattern in (
        rb"\b" + _MONTH + rb"\s+(?P<day>\d{1,2})\s+" + _HOUR + rb"(?:\s[A-Z]{3,4})?\s(?P<year>\d{4})\b",
        rb"(?<!\d)(?P<day>\d{1,2})[/ -]" + _MONTH + rb"[/ -](?P<year>\d{4})[:, ]+" + _HOUR + _ZONE,
        _MONTH + rb"\s(?P<day>\d{1,2}),\s(?P<year>\d{4}),?\s" + _HOUR,
        rb"(?<!\d)(?P<first>\d{1,2})/(?P<other>\d{1,2})/(?P<year>\d{4}),?\s" + _HOUR,
    )
)
"""Dates as `asctime`, web servers, Java's logging and Americans write them; of two numbers the month is the first where there is a
half of the day behind them, else the other."""

_CLOCK = re.compile(rb"\d:\d\d:\d\d")
"""What every time of day has in it."""

_PARTIAL = tuple(
    re.compile(pattern)
    for pattern in (
        rb"\b" + _MONTH + rb"(?:\s+|/)(?P<day>\d{1,2})\s" + _HOUR,
        rb"(?<![\d-])(?P<month>\d\d)-(?P<day>\d\d)\s" + _HOUR,
        rb"^\W{0,3}" + _HOUR + rb"(?![:\d])",
    )
)
"""Times without a year, as syslog and Android write them, and without a date, where a line begins with one."""


def logged_time(text: bytes) -> tuple[float | None, bool, bytes]:
    """The first time in a text, whether it names no zone, and the text without it."""
    found = _DATED.search(text)
    if found is None:
        return _epoch(text) or (_written(text) if _CLOCK.search(text) else None) or (None, False, text)
    year, month, day, first, second, third, hour, minute, seconds, fraction, zone = found.groups()
    date = (year, month, day) if year is not None else (third, second, first)
    moment = _seconds(*date, hour, minute, seconds)
    if moment is None:
        return None, False, text
    told = plausible(_exactly(moment, fraction, zone))
    return told, zone is None, text[: found.start()] + text[found.end() :]


def _epoch(text: bytes) -> tuple[float | None, bool, bytes] | None:
    found = _EPOCH.match(text)
    if found is None:
        return None
    seconds, thousandths, fraction = found.groups()
    since = float(seconds) + float(b"0." + (thousandths or fraction or b"0"))
    return plausible(since), False, text[found.end() :]


def _written(text: bytes) -> tuple[float | None, bool, bytes] | None:
    for pattern in _WRITTEN:
        found = pattern.search(text)
        moment = None if found is None else _moment(found, int(found["year"]))
        if found is not None and moment is not None:
            zone = found.groupdict().get("zone")
            told = plausible(_exactly(moment, found["fraction"], zone))
            return told, zone is None, text[: found.start()] + text[found.end() :]
    return None


def _exactly(moment: float, fraction: bytes | None, zone: bytes | None) -> float:
    if fraction:
        moment += float(b"0." + fraction)
    if zone and zone != b"Z":
        offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        moment += offset if zone[:1] == b"-" else -offset
    return moment


def _moment(found: re.Match[bytes], year: int, date: tuple[int, int] | None = None) -> float | None:
    """The moment of a time whose parts were found; `date` is month and day where they are not among them."""
    parts = found.groupdict()
    half = (parts["half"] or b"").lower()
    if parts.get("first") is not None:
        numbers = int(parts["first"]), int(parts["other"])
        date = numbers if half or numbers[1] > 12 else numbers[::-1]
    elif date is None:
        month = _month(parts["month"])
        if month is None:
            return None
        date = month, int(parts["day"])
    hour = int(parts["hour"]) % 12 + 12 * (half == b"p") if half else int(parts["hour"])
    whole = (b"%d" % each for each in (year, *date, hour))
    return _seconds(*whole, parts["minute"], parts["second"])


def _month(text: bytes) -> int | None:
    if text.isdigit():
        return int(text)
    lower = text.lower()
    letters = lower[: 4 if b"\xc3" in lower[:4] else 3]
    return 6 if lower == b"juin" else MONTHS.get(letters)


def plausible(moment: float | None) -> float | None:
    """A moment, or None where only a clock that was never set, or was set wrongly, tells it."""
    return moment if moment is not None and EARLIEST <= moment <= LATEST else None


def without_times(text: bytes) -> bytes:
    """A text without any time in it."""
    return _DATED.sub(b"", text)


@lru_cache(maxsize=4096)
def _seconds(year: bytes, month: bytes, day: bytes, hour: bytes, minute: bytes, second: bytes) -> float | None:
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()


def told_time(value: Any) -> float | None:
    """A time in a payload, epoch seconds; one without an offset is UTC by the standard.

    None where it is no time, or one that only a clock which was never set tells.
    """
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        told: float | None = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        told = parse_timestamp(value)
    return plausible(told)


def moment_told(parts: Any) -> float | None:
    """The moment that the payload of a frame tells by itself; None where it tells none."""
    payload = next((part for part in parts if isinstance(part, dict)), {}) if isinstance(parts, list) else {}
    return told_time(payload.get("currentTime")) or told_time(payload.get("timestamp"))


def believed(told: float | None, arrived: float | None) -> float | None:
    """When something happened: as its message tells, unless that cannot be so by the time at which it arrived."""
    if told is None or arrived is None:
        return arrived if told is None else told
    return told if arrived - OLDEST_REPORT_S <= told <= arrived + AHEAD_S else arrived


def iso(moment: float) -> str:
    """A moment as records hold it: ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class Clock:
    """How far the times without a zone in a log are ahead of UTC: whole quarters of an hour, from what frames tell."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s
        self.latest: float | None = None
        """The moment that the log has come to (epoch seconds), by which times without a date are told."""
        self.lacks_dates = False
        """Whether the log's times lack a date or a year."""
        self._votes: dict[float, int] = {}

    def read(self, text: bytes) -> tuple[float | None, bytes]:
        """The time in a text in UTC, and the text without it; one without a year or a date is the nearest to where the log is."""
        moment, zoneless, rest = logged_time(text)
        if moment is None and self.latest is not None and _CLOCK.search(text):
            moment, rest = self._nearest(text, self.latest + self.ahead_s)
            zoneless = True
        time = self.utc(moment, zoneless)
        self.latest = self.latest if time is None else time
        return time, rest

    def told(self, parts: Any) -> None:
        """Learn from a frame's payload where the log is, if its own times do not tell."""
        if self.latest is None or self.lacks_dates:
            self.latest = moment_told(parts) or self.latest

    def _nearest(self, text: bytes, about: float) -> tuple[float | None, bytes]:
        near = [datetime.fromtimestamp(about + days * DAY_S, UTC) for days in (-1, 0, 1)]
        for pattern in _PARTIAL:
            found = pattern.search(text)
            if found is None:
                continue
            if "day" in found.groupdict():
                moments = [_moment(found, near[1].year + years) for years in (-1, 0, 1)]
            else:
                moments = [_moment(found, day.year, (day.month, day.day)) for day in near]
            known = [_exactly(moment, found["fraction"], None) for moment in moments if moment is not None]
            if known:
                self.lacks_dates = True
                return min(known, key=lambda each: abs(each - about)), text[: found.start()] + text[found.end() :]
        return None, text

    def utc(self, moment: float | None, zoneless: bool) -> float | None:
        """A logged time in UTC."""
        return moment - self.ahead_s if zoneless and moment is not None else moment

    def vote(self, logged: float, told: float) -> None:
        """Take into account that a moment logged at one time (as corrected so far) was told as another."""
        ahead = _whole_quarters(logged - told)
        if ahead is not None:
            self._votes[self.ahead_s + ahead] = self._votes.get(self.ahead_s + ahead, 0) + 1

    @property
    def elected(self) -> float:
        """The offset that most of what was told agrees with (of several the smallest)."""
        return max(self._votes, key=lambda ahead: (self._votes[ahead], -abs(ahead)), default=self.ahead_s)

    def check(self, logged: float, told: float) -> None:
        """Follow a change to or from summer time: what was logged of a moment is an hour off what was told of it."""
        ahead = _whole_quarters(logged - told)
        if ahead is not None and abs(ahead) == SUMMER_TIME_S:
            self.ahead_s += ahead


def _whole_quarters(difference: float) -> float | None:
    quarters = round(difference / QUARTER_HOUR) * QUARTER_HOUR
    return quarters if abs(difference - quarters) <= SAME_MOMENT_S and abs(quarters) <= FURTHEST_ZONE_S else None
