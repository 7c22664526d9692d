"""The argument behind a ranking in words: why, why not, what would change it, what stands behind it and what cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from ...engine.diagnosis import (
    CheckOutcome,
    Consequence,
    Contradiction,
    Incident,
    LeaderChange,
    UpstreamIncident,
    Watch,
)
from ...engine.facts import in_words
from ...engine.hypothesis import Hypothesis, WhyNot
from ...engine.trace import ConditionRead, EvidenceItem, FactRead
from .wording import clean, decibans, listed, percent, read_from, short_id

MAX_RANKED = 3
"""Causes that are named of the ranking which a check's result would leave."""


def title_of(incident: Incident, cause_id: str) -> str:
    """The title of a cause of the incident."""
    return next((clean(h.title) for h in incident.hypotheses if h.cause_id == cause_id), clean(cause_id))


def fact_in_words(fact: FactRead) -> str:
    """A measurement with its value, or a finding by its name: `fan speed while hot 0 rpm`."""
    name = clean(fact.name.replace("_", " "))
    if fact.raised_by is not None:
        return f"finding {name.removeprefix('finding.')}"
    if name.startswith("check."):
        return f"check {name.removeprefix('check.')}: {clean(in_words(fact.value, fact.unit))}"
    return f"{name} {clean(in_words(fact.value, fact.unit))}"


def facts_behind(facts: Sequence[FactRead]) -> Iterator[FactRead]:
    """Facts and, where one is a finding, the facts behind it."""
    for fact in facts:
        yield fact
        if fact.raised_by is not None:
            yield from facts_behind(fact.raised_by.facts)


def chain(facts: Sequence[FactRead], depth: int = 0) -> Iterator[tuple[int, str]]:
    """What a piece of evidence stands on, down to the records: each step with its depth, the findings' facts below them."""
    for fact in facts:
        where = read_from(fact.sources)
        if fact.raised_by is None:
            yield depth, f"{fact_in_words(fact)} ← {where or 'no record'}"
            continue
        yield depth, f"{fact_in_words(fact)} ← {clean(fact.raised_by.statement)} ({clean(fact.raised_by.rule_id)})"
        yield from chain(fact.raised_by.facts, depth + 1)


class Linked(Protocol):
    """An incident, diagnosed or escalated, with those behind it and those that it brought about."""

    @property
    def root(self) -> str | None: ...
    @property
    def caused_by(self) -> Sequence[UpstreamIncident]: ...
    @property
    def leads_to(self) -> Sequence[Consequence]: ...


def root_in_words(incident: Linked) -> str | None:
    """Which incident stands behind this one and is to be dealt with first; None where this one is the root."""
    if incident.root is None:
        return None
    nearest = [clean(up.incident_id) for up in incident.caused_by if up.incident_id != incident.root]
    via = (
        f", by way of {listed(nearest)}"
        if nearest and incident.root not in {up.incident_id for up in incident.caused_by}
        else ""
    )
    return f"Root: {clean(incident.root)}{via}. Deal with that one first."


def consequences_in_words(incident: Linked) -> list[str]:
    """What this incident brought about: other incidents by their id, and what has no code."""
    lines = []
    for consequence in incident.leads_to:
        where = read_from(consequence.sources)
        name = "" if consequence.incident_id is None else f"{clean(consequence.incident_id)}: "
        lines.append(f"{name}{clean(consequence.statement)}{f' ({where})' if where else ''}")
    return lines


def contradiction_in_words(contradiction: Contradiction) -> list[str]:
    """The sentence that names the pair, and a line for each of the two with its records."""
    lines = [clean(contradiction.statement)]
    for fact in contradiction.between:
        lines += [text for _, text in chain([fact])]
    return lines


def outcome_in_words(outcome: CheckOutcome) -> str:
    """The ranking that a result would leave: `bearing-wear 71%, fan-supply-low 12%, none of these 3%`."""
    ranked = sorted(outcome.probabilities.items(), key=lambda entry: -entry[1])[:MAX_RANKED]
    parts = [f"{short_id(cause)} {percent(probability)}" for cause, probability in ranked]
    if outcome.undocumented_probability > ranked[-1][1]:
        parts.append(f"none of these {percent(outcome.undocumented_probability)}")
    return ", ".join(parts)


