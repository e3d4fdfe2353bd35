"""Waiting for what must come about, however slow the machine is."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 45.0
"""Seconds."""
OFTEN = 0.025
"""Seconds between two looks: many a condition asks guardian's API, which answers one caller 50 times a second."""


async def eventually(condition: Callable[[], Awaitable[bool]], patience: float = PATIENCE, every: float = OFTEN) -> None:
    """Return when the condition holds; ``TimeoutError`` when it does not come to hold in so many seconds."""
    async with asyncio.timeout(patience):
        while True:
            if await condition():
                return
            await asyncio.sleep(every)


async def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """The same of a condition that need not be waited for itself."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110  nobody tells when most conditions come true
            await asyncio.sleep(0.005)
