"""Every transition on the way back, with what is done about it and the sentence that people read."""

from dataclasses import replace

import pytest

from guardian.core.commands import End, Keep, Route, Unwatch
from guardian.core.deployment import Cause, Latch, Phase
from guardian.core.events import RollbackOrdered, TargetUnable, Unlatched
from guardian.core.rules import Lack, Severity
from guardian.core.verdicts import Finding
from tests.unit.core.makers import (
    BLUE,
    GREEN,
    HALF,
    ON_BLUE,
    ON_GREEN,
    SLICE,
    Case,
    after,
    breach,
    conclusion,
    cutting_over,
    ended,
    failed,
    going_back,
    met,
    moved,
    no_proof,
    ordered_back,
    proof,
    requested,
    rolled_back,
    routed,
    stuck,
    unable,
    unverified,
    verified,
    watching,
)

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL

BY_HAND_AFTER_ALL = after(verified(), moved(HALF))
"""Green is verified and the safe side, and somebody at the socket has given half of the traffic back to blue."""

TRANSITIONS = [
    Case(
        "an aborted cut-over cannot be made undone",
        unable(cutting_over()),
        no_proof(unable(cutting_over())),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Keep(ON_BLUE), Route(ON_BLUE, 3, BLUE)),
        CRITICAL,
        "web-1: guardian takes web back to blue: a worker does not answer",
    ),
    Case(
        "the cut-over cannot be proved",
        cutting_over(),
        no_proof(cutting_over()),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Keep(ON_BLUE), Route(ON_BLUE, 2, BLUE)),
        CRITICAL,
        "web-1: guardian takes web back to blue: a worker does not answer",
    ),
    Case(
        "a rule is breached",
        watching(),
        breach(),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Route(ON_BLUE, 2, BLUE)),
        CRITICAL,
        "web-1: guardian takes web back to blue: errors: 7 % of 500 requests",
    ),
    Case(
        "the rollback is proved",
        going_back(),
        replace(proof(going_back()), at=20.3),
        Phase.ROLLED_BACK,
        ON_BLUE,
        ON_BLUE,
        (End(GREEN, 2, 20.3),),
        CRITICAL,
        "web-1: rolled back: web is on blue in every worker, 0.30 s after the decision; "
        "nothing moves forward until `guardian unlatch web`",
    ),
    Case(
        "the safe side is unable",
        going_back(),
        TargetUnable(20.1, 2, BLUE, "web_blue has no healthy server"),
        Phase.STUCK,
        ON_BLUE,
        ON_BLUE,
        (),
        CRITICAL,
        "web-1: STUCK: web cannot be taken back to blue: web_blue has no healthy server; "
        "the traffic is held where it is, guardian tries again every second. A person is needed",
    ),
    Case(
        "the rollback cannot be proved",
        going_back(),
        no_proof(going_back()),
        Phase.STUCK,
        ON_BLUE,
        ON_BLUE,
        (),
        CRITICAL,
        "web-1: STUCK: web cannot be taken back to blue: a worker does not answer; "
        "the traffic is held where it is, guardian tries again every second. A person is needed",
    ),
    Case(
        "a stuck rollback comes free",
        stuck(),
        replace(proof(stuck()), at=50.0),
        Phase.ROLLED_BACK,
        ON_BLUE,
        ON_BLUE,
        (End(GREEN, 2, 50.0),),
        CRITICAL,
        "web-1: rolled back: web is on blue in every worker, 30 s after the decision; "
        "nothing moves forward until `guardian unlatch web`",
    ),
    Case(
        "a stuck rollback is forced",
        stuck(),
        ordered_back(force=True),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Keep(ON_BLUE), Route(ON_BLUE, 3, None)),
        CRITICAL,
        "web-1: bob takes web back to blue, healthy or not: errors: 7 % of 500 requests",
    ),
    Case(
        "a rollback under way is forced",
        going_back(),
        ordered_back(force=True),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Keep(ON_BLUE), Route(ON_BLUE, 3, None)),
        CRITICAL,
        "web-1: bob takes web back to blue, healthy or not: errors: 7 % of 500 requests",
    ),
    Case(
        "the watch ends without evidence that a rule insists on",
        watching(),
        ended(
            conclusion(Finding.NO_DATA, enough=False, missing="nothing to see", rule="slow"),
            conclusion(Finding.NO_DATA, enough=False, lack=Lack.FAIL, missing="no request in 1 min"),
        ),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Route(ON_BLUE, 2, BLUE)),
        CRITICAL,
        "web-1: guardian takes web back to blue: errors: no request in 1 min",
    ),
    Case(
        "the watch ends with a breach",
        watching(),
        ended(conclusion(rule="slow"), conclusion(Finding.BREACHED, enough=False, lack=Lack.FAIL, missing="1 % of 300 requests")),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Route(ON_BLUE, 2, BLUE)),
        CRITICAL,
        "web-1: guardian takes web back to blue: errors: 1 % of 300 requests",
    ),
    Case(
        "a person stops the cut-over",
        cutting_over(),
        ordered_back(),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Keep(ON_BLUE), Route(ON_BLUE, 2, BLUE)),
        CRITICAL,
        "web-1: bob takes web back to blue: looks bad",
    ),
    Case(
        "a person ends the watch",
        watching(),
        ordered_back(),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Route(ON_BLUE, 2, BLUE)),
        CRITICAL,
        "web-1: bob takes web back to blue: looks bad",
    ),
    Case(
        "a person takes an unverified release back by force, without a reason",
        unverified(share=500),
        RollbackOrdered(30.0, "bob", "", force=True),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Keep(ON_BLUE), Route(ON_BLUE, 2, None)),
        CRITICAL,
        "web-1: bob takes web back to blue, healthy or not",
    ),
    Case(
        "a person takes a verified release back",
        verified(),
        ordered_back(),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Keep(ON_BLUE), Route(ON_BLUE, 2, BLUE)),
        CRITICAL,
        "web-1: bob takes web back to blue: looks bad",
    ),
    Case(
        "a person's rollback is proved",
        after(watching(), ordered_back()),
        replace(proof(after(watching(), ordered_back())), at=29.0),
        Phase.ROLLED_BACK,
        ON_BLUE,
        ON_BLUE,
        (End(GREEN, 2, 29.0),),
        CRITICAL,
        "web-1: rolled back: web is on blue in every worker, 0 ms after the decision",
    ),
    Case(
        "a person takes back what guardian never moved",
        met(SLICE),
        ordered_back(),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Keep(ON_BLUE), Route(ON_BLUE, 1, BLUE)),
        CRITICAL,
        "web-1: bob takes web back to blue: looks bad",
    ),
    Case(
        "a person takes back what somebody moved after a rollback",
        after(rolled_back(), moved(ON_GREEN)),
        ordered_back(),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Keep(ON_BLUE), Route(ON_BLUE, 4, BLUE)),
        CRITICAL,
        "web-2: bob takes web back to blue: looks bad",
    ),
    Case(
        "a person does not believe an abort that was not proved",
        unable(cutting_over()),
        ordered_back(),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Keep(ON_BLUE), Route(ON_BLUE, 3, BLUE)),
        CRITICAL,
        "web-2: bob takes web back to blue: looks bad",
    ),
    Case(
        "a person goes back to the verified side that somebody left at the socket",
        BY_HAND_AFTER_ALL,
        requested(),
        Phase.ROLLING_BACK,
        ON_GREEN,
        ON_GREEN,
        (Unwatch(), Keep(ON_GREEN), Route(ON_GREEN, 3, GREEN)),
        CRITICAL,
        "web-2: anna takes web back to green: release 7",
    ),
    Case(
        "somebody at the socket goes back during the watch",
        watching(),
        moved(ON_BLUE),
        Phase.ROLLING_BACK,
        ON_BLUE,
        ON_BLUE,
        (Unwatch(), Route(ON_BLUE, 3, None)),
        CRITICAL,
        "web: somebody at the balancer itself moved the traffic to blue; guardian takes web-1 back there in every worker",
    ),
]


