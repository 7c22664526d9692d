"""What incidents share is worked out once and says of each what it would say alone; watches ask for no more than they need."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.engine.facts import Fact, RefusedFact
from charger_triage.engine.matching import by_name, matches
from charger_triage.engine.watch_rules import Scope
from charger_triage.engine.watching import PREFIX, Watcher
from charger_triage.knowledge import TriageKnowledge
from charger_triage.knowledge.cases import given_facts
from charger_triage.knowledge.fleet import tables
from charger_triage.knowledge.fleet.reported_faults import Faults
from charger_triage.knowledge.fleet.tables import FleetTables
from charger_triage.knowledge.measurements import elsewhere
from charger_triage.knowledge.measurements.session import ends_elsewhere
from charger_triage.knowledge.observations import observe

CODE = "F-0805"
OUTCOMES = ("EVDisconnected", "Other", "Local", None)
"""Stop reasons of an unplugging, another unexpected end, an end as planned, and one that is not told."""


def _hour(number: float) -> str:
    return f"2026-05-{1 + int(number) // 24:02d}T{int(number) % 24:02d}:00:00Z"


def _sessions(chargers: int, luck: random.Random) -> list[dict[str, Any]]:
    """Four sessions of each charger, an hour each, of three vehicles of one model."""
    return [
        {
            "record_id": f"r{number}-{place}", "device_id": f"C{number:02d}", "connector_id": 1 + place % 2,
            "start_time": _hour(24 * place + number), "end_time": _hour(24 * place + number + 1),
            "stop_reason": luck.choice(OUTCOMES), "vehicle_info": {"vin": f"V{luck.randrange(3)}", "make": "K", "model": "M"},
        }
        for number in range(chargers)
        for place in range(4)
    ]  # fmt: skip


@pytest.mark.parametrize(("chargers", "most"), [(5, 200), (5, 4), (6, 3)])
def test_of_a_models_ends_each_incident_counts_those_of_the_first_other_chargers(
    knowledge: TriageKnowledge, monkeypatch: pytest.MonkeyPatch, chargers: int, most: int
) -> None:
    """The sessions of a model are gathered once for all incidents, and each leaves out its own charger and vehicle."""
    for module in (elsewhere, ends_elsewhere):
        monkeypatch.setattr(module, "MOST_CHARGERS", most)
    sessions = _sessions(chargers, random.Random(chargers * most))
    names = sorted({session["device_id"] for session in sessions})
    last = [[s for s in sessions if s["device_id"] == name][-1] for name in names]
    faults = [
        {
            "timestamp": session["end_time"], "device_id": session["device_id"], "connector_id": session["connector_id"],
            "event_type": "fault", "data": {"fault_code": CODE},
        }
        for session in last
    ]  # fmt: skip
    records = {
        "devices": [{"device_id": name, "site_id": f"S{place // 2}"} for place, name in enumerate(names)],
        "charging_records": sessions,
        "events": faults,
    }
    survey = knowledge.survey(observe(records))
    found = {}
    for incident in survey.incidents:
        facts = incident.measure(["model_abort_share_elsewhere"])
        found[incident.device_id] = [fact.value for fact in facts if isinstance(fact, Fact)]
    expected = {}
    for name, own in zip(names, last, strict=True):
        others = [other for other in names if other != name][:most]
        known = [
            session
            for session in sessions
            if session["device_id"] in others
            and session["vehicle_info"]["vin"] != own["vehicle_info"]["vin"]
            and (session in last or session["stop_reason"] is not None)
        ]
        unexpected = [session for session in known if session in last or session["stop_reason"] != "Local"]
        broken = [session for session in unexpected if session["stop_reason"] != "EVDisconnected"]
        expected[name] = [pytest.approx(100.0 * len(broken) / len(known))] if len(known) >= 3 else []
    assert found == expected


@pytest.mark.parametrize("named", [True, False])
def test_of_a_models_ends_those_that_only_events_tell_of_count_too(knowledge: TriageKnowledge, named: bool) -> None:
    """A session without a record counts where its start names the vehicle; one that has a record counts once."""
    vehicle = {"vin": "V9", "make": "K", "model": "M"}

    def record(device: str, day: int, stop_reason: str) -> dict[str, Any]:
        return {
            "record_id": f"{device}{day}", "device_id": device, "connector_id": 1, "start_time": _hour(24 * day),
            "end_time": _hour(24 * day + 1), "stop_reason": stop_reason, "vehicle_info": {**vehicle, "vin": f"V{device}"},
        }  # fmt: skip

    def told(device: str, day: int) -> list[dict[str, Any]]:
        own = {"device_id": device, "connector_id": 1}
        return [
            {"timestamp": _hour(24 * day), **own, "event_type": "start", "data": {"vehicle_info": vehicle} if named else {}},
            {"timestamp": _hour(24 * day + 1), **own, "event_type": "stop", "data": {"reason": "Other"}},
        ]  # fmt: skip

    fault = {
        "timestamp": _hour(97),
        "device_id": "A",
        "connector_id": 1,
        "event_type": "fault",
        "data": {"fault_code": CODE},
    }
    records = {
        "charging_records": [record("A", 4, "Other"), *(record("B", day, "Local") for day in range(3))],
        "events": [fault, *told("B", 2), *told("C", 3)],
    }
    (incident,) = knowledge.survey(observe(records)).incidents
    facts = [fact for fact in incident.measure(["model_abort_share_elsewhere"]) if isinstance(fact, Fact)]
    assert [fact.value for fact in facts] == ([25.0] if named else [0.0])
    assert {source.list for source in facts[0].sources} == ({"events"} if named else {"charging_records"})


def test_what_is_kept_of_other_chargers_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each kind the oldest value makes room for the newest, and other kinds keep theirs."""
    monkeypatch.setattr(tables, "MOST_RECENT", 2)
    fleet = FleetTables(observe({}), Faults())
    loaded: list[str] = []

    def ask(kind: str, device: str) -> str:
        def load() -> str:
            loaded.append(kind + device)
            return kind + device

        return fleet.recent((kind, device), load)

    asked = [ask(kind, device) for kind, device in ("xA", "yA", "xB", "xA", "xC", "xB", "yA", "xA")]
    assert asked == ["xA", "yA", "xB", "xA", "xC", "xB", "yA", "xA"]
    assert loaded == ["xA", "yA", "xB", "xC", "xA"]


