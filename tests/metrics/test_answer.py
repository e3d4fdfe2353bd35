"""Replies of a Prometheus are read as what they are, and only a well-formed single finite number is a value."""

import contextlib
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.core.readings import SourceFailure
from guardian.metrics.answer import NoData, Reply, SourceDown, SourceError, Value, check_clock, fresh, instant, series

NEEDED = "where one number is needed"
ONE = "aggregate them, as in `sum(…)` or `max(…)`, or select one"
ASTRAY = "which guardian does not follow; write the final address, or get past its login"
CHECK = "check the token, or the user and password, or the client certificate"
ODDLY = "the answer is not what Prometheus says:"
GREEN = {"env": "green"}
BLUE = {"env": "blue"}


def good(kind: str, result: Any, **more: Any) -> Reply:
    """A reply of Prometheus' with this result."""
    return Reply(200, json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}).encode())


def vector(*pairs: Any) -> Reply:
    """An instant vector of green, then blue, with these values."""
    return good("vector", [{"metric": labels, "value": pair} for labels, pair in zip((GREEN, BLUE), pairs, strict=False)])


def matrix(*pairs: list[Any]) -> Reply:
    """A matrix of green, then blue, with these points."""
    return good("matrix", [{"metric": labels, "values": each} for labels, each in zip((GREEN, BLUE), pairs, strict=False)])


def test_one_finite_sample_is_a_value() -> None:
    """The number, its time and its labels are handed on."""
    assert instant(vector([1000.25, "0.052"])) == Value(0.052, 1000.25, GREEN)


