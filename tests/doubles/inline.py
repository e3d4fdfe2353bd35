"""A recorder whose writes happen at once, in the order in which they are asked for: for tests that hold every string."""

import asyncio
from collections.abc import Callable

from guardian.app.record import Recorder
from guardian.core.ports import Store


class InlineRecorder(Recorder):
    """The :class:`~guardian.app.record.Recorder` without its thread. ``before`` and ``after`` are called around each write."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def _run(self, work: Callable[[], object]) -> "asyncio.Future[object]":
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.before()
        done.set_result(work())
        self.after()
        return done
