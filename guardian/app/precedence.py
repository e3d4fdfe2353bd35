"""One event of a service after the other; and what takes traffic back waits for no disk that something else waits for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Precedence:
    """The turn of one service's events, in the order in which they come."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._back = 0
        self.hurry = asyncio.Event()
        """Set while something that takes traffic back waits for its turn: whoever has it, and can, gives way."""

    @asynccontextmanager
    async def turn(self, *, back: bool) -> AsyncIterator[None]:
        """Have the turn, which an event that takes traffic ``back`` waits for visibly."""
        self._back += back
        if back:
            self.hurry.set()
        try:
            await self._turn.acquire()
        finally:
            self._back -= back
            if not self._back:
                self.hurry.clear()
        try:
            yield
        finally:
            self._turn.release()
