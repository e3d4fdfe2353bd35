"""How guardian fares with many services on trial at once: CPU, memory and lateness, from one rule to ten thousand.

Watcher, poller, judges, schedule and adapters are those of the daemon, pinned to one core; HAProxy and Prometheus are stand-ins on
another (``crowd.py``). The cutovers lie evenly in the 15 seconds before.
"""

import argparse
import asyncio
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.table import Table

from guardian.app.clock import SteadyClock
from guardian.app.poll import TURN_SECONDS, Poller
from guardian.app.schedule import Schedule
from guardian.app.watch import Watcher
from guardian.app.watching import Beat, Wires
from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.core.access import Access
from guardian.core.deployment import ServiceState
from guardian.core.events import Adopted, Event, Routed, SwitchRequested
from guardian.core.judges.trial import Trial
from guardian.core.model import BASIS_POINTS, Environment, Service, Split
from guardian.core.ports import Metrics, Reading
from guardian.core.rules import Against, Direction, Gauge, Lack, Query, Ratio, Rule, RuleSet, Sequential, Source, Threshold, Unit
from guardian.core.switch import adopt, step
from guardian.core.verdicts import Verdict
from guardian.metrics.source import PrometheusSource

CROWD = Path(__file__).with_name("crowd.py")
WATCH = 3600.0
SIZES = ((1, 1), (1, 10), (10, 10), (100, 10), (1000, 10))
"""Services, and rules of each."""
SETTLING = 16.0
"""Seconds until every rule has been evaluated once."""
SPREAD = 15.0
PROMISE = "no evaluation late by more than its interval"


def threshold(name: str, measure: Ratio | Gauge | Query, limit: float, every: float, window: float) -> Rule:
    """A rule with a limit that is never exceeded."""
    source = Source.PROMETHEUS if isinstance(measure, Query) else Source.HAPROXY
    return Rule(name, name, source, measure, Threshold(Direction.ABOVE, limit, 3, 5, every, window), Lack.HOLD)


def sequential(name: str, numerator: tuple[str, ...], denominator: tuple[str, ...], against: Against) -> Rule:
    """A sequential rule, which is evaluated at every look."""
    return Rule(name, name, Source.HAPROXY, Ratio(numerator, denominator), Sequential(0.01, against), Lack.HOLD)


def rules(number: int) -> tuple[Rule, ...]:
    """The first ``number`` of ten rules as people have them: two sequential ones, two of HAProxy's counters, six queries."""
    errors = ("connection_errors", "response_errors")
    query = Query('sum(rate(errors_total{env="$candidate",service="$service"}[$window]))', Unit.SHARE)
    return (
        sequential("server-errors", ("responses_5xx",), ("responses",), Against.BASELINE),
        sequential("unreachable", errors, ("requests",), Against.LIMIT),
        threshold("slow", Gauge.LATENCY, 10.0, every=1.0, window=5.0),
        threshold("retries", Ratio(("retries",), ("requests",)), 0.9, every=5.0, window=10.0),
        *(threshold(f"query-{at}", query, 0.8, every=every, window=every) for at, every in enumerate((10, 10, 10, 10, 15, 15))),
    )[:number]


class Meter:
    """Where the watch shows what it sees."""

    def __init__(self) -> None:
        self.looks: list[float] = []
        """Seconds that each took."""
        self.gaps: list[float] = []
        """Seconds between the ends of two looks: no verdict on what came in between waited longer."""
        self._last = 0.0

    def looked(self, lateness: float, took: float) -> None:
        """One look was done."""
        del lateness
        now = time.monotonic()
        self.looks.append(took)
        self.gaps.append(now - (self._last or now))
        self._last = now

    def evaluated(self, lateness: float) -> None:
        """The source tells itself."""

    def breached(self, service: str, verdict: Verdict) -> None:
        """None should."""
        raise AssertionError(f"{service}: {verdict.reason}")

    def forget(self) -> None:
        """What follows is measured."""
        self.looks.clear()
        self.gaps.clear()


class Timed:
    """A source whose answers are timed against the moment at which they were due."""

    def __init__(self, source: Metrics, clock: SteadyClock) -> None:
        self._source, self._clock = source, clock
        self.late: list[float] = []
        """In intervals of the rule: 1 is as late as the next evaluation."""
        self.failed = 0

    async def read(self, service: str, rule: Rule, trial: Trial, at: float) -> Reading | None:
        """As the source does."""
        self.failed += 1
        reading = await self._source.read(service, rule, trial, at)
        self.failed -= 1
        self.late.append((self._clock.now() - at) / rule.test.every)  # type: ignore[union-attr]  # queries have thresholds
        return reading


