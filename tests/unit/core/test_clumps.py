"""Errors that come in clumps: however many come at a time, a healthy release is not accused, and an outage is found."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, product
from math import exp, log

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from guardian.core.clumps import Most
from guardian.core.judges import judge_for
from guardian.core.judges.judge import Judge
from guardian.core.readings import History
from guardian.core.rules import Against, Sequential
from guardian.core.sequential import MULTIPLES, OneSided, TwoSample
from guardian.core.verdicts import Finding
from tests.unit.core.makers import CUTOVER, LOOK, rule, trial
from tests.unit.core.oracle import Counts, lasting, looks_until_breach, side_by_side, traffic

TEST = Sequential(0.01, Against.BASELINE)
ROUNDING = 1e-9
SIZES = (1, 2, 3, 5, 10, 20, 40, 100, 1_000)
CLEAN, DIRTY, UNKNOWN = 0.001, 0.005, None


def judge(usual: float | None, *, shared: bool = False, clumps: bool = True, spell: float = 0.0) -> Judge:
    """A judge after half an hour at 200 requests a second, of which the old environment failed so many, in clumps of ``spell``."""
    counts = {"responses_5xx": round(usual * 360_000), "responses": 360_000} if usual else None
    past = History(1800.0 if usual else 0.0, counts, {"responses_5xx": spell} if spell else None)
    return judge_for(rule(TEST), replace(trial(shared=shared, history=past), clumps=clumps))


def looks(one: Judge, numbers: Counts) -> int:
    """How many looks of these ``numbers`` it takes."""
    return looks_until_breach(one, iter([numbers] * 1_000), 1_000) or 1_000


@pytest.mark.parametrize("multiple", [1.02, *MULTIPLES, 1_000.0])
@pytest.mark.parametrize("share", [1e-6, 0.01, 0.3, 0.5])
def test_the_most_is_where_the_worst_clump_comes_to_one(multiple: float, share: float) -> None:
    """Newton's steps come to the same number as a search; it is never less than what one error may bring."""
    target = (multiple - 1) / log(multiple) / share
    found = Most.of(multiple, share).clump
    assert found == pytest.approx(float(brentq(lambda most: (exp(most) - 1) / most - target, 1e-9, 100.0)))
    assert found >= log(multiple)


@pytest.mark.parametrize("tolerated", [0.003, 0.01, 0.2])
@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("trials", [1, 10, 100, 1_000])
@pytest.mark.parametrize("size", SIZES)
def test_no_size_of_clumps_gathers_evidence_on_average(tolerated: float, share: float, trials: int, size: int) -> None:
    """The mean factor of a look at a healthy release is at most 1 for each possible rate, however many errors come at a time."""
    test = OneSided(tolerated, share * tolerated)
    good = stats.poisson.pmf(range(10 * trials + 30), trials * (1 - share * tolerated))
    clumps = stats.poisson.pmf(range(30), trials * share * tolerated / size)
    means = [0.0] * test.components
    for well, bad in product(range(len(good)), range(len(clumps))):
        probability = good[well] * clumps[bad]
        if probability > 1e-15:
            gains = test.gains(well + bad * size, bad * size)
            means = [mean + probability * exp(gain) for mean, gain in zip(means, gains, strict=True)]
    assert max(means) <= 1 + ROUNDING


@pytest.mark.parametrize("tolerance", [1.0, 2.0, 10.0])
@pytest.mark.parametrize(("trials", "others"), [(1, 10_000), (1, 1), (25, 25), (5, 95), (500, 10)])
@pytest.mark.parametrize("size", SIZES)
def test_no_size_of_clumps_tells_sides_apart_that_are_alike(tolerance: float, trials: int, others: int, size: int) -> None:
    """A clump is the candidate's in proportion to its traffic: its mean factor is at most 1, whichever side it is on."""
    test = TwoSample(tolerance, clumps=True)
    odds = min(1.0, tolerance / 2) * trials
    portion = odds / (odds + others)
    ours, theirs = test.gains(trials, size, others, 0), test.gains(trials, 0, others, size)
    assert all(portion * exp(one) + (1 - portion) * exp(other) <= 1 + ROUNDING for one, other in zip(ours, theirs, strict=True))


def test_single_errors_count_as_ever_beside_a_baseline() -> None:
    """What allows for clumps takes nothing from an error that comes alone."""
    for trials, others in product((1, 10, 200), repeat=2):
        assert TwoSample(2.0, clumps=True).gains(trials, 1, others, 0) == TwoSample(2.0).gains(trials, 1, others, 0)


