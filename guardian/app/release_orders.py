"""What people say to releases: deploy, approve, reject, pause, resume, abort; freezes, mutes, and the queue."""

import asyncio
from dataclasses import replace

from guardian.app.codec import deployment_from_record
from guardian.app.deployment_views import DeploymentView, deployment_view, queued_view
from guardian.app.parts import Order, Parts
from guardian.app.releases import Releases
from guardian.app.views import ServiceView, service_view
from guardian.core.calendar import is_open, next_opening
from guardian.core.deployment import ServiceState
from guardian.core.release_events import (
    AbortOrdered,
    Approved,
    Frozen,
    Held,
    Muted,
    Rejected,
    Resumed,
    Unfrozen,
    Unmuted,
    Withdrawn,
)
from guardian.core.switch import Refused, Unknown
from guardian.core.words import admission as words
from guardian.core.words import gates, mutes, refusals, rollout


class ReleaseOrders:
    """Orders about releases. Every method raises :class:`~guardian.core.switch.Refused` with a sentence when it cannot be."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._releases = Releases(parts)

    async def deploy(self, service: str, version: str, order: Order, *, key: str = "", again: bool = False) -> DeploymentView:
        """Bring ``version`` onto the idle side, verify it, and give it the traffic by the steps of the service's strategy.

        Asked again with the same ``key``, the answer is the deployment that there is. ``again``: also a version that was taken
        back. The answer's phase is ``queued`` where it waits for its turn.
        """
        state = self._parts.decider.state(service)
        if not any(key and known.key == key and known.version == version for known in state.keys):
            event = await self._releases.deploy(service, version, order, key=key, again=again)
            state = await self._parts.decider.submit(service, event)
        keyed = next((known.deployment for known in state.keys if key and known.key == key), "")
        return await self._requested(state, keyed or f"{service}-{state.numbered}")

    async def _requested(self, state: ServiceState, identifier: str) -> DeploymentView:
        if waiting := self._queued(identifier):
            return waiting
        if state.deployment and state.deployment.id == identifier:
            return deployment_view(state.service, state.deployment)
        record = await asyncio.to_thread(self._parts.store.deployment, identifier)
        if record is None:
            raise Unknown(refusals.unknown_deployment(identifier))
        return deployment_view(state.service, deployment_from_record(record))

    # Approvals.

    async def approve(self, deployment: str, order: Order, generation: int | None = None) -> ServiceView:
        """Agree that ``deployment`` goes on. ``generation`` is the number of the question, as the deployment's view shows it.

        The requester's own word does not count, unless the glass is broken: with a reason, and everybody is told.
        """
        state = self._of(deployment)
        if not self._parts.may_approve(order.by):
            raise Refused(gates.may_not_approve(order.by))
        number = self._question(state) if generation is None else generation
        event = Approved(self._parts.clock.now(), order.by, order.reason, deployment, number, order.break_glass)
        return self._view(await self._parts.decider.submit(state.service, event))

    async def reject(self, deployment: str, order: Order, generation: int | None = None) -> ServiceView:
        """Do not agree: ``deployment`` is over, and what traffic it has is taken back."""
        state = self._of(deployment)
        number = self._question(state) if generation is None else generation
        event = Rejected(self._parts.clock.now(), order.by, order.reason, deployment, number)
        return self._view(await self._parts.decider.submit(state.service, event))

    def _of(self, deployment: str) -> ServiceState:
        """The service whose latest, or waiting, deployment has this identifier, or that had it."""
        states = self._parts.decider.states()
        for state in states:
            if state.deployment and state.deployment.id == deployment:
                return state
        known = [state for state in states if deployment.removeprefix(f"{state.service}-").isdecimal()]
        if not known:
            raise Unknown(refusals.unknown_deployment(deployment))
        raise Refused(gates.not_the_latest(known[0].service, deployment, known[0].deployment))

    def _question(self, state: ServiceState) -> int:
        question = state.deployment.question if state.deployment else None
        return question.number if question else 0

    # Pause, resume, abort.

    async def pause(self, service: str, order: Order) -> ServiceView:
        """Let nothing new begin. What is under way goes on, and rules go on judging."""
        return self._view(await self._parts.decider.submit(service, Held(self._parts.clock.now(), order.by, order.reason)))

    async def resume(self, service: str, order: Order) -> ServiceView:
        """Let a paused deployment go on, whether a person or a rule paused it."""
        return self._view(await self._parts.decider.submit(service, Resumed(self._parts.clock.now(), order.by, order.reason)))

    async def abort(self, service: str, order: Order, deployment: str | None = None) -> ServiceView:
        """End the deployment that is under way, and take back what traffic it has; or take ``deployment`` out of the queue."""
        now, state = self._parts.clock.now(), self._parts.decider.state(service)
        waiting = deployment is not None and (state.deployment is None or state.deployment.id != deployment)
        if deployment is not None and waiting:
            withdrawn = Withdrawn(now, order.by, order.reason, deployment)
            return self._view(await self._parts.decider.submit(service, withdrawn))
        return self._view(await self._parts.decider.submit(service, AbortOrdered(now, order.by, order.reason)))

    # Freezes.

    async def freeze(self, service: str, order: Order, seconds: float) -> ServiceView:
        """Let nothing of ``service`` move forward for so long. Rollbacks are not held back."""
        now = self._parts.clock.now()
        return self._view(await self._parts.decider.submit(service, Frozen(now, order.by, order.reason, now + seconds)))

    async def unfreeze(self, service: str, order: Order) -> ServiceView:
        """End a freeze before its time."""
        return self._view(await self._parts.decider.submit(service, Unfrozen(self._parts.clock.now(), order.by, order.reason)))

    # Mutes.

    async def mute(self, service: str, rule: str, order: Order, seconds: float) -> ServiceView:
        """Let ``rule`` be without consequence for so long: it is judged and told. All other rules, and people, do as ever."""
        now, deployment = self._parts.clock.now(), self._parts.decider.state(service).deployment
        known = [each.name for each in self._parts.rules.of(service).rules]
        if deployment and deployment.exposed:  # a watch keeps the rules that it began with
            known += [verdict.rule for verdict in self._parts.watcher.verdicts(service) if verdict.rule not in known]
        if rule not in known:
            raise Unknown(mutes.unknown_rule(service, rule, known))
        return self._view(await self._parts.decider.submit(service, Muted(now, order.by, order.reason, rule, now + seconds)))

    async def unmute(self, service: str, rule: str, order: Order) -> ServiceView:
        """End a mute before its time."""
        event = Unmuted(self._parts.clock.now(), order.by, order.reason, rule)
        return self._view(await self._parts.decider.submit(service, event))

    def _must_be_open(self, service: str) -> None:
        """:class:`Refused` outside the windows of ``service``."""
        calendar, now = self._parts.services[service].strategy.calendar, self._parts.clock.now()
        if not is_open(calendar, now, self._parts.zone):
            opens = next_opening(calendar, now, self._parts.zone)
            raise Refused(words.window_closed(service, rollout.closed(opens)))

    # Questions.

    def queue(self, service: str) -> list[DeploymentView]:
        """The deployments that wait for their turn, in order."""
        state = self._parts.decider.state(service)
        return [queued_view(service, queued, position) for position, queued in enumerate(state.queue, 1)]

    def _queued(self, identifier: str) -> DeploymentView | None:
        """The waiting deployment called ``identifier``."""
        waiting = (view for state in self._parts.decider.states() for view in self.queue(state.service))
        return next((view for view in waiting if view.id == identifier), None)

    def _view(self, state: ServiceState) -> ServiceView:
        parts, name = self._parts, state.service
        seen = parts.watcher.observer(name).gauges
        verdicts, readiness = parts.watcher.verdicts(name), parts.prober.last(name)
        view = service_view(parts.services[name], state, seen, verdicts, readiness, parts.shielded(name))
        counting = view.deployment is not None and parts.counting(name)
        return replace(view, deployment=replace(view.deployment, counting=True)) if counting and view.deployment else view
