"""Watching chargers: what is reported when, what is not, what is kept, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("httpx2", reason="the extra charger-triage[api] is not installed")

from charger_triage.adapters.tellus_api import PermissionDenied, Sighting, Tally, TellusClient, Watcher
from charger_triage.adapters.tellus_api.history import KEPT, MAX_OTHERS, SPAN_S, History
from charger_triage.adapters.tellus_api.pushed import NoReport, event_report, lines_of
from charger_triage.engine import Triage
from charger_triage.knowledge.observations import observe

from .support.bundles import RECORDS
from .support.tellus_server import SECRET, TellusServer, frame, refused
from .support.virtual_time import run

COMMAND = [sys.executable, "-c", "from charger_triage.adapters.cli import main; raise SystemExit(main())"]


def device(name: str, **more: Any) -> dict[str, Any]:
    """A charger that was heard of when the platform answers first."""
    return {"device_id": name, "site_id": "S-1", "model": "TP-DC180", "status": "online",
            "last_heartbeat": "2026-05-10T11:59:50Z", **more}  # fmt: skip


def fault(name: str | None = "TP-001", at: str = "2026-05-10T12:00:06Z", code: str = "F-0421", **more: Any) -> bytes:
    """An event report as a line."""
    report = {"timestamp": at, "connector_id": 1, "event_type": "fault", "data": {"fault_code": code}, **more}
    return json.dumps(report if name is None else {**report, "device_id": name}).encode()


class Watch:
    """A watch over TP-001 and TP-002: what it reported and noted, with the loop's seconds since it began."""

    def __init__(self, triage: Triage, **devices: dict[str, Any]) -> None:
        self.server = TellusServer(
            sites=[{"site_id": "S-1"}], devices={"TP-001": device("TP-001"), "TP-002": device("TP-002"), **devices}
        )
        self.sightings: list[tuple[float, Sighting]] = []
        self.notes: list[str] = []
        self.tally = Tally()
        self._triage = triage
        self._acts: list[tuple[float, Callable[[], object]]] = []

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Let something happen on the platform after so many seconds."""
        self._acts.append((seconds, act))

    def run(self, seconds: float, *lines: tuple[float, bytes], watched: tuple[str, ...] = ("TP-001", "TP-002")) -> None:
        """Watch for a time; `lines` are pushed after so many seconds."""

        async def pushed() -> AsyncIterator[bytes]:
            for pause, line in lines:
                await asyncio.sleep(pause)
                yield line

        async def both() -> None:
            loop = asyncio.get_running_loop()
            async with self.server, TellusClient(self.server.settings()) as client:
                begin, stop = loop.time(), asyncio.Event()
                for moment, act in [*self._acts, (seconds, stop.set)]:
                    loop.call_later(moment, act)

                def report(sighting: Sighting) -> None:
                    self.sightings.append((loop.time() - begin, sighting))

                watcher = Watcher(client, self._triage, watched, report, self.notes.append)
                self.tally = await watcher.run(stop, pushed())

        run(both())

    def reported(self) -> list[tuple[str, str, str]]:
        """Change, charger and code of each report."""
        return [(s.change, s.incident.device_id, s.incident.fault_code) for _, s in self.sightings]


def frames(name: str, count: int, start: int = 5, **state: Any) -> list[str | float]:
    """A script of so many frames, one every five seconds, with times that go on."""
    script: list[str | float] = []
    for number in range(count):
        at = start + 5 * number
        script += [frame(name, f"2026-05-10T12:{at // 60:02d}:{at % 60:02d}Z", **state), 5.0]
    return script


def test_an_incident_is_reported_once_however_often_its_event_comes(triage: Triage) -> None:
    """Three reports of one fault, two of them the same, are one sighting; frames go on without another."""
    watch = Watch(triage)
    watch.server.streams.append(frames("TP-001", 30))
    watch.run(150, (6, fault()), (1, fault()), (40, fault(at="2026-05-10T12:00:40Z")))
    assert watch.reported() == [("appeared", "TP-001", "F-0421")]
    assert watch.sightings[0][0] < 12
    assert watch.tally.events == 3 and watch.tally.frames == 30


def test_it_is_reported_again_when_another_cause_comes_to_lead(triage: Triage) -> None:
    """Once the charger is read with firmware 3.0.1, its known defect leads, and the report names what led before."""
    watch = Watch(triage)
    watch.server.streams.append(frames("TP-001", 90))
    watch.later(30, lambda: watch.server.devices["TP-001"].update(firmware_version="3.0.1"))
    watch.run(400, (6, fault()))
    assert watch.reported() == [("appeared", "TP-001", "F-0421"), ("leader changed", "TP-001", "F-0421")]
    first, second = (sighting for _, sighting in watch.sightings)
    assert first.leader_before is None
    assert second.leader_before == first.incident.hypotheses[0].cause_id
    assert second.incident.hypotheses[0].cause_id == "F-0421/firmware-feedback-timing"


def test_a_silent_stream_alone_is_no_lost_heartbeat(triage: Triage) -> None:
    """TP-002 sends no frame for minutes: it is read, and as it is well by the platform's word, nothing is reported."""
    watch = Watch(triage)
    watch.server.devices["TP-002"]["last_heartbeat"] = "2026-05-10T12:05:00Z"
    watch.server.streams.append([frame("TP-002"), *frames("TP-001", 60)])
    watch.run(290)
    assert watch.reported() == []
    assert len(watch.server.times("/operator/devices/TP-002")) == 2
    assert len(watch.server.times("/operator/devices/TP-001")) == 1


