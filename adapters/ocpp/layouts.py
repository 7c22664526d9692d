"""Layouts of logs: what stands around the frames in a line, and lines that tell of connections.

Known are those of SteVe, evcc, Home Assistant's integration and the ocpp library behind it, MicroOcpp, CitrineOS, EVerest and
MySQL's dumps, and `time > frame`; others are read as well where they name time, charger and direction in ordinary words.
"""

from __future__ import annotations

import html
import re
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

import orjson

from .frames import BEGIN, Connection, Entry, Frame, NoFrame, Remark, Sign, frame_of, is_cut_frame, mended, read_frame
from .problems import Problems
from .times import Clock, without_times

MOST_LINES = 2000
"""Lines that one frame may be spread over (our judgement: EVerest writes one value a line, and a report has hundreds)."""

NARROWEST = 79
"""Characters of a terminal's line that it breaks (our judgement: none that logs are captured in is narrower)."""

MOST_BYTES = 2**22
"""Bytes that one frame spread over lines may have, as for a line."""

MOST_PREFIXES = 4096
"""What stands before a frame is read once for each wording; so many are kept."""

LONGEST_PREFIX = 500
"""Bytes before a frame, and of a line about a connection, that are read (our judgement: SteVe's take 250)."""

_PLATFORM = r"\b(?:csms|cs|server|backend|platform|central[ _-]?system)\b"

_ARROW = r"<-+|-+>|<=+|=+>|<+|>+|[\u2190\u2192\u21d0\u21d2]"

_MOVES = r"recv|rcvd?|rx|receiv\w*|incoming|inbound|send\w*|sent|snd|tx|outgoing|outbound|reçu|envoyé|empfang\w*|gesendet|recibido|enviado"
"""Words for a message's coming or going."""

_KIND_NAMED = r"(?:CALL|CALLRESULT|CALLERROR|RESULT|ERROR)?\s*"

_NAME = r"(?=[\w.-]*\d)[A-Za-z][\w.-]*[-_][\w.-]+"
"""A charger's name where nothing else says that it is one: of letters and digits, with a sign between."""

CHARGER = (
    re.compile(r"chargeBoxId=([^,\]\s]+)"),
    re.compile(r"\b(?:from|to|recv|rcvd|received|send|sent)\s+([^\s:\[\]]+)\s*:\s*$"),
    re.compile(r"\bmessage\s+(?:on|to|from)\s+(?:tenant\s+)?(?:\d+:)?([^\s:\[\]]+)\s*:?\s*$"),
    re.compile(rf"(?:^|\s)\[?({_NAME})\]?\s+(?:ChargePoint>|CSMS>|CentralSystem>)"),
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
    re.compile(rf"(?:^|\s)\[?({_NAME})\]?\s+(?:in|out|{_MOVES})\s*:?\s*$", re.IGNORECASE),
)
"""Where the charger stands before a frame, in the order in which it is looked for: SteVe, evcc, Home Assistant, CitrineOS, any
that names it with a word, rows of an SQL dump, `time charger > frame`, `time [charger] > frame`, `charger -> CSMS`, `CSMS -> charger`."""

_NO_CHARGER = re.compile(
    r"thread|exec|qtp|pool|worker|\bnio\b|\b(main|info|debug|warn\w*|error|trace|fatal|ocpp|ws|wss|server)\b",
    re.IGNORECASE,
)
"""What stands in brackets and is a thread, a level or a part of the program."""

WORD = re.compile(
    r"ChargePoint>(?:CentralSystem|CSMS)|(?:CentralSystem|CSMS)>ChargePoint|sendTXT|operator\(\)"
    rf"|\b(?:{_MOVES})\b|{_ARROW}",
    re.IGNORECASE,
)
"""Words of direction. Which of the two they mean is learned from frames whose action only one side sends."""

_SHOUTED = re.compile(r"\b(IN|OUT)\b")

