"""How the neighbours of the same model and the charger's other connectors fared under loads alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ....engine.facts import Source
from ...observations import Floats
from ...readings import DAY, HOUR, Reading, few, median, percentile
from ...scene import Scene
from ..registry import measures
from .cabinet_frame import Frame, frame_of, own_frame
from .cabinet_load import LOSSES_GO_BY, SETTLES_BETWEEN, carried_before
from .chargers import CONNECTOR_CODE, peers, rating_of
from .connector import connector_temperature, temperature_in_metadata
from .load_comparison import alike, as_hot, gap_to, scaled
from .loads import Load, load_now, loads_here, loads_of, loads_on_others
from .telemetry import difference, known


@measures(
    "site_peers_with_code_same_day",
    "other chargers of the site that reported the code within twelve hours of the latest occurrence; known where the site has "
    "other chargers in the bundle",
    unit="1",
    low=0,
)
def site_peers_with_code_same_day(scene: Scene) -> Reading | None:
    return _peers_with_code(scene, DAY / 2)


@measures(
    "site_peers_with_code_these_days",
    "the same within three days of the latest occurrence",
    unit="1",
    low=0,
)
def site_peers_with_code_these_days(scene: Scene) -> Reading | None:
    return _peers_with_code(scene, 3 * DAY)


def _peers_with_code(scene: Scene, within: float) -> Reading | None:
    """Other chargers of the site that reported the code within so many seconds of the latest occurrence."""
    neighbours = {r.fields["device_id"] for r in scene.neighbours}
    if not neighbours:
        return None
    hit = {
        f.device_id: f.source
        for f in scene.fleet.faults.within(scene.incidence.code, scene.anchor - within, scene.anchor + within)
        if f.device_id in neighbours
    }
    sources = list(hit.values()) or list(scene.sources("devices", scene.neighbours))
    return Reading(float(len(hit)), scene.anchor, few(sources))


def _peers_loads(scene: Scene) -> list[Load]:
    return [x for record in peers(scene) for x in loads_of(scene, record.fields["device_id"])]


@measures(
    "peers_connector_gap",
    "how much hotter the connector was than the median of same-model neighbours' connectors under a load alike (0.65 to 1.55 "
    "of the current, else power) at the same time, else the nearest three of each within six hours, their rises brought to its current "
    "(else power), else in the chargers' metadata",
    unit="K",
)
def peers_connector_gap(scene: Scene) -> Reading | None:
    found = gap_to(scene, _peers_loads(scene), 6 * HOUR)
    if found is not None:
        return found
    own = connector_temperature(scene)
    others = [
        r
        for record in peers(scene)
        if (r := temperature_in_metadata(scene, record.fields["device_id"], None)) is not None
    ]
    if own is None or not others:
        return None
    return Reading(
        float(own.value) - median([float(r.value) for r in others]), own.at,
        few([*own.sources, *(s for r in others for s in r.sources)]),
    )  # fmt: skip


@measures(
    "other_connector_gap",
    "how much hotter the connector was than the charger's other connectors under a load alike at the same time, else in the nearest "
    "three of each within three days, their rises brought to its current (else power), else in the charger's metadata",
    unit="K",
)
def other_connector_gap(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    return gap_to(scene, loads_on_others(scene), 3 * DAY) or difference(
        connector_temperature(scene), temperature_in_metadata(scene, scene.device_id, scene.connector_id, other=True)
    )


@measures(
    "standing_connector_gap",
    "median, over earlier loads within 30 days, of how much more this connector rose than another connector of the charger or a "
    "same-model neighbour under a load alike within two hours, brought to the current at the fault; from two pairs",
    unit="K",
)
def standing_connector_gap(scene: Scene) -> Reading | None:
    now = load_now(scene)
    rivals = [x for x in (*loads_on_others(scene), *_peers_loads(scene)) if known(x.peak)]
    starts = np.array([x.start for x in rivals])
    values: list[float] = []
    sources: list[Source] = []
    for mine in loads_here(scene)[-60:]:
        if (
            mine is now
            or not known(mine.peak)
            or not scene.anchor - 30 * DAY <= mine.start <= scene.anchor
            or not len(starts)
        ):
            continue
        if now is not None and mine.end >= now.start:
            continue
        near = [rivals[i] for i in np.flatnonzero(np.abs(starts - mine.start) <= 2 * HOUR) if alike(mine, rivals[i])]
        expected = [value for x in near if (value := scaled(mine, x)) is not None]
        ratio = (
            now.amps / mine.amps if now is not None and known(now.amps) and known(mine.amps) and mine.amps > 0 else 1.0
        )
        if expected and ratio <= 2.5:
            values.append((mine.peak - median(expected)) * max(ratio, 0.5) ** 2)
            sources += [*mine.sources, *near[0].sources]
    return Reading(median(values), scene.anchor, few(sources)) if len(values) >= 2 else None


def _other_connectors_lately(scene: Scene) -> list[Load]:
    """The loads of the charger's other connectors from seven days before to a day after the latest occurrence."""
    start, end = scene.anchor - 7 * DAY, scene.anchor + DAY
    return [x for x in loads_on_others(scene) if start <= x.end and x.start <= end]


