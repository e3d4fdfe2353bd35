"""The stand-in for a Prometheus does what the tests of its client rely on."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import TypeAlias

import pytest

from tests.doubles.prometheus import Behaviour, HangUp, Reset, StandIn, answer, broken_off, flood, hang, number, trickle
from tests.metrics.servers import Eventually

HEAD = b"POST /api/v1/query HTTP/1.1\r\nHost: here\r\nX-Word: Blue\r\nContent-Length: 11\r\n\r\n"
FORM = b"query=1%2B1"
Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def dialled(server: StandIn) -> AsyncIterator[Streams]:
    """A connection to ``server``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_it_reads_a_request_however_it_is_cut_and_keeps_the_connection() -> None:
    """Head and form are understood in one piece and in several, and one connection serves both."""
    expected = b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\nX-More: 1\r\n\r\nyes"
    async with StandIn(answer(b"yes", "201 Created", "X-More: 1")) as server, dialled(server) as (reader, writer):
        for pieces in ((HEAD + FORM,), (HEAD[:9], HEAD[9:], FORM[:3], FORM[3:])):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            assert await reader.readexactly(len(expected)) == expected
        assert server.connections == 1
    assert [(each.method, each.target, each.form) for each in server.requests] == [("POST", "/api/v1/query", {"query": "1+1"})] * 2
    assert server.requests[0].headers["x-word"] == "Blue"


async def test_a_number_is_what_prometheus_would_say() -> None:
    """The ready-made good answer is a vector of one series."""
    async with StandIn(number("0.5", 12.0)) as server, dialled(server) as (reader, writer):
        writer.write(HEAD + FORM)
        await reader.readuntil(b"\r\n\r\n")
        body = json.loads(await reader.readuntil(b"]}}"))
    assert body["data"] == {"resultType": "vector", "result": [{"metric": {"job": "web"}, "value": [12.0, "0.5"]}]}


@pytest.mark.parametrize("behave", [hang, trickle(b"HTTP/1.1 200 OK\r\nX-Slow: "), flood])
async def test_what_never_ends_ends_when_the_client_hangs_up(behave: Behaviour, eventually: Eventually) -> None:
    """Silence, a trickle and a flood are cut off with their connection, and the server knows who is connected."""
    async with StandIn(behave) as server:
        async with dialled(server) as (_, writer):
            writer.write(HEAD + FORM)
            await eventually(lambda: server.busy == 1)
            assert len(server.connected) == 1
        await eventually(lambda: not server.connected and server.busy == 0)
        assert server.busiest == 1


async def test_a_trickle_comes_in_drops() -> None:
    """First what comes before, then one drop after the other."""
    async with StandIn(trickle(b"HTTP/1.1 200 OK\r\n\r\n", b"xy")) as server, dialled(server) as (reader, writer):
        writer.write(HEAD + FORM)
        assert await reader.readexactly(25) == b"HTTP/1.1 200 OK\r\n\r\nxyxyxy"


async def test_a_reset_is_an_error_and_no_end() -> None:
    """A client that waits for more gets an error."""
    async with StandIn(broken_off(b"HTTP/1.1 200 OK\r\n", Reset)) as server, dialled(server) as (reader, writer):
        writer.write(HEAD + FORM)
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_a_hang_up_is_an_end_and_no_error() -> None:
    """A client that waits for more gets all that was said, and the end."""
    async with StandIn(broken_off(b"HTTP/1.1 200 OK\r\n", HangUp)) as server, dialled(server) as (reader, writer):
        writer.write(HEAD + FORM)
        assert await reader.read() == b"HTTP/1.1 200 OK\r\n"


async def test_it_hangs_up_on_everybody_at_its_end() -> None:
    """After the server's end its clients are disconnected."""
    async with contextlib.AsyncExitStack() as clients:
        async with StandIn(hang) as server:
            reader, writer = await clients.enter_async_context(dialled(server))
            writer.write(HEAD + FORM)
        assert not server.connected
        with pytest.raises(ConnectionResetError):
            await reader.read()
