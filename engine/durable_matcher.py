"""Matching by durable-rules, behind a wrapper that nothing a user feeds in can get past.

The library crashes or hangs on ordinary inputs. So: our own loop without Host, timers or threads; facts in a closed
encoding (generated names, one type a property, texts interned to integers); positive conditions only; one ruleset a
fault code with one live state under a lock; bounds before anything is asserted; a rebuild after any error.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from itertools import count
from typing import Any, TypeVar

from .facts import Fact
from .matching import Firing, Matcher, Reads, VerdictMatcher
from .rules import Attribute, CompiledRule, Pattern, Test, attribute_of, variants

MAX_RULES = 200
"""Rules of one ruleset (field note on durable-rules, wrapper contract 5)."""

MAX_NODES = 60
"""Distinct tests that one fact may meet; from 65 the library raises error 303 and fires nothing (same note, 1)."""

MAX_KINDS = 250
"""Fact names that one ruleset reads; with 600 (each is a first test of its own) the library hangs, with 450 it does not."""

Result = TypeVar("Result")

_STATE = "1"
_MARK = "#"  # around a fact's number: firings, in which no text of users stands, are read by cutting them there
_WHOLE_NUMBER_LIMIT = 2**53
_serial = count()


class MatcherError(Exception):
    """The library refused something; the ruleset has been rebuilt and the other matcher can take over."""


class UnsafeRuleset(ValueError):
    """The rules are more than the library can hold safely; split them."""


@cache
def library() -> Any:
    """The C module, imported when it is first asked for; None where it cannot be."""
    try:
        import durable_rules_engine
    except ImportError:  # Python 3.13 and later, or a machine without a C compiler
        return None
    return durable_rules_engine


def available() -> bool:
    """Whether durable-rules can be imported here."""
    return library() is not None


def make_matcher(rules: Sequence[CompiledRule]) -> Matcher:
    """durable-rules where it can be imported, the second reading of the rules elsewhere. Raises UnsafeRuleset."""
    return DurableMatcher(rules) if available() else VerdictMatcher(rules)


class DurableMatcher:
    """Compiles rules into one durable-rules ruleset and matches facts in rounds. Safe to call from many threads."""

    name = "durable-rules"

    def __init__(self, rules: Sequence[CompiledRule]) -> None:
        self._rules = list(rules)
        self._kinds: dict[str, int] = {}
        self._texts: dict[str, int] = {}
        self._owners: dict[str, tuple[CompiledRule, int]] = {}  # and pieces, by the first piece of a firing
        self._read: dict[str, list[Attribute]] = {}
        self._lock = threading.Lock()
        self._handle: Any = None
        self._release: weakref.finalize[..., DurableMatcher] | None = None
        self._joined: set[str] = set()
        self._definition = self._define()
        self._forms = {name: (self._head(name), self._read.get(name, ())) for name in self._kinds}
        self.reads = Reads(rules)

    def _define(self) -> str:
        """The ruleset as JSON. Written by hand where numbers stand, because an exponent crashes the library."""
        for compiled in self._rules:
            for pattern in compiled.patterns:
                self._kinds.setdefault(pattern.fact_name, len(self._kinds) + 1)
            for pattern in compiled.patterns:
                for test in pattern.tests:
                    self._note_read(pattern.fact_name, test.attribute)
                    if test.earlier is not None:
                        self._note_read(compiled.patterns[test.earlier].fact_name, test.attribute)
        if len(self._kinds) > MAX_KINDS:
            raise UnsafeRuleset(f"{len(self._kinds)} fact names are more than {MAX_KINDS} in one set")
        parts = ['"r0":{"all":[{"a0":{"k0":1}}]}']  # fires once while warming up
        nodes: dict[str, set[str]] = {}
        for compiled in self._rules:
            needed = _needed_later(compiled.patterns)
            joining = [p.fact_name for p in compiled.patterns if any(test.earlier is not None for test in p.tests)]
            if joining:
                self._joined.update((compiled.patterns[0].fact_name, *joining))
            for alternative in variants(compiled):
                name = f"r{len(self._owners) + 1}"
                self._owners[f'{{"{name}":{{"a0":{{"id":"'] = compiled, 1 + 2 * len(alternative)
                patterns = []
                for place, pattern in enumerate(alternative):
                    text = self._pattern(place, pattern, needed[place])
                    joined = any(test.earlier is not None for test in pattern.tests)
                    nodes.setdefault(pattern.fact_name, set()).add(f"{name}:{text}" if joined else text)
                    patterns.append(text)
                parts.append(f'"{name}":{{"all":[{",".join(patterns)}]}}')
        if len(parts) > MAX_RULES:
            raise UnsafeRuleset(f"{len(parts)} rules with their alternatives are more than {MAX_RULES} in one set")
        crowded = max(nodes, key=lambda name: len(nodes[name]), default=None)
        if crowded is not None and len(nodes[crowded]) > MAX_NODES:
            raise UnsafeRuleset(f"{len(nodes[crowded])} different tests read {crowded}, more than {MAX_NODES}")
        return f"{{{','.join(parts)}}}"

    def _head(self, fact_name: str) -> str:
        """What every fact of a name says after its number; `u` only where a join reads it."""
        tautology = ',"u":1' if fact_name in self._joined else ""
        return f'{_MARK}","sid":"{_STATE}","k{self._kinds[fact_name]}":1{tautology}'

    def _note_read(self, fact_name: str, attribute: Attribute) -> None:
        """Facts are encoded with the attributes that some rule reads, and no others: what is left out costs nothing."""
        read = self._read.setdefault(fact_name, [])
        if attribute not in read:
            read.append(attribute)

    def _pattern(self, place: int, pattern: Pattern, needed: Sequence[str]) -> str:
        tests = [f'{{"k{self._kinds[pattern.fact_name]}":1}}']
        present = {
            *needed,
            *(_property(test) for test in pattern.tests if test.attribute in ("at", "connector", "key")),
        }
        tests.extend(f'{{"$ex":{{"{name}":1}}}}' for name in sorted(present))
        tests.extend(self._test(test) for test in pattern.tests)
        if any(test.earlier is not None for test in pattern.tests):
            tests.append('{"u":{"a0":"u"}}')  # a false inequality at the end of a join reads past it
        return f'{{"a{place}":{{"$and":[{",".join(tests)}]}}}}'

    def _test(self, test: Test) -> str:
        name = _property(test)
        operand = self._constant(test) if test.earlier is None else f'{{"a{test.earlier}":"{name}"}}'
        match test.operator:
            case "==":
                return f'{{"{name}":{operand}}}'
            case "!=":
                return f'{{"$neq":{{"{name}":{operand}}}}}'
            case _:
                word = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}[test.operator]
                return f'{{"{word}":{{"{name}":{operand}}}}}'

    def _constant(self, test: Test) -> str:
        constant = test.constant
        if isinstance(constant, bool):
            return str(int(constant))
        if isinstance(constant, str):
            return str(self._texts.setdefault(constant, len(self._texts) + 1))
        if isinstance(constant, (int, float)):
            return f"{constant + 0.0:.6f}"
        raise UnsafeRuleset(f"a test compares with {constant!r}")

    def _open(self) -> None:
        self._handle = _native(library().create_ruleset, f"triage{next(_serial)}", self._definition)
        # The library keeps the memory of a handle that is merely dropped; the end of the process needs no tidying.
        self._release = weakref.finalize(self, _delete_ruleset, self._handle)
        self._release.atexit = False
        self._assert(['{"id":"f0","sid":"1","k0":1,"u":1}'])
        _native(library().delete_state, self._handle, _STATE)

    def _close(self) -> None:
        self._handle = None
        if self._release is not None:
            self._release()

    def _assert(self, facts: Sequence[str]) -> list[str]:
        """Assert facts into the one live state and drain what fires, as JSON texts.

        One fact goes by itself: behind the last one of a batch the library looks for another, which takes as long as one.
        """
        native, handle, fired = library(), self._handle, []
        try:
            if len(facts) == 1:
                result, offset = native.assert_fact(handle, facts[0])
            else:
                result, offset = native.assert_facts(handle, f"[{','.join(facts)}]")
            if result not in (0, 1):
                raise MatcherError(f"asserting facts gave {result}")
            started = native.start_action_for_state(handle, offset)
            message = started[1] if started else None
            while message:
                fired.append(message)
                message = native.complete_and_start_action(handle, offset)
        except MatcherError:
            raise
        except Exception as error:
            raise _failed(error) from error
        return fired

    def session(self) -> _DurableSession:
        """A fresh run over the rules. Raises MatcherError where the library fails; the next session is sound again."""
        return _DurableSession(self)


def _delete_ruleset(handle: Any) -> None:
    with suppress(Exception):
        library().delete_ruleset(handle)


def _native(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call the library; whatever it raises, running out of memory included, is a MatcherError."""
    try:
        return function(*arguments)
    except Exception as error:
        raise _failed(error) from error


