"""What an escalation holds: everything that level 2 needs, of every example and in every form, and nothing invented."""

from __future__ import annotations

import html
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from charger_triage.adapters.cli.escalate_command import escalate
from charger_triage.adapters.cli.failures import Unusable
from charger_triage.adapters.cli.shell import Shell
from charger_triage.adapters.escalation import (
    Escalation,
    UnknownIncident,
    escalation_html,
    escalation_markdown,
    escalation_of,
)
from charger_triage.adapters.escalation.telemetry import MAX_ROWS
from charger_triage.adapters.escalation.text_chart import text_chart
from charger_triage.adapters.escalation.timeline import MAX_ENTRIES
from charger_triage.adapters.files import Bundle, read_bundle
from charger_triage.engine import Triage
from charger_triage.knowledge import TriageKnowledge
from charger_triage.knowledge.models import charger_models, firmware_standing
from charger_triage.knowledge.observations import observe
from charger_triage.knowledge.owners import owners

from .support.bundles import bundles
from .support.examples import few

EXAMPLES = sorted(path for path in (Path(__file__).parents[1] / "examples").iterdir() if path.name.startswith("f0"))

HEADINGS = (
    "Impact", "Ranking", "Ruled out", "Still open, and who has to do it", "Concurrent telemetry", "Event payloads, as fed",
    "Checks done", "Timeline", "Problems in the data",
)  # fmt: skip


def escalated(triage: Triage, records: dict[str, list[Any]], **asked: Any) -> Escalation:
    """The escalation of records held in memory."""
    bundle = Bundle(observe(records), "memory")
    return escalation_of(triage.diagnose(bundle), bundle, **asked)


def at(minute: float) -> str:
    """A moment of the case as ISO 8601: minutes from 12:00 on 2026-05-10."""
    seconds = round(12 * 3600 + minute * 60)
    return (
        f"2026-05-{10 + seconds // 86400:02}T{seconds % 86400 // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}Z"
    )


def fault(code: Any = "F-0421", minute: float = 0, device: str = "TP-001", **more: Any) -> dict[str, Any]:
    """A fault event on connector 1."""
    event = {"timestamp": at(minute), "device_id": device, "event_type": "fault", "connector_id": 1}
    return {**event, "data": {"fault_code": code, "fault_message": "no feedback", "details": {"try": 3}}, **more}


