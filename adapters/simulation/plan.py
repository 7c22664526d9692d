"""What is to be simulated: how many chargers, how long, from which seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

DAY = 86_400.0
HOUR = 3_600.0
MINUTE = 60.0

MAX_CHARGERS = 1_000_000
MAX_DAYS = 400
"""Bounds on a fleet (our judgement: ten times the largest fleet that the project is meant for, and a year with room)."""

DEFAULT_START = datetime(2026, 6, 1, tzinfo=UTC)
"""A Monday after the dictionary's revision (260420.0107); fixed, so that the same arguments give the same bytes."""

DEFAULT_INTERVAL_S = 5
"""Seconds between telemetry rows of a session, as the vendor's chargers send them (platform notes). A charger writes about
2,000 rows a day with it."""

DEFAULT_INCIDENT_SHARE = 0.03
"""Share of the chargers that meet an incident on a day (our judgement, between the 2 and 4 % that operators speak of)."""


class InvalidPlan(ValueError):
    """A plan that cannot be simulated. The message is one line: what, and how to mend it."""


@dataclass(frozen=True)
class FleetPlan:
    """A fleet to simulate.

    `incident_share` is the share of chargers that meet an incident on a day; 0 makes a healthy fleet. `causes` limits
    incidents to these cause ids (`F-0203/pin-oxidation`) and what follows from them. Raises InvalidPlan where a figure is out of bounds.
    """

    chargers: int
    days: int = 1
    seed: int = 0
    interval_s: int = DEFAULT_INTERVAL_S
    start: datetime = DEFAULT_START
    incident_share: float = DEFAULT_INCIDENT_SHARE
    causes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.chargers <= MAX_CHARGERS:
            raise InvalidPlan(f"--chargers {self.chargers}: give a number from 1 to {MAX_CHARGERS:,}")
        if not 1 <= self.days <= MAX_DAYS:
            raise InvalidPlan(f"--days {self.days}: give a number from 1 to {MAX_DAYS}")
        if not 0 <= self.seed < 2**63:
            raise InvalidPlan(f"--seed {self.seed}: give a whole number from 0 to 2^63 - 1")
        if not 1 <= self.interval_s <= 600:
            raise InvalidPlan(f"--interval {self.interval_s}: give seconds from 1 to 600")
        if not 0 <= self.incident_share <= 1:
            raise InvalidPlan(f"--incidents {self.incident_share}: give a share from 0 to 1, such as 0.03")
        if not datetime(2000, 1, 1, tzinfo=UTC) <= self.start < datetime(2100, 1, 1, tzinfo=UTC):
            raise InvalidPlan(f"--start {self.start:%Y-%m-%d}: give a date from 2000 to 2099")

    @property
    def begin(self) -> float:
        """Epoch seconds at which the records begin."""
        return self.start.timestamp()

    @property
    def end(self) -> float:
        """Epoch seconds at which the records end."""
        return self.begin + self.days * DAY
