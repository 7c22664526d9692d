"""Lines that tell of a connection, and of what it stands on that fails: as known programs word them, and in plain words."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from .prefixes import NAME

Event = Literal["opened", "closed", "failing", "closing", "sign"]
"""What becomes of a connection: `failing` is an attempt that fails, `closing` that its close is begun, `sign` that a charger is heard."""

LONGEST_LINK_FAILURE = 400
"""Bytes of a text that are looked through for what fails of a link (our judgement: a sentence)."""

_CONNECTS = re.compile(
    rb"conn?e[ck]t|conn fail|-- HTTP|HTTP/1|pong timeout|conexi|clos|\bopen|handshake|web ?socket|\bws\b|verbind",
    re.IGNORECASE,
)

_FAILS = re.compile(
    rb".*(?<![a-z0-9])f[-_ ]?030[12](?!\d)|(?=.*\bheartbeats?\b).*\boffline\b|"
    rb"(?=.*\b(?:no|missing|missed|unanswered|without|within|expected|expects|overdue|timed? ?out)\b).*\b(?:ping|pong|keep-?alive)\b"
    rb"|(?=.*\b(?:conntrack|firewall|nat|router|modem)\b).*\b(?:idle|time(?:d )?out|expired|rst|destroy|drop(?:ped|s)?|reboot\w*)\b"
    rb"|(?=.*\b(?:tls|ssl|handshake|certificate|x509|dns|resolv\w*|socket|connection|network|route|gateway|modem|sim|apn|ppp|lte|link|getaddrinfo|host|name)\b)"
    rb".*(?:error|fail|not known|enotfound|econnrefused|etimedout|eai_again|expired|refus|unreachable|timed? ?out|alert|reset by|no route|\bdown\b|\blost\b|unable|not found|reject|denied)",
    re.IGNORECASE,
)
"""What a line says of a link or what it stands on that fails."""

_OF_PLATFORM = re.compile(
    rb"\A(?!.*\b(?:slac|v2g\w*|iso ?15118|secc|plc|tcp peer)).*"
    rb"(?:web ?socket|\bwss?\b|ocpp|csms|central ?system|back ?end|\bcharge(?:r\b| ?point| ?box)|charging station|wallbox|-- HTTP)",
    re.IGNORECASE | re.DOTALL,
)


def is_of_platform(text: bytes) -> bool:
    """Whether a text speaks of a charger's connection to its platform, and not of one to a vehicle."""
    return _OF_PLATFORM.match(text) is not None


def fails_of_link(text: bytes) -> bool:
    """Whether a text says of a link, or of what it stands on, that it fails."""
    return _FAILS.match(text[:LONGEST_LINK_FAILURE]) is not None


def fails_of_platform_link(text: bytes) -> bool:
    """Whether a text says of a charger's connection to its platform, or of what that stands on, that it fails."""
    return fails_of_link(text) and is_of_platform(text)


_OPENED = (
    re.compile(r"charge point connected:\s*(?P<charger>\S+)", re.IGNORECASE),
    re.compile(r"\bCharger (?P<charger>\S+) (?:re)?connected to\b"),
    re.compile(r"chargeBoxId=(?P<charger>[^,\]\s]+).*\bconnection is established", re.IGNORECASE),
    re.compile(r"\bconnection open(?:ed)?\s*\(\S*/(?P<charger>[^\s/,)]+)[,)]"),
    re.compile(r"connected new charging station[:.]\s*(?:\d+:)?(?P<charger>[^\s:]+)"),
    re.compile(
        rf"(?:^|\s)(?P<charger>{NAME}):?\s+(?:re)?connected\s*(?:[(,]|$|\b(?:handshake|subprotocol|via|from)\b)"
    ),
    re.compile(rf"(?:^|\s)open(?:ed)?\s+(?P<charger>{NAME})\s+(?:from|peer|via)\b", re.IGNORECASE),
    re.compile(rf"(?:^|\s)(?P<charger>{NAME}):?\s+upgraded\b", re.IGNORECASE),
    re.compile(r"\bsession opened\b|\bconn(?:ection)?\W{1,4}open(?:ed)?\b", re.IGNORECASE),
    re.compile(
        r"\b(?:web ?socket|ws|conexión|conexion|connexion|verbindung)\b.{0,30}?\b(?:ouverte?|établie|abierta|establecida|geöffnet|hergestellt|aufgebaut)\b",
        re.IGNORECASE,
    ),
    re.compile(rf"\bconnection open(?:ed)?\W+(?P<charger>{NAME})\s*$", re.IGNORECASE),
    re.compile(r"\bSYS>\s*Connected\b"),
    re.compile(r"\bConnected to url\b|\bconnection \S+ -- connected\b"),
    re.compile(
        r"\A(?!.*\b(?:not|fail\w*|refus\w*|error|unable|cannot|reject\w*|denied|closed?)\b)"
        r".*\b(?:web ?socket|wss?)(?: connection)?(?: is| was)? (?:opened|open|established|accept(?:ed)?|connected|up)\b",
        re.IGNORECASE,
    ),
    re.compile(r"\A(?!.*\bnot\b).*\b(?:client|peer|station|charger|charge ?point) (?:re)?connected\b", re.IGNORECASE),
    re.compile(r"\A\W*(?:re)?connect(?:ed)?\W*\Z", re.IGNORECASE),
    re.compile(r"\b(?:handling new|upgraded websocket) connection for (?P<charger>[^\s:]+)"),
    re.compile(r"\]\s= connection is OPEN\b"),
    re.compile(r"_Connection_Restored?\b|\bconnection (?:is |was )?restored\b", re.IGNORECASE),
)
"""Lines that tell that a connection was opened: evcc, Home Assistant, SteVe, CitrineOS, EVerest, MicroOcpp, plain words, a field
that holds nothing else, ocpp-go, and the websockets library."""

