"""The real daemon, a real HAProxy and Slack's own client: from a fault to its picture, from `/bg switch` to verified."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from guardian.core.model import Split
from guardian.demo.application import Fault
from tests.acceptance.conftest import GREEN, PATIENCE, Story, Tell
from tests.doubles.slack.person import Person
from tests.doubles.slack.standin import Slack
from tests.doubles.slack.workspace import Message
from tests.waiting import eventually

SECTIONS = """\
channels:
  deploys: {{slack: C1}}
slack:
  bot_token_file: bot-token
  app_token_file: app-token
  team: T1
  api: {api}
  roles: {{operator: [SOPS], approver: [UALICE, UBOB]}}
{further}"""
STRATEGY = """8s
    strategy:
      steps: [ask, 20% for 3s]"""


class Channel:
    """#deploys, and the people who work there."""

    def __init__(self, slack: Slack) -> None:
        self.slack, self.alice, self.bob = slack, Person(slack, "UALICE"), Person(slack, "UBOB")
        self._channel = slack.workspace.channels["C1"]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition`` holds."""

        async def holds() -> bool:
            return bool(condition())

        await eventually(holds, PATIENCE)

    @property
    def card(self) -> Message:
        """The message of the latest deployment."""
        return next((message for message in reversed(self._channel.parents()) if message.blocks), Message("0", ""))

    @property
    def thread(self) -> list[Message]:
        """What was said under it."""
        return self._channel.replies(self.card.ts)


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Slack]:
    """A workspace with two people in it."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with AsyncExitStack() as ends:
        slack = await ends.enter_async_context(Slack())
        slack.workspace.member("UALICE", "alice")
        slack.workspace.member("UBOB", "bob")
        slack.workspace.groups = {"SOPS": ["UALICE", "UBOB"]}
        slack.workspace.channel("C1", "deploys").members |= {"UALICE", "UBOB"}
        yield slack


async def begin(tell: Tell, slack: Slack, directory: Path, further: str = "", watch: str = "10m") -> tuple[Story, Channel]:
    """The stage with Slack beside it."""
    (directory / "bot-token").write_text(slack.bot_token)
    (directory / "app-token").write_text(slack.app_token)
    story, channel = await tell(further=SECTIONS.format(api=slack.api, further=further), watch=watch), Channel(slack)
    await channel.until(lambda: slack.sockets.connected)
    return story, channel


async def test_from_a_fault_to_the_broadcast_with_its_chart(tell: Tell, slack: Slack, tmp_path: Path) -> None:
    """A release fails under traffic: the rollback is shown in the channel with rule, value, limit, samples, time, and a picture."""
    story, channel = await begin(tell, slack, tmp_path)
    traffic = await story.traffic()
    await story.seen(traffic, 50)
    await channel.alice.types("switch web to green a new cart")
    await story.until("watching")
    await story.seen(traffic, 50)
    await channel.until(lambda: "watching" in channel.card.text)
    await story.fail(GREEN, Fault(errors=1.0))
    await story.until("rolled back")
    await channel.until(lambda: "rolled back" in channel.card.text)
    await channel.until(lambda: any(reply.broadcast for reply in channel.thread))
    broadcast = str(next(reply.blocks for reply in channel.thread if reply.broadcast))
    for told in (
        "*Rule* `server-errors`",
        "*value* ",
        "*limit* 1",
        "*samples* ",
        "*Taken back* by guardian to blue, in every worker",
    ):
        assert told in broadcast, broadcast
    await channel.until(lambda: any(reply.files for reply in channel.thread))
    (picture,) = next(reply.files for reply in channel.thread if reply.files)
    assert (picture.content or b"").startswith(b"\x89PNG")
    assert "server-errors" in picture.alt
    assert "rollback" in picture.alt
    assert "why:unlatch" in str(channel.card.blocks)


async def test_from_a_switch_through_approval_to_verified(tell: Tell, slack: Slack, tmp_path: Path) -> None:
    """Asked for by one, approved by another with a click, a slice, all of it, verified; one message, and its note."""
    notes = tmp_path / "notes"
    story, channel = await begin(tell, slack, tmp_path, f"notes: {{directory: {notes}}}\n", STRATEGY)
    traffic = await story.traffic(500)  # its slice must have seen a thousand requests before it is done
    await story.seen(traffic, 200)
    await channel.alice.types("switch web to green v2")
    await channel.until(lambda: "order:approve" in str(channel.card.blocks))
    await channel.alice.clicks(channel.card, "order:approve")
    await channel.until(lambda: any("you asked for web-1 yourself" in each for each in channel.alice.saw))
    assert await story.live() == {Split(0)}
    await channel.bob.clicks(channel.card, "order:approve")
    await story.until("baking", "watching", "verified")
    await story.until("verified")
    await channel.until(lambda: "web-1 is verified" in channel.card.text)
    assert "*Approved* by bob (Slack UBOB)" in str(channel.card.blocks)
    assert "order:approve" not in str(channel.card.blocks)
    assert len([message for message in slack.workspace.channels["C1"].parents() if "web-1" in message.text]) == 1
    assert not any(reply.broadcast for reply in channel.thread)
    await channel.bob.types("note web-1")
    await channel.until(lambda: any("The note of *web-1*, which is verified" in each for each in channel.bob.saw))
    note = str(slack.workspace.whispers[-1].blocks)
    assert "bob (Slack UBOB)" in note
    assert "alice (Slack UALICE)" in note
    assert slack.bot_token not in story.log
