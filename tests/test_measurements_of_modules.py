"""What is measured of power modules, of the load on them and of discharges does not hang on how connectors report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from charger_triage.engine import Triage
from charger_triage.engine.facts import Fact
from charger_triage.knowledge.observations import observe

Row = dict[str, Any]

T = datetime(2026, 5, 10, 12, tzinfo=UTC)
"""The latest occurrence."""


def at(seconds: float, connector: int | None = None, **fields: Any) -> Row:
    """A record so many seconds before the latest occurrence."""
    record: Row = {"timestamp": (T - timedelta(seconds=seconds)).isoformat(), "device_id": "A", **fields}
    return record if connector is None else {**record, "connector_id": connector}


def fault(code: str, seconds: float = 0.0, connector: int | None = None, **details: Any) -> Row:
    """A fault event so many seconds before the latest occurrence."""
    return at(seconds, connector, event_type="fault", data={"fault_code": code, "details": details})


def measured(triage: Triage, names: Sequence[str], **lists: list[Row]) -> dict[str, Any]:
    """The facts of these names in the records' one incident, as far as they are known."""
    (case,) = triage.knowledge.survey(observe(lists), None).incidents
    found = (fact for fact in case.measure(names) if isinstance(fact, Fact))
    return {fact.name: round(fact.value, 3) if isinstance(fact.value, float) else fact.value for fact in found}


def statuses(**by_module: str) -> list[Row]:
    """The modules of one row by their index, `m0` and so on."""
    return [{"index": int(name[1:]), "status": status} for name, status in by_module.items()]


# The load of connectors together

STEADY = [*range(180, 0, -10)]


@pytest.mark.parametrize("path", ["dc_bus_current", "current", "power"])
@pytest.mark.parametrize(
    ("connectors", "drop"),
    [
        ({1: (0, STEADY, 200, 200)}, 0.0),
        ({1: (0, STEADY, 200, 0)}, 100.0),
        ({1: (0, STEADY, 200, 200), 2: (0, STEADY, 0, 0)}, 0.0),
        ({1: (0, STEADY, 200, 200), 2: (-2, STEADY, 0, 0)}, 0.0),
        ({1: (0, STEADY, 200, 0), 2: (-2, STEADY, 0, 0)}, 100.0),
        ({1: (0, STEADY, 200, 0), 2: (-2, STEADY, 300, 300)}, 40.0),
        ({1: (0, STEADY, 200, 0), 2: (-2, STEADY, 200, 200), None: (0, STEADY, 400, 200)}, 50.0),
        ({1: (0, STEADY, 200, 0), None: (0, STEADY, 200, 0)}, 100.0),
    ],
    ids=["steady", "gone", "idle beside it at one moment", "idle beside it in turn", "gone beside an idle one",
         "one of two gone", "and rows of the charger itself", "one connector and the charger itself"],
)  # fmt: skip
def test_a_load_that_falls_is_that_of_all_connectors(
    path: str, connectors: dict[int | None, tuple[float, Sequence[int], float, float]], drop: float, triage: Triage
) -> None:
    """A connector that never had a load takes none away when it reports last."""
    rows = [
        at(seconds + shift, connector, **{path: late if seconds <= 30 else early})
        for connector, (shift, moments, early, late) in connectors.items()
        for seconds in moments
    ]
    found = measured(triage, ["load_drop_before_fault"], events=[fault("F-0411")], telemetry=rows)
    assert found == {"load_drop_before_fault": drop}


@pytest.mark.parametrize("shift", [0, 7], ids=["at one moment", "in turn"])
def test_shares_of_faults_and_of_time_are_of_the_load_of_all_connectors(shift: int, triage: Triage) -> None:
    """Two connectors at half the power together load the modules fully, and an idle one beside a loaded one is no rest."""
    hours = 24
    ended = [3_600 * n for n in range(1, 4)]
    rows = []
    for n in range(hours * 60):
        seconds = 60 * n + 20
        full = any(time <= seconds <= time + 600 for time in ended) or seconds <= 600
        rows += [at(seconds, 1, power=75 if full else 45), at(seconds + shift, 2, power=75 if full else 0)]
    names = ["faults_at_high_load_share", "faults_at_no_load_share", "time_at_high_load_share"]
    found = measured(triage, names, events=[fault("F-0411", time) for time in (*ended, 0)], telemetry=rows)
    assert found.pop("time_at_high_load_share") == pytest.approx(100 * 40 / (hours * 60), abs=0.5)
    assert found == {"faults_at_high_load_share": 100.0, "faults_at_no_load_share": 0.0}


