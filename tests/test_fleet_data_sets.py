"""What a data set may look like: which files are read as which list, and what a broken one costs."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from charger_triage.adapters.bundle import UnreadableInput
from charger_triage.adapters.files import read_bundle
from charger_triage.adapters.fleet.data_set import find_data_set
from charger_triage.adapters.fleet.gathering import tasks_of, unread
from charger_triage.adapters.fleet.run import Options, run_fleet
from charger_triage.adapters.fleet.summary import Summary
from charger_triage.adapters.fleet.summary_text import summary_text
from charger_triage.engine import Triage

from .test_fleet_results import fleet_diagnoses, without_places

DEVICES = '{"device_id": "A", "site_id": "S", "model": "TP-DC180"}\n'


def fault(device: str, time: Any, code: Any = "F-0421") -> dict[str, Any]:
    """A fault event."""
    return {
        "timestamp": time,
        "device_id": device,
        "event_type": "fault",
        "connector_id": 1,
        "data": {"fault_code": code},
    }


def lines(*records: dict[str, Any]) -> str:
    """Records as JSON lines."""
    return "".join(f"{json.dumps(record)}\n" for record in records)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("events.csv", "events"),
        ("Events-2026-05-01.JSONL", "events"),
        ("charging_records.part7.ndjson.gz", "charging_records"),
        ("telemetry/site=S%2F1/date=2026-05-01/0.parquet", "telemetry"),
        ("telemetry.parquet/part-0.parquet", "telemetry"),
        ("telemetry/events.csv", "events"),
        ("a/b/c/grid/x.json", "grid"),
        ("gridlock.csv", None),
        ("readme.md", None),
        ("_metadata/events.csv", None),
        (".events.csv", None),
    ],
)
def test_a_file_is_known_by_its_name_or_that_of_its_folder(tmp_path: Path, name: str, found: str | None) -> None:
    """The file's own name tells its list, else the nearest folder's; hidden files and other kinds are passed over."""
    for each in (name, "devices.csv"):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).write_text("x")
    data_set = find_data_set([tmp_path])
    assert [file.list for file in data_set.files if file.list != "devices"] == ([] if found is None else [found])
    assert [Path(each.name).name for each in data_set.passed_over] == (
        [name] if name in ("gridlock.csv", "readme.md") else []
    )


def test_partitions_are_read_from_folders(tmp_path: Path) -> None:
    """Names of folders say the values of columns, as Hive writes them; a list of files in two paths is read once."""
    file = tmp_path / "telemetry" / "site=S%2F1" / "date=__HIVE_DEFAULT_PARTITION__" / "0.csv"
    file.parent.mkdir(parents=True)
    file.write_text("x")
    (found,) = find_data_set([tmp_path, file.parent, file]).files
    assert found.partition == (("site", "S/1"), ("date", None))


def test_what_cannot_be_entered_costs_itself_alone(tmp_path: Path) -> None:
    """A link that leads nowhere, or back to where it lies, is told, and all other files are found."""
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "0.csv").write_text("x")
    (tmp_path / "events" / "round.csv").symlink_to("round.csv")
    (tmp_path / "events" / "gone.csv").symlink_to("nowhere.csv")
    (tmp_path / "events" / "up").symlink_to(tmp_path)
    data_set = find_data_set([tmp_path])
    assert [Path(file.name).name for file in data_set.files] == ["0.csv"]
    assert [(Path(each.name).name, each.reason[:14]) for each in data_set.passed_over] == [
        ("gone.csv", "cannot be read"),
        ("round.csv", "cannot be read"),
    ]


def ran(tmp_path: Path, **options: Any) -> Path:
    """The results of a run over what lies in a folder."""
    output = tmp_path / "out"
    run_fleet([tmp_path / "data"], output, Options(workers=0, **options))
    return output


def written(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    """Files of a data set."""
    for name, content in files.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def summary_of(output: Path) -> str:
    """What the terminal shows of a run that is done."""
    return summary_text(Summary.model_validate_json((output / "summary.json").read_bytes()), "out")


def warnings(output: Path) -> list[tuple[str, str | None, str]]:
    """List, field and problem of the warnings."""
    return pl.read_parquet(output / "warnings.parquet").select("list", "field", "problem").rows()


def codes(output: Path) -> list[tuple[str, str]]:
    """The chargers with incidents and their codes."""
    leading = pl.read_parquet(output / "hypotheses.parquet").filter(pl.col("rank").fill_null(1) == 1)
    return leading.select("device_id", "fault_code").rows()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("events.parquet", b"PAR1 and no more", "cannot be read as Parquet"),
        ("events.json", "{", "cannot be read as JSON"),
        ("events.json", '"text"', "a list of records is expected"),
        ("events.csv.gz", b"not packed", "cannot be read as CSV"),
        ("events.jsonl.gz", gzip.compress(lines(fault("B", "2026-05-01T00:00:00Z")).encode())[:-9], "cannot be read as JSON lines"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_costs_itself(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    """A damaged file is a warning, and the others are read."""
    written(
        tmp_path,
        {"devices.jsonl": DEVICES, "more/events.jsonl": lines(fault("A", "2026-05-01T00:00:00Z")), name: content},
    )
    output = ran(tmp_path)
    assert codes(output) == [("A", "F-0421")]
    assert [said in problem for name, _, problem in warnings(output)] == [True]


def test_of_a_file_that_breaks_off_nothing_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before a file turned out to be damaged is left out as well, so that no count of rows is off."""
    monkeypatch.setattr("charger_triage.adapters.fleet.reading.BLOCK", 100)
    packed = gzip.compress(lines(*(fault(f"B{number}", "2026-05-01T00:00:00Z") for number in range(200))).encode())
    good = lines(fault("A", "2026-05-01T00:00:00Z"))
    written(
        tmp_path,
        {"devices.jsonl": DEVICES, "events-1.jsonl": good, "events-2.jsonl.gz": packed[:-20], "events-3.jsonl": good},
    )
    output = ran(tmp_path)
    assert codes(output) == [("A", "F-0421")]
    assert json.loads((output / "summary.json").read_text())["records"]["events"] == 2


