"""The database of every released schema becomes one of today, whole or not at all; one of tomorrow is left alone."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from guardian.app.codec import state_from_record
from guardian.core.ports import StoreError
from guardian.core.words import records as words
from guardian.records import migrations, schema, sqlite
from guardian.records.store import SqlStore

RELEASED = Path(__file__).parent / "released"
SCHEMAS = sorted(int(path.stem.removeprefix("schema-")) for path in RELEASED.glob("*.db"))
"""Made by the guardian that had each schema, with what it answered beside it."""
SERIAL = re.compile(r"[0-9]+")


def known(store: SqlStore) -> dict[str, Any]:
    """What a store answers, as the file beside a released database holds it."""
    deployments = store.deployments()
    return {
        "journal": [asdict(entry) for entry in store.journal()],
        "services": store.services(),
        "deployments": deployments,
        "evidence": {found["id"]: store.evidence(found["id"]) for found in deployments},
    }


def released(number: int, state_dir: Path) -> Path:
    """A copy of a released database in ``state_dir``."""
    state_dir.mkdir(exist_ok=True)
    path = state_dir / "guardian.db"
    shutil.copy(RELEASED / f"schema-{number}.db", path)
    path.chmod(0o600)
    return path


def layout(path: Path) -> list[tuple[str, ...]]:
    """Every table, column, reference and index of the database at ``path``."""
    with closing(sqlite3.connect(path)) as connection:
        names = sorted(name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
        return [
            (name, pragma, *map(str, row[1:]))  # the first is a number that the order of making decides
            for name in names
            for pragma in ("table_xinfo", "foreign_key_list", "index_list")
            for row in sorted(connection.execute(f"SELECT * FROM pragma_{pragma}(?)", (name,)), key=lambda row: str(row[1:]))
        ]


def schema_of(path: Path) -> int:
    """The schema that the database at ``path`` says it has."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT schema FROM meta").fetchone()[0])


@pytest.mark.parametrize("number", SCHEMAS)
def test_a_released_database_keeps_all_that_it_knows(tmp_path: Path, number: int) -> None:
    """Journal, states, deployments and evidence are what they were, the chain is whole, and it goes on."""
    path = released(number, tmp_path)
    with closing(SqlStore(tmp_path)) as store:
        assert known(store) == json.loads((RELEASED / f"schema-{number}.json").read_text())
        assert store.verify() is None
        for record in store.services().values():
            state_from_record(record)
        entry = store.append("web", None, 1.0, {"kind": "noted"}, {"service": "web", "deployment": None})
        assert entry.number == len(store.journal())
        assert store.verify() is None
    assert schema_of(path) == migrations.newest()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("number", SCHEMAS)
def test_a_migrated_database_is_laid_out_like_a_new_one(tmp_path: Path, number: int) -> None:
    """Revisions and tables say the same: no column, index or reference differs."""
    paths = [released(number, tmp_path / "old"), tmp_path / "new" / "guardian.db"]
    for path in paths:
        with closing(SqlStore(path.parent)) as store, store._reader.connect() as connection:
            context = MigrationContext.configure(connection, opts={"target_metadata": schema.metadata})
            assert compare_metadata(context, schema.metadata) == []
    if number < migrations.newest():
        assert layout(paths[0]) == layout(paths[1])


def test_the_revisions_are_one_chain_numbered_without_a_gap() -> None:
    """Each revision follows the one before it, and its file is called after it."""
    numbers = range(1, migrations.newest() + 1)
    with closing(sqlite3.connect(":memory:")):
        script = ScriptDirectory(str(Path(migrations.__file__).parent), version_locations=[str(migrations.VERSIONS)])
    chain = list(script.walk_revisions())[::-1]
    assert [revision.revision for revision in chain] == [migrations.name(number) for number in numbers]
    assert [int(SERIAL.findall(Path(revision.path).name)[0]) for revision in chain] == list(numbers)
    assert set(SCHEMAS) <= set(numbers)


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """The revisions of a guardian of the future, which adds a table, moves a reference, and fails if ``fail`` lies beside."""
    place = tmp_path / "versions"
    shutil.copytree(migrations.VERSIONS, place, ignore=shutil.ignore_patterns("__pycache__"))
    newest = migrations.newest()
    (place / f"schema_{newest + 1:04}_future.py").write_text(f"""
from pathlib import Path
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{newest + 1:04}", "{newest:04}"
def upgrade():
    op.create_table("futures", sa.Column("id", sa.Integer, primary_key=True))
    with op.batch_alter_table("services") as table:
        table.add_column(sa.Column("colour", sa.Text))
    with op.batch_alter_table("journal") as table:
        table.alter_column("at", nullable=True)
    if Path(__file__).with_name("fail").exists():
        op.execute("INSERT INTO nowhere VALUES (1)")
    if Path(__file__).with_name("orphan").exists():
        op.execute("DELETE FROM services")
""")
    return place


