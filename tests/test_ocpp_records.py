"""What OCPP messages become: events, telemetry, heartbeats, connections, sessions, commands, configurations, devices."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest

from charger_triage.adapters.ocpp import ocpp_records, read_ocpp_log
from charger_triage.engine import Diagnosis, Triage

from .support.ocpp_layouts import LAYOUTS, Message, answer, call, message, session

T = "2026-05-10T08:{:02}:{:02}Z"


def records_of(messages: Sequence[Message], layout: str = "objects") -> dict[str, list[dict[str, Any]]]:
    """The records of some messages by their lists, without charger and problems."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, record in ocpp_records(io.BytesIO(LAYOUTS[layout](messages))):
        found.setdefault(name, []).append({key: value for key, value in record.items() if key != "device_id"})
    return found


def events_of(messages: Sequence[Message], *kinds: str) -> list[tuple[str, Any]]:
    """Kind and data of the events of some kinds."""
    events = records_of(messages).get("events", [])
    return [(e["event_type"], e.get("data")) for e in events if e["event_type"] in kinds]


def diagnosed(text: str, triage: Triage) -> Diagnosis:
    """The diagnosis of a log."""
    return triage.diagnose(read_ocpp_log(io.BytesIO(text.encode())))


def status(at: str, number: int, state: str, code: str = "NoError", **more: Any) -> Message:
    """A StatusNotification of connector 1 by OCPP 1.6."""
    return call(
        at, f"s{number}", "StatusNotification", connectorId=1, errorCode=code, status=state, timestamp=at, **more
    )


def monitored(
    component: str | dict[str, Any], variable: str, actual: str, minute: int = 0, **more: Any
) -> dict[str, Any]:
    """What a NotifyEvent says of one variable."""
    return {"eventId": 1, "timestamp": T.format(minute, 0), "trigger": "Periodic", "eventNotificationType": "CustomMonitor",
            "component": {"name": component} if isinstance(component, str) else component, "variable": {"name": variable},
            "actualValue": actual, **more}  # fmt: skip


def notified(*events: dict[str, Any], minute: int = 0) -> Message:
    """A NotifyEvent."""
    at = T.format(minute, 0)
    return call(at, f"n{minute}", "NotifyEvent", generatedAt=at, seqNo=0, eventData=list(events))


def test_a_session_of_1_6() -> None:
    """A session leaves its record, with energy, power, states of charge and the reason, and its limits and readings."""
    found = records_of(session("1.6"))
    (record,) = found["charging_records"]
    assert record["record_id"] == "4711"
    assert (record["start_time"], record["end_time"]) == ("2026-05-10T08:02:26.900Z", "2026-05-10T08:19:59.700Z")
    assert (record["energy"], record["meter_start"], record["max_power"]) == (pytest.approx(6.4), 120.0, 21.56)
    assert (record["stop_reason"], record["vehicle_info"]) == ("Remote", {"soc_start": 41.0, "soc_end": 41.0})
    limit, reading = found["telemetry"]
    assert (limit["power_limit"], limit["connector_id"]) == (22.0, 1)
    assert reading == {
        "timestamp": "2026-05-10T08:02:59.800Z", "connector_id": 1, "state": "charging", "voltage": 398.5, "current": 54.1,
        "power": 21.56, "energy_delivered": pytest.approx(0.3), "soc": 41.0, "temperature": 38.5,
        "cabinet_temperature": pytest.approx(35.0), "component_health": {"cooling_fan_rpm": 2050.0},
        "ocpp_measurands": {"Energy.Active.Import.Register": 120300.0},
    }  # fmt: skip
    assert [c["settings"] for c in found["configurations"]] == [
        {"heartbeat_interval_s": 60.0}, {"websocket_ping_interval_s": 20.0}
    ]  # fmt: skip
    (device,) = found["devices"]
    assert (device["manufacturer"], device["model"], device["sn"]) == ("Tellus", "TP-DC60", "SN-77")
    assert (device["firmware_version"], device["ocpp_version"]) == ("3.0.1", "1.6")
    kinds = [e["event_type"] for e in found["events"]]
    assert kinds == ["boot", "state", "state", "auth_ok", "start", "state", "stop", "state", "state", "fault"]


def test_a_session_of_2_0_1() -> None:
    """TransactionEvents leave the same: the EVSE is the connector, phases are kept, a multiplier scales."""
    found = records_of(session("2.0.1"))
    (record,) = found["charging_records"]
    assert (record["record_id"], record["connector_id"], record["stop_reason"]) == ("tx-9", 2, "PowerLoss")
    assert (record["energy"], record["max_power"]) == (pytest.approx(3.2), 7.1)
    reading = found["telemetry"][1]
    assert reading["phase_details"] == {
        "phase_a": {"current": 16.0, "voltage": 231.0},
        "phase_b": {"current": 15.0, "voltage": 229.0},
    }
    assert (reading["voltage"], reading["current"], reading["power"]) == (230.0, 16.0, 7.1)
    assert reading["ocpp_measurands"] == {"Frequency": 49.98}
    faults = [e["data"]["fault_code"] for e in found["events"] if e["event_type"] == "fault"]
    assert faults == ["CX018", "StopReason.PowerLoss"]
    assert [(c["command"], c["status"]) for c in found["commands"]] == [
        ("set_variables", "completed"),
        ("reset", "failed"),
    ]
    assert found["configurations"][-1]["settings"] == {"websocket_ping_interval_s": 25.0}
    assert {"plug_in", "auth_ok"} <= {e["event_type"] for e in found["events"]}


SAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "power per phase adds up": (
        {"sampledValue": [{"value": "1", "measurand": "Power.Active.Import", "unit": "kW", "phase": f"L{n}"} for n in (1, 2, 3)]},
        {"power": 3.0},
    ),
    "export is negative": ({"sampledValue": [{"value": "5000", "measurand": "Power.Active.Export", "unit": "W"}]}, {"power": -5.0}),
    "voltages between conductors are something else": (
        {"sampledValue": [{"value": "400", "measurand": "Voltage", "phase": "L1-L2"}]},
        {"ocpp_measurands": {"Voltage L1-L2": 400.0}},
    ),
    "the standard's default is the energy register": (
        {"sampledValue": [{"value": "1500"}]},
        {"ocpp_measurands": {"Energy.Active.Import.Register": 1500.0}},
    ),
    "a temperature without a place is the inside's": (
        {"sampledValue": [{"value": "313.15", "measurand": "Temperature", "unit": "K"}]},
        {"cabinet_temperature": pytest.approx(40.0)},
    ),
    "a vehicle's temperature is not ours": (
        {"sampledValue": [{"value": "30", "measurand": "Temperature", "location": "EV"}]},
        {"ocpp_measurands": {"Temperature ev": 30.0}},
    ),
    "units in any case": (
        {"sampledValue": [{"value": "11", "measurand": "Power.Active.Import", "unit": "KW"}]}, {"power": 11.0}
    ),
    "a multiplier scales exactly": (
        {"sampledValue": [{"value": 4.1, "measurand": "Voltage", "unitOfMeasure": {"unit": "V", "multiplier": 2}}]},
        {"voltage": 410.0},
    ),
    "the limit offered": ({"sampledValue": [{"value": "11", "measurand": "Power.Offered", "unit": "kW"}]}, {"power_limit": 11.0}),
}  # fmt: skip


@pytest.mark.parametrize("case", SAMPLES)
def test_sampled_values(case: str) -> None:
    """Measurands, phases, places and units become the records' quantities, and what these do not have is kept by its name."""
    given, expected = SAMPLES[case]
    values = call(
        T.format(1, 0), "1", "MeterValues", connectorId=1, meterValue=[{"timestamp": T.format(0, 59), **given}]
    )
    (reading,) = records_of([values])["telemetry"]
    assert reading == {"timestamp": "2026-05-10T08:00:59.000Z", "connector_id": 1, **expected}


def test_a_value_that_is_no_number_is_left_out() -> None:
    """Signed data and blanks are no readings."""
    values = {"timestamp": T.format(0, 0), "sampledValue": [{"value": "OBIS|x", "format": "SignedData"}, {"value": ""}]}
    assert "telemetry" not in records_of([call(T.format(0, 0), "1", "MeterValues", connectorId=1, meterValue=[values])])


# States and faults


