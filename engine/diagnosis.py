"""What comes out: the diagnosis as pydantic models. Field names are a contract with other services."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .facts import Source
from .hypothesis import Hypothesis, WhyNot, compare
from .trace import FactRead, ResultModel


class CheckOutcome(ResultModel):
    """One result that a check can have: how likely it is now, and the ranking it would leave.

    `value` is a value that stands for the result (numbers in the check's unit); `probabilities` are by cause id, and add
    up to 1 with `undocumented_probability`.
    """

    result: str
    value: float | str
    chance: float
    leader: str
    probabilities: dict[str, float]
    undocumented_probability: float


class NextCheck(ResultModel):
    """A check worth doing: minutes, where, expected information in bits, and what each result would make of it."""

    check_id: str
    title: str
    where: Literal["remote", "onsite"]
    minutes: float
    expected_bits: float
    if_: dict[str, str] = Field(alias="if", serialization_alias="if")
    unit: str | None = None
    bits_per_minute: float = 0.0
    outcomes: list[CheckOutcome] = Field(default_factory=list)


class RecommendedAction(ResultModel):
    """What mends the likely causes; `for_` names their ids.

    `covered_by` is the incident upstream whose visit does it too, so that nobody is sent twice; null where it stands
    for itself.
    """

    title: str
    for_: list[str] = Field(alias="for", serialization_alias="for")
    where: Literal["remote", "onsite"]
    covered_by: str | None = None


class KnownFirmwareIssue(ResultModel):
    """A documented firmware defect behind the code; `applies` is null where the version is not known or of another scheme."""

    affected: str
    fixed_in: str
    applies: bool | None
    summary: str


class UpstreamIncident(ResultModel):
    """Another incident that brought this one about: its id, the cause of this incident that it stands behind, and why."""

    incident_id: str
    cause_id: str
    statement: str
    rule_id: str = ""


class Consequence(ResultModel):
    """What this incident brought about: another incident, or something seen in the records that has no code."""

    incident_id: str | None
    statement: str
    sources: list[Source]


class Contradiction(ResultModel):
    """Two things that were read and cannot both be true; `between` holds the two, `bears_on` the causes they weigh."""

    rule_id: str
    statement: str
    between: list[FactRead]
    bears_on: list[str]


class Change(ResultModel):
    """Something that is not known yet and is supposed to be so: the result of a check, or a fact.

    `fact` names the fact, `value` is one that stands for what `text` says, in `unit`; `at`, `connector_id` and `key` are
    those of the fact (when it held, where, of which unit), null where they do not matter.
    """

    check_id: str | None
    fact: str
    value: bool | float | str
    unit: str | None
    text: str
    at: str | None = None
    connector_id: int | None = None
    key: str | None = None


class LeaderChange(ResultModel):
    """A smallest set of changes that puts another cause first; none of them can be left out.

    Given as `suppose=` to `Triage.diagnose` it gives the diagnosis as it would then be.
    """

    incident_id: str
    leader: str
    probability: float
    changes: list[Change]


class MappedFrom(ResultModel):
    """The code of another standard that was reported, what it means there, and how well it fits the documented one."""

    code: str
    standard: str
    meaning: str
    exactness: Literal["exact", "close"]


class Incident(ResultModel):
    """One fault code on one device and connector, with its causes ranked.

    `hypotheses` holds every documented cause of the code; an undocumented code has none, and carries in `escalation`
    what its report must hold. `root` is the incident at the head of the chain of `caused_by`, null where this one is it.
    `mapped_from` names the code of another standard that was reported instead; where it is only close, the undocumented
    rest has the larger prior. `would_change` holds, for each other cause that can be brought to lead, the smallest set of changes that does it.
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
    root: str | None = None
    leads_to: list[Consequence] = Field(default_factory=list)
    contradictions: list[Contradiction] = Field(default_factory=list)
    would_change: list[LeaderChange] = Field(default_factory=list)
    mapped_from: MappedFrom | None = None


class Watch(ResultModel):
    """An early warning: something that drifts toward a fault.

    `trend` says with numbers how, `leads_to` names the fault code, `expected_at` the date on which its threshold is
    reached at the present rate (null where no rate is known, the threshold is passed already, or the date lies more than
    two years ahead).
    """

    device_id: str
    connector_id: int | None
    what: str
    leads_to: str
    trend: str
    expected_at: str | None
    rule_id: str = ""
    facts: list[FactRead] = Field(default_factory=list)
    source: str = ""


class DataWarning(ResultModel):
    """Something in the data that was not used: list, the record's place as it was fed, field, what is wrong.

    `index` is null where it is about no record, or where that place is not known and `problem` names charger and time.
    """

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


class UnknownCause(LookupError):
    """No incident of the diagnosis has this cause among its hypotheses, or one that it is to be compared with."""


class Diagnosis(ResultModel):
    """All incidents of a bundle, explained. The same records, knowledge and version give the same bytes.

    `measurements` says of every measurement that the evidence names what it measures. `supposed` is what was taken to be so
    although no record says it, empty where nothing was.
    """

    as_of: str | None
    version: str
    knowledge: KnowledgeRef
    matcher: Literal["durable-rules", "verdicts"]
    facts_digest: str
    incidents: list[Incident]
    watches: list[Watch]
    warnings: list[DataWarning]
    measurements: dict[str, str] = Field(default_factory=dict)
    supposed: list[Change] = Field(default_factory=list)

    def why_not(self, cause_id: str, *, above: str | None = None, incident_id: str | None = None) -> WhyNot:
        """Why a cause does not stand above another: what speaks against it, and what is unknown.

        Without `above` it is compared with the leader (the leader itself with the cause next to it). Of several incidents
        with this cause the first is meant, or the one named. Raises UnknownCause where there is none, or none to compare with.
        """
        wanted = f"the cause {cause_id!r}"
        for incident in self.incidents:
            if incident_id is None or incident.incident_id == incident_id:
                causes = {hypothesis.cause_id: hypothesis for hypothesis in incident.hypotheses}
                if cause_id not in causes:
                    continue
                rival = next((cause for cause in causes if cause != cause_id), None) if above is None else above
                if rival in causes:
                    return compare(incident.incident_id, causes[cause_id], causes[rival])
                named = "a cause" if above is None else f"the cause {above!r}"
                wanted = f"{named} beside {cause_id!r} to compare it with"
        where = "no incident" if incident_id is None else f"no incident {incident_id}"
        raise UnknownCause(f"{where} of this diagnosis has {wanted}")

    def would_change(self, incident_id: str | None = None) -> list[LeaderChange]:
        """For each incident (or the one named) the smallest sets of facts or check results that put another cause first."""
        return [
            change
            for incident in self.incidents
            if incident_id is None or incident.incident_id == incident_id
            for change in incident.would_change
        ]
