"""`explain`: a code by any name, and faults found by what callers say."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from charger_triage.adapters.cli.explaining import write_explanation
from charger_triage.adapters.cli.failures import Unusable
from charger_triage.adapters.cli.output import Destination
from charger_triage.adapters.report import exported_document
from charger_triage.adapters.report.symptom_matches import pointed_text, search_markdown, search_text
from charger_triage.engine import FaultExplanation, Triage
from charger_triage.knowledge import (
    FaultSearch,
    KnowledgeError,
    TriageKnowledge,
    find_faults,
    load_knowledge,
    open_knowledge,
)
from charger_triage.knowledge.fault_search import codes_named
from charger_triage.knowledge.library import Library
from charger_triage.knowledge.lint import lint
from charger_triage.knowledge.loading import shipped_directory

PHRASES = yaml.safe_load((Path(__file__).parent / "data" / "symptom_phrases.yaml").read_text(encoding="utf-8"))
SCRAPS = ["no", "not", "F-0421", "421", "fan", "hot", "%", "can't", ".", ",", "nt", "15118", "plug", "keeps dropping"]
HOSTILE = "\x1b[31mhums\x07 <b>no</b> current | `x` \u202e[y](http://z) \udcff"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped knowledge files, to be written on."""
    for name in ("knowledge.yaml", "checks.yaml", "symptoms.yaml"):
        shutil.copy(shipped_directory() / name, tmp_path / name)
    shutil.copytree(shipped_directory() / "faults", tmp_path / "faults")
    return tmp_path


def codes(search: FaultSearch) -> list[str]:
    """The codes found, best first."""
    return [match.fault_code for match in search.matches]


@pytest.mark.parametrize(
    ("speakers", "held_out", "first", "among_three"),
    [
        ("callers", False, 0.97, 0.98),
        ("callers", True, 0.95, 0.95),
        ("strangers", False, 0.97, 0.97),
        ("strangers", True, 0.85, 0.95),
    ],
)
def test_what_callers_say_leads_to_the_code(speakers: str, held_out: bool, first: float, among_three: float) -> None:
    """The share of phrases whose code comes first, or among three, is what it was when the symptoms were written."""
    asked = [p for p in PHRASES[speakers] if p["held_out"] == held_out and p["codes"]]
    found = [(phrase["codes"], codes(find_faults(phrase["said"]))) for phrase in asked]
    assert len(found) >= 40
    assert sum(bool(set(right) & set(got[:1])) for right, got in found) >= int(first * len(found))
    assert sum(bool(set(right) & set(got[:3])) for right, got in found) >= int(among_three * len(found))


def test_words_point_at_causes() -> None:
    """Of phrases that tell the cause, nine in ten point at it, and most at it before any other."""
    asked = [phrase for phrase in PHRASES["callers"] if "cause" in phrase]
    found = [
        (
            f"{phrase['codes'][0]}/{phrase['cause']}",
            [c.cause_id for m in find_faults(phrase["said"]).matches for c in m.causes],
        )
        for phrase in asked
    ]
    assert sum(right in got for right, got in found) >= 0.9 * len(found)
    assert sum(got[:1] == [right] for right, got in found) >= 0.8 * len(found)


@pytest.mark.parametrize("phrase", [phrase["said"] for phrase in PHRASES["callers"] if not phrase["codes"]])
def test_what_no_symptom_fits_finds_nothing(phrase: str) -> None:
    """Questions of another kind get no code, but what to ask instead."""
    search = find_faults(phrase)
    assert search.fault_code is None
    assert not search.matches
    assert search.ask


@pytest.mark.parametrize(
    "spelling", ["F-0421", "f0421", "421", "0421", "F 0421", "fault 421", "code F-0421?", " F_0421 ", "Error: 0421!"]
)
def test_a_code_is_known_in_any_spelling(spelling: str) -> None:
    """However a code is written, it is named and not searched for."""
    search = find_faults(spelling)
    assert (search.fault_code, search.named_by) == ("F-0421", "code")


