"""The argument: why not, what would change the leader, contradictions, chains of findings, chains of incidents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.engine import Diagnosis, Incident, Triage, UnknownCause
from charger_triage.engine.diagnosis import RecommendedAction, UpstreamIncident
from charger_triage.engine.links import linked

from .support.small_knowledge import FLAGS, SmallKnowledge, with_rules

known = st.dictionaries(st.sampled_from([*FLAGS, "never"]), st.booleans())


@pytest.fixture(scope="module")
def small() -> Triage:
    """A façade over the small knowledge base."""
    return Triage(SmallKnowledge(), matcher="verdicts")


def only(diagnosis: Diagnosis) -> Incident:
    """The one incident of the small knowledge base."""
    (incident,) = diagnosis.incidents
    return incident


# Why not


@given(facts=known)
def test_what_a_comparison_prints_adds_up_to_the_gap(small: Triage, facts: dict[str, bool]) -> None:
    """For every pair of causes: prior gap and differences sum to the gap of their scores, and none stands twice."""
    diagnosis = small.diagnose(facts)
    causes = {h.cause_id: h for h in only(diagnosis).hypotheses}
    for cause, other in product(causes, causes):
        why_not = diagnosis.why_not(cause, above=other)
        assert why_not.gap_db == causes[other].score_db - causes[cause].score_db
        assert why_not.prior_gap_db + sum(d.difference_db for d in why_not.differences) == pytest.approx(why_not.gap_db)
        assert all(d.difference_db == d.other_weight_db - d.weight_db for d in why_not.differences)
        assert len({d.rule_id for d in why_not.differences}) == len(why_not.differences)


@given(facts=known)
def test_what_is_missing_adds_what_it_says(small: Triage, facts: dict[str, bool]) -> None:
    """A rule named as missing raises the score by the stated decibans once its one unknown condition is supposed."""
    before = {h.cause_id: h for h in only(small.diagnose(facts)).hypotheses}
    for cause, hypothesis in before.items():
        for item in [] if hypothesis.why_not is None else hypothesis.why_not.missing:
            if item.rule_id not in ("X-1.only-plain", "X-1.looked", "X-1.noisy", "X-1.hot", "X-1.warm"):
                continue  # the others share their facts with rules that weigh as well
            name = {"only-plain": "seen", "looked": "check.look"}.get(item.rule_id[4:], item.rule_id[4:])
            if item.rule_id == "X-1.noisy" and facts.get("old"):
                continue
            value: Any = "bad" if name == "check.look" else True
            after = {h.cause_id: h for h in only(small.diagnose(facts, suppose={name: value})).hypotheses}
            assert after[cause].score_db - hypothesis.score_db == pytest.approx(item.would_add_db)


def test_not_so_and_not_known_are_told_apart(small: Triage) -> None:
    """A fact that was read and is otherwise refutes a rule, one that was not read is missing, with its check."""
    why_not = small.diagnose({"noisy": False}).why_not("X-1/plain")
    assert [r.rule_id for r in why_not.refuted] == ["X-1.noisy"]
    assert why_not.refuted[0].conditions[0].value is False
    checks = {missing.rule_id: missing.check_ids for missing in why_not.missing}
    assert checks == {"X-1.looked": ["look"], "X-1.only-plain": [], "X-1.idle-check": ["idle"]}


def test_the_leader_is_compared_with_the_next(small: Triage) -> None:
    """Asked of the leader, the comparison is with the second; a cause nobody weighs is refused by name."""
    diagnosis = small.diagnose({})
    assert diagnosis.why_not("X-1/common").above == "X-1/plain"
    for wrong in ({"cause_id": "X-1/frob"}, {"cause_id": "X-1/plain", "above": "X-1/frob"}):
        with pytest.raises(UnknownCause, match="the cause 'X-1/frob'"):
            diagnosis.why_not(**wrong)
    with pytest.raises(UnknownCause, match=r"no incident B/1/X-1 of this diagnosis has the cause 'X-1/plain'$"):
        diagnosis.why_not("X-1/plain", incident_id="B/1/X-1")


def test_the_only_cause_of_a_fault_has_none_to_be_compared_with(small: Triage) -> None:
    """Of a fault with one cause the question is refused by name, as of a cause that is not there."""
    diagnosis = small.diagnose({})
    (incident,) = diagnosis.incidents
    alone = incident.model_copy(update={"hypotheses": incident.hypotheses[:1]})
    with pytest.raises(UnknownCause, match="has a cause beside 'X-1/common' to compare it with"):
        diagnosis.model_copy(update={"incidents": [alone]}).why_not("X-1/common")


# What would change the leader


def worlds(facts: Mapping[str, bool], size: int) -> Iterator[dict[str, Any]]:
    """Every way to suppose so many of the things that are not known."""
    open_names = [name for name in (*FLAGS, "never") if name not in facts]
    options: dict[str, list[Any]] = {name: [True, False] for name in open_names}
    options |= {"check.look": ["bad", "good"], "check.idle": ["yes", "no"]}
    for names in combinations(sorted(options), size):
        for values in product(*(options[name] for name in names)):
            yield dict(zip(names, values, strict=True))


@given(facts=known)
def test_a_set_that_would_change_the_leader_does_and_is_minimal(small: Triage, facts: dict[str, bool]) -> None:
    """Applied, each set puts its cause first with the stated probability; with any member left out it does not."""
    diagnosis = small.diagnose(facts)
    for change in diagnosis.would_change():
        after = only(small.diagnose(facts, suppose=change)).hypotheses
        assert (after[0].cause_id, after[0].probability) == (change.leader, change.probability)
        assert after[0].score_db > after[1].score_db
        for left_out in change.changes:
            rest = [item for item in change.changes if item is not left_out]
            partly = only(small.diagnose(facts, suppose=change.model_copy(update={"changes": rest}))).hypotheses
            assert not (partly[0].cause_id == change.leader and partly[0].score_db > partly[1].score_db)


@pytest.mark.parametrize("facts", [{}, {"hot": True}, {"seen": True}, {"noisy": True, "hot": True}, {"wet": True}])
def test_no_smaller_set_exists(small: Triage, facts: dict[str, bool]) -> None:
    """Brute force over everything that is not known finds no smaller set, for any cause."""
    diagnosis = small.diagnose(facts)
    leader = only(diagnosis).hypotheses[0].cause_id
    smallest: dict[str, int] = {}
    for change in diagnosis.would_change():
        smallest[change.leader] = min(len(change.changes), smallest.get(change.leader, 99))
    for size in (1, 2):
        for supposed in worlds(facts, size):
            ranked = only(small.diagnose(facts, suppose=supposed)).hypotheses
            if ranked[0].cause_id != leader and ranked[0].score_db > ranked[1].score_db:
                assert smallest[ranked[0].cause_id] <= size, supposed


def test_what_cannot_be_supposed_is_refused(small: Triage) -> None:
    """An unknown name and a value of the wrong kind are named."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"frob": True}, "frob"), ({"warm": "very"}, "warm"), ({"warm": None}, "warm"), ({"check.look": "odd"}, "check.look"),
        ({"look": "bad"}, "that check is 'check.look'"),
    ]  # fmt: skip
    for supposed, said in wrong:
        with pytest.raises(ValueError, match=said):
            small.diagnose({}, suppose=supposed)
    unfit: Any = ["warm"]
    with pytest.raises(TypeError, match="not list"):
        small.diagnose({}, suppose=unfit)


