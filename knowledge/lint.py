"""Rules about the rules: what `kb lint` finds beyond what keeps a knowledge base from loading.

dead: a rule that can never fire, or whose weights can never count. unreachable: knowledge that nothing leads to or from.
untested: a rule or cause without its cases. unsourced: a figure without an origin. contradictory: two rules of the same
conditions that disagree, or that count the same observation twice. `table_lint` looks at the tables beside the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

from ..engine.facts import Catalogue, Fact
from ..engine.knowledge_base import Check, CompiledFault
from ..engine.matching import passes
from ..engine.rules import CHECK, FINDING, CompiledRule, Operator, Pattern, Rule, Test, variants
from ..engine.watch_rules import CompiledWatch
from .cases import CaseOutcome, WatchCases, cases_of, watch_cases_of
from .library import SYMPTOMS, WATCHES
from .loading import Finding, KnowledgeError, LoadedFault, Severity, TriageKnowledge, load_knowledge
from .measurements.links import INCIDENT_FACTS
from .sourced import MEND_SOURCE, is_sourced
from .symptoms import CodeSymptoms, SymptomsFile
from .table_lint import table_findings
from .yaml_files import Document, read_documents

NOTHING_LEARNED = "unknown"
"""A result of a check by this word teaches nothing, so no rule has to read it."""


def lint(directory: str | Path | None = None) -> list[Finding]:
    """Everything wrong or missing in the shipped knowledge, or in that of a directory, in the order of the files.

    Mistakes that keep it from loading come alone: the other rules need a knowledge base.
    """
    try:
        knowledge = load_knowledge(directory)
    except KnowledgeError as error:
        return list(error.findings)
    findings: list[Finding] = []
    for loaded in knowledge.faults.values():
        linter = _FaultLinter(loaded, knowledge.base.catalogue)
        findings.extend(linter.dead())
        findings.extend(linter.unreachable())
        findings.extend(linter.untested())
        findings.extend(linter.unsourced())
        findings.extend(linter.contradictory())
    findings.extend(_unread_checks(knowledge))
    findings.extend(_unspoken(knowledge))
    findings.extend(_watch_findings(knowledge))
    findings.extend(table_findings(knowledge))
    return sorted(findings, key=lambda f: (f.place.file, f.place.line, f.place.column, f.kind, f.rule or "", f.message))


@dataclass(frozen=True)
class _FaultLinter:
    """The rules about the rules of one fault."""

    loaded: LoadedFault
    catalogue: Catalogue

    @property
    def _compiled(self) -> CompiledFault:
        return self.loaded.compiled

    @property
    def _document(self) -> Document:
        return self.loaded.document

    def _finding(
        self, kind: str, path: Sequence[str | int], message: str, mend: str, rule: Rule | None = None,
        severity: Severity = "error",
    ) -> Finding:  # fmt: skip
        return Finding(kind, severity, None if rule is None else rule.id, self._document.place(path), message, mend)

    def _rules(self) -> Iterator[tuple[tuple[str | int, ...], CompiledRule]]:
        for place, compiled in enumerate(self._compiled.rules):
            yield ("rules", place), compiled

    @cached_property
    def _never(self) -> frozenset[str]:
        """Rules whose conditions cannot hold together."""
        return frozenset(c.rule.id for c in self._compiled.rules if not can_fire(c, self.catalogue))

    @cached_property
    def _implied(self) -> Mapping[str, frozenset[str]]:
        """For each rule that can fire, the other rules that fire whenever it does."""
        alive = [c for c in self._compiled.rules if c.rule.id not in self._never]
        return {
            rule.rule.id: frozenset(
                other.rule.id for other in alive if other is not rule and implies(rule, other, self.catalogue)
            )
            for rule in alive
        }

    def _same_conditions(self, one: Rule, other: Rule) -> bool:
        return other.id in self._implied.get(one.id, ()) and one.id in self._implied.get(other.id, ())

    def dead(self) -> Iterator[Finding]:
        """Rules that can never fire, and rules that add nothing to a stronger one of their group."""
        for path, compiled in self._rules():
            rule = compiled.rule
            if rule.id in self._never:
                message = "its conditions cannot hold together"
                yield self._finding(
                    "dead", (*path, "when"), message, "correct the conditions, or remove the rule", rule
                )
                continue
            for other in self._compiled.rules:
                weaker = other.rule.id in self._implied[rule.id] and not self._same_conditions(rule, other.rule)
                # a link is told even where it does not count
                counted = rule.upstream is None and rule.group is not None
                if weaker and counted and rule.group == other.rule.group and _covers(other.rule, rule):
                    message = f"whenever it fires, {other.rule.id} of the same group fires and weighs at least as much"
                    mend = "make it stronger, make the conditions of the other narrower, or remove it"
                    yield self._finding("dead", path, message, mend, rule, "warning")
                    break
            yield from self._without_effect(path, rule)

    def _without_effect(self, path: Sequence[str | int], rule: Rule) -> Iterator[Finding]:
        """Keys that say nothing on the rule they stand on."""
        if rule.group is not None and not (rule.supports or rule.against):
            mend = "remove it; a group is for rules that weigh causes"
            yield self._finding("dead", (*path, "group"), "its group counts for no cause", mend, rule, "warning")
        read = {condition.alias or condition.fact_name: condition.fact_name for condition in rule.when}
        if rule.upstream is not None and read[rule.upstream] not in INCIDENT_FACTS:
            message = f"{read[rule.upstream]} is no other incident, so caused_by can never name one by it"
            mend = f"let upstream name a condition over {' or '.join(sorted(INCIDENT_FACTS))}"
            yield self._finding("dead", (*path, "upstream"), message, mend, rule)

    def unreachable(self) -> Iterator[Finding]:
        """Rules behind findings that nothing raises, findings that nobody reads, topics that nobody asks for."""
        reachable = self._reachable()
        read = {pattern.fact_name for compiled in self._compiled.rules for pattern in compiled.patterns}
        for path, compiled in self._rules():
            rule = compiled.rule
            if rule.id not in reachable and rule.id not in self._never:
                message = "it reads a finding that only rules behind it raise, or none that can fire"
                yield self._finding(
                    "unreachable", (*path, "when"), message, "let a rule over facts raise the finding", rule
                )
            if rule.raises is not None and f"{FINDING}{rule.raises}" not in read:
                message = f"nobody reads the finding {rule.raises}"
                mend = f"read it with {{finding: {rule.raises}}}, or weigh the causes here"
                yield self._finding("unreachable", (*path, "raises"), message, mend, rule, "warning")
        topics = self._topics_read()
        for topic in self._compiled.fault.vocabulary:
            if topics is not None and topic not in topics:
                message = f"no rule asks for the topic {topic!r}"
                mend = "read it with a condition over payload_mention or another of its kind, or remove it"
                yield self._finding("unreachable", ("vocabulary", topic), message, mend, severity="warning")

    def _reachable(self) -> set[str]:
        reachable: set[str] = set()
        raised: set[str] = set()
        grown = True
        while grown:
            grown = False
            for compiled in self._compiled.rules:
                rule = compiled.rule
                needed = {p.fact_name for p in compiled.patterns if p.fact_name.startswith(FINDING)}
                if rule.id not in reachable and rule.id not in self._never and needed <= raised:
                    reachable.add(rule.id)
                    grown = True
                    if rule.raises is not None:
                        raised.add(f"{FINDING}{rule.raises}")
        return reachable

    def _topics_read(self) -> set[object] | None:
        """The words that conditions over facts ask for; None where a mention of any topic meets one."""
        asked: set[object] = set()
        for compiled in self._compiled.rules:
            for condition in compiled.rule.when:
                if condition.fact is not None:
                    words = {*(condition.in_ or ()), *([] if condition.is_ is None else [condition.is_])}
                    if not words and condition.fact.endswith("_mention"):
                        return None
                    asked |= words
        return asked

    def untested(self) -> Iterator[Finding]:
        """Rules that lack a case that fires them, a near miss or an unknown, and causes without a case of their own."""
        found = cases_of(self.loaded)
        if isinstance(found, CaseOutcome):
            yield Finding("untested", "error", None, found.place, found.failure or "", "correct the cases")
            return
        for path, compiled in self._rules():
            rule = compiled.rule
            cases = found.cases.rules.get(rule.id)
            can_miss = any(pattern.tests for pattern in compiled.patterns)
            missing = [
                kind
                for kind, needed in (("fires", True), ("near_miss", can_miss), ("unknown", True))
                if needed and not (cases is not None and getattr(cases, kind))
            ]
            if missing:
                mend = f"add them under rules: {rule.id}: in the second document"
                yield self._finding("untested", path, f"it has no case for {', '.join(missing)}", mend, rule)
        for place, cause in enumerate(self._compiled.fault.causes):
            if not found.cases.causes.get(cause.id):
                mend = f"add one under causes: {cause.id}: in the second document"
                yield self._finding(
                    "untested", ("causes", place), f"{cause.id} has no case in which it ranks first", mend
                )

    def unsourced(self) -> Iterator[Finding]:
        """Rules, priors and firmware issues that do not say where they come from."""
        fault = self._compiled.fault
        for path, compiled in self._rules():
            if not is_sourced(compiled.rule.source):
                yield self._unsourced((*path, "source"), compiled.rule.source, compiled.rule)
        for place, cause in enumerate(fault.causes):
            if not is_sourced(cause.prior_source):
                yield self._unsourced(("causes", place, "prior_source"), cause.prior_source)
        if fault.firmware_issue is not None and not is_sourced(fault.firmware_issue.source):
            yield self._unsourced(("firmware_issue", "source"), fault.firmware_issue.source)

    def _unsourced(self, path: Sequence[str | int], source: str, rule: Rule | None = None) -> Finding:
        return self._finding("unsourced", path, f"{source!r} does not say where it comes from", MEND_SOURCE, rule)

    def contradictory(self) -> Iterator[Finding]:
        """Pairs of rules with the same conditions that disagree on a cause, or count twice for it."""
        for path, compiled in self._rules():
            rule = compiled.rule
            for earlier in self._compiled.rules:
                if earlier is compiled:
                    break
                if not self._same_conditions(rule, earlier.rule):
                    continue
                disagreed = _weighed(rule.supports, earlier.rule.against) or _weighed(
                    rule.against, earlier.rule.supports
                )
                repeated = _weighed(rule.supports, earlier.rule.supports) or _weighed(
                    rule.against, earlier.rule.against
                )
                if disagreed is not None:
                    message = f"it has the conditions of {earlier.rule.id}, which says the opposite of {disagreed}"
                    yield self._finding("contradictory", path, message, "keep one of the two", rule)
                elif repeated is not None:
                    message = f"it has the conditions of {earlier.rule.id}, which already speaks of {repeated}"
                    yield self._finding("contradictory", path, message, "make one rule of the two", rule)
                elif rule.raises is not None and rule.raises == earlier.rule.raises:
                    message = f"it has the conditions of {earlier.rule.id}, which raises the same finding"
                    yield self._finding("contradictory", path, message, "keep one of the two", rule)


def _weighed(some: Mapping[str, object], others: Mapping[str, object]) -> str | None:
    return next((cause for cause in some if cause in others), None)


def _covers(stronger: Rule, weaker: Rule) -> bool:
    """Whether a rule weighs every cause of another in the same direction and at least as much."""
    causes = [*weaker.supports, *weaker.against]
    pairs = [(weaker.weight_for(cause) or 0.0, stronger.weight_for(cause) or 0.0) for cause in causes]
    return bool(pairs) and all(less * more > 0 and abs(more) >= abs(less) for less, more in pairs)


def _unread_checks(knowledge: TriageKnowledge) -> Iterator[Finding]:
    """Checks of codes that are not there, and results of checks that no rule of their codes reads."""
    document = read_documents(knowledge.directory / "checks.yaml", 1)[0]
    for place, check in enumerate(knowledge.base.checks.values()):
        for code in check.codes:
            loaded = knowledge.faults.get(code)
            if loaded is None:
                yield Finding(
                    "unreachable", "warning", None, document.place(("checks", place, "codes")),
                    f"{check.id} is for {code}, which has no file", f"add faults/{code}.yaml, or remove the code",
                )  # fmt: skip
                continue
            yield from _unread_results(check, place, loaded, document)


def _unread_results(check: Check, place: int, loaded: LoadedFault, document: Document) -> Iterator[Finding]:
    code = loaded.compiled.fault.code
    weighing = [r for r in loaded.compiled.rules if r.rule.supports or r.rule.against or r.rule.raises]
    readers = [p for rule in weighing for p in rule.patterns if p.fact_name == check.fact_name]
    if not readers:
        yield Finding(
            "unreachable", "warning", None, document.place(("checks", place)),
            f"no rule of {code} reads the check {check.id}", f"say in faults/{code}.yaml what its results mean",
        )  # fmt: skip
        return
    for number, result in enumerate(check.results):
        fact = Fact(check.fact_name, result.value, check.unit)
        if result.value != NOTHING_LEARNED and not any(_may_pass(pattern, fact) for pattern in readers):
            yield Finding(
                "unreachable", "warning", None, document.place(("checks", place, "results", number)),
                f"no rule of {code} reads the result {result.name!r} of {check.id}",
                f"say in faults/{code}.yaml what it means",
            )  # fmt: skip


def _unspoken(knowledge: TriageKnowledge) -> Iterator[Finding]:
    """What is wrong with the symptoms. Without a file of them faults cannot be asked for by words; that is no mistake."""
    path = knowledge.directory / SYMPTOMS
    if path.exists():
        document = read_documents(path, 1)[0]
        spoken = SymptomsFile.model_validate(document.data).codes
        yield from _wordless(knowledge, spoken, document)
        for code, about in spoken.items():
            yield from _misleading(knowledge, code, about, document)


def _wordless(knowledge: TriageKnowledge, spoken: Mapping[str, CodeSymptoms], document: Document) -> Iterator[Finding]:
    """Codes and causes that no words of a caller lead to."""
    for code, loaded in knowledge.faults.items():
        if code not in spoken:
            mend = f"say under codes: {code}: how callers put it"
            yield Finding("unreachable", "error", None, document.place(("codes",)), f"{code} has no symptoms", mend)
            continue
        pointed = {cause for symptom in spoken[code].symptoms for cause in symptom.causes}
        for cause in loaded.compiled.fault.cause_ids:
            if cause not in pointed:
                where = document.place(("codes", code, "symptoms"))
                mend = "name it under causes: of the symptoms that point at it"
                yield Finding("unreachable", "warning", None, where, f"no symptom points at {code}/{cause}", mend)


def _misleading(knowledge: TriageKnowledge, code: str, about: CodeSymptoms, document: Document) -> Iterator[Finding]:
    """Symptoms that lead to what is not there, or do not say where they come from."""
    if code not in knowledge.faults:
        mend = f"add faults/{code}.yaml, or remove its symptoms"
        yield Finding("unreachable", "error", None, document.place(("codes", code)), f"{code} has no file", mend)
        return
    causes = knowledge.faults[code].compiled.fault.cause_ids
    named = [
        *((("symptoms", n, "causes"), c, causes, f"cause of {code}") for n, s in enumerate(about.symptoms) for c in s.causes),
        *((("decides", n, "rather_than"), c, knowledge.faults, "code") for n, d in enumerate(about.decides) for c in d.rather_than),
    ]  # fmt: skip
    for path, name, known, what in named:
        if name not in known:
            where = document.place(("codes", code, *path))
            mend = f"name one of {', '.join(known)}"
            yield Finding("unreachable", "error", None, where, f"{name!r} is no {what}", mend)
    sources = [("symptoms", n, s.source) for n, s in enumerate(about.symptoms)]
    sources += [("decides", n, d.source) for n, d in enumerate(about.decides)]
    for part, place, source in sources:
        if not is_sourced(source):
            where = document.place(("codes", code, part, place, "source"))
            yield Finding(
                "unsourced", "error", None, where, f"{source!r} does not say where it comes from", MEND_SOURCE
            )


def _watch_findings(knowledge: TriageKnowledge) -> Iterator[Finding]:
    """What is wrong or missing among the early warnings."""
    watches = knowledge.base.watches
    if watches:
        linter = _WatchLinter(watches, read_documents(knowledge.directory / WATCHES, 1)[0], knowledge)
        yield from linter.dead()
        yield from linter.unsourced()
        yield from linter.contradictory()
        found = watch_cases_of(knowledge.directory)
        if isinstance(found, CaseOutcome):
            yield Finding("untested", "error", None, found.place, found.failure or "", "correct the cases")
        else:
            yield from linter.untested(found)


@dataclass(frozen=True)
class _WatchLinter:
    """The rules about the rules of early warnings."""

    watches: Sequence[CompiledWatch]
    document: Document
    knowledge: TriageKnowledge

    def _finding(self, kind: str, path: Sequence[str | int], message: str, mend: str, rule: str) -> Finding:
        return Finding(kind, "error", rule, self.document.place(("rules", *path)), message, mend)

    def dead(self) -> Iterator[Finding]:
        """Watches that can never be raised, or that an earlier one of their group always hides."""
        catalogue = self.knowledge.base.catalogue
        for place, compiled in enumerate(self.watches):
            watch = compiled.watch
            if not can_fire(compiled.rule, catalogue):
                mend = "correct the conditions, or remove the watch"
                yield self._finding("dead", (place, "when"), "its conditions cannot hold together", mend, watch.id)
                continue
            for earlier in self.watches[:place]:
                of_one_kind = (earlier.watch.topic, earlier.watch.scope) == (watch.topic, watch.scope)
                if of_one_kind and implies(compiled.rule, earlier.rule, catalogue):
                    message = f"whenever it fires, {earlier.watch.id} of the same group stands before it"
                    yield self._finding("dead", (place,), message, "put it above that one, or remove it", watch.id)
                    break

    def unsourced(self) -> Iterator[Finding]:
        """Watches that do not say where their figures come from."""
        for place, compiled in enumerate(self.watches):
            watch = compiled.watch
            if not is_sourced(watch.source):
                message = f"{watch.source!r} does not say where it comes from"
                yield self._finding("unsourced", (place, "source"), message, MEND_SOURCE, watch.id)

    def contradictory(self) -> Iterator[Finding]:
        """Watches over other versions than those that the fault names as affected."""
        for place, compiled in enumerate(self.watches):
            watch = compiled.watch
            issue = self.knowledge.base.faults[watch.leads_to].fault.firmware_issue
            for number, condition in enumerate(watch.when):
                ranged = condition.from_ is not None or condition.to is not None
                if ranged and (issue is None or (condition.from_, condition.to) != (issue.from_, issue.to)):
                    known = "names no versions" if issue is None else f"names {issue.from_} to {issue.to}"
                    message = f"firmware_issue of {watch.leads_to} {known}"
                    mend = "give both the same versions"
                    yield self._finding("contradictory", (place, "when", number), message, mend, watch.id)

    def untested(self, found: WatchCases) -> Iterator[Finding]:
        """Watches that lack a case by facts, or records in which they are raised."""
        for place, compiled in enumerate(self.watches):
            name = compiled.watch.id
            cases = found.cases.rules.get(name)
            can_miss = any(pattern.tests for pattern in compiled.rule.patterns)
            missing = [
                kind
                for kind, needed in (("fires", True), ("near_miss", can_miss), ("unknown", True))
                if needed and not (cases is not None and getattr(cases, kind))
            ]
            if not any(case.raised for case in found.cases.watches.get(name, ())):
                missing.append("records")
            if missing:
                mend = f"add them under rules: {name}: and watches: {name}: in the second document"
                yield self._finding("untested", (place,), f"it has no case for {', '.join(missing)}", mend, name)


def _may_pass(pattern: Pattern, fact: Fact) -> bool:
    return all(test.earlier is not None or passes(test, fact, ()) for test in pattern.tests)


# What follows tells whether conditions can hold together, and whether some entail others.

Variable = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Literal:
    """A comparison of an attribute of a fact with a constant or with an attribute of another fact."""

    left: Variable
    operator: Operator
    right: Variable | None
    constant: float | str | bool | None
    ordered: bool


_NEGATED: Mapping[Operator, Operator] = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}

Distance = tuple[float, int]
"""An upper bound of a difference; -1 in the second place where it is not reached itself."""

_ORIGIN: Variable = ("", "")
_SAME: Distance = (0.0, 0)


def can_fire(compiled: CompiledRule, catalogue: Catalogue) -> bool:
    """Whether any facts can meet all conditions of a rule at once."""
    return any(_possible(_literals(patterns, catalogue)) for patterns in variants(compiled))


def implies(narrow: CompiledRule, wide: CompiledRule, catalogue: Catalogue) -> bool:
    """Whether the second rule fires on all facts on which the first does; false where that cannot be shown."""
    names = {pattern.fact_name for pattern in narrow.patterns}
    if any(pattern.fact_name not in names for pattern in wide.patterns):
        return False
    alternatives = [patterns for patterns in variants(narrow) if _possible(_literals(patterns, catalogue))]
    return bool(alternatives) and all(_entails(patterns, wide.patterns, catalogue) for patterns in alternatives)


def _entails(known: Sequence[Pattern], wanted: Sequence[Pattern], catalogue: Catalogue) -> bool:
    """Whether some choice of the known conditions' facts meets the wanted conditions."""
    slots = _slots(known, catalogue)
    premises = _literals(known, catalogue)
    candidates = [
        list(dict.fromkeys(slots[place] for place, pattern in enumerate(known) if pattern.fact_name == want.fact_name))
        for want in wanted
    ]
    return any(
        all(_follows(premises, test, chosen, place) for place, want in enumerate(wanted) for test in want.tests)
        for chosen in product(*candidates)
    )