def test_the_time_in_the_payload_counts() -> None:
    """What a charger kept while it was offline has the time at which it happened; a clock that was never set does not count."""
    late = call(T.format(30, 0), "1", "StatusNotification", connectorId=1, errorCode="NoError", status="Available",
                timestamp="2026-05-10T07:00:00Z")  # fmt: skip
    unset = call(T.format(31, 0), "2", "StatusNotification", connectorId=1, errorCode="NoError", status="Preparing",
                 timestamp="1970-01-01T00:00:12Z")  # fmt: skip
    assert [e["timestamp"] for e in records_of([late, unset])["events"]] == [
        "2026-05-10T07:00:00.000Z", "2026-05-10T08:31:00.000Z"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("2026-05-10T12:00:00Z", "2026-05-10T12:00:00.000Z"),  # a zone that the log does not name may explain it
        ("2026-05-12T08:00:00Z", "2026-05-10T08:00:00.000Z"),
        ("2026-04-01T08:00:00Z", "2026-04-01T08:00:00.000Z"),
        ("2019-01-01T00:00:00Z", "2026-05-10T08:00:00.000Z"),
    ],
)
def test_a_time_that_cannot_be_is_not_believed(told: str, at: str) -> None:
    """A message tells of nothing that comes days after it, and of nothing that is years old: then its arrival counts."""
    values = [{"timestamp": told, "sampledValue": [{"value": "1", "measurand": "SoC"}]}]
    report = call(T.format(0, 0), "1", "StatusNotification", connectorId=1, errorCode="NoError", status="Available",
                  timestamp=told)  # fmt: skip
    found = records_of([report, call(T.format(0, 0), "2", "MeterValues", connectorId=1, meterValue=values)])
    assert (found["events"][0]["timestamp"], found["telemetry"][0]["timestamp"]) == (at, at)


def test_the_platforms_clock_mends_that_of_a_charger() -> None:
    """Without logged times a charger's clock counts until the platform tells its own, however wrong it was."""
    frames = [
        call("", "1", "StatusNotification", connectorId=1, errorCode="NoError", status="Available",
             timestamp="2071-01-01T00:00:00Z"),
        call("", "2", "BootNotification", chargePointVendor="V", chargePointModel="M"),
        answer("", "2", status="Accepted", currentTime=T.format(0, 0), interval=300),
        call("", "3", "FirmwareStatusNotification", status="Idle"),
    ]  # fmt: skip
    log = "".join(json.dumps(entry["frame"]) + "\n" for entry in frames).encode()
    events = [r for name, r in ocpp_records(io.BytesIO(log)) if name == "events"]
    assert events[-1]["timestamp"] == "2026-05-10T08:00:00.000Z"


def test_what_is_said_of_a_connector_in_order_is_no_fault() -> None:
    """With NoError and a status that is in order a vendor's words are remarks, but for a code that is known."""
    remarks = [
        status(T.format(0, 0), 1, "Available", vendorErrorCode="200", info="F-0421 cleared"),
        status(T.format(1, 0), 2, "Charging", vendorErrorCode="DeratingInfo"),
    ]
    assert events_of(remarks, "fault") == []
    known = status(T.format(2, 0), 3, "Charging", vendorErrorCode="CX018")
    assert [data["fault_code"] for _, data in events_of([*remarks, known], "fault")] == ["CX018"]


def test_codes_that_are_active_together_are_each_told_once() -> None:
    """A connector with two faults reports them in turn: each is one occurrence until it is over, by itself in 2.0.1."""
    turns = [status(T.format(n, 0), n, "Faulted", ("GroundFailure", "HighTemperature")[n % 2]) for n in range(6)]
    assert [data["fault_code"] for _, data in events_of(turns, "fault")] == ["GroundFailure", "HighTemperature"]

    def told(minute: int, component: str, value: str) -> Message:
        return notified(monitored({"name": component, "evse": {"id": 1}}, "Problem", value, minute), minute=minute)

    events = [told(0, "AcDcConverter", "true"), told(1, "PowerContactor", "true"), told(2, "AcDcConverter", "false"),
              told(3, "PowerContactor", "true"), told(4, "AcDcConverter", "true")]  # fmt: skip
    codes = [data["fault_code"] for _, data in events_of(events, "fault")]
    assert codes == ["AcDcConverter.Problem", "PowerContactor.Problem", "AcDcConverter.Problem"]


def test_monitored_variables_are_telemetry() -> None:
    """What NotifyEvent tells of one moment is one record for the charger and one for each connector; of two fans the slower counts."""
    sensor, evse = {"name": "TemperatureSensor"}, {"evse": {"id": 2, "connectorId": 1}}
    events = [
        monitored({"name": "AirCoolingSystem", "instance": "1"}, "FanSpeed", "1810"),
        monitored({"name": "AirCoolingSystem", "instance": "2"}, "FanSpeed", "1240"),
        monitored({**sensor, "instance": "Cabinet"}, "Temperature", "48.5"),
        monitored({**sensor, "instance": "PowerModule"}, "Temperature", "61"),
        monitored("ExternalTemperatureSensor", "Temperature", "21.5"),
        monitored({**sensor, **evse}, "Temperature", "39"),
        monitored({"name": "ElectricalFeed", "instance": "L2"}, "ACVoltage", "229.5"),
        monitored("VendorThing", "Foo", "7"),
        monitored("AirCoolingSystem", "Problem", "true", techInfo="fan 2 slow"),
    ]
    found = records_of([notified(*events)])
    assert found["telemetry"] == [
        {
            "timestamp": "2026-05-10T08:00:00.000Z", "ambient_temperature": 21.5, "cabinet_temperature": 48.5,
            "phase_details": {"phase_b": {"voltage": 229.5}},
            "component_health": {"cooling_fan_rpm": 1240.0, "internal_temps": {"power_module": 61.0}},
        },
        {"timestamp": "2026-05-10T08:00:00.000Z", "connector_id": 2, "temperature": 39.0},
    ]  # fmt: skip
    kept = [event for event in found["events"] if event["event_type"] == "ocpp"]
    assert [event["ocpp"]["payload"]["component"]["name"] for event in kept] == ["VendorThing"]
    assert [event["data"]["fault_code"] for event in found["events"] if event["event_type"] == "fault"] == [
        "AirCoolingSystem.Problem"
    ]


def test_readings_in_a_vendors_message_are_telemetry() -> None:
    """Data under the names of telemetry are readings, of each connector where they are told by connector; what is no object, or
    has none of these names, is kept as it came and no more."""
    data = [
        '{"cooling_fan_rpm": 1250, "cabinet_temperature": 51.5, "contactor_cycles": {"1": 99120, "2": 41877}, "fan_pwm_pct": 90}',
        {"connectorId": 1, "isolation_test_kohms": 2100},
        {
            "module": [
                {"addr": 3, "state": "no_response"},
                {"addr": 4, "state": "ovp_latch"},
                {"addr": 5, "state": "run", "tmp": 41},
            ]
        },
        {"component_health": "well", "cooling_fan_rpm": 1400},
        "[1, 2",
        {"anything": 1},
        {"modules": [{"index": 3, "status": "timeout"}]},
    ]
    messages = [
        call(T.format(place, 0), f"d{place}", "DataTransfer", vendorId="v", messageId="m", data=each)
        for place, each in enumerate(data)
    ]
    found = records_of(messages)
    assert found["telemetry"] == [
        {
            "timestamp": "2026-05-10T08:00:00.000Z", "cabinet_temperature": 51.5,
            "component_health": {"cooling_fan_rpm": 1250},
        },
        {"timestamp": "2026-05-10T08:00:00.000Z", "connector_id": 1, "component_health": {"contactor_cycles": 99120}},
        {"timestamp": "2026-05-10T08:00:00.000Z", "connector_id": 2, "component_health": {"contactor_cycles": 41877}},
        {"timestamp": "2026-05-10T08:01:00.000Z", "connector_id": 1, "component_health": {"isolation_test_kohms": 2100}},
        {
            "timestamp": "2026-05-10T08:02:00.000Z",
            "power_modules": [
                {"index": 3, "status": "timeout"}, {"index": 4, "status": "fault"}, {"index": 5, "status": "ok", "temperature": 41.0}
            ],
        },
        {"timestamp": "2026-05-10T08:03:00.000Z", "component_health": {"cooling_fan_rpm": 1400}},
        {"timestamp": "2026-05-10T08:06:00.000Z", "power_modules": [{"index": 3, "status": "timeout"}]},
    ]  # fmt: skip
    assert sum(event["event_type"] == "ocpp" for event in found["events"]) == len(data)


