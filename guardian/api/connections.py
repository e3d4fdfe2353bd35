"""uvicorn's HTTP protocol, bounded: so many connections, and none that asks for nothing. On the unix socket it knows its peer."""

import array
import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 256
"""Open at a time; more are hung up on, so that callers never use up the file descriptors that a rollback needs."""
MOST_BY_TCP = 192
"""Of them, by TCP, where anybody can connect: whoever takes them all leaves the unix socket to the people on this host."""
MOST_HANDSHAKES = 64
"""TLS handshakes at a time, besides."""
HANDSHAKE_SECONDS = 5.0
FIRST_REQUEST_SECONDS = 5.0
"""A connection that has not asked for anything by then is closed."""
NEXT_REQUEST_SECONDS = 10.0
"""The same after an answer; without a word from the client the connection ends sooner."""
UNREAD_SECONDS = 60.0
"""An answer of which nothing more is taken for so long is thrown away, and the connection with it."""

_UCRED = struct.Struct("iII")
"""``struct ucred`` of unix(7): process, user, group."""
_SO_PEERGROUPS = 59
"""``asm-generic/socket.h``; Python has no name for it."""
_MOST_GROUPS = 65536
"""``NGROUPS_MAX``."""


Handshakes: TypeAlias = set[asyncio.Task[None]]


class BoundedProtocol(H11Protocol):
    """One connection among a bounded number of others. Nobody keeps it without asking, or without listening."""

    _waiting: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def most(self) -> int:
        """How many there may be with this one."""
        return MOST_BY_TCP

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it, too
        """Take a connection, or hang up."""
        super().connection_made(transport)
        if len(self.connections) > self.most():
            transport.abort()
        else:
            self._expect_request(FIRST_REQUEST_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        for timer in filter(None, (self._waiting, self._unread)):
            timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Expect the next request: uvicorn does so only until a first byte of it is there."""
        self._expect_request(NEXT_REQUEST_SECONDS)
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Expect the client to take what is written."""
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        if self._unread:
            self._unread.cancel()

    def _expect_request(self, seconds: float) -> None:
        if self._waiting:
            self._waiting.cancel()
        self._waiting = self.loop.call_later(seconds, self._miss_request, self.cycle)

    def _miss_request(self, last: object) -> None:
        if self.cycle is last:
            self.transport.close()
            self._expect_reading()

    def _expect_reading(self) -> None:
        if self._unread:
            self._unread.cancel()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self._miss_reading, self.transport.get_write_buffer_size())

    def _miss_reading(self, left: int) -> None:
        if self.transport.get_write_buffer_size() < left:
            self._expect_reading()
        else:
            self.transport.abort()


class PeerProtocol(BoundedProtocol):
    """A connection through the unix socket, with the peer's uid as the client of every request, and its groups beside.

    On a unix socket uvicorn leaves the ASGI scope's ``client`` empty, and does not pass on the connection that could be asked who
    its peer is. So that is asked here, once for each connection, and put where ASGI has the client's address: ``("uid", 1000)``.
    Both are those under which the peer called ``connect``.
    """

    def most(self) -> int:
        """All of them."""
        return MOST_CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as above
        """Take a connection, and note whose it is."""
        super().connection_made(transport)
        peer = transport.get_extra_info("socket")
        _, uid, gid = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        self.client = ("uid", uid)
        self.app_state = {**self.app_state, "groups": frozenset({gid, *_groups(peer)})}


def _groups(peer: socket.socket) -> "array.array[int]":
    """The further groups of who called ``connect``."""
    groups = array.array("I")
    size = 64
    while size <= _MOST_GROUPS:
        with suppress(OSError):  # ERANGE: there are more
            groups.frombytes(peer.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, size * groups.itemsize))
            break
        size *= 4
    return groups


class Doorman(asyncio.Protocol):
    """Takes a TCP connection as far as its TLS handshake, within a bound on their number and on their time."""

    def __init__(self, inside: Callable[[], asyncio.Protocol], context: ssl.SSLContext | None, waiting: Handshakes) -> None:
        """``inside`` makes who talks to the client afterwards; ``waiting`` are the handshakes of all doormen."""
        self._inside, self._context, self._waiting = inside, context, waiting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or hang up."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  a connection is one
        if self._context is None:
            protocol = self._inside()
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
        elif len(self._waiting) >= MOST_HANDSHAKES:
            transport.abort()
        else:
            transport.pause_reading()
            task = asyncio.get_running_loop().create_task(self._shake_hands(transport, self._context), name="handshake")
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _shake_hands(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        arrived, loop = _Antechamber(), asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(transport, arrived, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS)
        except (OSError, TimeoutError):  # what they said is no TLS, or too old, or too slow
            transport.abort()
            return
        if secured is not None:  # they may have left
            arrived.show_in(self._inside(), secured)


class _Antechamber(asyncio.Protocol):
    """Keeps what arrives between the end of a handshake and the moment at which it can be told who is to have it."""

    def __init__(self) -> None:
        self._data: list[bytes] = []
        self._left: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self._data.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._left.append(exc)

    def show_in(self, protocol: asyncio.Protocol, transport: asyncio.Transport) -> None:
        """Hand over to ``protocol`` what came, and what comes."""
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        for data in self._data:
            protocol.data_received(data)
        for error in self._left:
            protocol.connection_lost(error)
