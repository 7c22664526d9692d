"""The public types as a user writes them; `mypy --strict` reads this file, nothing runs it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, assert_type

from charger_triage.adapters.files import Bundle, read_bundle
from charger_triage.engine import (
    Diagnosis,
    FaultExplanation,
    Hypothesis,
    Incident,
    Triage,
    UnknownCause,
    UnknownCode,
    WhyNot,
)
from charger_triage.engine.diagnosis import LeaderChange
from charger_triage.knowledge import KnowledgeError, TriageKnowledge, load_knowledge
from charger_triage.knowledge.observations import Observations, observe


def leading_causes(path: Path) -> dict[str, float]:
    """The cause that leads in each incident of a case, with its probability."""
    triage = Triage()
    diagnosis = triage.diagnose(read_bundle(path))
    assert_type(diagnosis, Diagnosis)
    assert_type(diagnosis.incidents, list[Incident])
    leaders: dict[str, float] = {}
    for incident in diagnosis.incidents:
        assert_type(incident.connector_id, int | None)
        assert_type(incident.hypotheses, list[Hypothesis])
        if incident.hypotheses:
            leaders[incident.hypotheses[0].cause_id] = incident.hypotheses[0].probability
    return leaders


def readings(source: str | Path) -> tuple[Bundle, Bundle]:
    """A bundle from a path, and one from an open stream."""
    return read_bundle(source), read_bundle(io.StringIO("{}"))


def own_knowledge(directory: Path) -> Triage | None:
    """A façade over another knowledge base; None where its files are wrong."""
    try:
        knowledge = load_knowledge(directory)
    except KnowledgeError as error:
        for finding in error.findings:
            assert_type(finding.place.line, int)
            assert_type(finding.mend, str)
        return None
    assert_type(knowledge, TriageKnowledge)
    return Triage(knowledge=knowledge, matcher="verdicts")


def from_memory(lists: dict[str, list[dict[str, Any]]]) -> str:
    """Records that a service holds already."""
    observations = observe(lists, "2026-05-10T12:00:00Z")
    assert_type(observations, Observations)
    diagnosis = Triage().diagnose(observations, as_of=1_778_414_400.0, device_id="A", fault_code="F-0421")
    return diagnosis.model_dump_json()


def entry(triage: Triage) -> FaultExplanation | None:
    """A fault code explained; None where it is not documented."""
    try:
        return triage.explain("F-0421")
    except UnknownCode:
        return None


def weights(incident: Incident) -> list[float]:
    """The decibans that count for the leading cause."""
    return [item.weight_db for item in incident.hypotheses[0].evidence if item.counted]


def argued(triage: Triage, bundle: Bundle, cause_id: str) -> float | None:
    """How far a cause stands behind the leader, and what it would have instead if the smallest change came true."""
    diagnosis = triage.diagnose(bundle)
    try:
        why_not = diagnosis.why_not(cause_id)
    except UnknownCause:
        return None
    assert_type(why_not, WhyNot)
    changes = diagnosis.would_change()
    assert_type(changes, list[LeaderChange])
    for change in changes:
        if change.leader == cause_id:
            return triage.diagnose(bundle, suppose=change).incidents[0].hypotheses[0].probability
    triage.diagnose(bundle, suppose={"check.close-click": "absent"})
    return why_not.gap_db
