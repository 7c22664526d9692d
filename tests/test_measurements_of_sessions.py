"""Measurements of sessions, of the link and of configurations: which session is meant, which word is the latest, what is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from charger_triage.engine import Triage
from charger_triage.engine.facts import Fact
from charger_triage.knowledge.cases import expanded
from charger_triage.knowledge.observations import observe

Lists = Mapping[str, list[dict[str, Any]]]


def measured(triage: Triage, code: str, lists: Lists, *names: str) -> list[Fact]:
    """What is measured of these facts at the incident of a code on connector 1 of charger A, in the notation of cases."""
    found = triage.knowledge.survey(observe(expanded(dict(lists))), None).incidents
    (case,) = (each for each in found if each.code == code and each.device_id == "A" and each.connector_id in (None, 1))
    return [fact for fact in case.measure(names) if isinstance(fact, Fact)]


def values(triage: Triage, code: str, lists: Lists, *names: str) -> list[Any]:
    """The values of these facts there."""
    return [fact.value for fact in measured(triage, code, lists, *names)]


def told(kind: str, at: str = "T", connector: int | None = 1, **data: Any) -> dict[str, Any]:
    """An event of charger A."""
    return {"timestamp": at, "device_id": "A", "connector_id": connector, "event_type": kind, "data": data}


def fault(code: str, at: str = "T", **details: Any) -> dict[str, Any]:
    """A fault of charger A on connector 1 with its details."""
    return told("fault", at, fault_code=code, details=details)


def session(device: str, connector: int, end: str | None, reason: str | None = None) -> dict[str, Any]:
    """A charging session of an hour before the fault."""
    record = {
        "record_id": f"{device}{connector}",
        "device_id": device,
        "connector_id": connector,
        "start_time": "T-60m",
    }
    return {**record, "end_time": end, "stop_reason": reason, "energy": 20}


# What ended at the same moment

SITE = [{"device_id": device, "site_id": "S", "model": "TP-DC180"} for device in "AB"]
ENDS = [
    (None, None, []),
    ("T-90s", None, []),
    ("T-90s", "Local", [0.0]),
    ("T-90s", "PowerLoss", [1.0]),
    ("T+20m", None, [0.0]),
]
"""When and why another session ended, and how many ended unexpectedly."""


@pytest.mark.parametrize(("end", "reason", "expected"), ENDS)
@pytest.mark.parametrize(
    ("fact", "device", "connector"),
    [("other_connectors_ended_at_end", "A", 2), ("neighbour_sessions_ended_at_end", "B", 1)],
)
def test_a_session_whose_end_is_not_explained_neither_broke_off_nor_went_on(
    fact: str, device: str, connector: int, end: str | None, reason: str | None, expected: list[float], triage: Triage
) -> None:
    """Stop reasons are missing on most chargers: without one nothing is known of how another session ended."""
    sessions = [session("A", 1, "T", "Other"), session(device, connector, end, reason)]
    lists = {"devices": SITE, "events": [fault("F-0805")], "charging_records": sessions}
    assert values(triage, "F-0805", lists, fact) == expected


def test_of_several_sessions_those_count_whose_end_is_known(triage: Triage) -> None:
    """One that ended without a word takes nothing from the one that is known to have broken off."""
    sessions = [session("A", 2, "T-30s"), session("A", 3, "T-30s", "PowerLoss")]
    lists = {"events": [fault("F-0805")], "charging_records": sessions}
    assert values(triage, "F-0805", lists, "other_connectors_ended_at_end") == [1.0]


# Which session


@pytest.mark.parametrize(
    ("events", "mentions"),
    [
        ([told("start", "T-1h", 1), told("stop", "T-1m", None, reason="bms shutdown")], ["bms"]),
        ([told("start", "T-1h", 1), told("stop", "T-20m", None, reason="bms shutdown")], []),
        (
            [told("start", "T-1h", 1), told("start", "T-1h", 2), told("stop", "T-1m", None, reason="bms shutdown")],
            [],
        ),
        (
            [told("start", "T-1h", 1), told("start", "T-1h", None), told("stop", "T-1m", None, reason="bms shutdown")],
            ["bms"],
        ),
        ([told("start", "T-1h", 1), told("stop", "T-1m", 2, reason="bms shutdown")], []),
    ],
    ids=["ends the one that runs", "long ago", "of two unknown which", "the one that names none either", "of another"],
)
def test_a_stop_that_names_no_connector_ends_the_only_session(
    events: list[dict[str, Any]], mentions: list[str], triage: Triage
) -> None:
    """Where one session runs, a stop without its connector can mean no other; of several none is taken for it."""
    lists = {"events": [*events, fault("F-0805")]}
    assert values(triage, "F-0805", lists, "session_mention") == mentions


@pytest.mark.parametrize(("start", "is_meant"), [("T-2d", True), ("T-5d", False)])
def test_a_session_without_an_end_does_not_go_on_for_ever(start: str, is_meant: bool, triage: Triage) -> None:
    """A start whose stop was lost says nothing of a fault days later."""
    record = {**session("A", 1, None, "bms shutdown"), "start_time": start}
    lists = {"events": [fault("F-0805")], "charging_records": [record]}
    assert bool(values(triage, "F-0805", lists, "session_mention")) == is_meant


@pytest.mark.parametrize(
    ("ended", "began", "meant"),
    [("T-1s", "T+40s", "bms"), ("T-4m", "T+1s", "lock"), ("T+1s", "T-2s", "lock"), ("T-6m", "T+40s", "lock")],
    ids=["just ended", "about to begin", "both running, the later one", "ended too long ago"],
)
def test_the_session_of_a_fault_is_the_nearest(ended: str, began: str, meant: str, triage: Triage) -> None:
    """A session that ended a second before a fault is rather its own than one that had not begun."""
    first = session("A", 1, ended, "bms shutdown")
    second = {**session("A", 1, "T+30m", "connector lock failed"), "record_id": "second", "start_time": began}
    lists = {"events": [fault("F-0805")], "charging_records": [first, second]}
    assert values(triage, "F-0805", lists, "session_mention") == [meant]


# How it charged


@pytest.mark.parametrize(
    ("changes", "flutters"),
    [
        ([("T-10m", "idle", "preparing"), ("T-570s", "preparing", "charging")], 0.0),
        ([("T-10m", None, "preparing"), ("T-570s", None, "charging")], 0.0),
        ([("T-10m", "charging", "suspended"), ("T-570s", "suspended", "charging")], 1.0),
        ([("T-10m", "Charging", "SuspendedEV"), ("T-590s", "SuspendedEV", "Charging")], 1.0),
        (
            [
                ("T-10m", "preparing", "charging"),
                ("T-500s", "charging", "suspended"),
                ("T-480s", "suspended", "charging"),
            ],
            1.0,
        ),
        ([("T-10m", "charging", None), ("T-570s", None, "charging")], 0.0),
    ],
    ids=[
        "a start",
        "a start whose states before are not told",
        "a pause",
        "OCPP's names",
        "a start and a pause",
        "unnamed",
    ],
)
def test_a_start_is_no_flutter(
    changes: list[tuple[str, str | None, str | None]], flutters: float, triage: Triage
) -> None:
    """What was charging before the first event is what that event says it left."""
    states: list[tuple[str, dict[str, Any]]] = [(at, {"from": left, "to": to}) for at, left, to in changes]
    lists = {"events": [*(told("state", at, **state) for at, state in states), fault("F-0805")]}
    assert values(triage, "F-0805", lists, "state_flutters_at_end") == [flutters]


# The latest word

PAYLOADS = [
    ("F-0805", "battery_temperature", {"battery_temp": 61}, {"battery_temp": 30}, 30.0),
    ("F-0805", "vehicle_connected_at_end", {"vehicle_connected": True}, {"vehicle_connected": False}, False),
    ("F-0805", "link_gap_in_details", {"network_gap_s": 90}, {"network_gap_s": 0}, 0.0),
    ("F-0301", "loss_closed_cleanly", {"clean_close": True}, {"clean_close": False}, False),
    ("F-0301", "uptime_told", {"uptime_s": 864_000}, {"uptime_s": 60}, 1.0),
    ("F-0302", "backoff_stated_off", {"backoff": "off"}, {"backoff": "on"}, False),
    ("F-0302", "reconnect_delay", {"reconnect_delay_s": 60}, {"reconnect_delay_s": 5}, 5.0),
    ("F-0512", "push_progress_in_details", {"keys_applied": 30, "keys_total": 32}, {"progress": 50}, 50.0),
    ("F-0512", "push_progress_in_details", {"progress": 50}, {"keys_applied": 8, "keys_total": 32}, 25.0),
    ("F-0512", "push_progress_in_details", {"push": "8 of 32 keys"}, {"push": "16 of 32 keys"}, 50.0),
    ("F-0512", "rejected_keys_in_details", {"rejected_keys": 7}, {"rejected_keys": ["a", "b"]}, 2.0),
    ("F-0512", "firmware_schema", {"firmware_schema": "3.1"}, {"firmware_schema": "3.2"}, "3.2"),
]
"""A fact, what payloads say of it at an earlier occurrence and at the latest one, and what is measured then."""


@pytest.mark.parametrize(("code", "fact", "before", "latest", "expected"), PAYLOADS)
def test_the_latest_occurrence_has_the_word(
    code: str, fact: str, before: dict[str, Any], latest: dict[str, Any], expected: Any, triage: Triage
) -> None:
    """Whatever kind of record said something earlier, what the fault says at the latest occurrence counts, and its time."""
    alarm = told("alarm", "T-28795m", **before)
    lists = {"events": [fault(code, "T-20d", **before), alarm, fault(code, **latest)]}
    (fact_now,) = measured(triage, code, lists, fact)
    assert fact_now.value == expected
    (source,) = fact_now.sources
    assert source.timestamp == "2026-05-10T12:00:00Z"
    assert fact_now.at == 1778414400.0


@pytest.mark.parametrize(("code", "fact", "before"), [(code, fact, before) for code, fact, before, _, _ in PAYLOADS])
def test_what_was_said_earlier_counts_where_the_latest_says_nothing(
    code: str, fact: str, before: dict[str, Any], triage: Triage
) -> None:
    """An earlier word is measured at its own time; how long a charger had been up at an earlier loss says nothing of this one."""
    lists = {"events": [fault(code, "T-20d", **before), fault(code)]}
    found = measured(triage, code, lists, fact)
    assert [each.at for each in found] == ([] if fact == "uptime_told" else [1778414400.0 - 20 * 86_400])


def test_the_fault_at_an_end_counts_before_what_stands_around_it(triage: Triage) -> None:
    """Alarms, the session's details and other events tell what the fault does not."""
    ended = {**session("A", 1, "T", "Other"), "details": {"battery_temp": 33}}
    after = told("alarm", "T+2m", battery_temp=31)
    lists = {"events": [fault("F-0805", battery_temp=30), after], "charging_records": [ended]}
    assert values(triage, "F-0805", lists, "battery_temperature") == [30.0]
    lists["events"] = [fault("F-0805"), after]
    assert values(triage, "F-0805", lists, "battery_temperature") == [31.0]
    lists["events"] = [fault("F-0805")]
    assert values(triage, "F-0805", lists, "battery_temperature") == [33.0]


