"""Whether a rollback would work right now: asked all the time, so that nobody finds out when it is needed."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf

from guardian.app.record import Recorder
from guardian.core.deployment import ServiceState
from guardian.core.model import Environment, Service
from guardian.core.ports import About, Balancer, BalancerError, Clock
from guardian.core.words import upkeep
from guardian.core.words.figures import without_figures

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 60.0
"""A reason that the log has told is not told again sooner, however often it comes and goes."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The answer for one service."""

    service: str
    to: Environment
    """Where a rollback would send the traffic; where it is already, the environment that must hold it."""
    faults: tuple[str, ...]
    """Why it would not work, or not for long; empty when it would."""
    checked_at: float
    about: About | None = None
    """Which balancer answered; ``None`` when none did."""

    @property
    def ready(self) -> bool:
        """Whether a rollback would work."""
        return not self.faults


def rollback_target(state: ServiceState) -> Environment:
    """Where a rollback ordered now would send the traffic; the safe side where there is nothing to take back."""
    deployment = state.deployment
    if deployment is not None and state.live == deployment.target:
        return deployment.fallback.main
    return state.safe.main


class Prober:
    """Asks, and remembers the last answer."""

    def __init__(
        self,
        services: Mapping[str, Service],
        balancer: Balancer,
        recorder: Recorder,
        state: Callable[[str], ServiceState],
        clock: Clock,
    ) -> None:
        self._services, self._balancer, self._recorder, self._state, self._clock = services, balancer, recorder, state, clock
        self._answers: dict[str, Readiness] = {}
        self._asked = dict.fromkeys(services, -inf)
        """When each service was asked for last, on the monotonic clock."""
        self._logs = {name: _Log() for name in services}

    def last(self, service: str) -> Readiness | None:
        """The last answer for ``service``, or ``None`` before the first."""
        return self._answers.get(service)

    async def probe(self) -> None:
        """Ask for every service, first for those that an earlier turn did not reach before its end."""
        for name in sorted(self._services, key=self._asked.__getitem__):
            service, self._asked[name] = self._services[name], self._clock.monotonic()
            now = self._answers[name] = await self._ask(service)
            self._logs[name].tell(now, self._clock.monotonic())

    async def _ask(self, service: Service) -> Readiness:
        state = self._state(service.name)
        to = rollback_target(state)
        faults: list[str] = []
        about = None
        try:
            about = await self._balancer.about(service.name)
            health = await self._balancer.health(service.backend(to))
            if not health.able:
                faults.append(upkeep.no_healthy_server(service.backend(to), health.reason))
            workers = await self._balancer.read(service.name)
            astray = sum(worker.split != state.live for worker in workers)
            if astray:
                faults.append(upkeep.map_astray(service.name, astray))
            await self._balancer.stored(service.name)
            await self._balancer.storable(service.name)
        except BalancerError as error:
            faults.append(upkeep.balancer_silent(str(error)))
        if self._recorder.waiting and self._recorder.trouble:
            faults.append(upkeep.journal_waiting(self._recorder.waiting, self._recorder.trouble))
        return Readiness(service.name, to, tuple(faults), self._clock.now(), about)


class _Log:
    """What the log says of one service: why there would be no way back, once for each reason, and when there is one again.

    Reasons that differ in their figures only, such as the bytes that are free or a process, are the same.
    """

    def __init__(self) -> None:
        self._now: set[str] = set()
        """The reasons that were told since there was a way back."""
        self._told: dict[str, float] = {}
        """When each was told last."""

    def tell(self, answer: Readiness, at: float) -> None:
        """Say what is new in ``answer``, ``at`` on the monotonic clock."""
        extra, reasons = {"service": answer.service}, set(map(without_figures, answer.faults))
        if any(at - self._told.get(reason, -inf) >= AGAIN_SECONDS for reason in reasons - self._now):
            logger.warning("%s", upkeep.no_way_back(answer.service, answer.to, answer.faults), extra=extra)
            self._now |= reasons
            self._told = {reason: told for reason, told in self._told.items() if at - told < AGAIN_SECONDS}
            self._told |= dict.fromkeys(reasons, at)
        elif self._now and answer.ready:
            logger.info("%s", upkeep.way_back(answer.service, answer.to), extra=extra)
            self._now.clear()
