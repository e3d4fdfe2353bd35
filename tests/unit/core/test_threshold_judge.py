"""The judge of thresholds: windows that begin at the cutover, N of M, and what counts as data."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.judges import judge_for
from guardian.core.judges.judge import Judge, outcome
from guardian.core.judges.trial import Trial
from guardian.core.readings import History, Look, SourceFailure, Tally
from guardian.core.rules import Action, Direction, Gauge, Lack, Measure, Query, Rule, Source, Threshold, Unit
from guardian.core.verdicts import Finding, Verdict
from tests.unit.core.makers import CUTOVER, ERRORS, GREEN, trial
from tests.unit.core.makers import rule as made

ABOVE, BELOW = Direction.ABOVE, Direction.BELOW


def judge(test: Threshold, measure: Measure = ERRORS, min_requests: int = 0) -> Judge:
    """A judge in a watch of ten minutes."""
    rule = Rule("rule", "A rule", Source.HAPROXY, measure, test, Lack.HOLD, min_requests=min_requests)
    return judge_for(rule, Trial(GREEN, CUTOVER, 600.0, 0.05, shared=False, history=History()))


def look(one: Judge, second: float, seconds: float = 1.0, **counts: float) -> Finding:
    """One look at the candidate, which ended so many seconds after the cutover."""
    return one.look(Look(CUTOVER + second, seconds, Tally(**counts), Tally()))  # type: ignore[arg-type]


def bad(one: Judge, second: float) -> Finding:
    """A second in which every answer fails."""
    return look(one, second, requests=10, responses_5xx=10)


def good(one: Judge, second: float) -> Finding:
    """A second in which none does."""
    return look(one, second, requests=10, responses_2xx=10)


def test_n_of_m_evaluations_are_a_breach() -> None:
    """Two of three; it ends when the last three say otherwise."""
    one = judge(Threshold(ABOVE, 0.5, needed=2, of=3, every=1.0, window=1.0))
    assert [bad(one, 1), good(one, 2), bad(one, 3), good(one, 4), good(one, 5)] == [
        Finding.HEALTHY,
        Finding.HEALTHY,
        Finding.BREACHED,
        Finding.HEALTHY,
        Finding.HEALTHY,
    ]


def test_the_verdict_names_value_limit_and_samples() -> None:
    """In the units of the rule."""
    one = judge(Threshold(ABOVE, 0.05, every=1.0, window=1.0))
    look(one, 1, requests=200, responses_5xx=20, responses_2xx=180)
    verdict = one.verdict()
    assert (verdict.finding, verdict.value, verdict.limit, verdict.samples) == (Finding.BREACHED, 0.1, 0.05, 200)
    assert "is 10 % over 1.00 s (200 requests); above 5 % in 1 of the last 1 checks" in verdict.reason


def test_exactly_the_limit_is_no_breach() -> None:
    """``above`` means above, ``below`` below."""
    for direction in Direction:
        one = judge(Threshold(direction, 0.5, every=1.0, window=1.0))
        assert look(one, 1, responses_5xx=5, responses_2xx=5) is Finding.HEALTHY


def test_too_few_requests_are_no_data() -> None:
    """A window below ``min_requests`` is not judged."""
    one = judge(Threshold(ABOVE, 0.1, every=1.0, window=1.0), min_requests=20)
    assert bad(one, 1) is Finding.NO_DATA
    assert "10 requests in 1.00 s; this rule needs 20 to judge" in one.verdict().reason


def test_no_answers_are_no_data() -> None:
    """Nothing divided by nothing is not healthy."""
    one = judge(Threshold(ABOVE, 0.1, every=1.0, window=1.0))
    assert look(one, 1) is Finding.NO_DATA
    assert not one.conclude().enough


@given(st.lists(st.floats(0.01, 3.0), min_size=1, max_size=60), st.floats(0, 5), st.floats(0.1, 5))
def test_windows_never_reach_behind_the_cutover_and_its_warm_up(lengths: list[float], warm_up: float, window: float) -> None:
    """Whatever the looks' lengths: errors from before warm-up's end are never in a value."""
    one = judge(Threshold(ABOVE, 0.0, every=0.1, window=window, warm_up=warm_up))
    at = 0.0
    for length in lengths:
        at += length
        early = at - length < warm_up - 1e-6
        finding = look(one, at, length, **({"responses_5xx": 1} if early else {"responses_2xx": 1}))
        assert finding is not Finding.BREACHED


def test_a_rule_waits_until_its_window_fits() -> None:
    """Before that it has no data, however bad the looks are."""
    one = judge(Threshold(ABOVE, 0.1, every=1.0, window=5.0))
    assert [bad(one, second) for second in range(1, 5)] == [Finding.NO_DATA] * 4
    assert bad(one, 5) is Finding.BREACHED


def test_latency_is_time_spent_over_answers() -> None:
    """Little's law: 4 requests in flight on average and 20 answers a second are 0.2 s each."""
    one = judge(Threshold(ABOVE, 0.3, every=1.0, window=1.0), Gauge.LATENCY)
    assert look(one, 1, requests=20, responses_2xx=20, busy_seconds=4.0) is Finding.HEALTHY
    assert one.verdict().value == pytest.approx(0.2)