@pytest.mark.parametrize(
    ("subject", "data", "readings"),
    [
        ("health", "t_cab=23.5;t_amb=18;t_pm=29.1;fan1_rpm=2895;fan2_rpm=2790;limit_c=70",
         [{"cabinet_temperature": 23.5, "ambient_temperature": 18.0,
           "component_health": {"cooling_fan_rpm": 2790.0, "internal_temps": {"power_module": 29.1}}}]),
        ("FanTelemetry", "fan_rpm=1801,1815,1830;nominal=1800",
         [{"component_health": {"cooling_fan_rpm": 1801.0}}]),
        ("Env", {"ambient_C": 21.0, "cableTemp_C": [50.6, 51.3], "cableTempMax_C": 90},
         [{"ambient_temperature": 21.0}, {"connector_id": 1, "temperature": 50.6}, {"connector_id": 2, "temperature": 51.3}]),
        ("Inverter", {"sync": "lost", "gridV": [231.1, 231.0, 230.9], "health_pct": 97},
         [{"inverter_sync_status": "lost", "inverter_health_pct": 97.0,
           "phase_details": {f"phase_{p}": {"voltage": v} for p, v in zip("abc", (231.1, 231.0, 230.9), strict=True)}}]),
        ("Battery", {"health_pct": 97, "cycles": 400}, []),
        ("ContactorStats", {"connectorId": 2, "cycles": 99_000, "ratedCycles": 100_000, "dcBus_V": 742.5, "dcBusOvp_V": 870},
         [{"connector_id": 2, "dc_bus_voltage": 742.5,
           "component_health": {"contactor_cycles": 99_000.0, "contactor_max_cycles": 100_000.0}}]),
        ("ContactorStatistics", {"contactor": "K1", "operations": 97_742, "rated": 100_000, "make_current_A": 5.2},
         [{"component_health": {"contactor_cycles": 97_742.0, "contactor_max_cycles": 100_000.0}}]),
        ("ContactorDiag", {"k1_cyc": 99_414, "k1_life": 100_000, "life_pct": 12},
         [{"component_health": {"contactor_cycles": 99_414.0, "contactor_max_cycles": 100_000.0}}]),
        ("ContactorDiag", {"k1_life": 15}, []),
        ("FanTray", {"rpm": [1709, 1801], "pwm": [66, 60]}, [{"component_health": {"cooling_fan_rpm": 1709.0}}]),
        ("FanTray", {"n": 2, "speed": 60}, []),
        ("Pump", {"rpm": 2400}, []),
        ("Diag.Fan", {"n1": 1336, "n2": 1804.0, "n_nom": 1800}, [{"component_health": {"cooling_fan_rpm": 1336.0}}]),
        ("inv", {"hlth": 67, "pll_f": 60.85}, [{"inverter_health_pct": 67.0}]),
        ("RelaisStatus", {"k1": {"schaltspiele": 60_873, "nenn": 60_000, "t_ab_ms": 91}},
         [{"component_health": {"contactor_cycles": 60_873.0, "contactor_max_cycles": 60_000.0}}]),
        ("CabStatus", [["T_cab", 93.2, "degF"], ["fan_rpm_1", 3301, "rpm"], ["fan_rpm_2", 3290, "rpm"], ["filter_dp", 37]],
         [{"cabinet_temperature": 34.0, "component_health": {"cooling_fan_rpm": 3290.0}}]),
        ("ModuleInfo", {"vbus": 790.4, "rated": 400}, [{"dc_bus_voltage": 790.4}]),
        ("health", {"t_cab": 900, "t_amb": "warm", "t_pm": [30, None]}, []),
        ("note", "fan_rpm is fine", []),
    ],
)  # fmt: skip
def test_readings_under_a_vendors_own_names_are_telemetry(
    subject: str, data: Any, readings: list[dict[str, Any]]
) -> None:
    """The words of a name tell which reading it is, in JSON and in pairs: of fans the slowest, of lists of connectors each; what a
    limit is named, what is about something else, and what cannot be is none."""
    asked = call(T.format(0, 0), "1", "DataTransfer", vendorId="v", messageId=subject, data=data)
    found = records_of([asked]).get("telemetry", [])
    assert [{k: v for k, v in reading.items() if k != "timestamp"} for reading in found] == readings


def test_data_in_texts_are_kept_under_their_names() -> None:
    """Pairs and JSON in a message, in the words beside a code, and in what is said of a variable can be looked up by their names."""
    told = call(
        T.format(0, 0),
        "1",
        "DataTransfer",
        vendorId="v",
        messageId="Close",
        data='{"coil_V": 17.5, "fb": "open", "connectorId": 2}',
    )
    fault = status(T.format(1, 0), 2, "Faulted", "OtherError", vendorErrorCode="F-0421", info="coil=17.5V;fb=open;n=3")
    contactor = {"name": "PowerContactor", "evse": {"id": 1}}
    coil = notified(monitored(contactor, "CoilVoltage", "24.1", techInfo="min=23.9 max=24.2"))
    events = records_of([told, fault])["events"]
    message, report = (next(e for e in events if e["event_type"] == kind) for kind in ("ocpp", "fault"))
    assert (message["connector_id"], message["data"]) == (
        2,
        {"Close": {"coil_V": 17.5, "fb": "open", "connectorId": 2}},
    )
    assert report["data"]["details"]["told"] == {"coil": "17.5V", "fb": "open", "n": 3.0}
    (variable,) = records_of([coil])["events"]
    assert variable["data"] == {
        "techInfo": "min=23.9 max=24.2", "told": {"min": 23.9, "max": 24.2}, "PowerContactor CoilVoltage": 24.1,
    }  # fmt: skip


def test_values_with_units_between_signs_are_kept_under_their_names() -> None:
    """Names, numbers and units in columns of a text, which is no sentence."""
    data = "P_tot 213.8 kW | P_cont 180 kW | fans 3/3 3203 rpm (nom 3200) | dP 61 Pa (<150) | Tamb 23 C | Tcab 71 C(ntc1) 72 C(ntc2)"
    found = records_of([call(T.format(0, 0), "1", "DataTransfer", vendorId="v", messageId="sys", data=data)])
    (event,) = found["events"]
    assert event["data"]["sys"] == {
        "P_tot kW": 213.8,
        "P_cont kW": 180.0,
        "dP Pa": 61.0,
        "Tamb C": 23.0,
        "Tcab C": 71.0,
    }
    (reading,) = found["telemetry"]
    assert (reading["ambient_temperature"], reading["cabinet_temperature"]) == (23.0, 71.0)


def test_a_report_tells_what_a_charger_measures() -> None:
    """Of a report readings are telemetry, settings are configurations, and what else its parts measure can be looked up."""
    report = [
        {"component": {"name": component, "instance": instance}, "variable": {"name": variable}, "variableAttribute": [{"value": value}]}
        for component, instance, variable, value in (
            ("TemperatureSensor", "cabinet", "Temperature", "91.3"), ("FanSupply", "rail24F", "Voltage", "19.1"),
            ("OCPPCommCtrlr", None, "HeartbeatInterval", "120"),
        )
    ]  # fmt: skip
    at = T.format(0, 0)
    found = records_of([call(at, "1", "NotifyReport", requestId=1, generatedAt=at, seqNo=0, reportData=report)])
    assert [r["cabinet_temperature"] for r in found["telemetry"]] == [91.3]
    assert [c["settings"] for c in found["configurations"]] == [{"heartbeat_interval_s": 120.0}]
    assert [e["data"] for e in found["events"] if e.get("data")] == [{"FanSupply rail24F Voltage": 19.1}]


def test_variables_whose_names_have_units_are_readings_as_well() -> None:
    """A variable that no standard has is known by the words of its component and itself; what a limit is named is none."""
    events = [
        monitored("CoolingFan", "Speed_rpm", "1230"),
        monitored("Fan", "SpeedLimit_rpm", "900"),
        monitored("DCBus", "Voltage_V", "742.5"),
    ]
    (reading,) = records_of([notified(*events)])["telemetry"]
    assert {k: v for k, v in reading.items() if k != "timestamp"} == {
        "component_health": {"cooling_fan_rpm": 1230.0}, "dc_bus_voltage": 742.5,
    }  # fmt: skip


def test_what_a_contactor_is_rated_for_is_cycles_where_the_variable_says_so() -> None:
    """Rated alone is its amperes where it is a few hundred, and is kept as what it is."""
    amperes, cycles = monitored("Contactor", "Rated", "400"), monitored("Contactor", "Rated", "150000")
    for events, rated in (
        ([monitored("Contactor", "RatedCycles", "100000"), amperes], 100_000.0),
        ([amperes, cycles], 150_000.0),
    ):
        records = records_of([notified(*events)])
        (reading,), (kept,) = records["telemetry"], records["events"]
        assert reading["component_health"] == {"contactor_max_cycles": rated}
        assert kept["data"] == {"Contactor Rated": 400.0}


