"""Steady traffic from many clients: requests leave on schedule, whatever becomes of the ones before.

An open-loop generator. One that waits for answers asks less of a server the worse it does, and so hides the harm it should measure
(Tene's "coordinated omission"). How late the requests themselves left is reported too: figures count only where that is small.
"""

import asyncio
import errno
import random
from array import array
from collections import deque
from dataclasses import dataclass
from itertools import takewhile
from typing import Self

from guardian.demo.client import Client, LostError, Received
from guardian.demo.report import Answer, Origin, Summary, percentile, summaries

HOST = "127.0.0.1"

_REASONS = {errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset"}


@dataclass(frozen=True, slots=True)
class Load:
    """How much traffic, and of what kind. Requests are independent of each other: a Poisson process."""

    rate: float
    """Requests per second, on average."""
    connections: int = 20
    """Connections kept open between requests."""
    new_connection_share: float = 0.1
    """The share of requests that come over a connection of their own, 0 to 1."""
    timeout: float = 5.0
    """Seconds that a client waits for an answer, connecting included."""
    seed: int = 0
    posts: float = 0.0
    """The share of requests that are POSTs, 0 to 1. These come over connections of their own: they could not be sent again."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """By how many seconds requests left later than they were due."""

    p50: float
    p99: float
    longest: float


@dataclass(slots=True)
class _Request:
    number: int
    due: float
    alone: bool
    method: str = "GET"
    begun: float = 0.0
    sent: float = 0.0
    fresh: bool = False

    def render(self) -> bytes:
        ending = "Connection: close\r\n\r\n" if self.alone else "\r\n"
        length = "Content-Length: 0\r\n" if self.method == "POST" else ""
        return f"{self.method} / HTTP/1.1\r\nHost: {HOST}\r\nX-Request-Id: {self.number}\r\n{length}{ending}".encode()


class Traffic:
    """Requests to one port of this host, from ``async with`` to its end.

    A kept connection that the server closes is replaced. Where that crossed a request before any byte of its answer, the request is
    sent once more on a new connection, as clients do with idempotent requests: counted as ``reused_closed``, not as a failure.
    """

    def __init__(self, port: int, load: Load) -> None:
        self.answers: list[Answer] = []
        """What became of every request so far, in the order of their ends."""
        self.reused_closed = 0
        """Requests repeated because a reused connection was closed before any byte of their answer."""
        self.idle_closed = 0
        """Kept connections found closed by the server before a request was sent on them."""
        self._port = port
        self._load = load
        self._random = random.Random(load.seed)
        self._idle: deque[Client] = deque()
        self._exchanges: set[asyncio.Task[None]] = set()
        self._waiting: dict[int, float] = {}
        """When each request without an answer began, in the order of their numbers."""
        self._sent = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._lateness = array("d")

    async def __aenter__(self) -> Self:
        """Start."""
        self.start()
        return self

    async def __aexit__(self, failure: object, *_: object) -> None:
        """Stop; at once where something went wrong, else when every request has its answer."""
        if failure is not None:
            for exchange in self._exchanges:
                exchange.cancel()
        await self.stop()

    def start(self) -> None:
        """Begin to send, in the running event loop."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + self._pause()
        self._timer = loop.call_at(self._due, self._send)

    async def stop(self) -> None:
        """Send nothing more, wait for the answers still due (at most the load's timeout), and close every connection."""
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)
        for client in self._idle:
            client.close()
        self._idle.clear()
        # A connection gives up its socket in the loop's next round.
        await asyncio.sleep(0)

    @property
    def lateness(self) -> Lateness | None:
        """How late requests left so far; ``None`` before the first."""
        ordered = sorted(self._lateness)
        p50, p99 = percentile(ordered, 0.5), percentile(ordered, 0.99)
        return None if p50 is None or p99 is None else Lateness(p50, p99, ordered[-1])

    @property
    def waiting_since(self) -> float | None:
        """When the first of the requests began that have no answer yet; ``None`` where all have."""
        return min(self._waiting.values(), default=None)

    def window(self, seconds: float) -> dict[Origin, Summary]:
        """The answers of the last ``seconds``, by origin."""
        since = asyncio.get_running_loop().time() - seconds
        return summaries(takewhile(lambda answer: answer.done > since, reversed(self.answers)))

    def _pause(self) -> float:
        return self._random.expovariate(self._load.rate)

    def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while self._due <= loop.time():
            self._sent += 1
            alone = self._random.random() < self._load.new_connection_share
            post = self._load.posts > 0 and self._random.random() < self._load.posts
            request = _Request(self._sent, self._due, alone or post, "POST" if post else "GET")
            exchange = loop.create_task(self._exchange(request))
            self._exchanges.add(exchange)
            exchange.add_done_callback(self._exchanges.discard)
            self._due += self._pause()
        self._timer = loop.call_at(self._due, self._send)

    async def _exchange(self, request: _Request) -> None:
        loop = asyncio.get_running_loop()
        request.begun = request.sent = self._waiting[request.number] = loop.time()
        self._lateness.append(request.begun - request.due)
        status, environment, error = 0, None, None
        try:
            async with asyncio.timeout_at(request.begun + self._load.timeout):
                received = await self._ask(request)
            if received.identifier in {None, str(request.number).encode()}:
                status, environment = received.status, received.environment
            else:
                error = "mismatched"
        except TimeoutError:
            error = "timeout"
        except LostError as lost:
            error = lost.reason
        except OSError as refused:
            number = refused.errno or 0
            error = _REASONS.get(number) or errno.errorcode.get(number, "unknown").lower()
        done = loop.time()
        del self._waiting[request.number]
        self.answers.append(Answer(request.begun, request.sent, done, environment, status, error, request.fresh, request.method))

    async def _ask(self, request: _Request) -> Received:
        kept = None if request.alone else self._kept()
        if kept is not None:
            try:
                return await self._ask_over(kept, request)
            except LostError as lost:
                if not lost.silent:
                    raise
                self.reused_closed += 1
        request.fresh = True
        _, client = await asyncio.get_running_loop().create_connection(Client, HOST, self._port)
        return await self._ask_over(client, request)

    async def _ask_over(self, client: Client, request: _Request) -> Received:
        request.sent = asyncio.get_running_loop().time()
        try:
            return await client.ask(request.render())
        finally:
            if client.usable and not request.alone and len(self._idle) < self._load.connections:
                self._idle.append(client)
            else:
                client.close()

    def _kept(self) -> Client | None:
        while self._idle:
            client = self._idle.popleft()
            if client.usable:
                return client
            self.idle_closed += 1
        return None
