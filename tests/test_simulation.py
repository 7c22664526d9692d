"""Simulated fleets: they are read without complaint, are the same each time, hide their truth, and look like chargers."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from charger_triage.adapters.cli import main
from charger_triage.adapters.files import read_bundle
from charger_triage.adapters.simulation import (
    CAUSES,
    FileFormat,
    FleetPlan,
    InvalidPlan,
    OutputTaken,
    Partition,
    simulate,
    truth_path,
)
from charger_triage.adapters.simulation.fleet import lived, sites_of
from charger_triage.adapters.simulation.sites import SITES_PER_AREA, site_at
from charger_triage.adapters.simulation.vehicles import POOL, visitors
from charger_triage.adapters.simulation.world import SiteWorld, Truth
from charger_triage.engine import Triage
from charger_triage.engine.diagnosis import Diagnosis
from charger_triage.knowledge import TriageKnowledge

COARSE_S = 240
"""Seconds between telemetry rows: coarse, so that record by record reading takes seconds."""


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file under a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def worlds(plan: FleetPlan) -> Iterable[SiteWorld]:
    """The sites of a plan after their days."""
    for site, number in sites_of(plan):
        yield lived(plan, site, number)[0]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty chargers over two days with many incidents, one file a list."""
    folder = tmp_path_factory.mktemp("simulated") / "fleet"
    simulate(FleetPlan(50, 2, 7, COARSE_S, incident_share=0.4), folder, partition=Partition.NONE)
    return folder


@pytest.fixture(scope="module")
def faulty_diagnosis(faulty: Path, triage: Triage) -> Diagnosis:
    """The diagnosis of that fleet."""
    return triage.diagnose(read_bundle(faulty))


def truths_of(folder: Path) -> list[Truth]:
    """The true causes beside a data set."""
    rows = pl.read_parquet(truth_path(folder, FileFormat.PARQUET)).iter_rows(named=True)
    return [Truth(**{**row, "timestamp": row["timestamp"].timestamp()}) for row in rows]


def test_a_fleet_is_read_without_a_warning(faulty_diagnosis: Diagnosis) -> None:
    """Every record that is written fits the wire format."""
    assert faulty_diagnosis.warnings == []


def test_the_same_arguments_write_the_same_bytes(tmp_path: Path) -> None:
    """Each format and partition is deterministic, and another seed is another fleet."""
    for file_format, partition in ((FileFormat.PARQUET, Partition.SITE), (FileFormat.PARQUET, Partition.NONE),
                                   (FileFormat.CSV, Partition.DATE), (FileFormat.JSONL, Partition.NONE)):  # fmt: skip
        folders = [tmp_path / f"{file_format}-{partition}-{place}" for place in "ab"]
        for folder in folders:
            simulate(FleetPlan(12, 1, 3, 600), folder, file_format, partition)
        assert digests(folders[0]) == digests(folders[1])
        first, second = (truth_path(folder, file_format).read_bytes() for folder in folders)
        assert first == second
    simulate(FleetPlan(12, 1, 4, 600), tmp_path / "other")
    assert digests(tmp_path / "other") != digests(tmp_path / "parquet-site-a")


def test_formats_and_partitions_hold_the_same_records(tmp_path: Path, triage: Triage) -> None:
    """CSV, JSON lines and Parquet are read as the same bundle, and a partition only divides it."""
    plan = FleetPlan(10, 2, 5, 600, incident_share=0.5)
    for file_format in FileFormat:
        simulate(plan, tmp_path / file_format, file_format, Partition.NONE)
    told = [triage.diagnose(read_bundle(tmp_path / file_format)).model_dump_json() for file_format in FileFormat]
    assert told[0] == told[1] == told[2]
    for partition in (Partition.SITE, Partition.DATE):
        simulate(plan, tmp_path / partition, FileFormat.PARQUET, partition)
        divided = pl.concat(
            [
                pl.read_parquet(path, hive_partitioning=False)
                for path in sorted((tmp_path / partition / "telemetry").rglob("*.parquet"))
            ]
        )
        whole = pl.read_parquet(tmp_path / "parquet" / "telemetry.parquet")
        order = ["device_id", "connector_id", "timestamp"]
        assert divided.sort(order).equals(whole.sort(order))


