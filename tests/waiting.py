"""Waiting for what must come about, however slow the machine is."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 10.0


async def eventually(condition: Callable[[], Awaitable[bool]], patience: float = PATIENCE, every: float = 0.005) -> None:
    """Return when the condition holds; ``TimeoutError`` when it does not come to hold in so many seconds."""
    async with asyncio.timeout(patience):
        while True:
            if await condition():
                return
            await asyncio.sleep(every)