def test_measurands_of_a_vendor_s_own_are_readings_as_well() -> None:
    """By the last words of their names, in any of the common languages; what a filter lets through is kept under its name."""
    values = {"acme.klima.t_schrank": "24.4", "acme.klima.t_aussen": "8.3", "acme.klima.luefter.zu_rpm": "3019",
              "acme.klima.luefter.ab_rpm": "2992", "acme.klima.dp_filter_pa": "41.8", "Frequency": "50.0"}  # fmt: skip
    sampled = [{"value": value, "measurand": name} for name, value in values.items()]
    at = T.format(1, 0)
    metered = call(at, "m", "MeterValues", connectorId=1, meterValue=[{"timestamp": at, "sampledValue": sampled}])
    (reading,) = records_of([metered])["telemetry"]
    assert (reading["cabinet_temperature"], reading["ambient_temperature"]) == (24.4, 8.3)
    assert reading["component_health"] == {"cooling_fan_rpm": 2992.0}
    assert reading["ocpp_measurands"] == {"acme.klima.dp_filter_pa": 41.8, "Frequency": 50.0}


@pytest.mark.parametrize(
    ("tag", "vehicle"), [("VID:9C65FA1103B2", "9C65FA1103B2"), ("VID:", None), ("E00401509A7C22", None)]
)
def test_an_id_tag_that_is_a_vehicle_s_names_it(tag: str, vehicle: str | None) -> None:
    """Chargers that know vehicles by their controllers authorise them so; a card is no vehicle."""
    begun = call(
        T.format(1, 0), "1", "StartTransaction", connectorId=1, idTag=tag, meterStart=0, timestamp=T.format(1, 0)
    )
    over = call(T.format(9, 0), "2", "StopTransaction", transactionId=7, meterStop=9000, timestamp=T.format(9, 0))
    given = answer(T.format(1, 1), "1", transactionId=7, idTagInfo={"status": "Accepted"})
    (session,) = records_of([begun, given, over])["charging_records"]
    assert session.get("vehicle_info", {}).get("vin") == vehicle


def test_power_that_flows_out_is_discharging() -> None:
    """OCPP 1.6 has no status for it: a connector that charges discharges by its latest power, until the session is over."""

    def metered(second: int, **value: str) -> Message:
        sampled = [{"unit": "W", **value}]
        values = [{"timestamp": T.format(1, second), "sampledValue": sampled}]
        return call(T.format(1, second), f"m{second}", "MeterValues", connectorId=1, meterValue=values)

    out, into = (
        {"measurand": "Power.Active.Export", "value": "29000"},
        {"measurand": "Power.Active.Import", "value": "7000"},
    )
    volts = {"measurand": "Voltage", "phase": "L1-N", "value": "268", "unit": "V"}
    messages = [
        status(T.format(0, 0), 1, "Charging"), metered(0, **out), metered(1, **volts), metered(2, **into), metered(3, **out),
        status(T.format(2, 0), 2, "Finishing"), metered(4, **volts), status(T.format(3, 0), 3, "Charging"), metered(5, **volts),
    ]  # fmt: skip
    states = [record["state"] for record in records_of(messages)["telemetry"]]
    assert states == ["discharging", "discharging", "charging", "discharging", "idle", "charging"]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("ContinuousPower", "150000", {"continuous_rating_kw": 150.0}), ("ContinuousPower_kW", "120", {"continuous_rating_kw": 120.0}),
        ("p_cont_kw", "100", {"continuous_rating_kw": 100.0}), ("P_nom", "50000", {"rated_power_kw": 50.0}),
        ("RatedPowerW", "900", {"rated_power_kw": 0.9}), ("NominalOutputPower", "22", {"rated_power_kw": 22.0}),
        ("FanContinuous", "1", None), ("ContinuousPower", "-1", None), ("ContinuousPower", "a lot", None), ("MaxPower", "22", None),
    ],
)  # fmt: skip
def test_keys_that_tell_ratings_are_the_products(key: str, value: str, told: dict[str, float] | None) -> None:
    """What a configuration says of the power that a charger is made for stands in its metadata, in kilowatts."""
    asked = message(T.format(0, 0), "platform", 2, "1", "GetConfiguration", {"key": [key]})
    keys = [{"key": key, "readonly": True, "value": value}]
    answered = message(T.format(0, 1), "charger", 3, "1", {"configurationKey": keys})
    first = [call(T.format(0, 0), "h", "Heartbeat"), message(T.format(0, 0), "platform", 2, "0", "ClearCache", {})]
    (device,) = records_of([*first, asked, answered])["devices"]
    assert device.get("product") == told


def test_an_end_by_the_vehicle_tells_that_the_plug_was_pulled() -> None:
    """EVDisconnected is the plug pulled then; that the connector is free a minute later tells it no second time."""
    messages = [
        status(T.format(0, 0), 1, "Charging"),
        call(T.format(0, 1), "2", "StartTransaction", connectorId=1, idTag="X", meterStart=0, timestamp=T.format(0, 1)),
        answer(T.format(0, 1), "2", transactionId=7, idTagInfo={"status": "Accepted"}),
        call(T.format(5, 0), "3", "StopTransaction", transactionId=7, meterStop=9, timestamp=T.format(5, 0), reason="EVDisconnected"),
        status(T.format(5, 1), 4, "Finishing"), status(T.format(6, 0), 5, "Available"),
        status(T.format(7, 0), 6, "Preparing"), status(T.format(8, 0), 7, "Charging"), status(T.format(9, 0), 8, "Available"),
    ]  # fmt: skip
    events = [e for e in records_of(messages)["events"] if e["event_type"] == "plug_out"]
    assert [e["timestamp"] for e in events] == ["2026-05-10T08:05:00.000Z", "2026-05-10T08:09:00.000Z"]


def test_a_pulled_plug_is_an_unwanted_end_where_words_say_so(triage: Triage) -> None:
    """EVDisconnected alone is how a session ends; what the connector says right after it may tell that nobody had stopped it."""

    def codes(info: str) -> list[str]:
        messages = [
            call(T.format(0, 0), "1", "StartTransaction", connectorId=1, idTag="A", meterStart=0, timestamp=T.format(0, 0)),
            answer(T.format(0, 1), "1", transactionId=7, idTagInfo={"status": "Accepted"}),
            status(T.format(0, 2), 2, "Charging"),
            call(T.format(9, 0), "3", "StopTransaction", transactionId=7, meterStop=900, timestamp=T.format(9, 0), reason="EVDisconnected"),
            status(T.format(9, 1), 4, "Finishing", info=info),
        ]  # fmt: skip
        return [i.fault_code for i in diagnosed(LAYOUTS["evcc"](messages).decode(), triage).incidents]

    assert codes("CP state C->A without user stop") == ["F-0805"]
    assert codes("EV side disconnected.") == []


def test_of_fans_that_are_told_one_by_one_the_slowest_counts() -> None:
    """Monitors report each fan in an event of its own: what one told holds beside the others for ten minutes."""

    def turned(minute: int, fan: str, speed: str) -> Message:
        return notified(monitored({"name": "CoolingFan", "instance": fan}, "Speed", speed, minute), minute=minute)

    told = [turned(0, "1", "1400"), turned(1, "2", "1800"), turned(2, "1", "1380"), turned(20, "2", "1810")]
    speeds = [record["component_health"]["cooling_fan_rpm"] for record in records_of(told)["telemetry"]]
    assert speeds == [1400.0, 1400.0, 1380.0, 1810.0]


@pytest.mark.parametrize(
    ("status", "went"), [("Accepted", "completed"), ("RebootRequired", "accepted"), ("Rejected", "rejected")]
)
def test_a_change_that_is_accepted_is_done(status: str, went: str) -> None:
    """What ChangeConfiguration answers with Accepted has been changed; what needs a restart has not been yet."""
    asked = message(T.format(0, 0), "platform", 2, "1", "ChangeConfiguration", {"key": "MaxCurrent", "value": "63"})
    answered = message(T.format(0, 1), "charger", 3, "1", {"status": status})
    first = [call(T.format(0, 0), "h", "Heartbeat"), message(T.format(0, 0), "platform", 2, "0", "ClearCache", {})]
    commands = records_of([*first, asked, answered])["commands"]
    assert [command["status"] for command in commands if command["command_id"] == "1"] == [went]


