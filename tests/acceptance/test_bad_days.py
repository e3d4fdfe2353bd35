"""Guardian and HAProxy die, restart and run out of disk; the release on trial is judged all the same."""

import asyncio
import resource
import signal
import sys
from pathlib import Path

import pytest

from guardian.core.model import Split
from guardian.demo.report import connection_failures
from guardian.demo.stage import RefusedError
from guardian.records.store import SqlStore
from tests.acceptance.conftest import BLUE, GREEN, PATIENCE, Story, Tell, bad_release_taken_back, old_or_new, order_blindly
from tests.acceptance.test_sweep import Tracer
from tests.doubles.recorder import Witnesses
from tests.waiting import eventually

CHANGES = "pwrite64,ftruncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"
"""The calls that change a file system, and no others."""


async def test_a_watch_survives_the_death_of_guardian(tell: Tell) -> None:
    """Killed in mid-watch and started again, it goes on from the journal, and takes the bad release back."""
    story = await tell()
    traffic = await story.traffic()
    async with Witnesses(story.stage.haproxy.port) as clients:
        await story.switch()
        clients.abandoned(BLUE)
        await story.seen(traffic, 50)
        await story.stage.guardian.end(signal.SIGKILL)
        await story.restart_guardian()
        assert (await story.until("watching"))["id"] == "web-1"
        assert "going on with it" in story.log
        await bad_release_taken_back(story, clients)
    assert (await story.explanation("web-1"))["identical"]


@pytest.mark.timeout(300)
async def test_killed_at_any_moment_of_a_switch_it_is_old_or_new(tell: Tell) -> None:
    """Fifteen deaths between the order and its end: all workers agree afterwards, clients see one side, and no request fails."""
    story = await tell()
    async with Witnesses(story.stage.haproxy.port) as clients:
        for turn in range(15):
            pending = asyncio.create_task(order_blindly(story, "switch"))
            await asyncio.sleep(turn * 0.004)  # time itself is the subject: where in the switch the daemon dies
            await story.stage.guardian.end(signal.SIGKILL)
            await pending
            await story.restart_guardian()
            await old_or_new(story, clients)


async def test_a_stop_is_orderly(tell: Tell) -> None:
    """SIGTERM in mid-watch: exit code 0, clients notice nothing, and the watch goes on after the next start."""
    story = await tell()
    async with Witnesses(story.stage.haproxy.port) as clients:
        await story.switch()
        clients.abandoned(BLUE)
        assert await story.stage.guardian.end(signal.SIGTERM) == 0
        await clients.seen(20, PATIENCE)
        await story.restart_guardian()
        assert (await story.until("watching"))["id"] == "web-1"
        await bad_release_taken_back(story, clients)


async def test_somebodys_reload_does_not_end_the_watch(tell: Tell, either_binary: Path) -> None:
    """HAProxy falls back to the file, guardian restores the share, no request fails, and the watch goes on."""
    story = await tell(binary=either_binary)
    traffic = await story.traffic()
    await story.switch()
    await story.seen(traffic, 50)
    async with Witnesses(story.stage.haproxy.port) as clients:
        await story.stage.haproxy.reload()
        await story.until_live(Split.all_on(GREEN))
        clients.abandoned(BLUE)
        await story.seen(traffic, 100)
        assert (await story.service())["deployment"]["phase"] == "watching"
        assert connection_failures(traffic.answers) == 0
        await bad_release_taken_back(story, clients)


async def test_the_death_of_haproxy_is_no_breach(tell: Tell) -> None:
    """It comes back on the safe side; the verdicts said ``failed`` meanwhile, and the share is restored."""
    story = await tell()

    async def failed() -> bool:
        return {verdict["finding"] for verdict in (await story.service())["verdicts"]} == {"failed"}

    async with Witnesses(story.stage.haproxy.port) as clients:
        await story.switch()
        clients.abandoned(BLUE)
        clients.may_return()
        clients.fails(None)
        await story.stage.haproxy.kill()
        await eventually(failed, PATIENCE)
        await story.stage.haproxy.start()
        await story.until_live(Split.all_on(GREEN))
        clients.abandoned(BLUE)
        clients.mended()
        await clients.seen(50, PATIENCE)
        assert (await story.service())["deployment"]["phase"] == "watching"
        await bad_release_taken_back(story, clients)


