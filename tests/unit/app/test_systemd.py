"""What the service manager hears: sd_notify, the watchdog's food, and the journal's fields."""

import asyncio
import logging
import os
import socket as sockets
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from guardian.app import journald
from guardian.app.clock import SteadyClock
from guardian.app.journald import JournalHandler, connected
from guardian.app.logs import KEYS
from guardian.app.schedule import Schedule
from guardian.app.systemd import Heart, Notifier


class Manager:
    """The end of a datagram socket that the service manager holds."""

    def __init__(self, address: str) -> None:
        self.socket = sockets.socket(sockets.AF_UNIX, sockets.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)  # noqa: FBT003  its own name

    def heard(self) -> list[bytes]:
        """What came since the last time."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(1 << 20))
            except BlockingIOError:
                return messages


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Where the manager listens."""
    return str(tmp_path / "notify")


@pytest.fixture
def manager(place: str) -> Iterator[Manager]:
    """The manager."""
    made = Manager(place)
    yield made
    made.socket.close()


def test_the_manager_is_told_in_its_own_form(manager: Manager, place: str) -> None:
    """One datagram of lines; a value stays on one."""
    Notifier({"NOTIFY_SOCKET": place}).tell(READY=1, STATUS="one\ntwo")
    assert manager.heard() == [b"READY=1\nSTATUS=one two"]


def test_an_abstract_address_is_understood() -> None:
    """``@`` stands for a NUL."""
    made = Manager(f"\0guardian-test-{os.getpid()}")
    Notifier({"NOTIFY_SOCKET": f"@guardian-test-{os.getpid()}"}).tell(WATCHDOG=1)
    assert made.heard() == [b"WATCHDOG=1"]
    made.socket.close()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_without_a_manager_nothing_happens(environment: dict[str, str]) -> None:
    """Nobody there is no trouble."""
    Notifier(environment).tell(READY=1)


def test_a_reload_and_a_stop_say_what_systemd_asks_for(manager: Manager, place: str) -> None:
    """A time stamp on the monotonic clock, and how long the stop may take."""
    notifier = Notifier({"NOTIFY_SOCKET": place})
    notifier.reloading()
    notifier.stopping(24.0, "stopping")
    reload, stop = manager.heard()
    assert reload.startswith(b"RELOADING=1\nMONOTONIC_USEC=")
    assert int(reload.partition(b"USEC=")[2]) > 0
    assert stop == b"STOPPING=1\nEXTEND_TIMEOUT_USEC=24000000\nSTATUS=stopping"


def test_the_heart_beats_only_when_every_part_has_turned(manager: Manager, place: str) -> None:
    """One part that hangs is enough for the watchdog to go hungry; the first beat says ready."""
    status = ["starting"]
    heart = Heart(frozenset({"watch", "api"}), Notifier({"NOTIFY_SOCKET": place}), lambda: status[0])
    heart.turned("watch")
    heart.turned("something else")
    heart.check()
    assert manager.heard() == [b"STATUS=starting"]
    assert heart.missing == ("api",)
    assert not heart.ready
    heart.turned("api")
    heart.check()
    assert manager.heard() == [b"READY=1", b"WATCHDOG=1"]
    heart.check()
    assert manager.heard() == []
    heart.turned("api")
    status[0] = "watching web-7"
    heart.check()
    assert manager.heard() == [b"STATUS=watching web-7"]
    heart.turned("watch")
    heart.check()
    assert manager.heard() == [b"WATCHDOG=1"]


async def test_a_job_has_turned_when_it_ended_well_or_not() -> None:
    """A job that fails has turned, one that hangs has not; the guard turns by itself."""
    turned: set[str] = set()
    schedule, hanging = Schedule(SteadyClock(), turned.add), asyncio.Event()

    async def fail() -> None:
        raise ValueError

    async def work() -> None:
        pass

    schedule.every(0.05, "fails", fail, deadline=5)
    schedule.every(0.05, "works", work, deadline=5)
    schedule.every(0.05, "hangs", hanging.wait, deadline=60)
    running = asyncio.create_task(schedule.run())
    async with asyncio.timeout(20):
        while turned < {"fails", "works", "schedule"}:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
    assert "hangs" not in turned
    running.cancel()
    await asyncio.wait({running})


def fields_of(datagram: bytes) -> dict[str, str]:
    """The fields in a datagram of journald's own form."""
    found = {}
    while datagram:
        name, _, rest = datagram.partition(b"\n")
        (size,) = struct.unpack_from("<Q", rest)
        found[name.decode()] = rest[8 : 8 + size].decode()
        datagram = rest[8 + size + 1 :]
    return found


def record(text: str, level: int = logging.WARNING, **extra: str | None) -> logging.LogRecord:
    """A log record with ``extra`` keys."""
    made = logging.LogRecord("guardian.app.tell", level, __file__, 1, "%s", (text,), None)
    made.__dict__.update(extra)
    return made


def test_the_journal_gets_fields_to_search_by(manager: Manager, place: str) -> None:
    """Deployment, service and verdict each in a field of its own; lines and marks of all kinds stay in theirs."""
    handler = JournalHandler(KEYS, place)
    handler.emit(record("rolled back:\nPRIORITY=0", deployment="web-7", service="web", verdict="breached", phase=None))
    handler.emit(record("x", logging.DEBUG))
    handler.emit(record("lone \ud800", logging.ERROR))
    handler.close()
    first, second, third = map(fields_of, manager.heard())
    assert first == {
        "MESSAGE": "rolled back:\nPRIORITY=0",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "guardian",
        "LOGGER": "guardian.app.tell",
        "GUARDIAN_DEPLOYMENT": "web-7",
        "GUARDIAN_SERVICE": "web",
        "GUARDIAN_VERDICT": "breached",
    }
    assert (second["PRIORITY"], third["PRIORITY"], third["MESSAGE"]) == ("7", "3", "lone \\ud800")


def test_a_journal_that_is_gone_costs_the_fields_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence goes to standard error."""
    handler = JournalHandler(KEYS, str(tmp_path / "nowhere"))
    handler.emit(record("still said"))
    handler.close()
    assert capsys.readouterr().err == "still said\n"


@pytest.mark.parametrize(
    ("stream", "is_it"), [(lambda file: f"{os.fstat(file).st_dev}:{os.fstat(file).st_ino}", True), (lambda _: "1:2", False)]
)
def test_the_journal_is_used_only_where_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: Callable[[int], str], *, is_it: bool
) -> None:
    """``JOURNAL_STREAM`` must name what standard error is; in a shell below the unit it does not."""
    file: IO[str]
    with (tmp_path / "stream").open("w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        assert connected({"JOURNAL_STREAM": stream(file.fileno())}) is is_it
    assert journald.SOCKET.startswith("/run/systemd")
