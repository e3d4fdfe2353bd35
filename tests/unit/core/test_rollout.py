"""The way of a release to its traffic, step after step."""

import pytest

from guardian.core.commands import Keep, Route, RunStage, StopStage, Unwatch, Watch
from guardian.core.deployment import Cause, Phase
from guardian.core.model import Split
from guardian.core.plan import resume
from guardian.core.ports import StageJob
from guardian.core.release_events import AbortOrdered, Frozen, Held, PutOff, Resumed, Skipped, StageEnded, TimeCame, WentOn
from guardian.core.rules import Lack, Severity
from guardian.core.strategy import StageKind, StrategyStep
from guardian.core.switch import step
from guardian.core.verdicts import Finding
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
    failed,
    met,
    moved,
    ordered_back,
    proof,
    routed,
    unable,
)
from tests.unit.core.releases import (
    ASK,
    DEPLOY,
    FIVE,
    QUARTER,
    RAMP,
    VERIFY,
    WAY,
    agreed,
    asking,
    baked,
    baking,
    onward,
    phase,
    stepwise,
    wanted,
    worked,
)


def test_a_deployment_takes_its_steps_in_order() -> None:
    """Deployed, verified, a slice, asked, a larger slice, all of it, watched, verified: each only when the one before is done."""
    phases = []
    state = after(met(), wanted(*WAY))
    phases.append(phase(state))
    state = worked(state)
    phases.append(phase(state))
    state = onward(worked(state))
    phases.append(phase(state))
    state = routed(state, at=50.0)
    phases.append(phase(state))
    assert state.live == Split(500)
    state = baked(state)
    phases.append(phase(state))
    state = routed(onward(after(state, agreed(state)), at=210.0), at=211.0)
    phases.append(phase(state))
    assert state.live == Split(2_500)
    state = onward(baked(state, at=600.0), at=600.0)
    phases.append(phase(state))
    state = after(routed(state, at=601.0), ended(conclusion(), at=700.0))
    phases.append(phase(state))
    assert phases == [
        Phase.DEPLOYING, Phase.VERIFYING, Phase.SHIFTING, Phase.BAKING,
        Phase.AWAITING_APPROVAL, Phase.BAKING, Phase.CUTTING_OVER, Phase.VERIFIED,
    ]  # fmt: skip
    assert (state.live, state.safe, state.versions[GREEN].version) == (ON_GREEN, ON_GREEN, "4.2")


def test_a_stage_is_work_with_an_absolute_deadline() -> None:
    """The command says what to do where, and until when; after a restart it is the same."""
    state, commands = step(met(), wanted(DEPLOY))
    job = StageJob(StageKind.DEPLOY, "web", GREEN, "4.2", "web-1", 1, "anna", 910.0)
    assert commands == (RunStage(job),)
    assert resume(state) == (Keep(ON_BLUE), RunStage(job))
    assert not state.versions[GREEN].whole, "until the stage is done, nobody knows what is there"


@pytest.mark.parametrize("steps", [(DEPLOY, FIVE), (VERIFY, FIVE)])
def test_a_stage_that_fails_ends_it_before_any_traffic(steps: tuple[StrategyStep, ...]) -> None:
    """It says which task on which host failed, and the idle side keeps no traffic."""
    state = worked(after(met(), wanted(*steps)), ok=False, summary="install on green1: no such package")
    assert (phase(state), state.live, state.generation, state.latch) == (Phase.ABORTED, ON_BLUE, 0, None)
    assert state.deployment
    assert "failed: install on green1: no such package" in state.deployment.trouble
    assert state.failed == (), "what was never on trial was not taken back"


def test_a_verification_between_steps_that_fails_takes_the_slice_back() -> None:
    """And latches the service, for the release was at fault."""
    state = worked(baked(baking(FIVE, VERIFY, QUARTER)), ok=False)
    assert phase(state) is Phase.ROLLING_BACK
    assert state.deployment
    assert state.deployment.rollback
    assert (state.deployment.rollback.cause, state.live) == (Cause.STAGE, ON_BLUE)
    assert state.latch


def test_what_a_stage_reports_late_or_twice_changes_nothing() -> None:
    """Only the stage that is under way is listened to."""
    state = after(met(), wanted(DEPLOY, VERIFY))
    done = StageEnded(20.0, "web-1", StageKind.DEPLOY, 1, ok=True, summary="done")
    verifying = after(state, done)
    assert after(verifying, done) == verifying
    assert after(verifying, StageEnded(21.0, "web-0", StageKind.VERIFY, 2, ok=False, summary="")) == verifying


def test_a_breach_takes_a_slice_back_in_every_phase_that_has_one() -> None:
    """While it bakes, while people are asked, while it is verified again, and while the share grows: a gate blocks forward only."""
    asked = baked(baking(FIVE, ASK, QUARTER))
    verifying = baked(baking(FIVE, VERIFY, QUARTER))
    growing = onward(baked(baking()), at=201.0)
    for state in (baking(), asked, verifying, growing):
        back, commands = step(state, breach())
        assert (phase(back), back.live) == (Phase.ROLLING_BACK, ON_BLUE)
        assert back.latch
        routes = [command for command in commands if isinstance(command, Route)]
        assert [(each.split, each.needs) for each in routes] == [(ON_BLUE, BLUE)]
        assert (StopStage() in commands) is (state is verifying)


