"""Rollback and switch times of the real daemon beside a real HAProxy, in one run, each beside what it compares with."""

import argparse
import asyncio
import math
import os
import platform
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from guardian.balancers.haproxy.balancer import HAProxy
from guardian.balancers.haproxy.runtime import connected, exchange
from guardian.core.model import Environment, Split
from guardian.core.sequential import relative_entropy
from guardian.demo.application import Fault
from guardian.demo.haproxy import HAProxyProcess, debian_binary, wheel_binary
from guardian.demo.report import Badness, connection_failures, harm, percentile, stale
from guardian.demo.stage import SERVICE, RefusedError, Setting, Stage
from guardian.demo.traffic import Load, Traffic

RULES = Path(__file__).parents[2] / "rules" / "web.yaml"
CLEAN = Fault(errors=0.001)
"""A healthy environment fails now and then."""
FALSE_ALARM = 0.001
HISTORY_SECONDS = 60.0
"""Ordinary traffic before the first run: the past that sequential rules compare with."""
LOOK = 0.05
COST_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of fault under one load."""

    name: str
    errors: float
    rate: float
    promise: str


CASES = (
    Case("100 % errors, 1,000 requests/s", 1.0, 1000.0, "p50 <= 0.25 s, p99 <= 0.6 s"),
    Case("5 % errors, 200 requests/s", 0.05, 200.0, "p50 <= 0.8 s"),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One bad release."""

    seconds: float
    """From the first bad answer of the fault to the last answer of the abandoned environment's fault."""
    bad: int
    decided: float
    stale: int
    tolerated: float


class Measurement:
    """Bad releases, one after the other, on one stage."""

    def __init__(self, stage: Stage, client: httpx.AsyncClient, case: Case, seed: int) -> None:
        self._stage, self._client, self._case = stage, client, case
        self._random = random.Random(seed)

    async def runs(self, traffic: Traffic, number: int, progress: Progress) -> list[Run]:
        """``number`` bad releases. The phase between looks and fault is random."""
        task = progress.add_task(self._case.name, total=number)
        done = []
        while len(done) < number:
            done.append(await self._run(traffic))
            progress.advance(task)
        return done

    async def _run(self, traffic: Traffic) -> Run:
        guardian, green = self._stage.guardian, self._stage.applications[Environment.GREEN]
        await green.fail(CLEAN)
        await self._switch()
        await guardian.until(self._client, "watching")
        await asyncio.sleep(0.5 + self._random.random() * LOOK)
        began = await green.fail(Fault(errors=self._case.errors))
        view = await guardian.until(self._client, "rolled back", patience=60.0)
        acknowledged = time.monotonic()
        await asyncio.sleep(0.3)
        recent = [answer for answer in traffic.answers if answer.done >= began]
        traffic.answers.clear()
        done = harm(recent, (Environment.GREEN,), Badness())
        detail = await self._client.get(f"/v1/deployments/{view['deployment']['id']}/explanation")
        explanation = detail.raise_for_status().json()
        assert explanation["identical"], explanation
        await guardian.order(self._client, "unlatch", {"reason": "next run"})
        return Run(
            seconds=done.seconds if done else 0.0,
            bad=done.served if done else 0,
            decided=view["deployment"]["rollback"]["seconds"],
            stale=len(stale(recent, Environment.GREEN, acknowledged)),
            tolerated=explanation["rules"][0]["recorded"]["limit"],  # the one that it was for comes first
        )

    async def _switch(self) -> None:
        """Order the switch; guardian refuses it until HAProxy's health check has found the repaired environment healthy."""
        deadline = time.monotonic() + 10.0
        while True:
            try:
                await self._stage.guardian.order(self._client, "switch", {})
            except RefusedError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(LOOK)
            else:
                return