@pytest.mark.parametrize(
    "asked", ["F-0421 F-0101", "421, 101", "f0421 and F 0101", "code 421 or code 101, F-0421 again"]
)
def test_every_code_that_is_named_is_explained(asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    """None of several codes is passed over in silence: each has its entry, once and in the order asked."""
    for report_format in ("text", "markdown"):
        write_explanation(asked, report_format, Destination())
        out = capsys.readouterr().out
        assert [len(re.findall(rf"(?m)^(?:# )?{code} ", out.replace("\\", ""))) for code in ("F-0421", "F-0101")] == [
            1,
            1,
        ]
        assert out.index("F-0421") < out.index("F-0101")
    write_explanation(asked, "json", Destination())
    entries = json.loads(capsys.readouterr().out)
    assert [FaultExplanation.model_validate(entry).fault_code for entry in entries] == ["F-0421", "F-0101"]


def test_a_number_beside_a_code_is_none() -> None:
    """A close code or an HTTP status behind the word error does not refuse the fault code that is named."""
    assert codes_named("F-0421 with error 1006")[0] == ["F-0421"]
    assert codes_named("fault 421, error 404")[0] == ["F-0421"]
    assert codes_named("error 404")[0] == ["F-0404"]
    assert codes_named("hums")[0] == []


def test_a_code_among_several_that_is_not_documented_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written of the others, so that the line on standard error is not overlooked."""
    with pytest.raises(Unusable, match="'F-9999' is not documented"):
        write_explanation("F-0421 F-9999", "text", Destination())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("denied", "found", "gone"),
    [
        ("no power back from the vehicle", "F-0702", "F-0421"),
        ("does not give power back", "F-0702", "F-0421"),
        ("the car does not charge", "F-0421", "F-0702"),
    ],
)
def test_a_denial_holds_for_the_longest_expression_behind_it(denied: str, found: str, gone: str) -> None:
    """`no power back` denies giving power back, and is not `no power` with a word behind it."""
    best, *others = codes(find_faults(denied))
    assert best == found
    assert gone not in others


@pytest.mark.parametrize("phrase", ["module 3 not responding", "40 reconnects in ten minutes", "only 421 of 500 volts"])
def test_numbers_in_words_are_no_codes(phrase: str) -> None:
    """A number that is not called a code stays part of the description."""
    assert find_faults(phrase).fault_code is None


def test_titles_name_their_codes(knowledge: TriageKnowledge) -> None:
    """Every title leads to its code, with a letter lost and in other letters too."""
    for code, compiled in knowledge.base.faults.items():
        title = compiled.fault.title
        longest = max(re.findall("[A-Za-z]+", title), key=len)
        for written in (title, title.upper(), title.replace(longest, longest[:3] + longest[4:])):
            search = find_faults(written)
            assert (search.fault_code, search.named_by) == (code, "title"), written


@pytest.mark.parametrize(
    ("part", "code"),
    [("contactor weld", "F-0101"), ("reconect storm", "F-0302"), ("cabinet overtemperature", None), ("power module", None),
     ("heartbeat not lost", None), ("weld", None)],
)  # fmt: skip
def test_the_larger_part_of_a_title_names_it(part: str, code: str | None) -> None:
    """Most of a title is enough; what several codes could mean, or denies it, is searched for instead."""
    assert find_faults(part).fault_code == code


@pytest.mark.parametrize(
    ("denied", "gone", "stays"),
    [
        ("clicks but not offline", "F-0301", "F-0421"),
        ("it is hot but the plug is not hot, no fan", "F-0701", "F-0204"),
        ("not flapping, just gone", "F-0302", "F-0301"),
    ],
)
def test_what_is_denied_speaks_against(denied: str, gone: str, stays: str) -> None:
    """A denied symptom does not lead to its code, and leaves the others."""
    found = codes(find_faults(denied))
    assert gone not in found
    assert stays in found


def test_no_current_and_current_differ() -> None:
    """A denial is part of the symptom: with current flowing it is another fault."""
    without, with_it = find_faults("hums but no current"), find_faults("hums and current flows")
    assert codes(without)[0] == "F-0421"
    assert without.matches[0].fit > max((m.fit for m in with_it.matches if m.fault_code == "F-0421"), default=0)


def test_misspelt_words_are_read_and_told() -> None:
    """A slip in a word is mended, and the answer says what it was read as."""
    search = find_faults("conector overheting")
    assert codes(search)[0] == "F-0203"
    assert set(search.read_as) == {"conector", "overheting"}
    assert find_faults("my zzgqx overheats").unknown_words == ["zzgqx"]


def test_an_answer_says_what_would_decide() -> None:
    """Codes that fit are told apart by facts, and the causes of the best by checks, best first."""
    search = find_faults("plugged in but no power comes")
    assert {"F-0421", "F-0101"} <= set(codes(search))
    best = search.matches[0]
    against = {code for fact in best.decides for code in fact.rather_than}
    assert "F-0101" in against
    assert against <= set(codes(search))
    assert all(fact.source for match in search.matches for fact in match.decides)
    clicks = next(check for check in best.checks if check.check_id == "close-click")
    assert (clicks.results[0].result, clicks.results[0].cause_id) == ("present", "F-0421/aux-contact-dirty")
    rates = [check.expected_bits / check.minutes * (0.8 if check.where == "onsite" else 1) for check in best.checks]
    assert rates == sorted(rates, reverse=True)


def test_words_beside_a_code_point_at_its_causes(capsys: pytest.CaptureFixture[str]) -> None:
    """A code with words is explained, and the words say where to look first."""
    search = find_faults("F-0601 it grinds")
    assert (search.fault_code, search.named_by, codes(search)) == ("F-0601", "code", ["F-0601"])
    assert [cause.cause_id for cause in search.matches[0].causes] == ["F-0601/bearing-wear"]
    write_explanation("F-0601 it grinds", "text", Destination())
    out = capsys.readouterr().out
    assert out.startswith(pointed_text(search))
    assert "Cooling fan below nominal RPM\n" in out


@given(st.text(max_size=300) | st.lists(st.sampled_from(SCRAPS)).map(" ".join))
def test_anything_can_be_asked(asked: str) -> None:
    """No text breaks the search; fits are shares, in order; the answer is the same each time and survives JSON."""
    search = find_faults(asked)
    fits = [match.fit for match in search.matches]
    assert fits == sorted(fits, reverse=True)
    assert all(0 < fit <= 1 for fit in fits)
    assert FaultSearch.model_validate_json(search.model_dump_json()) == search == find_faults(asked)
    assert search.matches or search.fault_code or search.ask


@pytest.mark.parametrize("asked", [HOSTILE, "hums " * 100_000, "F" + " " * 100_000 + "x", "-" * 100_000])
def test_hostile_questions_leave_clean_reports(asked: str) -> None:
    """Control characters and markup of a question reach no report, and long ones do not hold it up."""
    search = find_faults(asked)
    text = search_text(search)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\u202e" not in text
    assert not re.search("<(?:a|b)[ >]", MarkdownIt().render(search_markdown(search)))
    json.loads(search.model_dump_json())


@pytest.mark.parametrize("report", [search_text, search_markdown])
def test_reports_hold_the_whole_answer(report: Callable[[FaultSearch], str]) -> None:
    """Every code, symptom, cause, deciding fact, check and result of an answer stands in the report."""
    search = find_faults("drops off at nihgt and goes offline when it rains")
    shown = " ".join(report(search).replace("\\", "").split())
    wanted: list[str] = [f"fit {match.fit:.2f}" for match in search.matches] + ["nihgt"]
    for match in search.matches:
        wanted += [match.title, *(s.tells for s in match.symptoms), *(c.title for c in match.causes)]
        wanted += [f"{fact.look_at}: {fact.speaks_for}" for fact in match.decides]
        wanted += [check.title for check in match.checks]
        wanted += [f"{result.result}: {result.title}" for check in match.checks for result in check.results]
    assert len(wanted) > 20
    assert [part for part in wanted if part not in shown] == []


@pytest.mark.parametrize(
    ("asked", "model"), [("421", FaultExplanation), ("contactor weld", FaultExplanation), ("it hums", FaultSearch)]
)
def test_json_is_the_model(asked: str, model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A code that is named gives its explanation as JSON, words give the search."""
    write_explanation(asked, "json", Destination())
    model.model_validate_json(capsys.readouterr().out)


@pytest.mark.parametrize(("asked", "says"), [("F-9999", "'F-9999' is not documented"), ("CX999", "CX999 is none of ChargeX's minimum required error codes, CX001 to CX026"),
                                             ("  ", "nothing was asked")])  # fmt: skip
def test_what_cannot_be_explained_is_one_line(asked: str, says: str) -> None:
    """Codes that are not documented, and empty questions, end the command with one line."""
    with pytest.raises(Unusable, match=says) as caught:
        write_explanation(asked, "text", Destination())
    assert "\n" not in str(caught.value)


def test_explaining_one_code_reads_no_other(folder: Path) -> None:
    """The entry of a code needs its own file alone, and a search by words only those of the codes that fit."""
    whole = load_knowledge(folder)
    for path in (folder / "faults").glob("*.yaml"):
        if path.stem != "F-0421":
            title = path.read_text(encoding="utf-8").partition("\nseverity:")[0]
            path.write_text(f"{title}\nseverity: [", encoding="utf-8")
    explained = Triage(open_knowledge(folder)).explain("F-0421")
    assert explained == Triage(whole).explain("F-0421")
    assert find_faults("hums but no current", folder) == find_faults("hums but no current")


def test_mistakes_are_found_at_once_or_where_they_are_asked_for(folder: Path) -> None:
    """Loading all finds every mistake; opening raises that of a file when its code is asked for, and no other."""
    for code in ("F-0302", "F-0701"):
        path = folder / "faults" / f"{code}.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("\nscope: ", "\nscoop: ", 1), encoding="utf-8")
    (folder / "symptoms.yaml").write_text("codes: {}\n", encoding="utf-8")
    with pytest.raises(KnowledgeError) as caught:
        load_knowledge(folder)
    assert {finding.place.file for finding in caught.value.findings} == {"F-0302.yaml", "F-0701.yaml", "symptoms.yaml"}
    opened = open_knowledge(folder)
    assert opened.base.faults["F-0421"].fault.code == "F-0421"
    with pytest.raises(KnowledgeError) as caught:
        opened.base.faults["F-0701"]
    assert {finding.place.file for finding in caught.value.findings} == {"F-0701.yaml"}
    with pytest.raises(KnowledgeError, match=r"symptoms\.yaml"):
        find_faults("hums", folder)


def test_opened_and_loaded_knowledge_are_the_same(knowledge: TriageKnowledge) -> None:
    """Faults that are compiled one by one make the same knowledge base, digest and facts included."""
    opened = open_knowledge()
    assert opened.base.digest == knowledge.base.digest
    assert exported_document(opened.base) == exported_document(knowledge.base)
    assert dict(opened.base.catalogue) == dict(knowledge.base.catalogue)
    assert opened.base.faults["F-0421"] is opened.base.faults["F-0421"]
    assert "F-9999" not in opened.base.faults
    assert opened.base.faults.get("F-9999") is None
    assert opened.base.catalogue.get("finding.nowhere") is None


@pytest.mark.parametrize(
    "name",
    ["knowledge.yaml", "checks.yaml", "symptoms.yaml", "watches.yaml", "standard_codes.yaml", "models.yaml", "owners.yaml",
     "faults/F-0421.yaml"],
)  # fmt: skip
def test_the_digest_is_over_every_knowledge_file(folder: Path, name: str) -> None:
    """A change of any one file, if only of a comment, is another knowledge base."""
    shutil.copy(shipped_directory() / name, folder / name)
    before = Library(folder).digest
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write("\n# mended\n")
    assert Library(folder).digest != before


def changed(spoken: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Damages the symptoms, one after the other: what is wrong then, and where."""
    codes_of = spoken["codes"]
    symptom = codes_of["F-0421"]["symptoms"][4]
    before = dict(symptom)
    symptom["causes"] = ["gremlins"]
    yield "'gremlins' is no cause of F-0421", "unreachable"
    symptom.update(before, source="somebody")
    yield "'somebody' does not say where it comes from", "unsourced"
    symptom.update(before)
    del symptom["source"]
    yield "the symptom has no 'source'", "malformed"
    symptom.update(before)
    fact = codes_of["F-0101"]["decides"][2]
    fact["rather_than"] = ["F-0999"]
    yield "'F-0999' is no code", "unreachable"
    fact["rather_than"] = ["F-0421"]
    codes_of["F-0999"] = codes_of["F-0101"]
    yield "F-0999 has no file", "unreachable"
    del codes_of["F-0999"]
    for one in codes_of["F-0601"]["symptoms"]:
        one["causes"] = [cause for cause in one.get("causes", []) if cause != "bearing-wear"]
    yield "no symptom points at F-0601/bearing-wear", "unreachable"
    del codes_of["F-0601"]
    yield "F-0601 has no symptoms", "unreachable"


def test_lint_finds_what_is_wrong_with_symptoms(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes and causes without words, words for what is not there, and symptoms without a source are found."""
    for path in (folder / "faults").glob("*.yaml"):
        if path.stem not in ("F-0101", "F-0421", "F-0601"):
            path.unlink()
    spoken = yaml.safe_load((folder / "symptoms.yaml").read_text(encoding="utf-8"))
    for code in list(spoken["codes"]):
        if code not in ("F-0101", "F-0421", "F-0601"):
            del spoken["codes"][code]
        else:
            for fact in spoken["codes"][code]["decides"]:
                fact["rather_than"] = [o for o in fact.get("rather_than", []) if o in ("F-0101", "F-0421", "F-0601")]
    monkeypatch.setattr("charger_triage.knowledge.lint._unread_checks", lambda _: iter(()))

    def write() -> None:
        (folder / "symptoms.yaml").write_text(yaml.safe_dump(spoken), encoding="utf-8")

    write()
    assert [f for f in lint(folder) if f.place.file == "symptoms.yaml"] == []
    for message, kind in changed(spoken):
        write()
        found = [(f.message, f.kind) for f in lint(folder) if f.place.file == "symptoms.yaml"]
        assert found == [(message, kind)]
