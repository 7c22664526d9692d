"""The shipped examples: each reads cleanly and its leading cause is the one the case was built around."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from charger_triage.adapters.files import read_bundle
from charger_triage.engine import Triage
from charger_triage.engine.durable_matcher import available

from .support.arithmetic import check_arithmetic

EXAMPLES = Path(__file__).parent.parent / "examples"

EXPECTED = [
    ("f0101-inrush-weld.json", {"DC180-07/1/F-0101": "inrush-overcurrent"}),
    ("f0203-oxidised-pins", {"DC180-21/2/F-0203": "pin-oxidation"}),
    ("f0204-fan-failure.json", {"DC360-03/-/F-0204": "fan-failure", "DC360-03/-/F-0601": None}),
    ("f0301-site-outage", {f"AC22-{number:02d}/-/F-0301": "site-network-outage" for number in range(1, 9)}),
    ("f0302-idle-connection.zip", {"DC60-11/-/F-0302": "idle-connection-closed"}),
    ("f0411-module-hang", {"DC180-40/1/F-0411": "module-firmware-hang"}),
    ("f0421-firmware-cluster", {f"TP-{number:03d}/1/F-0421": "firmware-feedback-timing" for number in range(1, 31, 3)}),
    ("f0512-interrupted-push.json", {"AC22-77/-/F-0512": "interrupted-push"}),
    ("f0601-fan-doubt.json", {"DC360-09/-/F-0601": "fan-supply-low"}),
    ("f0701-grid-excursion.json", {f"V2G-{number}/1/F-0701": "grid-excursion" for number in (1, 2, 3)}),
    ("f0805-bms-shutdown.json", {"DC60-31/1/F-0805": "bms-shutdown"}),
    ("early-warnings.json", {}),
]


@pytest.mark.parametrize(("name", "expected"), EXPECTED, ids=[name for name, _ in EXPECTED])
def test_an_example_raises_what_it_holds_and_leads_with_its_cause(
    triage: Triage, name: str, expected: dict[str, str | None]
) -> None:
    """Exactly the incidents of the case are raised, without a warning, and the right cause stands first."""
    diagnosis = triage.diagnose(read_bundle(EXAMPLES / name))
    assert diagnosis.warnings == []
    leaders = {
        incident.incident_id: incident.hypotheses[0].cause_id.partition("/")[2] for incident in diagnosis.incidents
    }
    assert set(leaders) == set(expected)
    for incident_id, cause in expected.items():
        assert cause is None or leaders[incident_id] == cause, incident_id


@pytest.mark.skipif(not available(), reason="durable-rules cannot be imported on this Python")
@pytest.mark.parametrize("name", [name for name, _ in EXPECTED])
def test_both_matchers_give_the_same_bytes(triage: Triage, name: str) -> None:
    """With and without durable-rules a diagnosis differs in the name of the matcher only."""
    bundle = read_bundle(EXAMPLES / name)
    native = triage.diagnose(bundle).model_dump_json()
    second = Triage(triage.knowledge, matcher="verdicts").diagnose(bundle).model_dump_json()
    assert '"matcher":"durable-rules"' in native
    assert native.replace('"matcher":"durable-rules"', '"matcher":"verdicts"') == second


def test_every_example_is_listed() -> None:
    """A shipped case that nobody checks would be a case nobody keeps true."""
    shipped = {
        path.name for path in EXAMPLES.iterdir() if path.suffix not in (".md", ".py") and path.name != "__pycache__"
    }
    assert shipped == {name for name, _ in EXPECTED}


def test_the_example_without_a_fault_warns_early(triage: Triage) -> None:
    """Contactor, isolation, fan and certificate are told with the code they lead to and the day; the sound charger is not."""
    watches = triage.diagnose(read_bundle(EXAMPLES / "early-warnings.json")).watches
    assert [(w.device_id, w.leads_to, w.expected_at) for w in watches] == [
        ("DC180-51", "F-0101", "2026-06-01"),
        ("DC180-51", "F-0101", "2026-05-20"),
        ("DC180-52", "F-0601", "2026-06-01"),
        ("DC180-52", "F-0301", "2026-05-31"),
    ]


def test_the_example_of_doubt_names_what_cannot_both_be_true(triage: Triage) -> None:
    """A fan seen to run as it should, and a tachometer that says otherwise: both stand in the incident, with their records."""
    (incident,) = triage.diagnose(read_bundle(EXAMPLES / "f0601-fan-doubt.json")).incidents
    (found,) = incident.contradictions
    assert [fact.sources[0].list for fact in found.between] == ["check_results", "telemetry"]


def test_a_fan_that_brought_the_cabinet_down_is_the_root(triage: Triage) -> None:
    """F-0601 stands behind F-0204: named as its root, F-0204 among what it led to, and one visit for the fan."""
    cabinet, fan = triage.diagnose(read_bundle(EXAMPLES / "f0204-fan-failure.json")).incidents
    assert (cabinet.root, fan.root) == (fan.incident_id, None)
    assert cabinet.incident_id in [consequence.incident_id for consequence in fan.leads_to]
    visits = [action for action in cabinet.actions if action.where == "onsite"]
    assert [action.covered_by for action in visits] == [fan.incident_id]


@pytest.mark.parametrize("name", [name for name, _ in EXPECTED])
def test_every_set_that_would_change_a_leader_does(triage: Triage, name: str) -> None:
    """Supposed, each set of facts or check results of each incident puts the cause first that it says, as it says."""
    bundle = read_bundle(EXAMPLES / name)
    for change in triage.diagnose(bundle).would_change():
        device = change.incident_id.split("/")[0]
        after = {i.incident_id: i for i in triage.diagnose(bundle, device_id=device, suppose=change).incidents}
        first = after[change.incident_id].hypotheses[0]
        assert (first.cause_id, first.probability) == (change.leader, change.probability)


@pytest.mark.parametrize("name", [name for name, _ in EXPECTED])
def test_the_numbers_of_every_example_s_explanation_add_up(triage: Triage, name: str) -> None:
    """Priors and weights give scores and probabilities; each comparison's parts give its gap; chances of results add up."""
    for incident in json.loads(triage.diagnose(read_bundle(EXAMPLES / name)).model_dump_json())["incidents"]:
        check_arithmetic(incident)
        leader = incident["hypotheses"][0]
        for hypothesis in incident["hypotheses"][1:]:
            why_not = hypothesis["why_not"]
            parts = [why_not["prior_gap_db"], *(difference["difference_db"] for difference in why_not["differences"])]
            assert sum(parts) == why_not["gap_db"] == leader["score_db"] - hypothesis["score_db"]
        for check in incident["next_checks"]:
            assert sum(outcome["chance"] for outcome in check["outcomes"]) == pytest.approx(1.0)
