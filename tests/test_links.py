"""Incidents behind incidents, evidence that cannot both be true, and what a fault brought about, from records to diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from charger_triage.engine import Triage
from charger_triage.engine.diagnosis import Incident
from charger_triage.knowledge.cases import expanded
from charger_triage.knowledge.observations import observe

from .support.bundles import Bundle, bundles

MINUTE = timedelta(minutes=1)
Lists = Mapping[str, Any]


def fault(code: str, when: str, device: str = "A", connector: int | None = 1, **details: Any) -> dict[str, Any]:
    """A fault event."""
    data = {"fault_code": code, **({"details": details} if details else {})}
    return {"timestamp": when, "device_id": device, "connector_id": connector, "event_type": "fault", "data": data}


def check(name: str, value: Any, when: str = "T+1h") -> dict[str, Any]:
    """The result of a check on charger A."""
    return {"timestamp": when, "device_id": "A", "check_id": name, "value": value}


def telemetry(begin: str, every: str, **series: str) -> dict[str, Any]:
    """A telemetry series of connector 1 of charger A."""
    return {"device_id": "A", "connector_id": 1, "from": begin, "every": every, "series": series}


def joined(*parts: Lists) -> dict[str, Any]:
    """Record lists put together."""
    return {name: [r for part in parts for r in part.get(name, [])] for name in {n for part in parts for n in part}}


def diagnosed(triage: Triage, code: str, lists: Lists, as_of: str | None = None) -> Incident:
    """The incident of a code on charger A."""
    moment = None if as_of is None else expanded({"x": [{"timestamp": as_of}]})["x"][0]["timestamp"]
    diagnosis = triage.diagnose(observe(expanded(lists), moment), device_id="A", fault_code=code)
    assert diagnosis.warnings == []
    return diagnosis.incidents[0]


# Links


@dataclass(frozen=True)
class Link:
    """An incident that stands behind another: how long before, for which cause, and what else the records hold."""

    upstream: str
    downstream: str
    before: str
    after: str
    cause: str
    connector: int | None
    context: Lists = field(default_factory=dict)

    @property
    def incident_id(self) -> str:
        return f"A/{'-' if self.connector is None else self.connector}/{self.upstream}"


PINGS = {"settings": {"websocket_ping_interval_s": 60}, "platform_settings": {"websocket_ping_interval_s": 20}}
LINKS = [
    Link("F-0601", "F-0204", "T-3d", "T+3h", "fan-failure", None),
    Link("F-0601", "F-0203", "T-3d", "T+3h", "cooling-degraded", None),
    Link("F-0101", "F-0701", "T-9d", "T+3h", "bidirectional-contactor", 1),
    Link("F-0101", "F-0421", "T-9d", "T+3h", "contactor-stuck-open", 1, {"telemetry": [
        telemetry("T-30d", "1d", **{"component_health.contactor_cycles": "99500x30", "component_health.contactor_max_cycles": "100000x30"})]}),
    Link("F-0302", "F-0301", "T-2h", "T+3h", "unclean-websocket-drop", None),
    Link("F-0301", "F-0805", "T-2m", "T+2m", "network-outage-abort", None),
    Link("F-0302", "F-0805", "T-2m", "T+2m", "network-outage-abort", None),
    Link("F-0702", "F-0805", "T-2m", "T+2m", "bms-shutdown", 1, {"charging_records": [
        {"record_id": "r", "device_id": "A", "connector_id": 1, "start_time": "T-1h", "end_time": "T", "stop_reason": "BMS protection"}]}),
    Link("F-0512", "F-0302", "T-2d", "T+3h", "keepalive-mismatch", None, {"configurations": [{"timestamp": "T-1d", "device_id": "A", **PINGS}]}),
    Link("F-0701", "F-0411", "T-1m", "T+2m", "dc-bus-overvoltage", 1),
]  # fmt: skip


@pytest.mark.parametrize("link", LINKS, ids=lambda link: f"{link.upstream}-{link.downstream}")
def test_an_earlier_incident_of_the_same_charger_is_named_as_the_root(triage: Triage, link: Link) -> None:
    """Upstream first and on the same charger: it is named; after the fact, or on another charger: it is not."""
    devices = {"devices": [{"device_id": name, "site_id": "S", "model": "TP-DC180"} for name in ("A", "B")]}
    downstream = {"events": [fault(link.downstream, "T")]}

    def with_upstream(when: str, device: str = "A", connector: int | None = 1) -> Incident:
        upstream = {"events": [fault(link.upstream, when, device, connector)]}
        return diagnosed(triage, link.downstream, joined(devices, downstream, upstream, link.context))

    linked = with_upstream(link.before)
    assert linked.hypotheses[0].cause_id == f"{link.downstream}/{link.cause}"
    (found,) = linked.caused_by
    assert found.incident_id == link.incident_id and linked.root == link.incident_id
    assert found.cause_id == linked.hypotheses[0].cause_id and link.upstream in found.statement
    assert with_upstream(link.after).caused_by == []
    assert with_upstream(link.before, device="B").caused_by == []
    if link.connector is not None and link.downstream != "F-0301":
        assert with_upstream(link.before, connector=2).caused_by == []


def test_a_storm_and_a_loss_that_no_event_reports_are_linked_with_the_records_they_were_seen_in(triage: Triage) -> None:
    """A pattern of reconnects stands behind a silence, both raised from records alone."""
    connections = [
        {"timestamp": f"T-{minute}m", "device_id": "A", "transition": transition, "clean_close": False}
        for start in range(40, 31, -1)
        for minute, transition in ((start, "offline"), (start - 0.5, "online"))
    ]
    lists = {
        "devices": [{"device_id": "A", "model": "TP-DC180"}],
        "connections": connections,
        "heartbeats": [{"device_id": "A", "from": "T-60m", "every": "30s", "series": {"status": "onlinex80"}}],
    }
    incident = diagnosed(triage, "F-0301", lists, "T")
    assert [up.incident_id for up in incident.caused_by] == ["A/-/F-0302"]
    evidence = [e for h in incident.hypotheses for e in h.evidence if e.rule_id == "F-0301.storm-incident-behind"]
    assert {source.list for item in evidence for fact in item.facts for source in fact.sources} == {"connections"}


@pytest.mark.parametrize(
    ("link", "mended"),
    [
        (LINKS[0], {"service_visits": [{"timestamp": "T-1d", "device_id": "A", "work": "Cabinet fan replaced"}]}),
        (LINKS[2], {"service_visits": [{"timestamp": "T-1d", "device_id": "A", "work": "Contactor replaced"}]}),
        (LINKS[8], {"configurations": [{"timestamp": "T-30h", "device_id": "A", "running_config": "a", "expected_config": "a"}]}),
    ],
    ids=["fan", "contactor", "configuration"],
)  # fmt: skip
def test_an_incident_that_was_mended_in_between_stands_behind_nothing(
    triage: Triage, link: Link, mended: Lists
) -> None:
    """A new fan, a new contactor, a configuration seen right: what came before is over."""
    events = {"events": [fault(link.downstream, "T"), fault(link.upstream, link.before)]}
    devices = {"devices": [{"device_id": "A", "model": "TP-DC180"}]}
    lists = joined(devices, events, link.context)
    assert [up.incident_id for up in diagnosed(triage, link.downstream, lists).caused_by] == [link.incident_id]
    assert diagnosed(triage, link.downstream, joined(lists, mended)).caused_by == []


@pytest.mark.parametrize(
    ("occurrences", "upstream", "linked"),
    [
        (["T"], "T", True),
        (["T"], "T+50s", True),
        (["T"], "T+70s", False),
        (["T-2h", "T"], "T-1h", False),
        (["T-20d", "T"], "T-1h", True),
        (["T-2h", "T"], "T-3h", True),
    ],
)
def test_what_counts_is_which_episode_began_first(
    triage: Triage, occurrences: list[str], upstream: str, linked: bool
) -> None:
    """Ties and a minute's delay count; an upstream fault inside the episode does not, one between two episodes does."""
    events = [*(fault("F-0204", when) for when in occurrences), fault("F-0601", upstream)]
    incident = diagnosed(triage, "F-0204", {"devices": [{"device_id": "A", "model": "TP-DC180"}], "events": events})
    assert [up.incident_id for up in incident.caused_by] == (["A/-/F-0601"] if linked else [])


