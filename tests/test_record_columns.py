"""Record lists as columns mean what single records mean, whatever types and spellings Polars read them in."""

from __future__ import annotations

import csv
import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.engine import Triage
from charger_triage.engine.facts import iso_timestamp
from charger_triage.engine.knowledge_base import DataProblem
from charger_triage.knowledge.columns.cells import record_of
from charger_triage.knowledge.columns.iso_times import NOT_READ, microseconds
from charger_triage.knowledge.columns.table import TableWriter, column_table, opened, write
from charger_triage.knowledge.columns.taking import taken
from charger_triage.knowledge.observations import (
    Observations,
    ObservationsBuilder,
    Table,
    at_path,
    epoch,
    observe,
    parse_timestamp,
)
from charger_triage.knowledge.records import SCHEMAS, Leaf, leaves

ODD_TEXTS = [
    "",
    " ",
    "N/A",
    "null",
    "None",
    "abc",
    "1_000",
    " 5 ",
    "+5",
    "005",
    "5.",
    "-0",
    "1e400",
    "nan",
    "inf",
    "5.5",
    "٣",
    "true",
    "[1]",
]
ODD_NUMBERS = [
    0,
    1,
    -1,
    2,
    5.5,
    -0.0,
    1e9,
    1e9 + 1,
    10_001,
    2e10,
    2e10 + 1,
    1.7e9,
    1.7e9 + 0.25,
    1.7e12,
    3e14,
    float("nan"),
    float("inf"),
]
MOMENTS = ["2026-05-10T12:00:00Z", "2026-05-10 12:00:00", "2026-05-10T12:00:00.123456+02:00", "2026-05-10", "1778414400", "0001-01-01T00:00:00+05:00",
           "2026-02-29T00:00:00Z", "2026-05-10T24:00:00Z", "2026-05-10T12:00:60Z", "2026-05-10T12:00:00.1234567Z", "2026-05-10t12:00:00z",
           "2026-05-10 12:00:00+02", "2026-05-10 12:00:00.25-03", "20260510T120000Z", "2026-W19-7T12:00Z"]  # fmt: skip
NEAR = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))
"""Moments whose microseconds an epoch in seconds can tell."""
JSON_CELLS = [
    '{"fault_code": "F-0421", "x": null}',
    "{}",
    "[]",
    '[{"index": 1, "status": "ok", "temperature": 40}]',
    '[{"index": "2", "serial": 7}, null]',
    '{"a": [1, {"b": 2.5}]}',
    "[1,",
]


def texts_for(leaf: Leaf) -> st.SearchStrategy[str]:
    """Texts as they may stand in a cell for a value, right, odd and wrong."""
    words = st.sampled_from(
        [*leaf.words, *(word.upper() for word in leaf.words), "available", "connected", "lte", *ODD_TEXTS]
    )
    pools = {
        "word": words,
        "moment": st.one_of(st.sampled_from(MOMENTS), NEAR.map(lambda moment: f"{moment.isoformat()}Z")),
        "number": st.floats().map(repr),
        "whole": st.integers(-3, 20_000).map(str),
        "flag": st.sampled_from(["true", "false", "True", "1", "0", "on", "no", "maybe"]),
        "free": st.sampled_from(JSON_CELLS),
        "objects": st.sampled_from(JSON_CELLS),
    }
    odd = st.one_of(st.sampled_from(ODD_TEXTS), st.text(st.characters(codec="utf-8"), max_size=12))
    return st.one_of(pools.get(leaf.kind, st.sampled_from(["A", "B ", "Fault", "x" * 300])), odd)


