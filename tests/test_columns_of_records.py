"""Columns that are laid out from records say what each record says, wherever some of them say nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.knowledge.observations import at_path, number_of, observe

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
