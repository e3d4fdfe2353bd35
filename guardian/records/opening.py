"""Opening the records at the start: a damaged database is set aside, and guardian begins anew with what the balancer does."""

import logging
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from guardian.core.ports import StoreDamaged, StoreError
from guardian.core.words import records as words
from guardian.records import sqlite
from guardian.records.store import SqlStore

logger = logging.getLogger(__name__)

_REASON = re.compile(r"is damaged \((.*)\), so")


def opened(state_dir: Path) -> tuple[SqlStore, str]:
    """The store in ``state_dir``, and why what it knew is lost: empty where nothing is. :class:`StoreError` where there is none."""
    try:
        return _sound(state_dir), ""
    except StoreDamaged as damage:
        path = state_dir / "guardian.db"
        try:
            aside = sqlite.set_aside(path, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        except OSError as error:
            raise StoreError(words.unusable(path, str(error))) from damage
        found = _REASON.search(str(damage))
        logger.critical("%s", words.set_aside(path, aside, found[1] if found else str(damage)))
        return SqlStore(state_dir), words.held(aside)


def _sound(state_dir: Path) -> SqlStore:
    """A store that answers what the start asks."""
    store = SqlStore(state_dir)
    try:
        store.services()
        store.letters()
        store.tokens()
    except StoreError:
        with suppress(StoreError):
            store.close()
        raise
    return store
