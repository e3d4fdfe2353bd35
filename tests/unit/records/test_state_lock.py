"""One guardian per state directory."""

import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from guardian.core.ports import StoreError
from guardian.records.lock import AlreadyRunning, StateLock

ROOT = Path(__file__).parents[3]

GONE = "4194304 2020-01-01T00:00:00Z\n"
"""What a guardian that is no more left behind: no process of Linux ever has this pid, the upper bound of all."""

CONTENDER = """
import sys
from pathlib import Path
from guardian.records.lock import AlreadyRunning, StateLock
print("ready", flush=True)
sys.stdin.readline()
try:
    with StateLock(Path(sys.argv[1])):
        print("holds", flush=True)
        sys.stdin.read()
except AlreadyRunning as refusal:
    print(refusal.pid, flush=True)
"""


@pytest.fixture
def contenders(tmp_path: Path) -> Iterator[list["subprocess.Popen[str]"]]:
    """Twenty processes that are ready to take the lock."""
    command = [sys.executable, "-c", CONTENDER, str(tmp_path)]
    with ExitStack() as stack:
        processes = []
        for _ in range(20):
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            processes.append(process)
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 20
        yield processes


def test_one_of_twenty_racing_starts_wins_and_all_others_name_it(contenders: list["subprocess.Popen[str]"], tmp_path: Path) -> None:
    """The lock has one holder, every other start learns its pid, and kill -9 frees it."""
    (tmp_path / "lock").write_text(GONE)
    for contender in contenders:
        contender.stdin.write("go\n")
        contender.stdin.flush()
    answers = [contender.stdout.readline().strip() for contender in contenders]
    winner = contenders[answers.index("holds")]
    assert sorted(answers) == sorted(["holds", *[str(winner.pid)] * 19])
    winner.kill()
    winner.wait(10)
    with StateLock(tmp_path):
        assert (tmp_path / "lock").read_text().startswith(f"{os.getpid()} ")


def test_the_refused_are_told_who_holds_the_lock_and_since_when(tmp_path: Path) -> None:
    """The sentence has the directory, the pid, and the moment."""
    with StateLock(tmp_path), pytest.raises(AlreadyRunning) as caught, StateLock(tmp_path):
        pass
    assert caught.value.pid == os.getpid()
    assert re.match(
        rf"guardian already runs on {tmp_path} with pid {os.getpid()} since \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ: stop it",
        str(caught.value),
    )


def test_a_lock_that_was_left_can_be_taken_again(tmp_path: Path) -> None:
    """Leaving frees the lock at once; the directory is made where it is missing, for its owner only."""
    lock = StateLock(tmp_path / "new" / "state")
    for _ in range(2):
        with lock:
            assert (tmp_path / "new" / "state").stat().st_mode & 0o777 == 0o700
            assert (tmp_path / "new" / "state" / "lock").stat().st_mode & 0o777 == 0o600


def test_a_predecessors_pid_is_not_taken_for_the_holders(tmp_path: Path) -> None:
    """Between taking the lock and writing its pid, a holder is waited for; the dead one that the file still names is not named."""
    path = tmp_path / "lock"

    def refused() -> int | None:
        with pytest.raises(AlreadyRunning) as caught, StateLock(tmp_path):
            pass
        return caught.value.pid

    with path.open("w") as holder, ThreadPoolExecutor(1) as thread:
        fcntl.flock(holder, fcntl.LOCK_EX)
        path.write_text(GONE)
        refusal = thread.submit(refused)
        deadline = time.monotonic() + 5
        while not refusal.done() and opened(path) < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        path.write_text(f"{os.getpid()} 2026-01-01T00:00:00Z\n")
        assert refusal.result(5) == os.getpid()


def opened(path: Path) -> int:
    """How often this process has ``path`` open."""
    return [descriptor.resolve() for descriptor in Path("/proc/self/fd").iterdir()].count(path)


@pytest.mark.parametrize("content", ["", "99999999 2020-01-01T00:00:00Z\n"])
def test_a_holder_that_could_not_write_its_pid_is_still_a_holder(tmp_path: Path, content: str) -> None:
    """On a full disk the lock holds without a name in its file."""
    with StateLock(tmp_path):
        (tmp_path / "lock").write_text(content)
        with pytest.raises(AlreadyRunning, match="a pid that it could not write down") as caught, StateLock(tmp_path):
            pass
    assert caught.value.pid is None


def test_a_directory_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    """A file in place of the directory is said with the path."""
    (tmp_path / "state").touch()
    with pytest.raises(StoreError, match="lock cannot be used"), StateLock(tmp_path / "state"):
        pass
