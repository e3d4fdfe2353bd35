"""What is measured of many services on trial, and what takes the time."""

import cProfile
import pstats
from dataclasses import dataclass

from tests.bench.growth import Growth

SETTLING = 16.0
KEPT_LOOKS = 4000
"""Looks that the evidence of a rule holds at the most."""


@dataclass(frozen=True, slots=True)
class Size:
    """What is measured."""

    services: int
    rules: int
    look_every: float
    seconds: float
    settling: float = SETTLING


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of it."""

    cpu: float
    """Of the one core, as a share."""
    memory: float
    """MB, of the process as a whole."""
    looks: float
    """A second."""
    look: float
    """Seconds that a look takes, in the middle of all."""
    wait: float
    """Seconds between two looks, at the most."""
    counters_late: float
    """Of the rules that have an interval and read counters: the wait, in intervals of the one with the shortest."""
    queries: float
    """A second."""
    queries_late: float
    """From the moment at which a query was due to its verdict, at the most, in intervals."""
    failed: int
    """Queries without an answer."""
    saved: float
    """Rules whose evidence was kept, a second."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the table."""

    size: Size
    found: Figures
    grown: Growth

    @property
    def rules(self) -> int:
        """Of all services."""
        return self.size.services * self.size.rules

    @property
    def latest(self) -> float:
        """The latest evaluation, in intervals of its rule."""
        return max(self.found.counters_late, self.found.queries_late)

    @property
    def full(self) -> float:
        """MB, computed: once every rule's evidence holds the :data:`KEPT_LOOKS` that it keeps at the most."""
        lacking = max(0.0, KEPT_LOOKS - self.found.looks * (self.size.settling + self.size.seconds))
        return self.found.memory + self.size.services * self.grown.look * lacking / 1e6

    @property
    def hourly(self) -> float:
        """MB that the database grows in an hour in which each service is deployed once, and watched for it."""
        return self.size.services * (self.grown.journal + self.grown.evidence) / 1e6


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the time in which the profiled loop worked, what each part took."""

    reading: float
    """Asking for the counters of all services, reading the answer, and taking the differences."""
    sequential: float
    """The arithmetic of sequential tests."""
    threshold: float
    """Windows and limits."""
    keeping: float
    """Adding each look to the evidence."""
    gathering: float
    """Evidence on its way to the database."""
    rest: float
    """Queries, and the loop itself."""

    @property
    def judging(self) -> float:
        """What a look has to do for each service, whoever counted."""
        return self.sequential + self.threshold + self.keeping


PARTS = {
    "reading": (("balancer.py", "snapshot"), ("observe.py", "observe")),
    "sequential": (("sequential.py", "_take"),),
    "threshold": (("threshold.py", "_take"),),
    "keeping": (("judge.py", "_keep"),),
    "gathering": (("evidence.py", "evidence_of"),),
}
"""By file and function, none of which calls another of them."""


def shares(profile: cProfile.Profile) -> Shares:
    """What the functions of :data:`PARTS` took, of all but waiting."""
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # what its own methods read
    waited = sum(own for (_, _, name), (_, _, own, _, _) in stats.items() if "poll" in name and "epoll" in name)
    worked = sum(own for _, _, own, _, _ in stats.values()) - waited
    taken = {
        part: sum(
            whole
            for (file, _, name), (_, _, _, whole, _) in stats.items()
            if any(file.endswith(f"/{known}") and name == function for known, function in functions)
        )
        / worked
        for part, functions in PARTS.items()
    }
    return Shares(**taken, rest=1.0 - sum(taken.values()))
