"""Which records the evidence of an incident names, numbered, and where on the page each piece of evidence stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ....engine.diagnosis import Incident
from ....engine.facts import Source
from ....engine.hypothesis import Hypothesis
from ....engine.trace import EvidenceItem
from ..argument import evidence_of, facts_behind


@dataclass(frozen=True)
class EvidencePlace:
    """A piece of evidence on the page: its anchor, the cause it weighs, and what it says."""

    anchor: str
    hypothesis: Hypothesis
    item: EvidenceItem


@dataclass
class Citation:
    """A record that evidence or a contradiction names: its number on the page, and the evidence that names it, of the
    likeliest cause first."""

    number: int
    source: Source
    cited_by: list[EvidencePlace] = field(default_factory=list)


@dataclass(frozen=True)
class Citations:
    """The records that the evidence of one incident names, in the order of their lists."""

    prefix: str
    evidence: Sequence[EvidencePlace]
    by_source: dict[Source, Citation]

    def all(self) -> list[Citation]:
        """Every citation by its number."""
        return list(self.by_source.values())

    def numbers(self, sources: Sequence[Source]) -> list[int]:
        """The numbers of some records, each once."""
        return [self.by_source[source].number for source in dict.fromkeys(sources) if source in self.by_source]

    def anchor(self, number: int) -> str:
        """The anchor of a record's row in the list of records."""
        return f"{self.prefix}-record-{number}"


def sources_of(item: EvidenceItem) -> list[Source]:
    """Every record behind a piece of evidence, through findings too, each once."""
    return list(dict.fromkeys(source for fact in facts_behind(item.facts) for source in fact.sources))


def cite(incident: Incident, prefix: str) -> Citations:
    """Number the records that an incident's evidence names; `prefix` begins every anchor of the incident."""
    places = [
        EvidencePlace(f"{prefix}-cause-{hypothesis.rank}-evidence-{number}", hypothesis, item)
        for hypothesis in incident.hypotheses
        for number, item in enumerate(evidence_of(hypothesis), 1)
    ]
    named: dict[Source, list[EvidencePlace]] = {}
    for place in places:
        for source in sources_of(place.item):
            named.setdefault(source, []).append(place)
    for contradiction in incident.contradictions:
        for fact in facts_behind(contradiction.between):
            for source in fact.sources:
                named.setdefault(source, [])
    in_order = sorted(named, key=lambda source: (source.list, source.index, source.timestamp or ""))
    by_source = {source: Citation(number, source, named[source]) for number, source in enumerate(in_order)}
    return Citations(prefix, places, by_source)
