"""What the message of a deployment shows, gathered from the running program."""

import asyncio

from guardian.app.account import account_of
from guardian.app.codec import deployment_from_record
from guardian.app.parts import Parts
from guardian.chatops.cards import Facts
from guardian.chatops.sender import Picture
from guardian.core.deployment import Deployment, ServiceState
from guardian.core.model import Split
from guardian.core.rules import Rule
from guardian.core.words import mutes, rollout
from guardian.records.charts import drawn
from guardian.records.pictures import chart_of


class Gatherer:
    """Looks up deployments: the latest of each service in the state, older ones in the store."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def facts(self, identifier: str) -> Facts | None:
        """All about one deployment; ``None`` where nobody knows it."""
        for state in self._parts.decider.states():
            if state.deployment and state.deployment.id == identifier:
                return self._current(state, state.deployment)
        record = await asyncio.to_thread(self._parts.store.deployment, identifier)
        if record is None:
            return None
        deployment = deployment_from_record(record)
        return Facts(
            service=str(record["service"]),
            deployment=deployment,
            current=False,
            live=deployment.target,
            generation=0,
            note=self._note(identifier),
            shielded=deployment.shielded,
        )

    async def picture(self, identifier: str) -> Picture | None:
        """The chart of the rule that took a deployment back, drawn by another process; ``None`` where there is no evidence."""
        account = await asyncio.to_thread(account_of, self._parts.store, identifier)
        chart = chart_of(account, account.watched[0]) if account and account.watched else None
        return Picture(await drawn(chart), chart.title, chart.alt) if chart else None

    def rule(self, service: str, name: str) -> Rule | None:
        """A rule in force."""
        return next((rule for rule in self._parts.rules.of(service).rules if rule.name == name), None)

    def _current(self, state: ServiceState, deployment: Deployment) -> Facts:
        return Facts(
            service=state.service,
            deployment=deployment,
            current=True,
            live=state.live,
            generation=state.generation,
            verdicts=tuple(self._parts.watcher.verdicts(state.service)) if deployment.exposed else (),
            promoted=state.safe == Split.all_on(deployment.candidate),
            latched=state.latch is not None and state.latch.deployment == deployment.id,
            frozen=rollout.frozen(state.freeze) if state.freeze else "",
            muted=tuple((mute.rule, mutes.in_force(mute)) for mute in state.mutes if deployment.phase.active),
            note=self._note(deployment.id),
            shielded=self._parts.shielded(state.service),
        )

    def _note(self, identifier: str) -> str:
        return self._parts.notes.link(identifier) if self._parts.notes else ""
