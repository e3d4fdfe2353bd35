"""Whether the traffic moved, from the counters alone."""

import pytest

from guardian.app.movement import Movement
from guardian.core.model import Environment


def movement() -> Movement:
    """A flip to blue at second 100."""
    return Movement(Environment.BLUE, 100.0)


def test_traffic_only_where_it_should_be_is_a_confirmation() -> None:
    """After the grace, requests on the chosen side and none on the other."""
    flip = movement()
    flip.look(100.0, requests=10, stray=3)
    assert flip.outcome(100.1) is None
    flip.look(100.25, requests=10, stray=0)
    assert flip.outcome(100.5) is True


def test_traffic_that_stays_behind_is_told_after_a_while() -> None:
    """Stray requests after the grace: not moved, once that is sure."""
    flip = movement()
    flip.look(101.0, requests=10, stray=4)
    assert flip.outcome(101.0) is None
    assert not flip.over(101.0)
    assert flip.outcome(103.0) is False
    assert flip.over(103.0)


@pytest.mark.parametrize("now", [100.5, 102.9, 200.0])
def test_no_traffic_proves_nothing(now: float) -> None:
    """Neither moved nor not."""
    assert movement().outcome(now) is None


def test_looking_ends() -> None:
    """Without traffic, after the patience."""
    assert movement().over(103.0)
