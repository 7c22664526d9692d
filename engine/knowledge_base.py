"""What a knowledge base holds: faults with their causes, rules, checks and actions. No fault is named here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import Any, Literal, Protocol

from pydantic import Field, model_validator

from .beliefs import PRIOR_DECIBANS
from .diagnosis import MappedFrom
from .durable_matcher import make_matcher
from .facts import Catalogue, Fact, RefusedFact
from .matching import Matcher
from .result_rates import implied_rates
from .rule_index import RuleIndex
from .rules import CHECK, CompiledRule, Identifier, Rule, RuleModel, mistake_at, refuse_repeated
from .watch_rules import CompiledWatch, Scope

Where = Literal["remote", "onsite"]
Prior = Literal["most-common", "ordinary", "rare"]


class Cause(RuleModel):
    """A documented cause: `prior` is one of the words of `PRIOR_DECIBANS`, `prior_source` says where it comes from."""

    id: Identifier
    title: str
    explanation: str
    prior: Prior = "ordinary"
    prior_source: str

    @property
    def prior_db(self) -> float:
        """The prior in decibans against an ordinary cause."""
        return PRIOR_DECIBANS[self.prior]


class Action(RuleModel):
    """What mends a cause: where it is done, about how many minutes it takes (our judgement), which causes it is for.

    `check` is the check that the action is, where it is nothing but one; it is not recommended once the result is known.
    """

    title: str
    for_: tuple[Identifier, ...] = Field(alias="for", min_length=1)
    where: Where
    minutes: float = Field(gt=0)
    check: Identifier | None = None


class FirmwareIssue(RuleModel):
    """A range of firmware versions (inclusive, one scheme) with a documented defect, and the version that mends it."""

    from_: str = Field(alias="from")
    to: str
    fixed_in: str
    summary: str
    source: str


class CheckResult(RuleModel):
    """One possible outcome of a check: a word, or for numbers a band with a typical `value` in it.

    `share` is how often it comes out whatever the cause, relative to the other results; where no result of a check states
    it, the shares are those that the weights of the rules imply.
    """

    value: float | str
    label: str | None = None
    share: float | None = Field(default=None, gt=0)

    @property
    def name(self) -> str:
        """What a person calls the result."""
        return self.label or str(self.value)


class Check(RuleModel):
    """A question with possible results, how long it takes in minutes and where; `unit` for results that are numbers."""

    id: Identifier
    title: str
    codes: tuple[str, ...]
    where: Where
    minutes: float = Field(gt=0)
    unit: str | None = None
    results: tuple[CheckResult, ...] = Field(min_length=2)

    @property
    def is_number(self) -> bool:
        """Whether the result is a number."""
        return isinstance(self.results[0].value, float)

    @property
    def fact_name(self) -> str:
        """Name of the facts that hold its results."""
        return f"{CHECK}{self.id}"


class Fault(RuleModel):
    """One documented fault code with everything known about it.

    `scope` says whether an incident belongs to a connector or to the whole charger; `vocabulary` lists, for each topic
    that rules may ask for, the phrases by which texts of people and firmware mention it.
    """

    code: str
    title: str
    severity: Literal["error", "warning"]
    category: str
    scope: Scope
    meaning: str
    symptoms: tuple[str, ...]
    telemetry: tuple[str, ...]
    firmware_notes: tuple[str, ...] = ()
    firmware_issue: FirmwareIssue | None = None
    vocabulary: dict[Identifier, tuple[str, ...]] = Field(default_factory=dict)
    causes: tuple[Cause, ...] = Field(min_length=1)
    rules: tuple[Rule, ...] = Field(min_length=1)
    actions: tuple[Action, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Fault:
        refuse_repeated("causes", (cause.id for cause in self.causes))
        refuse_repeated("rules", (rule.id for rule in self.rules))
        known = {cause.id for cause in self.causes}
        for place, action in enumerate(self.actions):
            for number, cause in enumerate(action.for_):
                if cause not in known:
                    said = f"action {action.title!r} is for {cause!r}, which is not a cause of {self.code}"
                    raise mistake_at(("actions", place, "for", number), said, f"use one of {', '.join(self.cause_ids)}")
        return self

    @property
    def cause_ids(self) -> tuple[str, ...]:
        """The causes' ids without the code, in documented order."""
        return tuple(cause.id for cause in self.causes)


