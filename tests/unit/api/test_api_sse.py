"""The feed as server-sent events: for browsers, and for all who come back where their connection broke off."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from guardian.api import news
from guardian.app.orders import Order
from tests.doubles.house import House

EVENTS = "/v1/events"


@asynccontextmanager
async def followed(client: httpx.AsyncClient, last: str = "") -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    """The events as a browser reads them."""
    headers = {"accept": "text/event-stream"} | ({"last-event-id": last} if last else {})
    async with client.stream("GET", EVENTS, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")

        async def parsed() -> AsyncIterator[dict[str, str]]:
            event: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(":")
                    event[name] = value.strip()
                elif event:
                    yield event
                    event = {}

        yield parsed()


async def test_the_past_comes_first_then_what_happens(house: House, client: httpx.AsyncClient) -> None:
    """An event called ``current`` lies between; each announcement has an id."""
    await house.orders.switch("web", Order("rina"))
    async with followed(client) as events:
        assert await anext(events) == {"retry": "2000"}
        first = await anext(events)
        assert (first["event"], json.loads(first["data"])["phase"]) == ("told", "cutting over")
        assert (await anext(events))["event"] == "current"
        await house.confirm()
        second = await anext(events)
    assert json.loads(second["data"])["phase"] == "watching"
    assert second["id"] != first["id"]


async def test_a_browser_goes_on_where_it_stood(house: House, client: httpx.AsyncClient) -> None:
    """The id of the last event that it saw brings the next one; an id of another run brings all."""
    await house.orders.switch("web", Order("rina"))
    await house.confirm()
    async with followed(client) as events:
        await anext(events)
        first = await anext(events)
    for last, phase in ((first["id"], "watching"), (f"x{first['id']}", "cutting over"), ("nonsense", "cutting over")):
        async with followed(client, last) as events:
            await anext(events)
            assert json.loads((await anext(events))["data"])["phase"] == phase


@pytest.mark.parametrize("last", ["", "-", "RUN-", "RUN--1", "RUN-x", f"RUN-{'9' * 99}", "²", "RUN-²"])
def test_an_id_that_is_none_brings_all(last: str) -> None:
    """Whatever a browser sends back."""
    assert news.resumed(last.replace("RUN", news.RUN)) == 0


async def test_the_feed_beats_in_comments(house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment now and then, which browsers pass over, keeps proxies from closing the connection."""
    monkeypatch.setattr(news, "HEARTBEAT_SECONDS", 0.01)
    async with client.stream("GET", EVENTS, headers={"accept": "text/event-stream"}) as answer:
        lines = answer.aiter_lines()
        while await anext(lines) != ": beat":
            pass
