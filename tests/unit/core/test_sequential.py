"""The sequential test: its bounds, exactly, and its parts."""

from itertools import product
from math import exp, fsum, inf, log

import pytest
from scipy import stats

from guardian.core.sequential import (
    FIRES,
    LOOKS_NEEDED,
    Bar,
    Evidence,
    OneSided,
    TwoSample,
    beginning,
    exact_bound,
    rate_grid,
    relative_entropy,
    upper_bound,
)
from tests.unit.core.oracle import capped_mean, clopper_pearson

ROUNDING = 1e-9


@pytest.mark.parametrize(
    ("tolerated", "grid"),
    [
        (0.01, (0.015, 0.02, 0.03, 0.05, 0.08, 0.13, 0.21, 0.34, 0.55, 0.9)),
        (0.5, (0.75, 0.9)),
        (0.9, (0.95,)),
        (0.98, (0.99,)),
    ],
)
def test_the_grid_lies_above_the_tolerated_rate(tolerated: float, grid: tuple[float, ...]) -> None:
    """Multiples of the tolerated rate up to 90 %, and always one rate at least."""
    assert rate_grid(tolerated) == pytest.approx(grid)


@pytest.mark.parametrize("tolerated", [0.001, 0.003, 0.01, 0.2, 0.6, 0.95])
@pytest.mark.parametrize("trials", [1, 2, 7, 50, 400])
@pytest.mark.parametrize("cap", [log(1250) / LOOKS_NEEDED, inf])
def test_no_tolerated_rate_gathers_evidence_on_average(tolerated: float, trials: int, cap: float) -> None:
    """Whatever the true rate up to the tolerated one, the mean factor of a look is at most 1; uncapped, at that rate, exactly 1."""
    test = OneSided(tolerated)
    looks = [test.gains(trials, events) for events in range(trials + 1)]
    for share, component in product((0.0, 0.1, 0.5, 0.9, 1.0), range(test.components)):
        probabilities = stats.binom.logpmf(range(trials + 1), trials, share * tolerated)
        mean = capped_mean((gains[component] for gains in looks), probabilities, cap)
        assert mean <= 1 + ROUNDING
        if share == 1.0 and cap == inf:
            assert mean == pytest.approx(1, rel=1e-6)


def test_an_answer_that_comes_later_than_its_request_takes_back_what_was_believed() -> None:
    """Requests in one look and their errors in the next weigh what both together weigh in one."""
    test = OneSided(0.01)
    together = test.gains(20, 3)
    apart = [early + late for early, late in zip(test.gains(20, 0), test.gains(0, 3), strict=True)]
    assert apart == pytest.approx(together)


@pytest.mark.parametrize("tolerance", [1.0, 2.0, 10.0])
@pytest.mark.parametrize(("trials", "other_trials"), [(1, 1), (1, 40), (40, 1), (30, 30), (10, 190)])
@pytest.mark.parametrize("cap", [log(1250) / LOOKS_NEEDED, inf])
def test_no_tolerated_ratio_gathers_evidence_on_average(tolerance: float, trials: int, other_trials: int, cap: float) -> None:
    """Given how many events there were, those of the candidate are binomial: the mean factor of a look is at most 1."""
    test = TwoSample(tolerance)
    for events, ratio in product((1, 2, 15), (0.0, 0.5, 1.0)):
        portion = ratio * tolerance * trials / (ratio * tolerance * trials + other_trials)
        probabilities = stats.binom.logpmf(range(events + 1), events, portion)
        looks = [test.gains(trials, ours, other_trials, events - ours) for ours in range(events + 1)]
        for component in range(test.components):
            mean = capped_mean((gains[component] for gains in looks), probabilities, cap)
            assert mean <= 1 + ROUNDING
            if ratio == 1.0 and cap == inf:
                assert mean == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(("trials", "other_trials"), [(1, 9), (12, 12), (5, 60)])
@pytest.mark.parametrize(("tolerance", "other_rate"), [(1.0, 0.01), (2.0, 0.3), (2.0, 0.001), (8.0, 0.1)])
def test_requests_that_fail_one_by_one_gather_even_less(
    trials: int, other_trials: int, tolerance: float, other_rate: float
) -> None:
    """With independent requests on both sides instead of Poisson counts, the mean factor of a look stays at most 1."""
    test = TwoSample(tolerance)
    ours = stats.binom.logpmf(range(trials + 1), trials, tolerance * other_rate)
    theirs = stats.binom.logpmf(range(other_trials + 1), other_trials, other_rate)
    pairs = list(product(range(trials + 1), range(other_trials + 1)))
    looks = [test.gains(trials, events, other_trials, others) for events, others in pairs]
    probabilities = [ours[events] + theirs[others] for events, others in pairs]
    for component in range(test.components):
        assert capped_mean((gains[component] for gains in looks), probabilities, inf) <= 1 + ROUNDING


