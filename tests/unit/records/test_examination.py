"""Large records: a start goes by what it has checked, and the whole is looked through afterwards."""

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from guardian.core.ports import StoreDamaged, StoreError
from guardian.core.words import records as words
from guardian.records import examination, retention, sqlite
from guardian.records.examination import Examination
from guardian.records.housekeeping import Housekeeping
from guardian.records.opening import NEWEST, opened
from guardian.records.store import SqlStore

DEPLOYMENT = {"id": "web-1", "phase": "watching", "requested_at": 1.0, "ended_at": None}
ENTRIES = NEWEST + 20


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every database is a large one."""
    monkeypatch.setattr(sqlite, "CHECKED_BYTES", 0)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Records of one service."""
    place = tmp_path_factory.mktemp("good")
    with closing(SqlStore(place)) as store:
        for number in range(ENTRIES):
            state = {"service": "web", "deployment": DEPLOYMENT}
            store.append("web", "web-1", float(number), {"kind": "noted", "reason": str(number)}, state)
    return (place / "guardian.db").read_bytes()


@pytest.fixture
def state_dir(tmp_path: Path, good: bytes) -> Path:
    """Where they lie, closed."""
    (tmp_path / "guardian.db").write_bytes(good)
    return tmp_path


@contextmanager
def started(state_dir: Path) -> Iterator[tuple[SqlStore, str]]:
    """A start: the store that it goes on with, closed in the end, and what it says of records that were lost."""
    store, lost = opened(state_dir)
    with closing(store):
        yield store, lost


def archived(store: SqlStore, tmp_path: Path) -> int:
    """How many entries went into the archive: all that may."""
    return Housekeeping(store, tmp_path / "archive").archive(1e9, 1e9)


def spoil_an_index(state_dir: Path) -> None:
    """Let an index of the journal or the deployments have an entry whose row is not there."""
    path = state_dir / "guardian.db"
    content = path.read_bytes()
    places = [found.start() for found in re.finditer(b"web-1", content) if content[found.start() // 4096 * 4096] == 10]
    path.write_bytes(content[: places[0]] + b"wxb-1" + content[places[0] + 5 :])


def change(state_dir: Path, statement: str) -> None:
    """What somebody who can write the file did."""
    with closing(sqlite3.connect(state_dir / "guardian.db")) as connection:
        connection.execute(statement)
        connection.commit()


def test_whole_records_are_found_whole(state_dir: Path) -> None:
    """The start has not checked the file; the look afterwards has, and the chain."""
    with started(state_dir) as (store, lost):
        assert (lost, store.checked) == ("", False)
        assert Examination(store, state_dir).look() == ""
        assert store.checked


def test_a_spoilt_index_is_found_by_the_look(state_dir: Path) -> None:
    """A start goes by none of the tables that grow; the next start with a database of usual size refuses the same file."""
    spoil_an_index(state_dir)
    with started(state_dir) as (store, lost):
        assert lost == ""
        assert "index" in Examination(store, state_dir).look()


def test_a_small_database_is_checked_whole_at_the_start(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ever: it takes no time there."""
    spoil_an_index(state_dir)
    monkeypatch.setattr(sqlite, "CHECKED_BYTES", 1 << 20)
    with pytest.raises(StoreDamaged, match="index"):
        SqlStore(state_dir)


@pytest.mark.parametrize(
    "statement",
    [
        "update journal set event = replace(event, 'noted', 'muted') where number = 5",
        "delete from journal where number = 5",
        "update journal set previous_hash = hash where number = 5",
    ],
)
def test_a_changed_journal_is_found_by_the_look(state_dir: Path, statement: str) -> None:
    """SQLite finds nothing wrong with it; the chain does."""
    change(state_dir, statement)
    with started(state_dir) as (store, lost):
        assert lost == ""
        assert Examination(store, state_dir).look() == "entry 5 of its journal is missing or not as it was written"


@pytest.mark.parametrize(
    "statement",
    [
        f"delete from journal where number = {ENTRIES}",
        f"update journal set at = 7 where number = {ENTRIES - 1}",
        "delete from journal",
        "update services set state = replace(state, 'watching', 'verified')",
    ],
)
def test_what_the_start_goes_by_is_looked_at_by_the_start(state_dir: Path, statement: str) -> None:
    """States, and the newest entries of the journal, which the next one is chained to."""
    change(state_dir, statement)
    with started(state_dir) as (store, lost):
        assert "were damaged and set aside as guardian.db.corrupt-" in lost
        assert store.services() == {}


def test_records_that_were_found_damaged_are_set_aside_by_the_next_start(state_dir: Path) -> None:
    """Once: the new ones in their place are not."""
    with started(state_dir) as (store, _):
        Examination(store, state_dir).condemn("entry 5 is gone")
    with started(state_dir) as (store, lost):
        assert "were damaged and set aside" in lost
        assert store.services() == {}
    with started(state_dir) as (store, lost):
        assert lost == ""
    assert not list(state_dir.glob("guardian.db.damaged*"))


def test_a_backup_in_the_place_of_damaged_records_is_not_set_aside(state_dir: Path) -> None:
    """The verdict names the file that it is about."""
    path = state_dir / "guardian.db"
    with started(state_dir) as (store, _):
        Examination(store, state_dir).condemn("entry 5 is gone")
    backup = state_dir / "backup"
    backup.write_bytes(path.read_bytes())
    backup.rename(path)
    with started(state_dir) as (store, lost):
        assert (lost, store.services() != {}) == ("", True)


def test_a_verdict_that_cannot_be_written_is_a_sentence(state_dir: Path) -> None:
    """It would be found again."""
    with started(state_dir) as (store, _), pytest.raises(StoreError, match="guardian needs a directory"):
        Examination(store, state_dir / "nowhere").condemn("entry 5 is gone")


def test_a_look_ends_when_it_is_told_to(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a pause, be it ever so long."""
    monkeypatch.setattr(examination, "PAUSE_SECONDS", 3600.0)
    with started(state_dir) as (store, _):
        looked, said = Examination(store, state_dir), []

        def look() -> None:
            try:
                looked.look()
            except StoreError as error:
                said.append(str(error))

        thread = threading.Thread(target=look)
        thread.start()
        looked.end()
        thread.join(30)
        assert said == [words.not_examined()]


def test_entries_that_went_into_the_archive_meanwhile_are_not_damage(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look is begun again later."""
    monkeypatch.setattr(retention, "FILE", 20)
    monkeypatch.setattr("guardian.records.store.CHAIN_PAGE", 5)
    with started(state_dir) as (store, _):
        moved = []

        def tidy(_row: object) -> None:
            if not moved:
                moved.append(archived(store, tmp_path))

        with pytest.raises(StoreError, match="went into the archive while the journal was read"):
            store.verify(tidy)
        assert moved == [20]
        assert store.verify() is None


@pytest.mark.parametrize("missed", [1, 2, 3])
def test_a_cut_between_any_two_questions_is_not_damage(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missed: int
) -> None:
    """Whenever the oldest entries leave: where the look begins, and before its first page."""
    monkeypatch.setattr(retention, "FILE", 20)
    with started(state_dir) as (store, _):
        asked, cut = [], store.cut

        def cut_late() -> retention.Cut:
            found = cut()
            asked.append(found)
            if len(asked) == missed:
                monkeypatch.setattr(store, "cut", cut)
                archived(store, tmp_path)
            return found

        monkeypatch.setattr(store, "cut", cut_late)
        try:
            assert store.verify() is None
        except StoreError as error:
            assert "went into the archive" in str(error)  # noqa: PT017  either is right, and damage is not
        assert store.verify() is None
