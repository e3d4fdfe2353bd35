"""A guardian whose balancer stands still, with its chat connected to the stand-in for Slack."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from guardian.app.outbox import Outbox
from guardian.app.record import Entry
from guardian.chatops.connection import Beat
from guardian.chatops.wiring import Slack as Chatops
from guardian.core.channels import ChannelSettings, SlackChannel
from guardian.core.chat import SlackSettings
from guardian.core.ledger import ChatOrder
from guardian.core.letters import Kind, Route
from guardian.core.people import Role
from guardian.core.ports import Store
from guardian.core.strategy import Strategy
from tests.doubles.house import WEB, House
from tests.doubles.slack.standin import Slack
from tests.doubles.slack.workspace import Message
from tests.doubles.store import MemoryStore
from tests.waiting import until

QUICK = Beat(every=0.1, ping=0.5, stale_after=0.5, dead_after=3.0, dial=5.0, first_pause=0.05, longest_pause=0.2, drain=2.0)
DEADLINE = 20.0


class Office:
    """The house, its outbox, and its chat."""

    def __init__(
        self,
        slack: Slack,
        tmp_path: Path,
        store: Store | None = None,
        beat: Beat = QUICK,
        *,
        team: str = "T1",
        strategy: Strategy | None = None,
    ) -> None:
        self.slack, self.house = slack, House(store, strategy=strategy, may_approve=self._may_approve)
        bot, app = tmp_path / "bot-token", tmp_path / "app-token"
        bot.write_text(f"{slack.bot_token}\n")
        app.write_text(f"{slack.app_token}\n")
        self.settings = SlackSettings(
            bot, app, team, roles={Role.OPERATOR: ("SOPS",), Role.APPROVER: ("SAPPROVERS",)}, api=slack.api
        )
        route = Route("deploys", frozenset(Kind))
        channels = [ChannelSettings(route, 86_400.0, SlackChannel("C1"))]
        self.chatops = Chatops(self.settings, channels, self.house.parts, self.house.store)  # type: ignore[arg-type]
        self.chatops.chat._connection._beat = beat
        self.pulse = self.chatops.chat.pulse
        quick = [replace(channel, pace=replace(channel.pace, every=0.01)) for channel in self.chatops.channels]
        self.outbox = Outbox(quick, self.house.recorder, self.house.clock)
        self.house.decider.connect(lambda _state, _commands: None, self.outbox)

    def _may_approve(self, by: str) -> bool:
        return self.chatops.may_approve(by)

    @asynccontextmanager
    async def open(self, *, wait: bool = True) -> AsyncIterator["Office"]:
        """Run chat and outbox; with ``wait``, return once Slack is there."""
        house = self.house
        if house.met:
            await house.recorder.record(Entry(WEB.name, house.met, house.state), DEADLINE, must=True)
        self.outbox.recall(house.store.letters())
        tasks = [asyncio.create_task(self.chatops.run()), asyncio.create_task(self.outbox.run())]
        try:
            if wait:
                await self.until(lambda: self.pulse.connected)
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await house.recorder.aclose()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition`` holds."""
        await until(condition, DEADLINE)

    @property
    def messages(self) -> list[Message]:
        """What stands in #deploys, replies left out."""
        return self.slack.workspace.channels["C1"].parents()

    @property
    def card(self) -> Message:
        """The message of the latest deployment."""
        found = (message for message in reversed(self.messages) if self.house.deployment in message.text)
        return next(found, Message("0", "nothing yet"))

    @property
    def thread(self) -> list[Message]:
        """What was said under it."""
        return self.slack.workspace.channels["C1"].replies(self.card.ts)

    @property
    def ledger(self) -> list[ChatOrder]:
        """The orders that were recorded."""
        assert isinstance(self.house.store, MemoryStore)
        return list(self.house.store.chat_orders.values())
