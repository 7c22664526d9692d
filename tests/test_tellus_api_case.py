"""Cases made of what the vendor's API gives, and the command that writes them."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx2", reason="the extra charger-triage[api] is not installed")

from charger_triage.adapters.cli import main
from charger_triage.adapters.files import read_bundle
from charger_triage.adapters.tellus_api import (
    Case,
    InvalidToken,
    NothingToRead,
    TellusClient,
    TellusError,
    UnexpectedAnswer,
    Unreachable,
    collect,
    write_case,
)
from charger_triage.engine import Triage
from charger_triage.knowledge.observations import observe

from .support.tellus_server import SECRET, Reply, TellusServer, refused
from .support.virtual_time import run

EVENT = {
    "timestamp": "2026-05-10T11:58:00Z", "device_id": "TP-001", "connector_id": 1, "event_type": "fault",
    "data": {"fault_code": "F-0421"},
}  # fmt: skip


def device(name: str, site: str = "S-1", beat: str = "2026-05-10T11:59:45Z", **more: Any) -> dict[str, Any]:
    """A charger that was heard of fifteen seconds before the platform answers."""
    connector = {"connector_id": 1, "status": "idle", "temperature": 31, "last_telemetry_time": "2026-05-10T11:59:40Z"}
    given = {"device_id": name, "site_id": site, "model": "TP-DC180", "firmware_version": "3.0.1", "status": "online"}
    return {**given, "last_heartbeat": beat, "connectors": [connector], **more}


def session(name: str, number: int = 1) -> dict[str, Any]:
    """A session of a charger."""
    start = f"2026-05-0{number}T08:00:00Z"
    return {"record_id": f"{name}-{number}", "device_id": name, "connector_id": 1, "start_time": start, "energy": 12}


def platform(**devices: dict[str, Any]) -> TellusServer:
    """Two sites; three chargers at the first, which have sessions, and one at the other."""
    known = {name: device(name) for name in ("TP-001", "TP-002", "TP-003")} | {"TP-900": device("TP-900", "S-9")}
    sites: list[dict[str, Any]] = [
        {"site_id": "S-1", "name": "North", "new": True},
        {"site_id": "S-9", "name": "South"},
    ]
    records = [session(name, number) for name in known for number in (1, 2)]
    return TellusServer(sites=sites, devices={**known, **devices}, charging_records=records)


def collected(server: TellusServer, *arguments: Any, **options: Any) -> Case:
    """A case collected from a server, in virtual time."""

    async def both() -> Case:
        async with server, TellusClient(server.settings()) as client:
            return await collect(client, *arguments, **options)

    return run(both())


def names(case: Case, record_list: str, field: str = "device_id") -> list[Any]:
    """One field of every record of a list."""
    return [record[field] for record in case.lists.get(record_list, [])]


def test_a_charger_brings_its_site_sessions_and_connector_readings() -> None:
    """A case of one charger holds it, its site alone, its own sessions, and the connector's state with its own time."""
    case = collected(platform(), ["TP-001"])
    assert names(case, "devices") == ["TP-001"]
    assert case.lists["sites"] == [{"site_id": "S-1", "name": "North", "new": True}]
    assert names(case, "charging_records", "record_id") == ["TP-001-1", "TP-001-2"]
    reading = {"timestamp": "2026-05-10T11:59:40Z", "device_id": "TP-001", "state": "idle", "connector_id": 1}
    assert case.lists["telemetry"] == [{**reading, "temperature": 31}]


def test_a_site_s_chargers_are_found_through_its_sessions() -> None:
    """The API lists no chargers of a site: those with sessions there are taken, with neighbours, and a line says so."""
    case = collected(platform(), site_id="S-1")
    assert sorted(names(case, "devices")) == ["TP-001", "TP-002", "TP-003"]
    assert len(names(case, "charging_records")) == 6
    assert "3 of site S-1 were found through its record and sessions" in case.notes[0]


def test_neighbours_that_the_site_s_record_names_are_read() -> None:
    """Where a platform adds its chargers to the site, a case of one holds the others as peers."""
    server = platform()
    server.sites[0]["devices"] = [{"device_id": "TP-002"}, "TP-777"]
    assert sorted(names(collected(server, ["TP-001"]), "devices")) == ["TP-001", "TP-002"]


def test_what_is_not_there_is_told() -> None:
    """One charger of two that is unknown is a note; all of them, or an unknown site, is an error."""
    case = collected(platform(), ["TP-001", "TP-404"])
    assert names(case, "devices") == ["TP-001"]
    assert "TP-404" in case.notes[0]
    with pytest.raises(NothingToRead, match="TP-404"):
        collected(platform(), ["TP-404"])
    with pytest.raises(NothingToRead, match="2 sites"):
        collected(platform(), site_id="S-2")


