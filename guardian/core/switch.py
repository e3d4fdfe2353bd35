"""The state machine of a switch: what each event makes of a service, and what is to be done about it.

``step`` is pure. Its only caller journals the event before any command is carried out; at start :func:`~guardian.core.plan.resume`
gives the commands that a crash may have swallowed. The invariants of the design hold at every step:

* a rollback asks nothing of the candidate, and is the same whatever else is going on;
* at most one automatic rollback per deployment, after which the service is latched;
* events about an older generation of the routing, or another deployment, change nothing;
* a rule that is muted moves nothing, proves nothing, and holds back nobody else's rollback;
* ``safe`` names the candidate only after a verified watch or a person's promotion.

How a deployment begins stands in :mod:`guardian.core.admission`, its steps in :mod:`guardian.core.rollout`, what people say to it
in :mod:`guardian.core.gates`, mutes in :mod:`guardian.core.mutes`, taking traffic back in :mod:`guardian.core.rollback`, and what
comes after a good release in :mod:`guardian.core.aftercare`.
"""

from dataclasses import replace

from guardian.core import admission, gates  # noqa: F401  they add what they know to `on`
from guardian.core.aftercare import promote, spare
from guardian.core.commands import Keep, LetBe, RunDrill, Unwatch, Watch
from guardian.core.deployment import Cause, Deployment, Drill, Latch, Phase, Rollback, ServiceState, Shielded
from guardian.core.dispatch import Refused, Unknown, on, on_trial
from guardian.core.events import (
    Adopted,
    Breached,
    Drifted,
    Drilled,
    DrillOrdered,
    Ended,
    Event,
    FellBack,
    MovedByHand,
    Noted,
    Paused,
    Promoted,
    Rejudged,
    RollbackOrdered,
    Routed,
    RoutingFailed,
    Saved,
    TargetUnable,
    Unlatched,
    WatchEnded,
)
from guardian.core.judges.judge import outcome
from guardian.core.model import Split
from guardian.core.mutes import left_out, muted, remembered
from guardian.core.plan import Step, ending, route
from guardian.core.release_events import PutOff
from guardian.core.rollback import stop, stopped, stuck, take_back, take_back_stray, taken_back
from guardian.core.rollout import begun, climbing, finish
from guardian.core.rules import Lack
from guardian.core.verdicts import Conclusion, Finding, Verdict
from guardian.core.words import drill, refusals, rulebook, story
from guardian.core.words import rollout as words

__all__ = ["Refused", "Unknown", "adopt", "replay", "step"]


def adopt(service: str, event: Adopted) -> Step:
    """The first state of a service. The safe side is what serves now, or what was written down, and it is written down."""
    safe = Split.all_on((event.safe or event.split).main)
    latch = Latch(event.at, "", event.held) if event.held else None
    return Step(ServiceState(service, live=event.split, safe=safe, worker=event.worker, latch=latch), (Keep(safe),))


def step(state: ServiceState, event: Event) -> Step:
    """What ``event`` makes of ``state``. :class:`Refused` only for the orders of people."""
    after, commands = on(event, state)
    return Step(remembered(after, event.at), commands)


def replay(service: str, events: list[Event]) -> ServiceState:
    """The state that a journal leads to. ``ValueError`` where it does not begin with an adoption.

    What an entry puts off, the one before it, has not happened.
    """
    if not events or not isinstance(events[0], Adopted):
        message = f"the journal of {service} does not begin with its adoption"
        raise ValueError(message)
    state = before = adopt(service, events[0]).state
    for event in events[1:]:
        base = before if isinstance(event, PutOff) else state
        before, state = state, step(base, event).state
    return state


@on.register
def _adopted(event: Adopted, state: ServiceState) -> Step:
    raise ValueError(f"{state.service} is known already; {event.worker} cannot be adopted")


@on.register
def _routed(event: Routed, state: ServiceState) -> Step:
    if event.generation != state.generation:
        return Step(state)
    first, state, deployment = not state.proved, _confirmed(state, event.worker, event.at), state.deployment
    left = ending(state) if first else ()
    if deployment is None:
        return Step(state, left)
    if deployment.phase.moving:
        proved, watch = begun(deployment, event.at, event.seconds)
        return Step(replace(state, deployment=proved), (watch, *left))
    if deployment.phase is Phase.BAKING and first:  # the share of a ramp has grown
        return Step(replace(state, deployment=climbing(deployment, event.at)), (Watch(deployment.id),))
    if deployment.rollback and deployment.phase.going_back:
        return Step(replace(state, deployment=taken_back(deployment, deployment.rollback, event.at)), left)
    return Step(state, left)


def _confirmed(state: ServiceState, worker: str, at: float) -> ServiceState:
    first, drilled = not state.proved, state.drill
    if first and drilled and not drilled.over:
        drilled = replace(drilled, trouble=drill.cut_short())
    confirmed_at = at if first else state.confirmed_at
    # A drill that was cut short abandons nobody: the side that holds the traffic is the one that held it.
    ended = state.generation if first and state.drilled else state.ended
    return replace(state, worker=worker, confirmed=state.generation, confirmed_at=confirmed_at, ended=ended, drill=drilled)


