"""One run of a program from its start to its end: bounded in time and memory, and ended with its children.

A program starts in a session of its own, so that one signal reaches it and its children. A child may leave that session, as daemons
and everything on a terminal of its own do; it still holds the run's cookie in its environment, by which Jenkins' ProcessTreeKiller
finds such children too. What remains is a child that leaves the session and forgets its environment, or that became another user:
systemd ends it with guardian's service.
"""

import contextlib
import os
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Protocol

COOKIE = "GUARDIAN_RUN"
"""The variable that tells one run's processes from all others."""
PARTING = 1.0
"""Seconds that a killed program may take to be gone. One that waits for a broken disk takes longer: it is left to the system."""
ROUNDS = 5
"""How often strayed children are looked for: one may start another while it is being found."""
_CHUNK = 1 << 16


class NotStarted(Exception):
    """The system did not run the program; the message is the system's reason."""


class TooLate(Exception):
    """The deadline passed, and the program was ended with its children."""


class Cancelled(Exception):
    """Nobody waits for the program any more; it was ended with its children."""


@dataclass(frozen=True, slots=True)
class Program:
    """How a program is started."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """All of it: nothing of guardian's own environment is passed on."""
    directory: Path = Path("/")


class Ear(Protocol):
    """What is done with a program's words as they come. Called in the thread of the run."""

    def output(self, part: bytes) -> None:
        """More of its standard output. Whatever is raised here ends the program, and leaves the run."""

    def errors(self, part: bytes) -> None:
        """More of its standard error."""


class Run:
    """One run of a program. :meth:`complete` blocks; :meth:`cancel` may be called from another thread meanwhile."""

    def __init__(self, program: Program, ear: Ear) -> None:
        self._program, self._ear = program, ear
        self._cookie = token_hex(16)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)

    def complete(self, deadline: float) -> int:
        """Run the program until its end, or until ``deadline`` on the monotonic clock.

        Its exit code, or the negative number of the signal that ended it. :class:`NotStarted`, :class:`TooLate` and
        :class:`Cancelled` as they say.
        """
        try:
            process = self._start()
        except (OSError, ValueError) as error:
            raise NotStarted(getattr(error, "strerror", None) or str(error)) from error
        done = False
        try:
            self._listen(process, deadline)
            done = True
        finally:
            _end_group(process.pid)
            if not done:  # a look at every process of the host, which a program that ends in time does not cost
                _end_strays(f"{COOKIE}={self._cookie}".encode())
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PARTING)
            for stream in filter(None, (process.stdout, process.stderr)):
                stream.close()
        return process.returncode or 0

    def cancel(self) -> None:
        """Have the program ended, now or as soon as it has started."""
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Give back what :meth:`cancel` needs."""
        os.close(self._wake)

    def _start(self) -> "subprocess.Popen[bytes]":
        Path(
            self._program.argv[0]
        ).stat()  # a disk that hangs must hold up this thread alone; the start itself holds up all threads
        return subprocess.Popen(  # noqa: S603  what may be started is the configuration's to say; no shell is asked
            self._program.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self._program.environment, COOKIE: self._cookie},
            cwd=self._program.directory,
            start_new_session=True,
        )

    def _listen(self, process: "subprocess.Popen[bytes]", deadline: float) -> None:
        """Take what the program writes until it ends. Its children may hold its outputs open: nobody waits for them."""
        assert process.stdout  # noqa: S101  asked for above
        assert process.stderr  # noqa: S101  asked for above
        streams = {process.stdout.fileno(): self._ear.output, process.stderr.fileno(): self._ear.errors}
        with selectors.DefaultSelector() as selector, _watched(process.pid) as ended:
            for descriptor in (*streams, ended, self._wake):
                os.set_blocking(descriptor, False)
                selector.register(descriptor, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(max(0.0, deadline - time.monotonic()))}
                if self._wake in ready:
                    raise Cancelled
                for descriptor in [each for each in streams if each in ready]:  # what it printed, before what it complained of
                    if not _take(descriptor, streams[descriptor]):
                        selector.unregister(descriptor)
                if ended in ready:
                    break
                if time.monotonic() >= deadline:
                    raise TooLate
        for descriptor, hear in streams.items():
            while _take(descriptor, hear) and time.monotonic() < deadline and _more(descriptor):
                pass


def _take(descriptor: int, hear: Callable[[bytes], None]) -> bool:
    """Hear what is there; whether there may be more, sooner or later."""
    try:
        part = os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return True
    if part:
        hear(part)
    return bool(part)


def _more(descriptor: int) -> bool:
    """Whether there is something to be read at once."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[int]:
    """A descriptor that can be read once the process has ended."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _end_group(leader: int) -> None:
    """End the session of a program that has not been waited for: until then nobody else gets its number."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _end_strays(cookie: bytes) -> None:
    """End every process that holds ``cookie`` in its environment."""
    for _ in range(ROUNDS):
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
        if not [pid for pid in pids if _end_stray(pid, cookie)]:
            return


def _end_stray(pid: int, cookie: bytes) -> bool:
    try:
        # The number may be given to another process at any time; what was opened under it stays what it was.
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if cookie not in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
