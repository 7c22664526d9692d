"""Layouts of logs: the lines around frames, and the frames and connections that they hold.

Known are those of SteVe, evcc, Home Assistant's integration and the ocpp library behind it, MicroOcpp, CitrineOS, EVerest and
MySQL's dumps, and `time > frame`; others are read as well where they name time, charger and direction in ordinary words.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator

from .connection_lines import Told, fails_of_link, is_of_platform, told_of_connection
from .fault_codes import WORDS_FOR_A_FAULT
from .frames import BEGIN, Connection, Entry, Frame, NoFrame, Remark, Sign, frame_of, is_cut_frame, mended, read_frame
from .prefixes import Prefix, charger_named, identity_in, read_prefix
from .problems import Problems
from .times import Clock, without_times
from .wrapping import ESCAPED_BEGIN, bare, open_brackets, unbroken, unescaped, whole_frame

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

_WARNS = re.compile(
    rb"\b(?:WARN(?:ING)?|ERRO?R?|FATAL|CRIT(?:ICAL)?|ALARM|ALERT)\b|\blevel=\"?(?:warn|error|fatal|crit)|^\W*[WE]/"
)
"""A line that its level, or its first words, call a warning or worse."""

_TELLS_OF_A_FAULT = re.compile(WORDS_FOR_A_FAULT.encode("ascii"), re.IGNORECASE)

_WORK_ORDER = re.compile(rb"\b(?:work ?order|wo)[ #-]{0,2}\d+\b", re.IGNORECASE)
"""How a line begins to tell of somebody's work at a charger."""

LONGEST_LEVEL = 250
"""Bytes of a line within which its level stands (our judgement: behind a time and labels)."""

LONGEST_REASON = 200
"""Characters of what a line says of a connection's end (our judgement: a sentence)."""

LONGEST_REMARK = 400
"""Bytes of such a line that are kept."""

CLOSED_BY_PLATFORM = "closed by the platform"

Numbered = tuple[int, bytes]
"""A line with its number."""

_NO_LINE: Numbered = (0, b"")