@given(bundle=bundles())
def test_what_stands_behind_an_incident_came_before_it_on_the_same_charger(triage: Triage, bundle: Bundle) -> None:
    """In any bundle: upstream is another incident of the charger that had been seen by then, and chains have a head."""
    found = {incident.incident_id: incident for incident in triage.diagnose(observe(bundle)).incidents}
    for incident in found.values():
        for up in incident.caused_by:
            root = found[up.incident_id]
            assert root.device_id == incident.device_id and root.fault_code != incident.fault_code
            assert None in (root.connector_id, incident.connector_id) or root.connector_id == incident.connector_id
            assert datetime.fromisoformat(root.first_seen) <= datetime.fromisoformat(incident.last_seen) + MINUTE
        if incident.caused_by:
            assert incident.root is not None and found[incident.root].caused_by == []


# Power


@pytest.mark.parametrize(
    ("series", "sessions", "said"),
    [
        ("180x20 90x20", [], ["allows 50% of its rated power, 50% less"]),
        ("180x40", [170, 165, 175, 80, 85, 82], ["reach 45.56% of the rated power, 51.76% less"]),
        ("180x40", [170, 165, 175, 168, 166, 172], []),
        ("90x40", [80, 85, 82, 80, 85, 82], []),
    ],
)
def test_a_mismatch_leads_to_low_power_where_the_records_show_that_it_fell(
    triage: Triage, series: str, sessions: list[float], said: list[str]
) -> None:
    """A limit or charges clearly lower than before the mismatch are told; steady ones, however low, are not."""
    records = [
        {"record_id": f"r{number}", "device_id": "A", "connector_id": 1, "start_time": start, "end_time": end, "max_power": power}
        for number, (power, (start, end)) in enumerate(zip(sessions, [("T-30h", "T-29h"), ("T-20h", "T-19h"), ("T-10h", "T-9h"), ("T+1h", "T+2h"), ("T+3h", "T+4h"), ("T+5h", "T+6h")], strict=False))
    ]  # fmt: skip
    lists = {
        "devices": [{"device_id": "A", "model": "TP-DC180", "product": {"rated_power_kw": 180}}],
        "events": [fault("F-0512", "T")],
        "telemetry": [telemetry("T-20m", "1m", power_limit=series)],
        "charging_records": records,
    }
    told = [effect.statement for effect in diagnosed(triage, "F-0512", lists).leads_to]
    assert len(told) == len(said) and all(part in text for part, text in zip(said, told, strict=True)), told


