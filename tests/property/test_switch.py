"""The state machine of a switch in a world that crashes, reloads, fills its disk, loses workers and has impatient people in it."""

import json
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from guardian.app.codec import event_from_record, event_to_record, state_from_record, state_to_record
from guardian.core.commands import Command, Keep, Route, RunStage, Unwatch, Watch
from guardian.core.deployment import Phase, ServiceState
from guardian.core.drift import drift
from guardian.core.events import (
    Adopted,
    Breached,
    Event,
    FellBack,
    MovedByHand,
    Noted,
    Promoted,
    RollbackOrdered,
    Routed,
    RoutingFailed,
    SwitchRequested,
    TargetUnable,
    Unlatched,
    WatchEnded,
)
from guardian.core.model import Environment, Split
from guardian.core.plan import resume
from guardian.core.release_events import Skipped, TimeCame, WentOn
from guardian.core.rules import Lack
from guardian.core.switch import Refused, adopt, replay, step
from guardian.core.verdicts import Conclusion, Finding
from guardian.core.words.story import announce
from tests.property.world import GOOD, World, conclusions, environments, shares, some_verdict, splits, words

OVER = (Phase.ROLLED_BACK, Phase.ABORTED)
Outcome = Routed | RoutingFailed | TargetUnable


class Switching(RuleBasedStateMachine):
    """Guardian's state machine, and the world that it acts upon."""

    people: tuple[type, ...] = (SwitchRequested, RollbackOrdered, Promoted, Unlatched)
    """Events that may be refused."""

    @initialize(split=splits, past=st.lists(st.tuples(shares, st.just((GOOD,)) | conclusions()), max_size=2))
    def meet(self, split: Split, past: list[tuple[int, tuple[Conclusion, ...]]]) -> None:
        """Guardian meets the service, and some deployments go undisturbed."""
        self.now = 1_000.0
        self.world = World(Split.all_on(split.main), {"worker-1": split})
        adopted = Adopted(self.now, split, "worker-1")
        self.state, commands = adopt("web", adopted)
        self.journal = [through_json(adopted)]
        self.running = True
        self.reports: list[Outcome] = []
        self.reported: list[Outcome] = []
        self.work: Iterator[None] | None = None
        self.automatic: dict[str, int] = {}
        self.blessed = {split.main}
        self.abandoned: Environment | None = None
        self._act(commands)
        for share, made in past:
            self.deploy(share)
            self.judge("end", late=False, made=made)
            self.carry_on(99, heard=True)

    # What guardian does. As in the program, commands with a route supersede whatever is being carried out.

    def _act(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            self._work_around(command)
        if not commands:
            return
        before = None if any(isinstance(command, Route) for command in commands) else self.work
        self.work = self._carry_out(before, commands)

    def _carry_out(self, before: Iterator[None] | None, commands: tuple[Command, ...]) -> Iterator[None]:
        yield from before or ()
        for command in commands:
            yield
            match command:
                case Keep(split):
                    self.world.unkept = self.world.disk_full
                    self.world.disk = self.world.disk if self.world.disk_full else split
                case Route():
                    yield from self._route(command)
                case Watch(deployment):
                    assert self.state.deployment
                    assert deployment == self.state.deployment.id
                case Unwatch():
                    pass

    def _work_around(self, command: Command) -> None:
        """Stages are begun and ended at once; a switch has none."""
        assert not isinstance(command, RunStage)

    def _route(self, command: Route) -> Iterator[None]:
        world = self.world
        if command.needs is not None and not world.healthy[command.needs]:
            self.reports.append(TargetUnable(self.now, command.generation, command.needs, "no server is up"))
            return
        while astray := [worker for worker, split in world.workers.items() if split != command.split]:
            yield
            if world.silent:
                self.reports.append(RoutingFailed(self.now, command.generation, "a worker does not answer"))
                return
            if astray[0] in world.workers:
                world.tell(astray[0], command.split)
        self.reports.append(Routed(self.now, command.generation, world.current, len(world.workers), 0.1))

    def _submit(self, event: Event) -> None:
        before = self.state
        try:
            after, commands = step(before, event)
        except Refused:
            assert isinstance(event, self.people), "only people can be refused"
            return
        assert not (isinstance(event, SwitchRequested) and before.latch), "nothing moves forward while latched"
        self._tell(before, event, after)
        self._remember(before, event, after)
        self.journal.append(through_json(event))
        self.state = after
        self._act(commands)

    def _tell(self, before: ServiceState, event: Event, after: ServiceState) -> None:
        told = announce(before, event, after)
        phases = [state.deployment.phase if state.deployment else None for state in (before, after)]
        if phases[0] != phases[1]:
            assert told is not None
        if told is not None:
            assert told.sentence

    def _remember(self, before: ServiceState, event: Event, after: ServiceState) -> None:
        """Keep the books that the invariants are checked against."""
        deployment, earlier = after.deployment, before.deployment
        blamed = deployment and deployment.rollback and deployment.rollback.cause.blames
        if deployment and blamed and after.generation != before.generation and not (earlier and earlier.rollback):
            self.automatic[deployment.id] = self.automatic.get(deployment.id, 0) + 1
            assert after.latch
        if deployment and deployment.phase is Phase.VERIFIED and earlier and earlier.phase is Phase.WATCHING:
            proved = [each for each in deployment.conclusions if each.enough]
            assert proved, "never verified without evidence"
            assert all(each.lack is Lack.PASS for each in deployment.conclusions if not each.enough)
            if deployment.target.sole:
                self.blessed.add(deployment.target.sole)
        if isinstance(event, Promoted | Skipped) and after.live.sole and after.safe == after.live:
            self.blessed.add(after.live.sole)
        if deployment and deployment.phase is Phase.ROLLING_BACK:
            self.blessed = {deployment.fallback.main}
        if isinstance(event, SwitchRequested | MovedByHand | WentOn | TimeCame) and after.generation != before.generation:
            self.abandoned = None
        if isinstance(event, MovedByHand) and after != before:  # lingering workers do not follow a hand by themselves
            self.world.by_hand |= self.world.workers.keys() - {event.worker}
        if deployment and isinstance(event, Routed) and deployment.phase in OVER and earlier and earlier.phase not in OVER:
            self.abandoned = deployment.candidate

    # Guardian gets on with it.

    @precondition(lambda self: self.running)
    @rule(steps=st.sampled_from([1, 2, 3, 99]), heard=st.booleans())
    def carry_on(self, steps: int, heard: bool) -> None:  # noqa: FBT001  hypothesis draws it
        """Guardian gets on with its commands; what comes of them is ``heard`` at once or later."""
        for _ in range(steps):
            if self.work and next(self.work, self) is self:
                self.work = None
            while heard and self.reports:
                self.report()

    @precondition(lambda self: self.running and self.reports)
    @rule()
    def report(self) -> None:
        """The outcome of a command reaches the one writer."""
        event = self.reports.pop(0)
        self.reported.append(event)
        self._submit(event)

    @precondition(lambda self: self.running and self.reported)
    @rule(data=st.data())
    def report_again(self, data: st.DataObject) -> None:
        """An outcome is reported twice, or long after."""
        event = data.draw(st.sampled_from(self.reported))
        if isinstance(event, Routed) or event.generation != self.state.generation:
            self._submit(event)

    @precondition(lambda self: self.running)
    @rule(late=st.sampled_from([None, None, "breach", "rollback"]))
    def reconcile(self, late: str | None) -> None:
        """Guardian compares intention and truth; its finding may come a moment after something else."""
        if self.work or self.reports or self.world.silent:
            return
        found = drift(self.state, self.world.listing(), self.world.disk)
        if late == "breach" and self.state.deployment:
            self._submit(Breached(self.now, self.state.deployment.id, some_verdict("errors", Finding.BREACHED)))
        elif late:
            self._submit(RollbackOrdered(self.now, "bob", ""))
        if found.by_hand:
            self._submit(MovedByHand(self.now, found.by_hand.split, found.by_hand.worker))
        elif found.reborn:
            self._submit(Routed(self.now, self.state.generation, found.reborn.worker, len(self.world.workers), 0.0))
        elif not late:
            self._act(tuple(command for command in (found.keep, found.route) if command))

    @rule()
    def crash_or_start(self) -> None:
        """A kill -9: what is not in the journal is gone. Or guardian rises from its journal."""
        if self.running:
            self.running, self.work, self.reports, self.reported = False, None, [], []
            return
        self.state = replay("web", self.journal)
        self.running = True
        self._act(resume(self.state))

    # The world.

    @rule(jump=st.sampled_from([0.05, 1.0, 700.0, 3_600.0, -3_600.0]))
    def time_passes(self, jump: float) -> None:
        """The clock runs, or is set."""
        self.now += jump

    @rule(kind=st.sampled_from(["reload", "end", "sicken blue", "sicken green", "fill", "silence"]))
    def mishap(self, kind: str) -> None:
        """HAProxy is reloaded, a lingering worker ends, an environment goes down or comes up, the disk is full, a worker hangs."""
        world = self.world
        match kind.split():
            case ["reload"] if len(world.workers) < 4:
                world.reload()
            case ["end"] if len(world.workers) > 1:
                del world.workers[next(worker for worker in world.workers if worker != world.current)]
            case ["sicken", environment]:
                world.healthy[Environment(environment)] ^= True
            case ["fill"]:
                world.disk_full ^= True
            case ["silence"]:
                world.silent ^= True

    @rule(split=splits, data=st.data())
    def hand(self, split: Split, data: st.DataObject) -> None:
        """Somebody changes the map of one worker at its socket."""
        worker = data.draw(st.sampled_from(sorted(self.world.workers)))
        if self.world.workers[worker] != split:
            self.world.workers[worker] = split
            self.world.by_hand.add(worker)

    # People.

    @precondition(lambda self: self.running)
    @rule(share=shares)
    def deploy(self, share: int) -> None:
        """Somebody orders a release onto the idle side, and nothing comes between."""
        if self.state.latch:
            self.allow(Unlatched)
        self.switch(None, share, "release")
        self.carry_on(99, heard=True)

    @precondition(lambda self: self.running)
    @rule(candidate=st.none() | environments, share=shares, why=words)
    def switch(self, candidate: Environment | None, share: int, why: str) -> None:
        """Somebody orders a switch."""
        self._submit(SwitchRequested(self.now, "anna", why, candidate or self.state.safe.main.other, share, 600.0))

    @precondition(lambda self: self.running)
    @rule(why=words, force=st.booleans())
    def roll_back(self, why: str, force: bool) -> None:  # noqa: FBT001  hypothesis draws it
        """Somebody orders a rollback."""
        self._submit(RollbackOrdered(self.now, "bob", why, force))

    @precondition(lambda self: self.running)
    @rule(order=st.sampled_from([Promoted, Unlatched]))
    def allow(self, order: type[Promoted | Unlatched]) -> None:
        """Somebody declares what is live to be safe, or lets the service move forward again."""
        self._submit(order(self.now, "carl", "fixed"))

    # Judges.

    @precondition(lambda self: self.running)
    @rule(kind=st.sampled_from(["breach", "note", "end", "end"]), late=st.booleans(), made=st.just((GOOD,)) | conclusions())
    def judge(self, kind: str, late: bool, made: tuple[Conclusion, ...]) -> None:  # noqa: FBT001  hypothesis draws it
        """A rule speaks up, or a watch is over; perhaps about the deployment before."""
        number = self.state.deployment.number if self.state.deployment else 0
        deployment = f"web-{number - late}"
        match kind:
            case "breach":
                self._submit(Breached(self.now, deployment, some_verdict("errors", Finding.BREACHED)))
            case "note":
                self._submit(Noted(self.now, deployment, some_verdict("slow", Finding.BREACHED)))
            case _:
                self._submit(WatchEnded(self.now, deployment, made))

    @precondition(lambda self: self.running)
    @rule(environment=environments, late=st.booleans())
    def fall_back(self, environment: Environment, late: bool) -> None:  # noqa: FBT001  hypothesis draws it
        """HAProxy answers from the other side, since an environment has no server left; perhaps the deployment before had it."""
        number = self.state.deployment.number if self.state.deployment else 0
        self._submit(FellBack(self.now, f"web-{number - late}", environment, "0 servers up"))

    # In the end.

    @rule()
    def calm(self) -> None:
        """Everything heals and guardian is left alone for a while: the world is as guardian says, and nothing is half done."""
        self.world.healthy = dict.fromkeys(Environment, True)
        self.world.disk_full = self.world.silent = False
        if not self.running:
            self.crash_or_start()
        for _ in range(30):
            while self.work or self.reports:
                self.carry_on(99, heard=True)
            self.reconcile(None)
        state, world = self.state, self.world
        assert state.proved
        assert set(world.workers.values()) == {state.live}
        assert world.disk == state.safe
        assert state.deployment is None or not (state.deployment.phase.moving or state.deployment.phase.going_back)

    # What always holds.

    @invariant()
    def journal_is_the_state(self) -> None:
        """Replaying the journal gives the state, and both survive JSON."""
        assert replay("web", self.journal) == self.state
        assert state_from_record(json.loads(json.dumps(state_to_record(self.state)))) == self.state

    @invariant()
    def proved_is_true(self) -> None:
        """What was proved is so in every worker that nobody touched since."""
        if self.state.proved and not self.work and not self.reports:
            touched = self.world.by_hand | {worker for worker in self.world.workers if worker not in self._seen_by_guardian()}
            assert all(split == self.state.live for worker, split in self.world.workers.items() if worker not in touched)

    def _seen_by_guardian(self) -> set[str]:
        """Workers that are no younger than the one that confirmed last."""
        newest = int(self.state.worker.removeprefix("worker-"))
        return {f"worker-{number}" for number in range(1, newest + 1)}

    @invariant()
    def abandoned_gets_nothing(self) -> None:
        """After a rollback is proved, no worker routes to the candidate, unless a person says so."""
        if self.abandoned is None:
            return
        excused = self.world.by_hand | self.world.stale_born
        assert all(not split.share(self.abandoned) for worker, split in self.world.workers.items() if worker not in excused)

    @invariant()
    def one_automatic_rollback(self) -> None:
        """At most one per deployment."""
        assert all(count == 1 for count in self.automatic.values())

    @invariant()
    def safe_side_has_proved_itself(self) -> None:
        """The safe side is one environment, known to be good; the file follows it unless it cannot be written."""
        assert self.state.safe.sole in self.blessed
        if self.running and not self.work and not self.world.unkept:
            assert self.world.disk == self.state.safe

    @invariant()
    def latched_means_no_way_forward(self) -> None:
        """Every order to move forward is refused while latched."""
        if self.state.latch:
            for candidate in Environment:
                assert _refused(self.state, SwitchRequested(self.now, "eve", "", candidate, 10_000, 1.0))

    @invariant()
    def rollback_is_never_blocked(self) -> None:
        """Only obedience refuses a forced rollback; none asks anything of the side that is left."""
        state, deployment = self.state, self.state.deployment
        if _refused(state, RollbackOrdered(self.now, "eve", "", force=True)):
            assert state.proved
            assert state.live == (deployment.fallback if deployment else state.safe)
            return
        for force in (True, False):
            order = RollbackOrdered(self.now, "eve", "", force)
            if _refused(state, order):
                assert deployment is not None
                assert deployment.phase in (Phase.ROLLING_BACK, Phase.STUCK)
                continue
            after, commands = step(state, order)
            routes = [command for command in commands if isinstance(command, Route)]
            assert [(each.split, each.generation) for each in routes] == [(after.live, after.generation)]
            assert routes[0].needs is (None if force else after.live.main)

    @invariant()
    def no_dead_end(self) -> None:
        """A person can always bring resting traffic to the safe side."""
        state = self.state
        if state.live == state.safe or (state.deployment and state.deployment.phase.active):
            return
        assert state.safe.sole
        unlatched = replace(state, latch=None)
        orders = (
            RollbackOrdered(self.now, "eve", ""),
            SwitchRequested(self.now, "eve", "", state.safe.sole, 10_000, 1.0),
        )
        assert any(not _refused(unlatched, order) and step(unlatched, order).state.live == state.safe for order in orders)


def through_json(event: Event) -> Event:
    """``event`` as the journal gives it back."""
    read = event_from_record(json.loads(json.dumps(event_to_record(event))))
    assert read == event
    return read


def _refused(state: ServiceState, order: Event) -> bool:
    try:
        step(state, order)
    except Refused:
        return True
    return False


TestSwitching = Switching.TestCase
TestSwitching.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
