"""Prometheus as a source of readings: a query in, one finite number out, or why there is none."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from guardian.core.access import Access
from guardian.metrics.answer import Answer, Series
from guardian.metrics.pool import Pool
from guardian.metrics.question import Instant, Range, Several

CONNECTIONS = 8
"""Queries that one server gets at once. Prometheus itself evaluates 20 by default, and dashboards want some of these."""


class Prometheus:
    """One Prometheus. Every query ends by ``access.timeout``, and only with an answer or a :class:`SourceError`.

    ``now`` tells the seconds since the epoch by the clock that the moments asked for are of.
    """

    def __init__(self, access: Access, connections: int = CONNECTIONS, now: Callable[[], float] = time.time) -> None:
        self._pool = Pool(access, connections)
        self._now = now

    async def instant(self, query: str, at: float | None = None, oldest: float = math.inf) -> Answer:
        """What ``query`` gives at the moment ``at``, in seconds since the epoch; without it, now by the server's clock.

        A value that is dated more than ``oldest`` seconds before that moment is no data. Where the server's own clock differs from
        ``now`` by more than that, its values are not to be had at any moment of guardian's: a :class:`SourceError`.
        """
        return await self._pool.ask(Instant(query, at, oldest, self._now(), self._now))

    async def several(self, query: str, at: float, oldest: float = math.inf) -> tuple[Mapping[str, str], ...]:
        """The labels of the series that ``query`` gives at the moment ``at``; clocks as for :meth:`instant`."""
        return await self._pool.ask(Several(query, at, oldest, self._now(), self._now))

    async def range(self, query: str, start: float, end: float, step: float, oldest: float = math.inf) -> Series:
        """What :meth:`instant` would have given at every moment from ``start`` to ``end``, both included, ``step`` seconds apart.

        Times are whole milliseconds; at most 11,000 steps; clocks as for :meth:`instant`. ``ValueError`` where there is no step.
        """
        question = Range.of(query, start, end, step)
        return await self._pool.ask(replace(question, oldest=oldest, asked=self._now(), now=self._now))

    async def close(self) -> None:
        """Give up what is under way, and hang up."""
        await self._pool.close()
