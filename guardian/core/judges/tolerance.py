"""Which rate a sequential rule tolerates: decided once, at the cutover, and said in every verdict."""

from dataclasses import dataclass

from guardian.core.clumps import HEALTHY
from guardian.core.readings import History
from guardian.core.rules import Against, Ratio, Sequential
from guardian.core.sequential import upper_bound

HIGHEST = 0.5
"""However bad the baseline: a release that fails every other request is not tolerated."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The tolerated rate and where it comes from."""

    rate: float
    usual: float
    """The baseline's rate on the average; 1 where nothing is known of it."""
    test_budget: float
    """What is left of the rule's false-alarm budget for the test itself."""
    baseline_events: int = 0
    baseline_trials: int = 0
    from_baseline: bool = False

    @property
    def room(self) -> float:
        """The rate up to which errors may come in clumps: the usual one, but half of the tolerated one at the most."""
        return min(self.usual, HEALTHY * self.rate)


def tolerance(test: Sequential, measure: Ratio, history: History, *, shared: bool) -> Tolerance:
    """The rate that ``test`` tolerates, given the baseline's ``history`` at the cutover.

    Against a limit: the limit. While both environments serve (``shared``): the floor, for the comparison with the baseline is made
    look by look. After a full switch: ``tolerance`` times an upper bound of the baseline's rate, which half of the false-alarm
    budget pays for; never below the floor, and not above the limit unless the baseline itself fails that often. Where the past
    holds too few requests to bound the rate below the limit, the limit.
    """
    trials = history.count(measure.denominator)
    events = min(history.count(measure.numerator), trials)
    usual = min(1.0, (events + 1) / trials) if trials else 1.0
    if test.against is Against.LIMIT:
        return Tolerance(test.limit, usual, test.false_alarm)
    if shared:
        return Tolerance(test.floor, usual, test.false_alarm)
    budget = test.false_alarm / 2
    bound = test.tolerance * upper_bound(events, trials, budget)
    ceiling = min(max(test.limit, test.tolerance * events / trials if trials else 0.0), HIGHEST)
    if bound > ceiling:
        return Tolerance(ceiling, usual, test.false_alarm, events, trials, from_baseline=ceiling > test.limit)
    return Tolerance(max(test.floor, bound), usual, budget, events, trials, from_baseline=True)
