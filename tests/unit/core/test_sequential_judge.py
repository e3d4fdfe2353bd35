"""The judge of sequential rules: what it tolerates, what it counts, and how it says so."""

import json

import pytest

from guardian.core.judges import judge_for
from guardian.core.judges.judge import Judge
from guardian.core.judges.sequential import SequentialJudge
from guardian.core.judges.tolerance import Tolerance
from guardian.core.readings import History, Look, SourceFailure, Tally
from guardian.core.rules import Against, Gauge, Ratio, Sequential
from guardian.core.sequential import exact_bound
from guardian.core.verdicts import Finding
from tests.unit.core.makers import CUTOVER, LOOK, answered, look, rule, trial

LIMIT = Sequential(0.01)
BASELINE = Sequential(0.01, Against.BASELINE)
NONE = History()


def judge(test: Sequential = LIMIT, history: History = NONE, *, shared: bool = False, min_requests: int = 0) -> SequentialJudge:
    """A judge of 5xx in a watch of ten minutes."""
    made = judge_for(rule(test, min_requests=min_requests), trial(shared=shared, history=history))
    assert isinstance(made, SequentialJudge)
    return made


def past(events: int, trials: int) -> History:
    """A baseline's past."""
    return History(600.0, {"responses_5xx": events, "responses": trials})


def feed(one: Judge, *looks: tuple[int, ...]) -> Finding:
    """One look after the other."""
    for numbers in looks:
        finding = one.feed(one.last + LOOK, LOOK, numbers)
    return finding


HALF = LIMIT.false_alarm / 2
IN_BETWEEN = 2 * exact_bound(300, 100_000, HALF)
PART = LIMIT.false_alarm / 4
STEPS = [2 * exact_bound(6, 6_000, PART ** (step / 3)) for step in (1, 2, 3)]
TOLERATED = [
    ("a limit", LIMIT, past(10, 100_000), Tolerance(0.01, 11e-5, 0.001), "1 % is tolerated; a release"),
    ("no past", BASELINE, NONE, Tolerance(0.01, 1.0, 0.001), "1 % is tolerated; a release"),
    ("a short past", BASELINE, past(0, 100), Tolerance(0.01, 0.01, 0.001, 0, 100), "1 % is tolerated; a release"),
    (
        "a clean past",
        BASELINE,
        past(10, 100_000),
        Tolerance(0.003, 11e-5, HALF, 10, 100_000, from_baseline=True),
        "0.30 % is tolerated (the floor; blue had 10 of 100,000 requests); a release",
    ),
    (
        "a past in between",
        BASELINE,
        past(300, 100_000),
        Tolerance(IN_BETWEEN, 301e-5, HALF, 300, 100_000, from_baseline=True),
        "0.72 % is tolerated (2 times what blue had at the most: 300 of 100,000 requests); a release",
    ),
    (
        "a past with few errors",
        BASELINE,
        past(6, 6_000),
        Tolerance(
            STEPS[0],
            7 / 6_000,
            PART,
            6,
            6_000,
            from_baseline=True,
            above=((STEPS[1], PART ** (1 - 1 / 3)), (STEPS[2], PART ** (1 - 2 / 3))),
        ),
        "0.38 % is tolerated (2 times what blue had at the most: 6 of 6,000 requests); a release",
    ),
    (
        "a past beyond the limit",
        BASELINE,
        past(5_000, 100_000),
        Tolerance(0.1, 0.05001, 0.001, 5_000, 100_000, from_baseline=True),
        "10 % is tolerated (2 times what blue had at the most: 5,000 of 100,000 requests); a release",
    ),
    (
        "a ruin",
        BASELINE,
        past(90, 100),
        Tolerance(0.5, 0.91, 0.001, 90, 100, from_baseline=True),
        "50 % is tolerated (no more ever is; blue had 90 of 100 requests); a release",
    ),
    (
        "more errors than requests",
        BASELINE,
        past(200, 100),
        Tolerance(0.5, 1.0, 0.001, 100, 100, from_baseline=True),
        "50 % is tolerated (no more ever is; blue had 100 of 100 requests); a release",
    ),
]


