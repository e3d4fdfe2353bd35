"""A program that writes a note until something happens to it: ``python -m tests.unit.records.scribe <directory>``.

It has written one elsewhere before, so that all it calls from the first touch of ``<directory>`` on is the writing itself.
"""

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from guardian.core.notebook import LeftAlone, NotWritten
from guardian.records.notebook import DirectoryNotebook
from tests.doubles import accounts
from tests.unit.records.test_notebook import Pencil

LATER, NEVER = 3, 4
"""Exit codes: it is written at the next attempt, or not at all."""


async def write(directory: Path) -> int:
    """Write the last note of a deployment that was rolled back, and its chart."""
    account = accounts.rolled_back().account
    # Threads take turns as they come: a call that was counted for the writing may be one of this.
    with tempfile.TemporaryDirectory() as elsewhere, contextlib.suppress(NotWritten):
        await DirectoryNotebook(Path(elsewhere), draw=Pencil()).write(account)
    try:
        await DirectoryNotebook(directory, draw=Pencil()).write(account)
    except LeftAlone as alone:
        say(alone)
        return NEVER
    except NotWritten as error:
        say(error)
        return LATER
    return 0


def say(error: Exception) -> None:
    """What happened, unless the fault is that it cannot be said."""
    with contextlib.suppress(OSError):
        print(error, file=sys.stderr)  # noqa: T201  a program


if __name__ == "__main__":
    sys.exit(asyncio.run(write(Path(sys.argv[1]))))