def test_one_charger_that_the_platform_cannot_give_costs_only_itself() -> None:
    """A charger and a list of sessions that fail each time are notes; the others make the case, at a site too."""
    choices: list[dict[str, Any]] = [{"device_ids": ["TP-001", "TP-002", "TP-003"]}, {"site_id": "S-1"}]
    for arguments in choices:
        server = platform()
        server.order("/operator/devices/TP-002", *[refused(9001, 500)] * 4)
        if "device_ids" in arguments:
            server.order("/operator/charging-records", Reply({"code": 0, "data": "none"}))
        case = collected(server, **arguments)
        assert sorted(names(case, "devices")) == ["TP-001", "TP-003"]
        assert any("device TP-002" in note and "without it" in note for note in case.notes)
        if "device_ids" in arguments:
            assert set(names(case, "charging_records")) == {"TP-003"}
            assert any("charging records of TP-001" in note for note in case.notes)


@pytest.mark.parametrize(
    ("reply", "kind", "asked"),
    [(Reply([]), UnexpectedAnswer, 3), (refused(2001, 401), InvalidToken, 1), (Reply(claimed=9), Unreachable, 1)],
)
def test_what_would_meet_every_charger_ends_the_reading(reply: Reply, kind: type[TellusError], asked: int) -> None:
    """Three failures in a row are an outage; credentials that are refused and a lost connection end it at once."""
    server = platform()
    for name in ("TP-001", "TP-002", "TP-003", "TP-900"):
        server.order(f"/operator/devices/{name}", reply)
    with pytest.raises(kind):
        collected(server, ["TP-001", "TP-002", "TP-003", "TP-900"])
    assert sum(entry.path.startswith("/operator/devices/") for entry in server.asked) == asked


def test_problems_name_the_place_in_the_case() -> None:
    """A broken field is named by its record's place in the case's file, whatever page or answer it came with."""
    server = platform(**{"TP-002": device("TP-002", certificates={"tls_not_after": "next year"})})
    server.sites[1]["location"] = 7
    items = [7, session("TP-001"), {**session("TP-002"), "energy": "much"}]
    server.order("/operator/charging-records", Reply({"code": 0, "data": {"total": 3, "items": items}}))
    case = collected(server, site_id="S-1")
    assert [(p.list, p.index, p.field) for p in case.problems] == [
        ("devices", names(case, "devices").index("TP-002"), "certificates.tls_not_after"),
        ("charging_records", None, None),
        ("charging_records", names(case, "charging_records").index("TP-002"), "energy"),
    ]
    found = case.observations().problems
    assert [(p.list, p.index, p.field) for p in found] == [
        (p.list, p.index, p.field) for p in case.problems if p.index is not None
    ]


def test_each_answer_is_told_as_it_comes() -> None:
    """Whoever waits for a fleet hears of its site, chargers and sessions one by one."""
    heard: list[str] = []
    collected(platform(), ["TP-001", "TP-900"], heard=lambda answer: heard.append(answer.record_list))
    assert heard == ["sites", "devices", "devices", "charging_records", "charging_records"]


def test_what_the_platform_gave_stands_before_what_a_file_says() -> None:
    """Of a charger, site or session in both, the file fills what the platform left open; other records are added."""
    case = collected(platform(), ["TP-001"])
    case.lists["devices"][0] = {**case.lists["devices"][0], "sn": None}
    beside: dict[str, list[dict[str, Any]]] = {
        "devices": [{"device_id": " TP-001 ", "firmware_version": "1.0.0", "sn": "5", "v2g_capable": True}, {"device_id": "X"}],
        "charging_records": [{**session("TP-001"), "energy": 99, "stop_reason": "Local"}],
        "events": [EVENT, EVENT],
    }  # fmt: skip
    case.take_beside(observe(beside))
    assert names(case, "devices") == ["TP-001", "X"]
    own = case.lists["devices"][0]
    assert (own["firmware_version"], own["sn"], own["v2g_capable"]) == ("3.0.1", "5", True)
    sessions = case.lists["charging_records"]
    assert len(sessions) == 2 and (sessions[0]["energy"], sessions[0]["stop_reason"]) == (12, "Local")
    assert len(case.lists["events"]) == 1


