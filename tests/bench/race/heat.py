"""One entrant on its own field: releases that go wrong, one lane after another or abreast, and healthy ones that should stay."""

import asyncio
import contextlib
import os
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from guardian.core.model import Environment
from guardian.demo.application import Fault
from guardian.demo.traffic import Load, Traffic
from tests.bench.race.crew import Trouble
from tests.bench.race.entrant import Entrant, Lane
from tests.bench.race.figures import HEALTHS, HEALTHY, Case, Cost, Record, Run, Seen, Soak, gone, judged
from tests.bench.race.ground import Field

CLEAN = Trouble(Fault(errors=HEALTHY))
PAUSE = 0.05
UP_SECONDS = 30.0
START_SECONDS = 120.0
QUIET = 0.5
ABREAST = 1000.0
"""Requests a second of all lanes together, at the most."""
FURTHER = 2
"""Waves more than there should be, where lanes were taken back before their fault."""
FRUITLESS = 2
"""Releases, one after the other, that nobody takes back: then no more are tried."""


def lanes_for(rate: float, entrant: Entrant) -> int:
    """As many as the machine has traffic for, and twenty at the most.

    One for who reloads: a reload for one service is felt by the others of the same HAProxy. Who takes minutes has no time for that.
    """
    return 1 if entrant.reloads and not entrant.slow else max(1, min(20, int(ABREAST / rate)))


@dataclass(frozen=True, slots=True)
class Pace:
    """How much time is taken for what."""

    history: float = 30.0
    """Ordinary traffic before the first release: the past that some compare with."""
    settle: float = 1.0
    """From the release to the earliest fault."""
    patience: float = 30.0
    patience_slow: float = 240.0
    second_after: float = 60.0
    """From the first rollback to the release that goes wrong again."""