def test_a_larger_fleet_begins_with_the_smaller_one(tmp_path: Path) -> None:
    """What a site holds does not depend on how many sites there are."""
    for number in (30, 60):
        simulate(FleetPlan(number, 1, 2, 600), tmp_path / str(number))
    small, large = (digests(tmp_path / name / "telemetry") for name in ("30", "60"))
    whole_sites = sorted(small)[:-1]
    assert whole_sites
    assert all(large[name] == small[name] for name in whole_sites)


def test_the_truth_stands_outside_the_data_set(faulty: Path) -> None:
    """No file of the folder names a cause."""
    assert truths_of(faulty)
    assert not [path for path in faulty.rglob("*") if path.is_file() and path.stem not in
                ("sites", "devices", "events", "heartbeats", "telemetry", "charging_records", "connections", "commands",
                 "configurations", "service_visits", "grid", "environment")]  # fmt: skip
    causes = {truth.cause_id.split("/")[1] for truth in truths_of(faulty)} - {"power-cycle"}
    text = "".join(pl.read_parquet(path).write_json() for path in faulty.glob("*.parquet") if path.stem != "telemetry")
    assert not [cause for cause in causes if cause in text]


def test_every_documented_cause_is_simulated(knowledge: TriageKnowledge) -> None:
    """Each cause of the knowledge finds an occasion, and befalls chargers with its own code."""
    documented = {
        f"{code}/{cause.id}" for code, fault in knowledge.faults.items() for cause in fault.compiled.fault.causes
    }
    assert {name for name in CAUSES if not name.startswith("undocumented")} == documented
    for name in sorted(CAUSES):
        code = name.split("/")[0]
        found: set[str] = set()
        for chargers in (30, 260):
            plan = FleetPlan(chargers, 2, 5, 600, incident_share=0.6, causes=(name,))
            found = found or {truth.cause_id for world in worlds(plan) for truth in world.truths}
        assert name in found or (code == "undocumented" and found), name
        assert not {cause for cause in found if cause.startswith(f"{code}/") and cause != name}, name


def test_every_true_cause_shows_as_an_incident(faulty: Path, faulty_diagnosis: Diagnosis) -> None:
    """The incidents of a diagnosis are those that were simulated: none is lost, none comes of healthy chargers."""
    found = {(incident.device_id, incident.fault_code) for incident in faulty_diagnosis.incidents}
    assert found == {(truth.device_id, truth.fault_code) for truth in truths_of(faulty)}


def test_a_healthy_fleet_raises_no_incident(tmp_path: Path, triage: Triage) -> None:
    """Without faults there is nothing to find but releases with known defects."""
    simulate(FleetPlan(50, 2, 8, 600, incident_share=0.0), tmp_path / "fleet", partition=Partition.NONE)
    diagnosis = triage.diagnose(read_bundle(tmp_path / "fleet"))
    assert diagnosis.incidents == []
    assert diagnosis.warnings == []
    assert {watch.what.split(" with ")[0] for watch in diagnosis.watches} <= {"firmware"}


def test_the_leading_cause_is_right_more_often_than_by_chance(faulty: Path, faulty_diagnosis: Diagnosis) -> None:
    """A sanity check, no measure of quality: simulated signs come from the same dictionary as the rules."""
    true: dict[tuple[str, str], set[str]] = {}
    for truth in truths_of(faulty):
        true.setdefault((truth.device_id, truth.fault_code), set()).add(truth.cause_id)
    ranked = [incident for incident in faulty_diagnosis.incidents if incident.hypotheses]
    right = sum(incident.hypotheses[0].cause_id in true[incident.device_id, incident.fault_code] for incident in ranked)
    by_chance = sum(1 / len(incident.hypotheses) for incident in ranked)
    assert len(ranked) >= 15
    assert right > 1.5 * by_chance


def test_incidents_come_as_often_as_asked_for() -> None:
    """About three chargers in a hundred meet an incident on a day, and neighbours of a cause do not multiply it."""
    hit = {truth.device_id for world in worlds(FleetPlan(2000, 1, 11, 600)) for truth in world.truths}
    assert 0.015 < len(hit) / 2000 < 0.06


