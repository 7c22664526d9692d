"""The shipped examples: each reads cleanly and its leading cause is the one the case was built around."""

from __future__ import annotations

from pathlib import Path

import pytest

from charger_triage.adapters.files import read_bundle
from charger_triage.engine import Triage
from charger_triage.engine.durable_matcher import available

EXAMPLES = Path(__file__).parent.parent / "examples"

EXPECTED = [
    ("f0101-inrush-weld.json", {"DC180-07/1/F-0101": "inrush-overcurrent"}),
    ("f0203-oxidised-pins", {"DC180-21/2/F-0203": "pin-oxidation"}),
    ("f0204-fan-failure.json", {"DC360-03/-/F-0204": "fan-failure", "DC360-03/-/F-0601": None}),
    ("f0301-site-outage", {f"AC22-{number:02d}/-/F-0301": "site-network-outage" for number in range(1, 9)}),
    ("f0302-idle-connection.zip", {"DC60-11/-/F-0302": "idle-connection-closed"}),
    ("f0411-module-hang", {"DC180-40/1/F-0411": "module-firmware-hang"}),
    ("f0421-firmware-cluster", {f"TP-{number:03d}/1/F-0421": "firmware-feedback-timing" for number in range(1, 31, 3)}),
    ("f0512-interrupted-push.json", {"AC22-77/-/F-0512": "interrupted-push"}),
    ("f0701-grid-excursion.json", {f"V2G-{number}/1/F-0701": "grid-excursion" for number in (1, 2, 3)}),
    ("f0805-bms-shutdown.json", {"DC60-31/1/F-0805": "bms-shutdown"}),
]


@pytest.mark.parametrize(("name", "expected"), EXPECTED, ids=[name for name, _ in EXPECTED])
def test_an_example_raises_what_it_holds_and_leads_with_its_cause(
    triage: Triage, name: str, expected: dict[str, str | None]
) -> None:
    """Exactly the incidents of the case are raised, without a warning, and the right cause stands first."""
    diagnosis = triage.diagnose(read_bundle(EXAMPLES / name))
    assert diagnosis.warnings == []
    leaders = {
        incident.incident_id: incident.hypotheses[0].cause_id.partition("/")[2] for incident in diagnosis.incidents
    }
    assert set(leaders) == set(expected)
    for incident_id, cause in expected.items():
        assert cause is None or leaders[incident_id] == cause, incident_id


@pytest.mark.skipif(not available(), reason="durable-rules cannot be imported on this Python")
@pytest.mark.parametrize("name", [name for name, _ in EXPECTED])
def test_both_matchers_give_the_same_bytes(triage: Triage, name: str) -> None:
    """With and without durable-rules a diagnosis differs in the name of the matcher only."""
    bundle = read_bundle(EXAMPLES / name)
    native = triage.diagnose(bundle).model_dump_json()
    second = Triage(triage.knowledge, matcher="verdicts").diagnose(bundle).model_dump_json()
    assert '"matcher":"durable-rules"' in native
    assert native.replace('"matcher":"durable-rules"', '"matcher":"verdicts"') == second


def test_every_example_is_listed() -> None:
    """A shipped case that nobody checks would be a case nobody keeps true."""
    shipped = {
        path.name for path in EXAMPLES.iterdir() if path.suffix not in (".md", ".py") and path.name != "__pycache__"
    }
    assert shipped == {name for name, _ in EXPECTED}
