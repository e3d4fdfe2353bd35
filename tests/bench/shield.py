"""Bad releases with the shield and without it, on the real daemon beside a real HAProxy; and what the shield costs a good one."""

import argparse
import asyncio
import os
import platform
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from guardian.core.model import Environment
from guardian.demo.application import LATENCY, Fault
from guardian.demo.haproxy import HAProxyProcess, debian_binary, wheel_binary
from guardian.demo.report import failed, percentile
from guardian.demo.stage import RefusedError, Setting, Stage
from guardian.demo.traffic import Load, Traffic

RULES = Path(__file__).parents[2] / "rules" / "web.yaml"
HISTORY_SECONDS = 20.0
"""Ordinary traffic before the first run: the past that sequential rules compare with."""
POSTS = 0.2
RATES = (200.0,)
ALL_RATES = (20.0, 200.0, 1000.0)
LOOK = 0.05
TOGETHER = 200.0
"""Requests a second up to which both ways are measured at the same time, under the same conditions."""
DRAIN = 5.5
"""Seconds after a rollback until the last client has its answer, or has given up."""
COST_RATE = 500.0
COST_SECONDS = 5.0
COST_TURNS = 6


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of bad release."""

    name: str
    fault: Fault
    patience: float = 6.0
    """Seconds after which a fault that no rule has found is ended by hand."""


CASES = (
    Case("1 % errors", Fault(errors=0.01)),
    Case("5 % errors", Fault(errors=0.05)),
    Case("30 % errors", Fault(errors=0.3)),
    Case("100 % errors", Fault(errors=1.0)),
    Case("latency x 5", Fault(delay=4 * LATENCY)),
    Case("hangs", Fault(hang=True), patience=20.0),
    Case("down", Fault(refuse=True)),
    Case("answers break off", Fault(cut=True)),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One bad release."""

    gets: int
    posts: int
    """Bad answers that users got."""
    decided: float | None
    """Seconds from the fault to the decision to go back; ``None`` where no rule found it."""
    saved: int


class Bench:
    """Bad releases, one after the other, on one stage."""

    def __init__(self, stage: Stage, traffic: Traffic) -> None:
        self._stage, self._traffic = stage, traffic
        self._random = random.Random(1)

    async def run(self, case: Case) -> Run:
        """One release that turns bad. The phase between looks and fault is random."""
        async with self._stage.guardian.client() as client:
            began, decided = await self._release(client, case)
        await asyncio.sleep(DRAIN if case.fault.hang else DRAIN / 2)  # what was saved is told two seconds after the end
        async with self._stage.guardian.client() as client:  # the other's connections are closed after five idle seconds
            saved = ((await self._stage.guardian.service(client))["shielded"] or {"saved": 0})["saved"]
        bad = [answer for answer in self._traffic.answers if answer.done >= began and failed(answer)]
        self._traffic.answers.clear()
        gets = sum(answer.method == "GET" for answer in bad)
        return Run(gets, len(bad) - gets, decided, saved)

    async def _release(self, client: httpx.AsyncClient, case: Case) -> tuple[float, float | None]:
        """When the fault began, and how many seconds later guardian decided."""
        guardian = self._stage.guardian
        await begin(self._stage, client)
        await asyncio.sleep(0.5 + self._random.random() * LOOK)
        offset = time.time() - time.monotonic()
        began = await self._stage.applications[Environment.GREEN].fail(case.fault)
        try:
            view = await guardian.until(client, "rolled back", patience=case.patience)
        except TimeoutError:
            with suppress(RefusedError):  # a rule may have found it at this very moment
                await guardian.order(client, "rollback", {"reason": "next run"})
            view, decided = await guardian.until(client, "rolled back"), None
        else:
            decided = view["deployment"]["rollback"]["ordered_at"] - offset - began
        if view["latched"]:
            await guardian.order(client, "unlatch", {"reason": "next run"})
        return began, decided


async def begin(stage: Stage, client: httpx.AsyncClient) -> None:
    """Put a healthy green on trial; guardian refuses that until HAProxy's health check has found it healthy."""
    await stage.applications[Environment.GREEN].fail(Fault())
    deadline = time.monotonic() + 10.0
    while True:
        try:
            await stage.guardian.order(client, "switch", {})
        except RefusedError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(LOOK)
        else:
            await stage.guardian.until(client, "watching")
            return


async def measure(binary: Path, rate: float, number: int, *, shield: bool, progress: Progress) -> list[list[Run]]:
    """``number`` runs of every case, in turn."""
    with tempfile.TemporaryDirectory(prefix="guardian-bench-") as directory:
        async with Stage(Setting(Path(directory), binary, RULES.read_text(), shield=shield)) as stage:
            load = Load(rate, connections=40, posts=POSTS)
            async with Traffic(stage.haproxy.port, load) as traffic:
                await asyncio.sleep(HISTORY_SECONDS)
                bench = Bench(stage, traffic)
                task = progress.add_task(f"{rate:,.0f}/s, {'shield' if shield else 'plain'}", total=len(CASES) * number)
                found = []
                for case in CASES:
                    found.append([await bench.run(case) for _ in range(number)])
                    progress.advance(task, number)
                return found


@dataclass(frozen=True, slots=True)
class Cost:
    """A healthy release for some seconds: seconds that answers took, and seconds of HAProxy's own CPU for one of them."""

    p50: float
    p99: float
    cpu: float


