"""What people say to a deployment under way: agree or not, pause, resume, skip, abort; and freezes of a whole service."""

from dataclasses import replace

from guardian.core.aftercare import promote, retirable, retire
from guardian.core.commands import Unwatch
from guardian.core.deployment import Cause, Deployment, Phase, Rollback, ServiceState
from guardian.core.dispatch import Refused, on
from guardian.core.mutes import expired, heard_again
from guardian.core.plan import Step
from guardian.core.release import Approval, Freeze, Hold, Question, Skip
from guardian.core.release_events import (
    AbortOrdered,
    ApprovalLapsed,
    Approved,
    Frozen,
    Held,
    Rejected,
    Resumed,
    Skipped,
    TimeCame,
    Unfrozen,
)
from guardian.core.rollback import call_off, stopped
from guardian.core.rollout import climb, hindrance
from guardian.core.words import gates as words
from guardian.core.words import refusals, story

# Approvals.


@on.register
def _approved(event: Approved, state: ServiceState) -> Step:
    deployment, question = _questioned(state, event.deployment, event.number, event.at)
    if question.granted:
        raise Refused(words.agreed_already(deployment))
    if any(approval.by == event.by for approval in question.approvals):
        raise Refused(words.counted_already(deployment, event.by))
    if event.alone and not event.reason:
        raise Refused(words.glass_needs_reason())
    if event.by == deployment.requested_by and not event.alone:
        raise Refused(words.own_request(deployment))
    given = Approval(event.by, event.at, event.reason, event.alone)
    question = replace(question, approvals=(*question.approvals, given))
    return Step(replace(state, deployment=replace(deployment, question=question, ready=question.granted)))


@on.register
def _approval_lapsed(event: ApprovalLapsed, state: ServiceState) -> Step:
    deployment = state.deployment
    asked = deployment is not None and deployment.phase is Phase.AWAITING_APPROVAL and deployment.id == event.deployment
    if deployment is None or not asked or deployment.question is None or deployment.question.number != event.number:
        return Step(state)
    question = deployment.question
    question = replace(question, approvals=tuple(each for each in question.approvals if each.by != event.by))
    return Step(replace(state, deployment=replace(deployment, question=question, ready=question.granted, closed=None)))


@on.register
def _rejected(event: Rejected, state: ServiceState) -> Step:
    deployment, _ = _questioned(state, event.deployment, event.number, event.at)
    return call_off(state, deployment, Rollback(Cause.CALLED_OFF, event.by, words.rejected(event.by, event.reason), event.at))


def _questioned(state: ServiceState, identifier: str, number: int, at: float) -> tuple[Deployment, Question]:
    """The deployment and the question that an answer speaks of. :class:`Refused` where that is not asked now."""
    deployment = state.deployment
    if deployment is None or deployment.id != identifier:
        raise Refused(words.not_the_latest(state.service, identifier, deployment))
    question = deployment.question
    if question is None or deployment.phase is not Phase.AWAITING_APPROVAL:
        raise Refused(words.nothing_asked(deployment))
    if question.number != number:
        raise Refused(words.other_question(deployment, number))
    if at >= question.expires_at and not question.granted:
        raise Refused(words.too_late(deployment))
    return deployment, question


# Pause, resume, skip, abort.


def _under_way(state: ServiceState) -> Deployment:
    deployment = state.deployment
    if deployment is None or not deployment.phase.active:
        raise Refused(words.nothing_under_way(state.service, deployment))
    if deployment.phase.going_back:
        raise Refused(refusals.already_back(state.service, deployment))
    return deployment


@on.register
def _held(event: Held, state: ServiceState) -> Step:
    deployment = _under_way(state)
    if deployment.held:
        raise Refused(words.held_already(deployment.id, deployment.held))
    return Step(replace(state, deployment=replace(deployment, held=Hold(event.by, event.reason, event.at))))


