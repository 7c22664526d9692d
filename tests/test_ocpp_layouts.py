"""Logs of many programs: one session reads the same from each, told by content; what is broken is named and costs only itself."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from charger_triage.adapters.files import UnreadableInput, read_bundle, read_bundles
from charger_triage.adapters.ocpp import ocpp_records, read_ocpp_log
from charger_triage.engine import Triage

from .support.ocpp_layouts import BARE, CHARGER, DATES, LAYOUTS, LAYOUTS_OF_PARTS, answer, call, dated, session

VERSIONS = ("1.6", "2.0.1")
Emitted = tuple[str, dict[str, Any]]


def read(content: bytes, folder: Path, name: str = f"{CHARGER}.log") -> tuple[list[Emitted], list[str]]:
    """The records of a log, and the problems met."""
    path = folder / name
    path.write_bytes(content)
    problems: list[str] = []
    return list(ocpp_records(path, lambda problem, _: problems.append(problem))), problems


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_records(layout: str, version: str, tmp_path: Path) -> None:
    """A session gives the same records whatever program logged it, in local time or in UTC, and nothing is missed."""
    assert read(LAYOUTS[layout](session(version)), tmp_path) == read(LAYOUTS["objects"](session(version)), tmp_path)
    assert read(LAYOUTS[layout](session(version)), tmp_path)[1] == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("layout", LAYOUTS_OF_PARTS)
def test_frames_in_parts_give_the_same_records(layout: str, version: str, tmp_path: Path) -> None:
    """Exports that keep action, id and payload apart are put together again."""
    whole = [entry for entry in session(version) if entry["frame"][0] != 4 and entry["frame"][1] != "r-1"]
    assert read(LAYOUTS_OF_PARTS[layout](whole), tmp_path) == read(LAYOUTS["objects"](whole), tmp_path)


@pytest.mark.parametrize("written", DATES)
def test_times_are_read_however_they_are_written(written: str, tmp_path: Path) -> None:
    """A session is dated to the second whatever form its times have; a year or a date that is missing payloads tell."""
    entries = session("1.6")
    to_the_second = [{**e, "at": datetime.fromisoformat(e["at"]).replace(microsecond=0).isoformat()} for e in entries]
    assert read(dated(DATES[written], entries), tmp_path) == read(LAYOUTS["objects"](to_the_second), tmp_path)


def test_frames_alone_take_their_times_from_payloads(tmp_path: Path) -> None:
    """Without any logged time the moments come from payloads and from the platform's answers."""
    records, problems = read(BARE(session("1.6")), tmp_path)
    assert problems == []
    assert [r["timestamp"] for name, r in records if name == "events" and r["event_type"] == "fault"] == [
        "2026-05-10T08:20:03.900Z"
    ]
    assert [r["timestamp"] for name, r in records if name == "events" and r["event_type"] == "boot"] == [
        "2026-05-10T08:00:00.150Z"
    ]


CONNECTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "SteVe": (
        "[INFO ] 2026-05-10 08:00:00,000 WebSocketLogger - [chargeBoxId=CP-7, sessionId=1] Connection is established\n"
        "[WARN ] 2026-05-10 08:10:00,000 WebSocketLogger - [chargeBoxId=CP-7, sessionId=1] Connection is closed, "
        "status: CloseStatus[code=1006, reason=Session timed out]\n",
        {"clean_close": False, "close_code": 1006, "reason": "Session timed out"},
    ),
    "evcc": (
        "[ocpp  ] DEBUG 2026/05/10 08:00:00 charge point connected: CP-7\n"
        "[ocpp  ] DEBUG 2026/05/10 08:10:00 charge point disconnected: CP-7\n",
        {},
    ),
    "Home Assistant": (
        "2026-05-10 08:00:00.000 INFO (MainThread) [custom_components.ocpp] Charger CP-7 connected to 0.0.0.0:9000.\n"
        "2026-05-10 08:09:59.000 DEBUG (MainThread) [custom_components.ocpp] Closing websocket to 'CP-7'\n"
        "2026-05-10 08:10:00.000 INFO (MainThread) [custom_components.ocpp] Charger CP-7 disconnected from 0.0.0.0:9000.\n",
        {"reason": "closed by the platform"},
    ),
    "CitrineOS": (
        "2026-05-10T08:00:00Z INFO T1:CP-7 Successfully connected new charging station: 1:CP-7 live connections: 3\n"
        "2026-05-10T08:10:00Z INFO WebsocketNetworkConnection Connection closed for 1:CP-7 live connections: 2\n",
        {},
    ),
    "EVerest": (
        "2026-05-10T08:00:00.000Z: SYS> Connected\n"
        '2026-05-10T08:00:01.000Z: ChargePoint>CentralSystem Heartbeat\n[\n  2,\n  "1",\n  "Heartbeat",\n  {}\n]\n\n'
        "2026-05-10T08:10:00.000Z: SYS> Disconnected\n",
        {},
    ),
    "MicroOcpp": (
        "10.05.2026 08:00:00 INF [WebSocket] connection 12 -- connected!\n"
        '10.05.2026 08:00:01 INF [sendTXT] [2,"1","Heartbeat",{}]\n'
        "10.05.2026 08:10:00 INF [WebSocket] connection 12 -- closed\n",
        {},
    ),
    "any with a code": (
        "2026-05-10T08:00:00Z Connected to url ws://csms.example/CP-7\n"
        '2026-05-10T08:00:01Z CP-7 > [2,"1","Heartbeat",{}]\n'
        "2026-05-10T08:10:00Z WebSocket connection was closed, code: 1011\n",
        {"clean_close": False, "close_code": 1011},
    ),
    "brackets and plain words": (
        "2026-05-10T08:00:00Z [CP-7] websocket open (ocpp1.6)\n"
        '2026-05-10T08:00:01Z [CP-7] <- [2,"1","Heartbeat",{}]\n'
        '2026-05-10T08:10:00Z [CP-7] websocket closed code=1006 reason="reset by peer"\n',
        {"clean_close": False, "close_code": 1006, "reason": "reset by peer"},
    ),
    "CitrineOS with a code": (
        "2026-05-10 08:00:00.000\tINFO\tLogger\tSuccessfully connected new charging station. 1:CP-7\n"
        '2026-05-10 08:00:01.000\tDEBUG\tLogger\tReceived message on 1:CP-7 [2,"1","Heartbeat",{}]\n'
        "2026-05-10 08:10:00.000\tINFO\tLogger\tConnection closed for 1:CP-7 code 1008 keepalive ping timeout\n",
        {"clean_close": False, "close_code": 1008, "reason": "keepalive ping timeout"},
    ),
    "CitrineOS with a comma": (
        '{"date":"2026-05-10T08:00:00Z","stationId":"CP-7","msg":"Successfully connected new charging station. CP-7"}\n'
        '{"date":"2026-05-10T08:00:01Z","stationId":"CP-7","msg":"Received message on CP-7 [2,\\"1\\",\\"Heartbeat\\",{}]"}\n'
        '{"date":"2026-05-10T08:10:00Z","stationId":"CP-7","msg":"Connection closed for CP-7, code: 1006, reason: "}\n',
        {"clean_close": False, "close_code": 1006},
    ),
    "Node": (
        "[2026-05-10T08:00:00Z] [CP-7] client connected from 10.16.2.7\n"
        '[2026-05-10T08:00:01Z] [CP-7] >> [2,"1","Heartbeat",{}]\n'
        "[2026-05-10T08:10:00Z] [CP-7] client disconnected { code: 1006, reason: 'no pong' }\n",
        {"clean_close": False, "close_code": 1006, "reason": "no pong"},
    ),
    "Loki": (
        '{"timestamp":"1778400000000000000","labels":{"charge_point":"CP-7"},"line":"time=2026-05-10T08:00:00Z msg=\\"websocket connected\\""}\n'
        '{"timestamp":"1778400001000000000","labels":{"charge_point":"CP-7"},"line":"dir=rx frame=[2,\\"1\\",\\"Heartbeat\\",{}]"}\n'
        '{"timestamp":"1778400600000000000","labels":{"charge_point":"CP-7"},"line":"time=2026-05-10T08:10:00Z msg=\\"websocket closed\\" code=1006"}\n',
        {"clean_close": False, "close_code": 1006},
    ),
    "under Kubernetes": (
        "2026-05-10T08:00:00.000000000Z stderr F level=warn station=CP-7 dir=srv CP-7 connected handshake 847 ms\n"
        '2026-05-10T08:00:01.000000000Z stdout F level=debug station=CP-7 dir=in frame=[2,"1","Heartbeat",{}]\n'
        "2026-05-10T08:10:00.000000000Z stderr F level=warn station=CP-7 dir=srv websocket closed CP-7 code=1006 wasClean=false\n",
        {"clean_close": False, "close_code": 1006},
    ),
    "lost": (
        "10.05.2026 08:00:00 [CP-7] [OCPP] [ws] connection open CP-7\n"
        '10.05.2026 08:00:01 [CP-7] [OCPP] Send: [2,"1","Heartbeat",{}]\n'
        "10.05.2026 08:10:00 [CP-7] [OCPP] [ws] connection lost CP-7 code 1006, idle 300 s\n",
        {"clean_close": False, "close_code": 1006, "reason": "idle 300 s"},
    ),
    "closed by the server": (
        "2026-05-10 08:00:00.000 [CP-7] * client CP-7 connected, subprotocol ocpp2.0.1\n"
        '2026-05-10 08:00:01.000 [CP-7] > [2,"1","Heartbeat",{}]\n'
        "2026-05-10 08:10:00.000 [CP-7] * CP-7 server close 1011 keepalive ping timeout (no ping 60 s)\n",
        {"clean_close": False, "close_code": 1011, "reason": "keepalive ping timeout"},
    ),
    "libocpp": (
        "2026-05-10T08:00:00Z: CP-7 websocket connected\n"
        '2026-05-10T08:00:01Z: CP-7 ChargePoint>CSMS Heartbeat [2,"1","Heartbeat",{}]\n'
        '2026-05-10T08:00:02Z: CP-7 CSMS>ChargePoint Heartbeat.conf [3,"1",{"currentTime":"2026-05-10T08:00:02Z"}]\n'
        "2026-05-10T08:10:00Z: CP-7 websocket closed code=1001\n",
        {"clean_close": True, "close_code": 1001},
    ),
    "labels": (
        '{"@timestamp": "2026-05-10T08:00:00Z", "labels": {"stationId": "CP-7"}, "message": "connected"}\n'
        '{"@timestamp": "2026-05-10T08:00:01Z", "labels": {"stationId": "CP-7"}, "message": "<< [2,\\"1\\",\\"Heartbeat\\",{}]"}\n'
        '{"@timestamp": "2026-05-10T08:10:00Z", "labels": {"stationId": "CP-7"}, "message": "disconnected", "code": 1000}\n',
        {"clean_close": True, "close_code": 1000},
    ),
    "ocpp-rpc": (
        '{"level":30,"time":1778400000000,"pid":1,"identity":"CP-7","msg":"client connected","protocol":"ocpp1.6"}\n'
        '{"level":30,"time":1778400001000,"pid":1,"identity":"CP-7","msg":"message","message":"[2,\\"1\\",\\"Heartbeat\\",{}]"}\n'
        '{"level":30,"time":1778400600000,"pid":1,"identity":"CP-7","msg":"disconnect","code":1006,"reason":""}\n',
        {"clean_close": False, "close_code": 1006},
    ),
    "websockets": (
        "2026-05-10T08:00:00Z INFO websockets.server connection open (/ocpp/CP-7, subprotocol ocpp2.0.1, handshake 51 ms)\n"
        '2026-05-10T08:00:01Z INFO ocpp CP-7: receive message [2,"1","Heartbeat",{}]\n'
        '2026-05-10T08:10:00Z INFO websockets.server connection closed: CP-7 code=1011 reason="keepalive ping timeout"\n',
        {"clean_close": False, "close_code": 1011, "reason": "keepalive ping timeout"},
    ),
    "names and nothing else": (
        "2026-05-10T08:00:00Z CP-7 connected (ocpp2.0.1)\n"
        '2026-05-10T08:00:01Z CP-7 -> [2,"1","Heartbeat",{}]\n'
        "2026-05-10T08:10:00Z CP-7 disconnected: code 1008 duplicate connection\n",
        {"clean_close": False, "close_code": 1008, "reason": "duplicate connection"},
    ),
    "arrows to the platform": (
        "2026-05-10T08:00:00Z CP-7 websocket connected\n"
        '2026-05-10T08:00:01Z CP-7 -> CSMS [2,"1","Heartbeat",{}]\n'
        '2026-05-10T08:00:02Z CSMS -> CP-7 [3,"1",{"currentTime":"2026-05-10T08:00:02Z"}]\n'
        '2026-05-10T08:10:00Z CP-7 websocket closed code=1006 reason="no pong"\n',
        {"clean_close": False, "close_code": 1006, "reason": "no pong"},
    ),
    "columns": (
        "time;charge_point;dir;message\n"
        "2026-05-10 08:00:00.000;CP-7;SYS;CONNECT\n"
        '2026-05-10 08:00:01.000;CP-7;IN;"[2,""1"",""Heartbeat"",{}]"\n'
        "2026-05-10 08:10:00.000;CP-7;SYS;DISCONNECT code=1008 reason=second connection, closing older\n",
        {"clean_close": False, "close_code": 1008, "reason": "second connection, closing older"},
    ),
    "behind its state": (
        "csms-1 | 2026-05-10T08:00:00Z open  CP-7 from 198.51.100.61\n"
        'csms-1 | 2026-05-10T08:00:01Z rcv CP-7 [2,"1","Heartbeat",{}]\n'
        "csms-1 | 2026-05-10T08:10:00Z error CP-7 read: Connection reset by peer (last frame 60 s ago), code 1006\n",
        {"clean_close": False, "close_code": 1006, "reason": "Connection reset by peer (last frame 60 s ago)"},
    ),
    "in a path, then by a name that is known": (
        "2026-05-10T08:00:00Z ws accept /ocpp/CP-7 peer=10.8.0.20\n"
        '2026-05-10T08:00:01Z RX CP-7 [2,"1","Heartbeat",{}]\n'
        '2026-05-10T08:10:00Z ws closed CP-7 code=1006 reason="no close frame"\n',
        {"clean_close": False, "close_code": 1006, "reason": "no close frame"},
    ),
    "behind the name of the gateway, with what failed": (
        '<166>1 2026-05-10T08:00:01Z gw-ffm-3 gateway 71 MSG [ocpp@1 cp="CP-7" dir="rx"] [2,"1","Heartbeat",{}]\n'
        "<166>1 2026-05-10T08:00:00Z gw-ffm-3 gateway 71 EVT - CP-7 upgraded, path /CP-7 handshake 212 ms\n"
        "<164>1 2026-05-10T08:10:00Z gw-ffm-3 gateway 71 EVT - CP-7 no ping for 45 s, sending close 1011\n",
        {"clean_close": False, "close_code": 1011, "reason": "no ping for 45 s, sending close 1011"},
    ),
    "an object of JavaScript": (
        "2026-05-10T08:00:00Z client connected { identity: 'CP-7', remoteAddress: '192.0.2.66' }\n"
        '2026-05-10T08:00:01Z CP-7 -> [2,"1","Heartbeat",{}]\n'
        "2026-05-10T08:10:00Z client closed { identity: 'CP-7', code: 1008, reason: 'keepalive timeout' }\n",
        {"clean_close": False, "close_code": 1008, "reason": "keepalive timeout"},
    ),
    "in French": (
        "2026-05-10T08:00:00Z INFOS: [CP-7] session WebSocket ouverte\n"
        '2026-05-10T08:00:01Z INFOS: [CP-7] reçu [2,"1","Heartbeat",{}]\n'
        "2026-05-10T08:10:00Z AVERTISSEMENT: [CP-7] session WebSocket fermée code=1006 motif=connexion perdue\n",
        {"clean_close": False, "close_code": 1006, "reason": "connexion perdue"},
    ),
    "in German": (
        "2026-05-10T08:00:00Z [CP-7] Verbindung hergestellt\n"
        '2026-05-10T08:00:01Z [CP-7] empfangen [2,"1","Heartbeat",{}]\n'
        "2026-05-10T08:10:00Z [CP-7] Verbindung getrennt, Code 1001\n",
        {"clean_close": True, "close_code": 1001},
    ),
    "names that nobody knows": (
        '{"t": 1778400000000, "cs": "CP-7", "ev": "ws_open", "hs_ms": 32}\n'
        '{"t": 1778400001000, "cs": "CP-7", "ev": "msg", "way": "up", "f": [2, "1", "Heartbeat", {}]}\n'
        '{"t": 1778400600000, "cs": "CP-7", "ev": "ws_close", "code": 1000, "why": "restart"}\n',
        {"clean_close": True, "close_code": 1000, "reason": "restart"},
    ),
    "a field of its own": (
        '{"ts": 1778400000000, "cp": "CP-7", "conn": "open"}\n'
        '{"ts": 1778400001000, "cp": "CP-7", "dir": "recv", "frame": "[2,\\"1\\",\\"Heartbeat\\",{}]"}\n'
        '{"ts": 1778400600000, "cp": "CP-7", "conn": "closed", "code": 1000}\n',
        {"clean_close": True, "close_code": 1000},
    ),
    "objects": (
        '{"timestamp": "2026-05-10T08:00:00Z", "charge_point": "CP-7", "event": "connected"}\n'
        '{"timestamp": "2026-05-10T08:00:01Z", "charge_point": "CP-7", "message": [2, "1", "Heartbeat", {}]}\n'
        '{"timestamp": "2026-05-10T08:10:00Z", "charge_point": "CP-7", "event": "disconnected", "code": 1000}\n',
        {"clean_close": True, "close_code": 1000},
    ),
}


