"""The shipped knowledge proves itself: every case beside the rules passes, and every rule and cause has its cases."""

from __future__ import annotations

import re

import pytest

from charger_triage.engine.facts import Catalogue, Fact
from charger_triage.engine.knowledge_base import CompiledFault
from charger_triage.engine.matching import passes
from charger_triage.engine.rules import CompiledRule, statement_of
from charger_triage.knowledge import TriageKnowledge
from charger_triage.knowledge.cases import CaseOutcome, FaultCases, cases_of, run_cases

CAUSES = {
    "F-0101": ("high-current-cycling", "mechanical-wear", "inrush-overcurrent"),
    "F-0203": ("hot-ambient-poor-airflow", "pin-oxidation", "cooling-degraded", "vehicle-inlet-fault"),
    "F-0204": ("fan-failure", "blocked-vents", "sensor-drift", "sustained-overload"),
    "F-0301": (
        "site-network-outage",
        "unclean-websocket-drop",
        "power-cycle",
        "dns-failure",
        "tls-certificate-expired",
    ),
    "F-0302": ("marginal-cellular", "idle-connection-closed", "keepalive-mismatch", "firmware-backoff-regression"),
    "F-0411": ("can-bus-wiring", "module-firmware-hang", "termination-resistor", "dc-bus-overvoltage"),
    "F-0421": ("contactor-stuck-open", "coil-under-voltage", "aux-contact-dirty", "firmware-feedback-timing"),
    "F-0512": ("local-override", "interrupted-push", "schema-version-mismatch"),
    "F-0601": ("bearing-wear", "blade-obstruction", "fan-driver-degraded", "fan-supply-low"),
    "F-0701": ("grid-excursion", "pll-drift", "bidirectional-contactor", "iso15118-timeout"),
    "F-0702": ("soc-below-floor", "vehicle-state-not-eligible", "model-not-certified", "time-restriction"),
    "F-0805": ("ev-disconnected", "network-outage-abort", "bms-shutdown", "connector-lock-fault"),
}
"""The 47 documented causes in documented order (contract, causes.csv)."""

CODES = sorted(CAUSES)

ONE_AND_A_PLURAL = re.compile(
    r"(?<![\d.,−])1 (?:(?:other|more|different|earlier|later|good) )?"
    r"(?!(?:was|has|does|loss|differs)\b|times (?:as|the|what|their|its|that)\b|times\))[a-z]+s\b"
)
"""1 before a word in s: but for verbs, and for how many times as much something is."""


@pytest.fixture(scope="module")
def outcomes(knowledge: TriageKnowledge) -> dict[str, list[CaseOutcome]]:
    """What came of every case, by code."""
    found: dict[str, list[CaseOutcome]] = {code: [] for code in CODES}
    for outcome in run_cases(knowledge):
        found.setdefault(outcome.code, []).append(outcome)
    return found


def _fault(knowledge: TriageKnowledge, code: str) -> CompiledFault:
    assert code in knowledge.faults, f"knowledge/faults/{code}.yaml is missing"
    return knowledge.faults[code].compiled


def _cases(knowledge: TriageKnowledge, code: str) -> FaultCases:
    assert code in knowledge.faults, f"knowledge/faults/{code}.yaml is missing"
    found = cases_of(knowledge.faults[code])
    assert isinstance(found, FaultCases), found
    return found


def test_the_list_of_causes_here_is_whole() -> None:
    """Twelve codes and forty-seven causes are what the dictionary documents."""
    assert len(CAUSES) == 12 and sum(map(len, CAUSES.values())) == 47


def test_no_code_is_shipped_that_is_not_documented(knowledge: TriageKnowledge) -> None:
    """The shipped faults are the documented ones."""
    assert set(knowledge.faults) == set(CAUSES)


@pytest.mark.parametrize("code", CODES)
def test_a_code_has_its_documented_causes_in_order(knowledge: TriageKnowledge, code: str) -> None:
    """Ties keep the documented order, so the order in the file is part of the knowledge."""
    assert _fault(knowledge, code).fault.cause_ids == CAUSES[code]


