"""The client's end of one HTTP/1.1 connection: one request at a time, and what came of it."""

import asyncio
import re
from dataclasses import dataclass

from guardian.core.model import Environment

_STATUS = re.compile(rb"http/1\.[01] ([2-5]\d\d)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,12})\b")
_CLOSE = re.compile(rb"\r\nconnection: *close")
_IDENTIFIER = re.compile(rb"\r\nx-request-id: *(\S+)")
_ENVIRONMENT = re.compile(rb"\r\nx-environment: *(blue|green)\b")


class LostError(Exception):
    """No usable answer came over a connection. Raised by :meth:`Client.ask`."""

    def __init__(self, reason: str, *, silent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.silent = silent
        """Whether not a byte of an answer was seen: a client may then repeat an idempotent request (RFC 9110, 9.2.2)."""


@dataclass(frozen=True, slots=True)
class Received:
    """An answer, without its body."""

    status: int
    environment: Environment | None
    identifier: bytes | None
    """The request that it answers, where it says so."""
    last: bool
    """Whether the server ends the connection with it."""


class Client(asyncio.Protocol):
    """One connection to the server."""

    def __init__(self) -> None:
        self.usable = False
        """Whether another request may be sent."""
        self._buffer = bytearray()
        self._answer: asyncio.Future[Received] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for a request."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  what asyncio hands to a stream's protocol
        self._transport = transport
        self.usable = True

    async def ask(self, request: bytes) -> Received:
        """Send ``request`` and wait for its answer. :class:`LostError` when none comes; the caller sets the deadline."""
        self.usable = False
        self._buffer.clear()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        received = await self._answer
        self.usable = not received.last and not self._transport.is_closing()
        return received

    def close(self) -> None:
        """End the connection, whatever is still under way on it."""
        self.usable = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Collect the answer; what nobody asked for makes the connection unusable."""
        self._buffer += data
        if self._answer is None or self._answer.done():
            self.close()
            return
        self._settle(self._answer, ended=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer without a length ends here; any other is lost."""
        self.usable = False
        if self._answer is None or self._answer.done():
            return
        if self._buffer:
            self._settle(self._answer, ended=True)
        else:
            self._answer.set_exception(LostError("closed" if exc is None else "reset", silent=True))

    def _settle(self, answer: asyncio.Future[Received], *, ended: bool) -> None:
        try:
            received = read_answer(self._buffer, ended=ended)
        except LostError as error:
            answer.set_exception(error)
        else:
            if received is not None:
                answer.set_result(received)


def read_answer(buffer: bytearray, *, ended: bool) -> Received | None:
    """The answer that ``buffer`` holds, or ``None`` while it is incomplete; ``ended`` when nothing more will come.

    :class:`LostError` when it is malformed, or ends before its length. Bodies in chunks are not read: nothing here sends them.
    """
    head, blank, body = buffer.partition(b"\r\n\r\n")
    if blank:
        head = head.lower()
        status, length, last = _STATUS.match(head), _LENGTH.search(head), _CLOSE.search(head) is not None
        if status is None or (not length and not last) or (length and len(body) > int(length[1])):
            raise LostError("malformed")
        if len(body) == int(length[1]) if length else ended:
            environment, identifier = _ENVIRONMENT.search(head), _IDENTIFIER.search(head)
            return Received(
                status=int(status[1]),
                environment=Environment(environment[1].decode()) if environment else None,
                identifier=identifier[1] if identifier else None,
                last=last,
            )
    if ended:
        raise LostError("closed")
    return None
