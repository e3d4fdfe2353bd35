"""urllib3's connections, cut from another thread: its time-outs are for one read each, so drops are waited for without end."""

import contextlib
import functools
import socket
from typing import Any

from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class Knife:
    """Cuts the connection that is in use, of pools that one thread uses."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._over = False

    def cut(self) -> None:
        """End the request that is under way: its thread gets an error, at the latest as soon as it is connected."""
        self._over = True
        if self._socket is not None:
            _shut(self._socket)

    def reopen(self) -> None:
        """Let requests through again after :meth:`cut`. Not while one is under way."""
        self._over = False

    def arm(self, pool: HTTPConnectionPool) -> HTTPConnectionPool:
        """``pool``, whose connections can be cut from now on."""
        kind = _Secured if pool.scheme == "https" else _Plain
        pool.ConnectionCls = functools.partial(kind, self)  # type: ignore[assignment]  # it is only ever called
        return pool

    def hold(self, connected: socket.socket) -> None:
        """Have this one cut from now on."""
        self._socket = connected
        if self._over:
            _shut(connected)


class _Plain(HTTPConnection):
    """A connection that shows its socket as soon as it has one."""

    def __init__(self, knife: Knife, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._knife = knife

    def connect(self) -> None:
        """Connect within the time-out, which the handshake of TLS has as a whole."""
        super().connect()
        self._knife.hold(self.sock)


class _Secured(_Plain, HTTPSConnection):
    """The same with TLS."""


def _shut(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Past TLS, whose own shutdown would pull the session away from under the thread that reads.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