@pytest.mark.parametrize("program", CONNECTIONS)
def test_lines_of_connections_become_records(program: str, tmp_path: Path) -> None:
    """Lines that tell of a connection give its beginning, its end and what is said of that."""
    text, closed = CONNECTIONS[program]
    records, _ = read(text.encode(), tmp_path)
    assert [record for name, record in records if name == "connections"] == [
        {"timestamp": "2026-05-10T08:00:00.000Z", "device_id": "CP-7", "transition": "online"},
        {"timestamp": "2026-05-10T08:10:00.000Z", "device_id": "CP-7", "transition": "offline", **closed},
    ]


def test_what_a_log_says_of_a_link_that_fails_is_kept(tmp_path: Path) -> None:
    """Lines without a message that name what fails of the link are events of the charger they name, else of the only one; others,
    and those of a charger that sent nothing, are not."""
    text = (
        '2026-05-10T08:00:01Z [CP-7] <- [2,"1","Heartbeat",{}]\n'
        "2026-05-10T08:01:00Z [CP-7] error: TLS handshake failed: certificate has expired\n"
        "2026-05-10T08:02:00Z error: could not resolve csms.example, DNS timed out\n"
        "2026-05-10T08:02:30Z ERR [ws] getaddrinfo csms.example: Name or service not known (ENOTFOUND)\n"
        "2026-05-10T08:03:00Z info: 412 stations connected, listener healthy\n"
        "2026-05-10T08:04:00Z error: disk full\n"
        "2026-05-10T08:05:00Z WARN no ping frame from CP-7 within 60000 ms, terminating\n"
    )
    alone, _ = read(text.encode(), tmp_path)
    said = [
        (r["device_id"], r["data"]["message"]) for name, r in alone if name == "events" and r["event_type"] == "log"
    ]
    assert said == [
        ("CP-7", "[CP-7] error: TLS handshake failed: certificate has expired"),
        ("CP-7", "error: could not resolve csms.example, DNS timed out"),
        ("CP-7", "ERR [ws] getaddrinfo csms.example: Name or service not known (ENOTFOUND)"),
        ("CP-7", "WARN no ping frame from CP-7 within 60000 ms, terminating"),
    ]
    another = '2026-05-10T08:00:02Z [CP-8] <- [2,"2","Heartbeat",{}]\n'
    several, _ = read((another + text).encode(), tmp_path)
    assert sum(r["event_type"] == "log" for name, r in several if name == "events") == 2
    named = "2026-05-10T08:05:00Z gw-2 SRV CP-7 router 81.2.69.14 unreachable, WAN link down\n"
    several, _ = read((another + text + named).encode(), tmp_path)
    logged = [r for name, r in several if name == "events" and r["event_type"] == "log"]
    assert [r["device_id"] for r in logged] == ["CP-7"] * 3


