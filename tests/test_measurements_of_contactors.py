"""Contactors: whose counter is read, what sets one back, how shares and voltages are written, and what is one fault or vehicle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from charger_triage.engine import Triage
from charger_triage.engine.facts import Fact
from charger_triage.knowledge.observations import observe

T = "2026-05-10T12:00:00Z"

Lists = dict[str, list[dict[str, Any]]]

CHARGER = {
    "device_id": "A", "model": "TP-DC180", "site_id": "S", "product": {"current_type": "DC"},
    "connectors": [{"connector_id": 1}, {"connector_id": 2}],
}  # fmt: skip


def minute(number: int) -> str:
    """A moment before T, minutes after ten o'clock."""
    return f"2026-05-10T{10 + number // 60}:{number % 60:02d}:00Z"


def fault(
    code: str, connector: int | None = 1, device: str = "A", details: dict[str, Any] | None = None, **data: Any
) -> dict[str, Any]:
    """A fault at T."""
    told = {"fault_code": code, **data, **({} if details is None else {"details": details})}
    return {"timestamp": T, "device_id": device, "connector_id": connector, "event_type": "fault", "data": told}


def counted(connector: int | None, *counts: float, name: str = "contactor_cycles") -> list[dict[str, Any]]:
    """Telemetry of a connector with its counter, minute by minute."""
    return [
        {"timestamp": minute(n), "device_id": "A", "connector_id": connector, "component_health": {name: count}}
        for n, count in enumerate(counts)
    ]


def measured(triage: Triage, lists: Lists, *names: str, connector: int | None = 1) -> dict[str, Any]:
    """What is measured of the charger's incident at a connector; what is not known is left out."""
    cases = triage.knowledge.survey(observe({"devices": [CHARGER], **lists}), None).incidents
    (case,) = (case for case in cases if (case.device_id, case.connector_id) == ("A", connector))
    found = (fact for fact in case.measure(names) if isinstance(fact, Fact))
    return {fact.name: round(fact.value, 2) if isinstance(fact.value, float) else fact.value for fact in found}


# Counters


@pytest.mark.parametrize(
    ("connector", "counters", "used"),
    [
        (1, {1: 20_000, 2: 80_000}, 20.0),
        (2, {1: 20_000, 2: 80_000}, 80.0),
        (None, {1: 20_000, 2: 80_000}, None),
        (None, {1: 80_000, 2: 80_000}, 80.0),
        (None, {1: 80_000, 2: 78_000}, 80.0),
        (None, {1: 80_000}, 80.0),
        (None, {None: 80_000}, 80.0),
        (1, {None: 80_000}, 80.0),
        (1, {None: 100_000, 1: 20_000, 2: 80_000}, 20.0),
    ],
    ids=["its own", "the other's own", "whose is not known", "one contactor for both", "nearly alike", "the only one",
         "the charger's", "told by the charger alone", "its own beside their sum"],
)  # fmt: skip
def test_a_contactor_has_one_counter(
    connector: int | None, counters: dict[int | None, float], used: float | None, triage: Triage
) -> None:
    """Counters of several connectors are several counters, and none of them was set back where they stand apart."""
    rows = [row for each, count in counters.items() for row in counted(each, *[count] * 20)]
    lists = {"events": [fault("F-0101", connector)], "telemetry": rows}
    names = ("contactor_life_used", "counter_reset_without_replacement")
    wanted = {} if used is None else {"contactor_life_used": used}
    assert measured(triage, lists, *names, connector=connector) == wanted


