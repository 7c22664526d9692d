"""Logs as data: JSON objects with a frame in them (one a line, or an array of them), arrays of frames, and CSV."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from ...knowledge.observations import parse_timestamp
from ...knowledge.texts import words_of
from .frames import CALL, CALL_ERROR, CALL_RESULT, Connection, Entry, Frame, NoFrame, Remark, frame_of, read_frame
from .json_values import NoJson, decoded, read_json
from .layouts import Lines, fails_of_link, is_told_in
from .problems import Problems
from .times import Clock, logged_time, plausible

Names = Mapping[str, Sequence[str]]
"""Which fields of an object hold what."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "time": (
        "timestamp", "time", "ts", "datetime", "date", "createdat", "receivedat", "loggedat", "logtime", "zeitstempel", "zeit",
        "zeitpunkt", "horodatage",
    ),
    "charger": (
        "chargepoint", "chargepointid", "chargeboxid", "chargebox", "chargingstation", "chargingstationid", "stationid",
        "station", "cpid", "cp", "charger", "chargerid", "deviceid", "identity", "clientid", "source",
        "ladepunkt", "ladestation", "ladesaeule", "borne", "cs",
    ),
    "word": ("direction", "dir", "origin", "way", "flow", "sender", "richtung", "sens"),
    "message": (
        "message", "msg", "frame", "ocppmessage", "rawmessage", "raw", "ocpp", "data", "body", "content", "payload", "log",
        "line", "text", "textpayload", "entry", "nachricht", "telegramm", "meldung", "inhalt", "trame",
    ),
    "action": ("action", "ocppaction", "messageaction"),
    "id": ("messageid", "uniqueid", "ocppmessageid", "correlationid", "msgid"),
    "kind": ("messagetypeid", "messagetype", "ocppmessagetype", "type"),
    "payload": ("payload", "payloadjson", "data", "body", "content"),
    "event": ("event", "transition", "eventtype", "status", "conn", "connection", "connectionstate", "connectionevent", "websocket"),
    "code": ("code", "closecode"),
    "reason": ("reason", "closereason"),
}  # fmt: skip
"""What fields are called, in lower case without signs; of several the first is read."""

KINDS = {"2": CALL, "call": CALL, "request": CALL, "req": CALL, "3": CALL_RESULT, "callresult": CALL_RESULT,
         "result": CALL_RESULT, "response": CALL_RESULT, "conf": CALL_RESULT, "4": CALL_ERROR, "callerror": CALL_ERROR,
         "error": CALL_ERROR}  # fmt: skip

OPENS = {"connected", "connect", "connection", "open", "opened", "online", "established"}
CLOSES = {"disconnected", "disconnect", "disconnection", "close", "closed", "offline", "lost", "terminated"}
"""Words by which an object without a frame tells of its connection."""

OF_A_CONNECTION = {
    "ws", "wss", "web", "socket", "websocket", "connection", "session", "ocpp", "on", "client", "charger", "station", "charge",
    "charging", "point", "new", "successfully",
}  # fmt: skip
"""Words that say beside them what was opened or closed: `WS_OPEN`, `websocket.closed`, `ConnectionLost`."""

LABELS = ("labels", "fields", "context", "metadata", "attributes")
"""Fields in which log shippers keep what a line is about."""

WRAPPERS = ("_source", "attributes", "jsonPayload")
"""Fields in which log stores give the whole of what was logged: Elasticsearch, Datadog, Google Cloud."""

DEEPEST_WRAPPED = 3
"""How often a line is unwrapped (our judgement: stores wrap it once or twice)."""

SHORT = 40
"""Characters of a text that tells of nothing but a connection (our judgement: `client connected`)."""

MOST_FIELDS = 64
"""Fields of an object that are looked at, the first ones (our judgement: logs have about ten)."""

LARGEST_ITEM = 2**22
"""Characters of one item of an array (as for a line)."""


