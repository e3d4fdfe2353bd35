"""Faults that the other stories do not have: damaged records, stops at every moment, storms of calls, no descriptors left.

What each was measured at goes into the table that ``tests/faults/run.sh`` writes.
"""

import asyncio
import json
import resource
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from guardian.core.model import Environment, Split
from guardian.demo.application import Fault
from guardian.demo.stage import RefusedError
from guardian.records.opening import NEWEST
from tests.acceptance.conftest import PATIENCE, Story, Tell, old_or_new, order_blindly
from tests.doubles.recorder import Witnesses
from tests.soak.history_part import crowd
from tests.waiting import eventually

BLUE, GREEN = Environment.BLUE, Environment.GREEN
Measured = Callable[[str, object], None]
STORM = Path(__file__).parents[1] / "faults" / "callers.py"
STORM_SECONDS = 8


async def held_after_damage(story: Story, damage: Callable[[Path], None]) -> float:
    """Damage the records while guardian is down; how long until it is up again, with everything held."""
    await story.stage.guardian.end(signal.SIGTERM)
    database = story.stage.guardian.log.parent / "state" / "guardian.db"
    damage(database)
    started = time.monotonic()
    await story.restart_guardian()
    took = time.monotonic() - started
    assert len(list(database.parent.glob("guardian.db.corrupt-*"))) >= 1
    assert "was set aside as guardian.db.corrupt-" in story.log
    return took


