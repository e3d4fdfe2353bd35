"""How often somebody may ask: a bucket of tokens for each caller, and a bounded number of buckets."""

import math
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests at once, and so many a second from then on."""

    burst: float
    per_second: float


REQUESTS = Rate(200, 50)
"""Of one caller: the shell's ``--wait``, a console and a script at once need a tenth of it."""
ORDERS = Rate(30, 5)
"""Of one caller."""
ROLLBACKS = Rate(30, 5)
"""Of one caller, in a bucket of their own: whatever else somebody does too often, taking traffic back is not held up by it."""
DELIVERIES = Rate(100, 20)
"""Of one sender of alerts: Alertmanager sends one for each group, and gives up on what is refused."""
FAILURES = Rate(10, 0.2)
"""Tokens that are none, from one address."""
MOST_BUCKETS = 10_000


class Limiter:
    """The buckets of all callers at one rate."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def take(self, caller: object, now: float) -> float:
        """Take one out of the bucket of ``caller``: 0.0, or in how many seconds there will be one. ``now`` is monotonic."""
        level = self._level(caller, now)
        if level < 1:
            return (1 - level) / self._rate.per_second
        self._put(caller, level - 1, now)
        return 0.0

    def _level(self, caller: object, now: float) -> float:
        level, since = self._buckets.get(caller, (self._rate.burst, now))
        return min(self._rate.burst, level + (now - since) * self._rate.per_second)

    def _put(self, caller: object, level: float, now: float) -> None:
        self._buckets[caller] = (level, now)
        self._buckets.move_to_end(caller)
        while len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)


def whole_seconds(wait: float) -> str:
    """For the header ``retry-after``."""
    return str(max(1, math.ceil(wait)))
