"""What configurations and messages tell of the power that a charger is made for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...knowledge.texts import words_of
from .values import number

RATINGS = (
    (
        "continuous_rating_kw",
        re.compile(
            r"\b((continuous|cont) (output )?(power|rating)( rating)?|(p|power) ?(cont|continuous))( k ?w| w)?$"
        ),
    ),
    ("rated_power_kw", re.compile(r"\b((rated|nominal)( output)? power|(p|power) ?(nom|nominal|rated))( k ?w| w)?$")),
)
"""Keys of a configuration that tell what a charger is made for, by the words of their names."""

LARGEST_KW = 1_500.0
"""Numbers beyond this are watts (our judgement: no charger has more kilowatts)."""


def ratings_in(keys: Mapping[str, Any]) -> dict[str, float]:
    """What keys and variables tell of the power that a charger is made for, kW."""
    found: dict[str, float] = {}
    for key, value in sorted(keys.items()):
        told = number(value)
        if told is not None and told > 0:
            name = words_of(key)
            in_watts = told > LARGEST_KW or (name.endswith(" w") and not name.endswith(" k w"))
            kilowatts = told / 1000.0 if in_watts else told
            found.update((field_, kilowatts) for field_, pattern in RATINGS if pattern.search(name))
    return found