def test_counters_that_are_not_told_apart_are_no_missing_counter(triage: Triage) -> None:
    """The life is estimated by sessions only where no counter was reported, and what the fault itself tells is read."""
    sessions = [
        {"record_id": str(day), "device_id": "A", "connector_id": 1, "start_time": f"2026-04-{day:02d}T08:00:00Z",
         "end_time": f"2026-04-{day:02d}T09:00:00Z", "energy": 20.0}
        for day in range(1, 29)
    ]  # fmt: skip
    charger = {**CHARGER, "lifecycle": {"usage_duration_days": 2_000}}
    rows = [*counted(1, 20_000), *counted(2, 80_000)]
    lists: Lists = {"devices": [charger], "charging_records": sessions, "events": [fault("F-0101", None)]}
    names = ("contactor_life_used", "estimated_life_used")
    assert set(measured(triage, lists, *names, connector=None)) == {"estimated_life_used"}
    assert measured(triage, {**lists, "telemetry": rows}, *names, connector=None) == {}
    told = [fault("F-0101", None, details={"contactor_cycles": 79_000})]
    assert measured(triage, {**lists, "telemetry": rows, "events": told}, *names, connector=None) == {
        "contactor_life_used": 79.0
    }


@pytest.mark.parametrize(
    ("counts", "used", "reset"),
    [
        ([60_000, 60_000, 0, 60_001], 60.0, None),
        ([60_000, 0, 0, 1, 60_002], 60.0, None),
        ([60_000, 0, 60_001, 0, 60_002], 60.0, None),
        ([20_000, 65_535, 20_001], 20.0, None),
        ([20_000, 65_535, 65_535, 20_001], 20.0, None),
        ([60_000, 59_000, 59_001], 59.0, None),
        ([60_000, 0, 1, 2], 60.0, True),
        ([60_000, 0, 1, 60_000, 2], 60.0, True),
        ([3_000, 60_000, 200, 300], 60.3, True),
        ([60_000, 0, 60_001, 5, 6], 60.01, True),
    ],
    ids=["a zero", "zeroes", "zeroes again and again", "a peak", "peaks", "within a tenth", "set back",
         "set back, and a stray reading of before", "set back lower than it began", "a zero, then set back"],
)  # fmt: skip
def test_a_counter_that_counts_on_was_not_set_back(
    counts: Sequence[float], used: float, reset: bool | None, triage: Triage
) -> None:
    """Readings out of line are stray where the counter goes on afterwards from where it was."""
    lists = {"events": [fault("F-0101")], "telemetry": counted(1, *counts)}
    found = measured(triage, lists, "contactor_life_used", "counter_reset_without_replacement")
    assert found["contactor_life_used"] == pytest.approx(used, abs=0.011)
    assert found.get("counter_reset_without_replacement") == reset


@pytest.mark.parametrize(
    ("rows", "share"),
    [
        ([*counted(1, 99_000, 99_000, name="discharge_contactor_cycles"),
          *counted(2, 500, 500, name="discharge_contactor_cycles")], "99%"),
        (counted(1, 90_000, 0, 90_001, name="discharge_contactor_cycles"), "90%"),
        (counted(1, 90_000, 0, 1, name="discharge_contactor_cycles"), None),
    ],
    ids=["of two connectors the worn one", "a stray zero", "set back"],
)  # fmt: skip
def test_the_charger_is_warned_of_by_its_most_worn_contactor(
    rows: list[dict[str, Any]], share: str | None, triage: Triage
) -> None:
    """What the other connector counts hides no contactor that is near its life."""
    diagnosis = triage.diagnose(observe({"devices": [CHARGER], "telemetry": rows}, T))
    said = [watch.trend for watch in diagnosis.watches if watch.what == "discharge contactor near its rated life"]
    assert said == ([] if share is None else [f"The discharge contactor has made {share} of 100,000 cycles."])


# Shares


@pytest.mark.parametrize(
    ("details", "name", "percent"),
    [
        ({"contactor_wear_pct": 1.2}, "contactor_life_used", 1.2),
        ({"contactor_wear": "1.2 %"}, "contactor_life_used", 1.2),
        ({"contactor_wear_pct": 60}, "contactor_life_used", 60.0),
        ({"contactor_wear_ratio": 1.2}, "contactor_life_used", 120.0),
        ({"contactor_wear": 0.6}, "contactor_life_used", 60.0),
        ({"contactor_life_remaining_pct": 1.2}, "contactor_life_used", 98.8),
        ({"contactor_life_remaining": 0.25}, "contactor_life_used", 75.0),
        ({"precharge_level_pct": 1.4}, "precharge_level", 1.4),
        ({"precharge_level_ratio": 0.97}, "precharge_level", 97.0),
    ],
)
def test_what_is_written_in_percent_is_no_fraction(
    details: dict[str, Any], name: str, percent: float, triage: Triage
) -> None:
    """A small share in percent stays small; only what names no percent may be a fraction."""
    assert measured(triage, {"events": [fault("F-0101", details=details)]}, name) == {name: percent}


