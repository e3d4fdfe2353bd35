"""The threads beside the event loop, with some of their own for looking up names: a name server that hangs holds up look-ups alone.

A look-up cannot be cut off: whatever the deadline of who asked, it takes as long as the system's resolver has patience, which may
be half a minute. The loop's other threads, few on a small host, are what a rollback needs: they read and write HAProxy's files, and
ask who a caller of the API is.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

NAMES_AT_ONCE = 8


class Threads(ThreadPoolExecutor):
    """For :meth:`asyncio.AbstractEventLoop.set_default_executor`."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="aside")
        self._names = ThreadPoolExecutor(NAMES_AT_ONCE, thread_name_prefix="names")

    def submit(self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Future[Result]:
        """Have ``fn`` done, among its like."""
        looks_up = fn in (socket.getaddrinfo, socket.getnameinfo)
        if looks_up:
            return self._names.submit(fn, *args, **kwargs)
        return super().submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  as it is called
        """Take no more; ``wait`` for what is under way, look-ups left out."""
        self._names.shutdown(wait=False, cancel_futures=True)
        super().shutdown(wait, cancel_futures=cancel_futures)


class Aside:
    """Work beside the loop, one piece after the other: whoever asks for much, and often, takes one thread and not all of them."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def do(self, work: Callable[[], Result]) -> Result:
        """Have ``work`` done when its turn has come."""
        async with self._turn:
            return await asyncio.to_thread(work)