def test_a_scalar_is_a_value_without_labels() -> None:
    """PromQL's scalars are single numbers, and a query may well end in one."""
    assert instant(good("scalar", [1000, "5"])) == Value(5.0, 1000.0, {})


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (vector(), "the query gives no series: nothing was scraped there lately, or no series has these names and labels"),
        (vector([1000, "NaN"]), "the query gives NaN: most often 0 divided by 0, as without traffic"),
        (good("scalar", [1000, "NaN"]), "the query gives NaN: most often 0 divided by 0, as without traffic"),
    ],
)
def test_nothing_to_judge_is_no_data(reply: Reply, reason: str) -> None:
    """An empty vector and NaN are no data, each with its reason, and never 0."""
    assert instant(reply) == NoData(reason)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (
            vector([1, "+Inf"]),
            "the query gives +Inf: most often something was divided by 0, or a quantile lies beyond the last bucket",
        ),
        (good("string", [1, "5"]), f"the query gives a string, {NEEDED}"),
        (
            matrix([[1, "5"]]),
            f"the query gives a matrix, {NEEDED}; leave out the range, or wrap it, as in `rate(…)` or `max_over_time(…)`",
        ),
        (
            vector([1, "1"], [1, "2"]),
            f'the query gives 2 series where one is needed, such as {{env="green"}} and {{env="blue"}}; {ONE}',
        ),
        (
            good("vector", [{"metric": {}, "histogram": [1, {"count": "3"}]}]),
            f"the query gives a histogram, {NEEDED}; wrap it in `histogram_quantile(…)` or `histogram_count(…)`",
        ),
        (
            good("vector", [{"metric": {}, "value": [1, "1"]}], warnings=["store \u202eb is down", "c too", "PromQL info: style"]),
            "the answer may be partial or wrong, for Prometheus warns: store \\u202eb is down (and 1 more)",
        ),
        (
            Reply(400, b'{"status":"error","errorType":"bad_data","error":"1:5: parse error"}'),
            "Prometheus answers bad_data: 1:5: parse error",
        ),
        (
            Reply(200, b'{"status":"error","errorType":"execution","error":"found duplicate series"}'),
            "Prometheus answers execution: found duplicate series",
        ),
    ],
)
def test_an_answer_that_is_no_single_number_is_the_fault_of_the_query(reply: Reply, sentence: str) -> None:
    """Inf, strings, matrices, several series, partial data and PromQL errors are errors that do not speak against the server."""
    with pytest.raises(SourceError) as caught:
        instant(reply)
    assert str(caught.value) == sentence
    assert not isinstance(caught.value, SourceDown)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(503, b"Service Unavailable"), "the server answers with HTTP 503 Service Unavailable"),
        (Reply(599, b"{}"), "the server answers with HTTP 599"),
        (Reply(204, b""), "the server answers with HTTP 204 No Content"),
        (
            Reply(401, b'{"status":"error","errorType":"unauthorized","error":"no"}'),
            f"the server refuses guardian (HTTP 401 Unauthorized); {CHECK}",
        ),
        (
            Reply(503, b'{"status":"error","errorType":"unavailable","error":"TSDB not ready"}'),
            "Prometheus answers unavailable: TSDB not ready",
        ),
        (
            Reply(302, b"", "https://user:pass@sso.example.com/login?state=abc"),
            f"the server redirects to https://sso.example.com/login, {ASTRAY}",
        ),
        (
            Reply(301, b"", "http://[::bad"),
            f"the server redirects to an address that is none, {ASTRAY}",
        ),
        (
            Reply(200, b"\n <!DOCTYPE html><html>Sign in</html>"),
            "the server answers with a web page, not with Prometheus' JSON; is the address right, or does a login stand before it?",
        ),
        (Reply(200, b""), f"{ODDLY} it is not JSON"),
        (Reply(200, b"\xff\xfe{}"), f"{ODDLY} it is not JSON"),
        (Reply(200, b"[" * 100_000), f"{ODDLY} it is not JSON"),
        (Reply(200, b"{}"), f"{ODDLY} there is no result in it"),
        (Reply(200, b'{"status":"success"}'), f"{ODDLY} there is no result in it"),
        (Reply(200, b'{"status":"error"}'), f"{ODDLY} it reports an error and does not name it"),
        (good("vector", None), f"{ODDLY} a list is missing"),
        (good("vector", [None]), f"{ODDLY} a series has no labels or no value"),
        (good("vector", [{"metric": {"a": 1}, "value": [1, "1"]}]), f"{ODDLY} a series has no labels or no value"),
        (good("vector", [], warnings={"a": 1}), f"{ODDLY} its warnings are not sentences"),
    ],
)
def test_an_answer_that_is_not_prometheus_is_the_fault_of_the_server(reply: Reply, sentence: str) -> None:
    """HTTP errors, redirects, web pages and JSON of another shape speak against the server, each with its sentence."""
    with pytest.raises(SourceDown) as caught:
        instant(reply)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "pair",
    [
        [1, 5],
        [1, None],
        [1, ""],
        [1, " 5"],
        [1, "5\n"],
        [1, "1_0"],
        [1, "0x10"],
        [1, "٣"],
        [1, "nan"],
        [1, "Infinity"],
        [1, "5", "6"],
        ["1", "5"],
        [True, "5"],
        [float("nan"), "5"],
        [1e13, "5"],
        [10**400, "5"],
        "15",
        {"1": "5"},
    ],
)
def test_a_number_that_prometheus_would_not_write_is_none(pair: Any) -> None:
    """What Python would take for a number, and Prometheus never says, is not taken for one."""
    with pytest.raises(SourceDown):
        instant(vector(pair))


def test_remarks_on_style_are_no_warnings() -> None:
    """What some versions of Prometheus remark about names of counters, among the warnings, leaves the value a value."""
    remark = 'PromQL info: metric might not be a counter, name does not end in _total: "http_requests" (1:6)'
    assert instant(good("scalar", [1, "5"], warnings=[remark], infos=["more"])) == Value(5.0, 1.0, {})


def test_no_secret_that_a_server_echoes_is_repeated() -> None:
    """Errors, warnings and redirects are told without the token that the request held, also where they are cut short."""
    secrets = ("s3cret-token",)
    long = "x" * 290 + "s3cret-token"
    replies = (
        Reply(400, json.dumps({"status": "error", "errorType": "s3cret-token", "error": long}).encode(), secrets=secrets),
        replace(good("scalar", [1, "1"], warnings=[long]), secrets=secrets),
        Reply(302, b"", "/s3cret-token", secrets=secrets),
    )
    for reply in replies:
        with pytest.raises(SourceError) as caught:
            instant(reply)
        assert "s3cret" not in str(caught.value) + repr(reply)


