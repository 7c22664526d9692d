"""The rule language: conditions over facts, what a match says for and against which cause, and its compiled form."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import lru_cache
from itertools import product
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from .facts import NUMBER_LIMIT, TEXT_LIMIT, Catalogue, Fact, FactKind, FactType, FactValue, Version, in_words, said

Strength = Literal["weakly", "moderately", "strongly", "decisively", "excludes"]

DECIBANS: Mapping[Strength, float] = {
    "weakly": 3.0,
    "moderately": 7.0,
    "strongly": 13.0,
    "decisively": 20.0,
    "excludes": 30.0,
}
"""Weight of each word in decibans, 10·log10 of the likelihood ratio: 2, 5, 20, 100 and 1000.

Verbal scales of this kind are used in forensic science (ENFSI Guideline for Evaluative Reporting, 2015); the steps are
the design's, rounded to whole decibans so that what is printed is what is added up.
"""

CHECK = "check."
"""What stands before a check's id in the name of the facts that hold its results."""

FINDING = "finding."
"""What stands before a finding's name in the name of its fact."""

MAX_CONDITIONS = 8
"""Conditions of one rule (field note on durable-rules, wrapper contract 5)."""

MAX_VARIANTS = 60
"""Ways in which the memberships of one rule may be combined (same contract: alternatives become rules of their own)."""

REMEMBERED_STATEMENTS = 4_096
"""Templates of statements whose parts are kept (judgement: twice the shipped rules)."""

Scalar = bool | int | float | str
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]*$")]


