"""What the tests of the demonstration share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

Eventually: TypeAlias = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds, for at most ten seconds."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110  nobody tells when most conditions come true
                await asyncio.sleep(0.005)

    return wait
