"""Whole deployments in the world of :mod:`tests.property.test_switch`: stages, steps, approvals, pauses, freezes, queue, warmth."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from guardian.core.admission import next_in_turn
from guardian.core.commands import Command, RunStage, StopStage
from guardian.core.deployment import Phase, ServiceState
from guardian.core.events import Breached, Event, Paused, RollbackOrdered, SwitchRequested, Unlatched, WatchEnded
from guardian.core.gates import due
from guardian.core.model import Environment
from guardian.core.mutes import LONGEST_MUTE, muted, remembered
from guardian.core.plan import stages
from guardian.core.ports import StageJob
from guardian.core.readings import History
from guardian.core.release_events import (
    AbortOrdered,
    ApprovalLapsed,
    Approved,
    DeployRequested,
    Frozen,
    Held,
    Muted,
    PutOff,
    Rejected,
    Resumed,
    Skipped,
    StageEnded,
    TimeCame,
    TurnCame,
    Unfrozen,
    Unmuted,
    WentOn,
    Withdrawn,
)
from guardian.core.strategy import StepKind, StrategyStep
from guardian.core.switch import step
from guardian.core.verdicts import Finding
from guardian.core.words.story import announce
from tests.property.test_switch import Switching, through_json
from tests.property.world import GOOD, some_verdict

DEPLOY, PARITY, VERIFY = (StrategyStep(kind, seconds=60.0) for kind in (StepKind.DEPLOY, StepKind.PARITY, StepKind.VERIFY))
ASK, ASK_TWO = StrategyStep(StepKind.ASK, seconds=3_600.0, needed=1), StrategyStep(StepKind.ASK, seconds=3_600.0, needed=2)
SLICE, MORE = StrategyStep(StepKind.SHIFT, 500, 60.0), StrategyStep(StepKind.SHIFT, 2_500, 60.0)
RAMP, RAMP_UP = StrategyStep(StepKind.RAMP, 6_000, 60.0), StrategyStep(StepKind.RAMP, 10_000, 60.0)
ways = st.sampled_from(
    [
        (),
        (VERIFY,),
        (ASK,),
        (SLICE, ASK_TWO, MORE),
        (VERIFY, SLICE, VERIFY, MORE, ASK),
        (SLICE, RAMP),
        (RAMP_UP,),
        (PARITY, ASK, SLICE),
    ]
)
names = st.sampled_from(["anna", "bob", "carl"])
FORWARD = (SwitchRequested, WentOn, TimeCame, DeployRequested, TurnCame)


class Rolling(Switching):
    """The state machine with everything that leads to a release's traffic."""

    people = (
        *Switching.people,
        DeployRequested,
        Withdrawn,
        Approved,
        Rejected,
        Held,
        Resumed,
        Skipped,
        AbortOrdered,
        Frozen,
        Unfrozen,
        Muted,
        Unmuted,
    )
    job: StageJob | None = None
    """The stage that is being worked on."""

    def _work_around(self, command: Command) -> None:
        match command:
            case RunStage(job):
                self.job = job
            case StopStage():
                self.job = None

    def _remember(self, before: ServiceState, event: Event, after: ServiceState) -> None:
        super()._remember(before, event, after)
        self._muted_moves_nothing(before, event, after)
        deployment, earlier = after.deployment, before.deployment
        if deployment is None or after.live == before.live:
            return
        grew = after.live.share(deployment.candidate) > before.live.share(deployment.candidate)
        if not (grew and isinstance(event, FORWARD)):
            return
        frozen = before.freeze is not None and event.at < before.freeze.until
        assert not frozen or deployment.alone or deployment.after, "nothing moves forward while frozen"
        if earlier and earlier.id == deployment.id:
            assert not earlier.held, "nothing moves forward while paused by a person"
            assert not earlier.paused, "nothing moves forward while paused by a rule"
            self._must_be_agreed(earlier.steps[: deployment.step], after)
            assert all(done.ok for done in deployment.stages), "nothing moves forward after a stage that failed"

    def _muted_moves_nothing(self, before: ServiceState, event: Event, after: ServiceState) -> None:
        """A muted rule neither takes back nor pauses nor proves; nothing else is any different for it."""
        if isinstance(event, Breached | Paused) and muted(before, event.verdict.rule, event.at):
            assert (after.live, after.latch, after.generation) == (before.live, before.latch, before.generation)
            assert after.deployment == before.deployment
        if isinstance(event, WatchEnded) and after != before and after.deployment:
            for each in after.deployment.conclusions:
                hushed = muted(before, each.verdict.rule, event.at)
                assert not (hushed and each.enough), "a muted rule proves nothing"
                assert each.muted is bool(hushed)
        if isinstance(event, RollbackOrdered) and before.deployment and before.deployment.exposed:
            assert after.live == before.deployment.fallback, "no mute blocks a person's rollback"
        free = isinstance(event, Breached) and not muted(before, event.verdict.rule, event.at)
        if free and before.deployment and before.deployment.exposed and before.deployment.id == event.deployment:
            assert after.live == before.deployment.fallback, "no mute blocks another rule's rollback"

    def _must_be_agreed(self, passed: tuple[StrategyStep, ...], state: ServiceState) -> None:
        asked = [step for step in passed if step.kind is StepKind.ASK]
        if not asked:
            return
        deployment = state.deployment
        assert deployment is not None
        question = deployment.question
        assert question is not None
        agreed = {approval.by for approval in question.approvals}
        alone = any(approval.alone for approval in question.approvals)
        assert alone or (len(agreed) >= asked[-1].needed and deployment.requested_by not in agreed)

    # Requests.

    @precondition(lambda self: self.running)
    @rule(
        steps=ways,
        version=st.sampled_from(["v1", "v2", "v3"]),
        key=st.sampled_from(["", "", "", "k"]),
        flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
        retire=st.sampled_from([None, 0.0, 600.0]),
    )
    def order_deployment(
        self, steps: tuple[StrategyStep, ...], version: str, key: str, flags: tuple[bool, bool, bool], retire: float | None
    ) -> None:
        """Somebody, or a CI job, wants a version out; it may wait, insist, or break the glass."""
        wait, again, alone = flags
        self._submit(
            DeployRequested(
                at=self.now, by="anna", reason="", version=version, candidate=self.state.live.main.other, steps=(DEPLOY, *steps),
                watch_seconds=600.0, key=key, again=again, wait=wait, alone=alone, retire_after=retire, retire_seconds=60.0,
            )
        )  # fmt: skip

    @precondition(lambda self: self.running)
    @rule(steps=ways, alone=st.booleans())
    def switch_in_steps(self, steps: tuple[StrategyStep, ...], alone: bool) -> None:  # noqa: FBT001  hypothesis draws it
        """Somebody wants what is on the idle side to have the traffic, step by step."""
        candidate = self.state.safe.main.other
        self._submit(SwitchRequested(self.now, "anna", "", candidate, 10_000, 600.0, steps=steps, alone=alone))

    @precondition(lambda self: self.running and self.state.queue)
    @rule()
    def withdraw(self) -> None:
        """Somebody takes the first one out of the queue."""
        self._submit(Withdrawn(self.now, "bob", "", self.state.queue[0].id))

    # Guardian's clock, and its stages.

    @precondition(lambda self: self.running)
    @rule(late=st.booleans())
    def pace(self, late: bool) -> None:  # noqa: FBT001  hypothesis draws it
        """What is due happens; perhaps about what was due a moment ago."""
        if due(self.state, self.now):
            self._submit(TimeCame(self.now))
        elif beginning := self._beginning(late=late):
            self._submit(beginning)

    def _beginning(self, *, late: bool) -> WentOn | TurnCame | None:
        state = self.state
        deployment = state.deployment
        if deployment and (deployment.ready or late):
            return WentOn(self.now, deployment.id, deployment.step - late)
        queued = next_in_turn(state, self.now)
        return TurnCame(self.now, queued.id, state.live.main.other, "", History()) if queued else None

    @precondition(lambda self: self.running)
    @rule()
    def stall(self) -> None:
        """The disk takes too late what guardian begins by itself: the journal has it, and that it is put off; all is as before."""
        beginning, before = self._beginning(late=False), self.state
        if beginning is None or step(before, beginning).state == before:
            return
        self.journal.append(through_json(beginning))
        put_off = PutOff(self.now, beginning.deployment, "the disk did not answer in 2 s")
        said = announce(before, put_off, before)
        assert said
        assert said.sentence.startswith(f"{beginning.deployment}: its next step is put off: the disk did not answer in 2 s; ")
        self._submit(put_off)
        assert self.state == remembered(before, self.now)

    @precondition(lambda self: self.running and self.job)
    @rule(ok=st.sampled_from([True, True, True, False]), twice=st.booleans())
    def stage_ends(self, ok: bool, twice: bool) -> None:  # noqa: FBT001  hypothesis draws it
        """The work around the switch is done, or failed; it may be told twice."""
        job = self.job
        assert job is not None
        ended = StageEnded(self.now, job.deployment, job.kind, job.number, ok, "done" if ok else "a task failed")
        self.job = None
        for _ in range(1 + twice):
            self._submit(ended)
        self.carry_on(99, heard=True)

    @precondition(lambda self: self.running)
    @rule(steps=ways, reach=st.integers(1, 14), retire=st.sampled_from([None, 0.0, 600.0]))
    def go_far(self, steps: tuple[StrategyStep, ...], reach: int, retire: float | None) -> None:
        """A deployment goes well for a while, and nothing comes between."""
        self.world.healthy = dict.fromkeys(Environment, True)
        if self.state.latch:
            self.allow(Unlatched)
        if self.state.freeze:
            self.freeze(0.0)
        self.order_deployment(steps, "v4", "", (False, True, False), retire)
        for _ in range(reach):
            self.carry_on(99, heard=True)
            if self.job:
                self.stage_ends(ok=True, twice=False)
            self.answer("bob", alone=False, kind="approve", late=0)
            self.answer("carl", alone=False, kind="approve", late=0)
            if self.state.deployment and self.state.deployment.phase.proved:
                self.now += 61.0
                self.judge("end", late=False, made=(GOOD,))
            self.pace(late=False)

    # People.

    @precondition(lambda self: self.running)
    @rule(
        by=names,
        alone=st.booleans(),
        kind=st.sampled_from(["approve", "approve", "reject", "lapse"]),
        late=st.sampled_from([0, 0, 1]),
    )
    def answer(self, by: str, alone: bool, kind: str, late: int) -> None:  # noqa: FBT001  hypothesis draws it
        """Somebody answers what is asked, or what was asked before; or may not answer any more."""
        deployment = self.state.deployment
        identifier = deployment.id if deployment else "web-0"
        number = (deployment.question.number if deployment and deployment.question else 0) - late
        match kind:
            case "approve":
                self._submit(Approved(self.now, by, "seen", identifier, number, alone))
            case "reject":
                self._submit(Rejected(self.now, by, "", identifier, number))
            case _:
                self._submit(ApprovalLapsed(self.now, by, identifier, number))

    @precondition(lambda self: self.running)
    @rule(order=st.sampled_from([Held, Resumed, Skipped, AbortOrdered]), why=st.sampled_from(["", "because"]))
    def steer(self, order: type[Held | Resumed | Skipped | AbortOrdered], why: str) -> None:
        """Somebody pauses, resumes, skips or aborts."""
        self._submit(order(self.now, "carl", why))

    @precondition(lambda self: self.running)
    @rule(seconds=st.sampled_from([0.0, 100.0, 3_000.0]))
    def freeze(self, seconds: float) -> None:
        """Somebody freezes the service, or ends a freeze."""
        self._submit(Frozen(self.now, "dora", "a fair", self.now + seconds) if seconds else Unfrozen(self.now, "dora", "over"))

    @precondition(lambda self: self.running)
    @rule(
        name=st.sampled_from(["errors", "errors", "rule-0", "rule-1"]),
        seconds=st.sampled_from([0.0, 100.0, 3_000.0, 90_000.0]),
        why=st.sampled_from(["a known bug", "a known bug", ""]),
    )
    def mute(self, name: str, seconds: float, why: str) -> None:
        """Somebody mutes a rule, perhaps for too long or without a word; or lifts a mute."""
        self._submit(Muted(self.now, "erik", why, name, self.now + seconds) if seconds else Unmuted(self.now, "erik", why, name))

    @precondition(lambda self: self.running and self.state.deployment)
    @rule(name=st.sampled_from(["errors", "rule-0"]), pauses=st.booleans())
    def speak_up(self, name: str, pauses: bool) -> None:  # noqa: FBT001  hypothesis draws it
        """A rule finds the release at fault, muted or not."""
        assert self.state.deployment
        event = Paused if pauses else Breached
        self._submit(event(self.now, self.state.deployment.id, some_verdict(name, Finding.BREACHED)))

    @invariant()
    def mutes_are_bounded(self) -> None:
        """One for each rule, with an owner and a reason, and never for longer than a day."""
        mutes = self.state.mutes
        assert len({mute.rule for mute in mutes}) == len(mutes)
        for mute in mutes:
            assert mute.by
            assert mute.reason
            assert 0 < mute.until - mute.since <= LONGEST_MUTE + 0.001

    @rule()
    def crash_or_start(self) -> None:
        """As for a switch; whoever worked on a stage dies with guardian."""
        if self.running:
            self.job = None
        super().crash_or_start()

    # What always holds.

    @invariant()
    def nobody_works_on_what_serves(self) -> None:
        """While a version is being brought onto an environment, or one is being retired, guardian sends it no traffic."""
        deployment, retirement = self.state.deployment, self.state.retirement
        if deployment and deployment.phase is Phase.DEPLOYING:
            assert self.state.live.share(deployment.candidate) == 0
            assert self.state.safe.sole is not deployment.candidate
        if retirement and retirement.stage:
            assert self.state.live.share(retirement.environment) == 0
            assert self.state.safe.sole is not retirement.environment

    @invariant()
    def the_work_is_being_done(self) -> None:
        """Once commands are carried out, the stage that the state speaks of is the one that is worked on; there is one at most."""
        wanted = [command.job for command in stages(self.state) if isinstance(command, RunStage)]
        assert len(wanted) <= 1
        if self.running and not self.work:
            assert [self.job] == (wanted or [None])

    @invariant()
    def over_means_over(self) -> None:
        """A deployment that has ended asks nothing, holds nothing, and works on nothing."""
        deployment = self.state.deployment
        if deployment and not deployment.phase.active:
            assert (deployment.ready, deployment.held, deployment.stage, deployment.ramp_at) == (False, None, None, None)
            assert deployment.ended_at is not None

    @invariant()
    def a_version_taken_back_is_remembered(self) -> None:
        """As long as it was not verified since."""
        deployment = self.state.deployment
        if deployment and deployment.version and deployment.phase is Phase.ROLLED_BACK and deployment.cutover_at is not None:
            by_hand = deployment.rollback and not (deployment.rollback.cause.blames or deployment.rollback.cause.value == "person")
            assert by_hand or any(failed.version == deployment.version for failed in self.state.failed)


TestRolling = Rolling.TestCase
TestRolling.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
