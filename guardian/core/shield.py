"""The shield: the other environment answers what a release on trial fails, refuses or delays, within the same request."""

from dataclasses import dataclass

METHODS = ("GET", "HEAD", "OPTIONS")
"""Methods whose requests change nothing, so that one may be sent twice (RFC 9110, 9.2.1)."""
FAILURES = ("500", "502", "503", "504", "conn-failure", "empty-response", "response-timeout")
"""How an answer fails, by the words of HAProxy's ``retry-on``."""


@dataclass(frozen=True, slots=True)
class Further:
    """Requests of one method below one path, which may be sent twice although the method as such may not."""

    method: str
    path: str
    """How it begins."""
    header: str = ""
    """One that such a request must have, as an `Idempotency-Key`; empty where none is asked for."""


@dataclass(frozen=True, slots=True)
class Shield:
    """What is saved for one service."""

    methods: tuple[str, ...] = METHODS
    """Whose requests may be sent a second time."""
    also: tuple[Further, ...] = ()
    """Further requests that may."""
    never: tuple[str, ...] = ()
    """How the paths begin whose requests are never sent twice."""
    failures: tuple[str, ...] = FAILURES
    """What counts as a failure."""
    patience: float = 2.0
    """Seconds in which the release must begin to answer, and within an answer go on with it."""
    budget: int | None = None
    """Requests a second that are saved at the most; ``None`` for as many as the other side takes without a queue."""


@dataclass(frozen=True, slots=True)
class Savings:
    """What the shield of one candidate did, as one worker of the balancer has counted it since its birth."""

    worker: str
    tried: int
    """Requests that the candidate failed and the other environment was asked for."""
    saved: int
    """Those that the other environment answered well."""
    lost: int
    """Failures that reached users through the shield in spite of it."""
    plain: int = 0
    """Failures of the candidate that reached users by the plain way: of requests that are never sent twice."""

    def since(self, before: "Savings | None") -> "Savings":
        """What came after ``before``, of the same worker; all of it where that was another one's."""
        if before is None or before.worker != self.worker:
            return self
        tried, saved, lost = self.tried - before.tried, self.saved - before.saved, self.lost - before.lost
        return Savings(self.worker, tried, saved, lost, self.plain - before.plain)

    def __add__(self, other: "Savings") -> "Savings":
        """Both together, under the name of the later worker."""
        tried, saved, lost = self.tried + other.tried, self.saved + other.saved, self.lost + other.lost
        return Savings(other.worker, tried, saved, lost, self.plain + other.plain)
