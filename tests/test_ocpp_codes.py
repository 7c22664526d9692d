"""Codes of other standards: looked up in any spelling, and read as the documented codes that they stand for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from charger_triage.adapters.files import read_bundle
from charger_triage.adapters.report.standard_code import standard_code_markdown, standard_code_text
from charger_triage.engine import Triage
from charger_triage.engine.diagnosis import Incident
from charger_triage.knowledge import KnowledgeError, TriageKnowledge, load_knowledge, open_knowledge
from charger_triage.knowledge.library import shipped_directory
from charger_triage.knowledge.observations import observe
from charger_triage.knowledge.standard_codes import activity, lookup, reported, shipped_codes, standard_codes


def event(second: int, kind: str, connector: int | None = 1, **data: Any) -> dict[str, Any]:
    """An event of charger A so many seconds after eight."""
    stamp = f"2026-05-10T08:{second // 60:02}:{second % 60:02}Z"
    return {"timestamp": stamp, "device_id": "A", "connector_id": connector, "event_type": kind, "data": data}


def incidents(triage: Triage, *events: dict[str, Any]) -> list[Incident]:
    """The incidents of some events."""
    return triage.diagnose(observe({"events": list(events)})).incidents


def test_every_row_names_documented_codes_only(knowledge: TriageKnowledge) -> None:
    """What a row stands for, and what it says to think of, is in the dictionary; a row that stands for nothing says why."""
    for row in standard_codes().values():
        assert {*row.faults, *row.related} <= set(knowledge.base.faults), row.code
        assert row.maps_to or row.basis, row.code


def test_the_tables_of_both_standards_are_whole() -> None:
    """All 26 codes of ChargeX and all of OCPP 1.6 but NoError have a row."""
    codes = set(standard_codes())
    assert {f"CX{number:03}" for number in range(1, 27)} <= codes
    assert {
        "ConnectorLockFailure", "EVCommunicationError", "GroundFailure", "HighTemperature", "InternalError", "LocalListConflict",
        "OtherError", "OverCurrentFailure", "OverVoltage", "PowerMeterFailure", "PowerSwitchFailure", "ReaderFailure",
        "ResetFailure", "UnderVoltage", "WeakSignal",
    } <= codes  # fmt: skip
    assert {
        f"StopReason.{reason}" for reason in (
            "DeAuthorized", "EVDisconnected", "EmergencyStop", "HardReset", "Local", "Other", "PowerLoss", "Reboot", "Remote",
            "SoftReset", "UnlockCommand",
        )
    } <= codes  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "reported"),
    [
        ("1006", "CloseCode.1006", None), ("AcDcConverter", "AcDcConverter.Problem", None),
        ("softreset", "StopReason.SoftReset", None), ("NoPPDetected", "NoPPDetected", "NoPPDetected"),
        ("CX017", "CX017", "CX017"), ("Problem", None, None), ("421", None, None), ("", None, None),
    ],
)  # fmt: skip
def test_who_asks_may_name_a_part(text: str, code: str | None, reported: str | None) -> None:
    """A part of a code finds its row where only one has it, but not what a charger reports: there it can mean something else."""
    asked, found = shipped_codes().asked_for(text), lookup(text)
    assert (asked and asked.code, found and found.code) == (code, reported)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CX017", "CX017"), ("cx17", "CX017"), ("cx-17", "CX017"), ("MREC 17", "CX017"), ("EVSEContactorFault", "CX017"),
        ("evse contactor fault", "CX017"), ("PowerSwitchFailure", "PowerSwitchFailure"),
        ("power switch failure", "PowerSwitchFailure"), ("HighTemperature", "HighTemperature"), ("PowerLoss", "CX015"),
        ("StopReason.PowerLoss", "StopReason.PowerLoss"), ("F-0421", None), ("hums but no current", None), ("", None), ("CX099", None),
    ],
)  # fmt: skip
def test_lookup_takes_any_spelling(text: str, code: str | None) -> None:
    """A code or a name is found in any spelling; of a name in two standards OCPP's own is meant."""
    row = lookup(text)
    assert (None if row is None else row.code) == code


@pytest.mark.parametrize(
    ("words", "stands_for"),
    [
        ("FanSpeedLow", ("F-0601",)), ("CoolingFan.Problem", ("F-0601",)), ("cabinet overtemperature", ("F-0204",)),
        ("ConnectorOverheated", ("F-0203",)), ("RELAY_WELDED", ("F-0101",)), ("contactor did not close", ("F-0421",)),
        ("rectifier 3 no response", ("F-0411",)), ("Inverter sync lost", ("F-0701",)), ("DischargeNotAllowed", ("F-0702",)),
        ("config mismatch", ("F-0512",)), ("Session terminated unexpectedly in state C", ("F-0805",)), ("K1 contact does not open", ("F-0101",)),
        ("contactor failed to engage", ("F-0421",)), ("cable and cabinet too hot", None), ("fan ok", None), ("E-5012", None), ("", None),
    ],
)  # fmt: skip
def test_what_vendors_say_in_words_is_known_where_it_fits_one(words: str, stands_for: tuple[str, ...] | None) -> None:
    """A report in a vendor's own words stands for the documented code that they fit; where they fit two, for none."""
    row = reported(words)
    assert (None if row is None else row.faults) == stands_for


