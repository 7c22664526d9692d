"""A platform in this process that behaves as the API's description says, and on order as badly as platforms do."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.exceptions import InvalidState
from websockets.http11 import Request as WebSocketRequest
from websockets.server import ServerProtocol

from charger_triage.adapters.tellus_api import TellusSettings, load_settings

SECRET = "sec-ret-7f3a9c51"
DATE = "Sun, 10 May 2026 12:00:00 GMT"


@dataclass
class Reply:
    """An HTTP answer: a document (as JSON) or raw bytes; `drip_s` seconds before each byte, `claimed` more bytes than come;
    `echo` says no with the client's own credentials in message and details."""

    document: Any = None
    status: int = 200
    raw: bytes | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    claimed: int = 0
    silent: bool = False
    echo: bool = False

    @property
    def body(self) -> bytes:
        return json.dumps(self.document).encode() if self.raw is None else self.raw


def refused(code: int, status: int, **details: Any) -> Reply:
    """An envelope that says no, with a message that no program may rely on."""
    return Reply({"code": code, "message": "whatever it says", "details": details}, status)


@dataclass
class Asked:
    """A request that came in."""

    method: str
    path: str
    query: Mapping[str, str]
    authorization: str
    at: float


@dataclass
class TellusServer:
    """Answers below `/v1`. `orders` are replies to be given first, by path; `streams` are scripts of connections.

    A script is a sequence of texts (frames), seconds to wait, and words: `drop`, `cut` (break off in a frame), `deaf`
    (half open: nothing is answered any more), `close 1008`; or a Reply, which refuses the handshake. After it the
    connection stays open and silent.
    """

    sites: list[dict[str, Any]] = field(default_factory=list)
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    charging_records: list[dict[str, Any]] = field(default_factory=list)
    orders: dict[str, deque[Reply]] = field(default_factory=lambda: defaultdict(deque))
    streams: deque[Sequence[str | float] | Reply] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    lifetime_s: int = 86_400
    page_cap: int = 100
    date: str | None = DATE
    date_moves: bool = False
    _issued: int = 0
    _dead: set[str] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def settings(self) -> TellusSettings:
        """Settings of a client that this platform accepts."""
        return load_settings(base_url=self.url, client_id="client-1", client_secret=SECRET)

    def order(self, path: str, *replies: Reply) -> None:
        """Give these replies to the next requests for a path."""
        self.orders[path].extend(replies)

    def expire_tokens(self) -> None:
        """Let every token issued so far be expired."""
        self._dead = {f"token-{number}" for number in range(1, self._issued + 1)}

    def times(self, path: str) -> list[float]:
        """When a path was asked for, by the loop's clock."""
        return [asked.at for asked in self.asked if asked.path == path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, InvalidState):
                while await self._one(reader, writer):
                    pass
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = unquote(parts.path).removeprefix("/v1")
        self.asked.append(
            Asked(method, path, query, headers.get("authorization", ""), asyncio.get_running_loop().time())
        )
        refusal = self._refusal(path, headers)
        if path == "/operator/stream":
            script = self.streams.popleft() if self.streams and refusal is None else ()
            if refusal is None and not isinstance(script, Reply):
                await self._stream(head, script, reader, writer)
                return False
            reply = script if isinstance(script, Reply) else refusal or refused(9001, 500)
        else:
            reply = self.orders[path].popleft() if self.orders[path] else refusal or self._answer(path, query, body)
        if reply.echo:
            said = f"{SECRET} or {headers.get('authorization', '')} is wrong"
            document = {"code": 1001, "message": said, "details": {"field": "any", "value": [said, {said: said}]}}
            reply = replace(reply, document=document, status=400)
        return await self._send(reply, writer)

    def _refusal(self, path: str, headers: Mapping[str, str]) -> Reply | None:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if path == "/operator/oauth/token":
            return None
        if token in self._dead:
            return refused(2002, 401)
        return None if token.startswith("token-") else refused(2001, 401)

    def _answer(self, path: str, query: Mapping[str, str], body: bytes) -> Reply:
        if path == "/operator/oauth/token":
            if json.loads(body).get("client_secret") != SECRET:
                return refused(2001, 401)
            self._issued += 1
            token = {"access_token": f"token-{self._issued}", "token_type": "Bearer", "expires_in": self.lifetime_s}
            return Reply(token)
        if path == "/operator/sites":
            return self._page(self.sites, query)
        if path == "/operator/charging-records":
            device = query.get("device_id")
            return self._page([r for r in self.charging_records if device in (None, r["device_id"])], query)
        if path.startswith("/operator/devices/"):
            known = self.devices.get(path.removeprefix("/operator/devices/"))
            return refused(3001, 404) if known is None else Reply({"code": 0, "message": "", "data": known})
        return refused(3001, 404)

    def _page(self, records: Sequence[Any], query: Mapping[str, str]) -> Reply:
        page, size = int(query["page"]), min(int(query["size"]), self.page_cap)
        items = records[(page - 1) * size : page * size]
        data = {"total": len(records), "page": page, "size": size, "items": items}
        return Reply({"code": 0, "message": "success", "data": data})

    async def _send(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        if reply.silent:
            await asyncio.Event().wait()
        body = reply.body
        lines = [
            f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
            f"Content-Type: {reply.content_type}",
            f"Content-Length: {len(body) + reply.claimed}",
            *([f"Date: {self._now()}"] if self.date else []),
            *(f"{name}: {value}" for name, value in reply.headers.items()),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        for start in range(0, len(body), 1 if reply.drip_s else 65_536):
            if reply.drip_s:
                await asyncio.sleep(reply.drip_s)
            writer.write(body[start : start + (1 if reply.drip_s else 65_536)])
            await writer.drain()
        return reply.claimed == 0

    def _now(self) -> str:
        """The platform's clock as a header gives it: it stands still, or moves with the loop's."""
        moved = asyncio.get_running_loop().time() - self.asked[0].at if self.date_moves else 0.0
        return format_datetime(parsedate_to_datetime(self.date or DATE) + timedelta(seconds=moved), usegmt=True)

    async def _stream(
        self, head: bytes, script: Sequence[str | float], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(head)
        request = next(event for event in protocol.events_received() if isinstance(event, WebSocketRequest))
        protocol.send_response(protocol.accept(request))
        writer.write(b"".join(protocol.data_to_send()))
        pongs = asyncio.create_task(self._pong(protocol, reader, writer))
        try:
            for step in script:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                elif step == "drop":
                    writer.transport.abort()
                    return
                elif step == "cut":
                    writer.write(b"\x81\x7e\x01\x00" + b'{"device_id": "TP')
                    await writer.drain()
                    return
                elif step == "deaf":
                    pongs.cancel()
                elif step.startswith("close "):
                    protocol.send_close(int(step.removeprefix("close ")))
                    writer.write(b"".join(protocol.data_to_send()))
                else:
                    protocol.send_text(step.encode())
                    writer.write(b"".join(protocol.data_to_send()))
            if pongs.cancelled() or pongs.cancelling():
                await asyncio.Event().wait()
            await pongs
        finally:
            pongs.cancel()
            await asyncio.gather(pongs, return_exceptions=True)

    async def _pong(self, protocol: ServerProtocol, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while received := await reader.read(65_536):
            protocol.receive_data(received)
            writer.write(b"".join(protocol.data_to_send()))
            if protocol.close_expected():
                return


def frame(device: str = "TP-001", at: str = "2026-05-10T12:00:05Z", **connector: Any) -> str:
    """A telemetry frame of one connector."""
    state = {"connector_id": 1, "state": "charging", "power": 50.0, "energy_delivered": 1.0, "soc": 40, **connector}
    return json.dumps({"device_id": device, "timestamp": at, "connectors": [state]})
