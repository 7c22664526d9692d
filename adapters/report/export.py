"""The whole knowledge base as one JSON document, with the schema that it follows."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from ...engine.beliefs import PRIOR_DECIBANS, UNDOCUMENTED_DECIBANS
from ...engine.facts import FactKind, FactType
from ...engine.knowledge_base import Check, Fault, KnowledgeBase
from ...engine.rules import DECIBANS

DRAFT = "https://json-schema.org/draft/2020-12/schema"


class FactDeclaration(BaseModel):
    """What facts of one name mean: kind, unit, the values that can occur, whether an incident may have several."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: FactKind
    meaning: str
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] | None = None
    many: bool

    @classmethod
    def of(cls, fact_type: FactType) -> FactDeclaration:
        """The declaration behind a fact's type."""
        return cls(
            name=fact_type.name,
            kind=fact_type.kind,
            meaning=fact_type.meaning,
            unit=fact_type.unit,
            low=fact_type.low,
            high=fact_type.high,
            choices=fact_type.choices,
            many=fact_type.many,
        )


class KnowledgeExport(BaseModel):
    """A knowledge base: faults with causes, rules and actions as in their files, checks, facts, and what words weigh.

    `strengths_db` and `priors_db` are the decibans of the words of rules and causes, `undocumented_prior_db` the prior
    of a cause that is not documented.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    digest: str
    source_revision: str
    strengths_db: dict[str, float]
    priors_db: dict[str, float]
    undocumented_prior_db: float
    faults: tuple[Fault, ...]
    checks: tuple[Check, ...]
    facts: tuple[FactDeclaration, ...]

    @classmethod
    def of(cls, base: KnowledgeBase) -> KnowledgeExport:
        """The export of a compiled knowledge base."""
        return cls(
            name=base.name,
            version=base.version,
            digest=base.digest,
            source_revision=base.source_revision,
            strengths_db=dict(DECIBANS.items()),
            priors_db=dict(PRIOR_DECIBANS),
            undocumented_prior_db=UNDOCUMENTED_DECIBANS,
            faults=tuple(compiled.fault for compiled in base.faults.values()),
            checks=tuple(base.checks.values()),
            facts=tuple(FactDeclaration.of(base.catalogue[name]) for name in sorted(base.catalogue)),
        )


def exported_document(base: KnowledgeBase) -> str:
    """A JSON document with the `knowledge` and its `schema`."""
    export = KnowledgeExport.of(base)
    document: dict[str, Any] = {
        "schema": {"$schema": DRAFT, **KnowledgeExport.model_json_schema(by_alias=True)},
        "knowledge": export.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    return json.dumps(document, ensure_ascii=False, indent=2)