def column_for(leaf: Leaf, height: int) -> st.SearchStrategy[pl.Series]:
    """A column of one type that somebody might have written a value into."""
    kinds: list[tuple[Any, st.SearchStrategy[Any]]] = [
        (pl.String, texts_for(leaf)),
        (pl.Float64, st.one_of(st.sampled_from(ODD_NUMBERS), st.floats())),
        (pl.Int64, st.one_of(st.sampled_from([0, 1, 2, 7, -5, 10_001, 1_778_414_400, 1_778_414_400_000]), st.integers(-(2**62), 2**62))),
        (pl.Boolean, st.booleans()),
    ]  # fmt: skip
    if leaf.kind != "free":
        berlin = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
        kinds += [(pl.Datetime("us"), NEAR), (pl.Datetime("ms", "Europe/Berlin"), berlin), (pl.Date, st.dates())]
    if leaf.kind in ("free", "objects"):
        parts = {"index": pl.Int64, "status": pl.String, "temperature": pl.Float64, "serial": pl.String}
        item = st.fixed_dictionaries(
            {"index": st.one_of(st.none(), st.integers(0, 5)), "status": st.sampled_from(["ok", "OK", "fault", "", None]),
             "temperature": st.one_of(st.none(), st.floats(-10, 90)), "serial": st.sampled_from([None, None, "s"])}
        )  # fmt: skip
        kinds.append((pl.List(pl.Struct(parts)), st.lists(st.one_of(st.none(), item), max_size=3)))
        kinds.append((pl.Struct(parts), item))

    def of(kind: tuple[Any, st.SearchStrategy[Any]]) -> st.SearchStrategy[pl.Series]:
        dtype, values = kind
        cells = st.lists(st.one_of(st.none(), values), min_size=height, max_size=height)
        return cells.map(lambda found: pl.Series(leaf.path, found, dtype=dtype))

    return st.sampled_from(kinds).flatmap(of)


@st.composite
def frames(draw: st.DrawFn) -> tuple[str, pl.DataFrame]:
    """Rows of some record list, with some of its values, dotted or nested, and some that it does not know."""
    name = draw(st.sampled_from(sorted(SCHEMAS)))
    height = draw(st.integers(1, 6))
    paths = draw(st.lists(st.sampled_from(sorted(leaves(name))), max_size=5, unique=True))
    needed = [
        path for path, leaf in leaves(name).items() if leaf.needed and path not in paths and draw(st.integers(0, 9))
    ]
    columns = [draw(column_for(leaves(name)[path], height)) for path in paths]
    for path in needed:
        sound = {"moment": MOMENTS[0], "word": next(iter(leaves(name)[path].words), "")}.get(
            leaves(name)[path].kind, "A"
        )
        columns.append(pl.Series(path, [sound] * height))
    for extra in draw(
        st.lists(
            st.sampled_from(["more", "data.more", "details.x.y", "product.more", "component_health", "voltage.x"]),
            max_size=2,
            unique=True,
        )
    ):
        columns.append(draw(column_for(Leaf(extra, "free", Any), height)))
    frame = pl.DataFrame(columns)
    return name, _nested(frame) if draw(st.booleans()) else frame


