"""Early warnings: what is raised before there is a fault, when it is expected, and what must raise nothing."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.engine.diagnosis import Watch
from charger_triage.engine.facts import Fact, RefusedFact
from charger_triage.engine.inference import infer
from charger_triage.engine.matching import VerdictMatcher, by_name, verdict_of
from charger_triage.engine.rules import compile_rule
from charger_triage.engine.watch_rules import Scope, WatchRule, compile_watch
from charger_triage.engine.watching import Watcher
from charger_triage.knowledge import KnowledgeError, TriageKnowledge, load_knowledge
from charger_triage.knowledge.cases import WatchCases, given_facts, run_cases, watch_cases_of
from charger_triage.knowledge.lint import lint
from charger_triage.knowledge.observations import observe

from .support.bundles import Bundle, arbitrary, bundles, spoiled
from .support.mutations import mutants
from .test_healthy import at as healthy_time
from .test_healthy import healthy_fleet

T = datetime(2026, 5, 10, 12, tzinfo=UTC)


def at(days: float) -> str:
    """A moment so many days from the diagnosis."""
    return (T + timedelta(days=days)).isoformat()


def raised(
    knowledge: TriageKnowledge, lists: dict[str, Any], *, native: bool = False, as_of: str = at(0)
) -> list[Watch]:
    """The early warnings of some records."""
    survey = knowledge.survey(observe(lists, as_of))
    watcher = Watcher(knowledge.base.watches, knowledge.base.catalogue, native=native)
    return [
        watch for watched in watcher.watch(survey.subjects, survey.incidents, survey.as_of) for watch in watched.watches
    ]


def slowing_fan(device: str = "A") -> list[dict[str, Any]]:
    """Forty days of a fan that loses eight revolutions a day and stands at 1,888 rpm."""
    return [
        {"timestamp": at(day - 40), "device_id": device, "connector_id": 1, "state": "charging",
         "component_health": {"cooling_fan_rpm": 2200 - 8 * day, "contactor_cycles": 90_000 + 200 * day, "contactor_max_cycles": 100_000}}
        for day in range(40)
    ]  # fmt: skip


# The shipped watches


def test_every_case_of_the_watches_passes(knowledge: TriageKnowledge) -> None:
    """What `kb test` runs of watches.yaml: facts that fire, nearly fire or stay unknown, and records with their dates."""
    about = {compiled.watch.id for compiled in knowledge.base.watches}
    outcomes = [o for o in run_cases(knowledge, []) if o.place.file == "watches.yaml"]
    assert outcomes == []
    codes = sorted({compiled.watch.leads_to for compiled in knowledge.base.watches})
    outcomes = [o for o in run_cases(knowledge, codes) if o.place.file == "watches.yaml"]
    assert {o.subject.partition(":")[0] for o in outcomes} == about
    assert [f"{o.place}: {o.subject}: {o.failure}" for o in outcomes if o.failure] == []


def test_every_change_of_a_comparison_in_a_watch_fails_a_case(knowledge: TriageKnowledge) -> None:
    """Operators turned around, boundaries moved, conditions removed: the cases by facts notice each."""
    catalogue = knowledge.base.catalogue
    found = watch_cases_of(knowledge.directory)
    assert isinstance(found, WatchCases)
    unnoticed = []
    for compiled in knowledge.base.watches:
        cases = found.cases.rules[compiled.watch.id]
        scenes = [by_name(given_facts(each, catalogue)) for each in (*cases.fires, *cases.near_miss, *cases.unknown)]
        before = [verdict_of(compiled.rule, facts).verdict for facts in scenes]
        for mutant in mutants(compiled.rule.rule, catalogue):
            changed, _ = compile_rule(mutant.rule, catalogue, ())
            if changed is not None and [verdict_of(changed, facts).verdict for facts in scenes] == before:
                unnoticed.append(f"{compiled.watch.id}: {mutant.change}; {mutant.wanted}")
    assert unnoticed == []


def test_both_matchers_raise_the_same(knowledge: TriageKnowledge) -> None:
    """durable-rules and the second reading of the rules agree on the facts of every case."""
    catalogue = knowledge.base.catalogue
    found = watch_cases_of(knowledge.directory)
    assert isinstance(found, WatchCases)
    watcher = Watcher(knowledge.base.watches, catalogue, native=True)
    second = Watcher(knowledge.base.watches, catalogue, native=False)
    for cases in found.cases.rules.values():
        for facts in (*cases.fires, *cases.near_miss, *cases.unknown):
            case = Given(given_facts(facts, catalogue))
            one, other = (each.watch([case], (), T.timestamp())[0].watches for each in (watcher, second))
            assert one == other


def test_a_healthy_fleet_raises_only_what_is_true_of_its_firmware(knowledge: TriageKnowledge) -> None:
    """Chargers at work raise a watch where their firmware has the documented defect, and nothing else."""
    for seed in range(3):
        lists = healthy_fleet(seed, 50)
        affected = [d["device_id"] for d in lists["devices"] if d["firmware_version"] == "3.0.1"]
        watches = raised(knowledge, lists, as_of=healthy_time(1440))
        assert {watch.rule_id for watch in watches} == {"watches.firmware-feedback-window"}
        assert [watch.device_id for watch in watches] == affected


def scattering_fleet(seed: int, chargers: int) -> dict[str, list[dict[str, Any]]]:
    """Forty days of chargers whose readings scatter around what they always were, well and not so well."""
    rng = random.Random(seed)
    lists: dict[str, list[dict[str, Any]]] = {"devices": [], "telemetry": [], "connections": []}
    for number in range(chargers):
        device = f"C{number:03d}"
        lists["devices"].append({"device_id": device, "model": "TP-DC180", "v2g_capable": True})
        fan, isolation = rng.uniform(1900, 2300), rng.uniform(1600, 6000)
        for day in range(40):
            start = day - 40 + rng.uniform(0, 0.3)
            own = {
                "device_id": device,
                "connector_id": 1,
                "state": "charging",
                "current": 200.0,
                "power": 100.0,
                "ambient_temperature": 25.0,
            }
            health = {
                "cooling_fan_rpm": rng.gauss(fan, 50), "isolation_test_kohms": rng.gauss(isolation, 0.1 * isolation),
                "harmonic_distortion_v2g_pct": rng.gauss(3.5, 0.4),
            }  # fmt: skip
            lists["telemetry"].append({
                **own, "timestamp": at(start), "temperature": rng.gauss(35, 2), "component_health": health,
                "cabinet_temperature": rng.gauss(45, 2.5), "inverter_health_pct": rng.gauss(90, 3),
            })  # fmt: skip
            lists["telemetry"].append({**own, "timestamp": at(start + 0.02), "temperature": rng.gauss(55, 4)})
            lists["connections"].extend(
                {"timestamp": at(start + rng.uniform(0, 0.6)), "device_id": device, "transition": "reconnect"}
                for _ in range(rng.randint(0, 4))
            )
    return lists


def test_scatter_around_a_constant_is_no_trend(knowledge: TriageKnowledge) -> None:
    """A hundred chargers whose fan, isolation, heat, inverter and reconnects scatter for forty days raise nothing."""
    assert [watch.trend for watch in raised(knowledge, scattering_fleet(1, 100))] == []


@given(st.randoms(use_true_random=False), st.integers(min_value=-120, max_value=120))
def test_the_same_records_in_any_order_raise_the_same(
    knowledge: TriageKnowledge, rng: random.Random, step: int
) -> None:
    """Shuffled records give the same warnings with the same sources, whatever the drift."""
    lists: dict[str, Any] = {
        "devices": [{"device_id": "A", "firmware_version": "3.0.1", "certificates": {"tls_not_after": at(12)}}],
        "telemetry": slowing_fan(),
        "connections": [{"timestamp": at(-20 + hour / 8), "device_id": "A", "transition": "reconnect"} for hour in range(160)],
    }  # fmt: skip
    for day, record in enumerate(lists["telemetry"]):
        record["component_health"]["cooling_fan_rpm"] = 5000 + step * day
    shuffled = {name: rng.sample(records, len(records)) for name, records in lists.items()}
    assert raised(knowledge, shuffled) == raised(knowledge, lists)


@given(bundle=bundles())
def test_every_fact_of_a_watch_names_records_that_were_fed(knowledge: TriageKnowledge, bundle: Bundle) -> None:
    """Whatever the records, a value is measured of records that are there, and no measurement fails."""
    survey = knowledge.survey(observe(bundle))
    watcher = Watcher(knowledge.base.watches, knowledge.base.catalogue, native=False)
    for watched in watcher.watch(survey.subjects, survey.incidents, survey.as_of):
        assert watched.problems == []
        for fact in watched.facts:
            assert fact.sources and all(source.index < len(bundle[source.list]) for source in fact.sources), fact


@given(bundle=st.lists(spoiled(), min_size=1, max_size=3), as_of=arbitrary)
def test_arbitrary_json_in_any_record_list_never_raises(
    knowledge: TriageKnowledge, bundle: list[tuple[str, Any]], as_of: Any
) -> None:
    """Arbitrary JSON deep inside of records leaves the fan that slows down noticed, and no measurement fails."""
    lists = {**dict(bundle), "telemetry": slowing_fan("sound")}
    survey = knowledge.survey(observe(lists, as_of))
    watcher = Watcher(knowledge.base.watches, knowledge.base.catalogue, native=False)
    found = watcher.watch(survey.subjects, survey.incidents, survey.as_of)
    assert [problem for watched in found for problem in watched.problems if "failed" in problem.problem] == []
    assert "sound" in {watched.case.device_id for watched in found}


def test_a_watch_says_where_it_was_read(knowledge: TriageKnowledge) -> None:
    """Charger, connector, numbers with units, the code, the date, the rule and the records: all that an engineer asks for."""
    by_rule = {watch.rule_id: watch for watch in raised(knowledge, {"telemetry": slowing_fan()}, native=True)}
    assert set(by_rule) == {"watches.contactor-life-ending", "watches.fan-speed-falling"}
    fan = by_rule["watches.fan-speed-falling"]
    assert (fan.device_id, fan.connector_id, fan.leads_to, fan.expected_at) == ("A", None, "F-0601", "2026-05-20")
    assert (
        fan.trend
        == "The fan turns at 1912 rpm and drifts by −56 rpm/week (−14.18% so far); it reaches 1800 rpm in 10 days."
    )
    assert [(s.list, s.index) for s in fan.facts[0].sources] == [("telemetry", 0), ("telemetry", 39)]
    contactor = by_rule["watches.contactor-life-ending"]
    assert (contactor.connector_id, contactor.leads_to, contactor.expected_at) == (1, "F-0101", "2026-05-20")


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        ("component_health", set()),
        ("timestamp", set()),
        ("connector_id", {"watches.fan-speed-falling", "watches.contactor-life-ending"}),
    ],
)
def test_what_is_missing_raises_nothing(knowledge: TriageKnowledge, missing: str, left: set[str]) -> None:
    """Without readings or their times nothing is known; a charger that tells no connectors apart is watched as one."""
    records = [{key: value for key, value in record.items() if key != missing} for record in slowing_fan()]
    watches = raised(knowledge, {"devices": [{"device_id": "A"}], "telemetry": records})
    assert {watch.rule_id for watch in watches} == left
    assert {watch.connector_id for watch in watches} <= {None}


def test_old_readings_tell_nothing_of_the_present(knowledge: TriageKnowledge) -> None:
    """A fan last heard of a month ago has no trend today."""
    watches = raised(knowledge, {"telemetry": slowing_fan()}, as_of=at(30))
    assert "watches.fan-speed-falling" not in {watch.rule_id for watch in watches}


# The shell


class Given:
    """A charger that is watched, with its facts given."""

    def __init__(
        self, facts: Iterable[Fact], connector: int | None = None, scopes: Iterable[Scope] = ("charger", "connector")
    ) -> None:
        self.facts = list(facts)
        self.device_id = "A"
        self.connector_id = connector
        self.scopes: frozenset[Scope] = frozenset(scopes)

    def measure(self, fact_names: Iterable[str]) -> list[Fact | RefusedFact]:
        """The facts that are asked for."""
        wanted = set(fact_names)
        return [fact for fact in self.facts if fact.name in wanted]


def test_of_a_group_the_first_in_the_file_is_shown_and_of_other_rules_each(knowledge: TriageKnowledge) -> None:
    """A contactor past its life is not near it as well."""
    facts = {"contactor_life_share": 103, "contactor_cycles": 103_000, "contactor_rated_cycles": 100_000, "certificate_end": 1_780_000_000,
             "days_to_certificate_end": 3, "days_to_contactor_life_end": 0, "contactor_life_end": 1_780_000_000, "contactor_cycle_rate": 5}  # fmt: skip
    watcher = Watcher(knowledge.base.watches, knowledge.base.catalogue, native=False)
    (watched,) = watcher.watch([Given(given_facts(facts, knowledge.base.catalogue))], (), T.timestamp())
    assert [watch.rule_id for watch in watched.watches] == ["watches.contactor-past-life", "watches.certificate-ending"]


def test_a_watch_is_read_for_its_scope_only(knowledge: TriageKnowledge) -> None:
    """A connector is not asked for its charger's certificate, nor a charger for its connectors' contactors."""
    facts = given_facts(
        {"days_to_certificate_end": 3, "certificate_end": 1_780_000_000, "isolation_lately": 500},
        knowledge.base.catalogue,
    )
    watcher = Watcher(knowledge.base.watches, knowledge.base.catalogue, native=False)
    cases = [Given(facts, 1, ["connector"]), Given(facts, None, ["charger"])]
    found = [[w.rule_id for w in watched.watches] for watched in watcher.watch(cases, (), T.timestamp())]
    assert found == [["watches.certificate-ending"], ["watches.isolation-below-pass"]]


def test_without_a_moment_of_the_diagnosis_nothing_is_watched(knowledge: TriageKnowledge) -> None:
    """Metadata without any time raise no watch, since nothing says how old they are."""
    survey = knowledge.survey(observe({"devices": [{"device_id": "A", "firmware_version": "3.0.1"}]}))
    watcher = Watcher(knowledge.base.watches, knowledge.base.catalogue, native=False)
    assert (survey.as_of, watcher.watch(survey.subjects, survey.incidents, survey.as_of)) == (None, [])


# Rules that cannot be used

RULE: dict[str, Any] = {
    "id": "worn", "scope": "connector", "when": [{"fact": "contactor_life_share", "above": 90, "as": "share"}],
    "what": "worn contactor", "leads_to": "F-0101", "trend": "It is at {share}.", "source": "dictionary F-0101",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "path", "problem"),
    [
        ({"leads_to": "F-9999"}, ("leads_to",), "'F-9999' is not documented"),
        ({"expected_at": "end"}, ("expected_at",), "'end' is no condition"),
        ({"when": [{"fact": "firmware_version"}], "trend": "x", "expected_at": "firmware_version"}, ("expected_at",), "firmware_version is version"),
        ({"trend": "It is at {life}."}, ("trend",), "{life} is not read by any condition"),
        ({"when": [{"fact": "contactor_life", "as": "share"}]}, ("when", 0), "no fact is named 'contactor_life'"),
        ({"when": [{"fact": "contactor_life_share", "below": 0, "as": "share"}]}, ("when", 0), "no value can be met: the range from 0 to 0 is empty"),
    ],
)  # fmt: skip
def test_a_watch_that_cannot_be_raised_is_rejected(
    knowledge: TriageKnowledge, change: dict[str, Any], path: tuple[str | int, ...], problem: str
) -> None:
    """Unknown codes, facts, aliases and empty ranges are named with their place in the rule."""
    compiled, problems = compile_watch(
        WatchRule.model_validate({**RULE, **change}), knowledge.base.catalogue, ["F-0101"]
    )
    assert compiled is None
    assert [(p.path, p.problem) for p in problems] == [(path, problem)]


FAULT = """\
code: F-0421
title: Contactor failed to engage
severity: error
category: Hardware
scope: connector
meaning: It did not close.
symptoms: [It does not start]
telemetry: [events]
firmware_issue: {from: 3.0.0, to: 3.0.2, fixed_in: 3.0.3, summary: s, source: dictionary F-0421}
causes:
  - {id: stuck, title: Stuck, explanation: It is stuck, prior_source: dictionary F-0421 does not rank its causes}
