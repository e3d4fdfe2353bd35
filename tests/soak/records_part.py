"""Years of records in minutes: judges, journal, evidence, retention, archive and vacuum, with what each costs."""

import gc
import os
import random
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from guardian.core.judges import judge_for
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment
from guardian.core.readings import History
from guardian.records.housekeeping import Housekeeping
from guardian.records.store import SqlStore
from tests.doubles.rulefiles import SERVER_ERRORS
from tests.soak.flat import Column, judged, picture, publish

EVENTS = 10
"""Journal entries of one deployment, at the least."""
KEPT = 50
EVERY = 3600.0
"""Seconds from one deployment to the next, in the time that is played."""
TENTHS = 10


def memory() -> float:
    """MiB that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1048576


def descriptors() -> int:
    """How many are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@dataclass(frozen=True, slots=True)
class Tenth:
    """What was measured at the end of one."""

    memory: float
    descriptors: float
    database: float
    log: float
    look: float
    entry: float
    entry_cpu: float
    slice: float
    history: float


class Years:
    """A store that lives through ``deployments``, each judged ``looks`` times."""

    def __init__(self, place: Path, deployments: int, looks: int) -> None:
        self._place, self._total, self._looks = place, deployments, looks
        self._store = SqlStore(place / "state")
        self._house = Housekeeping(self._store, place / "archive")
        self._chance = random.Random(1)
        self.keep = deployments / TENTHS * 1.5 * EVERY
        self.tenths: list[Tenth] = []

    def live(self) -> None:
        """From the first to the last."""
        share = self._total // TENTHS
        for tenth in range(TENTHS):
            looks, entries, cpu, slices = [], [], [], [0.0]
            for number in range(tenth * share, (tenth + 1) * share):
                looks.append(self._judge(number))
                took, burnt = self._journal(number)
                entries.append(took)
                cpu.append(burnt)
                if number % 50 == 49:
                    slices.append(self._tidy(number))
            gc.collect()
            self.tenths.append(self._measured(looks, entries, cpu, slices))
        assert self._store.verify() is None
        self._store.close()

    def archived(self) -> tuple[int, float]:
        """Files of the archive, and their MiB."""
        files = list((self._place / "archive").glob("*.gz"))
        return len(files), sum(file.stat().st_size for file in files) / 1048576

    def _judge(self, number: int) -> float:
        at = 1.7e9 + number * EVERY
        judge = judge_for(SERVER_ERRORS, Trial(Environment.GREEN, at, 600.0, 0.05, shared=False, history=History()))
        started = time.perf_counter()
        for look in range(self._looks):
            judge.feed(at + look * 0.05, 0.05, (1 if self._chance.random() < 0.001 else 0, 10))
        return (time.perf_counter() - started) / self._looks

    def _journal(self, number: int) -> tuple[float, float]:
        at, name = 1.7e9 + number * EVERY, f"web-{number}"
        started, burnt = time.perf_counter(), time.thread_time()
        for event in range(EVENTS):
            ended = event == EVENTS - 1
            deployment = {"id": name, "phase": "verified" if ended else "watching", "requested_at": at, "reason": "x" * 80}
            state = {"service": "web", "deployment": {**deployment, "ended_at": at + 600 if ended else None}}
            self._store.append("web", name, at + event, {"kind": "noted", "number": event, "sentence": "y" * 100}, state)
        took, cpu = (time.perf_counter() - started) / EVENTS, (time.thread_time() - burnt) / EVENTS
        self._store.save_evidence(name, SERVER_ERRORS.name, {"looks": [self._chance.random() for _ in range(200)]})
        return took, cpu

    def _tidy(self, number: int) -> float:
        """As the daemon does it: the longest part, in seconds."""
        now = 1.7e9 + number * EVERY
        before, longest = now - self.keep, 0.0
        for work in (
            lambda: self._house.prune(now - self.keep / 4, KEPT),
            lambda: self._house.forget(before, KEPT),
            self._house.shrink,
            lambda: self._house.archive(before, now),
        ):
            more = True
            while more:
                started = time.perf_counter()
                more = bool(work())
                longest = max(longest, time.perf_counter() - started)
        return longest

    def _measured(self, looks: list[float], entries: list[float], cpu: list[float], slices: list[float]) -> Tenth:
        started = time.perf_counter()
        self._store.deployments("web")
        history = time.perf_counter() - started
        state = self._place / "state"
        return Tenth(
            memory(),
            descriptors(),
            (state / "guardian.db").stat().st_size / 1048576,
            (state / "guardian.db-wal").stat().st_size / 1048576,
            statistics.median(looks) * 1e6,
            statistics.median(entries) * 1e3,
            statistics.median(cpu) * 1e3,
            statistics.median(slices) * 1e3,
            history * 1e3,
        )


def run(deployments: int, looks: int, where: Path | None = None) -> bool:
    """Live through it, and publish what came of it. Whether all is flat."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=where) as place:
        years = Years(Path(place), deployments, looks)
        years.live()
        files, size = years.archived()
    values = {name: tuple(getattr(tenth, name) for tenth in years.tenths) for name in Tenth.__slots__}
    columns = [
        Column("memory", "MiB", values["memory"], 0.05, 3.0),
        Column("descriptors", "", values["descriptors"], 0.0),
        Column("database", "MiB", values["database"], 0.15, 0.5),
        Column("its log", "MiB", values["log"], 0.1, 1.0),
        Column("one evaluation", "us", values["look"], 0.5, 5.0),
        Column("CPU of an entry", "ms", values["entry_cpu"], 0.5, 0.5),
        Column("an entry on the disk", "ms", values["entry"], None),
        Column("longest part of the tidying", "ms", values["slice"], None),
        Column("a page of history", "ms", values["history"], None),
    ]
    steps = [f"{(number + 1) * deployments // TENTHS:,}" for number in range(TENTHS)]
    flat = not any(column.grows for column in columns)
    place = f", in `{where}`" if where else ""
    text = (
        f"{deployments:,} deployments, {deployments * looks:,} evaluations, {deployments * EVENTS:,} entries of the journal in "
        f"{time.monotonic() - started:,.0f} s (each synced before the next{place}; the time that is played is "
        f"{deployments * EVERY / 86400:,.0f} days, of which {years.keep / 86400:,.0f} stay in the database). Medians of each "
        f"tenth. At the end the chain was whole, {files} files of the archive took {size:.1f} MiB, "
        f"the process had had {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at the most.\n\n"
        + judged("deployments", steps, columns)
    )
    publish(
        "records", "Records", text, {"records.png": picture("Records over the years", "tenths of all deployments", columns[:7])}
    )
    print(text)  # noqa: T201  what a command says
    return flat