def _day(site: str, *temperatures: float | None, **columns: Any) -> bytes:
    """A Parquet file with the telemetry of a charger of a site, a reading a minute."""
    times = [f"2026-05-01T00:{minute:02d}:00Z" for minute in range(len(temperatures))]
    rows = {"timestamp": times, "device_id": [site] * len(times), "temperature": temperatures, **columns}
    file = io.BytesIO()
    pl.DataFrame(rows, schema_overrides={"temperature": pl.Float64}).write_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("odd_one", "rows"),
    [(_day("C", 20.0, 9e9), 8), (_day("C", 20.0, 9e9, state="idle"), 8), (_day("C"), 6), (b"PAR1 and no more", 6)],
    ids=["of the same columns", "of one more column", "without rows", "broken"],
)
@pytest.mark.parametrize("at_once", [3, 1000])
def test_files_read_together_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd_one: bytes, rows: int, at_once: int
) -> None:
    """What is wrong with a row of small Parquet files, which one scan reads, is told of the file and row where it stands,
    whatever lies between them and wherever what is read at once ends."""
    monkeypatch.setattr("charger_triage.adapters.fleet.reading.ROWS", at_once)
    files = {"A": _day("A", 20.0, 21.0), "B": _day("B", 20.0, 9e9, 22.0), "C": odd_one, "D": _day("D", 9e9)}
    written(tmp_path, {f"telemetry/site={site}/0.parquet": content for site, content in files.items()})
    output = ran(tmp_path)
    told = pl.read_parquet(output / "warnings.parquet").drop_nulls("field")
    places = {(Path(file).parent.name[-1], row) for file, row in told.select("file", "row").iter_rows()}
    assert places == {("B", 1), ("D", 0), *([("C", 1)] if rows == 8 else [])}
    assert json.loads((output / "summary.json").read_text())["records"]["telemetry"] == rows


