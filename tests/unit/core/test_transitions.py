"""Every transition on the way forward, with what is done about it and the sentence that people read."""

from dataclasses import replace

import pytest

from guardian.core.commands import End, Keep, LetBe, Route, Unwatch, Watch
from guardian.core.deployment import Phase
from guardian.core.events import Adopted, Promoted, TargetUnable, Unlatched
from guardian.core.rules import Lack, Severity
from guardian.core.switch import adopt
from guardian.core.verdicts import Finding
from guardian.core.words.story import announce
from tests.unit.core.makers import (
    BLUE,
    GREEN,
    HALF,
    ON_BLUE,
    ON_GREEN,
    SLICE,
    Case,
    conclusion,
    cutting_over,
    ended,
    failed,
    met,
    moved,
    proof,
    requested,
    rolled_back,
    unverified,
    verified,
    watching,
)

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL

TRANSITIONS = [
    Case(
        "a switch is requested",
        met(),
        requested(),
        Phase.CUTTING_OVER,
        ON_GREEN,
        ON_BLUE,
        (Keep(ON_BLUE), Route(ON_GREEN, 1, GREEN)),
        INFO,
        "web-1: anna moves web to green (release 7)",
    ),
    Case(
        "a slice is requested without a reason",
        met(),
        replace(requested(share=500), reason=""),
        Phase.CUTTING_OVER,
        SLICE,
        ON_BLUE,
        (Keep(ON_BLUE), Route(SLICE, 1, GREEN)),
        INFO,
        "web-1: anna moves web to green 5 % and blue 95 %",
    ),
    Case(
        "more is requested of what is unverified",
        unverified(share=500),
        requested(share=5_000),
        Phase.CUTTING_OVER,
        HALF,
        ON_BLUE,
        (Keep(ON_BLUE), Route(HALF, 2, GREEN)),
        INFO,
        "web-2: anna moves web to green 50 % and blue 50 % (release 7)",
    ),
    Case(
        "the cut-over is proved",
        cutting_over(),
        proof(cutting_over()),
        Phase.WATCHING,
        ON_GREEN,
        ON_BLUE,
        (Watch("web-1"), End(BLUE, 1, 11.0)),
        INFO,
        "web-1: web is on green, every worker confirmed in 43 ms; watching for 1 min, blue stays warm",
    ),
    Case(
        "the candidate is unable",
        cutting_over(),
        TargetUnable(12.0, 1, GREEN, "web_green has no healthy server"),
        Phase.ABORTED,
        ON_BLUE,
        ON_BLUE,
        (Route(ON_BLUE, 2, None),),
        WARNING,
        "web-1: aborted: web_green has no healthy server; web is on blue",
    ),
    Case(
        "an unproved cut-over is taken back",
        failed(cutting_over()),
        proof(failed(cutting_over())),
        Phase.ABORTED,
        ON_BLUE,
        ON_BLUE,
        (End(GREEN, 2, 11.0),),
        WARNING,
        "web-1: aborted: a worker does not answer; web is on blue",
    ),
    Case(
        "the watch ends well",
        watching(),
        ended(conclusion()),
        Phase.VERIFIED,
        ON_GREEN,
        ON_GREEN,
        (Unwatch(), Keep(ON_GREEN)),
        INFO,
        "web-1: verified: errors 1 % of 300 requests; green is the safe side now",
    ),
    Case(
        "the watch of a slice ends well",
        watching(share=500),
        ended(conclusion(), conclusion(Finding.NO_DATA, enough=False, lack=Lack.PASS, missing="nothing", rule="slow")),
        Phase.VERIFIED,
        SLICE,
        ON_BLUE,
        (Unwatch(),),
        INFO,
        "web-1: verified: errors 1 % of 300 requests; blue stays the safe side",
    ),
    Case(
        "the watch ends without rules",
        watching(),
        ended(),
        Phase.UNVERIFIED,
        ON_GREEN,
        ON_BLUE,
        (Unwatch(),),
        WARNING,
        "web-1: unverified: no rule watched it; the traffic stays on green, blue stays the safe side until `guardian promote web`",
    ),
    Case(
        "the watch ends without evidence",
        watching(share=500),
        ended(conclusion(), conclusion(Finding.NO_DATA, enough=False, missing="3 requests seen", rule="slow")),
        Phase.UNVERIFIED,
        SLICE,
        ON_BLUE,
        (Unwatch(),),
        WARNING,
        "web-1: unverified: slow: 3 requests seen; the traffic stays on green 5 % and blue 95 %, "
        "blue stays the safe side until `guardian promote web`",
    ),
    Case(
        "the watch ends and every rule may be left out",
        watching(),
        ended(conclusion(Finding.NO_DATA, enough=False, lack=Lack.PASS)),
        Phase.UNVERIFIED,
        ON_GREEN,
        ON_BLUE,
        (Unwatch(),),
        WARNING,
        "web-1: unverified: no rule saw enough; the traffic stays on green, blue stays the safe side until `guardian promote web`",
    ),
    Case(
        "a person promotes an unverified release",
        unverified(),
        Promoted(80.0, "carl", "looks good"),
        Phase.UNVERIFIED,
        ON_GREEN,
        ON_GREEN,
        (Keep(ON_GREEN),),
        INFO,
        "web: carl makes green the safe side: looks good",
    ),
    Case(
        "a person promotes without a reason",
        unverified(),
        Promoted(80.0, "carl", ""),
        Phase.UNVERIFIED,
        ON_GREEN,
        ON_GREEN,
        (Keep(ON_GREEN),),
        INFO,
        "web: carl makes green the safe side",
    ),
    Case(
        "a person unlatches",
        rolled_back(),
        Unlatched(90.0, "carl", "fixed"),
        Phase.ROLLED_BACK,
        ON_BLUE,
        ON_BLUE,
        (),
        INFO,
        "web: carl lets it move forward again: fixed",
    ),
    Case(
        "somebody at the socket goes elsewhere during the watch",
        watching(),
        moved(HALF),
        Phase.UNVERIFIED,
        HALF,
        ON_BLUE,
        (Unwatch(), LetBe()),
        CRITICAL,
        "web: somebody at the balancer itself moved the traffic to green 50 % and blue 50 %; "
        "guardian leaves it there; web-1 is over",
    ),
    Case(
        "somebody at the socket moves what is at rest",
        verified(),
        moved(ON_BLUE),
        Phase.VERIFIED,
        ON_BLUE,
        ON_GREEN,
        (LetBe(),),
        CRITICAL,
        "web: somebody at the balancer itself moved the traffic to blue; guardian leaves it there",
    ),
]


@pytest.mark.parametrize("case", TRANSITIONS, ids=lambda case: case.name)
def test_transition(case: Case) -> None:
    """An event leads to a phase, a split, a safe side and commands, and is told in one sentence."""
    case.check()


def test_adoption_takes_what_is_found() -> None:
    """The side that serves most is the safe one, and it is written down and told."""
    event = Adopted(1.0, SLICE, "worker-1")
    state, commands = adopt("web", event)
    assert (state.live, state.safe, commands) == (SLICE, ON_BLUE, (Keep(ON_BLUE),))
    told = announce(None, event, state)
    assert told
    assert told.sentence == "web: found on green 5 % and blue 95 %; blue is the safe side"
