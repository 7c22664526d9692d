"""Sessions: arrivals by the hour, what each vehicle draws, when it ends.

A session charges at a constant power until the battery's knee and then tapers (constant current, constant voltage). A
session with V2G turns around at `turn` and discharges.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from .chargers import Charger
from .plan import DAY, HOUR, MINUTE, FleetPlan
from .sites import BY_HOUR, Site
from .streams import Flags, Floats, Generator, Places, stream
from .vehicles import Vehicles, visitors

EFFICIENCY = 0.93
"""Share of the energy delivered that the battery keeps (our judgement of the usual losses)."""

RAMP_S = 8.0
"""Time in which the current rises at a start (our judgement of what chargers ramp)."""

DC_KNEE, AC_KNEE = 0.72, 0.96
"""State of charge at which DC and AC charging begin to taper (our judgement of common curves)."""

DISCHARGE_FLOOR = 0.3
"""State of charge at which an ordinary V2G session stops discharging: above the vehicles' floor of 20 % (F-0702)."""

WEEKEND = {"work begins": 0.15, "shift ends": 0.4}
"""Use at weekends by the pattern of the hours, against weekdays (our judgement)."""

SECOND_CONNECTOR = 1.6
"""How much more the first connector of a charger is used than the others (our judgement)."""

NEVER = np.inf


@dataclass
class Sessions:
    """The sessions of a site as columns, by connector and then time. Times in epoch seconds, powers in kW, soc as a share.

    `gives_current` is false where a session never got as far. From `held_from` on the charger gives but the share `held_to`.
    `reasons` and `details` are those of the charging record.
    """

    connector: Places
    plug_in: Floats
    authorised: Floats
    start: Floats
    stop: Floats
    plug_out: Floats
    power_kw: Floats
    turn: Floats
    discharge_kw: Floats
    soc: Floats
    battery_kwh: Floats
    knee: Floats
    volts: Floats
    phases: Places
    vehicle: Places
    gives_current: Flags
    held_from: Floats
    held_to: Floats
    reasons: list[str] = field(default_factory=list)
    details: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.connector)

    def kept(self, keep: Flags) -> Sessions:
        """The sessions that a mask keeps."""
        places = np.flatnonzero(keep)
        columns = {f.name: getattr(self, f.name)[places] for f in fields(self) if f.name not in ("reasons", "details")}
        renamed = {int(before): after for after, before in enumerate(places)}
        details = {renamed[key]: value for key, value in self.details.items() if key in renamed}
        return Sessions(**columns, reasons=[self.reasons[place] for place in places], details=details)

    def power_at(self, rows: Places, times: Floats) -> Floats:
        """Power in kW at some moments of some sessions, negative while discharging, 0 outside."""
        passed = times - self.start[rows]
        peak, turn = self.power_kw[rows], self.turn[rows]
        taper_from, taper = self._taper(rows)
        beyond = np.maximum(passed - taper_from, 0.0)
        charging = peak * (1 - np.exp(-np.maximum(passed, 0) / RAMP_S)) * np.exp(-beyond / taper)
        since_turn = np.maximum(times - turn, 0.0)
        discharging = -self.discharge_kw[rows] * (1 - np.exp(-since_turn / RAMP_S))
        power = np.where(times < turn, charging, discharging)
        power = np.where(times >= self.held_from[rows], power * self.held_to[rows], power)
        return np.where((passed >= 0) & (times < self.stop[rows]) & self.gives_current[rows], power, 0.0)

    def energy_at(self, rows: Places, times: Floats) -> tuple[Floats, Floats]:
        """Energy in kWh charged and discharged up to some moments of some sessions."""
        charged, discharged = self._unheld(rows, times)
        held = np.isfinite(self.held_from[rows]) & self.gives_current[rows]
        if held.any():
            before, before_discharged = self._unheld(rows, np.minimum(times, self.held_from[rows]))
            charged = np.where(held, before + (charged - before) * self.held_to[rows], charged)
            given = before_discharged + (discharged - before_discharged) * self.held_to[rows]
            discharged = np.where(held, given, discharged)
        return charged, discharged

    def _unheld(self, rows: Places, times: Floats) -> tuple[Floats, Floats]:
        """The energy as it would be if nothing held the power down."""
        until = np.clip(np.minimum(times, self.stop[rows]), self.start[rows], None)
        passed = np.minimum(until, np.maximum(self.turn[rows], self.start[rows])) - self.start[rows]
        taper_from, taper = self._taper(rows)
        flat = np.minimum(passed, taper_from)
        tail = taper * (1 - np.exp(-np.maximum(passed - taper_from, 0.0) / taper))
        charged = self.power_kw[rows] * (flat + tail) / HOUR
        discharged = self.discharge_kw[rows] * np.maximum(until - self.turn[rows], 0.0) / HOUR
        flows = self.gives_current[rows]
        return np.where(flows, charged, 0.0), np.where(flows, discharged, 0.0)

    def soc_at(self, rows: Places, times: Floats) -> Floats:
        """State of charge (share) at some moments of some sessions."""
        charged, discharged = self.energy_at(rows, times)
        gained = (charged * EFFICIENCY - discharged / EFFICIENCY) / self.battery_kwh[rows]
        return np.clip(self.soc[rows] + gained, 0.0, 1.0)

    def _taper(self, rows: Places) -> tuple[Floats, Floats]:
        """Seconds until the knee, and the time constant of the taper that would just fill the battery."""
        pace = np.maximum(self.power_kw[rows], 0.1) * EFFICIENCY / self.battery_kwh[rows] / HOUR
        to_knee = np.maximum(self.knee[rows] - self.soc[rows], 0.0) / pace
        left = np.maximum(1.0 - np.maximum(self.knee[rows], self.soc[rows]), 0.01)
        return to_knee, left / pace


