"""Consultations: what is asked, how answers are read, that undo and replay give the same bytes, and the conversation."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from charger_triage.adapters.cli import main
from charger_triage.adapters.consult import Consultation, End, NothingToUndo, NotUnderstood, read_answer
from charger_triage.adapters.files import Bundle, read_bundle, read_bundles
from charger_triage.adapters.report.wording import clean
from charger_triage.engine import Triage
from charger_triage.engine.inference import infer
from charger_triage.engine.matching import VerdictMatcher
from charger_triage.engine.strategy import OPEN_MINUTES, SETTLED, Strategy
from charger_triage.knowledge import TriageKnowledge
from charger_triage.knowledge.observations import observe

COMMAND = [sys.executable, "-c", "from charger_triage.adapters.cli import main; raise SystemExit(main())"]
MOMENT = "2026-05-10T12:00:00Z"


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch, knowledge: TriageKnowledge) -> None:
    """Commands that run in this process take the shipped knowledge as the session has loaded it, to save seconds."""
    monkeypatch.setattr("charger_triage.engine.triage.shipped_knowledge", lambda: knowledge)


def case(*faults: tuple[str, int | None], device: str = "A", **lists: Any) -> dict[str, Any]:
    """A bundle that holds fault events, by code and connector, and nothing else."""
    events = [
        {
            "timestamp": MOMENT,
            "device_id": device,
            "connector_id": connector,
            "event_type": "fault",
            "data": {"fault_code": code},
        }
        for code, connector in faults
    ]
    return {"events": events, **lists}


def bundle_of(document: dict[str, Any]) -> Bundle:
    """The bundle of a document."""
    return read_bundle(io.StringIO(json.dumps(document)))


def answered(bundle: Bundle, records: Sequence[dict[str, Any]]) -> Bundle:
    """The bundle with check results read from lines of a file, as a replay has them."""
    lines = "".join(f"{json.dumps(record)}\n" for record in records)
    read = [json.loads(line) for line in lines.splitlines()]
    return replace(bundle, observations=bundle.observations.with_records("check_results", read))


THERMAL = case(("F-0203", 1), ("F-0203", 2), ("F-0601", 1), ("F-0204", 1))


# What is asked


def test_a_consultation_ends_where_a_cause_passes_90_percent(triage: Triage) -> None:
    """Truthful answers about a worn fan bearing settle it, and nothing is asked any more."""
    session = Consultation(triage, bundle_of(case(("F-0601", None))), "A/-/F-0601")
    truth = {"fan-noise": "grinding", "fan-bench-test": "low", "fan-operation": "slow", "fan-blades": "clean"}
    while session.question is not None:
        session.answer(truth.get(session.question.check_id, "100"))
    leader = session.incident_of("A/-/F-0601").hypotheses[0]
    assert session.stopped is End.SETTLED
    assert leader.cause_id == "F-0601/bearing-wear"
    assert leader.probability >= SETTLED
    assert session.minutes == sum(answer.minutes for answer in session.answers) > 0
    with pytest.raises(LookupError):
        session.answer("slow")


def test_what_cannot_be_done_is_not_asked_again_and_all_of_it_ends_the_consultation(triage: Triage) -> None:
    """Every check that is offered can be declined once, by somebody at the charger; then nothing is left."""
    session = Consultation(triage, bundle_of(case(("F-0421", 1))), on_site=True)
    asked = []
    while session.question is not None:
        asked.append(session.question.check_id)
        session.cannot()
    assert len(asked) == len(set(asked)) >= 2
    assert session.stopped in (End.NOTHING_LEFT, End.NOT_WORTH_IT)
    assert session.records == []


def test_a_check_of_the_whole_charger_is_asked_once_and_serves_every_incident(triage: Triage) -> None:
    """A fan is watched once for both connectors; pins are looked at once a connector."""
    session = Consultation(triage, bundle_of(case(("F-0203", 1), ("F-0203", 2))), on_site=True)
    least_telling = {"connector-pins": "clean", "known-good-vehicle": "fail", "ambient-temperature": "20"}
    places: list[tuple[str, int | None]] = []
    while (question := session.question) is not None:
        if question.check_id == "connector-swap":
            session.cannot()
            continue
        given = session.answer(least_telling.get(question.check_id, question.outcomes[0].result))
        places.append((given.check_id, given.record["connector_id"]))
    assert len(places) == len(set(places))
    shared = {connector for check, connector in places if {"F-0204", "F-0601"} & set(_codes(triage, check))}
    assert shared == {None}
    assert {1, 2} == {connector for check, connector in places if check == "connector-pins"}


def _codes(triage: Triage, check: str) -> tuple[str, ...]:
    return triage.knowledge.base.checks[check].codes


def test_incidents_that_stand_behind_others_come_first(triage: Triage) -> None:
    """A failing fan that preceded an overheating cabinet is taken up before the cabinet."""
    example = Path(__file__).parents[1] / "examples" / "f0204-fan-failure.json"
    session = Consultation(triage, read_bundle(example))
    order = [incident.incident_id for incident in session.incidents]
    behind = {i.incident_id: [up.incident_id for up in i.caused_by] for i in session.incidents}
    assert any(behind.values())
    for name, ups in behind.items():
        assert all(order.index(up) < order.index(name) for up in ups if up in order)


def test_unknown_incidents_and_undocumented_codes_are_refused(triage: Triage) -> None:
    """A consultation needs causes to tell apart."""
    bundle = bundle_of(case(("F-0601", None), ("F-9999", 1)))
    for name in ("A/1/F-9999", "B/-/F-0601"):
        with pytest.raises(LookupError, match="no incident"):
            Consultation(triage, bundle, name)
    with pytest.raises(NothingToUndo):
        Consultation(triage, bundle).undo()


def _strategy(triage: Triage, code: str) -> Strategy:
    compiled = triage.knowledge.base.faults[code]
    return Strategy(compiled, infer([], compiled.rules, VerdictMatcher(compiled.rules)), -6.0)


@pytest.mark.parametrize("code", ["F-0101", "F-0421", "F-0512"])
@pytest.mark.parametrize("open_minutes", [OPEN_MINUTES, float("inf")])
def test_the_plan_is_the_best_of_all_orders(triage: Triage, code: str, open_minutes: float) -> None:
    """No way through the tree of checks and results is cheaper than the one that is planned, by plain enumeration."""
    strategy = _strategy(triage, code)
    way = 45.0

    def least(known: dict[int, int], joint: list[float], there: bool, asking: int | None = None) -> float:
        shown = strategy.believed(tuple(sorted(known.items())))
        top = max(range(len(shown)), key=lambda place: shown[place])
        if shown[top] >= SETTLED:
            joint = [0.0 if place == top else value for place, value in enumerate(joint)]
        left = [place for place in range(len(strategy.checks)) if place not in known]
        ends = [] if asking is not None or (open_minutes == float("inf") and left) else [open_minutes * sum(joint)]
        if (not left and open_minutes == float("inf")) or sum(joint) == 0:
            return 0.0
        costs = []
        for place in left if asking is None else [asking]:
            check = strategy.checks[place]
            on_site = there or check.where == "onsite"
            cost = sum(joint) * (check.minutes + (way if on_site and not there else 0.0))
            for result, chances in enumerate(strategy.given(place)):
                cost += least({**known, place: result}, [a * b for a, b in zip(joint, chances, strict=True)], on_site)
            costs.append(cost)
        return min([*costs, *ends])

    now = list(strategy.believed(()))
    by_check = {check.id: least({}, now, False, place) for place, check in enumerate(strategy.checks)}
    if open_minutes == OPEN_MINUTES:
        assert strategy.worth(way_minutes=way).minutes_ahead == pytest.approx(min(by_check.values()))
    else:
        best = strategy.best(way_minutes=way)
        assert best is not None
        assert by_check[best.id] == pytest.approx(min(by_check.values()))


def test_no_check_is_worth_a_way_that_costs_more_than_not_knowing(triage: Triage) -> None:
    """Where the way to the site takes more than ending without the cause, asking is not worth it; once there, it is."""
    strategy = _strategy(triage, "F-0421")  # all of its checks are on site
    assert not strategy.worth(way_minutes=OPEN_MINUTES).asking
    assert strategy.worth(way_minutes=OPEN_MINUTES, on_site=True).asking
    assert not strategy.worth(leave_out=[check.id for check in strategy.checks], on_site=True).asking


def test_a_plan_that_may_not_look_far_still_asks(triage: Triage, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more checks than can be looked through, the plan looks less far ahead and still names one that tells much."""
    monkeypatch.setattr("charger_triage.engine.strategy.MAX_STATES", 30)
    strategy = _strategy(triage, "F-0203")
    best = strategy.best(way_minutes=0)
    assert best is not None
    assert best.id == "connector-swap"
    assert strategy.worth(way_minutes=0).asking


