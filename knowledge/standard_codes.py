"""Codes of other standards that chargers report: what they mean, and the documented codes that they stand for.

The table is `standard_codes.yaml`. Its sources: the enumerations of OCPP 1.6 and 2.0.1, the minimum required error codes of
the ChargeX consortium, and CharIN's draft of how to send errors by OCPP; how each row fits is our judgement, its basis beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from pydantic import Field

from ..engine.diagnosis import MappedFrom
from ..engine.rules import RuleModel
from .findings import usable
from .library import STANDARD_CODES, shipped_directory
from .observations import Observations, Record, Table
from .texts import words_of
from .topics import Topics

Activity = Literal["starting", "charging", "discharging", "stopping", "idle", "unknown"]
"""What a connector was doing when a code came."""

STOPPING_S = 600.0
"""How long after a stop a connector is still stopping (our judgement: reports of a contactor come within minutes)."""

STARTING_S = 60.0
"""How long after its start event a session is still starting where no state tells more (our judgement: as for CLOSING_S, with
the negotiation, the cable check and the pre-charge of a fast charger before it)."""

CLOSING_S = 10.0
"""How long after it says that it charges a charger may still be waiting for its contactor.

Our judgement: ISO 15118-2 gives the contactor 3 s to close and the answer 4.5 s; chargers report states by the second.
"""

LONGEST_WORDS = 200
"""Characters of a report that are searched for words (our judgement: what failed stands at the beginning)."""

STATE_IS_KNOWN_S = 24 * 3600.0
"""How old the latest known state may be (our judgement: a connector reports each change, so that a state holds until then)."""


class StandsFor(RuleModel):
    """A documented code that a standard one stands for: while the connector did what, how well, and why we think so."""

    fault: str
    while_: tuple[Activity, ...] = Field(default=(), alias="while")
    on: Literal["connector", "charger"] | None = None
    fit: Literal["exact", "close"]
    basis: str


class StandardCode(RuleModel):
    """A code of another standard: its meaning in our words, what it stands for, and what else a person should think of.

    `basis` says why it stands for nothing, or nothing more. A row with `words` (phrases as in a vocabulary) is no code but what
    vendors say in words of their own.
    """

    code: str
    standard: str
    meaning: str
    name: str = ""
    maps_to: tuple[StandsFor, ...] = ()
    related: tuple[str, ...] = ()
    basis: str = ""
    words: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        """The documented codes that it can stand for, in the order of the table."""
        return tuple(dict.fromkeys(found.fault for found in self.maps_to))

    @property
    def depends_on_activity(self) -> bool:
        """Whether what the connector was doing decides what it stands for."""
        return any(found.while_ for found in self.maps_to)

    def stands_for(self, activity: Activity, names_connector: bool) -> tuple[StandsFor, ...]:
        """The documented codes that it stands for when a connector was doing this, and was named or not."""
        place = "connector" if names_connector else "charger"
        return tuple(
            found
            for found in self.maps_to
            if (not found.while_ or activity in found.while_) and found.on in (None, place)
        )

    def mapped(self, fit: Literal["exact", "close"]) -> MappedFrom:
        """How a diagnosis names it."""
        meaning = f"{self.name}: {self.meaning}" if self.name else self.meaning
        return MappedFrom(code=self.code, standard=self.standard, meaning=meaning, exactness=fit)


class StandardCodesFile(RuleModel):
    """All codes of other standards."""

    codes: tuple[StandardCode, ...]


def spelled_alike(text: str) -> str:
    """A code as it is looked up: in lower case, without signs."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


@dataclass(frozen=True)
class StandardCodes:
    """The codes of other standards of a knowledge folder; the table is read when it is first asked for.

    Raises KnowledgeError where the file cannot be used.
    """

    directory: Path

    @cached_property
    def rows(self) -> Mapping[str, StandardCode]:
        """The table by codes as written."""
        return {row.code: row for row in usable(StandardCodesFile, self.directory / STANDARD_CODES).codes}

    @cached_property
    def _by_spelling(self) -> Mapping[str, StandardCode]:
        rows = self.rows.values()
        by_code = {spelled_alike(row.code): row for row in rows}
        by_name = {spelled_alike(row.name): row for row in reversed(tuple(rows)) if row.name}
        return {**by_name, **by_code}

    @cached_property
    def _said(self) -> Callable[[str], StandardCode | None]:
        by_words = Topics({row.code: row.words for row in self.rows.values() if row.words})

        def found(text: str) -> StandardCode | None:
            said = by_words.mentioned(words_of(text[:LONGEST_WORDS]))
            return self.rows[said[0]] if len(said) == 1 else None

        return lru_cache(maxsize=4096)(found)

    def lookup(self, text: str) -> StandardCode | None:
        """The row of a code or a name in any spelling (`CX017`, `cx-17`, `power switch failure`); None where there is none.

        Of a name that several standards have, OCPP's own code is meant.
        """
        bare = spelled_alike(text)
        short = re.fullmatch(r"(?:mrec|cx)0*(\d{1,2})", bare)
        return self._by_spelling.get(f"cx{int(short.group(1)):03d}" if short else bare)

    def said_in_words(self, text: str) -> StandardCode | None:
        """The row of what a vendor says in words of its own (`FanSpeedLow`); None where they fit none, or several."""
        return self._said(text)

    def reported(self, code: str) -> StandardCode | None:
        """The row of what a charger reports as a code: one of a standard, else a vendor's words for it."""
        return self.lookup(code) or self.said_in_words(code)

    def asked_for(self, text: str) -> StandardCode | None:
        """The row that somebody means who asks: as `lookup`, and besides by a part of a code that only one has.

        That is `AcDcConverter` for AcDcConverter.Problem, `SoftReset` for StopReason.SoftReset, `1006` for CloseCode.1006. A code
        that a charger reports is never read so: there the same words can mean something else.
        """
        bare = spelled_alike(text)
        by_part = [row for row in self.rows.values() if bare in (spelled_alike(part) for part in row.code.split("."))]
        return self.lookup(text) or (by_part[0] if len(by_part) == 1 else None)


