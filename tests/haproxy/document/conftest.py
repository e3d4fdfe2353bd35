"""Real HAProxy for the tests of the configuration document."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.binaries import BINARIES

Start = Callable[[bytes, str], Awaitable[Path]]


@pytest.fixture(params=BINARIES)
def binary(request: pytest.FixtureRequest) -> str:
    """Each HAProxy."""
    return str(BINARIES[request.param]())


@pytest.fixture
async def start(binary: str, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts HAProxy with a configuration in a new directory, and returns that when its socket ``ready`` takes connections."""
    async with AsyncExitStack() as stack:

        async def started(configuration: bytes, name: str) -> Path:
            directory = tmp_path / name
            directory.mkdir()
            (directory / "haproxy.cfg").write_bytes(configuration)
            await stack.enter_async_context(_running(binary, directory))
            return directory

        yield started


@asynccontextmanager
async def _running(binary: str, directory: Path) -> AsyncIterator[None]:
    with (directory / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            binary, "-db", "-f", "haproxy.cfg", cwd=directory, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(10):
            while not await _answers(directory):
                assert process.returncode is None, (directory / "log").read_text()
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(directory: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(directory / "ready")
    except OSError:
        await asyncio.sleep(0.01)
        return False
    writer.close()
    await writer.wait_closed()
    return True
