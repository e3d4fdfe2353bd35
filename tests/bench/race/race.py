"""The race: guardian, HAProxy's own fuses, and Prometheus with Alertmanager, each on the same ground; one command, one report.

What is finished is added to the raw data at once, and a race that was interrupted goes on where it stopped: the same ``--out``.
"""

import argparse
import asyncio
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import Progress, TaskID

from guardian.demo.haproxy import debian_binary, wheel_binary
from tests.bench.page import heading, said
from tests.bench.race import natives, prometheus
from tests.bench.race.alarms import Fuse, Guardian, Health, Observe, Ratio, play, starter_rule
from tests.bench.race.entrant import Entrants
from tests.bench.race.figures import CASES, HEALTHS, Alarm, Cost, Record, Soak, append, load
from tests.bench.race.heat import Heat, Pace
from tests.bench.race.report import Race, write

HERE = Path(__file__).parent
FIRST, LATER = ("100%", "5%"), ("1%", "latency", "down", "leak")
JUDGES = {
    "guardian": Guardian(starter_rule()),
    "observe": Observe(),
    "fuse": Fuse(),
    "prometheus-15s": Ratio(15.0, 15.0, 60.0, hold=90.0),
    "prometheus-1s": Ratio(1.0, 1.0, 3.0),
    "prometheus-100ms": Ratio(0.1, 0.1, 1.0),
}
"""The arithmetic of each entrant whose name begins so."""
SESSION_SECONDS = 1200.0
SLOW_RATES = (20.0, 200.0)
"""Loads at which an entrant whose rollbacks take minutes has enough lanes abreast."""


@dataclass(frozen=True, slots=True)
class Session:
    """One entrant on one field: what is raced there."""

    entrant: str
    rate: float
    cases: tuple[str, ...] = ()
    second: bool = False
    blind: bool = False
    soak: float = 0.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    runs: int
    rates: tuple[float, ...]
    cases: tuple[str, ...]
    entrants: tuple[str, ...]
    soak: float
    second: bool
    blind: bool

    def sessions(self, entrants: Entrants) -> Iterator[Session]:
        """In such an order that a race which is interrupted has compared all entrants in what it did; what matters most first."""
        groups = [[case for case in self.cases if case in group] for group in (FIRST, LATER)]
        for number, group in enumerate(groups):
            for rate in self.rates:
                for name in self.entrants:
                    if group and not (entrants[name]().slow and (rate not in SLOW_RATES or number)):
                        yield Session(name, rate, tuple(group))
            if number == 0:
                yield from self._extras()

    def _extras(self) -> Iterator[Session]:
        """Second incidents, and what happens without Prometheus; with reload they would be the same again."""
        for name in self.entrants:
            if (self.second or self.blind) and name != "guardian-bare" and "reload" not in name:
                yield Session(name, 200.0, second=self.second, blind=self.blind)
        for name in self.entrants:
            if self.soak and "reload" not in name and name != "guardian-bare":
                yield Session(name, 20.0, soak=self.soak)


def missing(session: Session, records: Sequence[Record]) -> Session | None:
    """What of ``session`` is not in ``records`` yet."""
    done = {
        (one.case, one.kind)
        for one in records
        if isinstance(one, Cost) and (one.entrant, one.rate) == (session.entrant, session.rate)
    }
    soaked = any(isinstance(one, Soak) and (one.entrant, one.rate) == (session.entrant, session.rate) for one in records)
    left = Session(
        session.entrant,
        session.rate,
        tuple(case for case in session.cases if (case, "first") not in done),
        session.second and ("100%", "second") not in done,
        session.blind and ("100%", "blind") not in done,
        0.0 if soaked else session.soak,
    )
    return left if left.cases or left.second or left.blind or left.soak else None


async def run(session: Session, heat: Heat, runs: int, raw: Path, progress: Progress) -> None:
    """Race ``session``, and add what is finished to the raw data. ``TimeoutError`` where that takes far too long."""
    async with asyncio.timeout(SESSION_SECONDS + 60 * session.soak + 2 * heat.pace.history), heat:
        for name in session.cases:
            task = progress.add_task(f"{session.entrant}, {CASES[name].title}, {session.rate:g}/s", total=runs)
            append(raw, await heat.cell(CASES[name], runs, "first", partial(_told, progress, task)))
            progress.remove_task(task)
        if session.second:
            append(raw, await heat.second(CASES["100%"]))
        if session.soak:
            append(raw, await heat.soak(session.soak * 60))
        if session.blind:
            append(raw, await heat.blind(CASES["100%"]))


def _told(progress: Progress, task: TaskID, done: int) -> None:
    progress.update(task, completed=done)


