"""Telemetry: the rows of a site, day by day, drawn from its sessions, its heat and what faults have changed.

A connector reports at the plan's interval while a session goes on, every ten minutes otherwise, and not at all while its
charger is away from the platform.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from .lists import MOMENT
from .modules import power_modules
from .plan import DAY, MINUTE
from .states import Heat
from .streams import Flags, Floats, Generator, Places, stream
from .thermal import FAN_ON_C, FAN_ON_LOAD

if TYPE_CHECKING:
    from .world import SiteWorld

IDLE_INTERVAL_S = 600.0
"""Between reports of an idle connector (our judgement of what an archive keeps)."""

AFTER_STOP_S = 60.0
"""A connector reports on at the interval for this long after a session (our judgement)."""

DROPPED_SHARE = 0.001
"""Rows that never arrive (our judgement)."""

NOMINAL_FAN_RPM = 1800.0
"""Below it a running fan is reported as slow (dictionary F-0601)."""

STOPPED_FAN_RPM = 200.0
"""Below it a fan is reported as faulty (our judgement: such a fan moves no air)."""

STATES = ("idle", "preparing", "charging", "discharging")
IDLE, PREPARING, CHARGING, DISCHARGING = range(4)

SCATTER = {"voltage": 0.4, "current": 0.006, "temperature": 0.25, "cabinet_temperature": 0.2, "ambient_temperature": 0.15, "fan": 9.0,
           "dc_bus_voltage": 1.6, "phase": 0.7, "inverter_health_pct": 0.15, "internal": 0.4}  # fmt: skip
"""Standard deviations of the readings in their units, of the current as a share (our judgement of such meters)."""

HEALTH = "component_health."


def telemetry_of(
    world: SiteWorld, heat: Heat, away: dict[int, list[tuple[float, float]]]
) -> Iterator[tuple[float, pl.DataFrame]]:
    """The telemetry of each day of a site, by charger, connector and time; with it the day's begin (epoch seconds)."""
    connectors, begins, ends = _spans(world)
    for day in range(world.plan.days):
        begin = world.plan.begin + day * DAY
        rng = stream(world.plan.seed, "telemetry", world.site.index, day)
        connector, times = _moments(world, connectors, begins, ends, begin, away, rng)
        if len(times):
            yield begin, _Rows(world, heat, connector, times, rng).frame()


def _spans(world: SiteWorld) -> tuple[Places, Floats, Floats]:
    """Spans in which connectors report at the interval: sessions, and where a fault makes them; merged, in order."""
    sessions = world.sessions
    connector = np.concatenate([sessions.connector, np.array([look[0] for look in world.close_looks], dtype=np.intp)])
    begin = np.concatenate([sessions.plug_in, [look[1] for look in world.close_looks]])
    end = np.concatenate(
        [np.maximum(sessions.stop, sessions.plug_in) + AFTER_STOP_S, [look[2] for look in world.close_looks]]
    )
    order = np.lexsort((begin, connector))
    merged: list[tuple[int, float, float]] = []
    for place, first, last in zip(connector[order].tolist(), begin[order].tolist(), end[order].tolist(), strict=True):
        if merged and merged[-1][0] == place and first <= merged[-1][2]:
            merged[-1] = (place, merged[-1][1], max(last, merged[-1][2]))
        else:
            merged.append((place, first, last))
    columns = np.array(merged, dtype=np.float64).reshape(-1, 3)
    return columns[:, 0].astype(np.intp), columns[:, 1], columns[:, 2]


def _moments(world: SiteWorld, connectors: Places, begins: Floats, ends: Floats, begin: float,
             away: dict[int, list[tuple[float, float]]], rng: Generator) -> tuple[Places, Floats]:  # fmt: skip
    """Connector and time of each row of a day."""
    step, end = float(world.plan.interval_s), begin + DAY
    first = np.maximum(np.ceil((begin - begins) / step), 0.0)
    last = np.ceil((np.minimum(ends, end) - begins) / step)
    counts = np.maximum(last - first, 0).astype(np.intp)
    which = np.repeat(np.arange(len(begins)), counts)
    place = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + first[which]
    idle_owner = np.repeat(np.arange(len(world.owner)), int(DAY / IDLE_INTERVAL_S))
    idle = np.tile(begin + np.arange(0, DAY, IDLE_INTERVAL_S), len(world.owner)) + (idle_owner * 37) % int(
        IDLE_INTERVAL_S
    )
    connector = np.concatenate([connectors[which], idle_owner])
    times = np.concatenate([begins[which] + place * step, idle])
    fine = np.concatenate([np.ones(len(which), dtype=np.bool_), ~_inside(idle_owner, idle, connectors, begins, ends)])
    fine &= rng.random(len(fine)) >= DROPPED_SHARE
    connector, times = connector[fine], times[fine]
    order = np.lexsort((times, connector))
    connector, times = connector[order], times[order]
    return _while_linked(world, connector, times, away)


