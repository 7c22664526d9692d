"""One site and its days: what is there, what happens, and the verbs by which faults change both.

A fault never writes telemetry. It changes what telemetry comes from (a contact's resistance, a fan, a session, a connection)
or, where nothing of the kind exists, single columns for a span; and it adds what would have been reported of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .chargers import Charger, chargers_of, connector_table
from .courses import Change, Course, Override
from .plan import HOUR, MINUTE, FleetPlan
from .sessions import NEVER, Sessions, sessions_of
from .sites import Site
from .states import Heat, ModuleTrouble, Outage
from .streams import Floats, Generator, chance
from .vehicles import POOL, Vehicles, vehicles_of
from .weather import ambient_at

Record = dict[str, Any]
AfterHeat = Callable[[Heat], None]
"""What is done once it is known how warm things get."""

BETWEEN_S = 120 * MINUTE
"""Seconds between two sessions of one vehicle at a site (our judgement: it has driven meanwhile)."""


@dataclass(frozen=True)
class Truth:
    """The true cause of one fault, as it was reported."""

    device_id: str
    connector_id: int | None
    fault_code: str
    cause_id: str
    timestamp: float


@dataclass
class SiteWorld:
    """A site with everything that happens there in the days of the plan."""

    plan: FleetPlan
    site: Site
    chargers: list[Charger]
    vehicles: Vehicles
    sessions: Sessions
    minutes: Floats
    weather: Floats
    ambient: Course = field(default_factory=lambda: Course(0.0))
    """Kelvin on top of the weather."""
    supply: Course = field(default_factory=lambda: Course(1.0))
    """The mains voltage against the usual."""
    lists: dict[str, list[Record]] = field(default_factory=dict)
    truths: list[Truth] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    outages: dict[int, list[Outage]] = field(default_factory=dict)
    close_looks: list[tuple[int, float, float]] = field(default_factory=list)
    """Spans of a connector in which it reports at the interval although nothing charges."""
    busy_until: dict[int, float] = field(default_factory=dict)
    """Until when a charger has enough with the incident that it had."""
    quiet_plug_outs: set[tuple[int, float]] = field(default_factory=set)
    """Plugs pulled (connector, moment) that no change to idle follows."""
    network: tuple[str | None, float | None] | None = None
    """The state of the site's network at the end and since when, nothing where nobody watches it; None where it never was out."""
    module_troubles: list[ModuleTrouble] = field(default_factory=list)
    after_heat: list[AfterHeat] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.owner, self.number = connector_table(self.chargers)
        self.contact = [Course(1.0) for _ in self.owner]
        self.airflow = [Course(1.0) for _ in self.chargers]
        self.fan = [Course(1.0) for _ in self.chargers]
        self._cancelled = np.zeros(len(self.sessions), dtype=np.bool_)

    # Reading

    def charger_of(self, connector: int) -> Charger:
        """The charger of a connector."""
        return self.chargers[int(self.owner[connector])]

    def connector_id(self, connector: int) -> int:
        """The number of a connector at its charger."""
        return int(self.number[connector])

    def rows_of(self, charger: Charger) -> list[int]:
        """The sessions of a charger that give current, in time order."""
        mine = np.isin(self.sessions.connector, np.array(charger.connectors)) & self.sessions.gives_current
        mine &= ~self._cancelled
        rows = np.flatnonzero(mine)
        return [int(row) for row in rows[np.argsort(self.sessions.start[rows], kind="stable")]]

    def session_near(
        self, charger: Charger, moment: float, minutes: float = 3.0, discharging: bool = False
    ) -> int | None:
        """The session of a charger that begins nearest to a moment, of at least so many minutes within the days."""
        sessions = self.sessions
        fit = [
            row
            for row in self.rows_of(charger)
            if min(sessions.stop[row], self.plan.end - 15 * MINUTE) - sessions.start[row] >= minutes * MINUTE
            and (sessions.turn[row] < sessions.stop[row] - 3 * MINUTE) == discharging
        ]
        return min(fit, key=lambda row: (abs(sessions.start[row] - moment), row), default=None)

    # Changing what happens

    def stop_at(
        self, row: int, moment: float, reason: str, details: Record | None = None, plug_out: float | None = None
    ) -> None:
        """Let a session stop earlier, for a reason."""
        self.sessions.stop[row] = max(moment, self.sessions.start[row] + 1)
        self.sessions.reasons[row] = reason
        if details:
            self.sessions.details[row] = details
        if plug_out is not None:
            self.sessions.plug_out[row] = max(plug_out, self.sessions.plug_in[row] + 5)

    def fail_start(self, row: int, stays_s: float) -> float:
        """Let a session never get current: the connector goes from preparing to fault, and the driver leaves. When."""
        sessions = self.sessions
        moment = float(sessions.start[row])
        sessions.gives_current[row] = False
        sessions.stop[row] = moment
        sessions.turn[row] = NEVER
        sessions.plug_out[row] = moment + stays_s
        self.look_closely(int(sessions.connector[row]), moment - 30, moment + stays_s)
        return moment

    def without_sessions(self, connector: int, begin: float, end: float) -> None:
        """Nobody charges at a connector for a while: vehicles that come go elsewhere."""
        sessions = self.sessions
        self._cancelled |= (sessions.connector == connector) & (sessions.plug_in >= begin) & (sessions.plug_in < end)

    def settle(self) -> None:
        """Take out the sessions that do not happen; places of sessions change by it."""
        self.sessions = self.sessions.kept(~self._cancelled)
        self._cancelled = np.zeros(len(self.sessions), dtype=np.bool_)

    def hold_down(self, row: int, moment: float, share: float) -> None:
        """Let the charger give but a share of the power from a moment of a session on."""
        self.sessions.held_from[row], self.sessions.held_to[row] = moment, share

    def stop_sessions(self, charger: Charger, moment: float, reason: str, details: Record | None = None) -> list[int]:
        """Stop whatever runs at a charger; the connectors where something ran."""
        sessions = self.sessions
        stopped = []
        for row in self.rows_of(charger):
            if sessions.start[row] < moment < sessions.stop[row]:
                self.stop_at(row, moment, reason, details)
                stopped.append(int(sessions.connector[row]))
        return stopped

    def used_hard(self, row: int, minutes: float, level: float) -> None:
        """Let a session be one of a large vehicle, near empty, that takes a level of what the connector gives for so long."""
        sessions = self.sessions
        later = sessions.plug_in[
            (sessions.connector == sessions.connector[row])
            & (sessions.plug_in > sessions.plug_in[row])
            & ~self._cancelled
        ]
        free = float(later.min()) - 5 * MINUTE if len(later) else self.plan.end + MINUTE
        charger = self.charger_of(int(sessions.connector[row]))
        sessions.stop[row] = max(min(sessions.start[row] + minutes * MINUTE, free), sessions.stop[row])
        sessions.plug_out[row] = sessions.stop[row] + 2 * MINUTE
        sessions.power_kw[row] = charger.connector_kw * level
        sessions.soc[row], sessions.knee[row] = 0.08, 0.9
        sessions.battery_kwh[row] = max(sessions.battery_kwh[row], sessions.power_kw[row] * minutes / 60 / 0.75)
        sessions.turn[row] = NEVER
        sessions.volts[row] = max(
            sessions.volts[row], sessions.power_kw[row] * 1000 / charger.model.max_current_a / 0.95
        )

    def comes_again(self, row: int, other: int) -> bool:
        """Let the vehicle of one session be that of another as well; false where it cannot have come there in time."""
        if not self._can_come(row, other):
            return False
        sessions = self.sessions
        if sessions.vehicle[row] < POOL:
            sessions.vehicle[row] = self.vehicles.regular(self.site, int(self.vehicles.model[sessions.vehicle[row]]))
        for name in ("vehicle", "battery_kwh", "volts", "phases"):
            getattr(sessions, name)[other] = getattr(sessions, name)[row]
        return True

    def _can_come(self, row: int, other: int) -> bool:
        """Whether the vehicle of a session is plugged in nowhere around another."""
        sessions = self.sessions
        same = sessions.vehicle == sessions.vehicle[row]
        before = sessions.plug_out[same] + BETWEEN_S < sessions.plug_in[other]
        after = sessions.plug_in[same] > sessions.plug_out[other] + BETWEEN_S
        return bool(np.all(before | after))

    def elsewhere(self, row: int, rng: Generator) -> int | None:
        """A session at another charger of the same kind, to which the vehicle of a session can come; None where there is none."""
        sessions, own = self.sessions, self.charger_of(int(self.sessions.connector[row]))
        fit = [
            found
            for charger in self.chargers
            if charger.place != own.place and charger.is_dc == own.is_dc and charger.place not in self.busy_until
            for found in self.rows_of(charger)
            if self._can_come(row, found) and sessions.start[found] < self.plan.end - 30 * MINUTE
        ]
        return fit[int(rng.integers(len(fit)))] if fit else None

    def in_fault(self, connector: int, begin: float, end: float, before: str | None = None) -> None:
        """A connector stands in fault for a while and takes no vehicle; with the state before, the changes are told."""
        self.without_sessions(connector, begin, end)
        self.override(connector, begin, end, "state", "fault")
        self.look_closely(connector, begin, min(end, begin + 5 * MINUTE))
        if before is not None:
            self.state(connector, begin, before, "fault")
            self.state(connector, end, "fault", "idle")

    def state(self, connector: int, moment: float, before: str, after: str) -> None:
        """Tell a change of a connector's state."""
        self.event(self.charger_of(connector), connector, moment, "state", {"from": before, "to": after})

    def repair(self, charger: Charger, moment: float, work: str, rng: Generator) -> float:
        """When a fault is mended on site, with the visit told where it lies within the days."""
        until = float(np.round(moment + rng.uniform(8, 72) * HOUR))
        if until < self.plan.end:
            self.visit(charger, until, work, False)
        return until

    def override(self, connector: int, begin: float, end: float, column: str, value: float | str | Change) -> None:
        """Let a telemetry column of a connector be other than the usual for a while."""
        self.overrides.append(Override(connector, begin, end, column, value))

    def look_closely(self, connector: int, begin: float, end: float) -> None:
        """Let a connector report at the interval for a while."""
        self.close_looks.append((connector, begin, end))

    def lose_link(self, charger: Charger, outage: Outage) -> None:
        """Let a charger be away from the platform for a while."""
        self.outages.setdefault(charger.place, []).append(outage)

    # Telling of it

    def add(self, name: str, /, **record: Any) -> None:
        """Add a record to a list; names with dots are written with two underscores."""
        fields = {key.replace("__", "."): value for key, value in record.items() if value is not None}
        self.lists.setdefault(name, []).append(fields)

    def event(
        self, charger: Charger, connector: int | None, moment: float, kind: str, data: Record | None = None
    ) -> None:
        """Add an event of a charger."""
        if moment >= self.plan.end:
            return
        number = None if connector is None else self.connector_id(connector)
        self.add(
            "events", timestamp=moment, device_id=charger.device_id, event_type=kind, connector_id=number, data=data
        )

    def alarm(self, charger: Charger, connector: int | None, moment: float, message: str) -> None:
        """Add an alarm of a charger."""
        self.event(charger, connector, moment, "alarm", {"message": message})

    def fault(self, charger: Charger, connector: int | None, moment: float, cause: str, message: str, details: Record | None = None) -> None:  # fmt: skip
        """Add a fault event and its true cause (`F-0421/aux-contact-dirty`); beyond the days nothing is written."""
        if moment >= self.plan.end:
            return
        code = cause.split("/")[0]
        data: Record = {"fault_code": code, "fault_message": message}
        if details:
            data["details"] = details
        self.event(charger, connector, moment, "fault", data)
        number = None if connector is None else self.connector_id(connector)
        self.truths.append(Truth(charger.device_id, number, code, cause, moment))

    def command(self, charger: Charger, connector: int | None, moment: float, command: str, status: str, took_s: float = 4.0,
                params: Record | None = None, result: Record | None = None) -> None:  # fmt: skip
        """Add a remote command."""
        if moment >= self.plan.end:
            return
        number = len(self.lists.get("commands", ())) + 1
        self.add("commands", command_id=f"CMD-{self.site.index + 1:05d}-{number:05d}", device_id=charger.device_id,
                 connector_id=None if connector is None else self.connector_id(connector), command=command, params=params, status=status,
                 created_at=moment, updated_at=moment + took_s, result=result)  # fmt: skip

    def visit(self, charger: Charger, moment: float, work: str, manual_override: bool | None = None) -> None:
        """Add a service visit."""
        self.add(
            "service_visits", timestamp=moment, device_id=charger.device_id, work=work, manual_override=manual_override
        )


def world_of(plan: FleetPlan, site: Site, number: int) -> SiteWorld:
    """A site with its first `number` chargers and their ordinary days, before anything goes wrong."""
    chargers = chargers_of(plan, site, number)
    vehicles = vehicles_of(plan, site)
    minutes: Floats = plan.begin + np.arange(plan.days * 1440 + 1, dtype=np.float64) * MINUTE
    return SiteWorld(
        plan=plan,
        site=site,
        chargers=chargers,
        vehicles=vehicles,
        sessions=sessions_of(plan, site, chargers, vehicles),
        minutes=minutes,
        weather=ambient_at(plan, site, minutes),
    )


def told(rng: Generator, share: float, **details: Any) -> Record:
    """Details that a charger tells now and then: each with this probability."""
    return {key: value for key, value in details.items() if chance(rng, share)}
