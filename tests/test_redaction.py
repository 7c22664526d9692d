"""What leaves an escalation: nothing that tells who somebody is, and everything that tells what a charger did."""

from __future__ import annotations

import copy
import html
import re
import string
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.adapters.escalation import Escalation, escalation_html, escalation_markdown, escalation_of
from charger_triage.adapters.escalation.redaction import Redactor, known_in
from charger_triage.adapters.files import Bundle
from charger_triage.engine import Triage
from charger_triage.knowledge.observations import observe

from .support.examples import few

AT = "2026-05-10T12:00:00Z"
VIN_SIGNS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"

FREE_TEXTS: dict[str, tuple[str, ...]] = {
    "sites": ("name", "location", "area"),
    "devices": ("manufacturer", "ocpp_version"),
    "events": ("data.fault_message", "data.details", "data.reason"),
    "heartbeats": (),
    "telemetry": ("soc",),
    "charging_records": ("stop_reason", "details", "vehicle_info.make", "vehicle_info.model", "vehicle_info.firmware"),
    "connections": ("reason",),
    "commands": ("params.value", "result"),
    "configurations": ("config_profile_id", "profile_schema_version"),
    "service_visits": ("work",),
    "grid": (),
    "environment": (),
    "check_results": ("value",),
}
"""The fields of each list that hold a person's words (one of them a number's, so that a warning quotes it)."""


def case() -> dict[str, list[Any]]:
    """A fault of a charger with a record of every list beside it."""
    own = {"device_id": "TP-001", "timestamp": AT}
    return {
        "sites": [{"site_id": "S-1", "area": "north", "network": {"status": "up"}}],
        "devices": [
            {"device_id": "TP-001", "site_id": "S-1", "model": "TP-DC180", "firmware_version": "3.0.1", "sn": "SN-4711-XY"}
        ],
        "events": [
            {**own, "event_type": "fault", "connector_id": 1, "data": {"fault_code": "F-0421"}},
            {**own, "event_type": "fault", "data": {"fault_code": "E-77"}},
            {**own, "event_type": "alarm", "connector_id": 1, "data": {}},
        ],
        "heartbeats": [{**own, "status": "online"}],
        "telemetry": [{**own, "connector_id": 1, "state": "preparing", "voltage": 398.2, "power": 0}],
        "charging_records": [
            {"record_id": "r-1", "device_id": "TP-001", "connector_id": 1, "start_time": AT, "energy": 3.5, "vehicle_info": {}}
        ],
        "connections": [{**own, "transition": "reconnect", "close_code": 1006}],
        "commands": [
            {"command_id": "c-1", "device_id": "TP-001", "command": "reboot", "created_at": AT, "params": {}, "status": "failed"}
        ],
        "configurations": [{**own, "running_config": "a1b2c3d4e5f60718a1b2c3d4e5f60718", "expected_config": "9f8e7d6c5b4a3928"}],
        "service_visits": [dict(own)],
        "grid": [{"timestamp": AT, "site_id": "S-1", "kind": "outage"}],
        "environment": [{"timestamp": AT, "site_id": "S-1", "ambient_c": 20}],
        "check_results": [{**own, "connector_id": 1, "check_id": "close-click", "value": "present"}],
    }  # fmt: skip


def planted(text: str, *, as_name: bool = False) -> dict[str, list[Any]]:
    """The case with a text in every free-text field, in fields that nobody documented, in lists, in keys.

    With `as_name` it stands in a field of a name as well, so that it is known and not merely recognised.
    """
    bundle = case()
    for name, paths in FREE_TEXTS.items():
        for record in bundle[name]:
            for path in paths:
                *parents, last = path.split(".")
                holder = record
                for parent in parents:
                    holder = holder.setdefault(parent, {})
                holder[last] = text
            record["remark"] = text
            record["extra"] = {"deep": [[text], {"deeper": {text: text}}]}
            if isinstance(record.get("data"), dict):
                record["data"]["extra"] = {"deep": [text, {text: [text]}]}
    other = {**bundle["check_results"][0], "check_id": "coil-voltage", "value": text}
    bundle["check_results"].append({**other, "by": text} if as_name else other)
    return bundle


