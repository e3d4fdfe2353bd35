"""What the shield does for the users of releases on trial: counted while it does it, told when the trial is over."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import astuple, replace

from guardian.core.deployment import Deployment, Phase, ServiceState, Shielded
from guardian.core.events import Event, Saved
from guardian.core.model import Environment, Service
from guardian.core.ports import Balancer, BalancerError, Clock
from guardian.core.shield import Savings

SETTLE_SECONDS = 2.0
"""After the end of a deployment, until its last requests have been answered."""

Report = Callable[[str, Event], Awaitable[object]]


class _Tally:
    """One deployment's savings so far."""

    def __init__(self, deployment: str, candidate: Environment) -> None:
        self.deployment, self.candidate = deployment, candidate
        self.total: Savings | None = None

    def add(self, more: Savings) -> None:
        """Count ``more``."""
        self.total = more if self.total is None else self.total + more

    @property
    def shielded(self) -> Shielded | None:
        """What is told of it; ``None`` where there was nothing to save."""
        total = self.total
        if total is None or not (total.tried or total.lost or total.plain > 0):
            return None
        return Shielded(total.tried, total.saved, total.lost, max(0, total.plain))


class Shields:
    """Reads the balancer's counters of what was saved, for every service that is shielded."""

    def __init__(
        self,
        services: Mapping[str, Service],
        balancer: Balancer,
        state: Callable[[str], ServiceState],
        clock: Clock,
        report: Report,
    ) -> None:
        self._services = [name for name, service in services.items() if service.shield]
        self._balancer, self._state, self._clock, self._report = balancer, state, clock, report
        self._last: dict[tuple[str, Environment], Savings] = {}
        self._tallies: dict[str, _Tally] = {}
        self._seen: dict[str, str] = {}
        """The latest deployment of each service at the last look."""

    def of(self, service: str) -> Shielded | None:
        """What the shield has done for the latest deployment of ``service`` so far."""
        tally, deployment = self._tallies.get(service), self._state(service).deployment
        if tally and deployment and tally.deployment == deployment.id:
            return tally.shielded
        return deployment.shielded if deployment else None

    def counting(self, service: str) -> bool:
        """Whether requests of the latest deployment of ``service`` are still counted."""
        tally, deployment = self._tallies.get(service), self._state(service).deployment
        return tally is not None and deployment is not None and tally.deployment == deployment.id

    async def look(self) -> None:
        """One turn: begin with what is on trial now, count, and tell of what is over."""
        for service in self._services:
            deployment = self._state(service).deployment
            try:
                await self._count(service, deployment)
            except BalancerError:
                continue  # the watch tells of a balancer that does not answer
            await self._conclude(service, deployment)

    async def _count(self, service: str, deployment: Deployment | None) -> None:
        tally = self._tallies.get(service)
        if deployment and (tally is None or tally.deployment != deployment.id) and self._begins(service, deployment):
            tally = self._tallies[service] = _Tally(deployment.id, deployment.candidate)
            if deployment.phase.active and deployment.cutover_at is None:
                self._last.pop((service, tally.candidate), None)  # it has had no traffic: all that was counted is older
        self._seen[service] = deployment.id if deployment else ""
        unknown = [side for side in Environment if (service, side) not in self._last]
        for side in dict.fromkeys([*unknown, *([tally.candidate] if tally else ())]):
            found, before = await self._balancer.savings(service, side), self._last.get((service, side))
            if found is None:
                continue
            self._last[service, side] = found
            if before and tally and side is tally.candidate:
                more = found.since(before)
                tally.add(more if _exposed(deployment) else replace(more, plain=0))

    def _begins(self, service: str, deployment: Deployment) -> bool:
        """Whether to count for ``deployment``: it goes on, or it came and went since the last look."""
        return deployment.phase.active or deployment.id != self._seen.get(service, deployment.id)

    async def _conclude(self, service: str, deployment: Deployment | None) -> None:
        tally = self._tallies.get(service)
        if tally is None or deployment is None or deployment.phase.active:
            return
        if deployment.id == tally.deployment and self._clock.now() - (deployment.ended_at or 0.0) < SETTLE_SECONDS:
            return
        if (found := tally.shielded) and deployment.id == tally.deployment:
            await self._report(service, Saved(self._clock.now(), tally.deployment, *astuple(found)))
        del self._tallies[service]


def _exposed(deployment: Deployment | None) -> bool:
    """Whether failures that come the plain way are those of a release on trial: a tester's are not, nor those of one promoted."""
    return deployment is not None and deployment.cutover_at is not None and deployment.phase is not Phase.VERIFIED
