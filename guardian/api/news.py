"""The feed as an endless answer: one JSON object a line, or server-sent events, to a bounded number of followers."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TypeAlias

from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from guardian.app.orders import Orders
from guardian.app.views import NewsView
from guardian.core.words import shell

RUN = secrets.token_hex(4)
"""Tells the announcements of this run from those of others, whose numbers begin at 1, too."""
LONGEST_NUMBER = 16
Sees: TypeAlias = Callable[[str], bool]

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
            if not wait.expired():  # one whose time is up just now ends by itself
                wait.reschedule(asyncio.get_running_loop().time())

    async def told(self, after: int, sees: Sees) -> AsyncIterator[NewsView | None]:
        """Announcements numbered above ``after`` of services that somebody ``sees``.

        ``None`` stands after those of the past, and then for a heartbeat.
        """
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
                yield None
            else:
                after = told.number
                if sees(told.service):
                    yield told


class NewsResponse(StreamingResponse):
    """The answer to a follower. A seat is taken when the answer begins, so that none is lost to a follower that left before."""

    media_type = "application/x-ndjson"

    def __init__(self, audience: Audience, after: int, sees: Sees) -> None:
        super().__init__(self.written(audience.told(after, sees)))
        self._audience = audience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, for as long as somebody listens."""
        with self._audience.seat() as free:
            if free:
                await super().__call__(scope, receive, send)
            else:
                await JSONResponse({"detail": shell.too_many_followers(SEATS)}, 503)(scope, receive, send)

    async def written(self, news: AsyncIterator[NewsView | None]) -> AsyncIterator[bytes]:
        """One JSON object a line, and an empty line for what is none."""
        async for told in news:
            yield b"\n" if told is None else json.dumps(asdict(told)).encode() + b"\n"


class ServerSentEvents(NewsResponse):
    """The same for browsers and others who speak `text/event-stream`, and come back with the id of the last one they have seen."""

    media_type = "text/event-stream"

    async def written(self, news: AsyncIterator[NewsView | None]) -> AsyncIterator[bytes]:
        """One event for each announcement; one called ``current`` after those of the past, then comments as a heartbeat."""
        past = True
        yield b"retry: 2000\n\n"
        async for told in news:
            if told is not None:
                yield f"id: {RUN}-{told.number}\nevent: told\ndata: {json.dumps(asdict(told))}\n\n".encode()
            else:
                yield b"event: current\ndata:\n\n" if past else b": beat\n\n"
                past = False


def resumed(last: str | None) -> int:
    """The number after which a follower goes on that has seen the event ``last``: 0 where that was another run of guardian's."""
    run, _, number = (last or "").partition("-")
    return int(number) if run == RUN and number.isascii() and number.isdigit() and len(number) < LONGEST_NUMBER else 0