def test_a_charger_that_is_lost_is_reported_after_it_was_read(triage: Triage) -> None:
    """When frames of TP-002 stop and the platform has not heard of it either, F-0301 is reported, after a reading."""
    watch = Watch(triage)
    watch.server.streams.append([frame("TP-002"), *frames("TP-001", 40)])
    watch.later(30, lambda: setattr(watch.server, "date", "Sun, 10 May 2026 12:01:30 GMT"))
    watch.run(150)
    assert watch.reported() == [("appeared", "TP-002", "F-0301")]
    assert 60 <= watch.sightings[0][0] < 75


def test_an_event_long_after_the_last_reading_makes_no_heartbeat_old(triage: Triage) -> None:
    """A report a minute after the charger was read tells of its fault alone; its heartbeat is judged once it is read again."""
    watch = Watch(triage)
    watch.server.streams.append(frames("TP-001", 60, state="unavailable"))
    watch.later(20, lambda: watch.server.devices["TP-001"].update(last_heartbeat="2026-05-10T12:01:05Z"))
    watch.later(20, lambda: setattr(watch.server, "date", "Sun, 10 May 2026 12:01:15 GMT"))
    watch.run(100, (30, fault(at="2026-05-10T12:01:10Z", code="F-0204")))
    assert watch.reported() == [("appeared", "TP-001", "F-0204")]
    assert len(watch.server.times("/operator/devices/TP-001")) == 2


def test_chargers_that_are_offline_from_the_start_are_reported(triage: Triage) -> None:
    """The first reading counts as one."""
    watch = Watch(triage, **{"TP-002": device("TP-002", status="offline")})
    watch.server.streams.append(frames("TP-001", 5))
    watch.run(20)
    assert watch.reported() == [("appeared", "TP-002", "F-0301")]


def test_our_own_lost_connection_makes_no_charger_look_lost(triage: Triage) -> None:
    """Three minutes without a stream are read anew when it is back; no heartbeat is missed by that, and it is told once."""
    watch = Watch(triage)
    watch.server.streams.append([*frames("TP-001", 2), "drop"])
    watch.server.streams.extend([refused(5001, 429, retry_after_seconds=90)] * 2)
    watch.server.streams.append(frames("TP-001", 60, start=200))
    watch.later(100, lambda: setattr(watch.server, "date", "Sun, 10 May 2026 12:03:20 GMT"))
    watch.later(100, lambda: [d.update(last_heartbeat="2026-05-10T12:03:00Z") for d in watch.server.devices.values()])
    watch.run(240)
    assert watch.reported() == []
    assert any("back after 18" in note for note in watch.notes)


def test_lines_that_are_no_event_reports_are_told_and_cost_nothing_else(triage: Triage) -> None:
    """Broken, foreign and incomplete lines are notes; a report without a charger is that of the only one watched."""
    watch = Watch(triage)
    watch.server.streams.append(frames("TP-001", 10))
    bad = [b"{", b"[]", b'{"event_type": "fault"}', fault(at="soon"), b" " * (2**20 + 1)]
    watch.run(40, *[(0.1, line) for line in bad], (5, fault(None)), watched=("TP-001",))
    assert watch.reported() == [("appeared", "TP-001", "F-0421")]
    assert sum("left out" in note for note in watch.notes) == len(bad)
    several = Watch(triage)
    several.run(10, (1, fault(None)))
    assert several.reported() == []
    assert any("names no device_id" in note for note in several.notes)
    assert watch.tally.left_out == len(bad)
    assert any("standard input has ended" in note for note in watch.notes)


