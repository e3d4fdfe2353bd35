"""A guardian that stands still, and a shell in which its command is typed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doubles.house import DEADLINE, House

COMMAND = (sys.executable, "-c", "from guardian.cli.main import main; main()")
HAPROXY = """\
global
    # our own comment, with a tab\there
    maxconn 100

defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s

frontend www
    bind 127.0.0.1:8080
    default_backend web_blue    # blue for now

backend web_blue
    server b1 127.0.0.1:1

backend web_green
    server g1 127.0.0.1:2
"""
"""What stands in haproxy.cfg before guardian comes: somebody's own words, and a service between two environments."""


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


class Typed:
    """A command that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []

    async def says(self, words: str) -> str:
        """The next line that holds ``words``."""
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            while line := (await self._process.stdout.readline()).decode():
                self.lines.append(line)
                if words in line:
                    return line
        raise AssertionError(f"{words!r} never came, but {self.lines}")

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    async def end(self) -> Said:
        """How it ended."""
        async with asyncio.timeout(DEADLINE):
            out, err = await self._process.communicate()
        return Said(self._process.returncode or 0, "".join(self.lines) + out.decode(), err.decode())

    async def kill(self) -> None:
        """End it if it runs still."""
        if self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()


class Shell:
    """Where ``guardian`` is typed; ``socket`` is the one of the daemon."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    @asynccontextmanager
    async def start(self, *words: str) -> AsyncIterator[Typed]:
        """Start a command. It minds Ctrl-C also where the tests themselves were started in the background, which do not."""
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "GUARDIAN_SOCKET": str(self.socket), "TZ": "UTC"},
        )
        typed = Typed(process)
        try:
            yield typed
        finally:
            await typed.kill()

    async def run(self, *words: str) -> Said:
        """Run a command to its end."""
        async with self.start(*words) as typed:
            return await typed.end()


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    """Where the daemon is, if it runs."""
    return tmp_path / "api.sock"


@pytest.fixture
def shell(socket: Path) -> Shell:
    """The shell."""
    return Shell(socket)


@pytest.fixture
async def house(socket: Path) -> AsyncIterator[House]:
    """The daemon."""
    async with House().open(socket) as house:
        yield house
