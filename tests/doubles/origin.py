"""A server whose answers a request's path asks for: good ones, failures of every kind, and the request as it came in."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Self

from tests.doubles.streams import Streams

LARGE = 3_000_000
ALPHABET = b"abcdefghijklmnopqrstuvwxyz"
PAUSE = 0.6
"""Seconds that a slow answer takes."""


@dataclass(frozen=True)
class Came:
    """A request as it came in."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        """The values of a header, line by line."""
        return [value for key, value in self.headers if key == name]


@dataclass
class Origin:
    """One environment's server on loopback, from ``async with`` to its end.

    The first part of a path says what becomes of it: ``500``, or any other status; ``hang``; ``slow``; ``drop`` closes without an
    answer, ``cut`` in the middle of one; ``large`` is a large answer; ``ws`` changes the protocol and echoes. Everything else is
    answered with the request itself, as JSON; or with the bytes of :data:`ALPHABET` that it asks for, where the path ends with
    ``alphabet``. An origin that is ``good`` fails nothing.
    """

    name: str
    good: bool = True
    port: int = 0
    came: list[Came] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Have nobody come yet."""
        self._streams = Streams(self._serve, self.port)

    async def __aenter__(self) -> Self:
        """Listen."""
        self.port = (await self._streams.__aenter__()).port
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""
        await self._streams.__aexit__()

    async def go(self) -> None:
        """Be gone: every connection ends, and new ones are refused."""
        await self._streams.refuse()

    async def come_back(self) -> None:
        """Take connections again."""
        await self._streams.listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await self._answer(await _read(reader), reader, writer):
            await writer.drain()

    async def _answer(self, came: Came, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        self.came.append(came)
        kind = came.path.split("/")[1]
        if kind == "slow":
            await asyncio.sleep(PAUSE)
        elif kind == "large":
            writer.write(self._head("200 OK", LARGE) + b"x" * LARGE)
            return True
        elif kind == "ws":
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
            writer.write(await reader.readexactly(5))
            return True
        elif not self.good:
            return await self._fail(kind, came, writer)
        if came.path.endswith("/alphabet"):
            return self._part(came, writer)
        return self._reply(came, writer, "200 OK")

    def _part(self, came: Came, writer: asyncio.StreamWriter) -> bool:
        """The range of bytes that the request asks for, and must."""
        first, last = (int(number) for number in came.values("range")[0].removeprefix("bytes=").split("-"))
        head = self._head("206 Partial Content", last + 1 - first)[:-2]
        writer.write(head + f"content-range: bytes {first}-{last}/{len(ALPHABET)}\r\n\r\n".encode() + ALPHABET[first : last + 1])
        return True

    async def _fail(self, kind: str, came: Came, writer: asyncio.StreamWriter) -> bool:
        if kind == "hang":
            await asyncio.sleep(30)
        if kind == "cut":
            writer.write(self._head("200 OK", 100) + b"half of ")
            await writer.drain()
        if kind in {"hang", "cut", "drop"}:
            return False
        return self._reply(came, writer, f"{kind} No" if kind.isdecimal() else "200 OK")

    def _reply(self, came: Came, writer: asyncio.StreamWriter, status: str) -> bool:
        body = json.dumps({"origin": self.name, "headers": came.headers, "length": len(came.body)}).encode()
        writer.write(self._head(status, len(body)) + (b"" if came.method == "HEAD" else body))
        return True

    def _head(self, status: str, length: int) -> bytes:
        return f"HTTP/1.1 {status}\r\ncontent-length: {length}\r\nx-origin: {self.name}\r\n\r\n".encode()


async def _read(reader: asyncio.StreamReader) -> Came:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    lines = [line.partition(":") for line in head[1:] if line]
    headers = tuple((name.lower(), value.strip()) for name, _, value in lines)
    length = next((int(value) for name, value in headers if name == "content-length"), 0)
    if any(name == "transfer-encoding" for name, _ in headers):
        return Came(method, path, headers, await _chunks(reader))
    return Came(method, path, headers, await reader.readexactly(length))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()
    return body
