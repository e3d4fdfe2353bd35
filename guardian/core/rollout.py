"""The way of a release to its traffic: step after step, each begun only when the one before is done."""

from dataclasses import replace

from guardian.core.aftercare import retired
from guardian.core.commands import Command, Keep, RunStage, Watch
from guardian.core.deployment import Cause, Deployment, Phase, Rollback, ServiceState
from guardian.core.dispatch import on
from guardian.core.model import BASIS_POINTS, Split
from guardian.core.plan import Step, route
from guardian.core.ports import StageJob
from guardian.core.release import Closed, Installed, Question, StageDone, StageWork
from guardian.core.release_events import PutOff, StageEnded, StageProgressed, WayClosed, WentOn
from guardian.core.rollback import call_off, take_back
from guardian.core.strategy import StageKind, StepKind, StrategyStep
from guardian.core.words import rollout as words
from guardian.core.words import story

INCREMENTS = 20
"""How often the share of a ramp grows at most."""
LEAST_INCREMENT = 100
"""Basis points by which it grows at least."""


def enter(state: ServiceState, deployment: Deployment, index: int, at: float) -> Step:
    """Begin a step; after the last one, the cutover of all traffic."""
    deployment = replace(deployment, step=index, ready=False, closed=None, thin="", ramp_at=None)
    current = deployment.current
    if current is None:
        watch = deployment.watch_seconds if deployment.watch_after is None else deployment.watch_after
        return _move(state, deployment, Phase.CUTTING_OVER, deployment.aim, watch)
    match current.kind:
        case StepKind.SHIFT:
            return _move(state, deployment, Phase.SHIFTING, Split.giving(deployment.candidate, current.share), current.seconds)
        case StepKind.RAMP:
            share = Ramp.of(deployment).share(1)
            return _move(state, deployment, Phase.SHIFTING, Split.giving(deployment.candidate, share), current.seconds)
        case StepKind.ASK:
            return Step(replace(state, deployment=_asking(deployment, current, at)))
        case _:
            return _work(state, deployment, current, at)


def _move(state: ServiceState, deployment: Deployment, phase: Phase, split: Split, seconds: float) -> Step:
    """Nobody judges less while a share grows: the watch of the step before goes on until that of this one begins."""
    keep: tuple[Command, ...] = () if deployment.exposed else (Keep(state.safe),)
    moving = replace(deployment, phase=phase, target=split, watch_seconds=seconds)
    moved = replace(state, live=split, generation=state.generation + 1, deployment=moving)
    return Step(moved, (*keep, route(moved)))


def _asking(deployment: Deployment, step: StrategyStep, at: float) -> Deployment:
    number = deployment.question.number + 1 if deployment.question else 1
    return replace(deployment, phase=Phase.AWAITING_APPROVAL, question=Question(number, at, at + step.seconds, step.needed))


def _work(state: ServiceState, deployment: Deployment, step: StrategyStep, at: float) -> Step:
    kind, candidate = StageKind(step.kind), deployment.candidate
    job = StageJob(
        kind=kind,
        service=state.service,
        environment=candidate,
        version=deployment.version,
        deployment=deployment.id,
        number=len(deployment.stages) + 1,
        by=deployment.requested_by,
        deadline=at + step.seconds,
    )
    phase = Phase.DEPLOYING if kind is StageKind.DEPLOY else Phase.VERIFYING
    working = replace(state, deployment=replace(deployment, phase=phase, stage=StageWork(job, at)))
    if kind is StageKind.DEPLOY:
        begun = Installed(deployment.version, deployment.id, at, whole=False)
        gone = working.retirement and working.retirement.environment is candidate
        retirement = None if gone else working.retirement
        working = replace(working, versions={**state.versions, candidate: begun}, retirement=retirement)
    return Step(working, (RunStage(job),))


def finish(state: ServiceState, deployment: Deployment, at: float) -> Step:
    """The present step is done. What moves no traffic follows at once; all else waits to be let through."""
    current, upcoming = deployment.current, deployment.upcoming
    asked = current is not None and current.kind is StepKind.ASK
    if upcoming and not upcoming.kind.moves and not asked and not (deployment.held or deployment.paused):
        return enter(state, deployment, deployment.step + 1, at)
    return Step(replace(state, deployment=replace(deployment, ready=True)))


def hindrance(state: ServiceState, at: float) -> str:
    """Why the next step of a deployment may not begin though the present one is done; empty where it may."""
    deployment = state.deployment
    if deployment is None:
        return ""
    if deployment.held:
        return words.held(deployment.held)
    if deployment.paused:
        return story.paused(deployment.paused)
    moves = deployment.upcoming is None or deployment.upcoming.kind.moves
    if moves and not deployment.alone and not deployment.after and state.freeze and at < state.freeze.until:
        return words.frozen(state.freeze)
    return ""