def test_a_breach_before_any_share_is_proved_means_nothing() -> None:
    """There is nothing to take back yet."""
    for state in (asking(), after(met(), wanted(DEPLOY)), after(met(), stepwise(FIVE))):
        assert after(state, breach()) == state


def test_a_bake_without_enough_evidence_goes_on() -> None:
    """Silence leads no further; enough evidence does, later, and so does a person's word with a reason."""
    thin = after(baking(), ended(conclusion(enough=False, missing="12 requests seen, 300 are needed"), at=140.0))
    assert thin.deployment
    assert (phase(thin), thin.deployment.ready) == (Phase.BAKING, False)
    assert thin.deployment.thin == "errors: 12 requests seen, 300 are needed"
    assert onward(thin) == thin
    assert phase(onward(baked(thin))) is Phase.SHIFTING
    skipped = after(thin, Skipped(150.0, "carl", "load test went well"))
    assert phase(onward(skipped)) is Phase.SHIFTING


def test_a_bake_that_must_not_end_without_evidence_takes_the_slice_back() -> None:
    """A rule may say that no data is a failure."""
    state = after(baking(), ended(conclusion(enough=False, lack=Lack.FAIL, missing="nothing"), at=140.0))
    assert state.deployment
    assert state.deployment.rollback
    assert state.deployment.rollback.cause is Cause.NO_EVIDENCE


def test_a_ramp_climbs_in_equal_increments() -> None:
    """Each after an equal time, proved before the next; then it bakes out and goes on."""
    state = baking(RAMP)
    shares, at = [state.live.green], 11.0
    while state.deployment and state.deployment.ramp_at is not None:
        assert after(state, TimeCame(state.deployment.ramp_at - 0.1)) == state
        at = state.deployment.ramp_at
        climbing, commands = step(state, TimeCame(at))
        assert commands == (Route(climbing.live, climbing.generation, GREEN),)
        state, commands = step(climbing, proof(climbing, at + 0.01))
        assert commands == (Watch("web-1"),)
        shares.append(state.live.green)
    assert shares == list(range(100, 2_001, 100))
    assert state.deployment
    assert state.deployment.watch_ends_at == pytest.approx(11.0 + 100.0, abs=1.0)
    assert state.deployment.cutover_at == 11.0, "one trial, from the first share on"
    assert phase(onward(baked(state))) is Phase.CUTTING_OVER


def test_a_held_ramp_does_not_jump_afterwards() -> None:
    """Cold caches: it goes on from where it stood, one increment at a time."""
    state = after(baking(RAMP), Held(12.0, "bob", "coffee"))
    assert after(state, TimeCame(90.0)) == state
    state = after(state, Resumed(90.0, "bob", ""), TimeCame(90.0))
    assert state.live.green == 200


def test_nothing_begins_while_it_is_held_or_frozen() -> None:
    """A pause and a freeze hold back what moves traffic; both end."""
    ready = worked(after(met(), wanted(DEPLOY, FIVE)))
    held = after(ready, Held(21.0, "bob", "lunch"))
    assert onward(held) == held
    assert phase(onward(after(held, Resumed(22.0, "bob", "")))) is Phase.SHIFTING
    frozen = after(ready, Frozen(21.0, "dora", "a fair", 100.0))
    assert onward(frozen, at=99.0) == frozen
    assert phase(onward(frozen, at=100.0)) is Phase.SHIFTING
    assert after(frozen, TimeCame(100.0)).freeze is None


def test_a_freeze_never_holds_back_a_rollback() -> None:
    """By a person or by a rule."""
    frozen = after(baking(), Frozen(21.0, "dora", "a fair", 1e6), Held(22.0, "bob", ""))
    for event in (breach(), ordered_back(), AbortOrdered(30.0, "bob", "")):
        assert phase(after(frozen, event)) is Phase.ROLLING_BACK


def test_a_candidate_that_dies_between_verification_and_traffic_gets_none() -> None:
    """The first share asks for a healthy server; nothing was moved."""
    state = unable(onward(worked(worked(after(met(), wanted(DEPLOY, VERIFY, FIVE))))))
    assert (phase(state), state.live) == (Phase.ABORTED, ON_BLUE)


def test_a_candidate_that_dies_between_two_steps_is_taken_back() -> None:
    """What traffic it has goes back, and the service is latched."""
    state = unable(onward(baked(baking()), at=201.0))
    assert (phase(state), state.live) == (Phase.ROLLING_BACK, ON_BLUE)
    assert state.latch
    assert phase(routed(state, at=202.0)) is Phase.ROLLED_BACK


def test_a_step_that_cannot_be_proved_takes_everything_back() -> None:
    """Also a share of a ramp."""
    climbing = after(baking(RAMP), TimeCame(100.0))
    for state in (onward(baked(baking()), at=201.0), climbing):
        back = failed(state)
        assert (phase(back), back.live) == (Phase.ROLLING_BACK, ON_BLUE)
        assert phase(routed(back)) is Phase.ABORTED