def diagnosed(triage: Triage, records: dict[str, list[Any]], *, redact: bool = True) -> Escalation:
    """The escalation of records held in memory."""
    bundle = Bundle(observe(records), "memory")
    return escalation_of(triage.diagnose(bundle), bundle, redact=redact)


def forms(document: Escalation) -> dict[str, str]:
    """The three forms of a document, as a reader sees them."""
    return {
        "json": document.model_dump_json(),
        "markdown": escalation_markdown(document).replace("\\", "").replace("\u200b", ""),
        "html": html.unescape(escalation_html(document)),
    }


def signs(text: str) -> str:
    """Letters and digits in lower case."""
    return re.sub(r"[\W_]+", "", text).casefold()


vins = st.text(VIN_SIGNS, min_size=13, max_size=13).flatmap(
    lambda start: st.from_regex(r"[0-9]{4}", fullmatch=True).map(lambda end: "W" + start[1:] + end)
)
words = st.text(string.ascii_letters, min_size=2, max_size=10)
hexadecimal = st.sampled_from([8, 14, 20]).flatmap(
    lambda size: st.text("0123456789ABCDEF", min_size=size - 2, max_size=size - 2).map(lambda text: f"A0{text}")
)
tags = hexadecimal | st.from_regex(r"DE-[A-Z]{3}-C[0-9]{8}-[0-9]", fullmatch=True)
base64 = st.text(string.ascii_letters + string.digits, min_size=24, max_size=60)
tokens = (
    base64.map(lambda text: f"eyJ{text}.{text}")
    | base64.map(lambda text: f"sk_live_{text}")
    | st.text("0123456789abcdef", min_size=40, max_size=40).map(lambda text: f"{text[:-2]}a0")
)
mails = st.from_regex(r"[a-z][a-z0-9._+-]{0,20}[a-z0-9]@[a-z][a-z0-9-]{0,12}[a-z]\.(com|de|co\.uk)", fullmatch=True)

sentences = st.tuples(
    st.sampled_from(["", "seen: ", "Vehicle ", "(", "id=", "caller said '"]),
    st.sampled_from(["", ".", ", twice", ")", "'", "; then nothing", " …", "\n"]),
)


@few
@given(secret=vins | tags | tokens | mails, around=sentences, as_name=st.booleans())
def test_nothing_planted_comes_through(triage: Triage, secret: str, around: tuple[str, str], as_name: bool) -> None:
    """VINs, tags, tokens and mail addresses in every free-text field, unknown field, list and key are in no form of it."""
    before, after = around
    records = planted(f"{before}{secret}{after}", as_name=as_name)
    document, plain = diagnosed(triage, records), diagnosed(triage, records, redact=False)
    assert secret in plain.model_dump_json()
    for form, written in forms(document).items():
        assert secret.casefold() not in written.casefold(), form
        assert signs(secret) not in signs(written), form


@few
@given(
    secret=vins,
    gap=st.sampled_from(["", " ", "-", ".", "\u200b", "\u00ad"]),
    case_of=st.sampled_from([str.upper, str.lower]),
)
def test_known_values_are_found_in_every_spelling(triage: Triage, secret: str, gap: str, case_of: Any) -> None:
    """A VIN that one record names in its field stands under the same pseudonym wherever and however it is written."""
    records = planted(f"vehicle {case_of(gap.join([secret[:3], secret[3:9], secret[9:]]))} came")
    records["charging_records"][0]["vehicle_info"]["vin"] = secret
    document = diagnosed(triage, records)
    assert document.pseudonyms.get("vehicle") == 1
    for written in forms(document).values():
        assert signs(secret) not in signs(written)


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("idTag", "anna-card", "tag"),
        ("id_tag", 12345678, "tag"),
        ("idToken", {"idToken": "B00X", "type": "ISO14443"}, "tag"),
        ("customerEmail", "root", "mail"),
        ("apiKey", "opensesame", "token"),
        ("password", "1234", "token"),
        ("vehicle_vin", "SHORTVIN", "vehicle"),
        ("reported_by", "Zoë O'Hara", "person"),
        ("technicianName", "Søren Kierk", "person"),
        ("driver", {"name": "Ana", "years": 41}, "person"),
        ("licencePlate", "B AB 12", "plate"),
        ("phone", "12 34", "phone"),
        ("iccid", "8944", "modem"),
    ],
)
def test_a_field_s_name_says_what_it_holds(field: str, value: Any, kind: str) -> None:
    """A value under the name of an identifier is one, whatever it looks like."""
    record = {"data": {field: value}}
    redacted = Redactor(known_in(observe({}))).record(record)
    assert f"{kind}-1" in str(redacted)
    for leaf in leaves(value):
        assert str(leaf) not in str(redacted) or leaf == "ISO14443"


