"""A diagnosis needs the telemetry of its own site alone: what other sites tell comes as small lists, faults and figures."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.adapters.files import read_bundle
from charger_triage.engine import Triage
from charger_triage.engine.diagnosis import Diagnosis
from charger_triage.engine.facts import Fact
from charger_triage.knowledge.fleet.figures import Figures, merged_figures, partial_figures
from charger_triage.knowledge.fleet.grouping import ByCharger
from charger_triage.knowledge.fleet.tables import NEAR_ONLY, FleetShare, FleetTables
from charger_triage.knowledge.observations import Observations, Record, RecordTable, Table, observe
from charger_triage.knowledge.survey import fault_events, find_incidents, incidences

from .support.bundles import Bundle, bundles

EXAMPLES = Path(__file__).parent.parent / "examples"
START = datetime(2026, 5, 10, 12, tzinfo=UTC)


def at(minutes: float) -> str:
    """A moment so many minutes after the start."""
    return (START + timedelta(minutes=minutes)).isoformat()


def only(table: Table, chargers: Iterable[str]) -> Table:
    """The records of a list of some chargers, each with its index in the whole."""
    wanted = set(chargers)
    return RecordTable(table.name, [record for record in table.records if record.fields["device_id"] in wanted])


def share_of(whole: Observations, device: str, documented: Iterable[str]) -> FleetShare:
    """What a worker of a fleet is given for one charger: small lists, its site's telemetry, and what was computed before."""
    faults, _ = fault_events(whole, frozenset(documented))
    faults, figures = pickle.loads(pickle.dumps((faults, Figures.measured(whole))))
    small = {name: RecordTable(name, []) if name in NEAR_ONLY else table for name, table in whole.tables.items()}
    fleet = FleetTables(Observations(small, whole.as_of, ()), faults, figures)
    near = {name: only(whole[name], fleet.company(device)) for name in NEAR_ONLY}
    return FleetShare({**small, **near}, whole.as_of, whole.problems, fleet, frozenset([device]))


def without_warnings(diagnosis: Diagnosis) -> str:
    """A diagnosis but for warnings: those of faults are told once for the whole fleet."""
    return diagnosis.model_copy(update={"warnings": []}).model_dump_json()


def many_sites(seed: int) -> Bundle:
    """Three sites with four chargers each in two grid areas, with telemetry, heartbeats and faults of all of them."""
    dice = random.Random(seed)
    lists: dict[str, list[Any]] = {
        "sites": [{"site_id": f"S{s}", "area": f"G{s % 2}"} for s in range(3)],
        "grid": [{"timestamp": at(-7), "area": f"G{dice.randrange(2)}", "kind": "outage", "duration_s": 30}],
        "environment": [{"timestamp": at(-60 * h), "site_id": f"S{h % 3}", "ambient_c": 20 + h} for h in range(9)],
    }
    codes = ["F-0101", "F-0301", "F-0302", "F-0421", "F-0512", "F-0701", "F-0702", "F-0805"]
    for number in range(12):
        device = f"C{number:02}"
        lists.setdefault("devices", []).append(
            {
                "device_id": device, "site_id": f"S{number // 4}", "model": "TP-DC180", "v2g_capable": True,
                "firmware_version": dice.choice(["3.0.1", "3.0.1", "3.1.0"]), "status": dice.choice(["online", "offline"]),
                "certificates": {"tls_not_after": at(-10)}, "lifecycle": {"manufacturing_batch": f"B{number % 2}"},
            }
        )  # fmt: skip
        silent = dice.choice([-200, -30, -5, 0])
        for minute in range(-240, silent, 2):
            status = "offline" if dice.random() < 0.02 else "online"
            lists.setdefault("heartbeats", []).append({"timestamp": at(minute), "device_id": device, "status": status})
        for minute in range(-120, dice.choice([-60, 0]), 3):
            lists.setdefault("telemetry", []).append(
                {
                    "timestamp": at(minute), "device_id": device, "connector_id": 1, "power": dice.choice([-8, 0, 40]),
                    "state": dice.choice(["charging", "discharging", "idle"]), "soc": 50, "current": 16,
                    "inverter_sync_status": dice.choice(["synced", "synced", "lost", "unsynced"]),
                    "component_health": {"contactor_cycles": 50_000 + minute + number},
                }
            )  # fmt: skip
        for k in range(2):
            lists.setdefault("charging_records", []).append(
                {
                    "record_id": f"{device}-{k}", "device_id": device, "connector_id": 1, "start_time": at(-100 - 30 * k),
                    "end_time": at(-80 - 30 * k), "energy": dice.choice([-5, None, 12]), "stop_reason": dice.choice(["Local", "Other"]),
                    "vehicle_info": {"vin": f"V{dice.randrange(3)}", "model": "M", "make": "K"},
                }
            )  # fmt: skip
        lists.setdefault("configurations", []).append(
            {
                "timestamp": at(-90), "device_id": device, "running_config": "aaaaaaaa", "base_url_changed_at": at(-50),
                "expected_config": dice.choice(["aaaaaaaa", "bbbbbbbb"]), "last_push": {"status": "failed", "at": at(-95)},
            }
        )  # fmt: skip
        for minute in dice.sample(range(-60, 0), 8):
            transition = dice.choice(["offline", "online", "reconnect"])
            record = {"timestamp": at(minute), "device_id": device, "transition": transition}
            lists.setdefault("connections", []).append(record)
        for code in dice.sample(codes, 3):
            fault = {
                "timestamp": at(-dice.randrange(30)),
                "device_id": device,
                "connector_id": 1,
                "event_type": "fault",
            }
            lists.setdefault("events", []).append({**fault, "data": {"fault_code": code}})
    return lists