def _nested(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns with one dot in their names as structs."""
    holders: dict[str, list[str]] = {}
    for path in frame.columns:
        if path.count(".") == 1 and path.split(".")[0] not in frame.columns:
            holders.setdefault(path.split(".")[0], []).append(path)
    for holder, paths in holders.items():
        inner = pl.struct(pl.col(path).alias(path.split(".")[1]) for path in paths)
        frame = frame.with_columns(inner.alias(holder)).drop(paths)
    return frame


def told(problems: list[DataProblem]) -> list[tuple[Any, ...]]:
    """Warnings in an order of their own."""
    return sorted((str(p.index), p.field or "", p.problem, p.skipped) for p in problems)


def plain(value: Any) -> Any:
    """A validated value without what says nothing, moments as epoch seconds."""
    if isinstance(value, datetime):
        return epoch(value)
    if isinstance(value, dict):
        return {key: kept for key, item in value.items() if (kept := plain(item)) not in (None, "", {})}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value + 0.0 if abs(value) < float("inf") else None
    return value


def contents(table: Table) -> set[str]:
    """What a table's records say, in any order."""
    return {
        json.dumps([plain(dict(record.fields)), record.time], sort_keys=True, default=repr) for record in table.records
    }


@given(frames())
def test_columns_mean_what_single_records_mean(case: tuple[str, pl.DataFrame]) -> None:
    """Rows taken as columns give the records, the times and the warnings that they give one by one."""
    name, frame = case
    builder = ObservationsBuilder()
    for index, row in enumerate(frame.iter_rows(named=True)):
        builder.add(name, index, record_of(name, row))
    one_by_one = builder.build()
    untouched = pl.DataFrame(frame.to_dict(as_series=False), schema=frame.schema)
    columns, problems = taken(name, frame)
    table = column_table(name, columns)
    assert frame.equals(untouched)
    assert told(problems) == told(list(one_by_one.problems))
    assert contents(table) == contents(one_by_one[name])


@given(frames())
def test_columns_of_a_table_say_what_its_records_say(case: tuple[str, pl.DataFrame]) -> None:
    """Every column read by its path holds the values of the records, numbers as numbers and texts as texts."""
    name, frame = case
    table = column_table(name, taken(name, frame)[0])
    for path, leaf in leaves(name).items():
        expected = [plain(at_path(record.fields, path)) or None for record in table.records]
        assert [plain(value) or None for value in table.values(path)] == expected
        if leaf.kind in ("number", "whole", "moment"):
            numbers = [None if number != number else number for number in table.numbers(path).tolist()]
            assert [number or None for number in numbers] == expected
        if leaf.kind in ("word", "key", "text"):
            assert list(table.texts(path)) == expected
            assert table.texts_at(path, np.arange(len(expected))) == expected
    assert [row for rows in table.by_device.values() for row in rows] == (
        list(range(len(table))) if "device_id" in leaves(name) else []
    )


TELEMETRY = [
    {"timestamp": f"2026-05-10T12:00:{second:02d}Z", "device_id": device, "connector_id": 1, "state": "charging", "voltage": 398.5,
     "component_health": {"relay_state": "closed"}, "power_modules": [{"index": 0, "status": "ok", "temperature": 41.5}]}
    for second in range(3)
    for device in ("B", "A", "C")
]  # fmt: skip


def lines(records: list[dict[str, Any]]) -> pl.DataFrame:
    """Records as Polars reads their JSON lines."""
    return pl.read_ndjson("\n".join(map(json.dumps, records)).encode(), infer_schema_length=None)


def cells(records: list[dict[str, Any]]) -> pl.DataFrame:
    """Records as a CSV with dotted names, JSON in its cells, everything read as text."""
    rows = [dict(_cells(record, "")) for record in records]
    names = sorted({name for row in rows for name in row})
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    return pl.read_csv(text.getvalue().encode(), infer_schema=False)


def _cells(value: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, dict) and key not in ("data", "details", "params"):
            yield from _cells(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(inner) if isinstance(inner, (list, dict, bool)) else inner


def parquet(records: list[dict[str, Any]]) -> pl.DataFrame:
    """Records as Parquet keeps them, timestamps as such; it has no empty objects."""
    frame = lines([_filled(record) for record in records])
    moments = [name for name in ("timestamp", "created_at", "start_time") if name in frame.columns]
    kept = io.BytesIO()
    frame.with_columns(pl.col(moments).str.to_datetime("%Y-%m-%dT%H:%M:%S%#z", time_unit="ms")).write_parquet(kept)
    return pl.read_parquet(kept.getvalue())


def _filled(value: Any) -> Any:
    return {key: _filled(inner) for key, inner in value.items() if inner != {}} if isinstance(value, dict) else value


def observed(bundle: Mapping[str, Any], read: Callable[[list[dict[str, Any]]], pl.DataFrame]) -> Observations:
    """A bundle whose every list lies in columns."""
    taken_lists = {name: taken(name, read(bundle[name]) if bundle.get(name) else pl.DataFrame()) for name in SCHEMAS}
    tables = {name: column_table(name, frame) for name, (frame, _) in taken_lists.items()}
    return Observations(
        tables, parse_timestamp(bundle.get("as_of")), [p for _, problems in taken_lists.values() for p in problems]
    )


def without_places(value: Any) -> Any:
    """A diagnosis without the places of records in their lists, and without the order that these make."""
    if isinstance(value, dict):
        plain = {key: without_places(inner) for key, inner in value.items() if key != "index"}
        return {key: sorted(inner, key=str) if key == "sources" else inner for key, inner in plain.items()}
    return [without_places(inner) for inner in value] if isinstance(value, list) else value


EXAMPLES = Path(__file__).parent.parent / "examples"


def example(name: str) -> dict[str, Any]:
    """One of the shipped examples as it stands in its file."""
    found: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text())
    return found


@pytest.mark.parametrize("read", [lines, cells, parquet])
@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.json")))
def test_a_diagnosis_over_columns_is_the_one_over_records(
    triage: Triage, name: str, read: Callable[[list[dict[str, Any]]], pl.DataFrame]
) -> None:
    """An example read as columns from JSON lines, CSV or Parquet is diagnosed as from single records."""
    bundle = example(name)
    records = observe({each: bundle.get(each) or [] for each in SCHEMAS}, bundle.get("as_of"))
    over_records, over_columns = triage.diagnose(records), triage.diagnose(observed(bundle, read))
    assert without_places(over_columns.model_dump(mode="json")) == without_places(over_records.model_dump(mode="json"))


def said(table: Table) -> list[tuple[Any, ...]]:
    """All that a table's records say, in order, and where they come from."""
    return [(record.fields, record.raw, table.source(row)) for row, record in enumerate(table.records)]


@given(st.permutations(TELEMETRY), st.lists(st.sampled_from(TELEMETRY), max_size=4))
def test_order_and_repeats_leave_no_trace(shuffled: list[dict[str, Any]], again: list[dict[str, Any]]) -> None:
    """The same rows in any order, some of them several times, make the same table."""
    expected = column_table("telemetry", taken("telemetry", lines(TELEMETRY))[0])
    assert said(column_table("telemetry", taken("telemetry", lines([*again, *shuffled]))[0])) == said(expected)
    assert [len(rows) for rows in expected.by_device.values()] == [3, 3, 3]


ONE_FAULT: dict[str, Any] = {
    "timestamp": "2026-05-10T12:00:00Z", "device_id": "A", "event_type": "fault", "connector_id": 1,
    "data": {"fault_code": "F-0421", "details": {"window_ms": 100.5}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"timestamp": "2026-05-10T14:00:00+02:00"}, 1),
        ({"timestamp": 1_778_414_400}, 1),
        ({"timestamp": "1778414400000"}, 1),
        ({"connector_id": "1"}, 1),
        ({"connector_id": 1.0}, 1),
        ({"event_type": " FAULT"}, 1),
        ({"data": {**ONE_FAULT["data"], "fault_code": 421}}, 1),
        ({"data": {**ONE_FAULT["data"], "fault_code": "f0421"}}, 1),
        ({"data": {"details": {"window_ms": "100.5", "echo": None}, "fault_code": "0421"}}, 1),
        ({"colour": None}, 1),
        ({"colour": "red"}, 2),
        ({"connector_id": 2}, 2),
        ({"event_type": "alarm"}, 2),
        ({"data": {"fault_code": 421}}, 2),
        ({"data": {**ONE_FAULT["data"], "fault_code": 0}}, 2),
        ({"connector_id": "one"}, 2),
    ],
)
def test_records_that_mean_the_same_count_once(change: dict[str, Any], number: int) -> None:
    """An event in another notation is the same event, in single records and in columns, and which of both is kept does not
    depend on their order; one that says more, or something else, is another."""
    other = {**ONE_FAULT, **change}

    def of_records(fed: list[dict[str, Any]]) -> Table:
        return observe({"events": fed})["events"]

    def of_columns(fed: list[dict[str, Any]]) -> Table:
        rows = pl.concat([lines([record]) for record in fed], how="diagonal_relaxed")
        return column_table("events", taken("events", rows)[0])

    for read in (of_records, of_columns):
        kept = [
            [(dict(record.fields), dict(record.raw)) for record in read(fed).records]
            for fed in ([ONE_FAULT, other], [other, ONE_FAULT])
        ]
        assert len(kept[0]) == number
        assert kept[0] == kept[1]


