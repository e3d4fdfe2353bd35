"""Keeping the balancer at what is intended: after somebody's reload, after a restart, after a hand at the socket."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf

from guardian.app.act import Actor, Report
from guardian.core.commands import Route
from guardian.core.deployment import ServiceState
from guardian.core.drift import Drift, Policy, drift
from guardian.core.events import Drifted, MovedByHand, Routed
from guardian.core.model import Split
from guardian.core.ports import Balancer, BalancerError, BalancerUnfit, Clock, WorkerSplit
from guardian.core.words import remains, upkeep
from guardian.core.words.story import split_of

logger = logging.getLogger(__name__)

ALERT_SECONDS = 3.0
"""After a flip or a reload, how long the balancer is looked at closely: longer than a worker takes to read its configuration."""
ALERT_PAUSE = 0.05
WAKE_SECONDS = 5.0
"""While nothing calls, it wakes so often, to show that it lives."""


class Reconciler:
    """Compares intention and truth, and has the difference mended."""

    def __init__(
        self,
        balancer: Balancer,
        actor: Actor,
        state: Callable[[str], ServiceState],
        report: Report,
        clock: Clock,
        policy: Policy = Policy.ADOPT,
    ) -> None:
        self._balancer, self._actor, self._state, self._report, self._clock = balancer, actor, state, report, clock
        self._policy = policy
        self._altered: dict[str, str] = {}
        self._worker = ""
        self._astray: set[str] = set()
        """Services of which it is told that their split is being restored."""
        self._alert: dict[str, float] = {}
        self._compared: dict[str, float] = {}
        """When each service was last compared in a round, on the monotonic clock."""
        self._called = asyncio.Event()
        self.turned: Callable[[], None] = lambda: None

    def soon(self, service: str) -> None:
        """A flip or a reload happened: look closely for a while."""
        self._alert[service] = self._clock.monotonic() + ALERT_SECONDS
        self._called.set()

    async def run(self) -> None:
        """Look closely at the services that ask for it, for ever. The scheduler does the regular rounds."""
        while True:
            self.turned()
            with suppress(TimeoutError):
                async with asyncio.timeout(WAKE_SECONDS):
                    await self._called.wait()
            now = self._clock.monotonic()
            self._alert = {service: until for service, until in self._alert.items() if until > now}
            if not self._alert:
                self._called.clear()
                continue
            for service in tuple(self._alert):
                await self.check(service)
                self.turned()
            await asyncio.sleep(ALERT_PAUSE)

    async def round(self, services: Iterable[str]) -> None:
        """Compare all ``services``, first those that an earlier round did not reach before its end."""
        for service in sorted(services, key=lambda service: self._compared.get(service, -inf)):
            self._compared[service] = self._clock.monotonic()
            await self.check(service)

    async def check(self, service: str) -> bool:
        """Compare once, and mend. True when nothing had to be mended. While commands are under way there is nothing to compare."""
        if self._actor.busy(service):
            return False
        before = self._state(service)
        try:
            workers = await self._balancer.read(service)
            stored = await self._stored(service)
        except BalancerError:
            return False  # the watch and the readiness probe tell of a balancer that does not answer
        state = self._state(service)
        if state != before or self._actor.busy(service):
            return False
        found = drift(state, workers, stored)
        await self._compare_file(found, state, stored)
        await self._compare_configuration(service)
        self._notice_worker(workers[0].worker)
        if not self._holds(state):
            return False  # what was found is older than a newer order, and must not be mended after it
        return await self._mend(state, found, workers)

    def _holds(self, state: ServiceState) -> bool:
        """Whether what ``state`` intends is still intended, and nobody is bringing it about."""
        now = self._state(state.service)
        same = (now.generation, now.confirmed, now.safe) == (state.generation, state.confirmed, state.safe)
        return same and not self._actor.busy(state.service)

    async def _mend(self, state: ServiceState, found: Drift, workers: Sequence[WorkerSplit]) -> bool:
        service = state.service
        if found.by_hand and self._policy is Policy.ADOPT:
            event = MovedByHand(self._clock.now(), found.by_hand.split, found.by_hand.worker)
            await self._report(service, event)
            return False
        if found.by_hand:
            worker, now = remains.split_in(found.by_hand.worker), split_of(found.by_hand.split)
            await self._tell(service, worker, split_of(state.live), now, remains.put_back())
            found = replace(found, route=Route(state.live, state.generation, state.live.main))
        if found.reborn:
            await self._report(service, Routed(self._clock.now(), state.generation, found.reborn.worker, len(workers), 0.0))
        commands = tuple(command for command in (found.keep, found.route) if command)
        if not found.route:
            self._astray.discard(service)
        if not commands or not self._holds(state):
            return not commands
        if found.route and state.confirmed == state.generation and service not in self._astray:
            self._astray.add(service)
            logger.warning("%s", upkeep.restoring(service, state.live), extra={"service": service})
        self._actor.act(state, commands)
        return False

    async def _compare_file(self, found: Drift, state: ServiceState, stored: Split | None) -> None:
        """Tell of a file that somebody has changed, and of one that was written though nobody waited for it any more."""
        if not found.keep:
            self._actor.kept(state.service, state.safe)
        elif not self._actor.unkept(state.service):
            now = remains.unnamed() if stored is None else split_of(stored)
            await self._tell(state.service, remains.written_down(), split_of(state.safe), now, remains.put_back())

    async def _stored(self, service: str) -> Split | None:
        """What the file says; ``None`` for a line that is no share, which is put right like one that is missing."""
        try:
            return await self._balancer.stored(service)
        except BalancerUnfit:
            return None

    async def _tell(self, service: str, what: str, was: str, now: str, then: str) -> None:
        await self._report(service, Drifted(self._clock.now(), what, was, now, then))

    async def _compare_configuration(self, service: str) -> None:
        """Tell of a changed block once, and again when it is changed again. The daemon itself may not write it."""
        try:
            altered = await self._balancer.altered(service)
        except BalancerError:
            return  # a file that cannot be read just now says nothing about what stands in it
        if altered and altered != self._altered.get(service):
            await self._tell(service, remains.configuration(), remains.as_adopted(), altered, remains.left_as_it_is())
        self._altered[service] = altered

    def _notice_worker(self, worker: str) -> None:
        """Log once that somebody reloaded or restarted the balancer, however many services it carries."""
        if self._worker and worker != self._worker:
            logger.warning("%s", upkeep.worker_replaced(self._worker, worker))
        self._worker = worker
