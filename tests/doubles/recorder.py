"""Clients that stay: kept-alive HTTP/1.1, HTTP/2 and WebSocket connections, and the record of who answered their requests."""

import asyncio
import contextlib
import math
import re
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from guardian.core.model import Environment
from tests.doubles.streams import Streams
from tests.waiting import eventually

LOOPBACK = "127.0.0.1"
PATIENCE = 10.0
ON_ITS_WAY = 1.0
"""Seconds that a request may have been under way when a fault struck it."""
WORKER_HEADER = 'http-after-response set-header X-Worker "%pid"'
"""What HAProxy's backends need so that answers name the worker."""
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
"""The handshake of RFC 6455, 1.3: HAProxy holds both ends to it."""
AGREED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
GET = b"GET / HTTP/1.1\r\nHost: web\r\n\r\n"
_ORIGIN = re.compile(rb"x-environment[:\x00-\x20]*(blue|green)", re.IGNORECASE)
_WORKER = re.compile(rb"x-worker[:\x00-\x20]*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and who answered it."""

    client: str
    sent: float
    """Monotonic seconds."""
    environment: Environment | None
    """``None`` for a request that failed."""
    worker: int | None
    """The process id of HAProxy's worker."""
    blamed: Environment | None = None
    """Whose answer it was that was no success; ``None`` where nobody answered, and for a request that did not fail."""


@dataclass
class Record:
    """All requests of all clients."""

    entries: list[Entry] = field(default_factory=list)
    repeated: int = 0
    """Requests that a client repeated, as RFC 9110, 9.2.2 lets it: a kept connection had ended without a word just before."""

    @property
    def failed(self) -> list[Entry]:
        """Those that nobody answered, or HAProxy itself."""
        return [entry for entry in self.entries if entry.environment is None]

    def stray(self, abandoned: Environment, since: float, until: float) -> list[Entry]:
        """Those that were sent within the time and answered by the side that was abandoned."""
        return [entry for entry in self.entries if entry.environment is abandoned and since <= entry.sent < until]


class Lost(Exception):
    """The connection ended in a way that lets the client repeat its request on another."""


class Resident(ABC):
    """A client with one connection that it keeps for as long as the other end does."""

    def __init__(self, port: int, record: Record) -> None:
        self.record, self._port = record, port
        self.blamed: Environment | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self) -> None:
        """Make one request, over the connection from before if it is still there, and write down who answered."""
        sent, self.blamed = time.monotonic(), None
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    with contextlib.suppress(Lost):
                        await self.arrive()
                        sent = time.monotonic()
                        environment, worker = await self._ask()
                        break
        except (OSError, EOFError, TimeoutError):
            self.close()
            environment = worker = None
        self.record.entries.append(Entry(type(self).__name__, sent, environment, worker, self.blamed))

    async def arrive(self) -> None:
        """Be connected."""
        if self._reader is None or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection(LOOPBACK, self._port)
            await self._greet()

    def close(self) -> None:
        """Hang up."""
        if self._writer:
            self._writer.close()
        self._reader = self._writer = None

    @property
    def _streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        assert self._reader
        assert self._writer
        return self._reader, self._writer

    @abstractmethod
    async def _greet(self) -> None:
        """Say what a new connection begins with."""

    @abstractmethod
    async def _ask(self) -> tuple[Environment | None, int | None]:
        """One request over the connection that is there."""


def _origin(head: bytes) -> tuple[Environment | None, int | None]:
    environment, worker = _ORIGIN.search(head), _WORKER.search(head)
    return Environment(environment[1].decode()) if environment else None, int(worker[1]) if worker else None


class KeptAlive(Resident):
    """HTTP/1.1."""

    async def _greet(self) -> None:
        """A connection begins with the first request."""

    async def _ask(self) -> tuple[Environment | None, int | None]:
        reader, writer = self._streams
        writer.write(GET)
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        await reader.readexactly(int(lengths[0]) if lengths else 0)
        if b"connection: close" in head.lower():
            self.close()
        if head.startswith(b"HTTP/1.1 200"):
            return _origin(head)
        self.blamed = _origin(head)[0]
        return None, None


class Http2(Resident):
    """HTTP/2 (RFC 9113) without TLS, as HAProxy takes it from a client that begins with the preface."""

    PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    HEADERS, SETTINGS, PING, GOAWAY = 1, 4, 6, 7
    REQUEST = b"\x82\x86\x84\x41\x03web"
    """HPACK: GET, http, / from the static table, and the authority as a literal."""

    async def _greet(self) -> None:
        _, writer = self._streams
        self._stream = -1
        writer.write(self.PREFACE + self._frame(self.SETTINGS, 0, 0, b""))

    async def _ask(self) -> tuple[Environment | None, int | None]:
        _, writer = self._streams
        self._stream += 2
        writer.write(self._frame(self.HEADERS, 5, self._stream, self.REQUEST))
        while True:
            try:
                kind, flags, stream, payload = await self._read()
            except (asyncio.IncompleteReadError, ConnectionError) as ended:
                if getattr(ended, "partial", b"") or self._stream == 1:
                    raise
                # HAProxy 2.6 ends an idle connection at a reload so, about once in 8,000 switches.
                self.record.repeated += 1
                self.close()
                raise Lost from ended
            if kind == self.HEADERS and stream == self._stream:
                if payload[:1] == b"\x88":
                    return _origin(payload)
                self.blamed = _origin(payload)[0]
                return None, None
            if kind == self.GOAWAY and int.from_bytes(payload[:4], "big") < self._stream:
                self.close()
                raise Lost  # the server says that it has not touched this request
            if kind == self.PING and not flags:
                writer.write(self._frame(self.PING, 1, 0, payload))

    async def _read(self) -> tuple[int, int, int, bytes]:
        reader, _ = self._streams
        head = await reader.readexactly(9)
        return head[3], head[4], int.from_bytes(head[5:9], "big"), await reader.readexactly(int.from_bytes(head[:3], "big"))

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