def test_a_session_that_left_no_last_reading_is_no_load_beside_the_next_one(triage: Triage) -> None:
    """Where connectors report in sessions only and take turns, the highest power is that of one of them."""
    telemetry = [
        at(3_600 * hour + 60 * minute, connector, power=150.0)
        for hour in range(5)
        for connector, minutes in ((1, range(33, 58)), (2, range(1, 30)))
        for minute in minutes
    ]
    events = [fault("F-0411", 3_600 * hour) for hour in range(4)]
    found = measured(triage, ["faults_at_high_load_share"], events=events, telemetry=telemetry)
    assert found == {"faults_at_high_load_share": 100.0}


# Modules that several connectors report


def fluttering(connectors: Iterable[tuple[int | None, float]]) -> list[Row]:
    """An hour of telemetry in which module 0 drops out three times for five minutes, as connectors report it."""
    silent = {*range(16, 21), *range(31, 36), *range(46, 51)}
    return [
        at(60 * minute + shift, connector, power_modules=statuses(m0="timeout" if minute in silent else "ok", m1="ok"))
        for minute in range(1, 61)
        for connector, shift in connectors
    ]


@pytest.mark.parametrize(
    "connectors",
    [[(None, 0)], [(1, 0)], [(1, 0), (2, 0)], [(1, 0), (2, -2)], [(1, 0), (2, -30)]],
    ids=["the charger", "one", "two at one moment", "two in turn", "two half a step apart"],
)  # fmt: skip
def test_returns_count_however_many_connectors_tell_of_them(
    connectors: list[tuple[int | None, float]], triage: Triage
) -> None:
    """The step between a connector's rows is that of its own, so that no row seems to be missing between them."""
    names = ["module_returns_unaided", "module_silences", "silent_modules_share"]
    found = measured(triage, names, events=[fault("F-0411", 3_000)], telemetry=fluttering(connectors))
    assert found == {"module_returns_unaided": 3.0, "module_silences": 3.0, "silent_modules_share": 50.0}


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [((), {"module_returns_unaided": 3.0}), ((21, 36, 51), {}), ((21, 36), {"module_returns_unaided": 1.0})],
    ids=["all are seen", "none is seen", "one is seen"],
)
def test_a_return_while_telemetry_is_missing_is_not_known_to_be_none(
    gaps: Sequence[int], expected: dict[str, float], triage: Triage
) -> None:
    """A module that was back after a hole may have come back by itself or by a restart: that is not none by itself."""
    hole = {minute for gap in gaps for minute in range(gap - 8, gap - 4)}
    kept = [
        row
        for row in fluttering([(None, 0)])
        if round((T - datetime.fromisoformat(row["timestamp"])).total_seconds() / 60) not in hole
    ]
    assert measured(triage, ["module_returns_unaided"], events=[fault("F-0411", 3_000)], telemetry=kept) == expected


def halves(minutes: Iterable[int], silent: range, connectors: Sequence[int] = (1, 2)) -> list[Row]:
    """Rows of two connectors that list the modules of their own half; modules 0 and 2 are silent for some of the minutes."""
    return [
        at(60 * minute + connector, connector, power_modules=statuses(**listed))
        for minute in minutes
        for connector in connectors
        for word in ["timeout" if minute in silent else "ok"]
        for listed in [{"m0": word, "m1": "ok"} if connector == 1 else {"m2": word, "m3": "ok"}]
    ]


@pytest.mark.parametrize(
    ("telemetry", "expected"),
    [
        (halves(range(1, 181), range(1, 181)), {"module_silences": 1.0, "silent_modules_share": 50.0, "module_silent_minutes": 179.0}),
        (halves(range(1, 181), range(1, 181), (1,)) + halves(range(1, 181), range(0), (2,)),
         {"module_silences": 1.0, "silent_modules_share": 25.0, "module_silent_minutes": 179.0}),
        (halves(range(600, 1_000), range(600, 701), (1,)) + halves(range(1, 1_000), range(300, 310), (2,)),
         {"module_silences": 2.0, "silent_modules_share": 25.0, "module_silent_minutes": 9.0}),
    ],
    ids=["both halves", "one half", "a half that is heard of no more"],
)  # fmt: skip
def test_a_silence_of_one_half_of_the_modules_is_one(
    telemetry: list[Row], expected: dict[str, float], triage: Triage
) -> None:
    """A row that lists the other half's modules ends no silence, and none goes on for ever where nobody tells of it."""
    found = measured(triage, list(expected), events=[fault("F-0411")], telemetry=telemetry)
    assert found == expected