_CONNECTS = re.compile(rb"conn?e[ck]t|conexi|clos|\bopen|handshake|web ?socket|\bws\b|verbind", re.IGNORECASE)

_FAILS = re.compile(
    rb".*(?<![a-z0-9])f[-_ ]?030[12](?!\d)|(?=.*\bheartbeats?\b).*\boffline\b|"
    rb"(?=.*\b(?:no|missing|missed|unanswered|without|within|expected|expects|overdue|timed? ?out)\b).*\b(?:ping|pong|keep-?alive)\b"
    rb"|(?=.*\b(?:conntrack|firewall|nat|router|modem)\b).*\b(?:idle|time(?:d )?out|expired|rst|destroy|drop(?:ped|s)?|reboot\w*)\b"
    rb"|(?=.*\b(?:tls|ssl|handshake|certificate|x509|dns|resolv\w*|socket|connection|network|route|gateway|modem|sim|apn|ppp|lte|link|getaddrinfo|host|name)\b)"
    rb".*(?:error|fail|not known|enotfound|econnrefused|etimedout|eai_again|expired|refus|unreachable|timed? ?out|alert|reset by|no route|\bdown\b|\blost\b|unable|not found|reject|denied)",
    re.IGNORECASE,
)
"""What a line says of a link or what it stands on that fails."""


def fails_of_link(text: str) -> bool:
    """Whether a text says of a link, or of what it stands on, that it fails."""
    return _FAILS.match(text[:LONGEST_REMARK].encode("utf-8", "replace")) is not None


_WARNS = re.compile(
    rb"\b(?:WARN(?:ING)?|ERRO?R?|FATAL|CRIT(?:ICAL)?|ALARM|ALERT)\b|\blevel=\"?(?:warn|error|fatal|crit)|^\W*[WE]/"
)
"""A line that its level, or its first words, call a warning or worse."""

_WORK_ORDER = re.compile(rb"\b(?:work ?order|wo)[ #-]{0,2}\d+\b", re.IGNORECASE)
"""How a line begins to tell of somebody's work at a charger."""

LONGEST_LEVEL = 250
"""Bytes of a line within which its level stands (our judgement: behind a time and labels)."""

LONGEST_REASON = 200
"""Characters of what a line says of a connection's end (our judgement: a sentence)."""

LONGEST_REMARK = 400
"""Bytes of such a line that are kept."""

OPENED = (
    re.compile(r"charge point connected:\s*(?P<charger>\S+)", re.IGNORECASE),
    re.compile(r"\bCharger (?P<charger>\S+) (?:re)?connected to\b"),
    re.compile(r"chargeBoxId=(?P<charger>[^,\]\s]+).*\bconnection is established", re.IGNORECASE),
    re.compile(r"\bconnection open(?:ed)?\s*\(\S*/(?P<charger>[^\s/,)]+)[,)]"),
    re.compile(r"connected new charging station[:.]\s*(?:\d+:)?(?P<charger>[^\s:]+)"),
    re.compile(
        rf"(?:^|\s)(?P<charger>{_NAME}):?\s+(?:re)?connected\s*(?:[(,]|$|\b(?:handshake|subprotocol|via|from)\b)"
    ),
    re.compile(rf"(?:^|\s)open(?:ed)?\s+(?P<charger>{_NAME})\s+(?:from|peer|via)\b", re.IGNORECASE),
    re.compile(rf"(?:^|\s)(?P<charger>{_NAME}):?\s+upgraded\b", re.IGNORECASE),
    re.compile(r"\bsession opened\b|\bconn(?:ection)?\W{1,4}open(?:ed)?\b", re.IGNORECASE),
    re.compile(
        r"\b(?:web ?socket|ws|conexión|conexion|connexion|verbindung)\b.{0,30}?\b(?:ouverte?|établie|abierta|establecida|geöffnet|hergestellt|aufgebaut)\b",
        re.IGNORECASE,
    ),
    re.compile(rf"\bconnection open(?:ed)?\W+(?P<charger>{_NAME})\s*$", re.IGNORECASE),
    re.compile(r"\bSYS>\s*Connected\b"),
    re.compile(r"\bConnected to url\b|\bconnection \S+ -- connected\b"),
    re.compile(
        r"\A(?!.*\b(?:not|fail\w*|refus\w*|error|unable|cannot|reject\w*|denied|closed?)\b)"
        r".*\b(?:web ?socket|wss?)(?: connection)?(?: is| was)? (?:opened|open|established|accept(?:ed)?|connected|up)\b",
        re.IGNORECASE,
    ),
    re.compile(r"\A(?!.*\bnot\b).*\b(?:client|peer|station|charger|charge ?point) (?:re)?connected\b", re.IGNORECASE),
    re.compile(r"\A\W*(?:re)?connect(?:ed)?\W*\Z", re.IGNORECASE),
)
"""Lines that tell that a connection was opened: evcc, Home Assistant, SteVe, CitrineOS, EVerest, MicroOcpp, plain words, and a
field that holds nothing else."""