def test_a_connector_s_reading_is_its_charger_s() -> None:
    """Whatever else a connector holds, the reading is of the charger that was asked, at the time and in the state it gives."""
    odd = {"connector_id": 1, "status": "idle", "last_telemetry_time": "2026-05-10T11:59:40Z", "temperature": 31,
           "device_id": "other", "timestamp": "2020-01-01T00:00:00Z", "state": "fault"}  # fmt: skip
    case = collected(platform(**{"TP-001": device("TP-001", connectors=[odd])}), ["TP-001"])
    assert case.lists["telemetry"] == [
        {
            "timestamp": "2026-05-10T11:59:40Z",
            "device_id": "TP-001",
            "connector_id": 1,
            "state": "idle",
            "temperature": 31,
        }
    ]


def test_sessions_are_asked_for_from_sixty_days_before_the_end() -> None:
    """Without --since they begin 60 days before --until, and the calendar's first day is early enough for any."""
    for until, begin in ((datetime(2026, 5, 1), "2026-03-02T00:00:00Z"), (datetime(1, 1, 5), "0001-01-01T00:00:00Z")):
        server = platform()
        collected(server, ["TP-001"], until=until)
        assert server.asked[-1].query["start_time"] == begin


def test_time_spent_on_reading_makes_no_charger_look_lost(triage: Triage) -> None:
    """The case is as of the first charger's answer, though the last is read five minutes later."""
    fleet = {f"TP-{number}": device(f"TP-{number}") for number in range(100, 140)}
    server = TellusServer(devices=fleet, charging_records=[], date_moves=True)
    server.order("/operator/devices/TP-139", refused(5001, 429, retry_after_seconds=110))
    case = collected(server, list(fleet))
    assert triage.diagnose(case.observations()).incidents == []


def test_a_lost_heartbeat_is_seen_without_events(triage: Triage) -> None:
    """A charger last heard of two minutes ago is an F-0301 in a case from the API alone."""
    case = collected(platform(**{"TP-001": device("TP-001", beat="2026-05-10T11:58:00Z")}), ["TP-001", "TP-002"])
    found = triage.diagnose(case.observations()).incidents
    assert [(incident.device_id, incident.fault_code) for incident in found] == [("TP-001", "F-0301")]