@pytest.mark.parametrize("connector", [[1], {"a": 1}, "one", None, True, 1e300])
def test_a_connector_that_is_none_costs_only_itself(triage: Triage, connector: Any) -> None:
    """Frames whose connector id is anything at all are told once a field, and a fault is seen all the same."""
    watch = Watch(triage)
    watch.server.streams.append(frames("TP-001", 20, connector_id=connector, state="fault", soc="half"))
    watch.run(100, (6, fault()))
    assert watch.reported() == [("appeared", "TP-001", "F-0421")]
    assert sum("soc" in note for note in watch.notes) == 1


def test_a_report_s_charger_is_found_however_it_is_written(triage: Triage) -> None:
    """A number or spaces around the id are the id; a field of the report that does not fit is told and left out."""
    watch = Watch(triage, **{"7": device("7")})
    watch.server.streams.append(frames("7", 5))
    line = json.dumps({**json.loads(fault(None)), "device_id": 7, "connector_id": "left"}).encode()
    watch.run(30, (6, line), watched=("7", "TP-001"))
    assert watch.reported() == [("appeared", "7", "F-0421")]
    assert any("an event report's connector_id" in note for note in watch.notes)


def test_a_time_far_ahead_spoils_nothing_that_comes_after_it(triage: Triage) -> None:
    """A frame and a report of the year 2200 are told and left out; the fault of today is reported as of today."""
    watch = Watch(triage)
    far = frame("TP-001", "2200-01-01T00:00:00Z")
    watch.server.streams.append([far, far, *frames("TP-001", 10)])
    watch.run(60, (3, fault(at="2200-01-01T00:00:00Z", code="F-0101")), (5, fault(at="2026-05-10T12:00:08Z")))
    assert watch.reported() == [("appeared", "TP-001", "F-0421")]
    assert "2026-05-10T12:00" in (watch.sightings[0][1].diagnosis.as_of or "")
    assert sum("h ahead of the platform's clock" in note for note in watch.notes) == 2
    assert (watch.tally.events, watch.tally.left_out) == (1, 1)


def test_a_reading_without_a_time_is_told_and_left_out(triage: Triage) -> None:
    """A charger's connector that was last heard of "soon" tells nothing; the fault beside it is reported."""
    odd = {"connector_id": 1, "status": "fault", "last_telemetry_time": "soon"}
    watch = Watch(triage, **{"TP-001": device("TP-001", connectors=[odd])})
    watch.run(30, (6, fault()))
    assert watch.reported() == [("appeared", "TP-001", "F-0421")]
    assert watch.sightings[0][1].diagnosis.warnings == []
    assert sum("the platform's readings timestamp: 'soon'" in note for note in watch.notes) == 1


def test_a_charger_whose_clock_is_fast_is_not_taken_for_lost(triage: Triage) -> None:
    """Frames five minutes ahead of the platform make its heartbeats look old; no F-0301 is reported and none is polled for."""
    watch = Watch(triage)
    watch.server.date_moves = True
    watch.server.streams.append(frames("TP-001", 60, start=300, state="unavailable"))
    for at in range(20, 300, 20):
        beat = f"2026-05-10T12:{at // 60:02d}:{at % 60:02d}Z"
        watch.later(at, lambda beat=beat: watch.server.devices["TP-001"].update(last_heartbeat=beat))  # type: ignore[misc]
    watch.run(280, (30, fault(at="2026-05-10T12:05:30Z")), watched=("TP-001",))
    assert watch.reported() == [("appeared", "TP-001", "F-0421")]
    assert len(watch.server.times("/operator/devices/TP-001")) <= 3
    assert sum("min ahead of the platform's clock" in note for note in watch.notes) == 1


def fleet(triage: Triage, number: int) -> tuple[Watch, tuple[str, ...]]:
    """A watch over many chargers, whose first reading takes minutes at 45 queries a minute."""
    names = tuple(f"TP-{n}" for n in range(100, 100 + number))
    return Watch(triage, **{name: device(name) for name in names}), names


