"""How soon the sequential test is sure of a bad release, counted in looks and held against what any test needs."""

from dataclasses import replace
from math import exp
from statistics import median

import numpy as np
import pytest

from guardian.core.judges import judge_for
from guardian.core.judges.judge import Judge
from guardian.core.readings import History
from guardian.core.rules import Against, Sequential
from guardian.core.sequential import LATE_FLOOR
from tests.unit.core.makers import CUTOVER, LOOK, rule, trial
from tests.unit.core.oracle import information_limit, looks_until_breach, pair_limit, side_by_side, traffic

FOUR_LOOKS = 4
"""A capped look is no verdict: the hardest failure takes three of them, and one more for the ten possible rates."""
TEST = Sequential(0.003)
SHORT = Sequential(0.01, Against.BASELINE)
BESIDE = Sequential(0.01, Against.BASELINE)


def _judge(test: Sequential, *, shared: bool = False, looks: int = 12_000) -> Judge:
    return judge_for(rule(test), trial(shared=shared, seconds=looks * LOOK))


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 1.0])
@pytest.mark.parametrize("per_look", [1, 10, 50], ids=["20 req/s", "200 req/s", "1000 req/s"])
def test_a_regression_at_the_cutover(rate: float, per_look: int) -> None:
    """Half of the bad releases are found within twice the information limit and four looks that had traffic."""
    rng = np.random.default_rng(3)
    limit = information_limit(TEST.false_alarm, rate, TEST.limit)
    delays = [looks_until_breach(_judge(TEST), traffic(rng, per_look, rate), 12_000) for _ in range(15)]
    assert median(delay or 12_000 for delay in delays) <= 2 * limit / per_look + FOUR_LOOKS / (1 - exp(-per_look))


@pytest.mark.parametrize("healthy", [2_000, 12_000], ids=["100 s", "10 min"])
def test_a_late_regression(healthy: int) -> None:
    """After a long healthy run 5 % is found within six times what it takes at the cutover, and is told with its own figures."""
    rng = np.random.default_rng(5)
    early = median(looks_until_breach(_judge(TEST), traffic(rng, 10, 0.05), 500) or 500 for _ in range(15))
    judge = _judge(TEST, looks=24_000)
    assert looks_until_breach(judge, traffic(rng, 10, 0.0003), healthy) is None
    found = looks_until_breach(judge, traffic(rng, 10, 0.05), 500, after=healthy)
    assert found is not None
    assert found <= 6 * early + FOUR_LOOKS
    # The late process has a fifth of the budget for all looks of the watch together, and takes no rate below 1 % for a regression.
    assert found <= 2 * information_limit(TEST.false_alarm / 5 / 24_000, 0.05, LATE_FLOOR) / 10 + FOUR_LOOKS
    verdict = judge.verdict()
    assert verdict.value is not None
    assert verdict.value > 0.02
    assert CUTOVER + healthy * LOOK - 5 <= verdict.at - verdict.window <= verdict.at


@pytest.mark.parametrize("healthy", [40, 200, 2_000], ids=["2 s", "10 s", "100 s"])
def test_a_regression_soon_after_the_cutover(healthy: int) -> None:
    """Where little is tolerated, it takes at most four times the information limit, and two looks, however well it began."""
    rng, test = np.random.default_rng(7), Sequential(0.003)
    delays = []
    for _ in range(15):
        judge = _judge(test)
        assert looks_until_breach(judge, traffic(rng, 10, 0.0003), healthy) is None
        delays.append(looks_until_breach(judge, traffic(rng, 10, 0.05), 2_000, after=healthy) or 2_000)
    assert median(delays) <= 4 * information_limit(test.false_alarm, 0.05, test.limit) / 10 + 2


@pytest.mark.parametrize(
    ("green", "blue"),
    [((5, 0.05), (5, 0.001)), ((0.5, 0.05), (0.5, 0.001)), ((0.5, 0.05), (9.5, 0.001)), ((5, 0.2), (45, 0.02))],
    ids=["half of 200 req/s", "half of 20 req/s", "5 % of 200 req/s", "a tenth of 1000 req/s, both bad"],
)
def test_a_slice_that_is_worse_than_the_other_side(green: tuple[float, float], blue: tuple[float, float]) -> None:
    """A bad slice is found within twice what the comparison needs at least, however thin the traffic is spread over the looks."""
    rng = np.random.default_rng(11)
    limit = pair_limit(BESIDE.false_alarm, green, blue, BESIDE.tolerance)
    delays = []
    for _ in range(9):
        counts = side_by_side(traffic(rng, *green), traffic(rng, *blue))
        delays.append(looks_until_breach(_judge(BESIDE, shared=True), counts, 12_000) or 12_000)
    assert median(delays) <= 2 * limit / green[0] + FOUR_LOOKS


@pytest.mark.parametrize(
    ("green", "blue"),
    [((5, 0.05), (5, 0.05)), ((5, 0.01), (5, 0.01)), ((5, 0.002), (45, 0.0001))],
    ids=["both fail", "both fail a little", "below the floor"],
)
def test_a_slice_that_is_no_worse_is_left_alone(green: tuple[float, float], blue: tuple[float, float]) -> None:
    """What fails on both sides, or hardly at all, accuses nobody: one watch of a minute in a thousand, and here ten."""
    rng = np.random.default_rng(13)
    for _ in range(10):
        counts = side_by_side(traffic(rng, *green), traffic(rng, *blue))
        assert looks_until_breach(_judge(BESIDE, shared=True), counts, 1_200) is None


def test_a_slight_regression_after_a_short_past() -> None:
    """1 % after a minute at 200 requests a second with 0.1 %: most are found within half a minute, few in one step."""
    found = {}
    for stepwise in (False, True):
        rng = np.random.default_rng(17)
        judges = [
            judge_for(
                rule(SHORT),
                replace(trial(history=History(60.0, {"responses_5xx": errors, "responses": 12_000})), stepwise=stepwise),
            )
            for errors in rng.binomial(12_000, 0.001, size=20).tolist()
        ]
        found[stepwise] = sum(looks_until_breach(judge, traffic(rng, 10, 0.01), 600) is not None for judge in judges)
    assert found[True] >= 15
    assert found[False] <= 12