@measures(
    "other_connectors_cool_loads",
    "sessions on the charger's other connectors within seven days before and a day after the latest occurrence that neither "
    "reported the code nor came near its limit",
    unit="1",
    low=0,
)
def other_connectors_cool_loads(scene: Scene) -> Reading | None:
    near = _other_connectors_lately(scene)
    if not near:
        return None
    cool = [x for x in near if not x.hot and as_hot(load_now(scene), x, in_like_air=True) is False]
    return Reading(float(len(cool)), scene.anchor, few([s for x in near for s in x.sources]))


@measures(
    "other_connectors_hot_loads",
    "sessions on the charger's other connectors within seven days before and a day after the latest occurrence that reported "
    "the code or came within five degrees of its limit",
    unit="1",
    low=0,
)
def other_connectors_hot_loads(scene: Scene) -> Reading | None:
    near = _other_connectors_lately(scene)
    hot = [x for x in near if x.hot]
    return Reading(float(len(hot)), scene.anchor, few([s for x in (hot or near) for s in x.sources])) if near else None


FEWEST_SESSIONS = 5
"""Sessions on other connectors from which on it tells something that none of them was too hot (our judgement)."""


@measures(
    "days_with_code_here_alone",
    "days within 120 days up to the latest occurrence on which this connector reported the code, where others of the charger ran five "
    "sessions or more from the first of them on and never reported it",
    unit="days",
    low=0,
)
def days_with_code_here_alone(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    times = [time for time in scene.times if time >= scene.anchor - 120 * DAY]
    elsewhere = [
        fault
        for fault in scene.faults(CONNECTOR_CODE, device=scene.device_id)
        if fault.connector_id != scene.connector_id
    ]
    sessions = [
        session for session in scene.sessions(which="others") if times[0] - DAY <= session.start <= scene.anchor
    ]
    if elsewhere or len(sessions) < FEWEST_SESSIONS:
        return None
    days = {int(time // DAY) for time in times}
    return Reading(float(len(days)), scene.anchor, few([session.source for session in sessions]))


def _unit(scene: Scene, device: str) -> float:
    """The rated power where that is known, so that models can be compared by their share of it; else 1 kW."""
    return rating_of(scene, device).rated or 1.0


def _cells_alike(scene: Scene, device: str, theirs: Frame, span: float) -> np.ndarray:
    """The cells of a neighbour up to the fault up to which it had carried a load like ours before it."""
    cells = theirs.cells(scene.anchor - span - theirs.width / 2, scene.anchor + theirs.width / 2) & ~np.isnan(
        theirs.cabinet
    )
    before = carried_before(scene)
    if before is None or np.isnan(theirs.load[cells]).all():
        return cells
    unit = _unit(scene, scene.device_id)
    if before.power <= 0.02 * unit:
        return cells
    alike: np.ndarray = cells & before.alike(theirs, 0.65, 1.55, _unit(scene, device) / unit)
    return alike


MOST_SCALED = 1.6
"""Times that a neighbour's heat is taken to at most for our load (our judgement: loads alike differ by as much)."""


def _for_our_load(scene: Scene, own: Frame, device: str, theirs: Frame, choose: Callable[..., Floats]) -> Floats:
    """How many degrees more a neighbour's cabinet would have been over ambient under our load before the fault: the most or the least
    that a lag and a power of it give; none where either load is not known, or the ambient."""
    before = carried_before(scene)
    if before is None or not theirs.aired:
        return np.zeros(len(theirs.times))
    unit = _unit(scene, device) / _unit(scene, scene.device_id)
    factors = []
    for constant in SETTLES_BETWEEN:
        ours = float(np.max(own.lagged(constant)[before.cells]))
        load = theirs.lagged(constant) / unit
        times = np.divide(ours, load, out=np.ones(len(load)), where=(load > 1.0) & ~np.isnan(theirs.load))
        factors += [np.minimum(times, MOST_SCALED) ** power for power in LOSSES_GO_BY]
    return np.nan_to_num(np.maximum(theirs.excess, 0.0) * (choose(factors, axis=0) - 1.0))


def _warmer_than_peers(
    scene: Scene, own: Frame, span: float, choose: Callable[..., Floats], *, over_ambient: bool
) -> Reading | None:
    """The upper quartile of our last hour minus the median of those of neighbours under a load alike within `span`, taken to ours."""
    warmth = own.excess if over_ambient else own.cabinet
    now = own.cells(scene.anchor - HOUR - own.width / 2, scene.anchor + own.width / 2) & ~np.isnan(warmth)
    before = carried_before(scene)
    if before is not None:
        now &= np.isnan(own.carried) | (before.cells & before.alike(own, 0.65, 1.55))
    values: list[float] = []
    sources: list[Source] = []
    for record in peers(scene):
        device = record.fields["device_id"]
        theirs = frame_of(scene, device)
        if theirs is None or (over_ambient and theirs.aired != own.aired):
            continue
        cells = _cells_alike(scene, device, theirs, span)
        value = (
            (theirs.excess if over_ambient else theirs.cabinet) + _for_our_load(scene, own, device, theirs, choose)
        )[cells]
        value = value[~np.isnan(value)]
        if len(value):
            values.append(percentile(value, 75))
            sources += theirs.sources(cells)[:1]
    if not values or not now.any():
        return None
    value = percentile(warmth[now], 75) - median(values)
    return Reading(value, scene.anchor, few([*own.sources(now), *sources]))


def _peers_gap(scene: Scene, choose: Callable[..., Floats]) -> Reading | None:
    frame = own_frame(scene)
    if frame is None:
        return None
    at_once = _warmer_than_peers(scene, frame, HOUR, choose, over_ambient=False)
    return at_once or _warmer_than_peers(scene, frame, 3 * DAY, choose, over_ambient=True)


@measures(
    "cabinet_peers_gap",
    "how much hotter the cabinet was in the hour up to the latest occurrence, where its load of half an hour was near that just "
    "before, than the median of neighbours of the same model after a load alike (0.65 to 1.55, its heat taken to ours where the ambient "
    "is known, lagged by 15 and by 45 minutes and by the power 1 and 1.5 of the load, whichever makes least of the difference) at the "
    "same time, else within three days (then over ambient)",
    unit="K",
)
def cabinet_peers_gap(scene: Scene) -> Reading | None:
    return _peers_gap(scene, np.max)


@measures(
    "cabinet_peers_gap_at_most",
    "the same difference, as the lag and the power make most of it",
    unit="K",
)
def cabinet_peers_gap_at_most(scene: Scene) -> Reading | None:
    return _peers_gap(scene, np.min)


@measures(
    "cabinet_idle_peers_gap",
    "how much hotter the cabinet is than the median of neighbours of the same model after at least 90 minutes without load on "
    "either, within three days around the latest occurrence",
    unit="K",
)
def cabinet_idle_peers_gap(scene: Scene) -> Reading | None:
    def rested(device: str) -> tuple[Frame, np.ndarray] | None:
        frame = frame_of(scene, device)
        if frame is None:
            return None
        cells = frame.cells(scene.anchor - 3 * DAY, scene.anchor + DAY) & frame.rested & ~np.isnan(frame.excess)
        return (frame, cells) if cells.sum() >= 2 else None

    mine = rested(scene.device_id)
    if mine is None:
        return None
    own, now = mine
    theirs = [
        found
        for r in peers(scene)
        if (found := rested(r.fields["device_id"])) is not None and found[0].aired == own.aired
    ]
    if not theirs:
        return None
    usual = median([median(frame.excess[cells]) for frame, cells in theirs])
    more = [source for frame, cells in theirs for source in frame.sources(cells)[:1]]
    return Reading(median(own.excess[now]) - usual, scene.anchor, few([*own.sources(now), *more]))
