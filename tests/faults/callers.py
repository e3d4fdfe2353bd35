"""Two hundred connections to guardian's socket, over which calls are sent at a rate that no answer slows down.

    callers.py SOCKET SECONDS RATE

Prints a line when the storm has begun, and at its end what was sent, that is, taken by the kernel for guardian, and answered.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from contextlib import suppress
from itertools import cycle, islice

KINDS = (("GET", "/v1/services"), ("POST", "/v1/services/web/promote"), ("POST", "/v1/services/web/unlatch"), ("GET", "/metrics"))
CALLERS, AT_ONCE = 200, 10
BEGUN = 10_000
"""Calls sent after which the storm counts as one."""
STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
SHORTER = 11
"""Bytes that can be the beginning of a status line's match, and not all of it."""
TURN = 0.02


class Caller(asyncio.Protocol):
    """One connection: what is sent over it, and the statuses of what comes back."""

    def __init__(self, request: bytes, counts: Counter[str]) -> None:
        self._request, self._counts, self._rest = request, counts, b""
        self._transport: asyncio.WriteTransport | None = None

    @property
    def connected(self) -> bool:
        """Whether it can be sent over."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        """Guardian has hung up."""
        self._counts["hung up"] += 1
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Count the answers by status, also one whose first line comes in two pieces."""
        text, end = self._rest + data, 0
        for found in STATUS.finditer(text):
            self._counts[found[1].decode()] += 1
            end = found.end()
        self._rest = text[end:][-SHORTER:]

    def send(self) -> None:
        """Some calls at once; those count that the kernel has taken whole."""
        assert self._transport
        if self._transport.get_write_buffer_size() == 0:
            self._transport.write(self._request * AT_ONCE)
            held = -(-self._transport.get_write_buffer_size() // len(self._request))
            self._counts["sent"] += AT_ONCE - held

    def close(self) -> None:
        """Hang up."""
        if self._transport:
            self._transport.abort()


async def storm(path: str, seconds: float, rate: float) -> Counter[str]:
    """Send at ``rate``, over one connection after the other; what guardian hangs up on is connected again."""
    loop, counts = asyncio.get_running_loop(), Counter[str]()
    requests = [f"{kind} {at} HTTP/1.1\r\nhost: g\r\ncontent-length: 0\r\n\r\n".encode() for kind, at in KINDS]
    callers = [Caller(request, counts) for request in islice(cycle(requests), CALLERS)]
    turns, began, due, told = cycle(callers), time.monotonic(), 0.0, False
    while (now := time.monotonic() - began) < seconds:
        while due <= now:
            due += AT_ONCE / rate
            caller = next(turns)
            with suppress(OSError):  # as many as guardian takes are connected already
                if not caller.connected:
                    await loop.create_unix_connection(lambda one=caller: one, path)
                caller.send()
        if counts["sent"] >= BEGUN and not told:
            told = True
            print("begun", flush=True)  # noqa: T201  whoever started this waits for it
        await asyncio.sleep(TURN)
    for caller in callers:
        caller.close()
    await asyncio.sleep(TURN)
    counts["seconds"] = round(time.monotonic() - began)
    return counts


if __name__ == "__main__":
    print(json.dumps(asyncio.run(storm(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))))  # noqa: T201
