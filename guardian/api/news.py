"""The feed as an endless answer: one JSON object a line, to a bounded number of followers, until the server stops."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from guardian.app.orders import Orders
from guardian.core.words import shell

SEATS = 64
"""Followers at a time."""
HEARTBEAT_SECONDS = 10.0
"""An empty line goes out at least so often: a follower that hears nothing for longer knows that the connection is dead."""


class Audience:
    """Those who follow the feed."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._waits: set[asyncio.Timeout] = set()
        self._taken = 0
        self._closed = False

    @contextmanager
    def seat(self) -> Iterator[bool]:
        """Take a seat for as long as the context lasts, or get ``False`` where none is free."""
        free = self._taken < SEATS
        self._taken += free
        try:
            yield free
        finally:
            self._taken -= free

    def close(self) -> None:
        """End every answer after the line that is being written."""
        self._closed = True
        for wait in self._waits:
            wait.reschedule(asyncio.get_running_loop().time())

    async def lines(self, after: int) -> AsyncIterator[bytes]:
        """Announcements numbered above ``after``, one a line; an empty line after those of the past, and then as a heartbeat."""
        news, patience = self._orders.follow(after), 0.0
        while not self._closed:
            try:
                async with asyncio.timeout(patience) as wait:
                    self._waits.add(wait)
                    try:
                        told = await anext(news)
                    finally:
                        self._waits.discard(wait)
            except TimeoutError:
                # The interrupted generator is spent; the next one begins where it stood.
                news, patience = self._orders.follow(after), HEARTBEAT_SECONDS
                yield b"\n"
            else:
                after = told.number
                yield json.dumps(asdict(told)).encode() + b"\n"


class NewsResponse(StreamingResponse):
    """The answer to a follower. A seat is taken when the answer begins, so that none is lost to a follower that left before."""

    media_type = "application/x-ndjson"

    def __init__(self, audience: Audience, after: int) -> None:
        super().__init__(audience.lines(after))
        self._audience = audience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, for as long as somebody listens."""
        with self._audience.seat() as free:
            if free:
                await super().__call__(scope, receive, send)
            else:
                await JSONResponse({"detail": shell.too_many_followers(SEATS)}, 503)(scope, receive, send)
