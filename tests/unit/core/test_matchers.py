"""Matchers: the notation of Alertmanager, and no value that keeps them busy."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.matchers import LONGEST_LABEL, Matcher

LABELS = {"severity": "page", "env": "green", "team": ""}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('severity="page"', True),
        ("severity=page", True),
        (' severity = "page" ', True),
        ('severity="pag"', False),
        ('severity!="page"', False),
        ("severity!=ticket", True),
        ('env=~"green|blue"', True),
        ('env=~"gree"', False),
        ('env=~"gree."', True),
        ('env!~"blue|bl.*"', True),
        ('env!~"g.*"', False),
        ('missing=""', True),
        ('missing!=""', False),
        ('missing=~".+"', False),
        ('team=""', True),
        ('severity=~"(page|ticket)"', True),
        ('severity=~"[p-q][^x]ge"', True),
    ],
)
def test_a_matcher_is_a_condition_on_a_label(text: str, fits: bool) -> None:  # noqa: FBT001  a parameter of the test
    """Signs and anchors as in Alertmanager; a label that is not there is empty."""
    assert Matcher.of(text).fits(LABELS) is fits


@given(st.sampled_from(["=", "!="]), st.text(max_size=30))
def test_what_is_written_is_read_again(sign: str, value: str) -> None:
    """A matcher of any value survives its own notation."""
    matcher = Matcher("a", sign, value)
    assert Matcher.of(str(matcher)) == matcher


@pytest.mark.parametrize("text", ["", "a", "a==b", 'a="b', "a=b c", "1a=b", 'a="b" c="d"', "a=~b|{c}", "{a=b}", 'ä="b"', "a=\n"])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="is no matcher; write one as Alertmanager does"):
        Matcher.of(text)


@pytest.mark.parametrize(
    "expression",
    [
        "(a+)+",
        "(a|b)*c",
        "(a|aa){9}",
        "(?=a)",
        "(?P<x>a)",
        r"(a)\1",
        "(?i)a",
        "a*b*c*",
        ".*.*.*",
        "a{2}b{2}c{3}",
        "(",
        "[",
        "a**",
        "a{99999999999}",
        "[[a]]",
        "[a--b]",
        "[[",
        "[]||",
        "[^]--",
    ],
)
def test_an_expression_that_may_never_end_is_refused(expression: str) -> None:
    """Repeated groups, references, looking around and many repetitions are for people whose input is their own."""
    with pytest.raises(ValueError, match=r"`"):
        Matcher("a", "=~", expression)


@pytest.mark.parametrize(
    "expression", [r"web-\d+", "a.*b.*", r"\(a+\)+", "[(*+]{2}", r"[\]*+]a", "[]*]+", "(a|b)c|d", "a?b?c?", r"\\d"]
)
def test_ordinary_expressions_are_taken(expression: str) -> None:
    """Alternatives, classes, escapes and two repetitions are enough for labels."""
    assert Matcher("a", "=~", expression).value == expression


@given(
    st.text(alphabet="ab.*+?|()[]\\{}1^-", max_size=12), st.text(alphabet="ab", min_size=LONGEST_LABEL - 4, max_size=LONGEST_LABEL)
)
def test_every_expression_that_is_taken_ends_soon(expression: str, value: str) -> None:
    """However an expression is put together and whatever the value, matching takes milliseconds."""
    try:
        matcher = Matcher("a", "=~", expression)
    except ValueError:
        return
    started = time.monotonic()
    assert matcher.fits({"a": value}) is (re.fullmatch(expression, value) is not None)
    assert time.monotonic() - started < 2.0
