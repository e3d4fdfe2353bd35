"""How what the balancer does may differ from what guardian intends, and what each difference means."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from guardian.core.commands import Keep, Route
from guardian.core.deployment import Phase, ServiceState
from guardian.core.model import Split
from guardian.core.plan import route
from guardian.core.ports import WorkerSplit


class Policy(StrEnum):
    """What becomes of a split that somebody changed at the balancer itself."""

    ADOPT = "adopt"
    """A person at the balancer has the last word: guardian follows."""
    RESTORE = "restore"
    """Guardian's intention has it: what was changed is put back, a rollback by hand too."""


class Unloaded(StrEnum):
    """What becomes of changes that somebody has written into the balancer's configuration and not loaded."""

    REFUSE = "refuse"
    """Guardian's own change waits for them, except on the way back to the safe side, which does without a reload."""
    LOAD = "load"
    """They are loaded along with guardian's."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What must be done so that the balancer does what is intended; all ``None`` when it does."""

    keep: Keep | None = None
    """The file names another side: it was edited, or could not be written."""
    route: Route | None = None
    """A worker has another split that it can only have from a reload, a restart, or a change that was cut short."""
    reborn: WorkerSplit | None = None
    """A worker that is new, and right: remembered, so that a later hand on it is known for one."""
    by_hand: WorkerSplit | None = None
    """The worker that had confirmed our split now has another: somebody changed it at the socket."""


def drift(state: ServiceState, workers: Sequence[WorkerSplit], stored: Split | None) -> Drift:
    """Compare the intention with every worker and with the file.

    Only a worker that had confirmed the present generation can have been changed by hand. A new worker read the file when it was
    born, or was told by nobody yet; and while a change of ours is unproved, it is brought to its end first.
    """
    keep = Keep(state.safe) if stored != state.safe else None
    astray = [worker for worker in workers if worker.split != state.live]
    deployment = state.deployment
    unproved = state.confirmed != state.generation or (deployment is not None and deployment.phase is Phase.STUCK)
    if not unproved and not astray:
        reborn = next((worker for worker in workers if worker.current and worker.worker != state.worker), None)
        return Drift(keep=keep, reborn=reborn)
    current = next((worker for worker in astray if worker.current), None)
    if not unproved and current is not None and current.worker == state.worker:
        return Drift(keep=keep, by_hand=current)
    return Drift(keep=keep, route=route(state))