@pytest.mark.parametrize("details", [{"rh": 0.55}, {"rh": 55}, {"humidity_pct": 55}, {"humidity": "55 %"}])
def test_humidity_is_written_in_several_ways(details: dict[str, Any], triage: Triage) -> None:
    """That it is relative does not say that it is in percent."""
    assert measured(triage, {"events": [fault("F-0421", details=details)]}, "humidity") == {"humidity": 55.0}


# The grid


@pytest.mark.parametrize(
    ("record", "percent"),
    [
        ({"voltage_v": 310}, 77.5),
        ({"voltage_v": 300}, 130.43),
        ({"voltage_v": 184}, 80.0),
        ({"voltage_v": 430}, 107.5),
        ({"voltage_v": 0.8}, None),
        ({"voltage_v": 9_500}, None),
    ],
)
def test_a_grid_record_is_of_one_nominal_voltage(record: dict[str, Any], percent: float | None, triage: Triage) -> None:
    """One record is the same sag or swell for whichever fault it is read."""
    told = {"timestamp": "2026-05-10T11:55:00Z", "site_id": "S", "kind": "voltage_excursion", "duration_s": 5, **record}
    for code, connector, name in (
        ("F-0421", 1, "grid_dip_near_failures"),
        ("F-0411", None, "grid_peak_before_fault"),
        ("F-0601", None, "grid_low_before_fault"),
    ):
        lists: Lists = {"sites": [{"site_id": "S"}], "grid": [told], "events": [fault(code, connector)]}
        assert measured(triage, lists, name, connector=connector) == ({} if percent is None else {name: percent})


# Faults and vehicles that are one


@pytest.mark.parametrize(
    ("own", "others", "number"),
    [
        (1, [("A", None)], 0.0),
        (1, [("A", 2)], 1.0),
        (1, [("A", 2), ("A", None)], 1.0),
        (1, [("B", None)], 1.0),
        (1, [("B", None), ("B", 1)], 1.0),
        (1, [("B", 1), ("B", 2), ("A", 2)], 3.0),
        (None, [("A", 1)], None),
    ],
)
def test_a_fault_told_without_its_connector_is_not_another_connectors(
    own: int | None, others: list[tuple[str, int | None]], number: float | None, triage: Triage
) -> None:
    """A weld that is told twice is one; whose it is does not show where the fault names no connector."""
    here = {device for device, _ in others} - {"A"}
    devices: list[dict[str, Any]] = [CHARGER, *({"device_id": device, "site_id": "S"} for device in sorted(here))]
    events = [fault("F-0101", own), *(fault("F-0101", connector, device) for device, connector in others)]
    found = measured(triage, {"devices": devices, "events": events}, "connectors_with_code_at_once", connector=own)
    assert found == ({} if number is None else {"connectors_with_code_at_once": number})


def test_a_vehicle_is_one_however_its_number_is_written(triage: Triage) -> None:
    """Charger, payload and the other charger write one identification number in small letters, with spaces, in capitals."""

    def session(number: int, device: str, vin: str) -> dict[str, Any]:
        return {"record_id": str(number), "device_id": device, "connector_id": 1, "start_time": "2026-05-10T11:58:00Z",
                "end_time": T, "energy": 0.1, "vehicle_info": {"vin": vin}}  # fmt: skip

    lists: Lists = {
        "devices": [CHARGER, {"device_id": "B", "site_id": "R"}],
        "charging_records": [session(1, "A", "wvwzzz1"), session(2, "B", "WVWZZZ1")],
        "events": [fault("F-0421", details={"vin": " WVWzzz1 "}), fault("F-0421", device="B")],
    }
    assert measured(triage, lists, "vehicles_at_faults", "vehicle_with_code_elsewhere") == {
        "vehicles_at_faults": 1.0, "vehicle_with_code_elsewhere": 1.0,
    }  # fmt: skip