def leaves(value: Any) -> Iterator[Any]:
    """The values in a nested value."""
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    else:
        yield value


def test_a_name_is_found_in_its_other_forms() -> None:
    """Whoever a field names is the same person turned around, by initial, by last name and in capitals."""
    known = known_in(
        observe(
            {
                "check_results": [
                    {"timestamp": AT, "device_id": "A", "check_id": "vents", "value": "clear", "by": "Jane Doering"}
                ]
            }
        )
    )
    redactor = Redactor(known)
    for text in ("Jane Doering", "JANE DOERING", "Doering, Jane", "J. Doering", "Doering"):
        assert redactor.text(f"seen by {text} again") == "seen by person-1 again"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VIN:WVWZZZ1KZ6W612305.", "VIN:vehicle-1."),
        ("vin wvwzzz1kz6w612305", "vin vehicle-1"),
        ("WVW ZZZ1KZ 6W612305 came", "vehicle-1 came"),
        ("WVW-ZZZ-1KZ-6W6-12305", "vehicle-1"),
        ("ＷＶＷＺＺＺ１ＫＺ６Ｗ６１２３０５", "vehicle-1"),
        ("authorised by 04A1B2C3", "authorised by tag-1"),
        ("RFID 04:A1:B2:C3:D4:E5:F6", "RFID tag-1"),
        ("contract DE*ABC*C12345678*9", "contract tag-1"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: token-1"),
        ("idTag ABCDEF", "idTag tag-1"),
        ("vin%3D1HGCM82633A004352&x", "vin%3Dvehicle-1&x"),
        ("tok_live_51HabcDEFghiJKL used", "token-1 used"),
        ("pin 1234 entered", "pin token-1 entered"),
        ("Jane Doering called", "person-1 called"),
        ("value 'WVWZZZ1KZ6W61…: no number", "value '…: no number"),
        ("bearer AbC123def456", "bearer token-1"),
        ("password is hunter2, sorry", "password is token-1, sorry"),
        ("wss://cp01:pw@host/ocpp", "wss://token-1@host/ocpp"),
        ("https://host/x?access_token=abc&n=1", "https://host/x?access_token=token-1&n=1"),
        ("Cookie: a=b; c=d", "Cookie: token-1"),
        ("write to bob.o'neil+x@exa-mple.co.uk, now", "write to mail-1, now"),
        ("bob%40example.com or bob (at) example.com", "mail-1 or mail-1"),
        ("call +49 171 2345678", "call phone-1"),
        ("tel. 030/1234567", "tel. phone-1"),
        ("number plate B-AB 1234", "number plate plate-1"),
        ("driver Anna pulled it", "driver person-1 pulled it"),
        ("replaced by J. Smith", "replaced by person-1"),
        ("from 00:1A:2B:3C:4D:5E at 8.8.8.8", "from address-1 at address-2"),
        ("ICCID 8944500102198304826", "ICCID modem-1"),
        ("server 93.184.216.34 unreachable", "server address-1 unreachable"),
        ("driver:93.184.216.34.", "driver:address-1."),
        ("lost 2a00:1450:4001:81b::200e.", "lost address-1."),
        ("MAC aabb.ccdd.eeff or 001a.2b3c.4d5e.", "MAC address-1 or address-2."),
        ("idTag 0x04A224B2 refused", "idTag tag-1 refused"),
        ('{"idTag": "550e8400-e29b-41d4-a716-446655440000"}', '{"idTag": "tag-1"}'),
        (r"sent {\"idTag\":\"TAGX77\",\"pin\":\"4711\"}", r"sent {\"idTag\":\"tag-1\",\"pin\":\"token-1\"}"),
        (r"sent {\"password\": \"hunter2\"}", r"sent {\"password\": \"token-1\"}"),
        ("token: 550e8400-e29b-41d4-a716-446655440000", "token: token-1"),
        ("in case 01712345678 rings", "in case phone-1 rings"),
        ("started with card 04A1B2C3", "started with card tag-1"),
        ("driver Łukasz Nowak said so", "driver person-1 said so"),
        ("technician Иван Петров", "technician person-1"),
        ("password: opensesame", "password: token-1"),
        ("Set-Cookie: sid=abc; Path=/; HttpOnly, then lost", "Set-Cookie: token-1, then lost"),
    ],
)
def test_patterns(text: str, expected: str) -> None:
    """What no field names is known by its shape or by the word before it."""
    assert Redactor(known_in(observe({}))).text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The cabinet fan turned at only 0 rpm while the cabinet was hot.",
        "telemetry[329] @ 2026-05-12 11:49:30Z, telemetry[360] @ 2026-05-12T12:00:00.250+02:00",
        "F-0421.firmware-feedback-timing at TP-001, firmware 3.0.1 and 260420.0107, build 4.1.0.12",
        "running a1b2c3d4e5f60718a1b2c3d4e5f60718, expected 9f8e7d6c5b4a3928",
        "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        "component_health.internal_temps.power_module 81.25 °C, status 0x1A2B3C4D",
        "192.168.1.20 answers, 10.0.0.1 does not",
        "SN-4711-XY of Tellus, TP-DC180",
        "sha256:" + "ab12" * 16,
        "config hash 9f86d081884c7d65 of build 4.1.0-rc2+a1b2c3d4",
        "connector DE*ABC*E12345, 16A@230V, isolation 1200 kOhm @ 500 V, pin 3",
        "The fan's driver IC degraded by Power Module heat",
        "by field engineer, by remote command",
        "voltage 398.2 V, 125 A, 0.4519 K/min, −13 dB, 99.9%",
        "authorization: Accepted, contactor K1 failed to close, residual 398 V",
        "token is required; credentials: missing; password: expected",
        "token was refused by server, passwords: not set",
        "session id: CR-20260501-0007",
        "session started with 398.2V residual, charging started with 32A, stopped for 30min, stopped with E-203",
        "authorised for connector 2, auth for connector-2",
        "cell 3.652 3.648 3.650",
        "module serial 0123456789, part 123-456-7890",
        "power card 2B-04 replaced, control card A1B2 failed",
        "User Authentication failed. Customer Complaint: cable stuck. Owner Manual page 3. Technician Arrived late",
        "server version 93.184.216.34, ver 93.184.216.34",
    ],
)
def test_what_level_2_needs_stays(text: str) -> None:
    """Codes, times, versions, ids of chargers, hashes of configurations, private addresses and readings are not touched."""
    known = known_in(observe(case()), ["power module", "heat"])
    assert Redactor(known).text(text) == text


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        ("04A224B25C5E80", "card 0x04A224B25C5E80 refused", "card tag-1 refused"),
        ("04A224B25C5E80", "read 0x04A224B25C5E80", "read tag-1"),
        ("04A2", "read 0x04A2", "read tag-1"),
        ("12345678", "read 0x12345678", "read tag-1"),
        ("550e8400-e29b-41d4-a716-446655440000", "for 550E8400-E29B-41D4-A716-446655440000.", "for tag-1."),
        ("a1b2c3d4e5f60718", "hash a1b2c3d4e5f60718", "hash tag-1"),
        ("20260510120000", "at 2026-05-10 12:00:00Z", "at 2026-05-10 12:00:00Z"),
    ],
)
def test_what_a_field_names_stays_nowhere(value: str, text: str, expected: str) -> None:
    """A tag that a field names is found where its spelling has the shape of an id or a digest, which else stays; a time is a time."""
    known = known_in(
        observe({"commands": [{"command_id": "c", "device_id": "A", "command": "x", "params": {"idTag": value}}]})
    )
    assert Redactor(known).text(text) == expected


