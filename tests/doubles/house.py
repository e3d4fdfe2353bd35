"""A guardian that stands still until a test lets something happen: everything that answers the API, and nothing that acts."""

import asyncio
import errno
import socket as sockets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from fastapi import FastAPI

from guardian.api.door import Tcp
from guardian.api.serve import serve
from guardian.api.server import application
from guardian.app.clock import SteadyClock
from guardian.app.codec import state_from_record
from guardian.app.decide import Decider
from guardian.app.evidence import evidence_of
from guardian.app.gauges import Gauges
from guardian.app.notes import Notes
from guardian.app.orders import Orders
from guardian.app.parts import Parts, everybody
from guardian.app.readiness import Prober
from guardian.app.record import Entry, Recorder
from guardian.app.rulebook import RuleBook
from guardian.app.tell import Feed
from guardian.app.watch import Watcher
from guardian.app.watching import Beat
from guardian.core.deployment import Deployment, ServiceState, Shielded
from guardian.core.events import Adopted, Breached, Event, Routed, RoutingFailed, WatchEnded
from guardian.core.judges import judge_for
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment, Service, Split
from guardian.core.ports import Store
from guardian.core.readings import History
from guardian.core.rules import Lack, RuleSet
from guardian.core.strategy import Strategy
from guardian.core.switch import adopt
from guardian.core.verdicts import Conclusion, Finding, Verdict
from guardian.records.charts import Chart
from guardian.records.notebook import DirectoryNotebook
from guardian.stages.runner import Stages
from tests.doubles.balancer import FakeBalancer
from tests.doubles.rulefiles import SERVER_ERRORS, RuleFiles
from tests.doubles.stages import FakeStages
from tests.doubles.store import MemoryStore
from tests.waiting import until

WEB = Service("web", blue="web_blue", green="web_green")
DEADLINE = 20.0
"""Seconds within which whatever a test waits for must have come."""


def client_of(socket: Path) -> httpx.AsyncClient:
    """A client of the API at ``socket``."""
    return httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(socket)), base_url="http://guardian", timeout=DEADLINE)


