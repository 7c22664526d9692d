"""A fleet's results: those of each charger diagnosed in the whole bundle, however the data set is cut and whoever works on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from charger_triage.adapters.fleet.run import Options, run_fleet
from charger_triage.adapters.fleet.surveying import BatchSize
from charger_triage.engine import Triage

from .support.fleet_data import LAYOUTS, example_fleet, whole

TABLES = ("hypotheses.parquet", "diagnoses.parquet", "watches.parquet", "warnings.parquet")
ALL_IN_ONE = Options(workers=0)


def results(folder: Path) -> dict[str, bytes]:
    """The bytes of the results."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in (".parquet", ".json", ".html") and path.name != "manifest.json"}  # fmt: skip


@pytest.fixture(scope="module")
def reference(data_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its results by one process, in one batch."""
    output = tmp_path_factory.mktemp("results") / "run"
    run_fleet([data_set], output, ALL_IN_ONE)
    return output


def without_places(diagnosis: dict[str, Any]) -> dict[str, Any]:
    """A diagnosis without problems in the data, and of sources the lists alone: of many records those that are named are
    chosen by their index, and a fleet's tables count by charger."""

    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: sorted(source["list"] for source in item) if key == "sources" else cleaned(item)
                for key, item in value.items()
            }
        return [cleaned(item) for item in value] if isinstance(value, list) else value

    return {**cleaned(diagnosis), "warnings": []}


def fleet_diagnoses(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The diagnoses of a run by charger."""
    for device, text in pl.read_parquet(folder / "diagnoses.parquet").select("device_id", "diagnosis").iter_rows():
        yield device, json.loads(text)


def test_each_charger_is_diagnosed_as_in_the_whole_bundle(reference: Path, triage: Triage) -> None:
    """Every charger's diagnosis is that of the bundle of all records, restricted to it; no charger with incidents is missing."""
    bundle = whole(example_fleet())
    of_fleet = dict(fleet_diagnoses(reference))
    incidents = triage.diagnose(bundle).incidents
    assert {incident.device_id for incident in incidents} <= set(of_fleet)
    for device, diagnosis in of_fleet.items():
        alone = json.loads(triage.diagnose(bundle, device_id=device).model_dump_json())
        assert without_places(diagnosis) == without_places(alone), device


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_no_layout_of_the_data_set_changes_a_byte(layout: str, reference: Path, tmp_path: Path) -> None:
    """Folders by site and date, CSV, packed files and JSON lines give the bytes of one Parquet file a list."""
    LAYOUTS[layout](example_fleet(), tmp_path / "data")
    run_fleet([tmp_path / "data"], tmp_path / "out", replace(ALL_IN_ONE, size=BatchSize(rows=500, chargers=2)))
    assert results(tmp_path / "out") == results(reference)


def test_workers_and_batches_change_no_byte(data_set: Path, reference: Path, tmp_path: Path) -> None:
    """Two worker processes over batches of a few chargers give the bytes of one process with one batch."""
    run_fleet([data_set], tmp_path / "out", Options(workers=2, size=BatchSize(rows=300, chargers=3)))
    assert results(tmp_path / "out") == results(reference)
