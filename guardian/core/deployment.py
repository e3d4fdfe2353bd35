"""One release's way through the traffic, as data: the deployment, and the service that it happens to.

What can happen to them stands in :mod:`guardian.core.events`, the rules of the way in :mod:`guardian.core.switch`. All of it is
plain frozen data that survives JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from guardian.core.model import Environment, Split
from guardian.core.readings import History
from guardian.core.release import (
    Closed,
    FailedVersion,
    Freeze,
    Hold,
    Installed,
    Key,
    Mute,
    Question,
    Retirement,
    Skip,
    StageDone,
    StageWork,
)
from guardian.core.release_events import DeployRequested
from guardian.core.strategy import StrategyStep
from guardian.core.verdicts import Conclusion, Verdict


class Phase(StrEnum):
    """Where a deployment stands."""

    DEPLOYING = "deploying"
    VERIFYING = "verifying"
    AWAITING_APPROVAL = "awaiting approval"
    SHIFTING = "shifting"
    BAKING = "baking"
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

    @property
    def going_back(self) -> bool:
        """Whether traffic is being taken back."""
        return self in (Phase.ROLLING_BACK, Phase.STUCK)

    @property
    def moving(self) -> bool:
        """Whether a share for the candidate is on its way into every worker."""
        return self in (Phase.SHIFTING, Phase.CUTTING_OVER)

    @property
    def proved(self) -> bool:
        """Whether the candidate has its share in every worker, and the judges have their time."""
        return self in (Phase.BAKING, Phase.WATCHING)


_FORWARD = frozenset(
    {
        Phase.DEPLOYING,
        Phase.VERIFYING,
        Phase.AWAITING_APPROVAL,
        Phase.SHIFTING,
        Phase.BAKING,
        Phase.CUTTING_OVER,
        Phase.WATCHING,
    }
)
_ACTIVE = _FORWARD | {Phase.ROLLING_BACK, Phase.STUCK}


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
    UNABLE = "unable"
    """The candidate lost its last healthy server between two steps."""
    STAGE = "stage"
    """The candidate was not verified between two steps."""
    CALLED_OFF = "called off"
    """A person aborted the deployment, or it was not approved."""

    @property
    def blames(self) -> bool:
        """Whether guardian found the release at fault by itself: then nothing moves forward until a person says so."""
        return self in (Cause.RULE, Cause.NO_EVIDENCE, Cause.UNABLE, Cause.STAGE)


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
class Shielded:
    """What the shield did for the users of a release on trial."""

    tried: int
    """Requests that the candidate failed and the other environment was asked for."""
    saved: int
    """Those that the other environment answered well."""
    lost: int
    """Failures that users saw, among the requests that came this way."""
    plain: int = 0
    """Failures that users saw of requests that are never sent twice."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One change of traffic and what became of it."""

    id: str
    number: int
    candidate: Environment
    fallback: Split
    """Where the traffic goes when the candidate misbehaves."""
    target: Split
    """What it is on its way to, or is judged with: the share of the present step, or all of the traffic."""
    phase: Phase
    requested_at: float
    requested_by: str
    reason: str
    watch_seconds: float
    """How long :attr:`target` is judged."""
    rules_digest: str
    history: History
    """The baseline's past at the request: what a sequential rule compares with."""
    cutover_at: float | None = None
    """When :attr:`target` was proved in every worker; ``None`` before the candidate has any traffic."""
    cutover_seconds: float | None = None
    watch_ends_at: float | None = None
    rollback: Rollback | None = None
    conclusions: tuple[Conclusion, ...] = ()
    paused: Verdict | None = None
    """The first verdict of a rule that demands a person's decision before anything goes forward."""
    trouble: str = ""
    """Why it was aborted, or is unverified; empty otherwise."""
    ended_at: float | None = None
    version: str = ""
    """What is released; empty where nobody said."""
    goal: Split | None = None
    """Where its last step leads; ``None`` where that is :attr:`target`."""
    steps: tuple[StrategyStep, ...] = ()
    """The way before all of the traffic is cut over."""
    step: int = 0
    """The present one; as many as there are for the cutover itself."""
    ready: bool = False
    """Whether the present step is done and the next one begins as soon as nothing holds it back."""
    watch_after: float | None = None
    """How long the release is watched after its cutover, where steps come before; ``None``: :attr:`watch_seconds`."""
    ramp_at: float | None = None
    """When the share of a ramp grows again."""
    stage: StageWork | None = None
    """What is being done around the switch just now."""
    stages: tuple[StageDone, ...] = ()
    question: Question | None = None
    """What people are, or were last, asked."""
    held: Hold | None = None
    thin: str = ""
    """Why a bake that should be over goes on: what it has not seen yet."""
    closed: Closed | None = None
    """Why the next step waits though it is ready."""
    skips: tuple[Skip, ...] = ()
    alone: bool = False
    """Whether whoever asked broke the glass: no freeze and no closed window holds it back."""
    retire_after: float | None = None
    """Seconds that the environment it replaces stays warm; ``None``: it is not retired."""
    retire_seconds: float = 0.0
    """How long retiring that one may take."""
    shielded: Shielded | None = None
    """``None`` where the shield had nothing to do, or it is not known yet."""
    after: str = ""
    """The deployment whose retired predecessor this one brings back; empty for all others."""
    mutes: tuple[Mute, ...] = ()
    """Those that were in force while it was judged."""
    unmuted: Mapping[str, float] = field(default_factory=dict)
    """Rules whose mute ended while it was judged, and when: what they saw before does not count."""

    @property
    def aim(self) -> Split:
        """Where its last step leads."""
        return self.goal or self.target

    @property
    def exposed(self) -> bool:
        """Whether the candidate has traffic that must be taken back where it misbehaves, and that judges look at."""
        return self.cutover_at is not None and self.phase in _FORWARD

    @property
    def undecided(self) -> bool:
        """Whether people are asked, and have not agreed yet."""
        return self.phase is Phase.AWAITING_APPROVAL and self.question is not None and not self.question.granted

    @property
    def current(self) -> StrategyStep | None:
        """The present step; ``None`` for the cutover of all traffic, and after it."""
        return self.steps[self.step] if self.step < len(self.steps) else None

    @property
    def upcoming(self) -> StrategyStep | None:
        """The next step; ``None`` where that is the cutover of all traffic."""
        return self.steps[self.step + 1] if self.step + 1 < len(self.steps) else None


