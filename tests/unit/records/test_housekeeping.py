"""The database stays small and quick: what is old leaves it in slices, and what was journalled is neither lost nor unprovable."""

import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as happenings

from guardian.core.ports import StoreError
from guardian.records import housekeeping, retention, sqlite
from guardian.records.housekeeping import Housekeeping
from guardian.records.seal import Chain
from guardian.records.store import SqlStore
from tests.unit.records.test_sql_store import tamper

NOW = 1e9
PER_DEPLOYMENT = 4


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlStore]:
    """An empty store, whose archive takes files of twenty entries."""
    monkeypatch.setattr(retention, "FILE", 20)
    with closing(SqlStore(tmp_path / "state")) as made:
        yield made


@pytest.fixture
def house(store: SqlStore, tmp_path: Path) -> Housekeeping:
    """Who keeps it tidy."""
    return Housekeeping(store, tmp_path / "archive")


class Died(Exception):
    """The end of the program."""


def grow(store: SqlStore, deployments: int, first: int = 0) -> None:
    """Journal whole deployments of one service, the number of each being the time at which it ended."""
    for number in range(first, first + deployments):
        for step in range(PER_DEPLOYMENT):
            ended_at = float(number) if step == PER_DEPLOYMENT - 1 else None
            deployment = {"id": f"web-{number}", "phase": "watching", "requested_at": float(number), "ended_at": ended_at}
            state = {"service": "web", "deployment": deployment}
            store.append("web", f"web-{number}", float(number), {"kind": "noted", "step": step, "text": "x" * 300}, state)
        store.save_evidence(f"web-{number}", "errors", {"looks": [number] * 300})


