"""What happens on the way to traffic: requests, stages, answers, pauses, freezes, mutes (:mod:`guardian.core.events`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from guardian.core.model import Environment
from guardian.core.readings import History
from guardian.core.strategy import StageKind, StrategyStep


@dataclass(frozen=True, slots=True)
class DeployRequested:
    """Somebody wants ``version`` on the idle environment, verified, and given the traffic step by step."""

    at: float
    by: str
    reason: str
    version: str
    candidate: Environment
    """The idle environment."""
    steps: tuple[StrategyStep, ...]
    watch_seconds: float
    rules_digest: str = ""
    history: History = field(default_factory=History)
    key: str = ""
    """Asked again with the same key, nothing is done again."""
    again: bool = False
    """Also a version that was taken back before."""
    wait: bool = False
    """Whether it may wait for its turn."""
    alone: bool = False
    """Whether whoever asks breaks the glass: past a freeze and a closed window."""
    retire_after: float | None = None
    """Seconds that the environment it replaces stays warm; ``None``: it is not retired."""
    retire_seconds: float = 0.0
    after: str = ""
    """The deployment whose retired predecessor comes back with this one: a rollback, which neither latch nor freeze holds back."""
    kind: Literal["deploy requested"] = "deploy requested"


@dataclass(frozen=True, slots=True)
class TurnCame:
    """A deployment that waited for its turn begins, with what is idle and what is known now."""

    at: float
    deployment: str
    candidate: Environment
    rules_digest: str
    history: History
    kind: Literal["turn came"] = "turn came"


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A person takes a deployment out of the queue."""

    at: float
    by: str
    reason: str
    deployment: str
    kind: Literal["withdrawn"] = "withdrawn"


@dataclass(frozen=True, slots=True)
class StageProgressed:
    """A stage has something to say while it works. Nothing changes by it."""

    at: float
    deployment: str
    number: int
    line: str
    kind: Literal["stage progressed"] = "stage progressed"


@dataclass(frozen=True, slots=True)
class StageEnded:
    """A stage is over."""

    at: float
    deployment: str
    stage: StageKind
    number: int
    ok: bool
    summary: str
    details: Mapping[str, Any] = field(default_factory=dict)
    """What it found in detail: plain JSON values, for the note. Not a part of the state."""
    kind: Literal["stage ended"] = "stage ended"


@dataclass(frozen=True, slots=True)
class WentOn:
    """The next step begins: the present one is done, the window is open, and all who agreed still may."""

    at: float
    deployment: str
    step: int
    """The present one."""
    kind: Literal["went on"] = "went on"


@dataclass(frozen=True, slots=True)
class PutOff:
    """What the event before it began was not recorded in time: nothing of it was done, and all is as it was before that event."""

    at: float
    deployment: str
    reason: str
    kind: Literal["put off"] = "put off"


@dataclass(frozen=True, slots=True)
class WayClosed:
    """The next step could begin, but for the time of the week."""

    at: float
    deployment: str
    until: float
    reason: str
    kind: Literal["way closed"] = "way closed"


@dataclass(frozen=True, slots=True)
class Approved:
    """A person agrees that a deployment goes on."""

    at: float
    by: str
    reason: str
    deployment: str
    number: int
    """Of the question that is answered."""
    alone: bool = False
    """Whether the glass is broken: one word for all that are needed, the requester's own too."""
    kind: Literal["approved"] = "approved"


@dataclass(frozen=True, slots=True)
class ApprovalLapsed:
    """Somebody who agreed may not agree any more."""

    at: float
    by: str
    deployment: str
    number: int
    kind: Literal["approval lapsed"] = "approval lapsed"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A person does not agree: the deployment is over."""

    at: float
    by: str
    reason: str
    deployment: str
    number: int
    kind: Literal["rejected"] = "rejected"


@dataclass(frozen=True, slots=True)
class Held:
    """A person pauses a deployment: nothing new begins until it is resumed."""

    at: float
    by: str
    reason: str
    kind: Literal["held"] = "held"


@dataclass(frozen=True, slots=True)
class Resumed:
    """A person lets a paused deployment go on, whether a person or a rule paused it."""

    at: float
    by: str
    reason: str
    kind: Literal["resumed"] = "resumed"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A person cuts the rest of a bake or of a watch short."""

    at: float
    by: str
    reason: str
    kind: Literal["skipped"] = "skipped"


@dataclass(frozen=True, slots=True)
class AbortOrdered:
    """A person ends a deployment; what traffic it has is taken back."""

    at: float
    by: str
    reason: str
    kind: Literal["abort ordered"] = "abort ordered"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A person lets nothing of the service move forward for a while."""

    at: float
    by: str
    reason: str
    until: float
    kind: Literal["frozen"] = "frozen"


@dataclass(frozen=True, slots=True)
class Unfrozen:
    """A person ends a freeze before its time."""

    at: float
    by: str
    reason: str
    kind: Literal["unfrozen"] = "unfrozen"


@dataclass(frozen=True, slots=True)
class Muted:
    """A person lets a rule be without consequence for a while."""

    at: float
    by: str
    reason: str
    rule: str
    until: float
    kind: Literal["muted"] = "muted"


@dataclass(frozen=True, slots=True)
class Unmuted:
    """A person ends a mute before its time."""

    at: float
    by: str
    reason: str
    rule: str
    kind: Literal["unmuted"] = "unmuted"


@dataclass(frozen=True, slots=True)
class TimeCame:
    """A moment has come that is waited for: the end of a freeze, a mute, a question, of a warm time; the next share of a ramp."""

    at: float
    kind: Literal["time came"] = "time came"
