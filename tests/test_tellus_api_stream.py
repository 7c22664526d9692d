"""The telemetry stream through drops, silence, half-open connections, nonsense and refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import pytest

pytest.importorskip("websockets", reason="the extra charger-triage[api] is not installed")

from charger_triage.adapters.tellus_api import (
    Frame,
    PermissionDenied,
    StreamGap,
    TellusClient,
    TokenExpired,
    UnexpectedAnswer,
    UnusableId,
)

from .support.tellus_server import Reply, TellusServer, frame, refused
from .support.virtual_time import run

STREAM = "/operator/stream"
FIRST, SECOND = frame(at="2026-05-10T12:00:05Z", soc=40), frame(at="2026-05-10T12:00:10Z", soc=41)


class Heard:
    """What a client heard on a stream until it had so many frames."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.gaps: list[StreamGap] = []
        self.problems: list[str] = []


def listen(server: TellusServer, frames: int) -> Heard:
    """Follow TP-001 and TP-002 until so many frames came."""
    heard = Heard()

    async def both() -> None:
        async with server, TellusClient(server.settings()) as client:
            stream = client.stream(["TP-001", "TP-002"], on_gap=heard.gaps.append, on_problem=heard.problems.append)
            async with aclosing(stream) as coming:
                async for one in coming:
                    heard.frames.append(one)
                    if len(heard.frames) == frames:
                        return

    run(both())
    return heard


def test_a_frame_becomes_telemetry_with_every_field_that_came() -> None:
    """Two connectors make two readings with the frame's charger and time; fields nobody announced are kept."""
    text = (
        '{"device_id": "TP-001", "timestamp": "2026-05-10T12:00:05Z", "cabinet_temperature": 41, "connectors": '
        '[{"connector_id": 1, "state": "charging", "soc": 40, "new": 1}, {"connector_id": 2, "state": "idle"}, 7]}'
    )
    server = TellusServer()
    server.streams.append([text])
    heard = listen(server, 1)
    shared = {"device_id": "TP-001", "timestamp": "2026-05-10T12:00:05Z", "cabinet_temperature": 41}
    assert heard.frames[0].telemetry() == [
        {**shared, "connector_id": 1, "state": "charging", "soc": 40, "new": 1},
        {**shared, "connector_id": 2, "state": "idle"},
    ]
    assert server.asked[-1].query == {"devices": "TP-001,TP-002"}
    assert server.asked[-1].authorization == "Bearer token-1"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([FIRST, "drop"], "broke off"),
        ([FIRST, "cut"], "broke off"),
        ([FIRST, "close 1001"], "code 1001"),
        ([FIRST, 10.0, "deaf"], "broke off"),
        ([FIRST], "no frame came"),
        ([FIRST, "[" * (2**20 + 1)], "broke off"),
    ],
    ids=["dropped", "cut in a frame", "closed", "half open", "stalled", "huge frame"],
)
def test_a_lost_connection_is_taken_up_again(script: Sequence[str | float], reason: str) -> None:
    """However it is lost, within seconds there is one more subscription for the same chargers, and the gap is told."""
    server = TellusServer()
    server.streams.extend([script, [SECOND]])
    heard = listen(server, 2)
    assert [one.raw["timestamp"] for one in heard.frames] == ["2026-05-10T12:00:05Z", "2026-05-10T12:00:10Z"]
    assert len(heard.gaps) == 1 and reason in heard.gaps[0].reason
    assert heard.gaps[0].seconds < 6
    assert [asked.query for asked in server.asked if asked.path == STREAM] == [{"devices": "TP-001,TP-002"}] * 2


def test_a_connection_that_is_half_open_is_noticed_within_a_minute() -> None:
    """A server that no longer answers pings is left after two ping intervals, long before frames are missed."""
    server = TellusServer()
    server.streams.extend([[FIRST, "deaf"], [SECOND]])
    listen(server, 2)
    first, second = server.times(STREAM)
    assert second - first < 60


def test_attempts_come_ever_later_while_the_platform_is_away() -> None:
    """Eight refused handshakes take more than half a minute, and the ninth frame arrives all the same."""
    server = TellusServer()
    server.streams.extend([Reply(raw=b"", status=503, content_type="text/plain")] * 8)
    server.streams.append([FIRST])
    heard = listen(server, 1)
    times = server.times(STREAM)
    assert len(times) == 9
    assert times[-1] - times[0] > 30
    assert len(heard.problems) == 8


def test_nonsense_between_frames_is_told_and_skipped() -> None:
    """Broken JSON, other JSON and a frame without a time cost only themselves, on one connection."""
    server = TellusServer()
    server.streams.append(
        ['{"device_id": "TP-', "[1]", '{"device_id": "TP-001"}', '{"code": 0, "message": "hi"}', FIRST]
    )
    heard = listen(server, 1)
    assert len(heard.problems) == 3
    assert len(server.times(STREAM)) == 1


