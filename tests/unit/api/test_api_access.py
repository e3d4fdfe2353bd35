"""Who is calling."""

import asyncio
import os
import pwd
import select
import socket as sockets
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from guardian.api import access, connections, news
from guardian.api.server import application
from tests.doubles.house import DEADLINE, House, client_of
from tests.waiting import until

SWITCH = "/v1/services/web/switch"
CALL = """
import http.client, os, socket, sys
os.chdir(sys.argv[1])
os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
connection = http.client.HTTPConnection("guardian")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect("api.sock")
claims = ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-user", "from")
connection.request("POST", "/v1/services/web/switch", headers=dict.fromkeys(claims, "alice"))
print(connection.getresponse().status)
connection.close()
"""


def name_of(uid: int) -> str:
    """What guardian calls a user."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


@pytest.mark.parametrize("uid", [0, 1, 54_321] if os.getuid() == 0 else [os.getuid()])
async def test_orders_carry_the_name_of_the_user_who_connected(socket: Path, monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    """The kernel says who called; headers are not asked, whatever the environment says of proxies. No name: the number."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    socket.parent.chmod(0o711)
    async with House().open(socket, mode=0o666) as house:
        call = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CALL, str(socket.parent), str(uid)), stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(DEADLINE):
            status, _ = await call.communicate()
        assert status == b"200\n"
        assert house.state.deployment is not None
        assert house.state.deployment.requested_by == name_of(uid)


async def test_a_user_database_that_hangs_does_not_hold_up_an_order(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory server that is down costs the name, not the order."""
    answered = threading.Event()

    def hang(_uid: int) -> Any:
        answered.wait(DEADLINE)
        raise KeyError

    monkeypatch.setattr(access.pwd, "getpwuid", hang)
    monkeypatch.setattr(access, "NAME_SECONDS", 0.01)
    try:
        assert (await client.post(SWITCH)).status_code == 200
    finally:
        answered.set()
    assert house.state.deployment is not None
    assert house.state.deployment.requested_by == f"uid {os.getuid()}"


async def test_connections_are_bounded(house: House, socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers that never hang up leave descriptors for the rest of guardian; a place that is left is free again."""
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 3)
    idle = [await asyncio.open_unix_connection(socket) for _ in range(3)]
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_unix_connection(socket)
        assert await reader.read() == b""
        writer.close()
        for _, each in idle:
            each.close()
            await each.wait_closed()
        async with client_of(socket) as client:
            while True:
                try:
                    assert (await client.get("/healthz")).status_code == 200
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.01)


async def test_a_connection_that_asks_nothing_is_closed(house: House, socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a request counts as none."""
    monkeypatch.setattr(connections, "FIRST_REQUEST_SECONDS", 0.01)
    for beginning in (b"", b"GET /healthz HTTP/1.1\r\nhost:"):
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(beginning)
        async with asyncio.timeout(DEADLINE):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("begun", [b"", b"G", b"x", b"GET /healthz HTTP/1.1\r\nhost:"])
async def test_a_connection_that_asks_once_and_then_dawdles_is_closed(
    house: House, socket: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    """Neither half a next request nor the body of an answered one keeps it open: that would use up all connections for ever."""
    monkeypatch.setattr(connections, "NEXT_REQUEST_SECONDS", 0.01)
    reader, writer = await asyncio.open_unix_connection(socket)
    body = b"content-length: 5\r\n" if begun == b"x" else b""
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: guardian\r\n" + body + b"\r\n")
    async with asyncio.timeout(DEADLINE):
        await reader.readuntil(b"}")
        writer.write(begun)
        with suppress(ConnectionResetError):  # where it was closed before this arrived
            assert await reader.read() == b""
    writer.close()


async def test_an_answer_may_take_as_long_as_it_takes(house: House, socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked in time is answered, however long that goes on after the next request should have come."""
    monkeypatch.setattr(connections, "NEXT_REQUEST_SECONDS", 0.01)
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.01)
    monkeypatch.setattr(news, "HEARTBEAT_SECONDS", 0.02)
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(b"".join(b"GET %s HTTP/1.1\r\nhost: guardian\r\n\r\n" % each for each in (b"/healthz", b"/v1/events")))
    async with asyncio.timeout(DEADLINE):
        for _ in range(10):
            await reader.readuntil(b"\r\n1\r\n\n")
    writer.close()


async def test_an_answer_that_nobody_reads_is_thrown_away(house: House, socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that asks and asks, and takes nothing, is hung up on."""
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.01)
    with sockets.socket(sockets.AF_UNIX) as client:
        client.connect(str(socket))
        client.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: guardian\r\n\r\n" * 20)
        hung_up = select.poll()
        hung_up.register(client, select.POLLRDHUP)
        assert await asyncio.to_thread(hung_up.poll, DEADLINE * 1000)


class Pipe(asyncio.Transport):
    """A connection whose client takes some of what waits for it at each look, for a while."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self.takes, self.waiting, self.aborted = takes, 100, False

    def get_write_buffer_size(self) -> int:
        """What waits."""
        self.waiting -= self.takes > 0
        self.takes -= 1
        return self.waiting

    def is_closing(self) -> bool:
        """Not before it is aborted."""
        return self.aborted

    def abort(self) -> None:
        """Throw away what waits."""
        self.aborted = True

    def close(self) -> None:
        """It is over already."""


async def test_a_client_that_reads_slowly_has_all_of_its_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it takes anything: a large answer over a slow line takes longer than the patience with who takes nothing."""
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.001)
    config = uvicorn.Config(application(house.orders, house.gauges), lifespan="off", log_config=None)
    config.load()
    pipe, protocol = Pipe(takes=20), connections.BoundedProtocol(config, ServerState(), {})
    protocol.connection_made(pipe)
    protocol.pause_writing()
    await until(lambda: pipe.takes < 0 or pipe.aborted)
    assert pipe.waiting == 80
    await until(lambda: pipe.aborted)
    protocol.connection_lost(None)
