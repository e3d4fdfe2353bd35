"""Rules of ``source: prometheus`` against a real server: variables, windows, the circuit."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable

import pytest

from guardian.core.access import Access
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment
from guardian.core.ports import Reading, SourceError
from guardian.core.readings import History, SourceFailure
from guardian.core.rules import Direction, Lack, Query, Rule, Source, Threshold
from guardian.metrics.answer import Busy
from guardian.metrics.circuit import Patience
from guardian.metrics.source import PrometheusSource
from tests.doubles.prometheus import StandIn, answer, result
from tests.metrics.servers import Past, RealPrometheus

Ask = Callable[[str], PrometheusSource]


def rule(promql: str) -> Rule:
    """A rule that asks ``promql`` over a minute."""
    test = Threshold(Direction.ABOVE, 0.01, window=60.0)
    return Rule("errors", "Too many errors", Source.PROMETHEUS, Query(promql), test, Lack.HOLD)


def trial(since: float) -> Trial:
    """A trial of green."""
    return Trial(Environment.GREEN, since, 600.0, 0.05, shared=False, history=History())


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Make sources that are closed at the end of the test, with a circuit that opens at the second failure."""
    made: list[PrometheusSource] = []

    def source(url: str) -> PrometheusSource:
        made.append(PrometheusSource(Access(url, timeout=5.0), Patience(failures=2, shortest=0.05, longest=0.05)))
        return made[-1]

    yield source
    for source_ in made:
        await source_.aclose()


async def test_variables_are_filled_in(ask: Ask, past: Past) -> None:
    """The candidate's ratio over the rule's window, at the moment asked for."""
    query = 'sum(rate(errors_total{env="$candidate"}[$window])) / sum(rate(requests_total{env="$candidate"}[$window]))'
    reading = await ask(past.url).read("web", rule(query), trial(past.since + 300), past.since + 600.0)
    assert reading is not None
    assert reading.value == pytest.approx(0.05)


async def test_an_absent_series_is_no_data(ask: Ask, past: Past) -> None:
    """``None``, not zero and not an error."""
    value = await ask(past.url).read("web", rule('nosuch{env="$candidate"}'), trial(past.since + 300), past.since + 600.0)
    assert value is None


@pytest.mark.parametrize(
    "query",
    [
        'sum(rate(errors_total{env="$candidate"}[$window])) / sum(rate(requests_total[$window]))',
        "gauge",
        "build_info",
        "gauge / 0",
        "requests_total offset $since_cutover",
    ],
)
async def test_a_review_is_what_was_read_at_each_moment(ask: Ask, past: Past, query: str) -> None:
    """Values, no data and failures, in one question where the query stays the same; one that changes is asked anew each time."""
    source, tried = ask(past.url), trial(past.since + 100)
    moments = [past.since + 160.0 + 33.25 * step for step in range(30)]

    async def read(at: float) -> Reading | SourceFailure | None:
        try:
            return await source.read("web", rule(query), tried, at)
        except SourceError as error:
            return SourceFailure(at, str(error))

    reviewed = await source.review("web", rule(query), tried, moments)
    assert reviewed == [(at, await read(at)) for at in moments]


async def test_a_review_is_one_request_and_shares_the_circuit(ask: Ask) -> None:
    """A hundred missed moments cost one query; a server that is gone is not asked for them again and again."""
    moments = [1000.0 + step for step in range(100)]
    async with StandIn(result("matrix", [{"metric": {}, "values": [[at, "1"] for at in moments]}])) as server:
        source = ask(server.url)
        assert await source.review("web", rule("x"), trial(900.0), moments) == [(at, Reading(1.0)) for at in moments]
        assert len(server.requests) == 1
        server.behave = answer(b"", "503 Service Unavailable")
        for _ in range(5):
            with pytest.raises(SourceError):
                await source.review("web", rule("x"), trial(900.0), moments)
        assert len(server.requests) == 3


async def test_a_bad_query_does_not_open_the_circuit(ask: Ask, past: Past) -> None:
    """The server is well: other rules go on asking."""
    source = ask(past.url)
    for _ in range(5):
        with pytest.raises(SourceError, match="parse error"):
            await source.read("web", rule("sum("), trial(past.since + 300), past.since + 600.0)
    assert await source.read("web", rule("1"), trial(past.since + 300), past.since + 600.0) == Reading(1.0)


async def test_a_server_that_is_gone_is_told_once_and_so_is_its_return(
    ask: Ask, fresh_prometheus: RealPrometheus, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed and started again: two sentences, however many rules ask."""
    source, now = ask(fresh_prometheus.url), time.time()
    fresh_prometheus.stop()
    with caplog.at_level(logging.INFO, logger="guardian"):
        for _ in range(20):
            with pytest.raises(SourceError):
                await source.read("web", rule("1"), trial(now - 100), now)
        with fresh_prometheus:
            assert await _first_value(source, now) == Reading(1.0)
    told = [record.message for record in caplog.records if record.name == "guardian.metrics.source"]
    assert len(told) == 2
    assert "nothing is rolled back for it" in told[0]


async def _first_value(source: PrometheusSource, now: float) -> Reading | None:
    async with asyncio.timeout(30):
        while True:
            try:
                return await source.read("web", rule("1"), trial(now - 100), now)
            except SourceError:
                await asyncio.sleep(0.02)


async def test_a_query_that_was_never_sent_says_nothing_of_the_server(
    ask: Ask, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where guardian's own connections are all busy, the rule has no reading; the circuit neither opens nor closes for it."""
    source = ask(past.url)

    async def busy(*_: object) -> Reading:
        raise Busy("all 8 connections were busy")

    with monkeypatch.context() as crowded:
        crowded.setattr(source._prometheus, "instant", busy)
        for _ in range(5):
            with pytest.raises(SourceError, match="all 8 connections were busy"):
                await source.read("web", rule("vector(1)"), trial(past.since + 300), past.since + 600.0)
    assert await source.read("web", rule("vector(1)"), trial(past.since + 300), past.since + 600.0) == Reading(1.0)