def test_a_whole_charger_is_no_connector_and_connector_0() -> None:
    """Connector 0 and none name the same."""
    fed = [{**ONE_FAULT, "connector_id": connector} for connector in (0, None, "0")]
    assert len(observe({"events": fed})["events"].records) == 1
    assert len(column_table("events", taken("events", lines(fed[:2]))[0])) == 1


def test_rows_of_one_moment_stand_in_the_order_of_single_records() -> None:
    """Where time and connector are equal, what the records say orders them as it does single records."""
    events = [
        {"timestamp": "2026-05-10T12:00:00Z", "device_id": "A", "event_type": kind, "connector_id": connector, "data": data}
        for kind, connector, data in (("stop", 1, {"reason": "b"}), ("stop", 1, {"reason": "a"}), ("fault", 2, {}), ("fault", 1, {}))
    ]  # fmt: skip
    columns = column_table("events", taken("events", lines(events))[0])
    assert [dict(record.raw) for record in columns.records] == [
        dict(record.raw) for record in observe({"events": events})["events"].records
    ]


def test_a_folder_holds_the_table(tmp_path: Path) -> None:
    """A table written charger by charger and opened again says what the one in memory says, here and in another process."""
    frame = taken("telemetry", lines([*TELEMETRY, {**TELEMETRY[0], "device_id": "Ü", "soc": 50}]))[0]
    with TableWriter("telemetry", tmp_path / "telemetry") as writer:
        for device in ("A", "B", "C", "Ü"):
            writer.append(frame.filter(pl.col("device_id") == device))
    table, expected = opened(tmp_path / "telemetry"), column_table("telemetry", frame)
    assert said(table) == said(expected)
    assert said(pickle.loads(pickle.dumps(table))) == said(expected)
    assert list(table.by_device) == ["A", "B", "C", "Ü"]
    assert "A" in table.by_device
    assert table.by_device.get("none") is None
    for path in leaves("telemetry"):
        assert list(table.values(path)) == list(expected.values(path))


