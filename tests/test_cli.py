"""The command line as users and scripts meet it: what it prints where, and its exit status."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from charger_triage.adapters.cli import main
from charger_triage.adapters.files import read_bundle
from charger_triage.adapters.report.wording import arithmetic, decibans
from charger_triage.engine import Triage
from charger_triage.knowledge import TriageKnowledge
from charger_triage.knowledge.library import shipped_directory

COMMAND = [sys.executable, "-c", "from charger_triage.adapters.cli import main; raise SystemExit(main())"]


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch, knowledge: TriageKnowledge) -> None:
    """Commands that run in this process take the shipped knowledge as the session has loaded it, to save seconds."""
    monkeypatch.setattr("charger_triage.engine.triage.shipped_knowledge", lambda: knowledge)


def case(device: str = "A", code: Any = "F-0421", firmware: str = "3.0.1", **lists: Any) -> dict[str, Any]:
    """A bundle with one fault."""
    fault = {
        "timestamp": "2026-05-10T12:00:00Z",
        "device_id": device,
        "connector_id": 1,
        "event_type": "fault",
        "data": {"fault_code": code},
    }
    return {"devices": [{"device_id": device, "firmware_version": firmware}], "events": [fault], **lists}


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """A file with one F-0421 on firmware 3.0.1."""
    return written(tmp_path, case())


def written(folder: Path, content: Any) -> str:
    """The path of a JSON file with this content."""
    path = folder / "case.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def run(arguments: Sequence[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command line in a process of its own."""
    return subprocess.run([*COMMAND, *arguments], capture_output=True, check=False, timeout=120, **options)


