"""Serving the API on a unix socket, inside the program's own event loop."""

import asyncio
import errno
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from guardian.api.connections import BoundedProtocol, Doorman, PeerProtocol
from guardian.api.door import DoorUnusable, Tcp
from guardian.core.words import access, shell

PROBE_SECONDS = 1.0
"""How long whoever already listens on the socket has to take a connection."""
GRACE_SECONDS = 1
"""How long a stop waits for answers that are under way."""


async def serve(
    app: FastAPI, path: Path, mode: int, group: str | None, tcp: Tcp | None = None, tick: Callable[[], None] = lambda: None
) -> None:
    """Serve ``app``, made by :func:`guardian.api.server.application`, at ``path`` until cancelled, and where ``tcp`` says.

    The socket belongs to ``group`` (``None``: the process's own) and has ``mode`` from the first moment at which anybody can use
    it; ``tick`` is called ten times a second while it is served. On cancellation event streams end, answers under way have a second
    to, and the socket is removed: all within 2 s.
    """
    with _listener(path, mode, group) as listener:
        server = _Server(_config(app), tick)
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="uvicorn")
        door = None
        try:
            door = await _door(server, tcp) if tcp else None
            await asyncio.shield(serving)
        finally:
            app.state.audience.close()
            if door:
                door.close()
            server.should_exit = True
            await serving
            for connection in tuple(server.server_state.connections):  # whose answer was cut off
                connection.transport.abort()


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=PeerProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # else a header could replace the caller's uid
        server_header=False,
        workers=1,  # else an environment variable decides
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


async def _door(server: uvicorn.Server, tcp: Tcp) -> asyncio.Server:
    """Listen on TCP as well. Connections count and end with those of ``server``."""
    loop, waiting = asyncio.get_running_loop(), set[asyncio.Task[None]]()
    config = server.config
    if not config.loaded:
        config.load()

    def inside() -> BoundedProtocol:
        return BoundedProtocol(config, server.server_state, {}, loop)

    try:
        return await loop.create_server(lambda: Doorman(inside, tcp.context, waiting), tcp.host, tcp.port, reuse_address=True)
    except OSError as error:
        raise DoorUnusable(access.cannot_listen(tcp.address, str(error))) from error


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: signals are the daemon's."""

    def __init__(self, config: uvicorn.Config, tick: Callable[[], None]) -> None:
        super().__init__(config)
        self._tick = tick

    async def on_tick(self, counter: int) -> bool:
        """Show that it lives."""
        self._tick()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextmanager
def _listener(path: Path, mode: int, group: str | None) -> Iterator[socket.socket]:
    """A bound socket, whose file is removed afterwards unless it has become somebody else's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        # On Linux bind() takes the file's mode from the socket: nobody else can connect before group and mode are right,
        # and no thread of the program suffers from a changed umask.
        os.fchmod(listener.fileno(), 0o600)
        try:
            _clear(path)
            listener.bind(str(path))
            ours = path.stat()
        except OSError as error:
            raise DoorUnusable(shell.socket_unusable(path, str(error))) from error
        try:
            _open(path, mode, group)
            yield listener
        finally:
            with suppress(FileNotFoundError):
                if os.path.samestat(path.stat(), ours):
                    path.unlink()


def _clear(path: Path) -> None:
    """Remove a socket that a guardian which was killed left behind; refuse anything else that is there."""
    if not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        found = probe.connect_ex(str(path))
    if found != errno.ECONNREFUSED or not path.is_socket():
        raise DoorUnusable(shell.socket_taken(path))
    path.unlink()


def _open(path: Path, mode: int, group: str | None) -> None:
    try:
        if group is not None:
            shutil.chown(path, group=group)
        path.chmod(mode)
    except (OSError, LookupError) as error:
        raise DoorUnusable(shell.socket_unusable(path, str(error))) from error