def test_what_is_supposed_stands_in_place_of_what_was_read(small: Triage) -> None:
    """As if the records had said so; what no incident asks for changes nothing, and is told."""
    supposed = small.diagnose({"noisy": False, "hot": True}, suppose={"noisy": True})
    assert [h.score_db for h in only(supposed).hypotheses] == [
        h.score_db for h in only(small.diagnose({"noisy": True, "hot": True})).hypotheses
    ]
    assert [(change.fact, change.text) for change in supposed.supposed] == [("noisy", "noisy is yes")]
    (change, *_) = small.diagnose({}).would_change()
    elsewhere = small.diagnose({}, suppose=change.model_copy(update={"incident_id": "B/1/X-1"}))
    assert only(elsewhere).hypotheses == only(small.diagnose({})).hypotheses
    assert [warning.list for warning in elsewhere.warnings] == ["supposed"] * len(change.changes)


def test_a_supposed_fact_says_that_it_is_supposed(small: Triage) -> None:
    """Evidence that rests on a supposition names no record but the supposition."""
    (item,) = only(small.diagnose({}, suppose={"check.look": "bad"})).hypotheses[0].evidence
    assert [source.list for source in item.facts[0].sources] == ["supposed"]


# Contradictions and chains


CONTRADICTION = {
    "id": "cannot-be", "when": [{"fact": "warm", "is": True, "as": "felt"}, {"fact": "denied", "is": True}],
    "contradicts": ["felt", "denied"], "statement": "Felt warm ({felt}), yet denied.", "source": "s",
}  # fmt: skip