CLOSED = (
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
        rf"(?:^|\s)(?P<charger>{_NAME}):?\s+disconnected\b(?:[^{{}}]{{0,20}}?\bcode\W{{0,3}}(?P<code>[1-4]\d{{3}})\b)?[\s:,(]*(?P<reason>[^)\r\n]*)"
    ),
    re.compile(
        rf"\bconnection (?:lost|dropped)\W+(?P<charger>{_NAME})\b(?:[^{{}}]{{0,20}}?\bcode\W{{0,3}}(?P<code>[1-4]\d{{3}})\b)?[\s:,(]*(?P<reason>[^)\r\n]*)",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:^|\s)(?P<charger>{_NAME})\b[^{{}}\[]{{0,30}}?\b(?P<reason>connection (?:was |is )?(?:reset|lost|dropped|aborted|terminated)[^,\]}}]{{0,60}})"
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
        rf"(?:^|\s)(?P<charger>{_NAME})\b[^{{}}\[]{{0,120}}?\bclos(?:e|ed|ing|ure)\W+(?:code\W+)?(?P<code>[1-4]\d{{3}})\b[\s:,('\"]*(?P<reason>[^()\r\n]*)",
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

CLOSING = re.compile(r"\bClosing websocket to '(?P<charger>[^']+)'")
"""Home Assistant announces that it closes a connection; the close itself is told by another line."""

PONG = re.compile(r"\bConnection latency from '[^']*' to '(?P<charger>[^']+)': .*\bpong=")
"""Home Assistant tells how long a ping and its answer took."""

CLOSED_BY_PLATFORM = "closed by the platform"


Numbered = tuple[int, bytes]
"""A line with its number."""

_NO_LINE: Numbered = (0, b"")


class _Prefix(NamedTuple):
    charger: str | None
    word: str | None


