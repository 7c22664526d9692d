"""durable-rules, the second reading of the rules and a brute-force matcher agree on random rules and facts."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from charger_triage.engine.durable_matcher import DurableMatcher, available
from charger_triage.engine.facts import Fact, admit
from charger_triage.engine.inference import Inference, infer
from charger_triage.engine.matching import Matcher, VerdictMatcher, by_name, verdict_of
from charger_triage.engine.rules import CompiledRule

from .support.brute_force import Fired, brute_force
from .support.strategies import CATALOGUE, cases


def _matchers(compiled: Sequence[CompiledRule]) -> list[Matcher]:
    return [VerdictMatcher(compiled), *([DurableMatcher(compiled)] if available() else [])]


def _fired(inference: Inference) -> Fired:
    return {(firing.rule.rule.id, firing.match) for firing in inference.firings}


fewer = settings(max_examples=settings.default.max_examples // 4) if settings.default else settings()
Case = tuple[list[CompiledRule], list[Fact], list[Fact]]


@given(cases())
def test_all_matchers_fire_the_same_rules_on_the_same_facts(case: Case) -> None:
    """Each matcher fires exactly the (rule, facts) pairs that trying every combination finds, each once."""
    compiled, known, _ = case
    admitted, refused = admit(known, CATALOGUE)
    assert not refused
    expected = brute_force([rule.rule for rule in compiled], admitted, CATALOGUE)
    event(f"{len(compiled)} rules")
    event(f"{min(len(expected), 5)} firings")
    event(f"joined firings: {any(len(match) > 1 for _, match in expected)}")
    event(f"chained firings: {any(fact.name.startswith('finding.') for _, match in expected for fact in match)}")
    for matcher in _matchers(compiled):
        inference = infer(admitted, compiled, matcher)
        assert inference.refusals == ()
        assert _fired(inference) == expected, matcher.name
        assert len(inference.firings) == len(expected), f"{matcher.name} fired something twice"


@fewer
@given(cases())
def test_a_rule_fired_exactly_when_its_verdict_is_met(case: Case) -> None:
    """Verdicts and firings are two readings of one rule: met means fired, every condition is met then and only then."""
    compiled, known, _ = case
    admitted, _ = admit(known, CATALOGUE)
    inference = infer(admitted, compiled, _matchers(compiled)[-1])
    fired = {rule_id for rule_id, _ in _fired(inference)}
    for rule in compiled:
        judged = verdict_of(rule, by_name(inference.facts))
        assert (judged.verdict == "met") == (rule.rule.id in fired)
        verdicts = [condition.verdict for condition in judged.conditions]
        expected = "met" if set(verdicts) == {"met"} else "not met" if "not met" in verdicts else "unknown"
        assert judged.verdict == expected


@fewer
@given(cases(), st.data())
def test_order_and_repetition_of_facts_do_not_matter(case: Case, data: st.DataObject) -> None:
    """Facts in another order, some of them twice, lead to the same facts, firings and refusals in the same order."""
    compiled, known, _ = case
    again = (
        data.draw(st.permutations([*known, *data.draw(st.lists(st.sampled_from(known), max_size=3))])) if known else []
    )
    for matcher in _matchers(compiled):
        first = infer(admit(known, CATALOGUE)[0], compiled, matcher)
        assert infer(admit(again, CATALOGUE)[0], compiled, matcher) == first


@fewer
@given(cases(most=10, more=4))
def test_more_facts_never_take_a_firing_away(case: Case) -> None:
    """Matching is monotone: what fired on some facts fires on more of them.

    Left out are firings that read a finding: it is raised once, and by another firing where that one is known first; and facts
    on which more rules fire than are taken, which the inference says.
    """
    compiled, known, more = case
    assert _fired_on_facts(compiled, known) <= _fired_on_facts(compiled, [*known, *more])


def _fired_on_facts(compiled: Sequence[CompiledRule], known: Sequence[Fact]) -> set[tuple[object, ...]]:
    inference = infer(admit(known, CATALOGUE)[0], compiled, VerdictMatcher(compiled))
    assume(not any("the rest is left out" in refusal for refusal in inference.refusals))
    fired = _fired(inference)
    return {
        (rule_id, *(fact.sort_key() for fact in match))
        for rule_id, match in fired
        if not any(fact.name.startswith("finding.") for fact in match)
    }
