"""Everything that holds for SQLite only: the file, its settings, its check, and what its errors mean to people."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from guardian import __version__
from guardian.core.ports import StoreDamaged, StoreError
from guardian.core.words import records as words
from guardian.records import migrations, schema
from guardian.records.progress import PATIENCE_SECONDS, Progress, Tell, silent

BUSY_SECONDS = 0.5
"""How long a statement waits for another program's lock: a rollback must not wait for somebody's forgotten shell."""

POOL_SECONDS = 5.0
"""How long a reader waits for one of the pool's connections."""

INCREMENTAL = 2
"""SQLite's number for a file that gives back free pages when it is told to, not with each transaction."""

REMADE_BYTES = 256 * 1024 * 1024
"""A larger database is not written anew at a start: a service manager would lose patience, and have it begun again and again."""

CHECKED_BYTES = 64 * 1024 * 1024
"""A larger database is not checked whole before guardian is ready, which would take seconds, but right afterwards."""

COPIED, STEPS = 2048, 100_000
"""Pages of a copy, and steps of SQLite's machine, between two signs that an upgrade goes on: some hundredths of a second."""

SLOWEST_CHECK = 2 * 1024 * 1024
"""Bytes in a second: a check says nothing while it runs, and takes so long at the most (it was measured at 100 to 200 MiB/s)."""

BULK = ("journal", "deployments", "evidence", "chat_orders")
"""The tables that grow with the years. Nothing of them is gone by at a start but rows that are held against their hashes."""

PRAGMAS = (
    f"busy_timeout={int(BUSY_SECONDS * 1000)}",
    "journal_mode=WAL",  # readers never wait for the writer, nor the writer for them
    "synchronous=FULL",  # in WAL mode NORMAL would lose acknowledged changes with the power
    "foreign_keys=ON",
    "journal_size_limit=4194304",  # the log shrinks again after an unusually large transaction
)


def engine(path: Path, *, reading: bool = False) -> Engine:
    """An engine on the database at ``path``; connections are made when they are needed, by any thread, and only for ``reading``.

    The driver's own transactions begin too late to cover a read before the first write, so they are switched off and begun here:
    at once for writing, or where the execution option ``reading`` is set, as one consistent view.
    """
    url = URL.create("sqlite", database=str(path))
    if reading:
        url = URL.create("sqlite", database=path.absolute().as_uri(), query={"mode": "ro", "uri": "true"})
    made = create_engine(url, pool_timeout=POOL_SECONDS)

    @event.listens_for(made, "connect")
    def configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("reading") else "BEGIN IMMEDIATE")

    return made


