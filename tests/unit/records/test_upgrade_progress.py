"""An upgrade that takes long says that it goes on, so that the service manager waits for it and people see how far it is."""

import asyncio
import re
import shutil
import signal
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from guardian.core.ports import StoreDamaged
from guardian.records import migrations, progress, sqlite
from guardian.records.opening import opened
from guardian.records.store import SqlStore
from tests.doubles.settings import settled
from tests.waiting import eventually

RELEASED = Path(__file__).parent / "released" / "schema-1.db"
ROWS = 3000
PATIENCE = 60.0


class Manager:
    """What a service manager is told."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []

    def tell(self, seconds: float, sentence: str) -> None:
        """As :class:`guardian.app.systemd.Notifier` has it."""
        self.told.append((seconds, sentence))


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The state directory of an older guardian, with many deployments."""
    (tmp_path / "state").mkdir()
    path = tmp_path / "state" / "guardian.db"
    shutil.copy(RELEASED, path)
    with closing(sqlite3.connect(path)) as connection:
        names = [name for _, name, *_ in connection.execute("PRAGMA table_info(deployments)")]
        first = dict(zip(names, connection.execute("SELECT * FROM deployments").fetchone(), strict=True))
        rows = [{**first, "id": f"copy-{number}", "state": "x" * 500} for number in range(ROWS)]
        connection.executemany(f"INSERT INTO deployments VALUES ({', '.join(f':{name}' for name in names)})", rows)
        connection.commit()
    return path.parent


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sign is passed on, and there are many."""
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(sqlite, "COPIED", 20)
    monkeypatch.setattr(sqlite, "STEPS", 1000)


@pytest.mark.usefixtures("talkative")
def test_it_says_how_far_it_is(older: Path) -> None:
    """How much is copied, and since when it is brought up to date; each word gives the next one time enough."""
    manager = Manager()
    store, lost = opened(older, manager.tell)
    store.close()
    assert lost == ""
    copied = [int(found[1]) for _, said in manager.told if (found := re.search(r"copied .* ([0-9]+)%", said))]
    assert copied == sorted(copied)
    assert (copied[0], copied[-1], len(copied) > 5) == (0, 100, True)
    moved = [said for _, said in manager.told if f"brought from schema 1 to {migrations.newest()}" in said]
    assert len(moved) > 5
    assert {seconds for seconds, _ in manager.told} == {progress.PATIENCE_SECONDS}


def test_it_does_not_chatter(older: Path) -> None:
    """Each part is announced, and then a second goes by before the next word."""
    manager = Manager()
    opened(older, manager.tell)[0].close()
    assert [re.sub(r"[0-9]+%", "", said).split(" is ")[1].split()[0] for _, said in manager.told][:2] == ["copied", "brought"]
    assert len(manager.told) < 20


@pytest.mark.usefixtures("talkative")
def test_a_database_of_today_says_nothing(tmp_path: Path) -> None:
    """There is nothing to wait for."""
    manager = Manager()
    for _ in range(2):
        opened(tmp_path, manager.tell)[0].close()
    assert manager.told == []


def test_a_large_one_is_checked_whole_before_it_is_touched(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which may take long, and is told; a damaged one is not brought up to date."""
    monkeypatch.setattr(sqlite, "CHECKED_BYTES", 0)
    manager, whole = Manager(), (older / "guardian.db").read_bytes()
    with closing(SqlStore(older, tell=manager.tell)) as store:
        assert store.checked
    assert "guardian.db is checked" in manager.told[0][1]
    assert manager.told[0][0] > progress.PATIENCE_SECONDS
    (older / "guardian.db").write_bytes(spoilt(whole))
    with pytest.raises(StoreDamaged):
        SqlStore(older)
    assert (older / "guardian.db").read_bytes() == spoilt(whole)


def spoilt(content: bytes) -> bytes:
    """``content`` with an entry in an index whose row is not there."""
    places = [found.start() for found in re.finditer(b"copy-7", content) if content[found.start() // 4096 * 4096] == 10]
    return content[: places[0]] + b"copy-x" + content[places[0] + 6 :]


async def test_the_daemon_tells_the_service_manager(older: Path) -> None:
    """It is given more time before it says that it is ready."""
    place = older.parent
    config = settled(place)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(str(place / "notify"))
        manager.setblocking(False)  # noqa: FBT003  its own name
        daemon = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "guardian.cli", "run", "--config", str(config)),
            env={"NOTIFY_SOCKET": str(place / "notify"), "PATH": "/usr/bin:/bin"},
            stderr=asyncio.subprocess.DEVNULL,
        )
        heard: list[str] = []

        async def guards() -> bool:
            while True:
                try:
                    heard.append(manager.recv(1 << 16).decode())
                except BlockingIOError:
                    return (place / "api.sock").exists()

        try:
            await eventually(guards, PATIENCE)
        finally:
            daemon.send_signal(signal.SIGTERM)
            await daemon.wait()
    assert heard[0].startswith("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=starting: guardian.db is copied")
    assert any("is brought from schema 1" in each for each in heard)
