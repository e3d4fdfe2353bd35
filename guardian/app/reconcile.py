"""Keeping the balancer at what is intended: after somebody's reload, after a restart, after a hand at the socket."""

import asyncio
import logging
from collections.abc import Callable

from guardian.app.act import Actor, Report
from guardian.core.deployment import MovedByHand, Routed, ServiceState
from guardian.core.drift import drift
from guardian.core.ports import Balancer, BalancerError, Clock
from guardian.core.words import upkeep

logger = logging.getLogger(__name__)

ALERT_SECONDS = 3.0
"""After a flip or a reload, how long the balancer is looked at closely: longer than a worker takes to read its configuration."""
ALERT_PAUSE = 0.05


class Reconciler:
    """Compares intention and truth, and has the difference mended."""

    def __init__(
        self, balancer: Balancer, actor: Actor, state: Callable[[str], ServiceState], report: Report, clock: Clock
    ) -> None:
        self._balancer, self._actor, self._state, self._report, self._clock = balancer, actor, state, report, clock
        self._alert: dict[str, float] = {}
        self._called = asyncio.Event()

    def soon(self, service: str) -> None:
        """A flip or a reload happened: look closely for a while."""
        self._alert[service] = self._clock.monotonic() + ALERT_SECONDS
        self._called.set()

    async def run(self) -> None:
        """Look closely at the services that ask for it, for ever. The scheduler does the regular rounds."""
        while True:
            await self._called.wait()
            now = self._clock.monotonic()
            self._alert = {service: until for service, until in self._alert.items() if until > now}
            if not self._alert:
                self._called.clear()
                continue
            for service in tuple(self._alert):
                await self.check(service)
            await asyncio.sleep(ALERT_PAUSE)

    async def check(self, service: str) -> bool:
        """Compare once, and mend. True when nothing had to be mended. While commands are under way there is nothing to compare."""
        if self._actor.busy(service):
            return False
        before = self._state(service)
        try:
            workers = await self._balancer.read(service)
            stored = await self._balancer.stored(service)
        except BalancerError:
            return False  # the watch and the readiness probe tell of a balancer that does not answer
        state = self._state(service)
        if state != before or self._actor.busy(service):
            return False
        found = drift(state, workers, stored)
        if found.by_hand:
            event = MovedByHand(self._clock.now(), found.by_hand.split, found.by_hand.worker)
            await self._report(service, event)
            return False
        if found.reborn:
            await self._report(service, Routed(self._clock.now(), state.generation, found.reborn.worker, len(workers), 0.0))
        commands = tuple(command for command in (found.keep, found.route) if command)
        if not commands:
            return True
        if found.route and state.confirmed == state.generation and any(worker.split != state.live for worker in workers):
            logger.warning("%s", upkeep.restored(service, state.live), extra={"service": service})
        self._actor.act(state, commands)
        return False
