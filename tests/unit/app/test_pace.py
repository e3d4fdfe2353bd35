"""Whole deployments in the running program, over a balancer and stages in memory: paced, held back by windows, resumed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from guardian.app.act import Actor
from guardian.app.clock import SteadyClock
from guardian.app.codec import state_from_record
from guardian.app.decide import Decider
from guardian.app.gauges import Gauges
from guardian.app.orders import Order, Orders, Parts
from guardian.app.pace import Pacer
from guardian.app.readiness import Prober
from guardian.app.reconcile import Reconciler
from guardian.app.record import Entry, Recorder
from guardian.app.rulebook import RuleBook
from guardian.app.tell import Feed
from guardian.app.watch import Watcher
from guardian.app.watching import Beat, Wires
from guardian.core.calendar import Calendar, Exemption
from guardian.core.deployment import Deployment, Phase, ServiceState
from guardian.core.events import Adopted
from guardian.core.letters import Change
from guardian.core.line import Posting
from guardian.core.model import Environment, Service, Split
from guardian.core.plan import resume
from guardian.core.ports import BalancerGone
from guardian.core.rules import RuleSet
from guardian.core.strategy import Queueing, StageKind, StepKind, Strategy, StrategyStep
from guardian.core.switch import Refused, Unknown, adopt
from tests.doubles.balancer import FakeBalancer
from tests.doubles.rulefiles import RuleFiles
from tests.doubles.stages import FakeStages
from tests.doubles.store import MemoryStore
from tests.unit.app.conftest import server_errors

DEADLINE = 20.0
BLUE, GREEN = Environment.BLUE, Environment.GREEN
SLICE = StrategyStep(StepKind.SHIFT, 500, 0.3)
ASK = StrategyStep(StepKind.ASK, seconds=3600.0, needed=1)
ANNA, BOB = Order("anna", "release 4.2"), Order("bob", "seen")
CLOSED = Calendar(exceptions=(Exemption("2000-01-01", "2100-01-01", None, "UTC"),))


class Works:
    """The parts of the program that a deployment needs, wired as the daemon wires them."""

    def __init__(self, strategy: Strategy, store: MemoryStore | None = None) -> None:
        """Go on from what ``store`` remembers."""
        self.service = Service("web", "web_blue", "web_green", watch_seconds=0.5, strategy=strategy)
        services = {"web": self.service}
        self.balancer, self.store, self.stages = FakeBalancer([self.service]), store or MemoryStore(), FakeStages()
        self.balancer.disk["web"] = Split.all_on(BLUE)
        self.balancer.reload()
        self.clock, self.feed, self.gauges, self.recorder = SteadyClock(), Feed(), Gauges(), Recorder(self.store)
        worker = self.balancer.workers[0].name
        self.met = Adopted(self.clock.now(), Split.all_on(BLUE), worker)
        recorded = self.store.services().get("web")
        state = state_from_record(recorded) if recorded else adopt("web", self.met).state
        self.decider = decider = Decider({"web": state}, self.recorder, self.clock, self.feed)
        files = RuleFiles({"web": RuleSet("web", (server_errors(min_requests=10),))})
        self.rules = RuleBook(files.rules, files.files, self.clock, decider.watching)
        beat = Beat(look_every=0.01, idle_every=0.01)
        self.watcher = Watcher(services, self.balancer, self.clock, self.rules.of, self.gauges, beat)
        self.actor = Actor(services, self.balancer, self.watcher, self.clock, decider.submit, self.stages)
        self.reconciler = Reconciler(self.balancer, self.actor, decider.state, decider.submit, self.clock)
        prober = Prober(services, self.balancer, self.recorder, decider.state, self.clock)
        self.approvers = {"bob", "carl"}
        parts = Parts(
            services, self.balancer, self.store, decider, self.watcher, prober, self.feed, self.rules, self.clock, self.stages,
            self.may_approve,
        )  # fmt: skip
        self.orders, self.pacer = Orders(parts), Pacer(parts)
        decider.connect(self.actor.act)
        self.watcher.connect(Wires(decider.submit, self.reconciler.soon, lambda _deployment, _gather: None, decider.state))
        self._answering: set[Environment] = set()

    def may_approve(self, by: str) -> bool:
        """Whoever is among the approvers now."""
        return by in self.approvers

    @property
    def state(self) -> ServiceState:
        """What guardian intends."""
        return self.decider.state("web")

    @property
    def deployment(self) -> Deployment:
        """The latest deployment."""
        assert self.state.deployment
        return self.state.deployment

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds, while both environments answer."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                for environment in Environment:
                    backend = self.service.backend(environment)
                    self.balancer.count(backend, requests=40, responses_2xx=40)
                await asyncio.sleep(0.01)

    async def until_phase(self, phase: Phase) -> None:
        """Wait until the deployment is in ``phase``."""
        await self.until(lambda: self.state.deployment is not None and self.state.deployment.phase is phase)

    async def work(self, kind: StageKind, **given: Any) -> None:
        """Wait for a stage, and end it."""
        await self.until(lambda: self.stages.working is kind)
        self.stages.end(**given)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Works"]:
        """Run, and go on with what an earlier run left half done."""
        if not self.store.services():
            await self.recorder.record(Entry("web", self.met, self.state), 5.0, must=True)
        self.actor.act(self.state, resume(self.state))
        tasks = [asyncio.create_task(each.run()) for each in (self.watcher, self.reconciler, self.pacer)]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self.actor.aclose()
            await self.recorder.aclose()


@asynccontextmanager
async def works(*steps: StrategyStep, **given: Any) -> AsyncIterator[Works]:
    """The program, running, with a strategy."""
    async with Works(Strategy(steps, **given)).running() as running:
        yield running


async def test_a_release_takes_its_way_to_verified() -> None:
    """Deployed, compared, verified, a slice, asked, all of it, watched; then the old side is retired."""
    async with works(SLICE, ASK, warm=0.0) as web:
        view = await web.orders.deploy("web", "4.2", ANNA)
        assert (view.id, view.phase, view.version, view.candidate) == ("web-1", "deploying", "4.2", "green")
        for kind in (StageKind.DEPLOY, StageKind.PARITY, StageKind.VERIFY):
            assert web.state.live == Split.all_on(BLUE)
            await web.work(kind)
        await web.until_phase(Phase.BAKING)
        assert web.state.live == Split(500)
        await web.until_phase(Phase.AWAITING_APPROVAL)
        asked = web.orders.service("web").deployment
        assert asked
        assert asked.approval
        assert (asked.approval.generation, asked.approval.needed, asked.approval.open) == (1, 1, True)
        assert [step.state for step in asked.steps] == ["done"] * 4 + ["now", "to come"]
        await web.orders.approve("web-1", BOB, asked.approval.generation)
        await web.until_phase(Phase.VERIFIED)
        assert web.state.safe == Split.all_on(GREEN)
        await web.work(StageKind.RETIRE, summary="stopped")
        await web.until(lambda: web.orders.service("web").retirement == "blue is retired: stopped")
        journal = (await web.orders.deployment("web-1")).journal
        assert [entry.event["kind"] for entry in journal].count("stage ended") == 4


class Office:
    """Takes down which sentences would be sent out."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def address(self, change: Change, instead: Iterable[Posting] = ()) -> tuple[Posting, ...]:
        """As the protocol says; nothing is ever sent."""
        if change.announcement:
            self.sentences.append(change.announcement.sentence)
        return ()

    def post(self, letters: object) -> None:
        """As the protocol says."""


