"""What reports say: the arithmetic, plain speaking where little is known, and that no data breaks out of them."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from charger_triage.adapters.files import read_bundle
from charger_triage.adapters.report import (
    cause_text,
    diagnosis_markdown,
    diagnosis_text,
    explanation_markdown,
    explanation_text,
    exported_document,
)
from charger_triage.adapters.report.html import diagnosis_html
from charger_triage.engine import Diagnosis, FaultExplanation, Triage
from charger_triage.engine.diagnosis import DataWarning
from charger_triage.knowledge.observations import observe

HOSTILE = [
    "\x1b[31mred\x1b[0m\x07\x9b2J",
    "[bold red]markup[/] [link=https://evil.example]x[/link]",
    "](https://evil.example) ![x](https://evil.example/x.png) <img src=x onerror=alert(1)> www.evil.example",
    "```\n# heading\n| a | b |\n| --- | --- |\n- [ ] task",
    "| cell | ~~gone~~ **bold** _thin_ &lt; \\",
    "\u202eright to left\u2066\u2028line\ud800",
    "🔌⚡ 充電器",
]


def evidence(weight_db: float, statement: str, name: str = "rule", **more: Any) -> dict[str, Any]:
    """A piece of evidence with one fact behind it."""
    source = {"list": "telemetry", "index": 17, "timestamp": "2026-05-10T11:59:30Z"}
    return {
        "rule_id": f"F-0421.{name}", "effect": "supports" if weight_db > 0 else "against", "weight_db": weight_db,
        "counted": True, "already_counted_by": None, "group": None, "statement": statement, "source": "dictionary F-0421",
        "facts": [{"name": "coil_voltage", "value": 85.0, "unit": "%", "sources": [source]}],
        **more,
    }  # fmt: skip


def hypothesis(rank: int, title: str, items: list[dict[str, Any]], probability: float = 0.5) -> dict[str, Any]:
    """A cause with a prior of 0 dB and its evidence."""
    return {
        "rank": rank, "cause_id": f"F-0421/cause-{rank}", "title": title, "probability": probability, "prior_db": 0.0,
        "score_db": sum(item["weight_db"] for item in items if item["counted"]), "evidence": items,
        "verdicts": [{"rule_id": "F-0421.rule", "verdict": "met", "conditions": [
            {"text": "coil voltage below 95%", "verdict": "met", "value": 85.0, "unit": "%", "sources": [], "age_s": 30.0}]}],
        "unknown": [{"check_id": "close-click", "would": "separate it"}],
    }  # fmt: skip


def incident(*hypotheses: dict[str, Any], device: str = "A", **more: Any) -> dict[str, Any]:
    """An incident with these causes and one check that is left."""
    return {
        "incident_id": f"{device}/1/F-0421", "device_id": device, "connector_id": 1, "fault_code": "F-0421",
        "documented": True, "title": "Contactor failed to engage", "severity": "error", "category": "Hardware",
        "first_seen": "2026-05-10T12:00:00Z", "last_seen": "2026-05-10T12:00:00Z", "occurrences": 1,
        "hypotheses": list(hypotheses), "undocumented_probability": 0.01, "undocumented_prior_db": -6.0,
        "next_checks": [{"check_id": "close-click", "title": "Listen for the click", "where": "onsite", "minutes": 20.0,
                         "expected_bits": 0.5, "if": {"present": "F-0421/cause-1 would lead with 90%"}}],
        "actions": [{"title": "Replace the coil supply", "for": ["F-0421/cause-1"], "where": "onsite"}],
        "known_firmware_issue": {"affected": "3.0.0 to 3.0.2", "fixed_in": "3.0.3", "applies": None, "summary": "Timing."},
        "caused_by": [], "escalation": None, **more,
    }  # fmt: skip


def diagnosis(*incidents: dict[str, Any], warnings: list[dict[str, Any]] | None = None) -> Diagnosis:
    """A diagnosis of these incidents."""
    return Diagnosis.model_validate(
        {
            "as_of": "2026-05-10T12:00:00Z", "version": "1", "matcher": "verdicts", "facts_digest": "sha256:1",
            "knowledge": {"name": "small", "version": "1", "digest": "sha256:1", "source_revision": "1"},
            "incidents": list(incidents), "watches": [], "warnings": warnings or [],
        }
    )  # fmt: skip


def undocumented(text: str) -> dict[str, Any]:
    """An incident of a code that is not documented, with a text wherever data can put one."""
    return incident(
        device=text, fault_code=text, documented=False, title=None, severity=None, category=None, next_checks=[], actions=[],
        undocumented_probability=None, undocumented_prior_db=None, known_firmware_issue=None,
        escalation={"payloads": [{"data": {"details": text}}], "device": {"model": text}, "firmware_version": text,
                    "time_range": {"from": text, "to": text}, "telemetry": [{"state": text}]},
    )  # fmt: skip


def everywhere(text: str) -> Diagnosis:
    """A diagnosis with a text in every place that data or knowledge can fill."""
    warnings = [{"list": text, "index": 1, "field": text, "problem": text}]
    return diagnosis(
        incident(hypothesis(1, text, [evidence(7.0, text)]), device=text, title=text),
        undocumented(text),
        warnings=warnings,
    )


def paragraphs(report: str) -> str:
    """A text report with its line breaks undone."""
    return re.sub(r"\s+", " ", report)


def test_the_printed_sum_gives_the_score() -> None:
    """Prior and weights, those of untold reasons too, are printed as a sum that ends in the score; others do not enter."""
    items = [evidence(weight, f"Reason {weight}.", f"r{weight}") for weight in (20.0, 13.0, 7.0, 7.0, 3.0, -7.0)]
    items.append(evidence(13.0, "The same again.", counted=False, already_counted_by="F-0421.r20.0"))
    report = paragraphs(diagnosis_text(diagnosis(incident(hypothesis(1, "Low supply", items)))))
    assert "prior 0 + 20 + 13 + 2 × 7 + 3 − 7 = 43 dB" in report
    assert "Reason 20.0. coil voltage 85% ← telemetry[17] @ 2026-05-10 11:59:30Z" in report
    assert "and 2 more: +7, +3" in report
    assert "already counted: The same again. (+13, by F-0421.r20.0)" in report


@pytest.mark.parametrize(("lists", "told"), [((7,), False), ((8,), True), ((4, 4), True), ((4, 3), False)])
def test_as_many_records_as_a_value_names_may_be_fewer_than_it_counts(lists: tuple[int, ...], told: bool) -> None:
    """Ten chargers and eight records need an explanation: a value names eight at most. Every form of a report gives it."""
    sources = [
        {"list": name, "index": index, "timestamp": None}
        for name, number in zip(("events", "telemetry"), lists, strict=False)
        for index in range(number)
    ]
    fact = {"name": "affected_devices_with_code", "value": 10.0, "unit": "1", "sources": sources}
    found = diagnosis(incident(hypothesis(1, "Firmware", [{**evidence(13.0, "A cluster."), "facts": [fact]}])))
    for report in (
        diagnosis_text(found),
        diagnosis_markdown(found),
        diagnosis_html(found, read_bundle(io.StringIO("{}"))),
    ):
        assert ("the first and last, where there are more" in paragraphs(report)) is told


def test_causes_that_cannot_be_told_apart_are_said_to_be_so() -> None:
    """A flat ranking is put into words, with the check that would separate it; a clear one is not."""
    flat = incident(hypothesis(1, "Stuck", []), hypothesis(2, "Dirty", []))
    assert (
        "The records do not tell these causes apart; the check that would: Listen for the click (on site, 20 min)."
        in paragraphs(diagnosis_text(diagnosis(flat)))
    )
    clear = incident(hypothesis(1, "Stuck", [evidence(3.0, "A sign.")]), hypothesis(2, "Dirty", []))
    assert "apart" not in diagnosis_text(diagnosis(clear))


def test_a_report_recommends_one_check_first() -> None:
    """What would tell causes apart is the check that every form of the report puts first, and no more is said of it than is so."""
    first = {"check_id": "close-click", "title": "Listen for the click", "where": "onsite", "minutes": 20.0,
             "expected_bits": 0.6, "if": {}}  # fmt: skip
    second = {**first, "check_id": "coil-voltage", "title": "Measure the coil supply", "minutes": 30.0}
    causes = [
        {**hypothesis(rank, name, []), "unknown": [{"check_id": "coil-voltage", "would": "separate it"}]}
        for rank, name in enumerate(("Stuck", "Coil", "Dirty"), 1)
    ]
    found = diagnosis(incident(*causes, next_checks=[first, second]))
    for report in (
        diagnosis_text(found),
        diagnosis_markdown(found),
        diagnosis_html(found, read_bundle(io.StringIO("{}"))),
    ):
        shown = paragraphs(report)
        assert "apart; the check that tells most for its time: Listen for the click (on site, 20 min)" in shown
        assert "the check that would" not in shown


def test_strong_signs_that_disagree_are_named_as_a_pair() -> None:
    """A person and a sensor that contradict each other both stand in one sentence."""
    items = [evidence(13.0, "The fan stood still.", "seen"), evidence(-13.0, "The fan turned at 2150 rpm.", "read")]
    report = paragraphs(diagnosis_text(diagnosis(incident(hypothesis(1, "Fan", items)))))
    assert "“The fan stood still.” but “The fan turned at 2150 rpm.”" in report


def test_no_incidents_reads_as_an_answer() -> None:
    """A healthy charger gets one clear sentence, in text and in Markdown."""
    for report in (paragraphs(diagnosis_text(diagnosis(), asked="A")), diagnosis_markdown(diagnosis(), asked="A")):
        assert "No incidents for A: nothing in these records is a fault, as of 2026-05-10 12:00:00Z." in report


def test_no_incidents_is_no_all_clear_where_events_could_not_be_read() -> None:
    """What was skipped may have been the fault."""
    broken = diagnosis().model_copy(
        update={"warnings": [DataWarning(list="events", index=0, field="timestamp", problem="it is skipped")]}
    )
    for report in (paragraphs(diagnosis_text(broken)), diagnosis_markdown(broken)):
        assert "No incidents: no event that could be read is a fault" in report
        assert "see the problems in the data" in report


def test_a_fleet_is_summed_up_and_told_once() -> None:
    """Thirty alike incidents are one line that names every charger, and one of them in full."""
    fleet = [incident(hypothesis(1, "Firmware", [evidence(13.0, "It is old.")]), device=f"C{n:02}") for n in range(30)]
    report = diagnosis_text(diagnosis(*fleet))
    assert "30 incidents on 30 chargers" in report
    assert "30 × F-0421" in report
    assert all(f"C{n:02}/1" in report for n in range(30))
    assert report.count("It is old.") == 1


def test_warnings_that_say_the_same_are_told_together() -> None:
    """A hundred records with one problem take one line; beyond ten kinds of problem the rest is counted."""
    same = [{"list": "telemetry", "index": n, "field": "voltage", "problem": "no number"} for n in range(100)]
    other = [{"list": "events", "index": n, "field": None, "problem": f"problem {n}"} for n in range(12)]
    report = paragraphs(diagnosis_text(diagnosis(warnings=same + other)))
    assert "112 problems in the data" in report
    assert "telemetry[0, 1, 2 and 97 more].voltage: no number" in report
    assert "problem 8 and 3 more" in report


@pytest.mark.parametrize(("records", "said"), [(181, "81 more records have"), (101, "1 more record has")])
@pytest.mark.parametrize("written", [diagnosis_text, diagnosis_markdown])
def test_how_many_more_there_are_follows_what_is_wrong(
    triage: Triage, written: Callable[[Diagnosis], str], records: int, said: str
) -> None:
    """Of very many records with the same problem the rest is counted, right after the problem that is meant."""
    row = {"timestamp": "2026-05-10T12:00:00Z", "device_id": "A", "event_type": "boot", "connector_id": "left"}
    last = {**row, "connector_id": 1, "timestamp": None}
    found = paragraphs(written(triage.diagnose(observe({"events": [row] * records + [last]}))))
    places = [found.index(each) for each in ("'left': ", f"events.connector_id: {said} a problem", "].timestamp: ")]
    assert places == sorted(places)


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("text", HOSTILE)
def test_no_line_is_wider_than_the_page(text: str, width: int) -> None:
    """Text stays within the width, however long the words or wide the characters."""
    report = diagnosis_text(everywhere(text * 20), width=width)
    wide = {"W", "F"}
    assert (
        max(sum(1 + (unicodedata.east_asian_width(c) in wide) for c in line) for line in report.splitlines()) <= width
    )


@given(st.text())
def test_no_control_character_reaches_a_report(text: str) -> None:
    """Whatever data holds, reports hold line breaks and visible characters only."""
    found = everywhere(text)
    for report in (diagnosis_text(found), diagnosis_markdown(found)):
        unseen = {c for c in report if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
        assert unseen <= {"\n", "\u200b", "\u200c", "\u200d"}


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_takes_data_as_plain_text(text: str) -> None:
    """No heading, link, image, emphasis, task or HTML comes from data; tables keep their columns."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(diagnosis_markdown(everywhere(text)))
    inline = [child for token in tokens for child in token.children or []]
    assert not {child.type for child in inline} & {"link_open", "image", "em_open", "s_open"}
    assert {child.content for child in inline if child.type == "html_inline"} <= {"<br>"}
    assert not [token for token in tokens if token.type == "html_block"]
    plain = MarkdownIt("commonmark").enable("table").parse(diagnosis_markdown(everywhere("plain")))
    assert [t.type for t in tokens if t.type.endswith("_open")] == [t.type for t in plain if t.type.endswith("_open")]