def test_a_range_gives_at_each_step_what_an_instant_query_would() -> None:
    """Values, gaps, NaN, Inf and two series at once are told apart at each step, and labels may change on the way."""
    reply = matrix([[1, "1"], [2, "NaN"], [3, "+Inf"], [4, "4"]], [[4, "5"], [5.5, "6"]])
    steps = series(reply, (0, 1000, 2000, 3000, 4000, 5500))
    answers = [step.answer for step in steps]
    assert [step.at for step in steps] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.5]
    assert [type(answer) for answer in answers] == [NoData, Value, NoData, SourceFailure, SourceFailure, Value]
    assert answers[1] == Value(1.0, 1.0, GREEN)
    assert answers[5] == Value(6.0, 5.5, BLUE)
    assert isinstance(answers[4], SourceFailure)
    assert answers[4].at == 4.0
    assert answers[4].reason.startswith("the query gives 2 series")


def test_an_empty_range_is_no_data_at_every_step() -> None:
    """A range without series still has all of its steps."""
    assert [type(step.answer) for step in series(matrix(), range(0, 3000, 1000))] == [NoData] * 3


@pytest.mark.parametrize("reply", [vector([1, "1"]), good("matrix", [{"metric": {}, "values": [[7, "1"]]}]), good("matrix", {})])
def test_a_range_of_another_shape_or_time_is_an_error(reply: Reply) -> None:
    """A vector, a moment that was not asked for, and a result that is no list are refused as a whole."""
    with pytest.raises(SourceError):
        series(reply, (1000,))


def test_an_old_value_is_no_data_and_one_from_the_future_an_error() -> None:
    """Age counts from when the value was asked for, the lead of its clock from when it came."""
    value = Value(1.0, 1000.0, {})
    assert fresh(value, 10.0, 1010.0, 1020.0) is value
    assert fresh(value, 10.0, 980.0, 990.0) is value
    assert fresh(value, 10.0, 1010.5, 1020.0) == NoData(
        "the value is 10 s old and at most 10 s count; is the server's clock behind?"
    )
    with pytest.raises(SourceError, match="the value is dated 11 s from now; is the server's clock ahead, or guardian's behind"):
        fresh(value, 10.0, 980.0, 989.0)
    nothing = NoData("empty")
    assert fresh(nothing, 10.0, 5000.0, 5000.0) is nothing


NOON = "Mon, 23 Nov 2026 12:00:00 GMT"
NOON_SECONDS = 1795435200.0


@pytest.mark.parametrize(
    ("asked", "came", "sentence"),
    [
        (20.0, 25.0, None),
        (31.0, 90.0, None),
        (-90.0, -30.0, None),
        (31.5, 32.0, "the server's clock is 32 s behind guardian's; at most 30 s are tolerated"),
        (-40.0, -30.5, "the server's clock is 30 s ahead of guardian's; at most 30 s are tolerated"),
        (-7200.0, -7200.0, "the server's clock is 2 h ahead of guardian's; at most 30 s are tolerated"),
    ],
)
def test_a_server_whose_clock_differs_is_an_error(asked: float, came: float, sentence: str | None) -> None:
    """What the server's Date says must lie between asking and answer, give or take what is tolerated and the missing fraction."""
    reply = Reply(200, b"", date=NOON)
    if sentence is None:
        check_clock(reply, 30.0, NOON_SECONDS + asked, NOON_SECONDS + came)
        return
    with pytest.raises(SourceError) as caught:
        check_clock(reply, 30.0, NOON_SECONDS + asked, NOON_SECONDS + came)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 12:00:00 GMT", "Mon, 23 Nov 99999999999 12:00:00 GMT"])
def test_a_server_that_does_not_tell_the_time_is_not_blamed(date: str) -> None:
    """Without a Date that can be read nothing is known, and nothing is claimed."""
    check_clock(Reply(200, b"", date=date), 1.0, 0.0, 0.0)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(NUMBERS, st.floats(0, 4e9), st.dictionaries(st.text(), st.text(), max_size=4), st.booleans())
