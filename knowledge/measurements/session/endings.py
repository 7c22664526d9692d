"""How sessions ended: unexpectedly, as they should, by unplugging; and the sessions whose end is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Protocol

from ...readings import DAY, MINUTE, Reading, few
from ...scene import Scene
from ...sessions import Session
from ...texts import words_of

HISTORY = 60 * DAY
"""How far back sessions count as history (our judgement: longer than a worn latch takes to show, shorter than a refit)."""

_UNPLUGGED = re.compile(
    r"unplug|ev ?(side )?disconnect|evdisconnect|vehicle (side )?disconnect|(cable|connector|plug) (removed|pulled|disconnect)|plug ?out|ev ?departed"
)

_UNCLEAN = re.compile(
    r"\b(abnormal(ly)?|unexpected(ly)?|(over ?current|ground|earth|(connector ?)?lock|ev|power|network|connection|communication|link)?"
    r"(fault(s|y|ed)?|fail(s|ed|ure|ures)?|errors?|lost|loss|outages?)|offline|power ?quality|emergency(stop)?|trip(s|ped)?|bms(fault|shutdown|stop)?|protect(s|ed|ion|ive)?|"
    r"stopped ?by ?(the ?)?(vehicle|car|ev)|vehicle (stop(ped)?|request(s|ed)?)|reboot(ed)?|time ?out|timed out|f ?0805)\b"
)

_CLEAN = re.compile(
    r"\b(local|remote|user|driver|customer|operator|app|rfid|cards?|normal|completed?|finish(ed)?|done|full|target|soc ?limit|time ?limit|"
    r"energy ?limit|limit reached|soclimitreached|timelimitreached|energylimitreached|ev full|fully charged|stop button|scheduled?|success|"
    r"master ?pass|(local ?)?out ?of ?credit|de ?auth\w*|unlock ?(command|connector|request)|(hard|soft|immediate) ?reset|reset ?command)\b"
)
"""Ends as planned, by the driver or by an operator: OCPP counts resets, unlock commands and refused tokens among them."""

_VAGUE = re.compile(
    r"\b(abort(s|ed)?|interrupt(s|ed|ion)?|terminated|shut ?down|network|((connector|cable|plug|inter)? ?(lock|latch))|un(locked|latched)|"
    r"other|unknown)\b"
)
"""Words of an unexpected end where nobody is named who wanted it: a session that the user aborted ended as it should."""


Ending = tuple[Session, bool]
"""A session, and whether it ended unexpectedly."""


class Ended(Protocol):
    """Of a session what tells how it ended."""

    @property
    def device_id(self) -> str: ...
    @property
    def connector_id(self) -> int | None: ...
    @property
    def end(self) -> float | None: ...
    @property
    def stop_reason(self) -> str | None: ...


def ended_unexpectedly(scene: Scene, session: Ended) -> bool | None:
    """Whether a session ended unexpectedly (a fault of the code, or its stop reason), or as it should; None unknown."""
    if session.end is None:
        return None
    for fault in scene.faults("own", device=session.device_id):
        same = fault.connector_id is None or session.connector_id is None or fault.connector_id == session.connector_id
        if same and session.end - MINUTE <= fault.time <= session.end + 10 * MINUTE:
            return True
    return _is_unexpected(session.stop_reason) if session.stop_reason else None


@lru_cache(maxsize=256)
def _is_unexpected(stop_reason: str) -> bool | None:
    said = words_of(stop_reason)
    if _UNPLUGGED.search(said) or _UNCLEAN.search(said):
        return True
    if _CLEAN.search(said):
        return False
    return True if _VAGUE.search(said) else None


PLUG_OUT_TOLD_LATE_S = 5.0
"""A plug that was pulled may be told so long after the end that it caused (our judgement: the pilot breaks at once, the plug's
own contact is debounced; nobody comes to a charger that has just stopped within that time)."""


def by_unplugging(scene: Scene, session: Ended) -> bool:
    """Whether a session ended by unplugging: by its stop reason, or by a plug_out at its end."""
    if session.stop_reason and _names_unplugging(session.stop_reason):
        return True
    if session.end is None:
        return False
    start, end = session.end - 15, session.end + PLUG_OUT_TOLD_LATE_S
    outs = scene.once_of(session.device_id, "plug outs", lambda: _plug_outs(scene, session.device_id))
    return any(start <= time <= end and session.connector_id in (None, connector) for time, connector in outs)


@lru_cache(maxsize=256)
def _names_unplugging(stop_reason: str) -> bool:
    return _UNPLUGGED.search(words_of(stop_reason)) is not None


def _plug_outs(scene: Scene, device: str) -> list[tuple[float, int | None]]:
    """When a charger's plugs were pulled (epoch seconds), and of which connector."""
    outs = scene.events("plug_out", which="all", device=device)
    return [(e.time, e.fields.get("connector_id")) for e in outs if e.time is not None]


def with_known_end(scene: Scene, sessions: Iterable[Session]) -> list[Ending]:
    """Those of some sessions of which is known whether they ended unexpectedly."""
    return [(s, bad) for s in sessions if (bad := ended_unexpectedly(scene, s)) is not None]


def within_history(scene: Scene, session: Session) -> bool:
    """Whether a session began near enough to the latest occurrence to count as history."""
    return abs(session.start - scene.anchor) <= HISTORY


def history(scene: Scene) -> list[Ending]:
    """The connector's sessions up to the latest occurrence with a known end, within the history."""

    def load() -> list[Ending]:
        return with_known_end(
            scene, [s for s in scene.sessions() if within_history(scene, s) and s.start <= scene.anchor]
        )

    return scene.once(("history",), load)


def count_of(scene: Scene, sessions: Sequence[Session], known: Sequence[Ending]) -> Reading | None:
    """How many sessions, of those with a known end, are meant; None where no end is known."""
    if not known:
        return None
    return Reading(float(len(sessions)), scene.anchor, few([s.source for s in sessions or [s for s, _ in known]]))