@pytest.mark.parametrize("seed", range(4))
def test_a_share_of_a_fleet_gives_what_the_whole_gives(triage: Triage, seed: int) -> None:
    """Without telemetry and heartbeats of other sites each charger's diagnosis is the same to the byte."""
    whole = observe(many_sites(seed))
    for device in ("C00", "C05", "C11"):
        expected = triage.diagnose(whole, device_id=device)
        assert expected.incidents
        assert without_warnings(
            triage.diagnose(share_of(whole, device, triage.knowledge.base.faults))
        ) == without_warnings(expected)


@pytest.mark.parametrize(
    ("example", "device"),
    [("f0301-site-outage", "AC22-01"), ("f0421-firmware-cluster", "TP-001"), ("f0701-grid-excursion.json", "V2G-3")],
)
def test_an_example_fleet_needs_no_telemetry_of_other_sites(triage: Triage, example: str, device: str) -> None:
    """The shipped examples of fleets come out alike from a share."""
    whole = read_bundle(EXAMPLES / example).observations
    share = share_of(whole, device, triage.knowledge.base.faults)
    assert without_warnings(triage.diagnose(share)) == without_warnings(triage.diagnose(whole, device_id=device))


@given(bundles())
def test_which_incidents_there_are_follows_from_small_lists(triage: Triage, bundle: Bundle) -> None:
    """Faults, figures, metadata, configurations and connections alone raise the same incidents as the whole bundle."""
    whole = observe(bundle)
    documented = {code: entry.fault for code, entry in triage.knowledge.base.faults.items()}
    expected = [replace(each.incidence, raised_from=()) for each in find_incidents(whole, documented)[0]]
    share = share_of(whole, "A", documented)
    found = incidences(share.fleet, documented)
    assert sorted(map(repr, found)) == sorted(map(repr, _as_reported(expected, share)))


def _as_reported(found: Iterable[Any], share: FleetShare) -> Iterator[Any]:
    """Incidents with all fault events of their charger and code, which a diagnosis may leave some out of."""
    for each in found:
        faults = tuple(f for f in share.fleet.faults.of(each.code, each.device_id))
        yield replace(each, faults=tuple(f for f in faults if f in each.faults)) if faults else each


# Figures

_moments = st.sampled_from([-3000, -600, -600, -60, -1, 0, 0, 0.5, 30, 1000]).map(
    lambda seconds: START + timedelta(seconds=seconds)
)
_numbers = st.one_of(st.none(), st.sampled_from([-1.0, 0.0, 7.0, 60_000.0, 99_999_999.0, 2e8]))
_beats = st.builds(
    lambda device, moment, status: {"device_id": device, "timestamp": moment, "status": status},
    st.sampled_from("AB"), _moments, st.sampled_from([None, "online", "offline", "offline", "fault"]),
)  # fmt: skip
_samples = st.builds(
    lambda device, moment, cycles, most: {
        "device_id": device,
        "timestamp": moment,
        "component_health": {"contactor_cycles": cycles, "contactor_max_cycles": most},
    },
    st.sampled_from("AB"), _moments, _numbers, _numbers,
)  # fmt: skip


def _parts(name: str, records: list[dict[str, Any]], cuts: list[int]) -> Iterator[tuple[str, pl.DataFrame]]:
    """The partial figures of some records cut into pieces."""
    edges = sorted({0, len(records), *(cut for cut in cuts if cut < len(records))})
    for start, end in pairwise(edges):
        rows = [_flat(record) for record in records[start:end]]
        schema = {
            key: pl.Datetime("us", "UTC") if key == "timestamp" else _TYPES.get(key, pl.Float64) for key in rows[0]
        }
        yield name, partial_figures(name, ByCharger(pl.DataFrame(rows, schema=schema)))


