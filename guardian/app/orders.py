"""What people and programs may ask of guardian: the one surface behind the API, the shell and the chat."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guardian.app.codec import deployment_from_record
from guardian.app.decide import Decider
from guardian.app.evidence import bundle, explained
from guardian.app.readiness import Prober, rollback_target
from guardian.app.rulebook import RuleBook, RulesUnfit
from guardian.app.tell import Feed
from guardian.app.views import (
    DeploymentDetail,
    DeploymentView,
    Explanation,
    JournalView,
    NewsView,
    RulesView,
    ServiceView,
    deployment_view,
    rules_view,
    service_view,
)
from guardian.app.watch import Watcher
from guardian.core.deployment import ServiceState
from guardian.core.events import DrillOrdered, Promoted, Rejudged, RollbackOrdered, SwitchRequested, Unlatched
from guardian.core.model import BASIS_POINTS, Environment, Service
from guardian.core.ports import Balancer, BalancerError, Clock, Store
from guardian.core.switch import Refused, Unknown
from guardian.core.words import drill, refusals, rulebook, upkeep

DRILL_PATIENCE = 10.0
"""Seconds that an order waits for the end of its drill."""
DRILL_PAUSE = 0.01


@dataclass(frozen=True, slots=True)
class Parts:
    """What the orders are carried out with."""

    services: Mapping[str, Service]
    balancer: Balancer
    store: Store
    decider: Decider
    watcher: Watcher
    prober: Prober
    feed: Feed
    rules: RuleBook
    clock: Clock


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants something, and why."""

    by: str
    reason: str = ""


