"""Slack's official JavaScript client takes the stand-in for Slack, too."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chatops.test_slack_stand_in import BLOCKS
from tests.doubles.slack.person import Person
from tests.doubles.slack.standin import Slack
from tests.waiting import eventually

VERSION = "@slack/bolt@5.1.0"
INSTALLING = 100.0
PATIENCE = 30.0


async def until(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds."""

    async def holds() -> bool:
        return condition()

    await eventually(holds, PATIENCE)


@pytest.mark.long
async def test_the_javascript_client_takes_it_for_slack(slack: Slack, alice: Person, tmp_path: Path) -> None:
    """It connects, acknowledges and answers a command and a click, and comes back after a disconnect frame."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.fail("npm and node are missing: `tests/run.sh --all` installs Debian's npm, which takes apt-get, and root or sudo")
    installing = await asyncio.create_subprocess_exec(npm, "install", "--prefix", str(tmp_path), "--no-audit", "--no-fund", VERSION)
    async with asyncio.timeout(INSTALLING):
        assert await installing.wait() == 0
    script = Path(shutil.copy(Path(__file__).with_name("official.mjs"), tmp_path))
    process = await asyncio.create_subprocess_exec(node, str(script), slack.api, slack.bot_token, slack.app_token, cwd=tmp_path)
    try:
        await until(lambda: len(slack.sockets.connected) == 1)
        assert (await alice.types("status <b>")).acknowledged
        await until(lambda: alice.saw == ["you said status &lt;b&gt;"])
        slack.methods.call("chat.postMessage", {"channel": "C1", "text": "x", "blocks": BLOCKS})
        (message,) = slack.workspace.channels["C1"].messages.values()
        assert (await alice.clicks(message, "go")).acknowledged
        await until(lambda: [each.text for each in slack.workspace.channels["C1"].messages.values()][1:] == ["clicked by UALICE"])
        await slack.sockets.disconnect("refresh_requested")
        await until(lambda: slack.sockets.opened == 2)
        assert (await alice.types("again")).acknowledged
    finally:
        process.kill()
        await process.wait()