@on.register
def _routing_failed(event: RoutingFailed, state: ServiceState) -> Step:
    deployment = state.deployment
    if event.generation != state.generation or deployment is None or state.proved or state.drilled:
        return Step(state)
    if deployment.phase.moving or deployment.phase in (Phase.BAKING, Phase.ABORTED):
        aborted = replace(deployment, trouble=deployment.trouble or event.reason)
        return take_back(state, aborted, Rollback(Cause.NO_PROOF, story.GUARDIAN, event.reason, event.at))
    return Step(stuck(state, deployment, event.reason))


@on.register
def _target_unable(event: TargetUnable, state: ServiceState) -> Step:
    deployment = state.deployment
    if event.generation != state.generation or deployment is None or state.proved or state.drilled:
        return Step(state)
    if deployment.exposed and (deployment.phase.moving or deployment.phase is Phase.BAKING):
        return take_back(state, deployment, Rollback(Cause.UNABLE, story.GUARDIAN, event.reason, event.at))
    if deployment.phase.moving:
        aborted = replace(deployment, phase=Phase.ABORTED, trouble=event.reason, ended_at=event.at)
        back = replace(state, live=deployment.fallback, generation=state.generation + 1, deployment=aborted)
        # A restart may have come between the first command of this cut-over and its proof: make sure of the old split.
        return Step(back, (route(back),))
    return Step(stuck(state, deployment, event.reason))


@on.register
def _fell_back(event: FellBack, state: ServiceState) -> Step:
    """What the balancer does by itself is made official: nothing comes back to the candidate when a server of it does."""
    deployment = state.deployment
    if deployment is None or deployment.id != event.deployment or deployment.rollback or not state.live.share(event.environment):
        return Step(state)
    settled = deployment.phase in (Phase.VERIFIED, Phase.UNVERIFIED) and deployment.fallback != state.live
    if deployment.candidate is not event.environment or not (deployment.exposed or settled):
        return Step(state)
    return take_back(state, deployment, Rollback(Cause.UNABLE, story.GUARDIAN, event.reason, event.at))


@on.register
def _breached(event: Breached, state: ServiceState) -> Step:
    deployment = on_trial(state, event.deployment)
    if deployment is None or muted(state, event.verdict.rule, event.at):
        return Step(state)
    return take_back(state, deployment, _by_rule(event.verdict, event.at))


def _by_rule(verdict: Verdict, at: float) -> Rollback:
    return Rollback(Cause.RULE, story.GUARDIAN, verdict.reason, at, verdict)


@on.register
def _noted(event: Noted, state: ServiceState) -> Step:
    del event
    return Step(state)


@on.register
def _paused(event: Paused, state: ServiceState) -> Step:
    deployment = on_trial(state, event.deployment)
    if deployment is None or deployment.paused or muted(state, event.verdict.rule, event.at):
        return Step(state)
    return Step(replace(state, deployment=replace(deployment, paused=event.verdict)))


@on.register
def _rejudged(event: Rejudged, state: ServiceState) -> Step:
    deployment = on_trial(state, event.deployment)
    if deployment is None:
        raise Refused(rulebook.not_on_trial(state.service))
    return Step(replace(state, deployment=replace(deployment, rules_digest=event.digest)))


@on.register
def _watch_ended(event: WatchEnded, state: ServiceState) -> Step:
    deployment = on_trial(state, event.deployment)
    if deployment is None or not deployment.phase.proved:
        return Step(state)
    event = replace(event, conclusions=left_out(state, event.conclusions, event.at))
    concluded = replace(deployment, conclusions=event.conclusions)
    result = outcome(event.conclusions)
    if result is Lack.FAIL:
        failing = [conclusion for conclusion in event.conclusions if not conclusion.enough and conclusion.lack is Lack.FAIL]
        breach = next((each.verdict for each in failing if each.verdict.finding is Finding.BREACHED), None)
        no_evidence = Rollback(Cause.NO_EVIDENCE, story.GUARDIAN, story.lacking(failing), event.at)
        return take_back(state, concluded, _by_rule(breach, event.at) if breach else no_evidence)
    if deployment.phase is Phase.BAKING:
        return _baked(state, concluded, event, enough=result is Lack.PASS)
    if trouble := _unproved(deployment, event.conclusions, result):
        unverified = replace(stopped(concluded), phase=Phase.UNVERIFIED, trouble=trouble, ended_at=event.at)
        return Step(replace(state, deployment=unverified), (Unwatch(),))
    failed = tuple(each for each in state.failed if each.version != deployment.version)
    verified = replace(stopped(concluded), phase=Phase.VERIFIED, ended_at=event.at)
    return promote(replace(state, deployment=verified, failed=failed), event.at, (Unwatch(),))


