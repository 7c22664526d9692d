"""What would change the leader: the smallest sets of facts or check results that put another cause first.

A set holds only what is not known yet, so that it can become known without anything read being wrong. Candidates are the
results of checks that nobody has done, and for each rule that has not fired the facts that it still lacks, with values
taken from its own thresholds. Sets are tried by size; one that takes more than `MAX_EXACT` changes is built greedily, and
what it does not need is taken out again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import heapify, heappop, heappush
from itertools import chain

from .beliefs import Ledger, posterior
from .diagnosis import Change, LeaderChange
from .explanation import SUPPOSED, plain
from .facts import Catalogue, Fact, FactType, FactValue, Source, Version, admit, in_words, iso_timestamp
from .fault_explanation import conditions_in_words
from .inference import FINDING, Inference, finding
from .knowledge_base import Check, CheckResult, CompiledFault
from .matching import FactsByName, Firing, Match, by_name, matches, passes
from .rules import CompiledRule, Condition, Pattern

MAX_EXACT = 3
"""Changes up to which sets are tried by size (our judgement: more than three things to find out are no short list)."""

MAX_CHANGES = 8
"""A set with more changes than this is not worth telling (our judgement)."""

MAX_TRIALS = 120
"""Sets tried for one cause before the search turns greedy (our judgement: some milliseconds)."""

MAX_CHAIN = 4
"""Findings upon findings that may be supposed for one rule (our judgement; the knowledge chains two deep)."""

LEAST_LEAD_DB = 1e-9


@dataclass(frozen=True)
class Supposition:
    """A fact that is not known and is supposed, in words, with the check that would find it."""

    fact: Fact
    text: str
    check: Check | None = None


@dataclass(frozen=True)
class _Candidate:
    """Suppositions that belong together, and the most that they can move each cause, in decibans."""

    supposed: tuple[Supposition, ...]
    gains_db: Mapping[str, float]
    losses_db: Mapping[str, float]

    def could_move(self, cause: str, leader: str) -> float:
        """Decibans by which a cause can at most come nearer to the leader."""
        return self.gains_db.get(cause, 0.0) + self.losses_db.get(leader, 0.0)

    def helps(self, cause: str) -> bool:
        """Whether it raises a cause or lowers another one."""
        return cause in self.gains_db or any(other != cause for other in self.losses_db)


class Counterfactuals:
    """Finds for one fault what would have to be known for another cause to lead."""

    def __init__(self, compiled: CompiledFault, catalogue: Catalogue) -> None:
        self._compiled = compiled
        self._catalogue = catalogue
        self._texts = {rule.rule.id: conditions_in_words(rule, catalogue) for rule in compiled.rules}
        self.check_of = {check.fact_name: check for check in compiled.checks}
        self._readers: dict[str, list[CompiledRule]] = {}
        self._raising: dict[str, list[CompiledRule]] = {}
        self.reads = {rule.rule.id: {pattern.fact_name for pattern in rule.patterns} for rule in compiled.rules}
        for rule in compiled.rules:
            for name in self.reads[rule.rule.id]:
                self._readers.setdefault(name, []).append(rule)
            if rule.rule.raises is not None:
                self._raising.setdefault(f"{FINDING}{rule.rule.raises}", []).append(rule)

    def changes(
        self,
        incident: str,
        inference: Inference,
        connector: int | None,
        at: float | None,
        undocumented_db: float,
    ) -> list[LeaderChange]:
        """For each cause that can be brought to lead the smallest set found; one of checks alone where that is another.

        `connector` and `at` (epoch seconds) are where and when supposed facts are taken to hold, `undocumented_db` is the
        prior of the undocumented rest.
        """
        search = _Search(self, inference, connector, at, undocumented_db)
        found: list[LeaderChange] = []
        for cause in self._compiled.fault.cause_ids:
            if cause == search.leader:
                continue
            smallest = search.smallest(cause, search.candidates)
            if smallest is None:
                continue
            sets = [smallest]
            if any(item.check is None for item in smallest):
                by_checks = search.smallest(cause, search.of_checks)
                sets += [] if by_checks is None else [by_checks]
            found.extend(self._change(incident, cause, supposed, search) for supposed in sets)

        def order(change: LeaderChange) -> tuple[int, float, float, str]:
            checks = [self.check_of[item.fact] for item in change.changes if item.fact in self.check_of]
            cost = sum(check.minutes for check in checks)
            return (len(change.changes), cost, -change.probability, change.leader)

        return sorted(found, key=order)

    def _change(self, incident: str, cause: str, supposed: Sequence[Supposition], search: _Search) -> LeaderChange:
        probabilities, _ = posterior(search.scores(supposed) or {}, search.undocumented_db)
        return LeaderChange(
            incident_id=incident,
            leader=f"{self._compiled.fault.code}/{cause}",
            probability=round(probabilities[cause], 10),
            changes=[
                Change(
                    check_id=None if item.check is None else item.check.id,
                    fact=item.fact.name,
                    value=plain(item.fact.value),
                    unit=item.fact.unit,
                    text=item.text,
                    at=None if item.fact.at is None else iso_timestamp(item.fact.at),
                    connector_id=item.fact.connector,
                    key=item.fact.key,
                )
                for item in supposed
            ],
        )


class _Search:
    """One incident: what is known of it, what could be known besides, and what that would make of the scores."""

    def __init__(
        self,
        owner: Counterfactuals,
        inference: Inference,
        connector: int | None,
        at: float | None,
        undocumented_db: float,
    ) -> None:
        self.undocumented_db = undocumented_db
        self._owner = owner
        self._compiled = owner._compiled
        self._facts: FactsByName = by_name(inference.facts)
        self._fired = {firing.rule.rule.id for firing in inference.firings}
        self._connector, self._at = connector, at
        rules = {firing.rule.rule.id: firing.rule.rule for firing in inference.firings}.values()
        self._ledger = Ledger(self._compiled.priors_db, rules)
        self._order = {cause: place for place, cause in enumerate(self._compiled.fault.cause_ids)}
        self.leader = self._lead(self._ledger.scores_db)
        self.of_checks = list(self._known_by_checks())
        lacking = (supposed for rule in self._compiled.rules if (supposed := self._lacking(rule)))
        self.candidates = self._weighed(chain((item.supposed for item in self.of_checks), lacking))

    def _lead(self, scores_db: Mapping[str, float]) -> str:
        return min(scores_db, key=lambda cause: (-scores_db[cause], self._order[cause]))

    # What could be known

    def _known_by_checks(self) -> Iterator[_Candidate]:
        results = (
            (Supposition(self._checked(check, result), f"{check.title}: {result.name}", check),)
            for check in self._compiled.checks
            if check.fact_name not in self._facts
            for result in check.results
        )
        yield from self._weighed(results)

    def _checked(self, check: Check, result: CheckResult) -> Fact:
        return Fact(check.fact_name, result.value, None, self._at, self._connector)

    def _lacking(self, rule: CompiledRule) -> tuple[Supposition, ...]:
        """What would have to be supposed for a rule to fire; nothing where it fires already, weighs nothing, or cannot."""
        if rule.rule.id in self._fired or not (rule.rule.supports or rule.rule.against):
            return ()
        found = self._supposed_for(rule, MAX_CHAIN)
        return () if found is None else found[0]

    def _supposed_for(self, rule: CompiledRule, chained: int) -> tuple[tuple[Supposition, ...], Match] | None:
        supposed: list[Supposition] = []
        taken: list[Fact] = []
        for pattern, condition, text in zip(
            rule.patterns, rule.rule.when, self._owner._texts[rule.rule.id], strict=True
        ):
            fact = self._known(pattern, taken)
            if fact is None and pattern.fact_name.startswith(FINDING):
                raised = self._raised(pattern, chained)
                if raised is None:
                    return None
                more, fact = raised
                supposed.extend(item for item in more if item not in supposed)
            elif fact is None:
                fact = self._imagined(pattern, condition, taken)
                if fact is None or any(item.fact.name == fact.name for item in supposed):
                    return None
                supposed.append(self._supposition(fact, text))
            taken.append(fact)
        return tuple(supposed), tuple(taken)

    def _known(self, pattern: Pattern, taken: Sequence[Fact]) -> Fact | None:
        for fact in self._facts.get(pattern.fact_name, ()):
            if not any(fact is other for other in taken) and all(passes(test, fact, taken) for test in pattern.tests):
                return fact
        return None

    def _raised(self, pattern: Pattern, chained: int) -> tuple[tuple[Supposition, ...], Fact] | None:
        """What the least demanding rule that raises a finding lacks, and the finding."""
        best: tuple[tuple[Supposition, ...], Fact] | None = None
        if pattern.fact_name in self._facts or chained == 0:
            return None
        for rule in self._owner._raising.get(pattern.fact_name, ()):
            found = self._supposed_for(rule, chained - 1)
            if found is not None and (best is None or len(found[0]) < len(best[0])):
                best = found[0], finding(pattern.fact_name, Firing(rule, found[1]))
        return best

    def _imagined(self, pattern: Pattern, condition: Condition, taken: Sequence[Fact]) -> Fact | None:
        """A fact that would meet a condition; None where one is known that does not, or none can be thought of."""
        fact_type = self._owner._catalogue.get(pattern.fact_name)
        if fact_type is None or (pattern.fact_name in self._facts and not fact_type.many):
            return None
        check = self._owner.check_of.get(pattern.fact_name)
        at, connector, key = self._at, self._connector, None
        for test in pattern.tests:
            earlier = None if test.earlier is None else taken[test.earlier]
            if earlier is None:
                continue
            if test.attribute == "at" and earlier.at is not None:
                at = earlier.at + (1.0 if test.operator == ">" else -1.0)
            elif test.attribute == "connector":
                connector = earlier.connector
            elif test.attribute == "key":
                key = earlier.key
        for value in _values(pattern, condition, fact_type, check, taken):
            fact = Fact(pattern.fact_name, value, fact_type.unit if check is None else None, at, connector, key)
            admitted, _ = admit([fact], self._owner._catalogue)
            if admitted and all(passes(test, admitted[0], taken) for test in pattern.tests):
                return admitted[0]
        return None

    def _supposition(self, fact: Fact, text: str) -> Supposition:
        check = self._owner.check_of.get(fact.name)
        if check is None:
            return Supposition(fact, text)
        result = next((r.name for r in check.results if r.value == fact.value), in_words(fact.value, check.unit))
        return Supposition(fact, f"{check.title}: {result}", check)

    # What it would make of the scores

    def _new_rules(self, supposed: Sequence[Supposition]) -> list[CompiledRule]:
        """The rules that would fire besides, by facts and by the findings that these raise."""
        facts = dict(self._facts)
        names = {item.fact.name for item in supposed}
        for item in supposed:
            facts[item.fact.name] = [*facts.get(item.fact.name, ()), item.fact]
        new: dict[str, CompiledRule] = {}
        while names:
            raised: set[str] = set()
            readers = {rule.rule.id: rule for name in sorted(names) for rule in self._owner._readers.get(name, ())}
            for rule_id, rule in readers.items():
                if rule_id in self._fired or rule_id in new or not self._owner.reads[rule_id] <= facts.keys():
                    continue
                match = next(matches(rule, facts), None)
                if match is None:
                    continue
                new[rule_id] = rule
                name = f"{FINDING}{rule.rule.raises}"
                if rule.rule.raises is not None and name not in facts:
                    facts[name] = [finding(name, Firing(rule, match))]
                    raised.add(name)
            names = raised
        return list(new.values())

    def scores(self, supposed: Sequence[Supposition]) -> Mapping[str, float] | None:
        """The scores that a set would leave; None where it contradicts itself or what is known."""
        new = self._new_rules(supposed)
        if any(rule.rule.contradicts is not None for rule in new):
            return None
        return self._ledger.with_rules(rule.rule for rule in new).scores_db

    def _weighed(self, sets: Iterator[tuple[Supposition, ...]]) -> list[_Candidate]:
        unique = {
            tuple(sorted(item.fact.sort_key() for item in supposed)): supposed for supposed in reversed(list(sets))
        }
        found = []
        for _, supposed in sorted(unique.items()):
            new = self._new_rules(supposed)
            gains: dict[str, float] = {}
            losses: dict[str, float] = {}
            for rule in new:
                for cause in (*rule.rule.supports, *rule.rule.against):
                    weight = rule.rule.weight_for(cause) or 0.0
                    side = gains if weight > 0 else losses
                    side[cause] = side.get(cause, 0.0) + abs(weight)
            if gains or losses:
                found.append(_Candidate(supposed, gains, losses))
        return found

    # The search

    def _leads(self, cause: str, supposed: Sequence[Supposition]) -> bool:
        scores_db = self.scores(supposed)
        return scores_db is not None and all(
            scores_db[cause] > score + LEAST_LEAD_DB for other, score in scores_db.items() if other != cause
        )

    def smallest(self, cause: str, candidates: Sequence[_Candidate]) -> tuple[Supposition, ...] | None:
        """A smallest set that lets a cause lead; checks before facts, then what moves most."""
        gap = self._ledger.scores_db[self.leader] - self._ledger.scores_db[cause]
        moving = [(item.could_move(cause, self.leader), item) for item in candidates]
        ordered = sorted(
            (pair for pair in moving if pair[1].helps(cause)),
            key=lambda pair: (
                -pair[0],
                [s.check is None for s in pair[1].supposed],
                [s.fact.sort_key() for s in pair[1].supposed],
            ),
        )
        trials = 0
        for size in range(1, MAX_EXACT + 1):
            for supposed in _sets(ordered, size, gap):
                trials += 1
                if self._leads(cause, supposed):
                    return self._pruned(cause, supposed)
                if trials >= MAX_TRIALS:
                    return self._greedy(cause, [item for _, item in ordered])
        return self._greedy(cause, [item for _, item in ordered])

    def _greedy(self, cause: str, candidates: Sequence[_Candidate]) -> tuple[Supposition, ...] | None:
        """Takes in turn what brings the cause nearest to the lead for each change it costs.

        What a candidate brings hardly grows as others are taken (groups count once), so one that is looked at again and
        still comes first is taken without looking at the rest anew.
        """
        chosen: tuple[Supposition, ...] = ()
        lead_db = self._lead_db(cause, chosen)
        waiting = [
            (-item.could_move(cause, self.leader) / len(item.supposed), place) for place, item in enumerate(candidates)
        ]
        heapify(waiting)
        while waiting:
            _, place = heappop(waiting)
            union = _union(chosen, candidates[place].supposed)
            if union is None or not len(chosen) < len(union) <= MAX_CHANGES:
                continue
            after_db = self._lead_db(cause, union)
            if after_db > LEAST_LEAD_DB:
                return self._pruned(cause, union)
            nearer = (after_db - lead_db) / (len(union) - len(chosen))
            if nearer <= 0:
                continue
            if waiting and -nearer > waiting[0][0]:
                heappush(waiting, (-nearer, place))
                continue
            chosen, lead_db = union, after_db
        return None

    def _lead_db(self, cause: str, supposed: Sequence[Supposition]) -> float:
        scores_db = self.scores(supposed)
        if scores_db is None:
            return float("-inf")
        return scores_db[cause] - max(score for other, score in scores_db.items() if other != cause)

    def _pruned(self, cause: str, supposed: tuple[Supposition, ...]) -> tuple[Supposition, ...]:
        """The set without what it does not need."""
        for item in supposed:
            rest = tuple(other for other in supposed if other is not item)
            if rest and self._leads(cause, rest):
                return self._pruned(cause, rest)
        return tuple(sorted(supposed, key=lambda item: item.fact.sort_key()))


def _sets(ordered: Sequence[tuple[float, _Candidate]], size: int, gap: float) -> Iterator[tuple[Supposition, ...]]:
    """Unions of candidates with exactly so many changes that could close the gap, the most promising first."""

    def extend(start: int, chosen: tuple[Supposition, ...], moved: float) -> Iterator[tuple[Supposition, ...]]:
        if len(chosen) == size:
            if moved >= gap:
                yield chosen
            return
        for place in range(start, len(ordered)):
            could, item = ordered[place]
            if moved + could * (size - len(chosen)) < gap:
                return
            union = _union(chosen, item.supposed)
            if union is not None and len(chosen) < len(union) <= size:
                yield from extend(place + 1, union, moved + could)

    yield from extend(0, (), 0.0)


def _union(some: tuple[Supposition, ...], more: tuple[Supposition, ...]) -> tuple[Supposition, ...] | None:
    """Both sets in one; None where they suppose different things of one fact."""
    known = {item.fact.name: item for item in some}
    for item in more:
        if known.setdefault(item.fact.name, item).fact != item.fact:
            return None
    return tuple(known.values())


def _values(
    pattern: Pattern, condition: Condition, fact_type: FactType, check: Check | None, taken: Sequence[Fact]
) -> Iterator[FactValue]:
    """Values that may meet a condition: those of a check's results, the words it asks for, or numbers at its bounds."""
    operands = [
        (test.operator, taken[test.earlier].value if test.earlier is not None else test.constant)
        for test in pattern.tests
        if test.attribute == "value"
    ]
    for operator, operand in operands:
        if operator == "==" and isinstance(operand, (bool, float, str, Version)):
            yield operand
        elif operator == "in" and isinstance(operand, tuple):
            yield from operand
    if check is not None:
        yield from (result.value for result in check.results)
    if fact_type.kind == "number":
        yield from _numbers([(o, v) for o, v in operands if isinstance(v, (int, float))], fact_type)
    elif fact_type.kind == "version":
        for text in (condition.from_, condition.to):
            version = fact_type.parse(text) if text is not None and fact_type.parse is not None else None
            if version is not None:
                yield version
    elif fact_type.kind == "flag":
        yield from (True, False)
    else:
        yield from fact_type.choices or ()


