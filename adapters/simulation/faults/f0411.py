"""F-0411, power module communication timeout: modules stop answering, their connector goes to fault, power is lost."""

from __future__ import annotations

import numpy as np

from ..chargers import Charger
from ..plan import DAY, HOUR, MINUTE
from ..states import ModuleTrouble
from ..streams import Floats, Generator, chance
from ..world import SiteWorld, told
from .registry import cause, dc_charger

WIRING, HANG, TERMINATION, OVERVOLTAGE = (
    f"F-0411/{name}"
    for name in ("can-bus-wiring", "module-firmware-hang", "termination-resistor", "dc-bus-overvoltage")
)


def _time_out(world: SiteWorld, charger: Charger, begin: float, end: float, modules: tuple[int, ...], cause_id: str, rng: Generator,
              status: str = "timeout", connector: int | None = None) -> None:  # fmt: skip
    """Let modules be silent for a while: the connector that they feed stands in fault, what ran there ends."""
    world.module_troubles.append(ModuleTrouble(charger.place, begin, end, modules, status))
    fed = (
        connector
        if connector is not None
        else charger.connectors.start + (modules[0] - 1) * len(charger.connectors) // charger.model.modules
    )
    before = "idle"
    sessions = world.sessions
    for row in world.rows_of(charger):
        if sessions.connector[row] == fed and sessions.start[row] < begin < sessions.stop[row]:
            world.stop_at(row, begin, "other")
            before = "charging"
    details = told(rng, 0.6, module_index=modules[0]) if len(modules) == 1 else told(rng, 0.4, modules=list(modules))
    world.fault(charger, fed, begin, cause_id, "power module does not answer", details)
    world.in_fault(fed, begin, end, before)


@cause(WIRING, dc_charger)
def can_bus_wiring(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A contact that comes and goes: short silences of this module and that, often after work in the cabinet."""
    if chance(rng, 0.4):
        world.visit(
            charger,
            moment - float(np.round(rng.uniform(1, 12) * DAY)),
            "replaced a control board in the cabinet",
            False,
        )
    time = moment
    for _ in range(int(rng.integers(2, 6))):
        silent = float(np.round(rng.uniform(40, 400)))
        module = int(rng.integers(1, charger.model.modules + 1))
        _time_out(world, charger, time, time + silent, (module,), WIRING, rng)
        time += silent + float(np.round(rng.uniform(10, 180) * MINUTE))
    return True


@cause(HANG, dc_charger)
def module_hang(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """One module that stays silent until it is reset, always the same."""
    module = int(rng.integers(1, charger.model.modules + 1))
    if chance(rng, 0.4):
        world.command(charger, None, moment - float(np.round(rng.uniform(0.3, 9) * DAY)), "firmware_upgrade", "completed", 700.0,
                      {"version": charger.firmware})  # fmt: skip
    time = moment
    for _ in range(int(rng.integers(1, 4))):
        silent = float(np.round(rng.uniform(10, 150) * MINUTE))
        _time_out(world, charger, time, time + silent, (module,), HANG, rng)
        if chance(rng, 0.6):
            world.command(charger, None, time + silent - 30, "reset_power_module", "completed", 30.0, {"index": module}, {"module": module, "status": "ok"})  # fmt: skip
        time += silent + float(np.round(rng.uniform(3, 30) * HOUR))
    return True


@cause(TERMINATION, dc_charger)
def termination_resistor(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The whole bus is ill: all modules drop out together, and a reset of one changes nothing."""
    every = tuple(range(1, charger.model.modules + 1))
    until = world.repair(charger, moment, "renewed the CAN termination", rng)
    for connector in charger.connectors:
        _time_out(world, charger, moment, until, every, TERMINATION, rng, connector=connector)
    if chance(rng, 0.5):
        world.command(
            charger,
            None,
            moment + 25 * MINUTE,
            "reset_power_module",
            "failed",
            40.0,
            {"index": 1},
            {"module": 1, "status": "timeout"},
        )
    if chance(rng, 0.4):
        world.alarm(charger, None, moment + 4, "CAN error frames")
    return True


@cause(OVERVOLTAGE, dc_charger)
def bus_overvoltage(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A sudden loss of load or a swell of the mains lifts the DC bus, and modules switch themselves off."""
    row = world.session_near(charger, moment, 5)
    if row is None:
        return False
    sessions = world.sessions
    connector = int(sessions.connector[row])
    at = float(np.round((sessions.start[row] + min(sessions.stop[row], world.plan.end)) / 2))
    peak = float(rng.uniform(900, 1000))
    if chance(rng, 0.35):
        world.add("grid", timestamp=at - 1, site_id=world.site.site_id, kind="voltage_excursion",
                  voltage_v=float(np.round(rng.uniform(256, 275))), duration_s=float(np.round(rng.uniform(1, 5), 1)))  # fmt: skip
    modules = tuple(sorted({int(rng.integers(1, charger.model.modules + 1)) for _ in range(2)}))

    def swell(times: Floats, values: Floats, _: Generator) -> Floats:
        return np.maximum(values, peak - 8 * (at - times))

    for each in charger.connectors:
        world.override(each, at - 12, at + 1, "dc_bus_voltage", swell)
        world.look_closely(each, at - MINUTE, at + MINUTE)
    until = at + float(np.round(rng.uniform(2, 15) * MINUTE))
    _time_out(world, charger, at, until, modules, OVERVOLTAGE, rng, "fault", connector)
    return True
