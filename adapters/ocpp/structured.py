"""Logs as data: JSON objects with a frame in them (one a line, or an array of them), arrays of frames, and CSV."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ...knowledge.observations import parse_timestamp
from ...knowledge.texts import words_of
from .connection_lines import fails_of_link
from .fields import (
    LABELS,
    Names,
    addressed,
    first,
    frames_in,
    looks_like_frame,
    names_of,
    object_of,
    objects_in,
    text_of,
    texts_with_frames,
    told_in,
)
from .frames import Connection, Entry, Frame, NoFrame, Remark, frame_of
from .json_values import NoJson, decoded, read_json
from .layouts import Lines, is_told_in
from .problems import Problems
from .times import Clock, logged_time, plausible

OPENS = {"connected", "connect", "connection", "open", "opened", "online", "established"}
CLOSES = {"disconnected", "disconnect", "disconnection", "close", "closed", "offline", "lost", "terminated"}
"""Words by which an object without a frame tells of its connection."""

OF_A_CONNECTION = {
    "ws", "wss", "web", "socket", "websocket", "connection", "session", "ocpp", "on", "client", "charger", "station", "charge",
    "charging", "point", "new", "successfully",
}  # fmt: skip
"""Words that say beside them what was opened or closed: `WS_OPEN`, `websocket.closed`, `ConnectionLost`."""

WRAPPERS = ("_source", "attributes", "jsonPayload")
"""Fields in which log stores give the whole of what was logged: Elasticsearch, Datadog, Google Cloud."""

DEEPEST_WRAPPED = 3
"""How often a line is unwrapped (our judgement: stores wrap it once or twice)."""

SHORT = 40
"""Characters of a text that tells of nothing but a connection (our judgement: `client connected`)."""

LARGEST_ITEM = 2**22
"""Characters of one item of an array (as for a line)."""

DEEPEST = 6
"""How deep messages are looked for within an object that is none (our judgement: a HAR file of a browser has them four deep)."""


class _Beside(NamedTuple):
    """What an object tells of the frames within it: when they were logged (epoch seconds), whose they are, the word of direction."""

    time: float | None = None
    charger: str | None = None
    word: str | None = None


class Objects:
    """Reads objects that hold a frame with its time, charger and direction beside it."""

    def __init__(self, clock: Clock, problems: Problems) -> None:
        self._clock = clock
        self._problems = problems
        self._texts = Lines(clock, problems)

    def lines(self, lines: Iterable[bytes]) -> Iterator[Entry]:
        """The entries of JSON lines; a line that is no object is passed over."""
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                item = read_json(line)[0]
            except NoJson as error:
                self._problems.broken(number, str(error))
                continue
            yield from self.item(number, item)

    def items(self, chunks: Iterable[bytes]) -> Iterator[Entry]:
        """The entries of a JSON array, read item by item; the number of an item stands for its line."""
        for number, item in enumerate(_items(chunks, self._problems), 1):
            yield from self.item(number, item)

    def rows(self, lines: Iterable[bytes]) -> Iterator[Entry]:
        """The entries of CSV with a header."""
        texts = codecs.iterdecode(lines, "utf-8", "replace")
        first = next(texts, "")
        delimiter = max(",;\t|", key=first.count)
        header = next(csv.reader([first], delimiter=delimiter), [])
        names = [name.strip() for name in header]
        csv.field_size_limit(LARGEST_ITEM)
        rows = csv.reader((text.replace("\0", "") for text in texts), delimiter=delimiter)
        number = 1
        while True:
            number += 1
            try:
                row = next(rows, None)
            except csv.Error as error:
                self._problems.broken(rows.line_num + 1, f"no CSV: {error}")
                continue
            if row is None:
                return
            yield from self.item(rows.line_num + 1, dict(zip(names, row, strict=False)))

    def item(self, number: int, item: Any) -> Iterator[Entry]:
        """The entries that one item holds."""
        if isinstance(item, list) and not any(isinstance(inner, (list, dict)) for inner in item[:2]):
            yield from self._listed(number, item, _Beside())
        else:
            yield from self._within(number, item, _Beside(), DEEPEST)

    def tells(self, item: Any) -> bool:
        """Whether an item is a frame, has one in it, or tells of a charger's connection."""
        return any(is_told_in(entry) for entry in self.item(1, item))

    def _within(self, number: int, item: Any, beside: _Beside, deeper: int) -> Iterator[Entry]:
        """The entries of an item, or where it is none itself, of those in it."""
        if deeper < 0:
            return
        if isinstance(item, dict):
            told = False
            item, names = self._unwrapped(item)
            beside = self._beside(item, names, beside)
            for entry in self._object(number, item, names, beside, deeper):
                told = True
                yield entry
            inner: Iterable[Any] = () if told else (item[key] for key in item if key not in LABELS)
            if not told and beside.charger is None:
                beside = beside._replace(charger=addressed(item))
        elif isinstance(item, list):
            if looks_like_frame(item) or _is_line_with_time(item):
                yield from self._listed(number, item, beside)
                return
            inner = item
        else:
            return
        for value in inner if deeper else ():
            if isinstance(value, (list, dict)):
                yield from self._within(number, value, beside, deeper - 1)

    def _listed(self, number: int, item: list[Any], beside: _Beside) -> Iterator[Entry]:
        """The entries of a list that is a frame, or a line of text behind its time, as Loki gives them."""
        if _is_line_with_time(item):
            yield from self._line(number, item[1], beside._replace(time=self._time(item[0])))
        else:
            yield from self._frame(number, item, beside)

    def _object(
        self, number: int, item: Mapping[str, Any], names: Names, beside: _Beside, deeper: int
    ) -> Iterator[Entry]:
        """The entries that an object is by itself."""
        frames = frames_in(item, names)
        if frames:
            for parts in frames:
                yield from self._frame(number, parts, beside)
            return
        connection = _connection(number, beside, item, names)
        if connection is not None:
            yield connection
            return
        told = (text_of(first(item, names[what])) for what in ("event", "reason"))
        said = " ".join(found.replace("_", " ") for found in told if found is not None)
        if beside.charger is not None and fails_of_link(said.encode("utf-8", "replace")):
            yield Remark(number, beside.time, beside.charger, said)
            return
        for text in texts_with_frames(item, names):
            within = object_of(text)
            if within is None:
                yield from self._line(number, text, beside)
            else:
                yield from self._within(number, within, beside, deeper - 1)

    def _beside(self, item: Mapping[str, Any], names: Names, around: _Beside) -> _Beside:
        """What an object tells beside its frame; what it does not tell, the one around it does."""
        word = told_in(item, names, "word")
        return _Beside(
            self._time_in(item, names) or around.time,
            told_in(item, names, "charger") or around.charger,
            around.word if word is None else word.lower(),
        )

    def _unwrapped(self, item: Mapping[str, Any]) -> tuple[Mapping[str, Any], Names]:
        """What a log store gives of a line, and which of its fields hold what."""
        for _ in range(DEEPEST_WRAPPED):
            names = names_of(item)
            within = next(objects_in(item, WRAPPERS), None)
            if within is None or first(item, names["message"]) is not None:
                return item, names
            item = within
        return item, names_of(item)

    def _time_in(self, item: Mapping[str, Any], names: Names) -> float | None:
        """When an object was logged, as the first of its fields that can be a time says, or one of its labels."""
        for name in names["time"]:
            if (moment := self._time(item[name])) is not None:
                return moment
        labels = ((each, names_of(each)["time"]) for each in objects_in(item, LABELS))
        told = (self._time(each[name]) for each, within in labels for name in within)
        return next((moment for moment in told if moment is not None), None)

    def _line(self, number: int, text: str, beside: _Beside) -> Iterator[Entry]:
        """What a line of text tells that some program wrapped into an object: the line's own words count first."""
        for entry in self._texts.entries([text.encode("utf-8", "replace")], number):
            time = beside.time if entry.time is None else entry.time
            told = entry._replace(time=time, charger=entry.charger or beside.charger)
            yield told._replace(word=told.word or beside.word) if isinstance(told, Frame) else told

    def _frame(self, number: int, parts: Any, beside: _Beside) -> Iterator[Entry]:
        try:
            yield frame_of(parts, number, *beside)
        except NoFrame as error:
            self._problems.broken(number, str(error))

    def _time(self, value: Any) -> float | None:
        if isinstance(value, str):
            if (zoned := _zoned(value)) is not None:
                return zoned
            moment, zoneless, _ = logged_time(value.encode("utf-8", "replace"))
            if moment is not None:
                return self._clock.utc(moment, zoneless)
        return plausible(parse_timestamp(value) if value is not None else None)