class Lines:
    """Reads the lines of a log one by one and gives what they hold, with a frame spread over lines put together."""

    def __init__(self, clock: Clock, problems: Problems) -> None:
        self._clock = clock
        self._problems = problems
        self._prefixes: dict[bytes, _Prefix] = {}
        self._has_more_times = False
        self._before: tuple[float | None, _Prefix] = (None, _Prefix(None, None))
        self._closing: set[str] = set()
        self._seen: set[str] = set()
        self._at: dict[str, str | None] = {}

    def entries(self, lines: Iterable[bytes], first: int = 1) -> Iterator[Entry]:
        """The frames and connections of all lines; what is no frame and no connection is passed over.

        `first` is the number of the first line.
        """
        numbered = enumerate((_bare(line) if _DRESSED.search(line) else line for line in lines), first)
        again: Numbered | None = None
        while True:
            number, line = again or next(numbered, _NO_LINE)
            again = None
            if not number:
                return
            begin = BEGIN.search(line)
            if begin is None and _ESCAPED_BEGIN.search(line):
                line = _unescaped(line)
                begin = BEGIN.search(line)
            if begin is not None:
                start = begin.start()
                try:
                    parts, rest = read_frame(line[start:])
                except NoFrame as error:
                    again = yield from self._spread(number, line, start, str(error), numbered)
                    continue
                frame = self._framed(number, line[:start], parts)
                if frame is not None:
                    yield frame
                if rest and BEGIN.search(rest):
                    again = (number, rest)
            elif line.isspace():
                continue
            elif line.rstrip().endswith(b"["):
                again = yield from self._spread(number, line, line.rindex(b"["), "", numbered)
            else:
                yield from self._unframed(number, line)

    def _framed(self, number: int, prefix: bytes, parts: object) -> Frame | None:
        self._clock.told(parts)
        time, (charger, word) = self._around(prefix)
        try:
            return frame_of(parts, number, time, charger, word)
        except NoFrame as error:
            self._problems.broken(number, str(error))
            return None

    def _spread(
        self, number: int, line: bytes, start: int, problem: str, numbered: Iterator[Numbered]
    ) -> Generator[Entry, None, Numbered | None]:
        """A frame that its line does not end: it goes on in the next ones, or it was cut off.

        Gives back the line that was read and is none of it. What was taken for a part of it and is none is looked through
        for connections only: it holds no beginning of a frame, and so no line is looked at more than twice.
        """
        held: list[Numbered] = []
        text = [line[start:]]
        size, width = len(line), len(line.rstrip(b"\r\n"))
        depth, is_within = _depth(_unbroken(line[start:]))
        following: Numbered | None = None
        while depth > 0 and size <= MOST_BYTES and len(held) < MOST_LINES:
            following = next(numbered, None)
            if following is None:
                break
            more = following[1]
            # a terminal breaks where its line is full, whatever the next one begins with
            is_full = width >= NARROWEST and len((held[-1][1] if held else line).rstrip(b"\r\n")) == width
            begins = not is_full and _BEGINS_A_LINE.match(more) is not None
            if begins or BEGIN.search(more) or (not held and not problem and not _KIND.match(more)):
                break
            held.append(following)
            following = None
            text.append(more)
            size += len(more)
            deeper, is_within = _depth(_unbroken(more), is_within and is_full)
            depth += deeper
        whole = b"".join(text)
        if held and depth <= 0 and BEGIN.match(whole):
            parts = _whole_frame(whole)
            if parts is not None:
                frame = self._framed(number, line[:start], parts)
                if frame is not None:
                    yield frame
                return following
        if problem:
            yield from self._mended(number, line, start, problem)
        else:
            yield from self._unframed(number, line)
        for place, more in held:
            yield from self._unframed(place, more)
        return following

    def _mended(self, number: int, line: bytes, start: int, problem: str) -> Iterator[Entry]:
        time, (charger, word) = self._around(line[:start])
        frame = mended(line[start:], number, time, charger, word)
        if frame is None:
            self._problems.broken(number, problem)
        else:
            self._problems.cut(number)
            yield frame

    def _unframed(self, number: int, line: bytes) -> Iterator[Entry]:
        """A line without a frame: the end of one whose beginning was cut, a connection, or what the next line's frame is about."""
        if is_cut_frame(line):
            yield from self._mended(number, line, 0, "its beginning is missing")
            return
        time, rest = self._clock.read(line[:400])
        if _CONNECTS.search(line):
            found = self._told(number, time, line[:LONGEST_PREFIX].decode("utf-8", "replace"))
            if found is not None:
                yield found
                return
        said = line[:LONGEST_REMARK]
        if b" HTTP/" in said:
            self._named(rest.decode("utf-8", "replace"))
        is_work = _WORK_ORDER.search(said) is not None
        if is_work or _FAILS.match(said) or _WARNS.search(said[:LONGEST_LEVEL]):
            text = rest.decode("utf-8", "replace").strip()
            yield Remark(number, time, self._named(text), text, is_work)
            return
        self._before = (time, self._prefix(rest)) if time is not None else (None, _Prefix(None, None))

    def _told(self, number: int, time: float | None, text: str) -> Connection | Sign | None:
        """What a line tells of a connection."""
        pong = PONG.search(text)
        if pong is not None:
            return Sign(number, time, pong["charger"])
        closing = CLOSING.search(text)
        if closing is not None:
            self._closing.add(closing["charger"])
            return None
        for pattern in OPENED:
            found = pattern.search(text)
            if found is not None:
                return Connection(number, time, self._whose(found, text), True)
        for pattern in CLOSED:
            found = pattern.search(text)
            if found is not None:
                told = found.groupdict()
                charger, code = self._whose(found, text), told.get("code")
                reason = (told.get("reason") or "").strip(" '\"\r\n") or self._why(text, charger)
                if charger in self._closing:
                    self._closing.discard(charger)
                    reason = reason or CLOSED_BY_PLATFORM
                return Connection(number, time, charger, False, None if code is None else int(code), reason or None)
        return None

    def _whose(self, found: re.Match[str], text: str) -> str | None:
        """The charger whose connection a line tells of: one that frames are of rather than any other name."""
        named = self._named(text)
        return named if named in self._seen else found.groupdict().get("charger") or named

    def _why(self, text: str, charger: str | None) -> str:
        """What a line says of an end behind the charger's name, where it says what failed."""
        said = text.partition(charger)[2].strip(" :,'\"\r\n") if charger else ""
        return said[:LONGEST_REASON] if fails_of_link(said) else ""

    def _around(self, prefix: bytes) -> tuple[float | None, _Prefix]:
        """Time, charger and word of direction before a frame; those of the line above where nothing stands before it."""
        if not prefix.strip():
            before, self._before = self._before, (None, _Prefix(None, None))
            return before
        time, rest = self._clock.read(prefix)
        self._before = (None, _Prefix(None, None))
        return time, self._prefix(rest)

    def _prefix(self, rest: bytes) -> _Prefix:
        rest = rest[-LONGEST_PREFIX:]
        if self._has_more_times:
            rest = without_times(rest)
        known = self._prefixes.get(rest)
        if known is None:
            if len(self._prefixes) >= MOST_PREFIXES:
                self._prefixes.clear()
            bare = without_times(rest)
            self._has_more_times = self._has_more_times or bare != rest
            known = self._prefixes[bare] = _read_prefix(bare.decode("utf-8", "replace"))
            if known.charger is not None and len(self._seen) < MOST_PREFIXES:
                self._seen.add(known.charger)
        return known

    def _named(self, text: str) -> str | None:
        """The charger that a line without a frame is about: one that frames are of, what can be a name, or the one whose address
        other lines have told."""
        seen = (each for each in re.findall(r"[\w.:-]+", text) if each.strip(".:") in self._seen)
        found = next((each.strip(".:") for each in seen), None) or _charger_named(text)
        addresses = _ADDRESS.findall(text)
        if found is None:
            return next((self._at[address] for address in addresses if address in self._at), None)
        if len(addresses) == 1 and len(self._at) < MOST_PREFIXES:
            # several chargers behind one address are told from each other by nothing
            self._at[addresses[0]] = found if self._at.get(addresses[0], found) == found else None
        return found