# Contradictions

HEALTH = "component_health."
CHARGER = {"devices": [{"device_id": "A", "site_id": "S", "model": "TP-DC180"}]}
VISIT = {"timestamp": "T-2d", "device_id": "A", "work": "Set limit", "manual_override": True}
ENDED = {"record_id": "r", "device_id": "A", "connector_id": 1, "start_time": "T-1h", "end_time": "T"}


@dataclass(frozen=True)
class Clash:
    """Records that contradict each other, the rule that says so, and the same records with one of the two put right."""

    rule: str
    records: Lists
    sound: Lists
    details: Mapping[str, Any] = field(default_factory=dict)


def fan(values: str) -> Lists:
    """The fan's speed around a check that comes an hour after the fault."""
    return {"telemetry": [telemetry("T+45m", "2m", **{f"{HEALTH}cooling_fan_rpm": values})]}


def site(status: str, since: str) -> Lists:
    """The site's network by its record."""
    return {"sites": [{"site_id": "S", "network": {"status": status, "since": since}}]}


def modules(status: str) -> Lists:
    """A module's status for half an hour after a check that comes an hour after the fault."""
    rows = [
        {"timestamp": f"T+{m}m", "device_id": "A", "power_modules": [{"index": 1, "status": status}]}
        for m in range(62, 90, 4)
    ]
    return {"telemetry": rows}  # fmt: skip


def beats(device: str, notation: str, begin: str, every: str = "30s") -> Lists:
    """A charger's heartbeats."""
    return {"heartbeats": [{"device_id": device, "from": begin, "every": every, "series": {"status": notation}}]}


