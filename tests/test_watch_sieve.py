"""Which chargers of a fleet may have an early warning: told by extents of columns, and never wrongly denied."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.engine.facts import Fact
from charger_triage.engine.watching import Watcher
from charger_triage.knowledge import TriageKnowledge
from charger_triage.knowledge.columns.taking import taken
from charger_triage.knowledge.fleet.extents import (
    Column,
    Extents,
    MeasuredExtents,
    MergedExtents,
    merged_extents,
    partial_extents,
)
from charger_triage.knowledge.fleet.grouping import ByCharger
from charger_triage.knowledge.fleet.reported_faults import Faults
from charger_triage.knowledge.fleet.tables import FleetTables
from charger_triage.knowledge.measurements import measure
from charger_triage.knowledge.measurements.trends.ranges import FROM_LARGE, RANGES
from charger_triage.knowledge.observations import Observations, RecordTable, observe
from charger_triage.knowledge.survey import fault_events
from charger_triage.knowledge.watching import (
    WatchSubjects,
    chargers_of,
    chargers_that_may_warn,
    columns_needed,
    known_of,
)

from .support.bundles import Bundle, bundles
from .test_watches import at, slowing_fan

LARGE = ("telemetry", "heartbeats")

Lists = dict[str, list[dict[str, Any]]]

_SCALES = {
    "contactor_cycles": 100_000, "contactor_max_cycles": 100_000, "cooling_fan_rpm": 2_000, "isolation_test_kohms": 2_000,
    "bidirectional_inverter_cycles": 50_000, "bidirectional_inverter_max_cycles": 50_000,
    "discharge_contactor_cycles": 100_000, "harmonic_distortion_v2g_pct": 5, "inverter_health_pct": 80, "temperature": 80,
    "cabinet_temperature": 60, "ambient_temperature": 25,
}  # fmt: skip
_TOP_LEVEL = ("inverter_health_pct", "temperature", "cabinet_temperature", "ambient_temperature")
_drifts = st.tuples(st.floats(0.2, 1.2), st.floats(-0.6, 0.6))


class Followed(NamedTuple):
    """A charger followed for some days: where its columns start and by how much they drift, and how many records there are."""

    seed: int
    days: float
    drifts: dict[str, tuple[float, float]]
    readings: int
    connections: int
    sessions: int


def _followed() -> st.SearchStrategy[Followed]:
    return st.builds(
        Followed,
        st.integers(0, 2**32),
        st.sampled_from([0.1, 1.0, 3.0, 6.0, 12.0, 40.0]),
        st.dictionaries(st.sampled_from(sorted(_SCALES)), _drifts),
        st.integers(1, 60),
        st.integers(0, 60),
        st.integers(0, 8),
    )


_chargers = st.lists(_followed(), min_size=1, max_size=2)


def _lists(chargers: Sequence[Followed]) -> Lists:
    """The records of some chargers of one site, with columns that drift, scatter or are missing."""
    lists: Lists = {"devices": [], "telemetry": [], "heartbeats": [], "connections": [], "charging_records": []}
    for number, plan in enumerate(chargers):
        device, luck, days = "AB"[number], random.Random(plan.seed), plan.days
        lists["devices"].append(_metadata(luck, device))
        for reading in range(plan.readings):
            lists["telemetry"].append(_reading(luck, device, days, reading / plan.readings, plan.drifts))
        # whole days as well: that is where what is counted by the day begins and ends
        spans = [luck.uniform(0, days) for _ in range(plan.connections)]
        moments = [-float(round(span) if luck.random() < 0.5 else span) for span in spans]
        lists["connections"] += [{"timestamp": at(t), "device_id": device, "transition": "reconnect"} for t in moments]
        lists["heartbeats"] += [{"timestamp": at(t), "device_id": device, "status": "online"} for t in moments]
        lists["charging_records"] += [_session(luck, device, days, session) for session in range(plan.sessions)]
    return lists


def _metadata(luck: random.Random, device: str) -> dict[str, Any]:
    return {
        "device_id": device, "model": luck.choice(["TP-DC180", "TP-AC22", None]), "site_id": "S",
        "firmware_version": luck.choice(["3.0.1", "3.1.0", "4.0.0"]), "v2g_capable": luck.choice([True, False, None]),
        "connectivity": {"type": luck.choice(["cellular", "wifi"]), "signal_strength_dbm": luck.choice([-110, -80])},
        "certificates": {"tls_not_after": at(luck.choice([-1.0, 10.0, 300.0]))},
        "lifecycle": {"usage_duration_days": luck.choice([10, 300, 2_000])},
    }  # fmt: skip


def _reading(
    luck: random.Random, device: str, days: float, share: float, drifts: dict[str, tuple[float, float]]
) -> dict[str, Any]:
    values = {
        name: max(0.0, _SCALES[name] * (start + by * share) * luck.uniform(0.995, 1.005))
        for name, (start, by) in drifts.items()
    }
    return {
        "timestamp": at(-days * (1.0 - share)), "device_id": device, "connector_id": luck.choice([1, 1, 2]),
        "state": luck.choice(["charging", "charging", "idle"]), "current": luck.choice([0, 100, 100]), "power": 50,
        "power_modules": [{"index": 0, "status": luck.choice(["ok", "ok", "ok", "timeout"])}, {"index": 1, "status": "ok"}],
        **{name: value for name, value in values.items() if name in _TOP_LEVEL},
        "component_health": {
            "cooling_fan_status": luck.choice(["ok", "warning"]),
            **{name: value for name, value in values.items() if name not in _TOP_LEVEL},
        },
    }  # fmt: skip


def _session(luck: random.Random, device: str, days: float, number: int) -> dict[str, Any]:
    start = -luck.uniform(0.05, days + 0.05)
    details = luck.choice([None, {"connector_temp_c": luck.uniform(30, 80), "current_a": 100}])
    return {
        "record_id": f"{device}{number}", "device_id": device, "connector_id": luck.choice([1, 2]), "start_time": at(start),
        "end_time": at(start + 0.04), "avg_power": 50, "details": details,
    }  # fmt: skip


def _whole(lists: Bundle) -> Observations:
    return observe(lists, at(0))


def _small(whole: Observations) -> Observations:
    """The records without telemetry and heartbeats, as a fleet surveys them."""
    return Observations({**whole.tables, **{name: RecordTable(name, []) for name in LARGE}}, whole.as_of, ())


def _passed(knowledge: TriageKnowledge, whole: Observations, extents: Extents) -> list[str]:
    fleet = FleetTables(_small(whole), fault_events(whole, knowledge.base.faults)[0])
    return chargers_that_may_warn(knowledge.base.watches, fleet, extents, chargers_of(whole))


def _warned(knowledge: TriageKnowledge, whole: Observations) -> set[str]:
    watcher = Watcher(knowledge.base.watches, knowledge.base.catalogue, native=False)
    faults = fault_events(whole, knowledge.base.faults)[0]
    return {
        watch.device_id
        for each in watcher.watch(WatchSubjects(whole, faults), (), whole.as_of)
        for watch in each.watches
    }


@given(records=st.one_of(_chargers, bundles()))
def test_where_no_warning_may_be_none_is(knowledge: TriageKnowledge, records: Sequence[Followed] | Bundle) -> None:
    """Whoever has an early warning passes the sieve, whatever drifts, scatters or is missing."""
    whole = _whole(records if isinstance(records, dict) else _lists(records))
    assert _warned(knowledge, whole) <= set(_passed(knowledge, whole, MeasuredExtents(whole)))


@given(records=st.one_of(_chargers, bundles()))
def test_a_trend_lies_in_its_range_and_the_small_lists_tell_the_rest(
    knowledge: TriageKnowledge, records: Sequence[Followed] | Bundle
) -> None:
    """A fact that the large lists are read for lies where its range says; every other is the same without them."""
    whole = _whole(records if isinstance(records, dict) else _lists(records))
    small = _small(whole)
    fleet = FleetTables(small, Faults())
    names = {name for compiled in knowledge.base.watches for name in compiled.fact_names}
    for subject in WatchSubjects(whole):
        known = known_of([subject.device_id], subject.as_of, fleet, MeasuredExtents(whole))
        facts = [fact for fact in measure(subject.scene(), names) if isinstance(fact, Fact)]
        for fact in facts:
            if fact.name in RANGES:
                (low,), (high,) = RANGES[fact.name](known)
                assert low - 1e-6 <= float(str(fact.value)) <= high + 1e-6, fact
        if subject.connector_id is None:
            told = [
                fact
                for fact in measure(known.scene_of(subject.device_id), names - FROM_LARGE)
                if isinstance(fact, Fact)
            ]
            assert [fact for fact in facts if fact.name not in FROM_LARGE] == told


@given(chargers=_chargers, cuts=st.lists(st.integers(0, 120), max_size=3), luck=st.randoms(use_true_random=False))
def test_extents_are_the_same_in_any_parts(chargers: Sequence[Followed], cuts: list[int], luck: random.Random) -> None:
    """Merged of batches in any order and number, extents are those that are measured in memory, but that a record that was
    fed twice counts twice, and that different moments are counted within a part."""
    lists = _lists(chargers)
    measured = MeasuredExtents(_whole(lists))
    parts: list[pl.DataFrame] = []
    for name in LARGE:
        records = lists[name][:]
        luck.shuffle(records)
        bounds = [0, *sorted(min(cut, len(records)) for cut in cuts), len(records)]
        for start, stop in pairwise(bounds):
            if start < stop:
                frame, _ = taken(name, pl.DataFrame(records[start:stop], infer_schema_length=None))
                parts.append(partial_extents(name, ByCharger(frame), columns_needed()))
    luck.shuffle(parts)
    merged = MergedExtents(merged_extents(parts, columns_needed()))
    for column in (*columns_needed(), Column("telemetry", "no_such_column")):
        one, other = (extents.of(column, ["A", "B", "C"]) for extents in (measured, merged))
        assert ((one.number > 0) == (other.number > 0)).all(), column
        for mine, theirs in zip(one[1:-1], other[1:-1], strict=True):
            assert theirs == pytest.approx(mine, nan_ok=True)
        assert (other.number >= one.number).all()
        assert (np.minimum(1, one.moments) <= other.moments).all() and (other.moments <= one.moments).all()


def test_a_fleet_without_telemetry_has_no_extents() -> None:
    """Of no parts at all nothing is known, which is no error."""
    nothing = MergedExtents(merged_extents([], columns_needed()))
    assert nothing.of(columns_needed()[0], ["A"]).number.tolist() == [0]


def test_most_chargers_are_passed_over(knowledge: TriageKnowledge) -> None:
    """Of chargers with a day of telemetry and sound figures none is looked at; one with a worn contactor or slowing fan is."""
    day = [
        {"timestamp": at(-hour / 24), "device_id": f"D{number}", "connector_id": 1, "state": "charging", "temperature": 50,
         "cabinet_temperature": 40, "power_modules": [{"index": 0, "status": "ok"}],
         "component_health": {"cooling_fan_rpm": 2_100, "cooling_fan_status": "ok", "isolation_test_kohms": 5_000,
                              "contactor_cycles": 98_000 if number == 7 else 40_000, "contactor_max_cycles": 100_000}}
        for number in range(20) for hour in range(24)
    ]  # fmt: skip
    metadata = [
        {"device_id": f"D{number}", "firmware_version": "3.1.0", "lifecycle": {"usage_duration_days": 1_200}}
        for number in range(20)
    ]
    whole = _whole({"devices": metadata, "telemetry": [*day, *slowing_fan("F")]})
    assert _passed(knowledge, whole, MeasuredExtents(whole)) == ["D7", "F"]


def test_without_a_moment_none_may_warn(knowledge: TriageKnowledge) -> None:
    """Where no record has a time there is no present to warn of."""
    whole = observe({"devices": [{"device_id": "A", "firmware_version": "3.0.1"}]})
    assert _passed(knowledge, whole, MeasuredExtents(whole)) == []
    assert whole.as_of is None


def test_every_range_is_of_a_fact_that_some_watch_reads(knowledge: TriageKnowledge) -> None:
    """No range is left behind when a watch goes, and each asks for columns of the two large lists only."""
    assert set(RANGES) <= {name for compiled in knowledge.base.watches for name in compiled.fact_names}
    assert {column.list for column in columns_needed()} == set(LARGE)


@given(records=st.one_of(_chargers, bundles()))
def test_each_passes_as_it_does_alone(knowledge: TriageKnowledge, records: Sequence[Followed] | Bundle) -> None:
    """Chargers are judged together; whether one passes has nothing to do with the others."""
    whole = _whole(records if isinstance(records, dict) else _lists(records))
    fleet, extents = FleetTables(_small(whole), fault_events(whole, knowledge.base.faults)[0]), MeasuredExtents(whole)
    alone = [
        charger
        for charger in chargers_of(whole)
        if chargers_that_may_warn(knowledge.base.watches, fleet, extents, [charger])
    ]
    assert _passed(knowledge, whole, extents) == alone
