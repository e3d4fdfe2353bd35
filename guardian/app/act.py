"""Carrying out commands: one line of work per service, in which a new change of routing supersedes an older one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from guardian.app.ending import Endings
from guardian.app.stages import NoStages, Stages
from guardian.core.commands import Command, End, Keep, LetBe, Route, RunDrill, RunStage, StopStage, Unwatch, Watch
from guardian.core.deployment import Phase, ServiceState
from guardian.core.events import Drilled, Event, Routed, RoutingFailed, TargetUnable
from guardian.core.model import Service, Split
from guardian.core.ports import Balancer, BalancerError, BalancerGone, Clock, StageRunner
from guardian.core.words import upkeep
from guardian.core.words.figures import without_figures

logger = logging.getLogger(__name__)

ROUTE_DEADLINE = 5.0
"""Seconds in which a change of routing is proved or has failed, with all its attempts."""
ROUTE_PAUSE = 0.05
"""Seconds between attempts while the balancer does not answer: a reload takes a few of them."""
KEEP_DEADLINE = 1.0
"""Seconds that a change of routing waits for the file before it. A full or silent disk does not hold up a rollback."""

Report = Callable[[str, Event], Awaitable[object]]


class Watches(Protocol):
    """Who judges releases."""

    def begin(self, state: ServiceState) -> None:
        """Judge the state's deployment from now on."""

    def end(self, service: str) -> None:
        """Stop judging."""

    def moved(self, service: str, split: Split) -> None:
        """Every worker has ``split`` from this moment on."""


class Actor:
    """Carries out the commands of the decider, and reports what came of them."""

    def __init__(
        self,
        services: Mapping[str, Service],
        balancer: Balancer,
        watches: Watches,
        clock: Clock,
        report: Report,
        runner: StageRunner | None = None,
    ) -> None:
        self._services, self._balancer, self._watches = services, balancer, watches
        self._clock, self._report = clock, report
        self._endings = Endings(services, balancer, clock, report)
        self._stages = Stages(runner or NoStages(), clock, report)
        self._work: dict[str, asyncio.Task[None]] = {}
        self._unkept: set[str] = set()

    def busy(self, service: str) -> bool:
        """Whether commands for ``service`` are being carried out."""
        task = self._work.get(service)
        return task is not None and not task.done()

    def unkept(self, service: str) -> bool:
        """Whether the file could not be written the last time: then nobody else has changed it."""
        return service in self._unkept

    def kept(self, service: str, split: Split) -> None:
        """The file names ``split``, be it that a write which nobody waited for any more came to its end."""
        if service in self._unkept:
            self._unkept.discard(service)
            logger.info("%s", upkeep.kept(service, split), extra={"service": service})

    def act(self, state: ServiceState, commands: tuple[Command, ...]) -> None:
        """Carry out ``commands`` in order, in the background.

        Stages have no place in that line: what supersedes a change of routing must neither lose the end of one nor wait for it.
        """
        for command in commands:
            self._stage(state.service, command)
            if isinstance(command, Route | RunDrill | LetBe):
                self._endings.cancel(state.service, but=None if isinstance(command, LetBe) else command.generation)
        before = self._work.get(state.service)
        if before and any(isinstance(command, Route) for command in commands):
            before.cancel()
        task = asyncio.create_task(self._carry_out(before, state, commands), name=f"act {state.service}")
        self._work[state.service] = task

    async def idle(self) -> None:
        """Return when no command is being carried out any more."""
        while working := [task for task in self._work.values() if not task.done()]:
            await asyncio.wait(working)

    async def aclose(self) -> None:
        """Cut short what is being carried out: it is journalled, and resumed at the next start."""
        for task in self._work.values():
            task.cancel()
        await self.idle()
        await self._endings.aclose()
        await self._stages.aclose()

    async def _carry_out(self, before: "asyncio.Task[None] | None", state: ServiceState, commands: tuple[Command, ...]) -> None:
        if before:
            await asyncio.wait({before})
        for command in commands:
            match command:
                case Keep(split):
                    await self._keep(state.service, split)
                case Route():
                    await self._report_route(state, command)
                case RunDrill():
                    await self._drill(state.service, command)
                case _:
                    self._set_going(state, command)

    def _stage(self, service: str, command: Command) -> None:
        if isinstance(command, RunStage):
            self._stages.begin(command.job)
        elif isinstance(command, StopStage):
            self._stages.cancel(service)

    def _set_going(self, state: ServiceState, command: Command) -> None:
        """What goes on beside the line of work, or ends there."""
        match command:
            case Watch():
                self._watches.begin(state)
            case Unwatch():
                self._watches.end(state.service)
            case End():
                self._endings.begin(state.service, command)

    async def _keep(self, service: str, split: Split) -> None:
        try:
            async with asyncio.timeout(KEEP_DEADLINE):
                await self._balancer.store(service, split)
        except BalancerError as error:
            self._not_kept(service, logging.ERROR, upkeep.not_kept(service, split, str(error)))
        except TimeoutError:
            self._not_kept(service, logging.WARNING, upkeep.not_yet_kept(service, split, KEEP_DEADLINE))
        else:
            self.kept(service, split)

    def _not_kept(self, service: str, level: int, sentence: str) -> None:
        """Told once, until the file is as it should be."""
        if service not in self._unkept:
            logger.log(level, "%s", sentence, extra={"service": service})
        self._unkept.add(service)

    async def _report_route(self, state: ServiceState, command: Route) -> None:
        event = await self._route(state.service, command)
        deployment = state.deployment
        known = deployment.rollback.trouble if deployment and deployment.rollback else ""
        same = without_figures(getattr(event, "reason", "")) == without_figures(known)  # how long it took is no news
        still_stuck = deployment is not None and deployment.phase is Phase.STUCK and not isinstance(event, Routed) and same
        if isinstance(event, Routed):
            self._watches.moved(state.service, command.split)
        if not still_stuck:
            # Shielded: what was proved must be reported, even when a newer command cancels this one meanwhile.
            await asyncio.shield(asyncio.ensure_future(self._report(state.service, event)))

    async def _drill(self, service: str, command: RunDrill) -> None:
        """There and back. A drill that is cut short leaves its routing unproved: whoever cut it, or the next start, mends that."""
        try:
            there = await self._balancer.route(service, command.there)
            back = await self._balancer.route(service, command.back)
        except BalancerError as error:
            event = Drilled(self._clock.now(), command.generation, "", 0.0, 0.0, str(error))
        else:
            event = Drilled(self._clock.now(), command.generation, back.workers[0], there.seconds, back.seconds)
        await asyncio.shield(asyncio.ensure_future(self._report(service, event)))

    async def _route(self, name: str, command: Route) -> Event:
        service, started = self._services[name], self._clock.monotonic()
        while True:
            try:
                if command.needs is not None:
                    backend = service.backend(command.needs)
                    health = await self._balancer.health(backend)
                    if not health.able:
                        reason = upkeep.no_healthy_server(backend, health.reason)
                        return TargetUnable(self._clock.now(), command.generation, command.needs, reason)
                routed = await self._balancer.route(name, command.split)
            except BalancerError as error:
                if not isinstance(error, BalancerGone) or self._clock.monotonic() - started > ROUTE_DEADLINE:
                    return RoutingFailed(self._clock.now(), command.generation, str(error))
                await asyncio.sleep(ROUTE_PAUSE)
            else:
                took = self._clock.monotonic() - started
                return Routed(self._clock.now(), command.generation, routed.workers[0], len(routed.workers), took)
