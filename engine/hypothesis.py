"""A cause as it stands in the ranking, and why it stands there and not above another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .rules import CHECK
from .trace import ConditionRead, EvidenceItem, ResultModel, RuleRead


class OpenQuestion(ResultModel):
    """A check nobody has done yet, and which rival it would tell the cause from."""

    check_id: str
    would: str


class Difference(ResultModel):
    """One rule that fired, seen from two causes: decibans that count for each, and what the other one gains by it."""

    rule_id: str
    statement: str
    weight_db: float
    other_weight_db: float
    difference_db: float


class Refuted(ResultModel):
    """A rule that would speak for a cause, were its conditions met: those that are not, with the value read instead."""

    rule_id: str
    would_add_db: float
    conditions: list[ConditionRead]


class Missing(ResultModel):
    """A rule that would speak for a cause, of which something is unknown: what would have to be true.

    `would_add_db` is what it would add to the cause's score as things stand (its group counts once); `check_ids` are the
    checks whose results it waits for.
    """

    rule_id: str
    would_add_db: float
    conditions: list[str]
    check_ids: list[str]


class WhyNot(ResultModel):
    """Why a cause does not stand above another: `prior_gap_db` and the differences add up to `gap_db`, the lead of `above`.

    `differences` come the largest first, those above zero being what keeps the cause below; `refuted` and `missing` are
    what could have spoken for it and does not, because it is not so, or because nobody knows.
    """

    incident_id: str
    cause_id: str
    above: str
    gap_db: float
    prior_gap_db: float
    differences: list[Difference]
    refuted: list[Refuted]
    missing: list[Missing]


class Hypothesis(ResultModel):
    """A documented cause. `score_db` is `prior_db` plus every counted weight; `probability` follows from the scores.

    `why_not` says why it does not lead; it is null for the leader.
    """

    rank: int
    cause_id: str
    title: str
    probability: float
    prior_db: float
    score_db: float
    evidence: list[EvidenceItem]
    verdicts: list[RuleRead]
    unknown: list[OpenQuestion]
    why_not: WhyNot | None = None


def compare(incident_id: str, cause: Hypothesis, other: Hypothesis) -> WhyNot:
    """Why `cause` does not stand above `other`, from what stands in both: nothing is computed anew."""
    mine, theirs = _counted(cause.evidence), _counted(other.evidence)
    statements = {item.rule_id: item.statement for item in [*cause.evidence, *other.evidence]}
    differences = []
    for rule_id, statement in statements.items():
        weight, other_weight = mine.get(rule_id, 0.0), theirs.get(rule_id, 0.0)
        if weight != other_weight:
            differences.append(
                Difference.made(
                    rule_id=rule_id,
                    statement=statement,
                    weight_db=weight,
                    other_weight_db=other_weight,
                    difference_db=other_weight - weight,
                )
            )
    differences.sort(key=lambda item: (-item.difference_db, item.rule_id))
    counted_db = _counted_by_group(cause.evidence)
    refuted, missing = [], []
    for read in cause.verdicts:
        verdict = read.verdict
        if verdict == "met" or (adds := would_add(cause.cause_id, read, counted_db)) <= 0:
            continue
        if verdict == "not met":
            failing = [condition for condition in read.conditions if condition.verdict == "not met"]
            refuted.append(Refuted.made(rule_id=read.rule_id, would_add_db=adds, conditions=failing))
        else:
            unknown = [condition for condition in read.conditions if condition.verdict == "unknown"]
            missing.append(
                Missing.made(
                    rule_id=read.rule_id,
                    would_add_db=adds,
                    conditions=[condition.text for condition in unknown],
                    check_ids=[c.fact.removeprefix(CHECK) for c in unknown if c.fact.startswith(CHECK)],
                )
            )
    return WhyNot.made(
        incident_id=incident_id,
        cause_id=cause.cause_id,
        above=other.cause_id,
        gap_db=other.score_db - cause.score_db,
        prior_gap_db=other.prior_db - cause.prior_db,
        differences=differences,
        refuted=sorted(refuted, key=lambda item: (-item.would_add_db, item.rule_id)),
        missing=sorted(missing, key=lambda item: (-item.would_add_db, item.rule_id)),
    )


def _counted(evidence: Sequence[EvidenceItem]) -> dict[str, float]:
    return {item.rule_id: item.weight_db for item in evidence if item.counted}


def _counted_by_group(evidence: Sequence[EvidenceItem]) -> dict[str, float]:
    """The most that counts for a cause by each group already, in decibans."""
    counted: dict[str, float] = {}
    for item in evidence:
        if item.counted and item.group is not None and item.weight_db > 0:
            counted[item.group] = max(item.weight_db, counted.get(item.group, 0.0))
    return counted


def would_add(cause_id: str, read: RuleRead, counted_db: Mapping[str, float]) -> float:
    """What a rule that has not fired would add to a cause's score, in decibans: its group counts once for each sign.

    `counted_db` holds what counts for the cause by each group already.
    """
    weight = read.weighs.get(cause_id, 0.0)
    if read.group is None or weight <= 0:
        return weight
    return max(0.0, weight - counted_db.get(read.group, 0.0))
