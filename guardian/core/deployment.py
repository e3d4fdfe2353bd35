"""One release's way through the traffic, as data: the deployment, the service that it happens to, and what can happen to both.

The rules of the way stand in :mod:`guardian.core.switch`. All of it is plain frozen data that survives JSON.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from guardian.core.model import Environment, Split
from guardian.core.readings import History
from guardian.core.verdicts import Conclusion, Verdict


class Phase(StrEnum):
    """Where a deployment stands."""

    CUTTING_OVER = "cutting over"
    WATCHING = "watching"
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    STUCK = "stuck"
    ABORTED = "aborted"

    @property
    def active(self) -> bool:
        """Whether guardian still has something to do by itself."""
        return self in _ACTIVE


_ACTIVE = frozenset({Phase.CUTTING_OVER, Phase.WATCHING, Phase.ROLLING_BACK, Phase.STUCK})


class Cause(StrEnum):
    """Why traffic was taken back."""

    RULE = "rule"
    PERSON = "person"
    NO_PROOF = "no proof"
    """The cut-over could not be carried out in every worker."""
    NO_EVIDENCE = "no evidence"
    """The watch ended without data, and a rule says that this is a failure."""
    BY_HAND = "by hand"
    """Somebody moved the traffic at the balancer itself."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """Taking the traffic back: why, on whose word, and how long it took."""

    cause: Cause
    by: str
    reason: str
    ordered_at: float
    verdict: Verdict | None = None
    done_at: float | None = None
    seconds: float | None = None
    """From the order to the last worker's confirmation."""
    trouble: str = ""
    """Why it could not be carried out yet; empty when it could."""
    forced_by: str | None = None
    """Who wants it even onto an environment without a healthy server; ``None`` where nobody does."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One change of traffic and what became of it."""

    id: str
    number: int
    candidate: Environment
    fallback: Split
    """Where the traffic goes when the candidate misbehaves."""
    target: Split
    phase: Phase
    requested_at: float
    requested_by: str
    reason: str
    watch_seconds: float
    rules_digest: str
    history: History
    """The baseline's past at the request: what a sequential rule compares with."""
    cutover_at: float | None = None
    cutover_seconds: float | None = None
    watch_ends_at: float | None = None
    rollback: Rollback | None = None
    conclusions: tuple[Conclusion, ...] = ()
    paused: Verdict | None = None
    """The first verdict of a rule that demands a person's decision before anything goes forward."""
    trouble: str = ""
    """Why it was aborted, or is unverified; empty otherwise."""
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class Latch:
    """Set by an automatic rollback: nothing moves forward until a person says so."""

    since: float
    deployment: str
    reason: str


@dataclass(frozen=True, slots=True)
class ServiceState:
    """All that guardian intends for one service. Its fold over the journal is the state: nothing else decides."""

    service: str
    live: Split
    """The split that every worker of the balancer should have now."""
    safe: Split
    """The split on disk: what a balancer falls back to that starts or reloads now."""
    generation: int = 0
    """Counts the changes of ``live``: an answer about an older one is ignored."""
    confirmed: int = 0
    """The generation that every worker was last proved to have."""
    worker: str = ""
    """The balancer's current worker when it last confirmed ``live``."""
    latch: Latch | None = None
    deployment: Deployment | None = None
    """The latest deployment."""

    @property
    def proved(self) -> bool:
        """Whether every worker was proved to have ``live``; if not, a change of routing is under way or was cut short."""
        return self.confirmed == self.generation


# What can happen. Every event carries its time; ``kind`` names it in the journal.


@dataclass(frozen=True, slots=True)
class Adopted:
    """Guardian meets the service for the first time and takes what the balancer does as given."""

    at: float
    split: Split
    worker: str
    kind: Literal["adopted"] = "adopted"


@dataclass(frozen=True, slots=True)
class SwitchRequested:
    """Somebody wants ``share`` basis points of the traffic on ``candidate``."""

    at: float
    by: str
    reason: str
    candidate: Environment
    share: int
    watch_seconds: float
    rules_digest: str = ""
    history: History = field(default_factory=History)
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
class Breached:
    """A rule that demands a rollback found the candidate at fault."""

    at: float
    deployment: str
    verdict: Verdict
    kind: Literal["breached"] = "breached"


@dataclass(frozen=True, slots=True)
class Noted:
    """A rule that only notifies found the candidate at fault."""

    at: float
    deployment: str
    verdict: Verdict
    kind: Literal["noted"] = "noted"


@dataclass(frozen=True, slots=True)
class Paused:
    """A rule that demands a person's decision found the candidate at fault."""

    at: float
    deployment: str
    verdict: Verdict
    kind: Literal["paused"] = "paused"


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


Event: TypeAlias = (
    Adopted
    | SwitchRequested
    | Routed
    | RoutingFailed
    | TargetUnable
    | Breached
    | Noted
    | Paused
    | WatchEnded
    | RollbackOrdered
    | Promoted
    | Unlatched
    | MovedByHand
)


# What is to be done. Commands are idempotent: carried out twice they do no harm.


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


Command: TypeAlias = Route | Keep | Watch | Unwatch