def contents(path: Path) -> list[str]:
    """Everything that the database at ``path`` holds, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_a_migration_lays_a_copy_beside(tmp_path: Path, versions: Path) -> None:
    """The copy is what the database was, with what stood only in its write-ahead log, and nobody else's."""
    path = released(1, tmp_path / "state")
    with closing(SqlStore(path.parent)) as store:
        before = known(store)
        sqlite.upgrade(path, migrations.newest(), versions)
        copy = path.with_name(f"guardian.db.schema-{migrations.newest()}")
        assert schema_of(path) == migrations.newest() + 1
        assert known(store) == before
        assert store.verify() is None
    assert schema_of(copy) == migrations.newest()
    assert copy.stat().st_mode & 0o777 == 0o600
    (tmp_path / "restored").mkdir()
    shutil.copy(copy, tmp_path / "restored" / "guardian.db")
    with closing(SqlStore(tmp_path / "restored")) as restored:
        assert known(restored) == before


@pytest.mark.parametrize(("obstacle", "reason"), [("fail", "nowhere"), ("orphan", "refers to rows")])
def test_a_migration_that_fails_changes_nothing(tmp_path: Path, versions: Path, obstacle: str, reason: str) -> None:
    """Tables that were already made or remade are undone, the sentence names the copy, and the next start may succeed."""
    path = released(1, tmp_path / "state")
    SqlStore(path.parent).close()
    before = contents(path)
    (versions / obstacle).touch()
    with pytest.raises(StoreError, match=f"could not be brought up to date .*{reason}.* nothing was changed"):
        sqlite.upgrade(path, migrations.newest(), versions)
    assert contents(path) == before
    (versions / obstacle).unlink()
    sqlite.upgrade(path, migrations.newest(), versions)
    assert schema_of(path) == migrations.newest() + 1


def test_without_room_for_the_copy_nothing_is_touched(tmp_path: Path, versions: Path) -> None:
    """A copy that cannot be written is told, and the database stays as it is."""
    path = released(1, tmp_path / "state")
    SqlStore(path.parent).close()
    before = path.read_bytes()
    path.with_name(f"guardian.db.schema-{migrations.newest()}.new").mkdir()
    with pytest.raises(StoreError, match="could not be written") as caught:
        sqlite.upgrade(path, migrations.newest(), versions)
    assert "nothing was changed" in str(caught.value)
    assert path.read_bytes() == before


@pytest.fixture
def tomorrow(versions: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The number of the next schema, which this guardian is made to read."""
    monkeypatch.setattr(migrations.newest, "__defaults__", (versions,))
    monkeypatch.setattr(sqlite.upgrade, "__defaults__", (versions,))
    return migrations.newest()


def test_who_reads_beside_a_guardian_migrates_nothing(tmp_path: Path, tomorrow: int) -> None:
    """A reader of an older database is told to start the daemon; the daemon brings it up to date as it starts."""
    path = released(1, tmp_path / "state")
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        SqlStore(path.parent, reading=True)
    assert str(caught.value) == words.older_schema(path, 1, tomorrow)
    assert path.read_bytes() == before
    with closing(SqlStore(path.parent)) as store:
        assert store.verify() is None
    assert schema_of(path) == tomorrow
    with closing(SqlStore(path.parent, reading=True)) as reader:
        assert reader.verify() is None