# How answers are read


@pytest.mark.parametrize(
    ("check", "text", "value"),
    [
        ("fan-noise", "2", "intermittent"),
        ("fan-noise", " 2) ", "intermittent"),
        ("fan-noise", "GRINDING", "grinding"),
        ("fan-noise", "gr", "grinding"),
        ("fan-noise", "intermitent", "intermittent"),
        ("connector-pins", "oxidized", "oxidised"),
        ("connector-swap", "Stays with charger", "stays-with-charger"),
        ("vehicle-eligibility", "not_listed", "not-listed"),
        ("fan-supply-voltage", "94", 94.0),
        ("fan-supply-voltage", "94,5 %", 94.5),
        ("fan-supply-voltage", "a", 85.0),
        ("fan-supply-voltage", "95 to 105", 100.0),
        ("fan-supply-voltage", "95 to 105%", 100.0),
        ("cellular-signal", "-85 and above", -75.0),
        ("cellular-signal", "−85 dBm and above", -75.0),
        ("fan-supply-voltage", "below", 85.0),
        ("isolation-test", "1.2 MΩ", 1200.0),
        ("isolation-test", "1.2 M\u2126", 1200.0),
        ("isolation-test", "800 kohm", 800.0),
        ("isolation-test", "500000 Ohm", 500.0),
        ("can-termination", "0,06 kΩ", 60.0),
        ("can-termination", "5000 mOhm", 5.0),
        ("can-termination", "5000 mΩ", 5.0),
        ("can-termination", "0.5 MOhm", 500_000.0),
        ("isolation-test", "2 Mohm", 2000.0),
        ("isolation-test", "500000 mOhm", 0.5),
        ("nat-timeout", "5 min", 300.0),
        ("cellular-signal", "\u221292 dBm", -92.0),
        ("ambient-temperature", "-5 °C", -5.0),
    ],
)
def test_answers_are_taken_as_they_are_written(triage: Triage, check: str, text: str, value: float | str) -> None:
    """Places in the list, words of any case and spelling, and numbers with units of any size come out as the result."""
    assert read_answer(triage.knowledge.base.checks[check], text) == value


