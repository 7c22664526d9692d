"""What measurements stand on: middles of values to the bit, rows held against rows, sessions put together from two lists."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.knowledge.observations import observe
from charger_triage.knowledge.readings import Readings, among, median, percentile
from charger_triage.knowledge.sessions import LONGEST_OPEN, SAME_SESSION, Session, sessions_of

_values = st.lists(
    st.one_of(st.floats(allow_infinity=True), st.integers(-5, 5).map(float), st.floats(-1e9, 1e9)),
    min_size=1,
    max_size=40,
)
_rows = st.lists(st.integers(0, 30), unique=True).map(lambda rows: np.array(sorted(rows), dtype=np.intp))


def _same(one: float, other: float) -> bool:
    return one == other or (np.isnan(one) and np.isnan(other))


@given(values=_values, percent=st.sampled_from([0, 10, 16, 50, 75, 84, 90, 95, 100]))
def test_median_and_percentile_are_those_of_numpy(values: list[float], percent: float) -> None:
    """To the same bit, infinities and missing numbers included, since results are compared byte for byte."""
    column = np.array(values)
    with np.errstate(all="ignore"):
        assert _same(median(column), float(np.median(column)))
        assert _same(percentile(column, percent), float(np.percentile(column, percent)))


def test_of_no_values_there_is_no_middle() -> None:
    """Neither a median nor a percentile, and no warning."""
    assert np.isnan(median(np.empty(0)))
    assert np.isnan(percentile(np.empty(0), 90))


@given(rows=_rows, chosen=_rows)
def test_rows_are_found_among_others(rows: Any, chosen: Any) -> None:
    """The same as NumPy finds, of ascending rows."""
    assert among(rows, chosen).tolist() == np.isin(rows, chosen).tolist()


@given(rows=_rows, others=_rows)
def test_two_columns_are_held_together_in_the_records_that_hold_both(rows: Any, others: Any) -> None:
    """Each keeps the readings of common records, in their order."""
    table = observe({})["telemetry"]
    one, other = (Readings(table, each.astype(float), each * 2.0, each) for each in (rows, others))
    mine, theirs = one.together(other)
    common = sorted(set(rows.tolist()) & set(others.tolist()))
    assert mine.rows.tolist() == theirs.rows.tolist() == common
    assert mine.values.tolist() == theirs.values.tolist() == [2.0 * row for row in common]


# Sessions

_minutes = st.integers(0, 30)
_connector = st.sampled_from([None, 1, 2])


@st.composite
def _recorded(draw: st.DrawFn) -> dict[str, Any]:
    start, length = draw(_minutes), draw(st.one_of(st.none(), st.integers(0, 10)))
    record = {"record_id": f"r{start}", "device_id": "A", "connector_id": draw(_connector), "start_time": start * 60}
    return record if length is None else {**record, "end_time": (start + length) * 60}


@st.composite
def _told(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["start", "start", "stop", "plug_out", "state"]))
    return {"timestamp": draw(_minutes) * 60, "device_id": "A", "connector_id": draw(_connector), "event_type": kind}


@given(records=st.lists(_recorded(), max_size=8), events=st.lists(_told(), max_size=12))
def test_a_session_that_is_recorded_is_not_counted_again_by_its_events(
    records: list[dict[str, Any]], events: list[dict[str, Any]]
) -> None:
    """All records count, and of sessions that events begin those that no earlier one covers or begins with.

    One whose end is not told covers what is told up to the next record, and one start of all that events tell.
    """
    found = sessions_of(observe({"charging_records": records, "events": events}), "A")
    alone = sessions_of(observe({"charging_records": records}), "A")
    assert [s.source for s in found if s.table.name == "charging_records"] == [s.source for s in alone]
    assert [(s.start, s.connector_id or 0) for s in found] == sorted((s.start, s.connector_id or 0) for s in found)
    begun = [s for s in found if s.table.name == "events"]
    starts = {(e["timestamp"], e["connector_id"]) for e in events if e["event_type"] == "start"}

    def covers(session: Session, moment: float, connector: int | None) -> bool:
        on = session.connector_id
        if None not in (on, connector) and on != connector:
            return False
        if abs(session.start - moment) <= SAME_SESSION:
            return True
        if session.end is not None:
            return session.start <= moment <= session.end
        between = [c for start, c in starts if session.start - SAME_SESSION <= start < moment]
        recorded = [s.connector_id for s in alone if session.start < s.start <= moment]
        return session.start <= moment and not any(on is None or c in (on, None) for c in (*between, *recorded))

    for start, connector in starts:
        assert any(covers(session, start, connector) for session in found)
    for session in begun:
        assert not any(covers(each, session.start, session.connector_id) for each in alone)
    assert all(session.source.list == session.table.name for session in found)


def test_a_stop_that_is_lost_costs_one_session_its_end_and_no_other_anything() -> None:
    """Those that follow are sessions of their own, and the one without an end was over when the next began."""

    def told(kind: str, hour: int, connector: int = 1) -> dict[str, Any]:
        return {"timestamp": hour * 3600, "device_id": "A", "connector_id": connector, "event_type": kind}

    events = [
        told("start", 1),
        *(told(kind, hour) for hour in range(5, 25, 4) for kind in ("start", "stop")),
        told("start", 2, 2),
    ]
    first, other, *rest = sessions_of(observe({"events": events}), "A")
    assert [s.start / 3600 for s in rest] == [5, 9, 13, 17, 21]
    assert (first.end, first.over_by / 3600) == (None, 5)
    assert (other.end, other.over_by / 3600) == (None, 2 + LONGEST_OPEN / 3600)
    record = {"record_id": "r", "device_id": "A", "connector_id": 1, "start_time": 3600}
    assert len(sessions_of(observe({"events": events, "charging_records": [record]}), "A")) == 7
