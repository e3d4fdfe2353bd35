"""Reloads and restarts of HAProxy: whose counters are read, who is told, and that nobody is served by the wrong side."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.balancers.haproxy.runtime import Runtime, Worker
from guardian.core.model import Environment, Service, Split
from guardian.core.ports import BalancerGone, BalancerUnfit
from guardian.core.readings import Snapshot, between
from guardian.demo.haproxy import HAProxyProcess
from tests.doubles.visitor import Visitor, visit
from tests.waiting import eventually

BACKENDS = ("web_blue", "web_green")
BLUE, GREEN = Environment.BLUE, Environment.GREEN


async def in_service(haproxy: HAProxyProcess) -> Worker:
    """The worker that takes new connections."""
    worker = await haproxy.worker()
    assert worker is not None
    return worker


def alive(worker: Worker) -> bool:
    """Whether the process is there."""
    return Path(f"/proc/{worker.pid}").exists()


def growth(looks: list[Snapshot]) -> int:
    """The requests of both environments that the looks show, each against the one before."""
    total = 0
    for before, after in pairwise(looks):
        if before.worker == after.worker:
            for backend in BACKENDS:
                tally = between(before.backends[backend], after.backends[backend], after.taken - before.taken)
                assert tally is not None
                total += tally.requests
    return total


@asynccontextmanager
async def steady_visits(port: int, served: list[Environment | None]) -> AsyncIterator[None]:
    """Visitors on new connections, one after the other, as long as the block runs; at most 2,000."""

    async def come() -> None:
        for _ in range(2_000):
            answer = await visit(port)
            served.append(answer)

    coming = asyncio.create_task(come())
    try:
        yield
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError):
            await coming


async def test_the_kept_connection_follows_a_reload(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """The first look after a reload reads the new worker, on the connection that was kept from before."""
    for _ in range(3):
        before = (await balancer.snapshot(BACKENDS)).worker
        await haproxy.reload()
        after = (await balancer.snapshot(BACKENDS)).worker
        assert after != before
        assert after == (await in_service(haproxy)).name


async def test_the_kept_connection_holds_no_old_worker_alive(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """One look after the reload, the old worker has nobody left to wait for, and ends."""
    await balancer.snapshot(BACKENDS)
    old = await in_service(haproxy)
    await haproxy.reload()
    # The kept connection is the only one that the old worker has: as long as nobody looks, it stays.
    assert alive(old)
    await balancer.snapshot(BACKENDS)

    async def ended() -> bool:
        return not alive(old)

    await eventually(ended)


async def all_hung_up() -> bool:
    """Whether no connection to the test's own server is left."""
    return len(asyncio.all_tasks()) == 1


async def test_a_prompt_for_each_line_is_enough(tmp_path: Path) -> None:
    """HAProxy from 3.2 on ends a whole line with one prompt, however many commands are in it: each stands in a line of its own."""
    path = tmp_path / "stats.sock"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            for command in line.decode().strip().split(";"):
                info = "Name: HAProxy\nPid: 2\nStopping: 0\nStart_time_sec: 3\n"
                writer.write(f"{info if command == 'show info' else command.removeprefix('prompt')}\n".encode())
            writer.write(b"\n> ")
        writer.close()

    runtime = Runtime(path, 5.0)
    async with await asyncio.start_unix_server(answer, path):
        assert [text.strip() for text in (await runtime.ask("one", "two")).texts] == ["one", "two"]
        assert [text.strip() for text in (await runtime.look("three", "four")).texts] == ["three", "four"]
        assert [text.strip() for text in (await runtime.look("five")).texts] == ["five"]
        runtime.close()
        await eventually(all_hung_up)


