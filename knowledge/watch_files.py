"""The rules of early warnings as a file: read, validated, compiled; what is wrong with it comes with its place."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..engine.durable_matcher import UnsafeRuleset, make_matcher
from ..engine.facts import Catalogue
from ..engine.watch_rules import CompiledWatch, WatchesFile, compile_watch
from .findings import Finding, read_knowledge, validated
from .library import WATCHES


def load_watches(
    folder: Path, catalogue: Catalogue, codes: Iterable[str], findings: list[Finding]
) -> tuple[CompiledWatch, ...]:
    """The watch rules of a folder, in the order of the file; none where it has no such file.

    `codes` are the documented fault codes. What is wrong is added to the findings.
    """
    path = folder / WATCHES
    if not path.exists():
        return ()
    document = read_knowledge(path, findings)
    file = validated(WatchesFile, document, findings)
    if document is None or file is None:
        return ()
    documented = tuple(codes)
    found: list[CompiledWatch] = []
    for place, rule in enumerate(file.rules):
        compiled, problems = compile_watch(rule, catalogue, documented)
        for problem in problems:
            where = document.place(("rules", place, *problem.path))
            findings.append(Finding("cannot-fire", "error", rule.id, where, problem.problem, problem.mend))
        if compiled is not None:
            found.append(compiled)
    try:
        make_matcher([compiled.rule for compiled in found])
    except UnsafeRuleset as error:
        where = document.place(("rules",))
        findings.append(Finding("too-large", "error", None, where, str(error), "split the rules"))
    return tuple(found)
