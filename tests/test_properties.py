"""What holds for every bundle: order does not matter, numbers add up, nothing raises, the unknown is never false."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from charger_triage.engine import Diagnosis, Incident, Triage
from charger_triage.engine.facts import Fact, admit
from charger_triage.engine.matching import by_name, verdict_of
from charger_triage.engine.rules import CompiledRule
from charger_triage.knowledge.columns.cells import set_at
from charger_triage.knowledge.observations import observe
from charger_triage.knowledge.records import SCHEMAS, leaves

from .support.arithmetic import check_arithmetic
from .support.bundles import MOMENT, Bundle, arbitrary, at, bundles, malformed, spoiled
from .support.examples import few
from .support.strategies import CATALOGUE, cases

FAULT: dict[str, Any] = {
    "timestamp": at(0),
    "device_id": "A",
    "connector_id": 1,
    "event_type": "fault",
    "data": {"fault_code": "F-0421"},
}


def _json(triage: Triage, bundle: Mapping[str, Any], as_of: Any = None) -> str:
    return triage.diagnose(observe(bundle, as_of)).model_dump_json()


# Order


@few
@given(bundle=bundles(), data=st.data())
def test_any_order_of_records_gives_the_same_bytes(triage: Triage, bundle: Bundle, data: st.DataObject) -> None:
    """Lists in another order, their records too, ties and repetitions among them: the diagnosis is the same to the byte.

    Records that earn a warning keep their places, because the warning names the place as fed.
    """
    bundle = {name: [*records, *data.draw(st.lists(malformed, max_size=1))] for name, records in bundle.items()}
    expected = triage.diagnose(observe(bundle))
    warned = {(warning.list, warning.index) for warning in expected.warnings}
    shuffled = {}
    for name in data.draw(st.permutations(sorted(bundle))):
        free = [place for place in range(len(bundle[name])) if (name, place) not in warned]
        moved = dict(zip(free, data.draw(st.permutations(free)), strict=True))
        shuffled[name] = [bundle[name][moved.get(place, place)] for place in range(len(bundle[name]))]
    assert _json(triage, shuffled) == expected.model_dump_json()


def test_the_order_of_a_record_s_members_leaves_no_trace(triage: Triage) -> None:
    """What an escalation carries of an undocumented code is the same bytes, in whatever order its members were fed."""
    event = {**FAULT, "data": {"fault_code": "X-9", "details": {"b": [{"d": 1, "c": 2}], "a": 2}}}
    turned = dict(reversed(event.items())) | {
        "data": {"details": {"a": 2, "b": [{"c": 2, "d": 1}]}, "fault_code": "X-9"}
    }
    assert _json(triage, {"events": [event]}) == _json(triage, {"events": [turned]})


@few
@given(bundle=bundles())
def test_a_record_that_is_fed_twice_counts_once(triage: Triage, bundle: Bundle) -> None:
    """A bundle with all its records repeated raises the same incidents with the same probabilities."""
    once, twice = (
        triage.diagnose(observe(lists)).incidents for lists in (bundle, {n: r + r for n, r in bundle.items()})
    )
    assert _ranking(once) == _ranking(twice)
    assert [incident.occurrences for incident in once] == [incident.occurrences for incident in twice]


def _ranking(incidents: Sequence[Incident]) -> list[Any]:
    return [(i.incident_id, [(h.cause_id, h.probability) for h in i.hypotheses]) for i in incidents]


# Numbers and traces


@few
@given(bundle=bundles())
def test_the_explanation_is_the_computation(triage: Triage, bundle: Bundle) -> None:
    """For every incident the printed numbers give the printed probabilities, and what is met is what is weighed."""
    for incident in json.loads(_json(triage, bundle))["incidents"]:
        if not incident["documented"]:
            assert incident["hypotheses"] == [] and incident["escalation"]["payloads"]
            continue
        check_arithmetic(incident)
        for hypothesis in incident["hypotheses"]:
            verdicts = {read["rule_id"]: read["verdict"] for read in hypothesis["verdicts"]}
            assert all(verdicts[item["rule_id"]] == "met" for item in hypothesis["evidence"])
            for read in hypothesis["verdicts"]:
                outcomes = {condition["verdict"] for condition in read["conditions"]}
                together = "met" if outcomes == {"met"} else "not met" if "not met" in outcomes else "unknown"
                assert read["verdict"] == together


@few
@given(bundle=bundles())
def test_the_argument_holds_for_every_incident(triage: Triage, bundle: Bundle) -> None:
    """Comparisons add up to their gaps; each set that would change the leader does, when it is supposed."""
    observations = observe(bundle)
    diagnosis = triage.diagnose(observations)
    for incident in diagnosis.incidents:
        for hypothesis in incident.hypotheses[1:]:
            why_not = diagnosis.why_not(hypothesis.cause_id, incident_id=incident.incident_id)
            assert why_not == hypothesis.why_not
            total = why_not.prior_gap_db + sum(item.difference_db for item in why_not.differences)
            assert total == why_not.gap_db == incident.hypotheses[0].score_db - hypothesis.score_db
        for change in incident.would_change[:2]:
            (after,) = [
                i
                for i in triage.diagnose(observations, suppose=change).incidents
                if i.incident_id == incident.incident_id
            ]
            assert (after.hypotheses[0].cause_id, after.hypotheses[0].probability) == (
                change.leader,
                change.probability,
            )


@few
@given(bundle=bundles())
def test_every_value_read_names_records_of_the_bundle(triage: Triage, bundle: Bundle) -> None:
    """No value comes out of nothing: each has a source, which is a record that was fed, with that record's timestamp.

    So a list that is missing gives no value: what is not known is never taken for zero or for false.
    """
    fed = {name: [_moments(record) for record in records] for name, records in bundle.items()}
    for incident in triage.diagnose(observe(bundle)).incidents:
        for hypothesis in incident.hypotheses:
            for read in hypothesis.verdicts:
                for condition in read.conditions:
                    if condition.value is None:
                        assert condition.verdict == "unknown"
                        continue
                    assert condition.sources, f"{read.rule_id}: {condition.text} is {condition.value} without a source"
                    for source in condition.sources:
                        assert source.index < len(fed[source.list])
                        assert source.timestamp is None or any(
                            source.timestamp in moments for moments in fed[source.list]
                        )


def _moments(record: Mapping[str, Any]) -> set[str]:
    return {value for value in record.values() if isinstance(value, str)}


@settings(few, max_examples=max(10, (settings.default.max_examples if settings.default else 100) // 10))
@given(bundle=bundles(), data=st.data())
def test_a_check_result_that_supports_a_cause_never_lowers_it(
    triage: Triage, bundle: Bundle, data: st.DataObject
) -> None:
    """A result of a check nobody had done, which rules count for a cause and none against it, keeps or raises its score."""
    base = triage.knowledge.base
    before = triage.diagnose(observe(bundle))
    incident = data.draw(st.sampled_from([*before.incidents]))
    assume(incident.documented)
    compiled = base.faults[incident.fault_code]
    check = data.draw(st.sampled_from(compiled.checks))
    assume(
        check.id not in {record["check_id"] for record in bundle.get("check_results", []) if isinstance(record, dict)}
    )
    result = data.draw(st.sampled_from([r.value for r in check.results]))
    record = {
        "timestamp": before.as_of,
        "device_id": incident.device_id,
        "connector_id": incident.connector_id,
        "check_id": check.id,
        "value": result,
    }
    more = {**bundle, "check_results": [*bundle.get("check_results", []), record]}
    after = next(i for i in triage.diagnose(observe(more)).incidents if i.incident_id == incident.incident_id)
    scores = {h.cause_id: h.score_db for h in incident.hypotheses}
    shown = {h.cause_id: {item.rule_id for item in h.evidence} for h in incident.hypotheses}
    for hypothesis in after.hypotheses:
        new = [item for item in hypothesis.evidence if item.rule_id not in shown[hypothesis.cause_id]]
        assert shown[hypothesis.cause_id] <= {item.rule_id for item in hypothesis.evidence}, "a firing was lost"
        if all(item.weight_db > 0 for item in new):
            assert hypothesis.score_db >= scores[hypothesis.cause_id]
        if all(item.weight_db < 0 for item in new):
            assert hypothesis.score_db <= scores[hypothesis.cause_id]


@few
@given(cases(), st.data())
def test_what_is_no_longer_known_is_unknown_and_never_not_met(
    case: tuple[list[CompiledRule], list[Fact], list[Fact]], data: st.DataObject
) -> None:
    """Precisely: with at most one fact of each name, taking a fact away turns no verdict into "not met".

    What was met or unknown becomes or stays unknown. (Of several facts of one name the verdict speaks of the nearest; with
    that one gone it may speak of another that does fail.)
    """
    compiled, facts, _ = case
    single = list({fact.name: fact for fact in admit(facts, CATALOGUE)[0]}.values())
    assume(single)
    fewer = [fact for fact in single if fact is not data.draw(st.sampled_from(single))]
    for rule in compiled:
        if verdict_of(rule, by_name(single)).verdict != "not met":
            left = verdict_of(rule, by_name(fewer)).verdict
            assert left == "unknown" or (left == "met" and verdict_of(rule, by_name(single)).verdict == "met")


# Anything at all


@settings(few, max_examples=settings.default.max_examples // 2 if settings.default else 100)
@given(bundle=st.lists(spoiled(), min_size=1, max_size=3), as_of=arbitrary)
@example(
    bundle=[
        (
            "events",
            [{**FAULT, "data": {"fault_code": "F-0421", "details": {"\ud800": ["\ud800", float("nan"), 10**400]}}}],
        )
    ],
    as_of=None,
)
@example(
    bundle=[
        ("check_results", [{"timestamp": at(0), "device_id": "A", "check_id": "coil-voltage", "value": float("inf")}])
    ],
    as_of=1e300,
)
def test_arbitrary_json_in_any_record_list_never_raises(
    triage: Triage, bundle: list[tuple[str, Any]], as_of: Any
) -> None:
    """Arbitrary JSON instead of lists, records and fields, deep inside of them too, leaves the sound fault diagnosed."""
    lists = dict(bundle)
    known = lists.get("events")
    lists["events"] = [*known, FAULT] if isinstance(known, list) else [FAULT]
    text = triage.diagnose(observe(lists, as_of)).model_dump_json()
    document = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert "A/1/F-0421" in {incident["incident_id"] for incident in document["incidents"]}
    assert not [warning for warning in document["warnings"] if "measurement failed" in warning["problem"]]
    assert Diagnosis.model_validate_json(text).model_dump_json() == text


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_half_a_character_costs_its_value_alone(triage: Triage, name: str) -> None:
    """A lone surrogate, which no JSON can hold, in any text of a record is left out with a warning, the fault diagnosed."""
    needed: dict[str, Any] = {"timestamp": at(0), "start_time": at(0), "device_id": "A", "site_id": "S"}
    needed |= {"event_type": "stop", "command": "reboot", "transition": "online"}
    needed |= dict.fromkeys(("record_id", "command_id", "check_id"), "coil-voltage")
    texts = [leaf for leaf in leaves(name).values() if leaf.path not in needed and leaf.kind in ("text", "key", "free")]
    record: dict[str, Any] = {path: value for path, value in needed.items() if path in leaves(name)}
    for leaf in texts:
        set_at(
            record,
            leaf.path,
            ["z\ud800"]
            if "list" in str(leaf.hint)
            else {"z\ud800": "z\ud800"}
            if "dict" in str(leaf.hint)
            else "z\ud800",
        )
    observations = observe({"events": [FAULT], name: [FAULT, record] if name == "events" else [record]}, at(0))
    diagnosis = triage.diagnose(observations)
    assert "A/1/F-0421" in {i["incident_id"] for i in json.loads(diagnosis.model_dump_json())["incidents"]}
    warned = {warning.field for warning in diagnosis.warnings if warning.list == name}
    assert {leaf.path for leaf in texts if leaf.kind != "free"} <= warned


@pytest.mark.parametrize("deep", [50, 300, 5_000])
def test_deep_nesting_is_cut_and_named(triage: Triage, deep: int) -> None:
    """A payload nested beyond what JSON readers bear comes out as readable JSON."""
    payload: Any = "bottom"
    for _ in range(deep):
        payload = {"in": [payload]}
    event = {**FAULT, "data": {"fault_code": "E-99", "details": payload}}
    assert json.loads(_json(triage, {"events": [event]}))["incidents"][0]["fault_code"] == "E-99"


# The moment of the diagnosis


@pytest.mark.parametrize(
    ("bundle", "as_of", "expected"),
    [
        ({"events": [FAULT]}, None, at(0)),
        ({"events": [FAULT], "heartbeats": [{"timestamp": at(7), "device_id": "B"}]}, None, at(7)),
        ({"events": [FAULT], "devices": [{"device_id": "B", "last_heartbeat": at(9)}]}, None, at(9)),
        (
            {
                "events": [FAULT],
                "charging_records": [{"record_id": "r", "device_id": "A", "start_time": at(-9), "end_time": at(8)}],
            },
            None,
            at(8),
        ),
        ({"events": [FAULT]}, at(60), at(60)),
        ({"events": [FAULT]}, "2026-05-10T14:00:00+02:00", at(0)),
        ({"events": [FAULT]}, "2026-05-10T12:00:00", at(0)),
        ({"events": [FAULT]}, MOMENT.timestamp(), at(0)),
        ({"events": [FAULT]}, MOMENT.timestamp() * 1000, at(0)),
        ({}, None, None),
    ],
)
def test_as_of_is_the_stated_moment_or_the_newest_timestamp(
    triage: Triage, bundle: Any, as_of: Any, expected: str | None
) -> None:
    """Any offset, epoch seconds and milliseconds are read; without a statement the newest timestamp anywhere counts."""
    diagnosis = triage.diagnose(observe(bundle, as_of))
    assert (diagnosis.as_of, diagnosis.warnings) == (expected, [])


@pytest.mark.parametrize("as_of", ["soon", [], {}, True, float("nan"), 1e40])
def test_an_as_of_that_is_no_moment_is_a_warning(triage: Triage, as_of: Any) -> None:
    """The newest timestamp is taken instead, and the diagnosis says so."""
    diagnosis = triage.diagnose(observe({"events": [FAULT]}, as_of))
    assert diagnosis.as_of == at(0)
    assert [(w.list, w.field) for w in diagnosis.warnings] == [("bundle", "as_of")]


@few
@given(bundle=bundles())
def test_as_of_in_the_past_leaves_out_what_came_later(triage: Triage, bundle: Bundle) -> None:
    """diagnose(as_of=…) sees the incidents of the bundle without its later fault events, and no later source."""
    diagnosis = triage.diagnose(observe(bundle), as_of=MOMENT.timestamp())
    assert diagnosis.as_of == at(0)
    for incident in diagnosis.incidents:
        if incident.occurrences:
            assert incident.last_seen <= at(0)
        for hypothesis in incident.hypotheses:
            for item in hypothesis.evidence:
                assert all((s.timestamp or "") <= at(0) for fact in item.facts for s in fact.sources)


# Which incidents there are (contract, diagnosis.md)

SPELLINGS = [
    *((code, "F-0421") for code in ("F-0421", "f-0421", "F0421", "f0421", "0421", "421", " F-0421 ", "F 0421", "F_421", 421, 421.0, "421.0")),
    *((code, None) for code in (0, 0.0, "0", "0000", "F-0000", "none", "NoError")),
    *((code, code) for code in ("E-77", "GroundFault", "F-04210", "F-12AB", "故障")),
    (9999, "F-9999"), ("421\n", "F-0421"),
]  # fmt: skip


@pytest.mark.parametrize(("spelling", "code"), SPELLINGS, ids=[repr(spelling) for spelling, _ in SPELLINGS])
def test_fault_codes_are_read_in_every_spelling(triage: Triage, spelling: Any, code: str | None) -> None:
    """Text with and without letter, dash and zeros, and whole numbers, name one code; others stay as they are."""
    diagnosis = triage.diagnose(observe({"events": [{**FAULT, "data": {"fault_code": spelling}}]}))
    assert [incident.fault_code for incident in diagnosis.incidents] == ([] if code is None else [code])
    assert diagnosis.warnings == []


@pytest.mark.parametrize(
    "code", [True, 4.5, [], {}, ["F-0421"], 10**20, float("nan"), float("inf"), "x" * 300, None, "", " "]
)
def test_a_fault_without_a_usable_code_is_a_warning(triage: Triage, code: Any) -> None:
    """What cannot be a code raises no incident, and the diagnosis names the record."""
    diagnosis = triage.diagnose(observe({"events": [{**FAULT, "data": {"fault_code": code}}]}))
    assert diagnosis.incidents == []
    (warning,) = diagnosis.warnings
    assert (warning.list, warning.index, warning.field) == ("events", None, "data.fault_code")
    assert warning.problem.startswith("A, connector 1 at 2026-05-10T12:00:00Z: ")


def test_a_warning_never_gives_a_place_in_time_order(triage: Triage) -> None:
    """Of faults fed newest first, one without a code is named by its time, a heartbeat's by its own, and neither by an index."""
    events = [
        {"device_id": "A", "timestamp": f"2026-05-1{9 - n}T08:00:00Z", "event_type": "fault", "data": {"fault_code": "F-0101"}}
        for n in range(4)
    ]  # fmt: skip
    events[0]["data"] = {}
    beats = [{"device_id": "A", "timestamp": f"2026-05-1{9 - n}T09:00:00Z", "status": "online"} for n in range(2)]
    beats[0]["fault_code"] = "x" * 300
    diagnosis = triage.diagnose(observe({"events": events, "heartbeats": beats}))
    assert [(w.list, w.index, w.problem.partition(": ")[0]) for w in diagnosis.warnings] == [
        ("events", None, "A at 2026-05-19T08:00:00Z"),
        ("heartbeats", None, "A at 2026-05-19T09:00:00Z"),
    ]


