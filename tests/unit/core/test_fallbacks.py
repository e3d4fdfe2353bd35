"""The balancer itself left the candidate, which lost its last server: that becomes a rollback like any other."""

import pytest

from guardian.core.commands import Keep, Route, Unwatch
from guardian.core.deployment import Cause, Phase, ServiceState
from guardian.core.events import FellBack
from guardian.core.switch import step
from tests.unit.core.makers import (
    BLUE,
    GREEN,
    ON_BLUE,
    after,
    breach,
    met,
    moved,
    ordered_back,
    requested,
    rolled_back,
    routed,
    unverified,
    verified,
    watching,
)

FELL = FellBack(30.0, "web-1", GREEN, "backend web_green has no healthy server, and the balancer itself sends its traffic to blue")


@pytest.mark.parametrize(
    "state", [watching(), watching(500), verified(), unverified()], ids=["watched", "a slice", "verified", "not"]
)
def test_what_has_happened_is_made_official(state: ServiceState) -> None:
    """The traffic goes back in every worker and on disk, and the service is latched: green coming up again moves nothing."""
    after_it, commands = step(state, FELL)
    deployment = after_it.deployment
    assert deployment
    assert deployment.rollback
    assert (deployment.phase, deployment.rollback.cause, after_it.live, after_it.safe) == (
        Phase.ROLLING_BACK,
        Cause.UNABLE,
        ON_BLUE,
        ON_BLUE,
    )
    assert after_it.latch
    assert Unwatch() in commands
    assert Route(ON_BLUE, after_it.generation, BLUE) in commands
    assert (Keep(ON_BLUE) in commands) is (not state.deployment or not state.deployment.exposed)


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (met(), FELL),
        (rolled_back(), FELL),
        (after(watching(), breach()), FELL),
        (after(watching(), ordered_back()), FELL),
        (after(watching(), moved(ON_BLUE)), FELL),
        (watching(), FellBack(30.0, "web-7", GREEN, "")),
        (watching(), FellBack(30.0, "web-1", BLUE, "")),
        (after(met(), requested()), FELL),
        (after(step(watching(), FELL).state, FELL), FELL),
        (routed(step(watching(), FELL).state), FELL),
    ],
)
def test_what_is_too_late_or_of_another_changes_nothing(state: ServiceState, event: FellBack) -> None:
    """A deployment is taken back once, and only the side that was on trial can be at fault."""
    assert step(state, event) == (state, ())
