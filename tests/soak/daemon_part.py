"""The real daemon beside a real HAProxy under traffic: one deployment after the other, good and bad, seen from outside."""

import asyncio
import contextlib
import os
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import httpx

from guardian.core.model import Environment
from guardian.demo.application import Fault
from guardian.demo.play import RULES, available_binary
from guardian.demo.report import percentile
from guardian.demo.stage import RefusedError, Setting, Stage
from guardian.demo.traffic import Load, Traffic
from tests.soak.flat import Column, judged, picture, publish

LOOK = 0.05
TENTHS = 10
BAD_EVERY = 4
"""Of so many deployments one fails."""
PATIENCE = 60.0
HISTOGRAM = "guardian_look_lateness_seconds"
RULE_FILE = RULES.replace("above: 100ms", "above: 300ms")
"""The demonstration's, with a latency that a busy host does not come to by itself."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The daemon at one moment, as the system and its own ``/metrics`` tell."""

    at: float
    memory: float
    descriptors: int
    threads: int
    database: float
    cpu: float
    looks: dict[float, float]
    """How many looks were at most so late, by seconds."""
    deployments: int


@dataclass(slots=True)
class Tally:
    """What was done, counted from outside."""

    good: int = 0
    bad: int = 0
    answers: list[float] = field(default_factory=list)

    @property
    def deployments(self) -> int:
        """All of them."""
        return self.good + self.bad


