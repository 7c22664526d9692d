"""Which incidents records raise, and which numbers and versions are read from what was written."""

from __future__ import annotations

from typing import Any

import pytest

from charger_triage.engine import Triage
from charger_triage.engine.facts import Fact, FactType, admit
from charger_triage.knowledge.firmware import in_range
from charger_triage.knowledge.observations import observe
from charger_triage.knowledge.texts import as_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,620 rpm", 1620.0),
        ("98,500", 98_500.0),
        ("1,234,567.5", 1_234_567.5),
        ("0,620 MOhm", 0.62),
        ("−1,5 A", -1.5),
        ("12,5000", 12.5),
        ("> 40 °C", 40.0),
        ("5/6 modules", 5.0),
        ("2026-05-10T11:59:00Z", None),
        ("11:59:00", None),
        ("10.0.0.7", None),
        ("3.0.1", None),
        ("10/05/2026", None),
    ],
)
def test_a_number_is_read_from_what_begins_with_one(text: str, number: float | None) -> None:
    """Commas group thousands or begin decimals; what only looks like a number is none."""
    assert as_number(text) == number


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ("3.0.0-build7", True),
        ("3.0.1-arm64", True),
        ("3.0.0-beta2", None),
        ("3.0.0-b2", None),
        ("3.0.3-rc1", False),
        ("3.0.3-basic", False),
    ],
)
def test_a_build_is_no_release_before_its_own(version: str, affected: bool | None) -> None:
    """Only what says that it came before a release counts as one that may lack what that holds."""
    assert in_range(version, "3.0.0", "3.0.2") is affected


def connections(*transitions: str) -> list[dict[str, Any]]:
    """Connection records of a charger, of which each drop comes a minute and a half after the one before, and the rest at once."""
    found, second = [], 0
    for transition in transitions:
        second += 90 if transition == "offline" else 3
        stamp = f"2026-05-10T08:{second // 60:02}:{second % 60:02}Z"
        found.append({"timestamp": stamp, "device_id": "A", "transition": transition})
    return found


@pytest.mark.parametrize(
    ("cycle", "times", "raised"),
    [
        (("offline", "online", "reconnect"), 3, False),
        (("offline", "reconnect", "online"), 5, False),
        (("offline", "online", "reconnect"), 6, True),
        (("offline", "online"), 6, True),
        (("reconnect",), 6, True),
        (("online",), 7, True),
    ],
)
def test_a_connection_that_is_told_twice_is_one_reconnect(
    cycle: tuple[str, ...], times: int, raised: bool, triage: Triage
) -> None:
    """A storm is more than five reconnects in ten minutes, however each of them is logged."""
    found = triage.diagnose(observe({"connections": connections(*cycle * times)})).incidents
    assert ("F-0302" in {incident.fault_code for incident in found}) is raised


@pytest.mark.parametrize("code", ["F-0203", "HighTemperature", "PowerSwitchFailure"])
def test_a_heartbeat_adds_nothing_to_what_its_charger_reported(code: str, triage: Triage) -> None:
    """Where an event has the code, whatever it stands for, heartbeats that repeat it are no further occurrences."""
    event = {
        "timestamp": "2026-05-10T08:00:00Z", "device_id": "A", "connector_id": 1, "event_type": "fault",
        "data": {"fault_code": code},
    }  # fmt: skip
    beats = [
        {"timestamp": f"2026-05-10T08:{minute:02}:00Z", "device_id": "A", "fault_code": code} for minute in range(1, 20)
    ]

    def found(*beats: dict[str, Any]) -> list[tuple[str, int | None, int]]:
        diagnosis = triage.diagnose(observe({"events": [event], "heartbeats": list(beats)}))
        return [(incident.fault_code, incident.connector_id, incident.occurrences) for incident in diagnosis.incidents]

    assert found(*beats) == found()


@pytest.mark.parametrize(("value", "refused"), [(-60.0, False), (90.0000001, False), (327.67, True), (-61.0, True)])
def test_what_cannot_be_is_no_fact(value: float, refused: bool) -> None:
    """A number beyond the bounds of its kind, as of a sensor that is torn off, is refused with them."""
    catalogue = {"ambient": FactType("ambient", "number", "air outside", "°C", low=-60, high=90)}
    admitted, problems = admit([Fact("ambient", value)], catalogue)
    assert (not admitted, len(problems)) == (refused, int(refused))
    assert all("cannot be" in problem.problem for problem in problems)