@pytest.mark.parametrize(
    "field",
    [
        {"component_health": {"idTag": "MY-TAG-X"}},
        {"power_modules": [{"index": 1, "rfid": "MY-TAG-X"}]},
        {"phase_details": {"phase_a": {"seen": {"idTag": "MY-TAG-X"}}}},
        {"remark": '{"data": [{"idTag": "MY-TAG-X"}]}'},
    ],
)
def test_values_are_known_from_any_depth(field: dict[str, Any]) -> None:
    """A tag deep in a telemetry record, or in JSON that a text holds, is found in the words of another."""
    telemetry = {"timestamp": AT, "device_id": "A", "connector_id": 1, "voltage": 400, **field}
    assert Redactor(known_in(observe({"telemetry": [telemetry]}))).text("MY-TAG-X denied") == "tag-1 denied"


def test_json_in_a_text_is_redacted_by_its_fields() -> None:
    """A text that is JSON stays JSON, and its fields say what they hold; one without anything to hide stays as it was."""
    redactor = Redactor(known_in(observe({})))
    record = redactor.record({"data": '{"driver": "Bo", "pin_code": 4711, "volt": 398.2}', "other": '{ "volt":398.2 }'})
    assert record == {
        "data": '{"driver": "person-1", "pin_code": "token-1", "volt": 398.2}',
        "other": '{ "volt":398.2 }',
    }


