"""Whatever bytes are given as a log: no error but our own, nothing hangs, and every record can be diagnosed and written."""

from __future__ import annotations

import gzip
import io
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.adapters.files import UnreadableInput, read_bundle
from charger_triage.adapters.ocpp import ocpp_records, read_ocpp_log
from charger_triage.engine import Triage

from .support.examples import few
from .support.ocpp_layouts import LAYOUTS, Message, session

SESSIONS = [*session("1.6"), *session("2.0.1")]

hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["Faulted", "F-0421", "CX017", "", "2026-05-10T08:00:00Z", "9999-12-31T23:59:59Z", -1, 10**30, 10**400, 2**53, 1e308, "\ud800", "0001-01-01T00:00:00+14:00"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in a value, the value itself first."""
    found = [path]
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        found.extend(paths_of(inner, (*path, key)))
    return found


def with_value(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of a value with something else at a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_value(value[path[0]], path[1:], new)
    return copy


@st.composite
def mutated(draw: st.DrawFn) -> list[Message]:
    """Real messages in a new order, some of them with something else in one place."""
    messages = draw(st.lists(st.sampled_from(SESSIONS), min_size=1, max_size=12))
    changed = []
    for entry in messages:
        path = draw(st.sampled_from(paths_of(entry["frame"])))
        keep = draw(st.booleans())
        changed.append(
            entry if keep or not path else {**entry, "frame": with_value(entry["frame"], path, draw(hostile))}
        )
    return changed


def read_all(content: bytes) -> int:
    """How many records bytes give; our own error counts as none."""
    try:
        count = 0
        for record_list, record in ocpp_records(io.BytesIO(content)):
            json.dumps([record_list, record], ensure_ascii=False, allow_nan=False).encode()
            count += 1
        return count
    except UnreadableInput as error:
        assert "\n" not in str(error)
        return 0


@given(st.binary(max_size=400))
def test_any_bytes(content: bytes) -> None:
    """Arbitrary bytes, alone, packed and behind a frame, raise nothing but our error."""
    for text in (content, gzip.compress(content), b'[2,"1","Heartbeat",{}]\n' + content, b"\x1f\x8b" + content):
        read_all(text)


@given(mutated(), st.sampled_from(sorted(LAYOUTS)), st.integers(0, 10**6), st.integers(0, 10**6))
def test_mutated_and_cut_logs(messages: list[Message], layout: str, cut: int, hole: int) -> None:
    """Real frames with anything in any place, cut anywhere, with bytes missing anywhere, in any layout."""
    try:
        content = LAYOUTS[layout](messages)
    except (TypeError, KeyError, IndexError, ValueError):  # the layout itself cannot write such a frame
        return
    read_all(content)
    read_all(content[: cut % (len(content) + 1)])
    place = hole % (len(content) + 1)
    read_all(content[:place] + content[place + hole % 40 :])


@given(mutated())
def test_records_of_mutated_logs_can_be_diagnosed(triage: Triage, messages: list[Message]) -> None:
    """Records that follow from broken frames become warnings at most, and the diagnosis can be written as JSON."""
    content = LAYOUTS["objects"](messages)
    try:
        bundle = read_ocpp_log(io.BytesIO(content))
    except UnreadableInput:
        return
    first = triage.diagnose(bundle).model_dump_json()
    assert first == triage.diagnose(read_ocpp_log(io.BytesIO(content))).model_dump_json()


@few
@given(st.integers(1, 3000), st.sampled_from([b"[", b'{"a":', b'[2,"1","DataTransfer",{"data":', b"[[2,", b'"']))
def test_deep_nesting_and_repeated_beginnings(times: int, piece: bytes) -> None:
    """Brackets without end, on one line or on many, are refused without a crash."""
    beat = b'2026-05-10T08:00:00Z CP > [2,"0","Heartbeat",{}]\n'
    read_all(beat + piece * times)
    read_all(beat + (piece + b"\n") * times)
    read_all(b"[" + beat[26:] + b"," + piece * times)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fails where what is done within takes more processor time."""

    def too_long(_signal: int, _frame: object) -> None:
        raise AssertionError(f"it takes more than {seconds} s")

    before = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


BEAT = b'2026-05-10T08:00:00Z CP > [2,"0","Heartbeat",{}]\n'
COSTLY: dict[str, bytes] = {
    "empty lines at the head": b"\n" * 2_000_000,
    "empty lines": BEAT + b"\n" * 2_000_000,
    "open brackets": BEAT + b"[\n" * 200_000,
    "open brackets and kinds": BEAT + b"x [\n2,\n" * 100_000,
    "digits without an end": BEAT + b'[2,"1","A",{"a":' + b"1" * 400_000 + b"x\n",
    "closing brackets behind a frame that was cut": BEAT + (b'[2,"' + b"a" * 2_000_000 + b"\n" + b"]\n" * 1900) * 3,
    "escaped quotes": BEAT + b'[2,"' + b'\\"' * 1_000_000 + b"\n",
    "connections that close and close": BEAT + (b"connection closed " * 27 + b"\n") * 10_000,
    "fields": b'{"message":[2,"1","Heartbeat",{}]}\n{' + b",".join(b'"k%d":1' % n for n in range(200_000)) + b"}\n",
    "connectors": b"".join(
        b'2026-05-10T08:00:00Z CP > [2,"%d","StatusNotification",{"connectorId":%d,"errorCode":"NoError","status":"Faulted"}]\n'
        % (n, n % 9999 + 1)
        for n in range(30_000)
    ),
}


@pytest.mark.parametrize("kind", COSTLY)
def test_nothing_costs_more_than_its_size(kind: str) -> None:
    """What makes a reader look again and again costs a few seconds at most, for some megabytes."""
    with within(20):
        read_all(COSTLY[kind])


@pytest.mark.parametrize(
    "text", ["A" * 2_000_000, "\n" * 2_000_000, "[\n" * 500_000, "connect " * 200_000, '{"a":"' + "Ab" * 900_000]
)
def test_telling_that_a_text_is_no_log_costs_no_more(text: str) -> None:
    """What is no log is refused within seconds as well."""
    with within(20), pytest.raises(UnreadableInput):
        read_bundle(io.StringIO(text))


ODD: dict[str, tuple[bytes, bytes]] = {
    "a clock before all clocks": (b"2026-05-10T08:00:00Z", b"0001-01-01T00:00:00+14:00"),
    "a clock after all clocks": (b"2026-05-10T08:00:00Z", b"9999-12-31T23:59:59-14:00"),
    "a reading that is none": (b'"unit":"W","value":"21560"', b'"unit":"W","value":NaN'),
    "a number without bounds": (b'"meterStop":126400', b'"meterStop":1' + b"0" * 400),
    "a number of too many digits": (b'"meterStop":126400', b'"meterStop":1' + b"0" * 5000),
    "half of a surrogate pair": (b"CP-7", b"CP\\ud83d"),
    "bytes that are no text": (b"Tellus", b"Tell\xfcs"),
}


@pytest.mark.parametrize("layout", ["objects", "array", "time > frame"])
@pytest.mark.parametrize("kind", ODD)
def test_odd_values_cost_no_more_than_themselves(kind: str, layout: str) -> None:
    """A time, number or text that nobody can mean is left out or replaced, and every record can be written as UTF-8."""
    old, new = ODD[kind]
    content = LAYOUTS[layout](session("1.6")).replace(b": ", b":").replace(b", ", b",").replace(old, new)
    found = list(ocpp_records(io.BytesIO(content)))
    assert len(found) > 20
    for record_list, record in found:
        json.dumps([record_list, record], ensure_ascii=False, allow_nan=False).encode()


def test_problems_without_end_are_counted() -> None:
    """A log of which each frame is wrong in its own way names some of them, and counts the rest."""
    frames = b"".join(b'2026-05-10T08:00:00Z CP > [2,"%d","A%d",{}]\n' % (n, n) for n in range(5000))
    problems: list[str] = []
    list(ocpp_records(io.BytesIO(frames), lambda problem, _: problems.append(problem)))
    assert len(problems) < 200
    assert any("more other problems" in problem for problem in problems)


def test_a_line_of_many_megabytes_is_skipped() -> None:
    """A line that never ends is passed over in pieces; what comes after it is read."""
    beat = b'2026-05-10T08:00:00Z CP > [2,"0","Heartbeat",{}]\n'
    assert read_all(beat + b"x" * 9_000_000 + b"\n" + beat.replace(b"00:00Z", b"05:00Z")) >= 3