def test_warnings_and_work_orders_of_a_log_are_kept(tmp_path: Path) -> None:
    """Lines whose level is a warning or worse are events of the charger, those of work orders are visits; addresses that a line tells of
    a charger stand for it, unless several have one."""
    text = (
        '2026-05-10T08:00:00Z CP-7 > [2,"1","Heartbeat",{}]\n'
        '2026-05-10T08:00:00Z CP-8 > [2,"1","Heartbeat",{}]\n'
        '10.4.6.7 - - [10/May/2026:08:00:30 +0000] "GET /ocpp/CP-7 HTTP/1.1" 101 622\n'
        '10.4.6.8 - - [10/May/2026:08:00:31 +0000] "GET /ocpp/CP-7 HTTP/1.1" 101 622\n'
        '10.4.6.8 - - [10/May/2026:08:00:32 +0000] "GET /ocpp/CP-8 HTTP/1.1" 101 622\n'
        "2026-05-10T08:01:00Z [ERRO] supply CP-7 :: dc link 987 V > 950 V\n"
        "2026-05-10T08:02:00Z INFO CP-7 served 3 sessions\n"
        "2026-05-10T08:03:00Z SSL_do_handshake() failed (certificate expired), client: 10.4.6.7\n"
        "2026-05-10T08:04:00Z SSL_do_handshake() failed (certificate expired), client: 10.4.6.8\n"
        "2026-05-10T08:05:00Z INFO workorder 9018 CP-7: fan swapped\n"
    )
    records, _ = read(text.encode(), tmp_path)
    logged = [(r["device_id"], r["timestamp"][14:16]) for n, r in records if n == "events" and r["event_type"] == "log"]
    assert logged == [("CP-7", "01"), ("CP-7", "03")]
    assert [(r["device_id"], r["work"]) for name, r in records if name == "service_visits"] == [
        ("CP-7", "INFO workorder 9018 CP-7: fan swapped")
    ]