@dataclass(frozen=True, slots=True)
class Latch:
    """Set by an automatic rollback: nothing moves forward until a person says so."""

    since: float
    """Seconds since the epoch."""
    deployment: str
    """Empty where it was not a deployment: what was known of the service was lost."""
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
    """The same of the way back."""
    trouble: str = ""
    """Why it did not come to its end; empty when it did, or has not yet."""

    @property
    def over(self) -> bool:
        """Whether its outcome is known."""
        return self.back is not None or bool(self.trouble)


@dataclass(frozen=True, slots=True)
class Queued:
    """A deployment that waits for its turn."""

    id: str
    number: int
    request: DeployRequested


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
    numbered: int = 0
    """The highest number that a deployment was given, also one that still waits."""
    freeze: Freeze | None = None
    versions: Mapping[Environment, Installed] = field(default_factory=dict)
    """What was brought onto each environment last, as far as guardian did it."""
    failed: tuple[FailedVersion, ...] = ()
    """Versions that were taken back, and have not been verified since."""
    queue: tuple[Queued, ...] = ()
    keys: tuple[Key, ...] = ()
    retirement: Retirement | None = None
    """The environment that the latest good release has replaced."""
    mutes: tuple[Mute, ...] = ()

    @property
    def drilled(self) -> bool:
        """Whether the latest change of routing was a drill: then nothing was moved that would have to be taken back."""
        return self.drill is not None and self.drill.generation == self.generation

    @property
    def proved(self) -> bool:
        """Whether every worker was proved to have ``live``; if not, a change of routing is under way or was cut short."""
        return self.confirmed == self.generation