@pytest.mark.parametrize("before", [0.0, 0.3, 1.0, 500.0])
@pytest.mark.parametrize("trials", [1, 50])
def test_the_late_process_grows_by_one_a_look_on_average(before: float, trials: int) -> None:
    """At the tolerated rate Shiryaev-Roberts gains at most 1 a look, so it passes L/a in L looks with probability a or less."""
    test, bar = OneSided(0.01), Bar.of(0.001, 12_000)
    means = [0.0] * test.components
    for events, probability in enumerate(stats.binom.pmf(range(trials + 1), trials, 0.01)):
        evidence = Evidence(mixture=[0.0], late=[log(before) if before else -inf] * test.components)
        bar.look(evidence, [0.0], test.gains(trials, events))
        means = [mean + probability * exp(late) for mean, late in zip(means, evidence.late, strict=True)]
    assert all(mean <= before + 1 + ROUNDING * (before + 1) for mean in means)


def test_the_budget_of_false_alarms_is_spent_once() -> None:
    """The two processes together may raise as many false alarms as the rule may, by Ville's and by Doob's inequality."""
    bar = Bar.of(0.001, 12_000)
    assert exp(-bar.mixture) + 12_000 * exp(-bar.late) == pytest.approx(0.001)
    assert Bar.of(0.001, 0) == Bar.of(0.001, 1)


@pytest.mark.parametrize("tolerated", [0.003, 0.5])
def test_no_single_look_is_a_verdict(tolerated: float) -> None:
    """However bad a look is, three of them are needed; with one possible rate three are enough."""
    test, bar = OneSided(tolerated), Bar.of(0.001, 12_000)
    evidence = Evidence.none(test.components, test.components)
    gains, looks = test.gains(100_000, 100_000), 0
    while max(bar.progress(evidence)) < FIRES:
        looks += 1
        bar.look(evidence, gains, gains)
    assert looks == LOOKS_NEEDED


def test_before_the_first_look_nothing_is_known() -> None:
    """The mixture stands at its start, the late process at nothing at all."""
    assert Bar.of(0.001, 600).progress(Evidence.none(10, 10)) == (0.0, -inf)


BOUNDS = [
    (events, trials, error)
    for trials, error in product((1, 10, 100, 3_000, 100_000), (0.05, 0.0005, 1e-9))
    for events in (0, 1, 3, 30, trials // 10, trials // 2, trials)
    if events <= trials
]


@pytest.mark.parametrize(("events", "trials", "error"), BOUNDS)
def test_the_upper_bound_is_above_the_exact_one_and_not_far(events: int, trials: int, error: float) -> None:
    """Chernoff's bound never promises more than Clopper and Pearson's, and is at most 35 % and a little above it."""
    bound, exact = upper_bound(events, trials, error), clopper_pearson(events, trials, error)
    assert exact - ROUNDING <= bound <= min(1.0, 1.35 * exact + 1 / trials)


@pytest.mark.parametrize(("events", "trials", "error"), BOUNDS)
def test_the_exact_bound_is_that_of_scipy(events: int, trials: int, error: float) -> None:
    """Clopper and Pearson's, from the tail of the distribution itself."""
    assert exact_bound(events, trials, error) == pytest.approx(clopper_pearson(events, trials, error), rel=1e-6)


def test_no_past_bounds_nothing() -> None:
    """Without a trial every rate is possible."""
    assert upper_bound(0, 0, 0.001) == exact_bound(0, 0, 0.001) == 1.0


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("reference", [0.001, 0.5, 0.999])
def test_relative_entropy_is_that_of_scipy(rate: float, reference: float) -> None:
    """The divergence of two Bernoulli variables in nats."""
    expected = stats.entropy([rate, 1 - rate], [reference, 1 - reference])
    assert relative_entropy(rate, reference) == pytest.approx(float(expected))


def test_relative_entropy_from_certainty() -> None:
    """Nothing diverges from itself; everything else diverges without limit from what is certain."""
    assert relative_entropy(0.0, 0.0) == relative_entropy(1.0, 1.0) == 0.0
    assert relative_entropy(0.1, 0.0) == relative_entropy(0.1, 1.0) == inf


@pytest.mark.parametrize("at_cutover", [0.3, 0.7, 1.0])
def test_the_weights_of_all_beginnings_sum_to_one(at_cutover: float) -> None:
    """However long the watch: more than 1 would be evidence out of nothing, much less a waste of it."""
    given = fsum(beginning(looks, at_cutover) for looks in range(100_000))
    assert given <= 1
    assert given > 1 - 2e-4


def test_all_weight_at_the_cutover_is_the_plain_mixture() -> None:
    """Verdicts that were recorded before there was any other weight come out to the bit."""
    test, bar = OneSided(0.01), Bar.of(0.001, 12_000, at_cutover=1.0)
    evidence, plain = Evidence.none(test.components, test.components), [0.0] * test.components
    for events in (0, 1, 0, 3, 0):
        gains, late_gains = bar.capped(test.gains(10, events), test.gains(10, events))
        bar.add(evidence, gains, late_gains)
        plain = [known + gain for known, gain in zip(plain, gains, strict=True)]
        assert evidence.mixture == plain