@pytest.mark.parametrize(
    ("back", "effect"), [(range(0), "recovered"), (range(1, 62), "no-change")], ids=["back", "silent as before"]
)
def test_what_a_reset_did_is_told_by_rows_of_the_modules_that_were_silent(
    back: range, effect: str, triage: Triage
) -> None:
    """Rows that list other modules say neither that a reset helped nor that it did not."""
    telemetry = [
        *halves(range(60, 121), range(60, 121), (1,)),
        *halves(range(1, 60), back, (1,)),
        *halves(range(1, 121), range(0), (2,)),
    ]
    reset = {
        "command_id": "1",
        "device_id": "A",
        "command": "reset_power_module",
        "status": "completed",
        "created_at": at(60 * 60)["timestamp"],
    }
    events = [fault("F-0411", 60 * 100)]
    found = measured(triage, ["module_reset_effect"], events=events, telemetry=telemetry, commands=[reset])
    assert found == {"module_reset_effect": effect}


def test_falls_along_the_bus_are_seen_where_connectors_list_a_half_each(triage: Triage) -> None:
    """A module falls silent against what was last told of it, not against the row before."""
    falls = {0: range(0), 1: range(60, 600, 180), 2: range(60, 600, 90), 3: range(60, 600, 60)}
    telemetry = [
        at(
            60 * minute + module // 2,
            1 + module // 2,
            power_modules=[
                {"index": each, "status": "timeout" if minute in falls[each] else "ok"} for each in (module, module + 1)
            ],
        )
        for minute in range(1, 700)
        for module in (0, 2)
    ]
    found = measured(triage, ["silence_rises_along_bus"], events=[fault("F-0411")], telemetry=telemetry)
    assert found["silence_rises_along_bus"] > 0.9


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([300, 299, 1, 0], {}),
        ([300, 299, 298, 240, 239, 238, 237, 236], {"module_silent_minutes": 4.0}),
        ([*range(60, 30, -1), 20, 10, 0], {"module_silent_minutes": 60.0}),
        ([300, 240, 180, 120, 60], {"module_silent_minutes": 240.0}),
    ],
    ids=["hours without a row", "an hour without a row", "less often once at rest", "hourly"],
)
def test_a_silence_is_unbroken_only_where_rows_tell_of_it(
    minutes: list[int], expected: dict[str, float], triage: Triage
) -> None:
    """Hours without telemetry are not hours of silence; a charger that reports seldom is heard all the same."""
    telemetry = [at(60 * minute, power_modules=statuses(m0="timeout", m1="ok")) for minute in minutes]
    assert measured(triage, ["module_silent_minutes"], events=[fault("F-0411")], telemetry=telemetry) == expected


@pytest.mark.parametrize(
    ("heats", "gap"),
    [((60, 40), 20.0), ((60, 40, 60), 10.0), ((60, 40, 50), 15.0), ((60, 40, 50, 45), 15.0)],
    ids=["one", "two", "two others", "three"],
)
def test_a_module_is_held_against_the_median_of_its_siblings(
    heats: Sequence[float], gap: float, triage: Triage
) -> None:
    """Of two siblings the median lies between them."""
    telemetry = [
        at(
            60 * minute,
            power_modules=[
                {"index": place, "status": "timeout" if place == 0 and minute < 2 else "ok", "temperature": heat}
                for place, heat in enumerate(heats)
            ],
        )
        for minute in range(20)
    ]
    found = measured(triage, ["module_heat_over_siblings"], events=[fault("F-0411", module=0)], telemetry=telemetry)
    assert found == {"module_heat_over_siblings": gap}


def test_the_silent_modules_heat_is_read_however_often_another_connector_lists_others(triage: Triage) -> None:
    """Rows of other modules between those of the silent one do not crowd it out."""
    telemetry = [
        at(20 * step + connector, connector, power_modules=[
            {"index": 2 * connector + place, "status": "timeout" if (connector, place) == (1, 0) and step < 2 else "ok",
             "temperature": 60 if place == 0 else 40}
            for place in range(2)
        ])
        for step in range(88)
        for connector in (1, 2)
    ]  # fmt: skip
    found = measured(triage, ["module_heat_over_siblings"], events=[fault("F-0411", module=2)], telemetry=telemetry)
    assert found == {"module_heat_over_siblings": 20.0}


# Discharges of one connector beside another that reports

OTHERS = [(), (1,), (1, 3)]
"""Idle connectors that report in turn with the one that discharges."""

V2G = {"device_id": "A", "model": "TP-DC180", "v2g_capable": True, "site_id": "S"}