@pytest.mark.parametrize(
    ("check", "text", "says"),
    [
        ("fan-noise", "", "write 1 to 3"),
        ("fan-noise", "4", "none of the results"),
        ("fan-operation", "s", "slow or stopped"),
        ("fan-operation", "abnormal", "none of the results"),
        ("lock-inspection", "unsound", "none of the results"),
        ("fan-noise", "\x1b[31m\x00" + "x" * 5000, "none of the results"),
        ("fan-supply-voltage", "94 V", "number in %"),
        ("fan-supply-voltage", "1,200", "two ways"),
        ("fan-supply-voltage", "90 to 94", "expected"),
        ("fan-supply-voltage", "above 9", "none of the results"),
        ("isolation-test", ">1000", "no single number"),
        ("isolation-test", "-3", "cannot be"),
        ("isolation-test", "9" * 400, "no single number"),
        ("can-termination", "5 mohm", "milliohms or megohms; write mΩ or MΩ"),
        ("isolation-test", "5 MOHM", "milliohms or megohms; write mΩ or MΩ"),
        ("cellular-signal", "85", "cannot be"),
        ("ambient-temperature", "nan", "none of the results"),
    ],
)
def test_what_cannot_be_taken_is_explained_in_one_line(triage: Triage, check: str, text: str, says: str) -> None:
    """A wrong answer is never guessed at; the message says what can be written."""
    with pytest.raises(NotUnderstood, match=says) as caught:
        read_answer(triage.knowledge.base.checks[check], text)
    assert clean(caught.value) == str(caught.value)
    assert len(str(caught.value)) < 300


