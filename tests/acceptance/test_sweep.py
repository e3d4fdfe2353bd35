"""Death and refusal at every system call of a switch and of a rollback: afterwards all workers agree, and nothing is half done."""

import asyncio
import contextlib
import re
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from guardian.core.model import Split, Way
from guardian.demo.report import connection_failures
from guardian.demo.stage import RefusedError
from tests.acceptance.conftest import BLUE, GREEN, PATIENCE, Story, Tell
from tests.waiting import eventually

CALLS = (
    "sendto",
    "recvfrom",
    "connect",
    "openat",
    "pwrite64",
    "write",
    "fdatasync",
    "fsync",
    "rename",
    "unlink",
    "close",
    "flock",
    "execve",
)
"""The system calls by which a switch reaches HAProxy, the journal, the map or HAProxy's configuration, and whoever ordered it."""
FAULTS = ("signal=KILL", "error=ENOSPC", "error=EIO")
ALL_WORKERS = {"switch": Split.all_on(GREEN), "rollback": Split.all_on(BLUE)}


@dataclass(frozen=True)
class Injection:
    """A fault at the ``number``-th call of a name in each thread, counted from just before the order."""

    order: str
    call: str
    number: int
    fault: str

    def __str__(self) -> str:
        """Names the test."""
        return f"{self.order}: {self.fault} at {self.call} {self.number}"


class Tracer:
    """strace on a running daemon."""

    def __init__(self, *options: str) -> None:
        strace = shutil.which("strace")
        assert strace, "strace is not installed: apt-get install strace"
        self._program = (strace, "-f", *options)

    @contextlib.asynccontextmanager
    async def on(self, pid: int) -> AsyncIterator[None]:
        """Trace the process, with every thread of it, until the end of the body."""
        process = await asyncio.create_subprocess_exec(*self._program, "-p", str(pid), stderr=asyncio.subprocess.PIPE)
        assert process.stderr is not None
        try:
            async with asyncio.timeout(PATIENCE):
                while b"attached" not in (said := await process.stderr.readline()):
                    assert said, "strace did not attach"
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()  # asked to end, it may wait for ever for threads of a process that it has killed itself
            await process.communicate()


def traced(log: Path) -> str:
    """What strace wrote."""
    return log.read_text()


async def calls_of(story: Story, order: str, log: Path) -> Counter[str]:
    """How often each call is made by the thread that makes it most, in an undisturbed ``order``."""
    async with Tracer("-o", str(log), "-e", f"trace={','.join(CALLS)}").on(story.stage.guardian.pid):
        await story.order(order, reason="counting")
        await story.until("watching" if order == "switch" else "rolled back")
        await story.until_live(ALL_WORKERS[order])
    made = Counter(re.findall(r"^(\d+) +(\w+)\(", traced(log), re.MULTILINE))
    most: Counter[str] = Counter()
    for (_, call), number in made.items():
        most[call] = max(most[call], number)
    return most


