"""What would change the leader: the smallest sets of facts or check results that put another cause first.

A set holds only what is not known yet, so that it can become known without anything read being wrong. Candidates are the
results of checks that nobody has done, and for each rule that has not fired the facts that it still lacks, with values
taken from its own thresholds. Sets are tried by size; one that takes more than `MAX_EXACT` changes is built greedily, and
what it does not need is taken out again.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from heapq import heapify, heappop, heappush

from .beliefs import Ledger, posterior
from .diagnosis import Change, LeaderChange
from .explanation import SUPPOSED, plain
from .facts import Catalogue, Fact, FactType, FactValue, Source, Version, admit, in_words, iso_timestamp, out_of_place
from .inference import finding
from .knowledge_base import Check, CheckResult, CompiledFault
from .matching import Firing, Match, passes
from .rule_index import MAX_REMEMBERED, IndexedRule, Standing
from .rules import FINDING, CompiledRule, Condition, Pattern

MAX_EXACT = 3
"""Changes up to which sets are tried by size (our judgement: more than three things to find out are no short list)."""

MAX_CHANGES = 8
"""A set with more changes than this is not worth telling (our judgement)."""

MAX_TRIALS = 120
"""Sets tried for one cause before the search turns greedy (our judgement: some milliseconds)."""

MAX_CHAIN = 4
"""Findings upon findings that may be supposed for one rule (our judgement; no shipped rule raises a finding at present)."""

LEAST_LEAD_DB = 1e-9


Key = tuple[str, str, int, str, float]
"""What orders suppositions, and tells those of different facts apart: the sort key of the fact."""


class Supposition:
    """A fact that is not known and is supposed, in words, with the check that would find it.

    `met` are the conditions that it meets, as bits of the fault's index.
    """

    __slots__ = ("_fact", "_imagined", "_place", "check", "key", "met", "name", "text")

    def __init__(self, imagined: Fact, place: Fact, key: Key, met: int, text: str, check: Check | None) -> None:
        """Take a fact, and another whose time and connector are to be its own."""
        self._fact: Fact | None = None
        self._imagined = imagined
        self._place = place
        self.name = imagined.name
        self.key = key
        self.met = met
        self.text = text
        self.check = check

    @property
    def fact(self) -> Fact:
        """The fact: made when it is asked for, since most suppositions are only weighed."""
        if self._fact is None:
            fact, place = self._imagined, self._place
            self._fact = Fact(fact.name, fact.value, fact.unit, place.at, place.connector, fact.key)
        return self._fact


@dataclass(slots=True)
class _Candidate:
    """Suppositions that belong together, and the most that they can move each cause, in decibans.

    `asked` says that it is the result of a check.
    """

    supposed: tuple[Supposition, ...]
    moves: _Moves
    asked: bool = False

    def preference(self) -> tuple[tuple[bool, ...], tuple[Key, ...]]:
        """What comes first of candidates that move as much: checks before facts, then by what is supposed."""
        if len(self.supposed) == 1:
            item = self.supposed[0]
            return (item.check is None,), (item.key,)
        return tuple(item.check is None for item in self.supposed), tuple(item.key for item in self.supposed)


class _Moves:
    """What some rules give and take when they fire, in decibans by cause: the most, as if no group counted once."""

    __slots__ = ("_gains_db", "_losses_db", "_nearer_db")

    def __init__(self, rules: Iterable[CompiledRule]) -> None:
        gains: dict[str, float] = {}
        losses: dict[str, float] = {}
        for compiled in rules:
            for cause, weight in compiled.weights_db:
                if weight > 0:
                    gains[cause] = gains.get(cause, 0.0) + weight
                else:
                    losses[cause] = losses.get(cause, 0.0) - weight
        self._gains_db, self._losses_db = gains, losses
        self._nearer_db: dict[tuple[str, str], float | None] = {}

    def __bool__(self) -> bool:
        return bool(self._gains_db or self._losses_db)

    def nearer(self, cause_and_leader: tuple[str, str]) -> float | None:
        """Decibans by which a cause can at most come nearer to the leader; None where nothing helps it."""
        try:
            return self._nearer_db[cause_and_leader]
        except KeyError:
            found = self._nearer_db[cause_and_leader] = self._brings(*cause_and_leader)
            return found

    def _brings(self, cause: str, leader: str) -> float | None:
        if cause not in self._gains_db and len(self._losses_db) == (cause in self._losses_db):
            return None
        return self._gains_db.get(cause, 0.0) + self._losses_db.get(leader, 0.0)


@dataclass(slots=True)
class _Step:
    """A condition that reads one fact and joins none (`needs`, as a bit), with the value that would meet it.

    `imagined` is that fact without time and place, None where none can be thought of; `again` says that it can be
    supposed beside known facts of its name; `met` are all conditions that it meets, as bits, `value` orders it among
    others of its name, and `single` is its number among all facts that can be supposed by themselves.
    """

    needs: int
    fact_name: str
    imagined: Fact | None
    value: str
    met: int
    again: bool
    text: str
    check: Check | None
    single: int = -1

    @property
    def preference(self) -> tuple[bool, str, str]:
        """What comes first of single suppositions that move as much, as `_Candidate.preference` has it."""
        return self.check is None, self.fact_name, self.value


@dataclass(frozen=True, slots=True)
class _Single:
    """A fact that can be supposed by itself, and the rules that it would make fire where none of its name is known.

    `alone` are the numbers of those that read nothing else, and `moves` what they move; `together` those of which other
    conditions must be met (as bits), `joined` the names that rules read besides which join facts or raise findings.
    `asked` says that it is the result of a check.
    """

    asked: bool
    alone: tuple[int, ...]
    moves: _Moves
    together: Sequence[tuple[int, int]]
    joined: Sequence[frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Weighing:
    """A rule that weighs causes, with the steps that would make it fire by the bits that they need.

    `steps` is None where conditions join or chain, so that they cannot be supposed one by one.
    """

    number: int
    rule: CompiledRule
    needs: int
    steps: Mapping[int, _Step] | None


class Counterfactuals:
    """Finds for one fault what would have to be known for another cause to lead."""

    def __init__(self, compiled: CompiledFault, catalogue: Catalogue, texts: Sequence[Sequence[str]]) -> None:
        """Take a fault, what declares its facts, and for each of its rules the conditions in words."""
        self._compiled = compiled
        self._catalogue = catalogue
        self._texts = {rule.rule.id: said for rule, said in zip(compiled.rules, texts, strict=True)}
        self.check_of = {check.fact_name: check for check in compiled.checks}
        self._raising: dict[str, list[CompiledRule]] = {}
        for rule in compiled.rules:
            if rule.rule.raises is not None:
                self._raising.setdefault(f"{FINDING}{rule.rule.raises}", []).append(rule)
        self.weighing = [
            _Weighing(number, entry.rule, entry.needs, self._steps_of(entry))
            for number, entry in enumerate(compiled.index.rules)
            if entry.rule.weights_db
        ]
        self.of_checks = [self._result_step(check, result) for check in compiled.checks for result in check.results]
        self._moves = lru_cache(MAX_REMEMBERED)(self._moved_by)
        steps = [step for each in self.weighing for step in (each.steps or {}).values()]
        possible = [step for step in (*steps, *self.of_checks) if step.imagined is not None]
        distinct = {step.preference: step for step in possible}
        self.number_of = {preference: number for number, preference in enumerate(sorted(distinct))}
        self.singles = [self._single(distinct[preference]) for preference in self.number_of]
        for step in possible:
            step.single = self.number_of[step.preference]

    def _moved_by(self, numbers: tuple[int, ...]) -> _Moves:
        return _Moves(self._compiled.index.rules[number].rule for number in numbers)

    def _single(self, step: _Step) -> _Single:
        index, name = self._compiled.index, step.fact_name
        rest = [(number, needs & ~step.met) for number, needs in index.plain_readers.get(name, ())]
        alone = tuple(number for number, needs in rest if not needs)
        together = [(number, needs) for number, needs in rest if needs]
        joined = [index.rules[number].fact_names - {name} for number in index.other_readers.get(name, ())]
        return _Single(step.needs == 0, alone, self.moves(alone), together, joined)

    def moves(self, numbers: Iterable[int]) -> _Moves:
        """What rules, given by their numbers, move when they fire."""
        found: _Moves = self._moves(tuple(numbers))
        return found

    def _result_step(self, check: Check, result: CheckResult) -> _Step:
        fact = Fact(check.fact_name, result.value)
        met = self._compiled.index.met_by(fact)
        return _Step(0, fact.name, fact, _ordering(fact), met, False, f"{check.title}: {result.name}", check)

    def _steps_of(self, entry: IndexedRule) -> Mapping[int, _Step] | None:
        """The conditions of a rule where each can be supposed by itself; None where they join or chain."""
        if entry.conditions is None or any(name.startswith(FINDING) for name in entry.fact_names):
            return None
        compiled = entry.rule
        texts = self._texts[compiled.rule.id]
        steps = [
            self._step(number, pattern, condition, text)
            for number, pattern, condition, text in zip(
                entry.conditions, compiled.patterns, compiled.rule.when, texts, strict=True
            )
        ]
        return {step.needs: step for step in steps}

    def _step(self, number: int, pattern: Pattern, condition: Condition, text: str) -> _Step:
        fact_type = self._catalogue.get(pattern.fact_name)
        check = self.check_of.get(pattern.fact_name)
        imagined = None if fact_type is None else self.imagined(pattern, condition, fact_type, (), Fact("", ""))
        if imagined is not None:
            text = self.in_words(imagined, text)
        met = 0 if imagined is None else self._compiled.index.met_by(imagined)
        many = fact_type is not None and fact_type.many
        value = "" if imagined is None else _ordering(imagined)
        return _Step(1 << number, pattern.fact_name, imagined, value, met, many, text, check)

    def imagined(
        self, pattern: Pattern, condition: Condition, fact_type: FactType, taken: Sequence[Fact], place: Fact
    ) -> Fact | None:
        """A fact that would meet a condition at the time, connector and key of `place`; None where none can be thought of."""
        if not fact_type.supposable:
            return None
        check = self.check_of.get(pattern.fact_name)
        for value in _values(pattern, condition, fact_type, check, taken):
            fact = Fact(pattern.fact_name, value, fact_type.unit, place.at, place.connector, place.key)
            admitted, _ = admit([fact], self._catalogue)
            if admitted and all(passes(test, admitted[0], taken) for test in pattern.tests):
                return admitted[0]
        return None

    def in_words(self, fact: Fact, text: str) -> str:
        """What a supposed fact says: of a check its result, else the condition (`text`) that it meets."""
        check = self.check_of.get(fact.name)
        if check is None:
            return text
        result = next((r.name for r in check.results if r.value == fact.value), in_words(fact.value, check.unit))
        return f"{check.title}: {result}"

    def changes(
        self,
        incident: str,
        standing: Standing,
        connector: int | None,
        at: float | None,
        undocumented_db: float,
    ) -> list[LeaderChange]:
        """For each cause that can be brought to lead the smallest set found; one of checks alone where that is another.

        `connector` and `at` (epoch seconds) are where and when supposed facts are taken to hold, `undocumented_db` is the
        prior of the undocumented rest.
        """
        search = _Search(self, standing, connector, at, undocumented_db)
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
        return LeaderChange.made(
            incident_id=incident,
            leader=f"{self._compiled.fault.code}/{cause}",
            probability=round(probabilities[cause], 10),
            changes=[_told(item.fact, item) for item in supposed],
        )


def _told(fact: Fact, supposed: Supposition) -> Change:
    return Change.made(
        check_id=None if supposed.check is None else supposed.check.id,
        fact=fact.name,
        value=plain(fact.value),
        unit=fact.unit,
        text=supposed.text,
        at=None if fact.at is None else iso_timestamp(fact.at),
        connector_id=fact.connector,
        key=fact.key,
    )


class _Search:
    """One incident: what is known of it, what could be known besides, and what that would make of the scores."""

    def __init__(
        self,
        owner: Counterfactuals,
        standing: Standing,
        connector: int | None,
        at: float | None,
        undocumented_db: float,
    ) -> None:
        self.undocumented_db = undocumented_db
        self._owner = owner
        self._compiled = owner._compiled
        self._standing = standing
        self._facts = standing.facts
        self._connector, self._at = connector, at
        self._place = Fact("", "", None, None if at is None else round(at, 3), connector)
        self._key_connector = -1 if connector is None else connector
        self._key_at = -1.0 if self._place.at is None else self._place.at
        self._can_suppose = out_of_place(self._place) is None
        self._ledger = Ledger(self._compiled.priors_db, standing.fired_rules())
        self._order = {cause: place for place, cause in enumerate(self._compiled.fault.cause_ids)}
        self.leader = self._lead(self._ledger.scores_db)
        self.candidates = self._found()
        self.of_checks = [item for item in self.candidates if item.asked]

    def _lead(self, scores_db: Mapping[str, float]) -> str:
        return min(scores_db, key=lambda cause: (-scores_db[cause], self._order[cause]))

    # What could be known

    def _supposition(self, step: _Step) -> Supposition:
        """What a step supposes, at the incident's time and connector."""
        assert step.imagined is not None
        key = self._key(step.fact_name, step.value)
        return Supposition(step.imagined, self._place, key, step.met, step.text, step.check)

    def _key(self, fact_name: str, value: str) -> Key:
        return (fact_name, "", self._key_connector, value, self._key_at)

    def _supposable(self) -> tuple[dict[int, Supposition], Iterable[tuple[Supposition, ...]]]:
        """What would have to be supposed for some rule to fire: single facts by their numbers, and all else; each once."""
        owner, standing, known = self._owner, self._standing, self._facts
        singles: dict[int, Supposition] = {}
        sets: dict[tuple[Key, ...], tuple[Supposition, ...]] = {}
        for step in owner.of_checks:
            if step.fact_name not in known and step.single not in singles:
                singles[step.single] = self._supposition(step)
        for each in owner.weighing:
            if each.number in standing.fired:
                continue
            if each.steps is None:
                supposed = self._supposed_for(each.rule, MAX_CHAIN)
                self._note(() if supposed is None else supposed[0], singles, sets)
                continue
            lacks = each.needs & ~standing.met
            only = each.steps.get(lacks)
            if only is None or only.fact_name in known:
                self._note(self._stepwise(each.steps, lacks), singles, sets)
            elif only.single not in singles and self._can_be(only):
                singles[only.single] = self._supposition(only)
        return singles, sets.values()

    def _note(
        self,
        supposed: tuple[Supposition, ...],
        singles: dict[int, Supposition],
        sets: dict[tuple[Key, ...], tuple[Supposition, ...]],
    ) -> None:
        if len(supposed) == 1 and (number := self._number_of(supposed[0])) is not None:
            singles.setdefault(number, supposed[0])
        elif supposed:
            sets.setdefault(tuple(sorted(item.key for item in supposed)), supposed)

    def _number_of(self, item: Supposition) -> int | None:
        """The number of a single fact at the incident's own time and connector, where none of its name is known."""
        name, _, _, value, _ = item.key
        if name in self._facts or item.key != self._key(name, value):
            return None
        return self._owner.number_of.get((item.check is None, name, value))

    def _can_be(self, step: _Step) -> bool:
        return step.imagined is not None and self._can_suppose and (step.again or step.fact_name not in self._facts)

    def _stepwise(self, steps: Mapping[int, _Step], lacks: int) -> tuple[Supposition, ...]:
        lacking = [step for needs, step in steps.items() if needs & lacks]
        return tuple(map(self._supposition, lacking)) if all(map(self._can_be, lacking)) else ()

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
                keys = {item.key for item in supposed}
                supposed.extend(item for item in more if item.key not in keys)
            elif fact is None:
                fact = self._imagined(pattern, condition, taken)
                if fact is None or any(item.name == fact.name for item in supposed):
                    return None
                said, check = self._owner.in_words(fact, text), self._owner.check_of.get(fact.name)
                met = self._standing.index.met_by(fact)
                supposed.append(Supposition(fact, fact, fact.sort_key(), met, said, check))
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
        return self._owner.imagined(pattern, condition, fact_type, taken, Fact("", "", None, at, connector, key))

    # What it would make of the scores

    def _completed(self, supposed: Sequence[Supposition]) -> Collection[int]:
        """The rules that would fire besides, by facts and by the findings that these raise."""
        if len(supposed) == 1:
            item = supposed[0]
            return self._standing.completed_by((item.name,), item.met, lambda: (item.fact,))
        met = 0
        for item in supposed:
            met |= item.met
        names = {item.name for item in supposed}
        return self._standing.completed_by(names, met, lambda: [item.fact for item in supposed])

    def scores(self, supposed: Sequence[Supposition]) -> Mapping[str, float] | None:
        """The scores that a set would leave; None where it contradicts itself or what is known."""
        new = self._standing.rules(self._completed(supposed))
        for compiled in new:
            if compiled.rule.contradicts is not None:
                return None
        return self._ledger.scores_with(new)

    def _found(self) -> list[_Candidate]:
        """What would move some cause, each once, in the order of preference."""
        singles, sets = self._supposable()
        found = []
        for number in sorted(singles):
            single, item = self._owner.singles[number], singles[number]
            moves = self._moved(single, item)
            if moves:
                found.append(_Candidate((item,), moves, single.asked))
        for supposed in sets:
            moves = self._owner.moves(self._completed(supposed))
            if moves:
                insort(found, _Candidate(supposed, moves), key=_Candidate.preference)
        return found

    def _moved(self, single: _Single, item: Supposition) -> _Moves:
        """What a single fact would move; what it does whatever else is known need not be worked out."""
        if any(names <= self._facts.keys() for names in single.joined):
            return self._owner.moves(self._completed((item,)))
        met = self._standing.met
        more = [number for number, needs in single.together if needs & met == needs]
        return self._owner.moves((*single.alone, *more)) if more else single.moves

    # The search

    def _leads(self, cause: str, supposed: Sequence[Supposition]) -> bool:
        scores_db = self.scores(supposed)
        return scores_db is not None and all(
            scores_db[cause] > score + LEAST_LEAD_DB for other, score in scores_db.items() if other != cause
        )

    def smallest(self, cause: str, candidates: Sequence[_Candidate]) -> tuple[Supposition, ...] | None:
        """A smallest set that lets a cause lead; checks before facts, then what moves most."""
        gap = self._ledger.scores_db[self.leader] - self._ledger.scores_db[cause]
        pair = (cause, self.leader)
        moving = [
            (-nearer, rank, item)
            for rank, item in enumerate(candidates)
            if (nearer := item.moves.nearer(pair)) is not None
        ]
        moving.sort()
        ordered = [(-further, item) for further, _, item in moving]
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
            (-(item.moves.nearer((cause, self.leader)) or 0.0) / len(item.supposed), place)
            for place, item in enumerate(candidates)
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
        return tuple(sorted(supposed, key=lambda item: item.key))


def _sets(
    ordered: Sequence[tuple[float, _Candidate]],
    size: int,
    gap: float,
    start: int = 0,
    chosen: tuple[Supposition, ...] = (),
    moved: float = 0.0,
) -> Iterator[tuple[Supposition, ...]]:
    """Unions of candidates with exactly so many changes that could close the gap, the most promising first.

    `chosen` are taken already and move by `moved`; candidates before `start` are not.
    """
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
            yield from _sets(ordered, size, gap, place + 1, union, moved + could)


def _ordering(fact: Fact) -> str:
    """What orders a fact's value among others of its name, as in its sort key."""
    return fact.sort_key()[3]


def _union(some: tuple[Supposition, ...], more: tuple[Supposition, ...]) -> tuple[Supposition, ...] | None:
    """Both sets in one; None where they suppose different things of one fact."""
    known = {item.name: item for item in some}
    for item in more:
        if known.setdefault(item.name, item).key != item.key:
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