# What is known already, and what is not


def sessions(number: int) -> list[dict[str, Any]]:
    """Short sessions on connector 1, one a day before T."""
    return [
        {
            "record_id": str(n), "device_id": "A", "connector_id": 1,
            "start_time": f"2026-04-{n + 1:02d}T08:00:00Z", "end_time": f"2026-04-{n + 1:02d}T09:00:00Z",
        }
        for n in range(number)
    ]  # fmt: skip


@pytest.mark.parametrize("details", [None, {"cycles": 98_000}, {"contactor_wear_pct": 98}])
def test_life_is_estimated_only_where_it_is_not_told(triage: Triage, details: dict[str, Any] | None) -> None:
    """A counter or a share in the fault's own details leaves nothing to estimate from sessions."""
    aged = {**CHARGER, "lifecycle": {"usage_duration_days": 900}}
    lists: Lists = {
        "devices": [aged],
        "charging_records": sessions(28),
        "events": [fault("F-0101", details=details)],
    }
    found = measured(triage, lists, "contactor_life_used", "estimated_life_used")
    assert list(found) == (["estimated_life_used"] if details is None else ["contactor_life_used"])


@pytest.mark.parametrize(("counts", "known"), [((50_000.0, 50_001.0), True), ((90_000.0, 0.0, 10.0, 20.0), False)])
def test_a_counter_that_was_set_back_tells_nothing_of_the_years(
    triage: Triage, counts: tuple[float, ...], known: bool
) -> None:
    """Over the charger's age a counter counts only where it was never set back."""
    aged = {**CHARGER, "lifecycle": {"usage_duration_days": 900}}
    lists: Lists = {"devices": [aged], "telemetry": counted(1, *counts), "events": [fault("F-0101")]}
    assert ("contactor_cycles_per_day" in measured(triage, lists, "contactor_cycles_per_day")) is known


@pytest.mark.parametrize(
    ("current_type", "volts", "found"),
    [("AC", 1.2, {"failed_start_voltage": 1.2}), ("AC", 231.0, {}), ("DC", 398.0, {"failed_start_voltage": 398.0})],
)
def test_an_ac_outlet_at_a_few_volts_is_dead_whatever_it_shows_at_rest(
    triage: Triage, current_type: str, volts: float, found: dict[str, float]
) -> None:
    """What it showed while idle is not known: at 231 V it may have been live before, at 1.2 V it is not."""
    lists: Lists = {
        "devices": [{**CHARGER, "product": {"current_type": current_type}}],
        "telemetry": [{"timestamp": T, "device_id": "A", "connector_id": 1, "state": "preparing", "voltage": volts}],
        "events": [fault("F-0421")],
    }
    assert measured(triage, lists, "failed_start_voltage") == found


@pytest.mark.parametrize(("status", "known"), [("completed", True), ("interrupted", True), ("queued", False)])
def test_a_push_that_is_still_to_be_done_has_left_nothing_right(triage: Triage, status: str, known: bool) -> None:
    """A configuration that is right while a push waits says nothing of what that push will do."""
    lists: Lists = {
        "commands": [
            {
                "command_id": "c",
                "device_id": "A",
                "command": "push_configuration",
                "status": status,
                "created_at": minute(0),
            }
        ],
        "configurations": [
            {"timestamp": minute(30), "device_id": "A", "config_profile_id": "p", "expected_config_profile_id": "p"},
            {"timestamp": minute(90), "device_id": "A", "config_profile_id": "q", "expected_config_profile_id": "p"},
        ],
        "events": [fault("F-0512", connector=None)],
    }
    found = measured(triage, lists, "hours_matched_after_push", connector=None)
    assert bool(found) is known