def test_every_finite_number_is_read_exactly(number: float, at: float, labels: dict[str, str], plain: bool) -> None:  # noqa: FBT001
    """Whatever finite number Prometheus writes, with an exponent or all of its digits, is the value to the last bit."""
    text = f"{number:.400f}".rstrip("0").rstrip(".") if plain and abs(number) > 1 else repr(number)
    assert instant(good("vector", [{"metric": labels, "value": [at, text]}])) == Value(float(text), at, labels)


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["success", "error", "vector", "scalar", "1", "+Inf"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["status", "metric", "value", "a"]), inner, max_size=2)
    ),
    max_leaves=4,
)
NUMERALS = st.sampled_from(["0", "-0.5", "1e+06", "1e999", "NaN", "-Inf", "+Inf", "0x1", "1_0", "", " 1", "infinity"]) | st.text(
    max_size=3
)
RESULT = ("data", "result")
PLACES = (
    *(("status",), ("warnings",), ("data",), ("data", "resultType"), RESULT),
    *(
        (*RESULT, 0),
        (*RESULT, 0, "metric"),
        (*RESULT, 0, "value"),
        (*RESULT, 0, "value", 0),
        (*RESULT, 0, "value", 1),
        (*RESULT, 1),
    ),
)


@st.composite
def bodies(draw: st.DrawFn) -> Any:
    """A perfect answer in which up to two things are odd, or now and then something else altogether."""
    if not draw(st.integers(0, 9)):
        return draw(ODD)
    point = [draw(st.floats(0, 2e9)), draw(NUMERALS)]
    sample = {"metric": {"env": "green"}, "value": point, "values": [point]}
    kind, result = draw(
        st.sampled_from([("vector", [sample]), ("matrix", [sample]), ("scalar", point), ("vector", [sample, sample])])
    )
    document: Any = json.loads(json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}))
    for place in draw(st.lists(st.sampled_from(PLACES), max_size=2)):
        _replace(document, place, draw(ODD))
    return document


def _replace(document: Any, place: tuple[str | int, ...], odd: Any) -> None:
    """Put ``odd`` at this place of ``document``, where there is such a place."""
    *way, last = place
    with contextlib.suppress(LookupError, TypeError):
        for step in way:
            document = document[step]
        document[last] = odd


def sole_number(status: int, body: bytes) -> float | None:
    """By a reading of its own: the one finite number in a perfect answer, or ``None`` for every other."""
    try:
        document = json.loads(body)
        assert status == 200
        assert document["status"] == "success"
        assert not [each for each in document.get("warnings") or [] if not each.startswith("PromQL info: ")]
        found = document["data"]["result"]
        if document["data"]["resultType"] == "vector":
            (sample,) = found
            found = sample["value"]
            assert all(type(label) is str for label in sample["metric"].values())
        else:
            assert document["data"]["resultType"] == "scalar"
        at, text = found
        assert type(at) in (int, float)
        assert type(text) is str
        assert abs(at) < 1e12
        number = float(text)
    except (AssertionError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
    return number if math.isfinite(number) else None


def check(status: int, body: bytes) -> None:
    """A value is claimed only for a body that another reader finds perfect, too; everything else is no data or a source error."""
    with contextlib.suppress(SourceError):
        read = instant(Reply(status, body))
        if isinstance(read, Value):
            assert read.value == sole_number(status, body)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from([200, 200, 200, 503]), bodies())
def test_no_json_becomes_a_value_but_a_single_finite_sample(status: int, document: Any) -> None:
    """JSON bodies that are nearly right, odd or absurd never read as a number that is not there."""
    check(status, json.dumps(document).encode())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damaged_reply_becomes_another_number(data: st.DataObject) -> None:
    """A good reply with bytes lost, changed or added is read as what it then says, or not at all."""
    body = bytearray(good("vector", [{"metric": {"env": "green"}, "value": [1435781451.781, "1.5"]}]).body)
    start = data.draw(st.integers(0, len(body)))
    body[start : start + data.draw(st.integers(0, 12))] = data.draw(st.binary(max_size=6))
    check(200, bytes(body))


@settings(max_examples=150, deadline=None)
@given(bodies(), st.lists(st.integers(-5000, 5000), max_size=4, unique=True))
def test_no_body_breaks_the_reading_of_a_range(document: Any, times: list[int]) -> None:
    """Whatever comes for a range is a step for each of its times, or a source error."""
    with contextlib.suppress(SourceError):
        steps = series(Reply(200, json.dumps(document).encode()), times)
        assert [step.at for step in steps] == [time / 1000 for time in times]