def test_a_vendors_command_is_called_by_its_message() -> None:
    """What a platform asks for by DataTransfer is a command of that name, and its data are what it asks for."""
    vendors = {"vendorId": "v", "messageId": "ResetPowerModule", "data": '{"index": 3}'}
    asked = message(T.format(0, 0), "platform", 2, "1", "DataTransfer", vendors)
    answered = message(T.format(0, 1), "charger", 3, "1", {"status": "Accepted"})
    # whose words are whose is learned from messages that one side alone sends
    first = [call(T.format(0, 0), "h", "Heartbeat"), message(T.format(0, 0), "platform", 2, "0", "ClearCache", {})]
    command = next(c for c in records_of([*first, asked, answered])["commands"] if c["command_id"] == "1")
    assert (command["command"], command["params"], command["status"]) == (
        "reset_power_module",
        {"index": 3},
        "accepted",
    )


@pytest.mark.parametrize(
    ("trigger", "reason", "codes"),
    [
        ("AbnormalCondition", "StoppedByEV", ["TriggerReason.AbnormalCondition"]),
        ("EVCommunicationLost", "EVDisconnected", []),
        ("AbnormalCondition", "PowerLoss", ["StopReason.PowerLoss"]),
        ("ChargingStateChanged", "StoppedByEV", []),
    ],
)
def test_an_end_that_an_abnormal_condition_triggers_is_unwanted(
    trigger: str, reason: str | None, codes: list[str]
) -> None:
    """It is told once: by the stop reason where that tells of a fault, else by what triggered it."""
    info = {"transactionId": "t", **({} if reason is None else {"stoppedReason": reason})}
    events = [
        call(T.format(minute, 0), str(minute), "TransactionEvent", eventType=kind, timestamp=T.format(minute, 0), seqNo=minute,
             triggerReason=why, transactionInfo=told, evse={"id": 1, "connectorId": 1})
        for minute, kind, why, told in ((0, "Started", "CablePluggedIn", {"transactionId": "t"}), (9, "Ended", trigger, info))
    ]  # fmt: skip
    assert [data["fault_code"] for _, data in events_of(events, "fault")] == codes


@pytest.mark.parametrize(
    ("opened", "closed"),
    [("WS_OPEN", "WS_CLOSE"), ("websocket.connected", "websocket.closed"), ("ConnectionEstablished", "ConnectionLost")],
)
def test_objects_tell_of_connections_in_many_words(opened: str, closed: str) -> None:
    """Words that say what was opened or closed stand beside what happened; a word for something else tells of no connection."""
    lines = [
        {"ts": T.format(0, 0), "chargePointId": "A", "event": opened},
        {"ts": T.format(5, 0), "chargePointId": "A", "event": closed, "closeCode": 1008, "closeReason": "no ping"},
        {"ts": T.format(6, 0), "chargePointId": "A", "event": "session opened by door"},
    ]
    log = "\n".join(map(json.dumps, lines)).encode()
    found = [record for name, record in ocpp_records(io.BytesIO(log)) if name == "connections"]
    assert [(record["transition"], record.get("close_code"), record.get("reason")) for record in found] == [
        ("online", None, None),
        ("offline", 1008, "no ping"),
    ]


def test_faulted_without_a_code_keeps_the_last_one() -> None:
    """Faulted with NoError after a code is the same occurrence; once it was cleared the code counts anew."""
    messages = [
        status(T.format(0, 0), 1, "Faulted", "OverVoltage"),
        status(T.format(1, 0), 2, "Faulted"),
        status(T.format(2, 0), 3, "Faulted", "OverVoltage"),
        status(T.format(3, 0), 4, "Available"),
        status(T.format(4, 0), 5, "Faulted", "OverVoltage"),
    ]
    assert [data["fault_code"] for _, data in events_of(messages, "fault")] == ["OverVoltage", "OverVoltage"]


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"errorCode": "OtherError", "vendorErrorCode": "F-0421"}, "F-0421"),
        ({"errorCode": "PowerSwitchFailure", "vendorErrorCode": "f0101"}, "F-0101"),
        ({"errorCode": "InternalError", "info": "module 2: F-0411, no answer"}, "F-0411"),
        ({"errorCode": "OtherError", "vendorErrorCode": "CX017", "vendorId": "https://chargex.inl.gov"}, "CX017"),
        ({"errorCode": "OtherError", "vendorErrorCode": "421", "vendorId": "com.tellus"}, "F-0421"),
        ({"errorCode": "OtherError", "vendorErrorCode": "421", "vendorId": "com.other"}, "OtherError 421"),
        ({"errorCode": "OtherError", "vendorErrorCode": "NoPPDetected"}, "NoPPDetected"),
        ({"errorCode": "GroundFailure", "vendorErrorCode": "E17"}, "GroundFailure"),
        ({"errorCode": "NoError", "vendorErrorCode": "0x00"}, "Faulted"),
        ({"errorCode": "NoError", "vendorErrorCode": "RelayAdhesion"}, "RelayAdhesion"),
        ({"errorCode": "HighTemperature", "info": "cable 75.2C > 75C, derate 60%"}, "Vendor.ConnectorHot"),
        ({"errorCode": "HighTemperature", "info": "Connector 2 75.6 C, power limited"}, "Vendor.ConnectorHot"),
        ({"errorCode": "HighTemperature", "info": "T_conn 76C>75C"}, "Vendor.ConnectorHot"),
        ({"errorCode": "OtherError", "info": "FAN1-4 LOW"}, "Vendor.FanSlow"),
        ({"errorCode": "OtherError", "info": "Connector 2 75.6 C, power limited"}, "OtherError"),
        ({"errorCode": "HighTemperature", "info": "limit 75C"}, "HighTemperature"),
        ({"errorCode": "OtherError", "info": "CP C to A in 40 ms at 16 A"}, "Vendor.SessionBrokeOff"),
        (
            {"errorCode": "InternalError", "info": "mod 4 sin respuesta 3000ms", "vendorErrorCode": "0411"},
            "Vendor.ModuleSilent",
        ),
        ({"errorCode": "OtherError", "info": "magneetschakelaar opent niet"}, "Vendor.ContactorClosed"),
        (
            {"errorCode": "InternalError", "info": "PM2 comm timeout", "vendorErrorCode": "V-PMTO"},
            "Vendor.ModuleSilent",
        ),
        ({"errorCode": "OtherError", "vendorErrorCode": "FanSpeedLow"}, "Vendor.FanSlow"),
        ({"errorCode": "OtherError", "info": "fan speed low, cabinet too hot"}, "OtherError"),
        ({"errorCode": "GroundFailure", "info": "fan speed low"}, "GroundFailure"),
        ({"errorCode": "Error"}, "Error"),
        ({"errorCode": "OtherError"}, "OtherError"),
        ({}, "Faulted"),
    ],
)
def test_which_code_a_report_names(report: dict[str, str], code: str) -> None:
    """Ours before ChargeX's before the standard's before the vendor's; another vendor's bare number is never one of ours."""
    notification = call(T.format(0, 0), "1", "StatusNotification", connectorId=1, status="Faulted", **report)
    assert [data["fault_code"] for _, data in events_of([notification], "fault")] == [code]


def test_a_fault_of_2_0_1_takes_the_code_that_follows() -> None:
    """Faulted names no code in 2.0.1: the event that comes after it does, and both are one fault; alone it is one without code."""
    faulted = call(T.format(0, 0), "1", "StatusNotification", timestamp=T.format(0, 0), connectorStatus="Faulted", evseId=1,
                   connectorId=1)  # fmt: skip
    contactor = {"name": "PowerContactor", "evse": {"id": 1}}
    named = notified(monitored(contactor, "Problem", "true", techCode="F-0101"))
    assert [data["fault_code"] for _, data in events_of([faulted, named], "fault")] == ["F-0101"]
    assert [data["fault_code"] for _, data in events_of([faulted], "fault")] == ["Faulted"]


@pytest.mark.parametrize(
    ("component", "tech", "info", "code"),
    [
        ("PowerContactor", "0x3E07", "DC+ contactor did not open after the session", "Vendor.ContactorClosed"),
        ("AcDcConverter", "E-4101", "No response from power module 3 within 500 ms", "Vendor.ModuleSilent"),
        ("AcDcConverter", "4101", "see manual", "AcDcConverter.Problem"),
        ("VendorThing", "0x3E07", "see manual", "0x3E07"),
        ("VendorThing", "IsolationLow", "contactor did not open", "IsolationLow"),
        ("PowerContactor", "F-0421", "contactor did not open", "F-0421"),
        ("PowerContactor", "ERR_2107", "DC contactor did not close within 3 s", "Vendor.ContactorOpen"),
        ("ConnectedEV", "EV_DISCHARGE_REJ", "battery management refused discharge", "Vendor.DischargeRefused"),
        ("AcDcConverter", None, "inverter sync aborted, V2G session not negotiated", "Vendor.SyncLost"),
        ("AirCoolingSystem", None, "fan 2 slow", "AirCoolingSystem.Problem"),
        ("Inverter", None, "Grid sync lost, disconnected", "Vendor.SyncLost"),
    ],
)
def test_beside_a_vendors_number_words_and_then_the_component_count(
    component: str, tech: str | None, info: str, code: str
) -> None:
    """A number of a vendor's tells nobody anything: what is said beside it names the fault, else the component that the standard has."""
    named: dict[str, Any] = {} if tech is None else {"techCode": tech}
    alarm = notified(monitored(component, "Problem", "true", techInfo=info, **named))
    ((_, data),) = events_of([alarm], "fault")
    assert (data["fault_code"], data["details"].get("tech_code")) == (code, tech)


