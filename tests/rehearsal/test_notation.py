"""Series as users of promtool write them."""

import math
import struct

import pytest

from guardian.config.fields import Misfit
from guardian.rehearsal.notation import FAIL, STALE, read_counts, read_name, read_results, read_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", ()),
        ("1", (1.0,)),
        ("0+1x3", (0.0, 1.0, 2.0, 3.0)),
        ("10-2.5x2", (10.0, 7.5, 5.0)),
        ("-1x2 +4", (-1.0, -1.0, -1.0, 4.0)),
        ("1 _ 2", (1.0, None, 2.0)),
        ("_x3 5x0", (None, None, None, 5.0)),
        ("Inf -Inf 1e-3", (math.inf, -math.inf, 0.001)),
        ("1+1e1x1", (1.0, 11.0)),
    ],
)
def test_values_are_those_of_promtool(text: str, values: tuple[float | None, ...]) -> None:
    """Each form stands for what Prometheus' own unit tests make of it."""
    assert read_values(text) == values


def test_nan_and_stale_are_two_things() -> None:
    """A marker ends a series, a NaN is a value of it."""
    nan, stale = read_values("NaN stale")
    assert nan is not None
    assert stale is not None
    assert math.isnan(nan)
    marker = struct.pack("<Q", 0x7FF0000000000002)
    assert struct.pack("<d", nan) != marker
    assert struct.pack("<d", stale) == struct.pack("<d", STALE) == marker


@pytest.mark.parametrize("text", ["one", "1+x2", "1x", "_+1x2", "1,2", "0+1x9999999", "1x99999 1x99999"])
def test_what_means_nothing_is_refused(text: str) -> None:
    """With a sentence."""
    with pytest.raises(Misfit):
        read_values(text)


def test_a_series_has_a_name_and_labels() -> None:
    """Labels come sorted, as remote write wants them; quotes and escapes are those of Prometheus."""
    assert read_name('up{job="a b", env="say \\"hi\\"",}').labels == (("__name__", "up"), ("env", 'say "hi"'), ("job", "a b"))
    assert read_name("up").labels == (("__name__", "up"),)


@pytest.mark.parametrize("text", ["", "{}", "1up", "up{job=a}", 'up{job="a" env="b"}', 'up{a="1",a="2"}', 'up{__name__="x"}'])
def test_what_names_no_series_is_refused(text: str) -> None:
    """With a sentence."""
    with pytest.raises(Misfit, match="names no series"):
        read_name(text)


def test_haproxy_has_a_number_at_any_moment() -> None:
    """Counters and gauges know no gap, no NaN and nothing below 0."""
    assert read_counts("0+100x2 3.5") == (0.0, 100.0, 200.0, 3.5)
    for text in ("", "1 _", "NaN", "Inf", "stale", "2-1x5"):
        with pytest.raises(Misfit, match="does not fit"):
            read_counts(text)


def test_a_command_gives_a_number_nothing_or_fails() -> None:
    """Each of its evaluations is one of three."""
    assert read_results("0x1 1.5 _x2 fail") == (0.0, 0.0, 1.5, None, None, FAIL)
    for text in ("", "NaN", "Inf", "stale", "failed", "failx2"):
        with pytest.raises(Misfit):
            read_results(text)
