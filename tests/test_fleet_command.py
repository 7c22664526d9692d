"""`charger-triage fleet` on the command line: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from charger_triage.adapters.cli import main
from charger_triage.adapters.cli.fleet_progress import Lines, amount, duration

COMMAND = [sys.executable, "-c", "import sys; from charger_triage.adapters.cli import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def finished(data_set: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run that was carried out, and what it printed."""
    output = tmp_path_factory.mktemp("results") / "run"
    command = [*COMMAND, "fleet", str(data_set), "--output", str(output), "--workers", "1"]
    return output, subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_the_summary_says_what_to_do_about_the_fleet(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """Standard output tells codes with causes, the release to roll out, visits, errands and early warnings."""
    _, done = finished
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    for said in (
        "Records read: sites ",
        "incidents on 36 of 64 chargers",
        "13 × F-0301 Heartbeat lost, 3 sites",
        "3.0.3 to 11 chargers with F-0421 (TP-AC22 and TP-DC180), now on 3.0.0 to 3.0.2",
        "DC180-21/2 F-0203: Clean the pins",
        "CPMS team: Push the assigned profile again",
        "report the code to",
        "2 incidents of F-0601: Listen to the fan would tell",
        "2026-05-20 DC180-51/1: isolation resistance falling, leads to F-0101",
        "Depot 1: 2 of 6 (2 × F-0421)",
    ):
        assert said in text, said
    assert done.stderr.splitlines()[0].startswith("charger-triage: reading records: ")


def test_the_page_needs_nothing_from_anywhere(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The HTML page holds the sections, runs no script and names no address that a browser would fetch."""
    output, _ = finished
    page = (output / "summary.html").read_text()
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page) == []
    assert "default-src 'none'" in page
    for section in ("codes", "roll-out", "visits", "errands", "undecided", "ahead", "sites", "models", "firmware"):
        assert f'<h2 id="{section}">' in page


def test_the_counts_of_incidents_add_up(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Those of the codes come to the headline's, those of a code's causes to the code's, the most first."""
    summary = json.loads((finished[0] / "summary.json").read_text())
    codes = summary["codes"]
    assert sum(code["incidents"] for code in codes) == summary["incidents"]
    assert [code["incidents"] for code in codes] == sorted((code["incidents"] for code in codes), reverse=True)
    for code in codes:
        told = sum(cause["incidents"] for cause in code["causes"]) + code["open"]
        assert told == (code["incidents"] if code["documented"] else 0), code["fault_code"]
    told_apart = {line["fault_code"]: 0 for line in summary["undecided"]}
    for line in summary["undecided"]:
        told_apart[line["fault_code"]] += line["incidents"]
    assert told_apart == {code["fault_code"]: code["open"] for code in codes if code["open"]}


@pytest.fixture(scope="module")
def two_connectors(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The results of a fleet with each code twice on one charger and once on another, and what was printed."""
    folder = tmp_path_factory.mktemp("two-connectors")
    faults = [
        {
            "timestamp": "2026-05-01T00:00:00Z",
            "device_id": device,
            "connector_id": connector,
            "event_type": "fault",
            "data": {"fault_code": code},
        }
        for device, connector in (("A", 1), ("A", 2), ("B", 1))
        for code in ("F-0702", "E-9999")
    ]
    (folder / "data").mkdir()
    (folder / "data" / "events.json").write_text(json.dumps(faults))
    (folder / "data" / "devices.json").write_text('[{"device_id": "A", "site_id": "S"}, {"device_id": "B"}]')
    command = [*COMMAND, "fleet", "data", "--output", "out", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, cwd=folder)
    return folder / "out", done.stdout


def test_incidents_are_counted_and_chargers_where_they_differ(two_connectors: tuple[Path, str]) -> None:
    """Text, page and JSON count incidents everywhere, and say on how many chargers where those are fewer."""
    output, printed = two_connectors
    text = " ".join(printed.split())
    for said in (
        "6 incidents on 2 of 2 chargers",
        "3 × F-0702 EV battery management refused discharge, on 2 chargers",
        "(E-9999, 3 incidents on 2 chargers) A, B ",
        "3 incidents of F-0702 on 2 chargers: ",
        "S: 1 of 1, 4 incidents (2 × E-9999, 2 × F-0702)",
        "no site known: 1 of 1, 2 incidents (1 × E-9999, 1 × F-0702)",
    ):
        assert said in text, said
    summary = json.loads((output / "summary.json").read_text())
    for lines in ("codes", "errands", "undecided"):
        assert {(line["incidents"], line["chargers"]) for line in summary[lines]} == {(3, 2)}, lines
    page = " ".join((output / "summary.html").read_text().split())
    numbers = '<td class="number">3</td> <td class="number">2</td>'
    assert page.count(numbers) == len(summary["codes"]) + len(summary["errands"]) + len(summary["undecided"])
    assert page.count('<th scope="col" class="number">Incidents</th><th scope="col" class="number">Chargers</th>') == 3


def test_causes_stand_below_their_counts_in_columns(
    finished: tuple[Path, subprocess.CompletedProcess[str]], two_connectors: tuple[Path, str]
) -> None:
    """Counts of causes and of what is not told apart end in one column, and lines that are wrapped go on under the words."""
    wrapped: list[str] = []
    for text in (finished[1].stdout, two_connectors[1]):
        section = text.split("What fails, and why, in incidents\n")[1].split("\n\n")[0].splitlines()
        assert any("not told apart by the records" in line for line in section)
        ends = {match.end(1) for line in section if (match := re.match(r"( {4,}\d+ )(?!×)", line))}
        assert len(ends) == 1
        goes_on = [line for line in section if not re.match(r" *\d+ ", line)]
        assert {len(line) - len(line.lstrip()) for line in goes_on} <= ends
        wrapped += goes_on
    assert wrapped


def test_a_done_run_is_told_again(
    data_set: Path, finished: tuple[Path, subprocess.CompletedProcess[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command over the same data prints the same summary at once; --quiet prints nothing."""
    output, done = finished
    changed = (output / "summary.json").stat().st_mtime_ns
    arguments = ["fleet", str(data_set), "--output", str(output), "--workers", "1"]
    assert main(arguments) == 0
    assert capsys.readouterr().out == done.stdout
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert (output / "summary.json").stat().st_mtime_ns == changed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere: there is no such file or folder; check the path"),
        (["{data}", "--as-of", "soon"], "--as-of 'soon' is no time"),
        (["{data}", "--workers", "0"], "greater than or equal to 1"),
        (["{data}", "-o", "{data}/events.parquet"], "events.parquet: is a file; --output names a folder"),
        (["{data}", "-o", "{data}/events.parquet/out"], "events.parquet: is a file; --output names a folder"),
        (["{data}", "-o", "{data}"], ": is the data itself; name another folder for the results"),
        (["{data}", "-o", "{data}/.", "--restart"], ": is the data itself; name another folder for the results"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    data_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """A slip in the usage or the input ends with status 2 and a line that says how to mend it."""
    given = [argument.replace("{data}", str(data_set)) for argument in arguments]
    assert main(["fleet", "--output", str(tmp_path / "out"), *given]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"events.csv": "", "events-1.parquet": "PAR1", "events-2.json": "{", "events-3.json": "{"},
            "data/events-1.parquet, data/events-2.json, data/events-3.json and 1 more; data/events-1.parquet: cannot be read",
        ),
        ({"events.jsonl": "\n"}, "data/events.jsonl; give files that hold some"),
    ],
    ids=["damaged", "empty"],
)
def test_where_no_record_is_read_it_says_which_files_were_tried(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, str],
    said: str,
) -> None:
    """No record is no result: status 2, and once the files are mended the same command reads them."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for name, content in files.items():
        (Path("data") / name).write_text(content)
    command = ["fleet", "data", "-o", "out", "--workers", "1", "--quiet"]
    assert main(command) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"no record was read of {said}" in line
    assert list(Path("out").iterdir()) == []
    fault = {"timestamp": "2026-05-01T00:00:00Z", "device_id": "A", "event_type": "fault"}
    (Path("data") / "events.jsonl").write_text(json.dumps({**fault, "data": {"fault_code": "F-0421"}}))
    assert main(command[:-1]) == 0
    assert capsys.readouterr().out.startswith("1 incident on 1 charger, as of 2026-05-01 00:00:00Z\n")


def test_without_a_time_or_a_charger_the_headline_leaves_them_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list of sites alone has neither."""
    (tmp_path / "sites.jsonl").write_text('{"site_id": "S"}')
    assert main(["fleet", str(tmp_path), "-o", str(tmp_path / "out"), "--workers", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "No incidents"
    assert "<title>Fleet</title>" in (tmp_path / "out" / "summary.html").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "terminated"])