def _is_line_with_time(item: Sequence[Any]) -> bool:
    return len(item) in (2, 3) and all(isinstance(part, str) for part in item[:2]) and item[0].isdigit()


def _zoned(value: str) -> float | None:
    """The usual form of a time, read fast: ISO 8601 with its zone."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if moment.tzinfo is None else plausible(moment.timestamp())


def _connection(number: int, beside: _Beside, item: Mapping[str, Any], names: Names) -> Connection | None:
    told = first(item, names["event"]) or next(filter(_is_short, (item[name] for name in names["message"])), "")
    words = words_of(str(told)).split()
    word = next((each for each in words if each not in OF_A_CONNECTION), "".join(words[:1]))
    of_it = all(each == word or each in OF_A_CONNECTION for each in words)
    if beside.charger is None or word not in OPENS | CLOSES or not of_it:
        return None
    code = first(item, names["code"])
    code = int(code) if isinstance(code, (int, str)) and re.fullmatch(r"[1-4]\d{3}", str(code)) else None
    reason = first(item, names["reason"])
    reason = reason[:256] if isinstance(reason, str) else None
    return Connection(number, beside.time, beside.charger, word in OPENS, code, reason)


def _is_short(value: Any) -> bool:
    """Whether a field for messages may hold a few words in place of one."""
    return isinstance(value, str) and len(value) <= SHORT


_NEXT_ITEM = re.compile(r"[}\]]\s*,\s*(?=\{\s*\"|\[\s*[2-6]\s*,)")
_BETWEEN = re.compile(r"[\s,]*")


def _items(chunks: Iterable[bytes], problems: Problems) -> Iterator[Any]:
    """The items of a JSON array that comes in pieces, with no more in memory than the largest of them."""
    pieces = codecs.iterdecode(chunks, "utf-8", "replace")
    text, place = next(pieces, "").lstrip().removeprefix("["), 0
    while True:
        place = _after_signs(text, place)
        if text.startswith("]", place):
            return
        try:
            item, place = decoded(text, place)
        except NoJson as error:
            following = None if error.is_cut else _NEXT_ITEM.search(text, error.place)
            if following is not None:
                problems.add(
                    "items", None, f"an item of the array cannot be read ({error}); it is skipped", skipped=True
                )
                place = following.end()
                continue
            # Ask for as much as there is already, so that a long item is not tried again for every piece of it.
            more = _as_much_again(pieces, max(len(text) - place, 2**16)) if len(text) - place <= LARGEST_ITEM else ""
            if not more:
                if text[place:].strip():
                    problems.add("items", None, f"the array cannot be read to its end ({error})", skipped=True)
                return
            text, place = text[place:] + more, 0
            continue
        yield item


def _after_signs(text: str, place: int) -> int:
    found = _BETWEEN.match(text, place)
    return place if found is None else found.end()


def _as_much_again(pieces: Iterator[str], wanted: int) -> str:
    taken: list[str] = []
    while wanted > 0 and (piece := next(pieces, "")):
        taken.append(piece)
        wanted -= len(piece)
    return "".join(taken)
