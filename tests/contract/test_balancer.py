"""What the program may expect of a balancer, whichever it is."""

import asyncio
import resource
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.balancers.haproxy.rewriting import Rewriter
from guardian.core.model import Environment, Routing, Service, Split, Way
from guardian.core.ports import Balancer, BalancerError, BalancerGone, BalancerUnfit
from guardian.core.readings import between
from guardian.demo.application import Application, Fault
from guardian.demo.haproxy import HAProxyProcess, Site
from tests.binaries import BINARIES
from tests.doubles.balancer import FakeBalancer
from tests.doubles.visitor import visit
from tests.haproxy.reload.conftest import Gatehouse
from tests.waiting import eventually

BLUE, GREEN = Environment.BLUE, Environment.GREEN
WEB = Service("web", blue="web_blue", green="web_green")
BACKENDS = (WEB.blue, WEB.green)
PATIENCE = 5.0


class Rig(ABC):
    """A balancer, and what happens around it."""

    balancer: Balancer
    first: Split | None = None
    """What is stored before anything was."""

    @abstractmethod
    async def visits(self, number: int) -> Mapping[Environment, int]:
        """Requests of visitors, and by whom they were answered."""

    @abstractmethod
    def down(self, environment: Environment) -> None:
        """The application of ``environment`` ends."""

    @abstractmethod
    async def reload(self) -> None:
        """Somebody reloads the balancer."""

    @abstractmethod
    async def crash(self) -> None:
        """The balancer ends."""

    @abstractmethod
    def scribble(self) -> None:
        """Somebody writes nonsense where the split is stored."""

    @abstractmethod
    def full_disk(self) -> AbstractContextManager[None]:
        """Nothing can be written."""


class FakeRig(Rig):
    """The double, and how to provoke it."""

    balancer: FakeBalancer

    def __init__(self) -> None:
        self.balancer = FakeBalancer([WEB])

    async def visits(self, number: int) -> Mapping[Environment, int]:
        """Counted, where the split sends them."""
        return +Counter(self.balancer.visit(WEB, number))

    def down(self, environment: Environment) -> None:
        """No server is up."""
        self.balancer.servers_up[WEB.backend(environment)] = 0

    async def reload(self) -> None:
        """A new worker."""
        self.balancer.reload()

    async def crash(self) -> None:
        """Every call that needs the balancer fails."""
        self.balancer.failures |= {call: BalancerGone("crashed") for call in ("snapshot", "health", "read", "route")}

    def scribble(self) -> None:
        """Reading fails."""
        self.balancer.failures["stored"] = BalancerUnfit("nonsense")

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Writing fails."""
        self.balancer.failures["store"] = BalancerError("full")
        yield
        del self.balancer.failures["store"]


class RealRig(Rig):
    """HAProxy between two applications, the service routed through the map."""

    def __init__(self, process: HAProxyProcess, applications: Mapping[Environment, Application], balancer: HAProxy) -> None:
        self.balancer, self._process, self._applications = balancer, process, applications

    async def visits(self, number: int) -> Mapping[Environment, int]:
        """Each on a connection of its own."""
        return Counter([answer for answer in [await visit(self._process.port) for _ in range(number)] if answer])

    def down(self, environment: Environment) -> None:
        """Its port is closed."""
        self._applications[environment].fault = Fault(refuse=True)

    async def reload(self) -> None:
        """As systemd does it."""
        await self._process.reload()

    async def crash(self) -> None:
        """All its processes are killed."""
        await self._process.kill()

    def scribble(self) -> None:
        """A line with a word for a number."""
        self._process.endpoints.map.write_text("web green\n")

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """A process that may not let files grow meets what a full disk gives: an error in the middle of a write."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class ReloadRig(RealRig):
    """The same, the split in HAProxy's configuration."""

    first = Split(0)

    def scribble(self) -> None:
        """A share that is none."""
        text = self._process.configuration.read_text()
        self._process.configuration.write_text(text.replace("share_web int(0)", "share_web int(77777)"))


