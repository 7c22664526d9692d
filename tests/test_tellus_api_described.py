"""The client against a mock that the vendor's own description drives: our requests fit it, and so do its answers."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx2", reason="the extra charger-triage[api] is not installed")

from charger_triage.adapters.tellus_api import PlatformRefused, TellusClient, TellusSettings, collect, load_settings
from charger_triage.engine import Triage

DESCRIPTION = Path(__file__).parents[2] / "shared/reference/tellus-openapi-1.3.json"
PRISM = "@stoplight/prism-cli@5.14.2"
START_S = 90.0
"""Seconds for npm to fetch the mock once (ten here) and for it to start."""


def mended(description: dict[str, Any]) -> dict[str, Any]:
    """The description without the envelope's untyped `data`, which hides each answer's own from the mock; code 0 throughout."""
    schemas = description["components"]["schemas"]
    del schemas["ApiEnvelope"]["properties"]["data"]
    schemas["ApiEnvelope"]["properties"]["code"]["enum"] = [0]
    schemas["AccessTokenResponse"]["properties"]["access_token"]["enum"] = ["token"]
    return description


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module", params=["examples", "random"])
def mock(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TellusSettings]:
    """A mock on loopback that answers with the description's examples, or with anything that fits the description."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here to run the mock with")
    if not DESCRIPTION.exists():
        pytest.skip(f"the vendor's description is not at {DESCRIPTION}")
    folder = tmp_path_factory.mktemp("mock")
    described = folder / "description.json"
    described.write_text(json.dumps(mended(json.loads(DESCRIPTION.read_text(encoding="utf-8")))), encoding="utf-8")
    port = free_port()
    options = ["--dynamic", "--seed", "7"] if request.param == "random" else []
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["npm", "exec", "--yes", f"--package={PRISM}", "--", "prism", "mock", *options, "--host", "127.0.0.1",
             "--port", str(port), str(described)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        if not listening(port, process):
            pytest.skip(f"npm cannot run {PRISM} here: {(folder / 'log').read_text()[-200:]}")
        yield load_settings(base_url=f"http://127.0.0.1:{port}", client_id="client-1", client_secret="secret")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def listening(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether the mock comes to listen."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.1)
    return False


def use(settings: TellusSettings, work: Callable[[TellusClient], Coroutine[Any, Any, Any]]) -> Any:
    """Use a client of the mock."""

    async def both() -> Any:
        async with TellusClient(settings) as client:
            return await work(client)

    return asyncio.run(both())


def test_every_read_of_the_description_is_understood(mock: TellusSettings) -> None:
    """Requests pass the mock's validation, and answers that fit the description keep every field."""
    moment = datetime(2025, 3, 15, tzinfo=UTC)

    async def read(client: TellusClient) -> None:
        sites = await client.sites()
        assert sites.raw and all("site_id" in site for site in sites.raw)
        device = await client.device("dvc_a1b2c3d4e5f6")
        assert device.raw[0]["connectors"]
        sessions = await client.charging_records("dvc_a1b2c3d4e5f6", connector_id=1, since=moment, until=moment)
        assert sessions.raw and "vehicle_info" in sessions.raw[0]
        command = await client.command("cmd_1")
        assert command.fields["status"] in ("queued", "accepted", "completed", "failed")
        energy = await client.energy("day", moment, moment, group_by="site", site_ids=["site_001"])
        assert energy.fields["series"]

    use(mock, read)


def test_a_page_that_comes_again_and_again_is_noticed(mock: TellusSettings) -> None:
    """The examples give one of fifty sites on every page: it is taken once, and the list is known not to be whole."""
    answer = use(mock, lambda client: client.sites())
    assert len({site["site_id"] for site in answer.raw}) == len(answer.raw)
    if answer.raw[0]["site_id"] == "site_001":
        assert (len(answer.raw), answer.complete) == (1, False)
        assert "repeats" in answer.problems[0].problem


def test_a_request_that_does_not_fit_is_refused_as_one_of_our_errors(mock: TellusSettings) -> None:
    """A granularity that the description does not know is the platform's refusal, as an exception of ours."""
    moment = datetime(2025, 3, 15, tzinfo=UTC)
    with pytest.raises(PlatformRefused) as caught:
        use(mock, lambda client: client.energy("week", moment, moment))  # type: ignore[arg-type]
    assert caught.value.http_status == 422


def test_a_case_of_whatever_fits_the_description_is_diagnosed(mock: TellusSettings, triage: Triage) -> None:
    """What the mock makes up becomes a case, and its diagnosis ends without an exception."""
    case = use(mock, lambda client: collect(client, ["dvc_a1b2c3d4e5f6"]))
    assert case.lists["devices"]
    assert triage.diagnose(case.observations()).as_of is not None
