"""The compiler rejects what cannot fire, and says where it stands and how to mend it; the rest it compiles as written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from charger_triage.engine.durable_matcher import DurableMatcher, available
from charger_triage.engine.facts import MOMENT, Fact, FactType, Version, admit, in_words
from charger_triage.engine.facts import said as told
from charger_triage.engine.inference import infer
from charger_triage.engine.matching import Matcher, VerdictMatcher, by_name, verdict_of
from charger_triage.engine.rules import Rule, compile_rule, statement_of
from charger_triage.knowledge import KnowledgeError, load_knowledge

from .support.brute_force import brute_force
from .support.strategies import CATALOGUE, CAUSES, parse_version

BOUNDED = {**CATALOGUE, "share": FactType("share", "number", "a share", "%", 0, 100)}


@dataclass(frozen=True)
class Mistake:
    """Conditions that cannot be met: where the mistake stands in the rule, and what is said of it."""

    when: list[dict[str, Any]]
    path: tuple[str | int, ...]
    problem: str
    mend: str = ""


MISTAKES = {
    "unknown fact": Mistake([{"fact": "shar"}], ("when", 0), "no fact is named 'shar'", "did you mean share"),
    "unknown finding": Mistake([{"finding": "f3"}], ("when", 0), "no fact is named 'finding.f3'", "finding.f"),
    "unknown check": Mistake([{"check": "c9"}], ("when", 0), "no fact is named 'check.c9'", "check.c1"),
    "nothing like it": Mistake([{"fact": "zzzzzz"}], ("when", 0), "no fact is named", "declare a measurement"),
    "empty range": Mistake([{"fact": "n1", "above": 5, "below": 5}], ("when", 0), "range from 5 to 5 is empty"),
    "crossed range": Mistake([{"fact": "n1", "at_least": 6, "at_most": 5}], ("when", 0), "range from 6 to 5 is empty"),
    "half-open range": Mistake([{"fact": "n1", "at_least": 5, "below": 5}], ("when", 0), "range from 5 to 5 is empty"),
    "above its bounds": Mistake([{"fact": "share", "above": 100}], ("when", 0), "is empty", "from 0 to 100"),
    "below its bounds": Mistake([{"fact": "share", "below": 0}], ("when", 0), "is empty", "from 0 to 100"),
    "is beyond its bounds": Mistake(
        [{"fact": "share", "is": 101}], ("when", 0), "no value can be met", "from 0 to 100"
    ),
    "is outside its range": Mistake([{"fact": "n1", "is": 5, "above": 5.5}], ("when", 0), "no value can be met"),
    "is two things": Mistake([{"fact": "t1", "is": "a", "in": ["b", "c"]}], ("when", 0), "no value can be met"),
    "crossed versions": Mistake([{"fact": "v1", "from": "3.1.0", "to": "3.0.0"}], ("when", 0), "is empty"),
    "version range of nothing": Mistake([{"fact": "v1", "from": "3.1.0", "before": "3.1.0"}], ("when", 0), "is empty"),
    "mixed schemes": Mistake(
        [{"fact": "v1", "from": "3.0.0", "to": "260420.0107"}], ("when", 0), "of different schemes"
    ),
    "no version": Mistake([{"fact": "v1", "from": "newest"}], ("when", 0, "from"), "'newest' is no version"),
    "version operator on a number": Mistake(
        [{"fact": "n1", "from": "3.0.0"}], ("when", 0, "from"), "is no version for n1"
    ),
    "versions in a list": Mistake(
        [{"fact": "v1", "in": ["3.0.0"]}], ("when", 0, "in"), "no version that can be compared", "from and to"
    ),
    "order of texts": Mistake([{"fact": "t1", "above": 3}], ("when", 0, "above"), "t1 is text", "use is or in"),
    "order of flags": Mistake([{"fact": "b1", "at_most": 1}], ("when", 0, "at_most"), "b1 is true or false"),
    "order by a text": Mistake([{"fact": "n1", "above": "high"}], ("when", 0, "above"), "'high' is not a number"),
    "text for a number": Mistake([{"fact": "n1", "is": "five"}], ("when", 0, "is"), "'five' is not a number"),
    "flag for a number": Mistake([{"fact": "n1", "is": True}], ("when", 0, "is"), "True is not a number"),
    "number for a flag": Mistake([{"fact": "b1", "is": 1}], ("when", 0, "is"), "1 is not true or false"),
    "number for a text": Mistake([{"fact": "t1", "in": ["a", 5]}], ("when", 0, "in"), "5 is not text"),
    "outside the choices": Mistake(
        [{"fact": "t2", "is": "fast"}], ("when", 0, "is"), "t2 never is 'fast'", "slow, normal, stopped"
    ),
    "infinite": Mistake([{"fact": "n1", "below": float("inf")}], ("when", 0, "below"), "no finite number"),
    "not a number": Mistake([{"fact": "n1", "is": float("nan")}], ("when", 0, "is"), "no finite number"),
    "beyond what is matched": Mistake([{"fact": "n1", "above": 1e13}], ("when", 0, "above"), "up to 1e+12"),
    "text beyond what is matched": Mistake([{"fact": "t1", "is": "x" * 257}], ("when", 0, "is"), "more than 256"),
    "unknown alias": Mistake(
        [{"fact": "n1", "above": "$other"}], ("when", 0, "above"), "'$other' names no earlier condition"
    ),
    "own alias": Mistake(
        [{"fact": "n1", "as": "x", "above": "$x"}], ("when", 0, "above"), "names no earlier condition"
    ),
    "later alias": Mistake(
        [{"fact": "n1", "below": "$y"}, {"fact": "n2", "as": "y"}],
        ("when", 0, "below"),
        "names no earlier condition",
        "above this one",
    ),
    "alias without $": Mistake(
        [{"fact": "n1", "as": "x"}, {"fact": "n2", "later_than": "x"}],
        ("when", 1, "later_than"),
        "names no earlier condition",
    ),
    "alias twice": Mistake(
        [{"fact": "n1", "as": "x"}, {"fact": "n2", "as": "x"}], ("when", 1), "two conditions are called 'x'", "`as:`"
    ),
    "name twice": Mistake(
        [{"fact": "n1", "above": 1}, {"fact": "n1", "below": 0}], ("when", 1), "two conditions are called 'n1'"
    ),
    "joins two kinds": Mistake(
        [{"fact": "n1"}, {"fact": "t1", "is": "$n1"}], ("when", 1, "is"), "compares text with a number"
    ),
    "orders two texts": Mistake(
        [{"fact": "t1"}, {"fact": "t1", "as": "u", "above": "$t1"}],
        ("when", 1, "above"),
        "text has no order",
        "differs_from",
    ),
    "versions by which two numbers are joined": Mistake(
        [{"fact": "n1"}, {"fact": "n2", "from": "$n1"}],
        ("when", 1, "from"),
        "from compares versions, and n2 is number",
        "at_least",
    ),
    "join in a list": Mistake(
        [{"fact": "t1"}, {"fact": "t1", "as": "u", "in": ["$t1", "z"]}],
        ("when", 1, "in"),
        "'$t1' stands in a list",
        "is: $",
    ),
    "join in a list of numbers": Mistake(
        [{"fact": "n1"}, {"fact": "n2", "in": [1, "$n1"]}], ("when", 1, "in"), "'$n1' stands in a list"
    ),
    "repeats itself": Mistake([{"fact": "n1"}, {"fact": "n1", "as": "x"}], ("when", 1), "repeats an earlier condition"),
    "too many ways": Mistake(
        [{"fact": "n1", "in": list(range(8))}, {"fact": "n2", "in": list(range(8))}],
        ("when",),
        "combine in 64 ways",
        "split",
    ),
}


def _rule(**fields: Any) -> Rule:
    return Rule.model_validate(
        {"id": "r", "statement": "-", "source": "test", "supports": {"first": "weakly"}, **fields}
    )


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_a_rule_that_cannot_fire_is_rejected_with_its_place(mistake: Mistake) -> None:
    """Each mistake gives no rule, but its path in the rule, what is wrong, and how to mend it."""
    compiled, problems = compile_rule(_rule(when=mistake.when), BOUNDED, CAUSES)
    assert compiled is None
    assert [problem.path for problem in problems][:1] == [mistake.path]
    assert mistake.problem in problems[0].problem
    assert mistake.mend in problems[0].mend and problems[0].mend


@pytest.mark.parametrize(
    ("fields", "path", "problem"),
    [
        ({"statement": "{n2}"}, ("statement",), "{n2} is not read by any condition"),
        ({"statement": "{"}, ("statement",), "its braces do not pair"),
        ({"statement": "{}"}, ("statement",), "{} is not read"),
        ({"supports": {"fourth": "weakly"}}, ("supports", "fourth"), "'fourth' is not a cause"),
        ({"against": {"frist": "weakly"}}, ("against", "frist"), "'frist' is not a cause"),
    ],
)
def test_what_a_rule_says_is_checked_too(fields: dict[str, Any], path: tuple[str, ...], problem: str) -> None:
    """A sentence with a value that is not read, and a weight for a cause that does not exist, are rejected."""
    compiled, problems = compile_rule(_rule(when=[{"fact": "n1"}], **fields), BOUNDED, CAUSES)
    assert compiled is None
    assert problems[0].path == path and problem in problems[0].problem


MALFORMED: dict[str, dict[str, Any]] = {
    "names nothing": {"when": [{"above": 1}]},
    "names two things": {"when": [{"fact": "n1", "check": "c1"}]},
    "an operator that does not exist": {"when": [{"fact": "n1", "over": 1}]},
    "no condition": {"when": []},
    "nine conditions": {"when": [{"fact": "n1", "as": f"a{place}", "above": place} for place in range(9)]},
    "an empty list": {"when": [{"fact": "n1", "in": []}]},
    "a version as number": {"when": [{"fact": "v1", "from": 3.0}]},
    "says nothing": {"when": [{"fact": "n1"}], "supports": {}},
    "weighs and raises": {"when": [{"fact": "n1"}], "raises": "f1"},
    "for and against": {"when": [{"fact": "n1"}], "against": {"first": "weakly"}},
    "excludes in favour": {"when": [{"fact": "n1"}], "supports": {"first": "excludes"}},
    "a word for no strength": {"when": [{"fact": "n1"}], "supports": {"first": "very"}},
    "no source": {"when": [{"fact": "n1"}], "source": ""},
    "no sentence": {"when": [{"fact": "n1"}], "statement": ""},
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=list(MALFORMED))
def test_a_malformed_rule_is_no_rule(fields: dict[str, Any]) -> None:
    """What the rule language does not know is a mistake, never silently left out."""
    with pytest.raises(ValidationError):
        _rule(**fields)


def test_a_member_that_stands_twice_fires_once() -> None:
    """Members that are equal to six decimals are one, so that a matcher which splits the list does not fire twice."""
    compiled, _ = compile_rule(_rule(when=[{"fact": "n1", "in": [1, 1.0, 1.0000001]}]), CATALOGUE, CAUSES)
    assert compiled is not None
    assert compiled.patterns[0].tests[0].constant == (1.0,)


def test_two_conditions_on_one_name_mean_two_facts() -> None:
    """One warm module is not two; the verdict of the second condition is unknown until there is another."""
    compiled, _ = compile_rule(
        _rule(when=[{"fact": "n1", "above": 1}, {"fact": "n1", "as": "x", "above": 0}]), CATALOGUE, CAUSES
    )
    assert compiled is not None
    facts, _ = admit([Fact("n1", 5.0, key="1")], CATALOGUE)
    assert infer(facts, [compiled], VerdictMatcher([compiled])).firings == ()
    facts, _ = admit([Fact("n1", 5.0, key="1"), Fact("n1", 0.5, key="2")], CATALOGUE)
    assert len(infer(facts, [compiled], VerdictMatcher([compiled])).firings) == 1


@pytest.mark.parametrize(
    ("first", "second", "fires", "verdict"),
    [("3.0.0", "3.0.1", True, "met"), ("3.0.1", "3.0.0", False, "not met"), ("3.0.0", "260420.0107", False, "unknown"),
     ("260420.0107", "3.0.0", False, "unknown")],
)  # fmt: skip
def test_versions_of_two_schemes_do_not_compare(first: str, second: str, fires: bool, verdict: str) -> None:
    """A join of versions is met or not met within a scheme, and unknown across schemes, in whichever order they rank."""
    compiled, _ = compile_rule(_rule(when=[{"fact": "v1"}, {"fact": "v2", "at_least": "$v1"}]), CATALOGUE, CAUSES)
    assert compiled is not None
    facts, _ = admit([Fact("v1", _version(first)), Fact("v2", _version(second))], CATALOGUE)
    matchers: list[Matcher] = [VerdictMatcher([compiled]), *([DurableMatcher([compiled])] if available() else [])]
    assert {bool(infer(facts, [compiled], matcher).firings) for matcher in matchers} == {fires}
    assert verdict_of(compiled, by_name(facts)).verdict == verdict


@pytest.mark.parametrize(
    ("word", "fires"),
    [("is", {"3.0.1"}), ("differs_from", {"3.0.0", "3.0.2"}), ("from", {"3.0.1", "3.0.2"}), ("at_least", {"3.0.1", "3.0.2"}),
     ("above", {"3.0.2"}), ("to", {"3.0.0", "3.0.1"}), ("at_most", {"3.0.0", "3.0.1"}), ("before", {"3.0.0"}), ("below", {"3.0.0"})],
)  # fmt: skip
def test_a_join_of_versions_means_what_its_word_says(word: str, fires: set[str]) -> None:
    """Each word that compares a version with 3.0.1 of an earlier condition is met by the versions that it names."""
    rule = _rule(when=[{"fact": "v1", "as": "a"}, {"fact": "v2", word: "$a"}])
    compiled, _ = compile_rule(rule, CATALOGUE, CAUSES)
    assert compiled is not None
    matchers: list[Matcher] = [VerdictMatcher([compiled]), *([DurableMatcher([compiled])] if available() else [])]
    found: dict[str, set[str]] = {matcher.name: set() for matcher in matchers}
    for text in ("3.0.0", "3.0.1", "3.0.2"):
        facts, _ = admit([Fact("v1", _version("3.0.1")), Fact("v2", _version(text))], CATALOGUE)
        assert bool(brute_force([rule], facts, CATALOGUE)) == (text in fires)
        assert (verdict_of(compiled, by_name(facts)).verdict == "met") == (text in fires)
        for matcher in matchers:
            if infer(facts, [compiled], matcher).firings:
                found[matcher.name].add(text)
    assert found == {matcher.name: fires for matcher in matchers}


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-0.00001, "0"), (0.00001, "0"), (-0.0, "0"), (0.12345, "0.1235"), (1.2345, "1.23"), (100.25, "100.2"),
     (12_345.67, "12,345.7")],
)  # fmt: skip
def test_a_statement_shows_numbers_as_a_person_writes_them(value: float, shown: str) -> None:
    """One decimal from 100 on, two from 1 on, else four, and no minus before nothing."""
    compiled, _ = compile_rule(_rule(when=[{"fact": "n1"}], statement="It is {n1}"), CATALOGUE, CAUSES)
    assert compiled is not None
    facts, _ = admit([Fact("n1", value)], CATALOGUE)
    assert statement_of(compiled, facts) == f"It is {shown}"


def _version(text: str) -> Version:
    version = parse_version(text)
    assert version is not None
    return version


# Through the files: file, line and column

FAULT = """\
code: F-0001
title: T
severity: error
category: c
scope: connector
meaning: m
symptoms: [s]
telemetry: [t]
causes:
  - {id: first, title: First, prior_source: p, explanation: e}
rules:
  - id: sound
    when: [{check: look, is: good}]
    supports: {first: weakly}
    statement: Sound {check.look}.
    source: s
  - id: wrong
%s
actions:
  - {title: a, for: [first], where: remote, minutes: 5}
"""
REST = "    supports: {first: weakly}\n    statement: x\n    source: s"

BAD_FILES = {
    "unknown check": ("    when:\n      - {check: look, is: good}\n      - {check: lok}\n" + REST, "{check: lok}", "cannot-fire", "wrong"),
    "outside choices": ("    when: [{check: look, is: fine}]\n" + REST, "fine", "cannot-fire", "wrong"),
    "unknown cause": (
        "    when: [{check: look}]\n    supports: {\n      frist: weakly}\n    statement: x\n    source: s",
        "weakly}\n    statement: x",
        "cannot-fire",
        "wrong",
    ),
    "template": ("    when: [{check: look}]\n    supports: {first: weakly}\n    statement: It is {warm}.\n    source: s",
                 "It is {warm}", "cannot-fire", "wrong"),
    "unknown operator": ("    when: [{check: look, equals: good}]\n" + REST, "good}]\n    supports: {first: weakly}\n    statement: x",
                         "malformed", "wrong"),
    "strength": ("    when: [{check: look}]\n    supports: {first: barely}\n    statement: x\n    source: s", "barely", "malformed", "wrong"),
    "unpaired bracket": ("    when: [{check: look}\n" + REST, None, "unreadable", None),
    "repeated key": ("    when: [{check: look}]\n    source: s\n" + REST, "source: s\nactions", "repeated-key", None),
    "value that holds itself": ("    when: &when [*when]\n" + REST, None, "unreadable", None),
    "value that holds more than memory": (
        "    when: [{check: look}]\n    evidence: [" + ", ".join(
            ["&a0 [x, x]", *(f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))]
        ) + "]\n" + REST, "[&a0", "malformed", "wrong",
    ),
    "list for a key": ("    when: {? [check] : look}\n" + REST, None, "unreadable", None),
}  # fmt: skip


@pytest.fixture
def knowledge_folder(tmp_path: Path) -> Path:
    """A knowledge directory but for its fault."""
    (tmp_path / "faults").mkdir()
    (tmp_path / "knowledge.yaml").write_text('name: small\nversion: "1"\nsource_revision: "1"\n')
    (tmp_path / "checks.yaml").write_text(
        "checks:\n  - {id: look, title: Look, codes: [F-0001], where: onsite, minutes: 5, results: [{value: good}, {value: bad}]}\n"
    )
    return tmp_path


@pytest.mark.parametrize(("rule", "needle", "kind", "rule_id"), BAD_FILES.values(), ids=list(BAD_FILES))
def test_a_mistake_in_a_file_carries_file_line_and_column(
    knowledge_folder: Path, rule: str, needle: str | None, kind: str, rule_id: str | None
) -> None:
    """load_knowledge names the file, the line and the column where the mistake stands, and the rule it is in."""
    text = FAULT % rule
    (knowledge_folder / "faults" / "F-0001.yaml").write_text(text)
    with pytest.raises(KnowledgeError) as caught:
        load_knowledge(knowledge_folder)
    finding = caught.value.findings[-1]  # pydantic may say of the list around it that nothing is left in it
    assert {found.rule for found in caught.value.findings} == {rule_id}
    assert (finding.kind, finding.rule, finding.place.file) == (kind, rule_id, "F-0001.yaml")
    assert finding.message and finding.mend
    if needle is not None:
        before = text[: text.rindex(needle)]
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        assert (finding.place.line, finding.place.column) == place
        assert f"F-0001.yaml:{place[0]}:{place[1]}" in str(caught.value)


def test_all_mistakes_are_found_at_once(knowledge_folder: Path) -> None:
    """Two rules with a mistake each give two findings in the order of the file, and a sound directory loads."""
    both = "    when: [{check: lok}]\n" + REST + "\n  - id: wrong-too\n    when: [{check: look, is: fine}]\n" + REST
    path = knowledge_folder / "faults" / "F-0001.yaml"
    path.write_text(FAULT % both)
    with pytest.raises(KnowledgeError) as caught:
        load_knowledge(knowledge_folder)
    assert [finding.rule for finding in caught.value.findings] == ["wrong", "wrong-too"]
    path.write_text(FAULT % ("    when: [{check: look}]\n" + REST))
    assert list(load_knowledge(knowledge_folder).faults) == ["F-0001"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("knowledge.yaml", None, "cannot be read"),
        ("checks.yaml", None, "cannot be read"),
        ("knowledge.yaml", "", "the file is empty"),
        ("faults/F-0001.yaml", None, "holds no fault"),
        ("faults/F-0002.yaml", FAULT % ("    when: [{check: look}]\n" + REST), "F-0001 in F-0002.yaml"),
        ("checks.yaml", "checks: [{id: look}]", "the check has no 'minutes'"),
    ],
)
def test_missing_and_misplaced_files_are_named(
    knowledge_folder: Path, name: str, content: str | None, message: str
) -> None:
    """A file that is missing, empty, incomplete or under another name is an error that names it."""
    if name != "faults/F-0001.yaml":
        (knowledge_folder / "faults" / "F-0001.yaml").write_text(FAULT % ("    when: [{check: look}]\n" + REST))
    path = knowledge_folder / name
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(content)
    with pytest.raises(KnowledgeError) as caught:
        load_knowledge(knowledge_folder)
    assert any(message in finding.message for finding in caught.value.findings), str(caught.value)


COUNTED = {
    "lost": FactType("lost", "number", "a number of chargers", "1"),
    "share": FactType("share", "number", "a share", "%"),
    "gap": FactType("gap", "number", "a length of time", "s"),
    "word": FactType("word", "text", "a word"),
}


def sentence(statement: str, *facts: Fact) -> str:
    """What a rule over some facts says."""
    compiled, problems = compile_rule(saying(statement, *facts), COUNTED, ())
    assert compiled is not None, problems
    return statement_of(compiled, facts)


def saying(statement: str, *facts: Fact) -> Rule:
    """A rule that reads some facts."""
    when = [{"fact": fact.name} for fact in facts]
    return Rule.model_validate({"id": "r", "when": when, "raises": "f", "statement": statement, "source": "s"})


@pytest.mark.parametrize(
    ("statement", "value", "said"),
    [
        ("{lost} other charger(s) of it.", 0.0, "0 other chargers of it."),
        ("{lost} other charger(s) of it.", 1.0, "1 other charger of it."),
        ("{lost} other charger(s) of it.", 21.0, "21 other chargers of it."),
        ("{lost} charger(s) by {word} (keeps its link|keep their links).", 1.0, "1 charger by radio keeps its link."),
        (
            "{lost} charger(s) by {word} (keeps its link|keep their links).",
            2.0,
            "2 chargers by radio keep their links.",
        ),
        ("{lost} loss(|es) by {word}.", 1.0, "1 loss by radio."),
        ("{lost:none} of those by {word}.", 0.0, "None of those by radio."),
        ("By {word} {lost:none} of those.", 0.0, "By radio none of those."),
        ("By {word} {lost:none} of those.", 3.0, "By radio 3 of those."),
    ],
)
def test_a_sentence_counts_as_people_do(statement: str, value: float, said: str) -> None:
    """`(s)` and `(one|many)` go by the number before them, whatever stands between; `none` is nought in words."""
    assert sentence(statement, Fact("lost", value, "1"), Fact("word", "radio")) == said


@pytest.mark.parametrize(
    ("form", "value", "said"),
    [
        ("{gap:size} late", -168.0, "168 s late"),
        ("{gap:before} the end", 5.0, "5 s before the end"),
        ("{gap:before} the end", 0.0, "0 s before the end"),
        ("{gap:before} the end", -5.0, "5 s after the end"),
        ("{gap:after} the end", -5.0, "5 s before the end"),
        ("{gap}", -0.5, "−0.5 s"),
    ],
)
def test_a_signed_length_of_time_says_which_way_it_lies(form: str, value: float, said: str) -> None:
    """The sign becomes a word, or is left out where the sentence says it; where it stands it is a minus sign."""
    assert sentence(f"It came {form}.", Fact("gap", value, "s")) == f"It came {said}."


@pytest.mark.parametrize(("seconds", "words"), [(5, "5 s"), (6, "6 s"), (59, "59 s"), (601, "10.02 min")])
def test_a_short_time_in_days_is_told_as_exactly_as_it_is_known(seconds: int, words: str) -> None:
    """A fact's value is rounded; what it is told in makes no more of it, and what stands beside a threshold no less."""
    ((fact,), _) = admit(
        [Fact("waited", seconds / 86_400, "days")], {"waited": FactType("waited", "number", "d", unit="days")}
    )
    assert told(fact.value, fact.unit) == words
    assert float(in_words(fact.value, fact.unit).removesuffix(" days")) * 86_400 == pytest.approx(seconds, rel=0.01)


def test_what_a_text_says_is_no_form() -> None:
    """Brackets in a value that a record holds stay as they are."""
    assert (
        sentence("{lost} by {word}.", Fact("lost", 1.0), Fact("word", "charger(s) (a|b)")) == "1 by charger(s) (a|b)."
    )


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("{word} charger(s) of {lost}.", "(s) follows no number"),
        ("(Is|Are) {lost}.", "(Is|Are) follows no number"),
        ("{lost:few} of {word}.", "{lost:few} is no way to show a value"),
        ("{lost} of {word:none}.", "{word:none} is for numbers, and word is text"),
    ],
)
def test_a_form_that_a_value_cannot_have_is_named(statement: str, problem: str) -> None:
    """A form without a number to go by, or of an unknown kind, would stand in the report as it was written."""
    rule = saying(statement, Fact("lost", 1.0), Fact("word", "radio"))
    _, problems = compile_rule(rule, COUNTED, ())
    assert [found.problem for found in problems] == [problem]


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (29_979.4, "min", "20.82 days"),
        (0.0529, "days", "76.18 min"),
        (0.5, "days", "12 h"),
        (299.0, "min", "299 min"),
        (300.0, "min", "5 h"),
        (-650.0, "s", "−10.83 min"),
        (75_000.0, "ms", "75 s"),
        (0.4, "s", "0.4 s"),
        (0.0, "days", "0 days"),
        (1.0, "days", "1 day"),
        (1_780_228_800.0, MOMENT, "2026-05-31 12:00:00Z"),
        (1e12, MOMENT, "after the year 9999"),
        (-1e12, MOMENT, "before the year 1"),
        (80.0, "%", "80%"),
        (-3.0, "points", "−3 points"),
    ],
)
def test_a_value_is_told_in_a_unit_that_reads_well(value: float, unit: str, said: str) -> None:
    """Lengths of time change their unit by size, moments are times, one is singular, and below nought is a minus sign."""
    assert told(value, unit) == said


def test_a_fact_without_a_unit_has_that_of_its_type() -> None:
    """What is supposed or found by a check says its unit as what is measured does."""
    admitted, refused = admit([Fact("share", 80.0)], COUNTED)
    assert not refused
    assert admitted[0].unit == "%"
