"""The host itself has a bad day: no memory left, another HAProxy in place of the one before, a wall clock that is set.

What happened is judged by clients that know nothing of guardian (``tests/doubles/recorder.py``).
"""

import asyncio
import re
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from guardian.core.model import Split
from guardian.demo.application import Fault
from guardian.demo.haproxy import debian_binary, wheel_binary
from tests.acceptance.conftest import BLUE, GREEN, PATIENCE, Story, Tell
from tests.doubles.recorder import Witnesses
from tests.waiting import eventually

Measured = Callable[[str, object], None]
FAKE = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
HOUR = 3600
APPROVED = """\
    strategy:
      steps: [ask, 100%]
      approval: {needed: 1, expires: 10m}
"""


def mapped(pid: int) -> int:
    """Bytes of address space that a process has."""
    pages: str = Path(f"/proc/{pid}/statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()


def dead(pid: int) -> bool:
    """Whether a process of ours has ended, be it that nobody has asked yet how."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


async def asked_for_all(story: Story) -> None:
    """Ask for what takes memory, whatever comes of it."""
    with suppress(httpx.HTTPError):
        await asyncio.gather(*(story.client.get("/metrics") for _ in range(30)), return_exceptions=True)


@pytest.mark.parametrize("room", [0, 4])
async def test_without_memory_a_bad_release_is_taken_back(tell: Tell, room: int, record_property: Measured) -> None:
    """With ``room`` MiB left the rollback is carried out, or guardian dies, is started as systemd would, and carries on."""
    story = await tell()
    traffic = await story.traffic()
    async with Witnesses(story.stage.haproxy.port) as clients:
        await story.switch()
        clients.abandoned(BLUE)
        await story.seen(traffic, 50)
        pid = story.stage.guardian.pid
        unlimited = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (mapped(pid) + (room << 20), unlimited[1]))
        asking = asyncio.create_task(asked_for_all(story))
        clients.may_return()
        clients.fails(GREEN)
        began = time.monotonic()
        await story.fail(GREEN, Fault(errors=1.0))
        died = await taken_back(story)
        record_property("taken back", f"{time.monotonic() - began:.1f} s{' after a death' if died else ''}")
        clients.abandoned(GREEN)
        clients.mended()
        await asking
        if not died:
            resource.prlimit(pid, resource.RLIMIT_AS, unlimited)
        assert (await story.until("rolled back"))["rollback"]
        await story.until_stored(Split.all_on(BLUE))
        await clients.seen(100, PATIENCE)
    only_for_want_of_memory(story)


async def taken_back(story: Story) -> bool:
    """Wait until all is on blue, and start guardian where it is gone, as systemd does. Whether that came to pass."""
    died = False

    async def back() -> bool:
        nonlocal died
        if dead(story.stage.guardian.pid):
            died = True
            await story.stage.guardian.end(signal.SIGKILL)
            await story.restart_guardian()
        return await story.live() == {Split.all_on(BLUE)}

    await eventually(back, PATIENCE)
    return died


def only_for_want_of_memory(story: Story) -> None:
    """What is in the log of a daemon without memory tells of that; the log begins anew."""
    for found in re.findall(r"^Traceback .*?(?=^\S+: |\Z)^(\S+)[^\n]*", story.log, re.MULTILINE | re.DOTALL):
        assert re.search(r"MemoryError|RuntimeError|OSError|OperationalError", found), story.log
    story.stage.guardian.log.write_text("")


@pytest.mark.parametrize("first", ["debian", "wheel"])
async def test_another_haproxy_in_mid_watch(tell: Tell, first: str, record_property: Measured) -> None:
    """2.6 gives way to 2.8 on the same sockets, and back: guardian sees which it is, the watch goes on, and rollback works."""
    binaries = {"debian": debian_binary(), "wheel": wheel_binary()}
    story = await tell(binary=binaries.pop(first))
    (other,) = binaries.values()
    traffic = await story.traffic()
    haproxy = story.stage.haproxy
    async with Witnesses(haproxy.port) as clients:
        await story.switch()
        await story.seen(traffic, 50)
        versions = [await version(story)]
        for binary in (other, haproxy._binary):
            clients.fails(None)
            await haproxy.stop()
            haproxy._binary = binary
            await haproxy.start()
            await story.until_live(Split.all_on(GREEN))
            clients.mended()
            clients.abandoned(BLUE)
            versions.append(await another_version(story, versions[-1]))
            await story.seen(traffic, 50)
            assert (await story.service())["deployment"]["phase"] == "watching"
            clients.may_return()
        assert versions[0] == versions[2] != versions[1]
        record_property("versions", " → ".join(versions))
        clients.fails(GREEN)
        await story.fail(GREEN, Fault(errors=1.0))
        assert (await story.until("rolled back"))["rollback"]["rule"] == "server-errors"
        await story.until_live(Split.all_on(BLUE))
        clients.abandoned(GREEN)
        clients.mended()
        await clients.seen(100, PATIENCE)


async def version(story: Story) -> str:
    """Which HAProxy guardian says that it speaks to."""
    balancer = (await story.service())["rollback"]["balancer"]
    return str(balancer["version"]).split("-")[0] if balancer else ""


async def another_version(story: Story, before: str) -> str:
    """Wait until guardian has found out that it is another one."""
    found = before

    async def other() -> bool:
        nonlocal found
        found = await version(story)
        return found not in {before, ""}

    await eventually(other, PATIENCE)
    return found


@dataclass(frozen=True)
class WallClock:
    """The wall clock of one process alone, which libfaketime reads from a file; its monotonic clock stays the kernel's."""

    file: Path

    def set(self, seconds: int) -> None:
        """Have it go wrong by so much from now on."""
        beside = self.file.with_suffix(".new")
        beside.write_text(f"{seconds:+d}\n")
        beside.replace(self.file)

    async def under(self, story: Story, patch: pytest.MonkeyPatch) -> None:
        """Start guardian again, on this clock."""
        assert FAKE, "libfaketime is not installed: apt-get install faketime"
        self.set(0)
        given = {"LD_PRELOAD": FAKE[0], "FAKETIME_TIMESTAMP_FILE": self.file, "FAKETIME_CACHE_DURATION": 1}
        await story.stage.guardian.end()
        with patch.context() as environment:
            for name, value in given.items():
                environment.setenv(name, str(value))
            environment.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            await story.restart_guardian()


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_the_wall_clock_is_set_in_mid_watch(
    tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, record_property: Measured
) -> None:
    """By an hour: freeze, approval and watch neither end nor last longer, jobs go on, and rollback is as quick as ever."""
    story, clock = await tell(release=APPROVED), WallClock(tmp_path / "clock")
    await clock.under(story, monkeypatch)
    traffic = await story.traffic()
    async with Witnesses(story.stage.haproxy.port) as clients:
        await story.order("freeze", reason="until the clock is set", seconds=600)
        await is_set(story, clock, step)
        assert await frozen(story)
        await story.order("unfreeze", reason="it is set")
        await story.order("freeze", reason="for a moment", seconds=2)
        await is_set(story, clock, 2 * step)
        await eventually(lambda: not_frozen(story), PATIENCE)

        await story.order("switch")
        deployment = await story.until("awaiting approval")
        await is_set(story, clock, step)
        assert (await story.service())["deployment"]["phase"] == "awaiting approval"
        body = {"reason": "go", "break_glass": True}
        assert (await story.client.post(f"/v1/deployments/{deployment['id']}/approve", json=body)).is_success
        await story.until("watching")
        await story.until_live(Split.all_on(GREEN))
        clients.abandoned(BLUE)
        await is_set(story, clock, 0)
        await story.seen(traffic, 100)
        assert (await story.service())["deployment"]["phase"] == "watching"

        clients.may_return()
        clients.fails(GREEN)
        began = await story.stage.applications[GREEN].fail(Fault(errors=1.0))
        assert (await story.until("rolled back"))["rollback"]["rule"] == "server-errors"
        record_property("taken back", f"{time.monotonic() - began:.1f} s")
        await story.until_live(Split.all_on(BLUE))
        clients.abandoned(GREEN)
        clients.mended()
        await clients.seen(100, PATIENCE)


async def is_set(story: Story, clock: WallClock, to: int) -> None:
    """Set the clock, and wait until guardian has noticed and its jobs have had a turn."""
    told = story.log.count("the clock was set")
    looked = (await story.service())["rollback"]["checked_at"]
    clock.set(to)

    async def noticed() -> bool:
        now = (await story.service())["rollback"]["checked_at"]
        return story.log.count("the clock was set") == told + 1 and now > looked

    await eventually(noticed, PATIENCE)


async def frozen(story: Story) -> bool:
    """Whether nothing may move forward."""
    return bool((await story.service())["frozen"])


async def not_frozen(story: Story) -> bool:
    """Whether a freeze is over."""
    return not await frozen(story)
