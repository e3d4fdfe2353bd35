"""``--wait``: progress as it comes, and the outcome as the exit code."""

import asyncio
import json
import os
import pty
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from guardian.api import news
from guardian.core.deployment import Shielded
from guardian.core.events import TargetUnable
from guardian.core.model import Environment
from tests.doubles.house import House
from tests.unit.cli.conftest import COMMAND, Shell
from tests.waiting import until


async def test_a_verified_release_ends_with_zero(house: House, shell: Shell) -> None:
    """Every sentence with its time, in order, and the outcome last."""
    async with shell.start("switch", "web", "--wait", "--reason", "1.2") as typed:
        await typed.says("moves web to green (1.2)")
        await house.confirm()
        await typed.says("every worker confirmed")
        await house.end_watch(enough=True)
        said = await typed.end()
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-1].endswith("web-1 is verified")
    assert all(len(line.split()[0].split(":")) == 3 for line in said.out.splitlines())


async def test_an_unverified_release_ends_with_ten(house: House, shell: Shell) -> None:
    """No evidence is not good news, and the outcome says what was missing."""
    async with shell.start("switch", "web", "--wait") as typed:
        await typed.says("moves web to green")
        await house.confirm()
        await house.end_watch(enough=False)
        said = await typed.end()
    assert said.code == 10
    assert "web-1 is unverified: server-errors: 3 requests seen, 300 are needed" in said.out


async def test_a_release_that_is_rolled_back_ends_with_twenty(house: House, shell: Shell) -> None:
    """The rule, its reason, and the confirmation are shown."""
    async with shell.start("switch", "web", "--wait") as typed:
        await typed.says("moves web to green")
        await house.confirm()
        await house.breach()
        await typed.says("guardian takes web back to blue: server-errors: 100 % responses_5xx")
        await house.confirm()
        said = await typed.end()
    assert said.code == 20
    assert "web-1 is rolled back: server-errors: 100 % responses_5xx" in said.out.splitlines()[-1]


async def test_what_the_shield_saved_is_told_when_it_is_counted(house: House, shell: Shell) -> None:
    """The last requests are answered after the rollback: the wait ends when they are counted."""
    house.shielded, house.counting = Shielded(3, 3, 0), True
    async with shell.start("switch", "web", "--wait") as typed:
        await typed.says("moves web to green")
        await house.confirm()
        await house.breach()
        await typed.says("guardian takes web back to blue")
        await house.confirm()
        await typed.says("rolled back: web is on blue")
        house.shielded, house.counting = Shielded(41, 41, 0, 2), False
        said = await typed.end()
    told = "43 failures, 41 answered by blue, 2 of requests that are never sent twice"
    assert said.out.splitlines()[-1].endswith(f"; {told}")


async def test_a_cutover_that_cannot_be_made_ends_with_thirty(house: House, shell: Shell) -> None:
    """Nothing was moved, and why."""
    async with shell.start("switch", "web", "--wait") as typed:
        await typed.says("moves web to green")
        await house.let(TargetUnable(house.clock.now(), house.state.generation, Environment.GREEN, "no healthy server"))
        said = await typed.end()
    assert said.code == 30
    assert said.out.splitlines()[-1].endswith("web-1 is aborted: no healthy server")


async def test_a_rollback_that_is_stuck_ends_with_forty(house: House, shell: Shell) -> None:
    """The loudest outcome is told at once: a person is needed."""
    async with shell.start("switch", "web", "--wait") as typed:
        await typed.says("moves web to green")
        await house.confirm()
        await house.breach()
        await house.fail_routing("no worker answers")
        said = await typed.end()
    assert said.code == 40
    assert "STUCK" in said.out


async def test_a_rollback_that_was_ordered_ends_with_zero(house: House, shell: Shell) -> None:
    """It did what it was told; what happened to the release before is not told again."""
    await shell.run("switch", "web")
    await house.confirm()
    async with shell.start("rollback", "web", "--wait") as typed:
        await typed.says("takes web back to blue")
        await house.confirm()
        said = await typed.end()
    assert said.code == 0
    assert "moves web to green" not in said.out


async def test_what_was_over_before_anybody_listened_is_told_all_the_same(house: House, shell: Shell) -> None:
    """A deployment that ends faster than the command can follow is told from the beginning."""
    async with shell.start("switch", "web", "--wait") as typed:
        await until(lambda: house.deployment == "web-1")
        await house.fail_routing("no worker answers")
        await house.confirm()
        said = await typed.end()
    assert said.code == 30
    assert [line.split(" ", 1)[1][:12] for line in said.out.splitlines()] == [
        "web-1: root ",
        "web-1: guard",
        "web-1: abort",
        "web-1 is abo",
    ]


