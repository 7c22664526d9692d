"""The consultation itself: what to ask, what was answered, how the ranking stands. It reads and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from ...engine import Diagnosis, Triage
from ...engine.diagnosis import Incident, NextCheck
from ...engine.facts import admit, iso_timestamp
from ...engine.inference import infer
from ...engine.knowledge_base import IncidentCase, incident_id
from ...engine.matching import VerdictMatcher
from ...engine.strategy import SETTLED, Strategy
from ...knowledge.observations import parse_timestamp, plain_json
from ..bundle import Bundle
from .answers import read_answer, stands_for

DEFAULT_BY = "consultation"
"""Who found a result, where nobody is named."""


LONGEST_NAME = 256
"""Characters of a name that are kept."""


class End(StrEnum):
    """Why nothing more is asked about an incident."""

    SETTLED = "a cause has passed 90 %"
    UNEXPLAINED = "no documented cause is likely: the undocumented rest has passed 90 %"
    NOT_WORTH_IT = "no check that is left is worth its time"
    NOTHING_LEFT = "no check is left that would tell the causes apart"
    TOLD = "you ended it"


class NothingToUndo(LookupError):
    """There is no answer and no skipped check to take back."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: the check, for which incident it was asked, the minutes it takes, the record it makes."""

    incident_id: str
    check_id: str
    minutes: float
    onsite: bool
    record: Mapping[str, Any]


Place = tuple[str, int | None, str]
"""A check at its place: charger, connector (null for the whole charger), check."""


@dataclass(frozen=True)
class _State:
    answers: tuple[Answer, ...] = ()
    declined: frozenset[Place] = frozenset()
    told: bool = False

    def records(self, device_id: str) -> tuple[Mapping[str, Any], ...]:
        """The records of one charger."""
        return tuple(answer.record for answer in self.answers if answer.record["device_id"] == device_id)


