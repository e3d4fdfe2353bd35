"""What comes late, twice, or about something else."""

from dataclasses import replace

import pytest

from guardian.core.deployment import ServiceState
from guardian.core.events import Event, Noted, Routed, RoutingFailed, TargetUnable
from guardian.core.switch import step
from guardian.core.verdicts import Finding
from guardian.core.words.story import announce
from tests.unit.core.makers import (
    BLUE,
    HALF,
    ON_BLUE,
    ON_GREEN,
    after,
    breach,
    conclusion,
    cutting_over,
    ended,
    going_back,
    met,
    moved,
    ordered_back,
    requested,
    rolled_back,
    routed,
    stuck,
    unable,
    unverified,
    verdict,
    watching,
)

UNTOUCHED = [
    ("a proof of an older generation", after(unverified(500), requested()), Routed(20.0, 1, "worker-9", 1, 0.0)),
    ("a failure of an older generation", after(unverified(500), requested()), RoutingFailed(20.0, 1, "late")),
    ("an unable target of an older generation", after(unverified(500), requested()), TargetUnable(20.0, 1, BLUE, "late")),
    ("a failure after the proof", watching(), RoutingFailed(20.0, 1, "late")),
    ("an unable target after the proof", watching(), TargetUnable(20.0, 1, BLUE, "late")),
    ("an unable target of an undone cut-over", unable(cutting_over()), TargetUnable(20.0, 2, BLUE, "no")),
    ("a failure where guardian moved nothing", met(), RoutingFailed(20.0, 0, "late")),
    ("an unable target where guardian moved nothing", met(), TargetUnable(20.0, 0, BLUE, "late")),
    ("a breach of an older deployment", routed(after(unverified(500), requested())), breach("web-1")),
    ("a breach before the watch", cutting_over(), breach()),
    ("a breach after a person's rollback", after(watching(), ordered_back()), breach()),
    ("a breach where guardian moved nothing", met(), breach()),
    ("a second breach", rolled_back(), breach()),
    ("the end of another watch", watching(), ended(conclusion(), deployment="web-0")),
    ("the end of a watch after the breach", going_back(), ended(conclusion())),
    ("the end of a watch where guardian moved nothing", met(), ended(conclusion())),
    ("a hand on a worker of long ago", watching(), moved(ON_BLUE, worker="worker-0")),
    ("a hand seen before a rollback", going_back(), moved(HALF)),
    ("a hand that did what was intended", watching(), moved(ON_GREEN)),
]


@pytest.mark.parametrize(("state", "event"), [case[1:] for case in UNTOUCHED], ids=[case[0] for case in UNTOUCHED])
def test_late_and_foreign_events_change_nothing(state: ServiceState, event: Event) -> None:
    """What is about the past, or about something else, changes nothing and is not told."""
    assert step(state, event) == (state, ())
    assert announce(state, event, state) is None


def test_a_new_worker_is_remembered_in_silence() -> None:
    """A second proof of the same generation only names the worker that now serves."""
    for state in (met(), watching(), rolled_back()):
        again = Routed(60.0, state.generation, "worker-2", 1, 0.0)
        after_all, commands = step(state, again)
        assert (after_all, commands) == (replace(state, worker="worker-2"), ())
        assert announce(state, again, after_all) is None


def test_trouble_that_lasts_is_told_once() -> None:
    """A stuck rollback that fails again remembers the newest reason without another alarm."""
    again = TargetUnable(25.0, 2, BLUE, "web_blue is in maintenance")
    state = after(stuck(), again)
    assert state.deployment
    assert state.deployment.rollback
    assert state.deployment.rollback.trouble == "web_blue is in maintenance"
    assert announce(stuck(), again, state) is None


def test_a_rule_that_only_notifies_is_told_during_its_watch_alone() -> None:
    """A noted breach moves nothing; one about another deployment, or after the watch, is not told."""
    note = Noted(20.0, "web-1", verdict(Finding.BREACHED, "retries", "7 % of 500 requests"))
    for state, heard in ((watching(), True), (rolled_back(), False), (met(), False), (after(unverified(500), requested()), False)):
        assert step(state, note) == (state, ())
        told = announce(state, note, state)
        assert (told and told.sentence) == ("web: retries: 7 % of 500 requests; nothing was moved" if heard else None)
