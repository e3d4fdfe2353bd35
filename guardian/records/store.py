"""What guardian remembers, in SQL: the journal, the projections of it, and the evidence of verdicts."""

import json
import logging
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from guardian.core.ledger import ChatOrder
from guardian.core.ports import JournalEntry, KeptLetter, StoreDamaged, StoreError
from guardian.core.words import records as words
from guardian.records import ledger, migrations, outbox, retention, schema, sqlite
from guardian.records.progress import Tell, silent
from guardian.records.seal import ORIGIN, Chain, canonical, intact, seal

logger = logging.getLogger(__name__)

CHAIN_PAGE = 1000
"""Journal entries that :meth:`SqlStore.chain` holds at once."""
PAGE = 100
"""Deployments that :meth:`SqlStore.between` holds at once."""


class SqlStore:
    """The :class:`~guardian.core.ports.Store` in ``<state_dir>/guardian.db``; made by whoever holds the lock of that directory.

    Every write is one transaction, on disk when the call returns; one that fails leaves nothing behind, and the next one may
    succeed. Any thread may read, also while another writes. Every row is held against its hash when it is read.
    Everything here raises :class:`StoreError` and nothing else; on making, also for a database that is damaged or not ours.
    """

    def __init__(self, state_dir: Path, *, reading: bool = False, tell: Tell = silent) -> None:
        """``reading``: beside a running guardian, and without the lock; the database must be there, and no write succeeds.

        ``tell`` hears how far an upgrade is.
        """
        self._tell, self._path = tell, state_dir / "guardian.db"
        try:
            if reading:
                self._path.stat()
            else:
                sqlite.provide(self._path)
        except OSError as error:
            raise StoreError(words.unusable(self._path, str(error))) from error
        self._writer = sqlite.engine(self._path, reading=reading)
        self._reader = self._writer.execution_options(reading=True)
        self._turn = threading.Lock()
        self.checked = self._path.stat().st_size <= sqlite.CHECKED_BYTES
        """Whether the whole file was checked, not only what a start goes by: :mod:`guardian.records.examination` does it then."""
        try:
            self._admit(reading=reading)
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Give up all connections; the last one folds the write-ahead log into the database."""
        self._writer.dispose()

    def services(self) -> dict[str, dict[str, Any]]:
        """The last recorded state of every service, by name."""
        return {row["name"]: json.loads(row["state"]) for row in self._rows(select(schema.services))}

    def append(
        self,
        service: str,
        deployment: str | None,
        at: float,
        event: dict[str, Any],
        state: dict[str, Any],
        letters: Sequence[KeptLetter] = (),
    ) -> JournalEntry:
        """Journal ``event``, the ``state`` it led to, and the ``letters`` that tell of it, in one transaction.

        ``state["deployment"]``, the current deployment or ``None``, is also kept on its own. It has at least ``id``, ``phase``, and
        in seconds since the epoch ``requested_at`` and ``ended_at`` (``None`` while it goes on). Another ``deployment`` has not
        begun: nothing is kept of it but the journal.
        """
        try:
            entry: dict[str, Any] = {"at": float(at), "service": service, "deployment": deployment, "event": canonical(event)}
            standing = {"name": service, "state": canonical(state)}
            current, rows = _projected(service, state["deployment"]), outbox.letter_rows(letters)
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(words.not_recordable(service, repr(error))) from error
        deployments = schema.deployments
        with self.writing() as connection:
            entry = _enter(connection, entry)
            _put(connection, schema.services, standing | {"entry": entry["number"]})
            if current:
                first = connection.scalar(select(deployments.c.first_entry).where(deployments.c.id == current["id"]))
                _put(connection, deployments, current | {"first_entry": first or entry["number"]})
            if deployment and (current is None or current["id"] != deployment):
                retention.prune(connection, [deployment])
                retention.forget(connection, [deployment])
            outbox.post(connection, entry["number"], rows)
        return _entry(entry)

    def tokens(self) -> list[dict[str, Any]]:
        """Every token that was ever made, in the order of their last change."""
        return [json.loads(row["token"]) for row in self._rows(select(schema.tokens).order_by(schema.tokens.c.entry))]

    def save_token(self, token: dict[str, Any], at: float, event: dict[str, Any]) -> JournalEntry:
        """Keep ``token``, which has an ``id``, and journal in the same transaction what happened to it, as no service's."""
        entry = {"at": float(at), "service": "", "deployment": None, "event": canonical(event)}
        with self.writing() as connection:
            entry = _enter(connection, entry)
            _put(connection, schema.tokens, {"id": token["id"], "token": canonical(token), "entry": entry["number"]})
        return _entry(entry)

    def journal(
        self, service: str | None = None, deployment: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[JournalEntry]:
        """Journal entries in order, those with a number above ``after``."""
        journal = schema.journal
        query = select(journal).where(journal.c.number > after).order_by(journal.c.number).limit(limit)
        if service is not None:
            query = query.where(journal.c.service == service)
        if deployment is not None:
            query = query.where(journal.c.deployment == deployment)
        return [_entry(row) for row in self._rows(query)]

    def save_evidence(self, deployment: str, rule: str, evidence: dict[str, Any]) -> None:
        """Keep the newest evidence of one rule in one deployment, which must have been journalled before."""
        try:
            body = zlib.compress(canonical(evidence).encode())
        except (TypeError, ValueError) as error:
            raise StoreError(words.not_recordable(deployment, repr(error))) from error
        with self.writing() as connection:
            _put(connection, schema.evidence, {"deployment": deployment, "rule": rule, "body": body, "at": time.time()})

    def evidence(self, deployment: str) -> dict[str, dict[str, Any]]:
        """The evidence of a deployment by rule; empty where none was kept."""
        rows = self._rows(select(schema.evidence).where(schema.evidence.c.deployment == deployment))
        return {row["rule"]: json.loads(zlib.decompress(row["body"])) for row in rows}

    def deployments(self, service: str | None = None, limit: int = 20, among: Collection[str] = ()) -> list[dict[str, Any]]:
        """Deployments as last recorded, each with its ``service``, newest first; with ``among``, those of these services."""
        deployments = schema.deployments
        query = select(deployments).order_by(deployments.c.first_entry.desc()).limit(limit)
        if service is not None:
            query = query.where(deployments.c.service == service)
        if among:
            query = query.where(deployments.c.service.in_(among))
        return [_deployment(row) for row in self._rows(query)]

    def between(self, service: str | None, first: float, last: float) -> Iterator[dict[str, Any]]:
        """Deployments that were requested between ``first`` and ``last``, in seconds since the epoch, each with its ``service``.

        Oldest first, and read page by page, so that thousands take no more memory than :data:`PAGE`. A cutover follows its request
        within the hour that a switch may take.
        """
        deployments = schema.deployments
        query = select(deployments).where(deployments.c.requested_at >= first - 3600, deployments.c.requested_at < last)
        if service is not None:
            query = query.where(deployments.c.service == service)
        page, after = query.order_by(deployments.c.first_entry).limit(PAGE), 0
        while rows := self._rows(page.where(deployments.c.first_entry > after)):
            yield from map(_deployment, rows)
            after = rows[-1]["first_entry"]

    def deployment(self, identifier: str) -> dict[str, Any] | None:
        """One deployment as last recorded, with its ``service``, or ``None``."""
        rows = self._rows(select(schema.deployments).where(schema.deployments.c.id == identifier))
        return _deployment(rows[0]) if rows else None

    def letters(self) -> list[KeptLetter]:
        """The outbox: letters in the order in which they were first kept."""
        kept = schema.outbox
        return [outbox.kept_letter(row) for row in self._rows(select(kept).order_by(kept.c.entry, kept.c.place))]

    def mark_letter(self, letter: KeptLetter) -> None:
        """Keep what has become of a letter; nothing where it is not kept."""
        with self.writing() as connection:
            outbox.mark(connection, letter)

    def remove_letter(self, channel: str, key: str) -> None:
        """Forget a letter; nothing where it is not kept."""
        with self.writing() as connection:
            outbox.remove(connection, channel, key)

    def chain(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Every journal entry with a number above ``after`` as it is kept, with both hashes, whatever became of it; in order.

        Read page by page: whoever takes long over it holds no old view of the database, whose log would grow meanwhile.
        :class:`StoreError` where the next entries went into the archive meanwhile.
        """
        journal = schema.journal
        after, begun = max(after, self.cut().number), False
        while True:
            query = select(journal).where(journal.c.number > after).order_by(journal.c.number).limit(CHAIN_PAGE)
            with self.reading() as connection:
                rows = [row._asdict() for row in connection.execute(query)]
            if begun and self.cut().number > after:
                raise StoreError(words.archived_meanwhile(after + 1))
            if not rows:
                return
            yield from rows
            after, begun = rows[-1]["number"], True

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that were kept last, in their order."""
        return [json.loads(row["body"]) for row in self._rows(select(schema.alerts).order_by(schema.alerts.c.place))]

    def keep_alerts(self, alerts: Sequence[dict[str, Any]]) -> None:
        """Keep ``alerts``, each with its ``sender`` and ``fingerprint``, and no others."""
        try:
            rows = [
                seal({"sender": each["sender"], "fingerprint": each["fingerprint"], "place": place, "body": canonical(each)})
                for place, each in enumerate(alerts)
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(words.not_recordable("alerts", repr(error))) from error
        with self.writing() as connection:
            connection.execute(delete(schema.alerts))
            if rows:
                connection.execute(insert(schema.alerts), rows)

    def keep_order(self, order: ChatOrder) -> bool:
        """Record an order of the chat; ``False`` where its key is known already."""
        with self.writing() as connection:
            return ledger.keep(connection, order)

    def settle_order(self, key: str, outcome: str) -> None:
        """Record what became of an order of the chat."""
        with self.writing() as connection:
            ledger.settle(connection, key, outcome)

    def open_orders(self) -> list[ChatOrder]:
        """Orders of the chat whose outcome is not known, oldest first."""
        orders = schema.chat_orders
        return [ledger.order_of(row) for row in self._rows(select(orders).where(orders.c.outcome == "").order_by(orders.c.at))]

    def verify(self, watch: Callable[[Mapping[str, Any]], object] = bool) -> int | None:
        """The number of the first journal entry that is missing or not as it was written, or ``None``: the chain is whole.

        ``watch`` is shown every entry up to there, and what it raises comes through. What is in the archive is not looked at; that
        it went there stands in the chain.
        """
        begin = self.cut()
        with self.reading() as connection:
            newest = connection.scalar(select(func.max(schema.services.c.entry))) or 0
        checked, told = Chain(begin.number, begin.head), retention.Cut()
        for row in self.chain(begin.number):
            if not checked.take(row):
                return self._still(begin, checked.number + 1)
            watch(row)
            told = retention.cut_of(row) or told
        if newest > checked.number:
            return self._still(begin, checked.number + 1)
        unfit = begin.number > told.number or (begin.number == told.number and begin != told)
        return begin.number if unfit else None

    def _still(self, begin: retention.Cut, number: int) -> int:
        """``number``, unless it was not there since the journal was cut meanwhile."""
        if self.cut() != begin:
            raise StoreError(words.archived_meanwhile(number))
        return number

    def cut(self) -> retention.Cut:
        """Where the journal begins."""
        rows = self._rows(select(schema.archived))
        return retention.Cut(rows[0]["number"], rows[0]["head"]) if rows else retention.Cut()

    def cut_to(self, number: int) -> None:
        """Take the entries up to ``number``, which the journal holds, out of it."""
        with self.writing() as connection:
            cut = retention.cut_to(connection, number)
            _put(connection, schema.archived, {"place": 1, "number": cut.number, "head": cut.head})

    def note(self, at: float, event: str) -> None:
        """Journal ``event``, canonical JSON, as no service's."""
        with self.writing() as connection:
            _enter(connection, {"at": float(at), "service": "", "deployment": None, "event": event})

    def give_back(self, pages: int) -> None:
        """Give so many free pages back to the disk."""
        with self._turn:
            try:
                sqlite.give_back(self._writer, pages)
            except sqlite3.Error as error:
                raise StoreError(words.refused(self._path, str(error))) from error

    def _admit(self, *, reading: bool) -> None:
        """Refuse a database that is damaged, or laid out by a newer version; bring one of an older version up to date."""
        newest = migrations.newest()
        with self.reading() as connection:
            damage = sqlite.damage(connection, whole=self.checked)
            row = None if damage else connection.execute(select(schema.meta)).first()
            if row and row.schema < newest and not (self.checked or reading):
                damage, self.checked = sqlite.damage_of_older(connection, self._path, self._tell), True
            shrinks = sqlite.shrinks(connection)
        if damage or row is None:
            raise StoreDamaged(words.damaged(self._path, damage or words.no_schema()))
        if row.schema > newest:
            raise StoreError(words.newer_schema(self._path, row.schema, newest, row.created_by))
        if row.schema < newest:
            if reading:
                raise StoreError(words.older_schema(self._path, row.schema, newest))
            self.close()
            sqlite.upgrade(self._path, row.schema, tell=self._tell)
            logger.info("%s", words.migrated(self._path, row.schema, newest))
        if not (shrinks or reading):
            self._remake()

    def _remake(self) -> None:
        """Have the file give back free pages, which one of an older guardian cannot: it is written anew once."""
        self.close()
        try:
            sqlite.make_shrinkable(self._path, tell=self._tell)
            logger.info("%s", words.remade(self._path))
        except sqlite3.Error as error:
            logger.warning("%s", words.not_remade(self._path, str(error)))

    def _rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        """The rows of ``query``, each held against its hash."""
        with self.reading() as connection:
            rows = [row._asdict() for row in connection.execute(query)]
        if not all(intact(row) for row in rows):
            raise StoreDamaged(words.damaged(self._path, words.wrong_hash()))
        return rows

    def reading(self) -> AbstractContextManager[Connection]:
        """A consistent view of the database."""
        return self._begun(self._reader)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes. Threads take turns here, since SQLite lets them poll, and starves one."""
        with self._turn, self._begun(self._writer) as connection:
            yield connection

    @contextmanager
    def _begun(self, engine: Engine) -> Iterator[Connection]:
        """A transaction; every error of the database becomes a sentence."""
        try:
            with engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, UnicodeDecodeError) as error:  # the driver fails to decode what a damaged file makes SQLite say
            raise sqlite.failure(error, self._path) from error


def _enter(connection: Connection, entry: dict[str, Any]) -> dict[str, Any]:
    """Add ``entry`` to the journal, and to its chain: with its number."""
    journal = schema.journal
    last = connection.execute(select(journal).order_by(journal.c.number.desc()).limit(1)).mappings().first()
    numbered = entry | {"number": last["number"] + 1 if last else 1, "previous_hash": last["hash"] if last else ORIGIN}
    connection.execute(insert(journal).values(seal(numbered)))
    return numbered


def _put(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Write ``row`` with its hash, in place of the row that has its primary key if there is one.

    The key is not written again: SQLite would then look at every row that refers to it, and there are more from year to year.
    """
    sealed = seal(row)
    same = [column == sealed[column.name] for column in table.primary_key]
    changed = {name: value for name, value in sealed.items() if name not in table.primary_key.columns}
    if not connection.execute(update(table).where(*same).values(changed)).rowcount:
        connection.execute(insert(table).values(sealed))


def _projected(service: str, deployment: dict[str, Any] | None) -> dict[str, Any] | None:
    """The columns of a deployment that can be told from its state."""
    if deployment is None:
        return None
    ended_at = deployment["ended_at"]
    return {
        "id": deployment["id"],
        "service": service,
        "state": canonical(deployment),
        "phase": deployment["phase"],
        "requested_at": float(deployment["requested_at"]),
        "ended_at": None if ended_at is None else float(ended_at),
    }


def _entry(row: Mapping[str, Any]) -> JournalEntry:
    return JournalEntry(row["number"], row["at"], row["service"], row["deployment"], json.loads(row["event"]))


def _deployment(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**json.loads(row["state"]), "service": row["service"]}
