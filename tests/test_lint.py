"""What `kb lint` finds: each rule about the rules against one small knowledge base that is clean otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from charger_triage.knowledge.lint import lint
from charger_triage.knowledge.loading import Finding

MANIFEST = '{name: small, version: "1", source_revision: "1"}\n'
CHECKS = """\
checks:
  - id: close-click
    title: Listen for the click
    codes: [F-0421]
    where: onsite
    minutes: 20
    results: [{value: present}, {value: absent}, {value: unknown}]
"""
FAULT = """\
code: F-0421
title: Contactor failed to engage
severity: error
category: Hardware
scope: connector
meaning: It did not close.
symptoms: [It does not start]
telemetry: [events]
vocabulary: {jam: [jammed]}
causes:
  - {id: stuck, title: Stuck, explanation: It is stuck, prior_source: dictionary F-0421 does not rank its causes}
  - {id: dirty, title: Dirty, explanation: It is dirty, prior_source: dictionary F-0421 does not rank its causes}
actions:
  - {title: Mend it, for: [stuck, dirty], where: onsite, minutes: 30}
rules:
  - id: cluster
    when: [{fact: devices_with_code_on_firmware, at_least: 3}]
    supports: {dirty: moderately}
    group: fleet
    statement: "{devices_with_code_on_firmware} chargers have it."
    source: dictionary F-0421, occurrences on one firmware
  - id: jammed
    when: [{fact: payload_mention, is: jam}]
    raises: jam-told
    statement: A jam is told.
    source: "judgement: the firmware names what it saw"
  - id: told
    when: [{finding: jam-told}]
    supports: {stuck: moderately}
    statement: A jam is told.
    source: "judgement: the firmware names what it saw"
  - id: click
    when: [{check: close-click, is: present}]
    supports: {dirty: strongly}
    statement: It clicks.
    source: dictionary F-0421, step on the click
  - id: no-click
    when: [{check: close-click, is: absent}]
    supports: {stuck: strongly}
    statement: It does not click.
    source: dictionary F-0421, step on the click
"""
CASES = """\
---
rules:
  cluster: {fires: [{devices_with_code_on_firmware: 3}], near_miss: [{devices_with_code_on_firmware: 2}], unknown: [{}]}
  jammed: {fires: [{payload_mention: jam}], near_miss: [{payload_mention: other}], unknown: [{}]}
  told: {fires: [{payload_mention: jam}], unknown: [{}]}
  click: {fires: [{check.close-click: present}], near_miss: [{check.close-click: absent}], unknown: [{}]}
  no-click: {fires: [{check.close-click: absent}], near_miss: [{check.close-click: present}], unknown: [{}]}
  added: {fires: [{}], near_miss: [{}], unknown: [{}]}
  added-too: {fires: [{}], near_miss: [{}], unknown: [{}]}
causes:
  stuck: [{name: no click, facts: {check.close-click: absent}}]
  dirty: [{name: click, facts: {check.close-click: present}}]