_TYPES: Mapping[str, Any] = {"device_id": pl.String, "status": pl.String}


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    nested = {f"component_health.{key}": value for key, value in record.get("component_health", {}).items()}
    return {**{key: value for key, value in record.items() if key != "component_health"}, **nested}


@given(
    st.lists(_beats, max_size=12),
    st.lists(_samples, max_size=12),
    st.lists(st.integers(0, 12), max_size=3),
    st.randoms(use_true_random=False),
)
def test_figures_do_not_depend_on_how_records_are_divided(
    beats: list[dict[str, Any]], samples: list[dict[str, Any]], cuts: list[int], order: random.Random
) -> None:
    """Batches of any size, in any order, come to the figures that the whole lists come to in memory."""
    expected = Figures.measured(observe({"heartbeats": beats, "telemetry": samples}))
    for records in (beats, samples):
        order.shuffle(records)
    parts = [*_parts("heartbeats", beats, cuts), *_parts("telemetry", samples, cuts)]
    order.shuffle(parts)
    found = merged_figures(parts)
    assert {name: dict(found.columns[name]) for name in expected.columns} == {
        name: dict(column) for name, column in expected.columns.items()
    }


@pytest.mark.parametrize("name", ["telemetry", "heartbeats"])
def test_figures_of_nothing_but_chargers_and_moments(name: str) -> None:
    """A list without the columns that figures are of gives the moments alone."""
    frame = pl.DataFrame(
        {"device_id": ["A"], "timestamp": [START]}, schema_overrides={"timestamp": pl.Datetime("us", "UTC")}
    )
    found = merged_figures([(name, partial_figures(name, ByCharger(frame)))])
    known = {figure for figure, column in found.columns.items() if column}
    assert (
        known
        == {
            "telemetry": {"telemetry_from", "telemetry_until"},
            "heartbeats": {"heartbeats_from", "heartbeats_until", "beat_until"},
        }[name]
    )


# Cost


class Counted(list[Record]):
    """Records that count how often one is read."""

    reads = 0

    def __getitem__(self, place: Any) -> Any:
        self.reads += 1
        return super().__getitem__(place)

    def __iter__(self) -> Iterator[Record]:
        self.reads += len(self)
        return super().__iter__()


def records_read(triage: Triage, sites: int) -> dict[str, int]:
    """How many records the second diagnosis of each code's incident reads in a bundle of so many alike sites."""
    lists: dict[str, list[Any]] = {}
    for site in range(sites):
        for name, records in many_sites(site % 2).items():
            for record in records:
                if name in NEAR_ONLY and site:
                    continue
                moved: dict[str, Any] = {
                    key: f"{value}-{site:04}"
                    for key, value in record.items()
                    if key in ("device_id", "site_id", "area")
                }
                # the first sites have vehicles in common
                if name == "charging_records" and site > 4:
                    moved["vehicle_info"] = {"vin": f"V-{site}", "model": f"M-{site}"}
                lists.setdefault(name, []).append({**record, **moved})
    whole = observe(lists)
    tables: dict[str, Table] = {name: RecordTable(name, Counted(table.records)) for name, table in whole.tables.items()}
    counted = Observations(tables, whole.as_of, whole.problems)
    read: dict[str, int] = {}
    survey = triage.knowledge.survey(counted)
    mine = [each for each in survey.incidents if each.device_id == "C00-0000"]
    for _ in range(2):
        for each in mine:
            before = sum(table.records.reads for table in tables.values())  # type: ignore[attr-defined]
            list(each.measure(triage.knowledge.base.faults[each.code].fact_names))
            read[each.code] = sum(table.records.reads for table in tables.values()) - before  # type: ignore[attr-defined]
    return read


def test_an_incident_reads_no_more_records_of_a_larger_fleet(triage: Triage) -> None:
    """Once the fleet's tables are laid out, twice as many chargers cost no more records read."""
    small, large = (records_read(triage, sites) for sites in (25, 50))
    assert small.keys() == large.keys()
    assert large == pytest.approx(small, rel=0.1, abs=20)


# Of many chargers those that have something in common are found, wherever they stand in the order of ids


def fault(device: str, code: str) -> dict[str, Any]:
    """A fault event at the start."""
    data = {"fault_code": code}
    return {"timestamp": at(0), "device_id": device, "connector_id": 1, "event_type": "fault", "data": data}


