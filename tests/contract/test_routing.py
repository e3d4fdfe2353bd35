"""What visitors may expect of a service's routing, by either way of moving it: in HTTP and TCP, plain and sticky, with fallback."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pytest

from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.balancers.haproxy.block import block
from guardian.balancers.haproxy.rewriting import Rewriter
from guardian.core.model import BASIS_POINTS, Environment, Holding, Routing, Service, Split, Sticky, Way
from guardian.demo.application import Application, Fault
from guardian.demo.haproxy import HEAD, SECTIONS, HAProxyProcess, Site
from tests.binaries import BINARIES
from tests.haproxy.reload.conftest import Gatehouse
from tests.waiting import eventually

BLUE, GREEN = Environment.BLUE, Environment.GREEN
LOOPBACK = "127.0.0.1"
DEADLINE = 10.0
COOKIE, HEADER, SOURCE = Sticky(Holding.COOKIE, "uid"), Sticky(Holding.HEADER, "X-User"), Sticky(Holding.SOURCE)


@dataclass(frozen=True)
class Visitor:
    """Somebody who comes back."""

    number: int
    by: Sticky | None

    async def ask(self, port: int) -> Environment | None:
        """Who answers a request of this visitor on a new connection; ``None`` for the balancer itself, or nobody."""
        source = f"127.1.{self.number // 250}.{self.number % 250 + 1}" if self.by == SOURCE else LOOPBACK
        mark = {COOKIE: f"Cookie: a=b; uid=user-{self.number}\r\n", HEADER: f"X-User: user-{self.number}\r\n"}
        async with asyncio.timeout(DEADLINE):
            reader, writer = await asyncio.open_connection(LOOPBACK, port, local_addr=(source, 0))
            try:
                writer.write(f"GET / HTTP/1.1\r\nHost: web\r\n{mark.get(self.by, '') if self.by else ''}\r\n".encode())
                answer = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return None
            finally:
                writer.close()
        return next((one for one in Environment if f"\r\nX-Environment: {one}\r\n".lower().encode() in answer.lower()), None)


@dataclass(frozen=True, slots=True)
class ModeSite(Site):
    """A site in a mode."""

    mode: str = "http"

    def configuration(self, endpoints: Endpoints, port: int) -> str:
        """The text of haproxy.cfg."""
        servers = [f"    server s1 {address} check inter 100ms fall 2 rise 1" for address in (*self.blue, *self.green)]
        sections = SECTIONS.format(
            service=self.service,
            host=LOOPBACK,
            port=port,
            block=block(self.service, endpoints.map),
            blue=servers[0],
            green=servers[1],
        )
        lines = (HEAD.format(lines=self.declaration, socket=endpoints.socket) + sections).splitlines(keepends=True)
        return "".join(line for line in lines if "set-header" not in line).replace("mode http", f"mode {self.mode}")


@dataclass(frozen=True)
class Rig:
    """HAProxy between visitors and both environments' applications."""

    service: Service
    process: HAProxyProcess
    balancer: HAProxy
    applications: Mapping[Environment, Application]

    async def route(self, split: Split) -> None:
        """Move the traffic, by the service's way."""
        await self.balancer.route(self.service.name, split)

    async def answers(self, number: int) -> dict[int, Environment | None]:
        """Who answers each of so many visitors."""
        return {one: await Visitor(one, self.service.routing.sticky).ask(self.process.port) for one in range(number)}

    async def ends(self, environment: Environment) -> None:
        """The application of ``environment`` ends, and HAProxy has seen it."""
        self.applications[environment].fault = Fault(refuse=True)

        async def seen() -> bool:
            return not (await self.balancer.health(self.service.backend(environment))).able

        await eventually(seen)


@dataclass(frozen=True)
class By:
    """How the traffic is moved."""

    way: Way
    gated: bool = False
    """Whether guardian may not write haproxy.cfg itself, and has root's program do it."""


PLAIN = Routing()
MAP, GATE = By(Way.RUNTIME), By(Way.RELOAD, gated=True)


class Build(Protocol):
    """Builds rigs."""

    def __call__(self, by: By, mode: str, routing: Routing = PLAIN) -> AbstractAsyncContextManager[Rig]:
        """A rig for a routing, whose way is that of ``by``, and a mode."""


