"""What the statistics of the core are held against: scipy's distributions, and the bounds of the literature."""

from collections.abc import Iterable, Iterator
from math import exp, log

import numpy as np
from scipy import stats

from guardian.core.judges.judge import Judge
from guardian.core.sequential import relative_entropy
from guardian.core.verdicts import Finding
from tests.unit.core.makers import CUTOVER, LOOK

Counts = tuple[int, ...]
"""The candidate's trials and events in one look; beside a serving baseline also the baseline's."""


def clopper_pearson(events: int, trials: int, error: float) -> float:
    """The exact upper bound of a rate (Clopper and Pearson 1934)."""
    return 1.0 if events == trials else float(stats.beta.ppf(1 - error, events + 1, trials - events))


def information_limit(false_alarm: float, rate: float, tolerated: float) -> float:
    """Requests that any test with this false-alarm rate needs on average (Wald 1945)."""
    return log(1 / false_alarm) / relative_entropy(rate, tolerated)


def pair_limit(false_alarm: float, green: tuple[float, float], blue: tuple[float, float], tolerance: float) -> float:
    """The same for a comparison: the candidate's requests that are needed to tell the true split of errors from the tolerated one.

    ``green`` and ``blue``: requests per look and rate. See the information per request of a two-sample count test, Lindon and
    Malek 2022.
    """
    (trials, rate), (other_trials, other_rate) = green, blue
    true = trials * rate / (trials * rate + other_trials * other_rate)
    tolerated = tolerance * trials / (tolerance * trials + other_trials)
    events_per_trial = (trials * rate + other_trials * other_rate) / trials
    return log(1 / false_alarm) / (events_per_trial * relative_entropy(true, tolerated))


def capped_mean(gains: Iterable[float], log_probabilities: Iterable[float], cap: float) -> float:
    """The exact mean of ``min(exp(gain), exp(cap))``."""
    return sum(exp(min(gain, cap) + log_probability) for gain, log_probability in zip(gains, log_probabilities, strict=True))


def traffic(rng: np.random.Generator, per_look: float, rate: float, clump: int = 1) -> Iterator[Counts]:
    """Looks without end: requests come at random, and so do errors, alone or in clumps that fall into one look."""
    while True:
        for trials in rng.poisson(per_look, 256):
            events = clump * rng.poisson(rate * trials / clump) if clump > 1 else rng.binomial(trials, rate)
            yield int(trials), int(min(events, trials))


def lasting(rng: np.random.Generator, per_look: float, rate: float, clump: int, looks: int) -> Iterator[Counts]:
    """Looks without end: errors come in clumps, each error of one in any of so many looks one after the other."""
    due = np.zeros(256 + looks, dtype=int)
    while True:
        for begin, clumps in enumerate(rng.poisson(rate * per_look / clump, 256).tolist()):
            np.add.at(due, begin + rng.integers(0, looks, clump * clumps), 1)
        for good, events in zip(rng.poisson((1 - rate) * per_look, 256).tolist(), due[:256].tolist(), strict=True):
            yield good + events, events
        due = np.concatenate([due[256:], np.zeros(256, dtype=int)])


def side_by_side(candidate: Iterator[Counts], baseline: Iterator[Counts]) -> Iterator[Counts]:
    """Looks at both environments while both serve."""
    return ((*ours, *theirs) for ours, theirs in zip(candidate, baseline, strict=True))


def looks_until_breach(judge: Judge, counts: Iterator[Counts], most: int, after: int = 0) -> int | None:
    """How many looks the judge needed ``after`` so many before, or ``None`` if ``most`` did not do."""
    for number in range(1, most + 1):
        if judge.feed(CUTOVER + (after + number) * LOOK, LOOK, next(counts)) is Finding.BREACHED:
            return number
    return None
