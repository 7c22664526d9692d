"""Knowledge files to a compiled knowledge base: all at once with everything wrong found, or each code when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from ..engine.durable_matcher import UnsafeRuleset
from ..engine.facts import FactType
from ..engine.garbage import seldom_collected
from ..engine.knowledge_base import Check, CompiledFault, Fault, FirmwareIssue, KnowledgeBase, Survey
from ..engine.rules import FINDING, CompiledRule, compile_rule
from ..engine.watch_rules import CompiledWatch
from .findings import Finding, KnowledgeError, Severity, file_finding, read_knowledge, validated
from .firmware import in_range
from .library import (
    CHECKS,
    FAULTS,
    MANIFEST,
    STANDARD_CODES,
    SYMPTOMS,
    ChecksFile,
    Library,
    Manifest,
    check_type,
    finding_types,
    knowledge_directory,
    shipped_directory,
)
from .measurements import catalogue
from .measurements.checks import usable_results
from .observations import Observations
from .phrases import phrase_problem
from .standard_codes import StandardCodes, StandardCodesFile, codes_of
from .survey import find_incidents
from .symptoms import SymptomsFile
from .watch_files import load_watches
from .watching import WatchSubjects
from .yaml_files import Document

__all__ = [
    "Finding",
    "KnowledgeError",
    "LoadedFault",
    "Severity",
    "TriageKnowledge",
    "compile_fault",
    "load_knowledge",
    "open_knowledge",
    "shipped_directory",
]

MEASURED: Mapping[str, FactType] = {name: measurement.fact_type for name, measurement in catalogue().items()}
"""The facts that measurements make, by name. The measurements are imported with this module, not when a file is loaded."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class LoadedFault:
    """A fault, compiled, the document it was read from, and the findings that its rules raise, as facts."""

    compiled: CompiledFault
    document: Document
    path: Path
    findings: Mapping[str, FactType] = field(default_factory=dict)


@dataclass(frozen=True)
class TriageKnowledge:
    """A compiled knowledge base with the way from records to its facts; what `Triage` takes."""

    base: KnowledgeBase
    faults: Mapping[str, LoadedFault]
    directory: Path

    def survey(self, records: Any, as_of: float | None = None) -> Survey:
        """The incidents in a bundle; `as_of` (epoch seconds) leaves out what came later."""
        observations: Observations = getattr(records, "observations", records)
        if not isinstance(observations, Observations):
            raise TypeError(f"read_bundle() makes what diagnose() takes, not {type(records).__name__}")
        if as_of is not None:
            observations = observations.until(as_of)
        results = observations["check_results"]
        usable, misfits = usable_results(results, self.base.checks)
        if misfits:
            tables = {**observations.tables, "check_results": results.part(usable)}
            observations = replace(observations, tables=tables, stated_as_of=observations.as_of)
        entries = _Seen(self.faults, lambda loaded: loaded.compiled.fault)
        incidents, problems = find_incidents(observations, entries, self._codes)
        subjects = WatchSubjects.beside(incidents, observations)
        return Survey(observations.as_of, incidents, [*observations.problems, *problems, *misfits], subjects)

    @cached_property
    def _codes(self) -> StandardCodes:
        return codes_of(self.directory)

    def applies(self, issue: FirmwareIssue, version: str | None) -> bool | None:
        """Whether a firmware issue holds for a version; None for an unknown version or one of another scheme."""
        return in_range(version, issue.from_, issue.to)


class _Faults(Mapping[str, LoadedFault]):
    """The faults of a folder, each read and compiled when it is first asked for, and then kept. Safe to share by threads.

    A file that cannot be used raises KnowledgeError with all that is wrong with it.
    """

    def __init__(self, paths: Mapping[str, Path], load: Callable[[Path], LoadedFault]) -> None:
        self._paths = paths
        self._load = load
        self._loaded: dict[str, LoadedFault] = {}
        self._lock = RLock()

    @property
    def loaded(self) -> Mapping[str, LoadedFault]:
        """The faults that were asked for already."""
        return dict(self._loaded)

    def __getitem__(self, code: str) -> LoadedFault:
        found = self._loaded.get(code)
        if found is None:
            with self._lock, seldom_collected():
                found = self._loaded.get(code) or self._load(self._paths[code])
                self._loaded[code] = found
        return found

    def __contains__(self, code: object) -> bool:
        return code in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


