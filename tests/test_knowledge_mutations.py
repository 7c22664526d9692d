"""Flip any comparison in the shipped rules and some case beside the rule fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from charger_triage.knowledge import TriageKnowledge, load_knowledge

from .support.mutations import all_survivors, mutants, survivors

CHECKS = """\
checks:
  - {id: ripeness, title: R, codes: [F-0001], where: remote, minutes: 1, results: [{value: 1.0}, {value: 5.0}]}
"""
FAULT = """\
code: F-0001
title: T
severity: error
category: c
scope: connector
meaning: m
symptoms: [s]
telemetry: [t]
causes:
  - {id: first, title: First, prior_source: p, explanation: e}
rules:
  - id: ripe
    when: [{check: ripeness, above: 3}, {fact: firmware_version, from: 3.0.0, before: 3.1.0}]
    supports: {first: weakly}
    statement: x
    source: s
actions:
  - {title: a, for: [first], where: remote, minutes: 5}
---
rules:
  ripe:
    fires: [{check.ripeness: 4, firmware_version: 3.0.0}, {check.ripeness: 4, firmware_version: 3.0.9}]
    near_miss: %s
    unknown: [{firmware_version: 3.0.0}, {check.ripeness: 4}]
"""
SHARP = """
      - {check.ripeness: 3, firmware_version: 3.0.0}
      - {check.ripeness: 4, firmware_version: 2.9.9}
      - {check.ripeness: 4, firmware_version: 3.1.0}"""
BLUNT = "[{check.ripeness: 2, firmware_version: 3.0.0}]"


def _load(folder: Path, near_miss: str) -> TriageKnowledge:
    (folder / "faults").mkdir()
    (folder / "knowledge.yaml").write_text('name: small\nversion: "1"\nsource_revision: "1"\n')
    (folder / "checks.yaml").write_text(CHECKS)
    (folder / "faults" / "F-0001.yaml").write_text(FAULT % near_miss)
    return load_knowledge(folder)


def test_the_check_itself_finds_blunt_cases_and_passes_sharp_ones(tmp_path: Path) -> None:
    """A near miss away from the threshold leaves moved boundaries and a wider version range unnoticed, with their place."""
    for name in ("sharp", "blunt"):
        (tmp_path / name).mkdir()
    sharp = _load(tmp_path / "sharp", SHARP)
    assert survivors(sharp.faults["F-0001"], sharp.base.catalogue) == []
    blunt = _load(tmp_path / "blunt", BLUNT)
    found = survivors(blunt.faults["F-0001"], blunt.base.catalogue)
    assert {survivor.change for survivor in found} == {
        "check.ripeness above 3.0 can become at_least",
        "firmware_version from 3.0.0 can be left out",
        "firmware_version from 3.0.0 can become from 2.9.9",
        "firmware_version before 3.1.0 can be left out",
        "firmware_version before 3.1.0 can become to",
        "firmware_version before 3.1.0 can become before 3.1.1",
    }
    assert {survivor.where.split(":")[1] for survivor in found} == {"13"}
    assert sum(1 for rule in sharp.base.faults["F-0001"].rules for _ in mutants(rule.rule, sharp.base.catalogue)) == 13


def test_every_change_of_a_shipped_comparison_fails_a_case(knowledge: TriageKnowledge) -> None:
    """Operators turned around, boundaries moved, members and conditions removed: the cases of the rule notice each."""
    found = {code: left for code, left in all_survivors(knowledge).items() if left}
    if found:
        total = sum(map(len, found.values()))
        lines = [f"{total} changes go unnoticed: " + ", ".join(f"{code} {len(left)}" for code, left in found.items())]
        lines += [str(survivor) for left in found.values() for survivor in left]
        pytest.fail("\n".join(lines), pytrace=False)
