"""An accelerated soak of what grows: judges, records and their retention, over years of deployments in minutes.

One line for each tenth of the way: memory, descriptors, size of the database, the time of one look, of one entry, and of a history.
"""

import argparse
import gc
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from guardian.core.judges import judge_for
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment
from guardian.core.readings import History
from guardian.core.rules import Lack, Ratio, Rule, Sequential, Source
from guardian.records.housekeeping import Housekeeping
from guardian.records.store import SqlStore

RULE = Rule(
    name="server-errors",
    summary="Too many 5xx",
    source=Source.HAPROXY,
    measure=Ratio(("responses_5xx",), ("responses",)),
    test=Sequential(limit=0.01),
    on_no_data=Lack.HOLD,
)
EVENTS = 10
"""Journal entries of one deployment, at the least."""
KEPT = 50


def memory() -> float:
    """MiB that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1048576


def descriptors() -> int:
    """How many are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def deployment(number: int, at: float, *, ended: bool) -> dict[str, object]:
    """One deployment, as its service's state holds it."""
    phase = "verified" if ended else "watching"
    return {"id": f"web-{number}", "phase": phase, "requested_at": at, "ended_at": at + 600 if ended else None, "reason": "x" * 80}


def one(store: SqlStore, number: int, looks: int, chance: random.Random) -> tuple[float, float]:
    """A deployment from its request to its end, judged ``looks`` times: seconds for a look, and for an entry."""
    at = 1.7e9 + number * 3600.0
    judge = judge_for(RULE, Trial(Environment.GREEN, at, 600.0, 0.05, shared=False, history=History()))
    started = time.perf_counter()
    for look in range(looks):
        judge.feed(at + look * 0.05, 0.05, (1 if chance.random() < 0.001 else 0, 10))
    looked = time.perf_counter()
    for event in range(EVENTS):
        state = {"service": "web", "deployment": deployment(number, at, ended=event == EVENTS - 1)}
        store.append("web", f"web-{number}", at + event, {"kind": "noted", "number": event, "sentence": "y" * 100}, state)
    return (looked - started) / looks, (time.perf_counter() - looked) / EVENTS


def main() -> int:
    """Run; 1 when something is not flat."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--deployments", type=int, default=10_000)
    parser.add_argument("--looks", type=int, default=100, help="evaluations of each deployment")
    wanted = parser.parse_args()
    chance, rows = random.Random(1), []
    with tempfile.TemporaryDirectory() as place:
        store = SqlStore(Path(place))
        house = Housekeeping(store, Path(place) / "archive")
        for number in range(wanted.deployments):
            took = one(store, number, wanted.looks, chance)
            store.save_evidence(f"web-{number}", RULE.name, {"looks": [chance.random() for _ in range(200)]})
            if number % 100 == 99:
                house.prune(before=1.7e9 + number * 3600.0, keep=KEPT)
            if (number + 1) % (wanted.deployments // 10) == 0:
                gc.collect()
                started = time.perf_counter()
                store.deployments("web")
                history = time.perf_counter() - started
                size = sum(path.stat().st_size for path in Path(place).glob("guardian.db*")) / 1048576
                rows.append((memory(), descriptors()))
                done = number + 1
                line = f"{done:>7,} deployments {done * wanted.looks:>10,} evaluations {done * EVENTS:>9,} entries: "
                line += f"{memory():6.1f} MiB, {descriptors()} descriptors, database {size:6.1f} MiB, "
                line += f"look {took[0] * 1e6:5.1f} us, entry {took[1] * 1e3:5.2f} ms, history {history * 1e3:5.1f} ms"
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
        store.close()
    flat = rows[-1][0] - rows[1][0] < 10 and rows[-1][1] == rows[1][1]
    sys.stdout.write("memory and descriptors are flat\n" if flat else "NOT FLAT\n")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