def test_numbers_of_pseudonyms_pass_over_those_in_the_records() -> None:
    """What a record calls `tag-1` itself is not taken for the tag that the document would have called so."""
    event = {
        "timestamp": AT,
        "device_id": "A",
        "event_type": "x",
        "data": {"reason": "tag-1 worn", "idTag": "04A1B2C3"},
    }
    redactor = Redactor(known_in(observe({"events": [event]})))
    assert redactor.text("tag-1 worn, 04A1B2C3 refused") == "tag-1 worn, tag-2 refused"


def test_a_known_number_is_found_bare() -> None:
    """A tag that is a number is redacted where another field holds it as a number; a reading of few digits is not."""
    data = {"idTag": 123456789, "user_id": 1234567}
    known = known_in(observe({"events": [{"timestamp": AT, "device_id": "A", "event_type": "x", "data": data}]}))
    assert Redactor(known).record({"list": [123456789, 1234567]}) == {"list": ["tag-1", 1234567]}


@pytest.mark.parametrize(
    "message",
    [
        "token is required; credentials: mechanically stuck; password: expected",
        "started with 398.2V residual; authorised by 398.2V; session id: F-0421-open",
        "password: mechanically; token: contactor; secret is decibans",
        "driver Contactor; idTag MECHANICALLY; tag 398.2V",
    ],
)
def test_no_message_takes_our_own_words(triage: Triage, message: str) -> None:
    """What a text says beside the word for a secret, a tag or a person is not looked for in titles, evidence and sentences of ours."""
    assert_our_words_stay(triage, {"fault_message": message})


@pytest.mark.parametrize("field", [{"password": "Contactor"}, {"driver": "Max Contactor"}])
def test_no_field_takes_our_own_words(triage: Triage, field: dict[str, str]) -> None:
    """A name or a password that is a word of a title is replaced in its field, and the title stays."""
    assert_our_words_stay(triage, field)


def assert_our_words_stay(triage: Triage, data: dict[str, str]) -> None:
    """An escalation of the case with more data in its fault says of ours what one without redaction says."""
    records = case()
    records["events"][0]["data"].update(data)
    redacted, plain = diagnosed(triage, records), diagnosed(triage, records, redact=False)
    assert redacted.summary == plain.summary
    assert redacted.measurements == plain.measurements
    for section, unredacted in zip(redacted.sections, plain.sections, strict=True):
        for incident, before in zip(section.incidents, unredacted.incidents, strict=True):
            assert incident.ranking == before.ranking
            assert (incident.open, incident.ruled_out) == (before.open, before.ruled_out)


@few
@given(secret=vins | tags | tokens | mails)
def test_the_rest_survives(triage: Triage, secret: str) -> None:
    """Whatever is planted, codes, versions, device ids, numbers and times of the case stand in every form."""
    for form, written in forms(diagnosed(triage, planted(f"note {secret}"))).items():
        for kept in (
            "F-0421",
            "E-77",
            "TP-001",
            "3.0.1",
            "TP-DC180",
            "398.2",
            "close-click" if form == "json" else "3.5",
        ):
            assert kept in written, (form, kept)
        assert AT in written or "2026-05-10 12:00:00Z" in written


