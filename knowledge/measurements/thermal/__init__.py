"""Measurements of heat: connectors, cabinet, ambient, what load and which vehicle went with it, how neighbours fared."""

from __future__ import annotations

from . import (  # noqa: F401
    air_path,
    ambient,
    cabinet,
    cabinet_fan,
    cabinet_growth,
    cabinet_load,
    cabinet_sensor,
    connector,
    contact_heating,
    history,
    neighbours,
    vehicles,
)