@on.register
def _went_on(event: WentOn, state: ServiceState) -> Step:
    deployment = state.deployment
    if deployment is None or (deployment.id, deployment.step) != (event.deployment, event.step) or not deployment.ready:
        return Step(state)
    return Step(state) if hindrance(state, event.at) else enter(state, deployment, deployment.step + 1, event.at)


@on.register
def _put_off(event: PutOff, state: ServiceState) -> Step:
    """``state`` is that before the event that is put off."""
    del event
    return Step(state)


@on.register
def _way_closed(event: WayClosed, state: ServiceState) -> Step:
    deployment = state.deployment
    if deployment is None or deployment.id != event.deployment or not deployment.ready:
        return Step(state)
    return Step(replace(state, deployment=replace(deployment, closed=Closed(event.until, event.reason))))


# Stages.


@on.register
def _stage_progressed(event: StageProgressed, state: ServiceState) -> Step:
    del event
    return Step(state)


@on.register
def _stage_ended(event: StageEnded, state: ServiceState) -> Step:
    deployment, retirement = state.deployment, state.retirement
    if retirement and retirement.stage and _is_of(event, retirement.stage):
        return retired(state, retirement, event)
    if deployment is None or deployment.stage is None or not _is_of(event, deployment.stage):
        return Step(state)
    done = StageDone(event.stage, event.number, event.ok, event.summary, deployment.stage.began_at, event.at)
    deployment = replace(deployment, stage=None, stages=(*deployment.stages, done))
    if not event.ok:
        reason = words.stage_failed(event.stage, event.summary)
        if deployment.exposed:
            return take_back(state, deployment, Rollback(Cause.STAGE, story.GUARDIAN, reason, event.at))
        return call_off(state, deployment, Rollback(Cause.CALLED_OFF, story.GUARDIAN, reason, event.at))
    if event.stage is StageKind.DEPLOY:
        whole = Installed(deployment.version, deployment.id, event.at)
        state = replace(state, versions={**state.versions, deployment.candidate: whole})
    return finish(state, deployment, event.at)


def _is_of(event: StageEnded, work: StageWork) -> bool:
    return (event.deployment, event.stage, event.number) == (work.job.deployment, work.job.kind, work.job.number)


# Ramps.


class Ramp:
    """The shares of a ramp: equal increments, each for an equal time."""

    def __init__(self, first: int, last: int, seconds: float) -> None:
        """From ``first`` to ``last`` basis points in ``seconds``."""
        self._first, self._last = first, last
        self._number = max(1, min(INCREMENTS, (last - first) // LEAST_INCREMENT))
        self.interval = seconds / self._number

    @classmethod
    def of(cls, deployment: Deployment) -> "Ramp":
        """The ramp that is the present step of ``deployment``."""
        before = [step.share for step in deployment.steps[: deployment.step] if step.kind.moves]
        current = deployment.steps[deployment.step]
        return cls(before[-1] if before else 0, current.share, current.seconds)

    def share(self, number: int) -> int:
        """The share after so many increments."""
        return self._first + (self._last - self._first) * number // self._number

    @property
    def top(self) -> int:
        """How many increments there are; the last one of a ramp to all traffic is the cutover."""
        return max(1, self._number - (self._last == BASIS_POINTS))

    def done(self, share: int) -> int:
        """How many increments lead to ``share``."""
        return next(number for number in range(self._number + 1) if self.share(number) >= share)


def climbing(deployment: Deployment, at: float) -> Deployment:
    """A ramp whose share was proved ``at``: when it grows again, and when it is over."""
    ramp = Ramp.of(deployment)
    left = ramp.top - ramp.done(deployment.target.share(deployment.candidate))
    return replace(deployment, ramp_at=at + ramp.interval if left else None, watch_ends_at=at + ramp.interval * (left + 1))


def climb(state: ServiceState, deployment: Deployment) -> Step:
    """Let the share of a ramp grow."""
    ramp, candidate = Ramp.of(deployment), deployment.candidate
    share = ramp.share(ramp.done(deployment.target.share(candidate)) + 1)
    climbed = replace(deployment, target=Split.giving(candidate, share), ramp_at=None)
    moved = replace(state, live=climbed.target, generation=state.generation + 1, deployment=climbed)
    return Step(moved, (route(moved),))


def begun(deployment: Deployment, at: float, seconds: float) -> tuple[Deployment, Watch]:
    """The candidate has its share in every worker: it is judged from now on."""
    phase = Phase.BAKING if deployment.phase is Phase.SHIFTING else Phase.WATCHING
    proved = replace(
        deployment,
        phase=phase,
        cutover_at=at,
        cutover_seconds=seconds,
        watch_ends_at=at + deployment.watch_seconds,
    )
    current = deployment.current
    ramping = phase is Phase.BAKING and current is not None and current.kind is StepKind.RAMP
    return climbing(proved, at) if ramping else proved, Watch(deployment.id)
