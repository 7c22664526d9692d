"""From a log to records: head, layout, frames, pairs, records; one frame at a time, whatever the length of the log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import IO, Literal

from ..heads import begins_as_bundle
from . import measured, v16, v201
from .charger import Charger, Emitted, given
from .commands import commanded
from .connection_lines import fails_of_platform_link
from .fault_codes import alarm_in_words
from .frames import (
    ACTIONS,
    CALL_ERROR,
    CALL_RESULT,
    CALL_RESULT_ERROR,
    Connection,
    Direction,
    Entry,
    Frame,
    Remark,
    Sign,
    is_cut_frame,
)
from .json_values import NoJson, read_json
from .layouts import Lines, is_told_in
from .pairing import LATE_S, OTHER, Call, Directions, is_call
from .problems import Problems, Report
from .reading import chunks_of, encoding_of, lines_of
from .schemas import TooDeep, Version, fault_in
from .structured import Objects
from .times import Clock, believed, told_time
from .values import mapping, name, number, text, word

Layout = Literal["lines", "objects", "array", "csv"]

MOST_CHARGERS = 100_000
"""Chargers of one log that are followed at a time; the first of more is finished early (our judgement: a large operator's)."""

HEAD_ENTRIES = 2000
"""Entries of a head by which clock and charger are told (our judgement: minutes of a fleet, days of one charger)."""

MOSTLY = 3
"""So many times as often times must fall as they rise (our judgement: an ordinary log's fall where a clock is set)."""

_FRAME_ANYWHERE = re.compile(
    rb"\[\s*[2-6]\s*,\s*(?:\\?\"{1,2}[^\"\\]{0,256}\\?\"{1,2}\s*,|&quot;)|^[^\S\n]*\[\s*$", re.MULTILINE
)
_HEADER = re.compile(rb"\s*[\w .\"-]+(?:[,;\t|][\w .\"-]+)+\r?\n")
"""The header of a table, which no log begins with."""

_PLAIN = rb'(?:\s*"[^"\\\n]{1,64}"\s*:\s*(?:"[^"\\\n]{0,256}"|[\w.+-]{1,64}|\[\s*\]|\{[^{}\[\]]{0,256}\})\s*,)*+'
_ARRAY_WITHIN = re.compile(
    rb"\{" + _PLAIN + rb'(?:\s*"[^"\\\n]{1,64}"\s*:\s*\{' + _PLAIN + rb')?\s*"[^"\\\n]{1,64}"\s*:\s*(?=\[\s*[{\[])'
)
"""The beginning of an object that holds, behind plain fields, an array of items, by itself or in an object within: exports wrap
their messages so."""


@dataclass(frozen=True)
class Head:
    """What the beginning of a log tells: its layout, how far its clock is ahead of UTC, the one charger it is of, whether its newest
    entry comes first, and whether it holds no frames but what lines say of a charger's faults and connections."""

    layout: Layout
    ahead_s: float
    charger: str | None
    newest_first: bool = False
    without_frames: bool = False


def look_at(head: bytes) -> Head | None:
    """What the head of a text tells; None where nothing in it is an OCPP frame or a connection of a charger."""
    if encoding_of(head) is not None:
        head = b"".join(lines_of(head, None, _unheard))
    if begins_as_bundle(head):
        return None
    layout = _layout_of(head)
    if layout is None:
        return None
    clock = Clock()
    entries = [*islice(_entries(layout, head, None, clock, Problems()), HEAD_ENTRIES)]
    without_frames = not any(is_told_in(entry) for entry in entries)
    if without_frames:
        if layout != "lines" or _HEADER.match(head):
            return None
        clock = Clock()
        entries = [*islice(_entries(layout, head, None, clock, Problems(), without_frames=True), HEAD_ENTRIES)]
        if not any(entry.time is not None and _tells_by_itself(entry) for entry in entries):
            return None
    for logged, told in _moments(entries):
        clock.vote(logged, told)
    chargers = {entry.charger for entry in entries if entry.charger is not None}
    charger = chargers.pop() if len(chargers) == 1 else None
    newest_first = _newest_first([e.time for e in entries if e.time is not None])
    return Head(layout, clock.elected, charger, newest_first, without_frames)


def _tells_by_itself(entry: Entry) -> bool:
    """Whether an entry of a log without frames tells of a connection, of a link that fails, or of a fault."""
    if isinstance(entry, Remark):
        return alarm_in_words(entry.text) is not None or fails_of_platform_link(entry.text.encode("utf-8", "replace"))
    return not isinstance(entry, Sign)


def _newest_first(times: list[float]) -> bool:
    """Whether times fall from one to the next, as in exports that show the newest first."""
    falls = sum(later < earlier for earlier, later in pairwise(times))
    rises = sum(later > earlier for earlier, later in pairwise(times))
    return falls > MOSTLY * (1 + rises)


def _unheard(_problem: str) -> None:
    """What is wrong with a head will be told when the log is read."""


def _layout_of(head: bytes) -> Layout | None:
    stripped = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    first = stripped[:1]
    has_frame = _FRAME_ANYWHERE.search(head) is not None
    if first == b"[" and stripped[1:].lstrip()[:1] in (b"{", b"["):
        return "array" if has_frame or _has_parts(stripped) else None
    objects = Objects(Clock(), Problems())
    if first == b"{":
        lines = stripped.split(b"\n")
        holds_array = _ARRAY_WITHIN.match(stripped) is not None and (has_frame or _has_parts(stripped))
        # the items of an array may stand one a line as well, within an object that does not end in the first
        if not (holds_array and _loaded(lines[0]) is None) and any(objects.tells(_loaded(line)) for line in lines):
            return "objects"
        return "array" if holds_array else None
    lines = [line for line in stripped.split(b"\n", 50)[:50] if line.strip()]
    if first not in (b"[", b"") and len(lines) > 1 and _is_csv(lines, objects, head):
        return "csv"
    if (
        has_frame
        or any(is_cut_frame(line) for line in lines)
        or re.search(rb"connect|clos|error|fault|fail|warn", head, re.IGNORECASE)
    ):
        return "lines"
    return None


def _has_parts(text: bytes) -> bool:
    """Whether the objects of an array name an action, so that their frames can be put together."""
    return any(action.encode() in text for action in ACTIONS)


def _is_csv(lines: list[bytes], objects: Objects, head: bytes) -> bool:
    header = lines[0].decode("utf-8", "replace")
    if max(header.count(sign) for sign in ",;\t|") < 1 or re.search(r"\d{4}-\d\d-\d\d|\[\s*\d|\{", header):
        return False
    return any(isinstance(entry, Frame) for entry in objects.rows(iter(head.splitlines(keepends=True)[:200])))


def _loaded(line: bytes) -> object:
    try:
        return read_json(line)[0]
    except NoJson:
        return None


def _entries(
    layout: Layout,
    head: bytes,
    rest: IO[bytes] | None,
    clock: Clock,
    problems: Problems,
    *,
    without_frames: bool = False,
) -> Iterator[Entry]:
    def report(problem: str) -> None:
        problems.add("reading", None, problem, skipped=True)

    if layout == "array":
        within = _ARRAY_WITHIN.match(head.removeprefix(b"\xef\xbb\xbf").lstrip())
        begin = 0 if within is None else head.index(within[0]) + within.end()
        yield from Objects(clock, problems).items(chunks_of(head[begin:], rest, report))
        return
    lines = lines_of(head, rest, report)
    match layout:
        case "objects":
            yield from Objects(clock, problems).lines(lines)
        case "csv":
            yield from Objects(clock, problems).rows(lines)
        case _:
            yield from Lines(clock, problems, without_frames=without_frames).entries(lines)


def _moments(entries: list[Entry]) -> Iterator[tuple[float, float]]:
    """Moments as logged and as told: the platform's time in answers, else the charger's in what it reports."""
    told = [
        (entry.time, moment)
        for entry in entries
        if isinstance(entry, Frame) and entry.time is not None
        and (moment := told_time(entry.payload.get("currentTime"))) is not None
    ]  # fmt: skip
    yield from told or [
        (entry.time, moment)
        for entry in entries
        if isinstance(entry, Frame) and entry.time is not None and entry.action in v16.TIMED
        and (moment := told_time(entry.payload.get("timestamp"))) is not None
    ]  # fmt: skip


class Reader:
    """Takes the entries of one log and gives the records that follow from each."""

    def __init__(self, head: Head, clock: Clock, fallback: str, problems: Problems) -> None:
        self._clock = clock
        self._problems = problems
        self._nameless = head.charger or fallback
        self._without_frames = head.without_frames
        self._directions = Directions()
        self._chargers: dict[str, Charger] = {}
        self._now: float | None = None
        self.out: list[Emitted] = []

    def take(self, entry: Entry) -> None:
        """Take the next entry; its records are in `out`."""
        if isinstance(entry, Remark):
            self._remark(entry)
            return
        charger = self._charger(entry.charger or self._nameless)
        if entry.time is not None:
            self._now = entry.time
        if isinstance(entry, Frame):
            (self._call if is_call(entry) else self._answer)(charger, entry)
        elif isinstance(entry, Connection):
            self._connection(charger, entry)
        else:
            charger.heard(entry.time)

    def finish(self) -> None:
        """The log has ended; a call that it ends right after may have been answered."""
        for charger in self._chargers.values():
            self._end(charger)

    def _end(self, charger: Charger) -> None:
        for call in charger.pairing.abandon():
            waited = LATE_S + 1 if call.time is None or self._now is None else self._now - call.time
            if call.direction == "to-charger" or waited > LATE_S:
                self._unanswered(charger, call, self._now)
        charger.finish()

    def _charger(self, device_id: str) -> Charger:
        found = self._chargers.get(device_id)
        if found is None:
            if len(self._chargers) >= MOST_CHARGERS:
                self._end(self._chargers.pop(next(iter(self._chargers))))
            found = self._chargers[device_id] = Charger(device_id, self.out)
        return found

    def _remark(self, entry: Remark) -> None:
        """What a log says beside its messages, of the charger that it names or its words do, or of the only one."""
        named = (entry.charger, *re.findall(r"[\w.-]+", entry.text))
        known = next((self._chargers[each] for each in named if each in self._chargers), None)
        if known is None and self._without_frames:
            known = self._charger(entry.charger or self._nameless)
        elif known is None and len(self._chargers) == 1:
            known = next(iter(self._chargers.values()))
        if known is None or entry.time is None:
            return
        self._now = entry.time
        if entry.is_work:
            known.worked_on(entry.time, entry.text)
            return
        is_present = self._without_frames and not known.is_away
        if is_present and fails_of_platform_link(entry.text.encode("utf-8", "replace")):
            known.closed(entry.time, None, entry.text)
        known.remarked(entry.time, entry.text, alone=self._without_frames)

    def _connection(self, charger: Charger, entry: Connection) -> None:
        time = self._now if entry.time is None else entry.time
        if entry.opened:
            charger.opened(time, entry.reason)
        elif entry.attempted and charger.is_away:
            if time is not None and entry.reason:
                charger.remarked(time, entry.reason)
        else:
            self._abandon(charger, time)
            charger.closed(time, entry.code, entry.reason)

    # Calls

    def _call(self, charger: Charger, frame: Frame) -> None:
        direction = self._directions.of_call(frame)
        version = _version_of(frame) or charger.version
        if version is not None:
            charger.version = version
        if not self._is_kept(frame.line, version or "1.6", frame.action, frame.payload, answer=False):
            return
        told = told_time(frame.payload.get("timestamp")) if frame.action in v16.TIMED else None
        if frame.time is None and told is not None:
            self._now = told if self._now is None else max(self._now, told)
        arrived = self._now if frame.time is None else frame.time
        call, given_up, repeated = charger.pairing.call(frame, direction, arrived)
        for each in given_up:
            self._unanswered(charger, each, arrived)
        if repeated is not None and arrived is not None:
            again = {"problem": "message id used again", "same_message": repeated.same_message, "by": _SIDE[direction]}
            charger.event("ocpp", arrived, None, again, **_which(frame, direction))
        if direction == "to-charger":
            charger.platform_last_heard = arrived
            if frame.action in ("TriggerMessage", "ExtendedTriggerMessage"):
                wanted = text(frame.payload.get("requestedMessage"))
                charger.boot_asked_for = charger.boot_asked_for or wanted == "BootNotification"
            return
        charger.alive(arrived)
        charger.tell_nameless(arrived)
        if told is not None or arrived is not None:
            is_same = repeated is not None and repeated.same_message
            self._handle(charger, call, believed(told, arrived), is_same)
        elif frame.action not in ("BootNotification", "Heartbeat"):
            self._problems.add(
                "messages without a time", frame.line, "nothing tells when it was; it is skipped", skipped=True
            )

    def _handle(self, charger: Charger, call: Call, time: float | None, repeated: bool) -> None:
        if time is None:
            return
        call.done = True
        frame = call.frame
        calls = v201.CALLS if charger.version == "2.0.1" else v16.CALLS
        if frame.action == "Heartbeat":
            charger.heartbeat(call.time if call.time is not None else time)
        handler = calls.get(frame.action) or measured.CALLS.get(frame.action, v16.told)
        handler(charger, frame, time, repeated)

    # Answers

    def _answer(self, charger: Charger, frame: Frame) -> None:
        call = charger.pairing.answer(frame, self._directions.of_word(frame.word))
        if call is None:
            return
        asked = call.frame
        if frame.kind == CALL_RESULT and not self._is_kept(
            frame.line, charger.version or "1.6", asked.action, frame.payload, answer=True
        ):
            return
        current = told_time(frame.payload.get("currentTime"))
        if current is not None:
            if frame.time is not None:
                self._clock.check(frame.time, current)
            else:
                self._now = current  # the platform's clock counts more than what a charger told before it was set
        answered = self._now if frame.time is None else frame.time
        if call.direction == "to-charger":
            charger.alive(answered)
            commanded(charger, call, frame, answered)
        else:
            charger.platform_last_heard = answered
            if not call.done:
                call.time = call.time if call.time is not None else current
                self._handle(charger, call, answered, False)
            self._platform_answered(charger, asked, frame, answered)
        self._odd(charger, call, frame, answered)

    def _platform_answered(self, charger: Charger, asked: Frame, frame: Frame, answered: float | None) -> None:
        if frame.kind != CALL_RESULT or answered is None:
            return
        match asked.action:
            case "BootNotification":
                charger.boot_accepted = word(frame.payload.get("status")) not in ("pending", "rejected")
                interval = number(frame.payload.get("interval"))
                if charger.boot_accepted and interval is not None and interval > 0:
                    charger.configured(answered, {"heartbeat_interval_s": interval})
            case "Authorize" | "TransactionEvent":
                _authorized(charger, asked, frame.payload, answered)
            case "StartTransaction":
                v16.start_answered(charger, asked, frame.payload)
            case _:
                pass

    def _odd(self, charger: Charger, call: Call, frame: Frame, answered: float | None) -> None:
        """What is odd about an answer: that it is an error, or that it comes late."""
        if answered is None:
            return
        which = _which(call.frame, call.direction)
        if frame.kind in (CALL_ERROR, CALL_RESULT_ERROR):
            error = given(
                code=text(frame.payload.get("errorCode")), description=text(frame.payload.get("errorDescription"))
            )
            by = _SIDE[OTHER[call.direction]]
            charger.event("ocpp", answered, None, {"problem": "answered with an error", "by": by, **error}, **which)
        if call.time is not None and answered - call.time > LATE_S:
            late = {
                "problem": "answered late",
                "by": _SIDE[OTHER[call.direction]],
                "seconds": round(answered - call.time, 3),
            }
            charger.event("ocpp", answered, None, late, **which)

    def _abandon(self, charger: Charger, time: float | None) -> None:
        for call in charger.pairing.abandon():
            self._unanswered(charger, call, time)

    def _unanswered(self, charger: Charger, call: Call, until: float | None) -> None:
        """A call was given up; what is told of it is how long its answer was missed, and how long the other side was heard."""
        if call.direction == "to-charger":
            commanded(charger, call, None, None)
        if charger.pairing.has_answers and call.time is not None:
            last = charger.last_heard if call.direction == "to-charger" else charger.platform_last_heard
            missed = {
                "problem": "no answer",
                "by": _SIDE[OTHER[call.direction]],
                **given(waited_s=_seconds(call.time, until), heard_after_s=_seconds(call.time, last)),
            }
            charger.event("ocpp", call.time, None, missed, **_which(call.frame, call.direction))

    def _is_kept(
        self, line: int, version: Version, action: str, payload: Mapping[str, object], *, answer: bool
    ) -> bool:
        """Whether a message can be used; what is not as its standard has it is named, and used as far as it goes."""
        try:
            fault = fault_in(version, action, payload, answer=answer)
        except TooDeep as error:
            self._problems.broken(line, str(error))
            return False
        if fault is not None:
            what = f"the answer to {action}" if answer else action
            self._problems.add(
                f"messages of the kind {what} that are not as OCPP {version} has them",
                line,
                f"{what} is not as OCPP {version} has it ({fault}); it is used as far as it goes",
            )
        return True


_SIDE: Mapping[Direction, str] = {"from-charger": "charger", "to-charger": "platform"}
"""Who sends what goes in a direction."""


def _seconds(start: float, end: float | None) -> float | None:
    """How long after a start something was; None where it was not after it."""
    return round(end - start, 3) if end is not None and end > start else None


def _which(frame: Frame, direction: str) -> dict[str, str]:
    return {"action": frame.action, "message_id": frame.id, "direction": direction}


_ONLY_IN: Mapping[str, Version] = {
    **dict.fromkeys(
        ("StartTransaction", "StopTransaction", "DiagnosticsStatusNotification", "ChangeConfiguration", "GetConfiguration",
         "RemoteStartTransaction", "RemoteStopTransaction", "ExtendedTriggerMessage", "GetDiagnostics"), "1.6"),
    **dict.fromkeys(
        ("TransactionEvent", "NotifyEvent", "NotifyReport", "GetVariables", "SetVariables", "RequestStartTransaction",
         "RequestStopTransaction", "GetBaseReport", "SetVariableMonitoring", "SetNetworkProfile"), "2.0.1"),
}  # fmt: skip
"""Messages by which the version of the standard is known."""

_FIELD_OF: Mapping[str, tuple[str, str]] = {
    "BootNotification": ("chargePointModel", "chargingStation"),
    "StatusNotification": ("status", "connectorStatus"),
    "MeterValues": ("connectorId", "evseId"),
    "Authorize": ("idTag", "idToken"),
}
"""Fields that the two versions of a message do not share: of 1.6, and of 2.0.1."""


def _version_of(frame: Frame) -> Version | None:
    found = _ONLY_IN.get(frame.action)
    if found is None and frame.action in _FIELD_OF:
        old, new = _FIELD_OF[frame.action]
        if new in frame.payload:
            return "2.0.1"
        if old in frame.payload:
            return "1.6"
    return found


def _authorized(charger: Charger, asked: Frame, answer: Mapping[str, object], time: float) -> None:
    info = mapping(answer.get("idTagInfo")) or mapping(answer.get("idTokenInfo"))
    status = text(info.get("status"))
    token = name(asked.payload.get("idTag")) or name(mapping(asked.payload.get("idToken")).get("idToken"))
    if status is not None:
        kind = "auth_ok" if status == "Accepted" else "auth_refused"
        charger.event(kind, time, None, {"status": status}, **given(id_tag=token))


def records(
    seen: Head, head: bytes, rest: IO[bytes] | None, fallback: str, report: Report | None = None
) -> Iterator[Emitted]:
    """The records of a log, one after the other, with no more of it in memory than is needed to pair its frames; one whose newest
    entry comes first is taken into memory, as its end is its beginning.

    `head` is its beginning, `seen` what `look_at` made of that, `rest` the stream behind it. `fallback` names a charger that
    the log does not name; `report` takes each problem, and whether something was skipped because of it.
    """
    problems = Problems(report)
    clock = Clock(seen.ahead_s)
    reader = Reader(seen, clock, fallback, problems)
    take, out = reader.take, reader.out
    entries: Iterable[Entry] = _entries(seen.layout, head, rest, clock, problems, without_frames=seen.without_frames)
    for entry in reversed([*entries]) if seen.newest_first else entries:
        take(entry)
        if out:
            yield from out
            out.clear()
    reader.finish()
    yield from out
    problems.close()
