"""The state machine of a switch: what each event makes of a service, and what is to be done about it.

``step`` is pure. Its only caller journals the event before any command is carried out; at start :func:`~guardian.core.plan.resume`
gives the commands that a crash may have swallowed. The invariants of the design hold at every step:

* a rollback asks nothing of the candidate, and is the same whatever else is going on;
* at most one automatic rollback per deployment, after which the service is latched;
* events about an older generation of the routing, or another deployment, change nothing;
* ``safe`` names the candidate only after a verified watch or a person's promotion.
"""

from dataclasses import replace
from functools import singledispatch

from guardian.core.commands import Command, Keep, RunDrill, Unwatch, Watch
from guardian.core.deployment import Cause, Deployment, Drill, Latch, Phase, Rollback, ServiceState
from guardian.core.events import (
    Adopted,
    Breached,
    Drifted,
    Drilled,
    DrillOrdered,
    Ended,
    Event,
    MovedByHand,
    Noted,
    Paused,
    Promoted,
    Rejudged,
    RollbackOrdered,
    Routed,
    RoutingFailed,
    SwitchRequested,
    TargetUnable,
    Unlatched,
    WatchEnded,
)
from guardian.core.judges.judge import outcome
from guardian.core.model import BASIS_POINTS, Split
from guardian.core.plan import Step, ending, route
from guardian.core.readings import History
from guardian.core.rules import Lack
from guardian.core.verdicts import Finding, Verdict
from guardian.core.words import drill, refusals, rulebook, story


class Refused(Exception):
    """A person's order cannot be followed; the message says why and what to do instead. Nothing has changed."""


class Unknown(Refused):
    """The order or question names a service or deployment that does not exist."""


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
    number = _next_number(state)
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
    moved = replace(state, live=target, generation=state.generation + 1, deployment=deployment)
    return Step(moved, (Keep(state.safe), route(moved)))


def _next_number(state: ServiceState) -> int:
    return state.deployment.number + 1 if state.deployment else 1


def _back_to_safe(state: ServiceState, target: Split, event: SwitchRequested) -> Step:
    """Going back to the safe side is no trial. Where a rollback would lead there, it is one."""
    if state.deployment is None or state.deployment.fallback == state.safe:
        raise Refused(refusals.is_the_safe_side(state, event.candidate))
    if target != state.safe:
        raise Refused(refusals.no_trial_of_the_safe_side(state, event.candidate))
    return _take_back_stray(state, state.safe, Rollback(Cause.PERSON, event.by, event.reason, event.at))


@_on.register
def _routed(event: Routed, state: ServiceState) -> Step:
    if event.generation != state.generation:
        return Step(state)
    first, state, deployment = not state.proved, _confirmed(state, event.worker, event.at), state.deployment
    left = ending(state) if first else ()
    if deployment is None:
        return Step(state, left)
    if deployment.phase is Phase.CUTTING_OVER:
        watching = replace(
            deployment,
            phase=Phase.WATCHING,
            cutover_at=event.at,
            cutover_seconds=event.seconds,
            watch_ends_at=event.at + deployment.watch_seconds,
        )
        return Step(replace(state, deployment=watching), (Watch(deployment.id), *left))
    if deployment.rollback and deployment.phase in (Phase.ROLLING_BACK, Phase.STUCK):
        return Step(replace(state, deployment=_taken_back(deployment, deployment.rollback, event.at)), left)
    return Step(state, left)


def _confirmed(state: ServiceState, worker: str, at: float) -> ServiceState:
    first, drilled = not state.proved, state.drill
    if first and drilled and not drilled.over:
        drilled = replace(drilled, trouble=drill.cut_short())
    confirmed_at = at if first else state.confirmed_at
    # A drill that was cut short abandons nobody: the side that holds the traffic is the one that held it.
    ended = state.generation if first and state.drilled else state.ended
    return replace(state, worker=worker, confirmed=state.generation, confirmed_at=confirmed_at, ended=ended, drill=drilled)


def _taken_back(deployment: Deployment, rollback: Rollback, at: float) -> Deployment:
    phase = Phase.ABORTED if rollback.cause is Cause.NO_PROOF else Phase.ROLLED_BACK
    done = replace(rollback, done_at=at, seconds=max(0.0, at - rollback.ordered_at), trouble="")
    return replace(deployment, phase=phase, rollback=done, ended_at=at)


