"""The state machine of a switch: what each event makes of a service, and what is to be done about it.

``step`` is pure. Its only caller journals the event before any command is carried out; at start ``resume`` gives the commands that
a crash may have swallowed. The invariants of the design hold at every step:

* a rollback asks nothing of the candidate, and is the same whatever else is going on;
* at most one automatic rollback per deployment, after which the service is latched;
* events about an older generation of the routing, or another deployment, change nothing;
* ``safe`` names the candidate only after a verified watch or a person's promotion.
"""

from dataclasses import replace
from functools import singledispatch
from typing import NamedTuple

from guardian.core.deployment import (
    Adopted,
    Breached,
    Cause,
    Command,
    Deployment,
    Event,
    Keep,
    Latch,
    MovedByHand,
    Noted,
    Phase,
    Promoted,
    Rollback,
    RollbackOrdered,
    Route,
    Routed,
    RoutingFailed,
    ServiceState,
    SwitchRequested,
    TargetUnable,
    Unlatched,
    Unwatch,
    Watch,
    WatchEnded,
)
from guardian.core.judges.judge import outcome
from guardian.core.model import Split
from guardian.core.rules import Lack
from guardian.core.words import refusals, story


class Refused(Exception):
    """A person's order cannot be followed; the message says why and what to do instead. Nothing has changed."""


class Step(NamedTuple):
    """What an event led to."""

    state: ServiceState
    commands: tuple[Command, ...] = ()


def adopt(service: str, event: Adopted) -> Step:
    """The first state of a service. The safe side is what serves now, and it is written down."""
    safe = Split.all_on(event.split.main)
    return Step(ServiceState(service, live=event.split, safe=safe, worker=event.worker), (Keep(safe),))


def step(state: ServiceState, event: Event) -> Step:
    """What ``event`` makes of ``state``. :class:`Refused` only for the orders of people."""
    return _on(event, state)


def replay(service: str, events: list[Event]) -> ServiceState:
    """The state that a journal leads to. ``ValueError`` where it does not begin with an adoption."""
    if not events or not isinstance(events[0], Adopted):
        message = f"the journal of {service} does not begin with its adoption"
        raise ValueError(message)
    state = adopt(service, events[0]).state
    for event in events[1:]:
        state = step(state, event).state
    return state


def resume(state: ServiceState) -> tuple[Command, ...]:
    """What must be done after a start, given the journalled ``state``: everything that may have been cut short, again."""
    deployment = state.deployment
    if deployment is None:
        return (Keep(state.safe),)
    match deployment.phase:
        case Phase.CUTTING_OVER:
            return (Keep(state.safe), Route(state.live, state.generation, deployment.candidate))
        case Phase.WATCHING:
            return (Keep(state.safe), Watch(deployment.id))
        case Phase.ROLLING_BACK | Phase.STUCK:
            return (Keep(state.safe), Route(state.live, state.generation, state.live.main))
        case _:
            return (Keep(state.safe),)


@singledispatch
def _on(event: Event, state: ServiceState) -> Step:
    message = f"no such event: {event!r} for {state.service}"
    raise TypeError(message)


@_on.register
def _adopted(event: Adopted, state: ServiceState) -> Step:
    raise ValueError(f"{state.service} is known already; {event.worker} cannot be adopted")


@_on.register
def _switch_requested(event: SwitchRequested, state: ServiceState) -> Step:
    current = state.deployment
    if current and current.phase.active:
        raise Refused(refusals.under_way(state.service, current))
    if state.latch:
        raise Refused(refusals.latched(state.service, state.latch))
    target = Split.giving(event.candidate, event.share)
    if target == state.live:
        raise Refused(refusals.already_there(state, event.candidate, event.share))
    if state.safe.sole is event.candidate:
        raise Refused(refusals.is_the_safe_side(state, event.candidate))
    number = current.number + 1 if current else 1
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
    )
    generation = state.generation + 1
    moved = replace(state, live=target, generation=generation, deployment=deployment)
    return Step(moved, (Route(target, generation, event.candidate),))


