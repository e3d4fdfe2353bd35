"""An event loop whose time passes only while everybody waits: hours of pauses in milliseconds, and the same every time."""

import asyncio
import selectors
from typing import Any


class _Selector(selectors.SelectSelector):
    """Never waits: it moves the loop's time on instead."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; where nothing is, so much time has passed. ``RuntimeError`` where it would have to wait for ever."""
        found = super().select(0)
        if not found and timeout is None:
            raise RuntimeError("everybody waits, and nobody would ever come")
        if not found and timeout:
            self.loop.passed += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a time of its own, which begins at 0."""

    def __init__(self) -> None:
        self.passed = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Seconds that have passed."""
        return self.passed


class VirtualClock:
    """The :class:`~guardian.core.ports.Clock` of whoever runs in a :class:`VirtualLoop`."""

    EPOCH = 1_700_000_000.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.EPOCH + self.monotonic()

    def monotonic(self) -> float:
        """Seconds since the loop began."""
        return asyncio.get_running_loop().time()


def run(main: Any) -> Any:
    """Run a coroutine in a loop of virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
