"""What is to be done. Commands are idempotent: carried out twice they do no harm."""

from dataclasses import dataclass
from typing import TypeAlias

from guardian.core.model import Environment, Split
from guardian.core.ports import StageJob


@dataclass(frozen=True, slots=True)
class Route:
    """Bring ``split`` into every worker. ``needs``: the environment that must be healthy first, or nothing is moved."""

    split: Split
    generation: int
    needs: Environment | None


@dataclass(frozen=True, slots=True)
class Keep:
    """Write ``split`` down as the safe one."""

    split: Split


@dataclass(frozen=True, slots=True)
class Watch:
    """Judge the deployment until its watch ends."""

    deployment: str


@dataclass(frozen=True, slots=True)
class Unwatch:
    """Stop judging."""


@dataclass(frozen=True, slots=True)
class End:
    """Deal with the connections and waiting requests that ``environment`` still has though nothing is routed there any more."""

    environment: Environment
    generation: int
    since: float
    """When the routing was proved: a grace counts from here, also after a restart."""


@dataclass(frozen=True, slots=True)
class LetBe:
    """Leave alone what is under :class:`End`: the environment may have traffic again."""


@dataclass(frozen=True, slots=True)
class RunDrill:
    """Bring ``there`` into every worker, then ``back``."""

    there: Split
    back: Split
    generation: int


@dataclass(frozen=True, slots=True)
class RunStage:
    """Do the work of a stage. The same job given again goes on, or begins anew after a restart."""

    job: StageJob


@dataclass(frozen=True, slots=True)
class StopStage:
    """End whatever stage is under way."""


Command: TypeAlias = Route | Keep | Watch | Unwatch | End | LetBe | RunDrill | RunStage | StopStage