async def test_a_wait_survives_a_restart_of_the_daemon(socket: Path, shell: Shell) -> None:
    """It says that the daemon is gone and that it is back, tells nothing twice, and ends with the outcome."""
    async with AsyncExitStack() as daemon:
        first = await daemon.enter_async_context(House().open(socket))
        async with shell.start("switch", "web", "--wait") as typed:
            await typed.says("moves web to green")
            await first.confirm()
            await typed.says("every worker confirmed")
            await daemon.aclose()
            await typed.says("waiting for guardian to come back")
            async with House(first.store).open(socket) as second:
                await typed.says("guardian answers again after")
                await second.end_watch(enough=True)
                said = await typed.end()
    assert said.code == 0
    assert said.out.count("waiting for guardian to come back") == said.out.count("guardian answers again") == 1
    assert said.out.count("moves web to green") == said.out.count("every worker confirmed") == 1


async def test_a_deployment_that_ended_while_nobody_answered_is_told(socket: Path, tmp_path: Path, shell: Shell) -> None:
    """The outcome comes from the record, though its announcements went with the daemon."""
    async with AsyncExitStack() as daemon:
        first = await daemon.enter_async_context(House().open(socket))
        async with shell.start("switch", "web", "--wait") as typed:
            await typed.says("moves web to green")
            await daemon.aclose()
            async with House(first.store).open(tmp_path / "elsewhere.sock") as second:
                await second.confirm()
                await second.end_watch(enough=True)
            async with House(first.store).open(socket):
                said = await typed.end()
    assert said.code == 0
    assert said.out.splitlines()[-1].endswith("web-1 is verified")


async def test_without_a_free_seat_it_looks_now_and_then(house: House, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many followers cost the sentences, not the outcome."""
    monkeypatch.setattr(news, "SEATS", 0)
    async with shell.start("switch", "web", "--wait") as typed:
        await until(lambda: house.deployment == "web-1")
        await house.confirm()
        await house.end_watch(enough=True)
        said = await typed.end()
    assert said.code == 0
    assert said.out.splitlines()[-1].endswith("web-1 is verified")


async def test_ctrl_c_leaves_the_deployment_alone(house: House, shell: Shell) -> None:
    """130, and where to read how it ended."""
    async with shell.start("switch", "web", "--wait") as typed:
        await typed.says("moves web to green")
        typed.interrupt()
        said = await typed.end()
    assert said.code == 130
    assert "web-1 goes on without you watching: `guardian history web-1`" in said.out
    assert said.err == ""
    assert house.state.deployment is not None
    assert house.state.deployment.phase.active


async def test_json_and_progress_do_not_mix(house: House, shell: Shell) -> None:
    """With ``--json`` the deployment as it ended is on standard output, the sentences are on standard error."""
    async with shell.start("switch", "web", "--wait", "--json") as typed:
        await until(lambda: house.deployment == "web-1")
        await house.confirm()
        await house.end_watch(enough=True)
        said = await typed.end()
    assert (said.code, json.loads(said.out)["phase"]) == (0, "verified")
    assert said.err.splitlines()[-1].endswith("web-1 is verified")


async def test_a_terminal_shows_how_long_it_will_take(house: House, shell: Shell) -> None:
    """A live line below the sentences: the phase and the time left."""
    terminal, end = pty.openpty()
    environment = {**os.environ, "GUARDIAN_SOCKET": str(shell.socket), "TERM": "xterm", "COLUMNS": "100"}
    typed = await asyncio.create_subprocess_exec(*COMMAND, "switch", "web", "--wait", stdout=end, env=environment)
    os.close(end)
    seen = bytearray()
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        try:
            seen.extend(os.read(terminal, 65_536))
        except OSError:  # the other end is closed
            loop.remove_reader(terminal)
            over.set()

    loop.add_reader(terminal, read)
    await until(lambda: b"web-1: cutting over" in seen)
    await house.confirm()
    await until(lambda: b"web-1: watching, " in seen and b" left" in seen)
    await house.end_watch(enough=True)
    assert await typed.wait() == 0
    await over.wait()
    os.close(terminal)
    assert b"web-1 is verified" in seen
