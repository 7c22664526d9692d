"""Next checks: expected information is what information theory says, and the order is by bits per minute."""

from __future__ import annotations

from itertools import product
from math import log2

import pytest

from charger_triage.engine import Triage

from .support.small_knowledge import FLAGS, SmallKnowledge


@pytest.fixture(scope="module")
def small() -> Triage:
    """A façade over the small knowledge base."""
    return Triage(SmallKnowledge())


def _entropy(probabilities: list[float]) -> float:
    return -sum(p * log2(p) for p in probabilities if p > 0)


def test_expected_bits_are_entropy_now_minus_expected_entropy_after(small: Triage) -> None:
    """The printed bits equal the drop of entropy, averaged over results, computed by Bayes from the rules' weights."""
    incident = small.diagnose({}).incidents[0]
    now = {h.cause_id.partition("/")[2]: h.probability for h in incident.hypotheses}
    now["rest"] = incident.undocumented_probability or 0.0
    ratio = {"bad": {"plain": 20.0}, "good": {"plain": 1 / 20.0}}  # strongly is 13 dB, to a quarter of a per cent 20
    share = {"bad": 1.0, "good": 3.0}
    given = {cause: {r: share[r] * ratio[r].get(cause, 1.0) for r in share} for cause in now}
    given = {
        cause: {r: weight / sum(weights.values()) for r, weight in weights.items()} for cause, weights in given.items()
    }
    after = 0.0
    for result in share:
        joint = [now[cause] * given[cause][result] for cause in now]
        after += sum(joint) * _entropy([value / sum(joint) for value in joint])
    (check,) = incident.next_checks
    assert check.check_id == "look"
    assert check.expected_bits == pytest.approx(_entropy(list(now.values())) - after, rel=0.01)


def test_a_check_that_cannot_tell_or_is_done_is_not_offered(small: Triage) -> None:
    """A check whose rules need a fact nobody has tells nothing; one with a result is not asked for again."""
    assert [check.check_id for check in small.diagnose({}).incidents[0].next_checks] == ["look"]
    assert small.diagnose({"check.look": "bad"}).incidents[0].next_checks == []
    # once the missing fact is there, the quick remote check is worth more bits per minute than the walk to the site
    assert [check.check_id for check in small.diagnose({"never": True}).incidents[0].next_checks] == ["idle", "look"]


def test_expected_bits_lie_between_nothing_and_what_is_not_known(small: Triage) -> None:
    """For every combination of facts a check is expected to tell more than nothing and at most the present entropy."""
    for known in product((True, None), repeat=len(FLAGS)):
        incident = small.diagnose({name: value for name, value in zip(FLAGS, known, strict=True) if value}).incidents[0]
        entropy = _entropy([*(h.probability for h in incident.hypotheses), incident.undocumented_probability or 0.0])
        for check in incident.next_checks:
            assert 0 < check.expected_bits <= entropy + 1e-4


def test_the_result_a_check_announces_is_the_result_it_leads_to(small: Triage) -> None:
    """What the diagnosis says each result would make of it is what the next diagnosis says once it is given."""
    announced = small.diagnose({"noisy": True}).incidents[0].next_checks[0].if_
    for result, text in announced.items():
        leader = small.diagnose({"noisy": True, "check.look": result}).incidents[0].hypotheses[0]
        assert text == f"{leader.cause_id} would lead with {leader.probability:.0%}"
