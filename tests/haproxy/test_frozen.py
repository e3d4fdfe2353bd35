"""A HAProxy that hangs: every call ends by its deadline, with a sentence, and the next one works when it wakes up."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.core.model import Environment, Service, Split
from guardian.core.ports import BalancerError, BalancerGone
from guardian.demo.haproxy import HAProxyProcess
from tests.doubles.visitor import Visitor, visit
from tests.waiting import PATIENCE, eventually, until

BACKENDS = ("web_blue", "web_green")
DROPS = (b"x",) * 100_000
"""More of them than any deadline waits for."""


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that is there and does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        # The signal is on its way when kill returns; a thread that still runs might answer.
        while any(stat.read_text().rpartition(")")[2].split()[0] != "T" for stat in Path(f"/proc/{pid}/task").glob("*/stat")):
            pass
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def pid_in_service(haproxy: HAProxyProcess) -> int:
    """The worker that takes new connections."""
    worker = await haproxy.worker()
    assert worker is not None
    return worker.pid


@pytest.fixture
async def hasty(haproxy: HAProxyProcess, service: Service) -> AsyncIterator[HAProxy]:
    """The adapter with a short deadline, so that waiting for it costs the tests little."""
    adapter = HAProxy(replace(haproxy.endpoints, timeout=0.2), [service])
    yield adapter
    await adapter.aclose()


async def test_a_frozen_worker_is_gone_until_it_wakes_up(haproxy: HAProxyProcess, hasty: HAProxy) -> None:
    """No question to a frozen worker hangs, each says which socket is silent and for how long, and all is well afterwards."""
    await hasty.snapshot(BACKENDS)
    with frozen(await pid_in_service(haproxy)):
        for question in (hasty.snapshot(BACKENDS), hasty.health("web_blue"), hasty.read("web"), hasty.route("web", Split(1))):
            with pytest.raises(BalancerGone, match=r"stats\.sock within 0\.20 s"):
                await question
        for _ in range(15):  # more than the 11 that wait in the socket's queue
            with pytest.raises(BalancerGone):
                await hasty.snapshot(BACKENDS)

    async def awake() -> bool:
        try:
            return (await hasty.route("web", Split(2))).split == Split(2)
        except BalancerGone:
            return False

    await eventually(awake)
    assert (await hasty.snapshot(BACKENDS)).backends.keys() == set(BACKENDS)


async def test_a_change_that_was_given_up_does_not_undo_a_later_one(haproxy: HAProxyProcess, hasty: HAProxy) -> None:
    """A worker that wakes up does what every connection has left it, in any order: what is acknowledged is what was said last."""
    worker = await pid_in_service(haproxy)

    async def back() -> None:
        while True:
            with suppress(BalancerGone):
                await hasty.route("web", Split(0))
                return

    for _ in range(5):
        with frozen(worker):
            for _ in range(3):
                with pytest.raises(BalancerGone):
                    await hasty.route("web", Split(10_000))
            going_back = asyncio.create_task(back())
            await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE):
            await going_back
        found = [(await hasty.read("web"))[0].split for _ in range(10)]
        assert found == [Split(0)] * 10


class Deaf:
    """A stats socket with one worker, which takes the first changes and answers them only when it is let go."""

    def __init__(self, deaf_to: int = 1) -> None:
        self.share = self.changes = 0
        self.deaf_to = deaf_to
        self.let_go = asyncio.Event()
        self.connections: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def at(self, path: Path) -> AsyncIterator[None]:
        """Serve."""

        def serve(*ends: Any) -> None:
            self.connections.append(asyncio.create_task(self._serve(*ends)))

        async with await asyncio.start_unix_server(serve, path):
            yield
        self.let_go.set()
        await asyncio.gather(*self.connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while command := (await reader.readline()).decode().strip():
            if command.startswith("set map"):
                self.changes += 1
                if self.changes <= self.deaf_to:
                    await self.let_go.wait()
                self.share = int(command.split()[-1])
            answers = {
                "get": f'type=str, found=yes, idx=tree, key="web", value="{self.share}", type="sint"\n',
                "show": "Name: HAProxy\nPid: 7\nStart_time_sec: 1\nStopping: 0\nCurrConns: 0\n",
            }
            writer.write(f"{answers.get(command.split()[0], '')}\n> ".encode())
        writer.transport.abort()


async def test_nothing_is_proved_while_an_earlier_change_is_unanswered(tmp_path: Path, service: Service) -> None:
    """It may still be carried out, and is: then the worker is told once more, and what it says now holds."""
    path, deaf, said = tmp_path / "stats.sock", Deaf(), list[str]()
    adapter = HAProxy(Endpoints(path, tmp_path / "map", timeout=0.2), [service])

    async def back() -> bool:
        try:
            return bool(await adapter.route("web", Split(0)))
        except BalancerGone as gone:
            said.append(str(gone))
            return False

    async def refused() -> bool:
        assert not await back()
        return "web: HAProxy gives green 0 %, but has not answered an earlier change within" in said[-1]

    async with deaf.at(path):
        with pytest.raises(BalancerGone, match="no HAProxy worker in service answered"):
            await adapter.route("web", Split(10_000))
        await eventually(refused)
        deaf.let_go.set()
        await eventually(back)
        assert deaf.share == 0
        await adapter.aclose()


async def test_changes_without_an_answer_leave_places_for_others(tmp_path: Path, service: Service) -> None:
    """HAProxy has ten places: those that hang are four at most, however often a change is tried, and questions find another."""
    path, deaf = tmp_path / "stats.sock", Deaf(deaf_to=100)
    adapter = HAProxy(Endpoints(path, tmp_path / "map", timeout=0.1), [service])
    async with deaf.at(path):
        for _ in range(6):
            with pytest.raises(BalancerGone):
                await adapter.route("web", Split(10_000))
        await until(lambda: deaf.changes == 4)

        async def answers() -> bool:
            with suppress(BalancerGone):
                return (await adapter.read("web"))[0].split == Split(0)
            return False

        await eventually(answers)
        assert deaf.changes == 4
        await adapter.aclose()


async def test_a_frozen_lingering_worker_is_named(haproxy: HAProxyProcess, hasty: HAProxy) -> None:
    """The worker in service is moved all the same; the error names the process that hangs and the share it did not confirm."""
    async with Visitor(haproxy.port):
        old = await pid_in_service(haproxy)
        await haproxy.reload()
        with frozen(old):
            with pytest.raises(BalancerError, match=rf"100 % .*process {old} ") as failure:
                await hasty.route("web", Split(10_000))
            assert not isinstance(failure.value, BalancerGone)
            assert await visit(haproxy.port) is Environment.GREEN
            assert [worker.split for worker in await hasty.read("web")] == [Split(10_000)]
        await hasty.route("web", Split(10_000))
        assert [worker.split for worker in await hasty.read("web")] == [Split(10_000)] * 2


async def test_asking_a_frozen_worker_does_not_use_up_the_master(haproxy: HAProxyProcess, hasty: HAProxy) -> None:
    """The master has ten places: however often a hung worker is asked, the master still answers, and others are still told."""
    async with Visitor(haproxy.port) as visitor:
        old = await pid_in_service(haproxy)
        await haproxy.reload()
        async with Visitor(haproxy.port) as later:
            await haproxy.reload()
            with frozen(old):
                for _ in range(15):
                    await hasty.read("web")
                with pytest.raises(BalancerError, match=str(old)):
                    await hasty.route("web", Split(10_000))
                assert await later.ask() is Environment.GREEN
                with pytest.raises(BalancerError, match=str(old)):
                    await hasty.route("web", Split(0))
            await hasty.route("web", Split(0))
            assert await visitor.ask() is Environment.BLUE


async def test_a_frozen_master_does_not_keep_the_worker_in_service_from_moving(haproxy: HAProxyProcess, hasty: HAProxy) -> None:
    """The flip comes first; that older workers cannot be found out is said after it."""
    with frozen(haproxy.pid):
        with pytest.raises(BalancerGone, match="older workers"):
            await hasty.route("web", Split(10_000))
        assert await visit(haproxy.port) is Environment.GREEN
    await hasty.route("web", Split(10_000))


@asynccontextmanager
async def answering(path: Path, *pieces: bytes, pause: float = 0.0) -> AsyncIterator[None]:
    """A stats socket that sends ``pieces`` whatever it is asked; an empty one hangs up, else it waits for the end."""
    handlers: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            if writer.is_closing():
                break
            writer.write(piece)
            await asyncio.sleep(pause)
        with suppress(ConnectionError):
            if b"" not in pieces:
                await reader.read()
        writer.transport.abort()

    server = await asyncio.start_unix_server(lambda *ends: handlers.append(asyncio.create_task(answer(*ends))), path)
    async with server:
        yield
    await asyncio.gather(*handlers)


async def test_a_master_in_drops_does_not_keep_the_worker_in_service_from_moving(
    haproxy: HAProxyProcess, service: Service, tmp_path: Path
) -> None:
    """The way back comes first, and ends; that older workers cannot be found out is said by the deadline."""
    path = tmp_path / "drops.sock"
    adapter = HAProxy(replace(haproxy.endpoints, master_socket=path, timeout=0.2), [service])
    async with answering(path, *DROPS, pause=0.02):
        for split, side in ((Split(10_000), Environment.GREEN), (Split(0), Environment.BLUE)):
            with pytest.raises(BalancerGone, match="older workers"):
                async with asyncio.timeout(10.0):
                    await adapter.route("web", split)
            assert await visit(haproxy.port) is side
        await adapter.aclose()


@pytest.mark.parametrize(
    ("pieces", "pause"),
    [
        ((), 0.0),
        ((b"\n> ",), 0.0),
        (DROPS, 0.05),
        ((b"\n> # pxname,svname\n", *DROPS), 0.05),
        ((b"\n> ",) * 50, 0.0),
        ((b"\n> # pxname,svname\n\n> Pid: x\n\n> ",), 0.0),
        ((b"\xff\x00\n> \n> \n> ",), 0.0),
        ((b"y" * 3_000_000,), 0.0),
        ((b"",), 0.0),
        ((b"\n> # pxname,svname\n", b""), 0.0),
    ],
    ids=[
        "silence",
        "one prompt",
        "drops",
        "a head and drops",
        "only prompts",
        "no numbers",
        "binary",
        "a flood",
        "an end",
        "an early end",
    ],
)
async def test_a_socket_that_answers_nonsense_is_gone(
    tmp_path: Path, service: Service, pieces: tuple[bytes, ...], pause: float
) -> None:
    """Whatever comes instead of an answer, the call ends by its deadline and says so."""
    path = tmp_path / "stats.sock"
    adapter = HAProxy(Endpoints(path, tmp_path / "map", timeout=0.2), [service])
    async with answering(path, *pieces, pause=pause):
        for question in (adapter.snapshot(BACKENDS), adapter.health("web_blue"), adapter.read("web")):
            with pytest.raises(BalancerGone):
                await question
    await adapter.aclose()
