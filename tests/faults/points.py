"""Faults at the system calls of a program: which there are in what strace wrote of an undisturbed run, and which of them differ.

A sweep tries every one of them. What it leaves out is left out because it can show nothing else, and ``test_points.py`` and the
sweeps hold that up:

- what another program does that was started from here (``haproxy -c`` makes hundreds of calls): strace lets go of it, ``ALONE``;
- ENOSPC where EIO is tried: at sockets, locks and files that are only read or closed, both are the same plain ``OSError`` to
  Python, and guardian asks neither for its number; where SQLite or a file system could tell them apart, both are tried;
- death in front of a ``recvfrom``: it changes nothing outside of the process, so death at the next call finds the same world;
- what comes before the program has touched anything of its work: the start of Python. See :func:`work`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import guardian

KILL, BROKEN, FULL = "signal=KILL", "error=EIO", "error=ENOSPC"
WRITING = frozenset(
    {"write", "pwrite64", "fsync", "fdatasync", "openat", "rename", "renameat", "renameat2", "unlink", "fchmod", "fchown"}
)
"""Calls at which a full disk and a broken one are two things."""
ALONE = ("-b", "execve")
"""What has strace let go of other programs that are started."""
PARTS = 4
"""A full sweep is as many tests, which run beside one another."""
OURS = f'File "{Path(guardian.__file__).parent}/'
"""In a traceback that goes through guardian's own code, whatever the checkout is called."""
INJECTED = "(INJECTED"
KILLED = "+++ killed by SIGKILL"
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$", re.MULTILINE)
_PATH = re.compile(r'"([^"]*)"')


@dataclass(frozen=True)
class Call:
    """One system call in what strace wrote."""

    thread: str
    name: str
    rest: str
    """Arguments and result."""

    @property
    def path(self) -> str:
        """The path among the arguments, or nothing."""
        found = _PATH.search(self.rest)
        return found[1] if found else ""

    @property
    def harmless(self) -> bool:
        """Whether it leaves everything outside of the process as it is, whatever becomes of the process."""
        return self.name in {"close", "readlink", "getdents64"} or (self.name == "openat" and "O_RDONLY" in self.rest)


@dataclass(frozen=True)
class Point:
    """A fault at the ``number``-th call of a name in a thread."""

    call: str
    number: int
    fault: str

    @property
    def options(self) -> tuple[str, str, str, str]:
        """What makes strace inject it."""
        return ("-e", f"trace={self.call}", "-e", f"inject={self.call}:{self.fault}:when={self.number}")


def calls(trace: str) -> list[Call]:
    """All calls in what strace wrote, in order."""
    return [Call(*found) for found in _CALL.findall(trace)]


def work(found: Sequence[Call], place: Path, ours: Iterable[Path]) -> int:
    """Where the work begins: at the first call that names something in ``place``, where all of the program's work lies.

    ``AssertionError`` where a call before it could have left something behind, or read more than Python, its libraries and
    the code itself, which is in ``ours``: then the start would not be worth as little as it is taken for.
    """
    begin = next(index for index, call in enumerate(found) if call.path.startswith(f"{place}/") and call.name != "execve")
    system = ("/etc/ld.so.cache", "/etc/localtime", "/lib", "/usr/lib", "/usr/share", "/proc/", "/dev/", *map(str, ours))
    for call in found[:begin]:
        first = call.name == "execve" and call.thread == found[0].thread
        assert call.harmless or first, call
        assert first or call.path.startswith(system) or not call.path.startswith("/"), call
    return begin


def points(found: Sequence[Call], begin: int = 0) -> list[Point]:
    """Every fault at every call from ``begin`` on, counted as strace counts: from the start of the trace, in each thread."""
    return list(dict.fromkeys(_points(found, begin)))


def _points(found: Sequence[Call], begin: int) -> Iterator[Point]:
    made: Counter[tuple[str, str]] = Counter()
    for index, call in enumerate(found):
        made[call.thread, call.name] += 1
        if index >= begin:
            yield from (Point(call.name, made[call.thread, call.name], fault) for fault in faults(call.name))


def faults(call: str) -> tuple[str, ...]:
    """The faults at ``call`` that differ from one another, and from those at its neighbours."""
    if call == "recvfrom":
        return (BROKEN,)
    return (KILL, BROKEN, FULL) if call in WRITING else (KILL, BROKEN)


def part(found: Iterable[Point], number: int) -> list[Point]:
    """The ``number``-th of ``PARTS``: by the number of the call, so that all parts together are all, however the runs differ."""
    return [point for point in found if point.number % PARTS == number]


def sample(found: Sequence[Point], every: int) -> list[Point]:
    """Every so many of the deaths, and of what a program may live through, the last of each among them."""
    deaths, refusals = ([point for point in found if (point.fault == KILL) is deadly] for deadly in (True, False))
    return [point for kind in (deaths, refusals) for point in kind[::-every][::-1]]


def struck(log: Path) -> bool:
    """Whether the fault that strace was to inject came: a call may be made less often than it was in the undisturbed run."""
    written = log.read_text()
    return INJECTED in written or KILLED in written
