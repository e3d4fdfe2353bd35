"""What a judge must know of the deployment whose release is on trial."""

from dataclasses import dataclass

from guardian.core.model import Environment
from guardian.core.readings import History
from guardian.core.sequential import AT_CUTOVER


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate on trial: since when, for how long, and beside what."""

    candidate: Environment
    since: float
    """The cutover, in seconds since the epoch: nothing from before it is read."""
    seconds: float
    """The length of the watch."""
    look_every: float
    """Seconds between looks at the balancer's counters."""
    shared: bool
    """Whether both environments serve: then the candidate is compared with what the baseline does meanwhile, otherwise with
    what it did before the cutover."""
    history: History
    """The baseline's recent past, as it was at the cutover."""
    at_cutover: float = AT_CUTOVER
    """The weight of sequential tests on regressions that begin with the cutover itself."""
    clumps: bool = True
    """Whether sequential tests allow for errors that come in clumps."""
    stepwise: bool = True
    """Whether sequential tests bound the baseline's rate exactly, and in several steps where its past is short."""

    @property
    def baseline(self) -> Environment:
        """The environment that the candidate is compared with."""
        return self.candidate.other

    @property
    def looks(self) -> int:
        """The most looks that the watch can have."""
        return max(1, round(self.seconds / self.look_every))
