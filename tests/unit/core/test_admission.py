"""How deployments begin, wait, or are refused; what is remembered of them; and what comes after a good one."""

from dataclasses import replace

import pytest

from guardian.core.admission import next_in_turn
from guardian.core.aftercare import must_be_redeployed
from guardian.core.commands import Keep, RunStage, StopStage
from guardian.core.deployment import Phase, ServiceState
from guardian.core.events import Event, Unlatched
from guardian.core.model import Split
from guardian.core.readings import History
from guardian.core.release import Rest
from guardian.core.release_events import DeployRequested, Frozen, TimeCame, TurnCame, Withdrawn
from guardian.core.rules import Severity
from guardian.core.switch import Refused, step
from guardian.core.words.story import announce
from tests.unit.core.makers import (
    BLUE,
    GREEN,
    ON_BLUE,
    ON_GREEN,
    after,
    breach,
    conclusion,
    ended,
    met,
    ordered_back,
    requested,
    routed,
    unverified,
    watching,
)
from tests.unit.core.releases import DEPLOY, FIVE, VERIFY, baking, deployed, onward, phase, stepwise, wanted, worked


def taken_back(version: str = "4.2") -> ServiceState:
    """``web`` with a version that was taken back by a rule, and a person who has unlatched it."""
    state = routed(onward(worked(after(met(), wanted(DEPLOY, version=version)))))
    return after(routed(after(state, breach()), at=50.0), Unlatched(51.0, "carl", "understood"))


def turn(state: ServiceState, at: float = 500.0) -> TurnCame:
    """The first of the queue begins."""
    assert state.live.sole
    return TurnCame(at, state.queue[0].id, state.live.sole.other, "", History())


FREEZE = Frozen(5.0, "dora", "a fair", 1000.0)
REFUSALS: list[tuple[str, ServiceState, Event, str]] = [
    (
        "one at a time",
        baking(),
        wanted(),
        "web-1 is baking: one change of web at a time; wait for its end, or take it back with `guardian rollback web`",
    ),
    (
        "a version that was taken back",
        taken_back(),
        wanted(at=60.0),
        (
            "4.2 was taken back as web-1 on 1970-01-01 00:00 UTC (7 % of 500 requests); "
            "`guardian deploy web --version 4.2 --again` deploys it all the same"
        ),
    ),
    (
        "frozen",
        after(met(), FREEZE),
        wanted(),
        (
            "web is frozen until 1970-01-01 00:16 UTC by dora: a fair; `guardian unfreeze web` ends that, "
            "`--break-glass --reason …` goes past it, and a rollback is not held back"
        ),
    ),
    (
        "a switch while frozen",
        after(met(), FREEZE),
        requested(),
        (
            "web is frozen until 1970-01-01 00:16 UTC by dora: a fair; `guardian unfreeze web` ends that, "
            "`--break-glass --reason …` goes past it, and a rollback is not held back"
        ),
    ),
    (
        "the idle side is the safe one",
        unverified(),
        wanted(),
        (
            "blue is the safe side of web, a deployment would overwrite it: `guardian promote web` first, if green is good, "
            "or `guardian rollback web`"
        ),
    ),
    (
        "no side is idle",
        unverified(share=500),
        wanted(),
        (
            "both environments of web have traffic, so none is idle: `guardian switch web` moves all of it, "
            "`guardian rollback web` takes it back"
        ),
    ),
    (
        "the wrong side",
        met(),
        replace(wanted(), candidate=BLUE),
        "blue serves web just now; nothing was touched",
    ),
    (
        "a key that is another's",
        after(met(), wanted(key="job 7")),
        wanted(key="job 7", version="4.3"),
        "the key job 7 is that of web-1, which deploys 4.2: another deployment needs another key",
    ),
    (
        "a withdrawal of nothing",
        met(),
        Withdrawn(5.0, "bob", "", "web-7"),
        "web-7 does not wait for its turn on web; `guardian queue web` lists those that do",
    ),
]