def _inside(connector: Places, times: Floats, connectors: Places, begins: Floats, ends: Floats) -> Flags:
    """Which moments of connectors lie in spans that are in order of connector and begin."""
    if not len(begins):
        return np.zeros(len(times), dtype=np.bool_)
    place = np.searchsorted(_key(connectors, begins), _key(connector, times), side="right") - 1
    found = np.maximum(place, 0)
    inside: Flags = (place >= 0) & (connectors[found] == connector) & (times < ends[found])
    return inside


def _key(connector: Places, times: Floats) -> Floats:
    """One number that orders by connector and then time: no time of an epoch's seconds reaches 10^10."""
    return connector * 1e10 + times


def _while_linked(world: SiteWorld, connector: Places, times: Floats, away: dict[int, list[tuple[float, float]]]) -> tuple[Places, Floats]:  # fmt: skip
    lost = np.zeros(len(times), dtype=np.bool_)
    for charger in world.chargers:
        low, high = np.searchsorted(connector, [charger.connectors.start, charger.connectors.stop])
        for begin, end in away.get(charger.place, ()):
            lost[low:high] |= (times[low:high] >= begin) & (times[low:high] < end)
    return connector[~lost], times[~lost]


class _Rows:
    """The rows of one site and day, column by column."""

    def __init__(self, world: SiteWorld, heat: Heat, connector: Places, times: Floats, rng: Generator) -> None:
        self.world, self.heat, self.rng = world, heat, rng
        self.connector, self.times = connector, times
        self.owner = world.owner[connector]
        sessions = world.sessions
        place = np.searchsorted(_key(sessions.connector, sessions.plug_in), _key(connector, times), side="right") - 1
        self.session = np.maximum(place, 0)
        if len(sessions):
            self.plugged = (
                (place >= 0)
                & (sessions.connector[self.session] == connector)
                & (times < sessions.plug_out[self.session])
            )
        else:
            self.plugged = np.zeros(len(times), dtype=np.bool_)
        self.columns: dict[str, Any] = {}

    def frame(self) -> pl.DataFrame:
        """The rows as a frame of the wire format's columns."""
        self._electrical()
        self._thermal()
        self._components()
        texts = self._texts()
        self._overridden(texts)
        self._hidden()
        return self._assembled(texts)

    def _scatter(self, size: float) -> Floats:
        drawn: Floats = self.rng.standard_normal(len(self.times), dtype=np.float32).astype(np.float64) * size
        return drawn

    def _of_charger(self, name: str) -> Floats:
        return np.array([float(getattr(charger, name)) for charger in self.world.chargers])[self.owner]

    def _electrical(self) -> None:
        sessions, times, rows = self.world.sessions, self.times, self.session
        power = np.zeros(len(times))
        soc = np.full(len(times), np.nan)
        energy = np.zeros(len(times))
        self.state = np.full(len(times), IDLE)
        volts = np.zeros(len(times))
        on = np.flatnonzero(self.plugged)
        self.dc = self._of_charger("is_dc") > 0
        phases = np.ones(len(times))
        self.held = np.ones(len(times))
        if len(on):
            mine, moments = rows[on], times[on]
            power[on] = sessions.power_at(mine, moments)
            charged, _ = sessions.energy_at(mine, moments)
            energy[on] = charged
            soc[on] = np.round(sessions.soc_at(mine, moments) * 100)
            preparing = moments < np.where(sessions.gives_current[mine], sessions.start[mine], sessions.stop[mine])
            flowing = (moments >= sessions.start[mine]) & (moments < sessions.stop[mine]) & sessions.gives_current[mine]
            self.state[on] = np.where(
                preparing,
                PREPARING,
                np.where(~flowing, IDLE, np.where(moments < sessions.turn[mine], CHARGING, DISCHARGING)),
            )
            volts[on] = np.where(flowing, sessions.volts[mine] * (1 + 0.06 * (np.nan_to_num(soc[on]) / 100 - 0.5)), 0.0)
            phases[on] = sessions.phases[mine]
            self.held[on] = np.where(moments >= sessions.held_from[mine], sessions.held_to[mine], 1.0)
        self.flows = (self.state == CHARGING) | (self.state == DISCHARGING)
        self.supply = 231.0 * self.world.supply.at(times) - 2.0 * np.sin((times % DAY) / DAY * 2 * np.pi)
        volts = np.where(self.flows & ~self.dc, self.supply, volts)
        divisor = np.where(self.dc, np.maximum(volts, 1.0), self.supply * phases)
        current = power * 1000 / divisor * (1 + self._scatter(SCATTER["current"]))
        shown = np.where(self.flows, volts + self._scatter(SCATTER["voltage"]), np.abs(self._scatter(0.3)))
        measured = np.where(self.flows, current * np.where(self.dc, shown, shown * phases) / 1000, 0.0)
        self.power = power
        self.phases = phases
        self.columns |= {"voltage": shown, "current": np.where(self.flows, current, 0.0), "power": measured,
                         "energy_delivered": np.where(self.plugged, energy, np.nan),
                         "soc": np.where(self.plugged & (self.dc | self.flows), soc, np.nan)}  # fmt: skip
        if not self.dc.all():
            self.columns["soc"] = np.where(self.dc, self.columns["soc"], np.nan)

    def _grid(self, table: Floats, column: Places) -> Floats:
        """Values of a table by the minute, interpolated at the rows."""
        position = (self.times - self.heat.times[0]) / MINUTE
        low = np.clip(position.astype(np.intp), 0, len(self.heat.times) - 2)
        part = position - low
        values: Floats = table[low, column] * (1 - part) + table[low + 1, column] * part
        return values

    def _thermal(self) -> None:
        ambient = np.interp(self.times, self.heat.times, self.heat.ambient)
        cabinet = self._grid(self.heat.cabinet, self.owner)
        load = self._grid(self.heat.load, self.owner)
        fan = self._grid(self.heat.fan, self.owner)
        self.cabinet = cabinet
        self.load = load
        self.columns |= {
            "temperature": self._grid(self.heat.connector, self.connector) + self._scatter(SCATTER["temperature"]),
            "ambient_temperature": ambient + self._scatter(SCATTER["ambient_temperature"]),
            "cabinet_temperature": cabinet + self._scatter(SCATTER["cabinet_temperature"]),
            HEALTH + "cooling_fan_rpm": np.where(self.dc, np.where(fan > 0, np.maximum(np.round(fan + self._scatter(SCATTER["fan"])), 0), 0), np.nan),
            HEALTH + "internal_temps.power_module": np.where(self.dc, cabinet + 4 + 14 * load + self._scatter(SCATTER["internal"]), np.nan),
            HEALTH + "internal_temps.control_board": cabinet + 2 + self._scatter(SCATTER["internal"]),
            HEALTH + "internal_temps.ac_inlet": ambient + 0.35 * (cabinet - ambient) + self._scatter(SCATTER["internal"]),
            HEALTH + "internal_temps.dc_outlet": np.where(self.dc, ambient + 0.75 * (cabinet - ambient) + 2, np.nan),
        }  # fmt: skip

    def _components(self) -> None:
        world, sessions = self.world, self.world.sessions
        plan = world.plan
        v2g = self._of_charger("v2g") > 0
        days = (self.times - plan.begin) / DAY
        starts = _counted(sessions.connector, sessions.start, self.connector, self.times)
        turns = _counted(
            sessions.connector,
            np.where(sessions.turn < sessions.stop, sessions.turn, np.inf),
            self.connector,
            self.times,
        )
        discharging = self.state == DISCHARGING
        supply_power = np.where(self.dc, np.abs(self.power) / 0.95, 0.0) * np.sign(self.power)
        phase = np.where(self.dc, supply_power * 1000 / (3 * self.supply), self.columns["current"])
        health = np.round(
            self._of_charger("inverter_health_pct") - 0.002 * days + self._scatter(SCATTER["inverter_health_pct"]), 1
        )
        self.columns |= {
            "dc_bus_voltage": np.where(self.dc, np.where(self.load > 0.001, 762 - 6 * np.minimum(self.load, 1.2), 770) + self._scatter(SCATTER["dc_bus_voltage"]), np.nan),
            "dc_bus_current": np.where(self.dc, self.power / 0.76 / 0.98, np.nan),
            "power_limit": self._of_charger("connector_kw") * self.held,
            "inverter_health_pct": np.where(v2g, health, np.nan),
            HEALTH + "contactor_cycles": np.floor(self._of_charger("cycles") + starts),
            HEALTH + "contactor_max_cycles": np.array([float(charger.model.rated_cycles) for charger in world.chargers])[self.owner],
            HEALTH + "isolation_test_kohms": np.where(self.dc, np.round(self._of_charger("isolation_kohm") * (1 + self._daily(0.03)), -1), np.nan),
            HEALTH + "bidirectional_inverter_cycles": np.where(v2g, self._of_charger("inverter_cycles") + turns, np.nan),
            HEALTH + "bidirectional_inverter_max_cycles": np.where(v2g, 60_000.0, np.nan),
            HEALTH + "harmonic_distortion_v2g_pct": np.where(v2g & discharging, 2.0 + self._scatter(0.08), np.nan),
            HEALTH + "discharge_contactor_cycles": np.where(v2g, self._of_charger("inverter_cycles") + turns, np.nan),
        }  # fmt: skip
        for number, name in enumerate("abc", 1):
            used = self.dc | (self.phases >= number)
            self.columns[f"phase_details.phase_{name}.voltage"] = (
                self.supply + self._scatter(SCATTER["phase"]) + (number - 2) * 0.6
            )
            self.columns[f"phase_details.phase_{name}.current"] = np.where(used, phase, 0.0)

    def _daily(self, size: float) -> Floats:
        """Scatter that is one value a connector and day: the test runs before a session, not with each row."""
        return (self.rng.standard_normal(len(self.world.owner)) * size)[self.connector]

    def _texts(self) -> dict[str, Any]:
        """Columns of words as places in a list of words, -1 where there is none."""
        running = self.columns[HEALTH + "cooling_fan_rpm"]
        wanted = (self.cabinet > FAN_ON_C) | (self.load > FAN_ON_LOAD)
        fan_state = np.where(~wanted | (running >= NOMINAL_FAN_RPM), 0, np.where(running > STOPPED_FAN_RPM, 1, 2))
        v2g = self._of_charger("v2g") > 0
        return {
            "state": _Words(list(STATES), self.state.copy()),
            HEALTH + "cooling_fan_status": _Words(
                ["ok", "warning", "fault"], np.where(np.isnan(running), -1, fan_state)
            ),
            HEALTH + "relay_state": _Words(["open", "closed"], self.flows.astype(np.intp)),
            "inverter_sync_status": _Words(
                ["unsynced", "synced"], np.where(v2g, (self.state == DISCHARGING).astype(np.intp), -1)
            ),
        }

    def _overridden(self, texts: dict[str, Any]) -> None:
        for change in self.world.overrides:
            low, high = np.searchsorted(self.connector, [change.connector, change.connector + 1])
            low, high = low + np.searchsorted(self.times[low:high], [change.begin, change.end])
            if low == high:
                continue
            if change.column in texts:
                texts[change.column].set(slice(low, high), str(change.value))
            else:
                column = self.columns[change.column]
                value = change.value
                column[low:high] = value(self.times[low:high], column[low:high], self.rng) if callable(value) else value

    def _hidden(self) -> None:
        """Take out what chargers do not send."""
        for channel, columns in CHANNEL_COLUMNS.items():
            sends = np.array([channel in charger.channels for charger in self.world.chargers])
            if sends.all():
                continue
            hidden = ~sends[self.owner]
            for name in columns:
                if name in self.columns:
                    self.columns[name][hidden] = np.nan

    def _assembled(self, texts: dict[str, Any]) -> pl.DataFrame:
        world = self.world
        devices = pl.Series([charger.device_id for charger in world.chargers])
        columns: dict[str, pl.Series] = {
            "timestamp": pl.Series(np.round(self.times * 1000).astype(np.int64)).cast(MOMENT),
            "device_id": devices.gather(self.owner),
            "connector_id": pl.Series(world.number[self.connector]).cast(pl.Int64),
        }
        for name, words in texts.items():
            channel = TEXT_CHANNELS.get(name)
            if channel is not None:
                sends = np.array([channel in charger.channels for charger in world.chargers])
                words.places[~sends[self.owner]] = -1
            columns[name] = words.series()
        for name, values in self.columns.items():
            columns[name] = pl.Series(np.round(values, DECIMALS.get(name, 1)), nan_to_null=True)
        frame = pl.DataFrame(columns).with_columns(power_modules=self._power_modules())
        return frame.select(COLUMNS)

    def _power_modules(self) -> pl.Series:
        """States of the power modules, every few minutes and wherever a fault concerns them."""
        return power_modules(self.world, self.connector, self.times, self.cabinet, self.load, self.rng)