def test_a_case_gives_its_incident_and_leading_cause(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A person gets the code, the charger and the affected firmware, with nothing on standard error."""
    assert main(["diagnose", bundle]) == 0
    out, err = capsys.readouterr()
    assert "F-0421" in out
    assert "A, connector 1" in out
    assert "3.0.1" in out
    assert err == ""


def test_json_is_the_library_s(bundle: str, capsys: pytest.CaptureFixture[str], triage: Triage) -> None:
    """`--format json` prints the very JSON that the library gives."""
    assert main(["diagnose", bundle, "--format", "json"]) == 0
    assert capsys.readouterr().out == triage.diagnose(read_bundle(bundle)).model_dump_json(indent=2) + "\n"


def test_markdown_goes_to_a_file(bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--output` takes the report, and standard output stays empty."""
    ticket = tmp_path / "ticket.md"
    assert main(["diagnose", bundle, "--format", "markdown", "--output", str(ticket)]) == 0
    assert capsys.readouterr().out == ""
    assert ticket.read_text(encoding="utf-8").startswith("# Diagnosis\n")


def test_standard_input_and_several_paths_are_one_bundle(tmp_path: Path) -> None:
    """The fault comes through `-`, the firmware from a file; the diagnosis knows both."""
    events = json.dumps({"events": case()["events"]}).encode()
    devices = written(tmp_path, {"devices": case()["devices"]})
    done = run(["diagnose", "-", devices, "--format", "json"], input=events)
    assert done.returncode == 0
    assert b'"3.0.1"' in done.stdout
    assert b'"F-0421"' in done.stdout


def test_options_restrict_what_is_diagnosed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--device and --code (in any spelling) choose incidents; --as-of leaves out what came later."""
    both = case()
    both["events"] += case("B", "E77")["events"]
    path = written(tmp_path, both)

    def codes(*options: str) -> list[str]:
        assert main(["diagnose", path, "--format", "json", *options]) == 0
        return [incident["fault_code"] for incident in json.loads(capsys.readouterr().out)["incidents"]]

    assert codes() == ["F-0421", "E77"]
    assert codes("--device", "B") == ["E77"]
    assert codes("--code", "f0421") == ["F-0421"]
    assert codes("--as-of", "2026-05-10T11:00:00Z") == []


def test_a_page_leaves_out_what_came_after_its_moment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--as-of holds for the records that an HTML report draws and counts, not for its diagnosis alone."""
    records = case()
    data = {"fault_code": "F-0421", "fault_message": "told later"}
    records["events"].append({**records["events"][0], "timestamp": "2026-05-10T13:00:00Z", "data": data})
    path = written(tmp_path, records)
    for moment, shown in (("2026-05-10T12:30:00Z", False), ("2026-05-10T13:00:00Z", True)):
        assert main(["diagnose", path, "--format", "html", "--as-of", moment]) == 0
        assert ("told later" in capsys.readouterr().out) is shown


def test_why_and_why_not_are_the_library_s(bundle: str, capsys: pytest.CaptureFixture[str], triage: Triage) -> None:
    """`--why` gives the hypothesis and `--why-not` the comparison, as JSON the very models, as text the same numbers."""
    diagnosis = triage.diagnose(read_bundle(bundle))
    (incident,) = diagnosis.incidents
    last = incident.hypotheses[-1]
    why_not = diagnosis.why_not(last.cause_id, above=incident.hypotheses[1].cause_id)
    above = ["--above", incident.hypotheses[1].cause_id]
    assert main(["diagnose", bundle, "--why", last.cause_id, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [json.loads(last.model_dump_json())]
    assert main(["diagnose", bundle, "--why-not", last.cause_id, *above, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [json.loads(why_not.model_dump_json())]
    for style in ("text", "markdown"):
        assert main(["diagnose", bundle, "--why-not", last.cause_id, *above, "--format", style]) == 0
        assert f"{decibans(why_not.gap_db, sign=False)} dB" in capsys.readouterr().out
        assert main(["diagnose", bundle, "--why", last.cause_id, "--format", style]) == 0
        assert arithmetic(last) in capsys.readouterr().out


def test_what_is_read_is_not_written_by_another_name(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hard link of the input is the input, which no report replaces."""
    (tmp_path / "other.json").hardlink_to(bundle)
    assert main(["diagnose", bundle, "--output", str(tmp_path / "other.json")]) == 2
    assert "is what is read" in capsys.readouterr().err


def test_what_if_is_told_by_suppose(bundle: str, capsys: pytest.CaptureFixture[str], triage: Triage) -> None:
    """`--suppose` ranks as if a check had been done: the first set of checks that would change the leader does."""
    diagnosis = triage.diagnose(read_bundle(bundle))
    change = next(c for c in diagnosis.would_change() if all(item.check_id for item in c.changes))
    options = [part for item in change.changes for part in ("--suppose", f"{item.check_id}={item.value}")]
    assert main(["diagnose", bundle, "--format", "json", *options]) == 0
    told = json.loads(capsys.readouterr().out)
    leader = told["incidents"][0]["hypotheses"][0]
    assert (leader["cause_id"], leader["probability"]) == (change.leader, change.probability)
    assert [item["check_id"] for item in told["supposed"]] == sorted(item.check_id or "" for item in change.changes)


@pytest.mark.parametrize("report_format", ["text", "markdown", "html"])
def test_a_report_says_what_was_supposed(bundle: str, report_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    """At its head, and in the warnings what no incident asks for; a number may be in another unit of its kind."""
    supposed = ["--suppose", "coil-voltage=80 percent", "--suppose", "vehicle-soc=10"]
    assert main(["diagnose", bundle, "--format", report_format, *supposed]) == 0
    out, _ = capsys.readouterr()
    said = " ".join(out.replace("\\", "").split())
    assert "What if, and no record says so: coil-voltage is 80%; vehicle-soc is 10%." in said
    assert "vehicle-soc is 10%: no incident here asks for it" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "command"),
        (["frobnicate"], "frobnicate"),
        (["diagnose"], "PATH"),
        (["diagnose", "nowhere.json"], "nowhere.json: there is no such file"),
        (["diagnose", "CASE", "--format", "pdf"], "'pdf' is not one of"),
        (["diagnose", "CASE", "--why", "frob"], "'frob' is no cause of these incidents; there are: F-0421/"),
        (["diagnose", "CASE", "--why-not", "aux-contact-dirt"], "did you mean F-0421/aux-contact-dirty?"),
        (["diagnose", "CASE", "--suppose", "close-click"], "write NAME=VALUE"),
        (["diagnose", "CASE", "--suppose", "close-click=loud"], "write one of present, absent"),
        (["diagnose", "CASE", "--suppose", "close-clack=present"], "did you mean close-click?"),
        (["diagnose", "CASE", "--suppose", "coil-voltage=low"], "“low” is no single number"),
        (["diagnose", "CASE", "--suppose", "coil-voltage=1e2"], "“1e2”: a number in % is expected\n"),
        (["diagnose", "CASE", "--suppose", "coil-voltage=1,000"], "can be read in two ways"),
        (["diagnose", "CASE", "--suppose", "fan_dropouts=999999999999999"], "cannot be: it would have to lie between"),
        (["diagnose", "CASE", "--suppose", "close-click=absent", "--suppose", "close-click=present"], "supposed twice"),
        (["diagnose", "CASE", "--output", "nowhere/report.txt"], "nowhere/report.txt: cannot be written"),
        (["diagnose", "CASE", "--output", "CASE"], "is what is read, and records are left as they are"),
        (["escalate", "CASE", "--output", "CASE"], "is what is read, and records are left as they are"),
        (["diagnose", "/dev/zero"], "/dev/zero: is a device, which may never end"),
        (["consult", "CASE", "--output", "/dev/full"], "/dev/full: is no regular file"),
        (["diagnose", "CASE", "--above", "contactor-stuck-open"], "--above goes with --why-not"),
        (["diagnose", "CASE", "--why", "aux-contact-dirty", "--why-not", "aux-contact-dirty"], "ask one at a time"),
        (["diagnose", "CASE", "--why", "aux-contact-dirty", "--format", "html"], "--format text, markdown or json"),
        (["diagnose", "CASE", "--device", "AA"], "--device 'AA' is not in the records; there are: A"),
        (["diagnose", "CASE", "--code", "F-9999"], "the records hold F-0421"),
        (["diagnose", "CASE", "--code", ""], "stands for no fault"),
        (["diagnose", "CASE", "--as-of", "yesterday"], "--as-of 'yesterday' is no time"),
        (["diagnose", "CASE", "--as-of", "0001-01-01T00:00:00+14:00"], "is no time"),
        (["diagnose", "CASE", "--frob"], "--frob"),
        (["explain", "F-9999"], "'F-9999' is not documented; documented are F-"),
        (["kb", "show", "F-0421/frob"], "F-0421 has F-0421/"),
        (["kb", "show", "frob"], "kb list"),
        (["kb", "lint", "nowhere"], "nowhere: there is no such folder"),
        (["kb", "test", "--code", "F-9999"], "F-9999"),
        (["diagnose", "CASE\nname\x1b[2J"], "\\x1b[2J: there is no such file"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    bundle: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, one line on standard error that names the culprit, nothing on standard output, no traceback."""
    assert main([bundle if argument == "CASE" else argument for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert err[:-1].isprintable()
    assert said in err


def test_skipped_records_fail_only_when_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that cannot be used is a warning in the report and one line; with --strict it also gives status 1."""
    path = written(tmp_path, case(telemetry=[{"device_id": "A", "timestamp": "soon"}]))
    assert main(["diagnose", path]) == 0
    out, err = capsys.readouterr()
    assert "telemetry[0].timestamp" in out
    assert "1 problem in the data" in err
    assert err.count("\n") == 1
    assert main(["diagnose", path, "--strict"]) == 1


def test_strict_does_not_mind_clean_records(bundle: str) -> None:
    """--strict alone changes nothing."""
    assert main(["diagnose", bundle, "--strict"]) == 0


def test_logs_are_quiet_json_and_gone_afterwards(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    """-v with --log-format json writes a JSON object a line, wherever it stands; logging is then as it was."""
    logger = logging.getLogger("charger_triage")
    before = (list(logger.handlers), logger.level, list(logging.getLogger().handlers))
    assert main(["diagnose", bundle, "-v", "--log-format", "json"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "diagnosed" in {json.loads(line)["event"] for line in lines}
    assert (list(logger.handlers), logger.level, list(logging.getLogger().handlers)) == before
    assert main(["--log-format", "json", "diagnose", "nowhere.json"]) == 2
    assert "nowhere.json" in json.loads(capsys.readouterr().err)["event"]


def test_a_mistake_of_ours_is_one_line_too(
    bundle: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unexpected exception shows its traceback under -v and nowhere else."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(Triage, "diagnose", fail)
    assert main(["diagnose", bundle]) == 2
    err = capsys.readouterr().err
    assert "ZeroDivisionError: by design" in err
    assert err.count("\n") == 1
    assert main(["-v", "diagnose", bundle]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("report_format", ["text", "markdown"])
def test_control_characters_in_data_stay_there(
    tmp_path: Path, report_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A device id that would clear the screen is written out."""
    path = written(tmp_path, case("A\x1b[2J\x9b1m\u202e", "E\x07"))
    assert main(["diagnose", path, "--format", report_format]) == 0
    out = capsys.readouterr().out
    assert "x1b[2J" in out
    assert not set(out) & set("\x1b\x9b\u202e\x07")


def test_explain_takes_any_spelling(capsys: pytest.CaptureFixture[str]) -> None:
    """The same entry comes for the code in the dictionary's spelling and as a number, and as JSON."""
    reports = set()
    for spelling in ("F-0421", "421"):
        assert main(["explain", spelling]) == 0
        reports.add(capsys.readouterr().out)
    assert len(reports) == 1
    assert main(["explain", "421", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["fault_code"] == "F-0421"


def test_kb_shows_lists_and_exports(capsys: pytest.CaptureFixture[str]) -> None:
    """The causes that are listed can be shown, and the export validates against its schema."""
    assert main(["kb", "list"]) == 0
    causes = re.findall(r"^  (F-\d{4}/\S+)", capsys.readouterr().out, re.MULTILINE)
    for cause in ("F-0421/aux-contact-dirty", causes[0], causes[-1]):
        assert main(["kb", "show", cause]) == 0
        assert capsys.readouterr().out.startswith(f"{cause}\n")
    assert main(["kb", "export"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document["knowledge"], document["schema"])


KNOWLEDGE = {
    "knowledge.yaml": '{name: small, version: "1", source_revision: "1"}\n',
    "checks.yaml": "checks: []\n",
    "faults/F-0421.yaml": """\
code: F-0421
title: Contactor
severity: error
category: Hardware
scope: connector
meaning: It did not close.
symptoms: []
telemetry: []
causes:
  - {id: fan, title: Fan, explanation: It stands, prior_source: dictionary F-0421}
rules:
  - id: slow
    when: [{fact: fan_speed, below: 900}]
    supports: {fan: weakly}
    statement: The fan is slow.
    source: dictionary F-0601
actions: [{title: Mend it, for: [fan], where: onsite, minutes: 5}]
---
rules:
  slow:
    fires: [{fan_speed: 899}]
    near_miss: [{fan_speed: 900}]
    unknown: [{}]
causes:
  fan: [{name: slow, facts: {fan_speed: 100}}]
""",
}


def knowledge_folder(folder: Path, old: str = "", new: str = "") -> str:
    """A knowledge base of one rule, with a text of its fault's file replaced."""
    (folder / "faults").mkdir(exist_ok=True)
    for name, content in KNOWLEDGE.items():
        (folder / name).write_text(content.replace(old, new) if old else content, encoding="utf-8")
    return str(folder)


def test_kb_lint_and_test_pass_good_knowledge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0 and one line each where nothing is wrong."""
    folder = knowledge_folder(tmp_path)
    assert main(["kb", "lint", folder]) == 0
    assert main(["kb", "test", folder, "--code", "421"]) == 0
    assert capsys.readouterr().out == f"no findings in {folder}\n4 cases in {folder}, all pass\n"


def test_kb_lint_and_test_name_the_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, and file, line and column of what is wrong."""
    folder = knowledge_folder(tmp_path, "below: 900", "below: 800")
    assert main(["kb", "test", folder]) == 1
    assert (
        capsys.readouterr().out
        == f"F-0421.yaml:21:13: F-0421 slow [fires]: it is not met, expected met\n4 cases in {folder}, 1 failed\n"
    )
    folder = knowledge_folder(tmp_path, "source: dictionary F-0601", "source: hearsay")
    assert main(["kb", "lint", folder]) == 1
    finding, count = capsys.readouterr().out.splitlines()
    assert finding.startswith(
        "F-0421.yaml:16:13: error: unsourced [slow]: 'hearsay' does not say where it comes from; "
    )
    assert count == f"1 finding in {folder}"


def test_a_folder_without_knowledge_is_unusable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A checkout is not its knowledge: status 2 as for a folder that is not there, with the folder that was meant."""
    inner = tmp_path / "knowledge"
    inner.mkdir()
    for command in ("lint", "test"):
        assert main(["kb", command, str(tmp_path)]) == 2
        assert "the folder holds no knowledge; name one" in capsys.readouterr().err
    knowledge_folder(inner)
    assert main(["kb", "lint", str(tmp_path)]) == 2
    assert f"did you mean {inner}?" in capsys.readouterr().err


def test_kb_lint_names_the_installed_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever edits a checkout beside an installed copy sees which of them was read."""
    assert main(["kb", "lint"]) == 0
    assert capsys.readouterr().out == f"no findings in {shipped_directory()}\n"


def test_kb_test_of_broken_knowledge_is_unusable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Knowledge that does not load gives one line that names the first mistake; lint lists them."""
    folder = knowledge_folder(tmp_path, "fact: fan_speed", "fact: fan_sped")
    assert main(["kb", "test", folder]) == 2
    err = capsys.readouterr().err
    assert "F-0421.yaml:13:12" in err
    assert err.count("\n") == 1
    assert main(["kb", "lint", folder]) == 1


def test_help_and_version_say_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """--help names every command, --version the program."""
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(command in listed for command in ("diagnose", "explain", "kb"))
    assert main(["--version"]) == 0
    assert re.fullmatch(r"charger-triage \S+\n", capsys.readouterr().out)


def test_a_reader_that_stops_is_no_error() -> None:
    """`charger-triage kb export | head -c 1` ends quietly."""
    with subprocess.Popen([*COMMAND, "kb", "export"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_ends_quietly() -> None:
    """An interrupt while reading gives status 130 and not a word."""
    with subprocess.Popen([*COMMAND, "-v", "diagnose", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b" " * 1_000_000)  # more than a pipe holds: it is through when the program reads
        time.sleep(0.5)  # until it waits for more
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_in_one_line() -> None:
    """Standard output that takes nothing is an error with a reason."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, "kb", "list"], stdout=full, stderr=subprocess.PIPE, check=False, timeout=120)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1


def test_an_output_without_unicode_still_takes_the_report(bundle: str) -> None:
    """An ASCII terminal gets plain signs, and JSON with the same meaning."""
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    text = run(["diagnose", bundle], env=ascii_only)
    assert text.returncode == 0
    assert b"###" in text.stdout
    as_json = [run(["explain", "421", "--format", "json"], env=env).stdout for env in (ascii_only, dict(os.environ))]
    assert as_json[0].isascii()
    assert json.loads(as_json[0]) == json.loads(as_json[1])


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("1", False)])
def test_colour_needs_a_terminal_that_wants_it(bundle: str, no_color: str | None, coloured: bool) -> None:
    """On a terminal the report is in colour, with NO_COLOR it is not."""
    import pty

    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    if no_color is not None:
        environment["NO_COLOR"] = no_color
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, "diagnose", bundle], stdout=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:
                break
            if not chunk:
                break
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    assert b"F-0421" in shown
    assert (b"\x1b[" in shown) is coloured