actions:
  - {title: Mend it, for: [stuck], where: onsite, minutes: 30}
rules:
  - {id: old, when: [{fact: age, above: 5}], supports: {stuck: weakly}, statement: It is old., source: dictionary F-0421}
---
rules:
  old: {fires: [{age: 6}], near_miss: [{age: 5}], unknown: [{}]}
causes:
  stuck: [{name: old, facts: {age: 6}}]
"""
WATCHES = """\
rules:
  - {id: early, scope: charger, when: [{fact: age, above: 100}], what: old, leads_to: F-0421, trend: It is old., group: age, source: dictionary F-0421}
  - {id: firmware, scope: charger, when: [{fact: firmware_version, from: 3.0.0, to: 3.0.2}], what: old, leads_to: F-0421, trend: It is old., source: dictionary F-0421}
---
rules:
  early: {fires: [{age: 101}], near_miss: [{age: 100}], unknown: [{}]}
  firmware: {fires: [{firmware_version: 3.0.1}], near_miss: [{firmware_version: 3.1.0}], unknown: [{}]}
watches:
  early: [{name: old, records: {devices: [{device_id: A, lifecycle: {usage_duration_days: 101}}]}}]
  firmware: [{name: old, records: {devices: [{device_id: A, firmware_version: 3.0.1}]}}]
