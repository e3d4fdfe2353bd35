"""One change of HAProxy's configuration at a time, whichever of guardian's programs makes it: a lock on its directory."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from guardian.core.ports import BalancerError, BalancerUnfit
from guardian.core.words import adoption as words
from guardian.core.words import reload

PAUSE = 0.02
"""Seconds between two attempts of somebody who waits."""


@contextlib.contextmanager
def queued(files: Sequence[Path]) -> Iterator[Callable[[], bool]]:
    """Gives what tries to take the turn, and says whether it is had; it is given back at the end.

    :class:`BalancerUnfit` where the directory of ``files`` cannot be read. Trying raises :class:`BalancerError` where it cannot be
    locked.
    """
    directory = files[0].resolve().parent
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise BalancerUnfit(words.unreadable(directory, error.strerror or str(error))) from error
    try:
        yield lambda: _locked(descriptor)
    finally:
        # Both, for one of them that fails would keep the turn for as long as the program lives.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        with contextlib.suppress(OSError):
            os.close(descriptor)


def taken(files: Sequence[Path]) -> bool:
    """Whether somebody has the turn just now. Where nothing can be locked, nobody has it."""
    with contextlib.suppress(BalancerError), queued(files) as have:
        return not have()
    return False


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise BalancerError(reload.no_turn(error.strerror or str(error))) from error
    return True
