"""Next checks: expected information is what information theory says, and the order is by bits per minute."""

from __future__ import annotations

from itertools import product
from math import log2
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.engine import Triage
from charger_triage.engine.beliefs import Ledger, posterior
from charger_triage.engine.facts import Fact, percent
from charger_triage.engine.inference import infer
from charger_triage.engine.matching import VerdictMatcher

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


def test_an_action_that_is_a_check_is_recommended_until_it_is_done(small: Triage) -> None:
    """Whatever came out of it: what is left to do is what mends."""
    likely = {"noisy": True, "seen": True}
    assert [action.title for action in small.diagnose(likely).incidents[0].actions] == ["look", "mend"]
    for result in ("bad", "good"):
        done = small.diagnose({**likely, "check.look": result}).incidents[0]
        assert [action.title for action in done.actions] == ["mend"]


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
        assert text == f"{leader.cause_id} would lead with {percent(leader.probability)}"


@given(facts=st.dictionaries(st.sampled_from(FLAGS), st.booleans()))
def test_what_each_result_would_leave_is_told_with_its_chance(small: Triage, facts: dict[str, bool]) -> None:
    """Chances add up to 1, each outcome's probabilities too, and they are those of the diagnosis with that result."""
    for check in small.diagnose(facts).incidents[0].next_checks:
        assert sum(outcome.chance for outcome in check.outcomes) == pytest.approx(1.0)
        for outcome in check.outcomes:
            assert sum(outcome.probabilities.values()) + outcome.undocumented_probability == pytest.approx(1.0)
            after = small.diagnose({**facts, f"check.{check.check_id}": outcome.value}).incidents[0]
            assert {h.cause_id: h.probability for h in after.hypotheses} == outcome.probabilities
            assert after.hypotheses[0].cause_id == outcome.leader


def _drift(prior: dict[str, float], rows: list[dict[str, float]], chances: list[float]) -> float:
    """Bits by which the beliefs that the results leave, mixed by their chances, are off the belief before."""
    mixed = {c: sum(q * row[c] for q, row in zip(chances, rows, strict=True)) / sum(chances) for c in prior}
    return sum(p * log2(p / mixed[c]) for c, p in prior.items())


def test_shares_that_nobody_stated_leave_the_beliefs_as_they_are_on_average(triage: Triage) -> None:
    """Over the shipped checks no other proportions that were tried leave the documented causes nearer to their priors.

    The causes are taken by themselves, as the undocumented rest loses by anything that is found.
    """
    rng = Random(7)
    for code, compiled in triage.knowledge.base.faults.items():
        believed = posterior(compiled.priors_db)[0]
        prior = {cause: chance / sum(believed.values()) for cause, chance in believed.items()}
        matcher = VerdictMatcher(compiled.rules)
        for check in compiled.checks:
            rows, totals = [], []
            for result in check.results:
                found = infer([Fact(check.fact_name, result.value)], compiled.rules, matcher)
                fired = {firing.rule.rule.id: firing.rule for firing in found.firings}
                after = Ledger(compiled.priors_db, fired.values()).scores_db
                joint = {c: p * 10 ** ((after[c] - compiled.priors_db[c]) / 10) for c, p in prior.items()}
                totals.append(sum(joint.values()))
                rows.append({cause: value / totals[-1] for cause, value in joint.items()})
            shares = compiled.shares_of[check.id]
            assert sum(shares) == pytest.approx(1.0)
            drift = _drift(prior, rows, [share * total for share, total in zip(shares, totals, strict=True)])
            for _ in range(50):
                other = [rng.random() for _ in rows]
                assert drift <= _drift(prior, rows, other) + 0.02, (code, check.id, other)
