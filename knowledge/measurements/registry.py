"""How measurements are declared: a decorator that gives the fact's name, kind, unit and range beside the function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeVar

import numpy as np

from ...engine.facts import Fact, FactKind, FactType, Version
from ..firmware import parse_firmware
from ..readings import Reading
from ..scene import Scene

Measured = Reading | Iterable[Reading] | None
Function = TypeVar("Function", bound=Callable[[Scene], Measured])


@dataclass(frozen=True, slots=True)
class Measurement:
    """A declared measurement: the type of its facts and the function that makes them."""

    fact_type: FactType
    function: Callable[[Scene], Measured]


REGISTRY: dict[str, Measurement] = {}


def measures(
    name: str,
    meaning: str,
    *,
    unit: str | None = None,
    kind: FactKind = "number",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
    many: bool = False,
    supposable: bool = True,
) -> Callable[[Function], Function]:
    """Declare a function as the measurement of facts called `name`.

    `meaning` says exactly what is measured over which window; `low` and `high` bound the values that can occur, in
    `unit`; `choices` are the words that can occur; `many` is for functions that give several readings; what only something done
    later can tell is not `supposable`.
    """

    def declare(function: Function) -> Function:
        if name in REGISTRY:
            raise ValueError(f"two measurements are called {name!r}")
        parse = parse_firmware if kind == "version" else None
        fact_type = FactType(name, kind, meaning, unit, low, high, choices, many, parse, supposable)
        REGISTRY[name] = Measurement(fact_type, function)
        return function

    return declare


def facts_of(measurement: Measurement, scene: Scene) -> list[Fact]:
    """The facts of one measurement in a scene; a reading that is not finite gives none."""
    measured = measurement.function(scene)
    if measured is None:
        return []
    readings = (measured,) if isinstance(measured, Reading) else measured
    fact_type, facts = measurement.fact_type, []
    for reading in readings:
        value = _plain(reading.value, fact_type)
        if value is not None:
            connector = scene.connector_id if reading.connector is None else reading.connector
            facts.append(
                Fact(fact_type.name, value, fact_type.unit, reading.at, connector, reading.key, reading.sources)
            )
    return facts


def _plain(measured: Any, fact_type: FactType) -> float | str | bool | Version | None:
    """A measured value as facts hold it; None where it is not finite, or no version where one is asked for."""
    value: float | str | bool = measured.item() if isinstance(measured, np.generic) else measured
    if isinstance(value, float) and not isfinite(value):
        return None
    return parse_firmware(str(value)) if fact_type.kind == "version" else value