def test_the_stream_is_followed_while_a_fleet_is_read_for_the_first_time(triage: Triage) -> None:
    """The first of sixty chargers is reported lost, and frames are taken, long before the last has been read."""
    watch, names = fleet(triage, 60)
    watch.server.devices[names[0]]["status"] = "offline"
    watch.server.streams.append(frames(names[1], 10))
    watch.run(50, watched=names)
    assert watch.reported() == [("appeared", names[0], "F-0301")]
    assert watch.sightings[0][0] < 5
    assert watch.tally.frames == 10
    assert not watch.server.times(f"/operator/devices/{names[-1]}")


def test_an_event_does_not_wait_behind_the_readings_of_others(triage: Triage) -> None:
    """After a gap sixty chargers are to be read again; the one with a new event is reported within seconds."""
    watch, names = fleet(triage, 60)
    watch.server.streams.append([*frames(names[0], 60), "drop"])
    watch.server.streams.append(frames(names[0], 60, start=330))
    late = fault(names[-1], at="2026-05-10T12:05:20Z")
    watch.run(360, (325, late), watched=names)
    assert watch.reported() == [("appeared", names[-1], "F-0421")]
    assert watch.sightings[0][0] < 340


def test_a_platform_that_asks_to_wait_delays_no_report_for_minutes(triage: Triage) -> None:
    """When reading a charger has to wait 110 s, its fault is reported without it, and another's as well."""
    watch = Watch(triage)
    watch.server.streams.append(frames("TP-001", 60, state="unavailable"))
    refusal = refused(5001, 429, retry_after_seconds=110)
    watch.later(60, lambda: watch.server.order("/operator/devices/TP-001", refusal))
    watch.run(160, (70, fault(at="2026-05-10T12:01:10Z")), (1, fault("TP-002", at="2026-05-10T12:01:12Z")))
    assert sorted(watch.reported()) == [("appeared", "TP-001", "F-0421"), ("appeared", "TP-002", "F-0421")]
    assert max(at for at, _ in watch.sightings) < 71 + 70
    assert any("could not be read within 30 s" in note for note in watch.notes)


def test_a_charger_that_cannot_be_read_at_first_is_watched_all_the_same(triage: Triage) -> None:
    """One whose record the platform fails to give is noted, its fault is reported, and it is read later."""
    watch = Watch(triage)
    watch.server.order("/operator/devices/TP-001", *[refused(9001, 500)] * 4)
    watch.server.streams.append(frames("TP-001", 80))
    watch.run(380, (30, fault(at="2026-05-10T12:00:30Z")))
    assert watch.reported()[0] == ("appeared", "TP-001", "F-0421")
    assert watch.sightings[0][0] < 120
    assert any("device TP-001" in note and "of its own" in note for note in watch.notes)
    assert len(watch.server.times("/operator/devices/TP-001")) > 4


def test_a_connector_in_fault_without_a_report_is_told(triage: Triage) -> None:
    """Half a minute of state fault without an event report is one note, and no incident."""
    watch = Watch(triage)
    watch.server.streams.append(frames("TP-001", 20, state="fault"))
    watch.run(100)
    assert watch.reported() == []
    assert [note for note in watch.notes if "stands in fault" in note] == [
        "TP-001 connector 1 stands in fault; the stream tells no code: push its event report with --stdin-events"
    ]


def test_a_refusal_for_good_ends_the_watch(triage: Triage) -> None:
    """No permission for the stream is the caller's to hear, and no task or connection is left behind."""
    watch = Watch(triage)
    watch.server.streams.append(refused(2003, 403))
    with pytest.raises(PermissionDenied):
        watch.run(100)


def test_the_history_is_bounded_in_number_time_and_chargers() -> None:
    """However much comes, no list of a charger grows beyond its bound, old records go, and so do too many chargers."""
    history = History(["A"])
    for number in range(4 * KEPT["telemetry"]):
        stamp = 1_778_000_000 + 5 * number
        history.put("telemetry", {"timestamp": stamp, "device_id": "A", "connector_id": 1, "state": "idle"})
        history.alive("A", stamp, stamp)
        history.put("events", {"timestamp": stamp, "device_id": "A", "event_type": "plug_in", "connector_id": 1})
    for number in range(3):
        history.put("devices", {"device_id": "A", "site_id": f"S-{number}"})
    held = history.around("A")
    around = observe(held)
    assert {name: len(table.records) for name, table in around.tables.items() if table.records} == {
        "devices": 1, "events": KEPT["events"], "heartbeats": KEPT["heartbeats"], "telemetry": KEPT["telemetry"],
    }  # fmt: skip
    assert around["devices"].records[0].fields["site_id"] == "S-2"
    before = len(held["events"])
    late = around["events"].records[-1].time
    assert late is not None
    history.put("events", {"timestamp": late + SPAN_S + 1, "device_id": "A", "event_type": "plug_in"})
    history.put("events", {"timestamp": late - 5, "device_id": "A", "event_type": "plug_out"})
    assert len(history.around("A")["events"]) == 1
    assert len(held["events"]) == before
    kept = [history.put("events", {"timestamp": 1, "device_id": f"B-{n}", "event_type": "start"}) for n in range(300)]
    assert sum(kept) == MAX_OTHERS