def test_requests_that_hang_are_slow_ones() -> None:
    """Without one answer all of the time spent is theirs."""
    one = judge(Threshold(ABOVE, 0.3, every=1.0, window=1.0), Gauge.LATENCY)
    assert look(one, 1, requests=20, busy_seconds=9.5) is Finding.BREACHED


@pytest.mark.parametrize(
    ("measure", "direction", "counts"),
    [
        (Gauge.REQUEST_RATE, BELOW, {"requests": 3}),
        (Gauge.QUEUED, ABOVE, {"requests": 3, "queued": 9}),
        (Gauge.SERVERS_UP, BELOW, {"requests": 3, "servers_up": 1}),
    ],
)
def test_gauges_are_held_against_their_limit(measure: Gauge, direction: Direction, counts: dict[str, int]) -> None:
    """Rate, queue and servers."""
    one = judge(Threshold(direction, 5.0, every=1.0, window=1.0), measure)
    assert look(one, 1, **counts) is Finding.BREACHED


def test_a_gauge_without_traffic_proves_nothing() -> None:
    """Servers that are up and idle do not verify a release."""
    one = judge(Threshold(BELOW, 1.0, every=1.0, window=1.0), Gauge.SERVERS_UP)
    assert look(one, 1, servers_up=2) is Finding.HEALTHY
    assert not one.conclude().enough


def test_enough_are_as_many_evaluations_as_the_rule_looks_back() -> None:
    """Three of five needs five."""
    one = judge(Threshold(ABOVE, 0.1, needed=3, of=5, every=1.0, window=1.0))
    for second in range(1, 5):
        good(one, second)
    assert "4 checks with data, 5 are needed" in one.conclude().missing
    good(one, 5)
    assert one.conclude().enough


def test_a_source_that_fails_is_failed_until_it_answers() -> None:
    """It neither breaches nor heals."""
    one = judge(Threshold(ABOVE, 0.1, every=1.0, window=1.0))
    good(one, 1)
    assert one.fail(SourceFailure(CUTOVER + 1.5, "gone")) is Finding.FAILED
    assert good(one, 2) is Finding.HEALTHY


def test_checks_that_were_missed_are_not_made_up_for() -> None:
    """After a gap there is one check, not two of the same window: the second bad one comes when it is due."""
    one = judge(Threshold(ABOVE, 0.5, needed=2, of=3, every=1.0, window=1.0))
    good(one, 1)
    looks = [look(one, second, 0.25, requests=1, responses_5xx=1) for second in (7.5, 7.75, 8.0, 8.25, 8.5)]
    assert looks == [Finding.HEALTHY] * 4 + [Finding.BREACHED]


def test_a_breach_stays_until_there_is_data_again() -> None:
    """Silence after a breach takes back neither the finding nor its figures."""
    one = judge(Threshold(ABOVE, 0.5, every=1.0, window=1.0))
    bad(one, 1)
    assert look(one, 2) is Finding.BREACHED
    assert (one.verdict().value, one.verdict().samples) == (1.0, 10)
    assert good(one, 3) is Finding.HEALTHY


def test_a_look_that_is_longer_than_the_window_is_no_data() -> None:
    """What cannot be told apart from the time before the window is not judged."""
    one = judge(Threshold(ABOVE, 0.1, every=1.0, window=2.0))
    assert look(one, 5, 4.0, responses_5xx=5) is Finding.NO_DATA
    assert one.verdict().reason == "nothing to measure in 2.00 s"