OWN_CODES = """\
codes:
  - code: E-5012
    standard: a vendor's own
    meaning: the contactor did not close
    maps_to: [{fault: F-0421, fit: exact, basis: the vendor's manual says so}]
  - {code: E-9, standard: a vendor's own, meaning: a lamp is out, basis: no documented code fits}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A knowledge folder with one fault of the shipped ones."""
    (tmp_path / "faults").mkdir()
    for name in ("knowledge.yaml", "checks.yaml", "faults/F-0421.yaml"):
        shutil.copy(shipped_directory() / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("read", [open_knowledge, load_knowledge])
def test_codes_are_read_by_the_table_of_the_folder(folder: Path, read: Callable[[Path], TriageKnowledge]) -> None:
    """A folder's own table stands in place of the shipped one, for what is mapped and for what is not; without one that counts."""
    reports = [event(5, "fault", fault_code=code) for code in ("E-5012", "E-9", "PowerSwitchFailure")]

    def found() -> dict[str, str | None]:
        diagnosed = incidents(Triage(read(folder)), event(0, "state", to="preparing"), *reports)
        meant = {i.fault_code: i.mapped_from.code for i in diagnosed if i.mapped_from is not None}
        return {i.fault_code: meant.get(i.fault_code) or _meaning(i) for i in diagnosed}

    assert found() == {"E-5012": None, "E-9": None, "F-0421": "PowerSwitchFailure"}
    (folder / "standard_codes.yaml").write_text(OWN_CODES, encoding="utf-8")
    assert found() == {"E-9": "a lamp is out", "F-0421": "E-5012", "PowerSwitchFailure": None}


def _meaning(incident: Incident) -> str | None:
    meaning: str | None = (incident.escalation or {}).get("standard_code", {}).get("meaning")
    return meaning


def test_a_table_that_cannot_be_used_keeps_a_folder_from_loading(folder: Path) -> None:
    """What is wrong with a folder's table is found when it is loaded, with its line, and not first by a code in the records."""
    (folder / "standard_codes.yaml").write_text(OWN_CODES.replace("fit: exact", "fit: near"), encoding="utf-8")
    with pytest.raises(KnowledgeError) as caught:
        load_knowledge(folder)
    assert [(f.kind, f.place.file, f.place.line) for f in caught.value.findings] == [
        ("malformed", "standard_codes.yaml", 5)
    ]


AT_START = (event(0, "state", to="preparing"),)
JUST_CHARGING = (event(0, "state", to="preparing"), event(4, "state", to="charging"))
AFTER_STOP = (event(0, "state", to="charging"), event(5, "stop"), event(6, "state", to="idle"))
CHARGING = (event(-0, "state", to="preparing"), event(0, "state", to="charging"))


@pytest.mark.parametrize(
    ("before", "second", "expected"),
    [
        (AT_START, 10, [("F-0421", "exact")]),
        (JUST_CHARGING, 10, [("F-0421", "exact")]),
        (AFTER_STOP, 10, [("F-0101", "exact")]),
        (AFTER_STOP, 3000, [("F-0101", "exact")]),
        ((event(0, "start"),), 10, [("F-0421", "exact")]),
        ((), 10, [("F-0101", "close"), ("F-0421", "close")]),
        (CHARGING, 600, [("F-0101", "close"), ("F-0421", "close")]),
    ],
)
def test_a_contactor_fault_is_told_by_what_the_connector_did(
    before: tuple[dict[str, Any], ...], second: int, expected: list[tuple[str, str]], triage: Triage
) -> None:
    """CX017 is a contactor that failed to close at a start, one that failed to open after a stop, and either where nothing tells."""
    found = incidents(triage, *before, event(second, "fault", fault_code="CX017"))
    assert [(i.fault_code, i.mapped_from.exactness) for i in found if i.mapped_from] == expected
    assert all(i.documented for i in found)


def test_one_report_read_as_two_codes_is_no_evidence_for_either(triage: Triage) -> None:
    """Where CX017 may be either fault, neither reading supports, causes or contradicts the other."""
    found = incidents(triage, event(10, "fault", fault_code="CX017"))
    assert [incident.fault_code for incident in found] == ["F-0101", "F-0421"]
    for incident in found:
        assert not any(hypothesis.evidence for hypothesis in incident.hypotheses)
        assert (incident.root, incident.caused_by, incident.leads_to, incident.contradictions) == (None, [], [], [])


def test_a_close_fit_leaves_more_to_the_undocumented(triage: Triage) -> None:
    """The standard's own code fits less well than ChargeX's: the same records leave the undocumented rest a larger share."""
    (exact,) = incidents(triage, *AT_START, event(10, "fault", fault_code="CX017"))
    (close,) = incidents(triage, *AT_START, event(10, "fault", fault_code="PowerSwitchFailure"))
    (own,) = incidents(triage, *AT_START, event(10, "fault", fault_code="F-0421"))
    assert own.mapped_from is None
    assert own.undocumented_probability == exact.undocumented_probability
    assert (close.undocumented_probability or 0) > (exact.undocumented_probability or 0)


def test_a_code_that_was_reported_itself_needs_no_mapping(triage: Triage) -> None:
    """Where the documented code came as well, the incident is not said to be mapped."""
    both = incidents(triage, *AT_START, event(9, "fault", fault_code="F-0421"), event(10, "fault", fault_code="CX017"))
    assert [(i.fault_code, i.mapped_from, i.occurrences) for i in both] == [("F-0421", None, 2)]


def test_a_code_that_stands_for_nothing_is_undocumented_and_explained(triage: Triage) -> None:
    """The incident keeps the reported code, and its escalation says what the code means and what to think of."""
    (found,) = incidents(triage, event(0, "fault", fault_code="InternalError"))
    assert (found.fault_code, found.documented, found.mapped_from) == ("InternalError", False, None)
    assert found.escalation is not None
    told = found.escalation["standard_code"]
    assert (told["standard"], told["think_of"]) == ("OCPP 1.6 errorCode", ["F-0411", "F-0601"])


def test_over_voltage_is_a_lost_sync_only_while_discharging(triage: Triage) -> None:
    """OverVoltage stands for F-0701 where a vehicle feeds into the grid, and for nothing elsewhere."""
    fault = event(10, "fault", fault_code="OverVoltage")
    assert [i.fault_code for i in incidents(triage, event(0, "state", to="discharging"), fault)] == ["F-0701"]
    assert [i.fault_code for i in incidents(triage, event(0, "state", to="charging"), fault)] == ["OverVoltage"]


def test_activity_reads_telemetry_as_well() -> None:
    """Where no event tells a state, telemetry does; another connector's does not count."""

    def row(second: int, state: str, connector: int = 1) -> dict[str, Any]:
        stamp = f"2026-05-10T08:00:{second:02}Z"
        return {"timestamp": stamp, "device_id": "A", "connector_id": connector, "state": state}

    records = {
        "telemetry": [
            row(0, "idle"),
            row(5, "preparing"),
            row(10, "preparing"),
            row(12, "charging", 2),
            row(15, "fault"),
        ]
    }
    eight = 1778400000.0
    assert activity(observe(records), "A", 1, eight + 15) == "starting"
    assert activity(observe(records), "A", 1, eight + 3) == "idle"
    assert activity(observe(records), "B", 1, eight + 15) == "unknown"


@pytest.mark.parametrize("code", sorted(standard_codes()))
def test_every_row_can_be_shown(code: str, knowledge: TriageKnowledge) -> None:
    """Each row reads as text and Markdown with its meaning and the titles of the codes that it stands for."""
    row = standard_codes()[code]
    titles = {fault: compiled.fault.title for fault, compiled in knowledge.base.faults.items()}
    for shown in (standard_code_text(row, titles, width=120), standard_code_markdown(row, titles)):
        assert row.meaning[:40] in shown
        assert all(titles[fault] in shown for fault in row.faults)


@pytest.mark.parametrize(
    ("vendor", "reported_as", "code"),
    [
        ("com.evgo.mrec", "F009", "F-0203"),
        ("com.evgo.mrec", "F001,F008", "F-0101"),
        ("com.other", "F009", "OtherError F009"),
    ],
)
def test_codes_of_evgo_are_told_by_their_vendor_id(
    vendor: str, reported_as: str, code: str, tmp_path: Path, triage: Triage
) -> None:
    """EVgo's own table has codes of the dictionary's look; only its vendor id tells that they are meant."""
    payload = {
        "connectorId": 1, "errorCode": "OtherError", "status": "Faulted", "timestamp": "2026-05-10T08:00:00Z",
        "vendorId": vendor, "vendorErrorCode": reported_as,
    }  # fmt: skip
    path = tmp_path / "CP-7.log"
    path.write_text(json.dumps([2, "1", "StatusNotification", payload]))
    assert [incident.fault_code for incident in triage.diagnose(read_bundle(path)).incidents] == [code]
