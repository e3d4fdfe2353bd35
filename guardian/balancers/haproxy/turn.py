"""One change of HAProxy's configuration at a time, whichever of guardian's programs makes it: a lock on its directory."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from guardian.core.ports import BalancerUnfit
from guardian.core.words import adoption as words

PAUSE = 0.02
"""Seconds between two attempts of somebody who waits."""


@contextlib.contextmanager
def queued(files: Sequence[Path]) -> Iterator[Callable[[], bool]]:
    """Gives what tries to take the turn, and says whether it is had; it is given back at the end.

    :class:`BalancerUnfit` where the directory of ``files`` cannot be read.
    """
    directory = files[0].resolve().parent
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise BalancerUnfit(words.unreadable(directory, error.strerror or str(error))) from error
    try:
        yield lambda: _locked(descriptor)
    finally:
        with contextlib.suppress(OSError):  # one that cannot be closed would keep the turn for ever
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def taken(files: Sequence[Path]) -> bool:
    """Whether somebody has the turn just now. Where the directory cannot be read, nobody can have it who knows of this lock."""
    with contextlib.suppress(BalancerUnfit), queued(files) as have:
        return not have()
    return False


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
