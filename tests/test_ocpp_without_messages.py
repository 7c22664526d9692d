"""Logs that hold no OCPP message, but lines that tell of a charger's connection and faults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from charger_triage.adapters.bundle import UnreadableInput
from charger_triage.adapters.files import read_bundle
from charger_triage.engine import Triage

FOUND = {
    "an error of the standard": (
        "[lp-1  ] ERROR 2026/05/10 08:00:00 charger status: HighTemperature: charging plug above limit\n",
        ["F-0203"],
    ),
    "a vendor's words": (
        "2026-05-10T08:00:00Z [board] rx 1F 00 A7\n2026-05-10T08:00:01Z [board] self test: RelayAdhesion error\n",
        ["F-0101"],
    ),
    "the connection of a charger": (
        "2026/05/10 08:00:00 [ocpp] charge point connected: CP-7\n2026/05/10 08:09:00 [ocpp] charge point disconnected: CP-7\n",
        ["F-0301"],
    ),
    "attempts to connect": (
        "2026-05-10 08:00:00.1 [INFO] ocpp:OCPP201 :: Connecting TLS websocket to uri: wss://csms.example/ws/CP-7\n"
        "2026-05-10 08:00:00.9 [ERRO] ocpp:OCPP201 :: Failed to connect to websocket server, error_code: 8, reason: TLS handshake failed\n"
        "2026-05-10 08:00:04.9 [ERRO] ocpp:OCPP201 :: Failed to connect to websocket server, error_code: 8, reason: TLS handshake failed\n",
        ["F-0301"],
    ),
    "an address that is not reached": (
        "[lp-1  ] ERROR 2026/05/10 08:00:00 charger status: dial tcp 192.0.2.7:502: connect: no route to host\n",
        ["F-0301"],
    ),
    "a connection that is back": (
        "2026/05/10 08:00:00 [ocpp] charge point disconnected: CP-7\n2026/05/10 08:00:09 [ocpp] charge point connected: CP-7\n",
        [],
    ),
    "somebody who asks for the connection again": (
        "2026-05-10 08:00:00 INFO [x.ocpp] Charger CP-7 disconnected from 0.0.0.0:9000.\n"
        "2026-05-10 08:00:01 DEBUG [websockets.server] < GET /CP-7 HTTP/1.1\n",
        [],
    ),
}


@pytest.mark.parametrize("kind", FOUND)
def test_lines_tell_of_faults_and_connections(kind: str, tmp_path: Path, triage: Triage) -> None:
    """What lines say of a charger's faults and connection becomes incidents; a charger that they do not name is called like the file."""
    text, codes = FOUND[kind]
    path = tmp_path / "CP-7.log"
    path.write_text(text)
    found = triage.diagnose(read_bundle(path)).incidents
    assert [(incident.device_id, incident.fault_code) for incident in found] == [("CP-7", code) for code in codes]


def test_why_no_attempt_succeeds_is_evidence(tmp_path: Path, triage: Triage) -> None:
    """Attempts that fail with TLS leave the charger, which its address names, offline once, and put the certificate first."""
    path = tmp_path / "station.log"
    path.write_text(FOUND["attempts to connect"][0])
    bundle = read_bundle(path)
    assert [r.fields["transition"] for r in bundle.observations["connections"].records] == ["offline"]
    (incident,) = triage.diagnose(bundle).incidents
    assert incident.device_id == "CP-7"
    leader, *others = incident.hypotheses
    assert leader.cause_id == "F-0301/tls-certificate-expired"
    told = {item.rule_id for hypothesis in others for item in hypothesis.evidence}
    assert "F-0301.says-uplink-down" not in told, "a handshake that failed is no line that is down"


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-10 08:00:00 [INFO] EvseSlac :: Connection lost in matched state, error\n",
        "2026-05-10 08:00:00 INFO iso15118.comm_session - Reason: TCP peer closed connection, error\n",
        "[lp-1  ] WARN 2026/05/10 08:00:00 charger out of sync: expected enabled, got disabled\n",
        "2026-05-10 08:00:00 ERROR mqtt: connection refused by broker\n",
        "when,which,what\n2026-05-10T08:00:00Z,CP-7,relay adhesion error\n",
        "2026-05-10 08:00:00 ERROR 'Foo' is not one of ['GroundFailure', 'HighTemperature', 'OverVoltage']\n",
    ],
)
def test_other_lines_make_no_log(text: str, tmp_path: Path) -> None:
    """Links to a vehicle or a broker, a program's own state, tables, and lists of all errors tell of no fault of a charger."""
    path = tmp_path / "notes.log"
    path.write_text(text)
    with pytest.raises(UnreadableInput):
        read_bundle(path)


@pytest.mark.parametrize(
    ("text", "said", "explain"),
    [
        ("EVSE: relay adhesion error\n", "tells of a fault (a contactor does not open), but not when", "F-0101"),
        ("May 10 08:00:00 cp7 app: OverVoltage error\n", "but not on which day", "OverVoltage"),
        ("[MO] connection ws://host/cp7 -- HTTP error 404\n", "link to its platform fails (HTTP error 404), but not when", "F-0301"),
        ("websocket closed: close code 1011\n", "closed with 1011 (InternalServerError)", "CloseCode.1011"),
        ("[MO] connection failed (\x1b[31mred) of ocpp\n", "fails ([31mred), but", "F-0301"),
    ],
)  # fmt: skip
def test_without_a_time_it_is_said_what_is_told(text: str, said: str, explain: str, tmp_path: Path) -> None:
    """A few lines that name no moment are refused with what they mean, and where to read on."""
    path = tmp_path / "notes.log"
    path.write_text(text)
    with pytest.raises(UnreadableInput, match=re.escape(said)) as raised:
        read_bundle(path)
    assert f"charger-triage explain {explain} says" in str(raised.value)
    assert "\x1b" not in str(raised.value)


def test_words_beside_messages_raise_no_fault(tmp_path: Path, triage: Triage) -> None:
    """A log that holds messages tells of faults by them: a line that repeats one is a remark."""
    path = tmp_path / "CP-7.log"
    path.write_text(
        '2026-05-10T08:00:00Z [CP-7] <- [2,"1","Heartbeat",{}]\n2026-05-10T08:00:01Z [CP-7] ERROR status HighTemperature\n'
    )
    assert triage.diagnose(read_bundle(path)).incidents == []


@pytest.mark.parametrize(("name", "codes"), [("notes.txt", []), ("CP-7.log", ["F-0101"]), ("CP-7.log.1", ["F-0101"])])
def test_notes_beside_other_files_are_no_log(name: str, codes: list[str], tmp_path: Path, triage: Triage) -> None:
    """In a folder only what is called a log is one, where it holds no messages."""
    (tmp_path / "devices.jsonl").write_text('{"device_id": "CP-7"}\n')
    (tmp_path / name).write_text("2026-05-10 08:00:00 relay adhesion error on connector\n")
    found = triage.diagnose(read_bundle(tmp_path)).incidents
    assert [incident.fault_code for incident in found] == codes