MARK = b"\xef\xbb\xbf"
ODD_PAYLOADS: dict[str, Any] = {
    "a number beyond 64 bits": {"fault_code": "F-0421", "details": {"serial": 2**70}},
    "a number beyond 128 bits": {"fault_code": "F-0421", "details": {"serial": 2**200}},
    "half a character": {"fault_code": "F-0421", "details": {"note": "\ud83d"}},
    "a tab": {"fault_code": "F-0421", "details": {"note": "contactor\tno echo"}},
    "backslashes": {"fault_code": "F-0421", "details": {"note": "C:\\new\\log", "sign": "\x01"}},
    "quotes in a name": {"fault_code": "F-0421", "details": {'the "coil"\n': "ä \U0001f50c"}},
    "not a number": {"fault_code": "F-0421", "details": {"coil_supply_v": float("nan")}},
    "a list": [1, 2],
}
ODD_FIELDS: dict[str, dict[str, Any]] = {
    **{called: {"data": data} for called, data in ODD_PAYLOADS.items()},
    "a field of its own beyond 64 bits": {"serial": 2**70},
    "a field of its own beyond 128 bits": {"serial": 2**200},
    "half a character in a field of its own": {"note": "\ud83d", "\ud83d": 1},
    "a connector beyond 128 bits": {"connector_id": 2**200},
    "a list for a connector": {"connector_id": [1]},
}


@pytest.mark.parametrize("called", ["none", *ODD_FIELDS])
@pytest.mark.parametrize("name", ["events.json", "events.jsonl"])
@pytest.mark.parametrize("mark", [b"", MARK], ids=["", "marked"])
def test_json_is_read_as_diagnose_reads_it(tmp_path: Path, triage: Triage, called: str, name: str, mark: bytes) -> None:
    """Whatever one record of a file holds, and whether the file begins with a byte-order mark, all chargers get the
    diagnosis that they get from the same files read as one bundle."""
    odd = {**fault("B", "2026-05-01T00:01:00Z"), **ODD_FIELDS.get(called, {})}
    events = [fault("A", "2026-05-01T00:00:00Z"), odd, fault("C", "2026-05-01T00:02:00Z", "F-0101")]
    content = json.dumps(events) if name == "events.json" else lines(*events)
    bundle = mark + b'{"as_of": "2026-05-02T00:00:00Z"}'
    written(tmp_path, {"devices.jsonl": DEVICES, name: mark + content.encode(), "bundle.json": bundle})
    output = ran(tmp_path)
    whole = read_bundle(tmp_path / "data")
    found = dict(fleet_diagnoses(output))
    assert {"A", "C"} <= found.keys()
    for device in "ABC":
        alone = triage.diagnose(whole, device_id=device)
        assert (device in found) == bool(alone.incidents)
        if device in found:
            assert without_places(found[device]) == without_places(alone.model_dump(mode="json"))
    told = [(warning.list, warning.field) for warning in triage.diagnose(whole).warnings]
    assert sorted((each, field) for each, field, _ in warnings(output)) == sorted(told)


def test_broken_lines_and_records_are_told(tmp_path: Path) -> None:
    """A line that is no JSON, a record without what it needs and a field that does not fit are warnings; the rest counts."""
    good, late = fault("A", "2026-05-01T00:00:00Z"), fault("A", "2026-05-01T01:00:00Z")
    without = {key: value for key, value in late.items() if key != "timestamp"}
    odd = {**late, "connector_id": "left"}
    text = f"{lines(good)}{{broken\n[1]\n\n{lines(without, odd)}"
    written(tmp_path, {"devices.jsonl": DEVICES, "events.jsonl": text})
    output = ran(tmp_path)
    told = warnings(output)
    assert codes(output) == [("A", "F-0421"), ("A", "F-0421")]
    assert sorted((name, field or "", problem[:18]) for name, field, problem in told) == [
        ("events", "", "line 2 is no JSON "), ("events", "", "line 3 is no objec"),
        ("events", "connector_id", "'left': input shou"), ("events", "timestamp", "is missing; the re"),
    ]  # fmt: skip


