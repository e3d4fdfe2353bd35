"""Two hundred callers of guardian's socket that ask and order as fast as they can; then what they were told."""

import asyncio
import json
import sys
import time
from collections import Counter
from itertools import cycle, islice

KINDS = (("GET", "/v1/services"), ("POST", "/v1/services/web/promote"), ("POST", "/v1/services/web/unlatch"), ("GET", "/metrics"))
CALLERS, AT_ONCE = 200, 40


async def call(path: str, method: str, target: str, until: float, counts: Counter[str]) -> None:
    """Send requests by the dozen on one connection after the other, and count the answers by status."""
    requests = f"{method} {target} HTTP/1.1\r\nhost: g\r\ncontent-length: 0\r\n\r\n".encode() * AT_ONCE
    while time.monotonic() < until:
        try:
            reader, writer = await asyncio.open_unix_connection(path)
        except OSError:
            counts["refused"] += 1
            await asyncio.sleep(0.01)
            continue
        try:
            while time.monotonic() < until:
                writer.write(requests)
                counts["sent"] += AT_ONCE
                for _ in range(AT_ONCE):
                    counts[await _answer(reader)] += 1
        except (OSError, asyncio.IncompleteReadError):
            counts["hung up"] += 1
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    await reader.readexactly(int(lengths[0]) if lengths else 0)
    return head.split()[1].decode()


async def main() -> None:
    """The storm."""
    path, until, counts = sys.argv[1], time.monotonic() + float(sys.argv[2]), Counter[str]()
    await asyncio.gather(*(call(path, *kind, until, counts) for kind in islice(cycle(KINDS), CALLERS)))
    sys.stdout.write(json.dumps(counts))


asyncio.run(main())
