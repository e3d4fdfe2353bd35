"""Death and refusal at every system call of writing a note and of committing it: it is whole or absent, and the next start has it.

The note is written by a program of its own, ``scribe.py``; for git, ``git`` on the path is one under strace, and guardian's part
runs here. A lock that a dead git has left is removed when it is a minute old: the sweep makes it so.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from guardian.core.notebook import LeftAlone, NotWritten
from guardian.core.words import notes as words
from guardian.records.git import STALE_LOCK_SECONDS, Repository
from guardian.records.notebook import CHARTS, DirectoryNotebook
from guardian.records.notes import render
from tests.doubles import accounts
from tests.faults.points import OURS, PARTS, Point, calls, part, points, sample, struck
from tests.unit.records.scribe import LATER
from tests.unit.records.test_note_git import SETTINGS, git
from tests.unit.records.test_notebook import Pencil, kept

CALLS = "openat,mkdir,newfstatat,read,lseek,getdents64,write,fsync,rename,unlink,fchmod,close"
NOTE, CHART = "web-1.md", f"{CHARTS}/web-1-server-errors.png"
REMARK = "Carol: a query."
Measured = Callable[[str, object], None]


def strace() -> str:
    """The program that makes system calls fail."""
    found = shutil.which("strace")
    assert found, "strace is not installed: apt-get install strace"
    return found


@dataclass(frozen=True)
class Desk:
    """A directory where a note is written, with or without a draft that somebody has written into."""

    place: Path
    draft: str

    @property
    def directory(self) -> Path:
        """Of the notes."""
        return self.place / "notes"

    @property
    def note(self) -> str:
        """The note as it stands, or nothing."""
        path = self.directory / NOTE
        return path.read_text() if path.exists() else ""

    @property
    def plain(self) -> str:
        """The new note, whole but for its chart: a note waits for no picture."""
        return render(accounts.rolled_back().account, {}, REMARK if self.draft else "")

    def begin(self) -> None:
        """As it was before."""
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.draft:
            self.directory.mkdir()
            (self.directory / NOTE).write_text(self.draft)

    def write(self, *options: str) -> "subprocess.CompletedProcess[str]":
        """Run the program under strace, for at most a minute."""
        command = (sys.executable, "-B", "-m", "tests.unit.records.scribe", str(self.directory))
        return subprocess.run(
            (strace(), "-f", "-o", str(self.place / "trace"), *options, *command),
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def points(self) -> list[Point]:
        """Every fault at every call from the first that names the directory on."""
        self.begin()
        done = self.write("-e", f"trace={CALLS}")
        assert done.returncode == 0, done.stderr
        found = calls((self.place / "trace").read_text())
        return points(found, next(at for at, call in enumerate(found) if call.path.startswith(f"{self.directory}")))

    async def sweep(self, chosen: Sequence[Point]) -> Counter[str]:
        """Disturb the writing at every chosen point; how often what was there afterwards."""
        self.begin()
        new = await self.again()
        outcomes: Counter[str] = Counter()
        for point in chosen:
            self.begin()
            run = self.write(*point.options)
            assert self.note in {self.draft, new, self.plain}, point
            assert run.returncode in {0, LATER, -signal.SIGKILL} or OURS not in run.stderr, (point, run.stderr)
            outcomes["old" if self.note == self.draft else "new"] += 1
            outcomes["struck"] += struck(self.place / "trace")
            assert await self.again() == new, point
        return outcomes

    async def again(self) -> str:
        """What the next start does: nothing is left beside the note. The note."""
        await DirectoryNotebook(self.directory, draw=Pencil()).write(accounts.rolled_back().account)
        assert kept(self.directory) == [CHART, NOTE]
        return self.note


@pytest.fixture(params=["fresh", "over a draft"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    """Nothing is there yet, or a draft with a remark."""
    story = accounts.watching()
    return Desk(tmp_path, render(story.account, {}, REMARK) if request.param == "over a draft" else "")


@pytest.mark.timeout(300)
async def test_a_fault_at_a_system_call_leaves_a_whole_note(desk: Desk) -> None:
    """Some of all points: old or new, never a part; what could not be written is written at the next start."""
    outcomes = await desk.sweep(sample(desk.points(), 17))
    assert outcomes["struck"] > 1


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_a_fault_at_every_system_call_leaves_a_whole_note(desk: Desk, record_property: Measured) -> None:
    """The same at every single point."""
    chosen = desk.points()
    outcomes = await desk.sweep(chosen)
    record_property("points", len(chosen))
    record_property("struck", outcomes["struck"])
    assert outcomes["struck"] > len(chosen) // 2
    assert outcomes.keys() == {"old", "new", "struck"}


@dataclass(frozen=True)
class Archive:
    """A directory with a repository, whose git is under strace."""

    place: Path
    patch: pytest.MonkeyPatch

    @property
    def directory(self) -> Path:
        """Of the notes."""
        return self.place / "notes"

    @property
    def trace(self) -> Path:
        """What strace wrote, of every git."""
        return self.place / "trace"

    async def publish(self, *options: str) -> None:
        """Publish the last note, as the daemon does."""
        programs = self.place / "bin"
        programs.mkdir(exist_ok=True)
        real = shutil.which("git")
        given = shlex.join((strace(), "-f", "-A", "-o", str(self.trace), *options, str(real)))
        (programs / "git").write_text(f'#!/bin/sh\nexec {given if options else real} "$@"\n')
        (programs / "git").chmod(0o755)
        with self.patch.context() as environment:
            environment.setenv("PATH", str(programs), prepend=os.pathsep)
            repository = Repository(self.directory, SETTINGS)
            await DirectoryNotebook(self.directory, repository, Pencil()).publish(accounts.rolled_back().account)

    def begin(self) -> None:
        """As it was before: nothing is there."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.trace.write_text("")

    async def points(self) -> list[Point]:
        """Every fault at every call of every git, counted in each."""
        self.begin()
        await self.publish("-e", f"trace={CALLS}")
        return points(calls(self.trace.read_text()))

    async def sweep(self, chosen: Sequence[Point]) -> Counter[str]:
        """Disturb the publishing at every chosen point; how often it was told as done all the same."""
        outcomes: Counter[str] = Counter()
        for point in chosen:
            self.begin()
            try:
                await self.publish(*point.options)
            except LeftAlone:
                raise
            except NotWritten:
                outcomes["later"] += 1
            else:
                outcomes["done"] += 1
                self.committed(point)
            outcomes["struck"] += struck(self.trace)
            self.a_minute_later()
            await self.publish()
            self.committed(point)
        return outcomes

    def a_minute_later(self) -> None:
        """Locks are as old as they are at the attempt that clears them away."""
        old = time.time() - STALE_LOCK_SECONDS - 1
        for lock in (self.directory / ".git").rglob("*.lock"):
            os.utime(lock, (old, old))

    def committed(self, point: Point) -> None:
        """The newest commit has the note and its chart as they are in the directory, on its branch, and the repository is whole."""
        assert git(self.directory, "rev-parse", "--show-toplevel") == str(self.directory), point
        assert git(self.directory, "ls-tree", "-r", "--name-only", SETTINGS.branch).splitlines() == [CHART, NOTE], point
        assert git(self.directory, "status", "--porcelain") == "", point
        assert git(self.directory, "fsck", "--no-dangling") == "", point
        assert (self.directory / NOTE).read_text().rstrip().endswith(words.END), point


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """Without any configuration of this host's users, and in somebody else's repository, which stays as it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    git(tmp_path, "init", "--quiet")
    return Archive(tmp_path, monkeypatch)


def untouched(archive: Archive) -> bool:
    """Whether the repository around the directory has no commit, and nothing in its index."""
    return not git(archive.place, "ls-files") and not list((archive.place / ".git" / "refs" / "heads").iterdir())


@pytest.mark.timeout(300)
async def test_a_fault_of_git_leaves_a_repository_that_goes_on(archive: Archive) -> None:
    """Some of all points: what is told as published is committed, and the next start commits what is not."""
    outcomes = await archive.sweep(sample(await archive.points(), 97))
    assert outcomes["struck"] > 1
    assert untouched(archive)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", range(PARTS))
async def test_a_fault_at_every_system_call_of_git_leaves_a_repository_that_goes_on(
    archive: Archive, number: int, record_property: Measured
) -> None:
    """The same at every single point."""
    chosen = part(await archive.points(), number)
    outcomes = await archive.sweep(chosen)
    record_property("points", len(chosen))
    record_property("struck", outcomes["struck"])
    assert outcomes["struck"] > len(chosen) // 2
    assert untouched(archive)
