"""What can be said of a query by reading it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.promql import Reading, duration

QUANTILE = 'histogram_quantile(0.99, sum by (le) (rate(seconds_bucket{env="$candidate"}[$window])))'


@pytest.mark.parametrize(
    ("query", "metrics"),
    [
        ("up", ("up",)),
        (QUANTILE, ("seconds_bucket",)),
        ('sum(rate(a_total{code=~"5.."}[1m])) / sum(rate(a_total[1m]))', ("a_total",)),
        ('{__name__="x",a="b"} offset 1d', ("x",)),
        ('{__name__=~"x.*"}', ()),
        ("sum by (job, instance) (a) / on (job) group_left (mode) b", ("a", "b")),
        ("sum(a) by (job) > bool 5", ("a",)),
        ("a unless b and c or vector(0)", ("a", "b", "c")),
        ("max_over_time(job:x:rate5m[5m:1m] @ end())", ("job:x:rate5m",)),
        ('label_replace(a, "b", "c", "d", "e{f}")', ("a",)),
        ("-a + Inf + NaN + 0x1f + 1e3 # not this: b", ("a",)),
        ("`a` + 'b{c}' + \"d\"", ()),
        ("time() - $since_cutover", ()),
        ("", ()),
    ],
)
def test_the_series_of_a_query_are_named(query: str, metrics: tuple[str, ...]) -> None:
    """Neither functions nor labels, words or strings are taken for one."""
    assert Reading.of(query).metrics == metrics


@pytest.mark.parametrize(
    ("query", "ranges"),
    [
        ("rate(a[5m])", (300.0,)),
        ("rate(a[$window])", ()),
        ("rate(a[1h30m] offset 1d)", (5400.0, 86400.0)),
        ("max_over_time(rate(a[1m])[10m:30s])", (60.0, 600.0)),
        ('a{b="[5m]"}', ()),
        ("a > 5", ()),
    ],
)
def test_ranges_and_offsets_are_told_in_seconds(query: str, ranges: tuple[float, ...]) -> None:
    """Those that are written out; a resolution is none."""
    assert Reading.of(query).ranges == ranges


def test_durations_have_the_units_of_promql() -> None:
    """From milliseconds to years."""
    assert [duration(text) for text in ("250ms", "1m", "1h1m1s", "2d", "1w", "1y")] == [0.25, 60, 3661, 172800, 604800, 31536000]


@pytest.mark.parametrize(
    ("query", "single"),
    [
        (QUANTILE, True),
        ("histogram_quantile(0.9, sum by (le, job) (rate(a_bucket[1m])))", False),
        ("histogram_quantile(0.9, rate(a_bucket[1m]))", False),
        ("sum(rate(a[1m])) / sum(rate(b[1m]))", True),
        ("(sum(rate(a[1m])) or vector(0)) / sum(rate(b[1m]))", True),
        ("up or vector(0)", False),
        ("sum(a) or vector(0)", True),
        ("max(a{b='c'}) / 1e9", True),
        ("a / 1e9", False),
        ("rate(a[5m])", False),
        ("sum by (job) (a)", False),
        ("sum(a) by (job)", False),
        ("sum by () (a)", True),
        ("sum without (job) (a)", False),
        ("topk(1, a)", False),
        ("scalar(a)", True),
        ("absent(a)", True),
        ("round(sum(a), 0.1)", True),
        ("clamp_max(a, 5)", False),
        ('label_replace(sum(a), "b", "$1", "c", "(.*)")', True),
        ("-sum(a)", True),
        ("1 - avg(a)", True),
        ("sum(a) > bool 3", True),
        ("((sum(a)))", True),
        ("((a))", False),
        ("{job='a'}", False),
        ("5", True),
        ("1 / 0", True),
    ],
)
def test_whether_one_series_comes_is_seen_from_outside(query: str, *, single: bool) -> None:
    """By what stands outermost."""
    assert Reading.of(query).single is single


def test_the_sides_of_a_division_are_told_apart() -> None:
    """Where a division is all that stands outermost."""
    sides = Reading.of("sum(a{b='/'}) / (sum(c) / 2)").sides
    assert sides is not None
    assert [side.metrics for side in sides] == [("a",), ("c",)]
    for other in ("a", "a + b", "a / b / c", "(a / b)", "a / b > 1"):
        assert Reading.of(other).sides is None


@given(st.text(alphabet="abc_:{}[]()=~!\"'`\\,+-*/<> 015smh$#\nbyor", max_size=200))
def test_any_text_is_taken_apart(text: str) -> None:
    """Whatever stands there, reading it comes to an end."""
    reading = Reading.of(text)
    assert isinstance(reading.single, bool)
    assert reading.sides is None or len(reading.sides) == 2
    assert all(name for name in reading.metrics)
    assert all(reach >= 0 for reach in reading.ranges)


def test_ten_thousand_brackets_are_too_deep_to_follow() -> None:
    """And nobody has to."""
    assert Reading.of("(" * 5000 + "a" + ")" * 5000).single
    assert Reading.of("[" * 10_000).metrics == ()
