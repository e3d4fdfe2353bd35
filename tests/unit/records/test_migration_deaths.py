"""Kill -9 before any SQL statement of a start that brings an older database up to date: the next start has all that was known."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from guardian.records import migrations, sqlite
from guardian.records.store import SqlStore
from tests.unit.records.test_migrations import RELEASED, contents, known, released, schema_of

ROOT = Path(__file__).parents[3]
OLDER = range(1, migrations.newest())


@pytest.fixture(scope="module")
def program() -> Iterator["subprocess.Popen[str]"]:
    """The program of ``migrator.py``."""
    command = [sys.executable, "-m", "tests.unit.records.migrator"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.stdin.close()
        process.wait(30)


def start(program: "subprocess.Popen[str]", state_dir: Path, fatal: int) -> tuple[int, int]:
    """Have a child start on ``state_dir`` and die before the statement ``fatal``: its exit code, and how many it came to."""
    program.stdin.write(f"{state_dir} {fatal}\n")
    program.stdin.flush()
    code, statements = program.stdout.readline().split()
    return int(code), int(statements)


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """A database of each schema before this one: the released one, taken so far by the revisions that there were then."""
    made = {}
    for number in OLDER:
        place = tmp_path_factory.mktemp(f"schema-{number}")
        path = released(1, place / "state")
        if number > 1:
            versions = place / "versions"
            shutil.copytree(migrations.VERSIONS, versions, ignore=shutil.ignore_patterns("__pycache__"))
            for file in versions.glob("schema_*.py"):
                if int(file.name.split("_")[1]) > number:
                    file.unlink()
            sqlite.upgrade(path, 1, versions)
        assert schema_of(path) == number
        made[number] = path
    return made


@pytest.mark.parametrize("number", OLDER)
@pytest.mark.parametrize("samples", [3, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_start_killed_before_any_statement_leaves_old_or_new(
    program: "subprocess.Popen[str]", older: dict[int, Path], tmp_path: Path, number: int, samples: int
) -> None:
    """What is there after the death is wholly the old database or wholly the new one, and the next start goes on from it.

    Before some of the statements, the last among them, which remakes the file; in the long run, before each.
    """
    expected, before = json.loads((RELEASED / "schema-1.json").read_text()), contents(older[number])
    whole = tmp_path / "whole" / "state"
    whole.mkdir(parents=True)
    shutil.copy(older[number], whole / "guardian.db")
    code, statements = start(program, whole, 0)
    assert code == 0
    assert statements > 20
    step = max(1, statements // samples)
    outcomes = set()
    for fatal in sorted({*range(1 + 3 * number % step, statements, step), statements}):
        state_dir = tmp_path / str(fatal) / "state"
        state_dir.mkdir(parents=True)
        path = state_dir / "guardian.db"
        shutil.copy(older[number], path)
        assert start(program, state_dir, fatal)[0] == -signal.SIGKILL
        found = schema_of(path)
        outcomes.add(found)
        assert found in (number, migrations.newest())
        if found == number:
            assert contents(path) == before
        with closing(SqlStore(state_dir)) as store:
            assert known(store) == expected
            assert store.verify() is None
        assert schema_of(path) == migrations.newest()
    assert outcomes == {number, migrations.newest()}
