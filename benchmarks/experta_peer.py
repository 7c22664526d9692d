"""The same rules and facts under experta, as a peer to compare with: one class of facts a name, one rule a rule.

experta 1.9.4 is of 2019 and needs frozendict 1.2, which looks for abstract classes where Python has had them no more
since 3.10; they are put there before it is imported.
"""

from __future__ import annotations

import collections
import collections.abc
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from charger_triage.engine.facts import Fact
from charger_triage.engine.rules import CompiledRule, Test, attribute_of

for _name in ("Mapping", "MutableMapping", "Iterable", "Hashable", "Sequence", "Callable"):
    if not hasattr(collections, _name):
        setattr(collections, _name, getattr(collections.abc, _name))

import experta  # type: ignore[import-not-found,unused-ignore]  # noqa: E402

ATTRIBUTES = ("value", "scheme", "at", "connector", "key")
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "in": lambda value, members: value in members,
}  # fmt: skip


class ExpertaPeer:
    """Rules in one experta engine, kept between runs. Findings are left out: chaining would only cost it more."""

    def __init__(self, rules: Iterable[tuple[str, CompiledRule]]) -> None:
        self._classes: dict[str, type] = {}
        self._fired: set[str] = set()
        named = [(name, compiled) for name, compiled in rules if compiled.rule.raises is None]
        members = {f"rule{place}": self._rule(name, compiled) for place, (name, compiled) in enumerate(named)}
        self._engine = type("Peer", (experta.KnowledgeEngine,), members)()

    def _class(self, fact_name: str) -> type:
        found = self._classes.get(fact_name)
        if found is None:
            found = self._classes[fact_name] = type(f"Fact{len(self._classes)}", (experta.Fact,), {})
        return found

    def _rule(self, name: str, compiled: CompiledRule) -> Any:
        conditions: list[Any] = []
        for place, pattern in enumerate(compiled.patterns):
            fields: dict[str, list[Any]] = {"id": [getattr(experta.MATCH, f"id{place}")]}
            joins = []
            for test in pattern.tests:
                if test.earlier is None:
                    fields.setdefault(test.attribute, []).append(experta.P(_constant(test)))
                else:
                    joins.append(_join(test, place))
                    fields.setdefault(test.attribute, []).append(getattr(experta.MATCH, f"{test.attribute}{place}"))
            for later in compiled.patterns:
                for test in later.tests:
                    if test.earlier == place:
                        fields.setdefault(test.attribute, []).append(getattr(experta.MATCH, f"{test.attribute}{place}"))
            alike = [n for n in range(place) if compiled.patterns[n].fact_name == pattern.fact_name]
            joins.extend(_different(place, other) for other in alike)
            together = {key: reduce(operator.and_, parts) for key, parts in fields.items()}
            conditions.append(self._class(pattern.fact_name)(**together))
            conditions.extend(experta.TEST(join) for join in joins)

        def fire(_: Any, **__: Any) -> None:
            self._fired.add(name)

        return experta.Rule(experta.AND(*conditions))(fire)

    def run(self, facts: Sequence[Fact]) -> set[str]:
        """The names of the rules that fire on some facts."""
        self._fired.clear()
        self._engine.reset()
        for number, fact in enumerate(facts):
            made = self._classes.get(fact.name)
            if made is not None:
                values = {each: attribute_of(fact, each) for each in ATTRIBUTES}  # type: ignore[arg-type]
                known = {key: value for key, value in values.items() if value is not None}
                self._engine.declare(made(id=number, **known))
        self._engine.run()
        return set(self._fired)


def _constant(test: Test) -> Callable[[Any], bool]:
    compare, constant = COMPARE[test.operator], test.constant
    return lambda value: compare(value, constant)


def _join(test: Test, place: int) -> Callable[..., bool]:
    compare = COMPARE[test.operator]
    mine, theirs = f"{test.attribute}{place}", f"{test.attribute}{test.earlier}"
    return _reading((mine, theirs), compare)


def _different(place: int, other: int) -> Callable[..., bool]:
    return _reading((f"id{place}", f"id{other}"), operator.ne)


def _reading(names: tuple[str, str], compare: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    """A function with the parameters that experta looks for by their names."""
    first, second = names
    scope: dict[str, Any] = {"compare": compare}
    exec(f"def test({first}, {second}): return compare({first}, {second})", scope)
    test: Callable[..., bool] = scope["test"]
    return test
