"""Incidents that bring each other about: the root of each chain, what it led to, and visits that are one visit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .diagnosis import Consequence, Incident, RecommendedAction


def linked(incidents: Sequence[Incident]) -> list[Incident]:
    """The same incidents with `root`, `leads_to` and `covered_by` filled from their `caused_by`."""
    if not any(incident.caused_by for incident in incidents):
        return list(incidents)
    by_id = {incident.incident_id: incident for incident in incidents}
    downstream: dict[str, list[Consequence]] = {}
    for incident in incidents:
        for up in incident.caused_by:
            downstream.setdefault(up.incident_id, []).append(
                Consequence(incident_id=incident.incident_id, statement=up.statement, sources=[])
            )
    return [
        incident.model_copy(
            update={
                "root": root_of(incident, by_id),
                "leads_to": [*incident.leads_to, *downstream.get(incident.incident_id, [])],
                "actions": [_covered(action, incident) for action in incident.actions],
            }
        )
        for incident in incidents
    ]


def root_of(incident: Incident, by_id: Mapping[str, Incident]) -> str | None:
    """The incident at the head of the chain; one that is not among the diagnosed is the head as far as is known."""
    passed = {incident.incident_id}
    current: Incident | None = incident
    head = None
    while current is not None and current.caused_by and current.caused_by[0].incident_id not in passed:
        head = current.caused_by[0].incident_id
        passed.add(head)
        current = by_id.get(head)
    return head


def _covered(action: RecommendedAction, incident: Incident) -> RecommendedAction:
    """A visit that is for nothing but what the upstream incident's visit mends is marked as covered by it."""
    if action.where != "onsite":
        return action
    for up in incident.caused_by:
        if set(action.for_) <= {up.cause_id}:
            return action.model_copy(update={"covered_by": up.incident_id})
    return action
