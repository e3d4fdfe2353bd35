"""From counters to readings: what happened in each environment of one service between two looks, and in the recent past."""

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, sqrt
from operator import add
from types import MappingProxyType

from guardian.core.model import Environment, Service
from guardian.core.readings import COUNTED, TOTALS, TROUBLES, Counters, History, Snapshot, Tally, between
from guardian.core.spells import WINDOWS, Seen, Windows, spell

_TROUBLES = tuple((name, TOTALS.index(name)) for name in TROUBLES)
BUCKET_SECONDS = 10.0
HISTORY_SECONDS = 1800.0
"""How far back a baseline's past reaches. Longer would be surer of the rate and less sure that it still holds."""
CLOSE = WINDOWS[0]
"""Seconds between looks from which on they cannot tell how long a clump lasted: to a look a second, all of it came at once."""
KNOWN_EVENTS, KNOWN_SECONDS = 300, 120.0
"""What was seen closely of one trouble until more would tell little more of how long its clumps last."""
CHANCE = 3.0
"""Standard deviations by which a look must have more than is usual for a clump to have begun in it."""


Sums = Mapping[str, Sequence[int]]
"""Of each trouble that was seen, how much there was, and the sums of squares of :class:`~guardian.core.spells.Seen`."""


@dataclass(slots=True)
class Bucket:
    """What happened in a few seconds. A thousand services keep 360,000 of them."""

    began: float
    totals: list[int]
    far_squares: float = 0.0
    """The squares of how long each look took that was not close, added up."""
    close_looks: int = 0
    close_seconds: float = 0.0
    """Between the close looks among them."""
    close: Sums = field(default_factory=lambda: _NONE)
    far: Sums = field(default_factory=lambda: _NONE)


_NONE: Sums = MappingProxyType({})


class Past:
    """The recent past of one environment, in buckets, for as long as it served one release."""

    def __init__(self) -> None:
        self._buckets: deque[Bucket] = deque()
        self._close_seconds, self._close_events, self._events = 0.0, Counter[str](), Counter[str]()
        """What all buckets together have of these."""
        self._windows: dict[str, Windows] = {}
        self._begun: dict[str, tuple[float, int, Bucket]] = {}
        """The latest clump, if any, whose beginning was not seen closely: when it was seen, how much of it so far, and the
        bucket of the look that saw it, where all of it counts."""

    def add(self, at: float, seconds: float, tally: Tally) -> None:
        """Remember what happened in the ``seconds`` up to ``at`` (monotonic seconds)."""
        if not self._buckets or at - self._buckets[-1].began >= BUCKET_SECONDS:
            self._buckets.append(Bucket(at, [0] * len(TOTALS)))
            while at - self._buckets[0].began > HISTORY_SECONDS:
                self._leave(self._buckets.popleft())
        bucket, close = self._buckets[-1], seconds < CLOSE
        if close:
            bucket.close_looks, bucket.close_seconds = bucket.close_looks + 1, bucket.close_seconds + seconds
            self._close_seconds += seconds
        else:
            bucket.far_squares += seconds * seconds
        if any(totals := tally.totals):
            bucket.totals[:] = map(add, bucket.totals, totals)
            for name, index in _TROUBLES:
                if totals[index]:
                    self._trouble(bucket, at, seconds, name, totals[index])

    def _trouble(self, bucket: Bucket, at: float, seconds: float, name: str, count: int) -> None:
        begun, known, home = self._begun.get(name, (-inf, 0, bucket))
        if seconds >= CLOSE:
            usual = self._events[name] * seconds / max(seconds, at - self._buckets[0].began)
            bucket.far = _more(bucket.far, {name: (count, count * count)})
            self._begun[name] = (at, count, bucket) if count > usual + CHANCE * sqrt(usual) else (-inf, 0, bucket)
        elif at - begun <= WINDOWS[-1]:
            home.far = _more(home.far, {name: (count, count * (2 * known + count))})
            self._begun[name] = begun, known + count, home
        else:
            squares = self._windows.setdefault(name, Windows()).add(at, count)
            bucket.close = _more(bucket.close, {name: (count, count * count, *squares)})
            self._close_events[name] += count
        self._events[name] += count

    def _leave(self, bucket: Bucket) -> None:
        self._close_seconds -= bucket.close_seconds
        self._close_events.subtract({name: events for name, (events, *_) in bucket.close.items()})
        self._events.subtract({name: bucket.totals[index] for name, index in _TROUBLES if bucket.totals[index]})

    def forget(self) -> None:
        """A new release begins: what the environment did before says nothing about it."""
        self._buckets.clear()
        self._close_seconds = 0.0
        self._close_events.clear()
        self._events.clear()
        self._windows.clear()
        self._begun.clear()

    def history(self, now: float) -> History:
        """The past as it stands now."""
        if not self._buckets:
            return History()
        whole = Tally(*map(sum, zip(*(bucket.totals for bucket in self._buckets), strict=True)))
        seconds = now - self._buckets[0].began
        spells = {name: lasted for name in TROUBLES if (lasted := spell(self._close(name), self._far(name, seconds)))}
        return History(seconds, {name: whole.count(name) for name in COUNTED}, spells or None)

    def known(self, names: Collection[str]) -> bool:
        """Whether enough was seen closely of all troubles called ``names``."""
        return self._close_seconds >= KNOWN_SECONDS and all(self._close_events[name] >= KNOWN_EVENTS for name in names)

    def _close(self, name: str) -> Seen:
        looks = sum(bucket.close_looks for bucket in self._buckets)
        return _seen(looks, self._close_seconds, [bucket.close[name] for bucket in self._buckets if name in bucket.close])

    def _far(self, name: str, seconds: float) -> Seen:
        far, squares = max(0.0, seconds - self._close_seconds), sum(bucket.far_squares for bucket in self._buckets)
        looks = max(1.0, far * far / squares) if squares else 0.0
        return _seen(looks, far, [bucket.far[name] for bucket in self._buckets if name in bucket.far])


def _more(known: Sums, seen: Sums) -> Sums:
    return {**known, **{name: tuple(map(add, known[name], sums)) if name in known else sums for name, sums in seen.items()}}


def _seen(looks: float, seconds: float, sums: Sequence[Sequence[int]]) -> Seen:
    events, *squares = map(sum, zip(*sums, strict=True)) if sums else (0,)
    return Seen(looks, seconds, events, squares)


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
            self.past[environment].add(snapshot.taken, seconds, tally)
        return seconds, tallies