def test_an_empty_list_can_be_written(tmp_path: Path) -> None:
    """A list of which there is nothing is a table without rows."""
    for name in SCHEMAS:
        write(name, taken(name, pl.DataFrame())[0], tmp_path / name)
        table = opened(tmp_path / name)
        assert (len(table.records), len(table.by_device), len(table.times)) == (0, 0, 0)


def test_a_folder_is_read_without_polars(tmp_path: Path) -> None:
    """A worker that opens a table needs no data-frame library."""
    write("telemetry", taken("telemetry", lines(TELEMETRY))[0], tmp_path / "telemetry")
    program = (
        "import sys, pathlib; from charger_triage.knowledge.columns.table import opened;"
        f"print(opened(pathlib.Path({str(tmp_path / 'telemetry')!r})).records[0].fields['voltage'], 'polars' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        == "398.5 False\n"
    )


def test_chargers_are_written_in_order_or_not_at_all(tmp_path: Path) -> None:
    """Rows of a charger that belongs before what is written are refused, and no half table is left behind."""
    frame = taken("telemetry", lines(TELEMETRY))[0]
    with (
        pytest.raises(ValueError, match="in the order of the chargers"),
        TableWriter("telemetry", tmp_path / "t") as writer,
    ):
        writer.append(frame.filter(pl.col("device_id") == "B"))
        writer.append(frame.filter(pl.col("device_id") == "A"))
    assert list(tmp_path.iterdir()) == []


