"""A daemon that does not answer: exit code 3, and a sentence that says what to do."""

import asyncio
import os
import socket as sockets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from guardian.cli import client as clients
from guardian.cli.client import Client, Unreachable
from guardian.cli.target import Target
from tests.doubles.house import DEADLINE, House
from tests.unit.cli.conftest import Shell

AS_NOBODY = """
import os, sys
from contextlib import suppress
from pathlib import Path
from guardian.cli.client import Client, Unreachable
from guardian.cli.main import main
from guardian.cli.target import Target
with suppress(Unreachable):  # imports all that this user may not be able to read
    Client(Target(Path("nowhere"))).services()
if os.getuid() == 0:
    os.chdir(sys.argv.pop(1)), os.setgid(54321), os.setuid(54321)
main()
"""


async def test_no_socket(shell: Shell) -> None:
    """Nothing is there: start it, or name another socket."""
    said = await shell.run("status")
    assert (said.code, said.out) == (3, "")
    assert f"there is no {shell.socket}; `systemctl start guardian` starts it" in said.err


async def test_nobody_listens(shell: Shell) -> None:
    """The file was left behind."""
    with sockets.socket(sockets.AF_UNIX) as dead:
        dead.bind(str(shell.socket))
    said = await shell.run("rollback", "web")
    assert said.code == 3
    assert f"nobody listens on {shell.socket}; `systemctl status guardian` says why" in said.err


async def test_no_permission(socket: Path) -> None:
    """The socket is there and its mode says no: how to be let in."""
    socket.parent.chmod(0o711)
    async with House().open(socket, mode=0o000):
        call = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", AS_NOBODY),
            *((str(socket.parent),) if os.getuid() == 0 else ()),
            *("--socket", "api.sock" if os.getuid() == 0 else str(socket), "status"),
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DEADLINE):
            _, said = await call.communicate()
    assert call.returncode == 3, said
    assert b"you may not use " in said
    assert b"usermod -aG" in said


async def test_somebody_elses_socket(shell: Shell) -> None:
    """What answers is not guardian."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
        writer.close()

    async with await asyncio.start_unix_server(babble, shell.socket):
        said = await shell.run("status")
    assert said.code == 3
    assert "does not answer as guardian does" in said.err


async def test_an_answer_that_breaks_off(shell: Shell) -> None:
    """The connection ends in the middle."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_unix_server(hang_up, shell.socket):
        said = await shell.run("status")
    assert said.code == 3
    assert "guardian broke off its answer" in said.err


@contextmanager
def silence(path: Path) -> Iterator[None]:
    """Somebody who takes connections and never answers."""
    with sockets.socket(sockets.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield


def test_every_call_has_a_deadline(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that hangs is given up; after an order, that its fate is not known."""
    threads = threading.active_count()
    monkeypatch.setattr(clients, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(clients, "SILENCE_SECONDS", 0.05)
    with silence(socket), Client(Target(socket)) as client:
        with pytest.raises(Unreachable, match="did not answer"):
            client.services()
        with pytest.raises(Unreachable, match="Whether the order was taken is not known"):
            client.order("web", "switch", {})
        with pytest.raises(Unreachable, match="did not answer"), client.news():
            pass
    assert threading.active_count() <= threads


@contextmanager
def drops(path: Path, beginning: bytes) -> Iterator[None]:
    """Somebody who begins each answer with ``beginning``, and goes on in drops for as long as anybody listens."""

    def answer(connection: sockets.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(beginning)
            while not left.wait(0.01):
                connection.sendall(b"x")

    def take() -> None:
        with suppress(OSError):
            while True:
                answer(listener.accept()[0])

    left = threading.Event()
    with sockets.socket(sockets.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield
        finally:
            left.set()
            listener.shutdown(sockets.SHUT_RDWR)
            thread.join(DEADLINE)


@pytest.mark.parametrize("beginning", [b"HTTP/1.1 200 OK\r\nx-a: ", b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n"])
def test_an_answer_in_drops_has_the_same_deadline(socket: Path, monkeypatch: pytest.MonkeyPatch, beginning: bytes) -> None:
    """In its headers or in its body: the deadline is that of the whole answer, not of each of its pieces."""
    monkeypatch.setattr(clients, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(clients, "COMPARING_SECONDS", 0.6)
    monkeypatch.setattr(clients, "RENDERING_SECONDS", 0.7)
    with drops(socket, beginning), Client(Target(socket)) as client:
        with pytest.raises(Unreachable, match=r"did not answer .* within 0.50 s"):
            client.services()
        with pytest.raises(Unreachable, match=r"within 0.50 s.*Whether the order was taken is not known"):
            client.order("web", "rollback", {})
        with pytest.raises(Unreachable, match=r"within 0.60 s"):
            client.parity("web")
        with pytest.raises(Unreachable, match=r"within 0.70 s"):
            client.render_note("web-1")