# Watches


class _Asked:
    """A charger that is watched, with its facts given; it notes what it is asked for."""

    device_id = "A"
    connector_id = None
    scopes: frozenset[Scope] = frozenset({"charger", "connector"})

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.facts = list(facts)
        self.names: list[set[str]] = []

    def measure(self, fact_names: Iterable[str]) -> list[Fact | RefusedFact]:
        """The facts that are asked for."""
        self.names.append(set(fact_names))
        return [fact for fact in self.facts if fact.name in self.names[-1]]


@pytest.mark.parametrize(("score", "rest"), [(-3.4, False), (-3.6, True)])
def test_what_a_watch_reads_besides_is_asked_for_where_its_first_condition_is_met(
    knowledge: TriageKnowledge, score: float, rest: bool
) -> None:
    """The slope of a fan's speed is not measured of a fan that is not known to slow down."""
    case = _Asked(given_facts({"fan_speed_mann_kendall": score}, knowledge.base.catalogue))
    Watcher(knowledge.base.watches, knowledge.base.catalogue, native=False).watch([case], (), 0.0)
    assert "fan_speed_mann_kendall" in case.names[0]
    assert [any("fan_speed_drift" in names for names in case.names), len(case.names) == 2] == [rest, rest]


_VALUES: dict[str, list[Any]] = {
    "contactor_life_share": [50, 80, 79.9999999, 100], "contactor_cycles": [1], "contactor_rated_cycles": [2],
    "contactor_life_end": [1e9], "contactor_cycle_rate": [3], "days_to_contactor_life_end": [180, 181, 0],
    "reconnects_per_day": [4, 5, 10, 101], "fewest_reconnects_lately": [3, 4], "most_reconnects_before": [3, 5],
    "late_heartbeats_per_day": [2, 3], "fewest_late_heartbeats_lately": [1, 2], "most_late_heartbeats_before": [1, 2],
    "connectivity_type": ["cellular", "wifi"], "metadata_signal": [-105, -104], "v2g_capable": [True, False],
    "firmware_version": ["3.0.1", "3.0.3", "4.0.0"], "days_to_certificate_end": [-1, 0, 30, 31], "certificate_end": [1e9],
    "distortion_mann_kendall": [3.5, 3.4], "distortion_drift": [0.5, 0.4], "distortion_level": [3, 2.9],
    "distortion_reaches_limit": [1e9],
}  # fmt: skip


@given(st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in _VALUES.items()}))
def test_asking_in_two_steps_raises_what_all_facts_together_raise(
    knowledge: TriageKnowledge, values: dict[str, Any]
) -> None:
    """Whatever is known, a watch is raised where its rule fires on all of it and no other of its group comes first."""
    base = knowledge.base
    facts = given_facts(values, base.catalogue)
    (watched,) = Watcher(base.watches, base.catalogue, native=False).watch([_Asked(facts)], (), 0.0)
    told: dict[str, str] = {}
    for compiled in base.watches:
        if next(matches(compiled.rule, by_name(facts)), None) is not None:
            told.setdefault(compiled.watch.topic, PREFIX + compiled.watch.id)
    assert [watch.rule_id for watch in watched.watches] == list(told.values())
