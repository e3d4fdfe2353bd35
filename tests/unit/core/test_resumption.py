"""What a start goes on with, and what it rests on."""

import pytest

from guardian.core.commands import Command, End, Keep, Route, Watch
from guardian.core.deployment import ServiceState
from guardian.core.events import Adopted, Event
from guardian.core.plan import resume, route
from guardian.core.release_events import Approved, PutOff, WentOn
from guardian.core.switch import replay, step
from tests.unit.core.makers import (
    BLUE,
    GREEN,
    ON_BLUE,
    ON_GREEN,
    SLICE,
    after,
    cutting_over,
    failed,
    going_back,
    met,
    ordered_back,
    requested,
    rolled_back,
    routed,
    stuck,
    unable,
    unverified,
    verified,
    watching,
)
from tests.unit.core.releases import ASK, stepwise

RESUMED: list[tuple[str, ServiceState, tuple[Command, ...]]] = [
    ("nothing yet", met(), (Keep(ON_BLUE),)),
    ("cutting over", cutting_over(share=500), (Keep(ON_BLUE), Route(SLICE, 1, GREEN))),
    ("aborted without proof", unable(cutting_over()), (Keep(ON_BLUE), Route(ON_BLUE, 2, None))),
    ("aborted", routed(unable(cutting_over())), (Keep(ON_BLUE), End(GREEN, 2, 11.0))),
    ("watching", watching(), (Keep(ON_BLUE), Watch("web-1"), End(BLUE, 1, 11.0))),
    ("verified", verified(), (Keep(ON_GREEN), End(BLUE, 1, 11.0))),
    ("unverified", unverified(), (Keep(ON_BLUE), End(BLUE, 1, 11.0))),
    ("rolling back", going_back(), (Keep(ON_BLUE), Route(ON_BLUE, 2, BLUE))),
    ("stuck", stuck(), (Keep(ON_BLUE), Route(ON_BLUE, 2, BLUE))),
    ("forced", after(stuck(), ordered_back(force=True)), (Keep(ON_BLUE), Route(ON_BLUE, 3, None))),
    ("forced and stuck again", failed(after(stuck(), ordered_back(force=True))), (Keep(ON_BLUE), Route(ON_BLUE, 3, None))),
    ("rolled back", rolled_back(), (Keep(ON_BLUE), End(GREEN, 2, 21.0))),
]


@pytest.mark.parametrize(("state", "commands"), [case[1:] for case in RESUMED], ids=[case[0] for case in RESUMED])
def test_resumption(state: ServiceState, commands: tuple[Command, ...]) -> None:
    """After a start, exactly what may have been cut short is done again, as it was ordered."""
    assert resume(state) == commands


def test_a_lost_split_is_restored_if_its_main_side_is_able() -> None:
    """What was proved and got lost in a reload asks for the health of the side with most of the traffic."""
    assert route(watching(share=500)) == Route(SLICE, 1, BLUE)
    assert route(routed(after(stuck(), ordered_back(force=True)))) == Route(ON_BLUE, 3, BLUE)


def test_replay_needs_an_adoption_and_only_one() -> None:
    """A journal begins with the adoption of its service, which cannot happen twice."""
    adopted = Adopted(1.0, ON_BLUE, "worker-1")
    assert replay("web", [adopted, requested()]) == cutting_over()
    journals: tuple[list[Event], ...] = ([], [requested()])
    for journal in journals:
        with pytest.raises(ValueError, match="does not begin with its adoption"):
            replay("web", journal)
    with pytest.raises(ValueError, match="web is known already"):
        replay("web", [adopted, adopted])


def test_replay_leaves_out_what_was_put_off() -> None:
    """The step that the disk held up has not begun for a journal that tells of it; it begins later."""
    ready: list[Event] = [Adopted(1.0, ON_BLUE, "worker-1"), stepwise(ASK), Approved(60.0, "bob", "seen", "web-1", 1)]
    late, again = WentOn(70.0, "web-1", 0), WentOn(80.0, "web-1", 0)
    put_off = PutOff(72.0, "web-1", "the disk did not answer in 2 s")
    assert replay("web", [*ready, late]).live == ON_GREEN
    assert replay("web", [*ready, late, put_off]) == replay("web", ready)
    assert replay("web", [*ready, late, put_off, again]) == replay("web", [*ready, again])
    assert replay("web", [*ready, late, put_off, again, put_off]) == replay("web", ready)


def test_what_is_no_event_is_a_defect() -> None:
    """A value of another type is a ``TypeError`` that names it."""
    with pytest.raises(TypeError, match="no such event: 'switch' for web"):
        step(met(), "switch")  # type: ignore[arg-type]