class Soak:
    """Deployments without end."""

    def __init__(self, stage: Stage, client: httpx.AsyncClient, place: Path) -> None:
        self._stage, self._client, self._place = stage, client, place
        self.tally = Tally()

    async def deploy(self) -> None:
        """One after the other; every so often one that is taken back."""
        candidate = Environment.GREEN
        while True:
            bad = self.tally.deployments % BAD_EVERY == BAD_EVERY - 1
            await self._switch()
            if bad:
                await self._until("watching", "verified", "unverified", "rolled back")
                await self._stage.applications[candidate].fail(Fault(errors=1.0))
            ended = (await self._until("verified", "unverified", "rolled back"))["deployment"]["phase"]
            if bad:
                await self._stage.applications[candidate].fail(Fault())
            if ended == "rolled back":
                await self._stage.guardian.order(self._client, "unlatch", {"reason": "the soak goes on"})
                self.tally.bad += 1
                continue
            if ended == "unverified":
                await self._stage.guardian.order(self._client, "promote", {})
            self.tally.good += 1
            candidate = candidate.other

    async def _switch(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self._stage.guardian.order(self._client, "switch", {})
                except RefusedError:
                    await asyncio.sleep(0.1)
                else:
                    return

    async def _until(self, *phases: str) -> dict[str, dict[str, str]]:
        return await self._stage.guardian.until(self._client, *phases, patience=PATIENCE)

    async def ask(self) -> None:
        """How long the daemon takes for an answer, five times a second."""
        async with self._stage.guardian.client() as client:
            while True:
                started = time.monotonic()
                with contextlib.suppress(httpx.TransportError):
                    await self._stage.guardian.service(client)
                    self.tally.answers.append(time.monotonic() - started)
                await asyncio.sleep(0.2)

    async def look(self) -> Seen:
        """As it is now."""
        pid, text = self._stage.guardian.pid, (await self._client.get("/metrics")).text
        looks = {}
        for line in text.splitlines():
            if line.startswith(f"{HISTOGRAM}_bucket"):
                name, _, value = line.rpartition(" ")
                looks[float(name.partition('le="')[2].partition('"')[0].replace("+Inf", "inf"))] = float(value)
        process = Path(f"/proc/{pid}")
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        return Seen(
            time.monotonic(),
            int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1048576,
            len(list((process / "fd").iterdir())),
            len(list((process / "task").iterdir())),
            (self._place / "state" / "guardian.db").stat().st_size / 1024,
            (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
            looks,
            self.tally.deployments,
        )


def late(before: Seen, after: Seen, share: float) -> float:
    """Seconds by which looks were late at the most, but for ``1 - share`` of them, to the histogram's step."""
    counts = {limit: after.looks[limit] - before.looks.get(limit, 0.0) for limit in sorted(after.looks)}
    total = max(counts.values())
    return next(limit for limit, count in counts.items() if count >= total * share)


async def run(minutes: float) -> bool:
    """Deploy for so long, and publish what came of it. Whether all is flat."""
    with tempfile.TemporaryDirectory(prefix="guardian-soak-") as directory:
        place = Path(directory)
        setting = Setting(place, available_binary(), RULE_FILE, watch="2s")
        async with Stage(setting) as stage, stage.guardian.client() as client, Traffic(stage.haproxy.port, Load(100.0)):
            soak = Soak(stage, client, place)
            works = [asyncio.create_task(soak.deploy()), asyncio.create_task(soak.ask())]
            seen, answers = [await soak.look()], []
            try:
                for _ in range(TENTHS):
                    await asyncio.wait(works, timeout=minutes * 60 / TENTHS, return_when=asyncio.FIRST_COMPLETED)
                    for work in works:
                        if work.done():
                            work.result()
                    seen.append(await soak.look())
                    answers.append(percentile(sorted(soak.tally.answers), 0.5) or 0.0)
                    soak.tally.answers.clear()
            finally:
                for work in works:
                    work.cancel()
                await asyncio.gather(*works, return_exceptions=True)
    return _published(minutes, soak.tally, seen, answers)


def _published(minutes: float, tally: Tally, seen: list[Seen], answers: list[float]) -> bool:
    pairs = list(pairwise(seen))
    done = [after.deployments - before.deployments for before, after in pairs]
    columns = [
        Column("deployments", "", tuple(map(float, done))),
        Column("memory", "MiB", tuple(after.memory for _, after in pairs), 0.1, 5.0),
        Column("descriptors", "", tuple(float(after.descriptors) for _, after in pairs), 0.0, 3.0),
        Column("threads", "", tuple(float(after.threads) for _, after in pairs), 0.0, 2.0),
        Column("database per deployment", "KiB", tuple(_grown(*pair) for pair in pairs), 0.5, 4.0),
        Column("looks late, p50", "ms", tuple(late(*pair, 0.5) * 1e3 for pair in pairs), 0.0, 25.0),
        Column("p99", "ms", tuple(late(*pair, 0.99) * 1e3 for pair in pairs), 1.5, 50.0),
        Column("looks in a second", "", tuple(_looks(*pair) for pair in pairs)),
        Column("CPU", "%", tuple((after.cpu - before.cpu) / (after.at - before.at) * 100 for before, after in pairs), 0.5, 5.0),
        Column("an answer, p50", "ms", tuple(each * 1e3 for each in answers), 1.0, 50.0),
    ]
    total = max(seen[-1].looks.values()) - max(seen[0].looks.values())
    text = (
        f"{minutes:g} minutes, 100 requests a second through HAProxy, {tally.deployments} deployments (watched for 2 s each), of "
        f"which {tally.bad} were bad and taken back; {total:,.0f} looks, which are due every {LOOK * 1000:.0f} ms. Memory, "
        "descriptors and threads as the system counts them at the end of each tenth; lateness as the daemon's `/metrics` has it, "
        "to the step of its histogram; looks in a second, and the time of an answer of its API, as seen from outside.\n\n"
        + judged("tenth", [str(number + 1) for number in range(len(pairs))], columns)
    )
    publish(
        "daemon",
        "The daemon",
        text,
        {"daemon.png": picture("The daemon, deploying without a pause", "tenths of the time", columns)},
    )
    print(text)  # noqa: T201  what a command says
    return not any(column.grows for column in columns)


def _grown(before: Seen, after: Seen) -> float:
    return (after.database - before.database) / max(1, after.deployments - before.deployments)


def _looks(before: Seen, after: Seen) -> float:
    return (max(after.looks.values()) - max(before.looks.values())) / (after.at - before.at)