@on.register
def _resumed(_event: Resumed, state: ServiceState) -> Step:
    """Whoever lets a bake go on that a rule has paused, and that is over, has decided what the rule asked."""
    deployment = _under_way(state)
    if not deployment.held and not deployment.paused:
        raise Refused(words.not_held(deployment))
    baked = deployment.phase is Phase.BAKING and deployment.paused is not None and bool(deployment.thin)
    resumed = replace(deployment, held=None, paused=None, thin="" if baked else deployment.thin, ready=deployment.ready or baked)
    return Step(replace(state, deployment=resumed))


@on.register
def _skipped(event: Skipped, state: ServiceState) -> Step:
    """A person vouches for what a bake, or a watch, has not shown yet. That is said aloud, and never called verified."""
    deployment = _under_way(state)
    if not deployment.phase.proved or deployment.ready:
        raise Refused(words.nothing_to_skip(state, deployment, hindrance(state, event.at)))
    if not event.reason:
        raise Refused(words.skip_needs_reason(deployment))
    if deployment.held:
        raise Refused(words.held_already(deployment.id, deployment.held))
    skip = Skip(event.by, event.reason, event.at, deployment.step)
    skipped = replace(deployment, skips=(*deployment.skips, skip), paused=None, thin="")
    if deployment.phase is Phase.BAKING:
        return Step(replace(state, deployment=replace(skipped, ready=True)))
    trouble = words.vouched(event.by, event.reason)
    ended = replace(stopped(skipped), phase=Phase.UNVERIFIED, trouble=trouble, ended_at=event.at)
    return promote(replace(state, deployment=ended), event.at, (Unwatch(),))


@on.register
def _abort_ordered(event: AbortOrdered, state: ServiceState) -> Step:
    deployment = _under_way(state)
    return call_off(state, deployment, Rollback(Cause.CALLED_OFF, event.by, words.aborted(event.by, event.reason), event.at))


# Freezes.


@on.register
def _frozen(event: Frozen, state: ServiceState) -> Step:
    if not event.reason:
        raise Refused(words.freeze_needs_reason())
    if event.until <= event.at:
        raise Refused(words.freeze_over_before())
    return Step(replace(state, freeze=Freeze(event.by, event.reason, event.at, event.until)))


@on.register
def _unfrozen(event: Unfrozen, state: ServiceState) -> Step:
    if state.freeze is None or event.at >= state.freeze.until:
        raise Refused(words.not_frozen(state.service))
    return Step(replace(state, freeze=None))


# Time.


def due(state: ServiceState, at: float) -> bool:
    """Whether a moment has come that ``state`` waits for."""
    thawed = state.freeze is not None and at >= state.freeze.until
    return thawed or bool(expired(state, at)) or _expired(state, at) or _climbs(state, at) or retirable(state, at)


def _expired(state: ServiceState, at: float) -> bool:
    deployment = state.deployment
    question = deployment.question if deployment and deployment.undecided else None
    return question is not None and at >= question.expires_at


def _climbs(state: ServiceState, at: float) -> bool:
    deployment = state.deployment
    if deployment is None or deployment.phase is not Phase.BAKING or deployment.ramp_at is None or not state.proved:
        return False
    return at >= deployment.ramp_at and not deployment.ready and not hindrance(state, at)


@on.register
def _time_came(event: TimeCame, state: ServiceState) -> Step:
    """One thing at a time: what else is due comes with the next moment."""
    deployment = state.deployment
    if state.freeze and event.at >= state.freeze.until:
        return Step(replace(state, freeze=None))
    if heard := expired(state, event.at):
        return Step(heard_again(state, heard))
    if deployment and deployment.question and _expired(state, event.at):
        reason = words.expired(deployment.question)
        return call_off(state, deployment, Rollback(Cause.CALLED_OFF, story.GUARDIAN, reason, event.at))
    if deployment and _climbs(state, event.at):
        return climb(state, deployment)
    return retire(state, event.at) if retirable(state, event.at) else Step(state)