async def test_what_a_stage_says_while_it_works_is_not_sent_out() -> None:
    """It is journalled, and shown to those who follow; channels are told what came of it."""
    async with works() as web:
        office = Office()
        web.decider.connect(web.actor.act, office)
        await web.orders.deploy("web", "4.2", ANNA)
        await web.until(lambda: web.stages.working is not None)
        web.stages.say("TASK [install] ok: green1")
        await web.work(StageKind.DEPLOY, ok=False, summary="no space left")
        await web.until_phase(Phase.ABORTED)
        assert [sentence.partition(": ")[2] for sentence in office.sentences] == [
            "anna deploys 4.2 on green of web (release 4.2)",
            "aborted: deploy failed: no space left; web is on blue",
        ]
        followed = [told.announcement.sentence for told in web.feed._told]
        assert "web-1: TASK [install] ok: green1" in followed


async def test_only_approvers_approve_and_that_is_asked_again() -> None:
    """An approver who loses that right before the step begins has approved nothing."""
    async with works(ASK, SLICE) as web:
        web.stages.offered = {}
        await web.orders.switch("web", ANNA)
        with pytest.raises(Refused, match="dave may not approve deployments"):
            await web.orders.approve("web-1", Order("dave"))
        await web.orders.pause("web", BOB)
        await web.orders.approve("web-1", BOB)
        web.approvers.discard("bob")
        await web.until(lambda: web.deployment.question is not None and not web.deployment.question.approvals)
        await web.orders.resume("web", BOB)
        await web.orders.approve("web-1", Order("carl"))
        await web.until_phase(Phase.BAKING)