def test_a_case_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written reads back as it was; a failure half-way, and a folder that holds something, leave no trace."""
    case = collected(platform(), ["TP-001"])
    write_case(case, tmp_path / "deep" / "case")
    bundle = read_bundle(tmp_path / "deep" / "case")
    assert bundle.observations.problems == []
    assert bundle.observations.as_of == case.as_of
    assert [record.raw for record in bundle.observations["devices"].records] == case.lists["devices"]
    with pytest.raises(FileExistsError):
        write_case(case, tmp_path / "deep" / "case")

    def full(*_: Path) -> Path:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="full"):
        write_case(case, tmp_path / "other")
    assert [entry.name for entry in tmp_path.iterdir()] == ["deep"]


@contextmanager
def running(server: TellusServer) -> Iterator[None]:
    """A server in a thread of its own, for commands that run a loop themselves."""
    started, ended = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with server:
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert started.wait(10)
        yield
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[TellusServer]:
    """The platform above, with credentials in the environment."""
    server = platform(**{"TP-002": device("TP-002", connectors=[{"connector_id": 2, "status": "fault", "last_telemetry_time": "2026-05-10T11:59:40Z"}])})  # fmt: skip
    with running(server):
        monkeypatch.setenv("TELLUS_BASE_URL", server.url)
        monkeypatch.setenv("TELLUS_CLIENT_ID", "client-1")
        monkeypatch.setenv("TELLUS_CLIENT_SECRET", SECRET)
        yield server


@pytest.mark.usefixtures("served")
def test_fetch_writes_a_case_that_diagnose_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With events beside it the incident and its leading cause are told, and so is a connector in fault without a code."""
    events = tmp_path / "pushed.jsonl"
    events.write_text(json.dumps(EVENT) + "\n")
    case = str(tmp_path / "case")
    assert main(["fetch", "--site", "S-1", "--events", str(events), "--output", case]) == 0
    out, err = capsys.readouterr()
    assert "3 chargers" in out and "1 event" in out and "F-0421" in out and "TP-001 connector 1" in out
    assert "TP-002 connector 2 stands in fault" in out
    assert "neither fault events" not in err
    assert main(["diagnose", case, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [incident["fault_code"] for incident in found["incidents"]] == ["F-0421"]
    assert found["as_of"] == "2026-05-10T12:00:00Z"
    assert found["warnings"] == []


def test_fetch_says_what_the_api_does_not_have(
    served: TellusServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without events one line tells that the API lists none and how to give them; problems in the data are counted."""
    served.devices["TP-001"]["certificates"] = {"tls_not_after": "next year"}
    assert main(["fetch", "--device", "TP-001", "--output", str(tmp_path / "case")]) == 0
    out, err = capsys.readouterr()
    assert "No incident shows" in out
    assert err.count("\n") == 2
    assert "--events FILE" in err
    assert "1 problem in what the platform gave, such as devices 0 certificates.tls_not_after" in err


@pytest.mark.usefixtures("served")
def test_fetch_tells_what_an_export_does_not_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines of --events that cannot be used are counted, and the command that lists them is one to copy."""
    events = tmp_path / "my events.jsonl"
    events.write_text(f"{json.dumps(EVENT)}\nnonsense\n{json.dumps({**EVENT, 'timestamp': 'soon'})}\n")
    assert main(["fetch", "--device", "TP-001", "--events", str(events), "--output", str(tmp_path / "my case")]) == 0
    out, err = capsys.readouterr()
    assert "2 problems in what --events gave" in err and f"charger-triage diagnose '{events}' lists all" in err
    assert f"charger-triage diagnose '{tmp_path / 'my case'}'" in out


@pytest.mark.usefixtures("served")
def test_a_reconnect_storm_is_raised_from_connections_beside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Connection records in a folder given by --events raise F-0302 without any fault event, as diagnose does."""
    beside = tmp_path / "beside"
    beside.mkdir()
    lines = [
        json.dumps({"timestamp": f"2026-05-10T11:5{n}:00Z", "device_id": "TP-001", "transition": "reconnect"})
        for n in range(8)
    ]
    (beside / "connections.jsonl").write_text("\n".join(lines))
    case = str(tmp_path / "case")
    assert main(["fetch", "--device", "TP-001", "--events", str(beside), "--output", case]) == 0
    out, err = capsys.readouterr()
    assert "8 connection records" in out and "F-0302" in out and "neither fault events" in err
    assert main(["diagnose", case, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["incidents"]
    assert [(incident["fault_code"], incident["occurrences"]) for incident in found] == [("F-0302", 0)]


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--device ID"),
        (["--device", "TP-001", "--since", "soon"], "--since 'soon' is no time"),
        (["--device", "TP-001", "--since", "2026-05-02", "--until", "2026-05-01"], "swap them"),
        (["--device", "TP-001", "--events", "absent.csv"], "--events: absent.csv"),
        (["--device", "TP-001", "--credentials", "absent"], "absent: cannot be read"),
        (["--device", "TP-001", "--base-url", "http://example.com/v1"], "must begin with https://"),
        (["--device", ".."], "'..' is no id"),
        (["--device", "TP-404"], "TP-404"),
        (["--site", "S-2"], "site S-2"),
        (["--site", " "], "' ' is no id of a site"),
    ],
)
def test_fetch_refuses_in_one_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """Usage that cannot be used, and a platform that refuses, are status 2 and a line; no folder appears."""
    assert main(["fetch", *arguments, "--output", str(tmp_path / "case")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert words in err and SECRET not in err
    assert list(tmp_path.iterdir()) == []


def test_fetch_does_not_write_over_a_case(
    served: TellusServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that holds something is refused before the platform is asked."""
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["fetch", "--device", "TP-001", "--output", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert not served.asked


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_asked(
    served: TellusServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the way of the folder costs no minutes of reading."""
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["fetch", "--device", "TP-001", "--output", str(tmp_path / "notes.txt" / "a" / "case")]) == 2
    err = capsys.readouterr().err
    assert f"{tmp_path / 'notes.txt'} is no folder you may write to" in err and err.count("\n") == 1
    assert not served.asked


def test_a_link_to_an_empty_folder_is_filled_as_the_folder_is(served: TellusServer, tmp_path: Path) -> None:
    """What passes before minutes of reading passes after them too; the link stays one."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    assert main(["fetch", "--device", "TP-001", "--output", str(tmp_path / "link")]) == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "empty" / "devices.jsonl").exists()
    assert served.asked


def test_retries_do_not_write_into_the_report(
    served: TellusServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server error that is tried again shows on neither output."""
    served.order("/operator/sites", Reply({"code": 9001, "message": "oops"}, 500))
    assert main(["fetch", "--device", "TP-001", "--output", str(tmp_path / "case")]) == 0
    out, err = capsys.readouterr()
    assert "oops" not in out + err and "retry" not in out + err


@pytest.mark.parametrize("command", [["fetch", "--output", "case"], ["watch"]])
def test_without_the_extra_one_line_tells_how_to_have_it(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a library of the extra is not installed, the command says which, and what to install."""
    for name in [name for name in sys.modules if name.startswith("charger_triage.adapters.tellus_api")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "httpx2", None)
    assert main([*command, "--device", "TP-001"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "httpx2" in err and "pip install 'charger-triage[api]'" in err