@dataclass(frozen=True)
class _Seen(Mapping[str, Value]):
    """The faults of a folder, seen under one aspect."""

    faults: Mapping[str, LoadedFault]
    aspect: Callable[[LoadedFault], Value]

    def __getitem__(self, code: str) -> Value:
        return self.aspect(self.faults[code])

    def __contains__(self, code: object) -> bool:
        return code in self.faults

    def __iter__(self) -> Iterator[str]:
        return iter(self.faults)

    def __len__(self) -> int:
        return len(self.faults)


@dataclass(frozen=True)
class _Catalogue(Mapping[str, FactType]):
    """Every fact by its name: measured ones and checks are known at once, findings with the faults that raise them."""

    facts: Mapping[str, FactType]
    faults: _Faults

    def __getitem__(self, name: str) -> FactType:
        known = self.facts.get(name)
        if known is not None:
            return known
        if name.startswith(FINDING):
            for faults in (self.faults.loaded, self.faults):
                for loaded in faults.values():
                    if name in loaded.findings:
                        return loaded.findings[name]
        raise KeyError(name)

    def _names(self) -> dict[str, None]:
        found = dict.fromkeys(self.facts)
        for loaded in self.faults.values():
            found.update(dict.fromkeys(loaded.findings))
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())


def open_knowledge(directory: str | Path | None = None) -> TriageKnowledge:
    """The shipped knowledge base, or one of the same layout, whose faults are compiled when they are first asked for.

    Raises KnowledgeError where manifest, checks or watches cannot be used, or there is no fault; a mistake in a fault's file is
    raised where the fault is asked for. `load_knowledge` finds all mistakes at once.
    """
    findings: list[Finding] = []
    with seldom_collected():
        files = _Files.of(knowledge_directory(directory), findings)
    return _knowledge(files, findings)


def load_knowledge(directory: str | Path | None = None) -> TriageKnowledge:
    """Load the shipped knowledge base, or one of the same layout from a directory.

    The layout: `knowledge.yaml`, `checks.yaml`, one file a code under `faults/`, and, where faults can be asked for by
    words, `symptoms.yaml`, and, where there are early warnings, `watches.yaml`; `standard_codes.yaml` stands in place of the
    shipped one. Raises KnowledgeError with every mistake and its place; a rule that cannot fire is a mistake.
    """
    folder = knowledge_directory(directory)
    findings: list[Finding] = []
    with seldom_collected():
        files = _Files.of(folder, findings)
        for name, model in ((SYMPTOMS, SymptomsFile), (STANDARD_CODES, StandardCodesFile)):
            if (folder / name).exists():
                validated(model, read_knowledge(folder / name, findings), findings)
        for code in files.faults:
            try:
                files.faults[code]
            except KnowledgeError as error:
                findings.extend(error.findings)
    return _knowledge(files, findings)


@dataclass(frozen=True)
class _Files:
    """The files of a folder: manifest, checks and watches read, faults to be read."""

    folder: Path
    manifest: Manifest | None
    checks: Mapping[str, Check]
    facts: Mapping[str, FactType]
    faults: _Faults
    watches: tuple[CompiledWatch, ...]
    digest: str

    @classmethod
    def of(cls, folder: Path, findings: list[Finding]) -> _Files:
        """Open a folder; what is wrong with what is read is added to the findings."""
        manifest = validated(Manifest, read_knowledge(folder / MANIFEST, findings), findings)
        checks_file = validated(ChecksFile, read_knowledge(folder / CHECKS, findings), findings)
        library = Library(folder)
        paths = {code: library.path_of(code) for code in library.codes}
        if not paths and not findings:
            findings.append(file_finding(folder / FAULTS, "holds no fault", "add one file a code"))
        checks = {} if checks_file is None else {check.id: check for check in checks_file.checks}
        facts = {**MEASURED, **{check.fact_name: check_type(check) for check in checks.values()}}
        faults = _Faults(paths, lambda path: _load_fault(path, facts, tuple(checks.values())))
        watches = load_watches(folder, facts, paths, findings)
        return cls(folder, manifest, checks, facts, faults, watches, library.digest)