def test_frames_that_a_terminal_breaks_are_read(tmp_path: Path) -> None:
    """Lines that end in the middle of a word where a terminal's width is reached."""
    whole = LAYOUTS["time > frame"](session("1.6"))
    broken = b"".join(
        line[start : start + 100] + b"\n" for line in whole.splitlines() for start in range(0, len(line), 100)
    )
    assert read(broken, tmp_path) == read(whole, tmp_path)


def test_an_object_without_a_message_says_what_fails_of_a_link(tmp_path: Path) -> None:
    """JSON lines of a server beside those with messages: what fails is kept, of the charger that they name."""
    text = (
        '{"timestamp": "2026-05-10T08:00:01Z", "charge_point": "CP-7", "message": [2, "1", "Heartbeat", {}]}\n'
        '{"timestamp": "2026-05-10T08:01:00Z", "charge_point": "CP-7", "event": "tls_handshake_failed", "reason": "certificate expired"}\n'
        '{"timestamp": "2026-05-10T08:02:00Z", "charge_point": "CP-7", "event": "queue_flushed", "reason": "timer"}\n'
    )
    records, _ = read(text.encode(), tmp_path)
    said = [r["data"]["message"] for name, r in records if name == "events" and r["event_type"] == "log"]
    assert said == ["tls handshake failed certificate expired"]


