"""Texts of people: which topics a sentence mentions, and which it denies; and what a check says that was done twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.engine import Triage
from charger_triage.knowledge.observations import observe
from charger_triage.knowledge.phrases import phrase_of, phrase_problem
from charger_triage.knowledge.texts import affirmed, is_mentioned
from charger_triage.knowledge.topics import Topics


@pytest.mark.parametrize(
    ("phrase", "text", "mentioned"),
    [
        ("jammed", "Plunger jammed.", True),
        ("jam*", "Plunger jamming again", True),
        ("jam", "Plunger jammed", False),
        ("jammed | stuck", "It was stuck", True),
        ("fan* | blower* & stiff | seized", "The rear fan, five years old, is stiff", True),
        ("fan* | blower* & stiff | seized", "Seized again: both blowers", True),
        ("fan* & stiff", "Both fans fine. The door is stiff.", False),
        ("fan* & stiff", "fan " + "very " * 13 + "stiff", False),
        ("fan* & stiff", "fan not stiff", False),
        ("fan* & stiff", "no fan was stiff", False),
        ("pins & burnt ! his car|taxi*", "Pins burnt", True),
        ("pins & burnt ! his car|taxi*", "The pins in the taxis are burnt", False),
        ("pins & burnt ! his car|taxi*", "Looked at the taxi. Our pins are burnt.", True),
        ("schema & keys", "no schema of these keys, yet the keys of a newer schema", True),
        ("pitting", "Nothing pitting", False),
        ("pitting", "Pitting none", False),
        ("pitting", "pitting: not found", False),
        ("pitting", "Not clean. Pitting.", True),
    ],
)
def test_a_phrase_is_met_within_a_sentence_that_does_not_deny_it(phrase: str, text: str, mentioned: bool) -> None:
    """Two parts may stand in either order, few words apart; what is denied at one place may be said at another."""
    topics = Topics({"topic": [phrase]})
    assert any(topics.mentioned(sentence) for sentence in affirmed(text)) is mentioned


WORDS = st.sampled_from(
    ["fan", "fans", "fan s", "fa", "stiff", "stiffer", "no", "not", "seized", "c", "c->a", "→", "2", "of"]
)
WRITTEN = st.tuples(st.lists(WORDS, min_size=1, max_size=2), st.sampled_from(["", "*"])).map(
    lambda w: " ".join(w[0]) + w[1]
)
PARTS = st.lists(WRITTEN, min_size=1, max_size=3).map("|".join)
PHRASES = st.lists(PARTS, min_size=1, max_size=2).map(" & ".join)


@given(st.dictionaries(st.sampled_from("abc"), st.lists(PHRASES, min_size=1, max_size=3)), st.lists(WORDS, max_size=9))
def test_topics_are_mentioned_as_by_their_patterns_one_by_one(
    vocabulary: dict[str, list[str]], words: list[str]
) -> None:
    """Patterns that are left out, since no phrase of theirs can begin anywhere, would not have been met."""
    for sentence in affirmed(" ".join(words)):
        patterns = {topic: [phrase_of(phrase).pattern for phrase in phrases] for topic, phrases in vocabulary.items()}
        met = [
            topic for topic in sorted(patterns) if any(is_mentioned(pattern, sentence) for pattern in patterns[topic])
        ]
        assert Topics(vocabulary).mentioned(sentence) == met
        assert Topics(vocabulary).mentioned(sentence, among={"a"}) == [topic for topic in met if topic == "a"]


@pytest.mark.parametrize(
    "phrase",
    [
        "tls cert* expir*",
        "discolou?red",
        "dc+",
        "fan & & stiff",
        "a & b & c",
        "",
        "fan |",
        "→ & up",
        "fan !",
        "fan ! a*b",
    ],
)
def test_a_phrase_that_no_text_is_met_by_is_told(phrase: str) -> None:
    """A star within words, a sign at their end, a part that is missing, three parts."""
    assert phrase_problem(phrase) is not None


TERMINATION = "F-0411/termination-resistor"


def probability(triage: Triage, visit: int | None, *results: tuple[int, float]) -> float:
    """How probable a missing end resistor is by resistances at some hours after the fault, with a visit at an hour."""

    def at(hours: int) -> str:
        return f"2026-05-10T{hours:02d}:00:00Z"

    own = {"device_id": "A"}
    event = {**own, "timestamp": at(1), "event_type": "fault", "data": {"fault_code": "F-0411"}}
    checks = [{**own, "timestamp": at(1 + h), "check_id": "can-termination", "value": ohm} for h, ohm in results]
    records: dict[str, list[dict[str, Any]]] = {"events": [event], "check_results": checks}
    if visit is not None:
        records["service_visits"] = [{**own, "timestamp": at(1 + visit), "work": "On site"}]
    (incident,) = triage.diagnose(observe(records)).incidents
    return next(h.probability for h in incident.hypotheses if h.cause_id == TERMINATION)


def test_a_check_repeated_after_a_repair_does_not_speak_of_the_fault(triage: Triage) -> None:
    """120 ohm at the fault and 60 after a visit: the resistor was missing, and is there now."""
    missing, there = probability(triage, None, (2, 120)), probability(triage, None, (2, 60))
    assert missing > there
    assert probability(triage, 5, (2, 120), (8, 60)) == missing
    assert probability(triage, None, (2, 120), (8, 60)) == there
    assert probability(triage, 5, (8, 60)) == there
    assert probability(triage, 1, (2, 120), (8, 60)) == there


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("site switch failed in the night", True),
        ("switch down", True),
        ("PowerSwitchFailure", False),
        ("heartbeat lost after power switch failure", False),
        ("contactor switch failed", False),
    ],
)
def test_a_switch_of_the_power_is_no_switch_of_the_network(triage: Triage, text: str, tells: bool) -> None:
    """OCPP calls a contactor a power switch; that one failed says nothing of the site's network."""
    data = {"fault_code": "F-0301", "details": {"error_code": text}}
    fault = {"device_id": "A", "timestamp": "2026-05-10T01:00:00Z", "event_type": "fault", "data": data}
    (incident,) = triage.diagnose(observe({"events": [fault]})).incidents
    fired = {evidence.rule_id for h in incident.hypotheses for evidence in h.evidence}
    assert ("F-0301.says-uplink-down" in fired) is tells


