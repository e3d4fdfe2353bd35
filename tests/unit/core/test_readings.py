"""From counters to what happened, and numbers for people."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.model import BASIS_POINTS, Environment, Service, Split
from guardian.core.readings import COUNTED, TOTALS, Counters, History, Tally, between
from guardian.core.words import figures

TOTAL = st.integers(0, 10**12)


@given(st.fixed_dictionaries(dict.fromkeys(TOTALS, TOTAL)), st.fixed_dictionaries(dict.fromkeys(TOTALS, TOTAL)))
def test_what_grew_is_what_happened(start: dict[str, int], growth: dict[str, int]) -> None:
    """Differences of totals, whatever they started from."""
    before = Counters(**start)
    after = Counters(**{name: start[name] + growth[name] for name in TOTALS})
    tally = between(before, after, 1.0)
    assert tally is not None
    assert {name: tally.count(name) for name in TOTALS} == growth


@pytest.mark.parametrize("name", TOTALS)
def test_a_total_that_shrinks_is_a_reset_and_no_traffic(name: str) -> None:
    """Whichever it is."""
    before = Counters(**dict.fromkeys(TOTALS, 5))
    assert between(before, replace(before, **{name: 4}), 1.0) is None


def test_time_spent_is_what_was_in_flight() -> None:
    """The mean of both ends, for as long as the look was."""
    tally = between(Counters(in_flight=2), Counters(in_flight=4, queued=7, servers_up=3), 0.5)
    assert tally == Tally(busy_seconds=1.5, queued=7, servers_up=3)


def test_responses_are_those_of_all_classes() -> None:
    """1xx to 5xx and others."""
    assert (
        Tally(responses_1xx=1, responses_2xx=2, responses_3xx=3, responses_4xx=4, responses_5xx=5, responses_other=6).responses
        == 21
    )
    assert "responses" in COUNTED


def test_a_past_survives_its_record() -> None:
    """As plain values and back."""
    for past in (History(), History(60.0, {"requests": 5})):
        assert History.from_record(past.to_record()) == past
    assert History(60.0, {"requests": 5}).count(("requests", "retries")) == 5


@given(
    st.fixed_dictionaries(dict.fromkeys(TOTALS, TOTAL)),
    st.fixed_dictionaries(dict.fromkeys(TOTALS, TOTAL)),
    st.floats(0, 1e6),
)
def test_no_reset_is_ever_read_as_traffic(start: dict[str, int], end: dict[str, int], seconds: float) -> None:
    """Whatever two looks show: either nothing went backwards and the tally is their difference, or there is none."""
    tally = between(Counters(**start), Counters(**end), seconds)
    assert (tally is None) is any(end[name] < start[name] for name in TOTALS)
    assert tally is None or min(tally.count(name) for name in COUNTED) >= 0


def test_a_service_names_its_backends() -> None:
    """One for each environment, and each environment has another side."""
    service = Service("web", "web_blue", "web_green")
    assert [service.backend(environment) for environment in Environment] == ["web_blue", "web_green"]
    assert [environment.other for environment in Environment] == [Environment.GREEN, Environment.BLUE]


@given(st.integers(0, BASIS_POINTS))
def test_shares_add_up(green: int) -> None:
    """What one side has, the other has not."""
    split = Split(green)
    assert sum(split.share(environment) for environment in Environment) == BASIS_POINTS
    assert split.sole in (None, split.main)


@pytest.mark.parametrize("green", [-1, BASIS_POINTS + 1])
def test_a_share_beyond_all_is_refused(green: int) -> None:
    """Such a value must never reach a balancer."""
    with pytest.raises(ValueError, match="0 to 10000 basis points"):
        Split(green)


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0.0, "0 %"),
        (0.052, "5.2 %"),
        (0.003, "0.30 %"),
        (1.0, "100 %"),
        (0.99999, "100 %"),
        (3.125, "312 %"),
        (0.5, "50 %"),
        (0.07, "7 %"),
        (0.29, "29 %"),
        (0.00001, "0.001 %"),
    ],
)
def test_percentages(rate: float, text: str) -> None:
    """Two or three figures."""
    assert figures.percent(rate) == text


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (0.0432, "43 ms"),
        (0.214, "0.21 s"),
        (12.3, "12 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (3599.6, "1 h"),
        (86_399.9, "1 d"),
        (0.0, "0 ms"),
        (320, "5 min 20 s"),
        (300, "5 min"),
        (7500, "2 h 5 min"),
        (3600, "1 h"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations(duration: float, text: str) -> None:
    """In the unit that people would say."""
    assert figures.seconds(duration) == text


def test_counts_shares_and_chances() -> None:
    """Thousands apart, basis points as percentages, small chances as one of many."""
    assert figures.count(1024) == "1,024"
    assert figures.share(25) == "0.25 %"
    assert figures.one_in(0.001) == "1 of 1,000"