@cache
def shipped_codes() -> StandardCodes:
    """The shipped table."""
    return StandardCodes(shipped_directory())


def codes_of(directory: Path) -> StandardCodes:
    """The table of a knowledge folder; the shipped one where it has none of its own."""
    own = directory != shipped_directory() and (directory / STANDARD_CODES).exists()
    return StandardCodes(directory) if own else shipped_codes()


def standard_codes() -> Mapping[str, StandardCode]:
    """The shipped table by codes as written. Raises KnowledgeError where the file cannot be used."""
    return shipped_codes().rows


def close_code(code: int) -> StandardCode | None:
    """The shipped row of a WebSocket close code; None where there is none."""
    return standard_codes().get(f"CloseCode.{code}")


def lookup(text: str) -> StandardCode | None:
    """`StandardCodes.lookup` in the shipped table."""
    return shipped_codes().lookup(text)


def said_in_words(text: str) -> StandardCode | None:
    """`StandardCodes.said_in_words` in the shipped table."""
    return shipped_codes().said_in_words(text)


def reported(code: str) -> StandardCode | None:
    """`StandardCodes.reported` in the shipped table."""
    return shipped_codes().reported(code)


def activity(observations: Observations, device_id: str, connector_id: int | None, time: float) -> Activity:
    """What a connector was doing just before a moment (epoch seconds), as state, start and stop events and telemetry tell.

    A fault that comes within ten seconds of the state `charging` comes while starting: the contactor is only closing then.
    """
    last = _latest_turn(observations, device_id, connector_id, time)
    if last is None:
        return "unknown"
    since = time - last.time
    match last.state:
        case "preparing":
            return "starting"
        case "started":
            return "starting" if since <= STARTING_S else "charging"
        case "charging":
            return "starting" if since <= CLOSING_S else "charging"
        case "stopped":
            return "stopping" if since <= STOPPING_S else "idle"
        case "discharging" | "idle":
            return last.state
        case _:
            return "unknown"


_State = Literal["idle", "preparing", "unavailable", "started", "charging", "discharging", "stopped"]

_WITHIN_A_MOMENT: tuple[_State, ...] = get_args(_State)
"""The order of what is told for the same second: a session goes up before it ends."""

_STATES: Mapping[str, _State] = {state: state for state in _WITHIN_A_MOMENT}

_GOES_ON = {("charging", "started"), ("discharging", "started"), ("stopped", "idle")}
"""What tells nothing new: a session announced once it charges, a connector that is free after its stop."""


class _Turn(NamedTuple):
    """When a connector turned to a state (epoch seconds)."""

    time: float
    state: _State


def _latest_turn(observations: Observations, device_id: str, connector_id: int | None, time: float) -> _Turn | None:
    """When a connector turned to the state it was in before a moment; faults do not count as one."""
    turns = [
        *_turns(observations["events"], _told_by_event, device_id, connector_id, time),
        *_turns(observations["telemetry"], _told_by_telemetry, device_id, connector_id, time),
    ]
    latest: _Turn | None = None
    for turn in sorted(turns, key=lambda turn: (turn.time, _WITHIN_A_MOMENT.index(turn.state))):
        if latest is None or (latest.state != turn.state and (latest.state, turn.state) not in _GOES_ON):
            latest = turn
    return latest


def _turns(
    table: Table, told: Callable[[Record], str | None], device_id: str, connector_id: int | None, time: float
) -> Iterator[_Turn]:
    """The states that the records of a connector tell of the day before a moment."""
    rows = table.by_device.get(device_id)
    if rows is None:
        return
    times = table.times[rows]
    for row in rows[np.searchsorted(times, time - STATE_IS_KNOWN_S) : np.searchsorted(times, time, "right")]:
        record = table.records[row]
        if connector_id is None or (record.fields.get("connector_id") or connector_id) == connector_id:
            state = _STATES.get(told(record) or "")
            if state is not None:
                yield _Turn(float(table.times[row]), state)


def _told_by_event(record: Record) -> str | None:
    kind, data = record.fields["event_type"], record.fields.get("data")
    if kind == "state" and isinstance(data, Mapping):
        return data.get("to") if isinstance(data.get("to"), str) else None
    return {"start": "started", "stop": "stopped"}.get(kind)


def _told_by_telemetry(record: Record) -> str | None:
    return record.fields.get("state")
