"""Measurements: each is declared for rules that read it, and reads nothing that the records do not hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from charger_triage.engine import Triage
from charger_triage.engine.facts import Fact
from charger_triage.knowledge import TriageKnowledge
from charger_triage.knowledge.measurements import catalogue
from charger_triage.knowledge.observations import observe


def test_every_measurement_is_read_by_a_rule(knowledge: TriageKnowledge) -> None:
    """What no rule asks for would be measured for nobody."""
    read = {name for loaded in knowledge.faults.values() for name in loaded.compiled.fact_names}
    read |= {name for watch in knowledge.base.watches for name in watch.fact_names}
    assert sorted(set(catalogue()) - read) == []


def test_a_bare_fault_event_measures_hardly_anything(triage: Triage) -> None:
    """With nothing but the event known, no rule fires for or against a cause, and the priors stand."""
    for code in triage.knowledge.base.faults:
        event = {
            "timestamp": "2026-05-10T12:00:00Z",
            "device_id": "A",
            "connector_id": 1,
            "event_type": "fault",
            "data": {"fault_code": code},
        }
        (incident,) = triage.diagnose(observe({"events": [event]})).incidents
        fired = {item.rule_id for hypothesis in incident.hypotheses for item in hypothesis.evidence}
        assert fired == set(), code
        assert [h.score_db for h in incident.hypotheses] == [h.prior_db for h in incident.hypotheses]


def test_what_the_latest_occurrence_says_stands_above_alarms_of_earlier_ones(triage: Triage) -> None:
    """Of one occurrence the fault's own word counts before that of alarms around it."""

    def told(kind: str, at: str, **data: Any) -> dict[str, Any]:
        return {"timestamp": at, "device_id": "A", "connector_id": 1, "event_type": kind, "data": data}

    def heat(*events: dict[str, Any]) -> list[Any]:
        (case,) = triage.knowledge.survey(observe({"events": list(events)}), None).incidents
        return [fact.value for fact in case.measure(["connector_temperature"]) if isinstance(fact, Fact)]

    first = told("fault", "2026-01-01T00:00:00Z", fault_code="F-0203", details={"connector_temp_c": 95})
    early = told("alarm", "2025-12-31T23:56:00Z", connector_temp_c=61)
    last = told("fault", "2026-01-20T00:00:00Z", fault_code="F-0203", details={"connector_temp_c": 104})
    after = told("alarm", "2026-01-20T00:04:00Z", connector_temp_c=88)
    bare = told("fault", "2026-01-20T00:00:00Z", fault_code="F-0203")
    assert heat(first, early, last, after) == [104.0]
    assert heat(first, early, bare, after) == [88.0]
    assert heat(first, early, bare) == [95.0]


def test_sensors_at_two_places_are_no_sensor_that_jumps(triage: Triage) -> None:
    """A meter's reading of the cabinet beside that of the charger itself, ten degrees apart, is two steady sensors."""
    fault = {
        "timestamp": "2026-05-10T12:00:00Z", "device_id": "A", "event_type": "fault", "data": {"fault_code": "F-0204"},
    }  # fmt: skip

    def minute(n: int, connector: int | None, heat: float) -> dict[str, Any]:
        at = f"2026-05-10T{10 + n // 60}:{n % 60:02d}:{30 if connector else 0:02d}Z"
        return {"timestamp": at, "device_id": "A", "connector_id": connector, "cabinet_temperature": heat}

    def jumps(*telemetry: dict[str, Any]) -> dict[str, Any]:
        (case,) = triage.knowledge.survey(observe({"events": [fault], "telemetry": list(telemetry)}), None).incidents
        names = ["cabinet_flutter", "cabinet_fastest_change"]
        found = (fact for fact in case.measure(names) if isinstance(fact, Fact))
        return {fact.name: round(fact.value, 1) for fact in found if isinstance(fact.value, float)}

    steady = [minute(n, None, 50.0) for n in range(120)]
    beside = [minute(n, 1, 60.0) for n in range(120)]
    jumping = [minute(n, 1, 60.0 + 9.0 * (n % 4 == 0)) for n in range(120)]
    assert jumps(*steady, *beside) == {"cabinet_flutter": 0.0, "cabinet_fastest_change": 0.0}
    assert jumps(*steady, *jumping) == {"cabinet_flutter": 0.0, "cabinet_fastest_change": 9.0}
    assert jumps(*jumping)["cabinet_flutter"] > 3.0