def provide(path: Path) -> None:
    """Create the database at ``path`` (mode 0600, a missing directory 0700) unless it is there: whole, or not at all.

    So an empty file is never a new one, though SQLite would take it for one: :class:`StoreError`. The same when a write-ahead log
    lies there alone, which SQLite would replay into the new database. ``OSError`` where the file cannot be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = path.with_name(f"{path.name}-wal")
    if path.exists():
        if path.stat().st_size == 0:
            raise StoreDamaged(words.damaged(path, words.empty()))
        return
    if log.exists():
        raise StoreError(words.orphaned_log(path, log))
    beside = path.with_name(f"{path.name}.new")
    beside.touch(mode=0o600)
    beside.write_bytes(_blank())
    _put_in_place(beside, path)


def upgrade(path: Path, found: int, versions: Path = migrations.VERSIONS, *, tell: Tell = silent) -> None:
    """Bring the database at ``path`` from schema ``found`` to the newest, after a copy of it was laid beside.

    All or nothing, in one transaction. :class:`StoreError` with the copy's name where it cannot be; the database is as it was then.
    ``tell`` hears how far it is.
    """
    copy, progress = path.with_name(f"{path.name}.schema-{found}"), Progress(tell)
    try:
        _copy(path, copy, progress)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(words.no_copy(path, copy, str(error))) from error
    made = engine(path)
    # Tables are remade in pieces, and what refers to them must not notice; all references are checked at the end.
    event.listen(made, "connect", lambda connection, _entry: connection.execute("PRAGMA foreign_keys=OFF"))
    try:
        with made.begin() as connection:
            progress.begin(words.migrating(path, found, migrations.newest(versions)))
            _heard(connection, lambda: progress.goes_on(partial(words.migrating, path, found, migrations.newest(versions))))
            migrations.migrate(connection, found, versions)
            if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise StoreError(words.not_migrated(path, copy, words.dangling(broken[0])))
    except SQLAlchemyError as error:
        raise StoreError(words.not_migrated(path, copy, complaint(error, path))) from error
    finally:
        made.dispose()


def _heard(connection: Connection, work_goes_on: Callable[[], None]) -> None:
    """Have ``work_goes_on`` called now and then while a statement runs on ``connection``."""
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment] # only its dialect knows
    driver.set_progress_handler(work_goes_on, STEPS)


def _copy(path: Path, copy: Path, progress: Progress) -> None:
    """A whole database at ``copy``, with what stands in the write-ahead log only."""
    progress.begin(words.copying(path))
    beside = copy.with_name(f"{copy.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(beside)) as target:

        def copied(_status: int, left: int, pages: int) -> None:
            progress.goes_on(lambda _: words.copying(path, pages - left, pages))

        source.backup(target, pages=COPIED, progress=copied)
        target.execute("PRAGMA journal_mode=DELETE")
    _put_in_place(beside, copy)


def _put_in_place(beside: Path, path: Path) -> None:
    """Give the file at ``beside`` the name ``path``; its content and its name are on disk when this returns."""
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _blank() -> bytes:
    """The file of a database that has its tables and nothing in them."""
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(f"PRAGMA auto_vacuum={INCREMENTAL}")
        tables = create_engine("sqlite://", creator=lambda: memory, poolclass=StaticPool)
        with tables.begin() as connection:
            schema.metadata.create_all(connection)
            connection.execute(insert(schema.meta).values(schema=migrations.newest(), created_by=__version__))
            migrations.mark(connection, migrations.newest())
        return memory.serialize()


def shrinks(connection: Connection) -> bool:
    """Whether the file gives free pages back when it is told to."""
    return connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() == INCREMENTAL


def make_shrinkable(path: Path, *, tell: Tell = silent) -> None:
    """Have the database at ``path`` give free pages back when it is told to, which takes remaking it.

    ``sqlite3.Error`` where there is no room for that, or it would hold up the start for long: it is as it was then.
    """
    with closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)) as connection:
        if path.stat().st_size > REMADE_BYTES:
            raise sqlite3.OperationalError(words.too_large_to_remake(REMADE_BYTES))
        Progress(tell).begin(words.remaking(path))
        connection.execute(f"PRAGMA auto_vacuum={INCREMENTAL}")
        connection.execute("VACUUM")


def free_pages(connection: Connection) -> tuple[int, int]:
    """How many pages of the file hold nothing, and how many it has."""
    free, pages = (connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("freelist_count", "page_count"))
    return int(free), int(pages)


def give_back(engine: Engine, pages: int) -> None:
    """Cut so many free pages off the end of the file."""
    with closing(engine.raw_connection()) as connection:
        # Each step of the statement frees one page, and `execute` would take one step.
        connection.cursor().executescript(f"PRAGMA incremental_vacuum({pages})")


def damage(connection: Connection, *, whole: bool = True) -> str | None:
    """What SQLite finds wrong with its file, or, not ``whole``, with the tables that do not grow with the years; or ``None``.

    The full check, not the quick one: that would not see an index that lost a row, and a query would silently lose it too. It takes
    about a second for 200,000 journal entries.
    """
    for part in ("1",) if whole else _lasting(connection):
        found = str(connection.exec_driver_sql(f"PRAGMA integrity_check({part})").scalar())
        if found != "ok":
            return repr(found)
    return None


def damage_of_older(connection: Connection, path: Path, tell: Tell) -> str | None:
    """The same of all of a large database, before it is brought up to date; ``tell`` hears how long that may take."""
    size = path.stat().st_size
    Progress(tell).begin(words.checking(path, size), PATIENCE_SECONDS + size / SLOWEST_CHECK)
    return damage(connection)


def _lasting(connection: Connection) -> list[str]:
    """The tables that are there and not :data:`BULK`."""
    there = set(connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table'").scalars())
    return [name for name in schema.metadata.tables if name in there and name not in BULK]


def interrupter(connection: Connection) -> Callable[[], None]:
    """Ends, from any thread, what is asked through ``connection`` just then: it fails."""
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment] # only its dialect knows
    return driver.interrupt


def condemn(path: Path, reason: str) -> None:
    """Have the next start set the database at ``path`` aside, for ``reason``. ``OSError`` as it comes."""
    beside = _verdict(path).with_name(f"{_verdict(path).name}.new")
    beside.touch(mode=0o600)
    beside.write_text(f"{path.stat().st_ino} {reason}\n")
    _put_in_place(beside, _verdict(path))


def condemned(path: Path) -> str:
    """Why the database at ``path``, and no other that was put in its place since, is to be set aside; empty where it is not."""
    try:
        number, _, reason = _verdict(path).read_text().strip().partition(" ")
        return reason if number == str(path.stat().st_ino) else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _verdict(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")


def set_aside(path: Path, at: str) -> Path:
    """Give the database at ``path`` and its logs another name, with the time ``at`` in it: the new one. ``OSError`` as it comes."""
    aside = path.with_name(f"{path.name}.corrupt-{at}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(f"{path.name}{suffix}")
        if part.exists():
            part.rename(aside.with_name(f"{aside.name}{suffix}"))
    _verdict(path).unlink(missing_ok=True)
    return aside


def failure(error: SQLAlchemyError | UnicodeDecodeError, path: Path) -> StoreError:
    """What to raise for ``error``."""
    said = complaint(error, path)
    return StoreDamaged(said) if said.startswith(words.damaged(path, "").partition("(")[0]) else StoreError(said)


def complaint(error: SQLAlchemyError | UnicodeDecodeError, path: Path) -> str:
    """What ``error`` means, and what to do. Names of errors: https://sqlite.org/rescode.html."""
    cause = getattr(error, "orig", None) or error
    name = getattr(cause, "sqlite_errorname", "")
    reason = f"{str(cause)!r} {name}".strip()  # quoted, since a damaged file speaks through it
    if not name and isinstance(cause, sqlite3.OperationalError | UnicodeDecodeError):
        name = "SQLITE_CORRUPT"  # the driver's own: text that is not UTF-8
    match name.removeprefix("SQLITE_").split("_")[0]:
        case "FULL":
            return words.disk_full(path)
        case "IOERR":
            return words.disk_failed(path, reason)
        case "BUSY" | "LOCKED":
            return words.locked(path, BUSY_SECONDS)
        case "CANTOPEN" | "READONLY" | "PERM":
            return words.unusable(path, reason)
        case "CORRUPT" | "NOTADB" | "ERROR":  # ERROR is a table or column that is not there
            return words.damaged(path, reason)
    return words.refused(path, reason)
