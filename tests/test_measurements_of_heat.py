"""Measurements of heat and fans: what belongs together is read together, and what one record lacks changes no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from charger_triage.engine.facts import Fact
from charger_triage.knowledge import TriageKnowledge
from charger_triage.knowledge.cases import expanded
from charger_triage.knowledge.observations import observe

DC = {
    "device_id": "A",
    "site_id": "S",
    "model": "TP-DC180",
    "product": {"current_type": "DC", "max_current_a": 400, "rated_power_kw": 180, "continuous_rating_kw": 150},
}
AC = {
    "device_id": "A",
    "site_id": "S",
    "model": "TP-AC22",
    "product": {
        "current_type": "AC",
        "phases": 3,
        "max_current_a": 32,
        "rated_power_kw": 22,
        "continuous_rating_kw": 22,
    },
}


def fault(code: str, at: str = "T", **details: Any) -> dict[str, Any]:
    """A fault event of connector 1."""
    data = {"fault_code": code, "details": details}
    return {"timestamp": at, "device_id": "A", "connector_id": 1, "event_type": "fault", "data": data}


def row(at: str, **fields: Any) -> dict[str, Any]:
    """A telemetry record of charger A."""
    return {"timestamp": at, "device_id": "A", **fields}


def rows(start: str, every: str, series: Mapping[str, str], **fields: Any) -> dict[str, Any]:
    """Telemetry records of charger A in the notation of cases."""
    return {"device_id": "A", "from": start, "every": every, "series": dict(series), **fields}


def measured(
    knowledge: TriageKnowledge, names: list[str], lists: Mapping[str, Any], device: Mapping[str, Any] = DC
) -> dict[str, Any]:
    """The facts of the one incident on charger A."""
    records = {"sites": [{"site_id": "S"}], "devices": [dict(device)], **lists}
    (incident,) = knowledge.survey(observe(expanded(records), None)).incidents
    found = [fact for fact in incident.measure(names) if isinstance(fact, Fact)]
    return {fact.name: round(fact.value, 2) if isinstance(fact.value, float) else fact.value for fact in found}


# Values of one occurrence

TWO_FAULTS = [fault("F-0203", "T-50d"), fault("F-0203")]
OUTSIDE = [
    {"timestamp": "T-50d", "site_id": "S", "ambient_c": 5},
    {"timestamp": "T", "site_id": "S", "ambient_c": 38},
]
HOT = {"connector_id": 1, "temperature": 55, "state": "charging"}
HOTTER = {"connector_id": 1, "temperature": 81, "state": "charging"}
OF_ONE_OCCURRENCE = {
    "both have readings, those of the latest farther off": (
        {"telemetry": [row("T-50d", **HOT), row("T-40m", **HOTTER)], "environment": OUTSIDE},
        {"connector_temperature": 81, "connector_over_ambient": 43},
    ),
    "the earlier alone has readings": (
        {"telemetry": [row("T-50d", **HOT)], "environment": OUTSIDE},
        {"connector_temperature": 55, "connector_over_ambient": 50},
    ),
    "the air of the earlier is not known": (
        {"telemetry": [row("T-50d", **HOT)], "environment": OUTSIDE[1:]},
        {"connector_temperature": 55},
    ),
    "the latest tells both in its details": (
        {"events": [TWO_FAULTS[0], fault("F-0203", connector_temp_c=90, ambient_c=30)]},
        {"connector_temperature": 90, "connector_over_ambient": 60},
    ),
    "a sensor that has died, and the site's records": (
        {
            "telemetry": [row("T-50d", ambient_temperature=4, **HOT), row("T-5m", **HOTTER)],
            "environment": OUTSIDE,
        },
        {"connector_temperature": 81, "connector_over_ambient": 43, "ambient_temperature": 38},
    ),
}


@pytest.mark.parametrize(("lists", "expected"), OF_ONE_OCCURRENCE.values(), ids=list(OF_ONE_OCCURRENCE))
def test_a_connector_and_the_air_are_read_at_one_time(
    lists: dict[str, Any], expected: dict[str, float], knowledge: TriageKnowledge
) -> None:
    """The heat of one occurrence less the air of another one is no rise."""
    names = ["connector_temperature", "connector_over_ambient", *({"ambient_temperature"} & set(expected))]
    assert measured(knowledge, names, {"events": TWO_FAULTS, **lists}) == expected


def fans(first: str, last: str) -> list[dict[str, Any]]:
    """The fan's speed before an occurrence two months ago, and 20 min before the latest one."""
    return [
        rows("T-61d", "1h", {"component_health.cooling_fan_rpm": first}),
        row("T-20m", component_health={"cooling_fan_rpm": int(last)}),
    ]


