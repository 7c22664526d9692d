"""A diagnosis as rows: one a hypothesis, one an early warning, with what a planner of work asks for beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from ...engine.diagnosis import Diagnosis, Incident, NextCheck, RecommendedAction
from ...engine.hypothesis import Hypothesis
from ...knowledge.owners import Owned, owners
from ..report.wording import check_to_do, for_and_against, undecided

ONSITE = "onsite"

MOMENT = pl.Datetime("ms", "UTC")

PLACE: Mapping[str, Any] = {
    "site_id": pl.String, "device_id": pl.String, "connector_id": pl.Int64, "model": pl.String, "firmware_version": pl.String,
}  # fmt: skip

HYPOTHESES: Mapping[str, Any] = {
    **PLACE,
    "incident_id": pl.String, "fault_code": pl.String, "title": pl.String, "severity": pl.String, "category": pl.String,
    "documented": pl.Boolean, "first_seen": MOMENT, "last_seen": MOMENT, "occurrences": pl.Int64,
    "rank": pl.Int64, "cause_id": pl.String, "cause": pl.String, "probability": pl.Float64, "prior_db": pl.Float64,
    "score_db": pl.Float64, "undocumented_probability": pl.Float64, "told_apart": pl.Boolean,
    "evidence": pl.String, "evidence_db": pl.Float64, "evidence_rule": pl.String,
    "next_check_id": pl.String, "next_check": pl.String, "next_check_where": pl.String, "next_check_minutes": pl.Float64,
    "next_check_owner": pl.String,
    "action": pl.String, "action_where": pl.String, "action_owner": pl.String,
    "visit": pl.String, "visit_owner": pl.String, "visit_covered_by": pl.String,
    "firmware_affected": pl.String, "firmware_fix": pl.String, "firmware_fix_applies": pl.Boolean, "mapped_from": pl.String, "mapped_exactly": pl.Boolean,
    "caused_by": pl.String, "root": pl.String,
}  # fmt: skip
"""The columns of hypotheses.parquet. Those from `rank` to `score_db`, the evidence (the strongest for or against) and the
actions are of the cause, the others of the incident. `action` is the first to take, `visit` the first that is taken on site,
`visit_covered_by` the incident whose visit does it too. An incident whose code is not documented has one row without a cause."""

WATCHES: Mapping[str, Any] = {
    **PLACE, "what": pl.String, "leads_to": pl.String, "trend": pl.String, "expected_at": pl.Date, "rule_id": pl.String,
}  # fmt: skip
"""The columns of watches.parquet."""


@dataclass(frozen=True)
class Charger:
    """What the rows of a charger say of it."""

    device_id: str
    site_id: str | None
    model: str | None
    firmware_version: str | None

    def place(self, connector: int | None) -> dict[str, Any]:
        """The columns that say where."""
        return {
            "site_id": self.site_id,
            "device_id": self.device_id,
            "connector_id": connector,
            "model": self.model,
            "firmware_version": self.firmware_version,
        }


def hypothesis_rows(charger: Charger, diagnosis: Diagnosis) -> Iterator[dict[str, Any]]:
    """A row for each hypothesis of each incident, in the order of the diagnosis."""
    for incident in diagnosis.incidents:
        common = {**charger.place(incident.connector_id), **_of_incident(incident)}
        for hypothesis in incident.hypotheses:
            yield {**common, **_of_cause(hypothesis), **_of_actions(incident, hypothesis.cause_id)}
        if not incident.hypotheses:
            yield common


def watch_rows(charger: Charger, diagnosis: Diagnosis) -> Iterator[dict[str, Any]]:
    """A row for each early warning."""
    for watch in diagnosis.watches:
        yield {
            **charger.place(watch.connector_id),
            "what": watch.what,
            "leads_to": watch.leads_to,
            "trend": watch.trend,
            "expected_at": None if watch.expected_at is None else datetime.fromisoformat(watch.expected_at).date(),
            "rule_id": watch.rule_id,
        }


def _of_incident(incident: Incident) -> dict[str, Any]:
    issue, mapped = incident.known_firmware_issue, incident.mapped_from
    return {
        "incident_id": incident.incident_id,
        "fault_code": incident.fault_code,
        "title": incident.title,
        "severity": incident.severity,
        "category": incident.category,
        "documented": incident.documented,
        "first_seen": datetime.fromisoformat(incident.first_seen),
        "last_seen": datetime.fromisoformat(incident.last_seen),
        "occurrences": incident.occurrences,
        "undocumented_probability": incident.undocumented_probability,
        "told_apart": not undecided(incident) if incident.hypotheses else None,
        "firmware_affected": None if issue is None else issue.affected,
        "firmware_fix": None if issue is None else issue.fixed_in,
        "firmware_fix_applies": None if issue is None else issue.applies,
        "mapped_from": None if mapped is None else mapped.code,
        "mapped_exactly": None if mapped is None else mapped.exactness == "exact",
        "caused_by": incident.caused_by[0].incident_id if incident.caused_by else None,
        "root": incident.root,
        **_of_check(check_to_do(incident)),
    }


def _of_check(check: NextCheck | None) -> dict[str, Any]:
    if check is None:
        return {}
    return {
        "next_check_id": check.check_id,
        "next_check": check.title,
        "next_check_where": check.where,
        "next_check_minutes": check.minutes,
        "next_check_owner": _title(owners().of_check(check.check_id, check.where)),
    }


def _of_cause(hypothesis: Hypothesis) -> dict[str, Any]:
    supporting, opposing = for_and_against(hypothesis)
    strongest = next(iter(sorted([*supporting, *opposing], key=lambda item: -abs(item.weight_db))), None)
    return {
        "rank": hypothesis.rank,
        "cause_id": hypothesis.cause_id,
        "cause": hypothesis.title,
        "probability": hypothesis.probability,
        "prior_db": hypothesis.prior_db,
        "score_db": hypothesis.score_db,
        "evidence": None if strongest is None else strongest.statement,
        "evidence_db": None if strongest is None else strongest.weight_db,
        "evidence_rule": None if strongest is None else strongest.rule_id,
    }


def _of_actions(incident: Incident, cause: str) -> dict[str, Any]:
    """The first of the recommended actions that are for a cause, and the first of those that are taken on site."""
    actions = [action for action in incident.actions if cause in action.for_]
    found: dict[str, Any] = {}
    for first in actions[:1]:
        found.update(action=first.title, action_where=first.where, action_owner=_doer(first))
    for visit in [action for action in actions if action.where == ONSITE][:1]:
        found.update(visit=visit.title, visit_owner=_doer(visit), visit_covered_by=visit.covered_by)
    return found


def _doer(action: RecommendedAction) -> str:
    return _title(owners().of_action(action.title, action.where))


def _title(owned: Owned) -> str:
    return owners().title(owned.owner)


def filled(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows with all of the columns, whether or not they fill them."""
    return [{**dict.fromkeys(columns), **row} for row in rows]


def frame_of(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Any]) -> pl.DataFrame:
    """Rows as a frame with all of the columns."""
    return pl.DataFrame(filled(rows, columns), schema=dict(columns), orient="row")
