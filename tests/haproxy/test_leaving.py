"""What an abandoned environment still has: waiting requests are given away, open connections end as configured, in every worker."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.core.model import Environment, Service, Split
from guardian.core.ports import Left
from guardian.demo.application import Application
from guardian.demo.haproxy import HAProxyProcess, Site
from tests.doubles.recorder import LOOPBACK, UPGRADE, speaker
from tests.doubles.visitor import Visitor, visit
from tests.waiting import eventually

BLUE, GREEN = Environment.BLUE, Environment.GREEN
ALL_GREEN = Split.all_on(GREEN)
PATIENCE = 10.0
WAITING = 5


@pytest.fixture
async def crowded(binary: Path, service: Service, tmp_path: Path) -> AsyncIterator[HAProxyProcess]:
    """Blue hangs and takes one request at a time, so that all others wait for it; green is quick."""
    async with Application(BLUE, "v1", latency=60.0) as blue, Application(GREEN, "v1", latency=0) as green:
        servers = f"{LOOPBACK}:{blue.port} maxconn 1", f"{LOOPBACK}:{green.port}"
        async with HAProxyProcess(binary, Patient(tmp_path, service, servers[:1], servers[1:])) as process:
            yield process


class Patient(Site):
    """A site in which requests wait for long before HAProxy gives them up."""

    def configuration(self, endpoints: object, port: int) -> str:
        """The text of haproxy.cfg."""
        text = super().configuration(endpoints, port)  # type: ignore[arg-type]  what HAProxyProcess gives it
        return text.replace("timeout queue 1s", "timeout queue 60s").replace("timeout server 10s", "timeout server 60s")


@asynccontextmanager
async def adapter(haproxy: HAProxyProcess, service: Service, *, master: bool = True) -> AsyncIterator[HAProxy]:
    """The adapter under test, with or without a way to the master."""
    endpoints = haproxy.endpoints if master else replace(haproxy.endpoints, master_socket=None)
    balancer = HAProxy(endpoints, [service])
    try:
        yield balancer
    finally:
        await balancer.aclose()


@contextmanager
def asking(port: int, number: int) -> Iterator[list["asyncio.Task[Environment | None]"]]:
    """So many visitors at once, each on a connection of its own; those still without an answer at the end give up."""
    tasks = [asyncio.create_task(visit(port)) for _ in range(number)]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()


def alive(pid: int) -> bool:
    """Whether the process is there."""
    return Path(f"/proc/{pid}").exists()


async def until_waiting(balancer: HAProxy, number: int) -> None:
    """Wait until so many requests wait for blue."""

    async def there() -> bool:
        return (await balancer.snapshot(["web_blue"])).backends["web_blue"].queued == number

    await eventually(there)


async def test_waiting_requests_are_given_to_the_other_side(crowded: HAProxyProcess, service: Service) -> None:
    """Those that wait for a blue that hangs are answered by green; the one that blue has already stays with it."""
    async with adapter(crowded, service) as balancer:
        with asking(crowded.port, WAITING + 1) as visitors:
            await until_waiting(balancer, WAITING)
            await balancer.route("web", ALL_GREEN)
            left = await balancer.leave("web", BLUE, cut=False)
            assert (left.moved, left.queued, left.trouble) == (WAITING, 0, "")
            served, still = await asyncio.wait(visitors, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            while len(served) < WAITING:
                more, still = await asyncio.wait(still, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
                assert more
                served |= more
            # HAProxy signs with the backend's name, which is blue's: what counts is that blue hangs and they were answered.
            assert [task.exception() for task in served] == [None] * WAITING
            assert len(still) == 1


async def test_the_servers_that_stood_in_are_removed(crowded: HAProxyProcess, service: Service) -> None:
    """Once they have served what they took, the backend has its own servers again, and traffic that returns meets no other."""
    async with adapter(crowded, service) as balancer:
        with asking(crowded.port, WAITING + 1):
            await until_waiting(balancer, WAITING)
            await balancer.route("web", ALL_GREEN)
            await balancer.leave("web", BLUE, cut=False)

            async def alone() -> bool:
                await balancer.leave("web", BLUE, cut=False)
                return "guardian-" not in (await balancer._runtime.ask("show stat web_blue 4 -1")).texts[0]

            await eventually(alone)


async def test_what_stands_in_takes_no_traffic(crowded: HAProxyProcess, service: Service) -> None:
    """Even when guardian dies right after the move: the stand-in is in maintenance already."""
    async with adapter(crowded, service) as balancer:
        with asking(crowded.port, WAITING + 1):
            await until_waiting(balancer, WAITING)
            await balancer.leave("web", BLUE, cut=False)
            rows = (await balancer._runtime.ask("show stat web_blue 4 -1")).texts[0]
            assert all("MAINT" in row for row in rows.splitlines() if "guardian-" in row)


async def test_what_a_crash_left_standing_in_is_removed(crowded: HAProxyProcess, service: Service) -> None:
    """HAProxy had read only the first commands of a guardian that died: the server that would take traffic is taken out."""
    async with adapter(crowded, service) as balancer:
        left = "web_blue/guardian-0"
        added = f"add server {left} {LOOPBACK}:9 maxconn 1 pool-max-conn 0"
        await balancer._runtime.ask("experimental-mode on", added, f"enable server {left}")
        assert "guardian-0" in (await balancer._runtime.ask("show stat web_blue 4 -1")).texts[0]
        await balancer.leave("web", BLUE, cut=False)
        assert "guardian-0" not in (await balancer._runtime.ask("show stat web_blue 4 -1")).texts[0]


async def test_a_queue_that_cannot_be_moved_is_told(binary: Path, service: Service, tmp_path: Path) -> None:
    """A green that is spoken to with TLS is no place for a stand-in: a sentence says what happens to the requests instead."""
    async with Application(BLUE, "v1", latency=60.0) as blue, Application(GREEN, "v1", latency=0) as green:
        servers = f"{LOOPBACK}:{blue.port} maxconn 1", f"{LOOPBACK}:{green.port} ssl verify none no-check"
        site = Patient(tmp_path, service, servers[:1], servers[1:])
        async with HAProxyProcess(binary, site) as process, adapter(process, service) as balancer:
            with asking(process.port, WAITING + 1):
                await until_waiting(balancer, WAITING)
                left = await balancer.leave("web", BLUE, cut=False)
                assert (left.moved, left.queued) == (0, WAITING)
                assert "5 requests wait for a server of web_blue" in left.trouble
                assert "TLS" in left.trouble


@asynccontextmanager
async def tunnels(binary: Path, service: Service, directory: Path) -> AsyncIterator[HAProxyProcess]:
    """HAProxy between clients and two environments that speak WebSocket."""
    async with speaker(BLUE) as blue, speaker(GREEN) as green:
        site = Site(directory, service, [f"{LOOPBACK}:{blue} no-check"], [f"{LOOPBACK}:{green} no-check"])
        async with HAProxyProcess(binary, site) as process:
            yield process


class Tunnel:
    """One upgraded connection through HAProxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def through(cls, port: int) -> "AsyncIterator[Tunnel]":
        """Open one."""
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(UPGRADE)
        try:
            async with asyncio.timeout(PATIENCE):
                assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
            yield cls(reader, writer)
        finally:
            writer.close()

    async def ask(self) -> str:
        """Who is at the other end; empty when it was closed."""
        self._writer.write(b"who\n")
        async with asyncio.timeout(PATIENCE):
            try:
                return (await self._reader.readline()).decode().strip()
            except ConnectionError:
                return ""


