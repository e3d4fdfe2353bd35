"""Whole deployments typed in a shell: what is ordered, what is answered, what is shown, and exit codes."""

import asyncio
import json
import os
import pty
import sys
from dataclasses import replace

import pytest

from guardian.core.model import Split
from guardian.core.release_events import StageEnded, WentOn
from guardian.core.strategy import StageKind, StepKind, StrategyStep
from tests.doubles.house import House
from tests.unit.cli.conftest import Shell

DEPLOY = {StageKind.DEPLOY: 900.0}
STEPS = (StrategyStep(StepKind.ASK, seconds=3600.0, needed=1), StrategyStep(StepKind.SHIFT, 500, 120.0))


@pytest.fixture
def deployable(house: House) -> House:
    """A guardian that can deploy."""
    house.stages.offered = DEPLOY
    return house


async def stage_ends(house: House, *, ok: bool = True, summary: str = "4 tasks on 2 hosts") -> None:
    """Let the stage that is under way end."""
    deployment = house.state.deployment
    assert deployment
    assert deployment.stage
    job = deployment.stage.job
    await house.let(StageEnded(house.clock.now(), job.deployment, job.kind, job.number, ok, summary))


async def go_on(house: House) -> None:
    """Let the next step begin."""
    deployment = house.state.deployment
    assert deployment
    await house.let(WentOn(house.clock.now(), deployment.id, deployment.step))


async def test_a_deployment_is_ordered(deployable: House, shell: Shell) -> None:
    """Version, key and reason arrive; the answer says what is done and how to follow it. Asked again, nothing is done again."""
    words = ("deploy", "web", "--version", "4.2", "--key", "job-7", "--reason", "release 4.2")
    said = await shell.run(*words)
    assert (said.code, said.out) == (
        0,
        "web-1: deploying: 4.2 on green of web; `guardian status web` shows how it goes, `guardian abort web` ends it\n",
    )
    again = await shell.run(*words, "--json")
    assert json.loads(again.out)["id"] == "web-1"
    assert deployable.state.deployment
    assert (deployable.state.deployment.reason, deployable.state.numbered) == ("release 4.2", 1)


async def test_what_cannot_be_deployed_is_told(house: House, shell: Shell) -> None:
    """Without a deploy stage, and with a version full of shell."""
    said = await shell.run("deploy", "web", "--version", "4.2")
    assert (said.code, said.err) == (
        1,
        (
            "Error: guardian.yaml does not say how to deploy web; `guardian switch web` moves the traffic to what is on the idle "
            "side already\n"
        ),
    )
    house.stages.offered = DEPLOY
    said = await shell.run("deploy", "web", "--version", "$(reboot)")
    assert said.code == 1
    assert "`$(reboot)` cannot name a version" in said.err


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 30)])
async def test_a_wait_follows_a_deployment_to_its_end(deployable: House, shell: Shell, ok: bool, code: int) -> None:  # noqa: FBT001  a column of the table
    """Stages, traffic and verdict, sentence by sentence; 0 for verified, 30 for one that failed before any traffic."""
    async with shell.start("deploy", "web", "--version", "4.2", "--wait") as typed:
        await typed.says("deploys 4.2 on green of web")
        await stage_ends(deployable, ok=ok)
        if ok:
            await typed.says("deploy done: 4 tasks on 2 hosts")
            await go_on(deployable)
            await deployable.confirm()
            await typed.says("watching for")
            await deployable.end_watch(enough=True)
        said = await typed.end()
    assert said.code == code
    assert ("web-1 is verified" if ok else "web-1 is aborted: deploy failed: 4 tasks on 2 hosts") in said.out


