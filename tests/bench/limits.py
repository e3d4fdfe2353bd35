"""What a rollback, a switch, a start and an idle daemon cost, each beside the least that the machine allows; in one run."""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from guardian.core.model import Environment
from guardian.demo.application import Fault
from guardian.demo.haproxy import debian_binary, wheel_binary
from guardian.demo.report import Badness, harm, percentile
from guardian.demo.stage import SERVICE, GuardianProcess, Setting, Stage
from guardian.demo.traffic import Load, Traffic
from tests.bench.measure import RULES, cpu_seconds, measure_costs, measure_switches, memory, show_costs, show_switches
from tests.bench.shield import begin

ROOT = Path(__file__).parents[2]
RATE = 1000.0
RULE_FILES = 100
COMMAND = (str(Path(sys.executable).with_name("guardian")),)
PROMISES = {"guardian --help": "0.3 s", f"guardian rules check, {RULE_FILES} files": "1 s"}


@dataclass(frozen=True, slots=True)
class Start:
    """One program from its start to its end, or until it serves."""

    seconds: float
    cpu: float
    memory: int


NURSE = """
import json, os, sys, time
said = [(os.POSIX_SPAWN_OPEN, number, sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for number in (1, 2)]
began = time.perf_counter()
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ, file_actions=said)
_, status, used = os.wait4(child, 0)
took = time.perf_counter() - began
print(json.dumps([os.waitstatus_to_exitcode(status), took, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]))
"""
"""Starts a program from a small process: a child's peak of memory begins with that of whoever started it."""


def run_once(command: Sequence[str], said: Path) -> Start:
    """Run ``command`` to its end."""
    nurse = [sys.executable, "-S", "-c", NURSE, str(said), *command]
    answer = subprocess.run(nurse, check=True, capture_output=True, cwd=ROOT).stdout
    code, seconds, cpu, memory = json.loads(answer)
    assert code == 0, (command, said.read_text())
    return Start(seconds, cpu, memory)


async def until_ready(stage: Stage) -> Start:
    """The daemon anew, until it says that a rollback would work."""
    await stage.guardian.end()
    began = time.perf_counter()
    process = await stage.guardian.spawn()
    async with stage.guardian.client() as client:
        while process.returncode is None:
            try:
                if (await client.get("/readyz")).is_success:
                    break
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.005)
    return Start(time.perf_counter() - began, cpu_seconds(process.pid), memory(process.pid))


async def measure_starts(binary: Path, turns: int) -> Mapping[str, list[Start]]:
    """Every program ``turns`` times, in turn."""
    with tempfile.TemporaryDirectory(prefix="guardian-bench-") as name:
        directory = Path(name)
        many = directory / "many"
        many.mkdir()
        for number in range(RULE_FILES):
            (many / f"{number}.yaml").write_text(RULES.read_text().replace("service: web", f"service: web-{number}"))
        async with Stage(Setting(directory, binary, RULES.read_text())) as stage:
            programs = {
                "the bare interpreter": (sys.executable, "-c", "pass"),
                "guardian --help": (*COMMAND, "--help"),
                f"guardian rules check, {RULE_FILES} files": (*COMMAND, "rules", "check", str(many)),
                "guardian status": (*COMMAND, "--socket", str(stage.guardian.socket), "status"),
            }
            found: dict[str, list[Start]] = {name: [] for name in (*programs, "guardian run, until ready")}
            for _ in range(turns):
                for program, command in programs.items():
                    found[program].append(await asyncio.to_thread(run_once, command, directory / "said"))
                found["guardian run, until ready"].append(await until_ready(stage))
            return found


