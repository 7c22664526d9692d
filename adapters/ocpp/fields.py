"""Which fields of an object hold what: by what they are called, in several languages, and by what stands in them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from .frames import ACTIONS, BEGIN, CALL, CALL_ERROR, CALL_RESULT, NoFrame, read_frame
from .json_values import NoJson, read_json

Names = Mapping[str, Sequence[str]]
"""Which fields of an object hold what."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "time": (
        "timestamp", "time", "ts", "t", "datetime", "date", "createdat", "receivedat", "loggedat", "logtime", "zeitstempel", "zeit",
        "zeitpunkt", "horodatage",
    ),
    "charger": (
        "chargepoint", "chargepointid", "chargeboxid", "chargebox", "chargingstation", "chargingstationid", "chargestation",
        "chargestationid", "stationid", "station", "cpid", "cp", "charger", "chargerid", "deviceid", "identity", "clientid", "source",
        "ladepunkt", "ladestation", "ladesaeule", "borne", "cs",
    ),
    "word": ("direction", "dir", "origin", "way", "flow", "sender", "richtung", "sens"),
    "message": (
        "message", "msg", "frame", "ocppmessage", "rawmessage", "raw", "ocpp", "data", "body", "content", "payload", "log",
        "line", "text", "textpayload", "entry", "nachricht", "telegramm", "meldung", "inhalt", "trame",
    ),
    "action": ("action", "ocppaction", "messageaction", "vorgang"),
    "id": (
        "messageid", "uniqueid", "ocppmessageid", "correlationid", "msgid", "correlation", "requestid", "callid", "nachrichtenid",
    ),
    "kind": ("messagetypeid", "messagetype", "ocppmessagetype", "type", "nachrichtentyp", "kind"),
    "payload": ("payload", "payloadjson", "data", "body", "content", "nutzdaten"),
    "asked": ("request", "requestpayload", "req"),
    "answered": ("response", "responsepayload", "resp", "conf", "result"),
    "event": (
        "event", "transition", "eventtype", "status", "conn", "connection", "connectionstate", "connectionevent", "websocket", "ev",
    ),
    "code": ("code", "closecode"),
    "reason": ("reason", "closereason", "why"),
}  # fmt: skip
"""What fields are called, in lower case without signs; of several the first is read."""

CALLED_LIKE: Mapping[str, re.Pattern[str]] = {
    "time": re.compile(r"time|date|stamp|epoch|zeit|fecha|datum"),
    "charger": re.compile(r"charge(?:r|point|box|station)|chargingstation|stationid|cpid|ladepunkt|ladestation|ladesaeule|wallbox"),
}  # fmt: skip
"""What the names of fields have in them that hold a time or a charger, where none is called exactly so."""

KINDS = {
    **dict.fromkeys(("2", "call", "request", "req", "anfrage", "peticion", "requete", "richiesta", "verzoek"), CALL),
    **dict.fromkeys(
        ("3", "callresult", "result", "response", "conf", "antwort", "respuesta", "reponse", "risposta", "antwoord"), CALL_RESULT
    ),
    **dict.fromkeys(("4", "callerror", "error", "fehler", "erreur"), CALL_ERROR),
}  # fmt: skip

STATES = {1: CALL, 2: CALL_RESULT}
"""What the `state` of an envelope of CitrineOS's message broker says (its MessageState)."""

LABELS = ("labels", "fields", "context", "metadata", "attributes", "stream")
"""Fields in which log shippers keep what a line is about."""

MOST_FIELDS = 64
"""Fields of an object that are looked at, the first ones (our judgement: logs have about ten)."""

_ADDRESS = re.compile(r"\bwss?://[^\s\"'?#]+/([^/\s\"'?#]+)")


def names_of(item: Mapping[str, Any]) -> Names:
    """Which fields of an object hold what."""
    return _named(tuple(item) if len(item) <= MOST_FIELDS else tuple(islice(item, MOST_FIELDS)))


# objects of a log have the same fields again and again
@lru_cache(maxsize=256)
def _named(keys: Sequence[str]) -> Names:
    bare = {key: re.sub(r"\d", "", _plain(key)) for key in keys}
    found = {what: [key for name in names for key in keys if bare[key] == name] for what, names in NAMES.items()}
    for what, pattern in CALLED_LIKE.items():
        found[what] += [key for key in keys if pattern.search(bare[key]) and key not in found[what]]
    return found