"""
SOURCE = "dictionary F-0421, first cause"


def rule(name: str, when: str, says: str = "supports: {stuck: weakly}", source: str = SOURCE) -> str:
    """A rule of the file, as YAML."""
    return f'  - id: {name}\n    when: [{when}]\n    {says}\n    statement: So it is.\n    source: "{source}"\n'


def linted(folder: Path, *, fault: str = FAULT, cases: str = CASES, checks: str = CHECKS) -> list[Finding]:
    """The findings in a small knowledge base with these files."""
    (folder / "faults").mkdir()
    (folder / "knowledge.yaml").write_text(MANIFEST, encoding="utf-8")
    (folder / "checks.yaml").write_text(checks, encoding="utf-8")
    (folder / "faults" / "F-0421.yaml").write_text(fault + cases, encoding="utf-8")
    return lint(folder)


def test_clean_knowledge_has_no_findings(tmp_path: Path) -> None:
    """Nothing is found where nothing is wrong."""
    assert linted(tmp_path) == []


def test_an_action_names_a_check_that_rules_of_its_code_read(tmp_path: Path) -> None:
    """Else it would be recommended for ever."""
    mend = "{title: Mend it, for: [stuck, dirty], where: onsite, minutes: 30"
    (finding,) = linted(tmp_path, fault=FAULT.replace(mend, f"{mend}, check: vents"))
    assert (finding.kind, finding.message) == (
        "unreachable",
        "action 'Mend it' is the check 'vents', which no rule of F-0421 reads",
    )


@pytest.mark.parametrize(
    ("when", "dead"),
    [
        ("{fact: age, above: 5}, {fact: age, below: 5, as: again}", True),
        ("{fact: age, above: 5}, {fact: age, at_most: 6, as: again}", False),
        ("{fact: age, as: x}, {fact: age, as: y, above: $x}", True),
        ("{fact: payload_mention, is: jam, as: x}, {fact: payload_mention, as: y, differs_from: $x}", False),
        ("{fact: fan_status, is: ok}, {fact: fan_status, in: [warning, fault], as: again}", True),
        (
            "{fact: fan_speed, above: 100, as: x}, {fact: age, above: $x, as: y},{fact: age, below: 99, as: z}",
            True,
        ),
        ("{fact: firmware_version, from: 3.0.0}, {fact: firmware_version, before: 3.0.0, as: again}", True),
    ],
)
def test_contradictory_conditions_make_a_rule_dead(tmp_path: Path, when: str, dead: bool) -> None:
    """Conditions over a fact that an incident has once must be able to hold together; facts that come in many may differ."""
    findings = linted(tmp_path, fault=FAULT + rule("added", when))
    assert [(f.kind, f.rule) for f in findings] == ([("dead", "added")] if dead else [])


@pytest.mark.parametrize(
    ("when", "says", "dead"),
    [
        ("{fact: devices_with_code_on_firmware, at_least: 4}", "supports: {dirty: weakly}", True),
        ("{fact: devices_with_code_on_firmware, at_least: 4}", "supports: {dirty: moderately}", True),
        ("{fact: devices_with_code_on_firmware, at_least: 4}", "supports: {dirty: strongly}", False),
        ("{fact: devices_with_code_on_firmware, at_least: 4}", "against: {dirty: weakly}", False),
        ("{fact: devices_with_code_on_firmware, at_least: 2}", "supports: {dirty: weakly}", False),
        ("{fact: devices_with_code_on_firmware, in: [3, 5]}, {fact: fan_status}", "supports: {dirty: weakly}", True),
        ("{fact: devices_with_code_on_firmware, in: [2, 5]}", "supports: {dirty: weakly}", False),
    ],
)
def test_a_weight_that_a_wider_rule_of_its_group_always_outdoes_is_dead(
    tmp_path: Path, when: str, says: str, dead: bool
) -> None:
    """A narrower rule of a group must weigh more than the wider one, or it never counts."""
    findings = linted(tmp_path, fault=FAULT + rule("added", when, f"{says}\n    group: fleet"))
    assert [(f.kind, f.rule) for f in findings] == ([("dead", "added")] if dead else [])


def test_knowledge_that_leads_nowhere_is_unreachable(tmp_path: Path) -> None:
    """Findings nobody reads, findings only raised by themselves, topics and results without a reader are named."""
    fault = FAULT.replace("{jam: [jammed]}", "{jam: [jammed], rust: [rusty]}")
    fault += rule("added", "{finding: ring}, {fact: fan_status}", "raises: ring")
    fault += rule("added-too", "{fact: fan_speed, below: 900}", "raises: slow")
    checks = CHECKS.replace("{value: absent},", "{value: absent}, {value: faint},")
    checks += CHECKS.replace("checks:\n", "").replace("close-click", "nobody").replace("[F-0421]", "[F-0421, F-0999]")
    messages = [f.message for f in linted(tmp_path, fault=fault, checks=checks) if f.kind == "unreachable"]
    assert messages == [
        "no rule asks for the topic 'rust'",
        "it reads a finding that only rules behind it raise, or none that can fire",
        "nobody reads the finding slow",
        "no rule of F-0421 reads the result 'faint' of close-click",
        "no rule of F-0421 reads the check nobody",
        "nobody is for F-0999, which has no file",
    ]


def test_rules_and_causes_without_cases_are_untested(tmp_path: Path) -> None:
    """Each rule needs its three kinds of cases and each cause one of its own; a bare finding has no near miss."""
    cases = CASES.replace("near_miss: [{devices_with_code_on_firmware: 2}], ", "").replace("  told:", "  untold:")
    cases = cases.replace("  dirty: [{name: click, facts: {check.close-click: present}}]\n", "")
    found = [(f.rule, f.message) for f in linted(tmp_path, cases=cases)]
    assert found == [
        (None, "dirty has no case in which it ranks first"),
        ("cluster", "it has no case for near_miss"),
        ("told", "it has no case for fires, unknown"),
    ]


@pytest.mark.parametrize(
    ("source", "accepted"),
    [
        ("dictionary F-0421, first cause", True),
        ("runbook on power-up faults", True),
        ("IEC 61851-23, 6.3.1", True),
        ("TE EVC135 datasheet", True),
        ("judgement: two sensors differ by as much", True),
        ("judgement", False),
        ("our judgement, of course", False),
        ("experience", False),
        ("see above", False),
    ],
)
def test_a_source_names_a_document_or_the_reason_of_a_judgement(tmp_path: Path, source: str, accepted: bool) -> None:
    """Vague sources are found, with the place of the source itself."""
    fault = FAULT + rule("added", "{fact: fan_speed, below: 900}", source=source)
    findings = linted(tmp_path, fault=fault)
    assert [f.kind for f in findings] == ([] if accepted else ["unsourced"])
    for finding in findings:
        line = fault.splitlines()[finding.place.line - 1]
        assert line[finding.place.column - 1 :] == f'"{source}"'


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("against: {dirty: weakly}", "says the opposite of dirty"),
        ("supports: {dirty: weakly}", "already speaks of dirty"),
        ("supports: {stuck: weakly}", None),
    ],
)
def test_two_rules_of_the_same_conditions_must_not_disagree_or_repeat(
    tmp_path: Path, says: str, message: str | None
) -> None:
    """The same conditions written another way are still the same."""
    when = (
        "{fact: devices_with_code_on_firmware, above: 1}, {fact: devices_with_code_on_firmware, at_least: 3, as: again}"
    )
    findings = linted(tmp_path, fault=FAULT + rule("added", when, says))
    assert [(f.kind, f.rule) for f in findings] == ([] if message is None else [("contradictory", "added")])
    assert all(message in f.message for f in findings if message is not None)


def test_what_keeps_knowledge_from_loading_is_a_finding(tmp_path: Path) -> None:
    """A rule over a fact that does not exist is reported with its place instead of an exception."""
    fault = FAULT + rule("added", "{fact: fan_sped, below: 900}")
    finding = linted(tmp_path, fault=fault)[0]
    assert (finding.kind, finding.rule, finding.severity) == ("cannot-fire", "added", "error")
    assert str(finding).startswith(
        f"F-0421.yaml:{fault.count(chr(10)) - 3}:12: error: cannot-fire [added]: no fact is named 'fan_sped'"
    )


GOOD = "{fact: fan_speed, below: 900}"


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{fact: fan_speed, below: slow}", "'slow' is not a number; write behind below a number in rpm, or $"),
        ("{fact: fan_sped, below: 900}", "no fact is named 'fan_sped'; did you mean fan_speed"),
        ("{fact: fan_sped, below: slow, above: 0}", "no fact is named 'fan_sped'; did you mean fan_speed"),
        ("{fact: fan_speed, belo: 900}", "'belo' is no key of a condition; did you mean below?"),
        ("{fact: fan_speed, wobbles: 900}", "'wobbles' is no key of a condition; use one of fact, finding, check, as"),
        ("{fact: fan_speed, below: [900]}", "below: a number or a text is expected, not a list; correct it"),
        ("{fact: fan_speed, in: []}", "in: it holds 0 of at least 1; add what is missing"),
        ("{fact: fan_speed, in: fast}", "in: a list is expected, not the text 'fast'; correct it"),
        ("{below: 900}", "when: a condition names exactly one of fact, finding, check; correct it"),
        (
            "{fact: firmware_version, above: 3}",
            "above compares numbers, and firmware_version is a version; use from, to",
        ),
    ],
)
def test_a_mistake_in_a_condition_is_told_once_in_plain_words(tmp_path: Path, when: str, message: str) -> None:
    """One finding with the rule and how to mend it: no validator's words, and nothing that only follows from another mistake."""
    said = rule("added", when)
    if "fan_sp" in when:
        said = said.replace("So it is.", "'{fan_speed} turn(s) a minute.'")
    (finding,) = linted(tmp_path, fault=FAULT + said)
    assert finding.rule == "added"
    assert f"{finding.message}; {finding.mend}".startswith(message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title:", "titel:", "'titel' is no key of a fault; did you mean title?"),
        ("meaning:", "wobbles:", "the fault has no 'meaning'; add meaning:"),
    ],
)
def test_a_mistake_in_an_entry_is_told_in_plain_words(tmp_path: Path, old: str, new: str, message: str) -> None:
    """A key that is misspelt is not besides said to be missing."""
    told = [f"{finding.message}; {finding.mend}" for finding in linted(tmp_path, fault=FAULT.replace(old, new, 1))]
    assert message in told
    assert len(told) == (1 if "did you mean" in message else 2)


