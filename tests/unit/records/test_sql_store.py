"""The store in SQL: its file, its hash chain, its sentences, and the space it takes."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from guardian import __version__
from guardian.core.ports import StoreError
from guardian.core.words import records as words
from guardian.records import schema
from guardian.records.housekeeping import Housekeeping
from guardian.records.migrations import newest
from guardian.records.seal import seal
from guardian.records.store import SqlStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A store in a state directory that it makes itself; a name with ``?`` and ``#`` is none of a URL's business."""
    made = SqlStore(tmp_path / "lib?mode=ro#1" / "guardian")
    yield made
    made.close()


def append(store: SqlStore, identifier: str, service: str = "web", ended_at: float | None = None) -> None:
    """Journal a deployment, and keep evidence of it."""
    deployment = {"id": identifier, "phase": "watching", "requested_at": 1.0, "ended_at": ended_at}
    store.append(service, identifier, 1.0, {"kind": "routed"}, {"service": service, "deployment": deployment})
    store.save_evidence(identifier, "errors", {"looks": [1]})


def tamper(store: SqlStore, statement: str) -> None:
    """Do to the database what somebody with another program could do."""
    with closing(sqlite3.connect(store._path, isolation_level=None)) as connection:
        connection.execute(statement)


def test_the_files_are_nobody_elses(store: SqlStore) -> None:
    """The directory is made with mode 0700; the database and its log have 0600."""
    append(store, "web-1")
    assert store._path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in store._path.parent.iterdir()} == dict.fromkeys(
        ("guardian.db", "guardian.db-wal", "guardian.db-shm"), 0o600
    )


def test_all_of_it_is_there_after_closing_and_opening(store: SqlStore) -> None:
    """A store that is opened again knows what it knew, and goes on where it stood."""
    append(store, "web-1")

    def known(store: SqlStore) -> list[Any]:
        return [store.services(), store.journal(), store.deployments(), store.evidence("web-1"), store.verify()]

    before = known(store)
    store.close()
    with closing(SqlStore(store._path.parent)) as again:
        assert known(again) == before
        append(again, "web-2")
        assert [entry.number for entry in again.journal()] == [1, 2]
        assert again.verify() is None


def test_every_connection_is_durable_and_holds_references(store: SqlStore) -> None:
    """The settings that durability rests on hold on each connection of the pool, not only on the first."""
    with store._reader.connect() as first, store._reader.connect() as second:
        for connection in (first, second):
            values = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
            assert values == ["wal", 2, 1]


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ('UPDATE journal SET event = \'{"kind":"adopted"}\' WHERE number = 2', 2),
        ("UPDATE journal SET at = at + 1 WHERE number = 3", 3),
        ("UPDATE journal SET deployment = NULL WHERE number = 1", 1),
        ("UPDATE journal SET previous_hash = hash WHERE number = 2", 2),
        ("DELETE FROM journal WHERE number = 2", 2),
        ("DELETE FROM journal WHERE number > 2", 3),
        ("DELETE FROM journal", 1),
        ("UPDATE journal SET number = 9 WHERE number = 4", 4),
    ],
)
def test_the_chain_tells_the_first_entry_that_was_changed(store: SqlStore, statement: str, broken: int) -> None:
    """An entry that was altered, moved or taken out is found by its number, also at the end."""
    for number in range(4):
        append(store, f"web-{number}")
    assert store.verify() is None
    tamper(store, statement)
    assert store.verify() == broken


def test_an_entry_forged_with_a_hash_of_its_own_breaks_the_next(store: SqlStore) -> None:
    """The chain holds an entry also against the hash that the next one remembers."""
    for number in range(3):
        append(store, f"web-{number}")
    with store._writer.begin() as connection:
        row = connection.execute(select(schema.journal).where(schema.journal.c.number == 2)).one()._asdict()
        connection.execute(update(schema.journal).where(schema.journal.c.number == 2).values(seal({**row, "service": "api"})))
    assert [entry.service for entry in store.journal()] == ["web", "api", "web"]
    assert store.verify() == 3