def test_abort_before_traffic_moves_nothing_and_stops_the_stage() -> None:
    """The stage is stopped; routing stays as it is."""
    state, commands = step(after(met(), wanted(DEPLOY)), AbortOrdered(15.0, "bob", "wrong branch"))
    assert (phase(state), state.generation, commands) == (Phase.ABORTED, 0, (StopStage(),))
    assert state.deployment
    assert state.deployment.trouble == "bob aborts it: wrong branch"


def test_abort_with_traffic_takes_it_back_and_is_an_abort() -> None:
    """No release is blamed, nothing is latched, no version remembered."""
    state = routed(after(baking(), AbortOrdered(15.0, "bob", "")), at=16.0)
    assert (phase(state), state.live, state.latch, state.failed) == (Phase.ABORTED, ON_BLUE, None, ())


def test_a_hand_at_the_balancer_ends_a_deployment_that_has_no_traffic() -> None:
    """The idle side was being worked on when somebody sent traffic there."""
    state, commands = step(after(met(), wanted(DEPLOY)), moved(ON_GREEN))
    assert (phase(state), state.live, commands) == (Phase.ABORTED, ON_GREEN, (Unwatch(), StopStage()))


def test_the_watch_can_be_cut_short_by_a_persons_word() -> None:
    """Which is said aloud, and never called verified."""
    watching = routed(onward(baked(baking(FIVE)), at=201.0), at=202.0)
    state = after(watching, Skipped(210.0, "carl", "all dashboards are fine"))
    assert (phase(state), state.safe) == (Phase.UNVERIFIED, ON_GREEN)
    assert state.deployment
    assert state.deployment.trouble == "carl cut the watch short and vouches for it: all dashboards are fine"


def test_a_watch_that_ends_while_it_is_held_verifies_nothing() -> None:
    """A person has doubts."""
    watching = routed(onward(baked(baking(FIVE)), at=201.0), at=202.0)
    state = after(watching, Held(210.0, "bob", "strange logs"), ended(conclusion(), at=300.0))
    assert (phase(state), state.safe) == (Phase.UNVERIFIED, ON_BLUE)


def test_going_on_is_bound_to_the_step() -> None:
    """A second word for the same step does not skip the next one."""
    ready = baked(baking())
    went = WentOn(201.0, "web-1", 0)
    second = baked(routed(after(ready, went), at=202.0), at=600.0)
    assert after(second, went) == second


def test_what_is_put_off_is_told_and_changes_nothing() -> None:
    """One sentence with what was waited for, how long, and what becomes of it."""
    state, put_off = baked(baking()), PutOff(202.0, "web-1", "the disk did not answer in 2 s")
    assert step(state, put_off) == (state, ())
    said = announce(state, put_off, state)
    assert said
    assert said.severity is Severity.WARNING
    assert said.sentence == (
        "web-1: its next step is put off: the disk did not answer in 2 s; nothing was begun, "
        "and guardian tries again once it can be recorded"
    )


def test_every_step_is_told() -> None:
    """What begins, what is done, and what is waited for, with who and why."""
    told = []
    state = met()
    events = [
        lambda _: wanted(DEPLOY, VERIFY, FIVE, ASK),
        lambda _: StageEnded(20.0, "web-1", StageKind.DEPLOY, 1, ok=True, summary="4 tasks on 2 hosts"),
        lambda _: StageEnded(30.0, "web-1", StageKind.VERIFY, 2, ok=True, summary="12 checks"),
        lambda s: WentOn(31.0, "web-1", s.deployment.step),
        lambda s: proof(s, 31.1),
        lambda _: ended(conclusion(), at=160.0),
        agreed,
        lambda s: WentOn(161.0, "web-1", s.deployment.step),
    ]
    for make in events:
        event = make(state)
        now, _ = step(state, event)
        said = announce(state, event, now)
        assert said
        told.append(said.sentence)
        state = now
    assert told == [
        "web-1: anna deploys 4.2 on green of web (release 7)",
        "web-1: deploy done: 4 tasks on 2 hosts; verifying now",
        "web-1: verify done: 12 checks",
        "web-1: anna moves web to green 5 % and blue 95 % (release 7)",
        "web-1: web is on green 5 % and blue 95 %, every worker confirmed in 43 ms; step 3 of 5: 5 % for 2 min",
        (
            "web-1: step 3 of 5 is done: errors 1 % of 300 requests; anna asks somebody else to approve that web goes on to all "
            "of the traffic on green: `guardian approve web-1` until 1970-01-01 01:02 UTC"
        ),
        "web-1: bob approves it, 1 of 1: seen",
        "web-1: anna moves web to green (release 7)",
    ]


def test_a_breach_beats_a_pause_of_a_rule() -> None:
    """A rule that pauses holds the slice where it is; another one takes it back."""
    state = after(baking(), ended(conclusion(Finding.BREACHED, enough=False, lack=Lack.HOLD, missing="slow"), at=140.0))
    assert phase(state) is Phase.BAKING
    assert phase(after(state, breach())) is Phase.ROLLING_BACK
