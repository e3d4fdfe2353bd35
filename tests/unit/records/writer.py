"""A program that writes to a store until something happens to it: ``python -m tests.unit.records.writer``.

Its imports are done once. For each line on its input, ``<state_dir> <count>``, it forks a child, prints ``<pid>`` when that one
stands still and waits for SIGCONT, and ``<exit code>`` (negative: the signal) at its end. The child appends ``count`` entries,
tries once more whatever fails, and writes each number that was promised to be durable to a file ``acknowledged`` beside
``<state_dir>``.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from guardian.core.ports import StoreError
from guardian.records.store import SqlStore

Result = TypeVar("Result")


def twice(work: Callable[[], Result]) -> Result:
    """Do ``work``; where the store cannot, once more."""
    try:
        return work()
    except StoreError:
        return work()


def write(state_dir: Path, count: int, acknowledged: int) -> None:
    """Append ``count`` entries with the numbers from where the journal ends, evidence after every second one, and close."""
    store = twice(lambda: SqlStore(state_dir))
    known = len(store.journal(limit=1_000_000))
    for number in range(known + 1, known + count + 1):
        deployment = {"id": f"web-{number // 4}", "phase": "watching", "requested_at": 1.0, "ended_at": None, "number": number}
        state = {"number": number, "deployment": deployment}
        twice(lambda n=number, d=deployment, s=state: store.append("web", d["id"], float(n), {"number": n}, s))
        os.writev(
            acknowledged, [b"%d\n" % number]
        )  # a system call that SQLite does not use, so that no fault meant for it hits this
        if number % 2 == 0:
            twice(lambda n=number, d=deployment: store.save_evidence(d["id"], "errors", {"number": n}))
    store.close()


def child(state_dir: Path, count: int) -> None:
    """Wait to be continued, write, and end without a trace of the parent."""
    acknowledged = os.open(state_dir.with_name("acknowledged"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.kill(os.getpid(), signal.SIGSTOP)
    status = 1
    try:
        write(state_dir, count, acknowledged)
        status = 0
    finally:
        os._exit(status)


def main() -> None:
    """One child after the other, when all that a child needs is imported."""
    with tempfile.TemporaryDirectory() as directory, Path(os.devnull).open("wb") as nobody:
        write(Path(directory), 2, nobody.fileno())
    for line in sys.stdin:
        state_dir, count = line.split()
        pid = os.fork()
        if pid == 0:
            child(Path(state_dir), int(count))
        os.waitpid(pid, os.WUNTRACED)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        status = os.waitpid(pid, 0)[1]
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