def _unproved(deployment: Deployment, conclusions: tuple[Conclusion, ...], result: Lack) -> str:
    """Why a watch that found nothing bad verifies nothing; empty where it does."""
    if deployment.paused:
        return story.paused(deployment.paused)
    if deployment.held:
        return words.held(deployment.held)
    return story.lacking(conclusions) if result is Lack.HOLD else ""


def _baked(state: ServiceState, deployment: Deployment, event: WatchEnded, *, enough: bool) -> Step:
    """A share has been judged for its time. Without enough evidence it is judged on: silence leads no further."""
    if deployment.ready or deployment.ramp_at is not None or not state.proved:
        return Step(state)
    if enough:
        return finish(state, replace(deployment, thin=""), event.at)
    thin = story.lacking(event.conclusions)
    return Step(state) if deployment.thin == thin else Step(replace(state, deployment=replace(deployment, thin=thin)))


@on.register
def _rollback_ordered(event: RollbackOrdered, state: ServiceState) -> Step:
    """Nothing but having been obeyed already refuses a rollback."""
    deployment, forced_by = state.deployment, event.by if event.force else None
    ordered = Rollback(Cause.PERSON, event.by, event.reason, event.at, forced_by=forced_by)
    if deployment is None or deployment.phase in (Phase.ROLLED_BACK, Phase.ABORTED):
        back = deployment.fallback if deployment else state.safe
        if state.live != back or not state.proved:
            return take_back_stray(state, back, ordered)
        raise Refused(
            refusals.already_back(state.service, deployment) if deployment else refusals.nothing_to_roll_back(state.service)
        )
    if deployment.rollback is None:
        begun_only = deployment.phase.active and not deployment.exposed and not deployment.phase.moving
        called_off = replace(ordered, cause=Cause.CALLED_OFF) if begun_only else ordered
        return take_back(state, deployment, called_off)
    if event.force:  # one is under way: it keeps its cause, and has the word of the person from now on
        return take_back(state, deployment, replace(deployment.rollback, trouble="", forced_by=forced_by))
    refusal = refusals.needs_force if deployment.phase is Phase.STUCK else refusals.already_back
    raise Refused(refusal(state.service, deployment))


@on.register
def _promoted(event: Promoted, state: ServiceState) -> Step:
    if state.deployment and state.deployment.phase.active:
        raise Refused(refusals.under_way(state.service, state.deployment))
    if state.live.sole is None:
        raise Refused(refusals.only_a_slice(state))
    if state.safe == state.live:
        raise Refused(refusals.already_safe(state))
    return promote(state, event.at)


@on.register
def _unlatched(event: Unlatched, state: ServiceState) -> Step:
    del event
    if state.latch is None:
        raise Refused(refusals.not_latched(state.service))
    return Step(replace(state, latch=None))


@on.register
def _moved_by_hand(event: MovedByHand, state: ServiceState) -> Step:
    """A person at the balancer has the last word: guardian follows and stops judging.

    Only a worker that had confirmed the present split can have been changed by hand; anything else is older than a newer order.
    """
    if not state.proved or event.worker != state.worker or event.split == state.live:
        return Step(state)
    generation, let_be = state.generation + 1, (LetBe(),) if ending(state) else ()
    state, spared = spare(replace(state, live=event.split, generation=generation, confirmed=generation, ended=generation))
    deployment = state.deployment
    if deployment is None or not deployment.phase.active:
        return Step(state, (*let_be, *spared))
    reason = story.moved_by_hand(event.split)
    if event.split == deployment.fallback:  # a hand reaches one worker: a rollback reaches all
        by_hand = Rollback(Cause.BY_HAND, story.SOMEBODY, reason, event.at, forced_by=story.SOMEBODY)
        return take_back(state, deployment, by_hand)
    phase = Phase.UNVERIFIED if deployment.exposed or deployment.phase.moving else Phase.ABORTED
    ended = replace(stopped(deployment), phase=phase, trouble=reason, ended_at=event.at)
    return Step(replace(state, deployment=ended), (Unwatch(), *let_be, *stop(deployment)))


@on.register
def _drifted(event: Drifted, state: ServiceState) -> Step:
    del event
    return Step(state)


@on.register
def _saved(event: Saved, state: ServiceState) -> Step:
    deployment = state.deployment
    if deployment is None or deployment.id != event.deployment:
        return Step(state)
    shielded = Shielded(event.tried, event.saved, event.lost, event.plain)
    return Step(replace(state, deployment=replace(deployment, shielded=shielded)))


@on.register
def _ended(event: Ended, state: ServiceState) -> Step:
    return Step(replace(state, ended=event.generation) if event.generation == state.generation else state)


@on.register
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


@on.register
def _drilled(event: Drilled, state: ServiceState) -> Step:
    if state.drill is None or event.generation != state.generation or state.drill.generation != event.generation:
        return Step(state)
    if event.trouble:
        failed = replace(state, drill=replace(state.drill, trouble=event.trouble))
        return Step(failed, (route(failed),))
    over = replace(state, drill=replace(state.drill, there=event.there, back=event.back))
    return Step(_confirmed(over, event.worker, event.at))