def _follows(premises: Sequence[_Literal], test: Test, slots: Sequence[str], place: int) -> bool:
    if isinstance(test.constant, tuple):
        members = [Test(test.attribute, "==", test.kind, member) for member in test.constant]
        refuted = [_negated(_literal(member, slots, place)) for member in members]
    else:
        refuted = [_negated(_literal(test, slots, place))]
    return not _possible([*premises, *refuted])


def _slots(patterns: Sequence[Pattern], catalogue: Catalogue) -> list[str]:
    """A name for the fact of each condition: one for all conditions over a fact that an incident has only once."""
    slots = []
    for place, pattern in enumerate(patterns):
        fact_type = catalogue.get(pattern.fact_name)
        # results of one check that contradict each other are all kept, and so are the sentences of a finding
        several = pattern.fact_name.startswith((FINDING, CHECK))
        once = fact_type is not None and not fact_type.many and not several
        slots.append(pattern.fact_name if once else f"{pattern.fact_name}#{place}")
    return slots


def _literals(patterns: Sequence[Pattern], catalogue: Catalogue) -> list[_Literal]:
    slots = _slots(patterns, catalogue)
    literals = [_literal(test, slots, place) for place, pattern in enumerate(patterns) for test in pattern.tests]
    for slot, pattern in dict(zip(slots, patterns, strict=True)).items():
        fact_type = catalogue.get(pattern.fact_name)
        if fact_type is not None and fact_type.kind == "number":
            if fact_type.low is not None:
                literals.append(_Literal((slot, "value"), ">=", None, fact_type.low, True))
            if fact_type.high is not None:
                literals.append(_Literal((slot, "value"), "<=", None, fact_type.high, True))
    return literals


