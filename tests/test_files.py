"""Reading bundles from files: every shape means the same, and nothing that is fed in raises anything but our error."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.adapters.files import UnreadableInput, read_bundle, read_bundles
from charger_triage.engine import Diagnosis, Triage
from charger_triage.knowledge.observations import observe

BUNDLE: dict[str, Any] = {
    "bundle_version": 1,
    "as_of": "2026-05-10T12:00:30Z",
    "devices": [{"device_id": "A", "firmware_version": "3.0.1", "site_id": "S"}],
    "events": [
        {"timestamp": "2026-05-10T11:59:00Z", "device_id": "A", "connector_id": 1, "event_type": "plug_in"},
        {"timestamp": "2026-05-10T12:00:00Z", "device_id": "A", "connector_id": 1, "event_type": "fault",
         "data": {"fault_code": "F-0421", "details": {"window_ms": 100.5}}},
    ],
    "telemetry": [
        {"timestamp": f"2026-05-10T11:59:{second:02d}Z", "device_id": "A", "connector_id": 1, "state": "preparing",
         "voltage": 398.5, "component_health": {"contactor_cycles": 1200.0}}
        for second in range(0, 60, 5)
    ],
}  # fmt: skip
LISTS = {name: records for name, records in BUNDLE.items() if isinstance(records, list)}


def as_document(folder: Path) -> Path:
    path = folder / "case.json"
    path.write_text(json.dumps(BUNDLE))
    return path


def as_document_with_byte_order_mark(folder: Path) -> Path:
    path = folder / "case.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(BUNDLE).encode())
    return path


def as_folder_of_lines(folder: Path) -> Path:
    for name, records in LISTS.items():
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(record) for record in records))
    (folder / "bundle.json").write_text(json.dumps({"as_of": BUNDLE["as_of"]}))
    return folder


def as_folder_of_arrays(folder: Path) -> Path:
    for name, records in LISTS.items():
        (folder / f"{name}.json").write_text(json.dumps(records))
    (folder / "bundle.json").write_text(json.dumps({"as_of": BUNDLE["as_of"]}))
    return folder


def as_folder_with_csv(folder: Path) -> Path:
    as_folder_of_lines(folder)
    (folder / "telemetry.jsonl").unlink()
    rows = [
        {
            **{k: v for k, v in record.items() if k != "component_health"},
            "component_health.contactor_cycles": 1200.0,
            "soc": "",
        }
        for record in BUNDLE["telemetry"]
    ]
    with (folder / "telemetry.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def as_folder_with_parquet(folder: Path) -> Path:
    as_folder_of_lines(folder)
    (folder / "telemetry.jsonl").unlink()
    polars.DataFrame(BUNDLE["telemetry"]).write_parquet(folder / "telemetry.parquet")
    return folder


def as_folder_of_packed_files(folder: Path) -> Path:
    as_folder_with_csv(folder)
    for file in list(folder.iterdir()):
        (folder / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    return folder


def as_packed_document(folder: Path) -> Path:
    (folder / "case.json.gz").write_bytes(gzip.compress(json.dumps(BUNDLE).encode()))
    return folder / "case.json.gz"


def as_zip(folder: Path) -> Path:
    inner = folder / "inner"
    inner.mkdir()
    as_folder_of_lines(inner)
    with zipfile.ZipFile(folder / "case.zip", "w") as archive:
        for file in inner.iterdir():
            archive.write(file, f"export/{file.name}")
    return folder / "case.zip"


def as_mixed_lines(folder: Path) -> Path:
    path = folder / "records.jsonl"
    path.write_text(
        "\n".join(json.dumps({"list": name, **record}) for name, records in LISTS.items() for record in records)
    )
    return path


@pytest.mark.parametrize(
    "shape",
    [as_document, as_document_with_byte_order_mark, as_packed_document, as_folder_of_lines, as_folder_of_arrays, as_folder_with_csv,
     as_folder_of_packed_files, as_folder_with_parquet, as_zip],
)  # fmt: skip
def test_every_shape_gives_the_same_bytes(triage: Triage, tmp_path: Path, shape: Callable[[Path], Path]) -> None:
    """A document, a folder of any format and a zip of the same records are one and the same bundle."""
    expected = triage.diagnose(read_bundle(io.StringIO(json.dumps(BUNDLE)))).model_dump_json()
    assert triage.diagnose(read_bundle(shape(tmp_path))).model_dump_json() == expected


def test_records_that_name_their_list_can_share_one_file(triage: Triage, tmp_path: Path) -> None:
    """JSON lines of different lists are sorted out by the list they name."""
    diagnosis = triage.diagnose(read_bundle(as_mixed_lines(tmp_path)))
    assert [incident.incident_id for incident in diagnosis.incidents] == ["A/1/F-0421"]


def test_a_case_in_parts_is_one_bundle(triage: Triage, tmp_path: Path) -> None:
    """Several files given together count as one bundle."""
    as_folder_of_lines(tmp_path)
    parts = sorted(tmp_path.glob("*.json*"))
    assert triage.diagnose(read_bundles(parts)) == triage.diagnose(read_bundle(tmp_path))


def test_what_stands_in_two_files_counts_once(triage: Triage, tmp_path: Path) -> None:
    """The same records as JSON lines and as CSV beside them are the records of one of the files."""
    as_folder_of_lines(tmp_path)
    expected = triage.diagnose(read_bundle(tmp_path))
    (tmp_path / "events-1.csv").write_text(
        "timestamp,device_id,connector_id,event_type,data.fault_code,data.details.window_ms,soc\n"
        "2026-05-10T13:59:00+02:00,A,1,plug_in,,,\n2026-05-10 12:00:00,A,1,Fault,421,100.5,\n"
    )
    diagnosis = triage.diagnose(read_bundle(tmp_path))
    assert diagnosis.warnings == []
    assert [incident.occurrences for incident in diagnosis.incidents] == [1]
    assert _ranking(diagnosis) == _ranking(expected)


def _ranking(diagnosis: Diagnosis) -> list[Any]:
    return [(i.incident_id, [(h.cause_id, h.probability) for h in i.hypotheses]) for i in diagnosis.incidents]


def test_of_several_records_of_a_charger_the_latest_heartbeat_counts_and_gaps_are_filled(triage: Triage) -> None:
    """Snapshots of metadata, or a case in parts: the newest says what is, older ones what it leaves open, whatever their order."""
    device = {key: value for key, value in BUNDLE["devices"][0].items() if key not in ("firmware_version", "status")}
    old = {**device, "firmware_version": "3.0.2", "status": "offline", "offline_since": "2026-05-01T00:00:00Z",
           "last_heartbeat": "2026-05-01T00:00:00Z", "product": {"rated_power_kw": 50}}  # fmt: skip
    new = {"device_id": device["device_id"], "firmware_version": "3.0.10", "last_heartbeat": "2026-05-10T11:59:50Z"}
    whole = {**old, **new, "status": None, "offline_since": None}
    expected = triage.diagnose(read_bundle(io.StringIO(json.dumps({**BUNDLE, "devices": [whole]}))))
    for devices in ([old, new], [new, old], [new, {**old, "last_heartbeat": None}], [old, new, new]):
        diagnosis = triage.diagnose(read_bundle(io.StringIO(json.dumps({**BUNDLE, "devices": devices}))))
        assert [h.probability for h in diagnosis.incidents[0].hypotheses] == [
            h.probability for h in expected.incidents[0].hypotheses
        ]
        assert diagnosis.incidents[0].known_firmware_issue == expected.incidents[0].known_firmware_issue
        assert [incident.fault_code for incident in diagnosis.incidents] == ["F-0421"]


RESULT: dict[str, Any] = {"timestamp": "2026-05-10T11:00:00Z", "device_id": "A"}
WARNED: list[tuple[str, dict[str, Any], tuple[str, int | None, str | None]]] = [
    ("no record", {"events": [*BUNDLE["events"], 7]}, ("events", 2, None)),
    ("no timestamp", {"telemetry": [{"device_id": "A"}]}, ("telemetry", 0, "timestamp")),
    ("no such moment", {"telemetry": [{"timestamp": "yesterday", "device_id": "A"}]}, ("telemetry", 0, "timestamp")),
    ("text for a number", {"telemetry": [{**BUNDLE["telemetry"][0], "voltage": "high"}]}, ("telemetry", 0, "voltage")),
    ("infinite", {"telemetry": [{**BUNDLE["telemetry"][0], "voltage": float("inf")}]}, ("telemetry", 0, "voltage")),
    ("not a number", {"telemetry": [{**BUNDLE["telemetry"][0], "voltage": float("nan")}]}, ("telemetry", 0, "voltage")),
    ("beyond any charger", {"telemetry": [{**BUNDLE["telemetry"][0], "power": 1e300}]}, ("telemetry", 0, "power")),
    ("nested", {"telemetry": [{**BUNDLE["telemetry"][0], "component_health": {"cooling_fan_rpm": []}}]},
     ("telemetry", 0, "component_health.cooling_fan_rpm")),
    ("colder than can be", {"telemetry": [{**BUNDLE["telemetry"][0], "ambient_temperature": -999}]}, ("telemetry", 0, "ambient_temperature")),
    ("backwards", {"telemetry": [{**BUNDLE["telemetry"][0], "component_health": {"cooling_fan_rpm": -5}}]},
     ("telemetry", 0, "component_health.cooling_fan_rpm")),
    ("no such check", {"check_results": [{"timestamp": "2026-05-10T11:00:00Z", "device_id": "A", "check_id": "fan_noize", "value": "grinding"}]},
     ("check_results", None, "check_id")),
    *(
        (f"no such result {value}", {"check_results": [{**RESULT, "check_id": check, "value": value}]}, ("check_results", None, "value"))
        for check, value in [("close-click", "purple"), ("close-click", None), ("close-click", 5), ("coil-voltage", "high"),
                             ("coil-voltage", float("nan")), ("coil-voltage", 1e308), ("coil-voltage", -5), ("coil-voltage", [1])]
    ),
    ("no such state", {"telemetry": [{**BUNDLE["telemetry"][0], "state": "dreaming"}]}, ("telemetry", 0, "state")),
    ("no list", {"telemetry": {"a": 1}}, ("telemetry", 0, "timestamp")),
    ("unknown list", {"telemetries": []}, ("telemetries", None, None)),
    ("a list's element", {"devices": [{**BUNDLE["devices"][0], "product": {"connector_types": [{"type": "CCS2"}]}}]},
     ("devices", 0, "product.connector_types")),
    ("a module's word", {"telemetry": [{**BUNDLE["telemetry"][0], "power_modules": [{"index": 1, "status": "Offline"}]}]},
     ("telemetry", 0, "power_modules.0.status")),
    ("no code", {"events": [{**BUNDLE["events"][1], "data": {}}]}, ("events", None, "data.fault_code")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "expected"), WARNED, ids=[name for name, _, _ in WARNED])
def test_what_does_not_fit_is_a_warning_with_its_place(
    triage: Triage, name: str, change: dict[str, Any], expected: tuple[str, int | None, str | None]
) -> None:
    """A record or field that cannot be used is named by list, position and field, and costs nothing else."""
    diagnosis = triage.diagnose(read_bundle(io.StringIO(json.dumps({**BUNDLE, **change}))))
    assert expected in [(warning.list, warning.index, warning.field) for warning in diagnosis.warnings], name
    assert ("events" in change) or [incident.incident_id for incident in diagnosis.incidents] == ["A/1/F-0421"]


def test_a_result_that_no_rule_reads_is_told_once_by_charger_and_time(triage: Triage) -> None:
    """A check's result that is none of its values weighs nothing, and the warning says where it stands and what can be written."""
    purple = {**RESULT, "connector_id": 1, "check_id": "close-click", "value": "purple"}
    diagnosis = triage.diagnose(observe({**LISTS, "check_results": [purple, purple]}, BUNDLE["as_of"]))
    assert [warning.problem for warning in diagnosis.warnings] == [
        "A, connector 1 at 2026-05-10T11:00:00Z: 'purple' is no result of close-click; write one of present, absent; no rule reads it"
    ]
    assert diagnosis.incidents == triage.diagnose(observe(LISTS, BUNDLE["as_of"])).incidents