@pytest.mark.parametrize("case", TRANSITIONS, ids=lambda case: case.name)
def test_way_back(case: Case) -> None:
    """An event takes the traffic back, or tells how far that has come."""
    case.check()


def test_a_rollback_remembers_why_and_how_long() -> None:
    """The verdict, the order's time and the time to the proof stay with the deployment; the latch says whose they are."""
    state = routed(after(watching(), breach(at=20.0)), at=20.5)
    assert state.deployment
    rollback = state.deployment.rollback
    assert rollback
    assert (rollback.cause, rollback.by, rollback.verdict) == (Cause.RULE, "guardian", breach().verdict)
    assert (rollback.ordered_at, rollback.done_at, rollback.seconds, state.deployment.ended_at) == (20.0, 20.5, 0.5, 20.5)
    assert state.latch == Latch(20.0, "web-1", "7 % of 500 requests")


def test_only_guardians_own_rollbacks_latch() -> None:
    """A breach and missing evidence latch; a person, a hand at the socket and a cut-over without proof do not."""
    insisted = ended(conclusion(Finding.NO_DATA, enough=False, lack=Lack.FAIL))
    for event, cause, latched in (
        (breach(), Cause.RULE, True),
        (insisted, Cause.NO_EVIDENCE, True),
        (ordered_back(), Cause.PERSON, False),
        (moved(ON_BLUE), Cause.BY_HAND, False),
    ):
        state = after(watching(), event)
        assert state.deployment
        assert state.deployment.rollback
        assert (state.deployment.rollback.cause, state.latch is not None) == (cause, latched)
    assert failed(cutting_over()).latch is None


def test_a_forced_rollback_keeps_its_cause_and_what_a_person_unlatched() -> None:
    """Force adds a person's word to a rollback under way; it neither rewrites its story nor latches once more."""
    state = after(stuck(), Unlatched(25.0, "carl", "fixed"), ordered_back(force=True))
    assert state.latch is None
    assert state.deployment
    assert state.deployment.rollback
    assert (state.deployment.rollback.cause, state.deployment.rollback.forced_by) == (Cause.RULE, "bob")
    assert state.deployment.rollback.trouble == ""


def test_a_clock_that_was_set_back_makes_no_negative_duration() -> None:
    """A rollback that ends before it was ordered took no time."""
    state = routed(after(watching(), breach(at=20.0)), at=-3580.0)
    assert state.deployment
    assert state.deployment.rollback
    assert state.deployment.rollback.seconds == 0.0
