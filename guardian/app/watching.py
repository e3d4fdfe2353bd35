"""What a watch is, how often it looks, and whom it tells what."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from guardian.core.deployment import Deployment, ServiceState
from guardian.core.events import Event
from guardian.core.judges.judge import Judge
from guardian.core.judges.trial import Trial
from guardian.core.rules import RuleSet, Source, Threshold
from guardian.core.verdicts import Finding, Verdict

HISTORY_PATIENCE = 10.0
"""Seconds that the end of a watch waits for the evaluations that were due before it."""


IDLE_SECONDS = 1.0
"""Between looks at a service that is not on trial: enough for its past, where :mod:`guardian.app.attention` wants no more."""


class Instruments(Protocol):
    """Where the watch shows what it sees."""

    def looked(self, lateness: float, took: float) -> None:
        """One look was done: seconds that it began late, and that it took."""

    def evaluated(self, lateness: float) -> None:
        """A query was asked: seconds after it was due."""

    def breached(self, service: str, verdict: Verdict) -> None:
        """A rule found the candidate at fault."""


@dataclass(slots=True)
class Watch:
    """One deployment on trial."""

    deployment: Deployment
    judges: list[Judge]
    trial: Trial
    noted: set[str] = field(default_factory=set)
    over: bool = False
    due: float = 0.0
    """Not concluded before this moment."""
    thin: bool = False
    """Whether it has been told that a bake which should be over has not seen enough."""
    anew: dict[str, float] = field(default_factory=dict)
    """Rules that began anew when they were not muted any more, and from when on they count."""
    looking: list[Judge] = field(init=False)
    """The judges that read the balancer's counters at every look."""
    asking: list[Judge] = field(init=False)
    """The others."""

    def __post_init__(self) -> None:
        """Tell the judges apart."""
        self.give(self.judges)

    def give(self, judges: list[Judge]) -> None:
        """Go on with ``judges``."""
        self.judges = judges
        self.looking = [judge for judge in judges if judge.rule.source is Source.HAPROXY]
        self.asking = [judge for judge in judges if judge.rule.source is not Source.HAPROXY]

    def behind(self, now: float) -> bool:
        """Whether a rule that looks back has still to be judged on part of the watch, and may well be: guardian was down."""
        judges = self.asking if now < self.due + HISTORY_PATIENCE else []
        return any(judge.rule.looks_back and judge.finding is not Finding.FAILED and _owed(judge, self.due) for judge in judges)


@dataclass(frozen=True, slots=True)
class Beat:
    """How often the watch looks."""

    look_every: float = 0.05
    idle_every: float = IDLE_SECONDS
    turned: Callable[[], None] = lambda: None
    """Called after every look."""


Report = Callable[[str, Event], Awaitable[object]]


Rules = Callable[[str], RuleSet]


Records = Mapping[str, Mapping[str, Any]]
"""The evidence of a deployment, by rule, as plain JSON values."""


@dataclass(frozen=True, slots=True)
class Wires:
    """Whom the watch tells what."""

    report: Report
    """Breaches and the ends of watches."""
    reborn: Callable[[str], None]
    """The balancer has a new worker: the service's split may be lost."""
    keep: Callable[[str, Callable[[], Records]], None]
    """A deployment's watch is over: its evidence is to be kept. It takes milliseconds to gather, in any thread: not before the
    rollback is done."""
    state: Callable[[str], ServiceState] | None = None
    """Which rules of a service are muted; without it, none is."""


def _owed(judge: Judge, until: float) -> bool:
    """Whether an evaluation of ``judge`` was due before ``until``, and is not done."""
    test, last = judge.rule.test, judge.last
    if not isinstance(test, Threshold):
        return False
    first = judge.trial.since + test.warm_up + test.window
    return (last + test.every if last > judge.trial.since else first) < until