@dataclass(frozen=True)
class CompiledFault:
    """A fault with its rules compiled, the names of the facts they read, and the checks that bear on it."""

    fault: Fault
    rules: tuple[CompiledRule, ...]
    fact_names: frozenset[str]
    checks: tuple[Check, ...]

    @cached_property
    def priors_db(self) -> Mapping[str, float]:
        """Prior of each cause in decibans, in documented order."""
        return {cause.id: cause.prior_db for cause in self.fault.causes}

    @cached_property
    def matcher(self) -> Matcher:
        """The rules as durable-rules takes them, or in their second reading where it cannot be imported.

        Raises UnsafeRuleset where the rules are more than it holds.
        """
        return make_matcher(self.rules)

    @cached_property
    def index(self) -> RuleIndex:
        """The rules with their conditions numbered."""
        return RuleIndex(self.rules)

    @cached_property
    def shares_of(self) -> dict[str, tuple[float, ...]]:
        """For each check how often each of its results comes out whatever the cause; they add up to 1."""
        return {check.id: self._shares(check) for check in self.checks}

    def _shares(self, check: Check) -> tuple[float, ...]:
        stated = [result.share for result in check.results]
        if any(share is not None for share in stated):
            shares = [1.0 if share is None else share for share in stated]
            return tuple(share / sum(shares) for share in shares)
        results = [Fact(check.fact_name, result.value, check.unit) for result in check.results]
        return implied_rates(results, self.index, self.priors_db)


@dataclass(frozen=True)
class KnowledgeBase:
    """All faults, ready to reason with. `digest` is over the bytes of the knowledge files."""

    name: str
    version: str
    digest: str
    source_revision: str
    faults: Mapping[str, CompiledFault]
    checks: Mapping[str, Check]
    catalogue: Catalogue
    watches: Sequence[CompiledWatch] = ()


def incident_id(device_id: str, connector_id: int | None, code: str) -> str:
    """What an incident is called: charger, connector (a hyphen for the whole charger) and code."""
    return f"{device_id}/{'-' if connector_id is None else connector_id}/{code}"


@dataclass(frozen=True, slots=True, order=True)
class DataProblem:
    """Something in the data that was not used: where (list, place as fed, field) and what is wrong with it.

    The place is None where that is not known; what is wrong then says of which charger and when.
    `more` is 0, but where it only counts further records with problems of a field of which others were told.
    """

    list: str
    index: int | None
    field: str | None
    problem: str
    skipped: bool = dataclass_field(default=False, compare=False)
    more: int = dataclass_field(default=0, compare=False)


class IncidentCase(Protocol):
    """One incident found in the records: what happened where and when, and how to measure around it."""

    @property
    def device_id(self) -> str: ...
    @property
    def connector_id(self) -> int | None: ...
    @property
    def code(self) -> str: ...
    @property
    def first_seen(self) -> float: ...
    @property
    def last_seen(self) -> float: ...
    @property
    def occurrences(self) -> int: ...
    @property
    def firmware_version(self) -> str | None: ...
    @property
    def mapped_from(self) -> MappedFrom | None: ...

    def measure(self, fact_names: Iterable[str]) -> Iterable[Fact | RefusedFact]:
        """The facts of these names that the records hold, and those that could not be measured."""
        ...

    def dossier(self) -> dict[str, Any]:
        """What an escalation of an undocumented code must carry."""
        ...


class WatchCase(Protocol):
    """A charger or a connector that is watched, and how to measure it at the moment of the diagnosis.

    `scopes` says which watch rules are read for it: those of the whole charger, those of a connector, or both where the
    records tell no connectors apart.
    """

    @property
    def device_id(self) -> str: ...
    @property
    def connector_id(self) -> int | None: ...
    @property
    def scopes(self) -> frozenset[Scope]: ...

    def measure(self, fact_names: Iterable[str]) -> Iterable[Fact | RefusedFact]:
        """The facts of these names that the records hold, and those that could not be measured."""
        ...


@dataclass(frozen=True)
class Survey:
    """What a bundle of records holds: the moment of the diagnosis (epoch seconds), incidents, problems met.

    `subjects` are the chargers and connectors that can be watched; they are found when they are first gone through.
    """

    as_of: float | None
    incidents: Sequence[IncidentCase]
    problems: Sequence[DataProblem]
    subjects: Iterable[WatchCase] = ()


class Knowledge(Protocol):
    """What the shell reasons with: a knowledge base, and the way from records to incidents and facts."""

    @property
    def base(self) -> KnowledgeBase:
        """The compiled rules."""
        ...

    def survey(self, records: Any, as_of: float | None = None) -> Survey:
        """Find the incidents in a bundle of records."""
        ...

    def applies(self, issue: FirmwareIssue, version: str | None) -> bool | None:
        """Whether a firmware issue holds for a version; None where that cannot be told."""
        ...
