"""Columns that are laid out while records are taken are those that the records give."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.knowledge.observations import RecordTable, Table, observe
from charger_triage.knowledge.records import leaves
from charger_triage.knowledge.taken_columns import AT_ONCE

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
