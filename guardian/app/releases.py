"""Requests for releases: the steps that a service's configuration makes of them, and the truth that they begin with."""

from guardian.app.parts import Order, Parts
from guardian.core.admission import next_in_turn, unsettled
from guardian.core.aftercare import must_be_redeployed
from guardian.core.deployment import ServiceState
from guardian.core.events import SwitchRequested
from guardian.core.model import BASIS_POINTS, VERSION, Environment
from guardian.core.ports import BalancerError
from guardian.core.release_events import DeployRequested, TurnCame
from guardian.core.strategy import Queueing, StageKind, StepKind, StrategyStep
from guardian.core.switch import Refused
from guardian.core.words import admission as words
from guardian.core.words import gates, rollout, work

BEFORE_TRAFFIC = (StepKind.DEPLOY, StepKind.PARITY, StepKind.VERIFY)


class Releases:
    """Makes the events that begin a deployment. :class:`Refused` where there is nothing to begin it with."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def switch(self, service: str, order: Order, candidate: Environment, share: int | None, *, now: bool) -> SwitchRequested:
        """What is on ``candidate`` comes to its traffic: step by step, or with ``share`` or ``now`` at once."""
        parts, strategy = self._parts, self._parts.services[service].strategy
        at_once = now or share is not None
        if order.break_glass and not order.reason:
            raise Refused(gates.glass_needs_reason())
        if at_once and strategy.asks and not order.break_glass:
            raise Refused(words.would_not_ask(service))
        after, seconds = self._retirement(service)
        return SwitchRequested(
            at=parts.clock.now(),
            by=order.by,
            reason=order.reason,
            candidate=candidate,
            share=BASIS_POINTS if share is None else share,
            watch_seconds=parts.services[service].watch_seconds,
            rules_digest=parts.rules.of(service).digest,
            history=parts.watcher.history(service, candidate.other),
            steps=() if at_once else (*self._before(service, StepKind.PARITY, StepKind.VERIFY), *self._strategy(service)),
            alone=order.break_glass,
            retire_after=after,
            retire_seconds=seconds,
        )

    async def deploy(self, service: str, version: str, order: Order, *, key: str = "", again: bool = False) -> DeployRequested:
        """``version`` on the idle side, and step by step to its traffic."""
        parts, state = self._parts, self._parts.decider.state(service)
        self._must_be_deployable(service, version)
        if order.break_glass and not order.reason:
            raise Refused(gates.glass_needs_reason())
        busy = state.deployment is not None and state.deployment.phase.active
        candidate = state.live.main.other if busy else await self.idle(service)
        after, seconds = self._retirement(service)
        return DeployRequested(
            at=parts.clock.now(),
            by=order.by,
            reason=order.reason,
            version=version,
            candidate=candidate,
            steps=(*self._before(service, *BEFORE_TRAFFIC), *self._strategy(service)),
            watch_seconds=parts.services[service].watch_seconds,
            rules_digest=parts.rules.of(service).digest,
            history=parts.watcher.history(service, candidate.other),
            key=key,
            again=again,
            wait=parts.services[service].strategy.queue is Queueing.WAIT,
            alone=order.break_glass,
            retire_after=after,
            retire_seconds=seconds,
        )

    async def redeploy(self, service: str, order: Order) -> DeployRequested:
        """What a rollback needs again that was retired: deployed, verified, and given all of the traffic at once."""
        parts, state = self._parts, self._parts.decider.state(service)
        gone = must_be_redeployed(state)
        if gone is None:
            raise Refused(rollout.nothing_retired(service))
        if not gone.version:
            raise Refused(rollout.version_unknown(service, gone))
        self._must_be_deployable(service, gone.version)
        candidate = await self.idle(service)
        return DeployRequested(
            at=parts.clock.now(),
            by=order.by,
            reason=order.reason,
            version=gone.version,
            candidate=candidate,
            steps=self._before(service, StepKind.DEPLOY, StepKind.VERIFY),
            watch_seconds=parts.services[service].watch_seconds,
            rules_digest=parts.rules.of(service).digest,
            history=parts.watcher.history(service, candidate.other),
            again=True,
            after=gone.deployment,
        )

    async def turn(self, state: ServiceState) -> TurnCame | None:
        """The beginning of the deployment whose turn it is; ``None`` while it may not begin."""
        parts, now = self._parts, self._parts.clock.now()
        queued = next_in_turn(state, now)
        if queued is None:
            return None
        try:
            candidate = await self.idle(state.service)
        except Refused:
            return None
        history = parts.watcher.history(state.service, candidate.other)
        return TurnCame(now, queued.id, candidate, parts.rules.of(state.service).digest, history)

    async def idle(self, service: str) -> Environment:
        """The environment that no worker of the balancer sends anything to: asked, not believed."""
        state = self._parts.decider.state(service)
        try:
            workers = await self._parts.balancer.read(service)
        except BalancerError as error:
            raise Refused(words.truth_unknown(service, str(error))) from error
        if any(worker.split != state.live for worker in workers):
            raise Refused(words.truth_differs(service))
        candidate = state.live.main.other
        if unfit := unsettled(state, candidate):
            raise Refused(unfit)
        return candidate

    def _must_be_deployable(self, service: str, version: str) -> None:
        if not VERSION.fullmatch(version):
            raise Refused(words.no_version(version))
        if StageKind.DEPLOY not in self._parts.stages.offers(service):
            raise Refused(work.nothing_to_deploy_with(service))

    def _before(self, service: str, *kinds: StepKind) -> tuple[StrategyStep, ...]:
        """The work of ``kinds`` that is configured for ``service``."""
        offers = self._parts.stages.offers(service)
        known = [(kind, offers.get(StageKind(kind.value))) for kind in kinds]
        return tuple(StrategyStep(kind, seconds=seconds) for kind, seconds in known if seconds is not None)

    def _strategy(self, service: str) -> tuple[StrategyStep, ...]:
        """The steps of the strategy; those that verify again with the time that this may take."""
        steps: list[StrategyStep] = []
        for step in self._parts.services[service].strategy.steps:
            if step.kind is not StepKind.VERIFY:
                steps.append(step)
                continue
            again = self._before(service, StepKind.VERIFY)
            if not again:
                raise Refused(words.nothing_verifies(service))
            steps.extend(again)
        return tuple(steps)

    def _retirement(self, service: str) -> tuple[float | None, float]:
        """How long a replaced environment stays warm, and how long retiring it may take; never, where nothing retires it."""
        seconds = self._parts.stages.offers(service).get(StageKind.RETIRE)
        return (None, 0.0) if seconds is None else (self._parts.services[service].strategy.warm, seconds)
