"""The socket, and the server on it."""
# ruff: noqa: ASYNC240  a test may wait for its own disk

import asyncio
import grp
import logging
import os
import signal
import socket as sockets
import stat
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from guardian.api import serve as serving
from guardian.api.door import DoorUnusable
from guardian.api.serve import serve
from guardian.api.server import application
from guardian.core.rules import Severity
from guardian.core.words.story import Announcement
from tests.doubles.house import DEADLINE, House, client_of


async def refused(path: Path, group: str | None = None) -> str:
    """Why the API cannot be served at ``path``."""
    house = House()
    with pytest.raises(DoorUnusable) as refusal:
        await serve(application(house.orders, house.gauges), path, 0o660, group)
    return str(refusal.value)


@pytest.mark.parametrize("mode", [0o600, 0o660])
async def test_the_socket_has_the_mode_that_was_asked_for(socket: Path, mode: int) -> None:
    """Whatever the process's umask says."""
    async with House().open(socket, mode):
        assert stat.S_IMODE(socket.stat().st_mode) == mode


async def test_the_socket_is_born_closed(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before group and mode are right only guardian itself may connect, also with an open umask."""
    born: list[int] = []
    monkeypatch.setattr(serving, "_open", lambda path, _mode, _group: born.append(stat.S_IMODE(path.stat().st_mode)))
    umask = os.umask(0)
    try:
        with serving._listener(tmp_path / "born.sock", 0o666, None):
            pass
    finally:
        os.umask(umask)
    assert born == [0o600]


async def test_the_socket_belongs_to_the_group(tmp_path: Path) -> None:
    """A group of the process, by its name."""
    group = os.getgroups()[-1] if os.getgroups() else os.getgid()
    path = tmp_path / "grouped.sock"
    with serving._listener(path, 0o660, grp.getgrgid(group).gr_name):
        assert path.stat().st_gid == group


async def test_a_socket_that_was_left_behind_is_replaced(socket: Path) -> None:
    """After a kill the file is still there, and nobody listens on it."""
    with sockets.socket(sockets.AF_UNIX) as dead:
        dead.bind(str(socket))
        dead.listen()
    async with House().open(socket), client_of(socket) as client:
        assert (await client.get("/healthz")).status_code == 200


async def test_a_socket_that_somebody_listens_on_is_left_alone(house: House, socket: Path, client: httpx.AsyncClient) -> None:
    """A second guardian does not take the first one's callers."""
    assert f"{socket} is in use" in await refused(socket)
    assert (await client.get("/healthz")).status_code == 200


async def test_a_file_in_the_way_is_left_alone(socket: Path) -> None:
    """What is no socket may be somebody's only copy."""
    socket.write_text("precious")
    assert "is no socket" in await refused(socket)
    assert socket.read_text() == "precious"


async def test_trouble_with_the_socket_is_told_in_a_sentence(tmp_path: Path) -> None:
    """A missing directory, a path that is too long, a group that nobody knows."""
    assert "No such file or directory" in await refused(tmp_path / "missing" / "api.sock")
    assert "too long" in await refused(tmp_path / ("x" * 108))
    assert "no such group" in await refused(tmp_path / "api.sock", "no-such-group")
    assert list(tmp_path.iterdir()) == []


async def test_the_socket_is_gone_afterwards(socket: Path) -> None:
    """A stop leaves nothing behind."""
    async with House().open(socket):
        pass
    assert not socket.exists()


async def test_somebody_elses_socket_is_not_removed(socket: Path) -> None:
    """Who replaced the file meanwhile keeps it."""
    async with House().open(socket):
        socket.unlink()
        with sockets.socket(sockets.AF_UNIX) as other:
            other.bind(str(socket))
    assert socket.exists()


async def test_signals_and_logging_stay_the_daemons(socket: Path) -> None:
    """Serving touches neither the handlers of signals nor those of the log."""

    def now() -> object:
        loggers = [logging.getLogger(name) for name in ("", "uvicorn", "uvicorn.error", "guardian")]
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        return handlers, [(logger.level, list(logger.handlers), logger.propagate) for logger in loggers]

    before = now()
    async with House().open(socket):
        assert now() == before
    assert now() == before


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the server hangs up."""
    async with asyncio.timeout(DEADLINE):
        with suppress(ConnectionResetError):
            await reader.read()
    return True


async def test_a_stop_does_not_wait_for_callers(socket: Path) -> None:
    """Somebody who sent half an order, somebody who has stopped reading, and somebody who asks nothing are hung up on."""
    half = b"POST /v1/services/web/switch HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
    async with House().open(socket) as house:
        for _ in range(500):  # more than the buffers between them hold
            house.feed.tell(house.clock.now(), house.state, Announcement(Severity.INFO, "x" * 4000))
        callers = [await asyncio.open_unix_connection(socket, limit=1) for _ in range(3)]
        callers[0][1].write(half)
        callers[1][1].write(b"GET /v1/events HTTP/1.1\r\nhost: g\r\n\r\n")
        await callers[1][0].readexactly(1)
    for reader, writer in callers:
        assert await ended(reader)
        writer.close()
    assert house.state.deployment is None
