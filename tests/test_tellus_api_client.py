"""The client of the vendor's API against a platform that expires tokens, limits, fails, lies and breaks off."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import traceback
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

pytest.importorskip("httpx2", reason="the extra charger-triage[api] is not installed")

from charger_triage.adapters.tellus_api import (
    BadParameter,
    Conflict,
    InvalidToken,
    MissingParameter,
    NotFound,
    PermissionDenied,
    PlatformRefused,
    RateLimited,
    ServerError,
    SettingsRefused,
    TellusClient,
    TellusError,
    TokenExpired,
    UnexpectedAnswer,
    UnlistedCode,
    Unreachable,
    UnusableId,
    load_settings,
)
from charger_triage.adapters.tellus_api.envelope import HttpAnswer, opened

from .support.tellus_server import SECRET, Reply, TellusServer, refused
from .support.virtual_time import run

TOKEN = "/operator/oauth/token"
SITES = "/operator/sites"
SITE = {"site_id": "S-1", "name": "North"}

Use = Callable[[TellusServer, TellusClient], Coroutine[Any, Any, Any]]


def against(use: Use, server: TellusServer | None = None) -> TellusServer:
    """Use a client against a server, in virtual time; the server, to be asked what came in."""
    server = TellusServer(sites=[SITE]) if server is None else server

    async def both() -> None:
        async with server, TellusClient(server.settings()) as client:
            await use(server, client)

    run(both())
    return server


def test_the_token_is_kept_and_renewed_minutes_before_it_ends() -> None:
    """Two queries share a token of an hour; one 54 minutes later still does, and one 56 minutes later has a new one."""

    async def use(_server: TellusServer, client: TellusClient) -> None:
        for pause in (0, 0, 54 * 60, 2 * 60):
            await asyncio.sleep(pause)
            await client.sites()

    server = against(use, TellusServer(lifetime_s=3600))
    assert [asked.authorization for asked in server.asked if asked.path == SITES] == [
        *["Bearer token-1"] * 3,
        "Bearer token-2",
    ]


def test_queries_at_once_share_one_token_request() -> None:
    """Ten queries that start together ask for one token."""

    async def use(_server: TellusServer, client: TellusClient) -> None:
        await asyncio.gather(*(client.sites() for _ in range(10)))

    assert len(against(use).times(TOKEN)) == 1


def test_an_expired_token_is_renewed_and_the_query_repeated_once() -> None:
    """2002 costs a new token and one more query; 2002 for the new token too is the caller's TokenExpired."""

    async def use(server: TellusServer, client: TellusClient) -> None:
        await client.sites()
        server.expire_tokens()
        assert (await client.sites()).raw == [SITE]
        assert len(server.times(TOKEN)) == 2
        server.order(SITES, refused(2002, 401), refused(2002, 401))
        with pytest.raises(TokenExpired):
            await client.sites()
        assert len(server.times(SITES)) == 5

    against(use)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refused(1001, 400, field="size"), BadParameter),
        (refused(1002, 400), MissingParameter),
        (refused(2001, 401), InvalidToken),
        (refused(2003, 403), PermissionDenied),
        (refused(3001, 404), NotFound),
        (refused(4001, 409), Conflict),
        (refused(7777, 400), UnlistedCode),
        (refused(3001, 200), NotFound),
        (Reply({"code": "3001", "message": "success"}, 500), NotFound),
        (Reply(raw=b"<html>no</html>", content_type="text/html", status=403), PermissionDenied),
        (Reply(raw=b"", status=404), NotFound),
    ],
)
def test_each_code_is_an_exception_of_its_own_and_is_not_tried_again(reply: Reply, kind: type[PlatformRefused]) -> None:
    """The envelope's code decides, else the HTTP status, never the message; one query goes out."""

    async def use(server: TellusServer, client: TellusClient) -> None:
        server.order(SITES, reply)
        with pytest.raises(PlatformRefused) as caught:
            await client.sites()
        assert type(caught.value) is kind
        assert isinstance(caught.value, TellusError)

    assert len(against(use).times(SITES)) == 1


def test_the_wait_that_the_platform_asks_for_is_kept_by_all_queries() -> None:
    """After 5001 with 17 s neither the query nor another of the same client goes out sooner."""

    async def use(server: TellusServer, client: TellusClient) -> None:
        server.order(SITES, refused(5001, 429, retry_after_seconds=17))
        first = asyncio.create_task(client.sites())
        while not server.times(SITES):
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)
        await client.charging_records("TP-001")
        await first

    server = against(use)
    refused_at, again_at = server.times(SITES)
    assert again_at - refused_at >= 17
    assert server.times("/operator/charging-records")[0] - refused_at >= 16.9