def test_an_alert_of_a_variable_of_the_vendors_own_is_a_fault_by_its_words() -> None:
    """Only where words name one, and until it is over, which may be told without them."""
    told = {"trigger": "Alerting", "techInfo": "EV refused discharge: not allowed at this time"}
    began = [monitored("ConnectedEV", "Bidirectional", "true", n, **told) for n in (0, 1, 3)]
    ended = monitored("ConnectedEV", "Bidirectional", "false", 2, trigger="Delta")
    turns = [notified(event, minute=n) for n, event in enumerate((began[0], began[1], ended, began[2]))]
    assert [data["fault_code"] for _, data in events_of(turns, "fault")] == ["Vendor.DischargeRefused"] * 2
    said = notified(monitored("ConnectedEV", "ChargingState", "DischargeRejected", trigger="Alerting"))
    assert [data["fault_code"] for _, data in events_of([said], "fault")] == ["Vendor.DischargeRefused"]
    passed = notified(monitored("FanTray", "Speed", "1480", trigger="Alerting", techInfo="fan speed below 1800"))
    assert [data["fault_code"] for _, data in events_of([passed], "fault")] == ["Vendor.FanSlow"]
    others = [
        monitored("ConnectedEV", "Bidirectional", "true", trigger="Alerting", techInfo="hello"),
        monitored("CoolingFan", "Speed", "1480", trigger="Alerting"),
    ]
    assert events_of([notified(*others)], "fault") == []


def test_a_code_that_is_told_again_loses_nothing_that_is_said() -> None:
    """While a code is active its next report is no further fault; other words in it are kept, the same ones are not."""
    told = [status(T.format(n, 0), n, "Faulted", "GroundFailure", info=info) for n, info in enumerate(("a", "b", "b"))]
    said = [(kind, data.get("fault_message")) for kind, data in events_of(told, "fault", "ocpp")]
    assert said == [("fault", "a"), ("ocpp", "b")]


def test_of_the_sensors_in_a_connector_the_hottest_counts() -> None:
    """Outlet and cable in meter values, and the contacts of a connector in monitored values, are one temperature."""
    values = [{"value": value, "measurand": "Temperature", "unit": "Celsius", "location": location}
              for value, location in (("79.5", "Outlet"), ("22.5", "Cable"), ("92", "EV"))]  # fmt: skip
    metered = call(T.format(0, 0), "1", "MeterValues", connectorId=1,
                   meterValue=[{"timestamp": T.format(0, 0), "sampledValue": values}])  # fmt: skip
    sensor = {"name": "TemperatureSensor", "evse": {"id": 1, "connectorId": 1}}
    events = [
        monitored({**sensor, "instance": instance}, "Temperature", value)
        for value, instance in (("85.8", "ConnectorDCMinus"), ("35", "ConnectorDCPlus"), ("99", "Brake"))
    ]
    assert [reading["temperature"] for reading in records_of([metered])["telemetry"]] == [79.5]
    assert [reading["temperature"] for reading in records_of([notified(*events)])["telemetry"]] == [85.8]


def test_a_vehicle_that_is_named_while_it_charges_is_that_of_its_session() -> None:
    """By a vendor's message in 1.6, by the component ConnectedEV in 2.0.1; one that is named of another connector is not."""
    begun = call(
        T.format(0, 0), "1", "StartTransaction", connectorId=1, idTag="t", meterStart=0, timestamp=T.format(0, 0)
    )
    named = [
        call(T.format(1, n), f"d{n}", "DataTransfer", vendorId="v", messageId="EVCCID", data=data)
        for n, data in enumerate(('{"connector": 1, "evccid": "0080E1"}', '{"connector": 2, "evccid": "FFFF"}'))
    ]
    (record,) = records_of([begun, *named])["charging_records"]
    assert record["vehicle_info"]["vin"] == "0080E1"
    started = call(T.format(0, 0), "1", "TransactionEvent", eventType="Started", timestamp=T.format(0, 0), seqNo=0,
                   triggerReason="Authorized", transactionInfo={"transactionId": "x"}, evse={"id": 1, "connectorId": 1})  # fmt: skip
    vehicle = notified(monitored("ConnectedEV", "VehicleId", "0080E2", 1), minute=1)
    (record,) = records_of([started, vehicle])["charging_records"]
    assert record["vehicle_info"]["vin"] == "0080E2"


def test_an_omitted_stop_reason_is_not_known() -> None:
    """A StopTransaction without a reason means Local by the standard, which is no evidence of a clean stop."""
    messages = [
        call(T.format(0, 0), "1", "StartTransaction", connectorId=1, idTag="X", meterStart=0, timestamp=T.format(0, 0)),
        answer(T.format(0, 1), "1", transactionId=5, idTagInfo={"status": "Accepted"}),
        call(T.format(9, 0), "2", "StopTransaction", transactionId=5, meterStop=10, timestamp=T.format(9, 0)),
    ]
    found = records_of(messages)
    assert "stop_reason" not in found["charging_records"][0]
    assert [e for e in found["events"] if e["event_type"] == "fault"] == []


def test_a_session_without_its_end_stays_open() -> None:
    """A session that the log does not see ending has no end."""
    start = call(
        T.format(0, 0), "1", "StartTransaction", connectorId=1, idTag="X", meterStart=0, timestamp=T.format(0, 0)
    )
    (record,) = records_of([start, answer(T.format(0, 1), "1", transactionId=5)])["charging_records"]
    assert (record["record_id"], "end_time" in record) == ("5", False)


# Pairs


def test_what_does_not_pair_is_told() -> None:
    """No answer, a late one, an error for an answer and an id used again are events; a command without an answer is queued."""
    messages = [
        call(T.format(0, 0), "1", "Heartbeat"),
        answer(T.format(0, 45), "1", currentTime=T.format(0, 45)),
        call(T.format(1, 0), "1", "Heartbeat"),
        message(T.format(1, 1), "platform", 4, "1", "InternalError", "", {}),
        call(T.format(2, 0), "2", "Authorize", idTag="X"),
        message(T.format(2, 5), "platform", 2, "3", "Reset", {"type": "Hard"}),
        call(T.format(20, 0), "4", "Heartbeat"),
    ]
    told = [event for event in records_of(messages)["events"] if event["event_type"] == "ocpp"]
    problems = [(e["data"]["problem"], e["ocpp"]["action"], e["ocpp"]["message_id"]) for e in told]
    assert problems == [
        ("answered late", "Heartbeat", "1"),
        ("message id used again", "Heartbeat", "1"),
        ("answered with an error", "Heartbeat", "1"),
        ("no answer", "Authorize", "2"),
        ("no answer", "Reset", "3"),
    ]
    (command,) = records_of(messages)["commands"]
    assert (command["command"], command["status"]) == ("hard_reset", "queued")


def test_an_answer_that_is_missing_says_how_long_the_other_side_was_heard() -> None:
    """Whose answer is missing, for how long, and that its side was heard on meanwhile: a log of one side tells all of it."""
    messages = [
        call(T.format(0, 0), "1", "Heartbeat"),
        answer(T.format(0, 1), "1", currentTime=T.format(0, 1)),
        message(T.format(1, 0), "platform", 2, "2", "TriggerMessage", {"requestedMessage": "Heartbeat"}),
        call(T.format(1, 10), "3", "Authorize", idTag="X"),
        message(T.format(1, 12), "platform", 2, "4", "ClearCache", {}),
        message(T.format(1, 13), "charger", 3, "4", {"status": "Accepted"}),
        call(T.format(3, 0), "5", "Heartbeat"),
        answer(T.format(3, 0), "5", currentTime=T.format(3, 0)),
    ]
    assert [data for _, data in events_of(messages, "ocpp")] == [
        {"problem": "no answer", "by": "charger", "waited_s": 120.0, "heard_after_s": 120.0},
        {"problem": "no answer", "by": "platform", "waited_s": 110.0, "heard_after_s": 110.0},
    ]


