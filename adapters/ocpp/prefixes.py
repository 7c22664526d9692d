"""What stands before a frame in a line, which charger and which way; and the charger that a line without a frame names."""

from __future__ import annotations

import re
from typing import NamedTuple

_PLATFORM = r"\b(?:csms|cs|server|backend|platform|central[ _-]?system)\b"

_ARROW = r"<-+|-+>|<=+|=+>|<+|>+|[\u2190\u2192\u21d0\u21d2]"

_MOVES = r"recv|rcvd?|rx|receiv\w*|incoming|inbound|send\w*|sent|snd|tx|outgoing|outbound|reçu|envoyé|empfang\w*|gesendet|recibido|enviado"
"""Words for a message's coming or going."""

_KIND_NAMED = r"(?:CALL|CALLRESULT|CALLERROR|RESULT|ERROR)?\s*"

NAME = r"(?=[\w.-]*\d)[A-Za-z][\w.-]*[-_][\w.-]+"
"""A charger's name where nothing else says that it is one: of letters and digits, with a sign between."""

_CHARGER = (
    re.compile(r"chargeBoxId=([^,\]\s]+)"),
    re.compile(r"\b(?:from|to|recv|rcvd|received|send|sent)\s+([^\s:\[\]]+)\s*:\s*$"),
    re.compile(r"\bmessage\s+(?:on|to|from)\s+(?:tenant\s+)?(?:\d+:)?([^\s:\[\]]+)\s*:?\s*$"),
    re.compile(rf"(?:^|\s)\[?({NAME})\]?\s+(?:ChargePoint>|CSMS>|CentralSystem>)"),
    re.compile(rf"\b(?:{_MOVES})\s+((?=[\w.-]*\d)[A-Za-z][\w.-]+)\s*$", re.IGNORECASE),
    re.compile(r"\(\d+,\s*'([\w.:-]{2,64})',"),
    re.compile(r"(?:\[ocpp\]|\bocpp:)\s*([^\s\[\]]+?)\s*:\s*(?:receive|send)\b"),
    re.compile(r"\bT\d+:([\w.-]+)"),
    re.compile(
        r"\b(?:charge[ _-]?point|charging[ _-]?station|station|charger|charge[ _-]?box|cp)(?:[ _-]?id)?[\"']?\s*[=:]\s*[\"']?([^\s,;\"'\[\]()]+)",
        re.IGNORECASE,
    ),
    re.compile(rf"(?:^|\s)([^\s\[\]:<>=]+)\s*(?:{_ARROW})\s*{_KIND_NAMED}$"),
    re.compile(rf"\[([^\s\[\]]{{2,64}})\]\s*(?:{_ARROW})\s*{_KIND_NAMED}$"),
    re.compile(rf"(?:^|\s)\[?([^\s\[\]:<>=]+)\]?\s*(?:{_ARROW})\s*{_PLATFORM}\s*:?\s*$", re.IGNORECASE),
    re.compile(rf"{_PLATFORM}\s*(?:{_ARROW})\s*\[?([^\s\[\]:<>=]+)\]?\s*:?\s*$", re.IGNORECASE),
    re.compile(r"/(?:[\w.-]+/)*((?=[\w.-]*\d)[A-Za-z][\w.-]*)\s*$"),
    re.compile(rf"(?:^|\s)\[?({NAME})\]?\s+(?:in|out|{_MOVES})\s*:?\s*$", re.IGNORECASE),
)
"""Where the charger stands before a frame, in the order in which it is looked for: SteVe, evcc, Home Assistant, CitrineOS, any
that names it with a word, rows of an SQL dump, `time charger > frame`, `time [charger] > frame`, `charger -> CSMS`, `CSMS -> charger`."""

_NO_CHARGER = re.compile(
    r"thread|exec|qtp|pool|worker|\bnio\b|\b(main|info|debug|warn\w*|error|trace|fatal|ocpp|ws|wss|server)\b",
    re.IGNORECASE,
)
"""What stands in brackets and is a thread, a level or a part of the program."""

