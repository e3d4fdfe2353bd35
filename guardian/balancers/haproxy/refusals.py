"""Requests that reached no server at the first attempt, each once, from counters that tell attempts. Pure: time is an argument.

HAProxy counts a refused connection as a retry at once, waits for a second (``timeout connect`` where that is shorter), tries again,
and counts a connection error when it gives the request up. So the retries tell of a dead environment a second before the errors
do; but they, and the error in the end, may be those of one request. Between two attempts of one request at the same server lies
that wait: whatever HAProxy counts may go on with a request that was refused a wait ago, and only what goes beyond is new. The
result is the least number of requests that what was counted can have come from, and never less than the connection errors.
"""

from collections import deque
from math import ceil, floor

WAIT = 0.5
"""Seconds between two attempts of one request, at the least: HAProxy waits twice as long unless ``timeout connect`` is shorter."""
MEMORY = 30.0
"""Seconds after which a refused request is no longer waited for: longer than any ``timeout connect`` that anybody waits for."""


class Refusals:
    """The refused requests of one backend."""

    def __init__(self) -> None:
        self._begun = self._failed = 0
        self._open: deque[tuple[float, int]] = deque()
        """Requests that may be tried again, by the earliest moment of their last attempt."""

    @property
    def requests(self) -> int:
        """How many there were so far, at the least."""
        return max(self._begun, self._failed)

    def add(self, since: float, at: float, retries: int, errors: int) -> None:
        """What HAProxy counted between two looks, the one ``since`` and the one ``at``."""
        while self._open and self._open[0][0] < at - MEMORY:
            self._open.popleft()
        if retries:
            often = 1 + floor((at - since) / WAIT)  # in a long time one request is tried more than once
            fewest = ceil(retries / often)
            self._begun += fewest - self._taken(fewest, at - WAIT)
            self._open.append((since, retries))
        if errors:  # the end of a request, however short its wait was: it was the shorter of two
            self._begun += errors - self._taken(errors, at)
            self._failed += errors

    def forget(self) -> None:
        """The counters began anew: another worker knows nothing of the requests of the one before."""
        self._open.clear()

    def _taken(self, wanted: int, until: float) -> int:
        """How many of ``wanted`` may go on with requests whose last attempt was before ``until``, oldest first."""
        taken = 0
        while taken < wanted and self._open and self._open[0][0] <= until:
            moment, number = self._open.popleft()
            used = min(number, wanted - taken)
            taken += used
            if used < number:
                self._open.appendleft((moment, number - used))
        return taken
