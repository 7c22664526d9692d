"""What is read of many rows at once is what the same rows say one by one, in columns as in records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.knowledge.columns.table import column_table
from charger_triage.knowledge.columns.taking import taken
from charger_triage.knowledge.fleet.figures import merged_figures, partial_figures
from charger_triage.knowledge.fleet.grouping import ROWS_TOGETHER, ByCharger
from charger_triage.knowledge.observations import Table, observe

Sample = tuple[str, int, str | None, list[tuple[int | None, str | None]] | None]

modules = st.lists(st.tuples(st.none() | st.integers(0, 3), st.sampled_from([None, "ok", "timeout"])), max_size=3)
samples = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.integers(0, 40),
        st.sampled_from([None, "idle", "charging"]),
        st.none() | modules,
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda sample: sample[:2],
)


def both(taken_samples: Sequence[Sample], copies: int) -> tuple[Table, Table]:
    """The same telemetry as columns and as records; of many copies columns of few words are held as codes."""
    records = [
        {
            "device_id": device,
            "timestamp": f"2026-05-0{copy + 1}T00:{minute:02d}:00Z",
            "state": state,
            "power_modules": None if listed is None else [{"index": i, "status": s} for i, s in listed],
        }
        for copy in range(copies)
        for device, minute, state, listed in taken_samples
    ]
    schema: dict[str, Any] = {
        "power_modules": pl.List(pl.Struct({"index": pl.Int64, "status": pl.String})),
        "state": pl.String,
    }
    frame, _ = taken("telemetry", pl.DataFrame(records, schema_overrides=schema, infer_schema_length=None))
    return column_table("telemetry", frame), observe({"telemetry": records})["telemetry"]


@given(samples, st.sampled_from([1, 9]), st.data())
def test_rows_at_once_are_the_rows_one_by_one(some: list[Sample], copies: int, data: st.DataObject) -> None:
    """Words, tests of words, parts of lists and parts of a table are those of the single records."""
    columns, records = both(some, copies)
    for device in records.by_device:
        length = len(records.by_device[device])
        chosen = np.array(sorted(data.draw(st.sets(st.integers(0, length - 1), max_size=length))), dtype=np.intp)
        for table in (columns, records):
            rows = table.by_device[device][chosen]
            told = [record.fields for record in table.records_at(rows)]
            states = [fields.get("state") for fields in told]
            assert table.texts_at("state", rows) == states
            for words in (("idle",), ("charging", None)):
                assert table.one_of("state", words, rows).tolist() == [state in words for state in states]
            listed = [
                (place, part.get("status")) for place, f in enumerate(told) for part in f.get("power_modules") or ()
            ]
            for path in ("state", "timestamp", "power_modules"):
                assert table.values_at(path, rows) == [table.values(path)[row] for row in rows.tolist()]
            owners, statuses = table.parts_at("power_modules", "status", rows)
            assert list(zip(owners.tolist(), statuses, strict=True)) == listed
            part = table.part(rows)
            assert [part.source(row) for row in range(len(rows))] == [table.source(row) for row in rows.tolist()]
            assert [record.fields for record in part.records] == told
    for table in (columns, records):
        for word in ("idle", "charging", "charge", "unheard of"):
            said = [row for row, record in enumerate(table.records) if record.fields.get("state") == word]
            assert table.rows_with("state", word).tolist() == said


@pytest.mark.parametrize("together", [True, False], ids=["together", "in turn"])
def test_figures_do_not_depend_on_whether_rows_of_a_charger_stand_together(together: bool) -> None:
    """Rows charger by charger, which are reduced run by run, and rows of chargers in turn come to the same figures."""
    minutes = range(4 * ROWS_TOGETHER)
    rows = [(device, minute) for device in "AB" for minute in minutes]
    if not together:
        rows.sort(key=lambda row: row[1])
    records = [
        {
            "device_id": device,
            "timestamp": f"2026-05-01T00:{minute:02d}:00Z",
            "component_health.contactor_cycles": minute,
        }
        for device, minute in rows
    ]
    frame, _ = taken("telemetry", pl.DataFrame(records))
    whole = observe({"telemetry": records})["telemetry"].times
    figures = merged_figures([("telemetry", partial_figures("telemetry", ByCharger(frame)))])
    for device in "AB":
        assert figures.of("telemetry_from", device) == whole.min()
        assert figures.of("telemetry_until", device) == whole.max()
        assert figures.of("contactor_cycles", device) == minutes[-1]
