"""One charger as a log tells of it: its connection, connectors and sessions, and the records that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ...knowledge.standard_codes import lookup
from .fault_codes import LOST, alarm_in_words, alarm_of_link, is_ours, tells_of_absence
from .pairing import Pairing
from .ratings import ratings_in
from .schemas import Version
from .times import iso
from .values import word

Record = dict[str, Any]
Emitted = tuple[str, Record]
"""A record and the list that it belongs to."""

Alarm = tuple[int | None, str, str | None]
"""What an alarm is of: its connector, its component with the variable, and which of several such components."""

SILENCE_S = 30.0
"""A pause between frames after which the last one before it is kept as a sign of life (the dictionary's heartbeat interval)."""

MOST_SESSIONS = 256
"""Sessions of one charger that can be open at a time (our judgement: those beyond lost their ends)."""

MOST_GAPS = 64
"""Pauses between heartbeats that are kept to see their usual interval (our judgement)."""

CLEAN_CLOSES = (1000, 1001)
"""Close codes of a WebSocket that was closed as it should be (RFC 6455, 7.4.1)."""

MOST_CODES = 64
"""Codes of one connector that are remembered as active (our judgement: several components can report at once)."""

WAIT_FOR_CODE_S = 60.0
"""How long a connector that is faulted without a code waits for the report that names one (our judgement)."""

FAN_TOLD_LATELY_S = 600.0
"""Seconds for which what a fan told of its speed holds beside the others (our judgement: monitors report each some minutes)."""

MOST_FANS = 32
"""Fans of a charger that are told apart (our judgement: none has more)."""

AWAY_INTERVALS = 1.5
"""A pause of more intervals than this is an absence (our judgement: one heartbeat is missing)."""

TOLD_ONCE_BACK_S = 300.0
"""Seconds after its return within which a charger tells that it was away (our judgement: it sends what it has kept at once)."""

ONE_CLOSE_S = 5.0
"""Seconds within which lines that tell of a close mean the same one (our judgement: a close takes a round trip)."""

MOST_REMARKS = 2_000
"""Lines of a log about a charger's link that are kept (our judgement: a day of attempts, one or two a minute)."""


@dataclass(slots=True)
class Connector:
    """One connector: its state in the records' words, the standard's status, the codes that are active with what was last said of
    each, the latest voltage, whether power flows out of the vehicle, and whether the end of its session has told that the plug was
    pulled."""

    state: str | None = None
    status: str | None = None
    codes: dict[str, Record] = field(default_factory=dict)
    nameless_since: float | None = None
    nameless: tuple[Record, Record] | None = None
    voltage: float | None = None
    exports: bool = False
    unplugged: bool = False
    phases: int | None = None


@dataclass(slots=True)
class Session:
    """A transaction: from when, its meter in Wh, the highest power in kW, states of charge in percent.

    `is_named` says whether the platform's id of it is known; `vehicle` is its VIN or the address of its controller.
    """

    id: str
    connector: int | None
    start: float | None
    meter_start: float | None = None
    meter_end: float | None = None
    soc_start: float | None = None
    soc_end: float | None = None
    max_power: float | None = None
    details: Record = field(default_factory=dict)
    ocpp: Record = field(default_factory=dict)
    is_named: bool = True
    vehicle: str | None = None

    def metered(self, register: float | None, power: float | None, soc: float | None) -> None:
        """Take a reading during the session into account."""
        if register is not None:
            self.meter_start = register if self.meter_start is None else self.meter_start
            self.meter_end = register
        if power is not None and (self.max_power is None or abs(power) > abs(self.max_power)):
            self.max_power = power
        if soc is not None:
            self.soc_start = soc if self.soc_start is None else self.soc_start
            self.soc_end = soc


class Charger:
    """What is known of one charger so far; its records are put into `out`."""

    def __init__(self, device_id: str, out: list[Emitted]) -> None:
        self.id = device_id
        self.out = out
        self.version: Version | None = None
        self.pairing = Pairing()
        self.connectors: dict[int | None, Connector] = {}
        self._without_code: dict[int | None, float] = {}
        self.sessions: dict[str, Session] = {}
        self.running: dict[int | None, Session] = {}
        self.about: Record = {}
        self.boot_asked_for = False
        self.boot_accepted: bool | None = None
        self.last_heard: float | None = None
        self.platform_last_heard: float | None = None
        self.interval_s: float | None = None
        self._is_open: bool | None = None
        self._opened_or_closed: float | None = None
        self._fresh = False
        self._away: tuple[float, float] | None = None
        self._last_alive: float | None = None
        self._last_beat: float | None = None
        self._held_beat: float | None = None
        self._gaps: list[float] = []
        self._first_beat: float | None = None
        self._fans: dict[str | None, tuple[float, float]] = {}
        self._remarks = 0
        self.alarms: dict[Alarm, str] = {}

    # Records

    def emit(self, record_list: str, time: float, fields: Record) -> None:
        """Give a record of a moment."""
        self.out.append((record_list, {"timestamp": iso(time), "device_id": self.id, **fields}))

    def event(
        self, kind: str, time: float, connector: int | None = None, data: Record | None = None, **ocpp: Any
    ) -> None:
        """Give an event. What is given as `ocpp` stands beside its data: ids and whole payloads are kept for an escalation,
        but no text in which rules may look for words."""
        fields: Record = {"event_type": kind}
        if connector is not None:
            fields["connector_id"] = connector
        if data:
            fields["data"] = data
        if ocpp:
            fields["ocpp"] = ocpp
        self.emit("events", time, fields)

    def slowest_fan(self, fan: str | None, speed: float, time: float) -> float:
        """The speed of the slowest of the fans, of which each is told by itself; one that was not told of lately is left out."""
        self._fans = {name: told for name, told in self._fans.items() if time - told[0] <= FAN_TOLD_LATELY_S}
        if fan in self._fans or len(self._fans) < MOST_FANS:
            self._fans[fan] = (time, speed)
        return min(speed, *(told for _, told in self._fans.values()))

    def remarked(self, time: float, text: str, *, alone: bool = False) -> None:
        """A log says something of it in a line of its own; where it is the platform's alarm, the charger is at fault.

        `alone` says that the log holds no messages, so that its words are all that tells of faults.
        """
        alarm = alarm_of_link(text) or (alarm_in_words(text) if alone else None)
        self._remarks += 1
        if alarm is not None:
            self.faulty(None, alarm, time, text, {})
        elif self._remarks <= MOST_REMARKS:
            self.event("log", time, None, {"message": text})

    def worked_on(self, time: float, text: str) -> None:
        """A log tells of somebody's work at it."""
        self.emit("service_visits", time, {"work": text})

    def connector(self, number: int | None) -> Connector:
        """A connector by its number (None is the whole charger)."""
        found = self.connectors.get(number)
        if found is None:
            found = self.connectors[number] = Connector()
        return found

    @property
    def sends_our_codes(self) -> bool:
        """Whether it is of the vendor whose dictionary is known."""
        return is_ours(self.about.get("manufacturer"))

    # Connection

    def opened(self, time: float | None, reason: str | None = None) -> None:
        """Its connection was opened."""
        if self._is_open is False and time is not None and self._opened_or_closed is not None:
            self._away = self._opened_or_closed, time
        self._is_open, self._opened_or_closed, self._fresh = True, time, time is not None
        self.connector(None).codes.pop(LOST, None)
        self.pairing.reconnected()
        if time is not None:
            self.emit("connections", time, {"transition": "online", **given(reason=reason)})

    @property
    def is_away(self) -> bool:
        """Whether its connection was closed, and not opened since."""
        return self._is_open is False

    def closed(self, time: float | None, code: int | None, reason: str | None) -> None:
        """Its connection was closed; what several lines tell of one close is told once."""
        if self.is_away and code is None and reason is None and _is_soon(self._opened_or_closed, time):
            return
        self._is_open, self._opened_or_closed, self._fresh = False, time, False
        self._told_alive()
        if time is not None:
            clean = None if code is None else code in CLEAN_CLOSES
            told = given(clean_close=clean, close_code=code, reason=reason)
            self.emit("connections", time, {"transition": "offline", **told})

    def booted(self, time: float, message_id: str, *, repeated: bool, told: Record) -> None:
        """It announced itself after a start, or after its connection was made anew."""
        asked_for, self.boot_asked_for = self.boot_asked_for, False
        if asked_for or self.boot_accepted is False:
            return
        if not repeated:
            self.event("boot", time, None, told, message_id=message_id)
        if not self._fresh:
            told_why = f": {told['reason']}" if told.get("reason") else ""
            self.opened(time, "announced again with the same message id" if repeated else f"BootNotification{told_why}")
        self._fresh = False

    def heard(self, time: float | None) -> None:
        """Something of the charger came, if only a pong."""
        if time is not None:
            self.last_heard = time
        if self.is_away:
            self._is_open = None

    def alive(self, time: float | None) -> None:
        """A frame of the charger came: a sign of life, kept where a pause follows it."""
        if time is None:
            return
        self.last_heard = time
        if self._is_open is False:
            self._is_open = None
        last = self._last_alive
        if last is not None and time - last > SILENCE_S:
            self._told_alive()
            if self.beats_tell and time - last > AWAY_INTERVALS * self._usual_pause:
                self._away = last, time
        self._last_alive = time

    def _told_alive(self) -> None:
        last = self._last_alive
        if last is not None and self.beats_tell and (self._last_beat is None or last > self._last_beat):
            self._beat(last)

    @property
    def beats_tell(self) -> bool:
        """Whether the interval is known within which something should come; without it silence says nothing."""
        return self.interval_s is not None or bool(self._gaps)

    @property
    def _usual_pause(self) -> float:
        """Seconds between two signs of life of a charger that is there."""
        return max(SILENCE_S, self.interval_s or max(self._gaps, default=0.0))

    def heartbeat(self, time: float) -> None:
        """A heartbeat came."""
        if self._first_beat is None:
            self._first_beat = time
        if self._held_beat is not None:
            if len(self._gaps) < MOST_GAPS and time > self._held_beat:
                self._gaps.append(time - self._held_beat)
            if self._last_beat is None or self._held_beat > self._last_beat:
                self._beat(self._held_beat)
        self._held_beat = time
        if self.beats_tell:
            self._beat(time)

    def _beat(self, time: float) -> None:
        self._last_beat = time
        self.emit("heartbeats", time, {"status": "online"})

    def configured(self, time: float, settings: Record, changed: Record | None = None) -> None:
        """Settings became known: the contract's under their names, others as the charger calls them."""
        interval = settings.get("heartbeat_interval_s")
        if interval is not None and interval > 0:
            self.interval_s = interval
        told = {**({"settings": settings} if settings else {}), **({"ocpp_keys": changed} if changed else {})}
        if told:
            self.emit("configurations", time, told)
        self.rated(changed or {})

    def rated(self, keys: Mapping[str, Any]) -> None:
        """Keys or data of the charger may tell what it is made for."""
        ratings = ratings_in(keys)
        if ratings:
            self.about["product"] = {**self.about.get("product", {}), **ratings}

    # Connectors

    def turned(self, number: int | None, state: str | None, status: str | None, time: float) -> None:
        """A connector says which state it is in."""
        known = self.connector(number)
        before, known.state, known.status = known.state, state or known.state, status or known.status
        known.unplugged = known.unplugged and state not in ("preparing", "charging")
        if state is not None and state != before:
            data = given(**{"from": before, "to": state, "ocpp_status": status})
            self.event("state", time, number, data)
        if state is not None and state != "fault":
            self._tell_nameless(number)

    def faulty(
        self, number: int | None, code: str, time: float, message: str | None, details: Record, **ocpp: Any
    ) -> None:
        """A connector reports a code; the same code again is the same occurrence until it has been cleared, and of it only what has
        not been said yet is kept. That it was away a charger can only tell once it is back: it was when it fell silent."""
        known = self.connector(number)
        known.nameless_since, known.nameless = None, None
        self._without_code.pop(number, None)
        said = {**given(fault_message=message), "details": details}
        before = known.codes.get(code)
        if before is None and self._away is not None and self._is_open is not False and tells_of_absence(code):
            lost, back = self._away
            if 0 <= time - back <= TOLD_ONCE_BACK_S:
                time, ocpp = lost, {**ocpp, "told_at": iso(time)}
        if before is not None or len(known.codes) < MOST_CODES:
            known.codes[code] = said
        if before is None:
            self.event("fault", time, number, {"fault_code": code, **said}, **ocpp)
        elif before != said:
            self.event("ocpp", time, number, said, **ocpp)

    def alarmed(self, alarm: Alarm, code: str) -> None:
        """An alarm goes on under a code until it is over."""
        if alarm in self.alarms or len(self.alarms) < MOST_CODES:
            self.alarms[alarm] = code

    def faulty_without_code(self, number: int | None, time: float, details: Record, **ocpp: Any) -> None:
        """A connector is faulted and names no code: the active ones go on; else one may still be named elsewhere."""
        known = self.connector(number)
        if not known.codes and known.nameless is None:
            known.nameless_since, known.nameless = time, (details, ocpp)
            self._without_code[number] = time

    def cleared(self, number: int | None, code: str | None = None) -> None:
        """A connector has no fault any more, or a code that is over."""
        self._tell_nameless(number)
        codes = self.connector(number).codes
        if code is None:
            codes.clear()
        else:
            codes.pop(code, None)

    def tell_nameless(self, time: float | None) -> None:
        """Tell the faults whose code nobody named in time."""
        while self._without_code:
            number, since = next(iter(self._without_code.items()))
            if time is not None and time - since <= WAIT_FOR_CODE_S:
                return
            del self._without_code[number]
            self._tell_nameless(number)

    def _tell_nameless(self, number: int | None) -> None:
        known = self.connector(number)
        if known.nameless is not None and known.nameless_since is not None:
            details, ocpp = known.nameless
            self.faulty(number, "Faulted", known.nameless_since, None, details, **ocpp)

    # Sessions

    def started(self, session: Session, time: float) -> None:
        """A session began."""
        self.sessions[session.id] = session
        self.running[session.connector] = session
        self.event("start", time, session.connector, dict(session.details), **session.ocpp)
        if len(self.sessions) > MOST_SESSIONS:
            self._recorded(self.sessions.pop(next(iter(self.sessions))), None, None)

    def stopped(
        self, session_id: str | None, number: int | None, time: float, reason: str | None, details: Record,
        triggered_by: str | None = None, **ocpp: Any,
    ) -> None:  # fmt: skip
        """A session ended; one that began before the log leaves only its stop. `triggered_by` is a code that may tell that nobody
        wanted its end, where the reason does not."""
        ocpp |= given(transaction_id=session_id)
        session = self.sessions.pop(session_id, None) if session_id is not None else None
        if session is not None:
            number = session.connector
            if self.running.get(number) is session:
                del self.running[number]
            session.details.update(details)
            session.ocpp.update(ocpp)
            self._recorded(session, time, reason)
        self.event("stop", time, number, {**given(reason=reason), **({"details": details} if details else {})}, **ocpp)
        if number is not None and word(reason) == "evdisconnected":
            self.connector(number).unplugged = True
            self.event("plug_out", time, number)
        stopped_by = None if reason is None else f"StopReason.{reason}"
        self._told_unwanted(number, (stopped_by, triggered_by), time, session_id)

    def vehicle_told(self, number: int | None, vehicle: str | None) -> None:
        """A vehicle is named while its session runs; without a connector the one that runs alone is meant."""
        alone = next(iter(self.running.values())) if number is None and len(self.running) == 1 else None
        session = self.running.get(number, alone)
        if session is not None and vehicle is not None:
            session.vehicle = vehicle

    def renamed(self, session: Session, session_id: str) -> None:
        """The platform gave a session its id."""
        if self.sessions.get(session.id) is session:
            del self.sessions[session.id]
            session.id, session.is_named = session_id, True
            self.sessions[session_id] = session

    def session_of(self, session_id: str | None, number: int | None) -> Session | None:
        """The session of an id, else the one that runs on a connector.

        An id whose beginning nobody answered is that of the session which has none yet, where there is only one.
        """
        if session_id is None:
            return self.running.get(number)
        known = self.sessions.get(session_id)
        if known is None and not self.pairing.has_answers:
            nameless = [
                session for session in self.running.values()
                if not session.is_named and (number is None or session.connector == number)
            ]  # fmt: skip
            if len(nameless) == 1:
                known = nameless[0]
                self.renamed(known, session_id)
        return known

    def _recorded(self, session: Session, end: float | None, reason: str | None) -> None:
        if session.start is None:
            return
        energy = (
            (session.meter_end - session.meter_start) / 1000
            if session.meter_end is not None and session.meter_start is not None
            else None
        )
        vehicle = given(vin=session.vehicle, soc_start=session.soc_start, soc_end=session.soc_end)
        self.out.append(
            (
                "charging_records",
                {
                    "record_id": session.id,
                    "device_id": self.id,
                    "start_time": iso(session.start),
                    **given(
                        connector_id=session.connector,
                        end_time=None if end is None else iso(end),
                        energy=energy,
                        max_power=session.max_power,
                        meter_start=None if session.meter_start is None else session.meter_start / 1000,
                        meter_end=None if session.meter_end is None else session.meter_end / 1000,
                        stop_reason=reason,
                        vehicle_info=vehicle or None,
                        details=session.details or None,
                        ocpp=session.ocpp or None,
                    ),
                },
            )
        )

    def _told_unwanted(
        self, number: int | None, codes: Iterable[str | None], time: float, session_id: str | None
    ) -> None:
        """Tell the first of some codes of a session's end that stands for a fault."""
        rows = (lookup(code) for code in codes if code is not None)
        row = next((row for row in rows if row is not None and row.maps_to), None)
        if row is not None:
            reason = row.code.partition(".")[2]
            data: Record = {
                "fault_code": row.code,
                "fault_message": f"the session ended: {reason}",
                "details": {"reason": reason},
            }
            self.event("fault", time, number, data, **given(transaction_id=session_id))

    # The end

    def finish(self) -> None:
        """Give what only the end of the log tells: open sessions, the last sign of life, the charger itself."""
        self.tell_nameless(None)
        for session in self.sessions.values():
            self._recorded(session, None, None)
        self._told_alive()
        if self._held_beat is not None and self._last_beat is None:
            # One heartbeat without a known interval: as a heartbeat it would promise another within half a minute.
            self.event("ocpp", self._held_beat, action="Heartbeat")
        if self.interval_s is None and self._gaps and self._first_beat is not None:
            observed = {"heartbeat_interval_s": round(median(self._gaps), 3)}
            self.emit("configurations", self._first_beat, {"settings": observed, "observed": True})
        status = given(ocpp_version=self.version)
        if self._is_open is not None and self._opened_or_closed is not None:
            since = "online_since" if self._is_open else "offline_since"
            status |= {"status": "online" if self._is_open else "offline", since: iso(self._opened_or_closed)}
        self.out.append(("devices", {"device_id": self.id, **self.about, **status}))


def _is_soon(before: float | None, time: float | None) -> bool:
    return before is not None and time is not None and 0 <= time - before <= ONE_CLOSE_S


def given(**fields: Any) -> Record:
    """The fields that are known."""
    return {key: value for key, value in fields.items() if value is not None}
