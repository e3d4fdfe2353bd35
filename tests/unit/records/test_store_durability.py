"""Whatever kills the writer, or fails under it: what was acknowledged is there, whole, and in order."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from guardian.records.store import SqlStore

ROOT = Path(__file__).parents[3]

EVERY_CALL = os.environ.get("EVERY_CALL") == "1"
"""Sweep every single system call; otherwise some of the frequent ones, which takes a fifth of the time."""


@dataclass
class Writer:
    """The program of ``writer.py``, and the store that its children write to."""

    process: "subprocess.Popen[str]"
    state_dir: Path

    def start(self, count: int) -> int:
        """A child that waits to be continued, by its pid."""
        self.process.stdin.write(f"{self.state_dir} {count}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> int:
        """The exit code of the child, negative for a signal."""
        return int(self.process.stdout.readline())

    def acknowledged(self) -> list[int]:
        """The numbers of the entries that the children were promised."""
        file = self.state_dir.with_name("acknowledged")
        return [int(line) for line in file.read_text().splitlines()] if file.exists() else []

    def recorded(self) -> int:
        """How many entries the store has, after it was held against what the children know."""
        with closing(SqlStore(self.state_dir)) as store:
            assert store.verify() is None
            numbers = [entry.event["number"] for entry in store.journal(limit=1_000_000)]
            states, deployments = store.services(), store.deployments(limit=1_000_000)
            evidence = [store.evidence(deployment["id"]) for deployment in deployments]
        assert numbers == list(range(1, len(numbers) + 1))
        assert set(self.acknowledged()) <= set(numbers)
        assert [state["number"] for state in states.values()] == numbers[-1:]
        assert [deployment["number"] for deployment in deployments[:1]] == numbers[-1:]
        assert all(kept.get("errors", {"number": 0})["number"] <= len(numbers) for kept in evidence)
        return len(numbers)


@pytest.fixture(scope="module")
def program() -> Iterator["subprocess.Popen[str]"]:
    """The program of ``writer.py``."""
    command = [sys.executable, "-m", "tests.unit.records.writer"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        yield process
        os.killpg(process.pid, signal.SIGKILL)  # with a child that a failed test left standing


def trace(writer: Writer, options: list[str], count: int) -> tuple[int, str]:
    """Let a child append ``count`` entries under strace: its exit code, and what strace saw."""
    pid = writer.start(count)
    with subprocess.Popen(["strace", "-p", str(pid), *options], stderr=subprocess.PIPE, text=True) as strace:
        try:
            assert "attached" in strace.stderr.readline()
            os.kill(pid, signal.SIGCONT)
            _, seen = strace.communicate(timeout=30)
        finally:
            strace.kill()
    return writer.end(), seen


@pytest.fixture(scope="module")
def calls(program: "subprocess.Popen[str]", tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """How often each system call is made from the empty directory to the closed store with two entries."""
    writer = Writer(program, tmp_path_factory.mktemp("calls") / "state")
    _, seen = trace(writer, ["-e", "trace=file,desc"], count=2)
    return Counter(re.findall(r"^(\w+)\(", seen, re.MULTILINE))


def sweep(program: "subprocess.Popen[str]", tmp_path: Path, calls: Counter[str], fault: str) -> Iterator[tuple[Writer, int]]:
    """New stores that two entries are appended to, while ``fault`` hits one system call after the other, and the exit codes."""
    syscall = fault.split(":", 1)[0]
    step = 1 if EVERY_CALL or calls[syscall] < 5 else 3 if calls[syscall] < 15 else 12
    assert calls[syscall] > 0
    for at in range(1 + len(fault) % step, calls[syscall] + 1, step):  # each fault has calls of its own in a swift run
        writer = Writer(program, tmp_path / str(at) / "state")
        writer.state_dir.parent.mkdir()
        code, seen = trace(writer, ["-e", f"trace={syscall}", "-e", f"inject={fault}:when={at}"], count=2)
        assert "INJECTED" in seen or code == -signal.SIGKILL
        yield writer, code


@pytest.mark.parametrize("syscall", ["pwrite64", "openat", "fdatasync", "fsync", "ftruncate", "rename", "unlink", "write"])
def test_a_writer_killed_at_any_system_call_loses_nothing_it_was_promised(
    program: "subprocess.Popen[str]", tmp_path: Path, calls: Counter[str], syscall: str
) -> None:
    """Kill -9 at one call after the other, from the empty directory to the closed store: what stands there is whole."""
    for writer, code in sweep(program, tmp_path, calls, f"{syscall}:signal=KILL"):
        assert code == -signal.SIGKILL
        assert writer.recorded() - len(writer.acknowledged()) in (0, 1)


@pytest.mark.parametrize(
    "fault",
    [
        "pwrite64:error=ENOSPC",
        "pwrite64:error=EIO",
        "pread64:error=EIO",
        "openat:error=EMFILE",
        "fdatasync:error=EIO",
        "fsync:error=EIO",
        "ftruncate:error=ENOSPC",
        "unlink:error=EIO",
        "rename:error=EIO",
        "write:error=ENOSPC",
    ],
)
def test_what_fails_once_succeeds_when_it_is_asked_again(
    program: "subprocess.Popen[str]", tmp_path: Path, calls: Counter[str], fault: str
) -> None:
    """One call after the other fails; the store says so or copes, and the same store takes the change once when asked again."""
    for writer, code in sweep(program, tmp_path, calls, fault):
        assert code == 0
        assert writer.recorded() == 2
        assert writer.acknowledged() == [1, 2]


def test_nothing_is_acknowledged_before_it_was_synced(program: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """Between the last write to the log and each acknowledgement the kernel was told to bring the log to the disk."""
    writer = Writer(program, tmp_path / "state")
    code, seen = trace(writer, ["-y", "-s", "0", "-e", "trace=pwrite64,fdatasync,writev"], count=5)
    synced: list[bool] = []
    written = False
    for call in seen.splitlines():
        if call.startswith("pwrite64") and "guardian.db-wal" in call:
            written = True
        elif call.startswith("fdatasync") and "guardian.db-wal" in call:
            written = False
        elif call.startswith("writev"):
            synced.append(not written)
    assert (code, synced) == (0, [True] * 5)


def test_a_new_database_is_on_the_disk_before_it_has_its_name(program: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """A power cut leaves a whole database or none: the file is synced, renamed, and its directory synced."""
    writer = Writer(program, tmp_path / "state")
    _, seen = trace(writer, ["-y", "-e", "trace=fsync,rename"], count=1)
    state_dir = re.escape(str(writer.state_dir))
    steps = [
        rf"fsync\(\d+<{state_dir}/guardian\.db\.new>",
        rf'rename\("{state_dir}/guardian\.db\.new"',
        rf"fsync\(\d+<{state_dir}>",
    ]
    assert re.search("(?s)^" + ".*?\n".join(steps), seen, re.MULTILINE)


def test_a_writer_killed_at_random_moments_loses_nothing_it_was_promised(program: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """One store is killed again and again, each time after a random number of entries."""
    writer = Writer(program, tmp_path / "state")
    chance = random.Random(2)
    for _ in range(5):
        enough = len(writer.acknowledged()) + chance.randrange(1, 40)
        pid = writer.start(100_000)
        os.kill(pid, signal.SIGCONT)
        deadline = time.monotonic() + 20
        while len(writer.acknowledged()) < enough:
            assert time.monotonic() < deadline
            time.sleep(chance.uniform(0, 0.004))
        os.kill(pid, signal.SIGKILL)
        assert writer.end() == -signal.SIGKILL
        assert writer.recorded() >= enough