@given(check=st.sampled_from(["fan-noise", "isolation-test", "connector-pins"]), text=st.text(max_size=60))
def test_any_line_is_read_or_explained(triage: Triage, check: str, text: str) -> None:
    """Whatever is written, it is one of the results, a number in its limits, or one line of explanation."""
    asked = triage.knowledge.base.checks[check]
    try:
        value = read_answer(asked, text)
    except NotUnderstood as error:
        assert clean(error) == str(error)
    else:
        assert (isinstance(value, float) and 0 <= value <= 1e9) or value in {r.value for r in asked.results}


# Records, undo and replay

_RESULT = st.fixed_dictionaries(
    {
        "timestamp": st.sampled_from([MOMENT, "2026-05-10T11:00:00Z", "never"]),
        "device_id": st.sampled_from(["A", "B", ""]),
        "connector_id": st.sampled_from([None, 1, -1]),
        "check_id": st.sampled_from(["fan-noise", "vents"]),
        "value": st.sampled_from(["normal", 5, 5.0]),
    }
)


@given(before=st.lists(_RESULT, max_size=6), more=st.lists(_RESULT, max_size=6))
def test_records_added_later_stand_as_if_fed_together(before: list[Any], more: list[Any]) -> None:
    """Order, places and values are those of one bundle that holds all, bad and repeated records included."""
    grown = observe({"check_results": before}).with_records("check_results", more)
    together = observe({"check_results": [*before, *more]})
    assert grown["check_results"].records == together["check_results"].records
    assert len(grown.problems) == len(together.problems)


class Sessions(RuleBasedStateMachine):
    """Any sequence of answers, slips of the pen, skipped checks, steps back and stops."""

    triage: Triage

    @initialize(document=st.sampled_from([THERMAL, case(("F-0421", 1)), case(("F-0301", None), ("F-0302", None))]))
    def begin(self, document: dict[str, Any]) -> None:
        """Take up all incidents of a case."""
        self.records_at_hand = bundle_of(document)
        self.session = Consultation(self.triage, self.records_at_hand)
        self.history: list[list[str]] = []

    def shown(self) -> list[str]:
        """All that a person can see of the session."""
        question = self.session.question
        seen = [incident.model_dump_json() for incident in self.session.incidents]
        return [*seen, str(question), str(self.session.stopped), json.dumps(self.session.records)]

    @precondition(lambda self: self.session.question is not None)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """One of the results that are offered."""
        question = self.session.question
        assert question is not None
        self.history.append(self.shown())
        self.session.answer(data.draw(st.sampled_from([outcome.result for outcome in question.outcomes])))

    @precondition(lambda self: self.session.question is not None)
    @rule()
    def slip(self) -> None:
        """An answer that is none changes nothing."""
        before = self.shown()
        with pytest.raises(NotUnderstood):
            self.session.answer("\x07?!")
        assert self.shown() == before

    @precondition(lambda self: self.session.question is not None)
    @rule()
    def skip(self) -> None:
        """The check cannot be done."""
        self.history.append(self.shown())
        left_out = self.session.cannot()
        assert self.session.question is None or self.session.question != left_out

    @precondition(lambda self: bool(self.history))
    @rule()
    def undo(self) -> None:
        """Everything is as it was, byte for byte."""
        self.session.undo()
        assert self.shown() == self.history.pop()

    @precondition(lambda self: self.session.stopped is not End.TOLD)
    @rule()
    def stop(self) -> None:
        """Nothing is asked after it."""
        self.history.append(self.shown())
        self.session.stop()

    @invariant()
    def asks_or_says_why_not(self) -> None:
        """There is a question, or a reason why there is none."""
        assert (self.session.question is None) is (self.session.stopped is not None)

    @invariant()
    def replays(self) -> None:
        """The records give each incident as the session shows it."""
        replayed = self.triage.diagnose(answered(self.records_at_hand, self.session.records))
        by_name = {incident.incident_id: incident.model_dump_json() for incident in replayed.incidents}
        for incident in self.session.incidents:
            assert incident.model_dump_json() == by_name[incident.incident_id]


