"""What was measured: counters as they stood, what happened between two looks, and sources that did not answer.

Readings never hold an opinion; verdicts do (:mod:`guardian.core.verdicts`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter, sub
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Totals:
    """What a balancer counts of one backend and never takes back: requests, answers by their class, failures."""

    requests: int = 0
    responses_1xx: int = 0
    responses_2xx: int = 0
    responses_3xx: int = 0
    responses_4xx: int = 0
    responses_5xx: int = 0
    responses_other: int = 0
    connection_errors: int = 0
    response_errors: int = 0
    retries: int = 0
    redispatches: int = 0
    sessions: int = 0
    """Requests that came, be they answered or not; ``requests`` counts those that are over."""
    unreached: int = 0
    """Requests that reached no server at the first attempt, each once, whatever became of them later."""


TOTALS = tuple(total.name for total in fields(Totals))
_totals: Callable[[Any], tuple[int, ...]] = attrgetter(*TOTALS)
NOTHING = (0,) * len(TOTALS)
TROUBLES = ("responses_4xx", "responses_5xx", "connection_errors", "response_errors", "retries", "redispatches", "unreached")
"""Totals that may come in clumps."""


@dataclass(frozen=True, slots=True)
class Counters(Totals):
    """One backend as the balancer counted it at one instant.

    Totals since the balancer's worker was born, which only grow, until a reset; and gauges, as they stand.
    """

    in_flight: int = 0
    queued: int = 0
    servers_up: int = 0


GAUGES = tuple(gauge.name for gauge in fields(Counters) if gauge.name not in TOTALS)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counters of several backends, read in one answer of one worker of the balancer."""

    taken: float
    """When the answer was complete, on the monotonic clock, in seconds."""
    worker: str
    """Who answered: changes with every reload and restart, and with it all totals start again at 0."""
    backends: Mapping[str, Counters]
    workers: Mapping[str, str] = field(default_factory=dict)
    """Whose answer each backend's counters are of, where not all of them are :attr:`worker`'s."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Backends that could not be asked for though others could, and why."""

    def worker_of(self, backend: str) -> str:
        """Who told the counters of ``backend``."""
        return self.workers.get(backend, self.worker)


@dataclass(frozen=True, slots=True)
class Tally(Totals):
    """What happened in one environment between two looks: totals are differences, gauges as they stood at the later look."""

    busy_seconds: float = 0.0
    """Time spent in the backend by all requests together: requests in flight, integrated over the interval."""
    queued: int = 0
    servers_up: int = 0

    @property
    def responses(self) -> int:
        """Answers of every class."""
        return (
            self.responses_1xx
            + self.responses_2xx
            + self.responses_3xx
            + self.responses_4xx
            + self.responses_5xx
            + self.responses_other
        )

    @property
    def totals(self) -> tuple[int, ...]:
        """Every total, in the order of :data:`TOTALS`."""
        return _totals(self)

    def count(self, name: str) -> int:
        """The total called ``name``: one of :data:`TOTALS`, or ``responses`` for all classes together."""
        return int(getattr(self, name))


COUNTED = (*TOTALS, "responses")
"""The names that a rule's ratio may use."""


def between(before: Counters, after: Counters, seconds: float) -> Tally | None:
    """What happened in the ``seconds`` between two looks at one backend of one worker.

    ``None`` when a total went backwards: somebody cleared the counters, and what they now hold is not traffic of this interval.
    """
    grown = NOTHING if after is before else tuple(map(sub, _totals(after), _totals(before)))
    if min(grown) < 0:
        return None
    values: tuple[Any, ...] = (*grown, (before.in_flight + after.in_flight) / 2 * seconds, after.queued, after.servers_up)
    return Tally(*values)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a service on trial: what candidate and baseline did since the look before."""

    at: float
    """The end of the interval, in seconds since the epoch on guardian's steady clock."""
    seconds: float
    """The length of the interval."""
    candidate: Tally
    baseline: Tally


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """A source that did not answer, or not usefully. It says nothing about the release."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class History:
    """The recent past of one environment, frozen at a cutover: for each ratio, how many events in how many trials."""

    seconds: float = 0.0
    counts: Mapping[str, int] | None = None
    """Totals by name, or ``None`` where nothing is known of the past."""
    spells: Mapping[str, float] | None = None
    """How long clumps of :data:`TROUBLES` may last, in seconds, where that is longer than a look: :mod:`guardian.core.spells`."""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The history that :meth:`to_record` wrote."""
        counts, spells = dict(record["counts"] or {}) or None, dict(record.get("spells") or {}) or None
        return cls(seconds=float(record["seconds"]), counts=counts, spells=spells)

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        known = {"seconds": self.seconds, "counts": dict(self.counts or {})}
        return {**known, "spells": dict(self.spells)} if self.spells else known

    def count(self, names: tuple[str, ...]) -> int:
        """The sum of the totals called ``names``."""
        counts = self.counts or {}
        return sum(counts.get(name, 0) for name in names)

    def spell(self, names: tuple[str, ...]) -> float:
        """The longest that clumps of the totals called ``names`` may last, in seconds; 0 where no longer than a look."""
        spells = self.spells or {}
        return max((spells.get(name, 0.0) for name in names), default=0.0)
