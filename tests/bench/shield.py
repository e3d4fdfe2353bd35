"""Bad releases with the shield and without it, on the real daemon beside a real HAProxy; and what the shield costs a good one."""

import argparse
import asyncio
import os
import random
import shlex
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

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
from tests.bench import shield_report as report
from tests.bench.page import heading, said
from tests.bench.shield_report import Cost, Row, Run

_T = TypeVar("_T")
RULES = Path(__file__).parents[2] / "rules" / "web.yaml"
HISTORY_SECONDS = 20.0
"""Ordinary traffic before the first run: the past that sequential rules compare with."""
POSTS = 0.2
RATES = (200.0,)
ALL_RATES = (20.0, 200.0, 1000.0)
LOOK = 0.05
CALL_PATIENCE = 30.0
"""Seconds in which a call of the benchmark's own must get through: a host under 1,000 requests a second keeps it waiting."""
TOO_SLOW = (httpx.TransportError, TimeoutError, RefusedError)
"""What a release ends with that such a host has no time for: it is not counted, and the next one is tried."""
MINUTES = 16.0
"""How long the releases may take in all."""
LEAST, BEYOND = 150.0, 1.25
"""Each kind has one release as long as those of its way have taken no more than so many seconds, or so many times what they may."""
TOGETHER = 200.0
"""Requests a second up to which both ways are measured at the same time, under the same conditions."""
DRAIN = 5.5
"""Seconds after a rollback until the last client has its answer, or has given up; and what was saved is told."""
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


class Bench:
    """Bad releases, one after the other, on one stage."""

    def __init__(self, stage: Stage, traffic: Traffic, tell: Callable[[str], None]) -> None:
        self._stage, self._traffic, self._tell = stage, traffic, tell
        self._random = random.Random(1)

    async def runs(self, case: Case, number: int, until: float, latest: float) -> list[Run]:
        """Up to ``number`` releases that begin before ``until``, or, as long as none could be measured, before ``latest``."""
        found: list[Run] = []
        for _ in range(number):
            if time.monotonic() > (until if found else latest):
                break
            try:
                found.append(await self.run(case))
            except TOO_SLOW as error:
                self._tell(f"{case.name}: not measured, {type(error).__name__}: {error}")
                self._traffic.answers.clear()
            else:
                self._tell(f"{case.name}: {found[-1]}")
        return found

    async def run(self, case: Case) -> Run:
        """One release that turns bad. The phase between looks and fault is random."""
        async with self._stage.guardian.client() as client:
            began, decided, why = await self._release(client, case)
        await asyncio.sleep(DRAIN)
        async with self._stage.guardian.client() as client:  # the other's connections are closed after five idle seconds
            saved = ((await self._stage.guardian.service(client))["shielded"] or {"saved": 0})["saved"]
        bad = [answer for answer in self._traffic.answers if answer.done >= began and failed(answer)]
        self._traffic.answers.clear()
        gets = sum(answer.method == "GET" for answer in bad)
        return Run(gets, len(bad) - gets, decided, saved, why)

    async def _release(self, client: httpx.AsyncClient, case: Case) -> tuple[float, float | None, str]:
        """When the fault began, how many seconds later guardian decided, and why."""
        guardian = self._stage.guardian
        await begin(self._stage, client)
        await asyncio.sleep(0.5 + self._random.random() * LOOK)
        offset = time.time() - time.monotonic()
        began = await insist(lambda: self._stage.applications[Environment.GREEN].fail(case.fault))
        verdicts: list[str] = []
        try:
            view = await guardian.until(client, "rolled back", patience=case.patience)
        except TimeoutError:
            verdicts = [verdict["reason"] for verdict in (await guardian.service(client))["verdicts"]]
            with suppress(RefusedError):  # a rule may have found it at this very moment
                await guardian.order(client, "rollback", {"reason": "next run"})
            view = await guardian.until(client, "rolled back")
        rollback = view["deployment"]["rollback"]
        if rollback["cause"] != "rule":
            return began, None, "; ".join(verdicts)
        return began, rollback["ordered_at"] - offset - began, rollback["reason"]


async def insist(call: Callable[[], Awaitable[_T]]) -> _T:
    """The answer to a call that may be repeated where no connection was made: nobody has heard it."""
    deadline = time.monotonic() + CALL_PATIENCE
    while True:
        try:
            return await call()
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(LOOK)


async def begin(stage: Stage, client: httpx.AsyncClient) -> None:
    """Put a healthy green on trial; guardian refuses that until HAProxy's health check has found it healthy.

    Requests that still hang in the release before would fail in this one's time, and be held against it.
    """
    await insist(lambda: stage.applications[Environment.GREEN].fail(Fault()))
    await clear(stage, client)
    deadline = time.monotonic() + CALL_PATIENCE
    while in_flight(await stage.guardian.service(client)):
        if time.monotonic() > deadline:
            raise TimeoutError("the release before still has requests")
        await asyncio.sleep(LOOK)
    while True:
        try:
            await insist(lambda: stage.guardian.order(client, "switch", {}))
        except RefusedError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(LOOK)
        else:
            await stage.guardian.until(client, "watching")
            return