@pytest.mark.parametrize("size", [10, 30])
def test_a_healthy_release_stays(size: int) -> None:
    """0.5 % of errors at 1,000 requests a second, as before: only a judge that knows of no clumps accuses it."""
    watches = [list(islice(traffic(np.random.default_rng(seed), 50, DIRTY, clump=size), 6_000)) for seed in range(4)]
    accused = {
        clumps: sum(looks_until_breach(judge(DIRTY, clumps=clumps), iter(counts), len(counts)) is not None for counts in watches)
        for clumps in (False, True)
    }
    assert accused[True] == 0
    assert accused[False] > 0


@pytest.mark.parametrize("usual", [DIRTY, UNKNOWN])
def test_a_healthy_slice_stays(usual: float | None) -> None:
    """Half of 1,000 requests a second, and both sides fail 2 % of them, ten at a time."""
    rng = np.random.default_rng(8)
    watches = [list(islice(side_by_side(*[traffic(rng, 25, 0.02, clump=10) for _ in range(2)]), 3_000)) for _ in range(3)]
    accused = {
        clumps: sum(
            looks_until_breach(judge(usual, shared=True, clumps=clumps), iter(counts), len(counts)) is not None
            for counts in watches
        )
        for clumps in (False, True)
    }
    assert accused[True] == 0
    assert accused[False] > 0


@pytest.mark.parametrize("per_look", [10, 50], ids=["200 req/s", "1000 req/s"])
def test_an_outage_is_found_at_once_all_the_same(per_look: int) -> None:
    """Within three looks after a clean past, four after any other; a slice of a tenth, and a half of what was clean, in five."""
    everything = per_look, per_look
    assert looks(judge(CLEAN), everything) <= 3
    assert looks(judge(DIRTY), everything) <= 4
    assert looks(judge(UNKNOWN), everything) <= 4
    assert looks(judge(CLEAN, shared=True), (*everything, per_look, 0)) <= 5
    assert looks(judge(DIRTY, shared=True), (*everything, 9 * per_look, 0)) <= 5
    assert looks(judge(DIRTY, shared=True), (*everything, per_look, 0)) <= 15


@pytest.mark.parametrize(("per_look", "shared"), [(1, False), (10, False), (50, True)])
def test_a_healthy_release_stays_whose_errors_come_in_clumps_that_last(per_look: int, *, shared: bool) -> None:
    """0.5 % of errors, ten within 0.3 s, as before: only a judge that does not know how long they last accuses it."""

    def watch(seed: int) -> Iterator[Counts]:
        sides = [lasting(np.random.default_rng([seed, side]), per_look, DIRTY, 10, 6) for side in range(2)]
        return side_by_side(*sides) if shared else sides[0]

    accused = {
        spell: sum(
            looks_until_breach(judge(DIRTY, shared=shared, spell=spell), watch(seed), 3_000) is not None for seed in range(4)
        )
        for spell in (0.0, 0.4)
    }
    assert accused[0.4] == 0
    assert accused[0.0] > 0


@pytest.mark.parametrize("shared", [False, True])
def test_an_outage_is_found_after_clumps_that_last(*, shared: bool) -> None:
    """As soon as three stretches as long as clumps last agree, or five where there is less to go by."""
    numbers = (10, 10, 90, 0) if shared else (10, 10)
    assert looks(judge(CLEAN, shared=shared, spell=0.4), numbers) <= 4 * 8
    assert looks(judge(DIRTY, shared=shared, spell=0.8), numbers) <= 5 * 16


def test_the_verdict_says_how_often_it_is_come_to() -> None:
    """Whoever waits for a verdict sees why it takes longer than elsewhere."""
    one = judge(DIRTY, spell=0.4)
    one.feed(CUTOVER + LOOK, LOOK, (10, 0))
    assert one.verdict().reason == (
        "0 % responses_5xx (0 of 10 in 50 ms); 1 % is tolerated, "
        "judged every 0.40 s, as clumps of blue's responses_5xx may last so long"
    )


def test_a_stretch_that_has_begun_survives_evidence() -> None:
    """A judge that rises from its evidence in the middle of one comes to the same verdict at the same look."""
    one, other = judge(DIRTY, spell=0.4), judge(DIRTY, spell=0.4)
    for number in range(4_001):
        one.feed(CUTOVER + number * LOOK, LOOK, (10, 0))
    other.replay(json.loads(json.dumps(one.evidence())))
    assert one.evidence()["base"]["block"]
    number = 4_001
    while one.feed(CUTOVER + number * LOOK, LOOK, (10, 10)) is not Finding.BREACHED:
        assert other.feed(CUTOVER + number * LOOK, LOOK, (10, 10)) is not Finding.BREACHED
        number += 1
    assert other.feed(CUTOVER + number * LOOK, LOOK, (10, 10)) is Finding.BREACHED
    assert one.verdict() == other.verdict()