def _literal(test: Test, slots: Sequence[str], place: int) -> _Literal:
    ordered = test.attribute == "at" or (test.attribute == "value" and test.kind in ("number", "version"))
    right = None if test.earlier is None else (slots[test.earlier], test.attribute)
    constant = None if isinstance(test.constant, tuple) else test.constant
    return _Literal((slots[place], test.attribute), test.operator, right, constant, ordered)


def _negated(literal: _Literal) -> _Literal:
    return _Literal(literal.left, _NEGATED[literal.operator], literal.right, literal.constant, literal.ordered)


def _possible(literals: Sequence[_Literal]) -> bool:
    ordered = [literal for literal in literals if literal.ordered]
    return _differences_possible(ordered) and _equalities_possible([item for item in literals if not item.ordered])


def _differences_possible(literals: Sequence[_Literal]) -> bool:
    """Whether numbers can stand in these orders: no cycle of differences may be negative (Floyd and Warshall)."""
    nodes = sorted({_ORIGIN, *(v for literal in literals for v in (literal.left, literal.right) if v is not None)})
    most: dict[tuple[Variable, Variable], Distance] = {(node, node): _SAME for node in nodes}

    def bound(one: Variable, other: Variable, distance: Distance) -> None:
        most[one, other] = min(most.get((one, other), distance), distance)

    for literal in literals:
        right = literal.right or _ORIGIN
        offset = 0.0 if literal.constant is None else float(literal.constant)
        if literal.operator in ("<", "<=", "=="):
            bound(literal.left, right, (offset, -1 if literal.operator == "<" else 0))
        if literal.operator in (">", ">=", "=="):
            bound(right, literal.left, (-offset, -1 if literal.operator == ">" else 0))
    for middle in nodes:
        for one in nodes:
            for other in nodes:
                if (one, middle) in most and (middle, other) in most:
                    first, second = most[one, middle], most[middle, other]
                    bound(one, other, (first[0] + second[0], max(-1, first[1] + second[1])))
    if any(most[node, node] < _SAME for node in nodes):
        return False
    for literal in literals:
        if literal.operator == "!=":
            right = literal.right or _ORIGIN
            offset = 0.0 if literal.constant is None else float(literal.constant)
            if most.get((literal.left, right)) == (offset, 0) and most.get((right, literal.left)) == (-offset, 0):
                return False
    return True


def _equalities_possible(literals: Sequence[_Literal]) -> bool:
    """Whether words, flags and names can be equal and different as these say."""
    leader: dict[object, object] = {}

    def find(item: object) -> object:
        while (above := leader.setdefault(item, item)) != item:
            item = above
        return item

    def right_of(literal: _Literal) -> object:
        return literal.right if literal.right is not None else ("constant", type(literal.constant), literal.constant)

    for literal in literals:
        if literal.operator == "==":
            leader[find(literal.left)] = find(right_of(literal))
    constants: dict[object, object] = {}
    for item in list(leader):
        if isinstance(item, tuple) and len(item) == 3 and constants.setdefault(find(item), item) != item:
            return False
    return not any(literal.operator == "!=" and find(literal.left) == find(right_of(literal)) for literal in literals)
