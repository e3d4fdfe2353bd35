"""How a release comes to its traffic, as data: the steps of a deployment, who must agree, and when it may move."""

from dataclasses import dataclass, field
from enum import StrEnum

from guardian.core.calendar import Calendar


class StageKind(StrEnum):
    """The work around a switch."""

    DEPLOY = "deploy"
    """Bring a version onto the idle environment."""
    PARITY = "parity"
    """Compare the two environments."""
    VERIFY = "verify"
    """Try the candidate out, before it has traffic or between two steps."""
    RETIRE = "retire"
    """Free the environment that a verified release has replaced."""


class StepKind(StrEnum):
    """What a step of a deployment does."""

    DEPLOY = "deploy"
    PARITY = "parity"
    VERIFY = "verify"
    ASK = "ask"
    """Wait until people have agreed."""
    SHIFT = "shift"
    """Give the candidate a share, and bake it."""
    RAMP = "ramp"
    """Let the candidate's share grow little by little."""

    @property
    def moves(self) -> bool:
        """Whether the step gives the candidate more traffic: then a pause, a freeze or a closed window holds it back."""
        return self in (StepKind.SHIFT, StepKind.RAMP)

    @property
    def stage(self) -> StageKind | None:
        """The work that the step is, if it is any."""
        return StageKind(self.value) if self in (StepKind.DEPLOY, StepKind.PARITY, StepKind.VERIFY) else None


@dataclass(frozen=True, slots=True)
class StrategyStep:
    """One step of a deployment. After the last one all of the traffic is cut over, and watched."""

    kind: StepKind
    share: int = 0
    """For a shift or a ramp: the candidate's share at its end, in basis points."""
    seconds: float = 0.0
    """How long a share bakes, a ramp takes, an approval may take, or a stage may take."""
    needed: int = 0
    """For :attr:`StepKind.ASK`: how many must agree."""


class Queueing(StrEnum):
    """What becomes of a deployment that is asked for while another one is under way."""

    REFUSE = "refuse"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Strategy:
    """How the releases of one service come to their traffic."""

    steps: tuple[StrategyStep, ...] = ()
    """Between the verification of the idle side and the cutover of all traffic; none: all of it at once."""
    queue: Queueing = Queueing.REFUSE
    warm: float = 3600.0
    """Seconds that the environment which a good release has replaced stays as it is, before it is retired."""
    calendar: Calendar = field(default_factory=Calendar)
    """When releases may move."""

    @property
    def asks(self) -> bool:
        """Whether people must agree somewhere on the way."""
        return any(step.kind is StepKind.ASK for step in self.steps)
