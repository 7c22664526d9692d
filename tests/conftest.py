"""What all tests share: hypothesis profiles and the shipped knowledge, loaded once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from charger_triage.engine import Triage
from charger_triage.knowledge import TriageKnowledge, load_knowledge

settings.register_profile("ci", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("nightly", parent=settings.get_profile("ci"), max_examples=10_000)
settings.register_profile("quick", parent=settings.get_profile("ci"), max_examples=25)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def knowledge() -> TriageKnowledge:
    """The shipped knowledge base."""
    return load_knowledge()


@pytest.fixture(scope="session")
def triage(knowledge: TriageKnowledge) -> Triage:
    """A façade over the shipped knowledge, matching as it does here."""
    return Triage(knowledge)


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fleet of the examples, one Parquet file a list."""
    from .support.fleet_data import example_fleet, one_file_a_list  # Polars, which most tests do without

    folder = tmp_path_factory.mktemp("data")
    one_file_a_list(example_fleet(), folder)
    return folder
