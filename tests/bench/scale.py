"""How guardian fares with many services on trial at once: CPU, memory, lateness and database, from one rule to ten thousand.

Watcher, poller, judges, schedule, store and adapters are those of the daemon, pinned to one core; HAProxy and Prometheus are
stand-ins on another (``crowd.py``). The cutovers lie evenly in the 15 seconds before. ``SCALE.md`` and its chart are written from
what came of it.
"""

import argparse
import asyncio
import cProfile
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from guardian.app.clock import SteadyClock
from guardian.app.codec import event_to_record, state_to_record
from guardian.app.poll import TURN_SECONDS, Poller
from guardian.app.record import Recorder
from guardian.app.saving import SAVE_SECONDS, Saver
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
from guardian.records.store import SqlStore
from tests.bench import scale_page
from tests.bench.growth import growth
from tests.bench.scale_figures import Cell, Figures, Shares, Size, shares

CROWD = Path(__file__).with_name("crowd.py")
WATCH = 3600.0
BEAT = 0.05
SIZES = (
    *((1, 1, BEAT), (1, 10, BEAT), (10, 10, BEAT), (100, 10, BEAT), (300, 10, BEAT), (1000, 1, BEAT), (1000, 10, BEAT)),
    (1000, 10, 0.5),
)
"""Services, rules of each, and seconds between two looks."""
LARGEST = (1000, 10, BEAT)
"""This one is profiled."""
SETTLING, SETTLING_COUNTERS = 16.0, 4.0
"""Seconds until every rule has been evaluated once; where none asks Prometheus."""
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


class Kept:
    """The daemon's store, in a directory that goes with the measurement, and how much is kept in it."""

    def __init__(self, directory: Path) -> None:
        self._store = SqlStore(directory)
        self._recorder = Recorder(self._store)
        self.saved = 0

    async def save(self, deployment: str, rule: str, evidence: dict[str, object]) -> None:
        """As the daemon does."""
        await self._recorder.save(deployment, rule, evidence)
        assert not self._recorder.trouble, self._recorder.trouble
        self.saved += 1

    def journal(self, state: ServiceState) -> None:
        """What evidence needs to be kept."""
        assert state.deployment is not None
        event = event_to_record(Adopted(0.0, Split.all_on(Environment.BLUE), "1@1700000000"))
        self._store.append(state.service, state.deployment.id, 0.0, event, state_to_record(state))

    async def aclose(self) -> None:
        """Close the store."""
        await self._recorder.aclose()
        self._store.close()