@dataclass(frozen=True, slots=True)
class Size:
    """What is measured."""

    services: int
    rules: int
    look_every: float
    seconds: float
    settling: float = SETTLING


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of it."""

    cpu: float
    """Of the one core, as a share."""
    memory: float
    """MB, of the process as a whole."""
    growth: float
    """MB a minute while it watches: evidence, of which each rule keeps 4,000 looks at the most."""
    looks: float
    """A second."""
    look: float
    """Seconds that a look takes, in the middle of all."""
    wait: float
    """Seconds between two looks, at the most."""
    counters_late: float
    """Of the rules that have an interval and read counters: the wait, in intervals of the one with the shortest."""
    queries: float
    """A second."""
    queries_late: float
    """From the moment at which a query was due to its verdict, at the most, in intervals."""
    failed: int
    """Queries without an answer."""


async def judge(size: Size, directory: Path, port: int) -> Figures:
    """Put all services of ``size`` on trial, and measure once all is under way."""
    names = [f"service-{number}" for number in range(size.services)]
    services = {name: Service(name, f"{name}_blue", f"{name}_green", WATCH) for name in names}
    own, clock, meter = rules(size.rules), SteadyClock(), Meter()
    balancer = HAProxy(Endpoints(directory / "stats.sock", directory / "map", None, 5.0), services.values())
    watcher = Watcher(services, balancer, clock, lambda name: RuleSet(name, own), meter, Beat(size.look_every))
    watcher.connect(Wires(_nobody, lambda _service: None, lambda _deployment, _gather: None))
    prometheus = PrometheusSource(Access(f"http://127.0.0.1:{port}"))
    timed = Timed(prometheus, clock)
    poller, schedule = Poller({Source.PROMETHEUS: timed}, watcher, meter, clock), Schedule(clock)
    schedule.every(TURN_SECONDS, "queries", poller.turn, deadline=10.0)
    now = clock.now()
    for number, name in enumerate(names):
        watcher.begin(on_trial(name, now - SPREAD * number / len(names)))
    tasks = [asyncio.create_task(watcher.run()), asyncio.create_task(schedule.run())]
    await asyncio.sleep(size.settling)
    meter.forget()
    timed.late.clear()
    began, used, memory = time.monotonic(), time.process_time(), _memory()
    await asyncio.sleep(size.seconds)
    took, spent, waiting = time.monotonic() - began, time.process_time() - used, len(asyncio.all_tasks())
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await poller.aclose()
    await prometheus.aclose()
    await balancer.aclose()
    intervals = [rule.test.every for rule in own if rule.source is Source.HAPROXY and isinstance(rule.test, Threshold)]
    return Figures(
        cpu=spent / took,
        memory=_memory(),
        growth=(_memory() - memory) / took * 60,
        looks=len(meter.looks) / took,
        look=sorted(meter.looks)[len(meter.looks) // 2],
        wait=max(meter.gaps),
        counters_late=max(meter.gaps) / min(intervals) if intervals else 0.0,
        queries=len(timed.late) / took,
        queries_late=max(timed.late, default=0.0),
        failed=max(0, timed.failed - waiting),
    )


def on_trial(name: str, at: float) -> ServiceState:
    """A service whose traffic went to green ``at`` that moment."""
    state = adopt(name, Adopted(at, Split.all_on(Environment.BLUE), "1@1700000000")).state
    state = step(state, SwitchRequested(at, "bench", "", Environment.GREEN, BASIS_POINTS, WATCH)).state
    return step(state, Routed(at, state.generation, "1@1700000000", 1, 0.0)).state


async def _nobody(service: str, event: Event) -> None:
    raise AssertionError(f"{service}: {event}")


def _memory() -> float:
    """Resident memory of this process, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


@contextmanager
def crowd(services: int, cpu: int | None = None) -> Iterator[tuple[Path, int]]:
    """The stand-ins, while the body runs: where the stats socket is, and on which port Prometheus."""
    with tempfile.TemporaryDirectory() as directory:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, str(CROWD), directory, str(services), str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                if cpu is not None:
                    os.sched_setaffinity(process.pid, {cpu})
                assert process.stdout is not None
                assert process.stdout.readline() == b"ready\n"
                yield Path(directory), port
            finally:
                process.kill()


def measure(size: Size) -> Figures:
    """Measure ``size`` in this process, which has a core of its own."""
    mine, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {mine})
    with crowd(size.services, others[0] if others else None) as (directory, port):
        return asyncio.run(judge(size, directory, port))


def main() -> None:
    """Measure every size, each in a process of its own, and print what came of it beside what is promised."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each size is measured")
    parser.add_argument("--look-every", type=float, default=0.05, help="seconds between two looks, as guardian.yaml's look_every")
    parser.add_argument(
        "--realtime", action="store_true", help="ahead of all else on the machine, where others use it, too; as root"
    )
    asked = parser.parse_args()
    if asked.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    console = Console(width=130, highlight=False)
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, one of them for guardian; promised: {PROMISE}")
    columns = ("services", "rules", "CPU", "memory", "a minute", "looks/s", "a look", "longest wait", "queries/s", "latest")
    table = Table(*columns, title=f"all on trial, look_every {asked.look_every * 1000:.0f} ms")
    kept = True
    for services, each in SIZES:
        with get_context("spawn").Pool(1) as pool:
            found = pool.apply(measure, (Size(services, each, asked.look_every, asked.seconds),))
        table.add_row(
            *(f"{services:,}", f"{services * each:,}", f"{found.cpu:.1%}", f"{found.memory:.0f} MB", f"+{found.growth:.0f} MB"),
            *(f"{found.looks:.1f}", f"{found.look * 1000:.1f} ms", f"{found.wait * 1000:.0f} ms ({found.counters_late:.2f})"),
            *(f"{found.queries:.1f}", f"{found.queries_late:.2f}" + (f", {found.failed} failed" if found.failed else "")),
        )
        kept = kept and max(found.counters_late, found.queries_late) <= 1 and not found.failed
    console.print(table)
    console.print("longest wait: for a verdict on counters, and in intervals of the shortest; latest: the same for queries")
    console.print(f"{PROMISE}: {'kept' if kept else 'NOT KEPT'}")
    sys.exit(not kept)


if __name__ == "__main__":
    main()
