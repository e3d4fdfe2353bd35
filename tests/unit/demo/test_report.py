"""What answers say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.model import Environment
from guardian.demo.report import (
    Answer,
    Badness,
    Harm,
    Origin,
    Summary,
    connection_failures,
    harm,
    percentile,
    stale,
    summaries,
)

BLUE, GREEN = Environment.BLUE, Environment.GREEN


def answer(done: float, environment: Origin = GREEN, status: int = 200, latency: float = 0.01, error: str | None = None) -> Answer:
    """An answer that arrived at ``done``."""
    return Answer(done - latency, done - latency, done, environment, status, error, fresh_connection=False)


LOST = answer(3.0, None, 0, error="reset")
MIXED = [answer(1.0), answer(2.0, status=500), LOST, answer(4.0, BLUE, 503), answer(5.0, status=404), answer(6.0, status=502)]


def test_harm_is_measured_from_the_first_bad_answer_to_the_last() -> None:
    """5xx answers of the environment count; 4xx answers, and those of others, do not."""
    found = harm(MIXED, {GREEN}, Badness())
    assert found == Harm(2.0, 6.0, 2)
    assert found.seconds == 4.0


def test_harm_counts_answers_of_nobody_when_told() -> None:
    """Where a dead environment leaves the answers to the balancer, the unsigned ones are counted with it."""
    assert harm(MIXED, {BLUE, None}, Badness()) == Harm(3.0, 4.0, 2)


def test_slow_answers_are_bad_only_beyond_the_limit() -> None:
    """A latency fault harms by slow answers, which are good without a limit."""
    slow = [answer(1.0, latency=0.3), answer(2.0, latency=0.5), answer(3.0, latency=0.6)]
    assert harm(slow, {GREEN}, Badness()) is None
    assert harm(slow, {GREEN}, Badness(slower_than=0.4)) == Harm(2.0, 3.0, 2)


def test_a_failed_connection_is_a_request_without_an_answer() -> None:
    """An answer of 500 is no failed connection; a reset one is."""
    assert connection_failures(MIXED) == 1


def test_stale_requests_are_those_sent_after_the_moment() -> None:
    """A request sent before the acknowledgement and answered after it is not stale; the sending counts."""
    under_way, late, other = answer(1.02, latency=0.03), answer(1.02), answer(1.02, BLUE)
    assert stale([under_way, late, other], GREEN, after=1.0) == [late]


def test_summaries_keep_origins_apart() -> None:
    """Each origin has its own count, errors and latencies; a request without an answer has no latency."""
    found = summaries([*MIXED, answer(7.0, BLUE, latency=0.05)])
    assert found[GREEN].count == 4
    assert found[GREEN].errors == 2
    assert found[BLUE].p99 == pytest.approx(0.05)
    assert found[None] == Summary(1, 1, None, None)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_percentile_is_the_nearest_rank(values: list[float], share: float) -> None:
    """At least the share of values lies at or below it, and it is the smallest value for which that holds."""
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-9
    assert sum(value < found for value in ordered) < max(math.ceil(share * len(ordered)), 1)


def test_nothing_has_no_percentile() -> None:
    """Without values there is none."""
    assert percentile([], 0.5) is None
