"""The running parts over a balancer and a store in memory: everything acts, and a test holds every string."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from guardian.app.act import Actor
from guardian.app.clock import SteadyClock
from guardian.app.decide import Decider
from guardian.app.gauges import Gauges
from guardian.app.reconcile import Reconciler
from guardian.app.record import Recorder
from guardian.app.tell import Feed
from guardian.app.watch import Watcher
from guardian.app.watching import Beat, Records, Wires
from guardian.core.deployment import Phase, ServiceState
from guardian.core.events import Adopted, SwitchRequested
from guardian.core.model import BASIS_POINTS, Environment, Service, Split
from guardian.core.rules import Rule, RuleSet
from guardian.core.switch import adopt
from tests.doubles.balancer import FakeBalancer
from tests.doubles.rulefiles import SERVER_ERRORS
from tests.doubles.store import MemoryStore
from tests.waiting import until

WEB = Service("web", "web_blue", "web_green")
DEADLINE = 20.0


def server_errors(**changes: object) -> Rule:
    """The rule that most of these tests judge by."""
    return replace(SERVER_ERRORS, **changes)  # type: ignore[arg-type]


class Rig:
    """Decider, actor, watcher and reconciler, wired as the daemon wires them."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.balancer, self.store = FakeBalancer([WEB]), MemoryStore()
        self.balancer.disk["web"] = Split.all_on(Environment.BLUE)
        self.balancer.reload()
        self.clock, self.feed, self.gauges = SteadyClock(), Feed(), Gauges()
        self.recorder = Recorder(self.store)
        worker = self.balancer.workers[0].name
        state = adopt("web", Adopted(self.clock.now(), Split.all_on(Environment.BLUE), worker)).state
        self.decider = Decider({"web": state}, self.recorder, self.clock, self.feed)
        self.kept: dict[str, Callable[[], Records]] = {}
        rule_sets = {"web": RuleSet("web", rules)}
        beat = Beat(look_every=0.01, idle_every=0.01)
        self.watcher = Watcher({"web": WEB}, self.balancer, self.clock, rule_sets.__getitem__, self.gauges, beat)
        self.actor = Actor({"web": WEB}, self.balancer, self.watcher, self.clock, self.decider.submit)
        self.reconciler = Reconciler(self.balancer, self.actor, self.decider.state, self.decider.submit, self.clock)
        self.decider.connect(self.actor.act)
        self.watcher.connect(Wires(self.decider.submit, self.reconciler.soon, self.kept.__setitem__, self.decider.state))

    @property
    def state(self) -> ServiceState:
        """What guardian intends for ``web``."""
        return self.decider.state("web")

    @property
    def phase(self) -> Phase | None:
        """Where the latest deployment stands."""
        return self.state.deployment.phase if self.state.deployment else None

    @property
    def sentences(self) -> list[str]:
        """Everything that was told."""
        return [told.announcement.sentence for told in self.feed._told]

    async def switch(self, share: int = BASIS_POINTS, watch_seconds: float = 600.0) -> None:
        """Order a switch to green."""
        await self.decider.submit(
            "web", SwitchRequested(self.clock.now(), "alice", "v2", Environment.GREEN, share, watch_seconds=watch_seconds)
        )

    async def until_phase(self, phase: Phase) -> None:
        """Wait until the deployment is in ``phase``."""
        await self.until(lambda: self.phase is phase)

    async def reconcile(self) -> bool:
        """Compare and mend, when nothing else is being done; whether all was right."""
        await self.actor.idle()
        right = await self.reconciler.check("web")
        await self.actor.idle()
        return right

    async def until_looking(self) -> None:
        """Wait until the release is on trial and the first look since the cutover is behind us."""
        await self.until_phase(Phase.WATCHING)
        await self.until(lambda: self.watcher.on_trial() == ["web"] and self.watcher.observer("web")._last is not None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds."""
        await until(condition, DEADLINE)

    def answer(self, environment: Environment, good: int, bad: int = 0) -> None:
        """Count answers of one environment."""
        count = partial(self.balancer.count, WEB.backend(environment))
        count(requests=good + bad, responses_2xx=good, responses_5xx=bad)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Rig"]:
        """Run the beat and the close looks of the reconciler."""
        tasks = [asyncio.create_task(self.watcher.run()), asyncio.create_task(self.reconciler.run())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self.close()

    async def close(self) -> None:
        """End what is under way."""
        await self.actor.aclose()
        await self.recorder.aclose()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A rig whose beat does not run: what happens, the test lets happen."""
    rig = Rig((server_errors(),))
    yield rig
    await rig.close()


@pytest.fixture
async def live() -> AsyncIterator[Rig]:
    """A rig that runs."""
    async with Rig((server_errors(),)).running() as rig:
        yield rig