class WebSocket(Resident):
    """A tunnel: whoever it was opened to answers each line until it is closed. Finding it closed, the client opens another."""

    async def _greet(self) -> None:
        reader, writer = self._streams
        writer.write(UPGRADE)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise EOFError
        self._worker = _origin(head)[1]

    async def _ask(self) -> tuple[Environment | None, int | None]:
        reader, writer = self._streams
        writer.write(b"who\n")
        try:
            line = await reader.readline()
        except ConnectionError:
            line = b""
        if not line:
            self.close()
            raise Lost
        return Environment(line.decode().strip()), self._worker


@asynccontextmanager
async def speaker(environment: Environment) -> AsyncIterator[int]:
    """A server that answers requests, agrees to every upgrade, and in a tunnel answers each line with its name. Gives its port."""
    answer = f"HTTP/1.1 200 OK\r\nX-Environment: {environment}\r\nContent-Length: 0\r\n\r\n".encode()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b"upgrade: websocket" not in (await reader.readuntil(b"\r\n\r\n")).lower():
            writer.write(answer)
        writer.write(AGREED)
        while await reader.readline():
            writer.write(f"{environment}\n".encode())

    async with Streams(talk) as server:
        yield server.port


@asynccontextmanager
async def residents(port: int, each: int) -> AsyncIterator[tuple[Record, list[Resident]]]:
    """So many clients of each kind, and their record."""
    record = Record()
    kinds: tuple[Callable[[int, Record], Resident], ...] = (KeptAlive, Http2, WebSocket)
    clients = [kind(port, record) for kind in kinds for _ in range(each)]
    try:
        yield record, clients
    finally:
        for client in clients:
            client.close()
        await asyncio.sleep(0)


class Witnesses:
    """Clients with kept HTTP/1.1 and HTTP/2 connections that ask all the time, and what they are to hold up at the end.

    They know what a test tells them, and nothing of guardian: when a side was acknowledged to be abandoned, and whose fault it is
    that requests fail, and since when.
    """

    PAUSE = 0.02

    def __init__(self, port: int, each: int = 2) -> None:
        self.record = Record()
        self._clients: list[Resident] = [kind(port, self.record) for kind in (KeptAlive, Http2) for _ in range(each)]
        self._abandoned: list[tuple[Environment, float, float]] = []
        self._excused: list[tuple[Environment | None, float, float]] = []
        self._asking: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begin to ask."""
        self._asking = [asyncio.create_task(self._ask(client)) for client in self._clients]
        return self

    async def __aexit__(self, failure: object, *_: object) -> None:
        """Stop, and hold up what is promised: :class:`AssertionError` says what was seen instead."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        for client in self._clients:
            client.close()
        await asyncio.sleep(0)
        if failure is None:
            self.hold()

    def abandoned(self, environment: Environment) -> None:
        """It has just been acknowledged that nothing goes to ``environment`` any more."""
        self._abandoned.append((environment, time.monotonic(), math.inf))

    def may_return(self) -> None:
        """From now on traffic may go anywhere again: an order is about to be given, or HAProxy to die."""
        now = time.monotonic()
        self._abandoned = [(side, since, min(until, now)) for side, since, until in self._abandoned]

    def fails(self, environment: Environment | None) -> None:
        """From now on failures of ``environment`` are the fault's own; of ``None``: requests that nobody could answer."""
        self._excused.append((environment, time.monotonic(), math.inf))

    def mended(self) -> None:
        """From now on nothing may fail any more. What was sent before may still do."""
        now = time.monotonic()
        self._excused = [(side, since, min(until, now)) for side, since, until in self._excused]

    async def seen(self, number: int, patience: float) -> None:
        """Wait until so many more requests have come to their end."""
        target = len(self.record.entries) + number

        async def enough() -> bool:
            return len(self.record.entries) >= target

        await eventually(enough, patience)

    def hold(self) -> None:
        """Each request is attributed, none went to a side that was acknowledged to be abandoned, only the fault's own failed."""
        assert self.record.entries, "nobody asked anything"
        for side, since, until in self._abandoned:
            assert self.record.stray(side, since, until) == []
            assert [entry for entry in self.record.failed if entry.blamed is side and since <= entry.sent < until] == []
        assert [entry for entry in self.record.failed if not self._excuse(entry)] == []

    def _excuse(self, entry: Entry) -> bool:
        # A request that was on its way when the fault came is of the fault, too.
        return any(
            since - ON_ITS_WAY <= entry.sent < until and (side is None or entry.blamed is side)
            for side, since, until in self._excused
        )

    async def _ask(self, client: Resident) -> None:
        while True:
            await client.ask()
            await asyncio.sleep(self.PAUSE)