def _numbers(bounds: Sequence[tuple[str, float]], fact_type: FactType) -> Iterator[float]:
    low = max((value for operator, value in bounds if operator in (">", ">=")), default=fact_type.low)
    high = min((value for operator, value in bounds if operator in ("<", "<=")), default=fact_type.high)
    step = max(1.0, abs(low if low is not None else high or 0.0) / 50)
    if low is not None:
        yield from (low + step, low + step / 10, low)
    if high is not None:
        yield from (high - step, high - step / 10, high)
    if low is not None and high is not None:
        yield (low + high) / 2
    if low is None and high is None:
        yield 1.0


def supposed_fact(change: Change, catalogue: Catalogue) -> Fact:
    """The fact that a change supposes. Raises ValueError where no fact has its name, or its value does not fit."""
    fact_type = catalogue.get(change.fact)
    if fact_type is None:
        raise ValueError(f"no fact is named {change.fact!r}")
    value: FactValue = change.value
    if fact_type.kind == "version":
        version = fact_type.parse(str(value)) if fact_type.parse is not None else None
        if version is None:
            raise ValueError(f"{change.fact}: {value!r} is no version")
        value = version
    at = None if change.at is None else datetime.fromisoformat(change.at).timestamp()
    fact = Fact(change.fact, value, change.unit, at, change.connector_id, change.key)
    admitted, refused = admit([fact], catalogue)
    if refused:
        raise ValueError(f"{change.fact}: {refused[0].problem}")
    return replace(admitted[0], sources=(Source(SUPPOSED, 0),))
