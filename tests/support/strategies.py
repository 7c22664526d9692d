"""Random rules and facts over a small catalogue that holds every kind of fact, boundary values and odd texts."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

from charger_triage.engine.facts import Catalogue, Fact, FactType, Source, Version
from charger_triage.engine.rules import CompiledRule, Rule, compile_rule

CAUSES = ("first", "second", "third")
CHOICES = ("slow", "normal", "stopped")

NUMBERS = (
    0.0, -0.0, 1.0, 1, 1.0000004, 0.9999996, 1.0000006, 1e-6, 4.9e-7, -4.9e-7, 5.1e-7, 0.1 + 0.2, 0.3, 50, 50.0, 51, -51,
    65535, 65536, 2**31, 2**32, 2**53 // 10**5, 123456789.123456, 999999999999.9999, 1e12, -1e12, 1e-300,
)  # fmt: skip
"""Boundary values: a constant and a fact are often equal, or differ by less than is compared."""

TEXTS = (
    "", " ", "a", "A", "a ", "1", "1.0", "51", "true", "null", "None", "é", "e\u0301", "ß", "ss", "\x00", "a\x00", "a\x00b",
    '"', "\\", '","k":0', "'); DROP", "\u2028", "\ud800", "\U0001f50c", "costarring", "liquid", "declinate", "macallums",
    "x" * 256, "x" * 255, "$n1",
)  # fmt: skip
"""Odd texts, pairs among them whose FNV-1a hash is the same."""

VERSIONS = (
    "3.0.0",
    "3.0.1",
    "3.0.2",
    "3.0",
    "v3.0.2",
    "3.0.2-rc1",
    "3.1.0",
    "260420.0107",
    "260420.0108",
    "v260420.0107",
)


def parse_version(text: str) -> Version | None:
    """A parser of the tests' own: two schemes, a release candidate half a step below its release."""
    dated = re.fullmatch(r"v?(\d{6})\.(\d{4})", text)
    if dated:
        return Version(text, "dated", float(dated.group(1) + dated.group(2)))
    dotted = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?(-rc1)?", text)
    if dotted is None:
        return None
    major, minor, patch, candidate = dotted.groups()
    return Version(
        text, "dotted", int(major) * 10**6 + int(minor) * 10**3 + int(patch or 0) - (0.5 if candidate else 0)
    )


CATALOGUE: Catalogue = {
    fact_type.name: fact_type
    for fact_type in (
        FactType("n1", "number", "a number", many=True),
        FactType("n2", "number", "a number", unit="V", many=True),
        FactType("t1", "text", "a text", many=True),
        FactType("t2", "text", "a word", choices=CHOICES),
        FactType("b1", "flag", "yes or no", many=True),
        FactType("v1", "version", "a version", many=True, parse=parse_version),
        FactType("v2", "version", "a version", parse=parse_version),
        FactType("check.c1", "number", "a check"),
        FactType("finding.f1", "text", "a finding"),
        FactType("finding.f2", "text", "a finding"),
    )
}

TIMES = (0.0, 1.0, 1.0004, 1.0006, 1.7e9)
KEYS = ("1", "2", "costarring", "liquid", "\x00", "\ud800")

numbers = st.sampled_from(NUMBERS) | st.floats(-1e12, 1e12) | st.integers(-1000, 1000)
texts = st.sampled_from(TEXTS) | st.text(max_size=8)

World = dict[str, list[Any]]
"""The values of each name that constants and facts are both taken from, so that they often meet."""


def _values(fact_type: FactType) -> st.SearchStrategy[Any]:
    if fact_type.choices is not None:
        return st.sampled_from(fact_type.choices)
    return {"number": numbers, "text": texts, "flag": st.booleans(), "version": st.sampled_from(VERSIONS)}[
        fact_type.kind
    ]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """One to three names with one to three values each."""
    names = [name for name in sorted(CATALOGUE) if not name.startswith("finding.")]
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    return {name: draw(st.lists(_values(CATALOGUE[name]), min_size=1, max_size=3)) for name in chosen}