def test_sources_do_not_depend_on_how_the_list_was_cut(tmp_path: Path) -> None:
    """A table of some chargers names the places that their records have in the whole list, once it knows who comes before."""
    frame = taken("telemetry", lines(TELEMETRY))[0]
    whole = column_table("telemetry", frame)
    part = frame.filter(pl.col("device_id") != "A")
    firsts = {"B": 3, "C": 6}
    write("telemetry", part, tmp_path / "part", firsts)
    for table in (column_table("telemetry", part, firsts), opened(tmp_path / "part")):
        assert [table.source(row) for row in range(6)] == [whole.source(row) for row in range(3, 9)]
        assert [table.source_of(record) for record in table.records] == [whole.source(row) for row in range(3, 9)]


def test_what_came_later_is_left_out() -> None:
    """Up to a moment a table holds the records until then, in the places they had."""
    table = column_table("telemetry", taken("telemetry", lines(TELEMETRY))[0])
    until = table.until(float(table.times[1]))
    assert [until.source(row).index for row in range(len(until.records))] == [0, 1, 3, 4, 6, 7]
    assert [until.by_device[device].tolist() for device in "ABC"] == [[0, 1], [2, 3], [4, 5]]
    assert list(until.texts("state")) == ["charging"] * 6


def test_columns_and_records_mix_and_grow() -> None:
    """A list in columns can take more records, and lists of both kinds make one bundle."""
    result = {"timestamp": "2026-05-10T12:00:00Z", "device_id": "A", "check_id": "fan-operation", "value": "slow"}
    bundle: dict[str, list[Any]] = {
        "telemetry": TELEMETRY,
        "check_results": [result],
        "devices": [{"device_id": "A", "last_heartbeat": "2026-05-11T00:00:00Z"}],
    }
    columns = observed(bundle, lines)
    grown = columns.with_records("check_results", [{**result, "check_id": "close-click"}])
    assert [record.fields["check_id"] for record in grown["check_results"].records] == ["close-click", "fan-operation"]
    assert columns.newest == grown.newest == observe(bundle).newest


def test_what_the_columns_do_not_hold_is_kept_as_it_was_fed() -> None:
    """Unknown fields, values that were left out and words spelled another way stand in the record as it was fed."""
    fed = {"timestamp": "2026-05-10T12:00:00Z", "device_id": "A", "state": "Available", "voltage": "high", "vendor": {"a": [1]},
           "component_health": {"relay_state": "OPEN", "colour": "blue"}}  # fmt: skip
    table = column_table("telemetry", taken("telemetry", lines([fed]))[0])
    (record,) = table.records
    assert record.raw == fed
    assert (record.fields["state"], record.fields["component_health"]) == ("idle", {"relay_state": "open"})


@pytest.mark.parametrize(
    ("column", "value"), [("voltage", "high"), ("voltage", float("nan")), ("state", "asleep"), ("timestamp", "x")]
)
def test_many_problems_of_a_kind_are_counted(column: str, value: Any) -> None:
    """Of very many rows with one problem some are named and the rest are counted, as with single records."""
    rows = [
        {**{k: v for k, v in TELEMETRY[0].items() if k in ("timestamp", "device_id")}, column: value}
        for _ in range(150)
    ]
    frame = pl.DataFrame(rows)
    builder = ObservationsBuilder()
    builder.add_list("telemetry", rows)
    problems = taken("telemetry", frame)[1]
    assert told(problems) == told(list(builder.build().problems))
    assert "50 more records" in problems[-1].problem


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf"), 2e9, -2e9])
def test_a_number_among_sound_ones_that_is_none(odd: float) -> None:
    """One value of a column of numbers that is no measurement is left out with a warning, and the others are kept."""
    rows = [
        {"timestamp": "2026-05-10T12:00:00Z", "device_id": "A", "voltage": value} for value in (398.5, odd, None, 0.0)
    ]
    frame, problems = taken("telemetry", pl.DataFrame(rows))
    assert frame["voltage"].to_list() == [398.5, None, None, 0.0]
    assert [(problem.field, problem.index) for problem in problems] == [("voltage", 1)]


