"""What can happen to a service and its deployments. Every event carries its time; ``kind`` names it in the journal.

Times are seconds since the epoch, on guardian's steady clock; shares are basis points of the traffic; lengths are seconds.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from guardian.core.model import Environment, Split
from guardian.core.readings import History
from guardian.core.release_events import (
    AbortOrdered,
    ApprovalLapsed,
    Approved,
    DeployRequested,
    Frozen,
    Held,
    Muted,
    PutOff,
    Rejected,
    Resumed,
    Skipped,
    StageEnded,
    StageProgressed,
    TimeCame,
    TurnCame,
    Unfrozen,
    Unmuted,
    WayClosed,
    WentOn,
    Withdrawn,
)
from guardian.core.strategy import StrategyStep
from guardian.core.verdicts import Conclusion, Verdict


@dataclass(frozen=True, slots=True)
class Adopted:
    """Guardian meets the service for the first time and takes what the balancer does as given."""

    at: float
    split: Split
    worker: str
    safe: Split | None = None
    """What a balancer starting now would use, where that may be another than what it does; ``None``: it is what it does."""
    held: str = ""
    """Why nothing moves forward until a person says so: what guardian knew of the service is lost. Empty: it was new."""
    kind: Literal["adopted"] = "adopted"


@dataclass(frozen=True, slots=True)
class SwitchRequested:
    """Somebody wants ``share`` basis points of the traffic on ``candidate``."""

    at: float
    by: str
    reason: str
    candidate: Environment
    share: int
    """What the candidate is to have."""
    watch_seconds: float
    rules_digest: str = ""
    history: History = field(default_factory=History)
    steps: tuple[StrategyStep, ...] = ()
    """The way before ``share``; none: at once."""
    alone: bool = False
    """Whether whoever asks breaks the glass: past a freeze and a closed window."""
    retire_after: float | None = None
    """Seconds that the environment it replaces stays warm; ``None``: it is not retired."""
    retire_seconds: float = 0.0
    kind: Literal["switch requested"] = "switch requested"


@dataclass(frozen=True, slots=True)
class Routed:
    """Every worker has the split of this generation, read back."""

    at: float
    generation: int
    worker: str
    workers: int
    seconds: float
    kind: Literal["routed"] = "routed"


@dataclass(frozen=True, slots=True)
class RoutingFailed:
    """The split of this generation could not be brought into every worker, or not be proved."""

    at: float
    generation: int
    reason: str
    kind: Literal["routing failed"] = "routing failed"


@dataclass(frozen=True, slots=True)
class TargetUnable:
    """The environment that was to get the traffic of this generation cannot take it. Nothing was moved."""

    at: float
    generation: int
    environment: Environment
    reason: str
    kind: Literal["target unable"] = "target unable"


@dataclass(frozen=True, slots=True)
class FellBack:
    """The candidate lost its last healthy server, and the balancer itself sends its traffic to the other environment."""

    at: float
    deployment: str
    environment: Environment
    reason: str
    kind: Literal["fell back"] = "fell back"


@dataclass(frozen=True, slots=True)
class Breached:
    """A rule that demands a rollback found the candidate at fault."""

    at: float
    deployment: str
    verdict: Verdict
    kind: Literal["breached"] = "breached"


@dataclass(frozen=True, slots=True)
class Noted:
    """A rule that only notifies, is a shadow, or is muted found the candidate at fault."""

    at: float
    deployment: str
    verdict: Verdict
    muted: str = ""
    """Until when, by whom and why it is muted; empty where it is not."""
    kind: Literal["noted"] = "noted"


@dataclass(frozen=True, slots=True)
class Paused:
    """A rule that demands a person's decision found the candidate at fault."""

    at: float
    deployment: str
    verdict: Verdict
    kind: Literal["paused"] = "paused"


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A person wants the running watch to go on with the rules as they are now."""

    at: float
    by: str
    deployment: str
    digest: str
    """Of the new rules."""
    kind: Literal["rejudged"] = "rejudged"


@dataclass(frozen=True, slots=True)
class WatchEnded:
    """The watch is over."""

    at: float
    deployment: str
    conclusions: tuple[Conclusion, ...]
    kind: Literal["watch ended"] = "watch ended"


@dataclass(frozen=True, slots=True)
class RollbackOrdered:
    """A person wants the traffic back. ``force``: also onto an environment without a healthy server."""

    at: float
    by: str
    reason: str
    force: bool = False
    kind: Literal["rollback ordered"] = "rollback ordered"


@dataclass(frozen=True, slots=True)
class Promoted:
    """A person declares what is live to be the safe side."""

    at: float
    by: str
    reason: str
    kind: Literal["promoted"] = "promoted"


@dataclass(frozen=True, slots=True)
class Unlatched:
    """A person lets the service move forward again after an automatic rollback."""

    at: float
    by: str
    reason: str
    kind: Literal["unlatched"] = "unlatched"


@dataclass(frozen=True, slots=True)
class MovedByHand:
    """Somebody changed the split at the balancer itself: the same worker that had confirmed ours now has another."""

    at: float
    split: Split
    worker: str
    kind: Literal["moved by hand"] = "moved by hand"


@dataclass(frozen=True, slots=True)
class Drifted:
    """The balancer was found other than guardian left it, and nothing that guardian intends has changed for it."""

    at: float
    what: str
    """What was changed, for people."""
    was: str
    now: str
    then: str
    """What guardian does about it."""
    kind: Literal["drifted"] = "drifted"


@dataclass(frozen=True, slots=True)
class Ended:
    """What the abandoned side still had when the routing of this generation was proved has been dealt with."""

    at: float
    generation: int
    environment: Environment
    moved: int
    """Requests that waited for the abandoned side and were given to the other."""
    cut: int
    """Connections and requests that were closed."""
    queued: int
    """Requests that still wait there."""
    open: int
    """Connections and requests that are still open there."""
    trouble: str = ""
    """Why something could not be done."""
    kind: Literal["ended"] = "ended"


@dataclass(frozen=True, slots=True)
class Saved:
    """What the shield did in a deployment that is over; see :class:`guardian.core.shield.Savings`."""

    at: float
    deployment: str
    tried: int
    saved: int
    lost: int
    plain: int = 0
    kind: Literal["saved"] = "saved"


@dataclass(frozen=True, slots=True)
class DrillOrdered:
    """A person wants to see ``share`` basis points go to the idle side and come back."""

    at: float
    by: str
    share: int
    kind: Literal["drill ordered"] = "drill ordered"


@dataclass(frozen=True, slots=True)
class Drilled:
    """A drill came to its end: every worker had the share, and has the old split again. Or ``trouble`` says why not."""

    at: float
    generation: int
    worker: str
    there: float
    """Seconds from the first command to every worker's confirmation."""
    back: float
    """The same of the way back."""
    trouble: str = ""
    kind: Literal["drilled"] = "drilled"


Event: TypeAlias = (
    Adopted
    | SwitchRequested
    | Routed
    | RoutingFailed
    | TargetUnable
    | FellBack
    | Breached
    | Noted
    | Paused
    | Rejudged
    | WatchEnded
    | RollbackOrdered
    | Promoted
    | Unlatched
    | MovedByHand
    | Drifted
    | Ended
    | Saved
    | DrillOrdered
    | Drilled
    | DeployRequested
    | TurnCame
    | Withdrawn
    | StageProgressed
    | StageEnded
    | WentOn
    | PutOff
    | WayClosed
    | Approved
    | ApprovalLapsed
    | Rejected
    | Held
    | Resumed
    | Skipped
    | AbortOrdered
    | Frozen
    | Unfrozen
    | Muted
    | Unmuted
    | TimeCame
)