def test_a_change_to_summer_time_is_followed(tmp_path: Path) -> None:
    """Local times of a log move with the clock: what is told in UTC keeps them right."""

    def beat(hour: int, minute: int, utc: str, number: int) -> str:
        prefix = f"[ocpp  ] TRACE 2026/03/29 {hour:02}:{minute:02}:00"
        return f'{prefix} recv CP: [2,"{number}","Heartbeat",{{}}]\n{prefix} send CP: [3,"{number}",{{"currentTime":"{utc}"}}]\n'

    text = "".join(beat(1, m, f"2026-03-29T00:{m:02}:00Z", m) for m in range(50, 60, 2))
    text += "".join(beat(3, m, f"2026-03-29T01:{m:02}:00Z", m) for m in range(0, 10, 2))
    beats = [r["timestamp"] for name, r in read(text.encode(), tmp_path)[0] if name == "heartbeats"]
    assert beats[0] == "2026-03-29T00:50:00.000Z"
    assert beats[-1] == "2026-03-29T01:08:00.000Z"


BROKEN = {
    "cut in the middle": (b'2026-05-10T08:00:01Z CP > [2,"1","StatusNoti', "line 2: the frame cannot be read"),
    "no payload": (b'2026-05-10T08:00:01Z CP > [2,"1","StatusNotification",7]', "line 2: the frame cannot be read (its payload"),
    "no action": (b'2026-05-10T08:00:01Z CP > [2,"1",{"status":"Faulted"}]', "line 2: the frame cannot be read (it names no action"),
    "cut at the end": (
        b'2026-05-10T08:00:01Z CP > [2,"1","StatusNotification",{"connectorId":1,"errorCode":"GroundFailure","status":"Fau',
        "line 2: the frame is cut off; what can be read of it is used",
    ),
    "another errorCode": (
        b'2026-05-10T08:00:01Z CP > [2,"1","StatusNotification",{"connectorId":1,"errorCode":"Error","status":"Faulted"}]',
        'line 2: StatusNotification is not as OCPP 1.6 has it (errorCode: "Error" is not one of',
    ),
    "unknown message": (b'2026-05-10T08:00:01Z CP > [2,"1","Sing",{}]', "line 2: Sing is not as OCPP 1.6 has it"),
    "too deep": (
        b'2026-05-10T08:00:01Z CP > [2,"1","DataTransfer",{"vendorId":"x","data":' + b"[" * 90 + b"]" * 90 + b"}]",
        "line 2: the frame cannot be read (it nests deeper than 40)",
    ),
}  # fmt: skip
HEARTBEAT = b'2026-05-10T08:00:00Z CP > [2,"0","Heartbeat",{}]\n'


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_is_named_with_its_line(kind: str, tmp_path: Path) -> None:
    """A broken frame is one warning with line and reason, and the frames after it are read."""
    line, warning = BROKEN[kind]
    later = b'2026-05-10T08:01:00Z CP > [2,"2","FirmwareStatusNotification",{"status":"Idle"}]\n'
    records, problems = read(HEARTBEAT + line + b"\n" + later, tmp_path)
    assert problems[0].startswith(warning)
    assert any(record.get("ocpp", {}).get("action") == "FirmwareStatusNotification" for _, record in records)


def test_of_a_cut_frame_only_whole_values_are_used(tmp_path: Path) -> None:
    """A number or word that was cut is left out, since it may have been another one."""
    line = b'2026-05-10T08:00:01Z CP > [2,"1","StatusNotification",{"connectorId":1,"errorCode":"GroundFailure","connectorId":1'
    records, _ = read(HEARTBEAT + line, tmp_path)
    (fault,) = [r for name, r in records if name == "events" and r["event_type"] == "fault"]
    assert (fault["data"]["fault_code"], fault["connector_id"]) == ("GroundFailure", 1)