async def test_a_full_disk_does_not_stop_a_rollback(tell: Tell) -> None:
    """The journal cannot be written: the bad release is taken back all the same, nothing moves forward, and nothing is lost."""
    story = await tell()
    traffic = await story.traffic()
    await story.switch()
    await story.seen(traffic, 50)
    unlimited = resource.prlimit(story.stage.guardian.pid, resource.RLIMIT_FSIZE)
    # Each write to a file fails from now on, as on a full disk.
    resource.prlimit(story.stage.guardian.pid, resource.RLIMIT_FSIZE, (0, unlimited[1]))
    async with Witnesses(story.stage.haproxy.port) as clients:
        await bad_release_taken_back(story, clients)
    assert story.on_disk == "web 0\n"
    with pytest.raises(RefusedError, match="latched"):
        await story.order("switch")
    assert (await story.client.get("/readyz")).status_code in (200, 503)
    resource.prlimit(story.stage.guardian.pid, resource.RLIMIT_FSIZE, unlimited)
    kinds = await _until_journalled(story, "breached")
    assert kinds.index("breached") < len(kinds) - 1
    await story.stage.guardian.end(signal.SIGTERM)
    store = SqlStore(story.stage.guardian.log.parent / "state")
    assert store.verify() is None
    store.close()


async def test_a_disk_that_turned_read_only_does_not_stop_a_rollback(tell: Tell) -> None:
    """As a file system does after an error: the bad release is taken back, what goes forward is refused, all is recorded later."""
    story = await tell()
    async with Witnesses(story.stage.haproxy.port) as clients:
        await story.switch()
        clients.abandoned(BLUE)
        read_only = ("-o", "/dev/null", "-e", f"trace={CHANGES}", "-e", f"inject={CHANGES}:error=EROFS")
        async with Tracer(*read_only).on(story.stage.guardian.pid):
            await bad_release_taken_back(story, clients)
            with pytest.raises(RefusedError, match="could not be read or written"):
                await story.order("unlatch", reason="repaired")
        assert story.on_disk == "web 0\n"
        await _until_journalled(story, "breached")
        await story.order("unlatch", reason="repaired")
    await story.stage.guardian.end(signal.SIGTERM)
    store = SqlStore(story.stage.guardian.log.parent / "state")
    assert store.verify() is None
    store.close()


async def _until_journalled(story: Story, kind: str) -> list[str]:
    kinds: list[str] = []

    async def journalled() -> bool:
        detail = (await story.client.get("/v1/deployments/web-1")).json()
        kinds[:] = [entry["event"]["kind"] for entry in detail["journal"]]
        return kind in kinds and "routed" in kinds[kinds.index(kind) :]

    await eventually(journalled, PATIENCE)
    return kinds


async def test_a_second_guardian_leaves_at_once(tell: Tell) -> None:
    """It names the first one's pid, and exits with 1."""
    story = await tell()
    config = str(story.stage.guardian.log.parent / "guardian.yaml")
    second = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "guardian.cli", "run", "--config", config), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE):
        _, said = await second.communicate()
    assert second.returncode == 1
    assert str(story.stage.guardian.pid) in said.decode()


async def test_prometheus_can_see_what_guardian_sees(tell: Tell) -> None:
    """Phase, split, verdicts, measured values and lateness; alive, and ready for a rollback."""
    story = await tell()
    traffic = await story.traffic()
    await story.switch()
    await story.seen(traffic, 100)
    text = (await story.client.get("/metrics")).text
    for line in (
        'guardian_phase{phase="watching",service="web"} 1.0',
        'guardian_split_ratio{environment="green",service="web"} 1.0',
        'guardian_verdict{rule="server-errors",service="web",verdict="healthy"} 1.0',
        'guardian_rule_value{rule="server-errors",service="web"} 0.0',
        'guardian_rollback_ready{service="web"} 1.0',
        "guardian_look_lateness_seconds_count",
    ):
        assert line in text
    assert (await story.client.get("/healthz")).status_code == 200
    assert (await story.client.get("/readyz")).status_code == 200