async def test_a_worker_that_is_leaving_is_not_believed(tmp_path: Path) -> None:
    """During a takeover a new connection may still reach the old worker: it is asked again until the new one answers."""
    path, leaving = tmp_path / "stats.sock", [True, True, False, True, False]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        old = leaving.pop(0)
        info = f"Name: HAProxy\nPid: {1 if old else 2}\nStopping: {int(old)}\nStart_time_sec: 3\n"
        await reader.readline()
        writer.write(f"\n> {info}\n\n> ".encode())
        await reader.read()
        writer.close()

    runtime = Runtime(path, 5.0)
    async with await asyncio.start_unix_server(answer, path):
        assert (await runtime.ask()).worker.name == "2@3"
        assert (await runtime.look()).worker.name == "2@3"
        runtime.close()
        await eventually(all_hung_up)
    assert leaving == []


async def test_looks_across_reloads_show_no_traffic_that_was_not(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """Whatever reloads do to the counters, the looks never add up to more than the visits that were made."""
    served: list[Environment | None] = []
    looks = [await balancer.snapshot(BACKENDS)]
    async with steady_visits(haproxy.port, served):
        for number in range(120):
            looks.append(await balancer.snapshot(BACKENDS))
            if number % 40 == 20:
                haproxy.signal_reload()
            await asyncio.sleep(0.01)
    assert len({look.worker for look in looks}) > 1
    assert 0 < growth(looks) <= len(served) + 1


async def test_cleared_counters_are_no_traffic(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """When somebody clears the counters, the two looks around it give no tally instead of a wrong one."""
    for _ in range(3):
        await visit(haproxy.port)
    before = await balancer.snapshot(BACKENDS)
    await balancer._runtime.ask("clear counters all")
    after = await balancer.snapshot(BACKENDS)
    assert before.worker == after.worker
    assert between(before.backends["web_blue"], after.backends["web_blue"], 1.0) is None


async def test_a_restart_is_survived(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """After a crash the balancer is gone until HAProxy is back, and then read as a new worker with what the file says."""
    await balancer.store("web", Split(300))
    before = await balancer.snapshot(BACKENDS)
    await haproxy.kill()
    with pytest.raises(BalancerGone, match=r"stats\.sock"):
        await balancer.snapshot(BACKENDS)
    await haproxy.start()
    assert (await balancer.snapshot(BACKENDS)).worker != before.worker
    assert [worker.split for worker in await balancer.read("web")] == [Split(300)]


async def test_a_connection_that_haproxy_closed_is_opened_again(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """A restart between two looks costs none of them."""
    before = await balancer.snapshot(BACKENDS)
    await haproxy.restart()
    assert (await balancer.snapshot(BACKENDS)).worker != before.worker


async def test_lingering_workers_are_told_through_the_master(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """Visitors who connected before two reloads are served by the new side once route has returned."""
    async with AsyncExitStack() as visitors:
        early = []
        for _ in range(2):
            early.append(await visitors.enter_async_context(Visitor(haproxy.port)))
            assert await early[-1].ask() is BLUE
            early.append(await visitors.enter_async_context(Visitor(haproxy.port)))
            await haproxy.reload()
        routed = await balancer.route("web", Split.all_on(GREEN))
        assert len(routed.workers) == 3
        workers = await balancer.read("web")
        assert [(worker.split, worker.current) for worker in workers] == [
            (Split(10_000), True),
            (Split(10_000), False),
            (Split(10_000), False),
        ]
        assert {await visitor.ask() for visitor in early} == {GREEN}


async def test_without_the_master_socket_lingering_workers_are_out_of_reach(haproxy: HAProxyProcess, service: Service) -> None:
    """The limit that the documentation states: then only the worker in service is told."""
    adapter = HAProxy(replace(haproxy.endpoints, master_socket=None), [service])
    async with Visitor(haproxy.port) as early:
        await haproxy.reload()
        routed = await adapter.route("web", Split.all_on(GREEN))
        assert routed.workers == ((await in_service(haproxy)).name,)
        assert await visit(haproxy.port) is GREEN
        assert await early.ask() is BLUE
    await adapter.aclose()


async def test_open_connections_follow_at_their_next_request(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """A kept-alive connection goes to the new side with its first request after route, and is not cut."""
    async with Visitor(haproxy.port) as visitor:
        for environment in (BLUE, GREEN, BLUE, GREEN):
            await balancer.route("web", Split.all_on(environment))
            assert await visitor.ask() is environment


async def test_the_way_back_holds_under_a_storm_of_reloads(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """While the file says blue, no request that begins after a route to blue reaches green, whatever is being reloaded."""
    await balancer.store("web", Split.all_on(BLUE))
    stray = 0
    async with AsyncExitStack() as visitors:
        for number in range(8):
            with suppress(BalancerGone):
                await balancer.route("web", Split.all_on(GREEN))
            early = [await visitors.enter_async_context(Visitor(haproxy.port)) for _ in range(3)]
            if number % 2:
                haproxy.signal_reload()
            else:
                await haproxy.reload()
            # A reload may keep the workers from being listed for a moment; nothing is promised before route has returned.
            while True:
                with suppress(BalancerGone):
                    await balancer.route("web", Split.all_on(BLUE))
                    break
            stray += [await visitor.ask() for visitor in early].count(GREEN)
            stray += [await visit(haproxy.port) for _ in range(5)].count(GREEN)
    assert stray == 0


async def test_a_flip_that_a_reload_forgot_is_seen(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """After a reload, reading shows the file's split in the new worker: whoever compares it with the intention finds the loss."""
    await balancer.store("web", Split.all_on(BLUE))
    async with Visitor(haproxy.port):
        await balancer.route("web", Split.all_on(GREEN))
        await haproxy.reload()
        assert [(worker.split, worker.current) for worker in await balancer.read("web")] == [
            (Split(0), True),
            (Split(10_000), False),
        ]


async def test_a_map_without_the_service_gets_it_once(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """The first route adds the missing entry, and later ones change it: two entries would hide one another."""
    assert (await balancer.read("web"))[0].split == Split(0)
    for share in (1, 2, 3):
        await balancer.route("web", Split(share))
    entries = (await balancer._runtime.ask(f"show map {haproxy.endpoints.map}")).texts[0]
    assert [line.split()[1:] for line in entries.splitlines()] == [["web", "3"]]


def without_block(configuration: str) -> tuple[str, str]:
    """The configuration without guardian's block, and the block."""
    before, _, rest = configuration.partition("    # >>> guardian")
    block, _, after = rest.partition("# <<< guardian web\n")
    return before + after, f"    # >>> guardian{block}# <<< guardian web"


async def test_a_frontend_without_the_block_is_told_what_it_lacks(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """When HAProxy does not use the map, the sentence holds the very block that stands in a sound configuration."""
    bare, block = without_block(haproxy.configuration.read_text())
    haproxy.configuration.write_text(bare)
    await haproxy.reload()
    with pytest.raises(BalancerUnfit, match="frontend") as failure:
        await balancer.route("web", Split(1))
    assert block in str(failure.value)


async def test_a_lingering_worker_without_the_block_is_waited_for(haproxy: HAProxyProcess, balancer: HAProxy) -> None:
    """After the block was loaded, an older worker that knows no map is named until it ends, and the map is not called unknown."""
    sound = haproxy.configuration.read_text()
    haproxy.configuration.write_text(without_block(sound)[0])
    await haproxy.reload()
    async with Visitor(haproxy.port):
        old = await in_service(haproxy)
        haproxy.configuration.write_text(sound)
        await haproxy.reload()
        assert [worker.current for worker in await balancer.read("web")] == [True]
        with pytest.raises(BalancerGone, match=f"process {old.pid} .*before guardian's block"):
            await balancer.route("web", Split(10_000))
        assert await visit(haproxy.port) is GREEN

    async def ended() -> bool:
        return not alive(old)

    await eventually(ended)
    assert (await balancer.route("web", Split(1))).split == Split(1)