@pytest.fixture(params=BINARIES)
async def build(
    request: pytest.FixtureRequest,
    applications: Mapping[Environment, Application],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Build:
    """On each HAProxy."""
    servers = {environment: [f"{LOOPBACK}:{application.port}"] for environment, application in applications.items()}

    @asynccontextmanager
    async def built(by: By, mode: str, routing: Routing = PLAIN) -> AsyncIterator[Rig]:
        service = Service("web", "web_blue", "web_green", routing=replace(routing, way=by.way))
        site = ModeSite(tmp_path, service, servers[BLUE], servers[GREEN], mode=mode)
        async with HAProxyProcess(BINARIES[request.param](), site) as process:
            endpoints = replace(process.endpoints, timeout=DEADLINE)
            if by.gated:
                endpoints = replace(endpoints, gate=Gatehouse.built(process, service, tmp_path).door)
                monkeypatch.setattr(Rewriter, "may_write", False)
            adapter = HAProxy(endpoints, [service])
            yield Rig(service, process, adapter, applications)
            await adapter.aclose()

    return built


ways = pytest.mark.parametrize(
    "by",
    [
        pytest.param(MAP, id="by map"),
        pytest.param(By(Way.RELOAD), id="by reload"),
        pytest.param(GATE, id="by root's program", marks=[pytest.mark.long, pytest.mark.timeout(600)]),
    ],
)
modes = pytest.mark.parametrize("mode", ["http", "tcp"])
sticky_splits = pytest.mark.parametrize(
    ("mode", "sticky"), [("http", COOKIE), ("http", HEADER), ("http", SOURCE), ("tcp", SOURCE)], ids=str
)


@ways
@modes
async def test_a_plain_split_gives_each_side_its_share(build: Build, by: By, mode: str) -> None:
    """A share of 30 % is that of 400 visits, within six standard deviations, and both ends of the scale are exact."""
    async with build(by, mode) as rig:
        assert Counter((await rig.answers(50)).values()) == {BLUE: 50}
        await rig.route(Split(3_000))
        served = Counter((await rig.answers(400)).values())
        assert served[BLUE] + served[GREEN] == 400
        assert abs(served[GREEN] / 400 - 0.3) < 6 * (0.3 * 0.7 / 400) ** 0.5
        await rig.route(Split.all_on(GREEN))
        assert Counter((await rig.answers(50)).values()) == {GREEN: 50}


@ways
@sticky_splits
async def test_a_growing_share_only_moves_visitors_forward(build: Build, by: By, mode: str, sticky: Sticky) -> None:
    """Each visitor gets the same side time and again; those who have been moved stay so while the share grows, and all go back."""
    async with build(by, mode, Routing(sticky=sticky)) as rig:
        green: dict[int, set[int]] = {}
        for share in (0, 1_000, 3_000, 6_000, BASIS_POINTS, 3_000):
            await rig.route(Split(share))
            first, second = await rig.answers(100), await rig.answers(100)
            assert first == second
            moved = {visitor for visitor, environment in first.items() if environment is GREEN}
            assert green.setdefault(share, moved) == moved
            expected = share / BASIS_POINTS
            assert abs(len(moved) / 100 - expected) <= 6 * (expected * (1 - expected) / 100) ** 0.5
        assert green[1_000] < green[3_000] < green[6_000] < green[BASIS_POINTS]


@pytest.mark.parametrize("sticky", [COOKIE, HEADER], ids=str)
async def test_visitors_who_cannot_be_told_apart_are_drawn(build: Build, sticky: Sticky) -> None:
    """Without the cookie or header each request is drawn anew, so that the share holds also where all come from one address."""
    async with build(MAP, "http", Routing(sticky=sticky)) as rig:
        await rig.route(Split(5_000))
        served = Counter([await Visitor(1, None).ask(rig.process.port) for _ in range(200)])
        assert abs(served[GREEN] / 200 - 0.5) < 6 * (0.25 / 200) ** 0.5
        assert served[BLUE] + served[GREEN] == 200


@ways
@modes
@pytest.mark.parametrize("sticky", [None, SOURCE], ids=str)
async def test_haproxy_falls_back_when_the_last_server_goes(build: Build, by: By, mode: str, sticky: Sticky | None) -> None:
    """Whichever side has the traffic, once its last server is down every visitor is answered by the other, without guardian."""
    async with build(by, mode, Routing(sticky=sticky, fallback=True)) as rig:
        assert Counter((await rig.answers(20)).values()) == {BLUE: 20}
        await rig.ends(BLUE)
        assert Counter((await rig.answers(20)).values()) == {GREEN: 20}
        rig.applications[BLUE].fault = Fault()
        await eventually(lambda: serves(rig, BLUE))
        await rig.route(Split.all_on(GREEN))
        assert Counter((await rig.answers(20)).values()) == {GREEN: 20}
        await rig.ends(GREEN)
        assert Counter((await rig.answers(20)).values()) == {BLUE: 20}
        await rig.ends(BLUE)
        assert Counter((await rig.answers(5)).values()) == {None: 5}


async def serves(rig: Rig, environment: Environment) -> bool:
    """Whether ``environment`` answers all again."""
    return set((await rig.answers(5)).values()) == {environment}


@modes
async def test_without_fallback_nobody_is_sent_elsewhere(build: Build, mode: str) -> None:
    """A service that does not allow it keeps its traffic where guardian sent it, though nobody answers there."""
    async with build(MAP, mode) as rig:
        await rig.ends(BLUE)
        assert Counter((await rig.answers(10)).values()) == {None: 10}


async def test_fallback_takes_part_of_a_split_only_from_the_side_that_is_down(build: Build) -> None:
    """In a canary with its environment down, all go to the healthy side, and the requests are counted there."""
    async with build(MAP, "http", Routing(fallback=True)) as rig:
        await rig.route(Split(5_000))
        await rig.ends(GREEN)
        before = (await rig.balancer.snapshot([rig.service.green])).backends[rig.service.green].requests
        assert Counter((await rig.answers(40)).values()) == {BLUE: 40}
        assert (await rig.balancer.snapshot([rig.service.green])).backends[rig.service.green].requests == before