def test_a_failed_source_says_what_it_was() -> None:
    """The verdict has the failure's time and reason, and the last number of requests."""
    one = judge(Threshold(ABOVE, 0.1, every=1.0, window=1.0))
    good(one, 1)
    one.fail(SourceFailure(CUTOVER + 1.5, "gone"))
    verdict = one.verdict()
    assert (verdict.finding, verdict.at, verdict.samples, verdict.value) == (Finding.FAILED, CUTOVER + 1.5, 10, None)
    assert verdict.reason == "the source did not answer: gone; this says nothing about the release"
    conclusion = one.conclude()
    assert (conclusion.enough, conclusion.missing) == (False, verdict.reason)


@pytest.mark.parametrize(
    ("measure", "counts", "value", "words"),
    [
        (Gauge.LATENCY, {"requests": 20, "responses_2xx": 20, "busy_seconds": 4.0}, 0.2, "latency is 0.20 s over 1.00 s"),
        (Gauge.LATENCY, {"busy_seconds": 4.0}, 4.0, "latency is 4.00 s over 1.00 s"),
        (Gauge.LATENCY, {}, None, "nothing to measure in 1.00 s"),
        (Gauge.REQUEST_RATE, {"requests": 3}, 3.0, "request_rate is 3.0/s over 1.00 s"),
        (Gauge.QUEUED, {"requests": 3, "queued": 9}, 9.0, "queued is 9 over 1.00 s"),
        (Gauge.SERVERS_UP, {"requests": 3, "servers_up": 1}, 1.0, "servers_up is 1 over 1.00 s"),
    ],
)
def test_gauges_are_told_in_their_unit(measure: Gauge, counts: dict[str, float], value: float | None, words: str) -> None:
    """Times, rates and numbers as people say them; latency without requests is nothing to measure."""
    one = judge(Threshold(ABOVE, 100.0, every=1.0, window=1.0), measure)
    look(one, 1, **counts)
    assert one.verdict().value == value
    assert one.verdict().reason.startswith(words)


@pytest.mark.parametrize(("unit", "words"), [(Unit.SHARE, "50 %"), (Unit.SECONDS, "0.50 s"), (Unit.NUMBER, "0.5")])
def test_a_query_gives_one_value_per_check(unit: Unit, words: str) -> None:
    """Each answer is an evaluation, an empty one is no data, and the balancer's counters are not its own."""
    query = Query("up", unit)
    one = judge(Threshold(ABOVE, 0.4, needed=2, of=2, window=60.0), query)
    assert one.feed(CUTOVER + 60, 0.0, ()) is Finding.NO_DATA
    assert one.verdict().reason == "the query gave nothing to judge"
    assert one.feed(CUTOVER + 61, 0.0, (0.5,)) is Finding.HEALTHY
    assert "1 checks with data, 2 are needed" in one.conclude().missing
    assert one.feed(CUTOVER + 62, 0.0, (0.5,)) is Finding.BREACHED
    assert f"the query's result is {words} over 1 min; above" in one.verdict().reason
    with pytest.raises(TypeError, match="does not read the balancer's counters"):
        look(one, 63)


@pytest.mark.parametrize(("action", "lack"), [(Action.ROLLBACK, Lack.FAIL), (Action.NOTIFY, Lack.PASS)])
def test_a_breach_at_the_end_of_a_watch_proves_no_health(action: Action, lack: Lack) -> None:
    """The last look may bring it: a rule that rolls back insists, one that notifies is left out of the outcome."""
    one = judge_for(made(Threshold(ABOVE, 0.5, every=1.0, window=1.0), action=action), trial())
    good(one, 1)
    assert outcome([one.conclude()]) is Lack.PASS
    bad(one, 2)
    conclusion = one.conclude()
    assert (conclusion.enough, conclusion.lack, conclusion.missing) == (False, lack, one.verdict().reason)
    assert outcome([conclusion]) is (Lack.FAIL if lack is Lack.FAIL else Lack.HOLD)


def test_a_verdict_survives_its_record() -> None:
    """As plain values and back."""
    one = judge(Threshold(ABOVE, 0.5, every=1.0, window=1.0))
    bad(one, 1)
    assert Verdict.from_record(json.loads(json.dumps(one.verdict().to_record()))) == one.verdict()
