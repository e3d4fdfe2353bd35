"""A bounded number of lines to one server, each used by one thread at a time. A server that hangs holds up its own pool only."""

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from guardian.core.access import Access
from guardian.core.words import prometheus as words
from guardian.metrics.answer import Busy, SourceDown
from guardian.metrics.line import Line
from guardian.metrics.question import Question

T = TypeVar("T")

PARTING = 1.0
"""Seconds that :meth:`Pool.close` waits for queries that it has cut."""


class Pool:
    """``size`` lines to the server of ``access``, and as many threads."""

    def __init__(self, access: Access, size: int) -> None:
        self._access = access
        self._lines = tuple(Line(access) for _ in range(size))
        self._free: asyncio.LifoQueue[Line] = asyncio.LifoQueue()  # the last one used is still connected
        for line in self._lines:
            self._free.put_nowait(line)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="prometheus")

    async def ask(self, question: Question[T]) -> T:
        """The answer to ``question`` within the time that ``access`` grants; :class:`SourceError` where there is none.

        At the deadline, and when the caller is cancelled, the connection is cut, so that its thread ends too. Only a look-up of the
        server's name cannot be cut: its thread, and with it the line, comes back when the system gives up.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._access.timeout  # on the monotonic clock, as the line's
        line = await self._take()
        asked = loop.run_in_executor(self._threads, line.ask, question, deadline)
        asked.add_done_callback(functools.partial(self._give_back, line))
        try:
            await asyncio.wait({asked}, timeout=max(0.0, deadline - loop.time()))
        finally:
            if not asked.done():
                line.cut()
        if not asked.done():
            raise SourceDown(words.too_late(self._access.base, self._access.timeout))
        return asked.result()

    async def close(self) -> None:
        """Cut what is under way and hang up. Threads that cannot be cut end by themselves."""
        lines, self._lines = self._lines, ()
        for line in lines:
            line.cut()
        try:
            async with asyncio.timeout(PARTING):
                for _ in lines:
                    (await self._free.get()).close()
        except TimeoutError:
            pass
        finally:
            self._threads.shutdown(wait=False)

    async def _take(self) -> Line:
        try:
            async with asyncio.timeout(self._access.timeout):
                return await self._free.get()
        except TimeoutError:
            sentence = words.all_busy(self._access.base, len(self._lines), self._access.timeout)
        raise Busy(sentence)

    def _give_back(self, line: Line, asked: "asyncio.Future[T]") -> None:
        line.reopen()
        self._free.put_nowait(line)
        if not asked.cancelled():
            asked.exception()  # seen: nobody waits for the answer of a line that was cut
