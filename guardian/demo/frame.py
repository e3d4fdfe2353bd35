"""What the demonstration has to show at one moment, already measured and decided."""

from dataclasses import dataclass
from enum import StrEnum

from guardian.core.model import Environment, Split


class Tone(StrEnum):
    """How a sentence is meant."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Moment:
    """One event of the timeline."""

    at: float
    """Seconds since the demonstration began."""
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Lane:
    """One environment."""

    environment: Environment
    version: str
    role: str
    """What it is there for at the moment, in a few words."""
    rate: float
    """Requests per second."""
    error_share: float | None
    """0 to 1; ``None`` without traffic."""
    p50: float | None
    p99: float | None
    """Latencies in seconds; ``None`` without traffic."""
    requests: tuple[float, ...] = ()
    """Requests per second in successive intervals, the newest last."""
    errors: tuple[float, ...] = ()
    """Errors per second in the same intervals."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything that is shown at one moment."""

    elapsed: float
    """Seconds since the demonstration began."""
    act: str
    """Which part is playing."""
    phase: str
    """Where the deployment stands, in one or two words."""
    sentence: str
    """What guardian is doing."""
    split: Split
    blue: Lane
    green: Lane
    connection_failures: int
    """Requests so far that came to no answer."""
    timeline: tuple[Moment, ...] = ()
    """All moments so far."""
    tone: Tone = Tone.PLAIN
    """How the phase is meant."""