async def judge(size: Size, directory: Path, port: int, profile: cProfile.Profile | None = None) -> Figures:
    """Put all services of ``size`` on trial, and measure once all is under way; under ``profile``, where there is one."""
    names = [f"service-{number}" for number in range(size.services)]
    services = {name: Service(name, f"{name}_blue", f"{name}_green", WATCH) for name in names}
    own, clock, meter, kept = rules(size.rules), SteadyClock(), Meter(), Kept(directory)
    balancer = HAProxy(Endpoints(directory / "stats.sock", directory / "map", None, 5.0), services.values())
    watcher = Watcher(services, balancer, clock, lambda name: RuleSet(name, own), meter, Beat(size.look_every))
    watcher.connect(Wires(_nobody, lambda _service: None, lambda _deployment, _gather: None))
    prometheus = PrometheusSource(Access(f"http://127.0.0.1:{port}"))
    timed = Timed(prometheus, clock)
    poller, schedule = Poller({Source.PROMETHEUS: timed}, watcher, meter, clock), Schedule(clock)
    schedule.every(TURN_SECONDS, "queries", poller.turn, deadline=10.0)
    saver, saving = Saver(watcher.judges, kept.save, clock), asyncio.Lock()

    async def save() -> None:
        async with saving:
            await saver.turn()

    schedule.every(SAVE_SECONDS, "evidence", save, deadline=30.0)
    now = clock.now()
    states = [on_trial(name, now - SPREAD * number / len(names)) for number, name in enumerate(names)]
    for state in states:
        kept.journal(state)
    late = clock.now() - now
    for state in states:
        watcher.begin(on_trial(state.service, (state.deployment.cutover_at or 0.0) + late) if state.deployment else state)
    tasks = [asyncio.create_task(watcher.run()), asyncio.create_task(schedule.run())]
    await asyncio.sleep(size.settling)
    meter.forget()
    timed.late.clear()
    began, used, saved = time.monotonic(), time.process_time(), kept.saved
    if profile:
        profile.enable()
    await asyncio.sleep(size.seconds)
    if profile:
        profile.disable()
    took, spent, waiting = time.monotonic() - began, time.process_time() - used, len(asyncio.all_tasks())
    measured = Figures(
        cpu=spent / took,
        memory=_memory(),
        looks=len(meter.looks) / took,
        look=sorted(meter.looks)[len(meter.looks) // 2],
        wait=max(meter.gaps),
        counters_late=_late(own, meter),
        queries=len(timed.late) / took,
        queries_late=max(timed.late, default=0.0),
        failed=max(0, timed.failed - waiting),
        saved=(kept.saved - saved) / took,
    )
    async with saving:  # nothing is being written
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for part in (poller, prometheus, balancer, kept):
        await part.aclose()  # type: ignore[attr-defined]  # all have it
    return measured


def _late(own: tuple[Rule, ...], meter: Meter) -> float:
    """The longest wait for a verdict on counters, in intervals of the rule that has the shortest."""
    intervals = [rule.test.every for rule in own if rule.source is Source.HAPROXY and isinstance(rule.test, Threshold)]
    return max(meter.gaps) / min(intervals) if intervals else 0.0


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
    with alone(size) as (directory, port):
        return asyncio.run(judge(size, directory, port))


def profiled(size: Size) -> Shares:
    """The same under the profiler, which slows it down: what takes which share of the work."""
    profile = cProfile.Profile()
    with alone(size) as (directory, port):
        asyncio.run(judge(size, directory, port, profile))
    return shares(profile)


@contextmanager
def alone(size: Size) -> Iterator[tuple[Path, int]]:
    """The stand-ins for ``size`` on one core, this process on another."""
    mine, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {mine})
    with crowd(size.services, others[0] if others else None) as place:
        yield place


def settled(services: int, each: int, look_every: float, seconds: float) -> Size:
    """What is measured, once it has settled."""
    return Size(services, each, look_every, seconds, SETTLING_COUNTERS if each == 1 else SETTLING)


def main() -> None:
    """Measure every size, each in a process of its own, print what came of it beside what is promised, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=SAVE_SECONDS, help="how long each size is measured")
    parser.add_argument("--realtime", action="store_true", help="ahead of what else the machine does; as root")
    asked = parser.parse_args()
    if asked.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    console = Console(width=130, highlight=False)
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, one of them for guardian; promised: {PROMISE}")
    cells, grown = [], {key: growth(rules(key[0]), WATCH, key[1]) for key in sorted({size[1:] for size in SIZES})}
    for services, each, look_every in SIZES:
        size = settled(services, each, look_every, asked.seconds)
        with get_context("spawn").Pool(1) as pool:
            found = pool.apply(measure, (size,))
        cells.append(Cell(size, found, grown[each, look_every]))
        console.print(" | ".join(scale_page.row(cells[-1])))
    with get_context("spawn").Pool(1) as pool:
        profile = pool.apply(profiled, (settled(*LARGEST, asked.seconds),))
    kept = all(max(cell.found.counters_late, cell.found.queries_late) <= 1 and not cell.found.failed for cell in cells)
    command = " ".join(["tests/bench/scale.sh", *sys.argv[1:]])
    text = scale_page.write(scale_page.Page(command, PROMISE, cells, profile, kept=kept), Path(__file__).with_name("SCALE.md"))
    console.print(text)
    sys.exit(not kept)


if __name__ == "__main__":
    main()