RIGS: Mapping[Way, type[RealRig]] = {Way.RUNTIME: RealRig, Way.RELOAD: ReloadRig}


GATE = "through root's program"


@pytest.fixture(
    params=[*product(BINARIES, Way), pytest.param(("debian", GATE), marks=pytest.mark.long), "double"],
    ids=lambda given: given if isinstance(given, str) else " by ".join(given),
)
async def rig(
    request: pytest.FixtureRequest,
    applications: Mapping[Environment, Application],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Rig]:
    """Each balancer and way of routing, all of the traffic on blue."""
    if request.param == "double":
        yield FakeRig()
        return
    binary, by = request.param
    way = Way.RELOAD if by == GATE else by
    service = replace(WEB, routing=Routing(way))
    servers = {environment: [f"127.0.0.1:{application.port}"] for environment, application in applications.items()}
    async with HAProxyProcess(BINARIES[binary](), Site(tmp_path, service, servers[BLUE], servers[GREEN])) as process:
        endpoints = replace(process.endpoints, timeout=PATIENCE)
        if by == GATE:
            endpoints = replace(endpoints, gate=Gatehouse.built(process, service, tmp_path).door)
            monkeypatch.setattr(Rewriter, "may_write", False)
        adapter = HAProxy(endpoints, [service])
        yield RIGS[way](process, applications, adapter)
        await adapter.aclose()


async def test_a_snapshot_holds_the_backends_that_were_asked_for(rig: Rig) -> None:
    """A snapshot names each backend once, and no other, even where the balancer has more."""
    assert (await rig.balancer.snapshot([WEB.green])).backends.keys() == {WEB.green}
    assert (await rig.balancer.snapshot(BACKENDS)).backends.keys() == set(BACKENDS)


async def test_visits_are_counted_where_they_were_served(rig: Rig) -> None:
    """Requests and answers appear in the counters of the environment that served them, and nowhere else."""
    before = await rig.balancer.snapshot(BACKENDS)
    assert await rig.visits(7) == {BLUE: 7}
    after = await rig.balancer.snapshot(BACKENDS)
    tallies = {backend: between(before.backends[backend], after.backends[backend], 1.0) for backend in BACKENDS}
    assert {backend: (tally.requests, tally.responses_2xx, tally.responses) for backend, tally in tallies.items() if tally} == {
        WEB.blue: (7, 7, 7),
        WEB.green: (0, 0, 0),
    }


async def test_time_goes_on_between_snapshots(rig: Rig) -> None:
    """Two snapshots of one worker carry rising times, for rates to be taken between them."""
    first, second = await rig.balancer.snapshot(BACKENDS), await rig.balancer.snapshot(BACKENDS)
    assert first.taken < second.taken
    assert first.worker == second.worker


async def test_an_unknown_backend_is_a_fault_of_the_configuration(rig: Rig) -> None:
    """Waiting for a backend that is not there does not help, so it is not taken for silence."""
    with pytest.raises(BalancerUnfit, match="web_red"):
        await rig.balancer.snapshot([WEB.blue, "web_red"])
    with pytest.raises(BalancerUnfit, match="web_red"):
        await rig.balancer.health("web_red")


async def test_health_says_how_many_servers_are_up(rig: Rig) -> None:
    """A healthy environment has servers up and no reason against it."""
    health = await rig.balancer.health(WEB.green)
    assert (health.able, health.servers_up, health.reason) == (True, 1, "")
    assert (await rig.balancer.snapshot([WEB.green])).backends[WEB.green].servers_up == 1


async def test_an_environment_that_is_down_says_why(rig: Rig) -> None:
    """Without a server the environment is unable, and the reason names the server and its state."""
    rig.down(GREEN)

    async def unable() -> bool:
        return not (await rig.balancer.health(WEB.green)).able

    await eventually(unable)
    assert "DOWN" in (await rig.balancer.health(WEB.green)).reason
    assert (await rig.balancer.snapshot([WEB.green])).backends[WEB.green].servers_up == 0
    assert (await rig.balancer.health(WEB.blue)).able


