"""The feed over HTTP."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from guardian.api import news
from guardian.api.news import Audience
from guardian.app.orders import Order
from tests.doubles.house import DEADLINE, House, client_of

SWITCH = "/v1/services/web/switch"


class Follower:
    """Somebody who reads the feed."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self._lines = answer.aiter_lines()

    async def next(self) -> str:
        """The next line; ``StopAsyncIteration`` at the end."""
        async with asyncio.timeout(DEADLINE):
            return await anext(self._lines)

    async def rest(self) -> set[str]:
        """All lines that still come, until the end."""
        async with asyncio.timeout(DEADLINE):
            return {line async for line in self._lines}

    async def news(self) -> dict[str, Any]:
        """The next line, which is an announcement."""
        return json.loads(await self.next())


@asynccontextmanager
async def following(client: httpx.AsyncClient, after: int = 0) -> AsyncIterator[Follower]:
    """Follow the feed."""
    async with client.stream("GET", "/v1/events", params={"after": after}) as answer:
        yield Follower(answer)


async def test_the_past_comes_first_then_an_empty_line_then_what_happens(house: House, client: httpx.AsyncClient) -> None:
    """A follower knows when it has caught up."""
    await client.post(SWITCH)
    async with following(client) as follower:
        first = await follower.news()
        assert (first["deployment"], first["phase"]) == ("web-1", "cutting over")
        assert await follower.next() == ""
        await house.confirm()
        second = await follower.news()
    assert (second["number"], second["phase"]) == (first["number"] + 1, "watching")
    assert second["sentence"].startswith("web-1: web is on green")


async def test_a_follower_goes_on_where_it_stood(house: House, client: httpx.AsyncClient) -> None:
    """What was read already is not sent again."""
    await client.post(SWITCH)
    await house.confirm()
    async with following(client, after=1) as follower:
        assert (await follower.news())["phase"] == "watching"


async def test_the_feed_beats(house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty lines keep coming while nothing happens, and nothing that happens between them is lost."""
    monkeypatch.setattr(news, "HEARTBEAT_SECONDS", 0.01)
    async with following(client) as follower:
        assert [await follower.next() for _ in range(5)] == [""] * 5
        await house.orders.switch("web", Order("somebody"))
        while not (line := await follower.next()):
            pass
    assert json.loads(line)["phase"] == "cutting over"


async def test_the_feed_ends_when_the_server_does(socket: Path) -> None:
    """A stop ends every stream after a whole line, and waits for none."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_of(socket))
        house = House()
        serving = await stack.enter_async_context(AsyncExitStack())
        await serving.enter_async_context(house.open(socket))
        followers = [await stack.enter_async_context(following(client)) for _ in range(3)]
        assert [await follower.next() for follower in followers] == [""] * 3
        await serving.aclose()
        assert [await follower.rest() for follower in followers] == [{""}] * 3


async def test_followers_are_bounded(house: House, socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than there are seats is sent away, with a sentence; a seat that is left is free again."""
    monkeypatch.setattr(news, "SEATS", 3)
    async with client_of(socket) as client, AsyncExitStack() as stack:
        followers = [await stack.enter_async_context(following(client)) for _ in range(2)]
        async with following(client) as last:
            followers.append(last)
            assert [await follower.next() for follower in followers] == [""] * 3
            turned_away = await client.get("/v1/events")
            assert turned_away.status_code == 503
            assert turned_away.json()["detail"].startswith("3 programs follow")

        async def admitted() -> int:
            async with following(client) as another:
                return another.status

        async with asyncio.timeout(DEADLINE):
            while await admitted() != 200:  # noqa: ASYNC110  nobody tells when the server has noticed
                await asyncio.sleep(0.01)


async def test_the_end_may_come_in_the_moment_of_a_heartbeat(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait whose time is up just then ends by itself; a stop goes on to all the others."""
    monkeypatch.setattr(news, "HEARTBEAT_SECONDS", 0.01)
    audience, ended = Audience(house.orders), []
    told = audience.told(0, lambda _: True)
    assert await anext(told) is None
    heartbeat = asyncio.ensure_future(anext(told))
    await asyncio.sleep(0)  # it waits
    asyncio.get_running_loop().call_later(0.02, lambda: ended.append(audience.close()))
    time.sleep(0.05)  # noqa: ASYNC251  both are due now, and come in the same round of the loop
    assert await heartbeat is None
    assert len(ended) == 1
    with pytest.raises(StopAsyncIteration):
        await anext(told)
