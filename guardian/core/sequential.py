"""Tests of an error rate that may be looked at as often as one likes.

Two e-processes share the false-alarm budget. A *mixture* over a grid of possible rates, and over the looks at which a regression
may begin, has most of its weight at and soon after the cutover, where regressions are likeliest: by Ville's inequality it exceeds
``1/a`` with a probability of at most ``a``, ever, whatever the weights, as long as their sum is 1. A *Shiryaev-Roberts* process
finds regressions that come late, when a long healthy run has made the mixture deaf: ``M - looks`` is a supermartingale, so within
``L`` looks it exceeds ``L/a`` with a probability of at most ``a``. Sources: Ville 1939; Shin, Ramdas, Rinaldo, "E-detectors"
(2022); Lindon and Malek, "Anytime-valid inference for multinomial count data" (2022) for the comparison of two counts.

Each factor has a mean of at most 1 for *every* rate up to the tolerated one, so nothing needs to be known but that rate. The
evidence of one look is capped: ``min(factor, cap)`` can only be smaller, so the bound stays, and a clump of errors in one look is
no verdict (:mod:`guardian.core.clumps`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, inf, lgamma, log, log1p
from operator import add

from guardian.core.clumps import HEALTHY, Most, most_beside

MULTIPLES = (1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0, 100.0)
"""The grid: how many times the tolerated rate a bad release may be failing. It costs at most ln 10 nats."""
HIGHEST_RATE = 0.9
NEGLIGIBLE = 1e-12
LOOKS_NEEDED = 3
"""At least so many looks must agree before a test fires, however bad they are."""
MIXTURE_SHARE = 0.8
"""The mixture's part of the false-alarm budget: most regressions show at once."""
AT_CUTOVER = 0.3
"""The mixture's weight on regressions that begin with the cutover itself. The rest is spread over the looks after it: half of it
over the first :data:`SOON` of them, and ever less over as many more. Beside all of the weight at the cutover, 5 % errors at 200
requests a second and a tolerated 0.32 % are found after about 1.04 of the time there, 0.92 half a second later, 0.78 two seconds
and 0.55 ten seconds later (simulated)."""
SOON = 10
STRIDES = 40, 8
"""After so many looks, the weight of so many is given out at once: that costs no time to speak of, and far less CPU."""
LATE_FLOOR = 0.01
"""The Shiryaev-Roberts process never takes a rate below this for a regression. Restarting at every look, it would read each clump
of errors as one: 3.5 % to 6 % of healthy ten-minute watches at a tolerated 0.3 %, none at 1 % (simulated, clumps of 10)."""

Gains = Sequence[float]
"""What one look adds to the log-evidence of each possible rate of the grid, in nats."""


def rate_grid(tolerated: float) -> tuple[float, ...]:
    """The rates that a bad release may have, for a ``tolerated`` rate in (0, 0.9)."""
    rates = sorted({min(tolerated * multiple, HIGHEST_RATE) for multiple in MULTIPLES})
    return tuple(rate for rate in rates if rate > tolerated) or ((1 + tolerated) / 2,)


class OneSided:
    """Evidence that a rate exceeds ``tolerated``: the likelihood ratio of each rate of the grid to the tolerated one.

    Where ``usual`` is more than 0, events may come in clumps: a release whose rate is no higher than that is not accused for them.
    """

    def __init__(self, tolerated: float, usual: float = 0.0) -> None:
        grid = rate_grid(tolerated)
        self._most = [Most.of(rate / tolerated, usual / tolerated) for rate in grid]
        self._due = [rate - tolerated for rate in grid]
        self.components = len(grid)
        self._per_event = tuple(log(rate / tolerated) for rate in grid)
        self._per_other = tuple(log((1 - rate) / (1 - tolerated)) for rate in grid)

    def gains(self, trials: int, events: int) -> Gains:
        """The gains of a look with ``events`` in ``trials``, both from 0.

        There may be more events than trials: those of earlier looks' trials, which had been taken for good ones until now.
        """
        others = trials - events
        rates = zip(self._per_event, self._per_other, self._most, self._due, strict=True)
        return [
            (min(events * a, most.at(others * due)) if events * a > most.clump else events * a) + others * b
            for a, b, most, due in rates
        ]


