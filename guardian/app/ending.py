"""Leaving nothing behind: what an abandoned environment still has once every worker routes elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from guardian.core.commands import End
from guardian.core.events import Ended, Event
from guardian.core.model import Ending, Service
from guardian.core.ports import Balancer, BalancerError, BalancerGone, Clock, Left

SETTLE_SECONDS = 10.0
"""How long waiting requests are given away, and how long connections are closed that do not go at once."""
PAUSE = 0.1

Report = Callable[[str, Event], Awaitable[object]]


class Endings:
    """One ending per service at most: that of the newest routing. What is cut short is begun again at the next start."""

    def __init__(self, services: Mapping[str, Service], balancer: Balancer, clock: Clock, report: Report) -> None:
        self._services, self._balancer, self._clock, self._report = services, balancer, clock, report
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._generations: dict[str, int] = {}
        """Of which routing each is the ending."""

    def begin(self, service: str, command: End) -> None:
        """Deal with the abandoned side in the background."""
        self.cancel(service)
        self._generations[service] = command.generation
        self._tasks[service] = asyncio.create_task(self._end(self._services[service], command), name=f"ending {service}")

    def cancel(self, service: str, *, but: int | None = None) -> None:
        """The traffic is about to move again: the side may be the one that gets it. The routing ``but`` has left it itself."""
        if but is not None and but == self._generations.get(service):
            return
        if task := self._tasks.pop(service, None):
            task.cancel()

    async def aclose(self) -> None:
        """Cut short what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(self, service: Service, command: End) -> None:
        left = await self._until(service, command, lambda left: not (left.queued or left.standing), cut=False)
        if service.routing.ending is Ending.CUT:
            await asyncio.sleep(max(0.0, command.since + service.routing.grace - self._clock.now()))
            last = await self._until(service, command, lambda left: not left.open, cut=True)
            trouble = last.trouble or left.trouble
            left = replace(last, moved=left.moved + last.moved, trouble=trouble)
        event = Ended(
            self._clock.now(),
            command.generation,
            command.environment,
            left.moved,
            left.cut,
            left.queued,
            left.open,
            left.trouble,
        )
        await self._report(service.name, event)

    async def _until(self, service: Service, command: End, done: Callable[[Left], bool], *, cut: bool) -> Left:
        """What is left at the end, and all that was moved and closed on the way."""
        began, moved, closed = self._clock.monotonic(), 0, 0
        while True:
            waited = self._clock.monotonic() - began
            try:
                left = await self._balancer.leave(service.name, command.environment, cut=cut)
            except BalancerError as error:
                if not isinstance(error, BalancerGone) or waited > SETTLE_SECONDS:
                    return Left(moved=moved, cut=closed, trouble=str(error))
            else:
                moved, closed = moved + left.moved, closed + left.cut
                if done(left) or left.trouble or waited > SETTLE_SECONDS:
                    return replace(left, moved=moved, cut=closed)
            await asyncio.sleep(PAUSE)
