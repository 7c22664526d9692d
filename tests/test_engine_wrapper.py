"""Nothing that facts hold can crash, hang or leak the native matcher; where it fails, the diagnosis still comes out."""

from __future__ import annotations

import ast
import gc
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from charger_triage.engine import Triage, durable_matcher
from charger_triage.engine.durable_matcher import DurableMatcher
from charger_triage.engine.facts import Fact
from charger_triage.engine.inference import infer
from charger_triage.engine.matching import VerdictMatcher
from charger_triage.knowledge import TriageKnowledge
from charger_triage.knowledge.observations import observe

from .support.hostile import rule

ROOT = Path(__file__).parents[1]
ROOMS = ("engine", "knowledge", "adapters")
_library: Any = durable_matcher.library()
native = pytest.mark.skipif(not durable_matcher.available(), reason="durable-rules cannot be imported here")


@pytest.fixture(scope="module")
def hostile() -> Any:
    """Runs one kind of hostile facts in a program of its own and gives what it printed."""

    def run(scenario: str) -> Any:
        command = [sys.executable, "-m", "tests.support.hostile", scenario]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-2000:]}"
        return json.loads(done.stdout)

    return run


@native
def test_hostile_values_are_refused_by_name_or_matched_alike(hostile: Any) -> None:
    """Texts of a megabyte, quotes, NUL, surrogates, hash collisions, infinities and odd types never get through to C."""
    seen = hostile("values")
    assert seen["refused"] > 100 and seen["fired"] > 100 and seen["refusals"] == []


@native
def test_too_many_facts_are_bounded_and_named(hostile: Any) -> None:
    """Ten thousand facts, exploding joins and endless chains end in refusals that say what was left out."""
    seen = hostile("quantities")
    assert seen["crowd"] == ["10000 facts are more than 300 for one incident; the rest is left out"]
    assert "300 facts named n are too many to combine; 150 are kept" in seen["explosion"]
    assert seen["pairs"] == ["more than 2000 rules fired; the rest is left out"]
    assert seen["chain"] == ["findings were still being raised after 32 rounds; the rest is left out"]


@native
def test_rules_at_the_library_s_limits_fire_and_beyond_are_refused(hostile: Any) -> None:
    """Sixty tests on one name and 250 names all fire; one more of either, and the two-hundredth rule, are refused."""
    seen = hostile("limits")
    assert (seen["fired"], seen["same"], seen["joined"], seen["broad"]) == (60, 60, 60, 125)
    assert [re.sub(r"\d+", "#", refusal) for refusal in seen["refused"]] == [
        "# different tests read n, more than #",
        "# rules with their alternatives are more than # in one set",
        "# fact names are more than # in one set",
    ]


@native
def test_sessions_and_matchers_give_their_memory_back(hostile: Any) -> None:
    """Thousands of sessions with texts never seen before, and matchers built and dropped, stay within a few megabytes."""
    grown = hostile("memory")
    assert grown["sessions"] < 5
    assert grown["matchers"] < 5


@native
def test_the_library_starts_no_threads_and_serves_many(hostile: Any) -> None:
    """Eight threads on one matcher get the right firings every time, and no thread remains, native ones counted."""
    assert hostile("threads") == {"wrong": 0, "python": 1, "native": 0}


@native
def test_shipped_rules_bear_as_many_facts_as_one_incident_can_have(hostile: Any, knowledge: TriageKnowledge) -> None:
    """Every shipped code takes dozens of facts of each of its names, in both matchers alike."""
    assert set(hostile("shipped")["fired"]) == set(knowledge.faults)


RULES = [
    rule(1, [{"fact": "n", "above": 1}]),
    rule(2, [{"fact": "n"}, {"fact": "m", "above": "$n"}]),
    rule(3, [{"fact": "t", "is": "a"}], supports={}, raises="f1"),
    rule(4, [{"finding": "f1"}, {"fact": "n", "above": 0}]),
]
FACTS = [Fact("m", 3.0), Fact("n", 1.0), Fact("n", 2.0), Fact("t", "a")]


def _out_of_memory(*_: Any) -> Any:
    raise MemoryError


def _library_error(*_: Any) -> Any:
    raise _library.error("303")


def _error_code(*arguments: Any) -> Any:
    return (303, _library.assert_facts(*arguments)[1])  # as the library does: an error code, and half of the work done


def _error_code_for_one(*arguments: Any) -> Any:
    return (303, _library.assert_fact(*arguments)[1])


def _garbled(*arguments: Any) -> Any:
    started = _library.start_action_for_state(*arguments)
    return started and (started[0], started[1].rpartition("#")[0])


BROKEN = {
    "code": ("assert_facts", _error_code),
    "code for one": ("assert_fact", _error_code_for_one),
    "error": ("assert_facts", _library_error),
    "error for one": ("assert_fact", _library_error),
    "memory": ("assert_facts", _out_of_memory),
    "memory for one": ("assert_fact", _out_of_memory),
    "start": ("start_action_for_state", _library_error),
    "firing": ("start_action_for_state", _garbled),
    "next": ("complete_and_start_action", _library_error),
    "delete": ("delete_state", _library_error),
    "create": ("create_ruleset", _out_of_memory),
}


