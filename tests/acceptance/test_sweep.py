"""Death and refusal at every system call of a switch and of a rollback: afterwards all workers agree, and nothing is half done.

Which faults differ, and what is left out, ``tests/faults/points.py`` says. A daemon that lived through a fault must come to terms
with it by itself, and have recorded what it says: that is what the next start begins from, so only every so many of them is
started again. One that died always is.
"""

import asyncio
import contextlib
import json
import re
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from guardian.app.codec import state_from_record
from guardian.core.model import Split, Way
from guardian.demo.report import connection_failures
from guardian.demo.stage import RefusedError
from tests.acceptance.conftest import BLUE, GREEN, PATIENCE, Story, Tell
from tests.faults.points import ALONE, OURS, PARTS, Point, calls, part, points, sample, struck
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
ALL_WORKERS = {"switch": Split.all_on(GREEN), "rollback": Split.all_on(BLUE)}
RESTED = frozenset({"none", "watching", "rolled back", "aborted"})
AGAIN = 8
"""At one of so many points the daemon is started again though it has lived."""
Measured = Callable[[str, object], None]


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


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    with contextlib.suppress(OSError):
        return not re.search(r"^State:\tZ", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return False


def excuse(log: Path) -> None:
    """The event loop logs a fault of its own pipe with a traceback, and goes on; guardian's own code has none."""
    tracebacks = re.findall(r"^Traceback .*?^\w*Error\b.*?$", log.read_text(), re.MULTILINE | re.DOTALL)
    assert not [found for found in tracebacks if OURS in found], tracebacks
    log.write_text("")


@dataclass
class Sweep:
    """An order that is disturbed again and again, on one stage."""

    story: Story
    order: str
    log: Path
    """Where strace writes."""
    died: bool = False
    """Whether the daemon died of the last fault."""

    @property
    def start(self) -> str:
        """Where the traffic is before the order."""
        return "blue" if self.order == "switch" else "green"

    async def calls(self, *options: str) -> list[Point]:
        """Every fault at every call of an undisturbed order, in whichever thread."""
        await self.bring(self.start)
        async with Tracer("-o", str(self.log), "-e", f"trace={','.join(CALLS)}", *options).on(self.story.stage.guardian.pid):
            await self.story.order(self.order, reason="counting")
            await self.story.until("watching" if self.order == "switch" else "rolled back")
            await self.story.until_live(ALL_WORKERS[self.order])
        return points(calls(self.log.read_text()))

    async def own(self) -> list[Point]:
        """Those of guardian itself, and of the start of another program."""
        starts = [point for point in await self.calls() if point.call == "execve"]
        return [*await self.calls(*ALONE), *starts]

    async def check(self) -> list[Point]:
        """Those that only ``haproxy -c`` has, which makes more calls of a kind than guardian."""
        known = set(await self.own())
        return [point for point in await self.calls() if point not in known]

    async def run(self, chosen: list[Point], *options: str) -> Counter[str]:
        """Disturb the order at every chosen point. How often the traffic was where afterwards."""
        outcomes: Counter[str] = Counter()
        for turn, point in enumerate(chosen, 1):
            await self.bring(self.start)
            await self._disturbed(point, () if point.call == "execve" else options)
            outcomes["struck"] += struck(self.log)
            self.died = not alive(self.story.stage.guardian.pid)
            if self.died or turn % AGAIN == 0:
                await self._again()
            try:
                where = await self._settled()
            except TimeoutError as error:
                raise AssertionError(f"{self.order}, {point}: {self.story.log}") from error
            outcomes[f"{'died' if self.died else 'lived'}, {where}"] += 1
        print(f"{self.order}: {len(chosen)} faults: {dict(outcomes)}")  # noqa: T201  shown with `-s`: how many of each
        return outcomes

    async def _disturbed(self, point: Point, options: tuple[str, ...]) -> None:
        """Give the order under the fault, whatever comes of it."""
        self.log.write_text("")
        async with Tracer("-o", str(self.log), *options, *point.options).on(self.story.stage.guardian.pid):
            with contextlib.suppress(httpx.HTTPError, RefusedError, TimeoutError):
                async with asyncio.timeout(3):
                    await self.story.order(self.order, reason=str(point))
                    await self.story.until(*RESTED - {"none"})

    async def _settled(self) -> str:
        """Wait until nothing is under way, and HAProxy, guardian's word and its records agree. Where the traffic is."""
        said = ""

        async def agreed() -> bool:
            nonlocal said
            try:
                view = await self.story.service()
            except httpx.TransportError:  # a kept connection that the fault had met, or guardian is dead, or dying
                if not alive(self.story.stage.guardian.pid):
                    self.died = True
                    await self._again()
                return False
            phase, said = view["deployment"]["phase"] if view["deployment"] else "none", view["split"]
            return (
                phase in RESTED
                and said == ("green" if phase == "watching" else "blue")
                and await self.story.live() == {Split.all_on(GREEN if said == "green" else BLUE)}
                and self._recorded() == (phase, said)
            )

        await eventually(agreed, PATIENCE)
        await self.story.until_stored(Split.all_on(BLUE))
        excuse(self.story.stage.guardian.log)
        return said

    async def _again(self) -> None:
        """Start guardian again, as systemd does."""
        await self.story.stage.guardian.end(signal.SIGKILL)
        await self.story.restart_guardian()

    def _recorded(self) -> tuple[str, str]:
        """Phase and split that a start would begin with."""
        database = self.story.stage.guardian.log.parent / "state" / "guardian.db"
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            (text,) = connection.execute("select state from services where name = 'web'").fetchone()
        state = state_from_record(json.loads(text))
        return state.deployment.phase if state.deployment else "none", "green" if state.live == Split.all_on(GREEN) else "blue"

    async def bring(self, split: str) -> None:
        """Have the traffic where the order starts from."""
        if (await self.story.service())["split"] == split:
            return
        if split == "green":
            await self.story.switch()
        else:
            await self.story.order("rollback", reason="next turn")
            await self.story.until("rolled back")
        await self.story.until_live(Split.all_on(GREEN if split == "green" else BLUE))


@dataclass
class Scene:
    """A stage under traffic, and an order on it."""

    story: Story
    order: str
    log: Path
    way: Way = Way.RUNTIME


async def swept(scene: Scene, choose: Callable[[Sweep], Awaitable[list[Point]]], *options: str) -> Counter[str]:
    """Disturb an order at the points that ``choose`` gives: no request fails meanwhile, and its configuration is as before."""
    story, sweep = scene.story, Sweep(scene.story, scene.order, scene.log)
    before = story.stage.haproxy.configuration.read_bytes()
    traffic = await story.traffic(50)
    chosen = await choose(sweep)
    outcomes = await sweep.run(chosen, *options)
    assert not connection_failures(traffic.answers)
    assert outcomes["struck"] > len(chosen) // 2
    if scene.way is Way.RELOAD:
        await intact(sweep, before)
    return outcomes


async def intact(sweep: Sweep, before: bytes) -> None:
    """HAProxy's configuration is whole, on the safe side, and still guardian's; nothing is left beside it."""
    story = sweep.story
    text = story.stage.haproxy.configuration.read_text()
    assert re.sub(r"gen_web int\(\d+\)", "gen_web int(0)", text).encode() == before
    await story.stage.guardian.end()
    await story.restart_guardian()
    await sweep.bring("green")
    assert not list(story.stage.haproxy.configuration.parent.glob(".haproxy*"))


def both(outcomes: Counter[str]) -> bool:
    """Whether the daemon has died of some, and lived through others."""
    return {outcome.split(", ")[0] for outcome in outcomes} == {"lived", "died", "struck"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("order", ["switch", "rollback"])
async def test_a_fault_at_a_system_call_leaves_one_side_or_the_other(tell: Tell, tmp_path: Path, order: str) -> None:
    """Some of all points: afterwards the daemon, its records, every worker and the file agree, and no request failed meanwhile."""

    async def some(sweep: Sweep) -> list[Point]:
        return sample(await sweep.own(), 29)

    assert both(await swept(Scene(await tell(), order, tmp_path / "calls"), some, *ALONE))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", range(PARTS))
@pytest.mark.parametrize("order", ["switch", "rollback"])
async def test_a_fault_at_every_system_call_leaves_one_side_or_the_other(
    tell: Tell, tmp_path: Path, order: str, number: int, record_property: Measured
) -> None:
    """The same at every single point."""
    await every(Scene(await tell(), order, tmp_path / "calls"), number, record_property)


@pytest.mark.timeout(300)
async def test_a_fault_in_a_switch_by_reload_leaves_one_side_or_the_other(tell: Tell, tmp_path: Path) -> None:
    """The same where the split stands in HAProxy's configuration, which is whole, on the safe side, and still guardian's."""

    async def some(sweep: Sweep) -> list[Point]:
        return sample(await sweep.own(), 89)

    story = await tell(way=Way.RELOAD)
    assert both(await swept(Scene(story, "switch", tmp_path / "calls", Way.RELOAD), some, *ALONE))


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("number", range(PARTS))
@pytest.mark.parametrize("order", ["switch", "rollback"])
async def test_faults_by_reload_leave_one_side_or_the_other(
    tell: Tell, tmp_path: Path, order: str, number: int, record_property: Measured
) -> None:
    """The same at every single point of it."""
    story = await tell(way=Way.RELOAD)
    await every(Scene(story, order, tmp_path / "calls", Way.RELOAD), number, record_property)


async def every(scene: Scene, number: int, record_property: Measured) -> None:
    """One part of all points."""
    tried = 0

    async def mine(sweep: Sweep) -> list[Point]:
        nonlocal tried
        found = part(await sweep.own(), number)
        tried = len(found)
        return found

    outcomes = await swept(scene, mine, *ALONE)
    record_property("points", tried)
    record_property("struck", outcomes["struck"])
    assert both(outcomes)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("order", ["switch", "rollback"])
async def test_a_check_that_dies_or_cannot_read_leaves_one_side_or_the_other(tell: Tell, tmp_path: Path, order: str) -> None:
    """A sample of the calls of ``haproxy -c``: for guardian, the check failed, and it lives."""

    async def some(sweep: Sweep) -> list[Point]:
        return sample(await sweep.check(), 61)

    story = await tell(way=Way.RELOAD)
    outcomes = await swept(Scene(story, order, tmp_path / "calls", Way.RELOAD), some)
    assert not [outcome for outcome in outcomes if outcome.startswith("died")]