async def measure_costs(binary: Path) -> tuple[list[Cost], list[Cost]]:
    """What requests to a healthy release on trial cost without the shield and with it: two stages, whose turns alternate."""
    async with AsyncExitStack() as ends:
        stages: list[tuple[Stage, list[Cost]]] = []
        for shield in (False, True):
            directory = ends.enter_context(tempfile.TemporaryDirectory(prefix="guardian-bench-"))
            stage = await ends.enter_async_context(Stage(Setting(Path(directory), binary, RULES.read_text(), shield=shield)))
            client = await ends.enter_async_context(stage.guardian.client())
            await begin(stage, client)
            stages.append((stage, []))
        for _ in range(COST_TURNS):
            for stage, costs in stages:
                costs.append(await _cost(stage.haproxy))
        return stages[0][1], stages[1][1]


async def _cost(haproxy: HAProxyProcess) -> Cost:
    worker = await haproxy.worker()
    assert worker  # it is running
    async with Traffic(haproxy.port, Load(COST_RATE, connections=40, new_connection_share=0.0)) as traffic:
        await asyncio.sleep(1.0)
        traffic.answers.clear()
        before = _cpu_seconds(worker.pid)
        await asyncio.sleep(COST_SECONDS)
        used, answers = _cpu_seconds(worker.pid) - before, list(traffic.answers)
    latencies = sorted(answer.latency for answer in answers)
    return Cost(percentile(latencies, 0.5) or 0.0, percentile(latencies, 0.99) or 0.0, used / len(answers))


def _cpu_seconds(pid: int) -> float:
    """Of all threads, to the nanosecond: the ticks of ``stat`` are too coarse for a few thousand requests."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def show_harm(table: Table, rate: float, found: dict[bool, list[list[Run]]]) -> None:
    """One row for each case under one load."""
    for case, plain, shielded in zip(CASES, found[False], found[True], strict=True):
        figures = [column for runs in (plain, shielded) for column in _figures(runs)]
        saved = statistics.median(run.saved for run in shielded)
        table.add_row(f"{case.name}, {rate:,.0f}/s", *figures, f"{saved:g}")


def _figures(runs: Sequence[Run]) -> Iterator[str]:
    """Medians, and how many runs no rule has found."""
    yield f"{statistics.median(run.gets for run in runs):g}"
    yield f"{statistics.median(run.posts for run in runs):g}"
    times = [run.decided for run in runs if run.decided is not None]
    found = f" ({len(times)} of {len(runs)})" if 0 < len(times) < len(runs) else ""
    yield f"{statistics.median(times):.2f} s{found}" if times else "not taken back"


def show_costs(console: Console, plain: Sequence[Cost], shielded: Sequence[Cost]) -> None:
    """Medians of the turns; the ratio is that of neighbouring turns."""
    title = f"A healthy release on trial, {COST_RATE:,.0f} GETs/s, {len(plain)} turns of {COST_SECONDS:g} s each; medians"
    table = Table(title=title, title_justify="left")
    for column in ("", "without", "shield", "shield / without"):
        table.add_column(column)
    for name, unit, scale, attribute in (
        ("answers, p50", "ms", 1e3, "p50"),
        ("answers, p99", "ms", 1e3, "p99"),
        ("HAProxy's CPU for an answer", "us", 1e6, "cpu"),
    ):
        pairs = [(getattr(one, attribute), getattr(two, attribute)) for one, two in zip(plain, shielded, strict=True)]
        without, within = (f"{statistics.median(values) * scale:.2f} {unit}" for values in zip(*pairs, strict=True))
        table.add_row(name, without, within, f"{statistics.median(two / one for one, two in pairs):.2f}")
    capacities = [1 / statistics.median(cost.cpu for cost in costs) for costs in (plain, shielded)]
    ratio = f"{capacities[1] / capacities[0]:.2f}"
    table.add_row("answers a second that one core of HAProxy could give", *(f"{each:,.0f}" for each in capacities), ratio)
    console.print(table)


async def both(binary: Path, rate: float, number: int, progress: Progress) -> dict[bool, list[list[Run]]]:
    """With the shield and without it: at the same time, where this machine has the time for both."""
    ways = {shield: measure(binary, rate, number, shield=shield, progress=progress) for shield in (False, True)}
    if rate <= TOGETHER:
        return dict(zip(ways, await asyncio.gather(*ways.values()), strict=True))
    return {shield: await way for shield, way in ways.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--all", action="store_true", help="20, 200 and 1,000 requests a second, not 200 alone")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="others than these")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--haproxy", choices=("debian", "wheel"), default="debian")
    given = parser.parse_args()
    binary = debian_binary() if given.haproxy == "debian" else wheel_binary()
    console = Console(width=150)
    version = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stdout.split()[2]
    console.print(f"HAProxy {version}, Python {platform.python_version()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}")
    title = f"Bad answers that users got, and seconds from the fault to the decision; {given.runs} releases each, {POSTS:.0%} POSTs"
    table = Table(title=title, title_justify="left")
    for column in ("", "GET", "POST", "decided", "shield: GET", "POST", "decided", "saved"):
        table.add_column(column)
    with Progress(console=Console(stderr=True)) as progress:
        for rate in ALL_RATES if given.all else given.rates:
            show_harm(table, rate, asyncio.run(both(binary, rate, given.runs, progress)))
    console.print(table)
    show_costs(console, *asyncio.run(measure_costs(binary)))


if __name__ == "__main__":
    main()
