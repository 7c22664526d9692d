"""Measurements: each is declared for rules that read it, and reads nothing that the records do not hold."""

from __future__ import annotations

from charger_triage.engine import Triage
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
