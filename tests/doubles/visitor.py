"""A visitor of the service: one keep-alive connection through the balancer, and which environment answers on it."""

import asyncio
from types import TracebackType
from typing import Self

from guardian.core.model import Environment
from guardian.demo.client import Client

REQUEST = b"GET / HTTP/1.1\r\nHost: web\r\n\r\n"
PATIENCE = 5.0


class Visitor:
    """One connection to the service on ``port``, open from ``async with`` to its end or the server's."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._client = Client()

    async def __aenter__(self) -> Self:
        """Connect, and send nothing yet."""
        await asyncio.get_running_loop().create_connection(lambda: self._client, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Hang up, in the loop's next round."""
        self._client.close()
        await asyncio.sleep(0)

    async def ask(self) -> Environment | None:
        """Which environment answers a request; ``None`` when it was the balancer itself."""
        async with asyncio.timeout(PATIENCE):
            return (await self._client.ask(REQUEST)).environment


async def visit(port: int) -> Environment | None:
    """Which environment answers one request on a connection of its own."""
    async with Visitor(port) as visitor:
        return await visitor.ask()