def test_rules_that_are_called_alike_are_named_with_their_place(tmp_path: Path) -> None:
    """The second of them, by its rule and line."""
    fault = FAULT + rule("added", GOOD) + rule("added", GOOD)
    (finding,) = linted(tmp_path, fault=fault)
    assert finding.rule == "added"
    assert finding.message == "another of the rules is called 'added'"
    assert finding.place.line == fault[: fault.rindex("added")].count("\n") + 1


@pytest.mark.parametrize("phrase", ["a & b & c", "jam | ", "'&  jam'", "'*'", "''"])
def test_a_phrase_that_would_be_met_everywhere_or_nowhere_keeps_knowledge_from_loading(
    tmp_path: Path, phrase: str
) -> None:
    """An empty part would stand in every text."""
    findings = linted(tmp_path, fault=FAULT.replace("[jammed]", f"[jammed, {phrase}]"))
    assert [(f.kind, f.severity, f.place.line) for f in findings] == [("cannot-fire", "error", 9)]


LINK = "{fact: earlier_incident, is: F-0101, as: up}"


@pytest.mark.parametrize(
    ("when", "says", "found"),
    [
        (LINK, "supports: {stuck: weakly}\n    upstream: up", []),
        ("{fact: age, as: up}", "supports: {stuck: weakly}\n    upstream: up", ["dead"]),
        (
            "{check: close-click, is: present, as: x}, {check: close-click, is: absent, as: y}",
            "contradicts: [x, y]",
            [],
        ),
        ("{fact: age, as: x}, {fact: fan_speed, as: y}", "contradicts: [x, y]\n    group: fleet", ["dead"]),
        ("{fact: age, above: 5}", "brings_about: haste", []),
        ("{fact: age, above: 5}", "brings_about: haste\n    group: fleet", ["dead"]),
    ],
)
def test_keys_that_say_nothing_on_a_rule_are_dead(tmp_path: Path, when: str, says: str, found: list[str]) -> None:
    """An upstream that is no incident names none, and a group is for rules that weigh; a check may contradict itself."""
    findings = linted(tmp_path, fault=FAULT + rule("added", when, says))
    assert [(f.kind, f.rule) for f in findings] == [(kind, "added") for kind in found]