def sessions_of(plan: FleetPlan, site: Site, chargers: list[Charger], vehicles: Vehicles) -> Sessions:
    """All sessions of a site over the days of the plan, none overlapping another on its connector."""
    rng = stream(plan.seed, "sessions", site.index)
    connectors, arrivals, parked = [], [], []
    for charger in chargers:
        use = site.kind.dc if charger.is_dc else site.kind.ac
        if use is None:
            continue
        for place in charger.connectors:
            a_day = use.sessions_a_day / (1.0 if place == charger.connectors.start else SECOND_CONNECTOR)
            came = _arrivals(plan, a_day, use.by_hour, rng)
            stay = rng.uniform(*use.minutes, len(came)) * MINUTE
            came, stay = _queued(came, stay + rng.uniform(3, 12, len(came)) * MINUTE)
            connectors.append(np.full(len(came), place, dtype=np.intp))
            arrivals.append(came)
            parked.append(stay - 2 * MINUTE)
    if not connectors:
        return _drawn(site, chargers, vehicles, np.zeros(0, np.intp), np.zeros(0), np.zeros(0), rng)
    connector, came, stay = np.concatenate(connectors), np.concatenate(arrivals), np.concatenate(parked)
    within = came < plan.end - 2 * MINUTE
    return _drawn(site, chargers, vehicles, connector[within], came[within], stay[within], rng)