def test_a_pong_shows_that_a_charger_is_heard(triage: Triage) -> None:
    """A charger that answers pings and no command is at fault itself: the loss is not put on the line."""
    at = "2026-05-10 08:00:{:02}.000 "
    lines = [
        at.format(0) + 'INFO (MainThread) [ocpp] CP: receive message [2,"1","Heartbeat",{}]',
        at.format(0) + 'INFO (MainThread) [ocpp] CP: send [3,"1",{"currentTime":"2026-05-10T08:00:00Z"}]',
        at.format(5) + 'INFO (MainThread) [ocpp] CP: send [2,"2","ClearCache",{}]',
        at.format(27)
        + "DEBUG (MainThread) [custom_components.ocpp] Connection latency from 'central' to 'CP': ping=1.0 ms, pong=3.0 ms",
        at.format(35) + "INFO (MainThread) [custom_components.ocpp] Charger CP disconnected from 0.0.0.0:9000.",
    ]
    (lost,) = diagnosed("\n".join(lines), triage).incidents
    site = next(h for h in lost.hypotheses if h.cause_id == "F-0301/site-network-outage")
    (said,) = [e for e in site.evidence if e.rule_id == "F-0301.heard-but-not-answering"]
    assert "22 s" in said.statement
    assert said.weight_db < 0


def test_ids_may_be_used_again_after_a_reconnect() -> None:
    """A counter that begins anew with a connection is in order; on one connection an id stands for one message."""
    boot = {"chargePointVendor": "V", "chargePointModel": "M"}

    def after_start(minute: int) -> list[Message]:
        return [
            call(T.format(minute, 0), "1", "BootNotification", **boot),
            answer(T.format(minute, 0), "1", status="Accepted", currentTime=T.format(minute, 0), interval=300),
            call(T.format(minute, 1), "2", "Heartbeat"),
            call(T.format(minute, 2), "3", "FirmwareStatusNotification", status="Idle"),
        ]

    def again(messages: list[Message]) -> list[tuple[bool, str]]:
        events = [e for e in records_of(messages)["events"] if "problem" in e.get("data", {})]
        told = [e for e in events if e["data"]["problem"] == "message id used again"]
        return [(e["data"]["same_message"], e["ocpp"]["action"]) for e in told]

    twice = [*after_start(0), *after_start(5)]
    assert len(events_of(twice, "boot")) == 2
    assert again(twice) == []
    clash = [*after_start(0), call(T.format(1, 0), "2", "Authorize", idTag="X")]
    assert again(clash) == [(False, "Authorize")]
    stop = call(T.format(2, 0), "9", "StopTransaction", transactionId=1, meterStop=1, timestamp=T.format(2, 0))
    assert again([*after_start(0), stop, *after_start(5), stop])[-1] == (True, "StopTransaction")


def test_messages_sent_again_speak_of_the_charger(triage: Triage) -> None:
    """A storm in which the charger says the same again and again under one id is no idle connection's."""
    (storm,) = diagnosed(LAYOUTS["evcc"](boots(8, same_id=True)).decode(), triage).incidents
    told = {(h.cause_id, e.rule_id): e.weight_db for h in storm.hypotheses for e in h.evidence}
    assert told["F-0302/firmware-backoff-regression", "F-0302.messages-sent-again"] > 0
    assert told["F-0302/idle-connection-closed", "F-0302.messages-sent-again"] < 0
    (other,) = diagnosed(LAYOUTS["evcc"](boots(8, same_id=False)).decode(), triage).incidents
    assert not [e for h in other.hypotheses for e in h.evidence if e.rule_id == "F-0302.messages-sent-again"]


def test_a_session_of_a_log_of_calls_alone() -> None:
    """Where nobody logged the answer that names a session, the next id belongs to the one that has none."""
    messages = [
        call(T.format(0, 0), "1", "StartTransaction", connectorId=2, idTag="X", meterStart=0, timestamp=T.format(0, 0)),
        call(T.format(9, 0), "2", "StopTransaction", transactionId=5, meterStop=1500, timestamp=T.format(9, 0)),
    ]
    (record,) = records_of(messages)["charging_records"]
    assert (record["record_id"], record["connector_id"], record["energy"]) == ("5", 2, 1.5)


def test_a_log_of_calls_alone_misses_no_answer() -> None:
    """Where no answer is logged at all, none is missed."""
    messages = [call(T.format(n, 0), str(n), "Heartbeat") for n in range(30)]
    assert events_of(messages, "ocpp") == []


def test_variables_become_settings() -> None:
    """A report of variables tells the intervals; variables of which none could be set are a command that was rejected."""
    comm = {"name": "OCPPCommCtrlr"}
    report = [
        {"component": comm, "variable": {"name": name}, "variableAttribute": [{"value": value}]}
        for name, value in (("HeartbeatInterval", "120"), ("WebSocketPingInterval", "30"))
    ]
    data = {"setVariableData": [{"component": comm, "variable": {"name": "HeartbeatInterval"}, "attributeValue": "60"}]}
    refused = {
        "setVariableResult": [
            {"component": comm, "variable": {"name": "HeartbeatInterval"}, "attributeStatus": "Rejected"}
        ]
    }
    found = records_of(
        [
            call(T.format(0, 0), "1", "NotifyReport", requestId=1, generatedAt=T.format(0, 0), seqNo=0, reportData=report),
            message(T.format(1, 0), "platform", 2, "2", "SetVariables", data),
            message(T.format(1, 1), "charger", 3, "2", refused),
            message(T.format(2, 0), "platform", 2, "3", "ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 2}}),
            message(T.format(2, 1), "charger", 3, "3", {"status": "Scheduled"}),
        ]
    )  # fmt: skip
    assert [c["settings"] for c in found["configurations"]] == [
        {"heartbeat_interval_s": 120.0, "websocket_ping_interval_s": 30.0}
    ]
    assert [(c["command"], c["status"], c.get("connector_id")) for c in found["commands"]] == [
        ("set_variables", "rejected", None),
        ("change_availability", "accepted", 2),
    ]


def test_variables_that_are_asked_for_are_readings_as_monitored_ones() -> None:
    """What the platform reads of a charger's sensors is telemetry, and each instance of a component keeps its own value."""
    results = [
        {"attributeStatus": "Accepted", "attributeValue": value, "variable": {"name": "Temperature"},
         "component": {"name": "TemperatureSensor", "instance": instance}}
        for instance, value in (("cabinet", "58.5"), ("control-board", "33"))
    ]  # fmt: skip
    found = records_of(
        [
            message(T.format(0, 0), "platform", 2, "1", "GetVariables", {"getVariableData": []}),
            message(T.format(0, 1), "charger", 3, "1", {"getVariableResult": results}),
        ]
    )
    (reading,) = found["telemetry"]
    assert reading["cabinet_temperature"] == 58.5
    assert reading["component_health"] == {"internal_temps": {"control_board": 33.0}}
    (configured,) = found["configurations"]
    assert configured["ocpp_keys"] == {
        "TemperatureSensor.cabinet.Temperature": "58.5",
        "TemperatureSensor.control-board.Temperature": "33",
    }


# Heartbeats and connections


def test_that_it_was_away_a_charger_tells_of_when_it_fell_silent(triage: Triage) -> None:
    """What a charger reports once it is back is dated by its last word before; what it reports later is not."""

    def first_seen(minute: int) -> str | None:
        boot = [
            call(T.format(0, 0), "b", "BootNotification", chargePointVendor="V", chargePointModel="M"),
            answer(T.format(0, 0), "b", status="Accepted", currentTime=T.format(0, 0), interval=60),
        ]
        beats = [call(T.format(n, 0), f"h{n}", "Heartbeat") for n in (1, 2, 3, *range(20, 40))]
        told = status(T.format(minute, 30), 9, "Available", "OtherError", vendorErrorCode="HB_LOST", info="back again")
        talk = sorted([*boot, *beats, told], key=lambda each: each["at"])
        return diagnosed(LAYOUTS["evcc"](talk).decode(), triage).incidents[0].first_seen

    assert first_seen(20) == "2026-05-10T08:03:00Z"
    assert first_seen(36) == "2026-05-10T08:36:30Z"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("charge point CP-7 missed heartbeat (last seen 08:01), marking offline", "F-0301"),
        ("alarm F-0302 raised for CP-7", "F-0302"),
        ("missed heartbeat of CP-7, trying again", None),
    ],
)
def test_a_platforms_own_alarm_in_a_line_of_its_log_is_a_fault(said: str, code: str | None) -> None:
    """A line that names a code of connectivity, or takes a charger without heartbeats for offline, is a fault; another is none."""
    text = f'2026-05-10T08:00:00Z CP-7 > [2,"1","Heartbeat",{{}}]\n2026-05-10T08:05:00Z {said}\n'
    found = [
        r["data"]["fault_code"] for name, r in ocpp_records(io.BytesIO(text.encode())) if r.get("event_type") == "fault"
    ]
    assert found == ([] if code is None else [code])