def test_other_lines_cost_nothing(tmp_path: Path) -> None:
    """Tracebacks, pings and whatever else a program logs between the frames is passed over without a word."""
    noise = (
        b"Traceback (most recent call last):\n  File \"x.py\", line 226, in f\nValueError: '[' is no [thing]\n"
        b"2026-05-10 08:00:01 DEBUG Connection latency from 'central' to 'CP': ping=1.0 ms, pong=3.0 ms\n\xff\xfe\n\n"
    )
    records, problems = read(HEARTBEAT + noise + HEARTBEAT.replace(b"00:00Z", b"01:00Z"), tmp_path)
    assert problems == []
    assert [name for name, _ in records].count("heartbeats") == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b'{"code": 10, "reason": ""}', b"[1, 2, 3]", b"\x1f\x8b", b"a,b\n1,2\n", b"\n" * 1_000_000],
)
def test_what_holds_no_frame_is_no_log(content: bytes, tmp_path: Path) -> None:
    """Text without a frame is refused with one line that says so."""
    with pytest.raises(UnreadableInput, match="holds no OCPP frame"):
        read(content, tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{ "code": 1006, "reason": "" }\n', "closed with 1006 (AbnormalClosure), but neither when nor whose"),
        (b"websocket closed: close code 1011\n", "closed with 1011 (InternalServerError)"),
    ],
)
def test_a_lone_close_code_is_refused_with_what_it_means(content: bytes, told: str, tmp_path: Path) -> None:
    """Of a close that is told without time and charger nothing can be said but what its code means, and where to read on."""
    path = tmp_path / "x.log"
    path.write_bytes(content)
    for read_it in (read_bundle, read_ocpp_log):
        with pytest.raises(UnreadableInput, match=re.escape(told)) as raised:
            read_it(path)
        assert "charger-triage explain CloseCode." in str(raised.value)


def test_frames_that_share_a_line_are_all_read(tmp_path: Path) -> None:
    """Two frames that a program wrote without a line end between them are two."""
    line = HEARTBEAT.strip() + b' [2,"1","FirmwareStatusNotification",{"status":"Idle"}] trailing words\n'
    records, problems = read(line, tmp_path)
    assert [r["ocpp"]["action"] for _, r in records if "ocpp" in r] == ["FirmwareStatusNotification", "Heartbeat"]
    assert problems == []


def test_an_array_is_read_on_behind_an_item_that_is_broken(tmp_path: Path) -> None:
    """An item that was edited by hand costs itself and a warning; what comes after it is read."""
    items = LAYOUTS["array"](session("1.6")).replace(b'"Preparing"', b"***", 1)
    records, problems = read(items, tmp_path)
    assert len(problems) == 1
    assert problems[0].startswith("an item of the array cannot be read (")
    assert [r["stop_reason"] for name, r in records if name == "charging_records"] == ["Remote"]


def test_a_word_for_both_directions_tells_none(tmp_path: Path) -> None:
    """Where a log has one word for both directions, answers are paired without it."""
    at = "2026-05-10T08:00:0{}Z msg CP: "
    lines = [
        at.format(0) + '[2,"1","Heartbeat",{}]',
        at.format(0) + '[3,"1",{"currentTime":"2026-05-10T08:00:00Z"}]',
        at.format(1) + '[2,"2","ClearCache",{}]',
        at.format(2) + '[3,"2",{"status":"Rejected"}]',
    ]
    records, _ = read("\n".join(lines).replace("msg", "receive").encode(), tmp_path)
    assert [r["status"] for name, r in records if name == "commands"] == ["rejected"]


def test_a_damaged_archive_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """A gzipped log that was cut gives what can be unpacked, and a warning."""
    many = [call(f"2026-05-10T{hour:02}:00:00Z", f"{hour}", "Heartbeat") for hour in range(24)] * 4000
    records, problems = read(LAYOUTS["gzip"](many)[:-4000], tmp_path)
    assert records
    assert any("the gzip archive is damaged" in problem for problem in problems)


def test_an_archive_that_unpacks_to_far_too_much_is_given_up(tmp_path: Path) -> None:
    """A small archive with gigabytes in it is read no further than a fixed multiple of its size."""
    import gzip

    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb") as archive:
        archive.write(HEARTBEAT)
        for _ in range(120):
            archive.write((b" " * 1023 + b"\n") * 2**10)
    _, problems = read(stream.getvalue(), tmp_path)
    assert any("unpacks to more than 500 times its size" in problem for problem in problems)


# As bundles


def test_a_log_is_told_by_its_content(tmp_path: Path, triage: Triage) -> None:
    """`read_bundle` takes a log whatever it is called, from a path, a stream or beside others, as `read_ocpp_log` does."""
    path = tmp_path / "CP-7.json"
    path.write_bytes(LAYOUTS["array"](session("1.6")))
    expected = triage.diagnose(read_ocpp_log(path)).model_dump_json()
    assert triage.diagnose(read_bundle(path)).model_dump_json() == expected
    assert triage.diagnose(read_bundle(io.StringIO(path.read_text()))).model_dump_json() == expected
    assert [incident.fault_code for incident in triage.diagnose(read_bundle(path)).incidents] == ["F-0101"]


