"""HAProxy's master socket: the only way to workers that linger after a reload and still serve their old connections."""

import asyncio
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guardian.balancers.haproxy.runtime import EXPERIMENTAL, Answers, Worker, border, connected, exchange, pause
from guardian.core.ports import BalancerError, BalancerGone
from guardian.core.words import balancer as words

WORKER_PATIENCE = 0.3
"""Seconds that one worker may take to answer. A worker that is just ending may never do so."""
AT_ONCE = 8
"""Connections at one time. The master has 10 places, for all who come, and lets the eleventh wait without a word."""

_MASTER_LINE = re.compile(r"^(\d+)\s+master\s+\d+(?:\s+\[failed: (\d+)\])?", re.MULTILINE)
_WORKER_LINE = re.compile(r"^(\d+)\s+worker\s", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Status:
    """The master process."""

    pid: int
    failed: int
    """Reloads that came to nothing; 0 before 2.5, which does not count them."""


class WorkerGone(BalancerGone):
    """The master does not reach the worker: it is ending, or not ready yet."""


class WorkerSilent(BalancerError):
    """The worker is there and does not answer: it hangs, or is just ending."""


class Master:
    """The master socket at ``path``.

    Measured on 2.6.12 and 2.8.25: when a question to a hung worker is given up and its connection closed, the master keeps the
    connection's place occupied until that worker wakes up or dies. Ten such questions, and the master answers nobody any more.
    So a question is never given up: it stays open, and as long as it does, its worker is asked nothing else.
    """

    def __init__(self, path: Path, patience: float) -> None:
        self._path, self._patience = path, patience
        self._open: dict[int, asyncio.Task[str]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    async def workers(self) -> frozenset[int]:
        """The pids of all workers, lingering ones too. Raises as :class:`~guardian.balancers.haproxy.runtime.Runtime` does.

        While the master reads a new configuration, HAProxy up to 3.0 refuses connections or drops them: that is waited out.
        """
        until = time.monotonic() + self._patience
        with border(self._path, self._patience):
            while True:
                try:
                    return frozenset(_pids(await self._exchange("show proc", until)))
                except ConnectionError:
                    await pause(until)

    async def ask(self, pid: int, *commands: str) -> Answers:
        """What worker ``pid`` answers to ``commands``, in one text. :class:`WorkerGone` or :class:`WorkerSilent` if it does not."""
        told = [command if command == EXPERIMENTAL else f"@!{pid} {command}" for command in (*commands, "show info")]
        line = ";".join(told)
        async with self._places:
            try:
                async with asyncio.timeout(min(WORKER_PATIENCE, self._patience)):
                    while earlier := self._open.get(pid):
                        await asyncio.wait({earlier})
                    self._open[pid] = question = asyncio.create_task(self._question(pid, line), name=f"question to worker {pid}")
                    await asyncio.wait({question})
            except TimeoutError as error:
                raise WorkerSilent(words.worker_absent(pid)) from error
        text = question.result()
        try:
            return Answers(Worker.from_info(text), (text,))
        except ValueError as error:  # the master's own sentence about a worker that it cannot reach
            raise WorkerGone(words.worker_absent(pid)) from error

    async def status(self) -> Status:
        """The master's own word on itself. Errors as for :meth:`workers`."""
        until = time.monotonic() + self._patience
        with border(self._path, self._patience):
            while True:
                try:
                    listing = await self._exchange("show proc", until)
                    found = _MASTER_LINE.search(listing)
                    if found:
                        return Status(int(found[1]), int(found[2] or 0))
                except ConnectionError:
                    pass
                await pause(until)

    async def reload(self, seconds: float) -> str:
        """Have the configuration read again. What HAProxy from 2.7 on says of it in the end; earlier ones say nothing at once.

        While it reads, HAProxy up to 3.0 refuses connections: a reload under way is waited out.
        """
        until = time.monotonic() + seconds
        with border(self._path, seconds):
            while True:
                try:
                    connection = await connected(self._path, until)
                except ConnectionError:
                    await pause(until)
                    continue
                with connection:
                    try:
                        return await exchange(connection, "reload", until)
                    except ConnectionError:
                        return ""

    async def aclose(self) -> None:
        """Give up the questions that are still open."""
        questions = list(self._open.values())
        for question in questions:
            question.cancel()
        await asyncio.gather(*questions, return_exceptions=True)

    async def _question(self, pid: int, line: str) -> str:
        try:
            return await self._exchange(line, math.inf)
        except OSError:
            return ""  # the master went away, and its workers with it: the next listing will tell
        finally:
            del self._open[pid]

    async def _exchange(self, line: str, until: float) -> str:
        with await connected(self._path, until) as connection:
            return await exchange(connection, line, until)


def _pids(listing: str) -> Iterator[int]:
    """The workers in the answer to ``show proc``, under any heading: after a failed reload the one in service is among the old."""
    found = _WORKER_LINE.findall(listing)
    if not found:
        raise ConnectionResetError  # every serving master has a worker: this one is being replaced
    return map(int, found)
