"""What the demonstration says."""

from collections.abc import Iterator
from dataclasses import dataclass

from guardian.core.model import Environment
from guardian.core.words import shield
from guardian.core.words.figures import count, seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured. Times in seconds; ``None`` where it did not happen."""

    fault: str
    healthy_phase: str
    bad_phase: str
    first_bad: float | None
    """From the switching on of the fault to the first bad answer that a client got."""
    harm_seconds: float | None
    """From the first bad answer to the last."""
    bad_answers: int
    decided: float | None
    """From guardian's decision to the last worker's confirmation."""
    stale: int
    """Requests that reached the bad release after that was acknowledged."""
    failed_connections: int
    requests: int
    rule: str
    reason: str
    saved: tuple[int, int, int, int] | None = None
    """Behind the shield: requests tried again, answered by the other side, and lost; and failures by the plain way."""

    @property
    def false_alarms(self) -> int:
        """Rollbacks of a healthy release."""
        return int(self.healthy_phase != "verified")

    @property
    def good(self) -> bool:
        """Whether guardian did what it promises."""
        return not self.false_alarms and self.bad_phase == "rolled back" and not self.failed_connections and not self.stale


def act_steady(rate: float) -> str:
    """Before the first release."""
    return f"Ordinary traffic: {count(rate)} requests a second, all on blue"


def act_good() -> str:
    """The first release."""
    return "A healthy release"


def act_bad(fault: str) -> str:
    """The second release."""
    return f"A release that will turn bad ({fault})"


def deployed(version: str, environment: Environment) -> str:
    """A version was put on the idle environment."""
    return f"{version} is deployed to {environment}, which has no traffic"


def role(*, has_traffic: bool) -> str:
    """What an environment is there for."""
    return "serving" if has_traffic else "idle, warm"


def fault_begins(fault: str) -> str:
    """The release turns bad."""
    return f"the release turns bad: {_FAULTS[fault]}"


_FAULTS = {
    "errors": "every answer is an error from now on",
    "partial": "one answer in twenty is an error from now on",
    "latency": "every answer takes half a second longer from now on",
    "down": "the application is gone",
}


def interrupted() -> str:
    """Ctrl-C."""
    return "interrupted; everything that was started is gone"


def summary(outcome: Outcome) -> Iterator[str]:
    """The measured end, line by line."""
    yield ""
    yield f"healthy release        {outcome.healthy_phase}, {outcome.false_alarms} false alarms"
    yield f"bad release            {outcome.bad_phase} ({outcome.fault})"
    if outcome.rule:
        yield f"why                    {outcome.rule}: {outcome.reason}"
    if outcome.first_bad is not None and outcome.harm_seconds is not None:
        yield f"first bad answer       {seconds(outcome.first_bad)} after the release turned bad"
        yield f"first -> last          {seconds(outcome.harm_seconds)}, {count(outcome.bad_answers)} bad answers served"
    elif outcome.saved:
        yield "first bad answer       none: no user saw the release fail"
    if outcome.saved:
        yield f"behind the shield      {shield.told(*outcome.saved, 'the other side')}"
    if outcome.decided is not None:
        yield f"decision -> proof      {seconds(outcome.decided)}, read back from every worker"
    yield f"after the proof        {count(outcome.stale)} requests reached the bad release"
    yield f"all the time           {count(outcome.requests)} requests, {count(outcome.failed_connections)} failed connections"