def test_a_fan_is_read_at_the_latest_occurrence_that_tells_its_speed(knowledge: TriageKnowledge) -> None:
    """Though an earlier one tells it to the minute, and against what went before that very occurrence."""
    names, events = ["fan_speed_while_hot", "fan_speed_vs_past"], [fault("F-0204", "T-60d"), fault("F-0204")]
    found = measured(knowledge, names, {"events": events, "telemetry": fans("2000x24 1000", "1500")})
    assert found["fan_speed_while_hot"] == 1500
    untold = measured(knowledge, names, {"events": events, "telemetry": fans("2000x24 1000", "1500")[:1]})
    assert untold == {"fan_speed_while_hot": 1000, "fan_speed_vs_past": 75}


def test_sensors_in_a_cabinet_are_compared_at_one_occurrence(knowledge: TriageKnowledge) -> None:
    """A board of today against a module of two months ago tells of the seasons."""
    temps = "component_health.internal_temps."
    events = [fault("F-0204", "T-60d"), fault("F-0204")]
    both = rows("T-86410m", "1m", {temps + "power_module": "60x10", temps + "control_board": "40x10"})
    board = rows("T-10m", "1m", {temps + "control_board": "70x10"})
    module = rows("T-10m", "1m", {temps + "power_module": "65x10"})
    names = ["board_over_module"]
    assert measured(knowledge, names, {"events": events, "telemetry": [both, board]}) == {"board_over_module": -20}
    assert measured(knowledge, names, {"events": events, "telemetry": [both, board, module]}) == {
        "board_over_module": 5
    }


def test_a_cabinet_is_compared_with_its_neighbours_at_one_time(knowledge: TriageKnowledge) -> None:
    """Its own winter against their summer says nothing."""
    lists = {
        "devices": [DC, {"device_id": "B", "site_id": "S"}],
        "events": [fault("F-0601", "T-180d"), fault("F-0601")],
    }
    winter = rows("T-259220m", "1m", {"cabinet_temperature": "15x20"})
    theirs = {**rows("T-20m", "1m", {"cabinet_temperature": "42x20"}), "device_id": "B"}
    then = {**winter, "device_id": "B", "series": {"cabinet_temperature": "11x20"}}
    names = ["cabinet_above_peers"]
    assert measured(knowledge, names, {**lists, "telemetry": [winter, theirs]}) == {}
    assert measured(knowledge, names, {**lists, "telemetry": [winter, theirs, then]}) == {"cabinet_above_peers": 4}


# Power and current


def test_the_charger_s_own_record_is_no_further_connector(knowledge: TriageKnowledge) -> None:
    """It adds up what its connectors give; where they tell no power of their own, it is all there is."""
    names = ["load_at_cabinet_fault_share_of_continuous", "load_share_of_continuous"]
    connectors = [rows("T-20m", "1m", {"power": "60x20"}, connector_id=number) for number in (1, 2)]
    whole = rows("T-20m", "1m", {"power": "120x20"})
    bare = [rows("T-20m", "1m", {"temperature": "40x20"}, connector_id=number) for number in (1, 2)]
    for telemetry in ([*connectors, whole], connectors, [whole], [*bare, whole]):
        found = measured(knowledge, names, {"events": [fault("F-0204")], "telemetry": telemetry})
        assert found == dict.fromkeys(names, 80.0), telemetry


def test_a_record_without_a_current_changes_no_other_record(knowledge: TriageKnowledge) -> None:
    """The current of a DC connector stays what it is though another record tells none, and though the mains' phases are told."""
    sessions = []
    for day in range(9, -1, -1):
        series = {"current": "200x20", "power": "80x20", "temperature": "20..60x20", "ambient_temperature": "20x20"}
        start = f"T-{day * 24 * 60 + 20}m"
        sessions.append(rows(start, "1m", {**series, "phase_details.phase_a.current": "125x20"}, connector_id=1))
    # were these taken for the connector's, the last load would have heated it little
    sessions[-1]["series"]["phase_details.phase_a.current"] = "300x20"
    names = ["contact_heating_now", "contact_heating_growth"]
    events = [fault("F-0203")]
    whole = measured(knowledge, names, {"events": events, "telemetry": sessions})
    lacking = [row("T-12h", connector_id=1, temperature=20)]
    assert measured(knowledge, names, {"events": events, "telemetry": [*sessions, *lacking]}) == whole
    assert whole == {"contact_heating_now": 1, "contact_heating_growth": 1}


