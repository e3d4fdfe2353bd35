"""How the stand-in for Slack misbehaves: each fault meets the next call of a method, or all calls until it is lifted."""

import asyncio
import contextlib
from asyncio import Transport
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

DROP_SECONDS = 0.02
"""Between two bytes."""


@dataclass(frozen=True, slots=True)
class Error:
    """``ok: false`` with this error."""

    code: str


@dataclass(frozen=True, slots=True)
class Status:
    """An answer of the infrastructure before Slack: a page of HTML."""

    status: int


@dataclass(frozen=True, slots=True)
class RateLimited:
    """429, and seconds to wait."""

    retry_after: int


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing, ever: a black hole."""


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """It is done, and the connection breaks before the answer."""


@dataclass(frozen=True, slots=True)
class Drops:
    """``before``, then a byte now and then, for ever."""

    before: bytes


async def drip(transport: Transport | None, before: bytes, over: asyncio.Event) -> None:
    """Send ``before``, then a byte now and then until the client hangs up, or it is ``over``."""
    assert transport is not None
    transport.write(before)
    while not transport.is_closing() and not over.is_set():
        transport.write(b"a")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DROP_SECONDS):
                await over.wait()
    transport.abort()


Fault: TypeAlias = Error | Status | RateLimited | Hang | LostAnswer | Drops


class Faults:
    """What goes wrong next."""

    def __init__(self) -> None:
        self._next: dict[str, deque[Fault]] = defaultdict(deque)
        self._lasting: dict[str, Fault] = {}

    def once(self, method: str, *faults: Fault) -> None:
        """Each of ``faults`` meets one call."""
        self._next[method].extend(faults)

    def always(self, method: str, fault: Fault) -> None:
        """``fault`` meets every call until it is lifted."""
        self._lasting[method] = fault

    def lift(self, method: str) -> None:
        """Nothing goes wrong any more."""
        self._lasting.pop(method, None)
        self._next.pop(method, None)

    def of(self, method: str) -> Fault | None:
        """What meets this call."""
        waiting = self._next[method]
        return waiting.popleft() if waiting else self._lasting.get(method) or self._lasting.get("*")


class Pace:
    """A bucket for each method and channel: ``burst`` calls at once, then one every ``every`` seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._limits: dict[str, tuple[int, float]] = {}
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}
        self.limited = 0
        """Calls that came too fast."""

    def limit(self, method: str, burst: int, every: float) -> None:
        """Hold ``method`` to a rate."""
        self._limits[method] = (burst, every)

    def wait(self, method: str, channel: str) -> float:
        """Seconds until this call would be taken; 0 takes it."""
        if method not in self._limits:
            return 0.0
        burst, every = self._limits[method]
        left, at = self._buckets.get((method, channel), (float(burst), self._now()))
        left = min(float(burst), left + (self._now() - at) / every)
        if left < 1:
            self.limited += 1
            return (1 - left) * every
        self._buckets[method, channel] = (left - 1, self._now())
        return 0.0