async def test_tunnels_may_finish_or_are_cut_in_every_worker(binary: Path, service: Service, tmp_path: Path) -> None:
    """Draining leaves WebSockets open; cutting closes those to the abandoned side and no others, in lingering workers too."""
    async with (
        tunnels(binary, service, tmp_path) as haproxy,
        adapter(haproxy, service) as balancer,
        Tunnel.through(haproxy.port) as old,
    ):
        await haproxy.reload()
        async with Tunnel.through(haproxy.port) as young:
            await balancer.route("web", ALL_GREEN)
            async with Tunnel.through(haproxy.port) as right:
                assert await balancer.leave("web", BLUE, cut=False) == Left(open=2)
                assert [await each.ask() for each in (old, young, right)] == ["blue", "blue", "green"]
                left = await balancer.leave("web", BLUE, cut=True)
                assert left.cut == 2
                assert [await each.ask() for each in (old, young, right)] == ["", "", "green"]

                async def nothing() -> bool:
                    return await balancer.leave("web", BLUE, cut=True) == Left()

                await eventually(nothing)


async def test_without_the_master_a_worker_is_reached_on_the_connection_from_before(
    haproxy: HAProxyProcess, service: Service
) -> None:
    """Guardian had looked at it: after two reloads both old workers are told, and let go when their last client leaves."""
    async with adapter(haproxy, service, master=False) as balancer:
        async with Visitor(haproxy.port) as first:
            assert await first.ask() is BLUE
            await balancer.snapshot(["web_blue"])
            oldest = (await balancer._runtime.ask()).worker
            await haproxy.reload()
            await balancer.snapshot(["web_blue"])
            async with Visitor(haproxy.port) as second:
                assert await second.ask() is BLUE
                await haproxy.reload()
                routed = await balancer.route("web", ALL_GREEN)
                assert len(routed.workers) == 3
                assert [await visitor.ask() for visitor in (first, second)] == [GREEN, GREEN]

        async def alone() -> bool:
            return len(await balancer.read("web")) == 1 and not alive(oldest.pid)

        await eventually(alone)


async def test_a_held_worker_that_ends_is_forgotten(haproxy: HAProxyProcess, service: Service) -> None:
    """After a restart the connection from before leads nowhere: the rest is proved without it."""
    async with adapter(haproxy, service, master=False) as balancer, Visitor(haproxy.port) as early:
        assert await early.ask() is BLUE
        await balancer.snapshot(["web_blue"])
        await haproxy.restart()
        routed = await balancer.route("web", ALL_GREEN)
        assert len(routed.workers) == 1


async def test_a_worker_at_its_hard_stop_is_waited_for(haproxy: HAProxyProcess, service: Service) -> None:
    """HAProxy first ends guardian's connection to it, and its clients' a second later: until then they could go astray."""
    text = haproxy.configuration.read_text()
    haproxy.configuration.write_text(text.replace("hard-stop-after 30s", "hard-stop-after 500ms"))
    await haproxy.reload()
    balancer = HAProxy(replace(haproxy.endpoints, master_socket=None), [service])
    await balancer.snapshot([service.blue])
    async with Visitor(haproxy.port) as early:
        assert await early.ask() is BLUE
        old = await haproxy.worker()
        assert old
        await haproxy.reload()
        to, reached = ALL_GREEN, True
        while reached:
            routed = await balancer.route(service.name, to)
            reached, to = old.name in routed.workers, Split.all_on(to.main.other)
        assert old.pid not in await asyncio.to_thread(lambda: {int(one.name) for one in Path("/proc").glob("[1-9]*")})
    await balancer.aclose()