class House:
    """The parts behind the API, for the service ``web``. What the balancer would have reported, the test lets happen."""

    def __init__(
        self,
        store: Store | None = None,
        notes: Path | None = None,
        service: Service = WEB,
        strategy: Strategy | None = None,
        may_approve: Callable[[str], bool] = everybody,
    ) -> None:
        """Go on from what ``store`` remembers; with notes in the directory ``notes``, without charts.

        ``service`` is ``web`` with whatever a test wants of it, ``strategy`` the one that it has instead of its own.
        """
        self.store, self.balancer = store or MemoryStore(), FakeBalancer([WEB])
        self.clock, self.feed, self.gauges, self.recorder = SteadyClock(), Feed(), Gauges(), Recorder(self.store)
        recorded = self.store.services().get(WEB.name)
        self.met = None if recorded else Adopted(self.clock.now(), Split.all_on(Environment.BLUE), "worker-1")
        state = adopt(WEB.name, self.met).state if self.met else state_from_record(recorded)
        self.decider = Decider({WEB.name: state}, self.recorder, self.clock, self.feed)
        services = {WEB.name: replace(service, strategy=strategy or service.strategy)}
        self.files = RuleFiles({WEB.name: RuleSet(WEB.name, (SERVER_ERRORS,))})
        self.rules = rules = RuleBook(self.files.rules, self.files.files, self.clock, self.decider.watching)
        self.prober = Prober(services, self.balancer, self.recorder, self.decider.state, self.clock)
        self.watcher = Watcher(services, self.balancer, self.clock, rules.of, self.gauges, Beat())
        kept = Notes(self.store, DirectoryNotebook(notes, draw=_undrawn), "https://notes.example.org/main/")
        self.stages = FakeStages({}, comparing=Stages(services, self.balancer).compare)
        self.shielded: Shielded | None = None
        self.counting = False
        self.parts = parts = Parts(
            *(services, self.balancer, self.store, self.decider, self.watcher, self.prober, self.feed, rules, self.clock),
            stages=self.stages,
            notes=kept,
            may_approve=may_approve,
            shielded=lambda _: self.shielded,
            counting=lambda _: self.counting,
        )
        self.orders = Orders(parts)
        self.gauges.show(self.orders.services, lambda: self.recorder.waiting)
        self.gauges.show_rules(rules)

    @property
    def state(self) -> ServiceState:
        """What guardian intends for ``web``."""
        return self.decider.state(WEB.name)

    @property
    def deployment(self) -> str:
        """The id of the latest deployment; empty before the first."""
        return self.state.deployment.id if self.state.deployment else ""

    @property
    def current(self) -> Deployment:
        """The latest deployment, which must be there."""
        assert self.state.deployment
        return self.state.deployment

    async def let(self, event: Event) -> None:
        """Let ``event`` happen to ``web``."""
        await self.decider.submit(WEB.name, event)

    async def confirm(self) -> None:
        """Let the balancer confirm what it was told last."""
        self.balancer.workers[0].splits[WEB.name] = self.state.live
        await self.let(Routed(self.clock.now(), self.state.generation, "worker-1", 1, 0.004))

    async def fail_routing(self, reason: str) -> None:
        """Let the balancer fail to confirm what it was told last."""
        await self.let(RoutingFailed(self.clock.now(), self.state.generation, reason))

    async def end_watch(self, *, enough: bool) -> None:
        """Let the watch end, with or without enough evidence."""
        finding = Finding.HEALTHY if enough else Finding.NO_DATA
        verdict = Verdict(SERVER_ERRORS.name, finding, self.clock.now(), 0.0, 0.01, 1000, 600.0, "0 % responses_5xx")
        missing = "" if enough else "3 requests seen, 300 are needed"
        await self.let(WatchEnded(self.clock.now(), self.deployment, (Conclusion(verdict, enough, Lack.HOLD, missing),)))

    async def breach(self) -> Verdict:
        """Let a judge find the candidate at fault, and keep its evidence."""
        since = self.clock.now()
        judge = judge_for(SERVER_ERRORS, Trial(Environment.GREEN, since, 600.0, 0.05, shared=False, history=History()))
        look = 0
        while judge.finding is not Finding.BREACHED:
            look += 1
            judge.feed(since + look * 0.05, 0.05, (10, 10))
        await self.let(Breached(self.clock.now(), self.deployment, judge.verdict()))
        self.store.save_evidence(self.deployment, SERVER_ERRORS.name, evidence_of(judge))
        return judge.verdict()

    @asynccontextmanager
    async def open(
        self, socket: Path, mode: int = 0o660, app: FastAPI | None = None, tcp: Tcp | None = None
    ) -> AsyncIterator["House"]:
        """Serve the API at ``socket``; in place of the plain one ``app``, and where ``tcp`` says, too."""
        if self.met:
            await self.recorder.record(Entry(WEB.name, self.met, self.state), DEADLINE, must=True)
        serving = asyncio.create_task(serve(app or application(self.orders, self.gauges), socket, mode, None, tcp))
        try:
            await until(lambda: (_answers(socket) and (tcp is None or _listens(tcp))) or serving.done())
            yield self
        finally:
            serving.cancel()
            await asyncio.wait({serving})
            await self.recorder.aclose()
        if not serving.cancelled():
            serving.result()


def _listens(tcp: Tcp) -> bool:
    with sockets.socket() as probe:
        return probe.connect_ex((tcp.host, tcp.port)) == 0


async def _undrawn(chart: Chart) -> bytes:
    raise OSError(chart.title)


def _answers(path: Path) -> bool:
    with sockets.socket(sockets.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) in (0, errno.EACCES)
