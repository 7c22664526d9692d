"""What the details of faults and sessions say about heat: which keys mean the connector, and the numbers behind them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ...texts import as_number
from ..elsewhere import vehicle_key

CONNECTOR_HEAT = r"\btemp|\bt (conn\w*|pins?|plug|contact|cable)\b|\b(peak|max|connector|plug|pin|handle|contact)\b.*\b(c|deg ?c|celsius)$"
"""Keys of a temperature that may be the connector's."""

NOT_THE_CONNECTOR = r"ambient|\bamb\b|\bcab\b|cabinet|enclosure|module|board|fan|coolant|limit|threshold|outside|weather|delta|rise|over\b|internal|heat ?sink|vehicle|inlet|battery"
"""Keys of a temperature that is another part's, or a limit."""

CURRENT = r"\b(current|amps?)\b"
"""Keys of a current."""


def highest_number(values: Iterable[tuple[str, Any]], wanted: str, unwanted: str) -> float:
    """The highest number whose key's words match one pattern and not the other; NaN where there is none."""
    found = [
        number
        for path, value in values
        if re.search(wanted, path) and not re.search(unwanted, path) and (number := as_number(value)) is not None
    ]
    return max(found, default=float("nan"))


def named_vehicle(values: Iterable[tuple[str, Any]]) -> str | None:
    """The vehicle that details name by its VIN, as vehicles are told apart by it."""
    for path, value in values:
        if re.search(r"\bvin\b", path) and isinstance(value, str) and value.strip():
            return vehicle_key(value)
    return None