def test_a_wait_of_an_hour_is_not_sat_out() -> None:
    """5001 with a wait beyond our patience is raised at once, and tells how long it would be."""

    async def use(server: TellusServer, client: TellusClient) -> None:
        server.order(SITES, Reply(status=429, headers={"Retry-After": "3600"}))
        with pytest.raises(RateLimited) as caught:
            await client.sites()
        assert caught.value.retry_after_seconds == 3600
        assert "wait 3600 s" in str(caught.value)

    assert len(against(use).times(SITES)) == 1


def test_server_errors_are_tried_again_ever_later_and_then_raised() -> None:
    """9001 is tried four times with growing waits; an answer in between ends that."""

    async def use(server: TellusServer, client: TellusClient) -> None:
        server.order(SITES, refused(9001, 500), Reply(raw=b"bad gateway", content_type="text/plain", status=502))
        assert (await client.sites()).raw == [SITE]
        server.asked.clear()
        server.order(SITES, *[refused(9001, 500)] * 5)
        with pytest.raises(ServerError):
            await client.sites()

    times = against(use).times(SITES)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 4
    assert waits[0] >= 1 and waits[1] >= 2 and waits[2] >= 4 and sum(waits) < 12


def test_no_minute_sees_more_than_sixty_queries_nor_ten_token_requests() -> None:
    """Of 150 queries that start together, and of 25 tokens that expire at once, no minute holds more than the limits."""

    async def use(server: TellusServer, client: TellusClient) -> None:
        await asyncio.gather(*(client.device("TP-001") for _ in range(150)))
        for _ in range(25):
            server.expire_tokens()
            await client.device("TP-001")

    server = against(use, TellusServer(devices={"TP-001": {"device_id": "TP-001"}}))
    for path, most in (("/operator/devices/TP-001", 60), (TOKEN, 10)):
        times = server.times(path)
        assert len(times) >= 20
        assert max(sum(start <= time < start + 60 for time in times) for start in times) <= most


def test_a_wait_lets_nothing_through_that_had_its_turn_before_it() -> None:
    """Of 150 queries at once, the first told to wait 100 s, no minute after the wait holds more than the limit either."""

    async def use(server: TellusServer, client: TellusClient) -> None:
        server.order("/operator/devices/TP-001", refused(5001, 429, retry_after_seconds=100))
        await asyncio.gather(*(client.device("TP-001") for _ in range(150)))

    server = against(use, TellusServer(devices={"TP-001": {"device_id": "TP-001"}}))
    times = server.times("/operator/devices/TP-001")
    assert len(times) == 151
    assert max(sum(start <= time < start + 60 for time in times) for start in times) <= 60


def test_a_token_that_another_query_has_dropped_is_struck_out_too() -> None:
    """While one query finds its token expired, another's answer that echoes that token still shows none of it."""

    async def use(server: TellusServer, client: TellusClient) -> None:
        await client.sites()
        server.order("/operator/devices/TP-001", Reply(echo=True, drip_s=0.01))
        server.order(SITES, refused(2002, 401))
        with pytest.raises(BadParameter) as caught:
            await asyncio.gather(client.device("TP-001"), client.sites())
        assert len(server.times(TOKEN)) == 2
        assert "(secret)" in str(caught.value)
        assert "token-" not in str(caught.value) + repr(caught.value.details)

    against(use)


@pytest.mark.parametrize("path", [TOKEN, SITES])
def test_a_wrong_address_is_told_as_one(path: str) -> None:
    """404 without an envelope is no unknown id: the text names the variable that holds the address."""

    async def use(server: TellusServer, client: TellusClient) -> None:
        server.order(path, Reply(raw=b"<html>not found</html>", content_type="text/html", status=404))
        with pytest.raises(NotFound, match="TELLUS_BASE_URL, which ends in the version"):
            await client.sites()

    against(use)


