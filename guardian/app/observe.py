"""From counters to readings: what happened in each environment of one service between two looks, and in the recent past."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import add

from guardian.core.model import Environment, Service
from guardian.core.readings import COUNTED, TOTALS, TROUBLES, Counters, History, Snapshot, Tally, between
from guardian.core.spells import Windows, spell

_TROUBLES = tuple((name, TOTALS.index(name)) for name in TROUBLES)
BUCKET_SECONDS = 10.0
HISTORY_SECONDS = 1800.0
"""How far back a baseline's past reaches. Longer would be surer of the rate and less sure that it still holds."""


@dataclass(slots=True)
class Bucket:
    """What happened in a few seconds."""

    began: float
    totals: list[int] = field(default_factory=lambda: [0] * len(TOTALS))
    looks: int = 0
    squares: dict[str, list[int]] = field(default_factory=dict)
    """Of each trouble that there was, the sums of squares of :class:`Windows`."""


class Past:
    """The recent past of one environment, in buckets, for as long as it served one release."""

    def __init__(self) -> None:
        self._buckets: deque[Bucket] = deque()
        self._windows = {name: Windows() for name in TROUBLES}

    def add(self, at: float, tally: Tally) -> None:
        """Remember what happened up to ``at`` (monotonic seconds)."""
        if not self._buckets or at - self._buckets[-1].began >= BUCKET_SECONDS:
            self._buckets.append(Bucket(at))
            while at - self._buckets[0].began > HISTORY_SECONDS:
                self._buckets.popleft()
        bucket = self._buckets[-1]
        bucket.looks += 1
        if any(totals := tally.totals):
            bucket.totals[:] = map(add, bucket.totals, totals)
            for name, index in _TROUBLES:
                if totals[index]:
                    squares = self._windows[name].add(at, totals[index])
                    bucket.squares[name] = list(map(add, bucket.squares[name], squares)) if name in bucket.squares else squares

    def forget(self) -> None:
        """A new release begins: what the environment did before says nothing about it."""
        self._buckets.clear()

    def history(self, now: float) -> History:
        """The past as it stands now."""
        if not self._buckets:
            return History()
        whole = Tally(*map(sum, zip(*(bucket.totals for bucket in self._buckets), strict=True)))
        seconds, looks = now - self._buckets[0].began, sum(bucket.looks for bucket in self._buckets)
        spells = {
            name: lasted
            for name in TROUBLES
            if (squares := [bucket.squares[name] for bucket in self._buckets if name in bucket.squares])
            and (lasted := spell(whole.count(name), looks, seconds, list(map(sum, zip(*squares, strict=True)))))
        }
        return History(seconds, {name: whole.count(name) for name in COUNTED}, spells or None)


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
