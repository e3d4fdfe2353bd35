"""A bounded load, in a process of its own: it must not slow down the looks of the daemon that started it.

``python -m guardian.stages.load JOB``, with the job as JSON; prints what came of it as one JSON object.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from guardian.core.smoke import Burst
from guardian.core.words import smoke as words
from guardian.processes.program import NotStarted, Program, TooLate
from guardian.processes.running import run
from guardian.stages.command import PATH
from guardian.stages.lines import Kept, Lines

if TYPE_CHECKING:
    import aiohttp

SERVER_ERROR = 500
PARTING = 10.0
"""Seconds that the process may take beyond its load and its last answer."""
LONGEST_RESULT = 4 << 20


class LoadFailed(Exception):
    """The load could not be carried out. The message is the reason."""


@dataclass(frozen=True, slots=True)
class LoadJob:
    """What is sent, where to, and how much."""

    urls: tuple[str, ...]
    """Taken in turn."""
    rate: float
    seconds: float
    at_once: int
    timeout: float
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class _Count:
    sent: int = 0
    failed: int = 0
    skipped: int = 0
    latencies: list[float] = field(default_factory=list)


async def measured(job: LoadJob) -> Burst:
    """Carry out ``job``, and what came of it. :class:`LoadFailed` where the process did not come to its end."""
    results: list[bytes] = []
    complaints = Kept()
    ear = Lines(results.extend, complaints.add, LONGEST_RESULT)
    root = str(Path(__file__).parents[2])
    program = Program(
        (sys.executable, "-m", "guardian.stages.load", json.dumps(asdict(job))),
        {"PATH": PATH, "LANG": "C.UTF-8", "PYTHONPATH": root},
    )
    try:
        await run(program, ear, job.seconds + job.timeout + PARTING)
    except NotStarted as error:
        raise LoadFailed(str(error)) from error
    except TooLate as error:
        raise LoadFailed(words.load_endless()) from error
    ear.close()
    try:
        record = json.loads(results[-1])
        return Burst(record["sent"], record["failed"], record["skipped"], tuple(record["latencies"]))
    except (IndexError, KeyError, ValueError) as error:
        raise LoadFailed(complaints.newest or words.load_silent()) from error


async def burst(job: LoadJob) -> Burst:
    """Send requests at an even pace, whatever becomes of the earlier ones: a slow server does not get fewer."""
    import aiohttp  # noqa: PLC0415  heavy, and needed in the process of its own only

    counted, open_now = _Count(), set[asyncio.Task[None]]()
    timeout = aiohttp.ClientTimeout(total=job.timeout)
    connector = aiohttp.TCPConnector(limit=job.at_once, ssl=False)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, headers=dict(job.headers)) as session:
        began = time.monotonic()
        for number in range(round(job.rate * job.seconds)):
            await asyncio.sleep(max(0.0, began + number / job.rate - time.monotonic()))
            if len(open_now) >= job.at_once:
                counted.skipped += 1
                continue
            task = asyncio.create_task(_one(session, job.urls[number % len(job.urls)], counted))
            open_now.add(task)
            task.add_done_callback(open_now.discard)
        if open_now:
            await asyncio.wait(open_now)
    return Burst(counted.sent, counted.failed, counted.skipped, tuple(sorted(round(each, 6) for each in counted.latencies)))


async def _one(session: "aiohttp.ClientSession", url: str, counted: _Count) -> None:
    from aiohttp import ClientError  # noqa: PLC0415  see above

    counted.sent += 1
    began = time.monotonic()
    try:
        async with session.get(url, allow_redirects=False) as response:
            while await response.content.read(1 << 16):
                pass
            good = response.status < SERVER_ERROR
    except (ClientError, TimeoutError, OSError):
        good = False
    if good:
        counted.latencies.append(time.monotonic() - began)
    else:
        counted.failed += 1


def main(arguments: Sequence[str]) -> int:
    """Carry out the job in the first argument."""
    given = json.loads(arguments[0])
    job = LoadJob(**{**given, "urls": tuple(given["urls"]), "headers": tuple(map(tuple, given["headers"]))})
    print(json.dumps(asdict(asyncio.run(burst(job)))))  # noqa: T201  this is how the result comes back
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