DEVICE = {
    "device_id": "TP-001",
    "site_id": "S-1",
    "model": "TP-DC180",
    "firmware_version": "2.9.1",
    "connectors": [1, 2],
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_s_escalation_is_whole(triage: Triage, path: Path) -> None:
    """Each charger and incident of an example stands in each form with all that the document promises."""
    bundle = read_bundle(path)
    diagnosis = triage.diagnose(bundle)
    document = escalation_of(diagnosis, bundle)
    written = {"markdown": escalation_markdown(document), "html": escalation_html(document)}
    assert len(document.summary) == 2
    assert {i.incident_id for s in document.sections for i in s.incidents} == {
        i.incident_id for i in diagnosis.incidents
    }
    for section in document.sections:
        assert len(section.summary) == 2
        assert section.device.firmware.statement
        for incident in section.incidents:
            ranking = incident.ranking
            assert ranking is not None
            assert sum(c.probability for c in ranking.causes) + (
                ranking.undocumented_probability or 0
            ) == pytest.approx(1)
            for cause in ranking.causes:
                counted = sum(item.weight_db for item in cause.evidence if item.counted)
                assert cause.prior_db + counted == pytest.approx(cause.score_db)
                assert (cause.behind is None) == (cause.rank == 1)
            low = {cause.cause_id for cause in ranking.causes[1:] if cause.probability < 0.01}
            assert {cause.cause_id for cause in incident.ruled_out} == low
            assert all(cause.by for cause in incident.ruled_out)
            assert all(task.owner_title and task.owner_source for task in incident.open)
            assert len(incident.payloads) == incident.impact.occurrences
            faults = {(e.source.list, e.source.index) for e in section.timeline.entries if e.is_fault}
            assert {(payload.list, payload.index) for payload in incident.payloads} <= faults
            for form in written.values():
                assert incident.fault_code in form
    for form, text in written.items():
        for heading in HEADINGS:
            assert heading in text, (form, heading)
    assert Escalation.model_validate_json(document.model_dump_json()) == document


def test_an_undocumented_code_is_reported_as_the_dictionary_asks(triage: Triage) -> None:
    """Payload, device and firmware, time range and telemetry, and where to; no cause, no task and no check is invented."""
    document = escalated(
        triage,
        {
            "devices": [DEVICE],
            "events": [fault("E-77"), fault("E-77", 5)],
            "telemetry": [{"timestamp": at(m), "device_id": "TP-001", "connector_id": 1, "voltage": 400 + m} for m in (-11, -9, 0, 14, 16)],
        },
    )  # fmt: skip
    (incident,) = document.sections[0].incidents
    assert incident.report is not None
    assert incident.report.send_to == "support@telluspowergroup.com"
    assert (incident.report.device_id, incident.report.firmware_version) == ("TP-001", "2.9.1")
    assert (incident.report.time_from, incident.report.time_to) == (at(0), at(5))
    assert [p.record["data"]["details"] for p in incident.payloads] == [{"try": 3}, {"try": 3}]
    assert [row.timestamp for row in incident.telemetry.rows] == [at(-9), at(0), at(14)]
    assert (incident.ranking, incident.ruled_out, incident.open) == (None, [], [])
    for form in (escalation_markdown(document), escalation_html(document)):
        assert "support@" in form.replace("\u200b", "")
        assert '"fault_message"' in form or "&#34;fault_message&#34;" in form
        assert "414" in form
        for absent in ("Ranking", "Still open", "Ruled out", "Checks done"):
            assert absent not in form


def test_an_undocumented_code_stands_behind_the_others(triage: Triage) -> None:
    """Where a charger has documented codes as well, the summary leads with their cause and names the other."""
    document = escalated(triage, {"devices": [DEVICE], "events": [fault("E-77", -5), fault()]})
    section = document.sections[0]
    assert [incident.fault_code for incident in section.incidents] == ["F-0421", "E-77"]
    assert "reported F-0421" in section.summary[0] and "E-77" in section.summary[0]
    assert "E-77, not in the dictionary" in section.summary[1]
    assert "characters)" not in escalation_markdown(document)


def test_the_root_comes_first_and_nobody_is_sent_twice(triage: Triage) -> None:
    """The fan's incident stands before the cabinet's that it brought about, whose visit it covers."""
    bundle = read_bundle(EXAMPLES[0].parent / "f0204-fan-failure.json")
    diagnosis = triage.diagnose(bundle)
    document = escalation_of(diagnosis, bundle, fault_code="F-0204")
    first, second = document.sections[0].incidents
    assert (first.fault_code, second.fault_code) == ("F-0601", "F-0204")
    assert second.root == first.incident_id
    assert "F-0601" in document.summary[0] and "behind it F-0204" in document.summary[0]
    onsite = [task for task in second.open if task.where == "onsite" and task.kind == "action"]
    assert onsite and all(task.covered_by == first.incident_id for task in onsite)
    for form in (escalation_markdown(document), escalation_html(document)):
        assert "no second one" in form
        assert "no second visit" not in form
    (only,) = escalation_of(diagnosis, bundle, incident_id=first.incident_id).sections[0].incidents
    assert only.fault_code == "F-0601"
    with pytest.raises(UnknownIncident):
        escalation_of(diagnosis, bundle, incident_id="nothing")


@pytest.mark.parametrize(
    ("model", "version", "v2g", "relation", "minor", "plan"),
    [
        ("TP-DC180", "3.1.0", False, "latest", None, False),
        ("TP-DC180", "3.0.2", False, "behind", 1, False),
        ("TP-DC180", "3.1.0-rc1", False, "behind", 0, False),
        ("TP-DC180", "2.9.9", False, "behind", None, True),
        ("TP-DC180", "3.2.0", False, "ahead", None, False),
        ("TP-DC180", "260420.0107", False, "cannot be told", None, None),
        ("TP-DC360", "4.0.0", False, "latest", None, False),
        ("TP-DC360", "4.0.0", True, "behind", 1, False),
        ("tp-dc360-v2g", "v4.1.0", True, "latest", None, False),
        ("TP-AC22", "3.0.0", False, "cannot be told", None, None),
        ("Other", "3.0.0", False, "cannot be told", None, None),
        ("TP-DC180", "latest", False, "cannot be told", None, None),
        (None, "3.0.0", False, "cannot be told", None, None),
        ("TP-DC180", None, False, "cannot be told", None, None),
    ],
)  # fmt: skip
def test_how_far_firmware_is_behind(
    model: str | None, version: str | None, v2g: bool, relation: str, minor: int | None, plan: bool | None
) -> None:
    """Versions of one scheme are compared with the model's latest; anything else is said to be untold, with the reason."""
    standing = firmware_standing(model, version, v2g=v2g)
    assert (standing.relation, standing.minor_behind, standing.plan_upgrade) == (relation, minor, plan)
    assert (relation == "cannot be told") == ("cannot be told" in standing.statement)


@pytest.mark.parametrize(("behind", "plan"), [(1, False), (2, False), (3, True)])
def test_more_than_two_minor_versions_behind_is_an_upgrade(
    monkeypatch: pytest.MonkeyPatch, behind: int, plan: bool
) -> None:
    """The boundary lies behind two minor versions."""
    known = charger_models()
    newest = known.models[2].model_copy(update={"latest_stable": f"3.{behind}.0"})
    grown = known.model_copy(update={"models": (newest,)})
    monkeypatch.setattr("charger_triage.knowledge.models.charger_models", lambda: grown)
    assert firmware_standing("TP-DC180", "3.0.9").plan_upgrade is plan


def test_impact_counts_connectors_sessions_and_neighbours(triage: Triage) -> None:
    """Sessions that ran or were begun at a fault count, on its connector only; so do neighbours with the same code."""

    def session(name: str, start: float, end: float | None, connector: int, energy: float | None) -> dict[str, Any]:
        ended = None if end is None else at(end)
        return {
            "record_id": name,
            "device_id": "TP-001",
            "connector_id": connector,
            "start_time": at(start),
            "end_time": ended,
            "energy": energy,
        }

    document = escalated(
        triage,
        {
            "sites": [{"site_id": "S-1"}],
            "devices": [DEVICE, {"device_id": "TP-002", "site_id": "S-1"}, {"device_id": "TP-003", "site_id": "S-1"}],
            "events": [
                fault(minute=0), fault(minute=60), fault(device="TP-002"),
                {"timestamp": at(59), "device_id": "TP-001", "connector_id": 1, "event_type": "start", "data": {}},
            ],
            "charging_records": [
                session("ran", -20, 1, 1, 12.5), session("other connector", -20, 1, 2, 9), session("long over", -90, -60, 1, 9),
            ],
        },
        device_id="TP-001",
    )  # fmt: skip
    (incident,) = document.sections[0].incidents
    impact = incident.impact
    assert (impact.connectors, impact.connectors_known, impact.occurrences) == ([1], 2, 2)
    assert [(s.start, s.energy_kwh) for s in impact.sessions] == [(at(-20), 12.5), (at(59), None)]
    assert (impact.sessions_total, impact.energy_kwh, impact.sessions_without_energy) == (2, 12.5, 1)
    assert (impact.other_chargers_at_site, impact.same_code_at_site) == (2, ["TP-002"])
    assert "12.5 kWh" in impact.statement and "TP-002" in impact.statement


@pytest.mark.parametrize("device", [None, "AC22-01"])
def test_neighbours_need_no_event_to_show_the_code(triage: Triage, device: str | None) -> None:
    """Chargers that are lost as this one is are named, although none could report it and only this one was diagnosed."""
    bundle = read_bundle(EXAMPLES[0].parent / "f0301-site-outage")
    document = escalation_of(triage.diagnose(bundle, device_id=device), bundle)
    impact = document.sections[0].incidents[0].impact
    assert impact.same_code_at_site == [f"AC22-0{n}" for n in range(2, 9)]
    assert "AC22-08 show the same code" in impact.statement


def test_faults_that_only_a_heartbeat_reports_stand_on_the_timeline(triage: Triage) -> None:
    """A heartbeat with a fault code is an occurrence, told as one, with its record."""
    beats = [{"device_id": "TP-001", "timestamp": at(n), "status": "fault", "fault_code": "F-0204"} for n in (0, 1)]
    document = escalated(triage, {"devices": [DEVICE], "heartbeats": beats})
    faults = [entry for entry in document.sections[0].timeline.entries if entry.is_fault]
    assert [(entry.timestamp, entry.source.list) for entry in faults] == [(at(0), "heartbeats"), (at(1), "heartbeats")]
    assert all("F-0204" in entry.what for entry in faults)


def test_what_a_command_carried_is_redacted_by_its_fields(triage: Triage) -> None:
    """Names and tags in the parameters of a command stand under pseudonyms in the timeline's line, in JSON within it too."""
    params = {"driver": "Bo", "idTag": "550e8400-e29b-41d4-a716-446655440000", "data": '{"pin_code": "ab"}'}
    command = {
        "device_id": "TP-001",
        "command_id": "c",
        "command": "remote_start",
        "created_at": at(0),
        "params": params,
    }
    document = escalated(triage, {"devices": [DEVICE], "events": [fault()], "commands": [command]})
    (told,) = (entry.what for entry in document.sections[0].timeline.entries if entry.source.list == "commands")
    assert json.loads(told.partition("params ")[2]) == {
        "data": '{"pin_code": "token-1"}', "driver": "person-1", "idTag": "tag-1",
    }  # fmt: skip


def test_the_timeline_merges_what_happened_and_keeps_every_fault(triage: Triage) -> None:
    """Events, transitions, commands, visits, grid and state changes stand in order; what is cut is counted, faults never are."""
    own = {"device_id": "TP-001"}
    noise = [
        {**own, "timestamp": at(-0.01 * n), "event_type": "alarm", "data": {"reason": f"noise {n}"}}
        for n in range(1, 400)
    ]
    document = escalated(
        triage,
        {
            "sites": [{"site_id": "S-1"}],
            "devices": [DEVICE],
            "events": [fault(minute=n / 50) for n in range(5)] + noise,
            "connections": [{**own, "timestamp": at(0), "transition": "reconnect"}],
            "commands": [{**own, "command_id": "c", "command": "reboot", "created_at": at(0), "status": "failed", "result": "busy"}],
            "service_visits": [{**own, "timestamp": at(-60 * 24 * 3), "work": "replaced fan"}],
            "grid": [{"timestamp": at(0), "site_id": "S-1", "kind": "outage"}],
            "check_results": [{**own, "timestamp": at(0), "check_id": "close-click", "value": "absent"}],
            "telemetry": [{**own, "timestamp": at(n / 60), "connector_id": 1, "state": s} for n, s in enumerate(("idle", "idle", "preparing"))],
        },
    )  # fmt: skip
    timeline = document.sections[0].timeline
    assert sum(entry.is_fault for entry in timeline.entries) == 5
    assert [e.timestamp for e in timeline.entries] == sorted(e.timestamp for e in timeline.entries)
    assert len(timeline.entries) == 5 + MAX_ENTRIES
    assert timeline.left_out == 399 + 6 - MAX_ENTRIES
    told = " ".join(entry.what for entry in timeline.entries)
    for piece in ("reconnect", "reboot, failed; result busy", "outage", "close-click, absent", "idle → preparing"):
        assert piece in told


def test_checks_tell_what_they_did_to_the_ranking(triage: Triage) -> None:
    """A check that was made stands with its result, by whom, and the decibans it gave each cause."""
    document = escalated(
        triage,
        {
            "devices": [DEVICE],
            "events": [fault()],
            "check_results": [
                {"timestamp": at(10), "device_id": "TP-001", "check_id": "close-click", "value": "absent", "by": "Jane Doering"},
                {"timestamp": at(11), "device_id": "TP-001", "check_id": "vents", "value": "clear", "by": "support"},
            ],
        },
    )  # fmt: skip
    section = document.sections[0]
    click, vents = section.checks_done
    assert (click.title, click.result, click.by) == (
        triage.knowledge.base.checks["close-click"].title,
        "absent",
        "person-1",
    )
    assert click.effects and {effect.fault_code for effect in click.effects} == {"F-0421"}
    weighed = {(c.cause_id, i.rule_id): i.weight_db for c in section.incidents[0].ranking.causes for i in c.evidence}  # type: ignore[union-attr]
    assert all(weighed[effect.cause_id, effect.rule_id] == effect.weight_db for effect in click.effects)
    assert (vents.by, vents.effects) == ("support", [])


def test_whoever_owns_a_task_is_named_for_one_that_exists(knowledge: TriageKnowledge) -> None:
    """Every check and action in owners.yaml is one of the knowledge base's, so that none is named in vain."""
    people = owners()
    faults = [knowledge.base.faults[code].fault for code in knowledge.base.faults]
    assert set(people.checks) <= set(knowledge.base.checks)
    assert set(people.actions) <= {action.title for entry in faults for action in entry.actions}


@few
@given(spike=st.integers(5, 1990))
def test_a_thinned_table_keeps_its_ends_faults_and_extremes(triage: Triage, spike: int) -> None:
    """Of many rows the first, the last, the one at the fault and the highest of a column are shown, and it is said so."""
    rows = [
        {
            "timestamp": at(-9.9 + n * 0.0098),
            "device_id": "TP-001",
            "connector_id": 1,
            "voltage": 400 + (n == spike),
            "power": n % 7,
        }
        for n in range(2000)
    ]
    document = escalated(triage, {"events": [fault()], "telemetry": rows})
    telemetry = document.sections[0].incidents[0].telemetry
    assert telemetry.records == 2000
    assert len(telemetry.rows) <= MAX_ROWS
    indices = [row.index for row in telemetry.rows]
    assert indices[0] == 0 and indices[-1] == 1999
    voltage = [column.path for column in telemetry.columns].index("voltage")
    assert max(row.values[voltage] for row in telemetry.rows) == 401
    assert [abs(row.index - 1010) <= 1 for row in telemetry.rows if row.nearest_to_fault] == [True]
    assert f"{len(telemetry.rows)} are shown" in telemetry.note


def test_columns_that_never_change_are_told_once(triage: Triage) -> None:
    """The table holds what varied, with fields that nobody documented; what stood still is named beside it."""
    rows = [
        {"timestamp": at(n / 10), "device_id": "TP-001", "voltage": 400, "power": n, "odd": {"deep": [n, "x"]}}
        for n in range(3)
    ]
    telemetry = escalated(triage, {"events": [fault()], "telemetry": rows}).sections[0].incidents[0].telemetry
    assert [column.path for column in telemetry.columns] == ["power", "odd.deep[0]"]
    assert [(column.path, column.value) for column in telemetry.constants] == [("voltage", 400), ("odd.deep[1]", "x")]


@few
@given(records=bundles(), seed=st.integers(0, 2**16))
def test_the_order_of_records_does_not_matter(triage: Triage, records: dict[str, list[Any]], seed: int) -> None:
    """The same records in any order give the same bytes, and no bundle breaks a form."""
    document = escalated(triage, records)
    shuffled = {name: random.Random(seed).sample(rows, len(rows)) for name, rows in reversed(records.items())}
    # a warning names the place as fed, which is where one has to look
    again = escalated(triage, shuffled).model_copy(update={"data_problems": document.data_problems})
    assert document.model_dump_json() == again.model_dump_json()
    assert escalation_markdown(document) == escalation_markdown(again)


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{{ 7*7 }}",
    "| a |\n# b",
    "\x1b[31m",
    "`` ``` ````",
    "\u202e",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_breaks_out(triage: Triage, text: str) -> None:
    """Whatever the records hold is text in HTML and Markdown, and no control character of theirs is passed on."""
    event = fault(connector_id=1)
    event["data"]["fault_message"] = text
    event[text] = {text: text}
    document = escalated(
        triage,
        {
            "sites": [{"site_id": "S-1", "name": text, "location": text}],
            "devices": [{**DEVICE, "manufacturer": text, "sn": text}],
            "events": [event],
            "telemetry": [{"timestamp": at(n), "device_id": "TP-001", "soc": text, text: n} for n in range(2)],
            "check_results": [{"timestamp": at(0), "device_id": "TP-001", "check_id": text, "value": text}],
        },
    )
    page, ticket = escalation_html(document), escalation_markdown(document)
    assert "<script" not in page and "<img" not in page and "\x1b" not in page
    assert "\x1b" not in ticket and "\u202e" not in ticket
    rendered = MarkdownIt("commonmark").enable("table").render(ticket)
    assert "<script" not in rendered and "<img" not in rendered
    assert rendered.count("<h1>") == 1


def test_the_page_needs_nothing_from_elsewhere(triage: Triage) -> None:
    """One file: no script, no link to fetch, a policy that forbids both, and each chart with a title and a description."""
    bundle = read_bundle(EXAMPLES[0])
    document = escalation_of(triage.diagnose(bundle), bundle)
    page = escalation_html(document)
    assert "default-src 'none'" in html.unescape(page)
    assert not re.search(r"<(script|link|iframe|img|object|embed)\b|\bsrc=|@import|url\((?!#)", page)
    assert not re.findall(r'href="(?!#)', page)
    charts = re.findall(r"<svg [^>]*role=\"img\" aria-labelledby=\"(\S+) (\S+)\">", page)
    assert (
        len(charts)
        == 2
        * len({(i.incident_id, s.path) for c in document.sections for i in c.incidents for s in i.telemetry.series})
        > 0
    )
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for pair in charts:
        assert set(pair) <= set(ids)
    assert all("scope=" in cell for cell in re.findall(r"<th\b[^>]*>", page))
    assert page.count("<table") == page.count("<caption>")


def test_a_text_chart_shows_range_and_fault() -> None:
    """The highest value stands in the top row, the lowest in the bottom one, and the fault's column is marked."""
    lines = text_chart("Power", "kW", [0, 50, 100], [1.0, 5.0, 3.0], [50], ["begin", "end"])
    top, bottom = lines[1], lines[8]
    assert top.startswith("5 ┤") and bottom.startswith("1 ┤")
    assert "•" in top and bottom.index("•") == 3
    assert lines[-1].endswith("^ fault")
    assert lines[-1].index("^") == top.index("•")
    assert text_chart("Power", "kW", [0, 1], [2.0, 2.0], [], ["a", "b"]) == ["Power: 2 kW throughout, a to b"]


def test_many_chargers_are_cut_by_name(triage: Triage) -> None:
    """A document tells so many chargers in full and names the others."""
    document = escalated(triage, {"events": [fault(device=f"D{n:03}") for n in range(45)]})
    assert len(document.sections) == 40
    assert document.sections_left_out == [f"D{n:03}" for n in range(40, 45)]
    assert "45 incidents" not in document.summary[0] and "40 chargers" in document.summary[0]
    assert "D044" in escalation_markdown(document)


def command(*arguments: str) -> None:
    """Run the command as the command line does."""
    app = typer.Typer()
    app.command()(escalate)
    app(list(arguments), standalone_mode=False, obj=Shell())


def test_the_command_writes_the_library_s_document(
    triage: Triage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`escalate` prints what the library makes; --output takes it, --no-redact leaves it, --device and --code restrict it."""
    case = {
        "devices": [DEVICE],
        "events": [fault(), fault("E-77"), fault(device="TP-002")],
        "charging_records": [{"record_id": "r", "device_id": "TP-001", "start_time": at(-5), "vehicle_info": {"vin": "WVWZZZ1KZ6W612305"}}],
    }  # fmt: skip
    path = tmp_path / "case.json"
    path.write_text(json.dumps(case), encoding="utf-8")
    bundle = read_bundle(path)
    expected = escalation_of(triage.diagnose(bundle), bundle)
    command(str(path), "--format", "json")
    assert capsys.readouterr().out == expected.model_dump_json(indent=2) + "\n"
    command(str(path))
    assert capsys.readouterr().out == escalation_markdown(expected)
    command(str(path), "--format", "html", "--output", str(tmp_path / "e.html"))
    assert (tmp_path / "e.html").read_text(encoding="utf-8") == escalation_html(expected)
    assert capsys.readouterr().out == ""
    command(str(path), "--no-redact", "--device", "TP-001", "--code", "421", "--format", "json")
    plain = json.loads(capsys.readouterr().out)
    assert [i["fault_code"] for s in plain["sections"] for i in s["incidents"]] == ["F-0421"]
    assert "WVWZZZ1KZ6W612305" in json.dumps(plain) and not plain["redacted"]
    with pytest.raises(Unusable, match=r"--code 'F-9999' is neither documented nor in the records"):
        command(str(path), "--code", "9999")
    with pytest.raises(Unusable, match=r"TP-01"):
        command(str(path), "--device", "TP-01")


def test_nothing_to_escalate_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Records without an incident give a document that says so, in every form and without an error."""
    path = tmp_path / "case.json"
    path.write_text(json.dumps({"devices": [DEVICE]}), encoding="utf-8")
    for form in ("markdown", "json", "html"):
        command(str(path), "--format", form)
        assert "There is no incident in these records to escalate." in capsys.readouterr().out
