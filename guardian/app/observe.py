"""From counters to readings: what happened in each environment of one service between two looks, and in the recent past."""

from collections import deque
from collections.abc import Mapping
from operator import add

from guardian.core.model import Environment, Service
from guardian.core.readings import COUNTED, TOTALS, Counters, History, Snapshot, Tally, between

BUCKET_SECONDS = 10.0
HISTORY_SECONDS = 1800.0
"""How far back a baseline's past reaches. Longer would be surer of the rate and less sure that it still holds."""


class Past:
    """The recent past of one environment, in buckets, for as long as it served one release."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[float, list[int]]] = deque()

    def add(self, at: float, tally: Tally) -> None:
        """Remember what happened up to ``at`` (monotonic seconds)."""
        if not self._buckets or at - self._buckets[-1][0] >= BUCKET_SECONDS:
            self._buckets.append((at, [0] * len(TOTALS)))
            while at - self._buckets[0][0] > HISTORY_SECONDS:
                self._buckets.popleft()
        if any(totals := tally.totals):
            counts = self._buckets[-1][1]
            counts[:] = map(add, counts, totals)

    def forget(self) -> None:
        """A new release begins: what the environment did before says nothing about it."""
        self._buckets.clear()

    def history(self, now: float) -> History:
        """The past as it stands now."""
        if not self._buckets:
            return History()
        whole = Tally(*map(sum, zip(*(bucket for _, bucket in self._buckets), strict=True)))
        return History(seconds=now - self._buckets[0][0], counts={name: whole.count(name) for name in COUNTED})


class Observer:
    """Looks at one service: turns consecutive snapshots into tallies, and keeps the past of both environments."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.past = {environment: Past() for environment in Environment}
        self.gauges: dict[Environment, Counters] = {}
        self.worker = ""
        self.backends = service.blue, service.green
        """The backends to ask for."""
        self._sides = {environment: service.backend(environment) for environment in Environment}
        self._last: Snapshot | None = None

    def rebase(self) -> None:
        """Begin anew with the next snapshot: what came before it is not to be read."""
        self._last = None

    def observe(self, snapshot: Snapshot) -> tuple[float, Mapping[Environment, Tally]] | None:
        """Seconds since the snapshot before, and what happened in them. ``None`` for the first one, and after any reset."""
        before, self._last = self._last, snapshot
        self.worker = snapshot.worker_of(self.backends[0])
        self.gauges = {environment: snapshot.backends[backend] for environment, backend in self._sides.items()}
        if before is None or before.worker_of(self.backends[0]) != self.worker:
            return None
        seconds = snapshot.taken - before.taken
        tallies: dict[Environment, Tally] = {}
        for environment, counters in self.gauges.items():
            tally = between(before.backends[self._sides[environment]], counters, seconds)
            if tally is None:
                return None
            tallies[environment] = tally
        for environment, tally in tallies.items():
            self.past[environment].add(snapshot.taken, tally)
        return seconds, tallies
