"""`--knowledge DIR`: every command that reasons does so by the knowledge of a folder."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from charger_triage.adapters.cli import main
from charger_triage.knowledge.library import shipped_directory

FAULT = {
    "timestamp": "2026-05-10T12:00:00Z", "device_id": "A", "connector_id": 1, "event_type": "fault",
    "data": {"fault_code": "F-0421"},
}  # fmt: skip
CHECK = {"timestamp": "2026-05-10T13:00:00Z", "device_id": "A", "check_id": "close-click", "value": "absent"}
OURS = "Spring of our own contactor broken"
LISTEN = "Listen as we do it"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Knowledge of another folder: a cause, a check and a version are called otherwise than in the shipped one."""
    path = tmp_path / "own"
    shutil.copytree(shipped_directory(), path, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name, before, after in (
        ("faults/F-0421.yaml", "title: Contactor mechanically stuck open", f"title: {OURS}"),
        ("knowledge.yaml", "name: tellus", "name: our-own"),
    ):
        text = (path / name).read_text(encoding="utf-8")
        assert before in text
        (path / name).write_text(text.replace(before, after), encoding="utf-8")
    lines = (path / "checks.yaml").read_text(encoding="utf-8").splitlines()
    place = next(number for number, line in enumerate(lines) if "id: close-click" in line)
    titled = next(number for number in range(place, place + 3) if "title:" in lines[number])
    before, _, _ = lines[titled].partition("title:")
    lines[titled] = f"{before}title: {LISTEN}"
    (path / "checks.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def case(tmp_path: Path) -> str:
    """A charger with one fault, and one check that was made."""
    path = tmp_path / "case.json"
    path.write_text(json.dumps({"devices": [{"device_id": "A"}], "events": [FAULT], "check_results": [CHECK]}))
    return str(path)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["diagnose", "CASE"], OURS),
        (["diagnose", "CASE", "--format", "json"], '"our-own"'),
        (["explain", "F-0421"], OURS),
        (["explain", "F-0421", "F-0101"], OURS),
        (["explain", "our own contactor spring"], "F-0421"),
        (["escalate", "CASE"], LISTEN),
        (["kb", "list"], OURS),
        (["kb", "show", "F-0421/contactor-stuck-open"], OURS),
        (["kb", "export"], '"our-own"'),
    ],
)
def test_commands_reason_by_the_folder(
    command: Sequence[str], said: str, folder: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Titles of the folder's own stand in what each command writes, and in nothing that it writes without the option."""
    arguments = [case if part == "CASE" else part for part in command]
    assert main([*arguments, "--knowledge", str(folder)]) == 0
    assert said in capsys.readouterr().out
    if said != "F-0421":
        assert main(arguments) == 0
        assert said not in capsys.readouterr().out


def test_a_consultation_goes_on_by_the_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own checks are asked for, and the command to go on names the folder."""
    path = tmp_path / "unchecked.json"
    path.write_text(json.dumps({"events": [FAULT]}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"b\n"), encoding="utf-8"))
    assert main(["consult", str(path), "--knowledge", str(folder), "--on-site"]) == 0
    out = capsys.readouterr().out
    assert OURS in out
    assert f"--knowledge {folder}" in out


def test_a_fleet_is_diagnosed_by_the_folder(
    folder: Path, case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In worker processes too; a run that began by it does not go on by the shipped knowledge."""
    data, output = tmp_path / "data", tmp_path / "results"
    data.mkdir()
    for name, records in json.loads(Path(case).read_text()).items():
        (data / f"{name}.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))
    command = ["fleet", str(data), "--output", str(output), "--workers", "1"]
    assert main([*command, "--knowledge", str(folder)]) == 0
    assert "our-own" in capsys.readouterr().out
    assert OURS in pl.read_parquet(output / "hypotheses.parquet")["cause"].to_list()
    assert main(command) == 2
    assert "began otherwise" in capsys.readouterr().err


def test_what_is_wrong_with_the_folder_is_a_line(
    folder: Path, case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is not there, and a mistake in the file of a code, which a fleet tells before it begins."""
    assert main(["diagnose", case, "--knowledge", str(tmp_path / "nowhere")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    entry = folder / "faults" / "F-0421.yaml"
    entry.write_text(entry.read_text(encoding="utf-8").replace(": strongly", ": surely", 1))
    for command in (["diagnose", case], ["fleet", case, "--output", str(tmp_path / "results")]):
        assert main([*command, "--knowledge", str(folder)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "the knowledge cannot be loaded" in line
        assert f"charger-triage kb lint {folder} lists all" in line