class Orders:
    """Questions and orders. Every method raises :class:`~guardian.core.switch.Refused` with a sentence when it cannot be."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    # Orders.

    async def switch(self, service: str, order: Order, to: Environment | None = None, share: int = BASIS_POINTS) -> ServiceView:
        """Move ``share`` basis points of the traffic to the idle environment, or to the one named."""
        parts, state = self._parts, self._parts.decider.state(service)
        if not 0 < share <= BASIS_POINTS:
            raise Refused(refusals.no_share(share))
        candidate = to or state.safe.main.other
        # Where the order is refused for another reason, that one is told.
        if state.latch is None and not (state.deployment and state.deployment.phase.active):
            await self._must_be_able(service, candidate, back=False)
        event = SwitchRequested(
            at=parts.clock.now(),
            by=order.by,
            reason=order.reason,
            candidate=candidate,
            share=share,
            watch_seconds=parts.services[service].watch_seconds,
            rules_digest=parts.rules.of(service).digest,
            history=parts.watcher.history(service, candidate.other),
        )
        return self._view(await parts.decider.submit(service, event))

    async def rollback(self, service: str, order: Order, *, force: bool = False) -> ServiceView:
        """Take the traffic back. Only an unhealthy target stops it, and ``force`` overrides that."""
        state = self._parts.decider.state(service)
        if not force and state.deployment and state.deployment.rollback is None:
            await self._must_be_able(service, rollback_target(state), back=True)
        event = RollbackOrdered(self._parts.clock.now(), order.by, order.reason, force)
        return self._view(await self._parts.decider.submit(service, event))

    async def promote(self, service: str, order: Order) -> ServiceView:
        """Make what is live the safe side."""
        return self._view(await self._parts.decider.submit(service, Promoted(self._parts.clock.now(), order.by, order.reason)))

    async def unlatch(self, service: str, order: Order) -> ServiceView:
        """Let the service move forward again after an automatic rollback."""
        return self._view(await self._parts.decider.submit(service, Unlatched(self._parts.clock.now(), order.by, order.reason)))

    async def drill(self, service: str, order: Order, share: int = 1) -> ServiceView:
        """Send ``share`` basis points to the idle side and back, and return when that is done, with the times it took."""
        parts, state = self._parts, self._parts.decider.state(service)
        if share and state.live.sole and not (state.deployment and state.deployment.phase.active):
            await self._must_be_able(service, state.live.sole.other, back=False)
        ordered = await parts.decider.submit(service, DrillOrdered(parts.clock.now(), order.by, share))
        try:
            async with asyncio.timeout(DRILL_PATIENCE):
                # The decider calls nobody, and a newer order is the end of a drill too.
                while (found := parts.decider.state(service)).generation == ordered.generation and not _drilled(found):  # noqa: ASYNC110  see above
                    await asyncio.sleep(DRILL_PAUSE)
        except TimeoutError:
            raise Refused(drill.did_not_end(service, DRILL_PATIENCE)) from None
        if found.drill and found.drill.back is None:
            raise Refused(drill.failed(service, found.drill.trouble or drill.cut_short()))
        return self._view(found)

    async def reload_rules(self, order: Order, rejudge: Sequence[str] = ()) -> RulesView:
        """Read the rule files again, all or nothing. ``rejudge`` names services whose running watch goes on with the new rules."""
        parts = self._parts
        for service in rejudge:
            parts.decider.state(service)
            if service not in parts.decider.watching():
                raise Refused(rulebook.not_on_trial(service))
        try:
            await parts.rules.reload()
        except RulesUnfit as unfit:
            raise Refused(str(unfit)) from unfit
        for service in rejudge:
            deployment, rules = parts.decider.state(service).deployment, parts.rules.of(service)
            await parts.decider.submit(
                service, Rejudged(parts.clock.now(), order.by, deployment.id if deployment else "", rules.digest)
            )
            parts.watcher.rejudge(service, rules)
        return self.rules()

    async def _must_be_able(self, service: str, environment: Environment, *, back: bool) -> None:
        backend = self._parts.services[service].backend(environment)
        try:
            health = await self._parts.balancer.health(backend)
        except BalancerError as error:
            if back:
                return  # what cannot be asked must not stand in the way: the attempt will tell
            raise Refused(refusals.target_unable(service, environment, str(error), back=back)) from error
        if not health.able:
            reason = upkeep.no_healthy_server(backend, health.reason)
            raise Refused(refusals.target_unable(service, environment, reason, back=back))

    # Questions.

    def rules(self) -> RulesView:
        """The rules in force."""
        return rules_view(self._parts.rules)

    def services(self) -> list[ServiceView]:
        """Every service, by name."""
        return [self._view(state) for state in self._parts.decider.states()]

    def service(self, service: str) -> ServiceView:
        """One service."""
        return self._view(self._parts.decider.state(service))

    def _view(self, state: ServiceState) -> ServiceView:
        parts, name = self._parts, state.service
        seen = parts.watcher.observer(name).gauges
        return service_view(parts.services[name], state, seen, parts.watcher.verdicts(name), parts.prober.last(name))

    async def history(self, service: str | None = None, limit: int = 20) -> list[DeploymentView]:
        """Deployments, newest first."""
        if service is not None:
            self._parts.decider.state(service)
        records = await asyncio.to_thread(self._parts.store.deployments, service, limit)
        return [_view_of(record) for record in records]

    async def deployment(self, identifier: str) -> DeploymentDetail:
        """One deployment with its journal."""
        record = await asyncio.to_thread(self._parts.store.deployment, identifier)
        if record is None:
            raise Unknown(refusals.unknown_deployment(identifier))
        entries = await asyncio.to_thread(self._parts.store.journal, None, identifier)
        journal = tuple(JournalView(entry.number, entry.at, entry.service, entry.deployment, entry.event) for entry in entries)
        return DeploymentDetail(_view_of(record), journal)

    async def explain(self, identifier: str, rule: str | None = None) -> Explanation:
        """Recompute the verdicts on ``identifier``, of all rules or of one, from its recorded evidence."""
        return await asyncio.to_thread(explained, await self.evidence(identifier), rule)

    async def evidence(self, identifier: str) -> dict[str, Any]:
        """All that is recorded of ``identifier``, to be explained anywhere."""
        record = await asyncio.to_thread(self._parts.store.deployment, identifier)
        if record is None:
            raise Unknown(refusals.unknown_deployment(identifier))
        return bundle(record, await asyncio.to_thread(self._parts.store.evidence, identifier))

    async def follow(self, after: int = 0) -> AsyncIterator[NewsView]:
        """Announcements of this run of the program with a number above ``after``, as they come, without end."""
        async for told in self._parts.feed.follow(after):
            yield NewsView(
                number=told.number,
                at=told.at,
                service=told.service,
                deployment=told.deployment,
                phase=told.phase,
                severity=str(told.announcement.severity),
                sentence=told.announcement.sentence,
                links=told.announcement.links,
            )


def _view_of(record: Mapping[str, Any]) -> DeploymentView:
    return deployment_view(record["service"], deployment_from_record(record))


def _drilled(state: ServiceState) -> bool:
    return state.drill is not None and state.drill.over