def test_readings_are_those_of_chargers(tmp_path: Path) -> None:
    """Of a healthy fleet: counters grow, idle connectors are dead, power is current times voltage, heat stays in bounds."""
    simulate(FleetPlan(40, 1, 6, 30, incident_share=0.0), tmp_path / "fleet", partition=Partition.NONE)
    rows = pl.read_parquet(tmp_path / "fleet" / "telemetry.parquet").sort("device_id", "connector_id", "timestamp")
    by_connector = ["device_id", "connector_id"]
    steps = rows.select(pl.col("component_health.contactor_cycles").diff().over(by_connector)).to_series().drop_nulls()
    assert steps.min() == 0.0
    assert steps.max() == 1.0
    idle = rows.filter(pl.col("state") == "idle")
    assert idle["current"].abs().max() == 0.0
    assert idle["voltage"].abs().max() < 3.0  # type: ignore[operator]
    dc = rows.filter((pl.col("state") == "charging") & ~pl.col("device_id").str.starts_with("AC"))
    assert np.allclose(dc["power"], dc["voltage"] * dc["current"] / 1000, rtol=0.01, atol=0.05)
    assert dc["soc"].is_between(5, 100).all()
    assert rows.filter(pl.col("device_id").str.starts_with("AC"))["temperature"].max() < 65  # type: ignore[operator]
    assert rows["temperature"].max() < 75  # type: ignore[operator]
    running = rows.filter((pl.col("state") == "charging") & pl.col("component_health.cooling_fan_rpm").is_not_null())
    assert (running["component_health.cooling_fan_rpm"] > 1800).mean() > 0.97  # type: ignore[operator]
    reported = rows.group_by("device_id").agg(
        pl.col("component_health.cooling_fan_rpm").is_not_null().any(), pl.col("voltage").is_not_null().any()
    )
    assert reported["voltage"].all()
    assert 0 < reported["component_health.cooling_fan_rpm"].mean() < 0.6  # type: ignore[operator]


def test_power_energy_and_records_agree(tmp_path: Path) -> None:
    """Power over time makes the energy of the charging records, throttled sessions included."""
    interval = 20
    causes = ("F-0203/pin-oxidation", "F-0512/local-override", "F-0601/bearing-wear")
    plan = FleetPlan(40, 2, 6, interval, incident_share=0.5, causes=causes)
    simulate(plan, tmp_path / "fleet", partition=Partition.NONE)
    rows = pl.read_parquet(tmp_path / "fleet" / "telemetry.parquet")
    flowing = (
        rows.filter(pl.col("state").is_in(["charging", "discharging"]))
        .group_by("device_id")
        .agg(kwh=pl.col("power").sum() * interval / 3600)
    )
    records = (
        pl.read_parquet(tmp_path / "fleet" / "charging_records.parquet")
        .group_by("device_id")
        .agg(pl.col("energy").sum())
    )
    both = flowing.join(records, on="device_id").filter(pl.col("energy") > 20)
    assert len(both) > 15
    assert (both["kwh"] / both["energy"] - 1).abs().max() < 0.05  # type: ignore[operator]


SHARED_VEHICLES = (
    "F-0203/vehicle-inlet-fault",
    "F-0204/sustained-overload",
    "F-0701/iso15118-timeout",
    "F-0702/model-not-certified",
    "F-0702/time-restriction",
    "F-0702/vehicle-state-not-eligible",
    "F-0805/bms-shutdown",
)
"""Causes that choose whose vehicle comes where, or how long it stays."""


def test_one_plug_holds_one_vehicle_and_one_vehicle_is_in_one_place() -> None:
    """No two sessions of a connector, nor of a vehicle in its whole area, overlap from plug to plug."""
    spans: dict[tuple[object, ...], list[tuple[float, float]]] = {}
    shared: Counter[int] = Counter()
    for world in worlds(FleetPlan(150, 4, 9, 600, incident_share=0.4, causes=SHARED_VEHICLES)):
        sessions = world.sessions
        shared.update(int(vehicle) for vehicle in sessions.vehicle if vehicle >= POOL)
        for row in range(len(sessions)):
            span = float(sessions.plug_in[row]), float(sessions.plug_out[row])
            connector, vehicle = int(sessions.connector[row]), int(sessions.vehicle[row])
            spans.setdefault((world.site.site_id, connector), []).append(span)
            spans.setdefault(("vehicle", world.site.area, vehicle), []).append(span)
    assert sum(number > 1 for number in shared.values()) > 5
    for owner, held in spans.items():
        held.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(held)), owner


def test_no_vehicle_is_at_two_sites_of_its_area_within_two_days() -> None:
    """One that stays overnight is not expected at another site in the morning."""
    plan, rng = FleetPlan(1), np.random.default_rng(1)
    sites = [site_at(plan, index) for index in range(SITES_PER_AREA)]
    seen = [set(visitors(site, day, 400, rng).tolist()) for day in (20_000, 20_001) for site in sites]
    assert len(set().union(*seen)) == sum(map(len, seen)) == 2 * 400 * len(sites)