async def clear(stage: Stage, client: httpx.AsyncClient) -> None:
    """End what a release has left that could not be measured to its end."""
    view = await stage.guardian.service(client)
    if view["deployment"] and view["deployment"]["phase"] != "rolled back":
        with suppress(RefusedError):  # it may have been taken back at this very moment
            await stage.guardian.order(client, "rollback", {"reason": "next run"})
        view = await stage.guardian.until(client, "rolled back")
    if view["latched"]:
        await stage.guardian.order(client, "unlatch", {"reason": "next run"})


def in_flight(view: Mapping[str, Any]) -> int:
    """Requests that green has not answered yet, as guardian saw it last."""
    return next(int(side["in_flight"] or 0) for side in view["environments"] if side["name"] == Environment.GREEN)


async def measure(binary: Path, rate: float, plan: "Plan", *, shield: bool) -> list[list[Run]]:
    """The runs of every case, in turn."""
    with tempfile.TemporaryDirectory(prefix="guardian-bench-") as directory:
        async with Stage(Setting(Path(directory), binary, RULES.read_text(), shield=shield)) as stage:
            load = Load(rate, connections=40, posts=POSTS)
            async with Traffic(stage.haproxy.port, load) as traffic:
                await asyncio.sleep(HISTORY_SECONDS)
                told, way = plan.progress.console, f"{rate:,.0f}/s, {'shield' if shield else 'plain'}"
                bench = Bench(stage, traffic, lambda text: told.print(f"{way}: {text}", markup=False, soft_wrap=True))
                task = plan.progress.add_task(way, total=len(CASES))
                began, found = time.monotonic(), list[list[Run]]()
                for number, case in enumerate(CASES, 1):
                    until, latest = began + plan.seconds * number / len(CASES), began + max(LEAST, BEYOND * plan.seconds)
                    found.append(await bench.runs(case, plan.runs, until, latest))
                    plan.progress.advance(task)
                return found


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


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    runs: int
    seconds: float
    """For all releases of one way under one load."""
    progress: Progress


async def both(binary: Path, rate: float, plan: Plan) -> list[Row]:
    """With the shield and without it: at the same time, where this machine has the time for both."""
    if rate <= TOGETHER:
        plain, shielded = await asyncio.gather(*(measure(binary, rate, plan, shield=shield) for shield in (False, True)))
    else:
        plain, shielded = [await measure(binary, rate, plan, shield=shield) for shield in (False, True)]
    return [Row(case.name, rate, one, two) for case, one, two in zip(CASES, plain, shielded, strict=True)]


def turns(rates: Sequence[float]) -> int:
    """How many times after each other releases are measured."""
    return sum(1 if rate <= TOGETHER else 2 for rate in rates)


def told(binary: Path) -> str:
    """Machine, versions, date, commit and command, and what was asked for."""
    asked = (("HAProxy", said(str(binary), "-v")), ("Rules", "`rules/web.yaml`"), ("POSTs", f"{POSTS:.0%}"))
    command = shlex.join(["tests/bench/shield.sh", *sys.argv[1:]])
    return (
        f"{heading(f'load {os.getloadavg()[1]:.1f} over five minutes', asked, command)}\n\n"
        "Where the load is near the number of cores or above, other work had them, too, and only ratios between both ways mean\n"
        "anything."
    )


def show(console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on the terminal."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--all", action="store_true", help="20, 200 and 1,000 requests a second, not 200 alone")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="others than these")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"for all releases; {MINUTES:g} unless said")
    parser.add_argument("--haproxy", choices=("debian", "wheel"), default="debian")
    parser.add_argument("--report", type=Path, help="write a report here, as Markdown, and a chart beside it")
    given = parser.parse_args()
    binary = debian_binary() if given.haproxy == "debian" else wheel_binary()
    console, rates = Console(width=150), ALL_RATES if given.all else given.rates
    top = told(binary)
    console.print(top)
    rows: list[Row] = []
    with Progress(console=Console(stderr=True)) as progress:
        plan = Plan(given.runs, given.minutes * 60 / turns(rates), progress)
        for rate in rates:
            rows += asyncio.run(both(binary, rate, plan))
    show(console, f"Bad answers that users got, medians of {given.runs} releases", report.HARM, [row.cells for row in rows])
    title = f"A healthy release on trial, {COST_RATE:,.0f} GETs/s, in {COST_TURNS} turns of {COST_SECONDS:g} s each; medians"
    costs = list(report.costs(*asyncio.run(measure_costs(binary))))
    show(console, title, report.COSTS, costs)
    if given.report:
        report.write(given.report, top, rows, {f"{title}:": costs})


if __name__ == "__main__":
    main()