@pytest.mark.parametrize("code", CODES)
def test_every_case_beside_the_rules_passes(outcomes: dict[str, list[CaseOutcome]], code: str) -> None:
    """What `kb test` runs: each case fires, nearly fires or stays unknown as it says, or ranks its cause first."""
    failed = [f"{o.place}: {o.subject} ({o.kind}): {o.failure}" for o in outcomes[code] if o.failure is not None]
    assert outcomes[code], f"{code} has no cases"
    assert not failed, "\n".join(["", *failed])


@pytest.mark.parametrize("code", CODES)
def test_every_rule_has_a_case_of_each_kind(knowledge: TriageKnowledge, code: str) -> None:
    """A rule without a near miss or without an unknown case is a rule whose edges nobody has looked at."""
    cases = _cases(knowledge, code).cases.rules
    lacking = [
        f"{code}.{rule.rule.id}: no {kind} case"
        for rule in _fault(knowledge, code).rules
        for kind in ("fires", "near_miss", "unknown")
        if rule.rule.id not in cases or not getattr(cases[rule.rule.id], kind)
    ]
    assert not lacking, "\n".join(["", *lacking])


@pytest.mark.parametrize("code", CODES)
def test_every_cause_has_a_case_in_which_it_ranks_first(knowledge: TriageKnowledge, code: str) -> None:
    """Each documented cause can come out on top, and a case shows with what."""
    cases = _cases(knowledge, code).cases.causes
    lacking = [f"{code}/{cause}" for cause in CAUSES[code] if not cases.get(cause)]
    assert not lacking, "\n".join(["", *lacking])


@pytest.mark.parametrize("code", CODES)
def test_every_cause_can_be_spoken_for_and_against(knowledge: TriageKnowledge, code: str) -> None:
    """A cause that no rule supports cannot win on evidence, and one that none speaks against cannot lose on it."""
    rules = _fault(knowledge, code).rules
    one_sided = [
        f"{code}/{cause}: nothing {side}"
        for cause in CAUSES[code]
        for side in ("supports", "against")
        if not any(cause in getattr(rule.rule, side) for rule in rules)
    ]
    assert not one_sided, "\n".join(["", *one_sided])


@pytest.mark.parametrize("code", CODES)
def test_every_check_of_a_code_bears_on_it(knowledge: TriageKnowledge, code: str) -> None:
    """Each result of each check that can be asked for on a code is read by one of its rules, or is the typical of a band."""
    compiled = _fault(knowledge, code)
    read = {pattern.fact_name for rule in compiled.rules for pattern in rule.patterns}
    unread = [
        check.id for check in knowledge.base.checks.values() if code in check.codes and check.fact_name not in read
    ]
    assert not unread, f"{code}: no rule reads {', '.join(unread)}"


@pytest.mark.parametrize("code", CODES)
def test_what_may_be_one_is_no_plural(knowledge: TriageKnowledge, code: str) -> None:
    """Where a count may be 1, the sentence has a form for it: `1 other charger keeps`, never `1 other chargers keep`."""
    said = [statement_of(rule, counted_once(rule, knowledge.base.catalogue)) for rule in _fault(knowledge, code).rules]
    assert [sentence for sentence in said if ONE_AND_A_PLURAL.search(sentence)] == []


def counted_once(rule: CompiledRule, catalogue: Catalogue) -> list[Fact]:
    """Facts for a sentence in which every count is 1 that may be, and every other number 7."""
    facts = []
    for pattern in rule.patterns:
        one = Fact(pattern.fact_name, 1.0)
        if catalogue[pattern.fact_name].kind != "number":
            facts.append(Fact(pattern.fact_name, "word"))
        elif catalogue[pattern.fact_name].unit == "1" and all(
            passes(test, one, ()) for test in pattern.tests if test.earlier is None
        ):
            facts.append(one)
        else:
            facts.append(Fact(pattern.fact_name, 7.0))
    return facts