async def test_the_current_worker_is_listed_first(rig: Rig) -> None:
    """The worker that takes new connections comes first, under the name that its snapshots carry."""
    workers = await rig.balancer.read("web")
    assert [(worker.split, worker.current) for worker in workers] == [(Split(0), True)]
    assert workers[0].worker == (await rig.balancer.snapshot(BACKENDS)).worker


async def test_a_route_is_followed_and_read_back(rig: Rig) -> None:
    """After route returned, every visit goes to the new side, and the worker says so itself."""
    routed = await rig.balancer.route("web", Split.all_on(GREEN))
    assert (await rig.visits(20)).get(BLUE, 0) == 0
    assert routed.split == Split.all_on(GREEN)
    assert routed.workers == tuple(worker.worker for worker in await rig.balancer.read("web"))
    assert [worker.split for worker in await rig.balancer.read("web")] == [Split.all_on(GREEN)]


async def test_a_route_can_be_repeated_and_reversed(rig: Rig) -> None:
    """The same order twice changes nothing, and the way back is the way there."""
    for split in (Split(10_000), Split(10_000), Split(0), Split(0)):
        assert (await rig.balancer.route("web", split)).split == split
        assert (await rig.balancer.read("web"))[0].split == split
    assert (await rig.visits(10))[BLUE] == 10


async def test_a_split_divides_the_visits(rig: Rig) -> None:
    """With half of the traffic each, both environments serve."""
    await rig.balancer.route("web", Split(5_000))
    served = await rig.visits(60)
    assert served[BLUE] + served[GREEN] == 60
    assert min(served.values()) > 5


async def test_nothing_is_stored_at_first(rig: Rig) -> None:
    """A place that says nothing of the service is told from one that gives all to blue."""
    assert await rig.balancer.stored("web") == rig.first
    await rig.balancer.store("web", Split(0))
    assert await rig.balancer.stored("web") == Split(0)


async def test_what_is_stored_is_read_again(rig: Rig) -> None:
    """Every share survives being stored, and the last one counts."""
    for split in (Split(0), Split(1), Split(9_999), Split(10_000)):
        await rig.balancer.store("web", split)
        assert await rig.balancer.stored("web") == split


async def test_storing_moves_no_traffic(rig: Rig) -> None:
    """What is stored is for a later start: the running worker goes on as it was told."""
    await rig.balancer.route("web", Split.all_on(GREEN))
    await rig.balancer.store("web", Split.all_on(BLUE))
    assert (await rig.balancer.read("web"))[0].split == Split.all_on(GREEN)
    assert (await rig.visits(5))[GREEN] == 5


async def test_a_reload_falls_back_to_what_is_stored(rig: Rig) -> None:
    """The new worker has another name and the stored split, whatever its predecessor was told."""
    await rig.balancer.store("web", Split.all_on(BLUE))
    routed = await rig.balancer.route("web", Split.all_on(GREEN))
    await rig.reload()
    current = (await rig.balancer.read("web"))[0]
    assert current.worker not in routed.workers
    assert current.split == Split.all_on(BLUE)


async def test_counters_start_again_with_a_new_worker(rig: Rig) -> None:
    """After a reload the snapshot names another worker: the fall of the counters is no traffic, and no mystery."""
    await rig.visits(5)
    before = await rig.balancer.snapshot(BACKENDS)
    await rig.reload()
    after = await rig.balancer.snapshot(BACKENDS)
    assert after.worker != before.worker
    assert (before.backends[WEB.blue].requests, after.backends[WEB.blue].requests) == (5, 0)