@pytest.fixture(params=sorted(BROKEN))
def break_library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that makes one call of the library fail until the returned function mends it."""
    name, failing = BROKEN[request.param]

    def broken() -> Any:
        names = [word for word in dir(_library) if not word.startswith("__")]
        stand_in = SimpleNamespace(**{word: getattr(_library, word) for word in names})
        setattr(stand_in, name, failing)
        monkeypatch.setattr(durable_matcher, "library", lambda: stand_in)
        return lambda: monkeypatch.setattr(durable_matcher, "library", lambda: _library)

    yield broken
    monkeypatch.undo()


@native
def test_after_a_library_error_the_second_reading_takes_over(break_library: Any) -> None:
    """An error inside the library, in any call, gives the same firings and one refusal; the next run is native again."""
    matcher = DurableMatcher(RULES)
    expected = infer(FACTS, RULES, VerdictMatcher(RULES))
    mend = break_library()
    failed = infer(FACTS, RULES, matcher)
    mend()
    assert failed.firings == expected.firings and failed.facts == expected.facts
    assert len(failed.refusals) == 1 and "the second reading of the rules took over" in failed.refusals[0]
    assert infer(FACTS, RULES, matcher) == expected


@native
def test_a_run_cut_short_leaves_nothing_to_the_next() -> None:
    """An interrupt between two rounds passes through, and the next run does not see the facts of the interrupted one."""
    matcher = DurableMatcher(RULES)
    with pytest.raises(KeyboardInterrupt), matcher.session() as session:
        session.add([Fact("n", 5.0), Fact("m", 9.0)])
        raise KeyboardInterrupt
    assert infer(FACTS, RULES, matcher) == infer(FACTS, RULES, VerdictMatcher(RULES))


def _bundle(number: int) -> dict[str, Any]:
    """A fault of each of two codes on one charger, with texts that no other bundle holds."""
    at = "2026-05-10T12:00:00Z"
    return {
        "devices": [{"device_id": f"A{number}", "firmware_version": "3.0.1", "model": f"TP-{number}"}],
        "events": [
            {
                "timestamp": at,
                "device_id": f"A{number}",
                "connector_id": 1,
                "event_type": "fault",
                "data": {"fault_code": code},
            }
            for code in ("F-0421", "F-9999")
        ],
        "check_results": [{"timestamp": at, "device_id": f"A{number}", "check_id": "close-click", "value": "present"}],
    }


def test_many_threads_on_one_triage_get_the_same_bytes(triage: Triage) -> None:
    """Sixty-four diagnoses on eight threads give the bytes of one thread, and no thread is left behind."""
    expected = {number: triage.diagnose(observe(_bundle(number))).model_dump_json() for number in range(8)}
    before = threading.active_count()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: (n % 8, triage.diagnose(observe(_bundle(n % 8))).model_dump_json()), range(64)))
    assert all(text == expected[number] for number, text in found)
    assert threading.active_count() == before


@native
def test_a_library_error_costs_no_diagnosis(knowledge: TriageKnowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the façade an engine error is one warning beside the same incidents, and gone with the error."""
    triage = Triage(knowledge)
    sound = triage.diagnose(observe(_bundle(1)))
    with monkeypatch.context() as patch:
        patch.setattr(_library, "assert_facts", lambda *_: (303, 0))
        failed = triage.diagnose(observe(_bundle(1)))
    assert failed.incidents == sound.incidents
    assert [w.problem for w in failed.warnings if "the second reading of the rules took over" in w.problem]
    assert triage.diagnose(observe(_bundle(1))).model_dump_json() == sound.model_dump_json()


def test_both_matchers_give_the_same_bytes(knowledge: TriageKnowledge, triage: Triage) -> None:
    """Without durable-rules the diagnosis differs in the name of the matcher and in nothing else."""
    plain = Triage(knowledge, matcher="verdicts").diagnose(observe(_bundle(1)))
    assert plain.matcher == "verdicts"
    assert plain.model_copy(update={"matcher": triage.diagnose(observe({})).matcher}) == triage.diagnose(
        observe(_bundle(1))
    )


# The rooms: who may import whom


@cache
def _modules(room: str) -> list[tuple[Path, ast.Module]]:
    # before CPython 3.11.8 a collection while a tree is built may let in a thread that upsets the count of its depth (gh-106905)
    collecting = gc.isenabled()
    gc.disable()
    try:
        return [(path, ast.parse(path.read_text("utf-8"))) for path in sorted((ROOT / room).rglob("*.py"))]
    finally:
        if collecting:
            gc.enable()


def _imported(path: Path, tree: ast.Module) -> set[str]:
    """Absolute dotted names of everything a module imports, relative imports resolved against the three rooms."""
    found: set[str] = set()
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.update({module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)})
    return {name.removeprefix("charger_triage.") for name in found}


def test_exactly_one_file_imports_durable_rules() -> None:
    """The library stands behind engine/durable_matcher.py and nowhere else."""
    importers = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path, tree in _modules(room)
        if any(name.split(".")[0] in ("durable", "durable_rules_engine") for name in _imported(path, tree))
    }
    assert importers == {"engine/durable_matcher.py"}


@pytest.mark.parametrize(("room", "forbidden"), [("engine", {"knowledge", "adapters"}), ("knowledge", {"adapters"})])
def test_imports_go_from_adapters_to_knowledge_to_engine(room: str, forbidden: set[str]) -> None:
    """No module imports from a room above its own."""
    wrong = {
        (path.name, name)
        for path, tree in _modules(room)
        for name in _imported(path, tree)
        if name.split(".")[0] in forbidden
    }
    assert not wrong


def test_the_engine_names_no_fault_code() -> None:
    """The shell knows no charger: no fault code stands in its source."""
    named = {path.name for path, _ in _modules("engine") if re.search(r"F-\d{4}", path.read_text("utf-8"))}
    assert not named