class Heat:
    """A field with an entrant on it and traffic on every lane, from ``async with`` to its end."""

    def __init__(self, entrant: Entrant, binary: Path, rate: float, pace: Pace, lanes: int = 0) -> None:
        self.entrant, self.rate, self.pace = entrant, rate, pace
        self._binary, self._number = binary, lanes or lanes_for(rate, entrant)
        self._random = random.Random()  # the phase between fault and look is to differ from race to race
        self._ends = contextlib.AsyncExitStack()
        self.traffic: dict[str, Traffic] = {}
        self.field: Field

    async def __aenter__(self) -> Self:
        """Start all of it, and let ordinary traffic pass for a while."""
        async with contextlib.AsyncExitStack() as ends:
            directory = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="race-")))
            self.field = await ends.enter_async_context(Field(directory, self._binary, self._number, self.entrant))
            for environment in Environment:
                await self.field.crew.trouble(self.lanes, environment, CLEAN)
            for number, lane in enumerate(self.lanes):
                load = Load(self.rate, connections=40, seed=number)
                self.traffic[lane.name] = await ends.enter_async_context(Traffic(lane.port, load))
            ends.push_async_callback(self.entrant.stop)
            began = time.monotonic()
            async with asyncio.timeout(START_SECONDS):
                await self.entrant.start(self.field.ground)
            await asyncio.sleep(max(0.0, self.pace.history - (time.monotonic() - began)))
            self._ends = ends.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all of it."""
        await self._ends.aclose()

    @property
    def lanes(self) -> Sequence[Lane]:
        """The services."""
        return self.field.ground.lanes

    @property
    def patience(self) -> float:
        """Seconds for which a rollback is waited for."""
        return self.pace.patience_slow if self.entrant.slow else self.pace.patience

    @property
    def spread(self) -> float:
        """Seconds over which the faults of all lanes begin: several looks."""
        return max(2.0, self.entrant.looks_every)

    async def cell(self, case: Case, runs: int, kind: str, told: Callable[[int], None]) -> list[Record]:
        """``runs`` bad releases, as many abreast as there are lanes; where the first never end, no more follow."""
        records: list[Record] = []
        meter = Meter(self.entrant.pids(), self.field.haproxy.pid)
        valid: list[Run] = []
        fruitless = 0
        for _ in range(-(-runs // len(self.lanes)) + FURTHER):
            wave = await self.wave(case, kind, refresh=True)
            records += wave
            valid += [run for run in wave if not run.early]
            told(len(valid))
            fruitless = fruitless + len(wave) if all(run.seconds is None for run in wave) else 0
            if self.entrant.slow or fruitless >= FRUITLESS or len(valid) >= runs:
                break
        return [*records, self._cost(meter, case, kind)]

    async def second(self, case: Case) -> list[Record]:
        """A release that goes wrong, and a minute later the next one."""
        meter = Meter(self.entrant.pids(), self.field.haproxy.pid)
        await self.wave(case, "first", refresh=True)
        await asyncio.sleep(self.pace.second_after)
        return [*await self.wave(case, "second", refresh=False), self._cost(meter, case, "second")]

    async def blind(self, case: Case) -> list[Record]:
        """A bad release after the entrant's metric store has died; that of an entrant without one is as any other."""
        meter = Meter(self.entrant.pids(), self.field.haproxy.pid)
        await self.entrant.lose_metrics()
        return [*await self.wave(case, "blind", refresh=False), self._cost(meter, case, "blind")]

    async def wave(self, case: Case, kind: str, *, refresh: bool) -> list[Run]:
        """One release of every lane; each goes wrong at a moment of its own."""
        crew = self.field.crew
        if refresh:
            await self.entrant.refresh()
        await self._until_up()
        for traffic in self.traffic.values():
            traffic.answers.clear()
        await crew.forget()
        await self.entrant.release(self.lanes)
        released = time.monotonic()
        await self._until_on_green()
        await asyncio.sleep(self.pace.settle)
        runs = await asyncio.gather(*(self._run(lane, case, kind, released) for lane in self.lanes))
        await crew.trouble(self.lanes, Environment.GREEN, CLEAN)
        await self.entrant.rearm(self.lanes)
        return list(runs)

    async def soak(self, seconds: float) -> list[Record]:
        """Healthy releases on all lanes, of each kind of health on as many; what is taken back is released again.

        The old environment was as healthy, for as long as there is a past: a release that is worse than it is no false alarm.
        """
        await self._until_up()
        names = list(HEALTHS)
        await self._health(HEALTHS)
        await asyncio.sleep(self.pace.history)
        await self.entrant.refresh()
        await self.entrant.release(self.lanes)
        ends = time.monotonic() + seconds
        soaked = await asyncio.gather(*(self._healthy(lane, ends) for lane in self.lanes))
        await self._health(dict.fromkeys(names, CLEAN))
        await self.entrant.rearm(self.lanes)
        records: list[Record] = []
        for number, name in enumerate(names):
            own = soaked[number :: len(names)]
            if own:
                records.append(Soak(self.entrant.name, self.rate, name, sum(one[0] for one in own), sum(one[1] for one in own)))
        return records

    async def _health(self, healths: Mapping[str, Trouble]) -> None:
        """Give both environments of as many lanes each of ``healths``."""
        for number, health in enumerate(healths.values()):
            for environment in Environment:
                await self.field.crew.trouble(self.lanes[number :: len(healths)], environment, health)

    async def _healthy(self, lane: Lane, ends: float) -> tuple[float, int]:
        """Seconds on green, and how often it was taken back."""
        answers, on_green, false, since = self.traffic[lane.name].answers, 0.0, 0, time.monotonic()
        while (now := time.monotonic()) < ends:
            if gone(answers, since, now, self._quiet):
                on_green, false = on_green + now - since, false + 1
                await self.entrant.rearm([lane])
                await self.entrant.refresh()
                await self._until_up()
                answers.clear()
                await self.entrant.release([lane])
                since = time.monotonic()
                continue
            del answers[: max(0, len(answers) - 1000)]
            await asyncio.sleep(10 * PAUSE)
        return on_green + max(0.0, ends - since), false

    @property
    def _quiet(self) -> float:
        return max(QUIET, 10 / self.rate)

    async def _run(self, lane: Lane, case: Case, kind: str, released: float) -> Run:
        await asyncio.sleep(self._random.random() * self.spread)
        answers = self.traffic[lane.name].answers
        early = gone(answers, released, time.monotonic(), self._quiet)
        began = await self.field.crew.trouble([lane], Environment.GREEN, case.trouble)
        deadline = began + self.patience + case.trouble.over
        returned = None
        while (now := time.monotonic()) < deadline:
            if gone(answers, began, now, self._quiet):
                returned = now
                break
            await asyncio.sleep(PAUSE)
        if returned is not None:
            await self._until_answered(lane, returned)
        seen = Seen(began, list(answers), await self.field.crew.seen(lane))
        run = judged((self.entrant.name, case.name, self.rate, kind), case, seen, returned, deadline)
        early = early or (returned is not None and not seen.met)
        return run if not early else _early(run)

    async def _until_answered(self, lane: Lane, before: float) -> None:
        """Until every request that began ``before`` has its answer: HAProxy keeps those to a dead server for a second and more."""
        traffic = self.traffic[lane.name]
        await _until(lambda: (traffic.waiting_since or before + 1) > before, UP_SECONDS)

    async def _until_on_green(self) -> None:
        """Until green has answered on every lane; one that was taken back at once is left to :func:`gone`."""
        await _until(lambda: all(map(self._on_green, self.lanes)), UP_SECONDS)

    def _on_green(self, lane: Lane) -> bool:
        return any(one.environment is Environment.GREEN for one in self.traffic[lane.name].answers)

    async def _until_up(self) -> None:
        """Until HAProxy finds every environment healthy, by its last check too."""
        deadline = time.monotonic() + UP_SECONDS
        while down := await self._down():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.entrant.name}: not healthy after {UP_SECONDS:.0f} s: {', '.join(sorted(down))}")
            await asyncio.sleep(2 * PAUSE)

    async def _down(self) -> set[str]:
        reader, writer = await asyncio.open_unix_connection(self.field.ground.socket)
        writer.write(b"show stat -1 4 -1\n")
        rows = [line.split(",") for line in (await reader.read()).decode().splitlines() if line and not line.startswith("#")]
        writer.close()
        return {row[0] for row in rows if row[1] in {"blue1", "green1"} and row[17] not in {"UP", "no check"}}

    def _cost(self, meter: "Meter", case: Case, kind: str) -> Cost:
        cpu, memory, haproxy, took = meter.read(self.entrant.pids())
        late = max((lateness.p99 for one in self.traffic.values() if (lateness := one.lateness)), default=0.0)
        return Cost(self.entrant.name, case.name, self.rate, kind, len(self.lanes), cpu, memory, haproxy, late, took)


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Until it holds, for ``seconds`` at the most."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(PAUSE)


def _early(run: Run) -> Run:
    return Run(run.entrant, run.case, run.rate, run.kind, None, run.waited, 0, 0, 0, 0, early=True)


class Meter:
    """CPU and memory of some processes from its making on."""

    def __init__(self, pids: Sequence[int], master: int) -> None:
        self._pids, self._master = set(pids), master
        self._began = time.monotonic()
        self._before = {pid: _cpu(pid) for pid in self._pids}
        self._haproxy = _family(master)

    def read(self, pids: Sequence[int]) -> tuple[float, float, float, float]:
        """Their CPU as a share of a core, their peak memory together in MB, HAProxy's CPU, and the seconds that it took."""
        took = time.monotonic() - self._began
        cpu = sum(_cpu(pid) - self._before.get(pid, 0.0) for pid in pids)
        return cpu / took, sum(map(_peak, pids)), max(0.0, _family(self._master) - self._haproxy) / took, took


def _cpu(pid: int) -> float:
    """Of the process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> float:
    """Of a process, its children that have ended, and those that run."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return 0.0
    return _cpu(pid) + sum(_cpu(int(child)) for child in children)


def _peak(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)
