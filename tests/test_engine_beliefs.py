"""Beliefs: what is printed adds up, nothing is hidden, and evidence moves probabilities the way it says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from math import isclose, log10
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charger_triage.engine import Triage
from charger_triage.engine.beliefs import CLOSE_MAPPING_DECIBANS, PRIOR_DECIBANS, UNDOCUMENTED_DECIBANS, believe
from charger_triage.engine.diagnosis import MappedFrom
from charger_triage.engine.facts import Fact, FactType
from charger_triage.engine.matching import Firing
from charger_triage.engine.rules import DECIBANS, Rule, compile_rule

from .support.arithmetic import check_arithmetic
from .support.small_knowledge import CODE, FLAGS, SmallKnowledge

CAUSES = ("a", "b", "c", "d")
STRENGTHS = ("weakly", "moderately", "strongly", "decisively")
FACT = FactType("n", "number", "a number", many=True)


@st.composite
def firings(draw: st.DrawFn) -> list[Firing]:
    """Rules with random weights and groups, each fired with one to three combinations of facts."""
    found = []
    for number in range(draw(st.integers(0, 6))):
        weights = draw(
            st.dictionaries(
                st.sampled_from(CAUSES),
                st.sampled_from([*STRENGTHS, *(f"-{s}" for s in STRENGTHS), "-excludes"]),
                min_size=1,
            )
        )
        model = {
            "id": f"r{number}", "when": [{"fact": "n"}], "statement": "{n}", "source": "test",
            "group": draw(st.sampled_from([None, "g", "h"])),
            "supports": {cause: word for cause, word in weights.items() if word[0] != "-"},
            "against": {cause: word[1:] for cause, word in weights.items() if word[0] == "-"},
        }  # fmt: skip
        compiled, problems = compile_rule(Rule.model_validate(model), {"n": FACT}, CAUSES)
        assert compiled is not None, problems
        found += [Firing(compiled, (Fact("n", float(place)),)) for place in range(draw(st.integers(1, 3)))]
    return found


fewer = settings(max_examples=settings.default.max_examples // 3) if settings.default else settings()
priors = st.fixed_dictionaries({cause: st.sampled_from(sorted(PRIOR_DECIBANS.values())) for cause in CAUSES})


@fewer
@given(priors, firings())
def test_probabilities_add_up_to_one_and_follow_from_the_scores(
    priors_db: dict[str, float], fired: list[Firing]
) -> None:
    """Two probabilities differ by exactly their scores' difference in decibans, the undocumented rest's included."""
    beliefs = believe(priors_db, fired)
    probabilities = [belief.probability for belief in beliefs.by_cause.values()]
    assert isclose(sum(probabilities) + beliefs.undocumented_probability, 1.0, abs_tol=1e-12)
    for belief in beliefs.by_cause.values():
        gap = 10 * log10(belief.probability / beliefs.undocumented_probability)
        assert isclose(gap, belief.score_db - UNDOCUMENTED_DECIBANS, abs_tol=1e-9)


@fewer
@given(priors, firings())
def test_of_a_group_only_the_strongest_of_each_sign_counts(priors_db: dict[str, float], fired: list[Firing]) -> None:
    """For each cause a group counts once for and once against; what does not count names what does; the rest counts."""
    for belief in believe(priors_db, fired).by_cause.values():
        grouped: dict[tuple[str, bool], list[tuple[bool, float, str | None, str]]] = defaultdict(list)
        total = belief.prior_db
        for item in belief.evidence:
            rule = item.firing.rule.rule
            total += item.weight_db if item.counted else 0.0
            if rule.group is None:
                assert item.counted and item.already_counted_by is None
            else:
                grouped[rule.group, item.weight_db > 0].append(
                    (item.counted, abs(item.weight_db), item.already_counted_by, rule.id)
                )
        assert isclose(total, belief.score_db, abs_tol=1e-9)
        for members in grouped.values():
            counted = [member for member in members if member[0]]
            assert len(counted) == 1 and counted[0][1] == max(weight for _, weight, _, _ in members)
            assert all(by == counted[0][3] for is_counted, _, by, _ in members if not is_counted)


@fewer
@given(priors, firings())
def test_every_firing_appears_under_each_cause_it_weighs(priors_db: dict[str, float], fired: list[Firing]) -> None:
    """Nothing is hidden: each cause shows every rule that fired and weighs it, with all matches and the rule's weight."""
    for cause, belief in believe(priors_db, fired).by_cause.items():
        shown = {
            (item.firing.rule.rule.id, item.weight_db, match) for item in belief.evidence for match in item.matches
        }
        expected = set()
        for firing in fired:
            rule = firing.rule.rule
            if cause in rule.supports or cause in rule.against:
                weight = DECIBANS[rule.supports[cause]] if cause in rule.supports else -DECIBANS[rule.against[cause]]
                expected.add((rule.id, weight, firing.match))
        assert shown == expected
        assert len(belief.evidence) == len({rule_id for rule_id, _, _ in expected})


@fewer
@given(priors, firings(), st.sampled_from(CAUSES), st.sampled_from(STRENGTHS), st.sampled_from([None, "g"]))
def test_support_for_one_cause_never_lowers_it(
    priors_db: dict[str, float], fired: list[Firing], cause: str, strength: str, group: str | None
) -> None:
    """One more firing that supports one cause only leaves its probability as it is or raises it, and lowers no score."""
    model = {
        "id": "one-more",
        "when": [{"fact": "n"}],
        "statement": "-",
        "source": "-",
        "supports": {cause: strength},
        "group": group,
    }
    compiled, _ = compile_rule(Rule.model_validate(model), {"n": FACT}, CAUSES)
    assert compiled is not None
    before = believe(priors_db, fired)
    after = believe(priors_db, [*fired, Firing(compiled, (Fact("n", 9.0),))])
    assert after.by_cause[cause].probability >= before.by_cause[cause].probability - 1e-12
    for name in CAUSES:
        if name != cause:
            assert after.by_cause[name].score_db == before.by_cause[name].score_db
            assert after.by_cause[name].probability <= before.by_cause[name].probability + 1e-12


