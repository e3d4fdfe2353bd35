"""The client against a real Prometheus, whose answers nobody has made up."""

import asyncio

import pytest

from guardian.core.query import Values, render
from guardian.core.readings import SourceFailure
from guardian.metrics.answer import NoData, SourceDown, SourceError, Value
from tests.metrics.servers import Connect, Past, RealPrometheus, answered


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ('sum(rate(errors_total{env="green"}[1m])) / sum(rate(requests_total{env="green"}[1m]))', 0.05),
        ("scalar(requests_total)", 6000.0),
        ("1", 1.0),
        ("-requests_total / 1e9", -6e-6),
        ("requests_total * 1e300", 6e303),
        ("requests_total > 1 and requests_total < 1e9", 6000.0),
    ],
)
async def test_numbers_are_read_as_prometheus_writes_them(connect: Connect, past: Past, query: str, value: float) -> None:
    """Ratios, scalars, negative, tiny and huge numbers come over exactly, dated to the moment asked for."""
    at = past.since + 600.25
    answer = await connect(past.url).instant(query, at)
    assert isinstance(answer, Value)
    assert answer.value == pytest.approx(value)
    assert answer.at == at


async def test_labels_come_with_the_value(connect: Connect, past: Past) -> None:
    """A single series keeps its labels."""
    answer = await connect(past.url).instant("requests_total", past.since + 600)
    assert answer == Value(6000.0, past.since + 600.0, {"__name__": "requests_total", "env": "green"})


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("rate(idle_total[1m]) / rate(idle_total[1m])", "the query gives NaN"),
        ("scalar(nosuch)", "the query gives NaN"),
        ("nosuch", "the query gives no series"),
        ("requests_total > 1e9", "the query gives no series"),
        ("rate(requests_total[5s])", "the query gives no series"),
        ("sum(nosuch) / sum(requests_total)", "the query gives no series"),
        ("gauge", "the query gives no series"),
    ],
)
async def test_nothing_to_judge_is_no_data(connect: Connect, past: Past, query: str, reason: str) -> None:
    """0/0, the scalar of nothing, absent and ended series, comparisons that do not hold, and windows without samples."""
    answer = await connect(past.url).instant(query, past.since + 1100)
    assert isinstance(answer, NoData)
    assert answer.reason.startswith(reason)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("rate(errors_total[1m]) / rate(idle_total[1m])", "the query gives +Inf: most often something was divided by 0"),
        ("-vector(1) / 0", "the query gives -Inf"),
        (
            "memory_bytes",
            'the query gives 2 series where one is needed, such as memory_bytes{env="green", instance="1"} and memory_bytes{env=',
        ),
        ("requests_total[5m]", "the query gives a matrix"),
        ("'word'", "the query gives a string"),
        ("sum(", "Prometheus answers bad_data: invalid parameter"),
        ("requests_total * on() group_left() memory_bytes", "Prometheus answers execution: "),
        ("", "Prometheus answers bad_data: "),
    ],
)
async def test_what_is_no_number_is_an_error_of_the_query(connect: Connect, past: Past, query: str, sentence: str) -> None:
    """x/0, several series, matrices, strings and PromQL that cannot be evaluated do not speak against the server."""
    with pytest.raises(SourceError) as caught:
        await connect(past.url).instant(query, past.since + 600)
    assert str(caught.value).startswith(sentence)
    assert not isinstance(caught.value, SourceDown)


async def test_the_server_stops_an_expensive_query_by_itself(connect: Connect, past: Past) -> None:
    """The timeout is passed on: Prometheus gives up, says so, and is not held for dead."""
    # Prometheus looks at the time between the parts of an expression only, so there are many.
    expensive = " + ".join(["sum_over_time(vector(1)[100s:1ms])"] * 500)
    with pytest.raises(SourceError, match="Prometheus answers timeout: query timed out in expression evaluation") as caught:
        await connect(past.url, timeout=3.0).instant(expensive)
    assert not isinstance(caught.value, SourceDown)


