"""Columns that are laid out from records say what each record says, wherever some of them say nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.knowledge.observations import ObservationsBuilder, RecordTable, Table, at_path, number_of, observe
from charger_triage.knowledge.records import leaves
from charger_triage.knowledge.taken_columns import AT_ONCE

MOMENT = 1_778_414_400

HEALTH = st.fixed_dictionaries(
    {},
    optional={
        "cooling_fan_rpm": st.none() | st.integers(0, 3_000),
        "internal_temps": st.none() | st.fixed_dictionaries({}, optional={"ac_inlet": st.integers(20, 60)}),
    },
)
TELEMETRY = st.fixed_dictionaries(
    {"timestamp": st.integers(MOMENT, MOMENT + 3), "device_id": st.sampled_from(["A", "B"])},
    optional={
        "connector_id": st.none() | st.integers(0, 2),
        "soc": st.none() | st.integers(0, 100),
        "component_health": st.none() | HEALTH,
    },
)


@pytest.mark.parametrize(
    "path", ["soc", "component_health.cooling_fan_rpm", "component_health.internal_temps.ac_inlet", "power"]
)
@given(fed=st.lists(TELEMETRY, max_size=8))
def test_a_column_holds_what_each_record_has_at_its_path(path: str, fed: list[dict[str, Any]]) -> None:
    """Values and numbers are those of the records one by one, also where a field or what it lies in is missing."""
    table = observe({"telemetry": fed})["telemetry"]
    expected = [at_path(record.fields, path) for record in table.records]
    assert list(table.values(path)) == expected
    np.testing.assert_array_equal(table.numbers(path), [number_of(value) for value in expected])


@given(fed=st.lists(TELEMETRY, max_size=8), cut=st.integers(MOMENT - 1, MOMENT + 3))
def test_whose_and_when_follow_from_the_records(fed: list[dict[str, Any]], cut: int) -> None:
    """Times, chargers and connectors are those of the records, in the whole list and in what is left of it at a moment."""
    whole = observe({"telemetry": fed})["telemetry"]
    for table in (whole, whole.until(cut)):
        records = table.records
        np.testing.assert_array_equal(table.times, [record.time for record in records])
        np.testing.assert_array_equal(table.connectors, [r.fields.get("connector_id") or np.nan for r in records])
        chargers = {device: rows.tolist() for device, rows in table.by_device.items()}
        names = [record.fields["device_id"] for record in records]
        assert chargers == {name: [row for row, each in enumerate(names) if each == name] for name in set(names)}
    assert [r for r in whole.records if r.time is not None and r.time <= cut] == list(whole.until(cut).records)


def test_lists_without_times_or_chargers_have_none() -> None:
    """Sites belong to no charger, chargers have no time, and neither has a connector."""
    seen = observe({"sites": [{"site_id": "S"}], "devices": [{"device_id": "A", "site_id": "S"}]})
    assert dict(seen["sites"].by_device) == {}
    assert list(seen["devices"].by_device) == ["A"]
    assert all(
        np.isnan(column).all() for name in ("sites", "devices") for column in (seen[name].times, seen[name].connectors)
    )


# Columns that are laid out while records are taken are those that the records give

NUMBERS = st.none() | st.integers(-5, 5) | st.floats(-1e3, 1e3) | st.sampled_from(["12.5", "much", True])
WORDS = st.none() | st.sampled_from(["idle", "charging", "available", "Fault", "sleepy"])


def holding(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Objects with some of these fields, or nothing where there should be an object."""
    return st.none() | st.fixed_dictionaries({}, optional=fields)


RECORDS = st.fixed_dictionaries(
    {"timestamp": st.integers(0, 300), "device_id": st.sampled_from(["A", "B", None])},
    optional={
        "state": WORDS,
        "voltage": NUMBERS,
        "current": NUMBERS,
        "power_modules": st.none() | st.lists(holding({"index": NUMBERS, "temperature": NUMBERS}), max_size=3),
        "phase_details": holding({"phase_a": holding({"voltage": NUMBERS}), "phase_b": holding({"current": NUMBERS})}),
        "component_health": holding(
            {"cooling_fan_rpm": NUMBERS, "relay_state": WORDS, "internal_temps": holding({"ac_inlet": NUMBERS})}
        ),
    },
)


def columns(table: Table) -> dict[str, list[Any]]:
    """The columns of numbers, words and lists of objects of telemetry."""
    told: dict[str, list[Any]] = {}
    for path, leaf in leaves("telemetry").items():
        if leaf.kind == "number":
            told[path] = ["unknown" if value != value else value for value in table.numbers(path).tolist()]
        elif leaf.kind == "word":
            told[path] = [*table.texts(path)]
        elif leaf.kind == "objects":
            told[path] = [*table.values(path)]
    return told


def from_records(table: Table) -> dict[str, list[Any]]:
    """The same, laid out from the records of a table."""
    return columns(RecordTable("telemetry", table.records))


@given(st.lists(RECORDS, max_size=40), st.integers(1, 2 * AT_ONCE), st.data())
def test_columns_are_those_of_the_records(some: list[dict[str, Any]], more: int, data: st.DataObject) -> None:
    """Whatever is missing, does not fit, comes twice or out of order; also of a part, up to a moment, and with more records."""
    alike = [{"timestamp": 1000 - place, "device_id": "A", "voltage": 230.0 + place} for place in range(more)]
    whole = observe({"telemetry": [*some, *alike, *some[:3]]})
    table = whole["telemetry"]
    assert columns(table) == from_records(table)
    rows = data.draw(st.sets(st.integers(0, len(table.records) - 1)).map(sorted)) if table.records else []
    part = table.part(np.array(rows, dtype=np.intp))
    assert columns(part) == from_records(part)
    assert [part.records[place] for place in range(len(rows))] == [table.records[row] for row in rows]
    until = table.until(150.0)
    assert columns(until) == from_records(until)
    assert columns(until.part(np.arange(len(until.records) // 2))) == columns(
        RecordTable("telemetry", until.records[: len(until.records) // 2])
    )
    grown = whole.with_records("telemetry", some[:5])["telemetry"]
    assert columns(grown) == from_records(grown)


def test_a_number_that_one_record_knows_is_unknown_of_the_others() -> None:
    """Blocks in which nothing is known of a column leave it open."""
    fed: list[dict[str, Any]] = [{"timestamp": place, "device_id": "A"} for place in range(2 * AT_ONCE)]
    fed[AT_ONCE + 1] |= {"soc": 40, "component_health": {"relay_state": "open"}}
    table = observe({"telemetry": fed[::-1]})["telemetry"]
    assert np.flatnonzero(~np.isnan(table.numbers("soc"))).tolist() == [AT_ONCE + 1]
    assert [*table.texts("component_health.relay_state")].index("open") == AT_ONCE + 1


def test_what_was_built_stays_as_it_was() -> None:
    """A builder that goes on taking records leaves alone what it has given before."""
    builder = ObservationsBuilder()
    fed: list[dict[str, Any]] = [
        {"timestamp": place, "device_id": "A", "voltage": place} for place in range(AT_ONCE + 5)
    ]
    builder.add_list("telemetry", fed[:5])
    first = builder.build()["telemetry"]
    builder.add_list("telemetry", fed[5:])
    assert first.numbers("voltage").tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert builder.build()["telemetry"].numbers("voltage").tolist() == [float(place) for place in range(AT_ONCE + 5)]