_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.])")

_DRESSED = re.compile(rb"\x1b|&quot;")
_COLOUR = re.compile(rb"\x1b\[[\d;]*m")
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)


def _bare(line: bytes) -> bytes:
    """A line without what only shows it in colours or on a page."""
    line = _COLOUR.sub(b"", line)
    if b"&quot;" in line:
        line = html.unescape(_TAG.sub(" ", line.decode("utf-8", "replace"))).encode("utf-8", "replace")
    return line


def _unbroken(text: bytes) -> bytes:
    return text.replace(b"\r", b"").replace(b"\n", b"")


def _whole_frame(text: bytes) -> object:
    """The frame that lines make up; those of a terminal break in the middle of words. None where they make up none."""
    for joined in (text, _unbroken(text)):
        try:
            return read_frame(joined)[0]
        except NoFrame:
            continue
    return None


_ESCAPED_BEGIN = re.compile(rb'\[\s*[2-6]\s*,\s*\\"')
"""Where a frame begins as the text of a field (`payload="[2,\\"7\\",…]"`), as logfmt and dumps of SQL write it."""

_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_ENDS = {quote: re.compile(rb"(?:[^%b\\]|\\.)*+%b" % (quote, quote), re.DOTALL) for quote in (b'"', b"'")}
"""The rest of a text up to the quotation mark that ends it."""