@_on.register
def _routing_failed(event: RoutingFailed, state: ServiceState) -> Step:
    deployment = state.deployment
    if event.generation != state.generation or deployment is None or state.proved or state.drilled:
        return Step(state)
    if deployment.phase in (Phase.CUTTING_OVER, Phase.ABORTED):
        aborted = replace(deployment, trouble=deployment.trouble or event.reason)
        return _take_back(state, aborted, Rollback(Cause.NO_PROOF, story.GUARDIAN, event.reason, event.at))
    return Step(_stuck(state, deployment, event.reason))


@_on.register
def _target_unable(event: TargetUnable, state: ServiceState) -> Step:
    deployment = state.deployment
    if event.generation != state.generation or deployment is None or state.proved or state.drilled:
        return Step(state)
    if deployment.phase is Phase.CUTTING_OVER:
        aborted = replace(deployment, phase=Phase.ABORTED, trouble=event.reason, ended_at=event.at)
        back = replace(state, live=deployment.fallback, generation=state.generation + 1, deployment=aborted)
        # A restart may have come between the first command of this cut-over and its proof: make sure of the old split.
        return Step(back, (route(back),))
    return Step(_stuck(state, deployment, event.reason))


def _stuck(state: ServiceState, deployment: Deployment, reason: str) -> ServiceState:
    """A rollback that could not be carried out: it is tried again until it can."""
    if deployment.rollback is None:
        return state
    stuck = replace(deployment, phase=Phase.STUCK, rollback=replace(deployment.rollback, trouble=reason))
    return replace(state, deployment=stuck)


def _take_back(state: ServiceState, deployment: Deployment, rollback: Rollback) -> Step:
    """Send the traffic back. The disk goes first: a reload must not undo the rollback.

    During a watch it names the fallback already, the cut-over saw to that: the commonest rollback waits for no disk.
    """
    back = deployment.fallback
    latch = state.latch
    if rollback.cause in (Cause.RULE, Cause.NO_EVIDENCE) and deployment.rollback is None:
        latch = Latch(rollback.ordered_at, deployment.id, rollback.reason)
    rolling = replace(deployment, phase=Phase.ROLLING_BACK, rollback=rollback, ended_at=None)
    moved = replace(state, live=back, safe=back, generation=state.generation + 1, deployment=rolling, latch=latch)
    keep: tuple[Command, ...] = () if deployment.phase is Phase.WATCHING else (Keep(back),)
    return Step(moved, (Unwatch(), *keep, route(moved)))


def _take_back_stray(state: ServiceState, back: Split, rollback: Rollback) -> Step:
    """Take traffic back that no deployment of ours left where it is: as one of its own, so that no other's story is rewritten."""
    number = _next_number(state)
    stray = Deployment(
        id=f"{state.service}-{number}",
        number=number,
        candidate=back.main.other,
        fallback=back,
        target=state.live,
        phase=Phase.ROLLING_BACK,
        requested_at=rollback.ordered_at,
        requested_by=story.SOMEBODY,
        reason="",
        watch_seconds=0.0,
        rules_digest="",
        history=History(),
    )
    return _take_back(state, stray, rollback)


@_on.register
def _breached(event: Breached, state: ServiceState) -> Step:
    deployment = state.deployment
    if deployment is None or deployment.id != event.deployment or deployment.phase is not Phase.WATCHING:
        return Step(state)
    return _take_back(state, deployment, _by_rule(event.verdict, event.at))


def _by_rule(verdict: Verdict, at: float) -> Rollback:
    return Rollback(Cause.RULE, story.GUARDIAN, verdict.reason, at, verdict)


@_on.register
def _noted(event: Noted, state: ServiceState) -> Step:
    del event
    return Step(state)


@_on.register
def _paused(event: Paused, state: ServiceState) -> Step:
    deployment = state.deployment
    if deployment is None or deployment.id != event.deployment or deployment.phase is not Phase.WATCHING or deployment.paused:
        return Step(state)
    return Step(replace(state, deployment=replace(deployment, paused=event.verdict)))


@_on.register
def _rejudged(event: Rejudged, state: ServiceState) -> Step:
    deployment = state.deployment
    if deployment is None or deployment.id != event.deployment or deployment.phase is not Phase.WATCHING:
        raise Refused(rulebook.not_on_trial(state.service))
    return Step(replace(state, deployment=replace(deployment, rules_digest=event.digest)))


