"""Noticing that the balancer itself has left an environment that lost its last server: a rollback that has happened is made one."""

from collections.abc import Awaitable, Callable, Mapping

from guardian.core.deployment import ServiceState
from guardian.core.events import Event, FellBack
from guardian.core.model import Service
from guardian.core.ports import Balancer, BalancerError, Clock
from guardian.core.words import upkeep


class Fallbacks:
    """Looks at the services that allow it. What is too late or makes no sense, the decider ignores."""

    def __init__(
        self,
        services: Mapping[str, Service],
        balancer: Balancer,
        state: Callable[[str], ServiceState],
        report: Callable[[str, Event], Awaitable[object]],
        clock: Clock,
    ) -> None:
        self._services = {name: service for name, service in services.items() if service.routing.fallback}
        self._balancer, self._state, self._report, self._clock = balancer, state, report, clock

    async def look(self) -> None:
        """Report each candidate that has traffic, and no server, while the other environment has one."""
        for name, service in self._services.items():
            state = self._state(name)
            deployment = state.deployment
            if deployment is None or deployment.rollback or not state.proved or not state.live.share(deployment.candidate):
                continue
            candidate = deployment.candidate
            try:
                lost = await self._balancer.health(service.backend(candidate))
                other = await self._balancer.health(service.backend(candidate.other))
            except BalancerError:
                continue  # the watch and the readiness probe tell of a balancer that does not answer
            if not lost.able and other.able:
                reason = upkeep.no_healthy_server(service.backend(candidate), lost.reason)
                told = upkeep.fell_back(reason, candidate.other)
                await self._report(name, FellBack(self._clock.now(), deployment.id, candidate, told))