@pytest.mark.parametrize(("state", "event", "sentence"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_refusal(state: ServiceState, event: Event, sentence: str) -> None:
    """A deployment that may not begin says why, and what to do instead."""
    with pytest.raises(Refused) as refused:
        step(state, event)
    assert str(refused.value) == sentence


def test_two_jobs_at_once_with_one_key_deploy_once() -> None:
    """The second one changes nothing, whatever became of the first."""
    state = after(met(), wanted(key="job 7"))
    assert step(state, wanted(key="job 7", at=11.0)) == (state, ())
    aborted = worked(state, ok=False)
    assert step(aborted, wanted(key="job 7", at=90.0)) == (aborted, ())


def test_a_version_that_was_taken_back_is_deployed_when_somebody_insists() -> None:
    """And forgotten as bad once it is verified."""
    state = after(taken_back(), wanted(DEPLOY, at=60.0, again=True))
    assert phase(state) is Phase.DEPLOYING
    verified = after(routed(onward(worked(state, at=61.0))), ended(conclusion(), deployment="web-2", at=200.0))
    assert (phase(verified), verified.failed) == (Phase.VERIFIED, ())


def test_a_person_who_takes_a_version_back_is_remembered_too() -> None:
    """With the reason, or the name where there was none."""
    state = after(routed(onward(worked(after(met(), wanted(DEPLOY))))), ordered_back())
    assert [(failed.version, failed.reason) for failed in state.failed] == [("4.2", "looks bad")]


def test_broken_glass_goes_past_a_freeze() -> None:
    """From the request to the traffic."""
    state = worked(after(met(), FREEZE, wanted(DEPLOY, FIVE, alone=True)))
    assert phase(onward(state)) is Phase.SHIFTING


def test_going_back_to_the_safe_side_is_not_frozen() -> None:
    """Somebody switches to blue while green, unverified, serves: that is a rollback, and it is told as one."""
    state = after(unverified(), Frozen(72.0, "dora", "a fair", 1e6), ordered_back(at=80.0))
    assert (phase(state), state.live) == (Phase.ROLLING_BACK, ON_BLUE)


def test_who_may_wait_gets_a_place_and_a_turn() -> None:
    """In order, each with its number, and with what is idle when its turn has come."""
    state = after(watching(), wanted(wait=True, version="5"), wanted(wait=True, version="6"))
    assert [(queued.id, queued.request.version) for queued in state.queue] == [("web-2", "5"), ("web-3", "6")]
    assert next_in_turn(state, 20.0) is None
    assert after(state, turn(state)) == state, "not while one is under way"
    verified = after(state, ended(conclusion()))
    queued = next_in_turn(verified, 80.0)
    assert queued
    begun, commands = step(verified, turn(verified, at=80.0))
    assert begun.deployment
    assert (begun.deployment.id, begun.deployment.candidate, phase(begun)) == ("web-2", BLUE, Phase.DEPLOYING)
    assert [command.job.environment for command in commands if isinstance(command, RunStage)] == [BLUE]
    assert [waiting.id for waiting in begun.queue] == ["web-3"]
    left = after(begun, Withdrawn(81.0, "bob", "", "web-3"))
    assert left.queue == ()


def test_a_place_in_the_queue_is_told() -> None:
    """With its number."""
    state, event = watching(), wanted(wait=True)
    told = announce(state, event, after(state, event))
    assert told
    assert told.sentence == "web-2: anna deploys 4.2; it waits for its turn as number 1"


def test_nobodys_turn_comes_while_latched_frozen_or_unsettled() -> None:
    """After a rollback a person speaks first; the next in line is not the way around that."""
    waiting = after(watching(), wanted(wait=True, version="5"))
    latched = routed(after(waiting, breach()), at=30.0)
    frozen = after(waiting, ended(conclusion()), Frozen(75.0, "dora", "a fair", 1e6))
    unproved = after(waiting, ended())
    for state in (latched, frozen, unproved):
        assert next_in_turn(state, 80.0) is None
        assert after(state, turn(state, at=80.0)) == state


def test_a_waiting_version_that_was_taken_back_meanwhile_does_not_begin() -> None:
    """Two jobs wanted the same version; the first one showed that it is bad."""
    waiting = after(routed(onward(worked(after(met(), wanted(DEPLOY))))), wanted(DEPLOY, wait=True))
    free = after(routed(after(waiting, breach()), at=50.0), Unlatched(51.0, "carl", ""))
    state, commands = step(free, turn(free))
    assert (phase(state), commands, state.queue) == (Phase.ABORTED, (), ())
    assert state.deployment
    assert "was taken back as web-1" in state.deployment.trouble


def test_a_switch_moves_what_was_deployed_before() -> None:
    """And bears its version."""
    brought = worked(after(met(), wanted(DEPLOY)))
    called_off = after(brought, ordered_back())
    state = after(routed(called_off, at=40.0), stepwise(FIVE))
    assert state.deployment
    assert (state.deployment.version, phase(state), state.live) == ("4.2", Phase.SHIFTING, Split(500))


def test_a_rollback_before_any_traffic_is_an_abort() -> None:
    """Nothing was moved, so nothing is remembered as bad; the split is made sure of all the same."""
    state = after(worked(after(met(), wanted(DEPLOY))), ordered_back())
    assert phase(routed(state, at=40.0)) is Phase.ABORTED
    assert state.failed == ()


# Afterwards.


def test_a_verified_release_says_what_becomes_of_the_other_side() -> None:
    """Warm until when, then retired."""
    state = deployed()
    assert state.retirement
    assert (state.retirement.environment, state.retirement.rest, state.retirement.due_at) == (BLUE, Rest.WARM, 700.0)


def test_whatever_needs_the_warm_side_spares_it() -> None:
    """A rollback, a new deployment, a switch; also while it is being retired."""
    retiring = after(deployed(), TimeCame(700.0))
    for state in (deployed(), retiring):
        for event in (ordered_back(at=710.0), replace(requested(at=710.0), candidate=BLUE)):
            spared, commands = step(state, event)
            assert spared.retirement is None
            assert (StopStage() in commands) is (state is retiring)


def test_a_side_that_is_being_retired_is_not_deployed_to() -> None:
    """The two would be at the same hosts."""
    with pytest.raises(Refused, match="blue of web is being retired just now"):
        step(after(deployed(), TimeCame(700.0)), replace(wanted(at=710.0, version="5"), candidate=BLUE))


def test_a_retired_side_is_known_to_be_gone() -> None:
    """Going back needs the old version there again, which is a deployment that neither latch nor freeze holds back."""
    state = after(met(), wanted(DEPLOY, version="4.1", retire_after=0.0, retire_seconds=90.0))
    state = after(routed(onward(worked(state))), ended(conclusion(), at=100.0))
    state = worked(after(state, TimeCame(100.0)))
    second = replace(wanted(DEPLOY, version="4.2", at=110.0, retire_after=0.0, retire_seconds=90.0), candidate=BLUE)
    state = after(routed(onward(worked(after(state, second)))), ended(conclusion(), deployment="web-2", at=200.0))
    assert must_be_redeployed(state) is None, "green is warm yet"
    state = worked(after(state, TimeCame(201.0)))
    gone = must_be_redeployed(state)
    assert gone
    assert (gone.environment, gone.version, gone.deployment) == (GREEN, "4.1", "web-2")
    assert GREEN not in state.versions
    frozen = after(state, Frozen(210.0, "dora", "a fair", 1e6))
    back = DeployRequested(220.0, "bob", "", "4.1", GREEN, (DEPLOY, VERIFY), 60.0, again=True, after="web-2")
    moving = onward(worked(worked(after(frozen, back), at=221.0), at=222.0), at=223.0)
    assert (phase(moving), moving.live) == (Phase.CUTTING_OVER, ON_GREEN)


def test_a_side_that_could_not_be_retired_is_told_as_a_warning() -> None:
    """It is not tried again by itself; what runs there is still known."""
    retiring = after(deployed(), TimeCame(700.0))
    failed = worked(retiring, ok=False, summary="stop on blue2: timed out")
    assert failed.retirement
    assert failed.retirement.rest is Rest.FAILED
    assert failed.retirement.stage is None


def test_keep_is_written_when_a_release_is_good() -> None:
    """The safe side changes with the verification, and with it what is on disk."""
    state = after(met(), wanted(DEPLOY))
    watching_ = routed(onward(worked(state)))
    _, commands = step(watching_, ended(conclusion(), at=100.0))
    assert Keep(ON_GREEN) in commands


def test_a_freeze_is_told_loudly_enough() -> None:
    """Those whom it stops must see it."""
    told = announce(met(), FREEZE, after(met(), FREEZE))
    assert told
    assert told.severity is Severity.WARNING
