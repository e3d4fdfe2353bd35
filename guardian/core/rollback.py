"""Taking traffic back, and calling a deployment off before it has any: the same whatever else is going on."""

from dataclasses import replace

from guardian.core.aftercare import spare
from guardian.core.commands import Command, Keep, StopStage, Unwatch
from guardian.core.deployment import Cause, Deployment, Latch, Phase, Rollback, ServiceState
from guardian.core.model import Split
from guardian.core.plan import Step, route
from guardian.core.readings import History
from guardian.core.release import FailedVersion
from guardian.core.words import story

MOST_FAILED = 50
"""Versions that were taken back and are remembered."""


def take_back(state: ServiceState, deployment: Deployment, rollback: Rollback) -> Step:
    """Send the traffic back. The disk goes first: a reload must not undo the rollback.

    While the candidate has traffic it names the fallback already, the first step saw to that: the commonest rollback waits for no
    disk.
    """
    back = deployment.fallback
    latch = state.latch
    if rollback.cause.blames and deployment.rollback is None:
        latch = Latch(rollback.ordered_at, deployment.id, rollback.reason)
    rolling = replace(stopped(deployment), phase=Phase.ROLLING_BACK, rollback=rollback, ended_at=None)
    state, spared = spare(state)
    moved = replace(
        state,
        live=back,
        safe=back,
        generation=state.generation + 1,
        deployment=rolling,
        latch=latch,
        failed=_remembered(state, deployment, rollback),
    )
    settled = deployment.exposed and not deployment.phase.moving
    keep: tuple[Command, ...] = () if settled else (Keep(back),)
    return Step(moved, (Unwatch(), *stop(deployment), *spared, *keep, route(moved)))


def call_off(state: ServiceState, deployment: Deployment, rollback: Rollback) -> Step:
    """End a deployment: where the candidate was given no traffic there is nothing to take back."""
    deployment = replace(deployment, trouble=deployment.trouble or rollback.reason)
    if deployment.exposed or deployment.phase.moving:
        return take_back(state, deployment, rollback)
    ended = replace(stopped(deployment), phase=Phase.ABORTED, ended_at=rollback.ordered_at)
    return Step(replace(state, deployment=ended), stop(deployment))


def stopped(deployment: Deployment) -> Deployment:
    """``deployment`` without anything that it was about to do."""
    return replace(deployment, stage=None, ready=False, held=None, thin="", closed=None, ramp_at=None)


def stop(deployment: Deployment) -> tuple[Command, ...]:
    """What ends the work that is under way for ``deployment``."""
    return (StopStage(),) if deployment.stage else ()


def _remembered(state: ServiceState, deployment: Deployment, rollback: Rollback) -> tuple[FailedVersion, ...]:
    """The versions that were taken back, with that of ``deployment`` if it had traffic."""
    accused = rollback.cause.blames or rollback.cause is Cause.PERSON
    if not (accused and deployment.version and deployment.cutover_at is not None and deployment.rollback is None):
        return state.failed
    others = tuple(each for each in state.failed if each.version != deployment.version)
    reason = rollback.reason or story.taken_back_by(rollback.by)
    return (*others, FailedVersion(deployment.version, deployment.id, rollback.ordered_at, reason))[-MOST_FAILED:]


def taken_back(deployment: Deployment, rollback: Rollback, at: float) -> Deployment:
    """``deployment`` once every worker has the fallback."""
    phase = Phase.ABORTED if rollback.cause in (Cause.NO_PROOF, Cause.CALLED_OFF) else Phase.ROLLED_BACK
    done = replace(rollback, done_at=at, seconds=max(0.0, at - rollback.ordered_at), trouble="")
    return replace(deployment, phase=phase, rollback=done, ended_at=at)


def stuck(state: ServiceState, deployment: Deployment, reason: str) -> ServiceState:
    """A rollback that could not be carried out: it is tried again until it can."""
    if deployment.rollback is None or not deployment.phase.going_back:
        return state
    held_up = replace(deployment, phase=Phase.STUCK, rollback=replace(deployment.rollback, trouble=reason))
    return replace(state, deployment=held_up)


def next_number(state: ServiceState) -> int:
    """The number of the next deployment."""
    return max(state.numbered, state.deployment.number if state.deployment else 0) + 1


def take_back_stray(state: ServiceState, back: Split, rollback: Rollback) -> Step:
    """Take traffic back that no deployment of ours left where it is: as one of its own, so that no other's story is rewritten."""
    number = next_number(state)
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
    return take_back(replace(state, numbered=number), stray, rollback)