@pytest.mark.parametrize(
    ("test", "history", "tolerated", "words"), [case[1:] for case in TOLERATED], ids=[case[0] for case in TOLERATED]
)
def test_what_is_tolerated_follows_from_the_past(test: Sequential, history: History, tolerated: Tolerance, words: str) -> None:
    """The rate, what is usual, what is left of the budget for false alarms, and where it comes from, which every verdict says."""
    one = judge(test, history)
    assert one.tolerance == tolerated
    assert feed(one, *[(10, 10)] * 5) is Finding.BREACHED
    assert one.verdict().limit == tolerated.rate
    assert words in one.verdict().reason


def test_what_is_tolerated_beside_a_serving_baseline() -> None:
    """While both serve, the floor or so many times the baseline's present rate, whichever is more."""
    one = judge(BASELINE, past(300, 100_000), shared=True)
    assert one.tolerance == Tolerance(0.003, 301e-5, 0.001)
    feed(one, (100, 1, 1_000, 1))
    assert one.verdict().limit == 0.003
    assert "0.30 % is tolerated (the floor; blue had 1 of 1,000 requests)" in one.verdict().reason
    feed(one, (100, 1, 1_000, 19))
    assert one.verdict().limit == pytest.approx(0.02)
    assert "2 % is tolerated (2 times what blue had at the most: 20 of 2,000 requests)" in one.verdict().reason


def test_against_a_limit_a_serving_baseline_does_not_matter() -> None:
    """A slice that is held against a limit reads its own counters alone."""
    assert judge(LIMIT, shared=True).extract(look(1, answered(9, 1), answered(50, 50))) == (10, 1)
    assert judge(BASELINE, shared=True).extract(look(1, answered(9, 1), answered(50, 50))) == (10, 1, 100, 50)


def test_a_breach_says_what_was_seen_and_how_sure_it_is() -> None:
    """Rate, counts, time, limit, and how often a good release would be accused."""
    one = judge()
    assert feed(one, *[(10, 5)] * 4) is Finding.BREACHED
    assert one.verdict().reason == (
        "50 % responses_5xx (20 of 40 in 0.20 s); 1 % is tolerated; "
        "a release within that rate would be accused in at most 1 of 1,000 watches"
    )
    evidence = one.verdict().evidence
    assert evidence is not None
    assert evidence > 0.999


@pytest.mark.parametrize("shared", [False, True])
def test_a_breach_is_final(*, shared: bool) -> None:
    """Looks after it change neither the finding nor a word of the verdict; a source that fails does not either."""
    one = judge(BASELINE, shared=shared)
    extra = (10, 0) if shared else ()
    feed(one, *[(10, 10, *extra)] * 16)
    verdict = one.verdict()
    assert verdict.finding is Finding.BREACHED
    feed(one, *[(1_000, 0, *((1_000, 900) if shared else ()))] * 50)
    one.fail(SourceFailure(CUTOVER + 90, "gone"))
    assert one.verdict() == verdict


def test_answers_that_are_counted_later_than_their_requests_count() -> None:
    """Slow errors, each in a look after its request's, are found; an event without any trial so far is none."""
    ratio = Ratio(("responses_5xx",), ("requests",))
    one = judge_for(rule(LIMIT, measure=ratio), trial())
    assert one.look(Look(CUTOVER + LOOK, LOOK, Tally(responses_5xx=9), Tally())) is Finding.NO_DATA
    slow = [Tally(requests=1), Tally(responses_5xx=1)] * 6
    findings = [one.look(look(number, tally)) for number, tally in enumerate(slow, 2)]
    assert findings[-1] is Finding.BREACHED
    assert (one.verdict().value, one.verdict().samples) == (1.0, 4)