# A cluster on a firmware version

CLUSTER = {"F-0411": "F-0411.firmware-cluster", "F-0421": "F-0421.cluster-on-firmware"}


WITHOUT_CODE: Mapping[str, Mapping[str, Any]] = {
    "events": {"event_type": "plug_in", "connector_id": 1},
    "connections": {"transition": "connected"},
    "heartbeats": {"status": "online"},
}
"""What is heard of the chargers that do not report a code, by record list."""


def fleet(
    code: str, kinds: Mapping[tuple[str, str], tuple[int, int]], heard_by: str = "events"
) -> dict[str, list[dict[str, Any]]]:
    """Chargers by model and firmware version: how many there are, all of them heard, and how many report a code; each stands at
    a site of its own, and the first of all reports it."""
    lists: dict[str, list[dict[str, Any]]] = {"devices": [], "events": [], heard_by: []}
    for (model, version), (number, reporting) in kinds.items():
        for place in range(number):
            device = f"{model}-{version}-{place:03d}"
            when = {"timestamp": "2026-05-10T12:00:00Z", "device_id": device}
            lists["devices"].append(
                {"device_id": device, "model": model, "firmware_version": version, "site_id": device}
            )
            if place < reporting:
                data = {"fault_code": code}
                lists["events"].append({**when, "connector_id": 1, "event_type": "fault", "data": data})
            else:
                lists[heard_by].append({**when, **WITHOUT_CODE[heard_by]})
    return lists


@pytest.mark.parametrize("code", CLUSTER)
@pytest.mark.parametrize(
    ("kinds", "is_cluster"),
    [
        ({("M", "4.2.0"): (3, 3)}, False),
        ({("M", "4.2.0"): (8, 4), ("M", "4.1.0"): (2, 0)}, False),
        ({("M", "4.2.0"): (8, 4), ("N", "4.1.0"): (9, 0)}, False),
        ({("M", "4.2.0"): (8, 4), ("M", "4.1.0"): (9, 0)}, True),
        ({("M", "4.2.0"): (3, 2), ("N", "4.2.0"): (3, 2), ("N", "4.1.0"): (9, 0)}, True),
        ({("M", "4.2.0"): (8, 4), ("M", "4.1.0"): (9, 4)}, False),
        ({("M", "4.2.0"): (300, 4), ("M", "4.1.0"): (150, 2)}, False),
        ({("M", "4.2.0"): (300, 4)}, False),
        ({("M", "4.2.0"): (40, 4), ("M", "4.1.0"): (80, 8), ("N", "4.1.0"): (900, 0)}, False),
    ],
    ids=["nobody else known", "two others known", "only another model known", "a small site's worth", "two models", "others as often", "a large fleet", "one version only",
         "a model that often has it"],
)  # fmt: skip
def test_a_cluster_is_more_than_other_versions_let_expect(
    code: str, kinds: Mapping[tuple[str, str], tuple[int, int]], is_cluster: bool, triage: Triage
) -> None:
    """Three chargers on a version report a code in any large fleet; that tells of the version where others report it less."""
    diagnosis = triage.diagnose(observe(fleet(code, kinds)), device_id="M-4.2.0-000")
    (incident,) = diagnosis.incidents
    fired = {item.rule_id for hypothesis in incident.hypotheses for item in hypothesis.evidence}
    assert (CLUSTER[code] in fired) == is_cluster