@pytest.mark.parametrize(
    ("text", "tells"), [("grid sync lost, output stopped", False), ("grid sync lost, PLL error 8.2 deg", True)]
)
def test_an_error_of_lost_sync_is_no_lock_that_drifts(triage: Triage, text: str, tells: bool) -> None:
    """The code's own words beside the standard's OtherError are no cause; an error of the lock is."""
    data = {"fault_code": "F-0701", "details": {"error_code": "OtherError", "info": text}}
    fault = {
        "device_id": "A", "connector_id": 1, "timestamp": "2026-05-10T01:00:00Z", "event_type": "fault", "data": data,
    }  # fmt: skip
    (incident,) = triage.diagnose(observe({"events": [fault]})).incidents
    fired = {evidence.rule_id for h in incident.hypotheses for evidence in h.evidence}
    assert ("F-0701.text-pll-drift" in fired) is tells


OVERLOAD = "F-0204/sustained-overload"


@pytest.mark.parametrize(
    ("list_name", "record", "tells"),
    [
        (
            "events",
            {"event_type": "alarm", "data": {"message": "Depot: all buses at once, flat out half the night"}},
            True,
        ),
        ("events", {"event_type": "alarm", "data": {"message": "Both outlets at once"}}, False),
        (
            "commands",
            {
                "command_id": "C",
                "command": "get_log",
                "status": "completed",
                "result": "two outlets at full power for hours on end",
            },
            True,
        ),
        (
            "commands",
            {
                "command_id": "C",
                "command": "get_log",
                "status": "completed",
                "result": "not once were both outlets at full power",
            },
            False,
        ),
        ("service_visits", {"work": "Both outlets at once"}, True),
    ],
)
def test_what_is_written_out_is_a_report(triage: Triage, list_name: str, record: dict[str, Any], tells: bool) -> None:
    """Alarms and results of commands tell of a cause as visits do, where they are accounts and not labels."""
    own = {"device_id": "A"}
    fault = {**own, "timestamp": "2026-05-10T01:00:00Z", "event_type": "fault", "data": {"fault_code": "F-0204"}}
    time = "created_at" if list_name == "commands" else "timestamp"
    records: dict[str, list[dict[str, Any]]] = {"events": [fault]}
    records.setdefault(list_name, []).append({**own, time: "2026-05-10T03:00:00Z", **record})
    (incident,) = triage.diagnose(observe(records)).incidents
    fired = {evidence.rule_id for h in incident.hypotheses if h.cause_id == OVERLOAD for evidence in h.evidence}
    assert ("F-0204.told-later-load" in fired) is tells


@pytest.mark.parametrize(
    ("cause", "note"),
    [
        ("F-0421/coil-under-voltage", "Netzteil 24V bricht ein, ersetzt"),
        ("F-0601/bearing-wear", "lager versleten, ventilator vervangen"),
        ("F-0301/power-cycle", "FI im Verteiler war gefallen, wieder eingeschaltet"),
        ("F-0301/tls-certificate-expired", "certificat expiré, renouvelé sur place"),
        ("F-0203/pin-oxidation", "Steckkontakte oxidiert, gereinigt"),
        ("F-0411/termination-resistor", "Abschlusswiderstand fehlte am letzten Modul, nachgerüstet"),
    ],
)
def test_what_a_visit_found_is_read_in_other_languages(triage: Triage, cause: str, note: str) -> None:
    """A technician's note in German, French or Dutch puts the cause first that it names."""
    code = cause.partition("/")[0]
    fault = {"timestamp": "2026-05-10T08:00:00Z", "device_id": "A", "event_type": "fault", "data": {"fault_code": code}}
    visit = {"timestamp": "2026-05-11T08:00:00Z", "device_id": "A", "work": note}
    (incident,) = triage.diagnose(observe({"events": [fault], "service_visits": [visit]})).incidents
    assert incident.hypotheses[0].cause_id == cause
