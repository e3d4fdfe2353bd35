"""A server that speaks HTTP to a Prometheus client and misbehaves as it is told, on loopback."""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent; the names of headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    form: dict[str, str]
    body: bytes = b""


class HangUp(Exception):
    """Raised by a behaviour: the connection comes to an orderly end."""


class Reset(Exception):
    """Raised by a behaviour: the connection is reset."""


Behaviour: TypeAlias = Callable[[Request], AsyncIterator[bytes]]
"""The bytes of an answer, as they are to be sent."""


def answer(body: bytes, status: str = "200 OK", *headers: str) -> Behaviour:
    """One whole answer, after which the connection is kept."""

    async def behave(_: Request) -> AsyncIterator[bytes]:
        lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers)
        yield "\r\n".join((*lines, "", "")).encode() + body

    return behave


def result(kind: str, found: Any, *headers: str, **more: Any) -> Behaviour:
    """A good answer of Prometheus', with ``found`` as its result."""
    body = {"status": "success", "data": {"resultType": kind, "result": found}, **more}
    return answer(json.dumps(body).encode(), "200 OK", *headers)


def number(value: str = "1", at: float = 1000.0, *headers: str) -> Behaviour:
    """A good answer with one series."""
    return result("vector", [{"metric": {"job": "web"}, "value": [at, value]}], *headers)


async def hang(_: Request) -> AsyncIterator[bytes]:
    """Nothing, ever."""
    await asyncio.Event().wait()
    yield b""


def trickle(before: bytes, drop: bytes = b"a", pause: float = 0.01) -> Behaviour:
    """``before``, then one ``drop`` every ``pause`` seconds, for ever."""

    async def behave(_: Request) -> AsyncIterator[bytes]:
        yield before
        while True:
            await asyncio.sleep(pause)
            yield drop

    return behave


def broken_off(before: bytes, ending: type[HangUp | Reset]) -> Behaviour:
    """``before``, then the ``ending``."""

    async def behave(_: Request) -> AsyncIterator[bytes]:
        yield before
        raise ending

    return behave


async def flood(_: Request) -> AsyncIterator[bytes]:
    """A body without end."""
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        await asyncio.sleep(0)


class StandIn:
    """The server. ``behave`` may be replaced at any time; what was asked and who is connected can be looked at."""

    def __init__(self, behave: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self.behave = behave
        self.requests: list[Request] = []
        self.connections = 0
        """Connections made so far."""
        self.connected: set[Connection] = set()
        self.busy, self.busiest = 0, 0
        """Requests under way, and the most that ever were at once."""
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._accepted: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> Self:
        """Listen."""
        self._listener.settimeout(0)
        asyncio.get_running_loop().add_reader(self._listener, self._accept)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up on everybody, those included who have only just come."""
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        await asyncio.gather(*self._accepted, return_exceptions=True)
        connected = list(self.connected)
        for connection in connected:
            connection.abort()
        await asyncio.gather(*(connection.ended.wait() for connection in connected))

    def _accept(self) -> None:
        # By hand, because asyncio's own server loses sight of a connection between its arrival and its introduction.
        with contextlib.suppress(BlockingIOError):
            accepted, _ = self._listener.accept()
            opening = asyncio.get_running_loop().connect_accepted_socket(lambda: Connection(self), accepted, ssl=self._tls)
            self._accepted.append(asyncio.ensure_future(opening))


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, server: StandIn) -> None:
        self._server = server
        self._received = b""
        self._answering: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections += 1
        self._server.connected.add(self)

    def data_received(self, data: bytes) -> None:
        """Answer as soon as a request is complete."""
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        request = _read(head.decode("latin-1"), body)
        if request is None:
            return
        self._received = b""
        self._server.requests.append(request)
        self._answering = asyncio.ensure_future(self._answer(request))

    def connection_lost(self, _: Exception | None) -> None:
        """The client has hung up, or was hung up on."""
        self._server.connected.discard(self)
        if self._answering:
            self._answering.cancel()
        self.ended.set()

    def abort(self) -> None:
        """Reset the connection."""
        assert self._transport
        # Without this, a close is an orderly end where nothing is left unread.
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def _answer(self, request: Request) -> None:
        server, transport = self._server, self._transport
        assert transport
        server.busy += 1
        server.busiest = max(server.busy, server.busiest)
        try:
            async with contextlib.aclosing(server.behave(request)) as parts:  # type: ignore[type-var]  # a generator
                async for part in parts:
                    transport.write(part)
        except HangUp:
            transport.close()
        except Reset:
            self.abort()
        finally:
            server.busy -= 1


def _read(head: str, body: bytes) -> Request | None:
    """The request, or ``None`` while some of its body is missing."""
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if len(body) < int(headers.get("content-length", "0")):
        return None
    return Request(method, target, headers, dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True)), body)