def test_a_link_is_not_dead_where_a_wider_rule_of_its_group_outdoes_it(tmp_path: Path) -> None:
    """It names the incident behind this one, whether or not its weight counts."""
    wide = rule("added", "{fact: age, above: 5}", "supports: {stuck: strongly}\n    group: fleet")
    link = f"{LINK}, {{fact: age, above: 6}}"
    says = "supports: {stuck: weakly}\n    group: fleet"
    assert linted(tmp_path, fault=FAULT + wide + rule("added-too", link, f"{says}\n    upstream: up")) == []


def test_a_result_that_only_a_contradiction_reads_is_unread(tmp_path: Path) -> None:
    """To say that two things cannot both be true is not to say what either means."""
    told = "{check: close-click, is: unsure, as: x}, {fact: age, as: y}"
    checks = CHECKS.replace("{value: unknown}", "{value: unsure}")
    (finding,) = linted(tmp_path, fault=FAULT + rule("added", told, "contradicts: [x, y]"), checks=checks)
    assert finding.kind == "unreachable" and "unsure" in finding.message


STANDARD = """\
codes:
  - code: PowerSwitchFailure
    standard: OCPP 1.6 errorCode
    meaning: The switch failed.
    maps_to: [{fault: F-0421, while: [starting], fit: close, basis: "at a start it has to close"}]
"""
MODELS = """\
plan_upgrade_beyond_minor: 2
plan_upgrade_source: platform notes, models and firmware
models: [{model: M, kind: DC charger, latest_stable: 3.1.0, source: platform notes}]
"""
OWNERS = """\
roles: [{id: support, title: support, reach: remote}]
defaults: {remote: {owner: support, source: "judgement: who reads the records can do it"}}
checks: {close-click: {owner: support, source: "platform notes"}}
actions: {Mend it: {owner: support, source: "platform notes"}}
vendor_contact: {address: a@example.org, for: reports, source: platform notes}
"""


