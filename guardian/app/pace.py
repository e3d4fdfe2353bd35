"""Keeping time: what a state waits for is looked at again and again, so that no timer has to survive a restart.

Deadlines stand in the state as absolute times. Whether the way forward is open at this time of the week, and whether those who
agreed still may, is asked here and now; what follows is an event like any other.
"""

import asyncio
from collections.abc import Callable  # noqa: TC003  evaluated: the attribute's annotation

from guardian.app.parts import Parts
from guardian.app.releases import Releases
from guardian.core.calendar import is_open, next_opening
from guardian.core.deployment import Deployment, ServiceState
from guardian.core.events import Event
from guardian.core.gates import due
from guardian.core.release_events import ApprovalLapsed, TimeCame, WayClosed, WentOn
from guardian.core.rollout import hindrance
from guardian.core.strategy import StepKind
from guardian.core.switch import Refused
from guardian.core.words import rollout

TURN_SECONDS = 0.2
"""How late something that is due may be."""
NEVER = 400 * 86400.0


class Pacer:
    """Lets happen what is due."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._releases = Releases(parts)
        self.turned: Callable[[], None] = lambda: None

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.turn()
            self.turned()
            await asyncio.sleep(TURN_SECONDS)

    async def turn(self) -> None:
        """Look once at every service."""
        for state in self._parts.decider.states():
            event = await self._next(state)
            if event is not None:
                try:
                    await self._parts.decider.submit(state.service, event)
                except Refused:
                    self.turned()  # it could not be recorded, which took its time; it is tried again

    async def _next(self, state: ServiceState) -> Event | None:
        now, deployment = self._parts.clock.now(), state.deployment
        if due(state, now):
            return TimeCame(now)
        if self._parts.decider.put_off(state.service):
            return None  # the disk has not answered yet
        if deployment and deployment.ready and deployment.phase.active:
            return self._let_through(state, deployment, now)
        return await self._releases.turn(state) if state.queue else None

    def _let_through(self, state: ServiceState, deployment: Deployment, now: float) -> Event | None:
        """The next step, or why it may not begin; ``None`` where that is known."""
        current, upcoming, question = deployment.current, deployment.upcoming, deployment.question
        if question and current and current.kind is StepKind.ASK:
            for approval in question.approvals:
                if not self._parts.may_approve(approval.by):
                    return ApprovalLapsed(now, approval.by, deployment.id, question.number)
        if hindrance(state, now):
            return None
        calendar = self._parts.services[state.service].strategy.calendar
        free = deployment.alone or bool(deployment.after) or (upcoming is not None and not upcoming.kind.moves)
        if free or is_open(calendar, now, self._parts.zone):
            return WentOn(now, deployment.id, deployment.step)
        if deployment.closed and now < deployment.closed.until:
            return None
        opens = next_opening(calendar, now, self._parts.zone)
        return WayClosed(now, deployment.id, opens or now + NEVER, rollout.closed(opens))