def test_a_file_without_what_its_records_need_is_told_once() -> None:
    """Where no row names its charger all are skipped, and beyond the first hundred they are only counted."""
    frame, problems = taken("telemetry", pl.DataFrame({"timestamp": ["2026-05-10T12:00:00Z"] * 5000}), first=7)
    assert frame.height == 0
    assert (len(problems), problems[0].index, problems[0].problem) == (101, 7, "is missing; the record is skipped")
    assert problems[-1].problem == "4900 more records have a problem of this kind"


@given(
    st.one_of(
        NEAR.map(datetime.isoformat),
        st.sampled_from(MOMENTS),
        st.from_regex(
            r"[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,7})?(Z|z|[+-][0-2][0-9](:[0-6][0-9])?)?",
            fullmatch=True,
        ),
    )
)
def test_timestamps_read_in_columns_are_those_of_single_records(text: str) -> None:
    """A timestamp that is read by its digits is the one that the validator reads."""
    (found,) = microseconds(pl.Series([text])).tolist()
    if found != NOT_READ:
        moment = parse_timestamp(text)
        assert moment is not None
        assert abs(found / 1e6 - moment) < 1e-4


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-10 10:00:00+02", "2026-05-10T08:00:00Z"),
        ("2026-05-10 10:00:00.125-03", "2026-05-10T13:00:00.125000Z"),
        ("20260510T100000Z", "2026-05-10T10:00:00Z"),
        ("20260510T100000,5+0530", "2026-05-10T04:30:00.500000Z"),
        ("2026-W19-7T10Z", "2026-05-10T10:00:00Z"),
        ("2026-05-10T24:00:00Z", "2026-05-11T00:00:00Z"),
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00Z"),
        ("2026-05-10T24:00:01Z", None),
        ("2026-05-10T10:00:61Z", None),
        ("2026-02-29T10:00:00+02", None),
        ("2026-05-10T10:00:00+24", None),
        ("2026-05-10 10:00:00+2", None),
    ],
)
def test_every_reader_takes_iso_8601(text: str, moment: str | None) -> None:
    """Hours alone as an offset, no dashes and colons, weeks, the end of a day and leap seconds: single records, columns and
    stated moments read one and the same, and warn of what is no moment."""
    fed = {
        "timestamp": "2026-05-10T12:00:00Z",
        "device_id": "A",
        "last_push": {"at": text},
        "base_url_changed_at": text,
    }
    told = parse_timestamp(text)
    assert (None if told is None else iso_timestamp(told)) == moment
    one_by_one = observe({"configurations": [fed, {**fed, "timestamp": text}]})
    frame, problems = taken("configurations", lines([fed, {**fed, "timestamp": text}]))
    columns = column_table("configurations", frame)
    assert len(problems) == len(one_by_one.problems) == (0 if moment else 5)
    for table in (one_by_one["configurations"], columns):
        assert len(table.records) == (2 if moment else 1)
        for path in ("base_url_changed_at", "last_push.at"):
            (at,) = {*table.numbers(path).tolist()} if moment else (None,)
            assert at == told
        assert moment is None or told in table.times.tolist()


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-05:00"]
)
def test_moments_beyond_the_calendar_do_no_harm(triage: Triage, text: str) -> None:
    """A timestamp whose moment no calendar in UTC has is the nearest second that one has."""
    event = {"timestamp": text, "device_id": "A", "event_type": "fault", "data": {"fault_code": "F-0421"}}
    assert len(triage.diagnose(observe({"events": [event]})).incidents) == 1