async def test_a_balancer_that_is_gone_is_gone(rig: Rig) -> None:
    """Without the balancer all that needs it fails as gone, and what is on disk can still be read and written."""
    await rig.balancer.store("web", Split(500))
    await rig.crash()
    with pytest.raises(BalancerGone):
        await rig.balancer.snapshot(BACKENDS)
    with pytest.raises(BalancerGone):
        await rig.balancer.health(WEB.blue)
    with pytest.raises(BalancerGone):
        await rig.balancer.read("web")
    with pytest.raises(BalancerGone):
        await rig.balancer.route("web", Split(0))
    assert await rig.balancer.stored("web") == Split(500)
    await rig.balancer.store("web", Split(0))
    assert await rig.balancer.stored("web") == Split(0)


async def test_nonsense_on_disk_is_not_read_as_a_split(rig: Rig) -> None:
    """What cannot be read is said to be so; it is neither nothing nor blue."""
    rig.scribble()
    with pytest.raises(BalancerUnfit):
        await rig.balancer.stored("web")


async def test_a_full_disk_keeps_the_old_split(rig: Rig) -> None:
    """When it cannot be written, storing fails, the old split still stands, and traffic can be moved all the same."""
    await rig.balancer.store("web", Split.all_on(GREEN))
    with rig.full_disk():
        with pytest.raises(BalancerError):
            await rig.balancer.store("web", Split.all_on(BLUE))
        assert await rig.balancer.stored("web") == Split.all_on(GREEN)
        await rig.balancer.route("web", Split.all_on(BLUE))
    await rig.balancer.store("web", Split.all_on(BLUE))
    assert await rig.balancer.stored("web") == Split.all_on(BLUE)


@pytest.mark.parametrize("name", ["shop", "web 0", "web;quit", "web\nquit", ""])
async def test_a_service_that_is_not_configured_is_refused(rig: Rig, name: str) -> None:
    """No call does anything for a service that the balancer was not given."""
    for call in (rig.balancer.read(name), rig.balancer.stored(name)):
        with pytest.raises(BalancerUnfit):
            await call
    for order in (rig.balancer.route(name, Split(1)), rig.balancer.store(name, Split(1))):
        with pytest.raises(BalancerUnfit):
            await order
    assert await rig.balancer.stored("web") == rig.first


async def test_calls_may_overlap(rig: Rig) -> None:
    """Looks, questions and orders at the same time do not get each other's answers."""
    async with asyncio.TaskGroup() as group:
        looks = [group.create_task(rig.balancer.snapshot([backend])) for backend in BACKENDS * 3]
        for share in range(5):
            group.create_task(rig.balancer.route("web", Split(1_000)))
            group.create_task(rig.balancer.store("web", Split(share)))
    assert [list(look.result().backends) for look in looks] == [[backend] for backend in BACKENDS * 3]
    assert (await rig.balancer.read("web"))[0].split == Split(1_000)
    assert await rig.balancer.stored("web") in {Split(share) for share in range(5)}


async def test_a_cancelled_call_leaves_nothing_behind(rig: Rig) -> None:
    """A call that is given up at any point does not disturb the next one."""
    for rounds in range(12):
        tasks = [
            asyncio.create_task(rig.balancer.snapshot(BACKENDS)),
            asyncio.create_task(rig.balancer.route("web", Split(rounds))),
        ]
        for _ in range(rounds):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert (await rig.balancer.snapshot(BACKENDS)).backends.keys() == set(BACKENDS)
    assert (await rig.balancer.route("web", Split(77))).split == Split(77)


async def test_servers_are_listed_with_their_addresses_and_whether_they_are_up(rig: Rig) -> None:
    """Each server of a backend, where it is reached, and that one without an application gets nothing."""
    (server,) = await rig.balancer.servers(WEB.green)
    assert server.up
    assert server.address == "127.0.0.1"
    assert server.port > 0
    rig.down(GREEN)

    async def down() -> bool:
        return not any(each.up for each in await rig.balancer.servers(WEB.green))

    await eventually(down)
    assert (await rig.balancer.servers(WEB.blue))[0].up
    with pytest.raises(BalancerUnfit):
        await rig.balancer.servers("web_purple")