HOSTILE = {
    "malformed JSON": (Reply(raw=b'{"code": 0, "data": {'), UnexpectedAnswer),
    "wrong content type": (Reply({"code": 0, "data": {}}, content_type="text/html"), UnexpectedAnswer),
    "no envelope": (Reply({"items": []}), UnexpectedAnswer),
    "a list": (Reply([1, 2]), UnexpectedAnswer),
    "no data": (Reply({"code": 0, "message": "success"}), UnexpectedAnswer),
    "items that are none": (Reply({"code": 0, "data": {"items": "none"}}), UnexpectedAnswer),
    "nested without end": (Reply(raw=b'{"code": 0, "data": ' + b"[" * 100_000), UnexpectedAnswer),
    "seventeen MiB": (Reply({"code": 0, "data": {"items": []}, "more": " " * 17 * 2**20}), UnexpectedAnswer),
    "a redirect": (Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}), UnexpectedAnswer),
    "a body that drips": (Reply({"code": 0, "data": {"items": []}}, drip_s=5.0), Unreachable),
    "no answer": (Reply(silent=True), Unreachable),
    "cut off": (Reply({"code": 0, "data": {"items": []}}, claimed=100), Unreachable),
    "an echo of the secret": (Reply(echo=True), BadParameter),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_end_in_one_line_of_ours(name: str) -> None:
    """Whatever comes back, within a minute there is one of our exceptions, in one line and without the secret."""
    reply, kind = HOSTILE[name]

    async def use(server: TellusServer, client: TellusClient) -> None:
        server.order(SITES, reply)
        begin = asyncio.get_running_loop().time()
        with pytest.raises(kind) as caught:
            await client.sites()
        assert asyncio.get_running_loop().time() - begin < 60
        assert "\n" not in str(caught.value)
        assert SECRET not in str(caught.value) and "token-1" not in str(caught.value)

    assert len(against(use).times(SITES)) == 1


