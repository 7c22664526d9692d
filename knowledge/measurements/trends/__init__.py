"""What changes before anything fails: measurements at the moment of the diagnosis, of chargers that have no fault.

Their scene has that moment as its only time, and no fault events.
"""

from . import (  # noqa: F401 - declares the measurements of each room
    cabinet_heat,
    connection,
    connector_heat,
    contactor_wear,
    fan_speed,
    identity,
    inverter,
    isolation,
    modules,
    profile,
)
from .identity import AS_METADATA, KNOWN_BY_METADATA

__all__ = ["AS_METADATA", "KNOWN_BY_METADATA"]