_WORD = re.compile(
    r"ChargePoint>(?:CentralSystem|CSMS)|(?:CentralSystem|CSMS)>ChargePoint|sendTXT|operator\(\)"
    rf"|\b(?:{_MOVES})\b|{_ARROW}",
    re.IGNORECASE,
)
"""Words of direction. Which of the two they mean is learned from frames whose action only one side sends."""

_SHOUTED = re.compile(r"\b(IN|OUT)\b")


class Prefix(NamedTuple):
    """The charger that a frame is of, and the word for its direction; None where a line tells neither."""

    charger: str | None
    word: str | None


def read_prefix(text: str) -> Prefix:
    """Charger and direction in what stands before a frame."""
    charger = None
    for pattern in _CHARGER:
        found = pattern.search(text)
        if found is not None and _can_be_charger(found.group(1)):
            charger = found.group(1)[:256]
            break
    words = _WORD.findall(text) or _SHOUTED.findall(text)
    return Prefix(charger, words[-1].lower() if words else None)


_SIDES = frozenset(("chargepoint", "centralsystem", "csms", "cp", "cs"))
"""What both sides are called, and no charger is."""


def _can_be_charger(text: str) -> bool:
    return (
        bool(re.search(r"\w", text))
        and text.lower() not in _SIDES
        and _MOMENT.fullmatch(text) is None
        and _WORD.fullmatch(text) is None
        and _NO_CHARGER.search(text) is None
    )


_MOMENT = re.compile(r"\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?")
_BRACKETED = re.compile(r"\[([^\s\[\]]{2,64})\]\s*(?:\w+:\s*)?\w")
_OF_A_TENANT = re.compile(r"(?:^|\s)\d{1,6}:([A-Za-z][\w.-]{1,63})(?=:?\s)")
"""As CitrineOS names a charger: behind the number of its tenant."""
_IN_A_FIELD = re.compile(
    r"\b(?:id|cp|cs|station|client|identity|charge_?point|charge_?box)(?:_?id)?['\"]?(?:=|:\s*(?=['\"]))['\"]?([^'\"\s,;\]]{2,64})",
    re.IGNORECASE,
)
"""As structured data of syslog, logfmt and objects of JavaScript name it."""
_IN_A_PATH = re.compile(r"(?<=/)([A-Za-z][\w.-]{1,63})(?=[\s?\"']|$)")
"""The end of the path on which it connects."""
_BEFORE_A_CONNECTION = re.compile(
    r"(?:^|\s)([A-Za-z][\w.-]{1,63}):?\s+(?:web ?socket|wss?|connection)\b", re.IGNORECASE
)


_IDENTITY = re.compile(
    r"(?:\bwss?://[^\s\"'\]]*/|\bpath: \[/(?:[\w.-]+/)*)((?=[\w.-]*\d)[A-Za-z0-9][\w.-]{1,63})(?=[\s\"',;)\]]|$)"
)
"""The end of the address at which a charger connects: its identity (OCPP-J 1.6, 3.1.1)."""


def identity_in(text: str) -> str | None:
    """The charger whose address on the platform a line names; None where it names none."""
    found = _IDENTITY.search(text)
    return None if found is None else found.group(1)


def charger_named(text: str) -> str | None:
    """The charger that stands in brackets before the words of a line, behind a tenant's number, or before the words that tell of
    its connection; None where nothing that can be one does."""
    for found in (
        p
        for pattern in (_BRACKETED, _OF_A_TENANT, _IN_A_FIELD, _BEFORE_A_CONNECTION, _IN_A_PATH)
        for p in pattern.finditer(text)
    ):
        if re.search(r"\d", found.group(1)) and _can_be_charger(found.group(1)):
            return found.group(1)
    return None
