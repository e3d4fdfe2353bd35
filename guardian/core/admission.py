"""How a deployment begins: asked for, let in or queued, or refused with the reason."""

from dataclasses import replace

from guardian.core.aftercare import spare
from guardian.core.deployment import Cause, Deployment, Phase, Queued, Rollback, ServiceState
from guardian.core.dispatch import Refused, on
from guardian.core.events import SwitchRequested
from guardian.core.model import BASIS_POINTS, Environment, Split
from guardian.core.plan import Step
from guardian.core.release import Key, Rest
from guardian.core.release_events import DeployRequested, TurnCame, Withdrawn
from guardian.core.rollback import next_number, take_back_stray
from guardian.core.rollout import enter
from guardian.core.words import admission as words
from guardian.core.words import refusals

MOST_QUEUED = 20
MOST_KEYS = 100
"""Requests that are remembered by their key."""


# A switch: what is on the idle side already comes to its traffic.


@on.register
def _switch_requested(event: SwitchRequested, state: ServiceState) -> Step:
    current = state.deployment
    if not 0 < event.share <= BASIS_POINTS:
        raise Refused(refusals.no_share(event.share))
    if current and current.phase.active:
        raise Refused(refusals.under_way(state.service, current))
    if state.latch:
        raise Refused(refusals.latched(state.service, state.latch))
    target = Split.giving(event.candidate, event.share)
    if target == state.live:
        raise Refused(refusals.already_there(state, event.candidate, event.share))
    if state.safe.sole is event.candidate:
        return _back_to_safe(state, target, event)
    _must_be_thawed(state, event.at, alone=event.alone)
    installed = state.versions.get(event.candidate)
    number = next_number(state)
    deployment = Deployment(
        id=f"{state.service}-{number}",
        number=number,
        candidate=event.candidate,
        fallback=state.safe,
        target=target,
        phase=Phase.CUTTING_OVER,
        requested_at=event.at,
        requested_by=event.by,
        reason=event.reason,
        watch_seconds=event.watch_seconds,
        rules_digest=event.rules_digest,
        history=event.history,
        version=installed.version if installed and installed.whole else "",
        goal=target if event.steps else None,
        steps=event.steps,
        watch_after=event.watch_seconds if event.steps else None,
        alone=event.alone,
        retire_after=event.retire_after,
        retire_seconds=event.retire_seconds,
    )
    return _begin(replace(state, numbered=number), deployment, event.at)


def _begin(state: ServiceState, deployment: Deployment, at: float) -> Step:
    """The first step. Whatever the environment was to become otherwise, it is needed now."""
    state, spared = spare(state)
    after, commands = enter(state, deployment, 0, at)
    return Step(after, (*spared, *commands))


def _back_to_safe(state: ServiceState, target: Split, event: SwitchRequested) -> Step:
    """Going back to the safe side is no trial. Where a rollback would lead there, it is one."""
    if state.deployment is None or state.deployment.fallback == state.safe:
        raise Refused(refusals.is_the_safe_side(state, event.candidate))
    if target != state.safe:
        raise Refused(refusals.no_trial_of_the_safe_side(state, event.candidate))
    return take_back_stray(state, state.safe, Rollback(Cause.PERSON, event.by, event.reason, event.at))


def _must_be_thawed(state: ServiceState, at: float, *, alone: bool) -> None:
    if state.freeze and at < state.freeze.until and not alone:
        raise Refused(words.frozen(state.service, state.freeze))


# A deployment: a version is brought onto the idle side first.


@on.register
def _deploy_requested(event: DeployRequested, state: ServiceState) -> Step:
    known = next((key for key in state.keys if event.key and key.key == event.key), None)
    if known and known.version == event.version:
        return Step(state)
    if known:
        raise Refused(words.key_used(known))
    _must_be_welcome(event, state)
    number = next_number(state)
    queued = Queued(f"{state.service}-{number}", number, event)
    keys = (*state.keys, Key(event.key, queued.id, event.version)) if event.key else state.keys
    state = replace(state, numbered=number, keys=keys[-MOST_KEYS:])
    if (state.deployment and state.deployment.phase.active) or state.queue:
        return Step(replace(state, queue=(*state.queue, queued)))
    return _deploy(state, queued, event.at)


