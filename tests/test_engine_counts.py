"""Counts that do not depend on the machine: what the typical case asserts, builds, judges and calls stays within bounds.

The bounds lie about a third above what was counted in November 2026. Whoever passes one has made a diagnosis dearer, and
raises it with the reason.
"""

from __future__ import annotations

import gc
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, event, given

from charger_triage.adapters.files import read_bundle
from charger_triage.adapters.fleet.run import Options, run_fleet
from charger_triage.adapters.fleet.surveying import BatchSize
from charger_triage.engine import Triage, durable_matcher, matching, rule_index
from charger_triage.engine.durable_matcher import DurableMatcher
from charger_triage.engine.facts import Fact, admit
from charger_triage.engine.inference import infer
from charger_triage.engine.matching import VerdictMatcher, by_name, verdict_of
from charger_triage.engine.rule_index import RuleIndex, Standing
from charger_triage.engine.rules import FINDING, CompiledRule, Rule, compile_rule
from charger_triage.knowledge import TriageKnowledge, loading, open_knowledge

from .support.fleet_data import EXAMPLES, example_fleet, one_file_a_list
from .support.given_incidents import GivenFacts, GivenIncident
from .support.hostile import rule
from .support.strategies import CATALOGUE, cases
from .support.typical_case import typical_case

native = pytest.mark.skipif(not durable_matcher.available(), reason="durable-rules cannot be imported here")

BOUNDS = {
    "F-0203": {"asserted": 42, "batches": 1, "judged": 100, "supposed": 200, "calls": 23_000},
    "F-0421": {"asserted": 42, "batches": 1, "judged": 70, "supposed": 270, "calls": 27_000},
    "F-0512": {"asserted": 5, "batches": 1, "judged": 12, "supposed": 120, "calls": 8_000},
    "F-0805": {"asserted": 55, "batches": 1, "judged": 90, "supposed": 370, "calls": 29_000},
}
"""For the typical case under a code: facts given to durable-rules and the batches they go in, conditions judged with
constants, sets of facts supposed, and all calls of functions from facts to diagnosis."""