def _knowledge(files: _Files, findings: Iterable[Finding]) -> TriageKnowledge:
    """The knowledge base of opened files. Raises KnowledgeError where there are findings, in the order of their places."""
    if findings or files.manifest is None:
        raise KnowledgeError(sorted(findings, key=lambda f: (f.place.file, f.place.line, f.place.column, f.message)))
    base = KnowledgeBase(
        name=files.manifest.name,
        version=files.manifest.version,
        digest=files.digest,
        source_revision=files.manifest.source_revision,
        faults=_Seen(files.faults, lambda loaded: loaded.compiled),
        checks=files.checks,
        catalogue=_Catalogue(files.facts, files.faults),
        watches=files.watches,
    )
    return TriageKnowledge(base, files.faults, files.folder)


def _load_fault(path: Path, facts: Mapping[str, FactType], checks: Iterable[Check]) -> LoadedFault:
    """The fault of a file, compiled. Raises KnowledgeError with all that is wrong with it."""
    findings: list[Finding] = []
    document = read_knowledge(path, findings)
    fault = validated(Fault, document, findings)
    if fault is None or document is None:
        raise KnowledgeError(findings)
    if path.stem != fault.code:
        where = document.place(("code",))
        raise KnowledgeError(
            [
                *findings,
                Finding(
                    "misplaced", "error", None, where, f"{fault.code} in {path.name}", "one file a code, named by it"
                ),
            ]
        )
    compiled, met = compile_fault(fault, facts, checks, document)
    findings.extend(met)
    if compiled is None or findings:
        raise KnowledgeError(findings)
    return LoadedFault(compiled, document, path, finding_types(fault.rules))


def compile_fault(
    fault: Fault, facts: Mapping[str, FactType], checks: Iterable[Check], document: Document
) -> tuple[CompiledFault | None, list[Finding]]:
    """Compile a fault's rules; what is wrong comes back with its place instead."""
    findings: list[Finding] = []
    for topic, phrases in fault.vocabulary.items():
        for wrong in filter(None, map(phrase_problem, phrases)):
            where = document.place(("vocabulary", topic))
            mend = "write `words`, `these | those` or `this & that`"
            findings.append(Finding("cannot-fire", "error", None, where, wrong, mend))
    known = {**facts, **finding_types(fault.rules)}
    rules: list[CompiledRule] = []
    for place, rule in enumerate(fault.rules):
        compiled, problems = compile_rule(rule, known, fault.cause_ids)
        for problem in problems:
            where = document.place(("rules", place, *problem.path))
            findings.append(Finding("cannot-fire", "error", rule.id, where, problem.problem, problem.mend))
        for number, condition in enumerate(rule.when):
            wanted = condition.is_
            topics = () if wanted is None else (wanted,)
            for topic in (*topics, *(condition.in_ or ())):
                if condition.fact_name.endswith("_mention") and topic not in fault.vocabulary:
                    where = document.place(("rules", place, "when", number))
                    findings.append(
                        Finding(
                            "cannot-fire",
                            "error",
                            rule.id,
                            where,
                            f"the vocabulary has no {topic!r}",
                            "add its phrases to it",
                        )
                    )
        if compiled is not None:
            rules.append(compiled)
    if findings:
        return None, findings
    read = frozenset(pattern.fact_name for compiled in rules for pattern in compiled.patterns)
    bearing = tuple(check for check in checks if fault.code in check.codes and check.fact_name in read)
    named = {check.id for check in bearing}
    for place, action in enumerate(fault.actions):
        if action.check is not None and action.check not in named:
            where = document.place(("actions", place, "check"))
            said = f"action {action.title!r} is the check {action.check!r}, which no rule of {fault.code} reads"
            findings.append(
                Finding("unreachable", "error", None, where, said, f"use one of {', '.join(sorted(named))}")
            )
    if findings:
        return None, findings
    names = frozenset(name for name in read if not name.startswith(FINDING))
    made = CompiledFault(fault, tuple(rules), names, bearing)
    try:
        _ = made.matcher
    except UnsafeRuleset as error:
        return None, [Finding("too-large", "error", None, document.place(("rules",)), str(error), "split the rules")]
    return made, []