def altered(database: Path) -> None:
    """Somebody changed a state."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("update services set state = replace(state, 'green', 'blue ')")
        connection.commit()


def truncated(database: Path) -> None:
    """Half of the file is gone."""
    content = database.read_bytes()
    database.write_bytes(content[: len(content) // 2])


def overwritten(database: Path) -> None:
    """Something else stands in its place."""
    database.write_bytes(b"\0" * 8192)


@pytest.mark.parametrize("damage", [altered, truncated, overwritten])
async def test_damaged_records_are_set_aside_and_everything_is_held(
    tell: Tell, damage: Callable[[Path], None], record_property: Measured
) -> None:
    """The traffic stays where HAProxy has it, the file keeps naming the safe side, and nothing moves until a person says so."""
    story = await tell()
    async with Witnesses(story.stage.haproxy.port) as clients:
        await story.switch()
        clients.abandoned(BLUE)
        record_property("up again", f"{await held_after_damage(story, damage):.1f} s")
        view = await story.service()
        assert (view["split"], view["safe"]) == ("green", "blue")
        assert "records were damaged" in view["latched"]
        assert await story.live() == {Split.all_on(GREEN)}
        assert story.on_disk == "web 0\n"
        with pytest.raises(RefusedError, match="web is held: guardian's records were damaged"):
            await story.order("switch")
        await story.order("unlatch", reason="looked at it")
        await story.order("promote", reason="green is good")
        await story.until_on_disk("web 10000\n")
        await clients.seen(20, PATIENCE)
        clients.may_return()
        await story.switch()
        await story.until_live(Split.all_on(BLUE))
        clients.abandoned(GREEN)
        await clients.seen(20, PATIENCE)


def many_entries_one_changed(database: Path) -> None:
    """Somebody changed an entry of long ago: a start does not look at it."""
    crowd(database, 3 * NEWEST)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("update journal set at = at + 1 where number = ?", (NEWEST,))
        connection.commit()


async def test_damage_found_in_mid_watch_lets_a_bad_release_be_taken_back_first(tell: Tell, record_property: Measured) -> None:
    """Nothing moves forward any more, the watch goes on; at its end guardian sets the records aside by itself, and holds."""
    story = await tell(watch="10m")
    async with Witnesses(story.stage.haproxy.port) as clients:
        await story.switch()
        clients.abandoned(BLUE)
        await story.stage.guardian.end(signal.SIGTERM)
        await asyncio.to_thread(many_entries_one_changed, story.stage.guardian.log.parent / "state" / "guardian.db")
        await story.restart_guardian()
        began = time.monotonic()
        await story.until_said("guardian's records are damaged (entry 100 of its journal is missing or not as it was written)")
        record_property("found", f"{time.monotonic() - began:.1f} s after the start")
        with pytest.raises(RefusedError, match=r"records are damaged .entry 100.*can be rolled back"):
            await story.order("promote", reason="green is good")
        clients.may_return()
        clients.fails(GREEN)
        began = time.monotonic()
        await story.fail(GREEN, Fault(errors=1.0))
        await story.until_live(Split.all_on(BLUE))
        record_property("a bad release taken back", f"{time.monotonic() - began:.1f} s")
        clients.abandoned(GREEN)
        clients.mended()
        view = await story.until_latched("records were damaged")
        assert (view["split"], view["safe"], view["deployment"]) == ("blue", "blue", None)
        await clients.seen(100, PATIENCE)
    assert story.log.count("was set aside as guardian.db.corrupt-") == 1
    assert story.on_disk == "web 0\n"
    assert await story.stage.guardian.end(signal.SIGTERM) == 0


@pytest.mark.timeout(240)
async def test_a_stop_at_any_moment_of_a_switch_is_orderly(tell: Tell, record_property: Measured) -> None:
    """SIGTERM at eight moments between the order and its end: exit code 0 within 10 s, and old or new afterwards."""
    story, slowest = await tell(), 0.0
    async with Witnesses(story.stage.haproxy.port) as clients:
        for turn in range(8):
            pending = asyncio.create_task(order_blindly(story, "switch"))
            await asyncio.sleep(turn * 0.006)  # time itself is the subject: where in the switch the stop comes
            started = time.monotonic()
            assert await story.stage.guardian.end(signal.SIGTERM) == 0
            slowest = max(slowest, time.monotonic() - started)
            await pending
            await story.restart_guardian()
            await old_or_new(story, clients)
    record_property("slowest stop", f"{slowest:.1f} s")
    assert slowest < 10


async def test_a_storm_of_calls_holds_up_neither_watch_nor_rollback(tell: Tell, record_property: Measured) -> None:
    """More than 10,000 calls a second over two hundred connections are told to wait; a rollback is carried out meanwhile."""
    story = await tell()
    clients = await story.witnesses()
    await story.switch()
    storm = await asyncio.create_subprocess_exec(
        *(sys.executable, STORM, str(story.stage.guardian.socket), str(STORM_SECONDS), "14000"), stdout=asyncio.subprocess.PIPE
    )
    assert storm.stdout
    async with asyncio.timeout(PATIENCE):
        assert await storm.stdout.readline() == b"begun\n"
    clients.may_return()
    started = time.monotonic()
    await story.order("rollback", reason="in a storm")
    ordered = time.monotonic() - started
    await story.until_live(Split.all_on(BLUE))
    back = time.monotonic() - started
    clients.abandoned(GREEN)
    assert storm.returncode is None, "the storm was over before the rollback"
    said, _ = await storm.communicate()
    counts = json.loads(said)
    record_property("calls offered", f"{counts['sent'] / counts['seconds']:,.0f} a second")
    record_property("told to wait", f"{counts.get('429', 0):,}")
    record_property("rollback ordered", f"{ordered:.2f} s")
    record_property("rollback done", f"{back:.2f} s")
    assert counts["sent"] / counts["seconds"] > 10_000
    assert counts.get("429", 0) > 100
    assert back < 5
    assert "500" not in counts
    assert (await story.until("rolled back"))["rollback"]["reason"] == "in a storm"


async def test_without_a_free_descriptor_a_rollback_is_carried_out(tell: Tell, record_property: Measured) -> None:
    """What guardian holds open already is enough to take traffic back; with descriptors again, it goes on as before."""
    story = await tell()
    clients = await story.witnesses()
    await story.switch()
    clients.abandoned(BLUE)
    pid = story.stage.guardian.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    taken = len(list(Path(f"/proc/{pid}/fd").iterdir()))  # noqa: ASYNC240  a directory of the kernel
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (taken + 1, hard))
    clients.may_return()
    started = time.monotonic()
    await story.order("rollback", reason="no descriptors")
    try:
        await story.until_live(Split.all_on(BLUE))
    except TimeoutError:
        record_property("rollback", "after descriptors were free again")
    else:
        record_property("rollback", f"{time.monotonic() - started:.2f} s, with none free")
        clients.abandoned(GREEN)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))

    async def ready() -> bool:
        return (await story.client.get("/readyz")).is_success

    await eventually(ready, PATIENCE)
    await story.until_live(Split.all_on(BLUE))
    clients.abandoned(GREEN)
    await story.until("rolled back")
    await clients.seen(20, PATIENCE)
