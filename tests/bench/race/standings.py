"""What the records of a race say: pure functions over them."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from guardian.core.sequential import relative_entropy
from guardian.demo.report import percentile
from tests.bench.race.results import FAULTS, Cost, Record, Run, Session, Simulated, Soak

FALSE_ALARM = 0.001
"""Of a watch, as guardian promises."""
HEALTHY = 0.001
"""The share of errors on a good day."""
TOLERATED = 2 * HEALTHY
LOOK = 0.05
CONFIDENCE = 0.95
SECOND = 2
"""The number of the incident that follows a minute after the first."""


@dataclass(frozen=True, slots=True)
class Alarms:
    """False rollbacks, and the healthy hours in which they happened."""

    false: int
    hours: float

    @property
    def in_ten_hours(self) -> float:
        """As a rate."""
        return 10 * self.false / self.hours

    @property
    def at_most(self) -> float:
        """The highest rate in ten hours that these numbers do not rule out, with :data:`CONFIDENCE`."""
        return 10 * most_events(self.false) / self.hours


def most_events(seen: int) -> float:
    """The greatest mean of a Poisson number of which ``seen`` or fewer still come with a probability of 1 - :data:`CONFIDENCE`."""
    low, high = 0.0, 10.0 + 4.0 * seen
    while high - low > 1e-6:
        mean = (low + high) / 2
        probability = sum(math.exp(-mean + number * math.log(mean) - math.lgamma(number + 1)) for number in range(seen + 1))
        low, high = (mean, high) if probability > 1 - CONFIDENCE else (low, mean)
    return high


@dataclass(frozen=True, slots=True)
class Standing:
    """One entrant with one fault at one rate."""

    runs: Sequence[Run]

    @property
    def judged(self) -> list[Run]:
        """Those in which the fault met a release that was still there."""
        return [run for run in self.runs if not run.early]

    @property
    def times(self) -> list[float]:
        """Ascending; where it was not taken back, without end."""
        return sorted(math.inf if run.seconds is None else run.seconds for run in self.judged)

    @property
    def median(self) -> float:
        """Seconds; infinite where most were not taken back. ``NaN`` without a run."""
        return statistics.median_low(self.times) if self.judged else math.nan

    @property
    def p90(self) -> float:
        """Seconds that nine in ten did not exceed."""
        found = percentile(self.times, 0.9)
        return math.nan if found is None else found

    @property
    def bad(self) -> float:
        """Bad answers and failures that users met, the median of the runs."""
        return statistics.median(run.bad + run.failures for run in self.judged) if self.judged else math.nan

    @property
    def missed(self) -> int:
        """Releases that were not taken back while it was waited for."""
        return sum(run.seconds is None for run in self.judged)


class Standings:
    """All that one file of records says."""

    def __init__(self, records: Iterable[Record]) -> None:
        found = list(records)
        self.sessions = [each for each in found if isinstance(each, Session)]
        self.runs = [each for each in found if isinstance(each, Run)]
        self.costs = [each for each in found if isinstance(each, Cost)]
        self._soaks = [each for each in found if isinstance(each, Soak)]
        self._simulated = [each for each in found if isinstance(each, Simulated)]

    @property
    def entrants(self) -> dict[str, Session]:
        """By name, in the order in which they first came."""
        return {session.entrant: session for session in self.sessions}

    @property
    def rates(self) -> list[float]:
        """Requests a second, ascending."""
        return sorted({run.rate for run in self.runs})

    @property
    def faults(self) -> list[str]:
        """Those that were raced, in the order of the report."""
        raced = {run.fault for run in self.runs}
        return [fault for fault in FAULTS if fault in raced]

    def standing(self, entrant: str, rate: float, fault: str, *, incident: int = 1, metrics: bool = True) -> Standing:
        """One cell of the table."""
        key = (entrant, rate, fault, incident, metrics)
        return Standing([run for run in self.runs if (run.entrant, run.rate, run.fault, run.incident, run.metrics) == key])

    def soaked(self, entrant: str, errors: float, rate: float | None = None) -> Alarms | None:
        """What was measured on healthy releases."""
        found = [each for each in self._soaks if (each.entrant, each.errors) == (entrant, errors) and rate in (None, each.rate)]
        return Alarms(sum(each.false for each in found), sum(each.hours for each in found)) if found else None

    def simulated(self, entrant: str, rate: float, errors: float, clump: int = 1) -> Alarms | None:
        """What was played."""
        key = (entrant, rate, errors, clump)
        found = [each for each in self._simulated if (each.entrant, each.rate, each.errors, each.clump) == key]
        return Alarms(sum(each.false for each in found), sum(each.hours for each in found)) if found else None

    def false_alarms(self, entrant: str, rate: float) -> float:
        """False rollbacks in ten healthy hours, played, at the worse of the healths; ``NaN`` where nobody played them."""
        played = {(each.errors, each.clump) for each in self._simulated if each.entrant == entrant and each.rate == rate}
        rates = [found.in_ten_hours for errors, clump in played if (found := self.simulated(entrant, rate, errors, clump))]
        return max(rates, default=math.nan)

    def ahead(self, champion: str, rate: float, fault: str) -> list[str]:
        """Who was quicker than ``champion`` without crying wolf more often."""
        limit = self.false_alarms(champion, rate)
        mine = self.standing(champion, rate, fault)
        return [
            entrant
            for entrant in self.entrants
            if entrant != champion
            and (theirs := self.standing(entrant, rate, fault)).judged
            and theirs.median < mine.median
            and not self.false_alarms(entrant, rate) > limit
        ]


def limit_seconds(fault: str, rate: float) -> float | None:
    """The information limit and one look, in seconds; ``None`` for faults that are not a steady share of errors.

    No test with this false-alarm rate tells, on average, a release that fails so often from one that fails twice as often as on a
    good day with fewer requests (Wald, "Sequential tests of statistical hypotheses", 1945).
    """
    if not fault.isdigit():
        return None
    errors = int(fault) / 100
    bits = math.log(1 / TOLERATED) if errors >= 1.0 else relative_entropy(errors, TOLERATED)
    return math.log(1 / FALSE_ALARM) / bits / rate + LOOK