def results(*found: dict[str, Any]) -> Lists:
    """Results of checks."""
    return {"check_results": list(found)}


NEIGHBOUR = {"devices": [{"device_id": "B", "site_id": "S", "connectivity": {"type": "ethernet"}}]}
CLASHES = [
    Clash("F-0101.isolation-passed-yet-low", joined(results(check("isolation-test", 4200)), {"telemetry": [telemetry("T+50m", "5m", **{f"{HEALTH}isolation_test_kohms": "60x5"})]}),
          joined(results(check("isolation-test", 4200)), {"telemetry": [telemetry("T+50m", "5m", **{f"{HEALTH}isolation_test_kohms": "4100x5"})]})),
    Clash("F-0101.relay-open-with-current", {"telemetry": [telemetry("T-5m", "10s", current="32x5", **{f"{HEALTH}relay_state": "openx5"})]},
          {"telemetry": [telemetry("T-5m", "10s", current="32x2 0x1 32x2", **{f"{HEALTH}relay_state": "openx5"})]}),
    Clash("F-0101.current-without-plug", {"events": [{"timestamp": "T-5m", "device_id": "A", "connector_id": 1, "event_type": "plug_out"}], "telemetry": [telemetry("T-4m", "20s", current="30x12")]},
          {"events": [{"timestamp": "T-5m", "device_id": "A", "connector_id": 1, "event_type": "plug_out"}], "telemetry": [telemetry("T-4m", "20s", current="0x12")]}),
    Clash("F-0203.temperature-told-and-shown", {"telemetry": [telemetry("T-1m", "10s", temperature="52x12")]}, {"telemetry": [telemetry("T-1m", "10s", temperature="82x12")]}, {"connector_temperature": 84}),
    Clash("F-0203.ambient-told-and-recorded", joined(results(check("ambient-temperature", "21 °C")), {"environment": [{"timestamp": "T+50m", "site_id": "S", "ambient_c": 36}]}),
          joined(results(check("ambient-temperature", "35 °C")), {"environment": [{"timestamp": "T+50m", "site_id": "S", "ambient_c": 36}]})),
    Clash("F-0203.ambient-sensor-and-site-apart", {"environment": [{"timestamp": "T-10m", "site_id": "S", "ambient_c": 18}], "telemetry": [telemetry("T-10m", "2m", ambient_temperature="41x10")]},
          {"environment": [{"timestamp": "T-10m", "site_id": "S", "ambient_c": 28}], "telemetry": [telemetry("T-10m", "2m", ambient_temperature="41x10")]}),
    Clash("F-0601.fan-seen-stopped-yet-turning", joined(results(check("fan-operation", "stopped")), fan("2150x12")), joined(results(check("fan-operation", "stopped")), fan("2150x6 40x1 2150x5"))),
    Clash("F-0203.fan-seen-normal-yet-slow", joined(results(check("fan-operation", "normal")), fan("420x12")), joined(results(check("fan-operation", "normal")), fan("420x9"))),
    *(Clash("F-0601.fan-called-ok-yet-slow", {"telemetry": [telemetry("T+2m", "1m", **{f"{HEALTH}cooling_fan_rpm": "300x6", f"{HEALTH}cooling_fan_status": "okx6", "state": "chargingx6"})]},
            {"telemetry": [telemetry("T+2m", "1m", **{f"{HEALTH}cooling_fan_rpm": "300x6", f"{HEALTH}cooling_fan_status": f"{word}x6", "state": f"{state}x6"})]})
      for word, state in (("fault", "charging"), ("ok", "idle"))),
    Clash("F-0601.speed-told-and-shown", {"telemetry": [telemetry("T-30s", "10s", **{f"{HEALTH}cooling_fan_rpm": "2150x6"})]}, {"telemetry": [telemetry("T-30s", "10s", **{f"{HEALTH}cooling_fan_rpm": "640x6"})]}, {"fan_rpm": 610}),
    Clash("F-0204.cabinet-sensor-and-infrared-apart", joined(results(check("ir-thermometer", 44)), {"telemetry": [telemetry("T+45m", "5m", cabinet_temperature="78x7")]}),
          joined(results(check("ir-thermometer", 74)), {"telemetry": [telemetry("T+45m", "5m", cabinet_temperature="78x7")]})),
    Clash("F-0204.temperature-told-and-shown", {"telemetry": [telemetry("T-1m", "20s", cabinet_temperature="50x6")]}, {"telemetry": [telemetry("T-1m", "20s", cabinet_temperature="79x6")]}, {"cabinet_temperature_c": 81}),
    Clash("F-0204.vents-twice", results(check("vents", "blocked"), check("vents", "clear")), results(check("vents", "blocked"), check("vents", "clear", "T+2h"))),
    Clash("F-0301.network-found-up-recorded-down", joined(results(check("site-network", "up")), site("down", "T-10m")), joined(results(check("site-network", "up")), site("down", "T+90m"))),
    Clash("F-0301.network-found-down-neighbours-heard", joined(results(check("site-network", "down")), NEIGHBOUR, beats("B", "onlinex30", "T+55m")), joined(results(check("site-network", "down")), NEIGHBOUR, beats("B", "onlinex8", "T+56m"))),
    Clash("F-0301.certificate-valid-yet-ended", joined(results(check("tls-certificate", "valid")), {"devices": [{"device_id": "A", "certificates": {"tls_not_after": "T-2d"}}]}),
          joined(results(check("tls-certificate", "valid")), {"devices": [{"device_id": "A", "certificates": {"tls_not_after": "T+2d"}}]})),
    Clash("F-0301.answers-without-supply", results(check("local-ping", "responds"), check("mains-power", "absent", "T+80m")), results(check("local-ping", "responds"), check("mains-power", "absent", "T+3h"))),
    Clash("F-0301.heard-without-supply", joined(results(check("mains-power", "absent")), beats("A", "onlinex30", "T+55m")), joined(results(check("mains-power", "absent")), beats("A", "onlinex30", "T+62m"))),
    Clash("F-0301.loss-reported-heartbeats-unbroken", beats("A", "onlinex60", "T-10m"), beats("A", "onlinex18 _x4 onlinex30", "T-10m")),
    Clash("F-0301.offline-yet-heard", joined({"devices": [{"device_id": "A", "status": "offline", "offline_since": "T"}]}, beats("A", "onlinex40", "T-2m")),
          joined({"devices": [{"device_id": "A", "status": "offline", "offline_since": "T"}]}, beats("A", "onlinex8 offlinex32", "T-2m"))),
    Clash("F-0302.intervals-found-equal-yet-differ", joined(results(check("keepalive-interval", "match")), {"configurations": [{"timestamp": "T", "device_id": "A", **PINGS}]}),
          joined(results(check("keepalive-interval", "match")), {"configurations": [{"timestamp": "T-2d", "device_id": "A", **PINGS}]})),
    Clash("F-0411.reset-helped-yet-silent", joined(results(check("module-soft-reset", "recovered")), modules("timeout")), joined(results(check("module-soft-reset", "recovered")), modules("ok"))),
    Clash("F-0411.reset-failed-yet-well", joined(results(check("module-soft-reset", "no-change")), modules("ok")), joined(results(check("module-soft-reset", "no-change")), modules("timeout"))),
    Clash("F-0421.firmware-told-otherwise", {"devices": [{"device_id": "A", "firmware_version": "3.0.1"}]}, {"devices": [{"device_id": "A", "firmware_version": "3.1.0"}]}, {"firmware_version": "3.1.0"}),
    Clash("F-0512.push-found-complete-yet-broken", joined(results(check("push-history", "completed")), {"configurations": [{"timestamp": "T", "device_id": "A", "last_push": {"status": "interrupted", "at": "T-1h"}}]}),
          joined(results(check("push-history", "completed")), {"configurations": [{"timestamp": "T", "device_id": "A", "last_push": {"status": "completed", "at": "T-1h"}}]})),
    Clash("F-0512.log-without-override-yet-recorded", joined(results(check("service-log", "none")), {"service_visits": [VISIT]}), joined(results(check("service-log", "override-recorded")), {"service_visits": [VISIT]})),
    Clash("F-0512.mismatch-reported-yet-matching", {"configurations": [{"timestamp": "T+2m", "device_id": "A", "running_config": "a", "expected_config": "a"}]},
          {"configurations": [{"timestamp": "T+2m", "device_id": "A", "running_config": "a", "expected_config": "a", "last_push": {"status": "completed", "at": "T+1m"}}]}),
    Clash("F-0512.schemas-found-equal-yet-differ", joined(results(check("profile-schema", "match")), {"configurations": [{"timestamp": "T", "device_id": "A", "profile_schema_version": "2.4", "firmware_schema_version": "2.2"}]}),
          joined(results(check("profile-schema", "match", "T+2d")), {"configurations": [{"timestamp": "T", "device_id": "A", "profile_schema_version": "2.4", "firmware_schema_version": "2.2"}]})),
    Clash("F-0701.sync-lost-yet-discharging", {"telemetry": [telemetry("T-60s", "10s", state="dischargingx20", power="-10x20")]}, {"telemetry": [telemetry("T-60s", "10s", state="dischargingx6 faultx14", power="-10x6 0x14")]}),
    Clash("F-0702.refused-yet-discharging", {"telemetry": [telemetry("T-60s", "10s", state="dischargingx20", power="-10x20")]},
          {"telemetry": [telemetry("T-60s", "10s", state="dischargingx20", power="-10x20")], "commands": [{"command_id": "c", "device_id": "A", "command": "start_discharge", "created_at": "T+10s"}]}),
    Clash("F-0702.state-of-charge-told-and-found", joined(results(check("vehicle-soc", 14)), {"telemetry": [telemetry("T-2m", "30s", soc="62x5")]}), joined(results(check("vehicle-soc", 60)), {"telemetry": [telemetry("T-2m", "30s", soc="62x5")]})),
    Clash("F-0805.ended-yet-current-flows", {"charging_records": [ENDED], "telemetry": [telemetry("T+61s", "30s", current="90x10")]}, {"charging_records": [ENDED], "telemetry": [telemetry("T+61s", "30s", current="90x4 0x6")]}),
    Clash("F-0805.state-of-charge-recorded-and-shown", {"charging_records": [{**ENDED, "vehicle_info": {"soc_end": 80}}], "telemetry": [telemetry("T-5m", "30s", soc="55x10")]},
          {"charging_records": [{**ENDED, "vehicle_info": {"soc_end": 80}}], "telemetry": [telemetry("T-5m", "30s", soc="79x10")]}),
]  # fmt: skip