def test_no_secret_comes_through_logs_tracebacks_or_representations(caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at DEBUG and locals in tracebacks, neither client secret nor token shows anywhere."""
    seen = io.StringIO()

    def note(error: TellusError) -> None:
        below = error.__traceback__.tb_next if error.__traceback__ is not None else None  # this test's locals hold both
        shown = traceback.TracebackException(type(error), error, below, capture_locals=True)
        seen.write("".join(shown.format()) + repr(error) + repr(vars(error)))

    async def use(server: TellusServer, client: TellusClient) -> None:
        for reply, _ in HOSTILE.values():
            for path in (SITES, TOKEN):
                server.expire_tokens()
                server.order(path, reply)
                try:
                    await client.sites()
                except TellusError as error:
                    note(error)
        server.streams.append(refused(2003, 403))
        try:
            async for _ in client.stream(["TP-001"]):
                pass
        except TellusError as error:
            note(error)
        seen.write(repr(client) + repr(vars(client)) + repr(server.settings()) + str(server.settings()))

    for name in ("", "httpx2", "httpcore2", "websockets", "asyncio", "stamina"):
        caplog.set_level(logging.DEBUG, logger=name)
    server = against(use)
    output = seen.getvalue() + caplog.text
    assert len(output) > 10_000
    assert any(asked.path == "/operator/stream" for asked in server.asked)
    assert SECRET not in output
    assert "token-" not in output


@given(
    status=st.sampled_from([200, 204, 302, 400, 401, 404, 429, 500, 599]),
    kind=st.sampled_from(["application/json", "application/problem+json", "text/html", ""]),
    body=st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["code", "message", "data", "details", "retry_after_seconds"]), inner)
            ),
            max_leaves=12,
        ).map(lambda document: json.dumps(document).encode()),
    ),
    wait=st.text(max_size=8),
)
def test_no_answer_whatever_raises_anything_but_our_errors(status: int, kind: str, body: bytes, wait: str) -> None:
    """Any status, type and body is data or one of our exceptions, in one line."""
    answer = HttpAnswer(status, {"content-type": kind, "retry-after": wait}, body)
    try:
        opened(answer, "sites", [SecretStr(SECRET)])
    except TellusError as error:
        assert "\n" not in str(error)
        assert not isinstance(error, RateLimited) or (error.retry_after_seconds or 0) <= 3600


def page(*ids: str, total: int | None, number: int = 1) -> Reply:
    """A page of sites."""
    data = {"total": total, "page": number, "size": 100, "items": [{"site_id": name} for name in ids]}
    return Reply({"code": 0, "message": "success", "data": data})


@pytest.mark.parametrize(
    ("pages", "found", "complete", "problem"),
    [
        ([page("a", "b", total=3), page("c", total=3, number=2)], "abc", True, None),
        ([page("a", "b", total=3), page("a", "b", total=3, number=2)], "ab", False, "repeats"),
        ([page("a", "b", total=3), page(total=3, number=2)], "ab", False, "empty"),
        ([page("a", "b", total=3), page("c", total=4, number=2), page("d", total=4, number=3)], "abcd", True, "total"),
        ([page("a", "b", total=3), page("b", "c", total=3, number=2)], "abc", True, None),
        ([page("a", total=2), page("b", total=2, number=7)], "ab", True, None),
        ([page("a", "b", total=None)], "ab", True, None),
        ([page(total=0)], "", True, None),
        ([page("a", total=0)], "a", True, None),
    ],
)
def test_lists_are_read_to_their_end_and_wrong_pages_are_noticed(
    pages: list[Reply], found: str, complete: bool, problem: str | None
) -> None:
    """Repeated and empty pages end a list with a warning, a changed total is one, and a record counts once."""

    async def use(server: TellusServer, client: TellusClient) -> None:
        server.order(SITES, *pages)
        answer = await client.sites()
        assert "".join(record["site_id"] for record in answer.raw) == found
        assert answer.complete is complete
        assert (problem is None) == (not answer.problems)
        assert problem is None or problem in answer.problems[0].problem

    assert len(against(use).times(SITES)) == len(pages)


def test_a_server_with_pages_smaller_than_asked_for_is_read_whole() -> None:
    """250 sessions in pages of at most 40 all come, in seven queries of size 100."""
    records = [
        {"record_id": f"r{n}", "device_id": "TP-001", "connector_id": 1, "start_time": "2026-05-01T00:00:00Z"}
        for n in range(250)
    ]

    async def use(_server: TellusServer, client: TellusClient) -> None:
        answer = await client.charging_records(
            "TP-001", connector_id=1, since=datetime(2026, 5, 1), until=datetime(2026, 5, 2, tzinfo=UTC)
        )
        assert len(answer.raw) == len(answer.records) == 250

    asked = against(use, TellusServer(charging_records=records, page_cap=40)).asked[1:]
    assert [entry.query["page"] for entry in asked] == list("1234567")
    assert asked[0].query == {
        "device_id": "TP-001", "connector_id": "1", "start_time": "2026-05-01T00:00:00Z",
        "end_time": "2026-05-02T00:00:00Z", "page": "1", "size": "100",
    }  # fmt: skip


def test_unexpected_fields_stay_missing_ones_are_unknown_broken_ones_are_warnings() -> None:
    """A charger with a new field, without a status and with a broken certificate date is read; a command and energy too."""
    device = {"device_id": "TP-001", "new_field": {"kept": [1]}, "certificates": {"tls_not_after": "next year"}}

    async def use(server: TellusServer, client: TellusClient) -> None:
        answer = await client.device("TP-001")
        assert answer.raw == [device]
        assert "status" not in answer.records[0].fields and not answer.records[0].fields["certificates"]
        assert [(p.list, p.field) for p in answer.problems] == [("devices", "certificates.tls_not_after")]
        assert answer.as_of == datetime(2026, 5, 10, 12, tzinfo=UTC).timestamp()
        server.order(
            "/operator/commands/c/1", Reply({"code": 0, "data": {"command_id": 7, "updated_at": "soon", "by": "x"}})
        )
        command = await client.command("c/1")
        assert command.fields == {"command_id": "7"} and command.raw["by"] == "x" and len(command.problems) == 1
        points = [
            7,
            {"time": "2026-05-01", "charge_energy": "no", "max_power": 9},
            {"time": "2026-05-02", "charge_energy": 5},
        ]
        series = {"granularity": "day", "series": points, "total": {"charge_energy": "much", "max_power": 9}}
        server.order("/operator/aggregated/energy", Reply({"code": 0, "data": series}))
        energy = await client.energy("day", datetime(2026, 5, 1), datetime(2026, 5, 2), site_ids=["S-1", "S-2"])
        assert energy.raw == series
        assert energy.fields == {
            "granularity": "day",
            "series": [{}, {"time": "2026-05-01", "max_power": 9.0}, {"time": "2026-05-02", "charge_energy": 5.0}],
            "total": {"max_power": 9.0},
        }
        left_out = ["series.0", "series.1.charge_energy", "total.charge_energy"]
        assert [problem.field for problem in energy.problems] == left_out

    server = against(use, TellusServer(devices={"TP-001": device}))
    assert server.asked[-1].query["site_ids"] == "S-1,S-2"


@pytest.mark.parametrize("name", ["", ".", "..", "  "])
def test_an_id_that_would_be_another_path_is_refused(name: str) -> None:
    """Nothing goes out for an id that a server would take for another path."""

    async def use(_server: TellusServer, client: TellusClient) -> None:
        with pytest.raises(UnusableId):
            await client.device(name)

    assert not against(use).asked


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "TELLUS_BASE_URL, TELLUS_CLIENT_ID, TELLUS_CLIENT_SECRET are not set"),
        ({"base_url": "https://x/v1", "client_id": "a"}, "TELLUS_CLIENT_SECRET is not set"),
        ({"base_url": "https://x/v1", "client_id": "a", "client_secret": " "}, "TELLUS_CLIENT_SECRET is empty"),
        ({"base_url": "http://x/v1", "client_id": "a", "client_secret": SECRET}, "must begin with https://"),
        ({"base_url": "ftp://127.0.0.1", "client_id": "a", "client_secret": SECRET}, "must begin with https://"),
        ({"base_url": f"https://u:{SECRET}@x", "client_id": "a", "client_secret": SECRET}, "neither credentials"),
        ({"base_url": "https://x", "client_id": "", "client_secret": SECRET}, "TELLUS_CLIENT_ID is empty"),
        ({"base_url": "https://x:port", "client_id": "a", "client_secret": SECRET}, "is no address"),
    ],
)
def test_settings_that_cannot_be_used_are_named_without_their_values(
    given: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing and unsafe settings are one line that names the variable; plain http is for this computer alone."""
    for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"TELLUS_{name}", raising=False)
    with pytest.raises(SettingsRefused) as caught:
        load_settings(**given)
    shown = "".join(traceback.format_exception(caught.value))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value) and SECRET not in shown