def test_an_expired_token_is_renewed_for_the_stream_too() -> None:
    """2002 in the handshake, in a message, and a close for policy each lead to a new token, and the stream goes on."""
    server = TellusServer()
    server.streams.extend(
        [
            refused(2002, 401),
            [FIRST, '{"code": 2002, "message": "x"}'],
            [SECOND, "close 1008"],
            [FIRST],
        ]
    )
    listen(server, 3)
    tokens = [asked.authorization for asked in server.asked if asked.path == STREAM]
    assert tokens == [f"Bearer token-{number}" for number in range(1, 5)]


def test_the_platform_s_wait_is_kept_before_the_next_subscription() -> None:
    """A handshake that is refused with 5001 and 40 s is repeated after 40 s."""
    server = TellusServer()
    server.streams.extend([refused(5001, 429, retry_after_seconds=40), [FIRST]])
    heard = listen(server, 1)
    first, second = server.times(STREAM)
    assert 40 <= second - first < 45
    assert "40 s" in heard.problems[0]


@pytest.mark.parametrize(
    ("replies", "kind"),
    [
        ([refused(2003, 403)], PermissionDenied),
        ([refused(2002, 401), refused(2002, 401)], TokenExpired),
        ([Reply(status=302, headers={"Location": "http://127.0.0.1:9/"})], UnexpectedAnswer),
    ],
)
def test_a_refusal_for_good_ends_the_stream(replies: list[Reply], kind: type[Exception]) -> None:
    """No permission, a token that is refused anew, and a redirect are raised; the token follows no redirect."""
    server = TellusServer()
    server.streams.extend(replies)
    with pytest.raises(kind):
        listen(server, 1)
    assert len(server.times(STREAM)) == len(replies)


@pytest.mark.parametrize(
    "away",
    [
        [refused(9001, 500)],
        [Reply(raw=b"", status=503)] * 3,
        [refused(5001, 429, retry_after_seconds=30)],
        [Reply(claimed=5)],
        [Reply(raw=b"<html>no such host</html>", status=404, content_type="text/html")] * 2,
    ],
    ids=["9001", "503", "5001", "cut off", "a gateway's 404"],
)
def test_a_token_that_cannot_be_renewed_at_once_does_not_end_the_stream(away: list[Reply]) -> None:
    """The platform restarts, the token is no longer valid, and no new one is to be had yet: it is asked for again."""
    server = TellusServer()
    server.streams.extend([[FIRST, "close 1008"], [SECOND]])

    async def use() -> list[Frame]:
        async with server, TellusClient(server.settings()) as client, aclosing(client.stream(["TP-001"])) as coming:
            first = await anext(coming)
            server.order("/operator/oauth/token", *away)
            return [first, await anext(coming)]

    assert [one.raw["connectors"][0]["soc"] for one in run(use())] == [40, 41]
    assert len(server.times("/operator/oauth/token")) == 2 + len(away)


@pytest.mark.parametrize(
    "odd",
    [
        Reply(status=302, headers={"Location": "/"}),
        Reply({"code": 0}),
        Reply([]),
        *(
            Reply(raw=b"<html>maintenance</html>", status=s, content_type="text/html")
            for s in (401, 403, 404, 410, 502)
        ),
    ],
)
def test_nonsense_after_it_worked_is_waited_out(odd: Reply) -> None:
    """A gateway that answers for a platform under maintenance ends no stream that has given frames."""
    server = TellusServer()
    server.streams.extend([[FIRST, "drop"], odd, odd, [SECOND]])
    heard = listen(server, 2)
    assert len(heard.frames) == 2 and len(heard.gaps) == 1


def test_a_refusal_of_the_platform_s_own_ends_a_stream_that_has_worked() -> None:
    """The permission is taken away while frames come: its envelope says so, and no gateway."""
    server = TellusServer()
    server.streams.extend([[FIRST, "drop"], refused(2003, 403)])
    with pytest.raises(PermissionDenied):
        listen(server, 2)


@pytest.mark.parametrize("ids", [[], ["a,b"], [" "], [f"TP-{n}" for n in range(101)], ["x" * 8000]])
def test_chargers_that_one_subscription_cannot_take_are_refused(ids: list[str]) -> None:
    """No charger, ids with a comma, and more than a request line holds are refused before anything is asked."""
    server = TellusServer()

    async def use() -> None:
        async with server, TellusClient(server.settings()) as client:
            with pytest.raises(UnusableId):
                client.stream(ids)

    asyncio.run(use())
    assert not server.asked