def unused(output: Path) -> list[tuple[str, str | None, str | None, int]]:
    """What the summary says could not be used: list, field, file and for how many records."""
    summary = json.loads((output / "summary.json").read_text())
    return [(each["list"], each["field"], each["file"], each["records"]) for each in summary["unused"]]


def test_each_file_that_is_passed_over_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of another kind, one whose list nothing tells and one that is damaged are a line each, which says why."""
    monkeypatch.chdir(tmp_path)
    stray = {"steve.log": "boot", "july.json": "[]", "more/events.json": "{", "more/events.parquet": "PAR1"}
    written(Path(), {"devices.jsonl": DEVICES, **stray})
    ran(Path())
    assert unused(Path("out")) == [
        ("bundle", None, "data/july.json", 1),
        ("bundle", None, "data/steve.log", 1),
        ("events", None, "data/more/events.json", 1),
        ("events", None, "data/more/events.parquet", 1),
    ]
    text = " ".join(summary_of(Path("out")).split())
    for said in (
        "- data/july.json: cannot be told which record list it holds; name it or its folder after its list",
        "- data/steve.log: is not called like a Parquet, CSV or JSON file; it is passed over",
        "- data/more/events.parquet: cannot be read as Parquet",
    ):
        assert said in text, said


@pytest.mark.parametrize(("more", "said"), [(81, "81 more records have a problem"), (1, "1 more record has a problem")])
def test_of_very_many_problems_of_a_kind_the_rest_is_counted_behind_them(tmp_path: Path, more: int, said: str) -> None:
    """A file with the same problem in each row is one line, and how many more rows there are the next."""
    rows = [{**fault("A", "2026-05-01T00:00:00Z"), "connector_id": "left", "event_id": n} for n in range(100 + more)]
    written(tmp_path, {"devices.jsonl": DEVICES, "events.jsonl": lines(*rows)})
    output = ran(tmp_path)
    file = str(tmp_path / "data" / "events.jsonl")
    assert unused(output) == [("events", "connector_id", file, 100), ("events", "connector_id", None, more)]
    text = "".join(summary_of(output).split())
    first, rest = (
        text.index("".join(each.split())) for each in ("left out (100 records)", f"events.connector_id: {said}")
    )
    assert first < rest


def test_of_very_many_files_that_are_passed_over_a_hundred_are_named(tmp_path: Path) -> None:
    """The rest is counted."""
    written(tmp_path, {"devices.jsonl": DEVICES, **{f"{number:03d}.log": "" for number in range(103)}})
    told = pl.read_parquet(ran(tmp_path) / "warnings.parquet").select("file", "problem", "records").rows()
    assert [Path(file or "").name for file, _, _ in told] == [*(f"{number:03d}.log" for number in range(100)), ""]
    assert told[-1][1:] == ("3 more problems of this kind", 3)


def test_files_that_no_worker_survives_are_named_one_by_one(tmp_path: Path) -> None:
    """Where a task ends each of its workers, all its files are told."""
    written(tmp_path, {"events-1.jsonl": "x", "events-2.jsonl": "x"})
    (task,) = tasks_of(find_data_set([tmp_path / "data"]), tmp_path, None)
    told = [(Path(trouble.file).name, trouble.problem) for trouble in unread(task, "ended twice").troubles]
    reason = "cannot be read (ended twice); write it again, or take it away"
    assert told == [("events-1.jsonl", reason), ("events-2.jsonl", reason)]


@pytest.mark.parametrize(
    "times",
    [("2026-05-01T02:00:00+02:00", "2026-05-02T00:00:00Z"), (1777593600, 1777680000), (1777593600000, 1777680000000)],
    ids=["ISO 8601", "seconds", "milliseconds"],
)
def test_times_come_as_text_or_numbers(tmp_path: Path, times: tuple[Any, Any]) -> None:
    """ISO texts with offsets, epoch seconds and milliseconds are one moment."""
    events = [fault(device, time) for device, time in zip("AB", times, strict=True)]
    written(tmp_path, {"devices.jsonl": DEVICES, "events.jsonl": lines(*events)})
    found = (
        pl.read_parquet(ran(tmp_path) / "hypotheses.parquet")
        .select("device_id", pl.col("last_seen").dt.date())
        .unique()
    )
    assert sorted((device, str(day)) for device, day in found.rows()) == [("A", "2026-05-01"), ("B", "2026-05-02")]


def test_nothing_later_than_the_moment_counts(tmp_path: Path) -> None:
    """--as-of leaves out what came later; a moment that the data set states leaves nothing out, and is when it is."""
    events = lines(fault("A", "2026-05-01T00:00:00Z"), fault("B", "2026-05-03T00:00:00Z"))
    written(
        tmp_path, {"devices.jsonl": DEVICES, "events.jsonl": events, "bundle.json": '{"as_of": "2026-05-02T00:00:00Z"}'}
    )
    assert [device for device, _ in codes(ran(tmp_path))] == ["A", "B"]
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["as_of"] == "2026-05-02T00:00:00Z"
    run_fleet([tmp_path / "data"], tmp_path / "cut", Options(workers=0, as_of=1777680000.0))
    assert [device for device, _ in codes(tmp_path / "cut")] == ["A"]


@pytest.mark.parametrize("name", ["telemetry.csv", "telemetry.csv.gz"])
@pytest.mark.parametrize("before", [1, 300_000], ids=["short", "read in stretches"])
def test_cells_beyond_the_header_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, before: int
) -> None:
    """Rows of CSV with more cells than the header (a decimal comma cuts one in two) are read as they stand, each once, and
    a warning says of the file how many there are and where the first is; blank cells at the end of rows say nothing."""
    monkeypatch.setattr("charger_triage.adapters.fleet.reading.ROWS", 50_000)
    row = "2026-05-01T00:00:00Z,A,20.5\n"
    longer = '2026-05-01T00:01:00Z,A,88,9\n2026-05-01T00:02:00Z,"A",88,,9\n'
    text = "timestamp,device_id,temperature\n" + row * before + "\n" + longer + row + row.replace("\n", ",,\n")
    content = gzip.compress(text.encode()) if name.endswith(".gz") else text
    blank = "timestamp,site_id,frequency_hz,\n2026-05-01T00:00:00Z,S,50,,\n"
    written(tmp_path, {"devices.jsonl": DEVICES, name: content, "grid.csv": blank})
    output = ran(tmp_path)
    told = pl.read_parquet(output / "warnings.parquet").filter(pl.col("field").is_null()).to_dicts()
    assert [(each["list"], Path(each["file"]).name, each["row"]) for each in told] == [("telemetry", name, before + 1)]
    assert "2 rows have more cells than the 3 columns" in told[0]["problem"]
    assert "'9'" in told[0]["problem"] and "decimals with a point" in told[0]["problem"]
    records = json.loads((output / "summary.json").read_text())["records"]
    assert (records["telemetry"], records["grid"]) == (before + 4, 1)


def test_record_lists_within_a_bundle_are_read(tmp_path: Path, triage: Triage) -> None:
    """What bundle.json holds besides its moment counts as in `diagnose`, next to files of the same list or without any."""
    bundle = {
        "bundle_version": 1,
        "as_of": "2026-05-02T00:00:00Z",
        "devices": {"device_id": "A", "site_id": "S", "model": "TP-DC180", "firmware_version": "3.0.1"},
        "events": [fault("A", "2026-05-01T00:00:00Z")],
        "grid": None,
        "telemetry": "none",
        "fleets": [],
    }
    written(tmp_path, {"bundle.json": json.dumps(bundle), "events.jsonl": lines(fault("B", "2026-05-01T00:00:00Z"))})
    output = ran(tmp_path)
    whole = read_bundle(tmp_path / "data")
    found = {device: without_places(diagnosis) for device, diagnosis in fleet_diagnoses(output)}
    expected = {device: triage.diagnose(whole, device_id=device).model_dump(mode="json") for device in "AB"}
    assert found == {device: without_places(diagnosis) for device, diagnosis in expected.items()}
    assert sorted(name for name, _, _ in warnings(output)) == ["bundle", "telemetry"]
    (tmp_path / "data" / "events.jsonl").unlink()
    run_fleet([tmp_path / "data"], tmp_path / "alone", Options(workers=0))
    assert [device for device, _ in codes(tmp_path / "alone")] == ["A"]


def test_names_that_are_no_utf_8_cost_themselves(tmp_path: Path) -> None:
    """A file below is passed over with a warning; a folder that was given, or is to hold the results, is refused."""
    odd = "telemetry\udcff.csv"
    written(tmp_path, {"devices.jsonl": DEVICES, "events.jsonl": lines(fault("A", "2026-05-01T00:00:00Z"))})
    try:
        (tmp_path / "data" / odd).write_text("timestamp\n")
    except (OSError, UnicodeError):  # not on every system
        pytest.skip("files cannot be named so here")
    ((_, _, said),) = warnings(ran(tmp_path))
    assert "is no UTF-8" in said
    for paths, output in (([tmp_path / "data" / odd], tmp_path / "other"), ([tmp_path / "data"], tmp_path / odd)):
        with pytest.raises(UnreadableInput, match=r"is no UTF-8, .* name"):
            run_fleet(paths, output, Options(workers=0))


def test_the_output_is_no_input(tmp_path: Path) -> None:
    """Results may be written into the folder that is read, and are not read by the next run."""
    (tmp_path / "devices.jsonl").write_text(DEVICES)
    (tmp_path / "events.jsonl").write_text(lines(fault("A", "2026-05-01T00:00:00Z")))
    for _ in range(2):
        run_fleet([tmp_path], tmp_path / "out", Options(workers=0), restart=True)
    assert codes(tmp_path / "out") == [("A", "F-0421")]
    assert warnings(tmp_path / "out") == []


@pytest.mark.parametrize("files", [{}, {"notes.txt": "x"}], ids=["empty", "no list"])
def test_where_there_is_no_list_it_says_how_to_name_one(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    """A folder without a record list cannot be used, and the message tells how files are named."""
    (tmp_path / "data").mkdir()
    written(tmp_path, files)
    with pytest.raises(UnreadableInput, match=r"holds no record list; name files"):
        find_data_set([tmp_path / "data"])


def test_a_fleet_without_faults_has_no_incidents(tmp_path: Path) -> None:
    """Chargers alone make an empty result and a summary that says so."""
    written(tmp_path, {"devices.jsonl": DEVICES})
    output = ran(tmp_path)
    assert codes(output) == []
    assert json.loads((output / "summary.json").read_text())["chargers"] == 1


def test_results_of_checks_that_nobody_knows_are_told_once_whatever_the_files(tmp_path: Path) -> None:
    """No rule can read them: each name is told with what may be meant, wherever its results lie."""
    found = [
        {"timestamp": "2026-05-01T00:10:00Z", "device_id": device, "check_id": "coil-voltag", "value": 20}
        for device in ("B", "A")
    ]
    files = {f"check_results/{number}.jsonl": lines(each) for number, each in enumerate(found)}
    written(tmp_path, {"events.jsonl": lines(fault("A", "2026-05-01T00:00:00Z")), **files})
    ((of_list, field, problem),) = warnings(ran(tmp_path))
    assert (of_list, field) == ("check_results", "check_id")
    assert problem.startswith("A and 1 more: no check is called 'coil-voltag'")