def test_a_log_and_a_bundle_are_read_as_one(tmp_path: Path, triage: Triage) -> None:
    """A log joins what a bundle knows of the same charger: what the bundle says stands, the log adds the rest."""
    case = tmp_path / "case"
    case.mkdir()
    (case / "devices.json").write_text(
        json.dumps([{"device_id": CHARGER, "site_id": "S", "model": "TP-DC180", "sn": None}])
    )
    log = tmp_path / "any.txt"
    log.write_bytes(LAYOUTS["SteVe"](session("1.6")))
    both = read_bundles([case, log])
    (device,) = both.observations["devices"].records
    assert (device.fields["model"], device.fields["site_id"]) == ("TP-DC180", "S")
    assert (device.fields["firmware_version"], device.fields["sn"]) == ("3.0.1", "SN-77")
    in_folder = case / "any.log"
    in_folder.write_bytes(log.read_bytes())
    assert triage.diagnose(read_bundle(case)).model_dump_json() == triage.diagnose(both).model_dump_json()


@pytest.mark.parametrize("name", ["CP-7.txt", "messages.csv", "CP-7.log.1", "events.log", "CP-7"])
@pytest.mark.parametrize("layout", ["SteVe", "array", "CSV", "gzip"])
def test_logs_in_folders_and_zips_are_told_by_content(layout: str, name: str, tmp_path: Path, triage: Triage) -> None:
    """A folder and a zip, at any depth, may hold logs by any name beside files that are none; nothing is lost or warned of."""
    content = LAYOUTS[layout](session("1.6"))
    folder = tmp_path / "case"
    folder.mkdir()
    (folder / name).write_bytes(content)
    (folder / "notes.md").write_text("The connector was hot.")
    packed = tmp_path / "case.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"export/{name}", content)
        archive.writestr("export/photo.jpg", b"\xff\xd8\xff" + bytes(100))
    for source in (folder, packed):
        diagnosis = triage.diagnose(read_bundle(source))
        assert [incident.fault_code for incident in diagnosis.incidents] == ["F-0101"]
        assert diagnosis.warnings == []


def test_a_log_in_a_damaged_zip_is_one_clear_error(tmp_path: Path) -> None:
    """A zip whose content is damaged is refused with one line, whatever the damage does to the unpacking."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("steve.log", LAYOUTS["SteVe"](session("1.6")))
    content = stream.getvalue()
    for place in range(40, 400, 7):
        path = tmp_path / "x.zip"
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x5A]) + content[place + 1 :])
        with pytest.raises(UnreadableInput, match="is a damaged or encrypted zip"):
            read_bundle(path)


def test_the_order_of_logs_does_not_matter(tmp_path: Path, triage: Triage) -> None:
    """Two parts of a log give the same diagnosis in either order; the later one's word of the charger counts."""
    messages = session("1.6")
    parts = []
    for number, some in enumerate((messages[:14], messages[14:])):
        parts.append(tmp_path / f"part{number}.log")
        parts[-1].write_bytes(LAYOUTS["evcc"](some))
    forward, back = (triage.diagnose(read_bundles(order)) for order in (parts, parts[::-1]))
    assert forward.model_dump_json() == back.model_dump_json()


def test_problems_of_a_log_are_warnings_of_the_diagnosis(tmp_path: Path, triage: Triage) -> None:
    """What is wrong with a log stands among the diagnosis's warnings with file and line, no more than a page of one kind."""
    path = tmp_path / "CP.log"
    path.write_bytes(HEARTBEAT + b'2026-05-10T08:00:01Z CP > [2,"1","Sto\n' * 50)
    warnings = [w for w in triage.diagnose(read_bundle(path)).warnings if w.list == "ocpp_log"]
    assert f"{path}: line 2: the frame cannot be read" in min(w.problem for w in warnings if "line 2:" in w.problem)
    assert len(warnings) == 21
    assert any("30 more frames that cannot be read" in w.problem for w in warnings)


def test_answers_pair_by_direction_where_ids_are_used_on_both_sides(tmp_path: Path) -> None:
    """The charger's and the platform's call may have the same id: each gets its own answer."""
    entries = [
        call("2026-05-10T08:00:00Z", "1", "Heartbeat"),
        {"at": "2026-05-10T08:00:00Z", "by": "platform", "frame": [2, "1", "ClearCache", {}]},
        answer("2026-05-10T08:00:01Z", "1", currentTime="2026-05-10T08:00:01Z"),
        {"at": "2026-05-10T08:00:02Z", "by": "charger", "frame": [3, "1", {"status": "Rejected"}]},
    ]
    records, _ = read(LAYOUTS["evcc"](entries), tmp_path)
    (command,) = [record for name, record in records if name == "commands"]
    assert (command["status"], command["result"]) == ("rejected", {"status": "Rejected"})
