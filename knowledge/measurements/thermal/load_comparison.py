"""How one load compares with another: whether they are alike, and how hot one would have got at the current of the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...readings import Reading, few, median
from ...scene import Scene
from .loads import Load, load_now
from .telemetry import known


def _drives(one: Load, other: Load) -> Iterator[tuple[float, float]]:
    """The currents, then the powers of two loads, where both are known and the first is over zero."""
    for mine, theirs in ((one.amps, other.amps), (one.power, other.power)):
        if known(mine) and known(theirs) and mine > 0:
            yield mine, theirs


def alike(one: Load, other: Load) -> bool:
    """Whether two loads carried about the same current (else power); true where that is not known of both."""
    return next((0.65 <= theirs / mine <= 1.55 for mine, theirs in _drives(one, other)), True)


def _hard_enough(now: Load | None, other: Load) -> bool:
    """Whether another load was as high that it would have heated too; true where that is not known."""
    return now is None or next((theirs / mine >= 0.6 for mine, theirs in _drives(now, other)), True)


def scaled(now: Load, other: Load) -> float | None:
    """The peak another load would have had at the current (else power) of this one; None where that is not known.

    A rise goes with the square of the current. Loads too small to be scaled up to this one say nothing.
    """
    ratio = next((mine / theirs for mine, theirs in _drives(now, other) if theirs > 0), None)
    if ratio is None or ratio > 1.8 or not known(other.peak):
        return None
    if known(now.ambient) and known(other.ambient):
        base, others_base = now.ambient, other.ambient
    elif known(now.first) and known(other.first):
        base = others_base = min(now.first, other.first)
    else:
        base = others_base = 20.0
    return base + (other.peak - others_base) * ratio**2


def as_hot(now: Load | None, other: Load, *, in_like_air: bool = False) -> bool | None:
    """Whether another load heated its connector like the one at the fault, both brought to the same current.

    Where no temperature tells, one without an alarm was cool; with `in_like_air` only if its air was as warm, where that is known.
    """
    if now is not None and known(now.peak) and other is not now:
        expected = scaled(now, other)
        if expected is not None:
            if expected >= now.peak - 6.0:
                return True
            return False if expected < now.peak - 10.0 else other.hot or None
    if other.hot:
        return True
    if other.hot is not False or not _hard_enough(now, other) or (in_like_air and not _warm_enough(now, other)):
        return None
    return False


MUCH_COOLER_K = 8.0
"""How much cooler the air has to be for a load without an alarm to say nothing of one in warmer air (our judgement: about the
spread between noon and evening)."""

WARM_AIR = 30.0
"""°C of air from which on a load in air of unknown warmth says nothing (our judgement: few days are warmer)."""


def _warm_enough(now: Load | None, other: Load) -> bool:
    """Whether a load without an alarm was in air about as warm as that at the fault, as far as that is known."""
    if now is None or not known(now.ambient):
        return True
    if known(other.ambient):
        return other.ambient >= now.ambient - MUCH_COOLER_K
    return now.ambient < WARM_AIR


def excess_over(mine: Load, rivals: Sequence[Load]) -> float:
    """How much hotter a load got than the median of others, over ambient where that is known of all."""
    if all(known(x.ambient) for x in (mine, *rivals)):
        return mine.rise - median([x.rise for x in rivals])
    return mine.peak - median([x.peak for x in rivals])


NEAREST = 3
"""Loads of one connector that stand for it, those nearest in time (our judgement: what gets worse within days shows in the latest)."""


def _at_our_load(now: Load, other: Load) -> float:
    """The peak of another load brought to the incident's air and current, as far as these are known."""
    expected = scaled(now, other)
    if expected is not None:
        return expected
    aired = known(now.ambient) and known(other.ambient)
    return other.peak + (now.ambient - other.ambient if aired else 0.0)


def _nearest(now: Load, rivals: Iterable[Load]) -> list[Load]:
    """Of each connector the loads that lie nearest in time to the incident's."""
    found: dict[tuple[str, int | None], list[Load]] = {}
    for rival in sorted(rivals, key=lambda x: (max(x.start - now.end, now.start - x.end), x.start)):
        found.setdefault((rival.device, rival.connector), []).append(rival)
    return [rival for of_one in found.values() for rival in of_one[:NEAREST]]


def gap_to(scene: Scene, rivals: Sequence[Load], within: float) -> Reading | None:
    """How much hotter the incident's load got than loads alike at about the same time, these brought to its current (else power), over
    ambient where known."""
    now = load_now(scene)
    if now is None or not known(now.peak):
        return None
    near = [
        x
        for x in rivals
        if known(x.peak) and alike(now, x) and x.start <= now.end + within and x.end >= now.start - within
    ]
    if not near:
        return None
    together = [x for x in near if x.start <= now.end and x.end >= now.start]
    if together:
        # side by side the air is the same: plain temperatures tell more than two ambient sensors
        near = together
        value = now.peak - median([_at_our_load(now, x._replace(ambient=now.ambient)) for x in near])
    else:
        near = _nearest(now, near)
        value = now.peak - median([_at_our_load(now, x) for x in near])
    return Reading(value, now.at, few([*now.sources, *(s for x in near for s in x.sources)]))