def test_a_folder_that_is_taken_is_left_as_it_is(tmp_path: Path) -> None:
    """Nothing is written over, whether data or truth stand in the way; and an empty folder may be filled."""
    plan = FleetPlan(1, 1, 0, 600)
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    with pytest.raises(OutputTaken, match="not empty"):
        simulate(plan, full)
    (tmp_path / "fleet-truth.parquet").write_text("mine")
    with pytest.raises(OutputTaken, match=r"fleet-truth\.parquet is there"):
        simulate(plan, tmp_path / "fleet")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    with pytest.raises(OutputTaken, match="a link"):
        simulate(plan, tmp_path / "link")
    simulate(plan, tmp_path / "empty")
    assert Counter(path.name for path in tmp_path.iterdir()) == Counter(
        ["full", "fleet-truth.parquet", "link", "empty", "empty-truth.parquet"]
    )


@pytest.mark.parametrize(
    ("figures", "names"),
    [
        ({"chargers": 0}, "--chargers"),
        ({"days": 0}, "--days"),
        ({"seed": -1}, "--seed"),
        ({"interval_s": 0}, "--interval"),
        ({"incident_share": 1.5}, "--incidents"),
        ({"incident_share": float("nan")}, "--incidents"),
        ({"start": datetime(2100, 1, 1, tzinfo=UTC)}, "--start 2100-01-01: give a date from 2000 to 2099"),
    ],
)
def test_a_plan_out_of_bounds_is_refused(figures: dict[str, Any], names: str) -> None:
    """A figure that makes no fleet is named with what to give instead."""
    with pytest.raises(InvalidPlan, match=names):
        FleetPlan(**{"chargers": 1, **figures})


def test_the_command_writes_a_fleet_and_says_what_to_do_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its words name the folder, the truth and the command that reads it; a small fleet in plain files is diagnosed."""
    folder = tmp_path / "my fleet"
    options = [
        "--chargers",
        "6",
        "--days",
        "1",
        "--seed",
        "3",
        "--interval",
        "300",
        "--partition",
        "none",
        "--format",
        "jsonl",
    ]
    assert (
        main(["simulate", *options, "--output", str(folder), "--incidents", "1", "--cause", "F-0805/ev-disconnected"])
        == 0
    )
    told = capsys.readouterr().out
    assert "6 chargers" in told
    assert f"charger-triage diagnose '{folder}'" in told
    assert str(truth_path(folder, FileFormat.JSONL)) in told
    truths = [json.loads(line) for line in truth_path(folder, FileFormat.JSONL).read_text().splitlines()]
    assert {truth["cause_id"] for truth in truths} == {"F-0805/ev-disconnected"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--chargers", "0"], "--chargers 0"),
        (["--chargers", "2", "--start", "May"], "is no date"),
        (["--chargers", "2", "--output", "fleet\udcff"], "is no UTF-8"),
        (["--chargers", "2", "--cause", "F-0203/pins"], "did you mean F-0203/pin-oxidation"),
    ],
)
def test_usage_that_makes_no_fleet_is_one_line(options: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """What cannot be simulated ends with status 2, a line that helps, and no folder."""
    assert main(["simulate", "--output", str(tmp_path / "fleet"), *options]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_of_the_simulation_is_not_blamed_on_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what the disk refuses is told as a folder that cannot be written."""

    def failing(refusal: Exception) -> str:
        def fail(*_: object) -> None:
            raise refusal

        monkeypatch.setattr("charger_triage.adapters.simulation.simulate", fail)
        assert main(["simulate", "--chargers", "1", "--output", str(tmp_path / "fleet")]) == 2
        return capsys.readouterr().err

    assert "internal error, ValueError" in failing(ValueError("p does not sum to 1"))
    assert "cannot be written: no space" in failing(OSError(28, "no space"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "terminated"])
def test_a_command_that_is_ended_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Interrupted or terminated, it takes away what it has begun to write."""
    command = [sys.executable, "-c", "import sys; from charger_triage.adapters.cli import main; sys.exit(main())"]
    options = ["simulate", "--chargers", "5000", "--output", str(tmp_path / "fleet")]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not [*tmp_path.glob(".fleet-*/data/*")] and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []
