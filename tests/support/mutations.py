"""Mutation check of the rules: flip a comparison, move a boundary, drop a condition, and some case of the rule must notice.

Run it for the files you are writing: `python tests/support/mutations.py F-0421 F-0203` (all codes without arguments).
Each code is loaded alone, so that a mistake in another file does not matter.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charger_triage.engine.facts import Catalogue, FactType
from charger_triage.engine.inference import infer
from charger_triage.engine.knowledge_base import CompiledFault
from charger_triage.engine.matching import FactsByName, VerdictMatcher, by_name, verdict_of
from charger_triage.engine.rules import CompiledRule, Condition, Rule, compile_rule
from charger_triage.knowledge.cases import CaseOutcome, cases_of, given_facts
from charger_triage.knowledge.loading import (
    KnowledgeError,
    LoadedFault,
    TriageKnowledge,
    load_knowledge,
    shipped_directory,
)

FIELDS = {"is": "is_", "in": "in_", "from": "from_"}
"""Fields of a condition that are not called as their operator."""

OPPOSITE = {"above": ("below", "at_most"), "at_least": ("at_most", "below"), "below": ("above", "at_least"),
            "at_most": ("at_least", "above"), "later_than": ("earlier_than",), "earlier_than": ("later_than",)}  # fmt: skip
BOUNDARY = {
    "above": "at_least",
    "at_least": "above",
    "below": "at_most",
    "at_most": "below",
    "to": "before",
    "before": "to",
}
REFERENCES = ("same_connector_as", "same_key_as")


@dataclass(frozen=True)
class Mutant:
    """A rule with one thing changed: in which condition, what became of it, and the case that would notice."""

    place: int
    change: str
    wanted: str
    rule: Rule


@dataclass(frozen=True)
class Survivor:
    """A change that no case of the rule notices."""

    where: str
    rule_id: str
    change: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule_id}: {self.change}; {self.wanted}"


def _with(condition: Condition, **fields: Any) -> Condition:
    return condition.model_copy(update={FIELDS.get(word, word): operand for word, operand in fields.items()})


def _swapped(condition: Condition, word: str, other: str, operand: Any) -> Condition | None:
    """The condition with one operator for another; None where that other one is used already."""
    if getattr(condition, FIELDS.get(other, other)) is not None:
        return None
    return _with(condition, **{word: None, other: operand})


def _is_join(operand: Any) -> bool:
    return isinstance(operand, str) and operand.startswith("$")


def _shifted(version: str, step: int) -> str | None:
    """A version one patch (or build) up or down; down from 3.0.0 is 2.9.9."""
    dated = re.match(r"^(v?)(\d{6})\.(\d+)$", version)
    if dated:
        build = int(dated.group(3)) + step
        if build < 0:
            return f"{dated.group(1)}{int(dated.group(2)) - 1:06d}.0000"
        return f"{dated.group(1)}{dated.group(2)}.{build:04d}"
    dotted = re.match(r"^(v?)(\d+)\.(\d+)(?:\.(\d+))?", version)
    if dotted is None:
        return None
    major, minor, patch = int(dotted.group(2)), int(dotted.group(3)), int(dotted.group(4) or 0)
    if patch + step >= 0:
        patch += step
    elif minor > 0:
        minor, patch = minor - 1, 9
    elif major > 0:
        major, minor, patch = major - 1, 9, 9
    else:
        return None
    return f"{dotted.group(1)}{major}.{minor}.{patch}"


def _another(value: Any, fact_type: FactType) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if fact_type.kind == "version":
        return _shifted(str(value), 1)
    if fact_type.choices is not None:
        return next((choice for choice in fact_type.choices if choice != value), None)
    return f"{value}-other"


def _changed(condition: Condition, fact_type: FactType) -> Iterator[tuple[Condition | None, str, str]]:
    """Every change of one condition: what comes out, what was changed, which case is wanted."""
    name = condition.fact_name
    for word, operand in condition.comparisons():
        shown = ", ".join(str(item) for item in operand) if isinstance(operand, tuple) else operand
        what = f"{name} {word} {shown}"
        value = f"the value of {operand}" if _is_join(operand) else f"exactly {shown}"
        yield (
            _with(condition, **{word: None}),
            f"{what} can be left out",
            "give a near miss that fails it and nothing else",
        )
        for other in OPPOSITE.get(word, ()):
            yield (
                _swapped(condition, word, other, operand),
                f"{what} can become {other}",
                "give a case clearly on each side",
            )
        if word in BOUNDARY:
            other = BOUNDARY[word]
            yield (
                _swapped(condition, word, other, operand),
                f"{what} can become {other}",
                f"give a case with {name} at {value}",
            )
        if word in ("from", "to", "before"):
            for step in (1, -1):
                moved = _shifted(str(operand), step)
                if moved is not None:
                    wanted = "give a case at the bound itself and one right beyond it"
                    yield _with(condition, **{word: moved}), f"{what} can become {word} {moved}", wanted
        if word == "is" and _is_join(operand):
            yield (
                _swapped(condition, word, "differs_from", operand),
                f"{what} can become differs_from",
                "give an equal pair",
            )
        elif word == "is":
            other_value = _another(operand, fact_type)
            if other_value is not None:
                yield (
                    _with(condition, **{"is": other_value}),
                    f"{what} can become is {other_value}",
                    "give a case that fires",
                )
        if word == "differs_from":
            yield _swapped(condition, word, "is", operand), f"{what} can become is", "give a pair that differs"
        if word == "in":
            for member in operand:
                rest = tuple(item for item in operand if item != member)
                if rest:
                    yield (
                        _with(condition, **{"in": rest}),
                        f"{what} can lose {member}",
                        f"give a case that fires with {member}",
                    )


def mutants(rule: Rule, catalogue: Catalogue) -> Iterator[Mutant]:
    """Every change of a rule that a case of it ought to notice."""
    for place, condition in enumerate(rule.when):
        fact_type = catalogue[condition.fact_name]
        for changed, change, wanted in _changed(condition, fact_type):
            if changed is not None:
                when = (*rule.when[:place], changed, *rule.when[place + 1 :])
                yield Mutant(place, change, wanted, rule.model_copy(update={"when": when, "statement": "-"}))
        if len(rule.when) > 1:
            without = _without(rule.when, place)
            wanted = f"give an unknown case without {condition.fact_name}"
            change = f"the condition on {condition.fact_name} can be removed"
            yield Mutant(place, change, wanted, rule.model_copy(update={"when": without, "statement": "-"}))


def _without(when: Sequence[Condition], place: int) -> tuple[Condition, ...]:
    """The conditions but one, and without the joins that refer to it."""
    gone = f"${when[place].alias or when[place].fact_name}"
    rest: list[Condition] = []
    for number, condition in enumerate(when):
        if number != place:
            joins = {word: None for word, operand in condition.comparisons() if operand == gone}
            kept = _with(condition, **joins)
            rest.append(kept)
    return tuple(rest)


def survivors(loaded: LoadedFault, catalogue: Catalogue) -> list[Survivor]:
    """The changes of a fault's rules that none of the changed rule's cases notices."""
    compiled = loaded.compiled
    code = compiled.fault.code
    found = cases_of(loaded)
    if isinstance(found, CaseOutcome):
        return [Survivor(str(found.place), code, "its cases cannot be read", str(found.failure))]
    left: list[Survivor] = []
    for number, rule in enumerate(compiled.rules):
        here = f"{code}.{rule.rule.id}"
        cases = found.cases.rules.get(rule.rule.id)
        if cases is None:
            left.append(Survivor(str(loaded.document.place(("rules", number))), here, "has no cases", "write them"))
            continue
        scenes: list[FactsByName] = []
        for given in (*cases.fires, *cases.near_miss, *cases.unknown):
            try:
                scenes.append(_facts(given, compiled, rule, catalogue))
            except ValueError as error:
                left.append(
                    Survivor(str(found.document.place(("rules", rule.rule.id))), here, "has a broken case", str(error))
                )
        before = [verdict_of(rule, facts).verdict for facts in scenes]
        for mutant in mutants(rule.rule, catalogue):
            if not _noticed(mutant, scenes, before, catalogue, compiled):
                where = str(loaded.document.place(("rules", number, "when", mutant.place)))
                left.append(Survivor(where, here, mutant.change, mutant.wanted))
    return left


def _facts(given: dict[str, Any], compiled: CompiledFault, rule: CompiledRule, catalogue: Catalogue) -> FactsByName:
    """What a case gives, with the findings it leads to where the rule reads any."""
    facts = given_facts(given, catalogue)
    if any(pattern.fact_name.startswith("finding.") for pattern in rule.patterns):
        facts = list(infer(facts, compiled.rules, VerdictMatcher(compiled.rules)).facts)
    return by_name(facts)


def _noticed(
    mutant: Mutant, scenes: Sequence[FactsByName], before: Sequence[str], catalogue: Catalogue, compiled: CompiledFault
) -> bool:
    changed, problems = compile_rule(mutant.rule, catalogue, compiled.fault.cause_ids)
    if changed is None:
        # One that nothing can meet never fires, which any case that fires notices; others are no rules at all.
        empty = all("no value can be met" in problem.problem for problem in problems)
        return "met" in before if empty else True
    return any(verdict_of(changed, facts).verdict != verdict for facts, verdict in zip(scenes, before, strict=True))


def all_survivors(knowledge: TriageKnowledge) -> dict[str, list[Survivor]]:
    """The survivors of every code."""
    return {code: survivors(loaded, knowledge.base.catalogue) for code, loaded in knowledge.faults.items()}


def _alone(code: str, folder: Path) -> TriageKnowledge:
    """The shipped knowledge with one code only."""
    shipped = shipped_directory()
    (folder / "faults").mkdir()
    for name in ("knowledge.yaml", "checks.yaml", f"faults/{code}.yaml"):
        shutil.copy(shipped / name, folder / name)
    return load_knowledge(folder)


def main(arguments: Sequence[str]) -> int:
    """Print the survivors of some codes; the status is 1 where there are any."""
    codes = list(arguments) or sorted(path.stem for path in (shipped_directory() / "faults").glob("*.yaml"))
    total = 0
    for code in codes:
        with tempfile.TemporaryDirectory() as folder:
            try:
                knowledge = _alone(code, Path(folder))
            except (KnowledgeError, OSError) as error:
                print(f"{code}: cannot be loaded\n{error}")
                total += 1
                continue
            catalogue = knowledge.base.catalogue
            found = survivors(knowledge.faults[code], catalogue)
            number = sum(1 for rule in knowledge.faults[code].compiled.rules for _ in mutants(rule.rule, catalogue))
        for survivor in found:
            print(survivor)
        print(f"{code}: {len(found)} of {number} changes go unnoticed")
        total += len(found)
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
