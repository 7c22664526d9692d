"""What a search for a fault finds: the codes that fit, why they do, and what would decide between them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..engine.trace import ResultModel


class FittingSymptom(ResultModel):
    """A symptom that what was said fits: in our words, the caller's phrase it is nearest to, where it comes from."""

    tells: str
    phrase: str
    source: str


class PointedCause(ResultModel):
    """A cause that the words point at."""

    cause_id: str
    title: str


class DecidingFact(ResultModel):
    """What to look at, and which value speaks for the code; `rather_than` are codes that fit as well (empty: any)."""

    look_at: str
    speaks_for: str
    rather_than: list[str]
    source: str


class PointingResult(ResultModel):
    """A result of a check, and the cause that would lead after it, with its probability."""

    result: str
    cause_id: str
    title: str
    probability: float


class DecidingCheck(ResultModel):
    """A check that tells the causes of a code apart; `expected_bits` is what it would tell where only the priors are known."""

    check_id: str
    title: str
    where: str
    minutes: float
    expected_bits: float
    results: list[PointingResult]


class FaultMatch(ResultModel):
    """A code that fits what was said.

    `fit` is the share of what was said that the code's symptoms account for, rare words counting more: 0 nothing, 1 all.
    It compares codes and is no probability: how often a code occurs does not enter it.
    """

    fault_code: str
    title: str
    fit: float
    symptoms: list[FittingSymptom]
    causes: list[PointedCause]
    decides: list[DecidingFact]
    checks: list[DecidingCheck]


class FaultSearch(ResultModel):
    """What a question finds. `fault_code` is set where it names one, by code or title; `matches` are best first.

    `read_as` holds misspelt words and what they were taken for, `unknown_words` those that no symptom uses; `ask` is what
    to find out instead where little or nothing fits.
    """

    asked: str
    fault_code: str | None = None
    named_by: Literal["code", "title"] | None = None
    read_as: dict[str, str] = Field(default_factory=dict)
    unknown_words: list[str] = Field(default_factory=list)
    matches: list[FaultMatch] = Field(default_factory=list)
    ask: list[str] = Field(default_factory=list)