def test_there_are_never_more_events_than_trials() -> None:
    """HAProxy counts one failed connection for each attempt: a request fails once."""
    one = judge()
    feed(one, (5, 20))
    assert (one.verdict().value, one.verdict().samples) == (1.0, 5)


def test_late_errors_after_the_last_request_are_told_with_the_whole_watch() -> None:
    """Where nothing was requested since the regression began, the verdict speaks of all requests."""
    one = judge()
    feed(one, *[(1_000, 0)] * 20)
    while feed(one, (0, 5)) is not Finding.BREACHED:
        assert one.last < CUTOVER + 60
    assert one.verdict().samples == 20_000


def test_silence_is_no_data() -> None:
    """Without a request there is neither a value nor evidence."""
    one = judge()
    feed(one, (0, 0))
    verdict = one.verdict()
    assert (verdict.finding, verdict.value, verdict.evidence) == (Finding.NO_DATA, None, None)
    assert verdict.reason == "no request in 50 ms"


@pytest.mark.parametrize(
    ("looks", "min_requests", "missing"),
    [
        ([], 0, "0 requests seen, 300 are needed to call the release good"),
        ([(299, 0)], 0, "299 requests seen, 300 are needed to call the release good"),
        ([(300, 0)], 0, ""),
        ([(300, 0)], 1_000, "300 requests seen, 1,000 are needed to call the release good"),
        ([(30, 0)], 30, ""),
        ([(500, 5)], 0, ""),
        ([(500, 6)], 0, "1.2 % seen, 1 % is tolerated: too few requests to accuse the release, and no proof that it is good"),
    ],
)
def test_what_is_enough(looks: list[tuple[int, int]], min_requests: int, missing: str) -> None:
    """Healthy means something after three times the inverse of the tolerated rate or what the rule asks for, within the limit."""
    one = judge(min_requests=min_requests)
    feed(one, (0, 0), *looks)
    conclusion = one.conclude()
    assert (conclusion.enough, conclusion.missing) == (not missing, missing)


def test_a_source_that_fails_says_nothing_of_the_release() -> None:
    """Failed until it answers again; what was known stays known."""
    one = judge()
    feed(one, (400, 0))
    assert one.fail(SourceFailure(CUTOVER + 1, "nobody listens")) is Finding.FAILED
    verdict = one.verdict()
    assert (verdict.finding, verdict.samples, verdict.at) == (Finding.FAILED, 400, CUTOVER + 1)
    assert verdict.reason == "the source did not answer: nobody listens; this says nothing about the release"
    assert one.feed(CUTOVER + 2, LOOK, (1, 0)) is Finding.HEALTHY
    assert one.verdict().samples == 401


def test_a_sequential_test_of_a_gauge_cannot_be() -> None:
    """Only ratios have trials and events."""
    with pytest.raises(TypeError, match="no judge for"):
        judge_for(rule(LIMIT, measure=Gauge.LATENCY), trial())


def test_the_errors_of_the_rule_are_those_it_names() -> None:
    """Sums of several counters on both sides."""
    ratio = Ratio(("responses_5xx", "connection_errors"), ("responses", "retries"))
    one = judge_for(rule(LIMIT, measure=ratio), trial())
    tally = Tally(responses_2xx=7, responses_5xx=2, connection_errors=1, retries=4)
    assert one.extract(look(1, tally)) == (13, 3)


def test_a_short_past_survives_evidence() -> None:
    """A judge of several steps that rises from its evidence comes to the same verdict, long after the evidence was cut."""
    one, other = judge(BASELINE, past(6, 6_000)), judge(BASELINE, past(6, 6_000))
    feed(one, *[(10, 0)] * 4_500, (10, 3))
    other.replay(json.loads(json.dumps(one.evidence())))
    assert one.evidence()["base"]["above"]
    for _ in range(40):
        assert feed(one, (10, 2)) is feed(other, (10, 2))
        assert one.verdict() == other.verdict()
    assert one.finding is Finding.BREACHED