def _must_be_welcome(event: DeployRequested, state: ServiceState) -> None:
    """:class:`Refused` where the deployment may neither begin nor wait."""
    current = state.deployment
    if current and current.phase.active and not event.wait:
        raise Refused(refusals.under_way(state.service, current))
    if state.queue and not event.wait:
        raise Refused(words.others_wait(state.service, state.queue[0]))
    if len(state.queue) >= MOST_QUEUED:
        raise Refused(words.queue_full(state.service, MOST_QUEUED))
    if state.latch and not event.after:
        raise Refused(refusals.latched(state.service, state.latch))
    _must_be_thawed(state, event.at, alone=event.alone or bool(event.after))
    if (failed := _taken_back(event, state)) is not None:
        raise Refused(failed)
    if not (current and current.phase.active) and (unfit := unsettled(state, event.candidate)):
        raise Refused(unfit)


def _taken_back(event: DeployRequested, state: ServiceState) -> str | None:
    failed = next((each for each in state.failed if each.version == event.version), None)
    return words.was_taken_back(state.service, failed) if failed and not event.again else None


def unsettled(state: ServiceState, candidate: Environment) -> str:
    """Why nothing may be brought onto ``candidate`` now; empty where it may: it is idle, and nobody falls back to it."""
    if not state.proved or state.live.sole is None or state.live != state.safe:
        return words.unsettled(state)
    if state.live.sole is candidate:
        return words.not_idle(state.service, candidate)
    retirement = state.retirement
    if retirement and retirement.rest is Rest.RETIRING and retirement.environment is candidate:
        return words.being_retired(state.service, retirement)
    return ""


def _deploy(state: ServiceState, queued: Queued, at: float) -> Step:
    event = queued.request
    deployment = Deployment(
        id=queued.id,
        number=queued.number,
        candidate=event.candidate,
        fallback=state.safe,
        target=Split.all_on(event.candidate),
        phase=Phase.DEPLOYING,
        requested_at=event.at,
        requested_by=event.by,
        reason=event.reason,
        watch_seconds=event.watch_seconds,
        rules_digest=event.rules_digest,
        history=event.history,
        version=event.version,
        goal=Split.all_on(event.candidate),
        steps=event.steps,
        watch_after=event.watch_seconds,
        alone=event.alone,
        retire_after=event.retire_after,
        retire_seconds=event.retire_seconds,
        after=event.after,
    )
    if refused := _taken_back(event, state):  # it was taken back while this one waited
        aborted = replace(deployment, phase=Phase.ABORTED, trouble=refused, ended_at=at)
        return Step(replace(state, deployment=aborted))
    return _begin(state, deployment, at)


# The queue.


def next_in_turn(state: ServiceState, at: float) -> Queued | None:
    """The deployment whose turn it is; ``None`` while one is under way, or none may begin."""
    busy = state.deployment is not None and state.deployment.phase.active
    if busy or not state.queue or state.latch or (state.freeze and at < state.freeze.until):
        return None
    idle = state.live.sole.other if state.live.sole else None
    return None if idle is None or unsettled(state, idle) else state.queue[0]


@on.register
def _turn_came(event: TurnCame, state: ServiceState) -> Step:
    queued = next_in_turn(state, event.at)
    if queued is None or queued.id != event.deployment or unsettled(state, event.candidate):
        return Step(state)
    now = replace(queued.request, candidate=event.candidate, rules_digest=event.rules_digest, history=event.history)
    return _deploy(replace(state, queue=state.queue[1:]), replace(queued, request=now), event.at)


@on.register
def _withdrawn(event: Withdrawn, state: ServiceState) -> Step:
    left = tuple(queued for queued in state.queue if queued.id != event.deployment)
    if left == state.queue:
        raise Refused(words.not_queued(state.service, event.deployment))
    return Step(replace(state, queue=left))
