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
    ],
)
def test_what_cannot_be_used_is_one_line(
    data_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """A slip in the usage or the input ends with status 2 and a line that says how to mend it."""
    given = [argument.replace("{data}", str(data_set)) for argument in arguments]
    assert main(["fleet", *given, "--output", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line


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