class Traced(GuardianProcess):
    """The daemon with a stop-watch."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.trace = directory / "trace"
        self._arguments = ("-m", "tests.bench.traced", str(self.trace), "run", "--config", str(directory / "guardian.yaml"))

    def last(self) -> dict[str, Any]:
        """What was noted of the last rollback."""
        found: dict[str, Any] = json.loads(self.trace.read_text().splitlines()[-1])
        return found


STEPS = (
    "first bad answer at a client -> the look that shows it",
    "-> the look that decides: at least three must agree",
    "   of that, asking for the counters and reading them",
    "-> judged",
    "-> journalled, on disk",
    "-> the other side found healthy",
    "-> `set map` sent",
    "-> set in the worker in service",
    "-> confirmed in all workers",
    "-> last bad answer at a client",
    "all",
)


def decomposed(first: float, last: float, traced: Mapping[str, Any]) -> tuple[float, ...]:
    """The seconds of each of :data:`STEPS` in one rollback; the looks' answers are those that came before the verdict."""
    looks = [look for look in traced["looks"] if look[1] <= traced["judged"]]
    backend = SERVICE.backend(Environment.GREEN)
    quiet = [look for look in looks if look[1] < first][-1][2][backend]
    shown = next(look[1] for look in looks if look[2][backend] > quiet)
    asked, decided, _ = looks[-1]
    moments = (first, shown, decided, traced["judged"], traced["journalled"], traced["routing"], traced["sent"], traced["set"])
    steps = [later - earlier for earlier, later in zip(moments, (*moments[1:], traced["proved"]), strict=True)]
    return (*steps[:2], decided - asked, *steps[2:], last - traced["proved"], last - first)


async def measure_steps(binary: Path, number: int, rate: float = RATE) -> list[tuple[float, ...]]:
    """``number`` releases that fail outright under load, each taken apart."""
    with tempfile.TemporaryDirectory(prefix="guardian-bench-") as directory:
        stage = Stage(Setting(Path(directory), binary, RULES.read_text()))
        stage.guardian = daemon = Traced(Path(directory))
        async with stage, Traffic(stage.haproxy.port, Load(rate, connections=40)) as traffic, daemon.client() as client:
            green, found = stage.applications[Environment.GREEN], []
            for turn in range(number):
                await green.fail(Fault())
                await begin(stage, client)
                await asyncio.sleep(0.3 + turn * 0.007)  # so that the fault begins at another moment between two looks each time
                began = await green.fail(Fault(errors=1.0))
                await daemon.until(client, "rolled back")
                await asyncio.sleep(0.2)
                done = harm([answer for answer in traffic.answers if answer.done >= began], (Environment.GREEN,), Badness())
                assert done is not None
                found.append(decomposed(done.first, done.last, daemon.last()))
                traffic.answers.clear()
                await daemon.order(client, "unlatch", {"reason": "next run"})
            return found


def show_starts(console: Console, found: Mapping[str, list[Start]]) -> None:
    """Start-up beside the bare interpreter's."""
    table = Table(title=f"Start-up, medians of {len(next(iter(found.values())))}", title_justify="left")
    for column in ("", "time", "promise", "CPU", "memory", "times the interpreter"):
        table.add_column(column)
    bare = statistics.median(start.seconds for start in found["the bare interpreter"])
    for name, starts in found.items():
        seconds, cpu, most = (statistics.median(getattr(one, what) for one in starts) for what in ("seconds", "cpu", "memory"))
        promise = f"<= {PROMISES[name]}" if name in PROMISES else ""
        table.add_row(
            name, f"{seconds * 1000:.0f} ms", promise, f"{cpu * 1000:.0f} ms", f"{most / 2**20:.0f} MB", f"{seconds / bare:.1f}"
        )
    console.print(table)


def show_steps(console: Console, found: Sequence[tuple[float, ...]]) -> None:
    """Where the time of a rollback goes."""
    table = Table(
        title=f"A rollback, 100 % errors, {RATE:,.0f} requests/s, a look every 50 ms; {len(found)} runs", title_justify="left"
    )
    for column in ("", "median", "p90"):
        table.add_column(column)
    for name, seconds in zip(STEPS, zip(*found, strict=True), strict=True):
        table.add_row(name, *_milliseconds(sorted(seconds)))
    console.print(table)


def _milliseconds(ordered: Sequence[float]) -> Iterator[str]:
    for share in (0.5, 0.9):
        yield f"{(percentile(ordered, share) or 0.0) * 1000:.2f} ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="rollbacks that are taken apart")
    parser.add_argument("--haproxy", choices=("debian", "wheel"), default="debian")
    given = parser.parse_args()
    binary = debian_binary() if given.haproxy == "debian" else wheel_binary()
    console = Console(width=130, highlight=False)
    version = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stdout.split()[2]
    console.print(f"HAProxy {version}, Python {platform.python_version()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}")
    show_switches(console, asyncio.run(measure_switches(binary, 200)))
    show_starts(console, asyncio.run(measure_starts(binary, 10)))
    show_steps(console, asyncio.run(measure_steps(binary, given.runs)))
    show_costs(console, asyncio.run(measure_costs(binary)))


if __name__ == "__main__":
    main()
