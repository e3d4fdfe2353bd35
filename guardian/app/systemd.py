"""What the service manager is told, where there is one: that guardian is ready, what it is doing, and that all of it lives."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

CHECK_SECONDS = 1.0
"""Between two looks at whether every part has completed a turn."""


class Notifier:
    """The notification socket of the unit (sd_notify(3)); says nothing where there is none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        pid = environment.get("WATCHDOG_PID", "")
        watched = pid in ("", str(os.getpid())) and environment.get("WATCHDOG_USEC", "").isdigit()
        self.watchdog_seconds = int(environment["WATCHDOG_USEC"]) / 1e6 if watched else 0.0
        """How long the manager waits for a sign of life; 0.0 where it does not."""

    def tell(self, **fields: str | int) -> None:
        """Send ``fields``. A manager that cannot be told changes nothing about the work."""
        if not self._address:
            return
        message = "\n".join(f"{name}={' '.join(str(value).splitlines())}" for name, value in fields.items()).encode()
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as told,
        ):
            told.sendto(message, self._address)

    def starting(self, seconds: float, status: str) -> None:
        """A start has more to do than usual, and goes on for so long at the least."""
        self.tell(EXTEND_TIMEOUT_USEC=int(seconds * 1e6), STATUS=status)

    def reloading(self) -> None:
        """The files are read again; :meth:`tell` with ``READY=1`` must follow, whatever comes of it."""
        self.tell(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)

    def stopping(self, seconds: float, status: str) -> None:
        """A stop has begun and may take so long."""
        self.tell(STOPPING=1, EXTEND_TIMEOUT_USEC=int(seconds * 1e6), STATUS=status)


class Heart:
    """Beats for the watchdog only when every part of the program has completed a turn since the last beat.

    A part that hangs, and be it the one that nobody would miss for an hour, stops it; then the manager restarts guardian, which
    HAProxy does not notice.
    """

    def __init__(self, parts: frozenset[str], notifier: Notifier, status: Callable[[], str]) -> None:
        self._parts, self._notifier, self._status = parts, notifier, status
        self._turned: set[str] = set()
        self._told = ""
        self.ready = False

    def turned(self, part: str) -> None:
        """``part`` has completed a turn."""
        if part in self._parts:
            self._turned.add(part)

    async def run(self) -> None:
        """Beat for ever. The first beat says that guardian is ready: everything has been looked at once."""
        while True:
            await asyncio.sleep(CHECK_SECONDS if self.ready else CHECK_SECONDS / 10)
            self.check()

    def check(self) -> None:
        """Beat if everything has turned, and tell the sentence of the moment if it is another one."""
        if self._turned >= self._parts:
            self._turned.clear()
            if not self.ready:
                self.ready = True
                self._notifier.tell(READY=1)
            self._notifier.tell(WATCHDOG=1)
        status = self._status()
        if status != self._told:
            self._told = status
            self._notifier.tell(STATUS=status)

    @property
    def missing(self) -> tuple[str, ...]:
        """The parts that have not turned since the last beat."""
        return tuple(sorted(self._parts - self._turned))