@pytest.mark.parametrize("clash", CLASHES, ids=lambda clash: clash.rule)
def test_evidence_that_cannot_both_be_true_is_named_with_its_sources(triage: Triage, clash: Clash) -> None:
    """The pair is named with two facts that have sources of their own; put one of the two right and it is gone."""
    code = clash.rule.partition(".")[0]
    reported = {"events": [fault(code, "T", **clash.details)]}

    def named(records: Lists) -> list[Any]:
        devices = {} if any(device["device_id"] == "A" for device in records.get("devices", [])) else CHARGER
        incident = diagnosed(triage, code, joined(devices, reported, records))
        return [contradiction for contradiction in incident.contradictions if contradiction.rule_id == clash.rule]

    (found,) = named(clash.records)
    one, other = found.between
    assert one.sources and other.sources and (one.name, one.value) != (other.name, other.value)
    assert named(clash.sound) == []


def test_a_contradiction_says_which_causes_it_bears_on(triage: Triage) -> None:
    """Where evidence stands on one of the two, its causes are named, so that nobody takes the ranking on trust."""
    records = joined(CHARGER, results(check("fan-operation", "stopped")), fan("2150x12"))
    incident = diagnosed(triage, "F-0601", joined({"events": [fault("F-0601", "T")]}, records))
    (found,) = incident.contradictions
    weighed = {
        hypothesis.cause_id
        for hypothesis in incident.hypotheses
        if any(fact.name == "check.fan-operation" for item in hypothesis.evidence for fact in item.facts)
    }
    assert set(found.bears_on) == weighed != set()
    assert "2150 rpm" in found.statement and "stopped" in found.statement