def test_credentials_come_from_a_file_and_the_environment_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of lines is enough; a variable that is set wins; a file that is not there is told."""
    file = tmp_path / "credentials"
    file.write_text(
        f"TELLUS_BASE_URL=https://x/v1/\nTELLUS_CLIENT_ID=from-file\nTELLUS_CLIENT_SECRET={SECRET}\nOTHER=1\n"
    )
    for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"TELLUS_{name}", raising=False)
    settings = load_settings(file)
    assert (settings.base_url, settings.client_id) == ("https://x/v1", "from-file")
    assert settings.client_secret.get_secret_value() == SECRET
    assert SECRET not in f"{settings!r}{settings}{settings.model_dump_json()}"
    monkeypatch.setenv("TELLUS_CLIENT_ID", "from-environment")
    assert load_settings(file).client_id == "from-environment"
    with pytest.raises(SettingsRefused, match="cannot be read"):
        load_settings(tmp_path / "absent")


def test_a_line_of_the_file_that_says_nothing_is_named_by_its_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no NAME=value is refused with its line, and neither the text nor a log shows what stands there."""
    file = tmp_path / "credentials"
    file.write_text(f"TELLUS_CLIENT_ID=a\nTELLUS_CLIENT_SECRET {SECRET}\n")
    with pytest.raises(SettingsRefused, match="line 2 is not of the form NAME=value") as caught:
        load_settings(file)
    assert SECRET not in str(caught.value) + caplog.text


@pytest.mark.parametrize("scheme", ["HTTP", "Http"])
def test_the_scheme_may_be_written_in_capitals(scheme: str) -> None:
    """The stream's address is a WebSocket's however the base address was written."""
    settings = load_settings(base_url=f"{scheme}://127.0.0.1:1/v1", client_id="a", client_secret=SECRET)
    assert settings.stream_url == "ws://127.0.0.1:1/v1/operator/stream"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HTTPS_PROXY", "frob://127.0.0.1", "HTTPS_PROXY"),
        ("SSL_CERT_FILE", "/nonexistent/ca.pem", "SSL_CERT_FILE"),
    ],
)
def test_an_environment_that_cannot_be_used_is_told(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy or certificate file of the environment that is none is one line that names the variable."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsRefused, match=words) as caught:
        TellusClient(load_settings(base_url="https://x/v1", client_id="a", client_secret=SECRET))
    assert "\n" not in str(caught.value)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """TLS to a server with a certificate of its own making fails before anything is sent."""
    import ssl

    if which("openssl") is None:
        pytest.skip("there is no openssl here to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1000))
        writer.close()

    async def use() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        settings = load_settings(base_url=f"https://127.0.0.1:{port}/v1", client_id="a", client_secret=SECRET)
        async with server, TellusClient(settings) as client:
            with pytest.raises(Unreachable, match="certificate"):
                await client.sites()

    asyncio.run(use())
    assert received in ([], [b""])