class Counted:
    """The reasoning about one typical case of a code, with what it did counted."""

    def __init__(self, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[str] = Counter()
        self._code = code
        judging = matching.judgement_of
        monkeypatch.setattr(rule_index, "judgement_of", lambda pattern: self._counting("judged", judging(pattern)))
        knowledge = open_knowledge()
        compiled = knowledge.base.faults[code]
        bundle = read_bundle(io.StringIO(json.dumps(typical_case(code))))
        case = next(case for case in knowledge.survey(bundle).incidents if case.code == code)
        facts = [fact for fact in case.measure(compiled.fact_names) if isinstance(fact, Fact)]
        self.incident = GivenIncident(case.device_id, code, facts)
        self.triage = Triage(GivenFacts(knowledge))
        self.triage.diagnose(self.incident)  # builds what is built once
        for owner, name, label in (
            (durable_matcher._DurableSession, "_encode", "asserted"),
            (durable_matcher.DurableMatcher, "_assert", "batches"),
            (rule_index.Standing, "completed_by", "supposed"),
        ):
            monkeypatch.setattr(owner, name, self._counting(label, getattr(owner, name)))

    def _counting(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.counts[label] += 1
            return function(*arguments)

        return counted

    def run(self) -> Counter[str]:
        """What one diagnosis of the given facts takes."""
        self.counts.clear()
        self.triage.diagnose(self.incident)
        counts = Counter(self.counts)
        calls = 0

        def called(_: Any, event: str, __: Any) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(called)
        try:
            diagnosis = self.triage.diagnose(self.incident)
        finally:
            sys.setprofile(before)
        diagnosis.model_dump_json()
        counts["calls"] = calls
        return counts


@native
@pytest.mark.parametrize("code", BOUNDS)
def test_reasoning_about_the_typical_case_takes_no_more_than_it_did(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts asserted, conditions judged, suppositions tried and functions called stay within their bounds, and above nothing."""
    counts = Counted(code, monkeypatch).run()
    for label, bound in BOUNDS[code].items():
        assert 0 < counts[label] <= bound, f"{label}: {counts[label]}, at most {bound} expected"


@native
def test_facts_of_rules_that_cannot_fire_are_not_asserted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of rules that also read what is not known nothing is sent, and where no other rule is left no state is made."""
    rules = [
        rule(1, [{"fact": "n", "above": 1}, {"fact": "m", "above": 1}]),
        rule(2, [{"fact": "t", "is": "a"}], supports={}, raises="f1"),
        rule(3, [{"finding": "f1"}, {"fact": "b", "is": True}]),
    ]
    matcher = DurableMatcher(rules)
    infer([Fact("n", 5.0), Fact("m", 5.0)], rules, matcher)
    batches: list[Sequence[str]] = []
    asserting = matcher._assert
    monkeypatch.setattr(matcher, "_assert", lambda batch: batches.append(batch) or asserting(batch))  # type: ignore[func-returns-value]
    for facts, sent in (
        ([Fact("n", 5.0), Fact("b", True)], []),
        ([Fact("n", 5.0), Fact("m", 0.5), Fact("b", True)], [2]),
        ([Fact("n", 5.0), Fact("t", "b"), Fact("b", True)], [2]),
        ([Fact("n", 5.0), Fact("t", "a"), Fact("b", True)], [2, 1]),
    ):
        batches.clear()
        infer(facts, rules, matcher)
        assert [len(batch) for batch in batches] == sent


def test_only_the_rules_of_codes_that_occur_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A façade compiles no fault's rules when it is built, and those of one code when one occurs."""
    compiled: list[str] = []

    def counted(rule: Rule, *arguments: Any) -> Any:
        compiled.append(rule.id)
        return compile_rule(rule, *arguments)

    monkeypatch.setattr(loading, "compile_rule", counted)
    triage = Triage(open_knowledge())
    assert compiled == []
    for _ in range(2):
        triage.diagnose(read_bundle(io.StringIO(json.dumps(typical_case("F-0512", rows=12)))), fault_code="F-0512")
    assert compiled == [rule.id for rule in triage.knowledge.base.faults["F-0512"].fault.rules]


def test_all_rules_are_compiled_beforehand_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `compile_all` no code that occurs compiles anything."""
    triage = Triage(open_knowledge())
    triage.compile_all()
    monkeypatch.setattr(loading, "compile_rule", lambda *_: pytest.fail("compiled once more"))
    assert triage.diagnose(read_bundle(io.StringIO(json.dumps(typical_case("F-0512", rows=12))))).incidents


@native
def test_each_ruleset_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two diagnoses of one code make one ruleset for its rules, and at most one for each of the three kinds of watches."""
    real = durable_matcher.library()
    made: list[str] = []
    words = {word: getattr(real, word) for word in dir(real) if not word.startswith("__")}
    words["create_ruleset"] = lambda name, definition: made.append(name) or real.create_ruleset(name, definition)  # type: ignore[func-returns-value]
    monkeypatch.setattr(durable_matcher, "library", lambda: SimpleNamespace(**words))
    triage = Triage(open_knowledge())
    for _ in range(2):
        triage.diagnose(read_bundle(io.StringIO(json.dumps(typical_case("F-0512", rows=12)))))
    assert 1 <= len(made) <= 4


HEAVY = (
    "polars", "numpy", "yaml", "orjson", "jinja2", "durable_rules_engine", "structlog", "rich", "typer", "asyncio", "ssl", "httpx2",
    "websockets", "ocpp", "jsonschema_rs", "vl_convert", "rapidfuzz", "Stemmer", "multiprocessing",
)  # fmt: skip
NEEDED_TO_BUILD = {"numpy", "yaml", "durable_rules_engine", "Stemmer"}


@pytest.mark.parametrize(
    ("program", "allowed"),
    [("import charger_triage.engine", set()), ("import charger_triage.engine as e; e.Triage()", NEEDED_TO_BUILD)],
)
def test_the_engine_imports_nothing_before_it_is_needed(program: str, allowed: set[str]) -> None:
    """Neither importing the engine nor building a façade imports data frames, templates, terminals or the network."""
    ask = f"import sys; {program}; print(*sorted(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=60)
    assert set(done.stdout.split()) <= allowed


def test_the_process_that_gives_out_tasks_of_a_fleet_loads_no_measurements(tmp_path: Path) -> None:
    """What it loads keeps its workers waiting; measurements and rules are theirs."""
    (tmp_path / "devices.csv").write_text("device_id,site_id\nA,S\n", encoding="utf-8")
    program = (
        "import sys; from charger_triage.adapters.cli import main; "
        f"main(['fleet', {str(tmp_path / 'devices.csv')!r}, '--output', {str(tmp_path / 'out')!r}, '--workers', '1', '-q']); "
        "print(*(name for name in sys.modules if name.startswith('charger_triage.knowledge.measurements')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == [], done.stderr
    assert (tmp_path / "out" / "summary.json").exists()


GROWTH = """
import gc
from itertools import islice
from charger_triage.engine import Triage
from charger_triage.knowledge import load_knowledge
from tests.support.given_incidents import GivenFacts, given_incidents, resident_mb

knowledge = load_knowledge()
triage, incidents = Triage(GivenFacts(knowledge)), given_incidents(knowledge.base)
for _ in range(2):
    for incident in islice(incidents, 480):
        triage.diagnose(incident).model_dump_json()
    gc.collect()
    print(len(gc.get_objects()), resident_mb())
"""


def test_memory_does_not_grow_with_incidents() -> None:
    """Some hundred incidents, no two alike, leave hardly an object behind, and no native memory. In a process of their own: in this one
    other tests' threads and caches make objects as well."""
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True, timeout=300, cwd=root
    )
    (objects, before), (more_objects, after) = (map(float, line.split()) for line in done.stdout.splitlines())
    assert more_objects - objects < 240, "bounded caches may still fill, by less than an object for two incidents"
    assert after - before < 20, (
        "a state of durable-rules that is not deleted takes one megabyte, and these are a thousand"
    )


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("f0*")))
def test_what_a_diagnosis_was_made_of_is_given_back_at_once(example: str, knowledge: TriageKnowledge) -> None:
    """Nothing waits for the search for cyclic garbage, which a service would pay for, with the memory of its records."""
    triage = Triage(knowledge)
    assert not left_to_collect(lambda: triage.diagnose(read_bundle(EXAMPLES / example)).model_dump_json())


def test_what_a_fleet_was_diagnosed_from_is_given_back_at_once(tmp_path: Path) -> None:
    """The same of records that lie in columns, those of a batch among them; a report's template may leave its context."""
    one_file_a_list(example_fleet(), tmp_path / "data")
    options = Options(workers=0, size=BatchSize(chargers=3))
    left = left_to_collect(lambda: run_fleet([tmp_path / "data"], tmp_path / "out", options, restart=True))
    assert not [name for name in left if name.startswith("charger_triage.knowledge")]


def left_to_collect(run: Callable[[], Any]) -> Counter[str]:
    """What objects and functions of the engine and the knowledge are in cycles when a second run is over."""
    run()  # builds what is built once
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        run()
        gc.collect()
        found = [f"{getattr(each, '__module__', '')}.{type(each).__qualname__}" for each in gc.garbage]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    return Counter(name for name in found if name.startswith(("charger_triage.engine", "charger_triage.knowledge")))


# What would fire besides


@given(cases(most=8, more=3))
def test_what_would_fire_besides_is_what_inference_finds(
    case: tuple[list[CompiledRule], list[Fact], list[Fact]],
) -> None:
    """The rules that a standing says would fire on more facts are those that fire when these are known as well.

    Rules that join a finding are left out: a finding is raised once, and by another firing where more is known.
    """
    compiled, known, more = case
    assume(not any(_joins_a_finding(rule) for rule in compiled))
    before = admit(known, CATALOGUE)[0]
    keys = {fact.sort_key() for fact in before}
    supposed = [fact for fact in admit(more, CATALOGUE)[0] if fact.sort_key() not in keys]
    matcher = VerdictMatcher(compiled)
    now = infer(before, compiled, matcher)
    then = infer(admit([*before, *supposed], CATALOGUE)[0], compiled, matcher)
    standing = Standing.after(RuleIndex(compiled), now)
    new = {firing.rule.rule.id for firing in then.firings} - {firing.rule.rule.id for firing in now.firings}
    event(f"{min(len(new), 3)} rules more")
    assert {rule.rule.id for rule in standing.besides(supposed)} == new


def _joins_a_finding(compiled: CompiledRule) -> bool:
    names = [pattern.fact_name for pattern in compiled.patterns]
    return any(
        test.earlier is not None and (names[test.earlier].startswith(FINDING) or pattern.fact_name.startswith(FINDING))
        for pattern in compiled.patterns
        for test in pattern.tests
    )


@given(cases(most=8))
def test_numbered_conditions_judge_like_the_second_reading(
    case: tuple[list[CompiledRule], list[Fact], list[Fact]],
) -> None:
    """For every rule the standing's verdicts, and the facts that they name, are those of the second reading."""
    compiled, known, _ = case
    inference = infer(admit(known, CATALOGUE)[0], compiled, VerdictMatcher(compiled))
    index = RuleIndex(compiled)
    standing = Standing.after(index, inference)
    for entry in index.rules:
        verdict, conditions = standing.verdict(entry)
        judged = verdict_of(entry.rule, by_name(inference.facts))
        assert (verdict, tuple(conditions)) == (judged.verdict, judged.conditions)