@pytest.mark.parametrize(
    ("statement", "question"),
    [
        ("UPDATE services SET state = replace(state, 'web', 'api')", lambda store: store.services()),
        ("UPDATE deployments SET phase = 'verified'", lambda store: store.deployments()),
        ("UPDATE deployments SET ended_at = 5", lambda store: store.deployment("web-1")),
        ("UPDATE evidence SET body = zeroblob(9)", lambda store: store.evidence("web-1")),
        ("UPDATE evidence SET rule = 'latency'", lambda store: store.evidence("web-1")),
        ("UPDATE journal SET event = '{}'", lambda store: store.journal()),
    ],
)
def test_a_record_that_was_changed_is_not_given_out(
    store: SqlStore, statement: str, question: Callable[[SqlStore], object]
) -> None:
    """A row that does not match its hash is an error to read, never an answer."""
    append(store, "web-1")
    assert question(store)
    tamper(store, statement)
    with pytest.raises(StoreError, match="does not match its hash"):
        question(store)


def test_another_programs_lock_is_named_and_outlived(store: SqlStore) -> None:
    """A write waits half a second for somebody else's transaction, then says so; the next one succeeds."""
    append(store, "web-1")
    with closing(sqlite3.connect(store._path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            append(store, "web-2")
        assert store.services()
        other.execute("ROLLBACK")
    assert str(caught.value) == words.locked(store._path, 0.5)
    append(store, "web-2")
    assert len(store.journal()) == 2


def test_threads_that_write_at_once_wait_for_each_other(store: SqlStore) -> None:
    """Every change of every thread is recorded, in one chain."""

    def write(service: str) -> None:
        for number in range(15):
            append(store, f"{service}-{number}", service)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(write, ("web", "api", "shop")))
    assert len(store.journal()) == 45
    assert store.verify() is None


def test_a_newer_schema_is_refused_with_both_numbers(store: SqlStore) -> None:
    """A database of a newer guardian is left alone."""
    append(store, "web-1")
    tamper(store, "UPDATE meta SET schema = 9000")
    store.close()
    before = store._path.read_bytes()
    with pytest.raises(StoreError) as caught:
        SqlStore(store._path.parent)
    assert str(caught.value) == words.newer_schema(store._path, 9000, newest(), __version__)
    assert store._path.read_bytes() == before


def test_a_log_without_its_database_is_not_replayed_into_a_new_one(store: SqlStore) -> None:
    """Somebody moved the database away and forgot the log: that is said, and the log is kept."""
    append(store, "web-1")
    log = store._path.with_name("guardian.db-wal")
    content = log.read_bytes()
    store.close()
    store._path.unlink()
    log.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        SqlStore(store._path.parent)
    assert str(caught.value) == words.orphaned_log(store._path, log)
    assert log.read_bytes() == content


@pytest.mark.parametrize("obstacle", ["a file in place of the directory", "a directory in place of the database"])
def test_a_place_that_cannot_be_used_is_a_sentence(tmp_path: Path, obstacle: str) -> None:
    """What stands in the way is said with the path."""
    state_dir = tmp_path / "state"
    if obstacle.startswith("a file"):
        state_dir.touch()
    else:
        (state_dir / "guardian.db").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"guardian\.db cannot be used"):
        SqlStore(state_dir)


def test_old_evidence_is_forgotten_and_the_rest_stays(store: SqlStore, tmp_path: Path) -> None:
    """Evidence goes with the age of its deployment's end; the newest of each service and the unfinished keep theirs."""
    for number, ended_at in enumerate((10.0, None, 20.0, 30.0, 40.0)):
        append(store, f"web-{number}", "web", ended_at)
    append(store, "api-0", "api", 5.0)
    assert Housekeeping(store, tmp_path / "archive").prune(before=30.0, keep=1) == 2
    kept = [name for name in ("web-0", "web-1", "web-2", "web-3", "web-4", "api-0") if store.evidence(name)]
    assert kept == ["web-1", "web-3", "web-4", "api-0"]
    assert Housekeeping(store, tmp_path / "archive").prune(before=30.0, keep=1) == 0
    assert Housekeeping(store, tmp_path / "archive").prune(before=50.0, keep=0) == 3
    assert len(store.deployments()) == 6
    assert store.verify() is None


def test_the_space_of_forgotten_evidence_is_used_again(store: SqlStore, tmp_path: Path) -> None:
    """A database that is pruned does not grow with the evidence that passes through it."""

    def pages() -> int:
        with store._reader.connect() as connection:
            return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())

    sizes = []
    for number in range(6):
        append(store, f"web-{number}", ended_at=float(number))
        store.save_evidence(f"web-{number}", "errors", {"looks": random.Random(number).randbytes(40_000).hex()})
        Housekeeping(store, tmp_path / "archive").prune(before=number, keep=1)
        sizes.append(pages())
    assert sizes[-1] <= sizes[1] + 1