@_on.register
def _routed(event: Routed, state: ServiceState) -> Step:
    if event.generation != state.generation:
        return Step(state)
    state, deployment = replace(state, worker=event.worker, confirmed=event.generation), state.deployment
    if deployment is None:
        return Step(state)
    if deployment.phase is Phase.CUTTING_OVER:
        watching = replace(
            deployment,
            phase=Phase.WATCHING,
            cutover_at=event.at,
            cutover_seconds=event.seconds,
            watch_ends_at=event.at + deployment.watch_seconds,
        )
        return Step(replace(state, deployment=watching), (Watch(deployment.id),))
    if deployment.phase in (Phase.ROLLING_BACK, Phase.STUCK):
        return Step(replace(state, deployment=_taken_back(deployment, event.at)))
    return Step(state)


def _taken_back(deployment: Deployment, at: float) -> Deployment:
    rollback = deployment.rollback
    if rollback is None:
        raise ValueError(f"{deployment.id} is {deployment.phase} without a rollback")
    phase = Phase.ABORTED if rollback.cause is Cause.NO_PROOF else Phase.ROLLED_BACK
    done = replace(rollback, done_at=at, seconds=max(0.0, at - rollback.ordered_at), trouble="")
    return replace(deployment, phase=phase, rollback=done, ended_at=at)


@_on.register
def _routing_failed(event: RoutingFailed, state: ServiceState) -> Step:
    deployment = state.deployment
    if event.generation != state.generation or deployment is None:
        return Step(state)
    if deployment.phase is Phase.CUTTING_OVER:
        aborted = replace(deployment, trouble=event.reason)
        rollback = Rollback(Cause.NO_PROOF, story.GUARDIAN, event.reason, event.at)
        return _take_back(replace(state, deployment=aborted), rollback)
    return Step(_stuck(state, event.reason))


@_on.register
def _target_unable(event: TargetUnable, state: ServiceState) -> Step:
    deployment = state.deployment
    if event.generation != state.generation or deployment is None:
        return Step(state)
    if deployment.phase is Phase.CUTTING_OVER:
        aborted = replace(deployment, phase=Phase.ABORTED, trouble=event.reason, ended_at=event.at)
        generation = state.generation + 1
        back = replace(state, live=deployment.fallback, generation=generation, deployment=aborted)
        # A restart may have come between the first command of this cut-over and its proof: make sure of the old split.
        return Step(back, (Route(deployment.fallback, generation, None),))
    return Step(_stuck(state, event.reason))


def _stuck(state: ServiceState, reason: str) -> ServiceState:
    """A rollback that could not be carried out: it is tried again until it can."""
    deployment = state.deployment
    if deployment is None or deployment.rollback is None or deployment.phase not in (Phase.ROLLING_BACK, Phase.STUCK):
        return state
    stuck = replace(deployment, phase=Phase.STUCK, rollback=replace(deployment.rollback, trouble=reason))
    return replace(state, deployment=stuck)


def _take_back(state: ServiceState, rollback: Rollback, *, force: bool = False) -> Step:
    """Send the traffic back. The disk goes first where it already names the candidate: a reload must not undo the rollback."""
    deployment = state.deployment
    if deployment is None:
        raise ValueError(f"{state.service} has no deployment to take back")
    back, generation = deployment.fallback, state.generation + 1
    rolling = replace(deployment, phase=Phase.ROLLING_BACK, rollback=rollback, ended_at=None)
    latch = state.latch
    if rollback.cause in (Cause.RULE, Cause.NO_EVIDENCE):
        latch = Latch(rollback.ordered_at, deployment.id, rollback.reason)
    moved = replace(state, live=back, safe=back, generation=generation, deployment=rolling, latch=latch)
    keep: tuple[Command, ...] = (Keep(back),) if state.safe != back else ()
    return Step(moved, (Unwatch(), *keep, Route(back, generation, None if force else back.main)))