class TwoSample:
    """Evidence that the candidate fails more than ``tolerance`` times as often as the baseline, while both serve.

    Given that an event happened, it happened at the candidate with a probability that depends only on the ratio of the rates and on
    the traffic of this very look, so the split may change at every look. Exact for Poisson counts; for independent requests the
    true law is less dispersed (Hoeffding 1963), and the bound holds all the more.
    """

    components = len(MULTIPLES)

    def __init__(self, tolerance: float, *, clumps: bool = False) -> None:
        """With ``clumps``, a candidate that fails as often as the baseline is not accused where events come in clumps."""
        self._tolerance = tolerance
        self._usual = min(1.0, HEALTHY * tolerance) if clumps else 0.0

    def gains(self, trials: int, events: int, other_trials: int, other_events: int) -> Gains:
        """The gains of a look at both: the candidate's trials, at least 1, and events, then the baseline's."""
        tolerated = _portion(self._tolerance, trials, other_trials)
        usual = _portion(self._usual, trials, other_trials)
        gains = []
        for multiple in MULTIPLES:
            share = _portion(self._tolerance * multiple, trials, other_trials)
            ours, theirs = log(share / tolerated), log((1 - tolerated) / (1 - share))
            gain = events * ours - other_events * theirs
            gains.append(min(gain, most_beside(usual, ours, theirs)) if usual and gain > ours else gain)
        return gains


def _portion(ratio: float, trials: int, other_trials: int) -> float:
    """The candidate's expected portion of all events when it fails ``ratio`` times as often per request."""
    return ratio * trials / (ratio * trials + other_trials)


@dataclass(slots=True)
class Evidence:
    """The two e-processes of one hypothesis, as logarithms, one entry per component of the grid."""

    mixture: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    looks: int = 0
    """Looks with traffic so far."""

    @classmethod
    def none(cls, components: int, late_components: int) -> "Evidence":
        """The evidence before the first look."""
        return cls(mixture=[0.0] * components, late=[-inf] * late_components)


@dataclass(frozen=True, slots=True)
class Bar:
    """How much evidence is needed, and how much of it one look may bring."""

    mixture: float
    """The logarithm at which the mixture fires."""
    late: float
    """The logarithm at which the Shiryaev-Roberts process fires."""
    at_cutover: float = AT_CUTOVER
    """The mixture's weight on regressions that begin with the cutover."""
    rates: int = 1
    """Possible rates in the late process: three looks are enough where one of them alone brings what it may at each."""

    @classmethod
    def of(cls, false_alarm: float, looks: int, at_cutover: float = AT_CUTOVER, rates: int = 1) -> "Bar":
        """For a probability of at most ``false_alarm`` in a watch of at most ``looks`` looks that had traffic."""
        return cls(
            mixture=log(1 / (false_alarm * MIXTURE_SHARE)),
            late=log(max(looks, 1) / (false_alarm * (1 - MIXTURE_SHARE))),
            at_cutover=at_cutover,
            rates=rates,
        )

    def look(self, evidence: Evidence, gains: Gains, late_gains: Gains) -> None:
        """Add one look with traffic to ``evidence``."""
        self.add(evidence, *self.capped(gains, late_gains))

    def capped(self, gains: Gains, late_gains: Gains) -> tuple[Gains, Gains]:
        """As much of what one look would bring as it may."""
        cap, late_cap = self.mixture / LOOKS_NEEDED, (self.late + log(self.rates)) / LOOKS_NEEDED
        return [min(gain, cap) for gain in gains], [min(gain, late_cap) for gain in late_gains]

    def add(self, evidence: Evidence, gains: Gains, late_gains: Gains) -> None:
        """Add one look with traffic to ``evidence``, its gains capped already."""
        weight = beginning(evidence.looks, self.at_cutover)
        if evidence.looks == 0:
            evidence.mixture = [log(weight)] * len(evidence.mixture)
        elif weight:
            begins = log(weight)
            evidence.mixture = [_log_sum(known, begins) for known in evidence.mixture]
        evidence.mixture = list(map(add, evidence.mixture, gains))
        evidence.looks += 1
        evidence.late = [
            (known + log1p(exp(-known)) if known > 0.0 else log1p(exp(known))) + gain  # log(1 + exp(known)) without overflow
            for known, gain in zip(evidence.late, late_gains, strict=True)
        ]

    def reachable(self, evidence: Evidence) -> bool:
        """Whether :meth:`progress` may have come to 1, which costs far less to see: no mean is above the highest of its numbers."""
        return max(evidence.mixture) / self.mixture >= FIRES or max(evidence.late) / self.late >= FIRES

    def progress(self, evidence: Evidence) -> tuple[float, float]:
        """How far mixture and Shiryaev-Roberts have come; a test fires at 1. Negative: evidence of health."""
        return _log_mean(evidence.mixture) / self.mixture, _log_mean(evidence.late) / self.late