async def test_outside_its_windows_a_release_waits_and_a_rollback_does_not() -> None:
    """It is deployed and verified all the same, and says when it goes on."""
    async with works(SLICE, calendar=CLOSED) as web:
        await web.orders.deploy("web", "4.2", ANNA)
        for kind in (StageKind.DEPLOY, StageKind.PARITY, StageKind.VERIFY):
            await web.work(kind)
        await web.until(lambda: web.deployment.closed is not None)
        view = web.orders.service("web").deployment
        assert view
        assert view.waits == "outside its windows, none of which opens this year"
        assert web.state.live == Split.all_on(BLUE)
        with pytest.raises(Refused, match="one change of web at a time"):
            await web.orders.switch("web", ANNA)
        await web.orders.rollback("web", BOB)
        await web.until_phase(Phase.ABORTED)
        with pytest.raises(Refused, match="outside its windows"):
            await web.orders.switch("web", ANNA)
        await web.orders.switch("web", replace(ANNA, break_glass=True), now=True)
        await web.until_phase(Phase.WATCHING)


async def test_a_restart_in_every_phase_goes_on() -> None:
    """The stage is begun again with the same number, the bake is judged on, the question keeps its deadline."""
    store = MemoryStore()
    strategy = Strategy((SLICE, ASK))
    async with Works(strategy, store).running() as web:
        await web.orders.deploy("web", "4.2", ANNA)
        await web.until(lambda: web.stages.working is StageKind.DEPLOY)
        job = web.stages.jobs[0]
    async with Works(strategy, store).running() as web:
        await web.until(lambda: web.stages.jobs == [job])
        web.stages.end()
        await web.work(StageKind.PARITY)
        await web.work(StageKind.VERIFY)
        await web.until_phase(Phase.BAKING)
    restarted = Works(strategy, store)
    restarted.balancer.workers[0].splits["web"] = Split(500)
    async with restarted.running() as web:
        await web.until_phase(Phase.AWAITING_APPROVAL)
        question = web.deployment.question
    again = Works(strategy, store)
    again.balancer.workers[0].splits["web"] = Split(500)
    async with again.running() as web:
        assert web.deployment.question == question
        await web.until(lambda: web.watcher.on_trial() == ["web"])  # a gate blocks forward only
        await web.orders.approve("web-1", BOB)
        await web.until_phase(Phase.VERIFIED)


async def test_a_bad_slice_is_taken_back_while_people_are_asked() -> None:
    """Waiting for an approval is no shelter."""
    async with works(SLICE, ASK) as web:
        web.stages.offered = {}
        await web.orders.switch("web", ANNA)
        await web.until_phase(Phase.AWAITING_APPROVAL)
        for _ in range(200):
            web.balancer.count("web_green", requests=10, responses_5xx=10)
            web.balancer.count("web_blue", requests=190, responses_2xx=190)
            await asyncio.sleep(0.01)
            if web.deployment.rollback:
                break
        await web.until_phase(Phase.ROLLED_BACK)
        assert web.state.latch


async def test_a_slice_without_traffic_leads_no_further() -> None:
    """It bakes on and says what it lacks, until there is traffic."""
    async with works(SLICE) as web:
        web.stages.offered = {}
        await web.orders.switch("web", ANNA)
        async with asyncio.timeout(DEADLINE):
            while not (web.state.deployment and web.state.deployment.thin):  # noqa: ASYNC110  no traffic meanwhile
                await asyncio.sleep(0.01)
        assert web.deployment.phase is Phase.BAKING
        await web.until_phase(Phase.WATCHING)
        assert any("bakes on" in told.announcement.sentence for told in web.feed._told)


async def test_a_retried_job_finds_its_deployment() -> None:
    """By its key: while it is under way, and when it is over."""
    async with works() as web:
        first = await web.orders.deploy("web", "4.2", ANNA, key="job-7")
        assert (await web.orders.deploy("web", "4.2", ANNA, key="job-7")).id == first.id
        await web.work(StageKind.DEPLOY, ok=False, summary="install on green1: no such package")
        await web.until_phase(Phase.ABORTED)
        again = await web.orders.deploy("web", "4.2", ANNA, key="job-7")
        assert (again.id, again.phase) == ("web-1", "aborted")
        assert again.trouble == "deploy failed: install on green1: no such package"
        assert len(web.stages.jobs) == 1


async def test_deployments_wait_for_their_turn() -> None:
    """Two CI jobs at once: the second one begins when the first is over, on what is idle then."""
    async with works(queue=Queueing.WAIT) as web:
        web.stages.offered = {StageKind.DEPLOY: 60.0}
        first, second = await asyncio.gather(web.orders.deploy("web", "4.2", ANNA), web.orders.deploy("web", "4.3", BOB))
        assert (first.phase, second.phase, second.position, second.waits) == ("deploying", "queued", 1, "number 1 in the queue")
        assert [view.id for view in web.orders.queue("web")] == ["web-2"]
        assert (await web.orders.deployment("web-2")).deployment.phase == "queued"
        third = await web.orders.deploy("web", "4.4", BOB)
        await web.orders.abort("web", BOB, third.id)
        await web.work(StageKind.DEPLOY)
        await web.until(lambda: web.deployment.id == "web-2")
        assert (web.deployment.candidate, web.deployment.version) == (BLUE, "4.3")
        await web.work(StageKind.DEPLOY)
        await web.until_phase(Phase.VERIFIED)