@pytest.mark.parametrize("code", CLUSTER)
@pytest.mark.parametrize(
    ("kinds", "is_cluster"),
    [
        ({("M", "260420.0107"): (4, 4)}, True),
        ({("M", "260420.0107"): (8, 4), ("M", "260301.0100"): (2, 0)}, True),
        ({("M", "260420.0107"): (8, 4), ("M", "260301.0100"): (3, 0)}, False),
        ({("M", "260420.0107"): (40, 4)}, False),
    ],
    ids=["all of them", "two others", "three others", "few of many"],
)
def test_a_cluster_with_nobody_to_compare_with_tells_of_no_comparison(
    code: str, kinds: Mapping[tuple[str, str], tuple[int, int]], is_cluster: bool, triage: Triage
) -> None:
    """It still is one, but how much more often the code comes than elsewhere is unknown."""
    (incident,) = triage.diagnose(observe(fleet(code, kinds)), device_id="M-260420.0107-000").incidents
    told = [item for hypothesis in incident.hypotheses for item in hypothesis.evidence]
    assert any(item.rule_id.endswith("cluster-not-compared") for item in told) == is_cluster
    if is_cluster:
        assert not [item.statement for item in told if "times what" in item.statement or "% of the" in item.statement]


@pytest.mark.parametrize("heard_by", WITHOUT_CODE)
def test_a_charger_that_is_heard_without_the_code_counts_against_a_cluster(heard_by: str, triage: Triage) -> None:
    """It would have reported the code, whether it was in use or only connected."""
    bundle = observe(fleet("F-0411", {("M", "4.2.0"): (300, 4)}, heard_by))
    (incident,) = triage.diagnose(bundle, device_id="M-4.2.0-000").incidents
    fired = {item.rule_id for hypothesis in incident.hypotheses for item in hypothesis.evidence}
    assert not fired & {"F-0411.firmware-cluster", "F-0411.firmware-excess"}


CURRENTS = {
    "of one phase": (30.0, 30.0, 230.0, 20.7, 94),
    "of one phase, volts between phases": (30.0, 30.0, 398.0, 20.7, 94),
    "of all phases": (90.0, 90.0, 230.0, 20.7, 94),
    "an inrush": (96.0, 30.0, 230.0, 20.7, 300),
}
"""Current at the start and later (A), volts, power (kW), and the start's peak in percent of what one phase may carry."""


@pytest.mark.parametrize(("first", "usual", "volts", "power", "expected"), CURRENTS.values(), ids=list(CURRENTS))
def test_a_current_that_adds_up_phases_is_no_inrush(
    first: float, usual: float, volts: float, power: float, expected: int, knowledge: TriageKnowledge
) -> None:
    """The start's peak is told against what one phase may carry, whichever way telemetry gives an AC charger's current."""
    rows = [
        {"timestamp": f"2026-05-01T10:{minute:02d}:00Z", "device_id": "A", "connector_id": 1, "state": "charging",
         "voltage": volts, "current": first if minute == 1 else usual, "power": power}
        for minute in range(1, 40)
    ]  # fmt: skip
    bundle = observe(
        {
            "devices": [
                {"device_id": "A", "model": "TP-AC22", "product": {"current_type": "AC", "phases": 3, "max_current_a": 32}}
            ],
            "events": [
                {"timestamp": "2026-05-01T10:00:30Z", "device_id": "A", "connector_id": 1, "event_type": "start"},
                {"timestamp": "2026-05-01T10:45:00Z", "device_id": "A", "connector_id": 1, "event_type": "fault",
                 "data": {"fault_code": "F-0101"}},
            ],
            "telemetry": rows,
        }
    )  # fmt: skip
    (incident,) = knowledge.survey(bundle).incidents
    (peak,) = incident.measure(["start_current_peak"])
    assert isinstance(peak, Fact)
    assert peak.value == pytest.approx(expected, abs=0.5)


# A push in parts