async def measure_rollbacks(
    binary: Path, case: Case, number: int, progress: Progress, history: float = HISTORY_SECONDS
) -> tuple[list[Run], Traffic, int]:
    """The runs of one case after ``history`` seconds, the traffic that they happened to, and the connections that failed."""
    with tempfile.TemporaryDirectory(prefix="guardian-bench-") as directory:
        setting = Setting(Path(directory), binary, RULES.read_text())
        async with Stage(setting) as stage:
            for application in stage.applications.values():
                await application.fail(CLEAN)
            async with Traffic(stage.haproxy.port, Load(case.rate, connections=40)) as traffic:
                await asyncio.sleep(history)
                failed = connection_failures(traffic.answers)
                async with stage.guardian.client() as client:
                    runs = await Measurement(stage, client, case, seed=1).runs(traffic, number, progress)
                return runs, traffic, failed + connection_failures(traffic.answers)


@dataclass(frozen=True, slots=True)
class Switches:
    """Seconds that changes of one split took, in turn."""

    fresh: list[float]
    """The bare command, on a new connection."""
    held: list[float]
    """The same on a connection that was open already: the least that HAProxy and the socket allow."""
    proved: list[float]
    """Guardian's: every worker told, read back, listed twice."""


async def measure_switches(binary: Path, number: int) -> Switches:
    """``number`` changes of each kind, one after the other."""
    with tempfile.TemporaryDirectory(prefix="guardian-bench-") as directory:
        setting = Setting(Path(directory), binary, RULES.read_text())
        async with Stage(setting) as stage:
            await stage.guardian.end()
            balancer, endpoints = HAProxy(stage.haproxy.endpoints, [SERVICE]), stage.haproxy.endpoints
            done = Switches([], [], [])
            kept = await connected(endpoints.socket, time.monotonic() + 1.0)
            await exchange(kept, "prompt;show info", math.inf, prompts=2)
            for turn in range(number):
                split = Split.all_on(Environment.GREEN if turn % 2 else Environment.BLUE)
                done.fresh.append(await _bare(stage.haproxy, split))
                command = f"set map {endpoints.map} {SERVICE.name} {split.green}"
                started = time.perf_counter()
                await exchange(kept, command, math.inf, prompts=1)
                done.held.append(time.perf_counter() - started)
                started = time.perf_counter()
                await balancer.route(SERVICE.name, split)
                done.proved.append(time.perf_counter() - started)
            kept.close()
            await balancer.aclose()
            return done


@dataclass(frozen=True, slots=True)
class Cost:
    """What the daemon takes: seconds of CPU per second, and bytes of memory."""

    name: str
    cpu: float
    memory: int


async def measure_costs(binary: Path) -> list[Cost]:
    """The daemon's own cost with one service and the starter's four rules: nothing on trial, the same after errors, in a watch."""
    with tempfile.TemporaryDirectory(prefix="guardian-bench-") as directory:
        setting = Setting(Path(directory), binary, RULES.read_text())
        async with Stage(setting) as stage, stage.guardian.client() as client, Traffic(stage.haproxy.port, Load(100.0)):
            idle = await _cost("nothing on trial", stage.guardian.pid)
            await stage.applications[Environment.BLUE].fail(Fault(errors=0.05))
            await asyncio.sleep(2.0)
            await stage.applications[Environment.BLUE].fail(Fault())
            wary = await _cost("nothing on trial, errors of late", stage.guardian.pid)
            await stage.guardian.order(client, "switch", {})
            await stage.guardian.until(client, "watching")
            return [idle, wary, await _cost("watching, a look every 50 ms", stage.guardian.pid)]


async def _cost(name: str, pid: int) -> Cost:
    before, started = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(COST_SECONDS)
    cpu = (cpu_seconds(pid) - before) / (time.monotonic() - started)
    return Cost(name, cpu, memory(pid))


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process has used, to the hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _bare(haproxy: HAProxyProcess, split: Split) -> float:
    started = time.perf_counter()
    reader, writer = await asyncio.open_unix_connection(haproxy.endpoints.socket)
    writer.write(f"set map {haproxy.endpoints.map} {SERVICE.name} {split.green}\n".encode())
    await reader.read()
    took = time.perf_counter() - started
    writer.close()
    await writer.wait_closed()
    return took