class RuleModel(BaseModel):
    """Base of what is read from knowledge files: a key that is not known is a mistake, not an extension."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def mistake_at(path: tuple[str | int, ...], said: str, mend: str) -> PydanticCustomError:
    """A validation error of a whole model that stands at one place in it."""
    return PydanticCustomError("mistake_at", "{said}", {"said": said, "path": path, "mend": mend})


def refuse_repeated(key: str, names: Iterable[str]) -> None:
    """Raise a validation error where two members of the list under a key are called alike, at the later one."""
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name in seen:
            raise mistake_at(
                (key, place, "id"), f"another of the {key} is called {name!r}", "give each an id of its own"
            )
        seen.add(name)


class Condition(RuleModel):
    """One thing that must be known for a rule to fire.

    Names a `fact`, a `finding` another rule raises, or the result of a `check`; without an operator it is met by any
    known value. Operands are constants, or `$alias` for the value of an earlier condition's fact.
    """

    fact: Identifier | None = None
    finding: Identifier | None = None
    check: Identifier | None = None
    alias: str | None = Field(default=None, alias="as", pattern=r"^[a-z][a-z0-9_]*$")
    is_: Scalar | None = Field(default=None, alias="is")
    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in", min_length=1)
    above: float | str | None = None
    at_least: float | str | None = None
    below: float | str | None = None
    at_most: float | str | None = None
    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    before: str | None = None
    differs_from: str | None = None
    later_than: str | None = None
    earlier_than: str | None = None
    same_connector_as: str | None = None
    same_key_as: str | None = None

    @field_validator("from_", "to", "before", mode="before")
    @classmethod
    def _version_is_text(cls, value: Any) -> Any:
        if isinstance(value, float):
            raise ValueError(
                "write a version between quotes, or with all its parts, so that it is not read as a number"
            )
        return value

    @model_validator(mode="after")
    def _names_one_thing(self) -> Condition:
        if sum(name is not None for name in (self.fact, self.finding, self.check)) != 1:
            raise ValueError("a condition names exactly one of fact, finding, check")
        return self

    @property
    def fact_name(self) -> str:
        """The name of the facts it reads; checks and findings have namespaces of their own."""
        if self.check is not None:
            return f"{CHECK}{self.check}"
        if self.finding is not None:
            return f"{FINDING}{self.finding}"
        return self.fact or ""

    def comparisons(self) -> Iterator[tuple[str, Any]]:
        """The operators that are set, as (word, operand)."""
        written = self.model_fields_set
        for word, field in _OPERATORS.items():
            if field in written and (operand := getattr(self, field)) is not None:
                yield word, operand

    def in_words(self, fact_type: FactType | None = None, subjects: Mapping[str, str] | None = None) -> str:
        """The condition as a person reads it, units included."""
        unit = fact_type.unit if fact_type else None
        subject = self.fact_name.removeprefix(FINDING).removeprefix(CHECK).replace("_", " ").replace("-", " ")
        if self.check is not None:
            subject = f"check {self.check}"
        elif self.finding is not None:
            subject = f"finding {self.finding}"
        parts = []
        for word, operand in self.comparisons():
            shown: str
            if _names_condition(operand):
                shown = (subjects or {}).get(operand[1:], operand[1:])
            elif isinstance(operand, tuple):
                shown = " or ".join(in_words(_scalar(item), unit) for item in operand)
            else:
                shown = in_words(_scalar(operand), unit)
            parts.append(f"{_WORDS[word]} {shown}".strip())
        if not parts:
            return f"{subject} is known"
        return f"{subject} {' and '.join(parts)}".replace(" and to ", " to ").replace(" and before ", " to before ")


def _scalar(operand: Scalar) -> float | str | bool:
    return operand if isinstance(operand, (bool, str)) else float(operand)


_OPERATORS = {
    "is": "is_", "in": "in_", "above": "above", "at_least": "at_least", "below": "below", "at_most": "at_most",
    "from": "from_", "to": "to", "before": "before", "differs_from": "differs_from", "later_than": "later_than",
    "earlier_than": "earlier_than", "same_connector_as": "same_connector_as", "same_key_as": "same_key_as",
}  # fmt: skip
_WORDS = {
    "is": "is", "in": "is", "above": "above", "at_least": "at least", "below": "below", "at_most": "at most",
    "from": "from", "to": "to", "before": "before", "differs_from": "differs from", "later_than": "later than",
    "earlier_than": "earlier than", "same_connector_as": "on the connector of", "same_key_as": "of the same unit as",
}  # fmt: skip


class Rule(RuleModel):
    """Conditions that must all be met, and what that says.

    A rule does one of four things: it weighs causes (`supports`, `against`), raises a finding (`raises`), names two of its
    conditions whose facts cannot both be true (`contradicts`), or tells what the fault brought about that has no code of
    its own (`brings_about`). A rule that weighs may name in `upstream` the condition whose fact is another incident (its
    key the incident's id) that stands behind this one.

    `group` names evidence that is not independent (for one cause only the strongest of each sign counts); `source`
    says where its figures come from, or that they are judgement and why; `statement` is the sentence in the trace,
    with `{fact_name}` or `{alias}` for the values read; `{alias:size}` leaves out the sign, `{alias:none}` says `none`
    for 0, `{alias:before}` and `{alias:after}` say which by the sign, `charger(s)` and `(is|are)` go by the number before.
    """

    id: Identifier
    when: tuple[Condition, ...] = Field(min_length=1, max_length=MAX_CONDITIONS)
    supports: dict[Identifier, Strength] = Field(default_factory=dict)
    against: dict[Identifier, Strength] = Field(default_factory=dict)
    raises: Identifier | None = None
    contradicts: tuple[str, str] | None = None
    brings_about: str | None = Field(default=None, min_length=1)
    upstream: str | None = None
    group: Identifier | None = None
    statement: str = Field(min_length=1)
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        weighs = bool(self.supports or self.against)
        if [weighs, self.raises is not None, self.contradicts is not None, self.brings_about is not None].count(
            True
        ) != 1:
            raise ValueError(
                "a rule either weighs causes (supports, against), raises a finding, contradicts, or brings_about something"
            )
        if self.upstream is not None and not self.supports:
            raise ValueError("a rule with an upstream incident supports the cause that it stands behind")
        both = sorted(set(self.supports) & set(self.against))
        if both:
            raise ValueError(f"{both[0]} stands under supports and under against")
        if "excludes" in self.supports.values():
            raise ValueError("'excludes' is a strength of evidence against, not for")
        return self

    def weight_for(self, cause: str) -> float | None:
        """Decibans for (positive) or against (negative) a cause; None where the rule says nothing of it."""
        if cause in self.supports:
            return DECIBANS[self.supports[cause]]
        if cause in self.against:
            return -DECIBANS[self.against[cause]]
        return None


Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in"]
Attribute = Literal["value", "scheme", "at", "connector", "key"]


@dataclass(frozen=True, slots=True)
class Test:
    """A compiled comparison: an attribute of the condition's fact with a constant, or with an earlier fact's."""

    __test__ = False  # its name makes pytest look inside

    attribute: Attribute
    operator: Operator
    kind: FactKind  # of the fact whose attribute it reads
    constant: float | str | bool | tuple[float | str | bool, ...] | None = None
    earlier: int | None = None  # place of the earlier condition whose fact is compared with


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled condition: facts of one name that pass every test."""

    fact_name: str
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule whose conditions are known to be satisfiable, ready for either matcher."""

    rule: Rule
    patterns: tuple[Pattern, ...]
    aliases: tuple[str, ...]  # name under which the statement shows each pattern's fact
    weights_db: tuple[tuple[str, float], ...] = dataclass_field(init=False, compare=False, repr=False)  # by cause
    counted_as: tuple[str, ...] | None = dataclass_field(init=False, compare=False, repr=False)
    """For each weight the name under which a cause counts it once with others of its group and sign; None without group."""

    def __post_init__(self) -> None:
        causes = (*self.rule.supports, *self.rule.against)
        weights = tuple((cause, self.rule.weight_for(cause) or 0.0) for cause in causes)
        group = self.rule.group
        names = (
            None
            if group is None
            else tuple(f"{'+' if weight > 0 else '-'}{group}/{cause}" for cause, weight in weights)
        )
        object.__setattr__(self, "weights_db", weights)
        object.__setattr__(self, "counted_as", names)


def fact_called(compiled: CompiledRule, match: Sequence[Fact], alias: str) -> Fact:
    """The fact that a condition took, by the condition's alias."""
    return match[compiled.aliases.index(alias)]


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """Why a rule cannot be compiled: where in it (a path of keys), what is wrong, how to mend it."""

    rule_id: str
    path: tuple[str | int, ...]
    problem: str
    mend: str


_COMPARISONS: Mapping[str, Operator] = {
    "is": "==",
    "in": "in",
    "above": ">",
    "at_least": ">=",
    "below": "<",
    "at_most": "<=",
}
_NUMERIC_ONLY = {"above", "at_least", "below", "at_most"}
_VERSION_ONLY: Mapping[str, Operator] = {"from": ">=", "to": "<=", "before": "<"}
_OF_VALUES: Mapping[str, Operator] = {**_COMPARISONS, **_VERSION_ONLY}
_JOINS: Mapping[str, tuple[Attribute, Operator]] = {
    "differs_from": ("value", "!="), "later_than": ("at", ">"), "earlier_than": ("at", "<"),
    "same_connector_as": ("connector", "=="), "same_key_as": ("key", "=="),
}  # fmt: skip


def compile_rule(
    rule: Rule, catalogue: Catalogue, causes: Sequence[str]
) -> tuple[CompiledRule | None, list[RuleProblem]]:
    """Turn a rule into patterns, or say why it could never fire.

    `catalogue` declares every fact name that can occur (findings and checks included), `causes` the causes it may
    weigh. The compiled rule is None exactly when the list of problems is not empty.
    """
    problems: list[RuleProblem] = []

    def blame(path: tuple[str | int, ...], problem: str, mend: str) -> None:
        problems.append(RuleProblem(rule.id, path, problem, mend))

    for field in ("supports", "against"):
        for cause in getattr(rule, field):
            if cause not in causes:
                blame((field, cause), f"{cause!r} is not a cause of this code", f"use one of {', '.join(causes)}")

    patterns: list[Pattern] = []
    aliases: list[str] = []
    kinds: list[FactType | None] = []
    for place, condition in enumerate(rule.when):
        name = condition.fact_name
        fact_type = catalogue.get(name)
        alias = condition.alias or name
        where = ("when", place)
        if fact_type is None:
            blame(where, f"no fact is named {name!r}", _nearest(name, catalogue))
        if alias in aliases:
            blame(where, f"two conditions are called {alias!r}", "give each an `as:` of its own")
        tests: list[Test] = []
        if fact_type is not None:
            for word, operand in condition.comparisons():
                tests.extend(
                    _tests(word, operand, fact_type, aliases, kinds, lambda p, m, w=(*where, word): blame(w, p, m))
                )
            _blame_empty(tests, fact_type, lambda p, m, w=where: blame(w, p, m))
        patterns.append(Pattern(name, tuple(tests)))
        aliases.append(alias)
        kinds.append(fact_type)
    variants = 1
    for pattern in patterns:
        for test in pattern.tests:
            if test.operator == "in" and isinstance(test.constant, tuple):
                variants *= len(test.constant)
    if variants > MAX_VARIANTS:
        blame(("when",), f"its lists combine in {variants} ways, more than {MAX_VARIANTS}", "split the rule")
    for place, pattern in enumerate(patterns):
        known = kinds[place] is not None
        if known and not pattern.tests and any(p.fact_name == pattern.fact_name for p in patterns[:place]):
            blame(("when", place), "repeats an earlier condition", "remove it")
    shown = set(aliases)
    for field, names in (
        ("contradicts", rule.contradicts or ()),
        ("upstream", (rule.upstream,) if rule.upstream else ()),
    ):
        for name in names:
            if name not in shown and None not in kinds:
                blame((field,), f"{name!r} is no condition", f"use one of {', '.join(sorted(shown))}")
    if rule.contradicts is not None and rule.contradicts[0] == rule.contradicts[1]:
        blame(("contradicts",), "a fact cannot contradict itself", "name two conditions")
    _blame_statement(rule.statement, dict(zip(aliases, kinds, strict=True)), lambda p, m: blame(("statement",), p, m))
    if problems:
        return None, problems
    return CompiledRule(rule, tuple(patterns), tuple(aliases)), []


def _blame_statement(statement: str, shown: Mapping[str, FactType | None], blame: Any) -> None:
    """Say so where a sentence shows what no condition reads, or a form that the value cannot have."""
    try:
        pieces = _pieces(statement)
    except ValueError as error:
        blame(f"its braces do not pair: {error}", "write {{ and }} for plain braces")
        return
    counted = False
    for text, _, _, field, form in pieces:
        formed = _FORMS.search(text)
        if formed is not None and not counted:
            blame(f"{formed[0]} follows no number", "put a number before it, or write one form")
        if field is None:
            continue
        if field not in shown:
            if None not in shown.values():  # else it is the fact whose name is misspelt
                blame(f"{{{field}}} is not read by any condition", f"use one of {', '.join(sorted(shown))}")
            counted = True
            continue
        fact_type = shown[field]
        is_number = fact_type is None or fact_type.kind == "number"
        counted = counted or is_number
        if form and form not in _SHOWN_AS:
            blame(f"{{{field}:{form}}} is no way to show a value", f"write one of {', '.join(_SHOWN_AS)}")
        elif form and not is_number:
            blame(
                f"{{{field}:{form}}} is for numbers, and {field} is {_A[fact_type.kind] if fact_type else form}",
                f"write {{{field}}}",
            )


def _nearest(name: str, catalogue: Catalogue) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(catalogue), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else "declare a measurement for it, or correct the name"


def _tests(
    word: str, operand: Any, fact_type: FactType, aliases: list[str], kinds: Sequence[FactType | None], blame: Any
) -> list[Test]:
    """The compiled tests of one operator; what does not fit is blamed and left out."""
    kind = fact_type.kind
    if word in _JOINS or _names_condition(operand):
        if not (_names_condition(operand) and operand[1:] in aliases):
            blame(f"{operand!r} names no earlier condition", "write $ and the `as:` name of a condition above this one")
            return []
        earlier = aliases.index(operand[1:])
        attribute, operator = _JOINS[word] if word in _JOINS else ("value", _OF_VALUES[word])
        other = kinds[earlier]
        if other is None:  # the earlier condition was blamed already
            return []
        if attribute == "value" and other.kind != fact_type.kind:
            blame(f"compares {_A[fact_type.kind]} with {_A[other.kind]}", "join facts of one kind")
            return []
        if word in _VERSION_ONLY and kind != "version":
            blame(f"{word} compares versions, and {fact_type.name} is {kind}", "use above, at_least, below or at_most")
            return []
        if operator not in ("==", "!=") and attribute == "value" and fact_type.kind not in ("number", "version"):
            blame(f"{_A[fact_type.kind]} has no order", "use is or differs_from")
            return []
        scheme: list[Test] = []
        if attribute == "value" and fact_type.kind == "version" and operator != "!=":
            scheme = [Test("scheme", "==", kind, earlier=earlier)]
        return [*scheme, Test(attribute, operator, kind, earlier=earlier)]
    if word in _VERSION_ONLY:
        version = fact_type.parse(str(operand)) if fact_type.kind == "version" and fact_type.parse else None
        if version is None:
            blame(
                f"{operand!r} is no version for {fact_type.name}",
                "use from, to and before with facts that are versions",
            )
            return []
        return [Test("scheme", "==", kind, version.scheme), Test("value", _VERSION_ONLY[word], kind, version.rank)]
    if word in _NUMERIC_ONLY and fact_type.kind != "number":
        instead = "from, to and before" if fact_type.kind == "version" else "is or in"
        blame(f"{word} compares numbers, and {fact_type.name} is {_A[fact_type.kind]}", f"use {instead}")
        return []
    if word in _NUMERIC_ONLY and isinstance(operand, str):
        unit = "" if fact_type.unit in (None, "1") else f" in {fact_type.unit}"
        blame(
            f"{operand!r} is not a number",
            f"write behind {word} a number{unit}, or $ and the `as:` name of a condition",
        )
        return []
    operands = operand if isinstance(operand, tuple) else (operand,)
    constants: list[float | str | bool] = []
    for item in operands:
        if _names_condition(item):
            blame(f"{item!r} stands in a list, which holds constants only", "write `is: $…` in a rule of its own")
            return []
        if fact_type.kind == "version":
            version = fact_type.parse(str(item)) if fact_type.parse else None
            if version is None or word != "is":
                blame(f"{item!r} is no version that can be compared so", "use from and to")
                return []
            return [Test("scheme", "==", kind, version.scheme), Test("value", "==", kind, version.rank)]
        fits = {"number": (int, float), "flag": (bool,), "text": (str,)}[fact_type.kind]
        if not isinstance(item, fits) or (fact_type.kind == "number" and isinstance(item, bool)):
            blame(f"{item!r} is not {_A[fact_type.kind]}", f"{fact_type.name} is {_A[fact_type.kind]}")
            return []
        if isinstance(item, (int, float)) and not abs(item) <= NUMBER_LIMIT:
            blame(f"{item!r} is no finite number up to {NUMBER_LIMIT:.0e}", "facts beyond that are refused")
            return []
        if isinstance(item, str) and len(item) > TEXT_LIMIT:
            blame(f"the text has {len(item)} characters, more than {TEXT_LIMIT}", "facts as long are refused")
            return []
        if fact_type.choices is not None and item not in fact_type.choices:
            blame(f"{fact_type.name} never is {item!r}", f"use one of {', '.join(fact_type.choices)}")
            return []
        constants.append(round(float(item), 6) if fact_type.kind == "number" else item)
    if isinstance(operand, tuple):
        # A member that stands twice (or is the same to six decimals) would fire twice in a matcher that splits the list.
        return [Test("value", "in", kind, tuple(dict.fromkeys(constants)))]
    return [Test("value", _COMPARISONS[word], kind, constants[0])]


def _names_condition(operand: Any) -> bool:
    return isinstance(operand, str) and operand.startswith("$")


_A = {"number": "a number", "flag": "true or false", "text": "text", "version": "a version"}


def _blame_empty(tests: list[Test], fact_type: FactType, blame: Any) -> None:
    """Say so where no value can pass all the constant tests."""
    low, high = fact_type.low, fact_type.high
    low_open = high_open = False
    schemes = {test.constant for test in tests if test.attribute == "scheme" and test.earlier is None}
    if len(schemes) > 1:
        blame("its versions are of different schemes", "give one rule to each scheme")
        return
    equal: set[Any] | None = None
    for test in tests:
        if test.attribute != "value" or test.earlier is not None:
            continue
        if test.operator in ("==", "in"):
            values = set(test.constant) if isinstance(test.constant, tuple) else {test.constant}
            equal = values if equal is None else equal & values
        elif isinstance(test.constant, (int, float)):
            bound = float(test.constant)
            if test.operator in (">", ">=") and (low is None or bound > low or (bound == low and test.operator == ">")):
                low, low_open = bound, test.operator == ">"
            if test.operator in ("<", "<=") and (
                high is None or bound < high or (bound == high and test.operator == "<")
            ):
                high, high_open = bound, test.operator == "<"
    if low is not None and high is not None and (low > high or (low == high and (low_open or high_open))):
        blame(
            f"no value can be met: the range from {low:g} to {high:g} is empty",
            f"{fact_type.name} has values {_span(fact_type)}",
        )
        return
    if equal is not None:
        numbers = [v for v in equal if isinstance(v, (int, float)) and not isinstance(v, bool)]
        outside = [v for v in numbers if (low is not None and v < low) or (high is not None and v > high)]
        if not equal or (numbers and len(outside) == len(equal)):
            blame("no value can be met", f"{fact_type.name} has values {_span(fact_type)}")


def _span(fact_type: FactType) -> str:
    low = "any" if fact_type.low is None else f"{fact_type.low:g}"
    high = "any" if fact_type.high is None else f"{fact_type.high:g}"
    return f"from {low} to {high}"


def variants(compiled: CompiledRule) -> Iterator[tuple[Pattern, ...]]:
    """The rule without memberships: one tuple of patterns for each combination of their members."""
    alternatives: list[list[Pattern]] = []
    for pattern in compiled.patterns:
        choices: list[list[Test]] = [
            [Test(t.attribute, "==", t.kind, member) for member in t.constant]
            if t.operator == "in" and isinstance(t.constant, tuple)
            else [t]
            for t in pattern.tests
        ]
        alternatives.append([Pattern(pattern.fact_name, tests) for tests in product(*choices)])
    yield from product(*alternatives)


_FORMS = re.compile(r"\(s\)|\(([^()|]*)\|([^()|]*)\)")

_SHOWN_AS = ("size", "none", "before", "after")
"""Ways to show a number: without its sign; `none` where it is nought; with the word, or where it is negative the other one."""


class _Piece(NamedTuple):
    """A text as it is written, after 1 and after another number; the placeholder behind it and how that is shown."""

    text: str
    after_one: str
    after_more: str
    field: str | None
    form: str


@lru_cache(REMEMBERED_STATEMENTS)
def _pieces(statement: str) -> list[_Piece]:
    """A sentence in pieces. Raises ValueError where braces do not pair."""
    return [
        _Piece(text, _in_number(text, one=True), _in_number(text, one=False), field, form or "")
        for text, field, form, _ in string.Formatter().parse(statement)
    ]


def statement_of(compiled: CompiledRule, match: Sequence[Fact]) -> str:
    """The rule's sentence with the values of the facts that matched.

    `(s)` and `(is|are)` follow the number that was shown last before them.
    """
    facts = dict(zip(compiled.aliases, match, strict=True))
    pieces: list[str] = []
    one = False
    for _, after_one, after_more, field, form in _pieces(compiled.rule.statement):
        pieces.append(after_one if one else after_more)
        if field is not None:
            fact = facts[field]
            if not isinstance(fact.value, (bool, str, Version)):
                one = in_words(fact.value, None) == "1"
            pieces.append(_shown(fact.value, fact.unit, form, begins=not any(pieces)))
    return "".join(pieces)


def _in_number(text: str, *, one: bool) -> str:
    return _FORMS.sub(lambda form: form[1 if one else 2] if form[2] is not None else "" if one else "s", text)


def _shown(value: FactValue, unit: str | None, form: str, *, begins: bool) -> str:
    if isinstance(value, (bool, str, Version)) or not form:
        return said(value, unit)
    if form == "none":
        return ("None" if begins else "none") if value == 0 else said(value, unit)
    size = said(abs(value), unit)
    if form == "size":
        return size
    return f"{size} {'before' if (form == 'before') == (value >= 0) else 'after'}"


def statement_with(statement: str, names: Callable[[str], str]) -> str:
    """A rule's sentence with names in place of the values, in the plural."""
    pieces = []
    for _, _, after_more, field, form in _pieces(statement):
        pieces.append(after_more)
        if field is not None:
            pieces.append(f"{names(field)} {form}" if form in ("before", "after") else names(field))
    return "".join(pieces)


def attribute_of(fact: Fact, attribute: Attribute) -> float | str | bool | None:
    """An attribute as matchers compare it; a version's value is its rank."""
    if attribute == "value":
        return fact.value.rank if isinstance(fact.value, Version) else fact.value
    if attribute == "scheme":
        return fact.value.scheme if isinstance(fact.value, Version) else None
    if attribute == "at":
        return fact.at
    if attribute == "connector":
        return fact.connector
    return fact.key
