"""What an answer must be like: status, headers, body, JSON, time; and what a load may cost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.smoke import Answer, Burst, exceeded, unmet
from guardian.core.stages import Expectation, Load

VALUES = {"version": "v2 (beta)", "environment": "green"}
GOOD = Answer(200, {"x-version": "v2 (beta)"}, b'{"status": "ok", "checks": [{"db": true, "lag": 3}]}', 0.01)


@pytest.mark.parametrize(
    ("expected", "sentences"),
    [
        (Expectation(), ()),
        (Expectation(status=(301, 302)), ("answered 200, expected 301 or 302",)),
        (Expectation(headers=(("X-Version", "$version"),)), ()),
        (Expectation(headers=(("X-Version", "v1"),)), ("header `X-Version` is `v2 (beta)`, expected `v1`",)),
        (Expectation(headers=(("X-None", "x"),)), ("header `X-None` is missing, expected `x`",)),
        (Expectation(body='"lag": \\d+'), ()),
        (Expectation(body="$version"), ("nothing in the body matches `$version`; it begins with `",)),
        (Expectation(json=(("status", "ok"), ("checks.0.db", "true"), ("checks.0.lag", "3"))), ()),
        (Expectation(json=(("checks.1", "x"),)), ("the JSON has nothing at `checks.1`",)),
        (Expectation(json=(("status", "bad"),)), ('the JSON has `"ok"` at `status`, expected `bad`',)),
        (Expectation(within=0.005), ("took 10 ms, allowed 5 ms",)),
    ],
)
def test_each_expectation_that_is_not_met_is_a_sentence(expected: Expectation, sentences: tuple[str, ...]) -> None:
    """Nothing is told where all is met, and value and limit are told where not."""
    found = unmet(GOOD, expected, VALUES)
    assert len(found) == len(sentences)
    assert all(one.startswith(start) for one, start in zip(found, sentences, strict=True))


def test_a_version_in_a_pattern_is_no_pattern() -> None:
    """A version full of parentheses finds itself, and nothing else."""
    answer = Answer(200, {}, b"running v2 (beta)", 0.0)
    assert not unmet(answer, Expectation(body="running $version$$"), VALUES)
    assert unmet(Answer(200, {}, b"running v2 beta", 0.0), Expectation(body="running $version$$"), VALUES)


def test_a_body_that_is_no_json_is_told() -> None:
    """An HTML page where JSON was expected, as a proxy's error page is."""
    answer = Answer(200, {}, b"<html>", 0.0)
    assert unmet(answer, Expectation(json=(("a", "b"),)), VALUES) == ("the body is no JSON; it begins with `<html>`",)


@given(st.binary(), st.text(), st.text())
def test_whatever_a_server_sends_is_judged_and_nothing_breaks(body: bytes, path: str, wanted: str) -> None:
    """Bodies are foreign: no bytes of them raise."""
    plain = wanted.replace("$", "")
    unmet(Answer(200, {}, body, 0.0), Expectation(json=((path, plain),), body="x"), VALUES)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_json_values_are_found_as_json_writes_them(value: object) -> None:
    """A value is expected as JSON writes it, and a text also as it is."""
    written = json.dumps(value, ensure_ascii=False)
    if "$" not in written:
        answer = Answer(200, {}, json.dumps({"a": [value]}).encode(), 0.0)
        assert not unmet(answer, Expectation(json=(("a.0", written),)), VALUES)


@pytest.mark.parametrize(
    ("burst", "sentences"),
    [
        (Burst(200, 2, 0, (0.1,) * 198), ()),
        (Burst(200, 3, 0, (0.1,) * 197), ("3 of 200 requests failed (1.5 %), allowed 1 %",)),
        (Burst(190, 0, 10, (0.1,) * 190), ("10 of 200 requests failed (5 %), allowed 1 %",)),
        (Burst(100, 0, 0, (0.1,) * 94 + (0.9,) * 6), ("95 % of the answers took up to 0.90 s, allowed 0.30 s",)),
        (
            Burst(0, 0, 0),
            ("not one request could be sent", "no answer to measure, where 95 % of the answers must come within 0.30 s"),
        ),
    ],
)
def test_a_load_is_judged_by_its_budget(burst: Burst, sentences: tuple[str, ...]) -> None:
    """What was not sent for want of answers counts as failed, and nothing sent proves nothing."""
    assert exceeded(burst, Load(latency=0.3)) == sentences