def test_any_consultation_can_be_taken_back_and_replayed(triage: Triage) -> None:
    """Undo restores the session byte for byte, the records replay to it, and nothing raises on the way."""
    machine = type("SessionsHere", (Sessions,), {"triage": triage})
    quick = settings(max_examples=min(settings().max_examples, 100) // 10, stateful_step_count=12, deadline=None)
    run_state_machine_as_test(machine, settings=quick)


# The conversation


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a case in it: a slow fan, and nothing known but the fault."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "case.json").write_text(json.dumps(case(("F-0601", None))), encoding="utf-8")
    return tmp_path


Converse = Callable[..., int]


@pytest.fixture
def converse(monkeypatch: pytest.MonkeyPatch) -> Converse:
    """Runs `consult` with lines of input, as over a pipe, and gives its exit status."""

    def run(*arguments: str, lines: bytes = b"") -> int:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines), encoding="utf-8"))
        return main(["consult", *arguments])

    return run


def results_in(path: Path) -> list[dict[str, Any]]:
    """The records of a results file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_over_a_pipe_it_asks_ranks_again_and_writes_the_answers(
    folder: Path, converse: Converse, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script of answers leads to a settled cause, its action, the minutes, and a file that a diagnosis replays."""
    assert converse("case.json", "--by", "Ann", lines=b"grinding\n") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "Listen to the fan (on site, 25 min)" in out
    assert "Fan bearings worn 23.5% → 93.0%." in out
    assert "1 check answered, 25 min" in out
    assert "charger-triage consult case.json check_results.jsonl" in out
    assert "\x1b" not in out
    (record,) = results_in(folder / "check_results.jsonl")
    assert record == {
        "timestamp": MOMENT,
        "device_id": "A",
        "connector_id": None,
        "check_id": "fan-noise",
        "value": "grinding",
        "by": "Ann",
    }
    assert main(["diagnose", "case.json", "check_results.jsonl", "--format", "json"]) == 0
    leader = json.loads(capsys.readouterr().out)["incidents"][0]["hypotheses"][0]
    assert leader["cause_id"] == "F-0601/bearing-wear"
    assert f"{leader['probability']:.1%}" == "93.0%"


def test_a_band_that_is_chosen_is_no_measurement(folder: Path, converse: Converse) -> None:
    """The record says that its value stands for the band, and says nothing of the kind where a number was measured."""
    assert converse("case.json", "--output", "band.jsonl", lines=b"skip\nskip\na\nstop\n") == 0
    (chosen,) = results_in(folder / "band.jsonl")
    assert (chosen["check_id"], chosen["note"][:9]) == ("fan-supply-voltage", "chosen: b")
    assert converse("case.json", "--output", "number.jsonl", lines=b"skip\nskip\n85\nstop\n") == 0
    (measured,) = results_in(folder / "number.jsonl")
    assert measured == {key: value for key, value in chosen.items() if key != "note"}


