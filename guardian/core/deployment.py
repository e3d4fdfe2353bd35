"""One release's way through the traffic, as data: the deployment, and the service that it happens to.

What can happen to them stands in :mod:`guardian.core.events`, the rules of the way in :mod:`guardian.core.switch`. All of it is
plain frozen data that survives JSON.
"""

from dataclasses import dataclass
from enum import StrEnum

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
class Drill:
    """A rehearsal of a rollback on the live balancer: a tiny share to the idle side and back."""

    at: float
    by: str
    share: int
    """Basis points that went to the idle side for a moment; 0 moves no traffic at all."""
    generation: int
    there: float | None = None
    """Seconds from the first command to every worker's confirmation."""
    back: float | None = None
    trouble: str = ""
    """Why it did not come to its end; empty when it did, or has not yet."""

    @property
    def over(self) -> bool:
        """Whether its outcome is known."""
        return self.back is not None or bool(self.trouble)


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
    confirmed_at: float = 0.0
    """When that generation was first proved."""
    ended: int = 0
    """The generation for which what its abandoned side still had was last dealt with."""
    worker: str = ""
    """The balancer's current worker when it last confirmed ``live``."""
    latch: Latch | None = None
    deployment: Deployment | None = None
    """The latest deployment."""
    drill: Drill | None = None
    """The latest drill."""

    @property
    def drilled(self) -> bool:
        """Whether the latest change of routing was a drill: then nothing was moved that would have to be taken back."""
        return self.drill is not None and self.drill.generation == self.generation

    @property
    def proved(self) -> bool:
        """Whether every worker was proved to have ``live``; if not, a change of routing is under way or was cut short."""
        return self.confirmed == self.generation