async def disturbed(story: Story, injection: Injection) -> bool:
    """Give the order under the injection, whatever comes of it. Whether the daemon lived through it."""
    inject = f"inject={injection.call}:{injection.fault}:when={injection.number}"
    options = ("-o", "/dev/null", "-e", f"trace={injection.call}", "-e", inject)
    async with Tracer(*options).on(story.stage.guardian.pid):
        with contextlib.suppress(httpx.HTTPError, RefusedError, TimeoutError):
            async with asyncio.timeout(3):
                await story.order(injection.order, reason=str(injection))
                await story.until("watching", "rolled back", "aborted")
    return alive(story.stage.guardian.pid)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    with contextlib.suppress(OSError):
        return not re.search(r"^State:\tZ", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return False


def excuse(log: Path) -> None:
    """The event loop logs a fault of its own pipe with a traceback, and goes on; guardian's own code has none."""
    tracebacks = re.findall(r"^Traceback .*?^\w*Error\b.*?$", log.read_text(), re.MULTILINE | re.DOTALL)
    assert not [found for found in tracebacks if "/guardian/" in found], tracebacks
    log.write_text("")


async def settled(story: Story) -> str:
    """Start again, wait until nothing is under way, and have traffic and record agree. Where the traffic is."""
    await story.stage.guardian.end(signal.SIGKILL)
    excuse(story.stage.guardian.log)
    await story.restart_guardian()

    async def agreed() -> bool:
        view = await story.service()
        phase = view["deployment"]["phase"] if view["deployment"] else "none"
        side = "green" if phase == "watching" else "blue"
        return view["split"] == side and await story.live() == {Split.all_on(GREEN if side == "green" else BLUE)}

    await eventually(agreed, PATIENCE)
    await story.until_stored(Split.all_on(BLUE))
    split: str = (await story.service())["split"]
    return split


async def bring(story: Story, split: str) -> None:
    """Have the traffic where the next order starts from."""
    if (await story.service())["split"] == split:
        return
    if split == "green":
        await story.switch()
    else:
        await story.order("rollback", reason="next turn")
        await story.until("rolled back")
    await story.until_live(Split.all_on(GREEN if split == "green" else BLUE))


def chosen(made: Counter[str], order: str, every: int) -> Iterator[Injection]:
    """Every ``every``-th of all faults at all calls; no multiple of three, or it would always be the same fault."""
    faults = (Injection(order, call, number, fault) for call in CALLS for number in range(1, made[call] + 1) for fault in FAULTS)
    return (injection for index, injection in enumerate(faults) if index % every == 0)


async def sweep(story: Story, order: str, log: Path, every: int) -> Counter[str]:
    """Disturb ``order`` at every chosen point. How often the traffic was where afterwards."""
    start = "blue" if order == "switch" else "green"
    await bring(story, start)
    injections = list(chosen(await calls_of(story, order, log), order, every))
    outcomes: Counter[str] = Counter()
    for injection in injections:
        await bring(story, start)
        lived = await disturbed(story, injection)
        where = await settled(story)
        outcomes[f"{'lived' if lived else 'died'}, {where}"] += 1
    print(f"{order}: {len(injections)} faults: {dict(outcomes)}")  # noqa: T201  shown with `-s`: how many of each
    return outcomes


@pytest.mark.timeout(300)
@pytest.mark.parametrize("order", ["switch", "rollback"])
async def test_a_fault_at_a_system_call_leaves_one_side_or_the_other(tell: Tell, tmp_path: Path, order: str) -> None:
    """Some of all points: afterwards the daemon, every worker and the file agree, and no request failed meanwhile."""
    story = await tell()
    traffic = await story.traffic(50)
    outcomes = await sweep(story, order, tmp_path / "calls", every=31)
    assert {outcome.split(", ")[0] for outcome in outcomes} == {"lived", "died"}
    assert not connection_failures(traffic.answers)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("order", ["switch", "rollback"])
async def test_a_fault_at_every_system_call_leaves_one_side_or_the_other(tell: Tell, tmp_path: Path, order: str) -> None:
    """The same at every single point."""
    story = await tell()
    traffic = await story.traffic(50)
    outcomes = await sweep(story, order, tmp_path / "calls", every=1)
    assert {outcome.split(", ")[0] for outcome in outcomes} == {"lived", "died"}
    assert not connection_failures(traffic.answers)


@pytest.mark.timeout(300)
async def test_a_fault_in_a_switch_by_reload_leaves_one_side_or_the_other(tell: Tell, tmp_path: Path) -> None:
    """The same where the split stands in HAProxy's configuration, which is whole, on the safe side, and still guardian's."""
    story = await tell(way=Way.RELOAD)
    await sweep_by_reload(story, tmp_path / "calls", "switch", every=263)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("order", ["switch", "rollback"])
async def test_faults_all_over_a_reload_leave_one_side_or_the_other(tell: Tell, tmp_path: Path, order: str) -> None:
    """The same at a seventh of all points: waiting for HAProxy makes most of them, each like the one before."""
    story = await tell(way=Way.RELOAD)
    await sweep_by_reload(story, tmp_path / "calls", order, every=7)


async def sweep_by_reload(story: Story, log: Path, order: str, every: int) -> None:
    """Disturb an order under traffic; nothing of it may be left in HAProxy's configuration, or beside it."""
    before = story.stage.haproxy.configuration.read_bytes()
    traffic = await story.traffic(50)
    outcomes = await sweep(story, order, log, every)
    assert {outcome.split(", ")[0] for outcome in outcomes} == {"lived", "died"}
    assert not connection_failures(traffic.answers)
    text = story.stage.haproxy.configuration.read_text()
    assert re.sub(r"gen_web int\(\d+\)", "gen_web int(0)", text).encode() == before
    await story.stage.guardian.end()
    await story.restart_guardian()
    await bring(story, "green")
    assert not list(story.stage.haproxy.configuration.parent.glob(".haproxy*"))
