"""The benchmark of limits, in small: a rollback is taken apart into steps that make up the whole."""

import asyncio

import pytest

from guardian.demo.haproxy import debian_binary
from tests.bench.limits import STEPS, decomposed, measure_steps

WITHIN = ("   of that, asking for the counters and reading them", "all")
"""Steps that are part of others."""


def test_each_step_is_the_time_between_two_moments() -> None:
    """The first look with a higher count shows the bad answer; the last before the verdict decides."""
    counted = [({"web_green": number}) for number in (7, 7, 9, 20, 30)]
    looks = [(10.0 + at / 10, 10.01 + at / 10, counts) for at, counts in enumerate(counted)]
    moments = {"judged": 10.32, "journalled": 10.33, "routing": 10.34, "sent": 10.35, "set": 10.36, "proved": 10.37}
    found = decomposed(10.15, 10.5, {"looks": looks, **moments})
    expected = (0.06, 0.1, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.13, 0.35)
    assert found == pytest.approx(expected)


@pytest.mark.long
def test_a_real_rollback_is_taken_apart() -> None:
    """All steps are there, in their order, and together they are the whole."""
    (found,) = asyncio.run(measure_steps(debian_binary(), 1, rate=100.0))
    steps = dict(zip(STEPS, found, strict=True))
    assert all(seconds > 0 for name, seconds in steps.items() if "client" not in name)  # clients and HAProxy have no common clock
    assert sum(seconds for name, seconds in steps.items() if name not in WITHIN) == pytest.approx(steps["all"])
