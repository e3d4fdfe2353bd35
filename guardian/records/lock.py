"""One guardian per state directory: a lock that the kernel frees with its process, however that ends."""

import fcntl
import os
import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from guardian.core.ports import StoreError
from guardian.core.words import records as words

INTRODUCTION_SECONDS = 0.5
"""How long the refused wait for the holder's pid, which it writes right after it took the lock."""

HOLDER = re.compile(rb"(?P<pid>[1-9][0-9]{0,6}) (?P<since>[0-9TZ:-]+)\n")


class AlreadyRunning(Exception):
    """Another guardian holds the state directory. ``pid`` is ``None`` where it could not write it down."""

    def __init__(self, state_dir: Path, pid: int | None, since: str) -> None:
        super().__init__(words.already_running(state_dir, pid, since))
        self.pid = pid


class StateLock:
    """``with StateLock(state_dir):`` locks ``<state_dir>/lock``, which names the holder's pid and when it came.

    Entering raises :class:`AlreadyRunning` when somebody else holds it, and :class:`StoreError` when the directory or the file
    cannot be used. The file stays behind: were it removed, two processes could each lock a file of that name.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "lock"
        self._file = -1

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                raise AlreadyRunning(self._path.parent, *_holder(self._file)) from None
            finally:
                os.close(self._file)
        except OSError as error:
            raise StoreError(words.unusable(self._path, str(error))) from error
        with suppress(OSError):  # a full disk costs the name in the file, not the lock
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()} {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n".encode(), 0)
        return self

    def __exit__(self, *_exception: object) -> None:
        os.close(self._file)


def _holder(file: int) -> tuple[int | None, str]:
    """Who wrote itself into the locked ``file``, and when.

    For an instant after it took the lock, the file is empty or names a predecessor: wait until it names a process that lives. One
    in another pid namespace never seems to; what stands there at the end of the wait is taken as it is.
    """
    deadline = time.monotonic() + INTRODUCTION_SECONDS
    while True:
        match = HOLDER.fullmatch(os.pread(file, 100, 0))
        if (match and _alive(int(match["pid"]))) or time.monotonic() > deadline:
            return (int(match["pid"]), match["since"].decode()) if match else (None, "")
        time.sleep(0.005)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
