"""Which causes there are, how common each is, and which befalls a charger. One module a fault code holds what a cause does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..chargers import Charger
from ..streams import Generator, pick
from ..world import SiteWorld

Inject = Callable[[SiteWorld, Charger, float, Generator], bool]
"""Lets a cause befall a charger about a moment (epoch seconds); false where the charger's days give no occasion for it."""

Suits = Callable[[Charger], bool]

CODE_SHARES = {
    "F-0101": 3.0, "F-0203": 9.0, "F-0204": 5.0, "F-0301": 18.0, "F-0302": 9.0, "F-0411": 7.0, "F-0421": 12.0, "F-0512": 7.0,
    "F-0601": 7.0, "F-0701": 12.0, "F-0702": 14.0, "F-0805": 22.0, "undocumented": 4.0,
}  # fmt: skip
"""How the incidents of a charger fall on the codes (our judgement: connections and sessions fail more often than parts; the
V2G codes concern V2G chargers alone)."""

MOST_COMMON = 3.0
"""How much likelier than the others of its code a cause is that the dictionary calls the most common (our judgement)."""


@dataclass(frozen=True)
class Cause:
    """A cause: its id, its weight among those of its code, which chargers it can befall, and what it does.

    A `shared` cause befalls neighbours as well, so that it strikes the more seldom the larger a site is.
    """

    cause_id: str
    weight: float
    suits: Suits
    shared: bool
    inject: Inject

    @property
    def code(self) -> str:
        """Its fault code, or `undocumented`."""
        return self.cause_id.split("/")[0]


CAUSES: dict[str, Cause] = {}
"""Every cause that can be simulated, by id."""


def any_charger(charger: Charger) -> bool:
    """Every charger."""
    return bool(charger)


def dc_charger(charger: Charger) -> bool:
    """Chargers with power modules and a fan."""
    return charger.is_dc


def v2g_charger(charger: Charger) -> bool:
    """Chargers that can discharge a vehicle."""
    return charger.v2g


def cellular_charger(charger: Charger) -> bool:
    """Chargers on the radio network."""
    return charger.access == "cellular"


def cause(
    cause_id: str, suits: Suits = any_charger, weight: float = 1.0, shared: bool = False
) -> Callable[[Inject], Inject]:
    """Enter a function as what a cause does."""

    def entered(inject: Inject) -> Inject:
        CAUSES[cause_id] = Cause(cause_id, weight, suits, shared, inject)
        return inject

    return entered


def drawn(world: SiteWorld, charger: Charger, rng: Generator) -> Cause | None:
    """A cause that can befall a charger, drawn by how common it is; None where none of the plan's causes can."""
    allowed = world.plan.causes
    fit = [cause for cause in CAUSES.values() if cause.suits(charger) and (not allowed or cause.cause_id in allowed)]
    if not fit:
        return None
    code = pick(rng, {cause.code: CODE_SHARES[cause.code] for cause in fit})
    number = len(world.chargers)
    weights = {cause.cause_id: cause.weight / (number if cause.shared else 1) for cause in fit if cause.code == code}
    return CAUSES[pick(rng, weights)]