@_on.register
def _watch_ended(event: WatchEnded, state: ServiceState) -> Step:
    deployment = state.deployment
    if deployment is None or deployment.id != event.deployment or deployment.phase is not Phase.WATCHING:
        return Step(state)
    concluded = replace(deployment, conclusions=event.conclusions)
    result = outcome(event.conclusions)
    if result is Lack.FAIL:
        failing = [conclusion for conclusion in event.conclusions if not conclusion.enough and conclusion.lack is Lack.FAIL]
        breach = next((each.verdict for each in failing if each.verdict.finding is Finding.BREACHED), None)
        no_evidence = Rollback(Cause.NO_EVIDENCE, story.GUARDIAN, story.lacking(failing), event.at)
        return _take_back(state, concluded, _by_rule(breach, event.at) if breach else no_evidence)
    if result is Lack.HOLD or deployment.paused:
        trouble = story.paused(deployment.paused) if deployment.paused else story.lacking(event.conclusions)
        unverified = replace(concluded, phase=Phase.UNVERIFIED, trouble=trouble, ended_at=event.at)
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
    """Nothing but having been obeyed already refuses a rollback."""
    deployment, forced_by = state.deployment, event.by if event.force else None
    ordered = Rollback(Cause.PERSON, event.by, event.reason, event.at, forced_by=forced_by)
    if deployment is None or deployment.phase in (Phase.ROLLED_BACK, Phase.ABORTED):
        back = deployment.fallback if deployment else state.safe
        if state.live != back or not state.proved:
            return _take_back_stray(state, back, ordered)
        raise Refused(
            refusals.already_back(state.service, deployment) if deployment else refusals.nothing_to_roll_back(state.service)
        )
    if deployment.rollback is None:
        return _take_back(state, deployment, ordered)
    if event.force:  # one is under way: it keeps its cause, and has the word of the person from now on
        return _take_back(state, deployment, replace(deployment.rollback, trouble="", forced_by=forced_by))
    refusal = refusals.needs_force if deployment.phase is Phase.STUCK else refusals.already_back
    raise Refused(refusal(state.service, deployment))


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
    """A person at the balancer has the last word: guardian follows and stops judging.

    Only a worker that had confirmed the present split can have been changed by hand; anything else is older than a newer order.
    """
    if not state.proved or event.worker != state.worker or event.split == state.live:
        return Step(state)
    generation = state.generation + 1
    state = replace(state, live=event.split, generation=generation, confirmed=generation, ended=generation)
    deployment = state.deployment
    if deployment is None or not deployment.phase.active:
        return Step(state)
    reason = story.moved_by_hand(event.split)
    if event.split == deployment.fallback:  # a hand reaches one worker: a rollback reaches all
        by_hand = Rollback(Cause.BY_HAND, story.SOMEBODY, reason, event.at, forced_by=story.SOMEBODY)
        return _take_back(state, deployment, by_hand)
    ended = replace(deployment, phase=Phase.UNVERIFIED, trouble=reason, ended_at=event.at)
    return Step(replace(state, deployment=ended), (Unwatch(),))


@_on.register
def _drifted(event: Drifted, state: ServiceState) -> Step:
    del event
    return Step(state)


@_on.register
def _ended(event: Ended, state: ServiceState) -> Step:
    return Step(replace(state, ended=event.generation) if event.generation == state.generation else state)


@_on.register
def _drill_ordered(event: DrillOrdered, state: ServiceState) -> Step:
    """A change of routing like any other: one that a crash cuts short is unproved, and the old split is brought back."""
    if not 0 <= event.share <= drill.LARGEST_SHARE:
        raise Refused(drill.no_share(event.share))
    if state.deployment and state.deployment.phase.active:
        raise Refused(refusals.under_way(state.service, state.deployment))
    if not state.proved or ending(state):
        raise Refused(drill.unsettled(state.service))
    if state.live.sole is None:
        raise Refused(drill.both_serve(state.service, story.split_of(state.live)))
    generation = state.generation + 1
    there = Split.giving(state.live.sole.other, event.share)
    began = Drill(event.at, event.by, event.share, generation)
    return Step(replace(state, generation=generation, drill=began), (RunDrill(there, state.live, generation),))


@_on.register
def _drilled(event: Drilled, state: ServiceState) -> Step:
    if state.drill is None or event.generation != state.generation or state.drill.generation != event.generation:
        return Step(state)
    if event.trouble:
        failed = replace(state, drill=replace(state.drill, trouble=event.trouble))
        return Step(failed, (route(failed),))
    over = replace(state, drill=replace(state.drill, there=event.there, back=event.back))
    return Step(_confirmed(over, event.worker, event.at))
