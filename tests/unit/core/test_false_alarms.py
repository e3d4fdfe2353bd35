"""How often the sequential test accuses a release that is no worse than it may be: never more often than it says."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from guardian.core.judges import judge_for
from guardian.core.readings import History
from guardian.core.rules import Against, Sequential
from tests.unit.core.makers import LOOK, rule, trial
from tests.unit.core.oracle import Counts, looks_until_breach, side_by_side, traffic

WATCHES, LOOKS = 200, 240
BUDGET, MOST = 0.05, 22
"""Were 5 % of all watches false alarms, more than 22 of 200 would be with a probability of 0.0002, if the seed were not fixed.
Were it three times as many, 94 in 100 seeds would show it."""

ALONE = Sequential(0.01, false_alarm=BUDGET)
STRICT = Sequential(0.003, false_alarm=BUDGET)
BESIDE = Sequential(0.01, Against.BASELINE, false_alarm=BUDGET, tolerance=1.0, floor=0.001)
Traffic = Callable[[np.random.Generator], Iterator[Counts]]


@pytest.mark.parametrize(
    ("test", "counts"),
    [
        pytest.param(ALONE, lambda rng: traffic(rng, 10, 0.01), id="at the limit"),
        pytest.param(ALONE, lambda rng: traffic(rng, 10, 0.001), id="at a tenth of it"),
        pytest.param(ALONE, lambda rng: traffic(rng, 10, 0.001, clump=10), id="at a tenth of it, in clumps"),
        # The bound is for independent requests: clumps at the limit itself break it. The cap keeps it where there is some room.
        pytest.param(STRICT, lambda rng: traffic(rng, 50, 0.001, clump=10), id="at a third of it, in clumps"),
        pytest.param(BESIDE, lambda rng: side_by_side(traffic(rng, 20, 0.05), traffic(rng, 20, 0.05)), id="as the other side"),
        pytest.param(BESIDE, lambda rng: side_by_side(traffic(rng, 0.5, 0.2), traffic(rng, 2, 0.2)), id="with hardly any traffic"),
    ],
)
def test_false_alarms_stay_within_their_bound(test: Sequential, counts: Traffic) -> None:
    """A release that fails as often as it may is accused in no more watches than the rule says, however often one looks."""
    rng = np.random.default_rng(1)
    beside = trial(shared=test.against is Against.BASELINE, seconds=LOOKS * LOOK)
    accused = [looks_until_breach(judge_for(rule(test), beside), counts(rng), LOOKS) for _ in range(WATCHES)]
    assert sum(looks is not None for looks in accused) <= MOST


@pytest.mark.parametrize("requests", [300, 1_000, 5_000])
def test_a_short_past_spends_no_more_than_the_budget(requests: int) -> None:
    """A release that fails exactly twice as often as the old one did, whose past may have looked better than it was."""
    rng, test = np.random.default_rng(2), Sequential(0.5, Against.BASELINE, false_alarm=BUDGET)
    accused = 0
    for _ in range(WATCHES):
        past = History(60.0, {"responses_5xx": int(rng.binomial(requests, 0.02)), "responses": requests})
        one = judge_for(rule(test), trial(seconds=LOOKS * LOOK, history=past))
        accused += looks_until_breach(one, traffic(rng, 10, 0.04), LOOKS) is not None
    assert accused <= MOST