def session(device: str) -> dict[str, Any]:
    """A session of one vehicle that ends at the start."""
    info = {"vin": "V"}
    return {
        "record_id": device,
        "device_id": device,
        "connector_id": 1,
        "start_time": at(-20),
        "end_time": at(0),
        "vehicle_info": info,
    }


GONE = {"certificates": {"tls_not_after": at(-60)}, "status": "offline", "offline_since": at(-30)}
ON_OLD_FIRMWARE = {"firmware_version": "3.0.1"}
COUNTER = {"timestamp": at(-9), "device_id": "Z", "component_health": {"contactor_cycles": 90_000}}


@pytest.mark.parametrize(
    ("fact", "code", "alike", "records", "expected"),
    [
        ("certificate_peers_gone", "F-0301", GONE, {}, 1.0),
        ("batch_mates_gone", "F-0301", {**GONE, "lifecycle": {"manufacturing_batch": "B"}}, {}, 1.0),
        ("url_peers_gone", "F-0301", GONE, {"configurations": [
            {"timestamp": at(-50), "device_id": device, "base_url_changed_at": at(-50)} for device in "AZ"]}, 1.0),
        ("stormy_on_firmware", "F-0302", ON_OLD_FIRMWARE, {"events": [fault("Z", "F-0302")]}, 1.0),
        ("peers_life_used_without_code", "F-0101", {"model": "TP-DC180"}, {"telemetry": [COUNTER]}, 90.0),
        ("peers_cured_by_upgrade", "F-0421", ON_OLD_FIRMWARE, {
            "events": [{**fault("Z", "F-0421"), "timestamp": at(-900)}],
            "commands": [{"command_id": "1", "device_id": "Z", "command": "firmware_upgrade", "status": "completed",
                          "created_at": at(-800)}],
            "charging_records": [{**session("Z"), "record_id": f"Z{n}", "start_time": at(-20 * n - 20),
                                  "end_time": at(-20 * n - 5), "energy": 9} for n in range(3)],
        }, 1.0),
        ("vehicle_with_code_elsewhere", "F-0421", {}, {
            "charging_records": [session("A"), session("Z")], "events": [fault("Z", "F-0421")]}, 1.0),
        ("vehicle_aborts_elsewhere", "F-0805", {}, {
            "charging_records": [session("A"), {**session("Z"), "stop_reason": "Error"}]}, 1.0),
        ("v2g_chargers_failing_with_vehicle", "F-0701", {}, {
            "charging_records": [session("A"), session("Z")], "events": [fault("Z", "F-0701")]}, 1.0),
    ],
)  # fmt: skip
def test_a_charger_alike_is_found_behind_hundreds_of_others(
    triage: Triage, fact: str, code: str, alike: dict[str, Any], records: dict[str, list[Any]], expected: float
) -> None:
    """What two chargers have in common is looked up first; only of what is found there is a bound."""
    others = [
        {"device_id": f"M{n:03}", "site_id": f"S{n % 60}", "firmware_version": "9.9.9", "model": "X"}
        for n in range(600)
    ]
    pair = [{"device_id": device, "site_id": f"S-{device}", **alike} for device in "AZ"]
    lists = {**records, "devices": [*pair, *others], "events": [*records.get("events", []), fault("A", code)]}
    survey = triage.knowledge.survey(observe(lists, at(60)))
    incident = next(each for each in survey.incidents if (each.device_id, each.code) == ("A", code))
    assert [found.value for found in incident.measure([fact]) if isinstance(found, Fact)] == [expected]


@pytest.mark.parametrize(("other_site", "told"), [("S1", True), ("S2", False)])
def test_a_grid_record_that_names_no_site_is_its_own_only_where_there_is_one_site(
    triage: Triage, other_site: str, told: bool
) -> None:
    """Without a list of sites, what chargers say of theirs tells whether a record of an area can be another site's."""
    lists: dict[str, list[Any]] = {
        "devices": [{"device_id": "C1", "site_id": "S1"}, {"device_id": "C2", "site_id": other_site}],
        "events": [
            {"timestamp": at(0), "device_id": "C1", "connector_id": 1, "event_type": "fault", "data": {"fault_code": "F-0701"}}
        ],
        "grid": [{"timestamp": at(-1), "area": "north", "kind": "frequency_excursion", "frequency_hz": 49.2}],
    }  # fmt: skip
    documented = {code: entry.fault for code, entry in triage.knowledge.base.faults.items()}
    (incident,), _ = find_incidents(observe(lists), documented)
    measured = incident.measure(["grid_record_kind"])
    assert [fact.value for fact in measured if isinstance(fact, Fact)] == ["frequency_excursion"] * told