async def test_approval_pause_and_resume(deployable: House, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who asked cannot approve; pausing holds, resuming lets go; status shows the steps and what is waited for."""
    monkeypatch.setattr(type(deployable.orders._releases), "_strategy", lambda *_: STEPS)
    await shell.run("deploy", "web", "--version", "4.2")
    await stage_ends(deployable)
    status = (await shell.run("status", "web")).out
    assert "✓ deploy · ▶ ask · 5 % for 2 min · 100 %" in status
    assert "0 of 1 approvals, until" in status
    refused = await shell.run("approve", "web-1")
    assert refused.code == 1
    assert "asked for web-1: somebody else must approve it" in refused.err
    assert (await shell.run("pause", "web", "--reason", "lunch")).out.startswith("web-1 is awaiting approval and paused by")
    alone = await shell.run("approve", "web-1", "--break-glass", "--reason", "the shop is down")
    assert alone.out.startswith("web-1 is approved by")
    assert "paused by" in (await shell.run("status", "web")).out
    assert (await shell.run("resume", "web")).out == "web-1 goes on: ready for its next step\n"
    await go_on(deployable)
    await deployable.confirm()
    assert deployable.state.live == Split(500)
    skipped = await shell.run("promote", "web")
    assert (skipped.code, "needs a reason" in skipped.err) == (1, True)
    stale = await shell.run("approve", "web-1", "--generation", "7")
    assert "waits for no approval" in stale.err
    history = (await shell.run("history", "web-1")).out
    for told in ("deploys 4.2", "deploy done", "pauses it: lunch", "alone, with broken glass: the shop is down"):
        assert told in history


async def test_reject_and_abort_end_a_deployment(deployable: House, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both say so; nothing was moved."""
    monkeypatch.setattr(type(deployable.orders._releases), "_strategy", lambda *_: STEPS)
    await shell.run("deploy", "web", "--version", "4.2")
    aborted = await shell.run("abort", "web", "--reason", "wrong branch")
    assert aborted.out.startswith("web-1 is aborted: ")
    assert aborted.out.endswith(" aborts it: wrong branch\n")
    await shell.run("deploy", "web", "--version", "4.2")
    await stage_ends(deployable)
    rejected = await shell.run("reject", "web-2", "--reason", "not on a Friday")
    assert rejected.out.startswith("web-2 is aborted: ")
    assert (await shell.run("abort", "web")).code == 1


async def test_a_freeze_holds_back_what_moves_forward(deployable: House, shell: Shell) -> None:
    """With its reason and its end; a length without a unit is refused."""
    assert (await shell.run("freeze", "web", "--for", "2", "--reason", "a fair")).code == 2
    frozen = await shell.run("freeze", "web", "--for", "2h", "--reason", "a fair")
    assert frozen.out.startswith("web is frozen until ")
    assert frozen.out.endswith(": a fair; a rollback is not held back\n")
    assert "freeze" in (await shell.run("status", "web")).out
    assert "is frozen until" in (await shell.run("deploy", "web", "--version", "4.2")).err
    assert "is frozen until" in (await shell.run("switch", "web")).err
    assert (await shell.run("unfreeze", "web")).out == "web is not frozen any more\n"
    assert (await shell.run("deploy", "web", "--version", "4.2")).code == 0


async def test_the_queue_is_listed(deployable: House, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits, in order; one that is taken out does not wait any more."""
    assert (await shell.run("queue", "web")).out == "no deployment of web waits for its turn\n"
    real = deployable.orders._releases.deploy

    async def patient(*args: object, **given: object) -> object:
        return replace(await real(*args, **given), wait=True)  # type: ignore[arg-type]

    monkeypatch.setattr(deployable.orders._releases, "deploy", patient)
    await shell.run("deploy", "web", "--version", "4.2")
    waiting = await shell.run("deploy", "web", "--version", "4.3")
    assert waiting.out == "web-2: 4.3 waits for its turn on web as number 1\n"
    assert "web-2" in (await shell.run("queue", "web")).out
    assert "queue" in (await shell.run("status", "web")).out
    assert (await shell.run("abort", "web", "--deployment", "web-2")).out == "web-2 does not wait for its turn any more\n"
    assert deployable.state.queue == ()


async def taken_back(house: House, shell: Shell) -> None:
    """A version that was taken back."""
    await shell.run("deploy", "web", "--version", "4.2")
    await stage_ends(house)
    await go_on(house)
    await house.confirm()
    await shell.run("rollback", "web", "--reason", "slow")
    await house.confirm()


async def test_a_version_that_was_taken_back_must_be_insisted_on(deployable: House, shell: Shell) -> None:
    """A program says ``--again``."""
    await taken_back(deployable, shell)
    refused = await shell.run("deploy", "web", "--version", "4.2")
    assert refused.code == 1
    assert "4.2 was taken back as web-1" in refused.err
    assert "(slow); `guardian deploy web --version 4.2 --again` deploys it all the same" in refused.err
    assert (await shell.run("deploy", "web", "--version", "4.2", "--again")).code == 0


async def test_somebody_at_a_terminal_is_asked(deployable: House, shell: Shell) -> None:
    """And what they say is done."""
    await taken_back(deployable, shell)
    for answer, code in ((b"n\n", 1), (b"y\n", 0)):
        ours, theirs = pty.openpty()
        os.write(ours, answer)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from guardian.cli.main import main; main()", "deploy", "web", "--version", "4.2",
            stdin=theirs, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "GUARDIAN_SOCKET": str(shell.socket)},
        )  # fmt: skip
        _, err = await asyncio.wait_for(process.communicate(), 20)
        os.close(theirs)
        os.close(ours)
        assert process.returncode == code, err
        assert b"Deploy it all the same?" in err
    assert deployable.state.numbered == 2
