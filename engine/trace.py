"""The parts of a trace: facts as they were read, evidence, and the verdicts of rules. Field names are a contract."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from .facts import Source


class ResultModel(BaseModel):
    """Base of the results: immutable once made."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    @classmethod
    def made(cls, **fields: Any) -> Self:
        """An instance of values of our own making, all fields given by their names: nothing is validated or filled in.

        Parts of a result are made by the hundred. This sets what `model_construct` sets, and takes a sixth of its time.
        """
        instance = cls.__new__(cls)
        _set(instance, "__dict__", fields)
        _set(instance, "__pydantic_fields_set__", _all_fields(cls))
        _set(instance, "__pydantic_extra__", None)
        _set(instance, "__pydantic_private__", None)
        return instance


_set = object.__setattr__  # results are frozen


@cache
def _all_fields(model: type[BaseModel]) -> set[str]:
    """The names of a model's fields; one set for all of its instances, since a copy takes a copy of it."""
    return set(model.model_fields)


class FactRead(ResultModel):
    """A fact as it was read: numbers in `unit` (`epoch s`: a moment), versions and texts as text, yes or no as true or false.

    `name` is the measurement that made it of the records in `sources`; a finding has `raised_by` instead, the rule that
    made it of other facts, so that a trace can be followed from the records to the cause.
    """

    name: str
    value: bool | float | str
    unit: str | None
    sources: list[Source]
    raised_by: RaisedBy | None = None


class RaisedBy(ResultModel):
    """The rule that raised a finding, what it says, and the facts it read."""

    rule_id: str
    statement: str
    facts: list[FactRead]
    source: str


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
    """A condition's verdict with the value read, its records, and its age at `as_of` in seconds.

    `fact` names what it reads, `thresholds` the numbers that it compares with, in the fact's unit.
    """

    text: str
    verdict: Literal["met", "not met", "unknown"]
    value: bool | float | str | None
    unit: str | None
    sources: list[Source]
    age_s: float | None
    fact: str = ""
    thresholds: list[float] = Field(default_factory=list)


class RuleRead(ResultModel):
    """The verdict of a rule that bears on a cause, fired or not, condition by condition.

    `weighs` holds the decibans that it gives each cause when it fires (below zero against), `raises` the finding that it
    raises instead, `group` the rules with which it counts once.
    """

    rule_id: str
    verdict: Literal["met", "not met", "unknown"]
    conditions: list[ConditionRead]
    weighs: dict[str, float] = Field(default_factory=dict)
    raises: str | None = None
    group: str | None = None
