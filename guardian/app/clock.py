"""Guardian's time: seconds since the epoch that never step, and the guard that notices when the machine's clock does."""

import time


class SteadyClock:
    """The machine's wall clock as it was at the start, carried on by the monotonic clock.

    Deadlines and windows rest on it: a step of the wall clock neither ends a watch nor lengthens it. After a restart it starts
    from the wall clock again.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch, steady."""
        return self._offset + time.monotonic()

    def monotonic(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()

    def at(self, monotonic: float) -> float:
        """The moment ``monotonic`` in seconds since the epoch."""
        return self._offset + monotonic

    def stepped(self) -> float:
        """By how many seconds the wall clock has stepped away from this one; positive: forward."""
        return time.time() - self.now()