@pytest.mark.parametrize(
    ("file", "content", "found"),
    [
        ("standard_codes.yaml", STANDARD, []),
        ("standard_codes.yaml", STANDARD.replace("fault: F-0421", "fault: F-0999"), [("unreachable", 5)]),
        ("standard_codes.yaml", STANDARD + "    related: [F-0999]\n", [("unreachable", 6)]),
        ("standard_codes.yaml", STANDARD.replace("at a start it has to close", "so"), [("unsourced", 5)]),
        ("standard_codes.yaml", STANDARD.split("    maps_to")[0], [("unsourced", 2)]),
        ("standard_codes.yaml", STANDARD.replace("fit: close", "fit: near"), [("malformed", 5)]),
        ("standard_codes.yaml", STANDARD + STANDARD.split("\n", 1)[1].replace("PowerSwitch", "powerswitch"), [("contradictory", 6)]),
        (
            "standard_codes.yaml",
            STANDARD.replace("}]", "}, {fault: F-0421, fit: exact, basis: whatever it was doing}]"),
            [("contradictory", 5)],
        ),
        ("models.yaml", MODELS, []),
        ("models.yaml", MODELS.replace("3.1.0", "newest"), [("malformed", 3)]),
        ("models.yaml", MODELS.replace("source: platform notes}", "source: somebody}"), [("unsourced", 3)]),
        ("models.yaml", MODELS.replace("models: [", "models: [{model: M, kind: AC, latest_stable: null, source: platform notes}, "), [("contradictory", 3)]),
        ("owners.yaml", OWNERS, []),
        ("owners.yaml", OWNERS.replace("close-click", "open-click"), [("unreachable", 3)]),
        ("owners.yaml", OWNERS.replace("Mend it", "Mend that"), [("unreachable", 4)]),
        ("owners.yaml", OWNERS.replace("owner: support, source: \"judgement", "owner: nobody, source: \"judgement"), [("malformed", 1)]),
        ("owners.yaml", "roles: [\n", [("unreadable", 2)]),
    ],
)  # fmt: skip
def test_the_tables_beside_the_rules_are_looked_at(
    tmp_path: Path, file: str, content: str, found: list[tuple[str, int]]
) -> None:
    """What a table names has to exist, to be named once and to say where it comes from; each finding has its file and line."""
    (tmp_path / file).write_text(content, encoding="utf-8")
    findings = linted(tmp_path)
    assert [(f.kind, f.place.line) for f in findings] == found
    assert all(f.place.file == file and f.mend for f in findings)