_CLOSED = (
    re.compile(
        r"\bhandling read error for (?P<charger>[^\s:]+): websocket: close (?P<code>[1-4]\d{3}) \((?P<reason>[^)]*)\)"
    ),
    re.compile(r"\bclosed connection to (?P<charger>[^\s:]+)"),
    re.compile(
        r"\bConnection closed to '(?P<charger>[^']*)': (?:received|sent) (?P<code>[1-4]\d{3}) \((?P<reason>[^)]*)\)"
    ),
    re.compile(r"\]\s[<>] CLOSE (?P<code>[1-4]\d{3}) \((?P<reason>[^)]*)\)"),
    re.compile(r"\]\s! failing connection with code (?P<code>[1-4]\d{3})\b"),
    re.compile(r"\]\s= connection is CLOSED\b"),
    re.compile(r"\bCharger\s+disconnected from\b"),
    re.compile(r"\bReconnecting because of (?P<reason>a pong timeout\b[^!\r\n]*)"),
    re.compile(r"\b(?:OCPP client closed connection to server|Closed websocket of NetworkConfigurationPriority)\b"),
    re.compile(r"charge point disconnected:\s*(?P<charger>\S+)", re.IGNORECASE),
    re.compile(r"\bCharger (?P<charger>\S+) disconnected from\b"),
    re.compile(
        r"chargeBoxId=(?P<charger>[^,\]\s]+).*\bconnection (?:is|was) closed"
        r"(?:.*?code=(?P<code>\d{4})(?:.*?reason=(?P<reason>[^,\]]+))?)?",
        re.IGNORECASE,
    ),
    re.compile(
        r"\bconnection closed:\s*(?P<charger>[\w.-]*\d[\w.-]*)\s+code=(?P<code>[1-4]\d{3})(?:.*?reason\W{1,3}(?P<reason>[^,\]}]+))?"
    ),
    re.compile(
        r"\bConnection closed for (?:\d+:)?(?P<charger>[^\s:,]+)(?:,?\s+(?:with\s+)?code\W{0,3}(?P<code>[1-4]\d{3})\b\W*(?:reason\b\W*)?(?P<reason>.*))?"
    ),
    re.compile(
        rf"(?:^|\s)(?P<charger>{NAME}):?\s+disconnected\b(?:[^{{}}]{{0,20}}?\bcode\W{{0,3}}(?P<code>[1-4]\d{{3}})\b)?[\s:,(]*(?P<reason>[^)\r\n]*)"
    ),
    re.compile(
        rf"\bconnection (?:lost|dropped)\W+(?P<charger>{NAME})\b(?:[^{{}}]{{0,20}}?\bcode\W{{0,3}}(?P<code>[1-4]\d{{3}})\b)?[\s:,(]*(?P<reason>[^)\r\n]*)",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:^|\s)(?P<charger>{NAME})\b[^{{}}\[]{{0,30}}?\b(?P<reason>connection (?:was |is )?(?:reset|lost|dropped|aborted|terminated)[^,\]}}]{{0,60}})"
        r"(?:.{0,20}?\bcode\W{0,3}(?P<code>[1-4]\d{3})\b)?",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:web ?socket|ws|conexión|conexion|connexion|verbindung)\b.{0,30}?\b(?:fermée?|perdue?|cerrada|perdida|geschlossen|getrennt|verloren|unterbrochen)\b"
        r"(?:.{0,20}?\bcode\W{0,3}(?P<code>[1-4]\d{3})\b)?(?:.{0,10}?\b(?:motif|motivo|grund|reason)\W{1,3}(?P<reason>[^,\]}]+))?",
        re.IGNORECASE,
    ),
    re.compile(r"\bSYS>\s*(?:Disconnected|Connection closed)\b"),
    re.compile(r"Connection\.cpp:\d+\): Disconnected\b|\bconnection \S+ -- closed\b"),
    re.compile(
        r"\A(?=.*?\b(?:web ?socket|wss?|connection)\b).*?\bclos(?:ed?|ure)\b[^{}]{0,60}?(?:\b(?:code|status)\b\W{0,3}|:\s*)(?P<code>[1-4]\d{3})\b"
        r"(?:.*?reason\W{1,3}(?P<reason>[^,\]}]+))?",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:^|\s)(?P<charger>{NAME})\b[^{{}}\[]{{0,120}}?\bclos(?:e|ed|ing|ure)\W+(?:code\W+)?(?P<code>[1-4]\d{{3}})\b[\s:,('\"]*(?P<reason>[^()\r\n]*)",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:client|peer|station|charger|charge ?point) (?:disconnected|closed)\b(?:.{0,60}?\bcode\W{0,3}(?P<code>[1-4]\d{3})\b)?"
        r"(?:.{0,20}?\breason\W{1,4}(?P<reason>[^'\"}\]]+))?",
        re.IGNORECASE,
    ),
    re.compile(
        r"\A\W*disconnect(?:ed)?\b(?:[^{}]{0,60}?\b(?:code|status)\b\W{0,3}(?P<code>[1-4]\d{3})\b)?(?:.*?reason\W{1,3}(?P<reason>[^\]}]+))?",
        re.IGNORECASE,
    ),
)
"""Lines that tell that a connection was closed, with its close code where they give one; in the same order."""

_CLOSING = (re.compile(r"\bClosing websocket to '(?P<charger>[^']+)'"),)
"""Home Assistant announces that it closes a connection; the close itself is told by another line."""

_SIGNS = (
    re.compile(r"\bConnection latency from '[^']*' to '(?P<charger>[^']+)': .*\bpong="),
    re.compile(r"\]\s< GET \S*/(?P<charger>[^/\s]+) HTTP/1"),
    re.compile(r"\]\s= connection is CONNECTING\b"),
)
"""Home Assistant tells how long a ping and its answer took; the websockets library that somebody asks for a connection."""

_FAILING = (
    re.compile(r"\bFailed to connect to websocket server, (?P<reason>.*)"),
    re.compile(r"\bCLIENT_CONNECTION_ERROR\b: (?P<reason>.*)"),
    re.compile(r"\bOCPP client connection to server failed\b"),
    re.compile(r"-- (?P<reason>HTTP error [45]\d\d)\b"),
    re.compile(r"\bconnection failed ?[(\[](?P<reason>[^)\]]*)"),
    re.compile(r"_Connection_Fail(?:ed|ure)?\b|\b(?:backend|server|csms|ocpp) connection fail", re.IGNORECASE),
    re.compile(
        r"\b(?:failed|unable|could not|cannot) to? ?(?:re)?connect (?:to|with) (?:the )?(?:csms|central system|backend|server|web ?socket)\b(?P<reason>.*)",
        re.IGNORECASE,
    ),
)
"""Lines that tell of an attempt to connect that failed: EVerest, MicroOcpp, the websockets library, and plain words."""

_EVENTS: tuple[tuple[Event, tuple[re.Pattern[str], ...]], ...] = (
    ("sign", _SIGNS),
    ("closing", _CLOSING),
    ("failing", _FAILING),
    ("opened", _OPENED),
    ("closed", _CLOSED),
)


class Told(NamedTuple):
    """What a line tells of a connection: whose it is, what became of it, and how it ended."""

    event: Event
    charger: str | None
    code: int | None = None
    reason: str | None = None


def told_of_connection(line: bytes) -> Told | None:
    """What a line tells of a connection; None where it tells nothing.

    A charger that it names in no way that is known is left to whoever knows the chargers' names.
    """
    if not _CONNECTS.search(line):
        return None
    text = line.decode("utf-8", "replace")
    for event, patterns in _EVENTS:
        for pattern in patterns:
            found = pattern.search(text)
            if found is not None:
                told = found.groupdict()
                code = told.get("code")
                reason = (told.get("reason") or "").strip(" '\"\r\n")
                return Told(event, told.get("charger"), None if code is None else int(code), reason or None)
    return None