def _plain(value: Any) -> str:
    """What a value is written as, in small letters and digits without accents and signs."""
    plain = unicodedata.normalize("NFKD", str(value)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", plain.lower())


def first(item: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The value of the first of some fields that says something."""
    for name in names:
        value = item[name]
        if value is not None and value != "":
            return value
    return None


def text_of(value: Any) -> str | None:
    """A value as a short text; None where it is none."""
    if isinstance(value, str):
        return value[:256] or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18 else None


def objects_in(item: Mapping[str, Any], keys: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The objects that stand in some fields."""
    return (item[key] for key in keys if item.get(key).__class__ is dict)


def told_in(item: Mapping[str, Any], names: Names, what: str) -> str | None:
    """A short text that an object tells by itself or in its labels: its charger, the direction, an id."""
    told = text_of(first(item, names[what]))
    if told is not None:
        return told
    named = (text_of(first(each, names_of(each)[what])) for each in objects_in(item, LABELS))
    return next((found for found in named if found is not None), None)


def addressed(item: Mapping[str, Any]) -> str | None:
    """The charger that the address of a connection ends with, in an object or one within it."""
    for value in item.values():
        for text in value.values() if isinstance(value, dict) else (value,):
            found = _ADDRESS.search(text) if isinstance(text, str) else None
            if found is not None:
                return found[1]
    return None


def looks_like_frame(value: Any) -> bool:
    """Whether a value is a list as frames are."""
    return isinstance(value, list) and len(value) >= 3 and value[0].__class__ is int and 2 <= value[0] <= 6


def frames_in(item: Mapping[str, Any], names: Names) -> list[Any]:
    """The frames in an object: one whole in a field, or those put together from several; none where there is none."""
    for name in names["message"]:
        parts = _read(item[name])
        if looks_like_frame(parts):
            return [parts]
    for value in item.values():
        if looks_like_frame(value) and (value[0] == CALL_RESULT or text_of(value[2]) in ACTIONS):
            return [value]
    return _put_together(item, names)


def _read(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        try:
            return read_frame(value.encode("utf-8", "replace"))[0]
        except NoFrame:
            return None
    return value


def _put_together(item: Mapping[str, Any], names: Names) -> list[Any]:
    """A call or its answer, or both, of which each part has a field of its own."""
    message_id = told_in(item, names, "id")
    action, kind = _action_of(item, names)
    if message_id is None:
        return []
    kind = kind or KINDS.get(_plain(first(item, names["kind"]))) or _kind_by_state(item)
    payload = object_of(first(item, names["payload"]))
    if payload is not None:
        if action is not None and kind in (None, CALL):
            return [[CALL, message_id, action, payload]]
        return [[CALL_RESULT, message_id, payload]] if kind == CALL_RESULT else []
    asked, answered = (object_of(first(item, names[what])) for what in ("asked", "answered"))
    found: list[Any] = [] if asked is None or action is None else [[CALL, message_id, action, asked]]
    return found if answered is None else [*found, [CALL_RESULT, message_id, answered]]


def _kind_by_state(item: Mapping[str, Any]) -> int | None:
    return STATES.get(item.get("state", 0)) if "eventGroup" in item else None


_SAID_OF_ACTION = re.compile(r"([A-Z][A-Za-z0-9]+?)[ ._-]?(Request|Req|Response|Conf|Res)?", re.IGNORECASE)


def _action_of(item: Mapping[str, Any], names: Names) -> tuple[str | None, int | None]:
    """The action that an object names, by its name or by what it is, and the kind of message that its name ends with."""
    told = text_of(first(item, names["action"]))
    for value in (told,) if told is not None else item.values():
        if not isinstance(value, str) or len(value) > 50:
            continue
        if value in ACTIONS:
            return value, None
        found = _SAID_OF_ACTION.fullmatch(value)
        if found is not None and found[1] in ACTIONS and found[2]:
            return found[1], CALL if found[2].lower().startswith("req") else CALL_RESULT
    return told, None


def object_of(value: Any) -> Mapping[str, Any] | None:
    """The object that a value is, or that its text writes."""
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        try:
            value = read_json(value.encode("utf-8", "replace"))[0]
        except NoJson:
            return None
    return value if isinstance(value, dict) else None


def texts_with_frames(item: Mapping[str, Any], names: Names) -> Iterator[str]:
    """The texts of an object that may be lines of a log: those of fields for messages, else those that hold the beginning of a frame."""
    told = [item[name] for name in names["message"] if isinstance(item[name], str)]
    if told:
        yield from told
        return
    for value in item.values():
        if isinstance(value, str) and BEGIN.search(value.encode("utf-8", "replace")):
            yield value