class Objects:
    """Reads objects that hold a frame with its time, charger and direction beside it."""

    def __init__(self, clock: Clock, problems: Problems) -> None:
        self._clock = clock
        self._problems = problems
        self._fields: dict[tuple[str, ...], Names] = {}
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
        """The entry that one item holds."""
        if isinstance(item, list):
            yield from self._frame(number, item, None, None, None)
            return
        if not isinstance(item, dict):
            return
        item, names = self._unwrapped(item)
        time = self._time(_first(item, names["time"]))
        charger, word = self._told_in(item, names, "charger"), self._told_in(item, names, "word")
        word = word.lower() if word is not None else None
        parts = _parts_in(item, names)
        if parts is not None:
            yield from self._frame(number, parts, time, charger, word)
            return
        connection = _connection(number, time, charger, item, names)
        if connection is not None:
            yield connection
            return
        told = (_text(_first(item, names[what])) for what in ("event", "reason"))
        said = " ".join(found.replace("_", " ") for found in told if found is not None)
        if charger is not None and fails_of_link(said):
            yield Remark(number, time, charger, said)
            return
        for name in names["message"]:
            if isinstance(item[name], str):
                yield from self._within(number, item[name], time, charger, word)

    def _unwrapped(self, item: Mapping[str, Any]) -> tuple[Mapping[str, Any], Names]:
        """What a log store gives of a line, and which of its fields hold what."""
        for _ in range(DEEPEST_WRAPPED):
            names = self._names_of(item)
            within = next(_objects_in(item, WRAPPERS), None)
            if within is None or _first(item, names["message"]) is not None:
                return item, names
            item = within
        return item, self._names_of(item)

    def _told_in(self, item: Mapping[str, Any], names: Names, what: str) -> str | None:
        """The charger or the direction that an object names, by itself or in its labels."""
        told = _text(_first(item, names[what]))
        if told is not None:
            return told
        named = (_text(_first(each, self._names_of(each)[what])) for each in _objects_in(item, LABELS))
        return next((found for found in named if found is not None), None)

    def _within(
        self, number: int, text: str, time: float | None, charger: str | None, word: str | None
    ) -> Iterator[Entry]:
        """What a line of text tells that some program wrapped into an object: the line's own words count first."""
        for entry in self._texts.entries([text.encode("utf-8", "replace")], number):
            told = entry._replace(time=time if entry.time is None else entry.time, charger=entry.charger or charger)
            yield told._replace(word=told.word or word) if isinstance(told, Frame) else told

    def tells(self, item: Any) -> bool:
        """Whether an item is a frame, has one in it, or tells of a charger's connection."""
        return any(is_told_in(entry) for entry in self.item(1, item))

    def _frame(
        self, number: int, parts: Any, time: float | None, charger: str | None, word: str | None
    ) -> Iterator[Entry]:
        try:
            yield frame_of(parts, number, time, charger, word)
        except NoFrame as error:
            self._problems.broken(number, str(error))

    def _names_of(self, item: Mapping[str, Any]) -> Names:
        """Which fields of an object hold what; objects of a log have the same fields again and again."""
        keys = tuple(item) if len(item) <= MOST_FIELDS else tuple(islice(item, MOST_FIELDS))
        known = self._fields.get(keys)
        if known is None:
            if len(self._fields) >= 256:
                self._fields.clear()
            bare = {key: re.sub(r"[^a-z]", "", key.lower()) for key in keys}
            known = self._fields[keys] = {
                what: [key for name in names for key in keys if bare[key] == name] for what, names in NAMES.items()
            }
        return known

    def _time(self, value: Any) -> float | None:
        if isinstance(value, str):
            if (zoned := _zoned(value)) is not None:
                return zoned
            moment, zoneless, _ = logged_time(value.encode("utf-8", "replace"))
            if moment is not None:
                return self._clock.utc(moment, zoneless)
        return plausible(parse_timestamp(value) if value is not None else None)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value[:256] or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18 else None


def _objects_in(item: Mapping[str, Any], keys: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """The objects that stand in some fields."""
    return (item[key] for key in keys if item.get(key).__class__ is dict)


def _looks_like_frame(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 3 and value[0].__class__ is int and 2 <= value[0] <= 6


def _zoned(value: str) -> float | None:
    """The usual form of a time, read fast: ISO 8601 with its zone."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if moment.tzinfo is None else plausible(moment.timestamp())


def _first(item: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The value of the first of some fields that says something."""
    for name in names:
        value = item[name]
        if value is not None and value != "":
            return value
    return None


def _parts_in(item: Mapping[str, Any], names: Names) -> Any:
    """The frame in an object: whole in a field, or put together from several; None where there is none."""
    for name in names["message"]:
        parts = item[name]
        if isinstance(parts, str) and parts.lstrip()[:1] == "[":
            try:
                parts = read_frame(parts.encode("utf-8", "replace"))[0]
            except NoFrame:
                continue
        if _looks_like_frame(parts):
            return parts
    message_id = _text(_first(item, names["id"]))
    payload = _first(item, names["payload"])
    if isinstance(payload, str) and payload.lstrip()[:1] == "{":
        try:
            payload = read_json(payload.encode("utf-8", "replace"))[0]
        except NoJson:
            return None
    if message_id is None or not isinstance(payload, dict):
        return None
    kind = KINDS.get(re.sub(r"[^a-z0-9]", "", str(_first(item, names["kind"])).lower()))
    action = _text(_first(item, names["action"]))
    if action is not None and kind in (None, CALL):
        return [CALL, message_id, action, payload]
    return [CALL_RESULT, message_id, payload] if kind == CALL_RESULT else None


def _connection(
    number: int, time: float | None, charger: str | None, item: Mapping[str, Any], names: Names
) -> Connection | None:
    told = _first(item, names["event"]) or next(filter(_is_short, (item[name] for name in names["message"])), "")
    words = words_of(str(told)).split()
    word = next((each for each in words if each not in OF_A_CONNECTION), "".join(words[:1]))
    of_it = all(each == word or each in OF_A_CONNECTION for each in words)
    if charger is None or word not in OPENS | CLOSES or not of_it:
        return None
    code = _first(item, names["code"])
    code = int(code) if isinstance(code, (int, str)) and re.fullmatch(r"[1-4]\d{3}", str(code)) else None
    reason = _first(item, names["reason"])
    return Connection(number, time, charger, word in OPENS, code, reason[:256] if isinstance(reason, str) else None)


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