class Consultation:
    """A conversation about some incidents of a bundle: `question`, then `answer`, `cannot`, `undo` or `stop`.

    Incidents are taken up one after the other, those that stand behind others first. An answer serves every incident of
    its connector, or of the charger where the check looks at what the connectors share. Answers hold at the moment of
    the diagnosis, so that a replay gives the same bytes.
    """

    def __init__(
        self,
        triage: Triage,
        bundle: Bundle,
        incident_ids: str | Sequence[str] | None = None,
        *,
        as_of: float | None = None,
        by: str = DEFAULT_BY,
        on_site: bool = False,
    ) -> None:
        """Take up one incident, several, or all; `as_of` (epoch seconds) as in `Triage.diagnose`.

        `by` stands in the records of the answers; with `on_site` somebody is at the chargers already, so that no way is
        counted. Raises LookupError for an incident that is not there or has no documented causes.
        """
        self._triage = triage
        self._bundle = bundle
        # what the records of the answers can say: whole microseconds
        self._as_of = None if as_of is None else parse_timestamp(iso_timestamp(as_of))
        self._by = plain_json(by[:LONGEST_NAME])
        self._on_site = on_site
        self._first = triage.diagnose(bundle, as_of=self._as_of)
        known = [incident.incident_id for incident in self._first.incidents if incident.hypotheses]
        wanted = known if incident_ids is None else [incident_ids] if isinstance(incident_ids, str) else incident_ids
        for name in wanted:
            if name not in known:
                raise LookupError(f"there is no incident {name!r} with documented causes; there are {', '.join(known)}")
        self._wanted = list(dict.fromkeys(wanted))
        self._views: dict[tuple[str, str], Diagnosis] = {}
        self._strategies: dict[tuple[str, str], Strategy] = {}
        self._before: list[_State] = []
        self._state = _State()

    def about(self, incident_ids: Sequence[str]) -> Consultation:
        """A new consultation about some of the incidents of this one, without its answers.

        Raises LookupError for one that is not among them.
        """
        for name in incident_ids:
            self.incident_of(name)
        other = copy(self)
        other._wanted = list(dict.fromkeys(incident_ids))
        other._before, other._state = [], _State()
        return other

    # How things stand

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What was answered so far, oldest first; what was taken back is not among them."""
        return self._state.answers

    @property
    def records(self) -> list[dict[str, Any]]:
        """The answers as `check_results` records, oldest first."""
        return [dict(answer.record) for answer in self._state.answers]

    @property
    def minutes(self) -> float:
        """What the answered checks take by the book, in minutes, the way to the site left out."""
        return sum(answer.minutes for answer in self._state.answers)

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back."""
        return bool(self._before)

    @property
    def moment(self) -> str | None:
        """The moment of the diagnosis, which the answers bear."""
        return self._first.as_of

    @property
    def incidents(self) -> list[Incident]:
        """The incidents as they stand now, in the order in which they are taken up."""
        found = [self.incident_of(name) for name in self._wanted]
        depth = {incident.incident_id: _depth(incident, self._diagnosis(incident.device_id)) for incident in found}
        return sorted(found, key=lambda incident: depth[incident.incident_id])

    def incident_of(self, name: str) -> Incident:
        """One incident as it stands now. Raises LookupError where the consultation is not about it."""
        if name not in self._wanted:
            raise LookupError(f"this consultation is not about {name!r}")
        device = next(incident.device_id for incident in self._first.incidents if incident.incident_id == name)
        return next(i for i in self._diagnosis(device).incidents if i.incident_id == name)

    @property
    def incident(self) -> Incident | None:
        """The incident that is asked about; None once nothing is asked."""
        return next((incident for incident in self.incidents if self.end_of(incident) is None), None)

    @property
    def question(self) -> NextCheck | None:
        """The check to do next; None once nothing is asked."""
        incident = self.incident
        return None if incident is None else self._next(incident)

    @property
    def stopped(self) -> End | None:
        """Why nothing is asked any more; None while there is a question."""
        if self._state.told:
            return End.TOLD
        end: End | None = End.NOTHING_LEFT
        for incident in self.incidents:
            end = self.end_of(incident)
            if end is None:
                return None
        return end

    def end_of(self, incident: Incident) -> End | None:
        """Why nothing more is asked about an incident; None while something is."""
        if incident.hypotheses[0].probability >= SETTLED:
            return End.SETTLED
        if (incident.undocumented_probability or 0.0) >= SETTLED:
            return End.UNEXPLAINED
        if self._state.told:
            return End.TOLD
        if self._next(incident) is None:
            return End.NOTHING_LEFT
        strategy = self._strategy(incident)
        leave_out = self._left_out(incident, strategy)
        worth = strategy.worth(leave_out=leave_out, on_site=self._is_on_site(incident.device_id))
        return None if worth.asking else End.NOT_WORTH_IT

    # What a person does

    def answer(self, text: str) -> Answer:
        """Take the answer to the question, and rank again. Raises NotUnderstood for one that cannot be taken."""
        incident, check = self._asked()
        asked = self._triage.knowledge.base.checks[check.check_id]
        value, chosen = read_answer(asked, text), stands_for(asked, text)
        record = {
            "timestamp": self.moment,
            "device_id": incident.device_id,
            "connector_id": self._connector(check.check_id, incident),
            "check_id": check.check_id,
            "value": int(value) if isinstance(value, float) and value.is_integer() else value,
            "by": self._by,
            **({} if chosen is None else {"note": f"chosen: {chosen}; the value stands for it, nothing was measured"}),
        }
        given = Answer(incident.incident_id, check.check_id, check.minutes, check.where == "onsite", record)
        self._go_to(replace(self._state, answers=(*self._state.answers, given)))
        return given

    def cannot(self) -> NextCheck:
        """Leave out the check that is asked for: it cannot be done. It is not asked for again."""
        incident, check = self._asked()
        declined = self._state.declined | {self._place(check.check_id, incident)}
        self._go_to(replace(self._state, declined=declined))
        return check

    def undo(self) -> None:
        """Take back the last answer, skipped check or stop. Raises NothingToUndo where there is none."""
        if not self._before:
            raise NothingToUndo("nothing was answered or skipped yet")
        self._state = self._before.pop()

    def stop(self) -> None:
        """End the consultation."""
        if not self._state.told:
            self._go_to(replace(self._state, told=True))

    # Within

    def _go_to(self, state: _State) -> None:
        self._before.append(self._state)
        self._state = state

    def _asked(self) -> tuple[Incident, NextCheck]:
        incident = self.incident
        check = None if incident is None else self._next(incident)
        if incident is None or check is None:
            raise LookupError("nothing is asked any more")
        return incident, check

    def _diagnosis(self, device_id: str) -> Diagnosis:
        """The diagnosis of a charger with the answers about it."""
        records = self._state.records(device_id)
        if not records:
            return self._first
        key = (device_id, repr(records))
        found = self._views.get(key)
        if found is None:
            found = self._triage.diagnose(self._answered(records), as_of=self._as_of, device_id=device_id)
            self._views[key] = found
        return found

    def _answered(self, records: Sequence[Mapping[str, Any]]) -> Bundle:
        observations = self._bundle.observations.with_records("check_results", records)
        return replace(self._bundle, observations=observations)

    def _strategy(self, incident: Incident) -> Strategy:
        records = self._state.records(incident.device_id)
        key = (incident.incident_id, repr(records))
        found = self._strategies.get(key)
        if found is None:
            knowledge = self._triage.knowledge
            compiled = knowledge.base.faults[incident.fault_code]
            case = next(
                case
                for case in knowledge.survey(self._answered(records), self._as_of).incidents
                if _name(case) == incident.incident_id
            )
            facts, _ = admit(case.measure(compiled.fact_names), knowledge.base.catalogue)
            inference = infer(facts, compiled.rules, VerdictMatcher(compiled.rules))
            found = Strategy(compiled, inference, incident.undocumented_prior_db or 0.0)
            self._strategies[key] = found
        return found

    def _left_out(self, incident: Incident, strategy: Strategy) -> set[str]:
        """Checks that cannot be done, and those that the diagnosis does not offer since they would tell next to nothing."""
        offered = {check.check_id for check in incident.next_checks}
        return {
            check.id
            for check in strategy.checks
            if check.id not in offered or self._place(check.id, incident) in self._state.declined
        }

    def _next(self, incident: Incident) -> NextCheck | None:
        if not incident.next_checks:
            return None
        strategy = self._strategy(incident)
        leave_out = self._left_out(incident, strategy)
        best = strategy.best(leave_out=leave_out, on_site=self._is_on_site(incident.device_id))
        return None if best is None else next(c for c in incident.next_checks if c.check_id == best.id)

    def _is_on_site(self, device_id: str) -> bool:
        return self._on_site or any(a.onsite and a.record["device_id"] == device_id for a in self._state.answers)

    def _place(self, check_id: str, incident: Incident) -> Place:
        return incident.device_id, self._connector(check_id, incident), check_id

    def _connector(self, check_id: str, incident: Incident) -> int | None:
        """The connector a result belongs to: none where a code of the whole charger asks for the same check."""
        return None if check_id in self._of_the_charger else incident.connector_id

    @cached_property
    def _of_the_charger(self) -> frozenset[str]:
        base = self._triage.knowledge.base
        charger = {code for code, compiled in base.faults.items() if compiled.fault.scope == "charger"}
        return frozenset(check.id for check in base.checks.values() if charger.intersection(check.codes))


def _name(case: IncidentCase) -> str:
    return incident_id(case.device_id, case.connector_id, case.code)


def _depth(incident: Incident, diagnosis: Diagnosis) -> int:
    """How many incidents of the diagnosis stand behind one."""
    by_name = {other.incident_id: other for other in diagnosis.incidents}
    passed = {incident.incident_id}
    current = incident
    while current.caused_by:
        behind = by_name.get(current.caused_by[0].incident_id)
        if behind is None or behind.incident_id in passed:
            break
        passed.add(behind.incident_id)
        current = behind
    return len(passed) - 1
