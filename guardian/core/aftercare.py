"""After a good release: the environment that it replaced stays warm for a while, and is retired then."""

from dataclasses import replace

from guardian.core.commands import Command, Keep, RunStage, StopStage
from guardian.core.deployment import Phase, ServiceState
from guardian.core.plan import Step
from guardian.core.ports import StageJob
from guardian.core.release import Rest, Retirement, StageWork
from guardian.core.release_events import StageEnded
from guardian.core.strategy import StageKind
from guardian.core.words import story


def promote(state: ServiceState, at: float, before: tuple[Command, ...] = ()) -> Step:
    """Make what is live the safe side. A slice stays on trial: the file keeps naming the side that has proved itself."""
    if state.live.sole is None or state.safe == state.live:
        return Step(state, before)
    return Step(replace(state, safe=state.live, retirement=_planned(state, at)), (*before, Keep(state.live)))


def _planned(state: ServiceState, at: float) -> Retirement | None:
    """When the replaced environment is retired; ``None`` where it is not."""
    deployment, serving = state.deployment, state.live.sole
    if deployment is None or serving is None or deployment.retire_after is None or deployment.aim != state.live:
        return None
    installed = state.versions.get(serving.other)
    version = installed.version if installed else ""
    return Retirement(serving.other, deployment.id, version, at + deployment.retire_after, deployment.retire_seconds)


def spare(state: ServiceState) -> tuple[ServiceState, tuple[Command, ...]]:
    """The replaced environment is needed again: it is not retired. One that is retired already stays so."""
    retirement = state.retirement
    if retirement is None or retirement.rest not in (Rest.WARM, Rest.RETIRING):
        return state, ()
    return replace(state, retirement=None), (StopStage(),) if retirement.stage else ()


def retirable(state: ServiceState, at: float) -> bool:
    """Whether the time of the replaced environment has come, and nothing needs it."""
    retirement, deployment = state.retirement, state.deployment
    if retirement is None or retirement.rest is not Rest.WARM or at < retirement.due_at or not state.proved:
        return False
    idle = state.live == state.safe and state.live.sole is retirement.environment.other
    return idle and not (deployment and deployment.phase.active)


def retire(state: ServiceState, at: float) -> Step:
    """Begin to retire the replaced environment."""
    retirement = state.retirement
    if retirement is None:
        return Step(state)
    number = len(state.deployment.stages) + 1 if state.deployment else 1
    job = StageJob(
        kind=StageKind.RETIRE,
        service=state.service,
        environment=retirement.environment,
        version=retirement.version,
        deployment=retirement.deployment,
        number=number,
        by=story.GUARDIAN,
        deadline=at + retirement.seconds,
    )
    retiring = replace(retirement, rest=Rest.RETIRING, stage=StageWork(job, at))
    return Step(replace(state, retirement=retiring), (RunStage(job),))


def retired(state: ServiceState, retirement: Retirement, event: StageEnded) -> Step:
    """The replaced environment is free, or could not be freed."""
    rest = Rest.RETIRED if event.ok else Rest.FAILED
    over = replace(retirement, rest=rest, stage=None, summary=event.summary, ended_at=event.at)
    versions = {side: installed for side, installed in state.versions.items() if not event.ok or side is not retirement.environment}
    return Step(replace(state, retirement=over, versions=versions))


def must_be_redeployed(state: ServiceState) -> Retirement | None:
    """The retired environment that a rollback would need again; ``None`` where it would find all that it needs."""
    retirement, deployment = state.retirement, state.deployment
    gone = retirement is not None and retirement.rest is not Rest.WARM and deployment is not None
    if not gone or retirement is None or deployment is None or deployment.phase in (Phase.ROLLED_BACK, Phase.ABORTED):
        return None
    return retirement if deployment.id == retirement.deployment and deployment.fallback.sole is retirement.environment else None
