"""Slack as one part of the running program: its channels for the outbox, and the chat itself."""

import asyncio
import logging
import time
from collections.abc import Iterable

from guardian.app.gauges import ChatState
from guardian.app.outbox import Channel, Outbox
from guardian.app.parts import Parts
from guardian.chatops.facts import Gatherer
from guardian.chatops.sender import PATIENCE, SlackSender, Sources
from guardian.chatops.slack import Chat
from guardian.core.channels import ChannelSettings, SlackChannel
from guardian.core.chat import SlackSettings
from guardian.core.deployment import Phase
from guardian.core.ledger import Ledger
from guardian.core.line import Pace
from guardian.core.words import connection as words

logger = logging.getLogger(__name__)

EVERY, BURST = 1.1, 4
"""Slack takes about one message a second in a channel, and some at once."""
FAULT_PAUSE = 30.0


class Slack:
    """Everything of Slack that runs."""

    def __init__(self, settings: SlackSettings, channels: Iterable[ChannelSettings], parts: Parts, ledger: Ledger) -> None:
        gatherer = Gatherer(parts)
        sources = Sources(gatherer.facts, gatherer.rule, gatherer.picture)
        self._parts = parts
        self.channels = [
            Channel(
                each.route,
                SlackSender(settings, each.target.id, sources, parts.clock),
                Pace(EVERY, BURST, each.stale),
                PATIENCE * 2,
            )
            for each in channels
            if isinstance(each.target, SlackChannel)
        ]
        self.chat = Chat(settings, parts, ledger)

    async def run(self) -> None:
        """Be there for people until cancelled. No fault in here ends anything else."""
        while True:
            try:
                await self.chat.run()
            except Exception:  # the root of a task: what protects the traffic must not end with the chat
                logger.exception("%s", words.faulty())
                self.chat.stride.step(FAULT_PAUSE)
                await asyncio.sleep(FAULT_PAUSE)

    @property
    def stuck(self) -> bool:
        """Whether the chat stands still, which it does not where Slack is away."""
        return self.chat.stride.stuck

    async def freshen(self, outbox: Outbox) -> None:
        """Have the messages of deployments on trial show what is measured now, and know who approves while that is asked."""
        for state in self._parts.decider.states():
            if state.deployment and state.deployment.exposed:
                outbox.touch(state)
        if any(state.deployment and state.deployment.phase is Phase.AWAITING_APPROVAL for state in self._parts.decider.states()):
            await self.chat.people.refresh()

    def may_approve(self, by: str) -> bool:
        """Whether somebody who agreed to a deployment may still do so."""
        return self.chat.people.approves(by)

    def state(self) -> ChatState:
        """How the connection is."""
        pulse = self.chat.pulse
        heard = None if pulse.heard_at is None else time.monotonic() - pulse.heard_at
        return ChatState(pulse.connected, pulse.connections, heard)
