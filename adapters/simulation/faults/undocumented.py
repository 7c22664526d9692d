"""Codes that the dictionary does not know: what they mean is nobody's to say; an escalation carries them."""

from __future__ import annotations

from ..chargers import Charger
from ..plan import MINUTE
from ..streams import Generator, chance
from ..world import SiteWorld
from .registry import cause

CODES = (
    ("F-0903", "display controller does not answer"),
    ("F-0999", "internal error 17"),
    ("E-5012", "payment terminal offline"),
)
"""Invented codes, in the vendor's spelling and in another."""


@cause("undocumented/unknown")
def unknown_code(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A code that no entry explains, once or twice."""
    code, message = CODES[int(rng.integers(len(CODES)))]
    connector = charger.connectors.start if chance(rng, 0.5) else None
    world.fault(charger, connector, moment, f"{code}/undocumented", message)
    if chance(rng, 0.4):
        world.fault(charger, connector, moment + 37 * MINUTE, f"{code}/undocumented", message)
    return True
