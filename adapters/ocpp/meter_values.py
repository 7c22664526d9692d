"""Meter values: sampled values of any measurand, phase and unit as telemetry."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from .charger import Charger, Connector, Record, Session
from .times import believed, told_time
from .values import from_fahrenheit, items, mapping, number, text, word
from .vendor_readings import measurand_reading, put

PHASES = {"L1": "phase_a", "L1-N": "phase_a", "L2": "phase_b", "L2-N": "phase_b", "L3": "phase_c", "L3-N": "phase_c"}
"""A conductor against neutral; a voltage between two conductors is another quantity."""

KILO = frozenset(
    spelled
    for unit in ("kWh", "kvarh", "kW", "kVA", "kvar", "kVAh")
    for spelled in (unit, unit.lower(), unit.upper(), unit.capitalize())
)
"""Units of a thousand (OCPP 1.6, UnitOfMeasure), as chargers spell them."""

CABINET = frozenset(("", "body"))
"""Where a temperature is the cabinet's: the standard defines the measurand as the temperature inside the charge point, so that
one without a location is it, though the general default of locations is the outlet."""

OUTLET = frozenset(("outlet", "cable"))
"""Where it is the connector's; of several sensors in it, the hottest counts."""

LEAST_DISCHARGE_KW = 0.3
"""Power out of a vehicle from which on it discharges, where the standard has no state for it (our judgement: above what meters err by)."""

MAINS_V = 400 / math.sqrt(3)
"""Volts between a phase and neutral where the charger tells none (IEC 60038, 230/400 V)."""

Sample = tuple[str, str | None, str, float]
"""A measurand, the phase, the location as a bare word, the value in the base unit (W, Wh, A, V, °C, %)."""


def telemetry(
    charger: Charger, connector: int | None, meter_values: Any, session: Session | None, now: float | None
) -> None:
    """Give the telemetry of a list of meter values; `now` is their time where they tell none."""
    for meter_value in items(meter_values):
        time = believed(told_time(meter_value.get("timestamp")), now)
        samples = list(_samples(meter_value.get("sampledValue")))
        if not samples or time is None:
            continue
        fields = _fields(samples, session, charger.connector(connector))
        if connector is not None:
            fields["connector_id"] = connector
            state = _state(charger.connector(connector), fields.get("power"))
            if state is not None:
                fields["state"] = state
        charger.emit("telemetry", time, fields)


def _state(known: Connector, power: float | None) -> str | None:
    """The connector's state; of one that charges, by its latest power, whether it discharges, for which no status exists."""
    if power is not None or known.state != "charging":
        known.exports = power is not None and power < -LEAST_DISCHARGE_KW
    return "discharging" if known.state == "charging" and known.exports else known.state


def _samples(sampled_values: Any) -> Iterable[Sample]:
    for sampled in items(sampled_values):
        value = number(sampled.get("value"))
        if value is None:
            continue
        measurand = sampled.get("measurand")
        measurand = measurand if measurand.__class__ is str else "Energy.Active.Import.Register"
        unit = sampled.get("unit")
        if unit.__class__ is not str:
            measure = mapping(sampled.get("unitOfMeasure"))
            unit = text(measure.get("unit"))
            power = measure.get("multiplier")
            if power.__class__ is int and -12 <= power <= 12:
                value = float(Decimal(repr(value)).scaleb(power))
        if unit in KILO:
            value *= 1000.0
        elif measurand == "Temperature" and unit is not None:
            value = _celsius(value, unit)
        phase = sampled.get("phase")
        yield measurand, phase if phase.__class__ is str else None, word(sampled.get("location")), value


def _celsius(value: float, unit: str) -> float:
    if unit == "K":
        return value - 273.15
    return from_fahrenheit(value) if unit.lower().startswith("fahr") else value


