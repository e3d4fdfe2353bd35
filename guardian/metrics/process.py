"""One run of a program from its start to its end: bounded in time and output, and ended with its children.

A program starts in a session of its own, so that one signal reaches it and its children. A child may leave that session, as daemons
do; it still holds the run's cookie in its environment, by which Jenkins' ProcessTreeKiller finds such children too. What remains is
a child that leaves the session and forgets its environment, or that became another user: systemd ends it with guardian's service.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

from guardian.core.invocation import Invocation
from guardian.core.ports import SourceError
from guardian.core.words import command as words

MOST_BYTES = 1 << 20
"""Of each of a program's two outputs. k6 and JMeter write a line or so per second."""
COOKIE = "GUARDIAN_RUN"
"""The variable that tells one run's processes from all others."""
PARTING = 1.0
"""Seconds that a killed program may take to be gone. One that waits for a broken disk takes longer: it is left to the system."""
ROUNDS = 5
"""How often strayed children are looked for: one may start another while it is being found."""
_CHUNK = 1 << 16


class Cancelled(Exception):
    """Nobody waits for the program any more. Arises in :meth:`Run.complete`."""


class Run:
    """One run of a program. :meth:`complete` blocks; :meth:`cancel` may be called from another thread meanwhile."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._program = invocation.argv[0]
        self._cookie = token_hex(16)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._code = 0
        self._output, self._errors = bytearray(), bytearray()

    @property
    def code(self) -> int:
        """The exit code, or the negative number of the signal that ended the program."""
        return self._code

    @property
    def output(self) -> str:
        """What the program wrote."""
        return self._output.decode("utf-8", "replace").strip()

    @property
    def complaint(self) -> str:
        """The last line of its error output."""
        return (self._errors.decode("utf-8", "replace").strip().splitlines() or [""])[-1]

    def complete(self, deadline: float) -> None:
        """Run the program until its end, or until ``deadline`` on the monotonic clock.

        :class:`SourceError` where it did not start, or was ended: late, or for its flood of words. :class:`Cancelled` as it says.
        """
        try:
            process = self._start()
        except (OSError, ValueError) as error:
            raise SourceError(words.not_started(self._program, getattr(error, "strerror", None) or str(error))) from error
        done = False
        try:
            self._listen(process, deadline)
            done = True
        finally:
            _end_group(process.pid)
            if not done:  # a look at every process of the host, which a program that ends in time does not cost
                _end_strays(f"{COOKIE}={self._cookie}".encode())
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._code = process.wait(PARTING)
            for stream in filter(None, (process.stdout, process.stderr)):
                stream.close()

    def cancel(self) -> None:
        """Have the program ended, now or as soon as it has started."""
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Give back what :meth:`cancel` needs."""
        os.close(self._wake)

    def _start(self) -> "subprocess.Popen[bytes]":
        Path(self._program).stat()  # a disk that hangs must hold up this thread alone; the start itself holds up all threads
        return subprocess.Popen(  # noqa: S603  what rules may run is guarded by guardian.yaml, and no shell reads it
            self._invocation.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self._invocation.environment, COOKIE: self._cookie},
            cwd="/",
            start_new_session=True,
        )

    def _listen(self, process: "subprocess.Popen[bytes]", deadline: float) -> None:
        """Take what the program writes until it ends. Its children may hold its outputs open: nobody waits for them."""
        assert process.stdout  # noqa: S101  asked for above
        assert process.stderr  # noqa: S101  asked for above
        streams = {process.stdout.fileno(): self._output, process.stderr.fileno(): self._errors}
        with selectors.DefaultSelector() as selector, _watched(process.pid) as ended:
            for descriptor in (*streams, ended, self._wake):
                os.set_blocking(descriptor, False)
                selector.register(descriptor, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(max(0.0, deadline - time.monotonic()))}
                if self._wake in ready:
                    raise Cancelled
                for descriptor in streams.keys() & ready:
                    if not self._take(descriptor, streams[descriptor]):
                        selector.unregister(descriptor)
                if ended in ready:
                    break
                if time.monotonic() >= deadline:
                    raise SourceError(words.too_late(self._program, self._invocation.timeout, self.complaint))
        for descriptor, written in streams.items():
            while self._take(descriptor, written):
                pass

    def _take(self, descriptor: int, written: bytearray) -> bool:
        """Add what is there to ``written``; whether there may be more."""
        try:
            part = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        written += part
        if len(written) > MOST_BYTES:
            raise SourceError(words.too_much(self._program, MOST_BYTES))
        return bool(part)


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
        running = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
        if not [pid for pid in running if _end_stray(pid, cookie)]:
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