def test_colour_is_only_where_it_is_asked_for() -> None:
    """Plain text holds no escape; with colour the same words stand there."""
    found = diagnosis(incident(hypothesis(1, "Stuck", [evidence(7.0, "A sign.")])))
    plain, coloured = diagnosis_text(found), diagnosis_text(found, colour=True)
    assert "\x1b" not in plain
    assert "\x1b" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).replace(" ", "") == plain.replace(" ", "")


EXPLAINED = {
    "fault_code": "F-0421", "title": "Contactor", "severity": "error", "category": "Hardware", "scope": "connector",
    "meaning": "It did not close.", "symptoms": [], "telemetry": [], "firmware_notes": [],
    "causes": [
        {"cause_id": "F-0421/low", "title": "Low supply", "explanation": "Old.", "prior": "ordinary", "prior_db": 0.0,
         "prior_source": "dictionary F-0421"},
    ],
    "rules": [
        {"rule_id": "F-0421.low", "conditions": ["coil voltage below 95%", "finding aged is known"], "raises": None,
         "supports": {"F-0421/low": 13.0}, "against": {}, "group": "coil", "statement": "Only {coil_voltage}.",
         "source": "dictionary F-0421, step 2"},
        {"rule_id": "F-0421.aged", "conditions": ["years of use at least 8"], "supports": {}, "against": {},
         "raises": "aged", "group": None, "statement": "It is old.", "source": "TE EVC135 datasheet"},
        {"rule_id": "F-0421.other", "conditions": ["ambient above 50 °C"], "supports": {}, "against": {"F-0421/high": -3.0},
         "raises": None, "group": None, "statement": "It is hot.", "source": "runbook"},
    ],
    "checks": [], "actions": [],
}  # fmt: skip


