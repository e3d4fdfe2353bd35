"""Switches there and back while clients stay and somebody reloads: the figures that the tests and the benchmark hold up."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.core.model import Environment, Service, Split
from guardian.core.ports import BalancerGone
from guardian.demo.haproxy import HAProxyProcess, Site
from tests.doubles.recorder import LOOPBACK, WORKER_HEADER, Record, Resident, residents, speaker

if TYPE_CHECKING:
    from guardian.balancers.haproxy.runtime import Worker

BLUE, GREEN = Environment.BLUE, Environment.GREEN
EACH = 2
"""Clients of each kind."""
LOOK_EVERY = 0.02


class Signed(Site):
    """A site whose answers name HAProxy's worker, and HAProxy's own answers no environment."""

    def configuration(self, endpoints: Endpoints, port: int) -> str:
        """The text of haproxy.cfg."""
        text = super().configuration(endpoints, port)
        for environment in Environment:
            text = text.replace(f"http-after-response set-header X-Environment {environment}", WORKER_HEADER)
        return text


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the record of a storm says."""

    switches: int
    requests: int
    failed: int
    after: int
    """Requests that were sent after the acknowledgement of a switch and answered by the side that it abandoned."""
    workers: int
    """Workers of HAProxy that answered."""
    lingering: int
    """Requests that a worker answered which had been replaced."""
    took: tuple[float, float]
    """Seconds from the order of a switch to its acknowledgement: the median and the longest, with what had to be tried again."""
    repeated: int
    """HTTP/2 requests that a client sent once more because HAProxy had just ended their idle connection at a reload."""


@asynccontextmanager
async def site(binary: Path, service: Service, directory: Path) -> AsyncIterator[HAProxyProcess]:
    """HAProxy between its clients and two environments that speak HTTP and WebSocket."""
    async with speaker(BLUE) as blue, speaker(GREEN) as green:
        servers = [f"{LOOPBACK}:{blue} no-check"], [f"{LOOPBACK}:{green} no-check"]
        async with HAProxyProcess(binary, Signed(directory, service, *servers)) as process:
            yield process


class Storm:
    """One run."""

    def __init__(self, haproxy: HAProxyProcess, balancer: HAProxy, seed: int = 0) -> None:
        self._haproxy, self._balancer, self._random = haproxy, balancer, random.Random(seed)
        self._stray = self._lingering = 0
        self._took: list[float] = []
        self._leaving: Worker | None = None
        """The worker that a reload under way replaces."""

    async def run(self, switches: int, reload_every: int) -> Outcome:
        """Switch so many times; before one of ``reload_every`` somebody reloads.

        The file names blue throughout, as during a trial: what a reload in mid-switch falls back to is blue. So a reload that is
        still under way comes before switches to blue only, and one that has just ended before those to green.
        """
        await self._balancer.store("web", Split.all_on(BLUE))
        async with self._watched(), residents(self._haproxy.port, EACH) as (record, clients):
            await self._visit(clients)
            for number in range(switches):
                to = GREEN if number % 2 == 0 else BLUE
                if to is GREEN:
                    await self._settled()
                if self._random.randrange(reload_every) == 0:
                    await self._reload(over=to is GREEN)
                await self._switch(to, record, clients)
        workers = {entry.worker for entry in record.entries if entry.worker}
        took = median(self._took), max(self._took)
        counted = len(record.entries), len(record.failed), self._stray, len(workers), self._lingering
        return Outcome(switches, *counted, took, record.repeated)

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Somebody looks at the counters all the time, as the daemon does."""

        async def look() -> None:
            while True:
                with suppress(BalancerGone):
                    await self._balancer.snapshot(["web_blue", "web_green"])
                await asyncio.sleep(LOOK_EVERY)

        watch = asyncio.create_task(look())
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.wait({watch})

    async def _reload(self, *, over: bool) -> None:
        await self._settled()
        # Reloads are further apart than two looks: without a master socket, a worker that nobody looked at is out of reach.
        await self._balancer.snapshot(["web_blue", "web_green"])
        if over:
            await self._haproxy.reload()
        else:
            self._leaving = await self._haproxy.worker()
            self._haproxy.signal_reload()

    async def _settled(self) -> None:
        """Wait for the end of a reload that is under way; a signal during one would be lost."""
        await self._haproxy._other_than(self._leaving)
        self._leaving = None

    async def _switch(self, to: Environment, record: Record, clients: list[Resident]) -> None:
        ordered = time.monotonic()
        while True:
            # While the master reads its configuration nobody can say which workers there are: nothing is acknowledged then.
            with suppress(BalancerGone):
                await self._balancer.route("web", Split.all_on(to))
                await self._balancer.leave("web", to.other, cut=True)
                break
        acknowledged = time.monotonic()
        self._took.append(acknowledged - ordered)
        before = len(record.entries)
        await self._visit(clients)
        self._stray += len(record.stray(to.other, acknowledged, time.monotonic()))
        current = await self._haproxy.worker()
        if current:
            self._lingering += sum(entry.worker != current.pid for entry in record.entries[before:])

    async def _visit(self, clients: list[Resident]) -> None:
        await asyncio.gather(*(client.ask() for client in clients))