class _Words:
    """A column of words as places in a growing list; -1 is unknown."""

    def __init__(self, words: list[str], places: Any) -> None:
        self.words, self.places = words, places

    def set(self, rows: slice, word: str) -> None:
        if word not in self.words:
            self.words.append(word)
        self.places[rows] = self.words.index(word)

    def series(self) -> pl.Series:
        found = pl.Series([*self.words, None], dtype=pl.String)
        return found.gather(np.where(self.places < 0, len(self.words), self.places))


def _counted(connectors: Places, moments: Floats, connector: Places, times: Floats) -> Floats:
    """How many of some moments (of connectors, both in order) had passed at each row on its connector."""
    finite = np.isfinite(moments)
    keys = np.sort(_key(connectors[finite], moments[finite]))
    passed = np.searchsorted(keys, _key(connector, times), side="right")
    before = np.searchsorted(keys, connector * 1e10, side="right")
    return (passed - before).astype(np.float64)


CHANNEL_COLUMNS: dict[str, tuple[str, ...]] = {
    "ambient": ("ambient_temperature",),
    "cabinet": ("cabinet_temperature",),
    "contactor": (HEALTH + "contactor_cycles", HEALTH + "contactor_max_cycles"),
    "dc_bus": ("dc_bus_voltage", "dc_bus_current"),
    "fan": (HEALTH + "cooling_fan_rpm",),
    "internal": tuple(f"{HEALTH}internal_temps.{part}" for part in ("power_module", "control_board", "ac_inlet", "dc_outlet")),
    "isolation": (HEALTH + "isolation_test_kohms",),
    "phases": tuple(f"phase_details.phase_{name}.{what}" for name in "abc" for what in ("voltage", "current")),
    "power_limit": ("power_limit",),
    "inverter": ("inverter_health_pct", HEALTH + "bidirectional_inverter_cycles", HEALTH + "bidirectional_inverter_max_cycles",
                 HEALTH + "harmonic_distortion_v2g_pct", HEALTH + "discharge_contactor_cycles"),
}  # fmt: skip
TEXT_CHANNELS = {
    HEALTH + "cooling_fan_status": "fan",
    HEALTH + "relay_state": "relay",
    "inverter_sync_status": "inverter",
}
DECIMALS = {
    "energy_delivered": 3,
    "power": 2,
    HEALTH + "harmonic_distortion_v2g_pct": 2,
    "current": 2,
    HEALTH + "contactor_cycles": 0,
}

COLUMNS = ["timestamp", "device_id", "connector_id", "state", "voltage", "current", "power", "energy_delivered", "soc", "temperature",
           *CHANNEL_COLUMNS["phases"], *CHANNEL_COLUMNS["ambient"], *CHANNEL_COLUMNS["cabinet"], *CHANNEL_COLUMNS["dc_bus"],
           "power_limit", "inverter_sync_status", "inverter_health_pct", "power_modules", *CHANNEL_COLUMNS["contactor"],
           *CHANNEL_COLUMNS["fan"], HEALTH + "cooling_fan_status", *CHANNEL_COLUMNS["internal"], HEALTH + "relay_state",
           *CHANNEL_COLUMNS["isolation"], *CHANNEL_COLUMNS["inverter"][1:]]  # fmt: skip
"""The columns of telemetry, in the order of the wire format."""