def test_the_command_to_go_on_with_goes_on_in_the_same_way(
    folder: Path, converse: Converse, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever follows it adds to the same file, under the same name and at the charger as before."""
    options = ["--output", "my answers.jsonl", "--by", "Ann B", "--on-site", "--code", "F-0601"]
    assert converse("case.json", *options, lines=b"intermittent\nstop\n") == 0
    (command,) = (line for line in capsys.readouterr().out.splitlines() if "charger-triage consult" in line)
    _, _, *arguments = shlex.split(command)
    assert converse(*arguments, lines=b"obstructed\nstop\n") == 0
    assert [record["by"] for record in results_in(folder / "my answers.jsonl")] == ["Ann B", "Ann B"]
    assert {"--on-site", "--code"} <= set(arguments)
    assert {path.name for path in folder.iterdir()} == {"case.json", "my answers.jsonl"}


def test_a_consultation_is_resumed_and_nothing_is_written_twice(
    folder: Path, converse: Converse, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the earlier answers the next question comes, and its answer is added to the same file."""
    assert converse("case.json", lines=b"normal\n") == 0
    first = results_in(folder / "check_results.jsonl")
    capsys.readouterr()
    assert converse("case.json", "check_results.jsonl", lines=b"94 %\n") == 0
    out = capsys.readouterr().out
    assert "Listen to the fan" not in out
    assert "Measure the supply at the fan" in out
    both = results_in(folder / "check_results.jsonl")
    assert both[: len(first)] == first
    assert both[1]["value"] == 94
    assert converse("case.json", lines=b"normal\n94\n") == 0  # the same once more, without the earlier answers
    assert results_in(folder / "check_results.jsonl") == both
    assert converse("case.json", lines=b"grinding\n") == 0  # the last word on one check stands
    assert [r["value"] for r in results_in(folder / "check_results.jsonl")] == [94, "grinding"]


@pytest.mark.parametrize(
    ("lines", "written"),
    [
        (b"", None),
        (b"stop\n", None),
        (b"undo\nnormal\nquit\n", ["normal"]),
        (b"normal\nundo\n", None),
        (b"grinding\nundo\nnormal\n", ["normal"]),
        (b"skip\nstop\nquit\n", None),
        (b"why\n?\nHELP\nnormal", ["normal"]),
        (b"\xff\xfe\x00\x1b[2J\x07\nnormal\n", ["normal"]),
        (b"x" * 100_000 + b"\nnormal\n", ["normal"]),
        (b"\n\r\n \nnormal\r\n", ["normal"]),
    ],
)
def test_every_line_is_taken_or_explained(
    folder: Path, converse: Converse, capsys: pytest.CaptureFixture[str], lines: bytes, written: list[str] | None
) -> None:
    """Commands, hostile lines and the end of input at any place: it ends well, and what was answered is kept."""
    assert converse("case.json", lines=lines) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert all(line.isprintable() for line in out.splitlines())
    assert out.count("is none of the results") <= 1
    path = folder / "check_results.jsonl"
    assert (None if not path.exists() else [record["value"] for record in results_in(path)]) == written


def test_with_a_hyphen_the_answers_go_to_standard_output(
    folder: Path, converse: Converse, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answers alone come out where a program reads them, the conversation where a person does."""
    assert converse("case.json", "-o", "-", lines=b"grinding\n") == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["value"] for line in out.splitlines()] == ["grinding"]
    assert "Listen to the fan" in err
    assert not (folder / "check_results.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-"], "standard input"),
        (["nowhere.json"], "no such file"),
        (["case.json", "--device", "Z"], "'Z' is not in the records"),
        (["case.json", "--code", "F-9999"], "neither documented nor in the records"),
        (["case.json", "-o", "case.json"], "no check result"),
        (["case.json", "-o", "nowhere/out.jsonl"], "no folder"),
        (["case.json", "-o", "."], "is a folder"),
        (["."], "name a file with --output"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_asked(
    folder: Path, converse: Converse, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    """One line on standard error, status 2, and every file is left as it was."""
    before = (folder / "case.json").read_bytes()
    assert converse(*arguments, lines=b"grinding\n") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["case.json"]
    assert (folder / "case.json").read_bytes() == before


@pytest.mark.usefixtures("folder")
def test_nothing_to_ask_is_said_plainly(converse: Converse, capsys: pytest.CaptureFixture[str]) -> None:
    """A code that is not in the records gives a sentence and no question."""
    assert converse("case.json", "--code", "F-0101", lines=b"1\n") == 0
    assert "nothing to ask for F-0101" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([], "The visit for A/-/F-0601 does the rest; no second one is needed."),
        (
            [{"timestamp": MOMENT, "device_id": "A", "check_id": "ir-thermometer", "value": 45.0}],
            "The visit for A/-/F-0601 does this as well: Replace the cooling fan and reset its counter (see F-0601).",
        ),
    ],
    ids=["every visit is covered", "the sensor has to be calibrated too"],
)  # fmt: skip
def test_a_second_visit_is_spared_only_where_the_first_does_all_of_it(
    folder: Path, converse: Converse, capsys: pytest.CaptureFixture[str], found: list[Any], says: str
) -> None:
    """A cabinet that is hot behind a slow fan: nobody is told to stay away from what the fan's visit does not mend."""
    records = case(("F-0601", None), ("F-0204", None), check_results=found)
    records["events"][0]["timestamp"] = "2026-05-10T11:30:00Z"
    (folder / "case.json").write_text(json.dumps(records), encoding="utf-8")
    assert converse("case.json", "--code", "F-0204", lines=b"stop\n") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert says in told
    assert ("no second one" in told) is (found == [])


@pytest.mark.usefixtures("folder")
def test_a_settled_case_asks_nothing(converse: Converse, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the records settle the cause, the conclusion comes at once."""
    example = Path(__file__).parents[1] / "examples" / "f0411-module-hang"
    assert converse(str(example)) == 0
    out = capsys.readouterr().out
    assert "Check 1" not in out
    assert "F-0411/module-firmware-hang" in out
    assert "nothing is written" in out


def test_a_contradiction_is_announced_when_an_answer_creates_it(
    folder: Path, converse: Converse, capsys: pytest.CaptureFixture[str], triage: Triage
) -> None:
    """Certificates found valid whose end the metadata put two days back: both are named at once, and at the end."""
    ended = {"device_id": "A", "certificates": {"tls_not_after": "2026-05-08T12:00:00Z"}}
    (folder / "case.json").write_text(json.dumps(case(("F-0301", None), devices=[ended])), encoding="utf-8")
    assert converse("case.json", "--on-site", lines=b"valid\nstop\n") == 0
    out = capsys.readouterr().out
    (found,) = triage.diagnose(read_bundles(["case.json", "check_results.jsonl"])).incidents[0].contradictions
    assert found.between[0].name == "check.tls-certificate"
    announced = "Cannot both be true: The check found the certificates valid"
    answer, conclusion = "Check the certificates of both ends: valid.", "Asked no further"
    assert out.index(answer) < out.index(announced) < out.index(conclusion) < out.rindex(announced)


def _typed_on_a_terminal(folder: Path, lines: Sequence[bytes]) -> tuple[bytes, int]:
    """What the conversation looks like on a terminal where these lines are typed, and its exit status."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the child
        os.chdir(folder)
        os.environ["TERM"] = "xterm"
        os.execv(COMMAND[0], [*COMMAND, "consult", "case.json"])
    seen = b""
    waiting = list(lines)
    while True:
        ready, _, _ = select.select([terminal], [], [], 60)
        try:
            chunk = os.read(terminal, 65_536) if ready else b""
        except OSError:
            chunk = b""
        if not chunk:
            break
        seen += chunk
        if waiting and seen.rstrip().endswith((b"help):", b"finish:")):
            os.write(terminal, waiting.pop(0))
            seen += b"\n"
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return seen, os.waitstatus_to_exitcode(status)


@pytest.mark.skipif(not hasattr(pty, "fork"), reason="needs a pseudo-terminal")
def test_a_terminal_gives_the_same_results_as_a_pipe(folder: Path) -> None:
    """Typed with line editing or piped, the same answers give the same file; a terminal has colour."""
    piped = subprocess.run(
        [*COMMAND, "consult", "case.json", "-o", "piped.jsonl"], input=b"normal\n94 %\n\n", capture_output=True,
        cwd=folder, check=False, timeout=120,
    )  # fmt: skip
    assert (piped.returncode, piped.stderr) == (0, b"")
    seen, status = _typed_on_a_terminal(folder, [b"normal\r", b"94 %\r", b"\r"])
    assert status == 0
    assert b"\x1b[1m" in seen
    assert (folder / "check_results.jsonl").read_bytes() == (folder / "piped.jsonl").read_bytes()


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="needs signals")
def test_ctrl_c_keeps_what_was_answered(folder: Path) -> None:
    """An interrupt at the prompt ends the conversation with status 130, and the answers are written."""
    process = subprocess.Popen(
        [*COMMAND, "consult", "case.json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=folder,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"normal\n")
    process.stdin.flush()
    prompts = 0
    for line in process.stdout:
        prompts += line.startswith(b"Answer (")
        if prompts == 2:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
    assert b"since you ended it" in out
    assert [record["value"] for record in results_in(folder / "check_results.jsonl")] == ["normal"]
