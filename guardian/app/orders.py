"""What people and programs may ask of guardian: the one surface behind the API, the shell and the chat."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from guardian.app.codec import deployment_from_record
from guardian.app.deployment_views import DeploymentView, deployment_view
from guardian.app.evidence import bundle, explained
from guardian.app.notes import Notes
from guardian.app.parts import Order, Parts
from guardian.app.readiness import rollback_target
from guardian.app.release_orders import ReleaseOrders
from guardian.app.rulebook import RulesUnfit
from guardian.app.views import (
    DeploymentDetail,
    Explanation,
    JournalView,
    NewsView,
    ParityView,
    RulesView,
    ServiceView,
    parity_view,
    rules_view,
)
from guardian.core.aftercare import must_be_redeployed
from guardian.core.deployment import ServiceState
from guardian.core.events import DrillOrdered, Promoted, Rejudged, RollbackOrdered, Unlatched
from guardian.core.model import BASIS_POINTS, Environment
from guardian.core.ports import BalancerError
from guardian.core.release_events import Skipped
from guardian.core.switch import Refused, Unknown
from guardian.core.words import drill, refusals, rollout, rulebook, upkeep
from guardian.core.words import notes as note_words
from guardian.core.words import parity as parity_words

__all__ = ["Order", "Orders", "Parts"]

DRILL_PATIENCE = 10.0
"""Seconds that an order waits for the end of its drill."""
DRILL_PAUSE = 0.01


class Orders(ReleaseOrders):
    """Questions and orders. Every method raises :class:`~guardian.core.switch.Refused` with a sentence when it cannot be."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._comparing: set[str] = set()

    # Orders.

    async def switch(
        self, service: str, order: Order, to: Environment | None = None, share: int | None = None, *, now: bool = False
    ) -> ServiceView:
        """Move the traffic to the idle environment, or to the one named: with the steps of the service's strategy.

        With ``share``, in basis points, or ``now``: that much, or all of it, at once.
        """
        parts, state = self._parts, self._parts.decider.state(service)
        if share is not None and not 0 < share <= BASIS_POINTS:
            raise Refused(refusals.no_share(share))
        candidate = to or state.safe.main.other
        event = self._releases.switch(service, order, candidate, share, now=now)
        # Where the order is refused for another reason, that one is told.
        if state.latch is None and not (state.deployment and state.deployment.phase.active):
            await self._must_be_able(service, candidate, back=False)
            if state.safe.sole is not candidate and not order.break_glass:
                self._must_be_open(service)
        return self._view(await parts.decider.submit(service, event))

    async def rollback(self, service: str, order: Order, *, force: bool = False, redeploy: bool = False) -> ServiceView:
        """Take the traffic back. Only an unhealthy target stops it, and ``force`` overrides that.

        ``redeploy``: where that was retired, bring it back first.
        """
        state = self._parts.decider.state(service)
        if redeploy:
            return self._view(await self._parts.decider.submit(service, await self._releases.redeploy(service, order)))
        if not force and (gone := must_be_redeployed(state)):
            raise Refused(rollout.gone(service, gone))
        if not force and state.deployment and state.deployment.rollback is None:
            await self._must_be_able(service, rollback_target(state), back=True)
        event = RollbackOrdered(self._parts.clock.now(), order.by, order.reason, force)
        return self._view(await self._parts.decider.submit(service, event))

    async def promote(self, service: str, order: Order) -> ServiceView:
        """Make what is live the safe side; while a release is judged, cut short how long."""
        state, now = self._parts.decider.state(service), self._parts.clock.now()
        judged = state.deployment is not None and state.deployment.phase.active
        event = Skipped(now, order.by, order.reason) if judged else Promoted(now, order.by, order.reason)
        return self._view(await self._parts.decider.submit(service, event))

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

    @property
    def notes(self) -> Notes:
        """What may be asked about deployment notes."""
        if self._parts.notes is None:
            raise Refused(note_words.no_notes())
        return self._parts.notes

    async def parity(self, service: str) -> ParityView:
        """Compare the two environments now; it takes as long as the program does that tells the facts of their hosts.

        One at a time for each service: whoever asks and asks would have the host full of such programs.
        """
        self._parts.decider.state(service)
        if service in self._comparing:
            raise Refused(parity_words.compared_already(service))
        self._comparing.add(service)
        try:
            found, parity = await self._parts.stages.compare(service), self._parts.services[service].stages.parity
        finally:
            self._comparing.discard(service)
        if found is None or parity is None:
            raise Refused(parity_words.not_configured(service))
        return parity_view(service, parity.policy, found)

    def rules(self) -> RulesView:
        """The rules in force."""
        return rules_view(self._parts.rules)

    def services(self) -> list[ServiceView]:
        """Every service, by name."""
        return [self._view(state) for state in self._parts.decider.states()]

    def service(self, service: str) -> ServiceView:
        """One service."""
        return self._view(self._parts.decider.state(service))

    async def history(self, service: str | None = None, limit: int = 20, among: Collection[str] = ()) -> list[DeploymentView]:
        """Deployments, newest first; with ``among``, those of these services."""
        if service is not None:
            self._parts.decider.state(service)
        parts = self._parts
        return await parts.reading.do(lambda: [_view_of(record) for record in parts.store.deployments(service, limit, among)])

    async def deployment(self, identifier: str) -> DeploymentDetail:
        """One deployment with its journal."""
        if waiting := self._queued(identifier):
            return DeploymentDetail(waiting, ())
        return await self._parts.reading.do(lambda: self._detail(identifier))

    def _detail(self, identifier: str) -> DeploymentDetail:
        record, entries = self._record(identifier), self._parts.store.journal(None, identifier)
        journal = tuple(JournalView(entry.number, entry.at, entry.service, entry.deployment, entry.event) for entry in entries)
        return DeploymentDetail(_view_of(record), journal)

    async def explain(self, identifier: str, rule: str | None = None) -> Explanation:
        """Recompute the verdicts on ``identifier``, of all rules or of one, from its recorded evidence."""
        return await self._parts.reading.do(lambda: explained(self._evidence(identifier), rule))

    async def evidence(self, identifier: str) -> dict[str, Any]:
        """All that is recorded of ``identifier``, to be explained anywhere."""
        return await self._parts.reading.do(lambda: self._evidence(identifier))

    def _evidence(self, identifier: str) -> dict[str, Any]:
        return bundle(self._record(identifier), self._parts.store.evidence(identifier))

    def _record(self, identifier: str) -> dict[str, Any]:
        record = self._parts.store.deployment(identifier)
        if record is None:
            raise Unknown(refusals.unknown_deployment(identifier))
        return record

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