@pytest.mark.parametrize(("sent", "rule"), [(3, "push-completed"), (2, "push-interrupted")])
def test_a_push_whose_last_part_was_not_sent_broke_off(sent: int, rule: str, triage: Triage) -> None:
    """The parts of a push number themselves: whether the last one that was done is the last one at all decides."""
    parts = [
        {"command_id": f"c{n}", "device_id": "A", "command": "set_variables", "status": "completed",
         "created_at": f"2026-05-10T11:00:0{n}Z", "params": {"customData": {"part": n, "of": 3}}}
        for n in range(1, sent + 1)
    ]  # fmt: skip
    fault = {
        "timestamp": "2026-05-10T12:00:00Z",
        "device_id": "A",
        "event_type": "fault",
        "data": {"fault_code": "F-0512"},
    }
    (incident,) = triage.diagnose(observe({"events": [fault], "commands": parts})).incidents
    fired = {item.rule_id for hypothesis in incident.hypotheses for item in hypothesis.evidence}
    assert fired & {"F-0512.push-completed", "F-0512.push-interrupted"} == {f"F-0512.{rule}"}


LOST_29_MINUTES = {
    "connections": {"connections": [
        {"timestamp": "2026-05-10T11:31:00Z", "device_id": "A", "transition": "offline"},
        {"timestamp": "2026-05-10T12:02:00Z", "device_id": "A", "transition": "online"},
    ]},
    "the platform's heartbeats": {"heartbeats": [
        {"timestamp": f"2026-05-10T{11 + n // 60}:{n % 60:02d}:00Z", "device_id": "A",
         "status": "offline" if 31 <= n < 62 else "online"} for n in range(90)
    ]},
    "metadata, and heartbeats of the return": {
        "devices": [{"device_id": "A", "offline_since": "2026-05-10T11:31:00Z"}],
        "heartbeats": [{"timestamp": "2026-05-10T12:02:00Z", "device_id": "A", "status": "online"}],
    },
    "heartbeats that did not come": {"heartbeats": [
        {"timestamp": f"2026-05-10T{11 + n // 60}:{n % 60:02d}:00Z", "device_id": "A"}
        for n in range(90) if not 31 <= n < 62
    ]},
}  # fmt: skip


@pytest.mark.parametrize("told", LOST_29_MINUTES.values(), ids=list(LOST_29_MINUTES))
def test_an_end_long_after_a_loss_that_lasts_is_not_at_the_loss(told: dict[str, Any], triage: Triage) -> None:
    """However the loss is told, a session that went on for 29 min without a link was not aborted by it at once."""

    def fired(at: str) -> set[str]:
        fault = {
            "timestamp": at, "device_id": "A", "connector_id": 1, "event_type": "fault", "data": {"fault_code": "F-0805"},
        }  # fmt: skip
        (incident,) = triage.diagnose(observe({**told, "events": [fault]})).incidents
        return {item.rule_id.split(".")[1] for h in incident.hypotheses for item in h.evidence}

    at_loss = {"link-lost-at-end", "heartbeats-missing"}
    long_after = {"link-away-for-long", "heartbeats-overdue-for-long"}
    assert fired("2026-05-10T11:31:20Z") & (at_loss | long_after) <= at_loss
    assert fired("2026-05-10T11:31:20Z") & at_loss
    assert fired("2026-05-10T12:00:00Z") & (at_loss | long_after) <= long_after
    assert fired("2026-05-10T12:00:00Z") & long_after


@pytest.mark.parametrize(
    ("version", "applies", "evidence"),
    [
        ("3.0.2", True, 7.0),
        ("3.0.x", None, None),
        ("3.0.X", None, None),
        ("3.0.latest", None, None),
        ("3.0.0-rc1", None, None),
        ("3.0.3-rc1", False, -30.0),
        ("3.1.0-rc1", False, -30.0),
        ("2.9.9", False, -30.0),
        ("260420.0107", None, None),
    ],
)
def test_whether_the_known_issue_applies_and_what_speaks_for_it_agree(
    version: str, applies: bool | None, evidence: float | None, triage: Triage
) -> None:
    """A version whose patch is left open, or a pre-release of the first affected one, is neither."""
    lists = fleet("F-0421", {("M", version): (1, 1)})
    (incident,) = triage.diagnose(observe(lists)).incidents
    assert incident.known_firmware_issue is not None
    assert incident.known_firmware_issue.applies is applies
    told = [item.weight_db for h in incident.hypotheses if "firmware" in h.cause_id for item in h.evidence]
    assert told == ([] if evidence is None else [evidence])