def test_the_power_of_an_ac_charger_is_that_of_all_phases(knowledge: TriageKnowledge) -> None:
    """Where records give none: by the phases they tell, else by the phases the charger has, unless its current adds them up."""
    phases = {
        f"phase_details.phase_{phase}.{name}": f"{value}x20"
        for phase in "abc"
        for name, value in (("current", 32), ("voltage", 230))
    }
    told: list[Mapping[str, str]] = [
        {"voltage": "230x20", **phases},
        {"voltage": "230x20", "current": "32x20"},
        {"voltage": "398.4x20", "current": "32x20"},
        {"voltage": "230x20", "current": "96x20"},
        {"power": "22.08x20"},
    ]
    for series in told:
        telemetry = [rows("T-20m", "1m", series, connector_id=1)]
        found = measured(
            knowledge, ["load_share_of_continuous"], {"events": [fault("F-0204")], "telemetry": telemetry}, AC
        )
        assert found == {"load_share_of_continuous": pytest.approx(100.4, abs=0.1)}, series


COMMANDED = {
    "kW in the key": ("set_power_limit", {"limit_kw": 165}, 110),
    "kW by the rating's size": ("set_power_limit", {"limit": 165}, 110),
    "kW in the text": ("set_power_limit", {"limit": "165 kW"}, 110),
    "W in the key": ("set_power_limit", {"max_power_w": 165_000}, 110),
    "W by their size": ("set_power_limit", {"limit": 165_000}, 110),
    "W beside": ("set_power_limit", {"limit": 4000, "unit": "W"}, 2.67),
    "percent of the rated power": ("set_power_limit", {"limit_pct": 50}, 60),
    "a profile in W": (
        "set_charging_profile",
        {"chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 4000}]}},
        2.67,
    ),
    "a profile in A": (
        "set_charging_profile",
        {"chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 250}]}},
        None,
    ),
    "A beside": ("set_power_limit", {"limit": 200, "unit": "A"}, None),
    "A in the key": ("set_power_limit", {"max_current_a": 200}, None),
    "A in the text": ("set_power_limit", {"limit": "200 A"}, None),
    "a limit of the current": ("set_current_limit", {"limit": 200}, None),
    "an energy": ("set_charging_profile", {"max_energy_kwh": 200}, None),
}
"""Commands, their parameters, and the power they allow in percent of the continuous rating; None where they tell none."""


@pytest.mark.parametrize(("command", "params", "expected"), COMMANDED.values(), ids=list(COMMANDED))
def test_a_limit_set_by_command_is_a_power_only_where_it_is_one(
    command: str, params: dict[str, Any], expected: float | None, knowledge: TriageKnowledge
) -> None:
    """Amperes and kilowatt hours tell no power, and watts are no kilowatts."""
    sent = {
        "command_id": "c",
        "device_id": "A",
        "command": command,
        "params": params,
        "status": "completed",
        "created_at": "T-1d",
    }
    name = "commanded_limit_share_of_continuous"
    found = measured(knowledge, [name], {"events": [fault("F-0204")], "commands": [sent]})
    assert found == ({} if expected is None else {name: expected})


# Over days and weeks


@pytest.mark.parametrize(
    ("half_time", "every", "at_most", "at_least"),
    [(15, 20, 20, 0), (18, 20, 20, 0), (28, 15, 30, 15), (38, 20, 40, 20), (40, 5, 40, 35), (90, 20, 100, 80)],
)
def test_half_of_the_heat_is_gone_between_two_readings(
    half_time: int, every: int, at_most: float, at_least: float, knowledge: TriageKnowledge
) -> None:
    """A cabinet that loses half of its heat in so many minutes, read so often: it had by the later of the two."""
    telemetry = []
    for day in (1, 2, 3):
        for minute in range(0, 240, every):
            rested = max(0, minute - 60)
            heat = 30.0 * 0.5 ** (rested / half_time)
            at = f"T-{day * 24 * 60 - minute}m"
            fields = {"cabinet_temperature": round(20 + heat, 3), "ambient_temperature": 20}
            telemetry.append(row(at, power=0 if rested else 100, **fields))
    names = ["cooling_half_time", "cooling_half_time_at_least"]
    found = measured(knowledge, names, {"events": [fault("F-0204")], "telemetry": telemetry})
    assert found == {"cooling_half_time": at_most, "cooling_half_time_at_least": at_least}


def heated(peaks: list[float]) -> list[dict[str, Any]]:
    """A load of 200 A a day on connector 1, the last one a day ago, each of which heats it up to a temperature from 20 °C."""
    return [
        rows(
            f"T-{(len(peaks) - place) * 24 * 60}m",
            "1m",
            {
                "state": "chargingx20",
                "current": "200x20",
                "temperature": f"20..{peak}x20",
                "ambient_temperature": "20x20",
            },
            connector_id=1,
        )
        for place, peak in enumerate(peaks)
    ]


@pytest.mark.parametrize(
    ("peaks", "expected"),
    [
        ([60.0] * 8, None),
        ([60.0, 61.0, 62.0, 63.0, 64.0, 65.0, 66.0, 67.0], 1.0),
        ([67.0, 66.0, 65.0, 64.0, 63.0, 62.0, 61.0, 60.0], -1.0),
        ([60.0] * 7 + [61.0], 0.58),
        ([61.0] + [60.0] * 7, -0.58),
    ],
)
def test_equal_loads_stand_in_no_order(peaks: list[float], expected: float | None, knowledge: TriageKnowledge) -> None:
    """A contact that heats as ever does not grow steadily, whatever order its loads came in."""
    name = "contact_heating_steadiness"
    found = measured(knowledge, [name], {"events": [fault("F-0203", "T-1d")], "telemetry": heated(peaks)})
    assert found == ({} if expected is None else {name: expected})


def test_a_vehicle_is_the_same_in_small_letters(knowledge: TriageKnowledge) -> None:
    """However its number is written, in a session or in the fault's details, it is no other vehicle."""
    sessions = [
        {"record_id": "1", "device_id": "A", "connector_id": 1, "start_time": "T-30m", "end_time": "T", "vehicle_info": {"vin": "WVWZZZ1"}, "avg_power": 80},
        {"record_id": "2", "device_id": "A", "connector_id": 1, "start_time": "T-48h", "end_time": "T-47h", "vehicle_info": {"vin": "wvwzzz1 "}, "avg_power": 80,
         "stop_reason": "over temperature"},
    ]  # fmt: skip
    names = ["other_vehicles_hot_here", "faulting_vehicles"]
    events = [fault("F-0203", "T-10d", vin="wvwzzz1"), fault("F-0203")]
    assert measured(knowledge, names, {"events": events, "charging_records": sessions}) == {"faulting_vehicles": 1}
    other = [sessions[0], {**sessions[1], "vehicle_info": {"vin": "wvwzzz2"}}]
    found = measured(knowledge, names, {"events": events, "charging_records": other})
    assert found == {"faulting_vehicles": 1, "other_vehicles_hot_here": 1}


def at_work(hours: int, idle: int, working: int, begin: str) -> dict[str, Any]:
    """A charger that works every other hour, and its fan's speed while it idles and works."""
    half = hours // 2
    series = {
        "state": " ".join(["idle charging"] * half),
        "component_health.cooling_fan_rpm": " ".join([f"{idle} {working}"] * half),
    }
    return rows(begin, "1h", series)


def test_what_a_fan_does_at_work_is_read_until_somebody_did_something(knowledge: TriageKnowledge) -> None:
    """A fan exchanged since is another one, whether a visit tells of it or not."""
    name = "fan_change_while_working"
    slow, new = at_work(168, 1400, 1400, "T-504h"), at_work(312, 1400, 2600, "T-312h")
    events = [fault("F-0601", "T-14d")]

    def change(*telemetry: dict[str, Any], **lists: Any) -> dict[str, Any]:
        return measured(knowledge, [name], {"events": events, "telemetry": list(telemetry), **lists})

    assert change(slow) == {name: 0}
    assert change(slow, new) == {name: 0}
    soon = at_work(24, 1400, 2600, "T-335h")
    assert change(soon) == {name: 85.71}
    visit = {"device_id": "A", "timestamp": "T-335h", "work": "fan replaced"}
    assert change(soon, service_visits=[visit]) == {}


# What is not known of one does not count as none

BESIDE = {
    "device_id": "A", "connector_id": 1, "start_time": "T-1h", "end_time": "T", "record_id": "r",
}  # fmt: skip
LOAD_OF_BOTH = {
    "both tell": (
        [
            rows("T-1h", "5m", {"power": "60x12"}, connector_id=1),
            rows("T-1h", "5m", {"power": "12x12"}, connector_id=2),
        ],
        [],
        {"load_share_of_continuous": 48.0},
    ),
    "one rests": ([rows("T-1h", "5m", {"power": "12x12"}, connector_id=2)], [], {"load_share_of_continuous": 8.0}),
    "one charges and tells nothing": ([rows("T-1h", "5m", {"power": "12x12"}, connector_id=2)], [BESIDE], {}),
}


@pytest.mark.parametrize("which", LOAD_OF_BOTH)
def test_a_connector_that_charges_untold_leaves_the_load_unknown(knowledge: TriageKnowledge, which: str) -> None:
    """A session without telemetry is no load of none."""
    telemetry, sessions, found = LOAD_OF_BOTH[which]
    lists = {"telemetry": telemetry, "charging_records": sessions, "events": [fault("F-0204")]}
    assert measured(knowledge, ["load_share_of_continuous"], lists) == found


@pytest.mark.parametrize(
    ("speeds", "found"),
    [
        ("1800x20 160x6", {"fan_speed_while_hot": 160.0}),
        ("160x20 1800x6", {"fan_speed_while_hot": 1800.0}),
    ],
)
def test_a_fan_that_has_just_stopped_is_not_fast_on_average(
    knowledge: TriageKnowledge, speeds: str, found: dict[str, float]
) -> None:
    """The last minutes tell how it turned at the fault."""
    telemetry = [rows("T-13m", "30s", {"component_health.cooling_fan_rpm": speeds}, cabinet_temperature=66)]
    lists = {"telemetry": telemetry, "events": [fault("F-0204")]}
    assert measured(knowledge, ["fan_speed_while_hot"], lists) == found


def test_a_slow_fan_that_scatters_has_not_come_back(knowledge: TriageKnowledge) -> None:
    """Around 900 of 1,800 rpm, whatever its scatter, a fan never was at its speed again."""
    scattered = "861 910 810 1065 791 913 847 991 941 875 1010"
    telemetry = [rows("T-5m", "30s", {"component_health.cooling_fan_rpm": scattered})]
    lists = {"telemetry": telemetry, "events": [fault("F-0601")]}
    assert measured(knowledge, ["fan_swings"], lists) == {"fan_swings": 0.0}


@pytest.mark.parametrize(("hours", "told"), [(0.2, 0.0), (1.5, 1.5), (9.0, 9.0)])
def test_a_measurement_by_hand_says_how_late_it_was(knowledge: TriageKnowledge, hours: float, told: float) -> None:
    """Beside a reading of the sensor it is at once; else it is so long after the fault's."""
    check = {"timestamp": f"T+{int(hours * 60)}m", "device_id": "A", "check_id": "ir-thermometer", "value": 40}
    telemetry = [row("T", cabinet_temperature=70), *([row("T+12m", cabinet_temperature=69)] if told == 0 else [])]
    records = {
        "sites": [{"site_id": "S"}], "devices": [dict(DC)], "telemetry": telemetry, "check_results": [check],
        "events": [fault("F-0204")],
    }  # fmt: skip
    (incident,) = knowledge.survey(observe(expanded(records), None)).incidents
    (fact,) = incident.measure(["hours_from_reading_to_hand_measurement"])
    assert isinstance(fact, Fact)
    assert fact.value == pytest.approx(told)


@pytest.mark.parametrize(
    ("beside", "found"),
    [
        ([{"temperature": 33.3}], {"site_coolest_sensor": 33.3}),
        ([{"temperature": 33.3}, {"temperature": 0.0}], {"site_coolest_sensor": 33.3}),
        ([{"temperature": 33.3, "ambient_temperature": 30.0}], {}),
        ([], {}),
    ],
)
def test_the_air_is_no_hotter_than_the_coolest_sensor(
    knowledge: TriageKnowledge, beside: list[dict[str, float]], found: dict[str, float]
) -> None:
    """Where no ambient is known a neighbour's cool connector bounds it; a zero is a sensor that is not there."""
    telemetry = [
        {"timestamp": "T", "device_id": f"B{n}", "connector_id": 1, **fields} for n, fields in enumerate(beside)
    ]
    lists = {
        "devices": [dict(DC), *({**DC, "device_id": f"B{n}"} for n in range(len(beside)))],
        "telemetry": telemetry,
        "events": [fault("F-0203")],
    }
    assert measured(knowledge, ["site_coolest_sensor"], lists) == found
