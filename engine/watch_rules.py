"""Rules of early warnings: conditions in the rule language, and what they warn of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from .facts import Catalogue
from .rules import (
    MAX_CONDITIONS,
    CompiledRule,
    Condition,
    Identifier,
    Rule,
    RuleModel,
    RuleProblem,
    compile_rule,
    refuse_repeated,
)

Scope = Literal["connector", "charger"]


class WatchRule(RuleModel):
    """Conditions that must all be met, and what is then on its way.

    `what` is a short noun phrase, `leads_to` the fault code that follows if nobody acts, `trend` the sentence with numbers
    (`{fact_name}` or `{alias}` for the values read). `expected_at` names the condition whose fact is a moment in epoch
    seconds, the day on which it gets there. Of rules in one `group` only the first in the file is shown. `scope` says
    whether it is read for each connector or for the whole charger; `source` is as in other rules.
    """

    id: Identifier
    scope: Scope
    when: tuple[Condition, ...] = Field(min_length=1, max_length=MAX_CONDITIONS)
    what: str = Field(min_length=1)
    leads_to: str
    trend: str = Field(min_length=1)
    expected_at: str | None = None
    group: Identifier | None = None
    source: str = Field(min_length=1)

    @property
    def topic(self) -> str:
        """What the rule is about: its group, or itself."""
        return self.group or self.id

    def as_rule(self) -> Rule:
        """The same conditions as a rule that matchers take."""
        return Rule(id=self.id, when=self.when, brings_about=self.what, statement=self.trend, source=self.source)


class WatchesFile(RuleModel):
    """All rules of early warnings, the most telling of each group first."""

    rules: tuple[WatchRule, ...]

    @model_validator(mode="after")
    def _names_are_unique(self) -> WatchesFile:
        refuse_repeated("rules", (rule.id for rule in self.rules))
        return self


@dataclass(frozen=True, slots=True)
class CompiledWatch:
    """A watch rule whose conditions are known to be satisfiable, ready for either matcher."""

    watch: WatchRule
    rule: CompiledRule

    @property
    def fact_names(self) -> frozenset[str]:
        """The names of the facts it reads."""
        return frozenset(pattern.fact_name for pattern in self.rule.patterns)


def compile_watch(
    watch: WatchRule, catalogue: Catalogue, codes: Iterable[str]
) -> tuple[CompiledWatch | None, list[RuleProblem]]:
    """Turn a watch rule into patterns, or say why it could never fire or warns of nothing known.

    `catalogue` declares every fact name, `codes` are the documented fault codes. The compiled watch is None exactly when
    the list of problems is not empty.
    """
    compiled, found = compile_rule(watch.as_rule(), catalogue, ())
    problems = [_named_as_here(problem) for problem in found]
    documented = sorted(codes)
    if watch.leads_to not in documented:
        mend = f"use one of {', '.join(documented)}"
        problems.append(RuleProblem(watch.id, ("leads_to",), f"{watch.leads_to!r} is not documented", mend))
    problems.extend(_about_the_date(watch, catalogue))
    if compiled is None or problems:
        return None, problems
    return CompiledWatch(watch, compiled), []


def _named_as_here(problem: RuleProblem) -> RuleProblem:
    """A problem of the statement is one of the trend."""
    path: Sequence[str | int] = ["trend" if part == "statement" else part for part in problem.path]
    return RuleProblem(problem.rule_id, tuple(path), problem.problem, problem.mend)


def _about_the_date(watch: WatchRule, catalogue: Catalogue) -> list[RuleProblem]:
    if watch.expected_at is None:
        return []
    read = {condition.alias or condition.fact_name: condition.fact_name for condition in watch.when}
    name = read.get(watch.expected_at)
    if name is None:
        problem, mend = f"{watch.expected_at!r} is no condition", f"use one of {', '.join(sorted(read))}"
    elif name in catalogue and catalogue[name].kind != "number":
        problem, mend = f"{name} is {catalogue[name].kind}", "name a condition whose fact is a moment in epoch seconds"
    else:
        return []
    return [RuleProblem(watch.id, ("expected_at",), problem, mend)]