def test_what_a_fault_says_is_older_than_an_alarm_of_the_next(triage: Triage) -> None:
    """Two faults five minutes apart: an alarm beside the later one is newer than what the earlier one said."""
    lists = {
        "events": [fault("F-0805", "T-5m", battery_temp=61), fault("F-0805"), told("alarm", "T+1m", battery_temp=30)]
    }
    assert values(triage, "F-0805", lists, "battery_temperature") == [30.0]


def test_keys_listed_by_a_fault_and_an_alarm_are_the_same_keys(triage: Triage) -> None:
    """What two records list is not added up."""
    keys: dict[str, Any] = {"unknown_keys": ["a", "b", "c"]}
    lists = {"events": [fault("F-0512", **keys), told("alarm", "T-1m", **keys)]}
    assert values(triage, "F-0512", lists, "rejected_keys_in_details") == [3.0]


def test_uptime_is_that_told_first_after_the_loss(triage: Triage) -> None:
    """A charger that starts with the loss counts up: what it says hours later is no long uptime."""
    events = [
        fault("F-0301"),
        told("status", "T+3m", None, uptime_s=60),
        told("status", "T+20h", None, uptime_s=72_000),
    ]
    early = told("alarm", "T-8m", uptime_s=864_000)
    assert values(triage, "F-0301", {"events": events}, "uptime_told") == [1.0]
    assert values(triage, "F-0301", {"events": [early, *events]}, "uptime_told") == [1.0]