@st.composite
def _conditions(
    draw: st.DrawFn, place: int, earlier: list[tuple[str, FactType]], world: World, findings: list[str]
) -> tuple[dict[str, Any], str]:
    """One condition as it stands in YAML, and its alias; joins refer to the conditions before it."""
    name = draw(st.sampled_from([*sorted(world), *sorted(world), *findings, *findings, "finding.f1"]))
    fact_type = CATALOGUE[name]
    condition: dict[str, Any] = {"fact": name}
    for prefix in ("check", "finding"):
        if name.startswith(f"{prefix}."):
            condition = {prefix: name.removeprefix(f"{prefix}.")}
    alias = name
    if any(name == taken for taken, _ in earlier) or draw(st.booleans()):
        alias = condition["as"] = f"a{place}"
    constants = [value for value in world.get(name, []) if not str(value).startswith("$")]
    words = {"number": ["is", "in", "above", "at_least", "below", "at_most"], "text": ["is", "in"], "flag": ["is"],
             "version": ["is", "from", "to", "before"]}[fact_type.kind]  # fmt: skip
    pairs = [("at_least", "below")] if fact_type.kind == "number" else []
    for word in draw(st.sampled_from([(), *((word,) for word in words), *pairs])) if constants else ():
        several = st.lists(st.sampled_from(constants), min_size=1, max_size=3)
        condition[word] = draw(several if word == "in" else st.sampled_from(constants))
    for other, other_type in draw(st.lists(st.sampled_from(earlier), max_size=1 + (place > 2))) if earlier else []:
        joins = ["later_than", "earlier_than", "same_connector_as", "same_key_as"]
        if other_type.kind == fact_type.kind:
            joins += ["is", "differs_from"] * 2
            if fact_type.kind in ("number", "version"):
                joins += ["above", "at_least", "below", "at_most"]
            if fact_type.kind == "version":
                joins += ["from", "to", "before"]
        condition.setdefault(draw(st.sampled_from(joins)), f"${other}")
    return condition, alias


@st.composite
def _rules(draw: st.DrawFn, world: World) -> list[CompiledRule]:
    """One to five rules that compile, some of which raise findings that others read."""
    compiled: list[CompiledRule] = []
    for number in range(draw(st.integers(2, 5))):
        findings = [f"finding.{rule.rule.raises}" for rule in compiled if rule.rule.raises is not None]
        when: list[dict[str, Any]] = []
        earlier: list[tuple[str, FactType]] = []
        for place in range(draw(st.sampled_from((1, 2, 2, 3, 4)))):
            condition, alias = draw(_conditions(place, earlier, world, findings))
            when.append(condition)
            named = next(f"{p}." if p != "fact" else "" for p in ("fact", "check", "finding") if p in condition)
            earlier.append(
                (alias, CATALOGUE[named + (condition.get("fact") or condition.get("check") or condition["finding"])])
            )
        says: dict[str, Any] = {"supports": {"first": "weakly"}}
        if draw(st.booleans()):
            says = {"raises": draw(st.sampled_from(["f1", "f2"]))}
        rule = Rule.model_validate(
            {"id": f"r{number}", "when": when, "statement": f"r{number} fired", "source": "test", **says}
        )
        found, _ = compile_rule(rule, CATALOGUE, CAUSES)
        if found is not None:
            compiled.append(found)
    return compiled


@st.composite
def _facts(draw: st.DrawFn, world: World, most: int) -> list[Fact]:
    """Facts up to eight of one name; numbers lie on a constant or right beside it; time, connector, key may be missing."""
    found: list[Fact] = []
    for name in draw(st.lists(st.sampled_from(sorted(world)), min_size=min(most, 3), max_size=most)):
        if sum(fact.name == name for fact in found) == 8:
            continue
        fact_type = CATALOGUE[name]
        value = draw(st.sampled_from(world[name]) | _values(fact_type))
        if fact_type.kind == "number":
            value = max(-1e12, min(1e12, value + draw(st.sampled_from((0, 0, 1e-6, -1e-6, 4e-7, -4e-7, 1, -1)))))
        elif fact_type.kind == "version":
            value = parse_version(value)
        found.append(
            Fact(
                name,
                value,
                fact_type.unit,
                draw(st.sampled_from(TIMES) | st.none() | st.floats(-1e9, 1e10)),
                draw(st.sampled_from((1, 2, None, 0, 2**31))),
                draw(st.sampled_from((*KEYS, None))),
                draw(st.sampled_from(((), (Source("events", 1),), (Source("devices", 0), Source("events", 2))))),
            )
        )
    return found


@st.composite
def cases(draw: st.DrawFn, most: int = 14, more: int = 0) -> tuple[list[CompiledRule], list[Fact], list[Fact]]:
    """Rules, facts that come close to them, and some more facts."""
    world = draw(worlds())
    return draw(_rules(world)), draw(_facts(world, most)), draw(_facts(world, more))