def _failed(error: Exception) -> MatcherError:
    return MatcherError(str(error) or type(error).__name__)


class _DurableSession:
    """One run over the rules of a matcher, which is its own while it lasts."""

    __slots__ = ("_facts", "_matcher", "_unseen_texts")

    def __init__(self, matcher: DurableMatcher) -> None:
        self._matcher = matcher
        self._facts: dict[str, Fact] = {}  # by their numbers, as they stand in firings
        self._unseen_texts: dict[str, int] = {}

    def __enter__(self) -> _DurableSession:
        self._matcher._lock.acquire()
        try:
            if self._matcher._handle is None:
                self._matcher._open()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None and self._facts:
                _native(library().delete_state, self._matcher._handle, _STATE)
        except BaseException as error:
            kind = type(error)
            raise
        finally:
            self._leave() if kind is not None else self._matcher._lock.release()

    def _leave(self) -> None:
        """Whatever it was (an interrupt too): facts of a run that was cut short must not reach the next one."""
        try:
            self._matcher._close()
        finally:
            self._matcher._lock.release()

    def add(self, facts: Sequence[Fact]) -> list[Firing]:
        matcher, known = self._matcher, self._facts
        forms, owners = matcher._forms, matcher._owners
        lines = [self._encode(fact, forms[fact.name]) for fact in facts if fact.name in forms]
        if not lines:
            return []
        firings = []
        try:
            for message in matcher._assert(lines):
                pieces = message.split(_MARK)  # with the facts in the order of the rule's conditions
                rule, length = owners[pieces[0]]
                if len(pieces) != length:
                    raise LookupError(message)
                match = (known[pieces[1]],) if length == 3 else tuple([known[number] for number in pieces[1::2]])
                firings.append(Firing(rule, match))
        except LookupError as error:
            raise MatcherError("a firing cannot be read") from error
        return firings

    def _encode(self, fact: Fact, form: tuple[str, Sequence[Attribute]]) -> str:
        head, attributes = form
        number = str(len(self._facts))
        self._facts[number] = fact
        text = f'{{"id":"{_MARK}{number}{head}'
        for attribute in attributes:
            if attribute == "value" and isinstance(fact.value, float):
                text += f',"n":{fact.value + 0.0:.6f}'
                continue
            value = attribute_of(fact, attribute)
            if value is not None:
                text += f',"{_encoded_name(attribute, value)}":{self._value(attribute, value)}'
        return text + "}"

    def _value(self, attribute: str, value: float | str | bool) -> str:
        if isinstance(value, bool):
            return str(int(value))
        if isinstance(value, str):
            known = self._matcher._texts
            number = known.get(value)
            if number is None:
                number = self._unseen_texts.setdefault(value, len(known) + len(self._unseen_texts) + 1)
            return str(number)
        if attribute == "at":
            return str(_whole(value * 1000))
        if attribute == "connector":
            return str(_whole(value))
        return f"{value + 0.0:.6f}"


def _whole(value: float) -> int:
    number = round(value)
    if abs(number) > _WHOLE_NUMBER_LIMIT:
        raise MatcherError(f"{number} is too large a whole number")
    return number


_VALUE_PROPERTIES = {"number": "n", "version": "n", "text": "x", "flag": "b"}
_OTHER_PROPERTIES = {"scheme": "s", "at": "t", "connector": "c", "key": "q"}


def _encoded_name(attribute: str, value: float | str | bool) -> str:
    """Property names carry the type, so that one property never holds two types."""
    if attribute != "value":
        return _OTHER_PROPERTIES[attribute]
    if isinstance(value, bool):
        return "b"
    return "x" if isinstance(value, str) else "n"


def _property(test: Test) -> str:
    if test.attribute != "value":
        return _OTHER_PROPERTIES[test.attribute]
    return _VALUE_PROPERTIES[test.kind]


def _needed_later(patterns: Sequence[Pattern]) -> list[list[str]]:
    """For each pattern the properties that later ones read; a missing one must not reach the join."""
    needed: list[set[str]] = [set() for _ in patterns]
    for pattern in patterns:
        for test in pattern.tests:
            if test.earlier is not None:
                needed[test.earlier].add(_property(test))
    return [sorted(names) for names in needed]
