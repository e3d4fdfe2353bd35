"""The judge of sequential rules: how often it is wrong, how soon it is sure, and that it can be replayed."""

import json
from statistics import median

import numpy as np
import pytest

from guardian.core.judges import judge as judges
from guardian.core.judges import judge_for
from guardian.core.judges.judge import Judge
from guardian.core.judges.trial import Trial
from guardian.core.readings import History, Look, SourceFailure, Tally
from guardian.core.rules import Against, Lack, Rule, Sequential, Source
from guardian.core.verdicts import Finding
from tests.unit.core.makers import CUTOVER, ERRORS, GREEN, LOOK
from tests.unit.core.oracle import information_limit, traffic

NONE = History()


def judge(test: Sequential, history: History = NONE, *, shared: bool = False, looks: int = 1200, min_requests: int = 0) -> Judge:
    """A judge of 5xx in a watch of so many looks."""
    rule = Rule("errors", "5xx", Source.HAPROXY, ERRORS, test, Lack.HOLD, min_requests=min_requests)
    return judge_for(rule, Trial(GREEN, CUTOVER, looks * LOOK, LOOK, shared=shared, history=history))


def past(events: int, trials: int) -> History:
    """A baseline's past."""
    return History(600.0, {"responses_5xx": events, "responses": trials})


def feed(one: Judge, looks: object, most: int) -> int | None:
    """After how many looks the judge finds a breach; ``None`` when it does not in ``most``."""
    for number, numbers in zip(range(1, most + 1), looks, strict=False):  # type: ignore[call-overload]
        if one.feed(CUTOVER + number * LOOK, LOOK, numbers) is Finding.BREACHED:
            return number
    return None


@pytest.mark.parametrize(("rate", "clump"), [(0.01, 1), (0.001, 1), (0.001, 10)], ids=["at the limit", "healthy", "clumped"])
def test_false_alarms_stay_within_their_bound(rate: float, clump: int) -> None:
    """With a budget of 5 % a healthy watch is accused in at most that share of runs.

    100 watches of a minute: a true share of 5 % would show more than 12 with a probability of about 0.15 %.
    """
    rng = np.random.default_rng(7)
    runs = [feed(judge(Sequential(0.01, false_alarm=0.05)), traffic(rng, 10, rate, clump), 1200) for _ in range(100)]
    assert sum(run is not None for run in runs) <= 12


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2, 1.0])
@pytest.mark.parametrize("per_look", [1, 10, 50], ids=["20/s", "200/s", "1000/s"])
def test_it_is_sure_soon(rate: float, per_look: int) -> None:
    """Half of the bad releases are found within twice the information limit, and four looks."""
    rng = np.random.default_rng(3)
    limit = information_limit(0.001, rate, 0.003) if rate < 1 else 1.0
    most = 20_000
    delays = [feed(judge(Sequential(0.003), looks=12_000), traffic(rng, per_look, rate), most) for _ in range(31)]
    assert None not in delays
    assert median(delay for delay in delays if delay) <= 2 * limit / per_look + 4


def test_a_late_regression_is_found_soon() -> None:
    """5 % after ten healthy minutes: within three times what it takes at the cutover; the verdict speaks of what is new."""
    rng = np.random.default_rng(5)
    one = judge(Sequential(0.01), looks=24_000)
    assert feed(one, traffic(rng, 10, 0.001), 12_000) is None
    start = one.last
    found = None
    for number, numbers in zip(range(1, 2000), traffic(rng, 10, 0.05), strict=False):
        if one.feed(start + number * LOOK, LOOK, numbers) is Finding.BREACHED:
            found = number
            break
    early = median(feed(judge(Sequential(0.01)), traffic(rng, 10, 0.05), 5000) or 5000 for _ in range(21))
    assert found is not None
    assert found <= 3 * early + 4
    verdict = one.verdict()
    assert verdict.value is not None
    assert verdict.value > 0.01
    assert verdict.window < 60.0


def both(rng: np.random.Generator, green: tuple[float, float], blue: tuple[float, float]) -> object:
    """Looks at both sides; for each its requests per look and its error rate."""
    for (trials, events), (others, errors) in zip(traffic(rng, *green), traffic(rng, *blue), strict=False):
        yield trials, events, others, errors