def simulate(names: Sequence[str], rates: Sequence[float], hours: float, raw: Path, progress: Progress) -> None:
    """How often each would take back healthy releases, where that is not known yet."""
    known = {(one.entrant, one.rate, one.health) for one in load(raw) if isinstance(one, Alarm)}
    kinds = [kind for kind in JUDGES if any(name.startswith(kind) for name in names)]
    task = progress.add_task("healthy hours, simulated", total=len(kinds) * len(rates) * len(HEALTHS))
    for kind in kinds:
        for rate in rates:
            for health, trouble in HEALTHS.items():
                if (kind, rate, health) not in known:
                    found = play(JUDGES[kind].release(Health(rate, trouble.fault.errors, trouble.clump)), hours)
                    append(raw, [Alarm(kind, rate, health, found.hours, found.in_ten_hours)])
                progress.advance(task)
    progress.remove_task(task)


def alarms(names: Sequence[str], records: Sequence[Record]) -> dict[tuple[str, float, str], float]:
    """The simulated figures of every entrant."""
    return {
        (name, one.rate, one.health): one.in_ten_hours
        for name in names
        for one in records
        if isinstance(one, Alarm) and name.startswith(one.entrant)
    }


def where(binary: Path, command: str) -> str:
    """Machine, versions, date, commit and command."""
    programs = (
        ("HAProxy", binary, "-v"),
        ("Prometheus", "prometheus", "--version"),
        ("Alertmanager", "prometheus-alertmanager", "--version"),
    )
    versions = [(name, said(str(program), option)) for name, program, option in programs]
    return heading(f"load {os.getloadavg()[1]:.1f} over five minutes", versions, command)


def main() -> None:
    """Race, and write the report."""
    everybody: Entrants = {**natives.ENTRANTS, **prometheus.ENTRANTS}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--rates", default="200,20,1000", help="requests a second of each service, in this order")
    parser.add_argument("--faults", default=",".join(CASES))
    parser.add_argument("--entrants", default=",".join(everybody))
    parser.add_argument(
        "--soak", type=float, default=0.0, metavar="MINUTES", help="healthy releases in real time, of every entrant"
    )
    parser.add_argument("--hours", type=float, default=10.0, help="of healthy releases, simulated")
    parser.add_argument("--budget", type=float, default=1e9, metavar="MINUTES", help="begin nothing more after so long")
    parser.add_argument("--second", action="store_true", help="a second incident, a minute after the first")
    parser.add_argument("--blind", action="store_true", help="one run with Prometheus dead")
    parser.add_argument("--history", type=float, default=60.0, help="seconds of ordinary traffic before the first release")
    parser.add_argument("--haproxy", choices=("debian", "wheel"), default="debian")
    parser.add_argument("--out", type=Path, default=HERE.parent / "race.jsonl", help="raw data; a race goes on where it stopped")
    parser.add_argument("--results", type=Path, default=HERE.parent / "RESULTS.md")
    given = parser.parse_args()
    binary = debian_binary() if given.haproxy == "debian" else wheel_binary()
    names, rates = tuple(given.entrants.split(",")), tuple(map(float, given.rates.split(",")))
    if unknown := {*names} - everybody.keys() | {*given.faults.split(",")} - CASES.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; entrants: {', '.join(everybody)}; faults: {', '.join(CASES)}")
    wanted = Wanted(given.runs, rates, tuple(given.faults.split(",")), names, given.soak, given.second, given.blind)
    ends, console = time.monotonic() + given.budget * 60, Console(stderr=True)
    race = list(wanted.sessions(everybody))
    with Progress(console=console) as progress:
        simulate(names, rates, given.hours, given.out, progress)
        whole = progress.add_task("the race", total=len(race))
        for session in race:
            if time.monotonic() < ends and (left := missing(session, load(given.out))):
                began = time.monotonic()
                heat = Heat(everybody[left.entrant](), binary, left.rate, Pace(history=given.history))
                try:
                    asyncio.run(run(left, heat, given.runs, given.out, progress))
                except (RuntimeError, TimeoutError, OSError, httpx.HTTPError) as error:
                    console.print(f"{left.entrant}, {left.rate:g}/s: {str(error) or type(error).__name__}; the race goes on")
                else:
                    console.print(
                        f"{left.entrant}, {left.rate:g}/s, {', '.join(left.cases) or 'extra'}: {time.monotonic() - began:.0f} s"
                    )
            progress.advance(whole)
    records = load(given.out)
    titles = {name: made().title for name, made in everybody.items()}
    command = shlex.join(["tests/bench/race/run.sh", *sys.argv[1:]])
    write(Race(where(binary, command), records, alarms(names, records), titles), given.results, given.results.parent / "charts")
    console.print(f"{given.results}, {given.out}")


if __name__ == "__main__":
    main()