def test_two_facts_that_cannot_both_be_true_are_named(small: Triage) -> None:
    """The pair stands in the incident with both facts and the causes that rest on them; weights stay as they are."""
    triage = Triage(with_rules(CONTRADICTION), matcher="verdicts")
    facts = {"warm": True, "denied": True, "wet": True}
    incident = only(triage.diagnose(facts))
    (found,) = incident.contradictions
    assert found.rule_id == "X-1.cannot-be"
    assert [fact.name for fact in found.between] == ["warm", "denied"]
    assert found.bears_on == ["X-1/common", "X-1/rare"]
    assert [h.score_db for h in incident.hypotheses] == [h.score_db for h in only(small.diagnose(facts)).hypotheses]
    assert only(triage.diagnose({"warm": True})).contradictions == []


def test_no_set_of_changes_contradicts_what_is_known() -> None:
    """A supposition that would contradict a known fact is not offered."""
    triage = Triage(with_rules(CONTRADICTION), matcher="verdicts")
    offered = {item.fact for change in triage.diagnose({"denied": True}).would_change() for item in change.changes}
    assert "warm" not in offered
    assert offered


def test_a_finding_is_traced_to_the_facts_behind_it(small: Triage) -> None:
    """Evidence from a finding holds the rule that raised it and the facts which that rule read."""
    (rare,) = [h for h in only(small.diagnose({"old": True, "noisy": True})).hypotheses if h.cause_id == "X-1/rare"]
    (item,) = rare.evidence
    (finding,) = item.facts
    assert finding.raised_by is not None
    assert finding.raised_by.rule_id == "X-1.wears"
    assert [fact.name for fact in finding.raised_by.facts] == ["old", "noisy"]


def test_a_rule_does_one_thing() -> None:
    """Weighing and contradicting at once, unknown aliases, a fact against itself: each is refused."""
    for wrong in (
        {**CONTRADICTION, "supports": {"common": "weakly"}},
        {**CONTRADICTION, "contradicts": ["felt", "frob"]},
        {**CONTRADICTION, "contradicts": ["felt", "felt"]},
        {"id": "u", "when": [{"fact": "warm"}], "against": {"common": "weakly"}, "upstream": "warm", "statement": "s", "source": "s"},
        {"id": "u", "when": [{"fact": "warm"}], "supports": {"common": "weakly"}, "upstream": "hot", "statement": "s", "source": "s"},
    ):  # fmt: skip
        with pytest.raises((ValueError, AssertionError)):
            with_rules(wrong)


# Incidents behind incidents


def chained(triage: Triage, name: str, *upstream: str) -> Incident:
    """An incident with a visit for its leading cause, caused by others."""
    action = RecommendedAction(title="mend", for_=["X-1/plain"], where="onsite")
    return only(triage.diagnose({})).model_copy(
        update={
            "incident_id": name,
            "actions": [action, action.model_copy(update={"where": "remote"}), action.model_copy(update={"for_": ["X-1/plain", "X-1/rare"]})],
            "caused_by": [UpstreamIncident(incident_id=up, cause_id="X-1/plain", statement=f"{up} first") for up in upstream],
        }
    )  # fmt: skip


def test_the_root_is_the_head_of_the_chain_and_one_visit_is_enough(small: Triage) -> None:
    """c comes from b, b from a: both name a; what a led to stands with a; only visits for the linked cause are covered."""
    a, b, c = linked([chained(small, "a"), chained(small, "b", "a"), chained(small, "c", "b")])
    assert (a.root, b.root, c.root) == (None, "a", "a")
    assert [x.incident_id for x in a.leads_to] == ["b"]
    assert [x.incident_id for x in b.leads_to] == ["c"]
    assert [action.covered_by for action in c.actions] == ["b", None, None]
    assert [action.covered_by for action in a.actions] == [None, None, None]


def test_a_circle_of_causes_ends(small: Triage) -> None:
    """Records that put two incidents behind each other give roots all the same, and an absent one is a root by name."""
    a, b = linked([chained(small, "a", "b"), chained(small, "b", "a")])
    assert (a.root, b.root) == ("b", "a")
    (alone,) = linked([chained(small, "a", "elsewhere")])
    assert alone.root == "elsewhere"