def _codes(triage: Triage, bundle: Mapping[str, Any], as_of: Any = None) -> list[tuple[str, int | None, str, int]]:
    incidents = triage.diagnose(observe(bundle, as_of)).incidents
    return [(i.device_id, i.connector_id, i.fault_code, i.occurrences) for i in incidents]


def test_incidents_are_by_charger_connector_and_code(triage: Triage) -> None:
    """Repetitions are one incident with a count; another connector, charger or code is another incident."""
    faults = [
        FAULT,
        {**FAULT, "timestamp": at(5)},
        {**FAULT, "connector_id": 2},
        {**FAULT, "device_id": "B"},
        {**FAULT, "data": {"fault_code": 203}},
    ]
    assert _codes(triage, {"events": faults}) == [
        ("A", 1, "F-0203", 1), ("A", 1, "F-0421", 2), ("A", 2, "F-0421", 1), ("B", 1, "F-0421", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("connector", [None, 0])
def test_a_fault_of_the_whole_charger_has_no_connector(triage: Triage, connector: Any) -> None:
    """A code whose scope is the charger, and connector 0, are incidents of the charger."""
    lost = {**FAULT, "data": {"fault_code": "F-0301"}}
    assert _codes(triage, {"events": [lost]}) == [("A", None, "F-0301", 1)]
    assert _codes(triage, {"events": [{**FAULT, "connector_id": connector}]}) == [("A", None, "F-0421", 1)]


@pytest.mark.parametrize(
    ("age", "interval", "lost"),
    [
        (60, None, False),
        (60.001, None, True),
        (60, 30, False),
        (120, 60, False),
        (121, 60, True),
        (20, 10, False),
        (21, 10, True),
    ],
)
@pytest.mark.parametrize("where", ["heartbeats", "devices"])
def test_a_heartbeat_older_than_two_intervals_is_a_lost_one(
    triage: Triage, age: float, interval: float | None, lost: bool, where: str
) -> None:
    """At exactly two intervals (the configured one, else 30 s) it is not lost yet; whichever record tells the newest."""
    bundle: dict[str, Any] = {
        "heartbeats": [{"timestamp": at(-age - 500), "device_id": "A"}],
        "devices": [{"device_id": "A", "last_heartbeat": at(-age - 400)}],
    }
    if where == "heartbeats":
        bundle["heartbeats"].append({"timestamp": at(-age), "device_id": "A"})
    else:
        bundle["devices"][0]["last_heartbeat"] = at(-age)
    if interval is not None:
        bundle["configurations"] = [
            {"timestamp": at(-900), "device_id": "A", "settings": {"heartbeat_interval_s": interval}}
        ]
    assert _codes(triage, bundle, at(0)) == ([("A", None, "F-0301", 0)] if lost else [])


def test_an_offline_charger_has_lost_its_heartbeat(triage: Triage) -> None:
    """The status alone is enough; with an F-0301 event of the charger there is one incident, not two."""
    assert _codes(triage, {"devices": [{"device_id": "A", "status": "offline"}]}, at(0)) == [("A", None, "F-0301", 0)]
    lost = {**FAULT, "data": {"fault_code": "F-0301"}}
    bundle = {"devices": [{"device_id": "A", "status": "offline"}], "events": [lost]}
    assert _codes(triage, bundle, at(0)) == [("A", None, "F-0301", 1)]
    assert _codes(triage, {"devices": [{"device_id": "A", "status": "online"}]}, at(0)) == []


@pytest.mark.parametrize(
    ("device", "beat", "since"),
    [
        ({"offline_since": at(-10)}, -10, -10),
        ({"offline_since": at(0)}, -10, 0),
        ({"offline_since": at(86400)}, -10, None),  # metadata of the day after
        ({"offline_since": at(86400)}, -600, -600),  # its heartbeats are too old all the same
        ({"last_heartbeat": at(86400)}, -10, None),
        ({}, -10, -10),
    ],
)
def test_no_heartbeat_is_lost_after_the_diagnosis(
    triage: Triage, device: dict[str, Any], beat: float, since: float | None
) -> None:
    """A charger that goes offline only after the moment of the diagnosis has lost nothing yet, whatever its status says now."""
    devices = [{"device_id": "A", "status": "offline", **device}]
    observed = observe({"devices": devices, "heartbeats": [{"timestamp": at(beat), "device_id": "A"}]})
    incidents = triage.diagnose(observed, as_of=MOMENT.timestamp()).incidents
    expected = [] if since is None else [("F-0301", at(since), at(0))]
    assert [(i.fault_code, i.first_seen, i.last_seen) for i in incidents] == expected


def test_a_charger_that_is_offline_at_no_time_is_a_warning(triage: Triage) -> None:
    """Where no record tells a time there is no incident, and the diagnosis says why; any time mends that."""
    bundle = {"devices": [{"device_id": "A", "status": "offline"}, {"device_id": "B", "status": "online"}]}
    diagnosis = triage.diagnose(observe(bundle))
    assert diagnosis.incidents == []
    (warning,) = diagnosis.warnings
    assert (warning.list, warning.field, warning.problem.partition(":")[0]) == ("devices", "status", "A")
    assert triage.diagnose(observe(bundle, at(0))).warnings == []


@pytest.mark.parametrize(
    ("times", "storm"),
    [
        ([0, 100, 200, 300, 400], False),
        ([0, 100, 200, 300, 400, 500], True),
        ([0, 100, 200, 300, 400, 600], True),
        ([0, 100, 200, 300, 400, 600.001], False),
        ([0, 0, 100, 200, 300, 400], False),
        ([0, 601, 1202, 1803, 2404, 3005, 3606], False),
    ],
    ids=["five", "six", "six within exactly ten minutes", "six within a little more", "one fed twice", "spread"],
)
def test_more_than_five_reconnects_within_ten_minutes_are_a_storm(
    triage: Triage, times: list[float], storm: bool
) -> None:
    """Five are none, six are one, up to exactly 600 s from the first to the last."""
    connections = [{"timestamp": at(time), "device_id": "A", "transition": "reconnect"} for time in times]
    assert _codes(triage, {"connections": connections}) == ([("A", None, "F-0302", 0)] if storm else [])
    if storm:
        event = {**FAULT, "data": {"fault_code": "F-0302"}}
        assert _codes(triage, {"connections": connections, "events": [event]}) == [("A", None, "F-0302", 1)]


def test_a_heartbeat_s_fault_code_stands_in_only_where_no_event_has_it(triage: Triage) -> None:
    """It raises an incident of the charger, unless an event of the charger names the same code, in whatever spelling."""
    beat = {"timestamp": at(0), "device_id": "A", "status": "fault", "fault_code": "0421"}
    assert _codes(triage, {"heartbeats": [beat]}) == [("A", None, "F-0421", 1)]
    assert _codes(triage, {"heartbeats": [beat], "events": [FAULT]}) == [("A", 1, "F-0421", 1)]
    other = {**FAULT, "device_id": "B"}
    assert _codes(triage, {"heartbeats": [beat], "events": [other]}) == [
        ("A", None, "F-0421", 1),
        ("B", 1, "F-0421", 1),
    ]
    assert _codes(triage, {"heartbeats": [{**beat, "fault_code": 0}]}) == []


def test_a_reading_over_a_limit_raises_no_incident(triage: Triage) -> None:
    """Without a fault a hot connector, a stopped fan and an open relay are telemetry and nothing more."""
    telemetry = [
        {"timestamp": at(-second), "device_id": "A", "connector_id": 1, "state": "charging", "temperature": 95,
         "component_health": {"cooling_fan_rpm": 0, "cooling_fan_status": "fault", "relay_state": "fault"}}
        for second in range(0, 600, 5)
    ]  # fmt: skip
    assert _codes(triage, {"telemetry": telemetry}) == []
