"""The server of streams that the tests' own servers stand on: nobody else gets its port, and nothing of it is left."""

import asyncio
import socket

import pytest

from tests.doubles.streams import HOST, Streams


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say every line again, until it is ``bye``."""
    while (line := await reader.readuntil(b"\n")) != b"bye\n":
        writer.write(line)


async def test_everybody_who_comes_is_talked_to() -> None:
    """Each has a conversation, which ends by itself or when the other hangs up."""
    async with Streams(echo) as server:
        talks = [await asyncio.open_connection(HOST, server.port) for _ in range(3)]
        for number, (reader, writer) in enumerate(talks):
            writer.write(b"%d\n" % number)
            assert await reader.readline() == b"%d\n" % number
        (reader, writer), *others = talks
        writer.write(b"bye\n")
        assert await reader.read() == b""
        for _, each in (talks[0], *others):
            each.close()


async def test_who_refuses_ends_what_is_under_way_and_keeps_the_port() -> None:
    """Nobody who asks the system for a port gets this one, and it comes back where it was."""
    async with Streams(echo) as server:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(b"once\n")
        assert await reader.readline() == b"once\n"
        await server.refuse()
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, server.port)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((HOST, server.port))
        await server.listen()
        _, writer = await asyncio.open_connection(HOST, server.port)
        writer.close()


async def test_nothing_is_left_of_it() -> None:
    """Not even of a client who never says anything: its connection is closed, and the port is anybody's."""
    async with Streams(echo) as server:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(b"here\n")
        await reader.readline()
    assert await reader.read() == b""
    writer.close()
    async with Streams(echo, server.port) as again:
        assert again.port == server.port
