"""HAProxy and its host as guardian's state machine meets them, and what may happen there."""

from dataclasses import dataclass, field

from hypothesis import strategies as st

from guardian.core.model import Environment, Split
from guardian.core.ports import WorkerSplit
from guardian.core.rules import Lack
from guardian.core.verdicts import Conclusion, Finding, Verdict

splits = st.sampled_from([0, 1, 500, 5_000, 9_999, 10_000]).map(Split)
environments = st.sampled_from(Environment)
findings = st.sampled_from(Finding)
words = st.sampled_from(["", "because", "»é\n;"])
shares = st.sampled_from([10_000, 10_000, 10_000, 0, 1, 500, 5_000, 10_001])


def some_verdict(rule: str, finding: Finding) -> Verdict:
    """A verdict of ``rule``."""
    return Verdict(rule, finding, 1.5, 0.1, None, 3, 2.0, "a reason", 0.25)


GOOD = Conclusion(some_verdict("errors", Finding.HEALTHY), enough=True, lack=Lack.HOLD)


@st.composite
def conclusions(draw: st.DrawFn) -> tuple[Conclusion, ...]:
    """What judges may conclude: only health can be enough; what is breached never is."""
    made = []
    for number in range(draw(st.integers(0, 3))):
        finding = draw(findings)
        enough = finding is Finding.HEALTHY and draw(st.booleans())
        lack = draw(st.sampled_from(Lack))
        made.append(Conclusion(some_verdict(f"rule-{number}", finding), enough, lack, "" if enough else "too little was seen"))
    return tuple(made)


@dataclass
class World:
    """HAProxy's workers and its file, as they are and not as guardian believes them to be."""

    disk: Split
    workers: dict[str, Split] = field(default_factory=dict)
    current: str = "worker-1"
    born: int = 1
    healthy: dict[Environment, bool] = field(default_factory=lambda: dict.fromkeys(Environment, True))
    disk_full: bool = False
    silent: bool = False
    """A worker, or all of HAProxy, does not answer."""
    by_hand: set[str] = field(default_factory=set)
    """Workers whose split somebody changed at the socket since guardian last set it."""
    stale_born: set[str] = field(default_factory=set)
    """Workers that read a file which guardian could not write."""
    unkept: bool = False

    def reload(self) -> None:
        """A new worker reads the file; the old one lingers."""
        self.born += 1
        self.current = f"worker-{self.born}"
        self.workers[self.current] = self.disk
        if self.unkept:
            self.stale_born.add(self.current)

    def tell(self, worker: str, split: Split) -> None:
        """``set map`` by guardian."""
        self.workers[worker] = split
        self.by_hand.discard(worker)
        self.stale_born.discard(worker)

    def listing(self) -> list[WorkerSplit]:
        """What guardian reads, the current worker first."""
        found = [WorkerSplit(worker, split, worker == self.current) for worker, split in self.workers.items()]
        return sorted(found, key=lambda each: not each.current)
