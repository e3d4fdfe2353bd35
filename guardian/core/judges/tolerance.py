"""Which rate a sequential rule tolerates: decided once, at the cutover, and said in every verdict."""

from dataclasses import dataclass

from guardian.core.clumps import HEALTHY
from guardian.core.readings import History
from guardian.core.rules import Against, Ratio, Sequential
from guardian.core.sequential import exact_bound, upper_bound

HIGHEST = 0.5
"""However bad the baseline: a release that fails every other request is not tolerated."""

STEPS = 3
APART = 1.25
"""Steps are taken where the first bound and the last are so many times apart: after a past with few errors. They cost CPU."""
MANY = 1000
"""With more errors than these all bounds come to the same within a few hundredths, and the simple one takes no time."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The tolerated rate and where it comes from."""

    rate: float
    """The tolerated share of requests, 0 to 1."""
    usual: float
    """The baseline's rate on the average; 1 where nothing is known of it."""
    test_budget: float
    """What is left of the rule's false-alarm budget for the test itself."""
    baseline_events: int = 0
    baseline_trials: int = 0
    from_baseline: bool = False
    above: tuple[tuple[float, float], ...] = ()
    """Higher rates that must be exceeded as well, each with the budget of its own test."""

    @property
    def room(self) -> float:
        """The rate up to which errors may come in clumps: the usual one, but half of the tolerated one at the most."""
        return min(self.usual, HEALTHY * self.rate)


def tolerance(test: Sequential, measure: Ratio, history: History, *, shared: bool, stepwise: bool = True) -> Tolerance:
    """The rate that ``test`` tolerates, given the baseline's ``history`` at the cutover.

    Against a limit: the limit. While both environments serve (``shared``): the floor, for the comparison with the baseline is made
    look by look. After a full switch: ``tolerance`` times an upper bound of the baseline's rate, which half of the false-alarm
    budget pays for; never below the floor, and not above the limit unless the baseline itself fails that often. Where the past
    holds too few requests to bound the rate below the limit, the limit.

    A past with few errors bounds the rate far above what it is. Then it is bounded in steps (``stepwise``), the first of them near
    and wrong now and then, the last hardly ever: what exceeds ``tolerance`` times each is bad. Where a bound is wrong with a
    probability of ``d``, the test at the next one may err with one of ``q/d``, for both to be wrong with one of ``q``: the past and
    what the candidate does have nothing to do with each other. The steps and the last bound have equal parts of the budget.
    """
    trials = history.count(measure.denominator)
    events = min(history.count(measure.numerator), trials)
    usual = min(1.0, (events + 1) / trials) if trials else 1.0
    if test.against is Against.LIMIT:
        return Tolerance(test.limit, usual, test.false_alarm)
    if shared:
        return Tolerance(test.floor, usual, test.false_alarm)
    exact = stepwise and events <= MANY
    upper = exact_bound if exact else upper_bound
    budget = test.false_alarm / 2
    bound = test.tolerance * upper(events, trials, budget)
    ceiling = min(max(test.limit, test.tolerance * events / trials if trials else 0.0), HIGHEST)
    if bound > ceiling:
        return Tolerance(ceiling, usual, test.false_alarm, events, trials, from_baseline=ceiling > test.limit)
    if exact and bound > test.floor:
        part = test.false_alarm / (STEPS + 1)
        rates = tuple(
            max(test.floor, test.tolerance * upper(events, trials, part ** (step / STEPS))) for step in range(1, STEPS + 1)
        )
        if max(rates) > APART * min(rates):
            above = tuple((rate, part ** (1 - step / STEPS)) for step, rate in enumerate(rates) if step)
            return Tolerance(rates[0], usual, part, events, trials, from_baseline=True, above=above)
    return Tolerance(max(test.floor, bound), usual, budget, events, trials, from_baseline=True)
