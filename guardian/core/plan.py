"""What a state asks to be done: after an event, and after a start that an earlier run may have left half done."""

from typing import NamedTuple

from guardian.core.commands import Command, End, Keep, Route, RunStage, Watch
from guardian.core.deployment import Phase, ServiceState
from guardian.core.model import Environment


class Step(NamedTuple):
    """What an event led to. Commands with a :class:`Route` among them supersede all earlier ones, so they are complete."""

    state: ServiceState
    commands: tuple[Command, ...] = ()


def resume(state: ServiceState) -> tuple[Command, ...]:
    """What must be done after a start, given the journalled ``state``: everything that may have been cut short, again."""
    deployment = state.deployment
    commands: list[Command] = [Keep(state.safe)]
    if not state.proved:
        commands.append(route(state))
    if deployment and deployment.exposed and state.proved:
        commands.append(Watch(deployment.id))
    if state.proved:
        commands.extend(ending(state))
    return (*commands, *stages(state))


def stages(state: ServiceState) -> tuple[Command, ...]:
    """The work around the switch that is under way: on the candidate, or on the environment that is being retired."""
    under_way = [each.stage for each in (state.deployment, state.retirement) if each and each.stage]
    return tuple(RunStage(work.job) for work in under_way)


def ending(state: ServiceState) -> tuple[Command, ...]:
    """What is left to do about the side that the proved routing abandoned; nothing while both sides serve."""
    if state.live.sole is None or state.ended == state.generation:
        return ()
    return (End(state.live.sole.other, state.generation, state.confirmed_at),)


def route(state: ServiceState) -> Route:
    """The command that brings ``state.live`` into every worker: the same at every attempt, also after a restart."""
    return Route(state.live, state.generation, _needs(state))


def _needs(state: ServiceState) -> Environment | None:
    """Who must be able to take the traffic, or nothing is moved; ``None`` where that must not stand in the way."""
    deployment = state.deployment
    if state.drilled and not state.proved:
        return None
    if deployment and not state.proved:
        if deployment.phase.moving or deployment.phase is Phase.BAKING:
            return deployment.candidate
        # Nothing was moved, as far as is known: then there is nothing to ask for. Or a person wants it whatever happens.
        if deployment.phase is Phase.ABORTED or (deployment.rollback and deployment.rollback.forced_by is not None):
            return None
    return state.live.main