def test_no_record_outstays_the_span_of_a_list() -> None:
    """Neither one without a time nor one ahead of all others keeps what is old behind it; ids count without blanks."""
    history = History(["A"])
    for stamp in ("soon", 3600, *range(0, 3600, 600), SPAN_S + 3000):
        history.put("telemetry", {"timestamp": stamp, "device_id": " A", "connector_id": 1})
    assert [record["timestamp"] for record in history.around("A")["telemetry"]] == [3600, 3000, SPAN_S + 3000]
    for name in (" r1 ", "r1"):
        history.put("charging_records", {"record_id": name, "device_id": "A", "start_time": 0})
    assert [record["record_id"] for record in history.around("A")["charging_records"]] == ["r1"]


@given(st.one_of(st.binary(max_size=80), RECORDS["events"].map(lambda r: json.dumps(r).encode())))
def test_no_line_whatever_raises_anything_but_no_report(line: bytes) -> None:
    """Any line is an event record that names its charger, or refused with a reason in one line."""
    try:
        event = event_report(line, None)
    except NoReport as problem:
        assert str(problem) and "\n" not in str(problem)
    else:
        assert event.device_id and event.record["device_id"] == event.device_id


@pytest.mark.parametrize("content", [b"", b"a\n\nb\n", b"a\nb", b"x" * 3 * 2**20 + b"\nb\n"])
def test_lines_come_from_a_file_as_from_a_pipe(content: bytes, tmp_path: Path) -> None:
    """Lines are the same from either, the last without an end of line too, and one that is too long comes cut."""

    async def lines(descriptor: int) -> list[bytes]:
        return [line[:10] async for line in lines_of(descriptor)]

    file = tmp_path / "events"
    file.write_bytes(content)
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as end:
            end.write(content)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "rb") as end, file.open("rb") as opened:
        expected = [line[:10] for line in content.split(b"\n") if line]
        assert asyncio.run(lines(end.fileno())) == asyncio.run(lines(opened.fileno())) == expected
    thread.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_reports_json_lines_and_ends_on_a_signal(number: signal.Signals) -> None:
    """Events piped in become one JSON line that holds a diagnosis; a signal ends it with status 0 and a last line."""

    async def use() -> tuple[int | None, dict[str, Any], bytes]:
        server = TellusServer(devices={"TP-001": device("TP-001")})
        server.streams.append([frame()])
        async with server:
            environment = {**os.environ, "TELLUS_CLIENT_ID": "client-1", "TELLUS_CLIENT_SECRET": SECRET}
            process = await asyncio.create_subprocess_exec(
                *COMMAND, "watch", "--device", "TP-001", "--stdin-events", "--format", "json", "--base-url", server.url,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, limit=2**24,
            )  # fmt: skip
            assert process.stdin is not None and process.stdout is not None and process.stderr is not None
            process.stdin.write(fault() + b"\n")
            await process.stdin.drain()
            async with asyncio.timeout(60):
                line = await process.stdout.readline()
                process.send_signal(number)
                # standard input stays open: the command must end though it could still read
                rest, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())
                status = await process.wait()
            process.stdin.close()
        assert rest == b""
        return status, json.loads(line), errors

    status, report, errors = asyncio.run(use())
    assert status == 0
    assert report["change"] == "appeared" and report["leader_before"] is None
    assert [i["fault_code"] for i in report["diagnosis"]["incidents"]] == ["F-0421"]
    first, last = errors.splitlines()
    assert b"watching 1 charger" in first
    assert b"stopped after 1 frame, 1 event and 1 report" in last
    assert SECRET.encode() not in errors
