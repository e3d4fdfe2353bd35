"""A circuit breaker per server: after some failures in a row it is asked once in a while only, until it answers. Pure.

The pattern is that of M. T. Nygard, "Release It!" (2007): closed, open, and half open while one probe is under way.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """When a circuit opens, and how often it then tries: the pause doubles from ``shortest`` to ``longest``, in seconds."""

    failures: int = 3
    shortest: float = 1.0
    longest: float = 30.0


@dataclass(frozen=True, slots=True)
class Opened:
    """The server is given up for now; the next try comes after ``pause`` seconds."""

    failures: int
    pause: float


@dataclass(frozen=True, slots=True)
class Closed:
    """The server answers again, ``seconds`` after the circuit had opened."""

    seconds: float


class Circuit:
    """One server's circuit. Times are seconds on a monotonic clock. Each change is returned once, and never said again."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._failures = 0
        self._opened_at: float | None = None
        self._pause = patience.shortest
        self._retry_at = 0.0
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether the server is given up for now."""
        return self._opened_at is not None

    def admits(self, now: float) -> bool:
        """Whether to ask the server now. While open, one caller per pause gets a yes: the probe.

        A probe that never reports is made up for by the next.
        """
        if self._opened_at is None:
            return True
        if now < self._retry_at:
            return False
        self._retry_at = now + self._pause
        self._probing = True
        return True

    def succeeded(self, now: float) -> Closed | None:
        """The server answered, whoever had asked."""
        self._failures, self._probing, self._pause = 0, False, self._patience.shortest
        if self._opened_at is None:
            return None
        closed = Closed(now - self._opened_at)
        self._opened_at = None
        return closed

    def failed(self, now: float) -> Opened | None:
        """The server did not answer. While open only the probe counts: queries sent before it opened say nothing new."""
        self._failures += 1
        if self._opened_at is None:
            if self._failures < self._patience.failures:
                return None
            self._opened_at, self._retry_at = now, now + self._pause
            return Opened(self._failures, self._pause)
        if self._probing:
            self._probing = False
            self._pause = min(self._pause * 2, self._patience.longest)
            self._retry_at = now + self._pause
        return None