@pytest.mark.parametrize(
    ("green", "blue", "accused"),
    [
        ((5, 0.05), (5, 0.05), False),
        ((5, 0.002), (45, 0.0001), False),
        ((5, 0.2), (45, 0.001), True),
        ((5, 0.2), (45, 0.02), True),
    ],
    ids=["as bad as the other side", "below the floor", "much worse", "worse than a bad one"],
)
def test_a_slice_is_compared_with_what_the_other_side_does(
    green: tuple[float, float], blue: tuple[float, float], *, accused: bool
) -> None:
    """While both serve: a shared fault accuses nobody, a candidate that is worse is accused."""
    rng = np.random.default_rng(11)
    test = Sequential(0.01, Against.BASELINE, false_alarm=0.001)
    found = [feed(judge(test, shared=True), both(rng, green, blue), 1200) for _ in range(10)]
    assert all((delay is not None) is accused for delay in found)


@pytest.mark.parametrize(
    ("history", "tolerated", "words"),
    [
        (NONE, 0.01, "1 % is tolerated;"),
        (past(0, 100), 0.01, "1 % is tolerated;"),
        (past(10, 100_000), 0.003, "0.30 % is tolerated (the floor; blue had 10 of 100,000 requests)"),
        (past(300, 100_000), None, "2 times what blue had at the most: 300 of 100,000 requests"),
        (past(5_000, 100_000), 0.1, "2 times what blue had at the most: 5,000 of 100,000 requests"),
        (past(90, 100), 0.5, "50 % is tolerated"),
    ],
    ids=["no past", "a short past", "a clean past", "a past in between", "a past beyond the limit", "a ruin"],
)
def test_what_is_tolerated_follows_from_the_past(history: History, tolerated: float | None, words: str) -> None:
    """And every verdict says it."""
    one = judge(Sequential(0.01, Against.BASELINE), history)
    feed(one, iter([(10, 10)] * 4), 4)
    verdict = one.verdict()
    assert verdict.limit is not None
    assert verdict.limit == pytest.approx(tolerated) if tolerated else 0.006 < verdict.limit < 0.01
    assert words in verdict.reason


def test_errors_without_requests_are_not_counted_twice() -> None:
    """A numerator that outgrows its denominator is cut to it."""
    one = judge(Sequential(0.01))
    one.look(Look(CUTOVER + LOOK, LOOK, Tally(responses_5xx=5), Tally()))
    assert one.verdict().samples == 5
    assert one.verdict().value == 1.0


def test_silence_is_no_data_and_too_little_is_not_enough() -> None:
    """Healthy means something only after three times the inverse of the tolerated rate."""
    one = judge(Sequential(0.01))
    assert one.conclude().verdict.finding is Finding.NO_DATA
    feed(one, iter([(299, 0)]), 1)
    assert not one.conclude().enough
    assert "299 requests seen, 300 are needed" in one.conclude().missing
    one.feed(CUTOVER + 1, LOOK, (1, 0))
    assert one.conclude().enough


def test_a_source_that_fails_says_nothing_of_the_release() -> None:
    """Failed until it answers again; what was known stays known."""
    one = judge(Sequential(0.01))
    feed(one, iter([(400, 0)]), 1)
    one.fail(SourceFailure(CUTOVER + 1, "nobody listens"))
    assert one.verdict().finding is Finding.FAILED
    assert "nobody listens" in one.verdict().reason
    assert not one.conclude().enough
    one.feed(CUTOVER + 2, LOOK, (1, 0))
    assert one.verdict().samples == 401
    assert one.conclude().enough


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("looks", [3, 30, 75])
def test_evidence_gives_the_same_verdict_again(monkeypatch: pytest.MonkeyPatch, looks: int, *, shared: bool) -> None:
    """Through JSON, before and after old looks were folded into a state; and going on equals never having stopped."""
    monkeypatch.setattr(judges, "CHUNK", 20)
    rng = np.random.default_rng(looks)
    test = Sequential(0.01, Against.BASELINE)
    numbers = [(9, int(rng.random() < 0.03), *((9, 0) if shared else ())) for _ in range(looks + 5)]
    first, second = judge(test, past(5, 2000), shared=shared), judge(test, past(5, 2000), shared=shared)
    feed(first, iter(numbers[:looks]), looks)
    second.replay(json.loads(json.dumps(first.evidence())))
    assert second.verdict() == first.verdict()
    for number, more in enumerate(numbers[looks:], looks + 1):
        for one in (first, second):
            one.feed(CUTOVER + number * LOOK, LOOK, more)
    assert second.verdict() == first.verdict()
    third = judge(test, past(5, 2000), shared=shared)
    third.replay(json.loads(json.dumps(second.evidence())))
    assert third.verdict() == first.verdict()
