"""Opening the records at the start: a damaged database is set aside, and guardian begins anew with what the balancer does."""

import logging
import re
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from guardian.core.ports import StoreDamaged, StoreError
from guardian.core.words import records as words
from guardian.records import migrations, schema, sqlite
from guardian.records.progress import Tell, silent
from guardian.records.seal import Chain
from guardian.records.store import SqlStore

logger = logging.getLogger(__name__)

NEWEST = 100
"""Entries of the journal that a start looks at; the others are looked at after it (:mod:`guardian.records.examination`)."""

_REASON = re.compile(r"is damaged \((.*)\), so", re.DOTALL)


def opened(state_dir: Path, tell: Tell = silent) -> tuple[SqlStore, str]:
    """The store in ``state_dir``, and why what it knew is lost: empty where nothing is. :class:`StoreError` where there is none.

    ``tell`` hears how far an upgrade is.
    """
    try:
        return _sound(state_dir, tell), ""
    except StoreDamaged as damage:
        path = state_dir / "guardian.db"
        try:
            aside = sqlite.set_aside(path, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        except OSError as error:
            raise StoreError(words.unusable(path, str(error))) from damage
        logger.critical("%s", words.set_aside(path, aside, reason_of(damage)))
        return SqlStore(state_dir), words.held(aside)


def too_new(state_dir: Path) -> str:
    """That a newer guardian made the database in ``state_dir``, as a sentence; empty where it did not, or that cannot be known."""
    path = state_dir / "guardian.db"
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=sqlite.BUSY_SECONDS)) as connection:
            found, created_by = connection.execute("SELECT schema, created_by FROM meta").fetchone()
    except (sqlite3.Error, TypeError, ValueError):
        return ""
    newest = migrations.newest()
    return words.newer_schema(path, found, newest, str(created_by)) if isinstance(found, int) and found > newest else ""


def _ends_well(store: SqlStore) -> bool:
    """Whether the newest entries of the journal follow one another, up to the last that a service's state came from."""
    journal = schema.journal
    with store.reading() as connection:
        query = select(journal).order_by(journal.c.number.desc()).limit(NEWEST)
        rows = [row._asdict() for row in connection.execute(query)][::-1]
        last = connection.scalar(select(func.max(schema.services.c.entry))) or 0
    begin = Chain(rows[0]["number"] - 1, rows[0]["previous_hash"]) if rows else Chain(store.cut().number)
    return all(begin.take(row) for row in rows) and begin.number >= last


def reason_of(damage: StoreDamaged) -> str:
    """What is damaged, without the path and what to do."""
    found = _REASON.search(str(damage))
    return found[1] if found else str(damage)


def _sound(state_dir: Path, tell: Tell) -> SqlStore:
    """A store that answers what the start asks, and was found whole when an earlier run looked through all of it."""
    path = state_dir / "guardian.db"
    if reason := sqlite.condemned(path):
        raise StoreDamaged(words.damaged(path, reason))
    store = SqlStore(state_dir, tell=tell)
    try:
        store.services()
        store.letters()
        store.tokens()
        if not _ends_well(store):
            raise StoreDamaged(words.damaged(path, words.broken_end(NEWEST)))
    except StoreError:
        with suppress(StoreError):
            store.close()
        raise
    return store