def archived(tmp_path: Path) -> list[dict[str, Any]]:
    """Every entry in the archive, in the order of its files."""
    files = sorted((tmp_path / "archive").glob("*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).decode().splitlines()]


def test_old_entries_move_into_the_archive_and_the_chain_stays_whole(store: SqlStore, house: Housekeeping, tmp_path: Path) -> None:
    """Archive and journal together hold every entry ever written, in one chain; only whole files of old entries move."""
    grow(store, 16)
    before = list(store.chain())
    assert house.archive(before=12.0, at=NOW) == 20
    assert house.archive(before=12.0, at=NOW) == 20
    assert house.archive(before=12.0, at=NOW) == 0  # the next file would hold an entry that is too young
    assert store.verify() is None
    moved, kept = archived(tmp_path), list(store.chain())
    assert [entry["number"] for entry in moved] == list(range(1, 41))
    assert (moved + kept)[: len(before)] == before
    chain = Chain()
    assert all(chain.take(entry) for entry in moved + kept)
    told = [json.loads(entry["event"]) for entry in kept if not entry["service"]]
    assert [(each["kind"], each["first"], each["last"]) for each in told] == [(retention.KIND, 1, 20), (retention.KIND, 21, 40)]
    assert sorted(file.name for file in (tmp_path / "archive").iterdir()) == [each["file"] for each in told]


def test_a_store_goes_on_from_a_cut_journal(store: SqlStore, house: Housekeeping) -> None:
    """Numbers and chain go on, states and deployments are what they were, and a new start finds nothing wrong."""
    grow(store, 16)
    known = store.services(), store.deployments(limit=100)
    while house.archive(before=NOW, at=NOW):
        pass
    store.close()
    with closing(SqlStore(store._path.parent)) as again:
        assert (again.services(), again.deployments(limit=100)) == known
        newest = [entry["number"] for entry in again.chain()][-1]
        grow(again, 1, first=99)
        assert [entry.number for entry in again.journal(deployment="web-99")] == list(range(newest + 1, newest + 5))
        assert again.verify() is None


def test_a_death_between_two_slices_loses_nothing(
    store: SqlStore, house: Housekeeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the work is cut off, the chain is whole, and the next turn ends what was begun, without telling it twice."""
    monkeypatch.setattr(housekeeping, "ENTRIES", 3)
    grow(store, 16)
    before = list(store.chain())
    cut = store.cut_to
    for _ in range(5):
        left = iter([True])

        def dying(number: int, left: Iterator[bool] = left) -> None:
            if not next(left, False):
                raise Died
            cut(number)

        with monkeypatch.context() as patch:
            patch.setattr(store, "cut_to", dying)
            with pytest.raises(Died):
                house.archive(before=NOW, at=NOW)
        assert store.verify() is None
    assert store.cut().number == 15
    assert house.archive(before=NOW, at=NOW) == 5
    everything = {entry["number"]: entry for entry in [*archived(tmp_path), *store.chain()]}
    assert [everything[number] for number in range(1, len(before) + 1)] == before
    assert sum(entry["service"] == "" for entry in store.chain()) == 1


@pytest.mark.parametrize("forged", [False, True])
def test_entries_that_vanish_without_a_word_are_missed(store: SqlStore, house: Housekeeping, *, forged: bool) -> None:
    """Cutting the journal's beginning off is found, also by somebody who writes down where it begins, but not in the chain."""
    grow(store, 8)
    if forged:
        store.cut_to(10)
        assert store.verify() == 10
    else:
        tamper(store, "DELETE FROM journal WHERE number <= 10")
        assert store.verify() == 1


def test_an_archive_that_cannot_be_written_keeps_the_journal(store: SqlStore, tmp_path: Path) -> None:
    """Why not is told, and no entry leaves the database."""
    grow(store, 8)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match="stay in the database"):
        Housekeeping(store, tmp_path / "taken").archive(before=NOW, at=NOW)
    assert len(list(store.chain())) == 8 * PER_DEPLOYMENT
    assert store.verify() is None


def test_who_reads_slowly_is_told_when_entries_moved_meanwhile(
    store: SqlStore, house: Housekeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of the chain never takes an entry that was archived under its eyes for one that is missing."""
    monkeypatch.setattr("guardian.records.store.CHAIN_PAGE", 5)
    grow(store, 8)
    reader = store.chain()
    assert [entry["number"] for entry in islice(reader, 5)] == [1, 2, 3, 4, 5]
    house.archive(before=NOW, at=NOW)
    with pytest.raises(StoreError, match=r"entry 6 .* read it again"):
        next(reader)


def test_a_reader_that_pauses_does_not_let_the_log_grow(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export into a pipe that nobody empties holds no old view: the write-ahead log begins anew as if it were not there."""
    monkeypatch.setattr("guardian.records.store.CHAIN_PAGE", 5)
    grow(store, 5)
    reader = store.chain()
    next(reader)
    log = store._path.with_name("guardian.db-wal")
    for first in range(5, 165, 40):
        grow(store, 40, first)
        assert log.stat().st_size < 5 * 1024 * 1024
    assert next(reader)["number"] == 2


def test_deployments_go_when_nothing_of_them_is_left_but_the_newest_stay(store: SqlStore, house: Housekeeping) -> None:
    """Evidence first, then the deployment itself; one that goes on, and the newest ones, stay whatever their age."""
    grow(store, 12)
    assert house.forget(before=NOW, keep=2) == 0
    assert house.prune(before=6.0, keep=2) == 6
    assert house.forget(before=NOW, keep=2) == 6
    assert [found["id"] for found in store.deployments()] == [f"web-{number}" for number in range(11, 5, -1)]
    assert house.prune(before=NOW, keep=2) == 4
    assert house.forget(before=NOW, keep=2) == 4
    assert [found["id"] for found in store.deployments()] == ["web-11", "web-10"]


def test_what_is_old_goes_in_slices(store: SqlStore, house: Housekeeping) -> None:
    """No transaction takes out more than a few deployments or entries, so that a journal entry gets its turn between them."""
    grow(store, 30)
    begun: list[bool] = []
    happenings.listen(store._writer, "begin", lambda c: begun.append(not c.get_execution_options().get("reading")))
    house.prune(before=NOW, keep=0)
    assert sum(begun) >= 30 // housekeeping.DEPLOYMENTS
    largest = max(housekeeping.DEPLOYMENTS, housekeeping.ENTRIES)
    assert largest <= 100


def test_the_file_shrinks_by_what_was_forgotten(store: SqlStore, house: Housekeeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """Free pages go back to the disk a slice at a time, but for some that will be wanted again."""
    monkeypatch.setattr(housekeeping, "SPARE", 10)
    for number in range(40):
        grow(store, 1, number)
        store.save_evidence(f"web-{number}", "latency", {"looks": [hash((number, look)) for look in range(2000)]})
    with store.reading() as connection:
        _, largest = sqlite.free_pages(connection)
    house.prune(before=NOW, keep=1)
    while house.shrink():
        pass
    with store.reading() as connection:
        free, pages = sqlite.free_pages(connection)
    assert pages < largest / 2
    assert free <= max(10, pages // 10)
    assert store.verify() is None


def test_a_database_of_an_older_guardian_is_made_to_shrink(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot give pages back is remade at the start, once, with all that it holds."""
    grow(store, 3)
    known = store.services(), store.deployments(), store.journal()
    store.close()
    with closing(sqlite3.connect(store._path, isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum=NONE")
        connection.execute("VACUUM")
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "REMADE_BYTES", 1000)  # one that is too large for that stays as it is
        with closing(SqlStore(store._path.parent)) as again, again.reading() as view:
            assert view.exec_driver_sql("PRAGMA auto_vacuum").scalar() == 0
    with closing(SqlStore(store._path.parent)) as again:
        assert (again.services(), again.deployments(), again.journal()) == known
        assert again.verify() is None
    with closing(SqlStore(store._path.parent)) as again, again.reading() as view:
        assert sqlite.shrinks(view)


def test_years_leave_the_size_as_it_is(store: SqlStore, house: Housekeeping) -> None:
    """With what comes in every day and a time for which it is kept, the file does not grow after that time."""
    sizes = []
    for day in range(24):
        grow(store, 10, first=day * 10)
        before = (day - 5) * 10.0
        for work in (lambda b=before: house.prune(b, 5), lambda b=before: house.forget(b, 5), house.shrink):
            while work():
                pass
        while house.archive(before, at=before):
            pass
        with store.reading() as connection:
            sizes.append(sqlite.free_pages(connection)[1])
    assert max(sizes[16:]) < max(sizes[8:16]) * 1.15  # without all this it would have doubled
    assert store.verify() is None


@contextmanager
def steps(store: SqlStore) -> Iterator[list[int]]:
    """Counts the instructions of SQLite's machine that the store's connections run, at the list's only place."""
    counted = [0]

    def count() -> int:
        counted[0] += 1
        return 0

    listener = lambda connection, *_: connection.set_progress_handler(count, 1)  # noqa: E731  to be taken off again
    happenings.listen(store._writer, "checkout", listener)
    yield counted
    happenings.remove(store._writer, "checkout", listener)


def test_an_entry_costs_the_same_however_many_there_are(store: SqlStore) -> None:
    """Journalling, evidence and the pages of history and journal run as many instructions after 600 deployments as after 30.

    Instructions, not seconds: a disk that is busy with other things changes nothing here.
    """

    def cost(number: int) -> dict[str, int]:
        found = {}
        for name, work in {
            "entries": lambda: grow(store, 1, first=number),
            "history": lambda: store.deployments("web"),
            "all history": store.deployments,
            "one deployment": lambda: store.deployment(f"web-{number}"),
            "its journal": lambda: store.journal(deployment=f"web-{number}"),
            "evidence": lambda: store.evidence(f"web-{number}"),
            "states": store.services,
            "the next entries": lambda: store.journal(after=number * PER_DEPLOYMENT - 50, limit=20),
        }.items():
            with steps(store) as counted:
                work()
            found[name] = counted[0]
        return found

    grow(store, 30)
    few = cost(30)
    grow(store, 570, first=31)
    many = cost(601)
    assert all(few.values())
    assert {name: many[name] for name in few if many[name] > few[name] * 1.1 + 5} == {}


def test_no_question_reads_a_whole_table(store: SqlStore, house: Housekeeping) -> None:
    """SQLite's own plans: every statement on what grows for ever goes by an index."""
    grow(store, 12)
    asked: dict[str, Any] = {}
    happenings.listen(store._writer, "before_cursor_execute", lambda _c, _k, text, values, *_: asked.setdefault(text, values))
    grow(store, 1, first=12)
    store.deployments()
    store.deployments("web")
    store.deployment("web-3")
    store.journal("web")
    store.journal(deployment="web-3")
    store.evidence("web-3")
    list(store.chain(20))
    list(store.between("web", 0.0, 5.0))
    house.prune(before=8.0, keep=2)
    house.forget(before=8.0, keep=2)
    house.archive(before=8.0, at=NOW)
    with closing(sqlite3.connect(store._path)) as connection:
        plans = {
            text: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]
            for text, values in asked.items()
            if text.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
        }
    assert len(plans) > 15
    grown = ("journal", "deployments", "evidence", "outbox")
    whole = [
        (text, step)
        for text, plan in plans.items()
        for step in plan
        if step.startswith("SCAN")
        and step.split()[1] in grown
        and "INDEX" not in step
        and not ("ORDER BY journal.number" in text and "LIMIT" in text)  # it stops after a few, by the primary key
    ]
    assert whole == []
