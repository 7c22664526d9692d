"""What is measured of power modules, of the load on them and of discharges does not hang on how connectors report."""

from __future__ import annotations

from collections.abc import Sequence
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
