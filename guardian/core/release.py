"""What a deployment gathers on its way: work that was done, questions and answers, pauses, versions; and what comes after it.

Plain frozen data that survives JSON, like :mod:`guardian.core.deployment`, which holds it. Times are seconds since the epoch.
"""

from dataclasses import dataclass
from enum import StrEnum

from guardian.core.model import Environment
from guardian.core.ports import StageJob
from guardian.core.strategy import StageKind


@dataclass(frozen=True, slots=True)
class StageWork:
    """A stage that is under way."""

    job: StageJob
    began_at: float


@dataclass(frozen=True, slots=True)
class StageDone:
    """A stage that is over."""

    kind: StageKind
    number: int
    ok: bool
    summary: str
    began_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's word that a deployment may go on."""

    by: str
    at: float
    reason: str = ""
    alone: bool = False
    """Whether the glass was broken: this word counts for all that were needed, and everybody is told."""


@dataclass(frozen=True, slots=True)
class Question:
    """A deployment waits for people to agree."""

    number: int
    """Counts the questions of the deployment: an answer to an older one is no answer."""
    asked_at: float
    expires_at: float
    needed: int
    approvals: tuple[Approval, ...] = ()

    @property
    def granted(self) -> bool:
        """Whether enough have agreed."""
        return len(self.approvals) >= self.needed or any(approval.alone for approval in self.approvals)


@dataclass(frozen=True, slots=True)
class Hold:
    """A person's pause: what is under way goes on, and nothing new begins."""

    by: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Skip:
    """The rest of a bake or of a watch that a person cut short."""

    by: str
    reason: str
    at: float
    step: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The way forward is closed at this time of the week."""

    until: float
    reason: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """Nothing of a service moves forward. A rollback is not held back by it."""

    by: str
    reason: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Mute:
    """A rule is judged and told, and moves and pauses nothing. A rollback by anybody, or anything, else is not held back by it."""

    rule: str
    by: str
    reason: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Installed:
    """What was brought onto an environment last."""

    version: str
    deployment: str
    at: float
    whole: bool = True
    """Whether the deploy stage came to its end; if not, the environment may hold half of each."""


@dataclass(frozen=True, slots=True)
class FailedVersion:
    """A version that was taken back."""

    version: str
    deployment: str
    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Key:
    """A request that was taken: asked again with the same key, it is not done again."""

    key: str
    deployment: str
    version: str


class Rest(StrEnum):
    """What has become of the environment that a good release has replaced."""

    WARM = "warm"
    RETIRING = "retiring"
    RETIRED = "retired"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Retirement:
    """The environment that a good release has replaced."""

    environment: Environment
    deployment: str
    """The one that replaced it."""
    version: str
    """What runs there; empty where that is not known."""
    due_at: float
    """When it is retired, unless it is needed again before."""
    seconds: float
    """How long retiring it may take."""
    rest: Rest = Rest.WARM
    stage: StageWork | None = None
    summary: str = ""
    """What retiring it came to."""
    ended_at: float | None = None