@given(text=st.text(max_size=60) | st.tuples(words, vins | tags | tokens | mails, words).map(" ".join))
def test_redaction_is_idempotent(text: str) -> None:
    """A redacted text stays as it is when it is redacted again."""
    redactor = Redactor(known_in(observe({})))
    once = redactor.text(text)
    assert redactor.text(once) == once
    assert Redactor(known_in(observe({}))).text(once) == once


def test_one_value_has_one_pseudonym_throughout(triage: Triage) -> None:
    """A tag that one text announces is found bare in others, and a vehicle in a telemetry cell is that of the session."""
    records = case()
    records["events"][2]["data"] = {"reason": "card 77KX31 refused"}
    records["service_visits"][0]["work"] = "told the holder of 77kx-31 to wait"
    records["charging_records"][0]["vehicle_info"] = {"vin": "WVWZZZ1KZ6W612305"}
    records["telemetry"] = [
        {**records["telemetry"][0], "timestamp": f"2026-05-10T11:59:0{n}Z", "ev": {"vin": f"WVWZZZ1KZ6W61230{n}"}}
        for n in (4, 5)
    ]
    document = diagnosed(triage, records)
    told = " ".join(entry.what for entry in document.sections[0].timeline.entries)
    assert "card tag-1 refused" in told and "holder of tag-1 to wait" in told
    telemetry = document.sections[0].incidents[0].telemetry
    place = [column.path for column in telemetry.columns].index("ev.vin")
    (session,) = document.sections[0].incidents[0].impact.sessions
    assert [row.values[place] == session.vehicle for row in telemetry.rows] == [False, True]
    assert document.pseudonyms["vehicle"] == 2


@given(st.permutations(range(4)))
def test_pseudonyms_do_not_depend_on_the_order_of_records(triage: Triage, order: list[int]) -> None:
    """Records in any order give the same pseudonyms, and two vehicles two of them."""
    records = case()
    records["charging_records"] = [
        {"record_id": f"r{n}", "device_id": "TP-001", "connector_id": 1, "start_time": f"2026-05-10T11:{50 + n}:00Z",
         "end_time": AT, "vehicle_info": {"vin": f"WVWZZZ1KZ6W61230{n % 2}"}, "stop_reason": f"idTag ab12cd{n}"}
        for n in range(4)
    ]  # fmt: skip
    expected = diagnosed(triage, copy.deepcopy(records))
    records["charging_records"] = [records["charging_records"][n] for n in order]
    assert diagnosed(triage, records).model_dump_json() == expected.model_dump_json()
    assert expected.pseudonyms["vehicle"] == 2


def test_the_document_says_whether_it_is_redacted(triage: Triage) -> None:
    """Without redaction everything stands as it was recorded, and every form says so at its head."""
    records = case()
    records["charging_records"][0]["vehicle_info"] = {"vin": "WVWZZZ1KZ6W612305"}
    plain, redacted = diagnosed(triage, records, redact=False), diagnosed(triage, records)
    for written in forms(plain).values():
        assert "WVWZZZ1KZ6W612305" in written
        assert "Not redacted" in written
    for written in forms(redacted).values():
        assert "vehicle-1" in written
        assert "Redacted:" in written
    assert (plain.redacted, redacted.redacted) == (False, True)


@pytest.mark.parametrize(
    "piece",
    ["a", "A1", "a@", "A B C 1 ", "eyJ.", "token:", "+1 ", "x…", "2026-05-10 WVWZZZ1KZ6W612305 ", "00:", "by A B ", "J.J.", "tag 04A1B2C3 ",
     "Anna ", "é"],
)  # fmt: skip
def test_a_long_text_takes_no_longer_per_letter(piece: str) -> None:
    """No text makes a pattern slow: a quarter megabyte of its worst piece takes as long per letter as a tenth of it."""
    redactor = Redactor(
        known_in(
            observe({"events": [{"timestamp": AT, "device_id": "A", "event_type": "x", "data": {"driver": "Anna B"}}]})
        )
    )

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        start = time.process_time()
        redactor.text(text)
        return time.process_time() - start

    small, large = seconds(25_000), seconds(250_000)
    assert large < 60 * max(small, 0.0125)
