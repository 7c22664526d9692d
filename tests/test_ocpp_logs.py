"""Real logs that people asked about: each is read, and what we say is in line with what they concluded, or we do not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from charger_triage.adapters.files import UnreadableInput, read_bundle
from charger_triage.engine import Triage

LOGS = Path(__file__).parents[2] / "shared" / "ocpp-logs"
pytestmark = pytest.mark.skipif(not LOGS.is_dir(), reason="the real logs are not here")

SAID = {
    "01-ctek-nopp-dirty-connector": [("NoPPDetected", 2, False)],
    "03-legrand-faulted-nonstandard-errorcode": [("Error", None, False)],
    "05-evbox-elvi-ev-side-disconnected": [],
    "06-starcharge-reconnect-loop": [("F-0301", None, True)],
    "08-metron-bootnotification-storm": [],
    "10-evcc-fleet-flapping-one-second": [],
    "12-openevse-deauthorized-not-powerloss": [],
    "14-microocpp-internalerror-from-lost-heartbeat": [("InternalError", 1, False)],
    "16-microocpp-overvoltage-then-noerror-faulted": [("OverVoltage", 1, False)],
    "18-rpc-1006-ping-pong-incompatibility": None,
}
"""Incidents of each log as code, connector, documented; None where it holds nothing of OCPP (docs/ocpp-logs.md says why)."""


@pytest.mark.parametrize("name", SAID)
def test_a_real_log(name: str, triage: Triage) -> None:
    """A real log raises what docs/ocpp-logs.md says, and nothing more."""
    path = LOGS / f"{name}.log"
    expected = SAID[name]
    if expected is None:
        with pytest.raises(UnreadableInput):
            read_bundle(path)
        return
    found = triage.diagnose(read_bundle(path)).incidents
    assert [(i.fault_code, i.connector_id, i.documented) for i in found] == expected


def test_the_line_of_a_charger_that_is_heard_is_not_blamed(triage: Triage) -> None:
    """Log 06: pings are answered and a command is not, so that the site's network is out of the question, as people found."""
    (lost,) = triage.diagnose(read_bundle(LOGS / "06-starcharge-reconnect-loop.log")).incidents
    shares = {found.cause_id.split("/")[1]: found.probability for found in lost.hypotheses}
    assert max(shares, key=lambda cause: shares[cause]) == "unclean-websocket-drop"
    assert shares["site-network-outage"] < 0.05


def test_every_real_log_has_its_row() -> None:
    """A log that is added to the collection needs an answer here and in the table."""
    assert {path.stem for path in LOGS.glob("*.log")} == set(SAID)
    table = (Path(__file__).parents[1] / "docs" / "ocpp-logs.md").read_text()
    assert all(f"| {name.split('-')[0]} " in table for name in SAID)
