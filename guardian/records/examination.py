"""Looking through the whole of the records beside the work, since a start would wait too long for that where they are large."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from guardian.core.ports import StoreDamaged, StoreError
from guardian.core.words import records as words
from guardian.records import sqlite
from guardian.records.opening import reason_of
from guardian.records.store import SqlStore

SLICE = 20
"""Journal entries that are looked at between two pauses: about a millisecond."""
PAUSE_SECONDS = 0.005
"""So the interpreter is free for looks and rollbacks for five sixths of the time, and within a millisecond."""


class Examination:
    """Of ``store`` in ``state_dir``: its file as SQLite knows it, unless the start has checked that, then the journal's chain."""

    def __init__(self, store: SqlStore, state_dir: Path) -> None:
        self._store, self._path = store, state_dir / "guardian.db"
        self._ended, self._seen = threading.Event(), 0
        self._interrupt: Callable[[], None] = lambda: None

    def look(self) -> str:
        """Why the records are not what guardian wrote, or nothing. Takes long; :class:`StoreError` where they cannot be read."""
        try:
            if not self._store.checked:
                self._check_file()
            broken = self._store.verify(self._pace)
        except StoreDamaged as damage:
            return reason_of(damage)
        except StoreError as error:
            if self._ended.is_set():
                raise StoreError(words.not_examined()) from error
            raise
        return words.broken_at(broken) if broken is not None else ""

    def condemn(self, reason: str) -> None:
        """Have the next start set the records aside for ``reason``, whatever becomes of this guardian. :class:`StoreError`."""
        try:
            sqlite.condemn(self._path, reason)
        except OSError as error:
            raise StoreError(words.unusable(self._path, str(error))) from error

    def end(self) -> None:
        """End :meth:`look`, which runs in another thread; again, if it was between two questions just then."""
        self._ended.set()
        self._interrupt()

    def _check_file(self) -> None:
        with self._store.reading() as connection:
            self._interrupt = sqlite.interrupter(connection)
            try:
                found = sqlite.damage(connection)
            finally:
                self._interrupt = lambda: None
        if found:
            raise StoreDamaged(found)
        self._store.checked = True

    def _pace(self, _row: Mapping[str, Any]) -> None:
        self._seen += 1
        if self._seen % SLICE == 0 and self._ended.wait(PAUSE_SECONDS):
            raise StoreError(words.not_examined())