@_on.register
def _breached(event: Breached, state: ServiceState) -> Step:
    deployment = state.deployment
    if deployment is None or deployment.id != event.deployment or deployment.phase is not Phase.WATCHING:
        return Step(state)
    return _take_back(state, Rollback(Cause.RULE, story.GUARDIAN, event.verdict.reason, event.at, event.verdict))


@_on.register
def _noted(event: Noted, state: ServiceState) -> Step:
    del event
    return Step(state)


@_on.register
def _watch_ended(event: WatchEnded, state: ServiceState) -> Step:
    deployment = state.deployment
    if deployment is None or deployment.id != event.deployment or deployment.phase is not Phase.WATCHING:
        return Step(state)
    concluded = replace(deployment, conclusions=event.conclusions)
    result = outcome(event.conclusions)
    if result is Lack.FAIL:
        reason = story.lacking(event.conclusions)
        return _take_back(replace(state, deployment=concluded), Rollback(Cause.NO_EVIDENCE, story.GUARDIAN, reason, event.at))
    if result is Lack.HOLD:
        unverified = replace(concluded, phase=Phase.UNVERIFIED, trouble=story.lacking(event.conclusions), ended_at=event.at)
        return Step(replace(state, deployment=unverified), (Unwatch(),))
    verified = replace(state, deployment=replace(concluded, phase=Phase.VERIFIED, ended_at=event.at))
    return Step(*_promote(verified, (Unwatch(),)))


def _promote(state: ServiceState, before: tuple[Command, ...] = ()) -> Step:
    """Make what is live the safe side. A slice stays on trial: the file keeps naming the side that has proved itself."""
    if state.live.sole is None or state.safe == state.live:
        return Step(state, before)
    return Step(replace(state, safe=state.live), (*before, Keep(state.live)))


@_on.register
def _rollback_ordered(event: RollbackOrdered, state: ServiceState) -> Step:
    deployment = state.deployment
    if deployment is None:
        raise Refused(refusals.nothing_to_roll_back(state.service))
    if deployment.phase in (Phase.ROLLED_BACK, Phase.ABORTED) or (deployment.phase is Phase.ROLLING_BACK and not event.force):
        raise Refused(refusals.already_back(state.service, deployment))
    if deployment.phase is Phase.STUCK and not event.force:
        raise Refused(refusals.needs_force(state.service, deployment))
    if deployment.rollback is not None:  # one is under way: keep its cause, add the word of the person
        forced = replace(deployment.rollback, trouble="")
        return _take_back(state, forced, force=True)
    return _take_back(state, Rollback(Cause.PERSON, event.by, event.reason, event.at), force=event.force)


@_on.register
def _promoted(event: Promoted, state: ServiceState) -> Step:
    del event
    if state.deployment and state.deployment.phase.active:
        raise Refused(refusals.under_way(state.service, state.deployment))
    if state.live.sole is None:
        raise Refused(refusals.only_a_slice(state))
    if state.safe == state.live:
        raise Refused(refusals.already_safe(state))
    return _promote(state)


@_on.register
def _unlatched(event: Unlatched, state: ServiceState) -> Step:
    del event
    if state.latch is None:
        raise Refused(refusals.not_latched(state.service))
    return Step(replace(state, latch=None))


@_on.register
def _moved_by_hand(event: MovedByHand, state: ServiceState) -> Step:
    """A person at the balancer has the last word: guardian follows and stops judging."""
    generation = state.generation + 1
    state = replace(state, live=event.split, worker=event.worker, generation=generation, confirmed=generation)
    deployment = state.deployment
    if deployment is None or not deployment.phase.active:
        return Step(state)
    reason = story.moved_by_hand(event.split)
    if event.split == deployment.fallback:
        known = deployment.rollback or Rollback(Cause.BY_HAND, story.SOMEBODY, reason, event.at)
        return Step(replace(state, deployment=_taken_back(replace(deployment, rollback=known), event.at)), (Unwatch(),))
    ended = replace(deployment, phase=Phase.UNVERIFIED, trouble=reason, ended_at=event.at)
    return Step(replace(state, deployment=ended), (Unwatch(),))
