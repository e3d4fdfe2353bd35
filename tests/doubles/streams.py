"""A server of streams that leaves nothing behind: at its end its conversations are over, and until then its port is its own."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Self

from guardian.demo.ports import bound

HOST = "127.0.0.1"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Streams:
    """Has a conversation with everybody who comes, from ``async with`` to its end. A peer that hangs up ends its own."""

    def __init__(self, talk: Talk, port: int = 0) -> None:
        """On ``port`` of the loopback address; 0 takes any free one."""
        self._talk, self.port = talk, port
        self._ends = contextlib.ExitStack()
        self._server: asyncio.Server | None = None
        self._talking: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen. ``OSError`` when the port is taken."""
        # This socket never listens: while nobody does, it keeps the port from whoever asks the system for a free one.
        self.port = self._ends.enter_context(bound(self.port)).getsockname()[1]
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every conversation, and give up the port."""
        await self.refuse()
        self._ends.close()

    async def listen(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._come, sock=bound(self.port))

    async def refuse(self) -> None:
        """Take no more connections, and end those that there are. The port is kept."""
        if self._server:
            self._server.close()
            self._server = None
        while self._talking:
            for task in self._talking:
                task.cancel()
            await asyncio.gather(*self._talking, return_exceptions=True)
        await asyncio.sleep(0)  # a connection that was closed gives up its socket in the loop's next round

    def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._converse(reader, writer))
        self._talking.add(task)
        task.add_done_callback(self._talking.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, EOFError):
                await self._talk(reader, writer)
        finally:
            writer.close()