def beginning(looks: int, at_cutover: float) -> float:
    """The mixture's weight on regressions that begin after so many ``looks``. All of them sum to 1."""
    from_then_on, stride = STRIDES
    if looks < from_then_on:
        stride = 1
    elif looks % stride:
        return 0.0
    spread = SOON / (looks + SOON) - SOON / (looks + stride + SOON)
    return (1.0 - at_cutover) * spread + (at_cutover if looks == 0 else 0.0)


FIRES = 1.0 - 1e-9
"""Three capped looks add up to the bar, but for rounding."""


def _log_sum(one: float, other: float) -> float:
    """The logarithm of the sum of two numbers given as logarithms, the ``other`` finite."""
    high, low = (one, other) if one > other else (other, one)
    return high + log1p(exp(low - high))


def _log_mean(logarithms: Sequence[float]) -> float:
    """The logarithm of the mean of numbers given as logarithms."""
    highest = max(logarithms)
    if highest == -inf:
        return -inf
    return highest + log(sum(exp(value - highest) for value in logarithms) / len(logarithms))


def upper_bound(events: int, trials: int, error: float) -> float:
    """A rate that the true one exceeds with a probability of at most ``error``, after ``events`` in ``trials``.

    Chernoff's bound inverted: the rate whose divergence from the observed one is ``ln(1/error) / trials``. A little above Clopper
    and Pearson's exact bound, and free of special functions.
    """
    if trials == 0:
        return 1.0
    observed, divergence = events / trials, log(1 / error) / trials
    low, high = observed, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if relative_entropy(observed, middle) < divergence:
            low = middle
        else:
            high = middle
    return high


def exact_bound(events: int, trials: int, error: float) -> float:
    """The lowest such rate (Clopper and Pearson 1934): at it, no more than ``events`` have a probability of ``error``."""
    if events >= trials:
        return 1.0
    low, high = events / trials, upper_bound(events, trials, error)
    for _ in range(40):
        middle = (low + high) / 2
        if _log_at_most(events, trials, middle) > log(error):
            low = middle
        else:
            high = middle
    return high


def _log_at_most(events: int, trials: int, rate: float) -> float:
    """The logarithm of the probability of at most so many ``events``, fewer than are expected at ``rate``."""
    others = trials - events
    ways = lgamma(trials + 1) - lgamma(events + 1) - lgamma(others + 1)
    term, whole = 1.0, 1.0
    for fewer in range(events, 0, -1):
        term *= fewer * (1 - rate) / ((trials - fewer + 1) * rate)
        whole += term
        if term < NEGLIGIBLE * whole:
            break
    return ways + events * log(rate) + others * log1p(-rate) + log(whole)


def relative_entropy(rate: float, reference: float) -> float:
    """Kullback and Leibler's divergence of a Bernoulli ``rate`` from a ``reference``, in nats per request."""
    if reference in (0.0, 1.0):
        return 0.0 if rate == reference else inf
    gain = rate * log(rate / reference) if rate > 0 else 0.0
    return gain + ((1 - rate) * log((1 - rate) / (1 - reference)) if rate < 1 else 0.0)
