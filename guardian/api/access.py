"""Who is calling: the kernel says so for every connection, and nobody can say otherwise.

The mode and the group of the socket decide who may call at all, and whoever may call may steer. What a caller says about itself
(headers, body) is never asked. Names are true only where guardian sees the host's users: in a user namespace of its own (systemd's
``PrivateUsers=``) the kernel shows every other user as ``nobody``.
"""

import asyncio
import pwd
import socket
import struct

from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 256
"""Open at a time; more are hung up on, so that callers never use up the file descriptors that a rollback needs."""
FIRST_REQUEST_SECONDS = 5.0
"""A connection that has not asked for anything by then is closed."""
NAME_SECONDS = 0.5
"""How long an order waits for the name of its caller: the user database may be a directory server that is down."""

_UCRED = struct.Struct("iII")
"""``struct ucred`` of unix(7): process, user, group."""


class PeerProtocol(H11Protocol):
    """uvicorn's HTTP protocol, with the caller's uid as the client of every request.

    On a unix socket uvicorn leaves the ASGI scope's ``client`` empty, and does not pass on the connection that could be asked who
    its peer is. So that is asked here, once for each connection, and put where ASGI has the client's address: ``("uid", 1000)``.
    The uid is the one under which the peer called ``connect``.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it, too
        """Take a connection, and note whose it is."""
        super().connection_made(transport)
        peer = transport.get_extra_info("socket")
        _, uid, _ = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        self.client = ("uid", uid)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self.loop.call_later(FIRST_REQUEST_SECONDS, self._expect_request)

    def _expect_request(self) -> None:
        if self.cycle is None:
            self.transport.close()


async def caller(request: Request) -> str:
    """The user name of who sent ``request``, which came through a :class:`PeerProtocol`; ``uid 1234`` where it has none."""
    _, uid = request.scope["client"]
    try:
        async with asyncio.timeout(NAME_SECONDS):
            entry = await asyncio.to_thread(pwd.getpwuid, uid)
    except (KeyError, TimeoutError):
        return f"uid {uid}"
    return entry.pw_name