def test_a_heartbeat_interval_that_nobody_told_is_observed(triage: Triage) -> None:
    """Without a BootNotification the usual pause between heartbeats is the interval, so that no loss is seen that is none."""
    messages = [call(T.format(n, 0), str(n), "Heartbeat") for n in range(0, 60, 5)]
    assert [c["settings"] for c in records_of(messages)["configurations"]] == [{"heartbeat_interval_s": 300.0}]
    other = [call("2026-05-10T08:57:00Z", "x", "FirmwareStatusNotification", status="Idle")]
    text = (LAYOUTS["evcc"](messages) + LAYOUTS["evcc"](other)).decode()
    assert diagnosed(text, triage).incidents == []


def test_other_messages_are_signs_of_life(triage: Triage) -> None:
    """A charger that talks of other things is not lost, and one that falls silent is, from its last word on."""
    boot = [
        call(T.format(0, 0), "b", "BootNotification", chargePointVendor="V", chargePointModel="M"),
        answer(T.format(0, 0), "b", status="Accepted", currentTime=T.format(0, 0), interval=30),
    ]
    talk = [call(T.format(n, 0), str(n), "DiagnosticsStatusNotification", status="Idle") for n in range(1, 20)]
    alive, late = (LAYOUTS["evcc"](m).decode() for m in (boot + talk, [call(T.format(50, 0), "z", "Heartbeat")]))
    assert diagnosed(alive, triage).incidents == []
    (lost,) = diagnosed(alive + late.replace("CP-7", "OTHER"), triage).incidents
    assert (lost.device_id, lost.fault_code, lost.first_seen) == ("CP-7", "F-0301", "2026-05-10T08:19:00Z")


def test_a_connection_that_stays_closed_is_a_lost_charger(triage: Triage) -> None:
    """A close without another opening leaves the charger offline (F-0301); one that opens again does not."""
    lines = "[ocpp  ] DEBUG 2026/05/10 08:00:0{} charge point {}: CP-7\n"
    closed = lines.format(0, "connected") + lines.format(5, "disconnected")
    assert [i.fault_code for i in diagnosed(closed, triage).incidents] == ["F-0301"]
    assert diagnosed(closed + lines.format(6, "connected"), triage).incidents == []


@pytest.mark.parametrize("program", ["evcc", "SteVe"])
def test_a_storm_is_seen_in_connection_lines(program: str, triage: Triage) -> None:
    """More than five reconnects within ten minutes are a storm, five are none."""
    form = {
        "evcc": "[ocpp  ] DEBUG 2026/05/10 08:{:02}:{:02} charge point {}connected: CP-7\n",
        "SteVe": "[INFO ] 2026-05-10 08:{:02}:{:02},000 x - [chargeBoxId=CP-7, sessionId=1] Connection is {}\n",
    }[program]
    words = {"evcc": ("", "dis"), "SteVe": ("established", "closed, status: CloseStatus[code=1006, reason=null]")}[
        program
    ]
    text = "".join(form.format(n, s, words[s == 50]) for n in range(7) for s in (0, 50)) + form.format(7, 0, words[0])
    assert [i.fault_code for i in diagnosed(text, triage).incidents] == ["F-0302"]
    short = "".join(text.splitlines(keepends=True)[:11])
    assert [i.fault_code for i in diagnosed(short, triage).incidents] == []


def boots(count: int, *, same_id: bool, status: str = "Accepted") -> list[Message]:
    """BootNotifications every ten seconds."""
    messages: list[Message] = []
    for n in range(count):
        message_id = "1000001" if same_id else str(n)
        messages.append(
            call(
                T.format(n // 6, n % 6 * 10),
                message_id,
                "BootNotification",
                chargePointVendor="V",
                chargePointModel="M",
            )
        )
        messages.append(
            answer(T.format(n // 6, n % 6 * 10), message_id, status=status, currentTime=T.format(0, 0), interval=300)
        )
    return messages


def test_boot_notifications_again_and_again_are_a_storm(triage: Triage) -> None:
    """A charger that announces itself every ten seconds reconnects; with one message id it says the same again, and did not boot."""
    codes = [i.fault_code for i in diagnosed(LAYOUTS["evcc"](boots(8, same_id=True)).decode(), triage).incidents]
    assert codes == ["F-0302"]
    found = records_of(boots(8, same_id=True))
    assert len([e for e in found["events"] if e["event_type"] == "boot"]) == 1
    assert found["connections"][1]["reason"] == "announced again with the same message id"
    assert len([e for e in records_of(boots(8, same_id=False))["events"] if e["event_type"] == "boot"]) == 8


def test_boot_notifications_that_were_asked_for_are_no_storm(triage: Triage) -> None:
    """One that was triggered, and one that is sent again because the platform did not accept it yet, are no reconnect."""
    assert len(records_of(boots(8, same_id=False, status="Pending"))["connections"]) == 1
    trigger = {"requestedMessage": "BootNotification"}
    asked = [
        entry
        for n, pair in enumerate(zip(*[iter(boots(8, same_id=False))] * 2, strict=True))
        for entry in (message(pair[0]["at"], "platform", 2, f"t{n}", "TriggerMessage", trigger), *pair)
    ]
    assert "connections" not in records_of(asked)
    assert diagnosed(LAYOUTS["evcc"](asked).decode(), triage).incidents == []


def test_a_connection_and_its_boot_notification_are_one(triage: Triage) -> None:
    """Where the log tells of the connection, the BootNotification over it is no second one."""
    line = "[ocpp  ] DEBUG 2026/05/10 08:{:02}:{:02} charge point {}connected: CP-7\n"
    text = ""
    for n in range(4):
        boot = call(T.format(n, 1), str(n), "BootNotification", chargePointVendor="V", chargePointModel="M")
        text += (
            line.format(n, 0, "") + LAYOUTS["evcc"]([boot]).decode().replace("10:", "08:") + line.format(n, 50, "dis")
        )
    assert [i.fault_code for i in diagnosed(text + line.format(5, 0, ""), triage).incidents] == []


def test_firmware_that_changed_is_an_upgrade() -> None:
    """Another version in the next BootNotification is an upgrade, and an installation that is told is one too."""
    messages = [
        call(
            T.format(0, 0),
            "1",
            "BootNotification",
            chargePointVendor="V",
            chargePointModel="M",
            firmwareVersion="3.0.1",
        ),
        call(T.format(5, 0), "2", "FirmwareStatusNotification", status="Downloading"),
        call(T.format(6, 0), "3", "FirmwareStatusNotification", status="Installed"),
        call(
            T.format(7, 0),
            "4",
            "BootNotification",
            chargePointVendor="V",
            chargePointModel="M",
            firmwareVersion="3.0.3",
        ),
    ]
    upgrades = events_of(messages, "firmware_status", "firmware_updated")
    assert upgrades == [
        ("firmware_status", {"status": "installed"}),
        ("firmware_updated", {"from": "3.0.1", "to": "3.0.3"}),
    ]
    assert records_of(messages)["devices"][0]["firmware_version"] == "3.0.3"


@pytest.mark.parametrize(
    ("profile", "limit"),
    [
        ({"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000}]}, 11.0),
        ({"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10, "numberPhases": 1}]}, 2.309),
        ({"chargingRateUnit": "W", "startSchedule": "2026-05-10T20:00:00Z",
          "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000}]}, None),
    ],
)  # fmt: skip
def test_a_charging_profile_limits_the_power(profile: dict[str, Any], limit: float | None) -> None:
    """A profile that was accepted sets the limit from then on: amperes by the phases' voltage, a later one not yet."""
    set_profile = {"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 1, "stackLevel": 0,
                   "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute", "chargingSchedule": profile}}  # fmt: skip
    asked = message(T.format(0, 0), "platform", 2, "1", "SetChargingProfile", set_profile)
    accepted, refused = (message(T.format(0, 1), "charger", 3, "1", {"status": s}) for s in ("Accepted", "Rejected"))
    limits = [r["power_limit"] for r in records_of([asked, accepted]).get("telemetry", [])]
    assert limits == ([] if limit is None else [pytest.approx(limit, abs=0.001)])
    assert "telemetry" not in records_of([asked, refused])
