"""Which rate a sequential rule tolerates: decided once, at the cutover, and said in every verdict."""

from dataclasses import dataclass

from guardian.core.readings import History
from guardian.core.rules import Against, Ratio, Sequential
from guardian.core.sequential import upper_bound

HIGHEST = 0.5
"""However bad the baseline: a release that fails every other request is not tolerated."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The tolerated rate and where it comes from."""

    rate: float
    test_budget: float
    """What is left of the rule's false-alarm budget for the test itself."""
    baseline_events: int = 0
    baseline_trials: int = 0
    from_baseline: bool = False


def tolerance(test: Sequential, measure: Ratio, history: History, *, shared: bool) -> Tolerance:
    """The rate that ``test`` tolerates, given the baseline's ``history`` at the cutover.

    Against a limit: the limit. While both environments serve (``shared``): the floor, for the comparison with the baseline is made
    look by look. After a full switch: ``tolerance`` times an upper bound of the baseline's rate, which half of the false-alarm
    budget pays for; never below the floor, and not above the limit unless the baseline itself fails that often. Where the past
    holds too few requests to bound the rate below the limit, the limit.
    """
    if test.against is Against.LIMIT:
        return Tolerance(test.limit, test.false_alarm)
    if shared:
        return Tolerance(test.floor, test.false_alarm)
    trials = history.count(measure.denominator)
    events = min(history.count(measure.numerator), trials)
    budget = test.false_alarm / 2
    bound = test.tolerance * upper_bound(events, trials, budget)
    ceiling = min(max(test.limit, test.tolerance * events / trials if trials else 0.0), HIGHEST)
    if bound > ceiling:
        return Tolerance(ceiling, test.false_alarm, events, trials, from_baseline=ceiling > test.limit)
    return Tolerance(max(test.floor, bound), budget, events, trials, from_baseline=True)
