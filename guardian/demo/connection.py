"""The server's end of one HTTP/1.1 connection: keep-alive, and pipelined requests answered one after the other."""

import asyncio
import socket
import struct
from collections.abc import Callable

from guardian.demo.wire import Reply, Request, WireError, render, take_request

AHEAD = 65_536
"""Bytes of further requests that a client may send while one is being answered, before nothing more is read."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """Takes requests and sends what ``reply`` says, when it says so; ``None`` leaves the request without an answer."""

    def __init__(self, reply: Callable[[Request], Reply | None], peers: "set[Connection]") -> None:
        self._reply = reply
        self._peers = peers
        self._buffer = bytearray()
        self._busy = False
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the open connections."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  what asyncio hands to a stream's protocol
        self._transport = transport
        self._peers.add(self)

    def data_received(self, data: bytes) -> None:
        """Answer the request, or keep it until the one before is answered."""
        self._buffer += data
        if not self._busy:
            self._next()
        elif len(self._buffer) > AHEAD:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """A client that has sent its last request still gets the answer."""
        self._ended = True
        return self._busy

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Leave the open connections; an answer still due is not sent."""
        self._peers.discard(self)
        self._busy = True
        if self._timer is not None:
            self._timer.cancel()

    def reset(self) -> None:
        """End the connection as a process that dies ends it: at once, with RST."""
        peer: socket.socket = self._transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    def _next(self) -> None:
        try:
            request = take_request(self._buffer)
        except WireError as error:
            self._busy = True
            self._send(None, Reply(error.status))
            return
        if request is None:
            self._transport.resume_reading()
            return
        self._busy = True
        reply = self._reply(request)
        if reply is not None:
            self._timer = asyncio.get_running_loop().call_later(reply.after, self._send, request, reply)

    def _send(self, request: Request | None, reply: Reply) -> None:
        self._transport.write(render(request, reply))
        if request is None or not request.keep_alive or reply.cut:
            self._transport.close()
            return
        self._busy = False
        self._next()
        if self._ended and not self._busy:
            self._transport.close()
