"""A program that brings databases up to date and dies in it: ``python -m tests.unit.records.migrator``.

Its imports are done once. For each line on its input, ``<state_dir> <step>``, it forks a child that opens the store there and kills
itself with SIGKILL before it runs the SQL statement of that number; at its end it prints ``<exit code> <statements>``, the code
negative for a signal.
"""

import os
import signal
import sqlite3
import sys
from pathlib import Path

import alembic.command  # noqa: F401  the children need not load it again
from alembic.runtime import migration  # noqa: F401

from guardian.records.store import SqlStore


def child(state_dir: Path, fatal: int, told: int) -> None:
    """Open the store; statements are counted over all connections of the process."""
    count, connect = 0, sqlite3.connect

    def step(_statement: str) -> None:
        nonlocal count
        count += 1
        os.pwrite(told, b"%9d" % count, 0)
        if count == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def traced(*arguments: object, **named: object) -> sqlite3.Connection:
        made = connect(*arguments, **named)
        made.set_trace_callback(step)
        return made

    sqlite3.connect = traced
    sqlite3.dbapi2.connect = traced
    status = 1
    try:
        SqlStore(state_dir).close()
        status = 0
    finally:
        os._exit(status)


def main() -> None:
    """One child after the other."""
    for line in sys.stdin:
        state_dir, fatal = line.split()
        told = os.open(Path(state_dir).with_name("statements"), os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(told, b"%9d" % 0, 0)
        pid = os.fork()
        if pid == 0:
            child(Path(state_dir), int(fatal), told)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        sys.stdout.write(f"{code} {int(os.pread(told, 9, 0))}\n")
        sys.stdout.flush()
        os.close(told)


if __name__ == "__main__":
    main()