def _fields(samples: Sequence[Sample], session: Session | None, connector: Any) -> Record:
    fields: Record = {}
    phases: dict[str, dict[str, float]] = {}
    power: dict[str, dict[str | None, float]] = {}
    others: dict[str, float] = {}
    register: float | None = None
    for measurand, phase, location, value in samples:
        match measurand:
            case "Voltage" | "Current.Import" | "Current.Export":
                quantity = "voltage" if measurand == "Voltage" else "current"
                if phase in PHASES:
                    phases.setdefault(PHASES[phase], {})[quantity] = value
                elif phase is None or phase == "N":
                    if phase is None:
                        fields[quantity] = value
                else:
                    others[f"{measurand} {phase}"] = value
            case "Power.Active.Import" | "Power.Active.Export":
                power.setdefault(measurand, {})[phase] = value
            case "Energy.Active.Import.Register" if phase is None:
                register = value
            case "SoC":
                fields["soc"] = value
            case "Temperature" if location in CABINET:
                fields["cabinet_temperature"] = max(value, fields.get("cabinet_temperature", value))
            case "Temperature" if location in OUTLET:
                fields["temperature"] = max(value, fields.get("temperature", value))
            case "Power.Offered":
                fields["power_limit"] = value / 1000.0
            case "RPM":
                fields["component_health"] = {"cooling_fan_rpm": value}
            case _ if (reading := measurand_reading(measurand, value)) is not None:
                put(fields, reading.path, reading.value)
            case _:
                others[" ".join(filter(None, (measurand, phase, location)))] = value
    if phases:
        fields["phase_details"] = phases
        _over_phases(fields, phases)
    imported, exported = (_total(power.get(f"Power.Active.{way}")) for way in ("Import", "Export"))
    if imported is not None or exported is not None:
        fields["power"] = ((imported or 0.0) - (exported or 0.0)) / 1000.0
    if session is not None:
        session.metered(register, fields.get("power"), fields.get("soc"))
        if register is not None and session.meter_start is not None and register >= session.meter_start:
            fields["energy_delivered"] = (register - session.meter_start) / 1000.0
    if register is not None:
        others["Energy.Active.Import.Register"] = register
    if others:
        fields["ocpp_measurands"] = others
    if "voltage" in fields:
        connector.voltage = fields["voltage"]
    connector.phases = len([each for each in phases.values() if each.get("current")]) or connector.phases
    return fields


def _over_phases(fields: Record, phases: Mapping[str, Mapping[str, float]]) -> None:
    """Where only phases are told: the mean of their voltages, and the current of the busiest, which is what a contact carries."""
    volts = [each["voltage"] for each in phases.values() if "voltage" in each]
    amperes = [each["current"] for each in phases.values() if "current" in each]
    if volts and "voltage" not in fields:
        fields["voltage"] = sum(volts) / len(volts)
    if amperes and "current" not in fields:
        fields["current"] = max(amperes)


def _total(phases: Mapping[str | None, float] | None) -> float | None:
    """A power over all phases: as told, else the sum of those that are."""
    if not phases:
        return None
    return phases[None] if None in phases else sum(phases.values())


def power_limit(charger: Charger, connector: int | None, profile: Mapping[str, Any], time: float) -> None:
    """Give the limit that a charging profile sets from now on as telemetry, kW."""
    for schedule in items(profile.get("chargingSchedule"))[:1]:
        for period in items(schedule.get("chargingSchedulePeriod"))[:1]:
            limit = number(period.get("limit"))
            begins = told_time(schedule.get("startSchedule"))
            if (
                limit is None
                or number(period.get("startPeriod")) not in (None, 0.0)
                or (begins is not None and begins > time)
            ):
                return
            if text(schedule.get("chargingRateUnit")) != "W":
                known = charger.connector(connector)
                told = number(period.get("numberPhases"))
                # Three phases where a profile does not say (OCPP 1.6, ChargingSchedulePeriod).
                limit *= (known.voltage or MAINS_V) * (told or known.phases or 3)
            fields: Record = {"power_limit": limit / 1000.0}
            if connector is not None:
                fields["connector_id"] = connector
            charger.emit("telemetry", time, fields)