def change_in_words(change: LeaderChange, incident: Incident) -> str:
    """Which cause would lead, and what would have to be so."""
    needed = "; ".join(clean(item.text) for item in change.changes)
    return f"{title_of(incident, change.leader)} would lead with {percent(change.probability)}, if: {needed}."


def why_not_in_words(why_not: WhyNot, most: int) -> list[tuple[str, str]]:
    """Why a cause stands below another, as label and sentence: the sum first, then what makes the difference, what is not
    so and what is not known, at most so many of each."""
    terms = [decibans(why_not.prior_gap_db, sign=False)]
    terms += [
        f"{'+' if d.difference_db > 0 else '−'} {decibans(abs(d.difference_db), sign=False)}"
        for d in why_not.differences
    ]
    lines = [("behind by", f"prior {' '.join(terms)} = {decibans(why_not.gap_db, sign=False)} dB")]
    against = [d for d in why_not.differences if d.difference_db > 0]
    for item in against[:most]:
        lines.append(
            (decibans(-item.difference_db), clean(item.statement) + _shares(item.weight_db, item.other_weight_db))
        )
    if len(against) > most:
        lines.append(("", f"and {len(against) - most} more of the kind"))
    refuted = _unlike((_refutation(item.conditions), item.would_add_db) for item in why_not.refuted)
    lines += [("not so", f"{text} ({decibans(adds)} if it were)") for text, adds in refuted[:most]]
    missing = _unlike((listed([clean(text) for text in m.conditions]), m.would_add_db) for m in why_not.missing)
    lines += [("not known", f"{text} ({decibans(adds)} if so)") for text, adds in missing[:most]]
    return lines


def _unlike(told: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """What rules of several weights say alike, once, with the largest weight; the order is kept."""
    largest: dict[str, float] = {}
    for text, adds in told:
        largest.setdefault(text, adds)
    return list(largest.items())


def _shares(mine_db: float, other_db: float) -> str:
    """What a rule gives either cause, where it gives both something."""
    if not mine_db or not other_db:
        return ""
    return f" ({decibans(mine_db)} here, {decibans(other_db)} there)"


def _refutation(conditions: Sequence[ConditionRead]) -> str:
    parts = []
    for condition in conditions:
        value = "unknown" if condition.value is None else clean(in_words(condition.value, condition.unit))
        parts.append(f"{clean(condition.text)}: it is {value}")
    return listed(parts)


def covered_in_words(incident_id: str | None) -> str | None:
    """That the visit for an upstream incident does an action too; None for an action that stands for itself."""
    return None if incident_id is None else f"done by the visit for {clean(incident_id)}, no second one"


def evidence_of(hypothesis: Hypothesis) -> list[EvidenceItem]:
    """All evidence of a cause: what counts first, for before against, the strongest first."""
    return sorted(hypothesis.evidence, key=lambda e: (not e.counted, e.weight_db < 0, -abs(e.weight_db), e.rule_id))


def watch_in_words(watch: Watch) -> str:
    """An early warning: where, what, the trend with its numbers, which code it leads to, and when."""
    connector = "" if watch.connector_id is None else f", connector {watch.connector_id}"
    due = "" if watch.expected_at is None else f", expected on {clean(watch.expected_at)}"
    where = f"{clean(watch.device_id)}{connector}"
    return f"{where}: {clean(watch.what)}. {clean(watch.trend)} It leads to {clean(watch.leads_to)}{due}."


def mapping_in_words(incident: Incident) -> str | None:
    """Which code of another standard was reported, and how well it fits; None where the code was the charger's own."""
    mapped = incident.mapped_from
    if mapped is None:
        return None
    reported = f"Reported as {clean(mapped.code)} of {clean(mapped.standard)}: {clean(mapped.meaning).rstrip('.')}."
    if mapped.exactness == "exact":
        return f"{reported} That is {clean(incident.fault_code)}."
    return f"{reported} That is only close to {clean(incident.fault_code)}, so a cause outside its list is likelier than usual."


def standard_meaning(incident: Incident) -> str | None:
    """What an undocumented code means in the standard it comes from; None where no standard has it."""
    row = (incident.escalation or {}).get("standard_code")
    if not isinstance(row, dict):
        return None
    return f"{clean(row.get('standard', ''))}: {clean(row.get('meaning', ''))}".strip(": ")