def discharging(first: int, last: int, others: Sequence[int], step: int = 60, **status: str) -> list[Row]:
    """Connector 2 discharging at 10 kW between two moments (seconds before the fault), others idle."""
    return [
        row
        for seconds in range(first, last, -step)
        for row in (
            at(seconds, 2, power=-10.0, state="discharging", **status),
            *(at(seconds, other, power=0.0, state="idle", inverter_sync_status="unsynced") for other in others),
        )
    ]


@pytest.mark.parametrize("others", OTHERS, ids=["alone", "beside one", "beside two"])
def test_a_discharge_is_seen_however_many_connectors_report(others: Sequence[int], triage: Triage) -> None:
    """Rows of other connectors, at any number, hide neither a discharge before a loss nor one of the vehicle before."""
    vehicle = {"vin": "V"}
    stay = {"device_id": "A", "connector_id": 2, "vehicle_info": vehicle}
    begun = {**stay, "record_id": "1", "start_time": at(28_800)["timestamp"]}
    found = measured(
        triage,
        ["discharged_before_loss", "seconds_unsynced_before_loss"],
        events=[fault("F-0701", connector=2)],
        devices=[V2G],
        charging_records=[begun],
        telemetry=discharging(28_800, 0, others, inverter_sync_status="unsynced"),
    )
    assert found == {"discharged_before_loss": True, "seconds_unsynced_before_loss": 3_600.0}

    before = {
        **stay,
        "record_id": "1",
        "energy": 15,
        "start_time": at(180_000)["timestamp"],
        "end_time": at(174_600)["timestamp"],
    }
    refused = {
        **stay,
        "record_id": "2",
        "energy": 0,
        "start_time": at(60)["timestamp"],
        "end_time": at(-60)["timestamp"],
    }
    found = measured(
        triage,
        ["discharges_of_vehicle", "refusals_without_any_discharge"],
        events=[fault("F-0702", connector=2)],
        devices=[V2G],
        charging_records=[before, refused],
        telemetry=discharging(180_000, 174_600, others),
    )
    assert found == {"discharges_of_vehicle": 1.0}


def test_another_connector_that_went_on_is_seen_at_any_number_of_rows(triage: Triage) -> None:
    """Where a record of seconds is thinned, each connector is thinned by itself."""
    telemetry = [
        row
        for seconds in range(300, -300, -1)
        for row in (
            at(seconds, 3, power=-8.0, state="discharging"),
            at(seconds, 2, power=-10.0 if seconds > 0 else 0.0, state="discharging" if seconds > 0 else "fault"),
        )
    ]
    found = measured(
        triage,
        ["other_connectors_held_sync"],
        events=[fault("F-0701", connector=2)],
        devices=[V2G],
        telemetry=telemetry,
    )
    assert found == {"other_connectors_held_sync": 1.0}


@pytest.mark.parametrize("others", OTHERS, ids=["alone", "beside one", "beside two"])
def test_sync_comes_and_goes_by_connector(others: Sequence[int], triage: Triage) -> None:
    """A connector that is in step does not flutter because another one, which reports in turn with it, is not."""
    names = ["sync_flutters_before_loss"]
    steady = discharging(7_200, 0, others, inverter_sync_status="synced")
    lists = {"events": [fault("F-0701", connector=2)], "devices": [V2G]}
    assert measured(triage, names, **lists, telemetry=steady) == {"sync_flutters_before_loss": 0.0}
    torn = [
        {**row, "inverter_sync_status": "unsynced"}
        if row["connector_id"] == 2 and place // (1 + len(others)) in (20, 50)
        else row
        for place, row in enumerate(steady)
    ]
    assert measured(triage, names, **lists, telemetry=torn) == {"sync_flutters_before_loss": 2.0}


def test_hours_in_sync_after_a_restart_are_those_of_one_connector(triage: Triage) -> None:
    """Two connectors that discharge one after the other have not been in sync from the first's start to the second's end."""
    early = discharging(18_000, 16_200, (), inverter_sync_status="synced")
    late = [{**row, "connector_id": 3} for row in discharging(7_200, 5_400, (), inverter_sync_status="synced")]
    found = measured(
        triage,
        ["hours_in_sync_after_restart"],
        events=[fault("F-0701", 36_000, connector=2), fault("F-0701", connector=2)],
        devices=[V2G],
        commands=[{"command_id": "1", "device_id": "A", "command": "reboot", "created_at": at(21_600)["timestamp"]}],
        telemetry=[*early, *late],
    )
    assert found == {"hours_in_sync_after_restart": 0.483}