def _unescaped(line: bytes) -> bytes:
    """A line with such frames as they were sent; as it is where a text does not end or cannot be read."""
    parts: list[bytes] = []
    done = 0
    while (begin := _ESCAPED_BEGIN.search(line, done)) is not None:
        quote = b"'" if line[begin.start() - 1 : begin.start()] == b"'" else b'"'
        end = _ENDS[quote].match(line, begin.start())
        if end is None:
            break
        parts += [line[done : begin.start()].removesuffix(quote), _sent(end[0][:-1], quote)]
        done = end.end()
    return b"".join([*parts, line[done:]])


def _sent(text: bytes, quote: bytes) -> bytes:
    """What a text in quotation marks stands for."""
    if quote == b"'":
        return _ESCAPED.sub(rb"\1", text)
    try:
        return str(orjson.loads(b'"%b"' % text)).encode("utf-8", "replace")
    except orjson.JSONDecodeError:
        return text


_BEGINS_A_LINE = re.compile(rb"\d{4}[-/]\d\d|\d\d\.\d\d\.\d{4}|[A-Z]|\[[A-Za-z]|\[\s*$")
"""How a line of a log begins, and no further line of a frame that is spread over several."""

_KIND = re.compile(rb"\s*[2-6]\s*,")
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+("|\\?\Z)', re.DOTALL)
_REST_OF_TEXT = re.compile(rb'(?:[^"\\]|\\.)*+"', re.DOTALL)


def _depth(line: bytes, is_within: bool = False) -> tuple[int, bool]:
    """How many brackets and braces a line opens and does not close, and whether it ends within a text; `is_within` says whether it
    begins within one."""
    if is_within:
        rest = _REST_OF_TEXT.match(line)
        if rest is None:
            return 0, True
        line = line[rest.end() :]
    ends_within = False

    def left_out(text: re.Match[bytes]) -> bytes:
        nonlocal ends_within
        ends_within = text[1] != b'"'
        return b""

    bare = _TEXT.sub(left_out, line)
    return bare.count(b"[") + bare.count(b"{") - bare.count(b"]") - bare.count(b"}"), ends_within


def _read_prefix(text: str) -> _Prefix:
    charger = None
    for pattern in CHARGER:
        found = pattern.search(text)
        if found is not None and _can_be_charger(found.group(1)):
            charger = found.group(1)[:256]
            break
    words = WORD.findall(text) or _SHOUTED.findall(text)
    return _Prefix(charger, words[-1].lower() if words else None)


_SIDES = frozenset(("chargepoint", "centralsystem", "csms", "cp", "cs"))
"""What both sides are called, and no charger is."""


def _can_be_charger(text: str) -> bool:
    return (
        bool(re.search(r"\w", text))
        and text.lower() not in _SIDES
        and _MOMENT.fullmatch(text) is None
        and WORD.fullmatch(text) is None
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


def _charger_named(text: str) -> str | None:
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


def is_told_in(entry: Entry) -> bool:
    """Whether an entry shows by itself that a text is an OCPP log: a frame, or a connection of a named charger at a time."""
    named = entry.time is not None and entry.charger is not None
    return isinstance(entry, Frame) or (named and not isinstance(entry, Remark))