def test_a_run_that_is_interrupted_ends_calmly_and_goes_on(
    data_set: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Interrupted, it says in one line that the same command goes on, and so it does."""
    output = tmp_path / "run"
    command = [*COMMAND, "fleet", str(data_set), "--output", str(output), "--workers", "2", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (output / "work" / "gathered").is_dir() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, ""), err
    (line,) = err.strip().splitlines()
    assert "the same command goes on" in line
    again = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert again.returncode == 0, again.stderr
    assert json.loads((output / "manifest.json").read_text())["state"] == "done"


def test_plain_lines_say_rate_and_time_left() -> None:
    """Without a terminal each stage is a line, and every ten seconds another one tells how far it is."""
    said: list[str] = []
    now = [0.0]
    lines = Lines(said.append, clock=lambda: now[0])
    lines.stage("diagnosing", 1000, "charger")
    for _ in range(4):
        now[0] += 5
        lines.advance(100)
    assert said == [
        "diagnosing: 1,000 chargers",
        "diagnosing: 200 chargers of 1,000 chargers, 20 chargers a second, 0:40 left",
        "diagnosing: 400 chargers of 1,000 chargers, 20 chargers a second, 0:30 left",
    ]


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [(1, "piece", "1 piece"), (999, "byte", "999 bytes"), (1500, "byte", "1.5 kB"), (81_000_000, "byte", "81 MB"), (5 * 10**12, "byte", "5,000 GB")],
)  # fmt: skip
def test_amounts_are_written_in_their_unit(number: int, noun: str, words: str) -> None:
    """Things are counted, bytes are given in the unit that suits them."""
    assert amount(number, noun) == words


def test_durations_read_like_a_clock() -> None:
    """Minutes and seconds, and hours where there are any."""
    assert [duration(seconds) for seconds in (0, 61, 3_725)] == ["0:00", "1:01", "1:02:05"]
