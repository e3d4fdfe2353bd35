"""What stages are ordered with: variables in texts, and versions that people may be told."""

import pytest

from guardian.core.stages import filled, unknown_variables

HOSTILE = 'v1\'; $(reboot) `id` {{ 7*7 }} !!python/object &a *b: ["$service"]'


def test_variables_are_replaced_once_and_what_is_put_in_is_left_alone() -> None:
    """A value that looks like a variable stays as it is, and two dollars are one."""
    values = {"version": HOSTILE, "service": "web"}
    assert filled("$service-$version costs $$5", values) == f"web-{HOSTILE} costs $5"


@pytest.mark.parametrize(
    ("text", "unknown"),
    [("$service $version $$x", ()), ("$candidate", ("candidate",)), ("a $ b", ("",)), ("$x $y $x", ("x", "y"))],
)
def test_unknown_variables_are_named(text: str, unknown: tuple[str, ...]) -> None:
    """Each name that stands for nothing is told once, and a bare dollar is one of them."""
    assert unknown_variables(text) == unknown