SPELLINGS: list[tuple[str, dict[str, Any]]] = [
    ("numbers as text", {"telemetry": [{**record, "voltage": "398.5", "connector_id": "1"} for record in BUNDLE["telemetry"]]}),
    ("exponents", {"telemetry": [{**record, "voltage": "3.985e2"} for record in BUNDLE["telemetry"]]}),
    ("offset", {"telemetry": [{**r, "timestamp": r["timestamp"].replace("T11:", "T13:").replace("Z", "+02:00")} for r in BUNDLE["telemetry"]]}),
    ("no offset", {"telemetry": [{**r, "timestamp": r["timestamp"].replace("Z", "")} for r in BUNDLE["telemetry"]]}),
    ("nulls", {"telemetry": [{**record, "soc": None, "power_modules": None} for record in BUNDLE["telemetry"]]}),
    ("duplicates", {"telemetry": [record for record in BUNDLE["telemetry"] for _ in range(1)], "environment": []}),
    ("unknown fields", {"telemetry": [{**record, "colour": "🔌"} for record in BUNDLE["telemetry"]]}),
    ("number for a code", {"events": [BUNDLE["events"][0], {**BUNDLE["events"][1], "data": {"fault_code": 421, "details": {"window_ms": 100.5}}}]}),
    ("text for a code", {"events": [BUNDLE["events"][0], {**BUNDLE["events"][1], "data": {"fault_code": " f0421", "details": {"window_ms": 100.5}}}]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change"), SPELLINGS, ids=[name for name, _ in SPELLINGS])
def test_spellings_mean_the_same(triage: Triage, name: str, change: dict[str, Any]) -> None:
    """Other spellings of the same records give the same diagnosis, without a warning."""
    expected = triage.diagnose(read_bundle(io.StringIO(json.dumps(BUNDLE))))
    diagnosis = triage.diagnose(read_bundle(io.StringIO(json.dumps({**BUNDLE, **change}))))
    assert diagnosis.warnings == [], name
    assert diagnosis == expected


def test_a_ten_megabyte_text_is_read_and_carried(triage: Triage) -> None:
    """A huge text in a payload neither hangs nor is lost."""
    event = {**BUNDLE["events"][1], "data": {"fault_code": "X-9", "details": "é" * 10_000_000}}
    diagnosis = triage.diagnose(read_bundle(io.StringIO(json.dumps({**BUNDLE, "events": [event]}))))
    (incident,) = diagnosis.incidents
    assert incident.escalation is not None
    assert len(incident.escalation["payloads"][0]["data"]["details"]) == 10_000_000


UNREADABLE: list[tuple[str, bytes]] = [
    ("empty.json", b""),
    ("blank.json", b" \n "),
    ("broken.json", b'{"events": ['),
    ("words.txt", b"hello there"),
    ("deep.json", b"[" * 100_000),
    ("deep_object.json", b'{"a":' * 100_000),
    ("numbers.json", b"[1, 2, 3]"),
    ("telemetry.parquet", b"PAR1 no it is not"),
    ("case.zip", b"PK\x03\x04 broken"),
    ("cut.json.gz", gzip.compress(json.dumps(BUNDLE).encode())[:-20]),
    ("bomb.json.gz", gzip.compress(b" " * 2**28)),
    ("binary.json", bytes(range(256))),
]


@pytest.mark.parametrize(("name", "content"), UNREADABLE, ids=[name for name, _ in UNREADABLE])
def test_what_cannot_be_read_gets_one_clear_line(tmp_path: Path, name: str, content: bytes) -> None:
    """Input that holds no records at all is refused with one line that names the file."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableInput) as raised:
        read_bundle(path)
    message = str(raised.value)
    assert name in message
    assert "\n" not in message and len(message) < 400


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    """A path that does not exist is refused by name."""
    with pytest.raises(UnreadableInput, match=r"nowhere\.json: there is no such file"):
        read_bundle(tmp_path / "nowhere.json")


def test_one_broken_file_of_a_folder_costs_only_itself(triage: Triage, tmp_path: Path) -> None:
    """The other lists of a folder are still read, and the broken file is a warning."""
    as_folder_of_lines(tmp_path)
    (tmp_path / "telemetry.jsonl").write_text("{{{{")
    diagnosis = triage.diagnose(read_bundle(tmp_path))
    assert [incident.incident_id for incident in diagnosis.incidents] == ["A/1/F-0421"]
    assert any(warning.list == "telemetry" for warning in diagnosis.warnings)


def test_what_a_folder_holds_besides_is_read_or_named(triage: Triage, tmp_path: Path) -> None:
    """Files in parts are read as `fleet` reads them; folders of a data set and tables of unknown names are told, reports are not."""
    as_folder_of_lines(tmp_path)
    expected = triage.diagnose(read_bundle(tmp_path))
    lines = (tmp_path / "telemetry.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "telemetry-1.jsonl").write_text("".join(lines[1:]))
    (tmp_path / "telemetry.jsonl").write_text(lines[0])
    (tmp_path / "events-case.json").write_text(json.dumps({"events": [], "devices": LISTS["devices"]}))
    (tmp_path / "report.json").write_text("{}")
    assert triage.diagnose(read_bundle(tmp_path)) == expected
    (tmp_path / "grid" / "date=2026-05-10").mkdir(parents=True)
    (tmp_path / "grid" / "date=2026-05-10" / "0.csv").write_text("timestamp\n")
    (tmp_path / "meters.csv").write_text("a,b\n")
    told = [warning.problem for warning in triage.diagnose(read_bundle(tmp_path)).warnings]
    assert len(told) == 2
    assert "meters.csv: is not named after a record list" in told[0]
    assert f"{tmp_path / 'grid'}: files of a folder within a folder are not read; charger-triage fleet" in told[1]


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("telemetry.jsonl", lambda path: path.symlink_to("nowhere"), "leads to nowhere, which is not there"),
        ("grid.csv.gz", os.mkfifo, "is no file, and is not read"),
        ("grid.jsonl", Path.mkdir, "files of a folder within a folder are not read"),
        ("check_results.csv", Path.touch, "is empty"),
        ("check_results.jsonl", Path.touch, "is empty"),
        ("configurations.csv", lambda path: path.write_bytes(b"\0\1\2"), "no column of its first line is one of configurations"),
    ],
)  # fmt: skip
def test_no_list_of_a_folder_vanishes_without_a_word(
    triage: Triage, tmp_path: Path, name: str, make: Callable[[Path], Any], said: str
) -> None:
    """What is named after a record list and holds none is a warning that counts as skipped; the other lists are read."""
    as_folder_of_lines(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    make(tmp_path / name)
    bundle = read_bundle(tmp_path)
    (problem,) = bundle.observations.problems
    assert (problem.list, bundle.skipped) == (name.partition(".")[0], 1)
    assert f"{tmp_path / name}: {said}" in problem.problem
    assert [incident.incident_id for incident in triage.diagnose(bundle).incidents] == ["A/1/F-0421"]


def test_a_broken_line_costs_only_itself(triage: Triage, tmp_path: Path) -> None:
    """A line that is no JSON is a warning with its position; the other lines are read."""
    as_folder_of_lines(tmp_path)
    lines = (tmp_path / "telemetry.jsonl").read_text().split("\n")
    (tmp_path / "telemetry.jsonl").write_text("\n".join([*lines[:3], '{"timestamp": ', *lines[3:]]))
    bundle = read_bundle(tmp_path)
    diagnosis = triage.diagnose(bundle)
    assert [(warning.list, warning.index) for warning in diagnosis.warnings] == [("telemetry", 3)]
    assert bundle.skipped == 1
    assert len(bundle.observations["telemetry"].records) == len(lines)


FAULT = BUNDLE["events"][1]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"events": [FAULT]})[:-1] + ', "events": []}',
        json.dumps({"events": [{**FAULT, "data": {**FAULT["data"], "tags": []}}]})[:-1] + ',"events"\n:\n[]}',
        '{"devices": [{"device_id": "B", "connectors": [1]}], "events": [], "as_of": null, "events": [' + json.dumps(FAULT) + "]}",
        json.dumps({"events": [FAULT]}) + "\n" + json.dumps({"events": [FAULT], "devices": LISTS["devices"]}),
        json.dumps({"devices": LISTS["devices"]}) + "\n" + json.dumps(FAULT),
        json.dumps({"events": [{**FAULT, "deep": None}]}).replace("null", "[" * 600 + "]" * 600),
        json.dumps({"events": [FAULT]})[:-1] + ', "telemetry": [{"a": "[{\\"", "b": ' + '{"x":' * 900 + "1" + "}" * 900 + "}]}",
    ],
    ids=["twice", "twice, spaced", "twice, the second counts", "bundles in lines", "a bundle and a record", "deep", "deep beside texts with brackets"],
)  # fmt: skip
def test_no_part_of_a_document_is_lost(triage: Triage, text: str) -> None:
    """A list that stands twice is read both times, bundles in lines are one, and what nests too deep costs itself alone."""
    diagnosis = triage.diagnose(read_bundle(io.StringIO(text)))
    assert [(i.incident_id, i.occurrences) for i in diagnosis.incidents] == [("A/1/F-0421", 1)]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("\n".join(['{"a": 1}', "", json.dumps(FAULT), "7"]), ["line 1", "line 4"]),
        (json.dumps([FAULT, {"a": 1}, 7]), ["record 1", "record 2"]),
    ],
)
def test_records_of_no_list_are_told_one_by_one(text: str, places: list[str]) -> None:
    """A record whose list cannot be told is named by its line, or its place in the document, and counts as skipped."""
    bundle = read_bundle(io.StringIO(text))
    assert [p.problem.partition(" belongs to no known list")[0] for p in bundle.observations.problems] == [
        f"stream {place}" for place in places
    ]
    assert bundle.skipped == 2


@pytest.mark.parametrize("written", ["NaN", "Infinity", "null"])
def test_what_is_no_value_is_quoted_as_it_was_fed(written: str) -> None:
    """Where a timestamp is needed, the warning shows what stands there instead."""
    text = json.dumps({"events": [{**FAULT, "timestamp": "here"}]}).replace('"here"', written)
    (problem,) = read_bundle(io.StringIO(text)).observations.problems
    assert problem.problem.startswith(f"{written}: input should be a valid datetime")


def test_cells_beyond_the_header_are_told(tmp_path: Path) -> None:
    """A row of CSV with more cells than the header (a decimal comma cuts one in two) is read as it stands, and a warning
    names its place, the cell and how to mend it; blank cells at the end of rows say nothing."""
    rows = ["12:00:00Z,A,charging,87,,", "", "12:01:00Z,A,charging,88,9", "12:02:00Z,A,charging,89"]
    head = "timestamp,device_id,state,temperature\n"
    (tmp_path / "telemetry.csv").write_text(head + "\n".join(row and f"2026-05-10T{row}" for row in rows))
    bundle = read_bundle(tmp_path / "telemetry.csv")
    assert [record.fields["temperature"] for record in bundle.observations["telemetry"].records] == [87.0, 88.0, 89.0]
    (problem,) = bundle.observations.problems
    assert (problem.list, problem.index, problem.field, problem.skipped) == ("telemetry", 1, None, False)
    assert "telemetry.csv: '9' stands beyond the 4 columns of the header" in problem.problem
    assert "decimals with a point" in problem.problem


def test_many_rows_beyond_the_header_are_counted(tmp_path: Path) -> None:
    """The first hundred rows with more cells than the header are told one by one, by their places among all files of the list."""
    for part in "ab":
        (tmp_path / f"grid.{part}.csv").write_text(
            "site_id,timestamp,frequency_hz\n"
            + "".join(f"S,2026-05-10T12:{row // 60:02d}:{row % 60:02d}Z,50,{row}\n" for row in range(150))
        )
    problems = read_bundle(tmp_path).observations.problems
    assert [problem.index for problem in problems] == [*range(100), None, *range(150, 250), None]
    assert ["50 more records" in problem.problem for problem in problems].count(True) == 2


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda b: b.decode("latin-1"))))
def test_no_text_raises_anything_but_our_error(triage: Triage, text: str) -> None:
    """Whatever a stream holds, reading gives a bundle or UnreadableInput."""
    try:
        bundle = read_bundle(io.StringIO(text))
    except UnreadableInput as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(triage.diagnose(bundle), Diagnosis)


BROKEN_OPTIONAL = [
    ("devices", {"device_id": "A"}, {"status": "weird"}),
    ("telemetry", {"timestamp": "2026-05-10T12:00:00Z", "device_id": "A"}, {"voltage": "abc"}),
    ("events", {"timestamp": "2026-05-10T12:00:00Z", "device_id": "A", "event_type": "stop"}, {"connector_id": -7}),
    (
        "connections",
        {"timestamp": "2026-05-10T12:00:00Z", "device_id": "A", "transition": "online"},
        {"close_code": "x"},
    ),
    ("charging_records", {"record_id": "r", "device_id": "A", "start_time": "2026-05-10T12:00:00Z"}, {"energy": []}),
    ("sites", {"site_id": "S"}, {"power_capacity": "much"}),
    ("heartbeats", {"timestamp": "2026-05-10T12:00:00Z", "device_id": "A"}, {"status": "OK"}),
    ("devices", {"device_id": "A"}, {"status": "Fault"}),
]


@pytest.mark.parametrize(("name", "needed", "broken"), BROKEN_OPTIONAL, ids=[name for name, _, _ in BROKEN_OPTIONAL])
def test_a_broken_optional_field_costs_only_itself(
    name: str, needed: dict[str, str], broken: dict[str, object]
) -> None:
    """The record stays with what is sound in it, and the warning names the field; without a needed field it is skipped."""
    observations = observe({name: [{**needed, **broken}]})
    (record,) = observations[name].records
    assert set(needed) <= set(record.fields)
    assert not set(broken) & set(record.fields)
    assert [(p.field, p.skipped) for p in observations.problems] == [(next(iter(broken)), False)]
    for field in needed:
        lacking = observe({name: [{key: value for key, value in needed.items() if key != field}]})
        assert not lacking[name].records
        assert [(p.field, p.skipped) for p in lacking.problems] == [(field, True)]