def test_an_explanation_gives_every_threshold_with_its_source() -> None:
    """Text and Markdown hold each condition, weight and source; values stand as names, not as braces."""
    explained = FaultExplanation.model_validate(EXPLAINED)
    for report in (paragraphs(explanation_text(explained)), explanation_markdown(explained)):
        for expected in (
            "coil voltage below 95%",
            "+13 dB",
            "dictionary F-0421, step 2",
            "TE EVC135 datasheet",
            "‹coil voltage›",
        ):
            assert expected in report


def test_a_cause_shows_the_findings_behind_its_rules() -> None:
    """The rules of a cause come with those that raise what they read, and without those of other causes."""
    report = cause_text(FaultExplanation.model_validate(EXPLAINED), "F-0421/low")
    assert "years of use at least 8" in report
    assert "ambient above 50" not in report


def test_the_export_follows_its_schema(triage: Triage) -> None:
    """The exported knowledge validates against the schema beside it, which refuses a changed word."""
    document = json.loads(exported_document(triage.knowledge.base))
    jsonschema.Draft202012Validator.check_schema(document["schema"])
    jsonschema.validate(document["knowledge"], document["schema"])
    assert {fault["code"] for fault in document["knowledge"]["faults"]} == set(triage.knowledge.base.faults)
    document["knowledge"]["faults"][0]["causes"][0]["prior"] = "sometimes"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document["knowledge"], document["schema"])
