"""Keeps the database from growing for ever: old evidence goes, old entries go into the archive, free pages back to the disk.

Every write is a slice of a few milliseconds, and between two of them others have their turn: no journal entry waits for this.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Connection

from guardian.core.ports import StoreError
from guardian.core.words import records as words
from guardian.records import ledger, retention, sqlite
from guardian.records.seal import canonical
from guardian.records.store import SqlStore

BATCH = 500
"""Deployments that are found at once."""
DEPLOYMENTS, ENTRIES, PAGES = 5, 100, 64
"""What one slice takes out at the most."""
PAUSE_SECONDS = 0.005
"""Between two slices: whoever waits for his turn has it then."""
SPARE = 256
"""Free pages that stay in the file, since they will be wanted again: so many at least, or a tenth of the file."""


class Housekeeping:
    """Works on ``store``, whose oldest entries go to the directory ``archive``. A call does a bounded part, and says how much.

    It may be called again until it says 0, and stopped or killed at any moment. Everything raises :class:`StoreError`.
    """

    def __init__(self, store: SqlStore, archive: Path) -> None:
        self._store, self._archive = store, archive

    def prune(self, before: float, keep: int) -> int:
        """Forget the evidence of deployments that ended before ``before`` (seconds since the epoch): how many records went.

        So are their cards in the outbox, and the chat's orders of that age. The newest ``keep`` deployments of every service keep
        theirs.
        """
        with self._store.writing() as connection:
            ledger.forget(connection, before)
        with self._store.reading() as connection:
            old = retention.pruned(connection, before, keep, BATCH)
        return self._slices(old, retention.prune)

    def forget(self, before: float, keep: int) -> int:
        """Forget deployments that ended before ``before`` and have neither evidence nor cards, but for the newest ``keep``."""
        with self._store.reading() as connection:
            old = retention.forgettable(connection, before, keep, BATCH)
        return self._slices(old, retention.forget)

    def archive(self, before: float, at: float) -> int:
        """Move the oldest entries, all from before ``before``, into one file of the archive: how many left the journal.

        Whole before they leave, and told in the chain before they leave, ``at`` the present time: the chain stays provable.
        """
        with self._store.reading() as connection:
            begin, told = self._store.cut(), retention.announced(connection)
            rows = [] if told.number > begin.number else retention.archivable(connection, begin.number, before)
        if rows:
            told = retention.Cut(rows[-1]["number"], rows[-1]["hash"])
            try:
                file = retention.write(rows, self._archive)
            except OSError as error:
                raise StoreError(words.not_archived(self._archive, str(error))) from error
            event = {"kind": retention.KIND, "at": at, "first": rows[0]["number"], "last": told.number, "head": told.head}
            self._store.note(at, canonical({**event, "file": file.name}))
        numbers = range(begin.number, told.number, ENTRIES)
        for number in numbers:
            self._store.cut_to(min(number + ENTRIES, told.number))
            time.sleep(PAUSE_SECONDS)
        return max(0, told.number - begin.number)

    def shrink(self) -> int:
        """Give free pages back to the disk: how many."""
        with self._store.reading() as connection:
            free, pages = sqlite.free_pages(connection)
        given = min(max(0, free - max(SPARE, pages // 10)), BATCH)
        for _ in range(0, given, PAGES):
            self._store.give_back(PAGES)
            time.sleep(PAUSE_SECONDS)
        return given

    def _slices(self, deployments: Sequence[str], work: Callable[[Connection, Sequence[str]], int]) -> int:
        done = 0
        for place in range(0, len(deployments), DEPLOYMENTS):
            with self._store.writing() as connection:
                done += work(connection, deployments[place : place + DEPLOYMENTS])
            time.sleep(PAUSE_SECONDS)
        return done