class Lines:
    """Reads the lines of a log one by one and gives what they hold, with a frame spread over lines put together."""

    def __init__(self, clock: Clock, problems: Problems, *, without_frames: bool = False) -> None:
        """Take clock and problems of the log; in one without frames what lines say of faults counts as well."""
        self._without_frames = without_frames
        self._clock = clock
        self._problems = problems
        self._prefixes: dict[bytes, Prefix] = {}
        self._has_more_times = False
        self._before: tuple[float | None, Prefix] = (None, Prefix(None, None))
        self._closing: set[str] = set()
        self._seen: set[str] = set()
        self._at: dict[str, str | None] = {}
        self._own: str | None = None

    def entries(self, lines: Iterable[bytes], first: int = 1) -> Iterator[Entry]:
        """The frames and connections of all lines; what is no frame and no connection is passed over.

        `first` is the number of the first line.
        """
        numbered = enumerate(map(bare, lines), first)
        again: Numbered | None = None
        while True:
            number, line = again or next(numbered, _NO_LINE)
            again = None
            if not number:
                return
            begin = BEGIN.search(line)
            if begin is None and ESCAPED_BEGIN.search(line):
                line = unescaped(line)
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
        depth, is_within = open_brackets(unbroken(line[start:]))
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
            deeper, is_within = open_brackets(unbroken(more), is_within and is_full)
            depth += deeper
        whole = b"".join(text)
        if held and depth <= 0 and BEGIN.match(whole):
            parts = whole_frame(whole)
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
        if self._without_frames and self._own is None:
            self._own = identity_in(line[:LONGEST_PREFIX].decode("utf-8", "replace"))
        told = told_of_connection(line[:LONGEST_PREFIX])
        if told is not None and self._without_frames and told.charger is None and not is_of_platform(line):
            told = None
        if told is not None and told.event == "closing":
            self._closing.add(told.charger or "")
        elif told is not None:
            yield self._connection(number, time, line[:LONGEST_PREFIX].decode("utf-8", "replace"), told)
            return
        said = line[:LONGEST_REMARK]
        if b" HTTP/" in said:
            self._named(rest.decode("utf-8", "replace"))
        is_work = _WORK_ORDER.search(said) is not None
        warns = _WARNS.search(said[:LONGEST_LEVEL]) or (self._without_frames and _TELLS_OF_A_FAULT.search(said))
        if is_work or fails_of_link(said) or warns:
            text = rest.decode("utf-8", "replace").strip()
            yield Remark(number, time, self._named(text), text, is_work)
            return
        self._before = (time, self._prefix(rest)) if time is not None else (None, Prefix(None, None))

    def _connection(self, number: int, time: float | None, text: str, told: Told) -> Connection | Sign:
        """A line's telling of a connection, whose charger is one that frames are of rather than any other name."""
        if told.event == "sign":
            return Sign(number, time, told.charger)
        named = self._named(text)
        charger = named if named in self._seen else told.charger or named
        if told.event == "opened":
            return Connection(number, time, charger, True)
        reason = told.reason or self._why(text, charger)
        if charger in self._closing:
            self._closing.discard(charger)
            reason = reason or CLOSED_BY_PLATFORM
        return Connection(number, time, charger, False, told.code, reason or None, told.event == "failing")

    def _why(self, text: str, charger: str | None) -> str:
        """What a line says of an end behind the charger's name, where it says what failed."""
        said = text.partition(charger)[2].strip(" :,'\"\r\n") if charger else ""
        return said[:LONGEST_REASON] if fails_of_link(said.encode("utf-8", "replace")) else ""

    def _around(self, prefix: bytes) -> tuple[float | None, Prefix]:
        """Time, charger and word of direction before a frame; those of the line above where nothing stands before it."""
        if not prefix.strip():
            before, self._before = self._before, (None, Prefix(None, None))
            return before
        time, rest = self._clock.read(prefix)
        self._before = (None, Prefix(None, None))
        return time, self._prefix(rest)

    def _prefix(self, rest: bytes) -> Prefix:
        rest = rest[-LONGEST_PREFIX:]
        if self._has_more_times:
            rest = without_times(rest)
        known = self._prefixes.get(rest)
        if known is None:
            if len(self._prefixes) >= MOST_PREFIXES:
                self._prefixes.clear()
            untimed = without_times(rest)
            self._has_more_times = self._has_more_times or untimed != rest
            known = self._prefixes[untimed] = read_prefix(untimed.decode("utf-8", "replace"))
            if known.charger is not None and len(self._seen) < MOST_PREFIXES:
                self._seen.add(known.charger)
        return known

    def _named(self, text: str) -> str | None:
        """The charger that a line without a frame is about: one that frames are of, what can be a name, or the one whose address
        other lines have told."""
        seen = (each for each in re.findall(r"[\w.:-]+", text) if each.strip(".:") in self._seen)
        found = next((each.strip(".:") for each in seen), None) or charger_named(text)
        addresses = _ADDRESS.findall(text)
        if found is None:
            return next((self._at[address] for address in addresses if address in self._at), self._own)
        if len(addresses) == 1 and len(self._at) < MOST_PREFIXES:
            # several chargers behind one address are told from each other by nothing
            self._at[addresses[0]] = found if self._at.get(addresses[0], found) == found else None
        return found


_BEGINS_A_LINE = re.compile(rb"\d{4}[-/]\d\d|\d\d\.\d\d\.\d{4}|[A-Z]|\[[A-Za-z]|\[\s*$")
"""How a line of a log begins, and no further line of a frame that is spread over several."""

_KIND = re.compile(rb"\s*[2-6]\s*,")
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.])")


def is_told_in(entry: Entry) -> bool:
    """Whether an entry shows by itself that a text is an OCPP log: a frame, or a connection of a named charger at a time."""
    named = entry.time is not None and entry.charger is not None
    return isinstance(entry, Frame) or (named and not isinstance(entry, Remark))
