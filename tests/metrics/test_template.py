"""Variables in queries are replaced by what they stand for and by nothing else."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.core.model import NAME
from guardian.core.query import VARIABLES, Values, faults, render, variables

VALUES = Values(candidate="green", baseline="blue", service="web", window=30.0, since_cutover=61.2345)


@pytest.mark.parametrize(
    ("query", "rendered"),
    [
        ("up", "up"),
        ('rate(x{env="$candidate"}[$window])', 'rate(x{env="green"}[30s])'),
        ('x{env="$baseline",svc=~"$service-.*"}', 'x{env="blue",svc=~"web-.*"}'),
        ("increase(x[$since_cutover])", "increase(x[61234ms])"),
        ('label_replace(x, "a", "$$1", "b", "(.*)$$")', 'label_replace(x, "a", "$1", "b", "(.*)$")'),
        ("$$window", "$window"),
        ("$$$window", "$30s"),
    ],
)
def test_variables_are_replaced(query: str, rendered: str) -> None:
    """Names as they are, times as PromQL durations rounded down to milliseconds, two dollar signs as one."""
    assert faults(query) == ()
    assert render(query, VALUES) == rendered


@pytest.mark.parametrize(
    ("query", "sentences"),
    [
        (
            "x[$windw]",
            ("`$windw` stands for nothing; did you mean `$window`? Write `$$` for a dollar sign of PromQL's own, as in `$$windw`",),
        ),
        (
            "$__interval",
            (
                (
                    "`$__interval` stands for nothing; known are `$candidate`, `$baseline`, `$service`, `$window` and "
                    "`$since_cutover`. Write `$$` for a dollar sign of PromQL's own, as in `$$__interval`"
                ),
            ),
        ),
        (
            'x{a=~"b$"}',
            ("a `$` stands alone; write `$$` for a dollar sign of PromQL's own, as at the end of a regular expression",),
        ),
    ],
)
def test_what_stands_for_nothing_is_said_before_it_is_used(query: str, sentences: tuple[str, ...]) -> None:
    """An unknown variable is told with what was probably meant, a bare dollar sign with how to write it; neither is rendered."""
    assert faults(query) == sentences
    with pytest.raises(ValueError, match=re.escape(sentences[0])):
        render(query, VALUES)


def test_all_faults_are_told_at_once() -> None:
    """Two unknown variables and a bare dollar sign are three sentences."""
    assert len(faults("$a + $b + $ + $a")) == 3
    assert variables("$a + $window + $$b") == {"a", "window"}


@pytest.mark.parametrize("name", ["candidate", "baseline", "service"])
@pytest.mark.parametrize("value", ["", 'web"} or vector(1)#', "a b", "a\nb", "$window", "x" * 65])
def test_a_name_that_could_change_the_query_is_refused(name: str, value: str) -> None:
    """Quotes, braces, blanks, line breaks and dollar signs never reach a query."""
    with pytest.raises(ValueError, match=rf"cannot stand for `\${name}` in a query"):
        Values(**{**{each: getattr(VALUES, each) for each in VARIABLES}, name: value})


@pytest.mark.parametrize(("seconds", "written"), [(1, "1s"), (300.0, "300s"), (0.3, "300ms"), (1.005, "1005ms"), (0.0019, "1ms")])
def test_durations_are_whole_milliseconds_rounded_down(seconds: float, written: str) -> None:
    """Noise of floats is not mistaken for a shorter time, and nothing is rounded up."""
    assert render("$window", Values("green", "blue", "web", seconds, 0.0)) == written


def test_a_time_shorter_than_a_millisecond_is_refused() -> None:
    """PromQL has no empty window."""
    with pytest.raises(ValueError, match="`\\$since_cutover` is shorter than a millisecond"):
        render("$since_cutover", Values("green", "blue", "web", 1.0, 0.0004))


NAMES = st.from_regex(NAME, fullmatch=True)


@given(NAMES, NAMES, st.lists(st.sampled_from([*(f"${name}" for name in VARIABLES), "$$", " ", "x", '"', "{", "ä"])))
def test_rendering_changes_the_variables_and_nothing_else(candidate: str, service: str, parts: list[str]) -> None:
    """Whatever surrounds variables stays as it is, and values are not looked through for variables again."""
    values = Values(candidate, "blue", service, 2.0, 3.0)
    known: dict[str, Any] = dict(zip(VARIABLES, (candidate, "blue", service, "2s", "3s"), strict=True))
    # A blank keeps a variable from running into what follows it.
    query = " ".join(parts)
    assert render(query, values) == " ".join("$" if part == "$$" else known.get(part[1:], part) for part in parts)
