"""What comes out: the diagnosis as pydantic models. Field names are a contract with other services."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .facts import Source


class ResultModel(BaseModel):
    """Base of the results: immutable once made."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)


class FactRead(ResultModel):
    """A fact as it was read: numbers in `unit`, versions and texts as text, yes or no as true or false."""

    name: str
    value: bool | float | str
    unit: str | None
    sources: list[Source]


class EvidenceItem(ResultModel):
    """A rule that fired, for one cause. `weight_db` is 10·log10 of its likelihood ratio: above zero it supports.

    `counted` is false where stronger evidence of the same `group` and sign already counts (`already_counted_by`).
    """

    rule_id: str
    effect: Literal["supports", "against"]
    weight_db: float
    counted: bool
    already_counted_by: str | None
    group: str | None
    statement: str
    facts: list[FactRead]
    source: str


class ConditionRead(ResultModel):
    """A condition's verdict with the value read, its records, and its age at `as_of` in seconds."""

    text: str
    verdict: Literal["met", "not met", "unknown"]
    value: bool | float | str | None
    unit: str | None
    sources: list[Source]
    age_s: float | None


class RuleRead(ResultModel):
    """The verdict of a rule that bears on a cause, fired or not, condition by condition."""

    rule_id: str
    verdict: Literal["met", "not met", "unknown"]
    conditions: list[ConditionRead]


class OpenQuestion(ResultModel):
    """A check nobody has done yet, and which rival it would tell the cause from."""

    check_id: str
    would: str


class Hypothesis(ResultModel):
    """A documented cause. `score_db` is `prior_db` plus every counted weight; `probability` follows from the scores."""

    rank: int
    cause_id: str
    title: str
    probability: float
    prior_db: float
    score_db: float
    evidence: list[EvidenceItem]
    verdicts: list[RuleRead]
    unknown: list[OpenQuestion]


class NextCheck(ResultModel):
    """A check worth doing: minutes, where, expected information in bits, and what each result would make of it."""

    check_id: str
    title: str
    where: Literal["remote", "onsite"]
    minutes: float
    expected_bits: float
    if_: dict[str, str] = Field(alias="if", serialization_alias="if")


class RecommendedAction(ResultModel):
    """What mends the likely causes; `for_` names their ids."""

    title: str
    for_: list[str] = Field(alias="for", serialization_alias="for")
    where: Literal["remote", "onsite"]


class KnownFirmwareIssue(ResultModel):
    """A documented firmware defect behind the code; `applies` is null where the version is not known or of another scheme."""

    affected: str
    fixed_in: str
    applies: bool | None
    summary: str


class UpstreamIncident(ResultModel):
    """Another incident that brought this one about."""

    incident_id: str
    cause_id: str
    statement: str


class Incident(ResultModel):
    """One fault code on one device and connector, with its causes ranked.

    `hypotheses` holds every documented cause of the code; an undocumented code has none, and carries in `escalation`
    what its report must hold.
    """

    incident_id: str
    device_id: str
    connector_id: int | None
    fault_code: str
    documented: bool
    title: str | None
    severity: str | None
    category: str | None
    first_seen: str
    last_seen: str
    occurrences: int
    hypotheses: list[Hypothesis]
    undocumented_probability: float | None
    undocumented_prior_db: float | None
    next_checks: list[NextCheck]
    actions: list[RecommendedAction]
    known_firmware_issue: KnownFirmwareIssue | None
    caused_by: list[UpstreamIncident]
    escalation: dict[str, Any] | None


class Watch(ResultModel):
    """An early warning: something that drifts toward a fault."""

    device_id: str
    connector_id: int | None
    what: str
    leads_to: str
    trend: str
    expected_at: str | None


class DataWarning(ResultModel):
    """Something in the data that was not used: list, the record's place as it was fed, field, what is wrong."""

    list: str
    index: int | None
    field: str | None
    problem: str


class KnowledgeRef(ResultModel):
    """Which knowledge was reasoned with; `digest` is over its files."""

    name: str
    version: str
    digest: str
    source_revision: str


class Diagnosis(ResultModel):
    """All incidents of a bundle, explained. The same records, knowledge and version give the same bytes."""

    as_of: str | None
    version: str
    knowledge: KnowledgeRef
    matcher: Literal["durable-rules", "verdicts"]
    facts_digest: str
    incidents: list[Incident]
    watches: list[Watch]
    warnings: list[DataWarning]