@fewer
@given(priors, firings(), st.randoms(use_true_random=False))
def test_the_order_of_firings_does_not_matter(priors_db: dict[str, float], fired: list[Firing], random: Any) -> None:
    """The same firings in another order give the same numbers and the same counted rules."""
    shuffled = list(fired)
    random.shuffle(shuffled)

    def outline(found: Sequence[Firing]) -> list[Any]:
        beliefs = believe(priors_db, found).by_cause.values()
        return [(b.score_db, b.probability, [(e.firing.rule.rule.id, e.counted) for e in b.evidence]) for b in beliefs]

    assert outline(fired) == outline(shuffled)


# Through the façade, from the JSON alone


@pytest.fixture(scope="module")
def small() -> Triage:
    """A façade over the small knowledge base."""
    return Triage(SmallKnowledge())


def _every_incident(triage: Triage) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The JSON of the incident for every combination of given facts, true or not known."""
    for known in product((True, None), repeat=len(FLAGS)):
        facts = {name: value for name, value in zip(FLAGS, known, strict=True) if value is not None}
        yield facts, json.loads(triage.diagnose(facts).model_dump_json())["incidents"][0]


def test_the_printed_numbers_reproduce_the_printed_probability(small: Triage) -> None:
    """For every combination of facts the JSON alone gives back each score and each probability."""
    for _, incident in _every_incident(small):
        check_arithmetic(incident)


def test_the_printed_numbers_of_every_shipped_code_add_up(triage: Triage) -> None:
    """So do those of every shipped code, on a charger of which every check gave its first result."""
    from charger_triage.knowledge.observations import observe

    base = triage.knowledge.base
    at = "2026-05-10T12:00:00Z"
    event = {"timestamp": at, "device_id": "A", "connector_id": 1, "event_type": "fault"}
    checked = {"timestamp": at, "device_id": "A", "connector_id": 1}
    diagnosis = triage.diagnose(
        observe(
            {
                "events": [{**event, "data": {"fault_code": code}} for code in base.faults],
                "check_results": [
                    {**checked, "check_id": check.id, "value": check.results[0].value} for check in base.checks.values()
                ],
            }
        )
    )
    incidents = json.loads(diagnosis.model_dump_json())["incidents"]
    assert {incident["fault_code"] for incident in incidents} == set(base.faults)
    for incident in incidents:
        check_arithmetic(incident)
        cause_ids = {
            f"{incident['fault_code']}/{cause}" for cause in base.faults[incident["fault_code"]].fault.cause_ids
        }
        assert {h["cause_id"] for h in incident["hypotheses"]} == cause_ids


def test_what_fired_is_printed_and_what_is_printed_fired(small: Triage) -> None:
    """The evidence of a cause is exactly the rules that weigh it and whose verdict is met, findings in between included."""
    for facts, incident in _every_incident(small):
        for hypothesis in incident["hypotheses"]:
            met = {read["rule_id"] for read in hypothesis["verdicts"] if read["verdict"] == "met"}
            shown = {item["rule_id"] for item in hypothesis["evidence"]}
            assert met - {f"{CODE}.wears"} == shown
        rare = next(h for h in incident["hypotheses"] if h["cause_id"] == f"{CODE}/rare")
        assert (f"{CODE}.worn" in {i["rule_id"] for i in rare["evidence"]}) == ({"old", "noisy"} <= set(facts))


def test_equal_evidence_gives_equal_probability_times_prior(small: Triage) -> None:
    """Without evidence the odds are the priors'; twins stay equal under evidence for both, in documented order."""
    for facts, incident in _every_incident(small):
        by_id = {h["cause_id"].partition("/")[2]: h for h in incident["hypotheses"]}
        if "seen" not in facts:
            assert by_id["plain"]["probability"] == by_id["also"]["probability"]
            assert by_id["plain"]["rank"] + 1 == by_id["also"]["rank"]
        if not facts:
            assert by_id["common"]["probability"] / by_id["plain"]["probability"] == pytest.approx(10**0.5)
            assert by_id["rare"]["probability"] / by_id["plain"]["probability"] == pytest.approx(10**-0.5)
            assert [h["cause_id"].partition("/")[2] for h in incident["hypotheses"]] == [
                "common",
                "plain",
                "also",
                "rare",
            ]


def test_a_code_that_was_only_close_leaves_more_to_the_undocumented() -> None:
    """An exact mapping changes no number; a close one raises the rest's prior, which is printed with it."""
    plain, exact, close = (
        Triage(SmallKnowledge(mapped_from=mapped), matcher="verdicts").diagnose({"hot": True}).incidents[0]
        for mapped in (
            None,
            *(MappedFrom(code="E1", standard="S", meaning="m", exactness=fit) for fit in ("exact", "close")),
        )
    )
    assert exact.hypotheses == plain.hypotheses
    assert plain.undocumented_prior_db == UNDOCUMENTED_DECIBANS
    assert close.undocumented_prior_db == UNDOCUMENTED_DECIBANS + CLOSE_MAPPING_DECIBANS
    assert (close.undocumented_probability or 0.0) > (plain.undocumented_probability or 0.0)
    check_arithmetic(json.loads(close.model_dump_json()))