async def test_what_is_idle_is_asked_of_the_balancer() -> None:
    """Where it says something else, or nothing, no host is touched."""
    async with works() as web:
        web.balancer.failures["read"] = BalancerGone("HAProxy does not answer")
        with pytest.raises(Refused, match="which environment of web is idle cannot be asked: HAProxy does not answer"):
            await web.orders.deploy("web", "4.2", ANNA)
        del web.balancer.failures["read"]
        web.balancer.workers[0].splits["web"] = Split.all_on(GREEN)
        with pytest.raises(Refused, match="the balancer has another split of web"):
            await web.orders.deploy("web", "4.2", ANNA)
        assert web.stages.jobs == []


@pytest.mark.parametrize(
    "version", ["", "-x", "4.2; rm -rf /", "$(id)", "{{ lookup('pipe','id') }}", "a" * 129, "4.2\n", "../x", "»"]
)
async def test_a_version_that_could_mean_something_else_is_refused(version: str) -> None:
    """To a shell, to YAML, to a path, to an option parser."""
    async with works() as web:
        with pytest.raises(Refused, match="cannot name a version"):
            await web.orders.deploy("web", version, ANNA)
        assert web.stages.jobs == []


async def test_orders_that_make_no_sense_say_so() -> None:
    """Before anything is touched."""
    async with works(ASK, SLICE, StrategyStep(StepKind.VERIFY)) as web:
        with pytest.raises(Refused, match="asks for approval: `--now` and `--share` go past it only with"):
            await web.orders.switch("web", ANNA, now=True)
        with pytest.raises(Refused, match="needs a reason"):
            await web.orders.switch("web", Order("anna", break_glass=True), now=True)
        with pytest.raises(Refused, match="needs a reason"):
            await web.orders.deploy("web", "4.2", Order("anna", break_glass=True))
        with pytest.raises(Unknown):
            await web.orders.approve("shop-1", BOB)
        with pytest.raises(Refused, match="web-7 is not under way"):
            await web.orders.reject("web-7", BOB)
        with pytest.raises(Refused, match="nothing of web was retired"):
            await web.orders.rollback("web", BOB, redeploy=True)
        web.stages.offered = {StageKind.DEPLOY: 60.0}
        with pytest.raises(Refused, match="verifies between its steps, but"):
            await web.orders.deploy("web", "4.2", ANNA)
        web.stages.offered = {}
        with pytest.raises(Refused, match="does not say how to deploy web"):
            await web.orders.deploy("web", "4.2", ANNA)
        assert web.state.deployment is None


async def test_going_back_after_the_retirement_is_one_command() -> None:
    """Said plainly, and done: the old version is deployed, verified, and given all of the traffic, whatever is frozen."""
    async with works(warm=0.0) as web:
        for version, kind in (("4.1", None), ("4.2", StageKind.RETIRE)):
            await web.orders.deploy("web", version, ANNA)
            for stage in (StageKind.DEPLOY, StageKind.PARITY, StageKind.VERIFY):
                await web.work(stage)
            await web.until_phase(Phase.VERIFIED)
            await web.work(kind or StageKind.RETIRE)
            await web.until(lambda: "is retired" in web.orders.service("web").retirement)
        with pytest.raises(Refused, match="`guardian rollback web --redeploy` does both"):
            await web.orders.rollback("web", BOB)
        await web.orders.freeze("web", Order("dora", "a fair"), 3_600.0)
        with pytest.raises(Refused, match="frozen"):
            await web.orders.deploy("web", "4.3", ANNA)
        await web.orders.rollback("web", BOB, redeploy=True)
        await web.work(StageKind.DEPLOY)
        await web.work(StageKind.VERIFY)
        await web.until_phase(Phase.VERIFIED)
        assert (web.deployment.version, web.state.safe) == ("4.1", Split.all_on(GREEN))


async def test_what_cannot_be_recorded_does_not_begin() -> None:
    """A full disk: no stage is begun, and the next step waits until it can be recorded."""
    async with works(SLICE) as web:
        web.store.fail()
        with pytest.raises(Refused, match="could not be recorded"):
            await web.orders.deploy("web", "4.2", ANNA)
        assert (web.stages.jobs, web.state.deployment) == ([], None)
        web.store.heal()
        web.stages.offered = {StageKind.DEPLOY: 60.0}
        await web.orders.deploy("web", "4.2", ANNA)
        await web.until(lambda: web.stages.working is not None)
        await web.orders.pause("web", BOB)
        web.stages.end()
        await web.until(lambda: web.deployment.ready)
        await web.orders.resume("web", BOB)
        await web.until_phase(Phase.BAKING)