"""


def small(folder: Path, watches: str) -> Path:
    """A knowledge base of one fault with these watches."""
    (folder / "faults").mkdir()
    (folder / "knowledge.yaml").write_text('{name: small, version: "1", source_revision: "1"}\n', encoding="utf-8")
    (folder / "checks.yaml").write_text("checks: []\n", encoding="utf-8")
    (folder / "faults" / "F-0421.yaml").write_text(FAULT, encoding="utf-8")
    (folder / "watches.yaml").write_text(watches, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("rules:\n  - {id: early", "rules:\n  - {id: early", None),
        ("above: 100}]", "above: 100}, {fact: age, below: 50, as: again}]", ("dead", "early", "its conditions cannot hold together")),
        ("  - {id: firmware", "  - {id: later, scope: charger, when: [{fact: age, above: 200}], what: o, leads_to: F-0421, trend: O., group: age, source: dictionary F-0421}\n  - {id: firmware",
         ("dead", "later", "whenever it fires, early of the same group stands before it")),
        ("group: age, source: dictionary F-0421", "group: age, source: experience", ("unsourced", "early", "'experience' does not say where it comes from")),
        ("to: 3.0.2}]", "to: 3.0.3}]", ("contradictory", "firmware", "firmware_issue of F-0421 names 3.0.0 to 3.0.2")),
        ("near_miss: [{age: 100}], ", "", ("untested", "early", "it has no case for near_miss")),
        ("  firmware: [{name: old, r", "  early-too: [{name: old, r", ("untested", "firmware", "it has no case for records")),
    ],
)  # fmt: skip
def test_lint_covers_the_watches(tmp_path: Path, old: str, new: str, finding: tuple[str, str, str] | None) -> None:
    """Dead, hidden, unsourced, contradictory and untested watches are found where nothing else is wrong."""
    assert old in WATCHES
    found = [(f.kind, f.rule, f.message) for f in lint(small(tmp_path, WATCHES.replace(old, new, 1)))]
    assert [each for each in found if each[1] != "later" or each[0] != "untested"] == ([finding] if finding else [])


def test_a_wrong_date_or_text_fails_its_case(tmp_path: Path) -> None:
    """A case by records fails where another date, place or number comes out, and where there is no such watch."""
    cases = WATCHES.replace("  early: [{name: old, records", "  early: [{name: dated, expected_at: x, records").replace(
        "  firmware: [{name: old, records", "  firmware: [{name: text, says: [new], records"
    )
    cases += "  absent: [{name: none, records: {}}]\n"
    failures = [o.failure for o in run_cases(load_knowledge(small(tmp_path, cases))) if o.failure]
    assert failures == [
        "it is expected at None, not x (It is old.)",
        "it does not say 'new', but: It is old.",
        "there is no watch of this name",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: [", "did not find expected node content"),
        (WATCHES.replace("scope: charger", "scope: site", 1), "scope"),
        (WATCHES.replace("id: firmware", "id: early"), "another of the rules is called 'early'"),
        (WATCHES.replace("leads_to: F-0421", "leads_to: F-0422", 1), "'F-0422' is not documented"),
    ],
)
def test_a_file_of_watches_that_cannot_be_used_says_where(tmp_path: Path, text: str, message: str) -> None:
    """Loading names file, line and what is wrong."""
    with pytest.raises(KnowledgeError) as caught:
        load_knowledge(small(tmp_path, text))
    assert message in str(caught.value) and str(caught.value).startswith("watches.yaml:")


def test_a_knowledge_base_needs_no_watches(tmp_path: Path) -> None:
    """A folder without the file loads, and raises no early warning."""
    folder = small(tmp_path, WATCHES)
    (folder / "watches.yaml").unlink()
    knowledge = load_knowledge(folder)
    assert (knowledge.base.watches, raised(knowledge, {"telemetry": slowing_fan()})) == ((), [])


def test_the_rules_are_such_as_either_matcher_takes(knowledge: TriageKnowledge) -> None:
    """A watch is a rule that raises no finding, so that none depends on another."""
    rules = [compiled.rule for compiled in knowledge.base.watches]
    assert infer((), rules, VerdictMatcher(rules)).firings == ()
    assert all(rule.rule.raises is None and not rule.rule.supports for rule in rules)