def _arrivals(plan: FleetPlan, a_day: float, pattern: str, rng: Generator) -> Floats:
    weights = np.array(BY_HOUR[pattern], dtype=np.float64)
    midnights = plan.begin + np.arange(plan.days) * DAY
    weekend = (midnights // DAY + 3) % 7 >= 5
    mean: Floats = a_day * np.where(weekend, WEEKEND.get(pattern, 1.0), 1.0)
    numbers = rng.poisson(mean)
    hours = rng.choice(24, int(numbers.sum()), p=weights / weights.sum())
    moments = np.repeat(midnights, numbers) + (hours + rng.random(len(hours))) * HOUR
    return np.sort(np.floor(moments))


def _queued(came: Floats, stay: Floats) -> tuple[Floats, Floats]:
    """Arrivals moved back so that each waits until the one before has gone (Lindley's recursion as a running maximum)."""
    before = np.concatenate([[0.0], np.cumsum(stay)[:-1]]) if len(stay) else stay
    return np.floor(np.maximum.accumulate(came - before) + before) if len(came) else came, stay


def _drawn(site: Site, chargers: list[Charger], vehicles: Vehicles, connector: Places, came: Floats, stay: Floats,
           rng: Generator) -> Sessions:  # fmt: skip
    number = len(connector)
    vehicle = np.zeros(number, dtype=np.intp)
    days = (came // DAY).astype(np.intp)
    for day in np.unique(days):
        of_day = np.flatnonzero(days == day)
        vehicle[of_day[np.argsort(came[of_day], kind="stable")]] = visitors(site, int(day), len(of_day), rng)
    owners = [chargers[place] for charger in chargers for place in [charger.place] * len(charger.connectors)]
    dc = np.array([owner.is_dc for owner in owners])[connector]
    v2g = np.array([owner.v2g for owner in owners])[connector]
    limit = np.array([owner.connector_kw for owner in owners])[connector]
    ac_kw, dc_kw = vehicles.figure("ac_kw")[vehicle], vehicles.figure("dc_kw")[vehicle]
    battery = vehicles.figure("battery_kwh")[vehicle] * vehicles.health[vehicle]
    authorised = came + np.floor(rng.uniform(4, 40, number))
    start = authorised + np.floor(rng.uniform(6, 25, number))
    gone = came + np.floor(np.maximum(stay, 4 * MINUTE))
    soc = np.where(dc, rng.uniform(0.08, 0.55, number), rng.uniform(0.2, 0.75, number))
    sessions = Sessions(
        connector=connector, plug_in=came, authorised=authorised, start=start, stop=gone - np.floor(rng.uniform(15, 100, number)), plug_out=gone,
        power_kw=np.where(dc, np.minimum(limit, dc_kw) * rng.uniform(0.55, 0.98, number), np.minimum(limit, ac_kw) * rng.uniform(0.95, 1.0, number)),
        turn=np.full(number, NEVER), discharge_kw=np.zeros(number), soc=soc, battery_kwh=battery,
        knee=np.where(dc, DC_KNEE, AC_KNEE) + rng.uniform(-0.06, 0.03, number),
        volts=vehicles.figure("volts")[vehicle] * rng.uniform(0.97, 1.03, number),
        phases=np.where(ac_kw < 9, 1, 3).astype(np.intp), vehicle=vehicle, gives_current=np.ones(number, dtype=np.bool_),
        held_from=np.full(number, NEVER), held_to=np.ones(number),
    )  # fmt: skip
    sessions.reasons = _ends(sessions, rng)
    _discharges(sessions, vehicles, v2g, rng)
    return sessions


def _ends(sessions: Sessions, rng: Generator) -> list[str]:
    """Let sessions end at the charge that their drivers asked for; the reasons of all ends."""
    rows = np.arange(len(sessions))
    to_knee, taper = sessions._taper(rows)
    wanted = rng.choice([0.8, 0.9, 1.0], len(sessions), p=[0.45, 0.2, 0.35])
    pace = sessions.power_kw * EFFICIENCY / sessions.battery_kwh / HOUR
    below_knee = (wanted - sessions.soc) / pace
    left = 1.0 - sessions.knee
    share = np.clip((wanted - sessions.knee) / left, 0.0, 0.97)
    reached = sessions.start + np.where(wanted <= sessions.knee, below_knee, to_knee - taper * np.log1p(-share))
    full = reached < sessions.stop
    sessions.stop = np.floor(np.maximum(np.where(full, reached, sessions.stop), sessions.start + 2 * MINUTE))
    sessions.plug_out = np.maximum(sessions.plug_out, sessions.stop + 15)
    timed = rng.random(len(sessions)) < 0.06
    return ["target_soc" if f else "time_limit" if t else "user_request" for f, t in zip(full, timed, strict=True)]


def _discharges(sessions: Sessions, vehicles: Vehicles, v2g: Flags, rng: Generator) -> None:
    """Let some sessions of V2G chargers discharge in their second half, where the vehicle may."""
    may = vehicles.figure("discharges").astype(np.bool_) & vehicles.figure("certified").astype(np.bool_)
    long = sessions.plug_out - sessions.start > 50 * MINUTE
    chosen = np.flatnonzero(v2g & may[sessions.vehicle] & long & (rng.random(len(sessions)) < 0.6))
    for row in chosen:
        turn = sessions.start[row] + np.floor(rng.uniform(8, 25)) * MINUTE
        power = float(rng.uniform(8, 28))
        sessions.soc[row] = max(sessions.soc[row], 0.5)
        sessions.power_kw[row] = min(sessions.power_kw[row], 40.0)
        room = (float(sessions.soc_at(np.array([row]), np.array([turn]))[0]) - DISCHARGE_FLOOR) * sessions.battery_kwh[
            row
        ]
        longest = room * EFFICIENCY / power * HOUR
        sessions.turn[row], sessions.discharge_kw[row] = turn, power
        sessions.stop[row] = np.floor(min(sessions.plug_out[row] - 30, turn + max(longest, 5 * MINUTE)))
        sessions.reasons[row] = "user_request"