@pytest.mark.parametrize("query", ["rate(errors_total[1m]) / rate(requests_total[1m])", "build_info", "gauge / gauge", "gauge / 0"])
async def test_a_range_equals_the_instants_at_its_steps(connect: Connect, past: Past, query: str) -> None:
    """At each step, between scrapes too, a range says what an instant query says: value, no data, or the very same failure."""
    client = connect(past.url, connections=8)
    start, end, step = past.since - 20.5, past.since + 1300.0, 33.25
    steps = await client.range(query, start, end, step)
    assert [each.at for each in steps] == [start + number * step for number in range(40)]

    async def instant(at: float) -> object:
        try:
            return await client.instant(query, at)
        except SourceError as error:
            return SourceFailure(at, str(error))

    assert [each.answer for each in steps] == list(await asyncio.gather(*(instant(each.at) for each in steps)))


async def test_a_series_that_changes_its_labels_is_ambiguous_only_while_both_live(connect: Connect, past: Past) -> None:
    """A release that renames a label yields one value before, two for as long as Prometheus looks back, and one after."""
    steps = await connect(past.url).range("build_info", past.since + 5, past.since + 1205, 60)
    kinds = [type(step.answer) for step in steps]
    assert kinds == [Value] * 11 + [SourceFailure] * 4 + [Value] * 6
    labels = [step.answer.labels["version"] for step in steps if isinstance(step.answer, Value)]
    assert labels == ["1"] * 11 + ["2"] * 6


async def test_a_window_that_fits_holds_nothing_from_before_the_cutover(connect: Connect, past: Past) -> None:
    """At the first moment at which a window fits, its oldest sample is of after the cutover; half a second earlier it is not."""
    client, cutover = connect(past.url), past.since + 300.4
    query = render("min_over_time(requests_total[$window])", Values("green", "blue", "web", window=60.0, since_cutover=60.0))
    at = cutover + 60.0
    behind, before = await client.instant(query, at), await client.instant(query, at - 0.5)
    # The counter grows by 100 every ten seconds, so that its value tells when it was scraped.
    assert isinstance(behind, Value)
    assert past.since + behind.value / 10 == past.since + 310
    assert isinstance(before, Value)
    assert past.since + before.value / 10 < cutover


async def test_the_time_of_an_answer_is_that_of_the_evaluation(connect: Connect, past: Past) -> None:
    """A rate goes on for a window's length after its target died, and nothing in the answer tells: it has to be asked for."""
    client, died = connect(past.url), past.since + 1200
    rate = await client.instant("rate(requests_total[2m])", died + 100)
    assert isinstance(rate, Value)
    assert rate.at == died + 100
    age = await client.instant("time() - timestamp(requests_total)", died + 100)
    assert isinstance(age, Value)
    assert age.value == 100


async def test_a_restart_is_survived(connect: Connect, fresh_prometheus: RealPrometheus) -> None:
    """While the server is gone each query is an error at once; when it is back, the same client is answered again."""
    client = connect(fresh_prometheus.url)
    assert (await answered(client)).value == 1
    fresh_prometheus.stop()
    with pytest.raises(SourceDown, match="does not answer: "):
        await client.instant("1")
    with pytest.raises(SourceDown, match="does not answer: Connection refused"):
        await client.instant("1")
    with fresh_prometheus:
        assert (await answered(client)).value == 1


async def test_a_frozen_server_is_given_up_and_found_again(connect: Connect, fresh_prometheus: RealPrometheus) -> None:
    """A process that is stopped takes connections and answers nothing; once it goes on, so does the client."""
    client = connect(fresh_prometheus.url, timeout=0.5)
    await answered(client)
    fresh_prometheus.freeze()
    for _ in range(2):
        with pytest.raises(SourceDown, match=r"did not answer within 0\.50 s"):
            await client.instant("1")
    fresh_prometheus.thaw()
    assert (await answered(client)).value == 1


async def test_a_target_is_no_data_until_it_has_been_scraped(connect: Connect, past: Past) -> None:
    """A server that has just begun to scrape knows nothing of its targets yet; then their value is there, dated now."""
    client = connect(past.url)
    assert isinstance(await client.instant("up", past.since), NoData)
    async with asyncio.timeout(30):
        while isinstance(answer := await client.instant("up", oldest=60.0), NoData):
            assert answer.reason.startswith("the query gives no series")
            await asyncio.sleep(0.05)
    assert answer.value == 1