def limit_seconds(case: Case, tolerated: float) -> float:
    """The information limit: no test with this false-alarm rate can, on average, be sure sooner (Wald 1945). Plus one look."""
    if case.errors >= 1.0:
        requests = log(1 / FALSE_ALARM) / log(1 / tolerated)
    else:
        requests = log(1 / FALSE_ALARM) / relative_entropy(case.errors, tolerated)
    return requests / case.rate + LOOK


def show_rollbacks(console: Console, case: Case, runs: Sequence[Run], traffic: Traffic, failed: int) -> None:
    """One case as a table."""
    times = sorted(run.seconds for run in runs)
    tolerated = statistics.median(run.tolerated for run in runs)
    limit = limit_seconds(case, tolerated)
    table = Table(title=f"Rollback: {case.name}", title_justify="left", show_header=False)
    table.add_row("runs", str(len(runs)))
    table.add_row(
        "first bad answer -> last, seconds",
        "  ".join(f"{name} {percentile(times, share) or 0:.3f}" for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)))
        + f"  max {times[-1]:.3f}   (promise: {case.promise})",
    )
    ratio = (percentile(times, 0.5) or 0) / limit
    table.add_row(
        "information limit and one look", f"{limit:.3f} s on average at a tolerated {tolerated:.2%}; p50 is {ratio:.2f} times that"
    )
    table.add_row("bad answers served, median", f"{statistics.median(run.bad for run in runs):g}")
    table.add_row("decision -> proof, median", f"{statistics.median(run.decided for run in runs) * 1000:.1f} ms")
    table.add_row("requests to the abandoned side afterwards", str(sum(run.stale for run in runs)))
    late = traffic.lateness
    table.add_row("failed connections", str(failed))
    table.add_row("requests left late by, p99", f"{late.p99 * 1000:.1f} ms" if late else "-")
    console.print(table)


def show_switches(console: Console, done: Switches) -> None:
    """The switch beside the bare command."""
    table = Table(
        title="Switch: every worker told, read back, listed twice  (promise: <= 3 x the bare command)", title_justify="left"
    )
    for column in ("", "median", "p99", "guardian's / this"):
        table.add_column(column)
    for name, times in (
        ("bare `set map` on a held connection", done.held),
        ("bare `set map` on a new connection", done.fresh),
        ("guardian's proved switch", done.proved),
    ):
        ordered, ratio = sorted(times), statistics.median(done.proved) / statistics.median(times)
        row = (statistics.median(ordered), percentile(ordered, 0.99) or 0)
        table.add_row(name, *(f"{seconds * 1000:.2f} ms" for seconds in row), f"{ratio:.1f}")
    console.print(table)


def show_costs(console: Console, costs: Sequence[Cost]) -> None:
    """What the daemon takes from the host that it guards."""
    table = Table(title="The daemon itself, one service  (promise: <= 3 % of a core, <= 120 MB)", title_justify="left")
    for column in ("", "CPU", "memory"):
        table.add_column(column)
    for cost in costs:
        table.add_row(cost.name, f"{cost.cpu:.1%} of a core", f"{cost.memory / 2**20:.0f} MB")
    console.print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--haproxy", choices=("debian", "wheel"), default="debian")
    given = parser.parse_args()
    binary = debian_binary() if given.haproxy == "debian" else wheel_binary()
    console = Console(width=150)
    version = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stdout.split()[2]
    console.print(f"HAProxy {version}, Python {platform.python_version()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}")
    with Progress(console=Console(stderr=True)) as progress:
        for case in CASES:
            show_rollbacks(console, case, *asyncio.run(measure_rollbacks(binary, case, given.runs, progress)))
    show_switches(console, asyncio.run(measure_switches(binary, 200)))
    show_costs(console, asyncio.run(measure_costs(binary)))


if __name__ == "__main__":
    main()
